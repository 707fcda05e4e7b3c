"""What stands on a certificate in its own language: dates, numerals, hours, percentages. The viewer's language is nobody's business here.

Call it inside `i18n.speaking(language of the certificate)`.
"""

from __future__ import annotations

import re
from datetime import date
from fractions import Fraction

from app import i18n
from app.certificates.rules import Kind, State
from app.db import MICRO
from app.errors import Message, say
from app.i18n import nt

KINDS: dict[str, Message] = {
    Kind.COMPLETED: say("certificate", "successfully completed"),
    Kind.PARTICIPATED: say("certificate", "participated"),
}
STATES: dict[str, Message] = {
    State.ISSUED: say("certificate", "in force"),
    State.SUSPENDED: say("certificate", "suspended"),
    State.REVOKED: say("certificate", "revoked"),
    State.REPLACED: say("certificate", "replaced"),
    State.VOIDED: say("certificate", "void"),
}

_DARI_DIGITS = str.maketrans("0123456789%", "۰۱۲۳۴۵۶۷۸۹٪")


def numerals(text: str) -> str:
    """A text with the numerals of the language."""
    return text.translate(_DARI_DIGITS).replace("\N{NO-BREAK SPACE}٪", "٪") if i18n.language() == "prs" else text


def long_day(value: date) -> str:
    """A day with its month in words."""
    return numerals(_day(value))


def _day(value: date) -> str:
    return i18n.day(value, "long").replace("\N{NARROW NO-BREAK SPACE}", "\N{NO-BREAK SPACE}")  # which our serif shows as nothing


def period(first: date, last: date) -> str:
    """From a day to a day, as short as the language can say it: "23–26 November 2026"."""
    if first == last:
        return long_day(first)
    joint = " تا " if i18n.language() == "prs" else "\N{EN DASH}"
    if (first.year, first.month) == (last.year, last.month):
        days = f"{first.day}{joint}{last.day}"
        return numerals(re.sub(rf"(?<!\d){last.day}(?!\d)", days, _day(last), count=1))
    return long_day(first) + (joint if joint.strip() != joint else f" {joint} ") + long_day(last)


def hours(n: int) -> str:
    """How long a course is."""
    return numerals(nt("paper", "{n} academic hour", "{n} academic hours", n))


def result(millionths: int) -> str:
    """The result of the final test; downwards, so that nobody reads a mark that was not reached."""
    return numerals(i18n.percent(Fraction(millionths * 100 // MICRO, 100)))
