"""Where sessions and meetings are held, in words: the office and the classroom, a place beside it or instead of it, the way in from elsewhere."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.errors import say
from app.offices.models import Classroom, Office
from app.runs.models import CourseRun
from app.schedule.models import Meeting, TrainingSession

ONLINE = say("place", "online")


def spot(meeting: Meeting, of: TrainingSession | CourseRun) -> tuple[uuid.UUID | None, str]:
    """The classroom and the place of a meeting: its own where it has either, else both of what it belongs to."""
    if meeting.classroom_id is None and not meeting.place:
        return of.classroom_id, of.place
    return meeting.classroom_id, meeting.place


def classroom_of() -> sa.ColumnElement[uuid.UUID | None]:
    """The classroom of `spot` within a query of Meeting and TrainingSession."""
    return sa.case((sa.and_(Meeting.classroom_id.is_(None), Meeting.place == ""), TrainingSession.classroom_id), else_=Meeting.classroom_id)


def called(db: Session, classroom_ids: Iterable[uuid.UUID | None]) -> dict[uuid.UUID, Any]:
    """What classrooms are called for somebody who has to find them: the office and the room. One query, none for no classroom."""
    ids = {id for id in classroom_ids if id is not None}
    if not ids:
        return {}
    rows = db.execute(sa.select(Classroom.id, Classroom.names, Office.names).join(Office, Office.id == Classroom.office_id).where(Classroom.id.in_(ids)))
    return {id: say("place", "{office}, {room}", office=office, room=room) for id, room, office in rows}


def in_words(mode: str, room: Any, place: str, office: Any = "") -> Any:
    """Where something of this delivery mode is held, as notices.wording says it; "" where nothing is known yet.

    `room` is one of `called` or None, `office` what is said where there is neither room nor place. Never a link: it is made
    at click on our own page.
    """
    if mode == "online":
        return ONLINE
    there = say("place", "{there}, {place}", there=room, place=place) if room and place else room or place or office
    return say("place", "{place} and online", place=there) if mode == "hybrid" and there else there
