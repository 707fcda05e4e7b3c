"""The demo's class of today: opened, its people seated, some at work in the pre-test, so that the board has something to show."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.classday import rules, services
from app.courses.queries import course_content
from app.ids import token_hash
from app.offices import rooms
from app.offices.models import Classroom, Seat
from app.ops import alive
from app.ops.demo import World
from app.people import signing_in
from app.people.models import Pin
from app.questions import shown
from app.quizzes import invigilation
from app.quizzes import services as quizzes
from app.quizzes.models import Attempt, AttemptClock
from app.runs.models import CourseRun, Enrolment
from app.schedule.models import Seating
from app.work import work

QUIZ = "pre"
AT_WORK = 7  # people of the run who take the pre-test today
PAGES_BEAT = timedelta(seconds=2 * alive.EVERY_SECONDS)
BREATHES = timedelta(minutes=15)  # somebody silent for so long is no longer pretended to be there


def open_today(world: World, office: str) -> None:
    """Open the class of an office's run that is on, as it would be by now. Last of all, so that its PCs still give signs of life."""
    manager = world.staff["classmanager"]
    with work(world.database, manager) as db:
        run = db.scalars(sa.select(CourseRun).where(CourseRun.office_id == world.offices[office], CourseRun.state == "open")).one()
        tried = sa.select(Attempt.id).where(Attempt.enrolment_id == Enrolment.id, Attempt.quiz == QUIZ).exists()
        people = list(
            db.scalars(sa.select(Enrolment.id).where(Enrolment.run_id == run.id, ~tried, Enrolment.number > 1).order_by(Enrolment.number))
        )
        now = clock.now()
        today = now.astimezone(ZoneInfo(run.zone)).date()
        room = db.get_one(Classroom, run.classroom_id)
        rooms.keep_room(db, room, line="weak", portable=False, manager_id=manager, note="")
        _equip(db, room)
        services.open_class(db, run, day=today, found=dict.fromkeys(rules.CHECK, "ok"), note="", by=manager, now=now)
        services.set_seats(db, run, plan=_plan(db, run, people), by=manager, now=now)
        seats = {one.enrolment_id: one.seat_id for one in db.scalars(sa.select(Seating).where(Seating.run_id == run.id))}
        attempts = [_begin(db, run, enrolment, seats[enrolment], n, now) for n, enrolment in enumerate(people[:AT_WORK])]
        who: dict[str, Any] = {"by": manager, "now": now, "uptime": clock.uptime()}
        invigilation.credit(db, run, QUIZ, [attempts[2]], minutes=10, reason="Заменена клавиатура", **who)
        invigilation.pause(db, run, QUIZ, [attempts[3]], reason="Вышел из класса", **who)
        invigilation.raise_hand(db, attempts[4], up=True, now=now)
        services.mark_seat(db, run, seat_id=_last_seat(db, room.id), state="broken", by=manager, now=now, note="Не включается")


def _equip(db: Session, room: Classroom) -> None:
    for kind, name, number in (("server", "Lenovo ThinkStation P3", "KZ-2210-01"), ("projector", "Epson EB-X49", "KZ-2210-02"), ("ups", "APC Smart-UPS 1500", "KZ-2210-03")):
        rooms.keep_equipment(
            db, room.id, equipment=None, kind=kind, name=name, inventory_number=number, state="works", handed_to="CBT class 1", handed_on=date(2025, 9, 1),
        )


def _plan(db: Session, run: CourseRun, people: Sequence[uuid.UUID]) -> dict[uuid.UUID, tuple[uuid.UUID | None, int]]:
    """Those at work sit in one wave, the others, who are through with it, in the other."""
    working = list(db.scalars(sa.select(Seat.id).where(Seat.classroom_id == run.classroom_id, Seat.state == "works").order_by(Seat.label)))[:-1]
    rest = [one for one in db.scalars(sa.select(Enrolment.id).where(Enrolment.run_id == run.id).order_by(Enrolment.number)) if one not in people]
    plan: dict[uuid.UUID, tuple[uuid.UUID | None, int]] = dict.fromkeys(rest, (None, 1))
    for wave, group in ((1, people), (2, rest)):
        plan |= {person: (seat, wave) for person, seat in zip(group, working, strict=False)}
    return plan


def _last_seat(db: Session, classroom_id: uuid.UUID) -> uuid.UUID:
    return db.scalars(sa.select(Seat.id).where(Seat.classroom_id == classroom_id).order_by(Seat.label.desc()).limit(1)).one()


def _begin(db: Session, run: CourseRun, enrolment_id: uuid.UUID, seat_id: uuid.UUID | None, n: int, now: datetime) -> uuid.UUID:
    """Signed in at a seat, some questions answered."""
    person_id = db.get_one(Enrolment, enrolment_id).person_id
    pin_id = db.scalars(sa.select(Pin.id).where(Pin.person_id == person_id, Pin.run_id == run.id, Pin.ended_at.is_(None))).one()
    if seat_id is None:
        raise LookupError("a demo trainee at work without a seat")
    signing_in.sign_in_with_pin(
        db, candidate=signing_in.candidate_of(person_id), pin_id=pin_id, seat_id=seat_id, address="127.0.0.1", browser="demo", now=now,
    )
    writer, uptime = _writer(enrolment_id), clock.uptime()
    attempt = quizzes.start_attempt(db, enrolment_id=enrolment_id, quiz=QUIZ, now=now, uptime=uptime, writer=writer, seat_id=seat_id)
    content = course_content(db, attempt.course_version_id)
    given = attempt.draw[: 2 + 2 * n]
    for place, question_id in enumerate(given):
        question = content.bank[question_id]
        right = question.kind.right_answer(question.content, shown.order_of(question, attempt.seed))
        quizzes.save_answer(
            db, attempt.id, question=question_id, response=right, revision=1, key=f"demo-{place}", writer=writer, now=now, uptime=uptime,
        )
    quizzes.beat(db, attempt.id, writer=writer, now=now, uptime=uptime, at=given[-1], seen=given, **_manner(n))
    return attempt.id


def _writer(enrolment_id: uuid.UUID) -> str:
    return f"demo-{enrolment_id}-{QUIZ}"


def _manner(n: int) -> dict[str, Any]:
    """One does not save, one looks elsewhere."""
    return {"unsaved": 2} if n == 5 else {"left_page": 3} if n == 6 else {}


def breathe(db: Session, now: datetime) -> None:
    """Signs of life of those who are pretended to sit in the demo's class, so that its board does not fall silent.

    None while the pages are away: a pretended sign would shorten the outage that is credited to everybody in the room.
    """
    pages = alive.last_sign(db)
    if pages and now - pages.at > PAGES_BEAT:
        return
    rows = db.execute(
        sa.select(Attempt.id, Attempt.enrolment_id, AttemptClock.writer, AttemptClock.unsaved, AttemptClock.at_question)
        .join(AttemptClock, AttemptClock.attempt_id == Attempt.id)
        .where(Attempt.state == "open", Attempt.quiz == QUIZ, Attempt.supervised, AttemptClock.paused_at.is_(None), AttemptClock.beat_at > now - BREATHES)
    ).all()
    for attempt_id, enrolment_id, writer, unsaved, at in rows:
        if writer == token_hash(_writer(enrolment_id)):
            quizzes.beat(db, attempt_id, writer=_writer(enrolment_id), now=now, uptime=clock.uptime(), at=at, unsaved=unsaved)
