"""Question pages without the product round them: rendered by its templates, read as a browser without script reads them."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from playwright.sync_api import Page

from app import i18n

APP = Path(i18n.__file__).parent
TEMPLATES = Environment(
    loader=FileSystemLoader(APP / "templates"), undefined=StrictUndefined, autoescape=True, trim_blocks=True, lstrip_blocks=True,
)
TEMPLATES.globals.update(t=i18n.t, nt=i18n.nt, number=i18n.number, percent=i18n.percent, media=lambda file: f"/media/{file}")


def rendered(part: str, shown: dict[str, Any], name: str = "q1") -> str:
    """A question as `page`, `print` or `review` shows it."""
    return TEMPLATES.get_template(f"questions/{part}/{shown['type']}.html").render(q=shown, name=name)


class Form(HTMLParser):
    """The fields that a browser would send for a page that nobody has touched, and every choice it offers."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.fields: list[tuple[str, str]] = []
        self.offered: set[tuple[str, str]] = set()
        self.unlabelled: list[str] = []
        self._select = ""
        self._area = ""
        self._inert = 0  # inside <template>: for scripts only
        self._labels: set[str] = set()
        self._in_label = 0
        self._waiting: list[str] = []
        self.feed(html)
        self.unlabelled += [one for one in self._waiting if one not in self._labels]

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        name, value = given.get("name") or "", given.get("value") or ""
        self._inert += tag == "template"
        if self._inert:
            return
        if tag == "label":
            self._in_label += 1
            self._labels.add(given.get("for") or "")
        if tag == "textarea":
            self._area = name
            self.offered.add((name, ""))
            self.fields.append((name, ""))
        if tag in ("input", "select", "textarea") and given.get("type") != "hidden" and not self._in_label and not given.get("aria-label") and not given.get("aria-labelledby"):
            self._waiting.append(given.get("id") or name)
        if tag == "select":
            self._select = name
        elif tag == "option":
            self.offered.add((self._select, value))
            if "selected" in given:
                self.fields.append((self._select, value))
        elif tag == "input":
            self.offered.add((name, value))
            if given.get("type") not in ("radio", "checkbox") or "checked" in given:
                self.fields.append((name, value))

    def handle_data(self, data: str) -> None:
        if self._area:
            name, before = self.fields[-1]
            self.fields[-1] = name, before + data

    def handle_endtag(self, tag: str) -> None:
        self._area = "" if tag == "textarea" else self._area
        self._inert -= tag == "template"
        self._in_label -= tag == "label" and not self._inert


def give(page: Page, field: str, value: str) -> None:
    """One field with the keys alone, from wherever the focus is."""
    focused = "document.activeElement"
    for _ in range(60):
        if page.evaluate(f"([field, value]) => {focused}.name === field && ({focused}.type !== 'checkbox' || {focused}.value === value)", [field, value]):
            break
        page.keyboard.press("Tab")
    else:
        raise AssertionError(f"the keyboard does not reach {field}")
    kind = page.evaluate(f"{focused}.type")
    if kind == "checkbox":
        page.keyboard.press("Space")
    elif kind == "radio":
        if not page.evaluate(f"{focused}.checked"):
            page.keyboard.press("Space")
        for _ in range(30):  # round a group; in a picture down a column, then along a row
            here = page.evaluate(f"{focused}.value")
            if here == value:
                break
            picture = field.endswith(".cell")
            page.keyboard.press("ArrowRight" if picture and here[1:] == value[1:] else "ArrowDown")
        if page.evaluate(f"{focused}.closest('[data-step]') !== null"):
            page.keyboard.press("Enter")
    elif kind == "select-one":
        for _ in range(30):
            if page.evaluate(f"{focused}.value") == value:
                break
            page.keyboard.press("ArrowDown")
    else:
        page.keyboard.type(value)
