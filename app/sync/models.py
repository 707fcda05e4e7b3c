"""Tables of the journal and of the exchange between nodes: entries, segments, receipts, what is held back, who may exchange."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Fact, Json, Record, Stays

NODE = sa.String(40)
EPOCH = sa.String(16)
HASH = sa.String(64)  # SHA-256 in hex


# ---- what happened here ----------------------------------------------------------------------------------------------


class JournalEntry(Stays, Base):
    """One change of one travelling record: who, when, before, after.

    Own entries are numbered inside their transaction and chained later by the sealer; entries of other nodes stand here too, so
    that a record is at any node the fold of its entries (docs/exchange.md).
    """

    __tablename__ = "journal_entry"
    __table_args__ = (
        sa.Index("ix_journal_entry_table_row", "table", "row_id"),
        sa.Index("ix_journal_entry_unsealed", "number", postgresql_where=sa.text("segment IS NULL"), sqlite_where=sa.text("segment IS NULL")),
    )
    at: Mapped[datetime]
    actor_id: Mapped[uuid.UUID | None]  # None: the product itself (demo data, a job)
    table: Mapped[str] = mapped_column(sa.String(40))
    row_id: Mapped[uuid.UUID]
    before: Mapped[dict[str, Any] | None] = mapped_column(Json)  # None: the row was added
    after: Mapped[dict[str, Any] | None] = mapped_column(Json)  # None: the row was removed
    segment: Mapped[int | None] = mapped_column(default=None)  # None: not sealed yet
    number: Mapped[int] = mapped_column(sa.BigInteger, index=True)  # order of own entries: what an entry builds on has a lower one
    node: Mapped[str] = mapped_column(NODE, default="")  # who made the change
    version: Mapped[int] = mapped_column(sa.BigInteger, default=0)  # of the row after it
    refused: Mapped[str | None] = mapped_column(sa.String(20), default=None)  # why it does not count in the fold


class AuditEvent(Fact, Base):
    """Something to answer for that changes no record: a sign-in, a refusal, a look at one person's file, an export."""

    __tablename__ = "audit_event"
    __table_args__ = (sa.Index("ix_audit_event_at", "at"),)
    at: Mapped[datetime]
    actor_id: Mapped[uuid.UUID | None]
    what: Mapped[str] = mapped_column(sa.String(40))  # "sign-in", "sign-in refused", "person read", "export"
    about: Mapped[str] = mapped_column(default="")  # id of what it was about
    detail: Mapped[dict[str, Any]] = mapped_column(default_factory=dict)


# ---- who exchanges ---------------------------------------------------------------------------------------------------


class Node(Record, Base):
    """An installation of this program that exchanges with others. The centre keeps the list; every class server holds a copy."""

    __tablename__ = "node"
    code: Mapped[str] = mapped_column(NODE, unique=True)  # its SABAQ_NODE, the owner of the rows made there
    role: Mapped[str] = mapped_column(sa.String(10))  # centre | classroom
    title: Mapped[str]  # as people call it: "Class server Korday"
    office_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("office.id"), index=True)  # whose it is; rights go by it
    classroom_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("classroom.id"), default=None)  # None: a centre
    state: Mapped[str] = mapped_column(sa.String(10), default="invited")  # invited | joined | revoked
    public_key: Mapped[str | None] = mapped_column(sa.String(64), default=None)  # Ed25519, base64
    box_key: Mapped[str | None] = mapped_column(sa.String(64), default=None)  # X25519, base64: bundles are encrypted to it
    fingerprint: Mapped[str | None] = mapped_column(sa.String(24), default=None)  # XXXX-XXXX-XXXX-XXXX
    address: Mapped[str] = mapped_column(sa.String(200), default="")  # of the centre, where there is a line; "": none
    joined_at: Mapped[datetime | None] = mapped_column(default=None)
    revoked_at: Mapped[datetime | None] = mapped_column(default=None)
    revoked_why: Mapped[str] = mapped_column(default="")
    cut: Mapped[list[Any]] = mapped_column(default_factory=list)  # heads held when it was revoked: what came later is in quarantine
    replaces_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("node.id"), default=None)  # the class server whose place it took


class JoinCode(Stays, Base):
    """A code printed at the centre with which one class server may ask to join, once."""

    __tablename__ = "join_code"
    node_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("node.id"), index=True)
    code_hash: Mapped[str] = mapped_column(HASH, unique=True, info={"secret": True})
    made_at: Mapped[datetime]
    made_by: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("person.id"))
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None] = mapped_column(default=None)


