"""The time of a supervised test: pauses, credit, outages, in any order, for rules alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.clock import Uptime
from app.errors import Invalid
from app.quizzes import rules
from app.quizzes.errors import NoLimit
from app.quizzes.rules import SignOfLife, Sitting

NOON = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
LIMIT_MS = 600_000


def sitting(**values: Any) -> Sitting:
    """A supervised attempt of ten minutes that began at 1,000 s of boot A."""
    defaults: dict[str, Any] = {
        "state": "open", "supervised": True, "seconds": 600, "writer": "me", "boot": "A", "since_ms": 1_000_000,
        "beat_ms": 1_000_000, "used_ms": 0, "beat_at": NOON,
    }
    return Sitting(**(defaults | values))


# ---- any sequence ----------------------------------------------------------------------------------------------------


@dataclass
class Exam:
    """An attempt in a room where things happen, beside what a stopwatch in a fair hand would say."""

    sitting: Sitting
    machine: Uptime = Uptime("A", 1_000_000)  # noqa: RUF009
    wall: datetime = NOON
    worked: int = 0  # ms in which the server was there and the time ran
    credited: int = 0
    last: SignOfLife = SignOfLife("A", 1_000_000, NOON)  # noqa: RUF009

    def beats(self) -> None:
        """The page gives a sign of life."""
        used, since = rules.new_stretch(self.sitting, self.machine, self.wall)
        self.sitting = replace(self.sitting, used_ms=used, since_ms=since, boot=self.machine.boot, beat_ms=self.machine.ms, beat_at=self.wall)
        self.last = SignOfLife(self.machine.boot, self.machine.ms, self.wall)

    def passes(self, ms: int) -> None:
        """Time goes by, the page beating at its end."""
        self.machine, self.wall = Uptime(self.machine.boot, self.machine.ms + ms), self.wall + timedelta(milliseconds=ms)
        if not self.sitting.paused:
            self.worked += ms
        self.beats()

    def away(self, ms: int, *, reboots: bool) -> None:
        """The server is gone for a while and comes back."""
        if reboots:
            self.machine = Uptime(self.machine.boot + "'", min(ms, 30_000))
        else:
            self.machine = Uptime(self.machine.boot, self.machine.ms + ms)
        self.wall += timedelta(milliseconds=ms)
        found = rules.outage(self.last, self.machine, self.wall)
        if found is None:
            self.worked += 0 if self.sitting.paused else ms  # too short to be an outage: it counts
        else:
            self.sitting = rules.after_outage(self.sitting, self.last, found, self.machine)
        self.last = SignOfLife(self.machine.boot, self.machine.ms, self.wall)

    def steps(self, seconds: int) -> None:
        """A hand sets the wall clock."""
        self.wall += timedelta(seconds=seconds)

    def happens(self, what: str, n: int) -> None:
        """One thing of a class day."""
        if what == "passes":
            self.passes(n)
        elif what == "pause":
            self.sitting = rules.paused(self.sitting, self.machine, self.wall)
        elif what == "resume":
            self.sitting = rules.resumed(self.sitting, self.machine, self.wall)
        elif what == "credit":
            minutes = 1 + n % 30
            late = rules.remaining_ms(self.sitting, self.machine, self.wall) or 0
            self.sitting = rules.credited(self.sitting, minutes, self.machine, self.wall)
            self.credited += minutes * 60_000
            self.worked += min(0, late)  # what passed after the end was nobody's
        elif what == "steps":
            self.steps(n - 50_000)
        else:
            self.away(n, reboots=what == "power cut")

    @property
    def left(self) -> int:
        """By the rules."""
        left = rules.remaining_ms(self.sitting, self.machine, self.wall)
        assert left is not None
        return left


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["passes", "passes", "pause", "resume", "credit", "restart", "power cut", "steps"]), st.integers(0, 200_000)
    ),
    max_size=30,
)


@pytest.mark.goal("RUN-07", "DUR-05")
@given(events=EVENTS)
def test_used_and_left_add_up_to_limit_and_credit_whatever_happens(events: list[tuple[str, int]]) -> None:
    """Any sequence of work, pauses, resumes, credits, restarts, power cuts and clock steps: the time left is exactly limit
    and credit without what was worked; an outage costs nothing, and nothing is given back that was not lost or credited.
    """
    exam = Exam(sitting())
    for what, n in events:
        exam.happens(what, n)

        used = rules.used_ms(exam.sitting, exam.machine, exam.wall)
        assert used + exam.left == LIMIT_MS + exam.sitting.credit_ms
        assert exam.sitting.credit_ms == exam.credited
        assert exam.left == LIMIT_MS + exam.credited - exam.worked


@given(events=EVENTS, again=st.integers(1, 3), wait=st.integers(0, 100_000))
def test_pausing_or_resuming_again_changes_nothing(events: list[tuple[str, int]], again: int, wait: int) -> None:
    """A second press of the same button is none."""
    exam = Exam(sitting())
    for what, n in events:
        exam.happens(what, n)
    paused = rules.paused(exam.sitting, exam.machine, exam.wall)
    later, wall = Uptime(exam.machine.boot, exam.machine.ms + wait), exam.wall + timedelta(milliseconds=wait)
    for _ in range(again):
        assert rules.paused(paused, later, wall) == paused
    running = rules.resumed(paused, later, wall)
    for _ in range(again):
        assert rules.resumed(running, Uptime(later.boot, later.ms + wait), wall) == running


@given(stood=st.integers(0, 10_000_000), boots=st.lists(st.integers(0, 3_000_000), max_size=3))
def test_the_length_of_a_pause_is_told_through_restarts_of_the_machine(stood: int, boots: list[int]) -> None:
    """What the record says of a pause is what went by, also when the power failed in it, as long as the wall clock is right."""
    paused = rules.paused(sitting(), Uptime("A", 1_060_000), NOON + timedelta(seconds=60))
    machine, wall = Uptime("A", 1_060_000 + stood), NOON + timedelta(seconds=60, milliseconds=stood)
    total = stood
    for off in boots:
        paused = replace(paused, beat_ms=machine.ms, beat_at=wall)
        total += off
        machine, wall = Uptime(machine.boot + "'", min(off, 1_000)), wall + timedelta(milliseconds=off)
        used, since = rules.new_stretch(paused, machine, wall)
        paused = replace(paused, used_ms=used, since_ms=since, boot=machine.boot, beat_ms=machine.ms, beat_at=wall)

    assert rules.paused_ms(paused, machine, wall) == total
    assert rules.used_ms(paused, machine, wall) == 60_000


# ---- outages ---------------------------------------------------------------------------------------------------------

LAST = SignOfLife("A", 1_060_000, NOON)


@pytest.mark.parametrize(
    ("reading", "now", "expected"),
    [
        (Uptime("A", 1_060_900), NOON, None),  # nothing
        (Uptime("A", 1_063_000), NOON + timedelta(days=1), rules.Outage(3_000, False)),  # the wall clock does not matter
        (Uptime("A", 1_120_000), NOON - timedelta(days=1), rules.Outage(60_000, True)),
        (Uptime("B", 20_000), NOON + timedelta(seconds=45), rules.Outage(45_000, False)),  # quickly started anew
        (Uptime("B", 40_000), NOON + timedelta(minutes=40), rules.Outage(2_400_000, True)),
        (Uptime("B", 40_000), datetime(1970, 1, 1, tzinfo=UTC), rules.Outage(40_000, True)),  # nobody knows how long
    ],
)
def test_an_outage_is_measured_by_the_best_clock_there_is(reading: Uptime, now: datetime, expected: rules.Outage | None) -> None:
    """By the machine's own while it ran on; else by the wall clock; where that went back the room is stopped."""
    assert rules.outage(LAST, reading, now) == expected


