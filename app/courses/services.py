"""Verbs of courses."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session, undefer

from app.courses import media, rules, write
from app.courses.content import CourseContent
from app.courses.models import Course, CourseVersion, Media
from app.db import take_write_lock
from app.errors import Conflict, say


class EditedHere(Conflict):
    """The course was edited in this program; its files do not win over it."""

    def __init__(self, files: list[str]) -> None:
        self.files = files
        super().__init__(
            say(
                "course",
                "This course was edited in Sabaq since it came from its files. Export it first, then merge; different: {files}.",
                files=", ".join(files),
            )
        )


def publish(
    db: Session,
    content: CourseContent,
    *,
    pictures: Mapping[str, bytes],
    now: datetime,
    actor_id: uuid.UUID | None,
    note: str = "",
) -> CourseVersion | None:
    """Make the next version of a course; None when this very content was published before.

    `pictures` are the bytes by file name, already kept under their hashes. Raises EditedHere for a course that was
    edited in the database and would lose that. Runs and attempts stay with the version they began with.
    """
    take_write_lock(db)
    course = db.scalar(sa.select(Course).where(Course.slug == content.id).with_for_update())
    newest = newest_version(db, course) if course else None
    fingerprint = rules.content_hash(content)
    if course and newest:
        if db.scalar(sa.select(CourseVersion.id).where(CourseVersion.course_id == course.id, CourseVersion.content_hash == fingerprint)):
            return None
        if course.edited_here:
            raise EditedHere(different_files(CourseContent.model_validate(newest.content), content))
    if course is None:
        course = Course(slug=content.id)
        db.add(course)
        db.flush()
    known = set(db.scalars(sa.select(Media.sha256).where(Media.sha256.in_([one.sha256 for one in content.media]))))
    for one in {picture.sha256: picture for picture in content.media}.values():
        if one.sha256 not in known:
            db.add(
                Media(
                    sha256=one.sha256, mime=media.mime_of(one.file), size=len(pictures[one.file]),
                    licence=one.licence, source=one.source,
                )
            )  # fmt: skip
    version = CourseVersion(
        course_id=course.id,
        number=newest.number + 1 if newest else 1,
        content_hash=fingerprint,
        titles=content.title,
        languages=content.all_languages,
        content=content.model_dump(mode="json"),
        published_at=now,
        published_by=actor_id,
        note=note,
    )
    db.add(version)
    db.flush()
    return version


def newest_version(db: Session, course: Course) -> CourseVersion | None:
    """The version that new runs take, with its content."""
    return db.scalar(
        sa.select(CourseVersion)
        .where(CourseVersion.course_id == course.id)
        .order_by(CourseVersion.number.desc())
        .limit(1)
        .options(undefer(CourseVersion.content))
    )


def different_files(one: CourseContent, other: CourseContent) -> list[str]:
    """The files in which two contents of a course differ, pictures included."""
    mine, its = write.files_of(one), write.files_of(other)
    mine |= {f"media/{picture.file}": picture.sha256 for picture in one.media}
    its |= {f"media/{picture.file}": picture.sha256 for picture in other.media}
    return sorted(path for path in mine.keys() | its.keys() if mine.get(path) != its.get(path))
