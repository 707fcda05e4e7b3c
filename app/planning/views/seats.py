"""Seats of a session: who has one, who waits, seats kept for agencies, the order that sends them; and a person's own seat."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from flask import g, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app import clock, i18n, lists, pdf
from app.errors import Conflict, Invalid, NotFound, say
from app.http import actor, audit, go, guarded, me, say_next
from app.i18n import pick, t
from app.offices.models import Agency, Office
from app.people.models import Person
from app.people.names import fold
from app.planning.session_forms import OrderForm
from app.planning.views.blueprint import bp
from app.planning.views.session_edit import show_refused
from app.planning.views.sight import (
    hours_of,
    meetings_in_words,
    offset_of,
    room_of,
    sees,
    session_by,
    the_session,
    title_of,
    weekday,
    where_of,
)
from app.policy import Target, scope
from app.runs import queries as runs
from app.runs.models import Enrolment
from app.schedule import seats, session_rules, sessions
from app.schedule.models import SessionSeat, TrainingSession
from app.schedule.seats import Obstacle

PLAN = "session.plan"
MOST_FOUND = 12


@dataclass(frozen=True)
class Sitting:
    """Somebody on the list of a session, as the page shows him."""

    seat: SessionSeat | None
    person_id: uuid.UUID
    name: str
    service_number: str
    agency: Mapping[str, str]
    office: Mapping[str, str]
    rank: str
    post: str
    enrolled: bool
    order_number: str
    order_on: date | None
    obstacles: Sequence[Obstacle]


@bp.get("/planning/sessions/<code>/seats", endpoint="seats")
@guarded(PLAN, session_by(PLAN))
def seats_page(session: TrainingSession) -> ResponseReturnValue:
    """Who has a seat, who waits, and who of the run has none."""
    return _page(session)


@bp.post("/planning/sessions/<code>/seats/all")
@guarded(PLAN, session_by(PLAN))
def seat_everybody(session: TrainingSession) -> ResponseReturnValue:
    """Give everybody of the run a seat, in the order of the roster."""
    code = session.code
    done = seats.seat_everybody(g.db, session, by=me().person_id, now=clock.now(), sees=sees)
    counts = {"n": len(done.seated), "m": len(done.waiting), "k": done.left_out}
    say_next(say("seats of a session", "Seated: {n}, waiting: {m}, left out because away or booked elsewhere: {k}.", **counts), "warn" if done.left_out else "info")
    return go("planning.seats", code=code)


@bp.post("/planning/sessions/<code>/seats/add")
@guarded(PLAN, session_by(PLAN))
def put_on_list(session: TrainingSession) -> ResponseReturnValue:
    """Put somebody on the list: seated where there is room, else waiting."""
    code = session.code
    person = g.db.get(Person, _uuid(request.form.get("person", "")))
    if person is None or not _may_be_chosen(session, person.id):
        return _page(session, wrong=say("seats of a session", "Choose somebody from the list that was found."), status=422)
    language = session.language if session.language in session.run.course_version.languages else session.run.course_version.languages[0]
    try:
        seat = seats.put_on_list(g.db, session, person, language=language, by=me().person_id, now=clock.now(), sees=sees)
    except (Invalid, Conflict) as refused:
        g.db.rollback()
        return _page(the_session(g.db, code), wrong=refused.message, status=409 if isinstance(refused, Conflict) else 422)
    if seat.state == "seated":
        say_next(say("seats of a session", "{name} has a seat.", name=person.short_name))
    else:
        say_next(say("seats of a session", "{name} is on the wait-list.", name=person.short_name))
    return go("planning.seats", code=code)


def the_seat(db: Session, code: str, seat_id: uuid.UUID) -> tuple[tuple[TrainingSession, SessionSeat], Target]:
    """A seat of a session."""
    session, target = session_by(PLAN)(db, code)
    seat = db.get(SessionSeat, seat_id)
    if seat is None or seat.session_id != session.id:
        raise NotFound()
    return (session, seat), target


@bp.post("/planning/sessions/<code>/seats/<uuid:seat_id>/off")
@guarded(PLAN, the_seat)
def take_off(found: tuple[TrainingSession, SessionSeat]) -> ResponseReturnValue:
    """Take somebody off the list; the next who waits gets the seat."""
    session, seat = found
    code, id = session.code, seat.id
    try:
        got = seats.take_off(g.db, session, seat, by=me().person_id, now=clock.now(), reason=request.form.get("reason", ""))
    except Invalid as refused:
        g.db.rollback()
        return _page(the_session(g.db, code), wrong_seat=id, wrong=refused.message, status=422)
    if got:
        say_next(say("seats of a session", "Taken off. Promoted from the wait-list: {names}.", names=_names(got)))
    else:
        say_next(say("seats of a session", "Taken off. Nobody who waits could be promoted."))
    return go("planning.seats", code=code)


@bp.post("/planning/sessions/<code>/seats/quotas")
@guarded(PLAN, session_by(PLAN))
def set_quotas(session: TrainingSession) -> ResponseReturnValue:
    """Keep seats for agencies."""
    code, wanted, wrong = session.code, {}, {}
    for agency, _names_of, _n in _agencies(session):
        text = request.form.get(f"quota-{agency}", "").strip()
        if text and not text.isdigit():
            wrong[f"quota-{agency}"] = say("seats of a session", "Give a number from 0.")
        wanted[agency] = int(text) if text.isdigit() and len(text) < 6 else 0
    try:
        if wrong:
            raise Invalid(fields=wrong)
        got = seats.set_quotas(g.db, session, wanted, by=me().person_id, now=clock.now())
    except Invalid as refused:
        g.db.rollback()
        return _page(the_session(g.db, code), wrong_quotas=refused.fields, wrong=None if refused.fields else refused.message, status=422)
    if got:
        say_next(say("seats of a session", "The kept seats are saved. Promoted from the wait-list: {names}.", names=_names(got)))
    else:
        say_next(say("seats of a session", "The kept seats are saved."))
    return go("planning.seats", code=code)


@bp.post("/planning/sessions/<code>/seats/order")
@guarded(PLAN, session_by(PLAN))
def give_order(session: TrainingSession) -> ResponseReturnValue:
    """Note the number and date of the order that sends those who are ticked."""
    code, form = session.code, OrderForm()
    chosen = [id for one in request.form.getlist("person") if (id := _uuid(one)).int]
    if form.validate():
        try:
            n = seats.give_order(g.db, session, chosen, number=form.number.data or "", on=form.on.data, by=me().person_id, now=clock.now())
        except (Invalid, Conflict) as refused:
            people = refused.fields.pop("people", None) if isinstance(refused, Invalid) else None
            status = show_refused(form, refused)
            if people is not None:
                form.form_errors.append(i18n.say(people))
            return _page(the_session(g.db, code), order=form, ticked=set(chosen), status=status)
        audit("order noted", about=code, number=form.number.data, people=n)
        say_next(say("order", "The order is noted for {n} people.", n=n))
        return go("planning.seats", code=code)
    return _page(session, order=form, ticked=set(chosen), status=422)


@bp.get("/planning/sessions/<code>/seats/order")
@guarded(PLAN, session_by(PLAN))
def order_paper(session: TrainingSession) -> ResponseReturnValue:
    """The list of those who are sent to a session, as a draft for the order."""
    seated = [one for one in _sitting(session) if one.seat is not None and one.seat.state == "seated"]
    if not seated:
        raise Invalid(say("order", "Nobody has a seat yet: there is nothing to print."))
    room, meetings = room_of(g.db, session), sessions.meetings_of(g.db, session.id)
    audit("list printed", about=session.code, rows=len(seated))
    data = pdf.paper(
        "planning/paper_order.html", language=i18n.language(), title=t("order", "Draft of an order, {code}", code=session.code), styles=("print.css",),
        session=session, course=title_of(session), where=where_of(session, room), when=meetings_in_words(session, meetings), people=seated, now=clock.now(), by=me().name,
    )
    return lists.attachment(data, f"{session.code}-order.pdf", rows=len(seated))


# ---- the page --------------------------------------------------------------------------------------------------------


def _page(session: TrainingSession, *, status: int = 200, **shown: Any) -> ResponseReturnValue:
    everybody = _sitting(session)
    on_list: dict[str, list[Sitting]] = {state: [] for state in session_rules.SEAT_STATES}
    for one in everybody:
        if one.seat is not None:
            on_list[one.seat.state].append(one)
    quotas = seats.quotas_of(g.db, session.id)
    counts = Counter((one.seat.agency_id, one.seat.state) for one in everybody if one.seat is not None)
    agencies = [
        (id, pick(names), quotas.get(id, 0), counts[id, "seated"], counts[id, "waiting"]) for id, names, _n in _agencies(session)
    ]
    wanted = request.args.get("q", "").strip()
    return render_template(
        "planning/seats.html", session=session, title=title_of(session), in_words=meetings_in_words(session, sessions.meetings_of(g.db, session.id)),
        on_list=on_list, without=[one for one in everybody if one.seat is None], agencies=agencies, wanted=wanted, found=_search(session, wanted) if wanted else [],
        states=session_rules.SEAT_STATES, order=shown.get("order") or OrderForm(formdata=None), ticked=shown.get("ticked"), wrong=shown.get("wrong"),
        wrong_seat=shown.get("wrong_seat"), wrong_quotas=shown.get("wrong_quotas", {}), kept=sum(quotas.values()), given=request.form,
        free=session.seats - len(on_list["seated"]),
    ), status


def _sitting(session: TrainingSession) -> list[Sitting]:
    """All on the list in the order of coming, then those of the run who are not. A fixed number of queries."""
    rows = g.db.execute(
        sa.select(
            SessionSeat, Person.id, Person.display_name, Person.service_number, Agency.names, Office.names, Enrolment.rank, Enrolment.post, Enrolment.id,
            Enrolment.order_number, Enrolment.order_on,
        )
        .select_from(Person).join(Agency, Agency.id == Person.agency_id)
        .outerjoin(SessionSeat, sa.and_(SessionSeat.person_id == Person.id, SessionSeat.session_id == session.id))
        .outerjoin(Enrolment, sa.and_(Enrolment.person_id == Person.id, Enrolment.run_id == session.run_id, Enrolment.state == "enrolled"))
        .outerjoin(Office, Office.id == Enrolment.office_id)
        .where(sa.or_(SessionSeat.id.is_not(None), Enrolment.id.is_not(None)))
        .order_by(SessionSeat.place.is_(None), SessionSeat.place, Enrolment.number, Person.sort_key)
    ).all()
    in_the_way = seats.obstacles(g.db, session, [row[1] for row in rows], sees=sees)
    return [
        Sitting(seat, id, name, number, agency, office or {}, rank or "", post or "", enrolment is not None, order or "", on, in_the_way.get(id, ()))
        for seat, id, name, number, agency, office, rank, post, enrolment, order, on in rows
    ]


def _agencies(session: TrainingSession) -> list[tuple[uuid.UUID, Mapping[str, str], int]]:
    """The agencies of the country where a session is held, and those that have a seat kept for them or somebody on the list."""
    used = set(seats.quotas_of(g.db, session.id)) | {one.agency_id for one in seats.seats_of(g.db, session.id)}
    rows = g.db.execute(
        sa.select(Agency.id, Agency.names, Agency.code).where(sa.or_(Agency.country_id == session.run.office.country_id, Agency.id.in_(used))).order_by(Agency.code)
    )
    return [(id, names, 0) for id, names, _code in rows]


def _search(session: TrainingSession, wanted: str) -> list[runs.Candidate]:
    known = {one.person_id for one in seats.seats_of(g.db, session.id) if one.state not in seats.OUT}
    found = runs.candidates(g.db, on=session.run.starts_on, paths=scope(actor(), PLAN), search=fold(wanted).split(), most=MOST_FOUND + len(known))
    return [one for one in found if one.person_id not in known][:MOST_FOUND]


def _may_be_chosen(session: TrainingSession, person_id: uuid.UUID) -> bool:
    """Whether somebody serves in an office of the planner, or is in the run already."""
    if runs.candidates(g.db, on=session.run.starts_on, paths=scope(actor(), PLAN), person_ids=[person_id]):
        return True
    return g.db.scalar(sa.select(Enrolment.id).where(Enrolment.run_id == session.run_id, Enrolment.person_id == person_id, Enrolment.state == "enrolled")) is not None


def _names(given: Sequence[SessionSeat]) -> str:
    return i18n.listing(g.db.scalars(sa.select(Person.short_name).where(Person.id.in_([one.person_id for one in given])).order_by(Person.sort_key)))


def _uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        return uuid.UUID(int=0)


# ---- a person's own seat ---------------------------------------------------------------------------------------------


def own_seat(db: Session, seat_id: uuid.UUID) -> tuple[SessionSeat, Target]:
    """Somebody's own seat in a session that he may know of."""
    found = db.execute(
        sa.select(SessionSeat, TrainingSession.state).join(TrainingSession, TrainingSession.id == SessionSeat.session_id).where(SessionSeat.id == seat_id)
    ).first()
    if found is None or found[1] == "draft":
        raise NotFound()
    return found[0], Target(owner=found[0].person_id)


