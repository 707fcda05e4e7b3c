"""Whether what is committed reaches the disk: what the database reported, and who may write after that."""

from __future__ import annotations

import enum
import logging
import os
import threading
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import event

from app.errors import Message, StorageFailed, StorageFull

log = logging.getLogger("sabaq.storage")

# SQLite's primary result codes (https://www.sqlite.org/rescode.html) and PostgreSQL's SQLSTATEs (appendix A of its manual).
SQLITE_FULL = 13
SQLITE_FAULTS = {8: "read only", 10: "disk I/O error", 11: "malformed", 26: "no database"}
POSTGRESQL_FULL = "53100"
POSTGRESQL_FAULTS = {"58030", "XX001", "XX002"}


class Trouble(enum.Enum):
    """What keeps the node from writing."""

    FULL = "full"  # a write found no room; it was undone cleanly, and the next one that fits is taken again
    FAILED = "failed"  # the disk reported an error: nothing is written until the node was restarted and checked

    @property
    def message(self) -> Message:
        """What a person is told."""
        return StorageFull.message if self is Trouble.FULL else StorageFailed.message


class Storage:
    """What this node knows of the disk under its database.

    A failed write is kept in a file beside the database, so that all processes of the node stop writing. Where the
    file cannot be written either, this process alone knows.
    """

    def __init__(self, marker: Path) -> None:
        self.marker = marker
        self._marker = str(marker)  # looked for at every write
        self._full = False
        self._failed = ""
        self._lock = threading.Lock()

    @property
    def trouble(self) -> Trouble | None:
        """What keeps the node from writing now; None when nothing does."""
        if self._failed or self.marker.exists():
            return Trouble.FAILED
        return Trouble.FULL if self._full else None

    @property
    def reported(self) -> str:
        """What the database said when a write failed; empty when none has."""
        try:
            return self.marker.read_text(encoding="utf-8").strip()
        except OSError:
            return self._failed

    def refuse_if_failed(self) -> None:
        """Raise StorageFailed when a write of this node has failed since it was checked."""
        if self._failed or os.path.exists(self._marker):
            raise StorageFailed()

    def watch(self, engine: sa.Engine) -> None:
        """Listen to what the database of this engine reports."""
        event.listen(engine, "handle_error", lambda context: self.heard(context.original_exception))

    def heard(self, error: BaseException) -> None:
        """The driver has reported an error; it may be about the disk."""
        found = trouble_of(error)
        if found is Trouble.FULL:
            log.error("the disk is full: %s", error)
            self._full = True
        elif found is Trouble.FAILED:
            self.failed(str(error))

    def failed(self, said: str) -> None:
        """The disk reported an error."""
        with self._lock:
            if self._failed:
                return
            self._failed = said
        log.critical("the disk reported an error, nothing is written any more: %s", said)
        try:
            self.marker.write_text(said + "\n", encoding="utf-8")
        except OSError:
            log.exception("%s could not be written", self.marker)

    def stored(self) -> None:
        """A commit came through: there is room again."""
        self._full = False

    def checked(self) -> None:
        """The database was found whole after a restart: it may be written again."""
        self.marker.unlink(missing_ok=True)
        self._failed = ""


def trouble_of(error: BaseException) -> Trouble | None:
    """What an error of the database driver says about the disk."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None:
        primary = code & 0xFF
        return Trouble.FULL if primary == SQLITE_FULL else Trouble.FAILED if primary in SQLITE_FAULTS else None
    state = getattr(error, "sqlstate", None)
    return Trouble.FULL if state == POSTGRESQL_FULL else Trouble.FAILED if state in POSTGRESQL_FAULTS else None


def check(engine: sa.Engine) -> list[str]:
    """What is wrong in the database file, and whether it can be written to the disk; nothing when it is whole.

    Reads the whole file: seconds for a class server, and only after a failed write.
    """
    if engine.dialect.name != "sqlite":
        return []  # the server checks itself when it starts
    faults = (sa.exc.DBAPIError, engine.dialect.loaded_dbapi.Error)
    try:
        raw = engine.raw_connection()  # as the driver gives it, so that no transaction is open when the log is written back
    except faults as error:
        return [str(error)]
    try:
        cursor = raw.cursor()
        wrong = [row[0] for row in cursor.execute("PRAGMA integrity_check(20)").fetchall() if row[0] != "ok"]
        wrong += [f"a row of {row[0]} points nowhere" for row in cursor.execute("PRAGMA foreign_key_check").fetchmany(20)]
        [version] = cursor.execute("PRAGMA user_version").fetchone()
        cursor.execute(f"PRAGMA user_version={version}")  # a write of one page, with full sync
        cursor.execute("PRAGMA wal_checkpoint(FULL)").fetchall()
    except faults as error:
        return [str(error)]
    finally:
        raw.close()
    return wrong


def check_after_failure(engine: sa.Engine, storage: Storage) -> list[str]:
    """At the start of a node: when a write failed before, look whether the database may be trusted again."""
    if storage.trouble is not Trouble.FAILED:
        return []
    said = storage.reported
    wrong = check(engine)
    if wrong:
        storage.failed(said)
    else:
        log.warning("a write had failed (%s); the database was checked, is whole, and is written again", said)
        storage.checked()
    return wrong
