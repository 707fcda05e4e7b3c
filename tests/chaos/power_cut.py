"""A power cut at any point: what real services wrote is recorded, cut, and everything not yet synced is dropped or torn.

Whatever is left must open by itself and hold exactly the rows after the last acknowledged transaction, or after the one
that was under way: nothing acknowledged is lost and no transaction is half there.
"""

from __future__ import annotations

import hashlib
import pickle
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import event

from app import clock
from app.db import Database, make_engine
from app.ids import new_id
from app.offices.models import Office
from app.ops import migrations
from app.quizzes import marking
from app.quizzes import services as quizzes
from app.runs.models import CourseRun, Enrolment
from app.sync import journal
from app.work import work
from tests.certificates.rows import issue, make_block, make_ended_run, make_signatory
from tests.chaos.disk import Disk, Written, disk
from tests.chaos.room import begin
from tests.factories import make_person

SMALL_LOG = 30  # pages after which the log is written back, so that a short recording has many of those
MEMORY = Path("/dev/shm")


@dataclass
class Recording:
    """What was written, and what the database held after each transaction."""

    base: dict[str, bytes] = field(default_factory=dict)  # files before the first transaction, all synced
    log: list[Written] = field(default_factory=list)
    acknowledged: list[int] = field(default_factory=list)  # length of the log when each transaction was acknowledged
    held: list[str] = field(default_factory=list)  # the rows after 0, 1, 2 … transactions, as a hash
    database: str = ""

    @classmethod
    def load(cls, path: Path) -> Recording:
        """One kept by `save`."""
        found = pickle.loads(path.read_bytes())
        assert isinstance(found, cls)
        return found

    def save(self, path: Path) -> None:
        """Keep it, so that a cut can be replayed."""
        path.write_bytes(pickle.dumps(self))


def rows_of(database: Any) -> str:
    """A hash of all rows of all tables of an open SQLite connection."""
    found = hashlib.sha256()
    tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    for table in tables:
        found.update(table.encode())
        for row in database.execute(f'SELECT * FROM "{table}" ORDER BY 1'):
            found.update(repr(row).encode())
    return found.hexdigest()


# ---- recording -------------------------------------------------------------------------------------------------------


def record(folder: Path, *, saves: int = 30, synchronous: str = "FULL") -> Recording:
    """Saves, signs of life, hand-ins, overrides and certificates as the real services write them, with restarts between."""
    path = folder / "sabaq.db"
    recording = Recording(database=str(path))
    database = _open(f"sqlite:///{path}", synchronous)
    migrations.upgrade(database.engine)
    with work(database) as db:
        trainees = begin(db, 3)
        run = make_ended_run(db, people=4)
        office = db.get_one(Office, run.office_id)
        make_block(db, office, given_to="class")
        signatory, run_id, run_office = make_signatory(db, office).id, run.id, office.id
    database.engine.dispose()
    recording.base = {name: Path(name).read_bytes() for name in (str(path),)}

    with disk() as recorder:
        database = _open(recorder.url(path), synchronous)
        _note(recording, recorder, database, acknowledge=False)

        @contextmanager
        def transaction() -> Iterator[Any]:
            with work(database) as db:
                yield db
            _note(recording, recorder, database)

        now, uptime = clock.now(), clock.uptime()
        for n in range(saves):
            trainee = trainees[n % 3]
            attempt = {"now": now, "uptime": uptime, "writer": trainee.writer}
            with transaction() as db:
                quizzes.save_answer(
                    db, UUID(trainee.attempt), question=trainee.draw[n % 6], response={"value": str(n)}, revision=n + 1, key=new_id().hex, **attempt,
                )
            if n % 5 == 0:
                with transaction() as db:
                    quizzes.beat(db, UUID(trainee.attempt), at=trainee.draw[1], seen=trainee.draw[:2], **attempt)
            if n % 11 == 10:  # the node is restarted: the log is written back and deleted
                database.engine.dispose()
                database = _open(recorder.url(path), synchronous)
        for trainee in trainees:
            with transaction() as db:
                quizzes.hand_in(db, UUID(trainee.attempt), now=now, uptime=uptime)
        with work(database) as db:
            taught = db.get_one(Enrolment, UUID(trainees[0].enrolment)).run_id
            marker = make_person(db, db.get_one(Office, run_office)).id
        _note(recording, recorder, database)
        for question in trainees[0].draw[:3]:  # an override: one question counts in full for everybody who had it
            with transaction() as db:
                assert marking.remark_question(db, run_id=taught, question=question, how="full", reason="The picture was missing.", by=marker, now=now)
        with transaction() as db:
            issue(db, db.get_one(CourseRun, run_id), folder, signatories=[signatory])
        database.engine.dispose()
        recording.log = recorder.log
    return recording


def _open(url: str, synchronous: str) -> Database:
    database = Database(make_engine(url), "class")
    journal.keep(database.sessions)

    @event.listens_for(database.engine, "connect")
    def small_log(connection: Any, _record: Any) -> None:
        connection.execute(f"PRAGMA wal_autocheckpoint={SMALL_LOG}")
        connection.execute(f"PRAGMA synchronous={synchronous}")

    return database


