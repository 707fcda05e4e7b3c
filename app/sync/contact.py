"""What is known of the line to a peer: when it was last heard, and for how long there has been none. Kept as rows of Exchange."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock, i18n
from app.db import Database
from app.errors import Message
from app.sync import exchange
from app.sync.models import Exchange
from app.work import work

WAY = "https"
NOTHING, NO_LINE, REFUSED = "nothing", "no-line", "refused"


@dataclass(frozen=True)
class Line:
    """The line to a peer as the last try found it."""

    heard_at: datetime | None = None
    """When the peer last answered; None: never."""
    since: datetime | None = None
    """Since when there has been no line; None while there is one."""
    tries: int = 0
    next_at: datetime | None = None
    reached: bool = False
    """There is a line, but the exchange was refused or broke off."""
    why: Message | None = None


def heard(database: Database, peer: str, *, statement: Mapping[str, Any], now: datetime) -> None:
    """The peer spoke, and nothing had to go either way. Many such contacts are one row with the time of the last."""
    with work(database) as db:
        row = _newest(db, peer)
        known = row is not None and row.state == NOTHING
        if row is not None and known:
            row.at, row.statement = now, dict(statement)
            db.flush()
    if not known:
        exchange.note(database, peer=peer, direction="in", way=WAY, state=NOTHING, now=now, statement=statement)


def failed(database: Database, peer: str, *, reached: bool, why: Message, next_at: datetime, now: datetime) -> int:
    """There was no line, or the peer refused. All tries of one outage are one row; gives how many there were."""
    plain = {"context": why.context, "text": why.text, "params": {key: str(value) for key, value in why.params.items()}}
    state = REFUSED if reached else NO_LINE
    with work(database) as db:
        row = _newest(db, peer)
        known = row is not None and "tries" in row.counts
        tries = int(row.counts["tries"]) + 1 if row is not None and known else 1
        if row is not None and known:
            row.state, row.counts, row.said = state, _tried(tries, next_at, reached), plain
            db.flush()
    if not known:
        exchange.note(database, peer=peer, direction="out", way=WAY, state=state, now=now, said=why, counts=_tried(1, next_at, reached))
    return tries


def _tried(tries: int, next_at: datetime, reached: bool) -> dict[str, Any]:
    return {"tries": tries, "next": next_at.isoformat(), "reached": reached}


def line_to(db: Session, peer: str) -> Line:
    """How the line to a peer stands."""
    heard_at = db.scalar(
        sa.select(Exchange.at).where(Exchange.peer == peer, Exchange.way == WAY, Exchange.state != NO_LINE).order_by(Exchange.place.desc()).limit(1)
    )
    row = _newest(db, peer)
    if row is None or "tries" not in row.counts:
        return Line(heard_at)
    return Line(
        heard_at, row.at, int(row.counts["tries"]), datetime.fromisoformat(row.counts["next"]), bool(row.counts["reached"]),
        Message(row.said["context"], row.said["text"], row.said["params"]) if row.said else None,
    )


def in_words(line: Line) -> str:
    """One plain sentence about the line, for pages and the terminal."""
    if line.since is None:
        if line.heard_at is None:
            return i18n.t("line", "The centre has not been reached over a line yet.")
        return i18n.t("line", "The line is there: last contact {time}.", time=_when(line.heard_at, clock.now()))
    since, next_at = _when(line.since, line.next_at), _when(line.next_at, line.since) if line.next_at else "–"
    if line.reached:
        return i18n.nt(
            "line", "The exchange has failed since {since}; tried once; next try {next}.",
            "The exchange has failed since {since}; tried {n} times; next try {next}.", line.tries, since=since, next=next_at,
        )
    return i18n.nt(
        "line", "No line since {since}; tried once; next try {next}.", "No line since {since}; tried {n} times; next try {next}.", line.tries,
        since=since, next=next_at,
    )


def _when(moment: datetime, beside: datetime | None) -> str:
    """The time of day; with the day where the two moments of a sentence fall on different days."""
    same = beside is None or beside.date() == moment.date()
    return i18n.time_of_day(moment) if same else i18n.moment(moment)


def _newest(db: Session, peer: str) -> Exchange | None:
    """How the last try ended. A bundle that was refused here is a row of its own beside that of the try."""
    refused_here = sa.and_(Exchange.direction == "in", Exchange.state == REFUSED)
    found = sa.select(Exchange).where(Exchange.peer == peer, Exchange.way == WAY, ~refused_here)
    return db.scalars(found.order_by(Exchange.place.desc()).limit(1)).first()
