"""Languages: which there are, which one a page is in, texts from the catalogues, numbers and dates as people write them."""

from __future__ import annotations

import io
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import babel
import babel.dates
import babel.lists
import babel.numbers
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations
from flask import Flask, g, has_request_context, request, session
from markupsafe import Markup, escape

from app.errors import Days, Message, Month, Tongue

FOLDER = Path(__file__).parent / "translations"


@dataclass(frozen=True)
class Language:
    """A language of the interface. `locale` is CLDR's name for it, where it differs from our tag."""

    tag: str
    name: str  # in itself
    locale: str
    rtl: bool = False


LANGUAGES = {
    language.tag: language
    for language in (
        Language("kk", "Қазақша", "kk"),
        Language("ru", "Русский", "ru"),
        Language("en", "English", "en_GB"),
        Language("prs", "دری", "fa_AF", rtl=True),
    )
}

# CLDR gives Dari the Iranian month names; these are the ones in use in Afghanistan for the Gregorian calendar.
DARI_MONTHS = ("جنوری", "فبروری", "مارچ", "اپریل", "می", "جون", "جولای", "اگست", "سپتمبر", "اکتوبر", "نومبر", "دسمبر")


@lru_cache
def catalogue(tag: str) -> Translations:
    """The texts of one language, read from its .po file at first use; empty where there is none."""
    path = FOLDER / tag / "LC_MESSAGES" / "messages.po"
    if not path.exists():
        return Translations()
    with path.open("rb") as file:
        messages = read_po(file, locale=None)
    compiled = io.BytesIO()
    write_mo(compiled, messages)
    compiled.seek(0)
    return Translations(fp=compiled)


class _Fill(string.Formatter):
    """Fills the braces of a text. Values that are not markup are escaped when the text is for HTML."""

    def get_value(self, key: int | str, args: Any, kwargs: Mapping[str, Any]) -> Any:
        return kwargs[str(key)]


_fill = _Fill()


def _say(text: str, params: Mapping[str, Any]) -> str:
    if not params:
        return text
    shown = {name: _shown(value) for name, value in params.items()}
    if "}." in text:  # a name like "Bekova A." at the end of a sentence: one full stop is enough
        for name, value in shown.items():
            if f"{{{name}}}." in text and isinstance(value, str) and value.endswith(".") and not value.endswith(".."):
                text = text.replace(f"{{{name}}}.", f"{{{name}}}")
    if any(isinstance(value, Markup) for value in shown.values()):
        return Markup(_fill.vformat(str(escape(text)), (), {k: escape(v) for k, v in shown.items()}))  # noqa: S704  (every part is escaped)
    return _fill.vformat(text, (), shown)


def _shown(value: Any) -> Any:
    if isinstance(value, Message):
        return say(value)
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, date):
        return day(value)
    if isinstance(value, Days):
        return day_range(value.first, value.last)
    if isinstance(value, Month):
        return month_name(value.first)
    if isinstance(value, Tongue):
        return tongue(value.tag)
    if isinstance(value, dict):  # a name kept in several languages
        return pick(value)
    return number(value) if isinstance(value, (int, Fraction)) and not isinstance(value, bool) else value


def t(context: str, text: str, **params: Any) -> str:
    """A text for people in the page's language. `context` says where it stands; `params` fill its {braces}."""
    found: str = catalogue(language()).upgettext(context, text)
    return _say(found, params) if params else found


def nt(context: str, one: str, many: str, n: int, **params: Any) -> str:
    """A text that counts something; {n} is the number, written as the language writes it."""
    return _say(catalogue(language()).unpgettext(context, one, many, n), {"n": n, **params})


def say(message: Message) -> str:
    """A message that was made where there is no page, in the page's language."""
    return t(message.context, message.text, **message.params)


# ---- which language --------------------------------------------------------------------------------------------------


def language() -> str:
    """The tag of the language that the page is in."""
    if not has_request_context():
        return _outside[-1]
    known: str | None = g.get("language")  # asked for with each text of a page
    if known is None:
        known = g.language = _choose()
    return known


def _choose() -> str:
    who = getattr(g, "who", None)
    for wish in (who.preference.language if who else None, session.get("language")):
        if wish in LANGUAGES:
            return str(wish)
    for wish in request.accept_languages.values():  # best first; "kk-KZ" asks for Kazakh, "fa-AF" for Dari
        tag = "prs" if wish.lower() in ("fa-af", "prs-af") else wish.lower().split("-")[0]
        if tag in LANGUAGES:
            return tag
    return _outside[0]


_outside = ["en"]


class speaking:
    """Another language for a while: a paper printed in the holder's language, a command."""

    def __init__(self, tag: str) -> None:
        self.tag = tag if tag in LANGUAGES else "en"

    def __enter__(self) -> None:
        if has_request_context():
            self.before = language()
            g.language = self.tag
        else:
            _outside.append(self.tag)

    def __exit__(self, *_: object) -> None:
        if has_request_context():
            g.language = self.before
        else:
            _outside.pop()


def locale(tag: str | None = None) -> babel.Locale:
    """CLDR's locale of a language."""
    return babel.Locale.parse(LANGUAGES[tag or language()].locale)


def pick(texts: Mapping[str, str], tag: str | None = None) -> str:
    """One text out of a name kept in several languages: the page's, else Russian, English, any."""
    for wish in (tag or language(), "ru", "en"):
        if texts.get(wish):
            return texts[wish]
    return next((text for text in texts.values() if text), "")


