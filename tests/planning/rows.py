"""Rows of planning for tests: a session of a run with meetings, slots and people of the pool."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.offices.models import Office
from app.people.models import Person
from app.planning.models import Told
from app.runs.models import CourseRun
from app.schedule.models import Meeting, SessionSlot, TrainingSession
from app.trainers.models import Trainer
from tests.factories import a_moment, added, make_office, make_person
from tests.runs.rows import make_run

MONDAY = datetime(2026, 11, 23, 4, tzinfo=ZoneInfo("UTC"))  # 09:00 in Almaty


def make_session(db: Session, run: CourseRun | None = None, *, meetings: int = 2, slots: tuple[str, ...] = ("lead",), starts: datetime = MONDAY, **values: Any) -> TrainingSession:
    """A drafted session with half-day meetings on following days and empty slots."""
    run = run or make_run(db)
    defaults: dict[str, Any] = {
        "code": f"S-2026-{uuid.uuid4().hex[:6]}", "mode": "classroom", "language": "ru", "zone": run.zone, "seats": run.seats, "place": "Room 2", "state": "draft",
    }
    session = added(db, TrainingSession(run_id=run.id, **(defaults | values)))
    for n in range(meetings):
        add_meeting(db, session, starts + timedelta(days=n))
    for n, role in enumerate(slots, 1):
        added(db, SessionSlot(session_id=session.id, role=role, number=n))
    return session


def add_meeting(db: Session, session: TrainingSession, starts: datetime, hours: float = 4, **values: Any) -> Meeting:
    """Another meeting of a session."""
    defaults: dict[str, Any] = {
        "day": starts.astimezone(ZoneInfo(session.zone)).date(), "zone": session.zone, "state": "draft" if session.state == "draft" else "planned",
    }
    return added(db, Meeting(run_id=session.run_id, session_id=session.id, starts_at=starts, ends_at=starts + timedelta(hours=hours), **(defaults | values)))


def make_trainer(db: Session, office: Office | None = None, person: Person | None = None, **values: Any) -> Trainer:
    """Somebody of the pool."""
    office = office or make_office(db)
    person = person or make_person(db, office=office)
    return added(db, Trainer(person_id=person.id, home_office_id=office.id, **({"stage": "accredited"} | values)))


def make_told(db: Session, session: TrainingSession, person: Person, **values: Any) -> Told:
    """That somebody was told of a session as it stands, without a mail."""
    defaults: dict[str, Any] = {"batch": uuid.uuid4(), "part": "lead", "meetings": {}, "mailed": False, "at": a_moment()}
    return added(db, Told(session_id=session.id, person_id=person.id, **(defaults | values)))
