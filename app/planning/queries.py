"""Reads of planning: the facts that the constraints ask about, for any number of slots and trainers in the same few queries."""

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
from app.planning.rules import Result, Setting, Verdict
from app.runs.models import CourseRun, Enrolment, RunTrainer
from app.schedule.assignments import CURRENT
from app.schedule.bookings import HOLDS, TAKES_PLACE, Sees, everything
from app.schedule.models import Assignment, Booking, Meeting, SessionSeat, SessionSlot, Taught, TrainingSession
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
MARKS_OF_DAYS = 365
"""Evaluations of runs that ended longer ago say little of today's teaching."""
LEAST_NEAR = 10
MOVES = 14
"""Days by which a session might be moved to get somebody."""

# ---- settings --------------------------------------------------------------------------------------------------------


def settings_of(db: Session) -> dict[str, Setting]:
    """How each constraint is taken at this centre. One query."""
    stored = {row.code: row for row in db.scalars(sa.select(ConstraintSetting))}
    return {
        code: rules.setting(code, stored[code].level, stored[code].weight, stored[code].numbers) if code in stored else one.default()
        for code, one in rules.CONSTRAINTS.items()
    }


# ---- answers ---------------------------------------------------------------------------------------------------------


def judged(db: Session, slot: SessionSlot, *, now: datetime, sees: Sees = everything) -> list[Verdict]:
    """Everybody of the pool for a slot, ranked. Empty while the session has no meetings.

    `sees` says of which offices the asker may know more than busy and free; trainers of others are listed by their consent.
    """
    return load(db, [slot], now=now).verdicts(slot.id, sees)


def judge_one(db: Session, slot: SessionSlot, trainer_id: uuid.UUID, *, now: datetime, sees: Sees = everything) -> Verdict | None:
    """What the constraints say of one trainer, also of one who may not be assigned; None for somebody not in the pool."""
    return next(iter(load(db, [slot], now=now, trainer_ids=[trainer_id]).verdicts(slot.id, sees)), None)


def judge_held(db: Session, slot: SessionSlot, assignment: Assignment, *, now: datetime) -> tuple[Result, ...]:
    """What the constraints say of him who is in a slot; nothing for somebody who left the pool."""
    trainer_id = db.scalar(sa.select(Trainer.id).where(Trainer.person_id == assignment.person_id))
    verdict = judge_one(db, slot, trainer_id, now=now) if trainer_id is not None else None
    return verdict.results if verdict is not None else ()


def closest(db: Session, slot: SessionSlot, *, now: datetime, sees: Sees = everything) -> list[rules.Change]:
    """What would have to change where nobody is left: the three closest."""
    pool = load(db, [slot], now=now, near=MOVES + LEAST_NEAR)
    facts = pool.slots.get(slot.id)
    return rules.closest(facts, [one for one in pool.trainers_for(slot.id) if pool.listed(one, sees)], pool.settings, sees) if facts else []


def recheck(db: Session, now: datetime) -> list[tuple[Assignment, list[Result]]]:
    """All current assignments of sessions to come, with what no longer holds of them: not met, not taken on with a reason,
    and not there already when he was chosen."""
    rows = db.execute(
        sa.select(Assignment, SessionSlot).join(SessionSlot, SessionSlot.id == Assignment.slot_id)
        .join(TrainingSession, TrainingSession.id == Assignment.session_id)
        .where(
            Assignment.state.in_(CURRENT), TrainingSession.state != "cancelled", SessionSlot.ended_on.is_(None),
            sa.exists().where(Meeting.session_id == Assignment.session_id, Meeting.starts_at > now, Meeting.state.in_(TAKES_PLACE)),
        ).order_by(Assignment.id)
    ).all()
    if not rows:
        return []
    trainers = dict(db.execute(sa.select(Trainer.person_id, Trainer.id).where(Trainer.person_id.in_({one.person_id for one, _ in rows}))).all())
    pool = load(db, [slot for _, slot in rows], now=now, trainer_ids=list(trainers.values()))
    found = []
    for assignment, slot in rows:
        trainer_id = trainers.get(assignment.person_id)
        verdict = pool.verdict(slot.id, trainer_id) if trainer_id is not None else None
        found.append((assignment, _news(assignment, verdict.results) if verdict is not None else []))
    return found


