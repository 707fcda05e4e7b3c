"""Verbs of a supervised test: starting it for the room, pausing, crediting, releasing, moving, handing in, and going on
after an outage. Each leaves a fact at every attempt it touches and one line in the minutes.

Who may is the page's matter (exam.invigilate). A verb takes the attempts chosen, or all of the run's quiz that are open;
of those chosen it acts on those that it fits, and refuses when it fits none.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.clock import Uptime
from app.courses.content import Quiz
from app.courses.queries import course_content
from app.db import take_write_lock
from app.errors import Invalid, NotFound, say
from app.ids import new_token, token_hash
from app.offices.models import Seat
from app.people import signing_in
from app.people.models import Person, SignIn
from app.people.rules import Ended
from app.quizzes import queries, rules, services
from app.quizzes.errors import (
    AtThatSeat,
    NoneOpen,
    NotPaused,
    NotStarted,
    NotSupervised,
    PausedAlready,
    RunNotOpen,
    SeatBroken,
    SeatTaken,
)
from app.quizzes.models import Attempt, AttemptClock, AttemptEvent, Incident, RoomTest
from app.quizzes.queries import sitting_of
from app.quizzes.rules import SignOfLife
from app.runs.models import CourseRun, Enrolment
from app.runs.services import must_be_kept_here
from app.schedule.minutes import named, write_line
from app.schedule.models import MinutesLine, Seating

HAND_LINE_EVERY = timedelta(minutes=1)  # raising and lowering a hand again and again does not fill the minutes


# ---- the test of the room --------------------------------------------------------------------------------------------


def start_room_test(db: Session, run: CourseRun, quiz: str, *, by: uuid.UUID, now: datetime, wave: int = 0) -> RoomTest:
    """From now on the people of a wave (0: everybody) may begin the test. Started already, it is given back as it is.

    Raises NotFound (no such quiz), Conflict where another node keeps the run, NotSupervised, RunNotOpen.
    """
    plan = _quiz(db, run, quiz)
    take_write_lock(db)
    must_be_kept_here(db, run)
    if not plan.supervised:
        raise NotSupervised()
    state = db.scalar(sa.select(CourseRun.state).where(CourseRun.id == run.id).with_for_update(key_share=True))
    if state != "open":
        raise RunNotOpen()
    for known in queries.open_room_tests(db, run.id, quiz):
        if known.wave in (0, wave):
            return known
    test = RoomTest(run_id=run.id, quiz=quiz, wave=wave, started_at=now, started_by=by)
    db.add(test)
    db.flush()
    people = _people_of(db, run, quiz, wave)
    write_line(db, run, what="wave-started" if wave else "test-started", by=by, now=now, quiz=dict(plan.title), n=people, wave=wave)
    return test


def end_room_test(
    db: Session, run: CourseRun, quiz: str, *, by: uuid.UUID, now: datetime, uptime: Uptime, reason: str = "",
    leave: Collection[uuid.UUID] = (), wave: int | None = None,
) -> list[Attempt]:
    """Nobody may begin the test any more; what is still open is handed in, but for the attempts in `leave`.

    `wave` ends the test of that wave alone. A reason is needed only where somebody's test is handed in for him. Gives the
    attempts handed in. Raises NotStarted, Invalid (reason).
    """
    plan = _quiz(db, run, quiz)
    take_write_lock(db)
    tests = [one for one in queries.open_room_tests(db, run.id, quiz) if wave is None or one.wave == wave]
    if not tests:
        raise NotStarted()
    waves = None if any(one.wave == 0 for one in tests) else {one.wave for one in tests}
    remaining = [one for one in _open(db, run, quiz) if one.attempt.id not in leave and (waves is None or one.wave in waves)]
    ended = _hand_in_all(db, run, remaining, by=by, now=now, uptime=uptime, reason=_reason(reason)) if remaining else []
    for one in tests:
        one.ended_at, one.ended_by = now, by
    db.flush()
    write_line(db, run, what="test-ended", by=by, now=now, quiz=dict(plan.title))
    return ended


def _quiz(db: Session, run: CourseRun, quiz: str) -> Quiz:
    plan = course_content(db, run.course_version_id).quiz(quiz)
    if plan is None:
        raise NotFound()
    return plan


def _people_of(db: Session, run: CourseRun, quiz: str, wave: int) -> int:
    """How many a start is for: enrolled in class, of the wave, and this test not handed in by them yet."""
    done = sa.select(Attempt.id).where(Attempt.enrolment_id == Enrolment.id, Attempt.quiz == quiz, Attempt.state != "open").exists()
    count = (
        sa.select(sa.func.count()).select_from(Enrolment).outerjoin(Seating, Seating.enrolment_id == Enrolment.id)
        .where(Enrolment.run_id == run.id, Enrolment.state == "enrolled", Enrolment.mode == "class", ~done)
    )
    if wave:
        count = count.where(sa.func.coalesce(Seating.wave, wave) == wave)
    return db.scalar(count) or 0


# ---- chosen attempts -------------------------------------------------------------------------------------------------


@dataclass
class Chosen:
    """An open supervised attempt under the lock, with whose it is."""

    attempt: Attempt
    clock: AttemptClock
    person_id: uuid.UUID
    name: str
    wave: int

    @property
    def sitting(self) -> rules.Sitting:
        """As the rules know it."""
        return sitting_of(self.attempt, self.clock)

    def becomes(self, sitting: rules.Sitting) -> None:
        """Keep what the rules made of its time."""
        self.clock.boot, self.clock.since_ms, self.clock.beat_ms = sitting.boot, sitting.since_ms, sitting.beat_ms
        self.clock.used_ms, self.clock.credit_ms = sitting.used_ms, sitting.credit_ms


def _open(db: Session, run: CourseRun, quiz: str, attempts: Collection[uuid.UUID] | None = None) -> list[Chosen]:
    """The open supervised attempts of a run's quiz at this node, in roster order; all of them, or those chosen."""
    wanted = [CourseRun.id == run.id, Attempt.quiz == quiz]
    return _locked(db, *wanted, *([Attempt.id.in_(attempts)] if attempts is not None else []))


