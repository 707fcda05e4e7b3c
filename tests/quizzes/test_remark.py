"""A question whose key was wrong is marked anew for everybody of a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app import clock
from app.courses.content import CourseContent
from app.people.models import Person
from app.policy import Role
from app.questions import tally
from app.quizzes.marking import remark_question
from app.quizzes.models import Attempt, Mark, MarkCorrection
from app.quizzes.queries import marks_of
from app.runs.models import CourseRun
from tests.factories import make_person, make_staff
from tests.questions.examples import example
from tests.quizzes.rows import Tab, content, make_attempt, make_enrolment, make_run
from tests.runs.rows import teach

SEALS: dict[str, Any] = {
    "quizzes": [{
        "id": "seals", "kind": "post-test", "title": {"en": "Seals", "ru": "Пломбы"}, "attempts": 2, "supervised": False,
        "blueprint": [{"outcome": "seal", "items": 4}],
    }],
}  # fmt: skip


def four_seals() -> CourseContent:
    """A test that asks all four questions on seals."""
    return content(**SEALS)


@pytest.fixture
def run(db: Session) -> CourseRun:
    """Three have handed in: seal-1 answered a, b (right) and nothing; all else right."""
    made = make_run(db, four_seals())
    for number, choice in enumerate(("a", "b", None), 1):
        attempt = make_attempt(db, make_enrolment(db, made, make_person(db, family=f"Number{number}"), number=number), "seals")
        tab = Tab(db, attempt.id)
        for question in attempt.draw:
            if question != "seal-1":
                tab.saves(question, {"option": "b"})
            elif choice:
                tab.saves(question, {"option": choice})
        tab.hands_in()
    db.commit()
    return made


def scores(db: Session) -> list[int | None]:
    """In the order of the attempts."""
    db.expire_all()
    return [one.score for one in db.query(Attempt).order_by(Attempt.started_at, Attempt.id)]


@pytest.mark.parametrize(
    ("how", "accept", "after"),
    [
        ("full", [], [1_000_000, 1_000_000, 1_000_000]),
        ("accept", ["a"], [1_000_000, 1_000_000, 750_000]),
        ("accept", ["c"], [750_000, 1_000_000, 750_000]),
        ("rule", [], [750_000, 1_000_000, 750_000]),
    ],
)
def test_a_wrong_key_is_put_right_for_the_whole_run(db: Session, run: CourseRun, how: Any, accept: list[str], after: list[int]) -> None:
    """Scores follow; a mark that would be the same gets no correction; the frozen marks stay."""
    by = make_person(db)
    frozen = sorted((one.attempt_id, one.question, one.points) for one in db.query(Mark))
    before = scores(db)

    changed = remark_question(db, run_id=run.id, question="seal-1", how=how, accept=accept, reason="Two answers are right.", by=by.id, now=clock.now())

    assert scores(db) == after
    assert len(changed) == sum(one != two for one, two in zip(before, after, strict=True)) == db.query(MarkCorrection).count()
    assert sorted((one.attempt_id, one.question, one.points) for one in db.query(Mark)) == frozen


def test_a_remark_without_a_reason_or_a_choice_is_refused(db: Session, run: CourseRun, client_of: Callable[[Person], FlaskClient]) -> None:
    """A sentence at the field; nothing changes."""
    trainer = make_staff(db, Role.TRAINER)
    teach(db, run, trainer)
    db.commit()
    client, address = client_of(trainer), f"/runs/{run.code}/remark/seal-1"

    pages = {
        "Say why the mark changes": client.post(address, data={"how": "full", "reason": ""}),
        "Choose the answers that count as right.": client.post(address, data={"how": "accept", "reason": "why"}),
        "Choose how the question is marked now.": client.post(address, data={"reason": "why"}),
    }

    assert [sentence for sentence, page in pages.items() if page.status_code != 422 or sentence not in page.get_data(as_text=True)] == []
    assert db.query(MarkCorrection).count() == 0


def test_the_page_names_whose_results_changed(db: Session, run: CourseRun, client_of: Callable[[Person], FlaskClient]) -> None:
    """Before and now, person by person; the corrected mark is the one that pages read."""
    trainer = make_staff(db, Role.TRAINER)
    teach(db, run, trainer)
    db.commit()

    page = client_of(trainer).post(f"/runs/{run.code}/remark/seal-1", data={"how": "accept", "accept": "a", "reason": "Both are right."}).get_data(as_text=True)

    assert "Number1" in page
    assert "Number2" not in page
    attempt = db.query(Attempt).filter_by(score=1_000_000).first()
    assert attempt is not None
    assert marks_of(db, attempt.id)["seal-1"].points == 1_000_000


@pytest.mark.parametrize(
    ("kind", "response", "accept", "right"),
    [
        ("single", {"option": "a"}, ["a"], True), ("single", {"option": "c"}, ["a"], False), ("single", {}, ["a"], False),
        ("multiple", {"options": ["a", "b", "c", "d"]}, ["d"], True), ("multiple", {"options": ["a", "b"]}, ["d"], False),
        ("multiple", {"options": ["a", "b"]}, ["c"], True), ("true-false", {"true": "no"}, ["no"], True),
        ("number", {"value": "0,7"}, ["0,7"], True), ("number", {"value": "0,8"}, ["0,7"], False),
        ("hotspot", {"nothing": True}, ["nothing"], True), ("hotspot", {"cells": ["A1"]}, ["nothing"], False),
    ],
)
def test_what_is_right_once_more_answers_count(kind: str, response: dict[str, Any], accept: list[str], right: bool) -> None:
    """One of several: any accepted one; several of several: nothing beyond what is right or accepted, and all that is right alone."""
    assert tally.right_too(example(kind), response, accept) is right
