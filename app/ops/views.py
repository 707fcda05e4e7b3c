"""Pages for whoever runs the node: is the process alive, is it ready, which version is it."""

from __future__ import annotations

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from app.http import guarded

bp = Blueprint("ops", __name__)


@bp.get("/healthz")
@guarded("page.public")
def healthz() -> ResponseReturnValue:
    """The process answers."""
    return jsonify(status="ok")
