"""Rows of planning for tests: a session of a run with meetings, slots and people of the pool."""

from __future__ import annotations

import uuid
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.courses.models import CourseVersion
from app.offices.models import Office
from app.people.models import Person
from app.people.names import fold
from app.planning.models import Told
from app.policy import Role
from app.runs.models import CourseRun
from app.schedule import assignments
from app.schedule.models import Assignment, Meeting, SessionSlot, TrainingSession
from app.trainers.models import Accreditation, Trainer, TrainerLanguage
from tests.factories import a_moment, added, make_country, make_office, make_person, make_staff
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


def accredit(db: Session, trainer: Trainer, session: TrainingSession, *, level: str = "lead", valid_to: date | None = None, language: str = "C1") -> Trainer:
    """Let a trainer take a role in the course of a session, in its language; `language` "" for somebody who does not speak it."""
    run = db.get_one(CourseRun, session.run_id)
    course_id = db.get_one(CourseVersion, run.course_version_id).course_id
    added(db, Accreditation(trainer_id=trainer.id, course_id=course_id, level=level, valid_from=date(2020, 1, 1), valid_to=valid_to))
    if language:
        added(db, TrainerLanguage(trainer_id=trainer.id, language=session.language, level=language))
    return trainer


def next_monday() -> datetime:
    """Nine o'clock in Almaty on the Monday after next."""
    today = clock.now().date()
    return datetime.combine(today + timedelta(days=15 - today.isoweekday()), time(4), ZoneInfo("UTC"))


class Plan:
    """A drafted session of three mornings with an empty lead and co-trainer slot, its planner, and people of the pool who fit more or less."""

    def __init__(self, db: Session) -> None:
        self.monday = next_monday()
        self.country = make_country(db)
        self.centre = make_office(db, country=self.country, kind="centre")
        self.post = make_office(db, self.centre)
        self.planner = make_staff(db, Role.TRAINING_OFFICER, self.centre)
        self.run = make_run(db, self.post, place="Room 2")
        self.session = make_session(db, self.run, meetings=3, slots=("lead", "co"), starts=self.monday)
        self.slots = list(db.scalars(sa.select(SessionSlot).where(SessionSlot.session_id == self.session.id).order_by(SessionSlot.number)))

    def trainer(self, db: Session, family: str, office: Office | None = None, *, level: str = "lead", valid_to: date | None = None, language: str = "C1", **values: Any) -> Trainer:
        """Somebody of the pool who fits, but for what is said."""
        person = make_person(db, office or self.post, family=family, given="Daniyar", search_key=fold(f"{family} Daniyar"))
        return accredit(db, make_trainer(db, office or self.post, person, **values), self.session, level=level, valid_to=valid_to, language=language)

    def abroad(self, db: Session, family: str, *, shown: str = "card", **values: Any) -> Trainer:
        """Somebody of another country's pool who fits."""
        home = make_office(db, kind="centre")
        return self.trainer(db, family, home, reach="regional", travels="abroad", shown_abroad=shown, **values)

    def put(self, db: Session, n: int, trainer: Trainer, verb: Any = assignments.assign) -> Assignment:
        """Put somebody into the n-th slot."""
        made: Assignment = verb(db, self.slots[n], db.get_one(Person, trainer.person_id), by=self.planner.id, now=clock.now())
        return made

    @property
    def path(self) -> str:
        """The address of the session's page."""
        return f"/planning/sessions/{self.session.code}"
