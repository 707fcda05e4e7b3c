"""Shape of input on the pages of people."""

from __future__ import annotations

from typing import Any

from wtforms import BooleanField, HiddenField, PasswordField, RadioField, SelectField, StringField
from wtforms.fields.choices import SelectChoice as SelectChoice  # type: ignore[attr-defined]  # newer than its types
from wtforms.validators import DataRequired, Length

from app import errors
from app.forms import Form
from app.i18n import LANGUAGES

say: Any = errors.say  # WTForms takes labels for text: the page says them in its language

LONG = Length(max=200)
SECRET = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}


class PinForm(Form):
    """A trainee at a seat."""

    agency = HiddenField()
    service_number = StringField(
        say("signin", "Service number"), [DataRequired(), Length(max=40)], render_kw={"autocomplete": "off", "spellcheck": "false"},
    )
    pin = PasswordField(
        say("signin", "PIN"), [DataRequired(), LONG], render_kw=SECRET | {"inputmode": "numeric", "maxlength": "6"},
    )
    next = HiddenField()


class PasswordForm(Form):
    """Anybody with a password."""

    name = StringField(say("signin", "User name or service number"), [DataRequired(), LONG], render_kw=SECRET)
    password = PasswordField(say("signin", "Password"), [DataRequired(), LONG], render_kw=SECRET)
    agency = SelectField(say("signin", "Agency"), validate_choice=False)
    next = HiddenField()


class CodeForm(Form):
    """A code of the telephone app, or a recovery code."""

    code = StringField(
        say("signin", "Code"), [DataRequired(), Length(max=20)], render_kw={"autocomplete": "one-time-code", "spellcheck": "false"},
    )


class NewPasswordForm(Form):
    """A password of one's own, twice."""

    new = PasswordField(say("signin", "New password"), [DataRequired(), LONG], render_kw={"autocomplete": "new-password"})
    again = PasswordField(say("signin", "The same once more"), [DataRequired(), LONG], render_kw={"autocomplete": "new-password"})


class ChangePasswordForm(NewPasswordForm):
    """The same, after the one in use."""

    current = PasswordField(say("signin", "Password in use"), [DataRequired(), LONG], render_kw=SECRET)


class PreferencesForm(Form):
    """What a person chooses for all his pages."""

    language = RadioField(say("settings", "Language"), choices=[SelectChoice(tag, known.name) for tag, known in LANGUAGES.items()])
    text_size = RadioField(
        say("settings", "Text size"),
        choices=[
            SelectChoice("normal", say("settings", "normal")), SelectChoice("large", say("settings", "large")), SelectChoice("larger", say("settings", "larger")),
        ],
    )
    contrast = RadioField(
        say("settings", "Contrast"),
        choices=[
            SelectChoice("normal", say("settings", "normal")), SelectChoice("high", say("settings", "high")), SelectChoice("dark", say("settings", "dark")),
        ],
    )
    spacing = RadioField(
        say("settings", "Space between letters and lines"),
        choices=[SelectChoice("normal", say("settings", "normal")), SelectChoice("wide", say("settings", "wide"))],
    )
    keys = BooleanField(say("settings", "Single keys are short cuts: / searches, g and a letter goes to a section"))
