"""A room for tests: a run whose first and only day is today, people in class, PCs, a class manager and a trainer."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.offices.models import Classroom, Office, Seat
from app.people.models import Person
from app.policy import Role
from app.quizzes import invigilation, services
from app.quizzes.models import Attempt
from app.runs.models import CourseRun, Enrolment
from app.schedule.models import Seating
from tests.factories import added, make_classroom, make_office, make_person, make_staff
from tests.quizzes.rows import TITLES, content, make_version
from tests.runs.rows import enrol, make_run, teach

NAMES = (
    ("Абдыкадыров", "Тимур"), ("Әбдірахманова", "Гүлнәр"), ("Бекова", "Айгерім"), ("Ergashev", "Botir"), ("Жұмабеков", "Әлихан"),
    ("Исмоилзода", "Фарҳод"), ("Кадырова", "Чолпон"), ("Қасымова", "Ілияна"), ("Мырзабеков", "Үміт"), ("Nuryýew", "Çary"), ("Омаров", "Нұрлан"),
    ("Раҳимов", "Ҷамшед"), ("Сәтбаев", "Һамит"), ("Toʻraqulova", "Dilnoza"),
)
ZONE = "Asia/Almaty"


@dataclass
class Room:
    """What a test of a class day needs to hand."""

    run: CourseRun
    office: Office
    classroom: Classroom
    seats: list[Seat]
    manager: Person
    trainer: Person
    people: list[Enrolment] = field(default_factory=list)

    @property
    def day(self) -> str:
        """Today, as the address has it."""
        return self.today.isoformat()

    @property
    def today(self) -> date:
        """Today where the run is held."""
        return clock.now().astimezone(ZoneInfo(ZONE)).date()

    @property
    def at(self) -> str:
        """The address of the day's page."""
        return f"/class/{self.run.code}/{self.day}"


def make_room(db: Session, *, people: int = 3, seats: int = 4, days: int = 1, **values: Any) -> Room:
    """A run with a supervised pre-test and final test, today being its first day."""
    office = make_office(db, zone=ZONE)
    classroom = make_classroom(db, office, seats=seats)
    blueprint = [{"outcome": "car", "items": 2}, {"outcome": "seal", "items": 1}]
    quizzes = [
        {"id": "pre", "kind": "pre-test", "title": TITLES["pre"], "minutes": 20, "attempts": 1, "supervised": True, "blueprint": blueprint},
        {"id": "post", "kind": "post-test", "title": TITLES["post"], "minutes": 25, "attempts": 2, "supervised": True, "blueprint": blueprint},
    ]
    today = clock.now().astimezone(ZoneInfo(ZONE)).date()
    run = make_run(
        db, office, make_version(db, content(quizzes=quizzes)), classroom_id=classroom.id, place="", starts_on=today, ends_on=today + timedelta(days=days - 1), zone=ZONE,
        seats=max(people, 1), **values,
    )
    manager, trainer = make_staff(db, Role.CLASS_MANAGER, office, family="Жұмағұлова", given="Гүлнар"), make_staff(db, Role.TRAINER, family="Кәрімов", given="Дәурен")
    teach(db, run, trainer)
    rows = list(db.scalars(sa.select(Seat).where(Seat.classroom_id == classroom.id).order_by(Seat.label)))
    room = Room(run, office, classroom, rows, manager, trainer)
    for n in range(people):
        family, given = NAMES[n % len(NAMES)]
        room.people.append(enrol(db, run, make_person(db, office, family=family, given=given), language="en"))
    return room


def sit(db: Session, room: Room, one: Enrolment, seat: Seat | None, wave: int = 1) -> Seating:
    """Somebody's place in the seat plan."""
    return added(db, Seating(run_id=room.run.id, enrolment_id=one.id, seat_id=seat.id if seat else None, wave=wave))


def start(db: Session, room: Room, quiz: str = "pre", wave: int = 0) -> None:
    """The test is started for the room."""
    invigilation.start_room_test(db, room.run, quiz, by=room.manager.id, now=clock.now(), wave=wave)


def begin(db: Session, one: Enrolment, seat: Seat | None = None, quiz: str = "pre") -> Attempt:
    """Somebody has begun the test, at a seat."""
    return services.start_attempt(
        db, enrolment_id=one.id, quiz=quiz, now=clock.now(), uptime=clock.uptime(), writer=f"tab of {one.number}", seat_id=seat.id if seat else None,
    )


def ids(people: list[Enrolment]) -> list[uuid.UUID]:
    """Their ids."""
    return [one.id for one in people]
