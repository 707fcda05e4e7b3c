"""The record of a classroom: seats, equipment, line, who keeps it, and the daily checks; its class manager keeps it up to date."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any

import sqlalchemy as sa
from flask import g, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app import clock, i18n, lists, pdf
from app.classday import rules
from app.classday.forms import EquipmentForm, RoomForm
from app.classday.views.blueprint import bp
from app.errors import Invalid, NotFound, say
from app.http import can, go, guarded, me, say_next, status_of
from app.offices import rooms, seats
from app.offices.models import Classroom, Equipment, Office, Seat
from app.people.models import Person, RoleGrant
from app.people.register_queries import on
from app.policy import Role, Target


def the_room(db: Session, classroom_id: uuid.UUID) -> tuple[Classroom, Target]:
    """A classroom; rights go by its office."""
    row = db.execute(sa.select(Classroom, Office.path).join(Office, Office.id == Classroom.office_id).where(Classroom.id == classroom_id)).first()
    if row is None:
        raise NotFound()
    return row[0], Target(path=row[1])


@bp.get("/classrooms/<uuid:classroom_id>")
@guarded("office.list", the_room)
def room(found: Classroom) -> ResponseReturnValue:
    """The record of a classroom."""
    return render_template("classday/room_record.html", **_facts(found))


@bp.get("/classrooms/<uuid:classroom_id>/record.pdf")
@guarded("office.list", the_room)
def room_paper(found: Classroom) -> ResponseReturnValue:
    """The record on paper, for a commission or a hand-over."""
    facts = _facts(found)
    title = i18n.t("room", "Classroom record")
    data = pdf.paper("classday/paper_room.html", language=i18n.language(), title=title, now=clock.now(), by=me().name, **facts)
    return lists.attachment(data, f"classroom-{facts['office'].code}.pdf", rows=len(facts["equipment"]))


def _facts(found: Classroom) -> dict[str, Any]:
    office = g.db.get_one(Office, found.office_id)
    return {
        "room": found, "office": office, "seats": seats.seats_of(g.db, [found.id])[found.id], "equipment": rooms.equipment_of(g.db, found.id),
        "checks": rooms.checks_of(g.db, found.id, Person.__table__), "lines": rooms.LINES, "kinds": rooms.KINDS, "states": rooms.STATES, "points": rules.CHECK,
        "manager": g.db.scalar(sa.select(Person.display_name).where(Person.id == found.manager_id)) if found.manager_id else None,
        "may_keep": can("classroom.keep", Target(path=office.path)),
    }


@bp.get("/classrooms/<uuid:classroom_id>/keep")
@bp.post("/classrooms/<uuid:classroom_id>/keep", endpoint="save_room")
@guarded("classroom.keep", the_room)
def keep_room(found: Classroom) -> ResponseReturnValue:
    """Line, class manager, portable or not, a note."""
    form, room_id = RoomForm(), found.id
    office = g.db.get_one(Office, found.office_id)
    managers = g.db.execute(
        sa.select(Person.id, Person.display_name).join(RoleGrant, RoleGrant.person_id == Person.id).join(Office, Office.id == RoleGrant.office_id)
        .where(RoleGrant.role == Role.CLASS_MANAGER.value, on(RoleGrant, clock.now().date()), sa.literal(office.path).startswith(Office.path))
        .distinct().order_by(Person.display_name)
    ).all()
    known = {str(one): name for one, name in managers}
    if found.manager_id and str(found.manager_id) not in known:
        known[str(found.manager_id)] = g.db.scalar(sa.select(Person.display_name).where(Person.id == found.manager_id)) or "–"
    form.manager.choices = [("", i18n.t("room", "not named")), *known.items()]
    form.line.choices = [(key, i18n.say(label)) for key, label in rooms.LINES.items()]
    if not form.is_submitted():
        form.line.data, form.portable.data, form.note.data = found.line, found.portable, found.note
        form.manager.data = str(found.manager_id or "")
    elif form.validate():
        try:
            manager = uuid.UUID(form.manager.data) if form.manager.data in known else None
            rooms.keep_room(g.db, found, line=form.line.data or "", portable=bool(form.portable.data), manager_id=manager, note=form.note.data or "")
        except Invalid as refused:
            form.show(refused)
            return _form(found, office, form, i18n.t("room", "The room")), status_of(refused)
        say_next(say("room", "The record of the room is kept."))
        return go("classday.room", classroom_id=room_id)
    return _form(found, office, form, i18n.t("room", "The room")), 422 if form.errors else 200


@bp.post("/classrooms/<uuid:classroom_id>/seats/<uuid:seat_id>")
@guarded("classroom.keep", the_room)
def keep_seat_state(found: Classroom, seat_id: uuid.UUID) -> ResponseReturnValue:
    """A PC of the room is out of order, or works again."""
    if g.db.scalar(sa.select(Seat.classroom_id).where(Seat.id == seat_id)) != found.id:
        raise NotFound()
    room_id = found.id
    seats.set_state(g.db, seat_id, "broken" if request.form.get("state") == "broken" else "works")
    return go("classday.room", classroom_id=room_id)


def the_equipment(db: Session, classroom_id: uuid.UUID, equipment_id: uuid.UUID) -> tuple[tuple[Classroom, Equipment], Target]:
    """A piece of equipment of a room."""
    found, target = the_room(db, classroom_id)
    piece = db.scalar(sa.select(Equipment).where(Equipment.id == equipment_id, Equipment.classroom_id == classroom_id))
    if piece is None:
        raise NotFound()
    return (found, piece), target


@bp.get("/classrooms/<uuid:classroom_id>/equipment/new")
@bp.post("/classrooms/<uuid:classroom_id>/equipment/new", endpoint="save_new_equipment")
@guarded("classroom.keep", the_room)
def new_equipment(found: Classroom) -> ResponseReturnValue:
    """A piece of equipment more."""
    return _equipment(found, None)


@bp.get("/classrooms/<uuid:classroom_id>/equipment/<uuid:equipment_id>")
@bp.post("/classrooms/<uuid:classroom_id>/equipment/<uuid:equipment_id>", endpoint="save_equipment")
@guarded("classroom.keep", the_equipment)
def equipment(found: tuple[Classroom, Equipment]) -> ResponseReturnValue:
    """State and hand-over of a piece of equipment, or that it is gone for good."""
    room_of, piece = found
    if request.method == "POST" and "remove" in request.form:
        room_id = room_of.id
        rooms.remove_equipment(g.db, piece)
        say_next(say("equipment", "It is off the record."))
        return go("classday.room", classroom_id=room_id)
    return _equipment(room_of, piece)


def _equipment(found: Classroom, piece: Equipment | None) -> ResponseReturnValue:
    form, room_id = EquipmentForm(), found.id
    form.kind.choices = [(key, i18n.say(label)) for key, label in rooms.KINDS.items()]
    form.state.choices = [(key, i18n.say(label)) for key, label in rooms.STATES.items()]
    heading = i18n.t("equipment", "Equipment")
    office = g.db.get_one(Office, found.office_id)
    if not form.is_submitted():
        if piece is not None:
            for name in ("kind", "name", "inventory_number", "state", "handed_to", "note"):
                form[name].data = getattr(piece, name)
            form.handed_on.data = piece.handed_on.isoformat() if piece.handed_on else ""
    elif form.validate():
        try:
            rooms.keep_equipment(
                g.db, room_id, equipment=piece, kind=form.kind.data or "", name=form.name.data or "", state=form.state.data or "",
                inventory_number=form.inventory_number.data or "", handed_to=form.handed_to.data or "", handed_on=_day(form.handed_on.data or ""),
                note=form.note.data or "",
            )
        except Invalid as refused:
            form.show(refused)
            return _form(found, office, form, heading, piece), status_of(refused)
        say_next(say("equipment", "The record is kept."))
        return go("classday.room", classroom_id=room_id)
    return _form(found, office, form, heading, piece), 422 if form.errors else 200


def _day(text: str) -> date | None:
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise Invalid(fields={"handed_on": say("equipment", "Write the day as year-month-day: 2026-11-24.")}) from None


def _form(found: Classroom, office: Office, form: Any, heading: str, piece: Equipment | None = None) -> str:
    return render_template("classday/room_form.html", room=found, office=office, form=form, heading=heading, piece=piece)
