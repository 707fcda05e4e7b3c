"""Verbs of a class day: open, close, steps, notes, seats, walk-ins, slips. Each leaves its line in the minutes."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.classday import rules
from app.classday.rules import Place
from app.db import take_write_lock
from app.errors import Conflict, Invalid, say
from app.offices import seats
from app.offices.models import Agency, DailyCheck, Office, Seat
from app.people import register
from app.people.models import Person, Posting
from app.people.names import Name
from app.quizzes.models import Attempt, RoomTest
from app.runs import services as runs
from app.runs.models import CourseRun, Enrolment
from app.schedule.minutes import NOTE, write_line
from app.schedule.models import ClassDay, Seating

# ---- the day ---------------------------------------------------------------------------------------------------------


def open_class(
    db: Session, run: CourseRun, *, day: date, found: Mapping[str, str], note: str, by: uuid.UUID, now: datetime
) -> ClassDay:
    """Open a day of a run after the look round the room. A second time it stays as it is; a closed day is opened again.

    `found`: point of the check -> ok, fault or skipped; kept as a daily check where the run has a classroom. Raises
    Conflict on another day than today and when the run is over, Invalid for a fault without a word about it.
    """
    take_write_lock(db)
    runs.must_be_kept_here(db, run)
    must_be_today(run, day, now)
    if run.state not in ("planned", "open"):
        raise Conflict(say("class", "{code} is over: its class cannot be opened any more.", code=run.code))
    found = {point: found.get(point, "skipped") for point in rules.CHECK}
    if "fault" in found.values() and not note.strip():
        raise Invalid(fields={"note": say("class", "Say what is not in order, so that it can be mended.")})
    opened = db.scalar(sa.select(ClassDay).where(ClassDay.run_id == run.id, ClassDay.day == day).with_for_update())
    if opened is not None and opened.closed_at is None:
        return opened
    if opened is None:
        opened = ClassDay(run_id=run.id, day=day, opened_at=now, opened_by=by)
        db.add(opened)
    opened.closed_at = opened.closed_by = None
    if run.classroom_id is not None:
        db.add(DailyCheck(classroom_id=run.classroom_id, day=day, at=now, by_id=by, found=dict(found), note=note.strip()))
    db.flush()
    write_line(db, run, what="opened", by=by, now=now, note=note)
    return opened


def close_class(db: Session, run: CourseRun, *, day: date, by: uuid.UUID, now: datetime, note: str = "") -> ClassDay:
    """Close a day of a run. Closing it again changes nothing.

    Raises Conflict when it was never opened or a test still runs: nobody's time is cut off by closing.
    """
    take_write_lock(db)
    opened = db.scalar(sa.select(ClassDay).where(ClassDay.run_id == run.id, ClassDay.day == day).with_for_update())
    if opened is None:
        raise Conflict(say("class", "This class was not opened: there is nothing to close."))
    if opened.closed_at is not None:
        return opened
    if db.scalar(sa.select(RoomTest.id).where(RoomTest.run_id == run.id, RoomTest.ended_at.is_(None)).limit(1)) is not None:
        raise Conflict(say("class", "A test is still started for the room. End it first; then close the class."))
    opened.closed_at, opened.closed_by, opened.note = now, by, note.strip()
    db.flush()
    write_line(db, run, what="closed", by=by, now=now, note=note)
    return opened


def note_step(db: Session, run: CourseRun, *, day: date, what: str, by: uuid.UUID, now: datetime) -> None:
    """Note that the lessons of today begin ("lessons") or are over ("lessons-over"). Raises Conflict on another day."""
    take_write_lock(db)
    must_be_today(run, day, now)
    if what not in ("lessons", "lessons-over"):
        raise KeyError(what)
    write_line(db, run, what=what, by=by, now=now)


def add_note(db: Session, run: CourseRun, *, day: date, text: str, by: uuid.UUID, now: datetime) -> None:
    """Add own words to the minutes of today. Raises Invalid for none, Conflict on another day."""
    take_write_lock(db)
    if not text.strip():
        raise Invalid(fields={"text": say("class", "Write what happened.")})
    must_be_today(run, day, now)
    write_line(db, run, what=NOTE, by=by, now=now, note=text)


def must_be_today(run: CourseRun, day: date, now: datetime) -> None:
    """Raises Conflict when the page of another day is used: what happens now is noted today."""
    today = now.astimezone(ZoneInfo(run.zone)).date()
    if day != today:
        raise Conflict(say("class", "This page is of {day}; today is {today}. Go to today’s page.", day=day, today=today))


# ---- seats and waves -------------------------------------------------------------------------------------------------


def set_seats(db: Session, run: CourseRun, *, plan: Mapping[uuid.UUID, tuple[uuid.UUID | None, int]], by: uuid.UUID, now: datetime) -> int:
    """Keep who sits where and in which wave (enrolment -> seat, wave); gives how many places changed.

    Raises Invalid, at each person whose seat is broken or taken twice in a wave; then nothing is kept.
    """
    take_write_lock(db)
    working = set(db.scalars(sa.select(Seat.id).where(Seat.classroom_id == run.classroom_id, Seat.state == "works")))
    if wrong := rules.clashes([Place(person, seat, wave) for person, (seat, wave) in plan.items()], working):
        raise Invalid(say("seating", "Two people cannot have one PC in a wave. Nothing was changed."), {str(who): text for who, text in wrong.items()})
    enrolled = set(db.scalars(sa.select(Enrolment.id).where(Enrolment.run_id == run.id, Enrolment.id.in_(plan))))
    known = {row.enrolment_id: row for row in db.scalars(sa.select(Seating).where(Seating.run_id == run.id).with_for_update())}
    changed = 0
    for enrolment_id, (seat_id, wave) in plan.items():
        if enrolment_id not in enrolled:
            continue
        row = known.get(enrolment_id)
        if row is None:
            row = Seating(run_id=run.id, enrolment_id=enrolment_id, seat_id=None, wave=0)
            db.add(row)
        if (row.seat_id, row.wave) != (seat_id, wave):
            row.seat_id, row.wave = seat_id, wave
            changed += 1
    db.flush()
    return changed


def seat_one(db: Session, run: CourseRun, *, enrolment_id: uuid.UUID, seat_id: uuid.UUID | None, wave: int | None = None) -> Seating:
    """Give one person a seat of the room; his wave stays unless another is named."""
    take_write_lock(db)
    row = db.scalar(sa.select(Seating).where(Seating.enrolment_id == enrolment_id).with_for_update())
    if row is None:
        row = Seating(run_id=run.id, enrolment_id=enrolment_id)
        db.add(row)
    row.seat_id, row.wave = seat_id, wave or row.wave or 1
    db.flush()
    return row


def move_seat(
    db: Session, run: CourseRun, *, enrolment_id: uuid.UUID, old: str, seat_id: uuid.UUID, by: uuid.UUID, now: datetime, reason: str = ""
) -> None:
    """Give somebody who has no test open another seat. Raises Invalid when it is taken in his wave or does not work."""
    take_write_lock(db)
    row = db.scalar(sa.select(Seating).where(Seating.enrolment_id == enrolment_id))
    wave = row.wave if row else 1
    _refuse_taken(db, run, seat_id, wave)
    seat_one(db, run, enrolment_id=enrolment_id, seat_id=seat_id)
    who = db.scalars(sa.select(Enrolment.person_id).where(Enrolment.id == enrolment_id)).one()
    write_line(db, run, what="moved", by=by, now=now, note=reason, people=[who], old=old or "–", seat=db.get_one(Seat, seat_id).label)


def mark_seat(db: Session, run: CourseRun, *, seat_id: uuid.UUID, state: str, by: uuid.UUID, now: datetime, note: str = "") -> list[str]:
    """Note that a PC of the run's room is out of order, or works again; gives the names of those who had it.

    Raises Invalid for a seat of another room.
    """
    take_write_lock(db)
    label = db.scalar(sa.select(Seat.label).where(Seat.id == seat_id, Seat.classroom_id == run.classroom_id))
    if label is None:
        raise Invalid(say("class", "This seat is not in the room of the run."))
    if seats.set_state(db, seat_id, state):
        write_line(db, run, what="seat-broken" if state == "broken" else "seat-works", by=by, now=now, note=note, seat=label)
    at_it = sa.or_(
        Enrolment.id.in_(sa.select(Seating.enrolment_id).where(Seating.seat_id == seat_id)),
        Enrolment.id.in_(sa.select(Attempt.enrolment_id).where(Attempt.seat_id == seat_id, Attempt.state == "open")),
    )
    return list(
        db.scalars(sa.select(Person.short_name).join(Enrolment, Enrolment.person_id == Person.id).where(Enrolment.run_id == run.id, at_it))
    )


# ---- walk-ins and slips ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stranger:
    """Somebody whom no register here knows."""

    agency_id: uuid.UUID
    office_id: uuid.UUID
    name: Name
    script: str  # of the name: Cyrl | Latn | Arab
    service_number: str = ""  # as he says it; empty: he gets one of the class
    rank: str = ""
    gender: str | None = None


def walk_in(
    db: Session, run: CourseRun, *, who: uuid.UUID | Stranger, language: str, seat_id: uuid.UUID | None, pin_hash: str, by: uuid.UUID,
    now: datetime,
) -> Enrolment:
    """Take somebody in who stands in the room: person, enrolment, seat, PIN and a line of the minutes, all or nothing.

    A stranger is registered with a provisional identity, which the centre confirms or merges later. His number, where
    he knows none, is made of the run's code and his place in its roster: both are given once, so it cannot clash.
    Raises what register_person, enrol_walk_in and issue_slips raise, and Invalid for a seat that is not free.
    """
    take_write_lock(db)
    today = now.astimezone(ZoneInfo(run.zone)).date()
    if isinstance(who, Stranger):
        number = who.service_number.strip() or f"W-{run.code.removeprefix('R-')}-{runs.next_number(db, run)}"
        person = register.register_person(
            db, agency=db.get_one(Agency, who.agency_id), office=db.get_one(Office, who.office_id), service_number=number,
            names={who.script: who.name}, since=today, gender=who.gender, rank=who.rank,
        )
        person.provisional = True
        office_id, rank, post = who.office_id, who.rank.strip(), ""
    else:
        person = db.get_one(Person, who)
        posting = db.scalar(
            sa.select(Posting).where(
                Posting.person_id == person.id, Posting.valid_from <= today, sa.or_(Posting.valid_to.is_(None), Posting.valid_to >= today)
            ).order_by(Posting.valid_from.desc()).limit(1)
        )
        office_id, rank, post = (posting.office_id, posting.rank, posting.post) if posting else (run.office_id, "", "")
    if seat_id is not None:
        _refuse_taken(db, run, seat_id)
    enrolment = runs.enrol_walk_in(db, run, person=person, office_id=office_id, rank=rank, post=post, language=language, now=now)
    seat_one(db, run, enrolment_id=enrolment.id, seat_id=seat_id, wave=1)
    runs.issue_slips(db, run, pin_hashes={person.id: pin_hash}, by=by, now=now)
    write_line(db, run, what="walk-in", by=by, now=now, people=[person.id])
    return enrolment


def _refuse_taken(db: Session, run: CourseRun, seat_id: uuid.UUID, wave: int = 1) -> None:
    state = db.scalar(sa.select(Seat.state).where(Seat.id == seat_id, Seat.classroom_id == run.classroom_id))
    has = sa.select(Seating.id).join(Enrolment, Enrolment.id == Seating.enrolment_id)
    taken = db.scalar(has.where(Seating.run_id == run.id, Seating.seat_id == seat_id, Seating.wave == wave, Enrolment.state == "enrolled"))
    if state != "works" or taken is not None:
        raise Invalid(fields={"seat": say("walk-in", "This seat was taken in the meantime. Choose another one.")})


def new_slip(db: Session, run: CourseRun, *, person_id: uuid.UUID, pin_hash: str, by: uuid.UUID, now: datetime) -> None:
    """A new PIN for one person; the old one is dead. Raises what issue_slips raises."""
    take_write_lock(db)
    runs.issue_slips(db, run, pin_hashes={person_id: pin_hash}, by=by, now=now)
    write_line(db, run, what="slip", by=by, now=now, people=[person_id])
