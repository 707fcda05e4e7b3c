"""Pages of people: signing in and out, own settings, the staff list."""

from __future__ import annotations

from flask import Blueprint, request, session
from flask.typing import ResponseReturnValue
from werkzeug.utils import redirect

from app.http import guarded, local_path
from app.i18n import LANGUAGES

bp = Blueprint("people", __name__)


@bp.get("/sign-in")
@guarded("page.public")
def sign_in() -> ResponseReturnValue:
    """The sign-in page of this place."""
    return "sign in"


@bp.post("/sign-out")
@guarded("page.home")
def sign_out() -> ResponseReturnValue:
    """End the sign-in."""
    return redirect("/")


@bp.get("/settings")
@guarded("own.preferences")
def preferences() -> ResponseReturnValue:
    """What a person chose for all his pages."""
    return "settings"


@bp.post("/language")
@guarded("page.public")
def choose_language() -> ResponseReturnValue:
    """Another language for all pages; the page stays the same."""
    if request.form.get("language") in LANGUAGES:
        session["language"] = request.form["language"]
    return redirect(local_path(request.form.get("next")), code=303)
