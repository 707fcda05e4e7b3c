"""The nightly copy of the node: asked for by the clock, made as background work, kept in the folder that SABAQ_BACKUP names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import cast

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.orm import Session

from app.db import Database
from app.errors import Invalid, Message, say
from app.ops import background, backup
from app.ops.background import FAILED, RUNNING, WAITING, Kind, Task
from app.ops.models import BackgroundJob
from app.work import work
from config import Config

JOB = "backup"
LATE = timedelta(days=2)  # a night was left out


def folder_of(config: Config) -> Path | None:
    """Where the nightly copies of this node are: several nodes may name one disk. None where no folder is named."""
    return Path(config.BACKUP) / config.NODE if config.BACKUP else None


def ask(database: Database, config: Config, now: datetime) -> None:
    """Ask for tonight's copy, unless one is waited for or no folder is named."""
    if folder_of(config) is None:
        return
    with work(database) as db:
        under_way = sa.select(BackgroundJob.id).where(BackgroundJob.kind == JOB, BackgroundJob.state.in_((WAITING, RUNNING)))
        if db.scalar(under_way.limit(1)) is None:
            background.ask(db, kind=JOB, params={"name": config.NODE}, person_id=None, language=config.DEFAULT_LANGUAGE, now=now)


def make(task: Task) -> None:
    """Background work: make the copy. A folder that is not there is not made: its disk is not in, and this one would fill up."""
    config = cast(Config, current_app.extensions["sabaq.config"])
    if not Path(config.BACKUP).is_dir():
        raise Invalid(say("backup", "The folder {path} for copies is not there: look whether its disk is in.", path=config.BACKUP))
    task.step("copy")
    backup.create(task.database, config, folder_of(config))
    task.finish(text=say("backup", "The copy is made and checked."))


KIND = Kind(title=say("job", "Nightly copy of {name}"), steps={"copy": say("backup", "copying and checking")}, run=make)


@dataclass(frozen=True)
class Nightly:
    """How the nightly copies stand."""

    folder: Path | None
    newest: datetime | None = None
    count: int = 0
    failed: Message | None = None  # why the last one was not made

    def late(self, now: datetime) -> bool:
        """Whether a night was left out."""
        return self.folder is not None and (self.newest is None or now - self.newest > LATE)


def state(db: Session, config: Config) -> Nightly:
    """When the last nightly copy was made and where, and why the last try failed if it did."""
    folder = folder_of(config)
    if folder is None:
        return Nightly(None)
    found = backup.copies(folder)
    ended = sa.select(BackgroundJob).where(BackgroundJob.kind == JOB, BackgroundJob.ended_at.is_not(None))
    last = db.scalars(ended.order_by(BackgroundJob.ended_at.desc()).limit(1)).first()
    failed = background.message(last.log[-1]) if last is not None and last.state == FAILED and last.log else None
    return Nightly(folder, datetime.fromisoformat(found[0].at) if found else None, len(found), failed)
