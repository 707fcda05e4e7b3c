"""Bundles and segments spoiled in every way we could think of, by chance or by somebody who has all but the sender's key.

`IN_TRANSIT` needs no key: a bad stick, a bad line, somebody on the way. `BY_A_FORGER` opens a bundle as its receiver could, changes
what is inside and encrypts it again: all that a thief of the receiver's keys, or somebody with an own bundle, can do. `SEGMENTS`
changes one segment. Each gives other bytes than it got, and the same for the same random source.
"""

from __future__ import annotations

import base64
import json
import os
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

import zstandard
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from app.sync import bundles, segments
from app.sync.canonical import canonical
from app.sync.frames import FRAME, FrameReader, FrameWriter, agreed_key
from app.sync.keys import NodeKeys, PublicKeys

Spoil = Callable[[bytes, random.Random], bytes]


def spoiled(data: bytes, chance: random.Random, kinds: dict[str, Spoil] | None = None) -> tuple[str, bytes]:
    """One of the ways, drawn by chance: its name and what it makes of these bytes."""
    kinds = IN_TRANSIT if kinds is None else kinds
    name = chance.choice(sorted(kinds))
    return name, kinds[name](data, chance)


# ---- without any key -----------------------------------------------------------------------------------------------------


def _bit(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]


def _bits(data: bytes, chance: random.Random) -> bytes:
    found = bytearray(data)
    for at in chance.sample(range(len(data)), min(40, len(data))):
        found[at] ^= chance.randrange(1, 256)
    return bytes(found)


def _cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))]


def _cut_after_a_frame(data: bytes, chance: random.Random) -> bytes:
    preamble, frames = _frames(data)
    return preamble + b"".join(frames[: chance.randrange(len(frames))])


