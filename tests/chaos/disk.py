"""A disk under the product's own SQLite: records what is written and when it is synced, and fails when a test says so.

It is a VFS made with ctypes in the very library that the product runs on (docs/decisions/0007): the files are opened by
SQLite's own VFS for this system, and of each file only write, truncate and sync pass through here first.
"""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pysqlite3._sqlite3

OK, FULL, IOERR_WRITE, IOERR_FSYNC = 0, 13, 778, 1034
MAIN_DB, MAIN_JOURNAL, WAL = 0x100, 0x800, 0x80000

_library = ctypes.CDLL(pysqlite3._sqlite3.__file__)
_library.sqlite3_vfs_find.restype = ctypes.c_void_p
_pointer, _int, _wide = ctypes.c_void_p, ctypes.c_int, ctypes.c_longlong
_OPEN = ctypes.CFUNCTYPE(_int, _pointer, _pointer, _pointer, _int, _pointer)
_DELETE = ctypes.CFUNCTYPE(_int, _pointer, _pointer, _int)
_WRITE = ctypes.CFUNCTYPE(_int, _pointer, _pointer, _int, _wide)
_TRUNCATE = ctypes.CFUNCTYPE(_int, _pointer, _wide)
_SYNC = ctypes.CFUNCTYPE(_int, _pointer, _int)


class _Vfs(ctypes.Structure):
    """sqlite3_vfs, version 3 (https://www.sqlite.org/c3ref/vfs.html)."""

    _fields_ = [("version", _int), ("file_size", _int), ("longest_path", _int), ("next", _pointer), ("name", ctypes.c_char_p), ("data", _pointer)] + [
        (name, _pointer)
        for name in (
            "open", "delete", "access", "full_path", "dl_open", "dl_error", "dl_sym", "dl_close", "randomness", "sleep", "time",
            "last_error", "time64", "set_system_call", "get_system_call", "next_system_call",
        )
    ]  # fmt: skip


class _Methods(ctypes.Structure):
    """sqlite3_io_methods, version 3 (https://www.sqlite.org/c3ref/io_methods.html)."""

    _fields_ = [("version", _int)] + [
        (name, _pointer)
        for name in (
            "close", "read", "write", "truncate", "sync", "size", "lock", "unlock", "reserved", "control", "sector", "character",
            "shm_map", "shm_lock", "shm_barrier", "shm_unmap", "fetch", "unfetch",
        )
    ]  # fmt: skip


@dataclass(frozen=True)
class Written:
    """Something that happened to a file, in the order in which it happened."""

    what: Literal["write", "truncate", "sync", "delete"]
    file: str
    at: int = 0  # offset of a write, new size of a truncate
    data: bytes = b""


@dataclass
class Disk:
    """What happened, and what shall fail."""

    name: str
    log: list[Written] = field(default_factory=list)
    error: int = OK  # what every write and sync answers while it is not OK
    fails: frozenset[str] = frozenset({"write", "sync"})
    _files: dict[int, str] = field(default_factory=dict)
    _kept: list[Any] = field(default_factory=list)  # what C points at

    def url(self, path: Path) -> str:
        """The address of a database on this disk."""
        return f"sqlite:///file:{path}?vfs={self.name}&uri=true"

    def refuses(self, what: str) -> bool:
        """Whether this fails now."""
        return self.error != OK and what in self.fails


_numbers = itertools.count(1)


@contextmanager
def disk() -> Iterator[Disk]:
    """A disk that records; databases on it are opened by `disk.url(path)`."""
    made = Disk(f"recorded-{next(_numbers)}")
    original = _Vfs.from_address(_library.sqlite3_vfs_find(None))
    vfs = _Vfs.from_buffer_copy(original)
    vfs.name = made.name.encode()
    inner_open, inner_delete = _OPEN(original.open), _DELETE(original.delete)
    tables: dict[int, _Methods] = {}  # SQLite has a table of functions for each way of locking: one copy of each

    def opened(this: int, path: int | None, file: int, flags: int, out: int | None) -> int:
        code: int = inner_open(this, path, file, flags, out)
        if code == OK and path and flags & (MAIN_DB | MAIN_JOURNAL | WAL):
            made._files[file] = ctypes.string_at(path).decode()
            slot = _pointer.from_address(file)
            assert slot.value is not None
            slot.value = ctypes.addressof(tables.get(slot.value) or tables.setdefault(slot.value, _patched(made, slot.value)))
        return code

    def deleted(this: int, path: int, sync: int) -> int:
        code: int = inner_delete(this, path, sync)
        if code == OK:
            made.log.append(Written("delete", ctypes.string_at(path).decode()))
        return code

    for name, kind, function in (("open", _OPEN, opened), ("delete", _DELETE, deleted)):
        _put(made, vfs, name, kind(function))
    made._kept += [vfs, tables, inner_open, inner_delete]
    _library.sqlite3_vfs_register(ctypes.byref(vfs), 0)
    try:
        yield made
    finally:
        _library.sqlite3_vfs_unregister(ctypes.byref(vfs))


def _put(made: Disk, table: ctypes.Structure, name: str, function: Any) -> None:
    made._kept.append(function)
    setattr(table, name, ctypes.cast(function, _pointer))


def _patched(made: Disk, address: int) -> _Methods:
    """A file's table of functions with ours in front of write, truncate and sync."""
    original = _Methods.from_address(address)
    table = _Methods.from_buffer_copy(original)
    inner: dict[str, Callable[..., int]] = {"write": _WRITE(original.write), "truncate": _TRUNCATE(original.truncate), "sync": _SYNC(original.sync)}

    def write(file: int, data: int, size: int, at: int) -> int:
        if made.refuses("write"):
            return made.error
        made.log.append(Written("write", made._files[file], at, ctypes.string_at(data, size)))
        return inner["write"](file, data, size, at)

    def truncate(file: int, size: int) -> int:
        if made.refuses("write"):
            return made.error
        made.log.append(Written("truncate", made._files[file], size))
        return inner["truncate"](file, size)

    def sync(file: int, flags: int) -> int:
        if made.refuses("sync"):
            return made.error
        code = inner["sync"](file, flags)
        made.log.append(Written("sync", made._files[file]))  # from here on what was written before is on the disk
        return code

    for name, kind, function in (("write", _WRITE, write), ("truncate", _TRUNCATE, truncate), ("sync", _SYNC, sync)):
        _put(made, table, name, kind(function))
    made._kept += [inner]
    return table
