"""Which session a page of planning is about, and what pages say of a session: where, when, in which language, how it stands."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

import babel.dates
import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from app import i18n
from app.courses.models import CourseVersion
from app.errors import NotFound
from app.http import actor, can
from app.i18n import nt, pick, t
from app.notices import wording
from app.offices.models import Classroom
from app.policy import Target, scope
from app.runs.models import CourseRun
from app.runs.views.sight import covering
from app.schedule import places
from app.schedule.assignments import CURRENT
from app.schedule.models import Assignment, Meeting, SessionSlot, TrainingSession
from app.schedule.session_rules import MODES, ROLES

SHAPES = {"draft": "st-draft", "released": "st-done", "cancelled": "st-none"}
"""Shape and colour of a state, beside its word."""


# ---- which session ---------------------------------------------------------------------------------------------------


def the_session(db: Session, code: str) -> TrainingSession:
    """A session with its run, office, classroom and course. Raises NotFound."""
    run = joinedload(TrainingSession.run)
    found = db.scalar(
        sa.select(TrainingSession).where(TrainingSession.code == code)
        .options(run.joinedload(CourseRun.office), run.joinedload(CourseRun.classroom).joinedload(Classroom.office), run.joinedload(CourseRun.course_version).joinedload(CourseVersion.course))
    )
    if found is None:
        raise NotFound()
    return found


def session_by(action: str) -> Callable[[Session, str], tuple[TrainingSession, Target]]:
    """A session, for what the office of its run does, and for reading also the office of its classroom and its trainers.

    A draft is there only for whom may plan it.
    """

    def find(db: Session, code: str) -> tuple[TrainingSession, Target]:
        session = the_session(db, code)
        office = session.run.office.path
        if session.state == "draft" and not can("session.plan", Target(path=office)):
            raise NotFound()
        if action != "session.read":
            return session, Target(path=office)
        return session, Target(path=covering(scope(actor(), action), places_of(db, session)) or office, trainers=trainers_of(db, session))

    return find


def places_of(db: Session, session: TrainingSession) -> list[str]:
    """The paths of the offices that give a session: whose run it is, and whose classroom it is held in."""
    room = room_of(db, session)
    return [session.run.office.path, *([room.office.path] if room else [])]


def trainers_of(db: Session, session: TrainingSession) -> frozenset[uuid.UUID]:
    """Who holds a slot of a session."""
    return frozenset(db.scalars(sa.select(Assignment.person_id).where(Assignment.session_id == session.id, Assignment.state.in_(CURRENT))))


def room_of(db: Session, session: TrainingSession) -> Classroom | None:
    """The classroom of a session: its own."""
    if session.classroom_id is None:
        return None
    return db.scalar(sa.select(Classroom).options(joinedload(Classroom.office)).where(Classroom.id == session.classroom_id))


def may_plan(session: TrainingSession) -> bool:
    """Whether who asks plans this session: for buttons."""
    return session.state != "cancelled" and can("session.plan", Target(path=session.run.office.path))


def slots_of(db: Session, session_id: uuid.UUID) -> list[SessionSlot]:
    """The slots that a session needs, in order."""
    return list(db.scalars(sa.select(SessionSlot).where(SessionSlot.session_id == session_id, SessionSlot.ended_on.is_(None)).order_by(SessionSlot.number, SessionSlot.id)))


def meetings_of(db: Session, session_id: uuid.UUID) -> list[Meeting]:
    """The meetings of a session by time, drafts and cancelled ones too."""
    return list(db.scalars(sa.select(Meeting).where(Meeting.session_id == session_id).order_by(Meeting.starts_at, Meeting.id)))


# ---- what pages say --------------------------------------------------------------------------------------------------


def title_of(session: TrainingSession) -> str:
    """Its own words, else the title of the course."""
    return session.title or pick(session.run.course_version.titles)


def slot_name(slot: SessionSlot) -> str:
    """"Co-trainer", "Interpreter, Kyrgyz"."""
    name = i18n.say(ROLES[slot.role])
    return t("slot", "{role}, {language}", role=name, language=i18n.tongue(slot.language)) if slot.language else name


def where_of(session: TrainingSession, room: Classroom | None) -> str:
    """"Korday, room 2 and online"."""
    called = f"{pick(room.office.names)}, {pick(room.names)}" if room else None
    return str(wording.shown(places.in_words(session.mode, called, session.place))) or t("session", "no place yet")


def facts_of(session: TrainingSession, room: Classroom | None, meetings: Sequence[Meeting]) -> list[str]:
    """The line under the title: mode, place, language, seats, meetings."""
    return [
        i18n.say(MODES[session.mode]), where_of(session, room), t("session", "in {language}", language=i18n.tongue(session.language)),
        nt("session", "{n} seat", "{n} seats", session.seats), *([t("session", "searching is practised")] if session.searches else []),
        meetings_in_words(session, meetings),
    ]


def meetings_in_words(session: TrainingSession, meetings: Sequence[Meeting]) -> str:
    """"4 meetings, Mon 23 Nov – Thu 26 Nov, 09:00–13:00 (UTC+5)"; the hours only where all have the same."""
    standing = [one for one in meetings if one.state != "cancelled"]
    if not standing:
        return t("session", "no meetings yet")
    count = nt("session", "{n} meeting", "{n} meetings", len(standing))
    hours = {hours_of(one) for one in standing}
    same = next(iter(hours)) if len(hours) == 1 else t("session", "hours differ")
    return f"{count}, {days_in_words(one.day for one in standing)}, {same} ({offset_of(standing[0])})"


def days_in_words(days: Iterable[date]) -> str:
    """"Mon 23 Nov – Thu 26 Nov", or the one day."""
    ordered = sorted(days)
    return weekday(ordered[0]) if ordered[0] == ordered[-1] else f"{weekday(ordered[0])} – {weekday(ordered[-1])}"


def weekday(day: date) -> str:
    """"Mon 23 Nov"."""
    if i18n.language() == "prs":
        return i18n.day(day, "brief")
    return babel.dates.format_skeleton("MMMEd", datetime.combine(day, datetime.min.time()), locale=i18n.locale())


def short_weekday(day: date) -> str:
    """"Mon 23": the head of a column."""
    if i18n.language() == "prs":
        return i18n.day(day, "brief")
    return babel.dates.format_skeleton("Ed", datetime.combine(day, datetime.min.time()), locale=i18n.locale())


def month_of(meetings: Sequence[Meeting]) -> tuple[str, str] | None:
    """The month in which a session begins, for an address and in words."""
    if not meetings:
        return None
    first = meetings[0].day
    return f"{first:%Y-%m}", i18n.month_name(first)


def short_code(code: str) -> str:
    """"S-0412" for "S-2026-0412": the code where room is short and the year is known."""
    kind, _, number = code.rpartition("-")
    return f"{kind.partition('-')[0]}-{number}" if kind else code


def hours_of(meeting: Meeting) -> str:
    """"09:00–13:00" by the clock of the meeting."""
    zone = ZoneInfo(meeting.zone)
    return f"{meeting.starts_at.astimezone(zone):%H:%M}–{meeting.ends_at.astimezone(zone):%H:%M}"


def offset_of(meeting: Meeting) -> str:
    """"UTC+5" on the day of the meeting."""
    return i18n.offset(meeting.starts_at.astimezone(ZoneInfo(meeting.zone)))


def sees(path: str) -> bool:
    """Whether who asks may know of a booking of the office with this path what it is."""
    return can("session.title", Target(path=path))
