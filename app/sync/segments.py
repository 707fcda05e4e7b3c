"""Segments: up to 1,000 entries of one writer, numbered, chained, signed, each under its own salted hash so that one can be erased."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

import zstandard
from pydantic import Field, ValidationError

from app.errors import BadSegment
from app.sync import keys as node_keys
from app.sync.canonical import NotCanonical, canonical, parse, read, storable
from app.sync.keys import NodeKeys
from app.sync.shapes import EpochCode, HashHex, HashOrNone, Head, Moment, NodeCode, Number, Statement, Stream, moment

FORMAT = 1
PURPOSE = b"sabaq segment\n"
MOST_ENTRIES = 1000
LARGEST_BODY = 64 * 1024 * 1024  # bytes of entries, decompressed
MOST_VALUES = 2_000_000  # commas in them: small values take more memory than their text
AIM = 8 * 1024 * 1024  # bytes of entries after which a sealer begins the next segment
LARGEST_HEADER = 8 * 1024
LARGEST = LARGEST_HEADER + 64 + LARGEST_BODY + LARGEST_BODY // 128  # what cannot be compressed grows a little
LEVEL = 10
ERASED = "x"

Entry = list[Any]  # its form ("f", "c", "r", "g", "x" or a later one), then what the form asks for


class Header(Statement):
    """What a segment's hash and signature cover: where it stands in which chain, and the root of its entries' hashes."""

    v: Literal[1] = 1
    stream: Stream
    node: NodeCode
    epoch: EpochCode
    ordinal: Number
    number: Number  # from 1 in each epoch and stream
    prev: HashOrNone  # "" for the first that a node ever wrote in this stream
    sealed_at: Moment
    count: Annotated[int, Field(ge=0, le=MOST_ENTRIES)]
    root: HashHex
    full: Literal[True] | None = None  # the last word on all that a class server needs, not a difference
    more: Literal[True] | None = None  # the version of what it needs goes on in the next segment: they are taken together

    def as_json(self) -> dict[str, Any]:
        """As it was signed."""
        found = super().as_json()
        for mark in ("full", "more"):
            if found[mark] is None:
                del found[mark]
        return found

    def hash(self) -> str:
        """The segment's identity, hex."""
        return hashlib.sha256(canonical(self.as_json())).hexdigest()

    @property
    def head(self) -> Head:
        """This segment as the head of its branch."""
        return Head(stream=self.stream, epoch=self.epoch, ordinal=self.ordinal, number=self.number, hash=self.hash())

    @classmethod
    def read(cls, found: Any) -> Header:
        """The header that this JSON says. Raises BadSegment."""
        if isinstance(found, dict) and isinstance(found.get("v"), int) and found["v"] > FORMAT:
            raise BadSegment("newer")
        try:
            header = cls.model_validate(found)
        except ValidationError as error:
            raise BadSegment("malformed", _first(error)) from error
        if header.as_json() != found or not storable(found):
            raise BadSegment("malformed", "a field is not written in the one way")
        if header.number > 1 and not header.prev:
            raise BadSegment("malformed", "prev")
        return header


