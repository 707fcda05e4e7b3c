"""Receipts: signed statements of what a receiver holds of a node, the only ground on which anything counts as arrived."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Literal

import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.orm import Session

from app.db import take_write_lock
from app.errors import BadReceipt
from app.sync import keys as node_keys
from app.sync.canonical import NotCanonical, canonical, read, storable
from app.sync.keys import NodeKeys
from app.sync.models import StoredReceipt
from app.sync.shapes import BundleId, Count, EpochCode, HashOrNone, Head, Moment, NodeCode, Number, Statement, moment

PURPOSE = b"sabaq receipt\n"
LARGEST = 256 * 1024


class Said(Statement):
    """What a receipt says."""

    v: Literal[1] = 1
    by: NodeCode
    about: NodeCode
    ordinal: Number  # of the giver's epoch
    epoch: EpochCode
    counter: Number  # of receipts to this peer, from 1
    prev: HashOrNone  # hash of the giver's previous receipt to this peer
    heads: list[Head]  # of every branch held
    new: Count
    known: Count
    refused: dict[str, Count]  # entries refused, by reason
    waits: Count  # entries kept until what they refer to has come
    bundle: BundleId
    at: Moment

    def hash(self) -> str:
        """The receipt's identity, hex."""
        return hashlib.sha256(canonical(self.as_json())).hexdigest()


@dataclass(frozen=True)
class Receipt:
    """A statement with its signature (64 bytes)."""

    said: Said
    signature: bytes

    @property
    def hash(self) -> str:
        """Its identity, hex."""
        return self.said.hash()

    @property
    def order(self) -> tuple[int, int]:
        """Of two receipts of one giver the later has the greater: no clock is asked."""
        return (self.said.ordinal, self.said.counter)


def make(
    keys: NodeKeys, *, by: str, about: str, ordinal: int, epoch: str, counter: int, prev: str, heads: Sequence[Head], new: int, known: int,
    refused: Mapping[str, int], waits: int, bundle: str, at: datetime,
) -> Receipt:  # fmt: skip
    """Sign what this node (`by`) holds of `about` after the bundle with this id."""
    said = Said(
        by=by, about=about, ordinal=ordinal, epoch=epoch, counter=counter, prev=prev, heads=sorted(heads, key=_place),
        new=new, known=known, refused=dict(refused), waits=waits, bundle=bundle, at=moment(at),
    )  # fmt: skip
    return Receipt(said, node_keys.sign(keys, PURPOSE, bytes.fromhex(said.hash())))


def _place(head: Head) -> tuple[str, int, str, int, str]:
    return (head.stream, head.ordinal, head.epoch, head.number, head.hash)


def verify(receipt: Receipt, public_sign: bytes) -> None:
    """Raises BadReceipt when it was not signed with this key."""
    if not node_keys.verify(public_sign, PURPOSE, bytes.fromhex(receipt.hash), receipt.signature):
        raise BadReceipt("signature", node=receipt.said.by)


def to_bytes(receipt: Receipt) -> bytes:
    """As it stands in a bundle: the statement on a line of its own, the signature."""
    return canonical(receipt.said.as_json()) + b"\n" + receipt.signature


def from_bytes(data: bytes) -> Receipt:
    """What `to_bytes` wrote. Raises BadReceipt; the signature is not verified yet."""
    line, _, signature = data[:LARGEST].partition(b"\n")
    if len(data) > LARGEST or len(signature) != 64:
        raise BadReceipt("malformed", "signature")
    try:
        return Receipt(statement_of(read(line)), signature)
    except NotCanonical as error:
        raise BadReceipt("malformed", str(error)) from error


def statement_of(found: Any) -> Said:
    """The statement that this JSON says. Raises BadReceipt."""
    try:
        said = Said.model_validate(found)
    except ValidationError as error:
        raise BadReceipt("malformed", str(error)) from error
    if said.as_json() != found or not storable(found):
        raise BadReceipt("malformed", "a field is not written in the one way")
    return said


# ---- kept in the database ------------------------------------------------------------------------------------------------


def store(db: Session, receipt: Receipt, *, now: datetime, fresh: bool = False) -> StoredReceipt:
    """Keep a receipt that was verified, and decide whether it is from now on the one that holds.

    It holds when it is later than the one that did; when it is `fresh` (it answers a nonce of ours, so it was given just now);
    or when its counter was seen before with another statement: that proves that the giver was restored and has forgotten
    what it said, so the last to arrive holds.
    """
    take_write_lock(db)
    said = receipt.said
    before = _holding(db, said.by, said.about)
    between = {"giver": said.by, "peer": said.about}
    row = before if before is not None and before.hash == receipt.hash else db.scalar(_select_said(), {**between, "digest": receipt.hash})
    if row is None:
        last, twice = db.execute(_select_place(), {**between, "ordinal": said.ordinal, "counter": said.counter}).one()
        row = StoredReceipt(
            by=said.by, about=said.about, ordinal=said.ordinal, epoch=said.epoch, counter=said.counter, hash=receipt.hash,
            statement=said.as_json(), signature=receipt.signature, at=now, place=(last or 0) + 1,
        )  # fmt: skip
        db.add(row)
        later = before is None or receipt.order > (before.ordinal, before.counter) or bool(twice)
    else:
        later = False
    if later or fresh:
        if before is not None:
            before.holds = False
        row.holds = True
    db.flush()
    return row


def stored(row: StoredReceipt) -> Receipt:
    """The receipt of a row."""
    return Receipt(statement_of(row.statement), row.signature)


def newest(db: Session, by: str, about: str) -> Receipt | None:
    """The receipt of `by` about `about` that holds."""
    row = _holding(db, by, about)
    return stored(row) if row else None


def _holding(db: Session, by: str, about: str) -> StoredReceipt | None:
    return db.scalar(_select_holding(), {"giver": by, "peer": about})


# Made once: they are asked some times at every exchange.


def _between() -> tuple[sa.ColumnElement[bool], ...]:
    return StoredReceipt.by == sa.bindparam("giver"), StoredReceipt.about == sa.bindparam("peer")


@cache
def _select_holding() -> sa.Select[StoredReceipt]:
    return sa.select(StoredReceipt).where(*_between(), StoredReceipt.holds)


@cache
def _select_said() -> sa.Select[StoredReceipt]:
    return sa.select(StoredReceipt).where(*_between(), StoredReceipt.hash == sa.bindparam("digest"))


@cache
def _select_place() -> sa.Select[int, int]:
    """The last place, and how many have this counter."""
    counted = sa.and_(StoredReceipt.ordinal == sa.bindparam("ordinal"), StoredReceipt.counter == sa.bindparam("counter"))
    return sa.select(sa.func.max(StoredReceipt.place), sa.func.count(sa.case((counted, 1)))).where(*_between())
