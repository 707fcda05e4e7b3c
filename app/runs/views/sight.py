"""Which run a page is about, and whose people of it somebody sees; what pages of runs say about a run."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import Response, g
from sqlalchemy.orm import Session, joinedload

from app import clock, i18n, lists, pdf
from app.certificates import queries as certificates
from app.errors import Message, NotFound, say
from app.http import actor, can, me
from app.i18n import LANGUAGES, pick
from app.offices.models import Classroom
from app.policy import Target, scope
from app.progress.queries import Progress, progress_of_run
from app.runs import queries
from app.runs.models import CourseRun
from app.runs.queries import Member, Teacher
from app.runs.rules import Standing


def the_run(db: Session, code: str) -> CourseRun:
    run = db.scalar(
        sa.select(CourseRun)
        .options(joinedload(CourseRun.office), joinedload(CourseRun.classroom).joinedload(Classroom.office), joinedload(CourseRun.course_version))
        .where(CourseRun.code == code)
    )
    if run is None:
        raise NotFound()
    return run


def places_of(run: CourseRun) -> list[str]:
    """The paths of the offices that give a run: whose it is, and whose classroom it is held in."""
    return [run.office.path, *([run.classroom.office.path] if run.classroom else [])]


def covering(paths: Sequence[str], places: Sequence[str]) -> str | None:
    return next((place for place in places if any(place.startswith(path) for path in paths)), None)


def given_by(action: str) -> Callable[[Session, str], tuple[CourseRun, Target]]:
    """A run, for what only the office that gives it does."""

    def find(db: Session, code: str) -> tuple[CourseRun, Target]:
        run = the_run(db, code)
        places = places_of(run)[: 1 if action in ("run.plan", "run.decide") else 2]
        return run, Target(path=covering(scope(actor(), action), places) or run.office.path)

    return find


def seen_by(action: str) -> Callable[[Session, str], tuple[CourseRun, Target]]:
    """A run, for what others may do or see too: offices below while it takes nominations, offices with people in it, its trainers."""

    def find(db: Session, code: str) -> tuple[CourseRun, Target]:
        run = the_run(db, code)
        paths = scope(actor(), action)
        path = covering(paths, places_of(run))
        if path is None and run.state in ("planned", "open"):
            path = next((one for one in paths if one.startswith(run.office.path)), None)
        if path is None and paths and action != "run.nominate":
            path = queries.home_in(db, run.id, paths)
        return run, Target(path=path or run.office.path, trainers=frozenset(t.person_id for t in queries.trainers_of(db, [run.id]).get(run.id, ())))

    return find


def whose(run: CourseRun, teachers: Sequence[Teacher]) -> tuple[str, ...] | None:
    """The offices whose people of a run somebody sees; None: all of them, because it is his office's run or he teaches it."""
    paths = scope(actor(), "run.results")
    if covering(paths, places_of(run)) or any(one.person_id == me().person_id for one in teachers):
        return None
    return paths


def today_of(run: CourseRun) -> date:
    return local_day(clock.now(), run)


def local_day(at: datetime, run: CourseRun) -> date:
    """The day of a moment where a run is held."""
    return at.astimezone(ZoneInfo(run.zone)).date()


def title_of(run: CourseRun) -> str:
    return pick(run.course_version.titles)


def where_of(run: CourseRun) -> str:
    room = f"{pick(run.classroom.office.names)}, {pick(run.classroom.names)}" if run.classroom else ""
    return ", ".join(part for part in (room, run.place) if part)


def days_of(run: CourseRun) -> str:
    return i18n.day(run.starts_on) if run.starts_on == run.ends_on else f"{i18n.day(run.starts_on)} – {i18n.day(run.ends_on)}"


def language_name(tag: str) -> str:
    return LANGUAGES[tag].name if tag in LANGUAGES else tag


# ---- what pages of a run show of its people --------------------------------------------------------------------------


