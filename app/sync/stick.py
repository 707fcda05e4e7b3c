"""Sticks: where they are mounted, what lies on them, and a bundle written so that it is certainly on the stick.

Nothing here opens a bundle: on a stick there are only files that their receiver alone can read. Where they lie:
SABAQ/<from>-to-<to>/<number>-<bundle id>.sabaq, beside them a half-written one as .part, and a README.txt for whoever finds the stick.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import mmap
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.errors import DomainError, Invalid, say

FOLDER, SUFFIX, PART = "SABAQ", ".sabaq", ".part"
README = "README.txt"
JOURNAL_STICK = "SABAQ-JOURNAL"  # a stick of this name stays in the class server (second_journal.py)

MOUNTS = Path("/proc/self/mounts")
ROOTS = (Path("/media"), Path("/run/media"), Path("/mnt"))  # where Debian's desktops, udisks and administrators mount sticks
FAT = ("vfat", "msdos")
FAT_LARGEST = (1 << 32) - 1  # bytes of one file on FAT32

PIECE = 1024 * 1024
MOST_FILES = 500  # of one stick that are looked at

Progress = Callable[[str, int, int], None]  # "writing" or "verifying", bytes done, bytes in all


# ---- what a person is told -------------------------------------------------------------------------------------------


class StickFull(Invalid):
    """A bundle that does not fit, found before a byte was written or, where others write too, in the middle."""

    def __init__(self, *, needed: int, free: int) -> None:
        self.needed, self.free = needed, free
        super().__init__(
            say(
                "stick", "The stick is too full: {needed} MB are needed and {free} MB are free. Remove files that are not Sabaq's, or take another stick.",
                needed=megabytes(needed), free=max(0, free) // 1_000_000,
            )
        )


class FileTooLarge(Invalid):
    message = say("stick", "This stick cannot hold a file of more than 4 GB, because it is formatted as FAT32. Take one that is formatted as exFAT.")


class StickReadOnly(Invalid):
    message = say("stick", "The stick cannot be written to. Look for a small switch on its side that locks it, or take another stick.")


class StickGone(DomainError):
    """The stick was pulled out, or its contact failed."""

    def __init__(self, done: int = 0) -> None:
        self.done = done
        super().__init__(say("stick", "The stick was pulled out, or it failed. Put it in again, then take the work up again: what is on it already stays, and the rest follows."))


class StickLies(DomainError):
    message = say("stick", "The stick gave back something else than was written to it. Nothing on it counts. Take another stick and throw this one away.")


class NoSuchStick(Invalid):
    message = say("stick", "This stick is no longer in the server. Put it in, wait until it is listed, then try again.")


def refused(error: OSError, *, needed: int = 0, free: int = 0, done: int = 0) -> DomainError:
    """What the operating system said about a stick, as a sentence with what to do next."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StickFull(needed=needed, free=free)
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return StickReadOnly()
    if error.errno == errno.EFBIG:
        return FileTooLarge()
    return StickGone(done)


