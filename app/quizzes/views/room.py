"""What a trainee's page asks in the room: whether it may go on yet, and for the class manager."""

from __future__ import annotations

import sqlalchemy as sa
from flask import g, request
from flask.typing import ResponseReturnValue

from app import clock
from app.http import go, guarded
from app.quizzes import forms, invigilation, queries
from app.quizzes.models import Attempt, AttemptClock
from app.quizzes.views.attempt import Mine, mine, my_enrolment
from app.quizzes.views.blueprint import bp
from app.quizzes.views.here import seat_elsewhere
from app.runs.models import Enrolment


@bp.get("/learn/<uuid:enrolment_id>/tests/<quiz>/ready")
@guarded("attempt.start", my_enrolment)
def test_ready(enrolment: Enrolment, quiz: str) -> ResponseReturnValue:
    """Whether the page that waits for the class manager may go on."""
    return {"go": not queries.room_waits(g.db, enrolment.id, quiz)}


@bp.get("/attempts/<uuid:attempt_id>/ready")
@guarded("attempt.answer", mine)
def attempt_ready(attempt: Mine) -> ResponseReturnValue:
    """Whether a PC that waits for a release may go on."""
    found = g.db.execute(
        sa.select(Attempt, AttemptClock).join(AttemptClock, AttemptClock.attempt_id == Attempt.id).where(Attempt.id == attempt.id)
    ).one_or_none()
    return {"go": found is None or found[0].state != "open" or seat_elsewhere(*found) is None}


@bp.post("/attempts/<uuid:attempt_id>/hand")
@guarded("attempt.answer", mine)
def hand(attempt: Mine) -> ResponseReturnValue:
    """Raise a hand or lower it: by the script, or by an ordinary form."""
    up = forms.sent(forms.Hand).up if request.is_json else request.form.get("up") == "1"
    invigilation.raise_hand(g.db, attempt.id, up=up, now=clock.now())
    if request.is_json:
        return {"hand": up}
    return go("quizzes.attempt", attempt_id=attempt.id)
