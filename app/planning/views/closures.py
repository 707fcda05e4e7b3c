"""Days and hours without classes: closures of offices, holidays of countries, blockings of classrooms; adding and lifting them."""

from __future__ import annotations

import uuid
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import g, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app import clock
from app.errors import Conflict, Invalid, NotFound, say
from app.http import actor, audit, can, go, guarded, me, say_next
from app.i18n import pick
from app.offices import closures as days_off
from app.offices.models import Classroom, Closure, Country, Holiday, Office
from app.offices.scope import under
from app.planning.session_forms import BlockingForm, ClosureForm, HolidayForm
from app.planning.views.blueprint import bp
from app.planning.views.session_edit import show_refused
from app.policy import Target, scope
from app.runs import queries as runs
from app.schedule import sessions
from app.schedule.models import RoomBlocking

KEEP = "room.block"
BACK = timedelta(days=30)
"""How long what is over stays on the page."""


@bp.get("/planning/closures")
@guarded(KEEP)
def closures() -> ResponseReturnValue:
    """What keeps classes from being held: of the offices where who asks may say so."""
    return _page()


@bp.post("/planning/closures")
@guarded(KEEP)
def close() -> ResponseReturnValue:
    """An office and all below it hold no classes for some days."""
    form = _closure_form()
    if form.validate():
        try:
            days_off.close(
                g.db, uuid.UUID(form.office.data), first_day=_day(form.first_day), last_day=_day(form.last_day), reason=form.reason.data or "",
            )
        except (Invalid, Conflict) as refused:
            return _page(closure=form, status=show_refused(form, refused))
        audit("closure noted", about=form.office.data, first=str(form.first_day.data), last=str(form.last_day.data))
        say_next(say("closure", "The closure is noted. New meetings on these days are pointed out."))
        return go("planning.closures")
    return _page(closure=form, status=422)


@bp.post("/planning/holidays")
@guarded(KEEP)
def add_holiday() -> ResponseReturnValue:
    """A day off of a country."""
    form = _holiday_form()
    if form.validate():
        names = {tag: form._fields[f"name_{tag}"].data or "" for tag in ("en", "ru", "kk")}
        try:
            days_off.add_holiday(g.db, g.db.get_one(Country, uuid.UUID(form.country.data)), day=_day(form.day), names=names)
        except (Invalid, Conflict) as refused:
            return _page(holiday=form, status=show_refused(form, refused))
        say_next(say("closure", "The holiday is noted."))
        return go("planning.closures", _anchor="holidays")
    return _page(holiday=form, status=422)


@bp.post("/planning/blockings")
@guarded(KEEP)
def block_room() -> ResponseReturnValue:
    """A classroom cannot be used for some time."""
    form = _blocking_form()
    if form.validate():
        zone = g.db.scalar(sa.select(Office.zone).join(Classroom, Classroom.office_id == Office.id).where(Classroom.id == uuid.UUID(form.classroom.data))) or "UTC"
        starts_at, ends_at = _span(form, zone)
        try:
            _made, inside = sessions.block_room(g.db, uuid.UUID(form.classroom.data), starts_at=starts_at, ends_at=ends_at, reason=form.reason.data or "")
        except (Invalid, Conflict) as refused:
            return _page(blocking=form, status=show_refused(form, refused))
        audit("room blocked", about=form.classroom.data, reason=form.reason.data)
        if inside:
            say_next(say("room", "The room is blocked. Meetings that are planned there at that time: {n}. Move them on the pages of their sessions.", n=len(inside)), "warn")
        else:
            say_next(say("room", "The room is blocked."))
        return go("planning.closures", _anchor="blockings")
    return _page(blocking=form, status=422)


# ---- lifting ---------------------------------------------------------------------------------------------------------


def the_closure(db: Session, closure_id: uuid.UUID) -> tuple[Closure, Target]:
    """A closure, which its office's people may lift."""
    row = db.execute(sa.select(Closure, Office.path).join(Office, Office.id == Closure.office_id).where(Closure.id == closure_id)).first()
    if row is None:
        raise NotFound()
    return row[0], Target(path=row[1])


@bp.post("/planning/closures/<uuid:closure_id>/lift")
@guarded(KEEP, the_closure)
def lift_closure(closure: Closure) -> ResponseReturnValue:
    """An office holds classes again."""
    days_off.open_again(g.db, closure, today=_today())
    say_next(say("closure", "The closure is lifted."))
    return go("planning.closures")


def the_holiday(db: Session, holiday_id: uuid.UUID) -> tuple[Holiday, Target]:
    """A holiday; rights go by the topmost office of its country."""
    holiday = db.get(Holiday, holiday_id)
    if holiday is None:
        raise NotFound()
    path = db.scalar(sa.select(Office.path).where(Office.country_id == holiday.country_id).order_by(sa.func.length(Office.path)).limit(1))
    return holiday, Target(path=path)