class JoinRequest(Stays, Base):
    """A class server that asked with a good code: its keys, until a person at the centre has compared the fingerprint."""

    __tablename__ = "join_request"
    node_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("node.id"), index=True)
    public_key: Mapped[str] = mapped_column(sa.String(64))
    box_key: Mapped[str] = mapped_column(sa.String(64))
    fingerprint: Mapped[str] = mapped_column(sa.String(24))
    way: Mapped[str] = mapped_column(sa.String(10))  # https | stick
    asked_at: Mapped[datetime]
    decided_at: Mapped[datetime | None] = mapped_column(default=None)
    decided_by: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("person.id"), default=None)
    accepted: Mapped[bool | None] = mapped_column(default=None)


# ---- chains ----------------------------------------------------------------------------------------------------------


class Epoch(Stays, Base):
    """One uninterrupted life of this node's database. A restored or cloned one begins another."""

    __tablename__ = "epoch"
    code: Mapped[str] = mapped_column(EPOCH, unique=True)
    ordinal: Mapped[int]
    begun_at: Mapped[datetime]
    why: Mapped[str] = mapped_column(sa.String(20))  # new | no-anchor | machine | restored | peer (a peer holds what is missing here)
    parent_epoch: Mapped[str] = mapped_column(EPOCH, default="")
    parent_number: Mapped[int] = mapped_column(default=0)
    parent_hash: Mapped[str] = mapped_column(HASH, default="")


class StoredSegment(Stays, Base):
    """A sealed segment, own or taken, as it was signed. Never changed, but for the payload of an erased entry."""

    __tablename__ = "segment"
    __table_args__ = (
        sa.UniqueConstraint("node", "stream", "epoch", "number", "hash"),
        sa.Index("ix_segment_prev", "prev"),
        sa.Index("ix_segment_hash", "hash"),
    )
    node: Mapped[str] = mapped_column(NODE)
    stream: Mapped[str] = mapped_column(sa.String(46))  # up | down:<receiver>
    epoch: Mapped[str] = mapped_column(EPOCH)
    ordinal: Mapped[int]
    number: Mapped[int]
    hash: Mapped[str] = mapped_column(HASH)
    prev: Mapped[str] = mapped_column(HASH)
    header: Mapped[dict[str, Any]]
    signature: Mapped[bytes] = mapped_column(sa.LargeBinary)
    body: Mapped[bytes] = mapped_column(sa.LargeBinary, deferred=True)
    entries: Mapped[int]
    state: Mapped[str] = mapped_column(sa.String(12), default="applied")  # own | applied | quarantine | released | erased (own, down)
    at: Mapped[datetime]  # sealed or taken here, by the local clock
    bundle: Mapped[str] = mapped_column(sa.String(32), default="")  # that it came with
    tables: Mapped[dict[str, Any]] = mapped_column(default_factory=dict)  # how many entries of each: told without opening it


class HeldEntry(Stays, Base):
    """An entry of a taken segment that is kept but not applied, and why. Its content stays in the segment."""

    __tablename__ = "held_entry"
    __table_args__ = (sa.UniqueConstraint("segment_id", "place"),)
    segment_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("segment.id"))
    place: Mapped[int]  # in the segment, from 0
    node: Mapped[str] = mapped_column(NODE)
    table: Mapped[str] = mapped_column(sa.String(40))
    row_id: Mapped[uuid.UUID | None]
    why: Mapped[str] = mapped_column(sa.String(20), index=True)  # waits | unknown | conflict | not-owner | may-not-own | changed | invalid
    detail: Mapped[dict[str, Any]] = mapped_column(default_factory=dict)  # what it waits for, what it collides with
    at: Mapped[datetime]
    settled_at: Mapped[datetime | None] = mapped_column(default=None)
    settled_by: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("person.id"), default=None)
    settled_how: Mapped[str] = mapped_column(default="")  # applied | set aside: and the person's reason


class StoredReceipt(Stays, Base):
    """A signed statement of what a receiver holds: one given to a peer, or one got from it."""

    __tablename__ = "receipt"
    __table_args__ = (sa.UniqueConstraint("by", "about", "hash"), sa.Index("ix_receipt_counter", "by", "about", "ordinal", "counter"))
    by: Mapped[str] = mapped_column(NODE)
    about: Mapped[str] = mapped_column(NODE)
    ordinal: Mapped[int]
    epoch: Mapped[str] = mapped_column(EPOCH)
    counter: Mapped[int]
    hash: Mapped[str] = mapped_column(HASH)
    statement: Mapped[dict[str, Any]]
    signature: Mapped[bytes] = mapped_column(sa.LargeBinary)
    at: Mapped[datetime]  # stored here, by the local clock
    place: Mapped[int]  # order of arrival here, from 1 for each peer: clocks are wrong
    holds: Mapped[bool] = mapped_column(default=False)  # of all between these two, the one that counts (app/sync/receipts.py)


