"""What the generated tests of all routes need to know: for each route with parameters, an object in an office.

A row of EXAMPLES is `endpoint: function(db, office) -> Example`. The function makes the object that the address is
about in that office and says what fills the address. A new route with parameters needs a row here; one without needs
a row only when a form that it takes says which object it is about.
"""

from __future__ import annotations

import hashlib
import itertools
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.orm import Session

from app import clock, files
from app.calendars import services as calendars
from app.certificates.models import NumberBlock
from app.courses import media
from app.offices.models import Agency, Classroom, Closure, Country, Equipment, Holiday, Office, Seat
from app.online.views import token_for
from app.ops.models import BackgroundJob
from app.people.models import Person
from app.policy import Role
from app.quizzes import paper
from app.quizzes.models import Incident, PracticalWork
from app.runs.models import CourseRun, Enrolment
from app.schedule import assignments, checkin
from app.schedule.models import Meeting, Presence, RoomBlocking, SessionSeat, SessionSlot
from app.sync import staging
from app.sync.models import Exchange, PersonMerge
from app.trainers.models import Absence, TravelTime
from tests import factories
from tests.certificates import rows as certificates
from tests.online import rows as online
from tests.planning import rows as plans
from tests.quizzes import rows as quizzes
from tests.runs import rows as runs
from tests.schedule import rows as meetings
from tests.sync import desk_rows as desk
from tests.sync import node_rows as nodes


@dataclass(frozen=True)
class Example:
    """One object and the address parts that lead to it."""

    values: dict[str, Any] = field(default_factory=dict)
    owner: Person | None = None  # whose it is, for actions that are the owner's
    trainer: Person | None = None  # a trainer of the run it belongs to
    everywhere: bool = False  # belongs to no office: whoever may do this may do it to this
    country_wide: bool = False  # belongs to the country: what counts is a role over its topmost office
    seen_from_below: bool = False  # whoever has the role in an office below sees it too
    asks: str = ""  # the action that the view itself asks about the object: without it 404
    query: dict[str, str] = field(default_factory=dict)  # what stands behind the question mark
    form: dict[str, str] = field(default_factory=dict)  # what is sent: where the object is chosen in a form


Make = Callable[[Session, Office], Example]


# ---- offices and people ----------------------------------------------------------------------------------------------


def office(db: Session, office: Office) -> Example:
    """The office itself."""
    return Example({"office_id": office.id})


def region(db: Session, office: Office) -> Example:
    """The office itself, above all countries."""
    db.info["writing"] = True
    office.country_id = None
    db.flush()
    return Example({"office_id": office.id})


def classroom(db: Session, office: Office) -> Example:
    """A classroom of the office."""
    room: Classroom = factories.make_classroom(db, office)
    return Example({"classroom_id": room.id})


def class_server(db: Session, office: Office) -> Example:
    """A class server of the office that has joined."""
    return Example({"node_id": nodes.make_node(db, office, state="joined").id})


def invited_server(db: Session, office: Office) -> Example:
    """One that was invited."""
    return Example({"node_id": nodes.make_node(db, office).id})


def quarantined(db: Session, office: Office) -> Example:
    """One that was revoked, of which nothing has come since."""
    return Example({"node_id": nodes.make_node(db, office, state="revoked").id, "what": "refuse"})


def join_request(db: Session, office: Office) -> Example:
    """A class server that asks to join."""
    return Example({"request_id": nodes.make_request(db, nodes.make_node(db, office)).id})


def peer(db: Session, office: Office) -> Example:
    """A class server of the office, by its name."""
    return Example({"code": nodes.make_node(db, office, state="joined").code, "alarm": "fork"})


def exchange_receipt(db: Session, office: Office) -> Example:
    """A receipt that this centre gave a class server of the office."""
    code = nodes.make_node(db, office, state="joined").code
    return Example({"receipt_id": desk.a_receipt(db, by=db.info["node"], about=code).id})


def held(db: Session, office: Office) -> Example:
    """An entry of a class server of the office that is kept aside."""
    _, entry, _ = desk.conflict(db, office)
    return Example({"held_id": entry.id})


def two_files(db: Session, office: Office) -> Example:
    """Two files of the office."""
    one, other = factories.make_person(db, office), factories.make_person(db, office)
    return Example({"kept_id": one.id, "dropped_id": other.id}, asks="person.merge")


def merged_files(db: Session, office: Office) -> Example:
    """Two files of the office that were merged."""
    one, other = factories.make_person(db, office), factories.make_person(db, office)
    merge = factories.added(db, PersonMerge(dropped_id=other.id, kept_id=one.id, merged_at=clock.now(), merged_by=one.id))
    return Example({"merge_id": merge.id})


