"""Room on the node's disk: how much is left, what stops when it gets short, and the reserve that makes room to recover."""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from app.errors import Message, StorageFull, say

MEGABYTE = 1_000_000
LITTLE = 10  # per cent free: whoever runs the node is told
NO_FILES = 5  # files and bundles stop
NO_TESTS = 2  # no test begins; answers of those that run are taken to the last byte
RESERVE = 64 * 1024 * 1024
RESERVE_FILE = "reserve.bin"


class Level(IntEnum):
    """How short the room is."""

    ENOUGH = 0
    LITTLE = 1
    NO_FILES = 2
    NO_TESTS = 3

    @property
    def message(self) -> Message:
        """What it means for the people of this node."""
        return WORDS[self]


WORDS = {
    Level.ENOUGH: say("disk", "There is room enough."),
    Level.LITTLE: say("disk", "Everything still works. At 5 % free, files and bundles stop; at 2 %, no test begins."),
    Level.NO_FILES: say("disk", "Files and bundles are not taken now. Answers, attendance and marks are saved as always."),
    Level.NO_TESTS: say("disk", "No test can begin, and no file is taken. Tests that run go on, and their answers are saved."),
}


class NoRoomForFiles(StorageFull):
    message = say(
        "disk", "The server's disk is nearly full: files are not taken now, and nothing of this one was kept. Answers are saved as always. The administrator must make room on the server.",
    )


@dataclass(frozen=True)
class Disk:
    """A disk as it is now, in bytes."""

    free: int
    total: int

    @property
    def percent(self) -> int:
        """Free, in whole per cent, rounded down."""
        return self.free * 100 // self.total if self.total else 0

    @property
    def level(self) -> Level:
        """Which of the levels it has come to: a level begins below its share of the disk."""
        for level, share in ((Level.NO_TESTS, NO_TESTS), (Level.NO_FILES, NO_FILES), (Level.LITTLE, LITTLE)):
            if self.free * 100 < self.total * share:
                return level
        return Level.ENOUGH


def look(folder: Path) -> Disk:
    """The disk under a folder, which need not be there yet."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    found = shutil.disk_usage(folder)
    return Disk(found.free, found.total)


def refuse_files(folder: Path) -> None:
    """Raise NoRoomForFiles where the disk is too full for files."""
    if look(folder).level >= Level.NO_FILES:
        raise NoRoomForFiles()


# ---- the reserve -------------------------------------------------------------------------------------------------------


def reserve(folder: Path) -> int:
    """Bytes of the reserve that is kept now."""
    try:
        return (folder / RESERVE_FILE).stat().st_size
    except OSError:
        return 0


def keep_reserve(folder: Path, size: int = RESERVE) -> bool:
    """Make the reserve where there is none and the disk has room for it; gives whether there is one.

    Its blocks are really taken: what is given back later is there.
    """
    if reserve(folder):
        return True
    if Disk((now := look(folder)).free - size, now.total).level > Level.ENOUGH:
        return False
    part = folder / f"{RESERVE_FILE}.part"
    try:
        with part.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)
        part.replace(folder / RESERVE_FILE)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        return False
    return True


def give_back(folder: Path) -> int:
    """Give the reserve to the disk; gives its bytes. It is made again by itself once there is room."""
    size = reserve(folder)
    (folder / RESERVE_FILE).unlink(missing_ok=True)
    return size
