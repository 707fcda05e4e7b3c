"""How much is sent at once on a line that is cut again and again, counted on a line that is made of numbers alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.sync import pace
from app.sync.pace import KIB, Pace

HEADERS = 420  # bytes of a request beside its piece


@dataclass
class Line:
    """A line that carries so many bytes a second and is cut at moments that `next_cut` gives."""

    rate: float
    next_cut: Callable[[], float]
    round_trip: float = 0.6
    now: float = 0.0
    cut_at: float = 0.0
    in_vain: int = 0  # bytes of pieces that did not arrive whole

    def carry(self, piece: int) -> tuple[bool, float | None]:
        """Send a piece: whether it arrived, and after how many seconds the reply was here; None when the line was cut."""
        there = (HEADERS + piece) / self.rate + self.round_trip / 2
        left = self.cut_at - self.now
        if there + self.round_trip / 2 <= left:
            self.now += there + self.round_trip / 2
            return True, there + self.round_trip / 2
        if there > left:
            self.in_vain += min(piece, max(0, int(left * self.rate) - HEADERS))
        self.now = self.cut_at
        self.cut_at += self.next_cut()
        return there <= left, None


def upload(size: int, line: Line) -> int:
    """Send a bundle as the client does, which asks after each cut how much has arrived; gives the number of cuts."""
    line.cut_at = line.now + line.next_cut()
    here, cuts, steps = 0, 0, Pace()
    while here < size:
        piece = min(steps.piece, size - here)
        arrived, seconds = line.carry(piece)
        here += piece if arrived else 0
        if seconds is None:
            cuts += 1
            steps = steps.cut()
        else:
            steps = steps.carried(piece, seconds)
    return cuts


@pytest.mark.goal("NET-16")
def test_four_weeks_of_a_class_cross_a_line_of_64_kbit_that_is_cut_every_30_seconds():
    """200,000 facts of 120 bytes: at most 5 % of the bytes are sent twice, and they arrive within two hours."""
    size = 200_000 * 120
    line = Line(rate=8000, next_cut=lambda: 30.0)

    cuts = upload(size, line)

    assert cuts > 90
    assert line.in_vain <= size * 0.05
    assert line.now < 120 * 60


@given(
    rate=st.floats(2_000, 2_000_000), every=st.floats(5, 300), seed=st.integers(0, 1000), regular=st.booleans(),
    round_trip=st.floats(0.01, 0.6),
)  # fmt: skip
def test_whatever_the_line_little_is_sent_twice(rate, every, seed, regular, round_trip):
    """A line that carries 200 KB and fifty replies between two cuts, evenly or by chance, sends at most 5 % twice."""
    every = max(every, 200 * KIB / rate + 50 * round_trip)
    chance = Random(seed)
    line = Line(rate, (lambda: every) if regular else (lambda: chance.uniform(0.5, 1.5) * every), round_trip)
    size = int(rate * every * 100)

    upload(size, line)

    assert line.in_vain <= size * 0.05


def test_a_quick_line_is_used_in_large_pieces():
    """16 KiB first, then half of what has crossed, up to 1 MiB: ten megabytes take two dozen requests."""
    steps, sizes, left = Pace(), [], 10_000 * KIB
    while left:
        piece = min(steps.piece, left)
        steps = steps.carried(piece, 0.01)
        sizes.append(piece // KIB)
        left -= piece

    assert sizes[:8] == [16, 16, 16, 24, 36, 54, 81, 121]
    assert max(sizes) == 1024
    assert len(sizes) <= 24


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 100)), max_size=200))
def test_a_piece_is_never_too_small_nor_too_large(history):
    """Whatever the line did, the next piece has between 4 KiB and 1 MiB."""
    steps = Pace()
    for cut, seconds in history:
        steps = steps.cut() if cut else steps.carried(steps.piece, seconds)
        assert pace.SMALLEST <= steps.piece <= pace.LARGEST


@given(st.integers(1, 10_000), st.integers(0, 1000))
def test_the_next_try_comes_later_each_time_and_after_half_an_hour_at_the_latest(tries, seed):
    """Between a few seconds and half an hour, by chance within a factor of two."""
    seconds = pace.wait(tries, Random(seed))

    assert pace.FIRST_WAIT / 2 <= seconds <= 30 * 60
    assert seconds >= min(pace.LONGEST_WAIT, pace.FIRST_WAIT * 2 ** min(tries - 1, 20)) / 2


def test_two_class_servers_do_not_try_at_the_same_second():
    """A hundred servers that lost the same line come back spread over the time."""
    waits = {round(pace.wait(4, Random(n))) for n in range(100)}

    assert len(waits) > 20
