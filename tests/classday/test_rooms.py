"""The record of a classroom: seats, equipment with state and hand-over, line, class manager, daily checks."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app import clock
from app.classday import services
from app.offices.models import Equipment
from app.people.models import Person
from app.policy import Role
from tests.classday import rows
from tests.factories import make_staff

Enter = Callable[[Person], FlaskClient]


def text(answer: Any) -> str:
    """The words of a page."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True)))


@pytest.mark.goal("RUN-16")
def test_the_class_manager_keeps_the_record_of_his_room(db: Session, client_of: Enter) -> None:
    """Line, manager, portable, a projector with state and hand-over, a broken seat, and the checks of past days: on page and paper."""
    room = rows.make_room(db)
    services.open_class(
        db, room.run, day=room.today, found={"server": "ok", "projector": "fault"}, note="lamp is dark", by=room.manager.id, now=clock.now()
    )
    browser = client_of(room.manager)
    at = f"/classrooms/{room.classroom.id}"

    browser.post(f"{at}/keep", data={"line": "weak", "manager": str(room.manager.id), "portable": "y", "note": "Key at the duty desk"})
    browser.post(f"{at}/equipment/new", data={
        "kind": "projector", "name": "Epson EB-X49", "state": "broken", "inventory_number": "KZ-17", "handed_to": "Мырзабеков Ү.", "handed_on": "2026-03-14",
    })
    browser.post(f"{at}/seats/{room.seats[1].id}", data={"state": "broken"})

    page = text(browser.get(at))
    for words in ("weak", "Жұмағұлова Гүлнар", "portable", "Key at the duty desk", "Epson EB-X49", "KZ-17", "Мырзабеков Ү., 14 Mar 2026", "1 broken", "Projector", "lamp is dark"):
        assert words in page, words
    assert browser.get(f"{at}/record.pdf").data[:5] == b"%PDF-"


def test_bad_equipment_is_said_at_its_field(db: Session, client_of: Enter) -> None:
    """No name, no such day, a hand-over to nobody; nothing is kept."""
    room = rows.make_room(db)
    browser = client_of(room.manager)
    good = {"kind": "ups", "name": "UPS", "state": "works"}

    for wrong, words in (({"name": " "}, "Say what it is"), ({"handed_on": "14 March"}, "Write the day as"), ({"handed_on": "2026-03-14"}, "to whom")):
        answer = browser.post(f"/classrooms/{room.classroom.id}/equipment/new", data=good | wrong)
        assert (answer.status_code, words in text(answer)) == (422, True), words
    assert db.scalar(sa.select(sa.func.count()).select_from(Equipment)) == 0


def test_others_read_the_record_and_change_nothing(db: Session, client_of: Enter) -> None:
    """A manager of the office sees the page without its buttons."""
    room = rows.make_room(db)
    browser = client_of(make_staff(db, Role.MANAGER, room.office))

    assert "Change…" not in text(browser.get(f"/classrooms/{room.classroom.id}"))
    assert browser.post(f"/classrooms/{room.classroom.id}/keep", data={"line": "good"}).status_code == 403


def test_a_seat_of_another_room_is_not_touched(db: Session, client_of: Enter) -> None:
    """An address put together by hand changes nothing."""
    room, other = rows.make_room(db), rows.make_room(db)

    assert client_of(room.manager).post(f"/classrooms/{room.classroom.id}/seats/{other.seats[0].id}", data={"state": "broken"}).status_code == 404
