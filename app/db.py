"""The database of a node: column types, the base of all tables, the engine's set-up, and who may write when."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, dataclass_transform

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import URL
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    MappedAsDataclass,
    Session,
    deferred,
    mapped_column,
    relationship,
    sessionmaker,
)
from sqlalchemy.types import TypeDecorator

from app.errors import Busy
from app.ids import new_id
from app.storage import Storage

OLDEST_SQLITE = (3, 51, 3)  # before it, two connections that write and checkpoint at once could spoil a WAL file
LOCK_WAIT_SECONDS = 10.0
KEPT_STATEMENTS = 1000  # ready on each connection; after many pages the driver's own hundred are taken and what each request asks is read anew (a third of a save)
MICRO = 1_000_000  # marks are stored as millionths of a point


class UtcDateTime(TypeDecorator[datetime]):
    """A moment. Always aware and UTC in Python; SQLite keeps it as text without an offset."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


@dataclass_transform(kw_only_default=True, field_specifiers=(mapped_column, relationship, deferred))
class Base(MappedAsDataclass, DeclarativeBase, kw_only=True, eq=False, repr=False):
    """The base of every table. Ids and times are made in Python, so that a row is whole before it is stored."""

    metadata = sa.MetaData(naming_convention=NAMES)
    type_annotation_map = {  # noqa: RUF012  (SQLAlchemy reads it from the class)
        uuid.UUID: sa.Uuid(),
        datetime: UtcDateTime(),
        date: sa.Date(),
        dict[str, Any]: Json,
        dict[str, str]: Json,
        list[Any]: Json,
        list[str]: Json,
        str: sa.Text(),
    }


class Stays(MappedAsDataclass, kw_only=True):
    """A row of this node alone: it never travels."""

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default_factory=new_id)


class Record(MappedAsDataclass, kw_only=True):
    """A row that travels and may change; each change is one journal entry, and only the owner node makes it."""

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default_factory=new_id)
    owner_node: Mapped[str] = mapped_column(sa.String(40), default="")  # filled from the session when the row is added
    version: Mapped[int] = mapped_column(sa.BigInteger, default=0)  # goes up with each change, across owners (app/sync/journal.py)


class Fact(MappedAsDataclass, kw_only=True):
    """A row that travels and is only ever added: it is its own journal payload. The sealer fills `segment`."""

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default_factory=new_id)
    owner_node: Mapped[str] = mapped_column(sa.String(40), default="")
    segment: Mapped[int | None] = mapped_column(default=None)


# ---- engine --------------------------------------------------------------------------------------------------------


def make_engine(url: str | URL) -> sa.Engine:
    """An engine as this product needs it.

    SQLite: a build that is safe with WAL, full sync at each commit, foreign keys, and transactions that we begin
    ourselves, so that a savepoint and a rollback mean what they say. Raises RuntimeError for an older build.
    """
    if not str(url).startswith("sqlite"):
        return sa.create_engine(url, pool_pre_ping=True, pool_size=10, max_overflow=10)

    import pysqlite3

    found: tuple[int, ...] = pysqlite3.sqlite_version_info
    if found < OLDEST_SQLITE:
        raise RuntimeError(f"SQLite {found} is too old: {OLDEST_SQLITE} or newer is needed (package pysqlite3).")
    engine = sa.create_engine(url, module=pysqlite3.dbapi2, connect_args={"timeout": LOCK_WAIT_SECONDS, "cached_statements": KEPT_STATEMENTS})

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "trusted_schema=OFF"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        # Readers take a snapshot; a writer takes the lock at once, because SQLite cannot turn a reader into a writer
        # when somebody else has written since ("database is locked", at once and whatever the timeout).
        # On the driver: these words run with every request, and SQLAlchemy's way to them costs more than they do.
        writing = connection.get_execution_options().get("writing")
        connection.connection.driver_connection.execute("BEGIN IMMEDIATE" if writing else "BEGIN DEFERRED")  # type: ignore[union-attr]

    return engine


def self_check(engine: sa.Engine) -> list[str]:
    """What is wrong with this database's settings; nothing when it may be trusted with an exam."""
    if engine.dialect.name != "sqlite":
        with engine.connect() as connection:
            level = connection.exec_driver_sql("SHOW synchronous_commit").scalar()
        return [] if level != "off" else ["PostgreSQL runs with synchronous_commit=off: a commit may be lost."]
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    with engine.connect() as connection:
        found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in wanted}
    return [f"SQLite {name} is {found[name]}, must be {value}." for name, value in wanted.items() if found[name] != value]


