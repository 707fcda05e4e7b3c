"""Pages of planning: the month, a session with its slots, series, seats, release, proposals, the board, requests."""

from __future__ import annotations

from app.planning.views import (
    absences,
    board,
    closures,
    constraints,
    index,
    order,
    outbox,
    overrides,
    proposal,
    release,
    requests,
    seats,
    series,
    session,
    session_edit,
)
from app.planning.views.blueprint import bp

__all__ = [
    "absences",
    "board",
    "bp",
    "closures",
    "constraints",
    "index",
    "order",
    "outbox",
    "overrides",
    "proposal",
    "release",
    "requests",
    "seats",
    "series",
    "session",
    "session_edit",
]
