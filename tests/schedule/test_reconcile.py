"""Minutes out of what devices saw, beside what people noted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.schedule import reconcile, rules
from app.schedule.reconcile import Lesson, Proposed, Said, Seen, Stay
from app.schedule.rules import Status

NINE = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
LESSON = Lesson(NINE, NINE + timedelta(hours=4))
AFTER = NINE + timedelta(hours=5)


def at(minute: float) -> datetime:
    """A minute of the lesson."""
    return NINE + timedelta(minutes=minute)


MOMENTS = st.integers(-60, 300).map(at)
STAYS = st.lists(st.tuples(MOMENTS, MOMENTS | st.none()).map(lambda one: Stay(one[0], max(one) if one[1] else None)), max_size=5).map(tuple)
SEEN = st.builds(Seen, scanned=MOMENTS | st.none(), stays=STAYS, signed_in=MOMENTS | st.none())
SAID = st.builds(Said, st.sampled_from(Status), st.integers(1, 239), st.sampled_from(reconcile.PEOPLE))


@pytest.mark.goal("SCH-23")
@given(SAID, SEEN, MOMENTS)
def test_a_persons_word_always_holds(said: Said, seen: Seen, now: datetime) -> None:
    """Whatever devices saw: the minutes are those of what was noted, and say who noted it. Where nothing is noted they are none."""
    outcome = reconcile.reconcile(LESSON, said, seen, now)

    if said.status is Status.UNSET:
        assert (outcome.minutes, outcome.channel) == (0, "")
    else:
        assert (outcome.minutes, outcome.channel) == (rules.attended(240, said.status, said.minutes), said.channel)
    assert outcome.planned == 240


@pytest.mark.goal("SCH-23")
@given(SEEN, MOMENTS)
def test_a_proposal_is_always_a_mark_that_the_roll_takes(seen: Seen, now: datetime) -> None:
    """Present, late or left early with minutes that the meeting has; from the device that is believed first; never absent."""
    found = reconcile.propose(LESSON, seen, now)

    if found is None:
        return
    assert found.status in (Status.PRESENT, Status.LATE, Status.LEFT_EARLY)
    assert rules.bad_mark(found.status, found.minutes, 240) is None
    assert (found.minutes is None) == (found.status is Status.PRESENT)
    assert found.channel in reconcile.DEVICES


@given(STAYS, MOMENTS)
def test_time_in_the_room_counts_once(seen: tuple[Stay, ...], now: datetime) -> None:
    """As counting minute by minute gives it, however stays overlap; never more than the meeting so far."""
    until = min(LESSON.ends_at, now)
    minutes = sum(any(one.came <= at(n) and at(n) < (one.left or until) for one in seen) for n in range(240) if at(n) < until)

    assert reconcile.inside(LESSON, seen, now) == timedelta(minutes=minutes)


@pytest.mark.goal("SCH-23")
@pytest.mark.parametrize(
    ("seen", "want"),
    [
        (Seen(), None),
        (Seen(scanned=at(-5)), Proposed(Status.PRESENT, None, "qr")),
        (Seen(scanned=at(10)), Proposed(Status.PRESENT, None, "qr")),
        (Seen(scanned=at(22)), Proposed(Status.LATE, 22, "qr")),
        (Seen(scanned=at(-5), stays=(Stay(at(30)),)), Proposed(Status.PRESENT, None, "qr")),
        (Seen(stays=(Stay(at(-3)),)), Proposed(Status.PRESENT, None, "join")),
        (Seen(stays=(Stay(at(0), at(60)), Stay(at(65)))), Proposed(Status.PRESENT, None, "join")),
        (Seen(stays=(Stay(at(40)),)), Proposed(Status.LATE, 40, "join")),
        (Seen(stays=(Stay(at(0), at(200)),)), Proposed(Status.LEFT_EARLY, 40, "join")),
        (Seen(stays=(Stay(at(20), at(200)),)), Proposed(Status.LEFT_EARLY, 60, "join")),
        (Seen(stays=(Stay(at(-10), at(-5)),)), None),
        (Seen(signed_in=at(90)), Proposed(Status.PRESENT, None, "sign-in")),
        (Seen(signed_in=at(240)), None),
    ],
)
def test_what_devices_propose(seen: Seen, want: Proposed | None) -> None:
    """A code read in time, minutes in the online room, a PC signed in: each as a trainer would write it down."""
    assert reconcile.propose(LESSON, seen, AFTER) == want


def test_a_code_that_was_shown_late_makes_nobody_late() -> None:
    """The first scan was at 09:30: who scans by 09:40 came in time; who scans at 09:55 is 55 minutes late."""
    shown = Lesson(LESSON.starts_at, LESSON.ends_at, first_scan=at(30))

    assert reconcile.propose(shown, Seen(scanned=at(40)), AFTER) == Proposed(Status.PRESENT, None, "qr")
    assert reconcile.propose(shown, Seen(scanned=at(55)), AFTER) == Proposed(Status.LATE, 55, "qr")


def test_who_is_still_there_is_not_said_to_have_left() -> None:
    """In the middle of the meeting only the time so far counts."""
    assert reconcile.propose(LESSON, Seen(stays=(Stay(at(0)),)), at(100)) == Proposed(Status.PRESENT, None, "join")
    assert reconcile.propose(LESSON, Seen(stays=(Stay(at(0)),)), at(-5)) == Proposed(Status.PRESENT, None, "join")


@pytest.mark.parametrize(
    ("seen", "mode", "status", "want"),
    [
        (Seen(scanned=at(0)), "remote", Status.PRESENT, "room"),
        (Seen(stays=(Stay(at(0)),)), "class", Status.PRESENT, "online"),
        (Seen(), "class", Status.UNSET, "room"),
        (Seen(), "remote", Status.LATE, "online"),
        (Seen(stays=(Stay(at(0)),)), "remote", Status.EXCUSED, ""),
        (Seen(), "self-study", Status.UNSET, ""),
    ],
)
def test_where_somebody_was(seen: Seen, mode: str, status: Status, want: str) -> None:
    """What devices saw goes before how he is enrolled; who did not come was nowhere."""
    assert reconcile.where(seen, mode, status) == want


@pytest.mark.goal("SCH-18", "SCH-23")
def test_attendance_by_joins_is_a_statement_of_its_own() -> None:
    """How many joined, and of how many of those people noted that they came."""
    joined = Seen(stays=(Stay(at(0)),))
    rows = [(joined, Status.PRESENT), (joined, Status.LATE), (joined, Status.ABSENT), (joined, Status.UNSET), (Seen(scanned=at(0)), Status.PRESENT)]

    assert reconcile.by_joins(rows) == reconcile.ByJoins(joined=4, noted=2)
