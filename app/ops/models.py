"""Tables of this node's own running: what the job process has done, and that it lives."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Json, Stays


class JobRun(Stays, Base):
    """A due time of a job that has been done; unique, so that two schedulers cannot do it twice."""

    __tablename__ = "job_run"
    __table_args__ = (sa.UniqueConstraint("job", "due_at"),)
    job: Mapped[str] = mapped_column(sa.String(40))
    due_at: Mapped[datetime]
    done_at: Mapped[datetime]


class Heartbeat(Stays, Base):
    """The last sign of life of a process of this node."""

    __tablename__ = "heartbeat"
    process: Mapped[str] = mapped_column(sa.String(20), unique=True)  # jobs | web
    beat_at: Mapped[datetime]
    pid: Mapped[int]
    boot: Mapped[str] = mapped_column(sa.String(40), default="")  # clock.Uptime at the beat, kept for the web process: how
    uptime_ms: Mapped[int] = mapped_column(sa.BigInteger, default=0)  # long the pages were away, whatever the wall clock says


class BackgroundJob(Stays, Base):
    """Work of more than a moment that somebody asked for: where it stands, and what came of it."""

    __tablename__ = "background_job"
    __table_args__ = (sa.Index("ix_background_job_person_id_made_at", "person_id", "made_at"),)
    kind: Mapped[str] = mapped_column(sa.String(30))  # a row of ops.background.KINDS
    person_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("person.id"))  # who asked; with his rights it runs
    params: Mapped[dict[str, Any]]
    language: Mapped[str] = mapped_column(sa.String(8))  # of what it makes
    state: Mapped[str] = mapped_column(sa.String(10), default="waiting")  # waiting | running | done | failed | cancelled
    step: Mapped[str] = mapped_column(sa.String(40), default="")
    stored: Mapped[int] = mapped_column(default=0)  # pieces done for good: where a job that was cut off goes on
    done: Mapped[int] = mapped_column(default=0)  # pieces of the present step, as shown
    total: Mapped[int | None] = mapped_column(default=None)
    cancel: Mapped[bool] = mapped_column(default=False)  # asked to stop
    made_at: Mapped[datetime]
    started_at: Mapped[datetime | None] = mapped_column(default=None)
    beat_at: Mapped[datetime | None] = mapped_column(default=None)  # last progress: a stale one is taken up again
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    result: Mapped[dict[str, Any] | None] = mapped_column(Json, default=None)  # {"file": sha256, "name": ...} or figures
    log: Mapped[list[Any]] = mapped_column(default_factory=list)  # sentences for who asked, with rows that were left out
