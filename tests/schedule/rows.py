"""Rows of meetings for tests."""

from __future__ import annotations

import uuid
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.people.models import Person
from app.runs.models import CourseRun, Enrolment
from app.schedule.models import AttendanceMark, Meeting, MeetingItem
from tests.factories import a_moment, added, make_person
from tests.runs import rows as runs


def at(run: CourseRun, hour: str, day: date | None = None) -> datetime:
    """A moment of the first day of a run, or of another, by the clock of its office."""
    return datetime.combine(day or run.starts_on, time.fromisoformat(hour), ZoneInfo(run.zone))


def make_meeting(db: Session, run: CourseRun | None = None, starts: str = "09:00", ends: str = "13:00", day: date | None = None, **values: Any) -> Meeting:
    """A half-day of a run: the morning of its first day."""
    run = run or runs.make_run(db)
    defaults: dict[str, Any] = {"day": day or run.starts_on, "zone": run.zone, "starts_at": at(run, starts, day), "ends_at": at(run, ends, day)}
    return added(db, Meeting(run_id=run.id, **(defaults | values)))


def make_item(db: Session, meeting: Meeting, **values: Any) -> MeetingItem:
    """A line of a meeting's timetable."""
    defaults: dict[str, Any] = {"place": 1, "kind": "lesson", "ref": "l1", "minutes": 40, "who": "lead"}
    return added(db, MeetingItem(meeting_id=meeting.id, **(defaults | values)))


def make_mark(db: Session, meeting: Meeting, enrolment: Enrolment, status: str = "present", revision: int = 1, **values: Any) -> AttendanceMark:
    """What was noted of a person at a meeting."""
    defaults: dict[str, Any] = {"channel": "roll-call", "by_id": None, "at": a_moment()}
    return added(db, AttendanceMark(meeting_id=meeting.id, enrolment_id=enrolment.id, status=status, revision=revision, **(defaults | values)))


def by(db: Session) -> uuid.UUID:
    """The id of somebody who does something."""
    person: Person = make_person(db)
    return person.id


def later(run: CourseRun, days: int) -> date:
    """A day of a run, counted from its first."""
    return run.starts_on + timedelta(days=days)
