"""The record of a classroom: its line, who keeps it, seats and equipment with their state and hand-over, daily checks."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import take_write_lock
from app.errors import Invalid, Message, say
from app.offices.models import Classroom, DailyCheck, Equipment

LINES: Mapping[str, Message] = {
    "": say("room", "not stated"), "none": say("room", "no line"), "weak": say("room", "weak"), "good": say("room", "good"),
}
KINDS: Mapping[str, Message] = {
    "server": say("equipment", "server"), "projector": say("equipment", "projector"), "printer": say("equipment", "printer"),
    "ups": say("equipment", "uninterruptible power supply"), "switch": say("equipment", "network switch"), "other": say("equipment", "other"),
}
STATES: Mapping[str, Message] = {
    "works": say("equipment", "works"), "broken": say("equipment", "broken"), "away": say("equipment", "away"),
}
CHECKS_SHOWN = 20


@dataclass(frozen=True)
class Checked:
    """A look round the room with who did it."""

    day: date
    at: datetime
    by: str
    found: Mapping[str, Any]
    note: str

    @property
    def faults(self) -> list[str]:
        """The points that were not in order."""
        return [point for point, what in self.found.items() if what == "fault"]


def equipment_of(db: Session, classroom_id: uuid.UUID) -> Sequence[Equipment]:
    """The equipment of a classroom by kind and name."""
    return db.scalars(sa.select(Equipment).where(Equipment.classroom_id == classroom_id).order_by(Equipment.kind, Equipment.name)).all()


def checks_of(db: Session, classroom_id: uuid.UUID, names: sa.FromClause) -> list[Checked]:
    """The newest daily checks. `names` is the table of people, which stands above this folder: id and short_name."""
    rows = db.execute(
        sa.select(DailyCheck.day, DailyCheck.at, names.c.short_name, DailyCheck.found, DailyCheck.note)
        .join(names, names.c.id == DailyCheck.by_id)
        .where(DailyCheck.classroom_id == classroom_id).order_by(DailyCheck.at.desc()).limit(CHECKS_SHOWN)
    )
    return [Checked(*row) for row in rows]


def keep_room(db: Session, room: Classroom, *, line: str, portable: bool, manager_id: uuid.UUID | None, note: str) -> None:
    """Note what kind of room it is, how good its line is and who keeps it. Raises Invalid for a line that is none of the known."""
    take_write_lock(db)
    if line not in LINES:
        raise Invalid(fields={"line": say("room", "Choose how good the line is.")})
    room.line, room.portable, room.manager_id, room.note = line, portable, manager_id, note.strip()
    db.flush()


def keep_equipment(
    db: Session, room_id: uuid.UUID, *, equipment: Equipment | None, kind: str, name: str, inventory_number: str, state: str,
    handed_to: str, handed_on: date | None, note: str = "",
) -> Equipment:
    """Add a piece of equipment to a room, or note its new state and hand-over. Raises Invalid at the field."""
    take_write_lock(db)
    wrong: dict[str, Message] = {}
    if not name.strip():
        wrong["name"] = say("equipment", "Say what it is: maker and model.")
    if kind not in KINDS:
        wrong["kind"] = say("equipment", "Choose the kind.")
    if state not in STATES:
        wrong["state"] = say("equipment", "Choose the state.")
    if handed_on is not None and not handed_to.strip():
        wrong["handed_to"] = say("equipment", "Say to whom it was handed over.")
    if wrong:
        raise Invalid(fields=wrong)
    if equipment is None:
        equipment = Equipment(classroom_id=room_id, kind=kind, name=name.strip())
        db.add(equipment)
    equipment.kind, equipment.name, equipment.inventory_number, equipment.state = kind, name.strip(), inventory_number.strip(), state
    equipment.handed_to, equipment.handed_on, equipment.note = handed_to.strip(), handed_on, note.strip()
    db.flush()
    return equipment


def remove_equipment(db: Session, equipment: Equipment) -> None:
    """Take a piece of equipment off the record; the journal keeps what it was."""
    take_write_lock(db)
    db.delete(equipment)
    db.flush()
