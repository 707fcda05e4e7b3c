"""Copies of a SQLite database taken while it is in use."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from app import clock
from app.db import Database, make_engine
from app.errors import Invalid, say
from app.people.models import Person
from app.quizzes.models import Answer


def create(database: Database, folder: Path) -> str:
    """Write a copy, open it, count what is in it; gives a sentence with its place and size.

    Raises Invalid on PostgreSQL, which has its own tools, and when the copy does not pass its check.
    """
    if database.name != "sqlite":
        raise Invalid(say("backup", "This node uses PostgreSQL: back it up with pg_dump."))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"sabaq-{clock.now():%Y%m%d-%H%M%S-%f}.db"
    raw = database.engine.raw_connection()  # outside any transaction, which VACUUM refuses
    try:
        raw.cursor().execute("VACUUM INTO ?", (str(path),))
    finally:
        raw.close()
    copy = make_engine(f"sqlite:///{path}")
    with copy.connect() as connection:
        sound = connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
        people, answers = (connection.scalar(sa.select(sa.func.count()).select_from(table)) for table in (Person, Answer))
    copy.dispose()
    if not sound:
        raise Invalid(say("backup", "The copy did not pass its check. Do not rely on it; look at the disk."))
    return f"{path}: {path.stat().st_size // 1024} KB, {people} people, {answers} answers, checked."
