"""Closing a run, and opening it again."""

from __future__ import annotations

from flask import g, render_template, url_for
from flask.typing import ResponseReturnValue

from app import clock, i18n
from app.certificates import queries as certificates
from app.errors import Invalid, say
from app.http import audit, go, guarded, me, say_next
from app.progress.queries import progress_of_run
from app.runs import queries, rules, services
from app.runs.forms import CloseForm, ReasonForm
from app.runs.models import CourseRun
from app.runs.rules import Gap
from app.runs.views.blueprint import bp
from app.runs.views.report import more_gaps
from app.runs.views.sight import (
    Inside,
    given_by,
    standing_of,
    the_run,
    title_of,
)


@bp.get("/runs/<code>/close")
@bp.post("/runs/<code>/close", endpoint="save_close")
@guarded("run.close", given_by("run.close"))
def close(run: CourseRun) -> ResponseReturnValue:
    """What is missing, and closing the run."""
    code, form = run.code, CloseForm()
    gaps = _gaps(run)
    if form.is_submitted() and form.validate():
        try:
            services.close_run(g.db, run, by=me().person_id, now=clock.now(), gaps=gaps, note=form.note.data or "")
        except Invalid as refused:
            g.db.rollback()
            run = the_run(g.db, code)
            form.show(refused)
        else:
            say_next(say("run", "Run {code} is closed.", code=code))
            return go("runs.page", code=code)
    return render_template("runs/close.html", run=run, title=title_of(run), form=form, gaps=gaps), 422 if form.errors else 200


def _gaps(run: CourseRun) -> list[Gap]:
    members = queries.roster(g.db, run.id)
    inside = Inside([], None, members, progress_of_run(g.db, run.id), certificates.of_run(g.db, run.id))
    return [*rules.gaps(standing_of(run, inside, queries.counts_of(g.db, [run.id])[run.id].undecided)), *more_gaps(run, inside)]


@bp.get("/runs/<code>/reopen")
@bp.post("/runs/<code>/reopen", endpoint="save_reopen")
@guarded("run.decide", given_by("run.decide"))
def reopen(run: CourseRun) -> ResponseReturnValue:
    """Open a closed run again, with a reason."""
    code, form = run.code, ReasonForm()
    if form.is_submitted() and form.validate():
        services.reopen_run(g.db, run, by=me().person_id, now=clock.now(), reason=form.reason.data or "")
        audit("run.reopen", about=code, reason=form.reason.data)
        say_next(say("run", "Run {code} is open again.", code=code), "warn")
        return go("runs.page", code=code)
    return render_template(
        "runs/reason.html", run=run, form=form, heading=i18n.t("run", "Open {code} again", code=code),
        text=i18n.t("run", "Nominations, tests and results can be changed again. PINs stay dead: print new slips where they are needed."),
        button=i18n.t("run", "Open {code} again", code=code), back=url_for("runs.page", code=code),
    ), 422 if form.errors else 200
