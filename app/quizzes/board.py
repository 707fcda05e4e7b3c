"""The invigilator's board: who of a run is where in a supervised test, as plain values; the same few queries for any number."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from app.clock import Uptime
from app.offices.models import Seat
from app.people.models import Person, SignIn
from app.quizzes import rules
from app.quizzes.models import Answer, Attempt, AttemptClock, Incident, RoomTest
from app.runs.models import CourseRun, Enrolment
from app.schedule.models import Seating

ALIVE_MS = 20_000
"""A page gives a sign of life every 5 s; after four that did not come it is not there."""

SILENT_MS = 30_000
"""Called silent on the board: a PC that died, a cut line, or a page without script that has sent no answer for so long."""


class State(StrEnum):
    """How somebody stands, in one word; the first that fits, in this order."""

    HANDED_IN = "handed-in"
    CLOSED = "closed"  # by the deadline
    ASKS = "asks"  # waits at another PC for a release
    OUTAGE = "outage"  # paused because the server was away
    PAUSED = "paused"  # by the invigilator
    OVER = "over"  # the time is over, not handed in yet
    HAND = "hand"
    NOT_SAVING = "not-saving"  # answers wait in the browser
    SILENT = "silent"  # no sign of life
    WORKING = "working"
    WAITING = "waiting"  # signed in; the test is started and not begun
    SIGNED_IN = "signed-in"
    AWAY = "away"  # not signed in


@dataclass(frozen=True)
class Row:
    """One participant in class, or elsewhere with a test of his here. Times are ms; ages and what is left are as of the board's moment."""

    enrolment_id: uuid.UUID
    person_id: uuid.UUID
    number: int  # place in the roster
    name: str
    wave: int
    seat_id: uuid.UUID | None  # where he works, else where he is signed in, else where the plan puts him
    seat: str
    planned_seat: str
    state: State
    attempt_id: uuid.UUID | None = None
    question: int = 0  # where he is, from 1
    count: int = 0
    answered: int = 0
    saved_ms: int | None = None  # since the last save
    saved_at: datetime | None = None
    beat_ms: int | None = None  # since the last sign of life
    alive: bool = False  # its page is there now: after an outage, he is back
    unsaved: int = 0
    left_page: int = 0
    left_ms: int | None = None  # of the time limit
    credit_ms: int = 0
    hand_at: datetime | None = None
    paused_at: datetime | None = None
    paused_by: str = ""  # who paused it; "" for an outage
    incident_id: uuid.UUID | None = None
    asks_seat: str = ""  # the seat that waits for a release; "" with asks_at: a PC that is none
    asks_at: datetime | None = None
    released: bool = False
    ended_at: datetime | None = None

    @property
    def open(self) -> bool:
        """Whether a test of his is open."""
        return self.attempt_id is not None and self.ended_at is None


@dataclass(frozen=True)
class Totals:
    """How many of the room are where."""

    people: int
    signed_in: int  # or at work
    working: int  # open and running
    paused: int  # by the invigilator or an outage
    handed_in: int  # closed ones too
    to_begin: int  # neither begun nor handed in
    hands: int
    asking: int
    not_saving: int


@dataclass(frozen=True)
class Board:
    """The room at a moment."""

    at: datetime
    rows: Sequence[Row]
    totals: Totals
    tests: Sequence[RoomTest]  # started and not ended, or of today
    incident: Incident | None  # the newest that waits for the invigilator
    ends_ms: int | None  # the most that somebody has left

    @property
    def started(self) -> bool:
        """Whether the test may be begun now, by some wave."""
        return any(one.ended_at is None for one in self.tests)

    @property
    def waves(self) -> set[int]:
        """The waves that it was started for and not ended; 0 is everybody."""
        return {one.wave for one in self.tests if one.ended_at is None}

    def open_attempts(self) -> list[uuid.UUID]:
        """What is open now, in the order of the board."""
        return [row.attempt_id for row in self.rows if row.open and row.attempt_id]


