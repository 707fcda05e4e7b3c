"""Practice with feedback after each question: what was tried, and which question comes next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.courses.content import CourseContent
from app.questions import shown
from app.quizzes.models import Answer, Attempt

Tries = Mapping[str, Sequence[bool]]
"""By question: whether each try so far was right, the first one first."""


def next_question(draw: Sequence[str], tries: Tries) -> str | None:
    """The question that comes next: each once in the order drawn, then those that were wrong, the least tried first, until
    each was right once. None when that is done (retrieval practice, PLY-18)."""
    left = [one for one in draw if not any(tries.get(one, ()))]
    return min(left, key=lambda one: (len(tries.get(one, ())), draw.index(one)), default=None)


def tries_of(db: Session, attempt: Attempt, content: CourseContent) -> dict[str, list[bool]]:
    """All tries of an attempt. A text that a trainer marks is right once it is written: nobody waits for him. One query."""
    rows = db.execute(
        sa.select(Answer.question, Answer.response).where(Answer.attempt_id == attempt.id).order_by(Answer.question, Answer.revision)
    )
    found: dict[str, list[bool]] = {}
    for id, response in rows:
        question = content.bank[id]
        order = shown.order_of(question, attempt.seed)
        if question.kind.by_hand:
            right = question.kind.answered(question.content, response)
        else:
            right = question.kind.mark(question.content, order, response) == 1
        found.setdefault(id, []).append(right)
    return found
