"""What an invigilator does from the board: start and end a test, pause, resume, credit, move, release, hand in, go on after an outage."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from flask import current_app, g, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app import clock
from app.classday import services
from app.classday.forms import DeedForm
from app.classday.queries import Day
from app.classday.views import now as panel
from app.classday.views.blueprint import OfClass, bp, day_of, the_class
from app.classday.views.day import again, back_with
from app.classday.views.room import DEEDS, Board, Row, board_of
from app.errors import DomainError, Invalid, Message, NotFound, say
from app.http import go, guarded, me, say_next, status_of
from app.ops.doctor import date_fault
from app.policy import Target
from app.quizzes import invigilation
from app.quizzes.models import Incident
from app.runs.views.sight import title_of

AT_ONCE = ("resume", "release", "lower")  # nothing to ask: it can be taken back
ASKS = ("pause", "credit", "move", "hand-in")


# ---- a test for the room ---------------------------------------------------------------------------------------------


@bp.post("/class/<code>/<day>/test/<quiz>/start")
@guarded("exam.invigilate", the_class("exam.invigilate"))
def start_test(of: OfClass, quiz: str) -> ResponseReturnValue:
    """The test opens on the PCs of a wave, or of everybody."""
    at, wave = of.at, request.form.get("wave", default=0, type=int)
    if date_fault(current_app.config, current_app.extensions["sabaq.database"]):
        return go("date.page", next=url_for("classday.day", **at))
    try:
        services.must_be_today(of.run, of.day, clock.now())
        invigilation.start_room_test(g.db, of.run, quiz, by=me().person_id, now=clock.now(), wave=wave)
    except DomainError as refusal:
        return back_with(of, refusal)
    return go("classday.day", **at)


@bp.get("/class/<code>/<day>/test/<quiz>/end")
@guarded("exam.invigilate", the_class("exam.invigilate"))
def end_test(of: OfClass, quiz: str) -> ResponseReturnValue:
    """Who is still at work, before the test is ended."""
    return _end_page(of, quiz, DeedForm(formdata=None))


def _end_page(of: OfClass, quiz: str, form: DeedForm, *, kept: Sequence[str] | None = None, status: int = 200) -> ResponseReturnValue:
    found = day_of(of)
    if quiz not in found.quizzes:
        raise NotFound()
    board = board_of(found)
    still = board.open_of([]) if board.quiz == quiz else []
    if found.running is None or found.running.quiz != quiz:
        say_next(say("class", "This test is not started for the room: there is nothing to end."), "warn")
        return go("classday.day", **of.at)
    return render_template(
        "classday/end.html", of=of, form=form, title=title_of(of.run), quiz=quiz, name=panel.in_sentence(found, quiz), rows=still,
        kept={str(row.enrolment_id) for row in still} if kept is None else set(kept),
    ), status


@bp.post("/class/<code>/<day>/test/<quiz>/end")
@guarded("exam.invigilate", the_class("exam.invigilate"))
def save_end_test(of: OfClass, quiz: str) -> ResponseReturnValue:
    """End the test: those ticked are handed in for their people, the others may finish what they have begun."""
    at, form, chosen = of.at, DeedForm(), request.form.getlist("who")
    found = day_of(of)
    board = board_of(found)
    leave = {row.attempt_id for row in board.open_of([]) if row.attempt_id and str(row.enrolment_id) not in chosen} if board.quiz == quiz else set()
    wave = found.running.wave if found.running and found.running.quiz == quiz else None
    try:
        ended = invigilation.end_room_test(
            g.db, of.run, quiz, by=me().person_id, now=clock.now(), uptime=clock.uptime(), reason=form.reason.data or "", leave=leave, wave=wave,
        )
    except Invalid as refusal:
        g.db.rollback()
        form.show(refusal)
        return _end_page(again(of), quiz, form, kept=chosen, status=422)
    except DomainError as refusal:
        return back_with(of, refusal)
    if ended:
        say_next(say("class", "The test is ended. Handed in for their people: {n}.", n=len(ended)))
    else:
        say_next(say("class", "The test is ended."))
    return go("classday.day", **at)


# ---- deeds on chosen tests -------------------------------------------------------------------------------------------


@bp.post("/class/<code>/<day>/act")
@guarded("exam.invigilate", the_class("exam.invigilate"))
def choose(of: OfClass) -> ResponseReturnValue:
    """A button of the board was pressed for the ticked rows: done at once, or asked about first."""
    deed, chosen = request.form.get("deed", ""), _chosen(request.form.getlist("who"))
    if deed == "hand-in" and not chosen:  # the whole room is handed in by ending its test
        return back_with(of, Invalid(say("class", "Tick who is meant, then press the button again.")))
    if deed in ASKS:
        return go("classday.ask", deed=deed, who=[str(one) for one in chosen], **of.at)
    if deed not in AT_ONCE:
        return back_with(of, Invalid(say("class", "Tick who is meant, then press one of the buttons above the board.")))
    found = day_of(of)
    board = board_of(found)
    if not chosen and not (deed == "resume" and "room" in request.form):
        return back_with(of, Invalid(say("class", "Tick who is meant, then press the button again.")))
    attempts = [row.attempt_id for row in board.open_of(chosen) if row.attempt_id]
    who: dict[str, Any] = {"by": me().person_id, "now": clock.now()}
    at = of.at
    try:
        match deed:
            case "resume":
                done = invigilation.resume(g.db, of.run, board.quiz, attempts if chosen else None, uptime=clock.uptime(), **who)
            case "release":
                done = invigilation.release(g.db, of.run, board.quiz, attempts, **who)
            case _:
                done = invigilation.lower_hand(g.db, of.run, board.quiz, attempts, **who)
    except DomainError as refusal:
        return back_with(of, refusal)
    say_next(Message(DONE[deed].context, DONE[deed].text, {"n": len(done)}))
    return go("classday.day", **at)


DONE = {
    "resume": say("deed", "Resumed: {n}."),
    "release": say("deed", "Released: {n}. The test opens where the person signs in next."),
    "lower": say("deed", "Hands lowered: {n}."),
    "pause": say("deed", "Paused: {n}."),
    "credit": say("deed", "People who got more time: {n}."),
    "move": say("deed", "Moved: {n}."),
    "hand-in": say("deed", "Handed in: {n}."),
}


def _chosen(texts: Sequence[str]) -> list[uuid.UUID]:
    found = []
    for text in texts[:500]:
        try:
            found.append(uuid.UUID(text))
        except ValueError:
            continue
    return found


def the_deed(db: Session, code: str, day: str, deed: str) -> tuple[tuple[OfClass, str], Target]:
    """A deed that asks first, on a day of a run."""
    of, target = the_class("exam.invigilate")(db, code, day)
    if deed not in ASKS:
        raise NotFound()
    return (of, deed), target


@bp.get("/class/<code>/<day>/act/<deed>")
@guarded("exam.invigilate", the_deed)
def ask(found: tuple[OfClass, str]) -> ResponseReturnValue:
    """Who is meant, and why; nothing is done yet."""
    of, deed = found
    form = DeedForm(formdata=None)
    return _ask_page(of, deed, form, _chosen(request.args.getlist("who")))


def _ask_page(of: OfClass, deed: str, form: DeedForm, chosen: Sequence[uuid.UUID], status: int = 200) -> ResponseReturnValue:
    found = day_of(of)
    board = board_of(found)
    rows = _rows_for(deed, board, chosen)
    if not rows or (deed == "move" and len(rows) != 1):
        say_next(_nobody(deed, board, chosen), "warn")
        return go("classday.day", **of.at)
    if deed == "move":
        free = _free(found, board)
        form.seat.choices = [(str(seat_id), label) for seat_id, label in free]
        if not free:
            say_next(say("class", "No other PC is free. Pause the test, or free a PC first."), "warn")
            return go("classday.day", **of.at)
    return render_template(
        "classday/ask.html", of=of, form=form, title=title_of(of.run), deed=deed, rows=rows, everybody=not chosen and len(rows) > 1,
        label=DEEDS[deed],
    ), status


def _nobody(deed: str, board: Board, chosen: Sequence[uuid.UUID]) -> Message:
    """Why the deed has nobody to be done to."""
    if deed == "move":
        return say("class", "Tick the one person who moves, then press Move.")
    if chosen and board.open_of([]):
        return say("class", "Whoever you ticked has no open test: not begun, or handed in. Tick somebody who is at work.")
    return say("class", "No test is open: there is nothing to do here.")


def _rows_for(deed: str, board: Board, chosen: Sequence[uuid.UUID]) -> list[Row]:
    """Who is meant. A seat may also be changed for somebody who has no test open."""
    if deed == "move":
        return [row for row in board.rows if row.enrolment_id in chosen]
    return board.open_of(chosen)


def _free(found: Day, board: Board) -> list[tuple[uuid.UUID, str]]:
    """Working seats where nobody sits. Who has handed in is through with his PC."""
    taken = {row.seat for row in board.rows if row.tone != "off" and row.shape not in ("st-done", "st-closed")}
    return [(seat.id, seat.label) for seat in found.seats if seat.state == "works" and seat.label not in taken]


@bp.post("/class/<code>/<day>/act/<deed>")
@guarded("exam.invigilate", the_deed)
def act(asked: tuple[OfClass, str]) -> ResponseReturnValue:
    """Do it. A refusal comes back on the form, or on the page of the day as a sentence."""
    of, deed = asked
    at, form, chosen = of.at, DeedForm(), _chosen(request.form.getlist("who"))
    found = day_of(of)
    board = board_of(found)
    rows = _rows_for(deed, board, chosen)
    if not form.validate():
        return _ask_page(of, deed, form, chosen, 422)
    try:
        done = _do(of, deed, form, board, rows, everybody=not chosen)
    except Invalid as refusal:
        g.db.rollback()
        form.show(refusal)
        return _ask_page(again(of), deed, form, chosen, status_of(refusal))
    except DomainError as refusal:
        return back_with(of, refusal)
    say_next(Message(DONE[deed].context, DONE[deed].text, {"n": done}))
    return go("classday.day", **at)


def _do(of: OfClass, deed: str, form: DeedForm, board: Board, rows: Sequence[Row], *, everybody: bool) -> int:
    attempts = None if everybody else [row.attempt_id for row in rows if row.attempt_id]
    who: dict[str, Any] = {"by": me().person_id, "now": clock.now(), "reason": form.reason.data or ""}
    timed = who | {"uptime": clock.uptime()}
    match deed:
        case "pause":
            return len(invigilation.pause(g.db, of.run, board.quiz, attempts, **timed))
        case "credit":
            return len(invigilation.credit(g.db, of.run, board.quiz, attempts, minutes=form.minutes.data or 0, **timed))
        case "hand-in":
            return len(invigilation.hand_in(g.db, of.run, board.quiz, attempts, **timed))
    seat_id = next(iter(_chosen([form.seat.data or ""])), None)
    if len(rows) != 1 or seat_id is None:
        raise Invalid(fields={"seat": say("class", "Choose a free seat.")})
    if rows[0].attempt_id:
        invigilation.move(g.db, of.run, board.quiz, rows[0].attempt_id, seat_id=seat_id, **who)
    else:
        services.move_seat(g.db, of.run, enrolment_id=rows[0].enrolment_id, old=rows[0].seat, seat_id=seat_id, **who)
    return 1


# ---- after an outage -------------------------------------------------------------------------------------------------


def the_incident(db: Session, code: str, day: str, incident_id: uuid.UUID) -> tuple[tuple[OfClass, Incident], Target]:
    """An outage of a run."""
    of, target = the_class("exam.invigilate")(db, code, day)
    incident = db.scalar(sa.select(Incident).where(Incident.id == incident_id, Incident.run_id == of.run.id))
    if incident is None:
        raise NotFound()
    return (of, incident), target


@bp.post("/class/<code>/<day>/outage/<uuid:incident_id>/resume")
@guarded("exam.invigilate", the_incident)
def resume_outage(asked: tuple[OfClass, Incident]) -> ResponseReturnValue:
    """The room goes on with the lost time credited. Who is not back stays paused, unless everybody is meant."""
    of, incident = asked
    at = of.at
    board = board_of(day_of(of))
    waiting = [row for row in board.open_of([]) if row.cut]
    away = {row.attempt_id for row in waiting if row.attempt_id and row.shape == "st-silent"}
    if "all" in request.form or len(away) == len(waiting):
        away = set()
    try:
        done = invigilation.resume_after_outage(g.db, incident, by=me().person_id, now=clock.now(), uptime=clock.uptime(), leave=away)
    except DomainError as refusal:
        return back_with(of, refusal)
    say_next(say("class", "The room goes on: {n}. It is in every attempt and in the minutes.", n=len(done)))
    return go("classday.day", **at)
