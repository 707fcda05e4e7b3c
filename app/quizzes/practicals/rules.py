"""Rules of practical work: when a task is passed, where two raters differ, and what a task waits for. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Any

from app.courses.content import Practical
from app.errors import Message, say
from app.questions.types.number import number

DONE, NOT_DONE = "done", "not-done"
SETTLED = 3  # the place of what two raters settled on
LARGEST_FILE = 5 * 1024 * 1024
FILE_KINDS = ("csv", "txt", "pdf", "png", "jpg", "jpeg", "xlsx", "xls", "ods", "docx", "doc", "odt", "kml", "kmz", "gpx", "zip")
"""What a task may ask for: tables, texts, pictures, maps. Kept as bytes and given back as a download, never opened here."""


# ---- the verdict -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """What a practical came to. `share`: points had of points there are, a value and an item each one point."""

    share: Fraction
    passed: bool
    failed_critical: tuple[str, ...] = ()


def verdict(items: Mapping[str, bool], values: Mapping[str, bool], critical: frozenset[str], pass_share: int) -> Verdict:
    """The verdict on a fully marked task: enough points, and no critical item missed (docs/course-format.md, pass_share)."""
    points = [*items.values(), *values.values()]
    share = Fraction(sum(points), len(points)) if points else Fraction(0)
    missed = tuple(id for id, done in items.items() if id in critical and not done)
    return Verdict(share, share * 100 >= pass_share and not missed, missed)


def values_right(practical: Practical, typed: Mapping[str, Any]) -> dict[str, bool]:
    """Which typed values lie within their tolerance, its edges included."""
    found = {}
    for one in practical.values or []:
        given = number(str(typed.get(one.id, "")))
        found[one.id] = given is not None and abs(given - Fraction(one.value)) <= Fraction(one.tolerance)
    return found


def differences(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """The items that two ratings mark differently, in the order of the first."""
    return [id for id, mark in one.items() if other.get(id) != mark]


# ---- where a task stands ---------------------------------------------------------------------------------------------


class State(StrEnum):
    """Where somebody stands with a practical."""

    TO_DO = "to-do"
    NOT_MARKED = "not-marked"  # nothing is handed in for this task: a rater watches
    HANDED_IN = "handed-in"  # waits for a rater
    HALF_MARKED = "half-marked"  # one of two raters has marked
    WAITS_FOR_VALUES = "waits-for-values"  # marked, but the trainee's values are missing
    DIFFER = "differ"
    PASSED = "passed"
    NOT_PASSED = "not-passed"


STATES: Mapping[State, Message] = {
    State.TO_DO: say("practical", "not handed in"),
    State.NOT_MARKED: say("practical", "not marked yet"),
    State.HANDED_IN: say("practical", "handed in, not marked"),
    State.HALF_MARKED: say("practical", "one of two raters has marked"),
    State.WAITS_FOR_VALUES: say("practical", "marked, values missing"),
    State.DIFFER: say("practical", "the two markings differ"),
    State.PASSED: say("practical", "passed"),
    State.NOT_PASSED: say("practical", "not passed"),
}
SHAPES: Mapping[State, str] = {
    State.TO_DO: "st-empty", State.NOT_MARKED: "st-empty", State.HANDED_IN: "st-late", State.HALF_MARKED: "st-prog", State.WAITS_FOR_VALUES: "st-prog",
    State.DIFFER: "st-note", State.PASSED: "st-pass", State.NOT_PASSED: "st-fail",
}
"""The shape that goes with each state on pages."""
DECIDED = (State.PASSED, State.NOT_PASSED)


@dataclass(frozen=True)
class Rating:
    """A checklist as one place has it."""

    place: int
    number: int
    items: Mapping[str, str]


@dataclass(frozen=True)
class Standing:
    """Where somebody stands with a practical, and what came of it once it is decided."""

    state: State
    verdict: Verdict | None = None
    differing: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether it is passed."""
        return self.state is State.PASSED


