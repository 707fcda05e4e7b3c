"""How each constraint is taken at this centre: the table for whoever plans, a form for the administrator."""

from __future__ import annotations

from typing import Any

from flask import g, render_template
from flask.typing import ResponseReturnValue
from wtforms import IntegerField, SelectField
from wtforms.validators import DataRequired, InputRequired

from app import errors, i18n
from app.errors import Invalid, NotFound
from app.forms import Form
from app.http import audit, can, go, guarded, say_next
from app.planning import rules, settings
from app.planning.reading import settings_of
from app.planning.rules import Constraint, Setting
from app.planning.session_forms import WHOLE
from app.planning.views.blueprint import bp

say: Any = errors.say  # WTForms takes labels for text: the page says them in its language

SHAPES = {"B": "st-fail", "R": "st-alert", "W": "st-note", "P": "st-none"}


class ConstraintForm(Form):
    """How a constraint is taken; its numbers are added by `_form`."""

    level = SelectField(say("constraint", "When it is not met"), [DataRequired()])


@bp.get("/planning/constraints")
@guarded("constraint.read")
def constraints() -> ResponseReturnValue:
    """All constraints as they are taken now."""
    return render_template(
        "planning/constraints.html", all=rules.CONSTRAINTS, settings=settings_of(g.db), levels=rules.LEVELS, shapes=SHAPES, edits=can("constraint.edit"),
    )


def _constraint(code: str) -> Constraint:
    if code not in rules.CONSTRAINTS:
        raise NotFound()
    return rules.CONSTRAINTS[code]


@bp.get("/planning/constraints/<code>")
@guarded("constraint.edit")
def constraint(code: str) -> ResponseReturnValue:
    """One constraint, to be set."""
    one = _constraint(code)
    return _page(one, _form(one, settings_of(g.db)[code]))


@bp.post("/planning/constraints/<code>")
@guarded("constraint.edit")
def set_constraint(code: str) -> ResponseReturnValue:
    """Take it otherwise from now on."""
    one = _constraint(code)
    form = _form(one, settings_of(g.db)[code])
    if not form.validate():
        return _page(one, form), 422
    numbers = {name: form._fields[f"n_{name}"].data for name in one.numbers}
    try:
        before, now = settings.change(g.db, code, level=form.level.data, weight=form._fields["weight"].data if one.weight else 0, numbers=numbers)
    except Invalid as refused:
        form.show(refused)
        return _page(one, form), 422
    if before != now:
        audit("constraint changed", about=code, **_told("was", before), **_told("now", now))
    say_next(say("constraint", "Saved. {title} is taken so from now on; what is assigned already is checked again.", title=one.title))
    return go("planning.constraints")


def _told(when: str, one: Setting) -> dict[str, Any]:
    return {f"{when}_level": one.level.value, f"{when}_points": one.weight, f"{when}_numbers": dict(one.numbers)}


def _page(one: Constraint, form: ConstraintForm) -> str:
    return render_template(
        "planning/constraint.html", one=one, form=form, levels=rules.LEVELS, default=one.default(), allowed=[i18n.say(rules.LEVELS[level]) for level in one.allowed],
    )


def _form(one: Constraint, own: Setting) -> ConstraintForm:
    fields: dict[str, Any] = {f"n_{name}": IntegerField(number.title, [InputRequired()], render_kw=WHOLE) for name, number in one.numbers.items()}  # type: ignore[arg-type]
    if one.weight:
        fields["weight"] = IntegerField(say("constraint", "Most points"), [InputRequired()], render_kw=WHOLE)
    form: ConstraintForm = type("OneConstraintForm", (ConstraintForm,), fields)(
        data={"level": own.level.value, "weight": own.weight, **{f"n_{name}": value for name, value in own.numbers.items()}},
    )
    # Levels beyond the floor stand there and cannot be chosen; the service refuses them with a sentence all the same.
    form.level.choices = [(level.value, i18n.say(label), {} if level in one.allowed else {"disabled": True}) for level, label in rules.LEVELS.items()]
    return form
