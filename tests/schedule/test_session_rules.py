"""Rules of sessions: what a plan needs, meetings over midnight and clock changes, series before they are saved, free seats."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import say
from app.schedule import session_rules as rules
from app.schedule.session_rules import Choice, Clash, Ground, Needs, Rhythm, Span, Taken, When, Why

ZONES = ("Asia/Almaty", "Asia/Kabul", "Asia/Kolkata", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC")
DAY = date(2026, 11, 23)


def needs(**values: object) -> Needs:
    """A plan in a classroom that may be saved."""
    defaults: dict[str, object] = {
        "mode": "classroom", "zone": "Asia/Almaty", "seats": 12, "has_room": True, "place": "", "link_kind": "none", "link": "",
    }
    return Needs(**(defaults | values))  # type: ignore[arg-type]


def wrong(plan: Needs, *, capacity: int | None = None, in_room: int = 0, seated: int = 0, servers: tuple[str, ...] = ()) -> dict[str, str]:
    """What is wrong with a plan, as English sentences by field."""
    found = rules.bad_plan(plan, capacity=capacity, in_room=in_room, seated=seated, servers=servers)
    return {name: message.text for name, message in found.items()}


# ---- what a session needs --------------------------------------------------------------------------------------------


@pytest.mark.goal("SCH-01")
@pytest.mark.parametrize(
    ("plan", "fields"),
    [
        (needs(), set()),
        (needs(has_room=False), {"place"}),
        (needs(has_room=False, place="Hall 2"), set()),
        (needs(mode="hybrid"), {"link_kind"}),
        (needs(mode="hybrid", has_room=False), {"link_kind", "place"}),
        (needs(mode="hybrid", link_kind="plain"), {"link"}),
        (needs(mode="hybrid", link_kind="plain", link="https://meet.example.kz/a"), set()),
        (needs(mode="hybrid", link_kind="plain", link="meet.example.kz"), {"link"}),
        (needs(mode="online", has_room=False), {"link_kind"}),
        (needs(mode="online", has_room=False, link_kind="bbb"), {"link_kind"}),
        (needs(mode="outdoors"), {"mode"}),
        (needs(zone="Asia/Atlantis"), {"zone"}),
        (needs(zone="../etc/passwd"), {"zone"}),
        (needs(seats=0), {"seats"}),
        (needs(budget=-1), {"budget"}),
    ],
)
def test_what_a_session_needs_is_said_at_its_field(plan: Needs, fields: set[str]) -> None:
    """A hybrid session needs a place and a link, an online one a link, one in a classroom a place; each lack is told where it is."""
    assert set(wrong(plan)) == fields


@pytest.mark.goal("SCH-01")
def test_a_video_server_can_be_chosen_where_one_is_set_up() -> None:
    """BigBlueButton is refused by name until a server is configured."""
    plan = needs(mode="online", has_room=False, link_kind="bbb")
    assert "No {server} server is set up" in wrong(plan)["link_kind"]
    assert wrong(plan, servers=("bbb",)) == {}


@pytest.mark.goal("SCH-01")
def test_a_room_that_is_too_small_is_refused_with_both_numbers() -> None:
    """In a classroom all seats must find room; in a hybrid session only those who come."""
    assert "too small" in wrong(needs(seats=13), capacity=12)["seats"]
    assert wrong(needs(seats=12), capacity=12) == {}
    hybrid = needs(mode="hybrid", link_kind="plain", link="https://a.example/b", seats=40)
    assert wrong(hybrid, capacity=12, in_room=12) == {}
    assert "too small" in wrong(hybrid, capacity=12, in_room=13)["seats"]
    assert "have a seat already" in wrong(needs(seats=5), seated=6)["seats"]


# ---- when a meeting is -----------------------------------------------------------------------------------------------


@pytest.mark.goal("SCH-02")
@given(
    zone=st.sampled_from(ZONES), day=st.dates(date(2024, 1, 1), date(2028, 12, 31)), starts=st.times(), ends=st.times(), next_day=st.booleans(),
)
def test_a_meeting_lasts_what_really_passes(zone: str, day: date, starts: time, ends: time, next_day: bool) -> None:
    """Over midnight and over clock changes the hours are those between two instants, and reading them back gives the same clock times."""
    when = When(day, starts.replace(second=0, microsecond=0), ends.replace(second=0, microsecond=0), zone, next_day)
    if rules.bad_when(when):
        return
    span = when.span
    assert 0 < span.minutes <= 25 * 60
    wall = datetime.combine(day, when.ends) - datetime.combine(day, when.starts) + timedelta(days=int(next_day))
    shift = span.starts_at.astimezone(ZoneInfo(zone)).utcoffset() - span.ends_at.astimezone(ZoneInfo(zone)).utcoffset()  # type: ignore[operator]
    assert timedelta(minutes=span.minutes) == wall + shift
    assert rules.when_of(span.starts_at, span.ends_at, zone) == when


@pytest.mark.goal("SCH-02")
def test_a_night_meeting_over_the_change_of_clocks_has_the_right_hours() -> None:
    """From 22:00 to 06:00 is nine hours when the clocks go back in Berlin, seven when they go forward, eight otherwise."""
    def night(day: date) -> int:
        return When(day, time(22), time(6), "Europe/Berlin", next_day=True).span.minutes

    assert [night(date(2026, 10, 24)), night(date(2026, 3, 28)), night(date(2026, 11, 24))] == [540, 420, 480]


@pytest.mark.goal("SCH-02")
def test_what_ends_at_noon_does_not_touch_what_starts_at_noon_in_another_zone() -> None:
    """Comparison is on instants, half-open: 12:00 in Almaty is 11:30 less five hours in Kabul, and both may follow each other."""
    first = When(DAY, time(9), time(12), "Asia/Almaty").span
    after = When(DAY, time(11, 30), time(13), "Asia/Kabul").span
    assert first.ends_at == after.starts_at
    assert not first.overlaps(after)
    assert first.overlaps(When(DAY, time(11, 29), time(13), "Asia/Kabul").span)


@pytest.mark.goal("SCH-02")
@pytest.mark.parametrize(
    ("when", "field"),
    [
        (When(DAY, time(22), time(2), "Asia/Almaty"), "ends"),
        (When(DAY, time(9), time(9), "Asia/Almaty"), "ends"),
        (When(DAY, time(9), time(13), "Asia/Almaty", next_day=True), "next_day"),
        (When(date(2026, 3, 29), time(2, 30), time(6), "Europe/Berlin"), "starts"),
        (When(date(2026, 3, 28), time(22), time(2, 30), "Europe/Berlin", next_day=True), "ends"),
        (When(DAY, time(9), time(13), "Mars/Olympus"), "zone"),
    ],
)
def test_a_time_that_cannot_be_is_told_at_its_field(when: When, field: str) -> None:
    """An end before the start without the tick for the next day, an hour that the clocks jump over, an unknown zone."""
    assert set(rules.bad_when(when)) == {field}


# ---- series ----------------------------------------------------------------------------------------------------------

BLOCK = [When(DAY, time(9), time(13), "Asia/Almaty")]
NAMED = Clash(Why.HOLIDAY, say("series", "Holiday: {name}.", name={"en": "Independence Day"}))


def ground(**values: object) -> Ground:
    """A run of half a year with nothing in the way."""
    return Ground(**({"first": DAY, "last": date(2027, 5, 31), "weekend": frozenset({6, 7})} | values))  # type: ignore[arg-type]


def test_a_rhythm_names_its_days() -> None:
    """Every second week on Tuesday and Thursday, five times, from a Wednesday on: that week's Thursday first."""
    days = rules.dates_of(Rhythm(date(2026, 11, 25), frozenset({2, 4}), 2, 5))
    assert days == [date(2026, 11, 26), date(2026, 12, 8), date(2026, 12, 10), date(2026, 12, 22), date(2026, 12, 24)]