def test_time_stops_with_the_last_sign_of_the_server_not_of_the_page() -> None:
    """A page without script beats seldom: what its owner worked until the power went is worked."""
    silent = sitting(beat_ms=1_000_000)
    found = rules.Outage(2_400_000, True)

    after = rules.after_outage(silent, SignOfLife("A", 1_240_000, NOON), found, Uptime("B", 5_000))

    assert (after.used_ms, after.paused) == (240_000, True)
    assert rules.paused_ms(after, Uptime("B", 65_000), NOON) == 2_460_000


def test_the_newest_sign_of_life_is_found_though_the_wall_clock_was_set_back() -> None:
    """Signs since the machine's start are put in order by its own clock."""
    before = SignOfLife("A", 9_000_000, NOON + timedelta(days=2))
    one, two = SignOfLife("B", 10, NOON + timedelta(hours=1)), SignOfLife("B", 20, NOON - timedelta(days=9))

    assert rules.newest_sign([before, two, one], Uptime("B", 30)) == two
    assert rules.newest_sign([before, two, one], Uptime("C", 30)) == before
    assert rules.newest_sign([], Uptime("C", 30)) is None


@pytest.mark.parametrize(
    ("changes", "ran"),
    [
        ({}, True),
        ({"paused": True}, False),
        ({"state": "handed-in"}, False),
        ({"used_ms": 590_000}, False),  # over before the server went
        ({"used_ms": 590_000, "credit_ms": 600_000}, True),
        ({"seconds": None}, True),
        ({"seconds": None, "beat_ms": 1_060_000 - rules.IDLE_MS}, False),  # left alone long before
    ],
)
def test_an_outage_is_about_tests_that_ran(changes: dict[str, Any], ran: bool) -> None:
    assert rules.ran_at(sitting(**changes), LAST) is ran


# ---- credit and other PCs --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("minutes", [0, -5, 241])
def test_credit_of_nothing_or_of_hours_is_refused_at_its_field(minutes: int) -> None:
    with pytest.raises(Invalid) as refused:
        rules.may_credit(minutes, seconds=600)
    assert set(refused.value.fields) == {"minutes"}


def test_a_test_without_a_limit_takes_no_credit() -> None:
    with pytest.raises(NoLimit):
        rules.may_credit(10, seconds=None)


@pytest.mark.parametrize(
    ("supervised", "sits_at", "asks", "released", "may"),
    [
        (True, "03", "03", False, True),
        (True, "03", "05", False, False),
        (True, "03", None, False, False),
        (True, "03", "05", True, True),
        (True, None, "05", False, True),
        (False, "03", "05", False, True),
    ],
)
def test_another_pc_takes_a_supervised_test_over_only_after_a_release(
    supervised: bool, sits_at: str | None, asks: str | None, released: bool, may: bool
) -> None:
    assert rules.may_take_over(supervised=supervised, sits_at=sits_at, asks=asks, released=released) is may
