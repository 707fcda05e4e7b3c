"""The facts of completion as they are gathered from lessons and tests."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from fractions import Fraction
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.courses.models import Course
from app.progress.models import LessonProgress
from app.progress.queries import Progress, passed_before, progress_of, progress_of_run
from app.progress.rules import Facts, Missing, Verdict, missing
from app.quizzes.models import Attempt
from app.runs.models import CourseRun, Enrolment
from tests.factories import a_moment, added, make_person
from tests.runs.rows import enrol, make_run, make_version


def read(db: Session, enrolment: Enrolment, lesson: str, done: bool = True) -> None:
    """A lesson that was opened, and read to its end."""
    added(db, LessonProgress(enrolment_id=enrolment.id, lesson=lesson, started_at=a_moment(), visited_at=a_moment(), done_at=a_moment() if done else None))


def sit(db: Session, enrolment: Enrolment, quiz: str, score: int | None, number: int = 1, day: float = 0) -> Attempt:
    """An attempt with a score of 100; None: still running."""
    return added(
        db,
        Attempt(
            enrolment_id=enrolment.id, course_version_id=db.get_one(CourseRun, enrolment.run_id).course_version_id,
            quiz=quiz, kind={"pre": "pre-test", "post": "post-test"}.get(quiz, "practice"), number=number, language="ru", seed="s", draw=[],
            supervised=True, state="open" if score is None else "handed-in", started_at=a_moment(day),
            ended_at=None if score is None else a_moment(day), score=None if score is None else score * 10_000,
        ),
    )


@pytest.mark.goal("CMP-01")
def test_lessons_and_tests_of_the_course_make_the_facts(db: Session) -> None:
    """Two lessons of which one is read to its end, and the best of two final tests; practice counts for nothing."""
    enrolment = enrol(db, make_run(db))
    read(db, enrolment, "l1")
    read(db, enrolment, "l2", done=False)
    read(db, enrolment, "of-another-course")
    for number, score in enumerate((70, 60), 1):
        sit(db, enrolment, "post", score, number)
    sit(db, enrolment, "pre", 40)
    sit(db, enrolment, "practice", 100)

    found = progress_of_run(db, enrolment.run_id)[enrolment.id]

    assert found == Progress(
        Facts(
            lessons_read=1, lessons_required=2, counted_score=Fraction(7, 10), pass_mark=Fraction(3, 4), attempts=2, attempts_allowed=2, started=True,
        ),
        pre=Fraction(2, 5),
    )
    assert missing(found.facts) == [Missing.LESSONS, Missing.SCORE_TOO_LOW, Missing.NO_ATTEMPT_LEFT]


@pytest.mark.goal("CMP-02")
def test_the_best_attempt_counts_and_all_stay(db: Session) -> None:
    """A worse second attempt takes nothing away, a better one counts; a test that runs has no score yet."""
    run = make_run(db)
    worse, better, running = (enrol(db, run) for _ in range(3))
    sit(db, worse, "post", 80, 1)
    sit(db, worse, "post", 60, 2, day=1)
    sit(db, better, "post", 60, 1)
    sit(db, better, "post", 90, 2, day=1)
    sit(db, running, "post", None)

    found = progress_of_run(db, run.id)

    assert [found[one.id].post for one in (worse, better, running)] == [Fraction(4, 5), Fraction(9, 10), None]
    assert [found[one.id].facts.attempts for one in (worse, better, running)] == [2, 2, 1]
    assert [found[one.id].running for one in (worse, better, running)] == [0, 0, 1]
    assert [found[one.id].passed_on for one in (worse, better, running)] == [date(2026, 11, 24), date(2026, 11, 25), None]


def test_nobody_has_begun_who_only_stands_on_the_list(db: Session) -> None:
    """Enrolled is not started; one open page is."""
    run = make_run(db)
    idle, reader = enrol(db, run), enrol(db, run)
    read(db, reader, "l1", done=False)

    found = progress_of_run(db, run.id)

    assert [found[one.id].verdict for one in (idle, reader)] == [Verdict.NOT_STARTED, Verdict.PARTICIPATED]


@pytest.mark.goal("RUN-02")
def test_who_passed_the_course_before_is_known_whatever_its_version(db: Session) -> None:
    """Passed and all lessons read in an earlier version of the same course; another course or a failed test is no pass."""
    old = make_version(db)
    new = make_version(db, db.get_one(Course, old.course_id), number=2)
    first, second, other = make_run(db, version=old), make_run(db, version=new), make_run(db)
    has, failed, elsewhere = (make_person(db) for _ in range(3))
    for person, run, score in ((has, first, 80), (failed, first, 40), (elsewhere, other, 90)):
        enrolment = enrol(db, run, person)
        read(db, enrolment, "l1")
        read(db, enrolment, "l2")
        sit(db, enrolment, "post", score)

    assert passed_before(db, second, [has.id, failed.id, elsewhere.id]) == {has.id: date(2026, 11, 24)}


@pytest.mark.parametrize("people", [1, 3])
def test_a_run_is_gathered_in_as_many_queries_as_one_person(db: Session, counted: Callable[[], Any], people: int) -> None:
    """Enrolments, attempts, lessons, attempts granted: four queries once the course is known."""
    run = make_run(db)
    ids = []
    for _ in range(people):
        enrolment = enrol(db, run)
        sit(db, enrolment, "post", 80)
        read(db, enrolment, "l1")
        ids.append(enrolment.id)
    progress_of(db, ids)

    with counted() as statements:
        assert len(progress_of_run(db, run.id)) == people

    assert len(statements) == 4
