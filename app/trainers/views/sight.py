"""Which trainer a page is about and how much of him who asks may see; how much somebody teaches, and how he was rated."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import sqlalchemy as sa
from flask import g
from sqlalchemy.orm import Session

from app import clock
from app.courses.models import Course, CourseVersion
from app.errors import NotFound
from app.feedback.models import FeedbackSheet
from app.feedback.rules import FEWEST
from app.http import actor
from app.i18n import pick
from app.offices.models import Office
from app.people.register_queries import offices_below
from app.policy import Target, scope
from app.runs.models import CourseRun
from app.schedule.models import Assignment, Booking, Meeting, SessionSlot, Taught, TrainingSession
from app.trainers import queries
from app.trainers.models import Trainer

BACK = FORTH = timedelta(days=90)


def today() -> date:
    """The day on which stages and accreditations are looked at."""
    return clock.now().date()


# ---- who may see whom ------------------------------------------------------------------------------------------------


def at_home(path: str) -> bool:
    """Whether an office lies under those whose trainers who asks knows without their consent."""
    return any(path.startswith(one) for one in scope(actor(), "trainer.know"))


def the_trainer(db: Session, trainer_id: uuid.UUID) -> tuple[Trainer, Target]:
    """A trainer for his card. Of another country, and for a coordinator, it is read only when he agreed to show it."""
    trainer = _found(db, trainer_id)
    path: str | None = trainer.home.path
    mine = scope(actor(), "trainer.read")
    if mine and not at_home(trainer.home.path):
        path = mine[0] if trainer.shown_abroad == "card" and trainer.left_on is None else None
    return trainer, Target(path=path, owner=trainer.person_id)


def kept_trainer(db: Session, trainer_id: uuid.UUID) -> tuple[Trainer, Target]:
    """A trainer for whoever keeps his card: his home alone decides."""
    trainer = _found(db, trainer_id)
    return trainer, Target(path=trainer.home.path)


def _found(db: Session, trainer_id: uuid.UUID) -> Trainer:
    trainer = queries.with_home(db, trainer_id)
    if trainer is None:
        raise NotFound()
    return trainer


# ---- what he teaches -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Load:
    """Teaching days of somebody, each day once: those of the last and of the next 90."""

    back: int
    forth: int


def loads(db: Session, person_ids: Sequence[uuid.UUID], on: date) -> dict[uuid.UUID, Load]:
    """How many days people teach, as their bookings say. One statement for a whole page."""
    rows = db.execute(
        sa.select(
            Booking.resource_id,
            sa.func.count(sa.distinct(sa.case((Meeting.day < on, Meeting.day)))), sa.func.count(sa.distinct(sa.case((Meeting.day >= on, Meeting.day)))),
        )
        .join(Meeting, Meeting.id == Booking.meeting_id)
        .where(Booking.kind == "trainer", Booking.resource_id.in_(person_ids), Meeting.day > on - BACK, Meeting.day < on + FORTH)
        .group_by(Booking.resource_id)
    )
    found = {person_id: Load(back, forth) for person_id, back, forth in rows}
    return {person_id: found.get(person_id, Load(0, 0)) for person_id in person_ids}


@dataclass(frozen=True)
class Taken:
    """A session that somebody has, had or was asked for."""

    assignment: Assignment
    session: TrainingSession
    role: str
    title: str
    office: dict[str, str]
    path: str
    first: date
    last: date
    zone: str


def sessions_of(db: Session, person_id: uuid.UUID, *, since: date) -> list[Taken]:
    """The sessions of somebody from a day on, soonest first; drafts too, for who was asked knows of them."""
    days = (
        sa.select(Meeting.session_id, sa.func.min(Meeting.day).label("first"), sa.func.max(Meeting.day).label("last"))
        .where(Meeting.state != "cancelled").group_by(Meeting.session_id).subquery()
    )
    rows = db.execute(
        sa.select(Assignment, TrainingSession, SessionSlot.role, CourseVersion.titles, Office.names, Office.path, days.c.first, days.c.last)
        .join(SessionSlot, SessionSlot.id == Assignment.slot_id).join(TrainingSession, TrainingSession.id == Assignment.session_id)
        .join(days, days.c.session_id == TrainingSession.id).join(CourseRun, CourseRun.id == TrainingSession.run_id)
        .join(CourseVersion, CourseVersion.id == CourseRun.course_version_id).join(Office, Office.id == CourseRun.office_id)
        .where(Assignment.person_id == person_id, Assignment.state.in_(("requested", "offered", "accepted", "assigned")), days.c.last >= since)
        .order_by(days.c.first, TrainingSession.code)
    )
    return [
        Taken(assignment, session, role, session.title or pick(titles), office, path, first, last, session.zone)
        for assignment, session, role, titles, office, path, first, last in rows
    ]


@dataclass(frozen=True)
class Rating:
    """How trainees rated somebody: the mean of "explained clearly" over sheets of runs that he taught."""

    n: int
    mean: Fraction | None  # None below the number at which sheets would tell about single people


def rating_of(db: Session, person_id: uuid.UUID) -> Rating:
    """The rating of a trainer over all runs that he has taught."""
    taught = sa.select(Meeting.run_id).join(Taught, Taught.meeting_id == Meeting.id).where(Taught.person_id == person_id)
    marks = [
        answers["trainer"] for (answers,) in db.execute(sa.select(FeedbackSheet.answers).where(FeedbackSheet.run_id.in_(taught))) if "trainer" in answers
    ]
    return Rating(len(marks), Fraction(sum(marks), len(marks)) if len(marks) >= FEWEST else None)


# ---- choices ---------------------------------------------------------------------------------------------------------


def course_titles(db: Session) -> dict[uuid.UUID, str]:
    """The courses by their newest titles, in the order of these. Read once for a page."""
    if "course_titles" in g:
        known: dict[uuid.UUID, str] = g.course_titles
        return known
    rows: dict[uuid.UUID, Any] = {}
    for course_id, titles in db.execute(
        sa.select(Course.id, CourseVersion.titles).join(CourseVersion, CourseVersion.course_id == Course.id).order_by(CourseVersion.number)
    ):
        rows[course_id] = pick(titles)
    g.course_titles = dict(sorted(rows.items(), key=lambda row: row[1]))
    return dict(g.course_titles)


def office_options(db: Session, action: str) -> list[tuple[str, str]]:
    """Offices of a country for which who asks may do this, each under the one that it belongs to."""
    offices = [one for one in _offices(db, action) if one.country_id is not None]
    least = min((one.path.count("/") for one in offices), default=0)
    return [(str(one.id), "\N{NO-BREAK SPACE}" * 3 * (one.path.count("/") - least) + pick(one.names)) for one in offices]


def _offices(db: Session, action: str) -> Sequence[Office]:
    if "offices" not in g:
        g.offices = {}
    if action not in g.offices:
        g.offices[action] = offices_below(db, scope(actor(), action))
    found: Sequence[Office] = g.offices[action]
    return found
