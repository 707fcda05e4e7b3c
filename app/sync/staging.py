"""Bundles on their way over the wire, in the node's folder: one arriving and one leaving for each peer, whole or in part.

Nothing here is believed: a bundle is verified when it is taken. A part survives a cut, a killed process and a power cut, and is
thrown away when another bundle takes its place or when nobody has asked for it for two weeks.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from app.errors import Conflict, Invalid, say
from app.sync import room

FOLDER = "exchange"
KEPT = timedelta(days=14)
PATIENCE = 60.0  # seconds that a taker waits for another one: most bundles are taken in a few, and nobody has to ask again


class OffsetGone(Conflict):
    """A piece that does not begin where the part ends; `offset` is where it ends."""

    message = say("wire", "This piece does not continue what has arrived.")

    def __init__(self, offset: int) -> None:
        self.offset = offset
        super().__init__()


class TooMuch(Invalid):
    message = say("wire", "More was sent than was announced. Nothing of this piece was kept.")


class NotAnnounced(Conflict):
    message = say("wire", "This bundle is not expected here any more. Begin the exchange again.")


class Damaged(Invalid):
    message = say("wire", "The bundle did not arrive as it was sent. It was thrown away and will be sent again.")


class UnderWay(Conflict):
    message = say("wire", "Another exchange with this node is under way. Try again when it is done.")


@dataclass(frozen=True)
class Part:
    """A bundle that is coming: which, how large it will be, how much is here."""

    id: str
    size: int
    sha256: str
    offset: int
    more: dict[str, Any]  # what its maker wanted to remember

    @property
    def whole(self) -> bool:
        """Whether all of it is here, by its size."""
        return self.offset == self.size


@dataclass(frozen=True)
class Place:
    """Where one bundle is kept: `<name>.bundle`, and beside it what is known of it."""

    folder: Path
    name: str

    @property
    def path(self) -> Path:
        """The bundle's file."""
        return self.folder / f"{self.name}.bundle"

    @property
    def _notes(self) -> Path:
        return self.folder / f"{self.name}.json"

    def part(self) -> Part | None:
        """What is here; None when nothing is, or nothing that can be read."""
        try:
            known = json.loads(self._notes.read_text(encoding="utf-8"))
            return Part(known["id"], known["size"], known["sha256"], self.path.stat().st_size, known.get("more", {}))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def expect(self, id: str, size: int, sha256: str) -> Part:
        """Make ready for a bundle, in the place of another one; what is here of the same one stays. Raises NoRoom."""
        known = self.part()
        if known and (known.id, known.size, known.sha256) == (id, size, sha256) and known.offset <= size:
            room.refuse_without(self.folder, size - known.offset)
            return known
        self.drop()
        self.folder.mkdir(parents=True, exist_ok=True)
        room.refuse_without(self.folder, size)
        self.path.touch()
        self._note({"id": id, "size": size, "sha256": sha256})
        return Part(id, size, sha256, 0, {})

    def add(self, id: str, offset: int, data: bytes) -> Part:
        """Put a piece behind what is here. Raises NotAnnounced, OffsetGone, TooMuch, NoRoom; then nothing of it is kept."""
        known = self.part()
        if known is None or known.id != id:
            raise NotAnnounced()
        if offset != known.offset:
            raise OffsetGone(known.offset)
        if offset + len(data) > known.size:
            raise TooMuch()
        room.refuse_without(self.folder, len(data))
        with self.path.open("r+b") as file:
            try:
                file.seek(offset)
                file.write(data)
                file.flush()
            except OSError:
                with contextlib.suppress(OSError):
                    file.truncate(offset)
                raise
        return Part(known.id, known.size, known.sha256, offset + len(data), known.more)

    def keep(self, made: Path, id: str, *, sha256: str, **more: Any) -> Part:
        """Put a bundle that was made here in this place; the one that was here goes."""
        size = made.stat().st_size
        self.drop()
        self.folder.mkdir(parents=True, exist_ok=True)
        os.replace(made, self.path)
        self._note({"id": id, "size": size, "sha256": sha256, "more": more})
        return Part(id, size, sha256, size, more)

    @property
    def holds(self) -> str:
        """Which bundle is here; empty: none."""
        part = self.part()
        return part.id if part else ""

    def remember(self, **more: Any) -> None:
        """Note something about the bundle that is here."""
        known = self.part()
        if known is None:
            raise NotAnnounced()
        self._note({"id": known.id, "size": known.size, "sha256": known.sha256, "more": known.more | more})

    def touched_after(self, moment: datetime) -> bool:
        """Whether the bundle was begun or changed since."""
        try:
            return self._notes.stat().st_mtime > moment.timestamp()
        except OSError:
            return False

    def drop_if(self, id: str) -> None:
        """Forget this bundle, when it is the one that is here."""
        if self.holds == id:
            self.drop()

    def check(self) -> Part:
        """The whole bundle, the same byte for byte as was announced. Raises NotAnnounced; Damaged, and then it is gone."""
        known = self.part()
        if known is None or not known.whole:
            raise NotAnnounced()
        if sha256_of(self.path) != known.sha256:
            self.drop()
            raise Damaged()
        return known

    def drop(self) -> None:
        """Forget it."""
        self._notes.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)

    def _note(self, known: dict[str, Any]) -> None:
        write_whole(self._notes, json.dumps(known).encode())


@dataclass
class Staging:
    """The folder of one peer."""

    folder: Path

    @property
    def arriving(self) -> Place:
        """What comes from the peer."""
        return Place(self.folder, "arriving")

    @property
    def leaving(self) -> Place:
        """What goes to the peer."""
        return Place(self.folder, "leaving")

    def alone(self, *, patience: float = 0.0) -> AbstractContextManager[None]:
        """For the length of it no other process of this node speaks with this peer over the line. Raises UnderWay after so many seconds."""
        return self._only("lock", patience)

    def taking(self, *, patience: float = 0.0) -> AbstractContextManager[None]:
        """For the length of it no other process of this node takes a bundle of this peer: a weak line, which sends for hours, has it
        only while it applies what has arrived. Raises UnderWay after so many seconds."""
        return self._only("taking", patience)

    @contextlib.contextmanager
    def _only(self, name: str, patience: float) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        until = time.monotonic() + patience
        with (self.folder / name).open("ab") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except OSError as error:
                    if time.monotonic() >= until:
                        raise UnderWay() from error
                time.sleep(0.2)
            yield

    @property
    def ticket(self) -> str:
        """The ticket of the last answer; empty when there is none."""
        try:
            return (self.folder / "ticket").read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError):
            return ""

    @ticket.setter
    def ticket(self, value: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(self.folder / "ticket", value.encode(), sync=False)


def of(node_folder: Path, peer: str) -> Staging:
    """The folder of a peer, whose code is known from the list of nodes."""
    return Staging(node_folder / FOLDER / peer)


def clean(node_folder: Path, now: datetime) -> int:
    """Throw away what nobody has touched for two weeks; gives how many files went."""
    gone = 0
    for path in (node_folder / FOLDER).glob("*/*"):
        if path.suffix in (".bundle", ".json", ".part") and path.stat().st_mtime < (now - KEPT).timestamp():
            path.unlink(missing_ok=True)
            gone += 1
    return gone


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_whole(path: Path, data: bytes, *, sync: bool = True) -> None:
    """Replace a small file, whole or not at all."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    with part.open("wb") as file:
        file.write(data)
        if sync:
            file.flush()
            os.fsync(file.fileno())
    part.replace(path)
