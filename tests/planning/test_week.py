"""The days of a trainer beside each other, as the page of a session shows them."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from app.planning import week
from app.planning.facts import Span, TrainerFacts
from app.planning.week import Kind
from tests.planning.strategies import FAR, HOME, booked, ident, off, slot, span, trainer


def kinds(one: TrainerFacts, **of_slot: object) -> list[str]:
    """What takes each day of the week of the slot, of somebody whose way to anywhere but home takes a day."""
    def travel(at: Span) -> int:
        return 0 if at.place in (None, one.home) else 1

    asked = slot(**of_slot)
    return [cell.kind.value for cell in week.cells(one, week.days_of([at.day for at in asked.spans]), asked, lambda _path: True, travel, of_slot.get("slot_id") is not None)]


def test_a_week_reads_the_same_whichever_slot_of_the_session_is_looked_at() -> None:
    """The days of travel to this very session are travel, beside his own slot and beside another one."""
    spans = (span(1, place=FAR), span(2, place=FAR))
    inside = trainer(busy=tuple(replace(booked(n, place=FAR), code="S-2026-0412") for n in (1, 2)))
    beside_another, beside_his = kinds(inside, spans=spans, slot_id=ident(1)), kinds(replace(inside, busy=()), spans=spans, slot_id=ident(1))
    assert beside_another == beside_his == ["travel", "own", "own", "travel", "free"]


@given(st.lists(st.integers(-3, 6), max_size=3), st.booleans())
def test_only_what_takes_a_day_is_named(days: list[int], away: bool) -> None:
    """A booking elsewhere takes its day, leave goes before it, and no day is free that either takes."""
    one = trainer(busy=tuple(booked(day, place=HOME) for day in days), away=(off("leave", 0, 0),) if away else ())
    shown = [cell.kind for cell in week.cells(one, week.days_of([at.day for at in slot().spans]), slot(), lambda _path: True, lambda _at: 0, False)]
    assert shown[0] is (Kind.AWAY if away else Kind.BUSY if 0 in days else Kind.FREE)
    assert [one is Kind.FREE for one in shown[1:]] == [n not in days for n in range(1, len(shown))]
