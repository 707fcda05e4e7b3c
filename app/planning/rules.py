"""The constraints T1 to T18: whether somebody fits a slot, each with its sentence and points; ranking. Pure."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from app.errors import Days, Message, Month, Tongue, say
from app.planning.facts import Accredited, Busy, Letter, Place, SlotFacts, Span, TrainerFacts, Way
from app.trainers.rules import CEFR, MODES


class Level(StrEnum):
    """What it means when a constraint is not met."""

    BLOCKS = "B"
    RELEASE = "R"  # may be drafted, not released
    WARNS = "W"  # needs a reason
    POINTS = "P"


STRICT = (Level.BLOCKS, Level.RELEASE, Level.WARNS, Level.POINTS)
"""From the strictest to the mildest."""
LEVELS: Mapping[Level, Message] = {
    Level.BLOCKS: say("constraint level", "blocks"), Level.RELEASE: say("constraint level", "blocks release"),
    Level.WARNS: say("constraint level", "needs a reason"), Level.POINTS: say("constraint level", "points only"),
}
ROLES: Mapping[str, Message] = {
    "lead": say("slot in a sentence", "lead trainer"), "co": say("slot in a sentence", "co-trainer"), "assistant": say("slot in a sentence", "assistant"),
    "interpreter": say("slot in a sentence", "interpreter"), "remote": say("slot in a sentence", "remote support"),
    "assessor": say("slot in a sentence", "assessor"),
}
GROUPS: Mapping[str, Message] = {
    "suggested": say("verdict", "Suggested"), "with-reason": say("verdict", "Possible with a reason"), "not-available": say("verdict", "Not available"),
}
TEACHING = {"lead": 3, "co": 2, "assistant": 1}
"""Levels of accreditation, and what serves for what: who may lead may also be co-trainer or assistant."""
ASKS = {"lead": "lead", "co": "co", "assistant": "assistant", "assessor": "lead"}
"""Roles that ask for an accreditation, and for which."""
IN_ROOM = ("lead", "co", "assistant")
"""Roles of who teaches in the room."""
ENOUGH_MARKS = 5
"""So many evaluations count as they are; fewer are drawn to the mean of the pool."""


# ---- what is set -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Setting:
    """How a constraint is taken: its level, its most points, its numbers."""

    level: Level
    weight: int
    numbers: Mapping[str, int]


@dataclass(frozen=True)
class Number:
    """A limit of a constraint that a site may set."""

    title: Message
    default: int
    least: int
    most: int


@dataclass(frozen=True)
class Constraint:
    """One of T1 to T18: what it is called, how it is taken by default, and how far that may be changed."""

    code: str
    title: Message
    about: Message
    level: Level
    allowed: tuple[Level, ...]
    weight: int = 0
    numbers: Mapping[str, Number] = field(default_factory=dict)

    def default(self) -> Setting:
        """As it is taken where nobody has set anything."""
        return Setting(self.level, self.weight, {name: one.default for name, one in self.numbers.items()})


B, R, W, P = Level.BLOCKS, Level.RELEASE, Level.WARNS, Level.POINTS
ANY = (B, R, W, P)
MOST_WEIGHT = 100

CONSTRAINTS: Mapping[str, Constraint] = {
    one.code: one
    for one in (
        Constraint("T1", say("constraint", "Accreditation"), say("constraint", "Accredited in the course on its last day."), B, (B, R)),
        Constraint("T2", say("constraint", "Role"), say("constraint", "May take the role that the slot asks for."), B, (B,)),
        Constraint("T3", say("constraint", "Language"), say("constraint", "Speaks the language of delivery well enough."), B, (B, R, W)),
        Constraint("T4", say("constraint", "Other bookings"), say("constraint", "Not booked elsewhere at that time, in any country."), B, (B,)),
        Constraint(
            "T5", say("constraint", "Absence"),
            say("constraint", "Not on leave, ill, on a shift or otherwise away. A holiday at home needs a reason at most."), B, (B, R, W),
        ),
        Constraint(
            "T6", say("constraint", "Travel"), say("constraint", "Enough days to travel before and after; not sent farther than agreed."), R, (R, W), 30,
            {
                "department": Number(say("constraint", "Travel days within a department"), 0, 0, 5),
                "country": Number(say("constraint", "Travel days within a country"), 1, 0, 10),
                "abroad": Number(say("constraint", "Travel days to another country"), 2, 0, 20),
            },
        ),
        Constraint(
            "T7", say("constraint", "Rest"), say("constraint", "Hours of rest between two days of duty, and a day off each week."), R, (R, W), 0,
            {
                "hours": Number(say("constraint", "Hours of rest"), 11, 8, 24),
                "row": Number(say("constraint", "Teaching days in a row"), 6, 3, 14),
            },
        ),
        Constraint(
            "T8", say("constraint", "Load"), say("constraint", "No more teaching days a month and a quarter than agreed, travel counted in part."), W, ANY, 25,
            {
                "month": Number(say("constraint", "Teaching days a month"), 10, 1, 31),
                "quarter": Number(say("constraint", "Teaching days a quarter"), 25, 1, 92),
                "travel": Number(say("constraint", "Share of a travel day that counts, in percent"), 50, 0, 100),
            },
        ),
        Constraint("T9", say("constraint", "Fairness"), say("constraint", "Days in the last 90 days, beside the middle of the pool."), P, (P,), 20),
        Constraint("T10", say("constraint", "Release by the home agency"), say("constraint", "His agency lets him go, in writing where it has to."), R, (R, W)),
        Constraint("T11", say("constraint", "Entry"), say("constraint", "Visa, permission for the site and a valid passport."), R, (R, W)),
        Constraint(
            "T12", say("constraint", "Cost"), say("constraint", "Travel and allowance within the budget of the session."), W, ANY, 10,
            {
                "allowance": Number(say("constraint", "Allowance for a day away"), 40, 0, 10_000),
                "country": Number(say("constraint", "Travel within a country, both ways"), 60, 0, 100_000),
                "abroad": Number(say("constraint", "Travel to another country, both ways"), 250, 0, 100_000),
            },
        ),
        Constraint("T13", say("constraint", "Pairing"), say("constraint", "Who has to, must not, or should teach together; searching persons is taught to each sex by its own."), B, ANY, 5),
        Constraint("T14", say("constraint", "Independence"), say("constraint", "Does not examine people of his own unit."), W, (B, R, W)),
        Constraint(
            "T15", say("constraint", "Connection"), say("constraint", "His PC and line were tested lately, for online teaching."), W, ANY, 0,
            {"days": Number(say("constraint", "A test is good for days"), 90, 7, 730)},
        ),
        Constraint(
            "T16", say("constraint", "Recency"), say("constraint", "Has taught the course lately, or another part of the same run."), P, (P,), 15,
            {"months": Number(say("constraint", "Months looked back"), 12, 1, 60)},
        ),
        Constraint("T17", say("constraint", "Evaluation"), say("constraint", "What participants said of his teaching of this course."), P, (P,), 10),
        Constraint("T18", say("constraint", "Preference"), say("constraint", "What he said that he prefers."), P, (P,), 5),
    )
}

SENTENCES: Mapping[str, Message] = {
    "T1-fits": say("constraint", "Accredited in {course} to {to}."),
    "T1-fits-open": say("constraint", "Accredited in {course}, without an end."),
    "T1-ends": say("constraint", "The accreditation in {course} ends on {to}; the last meeting is on {last}."),
    "T1-later": say("constraint", "The accreditation in {course} begins on {since}; the first meeting is on {first}."),
    "T1-withdrawn": say("constraint", "The accreditation in {course} was withdrawn on {on}."),
    "T1-none": say("constraint", "Has no accreditation in {course}."),
    "T2-fits": say("constraint", "Holds {held}; the slot asks for {asked}."),
    "T2-less": say("constraint", "Holds only {held}; the slot asks for {asked}."),
    "T2-none": say("constraint", "Holds no level in this course; the slot asks for {asked}."),
    "T3-fits": say("constraint", "{language} {level}; the slot asks for {asked}."),
    "T3-less": say("constraint", "{language} only {level}; the slot asks for {asked}."),
    "T3-none": say("constraint", "{language} is not among his languages; the slot asks for {asked}."),
    "T3-both": say("constraint", "{language} {level} and {other} {other_level}; the slot asks for {asked} in both."),
    "T4-free": say("constraint", "Free at all meetings, in every country."),
    "T4-leads": say("constraint", "Leads {code} in {place}, {days} ({hours})."),
    "T4-booked": say("constraint", "Is booked for {code} in {place}, {days} ({hours})."),
    "T4-online": say("constraint", "Is booked for {code} online, {days} ({hours})."),
    "T4-several": say("constraint", "Has bookings at that time: {codes}, {days}."),
    "T4-hidden": say("constraint", "Has another booking on {days}."),
    "T5-free": say("constraint", "No absence and no holiday on these days."),
    "T5-leave": say("constraint", "On leave {days}."),
    "T5-sick": say("constraint", "Ill {days}."),
    "T5-shift": say("constraint", "On a duty shift {days}."),
    "T5-deployment": say("constraint", "On deployment {days}."),
    "T5-unavailable": say("constraint", "Said that he cannot come {days}."),
    "T5-holiday": say("constraint", "Holiday at his duty station on {day}: {name}."),
    "T5-hidden": say("constraint", "Not available {days}."),
    "T6-none": say("constraint", "No travel: he is at home there."),
    "T6-online": say("constraint", "No travel: the slot is online."),
    "T6-near": say("constraint", "No travel day: {place} is near {home}."),
    "T6-fits": say("constraint", "Travel days each way: {n} ({home} to {place}); there is time for them."),
    "T6-before": say("constraint", "Travel days needed: {n}. Is in {place} to {until}; this starts on {first}."),
    "T6-after": say("constraint", "Travel days needed: {n}. This ends on {last}; is due in {place} on {from_day}."),
    "T6-away-before": say("constraint", "Travel days needed: {n}. Is away to {until}; this starts on {first}."),
    "T6-away-after": say("constraint", "Travel days needed: {n}. This ends on {last}; is away from {from_day}."),
    "T6-hidden": say("constraint", "Travel days needed: {n}. Has another booking too close to this."),
    "T6-reach-none": say("constraint", "Does not travel; this is in {place}."),
    "T6-reach-department": say("constraint", "Travels within his department only; this is in {place}."),
    "T6-reach-country": say("constraint", "Travels within his country only; this is in {place}."),
    "T7-fits": say("constraint", "Enough rest; teaching days in a row: {n} of {most}."),
    "T7-row": say("constraint", "Teaching days in a row: {n}, more than {most}."),
    "T7-hours": say("constraint", "Only {hours} h of rest before {day}; {most} h are needed."),
    "T8-fits": say("constraint", "{n} of {most} days in {month}, this session counted."),
    "T8-fits-quarter": say("constraint", "{n} of {most} days in the quarter from {month}, this session counted."),
    "T8-month": say("constraint", "{n} of {most} days in {month}: too many."),
    "T8-quarter": say("constraint", "{n} of {most} days in the quarter from {month}: too many."),
    "T9-below": say("constraint", "{n} days in 90 days, {less} below the middle of the pool ({median})."),
    "T9-equal": say("constraint", "{n} days in 90 days, as many as the middle of the pool."),
    "T9-above": say("constraint", "{n} days in 90 days, {more} above the middle of the pool ({median})."),
    "T10-own": say("constraint", "Needs no release letter."),
    "T10-given": say("constraint", "Released by letter of {on} for {days}."),
    "T10-asked": say("constraint", "Release letter asked for on {on}, not received."),
    "T10-refused": say("constraint", "Release refused on {on}."),
    "T10-short": say("constraint", "The release letter is good for {days}; the session is {wanted}."),
    "T10-none": say("constraint", "Needs a release letter; none was asked for."),
    "T10-national": say("constraint", "His country keeps him for itself: he is in the national pool only."),
    "T11-home": say("constraint", "In his own country: nothing to enter."),
    "T11-fits": say("constraint", "Needs no visa for {country}."),
    "T11-visa": say("constraint", "Has a visa for {country}."),
    "T11-needed": say("constraint", "Visa for {country} needed: takes {lead} days, the session is in {n}."),
    "T11-passport": say("constraint", "The passport ends on {to}; the last meeting is on {last}."),
    "T11-site": say("constraint", "The permission for {place} ended on {to}; the last meeting is on {last}."),
    "T11-cleared": say("constraint", "Has the clearance for {place} ({clearance})."),
    "T11-clearance-none": say("constraint", "Needs a clearance for {place} ({clearance}); has none."),
    "T11-clearance-ends": say("constraint", "The clearance for {place} ({clearance}) ends on {to}; the last meeting is on {last}."),
    "T11-clearance-later": say("constraint", "The clearance for {place} ({clearance}) begins on {since}; the first meeting is on {first}."),
    "T12-none": say("constraint", "Estimated {cost}; the session has no budget."),
    "T12-fits": say("constraint", "Estimated {cost}, budget {budget}."),
    "T12-over": say("constraint", "Estimated {cost}, more than the budget of {budget}."),
    "T13-none": say("constraint", "No pairing to keep."),
    "T13-fits": say("constraint", "Teaches with {name}, as it should be."),
    "T13-forbidden": say("constraint", "Must not teach with {name}, who is in this session."),
    "T13-required": say("constraint", "Teaches only with {name}, who is not in this session."),
    "T13-mentor": say("constraint", "New trainer: needs his mentor {name} in the room."),
    "T13-search-fits": say("constraint", "Searching is practised: each participant has a trainer of the same sex."),
    "T13-search-f": say("constraint", "Searching is practised with women: no woman is among those who teach in the room."),
    "T13-search-m": say("constraint", "Searching is practised with men: no man is among those who teach in the room."),
    "T13-search-fm": say("constraint", "Searching is practised with women and men: a woman and a man have to be among those who teach in the room."),
    "T13-search-later": say("constraint", "Searching is practised: another slot still has to bring a trainer of the sex that is missing."),
    "T14-fits": say("constraint", "Nobody of his own unit among the {total} participants."),
    "T14-own": say("constraint", "Same unit as {n} of {total} participants."),
    "T15-fits": say("constraint", "Last connection test {n} days ago."),
    "T15-old": say("constraint", "Last connection test {n} days ago; it is good for {most}."),
    "T15-none": say("constraint", "No connection test on record."),
    "T16-taught": say("constraint", "Runs of this course taught in the last {months} months: {n}."),
    "T16-same": say("constraint", "Gave another part of the same run."),
    "T16-none": say("constraint", "Has not taught this course in the last {months} months."),
    "T17-marks": say("constraint", "{mark} of 5 for this course, evaluations: {n}."),
    "T17-few": say("constraint", "{mark} of 5 for this course, evaluations: {n}; so few are drawn to the mean of the pool."),
    "T18-fits": say("constraint", "Prefers this kind of session."),
    "T18-other": say("constraint", "Prefers to teach {mode}."),
    "T18-none": say("constraint", "No preference stated."),
    "hidden": say("constraint", "His country shows free and busy only: ask for him."),
    "hidden-rest": say("constraint", "Known to his country only."),
    "hidden-why": say("constraint", "Something stands in the way that only his own centre may see: ask there."),
}

def setting(code: str, level: str | None = None, weight: int | None = None, numbers: Mapping[str, Any] | None = None) -> Setting:
    """A constraint's setting: what is stored over its default; a level below its floor counts as its default."""
    constraint = CONSTRAINTS[code]
    default = constraint.default()
    known = {name: value for name, value in (numbers or {}).items() if name in constraint.numbers and isinstance(value, int)}
    return Setting(
        Level(level) if level in constraint.allowed else default.level,
        default.weight if weight is None or not constraint.weight else min(max(weight, 0), MOST_WEIGHT),
        {**default.numbers, **known},
    )


