"""Pages of tests: taking one; practical work."""

from __future__ import annotations

from app.quizzes.views import attempt, paper, practicals, room
from app.quizzes.views.blueprint import bp

__all__ = ["attempt", "bp", "paper", "practicals", "room"]
