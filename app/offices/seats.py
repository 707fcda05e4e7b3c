"""Seats: which PC is which. The class manager enrols a PC once; from then on its browser says so with a cookie."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import take_write_lock
from app.errors import NotFound
from app.ids import new_token, token_hash
from app.offices.models import Classroom, Office, Seat, SeatEnrolment


@dataclass(frozen=True)
class SeatHere:
    """The seat that the asking PC is, as plain values."""

    seat_id: uuid.UUID
    label: str
    classroom_id: uuid.UUID
    room: dict[str, str]
    office_id: uuid.UUID
    office: dict[str, str]
    path: str
    zone: str
    contact: str
    country_id: uuid.UUID | None


@dataclass(frozen=True)
class SeatRow:
    """A seat of a classroom, and since when a PC is enrolled as it (None: no PC is)."""

    id: uuid.UUID
    label: str
    state: str
    enrolled_at: datetime | None


def seat_with(db: Session, token: str) -> SeatHere | None:
    """The seat that a PC with this token is enrolled as."""
    row = db.execute(
        _here().join(SeatEnrolment, SeatEnrolment.seat_id == Seat.id)
        .where(SeatEnrolment.token_hash == token_hash(token), SeatEnrolment.ended_at.is_(None))
    ).first()
    return _seat(row) if row else None


def seat(db: Session, seat_id: uuid.UUID) -> SeatHere:
    """One seat with its room and office. Raises NotFound."""
    row = db.execute(_here().where(Seat.id == seat_id)).first()
    if row is None:
        raise NotFound()
    return _seat(row)


def _seat(row: Any) -> SeatHere:
    return SeatHere(**row._mapping)


def _here() -> Any:
    return (
        sa.select(
            Seat.id.label("seat_id"), Seat.label, Classroom.id.label("classroom_id"), Classroom.names.label("room"),
            Office.id.label("office_id"), Office.names.label("office"), Office.path, Office.zone, Office.contact, Office.country_id,
        )
        .join(Classroom, Classroom.id == Seat.classroom_id)
        .join(Office, Office.id == Classroom.office_id)
    )


def seats_of(db: Session, classroom_ids: list[uuid.UUID]) -> dict[uuid.UUID, list[SeatRow]]:
    """The seats of classrooms in the order of their labels."""
    rows = db.execute(
        sa.select(Seat.classroom_id, Seat.id, Seat.label, Seat.state, SeatEnrolment.enrolled_at)
        .outerjoin(SeatEnrolment, sa.and_(SeatEnrolment.seat_id == Seat.id, SeatEnrolment.ended_at.is_(None)))
        .where(Seat.classroom_id.in_(classroom_ids))
        .order_by(sa.func.length(Seat.label), Seat.label)
    )
    found: dict[uuid.UUID, list[SeatRow]] = {classroom: [] for classroom in classroom_ids}
    for classroom, seat_id, label, state, enrolled_at in rows:
        found[classroom].append(SeatRow(seat_id, label, state, enrolled_at))
    return found


def enrol_seat(db: Session, *, seat_id: uuid.UUID, replaces: str | None, enrolled_by: uuid.UUID, now: datetime) -> str:
    """Make a PC this seat; gives the token for its cookie.

    Whatever PC was this seat before is no longer, and the PC (its old token: `replaces`) is no other seat any more.
    """
    take_write_lock(db)
    was = [SeatEnrolment.seat_id == seat_id] + ([SeatEnrolment.token_hash == token_hash(replaces)] if replaces else [])
    db.execute(sa.update(SeatEnrolment).where(SeatEnrolment.ended_at.is_(None), sa.or_(*was)).values(ended_at=now))
    token = new_token()
    db.add(SeatEnrolment(seat_id=seat_id, token_hash=token_hash(token), enrolled_at=now, enrolled_by=enrolled_by))
    db.flush()
    return token


def set_state(db: Session, seat_id: uuid.UUID, state: str) -> bool:
    """Note that a PC is out of order or works again; whether that is news. Raises NotFound."""
    take_write_lock(db)
    row = db.scalar(sa.select(Seat).where(Seat.id == seat_id).with_for_update())
    if row is None or state not in ("works", "broken"):
        raise NotFound()
    news = row.state != state
    row.state = state
    db.flush()
    return news


def end_enrolment(db: Session, *, seat_id: uuid.UUID, now: datetime) -> None:
    """No PC is this seat any more: PINs do not work at it."""
    take_write_lock(db)
    db.execute(
        sa.update(SeatEnrolment).where(SeatEnrolment.seat_id == seat_id, SeatEnrolment.ended_at.is_(None)).values(ended_at=now)
    )
