"""The machines of the simulated network: the centre and its class servers, each with its disk, its clock and what it owes people."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import random
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pysqlite3.dbapi2 as sqlite
import sqlalchemy as sa
from sqlalchemy import event

from app import clock
from app.db import Database, make_engine
from app.errors import DomainError
from app.sync import anchor, journal, keys, sealer, segments
from app.sync.segments import Header, Segment
from config import Config
from tests.simulation import ports, skew
from tests.simulation.ports import MachineClock, Power, PowerCut, WorldTime
from tests.simulation.tables import FACTS, LEDGER, RECORDS

if TYPE_CHECKING:
    from tests.simulation.carrying import Bundle

CENTRE = "centre"
Key = tuple[str, str]  # table and id of a fact, or of a journal entry
LOCAL = {"segment", "number", "refused"}  # columns of them that each node fills for itself
SEGMENT_SIZE = 6
ATTEMPTS = 2  # at the final test
DISK = shutil._ntuple_diskusage(10**12, 6 * 10**11, 4 * 10**11)  # type: ignore[attr-defined]

_HIGHEST = " UNION ALL ".join(f"SELECT '{table}', max(rowid) FROM \"{table}\"" for table in LEDGER)

_engines: dict[Path, sa.Engine] = {}  # kept from history to history: compiling their statements costs more than a history
_power: dict[Path, Power] = {}
_folders = itertools.count()


def memory_folder() -> Path:
    """A folder of this process in memory, where the system has one."""
    shared = Path("/dev/shm")
    base = shared if shared.is_dir() and os.access(shared, os.W_OK) else Path(tempfile.gettempdir())
    return Path(tempfile.mkdtemp(prefix="sabaq-simulation-", dir=base))


def forget(folder: Path) -> None:
    """Throw a folder away, with the engines on it."""
    for path in [path for path in _engines if path.is_relative_to(folder)]:
        _engines.pop(path).dispose()
        del _power[path]
        for key in [key for key in _databases if key[0] == path]:
            del _databases[key]
    shutil.rmtree(folder)


def engine_of(path: Path) -> sa.Engine:
    """The engine of a database file: the product's own, but for the waiting on a disk that is none."""
    if path not in _engines:
        engine = make_engine(f"sqlite:///{path}")

        @event.listens_for(engine, "connect")
        def hurry(connection: Any, _record: Any) -> None:
            connection.execute("PRAGMA synchronous=OFF")
            if _power[path].disk_full:
                pages = connection.execute("PRAGMA page_count").fetchone()[0]
                connection.execute(f"PRAGMA max_page_count={pages}")

        _power[path] = Power()
        ports.watch(engine, lambda: _power[path])
        _engines[path] = engine
    return _engines[path]


@dataclass(frozen=True)
class Image:
    """A disk at one moment: what a backup holds, or the disk that a thief copies."""

    database: bytes
    files: dict[str, bytes]
    acknowledged: frozenset[Key]
    mark: int  # true order among events, for the timeline


@dataclass
class Known:
    """Something a node acknowledged: what it said, where, and when by the true time."""

    table: str
    id: str
    content: str  # hash
    node: str
    step: int
    about: Key  # itself; of a change, the row


class Violation(AssertionError):
    """An invariant did not hold. `number` is that of the list in the goals."""

    def __init__(self, number: str, text: str) -> None:
        self.number, self.text = number, text
        super().__init__(number, text)

    def __str__(self) -> str:
        return f"{self.number}: {self.text}"


@dataclass
class Outcome:
    """What came of something that a machine was asked for."""

    value: Any = None
    refused: DomainError | None = None
    cut: bool = False  # the power failed in the middle
    full: bool = False  # the disk was full

    @property
    def ok(self) -> bool:
        """It was done and acknowledged."""
        return not (self.refused or self.cut or self.full)


