"""The order that sends trainers to a session: its number and date, and the list as a draft to print."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from flask import g, render_template, request
from flask.typing import ResponseReturnValue

from app import clock, i18n, lists, pdf
from app.errors import Invalid, say
from app.http import audit, go, guarded, me, say_next
from app.planning.release import CONFIRMED
from app.planning.session_forms import OrderForm
from app.planning.views.blueprint import bp
from app.planning.views.sight import facts_of, meetings_of, room_of, session_by, slot_name, the_session, title_of
from app.runs import queries as runs
from app.runs.queries import Candidate
from app.schedule import assignments
from app.schedule.assignments import Held
from app.schedule.models import TrainingSession


@dataclass(frozen=True)
class Line:
    """A trainer whom the order sends."""

    held: Held
    role: str
    file: Candidate | None  # None: he has no posting on the first day


@bp.get("/planning/sessions/<code>/trainers-order")
@bp.post("/planning/sessions/<code>/trainers-order", endpoint="save_trainers_order")
@guarded("session.plan", session_by("session.plan"))
def trainers_order(session: TrainingSession) -> ResponseReturnValue:
    """Number and date of the order that sends the trainers."""
    code, form = session.code, OrderForm()
    lines = _lines(session)
    if form.is_submitted() and form.validate():
        ticked = {_uuid(one) for one in request.form.getlist("assignment")}
        chosen = [one.held.assignment for one in lines if one.held.assignment and one.held.assignment.id in ticked]
        try:
            if not chosen:
                raise Invalid(say("order", "Tick at least one trainer."))
            if form.on.data is None:
                raise Invalid(fields={"on": say("order", "Give the date of the order.")})
            n = assignments.give_order(g.db, chosen, number=form.number.data or "", on=form.on.data, by=me().person_id, now=clock.now())
        except Invalid as refused:
            g.db.rollback()
            session = the_session(g.db, code)
            lines = _lines(session)
            form.show(refused)
        else:
            audit("assignment.order", about=code, number=form.number.data, people=n)
            say_next(say("order", "Trainers who have order {number} now: {n}.", number=form.number.data or "", n=n))
            return go("planning.trainers_order", code=code)
    return render_template(
        "planning/order.html", session=session, title=title_of(session), facts=_facts(session), lines=lines, form=form,
    ), 422 if form.errors else 200


@bp.get("/planning/sessions/<code>/trainers-order/paper")
@guarded("session.plan", session_by("session.plan"))
def trainers_order_paper(session: TrainingSession) -> ResponseReturnValue:
    """The list of the order, as a draft to print."""
    lines = _lines(session)
    title = i18n.t("order", "Draft of an order: trainers for {code}", code=session.code)
    data = pdf.paper(
        "planning/paper_trainers_order.html", language=i18n.language(), title=title, body_class="landscape", now=clock.now(), by=me().name, session=session,
        heading=title, course=title_of(session), facts=_facts(session), lines=lines,
    )
    return lists.attachment(data, f"{session.code}-trainers-order.pdf", rows=len(lines), inline=True)


def _facts(session: TrainingSession) -> list[str]:
    return facts_of(session, room_of(g.db, session), meetings_of(g.db, session.id))


def _lines(session: TrainingSession) -> list[Line]:
    held = [one for one in assignments.current(g.db, [session.id]).get(session.id, []) if one.assignment and one.assignment.state in CONFIRMED]
    meetings = [one for one in meetings_of(g.db, session.id) if one.state != "cancelled"]
    day = meetings[0].day if meetings else session.run.starts_on
    files = {one.person_id: one for one in runs.candidates(g.db, on=day, person_ids=[one.assignment.person_id for one in held if one.assignment])}
    return [Line(one, slot_name(one.slot), files.get(one.assignment.person_id) if one.assignment else None) for one in held]


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
