"""The keys of a node: one pair that signs, one that bundles are encrypted to; and the fingerprint that people compare."""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from app.errors import BadKeys
from app.ids import random_bytes
from app.sync.canonical import canonical, read

FILE = "node-keys.json"

# Points of order 1, 2, 4 and 8, however they are written (the sign bit apart): under such a key anybody's signature can fit
# (RFC 8032, 5.1; test_keys.py works them out).
_WEAK = {
    bytes.fromhex(text)
    for text in (
        "00" * 32,
        "01" + "00" * 31,
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ec" + "ff" * 30 + "7f",
        "ed" + "ff" * 30 + "7f",
        "ee" + "ff" * 30 + "7f",
    )
}


@dataclass(frozen=True)
class PublicKeys:
    """What others know of a node: 32 bytes Ed25519 and 32 bytes X25519."""

    sign: bytes
    box: bytes

    @property
    def fingerprint(self) -> str:
        """80 bits of both keys, XXXX-XXXX-XXXX-XXXX in base32: what two people read to each other over the telephone."""
        short = base64.b32encode(hashlib.sha256(self.sign + self.box).digest())[:16].decode()
        return "-".join(short[at : at + 4] for at in range(0, 16, 4))


@dataclass(frozen=True)
class NodeKeys:
    """The private halves. They never leave the node's folder."""

    sign: Ed25519PrivateKey
    box: X25519PrivateKey

    @property
    def public(self) -> PublicKeys:
        """What others may know."""
        return PublicKeys(self.sign.public_key().public_bytes_raw(), self.box.public_key().public_bytes_raw())


def make() -> NodeKeys:
    """New keys."""
    return NodeKeys(Ed25519PrivateKey.from_private_bytes(random_bytes(32)), X25519PrivateKey.from_private_bytes(random_bytes(32)))


def load_or_make(folder: Path) -> NodeKeys:
    """The node's own keys, made once in its folder and readable by its user alone. Raises BadKeys for a spoiled file."""
    path = folder / FILE
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _keep_first(path, make())
    try:
        found = read(path.read_bytes())
        return NodeKeys(
            Ed25519PrivateKey.from_private_bytes(base64.b64decode(found["sign"], validate=True)),
            X25519PrivateKey.from_private_bytes(base64.b64decode(found["box"], validate=True)),
        )
    except (ValueError, TypeError, KeyError) as error:
        raise BadKeys(str(path)) from error


def _keep_first(path: Path, keys: NodeKeys) -> None:
    """Write the file whole or not at all; of two processes that begin at once, the first wins."""
    content = canonical({
        "sign": base64.b64encode(keys.sign.private_bytes_raw()).decode(),
        "box": base64.b64encode(keys.box.private_bytes_raw()).decode(),
    })  # fmt: skip
    draft = path.with_name(f".{FILE}.{random_bytes(6).hex()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
        _keep_name(path.parent)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _keep_name(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sign(keys: NodeKeys, purpose: bytes, digest: bytes) -> bytes:
    """The signature, 64 bytes. `purpose` stands before the digest, so that what was signed as one thing is never taken for another."""
    return keys.sign.sign(purpose + digest)


def verify(public_sign: bytes, purpose: bytes, digest: bytes, signature: bytes) -> bool:
    """Whether the digest was signed for this purpose with the private half of this key. Never under a weak key."""
    if len(public_sign) != 32 or public_sign[:31] + bytes([public_sign[31] & 0x7F]) in _WEAK:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public_sign).verify(signature, purpose + digest)
    except (InvalidSignature, ValueError):
        return False
    return True
