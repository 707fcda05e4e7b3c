"""Verbs of the intake desk: what is kept aside is tried again, set aside with a reason, or taken in by hand; alarms are looked into."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import take_write_lock
from app.errors import Conflict, Invalid, say
from app.people import register
from app.people.matching import COPY
from app.people.models import Person
from app.sync import applying, journal, rows
from app.sync.catalogue import BY_NAME
from app.sync.models import Exchange, HeldEntry, JournalEntry
from app.sync.queries import SETTLED
from app.sync.rules import Alarm

LOOKED = say("exchange", "Looked into: {reason}")
BY_ITSELF = ("waits", "unknown")
"""Reasons that end by themselves: when the rest comes, when this server was updated."""


# ---- what is kept aside ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Held:
    """An entry kept aside, with what it says and what stands here instead."""

    entry: HeldEntry
    form: str  # f: a fact; c: a change; else of a newer release
    came: Mapping[str, Any]  # column -> value, as its node wrote it
    before: Mapping[str, Any]  # of a change: what it says was there
    here: Mapping[str, Any] | None  # the row in its way, or the row itself


def held_of(db: Session, *codes: str, most: int = 200) -> Sequence[HeldEntry]:
    """What is kept aside of some nodes and not settled: what needs a person first, then what settles itself."""
    h = HeldEntry
    itself = sa.case((h.why.in_(BY_ITSELF), 1), else_=0)
    return db.scalars(sa.select(h).where(h.node.in_(codes), h.settled_at.is_(None)).order_by(itself, h.at, h.id).limit(most)).all()


def opened(db: Session, entry: HeldEntry) -> Held:
    """What a held entry says, and what stands here."""
    content = applying.content_of(db, entry)
    came: Mapping[str, Any] = {}
    before: Mapping[str, Any] = {}
    match content:
        case ["f", str(), dict(values)]:
            came = values
        case ["c", str(), str(), dict(change)]:
            came, before = change.get("after") or {}, change.get("before") or {}
    return Held(entry, str(content[0]), came, before, _here(db, entry))


def _here(db: Session, entry: HeldEntry) -> Mapping[str, Any] | None:
    if entry.table not in BY_NAME:
        return None
    table = rows.table_named(entry.table)
    ids = [uuid.UUID(str(key)) for key in entry.detail.get("with_ids") or ()] or ([entry.row_id] if entry.row_id else [])
    found = db.connection().execute(sa.select(*rows.travelling(entry.table).values()).where(table.c.id.in_(ids))).mappings().first()
    return rows.as_json(entry.table, dict(found)) if found is not None else None


def set_aside(db: Session, entry: HeldEntry, *, reason: str, by: uuid.UUID, now: datetime) -> None:
    """Leave an entry out for good, with a reason. It stays in its segment. Raises Invalid without a reason, Conflict when it is settled."""
    take_write_lock(db)
    _refuse_settled(entry)
    if not reason.strip():
        raise Invalid(fields={"reason": say("intake", "Say why it is left out.")})
    _settle(entry, say_how="set aside", reason=reason, by=by, now=now)
    db.flush()


def try_again(db: Session, entry: HeldEntry, *, by: uuid.UUID, now: datetime) -> bool:
    """Try to apply an entry once more, after what was in its way was changed; whether it could be. Raises Conflict when it is settled."""
    take_write_lock(db)
    _refuse_settled(entry)
    _retry(db, entry, now)
    if entry.settled_at is None:
        return False
    entry.settled_by = by
    db.flush()
    return True


def _retry(db: Session, entry: HeldEntry, now: datetime) -> None:
    table, row_id = entry.table, entry.row_id
    applying.retry_held(db, trust=applying.trust_of(db), now=now, also=(entry.why,))
    db.expire_all()
    if table == Person.__tablename__ and row_id is not None:
        register.refresh_corrected(db, {row_id})  # his names waited for him
        db.expire_all()


def may_take_in(entry: HeldEntry) -> bool:
    """Whether an entry can be taken in as a file of its own: somebody with a service number that another file has."""
    return entry.table == Person.__tablename__ and entry.why == applying.CONFLICT and entry.settled_at is None and entry.row_id is not None


def take_in(db: Session, entry: HeldEntry, *, by: uuid.UUID, now: datetime) -> Person:
    """Take in somebody whose service number another file has, as a file of its own, to be merged or corrected next.

    The centre takes the file over and puts a mark behind the number. That is a change of its own in the journal, so that a centre made
    anew from segments comes to the same. Raises Conflict when something else than the number is in the way.
    """
    take_write_lock(db)
    _refuse_settled(entry)
    if not may_take_in(entry) or entry.row_id is None:
        raise Conflict(say("intake", "Only a person's file can be taken in this way."))
    known = db.execute(sa.select(JournalEntry.version, JournalEntry.before, JournalEntry.after).where(JournalEntry.table == entry.table, JournalEntry.row_id == entry.row_id)).all()
    first = next((after for _, before, after in known if before is None and after), None)
    if first is None:
        raise Conflict(say("intake", "The entry that registered this person has not come yet."))
    number, agency = str(first["service_number"]), uuid.UUID(str(first["agency_id"]))
    marked = number + COPY
    while db.scalar(sa.select(Person.id).where(Person.agency_id == agency, Person.service_number == marked)):
        marked += COPY
    before = {"owner_node": first.get("owner_node"), "service_number": number}
    after = {"owner_node": db.info["node"], "service_number": marked[:40]}
    journal.change_of_a_row_not_here(
        db, table=entry.table, row_id=entry.row_id, before=before, after=after, above=max(version for version, *_ in known), by=by, now=now,
    )
    entry_id, row_id = entry.id, entry.row_id
    _retry(db, entry, now)
    person = db.get(Person, row_id)
    if person is None:
        raise Conflict(say("intake", "Something else than the service number is in the way: it stays set aside."))
    settled = db.get_one(HeldEntry, entry_id)
    _settle(settled, say_how="applied", reason=number, by=by, now=now)
    db.flush()
    return person


def _settle(entry: HeldEntry, *, say_how: str, reason: str, by: uuid.UUID, now: datetime) -> None:
    entry.settled_at, entry.settled_by, entry.settled_how = now, by, f"{say_how}: {reason.strip()}"


def _refuse_settled(entry: HeldEntry) -> None:
    if entry.settled_at is not None:
        raise Conflict(say("intake", "This was settled in the meantime."))


# ---- alarms ----------------------------------------------------------------------------------------------------------


def look_into(db: Session, *, peer: str, alarm: Alarm, reason: str, by: uuid.UUID, now: datetime) -> Exchange:
    """Note what was found behind an alarm: a line between the exchanges. What happens later raises it again."""
    take_write_lock(db)
    if not reason.strip():
        raise Invalid(fields={"reason": say("intake", "Say what you found.")})
    place = (db.scalar(sa.select(sa.func.max(Exchange.place))) or 0) + 1
    row = Exchange(
        peer=peer, direction="note", way="", at=now, place=place, state=SETTLED, counts={"alarm": alarm.value}, by_id=by,
        said={"context": LOOKED.context, "text": LOOKED.text, "params": {"reason": reason.strip()}},
    )
    db.add(row)
    db.flush()
    return row
