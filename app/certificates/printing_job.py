"""The certificates of a long run as background work: a few sheets at a time, so that memory stays flat and it can be stopped."""

from __future__ import annotations

import uuid

from app import pdf
from app.certificates import printing, queries
from app.errors import NotFound, say
from app.ops.background import Kind, Task
from app.runs.models import CourseRun

MANY = 30
"""Certificates from which on a run is printed in the background."""

AT_ONCE = 20


def run(task: Task) -> None:
    """All certificates of a run with their page of the register, as `printing.of_run` makes them at once for a short one."""
    with task.database.sessions() as db:
        run = db.get(CourseRun, uuid.UUID(task.params["run"]))
        lines = queries.lines_of_run(db, run.id) if run else []
        if run is None or not lines:
            raise NotFound()
        title, language = printing.title_of_run(run, lines)
        register = printing.register(run, lines)
        copies = [printing.copy_of(line) for line in printing.standing(lines)]
    task.step("printing", len(copies))
    parts = []
    for at in range(0, len(copies), AT_ONCE):
        last = at + AT_ONCE >= len(copies)
        parts.append(printing.certificates(copies[at : at + AT_ONCE], language=language, title=title, register=register if last else None))
        task.show(min(at + AT_ONCE, len(copies)))
    task.finish(**task.keep(pdf.joined(parts, title=title), f"certificates-{task.params['name']}.pdf"))


KIND = Kind(title=say("job", "Certificates of run {name}"), steps={"printing": say("job", "printing")}, run=run)