DEFAULTS: Mapping[str, Setting] = {code: one.default() for code, one in CONSTRAINTS.items()}


# ---- what is found ---------------------------------------------------------------------------------------------------


class Result(NamedTuple):
    """What a constraint found: `points` of at most `most`; `data` fills the sentence `key`. Made by the thousand for one page."""

    code: str
    level: Level
    ok: bool
    key: str
    data: Mapping[str, Any] = MappingProxyType({})
    link: str | None = None
    points: int = 0
    most: int = 0  # 0: a must, no points

    @property
    def message(self) -> Message:
        """The finding in one plain sentence."""
        known = SENTENCES[self.key]
        return Message(known.context, known.text, self.data)

    @property
    def title(self) -> Message:
        """What the constraint is called."""
        return CONSTRAINTS[self.code].title

    @property
    def counts(self) -> bool:
        """Whether it stands in the way: not met, and more than a matter of points."""
        return not self.ok and self.level is not Level.POINTS


@dataclass(frozen=True)
class Verdict:
    """All that the constraints found of one trainer for one slot."""

    trainer_id: uuid.UUID
    person_id: uuid.UUID
    name: str
    sort_key: str
    country: str  # code
    path: str  # of his home office
    results: tuple[Result, ...]
    total: int
    group: str  # suggested | with-reason | not-available
    days_90: int
    summary: tuple[Message, ...]

    @property
    def failing(self) -> tuple[Result, ...]:
        """What stands in the way, the strictest first."""
        return tuple(sorted((one for one in self.results if one.counts), key=_strictness))

    def of(self, code: str) -> Result | None:
        """What one constraint found, where it applies."""
        return next((one for one in self.results if one.code == code), None)


