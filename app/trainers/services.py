"""Verbs of the pool: take somebody in, keep his card, note the steps of his way, accredit, withdraw. Nothing commits here."""

from __future__ import annotations

import uuid
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.courses.models import Course
from app.db import take_write_lock
from app.errors import Conflict, Invalid, Message, say
from app.offices.models import Country, Office
from app.people.models import Person
from app.trainers import rules
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
from app.trainers.queries import held_of, steps_of
from app.trainers.rules import Stage

# ---- in and out of the pool ------------------------------------------------------------------------------------------


def take_in(
    db: Session, person: Person, *, home: Office, day: date, by: uuid.UUID, now: datetime, reach: str = "national", note: str = "",
) -> Trainer:
    """Nominate somebody as a trainer. Who left the pool comes back with all that his card holds.

    Raises Conflict when he is in the pool, Invalid when he has left the service or the office is above all countries.
    """
    take_write_lock(db)
    if person.left_on is not None and person.left_on <= day:
        raise Invalid(say("trainer", "{name} has left the service.", name=person.display_name))
    if home.country_id is None:
        raise Invalid(fields={"home": say("trainer", "Choose an office of a country: holidays and travel are reckoned from there.")})
    _one_of(rules.REACHES, reach, "reach")
    if day > now.date():
        raise Invalid(fields={"day": say("trainer", "This day lies ahead. Nominate him from today or from an earlier day.")})
    trainer = db.scalar(sa.select(Trainer).where(Trainer.person_id == person.id).with_for_update())
    if trainer is not None and trainer.left_on is None:
        raise Conflict(say("trainer", "{name} is in the pool already.", name=person.display_name))
    if trainer is None:
        trainer = Trainer(person_id=person.id, home_office_id=home.id, reach=reach, note=note.strip())
        db.add(trainer)
        db.flush()
        db.add(TrainerStep(trainer_id=trainer.id, stage=Stage.NOMINATED, day=day, by_id=by, at=now))
    else:
        trainer.left_on, trainer.home_office_id, trainer.reach = None, home.id, reach
        trainer.note = note.strip() or trainer.note
    db.flush()
    _renew_stage(db, trainer, now.date())
    return trainer


def let_out(db: Session, trainer: Trainer, *, day: date, now: datetime) -> None:
    """Put a trainer out of the pool from a day on: he is proposed for nothing any more, his card and history stay."""
    take_write_lock(db)
    if trainer.left_on is not None:
        raise Conflict(say("trainer", "He is out of the pool already."))
    trainer.left_on = day
    db.flush()


# ---- the card --------------------------------------------------------------------------------------------------------


def change_card(
    db: Session, trainer: Trainer, *, home: Office, reach: str, travels: str, share: int, days_a_month: int | None, days_a_quarter: int | None,
    needs_release: bool, passport_to: date | None, note: str,
) -> None:
    """Change where a trainer serves, how far he may be sent, and how much he may be asked for."""
    take_write_lock(db)
    faults: dict[str, Message] = {}
    if home.country_id is None:
        faults["home"] = say("trainer", "Choose an office of a country: holidays and travel are reckoned from there.")
    if not 1 <= share <= 100:
        faults["share"] = say("trainer", "Give a share from 1 to 100 percent.")
    if days_a_month is not None and not 0 <= days_a_month <= 31:
        faults["days_a_month"] = say("trainer", "Give a number of days from 0 to 31, or nothing.")
    if days_a_quarter is not None and not 0 <= days_a_quarter <= 92:
        faults["days_a_quarter"] = say("trainer", "Give a number of days from 0 to 92, or nothing.")
    if not faults and days_a_month is not None and days_a_quarter is not None and days_a_quarter < days_a_month:
        faults["days_a_quarter"] = say("trainer", "A quarter cannot hold fewer days than one of its months.")
    if faults:
        raise Invalid(fields=faults)
    _one_of(rules.REACHES, reach, "reach")
    _one_of(rules.TRAVELS, travels, "travels")
    trainer.home_office_id, trainer.reach, trainer.travels, trainer.share = home.id, reach, travels, share
    trainer.days_a_month, trainer.days_a_quarter, trainer.needs_release = days_a_month, days_a_quarter, needs_release
    trainer.passport_to, trainer.note = passport_to, note.strip()
    db.flush()


