"""The sealer: puts own entries that are not sealed yet into signed segments, and notices a database that was restored or cloned."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import Database, read_one_state
from app.ids import random_bytes
from app.sync import anchor as anchors
from app.sync import chain, rows, segments
from app.sync.anchor import Anchor
from app.sync.catalogue import TABLES, Kind
from app.sync.journal import plain
from app.sync.keys import NodeKeys
from app.sync.models import Epoch, JournalEntry, StoredSegment
from app.work import work

ENTRIES = 1000  # in a segment
AT_ONCE = 500  # ids in one statement: SQLite takes some thousands of parameters
RECORDS = [table.name for table in TABLES if table.kind is Kind.RECORD]  # entries of a table that no longer travels stay where they are


def settle_epoch(database: Database, folder: Path, *, now: datetime, machine: str | None = None) -> str:
    """Make sure that the epoch this node writes under is its own; at every start, and before each seal. Gives its code.

    The database is compared with the anchor. A database that does not hold the anchored head was restored, one without an
    anchor or with another machine's was moved or cloned: it begins a new epoch. One that is ahead of its anchor lost power
    between commit and anchor: the anchor is written again.
    """
    machine = anchors.this_machine() if machine is None else machine
    found = anchors.read(folder)
    with database.sessions() as db:
        epoch = chain.current_epoch(db)
        why = _why_new(db, epoch, found, database.node, machine)
        head = chain.head_of(db, epoch) if epoch else None
    if why is None and epoch is not None and head is not None:
        if found is None or (found.epoch, found.number, found.hash) != (head.epoch, head.number, head.hash):
            _anchor(folder, database.node, head, machine)
        return epoch.code
    with work(database) as db:
        epoch = chain.begin_epoch(db, why=why or "new", now=now, at_least=(found.ordinal + 1) if found and why != "new" else 1)
        head = chain.head_of(db, epoch)
    _anchor(folder, database.node, head, machine)
    return head.epoch


def _why_new(db: Session, epoch: chain.Life | None, found: Anchor | None, node: str, machine: str) -> str | None:
    """Why this database must begin a new epoch; None when it may go on."""
    if epoch is None:
        return "new" if found is None else "restored"
    if found is None or found.node != node:
        # Also where nothing is sealed yet: another life of this database may have sealed under its epoch, and the anchor went with it.
        return "no-anchor"
    if found.machine and machine and found.machine != machine:
        return "machine"
    if found.number == 0:
        known = db.scalar(sa.select(Epoch.id).where(Epoch.code == found.epoch))
    else:
        known = db.scalar(sa.select(StoredSegment.id).where(StoredSegment.node == node, StoredSegment.hash == found.hash))
    return None if known else "restored"


def _anchor(folder: Path, node: str, head: chain.End, machine: str) -> None:
    anchors.write(folder, Anchor(node, head.epoch, head.ordinal, head.number, head.hash, machine))


def seal_all(
    database: Database, folder: Path, keys: NodeKeys, now: datetime, *, size: int = ENTRIES, machine: str | None = None
) -> int:
    """Seal all that is not sealed yet; gives the number of segments made. Never in a request.

    What goes into a segment is read, hashed and compressed outside the write lock; under it nothing but marking and storing.
    """
    machine = anchors.this_machine() if machine is None else machine
    made = 0
    settle_epoch(database, folder, now=now, machine=machine)
    while True:
        with database.sessions() as db:
            read_one_state(db)
            head = chain.own_head(db)
            taken = unsealed(db, size)
        if head is None:
            raise RuntimeError("no epoch: settle_epoch begins one")
        if not taken:
            return made
        fit = segments.fitting([entry for _, _, entry in taken])
        rest = fit < len(taken) or len(taken) == size
        taken = taken[:fit]
        segment = segments.seal(
            [entry for _, _, entry in taken], stream=chain.UP, node=database.node, epoch=head.epoch, ordinal=head.ordinal,
            number=head.number + 1, prev=head.hash, sealed_at=now, keys=keys, random=random_bytes,
        )
        with work(database) as db:
            if chain.own_head(db) != head:
                continue  # another sealer was first
            _mark(db, ((table, key) for table, key, _ in taken), segment.header.number)
            chain.store(db, segment, state="own", now=now, entries=[entry for _, _, entry in taken])
        _anchor(folder, database.node, chain.End(chain.UP, head.epoch, head.ordinal, head.number + 1, segment.hash), machine)
        made += 1
        if not rest:
            return made  # what was added since is sealed next time


def unsealed(db: Session, size: int) -> list[tuple[str, uuid.UUID, list[Any]]]:
    """The next own entries: (table, id, entry), at most `size`, changes first, then facts, what is referred to first.

    Whatever an entry refers to is in it or was sealed before, if the session reads one state of the database.
    """
    found = list(_unsealed_changes(db, size))
    waiting = set(db.connection().scalars(_tables_with_facts(), {"node": db.info["node"]}))
    for name in sorted(waiting, key=lambda one: rows.depth()[one]):
        found += [(name, key, entry) for key, entry in _unsealed_facts(db, name, size - len(found))]
    return found


@cache
def _tables_with_facts() -> sa.CompoundSelect[Any]:
    """The names of the tables that hold facts which are not sealed yet."""
    facts = (rows.table_named(table.name) for table in TABLES if table.kind is Kind.FACT)
    return sa.union_all(*(sa.select(sa.literal(fact.name)).where(sa.exists().where(*_own_unsealed(fact))) for fact in facts))


def _own_unsealed(table: sa.Table) -> tuple[sa.ColumnElement[bool], ...]:
    return table.c.segment.is_(None), table.c.owner_node == sa.bindparam("node")


def _unsealed_changes(db: Session, size: int) -> Iterator[tuple[str, uuid.UUID, list[Any]]]:
    j = JournalEntry
    statement = (
        sa.select(j.id, j.at, j.actor_id, j.table, j.row_id, j.before, j.after, j.version)
        .where(j.segment.is_(None), j.table.in_(RECORDS)).order_by(j.number).limit(size)
    )
    for one in db.execute(statement):
        entry = {
            "id": str(one.id), "at": plain(one.at), "actor_id": plain(one.actor_id), "version": one.version, "before": one.before, "after": one.after,
        }
        yield j.__tablename__, one.id, ["c", one.table, str(one.row_id), entry]


def _unsealed_facts(db: Session, name: str, size: int) -> Iterator[tuple[uuid.UUID, list[Any]]]:
    found = db.connection().execute(_select_unsealed(name), {"node": db.info["node"], "size": size})
    for row in found.mappings():
        yield row["id"], ["f", name, rows.as_json(name, dict(row))]


@cache
def _select_unsealed(name: str) -> sa.Select[Any]:
    """Made once for each table: with two dozen tables the making costs more than the asking."""
    table = rows.table_named(name)
    return sa.select(*rows.travelling(name).values()).where(*_own_unsealed(table)).order_by(table.c.id).limit(sa.bindparam("size"))


def _mark(db: Session, taken: Iterable[tuple[str, uuid.UUID]], number: int) -> None:
    by_table: dict[str, list[uuid.UUID]] = {}
    for name, key in taken:
        by_table.setdefault(name, []).append(key)
    connection = db.connection()
    for name, ids in by_table.items():
        table = rows.table_named(name)
        for at in range(0, len(ids), AT_ONCE):
            some = ids[at : at + AT_ONCE]
            done = connection.execute(sa.update(table).where(table.c.id.in_(some), table.c.segment.is_(None)).values(segment=number))
            if done.rowcount != len(some):
                raise RuntimeError(f"{len(some) - done.rowcount} entries of {name} were sealed by somebody else meanwhile")


def owed(db: Session) -> dict[str, int]:
    """How much is not sealed yet, by table: changes under the name of their table."""
    return {name: count for name, count in db.connection().execute(_count_unsealed(), {"node": db.info["node"]}) if count}


@cache
def _count_unsealed() -> sa.CompoundSelect[Any]:
    j = rows.table_named(JournalEntry.__tablename__)
    changes = sa.select(j.c.table, sa.func.count()).where(j.c.segment.is_(None), j.c.table.in_(RECORDS)).group_by(j.c.table)
    facts = (rows.table_named(table.name) for table in TABLES if table.kind is Kind.FACT)
    return changes.union_all(
        *(
            sa.select(sa.literal(fact.name), sa.func.count()).where(*_own_unsealed(fact)) for fact in facts
        )
    )
