"""The second journal: each sealed segment also on a stick that stays in the class server, locked, so that a dead disk loses a minute.

Every segment is written twice: for the centre, which takes it like any bundle, and for this node itself, which gets its own tail
back after an old database was restored. What the centre has confirmed is removed.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path

from app.db import Database
from app.errors import BadBundle, DomainError, Message, say
from app.ops import VERSION, migrations
from app.sync import bundles, chain, exchange, keys, receipts, sealer, staging, stick
from app.sync.chain import UP, Link
from app.sync.exchange import Peer
from app.sync.keys import NodeKeys
from config import Config

log = logging.getLogger("sabaq.second_journal")

FILE = "second-journal.json"
CLOSED_AT = 100  # segments in one file: until then the newest file is written anew with each segment
CLOSED_SIZE = 1_000_000  # bytes
LATE = 300  # seconds without a successful write, from which on a person is told
LEAVE_FREE = 10_000_000  # bytes of the stick: it may be the courier's, too


@dataclass(frozen=True)
class Written:
    """Segments that stand in one file for each receiver."""

    last: str  # hash of the newest segment in it
    files: list[str]  # below the folder of the journal


@dataclass(frozen=True)
class State:
    """How the second journal stands; kept beside the database, for every process and for the exchange page."""

    folder: str = ""
    at: str = ""  # the last time that everything sealed was found to be on it
    since: str = ""  # the first failed write after that; "": none
    said: str = ""  # what the system said
    closed: list[Written] = field(default_factory=list)
    open: Written | None = None
    number: int = 0  # of the newest file
    begun: list[str] = field(default_factory=list)  # files of a write that may have been cut off

    @property
    def failing(self) -> bool:
        """Whether the last write failed."""
        return bool(self.since)

    def late(self, now: datetime) -> bool:
        """Whether so much time has passed since the last success that a person should look at the stick."""
        return bool(self.folder) and (not self.at or abs((now - datetime.fromisoformat(self.at)).total_seconds()) > LATE)


def state(node_folder: Path) -> State:
    """How it stands; an empty state where there never was one."""
    try:
        found = json.loads((node_folder / FILE).read_text(encoding="utf-8"))
        opened = found.pop("open")
        return State(**{**found, "closed": [Written(**one) for one in found["closed"]], "open": Written(**opened) if opened else None})
    except (OSError, ValueError, TypeError, KeyError):
        return State()


def in_words(found: State, now: datetime) -> Message:
    """A line for the exchange pages."""
    at = datetime.fromisoformat(found.at) if found.at else None
    if found.late(now) and at is None:
        return say("stick", "The second journal has never been written. Look whether its stick is in the server.")
    if found.late(now) and at is not None:
        return say("stick", "The second journal was last written on {at}. Look whether its stick is in the server.", at=at)
    return say("stick", "The second journal is up to date, last written on {at}.", at=at)


def _keep(node_folder: Path, found: State) -> State:
    staging.write_whole(node_folder / FILE, json.dumps(asdict(found)).encode())
    return found


def place_of(config: Config, *, mounts: Path = stick.MOUNTS) -> Path | None:
    """Where the second journal is kept: the folder of the setting, or the stick of that name; None: there is none."""
    if config.SECOND_JOURNAL:
        return Path(config.SECOND_JOURNAL)
    named = [one.path for one in stick.sticks(config.STICK, mounts=mounts) if one.stays]
    return named[0] if named else None


# ---- writing ---------------------------------------------------------------------------------------------------------


def write_down(database: Database, config: Config, *, now: datetime) -> State:
    """Bring the second journal up to date: seal, write what is not on it yet, remove what the centre has confirmed.

    A stick that is pulled out, full or broken is noted, and tried again at the next call: nothing else on the node waits for it.
    """
    before = state(config.folder)
    where = place_of(config)
    if where is None:
        if not before.folder:
            return before
        return _keep(config.folder, _failed(before, "", now))  # the stick of that name was taken out
    own = keys.load_or_make(config.folder)
    sealer.seal_all(database, config.folder, own, now)
    if str(where) != before.folder or not _all_there(where, before):
        before = replace(State(), folder=str(where), at=before.at, since=before.since, number=before.number)  # another stick: all that is not confirmed
    try:
        if not where.is_dir():
            raise FileNotFoundError(f"{where} is not there")
        after = _write(database, config, own, where, before, now)
    except (OSError, DomainError) as error:
        return _keep(config.folder, _failed(replace(before, begun=state(config.folder).begun), str(error), now))
    return _keep(config.folder, replace(after, at=now.isoformat(), since="", said=""))


def _failed(before: State, said: str, now: datetime) -> State:
    if not before.failing:
        log.error("the second journal cannot be written: %s", said or "the stick is not there")
    return replace(before, since=before.since or now.isoformat(), said=said[:500])


def _all_there(where: Path, before: State) -> bool:
    """Whether it is the stick that was written last: its files are there."""
    written = [*before.closed, *([before.open] if before.open else [])]
    try:
        return all((where / name).is_file() for one in written for name in one.files)
    except OSError:
        return False


def _write(database: Database, config: Config, own: NodeKeys, where: Path, before: State, now: datetime) -> State:
    with database.sessions() as db:
        receivers = [Peer(config.NODE, own.public, centre=False)]
        centre = exchange.whom_to_trust(db, config, own).centre
        if centre != config.NODE:
            receivers.append(exchange.peer_named(db, config, centre))
            receipt = receipts.newest(db, by=centre, about=config.NODE)
            confirmed = [head.hash for head in receipt.said.heads if head.stream == UP] if receipt else []
        else:
            confirmed = []  # a centre's own second journal is kept whole: nobody confirms it
        owed = [link.hash for link in chain.lacking(db, config.NODE, confirmed)]
        links = chain.lacking(db, config.NODE, [*confirmed, *(one.last for one in before.closed)])
        said = exchange.statement(db, config, centre, now=now)
    before = _without_confirmed(where, before, set(owed))
    if not links:
        return _dropped(where, before)
    if before.open is not None and before.open.last == links[-1].hash:
        return before
    _refuse_without_room(where, links, database)
    number, size, name = before.number + 1, 0, stick.file_name(before.number + 1, links[-1].hash[:32])
    files = [f"{stick.FOLDER}/journal-{config.NODE}-to-{receiver.code}/{name}" for receiver in receivers]
    # Only files of which this life of the node knows are ever removed: after a dead disk, older ones are all that is left.
    _keep(config.folder, replace(before, begun=[*before.begun, *files]))
    for receiver, file in zip(receivers, files, strict=True):
        target = where / file
        target.parent.mkdir(parents=True, exist_ok=True)
        parts = [exchange.segment_part(database, link, config.NODE, UP) for link in links]
        info = bundles.write(
            target, parts, sender=own, receiver=receiver.keys, node=config.NODE, to=receiver.code, made_at=now, release=VERSION,
            migration=migrations.newest(), statement=said,
        )
        size = max(size, info.size)
    written = Written(links[-1].hash, files)
    _remove(where, before.open)
    _remove(where, Written("", [file for file in before.begun if file not in files]))
    before = replace(before, begun=[])
    if len(links) >= CLOSED_AT or size >= CLOSED_SIZE:
        return replace(before, closed=[*before.closed, written], open=None, number=number)
    return replace(before, open=written, number=number)


def _refuse_without_room(where: Path, links: Sequence[Link], database: Database) -> None:
    with database.sessions() as db:
        size = sum(len(segment.body) for segment in chain.load(db, [link.id for link in links]))
    stick.refuse_without_room(stick.folder(where), 2 * size + LEAVE_FREE)


def _without_confirmed(where: Path, before: State, owed: set[str]) -> State:
    """Files whose newest segment the centre has confirmed go."""
    gone = [one for one in before.closed if one.last not in owed]
    for one in gone:
        _remove(where, one)
    return replace(before, closed=[one for one in before.closed if one.last in owed])


def _dropped(where: Path, before: State) -> State:
    """Nothing is owed: the newest file has done its work, too."""
    _remove(where, before.open)
    return replace(before, open=None)


def _remove(where: Path, written: Written | None) -> None:
    for name in written.files if written else ():
        (where / name).unlink(missing_ok=True)


# ---- reading it again ------------------------------------------------------------------------------------------------


def files_for(where: Path, own: str) -> Iterator[Path]:
    """On a restored node: what its second journal holds for itself, oldest first; to be taken like any bundle."""
    for path in stick.files(where):
        try:
            said = bundles.peek(path)
        except BadBundle:
            continue
        if said.sender == said.to == own:
            yield path


# ---- in the job process ----------------------------------------------------------------------------------------------

_worker: threading.Thread | None = None


def tick(database: Database, config: Config, now: datetime) -> None:
    """Write in a thread of its own: a stick that dies may hang for minutes, and no other job waits for it."""
    global _worker
    if _worker is not None and _worker.is_alive():
        return
    if place_of(config) is None and not state(config.folder).folder:
        return

    def write() -> None:
        try:
            write_down(database, config, now=now)
        except Exception:
            log.exception("the second journal was not written; it is tried again")

    _worker = threading.Thread(target=write, name="second-journal", daemon=True)
    _worker.start()
