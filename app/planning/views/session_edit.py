"""Planning a session and changing it: how and where it is held, its slots, its meetings one by one, cancelling it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from flask import current_app, g, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session, joinedload

from app import clock, i18n
from app.courses.queries import course_content
from app.errors import Conflict, Invalid, Message, NotFound, say
from app.http import actor, audit, go, guarded, me, say_next
from app.i18n import pick, t
from app.notices import wording
from app.offices.models import Classroom, Country, Office
from app.offices.scope import under
from app.planning.session_forms import MeetingForm, NewSessionForm, SessionForm, SlotForm
from app.planning.views.blueprint import bp
from app.planning.views.sight import (
    hours_of,
    meetings_in_words,
    offset_of,
    sees,
    session_by,
    the_session,
    title_of,
    weekday,
)
from app.policy import Target, scope
from app.runs import queries as runs
from app.runs.forms import ReasonForm
from app.runs.models import CourseRun
from app.runs.views.sight import the_run
from app.schedule import assignments, places, queries, rules, session_rules, sessions
from app.schedule.models import Meeting, SessionSlot, TrainingSession
from app.schedule.session_rules import When
from app.schedule.sessions import NewMeeting, Place, Plan
from app.schedule.views.finding import hours as in_hours
from app.schedule.views.finding import title_of_line

PLAN = "session.plan"
ROWS = 4
"""Lines for new meetings on the page: more are added with the next press."""


# ---- the session -----------------------------------------------------------------------------------------------------


@bp.get("/planning/sessions/new")
@bp.post("/planning/sessions/new", endpoint="save_new")
@guarded(PLAN)
def new() -> ResponseReturnValue:
    """Plan a session of a run."""
    known = _runs()
    chosen = next((one for one in known if one.code == request.args.get("run")), None)
    form = NewSessionForm(**_first_values(chosen)) if request.method == "GET" else NewSessionForm()
    form.run.choices = [("", ""), *((one.code, f"{one.code} {pick(one.course_version.titles)}, {pick(one.office.names)}") for one in known)]
    form.roles.choices = [(role, i18n.say(word)) for role, word in session_rules.ROLES.items() if role != "interpreter"]  # added later, with his language
    _fill(form)
    if form.is_submitted() and form.validate():
        try:
            run = the_run(g.db, next(one.code for one in known if one.code == form.run.data))
            made = sessions.plan_session(
                g.db, run, _plan(form), by=me().person_id, now=clock.now(), roles=form.roles.data or ("lead",), servers=servers(),
            )
        except (Invalid, Conflict) as refused:
            return _form_page(form, None, refused)
        say_next(say("session", "{code} is a draft that only planners see. Say now when it is held.", code=made.code))
        return go("planning.meetings", code=made.code)
    return _form_page(form, None)


@bp.get("/planning/sessions/<code>/edit")
@bp.post("/planning/sessions/<code>/edit", endpoint="save_edit")
@guarded(PLAN, session_by(PLAN))
def edit(session: TrainingSession) -> ResponseReturnValue:
    """Change how and where a session is held."""
    code = session.code
    form = SessionForm() if request.method == "POST" else SessionForm(data=_values(session))
    _fill(form, session)
    if form.is_submitted() and form.validate():
        try:
            moved = sessions.change_session(g.db, session, _plan(form), by=me().person_id, now=clock.now(), servers=servers(), sees=sees)
        except (Invalid, Conflict) as refused:
            return _form_page(form, code, refused)
        if moved:
            say_next(say("session", "{code} is changed. Meetings that moved with it: {n}.", code=code, n=moved))
        else:
            say_next(say("session", "{code} is changed.", code=code))
        return go("planning.session", code=code)
    return _form_page(form, code)


def _form_page(form: SessionForm, code: str | None, refused: Invalid | Conflict | None = None, **shown: Any) -> ResponseReturnValue:
    status = show_refused(form, refused) if refused else 422 if form.errors else 200
    session = the_session(g.db, code) if code else None
    held = assignments.current(g.db, [session.id]).get(session.id, []) if session else []
    slot_form = shown.get("slot_form") or _slot_form()
    return render_template(
        "planning/session_edit.html", form=form, session=session, title=title_of(session) if session else "", held=held, slot_form=slot_form,
        cancel=shown.get("cancel") or ReasonForm(formdata=None), roles=session_rules.ROLES, zones=zones(),
        servers=servers(),
    ), shown.get("status") or status


def show_refused(form: Any, refused: Invalid | Conflict) -> int:
    """Put a refusal on the form whose input it is about, with nothing of it stored; gives the status of the page."""
    g.db.rollback()
    if isinstance(refused, Invalid):
        form.show(refused)
        return 422
    form.form_errors.append(i18n.say(refused.message))
    return 409


def servers() -> frozenset[str]:
    """The kinds of video server that are set up at this node."""
    return frozenset(kind for kind in session_rules.SERVERS if current_app.config.get(f"{kind.upper()}_URL"))


def _runs() -> list[CourseRun]:
    return list(g.db.scalars(
        sa.select(CourseRun).join(Office, Office.id == CourseRun.office_id).options(joinedload(CourseRun.office), joinedload(CourseRun.course_version))
        .where(under(Office.path, scope(actor(), PLAN)), CourseRun.state.in_(("planned", "open")), CourseRun.ends_on >= clock.now().date(), CourseRun.owner_node == g.db.info["node"])
        .order_by(CourseRun.starts_on, CourseRun.code)
    ))


def _first_values(run: CourseRun | None) -> dict[str, Any]:
    values: dict[str, Any] = {"seats": 12, "zone": me().zone, "roles": ["lead"], "language": i18n.language(), "language_level": "B2", "mode": "classroom", "link_kind": "none"}
    if run is None:
        return values
    languages = run.course_version.languages
    return values | {
        "run": run.code, "seats": run.seats, "zone": run.zone, "classroom": str(run.classroom_id or ""), "place": run.place,
        "language": i18n.language() if i18n.language() in languages else languages[0],
    }


def _values(session: TrainingSession) -> dict[str, Any]:
    names = ("mode", "language", "language_level", "zone", "seats", "title", "place", "link_kind", "link", "phone", "allows_phones", "searches", "budget")
    return {name: getattr(session, name) for name in names} | {"classroom": str(session.classroom_id or "")}


def _fill(form: SessionForm, session: TrainingSession | None = None) -> None:
    form.mode.choices = [(key, i18n.say(word)) for key, word in session_rules.MODES.items()]
    form.link_kind.choices = [(key, i18n.say(word)) for key, word in session_rules.LINK_KINDS.items()]
    form.language.choices = languages()
    form.language_level.choices = [(one, one) for one in session_rules.LEVELS]
    form.classroom.choices = [("", t("session", "no classroom")), *rooms(session)]


def languages() -> list[tuple[str, str]]:
    """The languages that are spoken in the countries of this node, by their names."""
    tags = {str(tag) for found in g.db.scalars(sa.select(Country.languages)) for tag in found} | {"en", "ru"}
    return sorted(((tag, i18n.tongue(tag)) for tag in tags), key=lambda one: one[1])


def rooms(session: TrainingSession | None) -> list[tuple[str, str]]:
    """The classrooms where who asks may plan, and that of the session."""
    found = {id: f"{pick(office)}, {pick(names)}" for id, names, office in runs.classrooms_under(g.db, scope(actor(), PLAN))}
    used = {session.classroom_id} if session else set()
    if session is not None:
        used |= {one.classroom_id for one in sessions.meetings_of(g.db, session.id)}
    for id, names, office in g.db.execute(
        sa.select(Classroom.id, Classroom.names, Office.names).join(Office, Office.id == Classroom.office_id).where(Classroom.id.in_(used - found.keys() - {None}))
    ):
        found[id] = f"{pick(office)}, {pick(names)}"
    return [(str(id), name) for id, name in found.items()]


def zones() -> list[str]:
    """The time zones of the offices of this node: what is proposed while typing; any other zone can be typed."""
    return sorted(set(g.db.scalars(sa.select(Office.zone).distinct())))


def _plan(form: SessionForm) -> Plan:
    given: dict[str, Any] = form.data
    text = ("title", "place", "link", "phone", "zone")
    return Plan(
        mode=given["mode"], language=given["language"], language_level=given["language_level"], seats=given["seats"], link_kind=given["link_kind"],
        allows_phones=given["allows_phones"], searches=given["searches"], budget=given["budget"], classroom_id=uuid.UUID(given["classroom"]) if given["classroom"] else None,
        **{name: given[name] or "" for name in text},
    )


# ---- slots and cancelling --------------------------------------------------------------------------------------------


def _slot_form() -> SlotForm:
    form = SlotForm()
    form.role.choices = [(role, i18n.say(word)) for role, word in session_rules.ROLES.items()]
    form.language.choices = [("", t("slot", "only for interpreters")), *languages()]
    return form


@bp.post("/planning/sessions/<code>/slots")
@guarded(PLAN, session_by(PLAN))
def add_slot(session: TrainingSession) -> ResponseReturnValue:
    """Say that a session needs somebody more."""
    code, form = session.code, _slot_form()
    if form.validate():
        try:
            language = form.language.data or "" if form.role.data == "interpreter" else ""
            sessions.add_slot(g.db, session, form.role.data, by=me().person_id, now=clock.now(), language=language)
        except (Invalid, Conflict) as refused:
            status = show_refused(form, refused)
            return _edit_again(code, slot_form=form, status=status)
        return go("planning.edit", code=code, _anchor="slots")
    return _edit_again(code, slot_form=form, status=422)


def the_slot(db: Session, code: str, slot_id: uuid.UUID) -> tuple[tuple[TrainingSession, SessionSlot], Target]:
    """A slot of a session."""
    session, target = session_by(PLAN)(db, code)
    slot = db.get(SessionSlot, slot_id)
    if slot is None or slot.session_id != session.id:
        raise NotFound()
    return (session, slot), target


@bp.post("/planning/sessions/<code>/slots/<uuid:slot_id>/end")
@guarded(PLAN, the_slot)
def end_slot(found: tuple[TrainingSession, SessionSlot]) -> ResponseReturnValue:
    """Say that a session no longer needs somebody for this."""
    session, slot = found
    code = session.code
    sessions.end_slot(g.db, session, slot, by=me().person_id, now=clock.now())
    return go("planning.edit", code=code, _anchor="slots")


@bp.post("/planning/sessions/<code>/cancel")
@guarded(PLAN, session_by(PLAN))
def cancel(session: TrainingSession) -> ResponseReturnValue:
    """Cancel a session, with a reason."""
    code, draft, form = session.code, session.state == "draft", ReasonForm()
    if form.validate():
        try:
            people = sessions.cancel_session(g.db, session, by=me().person_id, now=clock.now(), reason=form.reason.data or "")
        except Invalid as refused:
            return _edit_again(code, cancel=form, status=show_refused(form, refused))
        audit("session cancelled", about=code, reason=form.reason.data)
        if draft:
            say_next(say("session", "{code} is cancelled. Nobody knew of it yet.", code=code), "warn")
        else:
            say_next(say("session", "{code} is cancelled. People it concerns: {n}. They are told when you release the changes.", code=code, n=len(people)), "warn")
        return go("planning.session", code=code)
    return _edit_again(code, cancel=form, status=422)


def _edit_again(code: str, **shown: Any) -> ResponseReturnValue:
    session = the_session(g.db, code)
    form = SessionForm(formdata=None, data=_values(session))
    _fill(form, session)
    return _form_page(form, code, **shown)


# ---- meetings --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ShownMeeting:
    """A meeting as the list shows it."""

    meeting: Meeting
    day: str
    hours: str
    offset: str
    minutes: int
    over_midnight: bool
    where: str
    lines: list[str]

    @property
    def open(self) -> bool:
        """Whether it can still be changed here."""
        return self.meeting.state in ("draft", "planned")


@bp.get("/planning/sessions/<code>/meetings")
@guarded(PLAN, session_by(PLAN))
def meetings(session: TrainingSession) -> ResponseReturnValue:
    """The meetings of a session; new ones, those of its run, and the timetable of its course."""
    return _meetings_page(session, [_row_form(session, n) for n in range(ROWS)])


@bp.post("/planning/sessions/<code>/meetings")
@guarded(PLAN, session_by(PLAN))
def add_meetings(session: TrainingSession) -> ResponseReturnValue:
    """Add the meetings that were typed: all of them, or none when one cannot be."""
    code = session.code
    forms = [_row_form(session, n) for n in range(ROWS)]
    used = [form for form in forms if form.day.data or request.form.get(f"{form.day.name}")]
    if not used:
        forms[0].form_errors.append(t("meeting", "Fill in at least one line."))
        return _meetings_page(session, forms, 422)
    if [form for form in used if not form.validate()]:
        return _meetings_page(session, forms, 422)
    try:
        new = [NewMeeting(_when(form, session), _place(form, session)) for form in used]
        made = sessions.add_meetings(g.db, session, new, by=me().person_id, now=clock.now(), sees=sees)
    except Conflict as refused:
        return _meetings_page(the_session(g.db, code), forms, show_refused(used[0], refused))
    except Invalid as refused:
        g.db.rollback()
        for n, form in enumerate(used):
            mine = {name.rsplit("-", 1)[0]: message for name, message in refused.fields.items() if name.endswith(f"-{n}")}
            if mine:
                form.show(Invalid(fields=mine))
        return _meetings_page(the_session(g.db, code), forms, 422)
    say_next(say("meeting", "Meetings added: {n}.", n=len(made)))
    return go("planning.meetings", code=code)


@dataclass(frozen=True)
class Adopting:
    """What was ticked of the run's own meetings, and why they were not taken over."""

    ticked: frozenset[uuid.UUID]
    refusal: str


