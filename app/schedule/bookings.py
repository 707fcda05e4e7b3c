"""Bookings: when a trainer, a trainee or a room is taken by sessions of this node, and that none of them is taken twice."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from app.db import take_write_lock
from app.errors import Conflict, Message, say
from app.offices.models import Classroom, Office
from app.people.models import Person
from app.runs.models import CourseRun
from app.schedule.models import Assignment, Booking, Meeting, SessionSeat, TrainingSession
from app.schedule.places import classroom_of

HOLDS = ("offered", "accepted", "assigned")
"""States of an assignment that take the trainer's time: an offer keeps it free for his answer; a request to another country does not."""
GUARD = "booking_never_twice"
TAKES_PLACE = ("draft", "planned", "held")
AT_ONCE = 400  # values in one statement

Sees = Callable[[str], bool]


def everything(_path: str) -> bool:
    """Whoever asks sees all bookings."""
    return True


@dataclass(frozen=True)
class Span:
    """From an instant up to another: what ends when something else starts does not touch it."""

    starts_at: datetime
    ends_at: datetime

    def overlaps(self, other: Span) -> bool:
        """Whether both have an instant in common."""
        return self.starts_at < other.ends_at and other.starts_at < self.ends_at


@dataclass(frozen=True)
class Taken:
    """One booking as it should be."""

    kind: str  # trainer | trainee | room
    resource_id: uuid.UUID
    meeting_id: uuid.UUID
    source_id: uuid.UUID
    span: Span


@dataclass(frozen=True)
class Clash:
    """A booking in the way of another one."""

    kind: str
    resource_id: uuid.UUID
    name: str | dict[str, str]  # of the person, or of the room in its languages
    starts_at: datetime
    ends_at: datetime
    meeting_id: uuid.UUID
    source_id: uuid.UUID
    session_code: str
    place: dict[str, str]
    path: str  # of the office that gives the run: decides who may see the code

    def sentence(self, sees: Sees = everything) -> Message:
        """Who is taken by what and when; without the other session for somebody who may not see it."""
        said = {"name": self.name, "start": self.starts_at, "end": self.ends_at}
        if not sees(self.path):
            return say("booking", "{name} has another booking from {start} to {end}.", **said)
        if self.kind == "room":
            return say("booking", "{name} is taken by {code} from {start} to {end}.", code=self.session_code, **said)
        return say("booking", "{name} is booked for {code} ({place}) from {start} to {end}.", code=self.session_code, place=self.place, **said)


# ---- reading ---------------------------------------------------------------------------------------------------------


def clashes(
    db: Session, resource_ids: Iterable[uuid.UUID], spans: Sequence[Span], *, but: Collection[uuid.UUID] = (), but_meetings: Collection[uuid.UUID] = (),
) -> list[Clash]:
    """Bookings of these trainers, trainees or rooms that overlap one of the spans, by time; for previews.

    `but`: assignments, seats or sessions whose own bookings do not count; `but_meetings`: likewise meetings.
    """
    ids = sorted(set(resource_ids))
    if not ids or not spans:
        return []
    first, last = min(one.starts_at for one in spans), max(one.ends_at for one in spans)
    person, room, office = aliased(Person), aliased(Classroom), aliased(Office)
    found = []
    for at in range(0, len(ids), AT_ONCE):
        rows = db.execute(
            sa.select(
                Booking.kind, Booking.resource_id, Booking.starts_at, Booking.ends_at, Booking.meeting_id, Booking.source_id,
                TrainingSession.code, person.short_name, room.names, office.names, office.path,
            )
            .join(Meeting, Meeting.id == Booking.meeting_id).join(TrainingSession, TrainingSession.id == Meeting.session_id)
            .join(CourseRun, CourseRun.id == Meeting.run_id).join(office, office.id == CourseRun.office_id)
            .outerjoin(person, person.id == Booking.resource_id).outerjoin(room, room.id == Booking.resource_id)
            .where(
                Booking.resource_id.in_(ids[at : at + AT_ONCE]), Booking.starts_at < last, Booking.ends_at > first,
                Booking.source_id.not_in(list(but)), Booking.meeting_id.not_in(list(but_meetings)),
            )
            .order_by(Booking.starts_at, Booking.resource_id)
        )
        for kind, resource_id, starts_at, ends_at, meeting_id, source_id, code, name, names, place, path in rows:
            if any(Span(starts_at, ends_at).overlaps(span) for span in spans):
                found.append(Clash(kind, resource_id, name or names or "", starts_at, ends_at, meeting_id, source_id, code, place, path))
    return found


# ---- writing ---------------------------------------------------------------------------------------------------------


def refresh(db: Session, session_ids: Iterable[uuid.UUID], *, sees: Sees = everything) -> None:
    """Make the bookings of these sessions what their meetings, rooms, assignments and seats say; call it after each change of them.

    Raises Conflict with the name of what is in the way, and then nothing of the transaction may be kept.
    """
    take_write_lock(db)
    db.flush()
    ids = sorted(set(session_ids))
    wanted = _wanted(db, ids)
    _refuse_within(db, wanted)
    meetings = list(db.scalars(sa.select(Meeting.id).where(Meeting.session_id.in_(ids))))
    there = {
        Taken(row.kind, row.resource_id, row.meeting_id, row.source_id, Span(row.starts_at, row.ends_at)): row.id
        for row in db.scalars(sa.select(Booking).where(Booking.meeting_id.in_(meetings)))
    }
    gone = [key for one, key in there.items() if one not in wanted]
    for at in range(0, len(gone), AT_ONCE):
        db.execute(sa.delete(Booking).where(Booking.id.in_(gone[at : at + AT_ONCE])))
    new = sorted(wanted - there.keys(), key=lambda one: (one.span.starts_at, one.kind, one.resource_id))
    if not new:
        return
    _take_turns(db, {one.resource_id for one in new})
    _refuse_taken(db, new, sees)
    try:
        with db.begin_nested():
            db.add_all(
                Booking(
                    kind=one.kind, resource_id=one.resource_id, meeting_id=one.meeting_id, source_id=one.source_id,
                    starts_at=one.span.starts_at, ends_at=one.span.ends_at,
                )
                for one in new
            )
            db.flush()
    except sa.exc.IntegrityError as error:  # the guard of the database itself: nobody should come so far
        if GUARD not in str(error.orig):
            raise
        _refuse_taken(db, new, sees)
        raise Conflict from error


