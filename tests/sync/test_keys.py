"""The keys of a node: made once, read by its user alone, and told apart by a fingerprint that people can read aloud."""

from __future__ import annotations

import random
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import ids
from app.errors import BadKeys
from app.sync import keys
from app.sync.keys import NodeKeys, PublicKeys
from tests.sync.format import CLASS, STRANGER, keys_of


def _raw(found: NodeKeys) -> tuple[bytes, bytes]:
    return found.sign.private_bytes_raw(), found.box.private_bytes_raw()


def test_keys_are_made_once(tmp_path: Path) -> None:
    """The second start finds those of the first; only the node's user reads them, and nothing else is left in the folder."""
    first = keys.load_or_make(tmp_path / "class-korday")
    second = keys.load_or_make(tmp_path / "class-korday")

    assert _raw(first) == _raw(second)
    assert [path.name for path in (tmp_path / "class-korday").iterdir()] == [keys.FILE]
    assert (tmp_path / "class-korday" / keys.FILE).stat().st_mode & 0o777 == 0o600


def test_two_processes_that_begin_at_once_have_the_same_keys(tmp_path: Path) -> None:
    """The first to finish wins; the other takes what is there."""
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: _raw(keys.load_or_make(tmp_path)), range(32)))

    assert len(set(found)) == 1
    assert [path.name for path in tmp_path.iterdir()] == [keys.FILE]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"box":"AA==","sign":"AA=="}', b'{"sign":7,"box":7}', b'{"sign":"\xd0\x96"}', b"\xff", b"7"])
def test_a_spoiled_file_is_named(tmp_path: Path, content: bytes) -> None:
    """No new keys are made in its place: the node would be a stranger to the centre without anybody having said so."""
    (tmp_path / keys.FILE).write_bytes(content)

    with pytest.raises(BadKeys, match=re.escape(keys.FILE)):
        keys.load_or_make(tmp_path)
    assert (tmp_path / keys.FILE).read_bytes() == content


@given(st.binary(max_size=80), st.sampled_from([b"sabaq segment\n", b"sabaq manifest\n", b"sabaq receipt\n"]))
def test_a_signature_holds_for_its_purpose_alone(digest: bytes, purpose: bytes) -> None:
    """What was signed as one thing is never taken for another, for other content or for another node's."""
    signature = keys.sign(CLASS, purpose, digest)

    assert keys.verify(CLASS.public.sign, purpose, digest, signature)
    assert not keys.verify(CLASS.public.sign, b"sabaq letter\n", digest, signature)
    assert not keys.verify(CLASS.public.sign, purpose, digest + b"\0", signature)
    assert not keys.verify(STRANGER.public.sign, purpose, digest, signature)


@pytest.mark.parametrize(("public", "signature"), [(b"", b""), (b"\0" * 32, b"\0" * 64), (b"x" * 31, b"y" * 64), (b"\xff" * 32, b"\xff" * 64)])
def test_no_key_and_no_signature_hold_nothing(public: bytes, signature: bytes) -> None:
    """Whatever bytes stand there: no, and no other error."""
    assert not keys.verify(public, b"sabaq segment\n", b"digest", signature)


P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P


def _weak() -> set[int]:
    """Every number below 2^255 that stands for the y of a point whose eightfold is the neutral one, on edwards25519."""
    roots = {0, 1, P - 1}  # y of the points of order 4, 1 and 2
    # Order 8: the double has y = 0, so x^2 = -y^2; in the curve's -x^2 + y^2 = 1 + d x^2 y^2 that is d y^4 + 2 y^2 - 1 = 0.
    for factor in (1, pow(2, (P - 1) // 4, P)):
        root_of_d_plus_1 = pow(1 + D, (P + 3) // 8, P) * factor % P
        for sign in (1, -1):
            square = (-1 + sign * root_of_d_plus_1) * pow(D, -1, P) % P
            for more in (1, pow(2, (P - 1) // 4, P)):
                y = pow(square, (P + 3) // 8, P) * more % P
                if y * y % P == square and (D * pow(y, 4, P) + 2 * y * y - 1) % P == 0:
                    roots |= {y, P - y}
    return {y + more for y in roots for more in (0, P) if y + more < 2**255}


def test_a_key_under_which_anybody_can_sign_is_no_key() -> None:
    """Points of small order are refused however they are written, both sign bits: a stranger's signature would fit."""
    weak = _weak()
    assert len(weak) == 7
    for y in weak:
        for sign_bit in (0, 1 << 255):
            public = (y | sign_bit).to_bytes(32, "little")
            for tried in range(16):
                assert not keys.verify(public, b"sabaq segment\n", bytes([tried]), b"\1" + bytes(63))
                assert not keys.verify(public, b"sabaq segment\n", bytes([tried]), bytes(64))


@given(st.integers(0, 190), st.integers(0, 190))
def test_a_fingerprint_is_of_both_keys(one: int, other: int) -> None:
    """Sixteen letters and digits in groups of four, another for each other key, signing or box."""
    a, b = keys_of(one).public, keys_of(other).public

    assert re.fullmatch(r"[A-Z2-7]{4}(-[A-Z2-7]{4}){3}", a.fingerprint)
    assert (a.fingerprint == PublicKeys(b.sign, a.box).fingerprint) == (one == other)
    assert (a.fingerprint == PublicKeys(a.sign, b.box).fingerprint) == (one == other)


def test_keys_come_from_the_one_source() -> None:
    """A seeded source gives the same keys: a history replays to the byte. The system's source never gives them twice."""
    with ids.using(random.Random(1)):
        first = keys.make()
    with ids.using(random.Random(1)):
        second = keys.make()

    assert _raw(first) == _raw(second)
    assert _raw(keys.make()) != _raw(keys.make())
