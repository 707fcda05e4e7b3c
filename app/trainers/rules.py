"""Rules of the pool: a trainer's way from nomination to accreditation, what may follow what, absences and shifts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from app.errors import Message, say


class Stage(StrEnum):
    """How far a trainer has come, in the order of the way."""

    NOMINATED = "nominated"
    WORKSHOP = "workshop"
    OBSERVED = "observed"
    ACCREDITED = "accredited"
    LAPSED = "lapsed"


STAGES: Mapping[str, Message] = {
    Stage.NOMINATED: say("trainer stage", "nominated"),
    Stage.WORKSHOP: say("trainer stage", "workshop done"),
    Stage.OBSERVED: say("trainer stage", "observed"),
    Stage.ACCREDITED: say("trainer stage", "accredited"),
    Stage.LAPSED: say("trainer stage", "lapsed"),
}
LEVELS: Mapping[str, Message] = {
    "lead": say("trainer level", "lead trainer"), "co": say("trainer level", "co-trainer"), "assistant": say("trainer level", "assistant"),
}
REACHES: Mapping[str, Message] = {
    "national": say("trainer reach", "national"), "regional": say("trainer reach", "regional"),
}
TRAVELS: Mapping[str, Message] = {
    "none": say("trainer travel", "does not travel"), "department": say("trainer travel", "in his department"),
    "country": say("trainer travel", "in his country"), "abroad": say("trainer travel", "abroad too"),
}
SHOWN: Mapping[str, Message] = {
    "none": say("trainer consent", "nothing"), "busy": say("trainer consent", "name, country, free or busy"), "card": say("trainer consent", "the whole card"),
}
MODES: Mapping[str, Message] = {
    "": say("trainer preference", "no preference"), "classroom": say("trainer preference", "in a classroom"),
    "online": say("trainer preference", "online"), "hybrid": say("trainer preference", "both at once"),
}
CEFR = ("A1", "A2", "B1", "B2", "C1", "C2")
"""Levels of the Common European Framework of Reference for Languages; a native speaker has C2."""

LANGUAGES = ("kk", "ru", "ky", "uz", "tg", "tk", "en", "prs", "ps")
"""Languages that courses of the region are given in."""

KINDS: Mapping[str, Message] = {
    "leave": say("absence", "leave"), "sick": say("absence", "ill"), "shift": say("absence", "duty shift"),
    "deployment": say("absence", "deployment"), "unavailable": say("absence", "not available"),
}
OWN_KINDS = ("leave", "sick", "unavailable")
"""What a trainer states of himself; shifts and deployments come from his service."""

PAIRINGS: Mapping[str, Message] = {
    "mentor": say("pairing", "mentor goes with him"), "required": say("pairing", "only together"), "forbidden": say("pairing", "never together"),
}
RESULTS: Mapping[str, Message] = {
    "passed": say("observation", "passed"), "again": say("observation", "once more"), "dropped": say("observation", "called off"),
}

LONGEST_ABSENCE = 400  # days: a longer one is a typing mistake, or somebody who has left
MOST_SHIFTS = 200
TEST_HOLDS = 90
"""Days after which a test of PC and line says little about today's."""

CHECKLIST: tuple[Message, ...] = (
    say("connection test", "The room opens in the browser of the PC that I will use."),
    say("connection test", "Others hear me, and I hear them, with the headset that I will use."),
    say("connection test", "The camera shows my face, with light from the front."),
    say("connection test", "I can share a page of the course, and others can read it."),
    say("connection test", "The line held for ten minutes, at the hour at which sessions are held."),
    say("connection test", "I have the telephone number to call when the line breaks."),
)


# ---- the way of a trainer --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """A step as it is on file. `result` tells of an observation: "" asked for, passed, again, dropped."""

    stage: str
    day: date
    result: str = ""
    assessor: object = None
    session: object = None


@dataclass(frozen=True)
class Held:
    """An accreditation: from a day to a day (None: no end), unless withdrawn from a day on."""

    valid_from: date
    valid_to: date | None = None
    withdrawn_on: date | None = None

    def on(self, day: date) -> bool:
        """Whether it counts on a day."""
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to) and (self.withdrawn_on is None or day < self.withdrawn_on)


def stage_of(steps: Iterable[Step], held: Iterable[Held], today: date) -> Stage:
    """How far a trainer has come. Accredited while one accreditation counts; lapsed when there were some and none counts any more."""
    accreditations = list(held)
    if any(one.on(today) for one in accreditations):
        return Stage.ACCREDITED
    if any(one.valid_from <= today for one in accreditations):
        return Stage.LAPSED
    return way_of(steps)


def way_of(steps: Iterable[Step]) -> Stage:
    """How far the steps before an accreditation lead: nominated, workshop, observed."""
    known = list(steps)
    if _first(known, Stage.WORKSHOP) is None:
        return Stage.NOMINATED
    return Stage.OBSERVED if _passed(known) else Stage.WORKSHOP


