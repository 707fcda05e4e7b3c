"""Tables of places: countries, agencies, the tree of offices, classrooms and their seats."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db import Base, Fact, Record, Stays


class Country(Record, Base):
    """A country: its default zone, weekend and languages."""

    __tablename__ = "country"
    code: Mapped[str] = mapped_column(sa.String(2), unique=True)  # ISO 3166-1 alpha-2
    names: Mapped[dict[str, str]]  # by language tag
    zone: Mapped[str]
    weekend: Mapped[list[Any]]  # ISO weekday numbers, e.g. [6, 7]
    languages: Mapped[list[str]]


class Holiday(Record, Base):
    """A day off of a country. A table, not a rule: governments move them."""

    __tablename__ = "holiday"
    __table_args__ = (sa.UniqueConstraint("country_id", "day"),)
    country_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("country.id"))
    day: Mapped[date]
    names: Mapped[dict[str, str]]


class Closure(Record, Base):
    """Days on which an office and all below it hold no classes: repairs, an inspection, a closed crossing."""

    __tablename__ = "closure"
    office_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("office.id"), index=True)
    first_day: Mapped[date]
    last_day: Mapped[date]
    reason: Mapped[str]
    ended_on: Mapped[date | None] = mapped_column(default=None)  # lifted


class Agency(Record, Base):
    """A service that sends its officers: border guards, customs, interior."""

    __tablename__ = "agency"
    __table_args__ = (sa.UniqueConstraint("country_id", "code"),)
    country_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("country.id"))
    code: Mapped[str] = mapped_column(sa.String(20))
    names: Mapped[dict[str, str]]
    service_number_hint: Mapped[dict[str, str]] = mapped_column(default_factory=dict)  # "8 digits, as on your card"
    country: Mapped[Country] = relationship(init=False, lazy="raise", viewonly=True)


class Office(Record, Base):
    """A node of the office tree: a country's centre, a region, a department, a border office."""

    __tablename__ = "office"
    __table_args__ = (sa.Index("ix_office_path", "path"),)
    country_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("country.id"))  # None: above all countries
    parent_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("office.id"))
    code: Mapped[str] = mapped_column(sa.String(40), unique=True)  # "KZ-KORDAY"
    kind: Mapped[str] = mapped_column(sa.String(20))  # region | centre | department | border-office
    names: Mapped[dict[str, str]]
    # The codes from the root down, "/CA/KZ/KZ-ZHAMBYL/KZ-KORDAY/": an office and all below it is one prefix.
    path: Mapped[str] = mapped_column(sa.String(400))
    zone: Mapped[str]
    crossing: Mapped[str | None] = mapped_column(sa.String(20), default=None)  # road | rail | air | river
    paired_office_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("office.id"), default=None)
    contact: Mapped[str] = mapped_column(default="")  # who to ask, with a telephone number
    closed_on: Mapped[date | None] = mapped_column(default=None)
    clearance: Mapped[str] = mapped_column(default="")  # what somebody from elsewhere needs to be let in, "airside pass"; empty: nothing
    country: Mapped[Country | None] = relationship(init=False, lazy="raise", viewonly=True)


class Classroom(Record, Base):
    """The CBT class: a room of an office."""

    __tablename__ = "classroom"
    office_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("office.id"), index=True)
    names: Mapped[dict[str, str]]
    manager_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("person.id"), default=None)  # the class manager
    portable: Mapped[bool] = mapped_column(default=False)  # a set of PCs that travels
    line: Mapped[str] = mapped_column(sa.String(10), default="")  # none | weak | good; "": not stated
    capacity: Mapped[int | None] = mapped_column(default=None)  # people who find room; None: as many as there are seats with a PC
    note: Mapped[str] = mapped_column(default="")
    office: Mapped[Office] = relationship(init=False, lazy="raise", viewonly=True)


class Seat(Record, Base):
    """A PC of a classroom."""

    __tablename__ = "seat"
    __table_args__ = (sa.UniqueConstraint("classroom_id", "label"),)
    classroom_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("classroom.id"))
    label: Mapped[str] = mapped_column(sa.String(20))  # "07"
    state: Mapped[str] = mapped_column(sa.String(10), default="works")  # works | broken
    classroom: Mapped[Classroom] = relationship(init=False, lazy="raise", viewonly=True)


class SeatEnrolment(Stays, Base):
    """A browser that the class manager enrolled as a seat: the hash of its cookie."""

    __tablename__ = "seat_enrolment"
    seat_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("seat.id"), index=True)
    token_hash: Mapped[str] = mapped_column(sa.String(64), unique=True)
    enrolled_at: Mapped[datetime]
    enrolled_by: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("person.id"))
    ended_at: Mapped[datetime | None] = mapped_column(default=None)


class Equipment(Record, Base):
    """A piece of equipment of a classroom, with its state and to whom it was handed over."""

    __tablename__ = "equipment"
    classroom_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("classroom.id"), index=True)
    kind: Mapped[str] = mapped_column(sa.String(20))  # server | projector | printer | ups | switch | other
    name: Mapped[str]
    inventory_number: Mapped[str] = mapped_column(sa.String(40), default="")
    state: Mapped[str] = mapped_column(sa.String(10), default="works")  # works | broken | away
    handed_to: Mapped[str] = mapped_column(default="")
    handed_on: Mapped[date | None] = mapped_column(default=None)
    note: Mapped[str] = mapped_column(default="")


class DailyCheck(Fact, Base):
    """The look round a classroom before a day's work: what was in order and what was not."""

    __tablename__ = "daily_check"
    classroom_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("classroom.id"), index=True)
    day: Mapped[date]
    at: Mapped[datetime]
    by_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("person.id"))
    found: Mapped[dict[str, Any]]  # point of the check -> ok | fault | skipped
    note: Mapped[str] = mapped_column(default="")
