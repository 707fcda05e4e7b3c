"""Shape of input on the pages of the pool: the small forms of a trainer's card and of his own page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
from wtforms.widgets import CheckboxInput, ListWidget

from app import errors
from app.forms import Form
from app.i18n import say as said

say: Any = errors.say  # WTForms takes labels for text: the page says them in its language

A_DAY = say("person", "Give a day, for example 2026-11-24.")


class Day(DateField):
    """A day; says in our words when it is none."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read the day; what was typed stays in the field."""
        try:
            super().process_formdata(valuelist)
        except ValueError:
            raise ValueError(said(A_DAY)) from None


class Hour(TimeField):
    """A time of day; says in our words when it is none."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read the time; what was typed stays in the field."""
        try:
            super().process_formdata(valuelist)
        except ValueError:
            raise ValueError(said(say("absence", "Give a time of day, for example 09:00."))) from None


class Whole(IntegerField):
    """A whole number; says in our words when it is none."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read the number; what was typed stays in the field."""
        try:
            super().process_formdata(valuelist)
        except ValueError:
            raise ValueError(said(say("trainer", "Give a whole number."))) from None


class NominateForm(Form):
    """Somebody of the register who becomes a trainer."""

    home = SelectField(say("trainer", "Home office"), [DataRequired()])
    reach = SelectField(say("trainer", "Pool"))
    day = Day(say("trainer", "Nominated on"), [InputRequired(A_DAY)])
    note = TextAreaField(say("trainer", "Note"), [Length(max=1000)], render_kw={"rows": "2"})


class CardForm(Form):
    """Where a trainer serves, how far he may be sent, how much he may be asked for."""

    home = SelectField(say("trainer", "Home office"), [DataRequired()])
    reach = SelectField(say("trainer", "Pool"))
    travels = SelectField(say("trainer", "Travels"))
    share = Whole(say("trainer", "Share of the post for teaching, percent"), [InputRequired(say("trainer", "Give a share from 1 to 100 percent."))])
    days_a_month = Whole(say("trainer", "Most teaching days a month"), [Optional()])
    days_a_quarter = Whole(say("trainer", "Most teaching days a quarter"), [Optional()])
    passport_to = Day(say("trainer", "Passport valid to"), [Optional()])
    needs_release = BooleanField(say("trainer", "His agency lets him go by a letter each time"))
    note = TextAreaField(say("trainer", "Note"), [Length(max=1000)], render_kw={"rows": "2"})


class WorkshopForm(Form):
    """A workshop for trainers."""

    day = Day(say("trainer", "Last day of the workshop"), [InputRequired(A_DAY)])
    note = StringField(say("trainer", "Where, which"), [Length(max=300)])


class ObserveForm(Form):
    """An assessor for one of his sessions."""

    session = SelectField(say("trainer", "Session"), [Optional()])
    assessor = SelectField(say("trainer", "Assessor"), [DataRequired(say("trainer", "Choose an assessor."))])
    day = Day(say("trainer", "Day"), [InputRequired(A_DAY)])
    note = StringField(say("trainer", "What is watched"), [Length(max=300)])


class SignForm(Form):
    """What the assessor saw."""

    result = SelectField(say("trainer", "Result"))
    day = Day(say("trainer", "Watched on"), [InputRequired(A_DAY)])
    note = TextAreaField(say("trainer", "What was good, what to work on"), [Length(max=2000)], render_kw={"rows": "3"})


class AccreditForm(Form):
    """A course that he may teach, by an order."""

    course = SelectField(say("trainer", "Course"), [DataRequired(say("trainer", "Choose a course."))])
    level = SelectField(say("trainer", "Highest role"))
    valid_from = Day(say("trainer", "From"), [InputRequired(A_DAY)])
    valid_to = Day(say("trainer", "Last day"), [Optional()])
    document = StringField(say("trainer", "Order"), [Length(max=200)])


class WithdrawForm(Form):
    """An accreditation that is taken back."""

    day = Day(say("trainer", "From"), [InputRequired(A_DAY)])
    why = StringField(say("trainer", "Reason, with the number of the order"), [Length(max=500)])


