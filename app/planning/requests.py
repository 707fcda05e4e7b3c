"""Requests to other countries: what waits for whose answer, what was answered, and which empty slots of a region nobody has asked for."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from app.offices.models import Country, Office
from app.offices.scope import under
from app.people.models import Person
from app.runs.models import CourseRun
from app.schedule import telling
from app.schedule.assignments import CURRENT
from app.schedule.models import Assignment, AssignmentEvent, Meeting, SessionSlot, TrainingSession
from app.schedule.telling import About
from app.trainers.models import Trainer

MOST_ANSWERED = 50


@dataclass(frozen=True)
class Request:
    """A trainer of one country asked for by another, with the answer if there is one."""

    assignment: Assignment
    slot: SessionSlot
    about: About
    person: str
    home: dict[str, str]
    home_path: str
    asked_at: datetime
    asked_by: str
    reason: str  # of the asking
    answer: str = ""  # granted | refused | withdrawn | "": waits
    answered_at: datetime | None = None
    answered_by: str = ""
    words: str = ""  # of the answer


def waiting(db: Session, home_paths: Collection[str]) -> list[Request]:
    """Requests for trainers whose home is under these offices, the longest waiting first."""
    return _requests(db, sa.and_(Assignment.state == "requested", under(Office.path, home_paths)), newest=False)


def asked(db: Session, paths: Collection[str], *, open_only: bool = False) -> list[Request]:
    """Requests for sessions of runs under these offices, the newest first; answered ones too unless `open_only`."""
    runs = sa.select(CourseRun.id).join(giver, giver.id == CourseRun.office_id).where(under(giver.path, paths))
    mine = TrainingSession.run_id.in_(runs)
    return _requests(db, sa.and_(mine, Assignment.state == "requested") if open_only else mine, newest=True)


def answered(db: Session, home_paths: Collection[str]) -> list[Request]:
    """What was asked for trainers whose home is under these offices and is answered or taken back, the newest first."""
    return _requests(db, sa.and_(Assignment.state != "requested", under(Office.path, home_paths)), newest=True)


def one(db: Session, assignment_id: uuid.UUID) -> Request | None:
    """A single request; None where this was never asked of another country."""
    return next(iter(_requests(db, Assignment.id == assignment_id, newest=True)), None)


giver = aliased(Office)


def _requests(db: Session, where: sa.ColumnElement[bool], *, newest: bool) -> list[Request]:
    asking, by = aliased(AssignmentEvent), aliased(Person)
    rows = db.execute(
        sa.select(Assignment, SessionSlot, Person.short_name, Office.names, Office.path, asking.at, by.short_name, asking.reason)
        .join(asking, sa.and_(asking.assignment_id == Assignment.id, asking.what == "requested")).outerjoin(by, by.id == asking.by_id)
        .join(SessionSlot, SessionSlot.id == Assignment.slot_id).join(TrainingSession, TrainingSession.id == Assignment.session_id)
        .join(Person, Person.id == Assignment.person_id).join(Trainer, Trainer.person_id == Person.id).join(Office, Office.id == Trainer.home_office_id)
        .where(where).order_by(asking.at.desc() if newest else asking.at, Assignment.id).limit(MOST_ANSWERED)
    ).all()
    told = telling.about(db, [assignment.session_id for assignment, *_ in rows])
    answers = _answers(db, [assignment.id for assignment, *_ in rows])
    found = []
    for assignment, slot, person, home, path, at, name, reason in rows:
        event, who = answers.get(assignment.id, (None, ""))
        found.append(Request(
            assignment, slot, told[assignment.session_id], person, home, path, at, name or "", reason,
            *(({"assigned": "granted"}.get(event.what, event.what), event.at, who, event.reason) if event is not None else ()),
        ))
    return found


def _answers(db: Session, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, tuple[AssignmentEvent, str]]:
    """The first thing that ended the waiting of each."""
    rows = db.execute(
        sa.select(AssignmentEvent, Person.short_name).outerjoin(Person, Person.id == AssignmentEvent.by_id)
        .where(AssignmentEvent.assignment_id.in_(ids), AssignmentEvent.what.in_(("assigned", "refused", "withdrawn")))
        .order_by(AssignmentEvent.at.desc(), AssignmentEvent.id.desc())
    )
    return {event.assignment_id: (event, who or "") for event, who in rows}


# ---- asking ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Need:
    """An empty slot of a session to come that somebody may ask another country for."""

    slot: SessionSlot
    about: About
    country: str
    starts_at: datetime


def needs(db: Session, paths: Collection[str], own: Collection[str], *, now: datetime) -> list[Need]:
    """Empty slots of sessions to come under these offices, the soonest first; drafts only under `own`, where who asks plans."""
    first = sa.select(Meeting.session_id, sa.func.min(Meeting.starts_at).label("starts_at")).where(Meeting.state.in_(("draft", "planned"))).group_by(Meeting.session_id).subquery()
    taken = sa.exists().where(Assignment.slot_id == SessionSlot.id, Assignment.state.in_(CURRENT))
    rows = db.execute(
        sa.select(SessionSlot, Country.code, first.c.starts_at)
        .join(TrainingSession, TrainingSession.id == SessionSlot.session_id).join(first, first.c.session_id == TrainingSession.id)
        .join(CourseRun, CourseRun.id == TrainingSession.run_id).join(Office, Office.id == CourseRun.office_id).outerjoin(Country, Country.id == Office.country_id)
        .where(
            under(Office.path, paths), SessionSlot.ended_on.is_(None), ~taken, first.c.starts_at > now,
            sa.or_(TrainingSession.state == "released", sa.and_(TrainingSession.state == "draft", under(Office.path, own))),
        )
        .order_by(first.c.starts_at, SessionSlot.number, SessionSlot.id).limit(100)
    ).all()
    told = telling.about(db, [slot.session_id for slot, *_ in rows])
    return [Need(slot, told[slot.session_id], code or "", starts_at) for slot, code, starts_at in rows]
