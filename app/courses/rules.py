"""What follows from a course's content alone: its fingerprint, and whether its tests can be drawn. Pure."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from app.courses.content import BlueprintRow, CourseContent, Quiz


def content_hash(content: CourseContent) -> str:
    """The same for the same content, on every machine, whatever the order in which a database keeps keys."""
    data = json.dumps(content.model_dump(mode="json"), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
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


def same_blueprint(one: list[BlueprintRow], other: list[BlueprintRow]) -> bool:
    """Whether two quizzes ask as many items of each outcome."""
    return {row.outcome: row.items for row in one} == {row.outcome: row.items for row in other}


def bank_by_outcome(content: CourseContent) -> Counter[str]:
    """How many questions the bank holds for each outcome."""
    return Counter(question.outcome for question in content.bank.values())
