"""A stick that fails at a chosen moment: a folder below which writing and reading stop as on a real one."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from app.sync import stick


class Failing:
    """Counts the bytes that go to and come from the folder, and breaks at a number of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)
        self.written = self.read = self.synced = 0
        self.write_until: int | None = None
        self.read_until: int | None = None
        self.sync_until: int | None = None
        self.says = errno.EIO
        self.lies_at: int | None = None  # the byte that comes back as another one

    def on_it(self, descriptor: int) -> bool:
        """Whether an open file lies on the stick."""
        try:
            return os.readlink(f"/proc/self/fd/{descriptor}").startswith(self.folder)
        except OSError:
            return False

    def fail(self, code: int | None = None) -> None:
        """What the system says."""
        raise OSError(code or self.says, os.strerror(code or self.says))


@contextmanager
def failing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Failing]:
    """For the length of it the system calls about this folder count, and fail when told to."""
    state = Failing(folder)
    write, preadv, fdatasync, fsync = os.write, os.preadv, os.fdatasync, os.fsync

    def our_write(descriptor: int, data: Any) -> int:
        if not state.on_it(descriptor):
            return write(descriptor, data)
        if state.write_until is not None:
            fits = state.write_until - state.written
            if fits <= 0:
                state.fail()
            data = memoryview(data)[:fits]
        done = write(descriptor, data)
        state.written += done
        return done

    def our_preadv(descriptor: int, buffers: Any, offset: int, *more: Any) -> int:
        if state.on_it(descriptor) and state.read_until is not None and offset >= state.read_until:
            state.fail()
        done = preadv(descriptor, buffers, offset, *more)
        if state.lies_at is not None and offset <= state.lies_at < offset + done:
            buffers[0][state.lies_at - offset] ^= 1
        state.read += done
        return done

    def our_sync(real: Any) -> Any:
        def sync(descriptor: int) -> None:
            if state.on_it(descriptor):
                if state.sync_until is not None and state.synced >= state.sync_until:
                    state.fail()
                state.synced += 1
            real(descriptor)

        return sync

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", our_write)
        patch.setattr(os, "preadv", our_preadv)
        patch.setattr(os, "fdatasync", our_sync(fdatasync))
        patch.setattr(os, "fsync", our_sync(fsync))
        yield state


def small_pieces(monkeypatch: pytest.MonkeyPatch, size: int = 4096) -> None:
    """Pieces of one page, so that a small file has many."""
    monkeypatch.setattr(stick, "PIECE", size)
