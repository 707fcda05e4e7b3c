"""Verbs of absences: leave, illness, duty shifts, deployments of trainers and of officers who are trained."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import take_write_lock
from app.errors import Conflict, Invalid, say
from app.trainers import rules
from app.trainers.models import Absence
from app.trainers.rules import Span


def add(db: Session, *, person_id: uuid.UUID, kind: str, spans: Sequence[Span], zone: str, note: str = "") -> list[Absence]:
    """Note when somebody cannot come, by the clock of a place. What is on file already, to the minute, is left as it is.

    Raises Invalid for an unknown kind or a span that ends before it starts; then nothing is noted.
    """
    take_write_lock(db)
    if kind not in rules.KINDS:
        raise Invalid(fields={"kind": say("absence", "Choose why.")})
    if any(one.ends_at <= one.starts_at for one in spans):
        raise Invalid(fields={"ends": say("absence", "This ends before it starts.")})
    known = {
        (one.kind, one.starts_at, one.ends_at)
        for one in db.scalars(sa.select(Absence).where(Absence.person_id == person_id, Absence.ended_on.is_(None)))
    }
    made = [
        Absence(person_id=person_id, kind=kind, starts_at=one.starts_at, ends_at=one.ends_at, zone=zone, note=note.strip())
        for one in spans if (kind, one.starts_at, one.ends_at) not in known
    ]
    db.add_all(made)
    db.flush()
    return made


def take_back(db: Session, absence: Absence, *, today: date) -> None:
    """An absence holds no more; it stays as history. Raises Conflict when it was taken back already."""
    take_write_lock(db)
    if absence.ended_on is not None:
        raise Conflict(say("absence", "This was taken back already."))
    absence.ended_on = today
    db.flush()


def current(db: Session, person_ids: Sequence[uuid.UUID], since: datetime, until: datetime | None = None) -> list[Absence]:
    """Absences that hold and touch the time from `since` to `until`, in order."""
    query = sa.select(Absence).where(Absence.person_id.in_(person_ids), Absence.ended_on.is_(None), Absence.ends_at > since)
    if until is not None:
        query = query.where(Absence.starts_at < until)
    return list(db.scalars(query.order_by(Absence.starts_at, Absence.id)))
