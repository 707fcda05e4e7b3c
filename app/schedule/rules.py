"""Rules of meetings and attendance: laying a timetable over real days, what counts as attended, codes on sheets. Pure."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from fractions import Fraction

from app.errors import Message, say

STATES: Mapping[str, Message] = {
    "draft": say("meeting", "draft"),
    "planned": say("meeting", "planned"), "held": say("meeting", "held"), "cancelled": say("meeting", "cancelled"),
}
STANDS = ("planned", "held")
"""States of a meeting that takes place: neither a draft nor cancelled."""
KINDS: Mapping[str, Message] = {
    "lesson": say("timetable", "Lesson"), "quiz": say("timetable", "Test"), "practical": say("timetable", "Practical work"),
    "welcome": say("timetable", "Welcome"), "break": say("timetable", "Break"), "debrief": say("timetable", "Debrief of a test"),
    "feedback": say("timetable", "Feedback"), "closing": say("timetable", "Closing"), "other": say("timetable", "Other"),
}
WHO: Mapping[str, Message] = {
    "lead": say("timetable", "lead trainer"), "co": say("timetable", "co-trainer"), "manager": say("timetable", "class manager"),
}

# ---- time of day, in minutes since midnight --------------------------------------------------------------------------


def minute_of(hour: str) -> int:
    """The minute of the day that "09:30" means."""
    hours, minutes = hour.split(":")
    return int(hours) * 60 + int(minutes)


def hour_of(minute: int) -> str:
    """"09:30" for a minute of the day."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


# ---- laying a timetable over the days of a run -----------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """One line of a meeting's timetable."""

    kind: str
    minutes: int
    ref: str | None = None
    who: str | None = None


@dataclass(frozen=True)
class Part:
    """A half-day as a course plans it: when it begins (minute of the day), and its lines or how long it lasts."""

    starts: int
    lines: tuple[Line, ...] = ()
    length: int = 0  # minutes, where there are no lines

    @property
    def ends(self) -> int:
        """When it ends, as a minute of the day."""
        return self.starts + (sum(line.minutes for line in self.lines) or self.length)


@dataclass(frozen=True)
class Planned:
    """A part on its day: a meeting to be."""

    day: date
    part: Part


@dataclass(frozen=True)
class Skipped:
    """A day of a run without meetings, and why: the name of a holiday, or None for a weekend."""

    day: date
    holiday: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Proposal:
    """A timetable laid over the days of a run, before anything is stored."""

    meetings: tuple[Planned, ...]
    skipped: tuple[Skipped, ...]
    days: int  # days on which there are meetings
    left_over: int = 0  # days of the template for which the run has no day
    free: tuple[date, ...] = ()  # days of the run for which the template has nothing

    @property
    def minutes(self) -> int:
        """All meetings together, breaks included."""
        return sum(one.part.ends - one.part.starts for one in self.meetings)


# Two half-days a day where a course has no timetable: the hours that the sheets of classes show most often.
PLAIN_DAY = (Part(minute_of("09:00"), length=240), Part(minute_of("14:00"), length=120))
MOST_DAYS = 120


def working_days(
    first: date, last: date, weekend: Iterable[int], holidays: Mapping[date, Mapping[str, str]]
) -> tuple[list[date], list[Skipped]]:
    """The days of a run on which there is teaching, and those skipped. `weekend`: ISO weekday numbers.

    A run whose every day is off is held all the same: somebody planned it on those days.
    """
    off = set(weekend)
    days = [first + timedelta(days=n) for n in range(min((last - first).days + 1, MOST_DAYS))]
    skipped = [Skipped(day, holidays.get(day)) for day in days if day in holidays or day.isoweekday() in off]
    if len(skipped) == len(days):
        return days, []
    away = {one.day for one in skipped}
    return [day for day in days if day not in away], skipped


def lay_out(template: Sequence[Sequence[Part]], days: Sequence[date], skipped: Sequence[Skipped] = ()) -> Proposal:
    """Put the days of a template on the days of a run, in order. What has no day is counted, not squeezed in."""
    meetings = [Planned(day, part) for day, parts in zip(days, template, strict=False) for part in sorted(parts, key=lambda one: one.starts)]
    used = min(len(days), len(template))
    return Proposal(tuple(meetings), tuple(skipped), used, left_over=len(template) - used, free=tuple(days[used:]))


