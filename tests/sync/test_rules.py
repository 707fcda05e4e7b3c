"""Rules of the exchange pages: every boundary of silence, alarms in their order, one next action that never says the wrong thing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.sync.rules import (
    BY_LINE,
    BY_STICK,
    Alarm,
    Contacts,
    Deed,
    Facts,
    Owed,
    Standing,
    alarms,
    next_at_centre,
    next_at_class,
    period_of,
    standing,
)

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
SECOND = timedelta(seconds=1)

MOMENTS = st.timedeltas(min_value=timedelta(days=-1), max_value=timedelta(days=60)).map(lambda ago: NOW - ago)
MAYBE = st.none() | MOMENTS
WHY = st.sampled_from(["waits", "unknown", "conflict", "not-owner", "may-not-own", "changed", "invalid"])
FACTS = st.builds(
    Facts, now=st.just(NOW), state=st.sampled_from(["invited", "joined", "revoked"]), line=st.sampled_from(["", "none", "weak", "good"]),
    contacts=st.builds(Contacts, MAYBE, MAYBE, MAYBE, MAYBE), held=st.dictionaries(WHY, st.integers(0, 3), max_size=3), waits_since=MAYBE,
    quarantined=st.integers(0, 2), missing=st.none() | st.integers(1, 20), fork=st.booleans(), restored=st.booleans(),
    drift=st.none() | st.timedeltas(timedelta(days=-4000), timedelta(days=4000)), disk_free=st.none() | st.integers(0, 100),
    owed_here=st.builds(Owed, st.integers(0, 5), st.just({}), MAYBE), owed_there=st.builds(Owed, st.integers(0, 5), st.just({}), MAYBE),
    stick_out=MAYBE, stick_covers=st.booleans(),
)


def facts(**values: Any) -> Facts:
    """A class server that was in contact an hour ago and owes nothing."""
    return Facts(now=NOW, **({"contacts": Contacts(by_stick=NOW - timedelta(hours=1))} | values))


@pytest.mark.goal("NET-19")
@pytest.mark.parametrize("period", [BY_LINE, BY_STICK])
@pytest.mark.parametrize(("over", "found"), [
    (lambda p: timedelta(0), Standing.ON_TIME), (lambda p: p.expected, Standing.ON_TIME), (lambda p: p.expected + SECOND, Standing.LATE),
    (lambda p: p.expected + p.grace, Standing.LATE), (lambda p: p.expected + p.grace + SECOND, Standing.SILENT), (lambda p: -timedelta(days=400), Standing.ON_TIME),
])
def test_on_time_late_and_silent_begin_to_the_second(period: Any, over: Any, found: Standing) -> None:
    """Up to the period on time, then late within the grace, then silent; what seems to come from the future is just now."""
    assert standing(state="joined", exchanged_at=NOW - over(period), now=NOW, period=period) is found


def test_never_heard_of_is_never_and_not_silent() -> None:
    """A class server that nothing came from yet has a state of its own."""
    assert standing(state="joined", exchanged_at=None, now=NOW, period=BY_LINE) is Standing.NEVER
    assert standing(state="invited", exchanged_at=None, now=NOW, period=BY_LINE) is Standing.INVITED
    assert standing(state="revoked", exchanged_at=NOW, now=NOW, period=BY_LINE) is Standing.REVOKED


@pytest.mark.parametrize(("line", "period"), [("good", BY_LINE), ("weak", BY_LINE), ("none", BY_STICK), ("", BY_STICK)])
def test_a_class_without_a_line_is_expected_once_a_week(line: str, period: Any) -> None:
    """What is expected goes by the line of the classroom; not stated counts as none."""
    assert period_of(line) == period


@given(FACTS)
def test_alarms_come_in_one_order_and_each_once(found: Facts) -> None:
    """The most urgent stands first, and none twice."""
    listed = alarms(found)

    assert listed == sorted(set(listed), key=list(Alarm).index)


@pytest.mark.goal("NET-12")
@given(st.timedeltas(timedelta(days=-4000), timedelta(days=4000)))
def test_a_clock_is_wrong_in_both_directions(drift: timedelta) -> None:
    """Five minutes are forgiven, ahead or behind; more is an alarm."""
    assert (Alarm.CLOCK in alarms(facts(drift=drift))) == (abs(drift) > timedelta(minutes=5))


@given(FACTS)
def test_the_next_action_at_the_centre_never_overlooks_an_alarm_that_needs_a_person(found: Facts) -> None:
    """Two histories, quarantine, a gap, a restored database and entries kept aside are never "nothing to do", and are urgent."""
    following = next_at_centre(found, period_of(found.line))
    serious = {Alarm.FORK, Alarm.QUARANTINE, Alarm.GAP, Alarm.RESTORED, Alarm.CONFLICT, Alarm.REFUSED}

    if found.state == "joined" and serious & set(alarms(found)):
        assert following.urgent
        assert following.deed is not Deed.NONE
    assert bool(following.button) <= (following.deed is not Deed.NONE)


@pytest.mark.goal("NET-19")
@given(FACTS)
def test_nothing_to_do_is_said_only_to_who_is_in_contact_and_up_to_date(found: Facts) -> None:
    """A silent class, one never heard of, or one that lacks something without a line is never "nothing to do"."""
    following = next_at_centre(found, period_of(found.line))

    if following.text.text == "Nothing to do.":
        assert standing(state=found.state, exchanged_at=found.contacts.heard, now=NOW, period=period_of(found.line)) is Standing.ON_TIME
        assert found.line in ("weak", "good") or not found.owed_there.entries


@pytest.mark.goal("NET-19")
@given(FACTS, st.booleans(), MAYBE)
def test_a_class_is_told_nothing_to_do_only_when_nothing_waits_or_a_line_carries_it(found: Facts, joined: bool, receipted: datetime | None) -> None:
    """Owed entries without a line always have an action: write a stick, or read in the answer."""
    following = next_at_class(found, joined=joined, receipted_at=receipted)

    if following.text.text.startswith("Nothing to do"):
        by_line = found.contacts.reached is not None and found.line in ("weak", "good") and NOW - found.contacts.reached <= BY_LINE.expected
        assert joined
        assert not found.owed_here.entries or by_line


def test_a_first_stick_on_its_way_is_waited_for_at_the_centre() -> None:
    """The first snapshot that was written is not asked for again, but for one that is three weeks away or does not hold all of it."""
    sent = facts(state="joined", contacts=Contacts(), stick_out=NOW - timedelta(days=2), stick_covers=True)

    assert next_at_centre(sent, BY_STICK).button is None
    assert "on its way" in next_at_centre(sent, BY_STICK).text.text
    for lost in (replace(sent, stick_out=NOW - timedelta(days=22)), replace(sent, stick_covers=False), replace(sent, stick_out=None)):
        assert next_at_centre(lost, BY_STICK).button is not None


def test_a_stick_on_its_way_is_waited_for_and_a_lost_one_replaced() -> None:
    """The stick that holds all that is owed is waited for; three weeks without a receipt ask for a new one."""
    owed = facts(owed_here=Owed(12, {"answer": 12}, NOW - timedelta(days=4)), stick_out=NOW - timedelta(days=2), stick_covers=True)

    assert next_at_class(owed, joined=True, receipted_at=None).deed is Deed.TAKE
    assert next_at_class(replace(owed, stick_covers=False), joined=True, receipted_at=None).button is not None
    lost = next_at_class(replace(owed, stick_out=NOW - timedelta(days=22)), joined=True, receipted_at=None)
    assert (lost.deed, lost.urgent) == (Deed.WRITE, True)


def test_a_class_server_that_answers_over_the_line_is_not_silent_for_want_of_news() -> None:
    """An empty room has nothing to send for days: that it answers is a sign of it, and the page does not send anybody to telephone."""
    quiet = facts(contacts=Contacts(by_line=NOW - timedelta(days=30), reached=NOW - timedelta(minutes=1)), line="good")

    assert standing(state=quiet.state, exchanged_at=quiet.contacts.heard, now=NOW, period=period_of(quiet.line)) is Standing.ON_TIME
    assert next_at_centre(quiet, period_of(quiet.line)).deed is not Deed.CALL