def release_meetings(db: Session, meeting_ids: Collection[uuid.UUID]) -> None:
    """Take bookings of meetings away, before the meetings themselves go."""
    take_write_lock(db)
    db.execute(sa.delete(Booking).where(Booking.meeting_id.in_(list(meeting_ids))))


def make_anew(db: Session) -> int:
    """Make all bookings of this node from what is planned: after a database was made anew from its segments. Gives how many.

    Two plans that take somebody twice cannot come from this node; where segments hold them nevertheless, the older session
    keeps him, and the job that re-checks assignments tells the planner of the other.
    """
    take_write_lock(db)
    db.execute(sa.delete(Booking))
    for session_id in list(db.scalars(sa.select(TrainingSession.id).where(TrainingSession.state != "cancelled").order_by(TrainingSession.code))):
        with suppress(Conflict), db.begin_nested():
            refresh(db, [session_id])
    return db.scalar(sa.select(sa.func.count()).select_from(Booking)) or 0


def _wanted(db: Session, session_ids: Sequence[uuid.UUID]) -> set[Taken]:
    meetings: dict[uuid.UUID, list[tuple[uuid.UUID, Span]]] = defaultdict(list)
    wanted = set()
    rows = db.execute(
        sa.select(TrainingSession.id, Meeting.id, Meeting.starts_at, Meeting.ends_at, classroom_of(), TrainingSession.mode)
        .join(TrainingSession, TrainingSession.id == Meeting.session_id)
        .where(Meeting.session_id.in_(session_ids), Meeting.state.in_(TAKES_PLACE), TrainingSession.state != "cancelled")
    )
    for session_id, meeting_id, starts_at, ends_at, room, mode in rows:
        span = Span(starts_at, ends_at)
        meetings[session_id].append((meeting_id, span))
        if room is not None and mode != "online":
            wanted.add(Taken("room", room, meeting_id, session_id, span))
    people: list[tuple[str, uuid.UUID, uuid.UUID, uuid.UUID]] = [
        ("trainer", *row) for row in db.execute(
            sa.select(Assignment.session_id, Assignment.person_id, Assignment.id)
            .where(Assignment.session_id.in_(session_ids), Assignment.state.in_(HOLDS))
        )
    ]
    people += [
        ("trainee", *row) for row in db.execute(
            sa.select(SessionSeat.session_id, SessionSeat.person_id, SessionSeat.id)
            .where(SessionSeat.session_id.in_(session_ids), SessionSeat.state == "seated")
        )
    ]
    for kind, session_id, person_id, source_id in people:
        wanted |= {Taken(kind, person_id, meeting_id, source_id, span) for meeting_id, span in meetings[session_id]}
    return wanted


def _take_turns(db: Session, resource_ids: Collection[uuid.UUID]) -> None:
    """Planners who want the same resource wait for each other on PostgreSQL: two inserts at once into an exclusion
    constraint would wait for each other for ever. In one order, so that locks do not cross."""
    if db.get_bind().dialect.name == "postgresql":
        keys = sorted(one.int % (1 << 63) for one in resource_ids)
        db.execute(sa.text("SELECT pg_advisory_xact_lock(key) FROM unnest(CAST(:keys AS bigint[])) WITH ORDINALITY AS wanted(key, place) ORDER BY place"), {"keys": keys})


def _refuse_within(db: Session, wanted: Iterable[Taken]) -> None:
    """Two bookings of one resource among those that are made together."""
    by_resource: dict[uuid.UUID, list[Taken]] = defaultdict(list)
    for one in wanted:
        by_resource[one.resource_id].append(one)
    for resource_id, taken in sorted(by_resource.items()):
        for one, other in pairwise(sorted(taken, key=lambda each: (each.span.starts_at, each.span.ends_at))):
            if one.span.overlaps(other.span):
                who: str | dict[str, str] | None = db.scalar(sa.select(Person.short_name).where(Person.id == resource_id))
                who = who or db.scalar(sa.select(Classroom.names).where(Classroom.id == resource_id))
                raise Conflict(say(
                    "booking", "{name} would be taken twice: from {start} to {end} and from {start2} to {end2}.", name=who or "",
                    start=one.span.starts_at, end=one.span.ends_at, start2=other.span.starts_at, end2=other.span.ends_at,
                ))


def _refuse_taken(db: Session, new: Sequence[Taken], sees: Sees) -> None:
    by_resource: dict[uuid.UUID, list[Taken]] = defaultdict(list)
    for one in new:
        by_resource[one.resource_id].append(one)
    found = clashes(db, by_resource, [one.span for one in new])
    for clash in found:
        if any(Span(clash.starts_at, clash.ends_at).overlaps(one.span) for one in by_resource[clash.resource_id]):
            raise Conflict(clash.sentence(sees))
