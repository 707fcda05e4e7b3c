"""When a practical is passed, and where two raters differ."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.courses.content import Practical
from app.quizzes.practicals.rules import (
    DECIDED,
    LARGEST_FILE,
    SETTLED,
    Rating,
    State,
    differences,
    file_fault,
    may_hand_in,
    place_of,
    standing,
    value_faults,
    values_right,
    verdict,
)
from tests.quizzes.rows import PRACTICAL

flags = st.dictionaries(st.sampled_from("abcdefgh"), st.booleans(), max_size=8)
ALL = {"start-point": "done", "zones": "done", "notes": "done"}


def task(**changes: Any) -> Practical:
    """The sample practical, written otherwise."""
    return Practical.model_validate({key: value for key, value in (PRACTICAL | changes).items() if value is not None})


def rating(place: int, **items: str) -> Rating:
    """A checklist with everything done but what is said."""
    return Rating(place, 1, ALL | {name.replace("_", "-"): mark for name, mark in items.items()})


@pytest.mark.goal("RUN-13")
@given(flags, flags, st.sets(st.sampled_from("abcdefgh")), st.integers(1, 100))
def test_a_task_is_passed_by_enough_points_and_no_missed_critical_item(
    items: dict[str, bool], values: dict[str, bool], critical: set[str], pass_share: int
) -> None:
    """The share is points had of points there are; a missed critical item fails the task whatever the share."""
    found = verdict(items, values, frozenset(critical), pass_share)

    there = len(items) + len(values)
    had = sum(items.values()) + sum(values.values())
    assert found.share == (Fraction(had, there) if there else 0)
    assert found.passed == (100 * had >= pass_share * there and there > 0 and not any(id in critical and not done for id, done in items.items()))


@pytest.mark.goal("RUN-13")
@given(flags, flags, st.sets(st.sampled_from("abcdefgh")), st.integers(1, 100), st.sampled_from("abcdefgh"))
def test_doing_more_never_fails_a_task(items: dict[str, bool], values: dict[str, bool], critical: set[str], pass_share: int, more: str) -> None:
    """One more item done or value right never turns a pass into a fail."""
    before = verdict(items, values, frozenset(critical), pass_share)
    after = verdict(items | {more: True} if more in items else items, values | {more: True} if more in values else values, frozenset(critical), pass_share)

    assert after.passed >= before.passed


@pytest.mark.goal("RUN-13")
@pytest.mark.parametrize(("typed", "right"), [("11,45", True), ("11.35 ", True), ("11.46", False), ("eleven", False), ("", False), ("۱۱٫۴۰", True)])
def test_a_value_is_right_within_its_tolerance_edges_included(typed: str, right: bool) -> None:
    """11.40 m with a tolerance of 5 cm takes 11.35 to 11.45, typed with comma, blanks or Dari digits."""
    assert values_right(task(), {"length": typed}) == {"length": right}


@pytest.mark.goal("RUN-13", "TCH-04")
@pytest.mark.parametrize(
    ("changes", "values", "ratings", "state"),
    [
        ({}, None, [], State.TO_DO),
        ({}, {"length": "11.40"}, [], State.HANDED_IN),
        ({}, None, [rating(1)], State.WAITS_FOR_VALUES),
        ({}, {"length": "11.40"}, [rating(1)], State.PASSED),
        ({}, {"length": "12"}, [rating(1)], State.PASSED),  # 3 of 4 points are 75 %
        ({}, {"length": "12"}, [rating(1, notes="not-done")], State.NOT_PASSED),
        ({}, {"length": "11.40"}, [rating(1, start_point="not-done")], State.NOT_PASSED),
        ({"raters": "2"}, {"length": "11.40"}, [rating(2)], State.HALF_MARKED),
        ({"raters": "2"}, {"length": "11.40"}, [rating(1), rating(2)], State.PASSED),
        ({"raters": "2"}, {"length": "11.40"}, [rating(1), rating(2, zones="not-done")], State.DIFFER),
        ({"raters": "2"}, {"length": "11.40"}, [rating(1), rating(2, zones="not-done"), rating(SETTLED, start_point="not-done")], State.NOT_PASSED),
        ({}, {"length": "11.40"}, [rating(1), rating(2, zones="not-done")], State.DIFFER),  # one sheet keyed twice
        ({"checklist": None}, {"length": "11.40"}, [], State.PASSED),
        ({"checklist": None}, None, [], State.TO_DO),
        ({"values": None}, None, [rating(1)], State.PASSED),
        ({"values": None, "file": None}, None, [], State.NOT_MARKED),
    ],
)
def test_where_somebody_stands(changes: dict[str, Any], values: dict[str, str] | None, ratings: list[Rating], state: State) -> None:
    """Values, one rater, two raters, a sheet keyed twice and what was settled each lead to one state."""
    found = standing(task(**changes), values, ratings)

    assert found.state is state
    assert (found.verdict is not None) == (state in DECIDED)


@given(st.dictionaries(st.sampled_from("abc"), st.sampled_from(["done", "not-done"]), min_size=3), st.sets(st.sampled_from("abc")))
def test_two_markings_differ_in_exactly_what_was_marked_otherwise(one: dict[str, str], turned: set[str]) -> None:
    """Each item marked otherwise is named once, in order, and no other."""
    other = {id: ("not-done" if mark == "done" else "done") if id in turned else mark for id, mark in one.items()}

    assert differences(one, other) == [id for id in one if id in turned]


def test_each_of_two_raters_has_his_own_place_and_a_third_has_none() -> None:
    """The first who marks is place 1, another one place 2; marking again goes to one's own place."""
    assert place_of("ann", {}, 2) == 1
    assert place_of("ben", {1: "ann"}, 2) == 2
    assert place_of("ann", {1: "ann", 2: "ben"}, 2) == 1
    assert place_of("carl", {1: "ann", 2: "ben"}, 2) is None
    assert place_of("carl", {1: "ann"}, 1) == 1


def test_work_is_taken_until_it_is_marked_and_again_when_it_failed() -> None:
    """While raters look at it, and once it is passed, nothing new is taken."""
    assert may_hand_in(State.TO_DO, rated=False)
    assert may_hand_in(State.HANDED_IN, rated=False)
    assert not may_hand_in(State.HALF_MARKED, rated=True)
    assert may_hand_in(State.WAITS_FOR_VALUES, rated=True)
    assert may_hand_in(State.NOT_PASSED, rated=True)
    assert not may_hand_in(State.PASSED, rated=True)


@pytest.mark.parametrize(
    ("name", "size", "refused"),
    [
        ("map.pdf", 1, None), ("Карта.XLSX", LARGEST_FILE, None), ("map.pdf", LARGEST_FILE + 1, "too large"), ("map.exe", 10, "of this kind"),
        ("pdf", 10, "of this kind"), ("map.html", 10, "of this kind"), ("map.svg", 10, "of this kind"), ("map.pdf", 0, "empty"),
    ],
)
def test_a_file_is_refused_for_its_size_or_kind_with_a_sentence(name: str, size: int, refused: str | None) -> None:
    """5 MB of a table, text, picture or map are taken; nothing that a browser would run is."""
    fault = file_fault(name, size)

    assert (fault is None) if refused is None else (fault is not None and refused in fault.text)


def test_a_value_that_is_no_number_is_named() -> None:
    """The sentence says what was typed."""
    fault = value_faults(task(), {"length": "about 11"})["length"]

    assert fault.params["typed"] == "about 11"
    assert value_faults(task(), {}) != {}
    assert value_faults(task(), {"length": "11,4"}) == {}