@dataclass(frozen=True)
class Adoptable:
    """A meeting of the run that belongs to no session, and what keeps it from being taken over."""

    meeting: Meeting
    day: str
    hours: str
    offset: str
    clashes: list[Message]
    ticked: bool


def _adoptable(session: TrainingSession, asked: Adopting | None) -> list[Adoptable]:
    found = sessions.adoptable(g.db, session.run_id, clock.now())
    clashes = sessions.adoption_clashes(g.db, session, found, sees=sees)
    return [
        Adoptable(
            one, weekday(one.day), hours_of(one), offset_of(one), clashes.get(one.id, []), one.id in asked.ticked if asked else one.id not in clashes,
        )
        for one in found
    ]


def _meetings_page(session: TrainingSession, forms: Sequence[MeetingForm], status: int = 200, adopting: Adopting | None = None) -> ResponseReturnValue:
    all_meetings = sessions.meetings_of(g.db, session.id)
    standing = [one for one in all_meetings if one.state != "cancelled"]
    run = session.run
    content = course_content(g.db, run.course_version_id)
    items = queries.items_of(g.db, [one.id for one in all_meetings])
    names = dict(rooms(session))
    shown = [
        ShownMeeting(
            one, weekday(one.day), hours_of(one), offset_of(one), queries.minutes_of(one), _when_of(one).next_day, _where(one, session, names),
            [title_of_line(content, item.kind, item.ref, item.text) for item in items.get(one.id, []) if item.kind != "break"],
        )
        for one in all_meetings
    ]
    first = _first_day(run)
    proposals = {} if standing else {
        name: sessions.proposal_for(g.db, session, run, queries.template_of(content) if name == "course" else [], first)
        for name in (("course", "plain") if content.timetable else ("plain",))
    }
    return render_template(
        "planning/meetings.html", session=session, title=title_of(session), meetings=shown, forms_new=forms, first=first, run=run,
        adoptable=_adoptable(session, adopting), adopting=adopting, proposals={name: _told(one) for name, one in proposals.items()}, in_words=meetings_in_words(session, all_meetings),
        in_hours=in_hours, total=sum(queries.minutes_of(one) for one in standing), states=rules.STATES, zones=zones(),
    ), status


