"""Verbs of assignments: ask, offer, assign, answer, withdraw; each keeps its history, the bookings and the run's trainers in step."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from app.db import take_write_lock
from app.errors import Conflict, Invalid, say
from app.people.models import Person
from app.runs.models import CourseRun, RunTrainer
from app.schedule import bookings, telling
from app.schedule.bookings import HOLDS, Sees
from app.schedule.models import Assignment, AssignmentEvent, Meeting, SessionSlot, TrainingSession

CURRENT = ("requested", *HOLDS)
"""States in which a slot is not free."""
ANSWER_WITHIN = timedelta(days=5)
TEACHES = {"lead": "lead", "co": "co"}
"""Roles that make somebody a trainer of the run, and as which."""
LEAST_REASON = 10  # characters of a reason for taking on a warning


@dataclass(frozen=True)
class Held:
    """A slot with who is in it now, if anybody."""

    slot: SessionSlot
    assignment: Assignment | None
    name: str


# ---- reading ---------------------------------------------------------------------------------------------------------


def current(db: Session, session_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, list[Held]]:
    """The slots of sessions that are still needed, in order, with their current assignments. One query."""
    rows = db.execute(
        sa.select(SessionSlot, Assignment, Person.short_name)
        .outerjoin(Assignment, sa.and_(Assignment.slot_id == SessionSlot.id, Assignment.state.in_(CURRENT)))
        .outerjoin(Person, Person.id == Assignment.person_id)
        .where(SessionSlot.session_id.in_(list(session_ids)), SessionSlot.ended_on.is_(None)).order_by(SessionSlot.number)
    )
    found: dict[uuid.UUID, list[Held]] = defaultdict(list)
    for slot, assignment, name in rows:
        found[slot.session_id].append(Held(slot, assignment, name or ""))
    return found


@dataclass(frozen=True)
class Told:
    """One line of the history of a slot."""

    event: AssignmentEvent
    person: str  # whom it is about
    by: str | None  # None: the program itself


def history(db: Session, slot_id: uuid.UUID) -> list[Told]:
    """What happened to a slot, the newest first."""
    by = aliased(Person)
    rows = db.execute(
        sa.select(AssignmentEvent, Person.short_name, by.short_name)
        .join(Assignment, Assignment.id == AssignmentEvent.assignment_id).join(Person, Person.id == Assignment.person_id)
        .outerjoin(by, by.id == AssignmentEvent.by_id)
        .where(Assignment.slot_id == slot_id).order_by(AssignmentEvent.at.desc(), AssignmentEvent.id.desc())
    )
    return [Told(event, person, who) for event, person, who in rows]


# ---- filling a slot --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Override:
    """A warning that the planner takes on, with why."""

    code: str
    level: str
    reason: str


def assign(
    db: Session, slot: SessionSlot, person: Person, *, by: uuid.UUID, now: datetime, overrides: Sequence[Override] = (),
    found: Sequence[Mapping[str, Any]] = (), sees: Sees = bookings.everything,
) -> Assignment:
    """Put somebody into a slot without asking him first. What must be asked of the rules, the caller has asked.

    Raises Conflict when the slot is taken or he is booked elsewhere (with what), Invalid for an override without a reason.
    """
    return _fill(db, slot, person, "assigned", by=by, now=now, overrides=overrides, found=found, sees=sees)


def offer(
    db: Session, slot: SessionSlot, person: Person, *, by: uuid.UUID, now: datetime, overrides: Sequence[Override] = (),
    found: Sequence[Mapping[str, Any]] = (), sees: Sees = bookings.everything, answer_by: datetime | None = None,
) -> Assignment:
    """Offer a slot: his time is kept until he answers. Raises as `assign`."""
    return _fill(db, slot, person, "offered", by=by, now=now, overrides=overrides, found=found, sees=sees, answer_by=answer_by or now + ANSWER_WITHIN)


def request(
    db: Session, slot: SessionSlot, person: Person, *, by: uuid.UUID, now: datetime, reason: str = "", overrides: Sequence[Override] = (),
    found: Sequence[Mapping[str, Any]] = (), answer_by: datetime | None = None,
) -> Assignment:
    """Ask another country for its trainer: nothing is booked until his home has answered. Raises Conflict when the slot is taken."""
    return _fill(
        db, slot, person, "requested", by=by, now=now, overrides=overrides, found=found, reason=reason, answer_by=answer_by or now + ANSWER_WITHIN,
    )


def grant(db: Session, assignment: Assignment, *, by: uuid.UUID, now: datetime, note: str = "") -> None:
    """His home lets the trainer go: that books him. Raises Conflict when he is booked elsewhere, or nothing is asked any more."""
    take_write_lock(db)
    _must_be(assignment, "requested")
    _change(db, assignment, "assigned", by=by, now=now, reason=note)


def refuse(db: Session, assignment: Assignment, *, by: uuid.UUID, now: datetime, reason: str) -> None:
    """His home does not let the trainer go. Raises Invalid without a reason."""
    take_write_lock(db)
    _must_be(assignment, "requested")
    if not reason.strip():
        raise Invalid(fields={"reason": say("assignment", "Say why: the other country plans with your answer.")})
    _change(db, assignment, "refused", by=by, now=now, reason=reason)


def accept(db: Session, assignment: Assignment, *, by: uuid.UUID, now: datetime) -> None:
    """The trainer takes an offer. Once more changes nothing; Conflict when it is no longer open."""
    take_write_lock(db)
    if assignment.state == "accepted":
        return
    _must_be(assignment, "offered")
    _change(db, assignment, "accepted", by=by, now=now)


def decline(db: Session, assignment: Assignment, *, by: uuid.UUID, now: datetime, reason: str) -> None:
    """The trainer declines an offer: the slot is free again, the history stays. Invalid without a reason."""
    take_write_lock(db)
    _must_be(assignment, "offered", "accepted")
    if not reason.strip():
        raise Invalid(fields={"reason": say("assignment", "Say in a few words why: the planner looks for somebody else with it.")})
    _change(db, assignment, "declined", by=by, now=now, reason=reason)


def propose(db: Session, assignment: Assignment, *, by: uuid.UUID, now: datetime, text: str, detail: Mapping[str, Any] | None = None) -> AssignmentEvent:
    """The trainer answers an offer with another proposal; the offer stays open until the planner has decided. Invalid without words."""
    take_write_lock(db)
    _must_be(assignment, "offered")
    if not text.strip():
        raise Invalid(fields={"text": say("assignment", "Write what you propose: another day, a part of it, another role.")})
    event = _note(db, assignment, "proposed", by=by, now=now, reason=text, detail=detail)
    telling.happened(db, assignment, "proposed", before="offered", by=by, now=now, reason=text)
    return event


def answer_proposal(db: Session, assignment: Assignment, *, taken: bool, answer: str, by: uuid.UUID, now: datetime) -> AssignmentEvent:
    """The planner answers a trainer's proposal: taken (he then changes the session) or not; the offer stays open, and the trainer is told.

    Raises Conflict when no proposal waits, Invalid when a proposal is not taken and no word says why.
    """
    take_write_lock(db)
    _must_be(assignment, "offered")
    if proposal_of(db, assignment) is None:
        raise Conflict(say("assignment", "No proposal waits for an answer here."))
    if not taken and not answer.strip():
        raise Invalid(fields={"answer": say("assignment", "Say why it cannot be done: the trainer decides with your answer.")})
    event = _note(db, assignment, "taken" if taken else "not-taken", by=by, now=now, reason=answer)
    telling.answered(db, assignment, taken=taken, answer=answer, by=by, now=now)
    return event


def proposal_of(db: Session, assignment: Assignment) -> AssignmentEvent | None:
    """The trainer's newest proposal that nobody has answered yet; None when there is none."""
    newest = db.scalars(
        sa.select(AssignmentEvent).where(AssignmentEvent.assignment_id == assignment.id, AssignmentEvent.what.in_(("proposed", "taken", "not-taken")))
        .order_by(AssignmentEvent.at.desc(), AssignmentEvent.id.desc()).limit(1)
    ).first()
    return newest if newest is not None and newest.what == "proposed" and assignment.state == "offered" else None


