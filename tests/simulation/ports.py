"""What the product meets the machine through, in the hands of the simulation: a clock, and a power switch that any write can trip."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from app.clock import Clock, Uptime

BEGINNING = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
RESTARTS_IN_MS = 30_000


class PowerCut(BaseException):
    """The machine is dead from here on. No `except Exception` stops it, and nothing that still runs reaches the disk."""


class WorldTime:
    """True time, which no node knows: seconds since the beginning."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def passes(self, seconds: float) -> None:
        """Time goes by for everybody."""
        self.seconds += seconds

    @property
    def now(self) -> datetime:
        """The true moment."""
        return BEGINNING + timedelta(seconds=self.seconds)


class MachineClock(Clock):
    """The clocks of one machine: a wall clock that may be wrong by years, and an uptime that nothing sets."""

    def __init__(self, time: WorldTime, name: str) -> None:
        self.time, self.name = time, name
        self.offset, self.boots, self.booted = timedelta(0), 1, 0.0

    def now(self) -> datetime:
        """What the wall clock shows."""
        return self.time.now + self.offset

    def uptime(self) -> Uptime:
        """What the machine's own clock shows."""
        return Uptime(f"{self.name}-{self.boots}", RESTARTS_IN_MS + round((self.time.seconds - self.booted) * 1000))

    def restarts(self) -> None:
        """The machine starts anew."""
        self.boots, self.booted = self.boots + 1, self.time.seconds

    def shows(self, moment: datetime) -> None:
        """Somebody, or an empty battery, sets the wall clock."""
        self.offset = moment - self.time.now


class Power:
    """The power of one machine. Armed, it fails at the n-th point at which something is about to reach the disk or the outside."""

    def __init__(self) -> None:
        self.left: int | None = None
        self.steps: frozenset[str] | None = None  # which points count; None: all
        self.dead = False
        self.disk_full = False
        self.points = 0  # passed since the machine was last asked for something
        self.at = ""  # where it failed

    def fails_in(self, points: int, steps: frozenset[str] | None = None) -> None:
        """Fail at that point from now, counting those named only; 1 is the next."""
        self.left, self.steps = points, steps

    def comes_back(self) -> None:
        """Whole again."""
        self.left, self.dead, self.at = None, False, ""

    def point(self, what: str) -> None:
        """Something is about to reach the disk."""
        self.points += 1
        if self.dead:
            raise PowerCut(self.at)
        if self.left is not None and (self.steps is None or what in self.steps):
            self.left -= 1
            if self.left <= 0:
                self.left, self.dead, self.at = None, True, what
                raise PowerCut(what)


_running: list[Power] = []  # whose machine works now: files have no engine to ask


@contextmanager
def running(power: Power) -> Iterator[None]:
    """What happens inside happens on this machine."""
    _running.append(power)
    try:
        yield
    finally:
        _running.pop()


def watch(engine: sa.Engine, power_of: Any) -> None:
    """Let each statement and each commit of an engine be a point of the machine that `power_of()` names at that time."""

    def statement(_connection: Any, _cursor: Any, text: str, *_rest: Any) -> None:
        power_of().point(text.split(" ", 1)[0])

    def commit(_connection: Any) -> None:
        power_of().point("commit")

    event.listen(engine, "before_cursor_execute", statement)
    event.listen(engine, "commit", commit)


class _Files:
    """The calls by which the product puts files in place, each a point at which the power may fail or the disk be full."""

    names = ("fsync", "replace", "rename", "link")

    def __init__(self) -> None:
        self.real = {name: getattr(os, name) for name in (*self.names, "unlink")}

    def install(self) -> None:
        for name in self.names:
            setattr(os, name, self._guarded(name))
        os.unlink = self._unlink  # type: ignore[assignment]

    def remove(self) -> None:
        for name, real in self.real.items():
            setattr(os, name, real)

    def _guarded(self, name: str) -> Any:
        real = self.real[name]

        def call(*args: Any, **kwargs: Any) -> Any:
            if _running:
                power = _running[-1]
                power.point(name)
                if name == "fsync":
                    if power.disk_full:
                        raise OSError(errno.ENOSPC, "No space left on device")
                    return None  # the folder is in memory: nothing to wait for
            return real(*args, **kwargs)

        return call

    def _unlink(self, *args: Any, **kwargs: Any) -> None:
        if _running and _running[-1].dead:
            raise PowerCut(_running[-1].at)  # a dead machine tidies nothing up
        self.real["unlink"](*args, **kwargs)


@contextmanager
def simulated_files() -> Iterator[None]:
    """File calls go through the machine that runs at the time; without one they are the real ones."""
    files = _Files()
    files.install()
    try:
        yield
    finally:
        files.remove()
