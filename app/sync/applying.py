"""Taking segments that other nodes sealed: verify, keep, apply each entry once, hold what cannot be applied and say why.

A record is the fold of its journal entries, a fact is inserted once: so the same segments in any order give the same rows.
"""

from __future__ import annotations

import base64
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, undefer

from app.errors import BadSegment
from app.people import merging, register
from app.people.models import PersonName
from app.sync import chain, rows, segments
from app.sync.canonical import storable
from app.sync.catalogue import BY_NAME, Kind, Owners
from app.sync.models import (
    Erasure,
    HeldEntry,
    JournalEntry,
    MergedReference,
    Node,
    PersonMerge,
    SegmentRelease,
    StoredSegment,
)
from app.sync.segments import Segment

AT_ONCE = 500

# Why an entry is kept but not applied.
WAITS = "waits"  # for a row that it refers to
UNKNOWN = "unknown"  # a kind of entry or a table of a newer release
CONFLICT = "conflict"  # with another row, in something that must be unique
NOT_OWNER = "not-owner"  # a change by a node that did not own the row
MAY_NOT_OWN = "may-not-own"  # a row that such a node may not add
CHANGED = "changed"  # a fact that is here with other content
INVALID = "invalid"  # a value that its column cannot hold


# ---- who is trusted --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trust:
    """Whose segments are taken: the keys of the nodes, which one is the centre, and which are revoked."""

    centre: str
    keys: Mapping[str, bytes]
    revoked: frozenset[str] = frozenset()
    before_cut: frozenset[str] = frozenset()  # hashes that a head of a cut leads back to: held before the key was revoked


def trust_of(db: Session) -> Trust:
    """As this node's list of nodes says."""
    nodes = db.execute(_select_nodes()).all()
    return Trust(
        centre=next((node.code for node in nodes if node.role == "centre"), db.info["node"]),
        keys={node.code: base64.b64decode(node.public_key or "") for node in nodes},
        revoked=frozenset(node.code for node in nodes if node.state == "revoked"),
    )


@cache
def _select_nodes() -> sa.Select[str, str, str, str | None]:
    return sa.select(Node.code, Node.role, Node.state, Node.public_key).where(Node.public_key.is_not(None)).order_by(Node.code)


# ---- taking a segment ------------------------------------------------------------------------------------------------


@dataclass
class Taken:
    """What came of one segment."""

    state: str  # new | known | gap | quarantine
    new: int = 0  # entries applied
    known: int = 0  # entries that were here already
    held: Counter[str] = field(default_factory=Counter)  # why -> entries
    tables: Counter[str] = field(default_factory=Counter)  # applied entries by table
    fork: bool = False  # another segment has this number
    missing: int | None = None  # the number of the segment that comes first, in the same epoch

    def add(self, other: Taken) -> None:
        """Count another segment in."""
        self.new += other.new
        self.known += other.known
        self.held += other.held
        self.tables += other.tables
        self.fork |= other.fork


def take(db: Session, segment: Segment, *, trust: Trust, now: datetime, bundle: str = "") -> Taken:
    """Take one segment of the `up` stream; the caller's transaction holds cursor and data together.

    A segment whose predecessor is not here is a gap: nothing is stored. One of a revoked node is kept in quarantine. Raises
    BadSegment when its node is not known, its signature is not the node's, or its content is not what was signed.
    """
    header = segment.header
    key = trust.keys.get(header.node)
    if key is None:
        raise BadSegment("unknown-node", node=header.node)
    segments.verify(segment, key)
    if db.scalar(sa.select(StoredSegment.id).where(StoredSegment.node == header.node, StoredSegment.hash == segment.hash)):
        return Taken("known", known=header.count)
    body = segments.open_body(segment)
    missing = _missing(db, segment)
    if missing is not None:
        return Taken("gap", missing=missing)
    fork = db.scalar(
        sa.select(StoredSegment.id).where(
            StoredSegment.node == header.node, StoredSegment.stream == header.stream,
            StoredSegment.epoch == header.epoch, StoredSegment.number == header.number,
        )
    )
    quarantined = header.node in trust.revoked and segment.hash not in trust.before_cut and not _released(db, segment)
    stored = chain.store(db, segment, state="quarantine" if quarantined else "applied", now=now, bundle=bundle, entries=body.entries)
    if quarantined:
        return Taken("quarantine", fork=fork is not None)
    taken = _apply(db, stored, body.entries, trust, now)
    taken.fork = fork is not None
    return taken


def _missing(db: Session, segment: Segment) -> int | None:
    """The number of the segment that must come first; None when nothing is missing."""
    header = segment.header
    held = StoredSegment
    if not header.prev:
        return None if header.number == 1 else 1
    before = db.execute(
        sa.select(held.epoch, held.number).where(held.node == header.node, held.stream == header.stream, held.hash == header.prev)
    ).first()
    if before is None:
        highest = db.scalar(
            sa.select(sa.func.max(held.number)).where(held.node == header.node, held.stream == header.stream, held.epoch == header.epoch)
        )
        return (highest or 0) + 1
    follows = (before.epoch, before.number + 1) == (header.epoch, header.number) or (before.epoch != header.epoch and header.number == 1)
    if not follows:
        raise BadSegment("malformed", "its number does not follow that of the segment before it")
    return None


