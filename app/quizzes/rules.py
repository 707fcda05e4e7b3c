"""Rules of tests: which questions are drawn, when an answer is taken, how much time is left, what a test is worth.

Pure: the clock is handed in as a reading, the bank as a list. Marks and scores are fractions; millionths are stored.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any, Protocol

from app.errors import Invalid, say
from app.ids import READABLE
from app.quizzes.errors import (
    AttemptsUsed,
    HandedIn,
    NoLimit,
    NotYet,
    Over,
    StaleTab,
    TooFewQuestions,
    TooLate,
    WaitForRoom,
)
from app.quizzes.retests.rules import UNLOCKED, Locks, may_start_again

MILLION = 1_000_000
GRACE_MS = 5_000
"""A save sent in the last second may arrive a little later, over a slow line from a slow PC."""

IDLE_MS = 15 * 60_000
"""An untimed attempt without a sign of life for so long is no longer running."""

STEP_MS = 2_000
"""From here on a difference between wall clock and machine clock is a step of the hand; below, it is drift."""


# ---- drawing ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Item:
    """What the drawing needs to know of a question."""

    id: str
    outcome: str
    type: str = ""
    difficulty: str = ""


def draw(
    blueprint: Iterable[tuple[str, int]],
    bank: Iterable[Item],
    seed: str,
    *,
    never: Iterable[str] = (),
    avoid: Iterable[str] = (),
    like: Sequence[str] = (),
) -> list[str]:
    """The questions of one attempt in the order shown: the same for the same input, on every node.

    `blueprint` is outcomes and how many of each. Questions of `never` are not drawn at all, those of `avoid` only when
    there are no others. `like` is another attempt's draw: type and difficulty are spread as there, as far as the bank
    allows. Raises TooFewQuestions.
    """
    known = {item.id: item for item in bank}
    forbidden, seen = set(never), set(avoid)
    free = _mixed((item for item in known.values() if item.id not in forbidden), seed)
    chosen: list[str] = []
    for outcome, count in blueprint:
        here = [item for item in free if item.outcome == outcome and item.id not in chosen]
        models = [known[one] for one in like if one in known and known[one].outcome == outcome][:count]
        picked = _pick(here, count, models, seen)
        if len(picked) < count:
            raise TooFewQuestions()
        chosen += picked
    return [item.id for item in _mixed((known[one] for one in chosen), f"{seed}:shown")]


def _pick(here: list[Item], count: int, models: list[Item], seen: set[str]) -> list[str]:
    """Unseen ones before seen ones; among them those most like a model, the most like first."""
    picked: list[str] = []
    open_models = list(models)
    fits = (
        lambda a, b: a.type == b.type and a.difficulty == b.difficulty,
        lambda a, b: a.type == b.type,
        lambda a, b: a.difficulty == b.difficulty,
        lambda a, b: True,
    )
    for old in (False, True):
        rest = [item for item in here if (item.id in seen) is old]
        for fit in fits:
            for model in list(open_models):
                match = next((item for item in rest if fit(item, model)), None)
                if match is not None:
                    rest.remove(match)
                    open_models.remove(model)
                    picked.append(match.id)
        picked += [item.id for item in rest[: max(0, count - len(picked) - len(open_models))]]
    return picked


def _mixed(items: Iterable[Item], seed: str) -> list[Item]:
    """In an order that only the seed decides; by hash, since the sequences of `random` are promised for no other Python."""
    return sorted(items, key=lambda item: hashlib.sha256(f"{seed}\0{item.id}".encode()).digest())


# ---- paper -----------------------------------------------------------------------------------------------------------

PAPER_SETS = ("ABCD", "EFGH", "JKLM")
"""Variants of a test and of its retests: the letters of one set ask the same questions in another order."""


def variant(count: int, number: int) -> int:
    """Which of so many variants the person at a place of the roster gets, from 0: neighbours get different ones."""
    return (number - 1) % count


def differences(one: Mapping[str, Mapping[str, Any]], other: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The questions that two keyings of one sheet answer differently, in the order keyed; left out is the same as empty."""
    return [question for question in {**one, **other} if one.get(question, {}) != other.get(question, {})]


