"""Reads of somebody's own calendar: all meetings that he teaches, sits in, or is asked for."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.calendars.models import CalendarAddress
from app.courses.models import CourseVersion
from app.errors import Message, say
from app.notices.rules import When
from app.offices.models import Country, Office
from app.people.models import Person, Posting, Preference
from app.runs.models import CourseRun, Enrolment, RunTrainer
from app.schedule import places
from app.schedule.models import Assignment, Meeting, SessionSeat, SessionSlot, TrainingSession
from app.schedule.session_rules import ROLES
from app.schedule.telling import WITHOUT_SEATS

TAKES_PART = say("calendar", "you take part")
TEACHES = say("calendar", "you teach")
AHEAD = timedelta(days=30)
IN_NO_RELEASED_SESSION = sa.or_(Meeting.session_id.is_(None), TrainingSession.state == "draft")
"""Of a meeting of the run's own timetable: also of one that a planner has taken over into a draft, which goes on for everybody as it stood."""


@dataclass(frozen=True)
class Entry:
    """A meeting in somebody's calendar."""

    meeting: Meeting
    titles: Any  # of the course by language, or the session's own words
    code: str  # of the session, else of the run
    part: Message
    place: Any
    sure: bool  # neither an offer that waits for an answer nor a session that is still planned
    online: bool  # there is a page to join it by
    offer: uuid.UUID | None = None  # the assignment that waits for an answer, or was accepted
    seat: uuid.UUID | None = None

    @property
    def cancelled(self) -> bool:
        """Whether it does not take place."""
        return self.meeting.state == "cancelled"

    @property
    def when(self) -> When:
        """From when to when, in the zone of its place."""
        return When(self.meeting.starts_at, self.meeting.ends_at, self.meeting.zone)


def entries_of(db: Session, person_id: uuid.UUID, *, since: datetime, until: datetime | None = None) -> list[Entry]:
    """Somebody's meetings that end after a moment (and begin before another), by time. A constant number of queries.

    Of a session that is only drafted, the offer made to him and what he accepted; of cancelled ones, those he had known of.
    """
    span = [Meeting.ends_at > since] + ([Meeting.starts_at < until] if until else [])
    base = (
        sa.select(Meeting, CourseRun, CourseVersion.titles, Office.names)
        .join(CourseRun, CourseRun.id == Meeting.run_id).join(CourseVersion, CourseVersion.id == CourseRun.course_version_id)
        .join(Office, Office.id == CourseRun.office_id).where(*span)
    )
    teaching = base.add_columns(TrainingSession, Assignment, SessionSlot.role).join(TrainingSession, TrainingSession.id == Meeting.session_id).join(
        Assignment, Assignment.session_id == TrainingSession.id,
    ).join(SessionSlot, SessionSlot.id == Assignment.slot_id).where(
        Assignment.person_id == person_id,
        sa.or_(
            sa.and_(TrainingSession.state == "released", Assignment.state.in_(("offered", "accepted", "assigned")), Meeting.state != "draft"),
            sa.and_(TrainingSession.state == "draft", Assignment.state.in_(("offered", "accepted"))),
            sa.and_(TrainingSession.state == "cancelled", TrainingSession.released_at.is_not(None), Assignment.state == "withdrawn", Meeting.state == "cancelled"),
        ),
    )
    seated = base.add_columns(TrainingSession, SessionSeat.id).join(TrainingSession, TrainingSession.id == Meeting.session_id).join(
        SessionSeat, SessionSeat.session_id == TrainingSession.id,
    ).where(SessionSeat.person_id == person_id, SessionSeat.state == "seated", TrainingSession.state != "draft", Meeting.state != "draft")
    own_timetable = sa.and_(IN_NO_RELEASED_SESSION, Meeting.state != "draft", CourseRun.state != "cancelled")
    enrolled = base.add_columns(TrainingSession).outerjoin(TrainingSession, TrainingSession.id == Meeting.session_id).join(
        Enrolment, Enrolment.run_id == CourseRun.id,
    ).where(
        Enrolment.person_id == person_id, Enrolment.state == "enrolled",
        sa.or_(own_timetable, sa.and_(TrainingSession.state != "draft", Meeting.state != "draft", WITHOUT_SEATS)),
    )
    runs_own = base.outerjoin(TrainingSession, TrainingSession.id == Meeting.session_id).join(
        RunTrainer, RunTrainer.run_id == CourseRun.id,
    ).where(RunTrainer.person_id == person_id, own_timetable)

    rows = []
    for meeting, run, titles, office, session, assignment, role in db.execute(teaching):
        sure = session.state != "draft" and assignment.state != "offered"
        offer = assignment.id if assignment.state in ("offered", "accepted") else None
        rows.append((meeting, run, session, session.title or titles, office, ROLES[role], sure, offer, None))
    rows += [(m, run, session, session.title or titles, office, TAKES_PART, True, None, seat) for m, run, titles, office, session, seat in db.execute(seated)]
    rows += [(m, run, None, titles, office, TEACHES, True, None, None) for m, run, titles, office in db.execute(runs_own)]
    for meeting, run, titles, office, of in db.execute(enrolled):
        session = of if of is not None and of.state != "draft" else None
        rows.append((meeting, run, session, (session.title if session else "") or titles, office, TAKES_PART, True, None, None))

    rooms = places.called(db, _rooms(rows))
    found: dict[uuid.UUID, Entry] = {}
    for meeting, run, session, titles, office, part, sure, offer, seat in rows:
        mode = session.mode if session else "classroom"
        room_id, there = places.spot(meeting, session or run)
        place = places.in_words(mode, rooms.get(room_id) if room_id else None, there, office)
        found.setdefault(meeting.id, Entry(meeting, titles, session.code if session else run.code, part, place, sure, mode != "classroom", offer, seat))
    return sorted(found.values(), key=lambda one: (one.meeting.starts_at, one.meeting.ends_at, one.meeting.id))