class Exchange(Stays, Base):
    """One bundle made or taken here: which way, how large, what came of it. All that the exchange pages show."""

    __tablename__ = "exchange"
    __table_args__ = (sa.Index("ix_exchange_peer_at", "peer", "at"),)
    peer: Mapped[str] = mapped_column(NODE)
    direction: Mapped[str] = mapped_column(sa.String(4))  # out | in
    way: Mapped[str] = mapped_column(sa.String(6))  # https | stick
    bundle: Mapped[str] = mapped_column(sa.String(32), default="")
    at: Mapped[datetime]
    place: Mapped[int]  # order of exchanges on this node, from 1
    state: Mapped[str] = mapped_column(sa.String(10))  # made | sent | taken | partial | refused | nothing | no-line
    size: Mapped[int] = mapped_column(sa.BigInteger, default=0)  # bytes
    counts: Mapped[dict[str, Any]] = mapped_column(default_factory=dict)  # new, known, refused by code, waits, blobs, tables
    said: Mapped[dict[str, Any]] = mapped_column(default_factory=dict)  # the sentence: context, text, values
    by_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("person.id"), default=None)
    statement: Mapped[dict[str, Any] | None] = mapped_column(Json, default=None)  # of the peer: clock, release, disk, heads


# ---- down ------------------------------------------------------------------------------------------------------------


KEPT_THERE = "own"  # content of a row that the class server keeps itself: it was given once and is not sent again


class DownRow(Stays, Base):
    """At the centre: a row as a class server was last sent it. The difference to what it needs now is the next delta."""

    __tablename__ = "down_row"
    __table_args__ = (sa.UniqueConstraint("node", "table", "row_id"),)
    node: Mapped[str] = mapped_column(NODE)
    table: Mapped[str] = mapped_column(sa.String(40))
    row_id: Mapped[uuid.UUID]
    content: Mapped[str] = mapped_column(HASH)


class HandOver(Fact, Base):
    """A run, a classroom or a person's file went from one owner to another, on somebody's word."""

    __tablename__ = "hand_over"
    table: Mapped[str] = mapped_column(sa.String(40))
    row_id: Mapped[uuid.UUID] = mapped_column(index=True)
    from_node: Mapped[str] = mapped_column(NODE)
    to_node: Mapped[str] = mapped_column(NODE)
    rows: Mapped[int]  # how many rows went with it
    at: Mapped[datetime]
    by_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("person.id"))
    reason: Mapped[str] = mapped_column(default="")


# ---- the centre decides ----------------------------------------------------------------------------------------------


class SegmentRelease(Fact, Base):
    """One person's word that a quarantined segment is good. Two different people's words let it in; a refusal keeps it out."""

    __tablename__ = "segment_release"
    node: Mapped[str] = mapped_column(NODE)
    hash: Mapped[str] = mapped_column(HASH, index=True)  # of the last segment it is about: with all before it
    release: Mapped[bool]
    by_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("person.id"))
    at: Mapped[datetime]
    reason: Mapped[str]


class PersonMerge(Record, Base):
    """Two files of one officer: references to the dropped one mean the kept one, until undone."""

    __tablename__ = "person_merge"
    dropped_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("person.id"), index=True)
    kept_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("person.id"), index=True)
    merged_at: Mapped[datetime]
    merged_by: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("person.id"))
    reason: Mapped[str] = mapped_column(default="")
    undone_at: Mapped[datetime | None] = mapped_column(default=None)
    undone_by: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("person.id"), default=None)


class MergedReference(Stays, Base):
    """A reference that a merge turned from the dropped file to the kept one: what an unmerge turns back."""

    __tablename__ = "merged_reference"
    __table_args__ = (sa.UniqueConstraint("table", "row_id", "column"),)
    merge_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("person_merge.id"), index=True)
    table: Mapped[str] = mapped_column(sa.String(40))
    row_id: Mapped[uuid.UUID]
    column: Mapped[str] = mapped_column(sa.String(40))


class Erasure(Fact, Base):
    """A row whose content was erased on order: its payload goes from every segment, and older bundles do not bring it back."""

    __tablename__ = "erasure"
    __table_args__ = (sa.Index("ix_erasure_table_row", "table", "row_id"),)
    table: Mapped[str] = mapped_column(sa.String(40))
    row_id: Mapped[uuid.UUID]
    below: Mapped[int | None] = mapped_column(sa.BigInteger, default=None)  # a record that stays: versions below this go. None: the row goes
    at: Mapped[datetime]
    by_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("person.id"))
    reason: Mapped[str]