def as_json(result: Result) -> dict[str, Any]:
    """A result as it is stored with an assignment."""
    return {
        "code": result.code, "level": result.level.value, "ok": result.ok, "key": result.key, "points": result.points, "most": result.most,
        "data": {name: _packed(value) for name, value in result.data.items()},
    }


def from_json(stored: Mapping[str, Any]) -> Result | None:
    """A stored result; None for one that this release does not know."""
    if stored.get("code") not in CONSTRAINTS or stored.get("key") not in SENTENCES:
        return None
    return Result(
        stored["code"], Level(stored["level"]), bool(stored["ok"]), stored["key"], {name: _unpacked(value) for name, value in stored["data"].items()},
        None, int(stored["points"]), int(stored["most"]),
    )


def _packed(value: Any) -> Any:
    if isinstance(value, date):
        return {"date": value.isoformat()}
    if isinstance(value, Days):
        return {"days": [value.first.isoformat(), value.last.isoformat()]}
    if isinstance(value, Month):
        return {"month": value.first.isoformat()}
    if isinstance(value, Tongue):
        return {"tongue": value.tag}
    if isinstance(value, Fraction):
        return {"fraction": str(value)}
    if isinstance(value, Message):
        return {"say": [value.context, value.text]}
    if isinstance(value, Mapping):
        return {"names": dict(value)}
    return value