# The start page asks it at every visit: made once, because putting it together costs more than running it.
_PERSON: sa.BindParameter[Any] = sa.bindparam("person_id")
_MY_SESSIONS = sa.union(
    sa.select(Assignment.session_id).where(Assignment.person_id == _PERSON, Assignment.state.in_(("offered", "accepted", "assigned"))),
    sa.select(SessionSeat.session_id).where(SessionSeat.person_id == _PERSON, SessionSeat.state == "seated"),
)
_MY_ROSTER = (
    sa.select(TrainingSession.id).join(Enrolment, Enrolment.run_id == TrainingSession.run_id)
    .where(Enrolment.person_id == _PERSON, Enrolment.state == "enrolled", TrainingSession.state == "released", WITHOUT_SEATS)
)
_MY_RUNS = sa.union(
    sa.select(Enrolment.run_id).where(Enrolment.person_id == _PERSON, Enrolment.state == "enrolled"),
    sa.select(RunTrainer.run_id).where(RunTrainer.person_id == _PERSON),
)
_NEXT_BEGINS = sa.select(sa.func.min(Meeting.starts_at)).outerjoin(TrainingSession, TrainingSession.id == Meeting.session_id).where(
    Meeting.ends_at > sa.bindparam("now"), Meeting.state.in_(("planned", "held", "draft")),
    sa.or_(
        Meeting.session_id.in_(_MY_SESSIONS), Meeting.session_id.in_(_MY_ROSTER),
        sa.and_(IN_NO_RELEASED_SESSION, Meeting.state != "draft", Meeting.run_id.in_(_MY_RUNS)),
    ),
)


def next_of(db: Session, person_id: uuid.UUID, *, now: datetime) -> Entry | None:
    """Somebody's next meeting that takes place, or the one that is on; None when none is planned, which one query tells."""
    starts = db.scalar(_NEXT_BEGINS, {"person_id": person_id, "now": now})
    if starts is None:
        return None
    coming = entries_of(db, person_id, since=now, until=starts + AHEAD)
    return next((one for one in coming if not one.cancelled), None)


def _rooms(rows: Iterable[tuple[Any, ...]]) -> set[uuid.UUID | None]:
    return {id for meeting, run, session, *_ in rows for id in (meeting.classroom_id, run.classroom_id, session.classroom_id if session else None)}


# ---- the subscribed calendar -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Holder:
    """Whose calendar an address is, and in which language and zone it speaks."""

    address: CalendarAddress
    person_id: uuid.UUID
    language: str | None
    languages: list[str]
    zone: str
    left: bool


def holder_of(db: Session, token_hash: str, now: datetime) -> Holder | None:
    """Who reads his calendar by this address, revoked ones included; None for an address that never was."""
    today = now.date()
    row = db.execute(
        sa.select(CalendarAddress, Person, Preference.language, Country.languages, Office.zone, Country.zone)
        .join(Person, Person.id == CalendarAddress.person_id).join(Country, Country.id == Person.country_id)
        .outerjoin(Preference, Preference.person_id == Person.id)
        .outerjoin(Posting, sa.and_(Posting.person_id == Person.id, Posting.valid_from <= today, sa.or_(Posting.valid_to.is_(None), Posting.valid_to >= today)))
        .outerjoin(Office, Office.id == Posting.office_id)
        .where(CalendarAddress.token_hash == token_hash).order_by(Posting.valid_from.desc()).limit(1)
    ).first()
    if row is None:
        return None
    address, person, language, languages, zone, country_zone = row
    return Holder(address, person.id, language, languages, zone or country_zone, person.left_on is not None and person.left_on <= today)


def address_of(db: Session, person_id: uuid.UUID) -> CalendarAddress | None:
    """Somebody's address that holds; None when he has none."""
    return db.scalar(
        sa.select(CalendarAddress).where(CalendarAddress.person_id == person_id, CalendarAddress.revoked_at.is_(None))
        .order_by(CalendarAddress.made_at.desc()).limit(1)
    )
