"""The rules of tests: drawing, time, worth."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.clock import Uptime
from app.quizzes import rules
from app.quizzes.errors import AttemptsUsed, HandedIn, NotYet, Over, StaleTab, TooFewQuestions, TooLate
from app.quizzes.rules import Item, Sitting

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
KINDS = ("single", "number", "hotspot")


def bank(outcomes: str = "ab", each: int = 8) -> list[Item]:
    """Questions of several outcomes, types and difficulties in turn."""
    return [
        Item(f"{outcome}{n}", outcome, KINDS[n % 3], ("easy", "hard")[n % 2]) for outcome in outcomes for n in range(each)
    ]


# ---- drawing ---------------------------------------------------------------------------------------------------------


@given(seed=st.text(max_size=20), a=st.integers(1, 8), b=st.integers(1, 8))
def test_a_draw_holds_as_many_questions_of_each_outcome_as_the_blueprint_says(seed, a, b):
    drawn = rules.draw([("a", a), ("b", b)], bank(), seed)

    assert Counter(one[0] for one in drawn) == {"a": a, "b": b}
    assert len(set(drawn)) == a + b


@given(seed=st.text(max_size=20))
def test_a_draw_is_the_same_for_the_same_seed_whatever_the_order_of_the_bank(seed):
    assert rules.draw([("a", 3)], bank(), seed) == rules.draw([("a", 3)], bank()[::-1], seed)


@pytest.mark.goal("PLY-19")
@given(seed=st.text(max_size=20), other=st.text(max_size=20))
def test_a_post_test_never_asks_a_question_of_the_persons_pre_test(seed, other):
    """Pre-test and post-test share no question, and types and difficulties are spread alike as far as the bank allows."""
    pre = rules.draw([("a", 4), ("b", 3)], bank(), seed)
    post = rules.draw([("a", 4), ("b", 3)], bank(), other, never=pre, like=pre)

    assert not set(pre) & set(post)
    assert Counter(one[0] for one in pre) == Counter(one[0] for one in post)


def test_a_post_test_asks_the_same_kinds_of_questions_as_the_pre_test():
    two_of_each = [Item(f"{kind}-{hard}-{n}", "a", kind, hard) for kind in KINDS for hard in ("easy", "hard") for n in (1, 2)]
    pre = rules.draw([("a", 6)], [item for item in two_of_each if item.id.endswith("1")], "x")

    post = rules.draw([("a", 6)], two_of_each, "y", never=pre, like=pre)

    assert sorted(one[:-2] for one in post) == sorted(one[:-2] for one in pre)


@given(seed=st.text(max_size=20), count=st.integers(1, 8))
def test_a_second_attempt_asks_what_was_not_asked_before_as_long_as_there_is_any(seed, count):
    first = rules.draw([("a", count)], bank(), "first")
    second = rules.draw([("a", count)], bank(), seed, avoid=first)

    assert len(set(second) & set(first)) == max(0, 2 * count - 8)


def test_a_bank_that_is_too_small_is_said_instead_of_drawing_less():
    with pytest.raises(TooFewQuestions):
        rules.draw([("a", 5)], bank(), "x", never=["a1", "a2", "a3", "a4"])


# ---- time ------------------------------------------------------------------------------------------------------------


def sitting(**values) -> Sitting:
    """An attempt of ten minutes that began at 1,000 s of boot A."""
    defaults = {
        "state": "open", "supervised": False, "seconds": 600, "writer": "me", "boot": "A", "since_ms": 1_000_000,
        "beat_ms": 1_060_000, "used_ms": 0, "beat_at": NOON,
    }  # fmt: skip
    return Sitting(**(defaults | values))


@pytest.mark.goal("DUR-05")
@given(wall=st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)), gone=st.integers(0, 600_000))
def test_the_time_left_does_not_depend_on_the_wall_clock(wall, gone):
    """Wherever the wall clock is set during a test, the remaining time follows the machine's own clock."""
    assert rules.remaining_ms(sitting(), Uptime("A", 1_000_000 + gone), wall) == 600_000 - gone


@given(off=st.integers(0, 10_000_000), wall=st.integers(-10_000_000, 10_000_000))
def test_a_supervised_test_loses_no_time_while_the_machine_is_off(off, wall):
    now = NOON + timedelta(milliseconds=wall)

    assert rules.remaining_ms(sitting(supervised=True), Uptime("B", off), now) == 540_000


@given(minutes=st.integers(0, 100))
def test_an_unsupervised_test_runs_on_while_the_machine_is_off(minutes):
    now = NOON + timedelta(minutes=minutes)

    assert rules.remaining_ms(sitting(), Uptime("B", 5), now) == 540_000 - minutes * 60_000


