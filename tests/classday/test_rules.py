"""The steps of a class day and the waves of a room: pure rules, looked at with many examples."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.classday import rules
from app.classday.rules import DayTest, Deed, Facts, Kind, Part, Place, Planned, State

QUIZZES = (Planned("pre", "pre-test"), Planned("post", "post-test"))
PRE, LESSONS, POST = Part(Kind.TEST, "pre"), Part(Kind.LESSONS), Part(Kind.TEST, "post")


# ---- what a day holds ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "last", "parts"),
    [(True, False, (PRE, LESSONS)), (False, False, (LESSONS,)), (False, True, (LESSONS, POST)), (True, True, (PRE, LESSONS, POST))],
)
def test_without_a_timetable_the_first_day_has_the_pre_test_and_the_last_the_final_test(first: bool, last: bool, parts: tuple[Part, ...]) -> None:
    """A run without meetings still has its days and their tests."""
    assert rules.parts_of_day([], QUIZZES, first=first, last=last) == parts


def test_the_timetable_says_what_a_day_holds() -> None:
    """Lines of the timetable decide, in their order; breaks and words hold no step; a test in an odd place stays there."""
    items = [("welcome", None), ("lesson", "l1"), ("break", None), ("quiz", "post"), ("lesson", "l2"), ("quiz", "practice")]

    assert rules.parts_of_day(items, QUIZZES, first=True, last=False) == (LESSONS, POST)


def test_a_test_that_was_started_unplanned_is_a_step_of_its_day() -> None:
    """Whoever starts the final test a day early finds it among the steps."""
    assert rules.parts_of_day([("lesson", "l1")], QUIZZES, first=False, last=False, also=["post"]) == (LESSONS, POST)


# ---- which step is now -----------------------------------------------------------------------------------------------

tests = st.builds(
    DayTest, quiz=st.just(""), expected=st.integers(0, 24), handed_in=st.integers(0, 24), at_work=st.integers(0, 24),
    running=st.none() | st.integers(0, 3), done_waves=st.frozensets(st.integers(0, 3)),
)


@st.composite
def facts(draw: Any) -> Facts:
    """Any state of a day, also ones that nobody has thought of."""
    parts = draw(st.lists(st.sampled_from([PRE, LESSONS, POST]), unique=True))
    return Facts(
        parts=tuple(parts), tests={part.quiz: draw(tests) for part in parts if part.quiz}, opened=draw(st.booleans()),
        closed=draw(st.booleans()), expected=draw(st.integers(0, 24)), seated=draw(st.integers(0, 24)), slips=draw(st.integers(0, 24)),
        lessons_begun=draw(st.booleans()), lessons_over=draw(st.booleans()), waves=draw(st.integers(1, 3)), cut=draw(st.booleans()),
    )


@pytest.mark.goal("RUN-06")
@given(facts())
def test_exactly_one_step_is_now_until_the_class_is_closed(day: Facts) -> None:
    """Steps before the one that is now are done, steps behind it are to come; there is always one thing to do."""
    every = rules.steps(day)
    states = [step.state for step in every]

    if day.closed:
        assert set(states) == {State.DONE}
        assert rules.deed(day) == (Deed.NOTHING, None)
    else:
        at = next(n for n, state in enumerate(states) if state is not State.DONE)
        assert states[at] in (State.NOW, State.PAUSED)
        assert set(states[at + 1 :]) <= {State.NEXT}
        assert rules.deed(day)[0] is not Deed.NOTHING
        assert day.cut == (rules.deed(day)[0] is Deed.RESUME)


@given(facts())
def test_a_test_that_runs_is_the_step_that_is_now(day: Facts) -> None:
    """Nothing else is offered while a test runs in an open class."""
    running = [part.quiz for part in day.parts if part.quiz and day.test(part.quiz).running is not None]
    if day.opened and not day.closed and running:
        now = next(step for step in rules.steps(day) if step.state is not State.DONE)
        assert now.quiz == running[0]


def story(**changes: Any) -> Facts:
    """A one-day run with 14 people, opened."""
    return Facts(**({"parts": (PRE, LESSONS, POST), "opened": True, "expected": 14, "slips": 14} | changes))


def test_the_day_goes_from_opening_to_the_papers() -> None:
    """Each fact that happens in a room leads to the next thing to do."""
    pre_done = {"pre": DayTest("pre", 14, handed_in=14, done_waves=frozenset({0}))}
    all_done = pre_done | {"post": DayTest("post", 14, handed_in=14, done_waves=frozenset({0}))}
    told = [
        (story(opened=False), Deed.OPEN_CLASS),
        (story(slips=0), Deed.PRINT_SLIPS),
        (story(), Deed.WAIT),
        (story(seated=9), Deed.START_TEST),
        (story(seated=14), Deed.START_TEST),
        (story(seated=14, tests={"pre": DayTest("pre", 14, at_work=13, handed_in=1, running=0)}), Deed.END_TEST),
        (story(seated=14, tests={"pre": DayTest("pre", 14, at_work=13, running=0)}, cut=True), Deed.RESUME),
        (story(seated=14, tests={"pre": DayTest("pre", 14, handed_in=14, running=0)}), Deed.FINISH_TEST),
        (story(seated=14, tests=pre_done), Deed.BEGIN_LESSONS),
        (story(seated=14, tests=pre_done, lessons_begun=True), Deed.END_LESSONS),
        (story(seated=14, tests=pre_done, lessons_begun=True, lessons_over=True), Deed.START_TEST),
        (story(seated=14, tests=all_done), Deed.PAPERS),
        (story(closed=True), Deed.NOTHING),
    ]
    assert [rules.deed(day)[0] for day, _ in told] == [want for _, want in told]


@pytest.mark.goal("RUN-04")
def test_a_test_in_three_waves_is_over_after_the_third() -> None:
    """The next wave is offered until all have had it; whoever starts it for everybody skips the rest."""
    at = [DayTest("pre", 24, done_waves=frozenset(done)) for done in ((), (1,), (1, 2), (1, 2, 3), (0,))]

    assert [rules.next_wave(test, 3) for test in at] == [1, 2, 3, None, None]
    assert [rules.over(test, 3) for test in at] == [False, False, False, True, True]


# ---- seats and waves -------------------------------------------------------------------------------------------------


@pytest.mark.goal("RUN-04")
def test_24_trainees_on_10_pcs_make_three_waves_of_8() -> None:
    """One PC each for a test; two at one PC for study need two groups."""
    people, seats = range(24), [f"{n:02d}" for n in range(1, 11)]

    assert Counter(place.wave for place in rules.propose(people, seats)) == {1: 8, 2: 8, 3: 8}
    assert Counter(place.wave for place in rules.propose(people, seats, at_one=2)) == {1: 12, 2: 12}
    assert rules.waves_needed(24, 0) == 0


@pytest.mark.goal("RUN-04")
@given(st.integers(0, 60), st.sets(st.integers(0, 20)), st.integers(1, 2), st.dictionaries(st.integers(0, 59), st.integers(0, 25)))
def test_a_proposal_seats_everybody_once(n: int, working: set[int], at_one: int, keep: dict[int, int]) -> None:
    """Every trainee once, no PC twice in a wave, broken PCs unused, waves as equal as possible, no wave more than needed."""
    seats = sorted(working)
    places = rules.propose(range(n), seats, at_one=at_one, keep=keep)

    assert [place.person for place in places] == (list(range(n)) if seats else [])
    assert {place.seat for place in places} <= set(seats)
    assert all(count <= at_one for count in Counter((place.wave, place.seat) for place in places).values())
    sizes = Counter(place.wave for place in places).values()
    assert not sizes or max(sizes) - min(sizes) <= 1
    assert len(sizes) == rules.waves_needed(n, len(seats), at_one)
    for wave in {place.wave for place in places}:  # a PC is shared only when every PC has somebody
        used = Counter(place.seat for place in places if place.wave == wave and place.person not in keep)
        if used and max(used.values()) > 1:
            assert {place.seat for place in places if place.wave == wave} == set(seats)


@given(st.integers(1, 12), st.integers(1, 12))
def test_who_has_a_seat_keeps_it_when_all_fit(n: int, more: int) -> None:
    """A second proposal moves nobody."""
    seats = list(range(n + more))
    keep = {person: seats[-1 - person] for person in range(n)}

    assert {place.person: place.seat for place in rules.propose(range(n), seats, keep=keep)} == keep


@given(st.integers(0, 40), st.sets(st.integers(0, 20), min_size=1))
def test_a_proposal_has_no_clashes(n: int, working: set[int]) -> None:
    """What the program proposes, it would also accept when made by hand."""
    assert rules.clashes(rules.propose(range(n), sorted(working)), working) == {}


def test_a_plan_made_by_hand_is_refused_at_the_person() -> None:
    """The second one at a seat of a wave and who sits at a broken PC are named; another wave or no seat is no clash."""
    places = [Place("a", 1, 1), Place("b", 1, 1), Place("c", 1, 2), Place("d", 9, 1), Place("e", None, 1), Place("f", None, 1)]

    assert set(rules.clashes(places, [1, 2])) == {"b", "d"}


# ---- days ------------------------------------------------------------------------------------------------------------


@given(st.dates(min_value=date(2020, 1, 1), max_value=date(2030, 1, 1)), st.integers(0, 10), st.integers(-20, 20))
def test_the_day_to_open_is_today_or_the_nearest(first: date, length: int, off: int) -> None:
    """Today when it is a day of the run, else the next one, else the last."""
    days = rules.days_of_run(first, first + timedelta(days=length), [])
    today = first + timedelta(days=off)

    assert rules.nearest_day(days, today) == min(max(today, days[0]), days[-1])
    assert rules.days_of_run(first, first, [first + timedelta(days=2), first, first]) == (first, first + timedelta(days=2))
