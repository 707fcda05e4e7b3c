"""Pages of planning: the month, a session with its slots, series, seats, release, proposals, the board, requests."""

from __future__ import annotations

from app.planning.views import board, requests
from app.planning.views.blueprint import bp

__all__ = ["board", "bp", "requests"]
