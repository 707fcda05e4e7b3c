"""The roll call of a meeting: works by plain forms; keys are an extra of js/roll.js."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from flask import current_app, g, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from app import clock, i18n
from app.errors import Invalid, Message, say
from app.http import can, go, guarded, me, say_next
from app.policy import Target
from app.runs.models import CourseRun
from app.runs.queries import Member
from app.runs.views.sight import the_run, title_of, where_of
from app.schedule import checkin, queries, reconcile, rules, services
from app.schedule.checkin import Sight
from app.schedule.models import Meeting
from app.schedule.queries import Noted
from app.schedule.reconcile import Proposed, Seen
from app.schedule.rules import Status
from app.schedule.services import Clash, Wish
from app.schedule.views import finding
from app.schedule.views.blueprint import bp
from app.schedule.views.finding import Found, hours, may, meeting_by, the_meeting, weekday

TAKE = "attendance.take"
MOST_MINUTES = 9999


@dataclass(frozen=True)
class Line:
    """Somebody on the roll: what is noted, or what was typed and could not be taken."""

    member: Member
    code: str
    notes: list[Noted]
    seen_by: Seen  # what devices saw
    proposed: Proposed | None  # what they would note
    where: str  # room | online | ""
    status: Status
    minutes: str
    note: str
    clash: Clash | None = None
    error: Message | None = None

    @property
    def revision(self) -> int:
        """The revision that the page shows."""
        return self.notes[0].mark.revision if self.notes else 0

    @property
    def held(self) -> Noted | None:
        """What holds."""
        return self.notes[0] if self.notes else None

    @property
    def contradicted(self) -> bool:
        """Whether somebody is noted as not there whom a device saw."""
        return self.proposed is not None and queries.status_of(self.notes) in (Status.ABSENT, Status.EXCUSED)


@bp.get("/runs/<code>/meetings/<uuid:meeting_id>/attendance")
@guarded(TAKE, meeting_by(TAKE))
def roll(found: Found) -> ResponseReturnValue:
    """The roll call of a meeting."""
    return _page(*found)


@bp.post("/runs/<code>/meetings/<uuid:meeting_id>/attendance")
@guarded(TAKE, meeting_by(TAKE))
def take_roll(found: Found) -> ResponseReturnValue:
    """Save what was changed on the page, then do what the pressed button says."""
    run, meeting = found
    code, id, by, now, do = run.code, meeting.id, me().person_id, clock.now(), request.form.get("do", "save")
    try:
        taken = services.take_roll(g.db, run, meeting, _wishes(request.form), by=by, now=now)
    except Invalid as refused:
        g.db.rollback()
        run = the_run(g.db, code)
        return _page(run, the_meeting(g.db, run, id), wrong=refused.fields)
    bulk, said = 0, say("attendance", "Saved. Rows changed: {n}.", n=taken.saved)
    if do == "rest":
        bulk = services.mark_rest(g.db, run, meeting, by=by, now=now)
        said = say("attendance", "Marked as present: {n}. Undo takes this back.", n=bulk)
    elif do == "sign-ins":
        bulk = services.take_over_sign_ins(g.db, run, meeting, by=by, now=now)
        said = say("attendance", "Taken over from the PCs as present: {n}. Undo takes this back.", n=bulk)
    elif do == "seen":
        bulk = services.take_over_seen(g.db, run, meeting, by=me().person_id, now=now)
        said = say("attendance", "Taken over from what devices saw: {n}. Undo takes this back.", n=bulk)
    elif do.startswith("undo:"):
        bulk = services.undo_batch(g.db, run, meeting, batch=_uuid(do.removeprefix("undo:")), by=by, now=now)
        said = say("attendance", "Undone: {n} rows are as they were before.", n=bulk)
    if taken.clashes:
        g.db.flush()
        return _page(the_run(g.db, code), meeting, clashes=taken.clashes)
    if taken.saved or bulk or do == "save":
        say_next(said)
    return go("schedule.roll", code=code, meeting_id=id, **_filters())


SHOWS = ("unset", "online")


def _filters() -> dict[str, str]:
    """Which rows the page shows, as its address says."""
    given = {"show": request.args.get("show", ""), "q": request.args.get("q", "").strip()[:60]}
    return {name: value for name, value in given.items() if value and (name == "q" or value in SHOWS)}


def _shown(lines: list[Line], filters: Mapping[str, str]) -> list[Line]:
    """The rows that the filters leave."""
    show, wanted = filters.get("show"), filters.get("q", "").casefold()
    kept = [line for line in lines if show != "unset" or queries.status_of(line.notes) is Status.UNSET]
    kept = [line for line in kept if show != "online" or line.where == "online"]
    return [line for line in kept if not wanted or wanted in line.member.name.casefold() or wanted == line.code.casefold() or wanted == line.member.service_number.casefold()]


def _wishes(form: MultiDict[str, str]) -> dict[uuid.UUID, Wish]:
    wishes, wrong = {}, {}
    for name, status in form.items():
        if not name.startswith("s-") or status not in list(Status):
            continue
        id, minutes, seen = _uuid(name[2:]), form.get(f"m-{name[2:]}", "").strip(), form.get(f"r-{name[2:]}", "0")
        if minutes and not (minutes.isascii() and minutes.isdigit() and int(minutes) <= MOST_MINUTES):
            wrong[f"m-{id}"] = say("attendance", "Give the minutes in digits.")
        wishes[id] = Wish(
            Status(status), int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 6 else 0,
            int(minutes) if minutes and status in rules.TIMED and f"m-{id}" not in wrong else None, form.get(f"n-{name[2:]}", "")[:300],
        )
    if wrong:
        raise Invalid(fields=wrong)
    return wishes


def _uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        return uuid.UUID(int=0)


def order(members: list[Member], walk_ins: set[uuid.UUID]) -> list[Member]:
    """The order of rolls and sheets: the alphabet, walk-ins at the end, where paper has its guest lines."""
    return sorted(members, key=lambda one: one.enrolment_id in walk_ins)


def _page(
    run: CourseRun, meeting: Meeting, *, wrong: Mapping[str, Message] | None = None, clashes: Mapping[uuid.UUID, Clash] | None = None
) -> ResponseReturnValue:
    now, wrong, clashes = clock.now(), wrong or {}, clashes or {}
    members = order(queries.expected(g.db, run, meeting), queries.walk_ins(g.db, run.id))
    notes, sight, session = queries.marks_of(g.db, meeting.id), checkin.sight_of(g.db, meeting, members), queries.session_of(g.db, meeting)
    lines = [_line(member, notes.get(member.enrolment_id, []), sight, now, wrong, clashes) for member in members]
    held = [queries.status_of(line.notes) for line in lines]
    counts = {status: held.count(status) for status in Status}
    filters = {} if wrong else _filters()
    shown = _shown(lines, filters)
    early = now.astimezone(finding.zone_of(meeting)).date() < meeting.day
    meetings = [one for one in queries.meetings_of(g.db, run.id) if one.state != "cancelled"]
    teachers, online = queries.teachers_at(g.db, run, meeting), session is not None and session.mode in ("online", "hybrid")
    mixed = online or any(line.seen_by.stays for line in lines)
    return render_template(
        "schedule/roll.html", run=run, title=title_of(run), meeting=meeting, lines=shown, total=len(lines), counts=counts, early=early, session=session,
        number=next((n for n, one in enumerate(meetings, 1) if one.id == meeting.id), 0), of=len(meetings), when=finding.when(meeting), weekday=weekday,
        offset=i18n.offset(meeting.starts_at.astimezone(finding.zone_of(meeting))), mixed=mixed, joins=reconcile.by_joins(zip((one.seen_by for one in lines), held, strict=True)),
        where=finding.where(run, [meeting])[meeting.id] or where_of(run), teachers=[replace(ROLES[one.part], params={"name": one.name}) for one in teachers], statuses=rules.STATUSES, letters=rules.LETTERS, channels=rules.CHANNELS, timed=rules.TIMED,
        undoable=services.last_batch(notes), proposals=[line for line, status in zip(lines, held, strict=True) if line.proposed and status is Status.UNSET],
        filters=filters, show=filters.get("show", ""), find=filters.get("q", ""), here=partial(url_for, "schedule.roll", code=run.code, meeting_id=meeting.id), elsewhere=sum(line.where == "online" for line in lines),
        joinable=can("room.join", Target(trainers=frozenset(one.person_id for one in teachers))) and (online or bool(meeting.link)),
        phones=session is not None and session.allows_phones and meeting.state in rules.STANDS, seen=_seen_words(meeting),
        writable=may(run, TAKE) and meeting.state != "cancelled", hours=hours, begun=meeting.starts_at <= now,
        planned=queries.minutes_of(meeting), saved=max((line.notes[0].mark for line in lines if line.notes), key=lambda mark: mark.at, default=None), errors=wrong,
        clashes=clashes, walk_in=_walk_in(run, meeting), noted_at=partial(noted_at, meeting), savers={one.notes[0].mark.id: one.notes[0].by for one in lines if one.notes},
    ), 422 if wrong else 409 if clashes else 200


def noted_at(meeting: Meeting, at: datetime) -> str:
    """When something was noted: the time alone on the day of the meeting."""
    same = at.astimezone(finding.zone_of(meeting)).date() == meeting.day
    return i18n.time_of_day(at, meeting.zone) if same else i18n.moment(at, meeting.zone)


ROLES = {
    "lead": say("attendance", "Lead: {name}"), "co": say("attendance", "Co-trainer: {name}"), "assistant": say("attendance", "Assistant: {name}"),
    "interpreter": say("attendance", "Interpreter: {name}"), "remote": say("attendance", "Remote support: {name}"), "assessor": say("attendance", "Assessor: {name}"),
}


def _seen_words(meeting: Meeting) -> Callable[[Seen], list[str]]:
    """What devices saw of somebody, in words."""

    def words(seen: Seen) -> list[str]:
        found = []
        if seen.scanned:
            found.append(i18n.t("attendance", "checked in {time}", time=i18n.time_of_day(seen.scanned, meeting.zone)))
        if seen.stays:
            came, left = seen.stays[0].came, seen.stays[-1].left
            found.append(
                i18n.t("attendance", "joined {time}, left {left}", time=i18n.time_of_day(came, meeting.zone), left=i18n.time_of_day(left, meeting.zone)) if left
                else i18n.t("attendance", "joined {time}", time=i18n.time_of_day(came, meeting.zone))
            )
        if seen.signed_in:
            found.append(i18n.t("attendance", "signed in {time}", time=i18n.time_of_day(seen.signed_in, meeting.zone)))
        return found

    return words


def _line(
    member: Member, notes: list[Noted], sight: Sight, now: datetime, wrong: Mapping[str, Message], clashes: Mapping[uuid.UUID, Clash]
) -> Line:
    id, held = member.enrolment_id, notes[0].mark if notes else None
    status, minutes, note = queries.status_of(notes), str(held.minutes or "") if held else "", held.note if held else ""
    if wrong and request.form.get(f"s-{id}") in list(Status):  # nothing was saved: the page keeps what was typed
        status, minutes, note = Status(request.form[f"s-{id}"]), request.form.get(f"m-{id}", ""), request.form.get(f"n-{id}", "")
    seen, holds = sight.of(id), queries.status_of(notes)
    return Line(
        member, rules.person_code(member.number), notes, seen, reconcile.propose(sight.lesson, seen, now), reconcile.where(seen, member.mode, holds), status, minutes, note, clashes.get(id), wrong.get(f"m-{id}") or wrong.get(f"s-{id}"),
    )


def _walk_in(run: CourseRun, meeting: Meeting) -> str:
    """The address of the page that registers somebody who is not on the roll; empty where there is none."""
    if "classday.walk_in" not in current_app.view_functions or not may(run, "class.enrol"):
        return ""
    return url_for("classday.walk_in", code=run.code, day=meeting.day.isoformat())
