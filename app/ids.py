"""Identifiers: ids of rows, secret tokens, and short codes that a person reads aloud; and where chance comes from."""

from __future__ import annotations

import base64
import hashlib
import random
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import uuid_utils.compat

# Without 0/O, 1/I/L, U/V: what people mix up on paper and over the telephone.
READABLE = "23456789ABCDEFGHJKMNPQRSTWXYZ"

_system = random.SystemRandom()
_source: random.Random = _system


@contextmanager
def using(source: random.Random) -> Iterator[random.Random]:
    """Another source of chance for the length of a test: the same seed gives the same ids, keys and codes."""
    global _source
    before, _source = _source, source
    try:
        yield source
    finally:
        _source = before


def random_bytes(n: int) -> bytes:
    """Bytes that cannot be guessed: keys, seeds, nonces."""
    return _source.randbytes(n)


def new_id() -> uuid.UUID:
    """A UUIDv7 made on this node. Never a secret, and nothing is ordered by it: clocks are wrong."""
    if _source is _system:
        return uuid_utils.compat.uuid7()
    # RFC 9562, 5.7. The time in it is chance too: whatever leans on the order of ids fails in a test.
    bits = _source.getrandbits(48) << 80 | 0x7 << 76 | _source.getrandbits(12) << 64 | 0b10 << 62 | _source.getrandbits(62)
    return uuid.UUID(int=bits)


def new_token(bits: int = 256) -> str:
    """A secret that cannot be guessed; only its hash is stored."""
    return base64.urlsafe_b64encode(random_bytes(bits // 8)).rstrip(b"=").decode()


def token_hash(token: str) -> str:
    """What the database keeps of a token. Tokens are long and random, so a fast hash is right."""
    return hashlib.sha256(token.encode()).hexdigest()


def readable_code(length: int = 8) -> str:
    """A random code to be read aloud or copied by hand, e.g. a receipt."""
    return "".join(_source.choice(READABLE) for _ in range(length))


def new_pin() -> str:
    """Six digits for a sign-in slip."""
    return f"{_source.randrange(1_000_000):06d}"
