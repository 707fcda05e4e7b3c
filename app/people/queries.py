"""Reads about people that several pages share: who is signed in, and with which roles."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time

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
    locked: bool = False  # he has locked his pages: nothing opens before his password is given

    @property
    def actor(self) -> Actor:
        """The same person as the policy knows him."""
        return Actor(self.person_id, self.grants)

    @property
    def staff(self) -> bool:
        """Whether he holds any role but trainee."""
        return any(grant.role is not Role.TRAINEE for grant in self.grants)


def who_is(db: Session, token_hash: str, today: date) -> Who | None:
    """The person whose sign-in has this token, with today's grants; one query, because every request asks it.

    None when it has ended, or when the person has left or may sign in no more. A PIN has six digits: it opens what a
    trainee may do, whatever else the person is.
    """
    rows = db.connection().execute(_WHO, {"token_hash": token_hash, "today": today}).all()
    if not rows:
        return None
    (sign_in, kind, started_at, seen_at, person, name, lang, size, contrast, spacing, keys,
     office_id, office_names, zone, seat, classroom, locked_at, posting, *_) = rows[0]
    # A row for each grant, and for each posting where there are several: the newest posting is the one that counts.
    grants = tuple(Grant(Role(role), path) for *_, of, role, path in rows if of == posting and role is not None)
    if kind == "pin":
        grants = tuple(grant for grant in grants if grant.role is Role.TRAINEE)
    return Who(
        person_id=person, sign_in_id=sign_in, name=name, started_at=started_at, seen_at=seen_at, kind=kind, zone=zone or "UTC",
        office_id=office_id, office=office_names or {}, seat=seat, classroom=classroom,
        preference=Settings(lang, size, contrast, spacing, keys) if size else Settings(),
        grants=grants, locked=locked_at is not None,
    )


def who_now(db: Session, person_id: uuid.UUID, today: date) -> Who | None:
    """A person as background work acts for him: with today's roles, without a sign-in. None when he may sign in no more."""
    row = db.execute(
        sa.select(Person.short_name, Office.id, Office.names, Office.zone)
        .outerjoin(Account, Account.person_id == Person.id)
        .outerjoin(Posting, sa.and_(Posting.person_id == Person.id, Posting.valid_from <= today, sa.or_(Posting.valid_to.is_(None), Posting.valid_to >= today)))
        .outerjoin(Office, Office.id == Posting.office_id)
        .where(Person.id == person_id, Account.disabled_at.is_(None), sa.or_(Person.left_on.is_(None), Person.left_on > today))
        .order_by(Posting.valid_from.desc())
        .limit(1)
    ).first()
    if row is None:
        return None
    name, office_id, office, zone = row
    at = datetime.combine(today, time(), UTC)
    return Who(
        person_id=person_id, sign_in_id=uuid.UUID(int=0), name=name, started_at=at, seen_at=at, kind="password", zone=zone or "UTC",
        office_id=office_id, office=office or {}, grants=grants_of(db, person_id, today),
    )


def grants_of(db: Session, person_id: uuid.UUID, today: date) -> tuple[Grant, ...]:
    """The roles that a person holds today."""
    return tuple(Grant(Role(role), path) for role, path in db.execute(_GRANTS, {"person_id": person_id, "today": today}))


def who_hold(db: Session, role: Role, paths: Iterable[str], today: date) -> dict[str, tuple[set[uuid.UUID], set[uuid.UUID]]]:
    """For each office path: who holds a role nearest to it, and all who hold it over it, as far as they are in the service. One query."""
    rows = db.execute(
        sa.select(RoleGrant.person_id, Office.path).join(Office, Office.id == RoleGrant.office_id).join(Person, Person.id == RoleGrant.person_id)
        .where(
            RoleGrant.role == role.value, RoleGrant.valid_from <= today, sa.or_(RoleGrant.valid_to.is_(None), RoleGrant.valid_to >= today),
            sa.or_(Person.left_on.is_(None), Person.left_on > today),
        )
    ).all()
    found = {}
    for path in paths:
        over = [(person_id, held) for person_id, held in rows if path.startswith(held)]
        nearest = max((len(held) for _, held in over), default=0)
        found[path] = ({person_id for person_id, held in over if len(held) == nearest}, {person_id for person_id, _ in over})
    return found


# ---- the statement of every request: made once, of plain tables, because making it costs more than running it ----

_TODAY = sa.bindparam("today", type_=sa.Date())
_sign_in, _person, _account, _preference, _posting, _grant, _office, _seat, _classroom = (
    table.__table__ for table in (SignIn, Person, Account, Preference, Posting, RoleGrant, Office, Seat, Classroom)
)
_granted = _office.alias("granted")  # the office that a role is given for


def _current(table: sa.FromClause) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.valid_from <= _TODAY, sa.or_(table.c.valid_to.is_(None), table.c.valid_to >= _TODAY))


_WHO = (
    sa.select(
        _sign_in.c.id, _sign_in.c.kind, _sign_in.c.started_at, _sign_in.c.seen_at, _person.c.id, _person.c.short_name,
        _preference.c.language, _preference.c.text_size, _preference.c.contrast, _preference.c.spacing, _preference.c["keys"],
        _office.c.id, _office.c.names, _office.c.zone, _seat.c.label, _classroom.c.names,
        _sign_in.c.locked_at, _posting.c.id, _grant.c.role, _granted.c.path,
    )
    .select_from(
        _sign_in.join(_person, _person.c.id == _sign_in.c.person_id)
        .outerjoin(_account, _account.c.person_id == _person.c.id)
        .outerjoin(_preference, _preference.c.person_id == _person.c.id)
        .outerjoin(_posting, sa.and_(_posting.c.person_id == _person.c.id, _current(_posting)))
        .outerjoin(_office, _office.c.id == _posting.c.office_id)
        .outerjoin(_seat, _seat.c.id == _sign_in.c.seat_id)
        .outerjoin(_classroom, _classroom.c.id == _seat.c.classroom_id)
        .outerjoin(_grant, sa.and_(_grant.c.person_id == _person.c.id, _current(_grant)))
        .outerjoin(_granted, _granted.c.id == _grant.c.office_id)
    )
    .where(
        _sign_in.c.token_hash == sa.bindparam("token_hash"), _sign_in.c.ended_at.is_(None), _account.c.disabled_at.is_(None),
        sa.or_(_person.c.left_on.is_(None), _person.c.left_on > _TODAY),
    )
    .order_by(_posting.c.valid_from.desc(), _posting.c.id, _grant.c.role, _granted.c.path)
)
_GRANTS = (
    sa.select(_grant.c.role, _office.c.path)
    .join_from(_grant, _office, _office.c.id == _grant.c.office_id)
    .where(_grant.c.person_id == sa.bindparam("person_id"), _current(_grant))
    .order_by(_grant.c.role, _office.c.path)
)
