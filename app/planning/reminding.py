"""What the job process tells by itself: meetings that come up, answers that did not come, accreditations that end, plans that broke.

Each is told once: what was told is stored in the same transaction as the notice, so that a killed process neither doubles nor
loses it, and a node that was off tells what is still of use when it is on again.
"""

from __future__ import annotations

import logging
import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from app.courses.models import Course, CourseVersion
from app.db import Database, take_write_lock
from app.notices import rules
from app.notices.models import Reminded
from app.notices.rules import When
from app.notices.services import tell
from app.people.models import Person
from app.planning import queries
from app.planning.rules import Result, as_json
from app.runs.models import Enrolment
from app.schedule import assignments, telling
from app.schedule.models import Assignment, Meeting, SessionSeat, SessionSlot, TrainingSession
from app.schedule.session_rules import ROLES
from app.trainers.models import Accreditation, Trainer
from app.work import work
from config import Config

log = logging.getLogger("sabaq.reminding")


@dataclass(frozen=True)
class Due:
    """Something that somebody is to be told now."""

    reminder: str  # which one, for the row that says it was given
    subject_id: uuid.UUID
    person_id: uuid.UUID
    what: str  # a code of notices.rules
    detail: dict[str, Any]
    link: str
    until: datetime | None

    @property
    def key(self) -> tuple[str, uuid.UUID, uuid.UUID]:
        """What is given once."""
        return self.reminder, self.subject_id, self.person_id


def remind_all(database: Database, config: Config, now: datetime) -> None:
    """Tell what is due. Looked for without the write lock: most looks find nothing. At the centre alone, or people would be told twice."""
    if config.ROLE != "centre":
        return
    with database.sessions() as db:
        waiting = bool(due(db, now=now))
    if waiting:
        with work(database) as db:
            remind(db, now=now)


def remind(db: Session, *, now: datetime) -> int:
    """Tell all that is due and note that it was told; how many notices."""
    take_write_lock(db)
    found = due(db, now=now)
    for one in found:
        tell(db, one.person_id, one.what, one.detail, one.link, now, until=one.until)
        db.add(Reminded(what=one.reminder, subject_id=one.subject_id, person_id=one.person_id, at=now))
    db.flush()
    return len(found)


def due(db: Session, *, now: datetime) -> list[Due]:
    """All that somebody is to be told now and was not yet."""
    found = {one.key: one for one in (*_meetings(db, now), *_answers(db, now), *_accreditations(db, now.date()))}
    if not found:
        return []
    given = {tuple(row) for row in db.execute(
        sa.select(Reminded.what, Reminded.subject_id, Reminded.person_id).where(Reminded.subject_id.in_({key[1] for key in found}))
    )}
    return [one for key, one in found.items() if key not in given]


# ---- meetings that come up ---------------------------------------------------------------------------------------------


def _meetings(db: Session, now: datetime) -> Iterable[Due]:
    """Three days before a session begins, and a day before each of its days: who teaches, and who has a seat
    (where nobody was given one: the roster of the run).

    Nobody is reminded of what he was told with a release on the same day. A meeting that moved is reminded of anew.
    """
    near = sa.select(Meeting.session_id).join(TrainingSession, TrainingSession.id == Meeting.session_id).where(
        TrainingSession.state == "released", Meeting.state == "planned", Meeting.starts_at > now, Meeting.starts_at <= now + max(rules.AHEAD.values()),
    )
    sessions = telling.about(db, db.scalars(near.distinct()))
    if not sessions:
        return
    people = _concerned(db, sessions)
    for id, it in sessions.items():
        standing = [meeting for meeting in it.meetings if meeting.state in ("planned", "held")]
        for meeting in _first_of_days(standing):
            code = rules.reminder_due(meeting.starts_at, now)
            if code is None or (code == "remind-3" and meeting is not standing[0]):
                continue
            if it.session.released_at is not None and it.session.released_at > meeting.starts_at - rules.AHEAD[code]:
                continue
            same_day = [one for one in standing if one.day == meeting.day] if code == "remind-1" else standing
            detail = it.said | {"when": [When(one.starts_at, one.ends_at, one.zone) for one in same_day], "place": it.place_of(meeting)}
            subject = uuid.uuid5(meeting.id, meeting.starts_at.isoformat())
            for person_id in people[id]:
                yield Due(code, subject, person_id, "remind", detail, "/my/calendar", meeting.ends_at)


def _first_of_days(meetings: Iterable[Meeting]) -> list[Meeting]:
    first: dict[date, Meeting] = {}
    for meeting in meetings:
        first.setdefault(meeting.day, meeting)
    return list(first.values())


def _concerned(db: Session, session_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, list[uuid.UUID]]:
    ids = list(session_ids)
    rows = db.execute(
        sa.union(
            sa.select(Assignment.session_id, Assignment.person_id).where(Assignment.session_id.in_(ids), Assignment.state.in_(("accepted", "assigned"))),
            sa.select(SessionSeat.session_id, SessionSeat.person_id).where(SessionSeat.session_id.in_(ids), SessionSeat.state == "seated"),
            sa.select(TrainingSession.id, Enrolment.person_id).join(Enrolment, Enrolment.run_id == TrainingSession.run_id)
            .where(TrainingSession.id.in_(ids), Enrolment.state == "enrolled", telling.WITHOUT_SEATS),
        )
    )
    found: dict[uuid.UUID, list[uuid.UUID]] = defaultdict(list)
    for session_id, person_id in rows:
        found[session_id].append(person_id)
    return found


