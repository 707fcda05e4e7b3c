"""Planning a run, changing it, cancelling it."""

from __future__ import annotations

import uuid
from typing import Any

import sqlalchemy as sa
from flask import g, render_template, request
from flask.typing import ResponseReturnValue

from app import clock, i18n
from app.courses.models import CourseVersion
from app.courses.queries import versions
from app.errors import Invalid, say
from app.http import actor, go, guarded, me, say_next
from app.i18n import pick
from app.offices.models import Classroom, Office
from app.offices.scope import under
from app.people.models import Person
from app.policy import scope
from app.runs import queries, services
from app.runs.forms import PlanForm, ReasonForm, RunForm
from app.runs.models import CourseRun
from app.runs.views.blueprint import bp
from app.runs.views.sight import (
    given_by,
    the_run,
)


@bp.get("/runs/new")
@bp.post("/runs/new", endpoint="save_new")
@guarded("run.plan")
def new() -> ResponseReturnValue:
    """Plan a run."""
    form = PlanForm(seats=12) if request.method == "GET" else PlanForm()
    newest: dict[str, Any] = {}
    for version in versions(g.db):
        if version.slug not in newest or version.number > newest[version.slug].number:
            newest[version.slug] = version
    form.version.choices = [("", ""), *((str(one.id), f"{pick(one.titles)}, {i18n.t('run', 'version {n}', n=one.number)}") for one in newest.values())]
    offices = g.db.execute(
        sa.select(Office.id, Office.names, Office.kind, Office.country_id)
        .where(under(Office.path, scope(actor(), "run.plan")), Office.closed_on.is_(None)).order_by(Office.path)
    ).all()
    form.office.choices = [(str(id), pick(names)) for id, names, _kind, _country in offices]
    _fill_choices(form, {country for *_, country in offices if country})
    if request.method == "GET" and me().office_id:
        form.office.data = str(me().office_id)
    if form.is_submitted() and form.validate():
        try:
            run = services.plan_run(
                g.db, version=g.db.get_one(CourseVersion, uuid.UUID(form.version.data)), office=g.db.get_one(Office, uuid.UUID(form.office.data)),
                **_planned(form),
            )
        except Invalid as refused:
            g.db.rollback()
            form.show(refused)
        else:
            say_next(say("run", "Run {code} is planned. Offices can nominate their officers now.", code=run.code))
            return go("runs.page", code=run.code)
    return render_template("runs/plan.html", form=form, run=None), 422 if form.errors else 200


@bp.get("/runs/<code>/change")
@bp.post("/runs/<code>/change", endpoint="save_change")
@guarded("run.plan", given_by("run.plan"))
def change(run: CourseRun) -> ResponseReturnValue:
    """Change dates, place, seats and trainers."""
    code, cancel = run.code, ReasonForm()
    teachers = queries.trainers_of(g.db, [run.id]).get(run.id, [])
    form = RunForm() if request.method == "POST" else RunForm(
        starts_on=run.starts_on, ends_on=run.ends_on, seats=run.seats, place=run.place, note=run.note,
        classroom=str(run.classroom_id or ""), lead=str(next((one.person_id for one in teachers if one.part == "lead"), "")),
        co=[str(one.person_id) for one in teachers if one.part == "co"],
    )
    _fill_choices(form, {run.office.country_id} - {None})
    if form.is_submitted() and form.validate():
        try:
            services.change_run(g.db, run, **_planned(form))
        except Invalid as refused:
            g.db.rollback()
            run = the_run(g.db, code)
            form.show(refused)
        else:
            say_next(say("run", "Run {code} is changed.", code=code))
            return go("runs.page", code=code)
    return render_template("runs/plan.html", form=form, run=run, cancel=cancel), 422 if form.errors else 200


@bp.post("/runs/<code>/cancel")
@guarded("run.plan", given_by("run.plan"))
def cancel(run: CourseRun) -> ResponseReturnValue:
    """Cancel a run that will not be held."""
    code = run.code
    services.cancel_run(g.db, run, by=me().person_id, now=clock.now(), reason=request.form.get("reason", ""))
    say_next(say("run", "Run {code} is cancelled.", code=code), "warn")
    return go("runs.page", code=code)


def _fill_choices(form: RunForm, countries: set[uuid.UUID | None]) -> None:
    rooms = queries.classrooms_under(g.db, scope(actor(), "run.plan"))
    form.classroom.choices = [("", i18n.t("run", "none: the place below")), *((str(id), f"{pick(office)}, {pick(names)}") for id, names, office in rooms)]
    country = countries.pop() if len(countries) == 1 else None
    people = queries.lecturers(g.db, today=clock.now().date(), country_id=country)
    trainers = [(str(id), f"{name}, {pick(office)}") for id, name, office in people]
    form.lead.choices = [("", i18n.t("run", "not named yet")), *trainers]
    form.co.choices = trainers


def _planned(form: RunForm) -> dict[str, Any]:
    ids = [uuid.UUID(one) for one in dict.fromkeys([form.lead.data, *(form.co.data or [])]) if one]
    people = {person.id: person for person in g.db.scalars(sa.select(Person).where(Person.id.in_(ids)))}
    return {
        "starts_on": form.starts_on.data, "ends_on": form.ends_on.data, "seats": form.seats.data, "place": form.place.data or "",
        "note": form.note.data or "", "trainers": [people[id] for id in ids], "by": me().person_id, "now": clock.now(),
        "classroom": g.db.get_one(Classroom, uuid.UUID(form.classroom.data)) if form.classroom.data else None,
    }
