"""How long one slot takes for a pool of five hundred with two years of bookings (SCH-03), and a proposal for sixty sessions (SCH-10)."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import event

from app.db import Database, make_engine
from app.ops import migrations
from app.planning import proposal, queries
from app.schedule.models import SessionSlot
from app.sync import journal
from tests.planning.pool import NOW, Filled, fill

TRIES = 7


def measure() -> list[str]:
    """Two lines, each beside the same statements run bare on the driver."""
    lines = []
    with tempfile.TemporaryDirectory() as name:
        database, filled = _pool(Path(name) / "slot.db", trainers=500)
        with database.sessions() as db:
            slot = db.get_one(SessionSlot, filled.slot_ids[0])
            took, bare, n = _beside(database, lambda: queries.judged(db, slot, now=NOW))
        lines.append(
            f"500 trainers for a slot, {filled.bookings} bookings: {took:4.0f} ms, {took / bare:.1f} x its {n} statements bare ({bare:.0f} ms) (goal: <= 300 ms)"
        )
        database.engine.dispose()
        database, filled = _pool(Path(name) / "month.db", trainers=40, sessions=60)
        with database.sessions() as db:
            until = NOW.replace(year=NOW.year + 1).date()
            took, bare, n = _beside(database, lambda: proposal.propose(db, first=NOW.date(), last=until, paths=["/"], now=NOW))
        lines.append(f"a proposal for 60 sessions and 40 trainers: {took:4.0f} ms, {took / bare:.1f} x its {n} statements bare ({bare:.0f} ms) (goal: <= 2 s)")
        database.engine.dispose()
    return lines


def _pool(path: Path, **size: int) -> tuple[Database, Filled]:
    database = Database(make_engine(f"sqlite:///{path}"), "bench")
    migrations.upgrade(database.engine)
    journal.keep(database.sessions)
    return database, fill(database, **size)


def _beside(database: Database, work: Callable[[], object]) -> tuple[float, float, int]:
    """Milliseconds of the fastest of some tries, those of its statements alone, and how many these are."""
    statements: list[tuple[str, Any]] = []

    def keep(_connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        statements.append((statement, values))

    event.listen(database.engine, "before_cursor_execute", keep)
    work()
    event.remove(database.engine, "before_cursor_execute", keep)
    with database.engine.connect() as connection:
        driver = connection.connection.driver_connection

        def bare() -> None:
            for statement, values in statements:
                driver.execute(statement, values).fetchall()  # type: ignore[union-attr]

        return _best(work), _best(bare), len(statements)


def _best(work: Callable[[], object]) -> float:
    found = []
    for _ in range(TRIES):
        begun = time.perf_counter()
        work()
        found.append(time.perf_counter() - begun)
    return min(found) * 1000
