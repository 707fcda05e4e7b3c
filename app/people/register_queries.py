"""Reads of the people register: the staff of offices, who fits a search, a person's file, who was posted where on a day."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased, joinedload

from app.offices.models import Agency, Country, Office
from app.offices.scope import under
from app.people.merging import standing
from app.people.models import Person, PersonName, Posting, RoleGrant
from app.people.names import fold

AT_ONCE = 900  # ids in one statement: no database takes an endless list


class Stage(StrEnum):
    """Which people a staff list shows."""

    SERVING = "serving"
    LATER = "later"  # on the list already, their posting begins on a coming day
    LEFT = "left"


@dataclass(frozen=True)
class Member:
    """A line of the staff list: a person with the posting that counts."""

    person: Person
    posting: Posting | None


# ---- the staff list --------------------------------------------------------------------------------------------------


def staff(paths: Iterable[str], today: date, stage: Stage = Stage.SERVING, *, within: str = "") -> sa.Select[Any]:
    """People whose posting is in the offices below `paths`: what a reader may see. `within` narrows to an office and all below.

    The condition is a test for each person, not a join: the list then runs along the names in order and stops after a page.
    """
    offices = sa.select(Office.id).where(under(Office.path, paths))
    if within:
        offices = offices.where(under(Office.path, [within]))
    there = [Posting.person_id == Person.id, Posting.office_id.in_(offices)]
    gone = Person.left_on.is_not(None) & (Person.left_on <= today)
    if stage is Stage.SERVING:
        return sa.select(Person).where(sa.exists().where(*there, on(Posting, today)), ~gone, standing())
    newer = aliased(Posting)
    last = ~sa.exists().where(newer.person_id == Posting.person_id, newer.valid_from > Posting.valid_from)
    if stage is Stage.LATER:
        begun = sa.exists().where(Posting.person_id == Person.id, Posting.valid_from <= today)
        return sa.select(Person).where(sa.exists().where(*there, last), ~begun, ~gone, standing())
    ended = Posting.valid_to.is_not(None) & (Posting.valid_to < today)
    return sa.select(Person).where(sa.exists().where(*there, last, sa.or_(ended, gone)), standing())


def found_by(text: str) -> list[sa.ColumnElement[bool]]:
    """The conditions that every word of a search occurs in a name ever held or in the service number."""
    conditions = []
    for word in text.split()[:8]:
        spellings = {fold(word), word.casefold() if any(c.isdigit() for c in word) else fold(word)} - {""}
        if spellings:
            conditions.append(sa.or_(*(Person.search_key.contains(one, autoescape=True) for one in sorted(spellings))))
    return conditions


def holding(role: str, today: date) -> sa.ColumnElement[bool]:
    """The condition that somebody holds a role today, for whatever office."""
    return sa.exists().where(RoleGrant.person_id == Person.id, RoleGrant.role == role, on(RoleGrant, today))


def narrowed(db: Session, query: sa.Select[Any]) -> sa.Select[Any]:
    """The same people, by their ids when they are few: one pass over the table instead of one to count and one to sort.

    Few fitting people are far apart in the order of names, so walking along it would read the whole table in the worst
    way; many are close together, and a page is full at once (100,000 people: a search takes 40 ms, a page of all 5 ms).
    """
    ids = db.scalars(query.with_only_columns(Person.id).order_by(None).limit(AT_ONCE + 1)).all()
    return query if len(ids) > AT_ONCE else sa.select(Person).where(Person.id.in_(ids))


def members(db: Session, people: Sequence[Person], today: date) -> list[Member]:
    """The people with the posting that counts and its office: one query for a page."""
    found: dict[uuid.UUID, Posting] = {}
    ids = [person.id for person in people]
    for start in range(0, max(len(ids), 1), AT_ONCE):
        rows = db.scalars(
            sa.select(Posting)
            .where(Posting.person_id.in_(ids[start : start + AT_ONCE]))
            .options(joinedload(Posting.office))
            .order_by(Posting.valid_from)
        )
        for posting in rows:
            known = found.get(posting.person_id)
            if known is None or posting.valid_from <= today:  # the newest that has begun, else the first to come
                found[posting.person_id] = posting
    return [Member(person, found.get(person.id)) for person in people]


def on(table: type[Posting] | type[RoleGrant], day: date) -> sa.ColumnElement[bool]:
    """The condition that something given from a day to a day holds on a day."""
    return sa.and_(table.valid_from <= day, sa.or_(table.valid_to.is_(None), table.valid_to >= day))


# ---- one person ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class File:
    """What the register holds of a person, newest first."""

    names: list[PersonName]
    postings: list[Posting]
    roles: list[RoleGrant]

    def current_names(self) -> dict[str, PersonName]:
        """The newest name in each script."""
        newest: dict[str, PersonName] = {}
        for name in self.names:
            newest.setdefault(name.script, name)
        return newest


def person_with_path(db: Session, person_id: uuid.UUID, today: date) -> tuple[Person | None, str | None]:
    """A person and the path of the office that counts: today's, else the last, else the first to come."""
    person = db.scalar(
        sa.select(Person).where(Person.id == person_id).options(joinedload(Person.agency), joinedload(Person.country))
    )
    paths = db.execute(
        sa.select(Office.path, Posting.valid_from).join(Posting, Posting.office_id == Office.id)
        .where(Posting.person_id == person_id).order_by(Posting.valid_from)
    ).all()
    begun = [path for path, since in paths if since <= today]
    return person, begun[-1] if begun else paths[0][0] if paths else None


