"""Rules of progress: what is still missing for a course, the verdict on it, and the gain between two tests. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from app.errors import Message, say

FEWEST_PAIRS = 5  # a mean of fewer people would tell about single ones

# ---- completion ------------------------------------------------------------------------------------------------------


class Missing(StrEnum):
    """What a trainee still has to do; nothing of it is left when the course is completed."""

    LESSONS = "lessons"
    TEST_NOT_TAKEN = "test-not-taken"
    BEING_MARKED = "being-marked"
    SCORE_TOO_LOW = "score-too-low"
    NO_ATTEMPT_LEFT = "no-attempt-left"
    PRACTICALS = "practicals"
    HOURS = "hours"


class Verdict(StrEnum):
    """What a course came to for a person."""

    COMPLETED = "completed"
    PARTICIPATED = "participated"
    NOT_STARTED = "not-started"


VERDICTS: Mapping[Verdict, Message] = {
    Verdict.COMPLETED: say("verdict", "completed"),
    Verdict.PARTICIPATED: say("verdict", "participated"),
    Verdict.NOT_STARTED: say("verdict", "not started"),
}


@dataclass(frozen=True)
class Facts:
    """All that completion depends on. Practicals and hours count once a course asks for them."""

    lessons_read: int = 0
    lessons_required: int = 0
    counted_score: Fraction | None = None  # of the final test, by the attempt that counts; None: not handed in or not marked
    being_marked: bool = False  # it is handed in, and a trainer has still to mark an answer
    pass_mark: Fraction = Fraction(0)
    attempts: int = 0  # of the final test, the one that runs included
    attempts_allowed: int = 0  # 0: as many as one likes
    has_test: bool = True  # the course ends with a test
    practicals_passed: int = 0
    practicals_required: int = 0
    hours_attended: Fraction = Fraction(0)
    hours_required: Fraction = Fraction(0)
    started: bool = False  # a page read, or any test begun


def missing(facts: Facts) -> list[Missing]:
    """What the trainee still has to do, in the order of doing; completed when empty."""
    todo = []
    if facts.lessons_read < facts.lessons_required:
        todo.append(Missing.LESSONS)
    if facts.has_test and facts.counted_score is None:
        todo.append(Missing.BEING_MARKED if facts.being_marked else Missing.TEST_NOT_TAKEN)
    elif facts.has_test and facts.counted_score is not None and facts.counted_score < facts.pass_mark:
        todo.append(Missing.SCORE_TOO_LOW)
        if 0 < facts.attempts_allowed <= facts.attempts:
            todo.append(Missing.NO_ATTEMPT_LEFT)
    if facts.practicals_passed < facts.practicals_required:
        todo.append(Missing.PRACTICALS)
    if facts.hours_attended < facts.hours_required:
        todo.append(Missing.HOURS)
    return todo


def verdict(facts: Facts) -> Verdict:
    """Completed, participated, or not started: the same for the trainee, the trainer and the certificate."""
    if not missing(facts):
        return Verdict.COMPLETED
    started = facts.started or facts.lessons_read or facts.attempts or facts.hours_attended or facts.practicals_passed
    return Verdict.PARTICIPATED if started else Verdict.NOT_STARTED


def passed(facts: Facts) -> bool:
    """Whether the final test is passed, whatever else is missing."""
    return facts.counted_score is not None and facts.counted_score >= facts.pass_mark


def in_words(facts: Facts) -> list[Message]:
    """What is missing, as sentences with the figures in them."""
    return [_SENTENCES[one](facts) for one in missing(facts)]


def _percent(share: Fraction) -> int:
    return int(share * 100)  # downwards: 79.9 is not shown as the 80 that would have passed


_SENTENCES = {
    Missing.LESSONS: lambda f: say("missing", "{n} of {total} lessons are not read to the end", n=f.lessons_required - f.lessons_read, total=f.lessons_required),
    Missing.TEST_NOT_TAKEN: lambda f: say("missing", "The final test is not taken"),
    Missing.BEING_MARKED: lambda f: say("missing", "The final test is handed in and being marked"),
    Missing.SCORE_TOO_LOW: lambda f: say(
        "missing", "The final test has {score} %, {mark} % are needed", score=_percent(f.counted_score or Fraction(0)), mark=_percent(f.pass_mark),
    ),
    Missing.NO_ATTEMPT_LEFT: lambda f: say("missing", "All {n} attempts are used: ask the trainer", n=f.attempts_allowed),
    Missing.PRACTICALS: lambda f: say("missing", "{n} practical tasks are not passed", n=f.practicals_required - f.practicals_passed),
    Missing.HOURS: lambda f: say(
        "missing", "{hours} of {needed} hours attended", hours=_hours(f.hours_attended), needed=_hours(f.hours_required),
    ),
}


def _hours(hours: Fraction) -> str:
    return str(int(hours)) if hours.denominator == 1 else f"{float(hours):.1f}"


# ---- gain ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Gain:
    """What somebody learned between pre-test and post-test, in the three ways it is stated. Shares of 1."""

    points: Fraction  # post – pre
    relative: Fraction | None  # (post – pre) / pre; not defined when pre is 0
    normalised: Fraction | None  # (post – pre) / (1 – pre); not defined when pre is 1


def gain(pre: Fraction | None, post: Fraction | None) -> Gain | None:
    """The gain of one person; None unless both tests were taken."""
    if pre is None or post is None:
        return None
    points = post - pre
    return Gain(points, points / pre if pre else None, points / (1 - pre) if pre != 1 else None)


@dataclass(frozen=True)
class Means:
    """Means of the people who have both tests, with how many they are."""

    pairs: int
    pre: Fraction
    post: Fraction
    points: Fraction

    @property
    def shown(self) -> bool:
        """Whether there are enough people; else the page says "n < 5"."""
        return self.pairs >= FEWEST_PAIRS


def means(scores: Iterable[tuple[Fraction | None, Fraction | None]]) -> Means | None:
    """The means of a group; who lacks one of the tests is in none of them. None without any pair."""
    pairs = [(pre, post) for pre, post in scores if pre is not None and post is not None]
    if not pairs:
        return None
    n = len(pairs)
    pre, post = sum((one for one, _ in pairs), Fraction(0)) / n, sum((two for _, two in pairs), Fraction(0)) / n
    return Means(n, pre, post, post - pre)
