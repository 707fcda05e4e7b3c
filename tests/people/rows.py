"""Rows of people for tests: taken in through the register's own verbs, so that names are found and sorted as in the product."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.offices.models import Agency, Country, Office
from app.people import register
from app.people.models import Person
from app.people.names import Name
from tests.factories import LONG_AGO, make_agency, make_country, make_office


def make_centre(db: Session, code: str = "KZ", **values: object) -> Office:
    """The topmost office of a country with an agency BORDER."""
    country = make_country(db)
    make_agency(db, country, code="BORDER", names={"en": "Border Service", "ru": "Пограничная служба"})
    return make_office(db, country=country, code=code, kind="centre", names={"en": "Centre", "ru": "Центр"}, **values)


def agency_of(db: Session, office: Office) -> Agency:
    """The first agency of the office's country."""
    found = db.scalars(sa.select(Agency).where(Agency.country_id == office.country_id).order_by(Agency.code)).first()
    return found or make_agency(db, db.get(Country, office.country_id))


def take_in(
    db: Session, office: Office, family: str = "Бекова", given: str = "Айгерим", patronymic: str = "", *, number: str = "10000001",
    since: date = LONG_AGO, latin: Name | None = None, script: str = "Cyrl", rank: str = "", post: str = "", born_on: date | None = None,
) -> Person:
    """Somebody registered in an office."""
    names = {script: Name(family, given, patronymic)} | ({"Latn": latin} if latin else {})
    return register.register_person(
        db, agency=agency_of(db, office), office=office, service_number=number, names=names, since=since, rank=rank, post=post, born_on=born_on,
    )
