"""The house: every table catalogued, every view guarded, migrations equal models, changes journaled."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app import clock
from app.db import Base, Database, Fact, Record, Stays, take_write_lock
from app.offices.models import Office
from app.ops import migrations
from app.people.models import Person
from app.policy import POLICY, Role
from app.sync.catalogue import TABLES, Kind
from app.sync.journal import BulkChangeRefused
from app.sync.models import JournalEntry
from tests.factories import make_office, make_staff


def test_every_table_is_in_the_catalogue() -> None:
    """A table whose owner and way of travelling nobody has said does not exist."""
    assert {table.name for table in TABLES} == set(Base.metadata.tables)


def test_tables_that_travel_name_their_owner() -> None:
    """Each row of a travelling table has an owner node, from the first migration on."""
    travelling = [table for table in TABLES if table.kind is not Kind.STAYS]

    assert [table.name for table in travelling if "owner_node" not in table.model.__table__.c] == []


def test_the_catalogue_says_what_the_base_class_does() -> None:
    """A record is journaled, a fact is only added, the rest stays: the catalogue and the class agree."""
    base = {Kind.RECORD: Record, Kind.FACT: Fact, Kind.STAYS: Stays}

    assert [table.name for table in TABLES if not issubclass(table.model, base[table.kind])] == []


def test_every_view_names_a_row_of_the_policy(app: Flask) -> None:
    """A page without an action is closed to everybody, and fails here."""
    actions = {rule.endpoint: getattr(app.view_functions[rule.endpoint], "action", None) for rule in app.url_map.iter_rules()}

    assert {endpoint for endpoint, action in actions.items() if action not in POLICY} == set()


def test_migrations_and_models_agree(engine: sa.Engine) -> None:
    """The scripts make the tables that the code expects, on both databases."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with engine.connect() as connection:
        difference = compare_metadata(MigrationContext.configure(connection), Base.metadata)

    assert difference == []
    assert migrations.revision(engine) == migrations.newest()


def test_a_change_is_one_journal_entry_in_the_same_transaction(db: Session) -> None:
    """However often a row is flushed, its transaction leaves one entry: the first before, the last after."""
    office = make_office(db, contact="old")
    db.commit()
    take_write_lock(db)
    office.contact = "newer"
    db.flush()
    office.contact = "newest"
    db.commit()

    entries = db.scalars(
        sa.select(JournalEntry).where(JournalEntry.row_id == office.id, JournalEntry.before.is_not(sa.null()))
    ).all()
    assert [(entry.before, entry.after) for entry in entries if entry.before] == [({"contact": "old"}, {"contact": "newest"})]


def test_changes_of_one_transaction_are_in_the_same_order_on_every_machine(db: Session) -> None:
    """Rows that were changed together are journaled in the order of their tables and ids, not of their places in memory."""
    offices = [make_office(db) for _ in range(12)]
    db.commit()
    last = db.scalar(sa.select(sa.func.max(JournalEntry.number)))
    take_write_lock(db)
    for office in offices:
        office.contact = "new"
    db.commit()

    noted = db.scalars(sa.select(JournalEntry.row_id).where(JournalEntry.number > last).order_by(JournalEntry.number)).all()
    assert noted == sorted(office.id for office in offices)


def test_rolled_back_changes_leave_no_entry(own_database: Database) -> None:
    """What is not stored is not in the journal either."""
    with own_database.sessions() as db:
        take_write_lock(db)
        make_office(db)
        db.rollback()
        assert db.scalar(sa.select(sa.func.count()).select_from(JournalEntry)) == 0


def test_bulk_changes_of_travelling_tables_are_refused(db: Session) -> None:
    """An UPDATE that the journal would not see does not run."""
    with pytest.raises(BulkChangeRefused):
        db.execute(sa.update(Office).values(contact="x"))


def test_a_row_belongs_to_the_node_that_made_it(db: Session) -> None:
    """New rows are owned by this node."""
    assert make_office(db).owner_node == "test"
    assert clock.now().tzinfo is not None


def test_an_unknown_address_keeps_the_readers_header(db: Session, client_of: Callable[[Person], FlaskClient]) -> None:
    """Who is signed in finds his name and his sections on the page that says so."""
    person = make_staff(db, Role.MANAGER, family="Sagynov")

    answer = client_of(person).get("/nowhere/at-all")

    assert answer.status_code == 404
    assert "Sagynov" in answer.text
    assert 'class="sections' in answer.text
