"""The take-over of a long staff list as background work: in pieces short enough for a room that saves answers beside it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from app import files, i18n
from app.errors import Conflict, say
from app.ops.background import FOLDER, Kind, Task
from app.people import register_files, staff_list
from app.people.staff_list import Entry, Terms

AT_ONCE = 100
"""Changes that a press of the button takes over itself; more are a job."""

WRITES_FOR = 0.05
"""Seconds for which one piece should hold the write lock; 0.2 is the limit (PRF-03)."""

SMALLEST, LARGEST = 10, 500


def params(*, name: str, data: bytes, folder: Path, reading: dict[str, str], first_row: int, terms: Terms, paths: tuple[str, ...], back: str) -> dict[str, Any]:
    """What the job needs, as plain values; the file itself is kept by its hash. `back` is the page of the preview."""
    said = asdict(terms) | {
        "since": terms.since.isoformat(), "today": terms.today.isoformat(),
        "agency_id": str(terms.agency_id) if terms.agency_id else None, "office_id": str(terms.office_id) if terms.office_id else None,
    }
    return {
        "name": name, "file": files.keep(folder / FOLDER, data), "reading": reading, "first_row": first_row, "terms": said,
        "paths": list(paths), "back": back,
    }


def run(task: Task) -> None:
    """Take the good rows over. Cut off and taken up again, it compares anew: what is in the register already is no change."""
    asked = task.params
    data = files.kept(task.folder / FOLDER, asked["file"])
    if data is None:
        raise Conflict(say("import", "The file is no longer here. Choose it again."))
    task.step("reading")
    grid = register_files.read(data, **asked["reading"])
    terms = _terms(asked["terms"])
    source = i18n.t("import", "staff list {file}, {day}", file=asked["name"], day=terms.today.isoformat())
    with task.database.sessions() as db:
        where = staff_list.places(db, asked["paths"])
    entries, faults = staff_list.entries(grid.rows[asked["first_row"] :], where, terms)
    task.step("comparing")
    with task.database.sessions() as db:
        plan = staff_list.plan_of(db, entries, where, terms.today)
    good = sorted([*plan.added, *(one.entry for one in plan.changed)], key=lambda entry: entry.row)
    bad = len({fault.row for fault in [*faults, *plan.faults]})

    task.step("storing", task.stored + len(good))
    added = changed = refused = 0
    for piece in _pieces(good):
        with task.chunk(len(piece)) as db:
            taken = staff_list.take_over(db, piece, where, today=terms.today, source=source)
        added, changed, refused = added + taken.added, changed + taken.changed, refused + len(taken.refused)
        for fault in taken.refused:
            task.say(say("import", "Row {row}: {why}", row=fault.row, why=fault.why))
    task.finish(
        text=say(
            "import", "Taken over: {added} added, {changed} changed. Rows that could not be taken: {bad}.",
            added=added, changed=changed, bad=bad + refused,
        ),
        address=asked["back"] if bad + refused else None,
    )


def _pieces(all: list[Entry]) -> Iterator[list[Entry]]:
    """Pieces of a list, each as large as the time that the last one took allows."""
    at, size = 0, SMALLEST
    while at < len(all):
        begun, piece = time.monotonic(), all[at : at + size]
        yield piece
        at += len(piece)
        took = max(time.monotonic() - begun, 0.001)
        size = max(SMALLEST, min(LARGEST, size * 2, round(size * WRITES_FOR / took)))


def _terms(said: dict[str, Any]) -> Terms:
    return Terms(**said | {
        "since": date.fromisoformat(said["since"]), "today": date.fromisoformat(said["today"]),
        "agency_id": uuid.UUID(said["agency_id"]) if said["agency_id"] else None,
        "office_id": uuid.UUID(said["office_id"]) if said["office_id"] else None,
    })


KIND = Kind(
    title=say("job", "Staff list {name}"),
    steps={
        "reading": say("job", "reading the file"), "comparing": say("job", "comparing with the register"), "storing": say("job", "taking over"),
    },
    run=run,
    keeps=say("job", "Rows that were taken over stay."),
)