@dataclass(frozen=True)
class ToldProposal:
    """What a timetable would become, before it is taken over."""

    meetings: int
    days: int
    minutes: int
    first: str
    last: str
    skipped: list[str]
    left_over: int


def _told(proposal: rules.Proposal) -> ToldProposal:
    days = [one.day for one in proposal.meetings]
    skipped = [f"{weekday(one.day)} ({pick(one.holiday) if one.holiday else t('timetable', 'weekend')})" for one in proposal.skipped]
    return ToldProposal(
        len(days), proposal.days, proposal.minutes, weekday(days[0]) if days else "", weekday(days[-1]) if days else "",
        [one for one in skipped if days] if proposal.days else skipped, proposal.left_over,
    )


def _first_day(run: CourseRun) -> date:
    try:
        return max(date.fromisoformat(request.values.get("first", "")), run.starts_on)
    except ValueError:
        return run.starts_on


@bp.post("/planning/sessions/<code>/meetings/lay-out")
@guarded(PLAN, session_by(PLAN))
def lay_out(session: TrainingSession) -> ResponseReturnValue:
    """Take over the timetable of the course, or two half-days a day, from a day on."""
    code, run = session.code, session.run
    content = course_content(g.db, run.course_version_id)
    template = queries.template_of(content) if request.form.get("which") == "course" else []
    proposal = sessions.proposal_for(g.db, session, run, template, _first_day(run))
    forms = [_row_form(session, n) for n in range(ROWS)]
    try:
        made = sessions.lay_out(g.db, session, proposal, by=me().person_id, now=clock.now(), sees=sees)
    except Conflict as refused:
        return _meetings_page(the_session(g.db, code), forms, show_refused(forms[0], refused))
    say_next(say("timetable", "Meetings planned: {n}. Change them where your days are different.", n=len(made)))
    return go("planning.meetings", code=code)


