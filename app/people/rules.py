"""Rules of signing in: what a wrong try costs, when a sign-in is over, which password is good, which step comes next."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from app.errors import Message, say
from app.policy import Grant, Role

# ---- wrong tries -----------------------------------------------------------------------------------------------------
#
# Three counters: the account, the place (an enrolled seat, else the address), and the account at that place. A try from
# a trusted place (an enrolled seat, or an address where this account has signed in before) looks at the place and at
# the account there; the account's own counter, which anybody anywhere can drive up, delays strangers' places only. So
# nobody can keep a trainee from his exam by mistyping his PIN at another PC, and a guesser at one seat still gets two
# tries a minute, about 3,000 a day of the 1,000,000 PINs.


@dataclass(frozen=True)
class Pace:
    """How wrong tries slow down the next: some are free, then the delay doubles from one second up to a cap."""

    free: int
    cap: int  # seconds

    def delay(self, failures: int) -> int:
        """Seconds after the last of so many failures."""
        return 0 if failures <= self.free else min(self.cap, 2 ** min(failures - self.free - 1, 16))


ACCOUNT = Pace(free=3, cap=60)
ACCOUNT_HERE = Pace(free=3, cap=30)
SEAT = Pace(free=10, cap=30)
ADDRESS = Pace(free=30, cap=60)  # a whole class may stand behind one address
FORGIVEN_EVERY = timedelta(minutes=2)


@dataclass(frozen=True)
class Count:
    """Failures so far, and from when on the next try counts."""

    failures: int = 0
    next_at: datetime | None = None


def failures_left(count: Count, now: datetime) -> int:
    """The failures that still count: one is forgiven every two quiet minutes."""
    if count.next_at is None or now <= count.next_at:
        return count.failures
    return max(0, count.failures - (now - count.next_at) // FORGIVEN_EVERY)


def wait(count: Count, pace: Pace, now: datetime) -> int:
    """Seconds until the next try counts; 0: now. Never more than the pace's cap, also when the clock was set back."""
    if count.next_at is None or count.next_at <= now:
        return 0
    seconds = math.ceil((count.next_at - now).total_seconds())
    return seconds if seconds <= pace.cap else 0


def after_failure(count: Count, pace: Pace, now: datetime) -> Count:
    """The count after one more wrong try."""
    failures = failures_left(count, now) + 1
    return Count(failures, now + timedelta(seconds=pace.delay(failures)))


# ---- how long a sign-in lasts ----------------------------------------------------------------------------------------

TRAINEE_IDLE = timedelta(minutes=15)
STAFF_IDLE = timedelta(minutes=60)
STAFF_LONGEST = timedelta(hours=12)


class Ended(StrEnum):
    """Why a sign-in is over."""

    SIGNED_OUT = "signed-out"
    IDLE = "idle"
    LONG = "long"
    ELSEWHERE = "elsewhere"
    PASSWORD = "password"  # noqa: S105  (a reason)
    ROLE = "role"
    DISABLED = "disabled"


def over(*, staff: bool, started_at: datetime, seen_at: datetime, now: datetime) -> Ended | None:
    """Whether a sign-in is over by time alone; a running attempt keeps it, which the caller asks."""
    if now - seen_at > (STAFF_IDLE if staff else TRAINEE_IDLE):
        return Ended.IDLE
    if staff and now - started_at > STAFF_LONGEST:
        return Ended.LONG
    return None


# ---- passwords -------------------------------------------------------------------------------------------------------

SHORTEST = 15
LONGEST = 200
UNUSUAL = 8  # signs that nobody could have guessed from the ones before

KNOWN = (
    "password", "passwort", "passw0rd", "qwerty", "letmein", "welcome", "iloveyou", "admin", "administrator", "secret", "changeme",
    "default", "monkey", "dragon", "football", "sunshine", "princess", "trustno", "login", "test", "guest", "master", "sabaq", "border",
    "пароль", "йцукен", "привет", "любовь", "админ", "қупиясөз", "құпиясөз", "құпия", "сабақ", "граница", "шекара", "сырсөз",
)
ROWS = ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "йцукенгшщзхъ", "фывапролджэ", "ячсмитьбю")


def password_fault(password: str, own: Iterable[str] = ()) -> Message | None:
    """What is wrong with a new password; None: it is good.

    Its length counts and that it cannot be guessed: no rule asks for digits or signs. `own` are the words that
    everybody knows of this person: names, user name, service number.
    """
    if len(password) < SHORTEST:
        return say("signin", "Use at least {n} signs: four or five words in a row are easy to keep in mind.", n=SHORTEST)
    if len(password) > LONGEST:
        return say("signin", "Use at most {n} signs.", n=LONGEST)
    text = _folded(password)
    words = {_folded(word) for word in own}
    for word in sorted((w for w in {*words, *KNOWN} if len(w) >= 4), key=lambda w: (-len(w), w)):
        text = text.replace(word, "")
    if _unusual(_once(text)) < UNUSUAL:
        return say("signin", "This is easy to guess: it is made of names, well-known words, or signs in a row. Take other words.")
    return None


def _folded(text: str) -> str:
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text).casefold())


def _once(text: str) -> str:
    """The block that the text repeats: "abcabcab" says no more than "abc"."""
    size = next((n for n in range(1, len(text)) if all(text[i] == text[i - n] for i in range(n, len(text)))), len(text))
    return text[:size]


def _unusual(text: str) -> int:
    """How many signs do not simply follow the one before: the same again, the next of the alphabet or of the keyboard."""
    beside = {row[i : i + 2] for row in ROWS for i in range(len(row) - 1)}
    beside |= {pair[::-1] for pair in beside}
    return (text != "") + sum(1 for a, b in pairwise(text) if abs(ord(a) - ord(b)) > 1 and a + b not in beside)


# ---- the steps of a sign-in with a password --------------------------------------------------------------------------

SECOND_FACTOR = frozenset({Role.ADMINISTRATOR, Role.OPERATOR, Role.REGISTRAR})


class Step(StrEnum):
    """What is still to do after the right password."""

    CODE = "code"
    PASSWORD = "password"  # noqa: S105  (a step)
    SECOND_FACTOR = "second-factor"
    DONE = "done"


def next_step(*, has_secret: bool, code_given: bool, start_password: bool, must_have: bool) -> Step:
    """The code first: a start password that was seen by others shall not be enough to choose the next."""
    if has_secret and not code_given:
        return Step.CODE
    if start_password:
        return Step.PASSWORD
    if must_have and not has_secret:
        return Step.SECOND_FACTOR
    return Step.DONE


def must_have_second_factor(grants: Iterable[Grant], *, centre: bool, production: bool) -> bool:
    """Whether this person may sign in with a second factor only. Class servers have wrong clocks: never there."""
    return centre and production and any(grant.role in SECOND_FACTOR for grant in grants)