@bp.post("/planning/holidays/<uuid:holiday_id>/remove")
@guarded(KEEP, the_holiday)
def remove_holiday(holiday: Holiday) -> ResponseReturnValue:
    """A day is no holiday any more: governments move them."""
    days_off.remove_holiday(g.db, holiday)
    say_next(say("closure", "The holiday is taken away."))
    return go("planning.closures", _anchor="holidays")


def the_blocking(db: Session, blocking_id: uuid.UUID) -> tuple[RoomBlocking, Target]:
    """A blocking, which the people of the classroom's office may lift."""
    row = db.execute(
        sa.select(RoomBlocking, Office.path).join(Classroom, Classroom.id == RoomBlocking.classroom_id).join(Office, Office.id == Classroom.office_id)
        .where(RoomBlocking.id == blocking_id)
    ).first()
    if row is None:
        raise NotFound()
    return row[0], Target(path=row[1])


@bp.post("/planning/blockings/<uuid:blocking_id>/lift")
@guarded(KEEP, the_blocking)
def unblock_room(blocking: RoomBlocking) -> ResponseReturnValue:
    """A classroom can be used again."""
    sessions.unblock_room(g.db, blocking, today=_today())
    say_next(say("room", "The room can be used again."))
    return go("planning.closures", _anchor="blockings")


# ---- the page --------------------------------------------------------------------------------------------------------


def _page(*, status: int = 200, **forms: Any) -> ResponseReturnValue:
    paths, since = scope(actor(), KEEP), _today() - BACK
    shown = g.db.execute(
        sa.select(Closure, Office.names).join(Office, Office.id == Closure.office_id)
        .where(under(Office.path, paths), Closure.ended_on.is_(None), Closure.last_day >= since).order_by(Closure.first_day, Office.path)
    ).all()
    countries = _countries()
    holidays = g.db.execute(
        sa.select(Holiday, Country.names).join(Country, Country.id == Holiday.country_id)
        .where(Holiday.country_id.in_([id for id, _names, _mine in countries]), Holiday.day >= since).order_by(Holiday.day, Country.code)
    ).all()
    blockings = g.db.execute(
        sa.select(RoomBlocking, Classroom.names, Office.names, Office.zone)
        .join(Classroom, Classroom.id == RoomBlocking.classroom_id).join(Office, Office.id == Classroom.office_id)
        .where(under(Office.path, paths), RoomBlocking.ended_on.is_(None), RoomBlocking.ends_at >= clock.now() - BACK).order_by(RoomBlocking.starts_at)
    ).all()
    return render_template(
        "planning/closures.html", closures=shown, holidays=holidays, blockings=blockings, mine={id for id, _names, mine in countries if mine},
        closure=forms.get("closure") or _closure_form(), holiday=forms.get("holiday") or _holiday_form(), blocking=forms.get("blocking") or _blocking_form(),
    ), status


def _closure_form() -> ClosureForm:
    form = ClosureForm()
    offices = g.db.execute(
        sa.select(Office.id, Office.names).where(under(Office.path, scope(actor(), KEEP)), Office.closed_on.is_(None)).order_by(Office.path)
    ).all()
    form.office.choices = [(str(id), pick(names)) for id, names in offices]
    return form


def _holiday_form() -> HolidayForm:
    form = HolidayForm()
    form.country.choices = [(str(id), pick(names)) for id, names, mine in _countries() if mine]
    return form


def _blocking_form() -> BlockingForm:
    form = BlockingForm()
    rooms = runs.classrooms_under(g.db, scope(actor(), KEEP))
    form.classroom.choices = [(str(id), f"{pick(office)}, {pick(names)}") for id, names, office in rooms]
    return form


def _countries() -> list[tuple[uuid.UUID, dict[str, str], bool]]:
    """The countries where who asks has offices, and whether he may say what its holidays are: he keeps its topmost office."""
    found: dict[uuid.UUID, tuple[dict[str, str], bool]] = {}
    rows = g.db.execute(
        sa.select(Country.id, Country.names, Office.path).join(Office, Office.country_id == Country.id).order_by(sa.func.length(Office.path), Office.path)
    )
    paths = scope(actor(), KEEP)
    for id, names, path in rows:
        if id not in found:
            found[id] = (names, can(KEEP, Target(path=path)))
        elif not found[id][1] and any(path.startswith(one) for one in paths):
            found[id] = (names, False)
    near = set(g.db.scalars(sa.select(Office.country_id).where(under(Office.path, paths)).distinct()))
    return [(id, names, mine) for id, (names, mine) in found.items() if id in near]


def _day(field: Any) -> date:
    value: date = field.data
    return value


def _today() -> date:
    return clock.now().astimezone(ZoneInfo(me().zone)).date()


def _span(form: BlockingForm, zone: str) -> tuple[datetime, datetime]:
    """From the first moment to the last, by the clock of the room; whole days where no hour is given."""
    there = ZoneInfo(zone)
    starts = datetime.combine(_day(form.first_day), form.starts.data or time(), there)
    last = _day(form.last_day)
    ends = datetime.combine(last, form.ends.data, there) if form.ends.data else datetime.combine(last + timedelta(days=1), time(), there)
    return starts, ends