def walk_in(db: Session, office: Office) -> Example:
    """Somebody of the office who is not confirmed."""
    return Example({"person_id": factories.make_person(db, office, provisional=True).id})


def agency(db: Session, office: Office) -> Example:
    """An agency of the office's country."""
    row: Agency = factories.added(
        db, Agency(country_id=office.country_id, code=f"X{str(office.id)[-8:]}", names={"en": "Border Service"})
    )
    return Example({"agency_id": row.id}, country_wide=True)


def seat(db: Session, office: Office) -> Example:
    """A seat of a classroom of the office."""
    room = factories.make_classroom(db, office)
    return Example({"seat_id": db.scalars(sa.select(Seat.id).where(Seat.classroom_id == room.id)).first()})


def person(db: Session, office: Office) -> Example:
    """Somebody who serves in the office."""
    somebody = factories.make_person(db, office)
    return Example({"person_id": somebody.id}, owner=somebody)


def grant(db: Session, office: Office) -> Example:
    """A role that somebody holds over the office."""
    somebody = factories.make_person(db, office)
    return Example({"grant_id": factories.give_role(db, somebody, Role.MANAGER, office).id}, owner=somebody)


def roster(_db: Session, office: Office) -> Example:
    """The people of the office, to be changed in a spreadsheet."""
    return Example(query={"office": str(office.id)})


# ---- courses, runs, tests --------------------------------------------------------------------------------------------


def version(db: Session, office: Office, **values: Any) -> Example:
    """A published course, which belongs to no office."""
    return Example({"version_id": quizzes.make_version(db).id} | values, everywhere=True)


def picture(db: Session, office: Office) -> Example:
    """A picture of a published course: for staff, and for those who learn it."""
    data = b"<svg xmlns='http://www.w3.org/2000/svg'/>"
    files.keep(Path(current_app.config["FOLDER"]) / media.FOLDER, data)
    kept = {"file": "a.svg", "licence": "own", "source": "own", "sha256": hashlib.sha256(data).hexdigest(), "width": 1, "height": 1}
    made = quizzes.make_version(db, quizzes.content(media=[kept]))
    return Example({"version_id": made.id, "file": "a.svg"}, everywhere=True, asks="course.list")


def run(db: Session, office: Office, seen_from_below: bool = False, **values: Any) -> Example:
    """A run that the office gives, with its trainer. Offices below see it, to nominate for it."""
    row = runs.make_run(db, office, quizzes.make_version(db))
    teacher = factories.make_staff(db, Role.TRAINER)
    runs.teach(db, row, teacher)
    return Example({"code": row.code} | values, trainer=teacher, seen_from_below=seen_from_below)


def nomination(db: Session, office: Office) -> Example:
    """Somebody of the office, nominated for its run."""
    row = runs.make_run(db, office, quizzes.make_version(db))
    somebody = factories.make_person(db, office)
    return Example({"code": row.code, "nomination_id": runs.make_nomination(db, row, somebody, office).id})


def member(db: Session, office: Office) -> Example:
    """Somebody in a run of the office."""
    row = runs.make_run(db, office, quizzes.make_version(db))
    return Example({"code": row.code, "enrolment_id": runs.enrol(db, row).id})


def learner(db: Session, office: Office, **values: Any) -> Example:
    """A trainee of a run of the office, and his own enrolment."""
    somebody = factories.make_person(db, office)
    row = quizzes.make_enrolment(db, quizzes.make_run(db, office=office), somebody)
    return Example({"enrolment_id": row.id} | values, owner=somebody)


def attempt(db: Session, office: Office, quiz: str = "post", **values: Any) -> Example:
    """A running attempt of a trainee of the office."""
    somebody = factories.make_person(db, office)
    enrolment = quizzes.make_enrolment(db, quizzes.make_run(db, office=office), somebody)
    return Example({"attempt_id": quizzes.make_attempt(db, enrolment, quiz).id} | values, owner=somebody)


def handed_in(db: Session, office: Office) -> Example:
    """An attempt that is over, with its result."""
    somebody = factories.make_person(db, office)
    enrolment = quizzes.make_enrolment(db, quizzes.make_run(db, office=office), somebody)
    row = quizzes.make_attempt(db, enrolment)
    db.info["writing"] = True
    quizzes.Tab(db, row.id).hands_in()
    return Example({"attempt_id": row.id}, owner=somebody)


