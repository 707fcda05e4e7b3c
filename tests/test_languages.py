"""Languages: every text goes through gettext, and English, Russian and Kazakh are complete."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tools import catalogues

TEMPLATES = Path(__file__).parent.parent / "app" / "templates"
NAMES = {"Sabaq"}  # the product's own name is the same in every language
SPOKEN = ("alt", "title", "aria-label", "placeholder")


class BareText(HTMLParser):
    """Collects the words that stand in a page outside {{ }}."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[int, str]] = []
        self.code = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Words in attributes that are read aloud count too."""
        self.code += tag in ("script", "style", "code", "kbd")
        for name, value in attrs:
            if name in SPOKEN and value and has_words(value):
                self.found.append((self.getpos()[0], value))

    def handle_endtag(self, tag: str) -> None:
        """Leave code."""
        self.code -= tag in ("script", "style", "code", "kbd")

    def handle_data(self, data: str) -> None:
        """Words between tags."""
        if not self.code and has_words(data):
            self.found.append((self.getpos()[0], data.strip()))


def has_words(text: str) -> bool:
    """Whether a text says something to a person: two letters in a row, names aside."""
    return any(word not in NAMES for word in re.findall(r"[^\W\d_]{2,}", text))


def without_jinja(source: str) -> str:
    """The template with comments, expressions and statements blanked, lines kept."""
    def blank(match: re.Match[str]) -> str:
        return "\n" * match[0].count("\n")

    source = re.sub(r"\{% block \w*class\w* %\}(?:[\w\s-]|\{\{.*?\}\})*\{% endblock %\}", blank, source)  # names of classes, not words
    return re.sub(r"\{#.*?#\}|\{\{.*?\}\}|\{%.*?%\}", blank, source, flags=re.S)


@pytest.mark.goal("LNG-01")
@pytest.mark.parametrize("path", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: path.relative_to(TEMPLATES).as_posix())
def test_no_template_holds_a_bare_string(path: Path) -> None:
    """Every word of a page goes through gettext."""
    parser = BareText()

    parser.feed(without_jinja(path.read_text(encoding="utf-8")))

    assert parser.found == []


@pytest.mark.goal("LNG-01")
@pytest.mark.parametrize("tag", catalogues.COMPLETE)
def test_russian_and_kazakh_are_complete(tag: str) -> None:
    """Every text has its translation with all plural forms and the same braces as the original."""
    assert catalogues.check((tag,)) == []


@pytest.mark.parametrize("tag", catalogues.COMPLETE + catalogues.PARTIAL)
def test_catalogues_hold_no_text_that_the_code_has_lost(tag: str) -> None:
    """A catalogue grows and shrinks with the code."""
    known = {(m.context, m.id if isinstance(m.id, str) else m.id[0]) for m in catalogues.template() if m.id}
    stored = {(m.context, m.id if isinstance(m.id, str) else m.id[0]) for m in catalogues.stored(tag) if m.id}

    assert stored - known == set()


def test_letters_of_russian_words_are_cyrillic() -> None:
    """No word of a Cyrillic catalogue mixes in a Latin letter that looks the same."""
    mixed = re.compile(r"\w*[а-яёәғқңөұүһі]\w*[a-z]\w*|\w*[a-z]\w*[а-яёәғқңөұүһі]\w*", re.I)
    texts = [(tag, text) for tag in catalogues.COMPLETE for m in catalogues.stored(tag) if m.id for text in catalogues._texts(m.string)]

    assert [(tag, found[0]) for tag, text in texts if (found := mixed.search(re.sub(r"\{.*?\}", " ", text)))] == []