def _released(db: Session, segment: Segment) -> bool:
    """Whether two people let in a segment of a revoked node, this one or a later one of its branch."""
    words = db.execute(
        sa.select(SegmentRelease.hash, SegmentRelease.by_id).where(SegmentRelease.node == segment.header.node, SegmentRelease.release)
    ).all()
    by_hash: dict[str, set[uuid.UUID]] = {}
    for digest, person in words:
        by_hash.setdefault(digest, set()).add(person)
    return len(by_hash.get(segment.hash, ())) >= 2


def let_in(db: Session, stored: StoredSegment, *, trust: Trust, now: datetime) -> Taken:
    """Apply a segment of the quarantine that two people have released."""
    stored.state = "released"
    return _apply(db, stored, segments.open_body(chain.as_segment(stored)).entries, trust, now)


# ---- applying entries ------------------------------------------------------------------------------------------------


@dataclass
class _Work:
    """What one segment's application shares."""

    db: Session
    stored: StoredSegment
    trust: Trust
    now: datetime
    taken: Taken
    merged: dict[uuid.UUID, tuple[uuid.UUID, uuid.UUID]]  # dropped person -> (kept, merge)
    erased: Orders
    gone: set[int] = field(default_factory=set)  # places of entries that were erased: their content leaves the segment

    @property
    def writer(self) -> str:
        return self.stored.node

    @property
    def by_centre(self) -> bool:
        return self.stored.node == self.trust.centre


@dataclass(frozen=True)
class _Fact:
    place: int
    table: str
    content: dict[str, Any]


@dataclass(frozen=True)
class _Change:
    place: int
    table: str
    row_id: uuid.UUID
    entry: dict[str, Any]


def _apply(db: Session, stored: StoredSegment, entries: Sequence[Any], trust: Trust, now: datetime) -> Taken:
    work = _Work(db, stored, trust, now, Taken("new"), merged(db), erased(db))
    _apply_entries(work, list(enumerate(entries)))
    if work.gone:
        stored.body = segments.erase(chain.as_segment(stored), work.gone).body
        db.flush()
    if work.taken.new:
        retry_held(db, trust=trust, now=now)
        _show_names(db, entries, work.erased)
    return work.taken


def _show_names(db: Session, entries: Sequence[Any], orders: Orders) -> None:
    """What lists show of a person follows from all his names, also from those that another node entered than keeps his file."""
    ids: dict[str, list[uuid.UUID]] = {"person": [], "person_name": []}
    for entry in entries:
        if entry[0] == "c" and entry[1] in ids:
            ids[entry[1]].append(uuid.UUID(entry[2]))
    if any(ids.values()):
        db.expire_all()
        names = db.scalars(sa.select(PersonName.person_id).where(PersonName.id.in_(ids["person_name"])))
        register.refresh_corrected(db, {one for one in (*ids["person"], *names) if ("person", one) not in orders})


def _apply_entries(work: _Work, numbered: Iterable[tuple[int, Any]]) -> None:
    facts: dict[str, list[_Fact]] = {}
    changes: list[_Change] = []
    for place, entry in numbered:
        if is_gone(work.erased, entry, by_centre=work.by_centre):
            work.taken.known += 1
            work.gone.add(place)
            continue
        match entry:
            case ["f", str(table), dict(content)]:
                if _known_as(work, place, table, Kind.FACT):
                    facts.setdefault(table, []).append(_Fact(place, table, content))
            case ["c", str(table), str(row_id), dict(change)]:
                if _known_as(work, place, table, Kind.RECORD):
                    try:
                        changes.append(_Change(place, table, uuid.UUID(row_id), change))
                    except ValueError:
                        _hold(work, place, table, None, INVALID)
            case ["x", *_]:
                work.taken.known += 1  # erased: there is nothing to apply
            case _:
                _hold(work, place, "", None, UNKNOWN)
    _apply_changes(work, changes)
    for table in sorted(facts, key=lambda name: rows.depth()[name]):
        _apply_facts(work, table, facts[table])


def _known_as(work: _Work, place: int, name: str, kind: Kind) -> bool:
    """Whether this release knows the table and it travels so; else the entry is held."""
    table = BY_NAME.get(name)
    if table is None:
        _hold(work, place, name[:40] if storable(name) else "", None, UNKNOWN)
        return False
    if table.kind is not kind or (table.owners is Owners.CENTRE and not work.by_centre):
        _hold(work, place, name, None, MAY_NOT_OWN)
        return False
    return True


def _hold(work: _Work, place: int, table: str, row_id: uuid.UUID | None, why: str, **detail: Any) -> None:
    """Keep an entry aside. Its content stays in the segment."""
    work.taken.held[why] += 1
    held = work.db.scalars(sa.select(HeldEntry).where(HeldEntry.segment_id == work.stored.id, HeldEntry.place == place)).first()
    if held is None:
        work.db.add(
            HeldEntry(segment_id=work.stored.id, place=place, node=work.writer, table=table, row_id=row_id, why=why, detail=detail, at=work.now)
        )
    else:
        held.table, held.row_id, held.why, held.detail = table, row_id, why, detail  # what was not understood had no row yet
        held.settled_at, held.settled_by, held.settled_how = None, None, ""  # it was applied once and gave way to another row since
    work.db.flush()


