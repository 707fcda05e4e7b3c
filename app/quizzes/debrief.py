"""What a group got wrong in a test, in counts without names, and which lessons each person should repeat."""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.courses.content import CourseContent
from app.questions import tally
from app.questions.content import Question
from app.questions.kind import Response
from app.questions.tally import Choice
from app.quizzes import queries, rules
from app.quizzes.models import Answer, Attempt
from app.runs.models import Enrolment

MOST_TYPED = 8  # different typed answers that are listed


@dataclass(frozen=True)
class Spread:
    """How often a choice was taken."""

    choice: Choice | None  # None: something typed
    typed: str
    count: int
    right: bool


@dataclass(frozen=True)
class AskedQuestion:
    """One question with what the group made of it. Answers that wait for a trainer are not in it."""

    question: Question
    asked: int
    right: int
    partly: int
    wrong: int
    unanswered: int
    points: Fraction  # mean mark, 0 to 1
    spread: tuple[Spread, ...]


@dataclass(frozen=True)
class Outcome:
    """One outcome with its mean mark over all its questions."""

    id: str
    points: Fraction
    marks: int


@dataclass(frozen=True)
class Debrief:
    """A test of a run: the newest attempt of each person that is handed in. Worst first."""

    people: int
    running: int
    waiting: int  # answers that a trainer has still to mark
    outcomes: tuple[Outcome, ...]
    questions: tuple[AskedQuestion, ...]


def newest_attempts(db: Session, run_id: uuid.UUID, quiz: str) -> tuple[list[Attempt], int]:
    """Each person's newest attempt that is handed in, and how many are at it now. One query."""
    rows = db.scalars(
        sa.select(Attempt).join(Enrolment, Enrolment.id == Attempt.enrolment_id)
        .where(Enrolment.run_id == run_id, Enrolment.state == "enrolled", Attempt.quiz == quiz).order_by(Attempt.number)
        .execution_options(populate_existing=True)
    ).all()
    newest = {one.enrolment_id: one for one in rows if one.state != "open"}
    return list(newest.values()), sum(one.state == "open" for one in rows)


def debrief(db: Session, content: CourseContent, attempts: Sequence[Attempt], running: int) -> Debrief:
    """The counts of a group. Three queries."""
    ids = [one.id for one in attempts]
    marks = queries.marks_of_attempts(db, ids)
    given = responses_of(db, ids)
    lines: dict[str, list[tuple[queries.Marked, Response]]] = defaultdict(list)
    waiting = 0
    for attempt in attempts:
        for one in attempt.draw:
            held = marks[attempt.id].get(one)
            if held is None:
                waiting += 1
            else:
                lines[one].append((held, given.get((attempt.id, one), {})))
    questions = [_asked(content.bank[one], answers) for one, answers in lines.items()]
    return Debrief(
        len(attempts), running, waiting, tuple(_outcomes(content, lines)),
        tuple(sorted(questions, key=lambda one: (one.points, -one.asked, one.question.id))),
    )


def _asked(question: Question, answers: Sequence[tuple[queries.Marked, Response]]) -> AskedQuestion:
    points = [rules.exact(held.points) for held, _ in answers]
    answered = [held.answered for held, _ in answers]
    return AskedQuestion(
        question, len(answers), right=sum(one == 1 for one in points), partly=sum(0 < one < 1 for one in points),
        wrong=sum(one == 0 and was for one, was in zip(points, answered, strict=True)),
        unanswered=sum(one == 0 and not was for one, was in zip(points, answered, strict=True)),
        points=sum(points, Fraction(0)) / len(points), spread=spread(question, [response for _, response in answers]),
    )


def spread(question: Question, responses: Iterable[Response]) -> tuple[Spread, ...]:
    """How many took each choice, choices in the author's order; of typed answers the most frequent first."""
    taken = Counter(key for response in responses for key in tally.chosen(question, response))
    choices = tally.choices(question)
    if choices:
        return tuple(Spread(one, "", taken[one.key], one.right) for one in choices)
    return tuple(
        Spread(None, typed, count, tally.right_typed(question, typed)) for typed, count in sorted(taken.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_TYPED]
    )


def _outcomes(content: CourseContent, lines: Mapping[str, Sequence[tuple[queries.Marked, Response]]]) -> list[Outcome]:
    points: dict[str, list[Fraction]] = defaultdict(list)
    for one, answers in lines.items():
        points[content.bank[one].outcome] += [rules.exact(held.points) for held, _ in answers]
    found = [Outcome(id, sum(marks, Fraction(0)) / len(marks), len(marks)) for id, marks in points.items()]
    return sorted(found, key=lambda one: (one.points, one.id))


def responses_of(db: Session, attempt_ids: Iterable[uuid.UUID]) -> dict[tuple[uuid.UUID, str], Response]:
    """The newest answers of several attempts, by attempt and question. One query."""
    rows = db.execute(
        sa.select(Answer.attempt_id, Answer.question, Answer.response).where(Answer.attempt_id.in_(list(attempt_ids))).order_by(Answer.revision)
    )
    return {(attempt_id, question): response for attempt_id, question, response in rows}


# ---- what each person repeats ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Repeat:
    """One outcome that somebody missed points in, and the lessons on it."""

    outcome: str
    points: Fraction
    items: int
    lessons: tuple[str, ...]


def remedial(db: Session, content: CourseContent, attempts: Sequence[Attempt]) -> dict[uuid.UUID, list[Repeat]]:
    """What each person should repeat, by enrolment: the outcomes with lost points, in the course's order. Two queries."""
    marks = queries.marks_of_attempts(db, [one.id for one in attempts])
    order = [one.id for one in content.outcomes]
    found = {}
    for attempt in attempts:
        topics = rules.topics(((content.bank[one].outcome, held.points) for one, held in marks[attempt.id].items()), order)
        found[attempt.enrolment_id] = [
            Repeat(one.outcome, one.points, one.items, tuple(lesson.id for lesson in content.lessons if one.outcome in lesson.outcomes))
            for one in topics if one.repeat
        ]
    return found
