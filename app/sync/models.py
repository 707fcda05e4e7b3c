"""Tables of the journal: one entry for each change of a travelling record, and audit events."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Fact, Json, Stays


class JournalEntry(Stays, Base):
    """One change of one travelling record: who, when, before, after. Numbered and chained later, by the sealer."""

    __tablename__ = "journal_entry"
    __table_args__ = (sa.Index("ix_journal_entry_table_row", "table", "row_id"),)
    at: Mapped[datetime]
    actor_id: Mapped[uuid.UUID | None]  # None: the product itself (demo data, a job)
    table: Mapped[str] = mapped_column(sa.String(40))
    row_id: Mapped[uuid.UUID]
    before: Mapped[dict[str, Any] | None] = mapped_column(Json)  # None: the row was added
    after: Mapped[dict[str, Any] | None] = mapped_column(Json)  # None: the row was removed
    segment: Mapped[int | None] = mapped_column(default=None)


class AuditEvent(Fact, Base):
    """Something to answer for that changes no record: a sign-in, a refusal, a look at one person's file, an export."""

    __tablename__ = "audit_event"
    __table_args__ = (sa.Index("ix_audit_event_at", "at"),)
    at: Mapped[datetime]
    actor_id: Mapped[uuid.UUID | None]
    what: Mapped[str] = mapped_column(sa.String(40))  # "sign-in", "sign-in refused", "person read", "export"
    about: Mapped[str] = mapped_column(default="")  # id of what it was about
    detail: Mapped[dict[str, Any]] = mapped_column(default_factory=dict)
