"""Verbs of calendar addresses: making one, revoking it, noting that it was read."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.calendars.models import CalendarAddress
from app.db import take_write_lock
from app.errors import Conflict, say
from app.ids import new_token, token_hash

READ_NOTED_EVERY = timedelta(hours=1)


def make_address(db: Session, person_id: uuid.UUID, *, now: datetime) -> str:
    """A new secret address for somebody's calendar: the token, of which only the hash is kept. His earlier one holds no more."""
    take_write_lock(db)
    _end(db, person_id, now)
    token = new_token()
    db.add(CalendarAddress(person_id=person_id, token_hash=token_hash(token), made_at=now))
    db.flush()
    return token


def revoke(db: Session, person_id: uuid.UUID, *, now: datetime) -> None:
    """End somebody's address: what reads it is told so and gets nothing. Raises Conflict when there is none."""
    take_write_lock(db)
    if not _end(db, person_id, now):
        raise Conflict(say("calendar", "There is no address any more: it was revoked before."))
    db.flush()


def saw_read(db: Session, address_id: uuid.UUID, *, now: datetime) -> None:
    """Note that a calendar program has read an address; once an hour is enough."""
    take_write_lock(db)
    address = db.get(CalendarAddress, address_id)
    if address is not None and read_is_news(address, now):
        address.read_at = now
        db.flush()


def read_is_news(address: CalendarAddress, now: datetime) -> bool:
    """Whether the last reading that was noted is an hour old."""
    return address.read_at is None or now - address.read_at >= READ_NOTED_EVERY


def _end(db: Session, person_id: uuid.UUID, now: datetime) -> int:
    held = list(db.scalars(sa.select(CalendarAddress).where(CalendarAddress.person_id == person_id, CalendarAddress.revoked_at.is_(None)).with_for_update()))
    for address in held:
        address.revoked_at = now
    return len(held)
