"""Copies of a node, taken while it is in use, and bringing one back: the database, the files that its rows name, the node's keys."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock, disk, files
from app.certificates.models import Paper
from app.courses.models import Media
from app.db import Database, make_engine
from app.errors import Conflict, Invalid, say
from app.ops import VERSION, migrations
from app.people.models import Person
from app.quizzes.models import Answer, PracticalWork
from app.sync import anchor as anchors
from app.sync import chain
from app.work import work
from config import Config

FORMAT = 1
KEPT = 7  # copies in one folder; the oldest goes after a new one was checked
POOL = "files"  # of a folder of copies: each file once, whichever copies need it
KEYS = ("secret_key.txt", "pepper.txt", "node-keys.json", "certificate-key.txt", "joining.json", "exchange-ca.pem")
# The anchor is left out: a node that is brought back must not take itself for the one that went on (docs/exchange.md).


class NoSuchCopy(Invalid):
    message = say("backup", "This is no copy of a node: name the .json file beside its database.")


@dataclass(frozen=True)
class Copy:
    """One copy, as its notes say."""

    path: Path  # of the notes
    node: str
    at: str
    release: str
    schema: str
    sha256: str  # of the database
    size: int
    files: Mapping[str, list[str]]  # folder -> SHA-256 of the files in it

    @property
    def database(self) -> Path:
        """The copied database."""
        return self.path.with_suffix(".db")

    @property
    def keys(self) -> Path:
        """The node's keys."""
        return self.path.with_suffix(".keys")

    def file(self, sha256: str) -> Path:
        """A copied file."""
        return files.path_of(self.path.parent / POOL, sha256)