def state_language(db: Session, trainer: Trainer, *, language: str, level: str) -> None:
    """Note how well a trainer speaks a language; an empty level takes it off his card."""
    take_write_lock(db)
    if language not in rules.LANGUAGES:
        raise Invalid(fields={"language": say("trainer", "Choose a language.")})
    known = db.scalar(sa.select(TrainerLanguage).where(TrainerLanguage.trainer_id == trainer.id, TrainerLanguage.language == language))
    if not level:
        if known is not None:
            db.delete(known)
    elif level not in rules.CEFR:
        raise Invalid(fields={"level": say("trainer", "Choose a level from A1 to C2.")})
    elif known is None:
        db.add(TrainerLanguage(trainer_id=trainer.id, language=language, level=level))
    else:
        known.level = level
    db.flush()


def consent(db: Session, trainer: Trainer, *, shown: str, today: date) -> None:
    """The trainer's own word on what planners of other countries see of him; it may change any day."""
    take_write_lock(db)
    _one_of(rules.SHOWN, shown, "shown")
    trainer.shown_abroad = shown
    trainer.consent_on = None if shown == "none" else today
    db.flush()


def prefer(db: Session, trainer: Trainer, *, mode: str, until: date | None, today: date) -> None:
    """What a trainer would rather teach, until a day."""
    take_write_lock(db)
    _one_of(rules.MODES, mode, "mode")
    if mode and until is not None and until < today:
        raise Invalid(fields={"until": say("trainer", "This day is over. Give a day to come, or nothing.")})
    trainer.prefers, trainer.prefers_to = mode, until if mode else None
    db.flush()


def tested_connection(db: Session, trainer: Trainer, *, points: int, today: date) -> None:
    """The trainer has tested his PC and line for online sessions, point by point.

    Raises Invalid when a point of the list was left out: a test that skipped the microphone is none.
    """
    take_write_lock(db)
    if points < len(rules.CHECKLIST):
        raise Invalid(fields={"points": say("trainer", "Tick every point. If one does not hold, mend it first or ask the administrator.")})
    trainer.connection_tested_on = today
    db.flush()


# ---- the way: workshop, observed session, accreditation --------------------------------------------------------------


def note_workshop(db: Session, trainer: Trainer, *, day: date, note: str, by: uuid.UUID, now: datetime) -> TrainerStep:
    """Note that a trainer has been at a workshop for trainers. Raises Invalid for a day ahead, or before he was nominated."""
    take_write_lock(db)
    if refused := rules.may_attend(steps_of(db, trainer.id), day, now.date()):
        raise Invalid(fields={"day": refused})
    return _step(db, trainer, TrainerStep(trainer_id=trainer.id, stage=Stage.WORKSHOP, day=day, note=note.strip(), by_id=by, at=now))


def ask_observation(
    db: Session, trainer: Trainer, *, assessor: Person, day: date, session_id: uuid.UUID | None, note: str, by: uuid.UUID, now: datetime,
) -> TrainerStep:
    """Ask an assessor to watch a session of a trainer; he signs it himself. Where there is no session here, the note names it.

    Raises Invalid when the trainer would watch himself, no workshop is on file, or nothing says which session it is;
    Conflict when the same assessor was asked for the same session and has not answered.
    """
    take_write_lock(db)
    steps = steps_of(db, trainer.id)
    if assessor.id == trainer.person_id:
        raise Invalid(fields={"assessor": say("trainer", "Nobody watches himself. Choose another assessor.")})
    if refused := rules.may_be_observed(steps, day):
        raise Invalid(fields={"day": refused})
    if session_id is None and not note.strip():
        raise Invalid(fields={"note": say("trainer", "Choose one of his sessions, or say here which one is watched.")})
    if any(one.assessor == assessor.id and one.session == session_id for one in rules.open_observations(steps)):
        raise Conflict(say("trainer", "{name} was asked for this already and has not signed yet.", name=assessor.short_name))
    return _step(db, trainer, TrainerStep(
        trainer_id=trainer.id, stage=Stage.OBSERVED, day=day, session_id=session_id, assessor_id=assessor.id, note=note.strip(), by_id=by, at=now,
    ))


