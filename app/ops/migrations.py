"""Bringing a node's database to the release's shape, by Alembic and without a configuration file."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from alembic.config import Config

SCRIPTS = Path(__file__).parent.parent.parent / "migrations"


def settings(connection: sa.Connection | None = None) -> Config:
    """Alembic's settings for our scripts, on a connection of ours."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.attributes["connection"] = connection
    return config


def upgrade(engine: sa.Engine, to: str = "head") -> None:
    """Bring the database to a revision; all of it or nothing."""
    from alembic import command

    with engine.connect().execution_options(writing=True) as connection, connection.begin():
        command.upgrade(settings(connection), to)


def revision(engine: sa.Engine) -> str | None:
    """The revision that the database is at; None for an empty one."""
    from alembic.migration import MigrationContext

    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


@cache
def newest() -> str:
    """The revision that this release wants."""
    from alembic.script import ScriptDirectory

    head = ScriptDirectory.from_config(settings()).get_current_head()
    if head is None:
        raise RuntimeError("no migration scripts: the release is incomplete")
    return head
