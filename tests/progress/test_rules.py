"""When a course is completed, what is missing when it is not, and how gain is counted."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.progress.rules import Facts, Gain, Means, Missing, Verdict, gain, in_words, means, missing, passed, verdict
from app.quizzes.rules import counting

DONE = Facts(
    lessons_read=6, lessons_required=6, counted_score=Fraction(4, 5), pass_mark=Fraction(4, 5), attempts=2, attempts_allowed=2, started=True,
)

shares = st.fractions(0, 1)
facts = st.builds(
    Facts, lessons_read=st.integers(0, 9), lessons_required=st.integers(0, 9), counted_score=st.none() | shares, pass_mark=shares,
    attempts=st.integers(0, 4), attempts_allowed=st.integers(0, 4), practicals_passed=st.integers(0, 3), practicals_required=st.integers(0, 3),
    hours_attended=st.fractions(0, 40), hours_required=st.fractions(0, 40), started=st.booleans(), being_marked=st.booleans(),
)


@pytest.mark.goal("CMP-01")
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, []),
        ({"lessons_read": 5}, [Missing.LESSONS]),
        ({"counted_score": None, "attempts": 0}, [Missing.TEST_NOT_TAKEN]),
        ({"counted_score": Fraction(79, 100), "attempts": 1}, [Missing.SCORE_TOO_LOW]),
        ({"counted_score": Fraction(79, 100)}, [Missing.SCORE_TOO_LOW, Missing.NO_ATTEMPT_LEFT]),
        ({"counted_score": Fraction(79, 100), "attempts": 9, "attempts_allowed": 0}, [Missing.SCORE_TOO_LOW]),
        ({"counted_score": None, "being_marked": True}, [Missing.BEING_MARKED]),
        ({"counted_score": None, "has_test": False}, []),
        ({"practicals_required": 1}, [Missing.PRACTICALS]),
        ({"hours_required": Fraction(6), "hours_attended": Fraction(11, 2)}, [Missing.HOURS]),
        ({"lessons_read": 0, "counted_score": None, "hours_required": Fraction(6)}, [Missing.LESSONS, Missing.TEST_NOT_TAKEN, Missing.HOURS]),
    ],
)
def test_what_is_missing_is_listed_in_the_order_of_doing(change: dict[str, object], expected: list[Missing]) -> None:
    """Lessons, test, practicals and hours that a course asks for are each named while they are missing, and only then."""
    assert missing(replace(DONE, **change)) == expected  # type: ignore[arg-type]


@pytest.mark.goal("CMP-01")
@pytest.mark.parametrize(
    ("given_facts", "expected"),
    [
        (DONE, Verdict.COMPLETED),
        (replace(DONE, lessons_read=5), Verdict.PARTICIPATED),
        (replace(DONE, counted_score=Fraction(0)), Verdict.PARTICIPATED),
        (Facts(lessons_required=6, started=True), Verdict.PARTICIPATED),
        (Facts(lessons_required=6, attempts=1), Verdict.PARTICIPATED),
        (Facts(lessons_required=6), Verdict.NOT_STARTED),
    ],
)
def test_a_course_is_completed_participated_or_not_started(given_facts: Facts, expected: Verdict) -> None:
    """The verdict that trainee, trainer and certificate share."""
    assert verdict(given_facts) == expected


@pytest.mark.goal("CMP-01")
def test_what_is_missing_is_said_with_its_figures() -> None:
    """79.9 of 80 % is said as 79 %: what is shown never looks like a pass that it is not."""
    low = replace(DONE, counted_score=Fraction(799, 1000), lessons_read=4)

    said = [(one.text, dict(one.params)) for one in in_words(low)]

    assert said == [
        ("{n} of {total} lessons are not read to the end", {"n": 2, "total": 6}),
        ("The final test has {score} %, {mark} % are needed", {"score": 79, "mark": 80}),
        ("All {n} attempts are used: ask the trainer", {"n": 2}),
    ]


@pytest.mark.goal("CMP-01")
@given(facts)
def test_the_verdict_and_the_list_never_disagree(known: Facts) -> None:
    """Completed is exactly that nothing is missing, and what is missing always has words."""
    assert (verdict(known) is Verdict.COMPLETED) == (missing(known) == [])
    assert len(in_words(known)) == len(missing(known))
    assert passed(known) == (
        known.counted_score is not None and not {Missing.TEST_NOT_TAKEN, Missing.BEING_MARKED, Missing.SCORE_TOO_LOW} & set(missing(known))
    )


@pytest.mark.goal("CMP-01")
@given(facts, st.integers(0, 5), shares)
def test_doing_more_never_takes_a_completion_away(known: Facts, lessons: int, score: Fraction) -> None:
    """More lessons read or a better score leaves no more to do than before."""
    better = replace(known, lessons_read=known.lessons_read + lessons, counted_score=max(score, known.counted_score or Fraction(0)))

    left = set(missing(better)) - {Missing.SCORE_TOO_LOW, Missing.NO_ATTEMPT_LEFT}
    assert left <= set(missing(known))
    if verdict(known) is Verdict.COMPLETED:
        assert verdict(better) is Verdict.COMPLETED


@pytest.mark.goal("CMP-01")
@given(facts, st.fractions(0, 20), st.integers(0, 3))
def test_more_attendance_or_passes_never_make_a_verdict_worse(known: Facts, hours: Fraction, passes: int) -> None:
    """Whatever else is missing: with more hours and more practicals passed nothing new is missing, and a completion stays one."""
    better = replace(known, hours_attended=known.hours_attended + hours, practicals_passed=known.practicals_passed + passes)

    order = [Verdict.NOT_STARTED, Verdict.PARTICIPATED, Verdict.COMPLETED]
    assert set(missing(better)) <= set(missing(known))
    assert order.index(verdict(better)) >= order.index(verdict(known))


@pytest.mark.goal("CMP-02")
@given(st.lists(st.none() | st.integers(0, 1_000_000), max_size=6))
def test_which_attempt_counts_is_what_the_course_says(scores: list[int | None]) -> None:
    """First, last, or the best of those that are marked; one that is still being marked is the best only when it is alone."""
    places = {rule: counting(scores, rule) for rule in ("first", "best", "last")}

    if not scores:
        assert set(places.values()) == {None}
        return
    marked = [score for score in scores if score is not None]
    best = scores[places["best"] or 0]
    assert (places["first"], places["last"]) == (0, len(scores) - 1)
    assert best == (max(marked) if marked else None)


@pytest.mark.goal("RUN-08", "PLY-19")
@pytest.mark.parametrize(
    ("pre", "post", "expected"),
    [
        (Fraction(2, 5), Fraction(4, 5), Gain(Fraction(2, 5), Fraction(1), Fraction(2, 3))),
        (Fraction(0), Fraction(16, 25), Gain(Fraction(16, 25), None, Fraction(16, 25))),
        (Fraction(1), Fraction(1), Gain(Fraction(0), Fraction(0), None)),
        (Fraction(71, 100), Fraction(69, 100), Gain(Fraction(-2, 100), Fraction(-2, 71), Fraction(-2, 29))),
        (None, Fraction(1), None),
        (Fraction(1), None, None),
    ],
)
def test_gain_is_stated_in_three_ways_and_only_for_pairs(pre: Fraction | None, post: Fraction | None, expected: Gain | None) -> None:
    """From 40 to 80 is +40 points, +100 % relative, 67 % normalised; a pre-test of 0 has no relative gain and breaks nothing."""
    assert gain(pre, post) == expected


@pytest.mark.goal("RUN-08", "PLY-19")
def test_means_are_of_people_with_both_tests() -> None:
    """Who lacks a test is in no mean; the number of pairs stands beside it, and fewer than five are not shown."""
    pairs = [(Fraction(n, 10), Fraction(n + 3, 10)) for n in range(1, 6)]

    assert means([*pairs, (None, Fraction(1)), (Fraction(0), None)]) == Means(5, Fraction(3, 10), Fraction(6, 10), Fraction(3, 10))
    assert [means(pairs[:n]).shown for n in (1, 4, 5)] == [False, False, True]  # type: ignore[union-attr]
    assert means([(None, None)]) is None


@given(st.lists(st.tuples(st.none() | shares, st.none() | shares)))
def test_the_mean_gain_is_the_gain_of_the_means(scores: list[tuple[Fraction | None, Fraction | None]]) -> None:
    """Points add up: the mean of the gains is what lies between the two means."""
    found = means(scores)
    gains = [one.points for one in (gain(pre, post) for pre, post in scores) if one]

    assert (found.points if found else None) == (sum(gains, Fraction(0)) / len(gains) if gains else None)
