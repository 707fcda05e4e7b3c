"""What speaks for and against a nominated officer, and which step a run is at."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.runs.rules import Facts, Overlap, Standing, Step, Weight, findings, gaps, step, stops

FIRST, LAST = date(2026, 11, 23), date(2026, 11, 26)
GOOD = Facts(starts_on=FIRST, ends_on=LAST, rank="captain", post="inspector", language="ru", languages=("en", "ru"))
OPEN = Standing(state="open", today=FIRST, starts_on=FIRST, ends_on=LAST, enrolled=10, slips=10)


@pytest.mark.goal("RUN-02")
@pytest.mark.parametrize(
    ("change", "code", "weight"),
    [
        ({"left_on": date(2026, 11, 1)}, "left", Weight.STOP),
        ({"posted": False}, "unposted", Weight.STOP),
        ({"teaches": True}, "teaches", Weight.STOP),
        ({"trained_on": date(2025, 3, 1)}, "trained", Weight.WARN),
        ({"attended": ("R-2025-0001",)}, "trained", Weight.WARN),
        ({"overlaps": (Overlap("R-2026-0002", LAST, LAST),)}, "overlap", Weight.WARN),
        ({"prerequisites": {"Basics": False}}, "prerequisite", Weight.WARN),
        ({"rank": "", "post": ""}, "post", Weight.WARN),
        ({"language": "prs"}, "language", Weight.WARN),
    ],
)
def test_each_reason_against_an_officer_is_found_once(change: dict[str, object], code: str, weight: Weight) -> None:
    """Left the service, trained before, another run, a prerequisite, rank, post, language: each gives its own reason and weight."""
    against = [(one.code, one.weight) for one in findings(replace(GOOD, **change)) if one.weight is not Weight.FINE]  # type: ignore[arg-type]

    assert against == [(code, weight)]


@pytest.mark.goal("RUN-02")
def test_what_is_in_order_is_shown_too() -> None:
    """An officer with nothing against him has been looked at: training, other runs, language, post, what the course builds on."""
    found = findings(replace(GOOD, prerequisites={"Basics": True}))

    assert [(one.code, one.weight) for one in found] == [
        (code, Weight.FINE) for code in ("trained", "overlap", "language", "post", "prerequisite")
    ]
    assert stops(found) == []


def test_who_leaves_after_the_run_may_still_come() -> None:
    """Leaving the service stops from its day on, not before."""
    assert stops(findings(replace(GOOD, left_on=date(2026, 11, 27)))) == []
    assert [one.code for one in stops(findings(replace(GOOD, left_on=LAST)))] == ["left"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"state": "planned", "enrolled": 0}, Step.NOMINATE),
        ({"state": "planned", "enrolled": 0, "undecided": 3}, Step.DECIDE),
        ({"state": "planned"}, Step.SLIPS),
        ({"undecided": 1}, Step.DECIDE),
        ({"without_post": 10}, Step.TESTS),
        ({"without_post": 2, "running": 2, "today": date(2026, 12, 1)}, Step.TESTS),
        ({"passed": 8}, Step.RESULTS),
        ({"passed": 8, "today": date(2026, 11, 27)}, Step.CERTIFICATES),
        ({"passed": 8, "certificates": 3}, Step.CERTIFICATES),
        ({"passed": 8, "certificates": 8, "without_post": 2, "today": date(2026, 11, 27)}, Step.CLOSE),
        ({"passed": 8, "certificates": 8}, Step.CLOSE),
        ({"state": "closed", "undecided": 1}, None),
        ({"state": "cancelled"}, None),
    ],
)
def test_a_run_has_one_next_step(change: dict[str, object], expected: Step | None) -> None:
    """Nominate, decide, slips, tests, results, certificates, close: one of them, told by what is there."""
    assert step(replace(OPEN, **change)) is expected  # type: ignore[arg-type]


@pytest.mark.goal("RUN-12")
def test_what_is_missing_at_the_close_is_listed() -> None:
    """Running tests, undecided nominations, days to come, missing tests and certificates; what stops the closing comes first."""
    everything = replace(OPEN, running=1, undecided=2, without_pre=3, without_post=4, passed=6, certificates=1)

    assert [(gap.code, gap.message.params.get("n"), gap.stops) for gap in gaps(everything)] == [
        ("running", 1, True), ("undecided", 2, False), ("early", None, False), ("pre", 3, False), ("post", 4, False), ("certificates", 5, False),
    ]
    assert gaps(replace(OPEN, today=date(2026, 11, 27), passed=10, certificates=10)) == []


counts = st.integers(0, 3)


@given(
    st.builds(
        Standing, state=st.sampled_from(["planned", "open"]), today=st.dates(FIRST, date(2026, 12, 1)), starts_on=st.just(FIRST), ends_on=st.just(LAST),
        undecided=counts, enrolled=counts, slips=counts, without_pre=counts, without_post=counts, running=counts, passed=counts,
        took_part=counts, certificates=counts,
    )
)
def test_a_run_that_is_not_over_always_has_a_next_step(standing: Standing) -> None:
    """Whatever the counts: there is something to do, and closing is never proposed over a running test."""
    found = step(standing)

    assert found is not None
    assert not (found is Step.CLOSE and any(gap.stops for gap in gaps(standing)))