@bp.post("/planning/sessions/<code>/meetings/adopt")
@guarded(PLAN, session_by(PLAN))
def adopt(session: TrainingSession) -> ResponseReturnValue:
    """Take coming meetings of the run itself over into the session: those that are ticked, all of them or none."""
    code, run = session.code, session.run
    ticked = _ticked()
    forms = [_row_form(session, n) for n in range(ROWS)]
    if not ticked:
        return _meetings_page(session, forms, 422, Adopting(ticked, t("meeting", "Tick the meetings that you take over.")))
    try:
        n = sessions.adopt(g.db, session, run, ticked, by=me().person_id, now=clock.now(), sees=sees)
    except Conflict as refused:
        g.db.rollback()
        return _meetings_page(the_session(g.db, code), forms, 409, Adopting(ticked, i18n.say(refused.message)))
    say_next(say("meeting", "Meetings taken over from the run: {n}.", n=n))
    return go("planning.meetings", code=code)


def _ticked() -> frozenset[uuid.UUID]:
    """The meetings that were ticked; what is no id was never on the page."""
    found = set()
    for given in request.form.getlist("meeting"):
        with suppress(ValueError):
            found.add(uuid.UUID(given))
    return frozenset(found)


Found = tuple[TrainingSession, Meeting]


def the_meeting(db: Session, code: str, meeting_id: uuid.UUID) -> tuple[Found, Target]:
    """A meeting of a session."""
    session, target = session_by(PLAN)(db, code)
    meeting = db.get(Meeting, meeting_id)
    if meeting is None or meeting.session_id != session.id:
        raise NotFound()
    return (session, meeting), target


