"""What APScheduler runs and when: a process of its own, one at a time by a lock, each due time once by a ledger."""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import background, clock, disk
from app.db import Database
from app.notices import delivery
from app.online import polling
from app.ops import backup_job, demo, demo_class, folders
from app.ops.models import Heartbeat, JobRun
from app.people.models import SignIn, Throttle
from app.planning import reminding
from app.quizzes import services as quizzes
from app.sync import erasing, second_journal, wire
from app.work import work
from config import Config

STOPPING_SECONDS = 5

log = logging.getLogger("sabaq.jobs")


@dataclass(frozen=True)
class Job:
    """Work that comes round: its name, how often, and the verb, which is handed a writing session and the time.

    `apart`, instead, works longer than a write lock may be held: it is handed the database and takes its own short transactions.
    """

    name: str
    every: timedelta
    do: Callable[[Session, datetime], None] | None = None
    apart: Callable[[Database, Config, datetime], None] | None = None
    look: timedelta | None = None
    """How often it is looked whether a due time has come, where that is not every time: a day begins at midnight UTC, not when the node was started."""


def beat(db: Session, now: datetime) -> None:
    """Show that the job process lives."""
    row = db.scalar(sa.select(Heartbeat).where(Heartbeat.process == "jobs"))
    if row is None:
        db.add(Heartbeat(process="jobs", beat_at=now, pid=os.getpid()))
    else:
        row.beat_at, row.pid = now, os.getpid()
    db.flush()


def look_at_clock(db: Session, now: datetime) -> None:
    """Record a step of the wall clock, so that nobody wonders about the times of a day."""
    quizzes.note_clock(db, now=now, uptime=clock.uptime())


def close_overdue(db: Session, now: datetime) -> None:
    """Close unsupervised attempts whose time is over, with what was saved; give those that came from another server a clock first."""
    quizzes.take_up(db, now=now, uptime=clock.uptime())
    quizzes.close_overdue(db, now=now, uptime=clock.uptime())


def tidy(db: Session, now: datetime) -> None:
    """Forget sign-ins that ended a month ago, delays that have passed, and old lines of the ledger."""
    for table, old in (
        (SignIn, SignIn.ended_at < now - timedelta(days=30)),
        (Throttle, Throttle.next_at < now - timedelta(days=1)),
        (JobRun, JobRun.due_at < now - timedelta(days=7)),
    ):
        db.execute(sa.delete(table).where(old))


def seal(database: Database, config: Config, now: datetime) -> None:
    """Put what happened into segments, so that a bundle is made at once and a second journal is never more than a minute behind."""
    from app.sync import keys, sealer

    sealer.seal_all(database, config.folder, keys.load_or_make(config.folder), now)


def clean(database: Database, config: Config, now: datetime) -> None:
    """Throw away what is old in the node's folder, and keep a reserve on the disk while there is room for it."""
    gone = folders.clean(database, config, now)
    if gone:
        log.info("%s old files were thrown away", gone)
    disk.keep_reserve(config.folder)


JOBS = (
    Job("beat", timedelta(seconds=10), beat),
    Job("clock", timedelta(seconds=5), look_at_clock),
    Job("close-overdue", timedelta(seconds=30), close_overdue),
    Job("recheck", timedelta(seconds=30), apart=reminding.recheck),
    Job("remind", timedelta(minutes=1), apart=reminding.remind_all),
    Job("online", timedelta(minutes=1), apart=polling.look),
    Job("tidy", timedelta(hours=1), tidy),
    Job("clean", timedelta(hours=1), apart=clean),
    Job("wipe", timedelta(minutes=1), apart=erasing.wipe_when_quiet),
    Job("backup", timedelta(days=1), apart=backup_job.ask, look=timedelta(minutes=30)),
    Job("seal", timedelta(seconds=30), apart=seal),
    Job("second-journal", timedelta(seconds=30), apart=second_journal.tick),  # seals, too: a minute old at most
)


