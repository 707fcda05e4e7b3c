"""How long two nodes exchange, how many bytes and requests that costs, and how long it takes to make all rows anew (PRF-07, I6)."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from app.quizzes.models import Answer
from app.sync import rebuild
from tests.sync import class_life
from tests.sync.nodes import NOW, Installation, centre_and_class, install


@contextmanager
def _two(folder: Path) -> Iterator[tuple[Installation, Installation]]:
    with centre_and_class(folder) as (centre, node):
        class_life.plan(centre, [node])
        yield centre, node


def measure(records: int = 10_000) -> list[str]:
    """Lines: a first exchange of so many records by file, then of 100 changes, then of nothing."""
    lines = []
    with tempfile.TemporaryDirectory() as name, _two(Path(name)) as (centre, node):
        made = class_life.live(node, records)
        first, size = _once(node, centre)
        goal = f" (goal for 10,000: 5 s, 1.5 MB); {size / made:.0f} bytes a record (goal: an answer <= 120)"
        lines.append(f"first exchange of {made:6} records, made and taken: {first:5.2f} s, {size / 1e6:.2f} MB{goal}")
        class_life.change(node, 100)
        changed, size = _once(node, centre)
        lines.append(f"exchange of 100 more answers:                     {changed:5.2f} s, {size / 1000:.1f} KB (goal 0.5 s)")
        nothing, size = _once(node, centre)
        lines.append(f"exchange of nothing, as a file:                   {nothing:5.2f} s, {size / 1000:.1f} KB")
        with centre.database.sessions() as db, node.database.sessions() as here:
            count = sa.select(sa.func.count()).select_from(Answer)
            if db.scalar(count) != here.scalar(count):
                raise RuntimeError("not all answers arrived")
    return lines


def _once(node: Installation, centre: Installation) -> tuple[float, int]:
    """There and back: seconds, and bytes of the file upward."""
    begun = time.perf_counter()
    made = node.bundle(centre)
    centre.take(made.path)
    back = centre.bundle(node)
    node.take(back.path)
    return time.perf_counter() - begun, made.size


def rebuilt(facts: int) -> str:
    """One line: how long it takes to read so many facts again from segments and to compare every row."""
    with tempfile.TemporaryDirectory() as name, _two(Path(name)) as (centre, node):
        made = class_life.live(node, facts)
        begun = time.perf_counter()
        node.seal()
        sealed = time.perf_counter() - begun
        centre.seal()
        _move_segments(node, centre)
        empty = install(Path(name) / "anew", "centre", role="centre")
        begun = time.perf_counter()
        rebuild.rebuild(centre.database, empty.database, now=NOW)
        applied = time.perf_counter() - begun
        begun = time.perf_counter()
        with node.database.sessions() as here, empty.database.sessions() as there:
            for table in class_life.names():
                for one, other in zip(rebuild.lines(here, table), rebuild.lines(there, table), strict=True):
                    if one != other:
                        raise RuntimeError(f"a row of {table} came out differently: {one[0]}")
        compared = time.perf_counter() - begun
        empty.close()
    rate = made / (applied + compared)
    return (
        f"all rows anew from segments, {made} records: sealed in {sealed:.0f} s, applied in {applied:.0f} s, every row compared in {compared:.0f} s;"
        f" {rate:.0f} a second (goal: 1,000,000 in 600 s, that is 1,667)"
    )


def _move_segments(node: Installation, centre: Installation) -> None:
    """The segments alone reach the centre, as on a disk that was saved: nothing of them is applied there."""
    from app.sync.models import StoredSegment

    table = StoredSegment.__table__
    with node.database.engine.connect() as source, centre.database.engine.connect().execution_options(writing=True) as target, target.begin():
        for row in source.execute(sa.select(table)).mappings():
            target.execute(sa.insert(table), dict(row) | {"state": "applied"})  # type: ignore[arg-type]