def meeting(db: Session, office: Office, seen_from_below: bool = False, line: bool = False) -> Example:
    """A meeting of a run of the office, or one line of it."""
    row = runs.make_run(db, office, quizzes.make_version(db))
    teacher = factories.make_staff(db, Role.TRAINER)
    runs.teach(db, row, teacher)
    held = meetings.make_meeting(db, row)
    item = meetings.make_item(db, held, kind="break", ref=None, who=None)
    values = {"code": row.code, "meeting_id": held.id} | ({"item_id": item.id} if line else {})
    return Example(values, trainer=teacher, seen_from_below=seen_from_below)


def online_room(db: Session, office: Office, link: bool = False) -> Example:
    """A meeting of the office's run that is held online now, with somebody who takes part and its trainer."""
    now = clock.now()
    row = runs.make_run(db, office, quizzes.make_version(db))
    teacher, somebody = factories.make_staff(db, Role.TRAINER), factories.make_person(db, office)
    runs.teach(db, row, teacher)
    runs.enrol(db, row, somebody)
    held = meetings.make_meeting(db, row, day=now.date(), starts_at=now, ends_at=now + timedelta(hours=1), link="https://meet.example/room")
    values = {"token": token_for(held.id, somebody.id)} if link else {"meeting_id": held.id}
    return Example(values, owner=somebody, trainer=teacher)


def with_phones(db: Session, office: Office, scanned: bool = False) -> Example:
    """A meeting of the office's run at which people check in by phone, or the code of it."""
    made = online_room(db, office)
    held = db.get_one(Meeting, made.values["meeting_id"])
    row = db.get_one(CourseRun, held.run_id)
    held.session_id = online.make_session(db, row, allows_phones=True).id
    db.flush()
    if scanned:
        return Example({"token": checkin.code_at(current_app.config["SECRET_KEY"], held.id, clock.now())}, everywhere=True)
    enrolment = db.scalars(sa.select(Enrolment).where(Enrolment.run_id == row.id)).one()
    factories.added(db, Presence(meeting_id=held.id, enrolment_id=enrolment.id, what="scanned", at=clock.now()))
    values = {"code": row.code, "meeting_id": held.id, "enrolment_id": enrolment.id}
    return Example(values, trainer=made.trainer, form={"reason": "Not in the room"})


def timetabled(db: Session, office: Office, **values: Any) -> Example:
    """A run of the office that has a meeting."""
    row = runs.make_run(db, office, quizzes.make_version(db))
    teacher = factories.make_staff(db, Role.TRAINER)
    runs.teach(db, row, teacher)
    meetings.make_meeting(db, row)
    return Example({"code": row.code}, trainer=teacher, **values)


def taught(db: Session, office: Office, person: bool = False, **values: Any) -> Example:
    """A run of the office with a practical, its trainer, and somebody in it."""
    row = quizzes.make_run(db, quizzes.content(practicals=[quizzes.PRACTICAL]), office)
    teacher = factories.make_staff(db, Role.TRAINER)
    runs.teach(db, row, teacher)
    enrolment = quizzes.make_enrolment(db, row)
    return Example({"code": row.code} | ({"enrolment_id": enrolment.id} if person else {}) | values, trainer=teacher)


def asked_for(db: Session, office: Office) -> Example:
    """A trainer of the office whom another country asks for."""
    session = plans.make_session(db)
    trainer = plans.make_trainer(db, office)
    slot = db.scalars(sa.select(SessionSlot).where(SessionSlot.session_id == session.id)).one()
    row = assignments.request(db, slot, db.get_one(Person, trainer.person_id), by=factories.make_person(db).id, now=clock.now())
    return Example({"assignment_id": row.id})


def planned(db: Session, office: Office, part: str = "") -> Example:
    """A released session of the office with a trainer; `part`: its slot, its assignment, or a batch of its mails fill the address too."""
    session = plans.make_session(db, runs.make_run(db, office=office), slots=("lead", "co"), state="released", released_at=clock.now())
    person = factories.make_staff(db, Role.TRAINER)
    plans.make_trainer(db, office, person)
    slots = list(db.scalars(sa.select(SessionSlot).where(SessionSlot.session_id == session.id).order_by(SessionSlot.number)))
    row = assignments.assign(db, slots[0], person, by=person.id, now=clock.now())
    if part == "batch":
        return Example({"batch": plans.make_told(db, session, person).batch})
    more = {"": {}, "slot": {"slot_id": slots[1].id}, "assignment": {"assignment_id": row.id}}[part]
    form = {"trainer": str(plans.make_trainer(db, office).id), "how": "assign"} if part == "slot" else {}
    return Example({"code": session.code, **more}, trainer=person, form=form)


def doer(db: Session, office: Office) -> Example:
    """Somebody of a run of the office who has a practical to do."""
    somebody = factories.make_person(db, office)
    row = quizzes.make_enrolment(db, quizzes.make_run(db, quizzes.content(practicals=[quizzes.PRACTICAL]), office), somebody)
    return Example({"enrolment_id": row.id, "practical": "search-car"}, owner=somebody)


