"""Attendance of a whole run: who was at which meeting, and the sum of hours against the rule."""

from __future__ import annotations

from flask import g, render_template
from flask.typing import ResponseReturnValue

from app import clock
from app.courses.queries import course_content
from app.http import guarded
from app.runs import queries as runs
from app.runs.models import CourseRun
from app.runs.views.sight import seen_by, title_of, whose
from app.schedule import queries, rules
from app.schedule.views import finding
from app.schedule.views.blueprint import bp
from app.schedule.views.finding import may, weekday
from app.schedule.views.roll import order


@bp.get("/runs/<code>/attendance")
@guarded("run.results", seen_by("run.results"))
def attendance(run: CourseRun) -> ResponseReturnValue:
    """Who was at which meeting of a run, and how many of the hours that makes."""
    now, teachers = clock.now(), runs.trainers_of(g.db, [run.id]).get(run.id, [])
    paths = whose(run, teachers)
    members = order(runs.roster(g.db, run.id, paths=paths), queries.walk_ins(g.db, run.id))
    meetings = [one for one in queries.meetings_of(g.db, run.id) if one.state != "cancelled"]
    return render_template(
        "schedule/hours.html", run=run, title=title_of(run), members=members, meetings=[(one, finding.when(one), one.starts_at <= now) for one in meetings],
        marks=queries.statuses_of(g.db, [one.id for one in meetings]), sums=queries.minutes_attended(g.db, [one.enrolment_id for one in members], now=now),
        rule=rules.RULE, letters=rules.LETTERS, statuses=rules.STATUSES, hours=finding.hours, weekday=weekday, whole=paths is None,
        takes=may(run, "attendance.take"), sheets=rules.sheets_of(run.id, [one.day for one in meetings]), code_of=rules.person_code,
        needed=course_content(g.db, run.course_version_id).completion.hours,
    )