# ---- practice --------------------------------------------------------------------------------------------------------

Tries = Mapping[str, Sequence[bool]]
"""By question: whether each try so far was right, the first one first."""


def next_question(draw: Sequence[str], tries: Tries) -> str | None:
    """The question that comes next: each once in the order drawn, then those that were wrong, the least tried first, until
    each was right once. None when that is done (retrieval practice, PLY-18)."""
    left = [one for one in draw if not any(tries.get(one, ()))]
    return min(left, key=lambda one: (len(tries.get(one, ())), draw.index(one)), default=None)


# ---- time ------------------------------------------------------------------------------------------------------------


class Reading(Protocol):
    """A reading of the machine's own clock (clock.Uptime)."""

    @property
    def boot(self) -> str:
        """Which start of the machine."""

    @property
    def ms(self) -> int:
        """Milliseconds since it."""


@dataclass(frozen=True)
class Sitting:
    """An attempt as far as saving and time go."""

    state: str
    supervised: bool
    seconds: int | None
    writer: str  # hash of the token of the tab that may write
    boot: str
    since_ms: int
    beat_ms: int
    used_ms: int
    beat_at: datetime  # wall clock at the last sign of life
    paused: bool = False  # time stands still; since_ms is where it stopped
    credit_ms: int = 0  # given on top of the limit