# ---- facts -----------------------------------------------------------------------------------------------------------


def _apply_facts(work: _Work, name: str, facts: Sequence[_Fact]) -> None:
    table = rows.table_named(name)
    ready: list[tuple[_Fact, dict[str, Any]]] = []
    for fact in facts:
        try:
            values = rows.from_json(name, fact.content)
            key = values["id"]
        except (rows.BadRow, KeyError) as wrong:
            _hold(work, fact.place, name, None, INVALID, said=str(wrong))
            continue
        if values.get("owner_node") != work.writer:
            _hold(work, fact.place, name, key, NOT_OWNER)
        else:
            ready.append((fact, values | {"segment": work.stored.number}))
    known = _present(work.db, table, [values["id"] for _, values in ready])
    new = []
    first: dict[uuid.UUID, Mapping[str, Any]] = {}
    for fact, values in ready:
        if values["id"] not in known:
            known[values["id"]] = None
            first[values["id"]] = fact.content
            new.append((fact, values))
        elif first.get(values["id"]) == fact.content:
            work.taken.known += 1  # twice in one segment is once
        elif values["id"] in first:
            _hold(work, fact.place, name, values["id"], CHANGED)
        elif _same(work, name, values["id"], fact.content):
            work.taken.known += 1
        else:
            _hold(work, fact.place, name, values["id"], CHANGED)
    for _, values in new:
        _follow_merges(work, name, values, values["id"])
    if not new:
        return
    if not _insert_all(work.db, table, [values for _, values in new]):
        for fact, values in new:
            _insert_one(work, table, fact.place, values)
        return
    work.taken.new += len(new)
    work.taken.tables[name] += len(new)


def _present(db: Session, table: sa.Table, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Any]:
    """Ids of these that have a row."""
    found: dict[uuid.UUID, Any] = {}
    for at in range(0, len(ids), AT_ONCE):
        found |= dict.fromkeys(db.connection().scalars(sa.select(table.c.id).where(table.c.id.in_(ids[at : at + AT_ONCE]))))
    return found


def _same(work: _Work, name: str, key: uuid.UUID, content: Mapping[str, Any]) -> bool:
    """Whether the fact that is here says the same."""
    table = rows.table_named(name)
    row = work.db.connection().execute(sa.select(*rows.travelling(name).values()).where(table.c.id == key)).mappings().one()
    here = rows.as_json(name, dict(row))
    turned = {column for column, kept in _turned(work.db, name, key).items() if column in here}
    return all(here[column] == value for column, value in content.items() if column in here and column not in turned)


def _insert_all(db: Session, table: sa.Table, values: list[dict[str, Any]]) -> bool:
    """Insert these rows, all or none."""
    connection = db.connection()
    try:
        with connection.begin_nested():
            connection.execute(_insert(table), values)
    except (sa.exc.IntegrityError, sa.exc.StatementError):
        return False
    return True


@cache
def _insert(table: sa.Table) -> sa.Insert:
    return sa.insert(table)


def _insert_one(work: _Work, table: sa.Table, place: int, values: dict[str, Any]) -> bool:
    """Insert a row, or hold its entry and say what is in the way."""
    if _insert_all(work.db, table, [values]):
        work.taken.new += 1
        work.taken.tables[table.name] += 1
        return True
    missing = _missing_references(work.db, table.name, values)
    if missing and work.by_centre and _recall(work, table.name, missing):
        return _insert_one(work, table, place, values)
    if missing:
        _hold(work, place, table.name, values["id"], WAITS, missing=missing)
        # Two offices that are each other's pair: one of them goes in without, and is folded again when the other is there.
        if all(rows.references(table.name)[column] == table.name and table.c[column].nullable for column in missing):
            _insert_all(work.db, table, [values | dict.fromkeys(missing)])
        return False
    others = _colliding(work.db, table, values)
    if not others:
        _hold(work, place, table.name, values["id"], INVALID, said="")
    elif _stands_instead(work, table, values["id"], others):
        return _insert_one(work, table, place, values)
    else:
        _hold(work, place, table.name, values["id"], CONFLICT, with_ids=sorted(str(key) for key in others))
    return False


def _missing_references(db: Session, name: str, values: Mapping[str, Any]) -> dict[str, str]:
    """Columns whose row is not here, each with the id it names."""
    missing = {}
    for column, target in rows.references(name).items():
        key = values.get(column)
        if key is not None and not _present(db, rows.table_named(target), [key]):
            missing[column] = str(key)
    return missing


def _colliding(db: Session, table: sa.Table, values: Mapping[str, Any]) -> list[uuid.UUID]:
    """Rows that hold what must be unique."""
    found: set[uuid.UUID] = set()
    newcomer = sa.select(*(sa.literal(values.get(c.key), c.type).label(c.key) for c in table.columns)).subquery()
    for columns, only in _unique(table):
        if all(values.get(c) is not None for c in columns):
            where = [table.c[c] == values[c] for c in columns]
            if only is not None:  # both must be what the rule speaks of
                if not db.connection().scalar(sa.select(sa.literal(1)).select_from(newcomer).where(only)):
                    continue
                where.append(only)
            found |= set(db.connection().scalars(sa.select(table.c.id).where(*where, table.c.id != values["id"])))
    return sorted(found)


