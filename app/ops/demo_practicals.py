"""Practical work of the demo's runs: values keyed in from paper and checklists marked, some of them not well enough."""

from __future__ import annotations

import random
import uuid
from collections.abc import Sequence

from app.courses.content import Practical
from app.courses.queries import course_content
from app.ops.demo import HistoryClock, World
from app.quizzes.practicals import services
from app.quizzes.practicals.rules import DONE, NOT_DONE
from app.runs.models import CourseRun, Enrolment
from app.work import work

NOTES = ("Спокойно, по порядку зон.", "Пропустил багажник, вернулся сам.", "", "")


def mark(world: World, run_id: uuid.UUID, enrolments: Sequence[uuid.UUID], moved: HistoryClock, *, skill: float) -> None:
    """Mark every practical of the run's course for these people. `skill` is the chance that a point is earned, 0 to 1."""
    raters = (world.staff["trainer"], world.staff["classmanager"])
    with world.database.sessions() as db:
        run = db.get_one(CourseRun, run_id)
        tasks, dice = course_content(db, run.course_version_id).practicals, random.Random(run.code)  # noqa: S311  (a demo; the world's own dice stay as they are)
    for task in tasks:
        for id in enrolments:
            with work(world.database, raters[0]) as db:
                enrolment = db.get_one(Enrolment, id)
                if task.values:
                    services.hand_in(
                        db, enrolment, task, values=_values(dice, task, skill), file=None, channel="paper", by=raters[0], now=moved.forward(minutes=1),
                    )
                if task.checklist:
                    items = {one.id: DONE if one.critical or dice.random() < skill else NOT_DONE for one in task.checklist}
                    for rater in raters[: task.raters]:
                        services.mark(
                            db, enrolment, task, items=items, note=dice.choice(NOTES), channel="paper", rater_id=rater, by=raters[0],
                            now=moved.forward(minutes=1),
                        )


def _values(dice: random.Random, task: Practical, skill: float) -> dict[str, str]:
    return {one.id: one.value if dice.random() < skill else "1" for one in task.values or []}
