"""The minutes of a class day: one line for each thing that happened, in words that every language has."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.db import take_write_lock
from app.errors import Message, say
from app.runs.models import CourseRun
from app.schedule.models import MinutesLine

NOTE = "note"

SENTENCES: Mapping[str, Message] = {
    "opened": say("minutes", "Class opened"),
    "closed": say("minutes", "Class closed"),
    "lessons": say("minutes", "Lessons began"),
    "lessons-over": say("minutes", "Lessons of the day ended"),
    "test-started": say("minutes", "{quiz} started for {n}"),
    "wave-started": say("minutes", "{quiz} started for wave {wave}, {n} people"),
    "test-ended": say("minutes", "{quiz} ended"),
    "paused": say("minutes", "Paused: {who}"),
    "resumed": say("minutes", "Resumed: {who}"),
    "credited": say("minutes", "{minutes} min credited: {who}"),
    "room-paused": say("minutes", "Room paused ({n})"),
    "room-resumed": say("minutes", "Room resumed ({n})"),
    "room-credited": say("minutes", "{minutes} min credited to the room ({n})"),
    "outage": say("minutes", "The server was off from {start} to {end}. {n} tests were running; none of that time is counted"),
    "outage-resumed": say("minutes", "Resumed after the outage ({n}); {minutes} min not counted"),
    "restarted": say("minutes", "The server was away for {seconds} s; that time is not counted ({n})"),
    "released-any": say("minutes", "{who} may go on at another PC"),
    "released": say("minutes", "{who} goes on at seat {seat}"),
    "moved": say("minutes", "{who} moved from seat {old} to seat {seat}"),
    "handed-in": say("minutes", "Handed in for {who}"),
    "hand": say("minutes", "{who} raised a hand"),
    "walk-in": say("minutes", "{who} registered as a walk-in"),
    "slip": say("minutes", "New slip for {who}"),
    "seat-broken": say("minutes", "Seat {seat} is out of order"),
    "seat-works": say("minutes", "Seat {seat} works again"),
}
"""What the program notes by itself: code -> sentence, whose gaps are the line's `detail`. Texts in several languages
(the title of a test) stand in `detail` as mappings by language; `sentence` picks."""


def write_line(
    db: Session, run: CourseRun, *, what: str, by: uuid.UUID | None, now: datetime, note: str = "", **detail: Any
) -> MinutesLine:
    """Add a line to the minutes of today, by the clock of the run's office. `note` is the reason given, or own words for `what="note"`."""
    take_write_lock(db)
    if what != NOTE and what not in SENTENCES:
        raise KeyError(what)
    day = now.astimezone(ZoneInfo(run.zone)).date()
    line = MinutesLine(run_id=run.id, day=day, at=now, by_id=by, what=what, detail=detail, note=note.strip())
    db.add(line)
    db.flush()
    return line
