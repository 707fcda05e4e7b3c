"""A long list as a file, made in the background: the very view that would have answered, asked by the job process."""

from __future__ import annotations

from typing import Any

from flask import current_app, g, request

from app import clock, http
from app.errors import DomainError, say
from app.ops.background import Kind, Task
from app.people.queries import who_now


def run(task: Task) -> None:
    """Ask the view again as the person who asked, with the roles that he has now."""
    task.step("making")
    with task.database.sessions() as db:
        who = who_now(db, task.person_id, clock.now().date()) if task.person_id else None
    if who is None:
        raise DomainError(say("job", "Whoever asked for this may sign in no more."))
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    with app.test_request_context(task.params["address"]):
        g.who, g.language, g.in_background = who, task.language, True
        view = app.view_functions[request.endpoint]
        values: dict[str, Any] = request.view_args or {}
        answer = view(**values)
        answer.direct_passthrough = False
        name = http.file_name(answer) or "list"
        made = task.keep(answer.get_data(), name)
    task.finish(**made)


KIND = Kind(title=say("job", "List {name}"), steps={"making": say("job", "making the file")}, run=run)
