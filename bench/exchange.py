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
from app.sync.models import StoredSegment
from app.sync.wire import Report
from tests.sync import class_life, line
from tests.sync.nodes import NOW, Installation, centre_and_class, install


@contextmanager
def _two(folder: Path) -> Iterator[tuple[Installation, Installation]]:
    with centre_and_class(folder) as (centre, node):
        class_life.plan(centre, [node])
        yield centre, node


def measure(records: int = 10_000) -> list[str]:
    """Lines: a first exchange of so many records over the line on loopback, then of 100 changes, then of nothing."""
    lines = []
    with tempfile.TemporaryDirectory() as name, _two(Path(name)) as (centre, node), line.served(centre, node):
        line.speak(node)  # what joined them: the first snapshot comes down
        line.speak(node)
        made = class_life.live(node, records)
        took, said = _once(node)
        goal = f"goal for 10,000: 5 s, 1.5 MB; {said.bytes_out / made:.0f} bytes a record, an answer may cost 120"
        lines.append(f"first exchange of {made:6} records over the line: {took:5.2f} s, {said.bytes_out / 1e6:.2f} MB, {said.requests} requests ({goal})")
        class_life.change(node, 100)
        took, said = _once(node)
        lines.append(f"exchange of 100 more answers:                    {took:5.2f} s, {said.bytes_out / 1e3:.1f} KB, {said.requests} requests (goal 0.5 s)")
        _once(node)
        took, said = _once(node)
        lines.append(f"exchange of nothing:                             {took:5.2f} s, {said.bytes_out / 1e3:.1f} KB, {said.requests} requests (goal 1)")
        with centre.database.sessions() as db, node.database.sessions() as here:
            count = sa.select(sa.func.count()).select_from(Answer)
            if db.scalar(count) != here.scalar(count):
                raise RuntimeError("not all answers arrived")
    return lines


def _once(node: Installation) -> tuple[float, Report]:
    """One exchange: seconds, and what it cost."""
    begun = time.perf_counter()
    said = line.speak(node)
    return time.perf_counter() - begun, said


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
    table = StoredSegment.__table__
    with node.database.engine.connect() as source, centre.database.engine.connect().execution_options(writing=True) as target, target.begin():
        for row in source.execute(sa.select(table)).mappings():
            target.execute(sa.insert(table), dict(row) | {"state": "applied"})  # type: ignore[arg-type]
