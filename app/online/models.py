"""Table of online rooms: that the trainer has begun, so that who came first is let in."""

from __future__ import annotations

import uuid
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Stays


class OnlineRoom(Stays, Base):
    """The room of a meeting on the video server that this node opens: a trainer has gone in."""

    __tablename__ = "online_room"
    meeting_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("meeting.id"), unique=True)
    begun_at: Mapped[datetime]  # when the first trainer went in
