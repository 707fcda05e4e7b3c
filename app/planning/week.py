"""The days of a trainer beside each other: what takes each of them, for the table on the page of a session. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from app.errors import Message, say
from app.planning.facts import Busy, SlotFacts, Span, TrainerFacts

Sees = Callable[[str], bool]
MOST_DAYS = 14
"""Columns that a page takes; a longer session shows its first days, and the planning board the rest."""


class Kind(StrEnum):
    """What takes a day."""

    FREE = "free"
    BUSY = "busy"  # taught elsewhere
    OWN = "own"  # taught in this session
    TRAVEL = "travel"
    AWAY = "away"
    HOLIDAY = "holiday"


WORDS: Mapping[str, Message] = {
    "free": say("week", "free"), "busy": say("week", "booked"), "travel": say("week", "travel"), "holiday": say("week", "holiday"),
    "leave": say("week", "leave"), "sick": say("week", "ill"), "shift": say("week", "shift"), "deployment": say("week", "deployed"),
    "unavailable": say("week", "away"),
}


@dataclass(frozen=True)
class Cell:
    """A day of a trainer: what takes it, the word for it or the code of the session, and whether this session wants it."""

    kind: Kind
    word: Message | None = None
    code: str = ""
    wanted: bool = False


def days_of(slot_days: Sequence[date]) -> list[date]:
    """The columns: from the Monday before the first day of a session to the Friday after its last, or its last day itself."""
    first, last = min(slot_days), max(slot_days)
    start = first - timedelta(days=first.isoweekday() - 1)
    end = max(last, start + timedelta(days=4), last + timedelta(days=max(0, 5 - last.isoweekday())))
    return [start + timedelta(days=n) for n in range(min((end - start).days + 1, MOST_DAYS))]


def cells(trainer: TrainerFacts, days: Sequence[date], slot: SlotFacts, sees: Sees, travel: Callable[[Span], int], own: bool) -> list[Cell]:
    """What takes each of the days of a trainer. `travel` gives the days of the way to a meeting; `own`: he holds a slot of this session.

    It reads the same whichever slot of the session is looked at. A booking that may not be read is only that, and an absence of
    another country's trainer only an absence.
    """
    elsewhere = [one for one in trainer.busy if one.code != slot.code]
    here = ([one.span for one in trainer.busy if one.code == slot.code] or slot.spans) if own else ()  # the slot's own bookings are not among the busy
    week = _Week(trainer, slot, elsewhere, tuple((span, timedelta(days=travel(span))) for span in [*(one.span for one in elsewhere), *here]), sees, own)
    return [week.cell(day) for day in days]


@dataclass(frozen=True)
class _Week:
    trainer: TrainerFacts
    slot: SlotFacts
    elsewhere: Sequence[Busy]
    ways: Sequence[tuple[Span, timedelta]]
    sees: Sees
    own: bool

    def cell(self, day: date) -> Cell:
        here = any(one.day == day for one in self.slot.spans)
        for away in self.trainer.away:
            if away.first <= day <= away.last:
                return Cell(Kind.AWAY, WORDS[away.kind if self.sees(self.trainer.home.path) else "unavailable"], wanted=here)
        if self.own and here:
            return Cell(Kind.OWN, code=self.slot.code, wanted=True)
        for busy in self.elsewhere:
            if busy.span.day <= day <= busy.span.last:
                return Cell(Kind.BUSY, WORDS["busy"], busy.code if not busy.path or self.sees(busy.path) else "", here)
        if any(span.day - far <= day < span.day or span.last < day <= span.last + far for span, far in self.ways):
            return Cell(Kind.TRAVEL, WORDS["travel"], wanted=here)
        if day in self.trainer.holidays:
            return Cell(Kind.HOLIDAY, WORDS["holiday"], wanted=here)
        return Cell(Kind.FREE, WORDS["free"], wanted=here)
