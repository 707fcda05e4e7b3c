"""The minutes of a class day: one line for each thing that happened, in words that every language has."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import take_write_lock
from app.errors import Message, say
from app.people.models import Person
from app.runs.models import CourseRun, Enrolment
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


def named(db: Session, run_id: uuid.UUID, person_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, str]:
    """What the minutes call people of a run: the short name, or the whole one with the service number where two share it."""
    rows = db.execute(
        sa.select(Person.id, Person.short_name, Person.display_name, Person.service_number)
        .join(Enrolment, Enrolment.person_id == Person.id).where(Enrolment.run_id == run_id)
    ).all()
    shared = Counter(short for _, short, _, _ in rows)
    called = {id: short if shared[short] == 1 else f"{whole} ({number})" for id, short, whole, number in rows}
    return {id: called[id] for id in person_ids if id in called}


def write_line(
    db: Session, run: CourseRun, *, what: str, by: uuid.UUID | None, now: datetime, note: str = "", people: Collection[uuid.UUID] = (),
    **detail: Any,
) -> MinutesLine:
    """Add a line to the minutes of today, by the clock of the run's office. `note` is the reason given, or own words for `what="note"`."""
    take_write_lock(db)
    if what != NOTE and what not in SENTENCES:
        raise KeyError(what)
    if people:
        called = named(db, run.id, people)
        detail["who"] = ", ".join(called[one] for one in people if one in called)
    day = now.astimezone(ZoneInfo(run.zone)).date()
    line = MinutesLine(run_id=run.id, day=day, at=now, by_id=by, what=what, detail=detail, note=note.strip())
    db.add(line)
    db.flush()
    return line
