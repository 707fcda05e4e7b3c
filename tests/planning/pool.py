"""A pool with years of bookings for measuring: rows by the thousand, written past the journal."""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa

from app.db import Base, Database
from app.feedback.models import FeedbackSheet
from app.ids import new_id
from app.offices.models import Agency, Country, Office
from app.people.models import Person
from app.runs.models import CourseRun, RunTrainer
from app.schedule.models import Assignment, Booking, Meeting, SessionSlot, TrainingSession
from app.trainers.models import Absence, Accreditation, Trainer, TrainerLanguage
from tests.factories import make_agency, make_country, make_office, make_person
from tests.runs.rows import make_version

NOW = datetime(2026, 11, 2, 6, tzinfo=UTC)
COUNTRIES, DEPARTMENTS, POSTS, COURSES = 5, 4, 3, 3
DAYS_A_RUN, TEACHERS, DAYS_A_MONTH = 4, 2, 5


@dataclass(frozen=True)
class Filled:
    """What was written: the empty slots of draft sessions to come."""

    slot_ids: tuple[uuid.UUID, ...]
    bookings: int


def fill(database: Database, *, trainers: int, sessions: int = 1, weeks: int = 104, seed: int = 5) -> Filled:
    """A pool of so many trainers with so many weeks of bookings to eight weeks after NOW, and draft sessions in the next weeks with an empty lead slot each."""
    dice = random.Random(seed)
    rows: dict[type[Base], list[dict[str, Any]]] = {}

    def add(model: type[Base], **values: Any) -> uuid.UUID:
        own = {"id": new_id(), **values}
        if "owner_node" in model.__table__.c:
            own["owner_node"] = "test"
        rows.setdefault(model, []).append(own)
        return uuid.UUID(str(own["id"]))

    with database.sessions() as db:
        db.info["writing"] = True
        posts: list[Office] = []
        agencies: dict[uuid.UUID, Agency] = {}
        for _ in range(COUNTRIES):
            country: Country = make_country(db)
            agencies[country.id] = make_agency(db, country)
            centre = make_office(db, country=country, kind="centre")
            for _ in range(DEPARTMENTS):
                department = make_office(db, parent=centre, kind="department")
                posts += [make_office(db, parent=department) for _ in range(POSTS)]
        versions = [make_version(db) for _ in range(COURSES)]
        template = make_person(db, posts[0], agency=agencies[posts[0].country_id])  # type: ignore[index]
        defaults = {column.name: getattr(template, column.name) for column in Person.__table__.c if column.name != "id"}
        post_ids = [(post.id, post.country_id) for post in posts]
        version_ids = [(version.id, version.course_id) for version in versions]
        agency_ids = {country_id: agency.id for country_id, agency in agencies.items()}
        db.commit()

    pool: list[uuid.UUID] = []
    for n in range(trainers):
        office_id, country_id = post_ids[n % len(post_ids)]
        assert country_id is not None
        name = {"display_name": f"Trainer {n:04d}", "short_name": f"Trainer {n:04d}", "sort_key": f"trainer {n:04d}", "search_key": f"trainer {n:04d}"}
        person_id = add(Person, **(defaults | name | {"country_id": country_id, "agency_id": agency_ids[country_id], "service_number": f"T{n:06d}"}))
        trainer_id = add(Trainer, person_id=person_id, home_office_id=office_id, **_card(dice))
        pool.append(person_id)
        for _, course_id in version_ids:
            if dice.random() < 0.8:
                add(Accreditation, trainer_id=trainer_id, course_id=course_id, level=dice.choice(("lead", "lead", "co")), valid_from=date(2024, 1, 1), valid_to=date(2027, 12, 31), document="", withdrawn_on=None, withdrawn_why="")
        for tag in ("ru", "en", "kk"):
            add(TrainerLanguage, trainer_id=trainer_id, language=tag, level=dice.choice(("B1", "B2", "C1", "C2")))
        start = NOW + timedelta(days=dice.randrange(-60, 90))
        add(Absence, person_id=person_id, kind="leave", starts_at=start, ends_at=start + timedelta(days=10), zone="Asia/Almaty", note="", ended_on=None)

    bookings = _past(add, dice, pool, post_ids, version_ids, weeks)
    slots = tuple(_draft(add, dice, post_ids, version_ids, n) for n in range(sessions))
    with database.engine.execution_options(writing=True).begin() as connection:
        connection.execute(sa.text("PRAGMA foreign_keys=OFF")) if connection.dialect.name == "sqlite" else None
        for model in Base.metadata.sorted_tables:
            for mapped, values in rows.items():
                if mapped.__table__ is model:
                    connection.execute(sa.insert(mapped), values)
    with database.engine.execution_options(writing=True).begin() as connection:
        connection.execute(sa.text("ANALYZE"))
    return Filled(slots, bookings)


