"""Bundles: one file that its receiver alone can read, taken whole or not at all, in little memory however large it is."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import tempfile
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from hypothesis import given
from hypothesis import strategies as st

from app import ids
from app.errors import BadBundle
from app.sync import bundles, segments
from app.sync.bundles import Part, Reader, check, peek
from app.sync.canonical import NotCanonical
from app.sync.frames import agreed_key
from tests.sync.format import CENTRE, CLASS, NOON, STRANGER, a_bundle, a_chain, known_senders, parts_of
from tests.sync.mutator import BY_A_FORGER, IN_TRANSIT, closed, opened


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of several frames."""
    path = tmp_path_factory.mktemp("good") / "good.sabaq"
    blobs = [random.Random(1).randbytes(150_000), b"small", b""]
    return a_bundle(path, parts_of(*a_chain(2), blobs=blobs)).path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where spoiled ones are written."""
    return tmp_path_factory.mktemp("spoiled") / "spoiled.sabaq"


@given(st.lists(st.tuples(st.sampled_from("KRGBZ"), st.binary(max_size=300) | st.integers(65_000, 140_000).map(bytes)), max_size=5), st.integers(0, 99))
def test_what_was_sent_is_what_arrives(sent: list[tuple[str, bytes]], disk: int) -> None:
    """Parts of any size, in their order, with their names; kinds of a later release too; and what the sender says of itself."""
    with tempfile.TemporaryDirectory() as folder:
        made = a_bundle(Path(folder) / "a.sabaq", [Part.of(kind, data, n=at) for at, (kind, data) in enumerate(sent)], statement={"disk": disk})
        manifest = check(made.path, CENTRE, known_senders)
        with Reader(made.path, CENTRE) as reader:
            found = [(part.row.kind, part.read(), part.row.names) for part in reader.parts()]

        assert found == [(kind, data, {"n": at}) for at, (kind, data) in enumerate(sent)]
        assert manifest == made.manifest
        assert (manifest.sender, manifest.to, manifest.statement) == ("class-korday", "centre", {"disk": disk})
        assert made.size == made.path.stat().st_size
        assert made.sha256 == hashlib.sha256(made.path.read_bytes()).hexdigest()
        assert [path.name for path in Path(folder).iterdir()] == ["a.sabaq"]


@pytest.mark.goal("NET-05")
def test_a_lost_stick_shows_nothing(tmp_path: Path) -> None:
    """Of all that a bundle holds, whoever finds it reads from whom and to whom it is, and how large: no name, answer or picture."""
    secret = "Ахметова Гүлнар Серікқызы".encode()
    entries = [["f", "person_name", {"text": secret.decode()}]]
    segment = segments.seal(
        entries, stream="up", node="class-korday", epoch="0" * 16, ordinal=1, number=1, prev="", sealed_at=NOON, keys=CLASS, random=ids.random_bytes
    )  # fmt: skip
    made = a_bundle(tmp_path / "a.sabaq", [*parts_of(segment, blobs=[secret * 9]), Part.of("K", secret, title="Korday")], statement={"disk": "Korday disk"})
    data = made.path.read_bytes()

    peeked = peek(made.path)
    assert (peeked.sender, peeked.to, peeked.to_key) == ("class-korday", "centre", CENTRE.public.fingerprint)
    preamble = b"\n".join(data.split(b"\n")[:2])
    assert preamble.count(b'"') == 4 * 5
    for shown in (secret, b"Korday", b"disk", b"manifest", b"sha256", b"person_name", b"segment", segment.signature, segment.body, segment.hash.encode()):
        assert shown not in data
    assert _looks_random(data[len(preamble) + 1 :])


def _looks_random(data: bytes) -> bool:
    counts = [data.count(bytes([value])) for value in range(256)]
    mean = len(data) / 256
    return sum((count - mean) ** 2 for count in counts) / mean < 400  # chi squared with 255 degrees: beyond 400 once in 10^8


@pytest.mark.goal("NET-05")
def test_the_receiver_alone_reads_it(tmp_path: Path) -> None:
    """Whoever has other keys, the sender included, is told whom it is for, and gets nothing."""
    made = a_bundle(tmp_path / "a.sabaq")
    for keys in (CLASS, STRANGER):
        with pytest.raises(BadBundle) as refused:
            check(made.path, keys, known_senders)
        assert (refused.value.code, refused.value.message.params["to"]) == ("other-receiver", "centre")
    assert check(made.path, CENTRE, known_senders)


def test_a_preamble_that_names_a_thiefs_key_opens_nothing(good: Path, place: Path) -> None:
    """The key is agreed with what the preamble says: one that was rewritten agrees on another key."""
    place.write_bytes(good.read_bytes().replace(CENTRE.public.fingerprint.encode(), STRANGER.public.fingerprint.encode()))

    assert _refused(place, STRANGER).code == "changed"


@pytest.mark.parametrize("name", sorted(IN_TRANSIT))
@given(seed=st.integers(0, 2**32))
def test_a_bundle_spoiled_on_its_way_is_refused(name: str, seed: int, good: Path, place: Path) -> None:
    """With a sentence that says what to do, before anything was changed, and never with another error."""
    place.write_bytes(IN_TRANSIT[name](good.read_bytes(), random.Random(seed)))

    assert _refused(place).code in {"not-a-bundle", "other-receiver", "cut", "changed", "newer"}


@pytest.mark.parametrize("name", sorted(BY_A_FORGER))
@given(seed=st.integers(0, 2**32))
def test_a_forged_bundle_is_refused(name: str, seed: int, good: Path, place: Path) -> None:
    """Who can encrypt to the receiver, as all can, but cannot sign for the sender, brings nothing in."""
    place.write_bytes(closed(BY_A_FORGER[name](opened(good.read_bytes(), CENTRE), random.Random(seed)), CENTRE.public))

    assert _refused(place).code in {"malformed", "changed", "signature", "too-big", "newer"}


def test_encrypted_again_as_it_was_it_is_the_same_bundle(good: Path, place: Path) -> None:
    """The mutator itself spoils nothing: what refuses the forged ones is what was changed in them."""
    place.write_bytes(closed(opened(good.read_bytes(), CENTRE), CENTRE.public))

    assert check(place, CENTRE, known_senders).id == "0f" * 16


def test_a_bundle_for_one_server_cannot_be_passed_to_another(good: Path, place: Path) -> None:
    """The signed manifest names the receiver: encrypted anew to somebody else it is refused there."""
    place.write_bytes(closed(opened(good.read_bytes(), CENTRE), STRANGER.public))

    with pytest.raises(BadBundle) as refused:
        check(place, STRANGER, known_senders, node="class-aktau")
    assert refused.value.code == "other-node"
    assert check(place, STRANGER, known_senders, node="centre").to == "centre"


@pytest.mark.parametrize("cut_to", [*range(0, 400, 7), 65_000, 66_000, 131_500])
def test_a_stick_pulled_at_any_byte_is_noticed(cut_to: int, good: Path, place: Path) -> None:
    """The sentence says after how many bytes the file ends."""
    place.write_bytes(good.read_bytes()[:cut_to])

    error = _refused(place)
    assert error.code in ("cut", "not-a-bundle")
    assert error.code == "cut" or cut_to == 0
    assert error.code != "cut" or error.message.params["bytes"] == cut_to


def test_an_unknown_sender_is_named(good: Path, place: Path) -> None:
    """Who has not joined is told so; who signs with another key than he joined with is refused."""
    place.write_bytes(good.read_bytes())
    with pytest.raises(BadBundle) as unknown:
        check(place, CENTRE, lambda _code: None)
    with pytest.raises(BadBundle) as another:
        check(place, CENTRE, lambda _code: STRANGER.public.sign)

    assert (unknown.value.code, another.value.code) == ("unknown-sender", "signature")
    assert "class-korday" in str(unknown.value)


def test_a_later_format_asks_for_an_update(good: Path, place: Path) -> None:
    """Not "damaged": the bundle is good, this server is too old."""
    place.write_bytes(good.read_bytes().replace(b"SABAQ BUNDLE 1", b"SABAQ BUNDLE 2", 1))

    assert _refused(place).code == "newer"


def test_memory_does_not_grow_with_the_bundle(tmp_path: Path) -> None:
    """A hundred megabytes of media and a thousand segments, written and read within eight megabytes."""
    piece, whole = os.urandom(1 << 20), hashlib.sha256()
    with (tmp_path / "film").open("wb") as file:
        for _ in range(100):
            file.write(piece)
            whole.update(piece)
    data = segments.to_bytes(a_chain(1)[0])
    several = [Part("G", len(data), hashlib.sha256(data).hexdigest(), lambda: iter((bytes(data),)), {"number": n}) for n in range(1000)]
    parts = [*several, Part.of_file("B", tmp_path / "film", whole.hexdigest())]
    tracemalloc.start()
    try:
        made = a_bundle(tmp_path / "a.sabaq", parts)
        inspected = []
        check(made.path, CENTRE, known_senders, inspect=lambda row, content: inspected.append((row.kind, len(content))))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert made.size > 100 << 20
    assert len(inspected) == 1000
    assert peak < 8 << 20


@given(st.lists(st.integers(0, 200_000), max_size=5))
def test_the_size_is_known_beforehand(sizes: list[int]) -> None:
    """The check of space on a stick asks for enough and not for much more."""
    parts = [Part.of("B", bytes(size), name="x" * 50) for size in sizes]
    with tempfile.TemporaryDirectory() as folder:
        made = a_bundle(Path(folder) / "a.sabaq", parts)

    assert made.size <= bundles.size_of(parts) <= made.size * 1.05 + 20_000


def test_a_file_that_changed_under_our_hands_is_not_sent(tmp_path: Path) -> None:
    """A picture that is not what its SHA-256 says spoils no bundle: none is made, and the file is named."""
    (tmp_path / "picture").write_bytes(b"other")
    parts = [Part.of_file("B", tmp_path / "picture", hashlib.sha256(b"right").hexdigest())]

    with pytest.raises(BadBundle) as refused:
        a_bundle(tmp_path / "a.sabaq", parts)
    assert refused.value.message.params["name"] == "picture"
    assert [path.name for path in tmp_path.iterdir()] == ["picture"]


def test_a_full_stick_leaves_nothing_behind(tmp_path: Path) -> None:
    """What was there under the name stays; the half file does not."""
    (tmp_path / "a.sabaq").write_bytes(b"yesterday's")

    def full() -> Iterator[bytes]:
        yield b"x" * 100_000
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="space"):
        a_bundle(tmp_path / "a.sabaq", [Part("B", 200_000, "0" * 64, full)])
    assert [path.name for path in tmp_path.iterdir()] == ["a.sabaq"]
    assert (tmp_path / "a.sabaq").read_bytes() == b"yesterday's"


def test_a_file_that_cannot_be_read_is_a_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stick that is gone, at the first byte or later, gets a sentence and no other error."""
    with pytest.raises(BadBundle):
        check(tmp_path / "nothing", CENTRE, known_senders)
    with pytest.raises(BadBundle):
        peek(tmp_path)
    made = a_bundle(tmp_path / "a.sabaq", parts_of(blobs=[bytes(200_000)]))
    with Reader(made.path, CENTRE) as reader:
        parts = reader.parts()
        next(parts)
        monkeypatch.setattr(reader._frames, "_file", _Pulled())
        with pytest.raises(BadBundle) as refused:
            list(parts)
    assert refused.value.code == "unreadable"


