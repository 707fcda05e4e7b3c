"""Reads of meetings and attendance that pages share."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from app import clock
from app.courses.content import CourseContent
from app.offices.models import Country, Holiday, Office, Seat
from app.people.models import Person, SignIn
from app.runs import queries as runs
from app.runs.models import CourseRun, Enrolment
from app.runs.queries import Member, Teacher
from app.schedule import rules
from app.schedule.models import (
    Assignment,
    AttendanceMark,
    Meeting,
    MeetingItem,
    Seating,
    SessionSeat,
    SessionSlot,
    Taught,
    TeachScreen,
    TrainingSession,
)
from app.schedule.rules import Attended, Line, Part, Proposal, Span, Status

# ---- hours -----------------------------------------------------------------------------------------------------------

_later = aliased(AttendanceMark)
_NEWEST = ~(
    sa.select(_later.id)
    .where(
        _later.meeting_id == AttendanceMark.meeting_id, _later.enrolment_id == AttendanceMark.enrolment_id,
        _later.revision > AttendanceMark.revision,
    )
    .correlate(AttendanceMark).exists()
)


def expected_at(session_id: Any) -> sa.ColumnElement[bool]:
    """Whether an Enrolment of the run is expected at meetings of a session (None: the run's own timetable).

    A session that has given seats expects who sits in it, and who was taken in at the class; otherwise the whole run is expected.
    """
    seats = sa.select(SessionSeat.id).where(SessionSeat.session_id == session_id)
    his = seats.where(SessionSeat.person_id == Enrolment.person_id, SessionSeat.state == "seated")
    return sa.or_(Enrolment.walk_in.is_(True), ~seats.where(SessionSeat.state == "seated").exists(), his.exists())


def minutes_attended(
    db: Session, enrolment_ids: Iterable[uuid.UUID], *, now: datetime | None = None, session_id: uuid.UUID | None = None
) -> dict[uuid.UUID, Attended]:
    """Minutes attended and planned of the meetings that have begun, for each enrolment. One query.

    A meeting counts from its start to its end with the breaks in it; a cancelled one not at all, nor one of a session
    in which somebody has no seat. Nothing noted of somebody counts as not attended. `session_id`: only its meetings.
    """
    ids = list(dict.fromkeys(enrolment_ids))
    rows = db.execute(
        sa.select(Enrolment.id, Meeting.starts_at, Meeting.ends_at, AttendanceMark.status, AttendanceMark.minutes)
        .join(Meeting, Meeting.run_id == Enrolment.run_id)
        .outerjoin(
            AttendanceMark, sa.and_(AttendanceMark.meeting_id == Meeting.id, AttendanceMark.enrolment_id == Enrolment.id, _NEWEST),
        )
        .where(
            Enrolment.id.in_(ids), Meeting.state.in_(rules.STANDS), Meeting.starts_at <= (now or clock.now()),
            expected_at(Meeting.session_id), *([Meeting.session_id == session_id] if session_id else []),
        )
    )
    sums: dict[uuid.UUID, list[int]] = {id: [0, 0] for id in ids}
    for enrolment_id, starts_at, ends_at, status, minutes in rows:
        planned = _minutes(starts_at, ends_at)
        sums[enrolment_id][0] += rules.attended(planned, status or Status.UNSET, minutes)
        sums[enrolment_id][1] += planned
    return {id: Attended(minutes, planned) for id, (minutes, planned) in sums.items()}


def _minutes(starts_at: datetime, ends_at: datetime) -> int:
    return int((ends_at - starts_at).total_seconds()) // 60


# ---- meetings --------------------------------------------------------------------------------------------------------


def meetings_of(db: Session, run_id: uuid.UUID) -> list[Meeting]:
    """The meetings of a run by time, cancelled ones too; those of a session that is only drafted are the planner's alone."""
    shown = sa.select(Meeting).where(Meeting.run_id == run_id, Meeting.state != "draft")
    return list(db.scalars(shown.order_by(Meeting.starts_at, Meeting.ends_at)))


def items_of(db: Session, meeting_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, list[MeetingItem]]:
    """The lines of meetings, in order."""
    found: dict[uuid.UUID, list[MeetingItem]] = defaultdict(list)
    for item in db.scalars(sa.select(MeetingItem).where(MeetingItem.meeting_id.in_(list(meeting_ids))).order_by(MeetingItem.place)):
        found[item.meeting_id].append(item)
    return found


def span_of(meeting: Meeting) -> Span:
    """When a meeting is, by the clock of its office."""
    zone = ZoneInfo(meeting.zone)
    starts, ends = meeting.starts_at.astimezone(zone), meeting.ends_at.astimezone(zone)
    return Span(meeting.day, starts.hour * 60 + starts.minute, ends.hour * 60 + ends.minute)


def minutes_of(meeting: Meeting) -> int:
    """How long a meeting lasts, breaks included."""
    return _minutes(meeting.starts_at, meeting.ends_at)


# ---- what a run could take over --------------------------------------------------------------------------------------


def proposals_for(db: Session, run: CourseRun, content: CourseContent) -> dict[str, Proposal]:
    """What a run without meetings could take: "course", its course's timetable where it has one, and "plain"."""
    country_id = db.scalar(sa.select(Office.country_id).where(Office.id == run.office_id))
    weekend = db.scalar(sa.select(Country.weekend).where(Country.id == country_id)) or ()
    holidays: dict[date, Mapping[str, str]] = dict(
        db.execute(
            sa.select(Holiday.day, Holiday.names).where(Holiday.country_id == country_id, Holiday.day.between(run.starts_on, run.ends_on))
        ).all()
    )
    days, skipped = rules.working_days(run.starts_on, run.ends_on, weekend, holidays)
    found = {"course": rules.lay_out(template_of(content), days, skipped)} if content.timetable else {}
    return found | {"plain": rules.plain(days, skipped)}


def template_of(content: CourseContent) -> list[list[Part]]:
    """A course's timetable as the rules know it."""
    return [
        [
            Part(rules.minute_of(part.starts), tuple(Line(item.kind, item.minutes, item.ref, item.who) for item in part.items))
            for part in day.parts
        ]
        for day in content.timetable
    ]


def seat_labels(db: Session, run_id: uuid.UUID) -> dict[uuid.UUID, str]:
    """The seat that the plan of a run gives to each enrolment; nobody who has none."""
    rows = db.execute(sa.select(Seating.enrolment_id, Seat.label).join(Seat, Seat.id == Seating.seat_id).where(Seating.run_id == run_id)).all()
    return dict(rows)


# ---- attendance of a meeting -----------------------------------------------------------------------------------------


def counts_expected(db: Session, session_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, int]:
    """How many people each session expects at its meetings. One query."""
    rows = db.execute(
        sa.select(TrainingSession.id, sa.func.count(Enrolment.id)).join(Enrolment, Enrolment.run_id == TrainingSession.run_id)
        .where(TrainingSession.id.in_(list(session_ids)), Enrolment.state == "enrolled", expected_at(TrainingSession.id)).group_by(TrainingSession.id)
    )
    return dict(rows.all())


def sessions_of(db: Session, run_id: uuid.UUID) -> list[TrainingSession]:
    """The sessions of a run that are more than a draft."""
    return list(db.scalars(sa.select(TrainingSession).where(TrainingSession.run_id == run_id, TrainingSession.state != "draft").order_by(TrainingSession.code)))


def session_of(db: Session, meeting: Meeting) -> TrainingSession | None:
    """The session that a meeting belongs to; None for the run's own timetable."""
    return db.get(TrainingSession, meeting.session_id) if meeting.session_id else None


def expected(db: Session, run: CourseRun, meeting: Meeting) -> list[Member]:
    """Who is expected at a meeting, in the order of the alphabet."""
    members = runs.roster(db, run.id)
    if meeting.session_id is None:
        return members
    mine = expected_in(db, run, meeting.session_id)
    return [one for one in members if one.enrolment_id in mine]


def expected_on(db: Session, run: CourseRun, meetings: Iterable[Meeting]) -> list[Member]:
    """Who is expected at one of these meetings of a run at least, in the order of the alphabet."""
    sessions, members = {one.session_id for one in meetings}, runs.roster(db, run.id)
    if None in sessions:
        return members
    mine = set().union(*(expected_in(db, run, one) for one in sessions if one))
    return [one for one in members if one.enrolment_id in mine]


def expected_in(db: Session, run: CourseRun, session_id: uuid.UUID) -> set[uuid.UUID]:
    """The enrolments of a run that a session expects."""
    return set(db.scalars(sa.select(Enrolment.id).where(Enrolment.run_id == run.id, Enrolment.state == "enrolled", expected_at(session_id))))


@dataclass(frozen=True)
class Noted:
    """One revision of what was noted of a person, with who noted it."""

    mark: AttendanceMark
    by: str | None


def marks_of(db: Session, meeting_id: uuid.UUID) -> dict[uuid.UUID, list[Noted]]:
    """All that was noted at a meeting, by enrolment; the newest first, which is what holds."""
    rows = db.execute(
        sa.select(AttendanceMark, Person.short_name).outerjoin(Person, Person.id == AttendanceMark.by_id)
        .where(AttendanceMark.meeting_id == meeting_id).order_by(AttendanceMark.revision.desc())
    )
    found: dict[uuid.UUID, list[Noted]] = defaultdict(list)
    for mark, by in rows:
        found[mark.enrolment_id].append(Noted(mark, by))
    return found


def status_of(notes: list[Noted]) -> Status:
    """What holds of a person at a meeting."""
    return Status(notes[0].mark.status) if notes else Status.UNSET


def counts_of(db: Session, meeting_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, dict[Status, int]]:
    """How many people of the roster have which status at each meeting; who has none is not counted. One query."""
    rows = db.execute(
        sa.select(AttendanceMark.meeting_id, AttendanceMark.status, sa.func.count())
        .join(Enrolment, Enrolment.id == AttendanceMark.enrolment_id)
        .where(AttendanceMark.meeting_id.in_(list(meeting_ids)), Enrolment.state == "enrolled", _NEWEST)
        .group_by(AttendanceMark.meeting_id, AttendanceMark.status)
    )
    found: dict[uuid.UUID, dict[Status, int]] = defaultdict(dict)
    for meeting_id, status, n in rows:
        if status != Status.UNSET:
            found[meeting_id][Status(status)] = n
    return found


def statuses_of(db: Session, meeting_ids: Iterable[uuid.UUID]) -> dict[tuple[uuid.UUID, uuid.UUID], AttendanceMark]:
    """What holds for (meeting, enrolment), for a table of a whole run. One query."""
    rows = db.scalars(sa.select(AttendanceMark).where(AttendanceMark.meeting_id.in_(list(meeting_ids)), _NEWEST))
    return {(mark.meeting_id, mark.enrolment_id): mark for mark in rows}


def signed_in(db: Session, meeting: Meeting, person_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, datetime]:
    """Who of these people is or was signed in at a PC of a class during a meeting, and since when on that day.

    Signing in before the meeting counts when it still held at its start.
    """
    midnight = datetime.combine(meeting.day, datetime.min.time(), ZoneInfo(meeting.zone))
    rows = db.execute(
        sa.select(SignIn.person_id, sa.func.min(SignIn.started_at))
        .where(
            SignIn.person_id.in_(list(person_ids)), SignIn.seat_id.is_not(None), SignIn.started_at >= midnight,
            SignIn.started_at < meeting.ends_at, sa.or_(SignIn.ended_at.is_(None), SignIn.ended_at > meeting.starts_at),
        )
        .group_by(SignIn.person_id)
    )
    return dict(rows.all())


def walk_ins(db: Session, run_id: uuid.UUID) -> set[uuid.UUID]:
    """Who was enrolled at the class: the last on every sheet and roll."""
    return set(db.scalars(sa.select(Enrolment.id).where(Enrolment.run_id == run_id, Enrolment.walk_in.is_(True))))


# ---- who taught ------------------------------------------------------------------------------------------------------


def teachers_at(db: Session, run: CourseRun, meeting: Meeting) -> list[Teacher]:
    """Who is planned for a meeting, with his part: those counted on in the slots of its session, else the trainers of the run."""
    if meeting.session_id is not None:
        rows = db.execute(
            sa.select(Person.id, Person.short_name, SessionSlot.role)
            .join(Assignment, Assignment.person_id == Person.id).join(SessionSlot, SessionSlot.id == Assignment.slot_id)
            .where(Assignment.session_id == meeting.session_id, Assignment.state.in_(("accepted", "assigned")), SessionSlot.ended_on.is_(None))
            .order_by(SessionSlot.number)
        ).all()
        if rows:
            return [Teacher(*row) for row in rows]
    return runs.trainers_of(db, [run.id]).get(run.id, [])


@dataclass(frozen=True)
class Teaching:
    """Somebody who really taught a meeting."""

    row: Taught
    name: str
    instead_of: str | None


def taught_at(db: Session, meeting_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, list[Teaching]]:
    """Who really taught meetings, by the newest word on each. One query."""
    later, instead = aliased(Taught), aliased(Person)
    newer = sa.select(later.id).where(later.meeting_id == Taught.meeting_id, later.revision > Taught.revision).exists()
    rows = db.execute(
        sa.select(Taught, Person.short_name, instead.short_name)
        .join(Person, Person.id == Taught.person_id).outerjoin(instead, instead.id == Taught.instead_of)
        .where(Taught.meeting_id.in_(list(meeting_ids)), ~newer).order_by(Person.sort_key)
    )
    found: dict[uuid.UUID, list[Teaching]] = defaultdict(list)
    for row, name, other in rows:
        found[row.meeting_id].append(Teaching(row, name, other))
    return found


# ---- what is projected -----------------------------------------------------------------------------------------------


def screen_of(db: Session, run_id: uuid.UUID) -> TeachScreen | None:
    """What is projected in a run; None when nothing was yet."""
    return db.scalar(sa.select(TeachScreen).where(TeachScreen.run_id == run_id))


FORGOTTEN = timedelta(hours=4)  # a screen that nobody has turned for so long is no longer projected


def projected(db: Session, run: CourseRun, now: datetime) -> TeachScreen | None:
    """What is on the projector of a run now; None when nothing is, or when somebody only forgot to end it."""
    found = screen_of(db, run.id)
    if found is None or now - found.at >= FORGOTTEN:
        return None
    zone = ZoneInfo(run.zone)
    return found if found.at.astimezone(zone).date() == now.astimezone(zone).date() else None


def followed(db: Session, run: CourseRun, now: datetime) -> TeachScreen | None:
    """The screen that the PCs of a run follow now; None when they are free."""
    found = projected(db, run, now) if run.state == "open" else None
    return found if found and found.follows else None


# ---- sheets ----------------------------------------------------------------------------------------------------------


def days_with_meetings(db: Session, around: date, days: int = 120) -> dict[tuple[uuid.UUID, str], list[date]]:
    """For each run with meetings near a day: those days. To say whose a sheet is."""
    rows = db.execute(
        sa.select(CourseRun.id, CourseRun.code, Meeting.day).join(Meeting, Meeting.run_id == CourseRun.id)
        .where(Meeting.state.in_(rules.STANDS), Meeting.day.between(around - timedelta(days=days), around + timedelta(days=days)))
        .distinct().order_by(CourseRun.code, Meeting.day)
    )
    found: dict[tuple[uuid.UUID, str], list[date]] = defaultdict(list)
    for run_id, code, day in rows:
        found[run_id, code].append(day)
    return found

