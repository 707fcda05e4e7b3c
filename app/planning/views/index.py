"""The first page of planning: what waits for the planner, and the sessions of a month."""

from __future__ import annotations

import calendar
import re
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import current_app, g, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import clock, i18n, lists
from app.courses.models import CourseVersion
from app.errors import Message, say
from app.http import actor, can, guarded
from app.i18n import pick, t
from app.notices.models import Mail
from app.offices.models import Office
from app.offices.scope import under
from app.people.models import Person
from app.planning import rules
from app.planning.views.blueprint import bp
from app.planning.views.sight import SHAPES, days_in_words, short_code, slot_name, weekday
from app.policy import scope
from app.runs.models import CourseRun
from app.schedule.assignments import CURRENT
from app.schedule.models import Assignment, Meeting, SessionSlot, TrainingSession
from app.schedule.session_rules import MODES, STATES

MOST = 12
"""Lines of a list of what waits, before it says how many more there are."""

LINKS: tuple[tuple[str, str, Message], ...] = (
    ("planning.board", "board.read", say("planning", "Planning board")),
    ("planning.requests", "request.make", say("planning", "Requests")),
    ("planning.proposal", "session.plan", say("planning", "Suggest all")),
    ("trainers.index", "trainer.list", say("planning", "Pool of trainers")),
    ("planning.outbox", "outbox.send", say("planning", "Outbox")),
    ("planning.overrides", "session.list", say("planning", "Taken on with a reason")),
    ("planning.closures", "room.block", say("planning", "Closures and holidays")),
    ("planning.absences", "absence.keep", say("absence", "Absences")),
    ("planning.constraints", "constraint.read", say("planning", "Checks of trainers")),
)
"""The other pages of planning: endpoint, action, name. What this node has not, or who asks may not, is left out."""


@dataclass(frozen=True)
class Row:
    """A session as the month shows it."""

    session: TrainingSession
    titles: Mapping[str, str]
    office: Mapping[str, str]
    path: str
    days: tuple[date, ...]

    @property
    def title(self) -> str:
        """Its own words, else the course."""
        return self.session.title or pick(self.titles)

    @property
    def when(self) -> str:
        """Its days in words."""
        return days_in_words(self.days) if self.days else t("session", "no meetings yet")


@bp.get("/planning")
@guarded("session.list")
def index() -> ResponseReturnValue:
    """What waits, and the month."""
    now = clock.now()
    today = now.astimezone(ZoneInfo(i18n.viewer_zone())).date()
    first = _month(request.args.get("month", ""), today)
    state = request.args.get("state", "") if request.args.get("state") in STATES else ""
    last = first.replace(day=calendar.monthrange(first.year, first.month)[1])
    rows = _rows(first, last, state)
    plans = can("session.plan")
    open_slots, waiting = _looked_for(now) if plans else ([], [])
    drafts = _drafts() if plans else []
    return render_template(
        "planning/index.html", first=first, month=i18n.month_name(first), rows=rows, weeks=_weeks(first, last, rows), heads=_heads(), today=today, state=state,
        states=STATES, shapes=SHAPES, short_code=short_code, modes=MODES, plans=plans, open_slots=open_slots[:MOST], more_slots=max(0, len(open_slots) - MOST), waiting=waiting[:MOST],
        drafts=drafts[:MOST], more_drafts=max(0, len(drafts) - MOST), mails=_mails() if can("outbox.send") else 0, links=_links(),
        before=_address(first - timedelta(days=1), state), after=_address(last + timedelta(days=1), state), this=_address(today, state), weekday=weekday,
        new="planning.new" in current_app.view_functions,
    )


def _month(text: str, today: date) -> date:
    found = re.fullmatch(r"(\d{4})-(\d{2})", text)
    if found and 2000 <= int(found[1]) <= 2100 and 1 <= int(found[2]) <= 12:
        return date(int(found[1]), int(found[2]), 1)
    return today.replace(day=1)


def _address(day: date, state: str) -> str:
    return url_for("planning.index", month=f"{day:%Y-%m}", state=state or None)


def _links() -> list[tuple[str, Message]]:
    return [(url_for(endpoint), label) for endpoint, action, label in LINKS if endpoint in current_app.view_functions and can(action)]


def _heads() -> list[str]:
    names = i18n.locale().days["stand-alone"]["abbreviated"]
    return [names[n] for n in range(7)]


def _mine() -> sa.ColumnElement[bool]:
    """The sessions that who asks may see in lists: released ones of his offices, drafts where he plans."""
    return sa.and_(
        lists.scoped(Office.path, "session.list"),
        sa.or_(TrainingSession.state != "draft", lists.scoped(Office.path, "session.plan")),
    )


def _rows(first: date, last: date, state: str) -> list[Row]:
    """The sessions with a meeting in the month, by their first day; drafts without meetings stand among the drafts. Two queries."""
    in_month = sa.select(Meeting.id).where(Meeting.session_id == TrainingSession.id, Meeting.day.between(first, last), sa.or_(Meeting.state != "cancelled", TrainingSession.state == "cancelled")).exists()
    query = (
        sa.select(TrainingSession, CourseVersion.titles, Office.names, Office.path)
        .join(CourseRun, CourseRun.id == TrainingSession.run_id).join(CourseVersion, CourseVersion.id == CourseRun.course_version_id)
        .join(Office, Office.id == CourseRun.office_id).where(_mine(), in_month)
    )
    if state:
        query = query.where(TrainingSession.state == state)
    found = g.db.execute(query).all()
    days: dict[uuid.UUID, list[date]] = defaultdict(list)
    for session_id, day in g.db.execute(
        sa.select(Meeting.session_id, Meeting.day).where(Meeting.session_id.in_([row[0].id for row in found])).distinct().order_by(Meeting.day)
    ):
        days[session_id].append(day)
    rows = [Row(session, titles, office, path, tuple(days[session.id])) for session, titles, office, path in found]
    return sorted(rows, key=lambda row: (row.days[:1], row.session.code))


