"""Pages of background work: the list of one's own, one job with its progress, its file, stopping and going on."""

from __future__ import annotations

import uuid
from pathlib import Path

import sqlalchemy as sa
from flask import Blueprint, current_app, g, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app import clock, files, i18n, lists
from app.background import KINDS
from app.errors import Message, NotFound, say
from app.http import go, guarded, me
from app.ops import background
from app.ops.models import BackgroundJob, Heartbeat
from app.policy import Target
from app.work import work

bp = Blueprint("jobs", __name__)

NEWEST = 50
SILENT_SECONDS = 60


def mine(db: Session, job_id: uuid.UUID) -> tuple[BackgroundJob, Target]:
    """A job of the address: only who asked for it sees it."""
    job = db.get(BackgroundJob, job_id)
    if job is None:
        raise NotFound()
    return job, Target(owner=job.person_id)


@bp.app_template_global()
def job_title(job: BackgroundJob) -> str:
    """What a job is called."""
    kind = KINDS.get(job.kind)
    if kind is None:
        return job.kind
    return i18n.say(Message(kind.title.context, kind.title.text, {"name": job.params.get("name", "")}))


def _facts(job: BackgroundJob) -> dict[str, object]:
    kind = KINDS.get(job.kind)
    beat = g.db.scalar(sa.select(Heartbeat.beat_at).where(Heartbeat.process == "jobs"))
    result = job.result or {}
    return {
        "made": result.get("name", "") if "file" in result else "", "address": result.get("address"),
        "job": job, "states": background.STATES, "step": kind.steps.get(job.step) if kind else None,
        "keeps": kind.keeps if kind else None, "left": _words(background.seconds_left(job, clock.now())),
        "silent": beat is None or (clock.now() - beat).total_seconds() > SILENT_SECONDS,
        "lines": [background.message(line) for line in job.log],
        "text": background.message(result["text"]) if "text" in result else None,
        "link": background.message(result["link"]) if "link" in result else say("job", "Look at what is left"),
    }


def _words(seconds: int | None) -> str:
    if seconds is None:
        return ""
    if seconds < 60:
        return i18n.t("job", "less than a minute left")
    return i18n.nt("job", "about {n} minute left", "about {n} minutes left", (seconds + 30) // 60)


@bp.app_errorhandler(lists.TakesLong)
def in_background(long: lists.TakesLong) -> ResponseReturnValue:
    """A long list asked for as a file becomes work in the background; the browser is led to its progress."""
    who = me()
    with work(current_app.extensions["sabaq.database"], who.person_id) as db:
        job = background.ask(
            db, kind="export", params={"name": long.name, "address": request.full_path}, person_id=who.person_id,
            language=i18n.language(), now=clock.now(),
        )
        job_id = job.id
    return go("jobs.page", job_id=job_id)


@bp.get("/jobs")
@guarded("job.list")
def index() -> ResponseReturnValue:
    """The work that who asks has asked for, newest first."""
    found = g.db.scalars(
        sa.select(BackgroundJob).where(BackgroundJob.person_id == me().person_id).order_by(BackgroundJob.made_at.desc()).limit(NEWEST)
    ).all()
    return render_template("ops/jobs.html", jobs=found, states=background.STATES, share=background.share)


@bp.get("/jobs/<uuid:job_id>")
@guarded("job.read", mine)
def page(job: BackgroundJob) -> ResponseReturnValue:
    """One job: how far it is, and what came of it. `part` asks for the moving part alone."""
    if "part" in request.args:
        return render_template("ops/job_part.html", **_facts(job))
    return render_template("ops/job.html", **_facts(job))


@bp.post("/jobs/<uuid:job_id>/stop")
@guarded("job.read", mine)
def stop(job: BackgroundJob) -> ResponseReturnValue:
    """Stop it: at once when it waits, before its next piece when it runs."""
    background.stop(g.db, job.id, now=clock.now())
    return go("jobs.page", job_id=job.id)


@bp.post("/jobs/<uuid:job_id>/again")
@guarded("job.read", mine)
def again(job: BackgroundJob) -> ResponseReturnValue:
    """Take it up where it was left."""
    background.again(g.db, job.id, now=clock.now())
    return go("jobs.page", job_id=job.id)


@bp.get("/jobs/<uuid:job_id>/file")
@guarded("job.read", mine)
def made(job: BackgroundJob) -> ResponseReturnValue:
    """The file that it made."""
    result = job.result or {}
    data = files.kept(Path(current_app.config["FOLDER"]) / background.FOLDER, result["file"]) if "file" in result else None
    if data is None:
        raise NotFound(say("job", "This file is no longer kept. Ask for it again."))
    return lists.attachment(data, result["name"], inline=result["name"].endswith(".pdf"))
