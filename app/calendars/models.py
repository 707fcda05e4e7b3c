"""Table of calendar addresses: who reads his own calendar by a secret address."""

from __future__ import annotations

import uuid
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Stays
from app.people.models import SECRET


class CalendarAddress(Stays, Base):
    """A secret address under which a person's calendar is read; a revoked one answers no more."""

    __tablename__ = "calendar_address"
    person_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("person.id"), index=True)
    token_hash: Mapped[str] = mapped_column(sa.String(64), unique=True, info=SECRET)
    made_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None] = mapped_column(default=None)
    read_at: Mapped[datetime | None] = mapped_column(default=None)
