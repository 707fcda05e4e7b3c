"""Reads about online rooms: the meeting behind an address, who may go in and as what, whether the trainer has begun."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from app.errors import NotFound
from app.online.models import OnlineRoom
from app.online.rules import CLOSES_AFTER, LEADS, OPENS_BEFORE
from app.people.models import Person
from app.runs import queries as runs
from app.runs.models import CourseRun, Enrolment
from app.schedule import queries as schedule
from app.schedule import rules as schedule_rules
from app.schedule.models import Assignment, Meeting, Presence, SessionSlot, TrainingSession

WORKS = ("accepted", "assigned")
"""States of an assignment of somebody who is counted on."""


@dataclass(frozen=True)
class Part:
    """How somebody takes part in a meeting."""

    person_id: uuid.UUID
    name: str
    leads: bool = False
    enrolment_id: uuid.UUID | None = None

    @property
    def called(self) -> str:
        """What the video server calls him: not his service number, and the same each time."""
        return str(self.enrolment_id or self.person_id)


@dataclass(frozen=True)
class Room:
    """A meeting with what its online part needs."""

    meeting: Meeting
    run: CourseRun
    session: TrainingSession | None
    people: dict[uuid.UUID, bool]  # who works at it -> whether he leads

    @property
    def kind(self) -> str:
        """The kind of link of its session."""
        return self.session.link_kind if self.session else "none"


def the_room(db: Session, meeting_id: uuid.UUID) -> Room:
    """The meeting of a join page. Raises NotFound, also for one that is only drafted."""
    meeting = db.get(Meeting, meeting_id)
    if meeting is None or meeting.state == "draft":
        raise NotFound()
    run = db.scalars(
        sa.select(CourseRun).options(joinedload(CourseRun.course_version), joinedload(CourseRun.office)).where(CourseRun.id == meeting.run_id)
    ).one()
    session = db.get(TrainingSession, meeting.session_id) if meeting.session_id else None
    return Room(meeting, run, session, at_work(db, meeting))


def at_work(db: Session, meeting: Meeting) -> dict[uuid.UUID, bool]:
    """Who works at a meeting, and whether he leads there: those of its session's slots, and the trainers of the run."""
    found = {one.person_id: True for one in runs.trainers_of(db, [meeting.run_id]).get(meeting.run_id, [])}
    if meeting.session_id:
        rows = db.execute(
            sa.select(Assignment.person_id, SessionSlot.role).join(SessionSlot, SessionSlot.id == Assignment.slot_id)
            .where(Assignment.session_id == meeting.session_id, Assignment.state.in_(WORKS))
        )
        for person_id, role in rows:
            found[person_id] = found.get(person_id, False) or role in LEADS
    return found


def part_of(db: Session, room: Room, person_id: uuid.UUID, name: str) -> Part | None:
    """How somebody takes part; None when the meeting is not his."""
    if person_id in room.people:
        return Part(person_id, name, leads=room.people[person_id])
    enrolment = db.scalar(
        sa.select(Enrolment.id)
        .where(Enrolment.run_id == room.run.id, Enrolment.person_id == person_id, Enrolment.state == "enrolled", schedule.expected_at(room.meeting.session_id))
    )
    return Part(person_id, name, enrolment_id=enrolment) if enrolment else None


def begun_at(db: Session, meeting_id: uuid.UUID) -> datetime | None:
    """When a trainer first went into the room of a meeting; None before."""
    return db.scalar(sa.select(OnlineRoom.begun_at).where(OnlineRoom.meeting_id == meeting_id))


def lead_of(db: Session, room: Room) -> str | None:
    """The name of whom to ask: who leads the session, else the run."""
    if room.session:
        named = db.scalar(
            sa.select(Person.short_name).join(Assignment, Assignment.person_id == Person.id).join(SessionSlot, SessionSlot.id == Assignment.slot_id)
            .where(Assignment.session_id == room.session.id, Assignment.state.in_(WORKS), SessionSlot.role == "lead").limit(1)
        )
        if named:
            return named
    return next((one.name for one in runs.trainers_of(db, [room.run.id]).get(room.run.id, [])), None)


def joined(db: Session, meeting_id: uuid.UUID, enrolment_id: uuid.UUID) -> bool:
    """Whether somebody's last word at a meeting is that he went in."""
    last = db.scalar(
        sa.select(Presence.what).where(Presence.meeting_id == meeting_id, Presence.enrolment_id == enrolment_id, Presence.what.in_(("joined", "left")))
        .order_by(Presence.at.desc(), sa.case((Presence.what == "left", 0), else_=1)).limit(1)
    )
    return last == "joined"


@dataclass(frozen=True)
class Watched:
    """A room on the video server whose coming and going is noted."""

    meeting_id: uuid.UUID
    begun_at: datetime
    inside: frozenset[uuid.UUID]  # enrolments whose last word is that they went in
    since: dict[uuid.UUID, datetime]


def watched(db: Session, now: datetime, kind: str) -> list[Watched]:
    """The rooms of this kind that a trainer has opened and that are not over yet, with who is in by what was noted."""
    rows = db.execute(
        sa.select(Meeting.id, OnlineRoom.begun_at).join(OnlineRoom, OnlineRoom.meeting_id == Meeting.id)
        .join(TrainingSession, TrainingSession.id == Meeting.session_id)
        .where(
            TrainingSession.link_kind == kind, Meeting.link == "", Meeting.state.in_(schedule_rules.STANDS),
            Meeting.starts_at <= now + OPENS_BEFORE, Meeting.ends_at > now - 2 * CLOSES_AFTER,
        )
    ).all()
    noted = _last_words(db, [id for id, _ in rows])
    return [
        Watched(
            id, begun_at, frozenset(one for (meeting, one), (what, _) in noted.items() if meeting == id and what == "joined"),
            {one: at for (meeting, one), (_, at) in noted.items() if meeting == id},
        )
        for id, begun_at in rows
    ]


def _last_words(db: Session, meeting_ids: Iterable[uuid.UUID]) -> dict[tuple[uuid.UUID, uuid.UUID], tuple[str, datetime]]:
    rows = db.execute(
        sa.select(Presence.meeting_id, Presence.enrolment_id, Presence.what, Presence.at)
        .where(Presence.meeting_id.in_(list(meeting_ids)), Presence.what.in_(("joined", "left")))
        .order_by(Presence.at, sa.case((Presence.what == "joined", 0), else_=1))
    )
    return {(meeting, enrolment): (what, at) for meeting, enrolment, what, at in rows}


def known(db: Session, meeting_id: uuid.UUID, called: Iterable[str]) -> set[uuid.UUID]:
    """Of the ids that a video server names those that are people enrolled in the run of a meeting."""
    ids = []
    for one in called:
        try:
            ids.append(uuid.UUID(one))
        except ValueError:
            continue
    return set(
        db.scalars(
            sa.select(Enrolment.id).join(Meeting, Meeting.run_id == Enrolment.run_id)
            .where(Meeting.id == meeting_id, Enrolment.id.in_(ids), Enrolment.state == "enrolled")
        )
    )