def _note(recording: Recording, recorder: Disk, database: Database, *, acknowledge: bool = True) -> None:
    if acknowledge:
        recording.acknowledged.append(len(recorder.log))
    raw = database.engine.raw_connection()
    recording.held.append(rows_of(raw.driver_connection))
    raw.close()


# ---- cutting ---------------------------------------------------------------------------------------------------------


class Found(AssertionError):
    """A cut that the database did not survive; the text says how to see it again."""


def cut(recording: Recording, seed: str, folder: Path) -> None:
    """Cut the power once, at a point and with losses that the seed decides; raises Found when something is wrong."""
    chance = random.Random(seed)
    at = chance.randint(0, len(recording.log))
    path = folder / "sabaq.db"
    for name, content in _left(recording, at, chance).items():
        target = folder / Path(name).name
        if content is None:
            target.unlink(missing_ok=True)
        else:
            target.write_bytes(content)
    (folder / "sabaq.db-shm").unlink(missing_ok=True)  # only a cache of the log, in memory
    wrong = _looked_at(path, recording, at)
    if wrong:
        raise Found(f"cut {seed} after {at} of {len(recording.log)} writes: {wrong}")


def _looked_at(path: Path, recording: Recording, at: int) -> str:
    engine = make_engine(f"sqlite:///{path}")
    try:
        raw = engine.raw_connection()
        database = raw.driver_connection
        assert database is not None
        faults = [row[0] for row in database.execute("PRAGMA integrity_check") if row[0] != "ok"]
        faults += [f"a row of {row[0]} points nowhere" for row in database.execute("PRAGMA foreign_key_check")]
        held = rows_of(database)
        raw.close()
    except (sa.exc.DBAPIError, engine.dialect.loaded_dbapi.Error) as error:
        return f"it does not open: {error}"
    finally:
        engine.dispose()
    if faults:
        return "; ".join(faults[:3])
    sure = sum(length <= at for length in recording.acknowledged)
    if held in recording.held[sure : sure + 2]:
        return ""
    if held in recording.held:
        return f"{sure} transactions were acknowledged, {recording.held.index(held)} are there"
    return f"after {sure} acknowledged transactions, one is half there"


def _left(recording: Recording, at: int, chance: random.Random) -> dict[str, bytes | None]:
    """Each file as the disk may have it: all that was synced, and of the rest what chance leaves."""
    lasting = chance.choice([0.0, 0.1, 0.5, 0.9, 1.0])  # of what was not synced
    sector = chance.choice([512, 4096])
    log = recording.log[:at]
    found: dict[str, bytes | None] = {}
    for name in sorted({*recording.base, *(one.file for one in log)}):
        mine = [(n, one) for n, one in enumerate(log) if one.file == name]
        synced = max((n for n, one in mine if one.what == "sync"), default=-1)
        content: bytearray | None = bytearray(recording.base[name]) if name in recording.base else None
        for n, one in mine:
            sure = n < synced
            if one.what == "write":
                content = content if content is not None else bytearray()
                for start, piece in [(one.at, one.data)] if sure else _sectors(one, sector):
                    if sure or chance.random() < lasting:
                        _put(content, start, piece if sure else _torn(piece, chance))
            elif one.what == "truncate" and content is not None and (sure or chance.random() < lasting):
                del content[one.at :]
            elif one.what == "delete" and (sure or chance.random() < lasting):
                content = None
            elif one.what == "delete":
                break  # the old file is still there under this name; what came after went into one that is lost
        found[name] = bytes(content) if content is not None else None
    return found


def _sectors(one: Written, size: int) -> list[tuple[int, bytes]]:
    edges = [one.at, *range((one.at // size + 1) * size, one.at + len(one.data), size), one.at + len(one.data)]
    return [(start, one.data[start - one.at : end - one.at]) for start, end in pairwise(edges)]


def _torn(piece: bytes, chance: random.Random) -> bytes:
    """Now and then the power went in the middle of a sector: only its beginning was written."""
    return piece[: chance.randrange(len(piece))] if chance.random() < 0.02 else piece


def _put(content: bytearray, start: int, piece: bytes) -> None:
    if len(content) < start:
        content.extend(bytes(start - len(content)))
    content[start : start + len(piece)] = piece


def cuts(recording: Recording, count: int, seed: str, *, keep_in: Path) -> None:
    """So many cuts. The recording of a failing one is kept, with the words that replay it."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        for n in range(count):
            try:
                cut(recording, f"{seed}/{n}", Path(folder))
            except Found as found:
                kept = Path(tempfile.mkdtemp(prefix="sabaq-cut-", dir=keep_in)) / "recording"
                recording.save(kept)
                raise Found(f"{found}\nReplay: python -m tests.chaos --recording {kept} --cut {seed}/{n}") from None
