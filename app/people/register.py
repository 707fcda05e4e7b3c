"""Verbs of the people register: take in, rename, post, give a role, let go. The caller is the edge or a job; nothing commits here."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import Base, take_write_lock
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
    rows = newcomer(
        agency_id=agency.id, country_id=agency.country_id, languages=_languages(db, agency.country_id), office_id=office.id,
        service_number=number, names=names, since=since, gender=gender, rank=rank, post=post, born_on=born_on,
    )
    store(db, [rows])
    return rows.person


@dataclass(frozen=True)
class Newcomer:
    """The rows of somebody who is taken in: made first, stored together with others."""

    person: Person
    names: list[PersonName]
    posting: Posting


def newcomer(
    *, agency_id: uuid.UUID, country_id: uuid.UUID, languages: Sequence[str], office_id: uuid.UUID, service_number: str,
    names: Mapping[str, Name], since: date, gender: str | None, rank: str, post: str, born_on: date | None,
) -> Newcomer:
    """The rows of a new person, not stored yet."""
    person = Person(country_id=country_id, agency_id=agency_id, service_number=tidy(service_number), gender=gender, born_on=born_on)
    rows = [_name_row(person, script, name, since, "") for script, name in names.items()]
    refresh_keys(person, rows, languages)
    return Newcomer(
        person, rows,
        Posting(person_id=person.id, office_id=office_id, agency_id=agency_id, rank=tidy(rank), post=tidy(post), valid_from=since),
    )


def store(db: Session, newcomers: Sequence[Newcomer]) -> None:
    """Store people who are taken in together, in two flushes however many they are."""
    take_write_lock(db)
    db.add_all(rows.person for rows in newcomers)
    db.flush()
    db.add_all(row for rows in newcomers for row in (*rows.names, rows.posting))
    db.flush()


def rename_person(db: Session, person: Person, *, names: Mapping[str, Name], since: date, reason: str) -> None:
    """Give a person a new name from a day on. The old one stays, so that an old certificate still verifies."""
    take_write_lock(db)
    if not reason.strip():
        raise Invalid(fields={"reason": say("person", "Say why the name changes, with the number of the order.")})
    held = list(db.scalars(sa.select(PersonName).where(PersonName.person_id == person.id)))
    if any(row.valid_from == since and row.script in names for row in held):
        raise Conflict(say("person", "A name from that day is already in the register."))
    if not names or not all(tidy(name.family) and tidy(name.given) for name in names.values()):
        raise Invalid(fields={"family": say("person", "Give the family name and the given name.")})
    if person.owner_node == db.info["node"]:
        db.add_all(renamed(person, held, names=names, since=since, reason=reason, languages=_languages(db, person.country_id)))
        db.flush()
        return
    # Another node keeps the file: the name is a row of our own, and what lists show follows from all his names.
    db.add_all(_name_row(person, script, name, since, reason.strip()) for script, name in names.items())
    db.flush()
    refresh_from_names(db, person)


def refresh_from_names(db: Session, person: Person) -> None:
    """Compute what lists and searches use of a person whose file another node keeps.

    It follows from his names at each node, so it is no change of his file: no journal entry.
    """
    held = list(db.scalars(sa.select(PersonName).where(PersonName.person_id == person.id)))
    if not held:
        return
    languages = _languages(db, person.country_id)
    shown = main_name(held, languages)
    found = _search_key(held, person.service_number).split(" ")
    known = person.search_key.split(" ")  # also by the names of files that were merged into his
    table = Base.metadata.tables[Person.__tablename__]
    db.connection().execute(
        sa.update(table).where(table.c.id == person.id).values(
            display_name=shown.full, short_name=shown.short, sort_key=sort_key(shown, languages[0]),
            search_key=" ".join([*found, *(word for word in known if word not in found)]),
        )
    )
    db.expire(person)


def refresh_corrected(db: Session, people: Collection[uuid.UUID]) -> None:
    """Of these people, compute anew what lists show of those with a name that another node entered than keeps their file."""
    corrected = (
        sa.select(PersonName.person_id).join(Person, Person.id == PersonName.person_id)
        .where(Person.id.in_(people), PersonName.owner_node != Person.owner_node)
    )
    for person in db.scalars(sa.select(Person).where(Person.id.in_(corrected)).order_by(Person.id)).all():
        refresh_from_names(db, person)


def renamed(
    person: Person, held: Sequence[PersonName], *, names: Mapping[str, Name], since: date, reason: str, languages: Sequence[str],
) -> list[PersonName]:
    """The rows to add for new names. One entered earlier for the same day is corrected: that day has one name."""
    same_day = {row.script: row for row in held if row.valid_from == since}
    new = []
    for script, name in names.items():
        row = _name_row(person, script, name, since, reason.strip())
        if (known := same_day.get(script)) is None:
            new.append(row)
        else:
            known.family, known.given, known.patronymic, known.reason = row.family, row.given, row.patronymic, row.reason
    refresh_keys(person, [*held, *new], languages)
    return new


def move_person(db: Session, person: Person, *, office: Office, agency: Agency, since: date, rank: str = "", post: str = "") -> Posting:
    """Post a person to another office, or to another rank or post, from a day on. Old records stay with the old office."""
    take_write_lock(db)
    current = db.scalar(
        sa.select(Posting).where(Posting.person_id == person.id, Posting.valid_to.is_(None)).order_by(Posting.valid_from.desc())
    )
    if current is not None and since <= current.valid_from:
        raise Invalid(fields={"since": say("person", "The new posting begins after the present one, which began on {day}.", day=current.valid_from.isoformat())})
    posting = moved(person, current, office_id=office.id, agency_id=agency.id, since=since, rank=rank, post=post)
    db.add(posting)
    db.flush()
    return posting


def moved(
    person: Person, current: Posting | None, *, office_id: uuid.UUID, agency_id: uuid.UUID, since: date, rank: str, post: str,
) -> Posting:
    """The posting from a day on; the one before it ends the day before. One that began the same day is corrected."""
    person.left_on = None
    if current is not None and current.valid_from == since:
        current.office_id, current.agency_id, current.rank, current.post = office_id, agency_id, tidy(rank), tidy(post)
        return current
    if current is not None and (current.valid_to is None or current.valid_to >= since):
        current.valid_to = since - timedelta(days=1)
    return Posting(person_id=person.id, office_id=office_id, agency_id=agency_id, rank=tidy(rank), post=tidy(post), valid_from=since)


def let_go(db: Session, person: Person, *, last_day: date) -> None:
    """Note that somebody leaves the service after a day: posting and roles end with it, the record and all results stay."""
    take_write_lock(db)
    postings = db.scalars(
        sa.select(Posting).where(Posting.person_id == person.id, sa.or_(Posting.valid_to.is_(None), Posting.valid_to > last_day))
    ).all()
    if begun := [posting for posting in postings if posting.valid_from > last_day]:
        raise Invalid(fields={"last_day": say("person", "The posting began on {day}: the last day cannot be before it.", day=begun[0].valid_from.isoformat())})
    for posting in postings:
        posting.valid_to = last_day
    grants = db.scalars(
        sa.select(RoleGrant).where(RoleGrant.person_id == person.id, sa.or_(RoleGrant.valid_to.is_(None), RoleGrant.valid_to > last_day))
    )
    for grant in grants:
        grant.valid_to = max(last_day, grant.valid_from - timedelta(days=1))
    person.left_on = last_day + timedelta(days=1)
    db.flush()


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
    """Take a role back after a day. One that had not begun by then never holds."""
    take_write_lock(db)
    grant.valid_to = max(last_day, grant.valid_from - timedelta(days=1))
    db.flush()


def _name_row(person: Person, script: str, name: Name, since: date, reason: str) -> PersonName:
    return PersonName(
        person_id=person.id, script=script, family=tidy(name.family), given=tidy(name.given), patronymic=tidy(name.patronymic),
        valid_from=since, reason=reason,
    )


def _languages(db: Session, country_id: uuid.UUID) -> list[str]:
    return db.scalar(sa.select(Country.languages).where(Country.id == country_id)) or ["kk"]


def main_name(rows: Sequence[PersonName], languages: Sequence[str]) -> Name:
    """The name to list somebody by: the newest in the main script of the country's first language."""
    by_script = {row.script: row for row in sorted(rows, key=lambda row: row.valid_from)}
    main = next(by_script[script] for script in MAIN_SCRIPTS.get(languages[0], USUAL_SCRIPTS) if script in by_script)
    return Name(main.family, main.given, main.patronymic)


def refresh_keys(person: Person, rows: Sequence[PersonName], languages: Sequence[str]) -> None:
    """Compute what lists and searches use from all names that the person has held."""
    shown = main_name(rows, languages)
    person.display_name, person.short_name = shown.full, shown.short
    person.sort_key = sort_key(shown, languages[0])
    person.search_key = _search_key(rows, person.service_number)


def _search_key(rows: Sequence[PersonName], service_number: str) -> str:
    """The same words in the same order at every node."""
    in_order = sorted(rows, key=lambda row: (row.valid_from, row.script, str(row.id)))
    return search_key([Name(row.family, row.given, row.patronymic) for row in in_order], service_number)