# ---- numbers and dates -----------------------------------------------------------------------------------------------


def number(value: int | float | Decimal | Fraction, digits: int | None = None) -> str:
    """A number as the language writes it; `digits` after the decimal sign."""
    if digits is None and type(value) is int and 0 <= value < 1000:
        return str(value)  # every language here writes these alike, and most numbers of a page are such
    if isinstance(value, Fraction):
        value = Decimal(value.numerator) / Decimal(value.denominator)
    pattern = None if digits is None else "#,##0" + ("." + "0" * digits if digits else "")
    return babel.numbers.format_decimal(value, format=pattern, locale=locale()).replace("-", "\N{EN DASH}")


def percent(part: int | float | Fraction, digits: int = 0) -> str:
    """A share of 1 as a percentage: 0.86 -> "86 %"."""
    return number(round(Fraction(part) * 100, digits) if digits else round(Fraction(part) * 100), digits) + "\N{NO-BREAK SPACE}%"


def day(value: date, style: str = "medium") -> str:
    """A day: "24 Nov 2026"; style "long" writes the month out, "brief" leaves the year out, "form" is dd.mm.yyyy
    for papers that are signed."""
    if style == "form":
        return value.strftime("%d.%m.%Y")
    if language() == "prs":
        return f"{value.day} {DARI_MONTHS[value.month - 1]}" + ("" if style == "brief" else f" {value.year}")
    if style == "brief":
        return babel.dates.format_skeleton("MMMd", value, locale=locale())
    # Not the format "medium": in Kazakh it writes 04 where all others, also that of several days, write 4.
    text = babel.dates.format_skeleton("yMMMd", value, locale=locale()) if style == "medium" else babel.dates.format_date(value, format=style, locale=locale())
    return text.replace("\N{NARROW NO-BREAK SPACE}", "\N{NO-BREAK SPACE}")  # which our fonts have


def day_range(first: date, last: date) -> str:
    """Days from a first to a last one: "12-14 May 2026"; one day alone where they are the same."""
    if first == last:
        return day(first)
    if language() == "prs":
        return f"{day(first)} \N{EN DASH} {day(last)}"
    text = str(babel.dates.format_interval(first, last, "yMMMd", locale=locale()))
    return text.replace("\N{THIN SPACE}", "").replace("\N{NARROW NO-BREAK SPACE}", "\N{NO-BREAK SPACE}")


def month_name(first: date) -> str:
    """A month with its year: "May 2026"."""
    if language() == "prs":
        return f"{DARI_MONTHS[first.month - 1]} {first.year}"
    if language() == "kk":  # the year comes first
        return str(babel.dates.format_skeleton("yMMMM", first, locale=locale())).replace("\N{NARROW NO-BREAK SPACE}", "\N{NO-BREAK SPACE}")
    return babel.dates.format_date(first, "LLLL y", locale=locale())


def tongue(tag: str) -> str:
    """A language by its name in the page's language: "Russian"."""
    known = locale().languages
    code = LANGUAGES[tag].locale if tag in LANGUAGES else tag
    return str(known.get(tag) or known.get(code) or tag)


def moment(value: datetime, zone: str | None = None, style: str = "medium", named: bool = False) -> str:
    """A day and a time of day in a zone (default: the viewer's); `named` adds which: "24 Nov 2026, 10:45 UTC+05:00"."""
    there = value.astimezone(ZoneInfo(zone or viewer_zone()))
    text = f"{day(there.date(), style)}, {there:%H:%M}"
    return f"{text} {offset(there)}" if named else text


def time_of_day(value: datetime, zone: str | None = None, seconds: bool = False) -> str:
    """10:42 or 10:42:07 in a zone (default: the viewer's)."""
    return value.astimezone(ZoneInfo(zone or viewer_zone())).strftime("%H:%M:%S" if seconds else "%H:%M")


def offset(there: datetime) -> str:
    """UTC+5, UTC+4:30."""
    minutes = int((there.utcoffset() or (there - there)).total_seconds()) // 60
    sign, minutes = ("+", minutes) if minutes >= 0 else ("\N{EN DASH}", -minutes)
    return "UTC" + (f"{sign}{minutes // 60}" + (f":{minutes % 60:02d}" if minutes % 60 else "") if minutes else "")


def listing(items: Iterable[str]) -> str:
    """A, B and C as the language joins them."""
    return babel.lists.format_list([str(item) for item in items], locale=locale())


def viewer_zone() -> str:
    """The time zone of who looks at the page: his office's, else the node's."""
    who = getattr(g, "who", None) if has_request_context() else None
    return who.zone if who else _zone[0]


_zone = ["UTC"]


def at_home(zone: str, language: str) -> None:
    """The node's own zone and language, for what is said where nobody looks at a page."""
    _zone[0], _outside[0] = zone, language


def install(app: Flask) -> None:
    """Give templates the functions above, and set the node's own zone and language."""
    at_home(app.config["ZONE"], app.config["DEFAULT_LANGUAGE"])
    app.jinja_env.globals.update(
        t=t, nt=nt, say=say, pick=pick, number=number, percent=percent, day=day, moment=moment,
        day_range=day_range, month_name=month_name, tongue=tongue, time_of_day=time_of_day, listing=listing, language=language, LANGUAGES=LANGUAGES,
    )
