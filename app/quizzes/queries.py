"""Reads of tests that pages share."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock as clocks
from app.courses.content import CourseContent
from app.offices.models import Seat
from app.questions import shown
from app.questions.kind import Response
from app.quizzes import rules
from app.quizzes.errors import SomebodysSeat
from app.quizzes.models import Answer, Attempt, AttemptClock, GrantedAttempt, Mark, MarkCorrection, RoomTest
from app.runs.models import Enrolment
from app.schedule.models import Seating

CLOCK = (
    AttemptClock.boot, AttemptClock.since_ms, AttemptClock.beat_ms, AttemptClock.used_ms, AttemptClock.beat_at, AttemptClock.writer,
    AttemptClock.paused_at, AttemptClock.credit_ms,
)  # fmt: skip


def sitting_of(attempt: Attempt, clock: AttemptClock) -> rules.Sitting:
    """An attempt and its clock as the rules know them."""
    return rules.Sitting(
        attempt.state, attempt.supervised, attempt.seconds, clock.writer, clock.boot, clock.since_ms, clock.beat_ms,
        clock.used_ms, clock.beat_at, clock.paused_at is not None, clock.credit_ms,
    )  # fmt: skip


@dataclass(frozen=True)
class Given:
    """The newest stored answer to a question."""

    question: str
    revision: int
    response: Response
    sure: str | None
    at: datetime


_newest = (
    sa.select(Answer.question, sa.func.max(Answer.revision).label("revision"))
    .where(Answer.attempt_id == sa.bindparam("attempt_id"))
    .group_by(Answer.question)
    .subquery()
)
_NEWEST_ANSWERS = (  # made once: every page of a test asks it
    sa.select(Answer.question, Answer.revision, Answer.response, Answer.sure, Answer.saved_at)
    .join(_newest, sa.and_(_newest.c.question == Answer.question, _newest.c.revision == Answer.revision))
    .where(Answer.attempt_id == sa.bindparam("attempt_id"))
)


def newest_answers(db: Session, attempt_id: uuid.UUID) -> dict[str, Given]:
    """The newest answer to each question that has any. One query."""
    rows = db.execute(_NEWEST_ANSWERS, {"attempt_id": attempt_id})
    return {row.question: Given(*row) for row in rows}


def attempts_of(db: Session, enrolment_id: uuid.UUID) -> list[Attempt]:
    """All attempts of an enrolled person, by quiz and number. One query."""
    return list(
        db.scalars(
            sa.select(Attempt)
            .where(Attempt.enrolment_id == enrolment_id)
            .order_by(Attempt.quiz, Attempt.number)
            .execution_options(populate_existing=True)
        )
    )


_GRANTED = (
    sa.select(GrantedAttempt.enrolment_id, GrantedAttempt.quiz, sa.func.count())
    .where(GrantedAttempt.enrolment_id.in_(sa.bindparam("ids", expanding=True))).group_by(GrantedAttempt.enrolment_id, GrantedAttempt.quiz)
)


def attempts_granted(db: Session, enrolment_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, dict[str, int]]:
    """How many attempts trainers have granted on top, by enrolment and quiz. One query."""
    found: dict[uuid.UUID, dict[str, int]] = {}
    for enrolment_id, quiz, n in db.execute(_GRANTED, {"ids": list(enrolment_ids)}):
        found.setdefault(enrolment_id, {})[quiz] = n
    return found


@dataclass(frozen=True)
class Marked:
    """The mark of a question that holds: as frozen at hand-in, or as a trainer gave it, then or anew."""

    question: str
    points: int  # millionths
    answered: bool
    detail: dict[str, Any] | None
    corrected: int = 0  # how often it was given anew

    @property
    def comment(self) -> str:
        """What the trainer wrote beside it."""
        return str((self.detail or {}).get("comment", ""))


def marks_of(db: Session, attempt_id: uuid.UUID) -> dict[str, Marked]:
    """The marks of an attempt that hold, by question. Two queries."""
    return marks_of_attempts(db, [attempt_id]).get(attempt_id, {})


def marks_of_attempts(db: Session, attempt_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, dict[str, Marked]]:
    """The marks that hold, by attempt and question. Two queries."""
    ids = list(attempt_ids)
    found: dict[uuid.UUID, dict[str, Marked]] = {id: {} for id in ids}
    for mark in db.scalars(sa.select(Mark).where(Mark.attempt_id.in_(ids))):
        found[mark.attempt_id][mark.question] = Marked(mark.question, mark.points, mark.answered, mark.detail)
    anew = sa.select(MarkCorrection).where(MarkCorrection.attempt_id.in_(ids)).order_by(MarkCorrection.number)
    for one in db.scalars(anew):
        before = found[one.attempt_id].get(one.question)
        found[one.attempt_id][one.question] = Marked(
            one.question, one.points, before.answered if before else True, one.detail or (before.detail if before else None), one.number,
        )
    return found


def open_room_tests(db: Session, run_id: uuid.UUID, quiz: str) -> list[RoomTest]:
    """The tests that are started for the room and not ended, the oldest first. One query."""
    return list(
        db.scalars(
            sa.select(RoomTest).where(RoomTest.run_id == run_id, RoomTest.quiz == quiz, RoomTest.ended_at.is_(None))
            .order_by(RoomTest.started_at, RoomTest.wave)
        )
    )


def room_waits(db: Session, enrolment_id: uuid.UUID, quiz: str) -> bool:
    """Whether nobody has started this supervised test for the person's wave yet (who has none belongs to every wave). One query."""
    wave = sa.select(Seating.wave).where(Seating.enrolment_id == enrolment_id).scalar_subquery()
    started = (
        sa.select(RoomTest.id).join(Enrolment, Enrolment.run_id == RoomTest.run_id)
        .where(
            Enrolment.id == enrolment_id, RoomTest.quiz == quiz, RoomTest.ended_at.is_(None),
            RoomTest.wave.in_([0, sa.func.coalesce(wave, RoomTest.wave)]),
        )
    )
    return db.scalar(started.limit(1)) is None