def withdraw(db: Session, assignment: Assignment, *, by: uuid.UUID, now: datetime, reason: str = "") -> None:
    """Take somebody out of a slot. Who has accepted or was assigned learns why: then Invalid without a reason."""
    take_write_lock(db)
    _must_be(assignment, *CURRENT)
    if assignment.state in ("accepted", "assigned") and not reason.strip():
        raise Invalid(fields={"reason": say("assignment", "Say why: he is told.")})
    _change(db, assignment, "withdrawn", by=by, now=now, reason=reason)


def override(db: Session, assignment: Assignment, taken_on: Override, *, by: uuid.UUID, now: datetime) -> None:
    """Take on a warning that came up later, with a reason. Raises Invalid for a reason of fewer than ten characters."""
    take_write_lock(db)
    _must_be(assignment, *CURRENT)
    _refuse_short([taken_on])
    assignment.overrides = [*(one for one in assignment.overrides if one["code"] != taken_on.code), _kept(taken_on, by, now)]
    assignment.broken = [one for one in assignment.broken if one["code"] != taken_on.code]
    if not assignment.broken:
        assignment.broken_at = None
    _note(db, assignment, "overridden", by=by, now=now, reason=taken_on.reason, detail={"code": taken_on.code, "level": taken_on.level})


def give_order(db: Session, assignments: Iterable[Assignment], *, number: str, on: date, by: uuid.UUID, now: datetime) -> int:
    """Note the order that sends these trainers (number and date). Raises Invalid without a number. Gives how many."""
    take_write_lock(db)
    if not number.strip():
        raise Invalid(fields={"number": say("assignment", "Give the number of the order.")})
    n = 0
    for one in assignments:
        one.order_number, one.order_on = number.strip(), on
        n += 1
    db.flush()
    return n


