"""Tables of planning: how strictly each constraint is taken, and what a release told to whom."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Record, Stays


class ConstraintSetting(Record, Base):
    """How a constraint is taken at this centre, where that differs from its default."""

    __tablename__ = "constraint_setting"
    code: Mapped[str] = mapped_column(sa.String(3), unique=True)  # T1 ... T18
    level: Mapped[str] = mapped_column(sa.String(1))  # B | R | W | P
    weight: Mapped[int] = mapped_column(default=0)  # most points
    numbers: Mapped[dict[str, Any]] = mapped_column(default_factory=dict)  # limits of the rule, e.g. days a month


class Told(Stays, Base):
    """What somebody was told of a session by a release: a later change is told once, to whom it concerns."""

    __tablename__ = "told"
    session_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("training_session.id"), index=True)
    person_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("person.id"), index=True)
    batch: Mapped[uuid.UUID] = mapped_column(index=True)  # of the mails made with it
    part: Mapped[str] = mapped_column(sa.String(12))  # a role of a slot | seat | manager | gone: no longer in it
    meetings: Mapped[dict[str, Any]]  # id -> what was said of it, as planning.release writes it
    mailed: Mapped[bool]  # False: he has no address, and is told on his start page and on paper
    at: Mapped[datetime]
