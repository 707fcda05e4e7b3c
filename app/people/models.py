"""Tables of people: names, postings, roles, credentials, sign-ins, preferences."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db import Base, Record, Stays
from app.offices.models import Agency, Country, Office

SECRET = {"secret": True}  # a column that the journal, exports and logs never hold


class Person(Record, Base):
    """Somebody who is trained or who works here."""

    __tablename__ = "person"
    __table_args__ = (sa.UniqueConstraint("agency_id", "service_number"),)
    country_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("country.id"), index=True)
    agency_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("agency.id"))
    service_number: Mapped[str] = mapped_column(sa.String(40))  # text: leading zeros count
    gender: Mapped[str | None] = mapped_column(sa.String(1), default=None)  # f | m | None: not stated; never guessed
    born_on: Mapped[date | None] = mapped_column(default=None)
    left_on: Mapped[date | None] = mapped_column(default=None)  # no longer in the service: signs in no more
    email: Mapped[str] = mapped_column(default="")  # empty for many: everything is told on the start page and on paper too
    provisional: Mapped[bool] = mapped_column(default=False)  # registered at a class as a walk-in, not yet confirmed
    # The name to list and find people by, taken from the newest PersonName in the country's main script.
    display_name: Mapped[str] = mapped_column(default="")  # "Bekova Aigerim Serikovna"
    short_name: Mapped[str] = mapped_column(default="")  # "Bekova A."
    sort_key: Mapped[str] = mapped_column(default="", index=True)
    search_key: Mapped[str] = mapped_column(default="")  # folded: all names ever held and the service number
    agency: Mapped[Agency] = relationship(init=False, lazy="raise", viewonly=True)
    country: Mapped[Country] = relationship(init=False, lazy="raise", viewonly=True)


class PersonName(Record, Base):
    """A name as entered, in one script, from a date: the history stays, so that an old certificate still verifies."""

    __tablename__ = "person_name"
    __table_args__ = (sa.UniqueConstraint("person_id", "script", "valid_from"),)
    person_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("person.id"))
    script: Mapped[str] = mapped_column(sa.String(4))  # ISO 15924: Cyrl | Latn | Arab
    family: Mapped[str]
    given: Mapped[str]
    patronymic: Mapped[str] = mapped_column(default="")
    valid_from: Mapped[date]
    reason: Mapped[str] = mapped_column(default="")  # of a change: "marriage, order 14 of 3 Mar 2026"


class Posting(Record, Base):
    """Where a person serves from a day to a day. Old records stay with the office of their day."""

    __tablename__ = "posting"
    __table_args__ = (sa.Index("ix_posting_office_id_valid_to", "office_id", "valid_to"),)
    person_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("person.id"), index=True)
    office_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("office.id"))
    agency_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("agency.id"))
    rank: Mapped[str] = mapped_column(default="")
    post: Mapped[str] = mapped_column(default="")
    valid_from: Mapped[date]
    valid_to: Mapped[date | None] = mapped_column(default=None)  # last day; None: still there
    office: Mapped[Office] = relationship(init=False, lazy="raise", viewonly=True)


class RoleGrant(Record, Base):
    """A role given for an office and all below it, from a day to a day."""

    __tablename__ = "role_grant"
    person_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("person.id"), index=True)
    role: Mapped[str] = mapped_column(sa.String(30))  # a policy.Role
    office_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("office.id"))
    valid_from: Mapped[date]
    valid_to: Mapped[date | None] = mapped_column(default=None)
    given_by: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("person.id"), default=None)
    office: Mapped[Office] = relationship(init=False, lazy="raise", viewonly=True)


class Account(Stays, Base):
    """How a person signs in with a password at this node. Made at the first need: nobody's password is hashed before."""

    __tablename__ = "account"
    person_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("person.id"), unique=True)
    user_name: Mapped[str | None] = mapped_column(sa.String(80), unique=True)  # staff; trainees use the service number
    password_hash: Mapped[str | None] = mapped_column(default=None, info=SECRET)
    totp_secret: Mapped[str | None] = mapped_column(default=None, info=SECRET)
    totp_last_step: Mapped[int | None] = mapped_column(sa.BigInteger, default=None)  # a code counts once
    recovery_hashes: Mapped[list[str]] = mapped_column(default_factory=list, info=SECRET)
    disabled_at: Mapped[datetime | None] = mapped_column(default=None)


class Pin(Stays, Base):
    """A six-digit PIN on a slip, for the days of a run, at the seats of its classroom. A reprint is a new one."""

    __tablename__ = "pin"
    person_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("person.id"), index=True)
    run_id: Mapped[uuid.UUID] = mapped_column(index=True)  # no foreign key: people know nothing of runs
    pin_hash: Mapped[str] = mapped_column(info=SECRET)
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime]
    issued_at: Mapped[datetime]
    issued_by: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("person.id"))
    ended_at: Mapped[datetime | None] = mapped_column(default=None)


class SignIn(Stays, Base):
    """One sign-in of a person at this node; ended, it is dead at the next request."""

    __tablename__ = "sign_in"
    person_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("person.id"), index=True)
    token_hash: Mapped[str] = mapped_column(sa.String(64), unique=True, info=SECRET)
    kind: Mapped[str] = mapped_column(sa.String(10))  # pin | password
    seat_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("seat.id"))
    address: Mapped[str] = mapped_column(sa.String(60))
    browser: Mapped[str] = mapped_column(sa.String(200))
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    ended_why: Mapped[str | None] = mapped_column(sa.String(30), default=None)  # signed-out | idle | elsewhere | password | role
    locked_at: Mapped[datetime | None] = mapped_column(default=None)  # its page is locked: nothing opens but the password
    person: Mapped[Person] = relationship(init=False, lazy="raise", viewonly=True)


class Throttle(Stays, Base):
    """How many wrong tries an account or a PC has made, and when its next one counts."""

    __tablename__ = "throttle"
    subject: Mapped[str] = mapped_column(sa.String(120), unique=True)  # "account:<hash>" or "place:<seat or address>"
    failures: Mapped[int]
    next_at: Mapped[datetime]


class Preference(Stays, Base):
    """What a person chose for all his pages: kept for the person, not for the PC."""

    __tablename__ = "preference"
    person_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("person.id"), unique=True)
    language: Mapped[str | None] = mapped_column(sa.String(8), default=None)
    text_size: Mapped[str] = mapped_column(sa.String(10), default="normal")  # normal | large | larger
    contrast: Mapped[str] = mapped_column(sa.String(10), default="normal")  # normal | high | dark
    spacing: Mapped[str] = mapped_column(sa.String(10), default="normal")  # normal | wide
    keys: Mapped[bool] = mapped_column(default=True)  # keyboard shortcuts of one letter
    columns: Mapped[dict[str, Any]] = mapped_column(default_factory=dict)  # list -> columns chosen
