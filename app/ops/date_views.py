"""The page on which a person confirms today's date, when the server's clock was set or shows what cannot be known to be right."""

from __future__ import annotations

from flask import Blueprint, current_app, g, redirect, render_template, request
from flask.typing import ResponseReturnValue

from app import clock
from app.errors import Conflict, say
from app.http import audit, guarded, local_path, say_next
from app.ops import doctor
from app.ops.rules import Doubt
from app.quizzes import services as quizzes

bp = Blueprint("date", __name__)

WHY = {
    Doubt.BEFORE_RELEASE: say("date", "This date lies before the release of this program: it cannot be right."),
    Doubt.BEHIND: say("date", "The centre, or somebody here, has seen a later date."),
    Doubt.STEPPED: say("date", "The clock of the server was set by a day or more."),
    Doubt.FAR: say("date", "The date lies far beyond anything that this server knows of."),
}


def doubted() -> Doubt | None:
    """Why the date of this server is not believed; None when it is."""
    return doctor.date_doubt(current_app.config, current_app.extensions["sabaq.database"])


@bp.get("/date")
@guarded("date.confirm")
def page() -> ResponseReturnValue:
    """What the clock shows, and whether it has to be confirmed."""
    doubt = doubted()
    return render_template(
        "ops/date.html", doubt=doubt, why=WHY[doubt] if doubt else None, may_confirm=doubt not in (None, Doubt.BEFORE_RELEASE),
        onward=local_path(request.args.get("next")), shown=clock.now(), zone=current_app.config["ZONE"],
    )


@bp.post("/date")
@guarded("date.confirm")
def confirm() -> ResponseReturnValue:
    """Somebody has compared the date with his own calendar: tests may begin."""
    doubt, now = doubted(), clock.now()
    if doubt is Doubt.BEFORE_RELEASE:
        raise Conflict(WHY[doubt])
    if doubt is not None:
        quizzes.confirm_date(g.db, now=now, uptime=clock.uptime())
        audit("date confirmed", about=now.date().isoformat(), why=doubt.value, uptime_ms=clock.uptime().ms)
        say_next(say("date", "The date is confirmed. Tests may begin."))
    return redirect(local_path(request.form.get("next")), code=303)