@pytest.mark.goal("SCH-15")
def test_each_clash_stands_at_its_date_and_wants_a_decision() -> None:
    """A holiday may be kept, skipped or shifted; a booked room cannot be kept; nothing can be saved before each is decided."""
    holiday, booked = DAY + timedelta(weeks=1), DAY + timedelta(weeks=2)
    room = Taken(BLOCK[0].on(booked).span, Clash(Why.ROOM, say("booking", "taken")))
    here = ground(off={holiday: (NAMED,)}, taken=(room,))
    dates = [DAY, holiday, booked]

    undecided = rules.resolve(dates, BLOCK, here, {})
    assert [bool(row.problem) for row in undecided] == [False, True, True]
    assert [row.may_keep for row in undecided] == [True, True, False]
    assert [one.why for one in undecided[1].clashes] == [Why.HOLIDAY]

    kept = rules.resolve(dates, BLOCK, here, {holiday: Choice.KEEP, booked: Choice.KEEP})
    assert [bool(row.problem) for row in kept] == [False, False, True]
    decided = rules.resolve(dates, BLOCK, here, {holiday: Choice.SKIP, booked: Choice.SHIFT})
    assert [[one.day for one in row.meetings] for row in decided] == [[DAY], [], [booked + timedelta(days=1)]]


