"""The rules of meetings, hours and sheets, as sentences."""

from __future__ import annotations

import uuid
from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.schedule import rules
from app.schedule.rules import Attended, Keyed, Line, Part, Span, Status

MONDAY = date(2026, 11, 23)

lines = st.lists(st.builds(Line, st.sampled_from(["lesson", "break", "welcome"]), st.integers(5, 60)), min_size=1, max_size=4)


@st.composite
def templates(draw: st.DrawFn) -> list[list[Part]]:
    """A course's timetable: days of one to three parts that do not overlap."""
    days = []
    for _ in range(draw(st.integers(1, 8))):
        at, parts = 8 * 60, []
        for _ in range(draw(st.integers(1, 3))):
            part = Part(at + draw(st.integers(0, 60)), tuple(draw(lines)))
            parts.append(part)
            at = part.ends
        days.append(parts)
    return days


# ---- taking a timetable over -----------------------------------------------------------------------------------------


@pytest.mark.goal("TCH-01")
@given(templates(), st.integers(0, 12), st.sets(st.integers(1, 7)), st.sets(st.integers(0, 12)))
def test_taking_over_keeps_order_and_overlaps_nothing(template: list[list[Part]], length: int, weekend: set[int], off: set[int]) -> None:
    """A template laid over real days keeps its order and its minutes; no meeting is on a day off, none overlaps another."""
    last = MONDAY + timedelta(days=length)
    holidays = {MONDAY + timedelta(days=n): {"en": "Day off"} for n in off}
    days, skipped = rules.working_days(MONDAY, last, weekend, holidays)

    made = rules.lay_out(template, days, skipped)

    moments = [(one.day, one.part.starts) for one in made.meetings]
    assert moments == sorted(moments)
    assert [one.part for one in made.meetings] == [part for parts in template[: made.days] for part in parts]
    for one, other in zip(made.meetings, made.meetings[1:], strict=False):
        assert one.day < other.day or one.part.ends <= other.part.starts
    away = {one.day for one in skipped}
    assert not away & {one.day for one in made.meetings}
    assert made.days + made.left_over == len(template)
    assert made.days + len(made.free) == len(days)
    assert made.minutes == sum(one.part.ends - one.part.starts for one in made.meetings)


@pytest.mark.goal("TCH-01")
def test_weekends_and_holidays_are_skipped_and_said() -> None:
    """A run from Friday to Wednesday with a holiday on Tuesday is taught on Friday, Monday and Wednesday."""
    friday = date(2026, 12, 11)
    holidays = {date(2026, 12, 15): {"en": "A holiday"}}

    days, skipped = rules.working_days(friday, date(2026, 12, 16), [6, 7], holidays)

    assert [day.day for day in days] == [11, 14, 16]
    assert [(one.day.day, one.holiday) for one in skipped] == [(12, None), (13, None), (15, {"en": "A holiday"})]


def test_a_run_on_a_weekend_alone_is_held_then() -> None:
    """Somebody planned it on these days: nothing is skipped when nothing would be left."""
    days, skipped = rules.working_days(date(2026, 11, 21), date(2026, 11, 22), [6, 7], {})

    assert len(days) == 2
    assert skipped == []


def test_a_course_without_a_timetable_gets_two_half_days_a_day() -> None:
    """The plain proposal has a morning and an afternoon on each day."""
    made = rules.plain([MONDAY, MONDAY + timedelta(days=1)])

    assert [(one.day, rules.hour_of(one.part.starts), rules.hour_of(one.part.ends)) for one in made.meetings[:2]] == [
        (MONDAY, "09:00", "13:00"), (MONDAY, "14:00", "16:00"),
    ]
    assert made.minutes == 12 * 60


@pytest.mark.parametrize(
    ("span", "field"),
    [
        (Span(MONDAY, 600, 600), "ends"),
        (Span(MONDAY, 600, 540), "ends"),
        (Span(MONDAY - timedelta(days=1), 540, 600), "day"),
        (Span(MONDAY + timedelta(days=9), 540, 600), "day"),
        (Span(MONDAY, 700, 800), "starts"),
    ],
)
def test_a_meeting_that_cannot_be_is_refused_at_its_field(span: Span, field: str) -> None:
    """It ends before it starts, is outside the run, or overlaps another: each says so at its place."""
    other = Span(MONDAY, 660, 720)

    assert list(rules.bad_span(span, first=MONDAY, last=MONDAY + timedelta(days=3), others=[other])) == [field]


