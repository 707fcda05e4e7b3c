"""Tables of tests: attempts, their clock on this node, answers, marks, incidents."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db import Base, Fact, Json, Record, Stays
from app.runs.models import Enrolment


class Attempt(Record, Base):
    """One sitting of a quiz by an enrolled person, with the questions drawn for it."""

    __tablename__ = "attempt"
    __table_args__ = (
        sa.UniqueConstraint("enrolment_id", "quiz", "number"),
        # At most one open attempt of a quiz: fifty parallel starts find the same one.
        sa.Index(
            "uq_attempt_open", "enrolment_id", "quiz", unique=True,
            sqlite_where=sa.text("state = 'open'"), postgresql_where=sa.text("state = 'open'"),
        ),
    )
    enrolment_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("enrolment.id"))
    course_version_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("course_version.id"))
    quiz: Mapped[str] = mapped_column(sa.String(40))  # the quiz's id in the course: pre, post
    kind: Mapped[str] = mapped_column(sa.String(12))  # pre-test | practice | post-test | exam
    number: Mapped[int]  # 1 for the first
    language: Mapped[str] = mapped_column(sa.String(8))
    seed: Mapped[str] = mapped_column(sa.String(32))  # order of options and partners
    draw: Mapped[list[str]]  # question ids in the order shown
    supervised: Mapped[bool]
    seconds: Mapped[int | None] = mapped_column(default=None)  # time limit; None: none
    state: Mapped[str] = mapped_column(sa.String(10), default="open")  # open | handed-in | closed (by the deadline)
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    receipt: Mapped[str | None] = mapped_column(sa.String(12), unique=True, default=None)
    score: Mapped[int | None] = mapped_column(default=None)  # millionths of the whole, 0..1_000_000; frozen at hand-in
    seat_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("seat.id"), default=None)
    enrolment: Mapped[Enrolment] = relationship(init=False, lazy="raise", viewonly=True)


class AttemptClock(Stays, Base):
    """The running side of an open attempt on this node: time used, last heartbeat, and which tab may write."""

    __tablename__ = "attempt_clock"
    attempt_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("attempt.id"), unique=True)
    boot: Mapped[str] = mapped_column(sa.String(40))  # clock.Uptime.boot while running
    since_ms: Mapped[int] = mapped_column(sa.BigInteger)  # uptime when the present stretch began
    beat_ms: Mapped[int] = mapped_column(sa.BigInteger)  # uptime of the last sign of life
    beat_at: Mapped[datetime]  # wall clock then: all there is to know how long the machine was off
    used_ms: Mapped[int] = mapped_column(sa.BigInteger, default=0)  # of stretches before the present one
    writer: Mapped[str] = mapped_column(sa.String(64))  # hash of the token of the tab that may write
    seen: Mapped[list[str]] = mapped_column(default_factory=list)  # questions opened
    flagged: Mapped[list[str]] = mapped_column(default_factory=list)
    at_question: Mapped[str] = mapped_column(sa.String(40), default="")


class Answer(Fact, Base):
    """One stored revision of a response. Only ever added."""

    __tablename__ = "answer"
    __table_args__ = (
        sa.UniqueConstraint("attempt_id", "key"),
        sa.UniqueConstraint("attempt_id", "question", "revision"),
    )
    attempt_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("attempt.id"))
    question: Mapped[str] = mapped_column(sa.String(40))
    revision: Mapped[int]
    key: Mapped[str] = mapped_column(sa.String(40))  # idempotency key made by the browser
    response: Mapped[dict[str, Any]]
    sure: Mapped[str | None] = mapped_column(sa.String(8), default=None)  # guess | fairly | sure; never marked
    saved_at: Mapped[datetime]


class Mark(Fact, Base):
    """The mark of one answer, frozen at hand-in with the version of the type's rule."""

    __tablename__ = "mark"
    __table_args__ = (sa.UniqueConstraint("attempt_id", "question"),)
    attempt_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("attempt.id"))
    question: Mapped[str] = mapped_column(sa.String(40))
    points: Mapped[int]  # millionths, 0..1_000_000
    answered: Mapped[bool]
    rule: Mapped[str] = mapped_column(sa.String(30))  # "single 1"
    detail: Mapped[dict[str, Any] | None] = mapped_column(Json, default=None)  # hits, misses, false alarms


class ClockStep(Fact, Base):
    """The wall clock of this node was set while it ran: recorded, and not counted in anybody's time."""

    __tablename__ = "clock_step"
    noticed_at: Mapped[datetime]  # by the new wall clock
    step_ms: Mapped[int] = mapped_column(sa.BigInteger)  # new minus expected


class WallClock(Stays, Base):
    """What the wall clock should read: its offset to the machine's own clock when last looked at."""

    __tablename__ = "wall_clock"
    boot: Mapped[str] = mapped_column(sa.String(40), unique=True)
    offset_ms: Mapped[int] = mapped_column(sa.BigInteger)
