"""Pages of what people are told, and of a trainer's answers to offers."""

from __future__ import annotations

from app.notices.views import offers, own
from app.notices.views.blueprint import bp

__all__ = ["bp", "offers", "own"]