def _locked(db: Session, *where: sa.ColumnElement[bool]) -> list[Chosen]:
    rows = db.execute(
        sa.select(Attempt, AttemptClock, Person.id, Person.short_name, Seating.wave)
        .join(AttemptClock, AttemptClock.attempt_id == Attempt.id)
        .join(Enrolment, Enrolment.id == Attempt.enrolment_id)
        .join(CourseRun, CourseRun.id == Enrolment.run_id)
        .join(Person, Person.id == Enrolment.person_id)
        .outerjoin(Seating, Seating.enrolment_id == Enrolment.id)
        .where(Attempt.state == "open", Attempt.supervised, *where)
        .order_by(Enrolment.number)
        .with_for_update(of=[Attempt, AttemptClock], key_share=True)
        .execution_options(populate_existing=True)
    )
    return [Chosen(attempt, clock, person, name, wave or 0) for attempt, clock, person, name, wave in rows]


def _chosen(db: Session, run: CourseRun, quiz: str, attempts: Collection[uuid.UUID] | None) -> list[Chosen]:
    found = _open(db, run, quiz, attempts)
    if not found:
        raise NoneOpen()
    return found


def _reason(text: str) -> str:
    text = text.strip()
    if not text:
        raise Invalid(fields={"reason": say("exam", "Write why in a few words: it is kept with the attempt and stands in the minutes.")})
    return text


def _event(db: Session, one: Chosen, what: str, *, by: uuid.UUID | None, now: datetime, **values: Any) -> None:
    db.add(AttemptEvent(attempt_id=one.attempt.id, at=now, by_id=by, what=what, **values))


