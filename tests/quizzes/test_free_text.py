"""Free text: saved like any answer, marked by a trainer, the score frozen with the last mark."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.people.models import Person
from app.policy import Role
from app.progress.queries import progress_of
from app.progress.rules import Missing, missing
from app.questions.content import Question
from app.questions.types import free_text
from app.quizzes.models import Attempt, Mark, MarkCorrection
from app.quizzes.queries import marks_of
from app.quizzes.rules import exact, millionths
from app.runs.models import CourseRun, Enrolment
from tests.factories import make_person, make_staff
from tests.questions.examples import example
from tests.quizzes.rows import Tab, make_attempt, make_enrolment, make_run, written_content
from tests.runs.rows import teach


@dataclass
class Essay:
    """Somebody who has handed in a test with a free text, and his trainer."""

    run: CourseRun
    enrolment: Enrolment
    attempt: Attempt
    trainer: Person
    person: Person

    @property
    def address(self) -> str:
        """Where it is marked."""
        return f"/runs/{self.run.code}/marking/{self.attempt.id}/essay-1"


@pytest.fixture
def essay(db: Session) -> Essay:
    """The two choices are right, the text waits."""
    run = make_run(db, written_content())
    trainer, person = make_staff(db, Role.TRAINER), make_person(db, family="Abenov")
    teach(db, run, trainer)
    enrolment = make_enrolment(db, run, person)
    attempt = make_attempt(db, enrolment, "essay")
    tab = Tab(db, attempt.id)
    tab.saves("essay-1", {"text": "The circle closes.\nNo zone is left out."})
    tab.saves("zone-1", {"option": "b"})
    tab.saves("zone-2", {"option": "b"})
    tab.hands_in()
    db.commit()
    return Essay(run, enrolment, attempt, trainer, person)


def test_a_text_keeps_its_lines_and_loses_what_no_database_keeps() -> None:
    """Windows line ends become one sign, blanks at the ends and control signs go; 5,000 letters at most."""
    asked: Question = example("free-text")

    assert asked.kind.clean(asked.content, {"text": " a\r\nb\x00 \ud800"}) == {"text": "a\nb"}
    assert asked.kind.clean(asked.content, {"text": "x" * 6000}) == {"text": "x" * free_text.LONGEST}
    assert asked.kind.clean(asked.content, {"text": " \n"}) == {}


def test_an_empty_free_text_needs_no_trainer(db: Session) -> None:
    """Nothing written is nothing to mark: 0 points, and the score is there at once."""
    attempt = make_attempt(db, make_enrolment(db, make_run(db, written_content())), "essay")
    done = Tab(db, attempt.id).hands_in()

    assert (done.score, marks_of(db, attempt.id)["essay-1"].points) == (0, 0)


@pytest.mark.goal("PLY-11")
def test_a_test_with_a_free_text_has_no_score_until_the_last_answer_is_marked(db: Session, essay: Essay, client_of: Callable[[Person], FlaskClient]) -> None:
    """Handed in, with receipt and "being marked" for the trainee and for completion; the trainer's points make the score."""
    before = progress_of(db, [essay.enrolment.id])[essay.enrolment.id]
    page = client_of(essay.person).get(f"/attempts/{essay.attempt.id}/result").get_data(as_text=True)
    queue = client_of(essay.trainer).get(f"/runs/{essay.run.code}/marking").get_data(as_text=True)
    answer = client_of(essay.trainer).post(essay.address, data={"points-gap": "2", "points-note": "0", "comment": "Write it down too."})

    assert (essay.attempt.receipt is not None, essay.attempt.score) == (True, None)
    assert missing(before.facts)[-1] is Missing.BEING_MARKED
    assert "Being marked" in page
    assert "1 answer waits" in queue
    assert answer.status_code == 303
    db.refresh(essay.attempt)
    assert essay.attempt.score == millionths(Fraction(8, 9))
    after = client_of(essay.person).get(f"/attempts/{essay.attempt.id}/result").get_data(as_text=True)
    assert "Write it down too." in after
    assert "89\N{NO-BREAK SPACE}%" in after


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"points-gap": "3", "points-note": "0"}, "This criterion has at most 2 points."),
        ({"points-gap": "1"}, "Give whole points from 0 to 1."),
        ({"points-gap": "1", "points-note": "½"}, "Give whole points from 0 to 1."),
    ],
)
def test_points_above_the_criterions_or_missing_are_refused_at_their_place(
    db: Session, essay: Essay, client_of: Callable[[Person], FlaskClient], form: dict[str, str], sentence: str
) -> None:
    """The typed points stay in the form; nothing is marked."""
    answer = client_of(essay.trainer).post(essay.address, data=form)

    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert sentence in page
    assert f'name="points-gap" value="{form["points-gap"]}"' in page
    assert db.query(Mark).filter_by(attempt_id=essay.attempt.id, question="essay-1").count() == 0


@pytest.mark.goal("PLY-11")
def test_a_second_look_needs_a_reason_and_leaves_the_first_mark_on_record(
    db: Session, essay: Essay, client_of: Callable[[Person], FlaskClient]
) -> None:
    """The new mark and score hold, the old one stays beside it; without a reason nothing changes."""
    client = client_of(essay.trainer)
    client.post(essay.address, data={"points-gap": "0", "points-note": "0"})
    again = client.post(essay.address, data={"points-gap": "2", "points-note": "1"})
    nothing = client.post(essay.address, data={"points-gap": "2", "points-note": "1", "reason": " "})
    looked = client.post(essay.address, data={"points-gap": "2", "points-note": "1", "reason": "Read too fast."})

    assert (again.status_code, nothing.status_code, looked.status_code) == (409, 422, 303)
    assert "Say why the mark changes" in nothing.get_data(as_text=True)
    db.refresh(essay.attempt)
    assert essay.attempt.score == 1_000_000
    assert db.query(Mark).filter_by(attempt_id=essay.attempt.id, question="essay-1").one().points == 0
    assert [(one.number, one.points, one.reason) for one in db.query(MarkCorrection)] == [(1, 1_000_000, "Read too fast.")]


def test_only_a_trainer_of_the_run_marks(essay: Essay, client_of: Callable[[Person], FlaskClient], db: Session) -> None:
    """Another trainer does not even see it."""
    other = make_staff(db, Role.TRAINER)
    db.commit()

    assert client_of(other).get(essay.address).status_code == 404


@pytest.mark.parametrize("share", [Fraction(1, 3), Fraction(2, 3), Fraction(1, 7), Fraction(5, 6), Fraction(1), Fraction(0), Fraction(4, 15)])
def test_a_stored_mark_comes_back_whole(share: Fraction) -> None:
    """Three thirds are one: a sum of stored marks does not miss a pass mark by a millionth."""
    assert exact(millionths(share)) == share


def test_answers_can_be_marked_without_names(essay: Essay, client_of: Callable[[Person], FlaskClient]) -> None:
    """The page of one answer then says nobody's name either."""
    client = client_of(essay.trainer)

    assert "Abenov" in client.get(f"/runs/{essay.run.code}/marking").get_data(as_text=True)
    assert "Abenov" not in client.get(f"/runs/{essay.run.code}/marking?names=no").get_data(as_text=True)
    assert "Abenov" not in client.get(f"{essay.address}?names=no").get_data(as_text=True)
