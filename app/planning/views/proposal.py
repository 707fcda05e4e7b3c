"""Suggest all: a proposal for the empty slots of some days, of which the planner takes what he ticks."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import g, render_template, request
from flask.typing import ResponseReturnValue

from app import clock, i18n
from app.errors import Conflict, Invalid, Message, NotFound, say
from app.http import actor, can, guarded, me
from app.planning import proposal as proposals
from app.planning import queries
from app.planning.views.blueprint import bp
from app.planning.views.session import fill
from app.planning.views.sight import sees, slot_name, the_session
from app.policy import Target, scope
from app.schedule import assignments
from app.schedule.assignments import CURRENT
from app.schedule.models import Assignment, SessionSlot, TrainingSession

USUAL = timedelta(days=30)
LONGEST = timedelta(days=120)


@dataclass(frozen=True)
class Outcome:
    """What became of a row that was ticked."""

    code: str
    slot: str
    name: str
    done: Message | None = None
    refused: Message | None = None


@bp.get("/planning/proposal")
@guarded("session.plan")
def proposal() -> ResponseReturnValue:
    """Who would be put where; nothing is written."""
    return _page()


@bp.post("/planning/proposal")
@guarded("session.plan")
def accept_proposal() -> ResponseReturnValue:
    """Take the rows that are ticked, each judged once more at this moment; what fails is told in its row."""
    how, reason = request.form.get("how", ""), request.form.get("reason", "").strip()
    ticked = [_pair(value) for value in request.form.getlist("row")]
    if how not in ("offer", "assign") or not ticked or None in ticked:
        return _page(error=say("proposal", "Tick at least one row, then press the button.")), 422
    outcomes = [_take(*pair, how, reason) for pair in ticked if pair is not None]
    return _page(outcomes=outcomes), 200 if any(one.done for one in outcomes) else 409


def _take(slot_id: uuid.UUID, trainer_id: uuid.UUID, how: str, reason: str) -> Outcome:
    slot = g.db.get(SessionSlot, slot_id)
    session = the_session(g.db, _code(slot)) if slot is not None else None
    if slot is None or session is None or not can("session.plan", Target(path=session.run.office.path)):
        raise NotFound()
    verdict = queries.judge_one(g.db, slot, trainer_id, now=clock.now(), sees=sees)
    if verdict is None:
        raise NotFound()
    about = (session.code, slot_name(slot), verdict.name)
    if verdict.group != "suggested":
        return Outcome(*about, refused=verdict.summary[0])
    foreign = not can("session.plan", Target(path=verdict.path))
    try:
        with g.db.begin_nested():
            held = g.db.scalar(sa.select(Assignment).where(Assignment.slot_id == slot.id, Assignment.state.in_(CURRENT)))
            if held is not None:
                assignments.withdraw(g.db, held, by=me().person_id, now=clock.now(), reason=reason)
            fill(session, slot, trainer_id, "request" if foreign else how, "")
    except (Conflict, Invalid) as refused:
        g.db.expire_all()
        return Outcome(*about, refused=refused.message)
    done = say("proposal", "his centre is asked") if foreign else say("proposal", "offered") if how == "offer" else say("proposal", "assigned")
    return Outcome(*about, done=done)


def _page(*, outcomes: list[Outcome] | None = None, error: Message | None = None) -> str:
    today = clock.now().astimezone(ZoneInfo(i18n.viewer_zone())).date()
    first = _day("from") or today + timedelta(days=1)
    last = _day("to") or first + USUAL
    if error is None and not first <= last <= first + LONGEST:
        error = say("proposal", "Give two days in order, at most {n} days apart.", n=LONGEST.days)
        last = first + USUAL
    again = {found for value in request.values.getlist("again") if (found := _uuid(value)) is not None} if not outcomes else set()
    made = proposals.propose(g.db, first=first, last=last, paths=scope(actor(), "session.plan"), now=clock.now(), sees=sees, again=again)
    return render_template(
        "planning/proposal.html", made=made, first=first, last=last, again=again, outcomes=outcomes or [], error=error, slot_name=slot_name,
        foreign={row.verdict.trainer_id for row in made.rows if row.verdict is not None and not can("session.plan", Target(path=row.verdict.path))},
        fitting=sum(1 for row in made.rows if row.verdict is not None), least=assignments.LEAST_REASON,
    )


def _code(slot: SessionSlot) -> str:
    return str(g.db.get_one(TrainingSession, slot.session_id).code)


def _pair(value: str) -> tuple[uuid.UUID, uuid.UUID] | None:
    one, _, other = value.partition(":")
    slot_id, trainer_id = _uuid(one), _uuid(other)
    return (slot_id, trainer_id) if slot_id is not None and trainer_id is not None else None


def _uuid(value: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(value)
    except ValueError:
        return None


def _day(name: str) -> date | None:
    try:
        return date.fromisoformat(request.values.get(name, ""))
    except ValueError:
        return None