class _Pulled:
    def read(self, _n: int) -> bytes:
        raise OSError(errno.EIO, "Input/output error")


def test_what_is_said_has_no_fractions(tmp_path: Path) -> None:
    """A database writes them anew, and what was signed would not be what is kept: the sender notices, not the receiver."""
    with pytest.raises(NotCanonical):
        a_bundle(tmp_path / "a.sabaq", statement={"disk": 0.5})


def test_progress_goes_to_the_end(tmp_path: Path) -> None:
    """Whoever waits sees how far it is, both ways."""
    written: list[tuple[int, int]] = []
    readings: list[tuple[int, int]] = []
    made = a_bundle(tmp_path / "a.sabaq", parts_of(blobs=[bytes(300_000)]), progress=lambda done, whole: written.append((done, whole)))
    check(made.path, CENTRE, known_senders, progress=lambda done, whole: readings.append((done, whole)))

    for seen in (written, readings):
        assert seen == sorted(seen)
        assert seen[-1][0] == seen[-1][1]
    assert len(readings) > 4


def _refused(path: Path, keys: Any = CENTRE) -> BadBundle:
    """The error of a bundle that must not be taken."""
    with pytest.raises(BadBundle) as refused:
        check(path, keys, known_senders)
    assert "{" not in str(refused.value)
    return refused.value