def _line(
    db: Session, run: CourseRun, what: str, some: Sequence[Chosen], *, everybody: bool, by: uuid.UUID, now: datetime, note: str = "",
    **detail: Any,
) -> None:
    """One line for one deed: with the names, or for the room with their number."""
    db.flush()
    if everybody and len(some) > 1:
        write_line(db, run, what=f"room-{what}", by=by, now=now, note=note, n=len(some), **detail)
    else:
        write_line(db, run, what=what, by=by, now=now, note=note, people=[one.person_id for one in some], **detail)


# ---- time ------------------------------------------------------------------------------------------------------------


def pause(
    db: Session, run: CourseRun, quiz: str, attempts: Collection[uuid.UUID] | None = None, *, by: uuid.UUID, now: datetime,
    uptime: Uptime, reason: str,
) -> list[Attempt]:
    """Stop the time of attempts; their pages hide the questions. Those paused already stay as they are.

    Raises Invalid (reason), NoneOpen, PausedAlready.
    """
    take_write_lock(db)
    reason = _reason(reason)
    running = [one for one in _chosen(db, run, quiz, attempts) if one.clock.paused_at is None]
    if not running:
        raise PausedAlready()
    for one in running:
        one.becomes(rules.paused(one.sitting, uptime, now))
        one.clock.paused_at, one.clock.paused_by, one.clock.incident_id = now, by, None
        _event(db, one, "pause", by=by, now=now, reason=reason)
    _line(db, run, "paused", running, everybody=attempts is None, by=by, now=now, note=reason)
    return [one.attempt for one in running]


def resume(
    db: Session, run: CourseRun, quiz: str, attempts: Collection[uuid.UUID] | None = None, *, by: uuid.UUID, now: datetime,
    uptime: Uptime, reason: str = "",
) -> list[Attempt]:
    """Let paused time run on from where it stopped, after a pause or after an outage. Raises NoneOpen, NotPaused."""
    take_write_lock(db)
    paused = [one for one in _chosen(db, run, quiz, attempts) if one.clock.paused_at is not None]
    if not paused:
        raise NotPaused()
    incidents = {one.clock.incident_id for one in paused}
    for one in paused:
        _resumed(db, one, by=by, now=now, uptime=uptime, reason=reason.strip())
    _line(db, run, "resumed", paused, everybody=attempts is None, by=by, now=now, note=reason)
    _close_incidents(db, incidents, by=by, now=now)
    return [one.attempt for one in paused]


def _close_incidents(db: Session, incidents: Collection[uuid.UUID | None], *, by: uuid.UUID, now: datetime) -> None:
    """An incident ends when nobody waits after it, whichever button was used."""
    ids = [one for one in incidents if one]
    for incident in db.scalars(sa.select(Incident).where(Incident.id.in_(ids), Incident.to_at.is_(None))).all():
        if not _locked(db, AttemptClock.incident_id == incident.id, AttemptClock.paused_at.is_not(None)):
            incident.to_at, incident.decided_by = now, by
    db.flush()


def _resumed(db: Session, one: Chosen, *, by: uuid.UUID, now: datetime, uptime: Uptime, reason: str) -> None:
    stood = rules.paused_ms(one.sitting, uptime, now)
    incident_id = one.clock.incident_id
    one.becomes(rules.resumed(one.sitting, uptime, now))
    one.clock.paused_at = one.clock.paused_by = one.clock.incident_id = None
    _event(db, one, "resume", by=by, now=now, reason=reason, ms=stood, incident_id=incident_id)


def credit(
    db: Session, run: CourseRun, quiz: str, attempts: Collection[uuid.UUID] | None = None, *, minutes: int, by: uuid.UUID,
    now: datetime, uptime: Uptime, reason: str,
) -> list[Attempt]:
    """Give minutes on top of the limit: for a lost line, a changed keyboard, to one or to the class. Also after a time
    that is over, until it is handed in.

    Raises Invalid (minutes 1 to 240, reason), NoneOpen, NoLimit.
    """
    take_write_lock(db)
    plan = _quiz(db, run, quiz)
    rules.may_credit(minutes, seconds=plan.minutes)
    reason = _reason(reason)
    given = _chosen(db, run, quiz, attempts)
    for one in given:
        one.becomes(rules.credited(one.sitting, minutes, uptime, now))
        _event(db, one, "credit", by=by, now=now, reason=reason, ms=minutes * 60_000)
    _line(db, run, "credited", given, everybody=attempts is None, by=by, now=now, note=reason, minutes=minutes)
    return [one.attempt for one in given]


