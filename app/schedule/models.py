"""Tables of what happens when: sessions with their slots, seats and bookings, meetings, class days, seating, attendance, who taught."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db import Base, Fact, Record, Stays
from app.runs.models import CourseRun


class TrainingSession(Record, Base):
    """One planned piece of a run: in a classroom, online, or both at once. What it needs of people are its slots."""

    __tablename__ = "training_session"
    code: Mapped[str] = mapped_column(sa.String(20), unique=True)  # "S-2026-0412"
    run_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("course_run.id"), index=True)
    mode: Mapped[str] = mapped_column(sa.String(10))  # classroom | online | hybrid
    language: Mapped[str] = mapped_column(sa.String(8))  # of delivery
    language_level: Mapped[str] = mapped_column(sa.String(2), default="B2")  # asked of who teaches
    zone: Mapped[str]  # of its meetings unless they say otherwise
    seats: Mapped[int]
    title: Mapped[str] = mapped_column(default="")  # own words; empty: the title of the course
    classroom_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("classroom.id"), default=None)
    place: Mapped[str] = mapped_column(default="")
    link_kind: Mapped[str] = mapped_column(sa.String(10), default="none")  # none | plain | bbb | jitsi
    link: Mapped[str] = mapped_column(default="")  # of kind plain
    phone: Mapped[str] = mapped_column(default="")  # who to call when the video server does not answer
    allows_phones: Mapped[bool] = mapped_column(default=False)  # QR check-in by participants' own phones
    budget: Mapped[int | None] = mapped_column(default=None)  # for trainers, whole units of the pool's currency
    state: Mapped[str] = mapped_column(sa.String(10), default="draft")  # draft | released | cancelled
    released_at: Mapped[datetime | None] = mapped_column(default=None)
    released_by: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("person.id"), default=None)
    reason: Mapped[str] = mapped_column(default="")  # of a cancellation
    series_id: Mapped[uuid.UUID | None] = mapped_column(default=None)  # sessions made together
    searches: Mapped[bool] = mapped_column(default=False)  # searching persons is practised: each sex is taught it by its own
    run: Mapped[CourseRun] = relationship(init=False, lazy="raise", viewonly=True)


class SessionSlot(Record, Base):
    """A role that a session needs somebody for."""

    __tablename__ = "session_slot"
    session_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("training_session.id"), index=True)
    role: Mapped[str] = mapped_column(sa.String(12))  # lead | co | assistant | interpreter | remote | assessor
    number: Mapped[int]  # order on the page, from 1
    language: Mapped[str] = mapped_column(sa.String(8), default="")  # an interpreter's; empty: that of the session
    ended_on: Mapped[date | None] = mapped_column(default=None)  # no longer needed


class Assignment(Record, Base):
    """Somebody for a slot: asked, offered, accepted or assigned; when it ends, the row stays as history."""

    __tablename__ = "assignment"
    __table_args__ = (
        sa.Index("ix_assignment_person_id_state", "person_id", "state"),
        sa.Index(
            "uq_assignment_slot_holds", "slot_id", unique=True,
            postgresql_where=sa.text("state IN ('requested', 'offered', 'accepted', 'assigned')"),
            sqlite_where=sa.text("state IN ('requested', 'offered', 'accepted', 'assigned')"),
        ),
    )
    session_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("training_session.id"), index=True)
    slot_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("session_slot.id"))
    person_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("person.id"))
    state: Mapped[str] = mapped_column(sa.String(10))  # requested | offered | accepted | assigned | declined | refused | withdrawn
    since: Mapped[datetime]  # of the state
    answer_by: Mapped[datetime | None] = mapped_column(default=None)  # until when an offer or a request wants an answer
    broken: Mapped[list[Any]] = mapped_column(default_factory=list)  # what no longer holds: results as planning.rules writes them
    broken_at: Mapped[datetime | None] = mapped_column(default=None)
    overrides: Mapped[list[Any]] = mapped_column(default_factory=list)  # {code, level, reason, by, at} of each warning taken on
    found: Mapped[list[Any]] = mapped_column(default_factory=list)  # results shown when he was chosen
    order_number: Mapped[str] = mapped_column(sa.String(40), default="")
    order_on: Mapped[date | None] = mapped_column(default=None)


class AssignmentEvent(Fact, Base):
    """What happened to an assignment, with who and why: its history."""

    __tablename__ = "assignment_event"
    assignment_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("assignment.id"), index=True)
    what: Mapped[str] = mapped_column(sa.String(12))  # a state | proposed | taken | not-taken | broken | mended | overridden | confirmed
    by_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("person.id"))  # None: the program itself
    at: Mapped[datetime]
    reason: Mapped[str] = mapped_column(default="")
    detail: Mapped[dict[str, Any]] = mapped_column(default_factory=dict)


class SessionSeat(Record, Base):
    """Somebody's seat in a session, or his place in its wait-list."""

    __tablename__ = "session_seat"
    __table_args__ = (sa.UniqueConstraint("session_id", "person_id"),)
    session_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("training_session.id"))
    person_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("person.id"), index=True)
    agency_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("agency.id"))
    state: Mapped[str] = mapped_column(sa.String(10))  # seated | waiting | declined | withdrawn
    place: Mapped[int]  # order of coming, from 1: who waits longest is promoted first
    since: Mapped[datetime]
    promoted_at: Mapped[datetime | None] = mapped_column(default=None)
    reason: Mapped[str] = mapped_column(default="")