def set_broken(db: Session, assignment: Assignment, found: Sequence[Mapping[str, Any]], *, now: datetime) -> bool:
    """Mark what no longer holds of an assignment, or that all holds again; whether that is news. For the job that re-checks."""
    take_write_lock(db)
    codes, before = sorted(one["code"] for one in found), sorted(one["code"] for one in assignment.broken)
    if codes == before:
        return False
    assignment.broken = [dict(one) for one in found]
    assignment.broken_at = (assignment.broken_at or now) if found else None
    _note(db, assignment, "broken" if found else "mended", by=None, now=now, detail={"codes": codes})
    return bool(set(codes) - set(before)) or not codes


def _fill(
    db: Session, slot: SessionSlot, person: Person, state: str, *, by: uuid.UUID, now: datetime, overrides: Sequence[Override], found: Sequence[Mapping[str, Any]],
    sees: Sees = bookings.everything, reason: str = "", answer_by: datetime | None = None,
) -> Assignment:
    take_write_lock(db)
    db.refresh(slot, with_for_update=True)  # PostgreSQL: two planners at one slot take turns
    session = db.get_one(TrainingSession, slot.session_id)
    if session.state == "cancelled" or slot.ended_on is not None:
        raise Conflict(say("assignment", "{code} is cancelled or no longer needs this: nobody can be put there.", code=session.code))
    _refuse_short(overrides)
    there = db.execute(
        sa.select(Assignment, Person.short_name).join(Person, Person.id == Assignment.person_id)
        .where(Assignment.slot_id == slot.id, Assignment.state.in_(CURRENT))
    ).first()
    if there is not None:
        raise Conflict(say("assignment", "{name} is in this slot already. Take {name} out first.", name=there[1]))
    same = db.scalar(
        sa.select(Assignment.id).where(Assignment.session_id == session.id, Assignment.person_id == person.id, Assignment.state.in_(CURRENT)).limit(1)
    )
    if same is not None:
        raise Conflict(say("assignment", "{name} has another slot of {code} already.", name=person.short_name, code=session.code))
    made = Assignment(
        session_id=session.id, slot_id=slot.id, person_id=person.id, state=state, since=now, answer_by=answer_by,
        overrides=[_kept(one, by, now) for one in overrides], found=[dict(one) for one in found],
    )
    db.add(made)
    db.flush()
    _note(db, made, state, by=by, now=now, reason=reason)
    for one in overrides:
        _note(db, made, "overridden", by=by, now=now, reason=one.reason, detail={"code": one.code, "level": one.level})
    _in_step(db, session, sees)
    telling.happened(db, made, state, before="", by=by, now=now, reason=reason)
    return made


def _change(db: Session, assignment: Assignment, state: str, *, by: uuid.UUID, now: datetime, reason: str = "") -> None:
    session, before = db.get_one(TrainingSession, assignment.session_id), assignment.state
    assignment.state, assignment.since, assignment.answer_by = state, now, None
    if state not in CURRENT:
        assignment.broken, assignment.broken_at = [], None
    db.flush()
    _note(db, assignment, state, by=by, now=now, reason=reason)
    _in_step(db, session)
    telling.happened(db, assignment, state, before=before, by=by, now=now, reason=reason)


