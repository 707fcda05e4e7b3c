"""The rows behind the facts of planning: places, slots, and the trainers of the pool with all that touches a slot.

A pool of hundreds with years of bookings is read for one page, so only columns are read, and ids stay as the driver gives
them: making a UUID of each would take longer than the queries.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from functools import lru_cache
from statistics import median
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased
from sqlalchemy.types import NullType

from app.courses.models import CourseVersion
from app.feedback.models import FeedbackSheet
from app.offices.models import Classroom, Country, Holiday, Office
from app.people.models import Person
from app.planning import rules
from app.planning.facts import (
    Accredited,
    Away,
    Busy,
    Colleague,
    Letter,
    Pair,
    Permit,
    Place,
    SlotFacts,
    Span,
    TrainerFacts,
    Way,
    Work,
)
from app.planning.models import ConstraintSetting
from app.planning.rules import Setting
from app.runs.models import CourseRun, Enrolment, RunTrainer
from app.schedule.assignments import CURRENT
from app.schedule.bookings import HOLDS, TAKES_PLACE
from app.schedule.models import Assignment, Meeting, SessionSeat, SessionSlot, Taught, TrainingSession
from app.schedule.rules import STANDS
from app.trainers.models import (
    Absence,
    Accreditation,
    EntryPermit,
    EntryRule,
    HomeRelease,
    Pairing,
    Trainer,
    TrainerLanguage,
    TravelTime,
)
from app.trainers.rules import CEFR

FAIR_DAYS = 90
USUAL_MARK = Fraction(4)
"""The mean where nothing was evaluated yet."""
MOVES = 14
"""Days by which a session might be moved to get somebody."""

Key = TypeVar("Key")
One = TypeVar("One")


def settings_of(db: Session) -> dict[str, Setting]:
    """How each constraint is taken at this centre. One query."""
    stored = {row.code: row for row in db.scalars(sa.select(ConstraintSetting))}
    return {
        code: rules.setting(code, stored[code].level, stored[code].weight, stored[code].numbers) if code in stored else one.default()
        for code, one in rules.CONSTRAINTS.items()
    }


def _raw(column: Any) -> sa.ColumnElement[Any]:
    """A column as the driver gives it: good for comparing within one read."""
    return sa.type_coerce(column, NullType()).label(None)


@lru_cache(maxsize=4096)
def _uuid(raw: Any) -> uuid.UUID:
    return raw if isinstance(raw, uuid.UUID) else uuid.UUID(raw)


def _text(day: Any) -> sa.ColumnElement[str]:
    """A day as ISO text, which sorts as days do."""
    return sa.cast(day, sa.Text())


def _rows(db: Session, query: sa.Executable) -> Iterable[Any]:
    """Rows of columns, past the session: it would make each of them anew."""
    return db.connection().execute(query)


def _frozen(found: Mapping[Key, list[One]]) -> dict[Key, tuple[One, ...]]:
    return {key: tuple(values) for key, values in found.items()}


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@lru_cache(maxsize=4096)
def _last_day(ends: datetime, zone: str) -> date:
    return (ends - timedelta(microseconds=1)).astimezone(_zone(zone)).date()


def _span(starts: datetime, ends: datetime, day: date, zone: str, place: Place | None) -> Span:
    return Span(starts, ends, day, max(day, _last_day(ends, zone)), zone, place)


def _at(day: date, days: int) -> datetime:
    return datetime.combine(day, time(), UTC) + timedelta(days=days)


# ---- places ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Places:
    """Offices by id, classrooms by id, and the ways that are stated between offices."""

    offices: Mapping[Any, Place]
    rooms: Mapping[Any, Any]  # classroom -> office
    countries: Mapping[Any, str]  # codes
    ways: Mapping[tuple[str, str], Way]
    visas: Mapping[tuple[str, str], int]

    def of(self, mode: str, rooms: Iterable[Any], office: Any) -> Place | None:
        """Where somebody goes for a meeting: the first classroom that is named, else the office that gives the run."""
        if mode == "online":
            return None
        room = next((one for one in rooms if one is not None), None)
        return self.offices[self.rooms[room] if room is not None else office]


def places_of(db: Session) -> Places:
    """All places of this node. Five queries."""
    countries = {id_: (code, names) for id_, code, names in db.execute(sa.select(_raw(Country.id), Country.code, Country.names))}
    rows = db.execute(sa.select(_raw(Office.id), Office.names, _raw(Office.country_id), Office.kind, Office.path, Office.clearance)).all()
    departments = {path for _, _, _, kind, path, _ in rows if kind == "department"}
    offices = {}
    for id_, names, country, _, path, clearance in rows:
        above = next((path[: at + 1] for at in range(len(path) - 1, 0, -1) if path[at] == "/" and path[: at + 1] in departments), "")
        code, country_names = countries.get(country, ("", {}))
        offices[id_] = Place(path, names, code, country_names, above, clearance)
    rooms = dict(db.execute(sa.select(_raw(Classroom.id), _raw(Classroom.office_id))).all())
    ways = {(offices[one].path, offices[other].path): Way(days, cost) for one, other, days, cost in db.execute(
        sa.select(_raw(TravelTime.from_office_id), _raw(TravelTime.to_office_id), TravelTime.days, TravelTime.cost)
    )}
    visas = {(countries[one][0], countries[other][0]): days for one, other, days in db.execute(
        sa.select(_raw(EntryRule.from_country_id), _raw(EntryRule.to_country_id), EntryRule.lead_days)
    )}
    return Places(offices, rooms, {id_: code for id_, (code, _) in countries.items()}, ways, visas)


# ---- slots -----------------------------------------------------------------------------------------------------------


def slots_of(db: Session, slots: Sequence[SessionSlot], now: datetime, places: Places) -> dict[uuid.UUID, SlotFacts]:
    """What slots ask; those whose session has no meetings are left out. Four queries."""
    session_ids = {slot.session_id for slot in slots}
    about = {
        row[0].id: row for row in db.execute(
            sa.select(TrainingSession, _raw(CourseRun.office_id), _raw(TrainingSession.classroom_id), CourseVersion.course_id, CourseVersion.titles)
            .join(CourseRun, CourseRun.id == TrainingSession.run_id).join(CourseVersion, CourseVersion.id == CourseRun.course_version_id)
            .where(TrainingSession.id.in_(session_ids))
        )
    }
    spans: dict[uuid.UUID, list[Span]] = defaultdict(list)
    for session_id, starts, ends, day, zone, room in db.execute(
        sa.select(TrainingSession.id, Meeting.starts_at, Meeting.ends_at, Meeting.day, Meeting.zone, _raw(Meeting.classroom_id))
        .join(TrainingSession, TrainingSession.id == Meeting.session_id).where(Meeting.session_id.in_(session_ids), Meeting.state.in_(TAKES_PLACE))
        .order_by(Meeting.starts_at, Meeting.id)
    ):
        session, office, own_room = about[session_id][:3]
        spans[session_id].append(_span(starts, ends, day, zone, places.of(session.mode, (room, own_room), office)))
    company: dict[uuid.UUID, list[tuple[uuid.UUID, Colleague]]] = defaultdict(list)
    unfilled: dict[uuid.UUID, set[uuid.UUID]] = defaultdict(set)
    for session_id, slot_id, role, person_id, trainer_id, home, sex in _rows(db,
        sa.select(SessionSlot.session_id, SessionSlot.id, SessionSlot.role, Assignment.person_id, Trainer.id, _raw(Trainer.home_office_id), Person.gender)
        .outerjoin(Assignment, sa.and_(Assignment.slot_id == SessionSlot.id, Assignment.state.in_(CURRENT)))
        .outerjoin(Person, Person.id == Assignment.person_id).outerjoin(Trainer, Trainer.person_id == Assignment.person_id)
        .where(SessionSlot.session_id.in_(session_ids), sa.or_(SessionSlot.ended_on.is_(None), Assignment.id.is_not(None)))
        .order_by(SessionSlot.number, Assignment.id)
    ):
        if person_id is not None:
            company[session_id].append((slot_id, Colleague(trainer_id, person_id, role, places.offices[home] if trainer_id else None, sex or "")))
        elif role in rules.IN_ROOM:
            unfilled[session_id].add(slot_id)
    trainees: dict[uuid.UUID, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    sexes: dict[uuid.UUID, set[str]] = defaultdict(set)
    for session_id, office, sex, n in db.execute(
        sa.select(SessionSeat.session_id, _raw(Enrolment.office_id), Person.gender, sa.func.count())
        .join(TrainingSession, TrainingSession.id == SessionSeat.session_id).join(Person, Person.id == SessionSeat.person_id)
        .join(Enrolment, sa.and_(Enrolment.run_id == TrainingSession.run_id, Enrolment.person_id == SessionSeat.person_id))
        .where(SessionSeat.session_id.in_(session_ids), SessionSeat.state == "seated").group_by(SessionSeat.session_id, Enrolment.office_id, Person.gender)
    ):
        trainees[session_id][places.offices[office].path] += n
        sexes[session_id] |= {sex} & {"f", "m"}
    found = {}
    for slot in slots:
        if not spans[slot.session_id]:
            continue
        session, office, _, course_id, titles = about[slot.session_id]
        own, giver = spans[slot.session_id], places.offices[office]
        if slot.role == "remote":
            own = [replace(span, place=None) for span in own]
        found[slot.id] = SlotFacts(
            slot.id, session.id, session.run_id, session.code, slot.role, session.mode, course_id, titles, session.language, session.language_level,
            tuple(own), giver.path, own[0].place or giver, now.astimezone(_zone(session.zone)).date(),
            slot.language if slot.role == "interpreter" else "", session.budget,
            tuple(one for other_id, one in company[session.id] if other_id != slot.id), dict(trainees[session.id]), session.searches,
            frozenset(sexes[session.id]), len(unfilled[session.id] - {slot.id}), places.ways, places.visas,
        )
    return found


# ---- the pool --------------------------------------------------------------------------------------------------------

PIECE = sa.func.coalesce(Meeting.session_id, Meeting.run_id)
"""The piece of work that a meeting belongs to: its session, or the run whose own timetable it is."""
COUNTS = sa.or_(Meeting.state.in_(STANDS), sa.and_(Meeting.session_id.is_not(None), Meeting.state.in_(TAKES_PLACE)))
"""A meeting that takes place, or is to: drafts are of sessions only."""
LATER = aliased(Taught)
ONE, OTHER, ONE_NAME, OTHER_NAME = aliased(Trainer), aliased(Trainer), aliased(Person), aliased(Person)
EDGE = 2
"""Days by which a meeting that is near by its instants may lie outside by its local day."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A session, or a run with its own timetable, as it books people. Ids as the driver gives them."""

    code: str
    mode: str
    room: Any
    office: Any
    place: Place | None  # where its load is, apart from rooms of single meetings
    session_id: uuid.UUID | None = None  # where it is one of those asked about
    run_id: uuid.UUID | None = None  # likewise, of a run's own timetable