class Machine:
    """One installation on one disk. A clone is another machine with the same name."""

    def __init__(self, world: World, code: str, place: str) -> None:
        self.world, self.code, self.place = world, code, place
        self.role = "centre" if code == CENTRE else "classroom"
        self.config = Config(
            NODE=code, ROLE=self.role, INSTANCE=str(world.folder / place), SECRET_KEY="k" * 40, PEPPER="p" * 40,
        )  # fmt: skip
        self.path = self.config.folder / "sabaq.db"
        self.clock = MachineClock(world.time, place)
        self.hardware = place  # what /etc/machine-id would say
        self.acknowledged: set[Key] = set()  # what somebody was told is stored here
        self.fresh: set[Key] = set()  # found on its disk since it was last asked for something
        self.seen: dict[str, int] = {}  # table -> the highest row looked at
        self.lost = False  # stolen, burnt, or thrown away
        self.old_release = False
        self.life = 0  # a restored disk is another life
        self.blind = False  # its whole disk was put back, anchor and all: it cannot know before a peer tells it
        self.thief = False  # a copy in a thief's hands
        self.cuts = 0  # times its power failed
        self.cut_since_note = False  # an exchange may be stored that was never noted
        self.version = (0, 0)  # of what came down, the highest ever held
        self.chained: set[Key] = set()  # entries of the segments it holds
        self.foreign: set[Key] = set()  # new rows that another node wrote
        self._eye: Any = None
        self._opened: set[str] = set()  # segments looked into
        self.engine = engine_of(self.path)
        self.power = _power[self.path]
        self.power.comes_back()
        self.power.disk_full = False
        self.database = _database(self.engine, code)

    @property
    def name(self) -> str:
        """As it stands in the timeline."""
        return self.place

    @property
    def folder(self) -> Path:
        """The node's own folder."""
        return self.config.folder

    # ---- working -----------------------------------------------------------------------------------------------------

    @contextmanager
    def working(self) -> Iterator[None]:
        """What happens inside happens on this machine: its clock, its power, what its release knows."""
        with ExitStack() as stack:
            stack.enter_context(clock.using(self.clock))
            stack.enter_context(ports.running(self.power))
            stack.enter_context(_hardware(self))
            if self.old_release:
                stack.enter_context(skew.older_release())
            yield

    def look(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Read the disk from outside, as a person with the file in his hands would."""
        if self._eye is None:
            self._eye = sqlite.connect(self.path)
        return self._eye.execute(sql, values).fetchall()

    def grown(self) -> list[str]:
        """Tables of the ledger that have rows which were not looked at: asked all at once."""
        return [table for table, highest in self.look(_HIGHEST) if (highest or 0) > self.seen.get(table, 0)]

    def rows_after(self, table: str, rowid: int) -> Iterator[tuple[int, dict[str, Any]]]:
        """Rows of a table added to this disk since, with what their columns hold."""
        if self._eye is None:
            self.look("SELECT 1")
        cursor = self._eye.execute(f'SELECT rowid AS "rowid", * FROM "{table}" WHERE rowid > ? ORDER BY rowid', (rowid,))
        names = [column[0] for column in cursor.description]
        for row in cursor.fetchall():
            found = dict(zip(names, row, strict=True))
            yield found.pop("rowid"), found

    def rows_of(self, wanted: Iterable[Key]) -> set[Key]:
        """Which of these have a row here."""
        found = set()
        for table, listed in _by_table(wanted).items():
            marks = ",".join("?" * len(listed))
            found |= {(table, row[0]) for row in self.look(f'SELECT id FROM "{table}" WHERE id IN ({marks})', *listed)}
        return found

    def has(self, key: Key) -> bool:
        """Whether this has a row here."""
        return bool(self.look(f'SELECT 1 FROM "{key[0]}" WHERE id = ?', key[1]))

    def aside(self) -> set[Key]:
        """What is kept in a segment but not applied, by the row that it is about."""
        return {(t, key) for t, key in self.look('SELECT "table", row_id FROM held_entry WHERE row_id IS NOT NULL AND settled_at IS NULL')}

    def holds(self, wanted: Iterable[Key]) -> set[Key]:
        """Which of these are in the tables, or kept aside with a reason."""
        return self.rows_of(wanted) | self.aside()

    def erased(self, key: Key) -> bool:
        """Whether this was erased on order; of a change, whether its row was."""
        known = self.world.ledger.get(key)
        return bool(self.look('SELECT 1 FROM erasure WHERE "table" = ? AND row_id = ?', *(known.about if known else key)))

    def own(self) -> set[Key]:
        """What this node wrote that is on this disk."""
        found = {("journal_entry", key) for (key,) in self.look("SELECT id FROM journal_entry WHERE node IN ('', ?)", self.code)}
        for table in FACTS:
            found |= {(table, key) for (key,) in self.look(f'SELECT id FROM "{table}" WHERE owner_node = ?', self.code)}
        return found

    def unsealed(self) -> set[Key]:
        """What it wrote and has not sealed."""
        found = {("journal_entry", key) for (key,) in self.look("SELECT id FROM journal_entry WHERE segment IS NULL")}
        for table in FACTS:
            found |= {(table, key) for (key,) in self.look(f'SELECT id FROM "{table}" WHERE segment IS NULL AND owner_node = ?', self.code)}
        return found

    def anchored(self, epoch: str, number: int) -> bool:
        """Whether the anchor has come so far. Before that a segment does not leave the machine."""
        found = anchor.read(self.folder)
        return found is not None and (found.epoch != epoch or found.number >= number)

    def new_segments(self) -> list[tuple[str, str, str]]:
        """Segments of the journals that were not looked into yet: id, state, hash."""
        found = []
        for key, state, digest in self.look("SELECT id, state, hash FROM segment WHERE stream = 'up'"):
            if key + state not in self._opened:
                self._opened.add(key + state)
                found.append((key, state, digest))
        return found

    def in_quarantine(self, world: World) -> set[Key]:
        """What waits for two people to let it in."""
        found: set[Key] = set()
        for key, digest in self.look("SELECT id, hash FROM segment WHERE state = 'quarantine'"):
            found |= {one for one in world.entries_of(self, key, digest) if one is not None}
        return found

    def table(self, name: str) -> dict[str, dict[str, Any]]:
        """The rows of a table by id, without what each node fills for itself."""
        cursor = self._eye.execute(f'SELECT * FROM "{name}"')
        names = [column[0] for column in cursor.description]
        rows = (dict(zip(names, row, strict=True)) for row in cursor.fetchall())
        return {row["id"]: {column: _plain(value) for column, value in row.items() if column not in LOCAL} for row in rows}

    def rows_of_others(self) -> list[tuple[Any, ...]]:
        """What must be the same after something was refused: all that could have come from another node."""
        kept = self.look("SELECT hash, state FROM segment ORDER BY hash") + self.look("SELECT segment_id, place, why FROM held_entry ORDER BY 1, 2")
        return kept + [self.look(f'SELECT count(*), total(version) FROM "{name}"')[0] for name in RECORDS] + [
            self.look(f'SELECT count(*) FROM "{name}"')[0] for name in LEDGER
        ]

    def keys(self) -> keys.NodeKeys:
        """Its private keys."""
        found = self.world.known_keys.get(self.place)
        if found is None:
            found = self.world.known_keys[self.place] = keys.load_or_make(self.folder)
        return found

    @property
    def incarnation(self) -> str:
        """Which life of which disk this is."""
        return f"{self.place}/{self.life}"

    def settle(self) -> None:
        """What a node does at every start and before it seals."""
        with self.working():
            sealer.settle_epoch(self.database, self.folder, now=self.clock.now(), machine=self.hardware)

    # ---- its disk ----------------------------------------------------------------------------------------------------

    def image(self) -> Image:
        """All that is on its disk now."""
        self.look("PRAGMA wal_checkpoint(TRUNCATE)")
        files = {}
        for path in sorted(self.folder.rglob("*")):
            if path.is_file() and not path.name.startswith("sabaq.db"):
                files[str(path.relative_to(self.folder))] = path.read_bytes()
        return Image(self.path.read_bytes(), files, frozenset(self.acknowledged), self.world.step)

    def put(self, image: Image, *, files: Callable[[str], bool] = lambda name: True) -> None:
        """Make the disk what it was then; of the files outside the database only those that `files` names."""
        self.stop()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        for path in sorted(self.folder.rglob("*")):
            name = str(path.relative_to(self.folder))
            if path.is_file() and (name.startswith("sabaq.db") or files(name)):
                path.unlink()
        self.path.write_bytes(image.database)
        for name, data in image.files.items():
            if files(name):
                (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                (self.folder / name).write_bytes(data)
        self.acknowledged = set(image.acknowledged)
        self.seen, self.chained, self.version = {}, set(), (0, 0)
        self._opened = set()
        self.life += 1

    def stop(self) -> None:
        """Off, whatever was open."""
        self.engine.dispose()
        if self._eye is not None:
            self._eye.close()
            self._eye = None


@contextmanager
def _hardware(machine: Machine) -> Iterator[None]:
    """What the product asks the system for: the name of the machine, and how full its disk is."""
    real_name, real_disk = anchor.this_machine, shutil.disk_usage
    anchor.this_machine = lambda: machine.hardware
    shutil.disk_usage = lambda _folder: DISK  # type: ignore[assignment]
    try:
        yield
    finally:
        anchor.this_machine, shutil.disk_usage = real_name, real_disk  # type: ignore[assignment]


_databases: dict[tuple[Path, str], Database] = {}


def _database(engine: sa.Engine, code: str) -> Database:
    key = (Path(str(engine.url.database)), code)
    if key not in _databases:
        database = Database(engine, code)
        journal.keep(database.sessions)
        _databases[key] = database
    return _databases[key]


# ---- a history's network -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Template:
    """The network on its first day, made once in a process (`first_day`)."""

    images: dict[str, Image]
    people: dict[str, uuid.UUID]  # class server -> its class manager; the centre -> its administrator


class World:
    """The network of one history: the machines, true time, chance, what was acknowledged, and the timeline."""

    def __init__(self, seed: int, template: Template, folder: Path, checks: Iterable[Callable[[World, Machine], None]] = ()) -> None:
        self.seed, self.template, self.folder = seed, template, folder
        self.checks = tuple(checks)  # after each thing that a machine does
        self.chance = random.Random(f"history {seed}")  # decides what happens
        self.time = WorldTime()
        self.machines: dict[str, Machine] = {}
        self.known_keys: dict[str, keys.NodeKeys] = {}
        self.ledger: dict[Key, Known] = {}
        self.segment_size = SEGMENT_SIZE
        self.step = 0
        self.bundles = 0  # made so far
        self.timeline: list[str] = []
        self.digest = hashlib.sha256()
        self.forged: set[Key] = set()  # what a thief wrote with a stolen key
        self.ended: dict[str, int] = {}  # attempt -> the step at which it ended
        self.sealed: set[str] = set()  # segments that were ever made
        self.places: dict[tuple[str, str, int], str] = {}  # node, epoch, number -> which incarnation sealed it first
        self.forks: set[tuple[str, str, int]] = set()  # told so far: node, epoch, number
        self.sticks: list[Bundle] = []  # in people's pockets
        self.delivered: list[Bundle] = []  # that have arrived, and are empty
        self.images: dict[str, list[Image]] = {}  # in the cupboard, by place
        self.revoked: set[str] = set()
        self.erased: dict[str, set[str]] = {}  # person whose data was erased on order -> names that stand nowhere any more
        self._entries: dict[str, list[Key | None]] = {}  # segment -> what stands in it
        self.happened: set[str] = set()  # kinds of faults that this history had

    def start(self, places: Iterable[str]) -> None:
        """Put these machines in place as they were on the first day."""
        for place in places:
            machine = Machine(self, place, place)
            machine.put(self.template.images[place])
            machine.life = 0
            self.machines[place] = machine
            self.look_at(machine)
            machine.fresh = set()

    @property
    def centre(self) -> Machine:
        """The centre."""
        return self.machines[CENTRE]

    def classes(self) -> list[Machine]:
        """The class servers that still work, clones among them."""
        return [m for m in self.machines.values() if m.role == "classroom" and not m.lost]

    # ---- the timeline ------------------------------------------------------------------------------------------------

    def note(self, machine: Machine | None, text: str) -> None:
        """One line: step, what the clock of that machine shows, where, what."""
        shown = machine.clock.now() if machine else self.time.now
        line = f"{self.step:3}  {shown:%Y-%m-%d %H:%M:%S}  {machine.name if machine else '-':<10} {text}"
        self.timeline.append(line)
        self.digest.update(f"{line}\n".encode())

    # ---- asking a machine for something ------------------------------------------------------------------------------

    def ask(self, machine: Machine, what: str, do: Callable[[], Any]) -> Outcome:
        """Let a machine do something; its power may fail meanwhile. What it answers is acknowledged from then on."""
        outcome = Outcome()
        try:
            with machine.working():
                outcome.value = do()
                machine.power.point("answer")
        except PowerCut as cut:
            outcome.cut = True
            self.note(machine, f"{what}: POWER CUT at {cut}")
        except DomainError as refused:
            outcome.refused = refused
            self.note(machine, f"{what}: refused, {refused}")
        except (sa.exc.OperationalError, OSError) as error:
            if not machine.power.disk_full:
                raise
            outcome.full = True
            self.note(machine, f"{what}: disk full ({type(error).__name__})")
        else:
            self.note(machine, what)
        if outcome.cut:
            machine.cuts, machine.cut_since_note = machine.cuts + 1, True
            self.restart(machine)
        self.look_at(machine)
        if outcome.ok:
            # A class server answers for what it wrote itself; what came down to it goes when it is needed no more.
            machine.acknowledged |= {key for key in machine.fresh if machine.role == "centre" or self.ledger[key].node == machine.code}
        machine.fresh = set()
        for check in self.checks:
            check(self, machine)
        return outcome

    def restart(self, machine: Machine) -> None:
        """The machine comes up again and does what it does at every start."""
        machine.stop()
        machine.power.comes_back()
        machine.clock.restarts()
        try:
            machine.settle()
        except OSError:
            if not machine.power.disk_full:
                raise
            self.note(machine, "starts without room for its anchor")
        lost = {key for key in machine.acknowledged - machine.holds(machine.acknowledged) if not machine.erased(key)}
        if lost:
            raise Violation("I1", f"{machine.name} had acknowledged {named(lost)} and does not hold it after the restart")

    def look_at(self, machine: Machine) -> None:
        """Take note of what is new on a disk, and that nothing there was ever changed."""
        for table in machine.grown():
            for rowid, row in machine.rows_after(table, machine.seen.get(table, 0)):
                machine.seen[table] = rowid
                key, said = (table, row["id"]), _content(row)
                known = self.ledger.get(key)
                if known is None:
                    writer = row["node"] if table == "journal_entry" else row["owner_node"]
                    about = (row["table"], row["row_id"]) if table == "journal_entry" else key
                    self.ledger[key] = Known(table, row["id"], said, writer, self.step, about)
                elif known.content != said:
                    raise Violation("I3", f"{table} {row['id']} says something else at {machine.name} than when {known.node} wrote it")
                if row.get("node" if table == "journal_entry" else "owner_node") not in ("", machine.code):
                    machine.foreign.add(key)
                elif table == "journal_entry" and row["table"] == "attempt" and json.loads(row["after"] or "{}").get("state", "open") != "open":
                    self.ended.setdefault(row["row_id"], self.step)
                machine.fresh.add(key)

    # ---- segments ----------------------------------------------------------------------------------------------------

    def entries_of(self, machine: Machine, segment_id: str, digest: str) -> list[Key | None]:
        """The facts and changes in a segment that a machine holds, in their places; None for what is neither."""
        if digest not in self._entries:
            self._entries[digest] = self.says(machine, segment_id)
        return self._entries[digest]

    def says(self, machine: Machine, segment_id: str) -> list[Key | None]:
        """The same as this machine's copy has it now: None also for what was erased from it."""
        header, signature, body = machine.look("SELECT header, signature, body FROM segment WHERE id = ?", segment_id)[0]
        opened = segments.open_body(Segment(Header.read(json.loads(header)), signature, body))
        return [_key_of(entry) for entry in opened.entries]

    def entries_on(self, bundle: Bundle) -> set[Key]:
        """What stands on a stick that was delivered whole."""
        return {key for digest in bundle.segments for key in self._entries.get(digest, ()) if key is not None}

    def blank(self) -> Machine:
        """A centre to make all rows anew in: as on the first day, which spares time; quite empty in each third history, and where something was erased."""
        machine = Machine(self, CENTRE, "blank")
        machine.put(self.template.images["empty" if self.seed % 3 == 0 or "erasure" in self.happened else "blank"])
        return machine


def _key_of(entry: list[Any]) -> Key | None:
    match entry:
        case ["f", str(table), {"id": str(key)}]:
            return table, key.replace("-", "")
        case ["c", _, _, {"id": str(key)}]:
            return "journal_entry", key.replace("-", "")
    return None


def _by_table(keys: Iterable[Key]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for table, key in sorted(keys):
        found.setdefault(table, []).append(key)
    return found


def _content(row: dict[str, Any]) -> str:
    """What a fact or a change says, whichever disk it is read from."""
    said = sorted((name, _plain(value)) for name, value in row.items() if name not in LOCAL)
    return hashlib.sha256(repr(said).encode()).hexdigest()


def _plain(value: Any) -> Any:
    """JSON means the same in whatever order a database keeps it."""
    return json.dumps(json.loads(value), sort_keys=True) if isinstance(value, str) and value[:1] in ("{", "[") else value


def named(some: Iterable[Key]) -> str:
    """A few of them by name, for people."""
    listed = sorted(some)
    shown = ", ".join(f"{table} {key[-8:]}" for table, key in listed[:4])
    return shown if len(listed) <= 4 else f"{shown} and {len(listed) - 4} more"
