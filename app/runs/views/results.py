"""The result sheet on the page, on paper and in files."""

from __future__ import annotations

from flask import g, render_template
from flask.typing import ResponseReturnValue

from app import clock, i18n, lists, sheets
from app.errors import say
from app.http import guarded, me
from app.people.signing_in import class_manager
from app.progress.results import COLUMNS as RESULT_COLUMNS
from app.progress.results import COUNTS, OUTCOMES, PRACTICALS, results
from app.progress.rules import FEWEST_PAIRS
from app.runs.models import CourseRun
from app.runs.views.blueprint import bp
from app.runs.views.sight import (
    days_of,
    inside_of,
    paper_of,
    seen_by,
    title_of,
    today_of,
    where_of,
)


@bp.get("/runs/<code>/results")
@guarded("run.results", seen_by("run.results"))
def sheet(run: CourseRun) -> ResponseReturnValue:
    """The result sheet: on the page, on paper and in files the same rows."""
    inside = inside_of(run)
    held = {id: (one.number, one.kind == "participated") for id, one in inside.certificates.items()}
    made = results(inside.members, inside.progress, held)
    view = lists.show(lists.asked(RESULTS), made.rows)
    about = {
        "run": run, "course": title_of(run), "where": where_of(run), "days": days_of(run), "teachers": inside.teachers, "results": made,
        "whole": inside.paths is None, "outcomes": OUTCOMES, "practicals": PRACTICALS, "counts": COUNTS, "fewest": FEWEST_PAIRS,
    }
    if view.file == "pdf":
        manager = class_manager(g.db, (run.classroom.office if run.classroom else run.office).path, today_of(run))
        return paper_of(
            "runs/paper_results.html", f"{run.code}-results.pdf", title=i18n.t("result", "Result sheet, {code}", code=run.code),
            rows=len(made.rows), manager=manager, **about,
        )
    if view.file in lists.FILES:
        return lists.download(
            sheets.Sheet(
                name=f"{run.code}-results", title=RESULTS.title, columns=RESULT_COLUMNS, rows=tuple(row.values for row in made.rows),
                at=clock.now(), zone=run.zone, by=me().name, scope=say("result", "run {code}", code=run.code),
                filters=((say("result", "Course"), title_of(run)), (say("result", "Days"), days_of(run)), (say("result", "Where"), where_of(run))),
            ),
            view.file, **view.csv,
        )
    return render_template("runs/results.html", view=view, **about)


RESULTS = lists.Listing(
    name="results", title=say("result", "Result sheet"), sort="number",
    columns=tuple(lists.Column(one.key, one.head, one.kind, always=True) for one in RESULT_COLUMNS),
)