@bp.get("/planning/sessions/<code>/meetings/<uuid:meeting_id>")
@bp.post("/planning/sessions/<code>/meetings/<uuid:meeting_id>", endpoint="save_meeting")
@guarded(PLAN, the_meeting)
def meeting(found: Found) -> ResponseReturnValue:
    """Move a meeting, or give it another place."""
    session, meeting = found
    code, id, released = session.code, meeting.id, session.state == "released"
    form = MeetingForm() if request.method == "POST" else MeetingForm(data=_meeting_values(meeting, session))
    form.classroom.choices = _room_choices(session)
    if form.is_submitted() and form.validate():
        try:
            place = _place(form, session) or Place(session.classroom_id, session.place)
            sessions.change_meeting(g.db, session, meeting, when=_when(form, session), place=place, by=me().person_id, now=clock.now(), sees=sees)
        except (Invalid, Conflict) as refused:
            return _meeting_page(code, id, form, show_refused(form, refused))
        if released:
            say_next(say("meeting", "The meeting is changed. Release the changes, so that people are told."))
        else:
            say_next(say("meeting", "The meeting is changed."))
        return go("planning.meetings", code=code)
    return _meeting_page(code, id, form, 422 if form.errors else 200)


@bp.post("/planning/sessions/<code>/meetings/<uuid:meeting_id>/drop")
@guarded(PLAN, the_meeting)
def drop_meeting(found: Found) -> ResponseReturnValue:
    """Take a meeting off a session, with a reason where people know of it."""
    session, meeting = found
    code, id = session.code, meeting.id
    reason = ReasonForm()
    try:
        sessions.drop_meeting(g.db, session, meeting, by=me().person_id, now=clock.now(), reason=reason.reason.data or "")
    except Invalid as refused:
        status = show_refused(reason, refused)
        session = the_session(g.db, code)
        form = MeetingForm(formdata=None, data=_meeting_values(g.db.get_one(Meeting, id), session))
        form.classroom.choices = _room_choices(session)
        return _meeting_page(code, id, form, status, reason)
    say_next(say("meeting", "The meeting is taken off."), "warn")
    return go("planning.meetings", code=code)


