"""THE table of what lies in a node's folder: each file and folder, what bounds it, and what is thrown away when it is old."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from app import disk
from app.db import Database
from app.errors import Message, say
from app.ops import background
from app.ops.models import BackgroundJob
from app.people import register_uploads
from app.quizzes.models import PracticalWork
from app.sync import staging
from app.sync.models import HeldEntry, StoredSegment
from app.work import work
from config import Config

MADE_KEPT = timedelta(days=14)  # what a background job made, after it ended
JOBS_KEPT = timedelta(days=30)  # that it was asked for
HALF_KEPT = timedelta(days=1)  # a file that was being written when its process died
LONGEST_LOG = 64 * 1024 * 1024  # of SQLite's write-ahead log, before it is written back and cut
HALVES = (".*", "*.part")  # names of files on their way


@dataclass(frozen=True)
class Line:
    """One file or folder of the node, by its name."""

    name: str  # as fnmatch reads it
    what: Message
    bound: Message
    clean: Callable[[Database, Path, datetime], int] | None = None  # gives how many files went


SMALL = say("disk", "one small file")


# ---- what is thrown away -----------------------------------------------------------------------------------------------


def _made(database: Database, folder: Path, now: datetime) -> int:
    """Files that no job names any more, and those of jobs that ended two weeks ago; in time the jobs as well."""
    ended = BackgroundJob.state.in_((background.DONE, background.FAILED, background.CANCELLED))
    with work(database) as db:
        db.execute(sa.delete(BackgroundJob).where(ended, BackgroundJob.ended_at < now - JOBS_KEPT))
        fresh = db.scalars(sa.select(BackgroundJob).where(~(ended & (BackgroundJob.ended_at < now - MADE_KEPT))))
        named = {value for job in fresh for value in ((job.result or {}).get("file"), job.params.get("file")) if isinstance(value, str)}
    return _drop(path for path in _files(folder) if path.name not in named and _older(path, now - HALF_KEPT))


def _uploads(_database: Database, folder: Path, now: datetime) -> int:
    return _drop(path for path in _files(folder) if _older(path, now - register_uploads.KEPT))


def _exchange(_database: Database, folder: Path, now: datetime) -> int:
    return staging.clean(folder.parent, now)


def _halves(_database: Database, folder: Path, now: datetime) -> int:
    """Files that a killed process was writing; whole ones stay."""
    return _drop(
        path for path in _files(folder) if any(fnmatch.fnmatch(path.name, half) for half in HALVES) and _older(path, now - HALF_KEPT)
    )


def _log(database: Database, path: Path, _now: datetime) -> int:
    """Write SQLite's log back and cut it, where a long reader let it grow."""
    if database.name != "sqlite" or path.stat().st_size <= LONGEST_LOG:
        return 0
    raw = database.engine.raw_connection()
    try:
        raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        raw.close()
    return 0


def _practicals(database: Database, folder: Path, now: datetime) -> int:
    """Files of practical work that nothing names: left by a power cut while an erasure was carried out. What is set aside may name one."""
    gone = _halves(database, folder, now)
    with database.sessions() as db:
        aside = (sa.select(HeldEntry.id).where(HeldEntry.settled_at.is_(None)), sa.select(StoredSegment.id).where(StoredSegment.state == "quarantine"))
        if any(db.scalar(one.limit(1)) is not None for one in aside):
            return gone
        named = set(db.scalars(sa.select(PracticalWork.file_sha256).where(PracticalWork.file_sha256.is_not(None))))
    return gone + _drop(path for path in _files(folder) if path.name not in named and _older(path, now - MADE_KEPT))


def _files(folder: Path) -> Iterator[Path]:
    return (Path(base) / name for base, _, names in os.walk(folder) for name in names)


def _older(path: Path, moment: datetime) -> bool:
    try:
        return path.stat().st_mtime < moment.timestamp()
    except OSError:
        return False


def _drop(paths: Iterator[Path]) -> int:
    gone = 0
    for path in list(paths):
        path.unlink(missing_ok=True)
        gone += 1
    return gone


# ---- the table ---------------------------------------------------------------------------------------------------------


