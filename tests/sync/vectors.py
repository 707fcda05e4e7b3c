"""The worked example of docs/exchange.md: fixed keys, chance that counts, and all that follows; `python -m tests.sync.vectors` writes it.

Written anew only when the format gets another number: readers in the field were tried on these bytes.
"""

from __future__ import annotations

import base64
import json
import random
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import zstandard

from app import ids
from app.sync import bundles, receipts, segments
from app.sync.bundles import Part
from app.sync.canonical import canonical
from app.sync.keys import NodeKeys
from app.sync.segments import Segment
from tests.sync.format import CENTRE, CLASS, EPOCH, counting

FILE = Path(__file__).parents[2] / "docs" / "exchange-example.json"
AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
BUNDLE_ID = "0f" * 16
BLOB = "Граница".encode()
ENTRIES: list[list[segments.Entry]] = [
    [
        ["f", "clock_step", {
            "id": "01931c5e-0000-7000-8000-000000000001", "noticed_at": "2026-11-22T11:59:00+00:00", "owner_node": "class-korday", "step_ms": -86400000,
        }],
        ["c", "seat", "01931c5e-0000-7000-8000-0000000000aa", {
            "actor_id": None, "after": {"state": "broken"}, "at": "2026-11-22T11:59:30+00:00", "before": {"state": "works"},
            "id": "01931c5e-0000-7000-8000-000000000002", "version": 2,
        }],
    ],
    [["f", "audit_event", {
        "about": "Қордай", "actor_id": None, "at": "2026-11-22T11:59:40+00:00", "detail": {"share": 0.5}, "id": "01931c5e-0000-7000-8000-000000000003",
        "owner_node": "class-korday", "what": "export",
    }]],
]  # fmt: skip


class Counting(random.Random):
    """Chance that counts: 0, 1, 2 …"""

    def randbytes(self, n: int) -> bytes:
        return counting(n)


def seal_all() -> list[Segment]:
    """The two segments of the example."""
    made: list[Segment] = []
    for number, entries in enumerate(ENTRIES, start=1):
        made.append(
            segments.seal(
                entries, stream="up", node="class-korday", epoch=EPOCH, ordinal=1, number=number, prev=made[-1].hash if made else "", sealed_at=AT,
                keys=CLASS, random=counting,
            )
        )
    return made


def receipt(head: Segment) -> receipts.Receipt:
    """What the centre gives for them."""
    return receipts.make(
        CENTRE, by="centre", about="class-korday", ordinal=1, epoch="ffeeddccbbaa9988", counter=1, prev="", heads=[head.header.head], new=3, known=0,
        refused={}, waits=0, bundle=BUNDLE_ID, at=AT,
    )  # fmt: skip


def bundle(path: Path, packed: list[bytes]) -> bundles.BundleInfo:
    """The bundle with these segments and one file."""
    parts = [Part.of("G", data, node="class-korday", stream="up", number=at) for at, data in enumerate(packed, start=1)]
    with ids.using(Counting()):
        return bundles.write(
            path, [*parts, Part.of("B", BLOB, what="practical")], sender=CLASS, receiver=CENTRE.public, node="class-korday", to="centre", made_at=AT,
            release="1.4", migration="0003", statement={"disk_free": 71}, bundle_id=BUNDLE_ID,
        )  # fmt: skip


def _keys(found: NodeKeys) -> dict[str, str]:
    return {
        "sign_private": found.sign.private_bytes_raw().hex(), "sign_public": found.public.sign.hex(),
        "box_private": found.box.private_bytes_raw().hex(), "box_public": found.public.box.hex(), "fingerprint": found.public.fingerprint,
    }  # fmt: skip


def _segment(found: Segment) -> dict[str, Any]:
    body = segments.open_body(found)
    return {
        "entries": [canonical(entry).decode() for entry in body.entries], "salts": [salt.hex() if salt else None for salt in body.salts],
        "entry_hashes": body.hashes, "header": canonical(found.header.as_json()).decode(), "hash": found.hash, "signature": found.signature.hex(),
        "body": zstandard.ZstdDecompressor().decompress(found.body).decode(), "bytes": segments.to_bytes(found).hex(),
    }  # fmt: skip


def example() -> dict[str, Any]:
    """All of it."""
    sealed = seal_all()
    said = receipt(sealed[-1])
    with tempfile.TemporaryDirectory() as folder:
        made = bundle(Path(folder) / "example.sabaq", [segments.to_bytes(one) for one in sealed])
        data = made.path.read_bytes()
    lines = data.split(b"\n", 2)
    return {
        "keys": {"class-korday": _keys(CLASS), "centre": _keys(CENTRE)},
        "segments": [_segment(one) for one in sealed],
        "erased": _segment(segments.erase(sealed[0], {0})),
        "receipt": {"statement": canonical(said.said.as_json()).decode(), "hash": said.hash, "signature": said.signature.hex(), "bytes": receipts.to_bytes(said).hex()},
        "bundle": {
            "ephemeral_private": counting(32).hex(), "preamble": (lines[0] + b"\n" + lines[1] + b"\n").decode(), "manifest": canonical(made.manifest.as_json()).decode(),
            "bytes": base64.b64encode(data).decode(),
        },
    }  # fmt: skip


def kept() -> dict[str, Any]:
    """As it was written down."""
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


if __name__ == "__main__":
    FILE.write_text(json.dumps(example(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
