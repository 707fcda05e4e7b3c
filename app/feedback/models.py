"""Tables of feedback: what participants of a run thought of it, without who thought it."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Fact, Stays


class FeedbackSheet(Fact, Base):
    """One filled form. Names nobody and no time of day; its id is random (uuid4), so that no order tells who it was."""

    __tablename__ = "feedback_sheet"
    run_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("course_run.id"), index=True)
    day: Mapped[date]
    channel: Mapped[str] = mapped_column(sa.String(10))  # pc | paper
    language: Mapped[str] = mapped_column(sa.String(8))
    answers: Mapped[dict[str, Any]]  # statement -> 1..5; unanswered ones are left out
    liked: Mapped[str] = mapped_column(default="")
    change: Mapped[str] = mapped_column(default="")


class FeedbackGiven(Stays, Base):
    """That somebody has given his feedback at this node, so that he gives it once. Not what he said, nor when."""

    __tablename__ = "feedback_given"
    enrolment_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("enrolment.id"), unique=True)
