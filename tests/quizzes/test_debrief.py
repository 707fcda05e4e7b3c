"""The debrief: what a group got wrong, in counts, and what each person repeats."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app import pdf
from app.courses.queries import course_content
from app.people.models import Person
from app.policy import Role
from app.quizzes.debrief import Debrief, debrief, newest_attempts, remedial, spread
from app.runs.models import CourseRun
from tests.factories import make_person, make_staff
from tests.questions.examples import example
from tests.quizzes.rows import Tab, make_attempt, make_enrolment, make_run
from tests.quizzes.test_remark import four_seals
from tests.runs.rows import teach


@pytest.fixture
def run(db: Session) -> CourseRun:
    """Five people: seal-1 is answered a, a, c, b (right), nothing; the rest right. A sixth is still at it."""
    made = make_run(db, four_seals())
    for number, choice in enumerate(("a", "a", "c", "b", None), 1):
        attempt = make_attempt(db, make_enrolment(db, made, make_person(db, family=f"Number{number}"), number=number), "seals")
        tab = Tab(db, attempt.id)
        for question in attempt.draw:
            if question != "seal-1":
                tab.saves(question, {"option": "b"})
            elif choice:
                tab.saves(question, {"option": choice})
        tab.hands_in()
    make_attempt(db, make_enrolment(db, made, number=6), "seals")
    db.commit()
    return made


def found_of(db: Session, run: CourseRun) -> Debrief:
    """The debrief of the run's test."""
    attempts, running = newest_attempts(db, run.id, "seals")
    return debrief(db, course_content(db, run.course_version_id), attempts, running)


@pytest.mark.goal("TCH-05")
def test_the_worst_question_stands_first_with_its_answers_in_counts(db: Session, run: CourseRun) -> None:
    """n, right, wrong, unanswered and how many chose each option, the right one marked; who is still at it is told, not counted."""
    found = found_of(db, run)
    worst = found.questions[0]

    assert (found.people, found.running) == (5, 1)
    assert (worst.question.id, worst.asked, worst.right, worst.wrong, worst.unanswered, worst.points) == ("seal-1", 5, 1, 3, 1, Fraction(1, 5))
    assert [(one.choice.key, one.count, one.right) for one in worst.spread if one.choice] == [("a", 2, False), ("b", 1, True), ("c", 1, False), ("d", 0, False)]
    assert [(one.id, one.points, one.marks) for one in found.outcomes] == [("seal", Fraction(16, 20), 20)]
    assert [one.points for one in found.questions] == sorted(one.points for one in found.questions)


@pytest.mark.goal("TCH-05")
def test_each_person_repeats_the_lessons_on_what_he_missed(db: Session, run: CourseRun) -> None:
    """Who had everything right repeats nothing."""
    attempts, _ = newest_attempts(db, run.id, "seals")

    found = remedial(db, course_content(db, run.course_version_id), attempts)

    assert sorted(len(one) for one in found.values()) == [0, 1, 1, 1, 1]
    assert {repeat.outcome for one in found.values() for repeat in one} == {"seal"}


@pytest.mark.goal("TCH-05")
def test_the_page_names_nobody_and_the_list_prints(db: Session, run: CourseRun, client_of: Callable[[Person], FlaskClient]) -> None:
    """The debrief can go on the wall: no name on it, and a warning while somebody still works; the list has a strip a person."""
    trainer = make_staff(db, Role.TRAINER)
    teach(db, run, trainer)
    db.commit()
    client = client_of(trainer)

    for address in (f"/runs/{run.code}/debrief/seals", f"/runs/{run.code}/debrief/seals?wall=1"):
        page = client.get(address).get_data(as_text=True)
        assert "Number1" not in page
        assert "1 person is still at this test" in page
        assert "wrong 3" in page
    assert "Number1" in client.get(f"/runs/{run.code}/remedial/seals").get_data(as_text=True)
    assert "5 people have handed in" in client.get(f"/runs/{run.code}/debrief").get_data(as_text=True)
    if pdf.available():
        assert client.get(f"/runs/{run.code}/remedial/seals?file=pdf").data.startswith(b"%PDF")


def test_typed_answers_are_counted_as_typed_and_a_hotspot_by_region() -> None:
    """The most frequent first; right ones are marked by the rule that marks the test."""
    number = spread(example("number"), [{"value": "0,63"}, {"value": "0,63"}, {"value": "6"}, {}])
    places = spread(example("hotspot"), [{"cells": ["D3"]}, {"cells": ["A1"]}, {"nothing": True}, {}])

    assert [(one.typed, one.count, one.right) for one in number] == [("0,63", 2, True), ("6", 1, False)]
    assert [(one.choice.key, one.count, one.right) for one in places if one.choice] == [("region:plate", 1, True), ("nothing", 1, False), ("elsewhere", 1, False)]


@pytest.mark.parametrize("people", [1, 3])
def test_a_debrief_asks_as_many_questions_for_one_person_as_for_three(db: Session, counted: Callable[[], object], people: int) -> None:
    """Attempts, marks, corrections, answers."""
    made = make_run(db, four_seals())
    for number in range(people):
        Tab(db, make_attempt(db, make_enrolment(db, made, number=number + 1), "seals").id).hands_in()
    db.commit()
    course_content(db, made.course_version_id)

    with counted() as statements:  # type: ignore[attr-defined]
        found_of(db, made)

    assert len(statements) == 4