def _block_of_zeros(data: bytes, chance: random.Random) -> bytes:
    """A sector of the stick that was never written."""
    size = min(512, len(data) // 2)
    at = chance.randrange(len(data) - size)
    found = data[:at] + bytes(size) + data[at + size :]
    return found if found != data else _bit(data, chance)


def _more_at_the_end(data: bytes, chance: random.Random) -> bytes:
    return data + chance.randbytes(chance.randrange(1, 70_000))


def _twice(data: bytes, _chance: random.Random) -> bytes:
    return data + data


def _swapped_frames(data: bytes, chance: random.Random) -> bytes:
    preamble, frames = _frames(data)
    if len(frames) < 2:
        return _bit(data, chance)
    one, other = chance.sample(range(len(frames)), 2)
    frames[one], frames[other] = frames[other], frames[one]
    return preamble + b"".join(frames)


def _replayed_frame(data: bytes, chance: random.Random) -> bytes:
    preamble, frames = _frames(data)
    return preamble + b"".join([*frames[: (at := chance.randrange(len(frames)))], frames[at], *frames[at:]])


def _frame_left_out(data: bytes, chance: random.Random) -> bytes:
    preamble, frames = _frames(data)
    at = chance.randrange(len(frames))
    return preamble + b"".join(frames[:at] + frames[at + 1 :])


def _frame_that_lies(data: bytes, chance: random.Random) -> bytes:
    """A length of up to 4 GB before a frame."""
    preamble, frames = _frames(data)
    at = chance.randrange(len(frames))
    said = int.from_bytes(frames[at][:4], "big")
    lie = chance.choice([0, 1, 16, FRAME, FRAME + 17, 0xFFFFFFFF, 0x80000000, chance.randrange(1 << 32)])
    return preamble + b"".join(frames[:at]) + (lie if lie != said else lie + 1).to_bytes(4, "big") + frames[at][4:] + b"".join(frames[at + 1 :])


def _preamble_field(data: bytes, chance: random.Random) -> bytes:
    first, line, frames = data.split(b"\n", 2)
    said = json.loads(line)
    name = chance.choice(sorted(said))
    said[name] = chance.choice([
        said[name] + "x", "", None, 7, "centre-2", "0" * 32, "AAAA-AAAA-AAAA-AAAA", "../..", "é", base64.b64encode(bytes(32)).decode(),
        base64.b64encode(chance.randbytes(32)).decode(), "\ud800", [], "a" * 5000,
    ])  # fmt: skip
    return first + b"\n" + chance.choice([canonical, _other_json])(said) + b"\n" + frames


def _preamble_is_no_json(data: bytes, chance: random.Random) -> bytes:
    first, _, frames = data.split(b"\n", 2)
    return first + b"\n" + chance.choice([b"", b"[]", b"{", b"\xff\xfe", b"null", b"[" * 1500, b"9" * 1900, b'{"id":NaN}', b"x" * 9000]) + b"\n" + frames


def _other_first_line(data: bytes, chance: random.Random) -> bytes:
    return chance.choice([b"SABAQ BUNDLE 2\n", b"SABAQ BUNDLE 99999999999999999\n", b"SABAQ BUNDLE 0\n", b"SABAQ BUNDLE x\n", b"PK\x03\x04", b"", b"\n"]) + data.split(b"\n", 1)[1]


def _something_else(_data: bytes, chance: random.Random) -> bytes:
    return chance.choice([b"", b"\0" * 9000, chance.randbytes(9000), b"SABAQ BUNDLE 1\n", b"SABAQ BUNDLE 1\n\n\n", b"\n" * 50])


IN_TRANSIT: dict[str, Spoil] = {
    "a bit turned": _bit,
    "forty bytes changed": _bits,
    "cut": _cut,
    "cut after a frame": _cut_after_a_frame,
    "a sector of zeros": _block_of_zeros,
    "more at the end": _more_at_the_end,
    "twice in one file": _twice,
    "frames swapped": _swapped_frames,
    "a frame replayed": _replayed_frame,
    "a frame left out": _frame_left_out,
    "a length that lies": _frame_that_lies,
    "a field of the preamble": _preamble_field,
    "a preamble that is no JSON": _preamble_is_no_json,
    "another first line": _other_first_line,
    "something else": _something_else,
}


def _frames(data: bytes) -> tuple[bytes, list[bytes]]:
    first, line, rest = data.split(b"\n", 2)
    found, at = [], 0
    while at < len(rest):
        length = 4 + int.from_bytes(rest[at : at + 4], "big")
        found.append(rest[at : at + length])
        at += length
    return first + b"\n" + line + b"\n", found


def _other_json(value: Any) -> bytes:
    return json.dumps(value, indent=1).replace("\n", "").encode()


# ---- by somebody who has everything but the sender's key --------------------------------------------------------------------


@dataclass(frozen=True)
class Opened:
    """A bundle as its receiver sees it: the parts as they stand inside, each with the length that it claims."""

    manifest: bundles.Manifest
    parts: list[tuple[str, int, bytes]]
    tail: bytes = b""

    def at(self, kind: str) -> int:
        """Where the first part of this kind is."""
        return next(at for at, part in enumerate(self.parts) if part[0] == kind)

    def with_part(self, at: int, kind: str, content: bytes, claims: int | None = None) -> Opened:
        """The same with another part in this place."""
        parts = list(self.parts)
        parts[at] = (kind, len(content) if claims is None else claims, content)
        return replace(self, parts=parts)


def opened(data: bytes, keys: NodeKeys) -> Opened:
    """Take a bundle apart with the receiver's keys."""
    preamble, frames = _frames(data)
    said = json.loads(preamble.split(b"\n")[1])
    key = agreed_key(keys.box, base64.b64decode(said["ephemeral"]), preamble)
    content = BytesIO(FrameReader(BytesIO(b"".join(frames)), key, preamble, at=len(preamble), size=len(data)).read(1 << 40))
    parts = []
    while head := content.read(9):
        size = int.from_bytes(head[1:], "big")
        parts.append((chr(head[0]), size, content.read(size)))
    return Opened(bundles.Manifest.model_validate(json.loads(parts[0][2])), parts)


def closed(found: Opened, receiver: PublicKeys) -> bytes:
    """Encrypt it again to this receiver, as anybody can who knows his public key."""
    ephemeral = X25519PrivateKey.from_private_bytes(os.urandom(32))
    preamble = bundles.preamble_of(found.manifest, receiver, ephemeral)
    file = BytesIO()
    frames = FrameWriter(file, agreed_key(ephemeral, receiver.box, preamble), preamble)
    for kind, claims, content in found.parts:
        frames.write(kind.encode("latin-1") + (claims % (1 << 64)).to_bytes(8, "big") + content)
    frames.write(found.tail)
    frames.close()
    return preamble + file.getvalue()


def _a_part_changed(found: Opened, chance: random.Random) -> Opened:
    at = chance.choice([at for at, part in enumerate(found.parts) if at > 1 and part[2]])
    kind, _, content = found.parts[at]
    return found.with_part(at, kind, _bit(content, chance))


def _parts_swapped(found: Opened, chance: random.Random) -> Opened:
    parts = list(found.parts)
    while parts == found.parts:
        one, other = chance.sample(range(len(parts)), 2)
        parts[one], parts[other] = parts[other], parts[one]
    return replace(found, parts=parts)


def _a_part_doubled(found: Opened, chance: random.Random) -> Opened:
    at = chance.randrange(len(found.parts))
    return replace(found, parts=[*found.parts[:at], found.parts[at], *found.parts[at:]])


def _a_part_left_out(found: Opened, chance: random.Random) -> Opened:
    at = chance.randrange(len(found.parts))
    return replace(found, parts=found.parts[:at] + found.parts[at + 1 :])


def _a_part_added(found: Opened, chance: random.Random) -> Opened:
    at = chance.randrange(len(found.parts) + 1)
    more = (chance.choice("MSKRGBEZ"), 5, b"hello")
    return replace(found, parts=[*found.parts[:at], more, *found.parts[at:]])


def _another_kind(found: Opened, chance: random.Random) -> Opened:
    at = chance.randrange(len(found.parts))
    kind, claims, content = found.parts[at]
    return found.with_part(at, chance.choice([other for other in "MSKRGBEZ\xff" if other != kind]), content, claims)


def _a_length_that_lies(found: Opened, chance: random.Random) -> Opened:
    at = chance.randrange(len(found.parts))
    kind, claims, content = found.parts[at]
    lie = chance.choice([lie for lie in (0, claims + 1, claims - 1, 1 << 31, 1 << 40, (1 << 64) - 1) if lie != claims and lie >= 0])
    return found.with_part(at, kind, content, lie)


def _unsigned(found: Opened, chance: random.Random) -> Opened:
    return found.with_part(1, "S", chance.choice([bytes(64), chance.randbytes(64), b"", bytes(63), bytes(65)]))


def _manifest_field(found: Opened, chance: random.Random) -> Opened:
    """Another manifest under the old signature; its names of the parts fit again, as a careful forger would see to."""
    said = json.loads(found.parts[0][2])
    name = chance.choice(sorted(said))
    said[name] = chance.choice([other for other in (None, 7, 2, "x", "centre", [], {}, -1, 1.5, "1999-01-01T00:00:00+00:00", "a" * 100_000, "\0") if other != said[name]])
    return found.with_part(0, "M", chance.choice([canonical, _other_json])(said))


def _row_of_the_manifest(found: Opened, chance: random.Random) -> Opened:
    said = json.loads(found.parts[0][2])
    row = chance.choice(said["parts"])
    name = chance.choice(["kind", "sha256", "size", "more"])
    row[name] = chance.choice([other for other in (None, 0, -1, 1 << 62, "M", "x", "0" * 64, "Z", [], 1.5) if other != row.get(name, 0.5)])
    return found.with_part(0, "M", canonical(said))


def _manifest_is_no_json(found: Opened, chance: random.Random) -> Opened:
    return found.with_part(0, "M", chance.choice([b"", b"null", b"[]", b"[" * 100_000, b"9" * 10_000, b'{"v":1}', b'{"v":1,"v":1}', b"\xff", b'{"parts":' * 2000, b"NaN"]))


def _more_inside(found: Opened, chance: random.Random) -> Opened:
    return replace(found, tail=chance.randbytes(chance.randrange(1, 100_000)))


Forge = Callable[[Opened, random.Random], Opened]
BY_A_FORGER: dict[str, Forge] = {
    "a part changed": _a_part_changed,
    "parts swapped": _parts_swapped,
    "a part doubled": _a_part_doubled,
    "a part left out": _a_part_left_out,
    "a part added": _a_part_added,
    "another kind": _another_kind,
    "a length that lies": _a_length_that_lies,
    "unsigned": _unsigned,
    "a field of the manifest": _manifest_field,
    "a row of the manifest": _row_of_the_manifest,
    "a manifest that is no JSON": _manifest_is_no_json,
    "more inside": _more_inside,
}


# ---- one segment -----------------------------------------------------------------------------------------------------------


def _header_field(data: bytes, chance: random.Random) -> bytes:
    line, rest = data.split(b"\n", 1)
    said = json.loads(line)
    name = chance.choice([*sorted(said), "full", "later"])
    others = (None, 0, -1, 2, 7, 1 << 40, 1.5, True, False, "", "down:x", "centre", "0" * 16, "0" * 64, "1999-01-01T00:00:00+00:00", "2026-11-22T12:00:00Z", [], "\0")
    said[name] = chance.choice([other for other in others if other != said.get(name, "?")])
    return chance.choice([canonical, _other_json])(said) + b"\n" + rest


def _header_is_no_json(data: bytes, chance: random.Random) -> bytes:
    rest = data.split(b"\n", 1)[1]
    return chance.choice([b"", b"{}", b"[]", b"null", b"[" * 5000, b"9" * 6000, b"\xff", b'{"v":NaN}', b"x" * 20_000]) + b"\n" + rest


def _header_written_otherwise(data: bytes, _chance: random.Random) -> bytes:
    line, rest = data.split(b"\n", 1)
    return _other_json(json.loads(line)) + b"\n" + rest


def _other_body(change: Callable[[dict[str, Any], random.Random], Any], write: Callable[[Any], bytes] = canonical) -> Spoil:
    def spoil(data: bytes, chance: random.Random) -> bytes:
        segment = segments.from_bytes(data)
        found = json.loads(zstandard.ZstdDecompressor().decompress(segment.body))
        changed = change(found, chance)
        return segments.to_bytes(replace(segment, body=zstandard.ZstdCompressor().compress(write(changed))))

    return spoil


def _entry_changed(found: dict[str, Any], chance: random.Random) -> Any:
    chance.choice(found["entries"])[1] = "mark"
    return found


def _entries_turned(found: dict[str, Any], _chance: random.Random) -> Any:
    return found | {"entries": found["entries"][::-1]}


def _entry_left_out(found: dict[str, Any], _chance: random.Random) -> Any:
    return found | {"entries": found["entries"][1:]}


def _entry_added(found: dict[str, Any], chance: random.Random) -> Any:
    return found | {"entries": [*found["entries"], chance.choice([["f", "answer", {}], ["x", "0" * 64], [], "f", None, [7]])]}


def _other_seed(found: dict[str, Any], chance: random.Random) -> Any:
    return {"entries": found["entries"], "seed": chance.choice([chance.randbytes(32).hex(), "", "zz" * 32, 7, "AB" * 32, None])}


def _salts_that_do_not_fit(found: dict[str, Any], chance: random.Random) -> Any:
    count = len(found["entries"])
    return {"entries": found["entries"], "salts": chance.choice([[], ["00" * 16] * count, [None] * count, ["00" * 16] * (count + 1), [7] * count, "00"])}


def _no_list(_found: dict[str, Any], chance: random.Random) -> Any:
    return chance.choice([None, [], {}, {"entries": 7, "seed": "00" * 32}, {"entries": []}, {"entries": {}, "salts": {}}])


def _raw_body(make: Callable[[random.Random], bytes]) -> Spoil:
    return lambda data, chance: segments.to_bytes(replace(segments.from_bytes(data), body=make(chance)))


def _bomb(chance: random.Random) -> bytes:
    """A few kilobytes that want to become up to a gigabyte."""
    size = chance.choice([segments.LARGEST_BODY, segments.LARGEST_BODY + 1, 1 << 30])
    compressor = zstandard.ZstdCompressor(level=1).compressobj(size=size)
    return b"".join([*(compressor.compress(bytes(1 << 20)) for _ in range(size >> 20)), compressor.compress(bytes(size % (1 << 20))), compressor.flush()])


def _bomb_of_values(_chance: random.Random) -> bytes:
    """Twenty million empty lists: small as text, large in memory."""
    text = b'{"entries":[[' + b"[]," * 20_000_000 + b'[]]],"seed":"' + b"00" * 32 + b'"}'
    return zstandard.ZstdCompressor(level=1).compress(text)


def _unknown_size(chance: random.Random) -> bytes:
    compressor = zstandard.ZstdCompressor(write_content_size=False).compressobj()
    return compressor.compress(bytes(chance.randrange(1 << 22))) + compressor.flush()


def _deep(_chance: random.Random) -> bytes:
    return zstandard.ZstdCompressor().compress(b'{"entries":' + b"[" * 1_000_000)


def _no_zstandard(chance: random.Random) -> bytes:
    return chance.choice([b"\0", b"(\xb5/\xfd", chance.randbytes(500), b"PK\x03\x04" * 9, zstandard.ZstdCompressor().compress(b"")])


SEGMENTS: dict[str, Spoil] = {
    "a bit turned": _bit,
    "cut": _cut,
    "a field of the header": _header_field,
    "a header that is no JSON": _header_is_no_json,
    "a header written otherwise": _header_written_otherwise,
    "an entry changed": _other_body(_entry_changed),
    "entries turned": _other_body(_entries_turned),
    "an entry left out": _other_body(_entry_left_out),
    "an entry added": _other_body(_entry_added),
    "a body written otherwise": _other_body(lambda found, _chance: found, _other_json),
    "another seed": _other_body(_other_seed),
    "salts that do not fit": _other_body(_salts_that_do_not_fit),
    "no list of entries": _other_body(_no_list),
    "a bomb": _raw_body(_bomb),
    "a bomb of values": _raw_body(_bomb_of_values),
    "of unknown size": _raw_body(_unknown_size),
    "too deep": _raw_body(_deep),
    "no zstandard": _raw_body(_no_zstandard),
    "more after the body": lambda data, chance: data + chance.choice([b"\0", zstandard.ZstdCompressor().compress(b"x"), chance.randbytes(50)]),
}
