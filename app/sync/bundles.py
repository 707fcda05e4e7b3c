"""Bundles: segments, receipts, lists and blobs in one file, signed by the sender, encrypted to the receiver; written and read as a stream."""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, BinaryIO, Literal, Self

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from pydantic import Field, StringConstraints, ValidationError

from app.errors import BadBundle
from app.ids import random_bytes
from app.sync import keys as node_keys
from app.sync import receipts, segments
from app.sync.canonical import NotCanonical, canonical, read
from app.sync.frames import FRAME, HEAD, TAG, FrameReader, FrameWriter, agreed_key
from app.sync.keys import NodeKeys, PublicKeys
from app.sync.shapes import BundleId, HashHex, Moment, NodeCode, Statement, moment

FORMAT = 1
MAGIC = b"SABAQ BUNDLE "
FIRST_LINE = MAGIC + b"%d\n" % FORMAT
PURPOSE = b"sabaq manifest\n"

MANIFEST, SIGNATURE, RECEIPT, SEGMENT, BLOB, END = "M", "S", "R", "G", "B", "E"
LARGEST_PREAMBLE = 2 * 1024
LARGEST_MANIFEST = 16 * 1024 * 1024
LARGEST_IN_MEMORY = 16 * 1024 * 1024  # of a part that is read whole
LARGEST_PART = 1 << 40
LARGEST = {RECEIPT: receipts.LARGEST, SEGMENT: segments.LARGEST}
PIECE = 64 * 1024
PART_HEAD = 1 + 8

Progress = Callable[[int, int], None]  # bytes done, bytes in all


# ---- what a bundle says of itself --------------------------------------------------------------------------------------


class Preamble(Statement):
    """The second line of the file, which everybody can read: from whom, to whom, under which key."""

    sender: NodeCode = Field(alias="from")
    to: NodeCode
    to_key: Annotated[str, StringConstraints(pattern=r"^[A-Z2-7]{4}(-[A-Z2-7]{4}){3}$")]
    ephemeral: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]{43}=$")]
    id: BundleId


class PartRow(Statement):
    """What the manifest says of one part; further fields are its names."""

    kind: Annotated[str, StringConstraints(pattern=r"^[A-Z]$")]
    sha256: HashHex
    size: Annotated[int, Field(ge=0, le=LARGEST_PART)]

    @property
    def names(self) -> Mapping[str, Any]:
        """What the sender calls it: of a segment its chain and number, of a blob what it is."""
        return self.model_extra or {}


class Manifest(Statement):
    """The signed list of all parts, and what the sender says of itself."""

    v: Literal[1] = 1
    id: BundleId
    sender: NodeCode = Field(alias="from")
    to: NodeCode
    made_at: Moment
    release: str
    migration: str = Field(alias="schema")
    statement: dict[str, Any]
    parts: list[PartRow]


@dataclass(frozen=True)
class Part:
    """Something to send. `content` gives its bytes in pieces when they are wanted, so that it need not be in memory."""

    kind: str
    size: int
    sha256: str
    content: Callable[[], Iterable[bytes]] = field(repr=False)
    names: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, kind: str, data: bytes, **names: Any) -> Part:
        """A part that is in memory."""
        return cls(kind, len(data), hashlib.sha256(data).hexdigest(), lambda: (data,), names)

    @classmethod
    def of_file(cls, kind: str, path: Path, sha256: str, **names: Any) -> Part:
        """A file of this SHA-256."""
        return cls(kind, path.stat().st_size, sha256, lambda: _pieces(path), {"name": path.name} | names)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece


@dataclass(frozen=True)
class BundleInfo:
    """A bundle that was written: its file with size in bytes and SHA-256, for who copies it and reads it back."""

    path: Path
    id: str
    size: int
    sha256: str
    manifest: Manifest


# ---- writing ---------------------------------------------------------------------------------------------------------


