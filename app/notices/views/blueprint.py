"""The blueprint that the pages of notices and offers register with."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("notices", __name__)
