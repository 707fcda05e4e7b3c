"""Sticks as background work: a bundle written and read back, a stick that has arrived taken and answered."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import cast
from urllib.parse import urlencode

import sqlalchemy as sa
from flask import current_app

from app import clock
from app.errors import say
from app.ops.background import Kind, Task
from app.sync import courier, keys, queries, stick, wording
from app.sync.courier import Here, Visit
from app.sync.models import Exchange
from app.sync.stick import megabytes
from config import Config


def here(task: Task) -> Here:
    """This node, as the verbs of the courier want it."""
    config = cast(Config, current_app.extensions["sabaq.config"])
    return Here(task.database, config, keys.load_or_make(config.folder))


class Steps:
    """Shows on the job's page how many megabytes of which step are done."""

    def __init__(self, task: Task) -> None:
        self._task, self._name = task, ""

    def __call__(self, name: str, done: int, whole: int) -> None:
        if name != self._name:
            self._name = name
            self._task.step(name, megabytes(whole))
        self._task.show(done // 1_000_000)


STEPS = {
    "collecting": say("stick", "collecting what is to go, in MB"),
    "writing": say("stick", "writing to the stick, in MB; leave it in"),
    "verifying": say("stick", "reading every byte back from the stick, in MB; leave it in"),
    "checking": say("stick", "checking the bundle before anything is changed, in MB"),
    "taking": say("stick", "taking what is in it, in MB"),
}


# ---- out -------------------------------------------------------------------------------------------------------------


def write(task: Task) -> None:
    """Make a bundle and put it on a stick; without a stick it waits as a file to be downloaded."""
    node, to = here(task), str(task.params["to"])
    now, by, ticket = clock.now(), task.person_id, task.id.hex
    task.step("collecting")
    if not task.params.get("stick"):
        made = courier.make(node, to=to, ticket=ticket, now=now, by=by, step=Steps(task))
        task.finish(
            text=say("stick", "The file is ready. Download it onto the stick in your PC."), link=say("stick", "To the file"),
            address=f"/exchange/stick/files/{made.exchange}",
        )
        return
    onto = stick.stick_at(task.params["stick"], node.config.STICK)
    done = courier.hand_over(node, onto, to=to, ticket=ticket, now=now, by=by, step=Steps(task))
    task.finish(
        text=say("stick", "It is safe to remove the stick. Everything on it was read back and is right. Print the receipt sheet, and hand both to the courier."),
        link=say("stick", "Receipt sheet"), address=f"/exchange/stick/papers/{done.made.exchange}",
    )


# ---- in --------------------------------------------------------------------------------------------------------------


def take(task: Task) -> None:
    """Take the chosen bundles of a stick or of an upload; the centre answers in the same go."""
    node, paths = here(task), [Path(path) for path in task.params["paths"]]
    now, by = clock.now(), task.person_id
    before = _newest(node)
    onto = stick.stick_at(task.params["stick"], node.config.STICK) if task.params.get("stick") else None
    with node.database.sessions() as db:
        titles = queries.titles(db)
    visit = courier.take_all(node, paths, now=now, by=by, step=Steps(task), said=lambda line: task.say(wording.with_titles(line, titles)))
    if node.config.ROLE == "centre":
        _answer(task, node, onto, visit)
    if task.params.get("upload"):
        courier.drop_upload(node.config.folder, str(task.params["upload"]))
    task.finish(
        text=say("stick", "It is safe to remove the stick.") if onto else say("stick", "What was sent has been taken."),
        link=say("stick", "What came of it"), address="/exchange/stick/outcome?" + urlencode({"after": before, "until": _newest(node)}),
    )


def _answer(task: Task, node: Here, onto: stick.Stick | None, visit: Visit) -> None:
    if onto is not None:
        courier.answer(node, onto, visit, ticket=task.id.hex, now=clock.now(), by=task.person_id, step=Steps(task))
        return
    for code in courier.to_be_answered(node, visit):
        courier.make(node, to=code, ticket=f"{task.id.hex}-{code}", now=clock.now(), by=task.person_id, step=Steps(task))


def _newest(node: Here) -> int:
    with node.database.sessions() as db:
        return db.scalar(sa.select(sa.func.max(Exchange.place))) or 0


KEEPS = say("stick", "What was taken or written stays. Taken up again, it goes on from there.")
WRITE = Kind(title=say("job", "Bundle for {name}"), steps=STEPS, run=write, keeps=KEEPS)
TAKE = Kind(title=say("job", "Take what arrived: {name}"), steps=STEPS, run=take, keeps=KEEPS)


def params_to_write(*, to: str, title: str, onto: stick.Stick | None) -> dict[str, str]:
    """What the job has to know."""
    return {"to": to, "name": title, "stick": str(onto.path) if onto else ""}


def params_to_take(*, paths: list[Path], name: str, onto: stick.Stick | None, upload: str = "") -> dict[str, object]:
    """What the job has to know."""
    return {"paths": [str(path) for path in paths], "name": name, "stick": str(onto.path) if onto else "", "upload": upload}


def mine(person_id: uuid.UUID, token: str) -> str:
    """The name under which a person's upload is kept."""
    return f"{person_id.hex}-{token}"
