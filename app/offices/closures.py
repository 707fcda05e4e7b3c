"""Verbs of days off: closures of offices, holidays of countries, their lifting."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import date

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import take_write_lock
from app.errors import Conflict, Invalid, Message, say
from app.offices.models import Closure, Country, Holiday

LONGEST = 366  # days of one closure


def close(db: Session, office_id: uuid.UUID, *, first_day: date, last_day: date, reason: str) -> Closure:
    """Say that an office and all below it hold no classes from a day to a day. Raises Invalid at the field."""
    take_write_lock(db)
    wrong: dict[str, Message] = {}
    if last_day < first_day:
        wrong["last_day"] = say("closure", "The last day is before the first.")
    elif (last_day - first_day).days >= LONGEST:
        wrong["last_day"] = say("closure", "A closure lasts at most {n} days. Close the office itself if it is for good.", n=LONGEST)
    if not reason.strip():
        wrong["reason"] = say("closure", "Say why: it stands beside the days.")
    if wrong:
        raise Invalid(fields=wrong)
    made = Closure(office_id=office_id, first_day=first_day, last_day=last_day, reason=reason.strip())
    db.add(made)
    db.flush()
    return made


def open_again(db: Session, closure: Closure, *, today: date) -> None:
    """Lift a closure: it stays as history. Raises Conflict when it is lifted already."""
    take_write_lock(db)
    if closure.ended_on is not None:
        raise Conflict(say("closure", "This is lifted already."))
    closure.ended_on = today
    db.flush()


def add_holiday(db: Session, country: Country, *, day: date, names: Mapping[str, str]) -> Holiday:
    """Note a day off of a country. Raises Invalid without a name, or for a day that is one already."""
    take_write_lock(db)
    kept = {tag: name.strip() for tag, name in names.items() if name.strip()}
    if not kept:
        raise Invalid(fields={"name_en": say("closure", "Give the name of the holiday in one language at least.")})
    if db.scalar(sa.select(Holiday.id).where(Holiday.country_id == country.id, Holiday.day == day)):
        raise Invalid(fields={"day": say("closure", "{day} is a holiday there already.", day=day)})
    made = Holiday(country_id=country.id, day=day, names=kept)
    db.add(made)
    db.flush()
    return made


def remove_holiday(db: Session, holiday: Holiday) -> None:
    """Take a holiday away: governments move them. The journal keeps what it was."""
    take_write_lock(db)
    db.delete(holiday)
    db.flush()
