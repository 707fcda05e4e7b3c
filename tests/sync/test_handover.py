"""Giving a run to its class server and taking it back: whose the rows are, what stands in the way, what is said."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app import create_app
from app.classday import services as class_day
from app.db import Database, Record
from app.errors import CentreOnly, Conflict, Invalid, NotOurs
from app.offices.models import Classroom, Office
from app.people.models import Person
from app.policy import Role
from app.progress.models import LessonProgress
from app.quizzes import invigilation
from app.quizzes.models import Attempt, RoomTest
from app.runs import services as run_services
from app.runs.models import CourseRun, Enrolment, RunTrainer
from app.schedule.models import ClassDay, Meeting, MeetingItem, Seating
from app.sync import handover
from app.sync.catalogue import TABLES, Kind
from app.sync.models import KEPT_THERE, DownRow, Erasure, HandOver, JournalEntry, Node
from config import Config
from tests.factories import (
    a_moment,
    added,
    give_role,
    make_classroom,
    make_office,
    make_person,
    make_sign_in,
    make_staff,
)
from tests.runs import rows as runs
from tests.schedule import rows as meetings


def a_class(db: Session, **values: Any) -> tuple[CourseRun, Node]:
    """A run with a trainer, two people and a meeting in a classroom whose class server has joined."""
    office = make_office(db)
    room = make_classroom(db, office)
    server = added(db, Node(code=f"class-{uuid.uuid4().hex[:6]}", role="classroom", title="Class server Korday", office_id=office.id, classroom_id=room.id, state="joined"))
    run = runs.make_run(db, office, classroom_id=room.id, **values)
    runs.teach(db, run, make_person(db, office))
    for _ in range(2):
        runs.enrol(db, run)
    meetings.make_item(db, meetings.make_meeting(db, run))
    db.commit()
    db.info["writing"] = True
    return run, server


def owners(db: Session, run: CourseRun) -> set[str]:
    """Who owns the run and what is below it."""
    members, held = sa.select(Enrolment.id).where(Enrolment.run_id == run.id), sa.select(Meeting.id).where(Meeting.run_id == run.id)
    found = {run.owner_node}
    for model, where in (
        (RunTrainer, RunTrainer.run_id == run.id), (Enrolment, Enrolment.run_id == run.id), (Meeting, Meeting.run_id == run.id),
        (MeetingItem, MeetingItem.meeting_id.in_(held)), (Seating, Seating.run_id == run.id), (LessonProgress, LessonProgress.enrolment_id.in_(members)),
    ):
        found |= set(db.scalars(sa.select(model.owner_node).where(where)))
    return found


def test_every_record_below_a_run_says_whether_it_goes_with_it() -> None:
    """A table of records that refers to a run, an enrolment or a meeting is handed over with the run, or says why it stays."""
    columns = {"run_id", "enrolment_id", "meeting_id"}
    below = {t.model for t in TABLES if t.kind is Kind.RECORD and columns & set(t.model.__table__.columns.keys())}

    assert below == {one.model for one in handover.BELOW} | set(handover.STAY)


@pytest.mark.goal("NET-04")
def test_a_run_goes_to_the_class_server_with_all_below_it(db: Session) -> None:
    """Run, trainers, enrolments, meetings and their lines change hands in one action, each by a journal entry, with one fact of it."""
    run, server = a_class(db)
    by = meetings.by(db)

    fact = handover.give(db, run, server=server, by=by, now=a_moment(), reason="the class begins")
    db.commit()

    assert owners(db, run) == {server.code}
    assert (fact.table, fact.row_id, fact.from_node, fact.to_node, fact.rows, fact.by_id) == ("course_run", run.id, "test", server.code, 6, by)
    entry = db.scalars(sa.select(JournalEntry).where(JournalEntry.row_id == run.id).order_by(JournalEntry.version.desc())).first()
    assert entry is not None
    assert entry.after == {"owner_node": server.code}


def test_the_centre_refuses_changes_to_a_run_that_it_gave_away(db: Session) -> None:
    """What a class server keeps, the centre does not change; the sentence names the server."""
    run, server = a_class(db)
    handover.give(db, run, server=server, by=None, now=a_moment())
    db.commit()
    db.info["writing"] = True

    with pytest.raises(NotOurs, match=server.code):
        run_services.cancel_run(db, run, by=meetings.by(db), now=a_moment(), reason="no trainer")

    db.rollback()
    assert db.scalar(sa.select(CourseRun.state).where(CourseRun.id == run.id)) == "open"


def test_study_of_those_in_class_goes_along_and_of_others_stays(db: Session) -> None:
    """What somebody has read who comes to the class goes with the run; who studies from afar goes on at the centre."""
    run, server = a_class(db)
    here = db.scalars(sa.select(Enrolment).where(Enrolment.run_id == run.id).order_by(Enrolment.number)).first()
    away = runs.enrol(db, run, mode="remote")
    assert here is not None
    read = [added(db, LessonProgress(enrolment_id=one.id, lesson="l1", started_at=a_moment(), visited_at=a_moment())) for one in (here, away)]
    db.commit()
    db.info["writing"] = True

    handover.give(db, run, server=server, by=None, now=a_moment())

    assert [row.owner_node for row in read] == [server.code, "test"]


def a_room_test(db: Session, run: CourseRun) -> Record:
    return added(db, RoomTest(run_id=run.id, quiz="post", started_at=a_moment(), started_by=meetings.by(db)))


def an_open_attempt(db: Session, run: CourseRun) -> Record:
    member = runs.enrol(db, run)
    return added(db, Attempt(
        enrolment_id=member.id, course_version_id=run.course_version_id, quiz="post", kind="post-test", number=1, language="ru", seed="s", draw=[], supervised=True,
        started_at=a_moment(),
    ))


def an_open_day(db: Session, run: CourseRun) -> Record:
    return added(db, ClassDay(run_id=run.id, day=run.starts_on, opened_at=a_moment(), opened_by=meetings.by(db)))


@pytest.mark.parametrize(
    ("busy", "said"), [(a_room_test, "A test is started for the room"), (an_open_attempt, "not handed in yet: 1"), (an_open_day, "The class of this run is open")]
)
def test_a_run_does_not_change_hands_in_the_middle_of_a_class(db: Session, busy: Any, said: str) -> None:
    """While a test or a class day is open nothing is handed over, and the sentence says what to end first."""
    run, server = a_class(db)
    busy(db, run)

    with pytest.raises(Conflict, match=said):
        handover.give(db, run, server=server, by=None, now=a_moment())

    assert owners(db, run) == {"test"}


def test_only_the_joined_server_of_the_runs_own_room_gets_it(db: Session) -> None:
    """Another room's server, one that has not joined, a run that is over: refused, each with its sentence."""
    run, server = a_class(db)
    _, other = a_class(db)
    with pytest.raises(Conflict, match="another classroom"):
        handover.give(db, run, server=other, by=None, now=a_moment())
    server.state = "invited"
    with pytest.raises(Conflict, match="has not joined"):
        handover.give(db, run, server=server, by=None, now=a_moment())
    server.state, run.state = "joined", "closed"
    with pytest.raises(Conflict, match="is over"):
        handover.give(db, run, server=server, by=None, now=a_moment())


