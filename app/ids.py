"""Identifiers: ids of rows, secret tokens, and short codes that a person reads aloud."""

from __future__ import annotations

import hashlib
import secrets
import uuid

import uuid_utils.compat

# Without 0/O, 1/I/L, U/V: what people mix up on paper and over the telephone.
READABLE = "23456789ABCDEFGHJKMNPQRSTWXYZ"


def new_id() -> uuid.UUID:
    """A UUIDv7 made on this node. Never a secret, and nothing is ordered by it: clocks are wrong."""
    return uuid_utils.compat.uuid7()


def new_token(bits: int = 256) -> str:
    """A secret that cannot be guessed; only its hash is stored."""
    return secrets.token_urlsafe(bits // 8)


def token_hash(token: str) -> str:
    """What the database keeps of a token. Tokens are long and random, so a fast hash is right."""
    return hashlib.sha256(token.encode()).hexdigest()


def readable_code(length: int = 8) -> str:
    """A random code to be read aloud or copied by hand, e.g. a receipt."""
    return "".join(secrets.choice(READABLE) for _ in range(length))


def new_pin() -> str:
    """Six digits for a sign-in slip."""
    return f"{secrets.randbelow(1_000_000):06d}"