def _news(assignment: Assignment, results: Iterable[Result]) -> list[Result]:
    known = {one["code"] for one in assignment.overrides} | {one["code"] for one in assignment.found if not one.get("ok", True)}
    return [one for one in results if one.counts and one.code not in known]


# ---- facts -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pool:
    """All facts about some slots and some trainers, read at once."""

    slots: Mapping[uuid.UUID, SlotFacts]
    settings: Mapping[str, Setting]
    trainers: Sequence[TrainerFacts]  # what does not depend on the slot
    shown: Mapping[uuid.UUID, str]  # trainer -> what other countries see of him
    read: _Read

    def trainers_for(self, slot_id: uuid.UUID) -> list[TrainerFacts]:
        """The trainers with all that touches one slot."""
        slot = self.slots[slot_id]
        return [self.read.for_slot(trainer, slot) for trainer in self.trainers]

    def listed(self, trainer: TrainerFacts, sees: Sees) -> bool:
        """Whether he is shown to the asker: his own country's, or by his consent."""
        return sees(trainer.home.path) or self.shown[trainer.trainer_id] != "none"

    def verdicts(self, slot_id: uuid.UUID, sees: Sees = everything) -> list[Verdict]:
        """Everybody the asker may see, for one slot, ranked."""
        slot = self.slots.get(slot_id)
        if slot is None:
            return []
        return rules.rank(rules.judge(slot, one, self.settings, sees) for one in self.trainers_for(slot_id) if self.listed(one, sees))

    def verdict(self, slot_id: uuid.UUID, trainer_id: uuid.UUID, sees: Sees = everything) -> Verdict | None:
        """One trainer for one slot."""
        slot = self.slots.get(slot_id)
        trainer = next((one for one in self.trainers if one.trainer_id == trainer_id), None)
        if slot is None or trainer is None:
            return None
        return rules.judge(slot, self.read.for_slot(trainer, slot), self.settings, sees)


def load(
    db: Session, slots: Sequence[SessionSlot], *, now: datetime, trainer_ids: Collection[uuid.UUID] | None = None, near: int = LEAST_NEAR
) -> Pool:
    """Read the facts about slots and trainers (None: the whole pool) in a number of queries that depends on neither.

    `near`: days before and after within which bookings and absences are looked at, at least what rest and travel need.
    Slots whose session has no meetings are left out.
    """
    settings = settings_of(db)
    places = _places(db)
    ways = {(one, other): Way(days, cost) for one, other, days, cost in db.execute(
        sa.select(TravelTime.from_office_id, TravelTime.to_office_id, TravelTime.days, TravelTime.cost)
    )}
    found = _slots(db, slots, now, places, ways)
    near = max(near, settings["T7"].numbers["row"] + 1, settings["T6"].numbers["abroad"] + 1, *(one.days + 1 for one in ways.values()))
    read = _Read(db, list(found.values()), settings, places, now, near=near, trainer_ids=trainer_ids)
    return Pool({slot.slot_id: read.with_pool(slot) for slot in found.values()}, settings, read.trainers, read.shown, read)


def slot_facts(db: Session, slot: SessionSlot, *, now: datetime) -> SlotFacts | None:
    """What one slot asks; None while its session has no meetings."""
    return load(db, [slot], now=now, trainer_ids=[]).slots.get(slot.id)


def pool_facts(db: Session, slot: SessionSlot, *, now: datetime, trainer_ids: Collection[uuid.UUID] | None = None) -> list[TrainerFacts]:
    """The trainers as the constraints see them for one slot."""
    pool = load(db, [slot], now=now, trainer_ids=trainer_ids)
    return pool.trainers_for(slot.id) if slot.id in pool.slots else []


# ---- places and slots ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Places:
    offices: Mapping[uuid.UUID, Place]
    rooms: Mapping[uuid.UUID, uuid.UUID]  # classroom -> office
    codes: Mapping[uuid.UUID, str]  # country -> code

    def of(self, mode: str, rooms: Iterable[uuid.UUID | None], office_id: uuid.UUID) -> Place | None:
        """Where somebody goes for a meeting: the first classroom that is named, else the office that gives the run."""
        if mode == "online":
            return None
        room = next((one for one in rooms if one is not None), None)
        return self.offices[self.rooms[room] if room is not None else office_id]