def sign_observation(
    db: Session, asked: TrainerStep, *, result: str, day: date, note: str, by: uuid.UUID, now: datetime,
) -> TrainerStep:
    """The assessor signs what he has seen: passed, or once more with what to work on. Nobody signs for him.

    Raises Invalid for a day ahead, or for "once more" without a word; Conflict when it was signed or called off already.
    """
    take_write_lock(db)
    trainer = db.get_one(Trainer, asked.trainer_id, with_for_update=True)
    _must_be_open(db, asked)
    if by != asked.assessor_id:
        raise Conflict(say("trainer", "Only the assessor who was asked signs an observed session."))
    if result not in ("passed", "again"):
        raise Invalid(fields={"result": say("trainer", "Choose a result.")})
    faults: dict[str, Message] = {}
    if day > now.date():
        faults["day"] = say("trainer", "Sign the session when it is over: this day lies ahead.")
    elif refused := rules.may_be_observed(steps_of(db, trainer.id), day):
        faults["day"] = refused
    if result == "again" and not note.strip():
        faults["note"] = say("trainer", "Say what he should work on: he reads it.")
    if faults:
        raise Invalid(fields=faults)
    return _step(db, trainer, TrainerStep(
        trainer_id=trainer.id, stage=Stage.OBSERVED, day=day, session_id=asked.session_id, assessor_id=asked.assessor_id, result=result,
        note=note.strip(), by_id=by, at=now,
    ))


def drop_observation(db: Session, asked: TrainerStep, *, by: uuid.UUID, now: datetime) -> TrainerStep:
    """Call an observation off that the assessor has not signed. Raises Conflict when he has."""
    take_write_lock(db)
    trainer = db.get_one(Trainer, asked.trainer_id, with_for_update=True)
    _must_be_open(db, asked)
    return _step(db, trainer, TrainerStep(
        trainer_id=asked.trainer_id, stage=Stage.OBSERVED, day=asked.day, session_id=asked.session_id, assessor_id=asked.assessor_id,
        result="dropped", by_id=by, at=now,
    ))


def accredit(
    db: Session, trainer: Trainer, *, course: Course, level: str, valid_from: date, valid_to: date | None, document: str, by: uuid.UUID, now: datetime,
) -> Accreditation:
    """Accredit a trainer for a course by an order, from a day to a day: only after a workshop and a passed observation.

    A new one for the same course and level renews: the earlier stays as history. Raises Invalid at the field concerned.
    """
    take_write_lock(db)
    faults: dict[str, Message] = {}
    if refused := rules.may_be_accredited(steps_of(db, trainer.id), valid_from):
        faults["valid_from"] = refused
    if level not in rules.LEVELS:
        faults["level"] = say("trainer", "Choose a level.")
    if valid_to is None:
        faults["valid_to"] = say("trainer", "Give the last day: an accreditation is looked at again from time to time.")
    elif valid_to < valid_from:
        faults["valid_to"] = say("trainer", "The last day is before the first.")
    if not document.strip():
        faults["document"] = say("trainer", "Give the number and date of the order, for example: order 114 of 3 March 2026.")
    if faults:
        raise Invalid(fields=faults)
    accreditation = Accreditation(
        trainer_id=trainer.id, course_id=course.id, level=level, valid_from=valid_from, valid_to=valid_to, document=document.strip(),
    )
    db.add(accreditation)
    _step(db, trainer, TrainerStep(
        trainer_id=trainer.id, stage=Stage.ACCREDITED, day=valid_from, course_id=course.id, note=document.strip(), by_id=by, at=now,
    ))
    return accreditation


