"""Verbs of runs: plan, nominate, decide, withdraw, issue slips, open, close, reopen. The caller is the edge or a job; nothing commits here."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.courses.models import CourseVersion
from app.db import take_write_lock
from app.errors import Conflict, Invalid, Message, say
from app.offices.models import Classroom, Office
from app.people.models import Person
from app.people.signing_in import end_pins, issue_pin
from app.runs import rules
from app.runs.models import CourseRun, Enrolment, Nomination, RunTrainer
from app.runs.queries import candidates, facts_of

# ---- the run ---------------------------------------------------------------------------------------------------------


def plan_run(
    db: Session, *, version: CourseVersion, office: Office, starts_on: date, ends_on: date, seats: int, by: uuid.UUID, now: datetime,
    classroom: Classroom | None = None, place: str = "", trainers: Sequence[Person] = (), note: str = "",
) -> CourseRun:
    """Plan a run of a course version. The first trainer leads; a run without a classroom names its place.

    Raises Invalid, with what is wrong at each field.
    """
    take_write_lock(db)
    _refuse_bad_plan(starts_on, ends_on, seats, classroom, place)
    if office.closed_on is not None and office.closed_on <= starts_on:
        raise Invalid(fields={"office": say("run", "This office is closed on that day.")})
    run = CourseRun(
        code=_next_code(db, starts_on.year), course_version_id=version.id, office_id=office.id,
        classroom_id=classroom.id if classroom else None, place=place.strip(), starts_on=starts_on, ends_on=ends_on,
        zone=office.zone, seats=seats, note=note.strip(),
    )
    db.add(run)
    db.flush()
    _set_trainers(db, run, trainers)
    db.flush()
    return run


def change_run(
    db: Session, run: CourseRun, *, starts_on: date, ends_on: date, seats: int, by: uuid.UUID, now: datetime,
    classroom: Classroom | None = None, place: str = "", trainers: Sequence[Person] = (), note: str = "",
) -> None:
    """Change dates, place, seats and trainers of a run that is not over. The course version stays.

    Raises Conflict when the run is closed or cancelled, Invalid when fewer seats are left than people sit on them.
    """
    take_write_lock(db)
    _must_be(run, "planned", "open")
    _refuse_bad_plan(starts_on, ends_on, seats, classroom, place)
    taken = _seated(db, run)
    if seats < taken:
        raise Invalid(fields={"seats": say("run", "{n} people in class are enrolled already.", n=taken)})
    run.starts_on, run.ends_on, run.seats = starts_on, ends_on, seats
    run.classroom_id, run.place, run.note = classroom.id if classroom else None, place.strip(), note.strip()
    _set_trainers(db, run, trainers)
    db.flush()


def open_run(db: Session, run: CourseRun, *, by: uuid.UUID, now: datetime) -> None:
    """Open a planned run: its people may learn and be tested. Slips open it by themselves.

    Raises Conflict when it is not planned, Invalid when nobody is enrolled.
    """
    take_write_lock(db)
    _must_be(run, "planned")
    if not db.scalar(sa.select(sa.func.count()).where(Enrolment.run_id == run.id, Enrolment.state == "enrolled")):
        raise Invalid(say("run", "Nobody is enrolled in {code} yet: accept nominations first.", code=run.code))
    run.state, run.opened_at = "open", now
    db.flush()


def cancel_run(db: Session, run: CourseRun, *, by: uuid.UUID, now: datetime, reason: str) -> None:
    """Cancel a run that will not be held. Its nominations and enrolments stay as they are.

    Raises Conflict when it is closed or cancelled already, Invalid without a reason.
    """
    take_write_lock(db)
    _must_be(run, "planned", "open")
    run.note = _reason(reason, say("run", "Say why the run is cancelled."))
    run.state, run.closed_at = "cancelled", now
    end_pins(db, run_id=run.id, now=now)
    db.flush()


def close_run(
    db: Session, run: CourseRun, *, by: uuid.UUID, now: datetime, gaps: Iterable[rules.Gap] = (), note: str = ""
) -> None:
    """Close a run. `gaps` is what is missing as the closer has seen it (rules.gaps): then a note says why it is closed all the same.

    Raises Conflict when it is not open, or a gap stops it; Invalid for gaps without a note.
    """
    take_write_lock(db)
    _must_be(run, "open")
    gaps = list(gaps)
    for gap in gaps:
        if gap.stops:
            raise Conflict(gap.message)
    run.note = _reason(note, say("run", "Say why the run is closed although something is missing."), "note") if gaps else note.strip()
    run.state, run.closed_at = "closed", now
    end_pins(db, run_id=run.id, now=now)
    db.flush()


def reopen_run(db: Session, run: CourseRun, *, by: uuid.UUID, now: datetime, reason: str) -> None:
    """Open a closed run again, for a reason that its history keeps.

    Raises Conflict when it is not closed, Invalid without a reason.
    """
    take_write_lock(db)
    _must_be(run, "closed")
    run.note = _reason(reason, say("run", "Say why the run is opened again."))
    run.state, run.closed_at = "open", None
    db.flush()


# ---- nominations -----------------------------------------------------------------------------------------------------


def nominate(
    db: Session, run: CourseRun, *, person_ids: Sequence[uuid.UUID], by: uuid.UUID, now: datetime, mode: str = "class",
    language: str, trained: Mapping[uuid.UUID, date] | None = None,
) -> list[Nomination]:
    """An office proposes officers for a run, each for the office where he serves. Who was declined may be proposed again.

    Raises Conflict when the run takes no more nominations; Invalid, naming the officer, when a rule stops one of them:
    then none is proposed.
    """
    take_write_lock(db)
    _must_be(run, "planned", "open")
    if not person_ids:
        raise Invalid(fields={"people": say("nomination", "Tick at least one officer.")})
    if mode not in rules.MODES:
        raise Invalid(fields={"mode": say("nomination", "Choose how the officers take part.")})
    known = {one.person_id: one for one in db.scalars(sa.select(Nomination).where(Nomination.run_id == run.id, Nomination.person_id.in_(person_ids)))}
    serving = {one.person_id: one for one in candidates(db, on=run.starts_on, person_ids=person_ids)}
    facts = facts_of(db, run, dict.fromkeys(person_ids, language), trained=trained)
    made = []
    for person_id in dict.fromkeys(person_ids):
        found = rules.findings(facts[person_id])
        name = serving[person_id].name if person_id in serving else _name(db, person_id)
        if stopping := rules.stops(found):
            raise Invalid(say("nomination", "{name} cannot be nominated: {reason}.", name=name, reason=stopping[0].message))
        earlier = known.get(person_id)
        if earlier is not None and earlier.state in ("proposed", "accepted"):
            raise Invalid(say("nomination", "{name} is nominated for {code} already.", name=name, code=run.code))
        office_id = serving[person_id].office_id
        row = earlier or Nomination(
            run_id=run.id, person_id=person_id, office_id=office_id, nominated_by=by, nominated_at=now, mode=mode, language=language,
        )
        if earlier is not None:
            row.office_id, row.nominated_by, row.nominated_at, row.mode, row.language = office_id, by, now, mode, language
            row.state, row.decided_by, row.decided_at, row.reason = "proposed", None, None, ""
        row.checks = _kept(found)
        db.add(row)
        made.append(row)
    db.flush()
    return made


def decide(
    db: Session, nomination: Nomination, *, accept: bool, by: uuid.UUID, now: datetime, reason: str = "",
    trained: Mapping[uuid.UUID, date] | None = None,
) -> Enrolment | None:
    """Accept a nomination, which enrols the officer with the office, agency, rank and post of the day; or decline it with a reason.

    Raises Conflict when it is decided already or the run is over; Invalid when no seat is left, a rule stops it, or a
    declined one would not learn why.
    """
    take_write_lock(db)
    run = db.get_one(CourseRun, nomination.run_id)
    _must_be(run, "planned", "open")
    if nomination.state != "proposed":
        raise Conflict(say("nomination", "This nomination was decided in the meantime."))
    if not accept:
        nomination.reason = _reason(reason, say("nomination", "Say why: the office that nominated will read it."))
        nomination.state, nomination.decided_by, nomination.decided_at = "declined", by, now
        db.flush()
        return None

    found = rules.findings(facts_of(db, run, {nomination.person_id: nomination.language}, trained=trained)[nomination.person_id])
    name = _name(db, nomination.person_id)
    if stopping := rules.stops(found):
        raise Invalid(say("nomination", "{name} cannot be accepted: {reason}.", name=name, reason=stopping[0].message))
    if nomination.mode == "class" and _seated(db, run) >= run.seats:
        raise Invalid(say("nomination", "No seat is left for {name}: {code} has {n}.", name=name, code=run.code, n=run.seats))
    nomination.state, nomination.decided_by, nomination.decided_at = "accepted", by, now
    nomination.reason, nomination.checks = reason.strip(), _kept(found)
    enrolment = _enrol(db, run, nomination, now)
    db.flush()
    return enrolment


def withdraw(db: Session, nomination: Nomination, *, by: uuid.UUID, now: datetime, reason: str) -> None:
    """Take a nomination back; whoever is enrolled by it leaves the run. What he has done in it stays.

    Raises Conflict when there is nothing to take back or the run is over, Invalid without a reason.
    """
    take_write_lock(db)
    run = db.get_one(CourseRun, nomination.run_id)
    _must_be(run, "planned", "open")
    if nomination.state not in ("proposed", "accepted"):
        raise Conflict(say("nomination", "This nomination was decided in the meantime."))
    why = _reason(reason, say("nomination", "Say why the officer is withdrawn."))
    nomination.state, nomination.decided_by, nomination.decided_at, nomination.reason = "withdrawn", by, now, why
    enrolment = db.scalar(sa.select(Enrolment).where(Enrolment.run_id == run.id, Enrolment.person_id == nomination.person_id))
    if enrolment is not None:
        enrolment.state, enrolment.withdrawn_why = "withdrawn", why
        end_pins(db, run_id=run.id, now=now, person_id=nomination.person_id)
    db.flush()


def _enrol(db: Session, run: CourseRun, nomination: Nomination, now: datetime) -> Enrolment:
    today = now.astimezone(ZoneInfo(run.zone)).date()
    on = next(iter(candidates(db, on=today, person_ids=[nomination.person_id])), None)
    on = on or candidates(db, on=run.starts_on, person_ids=[nomination.person_id])[0]
    person = db.get_one(Person, nomination.person_id)
    enrolment = db.scalar(sa.select(Enrolment).where(Enrolment.run_id == run.id, Enrolment.person_id == person.id))
    if enrolment is None:
        number = (db.scalar(sa.select(sa.func.max(Enrolment.number)).where(Enrolment.run_id == run.id)) or 0) + 1
        enrolment = Enrolment(
            run_id=run.id, person_id=person.id, office_id=nomination.office_id, agency_id=person.agency_id, number=number,
            language=nomination.language, enrolled_at=now,
        )
        db.add(enrolment)
    enrolment.office_id, enrolment.agency_id = on.office_id, person.agency_id
    enrolment.rank, enrolment.post = on.rank, on.post
    enrolment.mode, enrolment.language = nomination.mode, nomination.language
    enrolment.state, enrolment.enrolled_at, enrolment.withdrawn_why = "enrolled", now, ""
    return enrolment


def enrol_from_wait_list(db: Session, run: CourseRun, person_id: uuid.UUID, *, now: datetime) -> Enrolment:
    """Enrol somebody who was nominated and then got a free seat of a session: that is his nomination accepted.

    The session's seats were counted by the caller. Raises Conflict when the run is over, kept by another node, or his
    nomination does not wait any more.
    """
    take_write_lock(db)
    must_be_kept_here(db, run)
    _must_be(run, "planned", "open")
    nomination = db.scalar(sa.select(Nomination).where(Nomination.run_id == run.id, Nomination.person_id == person_id, Nomination.state == "proposed"))
    if nomination is None:
        raise Conflict(say("nomination", "This nomination was decided in the meantime."))
    nomination.state, nomination.decided_by, nomination.decided_at = "accepted", nomination.nominated_by, now
    enrolment = _enrol(db, run, nomination, now)
    db.flush()
    return enrolment


def give_order(db: Session, enrolments: Sequence[Enrolment], *, number: str, on: date | None, by: uuid.UUID, now: datetime) -> int:
    """Note the order that sends these people to a run (its number and date). Gives how many; Invalid without number or date."""
    take_write_lock(db)
    wrong: dict[str, Message] = {}
    if not number.strip():
        wrong["number"] = say("order", "Give the number of the order.")
    elif len(number.strip()) > 40:
        wrong["number"] = say("order", "A number of an order has at most 40 signs.")
    if on is None:
        wrong["on"] = say("order", "Give the date of the order.")
    if not enrolments:
        wrong["people"] = say("order", "Tick at least one person.")
    if wrong:
        raise Invalid(fields=wrong)
    for one in enrolments:
        one.order_number, one.order_on = number.strip(), on
    db.flush()
    return len(enrolments)


def enrol_walk_in(
    db: Session, run: CourseRun, *, person: Person, office_id: uuid.UUID, rank: str, post: str, language: str, now: datetime
) -> Enrolment:
    """Enrol somebody who stands in the room without a nomination. Who was withdrawn comes back under his old number.

    Raises Conflict when the run is over or he is in it already, Invalid when he has left the service or teaches the run.
    """
    take_write_lock(db)
    must_be_kept_here(db, run)
    _must_be(run, "planned", "open")
    today = now.astimezone(ZoneInfo(run.zone)).date()
    if person.left_on is not None and person.left_on <= today:
        raise Invalid(say("walk-in", "{name} left the service on {day}. Look at the service number again.", name=person.display_name, day=person.left_on))
    if db.scalar(sa.select(RunTrainer.id).where(RunTrainer.run_id == run.id, RunTrainer.person_id == person.id)) is not None:
        raise Invalid(say("walk-in", "{name} teaches this run.", name=person.display_name))
    enrolment = db.scalar(sa.select(Enrolment).where(Enrolment.run_id == run.id, Enrolment.person_id == person.id).with_for_update())
    if enrolment is not None and enrolment.state == "enrolled":
        raise Conflict(say("walk-in", "{name} is in this run already: print a new slip.", name=person.display_name))
    if enrolment is None:
        enrolment = Enrolment(
            run_id=run.id, person_id=person.id, office_id=office_id, agency_id=person.agency_id, number=next_number(db, run),
            language=language, enrolled_at=now,
        )
        db.add(enrolment)
    enrolment.office_id, enrolment.agency_id, enrolment.rank, enrolment.post = office_id, person.agency_id, rank, post
    enrolment.mode, enrolment.language, enrolment.state = "class", language, "enrolled"
    enrolment.enrolled_at, enrolment.withdrawn_why, enrolment.walk_in = now, "", True
    db.flush()
    return enrolment


def next_number(db: Session, run: CourseRun) -> int:
    """The next free place in the roster of a run; on PostgreSQL two who enrol at once queue at the run."""
    db.execute(sa.select(CourseRun.id).where(CourseRun.id == run.id).with_for_update())
    return (db.scalar(sa.select(sa.func.max(Enrolment.number)).where(Enrolment.run_id == run.id)) or 0) + 1


# ---- slips -----------------------------------------------------------------------------------------------------------


def issue_slips(db: Session, run: CourseRun, *, pin_hashes: Mapping[uuid.UUID, str], by: uuid.UUID, now: datetime) -> int:
    """Give people of a run their PINs (person -> hash, made before the lock); each older PIN is dead. Opens a planned run.

    Raises Conflict when the run is closed or one of them is no longer enrolled.
    """
    take_write_lock(db)
    must_be_kept_here(db, run)
    _must_be(run, "planned", "open")
    enrolled = set(
        db.scalars(
            sa.select(Enrolment.person_id)
            .where(Enrolment.run_id == run.id, Enrolment.state == "enrolled", Enrolment.person_id.in_(list(pin_hashes)))
        )
    )
    if enrolled != set(pin_hashes):
        raise Conflict(say("slip", "The roster changed while the slips were made. No PIN was changed: print again."))
    valid_from, valid_to = days_of(run)
    for person_id, pin_hash in pin_hashes.items():
        issue_pin(
            db, person_id=person_id, run_id=run.id, pin_hash=pin_hash, valid_from=valid_from, valid_to=valid_to, issued_by=by, now=now,
        )
    if run.state == "planned" and pin_hashes:
        run.state, run.opened_at = "open", now
    db.flush()
    return len(pin_hashes)


def days_of(run: CourseRun) -> tuple[datetime, datetime]:
    """The first and the last moment of a run, by the clock of its office."""
    zone = ZoneInfo(run.zone)
    return datetime.combine(run.starts_on, time(), zone), datetime.combine(run.ends_on + timedelta(days=1), time(), zone)


# ---- refusals --------------------------------------------------------------------------------------------------------


def must_be_kept_here(db: Session, run: CourseRun) -> None:
    """A class is held by the node that keeps its run, so that no two open it. Raises Conflict where another one does."""
    if run.owner_node == db.info["node"]:
        return
    if db.info.get("role") == "classroom":
        raise Conflict(say("run", "{code} is still kept at the centre: it can be read here. Ask the training officer to give it to this class server; then exchange.", code=run.code))
    raise Conflict(say("run", "{code} is kept by {node}: its classes, slips and tests are run there. Take the run back on its page if that server is out of order.", code=run.code, node=run.owner_node))


def _must_be(run: CourseRun, *states: str) -> None:
    if run.state not in states:
        raise Conflict(say("run", "{code} is {state}: this cannot be done any more.", code=run.code, state=rules.STATES[run.state]))


def _refuse_bad_plan(starts_on: date, ends_on: date, seats: int, classroom: Classroom | None, place: str) -> None:
    wrong: dict[str, Message] = {}
    if ends_on < starts_on:
        wrong["ends_on"] = say("run", "The last day is before the first.")
    if not 1 <= seats <= rules.MOST_SEATS:
        wrong["seats"] = say("run", "Give a number of seats from 1 to {most}.", most=rules.MOST_SEATS)
    if classroom is None and not place.strip():
        wrong["place"] = say("run", "Choose a classroom or say where the run is held.")
    if wrong:
        raise Invalid(fields=wrong)


def _reason(text: str, missing: Message, field: str = "reason") -> str:
    if not text.strip():
        raise Invalid(fields={field: missing})
    return text.strip()


def _seated(db: Session, run: CourseRun) -> int:
    return db.scalar(
        sa.select(sa.func.count()).where(Enrolment.run_id == run.id, Enrolment.state == "enrolled", Enrolment.mode == "class")
    ) or 0


def _set_trainers(db: Session, run: CourseRun, trainers: Sequence[Person]) -> None:
    parts = {person.id: "lead" if n == 0 else "co" for n, person in enumerate(trainers)}
    for row in db.scalars(sa.select(RunTrainer).where(RunTrainer.run_id == run.id)):
        if row.person_id in parts:
            row.part = parts.pop(row.person_id)
        else:
            db.delete(row)
    db.add_all(RunTrainer(run_id=run.id, person_id=person_id, part=part) for person_id, part in parts.items())


def _next_code(db: Session, year: int) -> str:
    if db.get_bind().dialect.name == "postgresql":  # two planners at once would take the same number
        db.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext("course_run.code"))))
    newest = db.scalar(
        sa.select(CourseRun.code).where(CourseRun.code.startswith(f"R-{year}-"))
        .order_by(sa.func.length(CourseRun.code).desc(), CourseRun.code.desc()).limit(1)
    )
    return f"R-{year}-{(int(newest.rsplit('-', 1)[1]) if newest else 0) + 1:04d}"


def _name(db: Session, person_id: uuid.UUID) -> str:
    return db.scalar(sa.select(Person.display_name).where(Person.id == person_id)) or "–"


def _kept(found: list[rules.Finding]) -> list[dict[str, Any]]:
    return [
        {
            "code": one.code, "weight": one.weight.value, "text": one.message.text,
            "params": {name: str(value) for name, value in one.message.params.items()},
        }
        for one in found
    ]
