"""Rules of reports: periods that leave no day out, means of pairs, and when silence is not zero."""

from __future__ import annotations

import itertools
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.reports.rules import (
    Means,
    Period,
    State,
    means,
    month_of,
    months_of,
    offered,
    period_of,
    points,
    share,
    state_of,
)

DAYS = st.dates(date(2000, 1, 1), date(2099, 12, 31))


@pytest.mark.parametrize(
    ("key", "first", "last"),
    [
        ("2026-11", date(2026, 11, 1), date(2026, 11, 30)),
        ("2028-02", date(2028, 2, 1), date(2028, 2, 29)),
        ("2026-Q4", date(2026, 10, 1), date(2026, 12, 31)),
        ("2026", date(2026, 1, 1), date(2026, 12, 31)),
    ],
)
def test_a_period_is_named_by_month_quarter_or_year(key: str, first: date, last: date) -> None:
    """An address names a month, a quarter or a year, and means all its days."""
    assert period_of(key) == Period(first, last, key)


@pytest.mark.parametrize("key", ["", "2026-13", "2026-Q5", "26", "2026-1", "november", "2026-11-24", "0026-11", "1949"])
def test_what_names_no_period_is_none(key: str) -> None:
    """Nothing is guessed from half a name."""
    assert period_of(key) is None


@given(DAYS, st.integers(0, 2000))
def test_months_leave_no_day_out_and_take_none_twice(first: date, days: int) -> None:
    """The months of a period are its days, cut at the ends of months."""
    period = Period(first, first + timedelta(days=days))

    months = months_of(period)

    assert [months[0].first, months[-1].last] == [period.first, period.last]
    assert all(after.first == before.last + timedelta(days=1) for before, after in itertools.pairwise(months))
    assert all(month_of(month.first).key == month_of(month.last).key == month.key for month in months)


@given(DAYS)
def test_periods_offered_hold_today_or_lie_before_it(today: date) -> None:
    """Whoever opens a report is offered this month first, and no future one."""
    periods = offered(today)

    assert periods[0] == month_of(today)
    assert all(period.first <= today for period in periods)
    assert len({period.key for period in periods}) == 21


@pytest.mark.goal("CER-25")
@pytest.mark.parametrize(
    ("pairs", "few", "gain"), [(0, False, None), (1, True, None), (4, True, None), (5, False, Decimal("22.8"))]
)
def test_a_mean_of_fewer_than_five_pairs_is_not_told(pairs: int, few: bool, gain: Decimal | None) -> None:
    """With one to four pairs there is no mean, and the page says "n < 5"."""
    found = means(pairs, pairs * 400_000, pairs * 627_500)

    assert (found.pairs, found.few, found.gain) == (pairs, few, gain)


@given(st.lists(st.tuples(st.integers(0, 1_000_000), st.integers(0, 1_000_000)), min_size=5, max_size=40))
def test_means_are_those_of_the_pairs(pairs: list[tuple[int, int]]) -> None:
    """Before, after and gain are exact means rounded once; the gain is after minus before up to that rounding."""
    n, before, after = len(pairs), sum(one for one, _ in pairs), sum(two for _, two in pairs)

    found = means(n, before, after)

    assert found == Means(n, points(before, n), points(after, n), points(after - before, n))
    assert found.before is not None
    assert found.after is not None
    assert found.gain is not None
    assert abs(Fraction(found.gain) - Fraction((after - before) * 100, n * 1_000_000)) <= Fraction(1, 20)
    assert abs(found.gain - (found.after - found.before)) <= Decimal("0.1")


def test_points_are_rounded_half_away_from_zero() -> None:
    """A loss of 2.25 points is –2.3 as a gain of 2.25 is +2.3."""
    assert [points(22_500, 1), points(-22_500, 1), points(0, 3)] == [Decimal("2.3"), Decimal("-2.3"), Decimal(0)]


def test_a_share_of_nothing_is_not_zero() -> None:
    """Nobody handed in: there is no share of them who passed."""
    assert [share(3, 4), share(0, 4), share(0, 0)] == [Fraction(3, 4), Fraction(0), None]


@pytest.mark.parametrize(
    ("participations", "begun", "known", "state"),
    [(0, 0, 0, State.NO_RUNS), (3, 0, 0, State.NOT_BEGUN), (3, 1, 0, State.NO_DATA), (3, 3, 1, State.FIGURES), (3, 0, 1, State.FIGURES)],
)
def test_silence_is_told_apart_from_nothing_to_tell(participations: int, begun: int, known: int, state: State) -> None:
    """No runs, runs that have not begun, and runs of which nothing has come in are three things."""
    assert state_of(participations, begun, known) is state
