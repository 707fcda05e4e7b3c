"""The trainer's word: one more attempt at a final test."""

from __future__ import annotations

import uuid
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.courses.content import CourseContent
from app.db import take_write_lock
from app.errors import Conflict, Invalid, NotFound, say
from app.quizzes.models import GrantedAttempt
from app.quizzes.retests.queries import FINAL
from app.runs.models import CourseRun, Enrolment


class RunClosed(Conflict):
    message = say("retest", "This run is not open: nobody can take its tests. Open the run again first.")


def grant_attempt(
    db: Session, enrolment_id: uuid.UUID, *, content: CourseContent, quiz: str, reason: str, by: uuid.UUID, now: datetime
) -> GrantedAttempt:
    """Give somebody one more attempt at a final test, which needs no waiting and no reading.

    Raises NotFound (no such test), Invalid (no reason), RunClosed.
    """
    plan = content.quiz(quiz)
    if plan is None or plan.kind not in FINAL:
        raise NotFound()
    if not reason.strip():
        raise Invalid(fields={"reason": say("retest", "Say why: the reason stays in the record.")})
    take_write_lock(db)
    state, run_state = db.execute(
        sa.select(Enrolment.state, CourseRun.state).join(CourseRun, CourseRun.id == Enrolment.run_id)
        .where(Enrolment.id == enrolment_id).with_for_update(of=Enrolment, key_share=True)
    ).one()
    if state != "enrolled" or run_state != "open":
        raise RunClosed()
    granted = GrantedAttempt(enrolment_id=enrolment_id, quiz=quiz, by_id=by, at=now, reason=reason.strip())
    db.add(granted)
    db.flush()
    return granted
