"""What holds for every route: headers, forms that come from this site only, nothing from another host."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session, sessionmaker
from werkzeug.test import TestResponse

from app import create_app, pdf
from app.db import Database, make_engine
from app.http import csrf
from app.offices.models import Office
from app.ops import migrations
from app.people.models import Person
from app.policy import Role
from app.sync import journal
from config import Config
from tests.factories import give_role, make_office, make_person, make_sign_in
from tests.route_examples import EXAMPLES, Example
from tests.routes import ROUTES, Route

# The browser's requests that a page may cause: addresses in attributes, in style sheets, in scripts.
LINKS = re.compile(r"""(?:\b(?:src|href|action|formaction|srcset|poster|data|cite)\s*=\s*["']?|url\(\s*["']?|@import\s+["'])([^"'\s>)]+)""", re.I)
LOCAL = {"", "data", "mailto", "tel", "asset"}  # asset: a file of ours, on paper


class House:
    """The product with its forms guarded, one office, and somebody in it who holds every role."""

    def __init__(self, app: Flask, db: Session, connection: sa.Connection) -> None:
        self.app, self.db, self.connection = app, db, connection
        self.office: Office = make_office(db, kind="centre")
        self.boss: Person = make_person(db, self.office)
        for role in Role:
            give_role(db, self.boss, role, self.office)
        db.commit()

    def opens(self, route: Route, person: Person | None, one: Example | None = None, **more: Any) -> TestResponse:
        """Send a request as somebody."""
        one = one or Example()
        client = self.app.test_client()
        if person:
            cookie = make_sign_in(self.db, person)
            self.db.commit()
            with client.session_transaction() as session:
                session["_user_id"] = cookie
        return client.open(self.address(route, one.values), method=route.method, query_string=one.query, buffered=True, **more)

    def address(self, route: Route, values: dict[str, Any]) -> str:
        """The address of a route; what nobody says is filled with anything of the right shape."""
        rule = next(r for r in self.app.url_map.iter_rules(route.endpoint) if r.rule == route.rule)
        parts = {name: values[name] if name in values else self._anything(rule._converters.get(name)) for name in rule.arguments}
        built = rule.build(parts)
        assert built is not None
        return built[1]

    def _anything(self, converter: Any) -> Any:
        kind = type(converter).__name__
        if kind == "AnyConverter":
            return sorted(converter.items)[0]
        return {"UUIDConverter": uuid.UUID(int=7), "IntegerConverter": 1}.get(kind, "x")

    def example(self, route: Route) -> Example:
        """An object of the office for this route."""
        make = EXAMPLES.get(route.endpoint)
        with self.app.app_context():
            made = make(self.db, self.office) if make else Example()
        self.db.commit()
        return made


@pytest.fixture(scope="module")
def one_house(tmp_path_factory: pytest.TempPathFactory, settings: Config) -> Iterator[House]:
    """The product on SQLite, with forms guarded as in life."""
    database = Database(make_engine(f"sqlite:///{tmp_path_factory.mktemp('database') / 'sabaq.db'}"), "test")
    migrations.upgrade(database.engine)
    with database.engine.connect() as connection:
        outer = connection.begin()
        database.sessions = sessionmaker(connection, join_transaction_mode="create_savepoint", info={"node": "test"}, autoflush=False)
        journal.keep(database.sessions)
        app = create_app(settings, database)
        app.config.update(TESTING=True)
        with database.sessions() as db:
            yield House(app, db, connection)
        outer.rollback()
    database.engine.dispose()


@pytest.fixture
def house(one_house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """See House. What a test makes or changes is gone after it; papers are not drawn, that takes a second each."""
    monkeypatch.setattr(pdf, "write", lambda *_args, **_values: b"%PDF-1.7")
    one_house.db.commit()
    made_by_the_test = one_house.connection.begin_nested()
    yield one_house
    one_house.db.rollback()
    made_by_the_test.rollback()


def ids(route: Route) -> str:
    """A route as the name of its test."""
    return str(route)


# What other servers send: no browser, no cookie; a signature by their key, or a proof of the code, stands for the token (tests/sync).
BY_KEY = {"nodes.join", "wire.hello", "wire.piece"}
CHANGING = [route for route in ROUTES if route.changes and route.endpoint not in BY_KEY]


# ---- forms of other sites --------------------------------------------------------------------------------------------


@pytest.mark.goal("SEC-05")
@pytest.mark.parametrize("route", CHANGING, ids=ids)
def test_a_form_without_our_token_changes_nothing(route: Route, house: House) -> None:
    """Without a token, with one of another session, and with junk, every state-changing route answers 400, in forms and by header."""
    foreign = token_of(house)

    answers = {
        "no token": house.opens(route, house.boss),
        "another's token": house.opens(route, house.boss, data={"csrf_token": foreign}),
        "another's header": house.opens(route, house.boss, headers={"X-CSRFToken": foreign}),
        "junk": house.opens(route, house.boss, data={"csrf_token": "x"}),
        "another site": house.opens(route, house.boss, headers={"Origin": "https://evil.example", "Referer": "https://evil.example/"}),
        "json": house.opens(route, house.boss, json={}),
        "nobody": house.opens(route, None),
    }

    assert {what: answer.status_code for what, answer in answers.items()} == dict.fromkeys(answers, 400)


def token_of(house: House) -> str:
    """A CSRF token of somebody else's session."""
    page = house.app.test_client().get("/sign-in").text
    return page.split('name="csrf_token" value="')[1].split('"')[0]


@pytest.mark.goal("SEC-05")
@pytest.mark.parametrize("given", [{"data": {"name": "a\0b", "password": "x"}}, {"json": {"name": "a\0b"}}, {"json": {"deep": [{"name": "half \ud83d"}]}}])
def test_a_sign_that_cannot_be_stored_is_refused_where_it_is_typed(given: dict[str, Any], client: FlaskClient) -> None:
    """No database would keep it, and no other node would take it: the sentence says so before anything is written."""
    answer = client.post("/sign-in/password", **given)

    assert answer.status_code == 422
    assert "cannot be stored" in answer.text
    assert client.post("/no-such-page", **given).status_code == 404


@pytest.mark.goal("SEC-05")
def test_no_route_is_exempt_from_the_token() -> None:
    """Nobody has switched the check off, but where nodes speak: no cookie counts there, a signature over the whole request does."""
    assert (csrf._exempt_views, {bp.name for bp in csrf._exempt_blueprints}) == ({"app.sync.node_views.join"}, {"wire"})


@pytest.mark.goal("SEC-05")
@pytest.mark.parametrize("route", [r for r in CHANGING if not any(o.rule == r.rule and not o.changes for o in ROUTES)], ids=ids)
def test_a_route_for_changing_does_not_take_get(route: Route, house: House) -> None:
    """An address in a link, a picture or a mail can change nothing: GET answers 405 (or finds nothing there)."""
    answer = house.app.test_client().get(house.address(route, {}))

    assert answer.status_code in (404, 405)
    assert answer.status_code == 405 or "<" in route.rule


# ---- headers ---------------------------------------------------------------------------------------------------------


@pytest.mark.goal("SEC-05")
@pytest.mark.parametrize("route", ROUTES, ids=ids)
def test_every_answer_carries_the_headers(route: Route, house: House) -> None:
    """Pages, refusals and errors, signed in or not: nosniff, no frames, a policy without inline scripts, nothing kept in caches."""
    one = house.example(route)
    for person in (house.boss, None):
        answer = house.opens(route, person, one)
        policy = answer.headers["Content-Security-Policy"]

        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Referrer-Policy"] in ("same-origin", "no-referrer")
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe-eval" not in policy
        if "sandbox" not in policy:  # a drawing opened by itself: it runs nothing and may style itself
            assert "unsafe-inline" not in policy
        if route.endpoint != "courses.media" or answer.status_code != 200:  # a version never changes: its pictures are kept
            assert "no-store" in answer.headers["Cache-Control"]
        for cookie in answer.headers.getlist("Set-Cookie"):
            assert "HttpOnly" in cookie
            assert "SameSite=Lax" in cookie


@pytest.mark.goal("SEC-05")
def test_cookies_are_for_https_alone_where_there_is_https(settings: Config) -> None:
    """A node that people reach over https sends its cookies over nothing else."""
    for address, secure in (("https://sabaq.example.kz", True), ("http://10.0.0.5:8000", False)):
        config = Config(NODE="test", INSTANCE=settings.INSTANCE, SECRET_KEY="k" * 40, PEPPER="p" * 40, PUBLIC_URL=address)
        app = create_app(config, Database(make_engine("sqlite://"), "test"))
        assert app.config["SESSION_COOKIE_SECURE"] is secure


# ---- nothing from elsewhere ------------------------------------------------------------------------------------------


@pytest.mark.goal("XCT-15")
@pytest.mark.parametrize("route", [r for r in ROUTES if not r.changes], ids=ids)
def test_no_page_asks_another_host_for_anything(route: Route, house: House) -> None:
    """Every page is rendered and every address in it is one of this site, or this node's own public address."""
    one = house.example(route)
    for person in (house.boss, one.owner, None):
        answer = house.opens(route, person, one)
        if answer.mimetype == "text/html":
            assert outside(answer.text, own=house.app.config["PUBLIC"]) == []
            assert re.findall(r"<(?:script|style)(?![^>]*\bsrc=)[^>]*>|\son\w+=|\sstyle=", answer.text) == []


def outside(page: str, own: str = "") -> list[str]:
    """The addresses of a page that lead to another host."""
    found = [address for address in LINKS.findall(page) if urlsplit(address).netloc or urlsplit(address).scheme not in LOCAL]
    return [address for address in found if not (own and address.startswith(own))]


@pytest.mark.goal("XCT-15")
def test_style_sheets_and_scripts_name_no_other_host() -> None:
    """Fonts, pictures and modules are loaded from beside the file that names them."""
    from app.assets import FOLDER

    for path in sorted(FOLDER.rglob("*")):
        if path.suffix in (".css", ".js") and "vendor" not in path.parts:
            text = path.read_text(encoding="utf-8")
            assert outside(text) == [], path.name
            assert re.findall(r"""(?:from|import|fetch)\s*\(?\s*["'`](?:https?:)?//""", text) == [], path.name


def test_an_outside_address_is_found() -> None:
    """The search sees what it looks for."""
    page = """<img src="https://a.example/x.png"><a href='//b.example'>b</a><link href=/own.css><a href="/own">o</a>
    <img src="data:image/png;base64,AA"><form action="http://c.example/">"""

    assert outside(page) == ["https://a.example/x.png", "//b.example", "http://c.example/"]
