"""Never twice: no trainer, trainee or room is taken by two things at once, whoever asks, on both databases."""

from __future__ import annotations

import random
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session, aliased

from app.db import Database, make_engine
from app.errors import Conflict
from app.ops import migrations
from app.people.models import Person
from app.schedule import assignments, bookings
from app.schedule.bookings import Span
from app.schedule.models import Assignment, Booking, Meeting, SessionSeat, SessionSlot, TrainingSession
from app.sync import journal
from app.work import work
from tests.conftest import DATABASES, database_address
from tests.factories import a_moment, added, make_classroom, make_office, make_person
from tests.planning.rows import MONDAY, add_meeting, make_session, make_trainer
from tests.runs.rows import make_run

NOW = a_moment()


def the_slot(db: Session, session: TrainingSession) -> SessionSlot:
    """The first slot of a session."""
    return db.scalars(sa.select(SessionSlot).where(SessionSlot.session_id == session.id).order_by(SessionSlot.number)).first()


def the_bookings(db: Session) -> list[tuple[str, uuid.UUID]]:
    """Kind and resource of all bookings."""
    return sorted((one.kind, one.resource_id) for one in db.scalars(sa.select(Booking)))


# ---- what is booked --------------------------------------------------------------------------------------------------


def test_a_session_books_its_room_its_trainer_and_who_has_a_seat(db: Session) -> None:
    """One booking for each meeting and each of them, and none for who waits, was asked from abroad, or has declined."""
    office = make_office(db)
    room = make_classroom(db, office)
    session = make_session(db, make_run(db, office), meetings=2, slots=("lead", "co"), classroom_id=room.id)
    lead, asked, seated, waiting, planner = (make_person(db, office) for _ in range(5))
    slots = list(db.scalars(sa.select(SessionSlot).order_by(SessionSlot.number)))
    for n, (person, state) in enumerate(((seated, "seated"), (waiting, "waiting")), 1):
        added(db, SessionSeat(session_id=session.id, person_id=person.id, agency_id=person.agency_id, state=state, place=n, since=NOW))

    assignments.offer(db, slots[0], lead, by=planner.id, now=NOW)
    assignments.request(db, slots[1], asked, by=planner.id, now=NOW)

    assert the_bookings(db) == sorted([("room", room.id), ("trainer", lead.id), ("trainee", seated.id)] * 2)


def test_moving_cancelling_and_withdrawing_free_what_was_booked(db: Session) -> None:
    """Bookings follow their meetings; what is over books nothing."""
    session = make_session(db, meetings=2)
    lead, planner = make_person(db), make_person(db)
    made = assignments.assign(db, the_slot(db, session), lead, by=planner.id, now=NOW)
    first, second = db.scalars(sa.select(Meeting).order_by(Meeting.starts_at))

    first.starts_at, first.ends_at = first.starts_at + timedelta(hours=1), first.ends_at + timedelta(hours=1)
    second.state = "cancelled"
    bookings.refresh(db, [session.id])
    after_the_move = [(one.starts_at, one.ends_at) for one in db.scalars(sa.select(Booking))]
    assignments.withdraw(db, made, by=planner.id, now=NOW, reason="ill for two weeks")

    assert after_the_move == [(first.starts_at, first.ends_at)]
    assert the_bookings(db) == []


def test_two_meetings_may_change_places(db: Session) -> None:
    """Swapping the times of two meetings of a session is no clash with oneself."""
    session = make_session(db, meetings=2)
    assignments.assign(db, the_slot(db, session), make_person(db), by=make_person(db).id, now=NOW)
    first, second = db.scalars(sa.select(Meeting).order_by(Meeting.starts_at))
    spans = (first.starts_at, first.ends_at), (second.starts_at, second.ends_at)

    (second.starts_at, second.ends_at), (first.starts_at, first.ends_at) = spans
    bookings.refresh(db, [session.id])

    assert len(the_bookings(db)) == 2


# ---- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.goal("SCH-02")
def test_one_that_ends_at_noon_does_not_touch_one_that_starts_at_noon(db: Session) -> None:
    """Bookings are half-open: from an instant up to another, compared as instants and not by the clocks of two countries."""
    lead, planner = make_person(db), make_person(db)
    morning = make_session(db, meetings=0)
    add_meeting(db, morning, MONDAY, hours=3)
    noon = make_session(db, meetings=0, zone="Asia/Tashkent")
    add_meeting(db, noon, MONDAY + timedelta(hours=3), hours=3)

    for session in (morning, noon):
        assignments.assign(db, the_slot(db, session), lead, by=planner.id, now=NOW)

    assert len(the_bookings(db)) == 2


