"""A meeting: when and where, its lines, who taught it, cancelling it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from flask import g, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app import clock, i18n
from app.courses.content import CourseContent
from app.courses.queries import course_content
from app.errors import Conflict, Invalid, Message, NotFound, say
from app.http import go, guarded, me, say_next
from app.policy import Target
from app.runs import queries as runs
from app.runs.forms import ReasonForm
from app.runs.models import CourseRun
from app.runs.queries import Teacher as RunTeacher
from app.runs.views.sight import the_run, title_of, where_of
from app.schedule import queries, rules, services
from app.schedule.forms import LineForm
from app.schedule.models import Meeting, MeetingItem
from app.schedule.rules import Line
from app.schedule.services import Teacher
from app.schedule.views import finding
from app.schedule.views.blueprint import bp
from app.schedule.views.finding import Found, hours, may, meeting_by, the_meeting, weekday
from app.schedule.views.timetable import EDIT, TAUGHT_PARTS, meeting_form, room_from, span_from


@bp.get("/runs/<code>/meetings/<uuid:meeting_id>")
@guarded("run.read", meeting_by("run.read"))
def meeting(found: Found) -> ResponseReturnValue:
    """A meeting of a run."""
    return _page(*found)


@bp.post("/runs/<code>/meetings/<uuid:meeting_id>")
@guarded(EDIT, meeting_by(EDIT))
def change(found: Found) -> ResponseReturnValue:
    """Move, shorten or lengthen a meeting."""
    run, meeting = found
    code, id = run.code, meeting.id
    form = meeting_form(run, meeting)
    if form.validate():
        try:
            services.change_meeting(
                g.db, run, meeting, span=span_from(form), classroom=room_from(form), place=form.place.data or "", by=me().person_id, now=clock.now(),
            )
        except Invalid as refused:
            g.db.rollback()
            run = the_run(g.db, code)
            meeting = the_meeting(g.db, run, id)
            form.show(refused)
        else:
            say_next(say("meeting", "The meeting is changed."))
            return go("schedule.meeting", code=code, meeting_id=id)
    return _page(run, meeting, form=form)


def _page(run: CourseRun, meeting: Meeting, **shown: Any) -> ResponseReturnValue:
    content = course_content(g.db, run.course_version_id)
    teachers = runs.trainers_of(g.db, [run.id]).get(run.id, [])
    rows = finding.rows_of(run, content, clock.now(), teachers=teachers, people=runs.counts_of(g.db, [run.id])[run.id].enrolled)
    row = next(one for one in rows if one.meeting.id == meeting.id)
    editable, stands = may(run, EDIT), meeting.state != "cancelled"
    form = shown.get("form") or (meeting_form(run, meeting) if editable else None)
    line_form = shown.get("line_form") or (_line_form(run, content, teachers) if editable else None)
    errors = any(getattr(one, "errors", None) for one in (form, line_form)) or shown.get("wrong") or shown.get("refused")
    items = [line.item for line in row.lines if line.item]
    return render_template(
        "schedule/meeting.html", run=run, title=title_of(run), meeting=meeting, row=row, of=sum(one.number is not None for one in rows),
        editable=editable and stands, restorable=editable and not stands, takes=may(run, "attendance.take") and stands, form=form if stands else None,
        line_form=line_form if stands else None, planned=planned(run, meeting, items), hours=hours, weekday=weekday, states=rules.STATES,
        where=row.where or where_of(run), sum=sum(line.minutes for line in row.lines), who_choices=_who_choices(teachers), who_value=_who_value,
        substitutes=substitutes_for(run) if may(run, "attendance.take") and row.begun and stands else [], parts=TAUGHT_PARTS,
        revision=max((one.row.revision for one in row.taught), default=0), wrong=shown.get("wrong", {}), refused=shown.get("refused"),
        typed=request.form if request.method == "POST" else {}, statuses=rules.STATUSES,
    ), shown.get("status", 422 if errors else 200)


# ---- lines -----------------------------------------------------------------------------------------------------------


def _line_form(run: CourseRun, content: CourseContent, teachers: list[RunTeacher]) -> LineForm:
    form = LineForm()
    form.what.choices = what_choices(content)
    form.who.choices = _who_choices(teachers)
    return form


def what_choices(content: CourseContent) -> list[tuple[str, str]]:
    """What a line of a timetable may be about: what the course has, and what every class day has."""
    known = [("lesson", one.id) for one in content.lessons] + [("quiz", one.id) for one in content.quizzes] + [("practical", one.id) for one in content.practicals]
    named = [(f"{kind}:{ref}", f"{i18n.say(rules.KINDS[kind])}: {finding.title_of_line(content, kind, ref)}") for kind, ref in known]
    return named + [(kind, i18n.say(label)) for kind, label in rules.KINDS.items() if kind not in ("lesson", "quiz", "practical")]


def _who_choices(teachers: list[RunTeacher]) -> list[tuple[str, str]]:
    parts = [(who, i18n.say(label)) for who, label in rules.WHO.items()]
    return [("", "–"), *parts, *((str(one.person_id), one.name) for one in teachers)]


def _who_value(item: MeetingItem) -> str:
    return str(item.teacher_id) if item.teacher_id else item.who or ""


def _who_from(text: str) -> tuple[str | None, uuid.UUID | None]:
    if text in rules.WHO:
        return text, None
    return None, uuid.UUID(text) if text else None


@bp.post("/runs/<code>/meetings/<uuid:meeting_id>/lines")
@guarded(EDIT, meeting_by(EDIT))
def add_line(found: Found) -> ResponseReturnValue:
    """Add a line to a meeting's timetable."""
    run, meeting = found
    code, id = run.code, meeting.id
    form = _line_form(run, course_content(g.db, run.course_version_id), runs.trainers_of(g.db, [run.id]).get(run.id, []))
    if form.validate():
        kind, _, ref = form.what.data.partition(":")
        who, teacher_id = _who_from("" if kind == "break" else form.who.data or "")
        try:
            services.add_item(
                g.db, run, meeting, line=Line(kind, form.minutes.data or 0, ref or None, who), teacher_id=teacher_id, text=form.text.data or "",
                by=me().person_id, now=clock.now(),
            )
        except Invalid as refused:
            g.db.rollback()
            run = the_run(g.db, code)
            meeting = the_meeting(g.db, run, id)
            form.show(refused)
        else:
            return _to_lines(code, id)
    return _page(run, meeting, line_form=form)