def _card(dice: random.Random) -> dict[str, Any]:
    return {
        "stage": "accredited", "reach": dice.choice(("national", "regional")), "travels": dice.choice(("department", "country", "abroad")), "share": 100,
        "days_a_month": None, "days_a_quarter": None, "needs_release": False, "shown_abroad": "card", "consent_on": None, "passport_to": None,
        "connection_tested_on": None, "prefers": dice.choice(("", "classroom", "online")), "prefers_to": None, "left_on": None, "note": "",
    }


def _run(add: Any, code: str, day: date, version_id: uuid.UUID, office_id: uuid.UUID, mode: str, state: str) -> tuple[uuid.UUID, uuid.UUID]:
    last = day + timedelta(days=DAYS_A_RUN - 1)
    run_id = add(
        CourseRun, code=f"R-{code}", course_version_id=version_id, office_id=office_id, classroom_id=None, place="", starts_on=day, ends_on=last, zone="Asia/Almaty",
        seats=18, state="planned" if state == "draft" else "closed", opened_at=None, closed_at=None, note="",
    )
    session_id = add(
        TrainingSession, code=f"S-{code}", run_id=run_id, mode=mode, language="ru", language_level="B2", zone="Asia/Almaty", seats=18, title="", classroom_id=None,
        place="", link_kind="none", link="", phone="", allows_phones=False, budget=600, state=state, released_at=None, released_by=None, reason="", series_id=None,
        searches=False,
    )
    return run_id, session_id


def _meetings(add: Any, run_id: uuid.UUID, session_id: uuid.UUID, day: date, state: str) -> list[tuple[uuid.UUID, datetime, datetime]]:
    found = []
    for n in range(DAYS_A_RUN):
        for hour, hours in ((4, 4), (9, 2)):
            starts = datetime.combine(day + timedelta(days=n), time(hour), UTC)
            ends = starts + timedelta(hours=hours)
            meeting_id = add(
                Meeting, run_id=run_id, day=day + timedelta(days=n), starts_at=starts, ends_at=ends, zone="Asia/Almaty", classroom_id=None, place="", state=state,
                reason="", session_id=session_id, link="", sequence=0,
            )
            found.append((meeting_id, starts, ends))
    return found


def _past(add: Any, dice: random.Random, pool: list[uuid.UUID], posts: list[Any], versions: list[Any], weeks: int) -> int:
    """Runs with two trainers each, so that everybody teaches some days a month; nobody twice at once."""
    begins = [(NOW - timedelta(weeks=weeks - 8)).date() + timedelta(weeks=n) for n in range(weeks)]
    runs_a_week = max(1, round(len(pool) * DAYS_A_MONTH * 12 / 52 / DAYS_A_RUN / TEACHERS))
    n = bookings = 0
    for week in begins:
        monday = week - timedelta(days=week.weekday())
        busy = dice.sample(pool, min(len(pool), runs_a_week * TEACHERS))
        for at in range(0, len(busy) - 1, TEACHERS):
            n += 1
            version_id, _ = dice.choice(versions)
            run_id, session_id = _run(add, f"P-{n:05d}", monday, version_id, dice.choice(posts)[0], dice.choice(("classroom", "hybrid", "online")), "released")
            meetings = _meetings(add, run_id, session_id, monday, "planned")
            for number, person_id in enumerate(busy[at : at + TEACHERS], 1):
                role = "lead" if number == 1 else "co"
                slot_id = add(SessionSlot, session_id=session_id, role=role, number=number, language="", ended_on=None)
                assignment_id = add(
                    Assignment, session_id=session_id, slot_id=slot_id, person_id=person_id, state="accepted", since=NOW, answer_by=None, broken=[], broken_at=None,
                    overrides=[], found=[], order_number="", order_on=None,
                )
                add(RunTrainer, run_id=run_id, person_id=person_id, part=role)
                for meeting_id, starts, ends in meetings:
                    add(Booking, kind="trainer", resource_id=person_id, meeting_id=meeting_id, source_id=assignment_id, starts_at=starts, ends_at=ends)
                    bookings += 1
            if monday > NOW.date() - timedelta(days=365):
                for _ in range(8):
                    add(FeedbackSheet, run_id=run_id, day=monday, channel="pc", language="ru", answers={"trainer": dice.randint(3, 5)}, liked="", change="")
    return bookings


def _draft(add: Any, dice: random.Random, posts: list[Any], versions: list[Any], n: int) -> uuid.UUID:
    day = NOW.date() + timedelta(days=21 + 7 * (n % 5))
    run_id, session_id = _run(add, f"D-{n:04d}", day - timedelta(days=day.weekday()), dice.choice(versions)[0], dice.choice(posts)[0], dice.choice(("classroom", "hybrid")), "draft")
    _meetings(add, run_id, session_id, day - timedelta(days=day.weekday()), "draft")
    slot_id: uuid.UUID = add(SessionSlot, session_id=session_id, role="lead", number=1, language="", ended_on=None)
    return slot_id
