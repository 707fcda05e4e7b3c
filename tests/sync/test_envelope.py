"""What is said over the wire: only what was signed is read, and only by the one way of writing it."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import BadReceipt
from app.sync import envelope, keys
from app.sync.envelope import ANSWER, HELLO, Answer, BadEnvelope, Hello

OWN, OTHER = keys.make(), keys.make()
SAID: dict[str, Any] = {
    "v": 1, "from": "class-1", "to": "centre", "nonce": "0" * 32, "ticket": "", "room": 5,
    "statement": {"heads": [], "holds": [], "receipt": "", "clock": "2026-11-22T09:00:00+00:00", "disk_free": 40},
    "brings": {"id": "a" * 32, "size": 3, "sha256": "b" * 64, "inline": True},
}  # fmt: skip
PACKED = envelope.pack(Hello.model_validate(SAID), OWN, HELLO, b"xyz")


def test_what_is_packed_comes_out_again_with_what_a_later_release_adds() -> None:
    """The statement, fields that this release does not know, and the bundle behind it."""
    later = Hello.model_validate(SAID | {"of_a_later_release": [1, "two"]})

    sealed = envelope.unpack(envelope.pack(later, OWN, HELLO, b"xyz"))

    assert sealed.signed_by(OWN.public.sign, HELLO)
    assert envelope.statement(sealed, Hello) == later
    assert later.as_json()["of_a_later_release"] == [1, "two"]
    assert sealed.cargo == b"xyz"


@given(st.integers(0, len(PACKED) - 4), st.integers(1, 255))
def test_a_changed_byte_is_never_believed(place: int, change: int) -> None:
    """Anywhere in the line or its signature; the bundle behind it is verified by itself."""
    spoiled = bytearray(PACKED)
    spoiled[place] ^= change
    try:
        sealed = envelope.unpack(bytes(spoiled))
    except BadEnvelope:
        return

    assert not sealed.signed_by(OWN.public.sign, HELLO)


@given(st.binary(max_size=400) | st.builds(lambda line, rest: line + b"\n" + rest, st.binary(max_size=100), st.binary(min_size=64, max_size=100)))
def test_noise_is_refused_and_nothing_else_happens(data: bytes) -> None:
    """Whatever comes: BadEnvelope, never another error."""
    with pytest.raises(BadEnvelope):
        envelope.statement(envelope.unpack(data), Hello)


@pytest.mark.parametrize(
    "change", [
        {"from": "../centre"}, {"to": ""}, {"nonce": "x"}, {"v": 2}, {"room": -1}, {"ticket": 5}, {"statement": {"heads": [{"hash": 1}]}},
        {"brings": {"id": "../../etc/passwd", "size": 1, "sha256": "b" * 64}}, {"brings": {"id": "a" * 32, "size": -1, "sha256": "b" * 64}},
        {"has": {"id": "a" * 32, "offset": 1 << 60}}, {"note": "\0"},
    ],
)  # fmt: skip
def test_a_field_that_cannot_be_is_refused(change: dict[str, Any]) -> None:
    """Names that lead out of the folder, negative sizes, other types: signed or not."""
    from app.sync.canonical import canonical

    sealed = envelope.Sealed(canonical(SAID | change), b"", b"")

    with pytest.raises(BadEnvelope):
        envelope.statement(sealed, Hello)


def test_a_hello_is_no_answer_and_another_key_is_none() -> None:
    """What was signed for one purpose is not taken for another."""
    sealed = envelope.unpack(PACKED)

    assert not sealed.signed_by(OWN.public.sign, ANSWER)
    assert not sealed.signed_by(OTHER.public.sign, HELLO)


@given(st.sampled_from(["sender", "to", "method", "target", "body", "key"]))
def test_the_signature_of_a_request_covers_all_that_decides_what_it_does(what: str) -> None:
    """Sender, receiver, method, address with its query, body."""
    request = {"method": "PUT", "target": "/sync/up/" + "a" * 32 + "?offset=5", "body": b"piece"}
    header = envelope.credentials(OWN, sender="class-1", to="centre", **request)  # type: ignore[arg-type]
    assert envelope.genuine(header, OWN.public.sign, to="centre", **request)  # type: ignore[arg-type]
    assert envelope.claimed(header) == "class-1"

    changed = request | ({what: {"method": "GET", "target": "/sync/up/" + "a" * 32 + "?offset=6", "body": b"other"}[what]} if what in request else {})
    header = header.replace("class-1", "class-2") if what == "sender" else header
    key = OTHER.public.sign if what == "key" else OWN.public.sign
    assert not envelope.genuine(header, key, to="hub" if what == "to" else "centre", **changed)  # type: ignore[arg-type]


@given(st.text(max_size=80))
def test_a_header_of_noise_is_nobodys(header: str) -> None:
    """No error, no sender."""
    assert not envelope.genuine(header, OWN.public.sign, to="centre", method="GET", target="/sync/up/x", body=b"")


@pytest.mark.parametrize("text", ["?", "AAAA", base64.b64encode(b"{}\n" + b"x" * 64).decode()])
def test_a_receipt_that_is_none_is_refused(text: str) -> None:
    """No base64, too short, no statement."""
    said = Answer.model_validate({"v": 1, "from": "centre", "to": "class-1", "nonce": "0" * 32, "ticket": "0" * 32, "receipt": text})

    with pytest.raises(BadReceipt):
        envelope.receipt_in(said, about="class-1", public_sign=OWN.public.sign)
