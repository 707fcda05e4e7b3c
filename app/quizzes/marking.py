"""Verbs of marking by people: a free text for the first time, a second look, and a question whose key was wrong."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.courses.content import CourseContent
from app.courses.queries import course_content
from app.db import take_write_lock
from app.errors import Conflict, Invalid, Message, NotFound, say
from app.questions import shown, tally
from app.questions.content import Question
from app.questions.kind import whole
from app.questions.types import free_text
from app.quizzes import queries, rules
from app.quizzes.models import Attempt, Mark, MarkCorrection
from app.runs.models import Enrolment

COMMENT_LIMIT = 2000


class MarkedAlready(Conflict):
    message = say("marking", "Another trainer has marked this answer in the meantime. Look at his mark; to change it, mark it again with a reason.")


# ---- free text -------------------------------------------------------------------------------------------------------


def points_typed(content: free_text.Content, typed: Mapping[str, str]) -> dict[str, int]:
    """The points that were typed for each criterion. Raises Invalid with a sentence at each that is empty or too high."""
    points: dict[str, int] = {}
    faults: dict[str, Message] = {}
    for one in content.criteria:
        text, most = typed.get(one.id, "").strip(), int(one.points)
        value = 0 if text == "0" else whole(text)
        if value is None:
            faults[one.id] = say("marking", "Give whole points from 0 to {most}.", most=most)
        elif value > most:
            faults[one.id] = say("marking", "This criterion has at most {most} points.", most=most)
        else:
            points[one.id] = value
    if faults:
        raise Invalid(say("marking", "Some points are missing or too high. Nothing was saved yet."), fields=faults)
    return points


def mark_free_text(
    db: Session, attempt_id: uuid.UUID, *, question: str, points: Mapping[str, int], comment: str, by: uuid.UUID, now: datetime
) -> Attempt:
    """Mark an answer for the first time; with the last one that waited, the test has its score.

    Raises NotFound (nothing waits there), MarkedAlready, Invalid.
    """
    content = _content_of(db, attempt_id)
    take_write_lock(db)
    attempt = _locked(db, attempt_id)
    asked, asks, detail = _judged(content, attempt, question, points, comment, by, now)
    if question in queries.marks_of(db, attempt.id):
        raise MarkedAlready()
    db.add(
        Mark(
            attempt_id=attempt.id, question=question, points=rules.millionths(free_text.earned(asks, points)),
            answered=True, rule=_rule(asked), detail=detail,
        )
    )
    db.flush()
    _score_anew(db, attempt, content)
    return attempt


def second_look(
    db: Session, attempt_id: uuid.UUID, *, question: str, points: Mapping[str, int], comment: str, reason: str,
    by: uuid.UUID, now: datetime,
) -> Attempt:
    """Mark a marked answer again: the new mark holds, the old one stays. Raises NotFound, Invalid (no reason)."""
    _reasoned(reason)
    content = _content_of(db, attempt_id)
    take_write_lock(db)
    attempt = _locked(db, attempt_id)
    asked, asks, detail = _judged(content, attempt, question, points, comment, by, now)
    held = queries.marks_of(db, attempt.id).get(question)
    if held is None:
        raise NotFound()
    _correct(db, attempt, asked, held, rules.millionths(free_text.earned(asks, points)), by=by, now=now, reason=reason, detail=detail)
    _score_anew(db, attempt, content)
    return attempt


def _judged(
    content: CourseContent, attempt: Attempt, question: str, points: Mapping[str, int], comment: str, by: uuid.UUID, now: datetime
) -> tuple[Question, free_text.Content, dict[str, Any]]:
    asked = content.bank.get(question)
    asks = asked.content if asked else None
    if asked is None or not isinstance(asks, free_text.Content) or question not in attempt.draw or attempt.state == "open":
        raise NotFound()
    comment = comment.replace("\r\n", "\n").strip()
    if len(comment) > COMMENT_LIMIT:
        raise Invalid(fields={"comment": say("marking", "The comment is too long: at most {limit} letters.", limit=COMMENT_LIMIT)})
    points_typed(asks, {id: str(value) for id, value in points.items()})
    return asked, asks, {"criteria": dict(points), "comment": comment, "by": str(by), "at": now.isoformat()}


# ---- a key that was wrong --------------------------------------------------------------------------------------------

How = Literal["full", "accept", "rule"]
"""full: everybody has it right. accept: these options are right too. rule: marked by the rule of today."""


@dataclass(frozen=True)
class Remarked:
    """An attempt whose score a new mark has changed. Scores in millionths."""

    attempt_id: uuid.UUID
    enrolment_id: uuid.UUID
    before: int | None
    after: int | None


def remark_question(
    db: Session, *, run_id: uuid.UUID, question: str, how: How, accept: Collection[str] = (), reason: str, by: uuid.UUID, now: datetime
) -> list[Remarked]:
    """Mark one question anew in all tests of a run that are handed in: for a question or a key that was wrong.

    The old marks stay; a mark that would be the same is left alone. Raises Invalid (no reason, no option), NotFound.
    """
    _reasoned(reason)
    if how == "accept" and not accept:
        raise Invalid(fields={"accept": say("marking", "Choose the answers that count as right.")})
    take_write_lock(db)
    attempts = [
        one
        for one in db.scalars(
            sa.select(Attempt).join(Enrolment, Enrolment.id == Attempt.enrolment_id)
            .where(Enrolment.run_id == run_id, Attempt.state != "open").order_by(Attempt.started_at, Attempt.id)
            .with_for_update(of=Attempt, key_share=True).execution_options(populate_existing=True)
        )
        if question in one.draw
    ]
    if not attempts:
        raise NotFound()
    held = queries.marks_of_attempts(db, [one.id for one in attempts])
    changed = []
    for attempt in attempts:
        content = course_content(db, attempt.course_version_id)
        old = held[attempt.id].get(question)
        if old is None:
            continue  # a trainer has still to mark it
        asked = content.bank[question]
        given = queries.newest_answers(db, attempt.id).get(question)
        points = _anew(asked, attempt.seed, given.response if given else {}, old.points, how, accept)
        if points == old.points:
            continue
        before = attempt.score
        _correct(db, attempt, asked, old, points, by=by, now=now, reason=reason, detail={"how": how, "accept": sorted(accept)} if how != "rule" else None)
        _score_anew(db, attempt, content)
        changed.append(Remarked(attempt.id, attempt.enrolment_id, before, attempt.score))
    return changed


def _anew(asked: Question, seed: str, response: dict[str, Any], held: int, how: How, accept: Collection[str]) -> int:
    if how == "full":
        return rules.MILLION
    if how == "accept":
        return rules.MILLION if tally.right_too(asked, response, accept) else held
    if asked.kind.by_hand:
        return held
    return rules.millionths(asked.kind.mark(asked.content, shown.order_of(asked, seed), response))


# ---- shared ----------------------------------------------------------------------------------------------------------


def _reasoned(reason: str) -> None:
    if not reason.strip():
        raise Invalid(fields={"reason": say("marking", "Say why the mark changes: the reason stays in the record.")})


def _rule(asked: Question) -> str:
    return f"{asked.kind.key} {asked.kind.version}"


def _correct(
    db: Session, attempt: Attempt, asked: Question, held: queries.Marked, points: int, *, by: uuid.UUID, now: datetime, reason: str,
    detail: dict[str, Any] | None,
) -> None:
    db.add(
        MarkCorrection(
            attempt_id=attempt.id, question=held.question, number=held.corrected + 1, points=points, rule=_rule(asked), by_id=by, at=now,
            reason=reason.strip(), detail=detail,
        )
    )
    db.flush()


def _score_anew(db: Session, attempt: Attempt, content: CourseContent) -> None:
    """The score from the marks that hold; none while an answer waits for its mark."""
    marks = queries.marks_of(db, attempt.id)
    whole_test = all(one in marks for one in attempt.draw)
    points = [rules.exact(marks[one].points) for one in attempt.draw] if whole_test else [Fraction(0)]
    attempt.score = rules.millionths(rules.score(points)) if whole_test else None
    db.flush()


def _content_of(db: Session, attempt_id: uuid.UUID) -> CourseContent:
    version_id = db.scalar(sa.select(Attempt.course_version_id).where(Attempt.id == attempt_id))
    if version_id is None:
        raise NotFound()
    return course_content(db, version_id)


def _locked(db: Session, attempt_id: uuid.UUID) -> Attempt:
    return db.execute(
        sa.select(Attempt).where(Attempt.id == attempt_id).with_for_update(key_share=True).execution_options(populate_existing=True)
    ).scalar_one()
