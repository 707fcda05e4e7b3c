"""Reads of courses that pages share."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.courses.content import CourseContent
from app.courses.models import Course, CourseVersion
from app.errors import NotFound

# A published version never changes, so each process reads it once. A class has a handful in use; a centre some dozens.
_CACHED = 64
_contents: dict[uuid.UUID, CourseContent] = {}


def course_contents(db: Session, version_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, CourseContent]:
    """The content of several versions; one query for all that this process has not read yet, else none."""
    wanted = set(version_ids)
    found = {id: _contents[id] for id in wanted & _contents.keys()}
    missing = wanted - found.keys()
    if missing:
        rows = db.execute(sa.select(CourseVersion.id, CourseVersion.content).where(CourseVersion.id.in_(missing)))
        read = {id: CourseContent.model_validate(content) for id, content in rows}
        found |= read
        _contents.update(read)
        while len(_contents) > _CACHED:
            _contents.pop(next(iter(_contents)), None)
    return found


def course_content(db: Session, version_id: uuid.UUID) -> CourseContent:
    """The content of one version. Raises NotFound."""
    content = course_contents(db, [version_id]).get(version_id)
    if content is None:
        raise NotFound()
    return content


def newer_version(db: Session, version: CourseVersion) -> tuple[int, datetime] | None:
    """Number and day of the newest version of the course, when that is not this one: runs keep theirs, and people are told."""
    row = db.execute(
        sa.select(CourseVersion.number, CourseVersion.published_at)
        .where(CourseVersion.course_id == version.course_id, CourseVersion.number > version.number)
        .order_by(CourseVersion.number.desc()).limit(1)
    ).first()
    return (row[0], row[1]) if row else None


@dataclass(frozen=True)
class VersionRow:
    """One published version in a list."""

    id: uuid.UUID
    slug: str
    number: int
    titles: dict[str, str]
    languages: list[str]
    published_at: datetime
    note: str
    edited_here: bool


def versions(db: Session, course_slug: str | None = None) -> list[VersionRow]:
    """All versions of all courses, or of one: by course, newest first. One query, no contents."""
    query = (
        sa.select(
            CourseVersion.id, Course.slug, CourseVersion.number, CourseVersion.titles, CourseVersion.languages,
            CourseVersion.published_at, CourseVersion.note, Course.edited_here,
        )
        .join(Course, Course.id == CourseVersion.course_id)
        .order_by(Course.slug, CourseVersion.number.desc())
    )  # fmt: skip
    if course_slug is not None:
        query = query.where(Course.slug == course_slug)
    return [VersionRow(*row) for row in db.execute(query)]
