"""A class server's records by the thousand: people, attempts, answers and marks as a class leaves them, put in quickly."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from app.ids import new_id, readable_code
from app.offices.models import Agency, Country, Office
from app.people.models import Person
from app.quizzes.models import Answer, Attempt, Mark
from app.runs.models import CourseRun, Enrolment
from app.work import work
from tests.quizzes.rows import content, make_run
from tests.sync.nodes import NOW, Installation, copy_tables, office_of

QUESTIONS = 40
PIECE = 5_000


def plan(centre: Installation, classes: list[Installation]) -> None:
    """A run planned at the centre, known at the class servers: as after the first snapshot."""
    with work(centre.database) as db:
        make_run(db, content(), office=db.get_one(Office, office_of(centre)), seats=30)
    copy_tables(centre, classes, ("course", "course_version", "course_run"))


def live(node: Installation, facts: int, *, seed: int = 1) -> int:
    """About so many answers and marks, with the people and attempts they belong to; gives how many rows there are."""
    dice = random.Random(seed)
    made = 0
    while made < facts:
        made += _one_class(node, min(facts - made, PIECE), dice)
    return made


def _one_class(node: Installation, facts: int, dice: random.Random) -> int:
    """People with one attempt each: an answer and a mark for each question, every sixth answer given twice."""
    with work(node.database) as db:
        run = db.scalars(sa.select(CourseRun)).first()
        assert run is not None
        agency, country = db.scalars(sa.select(Agency.id)).first(), db.scalars(sa.select(Country.id)).first()
        assert agency is not None
        assert country is not None
        people = max(1, facts // (QUESTIONS * 2 + QUESTIONS // 6))
        start = db.scalar(sa.select(sa.func.count()).select_from(Enrolment)) or 0
        officers = [
            Person(country_id=country, agency_id=agency, service_number=f"{n:08d}", display_name=f"Omarov {n}", sort_key=f"omarov {n}")
            for n in range(start, start + people)
        ]
        db.add_all(officers)
        db.flush()
        enrolments = [
            Enrolment(run_id=run.id, person_id=officer.id, office_id=run.office_id, agency_id=agency, number=n, language="kk", enrolled_at=NOW, walk_in=True)
            for n, officer in enumerate(officers, start + 1)
        ]
        db.add_all(enrolments)
        db.flush()
        attempts = [
            Attempt(
                enrolment_id=enrolment.id, course_version_id=run.course_version_id, quiz="post", kind="post-test", number=1, language="kk",
                seed=new_id().hex, draw=[f"question-{q:02d}" for q in range(QUESTIONS)], supervised=True, seconds=2400, state="handed-in",
                started_at=NOW, ended_at=NOW + timedelta(minutes=31), receipt=readable_code(12), score=dice.randrange(1_000_000),
            )
            for enrolment in enrolments
        ]
        db.add_all(attempts)
        db.flush()
        answers, marks = _facts(node.code, [attempt.id for attempt in attempts], dice)
        db.connection().execute(sa.insert(Answer.__table__), answers)  # type: ignore[arg-type]
        db.connection().execute(sa.insert(Mark.__table__), marks)  # type: ignore[arg-type]
    return people * 3 + len(answers) + len(marks)


def _facts(node: str, attempts: list[uuid.UUID], dice: random.Random) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    answers, marks = [], []
    for attempt in attempts:
        for q in range(QUESTIONS):
            for revision in range(1, 3 if q % 6 == 0 else 2):
                answers.append(_answer(node, attempt, f"question-{q:02d}", revision, dice))
            marks.append({
                "id": new_id(), "owner_node": node, "segment": None, "attempt_id": attempt, "question": f"question-{q:02d}",
                "points": dice.choice((0, 500_000, 1_000_000)), "answered": True, "rule": "single 1", "detail": None,
            })  # fmt: skip
    return answers, marks


def _answer(node: str, attempt: uuid.UUID, question: str, revision: int, dice: random.Random) -> dict[str, Any]:
    return {
        "id": new_id(), "owner_node": node, "segment": None, "attempt_id": attempt, "question": question, "revision": revision, "key": new_id().hex,
        "response": {"choice": f"option-{dice.randrange(4)}"}, "sure": dice.choice((None, "guess", "sure")),
        "saved_at": NOW + timedelta(microseconds=dice.randrange(1_860_000_000)),
    }  # fmt: skip


def change(node: Installation, count: int) -> int:
    """So many more answers, as a quarter of an hour brings them."""
    dice = random.Random(count)
    with work(node.database) as db:
        attempt = db.scalars(sa.select(Attempt.id)).first()
        assert attempt is not None
        highest = db.scalar(sa.select(sa.func.max(Answer.revision)).where(Answer.attempt_id == attempt)) or 0
        answers = [_answer(node.code, attempt, f"question-{n % QUESTIONS:02d}", highest + 1 + n // QUESTIONS, dice) for n in range(count)]
        db.connection().execute(sa.insert(Answer.__table__), answers)  # type: ignore[arg-type]
    return count


def names() -> Iterator[str]:
    """Tables that hold what `live` makes."""
    yield from ("person", "enrolment", "attempt", "answer", "mark")
