"""The blueprint of courses; the views are in the modules beside it."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("courses", __name__)
