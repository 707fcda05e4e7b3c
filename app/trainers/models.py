"""Tables of the pool: trainers, their stages, accreditations, languages, absences, permissions and pairings."""

from __future__ import annotations

import uuid
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db import Base, Fact, Record
from app.offices.models import Office
from app.people.models import Person


class Trainer(Record, Base):
    """Somebody of the pool: what he may be asked for, and how far from home."""

    __tablename__ = "trainer"
    person_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("person.id"), unique=True)
    home_office_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("office.id"), index=True)  # his duty station
    stage: Mapped[str] = mapped_column(sa.String(12), default="nominated")  # nominated | workshop | observed | accredited | lapsed
    reach: Mapped[str] = mapped_column(sa.String(10), default="national")  # national | regional
    travels: Mapped[str] = mapped_column(sa.String(10), default="country")  # none | department | country | abroad: how far he may be sent
    share: Mapped[int] = mapped_column(default=100)  # percent of a post that is teaching: weighs fairness
    days_a_month: Mapped[int | None] = mapped_column(default=None)  # most teaching days; None: the default of the pool
    days_a_quarter: Mapped[int | None] = mapped_column(default=None)
    needs_release: Mapped[bool] = mapped_column(default=False)  # his agency has to let him go, in writing
    shown_abroad: Mapped[str] = mapped_column(sa.String(10), default="none")  # none | busy | card: what other countries see, by his consent
    consent_on: Mapped[date | None] = mapped_column(default=None)
    passport_to: Mapped[date | None] = mapped_column(default=None)
    connection_tested_on: Mapped[date | None] = mapped_column(default=None)  # last test of his PC and line for online sessions
    prefers: Mapped[str] = mapped_column(sa.String(10), default="")  # classroom | online | hybrid | "": nothing stated
    prefers_to: Mapped[date | None] = mapped_column(default=None)
    left_on: Mapped[date | None] = mapped_column(default=None)  # no longer in the pool
    note: Mapped[str] = mapped_column(default="")
    person: Mapped[Person] = relationship(init=False, lazy="raise", viewonly=True)
    home: Mapped[Office] = relationship(init=False, lazy="raise", viewonly=True)


class TrainerStep(Fact, Base):
    """A step of a trainer's way: nominated, workshop, observed (signed by an assessor), accredited, lapsed."""

    __tablename__ = "trainer_step"
    trainer_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("trainer.id"), index=True)
    stage: Mapped[str] = mapped_column(sa.String(12))
    day: Mapped[date]
    course_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("course.id"), default=None)
    session_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("training_session.id"), default=None)  # the one observed
    assessor_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("person.id"), default=None)  # who signed
    result: Mapped[str] = mapped_column(sa.String(10), default="")  # passed | again | "" where there is none
    note: Mapped[str] = mapped_column(default="")
    by_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("person.id"))
    at: Mapped[datetime]


class Accreditation(Record, Base):
    """That a trainer may take a role in a course, from a day to a day."""

    __tablename__ = "accreditation"
    trainer_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("trainer.id"), index=True)
    course_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("course.id"), index=True)
    level: Mapped[str] = mapped_column(sa.String(10))  # lead | co | assistant: the highest role
    valid_from: Mapped[date]
    valid_to: Mapped[date | None] = mapped_column(default=None)  # last day; None: no end
    document: Mapped[str] = mapped_column(default="")  # "order 114 of 3 Mar 2026"
    withdrawn_on: Mapped[date | None] = mapped_column(default=None)
    withdrawn_why: Mapped[str] = mapped_column(default="")


class TrainerLanguage(Record, Base):
    """How well a trainer speaks a language."""

    __tablename__ = "trainer_language"
    __table_args__ = (sa.UniqueConstraint("trainer_id", "language"),)
    trainer_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("trainer.id"))
    language: Mapped[str] = mapped_column(sa.String(8))
    level: Mapped[str] = mapped_column(sa.String(2))  # A1 ... C2 of the Common European Framework; C2 for a native speaker


class Absence(Record, Base):
    """When somebody cannot come: leave, illness, a duty shift, a deployment, or what a trainer declared."""

    __tablename__ = "absence"
    __table_args__ = (sa.Index("ix_absence_person_id_starts_at", "person_id", "starts_at"),)
    person_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("person.id"))
    kind: Mapped[str] = mapped_column(sa.String(12))  # leave | sick | shift | deployment | unavailable
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    zone: Mapped[str]  # so that "10-13 May" means the days it was said for
    note: Mapped[str] = mapped_column(default="")
    ended_on: Mapped[date | None] = mapped_column(default=None)  # withdrawn


class EntryPermit(Record, Base):
    """Permission to enter a country or a site: a visa, a clearance."""

    __tablename__ = "entry_permit"
    trainer_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("trainer.id"), index=True)
    kind: Mapped[str] = mapped_column(sa.String(10))  # visa | site
    country_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("country.id"), default=None)
    office_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("office.id"), default=None)
    valid_from: Mapped[date]
    valid_to: Mapped[date | None] = mapped_column(default=None)
    document: Mapped[str] = mapped_column(default="")


class EntryRule(Record, Base):
    """Whether officers of a country need a visa for another, and how many days it takes."""

    __tablename__ = "entry_rule"
    __table_args__ = (sa.UniqueConstraint("from_country_id", "to_country_id"),)
    from_country_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("country.id"))
    to_country_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("country.id"))
    lead_days: Mapped[int] = mapped_column(default=0)  # 0: no visa needed


class TravelTime(Record, Base):
    """Days and cost of the way between two places, where the default by distance is wrong. Holds both ways."""

    __tablename__ = "travel_time"
    __table_args__ = (sa.UniqueConstraint("from_office_id", "to_office_id"),)
    from_office_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("office.id"))
    to_office_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("office.id"))
    days: Mapped[int]
    cost: Mapped[int] = mapped_column(default=0)  # both ways, whole units of the pool's currency


class HomeRelease(Record, Base):
    """The letter by which an agency lets its trainer go: asked for, given for days, or refused."""

    __tablename__ = "home_release"
    trainer_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("trainer.id"), index=True)
    valid_from: Mapped[date]
    valid_to: Mapped[date]
    asked_on: Mapped[date]
    given_on: Mapped[date | None] = mapped_column(default=None)
    refused_on: Mapped[date | None] = mapped_column(default=None)
    document: Mapped[str] = mapped_column(default="")


class Pairing(Record, Base):
    """Two trainers who must, must not, or should teach together."""

    __tablename__ = "pairing"
    __table_args__ = (sa.UniqueConstraint("trainer_id", "other_id", "kind"),)
    trainer_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("trainer.id"))
    other_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("trainer.id"), index=True)
    kind: Mapped[str] = mapped_column(sa.String(10))  # mentor: trainer_id is new, other_id goes with him | forbidden | required
    reason: Mapped[str] = mapped_column(default="")
    ended_on: Mapped[date | None] = mapped_column(default=None)