def written_answer(db: Session, office: Office) -> Example:
    """An answer in whole sentences that waits for a trainer of the office's run."""
    row = quizzes.make_run(db, quizzes.written_content(), office)
    teacher = factories.make_staff(db, Role.TRAINER)
    runs.teach(db, row, teacher)
    attempt = quizzes.make_attempt(db, quizzes.make_enrolment(db, row), "essay")
    tab = quizzes.Tab(db, attempt.id)
    tab.saves("essay-1", {"text": "The circle closes."})
    tab.hands_in()
    return Example({"code": row.code, "attempt_id": attempt.id, "question": "essay-1"}, trainer=teacher)


def work(db: Session, office: Office) -> Example:
    """A file that a trainee of the office has handed in."""
    made = doer(db, office)
    enrolment = db.get_one(Enrolment, made.values["enrolment_id"])
    teacher = factories.make_staff(db, Role.TRAINER)
    runs.teach(db, db.get_one(CourseRun, enrolment.run_id), teacher)
    sha256 = files.keep(Path(current_app.config["FOLDER"]) / "practicals", b"a;b")
    row = factories.added(
        db,
        PracticalWork(
            enrolment_id=enrolment.id, practical="search-car", number=1, values={}, file_sha256=sha256, file_name="a.csv", channel="pc",
            by_id=enrolment.person_id, at=clock.now(),
        ),
    )
    return Example({"work_id": row.id}, owner=made.owner, trainer=teacher)


def class_day(db: Session, office: Office, **values: Any) -> Example:
    """A day of a run in a classroom of the office, with somebody in class and an outage that waits."""
    room = factories.make_classroom(db, office)
    row = runs.make_run(db, office, quizzes.make_version(db), classroom_id=room.id)
    teacher = factories.make_staff(db, Role.TRAINER)
    runs.teach(db, row, teacher)
    incident = factories.added(db, Incident(run_id=row.id, kind="outage", from_at=factories.a_moment(), noticed_at=factories.a_moment()))
    seat = db.scalars(sa.select(Seat.id).where(Seat.classroom_id == room.id)).first()
    made = {"code": row.code, "day": runs.STARTS.isoformat(), "seat_id": seat, "enrolment_id": runs.enrol(db, row).id, "incident_id": incident.id}
    return Example(made | values, trainer=teacher)


def paper_test(db: Session, office: Office) -> Example:
    """A test of a run of the office, printed on paper, with somebody's sheet."""
    row = quizzes.make_run(db, office=office)
    teacher = factories.make_staff(db, Role.TRAINER)
    runs.teach(db, row, teacher)
    made = paper.make_set(db, row, quiz="pre", variants=1, by=teacher.id, now=factories.a_moment())[0]
    enrolment = quizzes.make_enrolment(db, row)
    return Example({"code": row.code, "quiz": "pre", "nth": 1, "test": made.code, "enrolment_id": enrolment.id}, trainer=teacher)


def kept_room(db: Session, office: Office) -> Example:
    """A classroom of the office with a seat and a piece of equipment."""
    room = factories.make_classroom(db, office)
    piece = factories.added(db, Equipment(classroom_id=room.id, kind="projector", name="Epson"))
    seat = db.scalars(sa.select(Seat.id).where(Seat.classroom_id == room.id)).first()
    return Example({"classroom_id": room.id, "equipment_id": piece.id, "seat_id": seat})


# ---- certificates ----------------------------------------------------------------------------------------------------


def certificate(db: Session, office: Office, **values: Any) -> Example:
    """A certificate of somebody in a run of the office."""
    country = db.get_one(Country, office.country_id)
    row = certificates.make_ended_run(db, office, people=1)
    if not db.scalar(sa.select(sa.func.count()).where(NumberBlock.country_code == country.code)):
        certificates.make_block(db, office)
    paper = certificates.issue(db, row, Path(KEYS.name))[0]
    holder = db.scalars(sa.select(Person).join(Enrolment).where(Enrolment.id == paper.enrolment_id)).one()
    key = paper.payload.split("k=")[1].split("#")[0]
    return Example({"id": paper.id, "code": row.code, "number": paper.number} | values, owner=holder, query={"k": key})


def checked(db: Session, office: Office) -> Example:
    """A certificate that somebody outside looks up: anybody may."""
    return replace(certificate(db, office), everywhere=True)


def ended_run(db: Session, office: Office) -> Example:
    """A run of the office that is over, whose people can get certificates."""
    return Example({"code": certificates.make_ended_run(db, office, people=1).code})


