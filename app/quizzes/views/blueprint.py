"""The blueprint that the pages of tests register with."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("quizzes", __name__)
