"""Forms of joining: inviting a class server, revoking it, quarantine; in the class the code, and the first password."""

from __future__ import annotations

from typing import Any

from flask_wtf.file import FileField
from wtforms import BooleanField, HiddenField, SelectField, StringField, TextAreaField
from wtforms.validators import Length

from app import errors
from app.forms import Form
from app.people.forms import NewPasswordForm

say: Any = errors.say  # WTForms takes labels for text: the page says them in its language


class InviteForm(Form):
    """A new class server."""

    classroom = SelectField(say("joining", "Classroom"), validate_choice=False)
    title = StringField(say("joining", "Name for people"), [Length(max=120)])
    code = StringField(say("joining", "Short name"), [Length(max=40)], render_kw={"autocomplete": "off", "spellcheck": "false"})
    replaces = SelectField(say("joining", "It takes the place of"), validate_choice=False)


class ComparedForm(Form):
    """The word of a person that two fingerprints are the same."""

    compared = BooleanField(say("joining", "I have compared all 16 signs with the other side, and they are the same."))


class LetterForm(Form):
    """A letter on a stick."""

    file = FileField(say("joining", "File of the request"))


class AnswerForm(Form):
    """The centre's letter on a stick."""

    file = FileField(say("joining", "File of the answer"))


class SnapshotForm(Form):
    """The first bundle on a stick."""

    file = FileField(say("joining", "File of the snapshot"))


class RevokeForm(Form):
    """What happened to a class server."""

    why = TextAreaField(say("joining", "What happened"), [Length(max=500)], render_kw={"rows": "3"})
    sure = BooleanField(say("joining", "This server is not to be trusted any more."))


class QuarantineForm(Form):
    """One person's word about what is in quarantine."""

    reason = TextAreaField(say("joining", "Why"), [Length(max=500)], render_kw={"rows": "2"})
    hash = HiddenField()


class CodeForm(Form):
    """The code from the paper, in the class."""

    code = StringField(say("joining", "Code"), [Length(max=40)], render_kw={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "characters"})
    address = StringField(say("joining", "Address of the centre"), [Length(max=200)], render_kw={"autocomplete": "off", "spellcheck": "false"})


class FirstAccountForm(NewPasswordForm):
    """The first sign-in of a class manager at a new class server."""

    person = SelectField(say("joining", "Who"), validate_choice=False)
    user_name = StringField(say("joining", "User name"), [Length(max=80)], render_kw={"autocomplete": "username", "spellcheck": "false"})
