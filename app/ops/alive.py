"""The web process's signs of life: what its last one was when it starts, so that nobody's test loses the time it was away."""

from __future__ import annotations

import logging
import os
import threading
import time

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.db import Database
from app.errors import Busy
from app.ops.models import Heartbeat
from app.quizzes import invigilation
from app.quizzes.rules import SignOfLife
from app.work import work

EVERY_SECONDS = 10.0
PROCESS = "web"

log = logging.getLogger("sabaq")


def begin(database: Database) -> None:
    """Before the first page is served: notice an outage and begin to beat. An outage that cannot be written down is logged."""
    try:
        with work(database) as db:
            now, uptime = clock.now(), clock.uptime()
            for incident in invigilation.notice_outage(db, now=now, uptime=uptime, last=last_sign(db)):
                log.warning("pages were away since %s; tests that ran: %s", incident.from_at, len(incident.present))
            beat(db)
    except (Busy, sa.exc.SQLAlchemyError):
        log.exception("an outage, if there was one, could not be noted")


def last_sign(db: Session) -> SignOfLife | None:
    """When this node's pages were last there; None on a new node."""
    row = db.execute(sa.select(Heartbeat.boot, Heartbeat.uptime_ms, Heartbeat.beat_at).where(Heartbeat.process == PROCESS)).one_or_none()
    return SignOfLife(*row) if row else None


def beat(db: Session) -> None:
    """The pages are there now."""
    now, uptime = clock.now(), clock.uptime()
    row = db.scalar(sa.select(Heartbeat).where(Heartbeat.process == PROCESS))
    if row is None:
        db.add(Heartbeat(process=PROCESS, beat_at=now, pid=os.getpid(), boot=uptime.boot, uptime_ms=uptime.ms))
    else:
        row.beat_at, row.pid, row.boot, row.uptime_ms = now, os.getpid(), uptime.boot, uptime.ms
    db.flush()


def keep_beating(database: Database) -> None:
    """A thread of its own for as long as the process lives. A beat that fails is left out."""

    def beats() -> None:
        while True:
            time.sleep(EVERY_SECONDS)
            try:
                with work(database) as db:
                    beat(db)
            except (Busy, sa.exc.SQLAlchemyError) as error:
                log.warning("no heartbeat: %s", error)

    threading.Thread(target=beats, name="heartbeat", daemon=True).start()