def board(db: Session, run: CourseRun, quiz: str, *, now: datetime, uptime: Uptime) -> Board:
    """The room of a run's quiz. Four queries, however many people; rows by seat, then by the roster."""
    tests = list(db.scalars(sa.select(RoomTest).where(RoomTest.run_id == run.id, RoomTest.quiz == quiz).order_by(RoomTest.started_at)))
    incident = db.scalar(
        sa.select(Incident).where(Incident.run_id == run.id, Incident.to_at.is_(None)).order_by(Incident.noticed_at.desc()).limit(1)
    )
    attempts = {row["enrolment_id"]: row for row in db.execute(_ATTEMPTS, {"run_id": run.id, "quiz": quiz}).mappings()}
    started = {one.wave for one in tests if one.ended_at is None}
    people = {  # the newest sign-in of a person comes last
        row["enrolment_id"]: row for row in db.execute(_PEOPLE, {"run_id": run.id}).mappings() if row["mode"] == "class" or row["enrolment_id"] in attempts
    }
    rows = sorted(
        (_row(who, attempts.get(enrolment_id), started, now, uptime) for enrolment_id, who in people.items()),
        key=lambda row: (not row.seat, len(row.seat), row.seat, row.number),
    )
    return Board(
        at=now, rows=rows, totals=_totals(rows), tests=tests, incident=incident,
        ends_ms=max((row.left_ms for row in rows if row.open and row.left_ms is not None), default=None),
    )


def _row(who: Any, sat: Any, started: set[int], now: datetime, uptime: Uptime) -> Row:
    facts: dict[str, Any] = {name: who[name] for name in ("enrolment_id", "person_id", "number", "name")}
    facts |= {"wave": who["wave"] or 0, "planned_seat": who["planned"] or ""}
    place = (who["seat_id"], who["seat"]) if who["signed_in"] else (who["planned_id"], who["planned"])
    if sat is None:
        may = bool(started & {0, who["wave"] or 0}) or (bool(started) and not who["wave"])
        state = (State.WAITING if may else State.SIGNED_IN) if who["signed_in"] else State.AWAY
        return Row(**facts, seat_id=place[0], seat=place[1] or "", state=state)
    if sat["seat_id"] is not None:
        place = (sat["seat_id"], sat["seat"])
    facts |= {
        "seat_id": place[0], "seat": place[1] or "", "attempt_id": sat["attempt_id"], "count": len(sat["draw"]), "answered": sat["answered"] or 0,
        "saved_at": sat["saved_at"], "saved_ms": _age(sat["saved_at"], now), "ended_at": sat["ended_at"],
    }
    if sat["state"] != "open" or sat["boot"] is None:
        return Row(**facts, state=State.CLOSED if sat["state"] == "closed" else State.HANDED_IN)
    sitting = rules.Sitting(
        sat["state"], sat["supervised"], sat["seconds"], "", sat["boot"], sat["since_ms"], sat["beat_ms"], sat["used_ms"], sat["beat_at"],
        sat["paused_at"] is not None, sat["credit_ms"],
    )
    beat = max(0, uptime.ms - sat["beat_ms"]) if sat["boot"] == uptime.boot else _age(sat["beat_at"], now) or 0
    facts |= {name: sat[name] for name in ("unsaved", "credit_ms", "hand_at", "paused_at", "incident_id", "released")}
    facts |= {
        "question": sat["draw"].index(sat["at_question"]) + 1 if sat["at_question"] in sat["draw"] else 1, "left_page": sat["focus_losses"],
        "beat_ms": beat, "alive": sat["boot"] == uptime.boot and beat < ALIVE_MS, "left_ms": rules.remaining_ms(sitting, uptime, now),
        "paused_by": sat["pauser"] or "", "asks_seat": sat["asks"] or "", "asks_at": sat["wants_at"],
    }
    return Row(**facts, state=_state(facts))


def _state(facts: dict[str, Any]) -> State:
    quiet = min(facts["beat_ms"], facts["saved_ms"] if facts["saved_ms"] is not None else facts["beat_ms"])
    for state, fits in (
        (State.ASKS, facts["asks_at"] is not None and not facts["released"]),
        (State.OUTAGE, facts["paused_at"] is not None and not facts["paused_by"]),
        (State.PAUSED, facts["paused_at"] is not None),
        (State.OVER, facts["left_ms"] is not None and facts["left_ms"] <= 0),
        (State.HAND, facts["hand_at"] is not None),
        (State.NOT_SAVING, facts["unsaved"] > 0),
        (State.SILENT, quiet > SILENT_MS),
    ):
        if fits:
            return state
    return State.WORKING


