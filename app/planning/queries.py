"""Reads of planning: the facts that the constraints ask about, for any number of slots and trainers in the same few queries."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.planning import reading, rules
from app.planning.facts import SlotFacts, TrainerFacts, Way
from app.planning.reading import MOVES, Reading, settings_of
from app.planning.rules import Result, Setting, Verdict
from app.schedule.assignments import CURRENT
from app.schedule.bookings import TAKES_PLACE, Sees, everything
from app.schedule.models import Assignment, Meeting, SessionSlot, TrainingSession
from app.trainers.models import Trainer

LEAST_NEAR = 7
"""Days before and after a slot within which bookings are looked at, at the least."""

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
        results = pool.told(slot.id, trainer_id, pool.home_of(slot.id)) if trainer_id is not None and slot.id in pool.slots else []
        found.append((assignment, _news(assignment, results)))
    return found


def _news(assignment: Assignment, results: Iterable[Result]) -> list[Result]:
    taken_on = {one["code"] for one in assignment.overrides}
    known = {(one["code"], one.get("key")) for one in assignment.found if not one.get("ok", True)}
    return [one for one in results if one.counts and one.code not in taken_on and (one.code, one.key) not in known]


# ---- facts -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pool:
    """All facts about some slots and some trainers, read at once."""

    slots: Mapping[uuid.UUID, SlotFacts]
    settings: Mapping[str, Setting]
    trainers: Sequence[TrainerFacts]  # what does not depend on the slot
    shown: Mapping[uuid.UUID, str]  # trainer -> what other countries see of him
    read: Reading

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

    def told(self, slot_id: uuid.UUID, trainer_id: uuid.UUID, sees: Sees) -> list[Result]:
        """What is found of one trainer for one slot, with the weight that it has and in the words that the asker may read."""
        true, shown = self.verdict(slot_id, trainer_id), self.verdict(slot_id, trainer_id, sees)
        if true is None or shown is None:
            return []
        return [_in_words_of(one, shown.of(one.code)) for one in true.results]

    def home_of(self, slot_id: uuid.UUID) -> Sees:
        """What those who plan a slot may see, whoever of them it is: the offices of its country."""
        countries = {one.path: one.country for one in self.read.places.offices.values()}
        here = countries.get(self.slots[slot_id].path)
        return lambda path: countries.get(path) == here


def _in_words_of(one: Result, shown: Result | None) -> Result:
    if one.ok or shown is None:
        return one
    return one._replace(key="hidden-why" if shown.key == "hidden-rest" else shown.key, data=shown.data, link=shown.link)


def load(
    db: Session, slots: Sequence[SessionSlot], *, now: datetime, trainer_ids: Collection[uuid.UUID] | None = None, near: int = LEAST_NEAR
) -> Pool:
    """Read the facts about slots and trainers (None: the whole pool) in a number of queries that depends on neither.

    `near`: days before and after within which bookings and absences are looked at, at least what rest and travel need.
    Slots whose session has no meetings are left out.
    """
    settings = settings_of(db)
    places = reading.places_of(db)
    found = reading.slots_of(db, slots, now, places)
    read = Reading(db, list(found.values()), settings, places, now, near=max(near, near_days(settings, places.ways)), trainer_ids=trainer_ids)
    return Pool({slot.slot_id: read.with_pool(slot) for slot in found.values()}, settings, read.trainers, read.shown, read)


def near_days(settings: Mapping[str, Setting], ways: Mapping[tuple[str, str], Way]) -> int:
    """So many days before and after a slot may rest and travel reach."""
    return max(LEAST_NEAR, settings["T7"].numbers["row"] + 1, settings["T6"].numbers["abroad"] + 1, *(one.days + 1 for one in ways.values()))


def slot_facts(db: Session, slot: SessionSlot, *, now: datetime) -> SlotFacts | None:
    """What one slot asks; None while its session has no meetings."""
    return load(db, [slot], now=now, trainer_ids=[]).slots.get(slot.id)


def pool_facts(db: Session, slot: SessionSlot, *, now: datetime, trainer_ids: Collection[uuid.UUID] | None = None) -> list[TrainerFacts]:
    """The trainers as the constraints see them for one slot."""
    pool = load(db, [slot], now=now, trainer_ids=trainer_ids)
    return pool.trainers_for(slot.id) if slot.id in pool.slots else []
