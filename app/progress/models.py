"""Tables of progress: which pages of a lesson a person has read."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Record


class LessonProgress(Record, Base):
    """How far a person is in a lesson."""

    __tablename__ = "lesson_progress"
    __table_args__ = (sa.UniqueConstraint("enrolment_id", "lesson"),)
    enrolment_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("enrolment.id"))
    lesson: Mapped[str] = mapped_column(sa.String(60))
    pages_read: Mapped[list[Any]] = mapped_column(default_factory=list)  # page numbers from 1
    page: Mapped[int] = mapped_column(default=1)  # where to go on
    started_at: Mapped[datetime]
    visited_at: Mapped[datetime]
    done_at: Mapped[datetime | None] = mapped_column(default=None)
    finished_at: Mapped[datetime | None] = mapped_column(default=None)  # its last page was last read then


class PageNote(Record, Base):
    """A trainee's own note on a page; nobody else sees it."""

    __tablename__ = "page_note"
    __table_args__ = (sa.UniqueConstraint("enrolment_id", "lesson", "page"),)
    enrolment_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("enrolment.id"))
    lesson: Mapped[str] = mapped_column(sa.String(60))
    page: Mapped[int]
    text: Mapped[str]
