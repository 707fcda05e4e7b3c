"""Rules of reports: periods, means of pairs, gain and shares, and what may be said of a row. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import Enum
from fractions import Fraction

from app.progress.rules import FEWEST_PAIRS

MILLION = 1_000_000
LONGEST = 366 * 12
"""Days of the longest period: a report by months has a row for each."""

FIRST_YEAR, LAST_YEAR = 1950, 2999


# ---- periods ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Period:
    """From a day to a day, both included. `key` is how an address names it; empty for days chosen freely."""

    first: date
    last: date
    key: str = ""


_KEY = re.compile(r"(?P<year>19[5-9][0-9]|2[0-9]{3})(-(?P<month>0[1-9]|1[0-2])|-Q(?P<quarter>[1-4]))?")


def period_of(key: str) -> Period | None:
    """The month "2026-11", the quarter "2026-Q4" or the year "2026"; None for anything else."""
    found = _KEY.fullmatch(key)
    if found is None:
        return None
    year = int(found["year"])
    if found["month"]:
        first, months = date(year, int(found["month"]), 1), 1
    elif found["quarter"]:
        first, months = date(year, 3 * int(found["quarter"]) - 2, 1), 3
    else:
        first, months = date(year, 1, 1), 12
    return Period(first, _later(first, months) - timedelta(days=1), key)


def month_of(day: date) -> Period:
    """The month of a day."""
    first = day.replace(day=1)
    return Period(first, _later(first, 1) - timedelta(days=1), f"{first:%Y-%m}")


def months_of(period: Period) -> list[Period]:
    """The months that a period touches. The first and the last may be cut by it."""
    found, first = [], period.first.replace(day=1)
    while first <= period.last:
        month = month_of(first)
        found.append(Period(max(month.first, period.first), min(month.last, period.last), month.key))
        first = _later(first, 1)
    return found


def offered(today: date) -> list[Period]:
    """The periods to choose from: this month and the twelve before it, five quarters, three years."""
    keys = [f"{_later(today.replace(day=1), -back):%Y-%m}" for back in range(13)]
    for back in range(5):
        first = _later(today.replace(day=1), -3 * back)
        keys.append(f"{first.year}-Q{(first.month + 2) // 3}")
    keys += [str(today.year - back) for back in range(3)]
    return [period for key in keys if (period := period_of(key))]


def _later(first: date, months: int) -> date:
    """The first day of a month, some months later."""
    place = first.year * 12 + first.month - 1 + months
    return date(place // 12, place % 12 + 1, 1)


# ---- figures ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Means:
    """The means of those who have both tests, in points of 100 with one decimal; none of few pairs."""

    pairs: int
    before: Decimal | None = None
    after: Decimal | None = None
    gain: Decimal | None = None

    @property
    def few(self) -> bool:
        """Whether there are pairs, but too few to speak of a mean."""
        return 0 < self.pairs < FEWEST_PAIRS


def means(pairs: int, before: int, after: int) -> Means:
    """The means from the sums of stored scores (millionths) of the same people."""
    if pairs < FEWEST_PAIRS:
        return Means(pairs)
    return Means(pairs, points(before, pairs), points(after, pairs), points(after - before, pairs))


def points(total: int, number: int) -> Decimal:
    """The mean of stored scores in points of 100, with one decimal, half away from zero."""
    exact = Fraction(total * 100, number * MILLION)
    tenths = (Decimal(abs(exact.numerator) * 10) / Decimal(exact.denominator)).quantize(Decimal(1), ROUND_HALF_UP)
    return (tenths if exact >= 0 else -tenths) / 10


def share(part: int, whole: int) -> Fraction | None:
    """A part of a whole; None of nothing."""
    return Fraction(part, whole) if whole else None


# ---- what may be said of a row ---------------------------------------------------------------------------------------


class State(Enum):
    """Whether figures of a row mean anything. Silence is never written as zero."""

    FIGURES = "figures"
    NO_RUNS = "no runs"
    NOT_BEGUN = "not begun"
    NO_DATA = "no data"


def state_of(participations: int, begun: int, known: int) -> State:
    """`begun` of the participations are in runs that should have started by now; of `known` anything has come in."""
    if known:
        return State.FIGURES
    if not participations:
        return State.NO_RUNS
    return State.NO_DATA if begun else State.NOT_BEGUN