def the_line(db: Session, code: str, meeting_id: uuid.UUID, item_id: uuid.UUID) -> tuple[tuple[CourseRun, Meeting, MeetingItem], Target]:
    """A line of a meeting's timetable."""
    (run, meeting), target = meeting_by(EDIT)(db, code, meeting_id)
    item = db.get(MeetingItem, item_id)
    if item is None or item.meeting_id != meeting.id:
        raise NotFound()
    return (run, meeting, item), target


@bp.post("/runs/<code>/meetings/<uuid:meeting_id>/lines/<uuid:item_id>")
@guarded(EDIT, the_line)
def change_line(found: tuple[CourseRun, Meeting, MeetingItem]) -> ResponseReturnValue:
    """Move a line up or down, change its minutes and who gives it, or take it off."""
    run, meeting, item = found
    code, id, do = run.code, meeting.id, request.form.get("do", "save")
    if do in ("up", "down"):
        services.move_item(g.db, run, meeting, item, up=do == "up", by=me().person_id, now=clock.now())
    elif do == "remove":
        services.remove_item(g.db, run, meeting, item, by=me().person_id, now=clock.now())
    else:
        minutes = request.form.get("minutes", "").strip()
        allowed = {value for value, _ in _who_choices(runs.trainers_of(g.db, [run.id]).get(run.id, []))} | {_who_value(item)}
        chosen = request.form.get("who", "")
        who, teacher_id = _who_from(chosen if chosen in allowed and item.kind != "break" else "")
        try:
            services.change_item(
                g.db, run, meeting, item, minutes=int(minutes) if minutes.isascii() and minutes.isdigit() and len(minutes) < 5 else 0,
                who=who, teacher_id=teacher_id, by=me().person_id, now=clock.now(),
            )
        except Invalid as refused:
            g.db.rollback()
            run = the_run(g.db, code)
            return _page(run, the_meeting(g.db, run, id), wrong={str(found[2].id): refused.message})
    return _to_lines(code, id)


def _to_lines(code: str, meeting_id: uuid.UUID) -> ResponseReturnValue:
    response = go("schedule.meeting", code=code, meeting_id=meeting_id)
    response.headers["Location"] += "#lines"
    return response


# ---- cancelling ------------------------------------------------------------------------------------------------------


