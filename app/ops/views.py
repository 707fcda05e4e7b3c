"""Pages for whoever runs the node: is the process alive, is it ready, which version is it. No personal data, JSON, cheap."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from flask import Blueprint, current_app, g, jsonify, render_template
from flask.typing import ResponseReturnValue

from app import clock, disk
from app.errors import say
from app.forms import Form
from app.http import audit, go, guarded, say_next
from app.ops import VERSION, backup_job, folders, migrations
from app.ops.models import Heartbeat

bp = Blueprint("ops", __name__)


@bp.get("/healthz")
@guarded("page.public")
def healthz() -> ResponseReturnValue:
    """The process answers."""
    return jsonify(status="ok")


@bp.get("/readyz")
@guarded("page.public")
def readyz() -> ResponseReturnValue:
    """Database, its disk, migrations, age of the job process's last sign of life; 503 when a class should not start."""
    storage = current_app.extensions["sabaq.database"].storage
    trouble = storage.trouble if storage else None
    at = g.db.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    beat = g.db.scalar(sa.select(Heartbeat.beat_at).where(Heartbeat.process == "jobs"))
    age = int((clock.now() - beat).total_seconds()) if beat else None
    migrated = at == migrations.newest()
    ready = migrated and trouble is None and age is not None and timedelta(seconds=age) < timedelta(minutes=2)
    database = trouble.value if trouble else "ok"  # else "full" or "failed": what a write met
    room = disk.look(current_app.config["FOLDER"])
    state = room.level.name.lower().replace("_", "-")  # enough | little | no-files | no-tests: a full disk stops tests, not the node
    return jsonify(
        ready=ready, database=database, migrated=migrated, job_process_age_s=age, disk=state, disk_free_percent=room.percent,
    ), 200 if ready else 503


@bp.get("/version")
@guarded("page.public")
def version() -> ResponseReturnValue:
    """Which release this is."""
    return jsonify(version=VERSION, role=current_app.config["ROLE"], node=current_app.config["NODE"])


# ---- room on the disk --------------------------------------------------------------------------------------------------


@bp.get("/room-on-disk")
@guarded("node.keep")
def room() -> ResponseReturnValue:
    """What the node's folder holds, what bounds each part of it, and the reserve."""
    folder = current_app.config["FOLDER"]
    nightly = backup_job.state(g.db, current_app.extensions["sabaq.config"])
    return render_template(
        "ops/room.html", nightly=nightly, nightly_late=nightly.late(clock.now()), room=disk.look(folder), held=folders.sizes(folder), others=folders.unknown(folder), reserve=disk.reserve(folder), form=Form(),
        shares=[(disk.LITTLE, disk.Level.LITTLE), (disk.NO_FILES, disk.Level.NO_FILES), (disk.NO_TESTS, disk.Level.NO_TESTS)],
    )


@bp.post("/room-on-disk")
@guarded("node.keep")
def give_back() -> ResponseReturnValue:
    """Give the reserve to the disk."""
    size = disk.give_back(current_app.config["FOLDER"])
    audit("reserve.given", bytes=size)
    if size:
        say_next(say("disk", "{mb} MB were given back. Now make room for good: the reserve is made again when there is room.", mb=size // disk.MEGABYTE))
    else:
        say_next(say("disk", "The reserve was given back before: there is none."), "warn")
    return go("ops.room")