def _places(db: Session) -> _Places:
    countries = {id_: (code, names) for id_, code, names in db.execute(sa.select(Country.id, Country.code, Country.names))}
    rows = db.execute(sa.select(Office.id, Office.names, Office.country_id, Office.kind, Office.path)).all()
    departments = {path: id_ for id_, _, _, kind, path in rows if kind == "department"}
    offices = {}
    for id_, names, country_id, _kind, path in rows:
        above = next((departments[path[: at + 1]] for at in range(len(path) - 1, 0, -1) if path[at] == "/" and path[: at + 1] in departments), None)
        offices[id_] = Place(id_, names, country_id, countries[country_id][1] if country_id else {}, above, path)
    rooms = dict(db.execute(sa.select(Classroom.id, Classroom.office_id)).all())
    return _Places(offices, rooms, {id_: code for id_, (code, _) in countries.items()})


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _last_day(starts: datetime, ends: datetime, day: date, zone: str) -> date:
    if ends - starts < timedelta(hours=1):
        return day
    return max(day, (ends - timedelta(microseconds=1)).astimezone(_zone(zone)).date())


def _slots(db: Session, slots: Sequence[SessionSlot], now: datetime, places: _Places, ways: Mapping[tuple[uuid.UUID, uuid.UUID], Way]) -> dict[uuid.UUID, SlotFacts]:
    session_ids = {slot.session_id for slot in slots}
    about = {
        row[0].id: row for row in db.execute(
            sa.select(TrainingSession, CourseRun.office_id, CourseVersion.course_id, CourseVersion.titles)
            .join(CourseRun, CourseRun.id == TrainingSession.run_id).join(CourseVersion, CourseVersion.id == CourseRun.course_version_id)
            .where(TrainingSession.id.in_(session_ids))
        )
    }
    spans: dict[uuid.UUID, list[Span]] = defaultdict(list)
    for session_id, starts, ends, day, zone, room in db.execute(
        sa.select(TrainingSession.id, Meeting.starts_at, Meeting.ends_at, Meeting.day, Meeting.zone, Meeting.classroom_id)
        .join(TrainingSession, TrainingSession.id == Meeting.session_id).where(Meeting.session_id.in_(session_ids), Meeting.state.in_(TAKES_PLACE)).order_by(Meeting.starts_at, Meeting.id)
    ):
        session, office_id = about[session_id][0], about[session_id][1]
        spans[session_id].append(Span(starts, ends, day, _last_day(starts, ends, day, zone), zone, places.of(session.mode, (room, session.classroom_id), office_id)))
    company: dict[uuid.UUID, list[tuple[uuid.UUID, Colleague]]] = defaultdict(list)
    for session_id, slot_id, role, person_id, trainer_id, home in _rows(db,
        sa.select(Assignment.session_id, Assignment.slot_id, SessionSlot.role, Assignment.person_id, Trainer.id, Trainer.home_office_id)
        .join(SessionSlot, SessionSlot.id == Assignment.slot_id).outerjoin(Trainer, Trainer.person_id == Assignment.person_id)
        .where(Assignment.session_id.in_(session_ids), Assignment.state.in_(CURRENT)).order_by(SessionSlot.number, Assignment.id)
    ):
        company[session_id].append((slot_id, Colleague(trainer_id, person_id, role, places.offices[home] if trainer_id else None)))
    trainees: dict[uuid.UUID, dict[uuid.UUID, int]] = defaultdict(dict)
    for session_id, office_id, n in db.execute(
        sa.select(SessionSeat.session_id, Enrolment.office_id, sa.func.count())
        .join(TrainingSession, TrainingSession.id == SessionSeat.session_id)
        .join(Enrolment, sa.and_(Enrolment.run_id == TrainingSession.run_id, Enrolment.person_id == SessionSeat.person_id))
        .where(SessionSeat.session_id.in_(session_ids), SessionSeat.state == "seated").group_by(SessionSeat.session_id, Enrolment.office_id)
    ):
        trainees[session_id][office_id] = n
    visas = {(one, other): days for one, other, days in db.execute(sa.select(EntryRule.from_country_id, EntryRule.to_country_id, EntryRule.lead_days))}
    found = {}
    for slot in slots:
        if not spans[slot.session_id]:
            continue
        session, office_id, course_id, titles = about[slot.session_id]
        own = spans[slot.session_id]
        if slot.role == "remote":
            own = [replace(span, place=None) for span in own]
        found[slot.id] = SlotFacts(
            slot.id, session.id, session.run_id, session.code, slot.role, session.mode, course_id, titles, session.language, session.language_level,
            tuple(own), places.offices[office_id].path, own[0].place or places.offices[office_id], now.astimezone(_zone(session.zone)).date(),
            slot.language if slot.role == "interpreter" else "", session.budget,
            tuple(one for other_id, one in company[session.id] if other_id != slot.id), trainees[session.id], ways, visas,
        )
    return found