def read(path: Path) -> Copy:
    """The copy that these notes describe. Raises NoSuchCopy."""
    try:
        said = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        if said["v"] > FORMAT:
            raise Invalid(say("backup", "This copy was made by a newer release. Install that release, then bring it back."))
        return Copy(
            path.with_suffix(".json"), said["node"], said["at"], said["release"], said["schema"], said["sha256"], said["size"],
            {name: list(found) for name, found in said["files"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError) as wrong:
        raise NoSuchCopy() from wrong


def copies(folder: Path) -> list[Copy]:
    """The whole copies of a folder, the newest first."""
    found = []
    for path in sorted(folder.glob("sabaq-*.json"), reverse=True):
        try:
            found.append(read(path))
        except Invalid:
            continue
    return found


# ---- making ------------------------------------------------------------------------------------------------------------


def create(database: Database, config: Config, to: Path | None = None) -> str:
    """Write a copy into `to`, or into the node's own folder; open and check it; gives a sentence with its place and size.

    A file that an earlier copy in that folder has is not copied again. Raises Invalid on PostgreSQL, which has its own tools, and
    when the copy does not pass its check; NoRoomForFiles where it would leave too little room.
    """
    if database.name != "sqlite":
        raise Invalid(say("backup", "This node uses PostgreSQL: back it up with pg_dump, and copy the node's folder beside it."))
    folder = to or config.folder / "backups"
    folder.mkdir(parents=True, exist_ok=True)
    _refuse_without_room(folder, Path(database.engine.url.database or "").stat().st_size)
    notes = folder / f"sabaq-{clock.now():%Y%m%d-%H%M%S-%f}.json"
    copied = notes.with_suffix(".db")
    try:
        people, answers, named, missing = _copy(database, config, folder, copied)
        _write(notes.with_suffix(".keys"), json.dumps({key: _text(config.folder / key) for key in KEYS}), mode=0o600)
        said = {
            "v": FORMAT, "node": config.NODE, "at": clock.now().isoformat(), "release": VERSION, "schema": migrations.newest(),
            "sha256": _sha256(copied), "size": copied.stat().st_size, "files": named,
        }
        _write(notes, json.dumps(said, indent=1))  # last: a copy without notes is none
    except BaseException:
        for path in (copied, notes.with_suffix(".keys")):
            path.unlink(missing_ok=True)
        raise
    _forget_old(folder)
    count = sum(map(len, named.values()))
    tail = f" {missing} files were missing." if missing else ""
    return f"{copied}: {copied.stat().st_size // 1024} KB, {people} people, {answers} answers, {count} files, checked.{tail}"


def _copy(database: Database, config: Config, folder: Path, copied: Path) -> tuple[int, int, dict[str, list[str]], int]:
    """Copy database and files; gives people, answers, the files that rows name, and how many of those the node itself lacks."""
    raw = database.engine.raw_connection()  # outside any transaction, which VACUUM refuses
    try:
        raw.cursor().execute("VACUUM INTO ?", (str(copied),))
    finally:
        raw.close()
    people, answers, named = _look_into(copied)
    missing = sum(not _keep(config.folder / name, folder / POOL, sha256) for name, found in named.items() for sha256 in found)
    _sync(copied)
    return people, answers, named, missing


def _refuse_without_room(folder: Path, needed: int) -> None:
    now = disk.look(folder)
    if disk.Disk(now.free - needed, now.total).level >= disk.Level.NO_FILES:
        raise disk.NoRoomForFiles()


def _look_into(path: Path) -> tuple[int, int, dict[str, list[str]]]:
    """People, answers, and the files that rows name. Raises Invalid for a copy that is not sound."""
    engine = make_engine(f"sqlite:///{path}")
    try:
        with Session(engine) as db:
            sound = db.connection().exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
            people, answers = (db.scalar(sa.select(sa.func.count()).select_from(table)) or 0 for table in (Person, Answer))
            named = {
                "media": sorted(set(db.scalars(sa.select(Media.sha256)))),
                "practicals": sorted({one for one in db.scalars(sa.select(PracticalWork.file_sha256)) if one}),
                "papers": sorted(set(db.scalars(sa.select(Paper.sha256)))),
            }
    finally:
        engine.dispose()
    for side in ("-wal", "-shm"):
        path.with_name(path.name + side).unlink(missing_ok=True)
    if not sound:
        raise Invalid(say("backup", "The copy did not pass its check. Do not rely on it; look at the disk."))
    return people, answers, named


def _keep(source: Path, pool: Path, sha256: str) -> bool:
    """Have a file in the pool: there already, as a second name on the same disk, or copied. False where the node itself lacks it."""
    path, kept = files.path_of(source, sha256), files.path_of(pool, sha256)
    if kept.exists():
        return True
    if not path.exists():
        return False
    kept.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(path, kept)  # files never change under their hash, so one that is removed here stays there
    except OSError:
        _refuse_without_room(pool, path.stat().st_size)
        files.keep_pieces(kept, _pieces(path))
    return True


def _forget_old(folder: Path) -> None:
    """Keep the newest copies; of the files those that they name."""
    found = copies(folder)
    for old in found[KEPT:]:
        for path in (old.path, old.keys, old.database):
            path.unlink(missing_ok=True)
    named = {sha256 for one in found[:KEPT] for listed in one.files.values() for sha256 in listed}
    for path in (folder / POOL).glob("*/*"):
        if path.name not in named:
            path.unlink(missing_ok=True)


# ---- bringing one back -------------------------------------------------------------------------------------------------


def restore(config: Config, source: Path) -> str:
    """Make this node of a copy: verified whole before anything is written. It goes on in a new epoch. Gives a sentence.

    Raises Conflict where there is a node already, and Invalid for a copy that is another node's, damaged or incomplete.
    """
    copy = read(source)
    if config.DATABASE_URL:
        raise Invalid(say("backup", "This node uses PostgreSQL: bring its database back with pg_restore."))
    if (config.folder / "sabaq.db").exists():
        raise Conflict(say("backup", "There is a node in {folder}. Nothing was changed. To bring the copy back in its place, move that folder away first and keep it.", folder=str(config.folder)))
    if copy.node != config.NODE:
        raise Invalid(say("backup", "This copy is of the node {node}. Set SABAQ_NODE={node}, then bring it back.", node=copy.node))
    keys = _verify(copy)
    _refuse_without_room(config.folder.parent if config.folder.parent.exists() else Path("/"), copy.size + sum(_size_of(copy)))
    config.folder.mkdir(parents=True, exist_ok=True)
    for name, found in copy.files.items():
        for sha256 in found:
            path = files.path_of(config.folder / name, sha256)
            if copy.file(sha256).exists() and not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                files.keep_pieces(path, _pieces(copy.file(sha256)))
    for name, text in keys.items():
        if text is not None:
            _write(config.folder / name, text, mode=0o600)
    part = config.folder / "sabaq.db.part"
    shutil.copyfile(copy.database, part)
    epoch = _begin_epoch(part, config)
    _sync(part)
    part.replace(config.folder / "sabaq.db")  # last: until then there is no node here, and it may be tried again
    _sync(config.folder)
    return f"Node {config.NODE} is as it was on {copy.at}. It goes on in epoch {epoch}; what it wrote after that comes back with the next exchange. Orders to erase that were given after the copy must be given again at a centre."


def _verify(copy: Copy) -> dict[str, str | None]:
    """Read all of a copy; gives the keys. Raises Invalid for what is missing or damaged."""
    if not copy.database.exists() or _sha256(copy.database) != copy.sha256:
        raise Invalid(say("backup", "The database of this copy is missing or damaged. Take an older copy."))
    for listed in copy.files.values():
        for sha256 in listed:
            path = copy.file(sha256)
            if path.exists() and _sha256(path) != sha256:
                raise Invalid(say("backup", "The file {name} of this copy is damaged. Take an older copy, or another medium.", name=sha256[:12]))
    try:
        keys = json.loads(copy.keys.read_text(encoding="utf-8"))
        return {name: keys[name] for name in KEYS}
    except (OSError, ValueError, KeyError, TypeError) as wrong:
        raise Invalid(say("backup", "The keys of this copy are missing or damaged: without them nobody could sign in.")) from wrong


def _size_of(copy: Copy) -> Iterator[int]:
    for listed in copy.files.values():
        for sha256 in listed:
            if copy.file(sha256).exists():
                yield copy.file(sha256).stat().st_size


def _begin_epoch(path: Path, config: Config) -> str:
    """Bring the copied database to this release, and let it begin another life: what it writes is told from what the lost one wrote."""
    known = anchors.read(config.folder)
    database = Database(make_engine(f"sqlite:///{path}"), config.NODE)
    try:
        migrations.upgrade(database.engine)
        with work(database) as db:
            epoch = chain.begin_epoch(db, why="restored", now=clock.now(), at_least=known.ordinal + 1 if known else 1)
            head = chain.head_of(db, epoch)
            code = epoch.code
        with database.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        database.engine.dispose()
    for side in ("-wal", "-shm"):
        path.with_name(path.name + side).unlink(missing_ok=True)
    anchors.write(config.folder, anchors.Anchor(config.NODE, head.epoch, head.ordinal, head.number, head.hash, anchors.this_machine()))
    return code


# ---- files -------------------------------------------------------------------------------------------------------------


def newest(folder: Path) -> datetime | None:
    """When the newest copy of a folder was made."""
    found = copies(folder)
    return datetime.fromisoformat(found[0].at) if found else None


def _pieces(path: Path) -> Iterable[bytes]:
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            yield piece


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def _write(path: Path, text: str, *, mode: int = 0o644) -> None:
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
