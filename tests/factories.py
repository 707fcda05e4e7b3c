"""Rows for tests: functions with defaults that never matter to a test. Each adds, flushes and returns the row."""

from __future__ import annotations

import itertools
import string
import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.ids import new_token, token_hash
from app.offices.models import Agency, Classroom, Country, Office, Seat
from app.people.models import Person, PersonName, Posting, RoleGrant, SignIn
from app.policy import Role

LONG_AGO = date(2020, 1, 1)
_count = itertools.count(1)
# As real ones first: certificates take nothing else. A database with more countries goes on with digits.
_COUNTRIES = ["".join(code) for second in (string.ascii_uppercase, string.digits) for code in itertools.product(string.ascii_uppercase, second)]


def added(db: Session, row: Any) -> Any:
    """The row, in the database."""
    db.info["writing"] = True
    db.add(row)
    db.flush()
    return row


def make_country(db: Session, code: str | None = None, **values: Any) -> Country:
    """A country."""
    defaults: dict[str, Any] = {"names": {"en": f"Country {next(_count)}"}, "zone": "Asia/Almaty", "weekend": [6, 7], "languages": ["kk", "ru"]}
    if code is None:
        taken = set(db.scalars(sa.select(Country.code)))
        code = next(one for one in _COUNTRIES if one not in taken)
    return added(db, Country(code=code, **(defaults | values)))


def make_agency(db: Session, country: Country | None = None, **values: Any) -> Agency:
    """An agency of a country."""
    country = country or make_country(db)
    defaults: dict[str, Any] = {"code": f"A{next(_count)}", "names": {"en": "Border Service"}}
    return added(db, Agency(country_id=country.id, **(defaults | values)))


def make_office(db: Session, parent: Office | None = None, country: Country | None = None, **values: Any) -> Office:
    """An office; below `parent` when given."""
    code = values.pop("code", f"OFFICE-{next(_count)}")
    path = f"{parent.path if parent else '/'}{code}/"
    country_id = country.id if country else (parent.country_id if parent else make_country(db).id)
    defaults: dict[str, Any] = {"kind": "border-office", "names": {"en": f"Office {code}"}, "zone": "Asia/Almaty"}
    return added(
        db, Office(code=code, path=path, parent_id=parent.id if parent else None, country_id=country_id, **(defaults | values))
    )


def make_classroom(db: Session, office: Office | None = None, seats: int = 2) -> Classroom:
    """A classroom with seats 01, 02 …"""
    office = office or make_office(db)
    room = added(db, Classroom(office_id=office.id, names={"en": "CBT class 1"}))
    for n in range(1, seats + 1):
        added(db, Seat(classroom_id=room.id, label=f"{n:02d}"))
    return room


def make_person(
    db: Session, office: Office | None = None, *, family: str = "Bekova", given: str = "Aigerim", agency: Agency | None = None, **values: Any
) -> Person:
    """An officer posted to an office since long ago."""
    n = next(_count)
    office = office or make_office(db)
    country_id = office.country_id
    assert country_id is not None
    agency = agency or added(db, Agency(country_id=country_id, code=f"A{n}", names={"en": "Border Service"}))
    defaults: dict[str, Any] = {
        "service_number": f"{10_000_000 + n}", "display_name": f"{family} {given}", "short_name": f"{family} {given[:1]}.",
        "sort_key": f"{family} {given}".lower(), "search_key": f"{family} {given} {10_000_000 + n}".lower(),
    }
    person = added(db, Person(country_id=country_id, agency_id=agency.id, **(defaults | values)))
    added(db, PersonName(person_id=person.id, script="Latn", family=family, given=given, valid_from=LONG_AGO))
    added(db, Posting(person_id=person.id, office_id=office.id, agency_id=agency.id, valid_from=LONG_AGO))
    return person


def give_role(db: Session, person: Person, role: Role, office: Office, **values: Any) -> RoleGrant:
    """A role over an office and all below it, since long ago."""
    return added(db, RoleGrant(person_id=person.id, role=role.value, office_id=office.id, **({"valid_from": LONG_AGO} | values)))


def make_staff(db: Session, role: Role, office: Office | None = None, **values: Any) -> Person:
    """A person with a role over his own office."""
    office = office or make_office(db)
    person = make_person(db, office, **values)
    give_role(db, person, role, office)
    return person


def make_sign_in(db: Session, person: Person, *, kind: str = "password", seat_id: uuid.UUID | None = None) -> str:
    """A sign-in of the person; gives the token that the cookie holds."""
    token = new_token()
    now = clock.now()
    added(
        db,
        SignIn(
            person_id=person.id, token_hash=token_hash(token), kind=kind, seat_id=seat_id, address="127.0.0.1",
            browser="test", started_at=now, seen_at=now,
        ),
    )
    return token


def a_moment(days: float = 0) -> datetime:
    """A fixed moment, some days later."""
    return datetime(2026, 11, 24, 4, 0, tzinfo=UTC) + timedelta(days=days)
