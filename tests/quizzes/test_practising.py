"""Practice: feedback and lesson after each question; wrong ones come back in the same sitting until right once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.people.models import Person
from app.questions import shown
from app.quizzes.models import Answer, Attempt
from app.quizzes.rules import next_question
from tests.factories import make_person
from tests.questions.strategies import form_of
from tests.quizzes.rows import content, make_attempt, make_enrolment, make_run, question

DRAW = ["a", "b", "c"]


@pytest.mark.goal("PLY-18")
@pytest.mark.parametrize(
    ("tries", "following"),
    [
        ({}, "a"),
        ({"a": [False]}, "b"),
        ({"a": [False], "b": [True]}, "c"),
        ({"a": [False], "b": [True], "c": [False]}, "a"),
        ({"a": [False, False], "b": [True], "c": [False]}, "c"),
        ({"a": [False, True], "b": [True], "c": [False]}, "c"),
        ({"a": [False, True], "b": [True], "c": [False, True]}, None),
    ],
)
def test_wrong_questions_come_back_after_the_others(tries: dict[str, list[bool]], following: str | None) -> None:
    """Each once in order, then the wrong ones, the least tried first, until each was right once."""
    assert next_question(DRAW, tries) == following


@pytest.mark.goal("PLY-18")
@given(st.lists(st.integers(0, 3), min_size=1, max_size=8))
def test_a_practice_ends_when_each_was_right_once(wrong: list[int]) -> None:
    """Somebody who needs so many wrong tries a question is asked exactly those and one more, and never what he has had right."""
    draw = [str(place) for place in range(len(wrong))]
    tries: dict[str, list[bool]] = {}
    asked = 0
    while (one := next_question(draw, tries)) is not None:
        before = tries.setdefault(one, [])
        assert not any(before)
        before.append(len(before) >= wrong[int(one)])
        asked += 1

    assert asked == sum(wrong) + len(wrong)


@pytest.mark.goal("PLY-18")
def test_feedback_and_lesson_follow_each_answer_and_the_wrong_one_is_asked_again_empty(db: Session, client_of: Callable[[Person], FlaskClient]) -> None:
    """By ordinary forms: wrong shows what was right and why; at the end the question stands there again with nothing chosen."""
    one_question = [{"id": "play", "kind": "practice", "title": {"en": "Try", "ru": "Проба"}, "attempts": 0, "supervised": False, "blueprint": [{"outcome": "seal", "items": 1}]}]
    person = make_person(db)
    attempt = make_attempt(db, make_enrolment(db, make_run(db, content(quizzes=one_question)), person), "play")
    db.commit()
    client, question = client_of(person), content().bank[attempt.draw[0]]
    order = shown.order_of(question, attempt.seed)
    address = f"/attempts/{attempt.id}/practice"

    def answer(option: str, revision: int) -> str:
        form = dict(form_of(shown.public(question, "en", order, {"option": option}), "q1")) | {"revision": str(revision)}
        return client.post(f"{address}/1", data=form, follow_redirects=True).get_data(as_text=True)

    first = client.get(address).get_data(as_text=True)
    wrong = answer("a", 0)
    again = client.get(address).get_data(as_text=True)
    right = answer("b", 1)
    end = client.get(address).get_data(as_text=True)
    client.post(f"/attempts/{attempt.id}/hand-in")

    assert "right answer" not in first
    assert "your answer, wrong" in wrong
    assert "This question comes back later" in wrong
    assert "once more" in again
    assert "checked" not in again
    assert "your answer, right" in right
    assert "comes back" not in right
    assert "Right at the first try: 0 of 1." in end
    assert [one.revision for one in db.query(Answer).order_by(Answer.revision)] == [1, 2]
    db.expire_all()
    assert db.get_one(Attempt, attempt.id).state == "handed-in"


@pytest.mark.goal("PLY-18")
def test_a_text_is_compared_by_its_writer_who_may_ask_for_it_again(db: Session, client_of: Callable[[Person], FlaskClient]) -> None:
    """No trainer marks a practice: the criteria stand beside the text, "again" brings the question back empty, and the result waits for nobody."""
    one_question = [{"id": "play", "kind": "practice", "title": {"en": "Try", "ru": "Проба"}, "attempts": 0, "supervised": False, "blueprint": [{"outcome": "car", "items": 1}]}]
    written = content(modules=[content().modules[0].model_dump(mode="json") | {"questions": [question("free-text", "why")]}], quizzes=one_question)
    person = make_person(db)
    attempt = make_attempt(db, make_enrolment(db, make_run(db, written), person), "play")
    db.commit()
    client, address = client_of(person), f"/attempts/{attempt.id}/practice"

    def sends(revision: int, **fields: str) -> str:
        return client.post(f"{address}/1", data={"revision": str(revision), **fields}, follow_redirects=True).get_data(as_text=True)

    first = client.get(address).get_data(as_text=True)
    compared = sends(0, **{"q1.text": "The circle closes."})
    asked_again = sends(1, again="1")
    sends(2, **{"q1.text": "The circle closes, and the way can be noted."})
    end = client.get(address).get_data(as_text=True)
    client.post(f"/attempts/{attempt.id}/hand-in")

    assert "Then you compare it yourself" in first
    assert "No zone is left out" in compared
    assert "no trainer marks a practice" in compared
    assert "once more" in asked_again
    assert "The circle closes." not in asked_again
    assert "Right at the first try: 0 of 1." in end
    db.expire_all()
    assert (db.get_one(Attempt, attempt.id).state, db.get_one(Attempt, attempt.id).score) == ("handed-in", 1_000_000)
    assert "still to mark" not in client.get(f"/attempts/{attempt.id}/result").get_data(as_text=True)


def test_a_try_sent_twice_counts_once(db: Session, client_of: Callable[[Person], FlaskClient]) -> None:
    """A reload of the sent form leads back to the same feedback."""
    person = make_person(db)
    attempt = make_attempt(db, make_enrolment(db, make_run(db), person), "play")
    db.commit()
    client = client_of(person)

    answers = [client.post(f"/attempts/{attempt.id}/practice/1", data={"revision": "0"}) for _ in range(2)]

    assert [one.status_code for one in answers] == [303, 303]
    assert db.query(Answer).count() == 1


def test_an_exam_has_no_feedback_page(db: Session, client_of: Callable[[Person], FlaskClient]) -> None:
    """Only practice does: nothing tells what is right before release."""
    person = make_person(db)
    attempt = make_attempt(db, make_enrolment(db, make_run(db), person), "post")
    db.commit()

    assert client_of(person).get(f"/attempts/{attempt.id}/practice").status_code == 404