def _age(at: datetime | None, now: datetime) -> int | None:
    return None if at is None else max(0, round((now - at).total_seconds() * 1000))


def _totals(rows: Sequence[Row]) -> Totals:
    def count(*states: State) -> int:
        return sum(row.state in states for row in rows)

    paused = sum(row.open and row.paused_at is not None for row in rows)
    return Totals(
        people=len(rows), signed_in=len(rows) - count(State.AWAY), working=sum(row.open for row in rows) - paused, paused=paused,
        handed_in=count(State.HANDED_IN, State.CLOSED), to_begin=count(State.AWAY, State.SIGNED_IN, State.WAITING),
        hands=sum(row.open and row.hand_at is not None for row in rows), asking=count(State.ASKS),
        not_saving=sum(row.open and (row.unsaved > 0 or row.state is State.SILENT) for row in rows),
    )


# ---- the statements --------------------------------------------------------------------------------------------------

_planned, _sat, _asking, _signed = (aliased(Seat) for _ in range(4))
_pauser = aliased(Person)

_PEOPLE = (
    sa.select(
        Enrolment.id.label("enrolment_id"), Enrolment.person_id, Enrolment.number, Enrolment.mode, Person.short_name.label("name"), Seating.wave,
        Seating.seat_id.label("planned_id"), _planned.label.label("planned"),
        SignIn.id.is_not(None).label("signed_in"), SignIn.seat_id, _signed.label.label("seat"),
    )
    .join(Person, Person.id == Enrolment.person_id)
    .outerjoin(Seating, Seating.enrolment_id == Enrolment.id)
    .outerjoin(_planned, _planned.id == Seating.seat_id)
    .outerjoin(SignIn, sa.and_(SignIn.person_id == Enrolment.person_id, SignIn.ended_at.is_(None)))
    .outerjoin(_signed, _signed.id == SignIn.seat_id)
    .where(Enrolment.run_id == sa.bindparam("run_id"), Enrolment.state == "enrolled")
    .order_by(Enrolment.number, SignIn.started_at)
)

# The newest attempt of each, with what is saved of it: found by the index of answers, attempt by attempt.
_later = aliased(Attempt)
_newest = aliased(Answer)
_given = (
    sa.select(sa.func.count()).select_from(Answer)
    .where(
        Answer.attempt_id == Attempt.id, sa.cast(Answer.response, sa.Text) != "{}",
        ~sa.select(_newest.id).where(
            _newest.attempt_id == Answer.attempt_id, _newest.question == Answer.question, _newest.revision > Answer.revision
        ).exists(),
    )
    .correlate(Attempt).scalar_subquery()
)
_saved = sa.select(sa.func.max(Answer.saved_at)).where(Answer.attempt_id == Attempt.id).correlate(Attempt).scalar_subquery()

_ATTEMPTS = (
    sa.select(
        Attempt.enrolment_id, Attempt.id.label("attempt_id"), Attempt.state, Attempt.supervised, Attempt.seconds, Attempt.draw,
        Attempt.ended_at, Attempt.seat_id, _sat.label.label("seat"), _given.label("answered"), _saved.label("saved_at"),
        AttemptClock.boot, AttemptClock.since_ms, AttemptClock.beat_ms, AttemptClock.used_ms, AttemptClock.beat_at,
        AttemptClock.paused_at, AttemptClock.credit_ms, AttemptClock.incident_id, AttemptClock.at_question, AttemptClock.unsaved,
        AttemptClock.focus_losses, AttemptClock.hand_at, AttemptClock.released, AttemptClock.wants_at,
        _pauser.short_name.label("pauser"), _asking.label.label("asks"),
    )
    .join(Enrolment, Enrolment.id == Attempt.enrolment_id)
    .outerjoin(AttemptClock, AttemptClock.attempt_id == Attempt.id)
    .outerjoin(_sat, _sat.id == Attempt.seat_id)
    .outerjoin(_asking, _asking.id == AttemptClock.wants_seat_id)
    .outerjoin(_pauser, _pauser.id == AttemptClock.paused_by)
    .where(
        Enrolment.run_id == sa.bindparam("run_id"), Attempt.quiz == sa.bindparam("quiz"),
        ~sa.select(_later.id).where(
            _later.enrolment_id == Attempt.enrolment_id, _later.quiz == Attempt.quiz, _later.number > Attempt.number
        ).exists(),
    )
)
