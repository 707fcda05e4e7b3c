"""What time it is: the wall clock for people, and a clock that no hand can set for tests with a time limit."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Uptime:
    """A reading of the machine's own clock: milliseconds since it started, and which start that was.

    It runs on through sleep and is the same in every process; setting the wall clock does not move it.
    """

    boot: str
    ms: int


class Clock:
    """The real clock of this machine."""

    def __init__(self) -> None:
        self.boot = BOOT_ID.read_text().strip() if BOOT_ID.exists() else "unknown"

    def now(self) -> datetime:
        """The wall clock, UTC."""
        return datetime.now(UTC)

    def uptime(self) -> Uptime:
        """The machine's own clock."""
        return Uptime(self.boot, time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000)


C = TypeVar("C", bound=Clock)

_clock = Clock()


def now() -> datetime:
    """The wall clock, UTC."""
    return _clock.now()


def uptime() -> Uptime:
    """The machine's own clock, which no step of the wall clock moves."""
    return _clock.uptime()


@contextmanager
def using(clock: C) -> Iterator[C]:
    """Another clock for the length of a test or of a rehearsed history (demo data)."""
    global _clock
    before, _clock = _clock, clock
    try:
        yield clock
    finally:
        _clock = before
