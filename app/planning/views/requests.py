"""Pages of requests: asking another country for its trainer, answering for one's own, and what came of it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

import sqlalchemy as sa
from flask import g, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app import clock
from app.errors import Conflict, DomainError, Invalid, Message, NotFound, say
from app.http import actor, can, go, guarded, me, say_next, status_of
from app.i18n import pick
from app.people.models import Person
from app.planning import queries, requests, rules
from app.planning.requests import Need, Request
from app.planning.rules import Level, Verdict
from app.planning.views.blueprint import bp
from app.planning.views.sight import meetings_in_words, sees, slot_name
from app.policy import Target, scope
from app.schedule import assignments
from app.schedule.telling import About
from app.trainers.models import Trainer

LONGEST = 500
ANSWERS: Mapping[str, Message] = {
    "": say("request", "waits for an answer"), "granted": say("request", "he comes"), "refused": say("request", "he cannot come"),
    "withdrawn": say("request", "taken back"),
}
SHAPES = {"": "st-prog", "granted": "st-done", "refused": "st-fail", "withdrawn": "st-none"}


@bp.get("/planning/requests", endpoint="requests")
@guarded("session.list")
def the_requests() -> ResponseReturnValue:
    """What waits for our answer, what we asked, and what came of both."""
    home, own = scope(actor(), "request.answer"), scope(actor(), "request.make")
    asked = requests.asked(g.db, own) if own else []
    return render_template(
        "planning/requests.html", waiting=requests.waiting(g.db, home) if home else [], asked=[one for one in asked if not one.answer],
        ended=sorted(
            {one.assignment.id: one for one in [*(requests.answered(g.db, home) if home else []), *(one for one in asked if one.answer)]}.values(),
            key=lambda one: one.answered_at or one.asked_at, reverse=True,
        ),
        answers=ANSWERS, shapes=SHAPES, when=in_words, role=slot_name, title=title_of, may_ask=can("request.make"),
    )


# ---- answering -------------------------------------------------------------------------------------------------------


def the_request(db: Session, assignment_id: uuid.UUID) -> tuple[Request, Target]:
    """A request, for the home office of the trainer who is asked for."""
    found = requests.one(db, assignment_id)
    if found is None:
        raise NotFound()
    return found, Target(path=found.home_path)


@bp.get("/planning/requests/<uuid:assignment_id>")
@guarded("request.answer", the_request)
def the_request_page(found: Request) -> ResponseReturnValue:
    """One request with what speaks for and against, to answer it."""
    return _request_page(found)


@bp.post("/planning/requests/<uuid:assignment_id>")
@guarded("request.answer", the_request)
def answer_request(found: Request) -> ResponseReturnValue:
    """The home of a trainer lets him go, which books him, or does not, with a reason."""
    words, by, now = request.form.get("words", "").strip()[:LONGEST], me().person_id, clock.now()
    try:
        if request.form.get("answer") == "yes":
            assignments.grant(g.db, found.assignment, by=by, now=now, note=words)
            said = say("request", "{name} is booked for {code}. Who asked is told.", name=found.person, code=found.about.session.code)
        else:
            assignments.refuse(g.db, found.assignment, by=by, now=now, reason=words)
            said = say("request", "The answer is sent: {name} cannot come.", name=found.person)
    except (Invalid, Conflict) as refused:
        g.db.rollback()
        again = requests.one(g.db, uuid.UUID(str(request.view_args["assignment_id"]))) if request.view_args else None
        if again is None:
            raise
        return _request_page(again, refused, words)
    say_next(said)
    return go("planning.requests")


def _request_page(found: Request, refused: DomainError | None = None, words: str = "") -> ResponseReturnValue:
    trainer_id = g.db.scalar(sa.select(Trainer.id).where(Trainer.person_id == found.assignment.person_id))
    verdict = queries.judge_one(g.db, found.slot, trainer_id, now=clock.now()) if trainer_id and not found.answer else None
    errors = refused.fields if isinstance(refused, Invalid) else {}
    return render_template(
        "planning/request.html", one=found, answers=ANSWERS, shapes=SHAPES, when=in_words, role=slot_name, title=title_of,
        failing=verdict.failing if verdict else (), fits=[result for result in verdict.results if result.ok and result.most == 0] if verdict else [],
        levels=rules.LEVELS, result_shapes={Level.BLOCKS: "st-fail", Level.RELEASE: "st-alert", Level.WARNS: "st-note", Level.POINTS: "st-none"},
        refusal=refused.message if refused and not errors else None, error=next(iter(errors.values()), None), words=words, trainer_id=trainer_id,
    ), status_of(refused) if refused else 200


# ---- asking ----------------------------------------------------------------------------------------------------------


@bp.get("/planning/requests/new")
@guarded("request.make")
def ask() -> ResponseReturnValue:
    """Which slot, then which trainer of another country."""
    return _ask_page()


@bp.post("/planning/requests/new")
@guarded("request.make")
def send_request() -> ResponseReturnValue:
    """Ask the home of a trainer for him."""
    need = _need(request.form.get("slot", ""))
    reason, now = request.form.get("reason", "").strip()[:LONGEST], clock.now()
    try:
        if need is None:
            raise Conflict(say("request", "This slot was filled in the meantime. Choose another one."))
        verdict = next((one for one in _abroad(need) if str(one.trainer_id) == request.form.get("trainer")), None)
        if verdict is None:
            raise Invalid(fields={"trainer": say("request", "Choose a trainer from the list.")})
        name, code = verdict.name, need.about.session.code
        assignments.request(
            g.db, need.slot, g.db.get_one(Person, verdict.person_id), by=me().person_id, now=now, reason=reason,
            found=[rules.as_json(one) for one in verdict.results],
        )
    except (Invalid, Conflict) as refused:
        g.db.rollback()
        return _ask_page(refused, reason)
    say_next(say("request", "The centre of {name} is asked for him, for {code}.", name=name, code=code))
    return go("planning.requests")


def _ask_page(refused: DomainError | None = None, reason: str = "") -> ResponseReturnValue:
    need = _need(request.values.get("slot", ""))
    found = _abroad(need) if need else []
    errors = refused.fields if isinstance(refused, Invalid) else {}
    return render_template(
        "planning/request_new.html", needs=_needs(), need=need, found=found, reason=reason, when=in_words, role=slot_name, title=title_of,
        chosen=request.values.get("trainer", ""), refusal=refused.message if refused and not errors else None, errors=errors,
    ), status_of(refused) if refused else 200


def _needs() -> list[Need]:
    return requests.needs(g.db, scope(actor(), "request.make"), scope(actor(), "session.plan"), now=clock.now())


def _need(slot_id: str) -> Need | None:
    return next((one for one in _needs() if str(one.slot.id) == slot_id), None)


def _abroad(need: Need) -> list[Verdict]:
    """Trainers of other countries than the session's who agreed to be shown and whom nothing bars, the best first."""
    found = queries.judged(g.db, need.slot, now=clock.now(), sees=sees)
    return [one for one in found if one.country != need.country and one.group != "not-available"]


def in_words(about: About) -> str:
    """The meetings of a session in a line."""
    return meetings_in_words(about.session, about.meetings)


def title_of(about: About) -> str:
    """The session's own words, else the title of its course."""
    return about.titles if isinstance(about.titles, str) else pick(about.titles)