def file_of(db: Session, person_id: uuid.UUID) -> File:
    """Names, postings and roles of a person, newest first."""
    return File(
        names=list(db.scalars(
            sa.select(PersonName).where(PersonName.person_id == person_id).order_by(PersonName.valid_from.desc(), PersonName.script)
        )),
        postings=list(db.scalars(
            sa.select(Posting).where(Posting.person_id == person_id).options(joinedload(Posting.office)).order_by(Posting.valid_from.desc())
        )),
        roles=list(db.scalars(
            sa.select(RoleGrant).where(RoleGrant.person_id == person_id).options(joinedload(RoleGrant.office))
            .order_by(RoleGrant.valid_from.desc(), RoleGrant.role)
        )),
    )


def posting_on(db: Session, person_id: uuid.UUID, day: date) -> Posting | None:
    """Where a person served on a day: what a record of that day is filed under."""
    return db.scalar(
        sa.select(Posting).where(Posting.person_id == person_id, on(Posting, day))
        .options(joinedload(Posting.office)).order_by(Posting.valid_from.desc()).limit(1)
    )


def name_on(db: Session, person_id: uuid.UUID, script: str, day: date) -> PersonName | None:
    """What a person was called on a day, in a script: what an old certificate is checked against."""
    return db.scalar(
        sa.select(PersonName)
        .where(PersonName.person_id == person_id, PersonName.script == script, PersonName.valid_from <= day)
        .order_by(PersonName.valid_from.desc()).limit(1)
    )


# ---- choices ---------------------------------------------------------------------------------------------------------


def offices_below(db: Session, paths: Iterable[str]) -> list[Office]:
    """The open offices below some paths, in the order of the tree."""
    return list(db.scalars(sa.select(Office).where(under(Office.path, paths), Office.closed_on.is_(None)).order_by(Office.path)))


def agencies_of(db: Session, country_ids: Iterable[uuid.UUID]) -> list[Agency]:
    """The agencies of some countries."""
    return list(db.scalars(
        sa.select(Agency).join(Country, Country.id == Agency.country_id).where(Agency.country_id.in_(set(country_ids)))
        .options(joinedload(Agency.country)).order_by(Country.code, Agency.code)
    ))
