"""Reads of retests: how many attempts somebody has, and what stands before the next one."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.courses.content import CourseContent, Quiz
from app.quizzes import queries
from app.quizzes import rules as quiz_rules
from app.quizzes.models import Attempt, GrantedAttempt
from app.quizzes.retests.rules import Locks, locks

FINAL = ("post-test", "exam")


def grants_of(db: Session, enrolment_id: uuid.UUID, quiz: str) -> list[GrantedAttempt]:
    """The attempts that trainers have granted somebody at a test, the oldest first. One query."""
    return list(
        db.scalars(
            sa.select(GrantedAttempt).where(GrantedAttempt.enrolment_id == enrolment_id, GrantedAttempt.quiz == quiz).order_by(GrantedAttempt.at)
        )
    )


def before_next(
    db: Session, content: CourseContent, plan: Quiz, attempts: Sequence[Attempt], grants: Sequence[GrantedAttempt], *,
    read_at: Mapping[str, datetime] | None, now: datetime,
) -> Locks:
    """What stands before the next attempt at a test. `attempts`: all at this test, in their order."""
    ended = [one for one in attempts if one.state != "open"]
    if plan.kind not in FINAL or not ended:
        return Locks()
    last = ended[-1]
    ended_at = last.ended_at or last.started_at
    rule = content.completion.retest
    remedial = bool(rule and rule.remedial)
    missed: set[str] = set()
    if remedial and last.score is not None:
        marks = queries.marks_of(db, last.id)
        missed = {content.bank[id].outcome for id, mark in marks.items() if mark.points < quiz_rules.MILLION}
    return locks(
        ended_at=ended_at, being_marked=last.score is None, missed=missed,
        lessons=[(lesson.id, lesson.outcomes) for lesson in content.lessons], read_at=read_at,
        wait_hours=rule.wait_hours if rule else None, remedial=remedial, granted=any(one.at >= ended_at for one in grants), now=now,
    )
