"""Reads of the exchange pages: what stored rows say of each peer, in a number of queries that does not grow with them. Nobody is asked."""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.offices.models import Classroom, DailyCheck, Office
from app.quizzes.models import Attempt
from app.schedule.models import ClassDay
from app.sync import chain, sealer
from app.sync.models import AuditEvent, Epoch, Exchange, HeldEntry, Node, StoredReceipt, StoredSegment
from app.sync.rules import Contacts, Facts, Owed

LOGS = {"audit_event"}
"""Tables whose entries travel but ask nobody to write a stick: who signed in, who printed a list."""

SETTLED = "settled"  # state of an Exchange row that says: a person has looked into an alarm
TAKEN = ("taken", "partial")
LONGEST_LIST = 900  # segments summed up in one statement


@dataclass(frozen=True)
class Version:
    """A version of what a class server needs, as the centre made it."""

    ordinal: int
    number: int
    hash: str
    at: datetime


@dataclass(frozen=True)
class Sight:
    """A peer as the exchange pages show it."""

    node: Node
    office: Office | None
    room: Classroom | None
    facts: Facts
    last: Exchange | None = None  # the newest bundle taken from it
    statement: Mapping[str, Any] = field(default_factory=dict)  # of the peer, when it last said something
    version_made: Version | None = None  # for a class server: the newest made for it
    version_held: Version | None = None  # and the one that it has receipted
    receipt: StoredReceipt | None = None  # the peer's newest about this node
    given: StoredReceipt | None = None  # ours about the peer
    entries: int = 0  # of it that are here
    lives: int = 1  # of its database
    logs: int = 0  # entries owed that are only logs

    @property
    def release(self) -> str:
        """The program version that the peer said it runs; empty before it said anything."""
        return str(self.statement.get("release") or "")

    @property
    def schema(self) -> str:
        """The version of its tables."""
        return str(self.statement.get("schema") or "")


# ---- all peers -------------------------------------------------------------------------------------------------------


