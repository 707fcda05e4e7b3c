"""The product's pages as links lead to them: every role walks from the start page along all links, and what is found is the list."""

from __future__ import annotations

import re
import uuid
from collections import Counter, deque
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qs, urljoin, urlsplit

from flask.testing import FlaskClient
from playwright.sync_api import BrowserContext

from app.people.models import Person
from app.work import work
from tests import live
from tests.factories import make_sign_in

EACH = 2  # addresses of one endpoint that a role opens, with filters and without
FILES = (".pdf", "pdf", "csv", "xlsx")


@dataclass(frozen=True)
class Found:
    """A page that a role came to."""

    role: str
    address: str
    endpoint: str
    look: tuple[str, ...]  # what tells two states of one page apart

    def __str__(self) -> str:
        return f"{self.role} {self.address}"


@dataclass
class Walk:
    """All that the walks of all roles found."""

    pages: list[Found] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    files: dict[tuple[str, str], str] = field(default_factory=dict)  # one of each endpoint and kind

    def each_look(self) -> list[Found]:
        """One page of each endpoint and look."""
        return list({(one.endpoint, one.look): one for one in reversed(self.pages)}.values())

    def each_endpoint(self) -> list[Found]:
        """One page of each endpoint."""
        return list({one.endpoint: one for one in reversed(self.pages)}.values())


class Reader(HTMLParser):
    """Links of a page, and what it looks like."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.look: set[str] = set()
        self.wrong: list[str] = []
        self.drawing = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect links; forms, empty states and errors tell looks apart."""
        marks = dict(attrs)
        self.drawing = self.drawing or tag == "svg"
        if tag == "a" and marks.get("href"):
            self.links.append(marks["href"] or "")
        if tag == "form" and marks.get("method", "").lower() == "post":
            self.look.add("form " + re.sub(r"/[0-9a-f-]{36}|/[A-Z]{1,2}-[\w-]+|\d+|\?.*", "*", marks.get("action") or "here"))
        for word in (marks.get("class") or "").split():
            if word in ("empty", "errsum", "btn-main"):
                self.look.add(word)
        for name in ("src", "href", "action"):
            value = marks.get(name) or ""
            if tag != "a" and re.match(r"(?:[a-z]+:)?//", value):
                self.wrong.append(f"names {value}")
        if ("style" in marks and not self.drawing) or tag == "style" or (tag == "script" and not marks.get("src") and marks.get("type") != "application/json"):
            self.wrong.append(f"has a style or script of its own in <{tag}>")


    def handle_endtag(self, tag: str) -> None:
        """A drawing may have styles of its own."""
        self.drawing = self.drawing and tag != "svg"


def client_of(node: live.Live, person_id: uuid.UUID | None) -> FlaskClient:
    """A client without a browser, signed in as a person."""
    client = node.app.test_client()
    if person_id:
        with work(node.database) as db:
            token = make_sign_in(db, db.get_one(Person, person_id))
        with client.session_transaction() as cookie:
            cookie["_user_id"], cookie["_fresh"] = token, True
    return client


def enter(node: live.Live, context: BrowserContext, person_id: uuid.UUID | None) -> None:
    """The person has signed in, in this browser. Who was in it before has left his page, with all that it still sends."""
    for page in context.pages:
        page.goto("about:blank")
        page.wait_for_timeout(200)
    context.clear_cookies()
    found = client_of(node, person_id).get_cookie(node.config.cookie)
    if found:
        context.add_cookies([{"name": node.config.cookie, "value": found.value, "url": node.url}])


def walk(node: live.Live, people: dict[str, uuid.UUID | None], starts: dict[str, list[str]]) -> Walk:
    """Follow every link of every role, a few addresses for each endpoint and set of filters."""
    result = Walk()
    for role, person_id in people.items():
        _walk_as(node, role, client_of(node, person_id), starts.get(role, ["/"]), result)
    return result


def _walk_as(node: live.Live, role: str, client: FlaskClient, starts: list[str], result: Walk) -> None:
    router = node.app.url_map.bind("localhost")
    opened: Counter[tuple[str, ...]] = Counter()
    seen, queue = set(starts), deque((address, "the start") for address in starts)
    while queue:
        address, origin = queue.popleft()
        parts = urlsplit(address)
        query = parse_qs(parts.query)
        try:
            endpoint, _ = router.match(parts.path, method="GET")
        except Exception as wrong:
            if parts.path not in starts:
                result.faults.append(f"{role}: {origin} links to {address}: {type(wrong).__name__}")
            endpoint = "none"
        form = next((word for word in (parts.path[-4:], *query.get("as", []), *query.get("format", [])) if word in FILES), "")
        kind = (endpoint, form, "filtered" if query else "plain")
        opened[kind] += 1
        if (opened[kind] > EACH and address not in starts) or endpoint == "static" or (form and (endpoint, form) in result.files):
            continue
        answer = client.get(address)
        if answer.status_code in (301, 302, 303):
            _add(answer.headers["Location"], address, address, seen, queue)
            continue
        if answer.status_code != 200 and address not in starts:
            result.faults.append(f"{role}: {origin} links to {address}, which answers {answer.status_code}")
        if answer.mimetype != "text/html":
            result.files[endpoint, form] = f"{role} {address} {answer.mimetype}"
            answer.close()
            continue
        read = Reader(answer.get_data(as_text=True))
        result.faults += [f"{role}: {address} {one}" for one in read.wrong]
        result.pages.append(Found(role, address, endpoint, tuple(sorted(read.look))))
        for link in read.links:
            _add(link, address, address, seen, queue)


def _add(link: str, base: str, origin: str, seen: set[str], queue: deque[tuple[str, str]]) -> None:
    target = urljoin("http://localhost" + base, link).partition("#")[0]
    if not target.startswith("http://localhost/"):
        return
    address = target.removeprefix("http://localhost")
    if address not in seen:
        seen.add(address)
        queue.append((address, origin))