def plain(days: Sequence[date], skipped: Sequence[Skipped] = ()) -> Proposal:
    """Two half-days on each day of a run."""
    return lay_out([PLAIN_DAY] * len(days), days, skipped)


@dataclass(frozen=True)
class Span:
    """When a meeting is: its day, and minutes of that day."""

    day: date
    starts: int
    ends: int


def bad_span(span: Span, *, first: date, last: date, others: Iterable[Span]) -> dict[str, Message]:
    """What is wrong with when a meeting is, by field of the form; nothing when it may be so."""
    if span.ends <= span.starts:
        return {"ends": say("meeting", "The meeting ends before it starts.")}
    if not first <= span.day <= last:
        return {"day": say("meeting", "The run is held from {first} to {last}. Choose one of its days, or change the run first.", first=first, last=last)}
    for other in others:
        if other.day == span.day and span.starts < other.ends and other.starts < span.ends:
            return {
                "starts": say(
                    "meeting", "This overlaps another meeting of the run, from {start} to {end}.", start=hour_of(other.starts), end=hour_of(other.ends),
                )
            }
    return {}


# ---- attendance ------------------------------------------------------------------------------------------------------


class Status(StrEnum):
    """What was noted of a person at a meeting."""

    PRESENT = "present"
    LATE = "late"
    LEFT_EARLY = "left-early"
    EXCUSED = "excused"
    ABSENT = "absent"
    UNSET = "unset"


STATUSES: Mapping[Status, Message] = {
    Status.PRESENT: say("attendance", "present"), Status.LATE: say("attendance", "late"), Status.LEFT_EARLY: say("attendance", "left early"),
    Status.EXCUSED: say("attendance", "excused"), Status.ABSENT: say("attendance", "absent"), Status.UNSET: say("attendance", "not set"),
}
LETTERS: Mapping[Status, str] = {
    Status.PRESENT: "P", Status.LATE: "L", Status.LEFT_EARLY: "O", Status.EXCUSED: "E", Status.ABSENT: "X",
}
"""One letter each, the same on every sheet and key in every language."""

CHANNELS: Mapping[str, Message] = {
    "roll-call": say("attendance", "roll call"), "sheet": say("attendance", "from the sheet"), "sign-in": say("attendance", "signed in at a PC"),
    "office": say("attendance", "said in advance"), "qr": say("attendance", "by phone"), "join": say("attendance", "joined online"),
}
TIMED = (Status.LATE, Status.LEFT_EARLY)
RULE = Fraction(80, 100)
"""The share of the hours that somebody should attend (SCH-23). Advice for people: completion has a rule of its own."""


def attended(planned: int, status: Status | str, minutes: int | None) -> int:
    """Minutes attended of a meeting that lasts `planned` minutes, its breaks included. Excused is known, but not attended."""
    if status == Status.PRESENT:
        return planned
    if status in TIMED:
        return max(0, planned - (minutes or 0))
    return 0


@dataclass(frozen=True)
class Attended:
    """Minutes of the meetings of a run that have begun: how many somebody attended, and how many there were."""

    minutes: int = 0
    planned: int = 0

    @property
    def share(self) -> Fraction | None:
        """Which part of the hours; None before the first meeting."""
        return Fraction(self.minutes, self.planned) if self.planned else None

    @property
    def enough(self) -> bool | None:
        """Whether the rule of hours is met; None before the first meeting."""
        return None if self.share is None else self.share >= RULE


def bad_mark(status: Status, minutes: int | None, planned: int) -> Message | None:
    """Why a mark cannot be taken as it is; None when it can."""
    if status in TIMED and not minutes:
        return say("attendance", "Give the minutes.")
    if status in TIMED and minutes is not None and not 0 < minutes < planned:
        return say("attendance", "The meeting lasts {planned} min: {minutes} min is all of it or more. Mark as absent instead.", planned=planned, minutes=minutes)
    return None