def _meeting_page(code: str, id: uuid.UUID, form: MeetingForm, status: int, reason: ReasonForm | None = None) -> ResponseReturnValue:
    session = the_session(g.db, code)
    meeting = g.db.get_one(Meeting, id)
    return render_template(
        "planning/meeting.html", session=session, title=title_of(session), meeting=meeting, form=form, reason=reason or ReasonForm(formdata=None),
        day=weekday(meeting.day), hours=hours_of(meeting), zones=zones(), open=meeting.state in ("draft", "planned"), states=rules.STATES,
    ), status


# ---- fields of a meeting ---------------------------------------------------------------------------------------------


def _row_form(session: TrainingSession, n: int) -> MeetingForm:
    form = MeetingForm(prefix=f"m{n}-")
    form.classroom.choices = _room_choices(session)
    form.zone.render_kw = {"list": "zones", "autocomplete": "off", "placeholder": session.zone}
    return form


def _room_choices(session: TrainingSession) -> list[tuple[str, str]]:
    return [("", t("meeting", "as the session")), ("-", t("session", "no classroom")), *rooms(session)]


def _when(form: MeetingForm, session: TrainingSession) -> When:
    given: dict[str, Any] = form.data
    return When(given["day"], given["starts"], given["ends"], given["zone"] or session.zone, bool(given["next_day"]))


def _place(form: MeetingForm, session: TrainingSession) -> Place | None:
    room, place, link = form.classroom.data or "", form.place.data or "", form.link.data or ""
    if not (room or place or link):
        return None
    if not room and not place:
        return Place(session.classroom_id, session.place, link)
    return Place(session.classroom_id if not room else None if room == "-" else uuid.UUID(room), place, link)


def _when_of(meeting: Meeting) -> When:
    return session_rules.when_of(meeting.starts_at, meeting.ends_at, meeting.zone)


def _meeting_values(meeting: Meeting, session: TrainingSession) -> dict[str, Any]:
    when, same = _when_of(meeting), meeting.classroom_id == session.classroom_id
    return {
        "day": when.day, "starts": when.starts, "ends": when.ends, "next_day": when.next_day, "zone": meeting.zone, "link": meeting.link,
        "classroom": "" if same else str(meeting.classroom_id or "-"), "place": "" if same and meeting.place == session.place else meeting.place,
    }


def _where(meeting: Meeting, session: TrainingSession, names: dict[str, str]) -> str:
    if (meeting.classroom_id, meeting.place) == (session.classroom_id, session.place):
        return ""
    return str(wording.shown(places.in_words("classroom", names.get(str(meeting.classroom_id)), meeting.place))) or t("session", "no place yet")
