"""The blueprint that the pages of meetings register with."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("schedule", __name__)
