"""How each person of a run stands by the course's completion rule: the one place where certificates ask for it."""

from __future__ import annotations

import uuid

from sqlalchemy.orm import Session

from app.certificates.rules import Standing
from app.db import MICRO
from app.progress import rules as progress
from app.progress.queries import progress_of_run
from app.progress.rules import Verdict
from app.runs.models import CourseRun


def standings(db: Session, run: CourseRun) -> dict[uuid.UUID, Standing]:
    """How each enrolled person stands, by enrolment."""
    return {
        enrolment: Standing(
            missing=tuple(progress.in_words(one.facts)), took_part=one.verdict is not Verdict.NOT_STARTED,
            result=None if one.post is None else int(one.post * MICRO),
        )
        for enrolment, one in progress_of_run(db, run.id).items()
    }