@pytest.mark.parametrize("cuts", [[100], [70_000], [65_536, 10], [0]])
def test_frames_have_one_size(cuts: list[int], good: Path, place: Path) -> None:
    """A frame that is short inside, or longer than any may be, is refused also where its seal fits: no length asks for more memory."""
    found = opened(good.read_bytes(), CENTRE)
    content = b"".join(kind.encode() + size.to_bytes(8, "big") + part for kind, size, part in found.parts)
    ephemeral = X25519PrivateKey.from_private_bytes(bytes(range(32)))
    preamble = bundles.preamble_of(found.manifest, CENTRE.public, ephemeral)
    cipher, data = ChaCha20Poly1305(agreed_key(ephemeral, CENTRE.public.box, preamble)), preamble
    sizes = [*cuts, *[65_536] * 10]
    for counter in range(100):
        piece, content = content[: sizes[min(counter, 9)]], content[sizes[min(counter, 9)] :]
        sealed = cipher.encrypt(counter.to_bytes(11, "big") + bytes([not content]), piece, preamble)
        data += len(sealed).to_bytes(4, "big") + sealed
        if not content:
            break
    place.write_bytes(data)

    assert _refused(place).code == "changed"


@pytest.mark.parametrize("name", ["id", "sender", "to"])
def test_the_preamble_says_what_the_manifest_says(name: str, good: Path, place: Path) -> None:
    """Good parts with a good signature behind the first lines of another bundle: who believed those lines was misled."""
    found = opened(good.read_bytes(), CENTRE)
    other = found.manifest.model_copy(update={name: {"id": "a" * 32, "sender": "centre", "to": "class-korday"}[name]})
    place.write_bytes(closed(replace(found, manifest=other), CENTRE.public))

    assert _refused(place).code == "malformed"
