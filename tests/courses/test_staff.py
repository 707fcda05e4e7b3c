"""Staff pages of courses: the list, the preview, the questions with their right answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.courses import queries
from app.people.models import Person
from app.policy import Role
from config import Config
from tests.courses import rows, sample
from tests.courses.test_player import text, words
from tests.factories import make_person, make_staff

SignIn = Callable[[Person], FlaskClient]


def test_an_empty_list_says_how_courses_come(db: Session, client_of: SignIn) -> None:
    """Nobody stands before an empty table."""
    page = words(text(client_of(make_staff(db, Role.TRAINER)), "/courses"))

    assert "No course has been published" in page
    assert "sabaq course load" in page


def test_the_list_shows_versions_languages_and_questions_by_outcome(db: Session, tmp_path: Path, client_of: SignIn) -> None:
    """Each version with its day and languages; the newest with what its bank holds."""
    rows.publish(db, tmp_path)
    rows.publish(db, tmp_path, {"course.yaml": sample.COURSE.replace("hours: 2", "hours: 3")})

    page = words(text(client_of(make_staff(db, Role.TRAINER)), "/courses"))

    assert "version 2 : Small course , newest" in page
    assert "version 1" in page
    assert "en, ru, prs" in page
    assert "car 4 · seal 2" in page


def test_a_trainer_reads_lessons_and_questions_with_the_right_answers(
    db: Session, tmp_path: Path, settings: Config, client_of: SignIn
) -> None:
    """The preview is the trainee's page with notes, answers and reasons."""
    version = rows.publish(db, tmp_path, keep_in=settings.folder)
    trainer = client_of(make_staff(db, Role.TRAINER))

    assert "Ask first. Show then." in words(text(trainer, f"/courses/{version.id}/lessons/car/1"))
    assert "Right. The circle is closed." in words(text(trainer, f"/courses/{version.id}/lessons/car/2"))
    questions = text(trainer, f"/courses/{version.id}/questions/hides")
    assert questions.count('<span class="st st-done right-answer">Yes') == 4
    assert "D3, E3 Boot" in words(questions)
    assert "A car by zones" in words(text(trainer, f"/courses/{version.id}"))
    assert "Answers to the checks" in words(text(trainer, f"/courses/{version.id}/lessons/car/1", print="1"))
    with trainer.get(f"/media/{version.id}/car.svg") as picture:
        assert picture.status_code == 200


@pytest.mark.goal("SEC-02")
def test_a_trainee_never_sees_the_preview(db: Session, tmp_path: Path, client_of: SignIn) -> None:
    """Lists, previews and right answers are closed to who is only trained, also when he is enrolled in the course."""
    version = rows.publish(db, tmp_path)
    person = make_person(db)
    rows.enrol(db, rows.make_run(db, version), person)
    trainee = client_of(person)
    addresses = ["/courses", f"/courses/{version.id}", f"/courses/{version.id}/lessons/car/1", f"/courses/{version.id}/questions/hides"]

    assert [trainee.get(address).status_code for address in addresses] == [403, 403, 403, 403]


def test_a_role_without_preview_reads_the_list_only(db: Session, tmp_path: Path, client_of: SignIn) -> None:
    """A manager sees which courses there are; questions are not his."""
    version = rows.publish(db, tmp_path)
    manager = client_of(make_staff(db, Role.MANAGER))

    html = text(manager, "/courses")

    assert f"/courses/{version.id}" not in html
    assert manager.get(f"/courses/{version.id}/questions/hides").status_code == 403


@pytest.mark.parametrize("number", [1, 3])
def test_the_list_costs_the_same_for_one_course_and_three(
    db: Session, tmp_path: Path, client_of: SignIn, counted: Callable[[], Any], number: int
) -> None:
    """One query for the versions; the contents are read together, once."""
    for n in range(number):
        rows.publish(db, tmp_path / str(n), id=f"course-{n}")
    client = client_of(make_staff(db, Role.TRAINER))
    queries._contents.clear()

    with counted() as statements:
        text(client, "/courses")

    assert len(statements) - 1 == 2


def test_what_is_not_there_is_404(db: Session, tmp_path: Path, client_of: SignIn) -> None:
    """Unknown versions, lessons, pages and modules."""
    version = rows.publish(db, tmp_path)
    trainer = client_of(make_staff(db, Role.TRAINER))
    other = "00000000-0000-7000-8000-000000000000"
    addresses = [f"/courses/{other}", f"/courses/{version.id}/lessons/none/1", f"/courses/{version.id}/lessons/car/9", f"/courses/{version.id}/questions/none"]

    assert [trainer.get(address).status_code for address in addresses] == [404, 404, 404, 404]
