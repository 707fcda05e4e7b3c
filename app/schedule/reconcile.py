"""Rules of presence: what devices saw of somebody at a meeting, turned into minutes beside what people noted. Pure.

Who goes first: the word of a person (roll call, sheet, an excuse said in advance) always holds, whatever a device saw. Where nobody
said anything, a device proposes: a code scanned in the room, then the time in the online room, then a sign-in at a PC of the class.
A proposal counts only after a trainer has taken it over; then it is noted with where it came from.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.schedule import rules
from app.schedule.rules import Status

SMALL = timedelta(minutes=10)
"""Minutes missing up to here are nobody's lateness: a code is scanned in a queue, a line drops and comes back."""
PEOPLE = ("roll-call", "sheet", "office")
DEVICES = ("qr", "join", "sign-in")
"""Channels of a mark: said by people; seen by devices, in the order in which they are believed."""


@dataclass(frozen=True)
class Stay:
    """Somebody in the online room: from when, until when; None while nobody saw him leave."""

    came: datetime
    left: datetime | None = None


@dataclass(frozen=True)
class Seen:
    """What devices saw of somebody at a meeting."""

    scanned: datetime | None = None  # his phone read the code in the room, and nobody refused it
    stays: tuple[Stay, ...] = ()
    signed_in: datetime | None = None  # at a PC of the class

    def __bool__(self) -> bool:
        return bool(self.scanned or self.stays or self.signed_in)


@dataclass(frozen=True)
class Lesson:
    """A meeting as the rule knows it: from, to, and when the first code of it was read (a code shown late makes nobody late)."""

    starts_at: datetime
    ends_at: datetime
    first_scan: datetime | None = None

    @property
    def minutes(self) -> int:
        """How long it lasts, breaks included."""
        return _minutes(self.ends_at - self.starts_at)


@dataclass(frozen=True)
class Proposed:
    """What a device would note."""

    status: Status
    minutes: int | None  # late or left early by
    channel: str


def stays(words: Iterable[tuple[str, datetime]]) -> tuple[Stay, ...]:
    """Stays out of "joined" and "left" in the order of time; a second "joined" before "left" goes on with the same stay."""
    found: list[Stay] = []
    came: datetime | None = None
    for what, at in words:
        if what == "joined" and came is None:
            came = at
        elif what == "left" and came is not None:
            found.append(Stay(came, at))
            came = None
    return tuple(found) + ((Stay(came),) if came else ())


def inside(lesson: Lesson, seen: tuple[Stay, ...], now: datetime) -> timedelta:
    """How long somebody was in the online room during a meeting; minutes that two stays share count once."""
    until = min(lesson.ends_at, now)
    total, counted = timedelta(), lesson.starts_at
    for stay in sorted(seen, key=lambda one: one.came):
        came, left = max(stay.came, counted), min(stay.left or until, until)
        if left > came:
            total += left - came
            counted = left
    return total


def propose(lesson: Lesson, seen: Seen, now: datetime) -> Proposed | None:
    """What devices would note of somebody by now; None when they saw nothing that counts."""
    for channel in DEVICES:
        if (found := _BY[channel](lesson, seen, now)) is not None:
            return found
    return None


def _by_scan(lesson: Lesson, seen: Seen, _now: datetime) -> Proposed | None:
    if seen.scanned is None or seen.scanned >= lesson.ends_at:
        return None
    shown = max(lesson.starts_at, lesson.first_scan or lesson.starts_at)
    late = _minutes(seen.scanned - lesson.starts_at)
    if seen.scanned - shown <= SMALL or late <= 0:
        return Proposed(Status.PRESENT, None, "qr")
    return Proposed(Status.LATE, late, "qr")


def _by_stays(lesson: Lesson, seen: Seen, now: datetime) -> Proposed | None:
    there = inside(lesson, seen.stays, now)
    until = min(lesson.ends_at, now)
    if not seen.stays or (until > lesson.starts_at and there < timedelta(minutes=1)):
        return None
    missing = until - lesson.starts_at - there
    if missing <= SMALL:
        return Proposed(Status.PRESENT, None, "join")
    came = min(one.came for one in seen.stays) - lesson.starts_at
    left = until - max(one.left or until for one in seen.stays)
    return Proposed(Status.LATE if came >= left else Status.LEFT_EARLY, _minutes(missing), "join")


def _by_sign_in(lesson: Lesson, seen: Seen, _now: datetime) -> Proposed | None:
    """That he was there. Not since when: PCs are switched on in the middle of a lesson."""
    return Proposed(Status.PRESENT, None, "sign-in") if seen.signed_in and seen.signed_in < lesson.ends_at else None


_BY = {"qr": _by_scan, "join": _by_stays, "sign-in": _by_sign_in}


def _minutes(length: timedelta) -> int:
    return int(length.total_seconds()) // 60


# ---- what holds ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Said:
    """What is noted of somebody at a meeting."""

    status: Status
    minutes: int | None
    channel: str


@dataclass(frozen=True)
class Outcome:
    """Minutes of one person at one meeting, where they come from, and whether a device saw otherwise."""

    minutes: int
    planned: int
    status: Status
    channel: str = ""  # "" where nothing is noted
    proposed: Proposed | None = None  # what would be taken over, or what a device saw otherwise

    @property
    def contradicted(self) -> bool:
        """Whether somebody is noted as absent whom a device saw."""
        return self.status in (Status.ABSENT, Status.EXCUSED) and self.proposed is not None


def reconcile(lesson: Lesson, said: Said | None, seen: Seen, now: datetime) -> Outcome:
    """What holds of a person at a meeting. A proposal of a device counts no minute before somebody has taken it over."""
    proposed = propose(lesson, seen, now)
    if said is None or said.status is Status.UNSET:
        return Outcome(0, lesson.minutes, Status.UNSET, proposed=proposed)
    return Outcome(rules.attended(lesson.minutes, said.status, said.minutes), lesson.minutes, said.status, said.channel, proposed)


# ---- where somebody was ----------------------------------------------------------------------------------------------


def where(seen: Seen, mode: str, status: Status) -> str:
    """"room", "online", or "" for nowhere: by what devices saw, else by how he is enrolled (class, remote, self-study)."""
    if status in (Status.ABSENT, Status.EXCUSED):
        return ""
    if seen.scanned or seen.signed_in:
        return "room"
    if seen.stays:
        return "online"
    return {"class": "room", "remote": "online"}.get(mode, "")


@dataclass(frozen=True)
class ByJoins:
    """The separate statement of an online part: how many joined, and of how many of them people noted that they came."""

    joined: int
    noted: int


def by_joins(seen: Iterable[tuple[Seen, Status]]) -> ByJoins:
    """Attendance by joins, which decides nothing by itself."""
    came = [status for one, status in seen if one.stays]
    return ByJoins(len(came), sum(status in (Status.PRESENT, Status.LATE, Status.LEFT_EARLY) for status in came))