def _unique(table: sa.Table) -> list[tuple[list[str], Any]]:
    """Columns that are unique together, each with which rows the rule speaks of; None: of all."""
    found: list[tuple[list[str], Any]] = [
        ([c.key for c in rule.columns], None) for rule in table.constraints if isinstance(rule, sa.UniqueConstraint)
    ]
    return found + [([c.key for c in index.columns], index.dialect_options["sqlite"].get("where")) for index in table.indexes if index.unique]


def _stands_instead(work: _Work, table: sa.Table, key: uuid.UUID, others: Sequence[uuid.UUID]) -> bool:
    """Whether a newcomer stands and those with which it collides gave way: its id is the smallest, or the centre speaks of it."""
    spoken = _is_spoken_of(work, table.name, key)
    return (spoken or str(key) < min(str(other) for other in others)) and _give_way(work, table, others, to=key, spoken=spoken)


def _is_spoken_of(work: _Work, name: str, key: uuid.UUID) -> bool:
    """Whether something that the centre wrote waits for this row."""
    waiting = work.db.scalars(
        sa.select(HeldEntry).where(HeldEntry.why == WAITS, HeldEntry.node == work.trust.centre, HeldEntry.settled_at.is_(None))
    )
    return any((name, key) in _awaited(held) for held in waiting)


def _give_way(work: _Work, table: sa.Table, others: Sequence[uuid.UUID], *, to: uuid.UUID, spoken: bool) -> bool:
    """These rows are held instead of the one that stands, whichever came first.

    Where two lives of one node wrote them (it was restored or cloned), or the centre has spoken of the one that stands, what refers to
    the others is held with them and waits for them. Else rows of different nodes are for people to settle: what something refers
    to stands then, and the newcomer is held. What the centre itself has written of a row keeps it standing (docs/decisions/0019).
    """
    db = work.db
    entries = [_entry_of(db, table.name, key) for key in others]
    resting: dict[tuple[str, uuid.UUID], dict[str, Any]] = {}
    if all(entry is not None and entry[0].node == work.writer for entry in entries) or spoken:
        resting = _resting_on(db, table.name, others)
        entries += [_entry_of(db, name, key) for name, key in resting]
    taken = [entry for entry in entries if entry is not None and entry[0].node != work.trust.centre]
    if len(taken) < len(entries):
        return False  # written at this node, or at the centre: its pages rest on it
    aside = [*((table.name, key) for key in others), *resting]
    try:
        with db.begin_nested():
            for name, key in sorted(aside, key=lambda one: -rows.depth()[one[0]]):
                gone = rows.table_named(name)
                db.connection().execute(sa.delete(gone).where(gone.c.id == key))
    except sa.exc.IntegrityError:
        return False
    for (name, key), (stored, place) in zip(aside, taken, strict=True):
        there = replace(work, stored=stored)
        if (name, key) in resting:
            _hold(there, place, name, key, WAITS, missing=_missing_references(db, name, resting[name, key]))
        else:
            _hold(there, place, name, key, CONFLICT, with_ids=[str(to)])
    return True


def _recall(work: _Work, name: str, missing: Mapping[str, str]) -> bool:
    """Rows of which the centre speaks stood there when it did: they stand again, and what collides with them gives way.

    So a centre that is made anew from the segments comes to the same, in whatever order they are taken. Whether all are back.
    """
    db = work.db
    for column, key in missing.items():
        held = db.scalars(
            sa.select(HeldEntry).where(
                HeldEntry.table == rows.references(name)[column], HeldEntry.row_id == uuid.UUID(key), HeldEntry.why == CONFLICT,
                HeldEntry.settled_at.is_(None),
            )
        ).first()
        if held is None or held.row_id is None:
            return False
        if not _stands_again(work, held, held.row_id):
            return False
    return True


def _stands_again(work: _Work, held: HeldEntry, key: uuid.UUID) -> bool:
    """Apply an entry that was held as a conflict, in the place of what stands there; or change nothing."""
    db = work.db
    stored = db.scalars(sa.select(StoredSegment).where(StoredSegment.id == held.segment_id).options(undefer(StoredSegment.body))).one()
    table = rows.table_named(held.table)
    others = _present(db, table, [uuid.UUID(other) for other in held.detail.get("with_ids") or ()])
    savepoint = db.begin_nested()
    there = replace(work, stored=stored, taken=Taken("new"))
    if _give_way(there, table, sorted(others), to=key, spoken=True) and _retry_one(db, stored, held, content_of(db, held), work.trust, work.now):
        savepoint.commit()
        return True
    savepoint.rollback()
    return False


def _resting_on(db: Session, name: str, keys: Sequence[uuid.UUID]) -> dict[tuple[str, uuid.UUID], dict[str, Any]]:
    """Travelling rows that refer to these, and those that refer to them in turn, each with what its references hold."""
    found: dict[tuple[str, uuid.UUID], dict[str, Any]] = {}
    asked = [(name, list(keys))]
    while asked:
        target, ids = asked.pop()
        for other, kept in BY_NAME.items():
            columns = [column for column, to in rows.references(other).items() if to == target]
            if kept.kind is Kind.STAYS or not columns:
                continue
            table = rows.table_named(other)
            refers = sa.select(table.c.id, *(table.c[column] for column in rows.references(other)))
            for row in db.connection().execute(refers.where(sa.or_(*(table.c[column].in_(ids) for column in columns)))).mappings():
                if (other, row["id"]) not in found:
                    found[other, row["id"]] = dict(row)
                    asked.append((other, [row["id"]]))
    return found