def used_ms(sitting: Sitting, reading: Reading, now: datetime) -> int:
    """Time used so far.

    The machine's own clock counts, so that no step of the wall clock matters. After a restart of the machine a
    supervised attempt has used what it had at its last sign of life: the outage is not counted. An unsupervised one
    runs on while the server is off; for that stretch alone there is only the wall clock. Paused, none passes.
    """
    if sitting.paused:
        return sitting.used_ms
    if reading.boot == sitting.boot:
        return sitting.used_ms + max(0, reading.ms - sitting.since_ms)
    before = sitting.used_ms + max(0, sitting.beat_ms - sitting.since_ms)
    if sitting.supervised:
        return before
    return before + max(0, (now - sitting.beat_at) // timedelta(milliseconds=1))


def used_elsewhere_ms(started_at: datetime, saved_at: datetime, *, not_counted_ms: int, seconds: int | None) -> int:
    """Time used on another server, whose own clock is not known here: up to the last saved answer, by that server's wall clock.

    Pauses and outages there do not count. Never below nothing, never beyond the limit: that clock may have been stepped.
    """
    used = max(0, (saved_at - started_at) // timedelta(milliseconds=1) - max(0, not_counted_ms))
    return used if seconds is None else min(used, seconds * 1000)


def remaining_ms(sitting: Sitting, reading: Reading, now: datetime) -> int | None:
    """Time left, below 0 when it is over; None without a limit."""
    if sitting.seconds is None:
        return None
    return sitting.seconds * 1000 + sitting.credit_ms - used_ms(sitting, reading, now)


def deadline(sitting: Sitting, reading: Reading, now: datetime) -> datetime | None:
    """When the time is over, by the wall clock as it reads now."""
    left = remaining_ms(sitting, reading, now)
    return None if left is None else now + timedelta(milliseconds=left)


def is_overdue(sitting: Sitting, reading: Reading, now: datetime) -> bool:
    """Whether the node closes this attempt by itself: open, unsupervised, its time and the grace over."""
    left = remaining_ms(sitting, reading, now)
    return sitting.state == "open" and not sitting.supervised and left is not None and left < -GRACE_MS


def is_running(sitting: Sitting, reading: Reading, now: datetime) -> bool:
    """Whether somebody may be at work on it, so that his sign-in must not expire."""
    left = remaining_ms(sitting, reading, now)
    silent = reading.ms - sitting.beat_ms if reading.boot == sitting.boot else IDLE_MS
    return sitting.state == "open" and (left > -IDLE_MS if left is not None else silent < IDLE_MS)


def new_stretch(sitting: Sitting, reading: Reading, now: datetime) -> tuple[int, int]:
    """(used_ms, since_ms) of the clock when a sign of life comes: after a restart of the machine a new stretch begins.

    A paused one stays stopped: its since_ms moves so that the length of the pause is still told by it.
    """
    if reading.boot == sitting.boot:
        return sitting.used_ms, sitting.since_ms
    if sitting.paused:
        return sitting.used_ms, reading.ms - paused_ms(sitting, reading, now)
    return used_ms(sitting, reading, now), reading.ms


# ---- pauses and outages ----------------------------------------------------------------------------------------------

LONG_OUTAGE_MS = 60_000
"""From here on an outage stops the room until the invigilator resumes it; below, the server was merely started anew."""

NO_OUTAGE_MS = 1_000
"""Signs of life come every few seconds; a gap below this is none."""

MOST_CREDIT_MINUTES = 240


def paused_ms(sitting: Sitting, reading: Reading, now: datetime) -> int:
    """How long a paused attempt has stood still, through restarts of the machine as well as they can be measured."""
    if reading.boot == sitting.boot:
        return max(0, reading.ms - sitting.since_ms)
    return max(0, sitting.beat_ms - sitting.since_ms) + _off_ms(sitting.beat_at, reading, now)


def paused(sitting: Sitting, reading: Reading, now: datetime) -> Sitting:
    """The attempt with its time stopped now. One that stands still already stays as it is."""
    if sitting.paused:
        return sitting
    used = used_ms(sitting, reading, now)
    return replace(_of_this_boot(sitting, reading, now), paused=True, used_ms=used, since_ms=reading.ms)


def resumed(sitting: Sitting, reading: Reading, now: datetime) -> Sitting:
    """The attempt with its time running on from where it stopped. One that runs already stays as it is."""
    if not sitting.paused:
        return sitting
    return replace(_of_this_boot(sitting, reading, now), paused=False, since_ms=reading.ms)


def _of_this_boot(sitting: Sitting, reading: Reading, now: datetime) -> Sitting:
    """The last sign of life as the machine's present clock would have read it: below 0 for one before its start."""
    if reading.boot == sitting.boot:
        return sitting
    return replace(sitting, boot=reading.boot, beat_ms=reading.ms - _off_ms(sitting.beat_at, reading, now))


@dataclass(frozen=True)
class SignOfLife:
    """The last that is known of the server before it went away."""

    boot: str
    ms: int
    at: datetime


@dataclass(frozen=True)
class Outage:
    """How long the server was away, as well as it can be known."""

    ms: int
    stops: bool  # so long that the room waits for its invigilator


def newest_sign(signs: Iterable[SignOfLife], reading: Reading) -> SignOfLife | None:
    """The last of several signs of life: by the machine's clock since its start, before it by the wall clock."""
    known = list(signs)
    here = [one for one in known if one.boot == reading.boot]
    if here:
        return max(here, key=lambda one: one.ms)
    return max(known, key=lambda one: one.at, default=None)


def ran_at(sitting: Sitting, last: SignOfLife) -> bool:
    """Whether an attempt was running at a sign of life of the server: not paused, its time not over, not long silent."""
    if sitting.state != "open" or sitting.paused:
        return False
    here = last.boot == sitting.boot
    if sitting.seconds is None:
        return not here or last.ms - sitting.beat_ms < IDLE_MS
    end = max(last.ms, sitting.beat_ms) if here else sitting.beat_ms
    return sitting.used_ms + max(0, end - sitting.since_ms) < sitting.seconds * 1000 + sitting.credit_ms


def outage(last: SignOfLife, reading: Reading, now: datetime) -> Outage | None:
    """What lies between the last sign of life and now; None for nothing worth a word.

    After a restart of the machine there is only the wall clock; where that went back nobody knows how long it was, and
    the room is stopped.
    """
    if reading.boot == last.boot:
        gap = max(0, reading.ms - last.ms)
        return Outage(gap, gap >= LONG_OUTAGE_MS) if gap >= NO_OUTAGE_MS else None
    gap = _off_ms(last.at, reading, now)
    return Outage(gap, gap >= LONG_OUTAGE_MS or now < last.at)


def _off_ms(at: datetime, reading: Reading, now: datetime) -> int:
    """How long ago a moment before the machine's start was: never less than it runs since."""
    return max(reading.ms, (now - at) // timedelta(milliseconds=1))


def after_outage(sitting: Sitting, last: SignOfLife, found: Outage, reading: Reading) -> Sitting:
    """The attempt when the server is back: its time stopped with the server's last sign of life.

    A long outage leaves it paused; after a short one it runs on from now. One that was paused before stays so.
    """
    if sitting.paused:
        return sitting
    end = max(last.ms, sitting.beat_ms) if last.boot == sitting.boot else sitting.beat_ms
    used = sitting.used_ms + max(0, end - sitting.since_ms)
    since = reading.ms - found.ms if found.stops else reading.ms
    return replace(sitting, paused=found.stops, used_ms=used, boot=reading.boot, since_ms=since, beat_ms=reading.ms - found.ms)


def credited(sitting: Sitting, minutes: int, reading: Reading, now: datetime) -> Sitting:
    """The attempt with minutes on top of its limit. Where its time was over, they count from now: what passed since then
    nobody could use.
    """
    left = remaining_ms(sitting, reading, now)
    if left is not None and left < 0:
        sitting = replace(
            _of_this_boot(sitting, reading, now), used_ms=used_ms(sitting, reading, now) + left,
            since_ms=sitting.since_ms if sitting.paused else reading.ms,
        )
    return replace(sitting, credit_ms=sitting.credit_ms + minutes * 60_000)


def may_credit(minutes: int, *, seconds: int | None) -> None:
    """Raises Invalid (0 or more than MOST_CREDIT_MINUTES), NoLimit (a test without a time limit)."""
    if not 0 < minutes <= MOST_CREDIT_MINUTES:
        raise Invalid(
            fields={"minutes": say("exam", "Give 1 to {most} minutes. To end the test earlier, hand it in.", most=MOST_CREDIT_MINUTES)}
        )
    if seconds is None:
        raise NoLimit()


def may_take_over(*, supervised: bool, sits_at: Hashable, asks: Hashable, released: bool) -> bool:
    """Whether a PC may go on with an attempt: its own seat may, another one (or a PC that is no seat) after a release."""
    return not supervised or sits_at is None or sits_at == asks or released


# ---- refusals --------------------------------------------------------------------------------------------------------


def may_write(sitting: Sitting, writer: str) -> None:
    """Raises StaleTab, HandedIn. `writer` is the hash of the asking tab's token."""
    if sitting.writer != writer:
        raise StaleTab()
    if sitting.state != "open":
        raise HandedIn()


def may_save(sitting: Sitting, writer: str, reading: Reading, now: datetime) -> None:
    """Raises, in this order: StaleTab, HandedIn, TooLate (past the deadline and its grace)."""
    may_write(sitting, writer)
    left = remaining_ms(sitting, reading, now)
    if left is not None and left < -GRACE_MS:
        raise TooLate()


def may_start(*, enrolled: bool, run_state: str, allowed: int, taken: int, room_waits: bool = False, again: Locks = UNLOCKED) -> None:
    """Raises NotYet, Over, AttemptsUsed, StillMarked, OpensLater, ReadFirst, WaitForRoom. `allowed` 0: as many as wanted;
    `room_waits`: nobody has started the test for the room; `again`: what stands before one more attempt.
    """
    if not enrolled or run_state in ("closed", "cancelled"):
        raise Over()
    if run_state != "open":
        raise NotYet()
    if allowed and taken >= allowed:
        raise AttemptsUsed()
    may_start_again(again)
    if room_waits:
        raise WaitForRoom()


# ---- worth -----------------------------------------------------------------------------------------------------------


def score(marks: Sequence[Fraction]) -> Fraction:
    """0 to 1: the marks' sum over the number of questions."""
    return sum(marks, Fraction(0)) / len(marks) if marks else Fraction(0)


def millionths(value: Fraction) -> int:
    """As stored: rounded once, half up."""
    return int(value * MILLION + Fraction(1, 2))


def exact(stored: int) -> Fraction:
    """The mark that was stored as millionths: thirds and sevenths come back whole, so that a sum does not miss a pass mark."""
    return Fraction(stored, MILLION).limit_denominator(700)


def passed(stored: int, pass_mark: int) -> bool:
    """Whether a stored score reaches a pass mark in percent."""
    return stored * 100 >= pass_mark * MILLION


def counting(scores: Sequence[int | None], counts: str) -> int | None:
    """The place of the attempt that counts among those that are handed in, in their order: first, best or last.

    A score of None is still being marked: it is the best only when there is no other. None without any attempt.
    """
    if not scores:
        return None
    if counts == "first":
        return 0
    if counts == "last":
        return len(scores) - 1
    return max(range(len(scores)), key=lambda place: -1 if scores[place] is None else scores[place] or 0)


@dataclass(frozen=True)
class Gain:
    """What a person gained from a pre-test to a post-test: the three ways that reports use, each under its name."""

    points: Fraction  # of 1: 0.3 is 30 points
    relative: Fraction | None  # of the pre-test's score; none when that was 0
    normalised: Fraction | None  # of what could be gained; none when the pre-test was full


def gain(pre: int | None, post: int | None) -> Gain | None:
    """The gain from two stored scores; None unless there are both."""
    if pre is None or post is None:
        return None
    points = Fraction(post - pre, MILLION)
    return Gain(
        points=points,
        relative=points / Fraction(pre, MILLION) if pre else None,
        normalised=points / Fraction(MILLION - pre, MILLION) if pre != MILLION else None,
    )


def receipt_code(attempt: str, answers: Iterable[tuple[str, int, Mapping[str, Any]]], nth: int = 0) -> str:
    """K7M4-2XQ9: made of the attempt and what was handed in, so that another content cannot have it.

    `nth` gives another one when a code is taken already.
    """
    said = json.dumps([attempt, nth, sorted([q, n, dict(r)] for q, n, r in answers)], sort_keys=True, ensure_ascii=True)
    number = int.from_bytes(hashlib.sha256(said.encode()).digest(), "big")
    letters = []
    for _ in range(8):
        number, place = divmod(number, len(READABLE))
        letters.append(READABLE[place])
    return "".join(letters[:4]) + "-" + "".join(letters[4:])


@dataclass(frozen=True)
class Topic:
    """One outcome of a marked attempt."""

    outcome: str
    points: Fraction
    items: int

    @property
    def repeat(self) -> bool:
        """Whether anything was missed."""
        return self.points < self.items


def topics(marks: Iterable[tuple[str, int]], order: Sequence[str]) -> list[Topic]:
    """Marks (outcome, stored points) summed by outcome, in the course's order."""
    sums: dict[str, list[int]] = {}
    for outcome, points in marks:
        sums.setdefault(outcome, []).append(points)
    places = {outcome: place for place, outcome in enumerate(order)}
    return [
        Topic(outcome, Fraction(sum(points), MILLION), len(points))
        for outcome, points in sorted(sums.items(), key=lambda pair: places.get(pair[0], len(places)))
    ]


# ---- the wall clock ----------------------------------------------------------------------------------------------------


def clock_step(offset_ms: int, expected_ms: int) -> int | None:
    """By how much the wall clock was set since its offset to the machine's clock was noted; None for drift."""
    step = offset_ms - expected_ms
    return step if abs(step) >= STEP_MS else None
