"""Shape of input on the pages of offers."""

from __future__ import annotations

from typing import Any

from wtforms import DateField, TextAreaField
from wtforms.validators import Length, Optional

from app import errors
from app.forms import Form

say: Any = errors.say  # WTForms takes labels for text: the page says them in its language
LONGEST = 1000


class AcceptForm(Form):
    """Nothing to fill in: a press."""


class DeclineForm(Form):
    """Why not."""

    reason = TextAreaField(say("offer", "Why can you not come?"), [Length(max=LONGEST)])


class ProposeForm(Form):
    """What would do instead."""

    text = TextAreaField(say("offer", "What do you propose?"), [Length(max=LONGEST)])
    day = DateField(say("offer", "Another day"), [Optional()])


class AnswerForm(Form):
    """The planner's word on a proposal."""

    answer = TextAreaField(say("offer", "Your answer to the trainer"), [Length(max=LONGEST)])
