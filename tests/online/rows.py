"""Rows of online meetings for tests: a released session with its trainer and two trainees."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from app.ids import new_id
from app.people.models import Person
from app.policy import Role
from app.runs.models import CourseRun, Enrolment
from app.schedule.models import Assignment, Meeting, SessionSlot, TrainingSession
from tests import factories
from tests.factories import a_moment, added
from tests.runs import rows as runs
from tests.schedule import rows as schedule


def make_session(db: Session, run: CourseRun, **values: Any) -> TrainingSession:
    """A released hybrid session of a run."""
    defaults: dict[str, Any] = {
        "code": f"S-2026-{str(new_id())[-6:]}", "mode": "hybrid", "language": "ru", "zone": run.zone, "seats": run.seats, "place": "Room 2",
        "link_kind": "bbb", "phone": "+7 727 555 01 02", "state": "released",
    }
    return added(db, TrainingSession(run_id=run.id, **(defaults | values)))


def assign(db: Session, session: TrainingSession, person: Person, role: str = "lead", state: str = "assigned") -> Assignment:
    """Somebody for a slot of the session."""
    slot = added(db, SessionSlot(session_id=session.id, role=role, number=1))
    return added(db, Assignment(session_id=session.id, slot_id=slot.id, person_id=person.id, state=state, since=a_moment(-3)))


class Online:
    """A hybrid session of today with its morning, the trainer, two trainees, and somebody who has nothing to do with it."""

    def __init__(self, db: Session, **values: Any) -> None:
        self.db = db
        self.office = factories.make_office(db)
        self.run: CourseRun = runs.make_run(db, self.office)
        self.session: TrainingSession = make_session(db, self.run, **values)
        self.meeting: Meeting = schedule.make_meeting(db, self.run, session_id=self.session.id)
        self.trainer: Person = factories.make_staff(db, Role.TRAINER, self.office, family="Karimov")
        assign(db, self.session, self.trainer)
        runs.teach(db, self.run, self.trainer)
        self.trainees: list[Person] = [factories.make_person(db, self.office, family=family) for family in ("Abdiev", "Bekova")]
        self.enrolled: list[Enrolment] = [runs.enrol(db, self.run, person) for person in self.trainees]
        self.stranger: Person = factories.make_person(db, self.office, family="Chen")

    @property
    def join(self) -> str:
        """The address of the page."""
        return f"/join/{self.meeting.id}"
