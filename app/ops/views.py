"""Pages for whoever runs the node: is the process alive, is it ready, which version is it. No personal data, JSON, cheap."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from flask import Blueprint, current_app, g, jsonify
from flask.typing import ResponseReturnValue

from app import clock
from app.http import guarded
from app.ops import VERSION, migrations
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
    return jsonify(ready=ready, database=database, migrated=migrated, job_process_age_s=age), 200 if ready else 503


@bp.get("/version")
@guarded("page.public")
def version() -> ResponseReturnValue:
    """Which release this is."""
    return jsonify(version=VERSION, role=current_app.config["ROLE"], node=current_app.config["NODE"])
