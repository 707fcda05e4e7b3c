"""The two letters of joining, a class server's request and the centre's answer: how they are written, signed and proven."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, StringConstraints, ValidationError

from app.errors import Invalid, say
from app.ids import READABLE, random_bytes, readable_code
from app.sync import keys as node_keys
from app.sync.canonical import NotCanonical, canonical, read
from app.sync.keys import NodeKeys, PublicKeys
from app.sync.shapes import BundleId, Moment, NodeCode, Statement, moment

CODE_LENGTH = 15  # signs of 29: 72 bits, so that a letter seen on the way cannot be tried against all codes
MOST_BYTES = 16 * 1024
REQUEST, ANSWER = b"sabaq join request\n", b"sabaq join answer\n"

NOT_A_LETTER = say("joining", "This is not a letter of a class server that wants to join. Choose the file that the page “Join” of the class server made.")
NOT_AN_ANSWER = say("joining", "This is not the centre's answer. Choose the file that the centre made for this class server.")


def _key(text: str) -> str:
    if len(base64.b64decode(text, validate=True)) != 32:
        raise ValueError("a key is 32 bytes")
    return text


Key = Annotated[str, AfterValidator(_key)]
Short = Annotated[str, StringConstraints(max_length=200)]


# ---- the code --------------------------------------------------------------------------------------------------------


def new_code() -> str:
    """A one-time code as it is printed: three groups of five, so that nobody takes it for a fingerprint."""
    code = readable_code(CODE_LENGTH)
    return "-".join(code[at : at + 5] for at in range(0, CODE_LENGTH, 5))


def code_hash(typed: str) -> str:
    """What both sides keep of the code. It is long and random, so a fast hash is right. Raises Invalid for a text that cannot be one."""
    plain = "".join(sign for sign in typed.upper() if sign.isalnum())
    if len(plain) != CODE_LENGTH or set(plain) - set(READABLE):
        raise Invalid(fields={"code": say("joining", "A code has 15 letters and figures in three groups, without O, 0, I, 1, L, U and V. Compare with the paper.")})
    return hashlib.sha256(b"sabaq join code\n" + plain.encode()).hexdigest()


def _proof(secret: str, purpose: bytes, digest: bytes) -> str:
    """Who can make this knows the code; the code itself never travels."""
    return hmac.new(bytes.fromhex(secret), purpose + digest, hashlib.sha256).hexdigest()


# ---- the letters -----------------------------------------------------------------------------------------------------


class Request(Statement):
    """What a class server asks with: its name and its public keys."""

    v: Literal[1]
    node: NodeCode
    sign: Key
    box: Key
    nonce: BundleId
    release: Short
    at: Moment

    @property
    def keys(self) -> PublicKeys:
        """Its public keys."""
        return PublicKeys(base64.b64decode(self.sign), base64.b64decode(self.box))


class Answer(Statement):
    """What the centre says to it: who the centre is, and whether a person there has accepted."""

    v: Literal[1]
    node: NodeCode
    fingerprint: Short  # of the asker, as the centre saw it
    nonce: BundleId  # of the request
    state: Literal["waiting", "accepted", "refused"]
    centre: NodeCode
    title: Short
    office: Short
    sign: Key
    box: Key
    address: Short
    at: Moment

    @property
    def keys(self) -> PublicKeys:
        """The centre's public keys."""
        return PublicKeys(base64.b64decode(self.sign), base64.b64decode(self.box))


@dataclass(frozen=True)
class Letter:
    """A letter as it was received: its words, and what can be checked of it."""

    digest: bytes
    signature: bytes
    proof: str


def text_of(key: bytes) -> str:
    """A public key as it stands in letters and tables."""
    return base64.b64encode(key).decode()


def request(*, node: str, keys: NodeKeys, secret: str, release: str, now: datetime) -> bytes:
    """A class server's request. `secret` is what code_hash gives."""
    public = keys.public
    words = {
        "v": 1, "node": node, "sign": text_of(public.sign), "box": text_of(public.box), "nonce": random_bytes(16).hex(), "release": release,
        "at": moment(now),
    }
    return _sealed(words, REQUEST, keys, secret)


def answer(asked: Request, *, state: str, centre: str, title: str, office: str, address: str, keys: NodeKeys, secret: str, now: datetime) -> bytes:
    """The centre's answer to a request."""
    public = keys.public
    words = {
        "v": 1, "node": asked.node, "fingerprint": asked.keys.fingerprint, "nonce": asked.nonce, "state": state, "centre": centre, "title": title[:200],
        "office": office[:200], "sign": text_of(public.sign), "box": text_of(public.box), "address": address[:200], "at": moment(now),
    }
    return _sealed(words, ANSWER, keys, secret)


def read_request(data: bytes) -> tuple[Request, Letter]:
    """A request whose signature fits the key in it. Whether its sender knew the code says `knew`. Raises Invalid."""
    words, letter = _opened(data, NOT_A_LETTER)
    try:
        found = Request.model_validate(words)
    except ValidationError as error:
        raise Invalid(NOT_A_LETTER) from error
    if not node_keys.verify(found.keys.sign, REQUEST, letter.digest, letter.signature):
        raise Invalid(NOT_A_LETTER)
    return found, letter


def read_answer(data: bytes, secret: str) -> Answer:
    """The centre's answer, by somebody who knows the code and holds the private half of the key in it. Raises Invalid."""
    words, letter = _opened(data, NOT_AN_ANSWER)
    try:
        found = Answer.model_validate(words)
    except ValidationError as error:
        raise Invalid(NOT_AN_ANSWER) from error
    if not node_keys.verify(found.keys.sign, ANSWER, letter.digest, letter.signature):
        raise Invalid(NOT_AN_ANSWER)
    if not hmac.compare_digest(letter.proof, _proof(secret, ANSWER, letter.digest)):
        raise Invalid(say("joining", "This answer was not made for the code that was typed here. It may come from another centre: ask there by telephone."))
    return found


def knew(letter: Letter, secrets: Iterable[str]) -> str | None:
    """Which of the codes the writer of a request knew; None: none of them."""
    proofs = {secret: _proof(secret, REQUEST, letter.digest) for secret in secrets}
    return next((secret for secret, proof in proofs.items() if hmac.compare_digest(proof, letter.proof)), None)


def _sealed(words: dict[str, Any], purpose: bytes, keys: NodeKeys, secret: str) -> bytes:
    digest = hashlib.sha256(canonical(words)).digest()
    signature = node_keys.sign(keys, purpose, digest)
    return canonical({"words": words, "signature": signature.hex(), "proof": _proof(secret, purpose, digest)})


def _opened(data: bytes, otherwise: Any) -> tuple[dict[str, Any], Letter]:
    try:
        if len(data) > MOST_BYTES:
            raise ValueError("too large")
        outer = read(data.strip())
        words, proof = outer["words"], outer["proof"]
        if not isinstance(words, dict) or not isinstance(proof, str) or not proof.isascii():
            raise ValueError("no letter")
        return words, Letter(hashlib.sha256(canonical(words)).digest(), bytes.fromhex(outer["signature"]), proof)
    except (NotCanonical, ValueError, KeyError, TypeError) as error:
        raise Invalid(otherwise) from error