def block(db: Session, office: Office) -> Example:
    """A block of certificate numbers of the office's country."""
    first = 5000 + 20 * next(_count)
    return Example({"block_id": certificates.make_block(db, office, first=first, last=first + 9).id}, country_wide=True)


def new_block(db: Session, office: Office) -> Example:
    """The country that a new block of certificate numbers is for."""
    return Example(form={"country": db.get_one(Country, office.country_id).code}, country_wide=True)


_count = itertools.count()


def signatory(db: Session, office: Office) -> Example:
    """Somebody who signs certificates of the office."""
    return Example({"signatory_id": certificates.make_signatory(db, office).id})


def new_signatory(_db: Session, office: Office) -> Example:
    """The office that somebody new shall sign for."""
    return Example(form={"office": str(office.id)})


def figure(_db: Session, office: Office) -> Example:
    """The people behind a figure of the office."""
    return Example(query={"of": "roster", "by": "office", "row": office.code})


KEYS = tempfile.TemporaryDirectory()  # the signing keys of these certificates; gone at the end


def pool_member(db: Session, office: Office, **values: Any) -> Example:
    """A trainer whose home is the office."""
    trainer = plans.make_trainer(db, office)
    return Example({"trainer_id": trainer.id, **values}, owner=db.get_one(Person, trainer.person_id))


def known_member(db: Session, office: Office) -> Example:
    """A trainer of the office who agreed to nothing: who does not know him without that finds no card."""
    return replace(pool_member(db, office), asks="trainer.know")


def stated_way(db: Session, office: Office) -> Example:
    """A way between the office and one that is nobody's."""
    return Example({"way_id": factories.added(db, TravelTime(from_office_id=office.id, to_office_id=factories.make_office(db).id, days=1)).id})


def anywhere(_db: Session, _office: Office, **values: Any) -> Example:
    """A part of the address that names no object."""
    return Example(values, everywhere=True)


def background_job(db: Session, office: Office, with_file: bool = False) -> Example:
    """Work that somebody of the office asked for."""
    somebody = factories.make_person(db, office)
    result = {"file": files.keep(Path(current_app.config["FOLDER"]) / "made", b"a"), "name": "a.csv"} if with_file else None
    job = BackgroundJob(kind="staff-import", params={"name": "a"}, person_id=somebody.id, language="en", made_at=clock.now(), result=result)
    db.add(job)
    db.flush()
    return Example({"job_id": job.id}, owner=somebody)


def on_its_way(_db: Session, _office: Office) -> Example:
    """A bundle of which nobody has sent anything."""
    return Example({"bundle": "0" * 32}, everywhere=True)


def bundle_as_file(db: Session, office: Office) -> Example:
    """A bundle for a class server of the office, which waits as a file."""
    code = nodes.make_node(db, office, state="joined").code
    line = factories.added(db, Exchange(peer=code, direction="out", way="stick", bundle="0" * 32, at=clock.now(), place=next(_places), state="made"))
    place = staging.Place(staging.of(Path(current_app.config["FOLDER"]), code).folder, "by-hand-example")
    place.folder.mkdir(parents=True, exist_ok=True)
    made = place.folder / "made"
    made.write_bytes(b"a bundle")
    place.keep(made, line.bundle, sha256=hashlib.sha256(b"a bundle").hexdigest(), exchange=str(line.id), number=line.place)
    return Example({"exchange_id": line.id})


_places = itertools.count(1)


def an_upload(_db: Session, _office: Office) -> Example:
    """A file that nobody has sent: who asks is told so."""
    return Example({"token": "a" * 32}, everywhere=True)


def offered(db: Session, office: Office) -> Example:
    """An offer of a slot in a session of the office, to somebody of the pool."""
    session = plans.make_session(db, run=runs.make_run(db, office=office))
    trainer = plans.make_trainer(db)
    slot = db.scalars(sa.select(SessionSlot).where(SessionSlot.session_id == session.id)).one()
    person = db.get_one(Person, trainer.person_id)
    assignment = assignments.offer(db, slot, person, by=factories.make_person(db, office).id, now=clock.now())
    return Example({"assignment_id": assignment.id}, owner=person)


def subscribed(db: Session, office: Office) -> Example:
    """The address of somebody's calendar."""
    db.info["writing"] = True
    return Example({"token": calendars.make_address(db, factories.make_person(db, office).id, now=clock.now())})


