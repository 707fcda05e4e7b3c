"""The planning board: trainers beside days, who is taken by what and who is free, as far as who asks may see it."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.errors import Message, say
from app.offices.models import Country, Holiday, Office
from app.offices.scope import under
from app.people.models import Person
from app.planning.week import WORDS
from app.runs.models import CourseRun, RunTrainer
from app.schedule.models import Assignment, Booking, Meeting, TrainingSession
from app.schedule.rules import STANDS
from app.trainers.models import Absence, Accreditation, Trainer

Sees = Callable[[str], bool]
SHOWN = ("busy", "card")
"""What a trainer may have agreed to show to other countries."""


@dataclass(frozen=True)
class Mark:
    """What takes a part of a day: a booking, an absence, a holiday."""

    kind: str  # booking | offer | away | holiday
    word: Message
    starts_at: datetime | None = None  # None: the whole day
    ends_at: datetime | None = None
    code: str = ""  # of the session or run, where it may be seen
    short: str = ""  # its number alone, for narrow columns
    session: bool = False  # whether the code leads to a session's page
    names: Mapping[str, str] = field(default_factory=dict)  # of a holiday


@dataclass
class Row:
    """A trainer with what takes his days."""

    trainer_id: uuid.UUID
    person_id: uuid.UUID
    name: str
    country: str
    office: Mapping[str, str]
    path: str
    zone: ZoneInfo
    weekend: frozenset[int]
    ours: bool  # his home is under who asks: his absences are named
    marks: dict[date, list[Mark]] = field(default_factory=lambda: defaultdict(list))

    def taken(self, days: Iterable[date]) -> int:
        """On how many of the days he teaches or is offered to."""
        return sum(any(mark.kind in ("booking", "offer") for mark in self.marks.get(day, ())) for day in days)

    def free(self, days: Iterable[date]) -> bool:
        """Whether nothing takes any of the days."""
        return not any(self.marks.get(day) for day in days)

    def off(self, day: date) -> bool:
        """Whether the day is of his country's weekend."""
        return day.isoweekday() in self.weekend


BUSY, OFFERED, HOLIDAY = say("week", "booked"), say("week", "offered"), say("week", "holiday")


