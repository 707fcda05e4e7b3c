"""The words of papers in all languages, for tests that look at a paper: they must not wait for the catalogues."""

from __future__ import annotations

from pathlib import Path

import babel

from app.i18n import LANGUAGES

ROWS = Path(__file__).with_name("paper.tsv").read_text(encoding="utf-8").splitlines()[1:]


class Words:
    """A catalogue made of one column of paper.tsv."""

    def __init__(self, tag: str) -> None:
        self.tag, self.texts = tag, {}
        column = {"en": 1, "ru": 2, "kk": 3, "prs": 4}[tag]
        for row in ROWS:
            cells = row.split("\t")
            self.texts[cells[0], cells[1].split("|")[0]] = cells[column].split("|")

    def upgettext(self, context: str, text: str) -> str:
        """A text."""
        return self.texts.get((context, text), [text])[0]

    def unpgettext(self, context: str, one: str, many: str, n: int) -> str:
        """A text that counts."""
        forms = self.texts.get((context, one), [one, many])
        wanted = {"one": 0, "few": 1, "many": 2, "other": -1}[babel.Locale.parse(LANGUAGES[self.tag].locale).plural_form(n)]
        return forms[min(wanted, len(forms) - 1)]
