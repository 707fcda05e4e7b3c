"""Verbs of the office tree: countries, agencies, offices, classrooms with their seats."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import take_write_lock
from app.errors import Conflict, Invalid, say
from app.offices.models import Agency, Classroom, Country, Office, Seat

KINDS = ("region", "centre", "department", "border-office")
CROSSINGS = ("road", "rail", "air", "river")
CODE = re.compile(r"[A-Z0-9][A-Z0-9-]{0,38}")


def add_country(db: Session, *, code: str, names: Mapping[str, str], zone: str, languages: Sequence[str], weekend: Sequence[int] = (6, 7)) -> Country:
    """Add a country under its ISO 3166-1 code. `weekend` holds ISO weekday numbers."""
    take_write_lock(db)
    if not re.fullmatch("[A-Z]{2}", code):
        raise Invalid(fields={"code": say("office", "A country has two capital letters: KZ.")})
    if db.scalar(sa.select(Country.id).where(Country.code == code)):
        raise Conflict(say("office", "Country {code} is there already.", code=code))
    _check_zone(zone)
    country = Country(code=code, names=_names(names), zone=zone, languages=list(languages), weekend=list(weekend))
    db.add(country)
    db.flush()
    return country


def add_agency(db: Session, country: Country, *, code: str, names: Mapping[str, str], hint: Mapping[str, str] | None = None) -> Agency:
    """Add an agency of a country. `hint` says what its service numbers look like."""
    take_write_lock(db)
    if db.scalar(sa.select(Agency.id).where(Agency.country_id == country.id, Agency.code == code)):
        raise Conflict(say("office", "This country has an agency {code} already.", code=code))
    agency = Agency(country_id=country.id, code=code, names=_names(names), service_number_hint=dict(hint or {}))
    db.add(agency)
    db.flush()
    return agency


def add_office(
    db: Session, *, code: str, names: Mapping[str, str], kind: str, zone: str, parent: Office | None, country: Country | None,
    crossing: str | None = None, contact: str = "", clearance: str = "",
) -> Office:
    """Add an office below `parent` (None: the root). Its path is what roles are given for. `clearance`: what somebody from elsewhere needs to be let in."""
    take_write_lock(db)
    if not CODE.fullmatch(code):
        raise Invalid(fields={"code": say("office", "A code has capital letters, digits and dashes: KZ-KORDAY.")})
    if kind not in KINDS:
        raise Invalid(fields={"kind": say("office", "Choose one of the kinds of office.")})
    if crossing is not None and crossing not in CROSSINGS:
        raise Invalid(fields={"crossing": say("office", "Choose one of the kinds of crossing.")})
    if db.scalar(sa.select(Office.id).where(Office.code == code)):
        raise Conflict(say("office", "There is an office {code} already.", code=code))
    _check_zone(zone)
    office = Office(
        country_id=country.id if country else parent.country_id if parent else None, parent_id=parent.id if parent else None, code=code, kind=kind,
        names=_names(names), path=f"{parent.path if parent else '/'}{code}/", zone=zone, crossing=crossing, contact=contact,
        clearance=clearance.strip(),
    )
    db.add(office)
    db.flush()
    return office


def found_country(
    db: Session, *, code: str, names: Mapping[str, str], zone: str, languages: Sequence[str], parent: Office | None
) -> tuple[Country, Office]:
    """Add a country together with its centre, the office of the same code and name that all its other offices stand under."""
    take_write_lock(db)
    if parent is not None and parent.country_id is not None:
        raise Conflict(say("office", "{office} belongs to a country already.", office=parent.code))
    if not languages:
        raise Invalid(fields={"languages": say("office", "Choose at least one language.")})
    country = add_country(db, code=code, names=names, zone=zone, languages=languages)
    return country, add_office(db, code=code, names=names, kind="centre", zone=zone, parent=parent, country=country)


def edit_office(
    db: Session, office: Office, *, names: Mapping[str, str], zone: str, crossing: str | None, contact: str, clearance: str = "",
    closed_on: date | None = None,
) -> None:
    """Change what an office is called and how it is reached. Its code, kind and place in the tree stay: roles and records stand on them."""
    take_write_lock(db)
    if crossing is not None and crossing not in CROSSINGS:
        raise Invalid(fields={"crossing": say("office", "Choose one of the kinds of crossing.")})
    _check_zone(zone)
    office.names = _others(office.names, names)
    office.zone, office.crossing, office.contact, office.clearance, office.closed_on = zone, crossing, contact, clearance.strip(), closed_on
    db.flush()


def pair_offices(db: Session, one: Office, other: Office) -> None:
    """Say that two border offices face each other over a border."""
    take_write_lock(db)
    if one.country_id == other.country_id:
        raise Invalid(fields={"paired": say("office", "Paired offices belong to two countries.")})
    for office in (one, other):
        unpair(db, office)
    one.paired_office_id, other.paired_office_id = other.id, one.id
    db.flush()


def unpair(db: Session, office: Office) -> None:
    """Say that an office faces no other any more; neither does the other."""
    take_write_lock(db)
    if office.paired_office_id is not None:
        other = db.get(Office, office.paired_office_id)
        if other is not None and other.paired_office_id == office.id:
            other.paired_office_id = None
        office.paired_office_id = None
        db.flush()


def add_classroom(db: Session, office: Office, *, names: Mapping[str, str], seats: int, capacity: int | None = None) -> Classroom:
    """Add a classroom with seats 01, 02 and so on. `capacity`: people who find room in it; None: as many as there are seats."""
    take_write_lock(db)
    if not 1 <= seats <= 99:
        raise Invalid(fields={"seats": say("office", "A classroom has 1 to 99 seats.")})
    _check_capacity(capacity)
    room = Classroom(office_id=office.id, names=_names(names), capacity=capacity)
    db.add(room)
    db.flush()
    db.add_all(Seat(classroom_id=room.id, label=f"{number:02d}") for number in range(1, seats + 1))
    db.flush()
    return room


def edit_classroom(db: Session, room: Classroom, *, names: Mapping[str, str], seats: int, capacity: int | None = None) -> None:
    """Rename a classroom, say for how many people there is room, add seats. Seats are not taken away: a broken one is marked at the seat."""
    take_write_lock(db)
    labels = set(db.scalars(sa.select(Seat.label).where(Seat.classroom_id == room.id)))
    if not len(labels) <= seats <= 99:
        raise Invalid(fields={"seats": say("office", "This classroom has {n} seats; the number goes up to 99 and not down.", n=len(labels))})
    _check_capacity(capacity)
    room.names, room.capacity = _others(room.names, names), capacity
    free = (label for label in (f"{number:02d}" for number in range(1, 100)) if label not in labels)
    db.add_all(Seat(classroom_id=room.id, label=next(free)) for _ in range(seats - len(labels)))
    db.flush()


def _check_capacity(capacity: int | None) -> None:
    if capacity is not None and not 1 <= capacity <= 999:
        raise Invalid(fields={"capacity": say("office", "Give a number of people from 1 to 999, or nothing: then as many as there are seats.")})


def edit_agency(db: Session, agency: Agency, *, names: Mapping[str, str], hint: Mapping[str, str]) -> None:
    """Change what an agency is called and what is said about its service numbers. Its code stays."""
    take_write_lock(db)
    agency.names = _others(agency.names, names)
    agency.service_number_hint = {**agency.service_number_hint, **hint}
    db.flush()


def _others(known: Mapping[str, str], names: Mapping[str, str]) -> dict[str, str]:
    """New names over the known ones: a language that the form does not ask for keeps its name."""
    return _names({**known, **names})


def _names(names: Mapping[str, str]) -> dict[str, str]:
    given = {tag: name.strip() for tag, name in names.items() if name.strip()}
    if not given:
        raise Invalid(fields={"names": say("office", "Give a name in at least one language.")})
    return given


def _check_zone(zone: str) -> None:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise Invalid(fields={"zone": say("office", "{zone} is no time zone. Example: Asia/Almaty.", zone=zone)}) from None
