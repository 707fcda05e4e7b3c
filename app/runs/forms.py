"""Shape of input on the pages of runs."""

from __future__ import annotations

from typing import Any

from wtforms import DateField, IntegerField, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional

from app import errors
from app.forms import Form
from app.runs.rules import MOST_SEATS

say: Any = errors.say  # WTForms takes labels for text: the page says them in its language


class RunForm(Form):
    """Dates, place and people of a run. Choices are filled by the view: only what the planner may see."""

    starts_on = DateField(say("run", "First day"), [InputRequired()])
    ends_on = DateField(say("run", "Last day"), [InputRequired()])
    classroom = SelectField(say("run", "Classroom"), [Optional()])
    place = StringField(say("run", "Place"), [Length(max=200)])
    seats = IntegerField(say("run", "Seats"), [InputRequired(), NumberRange(1, MOST_SEATS)], render_kw={"inputmode": "numeric"})
    lead = SelectField(say("run", "Lead trainer"), [Optional()])
    co = SelectMultipleField(say("run", "Co-trainers"), [Optional()])
    note = TextAreaField(say("run", "Note"), [Length(max=2000)], render_kw={"rows": "2"})


class PlanForm(RunForm):
    """A new run: also which course, and which office gives it."""

    version = SelectField(say("run", "Course"), [DataRequired()])
    office = SelectField(say("run", "Office that gives the run"), [DataRequired()])


class ReasonForm(Form):
    """Why something is done."""

    reason = TextAreaField(say("run", "Reason"), [DataRequired(), Length(max=1000)], render_kw={"rows": "2"})


class CloseForm(Form):
    """A note for the file of the run."""

    note = TextAreaField(say("run", "Note"), [Length(max=2000)], render_kw={"rows": "3"})
