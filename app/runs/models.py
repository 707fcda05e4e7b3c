"""Tables of course runs: the run, its trainers, nominations and enrolments."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.courses.models import CourseVersion
from app.db import Base, Record
from app.offices.models import Agency, Classroom, Office
from app.people.models import Person


class CourseRun(Record, Base):
    """One course version given to a group, with dates and a place."""

    __tablename__ = "course_run"
    code: Mapped[str] = mapped_column(sa.String(20), unique=True)  # "R-2026-0412"
    course_version_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("course_version.id"))
    office_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("office.id"), index=True)  # who gives it
    classroom_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("classroom.id"))
    place: Mapped[str] = mapped_column(default="")  # where there is no classroom, or besides it
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    zone: Mapped[str]  # of the office, so that dates mean the same for everybody
    seats: Mapped[int]
    state: Mapped[str] = mapped_column(sa.String(10), default="planned")  # planned | open | closed | cancelled
    opened_at: Mapped[datetime | None] = mapped_column(default=None)
    closed_at: Mapped[datetime | None] = mapped_column(default=None)
    note: Mapped[str] = mapped_column(default="")
    course_version: Mapped[CourseVersion] = relationship(init=False, lazy="raise", viewonly=True)
    office: Mapped[Office] = relationship(init=False, lazy="raise", viewonly=True)
    classroom: Mapped[Classroom | None] = relationship(init=False, lazy="raise", viewonly=True)


class RunTrainer(Record, Base):
    """Who teaches a run."""

    __tablename__ = "run_trainer"
    __table_args__ = (sa.UniqueConstraint("run_id", "person_id"),)
    run_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("course_run.id"))
    person_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("person.id"), index=True)
    part: Mapped[str] = mapped_column(sa.String(10), default="lead")  # lead | co


class Nomination(Record, Base):
    """An office proposes an officer for a run; the training officer accepts or declines with a reason."""

    __tablename__ = "nomination"
    __table_args__ = (sa.UniqueConstraint("run_id", "person_id"),)
    run_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("course_run.id"))
    person_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("person.id"), index=True)
    office_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("office.id"), index=True)  # the office that nominates
    nominated_by: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("person.id"))
    nominated_at: Mapped[datetime]
    mode: Mapped[str] = mapped_column(sa.String(10), default="class")  # class | remote | self-study
    language: Mapped[str] = mapped_column(sa.String(8))  # of the test
    state: Mapped[str] = mapped_column(sa.String(10), default="proposed")  # proposed | accepted | declined | withdrawn
    decided_by: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("person.id"), default=None)
    decided_at: Mapped[datetime | None] = mapped_column(default=None)
    reason: Mapped[str] = mapped_column(default="")
    checks: Mapped[list[Any]] = mapped_column(default_factory=list)  # what was shown to the decider: codes and facts
    person: Mapped[Person] = relationship(init=False, lazy="raise", viewonly=True, foreign_keys="Nomination.person_id")
    office: Mapped[Office] = relationship(init=False, lazy="raise", viewonly=True)


class Enrolment(Record, Base):
    """A person in a run. Office, agency and rank are those of the day, and stay."""

    __tablename__ = "enrolment"
    __table_args__ = (sa.UniqueConstraint("run_id", "person_id"),)
    run_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("course_run.id"))
    person_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("person.id"), index=True)
    office_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("office.id"), index=True)
    agency_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("agency.id"))
    rank: Mapped[str] = mapped_column(default="")
    post: Mapped[str] = mapped_column(default="")
    number: Mapped[int]  # place in the roster, from 1
    mode: Mapped[str] = mapped_column(sa.String(10), default="class")
    language: Mapped[str] = mapped_column(sa.String(8))  # of the test
    state: Mapped[str] = mapped_column(sa.String(10), default="enrolled")  # enrolled | withdrawn
    enrolled_at: Mapped[datetime]
    withdrawn_why: Mapped[str] = mapped_column(default="")
    walk_in: Mapped[bool] = mapped_column(default=False)  # came without a nomination, enrolled at the class
    order_number: Mapped[str] = mapped_column(sa.String(40), default="")  # of the order that sends him
    order_on: Mapped[date | None] = mapped_column(default=None)
    run: Mapped[CourseRun] = relationship(init=False, lazy="raise", viewonly=True)
    person: Mapped[Person] = relationship(init=False, lazy="raise", viewonly=True)
    office: Mapped[Office] = relationship(init=False, lazy="raise", viewonly=True)
    agency: Mapped[Agency] = relationship(init=False, lazy="raise", viewonly=True)


class RunReport(Record, Base):
    """The session report of a run on its way up: due when the run ends, made, received, or missing with a reason."""

    __tablename__ = "run_report"
    run_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("course_run.id"), unique=True)
    made_at: Mapped[datetime | None] = mapped_column(default=None)
    made_by: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("person.id"), default=None)
    received_at: Mapped[datetime | None] = mapped_column(default=None)
    received_by: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("person.id"), default=None)
    missing_why: Mapped[str] = mapped_column(default="")  # why there is none
    remarks: Mapped[str] = mapped_column(default="")  # the class manager's own words on it