def drafted(db: Session, office: Office, part: str = "") -> Example:
    """A draft session of the office; `part`: its free slot, its meeting or somebody's seat fills the address too."""
    session = plans.make_session(db, runs.make_run(db, office=office), meetings=1)
    values: dict[str, Any] = {"code": session.code}
    if part == "slot":
        values["slot_id"] = db.scalars(sa.select(SessionSlot.id).where(SessionSlot.session_id == session.id)).one()
    if part == "meeting":
        values["meeting_id"] = db.scalars(sa.select(Meeting.id).where(Meeting.session_id == session.id)).one()
    if part in ("seat", "list"):
        person = factories.make_person(db, office)
        runs.enrol(db, db.get_one(CourseRun, session.run_id), person, office)
        seat = factories.added(
            db, SessionSeat(session_id=session.id, person_id=person.id, agency_id=person.agency_id, state="seated", place=1, since=clock.now()),
        )
        return Example(values if part == "list" else values | {"seat_id": seat.id})
    return Example(values)


def check_of_trainers(_db: Session, _office: Office) -> Example:
    """One of the constraints, which belong to no office."""
    return Example({"code": "T8"}, everywhere=True)


def own_seat(db: Session, office: Office) -> Example:
    """Somebody's own seat in a released session."""
    session = plans.make_session(db, runs.make_run(db, office=office), state="released")
    person = factories.make_person(db, office)
    seat = factories.added(
        db, SessionSeat(session_id=session.id, person_id=person.id, agency_id=person.agency_id, state="seated", place=1, since=clock.now()),
    )
    return Example({"seat_id": seat.id}, owner=person)


_another_day = itertools.count()


def day_off(db: Session, office: Office, kind: str) -> Example:
    """A closure of the office, a holiday of its country, a blocking of its classroom, an absence of its officer."""
    if kind == "closure":
        row = factories.added(db, Closure(office_id=office.id, first_day=runs.STARTS, last_day=runs.STARTS, reason="Repairs"))
        return Example({"closure_id": row.id})
    if kind == "holiday":
        row = factories.added(db, Holiday(country_id=office.country_id, day=runs.STARTS + timedelta(days=next(_another_day)), names={"en": "Holiday"}))
        return Example({"holiday_id": row.id}, country_wide=True)
    if kind == "blocking":
        room = factories.make_classroom(db, office)
        row = factories.added(db, RoomBlocking(classroom_id=room.id, starts_at=plans.MONDAY, ends_at=plans.MONDAY + timedelta(hours=4), reason="Repairs"))
        return Example({"blocking_id": row.id})
    person = factories.make_person(db, office)
    row = factories.added(db, Absence(person_id=person.id, kind="leave", starts_at=plans.MONDAY, ends_at=plans.MONDAY + timedelta(hours=4), zone="Asia/Almaty"))
    return Example({"absence_id": row.id})


