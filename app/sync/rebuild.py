"""Figures from facts: all rows that travel made anew from the stored segments, and compared with those that are here."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import Database, make_engine
from app.ops import migrations
from app.people import merging
from app.schedule import bookings
from app.sync import applying, chain, journal, rows
from app.sync.applying import Taken, Trust
from app.sync.canonical import canonical
from app.sync.catalogue import TABLES, Kind
from app.sync.models import PersonMerge, StoredSegment
from app.work import work

PAGE = 2000  # rows read at once


@dataclass(frozen=True)
class Difference:
    """A table whose rows do not come out the same, with how many rows are missing, too many, and other."""

    table: str
    missing: int
    extra: int
    other: int


def rebuild(
    source: Database, target: Database, *, now: datetime, own_key: bytes | None = None, progress: Callable[[int, int], None] = lambda _done, _of: None
) -> Taken:
    """Apply all segments that `source` holds to the empty, migrated database `target`; each in one transaction.

    The centre's own come first, then node by node in the order of their chains; what refers to a later one waits for it.
    Quarantined segments stay out. `own_key`: what this node signs with, for one that is in no list of nodes yet.
    """
    with source.sessions() as db:
        known = applying.trust_of(db)
        # Nothing is revoked here: what stayed out of quarantine or was released counts.
        trust = Trust(known.centre, {**({source.node: own_key} if own_key else {}), **known.keys})
        order = _order(db, trust)
    done = Taken("new")
    for at, link in enumerate(order):
        with source.sessions() as db:
            segment = next(chain.load(db, [link.id]))
        with work(target) as db:
            done.add(applying.take(db, segment, trust=trust, now=now))
        progress(at + 1, len(order))
    with work(target) as db:
        applying.retry_held(db, trust=trust, now=now)
        for merge in db.scalars(sa.select(PersonMerge).where(PersonMerge.undone_at.is_(None)).order_by(PersonMerge.version, PersonMerge.id)).all():
            merging.turn(db, merge)  # what came before the merge was taken as it was written
        bookings.make_anew(db)  # they do not travel: they follow from what is planned
    return done


def _order(db: Session, trust: Trust) -> list[chain.Link]:
    nodes = sorted(set(db.scalars(sa.select(StoredSegment.node).where(StoredSegment.stream == chain.UP))), key=lambda n: (n != trust.centre, n))
    left_out = set(db.scalars(sa.select(StoredSegment.id).where(StoredSegment.state == "quarantine")))
    return [link for node in nodes for link in chain.links(db, node) if link.id not in left_out]


def lines(db: Session, name: str) -> Iterator[tuple[str, bytes]]:
    """The rows of a table as (id, digest), by id: what two nodes compare. The number of the segment is no part of them."""
    last = uuid.UUID(int=0)
    while True:
        some = db.connection().execute(_select_page(name), {"after": last, "most": PAGE}).mappings().all()
        for row in some:
            yield str(row["id"]), hashlib.sha256(canonical(rows.as_json(name, dict(row)))).digest()
        if len(some) < PAGE:
            return
        last = some[-1]["id"]


@cache
def _select_page(name: str) -> sa.Select[Any]:
    table = rows.table_named(name)
    return sa.select(*rows.travelling(name).values()).where(table.c.id > sa.bindparam("after")).order_by(table.c.id).limit(sa.bindparam("most"))


def digest(db: Session) -> str:
    """One hash over all rows that travel: equal where two databases hold the same."""
    total = hashlib.sha256()
    for table in TABLES:
        if table.kind is not Kind.STAYS:
            for key, line in lines(db, table.name):
                total.update(table.name.encode() + key.encode() + line)
    return total.hexdigest()


def differences(one: Database, other: Database) -> list[Difference]:
    """Tables that do not hold the same rows; none when all figures rest on the same facts."""
    found = []
    with one.sessions() as here, other.sessions() as there:
        for table in TABLES:
            if table.kind is Kind.STAYS:
                continue
            a, b = dict(lines(here, table.name)), dict(lines(there, table.name))
            if a != b:
                found.append(
                    Difference(table.name, len(a.keys() - b.keys()), len(b.keys() - a.keys()), sum(a[key] != b[key] for key in a.keys() & b.keys()))
                )
    return found


def prove(source: Database, folder: Path, *, now: datetime, own_key: bytes, progress: Callable[[int, int], None] = lambda _done, _of: None) -> list[Difference]:
    """Make all rows anew in a database file of `folder` and compare each with what is here; gives the tables that differ.

    What is not sealed yet is in no segment: seal first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target = Database(make_engine(f"sqlite:///{folder / 'sabaq.db'}"), source.node)
    try:
        migrations.upgrade(target.engine)
        journal.keep(target.sessions)
        rebuild(source, target, now=now, own_key=own_key, progress=progress)
        return differences(source, target)
    finally:
        target.engine.dispose()
