"""Shape of input on the pages of meetings."""

from __future__ import annotations

from typing import Any

from wtforms import DateField, IntegerField, SelectField, StringField, TimeField
from wtforms.validators import InputRequired, Length, Optional

from app import errors
from app.forms import Form

say: Any = errors.say  # WTForms takes labels for text: the page says them in its language


class MeetingForm(Form):
    """When and where a meeting is. Choices are filled by the view."""

    day = DateField(say("meeting", "Day"), [InputRequired()])
    starts = TimeField(say("meeting", "From"), [InputRequired()], format=["%H:%M", "%H:%M:%S"])
    ends = TimeField(say("meeting", "To"), [InputRequired()], format=["%H:%M", "%H:%M:%S"])
    classroom = SelectField(say("run", "Classroom"), [Optional()])
    place = StringField(say("run", "Place"), [Length(max=200)])


class LineForm(Form):
    """A new line of a meeting's timetable."""

    what = SelectField(say("timetable", "What"), [InputRequired()])
    text = StringField(say("timetable", "In own words"), [Length(max=200)])
    minutes = IntegerField(say("timetable", "Minutes"), [InputRequired()], render_kw={"inputmode": "numeric"})
    who = SelectField(say("timetable", "Who"), [Optional()])


class SheetForm(Form):
    """Which sheet lies before the person who keys it in, and which column of it. Sent by GET: it only opens the page."""

    class Meta(Form.Meta):
        """Nothing is changed by it."""

        csrf = False

    sheet = StringField(
        say("attendance", "Code of the sheet"), [InputRequired(), Length(max=120)],
        render_kw={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"},
    )
    meeting = SelectField(say("attendance", "Column"), [InputRequired()])