@pytest.mark.goal("SCH-15")
def test_a_block_of_days_names_the_day_that_a_clash_is_about() -> None:
    """Three days from a Thursday on: the holiday is on the Friday, the weekend on the Saturday."""
    thursday = date(2026, 11, 26)
    friday, saturday = thursday + timedelta(days=1), thursday + timedelta(days=2)
    block = [BLOCK[0].on(thursday + timedelta(days=n)) for n in range(3)]

    clashes = rules.resolve([thursday], block, ground(off={friday: (NAMED,)}), {})[0].clashes
    assert [(one.why, one.day) for one in clashes] == [(Why.HOLIDAY, friday), (Why.WEEKEND, saturday)]


@pytest.mark.goal("SCH-15")
def test_a_shifted_date_never_falls_on_a_weekend_or_another_date() -> None:
    """From a Friday holiday the next free day is the Tuesday when Monday is a date of the series itself."""
    friday = date(2026, 11, 27)
    rows = rules.resolve([friday, friday + timedelta(days=3)], BLOCK, ground(off={friday: (NAMED,)}), {friday: Choice.SHIFT})
    assert rows[0].free == date(2026, 12, 1)


@pytest.mark.goal("SCH-15")
@given(
    days=st.lists(st.integers(0, 80), min_size=1, max_size=12, unique=True), busy=st.lists(st.tuples(st.integers(0, 110), st.integers(0, 23)), max_size=40),
    off=st.sets(st.integers(0, 110), max_size=30), choices=st.lists(st.sampled_from([*Choice, None]), min_size=12, max_size=12),
)
def test_what_a_series_would_save_never_overlaps_what_is_taken_or_itself(
    days: list[int], busy: list[tuple[int, int]], off: set[int], choices: list[Choice | None]
) -> None:
    """Whatever was chosen, the meetings of a series that may be saved lie beside each other and beside all bookings."""
    start = datetime(2026, 11, 23, tzinfo=UTC)
    taken = tuple(
        Taken(Span(start + timedelta(days=d, hours=h), start + timedelta(days=d, hours=h + 3)), Clash(Why.ROOM, say("booking", "taken"))) for d, h in busy
    )
    here = ground(off={DAY + timedelta(days=n): (NAMED,) for n in off}, taken=taken)
    dates = sorted(DAY + timedelta(days=n) for n in days)
    rows = rules.resolve(dates, BLOCK, here, {day: one for day, one in zip(dates, choices, strict=False) if one})
    assert [row.day for row in rows] == dates
    spans = [one.span for row in rows for one in row.meetings]
    for n, span in enumerate(spans):
        assert not any(span.overlaps(other) for other in spans[n + 1 :])
        assert not any(span.overlaps(one.span) for one in taken)
    for row in rows:
        assert bool(row.clashes) or (row.problem is None and len(row.meetings) == 1)
        assert row.problem is None or not row.meetings


# ---- seats -----------------------------------------------------------------------------------------------------------

AGENCIES = "ABC"


@pytest.mark.goal("SCH-24")
@given(
    seats=st.integers(0, 12), quotas=st.dictionaries(st.sampled_from(AGENCIES), st.integers(0, 4)), coming=st.lists(st.sampled_from(AGENCIES), max_size=25),
)
def test_seats_are_given_in_order_within_what_is_kept_for_agencies(seats: int, quotas: dict[str, int], coming: list[str]) -> None:
    """Never more seats than there are; each agency can fill what is kept for it; who is passed over had nothing left; order holds within an agency."""
    if rules.bad_quotas(quotas, seats):
        return
    waiting = list(enumerate(coming))
    got = rules.promoted(waiting, {}, quotas, seats)
    mine = Counter(coming[n] for n in got)
    assert len(got) <= seats
    assert got == sorted(got)
    for agency in AGENCIES:
        assert mine[agency] >= min(quotas.get(agency, 0), coming.count(agency))
        in_order = [n for n, one in waiting if one == agency]
        assert [n for n in got if coming[n] == agency] == in_order[: mine[agency]]
    for n, agency in waiting:
        if n not in got:
            assert not rules.has_seat(agency, mine, quotas, seats)


@pytest.mark.goal("SCH-24")
def test_a_kept_seat_stays_empty_until_its_agency_comes() -> None:
    """Of three seats one is kept for B: the third of A waits, and B gets his."""
    assert rules.promoted([(1, "A"), (2, "A"), (3, "A"), (4, "B")], {}, {"B": 1}, 3) == [1, 2, 4]


@pytest.mark.goal("SCH-24")
def test_no_more_seats_can_be_kept_than_there_are() -> None:
    """The sentence names both numbers."""
    bad = rules.bad_quotas({"A": 8, "B": 5}, 12)
    assert bad is not None
    assert bad.params == {"kept": 13, "seats": 12}
