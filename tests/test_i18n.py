"""Numbers, dates, plurals and moments as each language writes them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from fractions import Fraction

import pytest
from flask import Flask
from markupsafe import Markup

from app import i18n
from app.errors import say

NBSP = "\N{NO-BREAK SPACE}"
DAY = date(2026, 11, 5)


@pytest.mark.goal("LNG-04")
@pytest.mark.parametrize(
    ("tag", "number", "share", "day"),
    [
        ("en", "1,234,567.89", f"86{NBSP}%", "5 Nov 2026"),
        ("ru", f"1{NBSP}234{NBSP}567,89", f"86{NBSP}%", f"5 нояб. 2026{NBSP}г."),
        ("kk", f"1{NBSP}234{NBSP}567,89", f"86{NBSP}%", f"2026{NBSP}ж. 5 қар."),
        ("prs", "1,234,567.89", f"86{NBSP}%", "5 نومبر 2026"),
    ],
)
def test_numbers_and_dates_follow_cldr(tag: str, number: str, share: str, day: str) -> None:
    """Numbers and dates are written as CLDR says for the language; for Dari with the months in use there."""
    with i18n.speaking(tag):
        assert i18n.number(1234567.89, 2) == number
        assert i18n.percent(Fraction(86, 100)) == share
        assert i18n.day(DAY) == day


@pytest.mark.goal("LNG-04")
@pytest.mark.parametrize("tag", list(i18n.LANGUAGES))
def test_papers_for_signature_write_days_alike(tag: str) -> None:
    """Forms for signature print dd.mm.yyyy in every language."""
    with i18n.speaking(tag):
        assert i18n.day(DAY, "form") == "05.11.2026"


@pytest.mark.goal("LNG-04")
@pytest.mark.parametrize(("n", "word"), [(1, "one"), (21, "one"), (101, "one"), (2, "few"), (22, "few"), (0, "many"), (5, "many"), (11, "many"), (25, "many")])
def test_russian_counts_with_three_plural_forms(n: int, word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """1, 21, 101 take the first form; 2, 22 the second; 0, 5, 11, 25 the third."""
    forms = {0: "one", 1: "few", 2: "many"}
    real = i18n.catalogue("ru")

    assert forms[real.plural(n)] == word  # type: ignore[attr-defined]


@pytest.mark.goal("XCT-14")
def test_times_name_their_zone() -> None:
    """A moment is stored in UTC, shown in a zone, and says which where people of several zones meet."""
    moment = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)

    assert i18n.moment(moment, "Asia/Bishkek", named=True) == "24 Nov 2026, 10:00 UTC+6"
    assert i18n.moment(moment, "Asia/Kabul", named=True) == "24 Nov 2026, 08:30 UTC+4:30"
    assert i18n.moment(moment, "Asia/Almaty") == "24 Nov 2026, 09:00"
    assert i18n.moment(datetime(2024, 2, 1, 4, 0, tzinfo=UTC), "Asia/Almaty", named=True) == "1 Feb 2024, 10:00 UTC+6"


def test_values_in_a_text_with_markup_are_escaped() -> None:
    """A name with an angle bracket does not become a tag because a key cap stands beside it."""
    text = i18n.t("test", "Press {key}, {name}", key=Markup("<kbd>Enter</kbd>"), name="<b>")

    assert text == "Press <kbd>Enter</kbd>, &lt;b&gt;"


def test_a_short_name_ends_a_sentence_with_one_full_stop() -> None:
    """"Bekova A." brings its own; whatever else keeps the sentence's."""
    assert i18n.say(say("test", "Kept: {name}. Next.", name="Bekova A.")) == "Kept: Bekova A. Next."
    assert i18n.say(say("test", "Kept: {name}. Next.", name="Bekova")) == "Kept: Bekova. Next."
    assert i18n.say(say("test", "{name} is kept.", name="Bekova A.")) == "Bekova A. is kept."


def test_a_name_in_several_languages_is_shown_in_the_pages_or_a_near_one() -> None:
    """The page's language, else Russian, English, any: never nothing."""
    with i18n.speaking("kk"):
        assert [i18n.pick(names) for names in ({"kk": "Қ", "ru": "К"}, {"ru": "К", "en": "C"}, {"uz": "X"}, {})] == ["Қ", "К", "X", ""]


def test_messages_carry_their_numbers_into_the_language() -> None:
    """A message made by a rule is said with the language's own digits grouping."""
    with i18n.speaking("ru"):
        assert i18n.say(say("test", "{n} people", n=12345)) == f"12{NBSP}345 people"


def test_the_language_of_a_page_is_the_visitors(app: Flask) -> None:
    """Without a choice the browser's language is used; Dari by the name that browsers have for it."""
    found = []
    for wish in ("kk-KZ,ru;q=0.5", "fa-AF", "de", ""):
        with app.test_request_context(headers={"Accept-Language": wish} if wish else {}):
            found.append(i18n.language())

    assert found == ["kk", "prs", "en", "en"]