@dataclass(frozen=True)
class Inside:
    """All that a page of a run shows of its people."""

    teachers: list[Teacher]
    paths: tuple[str, ...] | None
    members: list[Member]
    progress: dict[uuid.UUID, Progress]
    certificates: dict[uuid.UUID, certificates.Held]


def inside_of(run: CourseRun) -> Inside:
    teachers = queries.trainers_of(g.db, [run.id]).get(run.id, [])
    paths = whose(run, teachers)
    return Inside(
        teachers, paths, queries.roster(g.db, run.id, paths=paths), progress_of_run(g.db, run.id), certificates.of_run(g.db, run.id),
    )


def standing_of(run: CourseRun, inside: Inside, undecided: int) -> Standing:
    progress = [inside.progress[one.enrolment_id] for one in inside.members]
    completed = [one for one in inside.members if inside.progress[one.enrolment_id].verdict == "completed"]
    return Standing(
        state=run.state, today=today_of(run), starts_on=run.starts_on, ends_on=run.ends_on, undecided=undecided, enrolled=len(inside.members),
        slips=sum(one.slip for one in inside.members), without_pre=sum(one.pre is None for one in progress),
        without_post=sum(one.post is None for one in progress), running=sum(one.running for one in progress),
        passed=len(completed), took_part=sum(one.verdict != "not-started" for one in progress),
        certificates=sum(one.enrolment_id in inside.certificates for one in completed),
    )


def may_do(run: CourseRun) -> dict[str, bool]:
    """What who asks may do with a run: for buttons."""
    office, places = Target(path=run.office.path), [Target(path=path) for path in places_of(run)]
    ours = run.owner_node == g.db.info["node"]  # another node that keeps the run is the one to change it
    live = run.state in ("planned", "open")
    return {
        "plan": live and ours and can("run.plan", office),
        "nominate": live and any(
            path.startswith(run.office.path) or run.office.path.startswith(path) for path in scope(actor(), "run.nominate")
        ),
        "decide": live and can("run.decide", office),
        "slips": live and ours and any(can("run.slips", one) for one in places),
        "close": run.state == "open" and ours and any(can("run.close", one) for one in places),
        "reopen": run.state == "closed" and ours and can("run.decide", office),
        "certificates": any(can("certificate.issue", one) for one in places),
    }


TEACHING = {
    "classday.run": ("class.day", say("section", "Class day")),
    "quizzes.practicals": ("practical.mark", say("run", "Practical work")),
    "quizzes.debriefs": ("run.debrief", say("run", "Debrief")),
    "quizzes.attempts_of_run": ("attempt.grant", say("run", "Attempts and retests")),
    "quizzes.marking_queue": ("attempt.mark", say("run", "Marking")),
    "quizzes.paper_tests": ("paper.test", say("run", "Tests on paper")),
    "feedback.summary": ("feedback.read", say("run", "Feedback")),
    "runs.report": ("run.results", say("run", "Session report")),
}
BEFOREHAND = {"classday.run", "quizzes.paper_tests", "feedback.summary"}
"""Pages of teaching and marking: endpoint, action, what it is called."""


def teaching(run: CourseRun, teachers: Sequence[Teacher], *, practicals: bool, by_hand: bool) -> list[tuple[str, Message]]:
    """The pages of teaching and marking that who asks may open, and that this course has something for."""
    people = frozenset(one.person_id for one in teachers)
    targets = [Target(path=path, trainers=people) for path in places_of(run)]
    useless = {name for name, used in (("quizzes.practicals", practicals), ("quizzes.marking_queue", by_hand)) if not used}
    return [
        (endpoint, label) for endpoint, (action, label) in TEACHING.items()
        if endpoint not in useless and (run.state != "planned" or endpoint in BEFOREHAND) and any(can(action, one) for one in targets)
    ]


def paper_of(template: str, name: str, *, title: str, rows: int, **facts: Any) -> Response:
    data = pdf.paper(template, language=i18n.language(), title=title, body_class="landscape", now=clock.now(), by=me().name, **facts)
    return lists.attachment(data, name, rows=rows)
