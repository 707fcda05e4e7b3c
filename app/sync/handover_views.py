"""The page on which a run is given to the class server of its room, taken back, or given back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from flask import Blueprint, current_app, g, render_template, url_for
from flask.typing import ResponseReturnValue

from app import clock
from app.errors import Conflict, Invalid, Message, say
from app.http import audit, can, go, guarded, me, say_next, status_of
from app.policy import Target
from app.runs.forms import ReasonForm
from app.runs.models import CourseRun
from app.runs.views.sight import given_by, places_of, the_run, title_of
from app.sync import handover
from app.sync.models import HandOver, Node

bp = Blueprint("handover", __name__)

NO_CENTRE = say("hand-over", "The list of nodes names no centre yet: exchange with it first.")


@dataclass(frozen=True)
class Keeper:
    """Who keeps a run, as its page says it, and what may be done about it here."""

    who: str  # title of the node
    centre: bool  # it is the centre
    here: bool  # this node keeps it
    action: Message | None  # what the reader may do: give, take back, give back
    href: str = ""
    fact: HandOver | None = None  # the last hand-over


@dataclass(frozen=True)
class Deed:
    """One of the three things that the page does."""

    heading: Message
    button: Message
    means: tuple[Message, ...]
    blocked: Sequence[Message]  # all that stands in the way
    done: Message
    asks_why: bool = False


def keeper(run: CourseRun) -> Keeper | None:
    """For the page of a run; None where no class server has to do with it."""
    node, server = handover.keeper_of(g.db, run), handover.class_server_of(g.db, run)
    here = run.owner_node == g.db.info["node"]
    if here and server is None:
        return None
    at_class = current_app.config["ROLE"] == "classroom"
    may = any(can("run.hand", Target(path=path)) for path in places_of(run)) and not (at_class and not here)
    action = None
    if may and at_class:
        action = say("hand-over", "Give back…")
    elif may and not here:
        action = say("hand-over", "Take back…")
    elif may and run.state in ("planned", "open"):
        action = say("hand-over", "Give to the class server…")
    centre = not at_class if here else node is not None and node.role == "centre"
    title = _own_title() if here else (node.title if node else run.owner_node)
    fact = g.db.scalar(sa.select(HandOver).where(HandOver.row_id == run.id).order_by(HandOver.at.desc()).limit(1))
    return Keeper(title, centre, here, action, url_for("handover.page", code=run.code) if action else "", fact)


def _own_title() -> str:
    return g.db.scalar(sa.select(Node.title).where(Node.code == g.db.info["node"])) or str(g.db.info["node"])


@bp.get("/runs/<code>/keeper")
@bp.post("/runs/<code>/keeper", endpoint="save")
@guarded("run.hand", given_by("run.hand"))
def page(run: CourseRun) -> ResponseReturnValue:
    """What giving the run away or taking it back means, and doing it."""
    code, form = run.code, ReasonForm()
    deed, server = _deed(run)
    status = 200
    if form.is_submitted() and (not deed.asks_why or form.validate()):
        try:
            _do(run, server, form.reason.data or "")
        except (Conflict, Invalid) as refused:
            g.db.rollback()
            run = the_run(g.db, code)
            deed, server = _deed(run)
            if isinstance(refused, Invalid):
                form.show(refused)
            status = status_of(refused)
        else:
            audit("run.hand-over", about=code, to=run.owner_node)
            say_next(deed.done)
            return go("runs.page", code=code)
    page = render_template("sync/keeper.html", run=run, title=title_of(run), deed=deed, form=form, class_day=_class_day(run, deed))
    return page, 422 if form.errors else status


def _class_day(run: CourseRun, deed: Deed) -> str:
    """Where what goes on in the room is ended; empty when that is not what stands in the way, or when the class is not held here."""
    busy = [one for one in handover.busy(g.db, run) if one in deed.blocked]
    if run.owner_node != g.db.info["node"] or not busy or not any(can("class.day", Target(path=path)) for path in places_of(run)):
        return ""
    return url_for("classday.run", code=run.code)


def _deed(run: CourseRun) -> tuple[Deed, Node | None]:
    """What can be done about who keeps the run, at this node; the node that it is about."""
    here, code = run.owner_node == g.db.info["node"], run.code
    if current_app.config["ROLE"] == "classroom":
        centre = g.db.scalar(sa.select(Node).where(Node.role == "centre", Node.state == "joined").order_by(Node.code).limit(1))
        blocked = handover.against_giving_back(g.db, run)
        if centre is None:
            blocked.append(NO_CENTRE)
        return Deed(
            heading=say("hand-over", "Give {code} back to the centre", code=code), button=say("hand-over", "Give {code} back", code=code),
            means=(
                say("hand-over", "From now on this class server only reads the run: no class day, no slips, no tests, no new people."),
                say("hand-over", "With the next exchange the centre gets all of it, and changes it from then on."),
                say("hand-over", "If it was a mistake: the centre can give it to this class server again."),
            ),
            blocked=blocked, done=say("hand-over", "{code} belongs to the centre again. Exchange with it soon.", code=code),
        ), centre
    if here:
        server = handover.class_server_of(g.db, run)
        if server is None:
            blocked = [say("hand-over", "The classroom of {code} has no class server that has joined.", code=code)]
        else:
            blocked = handover.against_giving(g.db, run, server)
        title = server.title if server else ""
        return Deed(
            heading=say("hand-over", "Give {code} to {server}", code=code, server=title) if server else say("hand-over", "Who keeps {code}", code=code),
            button=say("hand-over", "Give {code} to {server}", code=code, server=title),
            means=(
                say("hand-over", "Run, trainers, people, meetings and the report go there with the next exchange, and with them what those in class have studied here."),
                say("hand-over", "From then on they are changed there only. Here they can be read, nominations decided and people added: these follow with each exchange."),
                say("hand-over", "Sign-in slips printed here do not work there. Print the slips at the class server."),
                say("hand-over", "You can take the run back on this page."),
            ),
            blocked=blocked, done=say("hand-over", "{code} is given to {server}: it goes there with the next exchange.", code=code, server=title),
        ), server
    node = handover.keeper_of(g.db, run)
    title = node.title if node else run.owner_node
    return Deed(
        heading=say("hand-over", "Take {code} back from {server}", code=code, server=title), button=say("hand-over", "Take {code} back", code=code),
        means=(
            say("hand-over", "The run and all below it are changed at the centre again, from now on."),
            say("hand-over", "Answers, marks and attendance that the class server has not brought yet count as before."),
            say("hand-over", "Other changes that it has not brought yet (people enrolled, timetable, seats, a closed day) are set aside when they come, and shown at the intake desk."),
            say("hand-over", "Nothing is lost when the class server gives the run back instead: ask the class manager if he can be reached."),
        ),
        blocked=handover.against_taking(g.db, run, node), done=say("hand-over", "{code} is kept at the centre again.", code=code), asks_why=True,
    ), node


def _do(run: CourseRun, other: Node | None, reason: str | None) -> None:
    now, by = clock.now(), me().person_id
    if current_app.config["ROLE"] == "classroom":
        if other is None:
            raise Conflict(NO_CENTRE)
        handover.give_back(g.db, run, centre=other, by=by, now=now)
    elif run.owner_node != g.db.info["node"]:
        handover.take_back(g.db, run, by=by, now=now, reason=reason or "")
    elif other is None:
        raise Conflict(say("hand-over", "The classroom of {code} has no class server that has joined.", code=run.code))
    else:
        handover.give(g.db, run, server=other, by=by, now=now)
