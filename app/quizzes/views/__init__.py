"""Pages of tests: taking one."""

from __future__ import annotations

from app.quizzes.views import attempt, room
from app.quizzes.views.blueprint import bp

__all__ = ["attempt", "bp"]
