"""Segments: what was sealed is read back, and nothing else is; an erased entry leaves hash and signature good."""

from __future__ import annotations

import contextlib
import random
import time
import tracemalloc
from dataclasses import replace

import pytest
import zstandard
from hypothesis import example, given
from hypothesis import strategies as st

from app.errors import BadSegment
from app.sync import segments
from app.sync.canonical import NotCanonical, canonical, parse, read
from app.sync.segments import Header
from tests.sync.format import CENTRE, CLASS, a_chain, a_segment, answers, json_values, letters
from tests.sync.mutator import SEGMENTS

BOMBS = {"a bomb", "a bomb of values", "of unknown size", "too deep"}
entry_lists = st.lists(st.tuples(st.sampled_from(["f", "c", "r", "g", "later"]), json_values).map(list), max_size=6)


@given(entry_lists)
@example([["f", {"\ud800": "\udfff", "😀": -0.0, "\0": 1e22, "Қ": 10**400}]])
def test_what_was_sealed_is_read_back(entries: list[segments.Entry]) -> None:
    """Whatever a JSON column holds comes back as it was, proven by hash and signature."""
    sealed = a_segment(entries)

    found = segments.from_bytes(segments.to_bytes(sealed))
    segments.verify(found, CLASS.public.sign)
    body = segments.open_body(found)

    assert found == sealed
    assert canonical(body.entries) == canonical(entries)
    assert len(body.hashes) == found.header.count == len(entries)


@given(json_values)
def test_what_means_the_same_has_the_same_bytes(value: object) -> None:
    """Canonical JSON is UTF-8 that reads back and writes the same again."""
    written = canonical(value)

    assert canonical(parse(written)) == written


@pytest.mark.parametrize(
    "text",
    ['{"a":1, "b":2}', '{"b":1,"a":2}', '{"a":1,"a":1}', '"\\u0041"', "1.0", "1e3", "NaN", "Infinity", "-0", "01", '"\\/"', "\ufeff1", '"\\ud800"', '"\\u0000"', ""],
)  # fmt: skip
def test_a_statement_has_one_way_to_be_written(text: str) -> None:
    """Blanks, another order, doubled keys, escapes, fractions: two spellings of one statement would have two hashes."""
    with pytest.raises(NotCanonical):
        read(text.encode())


@pytest.mark.parametrize("name", sorted(set(SEGMENTS) - BOMBS))
@given(seed=st.integers(0, 2**32))
@example(seed=0)
def test_a_spoiled_segment_is_refused(name: str, seed: int) -> None:
    """With a sentence, never with another error, and never taken with other content than was signed."""
    _refused_or_the_same(name, seed)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", sorted(BOMBS))
def test_a_bomb_does_not_fill_the_memory(name: str, seed: int) -> None:
    """A few bytes that want to become a gigabyte are refused within what an honest segment may take."""
    spoiled = SEGMENTS[name](segments.to_bytes(a_segment()), random.Random(seed))
    tracemalloc.start()
    try:
        with pytest.raises(BadSegment):
            segments.open_body(segments.from_bytes(spoiled))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 3.2 * segments.LARGEST_BODY


def test_a_body_that_says_it_is_larger_than_any_is_not_unpacked() -> None:
    """Before a byte of it is made."""
    packer = zstandard.ZstdCompressor(level=1).compressobj(size=segments.LARGEST_BODY + 1)
    body = packer.compress(bytes(segments.LARGEST_BODY + 1)) + packer.flush()

    with pytest.raises(BadSegment) as refused:
        segments.open_body(replace(a_segment(), body=body))
    assert refused.value.code == "too-big"


def _refused_or_the_same(name: str, seed: int) -> None:
    sealed = a_segment()
    data = SEGMENTS[name](segments.to_bytes(sealed), random.Random(seed))
    try:
        found = segments.from_bytes(data)
        segments.verify(found, CLASS.public.sign)
        body = segments.open_body(found)
    except BadSegment:
        return
    assert found.header == sealed.header
    assert body == segments.open_body(sealed)
    assert name == "a bit turned"  # zstandard has a bit that means nothing


def test_a_segment_of_another_key_is_refused() -> None:
    """Whoever signed it is not the node that it names."""
    with pytest.raises(BadSegment) as refused:
        segments.verify(a_segment(), CENTRE.public.sign)

    assert refused.value.code == "signature"