@bp.get("/runs/<code>/meetings/<uuid:meeting_id>/cancel")
@bp.post("/runs/<code>/meetings/<uuid:meeting_id>/cancel", endpoint="save_cancel")
@guarded(EDIT, meeting_by(EDIT))
def cancel(found: Found) -> ResponseReturnValue:
    """Cancel a meeting, with a reason."""
    run, meeting = found
    code, id, form = run.code, meeting.id, ReasonForm()
    name = f"{weekday(meeting.day)}, {finding.when(meeting)}"
    if form.is_submitted() and form.validate():
        services.cancel_meeting(g.db, run, meeting, by=me().person_id, now=clock.now(), reason=form.reason.data or "")
        say_next(say("meeting", "The meeting of {day} is cancelled.", day=name), "warn")
        return go("schedule.timetable", code=code)
    return render_template(
        "runs/reason.html", run=run, form=form, heading=i18n.t("meeting", "Cancel the meeting of {day}", day=name),
        text=i18n.t("meeting", "It stays on the timetable with the reason, and counts for nobody's hours. What was noted at it is kept."),
        button=i18n.t("meeting", "Cancel the meeting of {day}", day=name), back=url_for("schedule.meeting", code=code, meeting_id=id),
    ), 422 if form.errors else 200


@bp.post("/runs/<code>/meetings/<uuid:meeting_id>/restore")
@guarded(EDIT, meeting_by(EDIT))
def restore(found: Found) -> ResponseReturnValue:
    """Hold a cancelled meeting after all."""
    run, meeting = found
    code, id = run.code, meeting.id
    try:
        services.restore_meeting(g.db, run, meeting, by=me().person_id, now=clock.now())
    except Invalid as refused:
        g.db.rollback()
        say_next(refused.message, "warn")
    else:
        say_next(say("meeting", "The meeting is held after all."))
    return go("schedule.meeting", code=code, meeting_id=id)


# ---- who taught ------------------------------------------------------------------------------------------------------


def planned(run: CourseRun, meeting: Meeting, items: list[MeetingItem]) -> list[tuple[uuid.UUID, str]]:
    """Who is planned to teach a meeting, with their names."""
    teachers = queries.teachers_at(g.db, run, meeting)
    ids = finding.planned_teachers(items, teachers, in_session=meeting.session_id is not None)
    names = {one.person_id: one.name for one in teachers} | finding.names_of([id for id in ids if id not in {one.person_id for one in teachers}])
    return [(id, names.get(id, "")) for id in ids]


def substitutes_for(run: CourseRun) -> list[tuple[uuid.UUID, str]]:
    """Who may have taught instead: everybody with the role of a trainer in the country, and the trainers of the run."""
    found = {id: name for id, name, _ in runs.lecturers(g.db, today=clock.now().date(), country_id=run.office.country_id)}
    found |= {one.person_id: one.name for one in runs.trainers_of(g.db, [run.id]).get(run.id, []) if one.person_id not in found}
    return list(found.items())


@bp.post("/runs/<code>/meetings/<uuid:meeting_id>/taught")
@guarded("attendance.take", meeting_by("attendance.take"))
def taught(found: Found) -> ResponseReturnValue:
    """Note who really taught a meeting."""
    run, meeting = found
    code, id = run.code, meeting.id
    try:
        note_taught(run, meeting)
    except (Invalid, Conflict) as refused:
        g.db.rollback()
        run = the_run(g.db, code)
        wrong: Mapping[str, Message] = refused.fields if isinstance(refused, Invalid) else {}
        status = 409 if isinstance(refused, Conflict) else 422
        return _page(run, the_meeting(g.db, run, id), wrong=wrong, refused=None if wrong else refused.message, status=status)
    say_next(say("taught", "Noted who taught."))
    return go("schedule.meeting", code=code, meeting_id=id)


def note_taught(run: CourseRun, meeting: Meeting) -> None:
    """Note who taught, as the form that was sent says. Raises what `record_taught` raises."""
    planned_here = dict(planned(run, meeting, queries.items_of(g.db, [meeting.id]).get(meeting.id, [])))
    named = teachers_from(request.form, list(planned_here), dict(substitutes_for(run)) | planned_here)
    seen = request.form.get("revision", "0")
    services.record_taught(
        g.db, run, meeting, named, seen=int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 6 else 0, by=me().person_id, now=clock.now(),
    )


def teachers_from(form: Mapping[str, str], planned: list[uuid.UUID], allowed: dict[uuid.UUID, str]) -> list[Teacher]:
    """Who taught, as the form says. Raises Invalid at the field of a substitute who is not named."""
    named, wrong = [], {}
    for person in planned:
        how = form.get(f"how-{person}")
        if how == "taught":
            named.append(Teacher(person))
        elif how == "substitute":
            other = _uuid(form.get(f"substitute-{person}", ""))
            if other is None or other not in allowed:
                wrong[f"substitute-{person}"] = say("taught", "Choose who taught instead.")
                continue
            named.append(Teacher(other, "substitute", instead_of=person, reason=form.get(f"reason-{person}", "")))
    if (guest := _uuid(form.get("guest", ""))) in allowed and guest is not None:
        named.append(Teacher(guest, "guest"))
    if wrong:
        raise Invalid(fields=wrong)
    return named


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
