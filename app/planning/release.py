"""Releasing a session: what stands in the way, making a draft real, and telling everybody concerned once, also of later changes."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import take_write_lock
from app.errors import Conflict, Invalid, Message, say
from app.ids import new_id
from app.notices import outbox, rules, services
from app.notices.outbox import Letter
from app.notices.rules import When
from app.offices.models import Classroom, Office
from app.people.models import Person
from app.planning import queries
from app.planning.models import Told
from app.planning.rules import Level, Result
from app.runs.models import CourseRun
from app.schedule import assignments, places, telling
from app.schedule.assignments import LEAST_REASON, Held, Override
from app.schedule.bookings import Sees, everything
from app.schedule.models import Assignment, Meeting, SessionSeat, SessionSlot, TrainingSession
from app.schedule.session_rules import ROLES
from app.schedule.telling import About
from app.trainers.models import Trainer

TAUGHT_IN = ("classroom", "hybrid")
CONFIRMED = ("accepted", "assigned")
WAY_IN = -1
"""Where the way in stands among what was told of a meeting: behind all else."""

# ---- what stands in the way ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Obstacle:
    """One thing that the planner has to settle, or to take on with a reason, before a session is released."""

    level: Level
    code: str  # T1 ... T18, or what the session itself lacks
    message: Message
    slot: SessionSlot | None = None
    assignment: Assignment | None = None
    reason: str = ""  # why a warning was taken on

    @property
    def blocks(self) -> bool:
        """Whether nothing is released while it stands."""
        return self.level in (Level.BLOCKS, Level.RELEASE)

    @property
    def wants_reason(self) -> bool:
        """Whether it is a warning that nobody has taken on."""
        return self.level is Level.WARNS and not self.reason


def obstacles(db: Session, session: TrainingSession, *, now: datetime, sees: Sees = everything) -> list[Obstacle]:
    """All that stands between a session and its release, the heaviest first; `sees` says whose bookings may be named."""
    held = assignments.current(db, [session.id]).get(session.id, [])
    meetings = list(db.scalars(sa.select(Meeting).where(Meeting.session_id == session.id, Meeting.state != "cancelled")))
    run = db.get_one(CourseRun, session.run_id)
    seated = db.scalar(sa.select(sa.func.count()).select_from(SessionSeat).where(SessionSeat.session_id == session.id, SessionSeat.state == "seated")) or 0
    results = _results(db, held, now, sees)
    found = [*_of_session(session, run, meetings, seated), *(obstacle for one in held for obstacle in _of_slot(one, results))]
    order = list(Level)
    return sorted(found, key=lambda one: (order.index(one.level), bool(one.reason), one.slot.number if one.slot else 0))


def _of_session(session: TrainingSession, run: CourseRun, meetings: Sequence[Meeting], seated: int) -> list[Obstacle]:
    found = []
    if run.state in ("closed", "cancelled"):
        found.append(Obstacle(Level.BLOCKS, "run", say("release", "The run {code} is over. Open it again, or plan this for another run.", code=run.code)))
    if not meetings:
        found.append(Obstacle(Level.BLOCKS, "meetings", say("release", "There are no meetings yet.")))
    if session.mode in TAUGHT_IN and session.classroom_id is None and not session.place.strip() and not (meetings and all(one.classroom_id or one.place.strip() for one in meetings)):
        found.append(Obstacle(Level.BLOCKS, "place", say("release", "There is no classroom and no place for those who come.")))
    if session.mode != "classroom" and session.link_kind == "none" and not (meetings and all(one.link for one in meetings)):
        found.append(Obstacle(Level.BLOCKS, "link", say("release", "There is no link for those who take part from elsewhere.")))
    if not seated:
        found.append(Obstacle(Level.POINTS, "seats", say("release", "Nobody has a seat yet: trainees are told when they get one.")))
    return found


def _of_slot(held: Held, results: Mapping[uuid.UUID, Sequence[Result]]) -> list[Obstacle]:
    slot, assignment = held.slot, held.assignment
    if assignment is None:
        return [Obstacle(Level.BLOCKS, "empty", say("release", "{role}: nobody yet.", role=ROLES[slot.role]), slot)]
    found = []
    if assignment.state == "offered":
        found.append(Obstacle(Level.RELEASE, "offered", say("release", "{name} has not answered the offer yet.", name=held.name), slot, assignment))
    if assignment.state == "requested":
        found.append(Obstacle(Level.RELEASE, "requested", say("release", "The centre of {name} has not answered the request yet.", name=held.name), slot, assignment))
    taken_on = {one["code"]: str(one["reason"]) for one in assignment.overrides}
    for result in results.get(assignment.id, ()):
        if result.ok or result.level is Level.POINTS:
            continue
        message = say("release", "{name}: {finding}", name=held.name, finding=result.message)
        found.append(Obstacle(result.level, result.code, message, slot, assignment, taken_on.get(result.code, "") if result.level is Level.WARNS else ""))
    return found


def _results(db: Session, held: Sequence[Held], now: datetime, sees: Sees) -> dict[uuid.UUID, list[Result]]:
    """What the constraints find of those who are in slots, by assignment; in words that whoever asks may read."""
    taken = [(one.slot, one.assignment) for one in held if one.assignment is not None]
    people = [assignment.person_id for _, assignment in taken]
    trainers: dict[uuid.UUID, uuid.UUID] = dict(db.execute(sa.select(Trainer.person_id, Trainer.id).where(Trainer.person_id.in_(people))).all())
    if not trainers:
        return {}
    pool = queries.load(db, [slot for slot, _ in taken], now=now, trainer_ids=list(trainers.values()))
    return {
        assignment.id: pool.told(slot.id, trainers[assignment.person_id], sees) for slot, assignment in taken
        if assignment.person_id in trainers and slot.id in pool.slots
    }


# ---- releasing -------------------------------------------------------------------------------------------------------


def release(db: Session, session: TrainingSession, *, by: uuid.UUID, now: datetime, site: str, reason: str = "", sees: Sees = everything) -> outbox.Made:
    """Make a draft real: its meetings are planned, its trainers teach the run, and everybody concerned is told once.

    Mails wait in the outbox. `reason` is taken for every warning that nobody has taken on yet. Raises Conflict while
    something blocks or when it is released already, Invalid when a warning wants a reason.
    """
    take_write_lock(db)
    if session.state != "draft":
        raise Conflict(say("release", "{code} is no draft any more. Look at it again.", code=session.code))
    found = obstacles(db, session, now=now, sees=sees)
    blocking = [one for one in found if one.blocks]
    if blocking:
        raise Conflict(say("release", "{code} cannot be released yet. {first}", code=session.code, first=blocking[0].message))
    open_warnings = [one for one in found if one.wants_reason]
    if open_warnings and len(reason.strip()) < LEAST_REASON:
        raise Invalid(fields={"reason": say("assignment", "Give a reason of at least {n} characters: it is printed with the session.", n=LEAST_REASON)})
    for one in open_warnings:
        if one.assignment is not None:
            assignments.override(db, one.assignment, Override(one.code, one.level.value, reason), by=by, now=now)
    session.state, session.released_at, session.released_by = "released", now, by
    _make_real(db, session)
    assignments.teach_the_run(db, db.get_one(CourseRun, session.run_id))
    return _tell(db, session, now=now, site=site)


def release_changes(db: Session, session: TrainingSession, *, by: uuid.UUID, now: datetime, site: str) -> outbox.Made:
    """Tell whom it concerns what has changed since the last release: one mail a person, however much moved.

    Meetings that were added since become real. Raises Conflict when nothing has changed.
    """
    take_write_lock(db)
    if session.state == "draft" or not (_make_real(db, session) or changes(db, session)):
        raise Conflict(say("release", "Everybody knows {code} as it is now: there is nothing to tell.", code=session.code))
    return _tell(db, session, now=now, site=site)


def _make_real(db: Session, session: TrainingSession) -> int:
    """Let everybody see the meetings that only planners saw. Gives how many."""
    if session.state != "released":
        return 0
    drafts = list(db.scalars(sa.select(Meeting).where(Meeting.session_id == session.id, Meeting.state == "draft")))
    for meeting in drafts:
        meeting.state = "planned"
        meeting.sequence += 1
    db.flush()
    return len(drafts)


def assign_without_waiting(db: Session, assignment: Assignment, *, by: uuid.UUID, now: datetime) -> Assignment:
    """Put somebody who has not answered his offer into the slot all the same. Raises Conflict when the offer is not open any more."""
    take_write_lock(db)
    if assignment.state != "offered":
        raise Conflict(say("assignment", "This was answered or taken back in the meantime. Look at it again."))
    slot, person = db.get_one(SessionSlot, assignment.slot_id), db.get_one(Person, assignment.person_id)
    taken_on = [Override(one["code"], one["level"], one["reason"]) for one in assignment.overrides]
    found = list(assignment.found)
    assignments.withdraw(db, assignment, by=by, now=now)
    return assignments.assign(db, slot, person, by=by, now=now, overrides=taken_on, found=found)


# ---- who is told what ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Change:
    """What somebody has to be told of a session, as against what he was told last."""

    person_id: uuid.UUID
    part: str  # a role of a slot | seat | manager | gone
    was: str  # the part he was told last; "" for nothing yet
    moved: tuple[uuid.UUID, ...]  # meetings that are not when or where he was told
    way_in: tuple[uuid.UUID, ...] = ()  # meetings that are as he was told, but for the way in from elsewhere


def changes(db: Session, session: TrainingSession) -> list[Change]:
    """What people do not know yet of a session: nothing when everybody was told how it stands."""
    wanted = {} if session.state == "cancelled" else _concerned(db, session)
    last: dict[uuid.UUID, Told] = {}
    for row in db.scalars(sa.select(Told).where(Told.session_id == session.id).order_by(Told.at, Told.id)):
        last[row.person_id] = row
    standing = _standing(db, session)
    found = []
    for person_id in sorted(wanted.keys() | last.keys()):
        told = last.get(person_id)
        was = told.part if told and told.part != "gone" else ""
        part = wanted.get(person_id, "gone")
        if part == "gone" and not was:
            continue
        before = told.meetings if told and was else {}
        moved, way_in = _differing(before, standing)
        if part == "manager":  # he keeps the room: how others come in from elsewhere is not his
            way_in = ()
        if part != was or (part != "gone" and (moved or way_in)):
            found.append(Change(person_id, part, was, moved, way_in))
    return found


def _differing(before: Mapping[str, Sequence[str]], standing: Mapping[str, Sequence[str]]) -> tuple[tuple[uuid.UUID, ...], tuple[uuid.UUID, ...]]:
    """The meetings that are new, gone, or at another time or place; and those of which the way in alone is another."""
    differing = [id for id in sorted(standing.keys() | before.keys()) if standing.get(id) != before.get(id)]
    same_place = [id for id in differing if id in standing and id in before and standing[id][:WAY_IN] == before[id][:WAY_IN]]
    return tuple(uuid.UUID(id) for id in differing if id not in same_place), tuple(uuid.UUID(id) for id in same_place)


def _concerned(db: Session, session: TrainingSession) -> dict[uuid.UUID, str]:
    """Who is told of a session, and as what: who teaches, who has a seat, who keeps the classroom."""
    found: dict[uuid.UUID, str] = {}
    if session.classroom_id is not None and session.mode != "online":
        manager = db.scalar(sa.select(Classroom.manager_id).where(Classroom.id == session.classroom_id))
        if manager is not None:
            found[manager] = "manager"
    found |= dict.fromkeys(db.scalars(sa.select(SessionSeat.person_id).where(SessionSeat.session_id == session.id, SessionSeat.state == "seated")), "seat")
    rows = db.execute(
        sa.select(Assignment.person_id, SessionSlot.role).join(SessionSlot, SessionSlot.id == Assignment.slot_id)
        .where(Assignment.session_id == session.id, Assignment.state.in_(CONFIRMED)).order_by(SessionSlot.number.desc())
    )
    return found | dict(rows.all())


def _standing(db: Session, session: TrainingSession) -> dict[str, list[str]]:
    """The meetings of a session as people are told them: from, to, room, place, how it is held, and last the way in from elsewhere."""
    rows = db.scalars(sa.select(Meeting).where(Meeting.session_id == session.id, Meeting.state != "cancelled"))
    found = {}
    for one in rows:
        room, place = places.spot(one, session)
        found[str(one.id)] = [
            one.starts_at.isoformat(), one.ends_at.isoformat(), str(room or ""), place, session.mode,
            " ".join((session.link_kind, one.link or session.link)) if session.mode != "classroom" else one.link,
        ]
    return found


def _tell(db: Session, session: TrainingSession, *, now: datetime, site: str) -> outbox.Made:
    news = changes(db, session)
    it = telling.about(db, [session.id])[session.id]
    first = db.scalar(sa.select(Told.id).where(Told.session_id == session.id).limit(1)) is None
    office = db.scalars(sa.select(Office).where(Office.path == it.path)).one()
    batch, seated = new_id(), _seated(db, session)
    sentences = {one.person_id: _sentence(one, it, seated) for one in news}
    made = outbox.make_mails(
        db, batch=batch, office=office, title=session.code, letters=[_letter(one, it, *sentences[one.person_id]) for one in news], site=site, now=now,
    )
    without, standing = set(made.without_address), _standing(db, session)
    for one in news:
        if first or not _told_at_once(one):
            what, detail = sentences[one.person_id]
            services.tell(db, one.person_id, what, detail, _link(one, session, it), now, key=f"told:{batch}", until=it.ends_at)
    db.add_all(
        Told(
            session_id=session.id, person_id=one.person_id, batch=batch, part=one.part, meetings=standing if one.part != "gone" else {},
            mailed=one.person_id not in without, at=now,
        )
        for one in news
    )
    db.flush()
    return made


def _told_at_once(change: Change) -> bool:
    """Whether the verbs of seats have told it on his start page when it was done."""
    return change.part != change.was and "seat" in (change.part, change.was)


def _seated(db: Session, session: TrainingSession) -> int:
    return db.scalar(sa.select(sa.func.count()).select_from(SessionSeat).where(SessionSeat.session_id == session.id, SessionSeat.state == "seated")) or 0


def _sentence(change: Change, it: About, seated: int) -> tuple[str, dict[str, Any]]:
    """The code of notices.rules.SENTENCES for a change, and what fills it."""
    said = it.said | {"reason": it.session.reason, "n": seated, "role": ROLES.get(change.part) or ROLES.get(change.was) or say("slot", "Class manager")}
    if it.session.state == "cancelled":
        return "cancelled", said | {"when": [When(one.starts_at, one.ends_at, one.zone) for one in it.meetings]}
    if change.part == "gone":
        return ("seat-withdrawn" if change.was == "seat" else "not-needed"), said
    if change.part == change.was:
        return ("changed" if change.moved else "way-in"), said
    return {"seat": "attend", "manager": "host"}.get(change.part, "teach"), said


def _letter(change: Change, it: About, what: str, detail: Mapping[str, Any]) -> Letter:
    """The same as a letter: the sentence, then what was cancelled, then each meeting on a line of its own."""
    sentence = rules.SENTENCES[what]
    lines = [Message(sentence.context, sentence.text, detail)]
    if what == "changed" and change.way_in:
        lines.append(say("mail", "The way in from elsewhere has changed too: open it from your page."))
    if what in ("teach", "attend", "host", "changed"):
        gone = [one for one in it.meetings if one.state == "cancelled" and one.id in change.moved and change.was]
        lines += [say("mail", "Cancelled: {when}. {reason}", when=When(one.starts_at, one.ends_at, one.zone), reason=one.reason) for one in gone]
        standing = [one for one in it.meetings if one.state != "cancelled"]
        if len(standing) > 1:
            lines += [say("mail", "– {when}, {place}", when=When(one.starts_at, one.ends_at, one.zone), place=it.place_of(one)) for one in standing]
    return Letter(change.person_id, SUBJECTS[what](it.titles), tuple(lines), _link(change, it.session, it))


def _link(change: Change, session: TrainingSession, it: About) -> str:
    """Where he reads more: his own calendar; whoever keeps the class, the meetings of the run."""
    return "/class" if "manager" in (change.part, change.was) else "/my/calendar"


SUBJECTS: Mapping[str, Callable[[Any], Message]] = {
    "teach": lambda title: say("mail", "You teach: {title}", title=title),
    "attend": lambda title: say("mail", "You take part in: {title}", title=title),
    "host": lambda title: say("mail", "In your class: {title}", title=title),
    "changed": lambda title: say("mail", "Changed: {title}", title=title),
    "way-in": lambda title: say("mail", "Another way in: {title}", title=title),
    "cancelled": lambda title: say("mail", "Cancelled: {title}", title=title),
    "not-needed": lambda title: say("mail", "You are no longer needed: {title}", title=title),
    "seat-withdrawn": lambda title: say("mail", "Your seat was withdrawn: {title}", title=title),
}
"""What stands over a mail, by the code of its sentence."""