def test_meetings_may_touch() -> None:
    """One may begin when the other ends."""
    other = Span(MONDAY, 660, 720)

    assert rules.bad_span(Span(MONDAY, 600, 660), first=MONDAY, last=MONDAY, others=[other]) == {}
    assert rules.bad_span(Span(MONDAY, 720, 780), first=MONDAY, last=MONDAY, others=[other]) == {}


# ---- hours -----------------------------------------------------------------------------------------------------------


@pytest.mark.goal("SCH-23")
@given(st.integers(1, 600), st.sampled_from(list(Status)), st.none() | st.integers(0, 900))
def test_nobody_attends_more_than_was_planned_or_less_than_nothing(planned: int, status: Status, minutes: int | None) -> None:
    """Minutes attended lie between none and all; present is all, coming later is never more."""
    found = rules.attended(planned, status, minutes)

    assert 0 <= found <= rules.attended(planned, Status.PRESENT, None) == planned
    if status in rules.TIMED:
        assert rules.attended(planned, status, (minutes or 0) + 1) <= found
    elif status is not Status.PRESENT:
        assert found == 0


@pytest.mark.goal("SCH-23")
def test_the_rule_is_eighty_percent_of_the_hours() -> None:
    """5 h 20 min of 6 h are 89 % and enough; 4 h 40 min are not; before the first meeting nothing is said."""
    assert Attended(320, 360).share == Fraction(8, 9)
    assert Attended(320, 360).enough is True
    assert Attended(288, 360).enough is True
    assert Attended(280, 360).enough is False
    assert Attended().enough is None


def test_late_needs_minutes_that_fit_the_meeting() -> None:
    """Late or gone early without minutes, or by more than the meeting lasts, is refused; other statuses need none."""
    assert rules.bad_mark(Status.LATE, None, 240)
    assert rules.bad_mark(Status.LATE, 240, 240)
    assert rules.bad_mark(Status.LEFT_EARLY, 0, 240)
    assert rules.bad_mark(Status.LATE, 239, 240) is None
    assert rules.bad_mark(Status.PRESENT, None, 240) is None


# ---- sheets ----------------------------------------------------------------------------------------------------------


@pytest.mark.goal("SCH-22")
def test_codes_on_the_sheet_are_two_characters_and_nobodys_twice() -> None:
    """Each place in the roster has its own code, the same whoever joins later, without letters that look alike."""
    codes = [rules.person_code(number) for number in range(1, 501)]

    assert len(set(codes)) == 500
    assert all(len(code) == 2 and not set(code) & set("01ILOUV") for code in codes)
    assert all(code[0].isalpha() and code[1].isdigit() for code in codes[:168])


@pytest.mark.goal("SCH-22")
@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("p", Keyed(Status.PRESENT)), ("L15", Keyed(Status.LATE, 15)), ("o 20", Keyed(Status.LEFT_EARLY, 20)), ("E", Keyed(Status.EXCUSED)),
        ("x", Keyed(Status.ABSENT)), ("з", Keyed(Status.PRESENT)), ("ч", Keyed(Status.ABSENT)), ("Х", Keyed(Status.ABSENT)),
        ("", None), ("Q", None), ("P15", None), ("15", None), ("L1500", None),
    ],
)
def test_a_letter_from_the_sheet_is_read_on_any_keyboard(typed: str, read: Keyed | None) -> None:
    """P, L15, O20, E and X, also when the keyboard writes Cyrillic; anything else is nothing."""
    assert rules.read_keyed(typed) == read


def test_sheets_hold_five_days_and_there_is_one_for_each_day() -> None:
    """Seven days of meetings are two sheets; each day has one of its own besides; no two codes are alike."""
    days = [MONDAY + timedelta(days=n) for n in (0, 1, 2, 3, 4, 7, 8)]

    sheets = rules.sheets_of(uuid.UUID(int=7), days)

    assert [(one.first, one.last) for one in sheets[:2]] == [(days[0], days[4]), (days[5], days[6])]
    assert len({one.code for one in sheets}) == len(sheets) == 9
    assert rules.sheet_of(uuid.UUID(int=8), days[0], days[4]).code != sheets[0].code


def test_the_square_code_ends_with_the_code_that_is_printed() -> None:
    """What a reader types is understood like what a person types."""
    sheet = rules.sheet_of(uuid.UUID(int=7), MONDAY, MONDAY)

    assert rules.read_sheet_code(rules.sheet_text("R-2026-0001", sheet)) == rules.read_sheet_code(f" {sheet.code.lower()} ") == sheet.code