# ---- another PC ------------------------------------------------------------------------------------------------------


def release(
    db: Session, run: CourseRun, quiz: str, attempts: Collection[uuid.UUID], *, by: uuid.UUID, now: datetime, reason: str = "",
) -> list[Attempt]:
    """Let the next PC where the person signs in take the test over, once. Raises NoneOpen."""
    take_write_lock(db)
    found = _chosen(db, run, quiz, attempts)
    seats = _labels(db, [one.clock.wants_seat_id for one in found])
    for one in found:
        seat = seats.get(one.clock.wants_seat_id, "")
        one.clock.released = True
        _event(db, one, "release", by=by, now=now, reason=reason.strip(), detail={"seat": seat})
        db.flush()
        if seat:
            write_line(db, run, what="released", by=by, now=now, note=reason, people=[one.person_id], seat=seat)
        else:
            write_line(db, run, what="released-any", by=by, now=now, note=reason, people=[one.person_id])
    return [one.attempt for one in found]


def move(
    db: Session, run: CourseRun, quiz: str, attempt_id: uuid.UUID, *, seat_id: uuid.UUID, by: uuid.UUID, now: datetime, reason: str,
) -> Attempt:
    """Let somebody go on at another seat: the test is open there alone, and where he worked he is signed out.

    The seat plan follows. Raises Invalid (reason), NoneOpen, NotFound (no seat of the run's classroom), SeatBroken,
    SeatTaken, AtThatSeat.
    """
    take_write_lock(db)
    reason = _reason(reason)
    [one] = _chosen(db, run, quiz, [attempt_id])
    seat = db.scalar(sa.select(Seat).where(Seat.id == seat_id))
    if seat is None or run.classroom_id not in (None, seat.classroom_id):
        raise NotFound()
    if seat.state != "works":
        raise SeatBroken(seat.label)
    if one.attempt.seat_id == seat.id:
        raise AtThatSeat(one.name, seat.label)
    for other in _locked(db, Attempt.seat_id == seat.id):
        raise SeatTaken(other.name, seat.label)
    old = _labels(db, [one.attempt.seat_id]).get(one.attempt.seat_id, "–")
    one.attempt.seat_id = seat.id
    one.clock.released, one.clock.wants_seat_id, one.clock.wants_at = False, None, None
    one.clock.writer = token_hash(new_token())  # the tab that wrote so far is stale
    elsewhere = sa.select(SignIn.id).where(
        SignIn.person_id == one.person_id, SignIn.ended_at.is_(None), SignIn.seat_id.is_not(None), SignIn.seat_id != seat.id
    )
    for sign_in_id in db.scalars(elsewhere).all():
        signing_in.sign_out(db, sign_in_id=sign_in_id, now=now, why=Ended.ELSEWHERE)
    place = db.scalar(sa.select(Seating).where(Seating.enrolment_id == one.attempt.enrolment_id).with_for_update())
    if place is not None:
        place.seat_id = seat.id
    _event(db, one, "move", by=by, now=now, reason=reason, detail={"from": old, "to": seat.label})
    db.flush()
    write_line(db, run, what="moved", by=by, now=now, note=reason, people=[one.person_id], old=old, seat=seat.label)
    return one.attempt


def _labels(db: Session, seat_ids: Iterable[uuid.UUID | None]) -> Mapping[uuid.UUID | None, str]:
    ids = [one for one in seat_ids if one]
    if not ids:
        return {}
    found: dict[uuid.UUID | None, str] = dict(db.execute(sa.select(Seat.id, Seat.label).where(Seat.id.in_(ids))).all())
    return found


