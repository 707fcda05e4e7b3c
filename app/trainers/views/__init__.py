"""Pages of the pool: the register of trainers, a trainer's card, his own page, visas and ways."""

from __future__ import annotations

from app.trainers.views import card, index, own, ways
from app.trainers.views.blueprint import bp

__all__ = ["bp", "card", "index", "own", "ways"]
