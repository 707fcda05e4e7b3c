"""Visas between countries and ways between places: what travel of trainers is reckoned with."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from flask import g, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app import i18n
from app.errors import Invalid, NotFound, say
from app.http import actor, can, go, guarded, say_next, status_of
from app.offices.models import Country, Office
from app.offices.scope import under
from app.policy import Target, scope
from app.trainers import forms, queries, services
from app.trainers.models import TravelTime
from app.trainers.views.blueprint import bp


@bp.get("/trainers/ways")
@guarded("trainer.list")
def ways() -> ResponseReturnValue:
    """The days for a visa, country by country, and the ways whose days are stated."""
    return _page()


def _page(entry: Any = None, way: Any = None) -> str:
    countries = _countries(g.db)
    entry = entry or _entry_form(countries, formdata=None)
    way = way or _way_form(formdata=None)
    return render_template(
        "trainers/ways.html", countries=countries, days=queries.entry_rules(g.db), ways=queries.travel_times(g.db, scope(actor(), "trainer.list")),
        entry=entry, way=way, may=can("trainer.keep"), keeps=_keeps,
    )


def _countries(db: Session) -> Sequence[Country]:
    return db.scalars(sa.select(Country).order_by(Country.code)).all()


def _keeps(*paths: str) -> bool:
    """Whether one of the places is in the offices for which who asks keeps trainers."""
    return any(path.startswith(mine) for mine in scope(actor(), "trainer.keep") for path in paths)


def _entry_form(countries: Sequence[Country], **given: Any) -> Any:
    form: Any = forms.EntryForm(prefix="entry-", **given)
    options = [("", i18n.t("person", "choose")), *((str(one.id), i18n.pick(one.names)) for one in countries)]
    form.origin.choices, form.goal.choices = options, options
    return form


def _way_form(**given: Any) -> Any:
    form: Any = forms.WayForm(prefix="way-", **given)
    rows = g.db.execute(
        sa.select(Office.id, Office.names, Country.code).join(Country, Country.id == Office.country_id).where(Office.closed_on.is_(None)).order_by(Office.path)
    )
    options = [("", i18n.t("person", "choose")), *((str(id), f"{code} · {i18n.pick(names)}") for id, names, code in rows)]
    form.origin.choices, form.goal.choices = options, options
    return form


@bp.post("/trainers/ways/entry")
@guarded("trainer.keep")
def set_entry() -> ResponseReturnValue:
    """State the days for a visa from one country to another; one of them is the planner's own."""
    countries = _countries(g.db)
    form, status = _entry_form(countries), 422
    try:
        if form.validate():
            origin, goal = g.db.get_one(Country, uuid.UUID(form.origin.data)), g.db.get_one(Country, uuid.UUID(form.goal.data))
            homes = g.db.scalars(sa.select(Office.country_id).where(under(Office.path, scope(actor(), "trainer.keep")), Office.country_id.is_not(None))).all()
            if not {origin.id, goal.id} & set(homes):
                raise Invalid(fields={"origin": say("trainer", "One of the two countries has to be yours.")})
            services.set_entry_rule(g.db, origin=origin, goal=goal, lead_days=form.lead_days.data)
            say_next(say("trainer", "The days for the visa are noted."))
            return go("trainers.ways")
    except Invalid as refused:
        g.db.rollback()
        form.show(refused)
        status = status_of(refused)
    return _page(entry=form), status


@bp.post("/trainers/ways/travel")
@guarded("trainer.keep")
def set_way() -> ResponseReturnValue:
    """State days and cost of a way; one of its ends is in the planner's offices."""
    form, status = _way_form(), 422
    try:
        if form.validate():
            origin, goal = g.db.get_one(Office, uuid.UUID(form.origin.data)), g.db.get_one(Office, uuid.UUID(form.goal.data))
            if not _keeps(origin.path, goal.path):
                raise Invalid(fields={"origin": say("trainer", "One of the two places has to be in your offices.")})
            services.set_travel_time(g.db, origin=origin, goal=goal, days=form.days.data, cost=form.cost.data)
            say_next(say("trainer", "The way is noted; it holds in both directions."))
            return go("trainers.ways", _anchor="ways")
    except Invalid as refused:
        g.db.rollback()
        form.show(refused)
        status = status_of(refused)
    return _page(way=form), status


def the_way(db: Session, way_id: uuid.UUID) -> tuple[TravelTime, Target]:
    """A way whose days are stated; either end may be the reader's."""
    way = db.get(TravelTime, way_id)
    if way is None:
        raise NotFound()
    paths = db.scalars(sa.select(Office.path).where(Office.id.in_((way.from_office_id, way.to_office_id))).order_by(Office.path)).all()
    return way, Target(path=next((path for path in paths if _keeps(path)), paths[0]))


@bp.post("/trainers/ways/travel/<uuid:way_id>/forget")
@guarded("trainer.keep", the_way)
def forget_way(way: TravelTime) -> ResponseReturnValue:
    """Go back to the default by distance."""
    services.forget_travel_time(g.db, way)
    say_next(say("trainer", "The default by distance holds again for this way."))
    return go("trainers.ways", _anchor="ways")
