"""Forms of the office tree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wtforms import IntegerField, SelectField, SelectMultipleField, StringField
from wtforms.validators import Length, Optional

from app import errors
from app.forms import Form

say: Any = errors.say  # WTForms takes labels for text: the page says them in its language


class NamesForm(Form):
    """A name in the languages of the interface; at least one is needed."""

    name_en = StringField(say("office", "Name in English"), [Length(max=120)])
    name_ru = StringField(say("office", "Name in Russian"), [Length(max=120)])
    name_kk = StringField(say("office", "Name in Kazakh"), [Length(max=120)])
    name_prs = StringField(say("office", "Name in Dari"), [Length(max=120)])

    def names(self) -> dict[str, str]:
        """The names by language, empty ones too: they take a name away."""
        return {tag: self._fields[f"name_{tag}"].data or "" for tag in ("en", "ru", "kk", "prs")}

    def fill(self, names: Mapping[str, str]) -> None:
        """Put known names into the fields."""
        for tag in ("en", "ru", "kk", "prs"):
            self._fields[f"name_{tag}"].data = names.get(tag, "")


class EditOfficeForm(NamesForm):
    """What may change about an office."""

    zone = StringField(say("office", "Time zone"), [Length(max=60)])
    crossing = SelectField(say("office", "Crossing"))
    paired = SelectField(say("office", "Faces this office over the border"))
    contact = StringField(say("office", "Who to ask, with a telephone number"), [Length(max=200)])
    clearance = StringField(say("office", "Clearance that trainers from elsewhere need"), [Length(max=80)])


class OfficeForm(EditOfficeForm):
    """A new office."""

    code = StringField(say("office", "Code"), [Length(max=39)])
    kind = SelectField(say("office", "Kind"))


class CountryForm(NamesForm):
    """A country with its centre."""

    code = StringField(say("office", "Code"), [Length(max=2)])
    zone = StringField(say("office", "Time zone"), [Length(max=60)])
    languages = SelectMultipleField(say("office", "Languages of its certificates"))


class ClassroomForm(NamesForm):
    """A classroom and its number of seats."""

    seats = IntegerField(say("office", "Seats"), [Optional()])
    capacity = IntegerField(say("office", "People who find room"), [Optional()])


class AgencyForm(NamesForm):
    """An agency of a country."""

    hint_en = StringField(say("office", "What its service numbers look like, in English"), [Length(max=120)])
    hint_ru = StringField(say("office", "What its service numbers look like, in Russian"), [Length(max=120)])
    hint_kk = StringField(say("office", "What its service numbers look like, in Kazakh"), [Length(max=120)])

    def hints(self) -> dict[str, str]:
        """The hints by language."""
        return {tag: self._fields[f"hint_{tag}"].data or "" for tag in ("en", "ru", "kk")}


class NewAgencyForm(AgencyForm):
    """An agency that is new."""

    country = SelectField(say("office", "Country"))
    code = StringField(say("office", "Code"), [Length(max=20)])
