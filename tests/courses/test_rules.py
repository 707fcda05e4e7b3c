"""Rules of courses: what a trainee does next, and whether tests can be drawn."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.courses import rules
from app.courses.content import BlueprintRow, Quiz
from app.courses.rules import LessonState, Next, QuizState, Step

PRE = QuizState("pre", "pre-test", allowed=1)
PRE_TAKEN = QuizState("pre", "pre-test", allowed=1, ended=1, best=400_000)
POST = QuizState("post", "post-test", allowed=2)
NEW = [LessonState("a", 3), LessonState("b", 2)]
READ = [LessonState("a", 3, frozenset({1, 2, 3})), LessonState("b", 2, frozenset({1, 2}))]

STEPS = [
    ("the pre-test comes first", NEW, [PRE, POST], Step(Next.PRE_TEST, quiz="pre")),
    ("then the first lesson", NEW, [PRE_TAKEN, POST], Step(Next.LESSON, lesson="a", page=1)),
    ("a course may have no pre-test", NEW, [POST], Step(Next.LESSON, lesson="a", page=1)),
    ("he goes on at his page", [LessonState("a", 3, frozenset({1}), page=2, visited=5), NEW[1]], [PRE_TAKEN], Step(Next.LESSON, lesson="a", page=2)),
    ("also in a later lesson that he chose", [NEW[0], LessonState("b", 2, frozenset({1}), page=2, visited=5)], [PRE_TAKEN], Step(Next.LESSON, lesson="b", page=2)),
    ("then in the one left out", [NEW[0], LessonState("b", 2, frozenset({1, 2}), page=2, visited=5)], [PRE_TAKEN], Step(Next.LESSON, lesson="a", page=1)),
    ("a page left out is not lost", [LessonState("a", 3, frozenset({1, 3}), page=3, visited=5)], [], Step(Next.LESSON, lesson="a", page=2)),
    ("when all is read, the final test", READ, [PRE_TAKEN, POST], Step(Next.TEST, quiz="post")),
    ("a second attempt, if there is one", READ, [PRE_TAKEN, QuizState("post", "post-test", 2, ended=1, best=1)], Step(Next.TEST, quiz="post")),
    ("no attempt left is said", READ, [QuizState("post", "post-test", 2, ended=2, best=1)], Step(Next.NO_ATTEMPT_LEFT, quiz="post")),
    ("any number of attempts", READ, [QuizState("post", "post-test", 0, ended=9, best=1)], Step(Next.TEST, quiz="post")),
    ("passed", READ, [QuizState("post", "post-test", 2, ended=1, best=900_000, passed=True)], Step(Next.PASSED, quiz="post")),
    ("a test that is open goes before all", NEW, [PRE, QuizState("post", "post-test", 2, open=True)], Step(Next.OPEN_TEST, quiz="post")),
    ("a course without a test", READ, [], Step(Next.DONE)),
]  # fmt: skip


@pytest.mark.parametrize(("case", "lessons", "quizzes", "step"), STEPS, ids=[case for case, *_ in STEPS])
@pytest.mark.goal("PLY-01")
def test_there_is_one_thing_to_do_next(case: str, lessons: list[LessonState], quizzes: list[QuizState], step: Step) -> None:
    """The main button always knows where to go on."""
    assert rules.next_step(lessons, quizzes) == step


@given(st.lists(st.builds(LessonState, st.sampled_from("abc"), st.integers(1, 4), st.frozensets(st.integers(1, 4)), st.integers(1, 4), st.integers(0, 9))))
def test_the_share_read_is_a_share(lessons: list[LessonState]) -> None:
    """Never below nothing nor above all, and all only when every lesson is done."""
    share = rules.share_read(lessons)

    assert 0 <= share <= 1
    assert not lessons or (share == 1) == all(lesson.done for lesson in lessons)


def quiz(id: str, parallel_to: str | None = None, **items: int) -> Quiz:
    rows = [BlueprintRow(outcome=outcome, items=count) for outcome, count in items.items()]
    return Quiz(id=id, kind="exam", title={"en": id}, attempts=1, supervised=True, parallel_to=parallel_to, blueprint=rows)


def test_a_parallel_test_needs_its_own_questions() -> None:
    """What the pre-test draws is not there for the final test."""
    quizzes = [quiz("pre", a=2, b=1), quiz("post", "pre", a=2, b=1)]

    assert list(rules.shortfalls(quizzes, Counter(a=4, b=2))) == []
    assert [(short.quiz, short.outcome, short.needed, short.there) for short in rules.shortfalls(quizzes, Counter(a=3, b=2))] == [
        (1, "a", 2, 1)
    ]


def test_an_empty_course_has_nothing_read() -> None:
    """No page, no share."""
    assert rules.share_read([]) == Fraction(0)
