"""A slip at the wrong PC, on the wrong day, or an old one: a sentence says where the right seat is and who helps."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app import clock
from app.people.models import Person
from tests.classday import rows
from tests.classday.rows import Room
from tests.factories import make_classroom
from tests.people.signing import browser_at, give_pin, is_in, types_pin


def tries(app: Flask, db: Session, room: Room, seat: Any, **pin: Any) -> tuple[bool, str]:
    """Somebody of the room types his PIN at a seat: whether he is in, and what the page says."""
    person = db.get_one(Person, room.people[0].person_id)
    made = give_pin(db, person, run_id=room.run.id)
    for name, value in pin.items():
        setattr(made, name, value)
    client = browser_at(app, db, seat)
    answer = types_pin(client, person)
    page = client.get(answer.location, follow_redirects=True) if answer.status_code == 303 else answer
    return is_in(client), re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.get_data(as_text=True)))


@pytest.mark.goal("RUN-05")
def test_at_the_own_seat_nothing_is_said(app: Flask, db: Session) -> None:
    """A slip at its seat simply works."""
    room = rows.make_room(db, people=1)
    rows.sit(db, room, room.people[0], room.seats[0])

    entered, page = tries(app, db, room, room.seats[0])

    assert (entered, "Your seat is" in page) == (True, False)


@pytest.mark.goal("RUN-05")
def test_at_another_seat_of_the_room_the_right_one_is_named(app: Flask, db: Session) -> None:
    """He may learn there, and knows his seat before the test."""
    room = rows.make_room(db, people=1)
    rows.sit(db, room, room.people[0], room.seats[2])

    entered, page = tries(app, db, room, room.seats[0])

    assert (entered, "Your seat is 03; this is seat 01" in page) == (True, True)


def test_in_another_room_of_the_office_the_class_is_named(app: Flask, db: Session) -> None:
    """A room that fails moves next door: nobody is kept out."""
    room = rows.make_room(db, people=1)
    next_door = make_classroom(db, room.office, seats=1)
    seat = db.query(rows.Seat).filter_by(classroom_id=next_door.id).one()

    entered, page = tries(app, db, room, seat)

    assert (entered, "Your class is in CBT class 1" in page) == (True, True)


@pytest.mark.goal("RUN-05")
def test_in_another_office_the_slip_is_refused_with_the_right_room(app: Flask, db: Session) -> None:
    """The sentence names the room and the office that the slip is for."""
    room, elsewhere = rows.make_room(db, people=1), rows.make_room(db)

    entered, page = tries(app, db, room, elsewhere.seats[0])

    assert (entered, f"This slip is for CBT class 1, {room.office.names['en']}" in page) == (False, True)


@pytest.mark.goal("RUN-05")
def test_an_expired_pin_says_its_days_and_who_gives_a_new_one(app: Flask, db: Session) -> None:
    """Not just "wrong": from when to when it held, and the class manager's name."""
    room = rows.make_room(db, people=1)
    now = clock.now()

    entered, page = tries(app, db, room, room.seats[0], valid_from=now - timedelta(days=5), valid_to=now - timedelta(days=2))

    assert (entered, "This PIN holds from" in page, "Жұмағұлова Г. prints a new slip" in page) == (False, True, True)


@pytest.mark.goal("RUN-05")
def test_an_old_slip_says_that_there_is_a_newer_one(app: Flask, db: Session) -> None:
    """Whoever kept the first slip is told to use the newest."""
    room = rows.make_room(db, people=1)

    entered, page = tries(app, db, room, room.seats[0], ended_at=clock.now() - timedelta(minutes=5))

    assert (entered, "Use the newest one" in page) == (False, True)
