"""The blueprint that the pages of runs register with."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("runs", __name__)
