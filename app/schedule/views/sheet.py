"""The attendance sheet on paper, and keying it in."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import segno
from flask import g, render_template, request
from flask.typing import ResponseReturnValue

from app import clock, i18n, lists, pdf
from app.errors import Invalid, Message, say
from app.http import go, guarded, me, say_next
from app.people.signing_in import class_manager
from app.runs import queries as runs
from app.runs.models import CourseRun
from app.runs.queries import Member
from app.runs.views.sight import the_run, title_of, today_of, where_of
from app.schedule import queries, rules, services
from app.schedule.forms import SheetForm
from app.schedule.models import Meeting
from app.schedule.queries import Noted
from app.schedule.rules import Keyed, Sheet, Status
from app.schedule.services import Clash, KeyedIn
from app.schedule.views import finding
from app.schedule.views.blueprint import bp
from app.schedule.views.finding import held_by, weekday
from app.schedule.views.roll import TAKE, order

FEWEST_GUESTS, FULL_SHEET = 2, 20  # lines; a sheet with few people has room for more guests

# ---- paper -----------------------------------------------------------------------------------------------------------


@bp.get("/runs/<code>/attendance/sheet")
@guarded(TAKE, held_by(TAKE))
def sheet(run: CourseRun) -> ResponseReturnValue:
    """The attendance sheet of a run: a cell for each meeting. With ?day=2026-11-24 that day alone."""
    meetings, sheets = _meetings(run), _sheets(run)
    wanted = request.args.get("day", "")
    chosen = [one for one in sheets if one.first == one.last and one.first.isoformat() == wanted] or _wide(sheets, [one.day for one in meetings])
    if not meetings:
        raise Invalid(say("attendance", "{code} has no meetings yet, so its sheet would have no cells. Give it a timetable first.", code=run.code))
    members = order(queries.expected_on(g.db, run, meetings), queries.walk_ins(g.db, run.id))
    marks = queries.statuses_of(g.db, [one.id for one in meetings])
    pages = [
        _facts(run, one, [meeting for meeting in meetings if one.covers(meeting.day)], number, len(chosen)) for number, one in enumerate(chosen, 1)
    ]
    manager = class_manager(g.db, (run.classroom.office if run.classroom else run.office).path, today_of(run))
    data = pdf.paper(
        "schedule/paper_sheet.html", language=i18n.language(), title=i18n.t("attendance", "Attendance sheet, {code}", code=run.code),
        styles=("print.css", "print-schedule.css"), body_class="landscape", run=run, course=title_of(run), where=where_of(run), sheets=pages,
        members=[(member, rules.person_code(member.number)) for member in members], marks=marks, manager=manager,
        guests=max(FEWEST_GUESTS, FULL_SHEET - len(members)), teachers=runs.trainers_of(g.db, [run.id]).get(run.id, []),
        letters=rules.LETTERS, statuses=rules.STATUSES, now=clock.now(), by=me().name,
    )
    return lists.attachment(data, f"{run.code}-attendance.pdf", rows=len(members))


@dataclass(frozen=True)
class Printed:
    """One page of the attendance sheet."""

    sheet: Sheet
    days: str
    hours: str
    columns: list[tuple[str, list[tuple[Meeting, str]]]]  # day -> its meetings, with "a.m." or when they begin
    number: int
    of: int
    square: str


def _facts(run: CourseRun, sheet: Sheet, meetings: list[Meeting], number: int, of: int) -> Printed:
    by_day: dict[date, list[Meeting]] = {}
    for meeting in meetings:
        by_day.setdefault(meeting.day, []).append(meeting)
    first = i18n.day(sheet.first) if sheet.first == sheet.last else f"{i18n.day(sheet.first)} – {i18n.day(sheet.last)}"
    square = segno.make(rules.sheet_text(run.code, sheet), error="m", micro=False)
    there = meetings[0].starts_at.astimezone(finding.zone_of(meetings[0]))
    return Printed(
        sheet, first, f"{i18n.listing(dict.fromkeys(finding.when(one) for one in meetings))} ({i18n.offset(there)})",
        [(weekday(day), [(one, _half(one)) for one in held]) for day, held in by_day.items()], number, of,
        square.png_data_uri(scale=4, border=2, dark="#000", light="#fff"),
    )


def _half(meeting: Meeting) -> str:
    span = queries.span_of(meeting)
    if span.ends <= 14 * 60:
        return i18n.t("attendance", "a.m.")
    return i18n.t("attendance", "p.m.") if span.starts >= 12 * 60 else rules.hour_of(span.starts)


def _meetings(run: CourseRun) -> list[Meeting]:
    return [one for one in queries.meetings_of(g.db, run.id) if one.state != "cancelled"]


def _sheets(run: CourseRun) -> list[Sheet]:
    return rules.sheets_of(run.id, [one.day for one in _meetings(run)])


def _wide(sheets: list[Sheet], days: list[date]) -> list[Sheet]:
    """Of all sheets of a run those that cover it with the fewest papers."""
    left, found = sorted(set(days)), []
    while left:
        widest = max((one for one in sheets if one.first == left[0]), key=lambda one: one.last)
        found.append(widest)
        left = [day for day in left if day > widest.last]
    return found


# ---- keying it in ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class KeyRow:
    """A line of the sheet on the page for keying in."""

    member: Member
    code: str
    held: Noted | None  # what is recorded
    typed: str
    error: Message | None = None
    clash: Clash | None = None


@bp.get("/runs/<code>/attendance/key")
@guarded(TAKE, held_by(TAKE))
def key(run: CourseRun) -> ResponseReturnValue:
    """Say which sheet and column lie there, then key the column in."""
    return _key_page(run)


@bp.post("/runs/<code>/attendance/key")
@guarded(TAKE, held_by(TAKE))
def key_in(run: CourseRun) -> ResponseReturnValue:
    """Take one column of a sheet."""
    code = run.code
    meeting, refused = _column(run, request.args.get("sheet", ""), request.args.get("meeting", ""))
    if meeting is None or refused:
        return _key_page(run)
    id = meeting.id
    members = order(queries.expected(g.db, run, meeting), queries.walk_ins(g.db, run.id))
    try:
        done = services.key_sheet(
            g.db, run, meeting, _keyed(members), by=me().person_id, now=clock.now(), rest="rest" in request.form,
            take=[one.enrolment_id for one in members if f"take-{one.enrolment_id}" in request.form],
        )
    except Invalid as error:
        g.db.rollback()
        return _key_page(the_run(g.db, code), wrong=error.fields)
    if done.different:
        return _key_page(the_run(g.db, code), done=done)
    say_next(say("attendance", "The column is keyed in. Saved: {n}. The same as recorded before: {same}.", n=done.saved, same=done.same))
    return go("schedule.roll", code=code, meeting_id=id)


def _keyed(members: list[Member]) -> dict[uuid.UUID, Keyed]:
    """What was typed, row by row and by code. Raises Invalid with the row or the field `codes`."""
    found: dict[uuid.UUID, Keyed] = {}
    wrong: dict[str, Message] = {}
    for one in members:
        if typed := request.form.get(f"k-{one.enrolment_id}", "").strip():
            if read := rules.read_keyed(typed):
                found[one.enrolment_id] = read
            else:
                wrong[f"m-{one.enrolment_id}"] = say("attendance", "“{typed}” is none of P, L15, O20, E, X.", typed=typed)
    by_code = {rules.person_code(one.number): one.enrolment_id for one in members}
    for entry in re.split(r"[,;\n]+", request.form.get("codes", "")):
        words = entry.split(None, 1)
        if not words:
            continue
        code, typed = words[0].upper(), words[1] if len(words) > 1 else ""
        read = rules.read_keyed(typed)
        if code not in by_code:
            wrong["codes"] = say("attendance", "Nobody on this sheet has the code {code}.", code=code)
        elif read is None:
            wrong["codes"] = say("attendance", "After {code} comes one of P, L15, O20, E, X; here stands “{typed}”.", code=code, typed=typed)
        else:
            found[by_code[code]] = read
    if wrong:
        raise Invalid(fields=wrong)
    return found


def _column(run: CourseRun, code: str, meeting_id: str) -> tuple[Meeting | None, Message | None]:
    """The meeting of the column that was chosen, and what is wrong with the sheet for it."""
    meetings = _meetings(run)
    meeting = next((one for one in meetings if str(one.id) == meeting_id), None)
    if meeting is None or not code.strip():
        return meeting, None
    return meeting, whose_sheet(run, meeting, meetings, code)


def whose_sheet(run: CourseRun, meeting: Meeting, meetings: list[Meeting], typed: str) -> Message | None:
    """Why this is not the sheet of a meeting, naming whose it is; None when it is."""
    code, words = rules.read_sheet_code(typed), typed.upper().split()
    own = rules.sheets_within(run.id, run.starts_on, run.ends_on)
    if any(one.code == code and one.covers(meeting.day) for one in own):
        return None
    if mine := next((one for one in own if one.code == code), None):
        return say("attendance", "This is the sheet of {days} of this run. The column chosen is of {day}.", days=_span(mine), day=weekday(meeting.day))
    for (run_id, other), days in queries.days_with_meetings(g.db, meeting.day).items():
        if run_id != run.id and (there := next((one for one in rules.sheets_of(run_id, days) if one.code == code), None)):
            return say("attendance", "This is a sheet of another run: {other}, {days}. Nothing was opened.", other=other, days=_span(there))
    if len(words) > 1 and words[1] != run.code.upper():
        return say("attendance", "This is a sheet of another run: {other}. Nothing was opened.", other=words[1])
    return say("attendance", "No sheet of this run has the code {code}. It stands below the square code, at the top of the sheet.", code=code)


def _span(sheet: Sheet) -> str:
    return weekday(sheet.first) if sheet.first == sheet.last else f"{weekday(sheet.first)} – {weekday(sheet.last)}"


def _key_page(run: CourseRun, *, wrong: Mapping[str, Message] | None = None, done: KeyedIn | None = None) -> ResponseReturnValue:
    meetings, wrong = _meetings(run), wrong or {}
    form = SheetForm(request.args)
    form.meeting.choices = [(str(one.id), f"{weekday(one.day)}, {finding.when(one)}") for one in meetings]
    asked = "sheet" in request.args
    meeting, refused = _column(run, request.args.get("sheet", ""), request.args.get("meeting", ""))
    if asked and form.validate() and refused:
        form.show(Invalid(fields={"sheet": refused}))
    ready = asked and meeting is not None and not form.errors
    rows: list[KeyRow] = []
    if ready and meeting is not None:
        notes = queries.marks_of(g.db, meeting.id)
        for member in order(queries.expected(g.db, run, meeting), queries.walk_ins(g.db, run.id)):
            id = member.enrolment_id
            held = next((one for one in notes.get(id, [])[:1] if one.mark.status != Status.UNSET), None)
            rows.append(KeyRow(
                member, rules.person_code(member.number), held, request.form.get(f"k-{id}", ""), wrong.get(f"m-{id}") or wrong.get(f"s-{id}"),
                done.different.get(id) if done else None,
            ))
    return render_template(
        "schedule/key.html", run=run, title=title_of(run), form=form, meeting=meeting if ready else None, rows=rows, wrong=wrong, done=done,
        weekday=weekday, when=finding.when, statuses=rules.STATUSES, letters=rules.LETTERS, channels=rules.CHANNELS, meetings=meetings,
        codes=request.form.get("codes", ""), query={"sheet": request.args.get("sheet", ""), "meeting": request.args.get("meeting", "")},
    ), 422 if form.errors or wrong else 409 if done else 200
