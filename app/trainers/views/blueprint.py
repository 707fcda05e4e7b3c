"""The blueprint that the pages of the pool register with."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("trainers", __name__)