def test_who_is_enrolled_late_follows_the_run(db: Session) -> None:
    """An enrolment that the centre adds to a run given away is handed over before the next bundle; doing so again moves nothing."""
    run, server = a_class(db)
    handover.give(db, run, server=server, by=None, now=a_moment())
    late = runs.enrol(db, run)
    db.commit()
    db.info["writing"] = True

    moved = [handover.give_late(db, server, now=a_moment(1)) for _ in range(2)]

    assert (moved, late.owner_node) == ([1, 0], server.code)
    assert db.scalars(sa.select(HandOver.rows).where(HandOver.row_id == run.id).order_by(HandOver.at)).all() == [6, 1]


def test_what_is_left_of_somebody_who_was_erased_stays_with_the_centre(db: Session) -> None:
    """It follows no run, neither late nor with it: the order would make it the centre's again at the server, and both would differ."""
    run, server = a_class(db)
    left, late = runs.enrol(db, run), runs.enrol(db, run)
    db.add(Erasure(table="enrolment", row_id=left.id, below=2, at=a_moment(), by_id=None, reason="order 7"))
    db.flush()

    handover.give(db, run, server=server, by=None, now=a_moment())
    handover.give_late(db, server, now=a_moment(1))

    assert (left.owner_node, late.owner_node) == ("test", server.code)


def test_taken_back_the_run_is_the_centres_again(db: Session) -> None:
    """The centre takes over the run and all that its server kept below it, and may change it again; a reason is asked for."""
    run, server = a_class(db)
    handover.give(db, run, server=server, by=None, now=a_moment())
    db.commit()
    db.info["writing"] = True
    with pytest.raises(Invalid, match="Say why"):
        handover.take_back(db, run, by=None, now=a_moment(1), reason=" ")

    handover.take_back(db, run, by=None, now=a_moment(1), reason="the server is broken")
    db.commit()
    db.info["writing"] = True
    run_services.cancel_run(db, run, by=meetings.by(db), now=a_moment(), reason="no trainer")

    assert (owners(db, run), run.state) == ({"test"}, "cancelled")


