"""The part of a run's page that is about its meetings: their state, the way to each roll call, who taught how many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import g

from app import clock
from app.courses.queries import course_content
from app.runs import queries as runs
from app.runs.models import CourseRun
from app.runs.queries import Teacher
from app.schedule.views.finding import Row, hours, may, rows_of, weekday
from app.schedule.views.timetable import EDIT


@dataclass(frozen=True)
class Tally:
    """How many meetings somebody taught, of those that were held."""

    name: str
    taught: int
    stood_in: int  # of them for somebody else


@dataclass(frozen=True)
class Section:
    """What a run's page tells of its meetings."""

    rows: list[Row]
    tallies: list[Tally]
    begun: int
    without_word: int  # begun, but nobody noted who taught
    editable: bool
    takes: bool
    teaches: bool

    hours = staticmethod(hours)
    weekday = staticmethod(weekday)


def section(run: CourseRun, teachers: Sequence[Teacher]) -> Section:
    """The meetings of a run for its page, in a fixed number of queries."""
    people = runs.counts_of(g.db, [run.id])[run.id].enrolled
    rows = rows_of(run, course_content(g.db, run.course_version_id), clock.now(), teachers=teachers, people=people)
    begun = [row for row in rows if row.begun and row.number]
    said = [one for row in begun for one in row.taught]
    names = {one.person_id: one.name for one in teachers} | {one.row.person_id: one.name for one in said}
    tallies = [
        Tally(
            name, sum(one.row.person_id == person for one in said),
            sum(one.row.person_id == person and one.row.part == "substitute" for one in said),
        )
        for person, name in names.items()
    ]
    return Section(
        rows, tallies, len(begun), sum(not row.taught for row in begun), may(run, EDIT), may(run, "attendance.take"), may(run, "run.teach"),
    )