def withdraw_accreditation(db: Session, accreditation: Accreditation, *, day: date, why: str, by: uuid.UUID, now: datetime) -> None:
    """Take an accreditation back from a day on, for a reason that the card keeps. Raises Conflict when it was taken back already."""
    take_write_lock(db)
    trainer = db.get_one(Trainer, accreditation.trainer_id, with_for_update=True)
    if accreditation.withdrawn_on is not None:
        raise Conflict(say("trainer", "This accreditation was withdrawn already."))
    if not why.strip():
        raise Invalid(fields={"why": say("trainer", "Say why, with the number of the order.")})
    accreditation.withdrawn_on, accreditation.withdrawn_why = day, why.strip()
    db.flush()
    if _renew_stage(db, trainer, max(day, now.date())) is Stage.LAPSED:
        _step(db, trainer, TrainerStep(trainer_id=trainer.id, stage=Stage.LAPSED, day=day, course_id=accreditation.course_id, note=why.strip(), by_id=by, at=now))


# ---- papers: permits, release letters, pairings ----------------------------------------------------------------------


def add_permit(
    db: Session, trainer: Trainer, *, country: Country | None, office: Office | None, valid_from: date, valid_to: date | None, document: str,
) -> EntryPermit:
    """Note a visa for a country or a clearance for a site. Raises Invalid when it is for neither or for both."""
    take_write_lock(db)
    if (country is None) == (office is None):
        raise Invalid(fields={"country": say("trainer", "Choose a country for a visa, or an office for a clearance: one of them.")})
    if valid_to is not None and valid_to < valid_from:
        raise Invalid(fields={"valid_to": say("trainer", "The last day is before the first.")})
    permit = EntryPermit(
        trainer_id=trainer.id, kind="visa" if country else "site", country_id=country.id if country else None,
        office_id=office.id if office else None, valid_from=valid_from, valid_to=valid_to, document=document.strip(),
    )
    db.add(permit)
    db.flush()
    return permit


def end_permit(db: Session, permit: EntryPermit, *, last_day: date) -> None:
    """A permit counts no longer than a day."""
    take_write_lock(db)
    permit.valid_to = max(last_day, permit.valid_from)
    db.flush()


def ask_release(db: Session, trainer: Trainer, *, first: date, last: date, asked_on: date) -> HomeRelease:
    """Note that a trainer's agency was asked to let him go for some days. Raises Invalid when they end before they begin."""
    take_write_lock(db)
    if last < first:
        raise Invalid(fields={"last": say("trainer", "The last day is before the first.")})
    letter = HomeRelease(trainer_id=trainer.id, valid_from=first, valid_to=last, asked_on=asked_on)
    db.add(letter)
    db.flush()
    return letter


def answer_release(db: Session, letter: HomeRelease, *, given: bool, day: date, document: str) -> None:
    """Note the agency's answer; given with the number of the letter. Raises Conflict when it is answered, Invalid without a number."""
    take_write_lock(db)
    if letter.given_on is not None or letter.refused_on is not None:
        raise Conflict(say("trainer", "This letter is answered already."))
    if given and not document.strip():
        raise Invalid(fields={"document": say("trainer", "Give the number and date of the letter.")})
    if given:
        letter.given_on = day
    else:
        letter.refused_on = day
    letter.document = document.strip()
    db.flush()


def pair(db: Session, trainer: Trainer, *, other: Trainer, kind: str, reason: str) -> Pairing:
    """Note whom a trainer must, must not or should teach with. What has ended may be noted again."""
    take_write_lock(db)
    if kind not in rules.PAIRINGS:
        raise Invalid(fields={"kind": say("trainer", "Choose what holds for the two.")})
    if other.id == trainer.id:
        raise Invalid(fields={"other": say("trainer", "Choose another trainer.")})
    known = db.scalar(sa.select(Pairing).where(Pairing.trainer_id == trainer.id, Pairing.other_id == other.id, Pairing.kind == kind))
    if known is not None and known.ended_on is None:
        raise Conflict(say("trainer", "This stands on the card already."))
    if known is None:
        known = Pairing(trainer_id=trainer.id, other_id=other.id, kind=kind)
        db.add(known)
    known.reason, known.ended_on = reason.strip(), None
    db.flush()
    return known


