"""Hours attended and other reads of meetings, on a real database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.schedule import queries
from app.schedule.rules import Attended
from tests.runs import rows as runs
from tests.schedule import rows


@pytest.mark.goal("SCH-23")
def test_hours_are_those_of_meetings_that_have_begun(db: Session) -> None:
    """Present, late and left early add up over the meetings that have begun; cancelled and later ones do not count."""
    run = runs.make_run(db)
    one, other = runs.enrol(db, run), runs.enrol(db, run)
    morning, noon = rows.make_meeting(db, run), rows.make_meeting(db, run, "14:00", "16:00")
    rows.make_meeting(db, run, "17:00", "18:00", state="cancelled")
    rows.make_meeting(db, run, day=rows.later(run, 1))
    rows.make_mark(db, morning, one, "late", minutes=30)
    rows.make_mark(db, noon, one, "left-early", minutes=20)
    rows.make_mark(db, morning, other, "excused")

    found = queries.minutes_attended(db, [one.id, other.id], now=rows.at(run, "18:30"))

    assert found == {one.id: Attended(210 + 100, 360), other.id: Attended(0, 360)}


@pytest.mark.goal("SCH-23")
def test_only_the_newest_word_on_somebody_counts(db: Session) -> None:
    """A correction takes the place of what was noted before; taken back, nothing counts."""
    run = runs.make_run(db)
    one, other = runs.enrol(db, run), runs.enrol(db, run)
    morning = rows.make_meeting(db, run)
    for person, last in ((one, "present"), (other, "unset")):
        rows.make_mark(db, morning, person, "absent" if person is one else "present")
        rows.make_mark(db, morning, person, last, revision=2)

    found = queries.minutes_attended(db, [one.id, other.id], now=rows.at(run, "09:00"))

    assert found == {one.id: Attended(240, 240), other.id: Attended(0, 240)}


def test_hours_take_one_query_for_one_person_and_for_many(db: Session, counted: Callable[[], Any]) -> None:
    """The sums of a whole run cost as much as those of one person."""
    run = runs.make_run(db)
    people = [runs.enrol(db, run).id for _ in range(5)]
    rows.make_meeting(db, run)

    with counted() as few:
        queries.minutes_attended(db, people[:1])
    with counted() as many:
        queries.minutes_attended(db, people)

    assert len(few) == len(many) == 1