class AgencyQuota(Record, Base):
    """Seats of a session kept for an agency."""

    __tablename__ = "agency_quota"
    __table_args__ = (sa.UniqueConstraint("session_id", "agency_id"),)
    session_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("training_session.id"))
    agency_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("agency.id"))
    seats: Mapped[int]


class Booking(Stays, Base):
    """That a trainer, a trainee or a room is taken from an instant to an instant: the database of a node refuses a second one

    (an exclusion constraint on PostgreSQL, a trigger on SQLite, both named booking_never_twice and made by migration 0004).
    """

    __tablename__ = "booking"
    __table_args__ = (sa.Index("ix_booking_resource_id_starts_at", "resource_id", "starts_at"), sa.Index("ix_booking_source_id", "source_id"))
    kind: Mapped[str] = mapped_column(sa.String(8))  # trainer | trainee | room
    resource_id: Mapped[uuid.UUID]  # of the person or the classroom
    meeting_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("meeting.id"), index=True)
    source_id: Mapped[uuid.UUID]  # of the assignment, the seat or the session that holds it
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]


class RoomBlocking(Record, Base):
    """When a classroom cannot be used, and why."""

    __tablename__ = "room_blocking"
    classroom_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("classroom.id"), index=True)
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    reason: Mapped[str]
    ended_on: Mapped[date | None] = mapped_column(default=None)  # lifted


class Presence(Fact, Base):
    """That somebody was seen at a meeting by a device: a code scanned, a room joined or left, or a scan that the trainer refused."""

    __tablename__ = "presence"
    __table_args__ = (sa.Index("ix_presence_meeting_id_enrolment_id", "meeting_id", "enrolment_id"),)
    meeting_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("meeting.id"))
    enrolment_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("enrolment.id"))
    what: Mapped[str] = mapped_column(sa.String(10))  # scanned | joined | left | refused
    at: Mapped[datetime]
    device: Mapped[str] = mapped_column(sa.String(64), default="")  # hash of the phone's own cookie
    by_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("person.id"), default=None)  # who refused
    reason: Mapped[str] = mapped_column(default="")


class Meeting(Record, Base):
    """One start-end of a run in one place, usually a half-day. Its number is its place in the run by time."""

    __tablename__ = "meeting"
    __table_args__ = (sa.Index("ix_meeting_run_id_day", "run_id", "day"), sa.Index("ix_meeting_day_session_id", "day", "session_id"))
    run_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("course_run.id"))
    day: Mapped[date]  # by the clock of the run's office
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    zone: Mapped[str]
    classroom_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("classroom.id"), default=None)
    place: Mapped[str] = mapped_column(default="")
    state: Mapped[str] = mapped_column(sa.String(10), default="planned")  # draft | planned | held | cancelled
    reason: Mapped[str] = mapped_column(default="")  # of a cancellation
    session_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("training_session.id"), default=None, index=True)  # None: the run's own timetable
    link: Mapped[str] = mapped_column(default="")  # where this meeting's differs from its session's
    sequence: Mapped[int] = mapped_column(default=0)  # goes up when time, place or state change: calendars take the newest
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
    channel: Mapped[str] = mapped_column(sa.String(10))  # roll-call | sheet | sign-in | office (excused in advance) | qr | join
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