def open_observations(steps: Sequence[Step]) -> list[Step]:
    """Observations that were asked for and neither signed nor called off: as many of an assessor and a session as he still owes."""
    owed: dict[tuple[object, object], list[Step]] = {}
    for one in steps:
        if one.stage != Stage.OBSERVED:
            continue
        waiting = owed.setdefault((one.assessor, one.session), [])
        if not one.result:
            waiting.append(one)
        elif waiting:
            waiting.pop(0)
    return [one for one in steps if any(one is waiting for group in owed.values() for waiting in group)]


def may_attend(steps: Iterable[Step], day: date, today: date) -> Message | None:
    """Why a workshop of that day cannot be noted; None when it can."""
    if day > today:
        return say("trainer", "Note a workshop when it is over: this day lies ahead.")
    nominated = _first(steps, Stage.NOMINATED)
    if nominated is not None and day < nominated:
        return say("trainer", "He was nominated on {day}; the workshop comes after that.", day=nominated)
    return None


def may_be_observed(steps: Iterable[Step], day: date) -> Message | None:
    """Why an observed session of that day does not count; None when it does."""
    workshop = _first(steps, Stage.WORKSHOP)
    if workshop is None:
        return say("trainer", "No workshop is on file yet. The observed session comes after the workshop.")
    if day < workshop:
        return say("trainer", "The workshop was on {day}; the observed session comes after that.", day=workshop)
    return None


def may_be_accredited(steps: Iterable[Step], valid_from: date) -> Message | None:
    """Why an accreditation from that day cannot be given; None when it can: after a workshop and a passed observation."""
    known = list(steps)
    if _first(known, Stage.WORKSHOP) is None:
        return say("trainer", "No workshop is on file. The way is: workshop, an observed session that was passed, then the accreditation.")
    passed = _passed(known)
    if not passed:
        if open_observations(known):
            return say("trainer", "The assessor has not signed the observed session yet.")
        return say("trainer", "No observed session was passed yet. Name an assessor for one of his sessions.")
    if valid_from < min(passed):
        return say("trainer", "He passed the observed session on {day}; an accreditation cannot begin before that.", day=min(passed))
    return None


def _first(steps: Iterable[Step], stage: Stage) -> date | None:
    return min((one.day for one in steps if one.stage == stage), default=None)


def _passed(steps: Iterable[Step]) -> list[date]:
    """The days of passed observations that lie after a workshop."""
    known = list(steps)
    workshop = _first(known, Stage.WORKSHOP)
    return [one.day for one in known if one.stage == Stage.OBSERVED and one.result == "passed" and workshop is not None and workshop <= one.day]


# ---- when somebody cannot come ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Span:
    """From an instant up to, not including, another."""

    starts_at: datetime
    ends_at: datetime


def whole_days(first: date, last: date, zone: str) -> Span:
    """From the first minute of a day to the last of another, by the clock of a place; clock changes lie inside."""
    there = ZoneInfo(zone)
    return Span(datetime.combine(first, time(), there), datetime.combine(last + timedelta(days=1), time(), there))


def hours(first: date, begins: time, last: date, ends: time, zone: str) -> Span:
    """From a time of day to another, by the clock of a place."""
    there = ZoneInfo(zone)
    return Span(datetime.combine(first, begins, there), datetime.combine(last, ends, there))


def bad_days(first: date | None, last: date | None) -> dict[str, Message]:
    """What is wrong with the days of an absence, by field; nothing when they can be taken."""
    if first is None:
        return {"first": say("absence", "Give the first day, for example 2026-11-24.")}
    if last is None:
        return {"last": say("absence", "Give the last day, for example 2026-11-24.")}
    if last < first:
        return {"last": say("absence", "The last day is before the first.")}
    if (last - first).days >= LONGEST_ABSENCE:
        return {"last": say("absence", "This is longer than {n} days. Somebody who is away for so long is put out of the pool.", n=LONGEST_ABSENCE)}
    return {}


def shifts(first: Span, every: int, until: date, zone: str) -> list[Span]:
    """A shift and its repetitions each `every` days until a day, at the same hour of the clock there. Its length stays the same.

    At most MOST_SHIFTS of them; with `every` 0 the first alone.
    """
    there = ZoneInfo(zone)
    length = first.ends_at - first.starts_at
    found = [first]
    local = first.starts_at.astimezone(there)
    while every > 0 and len(found) < MOST_SHIFTS:
        day = local.date() + timedelta(days=every * len(found))
        if day > until:
            break
        starts_at = datetime.combine(day, local.time(), there)
        # in real hours: a 24-hour shift over a clock change is still 24 hours long
        found.append(Span(starts_at, (starts_at.astimezone(ZoneInfo("UTC")) + length).astimezone(there)))
    return found


def days_in_words(span: Span, zone: str) -> tuple[date, date, bool]:
    """The first and the last day of a span by the clock of a place, and whether it is whole days."""
    begins, ends = span.starts_at.astimezone(ZoneInfo(zone)), span.ends_at.astimezone(ZoneInfo(zone))
    whole = begins.time() == time() and ends.time() == time()
    return begins.date(), (ends - timedelta(microseconds=1)).date(), whole
