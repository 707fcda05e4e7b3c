"""The one base form: our own translations, stripped text, and errors as messages."""

from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm
from wtforms import Field

from app import i18n
from app.errors import Invalid, say

# What the fields and validators of our forms say by themselves, named here so that the catalogues have it.
OF_WTFORMS = (
    say("form", "This field is required."),
    say("form", "Not a valid choice."),
    say("form", "Invalid Choice: could not coerce."),
    say("form", "Invalid choice(s): one or more data inputs could not be coerced."),
    say("form", "Not a valid date value."),
    say("form", "Not a valid integer value."),
    say("form", "Number must be between %(min)s and %(max)s."),
    i18n.nt("form", "Field cannot be longer than %(max)d character.", "Field cannot be longer than %(max)d characters.", 1),
    i18n.nt("form", "'%(value)s' is not a valid choice for this field.", "'%(value)s' are not valid choices for this field.", 1),
)


class _Texts:
    """WTForms' own messages, from our catalogues: its packages lack most of our languages."""

    def gettext(self, text: str) -> str:
        return i18n.t("form", text)

    def ngettext(self, one: str, many: str, n: int) -> str:
        return i18n.catalogue(i18n.language()).unpgettext("form", one, many, n)


class Form(FlaskForm):
    """Shape of input. Labels and hints are Messages: they are said in the page's language when the page is made."""

    class Meta(FlaskForm.Meta):
        """Settings that WTForms reads."""

        def get_translations(self, _form: Any) -> _Texts:
            """Our catalogues."""
            return _Texts()

        def bind_field(self, form: Any, unbound: Any, options: dict[str, Any]) -> Field:
            """Text fields lose blanks at both ends, as they come from copying."""
            options.setdefault("filters", [_stripped])
            bound: Field = unbound.bind(form=form, **options)
            return bound

    def show(self, refused: Invalid) -> None:
        """Put the reasons of a refusal on the fields they are about; the rest stands above the form."""
        for name, message in refused.fields.items():
            if name in self._fields:
                self._fields[name].errors = [*self._fields[name].errors, i18n.say(message)]
        if not refused.fields:
            self.form_errors.append(i18n.say(refused.message))


def _stripped(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value
