"""Rules of the exchange pages: how a class server stands, which alarms hold, what the one next action is. Pure; facts are stored rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from app.errors import Message, say

# ---- how long silence is all right -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Period:
    """How often a class server is expected to be in contact, and how much longer is still only late."""

    expected: timedelta
    grace: timedelta


BY_LINE = Period(timedelta(hours=24), timedelta(hours=24))
BY_STICK = Period(timedelta(days=8), timedelta(days=7))  # a stick a week, and a day for the courier; then one that was left out


def period_of(line: str) -> Period:
    """What is expected of a classroom with this line (offices.Classroom.line); not stated counts as no line."""
    return BY_LINE if line in ("weak", "good") else BY_STICK


class Standing(StrEnum):
    """How a class server stands, by its last exchange. Never heard of is a state of its own, and no number."""

    INVITED = "invited"  # has not joined
    NEVER = "never"  # joined, and nothing came from it yet
    ON_TIME = "on-time"
    LATE = "late"  # past its period, within the grace
    SILENT = "silent"
    REVOKED = "revoked"


def standing(*, state: str, exchanged_at: datetime | None, now: datetime, period: Period) -> Standing:
    """How a class server stands. An exchange in what our clock calls the future counts as just now."""
    if state == "revoked":
        return Standing.REVOKED
    if state != "joined":
        return Standing.INVITED
    if exchanged_at is None:
        return Standing.NEVER
    silence = now - exchanged_at
    if silence <= period.expected:
        return Standing.ON_TIME
    return Standing.LATE if silence <= period.expected + period.grace else Standing.SILENT


# ---- alarms ----------------------------------------------------------------------------------------------------------


class Alarm(StrEnum):
    """What a person has to know of a peer, the most urgent first."""

    FORK = "fork"  # two different segments with one number: a clone, or a stolen key
    QUARANTINE = "quarantine"  # segments of a revoked key
    GAP = "gap"  # a segment is missing
    RESTORED = "restored"  # it went back to an older database
    CONFLICT = "conflict"  # two records claim one thing that is given once
    REFUSED = "refused"  # entries that a node had no right to make, or that cannot be
    UNKNOWN = "unknown"  # kinds of a newer release
    CLOCK = "clock"
    DISK = "disk"
    WAITS = "waits"  # entries wait for something that did not come for long


WRONG_CLOCK = timedelta(minutes=5)
FULL_DISK = 10  # per cent free, NET-17
WAITS_LONG = timedelta(days=14)
HELD = {
    "waits": Alarm.WAITS, "unknown": Alarm.UNKNOWN, "conflict": Alarm.CONFLICT, "not-owner": Alarm.REFUSED,
    "may-not-own": Alarm.REFUSED, "changed": Alarm.REFUSED, "invalid": Alarm.REFUSED,
}


@dataclass(frozen=True)
class Owed:
    """What one side has and the other has not receipted: how many entries, by table where that is known, since when."""

    entries: int = 0
    tables: Mapping[str, int] = field(default_factory=dict)
    since: datetime | None = None


@dataclass(frozen=True)
class Contacts:
    """When a peer was last in contact, each way of knowing apart."""

    reached: datetime | None = None  # over the line: it answered, whether or not anything was exchanged
    by_line: datetime | None = None  # a bundle of it was taken that came over the line
    by_stick: datetime | None = None
    trained: datetime | None = None  # by its own clock: the newest class day, look round the room or test that came from it

    @property
    def exchanged(self) -> datetime | None:
        """The last bundle taken, whichever way it came."""
        return max((at for at in (self.by_line, self.by_stick) if at), default=None)

    @property
    def heard(self) -> datetime | None:
        """The last sign of it: a bundle, or an answer over the line that there is nothing to exchange."""
        return max((at for at in (self.exchanged, self.reached) if at), default=None)

    @property
    def way(self) -> str:
        """Which way it came: https, stick or nothing."""
        if self.exchanged is None:
            return ""
        return "https" if self.exchanged == self.by_line else "stick"


@dataclass(frozen=True)
class Facts:
    """What the stored rows say of one peer."""

    now: datetime
    state: str = "joined"  # of the node: invited | joined | revoked
    line: str = ""  # of its classroom
    contacts: Contacts = field(default_factory=Contacts)
    held: Mapping[str, int] = field(default_factory=dict)  # why -> entries kept aside and not settled
    waits_since: datetime | None = None
    quarantined: int = 0  # segments
    missing: int | None = None  # number of the segment that must come before what came last
    fork: bool = False  # not looked into yet
    restored: bool = False  # not looked into yet
    drift: timedelta | None = None  # of its clock against ours; None: not known
    disk_free: int | None = None  # per cent
    owed_here: Owed = field(default_factory=Owed)  # by it to us, as it said last
    owed_there: Owed = field(default_factory=Owed)  # by us to it
    stick_out: datetime | None = None  # the last stick written for it that it has not receipted
    stick_covers: bool = False  # that stick holds all that is owed
    doubles: int = 0  # at the centre: provisional people of this class


def alarms(facts: Facts) -> list[Alarm]:
    """Which alarms hold, the most urgent first."""
    found = {HELD[why] for why, count in facts.held.items() if count and why in HELD} - {Alarm.WAITS}
    if facts.held.get("waits") and facts.waits_since is not None and facts.now - facts.waits_since > WAITS_LONG:
        found.add(Alarm.WAITS)
    if facts.fork:
        found.add(Alarm.FORK)
    if facts.restored:
        found.add(Alarm.RESTORED)
    if facts.quarantined:
        found.add(Alarm.QUARANTINE)
    if facts.missing is not None:
        found.add(Alarm.GAP)
    if facts.drift is not None and abs(facts.drift) > WRONG_CLOCK:
        found.add(Alarm.CLOCK)
    if facts.disk_free is not None and facts.disk_free < FULL_DISK:
        found.add(Alarm.DISK)
    return [alarm for alarm in Alarm if alarm in found]


# ---- the one next action ---------------------------------------------------------------------------------------------


class Deed(StrEnum):
    """Where the button of the next action leads."""

    NONE = ""
    JOIN = "join"  # this class server has not joined yet
    NODE = "node"  # the page of its joining: code, keys, quarantine
    WRITE = "write"  # a stick
    TAKE = "take"  # a stick that came
    INTAKE = "intake"
    CALL = "call"  # the class manager
    LOOK = "look"  # into an alarm


@dataclass(frozen=True)
class Next:
    """What to do now, in words, and the button that does it."""

    text: Message
    deed: Deed = Deed.NONE
    button: Message | None = None
    urgent: bool = False  # a person is needed: the start page says so


WRITE_ANSWER = say("exchange", "Write the answer stick")
HAND_WEEK = say("exchange", "Hand the week to the courier")
TAKE_ANSWER = say("exchange", "Read in a stick")
WRITE_NEW = say("exchange", "Write a new stick")
LOOK_INTO = say("exchange", "Look into it")
STICK_LOST = timedelta(days=21)
"""After so long a stick without a receipt counts as lost; a new one holds all that was on it."""


def next_at_centre(facts: Facts, period: Period) -> Next:
    """What the centre does next about a class server."""
    found = standing(state=facts.state, exchanged_at=facts.contacts.heard, now=facts.now, period=period)
    if found is Standing.INVITED:
        return Next(say("exchange", "It has not joined yet: give its class manager the code."), Deed.NODE, say("exchange", "To its code"))
    if facts.quarantined:
        return Next(
            say("exchange", "What came with a revoked key waits in quarantine: two people decide about it."), Deed.NODE,
            say("exchange", "To the quarantine"), urgent=True,
        )
    if found is Standing.REVOKED:
        return Next(say("exchange", "Its key is revoked: nothing is exchanged with it."))
    if facts.fork:
        return Next(
            say("exchange", "Two different histories came from it: its disk was copied, or its key was stolen. Find out which, then say so here."),
            Deed.LOOK, LOOK_INTO, urgent=True,
        )
    if facts.missing is not None:
        # The class learns from the next receipt what is missing: its next bundle holds it.
        return Next(
            say("exchange", "Part {number} of its journal is missing here. Give the class the answer stick: its next one holds what is missing.", number=facts.missing),
            Deed.WRITE, WRITE_ANSWER, urgent=True,
        )
    if facts.restored:
        return Next(say("exchange", "It went back to an older database and got its own entries back from here. Ask why, then say so here."), Deed.LOOK, LOOK_INTO, urgent=True)
    if facts.held.get("conflict") or any(facts.held.get(why) for why in ("not-owner", "may-not-own", "changed", "invalid")):
        return Next(say("exchange", "Entries of it were kept aside: settle them at the intake desk."), Deed.INTAKE, say("exchange", "To the intake desk"), urgent=True)
    if found is Standing.NEVER and facts.stick_out is not None and facts.stick_covers and facts.now - facts.stick_out <= STICK_LOST:
        return Next(say("exchange", "The stick of {at} is on its way to the class.", at=facts.stick_out))
    if found is Standing.NEVER:
        return Next(say("exchange", "Nothing came from it yet: it needs its first snapshot."), Deed.WRITE, say("exchange", "Write the first stick"), urgent=True)
    if found is Standing.SILENT:
        return Next(say("exchange", "Silent since {at}: call the class manager.", at=facts.contacts.heard), Deed.CALL, urgent=True)
    if facts.owed_there.entries and facts.line not in ("weak", "good"):
        if facts.stick_out is not None and facts.stick_covers:
            return Next(say("exchange", "The stick of {at} is on its way to the class.", at=facts.stick_out))
        return Next(say("exchange", "The class does not have the newest version of what it needs."), Deed.WRITE, WRITE_ANSWER)
    if found is Standing.LATE:
        return Next(say("exchange", "Late: the last exchange was on {at}. Ask whether a stick is on its way.", at=facts.contacts.heard), Deed.CALL)
    return Next(say("exchange", "Nothing to do."))


def next_at_class(facts: Facts, *, joined: bool, receipted_at: datetime | None) -> Next:
    """What the class server does next about its centre. `receipted_at`: when the centre gave the receipt that holds, by its clock."""
    if not joined:
        return Next(say("exchange", "This class server has not joined its centre yet."), Deed.JOIN, say("exchange", "Join the centre"), urgent=True)
    owed = facts.owed_here.entries
    if facts.state == "revoked":
        return Next(say("exchange", "The centre has revoked this class server: what is done here counts only once two people there release it. Call the centre."), urgent=True)
    if facts.contacts.exchanged is None:
        return Next(say("exchange", "Nothing came from the centre yet. Read in its first stick."), Deed.TAKE, TAKE_ANSWER, urgent=True)
    online = facts.line in ("weak", "good") and facts.contacts.reached is not None
    if facts.missing is not None:
        return Next(
            say("exchange", "Part {number} of what the centre sent is missing here. Hand it a new stick: its answer holds what is missing.", number=facts.missing),
            Deed.WRITE, WRITE_NEW, urgent=True,
        )
    if not owed:
        if receipted_at is None:
            return Next(say("exchange", "Nothing to do: nothing was done here that the centre lacks."))
        return Next(say("exchange", "Nothing to do: the centre has everything up to {at}.", at=receipted_at))
    if online and facts.contacts.reached is not None and facts.now - facts.contacts.reached <= BY_LINE.expected:
        return Next(say("exchange", "Nothing to do: it goes over the line by itself."))
    if facts.stick_out is not None and facts.now - facts.stick_out > STICK_LOST:
        return Next(
            say("exchange", "No receipt came for the stick of {at}. A new one holds all that was on it.", at=facts.stick_out), Deed.WRITE, WRITE_NEW, urgent=True,
        )
    if facts.stick_out is not None and facts.stick_covers:
        return Next(say("exchange", "The stick of {at} is on its way. When it comes back with the answer, read it in here.", at=facts.stick_out), Deed.TAKE, TAKE_ANSWER)
    since = facts.owed_here.since
    late = since is not None and facts.now - since > BY_STICK.expected
    return Next(say("exchange", "The centre does not have what was done here since {at}.", at=since or facts.now), Deed.WRITE, HAND_WEEK, urgent=late)