class LanguageForm(Form):
    """How well he speaks a language."""

    language = SelectField(say("trainer", "Language"))
    level = SelectField(say("trainer", "Level"))


class AbsenceForm(Form):
    """When he cannot come."""

    kind = SelectField(say("absence", "Why"))
    first = Day(say("absence", "First day"), [Optional()])
    last = Day(say("absence", "Last day"), [Optional()])
    begins = Hour(say("absence", "From, o'clock"), [Optional()])
    ends = Hour(say("absence", "To, o'clock"), [Optional()])
    note = StringField(say("absence", "Note"), [Length(max=300)])


class ShiftForm(AbsenceForm):
    """The same, repeated as a duty roster is."""

    every = Whole(say("absence", "Again every so many days"), [Optional()])
    until = Day(say("absence", "Until"), [Optional()])


class PermitForm(Form):
    """A visa, or a clearance for a site."""

    country = SelectField(say("trainer", "Visa for"), [Optional()])
    office = SelectField(say("trainer", "Or clearance for"), [Optional()])
    valid_from = Day(say("trainer", "From"), [InputRequired(A_DAY)])
    valid_to = Day(say("trainer", "Last day"), [Optional()])
    document = StringField(say("trainer", "Number"), [Length(max=200)])


class LetterForm(Form):
    """A release letter that was asked for."""

    first = Day(say("trainer", "Away from"), [InputRequired(A_DAY)])
    last = Day(say("trainer", "To"), [InputRequired(A_DAY)])
    asked_on = Day(say("trainer", "Asked on"), [InputRequired(A_DAY)])


class AnswerForm(Form):
    """What his agency answered."""

    given = SelectField(say("trainer", "Answer"))
    day = Day(say("trainer", "On"), [InputRequired(A_DAY)])
    document = StringField(say("trainer", "Number of the letter"), [Length(max=200)])


class PairForm(Form):
    """Whom he teaches with."""

    other = SelectField(say("trainer", "Trainer"), [DataRequired(say("trainer", "Choose a trainer."))])
    kind = SelectField(say("trainer", "What holds"))
    reason = StringField(say("trainer", "Reason"), [Length(max=300)])


class LeaveForm(Form):
    """The day on which he leaves the pool."""

    day = Day(say("trainer", "Out of the pool from"), [InputRequired(A_DAY)])


class RowForm(Form):
    """A deed about a row that asks nothing more."""


class PreferForm(Form):
    """What he would rather teach."""

    mode = SelectField(say("trainer", "I would rather teach"))
    until = Day(say("trainer", "Until"), [Optional()])


class ConsentForm(Form):
    """What planners of other countries see of him."""

    shown = SelectField(say("trainer", "Planners of other countries see"))


class Ticks(SelectMultipleField):
    """Points of a list, each with a box to tick."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


class ConnectionForm(Form):
    """The points of the test of PC and line."""

    points = Ticks(say("connection test", "Points"), validate_choice=False)


class EntryForm(Form):
    """Days for a visa between two countries."""

    origin = SelectField(say("trainer", "Officers of"), [DataRequired(say("trainer", "Choose a country."))])
    goal = SelectField(say("trainer", "Go to"), [DataRequired(say("trainer", "Choose a country."))])
    lead_days = Whole(say("trainer", "Days for the visa"), [InputRequired(say("trainer", "Give a number of days from 0 to 365."))])


class WayForm(Form):
    """Days and cost of the way between two places."""

    origin = SelectField(say("trainer", "From"), [DataRequired(say("trainer", "Choose an office."))])
    goal = SelectField(say("trainer", "To"), [DataRequired(say("trainer", "Choose an office."))])
    days = Whole(say("trainer", "Days, one way"), [InputRequired(say("trainer", "Give a number of days from 0 to 14."))])
    cost = Whole(say("trainer", "Cost, both ways"), [InputRequired(say("trainer", "Give the cost as a whole number, 0 or more."))])


def choices(words: Mapping[str, errors.Message]) -> list[tuple[str, str]]:
    """The rows of a table of words as the options of a select."""
    return [(key, said(word)) for key, word in words.items()]
