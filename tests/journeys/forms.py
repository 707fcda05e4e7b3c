"""A person at a browser without script: reads pages, fills in their forms, presses their buttons; what he types is counted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict

from tests.quizzes.rows import Hands

MINUTE = 60


@dataclass
class Form:
    """A form as the page offers it: where it goes, what it holds, its buttons."""

    action: str
    method: str
    values: MultiDict[str, str] = field(default_factory=MultiDict)  # what is sent when nothing is touched
    offered: dict[str, list[str]] = field(default_factory=dict)  # choices of selects, radios, boxes
    kinds: dict[str, str] = field(default_factory=dict)
    labels: dict[tuple[str, str], str] = field(default_factory=dict)  # (select, value) -> words
    buttons: list[tuple[str, str, str, str]] = field(default_factory=list)  # name, value, words, other action

    def option(self, name: str, words: str) -> str:
        """The value of the choice that says so."""
        found = [value for (control, value), said in self.labels.items() if control == name and words in said]
        assert found, f"{name} offers no {words}: {[said for (control, _), said in self.labels.items() if control == name]}"
        return found[0]


class _Reader(HTMLParser):
    """Forms of a page, with the controls that stand outside and name their form."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.address, self.forms, self.by_id = address, [], {}
        self.open: Form | None = None
        self.later: list[tuple[str, Any]] = []
        self.select: tuple[Form, str, bool] | None = None
        self.option: tuple[str | None, bool] | None = None
        self.area: tuple[Form, str] | None = None
        self.button: list[Any] | None = None
        self.words = ""

    def _form_of(self, at: Mapping[str, str | None]) -> Form | None:
        if at.get("form"):
            return self.by_id.setdefault(str(at["form"]), Form("", "GET"))
        return self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A control, kept with its form."""
        at = dict(attrs)
        name, value = at.get("name") or "", at.get("value") or ""
        if tag == "form":
            form = self.by_id.setdefault(str(at["id"]), Form("", "GET")) if at.get("id") else Form("", "GET")
            form.action, form.method = at.get("action") or self.address, (at.get("method") or "get").upper()
            self.open = form
            self.forms.append(form)
            return
        form = self._form_of(at)
        if form is None or "disabled" in at:
            return
        if tag == "input" and name:
            kind = at.get("type") or "text"
            form.kinds[name] = kind
            if kind in ("radio", "checkbox"):
                form.offered.setdefault(name, []).append(value or "on")
                if "checked" in at:
                    form.values.add(name, value or "on")
            elif kind == "submit":
                form.buttons.append((name, value, value, at.get("formaction") or ""))
            elif kind != "file":
                form.values.add(name, value)
        elif tag == "select":
            form.kinds[name] = "select"
            self.select = (form, name, "multiple" in at)
            form.offered.setdefault(name, [])
        elif tag == "option" and self.select:
            self.option, self.words = (at.get("value"), "selected" in at), ""
        elif tag == "textarea":
            form.kinds[name], self.area, self.words = "textarea", (form, name), ""
        elif tag == "button" and at.get("type") != "button":
            self.button, self.words = [form, name, value, at.get("formaction") or ""], ""

    def handle_data(self, data: str) -> None:
        """Words of an option, a button or a text area."""
        self.words += data

    def handle_endtag(self, tag: str) -> None:
        """The end of a control."""
        if tag == "form":
            self.open = None
        elif tag == "option" and self.option and self.select:
            (form, name, _), (value, selected) = self.select, self.option
            said = " ".join(self.words.split())
            value = said if value is None else value
            form.offered[name].append(value)
            form.labels[name, value] = said
            if selected:
                form.values.add(name, value)
            self.option = None
        elif tag == "select" and self.select:
            form, name, several = self.select
            if not several and name not in form.values and form.offered[name]:
                form.values.add(name, form.offered[name][0])
            self.select = None
        elif tag == "textarea" and self.area:
            self.area[0].values.add(self.area[1], re.sub(r"^\r?\n", "", self.words))  # HTML drops one
            self.area = None
        elif tag == "button" and self.button:
            form, name, value, action = self.button
            form.buttons.append((name, value, " ".join(self.words.split()), action))
            self.button = None


@dataclass
class Page:
    """What an address answered."""

    address: str
    status: int
    body: bytes

    @property
    def html(self) -> str:
        """Its source."""
        return self.body.decode("utf-8", "replace")

    @property
    def text(self) -> str:
        """Its words."""
        return words(self.html)

    @property
    def forms(self) -> list[Form]:
        """Its forms."""
        reader = _Reader(self.address)
        reader.feed(self.html)
        return reader.forms

    def form(self, *, to: str = "", button: str = "", holds: str = "") -> Form:
        """The form that goes to an address, has a button that says so, or holds a value."""
        path = urlsplit(self.address).path
        found = [
            one for one in self.forms
            if one.method == "POST" and (not to or (urlsplit(one.action).path or path).endswith(to)) and (not button or any(button in said for *_, said, _ in one.buttons))
            and (not holds or holds in one.values.values() or any(holds == value for _, value, *_ in one.buttons))
        ]
        assert found, f"{self.address} has no form {to} {button}: {[(one.action, [b[2] for b in one.buttons]) for one in self.forms]}"
        return found[0]

    def link(self, name: str) -> str:
        """Where a link leads that says so."""
        for address, inside in re.findall(r'<a\b[^>]*?href="([^"]+)"[^>]*>(.*?)</a>', self.html, re.S):
            if name in words(inside):
                return str(address).replace("&amp;", "&")
        raise AssertionError(f"{self.address} has no link {name}")


def words(html: str) -> str:
    """What a page says, without its marks."""
    import html as entities

    html = re.sub(r"<(script|style|svg)\b.*?</\1>", " ", html, flags=re.S)
    return re.sub(r"\s+", " ", entities.unescape(re.sub(r"<[^>]+>", " ", html))).strip()


@dataclass
class Typed:
    """Something that a person wrote or chose otherwise than the page had it."""

    by: str
    at: str
    name: str
    kind: str  # text | select | radio ...
    value: str


@dataclass
class Book:
    """What happened at all PCs: answers of the server, and what was typed."""

    answers: list[tuple[str, str, str, int]] = field(default_factory=list)  # who, method, address, status
    expected: list[tuple[str, int]] = field(default_factory=list)  # refusals that the script asks for, and why
    typed: list[Typed] = field(default_factory=list)

    @property
    def unexplained(self) -> list[tuple[str, str, str, int]]:
        """Answers of 400 and above that nobody asked for."""
        return [one for one in self.answers if one[3] >= 400]


@dataclass
class Desk:
    """A PC and who sits at it. Credentials are kept apart: they are no facts."""

    app: Flask
    hands: Hands
    book: Book
    who: str
    client: FlaskClient = None  # type: ignore[assignment]
    password: tuple[str, str] | None = None
    signed_in_anew: bool = False
    token: str = ""

    def __post_init__(self) -> None:
        self.client = self.app.test_client()

    def restarted(self, app: Flask) -> None:
        """The server is another process now; the browser keeps its cookies."""
        self.app = self.client.application = app

    def _ask(self, method: str, address: str, *, refused: int = 0, **sent: Any) -> Page:
        for _ in range(6):
            self.hands.passes(0.25)
            answer = self.client.open(address, method=method, headers={"Accept-Language": "en"}, **sent)
            if answer.status_code == refused:
                self.book.expected.append((address, refused))
            else:
                self.book.answers.append((self.who, method, address, answer.status_code))
            if answer.status_code not in (301, 302, 303):
                if token := re.search(rb'name="csrf_token"[^>]*value="([^"]+)"', answer.data):
                    self.token = token[1].decode()
                return Page(address, answer.status_code, answer.data)
            address, method, sent = answer.location, "GET", {}
            if address.startswith("/sign-in") and self.password:
                self._sign_in()
                self.signed_in_anew = True
        raise AssertionError(f"{address} leads on and on")

    def _sign_in(self) -> None:
        name, password = self.password or ("", "")
        page = Page("/sign-in", 200, self.client.get("/sign-in/password").data)
        form = page.form(to="/sign-in/password")
        answer = self.client.post("/sign-in/password", data={**form.values.to_dict(), "name": name, "password": password})
        assert answer.status_code == 303, words(answer.text)

    def go(self, address: str, *, refused: int = 0) -> Page:
        """Open a page; a session that ran out is opened again first."""
        self.signed_in_anew = False
        page = self._ask("GET", address, refused=refused)
        return self._ask("GET", address, refused=refused) if self.signed_in_anew else page

    def send(
        self, page: Page, *, to: str = "", button: str = "", holds: str = "", refused: int = 0, values: Mapping[str, Any] | None = None, drop: Iterable[str] = (), **typed: Any
    ) -> Page:
        """Fill in a form of a page, leaving all else as the page has it, and press its button."""
        form = page.form(to=to, button=button, holds=holds)
        given: dict[str, Any] = {**(values or {}), **typed}
        data = MultiDict(form.values)
        for name in drop:
            data.poplist(name)
        for name, value in given.items():
            several = [str(one) for one in value] if isinstance(value, (list, tuple)) else [str(value)]
            assert name in form.kinds, f"{form.action} has no field {name}: {list(form.kinds)}"
            for one in several:
                assert name not in form.offered or one in form.offered[name], f"{name} of {form.action} does not offer {one}: {form.offered[name]}"
                if one not in data.getlist(name) and form.kinds[name] != "password":
                    self.book.typed.append(Typed(self.who, form.action, name, "text" if form.kinds[name] not in ("select", "radio", "checkbox") else form.kinds[name], one))
            data.setlist(name, several)
        self.token = form.values.get("csrf_token", self.token)
        action = form.action
        pressed = next((one for one in form.buttons if (button and button in one[2]) or (holds and one[1] == holds)), form.buttons[0] if form.buttons else None)
        if pressed:
            action = pressed[3] or action
            if pressed[0]:
                data.add(pressed[0], pressed[1])
        return self._ask("POST", action, refused=refused, data=data)

    def tells(self, address: str, body: dict[str, Any], *, refused: int = 0) -> Page:
        """What the page's script sends by itself."""
        self.hands.passes(0.25)
        answer = self.client.post(address, json=body, headers={"X-CSRFToken": self.token})
        if answer.status_code == refused:
            self.book.expected.append((address, refused))
        else:
            self.book.answers.append((self.who, "POST", address, answer.status_code))
        return Page(address, answer.status_code, answer.data)

    def answer(self, page: Page, *, to: str, name: str, fields: list[tuple[str, str]]) -> None:
        """Give an answer in its form; the page that follows is not looked at."""
        form = page.form(to=to)
        kept = [(key, value) for key, value in form.values.items(multi=True) if key != name and not key.startswith(f"{name}.")]
        self.book.typed.append(Typed(self.who, form.action, name, "answer", repr(fields)))
        self.hands.passes(0.25)
        answer = self.client.post(form.action, data=MultiDict([*kept, *fields, ("go", "next")]))
        self.book.answers.append((self.who, "POST", form.action, answer.status_code))

    def turns(self, address: str, form: dict[str, str]) -> str:
        """Read a page and press its one button; gives where it leads."""
        self.hands.passes(20)
        answer = self.client.post(address, data=form)
        self.book.answers.append((self.who, "POST", address, answer.status_code))
        return str(answer.location)
