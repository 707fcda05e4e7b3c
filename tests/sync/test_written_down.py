"""The format as docs/exchange.md has it: the worked example holds, and a reader written from the page alone reads what we write."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from app.sync import bundles, receipts, segments
from app.sync.canonical import canonical
from tests.sync import reader, vectors
from tests.sync.format import CENTRE, CLASS, a_bundle, a_segment, json_values, known_senders, parts_of

PAGE = (Path(__file__).parents[2] / "docs" / "exchange.md").read_text(encoding="utf-8")


def test_what_is_sealed_is_what_is_written_down() -> None:
    """Header, hashes and signatures are those of the example: whoever changes the format gives it another number."""
    kept = vectors.kept()
    sealed = vectors.seal_all()

    for was, now in zip(kept["segments"], sealed, strict=True):
        body = segments.open_body(now)
        assert canonical(now.header.as_json()).decode() == was["header"]
        assert (now.hash, now.signature.hex()) == (was["hash"], was["signature"])
        assert body.hashes == was["entry_hashes"]
        assert [salt.hex() if salt else None for salt in body.salts] == was["salts"]
        assert zstandard.ZstdDecompressor().decompress(now.body).decode() == was["body"]
    said = vectors.receipt(sealed[-1])
    assert receipts.to_bytes(said).hex() == kept["receipt"]["bytes"]


def test_what_was_written_down_is_read() -> None:
    """Segments of the first release, one with an erased entry, and its receipt."""
    kept = vectors.kept()

    for was in [*kept["segments"], kept["erased"]]:
        found = segments.from_bytes(bytes.fromhex(was["bytes"]))
        segments.verify(found, CLASS.public.sign)
        assert [canonical(entry).decode() for entry in segments.open_body(found).entries] == was["entries"]
        assert found.hash == was["hash"]
    receipts.verify(receipts.from_bytes(bytes.fromhex(kept["receipt"]["bytes"])), CENTRE.public.sign)
    assert kept["erased"]["hash"] == kept["segments"][0]["hash"]
    assert kept["erased"]["signature"] == kept["segments"][0]["signature"]


def test_the_bundle_is_the_one_that_was_written_down(tmp_path: Path) -> None:
    """To the byte, with the same ephemeral key; and it is read."""
    kept = vectors.kept()
    made = vectors.bundle(tmp_path / "example.sabaq", [bytes.fromhex(one["bytes"]) for one in kept["segments"]])

    assert made.path.read_bytes() == base64.b64decode(kept["bundle"]["bytes"])
    assert made.path.read_bytes().startswith(kept["bundle"]["preamble"].encode())
    manifest = bundles.check(made.path, CENTRE, known_senders)
    assert canonical(manifest.as_json()).decode() == kept["bundle"]["manifest"]


def test_another_reader_reads_the_example() -> None:
    """Whoever writes one from the page can try it on the file beside it."""
    kept = vectors.kept()
    keys = kept["keys"]

    content = reader.content_of(base64.b64decode(kept["bundle"]["bytes"]), bytes.fromhex(keys["centre"]["box_private"]))
    manifest, parts = reader.parts_of(content, bytes.fromhex(keys["class-korday"]["sign_public"]))

    assert (manifest["from"], manifest["to"], manifest["statement"]) == ("class-korday", "centre", {"disk_free": 71})
    read = [reader.segment_of(part, bytes.fromhex(keys["class-korday"]["sign_public"])) for row, part in parts if row["kind"] == "G"]
    assert [entries for _, entries in read] == vectors.ENTRIES
    assert parts[-1][1] == vectors.BLOB


@given(st.lists(st.tuples(st.sampled_from("fcrg"), json_values).map(list), max_size=5), st.binary(max_size=200), st.sets(st.integers(0, 4)))
def test_another_reader_reads_what_we_write(entries: list[segments.Entry], blob: bytes, gone: set[int]) -> None:
    """Whatever a JSON column holds, erased entries and blobs."""
    import tempfile

    sealed = segments.erase(a_segment(entries), {at for at in gone if at < len(entries)})
    with tempfile.TemporaryDirectory() as folder:
        data = a_bundle(Path(folder) / "a.sabaq", parts_of(sealed, blobs=[blob])).path.read_bytes()

    _, parts = reader.parts_of(reader.content_of(data, CENTRE.box.private_bytes_raw()), CLASS.public.sign)
    _, found = reader.segment_of(parts[2][1], CLASS.public.sign)
    assert canonical(found) == canonical(segments.open_body(sealed).entries)
    assert parts[3][1] == blob


@pytest.mark.parametrize(
    ("where", "name"),
    [("segments", "header"), ("segments", "hash"), ("segments", "signature"), ("receipt", "hash"), ("receipt", "signature"), ("bundle", "preamble"), ("bundle", "manifest")],
)  # fmt: skip
def test_the_page_shows_the_example(where: str, name: str) -> None:
    """The values on the page are those of the file, so nobody follows a stale one."""
    found = vectors.kept()[where]
    value = (found[0] if isinstance(found, list) else found)[name]

    assert value.strip().replace("\n", "") in PAGE.replace("\n", "")


def test_the_example_is_json_that_anybody_can_read() -> None:
    """Its texts are canonical, so that a reader can compare bytes."""
    kept = vectors.kept()
    for text in (kept["segments"][0]["header"], kept["segments"][0]["body"], kept["receipt"]["statement"], kept["bundle"]["manifest"]):
        assert canonical(json.loads(text)).decode() == text
