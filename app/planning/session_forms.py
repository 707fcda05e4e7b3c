"""Shape of input on the pages where sessions are planned: the session, a slot, a series, an order, closures, absences."""

from __future__ import annotations

from typing import Any

from flask_wtf.file import FileField, FileRequired
from wtforms import (
    BooleanField,
    DateField,
    IntegerField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
    TimeField,
)
from wtforms.validators import DataRequired, InputRequired, Length, Optional

from app import errors
from app.forms import Form

say: Any = errors.say  # WTForms takes labels for text: the page says them in its language
WHOLE = {"inputmode": "numeric"}


class SessionForm(Form):
    """How and where a session is held, and what it asks of who teaches. Choices with names are filled by the view."""

    mode = SelectField(say("session", "How it is held"), [DataRequired()])
    language = SelectField(say("session", "Language"), [DataRequired()])
    language_level = SelectField(say("session", "Level asked of who teaches"), [DataRequired()])
    zone = StringField(say("session", "Time zone"), [Length(max=60)], render_kw={"list": "zones", "autocomplete": "off"})
    seats = IntegerField(say("session", "Seats"), [InputRequired()], render_kw=WHOLE)
    title = StringField(say("session", "Title in own words"), [Length(max=200)])
    classroom = SelectField(say("run", "Classroom"), [Optional()])
    place = StringField(say("run", "Place"), [Length(max=200)])
    link_kind = SelectField(say("session", "Kind of link"), [DataRequired()])
    link = StringField(say("session", "Link"), [Length(max=500)], render_kw={"inputmode": "url", "autocomplete": "off"})
    phone = StringField(say("session", "Telephone when the link does not work"), [Length(max=60)])
    allows_phones = BooleanField(say("session", "Participants may have phones: they can check in with them"))
    searches = BooleanField(say("session", "Searching persons is practised: women and men each need a trainer of their sex in the room"))
    budget = IntegerField(say("session", "Budget for trainers"), [Optional()], render_kw=WHOLE)


class NewSessionForm(SessionForm):
    """A new session: also of which run, and what it needs people for."""

    run = SelectField(say("session", "Run"), [DataRequired()])
    roles = SelectMultipleField(say("session", "What it needs people for"), [Optional()])


class SlotForm(Form):
    """One more that the session needs."""

    role = SelectField(say("slot", "For"), [DataRequired()])
    language = SelectField(say("slot", "Into language"), [Optional()])


class MeetingForm(Form):
    """When and where a meeting is."""

    day = DateField(say("meeting", "Day"), [InputRequired()])
    starts = TimeField(say("meeting", "From"), [InputRequired()], format=["%H:%M", "%H:%M:%S"])
    ends = TimeField(say("meeting", "To"), [InputRequired()], format=["%H:%M", "%H:%M:%S"])
    next_day = BooleanField(say("meeting", "ends the next day"))
    zone = StringField(say("session", "Time zone"), [Length(max=60)], render_kw={"list": "zones", "autocomplete": "off"})
    classroom = SelectField(say("run", "Classroom"), [Optional()])
    place = StringField(say("run", "Place"), [Length(max=200)])
    link = StringField(say("session", "Link of its own"), [Length(max=500)], render_kw={"inputmode": "url", "autocomplete": "off"})


class SeriesForm(Form):
    """On which days something is repeated. Sent by GET to look at it; what saves is guarded like every POST."""

    class Meta(Form.Meta):
        """Looking changes nothing."""

        csrf = False

    what = SelectField(say("series", "Make"), [DataRequired()])
    first = DateField(say("series", "From"), [InputRequired()])
    every = SelectField(say("series", "How often"), [DataRequired()], coerce=int)
    weekdays = SelectMultipleField(say("series", "On"), [Optional()], coerce=int)
    times = IntegerField(say("series", "How many times"), [InputRequired()], render_kw=WHOLE)
    stretch = BooleanField(say("series", "Make the run longer where the dates need it"))


class OrderForm(Form):
    """Number and date of an order."""

    number = StringField(say("order", "Number of the order"), [Length(max=40)])
    on = DateField(say("order", "Date of the order"), [Optional()])


class ClosureForm(Form):
    """Days on which an office and all below it hold no classes."""

    office = SelectField(say("closure", "Office, with all below it"), [DataRequired()])
    first_day = DateField(say("closure", "First day"), [InputRequired()])
    last_day = DateField(say("closure", "Last day"), [InputRequired()])
    reason = StringField(say("closure", "Reason"), [DataRequired(), Length(max=200)])


class HolidayForm(Form):
    """A day off of a country."""

    country = SelectField(say("office", "Country"), [DataRequired()])
    day = DateField(say("closure", "Day"), [InputRequired()])
    name_en = StringField(say("office", "Name in English"), [Length(max=120)])
    name_ru = StringField(say("office", "Name in Russian"), [Length(max=120)])
    name_kk = StringField(say("office", "Name in Kazakh"), [Length(max=120)])


class BlockingForm(Form):
    """When a classroom cannot be used."""

    classroom = SelectField(say("run", "Classroom"), [DataRequired()])
    first_day = DateField(say("closure", "First day"), [InputRequired()])
    starts = TimeField(say("meeting", "From"), [Optional()], format=["%H:%M", "%H:%M:%S"])
    last_day = DateField(say("closure", "Last day"), [InputRequired()])
    ends = TimeField(say("meeting", "To"), [Optional()], format=["%H:%M", "%H:%M:%S"])
    reason = StringField(say("closure", "Reason"), [DataRequired(), Length(max=200)])


class AbsenceForm(Form):
    """When a person, or everybody of a unit, cannot come."""

    who = StringField(say("absence", "Service number, or code of the office for its whole staff"), [DataRequired(), Length(max=60)])
    kind = SelectField(say("absence", "Why"), [DataRequired()])
    first_day = DateField(say("closure", "First day"), [InputRequired()])
    starts = TimeField(say("meeting", "From"), [Optional()], format=["%H:%M", "%H:%M:%S"])
    last_day = DateField(say("closure", "Last day"), [InputRequired()])
    ends = TimeField(say("meeting", "To"), [Optional()], format=["%H:%M", "%H:%M:%S"])
    every = IntegerField(say("absence", "Repeated every so many days"), [Optional()], render_kw=WHOLE)
    until = DateField(say("absence", "Repeated until"), [Optional()])
    note = TextAreaField(say("run", "Note"), [Length(max=300)], render_kw={"rows": "2"})


class AbsenceFileForm(Form):
    """A list of absences as a file."""

    file = FileField(say("absence", "File (XLSX or CSV)"), [FileRequired(say("absence", "Choose a file."))])