# Which key lies where P, L, O, E and X lie, on a Russian or Kazakh keyboard.
_CYRILLIC = str.maketrans("ЗДЩУЧХ", "PLOEXX")


@dataclass(frozen=True)
class Keyed:
    """A status as typed from a sheet."""

    status: Status
    minutes: int | None = None


def read_keyed(text: str) -> Keyed | None:
    """What "P", "L15", "o 20" mean; None for anything else. The letter may come from the same key of a Cyrillic keyboard."""
    found = re.fullmatch(r"([PLOEX])\s*([0-9]{1,3})?", text.strip().upper().translate(_CYRILLIC))
    if found is None:
        return None
    status = next(status for status, letter in LETTERS.items() if letter == found[1])
    if found[2] and status not in TIMED:
        return None
    return Keyed(status, int(found[2]) if found[2] else None)


# ---- the printed sheet -----------------------------------------------------------------------------------------------

_SHEET_LETTERS = "ABCDEFGHJKMNPQRSTWXYZ"  # of ids.READABLE
_SHEET_DIGITS = "23456789"
MOST_CODES = len(_SHEET_LETTERS) * len(_SHEET_DIGITS)
DAYS_A_SHEET = 5
LONGEST_SHEET = 40  # days from its first to its last, where a run meets once a week


def person_code(number: int) -> str:
    """The two characters on the sheet for a place in the roster (from 1): a letter and a digit, or two letters from 169 on.

    It depends on the place alone, which nobody else ever gets: adding people changes no code.
    """
    at = number - 1
    if at < MOST_CODES:
        letter, block = at % len(_SHEET_LETTERS), at // len(_SHEET_LETTERS)
        return _SHEET_LETTERS[letter] + _SHEET_DIGITS[(letter * 5 + block) % len(_SHEET_DIGITS)]
    at -= MOST_CODES
    return _SHEET_LETTERS[at // len(_SHEET_LETTERS) % len(_SHEET_LETTERS)] + _SHEET_LETTERS[at % len(_SHEET_LETTERS)]


@dataclass(frozen=True)
class Sheet:
    """One printed attendance sheet: the days that it has cells for."""

    first: date
    last: date
    code: str  # four characters beside its square code

    def covers(self, day: date) -> bool:
        """Whether the sheet has cells for a day."""
        return self.first <= day <= self.last


def sheet_of(run_id: uuid.UUID, first: date, last: date) -> Sheet:
    """The sheet of a run for some days, with its code, which follows from them."""
    digest = hashlib.sha256(f"{run_id}/{first}/{last}".encode()).digest()
    letters = _SHEET_LETTERS + _SHEET_DIGITS
    return Sheet(first, last, "".join(letters[byte % len(letters)] for byte in digest[:4]))


def sheets_of(run_id: uuid.UUID, days: Iterable[date]) -> list[Sheet]:
    """The sheets that a run's days of meetings are printed on: five days to a sheet, and one for each single day."""
    known = sorted(set(days))
    spans = [known[at : at + DAYS_A_SHEET] for at in range(0, len(known), DAYS_A_SHEET)] + [[day] for day in known]
    return list(dict.fromkeys(sheet_of(run_id, span[0], span[-1]) for span in spans))


def sheets_within(run_id: uuid.UUID, first: date, last: date) -> list[Sheet]:
    """Every sheet that may ever have been printed for a run of these days: the timetable may have changed since."""
    days = [first + timedelta(days=n) for n in range(min((last - first).days + 1, MOST_DAYS))]
    return [sheet_of(run_id, one, other) for at, one in enumerate(days) for other in days[at : at + LONGEST_SHEET]]


def sheet_text(run_code: str, sheet: Sheet) -> str:
    """What the square code of a sheet says: a reader that types finds the same as a person who reads the paper."""
    return f"SABAQ-SHEET {run_code} {sheet.first.isoformat()} {sheet.last.isoformat()} {sheet.code}"


def read_sheet_code(text: str) -> str:
    """The four characters out of what was typed or read from the square code."""
    words = text.upper().split()
    return words[-1] if words else ""