# ---- who may write -------------------------------------------------------------------------------------------------


@dataclass
class Database:
    """The engine of a node and the sessions on it."""

    engine: sa.Engine
    node: str
    storage: Storage | None = None  # what is known of the disk below; None where nobody has asked
    role: str = "centre"  # of the node: centre or classroom
    sessions: sessionmaker[Session] = field(init=False)

    def __post_init__(self) -> None:
        self.sessions = sessionmaker(self.engine, info={"node": self.node, "role": self.role, "storage": self.storage}, autoflush=False)
        if self.storage:
            self.storage.watch(self.engine)

    @property
    def name(self) -> str:
        """sqlite or postgresql."""
        return self.engine.dialect.name


_one_writer = threading.Lock()  # threads of a process queue here, fairly and without SQLite's polling


def take_write_lock(db: Session) -> None:
    """Make this transaction the writer; the first line of every service that changes something.

    Up to here the transaction only read. On SQLite its snapshot ends and everything loaded is read again under the
    lock, so nothing is decided on what another writer has changed since. On PostgreSQL rows are locked where they are
    read (`with_for_update`). Raises Busy when the lock cannot be had in time, StorageFailed after a failed write.
    """
    if db.info.get("writing"):
        return
    storage: Storage | None = db.info.get("storage")
    if storage:
        storage.refuse_if_failed()
    if db.get_bind().dialect.name != "sqlite" or db.in_nested_transaction() or isinstance(db.bind, sa.Connection):
        db.info["writing"] = True
        return
    if db.new or db.dirty or db.deleted:
        raise RuntimeError("changed something before taking the write lock")
    if not _one_writer.acquire(timeout=LOCK_WAIT_SECONDS):
        raise Busy()
    db.info["holds_writer"] = True
    try:
        if storage:
            storage.refuse_if_failed()  # the writer that was waited for may have met the error
        if db.in_transaction():
            # The same connection goes on: giving it back and taking it anew costs as much as two statements.
            db.expire_all()
            driver = db.connection().connection.driver_connection
            driver.execute("ROLLBACK")  # type: ignore[union-attr]
            driver.execute("BEGIN IMMEDIATE")  # type: ignore[union-attr]
        else:
            db.connection(execution_options={"writing": True})
    except (sa.exc.OperationalError, db.get_bind().dialect.loaded_dbapi.OperationalError) as error:
        release_write_lock(db)
        if storage:
            storage.heard(error.orig if isinstance(error, sa.exc.OperationalError) and error.orig else error)
            storage.refuse_if_failed()
        raise Busy() from error
    except BaseException:
        release_write_lock(db)
        raise
    db.info["writing"] = True
    db.info["holds_writer"] = True


def release_write_lock(db: Session) -> None:
    """The transaction has ended, one way or the other: the next writer may begin."""
    db.info.pop("writing", None)
    if db.info.pop("holds_writer", False):
        _one_writer.release()


@event.listens_for(Session, "after_transaction_end")
def _writer_ends(db: Session, transaction: Any) -> None:
    if transaction.parent is None and db.info.get("writing"):
        release_write_lock(db)


@event.listens_for(Session, "after_commit")
def _stored(db: Session) -> None:
    storage: Storage | None = db.info.get("storage")
    if storage and db.info.get("writing") and not db.in_nested_transaction():
        storage.stored()


@event.listens_for(Session, "before_flush")
def _writer_first(db: Session, _context: Any, _instances: Any) -> None:
    if not db.info.get("writing") and (db.new or db.dirty or db.deleted):
        raise RuntimeError("a service that writes takes the write lock first: take_write_lock(db)")


def read_one_state(db: Session) -> None:
    """From here on all queries of this session, which has asked nothing yet, see one state of the database. SQLite does so by itself."""
    if db.get_bind().dialect.name == "postgresql" and isinstance(db.bind, sa.Engine):
        db.connection(execution_options={"isolation_level": "REPEATABLE READ"})


@contextmanager
def transaction(sessions: Callable[[], Session]) -> Iterator[Session]:
    """One short transaction: leaving commits, raising rolls back. For the edge (`http.py`, `work.py`) alone."""
    with sessions() as db:
        try:
            yield db
            db.commit()
        except BaseException:
            db.rollback()
            raise
