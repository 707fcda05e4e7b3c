"""The demo's meetings: each run has its timetable, those that have begun were attended, and one roll is still open."""

from __future__ import annotations

import random
import uuid
from datetime import datetime, timedelta

import sqlalchemy as sa

from app import clock
from app.courses.queries import course_content
from app.ops.demo import World
from app.runs.models import CourseRun, Enrolment, RunTrainer
from app.schedule import queries, rules, services
from app.schedule.rules import Status
from app.schedule.services import Teacher, Wish
from app.work import work


def plan(world: World, run_id: uuid.UUID) -> None:
    """Take over the course's timetable, a half-day each day where the run is long enough; weekends too: a demo is looked at on any day."""
    planner = world.staff["planner"]
    with work(world.database, planner) as db:
        run = db.get_one(CourseRun, run_id)
        content = course_content(db, run.course_version_id)
        days, _ = rules.working_days(run.starts_on, run.ends_on, (), {})
        template = queries.template_of(content)
        if sum(len(parts) for parts in template) <= len(days):
            template = [[part] for parts in template for part in parts]
        proposal = rules.lay_out(template, days) if template else rules.plain(days)
        services.take_over(db, run, proposal, by=planner, now=clock.now())


def attend(world: World, run_id: uuid.UUID, *, absent: int, until: datetime) -> None:
    """Note who was at each meeting that has begun: the last `absent` people never came, now and then somebody was late.

    Today's roll is left open for the three who come last in the alphabet of numbers.
    """
    manager = world.staff["classmanager"]
    with work(world.database, manager) as db:
        run = db.get_one(CourseRun, run_id)
        dice = random.Random(run.code)  # noqa: S311  (a demo: the world's own dice are not touched, so that all else stays as it was)
        people = list(db.scalars(sa.select(Enrolment.id).where(Enrolment.run_id == run_id).order_by(Enrolment.number)))
        trainers = list(db.scalars(sa.select(RunTrainer.person_id).where(RunTrainer.run_id == run_id)))
        begun = [one for one in queries.meetings_of(db, run_id) if one.starts_at <= until]
        for meeting in begun:
            running = until < meeting.ends_at
            wishes = {}
            for n, person in enumerate(people[: len(people) - 3] if running else people):
                missing = n >= len(people) - absent
                late = not missing and dice.random() < 0.05
                status = Status.ABSENT if missing else Status.LATE if late else Status.PRESENT
                wishes[person] = Wish(status, 0, dice.choice((10, 15, 25)) if late else None)
            services.take_roll(db, run, meeting, wishes, by=manager, now=min(until, meeting.starts_at + timedelta(minutes=10)))
            if trainers and not running:
                services.record_taught(db, run, meeting, [Teacher(one) for one in trainers], seen=0, by=manager, now=meeting.ends_at)
