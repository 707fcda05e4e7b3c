"""Reads about people that several pages share: who is signed in, and with which roles."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.offices.models import Classroom, Office, Seat
from app.people.models import Account, Person, Posting, Preference, RoleGrant, SignIn
from app.policy import Actor, Grant, Role


@dataclass(frozen=True)
class Settings:
    """What a person chose for all his pages."""

    language: str | None = None
    text_size: str = "normal"
    contrast: str = "normal"
    spacing: str = "normal"
    keys: bool = True


@dataclass(frozen=True)
class Who:
    """Who is signed in, as plain values: they outlive the transaction, so that an error page can greet him."""

    person_id: uuid.UUID
    sign_in_id: uuid.UUID
    name: str
    started_at: datetime
    seen_at: datetime
    kind: str
    zone: str
    office_id: uuid.UUID | None
    office: dict[str, str]  # its names by language
    seat: str | None = None
    classroom: dict[str, str] | None = None
    preference: Settings = field(default_factory=Settings)
    grants: tuple[Grant, ...] = ()

    @property
    def actor(self) -> Actor:
        """The same person as the policy knows him."""
        return Actor(self.person_id, self.grants)

    @property
    def staff(self) -> bool:
        """Whether he holds any role but trainee."""
        return any(grant.role is not Role.TRAINEE for grant in self.grants)


def who_is(db: Session, token_hash: str, today: date) -> Who | None:
    """The person whose sign-in has this token, with today's grants; two queries.

    None when it has ended, or when the person has left or may sign in no more. A PIN has six digits: it opens what a
    trainee may do, whatever else the person is.
    """
    row = db.execute(
        sa.select(
            SignIn.id, SignIn.kind, SignIn.started_at, SignIn.seen_at, Person.id, Person.short_name,
            Preference.language, Preference.text_size, Preference.contrast, Preference.spacing, Preference.keys,
            Office.id, Office.names, Office.zone, Seat.label, Classroom.names,
        )
        .join(Person, Person.id == SignIn.person_id)
        .outerjoin(Account, Account.person_id == Person.id)
        .outerjoin(Preference, Preference.person_id == Person.id)
        .outerjoin(Posting, sa.and_(Posting.person_id == Person.id, _current(Posting, today)))
        .outerjoin(Office, Office.id == Posting.office_id)
        .outerjoin(Seat, Seat.id == SignIn.seat_id)
        .outerjoin(Classroom, Classroom.id == Seat.classroom_id)
        .where(
            SignIn.token_hash == token_hash, SignIn.ended_at.is_(None), Account.disabled_at.is_(None),
            sa.or_(Person.left_on.is_(None), Person.left_on > today),
        )
        .order_by(Posting.valid_from.desc())
        .limit(1)
    ).first()
    if row is None:
        return None
    (sign_in, kind, started_at, seen_at, person, name, lang, size, contrast, spacing, keys,
     office_id, office_names, zone, seat, classroom) = row
    grants = grants_of(db, person, today)
    if kind == "pin":
        grants = tuple(grant for grant in grants if grant.role is Role.TRAINEE)
    return Who(
        person_id=person, sign_in_id=sign_in, name=name, started_at=started_at, seen_at=seen_at, kind=kind, zone=zone or "UTC",
        office_id=office_id, office=office_names or {}, seat=seat, classroom=classroom,
        preference=Settings(lang, size, contrast, spacing, keys) if size else Settings(),
        grants=grants,
    )


def grants_of(db: Session, person_id: uuid.UUID, today: date) -> tuple[Grant, ...]:
    """The roles that a person holds today."""
    rows = db.execute(
        sa.select(RoleGrant.role, Office.path)
        .join(Office, Office.id == RoleGrant.office_id)
        .where(RoleGrant.person_id == person_id, _current(RoleGrant, today))
        .order_by(RoleGrant.role, Office.path)
    )
    return tuple(Grant(Role(role), path) for role, path in rows)


def _current(table: type[Posting] | type[RoleGrant], today: date) -> sa.ColumnElement[bool]:
    return sa.and_(table.valid_from <= today, sa.or_(table.valid_to.is_(None), table.valid_to >= today))