def _entry_of(db: Session, name: str, key: uuid.UUID) -> tuple[StoredSegment, int] | None:
    """The entry of a taken segment that brought a row."""
    if BY_NAME[name].kind is Kind.FACT:
        table = rows.table_named(name)
        row = db.connection().execute(sa.select(table.c.owner_node, table.c.segment).where(table.c.id == key)).first()
    else:
        added = db.execute(
            sa.select(JournalEntry.node, JournalEntry.segment, JournalEntry.before).where(JournalEntry.table == name, JournalEntry.row_id == key)
        )
        row = next((entry for entry in added if entry.before is None), None)  # stored as JSON's null, which SQL does not call NULL
    if row is None or row[0] == db.info["node"] or row[1] is None:
        return None
    for stored in db.scalars(
        sa.select(StoredSegment).where(StoredSegment.node == row[0], StoredSegment.number == row[1], StoredSegment.stream == chain.UP)
        .options(undefer(StoredSegment.body))
    ):
        for place, entry in enumerate(segments.open_body(chain.as_segment(stored)).entries):
            if (entry[0] == "f" and entry[1] == name and entry[2].get("id") == str(key)) or (entry[0] == "c" and entry[2] == str(key)):
                return stored, place
    return None


# ---- merged and erased -----------------------------------------------------------------------------------------------


def merged(db: Session) -> dict[uuid.UUID, tuple[uuid.UUID, uuid.UUID]]:
    """Person whose file was dropped -> (the file that is kept in the end, the merge that dropped it)."""
    direct = {m.dropped_id: (m.kept_id, m.id) for m in db.scalars(sa.select(PersonMerge).where(PersonMerge.undone_at.is_(None)))}
    found = {}
    for dropped, (kept, merge) in direct.items():
        seen = {dropped}
        while kept in direct and kept not in seen:
            seen.add(kept)
            kept = direct[kept][0]
        found[dropped] = (kept, merge)
    return found


Orders = Mapping[tuple[str, uuid.UUID], int | None]
"""Rows that were erased on order: None where the row is gone, else the version below which all of it is."""


def erased(db: Session) -> Orders:
    """Rows whose content was erased on order: no bundle brings it back."""
    return {(table, key): below for table, key, below in db.execute(sa.select(Erasure.table, Erasure.row_id, Erasure.below))}


def is_gone(orders: Orders, entry: Sequence[Any], *, by_centre: bool) -> bool:
    """Whether an entry says what was erased. Of a record that stays, only what the centre wrote since is left."""
    if not orders:
        return False
    match entry:
        case ["f" | "r", str(name), {"id": str(key), **content}]:
            version = content.get("version")
        case ["c", str(name), str(key), {"version": version}]:
            pass
        case _:
            return False
    try:
        order = (name, uuid.UUID(key))
    except ValueError:
        return False
    if order not in orders:
        return False
    below = orders[order]
    return below is None or not by_centre or not isinstance(version, int) or version < below


def _follow_merges(work: _Work, name: str, values: dict[str, Any], key: uuid.UUID) -> None:
    """References to a dropped file mean the kept one; which were turned is noted, so that it can be undone."""
    for column in merging.references().get(name, ()) if work.merged else ():
        if values.get(column) in work.merged:
            values[column], merge = work.merged[values[column]]
            if column not in _turned(work.db, name, key):
                work.db.add(MergedReference(merge_id=merge, table=name, row_id=key, column=column))
                work.db.flush()


def _turned(db: Session, name: str, key: uuid.UUID) -> dict[str, uuid.UUID]:
    """Columns of a row that a merge turned."""
    statement = sa.select(MergedReference.column, MergedReference.merge_id).where(MergedReference.table == name, MergedReference.row_id == key)
    return {row.column: row.merge_id for row in db.execute(statement)}


# ---- records: the fold of their entries ------------------------------------------------------------------------------


def _apply_changes(work: _Work, changes: Sequence[_Change]) -> None:
    db = work.db
    entries = []
    for change in changes:
        try:
            entries.append((change, _journal_row(work, change)))
        except (AttributeError, KeyError, TypeError, ValueError) as wrong:
            _hold(work, change.place, change.table, change.row_id, INVALID, said=str(wrong))
    known = _present(db, rows.table_named("journal_entry"), [row["id"] for _, row in entries])
    new = []
    for change, row in entries:
        if row["id"] in known:
            work.taken.known += 1
        else:
            known[row["id"]] = None
            new.append((change, row))
    if not new:
        return
    db.connection().execute(sa.insert(rows.table_named("journal_entry")), [row for _, row in new])
    state = _states(db, [change for change, _ in new])
    unsettled = _unsettled(db, [change for change, _ in new], here=state.keys())
    plain_inserts: list[tuple[_Change, dict[str, Any]]] = []

    def flush_inserts() -> None:
        if plain_inserts:
            _insert_rows(work, plain_inserts)
            plain_inserts.clear()

    for change, row in new:
        key = (change.table, change.row_id)
        here = state.get(key)
        plain = change.row_id not in unsettled
        added = row["before"] is None and row["after"] and row["after"].get("owner_node") == work.writer and _may_add(work, change)
        if plain and here is None and added:
            if plain_inserts and plain_inserts[-1][0].table != change.table:
                flush_inserts()
            plain_inserts.append((change, row))
            state[key] = (row["version"], work.writer)
            continue
        flush_inserts()
        if plain and here is not None and _follows(work, here, row):
            state[key] = _update(work, change, row, here)
        else:
            state[key] = refold(work.db, change.table, change.row_id, trust=work.trust, work=work, place=change.place, entry_id=row["id"])
    flush_inserts()