# ---- answers that did not come -----------------------------------------------------------------------------------------


def _answers(db: Session, now: datetime) -> Iterable[Due]:
    """Offers and requests that nobody has answered in time: the planners are told, once for each."""
    rows = db.execute(
        sa.select(Assignment, SessionSlot.role, Person.short_name).join(SessionSlot, SessionSlot.id == Assignment.slot_id)
        .join(Person, Person.id == Assignment.person_id).join(TrainingSession, TrainingSession.id == Assignment.session_id)
        .where(
            Assignment.state.in_(("offered", "requested")), TrainingSession.state != "cancelled",
            sa.or_(Assignment.answer_by <= now, sa.and_(Assignment.answer_by.is_(None), Assignment.since <= now - rules.ANSWER_WITHIN)),
        )
    ).all()
    open_ones = [(one, role, name) for one, role, name in rows if rules.unanswered(one.since, one.answer_by, now)]
    sessions = telling.about(db, [one.session_id for one, _, _ in open_ones])
    planners = telling.planners_of(db, list(sessions.values()), now=now) if sessions else {}
    for assignment, role, name in open_ones:
        it = sessions[assignment.session_id]
        if it.ends_at is not None and it.ends_at <= now:
            continue
        what = "no-answer" if assignment.state == "offered" else "request-open"
        detail = it.said | {"who": name, "role": ROLES[role], "since": assignment.since}
        if what == "request-open":
            detail["office"] = telling.home_of(db, assignment.person_id)
        for person_id in planners[assignment.session_id]:
            yield Due("no-answer", assignment.id, person_id, what, detail, it.link, it.ends_at)


# ---- accreditations that end -------------------------------------------------------------------------------------------


def _accreditations(db: Session, today: date) -> Iterable[Due]:
    """Accreditations that end soon and have no later one behind them: the trainer and his training officers, 60 and 14 days before."""
    later = aliased(Accreditation)
    renewed = sa.exists().where(
        later.trainer_id == Accreditation.trainer_id, later.course_id == Accreditation.course_id, later.withdrawn_on.is_(None),
        sa.or_(later.valid_to.is_(None), later.valid_to > Accreditation.valid_to),
    )
    newest = sa.select(CourseVersion.titles).where(CourseVersion.course_id == Course.id).order_by(CourseVersion.number.desc()).limit(1).scalar_subquery()
    rows = db.execute(
        sa.select(Accreditation, Trainer.person_id, Person.short_name, newest).join(Trainer, Trainer.id == Accreditation.trainer_id)
        .join(Person, Person.id == Trainer.person_id).join(Course, Course.id == Accreditation.course_id)
        .where(
            Accreditation.withdrawn_on.is_(None), Accreditation.valid_to >= today, Accreditation.valid_to <= date.fromordinal(today.toordinal() + max(rules.ACCREDITATION_DAYS)),
            sa.or_(Trainer.left_on.is_(None), Trainer.left_on > today), ~renewed,
        )
    ).all()
    for accreditation, person_id, name, titles in rows:
        days = rules.accreditation_due(accreditation.valid_to, today)
        subject = uuid.uuid5(accreditation.id, accreditation.valid_to.isoformat())
        detail = {"title": titles or {}, "day": accreditation.valid_to}
        yield Due(f"accreditation-{days}", subject, person_id, "accreditation-ends", detail, "/my/teaching", None)
        for officer in telling.home_officers(db, person_id, today):
            if officer != person_id:
                yield Due(f"accreditation-{days}", subject, officer, "accreditation-of-ends", detail | {"who": name}, f"/trainers/{accreditation.trainer_id}", None)


# ---- plans that broke ------------------------------------------------------------------------------------------------------


def recheck(database: Database, config: Config, now: datetime) -> None:
    """Judge all assignments to come once more; mark those of which something no longer holds, and tell their planners once.

    Judged without the write lock, which is taken for what is news alone.
    """
    if config.ROLE != "centre":
        return
    with database.sessions() as db:
        news = [
            (assignment.id, results) for assignment, results in queries.recheck(db, now)
            if {one.code for one in results} != {one["code"] for one in assignment.broken}
        ]
    if news:
        with work(database) as db:
            mark(db, news, now=now)


def mark(db: Session, news: Iterable[tuple[uuid.UUID, list[Result]]], *, now: datetime) -> int:
    """Mark assignments as broken, or mended, and tell the planners of their sessions; how many are news."""
    take_write_lock(db)
    changed = []
    for assignment_id, results in news:
        assignment = db.get(Assignment, assignment_id, with_for_update=True)
        if assignment is None or assignment.state not in assignments.CURRENT:
            continue  # somebody was quicker
        taken_on = {one["code"] for one in assignment.overrides}
        left = [one for one in results if one.code not in taken_on]
        if assignments.set_broken(db, assignment, [as_json(one) for one in left], now=now):
            changed.append((assignment, left))
    sessions = telling.about(db, [assignment.session_id for assignment, _ in changed])
    planners = telling.planners_of(db, list(sessions.values()), now=now) if sessions else {}
    for assignment, left in changed:
        it = sessions[assignment.session_id]
        who = db.scalar(sa.select(Person.short_name).where(Person.id == assignment.person_id)) or ""
        detail = it.said | {"who": who, "results": [one.message for one in left]}
        for person_id in planners[assignment.session_id]:
            tell(db, person_id, "broken" if left else "mended", detail, it.link, now, until=it.ends_at)
    if changed:
        log.info("%s assignments are broken or mended", len(changed))
    return len(changed)
