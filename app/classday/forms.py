"""Forms of the class day: the daily check, a line of the minutes, a reason for a deed, a walk-in, the lock."""

from __future__ import annotations

from typing import Any

from wtforms import BooleanField, IntegerField, PasswordField, RadioField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its types
from wtforms.validators import Length, Optional

from app import errors
from app.classday.rules import CHECK, FOUND
from app.forms import Form

say: Any = errors.say  # WTForms takes labels for text: the page says them in its language

REASON = 300  # letters
_FOUND = [SelectChoice(value, label) for value, label in FOUND.items()]


def _label(point: str) -> Any:
    return CHECK[point]


class CheckForm(Form):
    """The look round a classroom: one answer a point, a word about what is wrong."""

    server = RadioField(_label("server"), choices=_FOUND, default="ok")
    pcs = RadioField(_label("pcs"), choices=_FOUND, default="ok")
    projector = RadioField(_label("projector"), choices=_FOUND, default="ok")
    light = RadioField(_label("light"), choices=_FOUND, default="ok")
    power = RadioField(_label("power"), choices=_FOUND, default="ok")
    line = RadioField(_label("line"), choices=_FOUND, default="ok")
    note = StringField(say("class", "What is not in order"), [Length(max=REASON)])

    def found(self) -> dict[str, str]:
        """Point of the check -> what was found."""
        return {point: str(self._fields[point].data) for point in CHECK}


class LineForm(Form):
    """Own words for the minutes."""

    text = StringField(say("class", "What happened"), [Length(max=REASON)])


class DeedForm(Form):
    """What an invigilator does to chosen tests: why, and how many minutes or where to."""

    minutes = IntegerField(say("deed", "Minutes"), [Optional()])
    seat = SelectField(say("class", "To seat"), [Optional()], validate_choice=False)
    reason = StringField(say("class", "Why"), [Length(max=REASON)])


class CloseForm(Form):
    """Closing a class: anything to remember."""

    note = TextAreaField(say("class", "Remarks"), [Length(max=1000)])


class WalkInForm(Form):
    """Somebody who came without a nomination."""

    agency = SelectField(say("walk-in", "Agency"), validate_choice=False)
    service_number = StringField(say("walk-in", "Service number"), [Length(max=40)])
    family = StringField(say("walk-in", "Family name"), [Length(max=80)])
    given = StringField(say("walk-in", "Given name"), [Length(max=80)])
    patronymic = StringField(say("walk-in", "Patronymic"), [Length(max=80)])
    rank = StringField(say("walk-in", "Rank"), [Length(max=60)])
    gender = SelectField(say("walk-in", "Gender"), [Optional()], validate_choice=False)
    office = SelectField(say("walk-in", "Serves at"), validate_choice=False)
    language = SelectField(say("walk-in", "Language of the test"), validate_choice=False)
    seat = SelectField(say("walk-in", "Seat"), [Optional()], validate_choice=False)


class UnlockForm(Form):
    """The password of whoever locked the page."""

    password = PasswordField(say("lock", "Password"), [Length(max=200)])


class RoomForm(Form):
    """What is known of a classroom."""

    line = SelectField(say("room", "Line"), validate_choice=False)
    manager = SelectField(say("room", "Class manager"), validate_choice=False)
    portable = BooleanField(say("room", "A portable class: the PCs travel"))
    note = TextAreaField(say("room", "Note"), [Length(max=1000)])


class EquipmentForm(Form):
    """A piece of equipment with its state and to whom it was handed over."""

    kind = SelectField(say("equipment", "Kind"), validate_choice=False)
    name = StringField(say("equipment", "What it is"), [Length(max=120)])
    inventory_number = StringField(say("equipment", "Inventory number"), [Length(max=40)])
    state = SelectField(say("equipment", "State"), validate_choice=False)
    handed_to = StringField(say("equipment", "Handed over to"), [Length(max=120)])
    handed_on = StringField(say("equipment", "Handed over on"), [Length(max=10)])
    note = StringField(say("equipment", "Note"), [Length(max=REASON)])
