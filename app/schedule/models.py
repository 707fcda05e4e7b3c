"""Tables of what happens when: meetings of a run, class days with their minutes, seating, attendance, who taught."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db import Base, Fact, Record, Stays
from app.runs.models import CourseRun


class Meeting(Record, Base):
    """One start-end of a run in one place, usually a half-day. Its number is its place in the run by time."""

    __tablename__ = "meeting"
    __table_args__ = (sa.Index("ix_meeting_run_id_day", "run_id", "day"),)
    run_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("course_run.id"))
    day: Mapped[date]  # by the clock of the run's office
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    zone: Mapped[str]
    classroom_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("classroom.id"), default=None)
    place: Mapped[str] = mapped_column(default="")
    state: Mapped[str] = mapped_column(sa.String(10), default="planned")  # planned | held | cancelled
    reason: Mapped[str] = mapped_column(default="")  # of a cancellation
    run: Mapped[CourseRun] = relationship(init=False, lazy="raise", viewonly=True)


class MeetingItem(Record, Base):
    """One line of a meeting's timetable."""

    __tablename__ = "meeting_item"
    meeting_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("meeting.id"), index=True)
    place: Mapped[int]  # order in the meeting, from 1
    kind: Mapped[str] = mapped_column(sa.String(12))  # lesson | quiz | practical | welcome | break | debrief | feedback | closing | other
    ref: Mapped[str | None] = mapped_column(sa.String(60), default=None)  # id of the lesson, quiz or practical
    minutes: Mapped[int]
    who: Mapped[str | None] = mapped_column(sa.String(10), default=None)  # lead | co | manager
    teacher_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("person.id"), default=None)  # named instead of `who`
    text: Mapped[str] = mapped_column(default="")  # own words, for what the course does not name


class Taught(Fact, Base):
    """Who really taught a meeting; a later revision corrects an earlier one."""

    __tablename__ = "taught"
    __table_args__ = (sa.UniqueConstraint("meeting_id", "revision", "person_id"),)
    meeting_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("meeting.id"))
    revision: Mapped[int]  # all rows of the newest revision together are what holds
    person_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("person.id"), index=True)
    part: Mapped[str] = mapped_column(sa.String(12))  # planned | substitute | guest
    instead_of: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("person.id"), default=None)
    reason: Mapped[str] = mapped_column(default="")
    by_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("person.id"))
    at: Mapped[datetime]


class AttendanceMark(Fact, Base):
    """What was noted of a person at a meeting; the newest revision holds."""

    __tablename__ = "attendance_mark"
    __table_args__ = (
        sa.UniqueConstraint("meeting_id", "enrolment_id", "revision"),
        sa.Index("ix_attendance_mark_enrolment_id", "enrolment_id"),
    )
    meeting_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("meeting.id"))
    enrolment_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("enrolment.id"))
    revision: Mapped[int]
    status: Mapped[str] = mapped_column(sa.String(10))  # present | late | left-early | excused | absent | unset (taken back)
    minutes: Mapped[int | None] = mapped_column(default=None)  # late or left early by
    note: Mapped[str] = mapped_column(default="")
    channel: Mapped[str] = mapped_column(sa.String(10))  # roll-call | sheet | sign-in | office (excused in advance)
    batch: Mapped[uuid.UUID | None] = mapped_column(default=None)  # of one bulk action, so that it can be undone
    by_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("person.id"))
    at: Mapped[datetime]


class ClassDay(Record, Base):
    """A day of a run in the class: opened and closed by the class manager."""

    __tablename__ = "class_day"
    __table_args__ = (sa.UniqueConstraint("run_id", "day"),)
    run_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("course_run.id"))
    day: Mapped[date]
    opened_at: Mapped[datetime]
    opened_by: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("person.id"))
    closed_at: Mapped[datetime | None] = mapped_column(default=None)
    closed_by: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("person.id"), default=None)
    note: Mapped[str] = mapped_column(default="")


class MinutesLine(Fact, Base):
    """A line of the minutes of a class day: what happened, noted by the program or written by hand."""

    __tablename__ = "minutes_line"
    __table_args__ = (sa.Index("ix_minutes_line_run_id_day", "run_id", "day"),)
    run_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("course_run.id"))
    day: Mapped[date]
    at: Mapped[datetime]
    by_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("person.id"))  # None: the program itself
    what: Mapped[str] = mapped_column(sa.String(30))  # a code of schedule.minutes; "note" for own words
    detail: Mapped[dict[str, Any]] = mapped_column(default_factory=dict)  # what the sentence of the code names
    note: Mapped[str] = mapped_column(default="")  # the reason given, or own words


class Seating(Record, Base):
    """Where somebody sits in a run, and in which wave he takes its tests."""

    __tablename__ = "seating"
    run_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("course_run.id"), index=True)
    enrolment_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("enrolment.id"), unique=True)
    seat_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("seat.id"), default=None)
    wave: Mapped[int] = mapped_column(default=1)


class TeachScreen(Stays, Base):
    """What is projected in a run now, for PCs of the room that follow."""

    __tablename__ = "teach_screen"
    run_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("course_run.id"), unique=True)
    lesson: Mapped[str] = mapped_column(sa.String(60))
    page: Mapped[int]
    follows: Mapped[bool] = mapped_column(default=False)  # the room's PCs show the same page
    by_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("person.id"))
    at: Mapped[datetime]
