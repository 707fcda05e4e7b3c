"""Two nodes for tests: a centre and a class server with databases of their own, keys, and rows to exchange."""

from __future__ import annotations

import atexit
import base64
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import sqlalchemy as sa

from app import open_database
from app.db import Database, make_engine
from app.offices.models import Country, Office
from app.ops import migrations
from app.sync import exchange, keys, sealer
from app.sync.exchange import Made, Outcome
from app.sync.keys import NodeKeys
from app.sync.models import Node
from app.work import work
from config import Config
from tests.factories import make_agency, make_office

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


@dataclass
class Installation:
    """One node of a test."""

    config: Config
    database: Database
    keys: NodeKeys

    @property
    def code(self) -> str:
        """Its name."""
        return self.config.NODE

    def seal(self, *, size: int = 1000, now: datetime = NOW) -> int:
        """Seal what is not sealed."""
        return sealer.seal_all(self.database, self.config.folder, self.keys, now, size=size)

    def bundle(self, to: Installation, *, now: datetime = NOW, size: int = 1000) -> Made:
        """What `to` lacks, as a file."""
        return exchange.make_bundle(self.database, self.config, self.keys, to=to.code, folder=self.config.folder / "out", now=now, size=size)

    def take(self, path: Path | None, *, now: datetime = NOW) -> Outcome:
        """Take a file."""
        assert path is not None
        return exchange.take_bundle(self.database, self.config, self.keys, path, way="stick", now=now)

    def close(self) -> None:
        """Let go of the database."""
        self.database.engine.dispose()


def install(folder: Path, code: str, *, role: str) -> Installation:
    """A node with an empty, migrated SQLite database."""
    config = Config(NODE=code, ROLE=role, INSTANCE=str(folder), SECRET_KEY="k" * 40, PEPPER="p" * 40)
    config.folder.mkdir(parents=True)
    shutil.copy(_migrated(), config.folder / "sabaq.db")
    return Installation(config, open_database(config), keys.load_or_make(config.folder))


@cache
def _migrated() -> Path:
    """An empty database of this release, made once: migrating takes most of a second."""
    folder = Path(tempfile.mkdtemp(prefix="sabaq-empty-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    engine = make_engine(f"sqlite:///{folder / 'sabaq.db'}")
    migrations.upgrade(engine)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
    return folder / "sabaq.db"


@contextmanager
def centre_and_class(folder: Path, *, classes: int = 1) -> Iterator[list[Installation]]:
    """A centre with an office, and class servers that have joined: both sides know each other's keys; rows of places are the same."""
    nodes = [install(folder, "centre", role="centre"), *(install(folder, f"class-{n + 1}", role="classroom") for n in range(classes))]
    with work(nodes[0].database) as db:
        office = make_office(db)
        make_agency(db, db.get_one(Country, office.country_id))
        make_nodes(db, nodes, office.id)
    copy_rows(nodes[0], nodes[1:])
    yield nodes
    for node in nodes:
        node.close()


def make_nodes(db: sa.orm.Session, nodes: list[Installation], office_id: uuid.UUID) -> None:
    """The list of nodes as it is after joining."""
    for node in nodes:
        public = node.keys.public
        db.add(
            Node(
                code=node.code, role=node.config.ROLE, title=node.code, office_id=office_id, state="joined", joined_at=NOW, fingerprint=public.fingerprint,
                public_key=base64.b64encode(public.sign).decode(), box_key=base64.b64encode(public.box).decode(),
            )
        )
    db.flush()


def copy_rows(source: Installation, targets: list[Installation]) -> None:
    """What came down at the first snapshot, put there by hand: country, agency, office, the list of nodes."""
    copy_tables(source, targets, ("country", "agency", "office", "node"))


def copy_tables(source: Installation, targets: list[Installation], names: tuple[str, ...]) -> None:
    """The same rows at other nodes, without any exchange."""
    with source.database.sessions() as db:
        for name in names:
            table = Node.metadata.tables[name]
            found = [dict(row) for row in db.execute(sa.select(table)).mappings()]
            for target in targets:
                with target.database.engine.connect().execution_options(writing=True) as connection, connection.begin():
                    if found:
                        connection.execute(sa.insert(table), found)


def office_of(node: Installation) -> uuid.UUID:
    """The one office of the test."""
    with node.database.sessions() as db:
        return db.scalars(sa.select(Office.id)).one()