def megabytes(size: int) -> int:
    """Whole megabytes, rounded up, at least 1."""
    return max(1, -(-size // 1_000_000))


# ---- which sticks there are ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stick:
    """A removable drive that is mounted, or the folder that a setting names."""

    path: Path
    free: int  # bytes
    total: int
    read_only: bool = False
    largest: int | None = None  # bytes of one file; None: whatever fits

    @property
    def name(self) -> str:
        """What it is called where it is mounted: its label."""
        return self.path.name

    @property
    def stays(self) -> bool:
        """Whether it stays in the class server: no courier takes it."""
        return self.name.upper() == JOURNAL_STICK


def sticks(also: str = "", *, mounts: Path = MOUNTS, roots: Sequence[Path] = ROOTS) -> list[Stick]:
    """The sticks in this machine: devices mounted below the usual folders, and the folder of the setting when it exists."""
    found = {}
    for device, where, kind in _mounted(mounts):
        if device.startswith("/dev/") and any(root in where.parents for root in roots):
            found[where] = kind
    if also and Path(also).is_dir():
        found.setdefault(Path(also), "")
    looked = (_look(path, kind) for path, kind in sorted(found.items()))
    return [stick for stick in looked if stick is not None]


def stick_at(path: str, also: str = "", *, mounts: Path = MOUNTS, roots: Sequence[Path] = ROOTS) -> Stick:
    """The stick that a form names: one of those that are there, never any other folder. Raises NoSuchStick."""
    for stick in sticks(also, mounts=mounts, roots=roots):
        if str(stick.path) == path:
            return stick
    raise NoSuchStick()


def folder(path: Path) -> Stick:
    """Any folder as a stick: a terminal may name one. Raises NoSuchStick."""
    stick = _look(path, "") if path.is_dir() else None
    if stick is None:
        raise NoSuchStick()
    return stick


def _mounted(mounts: Path) -> Iterator[tuple[str, Path, str]]:
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return
    for line in lines:
        words = line.split(" ")
        if len(words) >= 3:
            yield words[0], Path(_unescaped(words[1])), words[2]


def _unescaped(word: str) -> str:
    """A blank in a name is written \\040 there, as proc(5) says."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), word)


def _look(path: Path, kind: str) -> Stick | None:
    try:
        disk = os.statvfs(path)
    except OSError:  # pulled out, still in the list
        return None
    return Stick(
        path, free=disk.f_bavail * disk.f_frsize, total=disk.f_blocks * disk.f_frsize, read_only=bool(disk.f_flag & os.ST_RDONLY),
        largest=FAT_LARGEST if kind in FAT else None,
    )


# ---- what lies on one ------------------------------------------------------------------------------------------------


def file_name(number: int, bundle: str) -> str:
    """What a bundle is called: they stand in the order in which they were made."""
    return f"{number:06d}-{bundle}{SUFFIX}"


def place(stick: Path, *, sender: str, receiver: str, number: int, bundle: str) -> Path:
    """Where a bundle belongs on a stick."""
    return stick / FOLDER / f"{sender}-to-{receiver}" / file_name(number, bundle)


def files(stick: Path) -> list[Path]:
    """Everything on the stick that calls itself a bundle, also where a person has put it, by name; half-written ones too.

    Raises StickGone.
    """
    found: set[Path] = set()
    try:
        for pattern in ("*", "*/*", f"{FOLDER}/*/*"):
            for ending in (SUFFIX, SUFFIX + PART):
                found.update(path for path in stick.glob(pattern + ending) if not path.name.startswith(".") and path.is_file())
    except OSError as error:
        raise refused(error) from error
    return sorted(found)[:MOST_FILES]


# ---- writing ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Written:
    """A bundle that was read back from the stick byte for byte."""

    path: Path
    size: int
    sha256: str
    kept: int  # bytes that were there already from an earlier try


def refuse_without_room(stick: Stick, size: int, *, there: int = 0) -> None:
    """Raise StickReadOnly, FileTooLarge or StickFull before anything is written. `there`: bytes that an earlier try has written."""
    if stick.read_only:
        raise StickReadOnly()
    if stick.largest is not None and size > stick.largest:
        raise FileTooLarge()
    needed = size - there + PIECE  # folders and a text take some, too
    if needed > stick.free:
        raise StickFull(needed=needed, free=stick.free)


def part_of(target: Path) -> Path:
    """The name of a bundle while it is being written."""
    return target.with_name(target.name + PART)


def put(source: Path, target: Path, *, progress: Progress | None = None) -> Written:
    """Copy a bundle to a stick, go on where an earlier try stopped, and read every byte back from the stick itself.

    When it returns, the file is whole under its name, and what the system held back is on the stick: it may be removed.
    Raises StickFull, StickReadOnly, FileTooLarge, StickGone, StickLies; then there is nothing under that name, and the part stays
    for the next try (but not when the stick lies).
    """
    size, done = source.stat().st_size, 0
    part = part_of(target)
    say_so = progress or (lambda *_: None)
    try:
        if target.exists() and target.stat().st_size == size:  # written before; whether it is still whole is seen below
            target.replace(part)
        target.parent.mkdir(parents=True, exist_ok=True)
        kept = _same_beginning(source, part)
        for done in _append(source, part, kept):
            say_so("writing", done, size)
        sha256 = _read_back(source, part, size, say_so)
        os.replace(part, target)
        _onto_the_medium(target.parent)
    except OSError as error:
        raise refused(error, needed=size - done, free=_free(target.parent), done=done) from error
    return Written(target, size, sha256, kept)


def _free(path: Path) -> int:
    try:
        disk = os.statvfs(path)
    except OSError:
        return 0
    return disk.f_bavail * disk.f_frsize


def _same_beginning(source: Path, part: Path) -> int:
    """How much of an earlier try is there and right, in whole pieces; what was torn or belongs to another bundle does not count."""
    if not part.exists():
        return 0
    same = 0
    with source.open("rb") as wanted, part.open("rb") as there:
        while (piece := there.read(PIECE)) and len(piece) == PIECE and piece == wanted.read(PIECE):
            same += PIECE
    return same


def _append(source: Path, part: Path, at: int) -> Iterator[int]:
    """Write from a place on; gives how far it is after each piece that the stick has."""
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT, 0o644)
    try:
        os.ftruncate(descriptor, at)
        os.lseek(descriptor, at, os.SEEK_SET)
        with source.open("rb") as wanted:
            wanted.seek(at)
            yield at
            while piece := wanted.read(PIECE):
                view = memoryview(piece)
                while view:
                    view = view[os.write(descriptor, view) :]
                os.fdatasync(descriptor)  # piece by piece, so that progress tells of the stick and not of the memory before it
                at += len(piece)
                yield at
        os.fsync(descriptor)
    finally:
        _close(descriptor)


def _close(descriptor: int) -> None:
    try:
        os.close(descriptor)
    except OSError as error:
        if error.errno != errno.EIO:  # the write before it has told
            raise


def _read_back(source: Path, part: Path, size: int, say_so: Progress) -> str:
    """Compare every byte with what was to be written; gives the SHA-256. Raises StickLies."""
    digest, at = hashlib.sha256(), 0
    with source.open("rb") as wanted:
        for piece in from_the_medium(part):
            if piece != wanted.read(len(piece)):
                break
            digest.update(piece)
            at += len(piece)
            say_so("verifying", at, size)
    if at != size:
        part.unlink(missing_ok=True)
        raise StickLies()
    return digest.hexdigest()


def from_the_medium(path: Path) -> Iterator[bytes]:
    """A file in pieces, from the device and not from what the system remembers of it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECT)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
            raise
        descriptor = os.open(path, os.O_RDONLY)  # some file systems cannot: then the memory is told to forget the file first
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    buffer = mmap.mmap(-1, PIECE)  # direct reading wants memory at the beginning of a page
    try:
        at = 0
        while got := os.preadv(descriptor, [buffer], at):
            at += got
            yield buffer[:got]
            if got % mmap.PAGESIZE:
                break  # the end: direct reading goes on from whole pages only
    finally:
        buffer.close()
        os.close(descriptor)


def _onto_the_medium(path: Path) -> None:
    """Names, sizes and all that was written to this file system: on the stick when it returns."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno != errno.EINVAL:  # FAT on older kernels has nothing to sync in a folder
                raise
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.syncfs(descriptor) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
    finally:
        os.close(descriptor)


def drop_parts(folder: Path) -> None:
    """Remove what earlier, given-up tries left in a folder of ours: a whole bundle stands there now that holds all of it."""
    for part in folder.glob("*" + SUFFIX + PART):
        with contextlib.suppress(OSError):  # they only take room
            part.unlink()


def put_readme(stick: Path, text: str) -> None:
    """The text for whoever finds the stick; written when it is missing or says something else. Raises as `put`."""
    path = stick / FOLDER / README
    data = text.replace("\n", "\r\n").encode()  # the editor of an old Windows shows it, too
    try:
        if path.exists() and path.read_bytes() == data:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(README + PART)
        draft.write_bytes(data)
        os.replace(draft, path)
        _onto_the_medium(path.parent)
    except OSError as error:
        raise refused(error, needed=len(data), free=_free(stick)) from error


# ---- making room -----------------------------------------------------------------------------------------------------


def make_room(stick: Stick, size: int, *, may_go: Iterable[Path], target: Path) -> list[Path]:
    """Remove bundles that may go, in this order, until `size` bytes fit; gives those that went. None goes when all fit, or when not even
    all of them would be enough. Raises StickFull and the like.
    """
    there = part_of(target).stat().st_size if part_of(target).exists() else 0
    try:
        refuse_without_room(stick, size, there=there)
        return []
    except StickFull as full:
        missing = full.needed - full.free
    chosen = []
    for path in may_go:
        if path == target or missing <= 0:
            continue
        chosen.append(path)
        missing -= path.stat().st_size
    if missing > 0:
        refuse_without_room(stick, size, there=there)
    try:
        for path in chosen:
            path.unlink(missing_ok=True)
        _onto_the_medium(stick.path)
    except OSError as error:
        raise refused(error) from error
    return chosen
