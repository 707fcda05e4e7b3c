"""The blueprint that the pages of planning register with."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("planning", __name__)