@pytest.mark.goal("SCH-08")
def test_the_clash_is_named(db: Session) -> None:
    """Who would be taken twice learns by what: code, place and time; a planner who may not see it, only that there is something."""
    lead, planner = make_person(db), make_person(db)
    there, here = make_session(db, meetings=1), make_session(db, meetings=1)
    assignments.assign(db, the_slot(db, there), lead, by=planner.id, now=NOW)

    with pytest.raises(Conflict) as told:
        assignments.assign(db, the_slot(db, here), lead, by=planner.id, now=NOW)
    with pytest.raises(Conflict) as blind:
        assignments.assign(db, the_slot(db, here), lead, by=planner.id, now=NOW, sees=lambda _path: False)

    assert told.value.message.params["code"] == there.code
    assert told.value.message.params["start"] == MONDAY
    assert "code" not in blind.value.message.params


def test_a_room_and_a_trainee_are_not_taken_twice_either(db: Session) -> None:
    """The same guard for rooms and for people who learn: and who teaches at an hour does not sit in another class."""
    office = make_office(db)
    room = make_classroom(db, office)
    both = make_person(db, office)
    first = make_session(db, make_run(db, office), meetings=1, classroom_id=room.id)
    bookings.refresh(db, [first.id])
    assignments.assign(db, the_slot(db, first), both, by=both.id, now=NOW)
    other = make_session(db, make_run(db, office), meetings=1)

    other.classroom_id = room.id
    with pytest.raises(Conflict, match=first.code):
        bookings.refresh(db, [other.id])
    other.classroom_id = None
    added(db, SessionSeat(session_id=other.id, person_id=both.id, agency_id=both.agency_id, state="seated", place=1, since=NOW))
    with pytest.raises(Conflict, match=first.code):
        bookings.refresh(db, [other.id])


def test_overlapping_meetings_of_one_session_are_refused_by_name(db: Session) -> None:
    """Two meetings at the same time would take the trainer twice, before anything is stored."""
    lead = make_person(db)
    session = make_session(db, meetings=1)
    add_meeting(db, session, MONDAY + timedelta(hours=2))

    with pytest.raises(Conflict, match=lead.short_name.rstrip(".")):
        assignments.assign(db, the_slot(db, session), lead, by=lead.id, now=NOW)


def test_made_anew_bookings_are_the_same(db: Session) -> None:
    """A database made anew from its segments has no bookings: they follow from what is planned."""
    session = make_session(db, meetings=3, slots=("lead", "co"))
    for slot in list(db.scalars(sa.select(SessionSlot))):
        assignments.assign(db, slot, make_person(db), by=make_person(db).id, now=NOW)
    before = the_bookings(db)
    db.execute(sa.delete(Booking))

    n = bookings.make_anew(db)

    assert (n, the_bookings(db)) == (6, before)
    assert session.state == "draft"


# ---- many and at once ------------------------------------------------------------------------------------------------


@pytest.mark.goal("SCH-08")
def test_the_database_itself_refuses_the_second_of_ten_thousand(db: Session) -> None:
    """Ten thousand random bookings by plain SQL: each that overlaps one of its resource is refused, each other one is taken."""
    dice = random.Random(5)
    meeting = db.scalars(sa.select(Meeting).where(Meeting.session_id == make_session(db, meetings=1).id)).one()
    resources = [uuid.UUID(int=n) for n in range(1, 21)]
    kept: dict[uuid.UUID, list[Span]] = {one: [] for one in resources}
    refused = 0
    for _ in range(10_000):
        resource = dice.choice(resources)
        starts = MONDAY + timedelta(minutes=15 * dice.randrange(8000))
        span = Span(starts, starts + timedelta(minutes=15 * dice.randrange(1, 30)))
        row = {
            "id": uuid.uuid4(), "kind": "trainer", "resource_id": resource, "meeting_id": meeting.id, "source_id": uuid.uuid4(),
            "starts_at": span.starts_at, "ends_at": span.ends_at,
        }
        free = not any(span.overlaps(other) for other in kept[resource])
        try:
            with db.begin_nested():
                db.connection().execute(sa.insert(Booking.__table__), row)
        except sa.exc.IntegrityError:
            assert not free, "refused though nothing is in the way"
            refused += 1
        else:
            assert free, "taken twice"
            kept[resource].append(span)
    assert 1_000 < refused < 9_900


MOVES = st.lists(st.tuples(st.sampled_from("assign offer withdraw move cancel".split()), st.integers(0, 5), st.integers(0, 3), st.integers(0, 40)), min_size=5, max_size=25)


