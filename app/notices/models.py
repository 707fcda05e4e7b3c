"""Tables of what people are told: notices, the outbox, and what was reminded of already."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Fact, Stays


class Notice(Fact, Base):
    """Something a person is told on his start page, in words that every language has."""

    __tablename__ = "notice"
    __table_args__ = (sa.Index("ix_notice_person_id_at", "person_id", "at"),)
    person_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("person.id"))
    what: Mapped[str] = mapped_column(sa.String(30))  # a code of notices.rules
    detail: Mapped[dict[str, Any]]  # what the sentence of the code names
    link: Mapped[str] = mapped_column(default="")  # a path of this program
    at: Mapped[datetime]
    key: Mapped[str] = mapped_column(sa.String(120), default="")  # of what is told once only
    until: Mapped[datetime | None] = mapped_column(default=None)  # shown no longer than that


class NoticeSeen(Stays, Base):
    """That a person has put a notice away, at this node."""

    __tablename__ = "notice_seen"
    notice_id: Mapped[uuid.UUID] = mapped_column(unique=True)  # no foreign key: an erased notice goes
    at: Mapped[datetime]


class Mail(Stays, Base):
    """A mail of the outbox: it leaves when a person has pressed send."""

    __tablename__ = "mail"
    __table_args__ = (sa.UniqueConstraint("batch", "person_id"), sa.Index("ix_mail_state_due_at", "state", "due_at"))
    batch: Mapped[uuid.UUID]  # of one release, which writes to each person once
    office_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("office.id"), index=True)  # whose outbox it lies in
    title: Mapped[str]  # of the batch: what was released
    person_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("person.id"), index=True)
    address: Mapped[str]
    subject: Mapped[str]
    body: Mapped[str]
    message_id: Mapped[str] = mapped_column(sa.String(120), unique=True)  # stays over tries: a receiver knows a second copy
    made_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(sa.String(10), default="waiting")  # waiting | pressed | sent | failed | dropped
    due_at: Mapped[datetime | None] = mapped_column(default=None)
    pressed_by: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("person.id"), default=None)
    sent_at: Mapped[datetime | None] = mapped_column(default=None)
    tries: Mapped[int] = mapped_column(default=0)
    error: Mapped[str] = mapped_column(default="")


class Reminded(Stays, Base):
    """That somebody was reminded of something: each reminder once, also after a killed process."""

    __tablename__ = "reminded"
    __table_args__ = (sa.UniqueConstraint("what", "subject_id", "person_id"),)
    what: Mapped[str] = mapped_column(sa.String(30))
    subject_id: Mapped[uuid.UUID]
    person_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("person.id"), index=True)
    at: Mapped[datetime]
