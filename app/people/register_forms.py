"""Forms of the people register."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask_wtf.file import FileField
from wtforms import DateField, Field, SelectField, StringField
from wtforms.validators import Length, Optional

from app import errors
from app.errors import Invalid, Message
from app.forms import Form
from app.i18n import say as said
from app.people.names import Name
from app.policy import Role

say: Any = errors.say  # WTForms takes labels for text: the page says them in its language

NOT_A_DAY = say("person", "Give a day, for example 2026-11-24.")
SCRIPTS = {"Cyrl": say("person", "Cyrillic"), "Latn": say("person", "Latin"), "Arab": say("person", "Arabic")}
GENDERS = {"": say("person", "not stated"), "f": say("person", "woman"), "m": say("person", "man")}
ROLES = {
    Role.TRAINEE: say("role", "trainee"), Role.CLASS_MANAGER: say("role", "class manager"), Role.TRAINER: say("role", "trainer"),
    Role.AUTHOR: say("role", "author"), Role.REVIEWER: say("role", "reviewer"), Role.TRAINING_OFFICER: say("role", "training officer"),
    Role.REGISTRAR: say("role", "registrar"), Role.MANAGER: say("role", "manager"), Role.OPERATOR: say("role", "Situation Center operator"),
    Role.COORDINATOR: say("role", "regional coordinator"), Role.AUDITOR: say("role", "auditor"), Role.ADMINISTRATOR: say("role", "administrator"),
}


class Day(DateField):
    """A day; says in our words when it is none."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read the day; what was typed stays in the field."""
        try:
            super().process_formdata(valuelist)
        except ValueError:
            raise ValueError(said(NOT_A_DAY)) from None


class NamesForm(Form):
    """A name in up to three scripts."""

    family_cyrl = StringField(say("person", "Family name, Cyrillic"), [Length(max=100)])
    given_cyrl = StringField(say("person", "Given name, Cyrillic"), [Length(max=100)])
    patronymic_cyrl = StringField(say("person", "Patronymic, Cyrillic"), [Length(max=100)])
    family_latn = StringField(say("person", "Family name, Latin"), [Length(max=100)])
    given_latn = StringField(say("person", "Given name, Latin"), [Length(max=100)])
    patronymic_latn = StringField(say("person", "Patronymic, Latin"), [Length(max=100)])
    family_arab = StringField(say("person", "Family name, Arabic script"), [Length(max=100)])
    given_arab = StringField(say("person", "Given name, Arabic script"), [Length(max=100)])
    patronymic_arab = StringField(say("person", "Patronymic, Arabic script"), [Length(max=100)])

    def names(self) -> dict[str, Name]:
        """The names given, by script. Raises Invalid where a script has a family name only, or no script has any."""
        found, missing = {}, {}
        for script in SCRIPTS:
            parts = {part: (self._fields[f"{part}_{script.lower()}"].data or "") for part in ("family", "given", "patronymic")}
            if not any(parts.values()):
                continue
            for part in ("family", "given"):
                if not parts[part]:
                    missing[f"{part}_{script.lower()}"] = say("person", "Give this part too: a name has a family name and a given name.")
            found[script] = Name(**parts)
        if not found:
            missing["family_cyrl"] = say("person", "Give the family name and the given name, in Cyrillic or in Latin letters.")
        if missing:
            raise Invalid(fields=missing)
        return found

    def fill(self, names: dict[str, Name]) -> None:
        """Put known names into the fields."""
        for script, name in names.items():
            for part in ("family", "given", "patronymic"):
                self._fields[f"{part}_{script.lower()}"].data = getattr(name, part)


class PersonForm(NamesForm):
    """Somebody who is taken into the register by hand."""

    agency = SelectField(say("person", "Agency"))
    service_number = StringField(say("person", "Service number"), [Length(max=40)])
    gender = SelectField(say("person", "Gender"))
    born_on = Day(say("person", "Birth date"), [Optional()])
    office = SelectField(say("person", "Office"))
    rank = StringField(say("person", "Rank"), [Length(max=100)])
    post = StringField(say("person", "Post"), [Length(max=200)])
    since = Day(say("person", "There since"), [Optional()])


class RenameForm(NamesForm):
    """Another name from a day on."""

    since = Day(say("person", "From"), [Optional()])
    reason = StringField(say("person", "Reason, with the number of the order"), [Length(max=300)])


class PostingForm(Form):
    """Another office, rank or post from a day on."""

    office = SelectField(say("person", "Office"))
    agency = SelectField(say("person", "Agency"))
    rank = StringField(say("person", "Rank"), [Length(max=100)])
    post = StringField(say("person", "Post"), [Length(max=200)])
    since = Day(say("person", "From"), [Optional()])


class LeaveForm(Form):
    """The last day in the service."""

    last_day = Day(say("person", "Last day in the service"), [Optional()])


class RoleForm(Form):
    """A role for an office and all below it."""

    role = SelectField(say("person", "Role"))
    office = SelectField(say("person", "For this office and all below it"))
    since = Day(say("person", "From"), [Optional()])
    until = Day(say("person", "Last day"), [Optional()])


class EndRoleForm(Form):
    """The last day of a role."""

    last_day = Day(say("person", "Last day"), [Optional()])


class UploadForm(Form):
    """A file with a staff list."""

    file = FileField(say("import", "Staff list as a file"))


def choose(field: SelectField, choices: Iterable[tuple[str, str]], empty: Message | None = None) -> None:
    """Give a select its choices; `empty` is shown when nothing is chosen."""
    field.choices = ([("", said(empty))] if empty else []) + list(choices)


def given(field: Field, why: Message = NOT_A_DAY) -> Any:
    """The value of a field that is needed. Raises Invalid when it is empty."""
    if field.data in (None, ""):
        raise Invalid(fields={field.name: why})
    return field.data
