"""What is said over the wire: a signed statement with a bundle behind it, and the signature of a plain request. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, StringConstraints, ValidationError

from app.errors import BadReceipt, Invalid, say
from app.sync import keys as node_keys
from app.sync import receipts
from app.sync.canonical import NotCanonical, canonical, read, storable
from app.sync.keys import NodeKeys
from app.sync.receipts import Receipt
from app.sync.shapes import BundleId, HashHex, HashOrNone, Head, NodeCode, Statement

HELLO, ANSWER, REQUEST = b"sabaq hello\n", b"sabaq answer\n", b"sabaq request\n"
LARGEST = 256 * 1024  # of a statement, without the bundle behind it

Token = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Size = Annotated[int, Field(ge=0, lt=1 << 53)]


class BadEnvelope(Invalid):
    message = say("wire", "This is not how nodes of Sabaq speak to each other. Look at the address: it must be that of the centre.")


class Cargo(Statement):
    """A bundle on its way: which one, and what it must be when it has arrived."""

    id: BundleId
    size: Size
    sha256: HashHex
    inline: bool = False  # it stands behind this statement


class Progress(Statement):
    """How far a bundle has come."""

    id: BundleId
    offset: Size
    state: Literal["wanted", "here", "taken", "refused"] = "wanted"  # here: it is whole and waits to be taken


class Standing(Statement):
    """How a node stands, as far as it is read here; clock, release and disk are for the exchange pages."""

    heads: list[Head] = Field(default_factory=list)  # where its own chains end
    holds: list[Head] = Field(default_factory=list)  # of the other's
    receipt: HashOrNone = ""  # the newest one of the other's that it has


def receipt_in(said: Hello | Answer, *, about: str, public_sign: bytes) -> Receipt | None:
    """The receipt that came along; None when none did. Raises BadReceipt when the sender did not give it, or for another node."""
    if not said.receipt:
        return None
    try:
        receipt = receipts.from_bytes(base64.b64decode(said.receipt, validate=True))
    except ValueError as error:
        raise BadReceipt("malformed", str(error)) from error
    if (receipt.said.by, receipt.said.about) != (said.sender, about):
        raise BadReceipt("signature", node=said.sender)
    receipts.verify(receipt, public_sign)
    return receipt


def with_receipt(receipt: Receipt | None) -> str:
    """A receipt as it stands in a statement; empty for none."""
    return base64.b64encode(receipts.to_bytes(receipt)).decode() if receipt else ""


def in_order(heads: Iterable[Head]) -> list[dict[str, Any]]:
    """Heads as plain values, in the one order in which two lists of them can be compared."""
    plain = [head.as_json() for head in heads]
    return sorted(plain, key=lambda head: (head["stream"], head["ordinal"], head["epoch"], head["number"], head["hash"]))


class Hello(Statement):
    """What a class server says first: how it stands, what it brings, what it has in part."""

    v: Literal[1] = 1
    sender: NodeCode = Field(alias="from")
    to: NodeCode
    nonce: Token  # comes back in the answer, which was therefore given now
    ticket: str  # from the last answer: proves that this is no recording; "" where there is none
    statement: Standing  # what a bundle's manifest says too
    receipt: str = ""  # base64: what the asker holds of the centre, where the centre has not seen it
    brings: Cargo | None = None
    has: Progress | None = None  # of the bundle that the centre sends
    room: Size = 0  # the largest bundle that may stand behind the answer


class Answer(Statement):
    """What the centre says to it."""

    v: Literal[1] = 1
    sender: NodeCode = Field(alias="from")
    to: NodeCode
    nonce: Token
    ticket: Token
    again: bool = False  # the ticket was not known: nothing was done, say it again with this one
    state: str = ""  # "revoked"
    statement: Standing = Field(default_factory=Standing)
    receipt: str = ""  # base64: what the centre holds of the asker
    takes: Progress | None = None  # of the bundle that was brought
    said: dict[str, Any] = Field(default_factory=dict)  # what came of it: context, text, values
    brings: Cargo | None = None
    piece: Size = 0  # the largest piece of an upload


@dataclass(frozen=True)
class Sealed:
    """A statement as it came: its bytes, not believed yet."""

    line: bytes
    signature: bytes
    cargo: bytes

    def signed_by(self, public_sign: bytes, purpose: bytes) -> bool:
        """Whether this key signed it for this purpose."""
        return node_keys.verify(public_sign, purpose, hashlib.sha256(self.line).digest(), self.signature)


def pack(statement: Statement, keys: NodeKeys, purpose: bytes, cargo: bytes = b"") -> bytes:
    """A line of canonical JSON, 64 bytes of signature, the bundle."""
    line = canonical(statement.as_json())
    return line + b"\n" + node_keys.sign(keys, purpose, hashlib.sha256(line).digest()) + cargo


def unpack(data: bytes) -> Sealed:
    """What `pack` wrote. Raises BadEnvelope; nothing is verified yet."""
    end = data.find(b"\n", 0, LARGEST)
    if end < 0 or len(data) < end + 65:
        raise BadEnvelope()
    return Sealed(data[:end], data[end + 1 : end + 65], data[end + 65 :])


S = TypeVar("S", bound=Statement)


def statement(sealed: Sealed, kind: type[S]) -> S:
    """What it says. Raises BadEnvelope."""
    try:
        found = read(sealed.line)
        said = kind.model_validate(found)
    except (NotCanonical, ValidationError) as error:
        raise BadEnvelope() from error
    if not storable(found):
        raise BadEnvelope()
    return said


# ---- requests that follow --------------------------------------------------------------------------------------------


def credentials(keys: NodeKeys, *, sender: str, to: str, method: str, target: str, body: bytes = b"") -> str:
    """The header that says who sends a request: a signature over all that decides what it does."""
    signature = node_keys.sign(keys, REQUEST, _digest(sender, to, method, target, body))
    return f"{sender} {base64.b64encode(signature).decode()}"


def claimed(header: str) -> str:
    """Who says that he sent it; empty when nobody does."""
    return header.partition(" ")[0]


def genuine(header: str, public_sign: bytes, *, to: str, method: str, target: str, body: bytes) -> bool:
    """Whether the owner of this key sent exactly this request to this node."""
    sender, _, text = header.partition(" ")
    try:
        signature = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return node_keys.verify(public_sign, REQUEST, _digest(sender, to, method, target, body), signature)


def _digest(sender: str, to: str, method: str, target: str, body: bytes) -> bytes:
    return hashlib.sha256(canonical([sender, to, method, target, hashlib.sha256(body).hexdigest()])).digest()
