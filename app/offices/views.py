"""Pages of offices. Here: making this PC a seat of a classroom."""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from flask import Blueprint, current_app, g, render_template, request
from flask.typing import ResponseReturnValue
from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from app import clock
from app.errors import say
from app.http import actor, audit, go, guarded, me, say_next
from app.offices import seats
from app.offices.models import Classroom, Office
from app.offices.scope import under
from app.offices.seats import SeatHere
from app.policy import Target, scope

bp = Blueprint("offices", __name__)

KEPT_FOR = 400 * 24 * 3600  # seconds: the longest that browsers keep a cookie; each sign-in at the seat renews it


# ---- which PC asks ---------------------------------------------------------------------------------------------------


def seat_token() -> str | None:
    """The token of the seat cookie, when we signed it."""
    try:
        return str(_signer().loads(request.cookies.get(_cookie(), "")))
    except BadSignature:
        return None


def seat_here() -> SeatHere | None:
    """The seat that the asking PC is enrolled as."""
    if "seat" not in g:
        token = seat_token()
        g.seat = seats.seat_with(g.db, token) if token else None
    here: SeatHere | None = g.seat
    return here


def keep_seat(response: Response, token: str) -> None:
    """Let the browser keep that it is this seat; no script reads it."""
    response.set_cookie(
        _cookie(), _signer().dumps(token), max_age=KEPT_FOR, httponly=True, samesite="Lax",
        secure=current_app.config["SESSION_COOKIE_SECURE"],
    )


def _cookie() -> str:
    return f"{current_app.config['COOKIE']}_seat"


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(current_app.config["SECRET_KEY"], salt="seat")


# ---- pages -----------------------------------------------------------------------------------------------------------


def the_seat(db: Session, seat_id: uuid.UUID) -> tuple[SeatHere, Target]:
    """A seat, which its office's people may touch."""
    found = seats.seat(db, seat_id)
    return found, Target(path=found.path)


@bp.get("/seats")
@guarded("seat.enrol")
def choose_seat() -> ResponseReturnValue:
    """The classrooms of the offices where who asks may enrol PCs, with their seats."""
    rooms = g.db.execute(
        sa.select(Classroom.id, Classroom.names, Office.names.label("office"), Office.zone)
        .join(Office, Office.id == Classroom.office_id)
        .where(under(Office.path, scope(actor(), "seat.enrol")))
        .order_by(Office.path, Classroom.id)
    ).all()
    found = seats.seats_of(g.db, [room.id for room in rooms])
    return render_template("offices/seats.html", rooms=rooms, seats=found, here=seat_here())


@bp.get("/seats/<uuid:seat_id>")
@guarded("seat.enrol", the_seat)
def confirm_seat(seat: SeatHere) -> ResponseReturnValue:
    """Ask once before this PC becomes the seat."""
    enrolled = next(row for row in seats.seats_of(g.db, [seat.classroom_id])[seat.classroom_id] if row.id == seat.seat_id)
    return render_template("offices/seat.html", seat=seat, row=enrolled, here=seat_here())


@bp.post("/seats/<uuid:seat_id>/enrol")
@guarded("seat.enrol", the_seat)
def enrol_seat(seat: SeatHere) -> ResponseReturnValue:
    """This PC is the seat from now on."""
    token = seats.enrol_seat(
        g.db, seat_id=seat.seat_id, replaces=seat_token(), enrolled_by=me().person_id, now=clock.now()
    )
    audit("seat enrolled", about=str(seat.seat_id), address=request.remote_addr)
    say_next(say("seat", "This PC is seat {seat} now. Sign out, and the sign-in page asks for service number and PIN.", seat=seat.label))
    response = go("offices.choose_seat")
    keep_seat(response, token)
    return response


@bp.post("/seats/<uuid:seat_id>/end")
@guarded("seat.enrol", the_seat)
def end_seat(seat: SeatHere) -> ResponseReturnValue:
    """No PC is this seat any more."""
    seats.end_enrolment(g.db, seat_id=seat.seat_id, now=clock.now())
    audit("seat ended", about=str(seat.seat_id))
    say_next(say("seat", "No PC is seat {seat} any more.", seat=seat.label))
    return go("offices.choose_seat")
