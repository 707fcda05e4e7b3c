"""The list of runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import sqlalchemy as sa
from flask import current_app, g, render_template
from flask.typing import ResponseReturnValue

from app import clock, i18n, lists
from app.courses.models import Course, CourseVersion
from app.errors import Message, say
from app.http import actor, guarded, me
from app.i18n import pick
from app.offices.models import Office
from app.policy import scope
from app.runs import queries, rules
from app.runs.models import CourseRun
from app.runs.queries import Count
from app.runs.reporting import reports_of, state_of
from app.runs.rules import REPORT_STATES, ReportState
from app.runs.views.blueprint import bp
from app.runs.views.sight import local_day

NOBODY = Count()


@dataclass(frozen=True)
class RunRow:
    """A line of the list."""

    run: CourseRun
    office: Mapping[str, str]
    titles: Mapping[str, str]
    version: int
    count: Count = NOBODY
    lead: str = ""
    report: ReportState = ReportState.NOT_DUE

    @property
    def course(self) -> str:
        """The course in the language of the page."""
        return pick(self.titles)


RUNS = lists.Listing(
    name="runs",
    title=say("runs", "Runs"),
    columns=(
        lists.Column("code", say("runs", "Run"), value=lambda row: row.run.code, sort=True, always=True),
        lists.Column("course", say("runs", "Course"), value=lambda row: row.course),
        lists.Column("version", say("runs", "Version"), "int", value=lambda row: row.version, shown=False),
        lists.Column("office", say("runs", "Office"), value=lambda row: pick(row.office), sort=True),
        lists.Column("place", say("runs", "Place"), value=lambda row: row.run.place, shown=False),
        lists.Column("starts_on", say("runs", "First day"), "day", value=lambda row: row.run.starts_on, sort=True),
        lists.Column("ends_on", say("runs", "Last day"), "day", value=lambda row: row.run.ends_on, sort=True),
        lists.Column("lead", say("runs", "Lead trainer"), value=lambda row: row.lead),
        lists.Column("enrolled", say("runs", "People"), "int", value=lambda row: row.count.enrolled),
        lists.Column("seats", say("runs", "Seats"), "int", value=lambda row: row.run.seats, sort=True),
        lists.Column("undecided", say("runs", "To decide"), "int", value=lambda row: row.count.undecided, shown=False),
        lists.Column("report", say("runs", "Report"), value=lambda row: REPORT_STATES[row.report], shown=False),
        lists.Column("state", say("runs", "State"), value=lambda row: rules.STATES[row.run.state], sort=True),
    ),
    sort="-starts_on",
    filters=(
        lists.Filter("q", say("runs", "Run"), "search"),
        lists.Filter("state", say("runs", "State"), options=tuple(rules.STATES.items())),
        lists.Filter("from", say("runs", "From"), "day"),
        lists.Filter("to", say("runs", "To"), "day"),
    ),
)


@bp.get("/runs")
@guarded("run.list")
def index() -> ResponseReturnValue:
    """The runs that who asks may see."""
    mine = queries.visible(scope(actor(), "run.list"), me().person_id)
    offices = g.db.execute(
        sa.select(Office.code, Office.names).join(CourseRun, CourseRun.office_id == Office.id).where(mine).distinct().order_by(Office.code)
    ).all()
    courses = dict(
        g.db.execute(
            sa.select(Course.slug, CourseVersion.titles)
            .join(CourseVersion, CourseVersion.course_id == Course.id).join(CourseRun, CourseRun.course_version_id == CourseVersion.id)
            .join(Office, Office.id == CourseRun.office_id).where(mine).order_by(CourseVersion.number)
        ).all()
    )
    view = lists.asked(
        RUNS,
        filters=(
            lists.Filter("office", say("runs", "Office"), options=tuple((code, pick(names)) for code, names in offices)),
            lists.Filter("course", say("runs", "Course"), options=tuple((slug, pick(titles)) for slug, titles in courses.items())),
        ),
    )
    query = (
        sa.select(CourseRun, Office.names, CourseVersion.titles, CourseVersion.number)
        .join(Office, Office.id == CourseRun.office_id).join(CourseVersion, CourseVersion.id == CourseRun.course_version_id)
        .join(Course, Course.id == CourseVersion.course_id).where(mine)
    )
    if view.value("q"):
        query = query.where(CourseRun.code.icontains(view.value("q"), autoescape=True))
    if view.value("state"):
        query = query.where(CourseRun.state == view.value("state"))
    if view.value("office"):
        query = query.where(Office.code == view.value("office"))
    if view.value("course"):
        query = query.where(Course.slug == view.value("course"))
    if first := view.day("from"):
        query = query.where(CourseRun.ends_on >= first)
    if last := view.day("to"):
        query = query.where(CourseRun.starts_on <= last)
    order = {
        "code": (sa.func.length(CourseRun.code), CourseRun.code), "office": Office.code, "starts_on": (CourseRun.starts_on, CourseRun.code),
        "ends_on": CourseRun.ends_on, "seats": CourseRun.seats, "state": CourseRun.state,
    }
    lists.fetch(g.db, view, query, order, CourseRun.id, row=lambda row: RunRow(*row))
    ids = [row.run.id for row in view.rows]
    counts, teachers = queries.counts_of(g.db, ids), queries.trainers_of(g.db, ids)
    made, now = reports_of(g.db, ids), clock.now()
    view.rows = [
        replace(row, report=state_of(row.run, made.get(row.run.id), local_day(now, row.run)), count=counts[row.run.id], lead=next((one.name for one in teachers.get(row.run.id, ())), "")) for row in view.rows
    ]
    return lists.export(view, scope_words=_scope_words()) or render_template(
        "runs/index.html", view=view, plans_here=current_app.config["ROLE"] != "classroom"
    )


def _scope_words() -> Message | str:
    paths = scope(actor(), "run.list")
    if not paths:
        return say("runs", "runs that {name} teaches", name=me().name)
    names = g.db.scalars(sa.select(Office.names).where(Office.path.in_(paths)).order_by(Office.path)).all()
    return i18n.listing(pick(one) for one in names)
