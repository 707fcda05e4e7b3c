"""Migrations: each step keeps the rows, on both databases; a step that fails half-way leaves the database as it was."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory
from sqlalchemy import event

from app.db import make_engine
from app.ops import migrations
from tests.conftest import DATABASES, database_address


@dataclass(frozen=True)
class Step:
    """One migration: rows put in before it by plain SQL (the models have moved on), and what must hold afterwards."""

    name: str
    previous: str | None
    load: Callable[[sa.Connection], Any]
    check: Callable[[sa.Connection, Any], None]


def nothing(_connection: sa.Connection) -> None:
    """The first step begins with an empty database."""


def first_tables(connection: sa.Connection, _before: Any) -> None:
    """Rows can be stored, and what must be unique is."""
    country = {"id": uuid.uuid4().hex, "owner_node": "centre", "code": "KZ", "names": "{}", "zone": "Asia/Almaty", "weekend": "[6,7]", "languages": "[]"}
    columns = ", ".join(country)
    insert = sa.text(f"INSERT INTO country ({columns}) VALUES ({', '.join(':' + name for name in country)})")
    connection.execute(insert, country)
    with pytest.raises(sa.exc.IntegrityError), connection.begin_nested():
        connection.execute(insert, country | {"id": uuid.uuid4().hex})
    assert connection.scalar(sa.text("SELECT count(*) FROM country")) == 1


def put(connection: sa.Connection, table: str, **row: Any) -> str:
    """A travelling row by plain SQL; its id."""
    row = {"id": uuid.uuid4().hex, "owner_node": "centre", **row}
    names = ", ".join(f'"{name}"' for name in row)
    connection.execute(sa.text(f"INSERT INTO {table} ({names}) VALUES ({', '.join(':' + name for name in row)})"), row)
    return row["id"]


def a_classroom(connection: sa.Connection) -> str:
    """A classroom with an officer of its country, as release 0001 knew them."""
    country = put(connection, "country", code="KZ", names="{}", zone="Asia/Almaty", weekend="[6,7]", languages="[]")
    office = put(connection, "office", country_id=country, code="KZ", kind="centre", names="{}", path="/KZ/", zone="Asia/Almaty", contact="")
    agency = put(connection, "agency", country_id=country, code="BG", names="{}", service_number_hint="{}")
    put(
        connection, "person", country_id=country, agency_id=agency, service_number="007", display_name="Omarov N.", short_name="Omarov",
        sort_key="omarov", search_key="omarov 007",
    )
    return put(connection, "classroom", office_id=office, names='{"en": "Room 2"}')


def the_room(connection: sa.Connection, classroom: Any) -> None:
    """Rooms and people of before are there: no portable class, nobody provisional."""
    found = connection.execute(sa.text("SELECT id, portable, line, manager_id FROM classroom")).one()
    assert (uuid.UUID(str(found.id)).hex, bool(found.portable), found.line, found.manager_id) == (classroom, False, "", None)
    assert connection.execute(sa.text("SELECT service_number, provisional FROM person")).all() == [("007", False)]


def a_changed_room(connection: sa.Connection) -> str:
    """A classroom that was changed twice, and a preference, as release 0002 knew them."""
    room = put(connection, "classroom", office_id=put(connection, "office", code="R", kind="region", names="{}", path="/R/", zone="Asia/Almaty", contact=""), names="{}", portable=False, line="", note="")
    for minute, after in enumerate(('{"note": ""}', '{"note": "a"}', '{"note": "b"}')):
        entry = {"id": uuid.uuid4().hex, "at": f"2026-11-20 10:0{minute}:00+00:00", "table": "classroom", "row_id": room, "after": after}
        connection.execute(sa.text('INSERT INTO journal_entry (id, at, "table", row_id, after) VALUES (:id, :at, :table, :row_id, :after)'), entry)
    return room


def two_nodes(connection: sa.Connection, room: Any) -> None:
    """Entries have the order they were made in, and rows the version that their entries have reached."""
    found = connection.execute(sa.text("SELECT number, version FROM journal_entry ORDER BY number")).all()
    assert [tuple(row) for row in found] == [(1, 1), (2, 2), (3, 3)]
    assert connection.scalar(sa.text("SELECT version FROM classroom WHERE id = :id"), {"id": room}) == 3
    assert connection.scalar(sa.text("SELECT version FROM office")) == 1, "a row without entries has been made once"


def a_meeting(connection: sa.Connection) -> str:
    """An officer, and a meeting of a run, as release 0003 knew them."""
    country = put(connection, "country", code="KZ", names="{}", zone="Asia/Almaty", weekend="[6,7]", languages="[]", version=1)
    office = put(connection, "office", country_id=country, code="KZ", kind="centre", names="{}", path="/KZ/", zone="Asia/Almaty", contact="", version=1)
    agency = put(connection, "agency", country_id=country, code="BG", names="{}", service_number_hint="{}", version=1)
    put(
        connection, "person", country_id=country, agency_id=agency, service_number="007", display_name="Omarov N.", short_name="Omarov",
        sort_key="omarov", search_key="omarov 007", provisional=False, version=1,
    )
    course = put(connection, "course", slug="docs", edited_here=False, version=1)
    version = put(
        connection, "course_version", course_id=course, number=1, content_hash="0" * 64, titles="{}", languages="[]", content="{}",
        published_at="2026-01-01 00:00:00+00:00", note="", version=1,
    )
    run = put(
        connection, "course_run", code="R-1", course_version_id=version, office_id=office, place="", starts_on="2026-11-23", ends_on="2026-11-26",
        zone="Asia/Almaty", seats=18, state="planned", note="", version=1,
    )
    return put(
        connection, "meeting", run_id=run, day="2026-11-23", starts_at="2026-11-23 04:00:00+00:00", ends_at="2026-11-23 08:00:00+00:00",
        zone="Asia/Almaty", place="", state="planned", reason="", version=1,
    )


def sessions_and_trainers(connection: sa.Connection, meeting: Any) -> None:
    """Meetings of before belong to their run alone; and nobody is booked twice, not even by plain SQL."""
    found = connection.execute(sa.text("SELECT id, session_id, link, sequence FROM meeting")).one()
    assert (uuid.UUID(str(found.id)).hex, *found[1:]) == (meeting, None, "", 0)
    assert connection.execute(sa.text("SELECT service_number, email FROM person")).all() == [("007", "")]
    row = {"kind": "trainer", "resource_id": uuid.uuid4().hex, "meeting_id": meeting, "source_id": uuid.uuid4().hex}
    insert = sa.text(
        "INSERT INTO booking (id, kind, resource_id, meeting_id, source_id, starts_at, ends_at)"
        " VALUES (:id, :kind, :resource_id, :meeting_id, :source_id, :starts_at, :ends_at)"
    )
    for starts, ends in (("04:00", "08:00"), ("08:00", "10:00")):
        connection.execute(insert, row | {"id": uuid.uuid4().hex, "starts_at": f"2026-11-23 {starts}:00+00:00", "ends_at": f"2026-11-23 {ends}:00+00:00"})
    with pytest.raises(sa.exc.IntegrityError, match="booking_never_twice"), connection.begin_nested():
        connection.execute(insert, row | {"id": uuid.uuid4().hex, "starts_at": "2026-11-23 07:59:00+00:00", "ends_at": "2026-11-23 08:01:00+00:00"})


STEPS = (
    Step("0001", None, nothing, first_tables),
    Step("0002", "0001", a_classroom, the_room),
    Step("0003", "0002", a_changed_room, two_nodes),
    Step("0004", "0003", a_meeting, sessions_and_trainers),
)


@pytest.fixture(params=DATABASES)
def fresh(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.Engine]:
    """An empty database of each kind."""
    with database_address(request.param, tmp_path_factory) as url:
        engine = make_engine(url)
        yield engine
        engine.dispose()


def test_every_migration_has_a_step_with_rows() -> None:
    """A migration that nobody has tried with rows in the tables fails here."""
    scripts = ScriptDirectory.from_config(migrations.settings())

    assert [step.name for step in STEPS] == [script.revision for script in reversed(list(scripts.walk_revisions()))]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_step_keeps_the_rows(step: Step, fresh: sa.Engine) -> None:
    """Rows of the release before are there after the step, as the step promises."""
    if step.previous:
        migrations.upgrade(fresh, step.previous)
    with fresh.connect().execution_options(writing=True) as connection, connection.begin():
        before = step.load(connection)

    migrations.upgrade(fresh, step.name)

    with fresh.connect().execution_options(writing=True) as connection, connection.begin():
        step.check(connection, before)


@pytest.mark.parametrize("statement", [3, 20, 60])
def test_an_interrupted_migration_leaves_the_database_as_it_was(fresh: sa.Engine, statement: int) -> None:
    """A power cut in the middle: nothing of the step is there, and the next start does it whole."""
    seen = 0

    def cut(*_: Any) -> None:
        nonlocal seen
        seen += 1
        if seen == statement:
            raise KeyboardInterrupt

    event.listen(fresh, "before_cursor_execute", cut)
    with pytest.raises(KeyboardInterrupt):
        migrations.upgrade(fresh)
    event.remove(fresh, "before_cursor_execute", cut)

    assert sa.inspect(fresh).get_table_names() == []
    migrations.upgrade(fresh)
    assert migrations.revision(fresh) == migrations.newest()


def test_upgrading_twice_changes_nothing(fresh: sa.Engine) -> None:
    """Every start of a node upgrades; most find nothing to do."""
    migrations.upgrade(fresh)

    migrations.upgrade(fresh)

    assert migrations.revision(fresh) == migrations.newest()
