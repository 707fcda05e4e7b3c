"""Verbs of tests. The server alone decides time: each verb is handed the wall clock and the machine's own clock."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from fractions import Fraction

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from app.clock import Uptime
from app.courses.content import CourseContent
from app.courses.queries import course_content
from app.db import take_write_lock
from app.errors import NotFound
from app.ids import new_id, new_token, token_hash
from app.questions import shown
from app.questions.kind import Response
from app.quizzes import queries, rules
from app.quizzes.errors import KeyReused, OpenElsewhere, StaleAnswer
from app.quizzes.models import Answer, Attempt, AttemptClock, AttemptEvent, ClockStep, Mark, WallClock
from app.quizzes.queries import sitting_of
from app.quizzes.retests import queries as retests
from app.runs.models import CourseRun, Enrolment


@dataclass(frozen=True)
class Saved:
    """An answer that the database holds."""

    question: str
    revision: int
    at: datetime
    remaining_ms: int | None


@dataclass(frozen=True)
class Alive:
    """How an attempt stands, for the tab that gave a sign of life."""

    remaining_ms: int | None
    paused: str  # "" | invigilator | outage
    credit_ms: int  # given on top of the limit
    hand: bool  # raised


@dataclass(frozen=True)
class Opened:
    """What a tab must know to write into an attempt."""

    remaining_ms: int | None
    revisions: dict[str, int]  # newest stored revision by question
    saved_at: datetime | None  # of the newest answer


# ---- beginning -------------------------------------------------------------------------------------------------------


def start_attempt(
    db: Session,
    *,
    enrolment_id: uuid.UUID,
    quiz: str,
    now: datetime,
    uptime: Uptime,
    writer: str = "",
    seat_id: uuid.UUID | None = None,
    language: str | None = None,
    read_at: Mapping[str, datetime] | None = None,
) -> Attempt:
    """Draw a new attempt at a quiz of the run's course; one that is open already is given back as it is.

    `writer` is the token of who will save into it; without one it must be opened first. `language` is that of the
    questions: one that the course has, else the enrolment's. `read_at`: when each lesson was last read to its end, for
    courses that ask for that before a retest. Raises NotFound, NotYet, Over, AttemptsUsed, StillMarked, OpensLater,
    ReadFirst, WaitForRoom, SomebodysSeat, TooFewQuestions.
    """
    version_id = db.scalar(
        sa.select(CourseRun.course_version_id)
        .join(Enrolment, Enrolment.run_id == CourseRun.id)
        .where(Enrolment.id == enrolment_id)
    )
    if version_id is None:
        raise NotFound()
    content = course_content(db, version_id)  # before the lock: the first read of a version takes a moment
    plan = content.quiz(quiz)
    if plan is None:
        raise NotFound()

    take_write_lock(db)
    # The enrolment's row is where parallel starts on PostgreSQL queue.
    enrolment, run_state = db.execute(
        sa.select(Enrolment, CourseRun.state)
        .join(CourseRun, CourseRun.id == Enrolment.run_id)
        .where(Enrolment.id == enrolment_id)
        .with_for_update(of=Enrolment, key_share=True)
        .execution_options(populate_existing=True)
    ).one()
    mine = queries.attempts_of(db, enrolment_id)
    here = [attempt for attempt in mine if attempt.quiz == quiz]
    for attempt in here:
        if attempt.state == "open" and not _closed_when_overdue(db, attempt, content, now, uptime):
            return attempt
    grants = retests.grants_of(db, enrolment_id, quiz)
    rules.may_start(
        enrolled=enrolment.state == "enrolled", run_state=run_state, allowed=plan.attempts and plan.attempts + len(grants), taken=len(here),
        room_waits=plan.supervised and queries.room_waits(db, enrolment_id, quiz),
        again=retests.before_next(db, content, plan, here, grants, read_at=read_at, now=now),
    )
    if plan.supervised and seat_id is not None:
        queries.refuse_somebodys_seat(db, enrolment, seat_id)

    first = next((attempt for attempt in mine if attempt.quiz == plan.parallel_to), None)
    seed = new_token(128)
    attempt = Attempt(
        enrolment_id=enrolment_id,
        course_version_id=version_id,
        quiz=quiz,
        kind=plan.kind,
        number=max((attempt.number for attempt in here), default=0) + 1,
        language=language if language in content.all_languages else enrolment.language,
        seed=seed,
        draw=rules.draw(
            [(row.outcome, row.items) for row in plan.blueprint],
            [rules.Item(one.id, one.outcome, one.type, one.difficulty) for one in content.bank.values()],
            seed,
            never=first.draw if first else (),
            avoid=[question for attempt in mine for question in attempt.draw],
            like=first.draw if first else (),
        ),
        supervised=plan.supervised,
        seconds=plan.minutes * 60 if plan.minutes else None,
        started_at=now,
        seat_id=seat_id,
    )
    db.add(attempt)
    db.flush()
    db.add(
        AttemptClock(
            attempt_id=attempt.id,
            boot=uptime.boot,
            since_ms=uptime.ms,
            beat_ms=uptime.ms,
            beat_at=now,
            writer=token_hash(writer or new_token()),
            seen=attempt.draw[:1],
            at_question=attempt.draw[0],
        )
    )
    db.flush()
    return attempt


def take_up(db: Session, *, now: datetime, uptime: Uptime) -> int:
    """Open attempts that came here from another server, whose clock stayed there, get one; gives how many.

    The time used is what lies between the beginning and the last saved answer, without what was not counted there. A supervised
    one waits for the invigilator; one that nobody supervises goes on from now.
    """
    last = sa.select(sa.func.max(Answer.saved_at)).where(Answer.attempt_id == Attempt.id).scalar_subquery()
    ours = sa.and_(Attempt.state == "open", Attempt.owner_node == db.info["node"], ~sa.exists().where(AttemptClock.attempt_id == Attempt.id))
    if db.scalar(sa.select(Attempt.id).where(ours).limit(1)) is None:
        return 0
    take_write_lock(db)
    found = db.execute(sa.select(Attempt, last).where(ours)).all()
    for attempt, saved_at in found:
        sums = sa.select(AttemptEvent.what, sa.func.sum(AttemptEvent.ms)).where(AttemptEvent.attempt_id == attempt.id).group_by(AttemptEvent.what)
        timed = {what: int(ms or 0) for what, ms in db.execute(sums)}
        answered = set(db.scalars(sa.select(Answer.question).where(Answer.attempt_id == attempt.id).distinct()))
        used = rules.used_elsewhere_ms(
            attempt.started_at, max(filter(None, (attempt.started_at, saved_at))),
            not_counted_ms=timed.get("resume", 0) + timed.get("outage", 0), seconds=attempt.seconds,
        )
        db.add(
            AttemptClock(
                attempt_id=attempt.id, boot=uptime.boot, since_ms=uptime.ms, beat_ms=uptime.ms, beat_at=now, used_ms=used,
                writer=token_hash(new_token()), seen=[question for question in attempt.draw if question in answered] or attempt.draw[:1],
                at_question=attempt.draw[0], credit_ms=timed.get("credit", 0), paused_at=now if attempt.supervised else None,
            )
        )
    db.flush()
    return len(found)


def open_attempt(
    db: Session, attempt_id: uuid.UUID, *, writer: str, now: datetime, uptime: Uptime, seat_id: uuid.UUID | None = None
) -> Opened:
    """From here on only who holds this writer token may save: another tab or PC that did is stale.

    `seat_id` is the PC's seat. A supervised attempt that sits at another one moves here after a release, which holds
    once. Raises NotFound, OpenElsewhere; HandedIn through the first save.
    """
    take_write_lock(db)
    attempt, clock = _locked(db, attempt_id)
    if attempt.state == "open":
        _sits_down(db, attempt, clock, seat_id, now)
    sitting = sitting_of(attempt, clock)
    clock.used_ms, clock.since_ms = rules.new_stretch(sitting, uptime, now)
    clock.boot, clock.beat_ms, clock.beat_at = uptime.boot, uptime.ms, now
    clock.writer = token_hash(writer)
    db.flush()
    newest = db.execute(
        sa.select(Answer.question, sa.func.max(Answer.revision), sa.func.max(Answer.saved_at))
        .where(Answer.attempt_id == attempt_id)
        .group_by(Answer.question)
    ).all()
    return Opened(
        remaining_ms=rules.remaining_ms(sitting, uptime, now),
        revisions={question: revision for question, revision, _ in newest},
        saved_at=max((at for _, _, at in newest), default=None),
    )


def _sits_down(db: Session, attempt: Attempt, clock: AttemptClock, seat_id: uuid.UUID | None, now: datetime) -> None:
    """The attempt is at work on this PC; raises OpenElsewhere. What a test that nobody supervises is opened from is just noted."""
    at = attempt.seat_id
    if not rules.may_take_over(supervised=attempt.supervised, sits_at=at, asks=seat_id, released=clock.released):
        raise OpenElsewhere(queries.seat_label(db, at))
    if at == seat_id or (seat_id is None and not attempt.supervised):
        clock.wants_seat_id = clock.wants_at = None
        return
    attempt.seat_id = seat_id
    if at is not None and attempt.supervised:
        clock.released, clock.wants_seat_id, clock.wants_at = False, None, None
        seats = {"from": queries.seat_label(db, at), "to": queries.seat_label(db, seat_id)}
        db.add(AttemptEvent(attempt_id=attempt.id, at=now, by_id=None, what="move", detail=seats))


def switch_language(db: Session, attempt_id: uuid.UUID, *, language: str) -> None:
    """Show the questions in another language; place, answers and time stay. Raises NotFound."""
    take_write_lock(db)
    attempt, _ = _locked(db, attempt_id)
    attempt.language = language
    db.flush()


# ---- saving ----------------------------------------------------------------------------------------------------------

# Written on tables and run on the connection: the way through the mapper costs as much again as the statement.
_A, _C, _N, _K = Attempt.__table__, AttemptClock.__table__, Answer.__table__, Answer.__table__.alias()
_NEWEST = (
    sa.select(sa.func.max(_N.c.revision))
    .where(_N.c.attempt_id == _A.c.id, _N.c.question == sa.bindparam("question"))
    .correlate(_A)
    .scalar_subquery()
)
_FOR_SAVING = (
    sa.select(
        _A.c.state, _A.c.supervised, _A.c.seconds, _A.c.draw,
        _C.c.boot, _C.c.since_ms, _C.c.beat_ms, _C.c.used_ms, _C.c.beat_at, _C.c.writer,
        _C.c.paused_at, _C.c.credit_ms, _NEWEST,
        _K.c.question, _K.c.revision, _K.c.response, _K.c.sure, _K.c.saved_at,
    )
    .join_from(_A, _C, _C.c.attempt_id == _A.c.id)
    .outerjoin(_K, sa.and_(_K.c.attempt_id == _A.c.id, _K.c.key == sa.bindparam("key")))
    .where(_A.c.id == sa.bindparam("attempt_id"))
    .with_for_update(of=[_A, _C], key_share=True)
)  # fmt: skip
_INSERT_NEW = {
    "sqlite": sqlite_insert(Answer.__table__).on_conflict_do_nothing(),  # type: ignore[arg-type]
    "postgresql": postgresql_insert(Answer.__table__).on_conflict_do_nothing(),  # type: ignore[arg-type]
}
_COUNTING = {"preserve_rowcount": True}  # else SQLAlchemy knows the number of rows of UPDATE and DELETE alone


def save_answer(
    db: Session,
    attempt_id: uuid.UUID,
    *,
    question: str,
    response: Response,
    revision: int,
    key: str,
    writer: str,
    now: datetime,
    uptime: Uptime,
    sure: str | None = None,
) -> Saved:
    """Store one revision of a response. The same key and body again give the same answer.

    Refused, in this order: NotFound (no such attempt or question here), KeyReused, StaleTab, HandedIn, TooLate,
    StaleAnswer (this revision or a newer one is stored already).

    Two statements: this is the path that a whole room takes every few seconds, so no rows are loaded as objects.
    """
    take_write_lock(db)
    body = (question, revision, response, sure)
    connection = db.connection()
    for _ in range(2):
        row = connection.execute(_FOR_SAVING, {"attempt_id": attempt_id, "question": question, "key": key}).one_or_none()
        if row is None or question not in row[3]:
            raise NotFound()
        state, supervised, seconds, _draw, boot, since_ms, beat_ms, used, beat_at, hashed, paused_at, credit_ms, newest, *known = row
        sitting = rules.Sitting(
            state, supervised, seconds, hashed, boot, since_ms, beat_ms, used, beat_at, paused_at is not None, credit_ms
        )
        if known[-1] is not None:
            if tuple(known[:4]) != body:
                raise KeyReused()
            return Saved(question, revision, known[-1], rules.remaining_ms(sitting, uptime, now))
        rules.may_save(sitting, token_hash(writer), uptime, now)
        if newest is not None and revision <= newest:
            raise StaleAnswer()
        stored = connection.execute(
            _INSERT_NEW[connection.dialect.name],
            {
                "id": new_id(), "owner_node": db.info["node"], "segment": None, "attempt_id": attempt_id,
                "question": question, "revision": revision, "key": key, "response": response, "sure": sure, "saved_at": now,
            },
            execution_options=_COUNTING,
        )  # fmt: skip
        if stored.rowcount == 1:
            return Saved(question, revision, now, rules.remaining_ms(sitting, uptime, now))
        # PostgreSQL: the same save has arrived twice at once and the other one was first; look again.
    raise StaleAnswer()


def beat(
    db: Session,
    attempt_id: uuid.UUID,
    *,
    writer: str,
    now: datetime,
    uptime: Uptime,
    at: str = "",
    seen: Iterable[str] = (),
    flagged: Collection[str] | None = None,
    unsaved: int = 0,
    left_page: int = 0,
) -> Alive:
    """A sign of life from the tab that may write: where it is, what it has seen, what is flagged, how many answers wait
    in the browser, and how often the page was left since the last sign. Gives how the attempt stands.

    Raises NotFound, StaleTab, HandedIn.
    """
    take_write_lock(db)
    attempt, clock = _locked(db, attempt_id)
    sitting = sitting_of(attempt, clock)
    rules.may_write(sitting, token_hash(writer))
    clock.used_ms, clock.since_ms = rules.new_stretch(sitting, uptime, now)
    clock.boot, clock.beat_ms, clock.beat_at = uptime.boot, uptime.ms, now
    if at in attempt.draw:
        clock.at_question = at
    known = {*clock.seen, *seen, at}
    if known & set(attempt.draw) != set(clock.seen):
        clock.seen = [question for question in attempt.draw if question in known]
    if flagged is not None and set(flagged) != set(clock.flagged):
        clock.flagged = [question for question in attempt.draw if question in flagged]
    clock.unsaved = unsaved
    clock.focus_losses += left_page
    db.flush()
    note_clock(db, now=now, uptime=uptime)
    return Alive(rules.remaining_ms(sitting, uptime, now), queries.pause_of(clock), clock.credit_ms, clock.hand_at is not None)


# ---- ending ----------------------------------------------------------------------------------------------------------


def hand_in(
    db: Session, attempt_id: uuid.UUID, *, now: datetime, uptime: Uptime, writer: str | None = None
) -> Attempt:
    """Close the attempt with what was saved: marks, score and receipt are frozen. A second time: the same receipt.

    A tab gives its writer token; whoever acts for the person gives none. Raises NotFound, StaleTab.
    """
    content = _content_of(db, attempt_id)
    take_write_lock(db)
    attempt, clock = _locked(db, attempt_id)
    if attempt.state != "open" or _closed_when_overdue(db, attempt, content, now, uptime):
        return attempt
    if writer is not None:
        rules.may_write(sitting_of(attempt, clock), token_hash(writer))
    freeze(db, attempt, content, state="handed-in", at=now)
    return attempt


def close_if_overdue(db: Session, attempt_id: uuid.UUID, *, now: datetime, uptime: Uptime) -> Attempt:
    """The attempt, closed at its deadline if nobody supervises it and its time is over. Raises NotFound."""
    content = _content_of(db, attempt_id)
    take_write_lock(db)
    attempt, _ = _locked(db, attempt_id)
    _closed_when_overdue(db, attempt, content, now, uptime)
    return attempt


def close_overdue(db: Session, *, now: datetime, uptime: Uptime) -> list[uuid.UUID]:
    """Close every unsupervised attempt whose time is over, also when the server was off then. Gives their ids."""
    late = [
        (attempt_id, version_id)
        for attempt_id, version_id, sitting in queries.timed_unsupervised(db)
        if rules.is_overdue(sitting, uptime, now)
    ]
    if not late:
        return []
    contents = {version_id: course_content(db, version_id) for version_id in {version_id for _, version_id in late}}
    take_write_lock(db)
    closed = []
    for attempt_id, version_id in late:
        attempt, _ = _locked(db, attempt_id)
        if attempt.state == "open" and _closed_when_overdue(db, attempt, contents[version_id], now, uptime):
            closed.append(attempt_id)
    return closed


def _closed_when_overdue(db: Session, attempt: Attempt, content: CourseContent, now: datetime, uptime: Uptime) -> bool:
    clock = db.scalar(sa.select(AttemptClock).where(AttemptClock.attempt_id == attempt.id))
    if clock is None:
        return False
    sitting = sitting_of(attempt, clock)
    if not rules.is_overdue(sitting, uptime, now):
        return False
    freeze(db, attempt, content, state="closed", at=rules.deadline(sitting, uptime, now) or now)
    return True


def freeze(db: Session, attempt: Attempt, content: CourseContent, *, state: str, at: datetime) -> None:
    """Mark each question by the rule of today, which the mark names. What a trainer marks waits for him, and so does the score;
    in a practice nobody waits: who wrote has compared his text himself.
    """
    given = queries.newest_answers(db, attempt.id)
    marks, waits = [], False
    for one in attempt.draw:
        question = content.bank[one]
        response = given[one].response if one in given else {}
        answered = question.kind.answered(question.content, response)
        if question.kind.by_hand and answered and attempt.kind != "practice":
            waits = True
            continue
        if question.kind.by_hand:
            mark = Fraction(answered)
        else:
            mark = question.kind.mark(question.content, shown.order_of(question, attempt.seed), response)
        marks.append(mark)
        found = question.kind.detail(question.content, response) if question.kind.detail else None
        db.add(
            Mark(
                attempt_id=attempt.id,
                question=one,
                points=rules.millionths(mark),
                answered=answered,
                rule=f"{question.kind.key} {question.kind.version}",
                detail=asdict(found) if found else None,
            )
        )
    attempt.state, attempt.ended_at = state, at
    attempt.score = None if waits else rules.millionths(rules.score(marks))
    attempt.receipt = _free_receipt(db, attempt, [(one.question, one.revision, one.response) for one in given.values()])
    db.flush()


def _free_receipt(db: Session, attempt: Attempt, answers: list[tuple[str, int, Response]]) -> str:
    for nth in range(100):
        code = rules.receipt_code(str(attempt.id), answers, nth)
        if db.scalar(sa.select(Attempt.id).where(Attempt.receipt == code)) is None:
            return code
    raise RuntimeError("no free receipt code in a hundred tries")


# ---- the clock of the node -------------------------------------------------------------------------------------------


def note_clock(db: Session, *, now: datetime, uptime: Uptime) -> int | None:
    """Look whether the wall clock was set since the last look: a step is recorded as a fact and given back, in ms."""
    offset = now.timestamp() * 1000 - uptime.ms
    known = db.execute(sa.select(WallClock.id, WallClock.offset_ms).where(WallClock.boot == uptime.boot)).one_or_none()
    if known is None:
        take_write_lock(db)
        insert = _WALL_CLOCK[db.get_bind().dialect.name]
        db.execute(insert, {"id": new_id(), "boot": uptime.boot, "offset_ms": round(offset)})
        return None
    step = rules.clock_step(round(offset), known.offset_ms)
    if abs(offset - known.offset_ms) < DRIFT_MS:
        return None
    take_write_lock(db)
    moved = db.execute(
        sa.update(WallClock)
        .where(WallClock.id == known.id, WallClock.offset_ms == known.offset_ms)
        .values(offset_ms=round(offset))
    )
    if step is None or not moved.rowcount:  # type: ignore[attr-defined]
        return None  # drift, or another request noticed the step first
    db.add(ClockStep(noticed_at=now, step_ms=step))
    db.flush()
    return step


def confirm_date(db: Session, *, now: datetime, uptime: Uptime) -> None:
    """A person has looked at the date that the wall clock shows: it holds until the clock is set again."""
    take_write_lock(db)
    offset = round(now.timestamp() * 1000 - uptime.ms)
    here = db.scalars(sa.select(WallClock).where(WallClock.boot == uptime.boot).with_for_update()).first()
    if here is None:
        here = WallClock(boot=uptime.boot, offset_ms=offset)
        db.add(here)
    here.confirmed_at, here.confirmed_offset_ms = now, offset
    db.flush()


DRIFT_MS = 250
_WALL_CLOCK = {
    "sqlite": sqlite_insert(WallClock.__table__).on_conflict_do_nothing(),  # type: ignore[arg-type]
    "postgresql": postgresql_insert(WallClock.__table__).on_conflict_do_nothing(),  # type: ignore[arg-type]
}


# ---- loading ---------------------------------------------------------------------------------------------------------


def _content_of(db: Session, attempt_id: uuid.UUID) -> CourseContent:
    version_id = db.scalar(sa.select(Attempt.course_version_id).where(Attempt.id == attempt_id))
    if version_id is None:
        raise NotFound()
    return course_content(db, version_id)


def _locked(db: Session, attempt_id: uuid.UUID) -> tuple[Attempt, AttemptClock]:
    """The attempt and its clock as they are now, for this transaction alone."""
    row = db.execute(
        sa.select(Attempt, AttemptClock)
        .join(AttemptClock, AttemptClock.attempt_id == Attempt.id)
        .where(Attempt.id == attempt_id)
        .with_for_update(of=[Attempt, AttemptClock], key_share=True)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        raise NotFound()
    return row[0], row[1]