def _unsettled(db: Session, changes: Sequence[_Change], *, here: Iterable[tuple[str, uuid.UUID]]) -> set[uuid.UUID]:
    """Rows that are not simply what their entries before these made of them: some came too early, were refused or are held.

    What another order would have made of such a row is known only when it is folded again.
    """
    there = {key for _, key in here}
    arrived = Counter(change.row_id for change in changes)
    j, held = rows.table_named("journal_entry"), rows.table_named("held_entry")
    found: set[uuid.UUID] = set()
    listed = sorted(arrived)
    for at in range(0, len(listed), AT_ONCE):
        some = listed[at : at + AT_ONCE]
        known = sa.select(j.c.row_id, sa.func.count(), sa.func.count(j.c.refused)).where(j.c.row_id.in_(some)).group_by(j.c.row_id)
        for key, count, refused in db.connection().execute(known):
            if refused or (key not in there and count > arrived[key]):
                found.add(key)
        found |= set(db.connection().scalars(sa.select(held.c.row_id).where(held.c.row_id.in_(some), held.c.settled_at.is_(None))))
    return found


def _journal_row(work: _Work, change: _Change) -> dict[str, Any]:
    entry = change.entry
    before, after = entry["before"], entry["after"]
    if not all(part is None or isinstance(part, dict) for part in (before, after)) or (before is None and after is None):
        raise ValueError("before and after")
    if type(entry["version"]) is not int or not 0 <= entry["version"] < 1 << 63:
        raise ValueError("version")
    if not storable([before, after]):
        raise ValueError("before or after")
    rows.from_json(change.table, after or {})  # what was there before is history, not a row to come
    if str((after or {}).get("id", change.row_id)) != str(change.row_id) or "version" in (after or {}):
        raise ValueError("an entry is about one row")
    return {
        "id": uuid.UUID(entry["id"]), "at": rows.moment(entry["at"]), "actor_id": uuid.UUID(entry["actor_id"]) if entry["actor_id"] else None,
        "table": change.table, "row_id": change.row_id, "before": before, "after": after, "segment": work.stored.number, "number": 0,
        "node": work.writer, "version": entry["version"], "refused": None,
    }


def _may_add(work: _Work, change: _Change) -> bool:
    owners = BY_NAME[change.table].owners
    return work.by_centre or owners in (Owners.CLASS, Owners.EITHER)


def _states(db: Session, changes: Sequence[_Change]) -> dict[tuple[str, uuid.UUID], tuple[int, str] | None]:
    """Version and owner of the rows that are here."""
    by_table: dict[str, set[uuid.UUID]] = {}
    for change in changes:
        by_table.setdefault(change.table, set()).add(change.row_id)
    found: dict[tuple[str, uuid.UUID], tuple[int, str] | None] = {}
    for name, ids in by_table.items():
        table = rows.table_named(name)
        listed = sorted(ids)
        for at in range(0, len(listed), AT_ONCE):
            statement = sa.select(table.c.id, table.c.version, table.c.owner_node).where(table.c.id.in_(listed[at : at + AT_ONCE]))
            for key, version, owner in db.connection().execute(statement):
                found[name, key] = (version, owner)
    return found


def _follows(work: _Work, here: tuple[int, str], row: Mapping[str, Any]) -> bool:
    """Whether a change may be put on top of the row as it is: newer, and by who owns it."""
    version, owner = here
    return row["before"] is not None and row["version"] > version and _counts(row, owner, work.trust.centre)


def _counts(row: Mapping[str, Any], owner: str | None, centre: str) -> bool:
    """Whether a change counts: made by the row's owner, or by the centre when it takes the row over."""
    return row["node"] == owner or (row["node"] == centre and "owner_node" in (row["after"] or {}))


def _insert_rows(work: _Work, inserts: Sequence[tuple[_Change, dict[str, Any]]]) -> None:
    name = inserts[0][0].table
    table = rows.table_named(name)
    values = []
    for _, row in inserts:
        one = rows.from_json(name, row["after"]) | {"version": row["version"]}
        _follow_merges(work, name, one, one["id"])
        values.append(one)
    same_columns = len({tuple(sorted(one)) for one in values}) == 1
    if same_columns and _insert_all(work.db, table, values):
        work.taken.new += len(inserts)
        work.taken.tables[name] += len(inserts)
        return
    for (change, _), one in zip(inserts, values, strict=True):
        _insert_one(work, table, change.place, one)


@cache
def _update_row(table: sa.Table) -> sa.Update:
    return sa.update(table).where(table.c.id == sa.bindparam("of_row"))


