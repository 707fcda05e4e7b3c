"""Tables of planning: how strictly each constraint is taken, and its numbers."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Record


class ConstraintSetting(Record, Base):
    """How a constraint is taken at this centre, where that differs from its default."""

    __tablename__ = "constraint_setting"
    code: Mapped[str] = mapped_column(sa.String(3), unique=True)  # T1 ... T18
    level: Mapped[str] = mapped_column(sa.String(1))  # B | R | W | P
    weight: Mapped[int] = mapped_column(default=0)  # most points
    numbers: Mapped[dict[str, Any]] = mapped_column(default_factory=dict)  # limits of the rule, e.g. days a month
