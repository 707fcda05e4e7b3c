"""Pages of tests: taking one, practical work, marking, debrief."""

from __future__ import annotations

from app.quizzes.views import attempt, debrief, marking, paper, practicals, practice, room
from app.quizzes.views.blueprint import bp

__all__ = ["attempt", "bp", "debrief", "marking", "paper", "practicals", "practice", "room"]
