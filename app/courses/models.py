"""Tables of courses: the course, its published versions, and media by their hash."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db import Base, Record


class Course(Record, Base):
    """A course under one slug; what it teaches stands in its versions."""

    __tablename__ = "course"
    slug: Mapped[str] = mapped_column(sa.String(80), unique=True)
    edited_here: Mapped[bool] = mapped_column(default=False)  # then files on disk no longer win


class CourseVersion(Record, Base):
    """A published course: never changes. Runs and attempts are pinned to it."""

    __tablename__ = "course_version"
    __table_args__ = (sa.UniqueConstraint("course_id", "number"), sa.UniqueConstraint("course_id", "content_hash"))
    course_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("course.id"))
    number: Mapped[int]
    content_hash: Mapped[str] = mapped_column(sa.String(64))
    titles: Mapped[dict[str, str]]  # for lists, so that they need not open the content
    languages: Mapped[list[str]]
    content: Mapped[dict[str, Any]] = mapped_column(deferred=True)  # courses.content.CourseContent as JSON
    published_at: Mapped[datetime]
    published_by: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("person.id"), default=None)
    note: Mapped[str] = mapped_column(default="")
    course: Mapped[Course] = relationship(init=False, lazy="raise", viewonly=True)


class Media(Record, Base):
    """A picture, film or sound, kept in the node's folder under its SHA-256."""

    __tablename__ = "media"
    sha256: Mapped[str] = mapped_column(sa.String(64), unique=True)
    mime: Mapped[str] = mapped_column(sa.String(60))
    size: Mapped[int]
    licence: Mapped[str]
    source: Mapped[str]
