"""Reads of feedback: how much of it there is, and what a group said."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.feedback import rules
from app.feedback.models import FeedbackGiven, FeedbackSheet


@dataclass(frozen=True)
class Said:
    """What the participants of a run said."""

    n: int
    paper: int
    statements: list[rules.Summary]
    liked: list[str]
    change: list[str]

    @property
    def shown(self) -> bool:
        """Whether there are enough sheets to show anything."""
        return self.n >= rules.FEWEST


def said_in(db: Session, run_id: uuid.UUID) -> Said:
    """The feedback of a run; below the fewest there are no figures and no words in it. One query."""
    sheets = db.scalars(sa.select(FeedbackSheet).where(FeedbackSheet.run_id == run_id).order_by(FeedbackSheet.id)).all()
    enough = len(sheets) >= rules.FEWEST
    return Said(
        len(sheets), sum(one.channel == "paper" for one in sheets), rules.summaries(one.answers for one in sheets) if enough else [],
        rules.words([one.liked for one in sheets]) if enough else [], rules.words([one.change for one in sheets]) if enough else [],
    )


def counts_of(db: Session, run_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, int]:
    """How many sheets each run has. One query."""
    rows = db.execute(
        sa.select(FeedbackSheet.run_id, sa.func.count()).where(FeedbackSheet.run_id.in_(list(run_ids))).group_by(FeedbackSheet.run_id)
    )
    return dict(rows.all())


def given_by(db: Session, enrolment_ids: Iterable[uuid.UUID]) -> set[uuid.UUID]:
    """Which of some enrolments have given their feedback at this node. One query."""
    return set(db.scalars(sa.select(FeedbackGiven.enrolment_id).where(FeedbackGiven.enrolment_id.in_(list(enrolment_ids)))))


def has_given(db: Session, enrolment_id: uuid.UUID) -> bool:
    """Whether somebody has given his feedback at this node. One query."""
    return db.scalar(sa.select(FeedbackGiven.id).where(FeedbackGiven.enrolment_id == enrolment_id)) is not None
