"""The facts of the pool are read by pieces of work; they are the same as a plain reading of each booking gives."""

from __future__ import annotations

import random
import uuid
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.offices.models import Classroom
from app.people.models import Person
from app.planning import queries, rules
from app.planning.facts import TrainerFacts
from app.runs.models import CourseRun, RunTrainer
from app.schedule import assignments
from app.schedule.bookings import refresh
from app.schedule.models import Assignment, Booking, Meeting, SessionSlot, Taught, TrainingSession
from app.trainers.models import Trainer
from tests.factories import added, make_office
from tests.planning.rows import make_session, make_trainer
from tests.runs.rows import make_run, make_version

NOW = datetime(2026, 11, 2, 6, tzinfo=UTC)
FIRST = datetime(2026, 8, 3, 4, tzinfo=UTC)  # a Monday, 09:00 in Almaty


def fill(db: Session, dice: random.Random) -> tuple[SessionSlot, list[Trainer]]:
    """Twenty weeks of sessions and of runs with their own timetable, some meetings cancelled, some taught by others; and an empty slot."""
    centre = make_office(db, kind="centre")
    offices = [make_office(db, parent=centre) for _ in range(3)]
    rooms = [None, added(db, Classroom(office_id=offices[1].id, names={"en": "Room"}))]
    version = make_version(db)
    pool = [make_trainer(db, dice.choice(offices)) for _ in range(5)]
    for week in range(20):
        office, starts = dice.choice(offices), FIRST + timedelta(weeks=week, days=dice.randrange(4))
        run = make_run(db, office, version, starts_on=starts.date(), ends_on=(starts + timedelta(days=3)).date())
        people = dice.sample(pool, 2)
        if dice.random() < 0.3:  # the run's own timetable
            session = make_session(db, run, meetings=3, starts=starts, state="released")
            for meeting in db.scalars(sa.select(Meeting).where(Meeting.session_id == session.id)):
                meeting.session_id = None
            for one in people:
                added(db, RunTrainer(run_id=run.id, person_id=one.person_id, part="lead" if one is people[0] else "co"))
        else:
            room = dice.choice(rooms)
            session = make_session(
                db, run, meetings=3, slots=("lead", "remote"), starts=starts, mode=dice.choice(("classroom", "online", "hybrid")), classroom_id=room and room.id,
                state=dice.choice(("draft", "released")),
            )
            slots = db.scalars(sa.select(SessionSlot).where(SessionSlot.session_id == session.id).order_by(SessionSlot.number)).all()
            for slot, one in zip(slots, people, strict=True):
                assignments.assign(db, slot, db.get_one(Person, one.person_id), by=one.person_id, now=NOW)
        for meeting in db.scalars(sa.select(Meeting).where(Meeting.run_id == run.id)):
            chance = dice.random()
            if chance < 0.15:
                meeting.state = "cancelled"
            elif chance < 0.4:
                for revision in range(1, dice.randrange(2, 4)):
                    who = dice.choice(pool)
                    part = "planned" if who.id in [one.id for one in people] else "substitute"
                    added(db, Taught(meeting_id=meeting.id, revision=revision, person_id=who.person_id, part=part, by_id=who.person_id, at=NOW))
        db.flush()
        refresh(db, [session.id])
    asked = make_session(db, make_run(db, offices[0], version), starts=FIRST + timedelta(weeks=dice.randrange(8, 18)), meetings=2)
    db.flush()
    return db.scalars(sa.select(SessionSlot).where(SessionSlot.session_id == asked.id)).one(), pool


class Plain:
    """What one trainer is booked for and has taught, each booking looked at by itself."""

    def __init__(self, db: Session, trainer: Trainer, without: uuid.UUID) -> None:
        self.booked: set[tuple[Any, ...]] = set()
        self.days: dict[uuid.UUID, set[date]] = defaultdict(set)  # session or run -> days
        planned: list[tuple[Meeting, CourseRun, TrainingSession | None, str]] = [
            tuple(row) for row in db.execute(  # type: ignore[misc]
                sa.select(Meeting, CourseRun, TrainingSession, SessionSlot.role).join(Booking, Booking.meeting_id == Meeting.id)
                .join(CourseRun, CourseRun.id == Meeting.run_id).join(TrainingSession, TrainingSession.id == Meeting.session_id)
                .join(Assignment, Assignment.id == Booking.source_id).join(SessionSlot, SessionSlot.id == Assignment.slot_id)
                .where(Booking.resource_id == trainer.person_id)
            )
        ]
        planned += [
            (meeting, run, None, part) for meeting, run, part in db.execute(
                sa.select(Meeting, CourseRun, RunTrainer.part).join(CourseRun, CourseRun.id == Meeting.run_id).join(RunTrainer, RunTrainer.run_id == CourseRun.id)
                .where(RunTrainer.person_id == trainer.person_id, Meeting.session_id.is_(None), Meeting.state.in_(("planned", "held")))
            )
        ]
        for meeting, run, session, role in planned:
            self.booked.add((meeting.starts_at, meeting.ends_at, session.code if session else run.code, role, (session is None or session.mode != "online") and role != "remote"))
            newest = self._newest(db, meeting)
            if not newest or trainer.person_id in newest:
                self.days[meeting.session_id or meeting.run_id].add(meeting.day)
        for meeting in db.scalars(sa.select(Meeting).where(Meeting.state != "cancelled")):
            if self._newest(db, meeting).get(trainer.person_id) == "substitute":
                self.days[meeting.session_id or meeting.run_id].add(meeting.day)
        self.days.pop(without, None)

    def _newest(self, db: Session, meeting: Meeting) -> dict[uuid.UUID, str]:
        newest = sa.select(sa.func.max(Taught.revision)).where(Taught.meeting_id == meeting.id).scalar_subquery()
        return dict(db.execute(sa.select(Taught.person_id, Taught.part).where(Taught.meeting_id == meeting.id, Taught.revision == newest)).all())


def near(facts: TrainerFacts) -> set[tuple[Any, ...]]:
    """The bookings of the facts in the words of the plain reading."""
    return {(one.span.starts, one.span.ends, one.code, one.role, one.span.place is not None) for one in facts.busy}


@pytest.mark.goal("SCH-03")
@pytest.mark.parametrize("seed", range(6))
def test_pieces_of_work_say_the_same_as_single_bookings(db: Session, seed: int) -> None:
    """Bookings near the slot, teaching days of the quarter and of 90 days: as each meeting by itself says, whoever really taught."""
    slot, pool = fill(db, random.Random(seed))
    asked = queries.slot_facts(db, slot, now=NOW)
    assert asked is not None
    quarter = (rules.quarter_of(asked.first), rules.end_of_quarter(asked.last))
    since, until = asked.spans[0].starts - timedelta(days=6), asked.spans[-1].ends + timedelta(days=6)
    facts = {one.trainer_id: one for one in queries.pool_facts(db, slot, now=NOW)}

    for trainer in pool:
        read, plain = facts[trainer.id], Plain(db, trainer, slot.session_id)
        assert {one for one in near(read) if one[0] < until and one[1] > since} == {one for one in plain.booked if one[0] < until and one[1] > since}
        assert sorted(sorted(work.days) for work in read.work) == sorted(
            sorted(day.isoformat() for day in days) for days in plain.days.values() if any(quarter[0] <= day <= quarter[1] for day in days)
            for days in [{day for day in days if min(quarter[0], asked.first - timedelta(days=90)) <= day <= quarter[1]}]
        )
        assert read.days_90 == len({day for days in plain.days.values() for day in days if asked.first - timedelta(days=90) <= day < asked.first})
