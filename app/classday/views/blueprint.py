"""The blueprint of the class day, and the way from an address to a day of a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import Blueprint, current_app, g, url_for
from sqlalchemy.orm import Session

from app import clock
from app.classday import queries
from app.classday.queries import Day
from app.errors import NotFound
from app.http import actor
from app.policy import Target, scope
from app.runs.models import CourseRun
from app.runs.queries import trainers_of
from app.runs.views.sight import covering, places_of, the_run

bp = Blueprint("classday", __name__)


@dataclass(frozen=True)
class OfClass:
    """A day of a run, as its address says."""

    run: CourseRun
    day: date

    @property
    def at(self) -> dict[str, Any]:
        """The parts of its address."""
        return {"code": self.run.code, "day": self.day.isoformat()}


def the_class(action: str) -> Callable[[Session, str, str], tuple[OfClass, Target]]:
    """A day of a run, for the offices that give it and its trainers. NotFound for a day outside the run."""

    def find(db: Session, code: str, day: str) -> tuple[OfClass, Target]:
        run = the_run(db, code)
        try:
            found = date.fromisoformat(day)
        except ValueError:
            raise NotFound() from None
        if not run.starts_on <= found <= run.ends_on:
            raise NotFound()
        path = covering(scope(actor(), action), places_of(run)) or run.office.path
        trainers = frozenset(one.person_id for one in trainers_of(db, [run.id]).get(run.id, ()))
        return OfClass(run, found), Target(path=path, trainers=trainers)

    return find


def day_of(of: OfClass) -> Day:
    """Everything about the day, read now."""
    return queries.the_day(g.db, of.run, of.day, now=clock.now())


def link(endpoint: str, **values: object) -> str:
    """The address of a page, or nothing when this release has no such page: never a dead link."""
    return url_for(endpoint, **values) if endpoint in current_app.view_functions else ""  # type: ignore[arg-type]