def test_a_run_taken_back_is_given_again_only_after_the_server_has_heard(db: Session) -> None:
    """A server that still thinks a run its own would change it meanwhile, and its changes would count in part."""
    run, server = a_class(db)
    handover.give(db, run, server=server, by=None, now=a_moment())
    db.add(DownRow(node=server.code, table="course_run", row_id=run.id, content=KEPT_THERE))  # a version went down that says so
    handover.take_back(db, run, by=None, now=a_moment(1), reason="the class moved")

    with pytest.raises(Conflict, match="has not heard yet"):
        handover.give(db, run, server=server, by=None, now=a_moment(2))

    db.scalars(sa.select(DownRow)).one().content = "0" * 64  # the next version says that it is the centre's
    db.flush()
    handover.give(db, run, server=server, by=None, now=a_moment(3))
    assert run.owner_node == server.code


def test_an_open_class_is_taken_back_only_from_a_dead_server(db: Session) -> None:
    """A class day that is open at a living server stops the centre; of a revoked server nothing does."""
    run, server = a_class(db)
    handover.give(db, run, server=server, by=None, now=a_moment())
    day = ClassDay(run_id=run.id, day=run.starts_on, opened_at=a_moment(), opened_by=meetings.by(db), owner_node=server.code)
    added(db, day)
    db.commit()
    db.info["writing"] = True
    with pytest.raises(Conflict, match="class of this run is open"):
        handover.take_back(db, run, by=None, now=a_moment(1), reason="dead")
    server.state = "revoked"
    db.flush()

    handover.take_back(db, run, by=None, now=a_moment(1), reason="dead")

    assert day.owner_node == "test"


def test_a_class_server_gives_its_run_back(db: Session) -> None:
    """The owner's last change makes the centre the owner of run and records; not while a class is open."""
    run, _ = a_class(db)
    centre = added(db, Node(code="centre", role="centre", title="Centre", office_id=run.office_id, state="joined"))
    day = added(db, ClassDay(run_id=run.id, day=run.starts_on, opened_at=a_moment(), opened_by=meetings.by(db)))
    with pytest.raises(Conflict, match="class of this run is open"):
        handover.give_back(db, run, centre=centre, by=None, now=a_moment())
    day.closed_at = a_moment()
    db.flush()

    rows = handover.give_back(db, run, centre=centre, by=None, now=a_moment())

    assert (rows, owners(db, run), day.owner_node) == (7, {"centre"}, "centre")


def test_the_room_of_a_run_tells_its_class_server(db: Session) -> None:
    """A run without a classroom, or in a room whose server was revoked, has no class server to go to."""
    run, server = a_class(db)
    assert handover.class_server_of(db, run) is server
    assert db.get_one(Classroom, run.classroom_id).id == server.classroom_id
    server.state = "revoked"
    db.flush()

    assert handover.class_server_of(db, run) is None


# ---- pages -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def officer(db: Session) -> tuple[CourseRun, Node, Person]:
    """A run in a room with a class server, and the training officer of its office."""
    run, server = a_class(db)
    return run, server, make_staff(db, Role.TRAINING_OFFICER, db.get_one(Office, run.office_id))


ClientOf = Callable[[Person], FlaskClient]


def test_a_run_is_given_and_taken_back_on_pages(db: Session, client_of: ClientOf, officer: tuple[CourseRun, Node, Person]) -> None:
    """The run's page says who keeps it and leads to the page that does it; that page says what it means and asks why it is taken back."""
    run, server, person = officer
    browser, address = client_of(person), f"/runs/{run.code}/keeper"

    assert address in browser.get(f"/runs/{run.code}").text
    assert "Print the slips at the class server" in browser.get(address).text
    given = browser.post(address, follow_redirects=True)
    db.expire_all()
    assert (run.owner_node, f"is given to {server.title}" in given.text, "Only there it is changed" in given.text) == (server.code, True, True)
    assert f"/runs/{run.code}/change" not in given.text

    refused = browser.post(address, data={"reason": ""})
    taken = browser.post(address, data={"reason": "its disk is broken"}, follow_redirects=True)

    db.expire_all()
    assert (refused.status_code, run.owner_node, "is kept at the centre again" in taken.text) == (422, "test", True)


