"""The key that a node signs certificates with: the private half is a file that only the node's user reads."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from app.certificates.rules import Signed, key_id_of

FILE = "certificate-key.txt"


@dataclass(frozen=True)
class Pen:
    """What signs: the private key with its name."""

    private: Ed25519PrivateKey

    @property
    def public(self) -> bytes:
        """The public half, 32 bytes."""
        return self.private.public_key().public_bytes_raw()

    @property
    def key_id(self) -> str:
        """The name that payloads give to the key."""
        return key_id_of(self.public)

    def sign(self, message: bytes) -> bytes:
        """The signature, 64 bytes; the same for the same message."""
        return self.private.sign(message)


@lru_cache(maxsize=8)
def pen(folder: Path) -> Pen:
    """The node's own key, made once in its folder."""
    path = folder / FILE
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        made = base64.b64encode(Ed25519PrivateKey.generate().private_bytes_raw())
        draft = path.with_name(f".{FILE}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(made)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)  # whole or not at all, and the first of two processes wins
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return Pen(Ed25519PrivateKey.from_private_bytes(base64.b64decode(path.read_bytes())))


def signature_fits(signed: Signed, public_key: str) -> bool:
    """Whether the payload was signed with the private half of this public key (base64)."""
    try:
        Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key)).verify(signed.signature, signed.message)
    except (InvalidSignature, ValueError):
        return False
    return True
