"""Pages of the class day: the list of days, the guided page, the board's deeds, seats, walk-ins and slips, papers, the lock."""

from __future__ import annotations

from app.classday.views import board, day, index, lock, papers, rooms, seats, walk_in
from app.classday.views.blueprint import bp

__all__ = ["board", "bp", "day", "index", "lock", "papers", "rooms", "seats", "walk_in"]