def end_pairing(db: Session, pairing: Pairing, *, day: date) -> None:
    """The two are free of each other from a day on."""
    take_write_lock(db)
    pairing.ended_on = day
    db.flush()


# ---- tables of the pool: entry and travel ----------------------------------------------------------------------------


def set_entry_rule(db: Session, *, origin: Country, goal: Country, lead_days: int) -> EntryRule:
    """How many days officers of a country need for a visa of another; 0: they need none."""
    take_write_lock(db)
    if origin.id == goal.id:
        raise Invalid(fields={"goal": say("trainer", "Nobody needs a visa at home. Choose two countries.")})
    if not 0 <= lead_days <= 365:
        raise Invalid(fields={"lead_days": say("trainer", "Give a number of days from 0 to 365.")})
    known = db.scalar(sa.select(EntryRule).where(EntryRule.from_country_id == origin.id, EntryRule.to_country_id == goal.id))
    if known is None:
        known = EntryRule(from_country_id=origin.id, to_country_id=goal.id)
        db.add(known)
    known.lead_days = lead_days
    db.flush()
    return known


def set_travel_time(db: Session, *, origin: Office, goal: Office, days: int, cost: int) -> TravelTime:
    """Days and cost of the way between two places, both ways round: one row holds for both directions."""
    take_write_lock(db)
    if origin.id == goal.id:
        raise Invalid(fields={"goal": say("trainer", "Choose two places.")})
    if not 0 <= days <= 14:
        raise Invalid(fields={"days": say("trainer", "Give a number of days from 0 to 14.")})
    if not 0 <= cost <= 1_000_000_000:
        raise Invalid(fields={"cost": say("trainer", "Give the cost as a whole number, 0 or more.")})
    known = db.scalar(sa.select(TravelTime).where(sa.or_(
        sa.and_(TravelTime.from_office_id == origin.id, TravelTime.to_office_id == goal.id),
        sa.and_(TravelTime.from_office_id == goal.id, TravelTime.to_office_id == origin.id),
    )))
    if known is None:
        known = TravelTime(from_office_id=origin.id, to_office_id=goal.id, days=days)
        db.add(known)
    known.days, known.cost = days, cost
    db.flush()
    return known


def forget_travel_time(db: Session, known: TravelTime) -> None:
    """The default by distance holds again between two places."""
    take_write_lock(db)
    db.delete(known)
    db.flush()


# ---- inside ----------------------------------------------------------------------------------------------------------


def _step(db: Session, trainer: Trainer, step: TrainerStep) -> TrainerStep:
    db.add(step)
    db.flush()
    _renew_stage(db, trainer, step.at.date())
    return step


def _renew_stage(db: Session, trainer: Trainer, today: date) -> Stage:
    """Keep the stage that lists filter by; that time has passed is reckoned where it is read (queries.stage)."""
    stage = rules.stage_of(steps_of(db, trainer.id), held_of(db, trainer.id), today)
    if trainer.stage != stage:
        trainer.stage = stage.value
        db.flush()
    return stage


def _must_be_open(db: Session, asked: TrainerStep) -> None:
    owed = rules.open_observations(steps_of(db, asked.trainer_id))
    if asked.result or not any(one.assessor == asked.assessor_id and one.session == asked.session_id for one in owed):
        raise Conflict(say("trainer", "This observation was signed or called off already."))


def _one_of(known: object, value: str, field: str) -> None:
    if value not in known:  # type: ignore[operator]
        raise Invalid(fields={field: say("trainer", "Choose one of the list.")})
