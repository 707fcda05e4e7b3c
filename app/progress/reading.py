"""How far people are in their lessons, and their own notes: reads and verbs."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import take_write_lock
from app.errors import Invalid, say
from app.progress.models import LessonProgress, PageNote
from app.runs.models import Enrolment

NOTE_LIMIT = 4000


# Made once: putting a statement together costs more than running it.
_READINGS = sa.select(LessonProgress).where(LessonProgress.enrolment_id.in_(sa.bindparam("ids", expanding=True)))
_NOTE = sa.select(PageNote).where(
    PageNote.enrolment_id == sa.bindparam("enrolment_id"),
    PageNote.lesson == sa.bindparam("lesson"),
    PageNote.page == sa.bindparam("page"),
)
_NOTE_TEXT = _NOTE.with_only_columns(PageNote.text)


@dataclass(frozen=True)
class Reading:
    """How far a person is in one lesson."""

    read: frozenset[int]
    page: int
    visited_at: datetime
    done_at: datetime | None
    finished_at: datetime | None = None  # when its last page was last read, the first time or again


def readings(db: Session, enrolment_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, dict[str, Reading]]:
    """By enrolment and lesson; one query for all."""
    found: dict[uuid.UUID, dict[str, Reading]] = {}
    for row in db.scalars(_READINGS, {"ids": list(enrolment_ids)}):
        reading = Reading(frozenset(row.pages_read), row.page, row.visited_at, row.done_at, row.finished_at)
        found.setdefault(row.enrolment_id, {})[row.lesson] = reading
    return found


def finished(db: Session, enrolment_id: uuid.UUID) -> dict[str, datetime]:
    """When each lesson was last read to its end; before a retest it is to be read again. One query."""
    return {id: one.finished_at for id, one in readings(db, [enrolment_id]).get(enrolment_id, {}).items() if one.finished_at}


def note_of(db: Session, enrolment_id: uuid.UUID, lesson: str, page: int) -> str:
    """The trainee's note on a page; empty when there is none."""
    return db.scalar(_NOTE_TEXT, {"enrolment_id": enrolment_id, "lesson": lesson, "page": page}) or ""


def read_page(db: Session, enrolment: Enrolment, *, lesson: str, page: int, pages: int, now: datetime) -> LessonProgress:
    """Note that a page has been read; the lesson is done once all its pages are. Going on is at the next page."""
    take_write_lock(db)
    row = _of_lesson(db, enrolment, lesson)
    if row is None:
        row = LessonProgress(enrolment_id=enrolment.id, lesson=lesson, started_at=now, visited_at=now)
        db.add(row)
    if page not in row.pages_read:
        row.pages_read = sorted([*row.pages_read, page])
    row.page = min(page + 1, pages)
    row.visited_at = now
    if page == pages:
        row.finished_at = now
    if row.done_at is None and set(range(1, pages + 1)) <= set(row.pages_read):
        row.done_at = now
    db.flush()
    return row


def save_note(db: Session, enrolment: Enrolment, *, lesson: str, page: int, text: str) -> None:
    """Keep the trainee's note on a page. Raises Invalid when it is too long."""
    text = text.replace("\r\n", "\n").strip()
    if len(text) > NOTE_LIMIT:
        raise Invalid(say("player", "The note is too long: at most {limit} letters.", limit=NOTE_LIMIT))
    if text == note_of(db, enrolment.id, lesson, page):
        return
    take_write_lock(db)
    _lock(db, enrolment)
    row = db.scalar(_NOTE, {"enrolment_id": enrolment.id, "lesson": lesson, "page": page})
    if row is None:
        db.add(PageNote(enrolment_id=enrolment.id, lesson=lesson, page=page, text=text))
    else:
        row.text = text
    db.flush()


def _lock(db: Session, enrolment: Enrolment) -> None:
    """Two clicks at once wait for each other, so that neither makes a second row."""
    db.execute(sa.select(Enrolment.id).where(Enrolment.id == enrolment.id).with_for_update())


def _of_lesson(db: Session, enrolment: Enrolment, lesson: str) -> LessonProgress | None:
    _lock(db, enrolment)
    return db.scalar(
        sa.select(LessonProgress).where(LessonProgress.enrolment_id == enrolment.id, LessonProgress.lesson == lesson)
    )
