"""Rows of the pool for tests: a trainer with his centre and planner, and the steps of his way as they are usually taken."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from app.courses.models import Course
from app.offices.models import Office
from app.people.models import Person
from app.policy import Role
from app.trainers import services
from app.trainers.models import Trainer, TrainerStep
from tests.factories import a_moment, make_country, make_office, make_person, make_staff
from tests.runs.rows import make_version

NOW: datetime = a_moment()
TODAY: date = NOW.date()


@dataclass
class Pool:
    """A centre with a planner, an assessor, a course, and a trainer who was nominated a year ago."""

    centre: Office
    planner: Person
    assessor: Person
    course: Course
    person: Person
    trainer: Trainer


def make_pool(db: Session, family: str = "Karimov") -> Pool:
    """A pool of one country with one trainer, just nominated."""
    country = make_country(db)
    centre = make_office(db, country=country, kind="centre")
    home = make_office(db, centre)
    planner = make_staff(db, Role.TRAINING_OFFICER, centre)
    assessor = make_person(db, centre, family="Assessorov")
    person = make_person(db, home, family=family, given="Daniyar")
    trainer = services.take_in(db, person, home=home, day=day(-365), by=planner.id, now=at(-365))
    return Pool(centre, planner, assessor, db.get_one(Course, make_version(db).course_id), person, trainer)


def day(n: int) -> date:
    """A day so many days from today."""
    return TODAY + timedelta(days=n)


def at(n: int) -> datetime:
    """A moment so many days from now."""
    return NOW + timedelta(days=n)


def attend_workshop(db: Session, pool: Pool, n: int = -300) -> TrainerStep:
    """He was at a workshop."""
    return services.note_workshop(db, pool.trainer, day=day(n), note="", by=pool.planner.id, now=at(n))


def ask(db: Session, pool: Pool, n: int = -200) -> TrainerStep:
    """An assessor is asked to watch him."""
    return services.ask_observation(
        db, pool.trainer, assessor=pool.assessor, day=day(n), session_id=None, note="second day", by=pool.planner.id, now=at(n - 1),
    )


def be_observed(db: Session, pool: Pool, n: int = -200, result: str = "passed") -> TrainerStep:
    """He was watched, and the assessor has signed."""
    return services.sign_observation(db, ask(db, pool, n), result=result, day=day(n), note="slower", by=pool.assessor.id, now=at(n))


def be_accredited(db: Session, pool: Pool, first: int = -100, last: int = 300, level: str = "lead") -> None:
    """Accredited for the course, with all that comes before it."""
    attend_workshop(db, pool)
    be_observed(db, pool)
    services.accredit(
        db, pool.trainer, course=pool.course, level=level, valid_from=day(first), valid_to=day(last), document="order 114", by=pool.planner.id, now=at(min(first, 0)),
    )
