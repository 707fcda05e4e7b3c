"""Verbs of practical work: handing it in, and marking it by a checklist, alone, in pairs or from paper."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.courses.content import Practical
from app.db import take_write_lock
from app.errors import Conflict, Invalid, Message, say
from app.quizzes.models import PracticalMark, PracticalWork
from app.quizzes.practicals import rules
from app.quizzes.practicals.queries import Held, held_of
from app.runs.models import CourseRun, Enrolment

NOTE_LIMIT = 2000


class BeingMarked(Conflict):
    message = say("practical", "Your work is being marked or is passed already, so nothing new is taken. Ask your trainer if something is wrong.")


class NotOpen(Conflict):
    message = say("practical", "The course is not open now, so practical work is not taken. Ask your class manager.")


class MarkedMeanwhile(Conflict):
    message = say("practical", "Somebody else has marked this in the meantime, and your marks were not saved. Open the page again to see it.")


class NoPlaceLeft(Conflict):
    message = say("practical", "Two raters have marked this already. To change a mark, the rater himself marks again.")


@dataclass(frozen=True)
class GivenFile:
    """A file that is kept on this node: its name as given, its size in bytes, and what it is kept under."""

    name: str
    size: int
    sha256: str


def hand_in(
    db: Session, enrolment: Enrolment, practical: Practical, *, values: Mapping[str, str], file: GivenFile | None, channel: str,
    by: uuid.UUID, now: datetime,
) -> PracticalWork:
    """Take a trainee's work; a file that is not given anew stays the one given before.

    `channel`: pc, or paper for what a class manager keys in. Raises Invalid (values or file), NotOpen, BeingMarked.
    """
    faults = rules.value_faults(practical, values)
    if file and (fault := rules.file_fault(file.name, file.size)):
        faults["file"] = fault
    take_write_lock(db)
    _open(db, enrolment)
    held = _held(db, enrolment.id, practical.id)
    if channel == "pc" and not rules.may_hand_in(held.standing(practical).state, bool(held.marks)):
        raise BeingMarked()
    before = held.work
    if practical.file and channel == "pc" and file is None and (before is None or before.file_sha256 is None):
        faults["file"] = say("practical", "Choose the file that you made.")
    if faults:
        raise Invalid(say("practical", "Something is missing or cannot be taken. Nothing was handed in yet."), fields=faults)
    work = PracticalWork(
        enrolment_id=enrolment.id, practical=practical.id, number=before.number + 1 if before else 1,
        values={one.id: values[one.id].strip() for one in practical.values or []},
        file_sha256=file.sha256 if file else (before.file_sha256 if before else None),
        file_name=file.name[-120:] if file else (before.file_name if before else ""), channel=channel, by_id=by, at=now,
    )
    db.add(work)
    db.flush()
    return work


def mark(
    db: Session, enrolment: Enrolment, practical: Practical, *, items: Mapping[str, str], note: str, channel: str, rater_id: uuid.UUID,
    by: uuid.UUID, now: datetime, place: int | None = None, known: int = 0,
) -> PracticalMark:
    """Keep a rater's checklist.

    `place`: 2 for keying the sheets of one rater a second time, 3 for what was settled; otherwise the rater's own.
    `known`: the newest number of that place that the page has shown, 0 for none. Raises Invalid (an item is not marked),
    MarkedMeanwhile, NoPlaceLeft, NotOpen.
    """
    faults: dict[str, Message] = rules.item_faults(practical, items)
    if len(note) > NOTE_LIMIT:
        faults["note"] = say("practical", "The note is too long: at most {limit} letters.", limit=NOTE_LIMIT)
    if faults:
        raise Invalid(say("practical", "Not everything is marked. Nothing was saved yet: the open items are named below."), fields=faults)
    take_write_lock(db)
    _open(db, enrolment)
    held = _held(db, enrolment.id, practical.id)
    if place is None:
        place = rules.place_of(rater_id, held.raters, practical.raters)
    if place is None:
        raise NoPlaceLeft()
    newest = held.marks[place].number if place in held.marks else 0
    if newest != known:
        raise MarkedMeanwhile()
    made = PracticalMark(
        enrolment_id=enrolment.id, practical=practical.id, place=place, number=newest + 1,
        items={one.id: items[one.id] for one in practical.checklist or []}, note=note.strip(), channel=channel, rater_id=rater_id,
        by_id=by, at=now,
    )
    db.add(made)
    db.flush()
    return made


def _open(db: Session, enrolment: Enrolment) -> None:
    """The enrolment's row is where two who mark at once wait for each other. Raises NotOpen."""
    state, run_state = db.execute(
        sa.select(Enrolment.state, CourseRun.state).join(CourseRun, CourseRun.id == Enrolment.run_id)
        .where(Enrolment.id == enrolment.id).with_for_update(of=Enrolment, key_share=True)
    ).one()
    if state != "enrolled" or run_state != "open":
        raise NotOpen()


def _held(db: Session, enrolment_id: uuid.UUID, practical: str) -> Held:
    return held_of(db, [enrolment_id]).get(enrolment_id, {}).get(practical, Held())
