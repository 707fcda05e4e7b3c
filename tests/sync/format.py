"""What tests of the format share: fixed keys, a source that gives the same bytes each time, segments and bundles to spoil."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import strategies as st

from app.sync import bundles, receipts, segments
from app.sync.bundles import BundleInfo, Part
from app.sync.keys import NodeKeys, PublicKeys
from app.sync.segments import Segment

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
EPOCH = "00112233aabbccdd"

# What a JSON column may hold: whole and other numbers, any letter (also one that UTF-8 cannot say), lists and objects.
letters = st.characters() | st.sampled_from("\ud800\udfff\0\x7f\u2028😀Ққ")
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(letters),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(letters, max_size=6), inner, max_size=4),
    max_leaves=8,
)


def keys_of(first: int) -> NodeKeys:
    """Fixed keys: 32 bytes that count up from `first`, and 32 more."""
    counted = bytes(range(first, first + 64))
    return NodeKeys(Ed25519PrivateKey.from_private_bytes(counted[:32]), X25519PrivateKey.from_private_bytes(counted[32:]))


CLASS, CENTRE, STRANGER = keys_of(0), keys_of(64), keys_of(128)


def known_senders(code: str) -> bytes | None:
    """Whose bundles the tests take."""
    return {"class-korday": CLASS.public.sign, "centre": CENTRE.public.sign}.get(code)


def counting(n: int) -> bytes:
    """Bytes that nobody needs to guess: 0, 1, 2 …"""
    return bytes(range(n))


def answers(n: int, start: int = 0) -> list[segments.Entry]:
    """Entries as an answer makes them."""
    return [
        ["f", "answer", {
            "id": f"01931c5e-0000-7000-8000-{start + at:012x}", "owner_node": "class-korday", "attempt_id": "01931c5e-0000-7000-8000-0000000000aa",
            "question": f"vs-c{at % 25 + 1:02}", "revision": 1, "key": f"key-{start + at}", "response": {"choice": "abcd"[at % 4]},
            "sure": None, "saved_at": "2026-11-22T09:30:00+00:00",
        }]
        for at in range(n)
    ]  # fmt: skip


def a_segment(entries: Sequence[segments.Entry] | None = None, *, number: int = 1, prev: str = "", keys: NodeKeys = CLASS, **more: Any) -> Segment:
    """A segment of the class server."""
    said: dict[str, Any] = {
        "stream": "up", "node": "class-korday", "epoch": EPOCH, "ordinal": 1, "number": number, "prev": prev, "sealed_at": NOON,
        "keys": keys, "random": counting,
    }  # fmt: skip
    return segments.seal(answers(3) if entries is None else entries, **said | more)


def a_chain(n: int, each: int = 3) -> list[Segment]:
    """Segments one after the other."""
    made: list[Segment] = []
    for at in range(n):
        made.append(a_segment(answers(each, start=at * each), number=at + 1, prev=made[-1].hash if made else ""))
    return made


def a_receipt(**more: Any) -> receipts.Receipt:
    """The centre's receipt of one segment of the class server."""
    said: dict[str, Any] = {
        "by": "centre", "about": "class-korday", "ordinal": 1, "epoch": "ffeeddccbbaa9988", "counter": 1, "prev": "", "heads": [a_segment().header.head],
        "new": 3, "known": 0, "refused": {}, "waits": 0, "bundle": "0f" * 16, "at": NOON,
    }  # fmt: skip
    return receipts.make(more.pop("keys", CENTRE), **said | more)


def parts_of(*found: Segment, blobs: Sequence[bytes] = ()) -> list[Part]:
    """What goes into a bundle: a node list, a receipt, these segments and blobs."""
    return [
        Part.of("K", b'{"nodes":[]}'),
        Part.of("R", receipts.to_bytes(a_receipt()), by="centre"),
        *(Part.of("G", segments.to_bytes(one), node=one.header.node, number=one.header.number, hash=one.hash) for one in found),
        *(Part.of("B", blob, what="media") for blob in blobs),
    ]


def a_bundle(path: Path, parts: Sequence[Part] | None = None, *, sender: NodeKeys = CLASS, receiver: PublicKeys | None = None, **more: Any) -> BundleInfo:
    """A bundle of the class server for the centre."""
    said: dict[str, Any] = {
        "node": "class-korday", "to": "centre", "made_at": NOON, "release": "1.4", "migration": "0003", "statement": {"disk": 71}, "bundle_id": "0f" * 16,
    }  # fmt: skip
    return bundles.write(path, parts_of(*a_chain(2)) if parts is None else parts, sender=sender, receiver=receiver or CENTRE.public, **said | more)
