"""Work of more than a moment: it is asked for in a page, done by the job process, watched and stopped from any browser.

A kind of work is written so that it can be taken up again: each `Task.chunk` is one transaction that stores a piece of
the work together with how far it has come, so that a power cut neither loses a piece nor does one twice.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock, disk, files, i18n
from app.db import Database, take_write_lock
from app.errors import DomainError, Message, NotFound, say
from app.ids import readable_code
from app.ops.models import BackgroundJob
from app.work import work

log = logging.getLogger("sabaq.background")

FOLDER = "made"  # of files that jobs make, under the node's folder
SHOW_EVERY = 0.5  # seconds between two notes of progress that store nothing else
MOST_LINES = 500  # of a job's log
MOST_WAITING = 20  # of one person

WAITING, RUNNING, DONE, FAILED, CANCELLED = "waiting", "running", "done", "failed", "cancelled"
STATES: Mapping[str, Message] = {
    WAITING: say("job", "waiting"),
    RUNNING: say("job", "running"),
    DONE: say("job", "done"),
    FAILED: say("job", "failed"),
    CANCELLED: say("job", "stopped"),
}


class Cancelled(Exception):
    """The job was asked to stop; what its chunks have stored stays."""


class TooManyWaiting(DomainError):
    message = say("job", "You have asked for a great deal of work that is not done yet. Wait for it, or stop some of it.")


@dataclass(frozen=True)
class Kind:
    """One kind of background work."""

    title: Message
    """What the list of jobs calls it; {name} is `params["name"]`."""
    steps: Mapping[str, Message]
    run: Callable[[Task], None]
    keeps: Message = field(default=say("job", "What it had made is thrown away."))
    """What stays of it when it is stopped."""


# ---- asking for it ---------------------------------------------------------------------------------------------------


def ask(
    db: Session, *, kind: str, params: Mapping[str, Any], person_id: uuid.UUID | None, language: str, now: datetime
) -> BackgroundJob:
    """Put work into the queue. `params` are plain values ready for JSON; `name` in it says what the work is about.

    Raises TooManyWaiting.
    """
    take_write_lock(db)
    waiting = db.scalar(
        sa.select(sa.func.count()).where(BackgroundJob.person_id == person_id, BackgroundJob.state.in_((WAITING, RUNNING)))
    )
    if (waiting or 0) >= MOST_WAITING:
        raise TooManyWaiting()
    job = BackgroundJob(kind=kind, params=dict(params), person_id=person_id, language=language, made_at=now)
    db.add(job)
    db.flush()
    return job


def stop(db: Session, job_id: uuid.UUID, *, now: datetime) -> BackgroundJob:
    """Ask a job to stop: one that waits is over at once, one that runs stops before its next piece. Raises NotFound."""
    take_write_lock(db)
    job = _locked(db, job_id)
    if job.state == WAITING:
        job.state, job.ended_at = CANCELLED, now
    elif job.state == RUNNING:
        job.cancel = True
    db.flush()
    return job


def again(db: Session, job_id: uuid.UUID, *, now: datetime) -> BackgroundJob:
    """Take up a job that failed or was stopped where it was left. Raises NotFound."""
    take_write_lock(db)
    job = _locked(db, job_id)
    if job.state in (FAILED, CANCELLED):
        job.state, job.cancel, job.ended_at, job.result = WAITING, False, None, None
    db.flush()
    return job


def _locked(db: Session, job_id: uuid.UUID) -> BackgroundJob:
    job = db.scalar(
        sa.select(BackgroundJob).where(BackgroundJob.id == job_id).with_for_update().execution_options(populate_existing=True)
    )
    if job is None:
        raise NotFound()
    return job


# ---- doing it --------------------------------------------------------------------------------------------------------


class Task:
    """A job in hand, as the code of its kind sees it."""

    def __init__(self, database: Database, job: BackgroundJob, folder: Path) -> None:
        self.database, self.folder = database, folder
        self.id, self.person_id, self.language = job.id, job.person_id, job.language
        self.params: dict[str, Any] = dict(job.params)
        self.stored = job.stored
        """How far this job has come for good, in an earlier try too: begin behind it."""
        self._shown = 0.0

    def step(self, name: str, total: int | None = None) -> None:
        """Say which step begins, and of how many pieces it is. Raises Cancelled."""
        with self._note() as job:
            job.step, job.total, job.done = name, total, 0

    def show(self, done: int) -> None:
        """Show how many pieces of the step are done; cheap enough for every piece. Raises Cancelled."""
        if time.monotonic() - self._shown < SHOW_EVERY:
            return
        with self._note() as job:
            job.done = done

    @contextmanager
    def chunk(self, pieces: int) -> Iterator[Session]:
        """One transaction that stores so many pieces, and that they are stored. Raises Cancelled before it begins."""
        with work(self.database, self.person_id) as db:
            job = self._mine(db)
            yield db
            job.stored = job.done = self.stored + pieces
            job.beat_at = clock.now()
        self.stored += pieces

    def say(self, message: Message) -> None:
        """A line of the job's log: what whoever asked has to know."""
        with self._note() as job:
            job.log = [*job.log[-MOST_LINES:], as_json(message)]

    def keep(self, data: bytes, name: str) -> dict[str, Any]:
        """Keep what was made as a file of the node; the result to end with. Raises NoRoomForFiles on a disk that is nearly full."""
        disk.refuse_files(self.folder)
        return {"file": files.keep(self.folder / FOLDER, data), "name": name, "bytes": len(data)}

    def finish(self, **result: Any) -> None:
        """Say what came of it: `file` and `name` (see keep), `text` (a Message), `address` (a page of this site) and `link` (a Message: what it is called)."""
        with self._note() as job:
            job.result = {key: as_json(value) if isinstance(value, Message) else value for key, value in result.items()}

    @contextmanager
    def _note(self) -> Iterator[BackgroundJob]:
        with work(self.database) as db:
            job = self._mine(db)
            yield job
            job.beat_at = clock.now()
        self._shown = time.monotonic()

    def _mine(self, db: Session) -> BackgroundJob:
        job = _locked(db, self.id)
        if job.cancel or job.state != RUNNING:
            raise Cancelled()
        return job


