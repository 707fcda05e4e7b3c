"""Completion as the product gathers it: practicals, hours, the attempt that counts, attempts granted, a test being marked."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app import clock
from app.i18n import say
from app.progress.queries import Progress, progress_of
from app.progress.rules import Missing, in_words, missing
from app.quizzes.models import Attempt, PracticalMark, PracticalWork
from app.quizzes.retests.services import grant_attempt
from app.runs.models import CourseRun, Enrolment
from app.schedule.models import AttendanceMark, Meeting
from tests.factories import added
from tests.quizzes.rows import PRACTICAL, content, make_enrolment, make_run

RULE = {"pass_mark": "80", "lessons": "none"}


def somebody(db: Session, **rule: Any) -> Enrolment:
    """An enrolment in a course with this completion rule and one practical."""
    return make_enrolment(db, make_run(db, content(completion=RULE | rule, practicals=[PRACTICAL])))


def stands(db: Session, enrolment: Enrolment) -> Progress:
    """How he stands now."""
    db.flush()
    return progress_of(db, [enrolment.id])[enrolment.id]


def sit(db: Session, enrolment: Enrolment, *scores: int | None) -> None:
    """Final tests handed in, with scores of 100; None: being marked."""
    for number, score in enumerate(scores, 1):
        added(
            db,
            Attempt(
                enrolment_id=enrolment.id, course_version_id=enrolment_version(db, enrolment), quiz="post", kind="post-test", number=number,
                language="en", seed="s", draw=[], supervised=True, state="handed-in", started_at=clock.now(), ended_at=clock.now(),
                score=None if score is None else score * 10_000,
            ),
        )


def enrolment_version(db: Session, enrolment: Enrolment) -> Any:
    """The course version of his run."""
    return db.get_one(CourseRun, enrolment.run_id).course_version_id


def practical(db: Session, enrolment: Enrolment, *, done: bool = True) -> None:
    """The practical handed in and marked."""
    common: dict[str, Any] = {"enrolment_id": enrolment.id, "practical": "search-car", "number": 1, "channel": "pc", "by_id": enrolment.person_id, "at": clock.now()}
    added(db, PracticalWork(values={"length": "11.40"}, **common))
    items = dict.fromkeys(("start-point", "zones", "notes"), "done" if done else "not-done")
    added(db, PracticalMark(place=1, items=items, rater_id=enrolment.person_id, **common))


@pytest.mark.goal("CMP-01", "RUN-13")
def test_a_course_that_asks_for_practicals_is_completed_with_them(db: Session) -> None:
    """Test passed and practical not yet: participated, and it is said what is missing; passed: completed; failed: not passed on the sheet."""
    open_one, done, failed = (somebody(db, practicals="all") for _ in range(3))
    for one in (open_one, done, failed):
        sit(db, one, 90)
    practical(db, done)
    practical(db, failed, done=False)

    assert [missing(stands(db, one).facts) for one in (open_one, done, failed)] == [[Missing.PRACTICALS], [], [Missing.PRACTICALS]]
    assert [stands(db, one).practical for one in (open_one, done, failed)] == ["", "passed", "not-passed"]
    assert [one.text for one in in_words(stands(db, open_one).facts)] == ["{n} practical tasks are not passed"]


@pytest.mark.goal("CMP-01")
def test_a_practical_that_the_course_does_not_ask_for_holds_nobody_up(db: Session) -> None:
    """It is marked and shown, and completion does not wait for it."""
    one = somebody(db)
    sit(db, one, 90)

    assert missing(stands(db, one).facts) == []


@pytest.mark.goal("CMP-01")
def test_hours_come_from_the_meetings_that_have_begun(db: Session) -> None:
    """Two of three hours attended, two and a half needed: said with its figures."""
    one = somebody(db, hours="2")
    sit(db, one, 90)
    start = clock.now() - timedelta(hours=5)
    first, second = (
        added(db, Meeting(run_id=one.run_id, day=start.date(), starts_at=start + timedelta(hours=n), ends_at=start + timedelta(hours=n, minutes=90), zone="Asia/Almaty"))
        for n in (0, 2)
    )
    for meeting, status in ((first, "present"), (second, "absent")):
        added(
            db,
            AttendanceMark(
                meeting_id=meeting.id, enrolment_id=one.id, revision=1, status=status, channel="roll-call", by_id=one.person_id, at=clock.now(),
            ),
        )

    found = stands(db, one).facts

    assert (found.hours_attended, found.hours_required) == (Fraction(3, 2), 2)
    assert missing(found) == [Missing.HOURS]
    assert [say(sentence) for sentence in in_words(found)] == ["1.5 of 2 hours attended"]


@pytest.mark.goal("CMP-02")
@pytest.mark.parametrize(
    ("counts", "scores", "post", "passed"),
    [
        ("best", (90, 60), 90, True), ("first", (60, 90), 60, False), ("last", (90, 60), 60, False), ("last", (60, 90), 90, True),
        ("first", (90, 10), 90, True), ("best", (None, 85), 85, True), ("last", (85, None), None, False), ("best", (None,), None, False),
    ],
)
def test_the_attempt_that_the_course_says_counts(db: Session, counts: str, scores: tuple[int | None, ...], post: int | None, passed: bool) -> None:
    """First, best or last; all attempts stay, and a day of passing is that of an attempt that counts."""
    one = somebody(db, counts=counts)
    sit(db, one, *scores)

    found = stands(db, one)

    assert found.post == (None if post is None else Fraction(post, 100))
    assert (found.verdict.value == "completed") == passed
    assert (found.passed_on is not None) == passed
    assert found.facts.attempts == len(scores)
    assert found.counts == counts
    assert (Missing.BEING_MARKED in missing(found.facts)) == (post is None)


@pytest.mark.goal("CMP-01")
def test_a_granted_attempt_is_one_more_of_those_allowed(db: Session) -> None:
    """With both attempts used "ask the trainer" is said; his word takes it away."""
    one = somebody(db)
    sit(db, one, 10, 20)
    before = missing(stands(db, one).facts)
    grant_attempt(db, one.id, content=content(), quiz="post", reason="was ill", by=one.person_id, now=clock.now())

    assert Missing.NO_ATTEMPT_LEFT in before
    assert Missing.NO_ATTEMPT_LEFT not in missing(stands(db, one).facts)
