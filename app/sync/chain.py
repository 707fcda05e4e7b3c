"""Stored segments of this and other nodes: heads, what a peer lacks, the epochs of this node."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.ids import random_bytes
from app.sync.canonical import storable
from app.sync.models import Epoch, StoredSegment
from app.sync.segments import Header, Segment
from app.sync.shapes import Head

UP = "up"


def down_to(node: str) -> str:
    """The stream of what the centre sends to one class server."""
    return f"down:{node}"


@dataclass(frozen=True)
class End:
    """Where this node's own chain ends and its next segment goes: the head, or number 0 and what the first of an epoch will follow."""

    stream: str
    epoch: str
    ordinal: int
    number: int
    hash: str


@dataclass(frozen=True)
class Link:
    """A stored segment without its body: enough to walk the tree."""

    id: uuid.UUID
    epoch: str
    ordinal: int
    number: int
    hash: str
    prev: str


def links(db: Session, node: str, stream: str = UP) -> list[Link]:
    """All stored segments of a stream, oldest first."""
    return [Link(*row) for row in db.connection().execute(_select_links(), {"of": node, "flow": stream})]


@cache
def _select_links() -> sa.Select[Any]:
    """Made once, as all that is asked at every exchange: the making costs more than the asking."""
    s = StoredSegment.__table__.c
    return (
        sa.select(s.id, s.epoch, s.ordinal, s.number, s.hash, s.prev)
        .where(s.node == sa.bindparam("of"), s.stream == sa.bindparam("flow")).order_by(s.ordinal, s.epoch, s.number, s.hash)
    )  # fmt: skip


def heads(db: Session, node: str, stream: str = UP) -> list[Head]:
    """The leaves of what is held of a stream: one, unless the node was restored or cloned."""
    held = links(db, node, stream)
    inner = {link.prev for link in held}
    return [
        Head(stream=stream, epoch=link.epoch, ordinal=link.ordinal, number=link.number, hash=link.hash) for link in held if link.hash not in inner
    ]


def lacking(db: Session, node: str, theirs: Iterable[str], stream: str = UP) -> list[Link]:
    """Stored segments of a stream that somebody does not hold who holds these hashes and all before them; oldest first."""
    held = links(db, node, stream)
    by_hash = {link.hash: link for link in held}
    known: set[str] = set()
    for start in theirs:
        at = by_hash.get(start)
        while at is not None and at.hash not in known:
            known.add(at.hash)
            at = by_hash.get(at.prev)
    return [link for link in held if link.hash not in known]


def holds_all(db: Session, node: str, hashes: Iterable[str], stream: str = UP) -> bool:
    """Whether these segments are all stored here."""
    wanted = set(hashes)
    found = db.scalar(
        sa.select(sa.func.count(sa.distinct(StoredSegment.hash))).where(
            StoredSegment.node == node, StoredSegment.stream == stream, StoredSegment.hash.in_(wanted)
        )
    )
    return found == len(wanted)


def load(db: Session, ids: Sequence[uuid.UUID]) -> Iterator[Segment]:
    """Whole segments in this order, one after the other: never all in memory."""
    for key in ids:
        header, signature, body = db.connection().execute(_select_whole(), {"wanted": key}).one()
        yield Segment(header=Header.read(header), signature=signature, body=body)


@cache
def _select_whole() -> sa.Select[Any]:
    s = StoredSegment.__table__.c
    return sa.select(s.header, s.signature, s.body).where(s.id == sa.bindparam("wanted"))


def as_segment(row: StoredSegment) -> Segment:
    """A stored segment as it was signed."""
    return Segment(header=Header.read(row.header), signature=row.signature, body=row.body)


def store(
    db: Session, segment: Segment, *, state: str, now: datetime, bundle: str = "", entries: Iterable[Sequence[Any]] = ()
) -> StoredSegment:
    """Keep a segment; with the caller's transaction, in which its entries are marked or applied.

    Of `entries`, those of its body, it is noted how many are of which table.
    """
    tables = Counter(entry[1][:40] for entry in entries if len(entry) > 2 and isinstance(entry[1], str) and storable(entry[1]))
    h = segment.header
    row = StoredSegment(
        node=h.node, stream=h.stream, epoch=h.epoch, ordinal=h.ordinal, number=h.number, hash=segment.hash, prev=h.prev,
        header=h.as_json(), signature=segment.signature, body=segment.body, entries=h.count, state=state, at=now, bundle=bundle,
        tables=dict(tables),
    )
    db.add(row)
    db.flush()
    return row


# ---- this node's own life --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Life:
    """The epoch that this node writes under, and the segment that it began after."""

    code: str
    ordinal: int
    parent_hash: str


def current_epoch(db: Session) -> Life | None:
    """The epoch that this node writes under; None before its first seal."""
    row = db.connection().execute(_select_epoch()).first()
    return None if row is None else Life(*row)


@cache
def _select_epoch() -> sa.Select[Any]:
    e = Epoch.__table__.c
    return sa.select(e.code, e.ordinal, e.parent_hash).order_by(e.ordinal.desc(), e.begun_at.desc()).limit(1)


def own_head(db: Session, stream: str = UP) -> End | None:
    """The newest own segment of the present epoch, or the one the epoch began after; None for a node that never sealed."""
    epoch = current_epoch(db)
    return None if epoch is None else head_of(db, epoch, stream)


def head_of(db: Session, epoch: Life, stream: str = UP) -> End:
    """The newest own segment of an epoch; with number 0 before its first, which will follow the segment of this hash."""
    node = db.info["node"]
    row = db.connection().execute(_select_newest(), {"of": node, "flow": stream, "under": epoch.code}).first()
    if row is not None:
        return End(stream, epoch.code, epoch.ordinal, row.number, row.hash)
    before = _newest_before(db, node, stream, epoch)
    return End(stream, epoch.code, epoch.ordinal, 0, before)


@cache
def _select_newest() -> sa.Select[Any]:
    s = StoredSegment.__table__.c
    own = s.node == sa.bindparam("of"), s.stream == sa.bindparam("flow"), s.epoch == sa.bindparam("under")
    return sa.select(s.number, s.hash).where(*own).order_by(s.number.desc()).limit(1)


def _newest_before(db: Session, node: str, stream: str, epoch: Life) -> str:
    """What the first segment of an epoch follows: for the own journal the epoch's parent, for a down stream its newest."""
    if stream == UP:
        return epoch.parent_hash
    s = StoredSegment
    return (
        db.scalar(
            sa.select(s.hash).where(s.node == node, s.stream == stream).order_by(s.ordinal.desc(), s.number.desc(), s.hash).limit(1)
        )
        or ""
    )


def begin_epoch(db: Session, *, why: str, now: datetime, at_least: int = 1) -> Life:
    """Another life of this database: what is written from here on is told from what an earlier life wrote and this one lost.

    `at_least`: the lowest ordinal it may have (an anchor or a peer may know of epochs that this database does not).
    """
    before = own_head(db)
    ordinal = max(db.scalar(sa.select(sa.func.max(Epoch.ordinal))) or 0, at_least - 1) + 1
    epoch = Epoch(
        code=random_bytes(8).hex(), ordinal=ordinal, begun_at=now, why=why,
        parent_epoch=before.epoch if before else "", parent_number=before.number if before else 0, parent_hash=before.hash if before else "",
    )
    db.add(epoch)
    db.flush()
    return Life(epoch.code, epoch.ordinal, epoch.parent_hash)
