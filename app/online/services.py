"""Verbs of online rooms: somebody goes in, a trainer begins, who left is noted."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.db import take_write_lock
from app.errors import Conflict, say
from app.online import queries, rules
from app.online.models import OnlineRoom
from app.online.queries import Part, Room, Watched
from app.online.rules import Door, Way
from app.schedule.models import Presence

ON_HIS_WAY = timedelta(minutes=3)
"""So long after he pressed Join, or the trainer began, somebody whom the video server does not name yet is still on his way in."""
NOT_OPEN = say("online", "The room is not open now. This page says when it is.")


def press_join(db: Session, room: Room, part: Part, *, way: Way, now: datetime) -> None:
    """Note that somebody goes in: a trainee's presence begins, a trainer lets those in who wait.

    Raises Conflict when the room is not open.
    """
    take_write_lock(db)
    meeting = room.meeting
    db.refresh(meeting, with_for_update=True)  # two trainers at once: the second waits and finds the room begun
    if rules.door(state=meeting.state, way=way, starts_at=meeting.starts_at, ends_at=meeting.ends_at, now=now) is not Door.OPEN:
        raise Conflict(NOT_OPEN)
    if part.leads and queries.begun_at(db, meeting.id) is None:
        db.add(OnlineRoom(meeting_id=meeting.id, begun_at=now))
    if part.enrolment_id and not queries.joined(db, meeting.id, part.enrolment_id):
        db.add(Presence(meeting_id=meeting.id, enrolment_id=part.enrolment_id, what="joined", at=now))
    db.flush()


def note_inside(db: Session, room: Watched, inside: set[uuid.UUID], *, now: datetime) -> int:
    """Note who came and who left since the last look. `inside`: enrolments that the video server names now.

    Gives how many rows were added.
    """
    take_write_lock(db)
    came = inside - room.inside
    left = {one for one in room.inside - inside if max(room.since[one], room.begun_at) <= now - ON_HIS_WAY}
    for what, people in (("joined", came), ("left", left)):
        for one in sorted(people):
            db.add(Presence(meeting_id=room.meeting_id, enrolment_id=one, what=what, at=now))
    db.flush()
    return len(came) + len(left)
