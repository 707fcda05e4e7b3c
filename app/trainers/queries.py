"""Reads of the pool shared by pages and services: steps and accreditations of a trainer, his stage today, his card."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased, joinedload

from app.offices.models import Country, Office
from app.offices.scope import under
from app.people.models import Person
from app.trainers.models import (
    Accreditation,
    EntryPermit,
    EntryRule,
    HomeRelease,
    Pairing,
    Trainer,
    TrainerLanguage,
    TrainerStep,
    TravelTime,
)
from app.trainers.rules import Held, Stage, Step

# ---- the way ---------------------------------------------------------------------------------------------------------


def steps_of(db: Session, trainer_id: uuid.UUID) -> list[Step]:
    """The steps of a trainer as the rules know them, in the order in which they were noted."""
    return [
        Step(stage, day, result, assessor, session)
        for stage, day, result, assessor, session in db.execute(
            sa.select(TrainerStep.stage, TrainerStep.day, TrainerStep.result, TrainerStep.assessor_id, TrainerStep.session_id)
            .where(TrainerStep.trainer_id == trainer_id).order_by(TrainerStep.at, TrainerStep.id)
        )
    ]


def held_of(db: Session, trainer_id: uuid.UUID) -> list[Held]:
    """The accreditations of a trainer as the rules know them."""
    return [
        Held(*row) for row in db.execute(
            sa.select(Accreditation.valid_from, Accreditation.valid_to, Accreditation.withdrawn_on).where(Accreditation.trainer_id == trainer_id)
        )
    ]


def counts(today: date) -> sa.ColumnElement[bool]:
    """The condition that an accreditation counts on a day."""
    return sa.and_(
        Accreditation.valid_from <= today, sa.or_(Accreditation.valid_to.is_(None), Accreditation.valid_to >= today),
        sa.or_(Accreditation.withdrawn_on.is_(None), Accreditation.withdrawn_on > today),
    )


def stage(today: date) -> sa.ColumnElement[str]:
    """A trainer's stage today in SQL, as rules.stage_of reckons it: accreditations end by themselves, without a step."""
    own = Accreditation.trainer_id == Trainer.id
    return sa.case(
        (sa.exists().where(own, counts(today)), Stage.ACCREDITED.value),
        (sa.exists().where(own, Accreditation.valid_from <= today), Stage.LAPSED.value),
        (Trainer.stage.in_((Stage.ACCREDITED.value, Stage.LAPSED.value)), Stage.OBSERVED.value),
        else_=Trainer.stage,
    )


# ---- who is in the pool ----------------------------------------------------------------------------------------------


def pool(paths: Iterable[str]) -> sa.Select[*tuple[Any, ...]]:
    """Trainers in the pool, with person, home and country, whom a reader over these offices sees.

    Those at home below `paths`, and of all others those who agreed to be seen abroad.
    """
    paths = list(paths)
    return (
        sa.select(Trainer, Person, Office, Country).select_from(Trainer).join(Person, Person.id == Trainer.person_id)
        .join(Office, Office.id == Trainer.home_office_id).join(Country, Country.id == Office.country_id)
        .where(Trainer.left_on.is_(None), sa.or_(under(Office.path, paths), Trainer.shown_abroad != "none"))
    )


@dataclass(frozen=True)
class Listed:
    """A line of the register: `whole` says whether the reader sees more of him than name and country."""

    trainer: Trainer
    person: Person
    home: Office
    country: Country
    stage: str
    languages: tuple[TrainerLanguage, ...]
    accreditations: tuple[Accreditation, ...]
    whole: bool


def accreditations_of(db: Session, trainer_ids: Sequence[uuid.UUID], today: date) -> dict[uuid.UUID, list[Accreditation]]:
    """The accreditations of trainers that count today, by trainer."""
    found: dict[uuid.UUID, list[Accreditation]] = {}
    rows = db.scalars(
        sa.select(Accreditation).where(Accreditation.trainer_id.in_(trainer_ids), counts(today)).order_by(Accreditation.valid_to, Accreditation.id)
    )
    for one in rows:
        found.setdefault(one.trainer_id, []).append(one)
    return found


def languages_of(db: Session, trainer_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[TrainerLanguage]]:
    """The languages of trainers, the best first."""
    found: dict[uuid.UUID, list[TrainerLanguage]] = {}
    rows = db.scalars(
        sa.select(TrainerLanguage).where(TrainerLanguage.trainer_id.in_(trainer_ids)).order_by(TrainerLanguage.level.desc(), TrainerLanguage.language)
    )
    for one in rows:
        found.setdefault(one.trainer_id, []).append(one)
    return found


# ---- one trainer -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Card:
    """What the register holds of a trainer."""

    trainer: Trainer
    person: Person
    home: Office
    steps: list[TrainerStep]
    accreditations: list[Accreditation]
    languages: list[TrainerLanguage]
    permits: list[tuple[EntryPermit, dict[str, str]]]
    letters: list[HomeRelease]
    pairings: list[tuple[Pairing, str, uuid.UUID]]  # with the other's name, and the trainer that the pairing leads to
    names: dict[uuid.UUID, str]  # of assessors and of who noted a step