def take_up_what_was_left(database: Database) -> int:
    """At the start of the one job process: what another one was doing when it died waits again. Gives how many."""
    with work(database) as db:
        left = db.scalars(sa.select(BackgroundJob).where(BackgroundJob.state == RUNNING)).all()
        for job in left:
            job.state = WAITING
        return len(left)


def waiting(database: Database) -> bool:
    """Whether there is work to do."""
    with database.sessions() as db:
        return db.scalar(sa.select(BackgroundJob.id).where(BackgroundJob.state == WAITING).limit(1)) is not None


def run_next(database: Database, folder: Path, kinds: Mapping[str, Kind]) -> bool:
    """Do the job that waits longest; False when none does. Whatever happens to it, the queue goes on."""
    with work(database) as db:
        job = db.scalar(
            sa.select(BackgroundJob).where(BackgroundJob.state == WAITING).order_by(BackgroundJob.made_at, BackgroundJob.id).limit(1)
        )
        if job is None:
            return False
        job.state, job.beat_at = RUNNING, clock.now()
        job.started_at = job.started_at or clock.now()
        db.flush()
        task, kind = Task(database, job, folder), kinds.get(job.kind)
    state, line = DONE, None
    try:
        if kind is None:
            raise DomainError(say("job", "This release does not know this kind of work."))
        with i18n.speaking(task.language):
            kind.run(task)
    except Cancelled:
        state = CANCELLED
    except DomainError as refused:
        state, line = FAILED, refused.message
    except Exception:
        reference = readable_code(6)
        log.exception("%s: background job %s failed", reference, task.id)
        state, line = FAILED, say("job", "Something went wrong on the server. It has been noted under {reference}.", reference=reference)
    with work(database) as db:
        job = _locked(db, task.id)
        job.state, job.ended_at = state, clock.now()
        if line is not None:
            job.log = [*job.log, as_json(line)]
    return True


# ---- seeing it -------------------------------------------------------------------------------------------------------


def share(job: BackgroundJob) -> float | None:
    """How much of the present step is done, 0 to 1; None when nobody knows."""
    return min(1.0, job.done / job.total) if job.total else None


def seconds_left(job: BackgroundJob, now: datetime) -> int | None:
    """An estimate from the pace so far, once a twentieth is done."""
    part = share(job)
    if job.state != RUNNING or part is None or part < 0.05 or job.started_at is None:
        return None
    return round((now - job.started_at).total_seconds() / part * (1 - part))


def as_json(value: Any) -> Any:
    """A message as it is stored: to be said in the language of whoever reads it."""
    if not isinstance(value, Message):
        return value if isinstance(value, (int, float, str, bool)) or value is None else str(value)
    return {"context": value.context, "text": value.text, "params": {key: as_json(one) for key, one in value.params.items()}}


def message(stored: Mapping[str, Any]) -> Message:
    """The message again."""
    params = {key: message(one) if isinstance(one, dict) else one for key, one in stored["params"].items()}
    return Message(stored["context"], stored["text"], params)
