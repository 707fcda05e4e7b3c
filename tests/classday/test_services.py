"""Verbs of a class day: opening, closing, seats, walk-ins, slips, each with its line in the minutes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.classday import queries, services
from app.classday.services import Stranger
from app.errors import Conflict, Invalid
from app.offices.models import DailyCheck
from app.people.models import Person, Pin
from app.people.names import Name
from app.people.register import let_go
from app.runs.models import Enrolment
from app.schedule.models import ClassDay, MinutesLine, Seating
from tests.classday import rows
from tests.classday.rows import Room
from tests.factories import make_classroom, make_person

OK = {"server": "ok", "pcs": "ok", "projector": "ok", "light": "ok", "power": "ok", "line": "ok"}


def told(db: Session, room: Room) -> list[str]:
    """What the minutes of the run say, as codes, in order."""
    return list(db.scalars(sa.select(MinutesLine.what).where(MinutesLine.run_id == room.run.id).order_by(MinutesLine.at, MinutesLine.id)))


def opened(db: Session, room: Room, **values: Any) -> ClassDay:
    """Today's class, opened."""
    return services.open_class(db, room.run, **({"day": room.today, "found": OK, "note": "", "by": room.manager.id, "now": clock.now()} | values))


# ---- the day ---------------------------------------------------------------------------------------------------------


@pytest.mark.goal("RUN-16")
def test_opening_a_class_keeps_the_look_round_the_room(db: Session) -> None:
    """What was found is kept as a daily check of the classroom, and the minutes say when the class was opened."""
    room = rows.make_room(db)

    opened(db, room, found=OK | {"projector": "fault"}, note="lamp is dark")

    check = db.scalars(sa.select(DailyCheck).where(DailyCheck.classroom_id == room.classroom.id)).one()
    assert (check.found["projector"], check.found["server"], check.note, check.by_id) == ("fault", "ok", "lamp is dark", room.manager.id)
    assert told(db, room) == ["opened"]


def test_a_fault_needs_a_word_and_then_nothing_is_opened(db: Session) -> None:
    """Whoever finds a fault says which."""
    room = rows.make_room(db)

    with pytest.raises(Invalid) as refused:
        opened(db, room, found=OK | {"power": "fault"})

    assert list(refused.value.fields) == ["note"]
    assert db.scalar(sa.select(sa.func.count()).select_from(ClassDay)) == 0


def test_opening_twice_opens_once_and_a_closed_class_opens_again(db: Session) -> None:
    """Two presses make one day; a class closed too early is opened again on the same day."""
    room = rows.make_room(db)

    first = opened(db, room)
    assert opened(db, room) is first
    services.close_class(db, room.run, day=room.today, by=room.manager.id, now=clock.now())
    again = opened(db, room)

    assert (again, again.closed_at) == (first, None)
    assert told(db, room) == ["opened", "closed", "opened"]


def test_only_today_can_be_opened(db: Session) -> None:
    """The page of tomorrow opens nothing; a run that is over opens nothing."""
    room = rows.make_room(db, days=2)
    with pytest.raises(Conflict):
        opened(db, room, day=room.today + timedelta(days=1))
    room.run.state = "closed"
    with pytest.raises(Conflict):
        opened(db, room)


def test_a_class_with_a_test_still_started_is_not_closed(db: Session) -> None:
    """Closing cuts off nobody's time: the test is ended first."""
    room = rows.make_room(db)
    opened(db, room)
    rows.start(db, room)

    with pytest.raises(Conflict):
        services.close_class(db, room.run, day=room.today, by=room.manager.id, now=clock.now())


# ---- seats and waves -------------------------------------------------------------------------------------------------


@pytest.mark.goal("RUN-04")
def test_seats_and_waves_are_kept_and_clashes_keep_nothing(db: Session) -> None:
    """One PC for two in a wave, or a broken PC, is refused at the person; then the plan stays as it was."""
    room = rows.make_room(db, people=3, seats=2)
    a, b, c = rows.ids(room.people)
    seat, other = room.seats[0].id, room.seats[1].id
    who: dict[str, Any] = {"by": room.manager.id, "now": clock.now()}

    assert services.set_seats(db, room.run, plan={a: (seat, 1), b: (other, 1), c: (seat, 2)}, **who) == 3
    with pytest.raises(Invalid) as refused:
        services.set_seats(db, room.run, plan={a: (seat, 1), b: (seat, 1), c: (other, 1)}, **who)

    assert list(refused.value.fields) == [str(b)]
    kept = {row.enrolment_id: (row.seat_id, row.wave) for row in db.scalars(sa.select(Seating))}
    assert kept == {a: (seat, 1), b: (other, 1), c: (seat, 2)}


@pytest.mark.goal("RUN-04")
def test_a_pc_that_breaks_names_who_had_it(db: Session) -> None:
    """The one in the plan and the one whose test is open there; the minutes say it once."""
    room = rows.make_room(db, people=2, seats=3)
    rows.sit(db, room, room.people[0], room.seats[0], wave=2)
    rows.sit(db, room, room.people[1], None)
    rows.start(db, room)
    rows.begin(db, room.people[1], room.seats[0])
    who: dict[str, Any] = {"by": room.manager.id, "now": clock.now()}

    names = services.mark_seat(db, room.run, seat_id=room.seats[0].id, state="broken", **who)
    services.mark_seat(db, room.run, seat_id=room.seats[0].id, state="broken", **who)

    assert set(names) == {one.short_name for one in db.scalars(sa.select(Person).where(Person.id.in_([e.person_id for e in room.people])))}
    assert told(db, room).count("seat-broken") == 1
    with pytest.raises(Invalid):
        services.mark_seat(db, room.run, seat_id=db.scalars(sa.select(rows.Seat.id).where(rows.Seat.classroom_id == make_classroom(db).id)).first(), state="broken", **who)