def trainer_of(db: Session, person_id: uuid.UUID) -> Trainer | None:
    """Somebody's card, also when he has left the pool."""
    return db.scalar(sa.select(Trainer).where(Trainer.person_id == person_id))


def with_home(db: Session, trainer_id: uuid.UUID) -> Trainer | None:
    """A trainer with person and home office."""
    return db.scalar(sa.select(Trainer).where(Trainer.id == trainer_id).options(
        joinedload(Trainer.home).joinedload(Office.country), joinedload(Trainer.person).joinedload(Person.agency),
        joinedload(Trainer.person).joinedload(Person.country),
    ))


def card_of(db: Session, trainer: Trainer) -> Card:
    """All that stands on a trainer's card, newest first; six statements whatever its length."""
    steps = list(db.scalars(
        sa.select(TrainerStep).where(TrainerStep.trainer_id == trainer.id).order_by(TrainerStep.day.desc(), TrainerStep.at.desc(), TrainerStep.id.desc())
    ))
    permits = db.execute(
        sa.select(EntryPermit, sa.func.coalesce(Country.names, Office.names)).outerjoin(Country, Country.id == EntryPermit.country_id)
        .outerjoin(Office, Office.id == EntryPermit.office_id).where(EntryPermit.trainer_id == trainer.id).order_by(EntryPermit.valid_from.desc(), EntryPermit.id)
    ).all()
    other = aliased(Trainer)
    pairings = db.execute(
        sa.select(Pairing, Person.short_name, other.id)
        .join(other, sa.or_(sa.and_(Pairing.trainer_id == trainer.id, other.id == Pairing.other_id), sa.and_(Pairing.other_id == trainer.id, other.id == Pairing.trainer_id)))
        .join(Person, Person.id == other.person_id).where(Pairing.ended_on.is_(None)).order_by(Pairing.kind, Person.sort_key, Pairing.id)
    ).all()
    people = {one.assessor_id for one in steps if one.assessor_id} | {one.by_id for one in steps}
    return Card(
        trainer=trainer, person=trainer.person, home=trainer.home, steps=steps,
        accreditations=list(db.scalars(
            sa.select(Accreditation).where(Accreditation.trainer_id == trainer.id).order_by(Accreditation.valid_from.desc(), Accreditation.id)
        )),
        languages=languages_of(db, [trainer.id]).get(trainer.id, []),
        permits=[(permit, names) for permit, names in permits],
        letters=list(db.scalars(sa.select(HomeRelease).where(HomeRelease.trainer_id == trainer.id).order_by(HomeRelease.valid_from.desc(), HomeRelease.id))),
        pairings=[(pairing, name, where) for pairing, name, where in pairings],
        names=dict(db.execute(sa.select(Person.id, Person.short_name).where(Person.id.in_(people))).all()) if people else {},
    )


def owed_by(db: Session, assessor_id: uuid.UUID) -> list[tuple[TrainerStep, Trainer, str]]:
    """Observations that somebody was asked to watch and has not signed, with the trainer and his name, soonest first."""
    rows = db.execute(
        sa.select(TrainerStep, Trainer, Person.display_name).join(Trainer, Trainer.id == TrainerStep.trainer_id)
        .join(Person, Person.id == Trainer.person_id)
        .where(TrainerStep.assessor_id == assessor_id, TrainerStep.stage == Stage.OBSERVED.value).order_by(TrainerStep.at, TrainerStep.id)
    ).all()
    open_ones: dict[tuple[uuid.UUID, uuid.UUID | None], list[tuple[TrainerStep, Trainer, str]]] = {}
    for step, trainer, name in rows:
        waiting = open_ones.setdefault((trainer.id, step.session_id), [])
        if not step.result:
            waiting.append((step, trainer, name))
        elif waiting:
            waiting.pop(0)
    return sorted((one for group in open_ones.values() for one in group), key=lambda one: (one[0].day, str(one[0].id)))


# ---- tables ----------------------------------------------------------------------------------------------------------


def entry_rules(db: Session) -> dict[tuple[uuid.UUID, uuid.UUID], int]:
    """Days for a visa, by country of the officer and country of the session."""
    return {(origin, goal): days for origin, goal, days in db.execute(sa.select(EntryRule.from_country_id, EntryRule.to_country_id, EntryRule.lead_days))}


def travel_times(db: Session, paths: Iterable[str]) -> list[tuple[TravelTime, Office, Office]]:
    """Ways whose days are stated, of which one end lies below some offices."""
    origin, goal = aliased(Office), aliased(Office)
    paths = list(paths)
    rows = db.execute(
        sa.select(TravelTime, origin, goal).join(origin, origin.id == TravelTime.from_office_id).join(goal, goal.id == TravelTime.to_office_id)
        .where(sa.or_(under(origin.path, paths), under(goal.path, paths))).order_by(origin.path, goal.path)
    )
    return [(way, a, b) for way, a, b in rows]
