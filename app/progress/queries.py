"""What completion and results depend on, gathered for one enrolment or a whole run in a fixed number of queries."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.courses.content import CourseContent
from app.courses.models import CourseVersion
from app.courses.queries import course_contents
from app.db import MICRO
from app.progress import rules
from app.progress.models import LessonProgress
from app.quizzes.models import Attempt
from app.runs.models import CourseRun, Enrolment

FINAL = ("post-test", "exam")
ENDED = ("handed-in", "closed")  # closed by the deadline, with what was saved


@dataclass(frozen=True)
class Progress:
    """How one enrolled person stands in his course."""

    facts: rules.Facts
    pre: Fraction | None = None  # the first pre-test handed in
    running: int = 0  # tests that are open
    passed_on: date | None = None  # day (UTC) of the attempt that first reached the pass mark

    @property
    def post(self) -> Fraction | None:
        """The result that counts: the best of the final test."""
        return self.facts.best_score

    @property
    def verdict(self) -> rules.Verdict:
        """Completed, participated or not started."""
        return rules.verdict(self.facts)

    @property
    def gain(self) -> rules.Gain | None:
        """What was learned between the two tests; None without both."""
        return rules.gain(self.pre, self.post)


def progress_of_run(db: Session, run_id: uuid.UUID) -> dict[uuid.UUID, Progress]:
    """How everybody in a run stands, by enrolment."""
    return _progress(db, Enrolment.run_id == run_id)


def progress_of(db: Session, enrolment_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Progress]:
    """How some enrolled people stand, by enrolment: of one run or of many."""
    return _progress(db, Enrolment.id.in_(list(enrolment_ids)))


def passed_before(db: Session, run: CourseRun, person_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, date]:
    """Who of these people has completed the course of a run, whatever its version, in another run; and when he passed."""
    this = sa.select(CourseVersion.course_id).where(CourseVersion.id == run.course_version_id).scalar_subquery()
    rows = db.execute(
        sa.select(Enrolment.id, Enrolment.person_id)
        .join(CourseRun, CourseRun.id == Enrolment.run_id).join(CourseVersion, CourseVersion.id == CourseRun.course_version_id)
        .where(
            Enrolment.person_id.in_(list(person_ids)), Enrolment.state == "enrolled", Enrolment.run_id != run.id, CourseVersion.course_id == this,
        )
    ).all()
    progress = progress_of(db, [enrolment for enrolment, _ in rows])
    found: dict[uuid.UUID, date] = {}
    for enrolment, person in rows:
        one = progress[enrolment]
        if one.verdict is rules.Verdict.COMPLETED and one.passed_on is not None:
            found[person] = max(one.passed_on, found.get(person, one.passed_on))
    return found


def _progress(db: Session, which: sa.ColumnElement[bool]) -> dict[uuid.UUID, Progress]:
    enrolments = dict(
        db.execute(
            sa.select(Enrolment.id, CourseRun.course_version_id).join(CourseRun, CourseRun.id == Enrolment.run_id).where(which)
        ).all()
    )
    contents = course_contents(db, enrolments.values())
    attempts: dict[uuid.UUID, list[Attempt]] = defaultdict(list)
    tests = sa.select(Attempt).join(Enrolment, Enrolment.id == Attempt.enrolment_id).where(which)
    for attempt in db.scalars(tests.order_by(Attempt.quiz, Attempt.number).execution_options(populate_existing=True)):
        attempts[attempt.enrolment_id].append(attempt)
    lessons: dict[uuid.UUID, dict[str, bool]] = defaultdict(dict)
    pages = (
        sa.select(LessonProgress.enrolment_id, LessonProgress.lesson, LessonProgress.done_at.is_not(None))
        .join(Enrolment, Enrolment.id == LessonProgress.enrolment_id).where(which)
    )
    for enrolment, lesson, done in db.execute(pages):
        lessons[enrolment][lesson] = done
    return {id: _one(contents[version], attempts[id], lessons[id]) for id, version in enrolments.items()}


def _one(content: CourseContent, attempts: list[Attempt], lessons: Mapping[str, bool]) -> Progress:
    mark = Fraction(content.completion.pass_mark, 100)
    required = [lesson.id for lesson in content.lessons] if content.completion.lessons == "all" else []
    tests = [(quiz, [one for one in attempts if one.quiz == quiz.id]) for quiz in content.quizzes if quiz.kind in FINAL]
    # A course with several final tests is as good as the one that is worst: not taken, else lowest.
    counts = [(_best(taken), taken, quiz) for quiz, taken in tests]
    best, taken, quiz = min(counts, key=lambda one: Fraction(-1) if one[0] is None else one[0], default=(None, [], None))
    pre = next((one for one in attempts if one.kind == "pre-test" and one.score is not None and one.state in ENDED), None)
    facts = rules.Facts(
        lessons_read=sum(lessons.get(lesson, False) for lesson in required), lessons_required=len(required), best_score=best,
        pass_mark=mark, attempts=len(taken), attempts_allowed=quiz.attempts if quiz else 0, has_test=quiz is not None,
        started=bool(lessons or attempts),
    )
    reached = [one.ended_at for one in taken if one.ended_at and one.score is not None and Fraction(one.score, MICRO) >= mark]
    return Progress(
        facts, pre=Fraction(pre.score, MICRO) if pre and pre.score is not None else None,
        running=sum(one.state == "open" for one in attempts), passed_on=min(reached).date() if reached else None,
    )


def _best(taken: list[Attempt]) -> Fraction | None:
    scores = [one.score for one in taken if one.score is not None and one.state in ENDED]
    return Fraction(max(scores), MICRO) if scores else None