# ---- the pool --------------------------------------------------------------------------------------------------------


def _at(day: date, days: int) -> datetime:
    return datetime.combine(day, time(), UTC) + timedelta(days=days)


class _Read:
    """The rows about trainers, kept by person so that each slot takes its own part of them."""

    def __init__(
        self, db: Session, slots: Sequence[SlotFacts], settings: Mapping[str, Setting], places: _Places, now: datetime, *,
        near: int, trainer_ids: Collection[uuid.UUID] | None,
    ) -> None:
        self.settings, self.places = settings, places
        today = now.date()
        first, last = (min(slot.first for slot in slots), max(slot.last for slot in slots)) if slots else (today, today)
        self.near = near
        self.pool = sa.or_(Trainer.left_on.is_(None), Trainer.left_on > today)
        chosen = self.pool if trainer_ids is None else sa.and_(self.pool, Trainer.id.in_(list(trainer_ids)))
        self.people = sa.select(Trainer.person_id).where(chosen).scalar_subquery()
        self.ids = sa.select(Trainer.id).where(chosen).scalar_subquery()
        courses = {slot.course_id for slot in slots}

        self.languages = self._languages(db)
        self.letters, self.permits, self.pairs = self._papers(db, first, last)
        self.accredited = self._accredited(db, courses)
        self.holidays = self._holidays(db, first, last)
        self.marks, self.mean = self._marks(db, first)
        self.trainers, self.shown = self._trainers(db, chosen)
        self.away = self._away(db, first, last)
        self.busy = self._busy(db, first, last)
        self.work, self.shares = self._work(db, min(rules.quarter_of(first), first - timedelta(days=FAIR_DAYS)), rules.end_of_quarter(last))
        self.taught = self._taught(db, slots, first)

    # ---- by slot

    def with_pool(self, slot: SlotFacts) -> SlotFacts:
        """The slot with the middle of the pool's days, each weighed by his share of a post, and the mean of its evaluations."""
        days = [Fraction(self.days_90(person_id, slot) * 100, max(share, 1)) for person_id, share in self.shares.items()]
        return replace(slot, median_90=Fraction(median(days)) if days else Fraction(0), mean_mark=self.mean)

    def days_90(self, person_id: uuid.UUID, slot: SlotFacts) -> int:
        """Teaching days in the 90 days before the slot begins, what is planned in them counted."""
        since, until = (slot.first - timedelta(days=FAIR_DAYS)).isoformat(), slot.first.isoformat()
        return len({day for work in self.work.get(person_id, ()) if work.about_id != slot.session_id for day in work.days if since <= day < until})

    def for_slot(self, trainer: TrainerFacts, slot: SlotFacts) -> TrainerFacts:
        """The trainer with what touches this slot: bookings near it, days that count as load, runs of its course."""
        person_id = trainer.person_id
        since, until = _at(slot.first, -self.near), _at(slot.last, self.near + 1)
        months_ago = rules.months_before(slot.first, self.settings["T16"].numbers["months"])
        taught = {
            run_id for run_id, session_id, course_id, starts_on, ends_on in self.taught.get(person_id, ())
            if course_id == slot.course_id and run_id != slot.run_id and starts_on < slot.first and ends_on >= months_ago
        }
        same = any(run_id == slot.run_id and session_id != slot.session_id for run_id, session_id, *_ in self.taught.get(person_id, ()))
        quarters = (rules.quarter_of(slot.first).isoformat(), rules.end_of_quarter(slot.last).isoformat())
        return replace(
            trainer,
            accreditations=self.accredited.get((trainer.trainer_id, slot.course_id), ()),
            busy=tuple(
                busy for slot_id, run_id, busy in self.busy.get(person_id, ())
                if slot_id != slot.slot_id and run_id != slot.run_id and busy.span.starts < until and busy.span.ends > since
            ),
            away=tuple(one for one in self.away.get(person_id, ()) if one.starts < until and one.ends > since),
            work=tuple(
                one for one in self.work.get(person_id, ())
                if one.about_id != slot.session_id and any(quarters[0] <= day <= quarters[1] for day in one.days)
            ),
            days_90=self.days_90(person_id, slot), taught=len(taught), same_run=same,
        )

    # ---- rows

    def _trainers(self, db: Session, chosen: sa.ColumnElement[bool]) -> tuple[list[TrainerFacts], dict[uuid.UUID, str]]:
        rows = db.execute(
            sa.select(
                Trainer.id, Trainer.person_id, Person.short_name, Person.sort_key, Trainer.home_office_id, Trainer.reach, Trainer.travels, Trainer.share,
                Trainer.days_a_month, Trainer.days_a_quarter, Trainer.needs_release, Trainer.passport_to, Trainer.connection_tested_on, Trainer.prefers,
                Trainer.prefers_to, Trainer.shown_abroad,
            ).join(Person, Person.id == Trainer.person_id).where(chosen).order_by(Person.sort_key, Trainer.id)
        )
        found, shown = [], {}
        for id_, person_id, name, key, home_id, reach, travels, share, month, quarter, letter, passport, tested, prefers, prefers_to, abroad in rows:
            home = self.places.offices[home_id]
            marks, marked = self.marks.get(person_id, (0, 0))
            found.append(TrainerFacts(
                id_, person_id, name, key, self.places.codes.get(home.country_id, "") if home.country_id else "", home, reach, travels, share, month, quarter,
                letter, passport, tested, prefers, prefers_to, languages=self.languages.get(id_, {}),
                holidays=self.holidays.get(home.country_id, {}) if home.country_id else {},
                permits=self.permits.get(id_, ()), letters=self.letters.get(id_, ()), pairs=self.pairs.get(id_, ()), marks=marks, marked=marked,
                busy_only=abroad != "card",
            ))
            shown[id_] = abroad
        return found, shown

    def _languages(self, db: Session) -> dict[uuid.UUID, dict[str, str]]:
        found: dict[uuid.UUID, dict[str, str]] = defaultdict(dict)
        for trainer_id, tag, level in db.execute(
            sa.select(TrainerLanguage.trainer_id, TrainerLanguage.language, TrainerLanguage.level).where(TrainerLanguage.trainer_id.in_(self.ids))
        ):
            if level in CEFR:
                found[trainer_id][tag] = level
        return found

    def _accredited(self, db: Session, courses: Collection[uuid.UUID]) -> dict[tuple[uuid.UUID, uuid.UUID], tuple[Accredited, ...]]:
        found: dict[tuple[uuid.UUID, uuid.UUID], list[Accredited]] = defaultdict(list)
        for trainer_id, course_id, *held in _rows(db,
            sa.select(
                Accreditation.trainer_id, Accreditation.course_id, Accreditation.level, Accreditation.valid_from, Accreditation.valid_to, Accreditation.withdrawn_on,
            ).where(Accreditation.trainer_id.in_(self.ids), Accreditation.course_id.in_(courses)).order_by(Accreditation.valid_from, Accreditation.id)
        ):
            found[trainer_id, course_id].append(Accredited(*held))
        return {key: tuple(held) for key, held in found.items()}

    def _papers(
        self, db: Session, first: date, last: date
    ) -> tuple[dict[uuid.UUID, tuple[Letter, ...]], dict[uuid.UUID, tuple[Permit, ...]], dict[uuid.UUID, tuple[Pair, ...]]]:
        letters: dict[uuid.UUID, list[Letter]] = defaultdict(list)
        for trainer_id, *letter in _rows(db,
            sa.select(HomeRelease.trainer_id, HomeRelease.valid_from, HomeRelease.valid_to, HomeRelease.asked_on, HomeRelease.given_on, HomeRelease.refused_on)
            .where(HomeRelease.trainer_id.in_(self.ids), HomeRelease.valid_from <= last, HomeRelease.valid_to >= first).order_by(HomeRelease.asked_on, HomeRelease.id)
        ):
            letters[trainer_id].append(Letter(*letter))
        permits: dict[uuid.UUID, list[Permit]] = defaultdict(list)
        for trainer_id, *permit in _rows(db,
            sa.select(EntryPermit.trainer_id, EntryPermit.kind, EntryPermit.country_id, EntryPermit.office_id, EntryPermit.valid_from, EntryPermit.valid_to)
            .where(EntryPermit.trainer_id.in_(self.ids)).order_by(EntryPermit.valid_from, EntryPermit.id)
        ):
            permits[trainer_id].append(Permit(*permit))
        one, other = aliased(Trainer), aliased(Trainer)
        name, other_name = aliased(Person), aliased(Person)
        pairs: dict[uuid.UUID, list[Pair]] = defaultdict(list)
        for trainer_id, other_id, kind, his, theirs in db.execute(
            sa.select(Pairing.trainer_id, Pairing.other_id, Pairing.kind, name.short_name, other_name.short_name)
            .join(one, one.id == Pairing.trainer_id).join(name, name.id == one.person_id)
            .join(other, other.id == Pairing.other_id).join(other_name, other_name.id == other.person_id)
            .where(Pairing.ended_on.is_(None)).order_by(Pairing.id)
        ):
            pairs[trainer_id].append(Pair(kind, other_id, theirs))
            if kind != "mentor":  # a mentor may teach without his new trainer
                pairs[other_id].append(Pair(kind, trainer_id, his))
        return _frozen(letters), _frozen(permits), _frozen(pairs)

    def _holidays(self, db: Session, first: date, last: date) -> dict[uuid.UUID, dict[date, dict[str, str]]]:
        found: dict[uuid.UUID, dict[date, dict[str, str]]] = defaultdict(dict)
        edge = timedelta(days=MOVES + 1)
        for country_id, day, names in db.execute(
            sa.select(Holiday.country_id, Holiday.day, Holiday.names).where(Holiday.day.between(first - edge, last + edge))
        ):
            found[country_id][day] = names
        return found

    def _away(self, db: Session, first: date, last: date) -> dict[uuid.UUID, tuple[Away, ...]]:
        found: dict[uuid.UUID, list[Away]] = defaultdict(list)
        for person_id, kind, starts, ends, zone in db.execute(
            sa.select(Absence.person_id, Absence.kind, Absence.starts_at, Absence.ends_at, Absence.zone)
            .where(Absence.person_id.in_(self.people), Absence.ended_on.is_(None), Absence.starts_at < _at(last, self.near + 1), Absence.ends_at > _at(first, -self.near))
            .order_by(Absence.starts_at, Absence.id)
        ):
            there = _zone(zone)
            found[person_id].append(Away(kind, starts, ends, starts.astimezone(there).date(), (ends - timedelta(microseconds=1)).astimezone(there).date()))
        return _frozen(found)

    def _busy(self, db: Session, first: date, last: date) -> dict[uuid.UUID, tuple[tuple[uuid.UUID | None, uuid.UUID | None, Busy], ...]]:
        """By person: the slot that books him, or the run whose own timetable does, and the booking."""
        found: dict[uuid.UUID, list[tuple[uuid.UUID | None, uuid.UUID | None, Busy]]] = defaultdict(list)
        since, until = _at(first, -self.near), _at(last, self.near + 1)
        for person_id, starts, ends, day, zone, room, code, session_room, mode, office_id, slot_id, role in db.execute(
            sa.select(
                Booking.resource_id, Booking.starts_at, Booking.ends_at, Meeting.day, Meeting.zone, Meeting.classroom_id, TrainingSession.code,
                TrainingSession.classroom_id, TrainingSession.mode, CourseRun.office_id, SessionSlot.id, SessionSlot.role,
            )
            .join(Meeting, Meeting.id == Booking.meeting_id).join(TrainingSession, TrainingSession.id == Meeting.session_id)
            .join(CourseRun, CourseRun.id == Meeting.run_id).join(Assignment, Assignment.id == Booking.source_id).join(SessionSlot, SessionSlot.id == Assignment.slot_id)
            .where(Booking.resource_id.in_(self.people), Booking.starts_at < until, Booking.ends_at > since, Booking.starts_at > since - timedelta(days=2))
            .order_by(Booking.starts_at, Booking.id)
        ):
            place = None if role == "remote" else self.places.of(mode, (room, session_room), office_id)
            span = Span(starts, ends, day, _last_day(starts, ends, day, zone), zone, place)
            found[person_id].append((slot_id, None, Busy(span, code, self.places.offices[office_id].path, role)))
        for person_id, starts, ends, day, zone, room, code, run_room, office_id, run_id, part in db.execute(
            sa.select(
                RunTrainer.person_id, Meeting.starts_at, Meeting.ends_at, Meeting.day, Meeting.zone, Meeting.classroom_id, CourseRun.code, CourseRun.classroom_id,
                CourseRun.office_id, CourseRun.id, RunTrainer.part,
            )
            .join(CourseRun, CourseRun.id == RunTrainer.run_id).join(Meeting, Meeting.run_id == CourseRun.id)
            .where(
                RunTrainer.person_id.in_(self.people), Meeting.session_id.is_(None), Meeting.state.in_(STANDS), CourseRun.state != "cancelled",
                Meeting.day.between(first - timedelta(days=self.near + 1), last + timedelta(days=self.near + 1)),
            ).order_by(Meeting.starts_at, Meeting.id)
        ):
            span = Span(starts, ends, day, _last_day(starts, ends, day, zone), zone, self.places.of("classroom", (room, run_room), office_id))
            found[person_id].append((None, run_id, Busy(span, code, self.places.offices[office_id].path, part)))
        return _frozen(found)

    def _work(self, db: Session, since: date, until: date) -> tuple[dict[uuid.UUID, tuple[Work, ...]], dict[uuid.UUID, int]]:
        """Teaching days of the whole pool, for the load and for the middle of it: who really taught, else who is booked."""
        pool = sa.select(Trainer.person_id).where(self.pool).scalar_subquery()
        within = Meeting.day.between(since, until)
        unseen = ~sa.exists().where(Taught.meeting_id == Meeting.id)
        newest = sa.select(sa.func.max(Taught.revision)).where(Taught.meeting_id == Meeting.id).correlate(Meeting).scalar_subquery()
        days = sa.func.aggregate_strings(sa.cast(Meeting.day, sa.Text()), ",")
        about = (Meeting.session_id, Meeting.run_id, days)
        queries = (
            sa.select(Booking.resource_id, *about).join(Meeting, Meeting.id == Booking.meeting_id)
            .where(
                Booking.resource_id.in_(pool), Booking.kind == "trainer", within, unseen,
                Booking.starts_at.between(_at(since, -2), _at(until, 2)),
            ).group_by(Booking.resource_id, Meeting.session_id, Meeting.run_id),
            sa.select(RunTrainer.person_id, *about).join(Meeting, Meeting.run_id == RunTrainer.run_id)
            .where(RunTrainer.person_id.in_(pool), Meeting.session_id.is_(None), Meeting.state.in_(STANDS), within, unseen)
            .group_by(RunTrainer.person_id, Meeting.session_id, Meeting.run_id),
            sa.select(Taught.person_id, *about).join(Meeting, Meeting.id == Taught.meeting_id)
            .where(Taught.person_id.in_(pool), within, Taught.revision == newest)
            .group_by(Taught.person_id, Meeting.session_id, Meeting.run_id),
        )
        rows = [row for query in queries for row in db.execute(query)]
        sessions = {id_: (mode, room) for id_, mode, room in db.execute(
            sa.select(TrainingSession.id, TrainingSession.mode, TrainingSession.classroom_id)
            .where(sa.exists().where(Meeting.session_id == TrainingSession.id, within))
        )}
        runs = {id_: (office_id, room) for id_, office_id, room in db.execute(
            sa.select(CourseRun.id, CourseRun.office_id, CourseRun.classroom_id)
            .where(CourseRun.starts_on <= until + timedelta(days=31), CourseRun.ends_on >= since - timedelta(days=31))
        )}
        found: dict[uuid.UUID, list[Work]] = defaultdict(list)
        for person_id, session_id, run_id, listed in rows:
            mode, session_room = sessions.get(session_id, ("classroom", None)) if session_id else ("classroom", None)
            office_id, run_room = runs.get(run_id, (None, None))
            place = self.places.of(mode, (session_room if session_id else run_room,), office_id) if office_id else None
            found[person_id].append(Work(session_id or run_id, frozenset(listed.split(",")), place))
        shares = dict(db.execute(sa.select(Trainer.person_id, Trainer.share).where(self.pool)).all())
        return _frozen(found), shares

    def _taught(self, db: Session, slots: Sequence[SlotFacts], first: date) -> dict[uuid.UUID, tuple[Any, ...]]:
        """By person: run, session, course, first and last day of what he taught or was assigned to, in the courses asked about."""
        courses, runs = {slot.course_id for slot in slots}, {slot.run_id for slot in slots}
        since = rules.months_before(first, self.settings["T16"].numbers["months"])
        about = sa.and_(
            CourseVersion.course_id.in_(courses), CourseRun.state != "cancelled",
            sa.or_(CourseRun.id.in_(runs), CourseRun.ends_on >= since),
        )
        run = (CourseRun.id, CourseVersion.course_id, CourseRun.starts_on, CourseRun.ends_on)
        noted = sa.exists().where(Meeting.run_id == CourseRun.id, Taught.meeting_id == Meeting.id)
        none = sa.null().label("session_id")
        queries = (
            sa.select(RunTrainer.person_id, none, *run).join(CourseRun, CourseRun.id == RunTrainer.run_id)
            .join(CourseVersion, CourseVersion.id == CourseRun.course_version_id)
            .where(RunTrainer.person_id.in_(self.people), about, ~noted, ~sa.exists().where(TrainingSession.run_id == CourseRun.id)),
            sa.select(Assignment.person_id, Assignment.session_id, *run).join(TrainingSession, TrainingSession.id == Assignment.session_id)
            .join(CourseRun, CourseRun.id == TrainingSession.run_id).join(CourseVersion, CourseVersion.id == CourseRun.course_version_id)
            .where(Assignment.person_id.in_(self.people), Assignment.state.in_(HOLDS), TrainingSession.state != "cancelled", about, ~noted),
            sa.select(Taught.person_id, Meeting.session_id, *run).distinct().join(Meeting, Meeting.id == Taught.meeting_id)
            .join(CourseRun, CourseRun.id == Meeting.run_id).join(CourseVersion, CourseVersion.id == CourseRun.course_version_id)
            .where(Taught.person_id.in_(self.people), about),
        )
        found: dict[uuid.UUID, list[Any]] = defaultdict(list)
        for query in queries:
            for person_id, session_id, run_id, course_id, starts_on, ends_on in db.execute(query):
                found[person_id].append((run_id, session_id, course_id, starts_on, ends_on))
        return _frozen(found)

    def _marks(self, db: Session, first: date) -> tuple[dict[uuid.UUID, tuple[int, int]], Fraction]:
        """Sum and number of evaluations by person, and the mean of all."""
        if not self.settings["T17"].weight:
            return {}, Fraction(4)
        pool = sa.select(Trainer.person_id).where(self.pool).scalar_subquery()
        mark = FeedbackSheet.answers["trainer"].as_integer()
        rows = db.execute(
            sa.select(RunTrainer.person_id, sa.func.sum(mark), sa.func.count(mark)).join(FeedbackSheet, FeedbackSheet.run_id == RunTrainer.run_id)
            .where(RunTrainer.person_id.in_(pool), FeedbackSheet.day >= first - timedelta(days=MARKS_OF_DAYS)).group_by(RunTrainer.person_id)
        )
        found = {person_id: (int(total or 0), int(n)) for person_id, total, n in rows}
        total, n = sum(one for one, _ in found.values()), sum(many for _, many in found.values())
        return found, Fraction(total, n) if n else Fraction(4)


def _rows(db: Session, query: sa.Executable) -> Iterable[Any]:
    """Rows of columns that outer joins or many fields keep mypy from knowing."""
    return db.execute(query)


Key = TypeVar("Key")
One = TypeVar("One")


def _frozen(found: Mapping[Key, list[One]]) -> dict[Key, tuple[One, ...]]:
    return {key: tuple(values) for key, values in found.items()}