def _note(
    db: Session, assignment: Assignment, what: str, *, by: uuid.UUID | None, now: datetime, reason: str = "", detail: Mapping[str, Any] | None = None
) -> AssignmentEvent:
    event = AssignmentEvent(assignment_id=assignment.id, what=what, by_id=by, at=now, reason=reason.strip(), detail=dict(detail or {}))
    db.add(event)
    db.flush()
    return event


def _must_be(assignment: Assignment, *states: str) -> None:
    if assignment.state not in states:
        raise Conflict(say("assignment", "This was answered or taken back in the meantime. Look at it again."))


def _refuse_short(overrides: Sequence[Override]) -> None:
    for one in overrides:
        if len(one.reason.strip()) < LEAST_REASON:
            raise Invalid(fields={"reason": say("assignment", "Give a reason of at least {n} characters: it is printed with the session.", n=LEAST_REASON)})


def _kept(one: Override, by: uuid.UUID, now: datetime) -> dict[str, Any]:
    return {"code": one.code, "level": one.level, "reason": one.reason.strip(), "by": str(by), "at": now.isoformat()}


def _in_step(db: Session, session: TrainingSession, sees: Sees = bookings.everything) -> None:
    bookings.refresh(db, [session.id], sees=sees)
    teach_the_run(db, db.get_one(CourseRun, session.run_id))


def teach_the_run(db: Session, run: CourseRun) -> None:
    """Make the trainers of a run those of its released and drafted sessions' lead and co-trainer slots, where the run has sessions.

    What older pages know of a run's trainers stays true. Of a run that a class server keeps nobody is taken away: what is
    added goes there with the next exchange.
    """
    db.flush()
    if not db.scalar(sa.select(TrainingSession.id).where(TrainingSession.run_id == run.id, TrainingSession.state != "cancelled").limit(1)):
        return
    rows = db.execute(
        sa.select(Assignment.person_id, SessionSlot.role)
        .join(SessionSlot, SessionSlot.id == Assignment.slot_id).join(TrainingSession, TrainingSession.id == Assignment.session_id)
        .where(TrainingSession.run_id == run.id, TrainingSession.state == "released", Assignment.state.in_(("accepted", "assigned")), SessionSlot.role.in_(TEACHES))
    ).all()
    wanted: dict[uuid.UUID, str] = {}
    for person_id, role in sorted(rows, key=lambda row: row[1] != "lead"):
        wanted.setdefault(person_id, TEACHES[role])
    ours = run.owner_node == db.info["node"]
    assigned_once = set(db.scalars(
        sa.select(Assignment.person_id).join(TrainingSession, TrainingSession.id == Assignment.session_id).where(TrainingSession.run_id == run.id)
    ))
    for row in db.scalars(sa.select(RunTrainer).where(RunTrainer.run_id == run.id)):
        part = wanted.pop(row.person_id, None)
        if row.owner_node != db.info["node"]:
            continue
        if part is None and ours and row.person_id in assigned_once:
            db.delete(row)
        elif part is not None and row.part != part:
            row.part = part
    db.add_all(RunTrainer(run_id=run.id, person_id=person_id, part=part) for person_id, part in wanted.items())
    db.flush()


def meetings_to_come(db: Session, person_id: uuid.UUID, now: datetime) -> list[tuple[Meeting, TrainingSession, Assignment, SessionSlot]]:
    """What somebody of the pool has before him: meetings of released sessions, and of those that he was asked for."""
    rows = db.execute(
        sa.select(Meeting, TrainingSession, Assignment, SessionSlot)
        .join(TrainingSession, TrainingSession.id == Meeting.session_id).join(Assignment, Assignment.session_id == TrainingSession.id)
        .join(SessionSlot, SessionSlot.id == Assignment.slot_id)
        .where(Assignment.person_id == person_id, Assignment.state.in_(HOLDS), Meeting.ends_at > now, Meeting.state.in_(bookings.TAKES_PLACE))
        .order_by(Meeting.starts_at)
    )
    return [(meeting, session, assignment, slot) for meeting, session, assignment, slot in rows]