def ask_release(db: Session, attempt_id: uuid.UUID, *, seat_id: uuid.UUID | None, now: datetime) -> None:
    """Somebody sits at another PC and waits for his test: the board shows it. Written only when it is news."""
    clock = db.scalar(sa.select(AttemptClock).where(AttemptClock.attempt_id == attempt_id).with_for_update())
    if clock is None or (clock.wants_at is not None and clock.wants_seat_id == seat_id):
        return
    clock.wants_seat_id, clock.wants_at = seat_id, now
    db.flush()


# ---- handing in, hands -----------------------------------------------------------------------------------------------


def hand_in(
    db: Session, run: CourseRun, quiz: str, attempts: Collection[uuid.UUID] | None = None, *, by: uuid.UUID, now: datetime,
    uptime: Uptime, reason: str,
) -> list[Attempt]:
    """Close attempts with what was saved. For good. Raises Invalid (reason), NoneOpen."""
    take_write_lock(db)
    reason = _reason(reason)
    return _hand_in_all(db, run, _chosen(db, run, quiz, attempts), by=by, now=now, uptime=uptime, reason=reason)


def _hand_in_all(
    db: Session, run: CourseRun, some: Sequence[Chosen], *, by: uuid.UUID, now: datetime, uptime: Uptime, reason: str,
) -> list[Attempt]:
    for one in some:
        _event(db, one, "hand-in", by=by, now=now, reason=reason)
        services.hand_in(db, one.attempt.id, now=now, uptime=uptime)
    _line(db, run, "handed-in", some, everybody=False, by=by, now=now, note=reason)
    _close_incidents(db, {one.clock.incident_id for one in some}, by=by, now=now)
    return [one.attempt for one in some]


