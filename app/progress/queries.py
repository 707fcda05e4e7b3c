"""What completion and results depend on, gathered for one enrolment or a whole run in a fixed number of queries."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
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
from app.quizzes.practicals import queries as practicals
from app.quizzes.practicals.rules import Standing, State
from app.quizzes.queries import attempts_granted
from app.quizzes.rules import counting
from app.runs.models import CourseRun, Enrolment
from app.schedule.queries import minutes_attended

FINAL = ("post-test", "exam")
ENDED = ("handed-in", "closed")  # closed by the deadline, with what was saved


@dataclass(frozen=True)
class Progress:
    """How one enrolled person stands in his course."""

    facts: rules.Facts
    pre: Fraction | None = None  # the first pre-test handed in
    running: int = 0  # tests that are open
    passed_on: date | None = None  # day (UTC) of the attempt that first reached the pass mark
    counts: str = "best"  # which attempt at the final test counts: first | best | last
    practicals: Mapping[str, Standing] = field(default_factory=dict)

    @property
    def practical(self) -> str:
        """What practical work came to: passed once all of it is, not-passed as soon as one task is not; empty while neither."""
        states = [one.state for one in self.practicals.values()]
        if State.NOT_PASSED in states:
            return "not-passed"
        return "passed" if states and all(state is State.PASSED for state in states) else ""

    @property
    def post(self) -> Fraction | None:
        """The result of the final test that counts."""
        return self.facts.counted_score

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
    asked = contents.values()
    granted = attempts_granted(db, enrolments) if any(quiz.attempts for one in asked for quiz in one.quizzes) else {}
    works = practicals.held_of(db, enrolments) if any(one.practicals for one in asked) else {}
    hours = minutes_attended(db, enrolments) if any(one.completion.hours for one in asked) else {}
    return {
        id: stands(
            contents[version], attempts[id], lessons[id], granted.get(id, {}), practicals.standings(contents[version], works.get(id, {})),
            Fraction(hours[id].minutes, 60) if id in hours else Fraction(0),
        )
        for id, version in enrolments.items()
    }


def stands(
    content: CourseContent, attempts: list[Attempt], lessons: Mapping[str, bool], granted: Mapping[str, int], work: Mapping[str, Standing],
    hours: Fraction,
) -> Progress:
    """How one person stands, of what is known already: his attempts in their order, which lessons he has begun and which of them
    are done, attempts granted by test, practical work, and hours attended.
    """
    rule = content.completion
    mark = Fraction(rule.pass_mark, 100)
    required = [lesson.id for lesson in content.lessons] if rule.lessons == "all" else []
    tests = [(quiz, [one for one in attempts if one.quiz == quiz.id]) for quiz in content.quizzes if quiz.kind in FINAL]
    # A course with several final tests is as good as the one that is worst: not taken, else lowest.
    counted = [(_counted(taken, rule.counts), taken, quiz) for quiz, taken in tests]
    one, taken, quiz = min(counted, key=lambda found: _worth(found[0]), default=(None, [], None))
    pre = next((one for one in attempts if one.kind == "pre-test" and one.score is not None and one.state in ENDED), None)
    facts = rules.Facts(
        lessons_read=sum(lessons.get(lesson, False) for lesson in required), lessons_required=len(required),
        counted_score=None if one is None or one.score is None else Fraction(one.score, MICRO), being_marked=one is not None and one.score is None,
        pass_mark=mark, attempts=len(taken),
        attempts_allowed=quiz.attempts + granted.get(quiz.id, 0) if quiz and quiz.attempts else 0, has_test=quiz is not None,
        practicals_passed=sum(found.passed for found in work.values()) if rule.practicals == "all" else 0,
        practicals_required=len(content.practicals) if rule.practicals == "all" else 0,
        hours_attended=hours, hours_required=Fraction(rule.hours or 0),
        started=bool(lessons or attempts or any(found.state not in (State.TO_DO, State.NOT_MARKED) for found in work.values())),
    )
    reached = [taken_one.ended_at for taken_one in _that_count(taken, rule.counts) if taken_one.ended_at and Fraction(taken_one.score or 0, MICRO) >= mark]
    return Progress(
        facts, pre=Fraction(pre.score, MICRO) if pre and pre.score is not None else None,
        running=sum(attempt.state == "open" for attempt in attempts), passed_on=min(reached).date() if reached else None,
        counts=rule.counts, practicals=work,
    )


def _counted(taken: list[Attempt], counts: str) -> Attempt | None:
    """The attempt that counts; None before one is handed in."""
    ended = [one for one in taken if one.state in ENDED]
    place = counting([one.score for one in ended], counts)
    return None if place is None else ended[place]


def _that_count(taken: list[Attempt], counts: str) -> list[Attempt]:
    """Those that may have passed the course: every one where the best counts, else the one that counts."""
    if counts == "best":
        return [one for one in taken if one.state in ENDED]
    one = _counted(taken, counts)
    return [one] if one else []


def _worth(attempt: Attempt | None) -> int:
    return -1 if attempt is None or attempt.score is None else attempt.score
