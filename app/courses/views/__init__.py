"""Pages of courses: the trainee's home and player, the media, and the staff's list and preview."""

from __future__ import annotations

import app.courses.views.learn
import app.courses.views.media
import app.courses.views.staff  # noqa: F401  importing the three registers their views
from app.courses.views.blueprint import bp as bp
