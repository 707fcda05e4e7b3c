"""What follows from a course's content: its fingerprint, whether its tests can be drawn, what a trainee does next. Pure."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction

from app.courses.content import BlueprintRow, CourseContent, Quiz

_ADDED_TO_COMPLETION = {"counts": "best", "hours": None, "practicals": "none", "retest": None}


def content_hash(content: CourseContent) -> str:
    """The same for the same content, on every machine, whatever the order in which a database keeps keys."""
    dumped = content.model_dump(mode="json")
    for part, added in ((dumped, {"practicals": [], "timetable": []}), (dumped["completion"], _ADDED_TO_COMPLETION)):
        for name, unused in added.items():
            if part[name] == unused:
                del part[name]  # a course that does not use what a later release added keeps its fingerprint
    for quiz in dumped["quizzes"]:
        if quiz["harmless"] is None:
            del quiz["harmless"]
    data = json.dumps(dumped, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(data.encode()).hexdigest()


@dataclass(frozen=True)
class Short:
    """A row of a blueprint for which the bank holds too few questions."""

    quiz: int
    row: int
    outcome: str
    needed: int
    there: int
    other: str | None
    """The quiz whose questions are left out first, for a parallel one."""


def shortfalls(quizzes: list[Quiz], bank: Counter[str]) -> Iterator[Short]:
    """The rows that cannot be filled from a bank with so many questions an outcome.

    A parallel quiz draws from what the other one has left: nobody meets a question of his pre-test again.
    """
    by_id = {quiz.id: quiz for quiz in quizzes}
    for number, quiz in enumerate(quizzes):
        other = by_id.get(quiz.parallel_to or "")
        taken = Counter({row.outcome: row.items for row in other.blueprint}) if other else Counter[str]()
        for place, row in enumerate(quiz.blueprint):
            there = bank[row.outcome] - taken[row.outcome]
            if there < row.items:
                yield Short(number, place, row.outcome, row.items, max(there, 0), other.id if other else None)


@dataclass(frozen=True)
class Betraying:
    """A quiz whose pictures give away that there is always something to find."""

    quiz: int
    pictures: int
    harmless: int


def betraying(quizzes: list[Quiz], bank: Iterable[tuple[str, bool | None]]) -> Iterator[Betraying]:
    """The quizzes with too few harmless pictures among those to search that they can draw (PLY-13).

    The bank is outcome and `Question.harmless` of each question. A quiz without anything to find needs none.
    """
    searched = [(outcome, harmless) for outcome, harmless in bank if harmless is not None]
    for number, quiz in enumerate(quizzes):
        outcomes = {row.outcome for row in quiz.blueprint}
        drawn = [harmless for outcome, harmless in searched if outcome in outcomes]
        if not all(drawn) and 100 * sum(drawn) < quiz.harmless_percent * len(drawn):
            yield Betraying(number, len(drawn), sum(drawn))


def same_blueprint(one: list[BlueprintRow], other: list[BlueprintRow]) -> bool:
    """Whether two quizzes ask as many items of each outcome."""
    return {row.outcome: row.items for row in one} == {row.outcome: row.items for row in other}


def bank_by_outcome(content: CourseContent) -> Counter[str]:
    """How many questions the bank holds for each outcome."""
    return Counter(question.outcome for question in content.bank.values())


# ---- where a trainee stands ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LessonState:
    """How far a trainee is in a lesson."""

    id: str
    pages: int
    read: frozenset[int] = frozenset()
    page: int = 1
    """Where to go on."""
    visited: float = 0
    """Larger is later; 0 for never."""

    @property
    def done(self) -> bool:
        """Whether every page has been read."""
        return all(page in self.read for page in range(1, self.pages + 1))

    @property
    def unread(self) -> list[int]:
        """The pages that are left."""
        return [page for page in range(1, self.pages + 1) if page not in self.read]


@dataclass(frozen=True)
class QuizState:
    """How far a trainee is with a quiz. Scores in millionths."""

    id: str
    kind: str
    allowed: int
    """How many attempts; 0 for as many as wanted."""
    ended: int = 0
    open: bool = False
    best: int | None = None
    passed: bool = False
    being_marked: bool = False
    """An attempt is handed in and has no result yet."""

    @property
    def left(self) -> bool:
        """Whether one more attempt is allowed."""
        return not self.allowed or self.ended < self.allowed


class Next(Enum):
    """What a trainee does next in a course."""

    OPEN_TEST = "go on with the test that is open"
    PRE_TEST = "take the pre-test"
    LESSON = "read on"
    PRACTICAL = "do the practical task and hand it in"
    TEST = "take the test"
    PASSED = "nothing: passed"
    DONE = "nothing: all read, and the course has no test"
    BEING_MARKED = "nothing: a trainer marks the test"
    NO_ATTEMPT_LEFT = "nothing here: the trainer or class manager decides"


@dataclass(frozen=True)
class Step:
    """The one thing to do next, and where."""

    what: Next
    lesson: str = ""
    page: int = 1
    quiz: str = ""
    practical: str = ""


def next_step(lessons: list[LessonState], tests: list[QuizState], practicals: Sequence[str] = ()) -> Step:
    """The pre-test first, then the lesson where he stopped, then practical work, then the final test.

    A test that is open goes before all. `practicals`: those that wait for the trainee to hand something in.
    """
    for test in tests:
        if test.open:
            return Step(Next.OPEN_TEST, quiz=test.id)
    for test in tests:
        if test.kind == "pre-test" and not test.ended:
            return Step(Next.PRE_TEST, quiz=test.id)
    unfinished = [lesson for lesson in lessons if not lesson.done]
    if unfinished:
        here = max(unfinished, key=lambda lesson: lesson.visited)
        lesson = here if here.visited else unfinished[0]
        return Step(
            Next.LESSON, lesson=lesson.id, page=lesson.page if lesson.page in lesson.unread else lesson.unread[0]
        )
    if practicals:
        return Step(Next.PRACTICAL, practical=practicals[0])
    finals = [test for test in tests if test.kind in ("post-test", "exam")]
    for test in finals:
        if test.being_marked and not test.passed:
            return Step(Next.BEING_MARKED, quiz=test.id)
        if not test.passed and test.left:
            return Step(Next.TEST, quiz=test.id)
    if not finals:
        return Step(Next.DONE)
    stuck = next((test for test in finals if not test.passed), None)
    return Step(Next.NO_ATTEMPT_LEFT, quiz=stuck.id) if stuck else Step(Next.PASSED, quiz=finals[-1].id)


def share_read(lessons: list[LessonState]) -> Fraction:
    """How much of a course has been read, by pages."""
    pages = sum(lesson.pages for lesson in lessons)
    return (
        Fraction(sum(len(lesson.read & set(range(1, lesson.pages + 1))) for lesson in lessons), pages)
        if pages
        else Fraction(0)
    )