def _first(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return f"{'.'.join(map(str, found['loc']))}: {found['msg']}"


@dataclass(frozen=True)
class Segment:
    """A sealed segment as it is stored and sent: the header, its signature (64 bytes), the compressed entries."""

    header: Header
    signature: bytes
    body: bytes

    @property
    def hash(self) -> str:
        """Its identity, hex: what the next segment names as `prev`, and what receivers compare."""
        return self.header.hash()


@dataclass(frozen=True)
class Body:
    """The entries of a segment and the hash of each, hex. An erased one is `["x", hash]`."""

    entries: list[Entry]
    hashes: list[str]
    salts: list[bytes | None]


def fitting(entries: Sequence[Entry]) -> int:
    """How many of these entries, from the first, make one segment: at most 1,000 and about 8 MB, but one at least."""
    size = 0
    for at, entry in enumerate(entries[:MOST_ENTRIES]):
        size += len(canonical(entry))
        if size > AIM and at:
            return at
    return min(len(entries), MOST_ENTRIES)


def seal(
    entries: Sequence[Entry], *, stream: str, node: str, epoch: str, ordinal: int, number: int, prev: str, sealed_at: datetime,
    keys: NodeKeys, random: Callable[[int], bytes], full: bool = False, more: bool = False,
) -> Segment:  # fmt: skip
    """Number, chain and sign these entries. Raises BadSegment where they are more than a segment holds.

    `prev` is the hash of the segment before, hex; `random` gives bytes that cannot be guessed.
    """
    if len(entries) > MOST_ENTRIES:
        raise BadSegment("too-big")
    texts = [canonical(entry) for entry in entries]
    seed = random(32)
    salts = [_salt(seed, at) for at in range(len(texts))]
    header = Header(
        stream=stream, node=node, epoch=epoch, ordinal=ordinal, number=number, prev=prev, sealed_at=moment(sealed_at), count=len(texts),
        root=_root([_entry_hash(salt, text) for salt, text in zip(salts, texts, strict=True)]), full=True if full else None,
        more=True if more else None,
    )  # fmt: skip
    signature = node_keys.sign(keys, PURPOSE, bytes.fromhex(header.hash()))
    return Segment(header, signature, _packed(_body_text(texts, {"seed": seed.hex()})))


def verify(segment: Segment, public_sign: bytes) -> None:
    """Raises BadSegment when the header was not signed with this key. What it holds is verified by `open_body`."""
    if not node_keys.verify(public_sign, PURPOSE, bytes.fromhex(segment.hash), segment.signature):
        raise BadSegment("signature", node=segment.header.node, number=segment.header.number)


def open_body(segment: Segment) -> Body:
    """The entries, once they are proven to be those that the header was signed for. Raises BadSegment."""
    header = segment.header
    text = _unpacked(segment.body)
    if text.count(b",") > MOST_VALUES:
        raise BadSegment("too-big")
    try:
        found = parse(text)
        entries, texts, rest, salts = _read_body(found)
        if _body_text(texts, rest) != text:
            raise NotCanonical("not written in the one way")
    except (ValueError, RecursionError) as error:
        raise BadSegment("malformed", str(error)) from error
    hashes = [_entry_hash(salt, written) if salt else bytes.fromhex(entry[1]) for entry, written, salt in zip(entries, texts, salts, strict=True)]
    if len(hashes) != header.count or _root(hashes) != header.root:
        raise BadSegment("content", node=header.node, number=header.number)
    return Body(entries, [found.hex() for found in hashes], salts)


def _read_body(found: Any) -> tuple[list[Entry], list[bytes], dict[str, Any], list[bytes | None]]:
    if not isinstance(found, dict) or not isinstance(found.get("entries"), list) or len(found["entries"]) > MOST_ENTRIES:
        raise NotCanonical("entries")
    entries = found["entries"]
    if not all(isinstance(entry, list) and entry and isinstance(entry[0], str) for entry in entries):
        raise NotCanonical("an entry is a list that begins with its form")
    match found:
        case {"seed": str(seed), **more} if set(more) == {"entries"}:
            salts = _salts_of_seed(seed, len(entries))
        case {"salts": list(listed), **more} if set(more) == {"entries"}:
            salts = [_hex(salt, 16) if salt is not None else None for salt in listed]
        case _:
            raise NotCanonical("seed or salts")
    for entry, salt in zip(entries, salts, strict=True):
        if (salt is None) != (entry[0] == ERASED) or (salt is None and (len(entry) != 2 or not _hex(entry[1], 32))):
            raise NotCanonical("an erased entry has its hash and no salt")
    return entries, [canonical(entry) for entry in entries], {name: found[name] for name in found if name != "entries"}, salts


def _salts_of_seed(seed: str, count: int) -> list[bytes | None]:
    secret = _hex(seed, 32)
    return [_salt(secret, at) for at in range(count)]


def _hex(text: Any, size: int) -> bytes:
    if not isinstance(text, str) or len(text) != size * 2:
        raise NotCanonical("hex")
    found = bytes.fromhex(text)
    if found.hex() != text:
        raise NotCanonical("hex")
    return found


def erase(segment: Segment, places: set[int]) -> Segment:
    """The same segment without the content of these entries (from 0): hash and signature stay good. Raises BadSegment."""
    body = open_body(segment)
    if not places <= set(range(len(body.entries))):
        raise ValueError(f"no such entries: {sorted(places)}")
    salts = [None if at in places else salt for at, salt in enumerate(body.salts)]
    texts = [canonical([ERASED, body.hashes[at]] if at in places else entry) for at, entry in enumerate(body.entries)]
    if None not in salts:
        return segment
    return Segment(segment.header, segment.signature, _packed(_body_text(texts, {"salts": [salt.hex() if salt else None for salt in salts]})))


def to_bytes(segment: Segment) -> bytes:
    """As it stands in a bundle: the header on a line of its own, the signature, the compressed entries."""
    return canonical(segment.header.as_json()) + b"\n" + segment.signature + segment.body


def from_bytes(data: bytes) -> Segment:
    """What `to_bytes` wrote. Raises BadSegment; neither signature nor content are verified yet."""
    if len(data) > LARGEST:
        raise BadSegment("too-big")
    line, ended, _ = data[: LARGEST_HEADER + 1 + 64].partition(b"\n")
    if not ended or len(line) > LARGEST_HEADER or len(data) <= len(line) + 1 + 64:
        raise BadSegment("malformed", "header")
    try:
        header = Header.read(read(line))
    except NotCanonical as error:
        raise BadSegment("malformed", str(error)) from error
    start = len(line) + 1
    return Segment(header, data[start : start + 64], data[start + 64 :])


# ---- hashes ----------------------------------------------------------------------------------------------------------


def _salt(seed: bytes, place: int) -> bytes:
    return hmac.digest(seed, place.to_bytes(4, "big"), "sha256")[:16]


def _entry_hash(salt: bytes, text: bytes) -> bytes:
    return hashlib.sha256(salt + text).digest()


def _root(hashes: Sequence[bytes]) -> str:
    return hashlib.sha256(b"".join(hashes)).hexdigest()


# ---- the compressed body -----------------------------------------------------------------------------------------------


def _body_text(texts: Sequence[bytes], rest: dict[str, Any]) -> bytes:
    return b'{"entries":[' + b",".join(texts) + b"]," + canonical(rest)[1:]


def _packed(text: bytes) -> bytes:
    if len(text) > LARGEST_BODY or text.count(b",") > MOST_VALUES:
        raise BadSegment("too-big")
    return zstandard.ZstdCompressor(level=LEVEL).compress(text)


def _unpacked(body: bytes) -> bytes:
    """Decompressed. What a frame says of its size is believed only up to the largest, so that a few bytes never fill the memory."""
    try:
        size = zstandard.get_frame_parameters(body).content_size
        if size == zstandard.CONTENTSIZE_UNKNOWN:
            raise BadSegment("malformed", "the size of the entries is not said")
        if size > LARGEST_BODY:
            raise BadSegment("too-big")
        return zstandard.ZstdDecompressor(max_window_size=LARGEST_BODY).decompress(body, max_output_size=LARGEST_BODY, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise BadSegment("malformed", str(error)) from error