class Reading:
    """The rows about trainers, kept by person, so that each slot takes its own part of them."""

    def __init__(
        self, db: Session, slots: Sequence[SlotFacts], settings: Mapping[str, Setting], places: Places, now: datetime, *,
        near: int, trainer_ids: Collection[uuid.UUID] | None,
    ) -> None:
        self.settings, self.places, self.near = settings, places, near
        today = now.date()
        first, last = (min(slot.first for slot in slots), max(slot.last for slot in slots)) if slots else (today, today)
        self.slots = [slot.slot_id for slot in slots]
        self.sessions, self.runs = {slot.session_id for slot in slots}, {slot.run_id for slot in slots}
        self.courses = {slot.course_id for slot in slots}
        self.pool = sa.or_(Trainer.left_on.is_(None), Trainer.left_on > today)
        chosen = self.pool if trainer_ids is None else sa.and_(self.pool, Trainer.id.in_(list(trainer_ids)))
        self.everybody = sa.select(Trainer.person_id).where(self.pool).scalar_subquery()
        self.people = sa.select(Trainer.person_id).where(chosen).scalar_subquery()
        self.ids = sa.select(Trainer.id).where(chosen).scalar_subquery()

        self.languages = self._languages(db)
        self.letters, self.permits, self.pairs = self._letters(db, first, last), self._permits(db), self._pairs(db)
        self.accredited = self._accredited(db)
        self.holidays = self._holidays(db, first, last)
        self.trainers: list[TrainerFacts] = []
        self.shown: dict[uuid.UUID, str] = {}
        self.raw: dict[uuid.UUID, Any] = {}  # person, as the driver gives his id
        self._trainers(db, chosen)
        self.away = self._away(db, first, last)
        since, until = min(rules.quarter_of(first), first - timedelta(days=FAIR_DAYS)), rules.end_of_quarter(last)
        edge = timedelta(days=self.near + EDGE)
        self._booked(db, min(since, first - edge), max(until, last + edge))
        self.busy = self._busy(db, first, last)
        self.work = self._work(db, since, until)
        self.shares: dict[Any, int] = dict(db.execute(sa.select(_raw(Trainer.person_id), Trainer.share).where(self.pool)).all())
        self.taught = self._taught(db, first)
        self.fair: dict[tuple[uuid.UUID, date], dict[Any, int]] = {}

    # ---- by slot

    def with_pool(self, slot: SlotFacts) -> SlotFacts:
        """The slot with the middle of the pool's days, each weighed by his share of a post, and the mean of its evaluations."""
        days = self._days_90(slot)
        weighed = [Fraction(days.get(person, 0) * 100, max(share, 1)) for person, share in self.shares.items()]
        return replace(slot, median_90=Fraction(median(weighed)) if weighed else Fraction(0), mean_mark=self.mean.get(slot.course_id, USUAL_MARK))

    def _days_90(self, slot: SlotFacts) -> dict[Any, int]:
        """By person: teaching days in the 90 days before the slot begins, what is planned in them counted."""
        key = (slot.session_id, slot.first)
        if key not in self.fair:
            since, until = (slot.first - timedelta(days=FAIR_DAYS)).isoformat(), slot.first.isoformat()
            self.fair[key] = {
                person: len({day for work in works if work.session_id != slot.session_id for day in work.days if since <= day < until})
                for person, works in self.work.items()
            }
        return self.fair[key]

    def for_slot(self, trainer: TrainerFacts, slot: SlotFacts) -> TrainerFacts:
        """The trainer with what touches this slot: bookings near it, days that count as load, runs of its course."""
        person = self.raw[trainer.person_id]
        since, until = _at(slot.first, -self.near), _at(slot.last, self.near + 1)
        months_ago = rules.months_before(slot.first, self.settings["T16"].numbers["months"]).isoformat()
        first, runs, same = slot.first.isoformat(), set(), False
        for code, course_id, begins, ends, run_id, session_id in self.taught.get(person, ()):
            if run_id == slot.run_id:
                same = same or session_id != slot.session_id
            elif course_id == slot.course_id and begins < first and ends >= months_ago:
                runs.add(code)
        marks = [self.marks[code] for code in runs if code in self.marks]
        start, end = rules.quarter_of(slot.first).isoformat(), rules.end_of_quarter(slot.last).isoformat()
        return replace(
            trainer,
            accreditations=self.accredited.get((trainer.trainer_id, slot.course_id), ()),
            busy=tuple(
                busy for slot_id, run_id, busy in self.busy.get(person, ())
                if slot_id != slot.slot_id and run_id != slot.run_id and busy.span.starts < until and busy.span.ends > since
            ),
            away=tuple(one for one in self.away.get(person, ()) if one.starts < until and one.ends > since),
            work=tuple(
                one for one in self.work.get(person, ())
                if one.session_id != slot.session_id and any(start <= day <= end for day in one.days)
            ),
            days_90=self._days_90(slot).get(person, 0), taught=len(runs), same_run=same,
            marks=sum(total for total, _ in marks), marked=sum(n for _, n in marks),
        )

    def teaching_days(self, trainer: TrainerFacts) -> frozenset[date]:
        """The days near the slots on which he teaches elsewhere than in one of them."""
        return frozenset(busy.span.day for slot_id, _, busy in self.busy.get(self.raw[trainer.person_id], ()) if slot_id is None)

    # ---- rows

    def _trainers(self, db: Session, chosen: sa.ColumnElement[bool]) -> None:
        rows = _rows(db,
            sa.select(
                Trainer.id, Trainer.person_id, _raw(Trainer.person_id), Person.short_name, Person.sort_key, _raw(Trainer.home_office_id), Trainer.reach,
                Trainer.travels, Trainer.share, Trainer.days_a_month, Trainer.days_a_quarter, Trainer.needs_release, Trainer.passport_to,
                Trainer.connection_tested_on, Trainer.prefers, Trainer.prefers_to, Trainer.shown_abroad, Person.gender,
            ).join(Person, Person.id == Trainer.person_id).where(chosen).order_by(Person.sort_key, Trainer.id)
        )
        for id_, person_id, raw, name, key, home_id, reach, travels, share, month, quarter, letter, passport, tested, prefers, prefers_to, shown, sex in rows:
            home = self.places.offices[home_id]
            self.trainers.append(TrainerFacts(
                id_, person_id, name, key, home.country, home, reach, travels, share, month, quarter, letter, passport, tested, prefers, prefers_to, sex or "",
                languages=self.languages.get(id_, {}), holidays=self.holidays.get(home.country, {}), permits=self.permits.get(id_, ()),
                letters=self.letters.get(id_, ()), pairs=self.pairs.get(id_, ()), busy_only=shown != "card",
            ))
            self.shown[id_], self.raw[person_id] = shown, raw

    def _languages(self, db: Session) -> dict[uuid.UUID, dict[str, str]]:
        found: dict[uuid.UUID, dict[str, str]] = defaultdict(dict)
        for trainer_id, tag, level in _rows(db,
            sa.select(_raw(TrainerLanguage.trainer_id), TrainerLanguage.language, TrainerLanguage.level).where(TrainerLanguage.trainer_id.in_(self.ids))
        ):
            if level in CEFR:
                found[trainer_id][tag] = level
        return {_uuid(raw): levels for raw, levels in found.items()}

    def _accredited(self, db: Session) -> dict[tuple[uuid.UUID, uuid.UUID], tuple[Accredited, ...]]:
        found: dict[tuple[uuid.UUID, uuid.UUID], list[Accredited]] = defaultdict(list)
        for trainer_id, course_id, *held in _rows(db,
            sa.select(
                _raw(Accreditation.trainer_id), _raw(Accreditation.course_id), Accreditation.level, Accreditation.valid_from, Accreditation.valid_to, Accreditation.withdrawn_on,
            ).where(Accreditation.trainer_id.in_(self.ids), Accreditation.course_id.in_(self.courses)).order_by(Accreditation.valid_from, Accreditation.id)
        ):
            found[_uuid(trainer_id), _uuid(course_id)].append(Accredited(*held))
        return _frozen(found)

    def _letters(self, db: Session, first: date, last: date) -> dict[uuid.UUID, tuple[Letter, ...]]:
        found: dict[uuid.UUID, list[Letter]] = defaultdict(list)
        for trainer_id, *letter in _rows(db,
            sa.select(HomeRelease.trainer_id, HomeRelease.valid_from, HomeRelease.valid_to, HomeRelease.asked_on, HomeRelease.given_on, HomeRelease.refused_on)
            .where(HomeRelease.trainer_id.in_(self.ids), HomeRelease.valid_from <= last, HomeRelease.valid_to >= first).order_by(HomeRelease.asked_on, HomeRelease.id)
        ):
            found[trainer_id].append(Letter(*letter))
        return _frozen(found)

    def _permits(self, db: Session) -> dict[uuid.UUID, tuple[Permit, ...]]:
        found: dict[uuid.UUID, list[Permit]] = defaultdict(list)
        for trainer_id, kind, country, office, *valid in _rows(db,
            sa.select(EntryPermit.trainer_id, EntryPermit.kind, _raw(EntryPermit.country_id), _raw(EntryPermit.office_id), EntryPermit.valid_from, EntryPermit.valid_to)
            .where(EntryPermit.trainer_id.in_(self.ids)).order_by(EntryPermit.valid_from, EntryPermit.id)
        ):
            place = self.places.offices.get(office)
            found[trainer_id].append(Permit(kind, self.places.countries.get(country, ""), place.path if place else "", *valid))
        return _frozen(found)

    def _pairs(self, db: Session) -> dict[uuid.UUID, tuple[Pair, ...]]:
        found: dict[uuid.UUID, list[Pair]] = defaultdict(list)
        for trainer_id, other_id, kind, his, theirs in db.execute(
            sa.select(Pairing.trainer_id, Pairing.other_id, Pairing.kind, ONE_NAME.short_name, OTHER_NAME.short_name)
            .join(ONE, ONE.id == Pairing.trainer_id).join(ONE_NAME, ONE_NAME.id == ONE.person_id)
            .join(OTHER, OTHER.id == Pairing.other_id).join(OTHER_NAME, OTHER_NAME.id == OTHER.person_id)
            .where(Pairing.ended_on.is_(None)).order_by(Pairing.id)
        ):
            found[trainer_id].append(Pair(kind, other_id, theirs))
            if kind != "mentor":  # a mentor may teach without his new trainer
                found[other_id].append(Pair(kind, trainer_id, his))
        return _frozen(found)

    def _holidays(self, db: Session, first: date, last: date) -> dict[str, dict[date, dict[str, str]]]:
        found: dict[str, dict[date, dict[str, str]]] = defaultdict(dict)
        edge = timedelta(days=MOVES + 1)
        for country, day, names in db.execute(
            sa.select(_raw(Holiday.country_id), Holiday.day, Holiday.names).where(Holiday.day.between(first - edge, last + edge))
        ):
            found[self.places.countries[country]][day] = names
        return found

    def _away(self, db: Session, first: date, last: date) -> dict[Any, tuple[Away, ...]]:
        found: dict[Any, list[Away]] = defaultdict(list)
        for person, kind, starts, ends, zone in _rows(db,
            sa.select(_raw(Absence.person_id), Absence.kind, Absence.starts_at, Absence.ends_at, Absence.zone)
            .where(Absence.person_id.in_(self.people), Absence.ended_on.is_(None), Absence.starts_at < _at(last, self.near + 1), Absence.ends_at > _at(first, -self.near))
            .order_by(Absence.starts_at, Absence.id)
        ):
            there = _zone(zone)
            found[person].append(Away(kind, starts, ends, starts.astimezone(there).date(), (ends - timedelta(microseconds=1)).astimezone(there).date()))
        return _frozen(found)

    def _booked(self, db: Session, low: date, high: date) -> None:
        """The pieces of work with meetings in these days, and who of the pool is booked by each.

        An assignment that holds books somebody for all meetings of its session: so pieces are read, and not each booking.
        """
        within = Meeting.day.between(low, high)
        sessions = sa.select(Meeting.session_id).where(within, Meeting.session_id.is_not(None))
        runs = sa.select(Meeting.run_id).where(within, Meeting.session_id.is_(None))
        self.pieces: dict[Any, Piece] = {}
        self.booked: dict[Any, list[tuple[Any, str, uuid.UUID | None]]] = defaultdict(list)
        for id_, known, code, mode, room, run_room, office in _rows(db,
            sa.select(
                _raw(TrainingSession.id), sa.case((TrainingSession.id.in_(self.sessions), TrainingSession.id)), TrainingSession.code, TrainingSession.mode,
                _raw(TrainingSession.classroom_id), _raw(CourseRun.classroom_id), _raw(CourseRun.office_id),
            ).join(CourseRun, CourseRun.id == TrainingSession.run_id).where(TrainingSession.id.in_(sessions), TrainingSession.state != "cancelled")
        ):
            self.pieces[id_] = Piece(code, mode, room, office, self.places.of(mode, (room, run_room), office), session_id=known)
        for person, id_, slot_id, role in _rows(db,
            sa.select(
                _raw(Assignment.person_id), _raw(Assignment.session_id), sa.case((Assignment.slot_id.in_(self.slots), Assignment.slot_id)), SessionSlot.role,
            ).join(SessionSlot, SessionSlot.id == Assignment.slot_id)
            .where(Assignment.session_id.in_(sessions), Assignment.state.in_(HOLDS), Assignment.person_id.in_(self.everybody))
        ):
            if id_ in self.pieces:
                self.booked[person].append((id_, role, slot_id))
        for id_, known, code, room, office, person, part in _rows(db,
            sa.select(
                _raw(CourseRun.id), sa.case((CourseRun.id.in_(self.runs), CourseRun.id)), CourseRun.code, _raw(CourseRun.classroom_id),
                _raw(CourseRun.office_id), _raw(RunTrainer.person_id), RunTrainer.part,
            ).outerjoin(RunTrainer, sa.and_(RunTrainer.run_id == CourseRun.id, RunTrainer.person_id.in_(self.everybody)))
            .where(CourseRun.id.in_(runs), CourseRun.state != "cancelled")
        ):
            self.pieces[id_] = Piece(code, "classroom", room, office, self.places.of("classroom", (room,), office), run_id=known)
            if person is not None:
                self.booked[person].append((id_, part, None))

    def _busy(self, db: Session, first: date, last: date) -> dict[Any, tuple[tuple[uuid.UUID | None, uuid.UUID | None, Busy], ...]]:
        """By person: the slot that books him or the run whose own timetable does, where it is one of those asked about; and the booking."""
        since, until, edge = _at(first, -self.near), _at(last, self.near + 1), timedelta(days=self.near + EDGE)
        spans: dict[Any, list[Span]] = defaultdict(list)
        for id_, starts, ends, day, zone, room in _rows(db,
            sa.select(_raw(PIECE), Meeting.starts_at, Meeting.ends_at, Meeting.day, Meeting.zone, _raw(Meeting.classroom_id))
            .where(Meeting.day.between(first - edge, last + edge), Meeting.starts_at < until, Meeting.ends_at > since, COUNTS).order_by(Meeting.starts_at, Meeting.id)
        ):
            piece = self.pieces.get(id_)
            if piece is not None:
                spans[id_].append(_span(starts, ends, day, zone, self.places.of(piece.mode, (room, piece.room), piece.office)))
        made: dict[tuple[Any, str], list[Busy]] = {}
        found = {}
        for person in self.raw.values():
            own: list[tuple[uuid.UUID | None, uuid.UUID | None, Busy]] = []
            for id_, role, slot_id in self.booked.get(person, ()):
                piece = self.pieces[id_]
                if (id_, role) not in made:
                    path = self.places.offices[piece.office].path
                    made[id_, role] = [Busy(replace(span, place=None) if role == "remote" else span, piece.code, path, role) for span in spans[id_]]
                own += [(slot_id, piece.run_id, busy) for busy in made[id_, role]]
            found[person] = tuple(sorted(own, key=lambda one: (one[2].span.starts, one[2].code)))
        return found

    def _work(self, db: Session, since: date, until: date) -> dict[Any, tuple[Work, ...]]:
        """Teaching days of the whole pool, for the load and for the middle of it: who really taught, else who is booked."""
        within = Meeting.day.between(since, until)
        works = {
            id_: Work(self.pieces[id_].session_id, frozenset(listed.split(",")), self.pieces[id_].place)
            for id_, listed in _rows(db,
                sa.select(_raw(PIECE), sa.func.aggregate_strings(_text(Meeting.day), ","))
                .where(within, COUNTS, ~sa.exists().where(Taught.meeting_id == Meeting.id)).group_by(PIECE)
            ) if id_ in self.pieces
        }
        noted: dict[tuple[Any, Any], set[str]] = defaultdict(set)  # person and piece -> days of meetings of which he is noted
        held: dict[Any, set[Any]] = {person: {id_ for id_, _, _ in own} for person, own in self.booked.items()}
        for person, id_, day, part in _rows(db,
            sa.select(_raw(Taught.person_id), _raw(PIECE), _text(Meeting.day), Taught.part).join(Meeting, Meeting.id == Taught.meeting_id)
            .where(
                within, COUNTS, Taught.person_id.in_(self.everybody),
                ~sa.exists().where(LATER.meeting_id == Taught.meeting_id, LATER.revision > Taught.revision),
            )
        ):
            if id_ in self.pieces and (part != "planned" or id_ in held.get(person, ())):
                noted[person, id_].add(day)
        found: dict[Any, list[Work]] = defaultdict(list)
        for person, ids in held.items():
            found[person] = [works[id_] for id_ in ids if id_ in works and (person, id_) not in noted]
        for (person, id_), days in noted.items():
            planned = works[id_].days if id_ in works and id_ in held.get(person, ()) else frozenset()
            found[person].append(Work(self.pieces[id_].session_id, planned | days, self.pieces[id_].place))
        return _frozen(found)

    def _taught(self, db: Session, first: date) -> dict[Any, list[tuple[Any, ...]]]:
        """By person: what he taught or was assigned to in the courses asked about: code, course, first and last day, and run and session where asked about."""
        since = rules.months_before(first, self.settings["T16"].numbers["months"])
        about = sa.and_(
            CourseRun.course_version_id.in_(sa.select(CourseVersion.id).where(CourseVersion.course_id.in_(self.courses))),
            CourseRun.state != "cancelled", sa.or_(CourseRun.id.in_(self.runs), CourseRun.ends_on >= since),
        )
        runs = {
            run: (code, _uuid(course), begins, ends, known)
            for run, code, course, begins, ends, known in _rows(db,
                sa.select(
                    _raw(CourseRun.id), CourseRun.code, _raw(CourseVersion.course_id), _text(CourseRun.starts_on), _text(CourseRun.ends_on),
                    sa.case((CourseRun.id.in_(self.runs), CourseRun.id)),
                ).join(CourseVersion, CourseVersion.id == CourseRun.course_version_id).where(about)
            )
        }
        ids = sa.select(CourseRun.id).where(about)
        queries = (
            sa.select(_raw(RunTrainer.person_id), _raw(RunTrainer.run_id), sa.null()).where(RunTrainer.run_id.in_(ids), ~sa.exists().where(TrainingSession.run_id == RunTrainer.run_id)),
            sa.select(_raw(Assignment.person_id), _raw(TrainingSession.run_id), sa.case((TrainingSession.id.in_(self.sessions), TrainingSession.id)))
            .join(TrainingSession, TrainingSession.id == Assignment.session_id)
            .where(TrainingSession.run_id.in_(ids), TrainingSession.state != "cancelled", Assignment.state.in_(HOLDS)),
            # A substitute or guest was not planned; who was planned is in one of the two above.
            sa.select(_raw(Taught.person_id), _raw(Meeting.run_id), sa.case((Meeting.session_id.in_(self.sessions), Meeting.session_id))).distinct()
            .join(Meeting, Meeting.id == Taught.meeting_id).where(Meeting.run_id.in_(ids), Taught.part != "planned"),
        )
        found: dict[Any, list[tuple[Any, ...]]] = defaultdict(list)
        for query in queries:
            for person, run, session_id in _rows(db, query):
                found[person].append((*runs[run], session_id))
        self.marks: dict[str, tuple[int, int]] = {}  # code of a run -> sum and number of its evaluations
        if self.settings["T17"].weight:
            mark = FeedbackSheet.answers["trainer"].as_integer()
            for run, total, n in _rows(db,
                sa.select(_raw(FeedbackSheet.run_id), sa.func.sum(mark), sa.func.count(mark)).where(FeedbackSheet.run_id.in_(ids)).group_by(FeedbackSheet.run_id)
            ):
                if n:
                    self.marks[runs[run][0]] = (total, n)
        self.mean: dict[uuid.UUID, Fraction] = {}
        for course_id in self.courses:
            own = [self.marks[code] for code, of_course, *_ in runs.values() if of_course == course_id and code in self.marks]
            if own:
                self.mean[course_id] = Fraction(sum(total for total, _ in own), sum(n for _, n in own))
        return found
