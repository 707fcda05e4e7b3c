"""Pages of runs: the list, planning, the run's own page, nominations and decisions, slips, result sheet, closing."""

from __future__ import annotations

from app.runs.views import closing, index, nominations, page, plan, report, results, slips
from app.runs.views.blueprint import bp

__all__ = ["bp", "closing", "index", "nominations", "page", "plan", "report", "results", "slips"]
