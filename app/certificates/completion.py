"""How each person of a run stands by the course's completion rule: the one place where certificates ask for it."""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.certificates.rules import Standing
from app.courses.queries import course_content
from app.db import MICRO
from app.errors import Message, say
from app.progress.models import LessonProgress
from app.quizzes.models import Attempt
from app.runs.models import CourseRun, Enrolment


def standings(db: Session, run: CourseRun) -> dict[uuid.UUID, Standing]:
    """How each enrolled person stands, by enrolment."""
    content = course_content(db, run.course_version_id)
    final = {quiz.id for quiz in content.quizzes if quiz.kind in ("post-test", "exam")}
    best: dict[uuid.UUID, int] = {}
    active: set[uuid.UUID] = set()
    attempts = (
        sa.select(Attempt.enrolment_id, Attempt.quiz, Attempt.score)
        .join(Enrolment, Enrolment.id == Attempt.enrolment_id).where(Enrolment.run_id == run.id)
    )
    for enrolment, quiz, score in db.execute(attempts):
        active.add(enrolment)
        if quiz in final and score is not None:
            best[enrolment] = max(score, best.get(enrolment, 0))
    read = sa.select(LessonProgress.enrolment_id).join(Enrolment, Enrolment.id == LessonProgress.enrolment_id)
    active |= set(db.scalars(read.where(Enrolment.run_id == run.id)))
    found = {}
    for enrolment in db.scalars(sa.select(Enrolment.id).where(Enrolment.run_id == run.id)):
        missing: list[Message] = []
        score = best.get(enrolment)
        if final and score is None:
            missing.append(say("certificate", "the final test is not taken"))
        elif score is not None and score < content.completion.pass_mark * MICRO // 100:
            missing.append(say("certificate", "the final test is below {mark} %", mark=content.completion.pass_mark))
        found[enrolment] = Standing(tuple(missing), enrolment in active, score)
    return found
