"""Where somebody who signs in should sit: his slip at a PC of another office, or at another seat than the plan gives him."""

from __future__ import annotations

import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.errors import say
from app.i18n import pick
from app.offices.models import Classroom, Office, Seat
from app.offices.seats import SeatHere
from app.people.signing_in import SlipPlace
from app.runs.models import CourseRun, Enrolment
from app.schedule.models import Seating


def place_of(db: Session, run_id: uuid.UUID, person_id: uuid.UUID, seat: SeatHere) -> SlipPlace:
    """What a seat is to the owner of a slip. One query.

    In another office the slip is refused, with the room that it is for. In another room of the office, or at another
    seat, he may work: classes move when a PC or a room fails; he is told where his own place is.
    """
    row: Any = db.execute(
        sa.select(Classroom.id, Classroom.names, Office.id, Office.names, Seat.id, Seat.label)
        .select_from(CourseRun)
        .join(Classroom, Classroom.id == CourseRun.classroom_id)
        .join(Office, Office.id == Classroom.office_id)
        .outerjoin(Enrolment, sa.and_(Enrolment.run_id == CourseRun.id, Enrolment.person_id == person_id))
        .outerjoin(Seating, Seating.enrolment_id == Enrolment.id)
        .outerjoin(Seat, Seat.id == Seating.seat_id)
        .where(CourseRun.id == run_id)
    ).first()
    if row is None:
        return SlipPlace()  # the run has no classroom: any seat will do
    room_id, room, office_id, office, seat_id, label = row
    if seat_id == seat.seat_id:
        return SlipPlace()
    if office_id != seat.office_id:
        text = say("signin", "This slip is for {room}, {office}. Sign in there, or ask the class manager here for a slip of this class.", room=pick(room), office=pick(office))
        return SlipPlace(refused=text)
    if room_id != seat.classroom_id:
        return SlipPlace(hint=say("signin", "Your class is in {room}. You may work here; ask the class manager where to sit.", room=pick(room)))
    if label is not None:
        return SlipPlace(hint=say("signin", "Your seat is {seat}; this is seat {here}. Change to it before the test begins.", seat=label, here=seat.label))
    return SlipPlace()
