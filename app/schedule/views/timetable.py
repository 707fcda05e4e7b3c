"""The timetable of a run: taken over from its course, read, printed; and new meetings."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, time
from typing import Any

from flask import g, render_template, request
from flask.typing import ResponseReturnValue

from app import clock, i18n, lists, pdf
from app.courses.content import CourseContent
from app.courses.queries import course_content
from app.errors import Invalid, say
from app.http import go, guarded, me, say_next
from app.i18n import pick
from app.offices.models import Classroom
from app.runs import queries as runs
from app.runs.models import CourseRun
from app.runs.queries import Teacher
from app.runs.views.sight import days_of, seen_by, the_run, title_of, where_of
from app.schedule import queries, rules, services
from app.schedule.forms import MeetingForm
from app.schedule.models import Meeting
from app.schedule.rules import Proposal, Span
from app.schedule.views import finding
from app.schedule.views.blueprint import bp
from app.schedule.views.finding import held_by, hours, may, rows_of, weekday

EDIT = "timetable.edit"


@bp.get("/runs/<code>/timetable")
@guarded("run.read", seen_by("run.read"))
def timetable(run: CourseRun) -> ResponseReturnValue:
    """The meetings of a run by day; where there are none yet, what the course proposes for its days."""
    now, content = clock.now(), course_content(g.db, run.course_version_id)
    teachers = runs.trainers_of(g.db, [run.id]).get(run.id, [])
    rows = rows_of(run, content, now, teachers=teachers, people=runs.counts_of(g.db, [run.id])[run.id].enrolled)
    editable = may(run, EDIT)
    proposals = {} if rows or not editable else queries.proposals_for(g.db, run, content)
    return render_template(
        "schedule/timetable.html", run=run, title=title_of(run), days=days_of(run), where=where_of(run), rows=rows, by_day=_by_day(rows),
        editable=editable, takes=may(run, "attendance.take"), teaches=may(run, "run.teach"), teachers=teachers,
        proposals={name: _shown(one, content) for name, one in proposals.items()},
        undoable=editable and services.may_undo(g.db, [one.meeting for one in rows], now), hours=hours, weekday=weekday,
        total=sum(one.minutes for one in rows if one.number), states=rules.STATES, parts=TAUGHT_PARTS,
    )


TAUGHT_PARTS = {"substitute": say("taught", "substitute"), "guest": say("taught", "guest")}


def _by_day(rows: list[finding.Row]) -> dict[date, list[finding.Row]]:
    found: dict[date, list[finding.Row]] = {}
    for row in rows:
        found.setdefault(row.meeting.day, []).append(row)
    return found


# ---- taking a timetable over -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ShownPart:
    """A meeting to be, in the language of the page."""

    day: date
    when: str
    minutes: int
    lines: list[str]


@dataclass(frozen=True)
class ShownProposal:
    """A proposal as the page tells it before it is stored."""

    meetings: list[ShownPart]
    skipped: list[str]
    free: list[str]
    left_over: int
    days: int
    minutes: int


def _shown(proposal: Proposal, content: CourseContent) -> ShownProposal:
    return ShownProposal(
        [
            ShownPart(
                one.day, f"{rules.hour_of(one.part.starts)}–{rules.hour_of(one.part.ends)}", one.part.ends - one.part.starts,
                [finding.title_of_line(content, line.kind, line.ref) for line in one.part.lines if line.kind != "break"],
            )
            for one in proposal.meetings
        ],
        [f"{weekday(one.day)} ({finding.holiday_name(one)})" for one in proposal.skipped], [weekday(one) for one in proposal.free],
        proposal.left_over, proposal.days, proposal.minutes,
    )


@bp.post("/runs/<code>/timetable/take-over")
@guarded(EDIT, held_by(EDIT))
def take_over(run: CourseRun) -> ResponseReturnValue:
    """Give a run the course's timetable, or the plain one, on its own days."""
    code = run.code
    found = queries.proposals_for(g.db, run, course_content(g.db, run.course_version_id))
    proposal = found.get(request.form.get("which", ""), found["plain"])
    made = services.take_over(g.db, run, proposal, by=me().person_id, now=clock.now())
    say_next(say("timetable", "Meetings planned: {n}. Change them where your days are different.", n=len(made)))
    return go("schedule.timetable", code=code)