def seat_label(db: Session, seat_id: uuid.UUID | None) -> str:
    """What is written on a PC; "" for none."""
    return (db.scalar(sa.select(Seat.label).where(Seat.id == seat_id)) if seat_id else None) or ""


def refuse_somebodys_seat(db: Session, enrolment: Enrolment, seat_id: uuid.UUID) -> None:
    """Raises SomebodysSeat when the plan keeps this seat for another person of the same wave. One query, two in case."""
    rows = db.execute(
        sa.select(Seating.enrolment_id, Seating.seat_id, Seating.wave, Seat.label)
        .join(Enrolment, Enrolment.id == Seating.enrolment_id)
        .outerjoin(Seat, Seat.id == Seating.seat_id)
        .where(
            Seating.run_id == enrolment.run_id, Enrolment.state == "enrolled",
            sa.or_(Seating.enrolment_id == enrolment.id, Seating.seat_id == seat_id),
        )
    ).all()
    mine = next((row for row in rows if row.enrolment_id == enrolment.id), None)
    if mine is not None and mine.seat_id == seat_id:
        return
    if any(row.seat_id == seat_id and (mine is None or row.wave == mine.wave) for row in rows if row is not mine):
        raise SomebodysSeat(seat_label(db, seat_id), (mine.label if mine else None) or "")


def pause_of(clock: AttemptClock) -> str:
    """Why an attempt stands still: "invigilator", "outage", or "" while it runs."""
    if clock.paused_at is None:
        return ""
    return "outage" if clock.paused_by is None else "invigilator"


def timed_unsupervised(db: Session) -> list[tuple[uuid.UUID, uuid.UUID, rules.Sitting]]:
    """Open attempts that the node itself closes when their time is over: id, course version, clock. One query."""
    rows = db.execute(
        sa.select(Attempt.id, Attempt.course_version_id, Attempt.state, Attempt.supervised, Attempt.seconds, *CLOCK)
        .join(AttemptClock, AttemptClock.attempt_id == Attempt.id)
        .where(Attempt.state == "open", Attempt.supervised.is_(False), Attempt.seconds.is_not(None))
    )
    return [(attempt_id, version_id, _sitting(*facts)) for attempt_id, version_id, *facts in rows]


def has_open_attempt(db: Session, person_id: uuid.UUID) -> bool:
    """Whether the person is in the middle of a test, so that his sign-in must not expire. One query."""
    rows = db.execute(
        sa.select(Attempt.state, Attempt.supervised, Attempt.seconds, *CLOCK)
        .join(AttemptClock, AttemptClock.attempt_id == Attempt.id)
        .join(Enrolment, Enrolment.id == Attempt.enrolment_id)
        .where(Attempt.state == "open", Enrolment.person_id == person_id)
    )
    uptime, now = clocks.uptime(), clocks.now()
    return any(rules.is_running(_sitting(*row), uptime, now) for row in rows)


def _sitting(
    state: str, supervised: bool, seconds: int | None, boot: str, since_ms: int, beat_ms: int, used_ms: int,
    beat_at: datetime, writer: str, paused_at: datetime | None, credit_ms: int,
) -> rules.Sitting:  # fmt: skip
    return rules.Sitting(state, supervised, seconds, writer, boot, since_ms, beat_ms, used_ms, beat_at, paused_at is not None, credit_ms)


def clock_of(db: Session, attempt_id: uuid.UUID) -> AttemptClock | None:
    """The running side of an attempt on this node. One query."""
    return db.scalar(sa.select(AttemptClock).where(AttemptClock.attempt_id == attempt_id))


def tries_of(db: Session, attempt: Attempt, content: CourseContent) -> dict[str, list[bool]]:
    """All tries of an attempt. A text is right once it is written, unless its writer then takes it back by an empty one. One query."""
    rows = db.execute(
        sa.select(Answer.question, Answer.response).where(Answer.attempt_id == attempt.id).order_by(Answer.question, Answer.revision)
    )
    found: dict[str, list[bool]] = {}
    for id, response in rows:
        question = content.bank[id]
        order = shown.order_of(question, attempt.seed)
        tries = found.setdefault(id, [])
        if not question.kind.by_hand:
            tries.append(question.kind.mark(question.content, order, response) == 1)
        elif question.kind.answered(question.content, response) or not tries or not tries[-1]:
            tries.append(question.kind.answered(question.content, response))
        else:
            tries[-1] = False
    return found