def class_servers(*where: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Class servers with their office and classroom."""
    found: Any = sa.select(Node, Office, Classroom).join(Office, Office.id == Node.office_id)
    selected: sa.Select[Any] = found.outerjoin(Classroom, Classroom.id == Node.classroom_id).where(Node.role == "classroom", *where)
    return selected


def sights(db: Session, rows: Sequence[tuple[Node, Office | None, Classroom | None]], now: datetime) -> list[Sight]:
    """What is stored of some class servers, seen from the centre."""
    codes = [node.code for node, _, _ in rows]
    own = db.info["node"]
    contacts, last, statements = _contacts(db, codes), _last_taken(db, codes), _statements(db, codes)
    held, waits = _held(db, codes)
    quarantined, lives, entries, forks = _chains(db, codes)
    settled = _settled(db, codes)
    receipts = _receipts(db, own)
    versions = _versions(db, own, codes, receipts)
    sticks = _sticks_out(db, codes)
    found = []
    for node, office, room in rows:
        code = node.code
        made, version, owed = versions.get(code, (None, None, Owed()))
        statement, took = statements.get(code, {}), last.get(code)
        stick = sticks.get(code) if owed.since is not None and code in sticks and owed.since <= sticks[code] else None
        life = lives.get(code, (1, None))
        facts = Facts(
            now=now, state=node.state, line=room.line if room else "", contacts=contacts.get(code, Contacts()), held=held.get(code, {}),
            waits_since=waits.get(code), quarantined=quarantined.get(code, 0), missing=_missing(took, code),
            fork=_unsettled(forks.get(code), settled.get((code, "fork"))),
            restored=life[0] > 1 and _unsettled(life[1], settled.get((code, "restored"))),
            drift=_drift(statement), disk_free=_whole(statement.get("disk_free")), owed_here=Owed(_whole(statement.get("unsealed")) or 0),
            owed_there=owed, stick_out=stick, stick_covers=stick is not None and made is not None and made.at <= stick,
        )  # fmt: skip
        found.append(
            Sight(
                node, office, room, facts, took, statement, made, version, receipts.get((code, own)), receipts.get((own, code)),
                entries.get(code, 0), life[0],
            )
        )
    return found


def _unsettled(since: datetime | None, looked: datetime | None) -> bool:
    return since is not None and (looked is None or looked < since)


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _contacts(db: Session, codes: Sequence[str]) -> dict[str, Contacts]:
    e = Exchange
    newest: dict[tuple[str, str, str, str], datetime] = {}
    for peer, direction, way, state, at in db.execute(
        sa.select(e.peer, e.direction, e.way, e.state, sa.func.max(e.at)).where(e.peer.in_(codes)).group_by(e.peer, e.direction, e.way, e.state)
    ):
        newest[peer, direction, way, state] = at
    trained = _trained(db, codes)
    found = {}
    for code in codes:
        mine = {key[1:]: at for key, at in newest.items() if key[0] == code}
        reached = [at for (_, way, state), at in mine.items() if way == "https" and state != "no-line"]
        by_line = [at for (direction, way, state), at in mine.items() if way == "https" and (state == "nothing" or (direction == "in" and state in TAKEN))]
        by_stick = [at for (direction, way, state), at in mine.items() if way == "stick" and direction == "in" and state in TAKEN]
        found[code] = Contacts(max(reached, default=None), max(by_line, default=None), max(by_stick, default=None), trained.get(code))
    return found


def _trained(db: Session, codes: Sequence[str]) -> dict[str, datetime]:
    """The newest class day, look round the room or test that came from each, by its own clock."""
    newest: dict[str, datetime] = {}
    for model, column in ((ClassDay, ClassDay.opened_at), (DailyCheck, DailyCheck.at), (Attempt, Attempt.started_at)):
        for code, at in db.execute(sa.select(model.owner_node, sa.func.max(column)).where(model.owner_node.in_(codes)).group_by(model.owner_node)):
            newest[code] = max(at, newest.get(code, at))
    return newest


def _newest_of(db: Session, codes: Sequence[str], *where: sa.ColumnElement[bool]) -> dict[str, Exchange]:
    place = sa.func.row_number().over(partition_by=Exchange.peer, order_by=Exchange.place.desc()).label("place_back")
    ranked = sa.select(Exchange.id, place).where(Exchange.peer.in_(codes), *where).subquery()
    rows = db.scalars(sa.select(Exchange).join(ranked, ranked.c.id == Exchange.id).where(ranked.c.place_back == 1))
    return {row.peer: row for row in rows}


def _last_taken(db: Session, codes: Sequence[str]) -> dict[str, Exchange]:
    return _newest_of(db, codes, Exchange.direction == "in", Exchange.state.in_(TAKEN))


def _statements(db: Session, codes: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What each peer last said of itself, with when and by which way that came."""
    said = Exchange.statement.is_not(None)  # as JSON null in some rows: looked at below
    rows = _newest_of(db, codes, said, Exchange.direction == "in", Exchange.state.in_((*TAKEN, "nothing")))
    return {code: {**row.statement, "_at": row.at, "_way": row.way} for code, row in rows.items() if isinstance(row.statement, dict)}


def _drift(statement: Mapping[str, Any]) -> timedelta | None:
    """How far the peer's clock is ahead of ours. A stick travels for days: it tells only that a clock is ahead."""
    try:
        theirs = datetime.fromisoformat(str(statement.get("clock")))
        drift: timedelta = theirs - statement["_at"]
    except (KeyError, TypeError, ValueError):
        return None
    return drift if statement["_way"] == "https" or drift > timedelta(0) else None


def _missing(took: Exchange | None, code: str) -> int | None:
    missing = took.counts.get("missing") if took is not None else None
    return _whole(missing.get(code)) if isinstance(missing, dict) else None


def _held(db: Session, codes: Sequence[str]) -> tuple[dict[str, dict[str, int]], dict[str, datetime]]:
    h = HeldEntry
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    waits: dict[str, datetime] = {}
    rows = db.execute(
        sa.select(h.node, h.why, sa.func.count(), sa.func.min(h.at)).where(h.node.in_(codes), h.settled_at.is_(None)).group_by(h.node, h.why)
    )
    for node, why, count, since in rows:
        counts[node][why] = count
        if why == "waits":
            waits[node] = since
    return counts, waits


def _chains(
    db: Session, codes: Sequence[str]
) -> tuple[dict[str, int], dict[str, tuple[int, datetime]], dict[str, int], dict[str, datetime]]:
    """Of the nodes' own chains: segments in quarantine, how many lives and since when the last, entries, the newest fork."""
    s = StoredSegment
    up = (s.node.in_(codes), s.stream == chain.UP)
    quarantined: dict[str, int] = {}
    lives: dict[str, tuple[int, datetime]] = {}
    entries: Counter[str] = Counter()
    for node, ordinal, state, segments, count, since in db.execute(
        sa.select(s.node, s.ordinal, s.state, sa.func.count(), sa.func.sum(s.entries), sa.func.min(s.at)).where(*up).group_by(s.node, s.ordinal, s.state)
    ):
        entries[node] += count
        if state == "quarantine":
            quarantined[node] = quarantined.get(node, 0) + segments
        elif node not in lives or ordinal > lives[node][0]:
            lives[node] = (ordinal, since)
    forks: dict[str, datetime] = {}
    twice = sa.select(s.node, sa.func.max(s.at)).where(*up).group_by(s.node, s.epoch, s.number).having(sa.func.count() > 1)
    for node, at in db.execute(twice):
        forks[node] = max(at, forks.get(node, at))
    return quarantined, lives, dict(entries), forks


def _settled(db: Session, codes: Sequence[str]) -> dict[tuple[str, str], datetime]:
    found: dict[tuple[str, str], datetime] = {}
    for row in db.scalars(sa.select(Exchange).where(Exchange.peer.in_(codes), Exchange.state == SETTLED).order_by(Exchange.place)):
        found[row.peer, str(row.counts.get("alarm"))] = row.at
    return found


def _receipts(db: Session, own: str) -> dict[tuple[str, str], StoredReceipt]:
    """The receipts that hold, ours and theirs, by giver and whom they are about."""
    r = StoredReceipt
    return {(row.by, row.about): row for row in db.scalars(sa.select(r).where(r.holds, sa.or_(r.by == own, r.about == own)))}


def head_in(receipt: StoredReceipt | None, stream: str) -> Mapping[str, Any] | None:
    """The newest head of a stream that a receipt names."""
    heads = [head for head in receipt.statement.get("heads", ()) if head.get("stream") == stream] if receipt else []
    return max(heads, key=lambda head: (head["ordinal"], head["number"]), default=None)


def _versions(
    db: Session, own: str, codes: Sequence[str], receipts: Mapping[tuple[str, str], StoredReceipt]
) -> dict[str, tuple[Version | None, Version | None, Owed]]:
    """For each class server: the newest version made for it, the one it has, and what it has not receipted."""
    s = StoredSegment
    by_stream = {chain.down_to(code): code for code in codes}
    order = (s.ordinal.desc(), s.number.desc())
    newest = sa.func.row_number().over(partition_by=s.stream, order_by=order).label("back")
    ranked = sa.select(s.stream, s.ordinal, s.number, s.hash, s.at, newest).where(s.node == own, s.stream.in_(by_stream)).subquery()
    made = {
        by_stream[row.stream]: Version(row.ordinal, row.number, row.hash, row.at)
        for row in db.execute(sa.select(ranked).where(ranked.c.back == 1))
    }
    heads = {code: head_in(receipts.get((code, own)), stream) for stream, code in by_stream.items()}
    after = [
        sa.and_(s.stream == stream, *([sa.or_(s.ordinal > head["ordinal"], sa.and_(s.ordinal == head["ordinal"], s.number > head["number"]))] if head else []))
        for stream, code in by_stream.items() for head in [heads[code]]
    ]
    held_hashes = [head["hash"] for head in heads.values() if head]
    held = {row.hash: row.at for row in db.execute(sa.select(s.hash, s.at).where(s.node == own, s.hash.in_(held_hashes)))}
    owed = {
        by_stream[stream]: Owed(int(count), {}, since)
        for stream, count, since in db.execute(
            sa.select(s.stream, sa.func.sum(s.entries), sa.func.min(s.at)).where(s.node == own, sa.or_(sa.false(), *after)).group_by(s.stream)
        )
    }
    found = {}
    for code in codes:
        head = heads[code]
        version = Version(head["ordinal"], head["number"], head["hash"], held[head["hash"]]) if head and head["hash"] in held else None
        found[code] = (made.get(code), version, owed.get(code, Owed()))
    return found


def _sticks_out(db: Session, codes: Sequence[str]) -> dict[str, datetime]:
    e = Exchange
    rows = db.execute(
        sa.select(e.peer, sa.func.max(e.at)).where(e.peer.in_(codes), e.direction == "out", e.way == "stick", e.state == "sent").group_by(e.peer)
    )
    return {peer: at for peer, at in rows}  # noqa: C416  (rows of SQL are no pairs for mypy)


# ---- a class server looks at its centre --------------------------------------------------------------------------------


def centre_sight(db: Session, centre: Node, own: Node | None, now: datetime) -> Sight:
    """What is stored here of the centre, and what it lacks of us."""
    code, me = centre.code, db.info["node"]
    receipts = _receipts(db, me)
    receipt = receipts.get((code, me))
    contacts = _contacts(db, [code])[code]
    last, statement = _last_taken(db, [code]).get(code), _statements(db, [code]).get(code, {})
    stick = _sticks_out(db, [code]).get(code)
    owed, logs, after = _owed(db, me, receipt, stick)
    room = db.get(Classroom, own.classroom_id) if own is not None and own.classroom_id else None
    held, waits = _held(db, [code])
    down = _down_held(db, code, me)
    out = stick if stick is not None and owed.since is not None and owed.since <= stick else None
    facts = Facts(
        now=now, state="revoked" if own is not None and own.state == "revoked" else "joined", line=room.line if room else "", contacts=contacts,
        held=held.get(code, {}), waits_since=waits.get(code), missing=_missing(last, code), drift=_drift(statement),
        disk_free=_whole(statement.get("disk_free")), owed_here=owed, stick_out=out, stick_covers=out is not None and not after,
    )  # fmt: skip
    return Sight(
        centre, db.get(Office, centre.office_id), room, facts, last, statement, None, down, receipt, receipts.get((me, code)), 0,
        db.scalar(sa.select(sa.func.max(Epoch.ordinal))) or 1, logs,
    )


def _owed(db: Session, me: str, receipt: StoredReceipt | None, stick: datetime | None) -> tuple[Owed, int, bool]:
    """What the centre has not receipted, without logs; how many logs; whether some of it came up after the last stick."""
    known = [head["hash"] for head in receipt.statement.get("heads", ()) if head.get("stream") == chain.UP] if receipt else []
    ids = [link.id for link in chain.lacking(db, me, known)]
    counts: Counter[str] = Counter()
    since: datetime | None = None
    after = False
    s = StoredSegment
    for at in range(0, len(ids), LONGEST_LIST):
        for entries, tables, sealed in db.execute(sa.select(s.entries, s.tables, s.at).where(s.id.in_(ids[at : at + LONGEST_LIST]))):
            mine = Counter(tables) if tables else Counter({"": entries})
            counts += mine
            if any(count for table, count in mine.items() if table not in LOGS):
                since = min(sealed, since or sealed)
                after = after or stick is None or sealed > stick
    unsealed = Counter(sealer.owed(db))
    counts += unsealed
    after = after or any(table not in LOGS for table in unsealed)
    if since is None and any(table not in LOGS for table in unsealed):
        since = _newest_seal(db, me)
    wanted = {table: count for table, count in counts.items() if table not in LOGS and count}
    return Owed(sum(wanted.values()), wanted, since), sum(counts[table] for table in LOGS), after


def _newest_seal(db: Session, me: str) -> datetime | None:
    """What is not sealed yet happened since the last seal."""
    return db.scalar(sa.select(sa.func.max(StoredSegment.at)).where(StoredSegment.node == me, StoredSegment.stream == chain.UP))


def _down_held(db: Session, centre: str, me: str) -> Version | None:
    s = StoredSegment
    row = db.execute(
        sa.select(s.ordinal, s.number, s.hash, s.at).where(s.node == centre, s.stream == chain.down_to(me), s.state == "applied")
        .order_by(s.ordinal.desc(), s.number.desc()).limit(1)
    ).first()
    return Version(*row) if row else None


# ---- one peer --------------------------------------------------------------------------------------------------------


def exchanges_of(db: Session, peer: str, *, most: int = 200) -> Sequence[Exchange]:
    """The newest exchanges with a peer, and what people noted between them."""
    return db.scalars(sa.select(Exchange).where(Exchange.peer == peer).order_by(Exchange.place.desc()).limit(most)).all()


def receipts_of(db: Session, own: str, peer: str, *, most: int = 20) -> Sequence[StoredReceipt]:
    """The newest receipts between this node and a peer, both ways."""
    r = StoredReceipt
    both = sa.or_(sa.and_(r.by == own, r.about == peer), sa.and_(r.by == peer, r.about == own))
    return db.scalars(sa.select(r).where(both).order_by(r.at.desc(), r.place.desc()).limit(most)).all()


@dataclass(frozen=True)
class Unentitled:
    """What somebody did at a class server after his role had ended, before the server heard of it: it stands, and is flagged."""

    person: str
    since: datetime
    done: Mapping[str, int]  # table -> entries


def done_without_a_role(db: Session, node: str, now: datetime, *, most: int = 10) -> list[Unentitled]:
    """What a class server has flagged in the last three months, the newest first."""
    a = AuditEvent
    events = db.scalars(
        sa.select(a).where(a.at >= now - timedelta(days=92), a.what == "done without a role", a.owner_node == node).order_by(a.at.desc()).limit(most)
    ).all()
    names = people_named(db, [_id(event.about) for event in events])
    return [
        Unentitled(names.get(person, "–") if (person := _id(event.about)) else "–", datetime.fromisoformat(event.detail["since"]), event.detail.get("done") or {})
        for event in events if "since" in event.detail
    ]


def _id(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def own_lives(db: Session) -> Sequence[Epoch]:
    """The lives of this node's database, the newest first."""
    return db.scalars(sa.select(Epoch).order_by(Epoch.ordinal.desc())).all()


def titles(db: Session) -> dict[str, str]:
    """What people call the nodes, by code."""
    return {node.code: node.title for node in db.execute(sa.select(Node.code, Node.title))}


def node_named(db: Session, code: str) -> Node | None:
    """A node by its code."""
    return db.scalar(sa.select(Node).where(Node.code == code))


def centre_of(db: Session) -> Node | None:
    """The centre that a class server has joined."""
    return db.scalar(sa.select(Node).where(Node.role == "centre").order_by(Node.code).limit(1))


def people_named(db: Session, ids: Iterable[uuid.UUID | None]) -> dict[uuid.UUID, str]:
    """Short names of some people."""
    from app.people.models import Person

    wanted = {id for id in ids if id is not None}
    return dict(db.execute(sa.select(Person.id, Person.short_name).where(Person.id.in_(wanted))).all()) if wanted else {}
