"""Closing a meeting: what is still open on its roll, and who really taught it, asked once at the end."""

from __future__ import annotations

from collections.abc import Mapping

from flask import g, render_template, request
from flask.typing import ResponseReturnValue

from app import clock
from app.courses.queries import course_content
from app.errors import Conflict, Invalid, Message, say
from app.http import go, guarded, me, say_next
from app.runs import queries as runs
from app.runs.models import CourseRun
from app.runs.views.sight import the_run, title_of
from app.schedule import queries, rules, services
from app.schedule.models import Meeting
from app.schedule.rules import Status
from app.schedule.views import finding
from app.schedule.views.blueprint import bp
from app.schedule.views.finding import Found, meeting_by, the_meeting, weekday
from app.schedule.views.meeting import note_taught, planned, substitutes_for
from app.schedule.views.roll import TAKE

REST: Mapping[str, Message] = {
    "present": say("closing", "they were there: mark them as present"), "absent": say("closing", "they were not there: mark them as absent"),
    "open": say("closing", "leave them open: somebody asks later"),
}
"""What becomes of those of whom nothing is noted."""


@bp.get("/runs/<code>/meetings/<uuid:meeting_id>/close")
@guarded(TAKE, meeting_by(TAKE))
def close(found: Found) -> ResponseReturnValue:
    """Ask what is still open about a meeting."""
    return _page(*found)


@bp.post("/runs/<code>/meetings/<uuid:meeting_id>/close")
@guarded(TAKE, meeting_by(TAKE))
def save_close(found: Found) -> ResponseReturnValue:
    """Note what was still open: all of it, or nothing when something of it cannot be."""
    run, meeting = found
    code, id, rest = run.code, meeting.id, request.form.get("rest", "")
    marked = 0
    try:
        if _unset(run, meeting) and rest not in REST:
            raise Invalid(fields={"rest": say("closing", "Say what becomes of those who are not set.")})
        if rest in (Status.PRESENT, Status.ABSENT):
            marked = services.mark_rest(g.db, run, meeting, by=me().person_id, now=clock.now(), status=Status(rest))
        note_taught(run, meeting)
    except (Invalid, Conflict) as refused:
        g.db.rollback()
        run = the_run(g.db, code)
        wrong = refused.fields if isinstance(refused, Invalid) else {}
        return _page(run, the_meeting(g.db, run, id), wrong=wrong, refused=None if wrong else refused.message, status=422 if isinstance(refused, Invalid) else 409)
    say_next(say("closing", "The meeting is closed. Rows marked: {n}. Who taught is noted.", n=marked))
    return go("schedule.meeting", code=code, meeting_id=id)


def _unset(run: CourseRun, meeting: Meeting) -> list[str]:
    """The names of those of whom nothing is noted."""
    notes = queries.marks_of(g.db, meeting.id)
    return [one.name for one in queries.expected(g.db, run, meeting) if queries.status_of(notes.get(one.enrolment_id, [])) is Status.UNSET]


def _page(
    run: CourseRun, meeting: Meeting, *, wrong: Mapping[str, Message] | None = None, refused: Message | None = None, status: int = 200
) -> ResponseReturnValue:
    teachers = runs.trainers_of(g.db, [run.id]).get(run.id, [])
    rows = finding.rows_of(run, course_content(g.db, run.course_version_id), clock.now(), teachers=teachers, people=len(queries.expected(g.db, run, meeting)))
    row = next(one for one in rows if one.meeting.id == meeting.id)
    return render_template(
        "schedule/close.html", run=run, title=title_of(run), meeting=meeting, row=row, weekday=weekday, when=finding.when(meeting), unset=_unset(run, meeting),
        rest=REST, chosen=request.form.get("rest", ""), planned=planned(run, meeting, queries.items_of(g.db, [meeting.id]).get(meeting.id, [])),
        substitutes=substitutes_for(run), revision=max((one.row.revision for one in row.taught), default=0), wrong=wrong or {}, refused=refused,
        typed=request.form if request.method == "POST" else {}, statuses=rules.STATUSES, closable=finding.may(run, TAKE) and meeting.state in rules.STANDS,
    ), status
