"""Tables of this node's own running: what the job process has done, and that it lives."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Stays


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
    process: Mapped[str] = mapped_column(sa.String(20), unique=True)  # jobs
    beat_at: Mapped[datetime]
    pid: Mapped[int]
