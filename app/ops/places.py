"""The first places of a new node, from the command line: a country with its centre and its first agency. Pages add everything below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from app.db import Database
from app.errors import Invalid
from app.errors import say as message
from app.i18n import LANGUAGES
from app.offices import tree
from app.offices.models import Office
from app.work import work


def add_country(
    database: Database, *, code: str, names: Sequence[str], zone: str, languages: str, agency: str, agency_names: Sequence[str], under: str = "",
) -> None:
    """Add a country, its centre (an office under the country's code) and an agency. `names`: "kk=Қазақстан".

    `under` is the code of the region office above several countries; a region that is not there yet is made.
    """
    tags = [tag.strip() for tag in languages.split(",") if tag.strip()]
    if not tags or not set(tags) <= set(LANGUAGES):
        raise Invalid(message("office", "Languages are named like kk,ru. Known: {known}.", known=", ".join(LANGUAGES)))
    with work(database) as db:
        region = db.scalar(sa.select(Office).where(Office.code == under)) if under else None
        if under and region is None:
            region = tree.add_office(db, code=under, names={"en": under}, kind="region", zone=zone, parent=None, country=None)
        country, _ = tree.found_country(db, code=code, names=_by_language(names), zone=zone, languages=tags, parent=region)
        tree.add_agency(db, country, code=agency, names=_by_language(agency_names))


def _by_language(names: Sequence[str]) -> Mapping[str, str]:
    found = {}
    for one in names:
        tag, sign, name = one.partition("=")
        if not sign or tag not in LANGUAGES:
            raise Invalid(message("office", "A name is given with its language, like kk=Қазақстан, not {given}.", given=one))
        found[tag] = name
    return found