def raise_hand(db: Session, attempt_id: uuid.UUID, *, up: bool, now: datetime) -> None:
    """The trainee asks for the invigilator, or no longer does. Raises NotFound."""
    take_write_lock(db)
    row = db.execute(
        sa.select(AttemptClock, Enrolment.person_id, CourseRun)
        .join(Attempt, Attempt.id == AttemptClock.attempt_id)
        .join(Enrolment, Enrolment.id == Attempt.enrolment_id)
        .join(CourseRun, CourseRun.id == Enrolment.run_id)
        .where(Attempt.id == attempt_id, Attempt.state == "open")
        .with_for_update(of=AttemptClock)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        raise NotFound()
    clock, person_id, run = row
    was, clock.hand_at = clock.hand_at, (clock.hand_at or now) if up else None
    db.flush()
    if up and was is None:
        since = sa.select(MinutesLine.detail).where(
            MinutesLine.run_id == run.id, MinutesLine.what == "hand", MinutesLine.at > now - HAND_LINE_EVERY
        )
        name = named(db, run.id, [person_id])[person_id]
        if not any(detail.get("who") == name for detail in db.scalars(since)):
            write_line(db, run, what="hand", by=None, now=now, who=name)


def lower_hand(
    db: Session, run: CourseRun, quiz: str, attempts: Collection[uuid.UUID] | None = None, *, by: uuid.UUID, now: datetime
) -> list[Attempt]:
    """The invigilator has been there. Raises NoneOpen."""
    take_write_lock(db)
    found = [one for one in _chosen(db, run, quiz, attempts) if one.clock.hand_at is not None]
    for one in found:
        one.clock.hand_at = None
    db.flush()
    return [one.attempt for one in found]


# ---- outages ---------------------------------------------------------------------------------------------------------


def notice_outage(db: Session, *, now: datetime, uptime: Uptime, last: SignOfLife | None = None) -> list[Incident]:
    """When the server begins to serve: whether it was away while supervised tests ran. Nobody's time counts meanwhile.

    `last` is its own last heartbeat; signs of life of the attempts are newer or older. An outage of a minute or more
    leaves every running supervised attempt paused, an incident for each run, open until the invigilator resumes. After
    a shorter one the tests go on by themselves; both are on record. Tests that nobody supervises are left alone.
    """
    take_write_lock(db)
    signs = [last] if last else []
    beats = sa.select(AttemptClock.boot, AttemptClock.beat_ms, AttemptClock.beat_at).join(Attempt, Attempt.id == AttemptClock.attempt_id)
    signs += [SignOfLife(*row) for row in db.execute(beats.where(Attempt.state == "open"))]
    newest = rules.newest_sign(signs, uptime)
    found = rules.outage(newest, uptime, now) if newest else None
    if newest is None or found is None:
        return []
    from_at = now - timedelta(milliseconds=found.ms) if newest.boot == uptime.boot else newest.at
    running: dict[uuid.UUID, list[Chosen]] = {}
    runs = _runs_with_open(db)
    for one in _locked(db, AttemptClock.paused_at.is_(None)):
        if rules.ran_at(one.sitting, newest):
            running.setdefault(runs[one.attempt.id].id, []).append(one)
        else:  # its time ran out before: what it used stays used through a restart of the machine
            one.becomes(rules.after_outage(one.sitting, newest, replace(found, stops=False), uptime))
    db.flush()
    incidents = []
    for some in running.values():
        run = runs[some[0].attempt.id]
        incident = Incident(
            run_id=run.id, kind="outage", from_at=from_at, noticed_at=now, to_at=None if found.stops else now,
            present=[str(one.attempt.enrolment_id) for one in some],
        )
        db.add(incident)
        db.flush()
        for one in some:
            one.becomes(rules.after_outage(one.sitting, newest, found, uptime))
            if found.stops:
                one.clock.paused_at, one.clock.paused_by, one.clock.incident_id = now, None, incident.id
            _event(db, one, "outage", by=None, now=now, ms=found.ms, incident_id=incident.id)
        db.flush()
        if found.stops:
            start, end = (_clock_time(at, run, now) for at in (from_at, now))
            write_line(db, run, what="outage", by=None, now=now, start=start, end=end, n=len(some))
        else:
            write_line(db, run, what="restarted", by=None, now=now, seconds=-(-found.ms // 1000), n=len(some))
        incidents.append(incident)
    return incidents


def _runs_with_open(db: Session) -> dict[uuid.UUID, CourseRun]:
    rows = (
        sa.select(Attempt.id, CourseRun).join(Enrolment, Enrolment.id == Attempt.enrolment_id)
        .join(CourseRun, CourseRun.id == Enrolment.run_id).where(Attempt.state == "open", Attempt.supervised)
    )
    found: dict[uuid.UUID, CourseRun] = dict(db.execute(rows).all())
    return found


def _clock_time(at: datetime, run: CourseRun, now: datetime) -> str:
    """10:14, with the day where it is another one."""
    here, today = (moment.astimezone(ZoneInfo(run.zone)) for moment in (at, now))
    return f"{here:%H:%M}" if here.date() == today.date() else f"{here:%Y-%m-%d %H:%M}"


def resume_after_outage(
    db: Session, incident: Incident, *, by: uuid.UUID, now: datetime, uptime: Uptime, reason: str = "",
    leave: Collection[uuid.UUID] = (),
) -> list[Attempt]:
    """Let the room go on after an outage, in one action: nobody has lost any of the time since the last sign of life.

    Attempts in `leave` (people who are not back yet) stay paused and are resumed alone later. Raises NotPaused.
    """
    take_write_lock(db)
    waiting = _locked(db, AttemptClock.incident_id == incident.id, AttemptClock.paused_at.is_not(None))
    back = [one for one in waiting if one.attempt.id not in leave]
    if not back and (waiting or incident.to_at is not None):
        raise NotPaused()
    run = db.get_one(CourseRun, incident.run_id)
    if incident.to_at is None:
        incident.to_at, incident.decided_by, incident.note = now, by, reason.strip()
    longest = max((rules.paused_ms(one.sitting, uptime, now) for one in back), default=0)
    for one in back:
        _resumed(db, one, by=by, now=now, uptime=uptime, reason=reason.strip())
    db.flush()
    write_line(db, run, what="outage-resumed", by=by, now=now, note=reason, n=len(back), minutes=-(-longest // 60_000))
    return [one.attempt for one in back]