@dataclass(frozen=True)
class Day:
    """A cell of the month."""

    day: date
    inside: bool
    rows: Sequence[tuple[Row, bool]]  # and whether it began on an earlier day


def _weeks(first: date, last: date, rows: Sequence[Row]) -> list[list[Day]]:
    start, end = first - timedelta(days=first.isoweekday() - 1), last + timedelta(days=7 - last.isoweekday())
    by_day: dict[date, list[tuple[Row, bool]]] = defaultdict(list)
    for row in rows:
        for day in row.days:
            by_day[day].append((row, day != row.days[0]))
    days = [start + timedelta(days=n) for n in range((end - start).days + 1)]
    return [[Day(day, first <= day <= last, by_day[day]) for day in days[n : n + 7]] for n in range(0, len(days), 7)]


# ---- what waits ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Waits:
    """A slot that somebody has to look at."""

    session: TrainingSession
    title: str
    slot: str
    starts: datetime
    zone: str
    name: str = ""
    state: str = ""
    since: datetime | None = None
    late: bool = False
    why: str = ""

    @property
    def day(self) -> date:
        """The day of its first meeting, where it is held."""
        return self.starts.astimezone(ZoneInfo(self.zone)).date()


def _slots(now: datetime) -> sa.Select[TrainingSession, dict[str, str], SessionSlot, Assignment, str, datetime]:
    first = (
        sa.select(Meeting.session_id, sa.func.min(Meeting.starts_at).label("starts_at"))
        .where(Meeting.ends_at > now, Meeting.state != "cancelled", Meeting.session_id.is_not(None)).group_by(Meeting.session_id).subquery()
    )
    return (
        sa.select(TrainingSession, CourseVersion.titles, SessionSlot, Assignment, Person.short_name, first.c.starts_at)
        .join(first, first.c.session_id == TrainingSession.id).join(SessionSlot, SessionSlot.session_id == TrainingSession.id)
        .outerjoin(Assignment, sa.and_(Assignment.slot_id == SessionSlot.id, Assignment.state.in_(CURRENT)))
        .outerjoin(Person, Person.id == Assignment.person_id)
        .join(CourseRun, CourseRun.id == TrainingSession.run_id).join(CourseVersion, CourseVersion.id == CourseRun.course_version_id)
        .join(Office, Office.id == CourseRun.office_id)
        .where(under(Office.path, scope(actor(), "session.plan")), TrainingSession.state != "cancelled", SessionSlot.ended_on.is_(None))
        .order_by(first.c.starts_at, TrainingSession.code, SessionSlot.number)
    )


def _looked_for(now: datetime) -> tuple[list[Waits], list[Waits]]:
    """Slots of sessions to come that are empty or whose trainer can no longer come, the soonest first; and offers and requests

    without an answer, those that are late first. One query.
    """
    rows = g.db.execute(_slots(now).where(sa.or_(Assignment.id.is_(None), Assignment.broken_at.is_not(None), Assignment.state.in_(("offered", "requested")))))
    open_ones, waiting = [], []
    for session, titles, slot, one, name, starts in rows:
        about = (session, session.title or pick(titles), slot_name(slot), starts, session.zone, name or "")
        if one is None or one.broken_at is not None:
            broken = [result for stored in (one.broken if one else []) if (result := rules.from_json(stored))]
            open_ones.append(Waits(*about, "broken" if one else "empty", why=" ".join(i18n.say(each.message) for each in broken)))
        if one is not None and one.state in ("offered", "requested"):
            waiting.append(Waits(*about, one.state, one.since, one.answer_by is not None and one.answer_by < now))
    return open_ones, sorted(waiting, key=lambda each: not each.late)


def _drafts() -> list[Row]:
    """Drafts of the offices that who asks plans, the soonest first. Two queries."""
    found = g.db.execute(
        sa.select(TrainingSession, CourseVersion.titles, Office.names, Office.path)
        .join(CourseRun, CourseRun.id == TrainingSession.run_id).join(CourseVersion, CourseVersion.id == CourseRun.course_version_id)
        .join(Office, Office.id == CourseRun.office_id)
        .where(under(Office.path, scope(actor(), "session.plan")), TrainingSession.state == "draft")
    ).all()
    days: dict[uuid.UUID, list[date]] = defaultdict(list)
    for session_id, day in g.db.execute(
        sa.select(Meeting.session_id, Meeting.day).where(Meeting.session_id.in_([row[0].id for row in found])).distinct().order_by(Meeting.day)
    ):
        days[session_id].append(day)
    rows = [Row(session, titles, office, path, tuple(days[session.id])) for session, titles, office, path in found]
    return sorted(rows, key=lambda row: (row.days[:1] or (date.max,), row.session.code))


def _mails() -> int:
    """Mails that wait for somebody to press send."""
    return g.db.scalar(
        sa.select(sa.func.count()).select_from(Mail).join(Office, Office.id == Mail.office_id).where(Mail.state == "waiting", lists.scoped(Office.path, "outbox.send"))
    ) or 0


