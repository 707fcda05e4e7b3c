"""Pages of meetings: the timetable, a meeting, roll call, the paper sheet and its entry, hours, teach mode."""

from __future__ import annotations

from app.schedule.views import checkin, closing, hours, meeting, roll, sheet, teach, timetable
from app.schedule.views.blueprint import bp

__all__ = ["bp", "checkin", "closing", "hours", "meeting", "roll", "sheet", "teach", "timetable"]
