"""Planted faults: production code broken on purpose, one function at a time. A simulation that does not notice them proves nothing.

`FOUND` says at which seed each was noticed first; `python -m tests.simulation.planted` looks for them anew.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest import mock

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.certificates import queries as certificate_queries
from app.certificates.rules import State
from app.db import Database, Record
from app.quizzes import rules as quiz_rules
from app.sync import applying, arriving, chain, erasing, exchange, journal, receipts, scope, sealer, segments
from app.sync.applying import Taken, Trust
from app.sync.chain import Link
from app.sync.models import StoredReceipt
from app.sync.segments import Segment
from app.sync.shapes import Head
from app.work import work
from tests.simulation.history import Simulation, Told, simulation

MOST_SEEDS = 5000


@dataclass(frozen=True)
class Planted:
    """A fault: what it breaks, and the functions that stand in for the right ones."""

    name: str
    patches: Sequence[tuple[Any, str, Any]]  # where, name, what instead

    @contextmanager
    def planted(self) -> Iterator[None]:
        """The fault is there for the length of it."""
        with ExitStack() as stack:
            for owner, name, instead in self.patches:
                stack.enter_context(mock.patch.object(owner, name, instead))
            yield


# ---- chains and cursors ----------------------------------------------------------------------------------------------

_links_to_send, _theirs, _notice = exchange._links_to_send, exchange._theirs, exchange._notice_restored
_take, _missing, _store_receipt = applying.take, applying._missing, receipts.store


def by_number(db: Session, config: Any, peer: Any, theirs: Sequence[Mapping[str, Any]], tails: Any) -> list[Link]:
    """What the peer lacks is what has a higher number than its highest."""
    if not peer.centre:
        return _links_to_send(db, config, peer, theirs, tails)
    highest = max((head["number"] for head in theirs if head["stream"] == chain.UP), default=0)
    return [link for link in chain.links(db, config.NODE) if link.number > highest]


def never_a_new_epoch(_db: Session, epoch: Any, *_rest: Any) -> str | None:
    """A database goes on in its epoch, wherever it comes from."""
    return "new" if epoch is None else None


def same_epoch_again(db: Session, *, why: str, now: datetime, at_least: int = 1) -> Any:
    """A restored database gets a new ordinal but writes under the code of before."""
    before = chain.current_epoch(db)
    if before is None:
        return _begin_epoch(db, why=why, now=now, at_least=at_least)
    return before


_begin_epoch = chain.begin_epoch


def what_was_sent_has_arrived(db: Session, config: Any, peer: str, fresh: Any) -> list[Mapping[str, Any]]:
    """The cursor moves when the bundle is made, not when its receipt comes."""
    if config.ROLE == "centre":
        return _theirs(db, config, peer, fresh)
    sent = _sent.get((id(db.get_bind()), peer), [])
    _sent[id(db.get_bind()), peer] = [head.as_json() for head in chain.heads(db, config.NODE) if head.number]
    return sent


_sent: dict[tuple[int, str], list[Mapping[str, Any]]] = {}


def notes_what_it_is_told(database: Database, config: Any, keys: Any, path: Path, manifest: Any, *rest: Any) -> None:
    """What the sender says it has is taken for stored before it is."""
    _told[id(database.engine), manifest.sender] = [Head(**head) for head in manifest.statement.get("heads", ())]
    _take_parts(database, config, keys, path, manifest, *rest)


def says_what_it_was_told(db: Session, own: str, peer: str) -> list[Head]:
    """A receipt names what the sender said it has, stored or not."""
    return _told.get((id(db.get_bind()), peer)) or _held_of(db, own, peer)


_told: dict[tuple[int, str], list[Head]] = {}
_held_of, _take_parts = exchange.held_of, exchange._take_parts


def cursor_first(database: Database, segment: Segment, bundle: str, trusted: Trust, outcome: Any, now: datetime) -> None:
    """The segment is stored in one transaction, what it says in the next."""
    with work(database) as db:
        held = chain.links(db, segment.header.node)
        known = segment.hash in {link.hash for link in held}
        fork = not known and (segment.header.epoch, segment.header.number) in {(link.epoch, link.number) for link in held}
        if applying._missing(db, segment) is not None:
            outcome.missing[segment.header.node] = 1
            return
        if not known:
            state = "quarantine" if segment.header.node in trusted.revoked else "applied"
            key = chain.store(db, segment, state=state, now=now, bundle=bundle).id
            known = state == "quarantine"
    outcome.taken.fork |= fork
    if known:
        outcome.taken.add(Taken("known", known=segment.header.count))
        return
    with work(database) as db:
        found = db.get(chain.StoredSegment, key)
        assert found is not None
        outcome.taken.add(applying._apply(db, found, segments.open_body(segment).entries, trusted, now))


def first_of_a_fork(db: Session, segment: Segment, *, trust: Trust, now: datetime, bundle: str = "") -> Taken:
    """Another segment of this number: it is thought to be known."""
    header = segment.header
    if any((link.epoch, link.number) == (header.epoch, header.number) for link in chain.links(db, header.node)):
        return Taken("known", known=header.count)
    return _take(db, segment, trust=trust, now=now, bundle=bundle)


def fork_untold(outcome: Any) -> dict[str, Any]:
    """A fork is kept, and nobody hears of it."""
    return _counts_of(outcome) | {"fork": False}


_counts_of = exchange.counts_of


def marked_first(database: Database, folder: Path, keys: Any, now: datetime, *, size: int = 1000, machine: str | None = None) -> int:
    """The sealer marks entries in one transaction and stores their segment in another."""
    epoch = sealer.settle_epoch(database, folder, now=now, machine=machine)
    made = 0
    while True:
        with work(database) as db:
            head, taken = chain.own_head(db), sealer.unsealed(db, size)
            assert head is not None
            assert epoch
            if not taken:
                return made
            sealer._mark(db, ((table, key) for table, key, _ in taken), head.number + 1)
        segment = segments.seal(
            [entry for _, _, entry in taken], stream=chain.UP, node=database.node, epoch=head.epoch, ordinal=head.ordinal,
            number=head.number + 1, prev=head.hash, sealed_at=now, keys=keys, random=sealer.random_bytes,
        )
        with work(database) as db:
            chain.store(db, segment, state="own", now=now)
        sealer._anchor(
            folder, database.node, chain.End(chain.UP, head.epoch, head.ordinal, head.number + 1, segment.hash), machine or sealer.anchors.this_machine()
        )
        made += 1


def a_receipt_for_ever(db: Session, receipt: Any, *, now: datetime, fresh: bool = False) -> StoredReceipt:
    """The receipt with the highest counter holds, also after its giver was restored and has forgotten it."""
    before = receipts.newest(db, receipt.said.by, receipt.said.about)
    if before is not None and receipt.order <= before.order:
        row = db.scalar(sa.select(StoredReceipt).where(StoredReceipt.hash == before.hash))
        assert row is not None
        return row
    return _store_receipt(db, receipt, now=now, fresh=fresh)


def no_tail(db: Session, config: Any, peer: Any, theirs: Any, tails: Any) -> list[Link]:
    """A restored class server does not get its own tail back."""
    return _links_to_send(db, config, peer, theirs, tails) if peer.centre else []


# ---- entries ---------------------------------------------------------------------------------------------------------

_hold_entry, _own, _present = applying._hold, applying._unsettled, applying._present


def nothing_is_known(db: Session, table: sa.Table, ids: Sequence[Any]) -> dict[Any, Any]:
    """No entry is thought to be here already."""
    return {} if table.name in ("journal_entry", "answer", "attendance_mark", "minutes_line") else _present(db, table, ids)


def arrival_order(entries: Any, centre: str) -> Any:
    """The last to arrive wins, whatever its version."""
    numbered = [dict(entry) | {"version": place} for place, entry in enumerate(entries, 1)]
    return _fold(numbered, centre)


_fold = applying.fold


def wall_clock(_db: Session, row: Record) -> None:
    """The version of a row is the time of its change."""
    row.version = int(clock.now().timestamp() * 1000)


def dropped_where_it_waits(work: Any, place: int, table: str, row_id: Any, why: str, **detail: Any) -> None:
    """What refers to a row that is not here is thrown away."""
    if why != applying.WAITS:
        _hold_entry(work, place, table, row_id, why, **detail)


def dropped_where_it_collides(work: Any, place: int, table: str, row_id: Any, why: str, **detail: Any) -> None:
    """Of two rows that collide one is thrown away."""
    if why != applying.CONFLICT:
        _hold_entry(work, place, table, row_id, why, **detail)


def never_again(*_args: Any, **_values: Any) -> int:
    """What waits is never tried again."""
    return 0


def nothing_came_early(*_args: Any, **_values: Any) -> set[Any]:
    """A row is thought to be what its latest entry made of it (this one was found by the simulation, on its first day)."""
    return set()


def anybody(row: Mapping[str, Any], owner: str | None, centre: str) -> bool:
    """Last writer wins: nobody asks whose the row is."""
    return True


# ---- trust -----------------------------------------------------------------------------------------------------------

_trust_of = applying.trust_of


def revocation_expired(db: Session) -> Trust:
    """A revoked node is trusted again."""
    return replace(_trust_of(db), revoked=frozenset())


def let_in_at_once(db: Session, segment: Segment, *, trust: Trust, now: datetime, bundle: str = "") -> Taken:
    """What comes into quarantine is applied as well."""
    taken = _take(db, segment, trust=trust, now=now, bundle=bundle)
    if taken.state == "quarantine":
        stored = db.scalars(sa.select(chain.StoredSegment).where(chain.StoredSegment.hash == segment.hash)).one()
        applying._apply(db, stored, segments.open_body(segment).entries, trust, now)
    return taken


def any_signature(segment: Segment, public_sign: bytes) -> None:
    """Signatures of segments are not looked at."""


# ---- down ------------------------------------------------------------------------------------------------------------

_next_down = scope.next_down


def only_the_newest(*args: Any, **values: Any) -> list[Segment]:
    """Only the difference to what was last sent goes down, whatever the class server holds."""
    return _next_down(*args, **values)[-1:]


def any_version(db: Session, version: Sequence[Segment], **values: Any) -> Any:
    """Whatever version comes is taken as the next one, older ones too."""
    first = version[0].header
    before = chain.End(first.stream, first.epoch, first.ordinal, first.number - 1, first.prev)
    with mock.patch.object(arriving, "held", return_value=before):
        return _apply_down(db, version, **values)


_apply_down = arriving.apply_down


# ---- tests and certificates --------------------------------------------------------------------------------------------


def always_in_time(*_args: Any, **_values: Any) -> None:
    """Answers are taken after hand-in and deadline."""


def last_event_counts(events: Any) -> State:
    """The state of a certificate is its last event that was heard of."""
    last = list(events)[-1:] or [State.ISSUED]
    return State.ISSUED if last[0] == "restored" else State(last[0])


PLANTED: tuple[Planted, ...] = (
    Planted("number-only cursor", [(exchange, "_links_to_send", by_number)]),
    Planted("no epoch", [(sealer, "_why_new", never_a_new_epoch), (exchange, "_notice_restored", lambda *_a, **_v: False)]),
    Planted("an epoch twice", [(chain, "begin_epoch", same_epoch_again)]),
    Planted("machine not asked", [(sealer.anchors, "read", lambda folder: _anchor_of_any_machine(folder))]),
    Planted("sent is arrived", [(exchange, "_theirs", what_was_sent_has_arrived)]),
    Planted("acknowledged before commit", [(exchange, "held_of", says_what_it_was_told), (exchange, "_take_parts", notes_what_it_is_told)]),
    Planted("cursor in another transaction", [(exchange, "_take_segment", cursor_first)]),
    Planted("sealed in two transactions", [(sealer, "seal_all", marked_first)]),
    Planted("wall-clock order", [(journal, "_next_version", wall_clock)]),
    Planted("last writer wins", [(applying, "_counts", anybody)]),
    Planted("arrival order", [(applying, "fold", arrival_order)]),
    Planted("no de-duplication", [(applying, "_present", nothing_is_known)]),
    Planted("gap accepted", [(applying, "_missing", lambda _db, _segment: None)]),
    Planted("a fork's second branch dropped", [(applying, "take", first_of_a_fork)]),
    Planted("a fork untold", [(exchange, "counts_of", fork_untold)]),
    Planted("a receipt for ever", [(receipts, "store", a_receipt_for_ever)]),
    Planted("own tail not given back", [(exchange, "_links_to_send", no_tail)]),
    Planted("dropped where it waits", [(applying, "_hold", dropped_where_it_waits)]),
    Planted("dropped where it collides", [(applying, "_hold", dropped_where_it_collides)]),
    Planted("what waits is never tried again", [(applying, "retry_held", never_again)]),
    Planted("what came early is forgotten", [(applying, "_unsettled", nothing_came_early)]),
    Planted("revocation expired", [(applying, "trust_of", revocation_expired)]),
    Planted("quarantine let in at once", [(applying, "take", let_in_at_once)]),
    Planted("signature skipped", [(segments, "verify", any_signature)]),
    Planted("only the newest version goes down", [(scope, "next_down", only_the_newest)]),
    Planted("an older version taken", [(arriving, "apply_down", any_version)]),
    Planted("erased from rows alone", [(erasing, "_clean_segment", lambda *_a, **_v: 0)]),
    Planted("an order to erase not followed", [(arriving._Task, "_carry_out", lambda *_a, **_v: None)]),
    Planted("answers after hand-in", [(quiz_rules, "may_save", always_in_time)]),
    Planted("a revoked certificate comes back", [(certificate_queries, "state_after", last_event_counts)]),
)

_read_anchor = sealer.anchors.read


def _anchor_of_any_machine(folder: Path) -> Any:
    found = _read_anchor(folder)
    return None if found is None else replace(found, machine="")


# Where each was noticed first, of the seeds from 1 on. The test looks a little further, in case a change of the deeds moved it.
FOUND: dict[str, int] = {
    "number-only cursor": 1,
    "no epoch": 1,
    "an epoch twice": 1,
    "machine not asked": 14,
    "sent is arrived": 3,
    "acknowledged before commit": 3,
    "sealed in two transactions": 16,
    "wall-clock order": 6,
    "arrival order": 14,
    "no de-duplication": 6,
    "a fork's second branch dropped": 14,
    "a fork untold": 14,
    "own tail not given back": 1,
    "dropped where it waits": 1,
    "dropped where it collides": 14,
    "what waits is never tried again": 1,
    "revocation expired": 6,
    "quarantine let in at once": 6,
    "signature skipped": 1,
    "an older version taken": 10,
    "erased from rows alone": 11,
}


def noticed(simulated: Simulation, fault: Planted, seed: int) -> Told:
    """What comes of one history with a fault."""
    _sent.clear()
    _told.clear()
    with fault.planted():
        return simulated.history(seed)


def main(names: Sequence[str]) -> int:
    """Look for all of them, or for those named: seed by seed, until each was noticed."""
    left = [fault for fault in PLANTED if not names or fault.name in names]
    with simulation() as simulated:
        for seed in range(1, MOST_SEEDS + 1):
            for fault in list(left):
                told = noticed(simulated, fault, seed)
                if told.violation is not None:
                    left.remove(fault)
                    print(f'    "{fault.name}": {seed},  # {told.violation}'[:160], flush=True)
            if not left:
                return 0
    print("not noticed: " + ", ".join(fault.name for fault in left))
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
