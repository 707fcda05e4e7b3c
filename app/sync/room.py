"""Room on the node's disk for bundles on their way: what would not leave enough for answers is refused beforehand."""

from __future__ import annotations

import shutil
from pathlib import Path

from app import disk as disks
from app.errors import StorageFull, say

KEPT_FREE = disks.NO_FILES / 100  # of the disk, for answers: they go on when bundles have stopped


class NoRoom(StorageFull):
    """A bundle that does not fit, before a byte of it was taken."""

    def __init__(self, *, needed: int, free: int) -> None:
        self.needed, self.free = needed, free
        StorageFull.__init__(self)
        self.message = say(
            "exchange", "There is no room for this bundle: {needed} MB are needed and {free} MB can be used. Nothing was taken. Make room on the server, then it goes on by itself.",
            needed=-(-needed // 1_000_000), free=max(0, free) // 1_000_000,
        )


def usable(folder: Path) -> int:
    """Bytes that bundles may still take on the disk of this folder; below zero when answers' own share is touched."""
    disk = shutil.disk_usage(folder)
    return disk.free - int(disk.total * KEPT_FREE)


def refuse_without(folder: Path, needed: int) -> None:
    """Raise NoRoom unless so many bytes fit and the disk's last twentieth stays free."""
    free = usable(folder)
    if needed > free:
        raise NoRoom(needed=needed, free=free)