def test_a_machine_that_wakes_up_in_the_past_takes_no_time_and_gives_none():
    assert rules.remaining_ms(sitting(), Uptime("B", 5), datetime(1970, 1, 1, tzinfo=UTC)) == 540_000


@given(readings=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 60_000)), max_size=30), supervised=st.booleans())
def test_time_used_never_goes_back_whatever_restarts_there_are(readings, supervised):
    clock, now, boot, ms = sitting(supervised=supervised, beat_ms=1_000_000), NOON, 0, 1_000_000
    used = 0
    for restarts, passes in readings:
        if restarts == 3:
            boot, ms = boot + 1, 10
        ms, now = ms + passes, now + timedelta(milliseconds=passes)
        reading = Uptime(f"A{boot}" if boot else "A", ms)
        now_used = rules.used_ms(clock, reading, now)
        assert now_used >= used
        used = now_used
        stretch = rules.new_stretch(clock, reading, now)
        clock = sitting(
            supervised=supervised, boot=reading.boot, used_ms=stretch[0], since_ms=stretch[1], beat_ms=ms, beat_at=now
        )
        assert rules.used_ms(clock, reading, now) == used


def test_a_test_without_a_limit_never_ends_by_itself():
    unlimited = sitting(seconds=None)

    assert rules.remaining_ms(unlimited, Uptime("A", 10**12), NOON) is None
    assert not rules.is_overdue(unlimited, Uptime("A", 10**12), NOON)


# ---- refusals --------------------------------------------------------------------------------------------------------

LATE = Uptime("A", 1_000_000 + 600_000 + rules.GRACE_MS + 1)
JUST = Uptime("A", 1_000_000 + 600_000 + rules.GRACE_MS)


@pytest.mark.parametrize(
    ("changes", "writer", "reading", "refusal"),
    [
        ({"state": "handed-in"}, "other", LATE, StaleTab),
        ({"state": "handed-in"}, "me", LATE, HandedIn),
        ({}, "me", LATE, TooLate),
    ],
)
def test_a_save_is_refused_for_the_first_reason_in_the_written_order(changes, writer, reading, refusal):
    with pytest.raises(refusal):
        rules.may_save(sitting(**changes), writer, reading, NOON)


def test_the_last_save_may_arrive_a_few_seconds_after_the_deadline():
    assert rules.may_save(sitting(), "me", JUST, NOON) is None


@pytest.mark.parametrize(
    ("facts", "refusal"),
    [
        ({"run_state": "planned"}, NotYet),
        ({"run_state": "closed"}, Over),
        ({"enrolled": False}, Over),
        ({"taken": 2}, AttemptsUsed),
    ],
)
def test_a_start_is_refused_with_its_reason(facts, refusal):
    with pytest.raises(refusal):
        rules.may_start(**({"enrolled": True, "run_state": "open", "allowed": 2, "taken": 1} | facts))


def test_a_practice_may_be_taken_as_often_as_wanted():
    assert rules.may_start(enrolled=True, run_state="open", allowed=0, taken=99) is None


# ---- worth -----------------------------------------------------------------------------------------------------------


def test_a_score_is_the_sum_of_the_marks_over_all_questions():
    assert rules.score([Fraction(1), Fraction(2, 3), Fraction(0)]) == Fraction(5, 9)
    assert rules.millionths(Fraction(5, 9)) == 555_556


def test_the_pass_mark_itself_passes():
    assert rules.passed(800_000, 80)
    assert not rules.passed(799_999, 80)


@pytest.mark.goal("PLY-19")
def test_gain_is_given_in_its_three_ways_and_survives_a_pre_test_of_nothing():
    """Gain is computed only from paired results; what is undefined at 0 or 100 % is left out instead of guessed."""
    assert rules.gain(400_000, 800_000) == rules.Gain(Fraction(2, 5), Fraction(1), Fraction(2, 3))
    assert rules.gain(0, 500_000) == rules.Gain(Fraction(1, 2), None, Fraction(1, 2))
    assert rules.gain(1_000_000, 900_000) == rules.Gain(Fraction(-1, 10), Fraction(-1, 10), None)
    assert rules.gain(None, 500_000) is None
    assert rules.gain(500_000, None) is None


def test_a_receipt_code_belongs_to_one_content():
    answers = [("q1", 2, {"option": "a"})]

    assert rules.receipt_code("attempt", answers) == rules.receipt_code("attempt", list(answers))
    assert rules.receipt_code("attempt", answers) != rules.receipt_code("attempt", [("q1", 2, {"option": "b"})])
    assert rules.receipt_code("attempt", answers) != rules.receipt_code("attempt", answers, nth=1)
    assert len(rules.receipt_code("attempt", [])) == 9