# ---- walk-ins --------------------------------------------------------------------------------------------------------


def stranger(room: Room, agency: Any, **values: Any) -> Stranger:
    """Somebody nobody knows."""
    return Stranger(**({"agency_id": agency, "office_id": room.office.id, "name": Name("Нұрпейіс", "Асан"), "script": "Cyrl"} | values))


def walks_in(db: Session, room: Room, who: Any, seat: Any = None) -> Enrolment:
    """At the desk."""
    return services.walk_in(db, room.run, who=who, language="en", seat_id=seat, pin_hash="hash", by=room.manager.id, now=clock.now())


@pytest.mark.goal("RUN-03")
def test_a_stranger_is_in_the_class_with_seat_pin_and_a_line(db: Session) -> None:
    """A provisional record, a place in the roster, a seat, a PIN for the days of the run, and the minutes say it."""
    room = rows.make_room(db, people=1, seats=2)
    agency = room.people[0].agency_id

    one = walks_in(db, room, stranger(room, agency), room.seats[1].id)
    another = walks_in(db, room, stranger(room, agency))

    person = db.get_one(Person, one.person_id)
    assert (person.provisional, person.short_name, one.walk_in, one.number, one.mode) == (True, "Нұрпейіс А.", True, 2, "class")
    assert person.service_number == f"W-{room.run.code.removeprefix('R-')}-2"
    assert db.get_one(Person, another.person_id).service_number == f"W-{room.run.code.removeprefix('R-')}-3"
    assert db.scalars(sa.select(Seating.seat_id).where(Seating.enrolment_id == one.id)).one() == room.seats[1].id
    assert db.scalars(sa.select(Pin.run_id).where(Pin.person_id == person.id, Pin.ended_at.is_(None))).one() == room.run.id
    assert told(db, room) == ["walk-in", "walk-in"]


@pytest.mark.goal("RUN-03")
def test_somebody_of_another_office_keeps_his_record(db: Session) -> None:
    """Who is known is enrolled with his own number, office and rank; no second record is made."""
    room = rows.make_room(db, people=0)
    guest = make_person(db)

    one = walks_in(db, room, guest.id)

    assert (one.person_id, one.office_id == room.office.id) == (guest.id, False)
    assert not db.get_one(Person, guest.id).provisional
    with pytest.raises(Conflict):
        walks_in(db, room, guest.id)


def test_who_was_withdrawn_comes_back_under_his_number(db: Session) -> None:
    """The roster has him once."""
    room = rows.make_room(db, people=2)
    room.people[0].state = "withdrawn"
    db.flush()

    assert walks_in(db, room, room.people[0].person_id) is room.people[0]
    assert (room.people[0].state, room.people[0].number) == ("enrolled", 1)


def test_who_has_left_teaches_or_finds_the_seat_taken_is_refused(db: Session) -> None:
    """Each with its sentence, and nothing is half-written."""
    room = rows.make_room(db, people=1, seats=1)
    rows.sit(db, room, room.people[0], room.seats[0])
    gone = make_person(db)
    let_go(db, gone, last_day=room.today - timedelta(days=3))
    before = db.scalar(sa.select(sa.func.count()).select_from(Enrolment))

    for who, seat in ((gone.id, None), (room.trainer.id, None), (make_person(db).id, room.seats[0].id)):
        with pytest.raises(Invalid):
            walks_in(db, room, who, seat)

    assert db.scalar(sa.select(sa.func.count()).select_from(Enrolment)) == before


# ---- slips -----------------------------------------------------------------------------------------------------------


@pytest.mark.goal("RUN-05")
def test_a_new_slip_kills_the_old_pin_and_stands_in_the_minutes(db: Session) -> None:
    """One PIN holds, the newest."""
    room = rows.make_room(db, people=1)
    one = room.people[0]
    for n in range(2):
        services.new_slip(db, room.run, person_id=one.person_id, pin_hash=f"hash {n}", by=room.manager.id, now=clock.now())

    pins: Sequence[Pin] = db.scalars(sa.select(Pin).where(Pin.person_id == one.person_id).order_by(Pin.issued_at, Pin.id)).all()
    assert [(pin.pin_hash, pin.ended_at is None) for pin in pins] == [("hash 0", False), ("hash 1", True)]
    assert told(db, room) == ["slip", "slip"]


# ---- reads -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("people", [1, 12])
def test_a_day_is_read_in_the_same_few_statements_for_any_number_of_people(db: Session, counted: Any, people: int) -> None:
    """Eleven statements, for 1 person and for 12."""
    room = rows.make_room(db, people=people, seats=2)
    db.flush()
    queries.the_day(db, room.run, room.today, now=clock.now())

    with counted() as statements:
        queries.the_day(db, room.run, room.today, now=clock.now())

    assert len(statements) == 11
