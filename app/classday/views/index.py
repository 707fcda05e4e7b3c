"""Which class is today: straight to its page when there is one, else a list of today, coming and past days."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

from flask import g, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app import clock
from app.classday import queries, rules
from app.classday.views.blueprint import bp, the_class
from app.http import actor, go, guarded, me
from app.policy import Target, scope
from app.runs.models import CourseRun
from app.runs.rules import STATES
from app.runs.views.sight import the_run


@bp.get("/class")
@guarded("class.day")
def index() -> ResponseReturnValue:
    """Today's classes of who asks."""
    held = _held()
    today = _on(held)
    if len(today) == 1:
        return go("classday.day", code=today[0].code, day=_today(today[0]).isoformat())
    return _page(held, today)


@bp.get("/class/all")
@guarded("class.day")
def every() -> ResponseReturnValue:
    """All classes of who asks, also when one is today."""
    held = _held()
    return _page(held, _on(held))


def _on(held: list[queries.Held]) -> list[queries.Held]:
    return [one for one in held if _today(one) in one.days and one.state != "closed"]


def _held() -> list[queries.Held]:
    return queries.runs_of(g.db, scope(actor(), "class.day"), me().person_id, clock.now().date())


def _today(one: queries.Held) -> date:
    return clock.now().astimezone(ZoneInfo(one.zone)).date()


def _page(held: list[queries.Held], today: list[queries.Held]) -> str:
    coming = [one for one in held if one not in today and one.days[-1] > _today(one)]
    past = [one for one in held if one not in today and one not in coming]
    nearest = {one.code: rules.nearest_day(one.days, _today(one)) for one in held}
    return render_template("classday/index.html", groups=(today, coming, past[::-1]), nearest=nearest, states=STATES)


def the_days(db: Session, code: str) -> tuple[CourseRun, Target]:
    """A run, whose nearest day is wanted."""
    of, target = the_class("class.day")(db, code, the_run(db, code).starts_on.isoformat())
    return of.run, target


@bp.get("/class/<code>")
@guarded("class.day", the_days)
def run(found: CourseRun) -> ResponseReturnValue:
    """The day of a run that is nearest."""
    today = clock.now().astimezone(ZoneInfo(found.zone)).date()
    days = queries.days_of(g.db, found)
    return go("classday.day", code=found.code, day=rules.nearest_day(days, today).isoformat())
