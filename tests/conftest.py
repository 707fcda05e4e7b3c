"""What every test may ask for: a real database rolled back afterwards, the app on it, a browser signed in as somebody."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event
from sqlalchemy.orm import Session, sessionmaker

from app import create_app
from app.db import Database, make_engine
from app.ops import migrations
from app.people.models import Person
from app.sync import journal
from config import Config
from tests import factories, postgres

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Machines are shared and noisy: no example is judged by the clock. `--hypothesis-profile=long` looks further.
hypothesis.settings.register_profile("house", max_examples=40, deadline=None)
hypothesis.settings.register_profile("long", max_examples=1000, deadline=None)
hypothesis.settings.load_profile("house")

DATABASES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


@pytest.fixture(scope="session", params=DATABASES)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.Engine]:
    """A migrated database of each kind, with the product's own engine set-up."""
    with database_address(request.param, tmp_path_factory) as url:
        engine = make_engine(url)
        migrations.upgrade(engine)
        engine.dispose()  # the next connection keeps the statements of tests ready, not those that made the tables
        yield engine
        engine.dispose()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, for the browser tests of one module."""
    from tests import live  # the other tests run where no Playwright is

    with live.chromium() as browser:
        yield browser


@contextmanager
def database_address(kind: str, folders: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an empty database."""
    if kind == "sqlite":
        yield f"sqlite:///{folders.mktemp('database') / 'sabaq.db'}"
    else:
        with postgres.server() as url:
            yield url


@pytest.fixture
def database(engine: sa.Engine) -> Iterator[Database]:
    """The database inside one outer transaction: what a test or a page commits is gone afterwards."""
    with engine.connect() as connection:
        outer = connection.begin()
        database = Database(engine, "test")
        database.sessions = sessionmaker(
            connection, join_transaction_mode="create_savepoint", info={"node": "test"}, autoflush=False
        )
        journal.keep(database.sessions)
        yield database
        outer.rollback()


@pytest.fixture
def db(database: Database) -> Iterator[Session]:
    """A session to arrange with and to look at the outcome. Call `db.commit()` before a page shall see the rows."""
    with database.sessions() as session:
        session.info["writing"] = True
        yield session


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """Settings of a node in a temporary folder."""
    folder = tmp_path_factory.mktemp("instance")
    return Config(NODE="test", INSTANCE=str(folder), SECRET_KEY="k" * 40, PEPPER="p" * 40, PUBLIC_URL="https://verify.example.kz")


@pytest.fixture(scope="session")
def kept_app(settings: Config, engine: sa.Engine) -> Flask:
    """The web application, made once: its routes and its templates compile longer than a test runs."""
    return create_app(settings, Database(engine, "test"))


@pytest.fixture
def app(kept_app: Flask, database: Database) -> Iterator[Flask]:
    """The web application on the test's database, as if just made; forms need no CSRF token here."""
    config, words = dict(kept_app.config), dict(kept_app.jinja_env.globals)
    kept_app.extensions["sabaq.database"].sessions = database.sessions
    kept_app.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
    yield kept_app
    for kept, was in ((kept_app.config, config), (kept_app.jinja_env.globals, words)):
        kept.clear()
        kept.update(was)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser that has not signed in."""
    return app.test_client()


@pytest.fixture
def client_of(app: Flask, db: Session) -> Callable[[Person], FlaskClient]:
    """A browser signed in as a person: `client_of(person).get("/")`. Commits what the test arranged so far."""

    def sign_in(person: Person, **details: Any) -> FlaskClient:
        token = factories.make_sign_in(db, person, **details)
        db.commit()
        client = app.test_client()
        with client.session_transaction() as cookie:
            cookie["_user_id"] = token
            cookie["_fresh"] = True
        return client

    return sign_in


@pytest.fixture
def counted(engine: sa.Engine) -> Callable[[], Any]:
    """`with counted() as statements:` lists the SQL that ran inside."""

    @contextmanager
    def count() -> Iterator[list[str]]:
        statements: list[str] = []

        def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
            if not statement.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK", "BEGIN")):
                statements.append(statement)

        event.listen(engine, "before_cursor_execute", note)
        try:
            yield statements
        finally:
            event.remove(engine, "before_cursor_execute", note)

    return count


@pytest.fixture
def own_database(tmp_path: Path) -> Iterator[Database]:
    """A SQLite file of this test alone, for locks, crashes and two writers."""
    database = Database(make_engine(f"sqlite:///{tmp_path / 'sabaq.db'}"), "test")
    migrations.upgrade(database.engine)
    journal.keep(database.sessions)
    yield database
    database.engine.dispose()