def test_a_header_of_a_later_release_is_taken() -> None:
    """Fields unknown here are kept, because hash and signature cover them; a later format is refused with what to do."""
    later = Header.read(a_segment().header.as_json() | {"later": {"more": [1, "ы"]}})
    assert later.as_json()["later"] == {"more": [1, "ы"]}
    assert later.hash() != a_segment().hash
    assert segments.from_bytes(segments.to_bytes(replace(a_segment(), header=later))).header == later

    with pytest.raises(BadSegment) as refused:
        Header.read(a_segment().header.as_json() | {"v": 2})
    assert refused.value.code == "newer"


@given(st.sets(st.integers(0, 4)), st.sets(st.integers(0, 4)))
def test_an_erased_entry_leaves_the_segment_good(first: set[int], second: set[int]) -> None:
    """The content is gone, the others stand, hash and signature stay; erased again and again."""
    sealed = a_segment(answers(5))
    erased = segments.erase(segments.erase(sealed, first), second)

    segments.verify(erased, CLASS.public.sign)
    body = segments.open_body(segments.from_bytes(segments.to_bytes(erased)))

    assert erased.hash == sealed.hash
    for at, (was, now) in enumerate(zip(answers(5), body.entries, strict=True)):
        assert now == (["x", body.hashes[at]] if at in first | second else was)
    text = zstandard.ZstdDecompressor().decompress(erased.body).decode()
    for at in first | second:
        assert f"key-{at}" not in text


def test_an_erased_entry_cannot_be_guessed() -> None:
    """What is left of it is a hash under a salt that is gone: who tries all answers finds nothing that fits."""
    erased = segments.erase(a_segment(answers(5)), {3})
    body = segments.open_body(erased)
    text = zstandard.ZstdDecompressor().decompress(erased.body).decode()

    assert body.salts[3] is None
    assert "seed" not in text
    assert '"salts":[' in text


def test_nothing_is_erased_past_the_end() -> None:
    """A place that the segment does not have is a mistake of the program, not something to pass over."""
    with pytest.raises(ValueError, match="7"):
        segments.erase(a_segment(), {7})


def test_a_segment_names_the_one_before() -> None:
    """The chain is that of the hashes; only the first of an epoch may have none before it."""
    first, second = a_chain(2)

    assert second.header.prev == first.hash
    with pytest.raises(BadSegment):
        Header.read(second.header.as_json() | {"prev": ""})


@given(st.lists(st.integers(0, 9), max_size=8))
def test_a_segment_ends_at_a_thousand_entries_or_eight_megabytes(sizes: list[int]) -> None:
    """A course in one entry does not stop the chain: what is large goes into segments of its own."""
    entries = [["f", "course_version", {"text": "я" * size * 50}] for size in sizes]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segments, "AIM", 800)
        fit = segments.fitting(entries)

    assert (fit >= 1) == bool(entries)
    assert fit == len(entries) or sum(len(canonical(entry)) for entry in entries[: fit + 1]) > 800
    assert fit <= 1 or sum(len(canonical(entry)) for entry in entries[:fit]) <= 800
    assert segments.fitting(answers(1)[:1] * 1500) == 1000


def test_more_than_fits_is_not_sealed() -> None:
    """What no receiver would take is not signed."""
    with pytest.raises(BadSegment):
        a_segment(answers(1001))
    with pytest.raises(BadSegment):
        a_segment([["f", "x", "я" * segments.LARGEST_BODY]])


@given(st.text(letters))
def test_header_fields_are_refused_and_not_mended(text: str) -> None:
    """Whatever stands in a field of text that wants a code, a hash or a moment: a clear refusal."""
    for name in ("stream", "node", "epoch", "prev", "root", "sealed_at"):
        said = a_segment().header.as_json() | {name: text}
        with contextlib.suppress(BadSegment):
            assert Header.read(said).as_json() == said


def test_ten_thousand_answers_are_sealed_and_opened_in_two_seconds() -> None:
    """Well under: the format is no reason for an exchange to take long."""
    began = time.process_time()
    sealed = [segments.to_bytes(a_segment(answers(1000, start=at * 1000))) for at in range(10)]
    for data in sealed:
        segments.open_body(segments.from_bytes(data))

    assert time.process_time() - began < 2