def size_of(parts: Iterable[Part]) -> int:
    """About how many bytes a bundle of these parts has, a little above: for the check of space beforehand."""
    content = sum(PART_HEAD + part.size + len(canonical(dict(part.names))) + 120 for part in parts) + 8 * 1024
    return content + (content // FRAME + 1) * (HEAD + TAG)


def write(
    path: Path, parts: Sequence[Part], *, sender: NodeKeys, receiver: PublicKeys, node: str, to: str, made_at: datetime, release: str,
    migration: str, statement: Mapping[str, Any], bundle_id: str = "", progress: Progress | None = None,
) -> BundleInfo:  # fmt: skip
    """Write the bundle of node `node` for node `to`; whole, or not under this name. Memory does not grow with its size.

    Raises BadBundle ("source") when a part is not what its SHA-256 says, OSError when the disk or stick refuses.
    """
    manifest = Manifest.model_validate({
        "v": FORMAT, "id": bundle_id or random_bytes(16).hex(), "from": node, "to": to, "made_at": moment(made_at), "release": release,
        "schema": migration, "statement": dict(statement),
        "parts": [{**part.names, "kind": part.kind, "sha256": part.sha256, "size": part.size} for part in parts],
    })  # fmt: skip
    said = canonical(manifest.as_json())
    if len(said) > LARGEST_MANIFEST:
        raise BadBundle("too-big", part=1, bytes=len(said))
    read(said)  # raises NotCanonical for what no receiver takes: a fraction, half a letter
    signature = node_keys.sign(sender, PURPOSE, hashlib.sha256(said).digest())
    ephemeral = X25519PrivateKey.from_private_bytes(random_bytes(32))
    preamble = preamble_of(manifest, receiver, ephemeral)
    draft = path.with_name(path.name + ".part")
    try:
        with draft.open("wb") as file:
            counted = _Counted(file)
            counted.write(preamble)
            frames = FrameWriter(counted, agreed_key(ephemeral, receiver.box, preamble), preamble)
            write_part(frames, MANIFEST, said)
            write_part(frames, SIGNATURE, signature)
            _write_parts(frames, parts, progress)
            write_part(frames, END, b"")
            frames.close()
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        _keep_name(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise
    return BundleInfo(path, manifest.id, counted.size, counted.sha256.hexdigest(), manifest)


def preamble_of(manifest: Manifest, receiver: PublicKeys, ephemeral: X25519PrivateKey) -> bytes:
    """The two lines before the frames."""
    public = base64.b64encode(ephemeral.public_key().public_bytes_raw()).decode()
    said = {"from": manifest.sender, "to": manifest.to, "to_key": receiver.fingerprint, "ephemeral": public, "id": manifest.id}
    return FIRST_LINE + canonical(said) + b"\n"


def write_part(frames: FrameWriter, kind: str, content: bytes) -> None:
    """One part that is in memory."""
    frames.write(_part_head(kind, len(content)) + content)


def _part_head(kind: str, size: int) -> bytes:
    return kind.encode() + size.to_bytes(8, "big")


def _write_parts(frames: FrameWriter, parts: Sequence[Part], progress: Progress | None) -> None:
    whole, done = sum(part.size for part in parts), 0
    for part in parts:
        frames.write(_part_head(part.kind, part.size))
        found, size = hashlib.sha256(), 0
        for piece in part.content():
            frames.write(piece)
            found.update(piece)
            size += len(piece)
            if progress:
                progress(done + size, whole)
        if (size, found.hexdigest()) != (part.size, part.sha256):
            raise BadBundle("source", name=part.names.get("name", part.sha256))
        done += size


class _Counted:
    """A file with the size and hash of what went into it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = 0
        self.sha256 = hashlib.sha256()

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self.size += len(data)
        self.sha256.update(data)


def _keep_name(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some file systems of sticks cannot sync a folder
            raise
    finally:
        os.close(descriptor)


# ---- reading ---------------------------------------------------------------------------------------------------------


def peek(path: Path) -> Preamble:
    """What everybody can read of a bundle: for a list of the files on a stick. Raises BadBundle."""
    try:
        with path.open("rb") as file:
            return _preamble(file)[0]
    except OSError as error:
        raise BadBundle("unreadable", bytes=0) from error


def _preamble(file: BinaryIO) -> tuple[Preamble, bytes]:
    first = file.readline(len(FIRST_LINE) + 8)
    if first != FIRST_LINE:
        if first.startswith(MAGIC) and first.endswith(b"\n") and first[len(MAGIC) : -1].isdigit():
            raise BadBundle("newer" if int(first[len(MAGIC) :]) > FORMAT else "not-a-bundle")
        raise BadBundle("cut", bytes=len(first)) if first and FIRST_LINE.startswith(first) else BadBundle("not-a-bundle")
    line = file.readline(LARGEST_PREAMBLE)
    if not line.endswith(b"\n"):
        raise BadBundle("cut", bytes=len(first) + len(line)) if len(line) < LARGEST_PREAMBLE else BadBundle("not-a-bundle")
    try:
        said = read(line[:-1])
        found = Preamble.model_validate(said)
    except (NotCanonical, ValidationError) as error:
        raise BadBundle("not-a-bundle") from error
    return found, first + line


class ReadPart:
    """One part as it comes out of the file: its row of the manifest, and its content once."""

    def __init__(self, row: PartRow, frames: FrameReader) -> None:
        self.row = row
        self._frames = frames
        self._left = row.size
        self._hash = hashlib.sha256()

    def chunks(self) -> Iterator[bytes]:
        """The content in pieces. Raises BadBundle after the last when it is not what was signed: keep nothing before that."""
        while self._left:
            piece = self._frames.read(min(self._left, PIECE))
            if not piece:
                raise BadBundle("changed", part=self._frames.part)
            self._left -= len(piece)
            self._hash.update(piece)
            yield piece
        if self._hash.hexdigest() != self.row.sha256:
            raise BadBundle("changed", part=self._frames.part)

    def read(self) -> bytes:
        """The content, verified. Raises BadBundle, also for one that is too large to be held in memory."""
        if self.row.size > LARGEST.get(self.row.kind, LARGEST_IN_MEMORY):
            raise BadBundle("too-big", part=self._frames.part, bytes=self.row.size)
        return b"".join(self.chunks())


class Reader:
    """A bundle that was made for these keys, opened as far as its manifest.

    Raises BadBundle. Frames, parts and their hashes are verified as they are read; that the manifest was signed by whom it
    names, `verify` says. Nothing may be changed on the strength of a bundle that `check` has not read to its end.
    """

    def __init__(self, path: Path, keys: NodeKeys) -> None:
        self._path, self._keys = path, keys

    def __enter__(self) -> Self:
        try:
            self._file = self._path.open("rb")
            self.size = os.fstat(self._file.fileno()).st_size
        except OSError as error:
            raise BadBundle("unreadable", bytes=0) from error
        try:
            self._begin()
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    @property
    def done(self) -> int:
        """Bytes of the file read so far."""
        return self._frames.at

    def _begin(self) -> None:
        try:
            self.preamble, raw = _preamble(self._file)
        except OSError as error:
            raise BadBundle("unreadable", bytes=0) from error
        own = self._keys.public.fingerprint
        if self.preamble.to_key != own:
            raise BadBundle("other-receiver", sender=self.preamble.sender, to=self.preamble.to, key=self.preamble.to_key, own=own)
        try:
            key = agreed_key(self._keys.box, base64.b64decode(self.preamble.ephemeral), raw)
        except ValueError as error:
            raise BadBundle("changed", part=1) from error
        self._frames = FrameReader(self._file, key, raw, at=len(raw), size=self.size)
        self._said = self._whole(MANIFEST, LARGEST_MANIFEST)
        self.manifest = self._read_manifest()
        self._frames.part = 2
        self._signature = self._whole(SIGNATURE, 64)

    def _read_manifest(self) -> Manifest:
        try:
            found = read(self._said)
            if isinstance(found, dict) and isinstance(found.get("v"), int) and found["v"] > FORMAT:
                raise BadBundle("newer")
            manifest = Manifest.model_validate(found)
        except (NotCanonical, ValidationError) as error:
            raise self._malformed() from error
        if (manifest.id, manifest.sender, manifest.to) != (self.preamble.id, self.preamble.sender, self.preamble.to):
            raise self._malformed()
        for at, row in enumerate(manifest.parts, start=3):
            if row.kind in (MANIFEST, SIGNATURE, END):
                raise self._malformed()
            if row.size > LARGEST.get(row.kind, LARGEST_PART):
                raise BadBundle("too-big", part=at, bytes=row.size)
        return manifest

    def verify(self, sender_key_of: Callable[[str], bytes | None]) -> None:
        """Raises BadBundle unless the manifest was signed with the key of whom it names; `sender_key_of(code)` gives that key."""
        key = sender_key_of(self.manifest.sender)
        if key is None:
            raise BadBundle("unknown-sender", sender=self.manifest.sender)
        if not node_keys.verify(key, PURPOSE, hashlib.sha256(self._said).digest(), self._signature):
            raise BadBundle("signature", sender=self.manifest.sender)

    def parts(self) -> Iterator[ReadPart]:
        """The parts in the order of the manifest, once. What is not read of one is read (and verified) before the next."""
        for at, row in enumerate(self.manifest.parts, start=3):
            self._frames.part = at
            if self._head() != (row.kind, row.size):
                raise BadBundle("changed", part=at)
            part = ReadPart(row, self._frames)
            yield part
            for _ in part.chunks():
                pass
        self._frames.part = len(self.manifest.parts) + 3
        if self._head() != (END, 0) or not self._frames.ended():
            raise self._malformed()

    def _head(self) -> tuple[str, int]:
        head = self._frames.read(PART_HEAD)
        if len(head) < PART_HEAD:
            raise self._malformed()
        return chr(head[0]), int.from_bytes(head[1:], "big")

    def _whole(self, kind: str, largest: int) -> bytes:
        found, size = self._head()
        if found != kind:
            raise self._malformed()
        if size > largest:
            raise BadBundle("too-big", part=self._frames.part, bytes=size)
        content = self._frames.read(size)
        if len(content) < size:
            raise self._malformed()
        return content

    def _malformed(self) -> BadBundle:
        return BadBundle("malformed", sender=self.preamble.sender, part=self._frames.part)


def check(
    path: Path, keys: NodeKeys, sender_key_of: Callable[[str], bytes | None], *, node: str = "",
    inspect: Callable[[PartRow, bytes], None] | None = None, progress: Progress | None = None,
) -> Manifest:  # fmt: skip
    """Read the whole bundle once and verify all of it: frames, sender, the hash and size of every part. Raises BadBundle.

    `node` is the code of this node, which must be the one that the manifest names: who was sent a bundle could encrypt it anew to
    somebody else. `inspect` is called with every receipt and segment, to verify what is in them as well (chains, signatures).
    """
    with Reader(path, keys) as reader:
        reader.verify(sender_key_of)
        if node and reader.manifest.to != node:
            raise BadBundle("other-node", sender=reader.manifest.sender, to=reader.manifest.to, own=node)
        for part in reader.parts():
            if part.row.kind in LARGEST and inspect is not None:
                inspect(part.row, part.read())
            else:
                for _ in part.chunks():
                    if progress:
                        progress(reader.done, reader.size)
            if progress:
                progress(reader.done, reader.size)
        return reader.manifest
