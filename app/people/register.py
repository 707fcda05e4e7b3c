"""Verbs of the people register: take in, rename, post, give a role. The caller is the edge or a job; nothing commits here."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import date, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import take_write_lock
from app.errors import Conflict, Invalid, say
from app.offices.models import Agency, Country, Office
from app.people.models import Person, PersonName, Posting, RoleGrant
from app.people.names import Name, search_key, sort_key, tidy
from app.policy import Role

MAIN_SCRIPTS = {"uz": ("Latn", "Cyrl", "Arab"), "tk": ("Latn", "Cyrl", "Arab")}
USUAL_SCRIPTS = ("Cyrl", "Latn", "Arab")


def register_person(
    db: Session, *, agency: Agency, office: Office, service_number: str, names: Mapping[str, Name], since: date,
    gender: str | None = None, rank: str = "", post: str = "", born_on: date | None = None,
) -> Person:
    """Take somebody into the register. `names` maps a script (Cyrl, Latn, Arab) to the name as entered in it.

    Raises Invalid for an empty name or number, Conflict when the agency already has this service number.
    """
    take_write_lock(db)
    number = tidy(service_number)
    if not number:
        raise Invalid(fields={"service_number": say("person", "Give the service number.")})
    if not names or not all(tidy(name.family) and tidy(name.given) for name in names.values()):
        raise Invalid(fields={"family": say("person", "Give the family name and the given name.")})
    if db.scalar(sa.select(Person.id).where(Person.agency_id == agency.id, Person.service_number == number)):
        raise Conflict(say("person", "Service number {number} is already in the register of this agency.", number=number))
    person = Person(
        country_id=agency.country_id, agency_id=agency.id, service_number=number, gender=gender, born_on=born_on,
    )
    db.add(person)
    db.flush()
    rows = [_name_row(person, script, name, since, "") for script, name in names.items()]
    db.add_all(rows)
    db.add(Posting(person_id=person.id, office_id=office.id, agency_id=agency.id, rank=rank, post=post, valid_from=since))
    _refresh_keys(db, person, rows)
    db.flush()
    return person


def rename_person(db: Session, person: Person, *, names: Mapping[str, Name], since: date, reason: str) -> None:
    """Give a person a new name from a day on. The old one stays, so that an old certificate still verifies."""
    take_write_lock(db)
    if not reason.strip():
        raise Invalid(fields={"reason": say("person", "Say why the name changes, with the number of the order.")})
    held = list(db.scalars(sa.select(PersonName).where(PersonName.person_id == person.id)))
    new = [_name_row(person, script, name, since, reason.strip()) for script, name in names.items()]
    if any(row.valid_from == other.valid_from and row.script == other.script for row in new for other in held):
        raise Conflict(say("person", "A name from that day is already in the register."))
    db.add_all(new)
    _refresh_keys(db, person, [*held, *new])
    db.flush()


def move_person(db: Session, person: Person, *, office: Office, agency: Agency, since: date, rank: str = "", post: str = "") -> Posting:
    """Post a person to another office, or to another rank or post, from a day on. Old records stay with the old office."""
    take_write_lock(db)
    current = db.scalar(
        sa.select(Posting).where(Posting.person_id == person.id, Posting.valid_to.is_(None)).order_by(Posting.valid_from.desc())
    )
    if current is not None:
        if since <= current.valid_from:
            raise Invalid(fields={"since": say("person", "The new posting begins after the present one, which began on {day}.", day=current.valid_from.isoformat())})
        current.valid_to = since - timedelta(days=1)
    posting = Posting(person_id=person.id, office_id=office.id, agency_id=agency.id, rank=rank, post=post, valid_from=since)
    db.add(posting)
    db.flush()
    return posting


def give_role(
    db: Session, person: Person, *, role: Role, office: Office, since: date, until: date | None = None, given_by: uuid.UUID | None,
) -> RoleGrant:
    """Give a role for an office and all below it, from a day to a day."""
    take_write_lock(db)
    if until is not None and until < since:
        raise Invalid(fields={"until": say("person", "The last day is before the first.")})
    grant = RoleGrant(
        person_id=person.id, role=role.value, office_id=office.id, valid_from=since, valid_to=until, given_by=given_by,
    )
    db.add(grant)
    db.flush()
    return grant


def end_role(db: Session, grant: RoleGrant, *, last_day: date) -> None:
    """Take a role back after a day."""
    take_write_lock(db)
    grant.valid_to = last_day
    db.flush()


def _name_row(person: Person, script: str, name: Name, since: date, reason: str) -> PersonName:
    return PersonName(
        person_id=person.id, script=script, family=tidy(name.family), given=tidy(name.given), patronymic=tidy(name.patronymic),
        valid_from=since, reason=reason,
    )


def _refresh_keys(db: Session, person: Person, rows: list[PersonName]) -> None:
    """Compute what lists and searches use from all names the person has held."""
    languages = db.scalar(sa.select(Country.languages).where(Country.id == person.country_id)) or ["kk"]
    by_script: dict[str, PersonName] = {}
    for row in sorted(rows, key=lambda row: row.valid_from):
        by_script[row.script] = row
    main = next(by_script[script] for script in MAIN_SCRIPTS.get(languages[0], USUAL_SCRIPTS) if script in by_script)
    shown = Name(main.family, main.given, main.patronymic)
    person.display_name, person.short_name = shown.full, shown.short
    person.sort_key = sort_key(shown, languages[0])
    person.search_key = search_key([Name(row.family, row.given, row.patronymic) for row in rows], person.service_number)
