"""Rules of a class day: which steps it has, which one is now, who sits where in which wave. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from app.errors import Message, say

# ---- the parts that a day has ----------------------------------------------------------------------------------------


class Kind(StrEnum):
    """A step of a class day."""

    OPEN = "open"
    SIGN_IN = "sign-in"
    TEST = "test"
    LESSONS = "lessons"
    PAPERS = "papers"
    CLOSE = "close"


@dataclass(frozen=True)
class Part:
    """Something that a day holds: a supervised test, or its lessons."""

    kind: Kind
    quiz: str = ""


@dataclass(frozen=True)
class Planned:
    """A supervised test of the course, as far as planning goes."""

    id: str
    kind: str  # pre-test | post-test | exam


def parts_of_day(
    items: Iterable[tuple[str, str | None]], quizzes: Sequence[Planned], *, first: bool, last: bool, also: Iterable[str] = ()
) -> tuple[Part, ...]:
    """What a day holds, in order.

    `items` are the (kind, ref) lines of its timetable. Without any line that says something, a pre-test is taken on
    the first day and the final tests on the last. `also` are tests that were started on this day all the same: they
    stand at their place even when nobody had planned them.
    """
    known = {quiz.id: quiz for quiz in quizzes}
    told = [(kind, ref) for kind, ref in items if kind in ("lesson", "practical") or (kind == "quiz" and ref in known)]
    parts: list[Part] = []
    if told:
        for kind, ref in told:
            part = Part(Kind.TEST, ref or "") if kind == "quiz" else Part(Kind.LESSONS)
            if part not in parts:
                parts.append(part)
    else:
        parts += [Part(Kind.TEST, quiz.id) for quiz in quizzes if first and quiz.kind == "pre-test"]
        parts.append(Part(Kind.LESSONS))
        parts += [Part(Kind.TEST, quiz.id) for quiz in quizzes if last and quiz.kind != "pre-test"]
    for quiz in also:
        part = Part(Kind.TEST, quiz)
        if quiz in known and part not in parts:
            parts.insert(0 if known[quiz].kind == "pre-test" else len(parts), part)
    return tuple(parts)


# ---- which step is now -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DayTest:
    """A supervised test of the day, counted."""

    quiz: str
    expected: int = 0  # people in class who may take it
    handed_in: int = 0
    at_work: int = 0  # open attempts
    running: int | None = None  # the wave that it is started for; 0: everybody, None: not started now
    done_waves: frozenset[int] = frozenset()  # waves that it was started for and ended

    @property
    def started(self) -> bool:
        """Whether it was ever started for the room."""
        return self.running is not None or bool(self.done_waves)


@dataclass(frozen=True)
class Facts:
    """What decides where a class day is."""

    parts: tuple[Part, ...] = ()
    tests: Mapping[str, DayTest] | None = None
    opened: bool = False
    closed: bool = False
    expected: int = 0  # people in class
    seated: int = 0  # signed in today
    slips: int = 0  # people with a PIN that holds
    lessons_begun: bool = False
    lessons_over: bool = False
    waves: int = 1
    cut: bool = False  # the room is paused by an outage

    def test(self, quiz: str) -> DayTest:
        """A test of the day; one that nobody has touched when nothing is known of it."""
        return (self.tests or {}).get(quiz, DayTest(quiz, expected=self.expected))


class State(StrEnum):
    """How far a step is."""

    DONE = "done"
    NOW = "now"
    PAUSED = "paused"
    NEXT = "next"


@dataclass(frozen=True)
class Step:
    """One step of the day."""

    kind: Kind
    state: State
    quiz: str = ""


def next_wave(test: DayTest, waves: int) -> int | None:
    """The wave to start next; 0: everybody at once, None: all have had it."""
    if 0 in test.done_waves:
        return None
    if waves <= 1:
        return None if test.done_waves else 0
    return next((wave for wave in range(1, waves + 1) if wave not in test.done_waves), None)


def over(test: DayTest, waves: int) -> bool:
    """Whether a test is behind the room: not started now, and every wave has had it."""
    return test.running is None and next_wave(test, waves) is None


def steps(facts: Facts) -> tuple[Step, ...]:
    """The steps of the day; exactly one is now (or paused) until the class is closed.

    A step is over when its facts say so, or when something after it has begun: nobody presses "next" while a test runs.
    """
    kinds = [Part(Kind.OPEN), Part(Kind.SIGN_IN), *facts.parts, Part(Kind.PAPERS), Part(Kind.CLOSE)]
    if facts.closed:
        return tuple(Step(part.kind, State.DONE, part.quiz) for part in kinds)
    at = _now(facts, kinds)
    return tuple(
        Step(
            part.kind,
            State.DONE if n < at else (State.PAUSED if facts.cut and part.kind is Kind.TEST else State.NOW) if n == at else State.NEXT,
            part.quiz,
        )
        for n, part in enumerate(kinds)
    )


def _now(facts: Facts, kinds: Sequence[Part]) -> int:
    if not facts.opened:
        return 0
    for n, part in enumerate(kinds):
        if part.kind is Kind.TEST and facts.test(part.quiz).running is not None:
            return n
    begun = [n for n, part in enumerate(kinds) if _begun(facts, part)]
    for n, part in enumerate(kinds):
        behind = any(later > n for later in begun)
        if part.kind is Kind.OPEN or (part.kind is Kind.SIGN_IN and (behind or 0 < facts.expected <= facts.seated)):
            continue
        if part.kind is Kind.LESSONS and (facts.lessons_over or behind):
            continue
        if part.kind is Kind.TEST and over(facts.test(part.quiz), facts.waves):
            continue
        return n
    return len(kinds) - 1


def _begun(facts: Facts, part: Part) -> bool:
    if part.kind is Kind.LESSONS:
        return facts.lessons_begun or facts.lessons_over
    return part.kind is Kind.TEST and facts.test(part.quiz).started


def after(all_steps: Sequence[Step]) -> Step | None:
    """The step that comes after the one that is now."""
    for n, step in enumerate(all_steps[:-1]):
        if step.state in (State.NOW, State.PAUSED):
            return all_steps[n + 1]
    return None


class Deed(StrEnum):
    """The one thing to do now."""

    OPEN_CLASS = "open-class"
    PRINT_SLIPS = "print-slips"
    WAIT = "wait"  # nobody has signed in yet
    START_TEST = "start-test"
    END_TEST = "end-test"
    FINISH_TEST = "finish-test"  # all have handed in: nothing is left to ask
    RESUME = "resume"
    BEGIN_LESSONS = "begin-lessons"
    END_LESSONS = "end-lessons"
    PAPERS = "papers"
    NOTHING = "nothing"  # the class is closed


def deed(facts: Facts) -> tuple[Deed, Step | None]:
    """The one button of the page, and the step that it is about."""
    every = steps(facts)
    if facts.closed:
        return Deed.NOTHING, None
    now = next(step for step in every if step.state in (State.NOW, State.PAUSED))
    if facts.cut:
        return Deed.RESUME, now
    if now.kind is Kind.SIGN_IN:
        if not facts.slips and facts.expected:
            return Deed.PRINT_SLIPS, now
        if not facts.seated:
            return Deed.WAIT, now
        following = after(every)
        return _deed_of(facts, following) if following else (Deed.PAPERS, now)
    return _deed_of(facts, now)


def _deed_of(facts: Facts, step: Step) -> tuple[Deed, Step]:
    match step.kind:
        case Kind.OPEN:
            return Deed.OPEN_CLASS, step
        case Kind.LESSONS:
            return (Deed.END_LESSONS if facts.lessons_begun else Deed.BEGIN_LESSONS), step
        case Kind.TEST:
            test = facts.test(step.quiz)
            if test.running is None:
                return Deed.START_TEST, step
            return (Deed.END_TEST if test.at_work or not test.handed_in else Deed.FINISH_TEST), step
        case _:
            return Deed.PAPERS, step


# ---- seats and waves -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """Where somebody sits, and in which wave."""

    person: Hashable
    seat: Hashable
    wave: int


def waves_needed(people: int, seats: int, at_one: int = 1) -> int:
    """How many waves a group takes at so many working PCs. 0 when there is no PC or nobody."""
    room = seats * at_one
    return -(-people // room) if room and people else 0


def propose(people: Sequence[Hashable], seats: Sequence[Hashable], *, at_one: int = 1, keep: Mapping[Hashable, Hashable] | None = None) -> list[Place]:
    """Seats and waves for a group: everybody once, at most `at_one` people at a PC in a wave, waves as equal as can be.

    `seats` are the PCs that work. `keep` says who has a seat already: he stays at it where his wave allows it.
    Nobody gets a place when there is no PC.
    """
    count = waves_needed(len(people), len(seats), at_one)
    if not count:
        return []
    size, more = divmod(len(people), count)
    places: list[Place] = []
    begin = 0
    for wave in range(1, count + 1):
        group = people[begin : begin + size + (wave <= more)]
        begin += len(group)
        places += [Place(person, seat, wave) for person, seat in _seats_for(group, seats, at_one, keep or {})]
    return places


def _seats_for(
    group: Sequence[Hashable], seats: Sequence[Hashable], at_one: int, keep: Mapping[Hashable, Hashable]
) -> list[tuple[Hashable, Hashable]]:
    known, taken, found = set(seats), Counter[Hashable](), {}
    for person in group:
        if (wish := keep.get(person)) in known and wish is not None and taken[wish] < at_one:
            found[person] = wish
            taken[wish] += 1
    # One at each PC first; a second one sits down only when every PC has somebody.
    free = iter([seat for level in range(at_one) for seat in seats if taken[seat] <= level])
    return [(person, found.get(person) if person in found else next(free)) for person in group]


def clashes(places: Iterable[Place], working: Iterable[Hashable]) -> dict[Hashable, Message]:
    """What is wrong with a plan made by hand: for each person whose seat is broken or somebody else's in his wave."""
    works, by_seat, wrong = set(working), dict[tuple[Hashable, int], Hashable](), dict[Hashable, Message]()
    for place in places:
        if place.seat is None:
            continue
        if place.seat not in works:
            wrong[place.person] = say("seating", "This seat is out of order.")
        elif (place.seat, place.wave) in by_seat:
            wrong[place.person] = say("seating", "Somebody else has this seat in this wave.")
        else:
            by_seat[place.seat, place.wave] = place.person
    return wrong


# ---- the daily check -------------------------------------------------------------------------------------------------

CHECK: Mapping[str, Message] = {
    "server": say("check", "Server"),
    "pcs": say("check", "PCs"),
    "projector": say("check", "Projector"),
    "light": say("check", "Light and ventilation"),
    "power": say("check", "Power"),
    "line": say("check", "Line"),
}
"""The points of the look round a classroom before a day's work, in the order of walking."""

FOUND: Mapping[str, Message] = {
    "ok": say("check", "in order"),
    "fault": say("check", "not in order"),
    "skipped": say("check", "not looked at"),
}


# ---- days ------------------------------------------------------------------------------------------------------------


def days_of_run(starts_on: date, ends_on: date, meetings: Iterable[date]) -> tuple[date, ...]:
    """The class days of a run: those of its meetings, or every day from first to last when none is planned."""
    planned = sorted(set(meetings))
    if planned:
        return tuple(planned)
    return tuple(date.fromordinal(n) for n in range(starts_on.toordinal(), ends_on.toordinal() + 1))


def nearest_day(days: Sequence[date], today: date) -> date:
    """The day to open: today, else the next one, else the last."""
    return next((day for day in days if day >= today), days[-1])
