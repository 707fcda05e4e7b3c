"""A proposal for the empty slots of drafts in some days: read, judged and solved at once; it writes nothing."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import combinations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.courses.models import CourseVersion
from app.offices.models import Office
from app.offices.scope import under
from app.people.models import Person
from app.planning import queries, rules
from app.planning.rules import Level, Verdict
from app.planning.solver import Cap, Option, Task, solve
from app.runs.models import CourseRun
from app.schedule.assignments import CURRENT
from app.schedule.bookings import TAKES_PLACE, Sees, everything
from app.schedule.models import Assignment, Meeting, SessionSlot, TrainingSession

MOST_SLOTS = 120
"""Slots of one proposal, so that it is made in a request; the rest is for the next one."""


@dataclass(frozen=True)
class Open:
    """A slot of a draft: empty, or held by somebody for whom another one may be looked for."""

    slot: SessionSlot
    session: TrainingSession
    titles: dict[str, str]
    office: dict[str, str]
    first: date
    last: date
    assignment: Assignment | None = None
    holder: str = ""

    @property
    def state(self) -> str:
        """empty | broken | valid."""
        return "empty" if self.assignment is None else "broken" if self.assignment.broken else "valid"


@dataclass(frozen=True)
class Row:
    """A slot with whom the proposal puts there: None where nobody fits."""

    open: Open
    verdict: Verdict | None


@dataclass(frozen=True)
class Proposal:
    """What is proposed, and the filled slots that were left alone."""

    rows: tuple[Row, ...]
    filled: tuple[Open, ...]
    cut: int = 0  # slots that were too many for one proposal

    @property
    def total(self) -> int:
        """Points of all choices together."""
        return sum(row.verdict.total for row in self.rows if row.verdict is not None)


def slots_of(db: Session, *, first: date, last: date, paths: Collection[str]) -> list[Open]:
    """The slots of drafts of some offices whose meetings begin in these days, by time. One query."""
    begins = (
        sa.select(Meeting.session_id, sa.func.min(Meeting.day).label("first"), sa.func.max(Meeting.day).label("last"))
        .where(Meeting.state.in_(TAKES_PLACE), Meeting.session_id.is_not(None)).group_by(Meeting.session_id).subquery()
    )
    rows = db.execute(
        sa.select(SessionSlot, TrainingSession, CourseVersion.titles, Office.names, begins.c.first, begins.c.last, Assignment, Person.short_name)
        .join(TrainingSession, TrainingSession.id == SessionSlot.session_id).join(begins, begins.c.session_id == TrainingSession.id)
        .join(CourseRun, CourseRun.id == TrainingSession.run_id).join(Office, Office.id == CourseRun.office_id)
        .join(CourseVersion, CourseVersion.id == CourseRun.course_version_id)
        .outerjoin(Assignment, sa.and_(Assignment.slot_id == SessionSlot.id, Assignment.state.in_(CURRENT))).outerjoin(Person, Person.id == Assignment.person_id)
        .where(TrainingSession.state == "draft", SessionSlot.ended_on.is_(None), begins.c.first.between(first, last), under(Office.path, paths))
        .order_by(begins.c.first, TrainingSession.code, SessionSlot.number, SessionSlot.id)
    )
    return [Open(slot, session, titles, office, begin, end, assignment, name or "") for slot, session, titles, office, begin, end, assignment, name in rows]


def propose(
    db: Session, *, first: date, last: date, paths: Collection[str], now: datetime, sees: Sees = everything, again: Collection[uuid.UUID] = (),
) -> Proposal:
    """Who into which empty slot of the drafts of these days; of the filled ones only those that are named in `again`.

    Only people whom every check suggests are proposed; nobody twice at once, nobody above his load or too many days in a row. Nothing is written.
    """
    found = slots_of(db, first=first, last=last, paths=paths)
    filled = tuple(one for one in found if one.assignment is not None and one.slot.id not in again)
    asked = [one for one in found if one.assignment is None or one.slot.id in again]
    asked, cut = asked[:MOST_SLOTS], max(0, len(asked) - MOST_SLOTS)
    if not asked:
        return Proposal((), filled, cut)
    pool = queries.load(db, [one.slot for one in asked], now=now)
    fitting = {
        one.slot.id: {verdict.trainer_id: verdict for verdict in pool.verdicts(one.slot.id, sees) if verdict.group == "suggested"}
        for one in asked if one.slot.id in pool.slots
    }
    chosen = {option.slot_id: fitting[option.slot_id][option.trainer_id] for option in solve(_task(pool, fitting))}
    return Proposal(tuple(Row(one, chosen.get(one.slot.id)) for one in asked), filled, cut)


def _task(pool: queries.Pool, fitting: dict[uuid.UUID, dict[uuid.UUID, Verdict]]) -> Task:
    limited = pool.settings["T8"].level is not Level.POINTS
    options: list[Option] = []
    left: dict[tuple[uuid.UUID, str, date], int] = {}
    pairs = {one.trainer_id: one.pairs for one in pool.trainers if one.pairs}
    for slot_id, verdicts in fitting.items():
        slot = pool.slots[slot_id]
        for trainer in pool.trainers:
            verdict = verdicts.get(trainer.trainer_id)
            if verdict is None:
                continue
            loads = rules.loads(slot, pool.read.for_slot(trainer, slot), pool.settings) if limited else []
            options.append(Option(slot_id, trainer.trainer_id, verdict.total, {(one.unit, one.start): one.added for one in loads}, slot.days))
            for one in loads:
                key = (trainer.trainer_id, one.unit, one.start)
                left[key] = min(left.get(key, one.most), one.most - one.before)
    apart = frozenset(
        frozenset((one, other)) for one, other in combinations(fitting, 2)
        if _near(pool, one, other) and not rules.go_together(pool.slots[one], pool.slots[other], pool.settings)
    )
    together: dict[uuid.UUID, list[uuid.UUID]] = {}
    for slot_id in fitting:
        together.setdefault(pool.slots[slot_id].session_id, []).append(slot_id)
    never = frozenset(
        frozenset(((one, trainer_id), (other, pair.other_id)))
        for trainer_id, own in pairs.items() for pair in own if pair.kind == "forbidden"
        for one, other in _both_ways(together.values()) if trainer_id in fitting[one] and pair.other_id in fitting[other]
    )
    return Task(
        options, apart, left, never, pool.settings["T7"].numbers["row"], {one.trainer_id: pool.read.teaching_days(one) for one in pool.trainers},
        [cap for slot_ids in together.values() for cap in _searching(pool, slot_ids, fitting)],
    )


def _searching(pool: queries.Pool, slot_ids: Iterable[uuid.UUID], fitting: dict[uuid.UUID, dict[uuid.UUID, Verdict]]) -> Iterable[Cap]:
    """Where searching persons is practised, the slots of a session are not all filled without the sex that is missing."""
    slots = [pool.slots[one] for one in slot_ids if pool.slots[one].role in rules.IN_ROOM]
    wanted = rules.sexes_wanted(slots[0]) if slots else frozenset()
    if not wanted or slots[0].in_room_open >= len(slots):
        return
    stay = set.intersection(*({(one.person_id, one.sex) for one in slot.company if one.role in rules.IN_ROOM} for slot in slots))
    for sex in sorted(wanted - {own for _, own in stay}):
        others = {one.trainer_id for one in pool.trainers if one.sex != sex}
        yield Cap(frozenset((slot.slot_id, one) for slot in slots for one in fitting[slot.slot_id] if one in others), len(slots) - 1)


def _near(pool: queries.Pool, one: uuid.UUID, other: uuid.UUID) -> bool:
    """Whether two slots are so close that travel or rest may come between them."""
    edge = timedelta(days=queries.near_days(pool.settings, pool.slots[one].ways))
    return pool.slots[one].first - edge <= pool.slots[other].last and pool.slots[other].first - edge <= pool.slots[one].last


def _both_ways(groups: Iterable[list[uuid.UUID]]) -> Iterable[tuple[uuid.UUID, uuid.UUID]]:
    for group in groups:
        for one, other in combinations(group, 2):
            yield one, other
            yield other, one