def days_between(first: date, last: date) -> list[date]:
    """All days from one to another, both included."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def local_days(starts_at: datetime, ends_at: datetime, zone: ZoneInfo) -> list[date]:
    """The days that a span touches by the clock of a place; one that ends at midnight does not touch the next."""
    first = starts_at.astimezone(zone).date()
    last = (ends_at - timedelta(microseconds=1)).astimezone(zone).date() if ends_at > starts_at else first
    return days_between(first, last)


def board(
    db: Session, days: Sequence[date], *, paths: Collection[str], known: Collection[str], sees: Sees, today: date, country: str = "", course_id: uuid.UUID | None = None, text: str = "",
) -> list[Row]:
    """The pool as it is on these days: trainers whose home is under `paths`, and those of others who agreed to be shown.

    Of trainers under `known` it is said why they are away, of all others only that they are. `sees` says whether a booking of an office may be named. Five queries, however many trainers and days.
    """
    rows = _pool(db, paths, known, today, country, course_id, text)
    by_person = {row.person_id: row for row in rows}
    wanted = set(days)
    starts, ends = _instants(days)
    pool = sa.select(Trainer.person_id)
    taken = db.execute(
        sa.select(
            Booking.resource_id, Booking.starts_at, Booking.ends_at, TrainingSession.code, Office.path, Assignment.state,
        )
        .join(Meeting, Meeting.id == Booking.meeting_id).join(TrainingSession, TrainingSession.id == Meeting.session_id)
        .join(CourseRun, CourseRun.id == TrainingSession.run_id).join(Office, Office.id == CourseRun.office_id)
        .outerjoin(Assignment, Assignment.id == Booking.source_id)
        .where(Booking.starts_at < ends, Booking.ends_at > starts, Booking.resource_id.in_(pool)).order_by(Booking.starts_at)
    )
    for person_id, since, until, code, path, state in taken:
        if person_id in by_person:
            offered = state == "offered"
            _put(by_person[person_id], wanted, since, until, "offer" if offered else "booking", OFFERED if offered else BUSY, code if sees(path) else "", session=True)
    for person_id, since, until, code, path in db.execute(  # runs whose own timetable a class server keeps, or that were planned without sessions
        sa.select(RunTrainer.person_id, Meeting.starts_at, Meeting.ends_at, CourseRun.code, Office.path)
        .join(Meeting, Meeting.run_id == RunTrainer.run_id).join(CourseRun, CourseRun.id == RunTrainer.run_id).join(Office, Office.id == CourseRun.office_id)
        .where(Meeting.session_id.is_(None), Meeting.state.in_(STANDS), Meeting.starts_at < ends, Meeting.ends_at > starts, RunTrainer.person_id.in_(pool))
        .order_by(Meeting.starts_at)
    ):
        if person_id in by_person:
            _put(by_person[person_id], wanted, since, until, "booking", BUSY, code if sees(path) else "", session=False)
    for person_id, kind, since, until in db.execute(
        sa.select(Absence.person_id, Absence.kind, Absence.starts_at, Absence.ends_at)
        .where(Absence.ended_on.is_(None), Absence.starts_at < ends, Absence.ends_at > starts, Absence.person_id.in_(pool)).order_by(Absence.starts_at)
    ):
        if person_id in by_person:
            row = by_person[person_id]
            _put(row, wanted, since, until, "away", WORDS[kind if row.ours else "unavailable"], "", session=False)
    _put_holidays(db, rows, wanted)
    return rows


def _pool(db: Session, paths: Collection[str], known: Collection[str], today: date, country: str, course_id: uuid.UUID | None, text: str) -> list[Row]:
    ours = under(Office.path, known)
    query = (
        sa.select(
            Trainer.id, Person.id, Person.short_name, Country.code, Office.names, Office.path, Office.zone, Country.weekend, ours.label("ours"),
        )
        .join(Person, Person.id == Trainer.person_id).join(Office, Office.id == Trainer.home_office_id).join(Country, Country.id == Office.country_id)
        .where(Trainer.left_on.is_(None), sa.or_(under(Office.path, paths), Trainer.shown_abroad.in_(SHOWN))).order_by(sa.case((ours, 0), else_=1), Country.code, Person.sort_key, Trainer.id)
    )
    if country:
        query = query.where(Country.code == country)
    if course_id is not None:
        holds = sa.and_(
            Accreditation.trainer_id == Trainer.id, Accreditation.course_id == course_id, Accreditation.withdrawn_on.is_(None),
            Accreditation.valid_from <= today, sa.or_(Accreditation.valid_to.is_(None), Accreditation.valid_to >= today),
        )
        query = query.where(sa.exists().where(holds))
    if text:
        query = query.where(Person.search_key.contains(text.casefold(), autoescape=True))
    return [
        Row(trainer_id, person_id, name, code, names, path, ZoneInfo(zone), frozenset(weekend), bool(own))
        for trainer_id, person_id, name, code, names, path, zone, weekend, own in db.execute(query)
    ]


def _instants(days: Sequence[date]) -> tuple[datetime, datetime]:
    """Wide enough for the days in every zone of the world."""
    return datetime.combine(min(days), time(), UTC) - timedelta(hours=14), datetime.combine(max(days), time(), UTC) + timedelta(hours=36)


def _put(row: Row, wanted: Collection[date], starts_at: datetime, ends_at: datetime, kind: str, word: Message, code: str, *, session: bool) -> None:
    for day in local_days(starts_at, ends_at, row.zone):
        if day in wanted:
            midnight = datetime.combine(day, time(), row.zone)
            following = datetime.combine(day + timedelta(days=1), time(), row.zone)
            whole = starts_at <= midnight and ends_at >= following
            row.marks[day].append(Mark(
                kind, word, None if whole else max(starts_at, midnight), None if whole else min(ends_at, following), code,
                code.rsplit("-", 1)[-1], session and bool(code),
            ))


def _put_holidays(db: Session, rows: Sequence[Row], wanted: Collection[date]) -> None:
    found: dict[str, list[tuple[date, Mapping[str, str]]]] = defaultdict(list)
    for code, day, names in db.execute(
        sa.select(Country.code, Holiday.day, Holiday.names).join(Country, Country.id == Holiday.country_id)
        .where(Holiday.day >= min(wanted), Holiday.day <= max(wanted))
    ):
        found[code].append((day, names))
    for row in rows:
        for off, called in found[row.country]:
            if off in wanted:
                row.marks[off].append(Mark("holiday", HOLIDAY, names=called))


def countries(rows: Iterable[Row]) -> dict[str, int]:
    """How many trainers of each country stand on the board."""
    counts: dict[str, int] = defaultdict(int)
    for row in rows:
        counts[row.country] += 1
    return dict(sorted(counts.items()))
