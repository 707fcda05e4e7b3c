"""Rules of sessions: what a plan needs, when a meeting is on every clock, laying out a series, who gets a free seat. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from app.errors import Message, say

MODES: Mapping[str, Message] = {
    "classroom": say("session", "Classroom"), "online": say("session", "Online"), "hybrid": say("session", "Hybrid"),
}
LINK_KINDS: Mapping[str, Message] = {
    "none": say("session", "no link"), "plain": say("session", "a link of your own"), "bbb": say("session", "BigBlueButton"), "jitsi": say("session", "Jitsi"),
}
SERVERS = ("bbb", "jitsi")
"""Kinds of link whose rooms a video server keeps, which has to be set up."""
LEVELS = ("A1", "A2", "B1", "B2", "C1", "C2")
"""Of the Common European Framework of Reference for Languages."""
ROLES: Mapping[str, Message] = {
    "lead": say("slot", "Lead trainer"), "co": say("slot", "Co-trainer"), "assistant": say("slot", "Assistant"),
    "interpreter": say("slot", "Interpreter"), "remote": say("slot", "Remote support"), "assessor": say("slot", "Assessor"),
}
STATES: Mapping[str, Message] = {
    "draft": say("session", "draft"), "released": say("session", "released"), "cancelled": say("session", "cancelled"),
}
SEAT_STATES: Mapping[str, Message] = {
    "seated": say("seat of a session", "seated"), "waiting": say("seat of a session", "waiting"),
    "declined": say("seat of a session", "declined"), "withdrawn": say("seat of a session", "withdrawn"),
}
MOST_SEATS = 500
MOST_BUDGET = 10_000_000

A = TypeVar("A", bound=Hashable)
W = TypeVar("W", bound=Hashable)

# ---- what a session needs --------------------------------------------------------------------------------------------


def bad_zone(zone: str) -> Message | None:
    """Why a time zone cannot be taken; None when it is one of the IANA database."""
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return say("session", "“{zone}” is no time zone. Write it as area and city, such as Asia/Almaty.", zone=zone or "–")
    return None


def bad_link(link: str) -> Message | None:
    """Why an address cannot be a link to a meeting; None when it can, or where there is none."""
    if link and not re.fullmatch(r"https?://[^\s/?#]+\.?[^\s]*", link):
        return say("session", "A link begins with https:// and has no blanks in it.")
    return None


@dataclass(frozen=True)
class Needs:
    """What a plan says, as far as something may be missing in it."""

    mode: str
    zone: str
    seats: int
    has_room: bool
    place: str
    link_kind: str
    link: str
    budget: int | None = None


def bad_plan(plan: Needs, *, capacity: int | None, in_room: int, seated: int, servers: Collection[str]) -> dict[str, Message]:
    """What is wrong with the plan of a session, by field; nothing when it may be saved (SCH-01).

    `capacity`: people who find room in its classroom, None where that is not known. `in_room`: people of a hybrid session
    who come to the room. `seated`: how many have a seat already. `servers`: kinds of video server that are set up.
    """
    wrong: dict[str, Message] = {}
    somewhere = plan.has_room or bool(plan.place.strip())
    if plan.mode not in MODES:
        wrong["mode"] = say("session", "Choose how the session is held.")
    if plan.mode == "classroom" and not somewhere:
        wrong["place"] = say("session", "A session in a classroom needs a classroom or a place.")
    if plan.mode == "hybrid" and not somewhere:
        wrong["place"] = say("session", "A hybrid session needs a classroom or a place for those who come.")
    if plan.link_kind not in LINK_KINDS:
        wrong["link_kind"] = say("session", "Choose the kind of link.")
    elif plan.mode == "hybrid" and plan.link_kind == "none":
        wrong["link_kind"] = say("session", "A hybrid session needs a link for those who take part from elsewhere.")
    elif plan.mode == "online" and plan.link_kind == "none":
        wrong["link_kind"] = say("session", "An online session needs a link.")
    elif plan.link_kind in SERVERS and plan.link_kind not in servers:
        wrong["link_kind"] = say("session", "No {server} server is set up here. Choose a link of your own, or ask the administrator.", server=LINK_KINDS[plan.link_kind])
    if plan.link_kind == "plain" and not plan.link.strip():
        wrong["link"] = say("session", "Give the link.")
    elif bad := bad_link(plan.link.strip()):
        wrong["link"] = bad
    if bad := bad_zone(plan.zone):
        wrong["zone"] = bad
    if not 1 <= plan.seats <= MOST_SEATS:
        wrong["seats"] = say("session", "Give a number of seats from 1 to {most}.", most=MOST_SEATS)
    elif plan.seats < seated:
        wrong["seats"] = say("session", "{n} people have a seat already. Take some off the list first.", n=seated)
    elif plan.has_room and plan.mode != "online" and capacity is not None:
        needed = plan.seats if plan.mode == "classroom" else in_room
        if needed > capacity:
            wrong["seats"] = say("session", "The room is too small: it has {capacity} places, and {n} are needed. Choose a larger room or fewer seats.", capacity=capacity, n=needed)
    if plan.budget is not None and not 0 <= plan.budget <= MOST_BUDGET:
        wrong["budget"] = say("session", "Give the budget as a whole number from 0 to {most}.", most=MOST_BUDGET)
    return wrong


# ---- when a meeting is -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class When:
    """When a meeting is, by the clock of its place: the day it starts on, and whether it ends on the next one."""

    day: date
    starts: time
    ends: time
    zone: str
    next_day: bool = False

    @property
    def span(self) -> Span:
        """The instants of start and end. Of an hour that comes twice the first one is meant."""
        last = self.day + timedelta(days=1) if self.next_day else self.day
        return Span(_instant(self.day, self.starts, self.zone), _instant(last, self.ends, self.zone))

    def on(self, day: date) -> When:
        """The same on another day."""
        return replace(self, day=day)


@dataclass(frozen=True)
class Span:
    """From an instant up to, but not including, another (UTC)."""

    starts_at: datetime
    ends_at: datetime

    @property
    def minutes(self) -> int:
        """How long it really is, whatever the clocks on the wall did in between."""
        return int((self.ends_at - self.starts_at).total_seconds()) // 60

    def overlaps(self, other: Span) -> bool:
        """Whether both hold at some moment: one that ends at twelve and one that starts at twelve do not (SCH-02)."""
        return self.starts_at < other.ends_at and other.starts_at < self.ends_at


def _instant(day: date, hour: time, zone: str) -> datetime:
    return datetime.combine(day, hour, ZoneInfo(zone)).astimezone(UTC)


def _is_jumped_over(day: date, hour: time, zone: str) -> bool:
    return _instant(day, hour, zone).astimezone(ZoneInfo(zone)).time() != hour


def bad_when(when: When) -> dict[str, Message]:
    """What is wrong with when a meeting is, by field of the form; nothing when it may be so."""
    if bad := bad_zone(when.zone):
        return {"zone": bad}
    if not when.next_day and when.ends <= when.starts:
        return {"ends": say("meeting", "The meeting ends before it starts. If it goes past midnight, tick that it ends the next day.")}
    if when.next_day and when.ends > when.starts:
        return {"next_day": say("meeting", "That would be more than 24 hours. Take off the tick, or correct the times.")}
    last = when.day + timedelta(days=1) if when.next_day else when.day
    for name, day, hour in (("starts", when.day, when.starts), ("ends", last, when.ends)):
        if _is_jumped_over(day, hour, when.zone):
            return {name: say("meeting", "There is no {hour} on {day} in {zone}: the clocks are put forward over it. Choose another time.", hour=f"{hour:%H:%M}", day=day, zone=when.zone)}
    return {}


def when_of(starts_at: datetime, ends_at: datetime, zone: str) -> When:
    """When a meeting between two instants is, by the clock of a zone."""
    starts, ends = starts_at.astimezone(ZoneInfo(zone)), ends_at.astimezone(ZoneInfo(zone))
    return When(starts.date(), starts.time(), ends.time(), zone, next_day=ends.date() > starts.date())


# ---- a series --------------------------------------------------------------------------------------------------------

RHYTHMS: Mapping[int, Message] = {
    1: say("series", "every week"), 2: say("series", "every 2 weeks"), 3: say("series", "every 3 weeks"), 4: say("series", "every 4 weeks"),
}
MOST_TIMES = 60
LOOK_AHEAD = 31
"""How many days after a date a free one is looked for."""


@dataclass(frozen=True)
class Rhythm:
    """On which days something is repeated: chosen weekdays (ISO numbers) of every n-th week, a number of times."""

    first: date
    weekdays: frozenset[int]
    every: int
    times: int


def bad_rhythm(rhythm: Rhythm) -> dict[str, Message]:
    """What is wrong with a rhythm, by field."""
    wrong: dict[str, Message] = {}
    if rhythm.every not in RHYTHMS:
        wrong["every"] = say("series", "Choose how often.")
    if not 1 <= rhythm.times <= MOST_TIMES:
        wrong["times"] = say("series", "Give how many times, from 1 to {most}.", most=MOST_TIMES)
    return wrong


def dates_of(rhythm: Rhythm) -> list[date]:
    """The days of a rhythm, in order; the first counts when its weekday is chosen, or when none is."""
    weekdays = sorted(rhythm.weekdays or {rhythm.first.isoweekday()})
    monday = rhythm.first - timedelta(days=rhythm.first.isoweekday() - 1)
    found: list[date] = []
    while len(found) < rhythm.times:
        days = (monday + timedelta(days=weekday - 1) for weekday in weekdays)
        found += [day for day in days if day >= rhythm.first]
        monday += timedelta(weeks=rhythm.every)
    return found[: rhythm.times]


class Why(StrEnum):
    """Why a date of a series does not simply go."""

    OUTSIDE = "outside"  # not a day of the run
    CLOCK = "clock"  # an hour that does not exist on that day
    OWN = "own"  # another meeting of the same session
    ROOM = "room"  # the classroom is booked
    BLOCKING = "blocking"  # the classroom is blocked
    TRAINER = "trainer"  # a trainer of the session is booked
    TRAINEE = "trainee"  # somebody with a seat has another session
    HOLIDAY = "holiday"
    CLOSURE = "closure"  # the office holds no classes
    WEEKEND = "weekend"
    AWAY = "away"  # somebody is on leave, ill, on a shift or deployed


HARD = frozenset({Why.OUTSIDE, Why.CLOCK, Why.OWN, Why.ROOM, Why.BLOCKING, Why.TRAINER, Why.TRAINEE})
"""What cannot be kept: saving would refuse it."""


@dataclass(frozen=True)
class Clash:
    """One reason why a date does not simply go, with a sentence that says whose."""

    why: Why
    message: Message
    day: date | None = None  # the day it is about, where a block of several days has it on one of them

    @property
    def hard(self) -> bool:
        """Whether keeping the date is no choice."""
        return self.why in HARD


@dataclass(frozen=True)
class Taken:
    """When something stands in the way."""

    span: Span
    clash: Clash


@dataclass(frozen=True)
class Ground:
    """What is known of the days that a series may fall on: the days of the run, days off, and what is taken."""

    first: date
    last: date
    weekend: frozenset[int] = frozenset()
    off: Mapping[date, Sequence[Clash]] = field(default_factory=dict)
    taken: Sequence[Taken] = ()


_NO_DAY_OF_RUN = Clash(Why.OUTSIDE, say("series", "The run has ended by then. Make it longer with the tick on this page, or leave this date out."))
_NOT_YET = Clash(Why.OUTSIDE, say("series", "The run has not begun by then."))
_WEEKEND = Clash(Why.WEEKEND, say("series", "A day of the weekend."))
_OWN = Clash(Why.OWN, say("series", "Another meeting of the session is at that time."))


def clashes_of(whens: Sequence[When], ground: Ground, weekdays: frozenset[int] = frozenset()) -> list[Clash]:
    """All that stands in the way of meetings, each reason once. A weekday that was asked for (`weekdays`) is no weekend."""
    found: list[Clash] = []
    for when in whens:
        if wrong := bad_when(when):
            found.append(Clash(Why.CLOCK, next(iter(wrong.values()))))
            continue
        if when.day > ground.last:
            found.append(_NO_DAY_OF_RUN)
        if when.day < ground.first:
            found.append(_NOT_YET)
        found += (replace(one, day=when.day) for one in ground.off.get(when.day, ()))
        if when.day.isoweekday() in ground.weekend - weekdays:
            found.append(replace(_WEEKEND, day=when.day))
        found += [one.clash for one in ground.taken if one.span.overlaps(when.span)]
    return list({(one.why, one.day, repr(one.message)): one for one in found}.values())


class Choice(StrEnum):
    """What becomes of a date with a clash."""

    SKIP = "skip"
    SHIFT = "shift"
    KEEP = "keep"


CHOICES: Mapping[Choice, Message] = {
    Choice.SKIP: say("series", "skip"), Choice.SHIFT: say("series", "shift"), Choice.KEEP: say("series", "keep"),
}


@dataclass(frozen=True)
class Row:
    """A date of a series: what stands in its way, what was chosen, and the meetings that come of it."""

    day: date
    clashes: tuple[Clash, ...]
    choice: Choice | None  # None: nothing in the way, or nothing chosen yet
    free: date | None  # the next day on which it goes, where there is a clash
    meetings: tuple[When, ...]
    problem: Message | None = None  # why it cannot be saved so

    @property
    def may_keep(self) -> bool:
        """Whether the date may stay as it is in spite of the clash."""
        return not any(one.hard for one in self.clashes)


def moved(block: Sequence[When], day: date) -> tuple[When, ...]:
    """Meetings that belong together, moved so that the first is on a day."""
    by = day - min(one.day for one in block)
    return tuple(one.on(one.day + by) for one in block)


def resolve(dates: Sequence[date], block: Sequence[When], ground: Ground, choices: Mapping[date, Choice], weekdays: frozenset[int] = frozenset()) -> list[Row]:
    """Lay a series out, date by date, as it would be saved: nothing is stored by it (SCH-15).

    Shifted dates go to the next day on which nothing at all is in the way, and never to a day of another date.
    """
    planned = {day: [one.span for one in moved(block, day) if not bad_when(one)] for day in dates}
    placed: list[Span] = []
    rows = []
    for day in dates:
        whens = moved(block, day)
        clashes = clashes_of(whens, ground, weekdays)
        if _meets(whens, placed):
            clashes.append(_OWN)
        if not clashes:
            rows.append(Row(day, (), None, None, whens))
            placed += [one.span for one in whens]
            continue
        others = placed + [span for other, spans in planned.items() if other != day for span in spans]
        free = _next_free(block, day, ground, others)
        choice = choices.get(day)
        chosen, problem = _chosen(choice, clashes, block, whens, free)
        rows.append(Row(day, tuple(clashes), choice, free, chosen, problem))
        placed += [one.span for one in chosen]
    return rows


def _chosen(choice: Choice | None, clashes: list[Clash], block: Sequence[When], whens: tuple[When, ...], free: date | None) -> tuple[tuple[When, ...], Message | None]:
    if choice is Choice.SKIP:
        return (), None
    if choice is Choice.SHIFT:
        if free is None:
            return (), say("series", "There is no free day in the {n} days after it. Skip this date, or choose another rhythm.", n=LOOK_AHEAD)
        return moved(block, free), None
    if choice is Choice.KEEP:
        hard = next((one for one in clashes if one.hard), None)
        return ((), say("series", "This date cannot be kept: {why}", why=hard.message)) if hard else (whens, None)
    return (), say("series", "Choose what becomes of this date.")


def _meets(whens: Iterable[When], spans: Sequence[Span]) -> bool:
    return any(one.span.overlaps(span) for one in whens if not bad_when(one) for span in spans)


def _next_free(block: Sequence[When], day: date, ground: Ground, others: Sequence[Span]) -> date | None:
    for n in range(1, LOOK_AHEAD + 1):
        whens = moved(block, day + timedelta(days=n))
        if not clashes_of(whens, ground) and not _meets(whens, others):
            return day + timedelta(days=n)
    return None


# ---- seats -----------------------------------------------------------------------------------------------------------


def bad_quotas(quotas: Mapping[A, int], seats: int) -> Message | None:
    """Why seats cannot be kept for agencies like that; None when they can."""
    if any(n < 0 for n in quotas.values()):
        return say("seats of a session", "A number of seats cannot be below 0.")
    if (kept := sum(quotas.values())) > seats:
        return say("seats of a session", "The agencies would have {kept} seats kept for them, and the session has {seats}.", kept=kept, seats=seats)
    return None


def has_seat(agency: A, seated: Mapping[A, int], quotas: Mapping[A, int], seats: int) -> bool:
    """Whether somebody of an agency finds a seat: one kept for his agency, or one of those kept for nobody."""
    if sum(seated.values()) >= seats:
        return False
    if seated.get(agency, 0) < quotas.get(agency, 0):
        return True
    open_taken = sum(max(0, n - quotas.get(one, 0)) for one, n in seated.items())
    return open_taken < seats - sum(quotas.values())


def promoted(waiting: Sequence[tuple[W, A]], seated: Mapping[A, int], quotas: Mapping[A, int], seats: int) -> list[W]:
    """Who of a wait-list gets the free seats: in its order, passing over those whose agency has none left (SCH-24)."""
    now, found = Counter(seated), []
    for who, agency in waiting:
        if has_seat(agency, now, quotas, seats):
            now[agency] += 1
            found.append(who)
    return found
