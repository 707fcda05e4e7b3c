"""One-time codes of a telephone app (RFC 4226, RFC 6238): pure, so that the RFC's own examples are the tests."""

from __future__ import annotations

import base64
import hashlib
import hmac
from urllib.parse import quote, urlencode

STEP_SECONDS = 30
DIGITS = 6
WINDOW = 1  # steps before and after now: telephones' clocks are a little off


def hotp(secret: bytes, counter: int, digits: int = DIGITS, algorithm: str = "sha1") -> str:
    """The code for a counter."""
    digest = hmac.new(secret, counter.to_bytes(8, "big"), getattr(hashlib, algorithm)).digest()
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**digits:0{digits}d}"


def totp(secret: bytes, seconds: int, digits: int = DIGITS, algorithm: str = "sha1") -> str:
    """The code of a moment, given in seconds since 1970."""
    return hotp(secret, seconds // STEP_SECONDS, digits, algorithm)


def step_of(secret: bytes, code: str, seconds: int, last_step: int | None = None) -> int | None:
    """The time step that this code is right for, later than the last one used; None: wrong, too old or used."""
    now = seconds // STEP_SECONDS
    fitting = [
        step
        for step in range(max(0, now - WINDOW), now + WINDOW + 1)
        if hmac.compare_digest(hotp(secret, step).encode(), code.encode()) and (last_step is None or step > last_step)
    ]
    return fitting[0] if fitting else None


def as_text(secret: bytes) -> str:
    """The secret for typing into the app, in groups of four."""
    text = base64.b32encode(secret).decode().rstrip("=")
    return " ".join(text[i : i + 4] for i in range(0, len(text), 4))


def address(secret: bytes, *, account: str, issuer: str) -> str:
    """What the QR code holds: the otpauth address that every such app reads."""
    fields = {"secret": as_text(secret).replace(" ", ""), "issuer": issuer, "digits": DIGITS, "period": STEP_SECONDS}
    return f"otpauth://totp/{quote(issuer)}:{quote(account)}?{urlencode(fields, quote_via=quote)}"
