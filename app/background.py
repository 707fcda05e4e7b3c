"""THE table of background work: which kinds there are. How they are asked for, done and watched: app/ops/background.py."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from app.certificates import printing_job
from app.db import Database
from app.ops import background, backup_job, export_job
from app.ops.background import Kind
from app.people import staff_import
from app.sync import answering, stick_job
from config import Config

KINDS: Mapping[str, Kind] = {
    "staff-import": staff_import.KIND,
    "export": export_job.KIND,
    "certificates": printing_job.KIND,
    "stick-write": stick_job.WRITE,
    "stick-take": stick_job.TAKE,
    answering.JOB: answering.KIND,
    backup_job.JOB: backup_job.KIND,
}

LOOK_EVERY = 1.0  # seconds between two looks into an empty queue


def serve(database: Database, config: Config, stop: threading.Event) -> None:
    """Do background work until told to stop: a thread of the job process, which alone may."""
    background.take_up_what_was_left(database)
    app = None
    while not stop.is_set():
        if not background.waiting(database):
            stop.wait(LOOK_EVERY)
            continue
        if app is None:  # papers are made of templates; a node where nobody asks for work spares the memory
            from app import create_app

            app = create_app(config, database)
        with app.app_context():
            background.run_next(database, config.folder, KINDS)