TABLE = (
    Line("sabaq.db", say("disk", "The database"), say("disk", "all that is kept; it is never cut")),
    Line("sabaq.db-wal", say("disk", "The database's log of newest writes"), say("disk", "written back by itself; cut above 64 MB"), _log),
    Line("sabaq.db-shm", say("disk", "The index of that log"), SMALL),
    Line("media", say("disk", "Pictures and films of courses"), say("disk", "those of published courses, each once"), _halves),
    Line("practicals", say("disk", "Files that trainees handed in"), say("disk", "at most 5 MB each; they are results and stay"), _practicals),
    Line("papers", say("disk", "Certificates as they were printed"), say("disk", "one file for each certificate; the same one again at every later print"), _halves),
    Line("made", say("disk", "Files made on demand: lists, print jobs"), say("disk", "14 days after they were made"), _made),
    Line("uploads", say("disk", "Lists of people between preview and take-over"), say("disk", "one for each person, 24 hours"), _uploads),
    Line("exchange", say("disk", "Bundles that are arriving or leaving"), say("disk", "one each way for each node, 14 days; never the last twentieth of the disk"), _exchange),
    Line("backups", say("disk", "Copies of the database and its files"), say("disk", "the newest 7, files that they share once; none is made on a disk that is nearly full"), _halves),
    Line("static", say("disk", "The program's own pictures and styles, compressed"), say("disk", "of this release and the one before")),
    Line(disk.RESERVE_FILE, say("disk", "The reserve that can be given back"), say("disk", "64 MB")),
    *(
        Line(name, what, SMALL)
        for name, what in (
            ("secret_key.txt", say("disk", "The key that signs cookies")),
            ("pepper.txt", say("disk", "What is mixed into password hashes")),
            ("node-keys.json", say("disk", "The node's keys for the exchange")),
            ("certificate-key.txt", say("disk", "The key that signs certificates")),
            ("anchor.json", say("disk", "Where the node's own journal ends")),
            ("joining.json", say("disk", "Which centre this class server belongs to")),
            ("exchange-ca.pem", say("disk", "Whom the line to the centre trusts")),
            ("second-journal.json", say("disk", "What the second journal holds")),
            ("jobs.lock", say("disk", "Which process does what comes round")),
            ("write-failed.txt", say("disk", "That the disk has failed once")),
            ("wipe-due.txt", say("disk", "That the database is still to be cleaned after an erasure")),
            ("demo", say("disk", "That the node holds demo data")),
            ("demo-trainees.txt", say("disk", "Sign-ins of the demo's trainees")),
        )
    ),
)
# A file that is put in place by renaming it shows for a moment, or for good after a power cut, under another name.
HALF = Line("half-written", say("disk", "Files that were being written when their process ended"), say("disk", "one day"), None)


def line_of(name: str) -> Line | None:
    """The table's line for a name in the node's folder; None for what nobody has bounded."""
    known = next((line for line in TABLE if fnmatch.fnmatch(name, line.name)), None)
    if known is None and any(fnmatch.fnmatch(name, half) for half in HALVES):
        return HALF
    return known


def clean(database: Database, config: Config, now: datetime) -> int:
    """Throw away what is old, folder by folder; gives how many files went. Comes round every hour."""
    gone = 0
    for line in TABLE:
        path = config.folder / line.name
        if line.clean is not None and path.exists():
            gone += line.clean(database, path, now)
    for path in config.folder.iterdir():
        if path.is_file() and line_of(path.name) is HALF and _older(path, now - HALF_KEPT):
            path.unlink(missing_ok=True)
            gone += 1
    return gone


@dataclass(frozen=True)
class Size:
    """How much a file or folder takes."""

    line: Line
    name: str
    bytes: int
    files: int


def sizes(folder: Path) -> list[Size]:
    """What the node's folder holds, the largest first."""
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        paths = list(_files(path)) if path.is_dir() else [path]
        line = line_of(path.name)
        if line is not None:
            found.append(Size(line, path.name, sum(_taken(one) for one in paths), len(paths)))
    return sorted(found, key=lambda one: (-one.bytes, one.name))


def _taken(path: Path) -> int:
    try:
        return path.stat().st_blocks * 512
    except OSError:
        return 0


def unknown(folder: Path) -> list[str]:
    """Names in the node's folder that the table does not bound."""
    return sorted(path.name for path in folder.iterdir() if line_of(path.name) is None) if folder.is_dir() else []