def due_time(job: Job, now: datetime) -> datetime:
    """The newest due time of a job: multiples of its interval since 1970, the same for every process."""
    seconds = int(job.every.total_seconds())
    return datetime.fromtimestamp(int(now.timestamp()) // seconds * seconds, UTC)


def run_once(database: Database, config: Config, job: Job, now: datetime) -> bool:
    """Do a job's newest due time unless the ledger has it; work and ledger are one transaction, but for work that stands apart."""
    due = due_time(job, now)
    if job.apart is not None:
        with database.sessions() as db:
            if db.scalar(sa.select(JobRun.id).where(JobRun.job == job.name, JobRun.due_at == due)):
                return False
        job.apart(database, config, now)
    try:
        with work(database) as db:
            if db.scalar(sa.select(JobRun.id).where(JobRun.job == job.name, JobRun.due_at == due)):
                return False
            db.add(JobRun(job=job.name, due_at=due, done_at=now))
            db.flush()
            if job.do is not None:
                job.do(db, now)
    except sa.exc.IntegrityError:
        return False  # another process was first
    return True


class Leader:
    """One job process at a time: a file lock on SQLite, an advisory lock on PostgreSQL. A killed holder frees it."""

    ADVISORY_KEY = 0x5ABA9

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.path = database, folder / "jobs.lock"
        self.file: IO[bytes] | None = None
        self.connection: sa.Connection | None = None

    def is_mine(self) -> bool:
        """Take the lock if it is free; whether it is ours."""
        return self._file_lock() if self.database.name == "sqlite" else self._advisory_lock()

    def _file_lock(self) -> bool:
        if self.file is None:
            file = self.path.open("ab")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                file.close()
                return False
            self.file = file
        return True

    def _advisory_lock(self) -> bool:
        try:
            if self.connection is None:
                connection = self.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
                if not connection.scalar(sa.select(sa.func.pg_try_advisory_lock(self.ADVISORY_KEY))):
                    connection.close()
                    return False
                self.connection = connection
            self.connection.scalar(sa.select(1))
        except sa.exc.DBAPIError:  # the server went away, and the lock with it
            self.connection = None
            return False
        return True


def run(database: Database, config: Config) -> None:
    """The job process: until it is told to stop. Background work that takes longer to stop is taken up at the next start."""
    from apscheduler.executors.pool import ThreadPoolExecutor
    from apscheduler.schedulers.background import BackgroundScheduler

    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    leader = Leader(database, config.folder)
    parent = os.getppid()
    while not leader.is_mine():
        if stop.wait(2) or os.getppid() != parent:
            return

    def tick(job: Job) -> None:
        if not leader.is_mine():
            stop.set()
            return
        try:
            run_once(database, config, job, clock.now())
        except Exception:
            log.exception("job %s failed; it comes round again", job.name)

    scheduler = BackgroundScheduler(
        timezone="UTC", executors={"default": ThreadPoolExecutor(1)},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": 60},
    )
    pretended = (Job("demo-class", timedelta(seconds=5), demo_class.breathe),) if demo.is_demo(config) else ()
    for job in (*JOBS, *pretended):
        scheduler.add_job(tick, "interval", [job], seconds=(job.look or job.every).total_seconds(), id=job.name, next_run_time=datetime.now(UTC))
    scheduler.start()
    worker = threading.Thread(target=background.serve, args=(database, config, stop), name="background", daemon=True)
    worker.start()
    line = threading.Thread(target=wire.serve, args=(database, config, stop), name="line", daemon=True)
    if config.ROLE == "classroom":
        line.start()
    threading.Thread(target=delivery.serve, args=(database, config, stop), name="mail", daemon=True).start()  # a mail server may let one wait
    while not stop.wait(2) and os.getppid() == parent:
        pass
    stop.set()
    scheduler.shutdown(wait=True)
    worker.join(STOPPING_SECONDS)
