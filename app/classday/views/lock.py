"""The lock: whoever leaves the board, or a projected lesson, alone in a room locks it. The room goes on; nobody else gets on."""

from __future__ import annotations

from datetime import datetime

from flask import g, make_response, redirect, render_template, request, session
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app import clock, http, i18n
from app.classday.forms import UnlockForm
from app.classday.views.blueprint import bp
from app.errors import DomainError, Invalid, Throttled, say
from app.http import audit, go, guarded, local_path, me, note, status_of
from app.offices.views import seat_here
from app.people import credentials, signing_in
from app.people.rules import Ended


@bp.post("/lock")
@guarded("own.lock")
def lock() -> ResponseReturnValue:
    """Lock the pages of this sign-in."""
    signing_in.lock(g.db, sign_in_id=me().sign_in_id, now=clock.now())
    audit("locked", about=str(me().sign_in_id))
    return go("classday.locked", next=local_path(request.form.get("next")))


@bp.get("/lock")
@guarded("own.lock")
def locked() -> ResponseReturnValue:
    """That the room goes on, and a field for the password."""
    onward = local_path(request.args.get("next"))
    return _page(UnlockForm(formdata=None), onward) if http.locked() else redirect(onward)


@bp.post("/unlock")
@guarded("own.lock")
def unlock() -> ResponseReturnValue:
    """Go on where the page was locked. Wrong passwords are slowed down as at sign-in."""
    form, now, onward = UnlockForm(), clock.now(), local_path(request.form.get("next"))
    person_id, sign_in_id = me().person_id, me().sign_in_id
    stored = signing_in.secrets_of(g.db, person_id).password_hash
    seat = seat_here()
    tried = signing_in.the_try(
        g.db, signing_in.candidate_of(person_id, stored), seat_id=seat.seat_id if seat else None, address=request.remote_addr or ""
    )
    try:
        signing_in.may_try(g.db, tried, now)
        g.db.rollback()  # no transaction stays open while the password is checked
        with credentials.alone(tried.account_here):
            right = credentials.check_password(form.password.data or "", stored, now)
        if not right:
            raise Invalid(fields={"password": say("lock", "This is not the password of who locked the page.")})
    except Invalid as refused:
        note(lambda db: _count(db, tried, now))
        audit("unlock refused", about=str(person_id))
        form.show(refused)
        return _page(form, onward, refused)
    except Throttled as refused:
        form.form_errors.append(i18n.say(refused.message))
        return _page(form, onward, refused)
    signing_in.unlock(g.db, sign_in_id=sign_in_id, now=now)
    note(lambda db: signing_in.forgive(db, tried))
    audit("unlocked", about=str(sign_in_id))
    return redirect(onward, code=303)


@bp.post("/lock/sign-out")
@guarded("own.lock")
def leave() -> ResponseReturnValue:
    """Sign out instead: whoever comes next signs in with a name of his own."""
    signing_in.sign_out(g.db, sign_in_id=me().sign_in_id, now=clock.now())
    audit("sign-out", about=str(me().sign_in_id))
    session.clear()
    session["left"] = {"why": Ended.SIGNED_OUT.value, "who": ""}
    return go("people.sign_in")


def _count(db: Session, tried: signing_in.Try, now: datetime) -> None:
    signing_in.failed(db, tried, now)


def _page(form: UnlockForm, onward: str, refused: DomainError | None = None) -> ResponseReturnValue:
    response = make_response(render_template("classday/lock.html", form=form, onward=onward, name=me().name))
    if refused is not None:
        response.status_code = status_of(refused)
    return response
