"""Passwords, PINs and codes: how they are hashed and compared. Nothing here knows the database.

Argon2id over HMAC-SHA256(pepper, secret): the pepper lives outside the database, so a stolen database alone gives
nobody a password to guess at. Hashing is slow on purpose; it is done outside any transaction, and only so many at once.

Passwords: 19 MiB, 2 passes (about 30 ms). PINs: 4 MiB, 1 pass (about 3 ms), chosen deliberately. A PIN has only a
million values, holds for the days of a run and works from enrolled seats under a growing delay: against guessing over
the network the delay protects it, against a stolen database the pepper. With the pepper stolen as well, a dearer hash
would only turn an hour of guessing into a night, while 24 slips and a whole class signing in at once must stay quick.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import threading
import unicodedata
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.errors import Throttled, say
from app.ids import readable_code

PARALLEL = 2  # hashes at once: the server has two cores, and each takes 19 MiB
PATIENCE = 1.0  # seconds that one more waits for its turn before it is told to come back
PINS_CHECKED = 2  # always so many, so that the time says nothing about whether and how often somebody is enrolled
START_CODE = 27  # signs of a start password: 131 bits

_passwords = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1, hash_len=32, salt_len=16, type=Type.ID)
_pins = PasswordHasher(time_cost=1, memory_cost=4_096, parallelism=1, hash_len=32, salt_len=16, type=Type.ID)
_pepper: list[bytes] = []
_turns = threading.BoundedSemaphore(PARALLEL)
_checking: set[str] = set()
_checking_lock = threading.Lock()


def use_pepper(pepper: str) -> None:
    """The node's pepper, from its settings: once at start, before anything is hashed."""
    _pepper[:] = [pepper.encode()]


def keyed(purpose: str, text: str) -> str:
    """A fast keyed hash, for long random codes and for names that are only counted."""
    if not _pepper:
        raise RuntimeError("no pepper: call credentials.use_pepper(config.PEPPER) first")
    return hmac.new(_pepper[0], f"{purpose}\0{text}".encode(), hashlib.sha256).hexdigest()


@contextmanager
def turn(patience: float = PATIENCE) -> Iterator[None]:
    """One of the few places for hashing. Raises Throttled when all stay taken: nobody queues without end."""
    if not _turns.acquire(timeout=patience):
        raise Throttled(2, say("signin", "Many people are signing in right now. Try again in {seconds} s.", seconds=2))
    try:
        yield
    finally:
        _turns.release()


@contextmanager
def alone(subject: str) -> Iterator[None]:
    """One check at a time for this account at this place: tries sent side by side would be counted too late."""
    with _checking_lock:
        if subject in _checking:
            raise Throttled(1)
        _checking.add(subject)
    try:
        yield
    finally:
        with _checking_lock:
            _checking.discard(subject)


# ---- passwords -------------------------------------------------------------------------------------------------------


def hash_password(password: str) -> str:
    """What the database keeps of a password. Slow: call it before the write lock is taken."""
    with turn(patience=10):
        return _passwords.hash(_seasoned("password", password))


def new_start_password() -> str:
    """A password for the first sign-in or after a reset: 131 random bits, read from paper, used once."""
    code = readable_code(START_CODE)
    return "-".join(code[i : i + 9] for i in range(0, START_CODE, 9))


def hash_start_password(password: str, until: datetime) -> str:
    """The same for a start password, which serves until a moment and only for choosing an own one."""
    return f"start:{until.astimezone(UTC):%Y%m%d%H%M}:{hash_password(_typed_code(password))}"


def is_start(stored: str | None) -> bool:
    """Whether this is a start password, to be replaced at the first sign-in."""
    return (stored or "").startswith("start:")


def check_password(password: str, stored: str | None, now: datetime) -> bool:
    """Whether the password is right. Costs the same when there is no account (None)."""
    until = None
    if stored is not None and is_start(stored):
        _start, until, stored = stored.split(":", 2)
        password = _typed_code(password)
    with turn():
        if stored is None:
            _passwords.hash(_seasoned("password", password))
            return False
        right = _verified(_passwords, stored, _seasoned("password", password))
    return right and (until is None or f"{now.astimezone(UTC):%Y%m%d%H%M}" <= until)


def is_dated(stored: str) -> bool:
    """Whether a password was hashed with other costs than today's: it is hashed anew at the next sign-in."""
    return not is_start(stored) and _passwords.check_needs_rehash(stored)


def fingerprint(stored: str | None) -> str:
    """Changes with the password: what a half-done sign-in remembers of it."""
    return keyed("password hash", stored or "")[:32]


def _typed_code(text: str) -> str:
    return re.sub(r"[^0-9A-Z]", "", text.upper())


# ---- PINs ------------------------------------------------------------------------------------------------------------


def hash_pin(pin: str) -> str:
    """What the database keeps of a PIN. Call it before the write lock is taken."""
    with turn(patience=10):
        return _pins.hash(_seasoned("pin", pin))


def which_pin(pin: str, stored: Sequence[str]) -> int | None:
    """The place of the first stored PIN that this is; None: none of them. Costs the same for none, one and two."""
    found = None
    with turn():
        for n in range(PINS_CHECKED):
            if n >= len(stored):
                _pins.hash(_seasoned("pin", pin))
            elif _verified(_pins, stored[n], _seasoned("pin", pin)) and found is None:
                found = n
    return found


def _seasoned(purpose: str, secret: str) -> str:
    return keyed(purpose, unicodedata.normalize("NFC", secret))


def _verified(hasher: PasswordHasher, stored: str, seasoned: str) -> bool:
    try:
        return hasher.verify(stored, seasoned)
    except (VerificationError, InvalidHashError):
        return False


# ---- second factor ---------------------------------------------------------------------------------------------------


def proposed_secret(nonce: str) -> bytes:
    """The secret that a set-up page shows: the same while the page is open, kept nowhere until it is confirmed."""
    return bytes.fromhex(keyed("second factor", nonce))[:20]


def sealed(secret: bytes, person_id: uuid.UUID) -> str:
    """The secret as the database keeps it: encrypted for this person under the pepper."""
    nonce = os.urandom(12)
    return base64.b64encode(nonce + _box().encrypt(nonce, secret, person_id.bytes)).decode()


def unsealed(stored: str, person_id: uuid.UUID) -> bytes | None:
    """The secret itself; None when it was sealed under another pepper or for somebody else."""
    raw = base64.b64decode(stored)
    try:
        return _box().decrypt(raw[:12], raw[12:], person_id.bytes)
    except InvalidTag:
        return None


def _box() -> AESGCM:
    return AESGCM(bytes.fromhex(keyed("box", "second factor")))


def new_recovery_codes(n: int = 10) -> list[str]:
    """Codes to print for the day the telephone is lost; each serves once."""
    return [f"{code[:5]}-{code[5:]}" for code in (readable_code(10) for _ in range(n))]


def recovery_hash(code: str) -> str:
    """What the database keeps of a recovery code: 48 random bits, so a keyed fast hash is right."""
    return keyed("recovery", _typed_code(code))