def _unpacked(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    ((kind, held),) = value.items()
    if kind == "date":
        return date.fromisoformat(held)
    if kind == "days":
        return Days(date.fromisoformat(held[0]), date.fromisoformat(held[1]))
    if kind == "month":
        return Month(date.fromisoformat(held))
    if kind == "tongue":
        return Tongue(held)
    if kind == "fraction":
        return Fraction(held)
    return Message(held[0], held[1]) if kind == "say" else dict(held)


# ---- judging ---------------------------------------------------------------------------------------------------------

Sees = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Asking:
    """What a check is asked with besides its own setting: the others', and whose bookings may be named."""

    settings: Mapping[str, Setting]
    sees: Sees


def judge(slot: SlotFacts, trainer: TrainerFacts, settings: Mapping[str, Setting] = DEFAULTS, sees: Sees = lambda _path: True) -> Verdict:
    """Ask every constraint that applies, never stopping at the first; `sees` says whose bookings may be named."""
    asking = Asking(settings, sees)
    found = [check(slot, trainer, settings[code], asking) for code, check in CHECKS.items()]
    results = tuple(one for one in found if one is not None)
    if trainer.busy_only and not sees(trainer.home.path):
        telling = next((one.code for one in results if one.code not in BUSY), "")
        results = tuple(_veiled(one, telling) for one in results)
    failing = sorted((one for one in results if one.counts), key=_strictness)
    group = "suggested" if not failing else "not-available" if failing[0].level is B else "with-reason"
    shown = failing or [one for one in results if one.code in TOLD]
    return Verdict(
        trainer.trainer_id, trainer.person_id, trainer.name, trainer.sort_key, trainer.country, trainer.home.path, results,
        sum(one.points for one in results), group, trainer.days_90, tuple(one.message for one in shown),
    )


TOLD = ("T4", "T6", "T8")
"""What is told of somebody who fits."""


def _strictness(result: Result) -> int:
    return STRICT.index(result.level)


def rank(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """By points, then fewer days in 90 days, then name: the same input gives the same order."""
    return sorted(verdicts, key=lambda one: (-one.total, one.days_90, one.sort_key, one.trainer_id.bytes))


BUSY = ("T4", "T5")
"""What says whether somebody is free."""


def _veiled(result: Result, telling: str) -> Result:
    """A result as another country sees it that is shown free and busy only; the one of `telling` says that he is to be asked for."""
    if result.code in BUSY:
        if result.ok or result.key.endswith("-hidden"):
            return result
        days = result.data.get("days") or Days(result.data["day"], result.data["day"])
        return result._replace(key=f"{result.code}-hidden", data={"days": days}, link=None)
    if result.code == telling:
        return Result(telling, W, False, "hidden")
    return Result(result.code, result.level, True, "hidden-rest")


def _milder(one: Level, other: Level) -> Level:
    return max(one, other, key=STRICT.index)


def _share(weight: int, part: int, whole: int) -> int:
    """So many of the points as `part` of `whole` is worth, rounded down."""
    return min(max(weight * part // whole, 0), weight)


Found = Result | None


def _accredited(slot: SlotFacts, trainer: TrainerFacts, own: Setting, _asking: Asking) -> Found:
    if slot.role not in ASKS:
        return None
    held = sorted(trainer.accreditations, key=lambda one: (TEACHING[one.level], one.valid_to or date.max), reverse=True)
    good = next((one for one in held if _holds(one, slot)), None)
    if good is not None:
        if good.valid_to is None:
            return Result("T1", own.level, True, "T1-fits-open", {"course": slot.course})
        return Result("T1", own.level, True, "T1-fits", {"course": slot.course, "to": good.valid_to})
    standing = [one for one in held if _stands(one, slot)]
    if not held:
        return Result("T1", own.level, False, "T1-none", {"course": slot.course})
    if not standing:
        latest = max(one.withdrawn_on for one in held if one.withdrawn_on is not None)
        return Result("T1", own.level, False, "T1-withdrawn", {"course": slot.course, "on": latest})
    longest = max(standing, key=lambda one: one.valid_to or date.max)
    if longest.valid_to is not None and longest.valid_to < slot.last:
        return Result("T1", own.level, False, "T1-ends", {"course": slot.course, "to": longest.valid_to, "last": slot.last})
    return Result("T1", own.level, False, "T1-later", {"course": slot.course, "since": longest.valid_from, "first": slot.first})


def _stands(one: Accredited, slot: SlotFacts) -> bool:
    return one.withdrawn_on is None or one.withdrawn_on > slot.last


def _holds(one: Accredited, slot: SlotFacts) -> bool:
    return _stands(one, slot) and one.valid_from <= slot.first and (one.valid_to is None or one.valid_to >= slot.last)


def _role(slot: SlotFacts, trainer: TrainerFacts, own: Setting, _asking: Asking) -> Found:
    if slot.role not in ASKS:
        return None
    asked = ASKS[slot.role]
    standing = [one for one in trainer.accreditations if _stands(one, slot)]
    good = [one for one in standing if _holds(one, slot)] or standing
    if not good:
        return Result("T2", own.level, False, "T2-none", {"asked": ROLES[slot.role]})
    held = max(good, key=lambda one: TEACHING[one.level]).level
    fits = TEACHING[held] >= TEACHING[asked]
    return Result("T2", own.level, fits, "T2-fits" if fits else "T2-less", {"held": ROLES[held], "asked": ROLES[slot.role]})


def _language(slot: SlotFacts, trainer: TrainerFacts, own: Setting, _asking: Asking) -> Found:
    asked = slot.language_level
    wanted = [slot.language] + ([slot.interprets] if slot.role == "interpreter" and slot.interprets not in ("", slot.language) else [])
    for tag in wanted:
        level = trainer.languages.get(tag)
        if level is None:
            return Result("T3", own.level, False, "T3-none", {"language": Tongue(tag), "asked": asked})
        if CEFR.index(level) < CEFR.index(asked):
            return Result("T3", own.level, False, "T3-less", {"language": Tongue(tag), "level": level, "asked": asked})
    if len(wanted) == 2:
        first, second = wanted
        return Result("T3", own.level, True, "T3-both", {
            "language": Tongue(first), "level": trainer.languages[first], "other": Tongue(second), "other_level": trainer.languages[second], "asked": asked,
        })
    return Result("T3", own.level, True, "T3-fits", {"language": Tongue(slot.language), "level": trainer.languages[slot.language], "asked": asked})


def overlap(one: Span, other: Span) -> bool:
    """Whether two meetings have an instant in common: what ends at 12:00 leaves 12:00 free."""
    return one.starts < other.ends and other.starts < one.ends


def _booked(slot: SlotFacts, trainer: TrainerFacts, own: Setting, asking: Asking) -> Found:
    near = [one for one in trainer.busy if one.span.starts < slot.until and slot.spans[0].starts < one.span.ends]
    taken = [one for one in near if any(overlap(one.span, span) for span in slot.spans)]
    if not taken:
        return Result("T4", own.level, True, "T4-free")
    first = taken[0]
    days = Days(min(one.span.day for one in taken), max(one.span.last for one in taken))
    if not all(asking.sees(one.path) for one in taken):
        return Result("T4", own.level, False, "T4-hidden", {"days": days})
    codes = sorted({one.code for one in taken})
    link = f"/planning/sessions/{first.code}" if first.code.startswith("S-") else f"/runs/{first.code}"
    if len(codes) > 1 or len({_hours(one.span) for one in taken}) > 1:  # hours of one meeting would be wrong for the others
        return Result("T4", own.level, False, "T4-several", {"codes": ", ".join(codes), "days": days}, link)
    data = {"code": first.code, "days": days, "hours": _hours(first.span)}
    if first.span.place is None:
        return Result("T4", own.level, False, "T4-online", data, link)
    return Result("T4", own.level, False, "T4-leads" if first.role == "lead" else "T4-booked", data | {"place": first.span.place.names}, link)


@lru_cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _hours(span: Span) -> str:
    return _hours_of(span.starts, span.ends, span.zone)


@lru_cache
def _hours_of(starts: datetime, ends: datetime, zone: str) -> str:
    start, end = (at.astimezone(_zone(zone)) for at in (starts, ends))
    minutes = int((start.utcoffset() or timedelta()).total_seconds()) // 60
    sign, minutes = ("+" if minutes >= 0 else "\N{EN DASH}"), abs(minutes)
    offset = "UTC" + (f"{sign}{minutes // 60}" + (f":{minutes % 60:02d}" if minutes % 60 else "") if minutes else "")
    return f"{start:%H:%M}\N{EN DASH}{end:%H:%M} {offset}"


def _absent(slot: SlotFacts, trainer: TrainerFacts, own: Setting, asking: Asking) -> Found:
    away = next((one for one in trainer.away if any(one.starts < span.ends and span.starts < one.ends for span in slot.spans)), None)
    if away is not None:
        why = f"T5-{away.kind}" if asking.sees(trainer.home.path) else "T5-hidden"  # why he is away is told at home alone
        return Result("T5", own.level, False, why, {"days": Days(away.first, away.last)})
    off = next((span.day for span in slot.spans if span.day in trainer.holidays), None)
    if off is not None:
        return Result("T5", _milder(own.level, W), False, "T5-holiday", {"day": off, "name": trainer.holidays[off]})
    return Result("T5", own.level, True, "T5-free")


def way(slot: SlotFacts, one: Place | None, other: Place | None, days: Mapping[str, int], costs: Mapping[str, int]) -> Way:
    """Between two places: as the matrix says, else by distance. `days` and `costs` are the numbers of T6 and T12."""
    if one is None or other is None or one.path == other.path:
        return Way(0, 0)
    known = slot.ways.get((one.path, other.path)) or slot.ways.get((other.path, one.path))
    if known is not None:
        return known
    if one.department and one.department == other.department:
        return Way(days["department"], 0)
    if one.country == other.country:
        return Way(days["country"], costs["country"])
    return Way(days["abroad"], costs["abroad"])


NO_COST = {"country": 0, "abroad": 0}


def _travel(slot: SlotFacts, trainer: TrainerFacts, own: Setting, asking: Asking) -> Found:
    there = slot.where
    if there is None:
        return Result("T6", own.level, True, "T6-online", points=own.weight, most=own.weight)
    limit = _too_far(trainer.travels, trainer.home, there)
    if limit is not None:
        return Result("T6", own.level, False, limit, {"place": there.names}, most=own.weight)
    tight = _tight(slot, trainer, own, asking)
    if tight is not None:
        return tight
    needed = max(way(slot, trainer.home, place, own.numbers, NO_COST).days for place in slot.places)
    points = _share(own.weight, 3 - needed, 3)
    if trainer.home.path == there.path and needed == 0:
        return Result("T6", own.level, True, "T6-none", points=points, most=own.weight)
    if needed == 0:
        return Result("T6", own.level, True, "T6-near", {"home": trainer.home.names, "place": there.names}, points=points, most=own.weight)
    return Result("T6", own.level, True, "T6-fits", {"n": needed, "home": trainer.home.names, "place": there.names}, points=points, most=own.weight)


def _too_far(travels: str, home: Place, there: Place) -> str | None:
    if travels == "abroad" or home.path == there.path:
        return None
    if travels == "none":
        return "T6-reach-none"
    if home.country != there.country:
        return "T6-reach-country" if travels == "country" else "T6-reach-department"
    if travels == "department" and (not home.department or home.department != there.department):
        return "T6-reach-department"
    return None


def _tight(slot: SlotFacts, trainer: TrainerFacts, own: Setting, asking: Asking) -> Found:
    """The first booking or absence that leaves too few days to travel; of an absence during a meeting T5 speaks."""
    absences = [away for away in trainer.away if not any(away.starts < span.ends and span.starts < away.ends for span in slot.spans)]
    for span in slot.spans:
        if span.place is None:
            continue
        for busy in trainer.busy:
            there = busy.span.place
            if there is None or there.path == span.place.path or overlap(span, busy.span):
                continue
            needed = way(slot, there, span.place, own.numbers, NO_COST).days
            before = busy.span.starts < span.starts
            free = (span.day - busy.span.last).days - 1 if before else (busy.span.day - span.last).days - 1
            if free >= needed or (needed == 0):
                continue
            if not asking.sees(busy.path):
                return Result("T6", own.level, False, "T6-hidden", {"n": needed}, most=own.weight)
            if before:
                return Result("T6", own.level, False, "T6-before", {"n": needed, "place": there.names, "until": busy.span.last, "first": span.day}, most=own.weight)
            return Result("T6", own.level, False, "T6-after", {"n": needed, "place": there.names, "from_day": busy.span.day, "last": span.last}, most=own.weight)
        needed = way(slot, trainer.home, span.place, own.numbers, NO_COST).days
        for away in absences if needed else ():
            before = away.starts < span.starts
            free = (span.day - away.last).days - 1 if before else (away.first - span.last).days - 1
            if free < needed:
                if before:
                    return Result("T6", own.level, False, "T6-away-before", {"n": needed, "until": away.last, "first": span.day}, most=own.weight)
                return Result("T6", own.level, False, "T6-away-after", {"n": needed, "from_day": away.first, "last": span.last}, most=own.weight)
    return None


def _rest(slot: SlotFacts, trainer: TrainerFacts, own: Setting, _asking: Asking) -> Found:
    least, most = timedelta(hours=own.numbers["hours"]), own.numbers["row"]
    near = (slot.spans[0].starts - 2 * least, slot.spans[-1].ends + 2 * least)
    duty = [(one.starts, one.ends, one.day) for one in slot.spans]
    duty += [(one.span.starts, one.span.ends, one.span.day) for one in trainer.busy if one.span.ends > near[0] and one.span.starts < near[1]]
    duty += [(one.starts, one.ends, one.first) for one in trainer.away if one.kind == "shift"]
    for span in slot.spans if len(duty) > len(slot.spans) else ():
        for starts, ends, day in duty:
            if day != span.day:
                gap, later = (span.starts - ends, span.day) if starts < span.starts else (starts - span.ends, day)
                if NOTHING <= gap < least:
                    hours = Fraction(int(gap.total_seconds()) // 360, 10)
                    return Result("T7", own.level, False, "T7-hours", {"hours": hours, "day": later, "most": own.numbers["hours"]})
    here = slot.days
    teaching = here.union(busy.span.day for busy in trainer.busy)
    longest = max(_in_a_row(day, teaching) for day in here)
    return Result("T7", own.level, longest <= most, "T7-fits" if longest <= most else "T7-row", {"n": longest, "most": most})


NOTHING = timedelta(0)
ONE_DAY = timedelta(days=1)


def _in_a_row(day: date, teaching: Set[date]) -> int:
    first = last = day
    while first - ONE_DAY in teaching:
        first -= ONE_DAY
    while last + ONE_DAY in teaching:
        last += ONE_DAY
    return (last - first).days + 1


@dataclass(frozen=True, slots=True)
class _Period:
    """A month or quarter that a slot touches, with the slot's own days in it; days as ISO text."""

    unit: str
    start: date
    first: str
    last: str
    own: frozenset[str]
    begins: bool  # the slot begins in it: so its travel counts there


@lru_cache(maxsize=256)
def _periods(days: frozenset[date]) -> tuple[_Period, ...]:
    found = []
    for unit in ("month", "quarter"):
        for start in sorted({_start(unit, day) for day in days}):
            own = frozenset(day.isoformat() for day in days if _start(unit, day) == start)
            found.append(_Period(unit, start, start.isoformat(), _end(unit, start).isoformat(), own, _start(unit, min(days)) == start))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Load:
    """Teaching days of a trainer in a month or quarter, in hundredths of a day: without a slot, what it adds, and the most."""

    unit: str
    start: date
    before: int
    added: int
    most: int

    @property
    def total(self) -> int:
        """With the slot."""
        return self.before + self.added


def loads(slot: SlotFacts, trainer: TrainerFacts, settings: Mapping[str, Setting]) -> list[Load]:
    """What the slot adds to the trainer's load in each month and quarter that it touches; travel counts at its share."""
    own, distance = settings["T8"], settings["T6"].numbers
    share = own.numbers["travel"]
    travel = 2 * way(slot, trainer.home, slot.where, distance, NO_COST).days
    works = [(work.days, min(work.days), 2 * way(slot, trainer.home, work.place, distance, NO_COST).days) for work in trainer.work]
    limits = {"month": trainer.days_a_month or own.numbers["month"], "quarter": trainer.days_a_quarter or own.numbers["quarter"]}
    found = []
    for period in _periods(slot.days):
        days: set[str] = set()
        ways = 0
        for listed, begins, there_and_back in works:
            inside = [day for day in listed if period.first <= day <= period.last]
            days.update(inside)
            if inside and period.first <= begins:
                ways += there_and_back
        added = len(period.own - days) * 100 + (travel * share if period.begins else 0)
        found.append(Load(period.unit, period.start, len(days) * 100 + ways * share, added, limits[period.unit] * 100))
    return found


def _load(slot: SlotFacts, trainer: TrainerFacts, own: Setting, asking: Asking) -> Found:
    worst = max(loads(slot, trainer, asking.settings), key=lambda one: Fraction(one.total, one.most))
    fits = worst.total <= worst.most
    key = ("T8-fits" if worst.unit == "month" else "T8-fits-quarter") if fits else f"T8-{worst.unit}"
    # Up to half of the limit all points, from there evenly down to none at the limit.
    return Result(
        "T8", own.level, fits, key, {"n": Fraction(worst.total, 100), "most": worst.most // 100, "month": Month(worst.start)},
        points=_share(own.weight, 2 * (worst.most - worst.total), worst.most), most=own.weight,
    )


def _start(unit: str, day: date) -> date:
    return day.replace(day=1) if unit == "month" else quarter_of(day)


def quarter_of(day: date) -> date:
    """The first day of the quarter of a year."""
    return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)


def end_of_quarter(day: date) -> date:
    """The last day of the quarter of a year."""
    return _end("quarter", quarter_of(day))


def months_before(day: date, months: int) -> date:
    """The first day of the month that lies so many months before that of `day`."""
    at = day.year * 12 + day.month - 1 - months
    return date(at // 12, at % 12 + 1, 1)


def _end(unit: str, start: date) -> date:
    months = start.month - 1 + (1 if unit == "month" else 3)
    return date(start.year + months // 12, months % 12 + 1, 1) - ONE_DAY


def _fair(slot: SlotFacts, trainer: TrainerFacts, own: Setting, _asking: Asking) -> Found:
    weighed = Fraction(trainer.days_90 * 100, max(trainer.share, 1))
    median = slot.median_90
    if weighed <= median:
        key, off = ("T9-equal", Fraction(0)) if weighed == median else ("T9-below", median - weighed)
        data = {"n": _tenth(weighed)} | ({"less": _tenth(off), "median": _tenth(median)} if off else {})
        return Result("T9", own.level, True, key, data, points=own.weight, most=own.weight)
    over = weighed - median
    # No points left at twice the median.
    left = 1 - over / max(median, Fraction(1))
    points = _share(own.weight, left.numerator, left.denominator)
    return Result("T9", own.level, False, "T9-above", {"n": _tenth(weighed), "more": _tenth(over), "median": _tenth(median)}, points=points, most=own.weight)


@lru_cache(maxsize=1024)
def _tenth(value: Fraction) -> Fraction:
    return Fraction(round(value * 10), 10)


def _released(slot: SlotFacts, trainer: TrainerFacts, own: Setting, _asking: Asking) -> Found:
    abroad = slot.place.country != trainer.home.country
    if abroad and trainer.reach == "national":
        return Result("T10", own.level, False, "T10-national")
    if not trainer.needs_release:
        return Result("T10", own.level, True, "T10-own")
    touching = [one for one in trainer.letters if one.valid_from <= slot.last and slot.first <= one.valid_to]
    given = next((one for one in touching if one.given_on is not None and one.valid_from <= slot.first and slot.last <= one.valid_to), None)
    if given is not None and given.given_on is not None:
        return Result("T10", own.level, True, "T10-given", {"on": given.given_on, "days": Days(given.valid_from, given.valid_to)})
    if not touching:
        return Result("T10", own.level, False, "T10-none")
    latest: Letter = max(touching, key=lambda one: one.asked_on)
    if latest.refused_on is not None:
        return Result("T10", own.level, False, "T10-refused", {"on": latest.refused_on})
    if latest.given_on is not None:
        return Result("T10", own.level, False, "T10-short", {"days": Days(latest.valid_from, latest.valid_to), "wanted": Days(slot.first, slot.last)})
    return Result("T10", own.level, False, "T10-asked", {"on": latest.asked_on})


def _entry(slot: SlotFacts, trainer: TrainerFacts, own: Setting, _asking: Asking) -> Found:
    there = slot.where
    if there is None:
        return None
    for place in slot.places:
        lacking = _not_cleared(place, slot, trainer)
        if lacking is not None:
            return Result("T11", own.level, False, *lacking)
    if there.country == trainer.home.country or not there.country or not trainer.home.country:
        if there.clearance and there.path != trainer.home.path:
            return Result("T11", own.level, True, "T11-cleared", {"place": there.names, "clearance": there.clearance})
        return Result("T11", own.level, True, "T11-home")
    if trainer.passport_to is not None and trainer.passport_to < slot.last:
        return Result("T11", own.level, False, "T11-passport", {"to": trainer.passport_to, "last": slot.last})
    lead = slot.visas.get((trainer.home.country, there.country), 0)
    if lead == 0:
        return Result("T11", own.level, True, "T11-fits", {"country": there.country_names})
    if any(one.kind == "visa" and one.country == there.country and _permits(one.valid_from, one.valid_to, slot) for one in trainer.permits):
        return Result("T11", own.level, True, "T11-visa", {"country": there.country_names})
    return Result("T11", own.level, False, "T11-needed", {"country": there.country_names, "lead": lead, "n": max((slot.first - slot.today).days, 0)})


def _not_cleared(place: Place, slot: SlotFacts, trainer: TrainerFacts) -> tuple[str, dict[str, Any]] | None:
    """What is wrong with his clearance for a place; where none is asked for, still one that was given and runs out. Who serves there needs none."""
    held = [one for one in trainer.permits if one.kind == "site" and one.office and place.path.startswith(one.office)]
    if any(_permits(one.valid_from, one.valid_to, slot) for one in held):
        return None
    longest = max(held, key=lambda one: one.valid_to or date.max, default=None)
    ends = longest.valid_to if longest is not None and longest.valid_to is not None and longest.valid_to < slot.last else None
    if not place.clearance or place.path == trainer.home.path:
        return ("T11-site", {"place": place.names, "to": ends, "last": slot.last}) if ends else None
    data = {"place": place.names, "clearance": place.clearance}
    if longest is None:
        return "T11-clearance-none", data
    if ends is not None:
        return "T11-clearance-ends", data | {"to": ends, "last": slot.last}
    return "T11-clearance-later", data | {"since": longest.valid_from, "first": slot.first}


def _permits(valid_from: date, valid_to: date | None, slot: SlotFacts) -> bool:
    return valid_from <= slot.first and (valid_to is None or slot.last <= valid_to)


def cost_of(slot: SlotFacts, home: Place, own: Setting, days: Mapping[str, int]) -> int:
    """Estimate for somebody from `home`: the way both ways and an allowance for each day away, in the pool's currency."""
    there = slot.where
    if there is None or there.path == home.path:
        return 0
    found = way(slot, home, there, days, own.numbers)
    if found.days == 0 and found.cost == 0:
        return 0
    teaching = len({span.day for span in slot.spans})
    return found.cost + own.numbers["allowance"] * (teaching + 2 * found.days)


def _cost(slot: SlotFacts, trainer: TrainerFacts, own: Setting, asking: Asking) -> Found:
    days = asking.settings["T6"].numbers
    cost = cost_of(slot, trainer.home, own, days)
    if slot.budget is None:
        return Result("T12", own.level, True, "T12-none", {"cost": cost})
    left = slot.budget - sum(cost_of(slot, one.home, own, days) for one in slot.company if one.home is not None and one.role != "remote")
    data = {"cost": cost, "budget": max(left, 0)}
    if cost > max(left, 0):
        return Result("T12", own.level, False, "T12-over", data, most=own.weight)
    points = _share(own.weight, left - cost, left) if left > 0 else own.weight
    return Result("T12", own.level, True, "T12-fits", data, points=points, most=own.weight)


def sexes_wanted(slot: SlotFacts) -> frozenset[str]:
    """The sexes of which somebody has to teach in the room: of those with a seat, where searching persons is practised there."""
    return slot.sexes if slot.searches and slot.mode != "online" else frozenset()


def _paired(slot: SlotFacts, trainer: TrainerFacts, own: Setting, _asking: Asking) -> Found:
    company = {one.trainer_id for one in slot.company}
    # A required partner may still come into another slot: until then the draft waits, it is not barred.
    wrong = [
        Result("T13", level, False, f"T13-{kind}", {"name": pair.name}, most=own.weight)
        for kind, level in (("forbidden", own.level), ("required", _milder(own.level, R)), ("mentor", P))
        for pair in trainer.pairs if pair.kind == kind and (pair.other_id in company) == (kind == "forbidden")
    ]
    wanted = sexes_wanted(slot) if slot.role in IN_ROOM else frozenset()
    missing = wanted - {one.sex for one in slot.company if one.role in IN_ROOM} - {trainer.sex}
    if len(missing) > slot.in_room_open:
        # Another slot can be added: so the draft waits here too.
        wrong.append(Result("T13", _milder(own.level, R), False, f"T13-search-{''.join(sorted(missing))}", most=own.weight))
    elif missing:
        wrong.append(Result("T13", P, False, "T13-search-later", most=own.weight))
    if wrong:
        return min(wrong, key=_strictness)
    good = next((pair for pair in trainer.pairs if pair.kind != "forbidden"), None)
    if good is None:
        return Result("T13", own.level, True, "T13-search-fits" if wanted else "T13-none", points=own.weight, most=own.weight)
    return Result("T13", own.level, True, "T13-fits", {"name": good.name}, points=own.weight, most=own.weight)


def _independent(slot: SlotFacts, trainer: TrainerFacts, own: Setting, _asking: Asking) -> Found:
    if slot.role != "assessor":
        return None
    total, same = sum(slot.trainees.values()), slot.trainees.get(trainer.home.path, 0)
    if same:
        return Result("T14", own.level, False, "T14-own", {"n": same, "total": total})
    return Result("T14", own.level, True, "T14-fits", {"total": total})


def _connected(slot: SlotFacts, trainer: TrainerFacts, own: Setting, _asking: Asking) -> Found:
    if slot.mode != "online" and slot.role != "remote":
        return None
    if trainer.connection_tested_on is None:
        return Result("T15", own.level, False, "T15-none")
    ago, most = max((slot.today - trainer.connection_tested_on).days, 0), own.numbers["days"]
    if ago > most:
        return Result("T15", own.level, False, "T15-old", {"n": ago, "most": most})
    return Result("T15", own.level, True, "T15-fits", {"n": ago})


def _recent(slot: SlotFacts, trainer: TrainerFacts, own: Setting, _asking: Asking) -> Found:
    if slot.role in ("interpreter", "remote"):
        return None
    months = own.numbers["months"]
    if trainer.same_run:
        return Result("T16", own.level, True, "T16-same", points=own.weight, most=own.weight)
    if not trainer.taught:
        return Result("T16", own.level, False, "T16-none", {"months": months}, most=own.weight)
    return Result(
        "T16", own.level, True, "T16-taught", {"months": months, "n": trainer.taught}, points=_share(own.weight, trainer.taught, 3), most=own.weight,
    )


def _evaluated(slot: SlotFacts, trainer: TrainerFacts, own: Setting, _asking: Asking) -> Found:
    if not own.weight or slot.role in ("interpreter", "remote"):
        return None
    if trainer.marked >= ENOUGH_MARKS:
        mark, key = Fraction(trainer.marks, trainer.marked), "T17-marks"
    else:
        mark, key = (trainer.marks + (ENOUGH_MARKS - trainer.marked) * slot.mean_mark) / ENOUGH_MARKS, "T17-few"
    points = _share(own.weight, mark.numerator - mark.denominator, 4 * mark.denominator)
    return Result("T17", own.level, True, key, {"mark": _tenth(mark), "n": trainer.marked}, points=points, most=own.weight)


def _preferred(slot: SlotFacts, trainer: TrainerFacts, own: Setting, _asking: Asking) -> Found:
    stated = trainer.prefers if trainer.prefers_to is None or trainer.prefers_to >= slot.first else ""
    if stated == slot.mode:
        return Result("T18", own.level, True, "T18-fits", points=own.weight, most=own.weight)
    if stated:
        return Result("T18", own.level, False, "T18-other", {"mode": MODES[stated]}, most=own.weight)
    return Result("T18", own.level, True, "T18-none", points=own.weight // 2, most=own.weight)


CHECKS: Mapping[str, Callable[[SlotFacts, TrainerFacts, Setting, Asking], Found]] = {
    "T1": _accredited, "T2": _role, "T3": _language, "T4": _booked, "T5": _absent, "T6": _travel, "T7": _rest, "T8": _load, "T9": _fair,
    "T10": _released, "T11": _entry, "T12": _cost, "T13": _paired, "T14": _independent, "T15": _connected, "T16": _recent, "T17": _evaluated,
    "T18": _preferred,
}


# ---- two slots for one trainer ---------------------------------------------------------------------------------------


def go_together(slot: SlotFacts, other: SlotFacts, settings: Mapping[str, Setting] = DEFAULTS) -> bool:
    """Whether one person could take both: they do not overlap, and there is time to travel and to rest between them."""
    here = slot.where or slot.place
    somebody = TrainerFacts(
        slot.slot_id, slot.slot_id, "", "", here.country, here, "regional", "abroad", busy=tuple(Busy(span, other.code, other.path, other.role) for span in other.spans),
    )
    asking = Asking(settings, lambda _path: True)
    return all((found := CHECKS[code](slot, somebody, settings[code], asking)) is None or found.ok for code in ("T4", "T6", "T7"))


# ---- what would have to change ---------------------------------------------------------------------------------------

MOST_DAYS_MOVED = 14
MOST_CHANGES = 3


@dataclass(frozen=True)
class Change:
    """What would have to change so that somebody fits: kind move | language | split | role | remote."""

    trainer_id: uuid.UUID
    name: str
    country: str
    kind: str
    message: Message
    verdict: Verdict  # what the constraints would say then


def closest(
    slot: SlotFacts, trainers: Iterable[TrainerFacts], settings: Mapping[str, Setting] = DEFAULTS, sees: Sees = lambda _path: True, most: int = MOST_CHANGES,
) -> list[Change]:
    """The trainers for whom least would have to change, each with his smallest change: another date, language, role, or from afar."""
    found = []
    for trainer in trainers:
        changes = [one for one in _changes(slot, trainer, settings, sees) if one[1].verdict.group != "not-available"]
        if changes:
            found.append(min(changes, key=lambda one: (one[1].verdict.group != "suggested", one[0])))
    ordered = sorted(found, key=lambda one: (one[1].verdict.group != "suggested", one[0], -one[1].verdict.total, one[1].verdict.sort_key, one[1].trainer_id.bytes))
    return [change for _, change in ordered[:most]]


def _changes(slot: SlotFacts, trainer: TrainerFacts, settings: Mapping[str, Setting], sees: Sees) -> list[tuple[int, Change]]:
    """Changes that would help, each with how much it asks of the others."""
    blocking = {one.code for one in judge(slot, trainer, settings, sees).results if not one.ok and one.level is B}
    who = (trainer.trainer_id, trainer.name, trainer.country)
    found = []
    if blocking and blocking <= {"T4", "T5"}:
        for n in range(1, MOST_DAYS_MOVED + 1):
            for days in (n, -n):
                if slot.first + timedelta(days=days) <= slot.today:
                    continue
                moved = judge(_moved(slot, days), trainer, settings, sees)
                if moved.group != "not-available":
                    key = "later" if days > 0 else "earlier"
                    found.append((n, Change(*who, "move", replace(CHANGES[key], params={"n": n, "first": slot.first + timedelta(days=days)}), moved)))
            if found:
                break
        free = [span for span in slot.spans if judge(replace(slot, spans=(span,)), trainer, settings, sees).group != "not-available"]
        if free and len(free) < len(slot.spans):
            part = judge(replace(slot, spans=tuple(free)), trainer, settings, sees)
            found.append((4, Change(*who, "split", replace(CHANGES["split"], params={"n": len(free), "total": len(slot.spans)}), part)))
    if blocking == {"T3"}:
        for tag, level in sorted(trainer.languages.items()):
            if tag != slot.language and CEFR.index(level) >= CEFR.index(slot.language_level):
                other = judge(replace(slot, language=tag), trainer, settings, sees)
                found.append((6, Change(*who, "language", replace(CHANGES["language"], params={"language": Tongue(tag), "level": level}), other)))
                break
    if blocking == {"T2"} and slot.role == "lead":
        held = judge(replace(slot, role="co"), trainer, settings, sees)
        found.append((8, Change(*who, "role", CHANGES["role"], held)))
    if slot.where is not None and slot.role in ("lead", "co", "assistant") and not blocking & {"T1", "T3", "T4", "T5"}:
        from_afar = judge(replace(slot, role="remote", spans=tuple(replace(span, place=None) for span in slot.spans)), trainer, settings, sees)
        found.append((10, Change(*who, "remote", CHANGES["remote"], from_afar)))
    return found


def _moved(slot: SlotFacts, days: int) -> SlotFacts:
    by = timedelta(days=days)
    return replace(slot, spans=tuple(replace(one, starts=one.starts + by, ends=one.ends + by, day=one.day + by, last=one.last + by) for one in slot.spans))


CHANGES: Mapping[str, Message] = {
    "later": say("change of a slot", "Fits when the session begins on {first}, later by days: {n}."),
    "earlier": say("change of a slot", "Fits when the session begins on {first}, earlier by days: {n}."),
    "split": say("change of a slot", "Could take {n} of {total} meetings: split the slot between two."),
    "language": say("change of a slot", "Fits when it is taught in this language: {language} ({level})."),
    "role": say("change of a slot", "Could be co-trainer: somebody else leads."),
    "remote": say("change of a slot", "Could support over the link: somebody else teaches in the room."),
}