EXAMPLES: dict[str, Make] = {
    # sticks
    "stick.file": bundle_as_file,
    "stick.download": bundle_as_file,
    "stick.left": bundle_as_file,
    "stick.paper": bundle_as_file,
    "stick.uploaded": an_upload,
    "nodes.node": class_server,
    "nodes.another_code": invited_server,
    "nodes.revoke": class_server,
    "nodes.quarantine": quarantined,
    "nodes.accept": join_request,
    "nodes.turn_down": join_request,
    # the exchange, the intake desk, doubles
    "exchange.peer": peer,
    "exchange.look_into": peer,
    "exchange.receipt": exchange_receipt,
    "intake.entry": held,
    "intake.set_aside": held,
    "intake.again": held,
    "intake.take_in": held,
    "merging.compare": two_files,
    "merging.merge": two_files,
    "merging.apart": two_files,
    "merging.undo": merged_files,
    "merging.confirm": walk_in,
    # background work
    "jobs.page": background_job,
    "jobs.stop": background_job,
    "jobs.again": background_job,
    "jobs.made": partial(background_job, with_file=True),
    # offices
    "offices.confirm_seat": seat,
    "offices.enrol_seat": seat,
    "offices.end_seat": seat,
    "tree.office": office,
    "tree.add_office": office,
    "tree.add_country": region,
    "tree.edit_office": office,
    "tree.add_classroom": office,
    "tree.edit_classroom": classroom,
    "tree.edit_agency": agency,
    # people
    "register.index": partial(anywhere, stage="left"),
    "register.person": person,
    "register.rename": person,
    "register.move": person,
    "register.leave": person,
    "erasing.erase": person,
    "register.give_role": person,
    "register.reset_password": person,
    "register.end_role": grant,
    "register_import.present": roster,
    "register_import.check": partial(anywhere, token="nobodys"),
    "register_import.bad": partial(anywhere, token="nobodys"),
    "register_import.reading": partial(anywhere, token="nobodys"),
    "register_import.settle": partial(anywhere, token="nobodys"),
    "register_import.fix": partial(anywhere, token="nobodys"),
    "register_import.take": partial(anywhere, token="nobodys"),
    "register_import.drop": partial(anywhere, token="nobodys"),
    "lists.choose_columns": partial(anywhere, name="people"),
    # courses
    "courses.version": version,
    "courses.preview": partial(version, lesson="zones", page=1),
    "courses.questions": partial(version, module="m1"),
    "courses.media": picture,
    "courses.course": learner,
    "courses.page": partial(learner, lesson="zones", page=1),
    "courses.turn_page": partial(learner, lesson="zones", page=1),
    # runs
    "runs.page": partial(run, seen_from_below=True),
    "runs.change": run,
    "runs.save_change": run,
    "runs.cancel": run,
    "handover.page": run,
    "handover.save": run,
    "runs.close": run,
    "runs.save_close": run,
    "runs.reopen": run,
    "runs.save_reopen": run,
    "runs.nominate": partial(run, seen_from_below=True),
    "runs.save_nominate": partial(run, seen_from_below=True),
    "runs.nominations": partial(run, seen_from_below=True),
    "runs.decide": run,
    "runs.withdraw": nomination,
    "runs.save_withdraw": nomination,
    "runs.sheet": partial(run, seen_from_below=True),
    "runs.slips": run,
    "runs.print_slips": run,
    "runs.slip": member,
    "runs.print_slip": member,
    # meetings
    "schedule.timetable": partial(run, seen_from_below=True),
    "schedule.take_over": run,
    "schedule.undo": timetabled,
    "schedule.add": run,
    "schedule.save_add": run,
    "schedule.paper": partial(timetabled, seen_from_below=True),
    "schedule.meeting": partial(meeting, seen_from_below=True),
    "schedule.change": meeting,
    "schedule.add_line": meeting,
    "schedule.change_line": partial(meeting, line=True),
    "schedule.cancel": meeting,
    "schedule.save_cancel": meeting,
    "schedule.restore": meeting,
    "schedule.taught": meeting,
    "schedule.roll": meeting,
    "schedule.take_roll": meeting,
    "schedule.close": meeting,
    "schedule.save_close": meeting,
    "schedule.attendance": partial(run, seen_from_below=True),
    "schedule.sheet": timetabled,
    "schedule.key": timetabled,
    "schedule.key_in": timetabled,
    "schedule.lessons": run,
    "schedule.screen": partial(run, lesson="zones", page=1),
    "schedule.project": partial(run, lesson="zones", page=1),
    "schedule.end": run,
    "schedule.now_shown": run,
    "schedule.follow": learner,
    "schedule.follow_go": learner,
    # online rooms
    **{f"online.{name}": online_room for name in ("door", "press", "wait", "ready")},
    "online.enter": partial(online_room, link=True),
    **{f"schedule.{name}": with_phones for name in ("check_in", "check_in_now", "checked_in", "refuse_scan")},
    "schedule.scan": partial(with_phones, scanned=True),
    "schedule.scan_in": partial(with_phones, scanned=True),
    # the class day
    **{
        f"classday.{name}": class_day for name in (
            "run", "day", "live", "check", "save_check", "note_step", "lines", "add_line", "mark_seat", "close", "save_close", "back_up",
            "papers", "minutes", "seats", "save_seats", "seats_paper", "walk_in", "register", "slip", "new_slip", "choose", "resume_outage",
        )
    },
    **{
        f"classday.{name}": kept_room for name in (
            "room", "room_paper", "keep_room", "save_room", "keep_seat_state", "new_equipment", "save_new_equipment", "equipment", "save_equipment",
        )
    },
    **{f"classday.{name}": partial(class_day, quiz="pre") for name in ("start_test", "end_test", "save_end_test")},
    **{f"classday.{name}": partial(class_day, deed="pause") for name in ("ask", "act")},
    # feedback
    "feedback.form": learner,
    "feedback.give": learner,
    "feedback.summary": run,
    "feedback.blank": run,
    "feedback.keying": run,
    "feedback.key_in": run,
    # the session report
    "runs.report": partial(run, seen_from_below=True),
    "runs.report_paper": partial(run, seen_from_below=True),
    "runs.make_report": run,
    "runs.receive_report": run,
    # tests on paper
    "quizzes.paper_tests": paper_test,
    "quizzes.make_paper": paper_test,
    "quizzes.booklets": paper_test,
    "quizzes.answer_sheets": paper_test,
    "quizzes.answer_key": paper_test,
    "quizzes.find_sheet": paper_test,
    "quizzes.keying": paper_test,
    "quizzes.key_sheet": paper_test,
    "quizzes.paper_sheet": paper_test,
    "quizzes.settle_sheet": paper_test,
    "quizzes.take_sheet": paper_test,
    # certificates
    "certificates.page": certificate,
    "certificates.paper": certificate,
    "certificates.change": partial(certificate, deed="revoke"),
    "certificates.replace": certificate,
    "certificates.of_run": ended_run,
    "certificates.issue": ended_run,
    "certificates.preview": ended_run,
    "certificates.print_run": certificate,
    "certificates.print_in_background": certificate,
    "certificates.verify": checked,
    "certificates.give_block": new_block,
    "certificates.close_block": block,
    "certificates.save_signatory": new_signatory,
    "certificates.end_signatory": signatory,
    # the exchange over a line: who asks is proven by a signature, and there is one folder for each class server
    "wire.arrived": on_its_way,
    "wire.piece": on_its_way,
    "wire.fetch": on_its_way,
    # the pool
    "trainers.card": known_member,
    "trainers.change": partial(pool_member, deed="leave"),
    "trainers.nominate": person,
    "trainers.forget_way": stated_way,
    "trainers.state": partial(anywhere, deed="consent"),
    # offers and calendars
    **{f"notices.{name}": offered for name in ("offer", "accept", "decline", "propose")},
    "notices.proposal": offered,
    "calendars.read": subscribed,
    # reports
    "reports.behind": figure,
    # tests
    "quizzes.practice": partial(attempt, quiz="play"),
    "quizzes.check_practice": partial(attempt, quiz="play", number=1),
    "quizzes.marking_queue": taught,
    "quizzes.mark_answer": written_answer,
    "quizzes.save_answer_mark": written_answer,
    "quizzes.remark": partial(taught, question="seal-1"),
    "quizzes.save_remark": partial(taught, question="seal-1"),
    "quizzes.attempts_of_run": taught,
    "quizzes.grant": partial(taught, person=True, quiz="post"),
    "quizzes.save_grant": partial(taught, person=True, quiz="post"),
    "quizzes.debriefs": taught,
    "quizzes.debrief": partial(taught, quiz="post"),
    "quizzes.remedial": partial(taught, quiz="post"),
    "quizzes.practical": doer,
    "quizzes.hand_in_practical": doer,
    "quizzes.work_file": work,
    "quizzes.practicals": taught,
    "quizzes.mark_practical": partial(taught, person=True, practical="search-car"),
    "quizzes.save_practical_mark": partial(taught, person=True, practical="search-car"),
    "quizzes.practical_paper": partial(taught, practical="search-car", sheet="task"),
    "quizzes.test": partial(learner, quiz="pre"),
    "quizzes.start": partial(learner, quiz="pre"),
    "quizzes.attempt": partial(attempt, number=1),
    "quizzes.answer_by_form": partial(attempt, number=1),
    "quizzes.save": partial(attempt, number=1),
    "quizzes.beat": attempt,
    "quizzes.hand_in": attempt,
    "quizzes.hand": attempt,
    "quizzes.attempt_ready": attempt,
    "quizzes.test_ready": partial(learner, quiz="pre"),
    "quizzes.switch_language": attempt,
    "quizzes.open_for_writing": attempt,
    "quizzes.summary": partial(attempt, number=1),
    "quizzes.result": handed_in,
    **{f"planning.{name}": planned for name in ("session", "release", "save_release", "trainers_order", "save_trainers_order", "trainers_order_paper")},
    "planning.take": partial(planned, part="slot"),
    **{f"planning.{name}": partial(planned, part="assignment") for name in ("withdraw", "no_wait", "override")},
    **{f"planning.{name}": partial(planned, part="batch") for name in ("send", "drop", "again", "slips")},
    "planning.the_request_page": asked_for,
    "planning.answer_request": asked_for,
    **{
        f"planning.{name}": drafted
        for name in (
            "edit", "save_edit", "add_slot", "cancel", "meetings", "add_meetings", "lay_out", "adopt", "series", "save_series", "seats", "seat_everybody",
            "put_on_list", "set_quotas", "give_order",
        )
    },
    "planning.order_paper": partial(drafted, part="list"),
    "planning.end_slot": partial(drafted, part="slot"),
    **{f"planning.{name}": partial(drafted, part="meeting") for name in ("meeting", "save_meeting", "drop_meeting")},
    "planning.take_off": partial(drafted, part="seat"),
    "planning.my_seat": own_seat,
    "planning.decline": own_seat,
    "planning.constraint": check_of_trainers,
    "planning.set_constraint": check_of_trainers,
    "planning.lift_closure": partial(day_off, kind="closure"),
    "planning.remove_holiday": partial(day_off, kind="holiday"),
    "planning.unblock_room": partial(day_off, kind="blocking"),
    "planning.take_back_absence": partial(day_off, kind="absence"),
}