@bp.post("/runs/<code>/timetable/undo")
@guarded(EDIT, held_by(EDIT))
def undo(run: CourseRun) -> ResponseReturnValue:
    """Take the whole timetable away again, while nothing has happened."""
    code = run.code
    n = services.undo_take_over(g.db, run, by=me().person_id, now=clock.now())
    say_next(say("timetable", "Meetings taken away: {n}.", n=n))
    return go("schedule.timetable", code=code)


# ---- a new meeting ---------------------------------------------------------------------------------------------------


@bp.get("/runs/<code>/timetable/add")
@bp.post("/runs/<code>/timetable/add", endpoint="save_add")
@guarded(EDIT, held_by(EDIT))
def add(run: CourseRun) -> ResponseReturnValue:
    """Add a meeting to a run."""
    code = run.code
    form = meeting_form(run)
    if form.is_submitted() and form.validate():
        try:
            meeting = services.add_meeting(g.db, run, span=span_from(form), classroom=room_from(form), place=form.place.data or "", by=me().person_id, now=clock.now())
        except Invalid as refused:
            g.db.rollback()
            run = the_run(g.db, code)
            form.show(refused)
        else:
            say_next(say("meeting", "The meeting is on the timetable."))
            return go("schedule.meeting", code=code, meeting_id=meeting.id)
    return render_template("schedule/add.html", run=run, form=form), 422 if form.errors else 200


def meeting_form(run: CourseRun, meeting: Meeting | None = None) -> MeetingForm:
    """The form of a meeting, with the classrooms of the office and the values of the meeting or the usual ones."""
    if meeting is not None:
        span = queries.span_of(meeting)
        values = {"day": meeting.day, "starts": _time(span.starts), "ends": _time(span.ends), "classroom": str(meeting.classroom_id or ""), "place": meeting.place}
    else:
        values = {"day": run.starts_on, "classroom": str(run.classroom_id or ""), "place": run.place}
    form = MeetingForm(data=values)
    rooms = {id: (pick(names), pick(office)) for id, names, office in runs.classrooms_under(g.db, [run.office.path])}
    if run.classroom:
        rooms.setdefault(run.classroom.id, (pick(run.classroom.names), pick(run.classroom.office.names)))
    form.classroom.choices = [("", i18n.t("run", "no classroom"))] + [(str(id), f"{office}, {room}") for id, (room, office) in rooms.items()]
    return form


def _time(minute: int) -> time:
    return time(minute // 60, minute % 60)


def span_from(form: MeetingForm) -> Span:
    """When the meeting of a form is."""
    given: dict[str, Any] = form.data
    return Span(given["day"], given["starts"].hour * 60 + given["starts"].minute, given["ends"].hour * 60 + given["ends"].minute)


def room_from(form: MeetingForm) -> Classroom | None:
    """The classroom of a form; its choices are the only ones that pass."""
    return g.db.get(Classroom, uuid.UUID(form.classroom.data)) if form.classroom.data else None


# ---- paper -----------------------------------------------------------------------------------------------------------


@bp.get("/runs/<code>/timetable/paper")
@guarded("run.read", seen_by("run.read"))
def paper(run: CourseRun) -> ResponseReturnValue:
    """The timetable on paper, with who really taught: part of the training file."""
    content, now = course_content(g.db, run.course_version_id), clock.now()
    teachers: list[Teacher] = runs.trainers_of(g.db, [run.id]).get(run.id, [])
    rows = rows_of(run, content, now, teachers=teachers, people=runs.counts_of(g.db, [run.id])[run.id].enrolled)
    if not rows:
        raise Invalid(say("timetable", "{code} has no timetable yet: there is nothing to print.", code=run.code))
    data = pdf.paper(
        "schedule/paper_timetable.html", language=i18n.language(), title=i18n.t("timetable", "Timetable, {code}", code=run.code),
        styles=("print.css", "print-schedule.css"), run=run, course=title_of(run), where=where_of(run), days=days_of(run), rows=rows,
        by_day=_by_day(rows), teachers=teachers, hours=hours, weekday=weekday, total=sum(one.minutes for one in rows if one.number), now=now,
        by=me().name, parts=TAUGHT_PARTS,
    )
    return lists.attachment(data, f"{run.code}-timetable.pdf", rows=len(rows))