def _update(work: _Work, change: _Change, row: Mapping[str, Any], here: tuple[int, str]) -> tuple[int, str] | None:
    table = rows.table_named(change.table)
    if row["after"] is None:
        return refold(work.db, change.table, change.row_id, trust=work.trust, work=work, place=change.place, entry_id=row["id"])
    values = rows.from_json(change.table, row["after"]) | {"version": row["version"]}
    _follow_merges(work, change.table, values, change.row_id)
    connection = work.db.connection()
    try:
        with connection.begin_nested():
            connection.execute(_update_row(table), values | {"of_row": change.row_id})
    except (sa.exc.IntegrityError, sa.exc.StatementError):
        missing = _missing_references(work.db, change.table, values)
        why = WAITS if missing else CONFLICT
        _hold(work, change.place, change.table, change.row_id, why, missing=missing)
        return here
    work.taken.new += 1
    work.taken.tables[change.table] += 1
    return row["version"], values.get("owner_node", here[1])


@dataclass(frozen=True)
class Folded:
    """What the entries of a record come to."""

    content: dict[str, Any] | None  # None: never added, or removed
    version: int
    owner: str | None
    refused: frozenset[uuid.UUID]  # entries by who did not own the row


def fold(entries: Iterable[Mapping[str, Any]], centre: str) -> Folded:
    """The record that these entries make, whatever order they came in. Pure.

    Sorted by version; of two with one version the centre's comes first, for it takes over by word of its own; then by id. An
    entry counts when its writer owned the row before it, or is the centre and takes the row over.
    """
    content: dict[str, Any] | None = None
    version, owner, added = 0, None, False
    refused = set()
    for row in sorted(entries, key=lambda e: (e["version"], e["node"] != centre, str(e["id"]))):
        if row["before"] is None and row["after"] is not None:
            # The centre may add a row in the name of another: that is how a class server came by what it was given.
            # And it begins a row anew whose past was erased.
            if (added and row["node"] != centre) or (row["node"] != centre and row["after"].get("owner_node") not in (row["node"], None)):
                refused.add(row["id"])
                continue
            content, owner, added = dict(row["after"]), row["after"].get("owner_node") or row["node"], True
        elif not added or not _counts(row, owner, centre):
            refused.add(row["id"])
            continue
        elif row["after"] is None:
            content = None
        elif content is not None:
            content |= row["after"]
            owner = content.get("owner_node", owner)
        version = row["version"]
    return Folded(content, version, owner, frozenset(refused))


def refold(
    db: Session, name: str, key: uuid.UUID, *, trust: Trust, work: _Work, place: int, entry_id: uuid.UUID
) -> tuple[int, str] | None:
    """Make a row anew from all its entries: after one that came late, out of turn, or by who did not own it."""
    j = JournalEntry
    entries = db.execute(
        sa.select(j.id, j.node, j.version, j.before, j.after, j.refused).where(j.table == name, j.row_id == key)
    ).mappings().all()
    folded = fold([dict(e) for e in entries], trust.centre)
    _settle_counted(db, name, key, folded, now=work.now)
    journal = rows.table_named("journal_entry")
    for entry in entries:
        said = NOT_OWNER if entry["id"] in folded.refused else None
        if said != entry["refused"]:
            db.connection().execute(sa.update(journal).where(journal.c.id == entry["id"]).values(refused=said))
    table = rows.table_named(name)
    here = bool(_present(db, table, [key]))
    if folded.content is None:
        if not any(e["before"] is None for e in entries):
            if here:
                # The row came down from the centre, not by entries: only its base is missing here.
                return _on_top_of_base(work, name, key, place, entry_id)
            _hold(work, place, name, key, WAITS, missing={"id": str(key)})
            return None
        if here:
            try:
                with db.begin_nested():
                    db.connection().execute(sa.delete(table).where(table.c.id == key))
            except sa.exc.IntegrityError:
                _hold(work, place, name, key, WAITS, missing={}, removed=True)
                return None
        _count(work, name, place, key, refused=entry_id if entry_id in folded.refused else None)
        return None
    values = rows.from_json(name, folded.content) | {"version": folded.version}
    _follow_merges(work, name, values, key)
    if here:
        values = _left_empty(table, entries, folded) | values
        try:
            with db.begin_nested():
                db.connection().execute(sa.update(table).where(table.c.id == key).values(values))
        except (sa.exc.IntegrityError, sa.exc.StatementError):
            missing = _missing_references(db, name, values)
            _hold(work, place, name, key, WAITS if missing else CONFLICT, missing=missing)
            return None
        _count(work, name, place, key, refused=entry_id if entry_id in folded.refused else None)
    elif entry_id in folded.refused:
        _hold(work, place, name, key, NOT_OWNER, entry=str(entry_id))
    else:
        _insert_one(work, table, place, values)
    return folded.version, folded.owner or ""


def _left_empty(table: sa.Table, entries: Iterable[sa.RowMapping], folded: Folded) -> dict[str, None]:
    """Columns that only refused changes fill: the row's beginning does not name what it leaves empty, and they may have counted before."""
    named = {column for entry in entries if entry["id"] in folded.refused for column in entry["after"] or ()}
    return dict.fromkeys(column for column in named - (folded.content or {}).keys() if column in table.c and table.c[column].nullable)


