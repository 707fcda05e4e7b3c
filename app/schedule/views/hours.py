"""Attendance of a whole run or of one of its sessions: who was at which meeting, and the sum of hours against the rule."""

from __future__ import annotations

from flask import g, render_template, request
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
    sessions = queries.sessions_of(g.db, run.id)
    chosen = next((one for one in sessions if one.code == request.args.get("session")), None)
    if chosen is not None:
        meetings = [one for one in meetings if one.session_id == chosen.id]
        mine = queries.expected_in(g.db, run, chosen.id)
        members = [one for one in members if one.enrolment_id in mine]
    return render_template(
        "schedule/hours.html", run=run, title=title_of(run), members=members, meetings=[(one, finding.when(one), one.starts_at <= now) for one in meetings],
        marks=queries.statuses_of(g.db, [one.id for one in meetings]), sums=queries.minutes_attended(g.db, [one.enrolment_id for one in members], now=now, session_id=chosen.id if chosen else None),
        sessions=sessions, of_session=chosen,
        rule=rules.RULE, letters=rules.LETTERS, statuses=rules.STATUSES, hours=finding.hours, weekday=weekday, whole=paths is None,
        takes=may(run, "attendance.take"), sheets=rules.sheets_of(run.id, [one.day for one in meetings]), code_of=rules.person_code,
        needed=course_content(g.db, run.course_version_id).completion.hours,
    )