@bp.get("/my/seats/<uuid:seat_id>")
@guarded("seat.decline", own_seat)
def my_seat(seat: SessionSeat) -> ResponseReturnValue:
    """Where and when a session is, and whether somebody has a seat in it."""
    return _my_seat(seat)


@bp.post("/my/seats/<uuid:seat_id>/decline")
@guarded("seat.decline", own_seat)
def decline(seat: SessionSeat) -> ResponseReturnValue:
    """Give a seat back, or wait no longer; the next one gets it."""
    id = seat.id
    seats.decline(g.db, seat, now=clock.now())
    say_next(say("seats of a session", "Thank you. The seat goes to the next who waits."))
    return go("planning.my_seat", seat_id=id)


def _my_seat(seat: SessionSeat) -> ResponseReturnValue:
    code = g.db.scalar(sa.select(TrainingSession.code).where(TrainingSession.id == seat.session_id))
    session = the_session(g.db, str(code))
    meetings = [one for one in sessions.meetings_of(g.db, session.id) if one.state in ("planned", "held", "cancelled")]
    begun = any(one.starts_at <= clock.now() and one.state != "cancelled" for one in meetings)
    waiting = [one.id for one in seats.seats_of(g.db, session.id) if one.state == "waiting"]
    return render_template(
        "planning/my_seat.html", seat=seat, session=session, title=title_of(session), where=where_of(session, room_of(g.db, session)),
        meetings=[(one, weekday(one.day), hours_of(one), offset_of(one)) for one in meetings], begun=begun, place=waiting.index(seat.id) + 1 if seat.id in waiting else 0,
        open=seat.state in ("seated", "waiting") and session.state == "released" and not begun,
    )
