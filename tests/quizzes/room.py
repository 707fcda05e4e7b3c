"""A room in which a supervised test is taken: a run with its classroom, its class manager, and whoever came."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.offices.models import Seat
from app.people.models import Person
from app.quizzes import board as boards
from app.quizzes import invigilation, services
from app.quizzes.board import Board, Row
from app.quizzes.models import Attempt, AttemptEvent
from app.runs.models import CourseRun, Enrolment
from app.schedule.models import MinutesLine, Seating
from tests.factories import added, make_classroom, make_office, make_person, make_sign_in
from tests.quizzes.rows import Tab, make_enrolment, make_run, start_for_room


@dataclass(repr=False)
class Room:
    """A run with its classroom, its class manager, and whoever came."""

    db: Session
    run: CourseRun
    seats: list[Seat]
    manager: Person
    people: list[Enrolment] = field(default_factory=list)

    def comes(self, seat: int | None = 0, *, signs_in: bool = True, wave: int = 1, plan: int | None = None, **values: Any) -> Enrolment:
        """Somebody in class, signed in at a seat; `plan`: the seat that the plan has for him."""
        person = make_person(self.db, family=f"Person {len(self.people) + 1}")
        enrolment = make_enrolment(self.db, self.run, person, number=len(self.people) + 1, **values)
        if signs_in:
            make_sign_in(self.db, person, kind="pin", seat_id=None if seat is None else self.seats[seat].id)
        if plan is not None:
            added(self.db, Seating(run_id=self.run.id, enrolment_id=enrolment.id, seat_id=self.seats[plan].id, wave=wave))
        self.people.append(enrolment)
        return enrolment

    def starts(self, enrolment: Enrolment, seat: int | None = 0) -> Attempt:
        """He begins the test that was started for the room."""
        start_for_room(self.db, self.run.id, "pre")
        return services.start_attempt(
            self.db, enrolment_id=enrolment.id, quiz="pre", now=clock.now(), uptime=clock.uptime(), writer=f"tab-{enrolment.number}",
            seat_id=None if seat is None else self.seats[seat].id,
        )

    def tab(self, attempt: Attempt, enrolment: Enrolment) -> Tab:
        """The page that he works on."""
        return Tab(self.db, attempt.id, f"tab-{enrolment.number}")

    def board(self) -> Board:
        """What the invigilator sees."""
        return boards.board(self.db, self.run, "pre", now=clock.now(), uptime=clock.uptime())

    def row(self, enrolment: Enrolment) -> Row:
        """His line."""
        return next(row for row in self.board().rows if row.enrolment_id == enrolment.id)

    def does(self, verb: Callable[..., Any], *args: Any, **values: Any) -> Any:
        """What the class manager does to the test."""
        values |= {"by": self.manager.id, "now": clock.now()}
        if verb not in (invigilation.release, invigilation.move, invigilation.lower_hand):
            values["uptime"] = clock.uptime()
        return verb(self.db, self.run, "pre", *args, **values)

    def events(self, attempt: Attempt) -> list[tuple[str, str]]:
        """What was done to an attempt, and why, in order."""
        rows = self.db.execute(
            sa.select(AttemptEvent.what, AttemptEvent.reason).where(AttemptEvent.attempt_id == attempt.id).order_by(AttemptEvent.at, AttemptEvent.id)
        )
        return [(what, reason) for what, reason in rows]

    def minutes(self) -> list[tuple[str, dict[str, Any], str]]:
        """The lines of the minutes: code, what its sentence names, the reason given."""
        rows = self.db.execute(
            sa.select(MinutesLine.what, MinutesLine.detail, MinutesLine.note).where(MinutesLine.run_id == self.run.id)
            .order_by(MinutesLine.at, MinutesLine.id)
        )
        return [(what, detail, note) for what, detail, note in rows]


def make_room(db: Session, seats: int = 4) -> Room:
    """An empty room."""
    office = make_office(db)
    classroom = make_classroom(db, office, seats=seats)
    run = make_run(db, office=office)
    run.classroom_id = classroom.id
    db.flush()
    found = list(db.scalars(sa.select(Seat).where(Seat.classroom_id == classroom.id).order_by(Seat.label)))
    return Room(db, run, found, make_person(db, office, family="Manager"))
