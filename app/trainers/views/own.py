"""A trainer's own page: his sessions and offers, leave, preference, consent, the test of his line, sessions that he is asked to watch."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from flask import g, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import joinedload

from app import clock, i18n
from app.errors import Conflict, Invalid, Message, say
from app.forms import Form
from app.http import can, go, guarded, me, say_next, status_of
from app.offices.models import Office
from app.people.models import Person
from app.policy import Target
from app.schedule.models import TrainingSession
from app.schedule.session_rules import ROLES
from app.trainers import absences, forms, queries, rules, services
from app.trainers.models import Absence, Trainer, TrainerStep
from app.trainers.views import sight
from app.trainers.views.blueprint import bp
from app.trainers.views.card import row_of, span_in_words, spans_of
from app.trainers.views.sight import today

BACK = timedelta(days=180)
"""How far back his sessions are listed."""


@dataclass(frozen=True)
class Deed:
    """What one of the small forms does; `trainer` is None for an assessor who is not in the pool."""

    form: type[Form]
    do: Callable[[Trainer | None, Any, uuid.UUID | None], Message]
    place: str


@bp.get("/my/teaching")
@guarded("own.trainer")
def own() -> ResponseReturnValue:
    """What somebody teaches, is asked for and has said about his time."""
    return _page()


def _me() -> Trainer | None:
    return g.db.scalar(  # type: ignore[no-any-return]
        sa.select(Trainer).where(Trainer.person_id == me().person_id, Trainer.left_on.is_(None)).options(joinedload(Trainer.home).joinedload(Office.country))
    )


def _page(failed: tuple[str, str, Form] | None = None) -> str:
    db, on, now = g.db, today(), clock.now()
    trainer = _me()
    owed = queries.owed_by(db, me().person_id)
    sessions = sight.sessions_of(db, me().person_id, since=on - BACK)

    def form_of(deed: str, row: object = "") -> Form:
        if failed and failed[0] == deed and failed[1] == str(row):
            return failed[2]
        fresh: Form = _form(trainer, deed, str(row), formdata=None)
        return fresh

    return render_template(
        "trainers/own.html", trainer=trainer, owed=owed, rules=rules, roles=ROLES, today=on, form_of=form_of, failed=failed,
        to_come=[one for one in sessions if one.last >= on and one.session.state != "cancelled"],
        past=[one for one in reversed(sessions) if one.last < on and one.session.state == "released"],
        stage=rules.stage_of(queries.steps_of(db, trainer.id), queries.held_of(db, trainer.id), on) if trainer else None,
        accreditations=queries.accreditations_of(db, [trainer.id], on).get(trainer.id, []) if trainer else [],
        courses=sight.course_titles(db), load=sight.loads(db, [me().person_id], on)[me().person_id], span=span_in_words,
        absences=absences.current(db, [me().person_id], now - timedelta(days=7)), codes=_codes([step for step, *_ in owed]),
        reads=_reads, soon=on + timedelta(days=60),
        tested_to=trainer.connection_tested_on + timedelta(days=rules.TEST_HOLDS) if trainer and trainer.connection_tested_on else None,
    )


def _reads(one: sight.Taken) -> bool:
    """Whether the page of a session opens for him: once it is released and he is its trainer, or by a role of his."""
    teaches = one.session.state == "released" and one.role in ("lead", "co") and one.assignment.state in ("accepted", "assigned")
    return can("session.read", Target(path=one.path, trainers=frozenset({me().person_id} if teaches else ())))


def _codes(steps: list[TrainerStep]) -> dict[uuid.UUID, str]:
    ids = {one.session_id for one in steps if one.session_id}
    return dict(g.db.execute(sa.select(TrainingSession.id, TrainingSession.code).where(TrainingSession.id.in_(ids))).all()) if ids else {}


@bp.post("/my/teaching/<any(absence, take_back, prefer, consent, connection, sign):deed>")
@guarded("own.trainer")
def state(deed: str) -> ResponseReturnValue:
    """One of the small forms of the own page; refused, the page is shown again with what was typed."""
    trainer, row = _me(), request.args.get("row", "")
    if trainer is None and deed not in ("sign", "take_back"):
        raise Invalid(say("trainer", "You are not in the pool of trainers. Ask your training officer."))
    form = _form(trainer, deed, row)
    status = 422
    try:
        if form.validate():
            said = DEEDS[deed].do(trainer, form, _id(row))
            say_next(said)
            return go("trainers.own", _anchor=DEEDS[deed].place)
    except (Invalid, Conflict) as refused:
        g.db.rollback()
        form.show(refused if isinstance(refused, Invalid) else Invalid(refused.message))
        status = status_of(refused)
    return _page((deed, row, form)), status


def _id(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _form(trainer: Trainer | None, deed: str, row: str, **given: Any) -> Any:
    form: Any = DEEDS[deed].form(prefix=f"{deed}{row[-8:]}-", **given)
    fresh = "formdata" in given
    match deed:
        case "absence":
            form.kind.choices = [(kind, i18n.say(rules.KINDS[kind])) for kind in rules.OWN_KINDS]
        case "prefer":
            form.mode.choices = forms.choices(rules.MODES)
            if fresh and trainer:
                form.mode.data, form.until.data = trainer.prefers, trainer.prefers_to
        case "consent":
            form.shown.choices = forms.choices(rules.SHOWN)
            if fresh and trainer:
                form.shown.data = trainer.shown_abroad
        case "connection":
            form.points.choices = [(str(n), i18n.say(point)) for n, point in enumerate(rules.CHECKLIST)]
            if fresh:
                form.points.data = []
        case "sign":
            form.result.choices = [(key, i18n.say(rules.RESULTS[key])) for key in ("passed", "again")]
            if fresh:
                form.day.data = today()
    return form


def _absence(trainer: Trainer | None, form: Any, _row: uuid.UUID | None) -> Message:
    assert trainer is not None  # noqa: S101  (the view asked)
    zone = trainer.home.zone
    made = absences.add(g.db, person_id=trainer.person_id, kind=form.kind.data, spans=spans_of(form, zone), zone=zone, note=form.note.data or "")
    if not made:
        return say("absence", "This was on file already.")
    return say("absence", "It is noted. Whoever plans sees it at once; a session that it touches is told to the planner within a minute.")


def _take_back(_trainer: Trainer | None, _form: Any, row: uuid.UUID | None) -> Message:
    absences.take_back(g.db, row_of(Absence, row, person_id=me().person_id), today=today())
    return say("absence", "The absence is taken back.")


def _prefer(trainer: Trainer | None, form: Any, _row: uuid.UUID | None) -> Message:
    assert trainer is not None  # noqa: S101  (the view asked)
    services.prefer(g.db, trainer, mode=form.mode.data, until=form.until.data, today=today())
    return say("trainer", "Your preference is noted. It gives points, it decides nothing.")


def _consent(trainer: Trainer | None, form: Any, _row: uuid.UUID | None) -> Message:
    assert trainer is not None  # noqa: S101  (the view asked)
    services.consent(g.db, trainer, shown=form.shown.data, today=today())
    return say("trainer", "Planners of other countries now see of you: {what}.", what=rules.SHOWN[form.shown.data])


def _connection(trainer: Trainer | None, form: Any, _row: uuid.UUID | None) -> Message:
    assert trainer is not None  # noqa: S101  (the view asked)
    services.tested_connection(g.db, trainer, points=len(set(form.points.data or ()) & {str(n) for n in range(len(rules.CHECKLIST))}), today=today())
    return say("trainer", "The test of today is noted.")


def _sign(_trainer: Trainer | None, form: Any, row: uuid.UUID | None) -> Message:
    step = row_of(TrainerStep, row, assessor_id=me().person_id)
    name = g.db.scalars(sa.select(Person.display_name).join(Trainer, Trainer.person_id == Person.id).where(Trainer.id == step.trainer_id)).one()
    services.sign_observation(
        g.db, step, result=form.result.data, day=form.day.data, note=form.note.data or "", by=me().person_id, now=clock.now(),
    )
    return say("trainer", "You have signed the observed session of {name}.", name=name)


DEEDS = {
    "absence": Deed(forms.AbsenceForm, _absence, "absences"), "take_back": Deed(forms.RowForm, _take_back, "absences"),
    "prefer": Deed(forms.PreferForm, _prefer, "wishes"), "consent": Deed(forms.ConsentForm, _consent, "wishes"),
    "connection": Deed(forms.ConnectionForm, _connection, "wishes"), "sign": Deed(forms.SignForm, _sign, "observations"),
}
