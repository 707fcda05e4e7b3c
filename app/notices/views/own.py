"""Pages of one's own notices: the panel of the start pages, all of them, putting one away."""

from __future__ import annotations

import uuid

from flask import g, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from app import clock
from app.errors import say
from app.http import go, guarded, local_path, me, say_next
from app.notices import queries, services, wording
from app.notices.queries import AT_START, Told
from app.notices.views.blueprint import bp


@bp.app_template_global()
def my_notices() -> tuple[list[Told], int]:
    """What waits on the start page of who looks: the newest few, and how many there are in all. Open offers have a panel of their own."""
    waiting = [one for one in queries.for_person(g.db, me().person_id, now=clock.now()) if one.notice.what != "offer"]
    return waiting[:AT_START], len(waiting)


bp.add_app_template_global(wording.sentence, "notice_sentence")


@bp.get("/notices")
@guarded("page.home")
def index() -> ResponseReturnValue:
    """All that one was told in half a year, also what was put away or is over."""
    told = queries.for_person(g.db, me().person_id, now=clock.now(), away=True)
    now = clock.now()
    waiting = [one.notice for one in told if not one.away and (one.notice.until is None or one.notice.until > now)]
    ids = {notice.id for notice in waiting}
    return render_template("notices/index.html", waiting=waiting, earlier=[one.notice for one in told if one.notice.id not in ids])


@bp.post("/notices/put-away")
@guarded("page.home")
def put_away() -> ResponseReturnValue:
    """Put away the notice of the form, or all that wait. Somebody else's stays as it is."""
    waiting = [one.notice for one in queries.for_person(g.db, me().person_id, now=clock.now(), away=True)]
    if "all" not in request.form:
        waiting = [notice for notice in waiting if notice.id == _id(request.form.get("notice", ""))]
    n = services.put_away(g.db, waiting, now=clock.now())
    if n:
        say_next(say("notice", "Put away. You find it under all messages.") if n == 1 else say("notice", "{n} messages were put away. You find them under all messages.", n=n))
    return _back()


def _back() -> Response:
    place = local_path(request.form.get("next"))
    return go("people.home") if place == "/" else go("notices.index")


def _id(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