@pytest.mark.goal("SCH-08")
@given(moves=MOVES)
@settings(max_examples=30)
def test_whatever_planners_do_nobody_is_taken_twice(engine: sa.Engine, moves: list[tuple[str, int, int, int]]) -> None:
    """Any order of assigning, offering, withdrawing, moving and cancelling: what is refused changes nothing, what is kept never overlaps."""
    with engine.connect().execution_options(writing=True) as connection, connection.begin() as outer:
        with Session(connection, join_transaction_mode="create_savepoint", info={"node": "test"}, autoflush=False) as db:
            _plan_at_random(db, moves)
            _nobody_twice(db)
        outer.rollback()


def _plan_at_random(db: Session, moves: list[tuple[str, int, int, int]]) -> None:
    people = [make_person(db) for _ in range(4)]
    run = make_run(db)
    sessions = [make_session(db, run, meetings=2, starts=MONDAY + timedelta(hours=n)) for n in range(6)]
    for deed, s, p, hours in moves:
        session, slot = sessions[s], the_slot(db, sessions[s])
        held = db.scalars(sa.select(Assignment).where(Assignment.slot_id == slot.id, Assignment.state.in_(assignments.CURRENT))).first()
        try:
            with db.begin_nested():
                if deed in ("assign", "offer"):
                    getattr(assignments, deed)(db, slot, people[p], by=people[0].id, now=NOW)
                elif deed == "withdraw" and held is not None:
                    assignments.withdraw(db, held, by=people[0].id, now=NOW, reason="another plan")
                elif deed in ("move", "cancel"):
                    for meeting in db.scalars(sa.select(Meeting).where(Meeting.session_id == session.id)):
                        meeting.starts_at, meeting.ends_at = meeting.starts_at + timedelta(hours=hours - 20), meeting.ends_at + timedelta(hours=hours - 20)
                        meeting.state = "cancelled" if deed == "cancel" and hours % 2 else "draft"
                    bookings.refresh(db, [session.id])
        except Conflict:
            db.expire_all()


def _nobody_twice(db: Session) -> None:
    one, other = aliased(Booking), aliased(Booking)
    overlap = sa.and_(one.resource_id == other.resource_id, one.id < other.id, one.starts_at < other.ends_at, other.starts_at < one.ends_at)
    assert db.execute(sa.select(one.id).join(other, overlap)).all() == []
    # and the guard is what the plan says: every holding assignment of a meeting that takes place is booked
    planned = db.scalar(
        sa.select(sa.func.count()).select_from(Assignment).join(Meeting, Meeting.session_id == Assignment.session_id)
        .where(Assignment.state.in_(bookings.HOLDS), Meeting.state.in_(bookings.TAKES_PLACE))
    )
    assert db.scalar(sa.select(sa.func.count()).select_from(Booking).where(Booking.kind == "trainer")) == planned


@pytest.fixture(params=DATABASES)
def two_planners(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A database of each kind to which two planners write at once."""
    with database_address(request.param, tmp_path_factory) as url:
        database = Database(make_engine(url), "test")
        migrations.upgrade(database.engine)
        journal.keep(database.sessions)
        yield database
        database.engine.dispose()


ROUNDS = 200


@pytest.mark.goal("SCH-08")
def test_two_planners_at_the_same_moment(two_planners: Database) -> None:
    """Two hundred times two planners assign one trainer to overlapping sessions at the same moment: exactly one succeeds, the other learns the clash."""
    with work(two_planners) as db:
        office = make_office(db)
        planner, lead = make_person(db, office), make_person(db, office)
        make_trainer(db, office, lead)
        run = make_run(db, office)
        pairs = []
        for n in range(ROUNDS):
            both = [make_session(db, run, meetings=1, starts=MONDAY + timedelta(days=n, hours=late)) for late in (0, 2)]
            pairs.append([the_slot(db, one).id for one in both])
        by, who = planner.id, lead.id
    gate = threading.Barrier(2)

    def plan(mine: int) -> list[str]:
        told = []
        for pair in pairs:
            gate.wait(60)
            try:
                with work(two_planners) as db:
                    assignments.assign(db, db.get_one(SessionSlot, pair[mine]), db.get_one(Person, who), by=by, now=datetime.now(UTC))
                told.append("")
            except Conflict as clash:
                told.append(str(clash.message.params.get("code", "?")))
        return told

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(zip(*pool.map(plan, (0, 1)), strict=True))

    assert [sorted(map(bool, pair)) for pair in outcomes] == [[False, True]] * ROUNDS
    assert all(code.startswith("S-2026-") for pair in outcomes for code in pair if code), "the clash has a name"
    with two_planners.sessions() as db:
        assert db.scalar(sa.select(sa.func.count()).select_from(Booking)) == ROUNDS