def test_what_stands_in_the_way_is_said_before_and_after_the_button(db: Session, client_of: ClientOf, officer: tuple[CourseRun, Node, Person]) -> None:
    """With a test and a day open the page names all of it at once, leads there and has no button; sent all the same, nothing changes."""
    run, _, person = officer
    for happens in (a_room_test, an_open_attempt, an_open_day):
        happens(db, run)
    browser, address = client_of(person), f"/runs/{run.code}/keeper"

    page, sent = browser.get(address), browser.post(address)

    db.expire_all()
    reasons = ("A test is started for the room", "not handed in yet: 1", "The class of this run is open")
    assert [one in page.text for one in reasons] == [True, True, True]
    assert (f"/class/{run.code}" in page.text, "<button class=\"btn btn-main\"" in page.text) == (True, False)
    assert (sent.status_code, "A test is started for the room" in sent.text, run.owner_node) == (409, True, "test")


def test_a_change_to_a_run_given_away_is_refused_on_its_page(db: Session, client_of: ClientOf, officer: tuple[CourseRun, Node, Person]) -> None:
    """A form that was open before the run was given away: 409, and the sentence names the class server."""
    run, server, person = officer
    browser = client_of(person)
    browser.post(f"/runs/{run.code}/keeper")

    refused = browser.post(f"/runs/{run.code}/cancel", data={"reason": "no trainer"})

    assert (refused.status_code, server.code in refused.text) == (409, True)


def test_the_day_of_a_run_kept_elsewhere_is_read_only(db: Session, client_of: ClientOf, officer: tuple[CourseRun, Node, Person]) -> None:
    """The page of the day says where the class is held, and has no buttons: no test to end, no walk-in, no line for the minutes."""
    run, server, person = officer
    give_role(db, person, Role.CLASS_MANAGER, db.get_one(Office, run.office_id))
    browser, address = client_of(person), f"/class/{run.code}/{run.starts_on}"
    here = browser.get(address).text
    a_room_test(db, run)
    run.owner_node = server.code
    db.commit()

    away = browser.get(address)

    assert "is held at" not in here
    assert away.status_code == 200
    assert f"This class is held at {server.title}" in away.text
    assert not re.search(r'<form[^>]+action="/class/[^"]+/(lines|open|walk-in)|End the test|Walk-in…', away.text)


def test_a_class_server_says_what_the_centre_decides(settings: Config, database: Database, db: Session, officer: tuple[CourseRun, Node, Person]) -> None:
    """Planning, nominating, deciding and giving numbers are the centre's: no button for them, and their pages say whose they are."""
    run, _, person = officer
    database.sessions.configure(info={"node": "test", "role": "classroom"})
    app = create_app(replace(settings, ROLE="classroom"), database)
    app.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
    app.before_request_funcs.clear()  # it has joined
    token = make_sign_in(db, person)
    db.commit()
    browser = app.test_client()
    with browser.session_transaction() as cookie:
        cookie["_user_id"], cookie["_fresh"] = token, True

    listed, page, decide = browser.get("/runs").text, browser.get(f"/runs/{run.code}").text, browser.get(f"/runs/{run.code}/nominate")

    assert ("Plan a run" in listed, f"/runs/{run.code}/nominate" in page, decide.status_code, "decided at the centre" in decide.text) == (False, False, 403, True)


def test_what_only_the_centre_adds_is_refused_in_a_sentence(database: Database) -> None:
    """A run, a role or a nomination that a class server tries to add: refused before anything is stored, and said whose it is."""
    database.sessions.configure(info={"node": "class-1", "role": "classroom"})
    with database.sessions() as db:
        office = make_office(db)
        with pytest.raises(CentreOnly, match="Runs are planned at the centre"):
            runs.make_run(db, office, runs_version(db))


def runs_version(db: Session) -> Any:
    """A course version that came down: rows of it are not added here."""
    db.info["role"] = "centre"
    version = runs.make_version(db)
    db.info["role"] = "classroom"
    return version


@pytest.mark.parametrize(("role", "said"), [("centre", "is kept by class-"), ("classroom", "still kept at the centre")])
def test_a_class_is_held_where_its_run_is_kept(db: Session, role: str, said: str) -> None:
    """The day is opened, slips printed, walk-ins taken and tests started by one node: elsewhere a sentence says which and what to do."""
    run, server = a_class(db)
    run.owner_node = server.code
    db.flush()
    db.info["role"] = role
    person, by, moment = make_person(db, db.get_one(Office, run.office_id)), meetings.by(db), meetings.at(run, "08:00")
    deeds: list[Callable[[], Any]] = [
        lambda: class_day.open_class(db, run, day=run.starts_on, found={}, note="", by=by, now=moment),
        lambda: run_services.issue_slips(db, run, pin_hashes={}, by=by, now=moment),
        lambda: run_services.enrol_walk_in(db, run, person=person, office_id=run.office_id, rank="", post="", language="ru", now=moment),
        lambda: invigilation.start_room_test(db, run, "post", by=by, now=moment),
    ]

    for deed in deeds:
        with pytest.raises(Conflict, match=said):
            deed()
