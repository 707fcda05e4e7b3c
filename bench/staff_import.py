"""How long a staff list takes as background work, and for how long its longest piece keeps other writers waiting (PRF-03)."""

from __future__ import annotations

import gc
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from sqlalchemy.orm import Session

from app import background as table
from app import clock
from app.db import Database, make_engine
from app.ops import background, migrations
from app.people import register_files, staff_import, staff_list
from app.people.staff_list import Terms
from app.sync import journal
from tests.people.rows import make_centre

FAMILIES, GIVEN = ("Бекова", "Омаров", "Сатова", "Жұмабеков", "Қасымова"), ("Айгерим", "Нурлан", "Сауле", "Әлия")


def measure(people: int) -> str:
    """One line: seconds for a list of so many people, and the longest time that the write lock was held."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database = Database(make_engine(f"sqlite:///{folder / 'sabaq.db'}"), "bench")
        migrations.upgrade(database.engine)
        journal.keep(database.sessions)
        _ask(database, folder, people)
        held: list[float] = []
        gc.collect()
        gc.freeze()  # as the job process does (app/cli.py)
        with _timed(held):
            begun = time.perf_counter()
            background.run_next(database, folder, table.KINDS)
            took = time.perf_counter() - begun
        database.engine.dispose()
    return f"staff list of {people:6} people as a job: {took:5.1f} s, write lock held for {max(held) * 1000:4.0f} ms at the longest"


def _ask(database: Database, folder: Path, people: int) -> None:
    rows = "".join(f"{100_000 + n};{FAMILIES[n % 5]};{GIVEN[n % 4]};KZ;майор;инспектор\r\n" for n in range(people))
    data = ("Личный номер;Фамилия;Имя;Подразделение;Звание;Должность\r\n" + rows).encode()
    with database.sessions() as db:
        db.info["writing"] = True
        office = make_centre(db)
        where = staff_list.places(db, [office.path])
        heads = staff_list.recognise(register_files.read(data))
        terms = Terms(columns=heads.columns, since=date(2026, 11, 1), today=date(2026, 11, 22), agency_id=next(iter(where.agencies)))
        params = staff_import.params(
            name="list", data=data, folder=folder, reading={"encoding": "", "separator": ""}, first_row=heads.at + 1, terms=terms, paths=where.paths,
            back="/",
        )
        background.ask(db, kind="staff-import", params=params, person_id=None, language="en", now=clock.now())
        db.commit()


@contextmanager
def _timed(held: list[float]) -> Iterator[None]:
    """Note how long each piece held the lock, its commit included."""
    kept = background.Task.chunk

    @contextmanager
    def chunk(task: background.Task, pieces: int) -> Iterator[Session]:
        begun = time.perf_counter()
        with kept(task, pieces) as db:
            yield db
        held.append(time.perf_counter() - begun)

    background.Task.chunk = chunk  # type: ignore[method-assign]
    try:
        yield
    finally:
        background.Task.chunk = kept  # type: ignore[method-assign]
