"""Which PC asks, and whether the attempt is at work at another one."""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from flask import g

from app import clock
from app.http import me, note
from app.people.models import SignIn
from app.quizzes import invigilation, queries, rules
from app.quizzes.models import Attempt, AttemptClock


def seat_here() -> uuid.UUID | None:
    """The seat that the asking PC has signed in at."""
    found: uuid.UUID | None = g.db.scalar(sa.select(SignIn.seat_id).where(SignIn.id == me().sign_in_id))
    return found


def seat_elsewhere(attempt: Attempt, running: AttemptClock) -> str | None:
    """The seat at which a supervised attempt is open, when this PC may not go on with it; the board then shows who asks."""
    if not attempt.supervised or attempt.seat_id is None:
        return None
    here = seat_here()
    if rules.may_take_over(supervised=True, sits_at=attempt.seat_id, asks=here, released=running.released):
        return None
    if running.wants_at is None or running.wants_seat_id != here:
        attempt_id, now = attempt.id, clock.now()
        note(lambda db: invigilation.ask_release(db, attempt_id, seat_id=here, now=now))
    return queries.seat_label(g.db, attempt.seat_id)