def standing(practical: Practical, values: Mapping[str, Any] | None, ratings: Sequence[Rating]) -> Standing:
    """Where somebody stands. `values`: as handed in last, None when nothing was; `ratings`: the newest of each place."""
    by_place = {one.place: one for one in ratings}
    items, differing = _agreed(practical, by_place)
    if practical.checklist and items is None:
        if differing:
            return Standing(State.DIFFER, differing=tuple(differing))
        if by_place:
            return Standing(State.HALF_MARKED)
        if values is not None:
            return Standing(State.HANDED_IN)
        return Standing(State.TO_DO if asks_for_work(practical) else State.NOT_MARKED)
    if practical.values and values is None:
        return Standing(State.WAITS_FOR_VALUES if by_place else State.TO_DO)
    made = verdict(
        {one.id: (items or {}).get(one.id) == DONE for one in practical.checklist or []},
        values_right(practical, values or {}), critical_of(practical), practical.pass_share,
    )
    return Standing(State.PASSED if made.passed else State.NOT_PASSED, made)


def _agreed(practical: Practical, by_place: Mapping[int, Rating]) -> tuple[Mapping[str, str] | None, list[str]]:
    """The checklist that holds, or where two of it differ. What was settled holds over both."""
    if SETTLED in by_place:
        return by_place[SETTLED].items, []
    one, other = by_place.get(1), by_place.get(2)
    if one and other:
        differing = differences(one.items, other.items)
        return (None, differing) if differing else (one.items, [])
    alone = one or other
    return (alone.items if alone and practical.raters == 1 else None), []


def critical_of(practical: Practical) -> frozenset[str]:
    """The items without which a task is not passed."""
    return frozenset(one.id for one in practical.checklist or [] if one.critical)


def asks_for_work(practical: Practical) -> bool:
    """Whether the trainee hands something in; else the rater alone sees what he does."""
    return bool(practical.values) or practical.file


def may_hand_in(state: State, rated: bool) -> bool:
    """Whether the trainee may hand in, for the first time or again: not while it is being marked, nor once it is passed."""
    return state is not State.PASSED and (state is State.NOT_PASSED or state is State.WAITS_FOR_VALUES or not rated)


def place_of(rater: object, held: Mapping[int, object], raters: int) -> int | None:
    """The place at which somebody marks: his own, else the first that is free; None when others have marked at all.

    With one rater the first place is everybody's: a later mark takes the place of the earlier one.
    """
    if raters == 1:
        return 1
    return next((place for place in (1, 2) if held.get(place) == rater), next((place for place in (1, 2) if place not in held), None))


# ---- bad input -------------------------------------------------------------------------------------------------------


def value_faults(practical: Practical, typed: Mapping[str, str]) -> dict[str, Message]:
    """What is wrong with typed values, by value: each asked for must be there and a number."""
    faults = {}
    for one in practical.values or []:
        text = typed.get(one.id, "").strip()
        if not text:
            faults[one.id] = say("practical", "Type a number here.")
        elif len(text) > 40 or number(text) is None:
            faults[one.id] = say("practical", "“{typed}” is not a number: write digits only, like 12.5.", typed=text[:40])
    return faults


def item_faults(practical: Practical, marked: Mapping[str, str]) -> dict[str, Message]:
    """Which items of a checklist are not marked."""
    return {
        one.id: say("practical", "Mark this item: done or not done.")
        for one in practical.checklist or [] if marked.get(one.id) not in (DONE, NOT_DONE)
    }


def file_fault(name: str, size: int) -> Message | None:
    """Why a file is not taken; None when it is."""
    if size == 0:
        return say("practical", "The file is empty. Choose it again.")
    if size > LARGEST_FILE:
        return say("practical", "The file is too large: {mb} MB, at most {limit} MB.", mb=-(-size // 1024**2), limit=LARGEST_FILE // 1024**2)
    if name.rpartition(".")[2].lower() not in FILE_KINDS or "." not in name:
        return say("practical", "Files of this kind are not taken. Save it as one of: {kinds}.", kinds=", ".join(FILE_KINDS))
    return None
