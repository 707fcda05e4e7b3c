"""Verbs of feedback: give it at the PC, once; key it in from paper."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import date

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import take_write_lock
from app.errors import Conflict, Invalid, say
from app.feedback import rules
from app.feedback.models import FeedbackGiven, FeedbackSheet
from app.runs.models import CourseRun, Enrolment


class GivenAlready(Conflict):
    message = say("feedback", "You have given your feedback on this course. Thank you; it is kept without your name, so it cannot be changed.")


class NotOpen(Conflict):
    message = say("feedback", "Feedback is taken while the course runs. This one is not open.")


def give(
    db: Session, enrolment: Enrolment, *, answers: Mapping[str, int], liked: str, change: str, language: str, today: date
) -> None:
    """Keep a participant's feedback without his name. That he gave it is kept apart, without what and when.

    Raises GivenAlready, NotOpen, Invalid (nothing is answered).
    """
    take_write_lock(db)
    run = db.get_one(CourseRun, enrolment.run_id)
    if db.scalar(sa.select(FeedbackGiven.id).where(FeedbackGiven.enrolment_id == enrolment.id)):
        raise GivenAlready()
    if enrolment.state != "enrolled":
        raise NotOpen()
    _keep(db, run, answers=answers, liked=liked, change=change, language=language, today=today, channel="pc")
    db.add(FeedbackGiven(id=uuid.uuid4(), enrolment_id=enrolment.id))
    db.flush()


def key_in(db: Session, run: CourseRun, *, answers: Mapping[str, int], liked: str, change: str, language: str, today: date) -> None:
    """Keep a form that was filled in on paper; there may be no more of them than people. Raises NotOpen, Conflict, Invalid."""
    take_write_lock(db)
    people = db.scalar(sa.select(sa.func.count()).where(Enrolment.run_id == run.id, Enrolment.state == "enrolled")) or 0
    sheets = db.scalar(sa.select(sa.func.count()).where(FeedbackSheet.run_id == run.id)) or 0
    if sheets >= people:
        raise Conflict(say("feedback", "{n} people are in this run and as many forms are kept: this one is one too many.", n=people))
    _keep(db, run, answers=answers, liked=liked, change=change, language=language, today=today, channel="paper")


def _keep(
    db: Session, run: CourseRun, *, answers: Mapping[str, int], liked: str, change: str, language: str, today: date, channel: str
) -> None:
    if run.state != "open":
        raise NotOpen()
    if not answers and not liked.strip() and not change.strip():
        raise Invalid(say("feedback", "Nothing is answered. Answer at least one statement or question."))
    db.add(FeedbackSheet(
        id=uuid.uuid4(),  # the house's ids tell the time; this one must not
        run_id=run.id, day=today, channel=channel, language=language, answers=dict(answers),
        liked=liked.strip()[: rules.LONGEST], change=change.strip()[: rules.LONGEST],
    ))
    db.flush()
