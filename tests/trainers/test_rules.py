"""Rules of the pool: what follows what on a trainer's way, when he is lapsed, when somebody is away on every clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.trainers import rules
from app.trainers.rules import Held, Span, Stage, Step

DAYS = st.dates(date(2024, 1, 1), date(2028, 12, 31))
STEPS = st.lists(
    st.builds(
        Step, stage=st.sampled_from(["nominated", "workshop", "observed"]), day=DAYS, result=st.sampled_from(["", "passed", "again", "dropped"]),
        assessor=st.sampled_from([None, 1, 2]), session=st.sampled_from([None, 1]),
    ),
    max_size=8,
)
HELD = st.lists(st.builds(Held, valid_from=DAYS, valid_to=st.none() | DAYS, withdrawn_on=st.none() | DAYS), max_size=4)
ZONES = st.sampled_from(["Asia/Almaty", "Asia/Kabul", "Europe/Berlin", "America/New_York", "UTC"])
ORDER = [Stage.NOMINATED, Stage.WORKSHOP, Stage.OBSERVED, Stage.ACCREDITED]


@given(STEPS, HELD, DAYS)
def test_a_trainer_is_accredited_exactly_while_an_accreditation_counts(steps: list[Step], held: list[Held], today: date) -> None:
    """Accredited: one counts today. Lapsed: some have begun and none counts. Else the way decides."""
    counting = [one for one in held if one.valid_from <= today <= (one.valid_to or today) and (one.withdrawn_on is None or today < one.withdrawn_on)]
    begun = [one for one in held if one.valid_from <= today]

    stage = rules.stage_of(steps, held, today)

    assert (stage is Stage.ACCREDITED) == bool(counting)
    assert (stage is Stage.LAPSED) == bool(begun and not counting)
    assert stage in (Stage.ACCREDITED, Stage.LAPSED) or stage is rules.way_of(steps)


@given(STEPS, DAYS, st.randoms(use_true_random=False))
def test_the_way_does_not_hang_on_the_order_in_which_steps_were_noted(steps: list[Step], valid_from: date, dice: object) -> None:
    """The same steps in another order give the same stage and the same answer on an accreditation, apart from what is still owed."""
    turned = list(reversed(steps))

    assert rules.way_of(turned) is rules.way_of(steps)
    assert (rules.may_be_accredited(turned, valid_from) is None) == (rules.may_be_accredited(steps, valid_from) is None)


@given(STEPS, DAYS)
def test_nobody_is_accredited_without_a_workshop_and_a_passed_observation_after_it(steps: list[Step], valid_from: date) -> None:
    """An accreditation may be given exactly when a passed observation lies between a workshop and its first day."""
    workshops = [one.day for one in steps if one.stage == "workshop"]
    passed = [one.day for one in steps if one.stage == "observed" and one.result == "passed"]

    allowed = rules.may_be_accredited(steps, valid_from) is None

    assert allowed == any(workshop <= seen <= valid_from for workshop in workshops for seen in passed)
    assert not allowed or rules.way_of(steps) is Stage.OBSERVED


@given(STEPS)
def test_as_many_observations_are_owed_as_were_asked_for_and_not_answered(steps: list[Step]) -> None:
    """Each answer of an assessor settles one that he was asked for before; no other assessor's answer does."""
    owed = rules.open_observations(steps)

    assert all(one.stage == "observed" and not one.result for one in owed)
    for assessor in (None, 1, 2):
        for session in (None, 1):
            waiting = 0
            for one in steps:
                if one.stage == "observed" and (one.assessor, one.session) == (assessor, session):
                    waiting = max(waiting - 1, 0) if one.result else waiting + 1
            assert sum((one.assessor, one.session) == (assessor, session) for one in owed) == waiting


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        ([], "No workshop is on file"),
        ([Step("workshop", date(2026, 3, 1))], "No observed session was passed yet"),
        ([Step("workshop", date(2026, 3, 1)), Step("observed", date(2026, 4, 1), assessor=1)], "has not signed"),
        ([Step("workshop", date(2026, 3, 1)), Step("observed", date(2026, 4, 1), "again", 1)], "No observed session was passed yet"),
        ([Step("workshop", date(2026, 3, 1)), Step("observed", date(2026, 6, 1), "passed", 1)], "cannot begin before that"),
    ],
)
def test_a_refused_accreditation_says_what_is_missing(steps: list[Step], says: str) -> None:
    """Workshop, signature, a pass, the first day: each missing thing has its own sentence."""
    refused = rules.may_be_accredited(steps, date(2026, 5, 1))

    assert refused is not None
    assert says in refused.text


@given(DAYS, st.integers(0, 60), ZONES)
def test_whole_days_are_the_days_of_the_place_whatever_its_clock_does(first: date, length: int, zone: str) -> None:
    """From midnight to midnight there, the same days read back, also where the clocks change in between."""
    last = first + timedelta(days=length)

    span = rules.whole_days(first, last, zone)

    assert rules.days_in_words(span, zone) == (first, last, True)
    real = (span.ends_at.astimezone(UTC) - span.starts_at.astimezone(UTC)).total_seconds() / 3600
    assert abs(real - 24 * (length + 1)) <= 1


@given(DAYS, st.integers(1, 9), st.integers(0, 120), ZONES, st.integers(1, 24))
def test_a_roster_repeats_a_shift_at_the_same_hour_and_length(first: date, every: int, days: int, zone: str, hours: int) -> None:
    """Each shift begins at the hour of the first by the clock there, `every` days apart, is as many real hours long, and none begins after the last day."""
    there, until = ZoneInfo(zone), first + timedelta(days=days)
    begins = datetime(first.year, first.month, first.day, 9, tzinfo=there)
    ends = (begins.astimezone(UTC) + timedelta(hours=hours)).astimezone(there)

    found = rules.shifts(Span(begins, ends), every, until, zone)

    assert [one.starts_at.astimezone(there).date() for one in found] == [first + timedelta(days=every * n) for n in range(days // every + 1)]
    assert {one.starts_at.astimezone(there).time() for one in found} == {begins.time()}
    assert {one.ends_at.astimezone(UTC) - one.starts_at.astimezone(UTC) for one in found[1:]} <= {timedelta(hours=hours)}


@pytest.mark.parametrize(
    ("first", "last", "field", "says"),
    [
        (None, None, "first", "Give the first day"), (date(2026, 5, 1), None, "last", "Give the last day"),
        (date(2026, 5, 2), date(2026, 5, 1), "last", "before the first"), (date(2026, 5, 1), date(2028, 5, 1), "last", "longer than"),
    ],
)
def test_bad_days_of_an_absence_are_named_at_their_field(first: date | None, last: date | None, field: str, says: str) -> None:
    """A missing day, a last before the first, years of leave: each at its field."""
    faults = rules.bad_days(first, last)

    assert [field] == list(faults)
    assert says in faults[field].text