def _settle_counted(db: Session, name: str, key: uuid.UUID, folded: Folded, *, now: datetime) -> None:
    """What was held because its writer did not own the row counts after all: the entry that gave it the row has come."""
    held = db.scalars(
        sa.select(HeldEntry).where(HeldEntry.table == name, HeldEntry.row_id == key, HeldEntry.why == NOT_OWNER, HeldEntry.settled_at.is_(None))
    )
    for one in held:
        entry = one.detail.get("entry")
        if folded.version and entry is not None and uuid.UUID(entry) not in folded.refused:
            one.settled_at, one.settled_how = now, "applied"
            db.flush()


def _on_top_of_base(work: _Work, name: str, key: uuid.UUID, place: int, entry_id: uuid.UUID) -> tuple[int, str] | None:
    """A change to a row whose earlier entries are at another node: counted when it is newer and by the owner."""
    table = rows.table_named(name)
    version, owner = work.db.connection().execute(sa.select(table.c.version, table.c.owner_node).where(table.c.id == key)).one()
    entry = work.db.get_one(JournalEntry, entry_id)
    row = {"node": entry.node, "version": entry.version, "before": entry.before, "after": entry.after}
    if not _follows(work, (version, owner), row) or entry.after is None:
        _hold(work, place, name, key, NOT_OWNER if entry.version > version else CONFLICT, entry=str(entry_id))
        return version, owner
    values = rows.from_json(name, entry.after) | {"version": entry.version}
    work.db.connection().execute(sa.update(table).where(table.c.id == key).values(values))
    _count(work, name, place, key, refused=None)
    return entry.version, values.get("owner_node", owner)


def _count(work: _Work, name: str, place: int, key: uuid.UUID, *, refused: uuid.UUID | None) -> None:
    if refused:
        _hold(work, place, name, key, NOT_OWNER, entry=str(refused))
    else:
        work.taken.new += 1
        work.taken.tables[name] += 1


# ---- held entries ----------------------------------------------------------------------------------------------------


def retry_held(db: Session, *, trust: Trust, now: datetime, also: Iterable[str] = ()) -> int:
    """Try again what waits for a row (and, after an upgrade, `also` what was not understood); gives how many were applied."""
    whys = {WAITS, *also}
    applied = 0
    while True:
        waiting = db.scalars(sa.select(HeldEntry).where(HeldEntry.why.in_(whys), HeldEntry.settled_at.is_(None)).order_by(HeldEntry.id)).all()
        ready = _ready(db, waiting)
        before = applied
        for segment_id, some in ready.items():
            stored = db.scalars(sa.select(StoredSegment).where(StoredSegment.id == segment_id).options(undefer(StoredSegment.body))).one()
            entries = segments.open_body(chain.as_segment(stored)).entries
            for held in some:
                applied += _retry_one(db, stored, held, entries[held.place], trust, now)
        if applied == before:
            return applied


def _ready(db: Session, waiting: Sequence[HeldEntry]) -> dict[uuid.UUID, list[HeldEntry]]:
    """Held entries by segment, without those that wait for a row which is still not here."""
    wanted: dict[str, set[uuid.UUID]] = {}
    for held in waiting:
        for target, key in _awaited(held):
            wanted.setdefault(target, set()).add(key)
    here = {target: _present(db, rows.table_named(target), sorted(keys)) for target, keys in wanted.items()}
    ready: dict[uuid.UUID, list[HeldEntry]] = {}
    for held in waiting:
        if all(key in here[target] for target, key in _awaited(held)):
            ready.setdefault(held.segment_id, []).append(held)
    return ready


def _awaited(held: HeldEntry) -> list[tuple[str, uuid.UUID]]:
    """Table and id of each row that an entry waits for."""
    if held.why != WAITS:
        return []
    targets = rows.references(held.table)
    return [(targets.get(column, held.table), uuid.UUID(key)) for column, key in (held.detail.get("missing") or {}).items()]


def _retry_one(db: Session, stored: StoredSegment, held: HeldEntry, entry: Any, trust: Trust, now: datetime) -> int:
    work = _Work(db, stored, trust, now, Taken("new"), merged(db), erased(db))
    match entry:
        case ["c", str(name), str(key), {"id": str(entry_id)}] if name in BY_NAME and _journaled(db, entry_id):
            refold(db, name, uuid.UUID(key), trust=trust, work=work, place=held.place, entry_id=uuid.UUID(entry_id))
        case _:
            _apply_entries(work, [(held.place, entry)])
    if work.taken.held:
        return 0
    held.settled_at, held.settled_how = now, "applied"
    db.flush()
    return 1


def _journaled(db: Session, entry_id: str) -> bool:
    """Whether this change is here and only its row is not."""
    try:
        key = uuid.UUID(entry_id)
    except ValueError:
        return False
    return bool(_present(db, rows.table_named("journal_entry"), [key]))


def content_of(db: Session, held: HeldEntry) -> Any:
    """The entry that is held, as its node wrote it."""
    stored = db.scalars(sa.select(StoredSegment).where(StoredSegment.id == held.segment_id).options(undefer(StoredSegment.body))).one()
    return segments.open_body(chain.as_segment(stored)).entries[held.place]

