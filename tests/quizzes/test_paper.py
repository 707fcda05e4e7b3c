"""Tests on paper: drawn in variants, printed, keyed in once or twice, taken over; the same result as at the PC."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from pypdf import PdfReader
from sqlalchemy.orm import Session

from app import files
from app.courses import media
from app.courses.queries import course_content
from app.offices.models import Office
from app.people.models import Person
from app.policy import Role
from app.questions import keying, shown
from app.quizzes import paper
from app.quizzes.errors import AttemptsUsed
from app.quizzes.models import Attempt, Mark, PaperTest
from app.runs.models import CourseRun, Enrolment
from app.schedule.rules import person_code
from config import Config
from tests import factories
from tests.quizzes.rows import MORNING, content, make_enrolment, make_run

ClientOf = Callable[[Person], FlaskClient]
DRAWING = b"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 720 360'><path d='M0 0h720'/></svg>\n"


@pytest.fixture
def run(db: Session) -> CourseRun:
    """An open run."""
    return make_run(db)


def drawn(db: Session, run: CourseRun, quiz: str = "pre", variants: int = 2) -> list[PaperTest]:
    """A set of paper tests."""
    return paper.make_set(db, run, quiz=quiz, variants=variants, by=factories.make_person(db).id, now=MORNING)


def right(db: Session, test: PaperTest) -> dict[str, dict[str, Any]]:
    """The right answers of a variant."""
    bank = course_content(db, test.course_version_id).bank
    return {one: bank[one].kind.right_answer(bank[one].content, shown.order_of(bank[one], test.seed)) for one in test.draw}


@pytest.mark.goal("RUN-11", "PLY-23")
def test_variants_ask_the_same_in_another_order(db: Session, run: CourseRun) -> None:
    """All variants of a set ask the same questions; order of questions and options differs, and each has its own code."""
    tests = drawn(db, run, variants=4)

    assert [one.variant for one in tests] == ["A", "B", "C", "D"]
    assert {frozenset(one.draw) for one in tests} == {frozenset(tests[0].draw)}
    assert len({one.code for one in tests}) == len({one.seed for one in tests}) == 4


@pytest.mark.goal("RUN-11", "PLY-19")
def test_post_test_on_paper_asks_nothing_of_the_pre_test(db: Session, run: CourseRun) -> None:
    """A parallel test on paper never asks what the other one asked on paper; a retest's set avoids the first set."""
    pre, post, retest = drawn(db, run, "pre")[0], drawn(db, run, "post")[0], drawn(db, run, "post")[0]

    assert (set(pre.draw) & set(post.draw), retest.variant) == (set(), "E")
    assert len(set(post.draw) & set(retest.draw)) < len(post.draw)


@pytest.mark.goal("RUN-11")
def test_a_keyed_sheet_counts_like_a_test_at_the_pc(db: Session, run: CourseRun) -> None:
    """A sheet that is keyed in and taken over is an attempt that is handed in, marked by the same rules, with a receipt; once."""
    test, enrolment, by = drawn(db, run)[0], make_enrolment(db, run), factories.make_person(db)
    answers = right(db, test)
    wrong = test.draw[0]
    answers[wrong] = {}
    paper.key_in(db, test, enrolment_id=enrolment.id, entry=paper.FIRST, responses=answers, by=by.id, now=MORNING)

    attempt = paper.take_over(db, test, enrolment_id=enrolment.id, by=by.id, now=MORNING)

    marks = {one.question: (one.points, one.answered) for one in db.scalars(sa.select(Mark).where(Mark.attempt_id == attempt.id))}
    assert (attempt.channel, attempt.state, attempt.score, bool(attempt.receipt)) == ("paper", "handed-in", 666_667, True)
    assert marks[wrong] == (0, False)
    assert {value for one, value in marks.items() if one != wrong} == {(1_000_000, True)}
    with pytest.raises(paper.KeyedAlready):
        paper.take_over(db, test, enrolment_id=enrolment.id, by=by.id, now=MORNING)
    with pytest.raises(paper.KeyedAlready):
        paper.key_in(db, test, enrolment_id=enrolment.id, entry=paper.FIRST, responses={}, by=by.id, now=MORNING)


@pytest.mark.goal("RUN-11")
def test_two_keyings_that_differ_are_settled_from_the_paper(db: Session, run: CourseRun) -> None:
    """A second keying by somebody else lists the differences; they are settled before the sheet can be taken over."""
    test, enrolment = drawn(db, run)[0], make_enrolment(db, run)
    one, other = factories.make_person(db), factories.make_person(db)
    answers = right(db, test)
    slip = {question: {} if question == test.draw[1] else response for question, response in answers.items()}
    key = {"enrolment_id": enrolment.id, "now": MORNING}
    paper.key_in(db, test, entry=paper.FIRST, responses=answers, by=one.id, **key)
    with pytest.raises(paper.KeyedByYou):
        paper.key_in(db, test, entry=paper.SECOND, responses=answers, by=one.id, **key)
    paper.key_in(db, test, entry=paper.SECOND, responses=slip, by=other.id, **key)

    different = paper.sheets_of(db, [test.id])[test.id, enrolment.id].differences
    with pytest.raises(paper.KeyedDifferently):
        paper.take_over(db, test, by=one.id, **key)
    paper.settle(db, test, responses={test.draw[1]: answers[test.draw[1]]}, by=one.id, **key)
    attempt = paper.take_over(db, test, by=one.id, **key)

    assert (different, attempt.score) == ([test.draw[1]], 1_000_000)


@pytest.mark.goal("RUN-11")
def test_a_sheet_of_another_run_is_refused(db: Session, run: CourseRun) -> None:
    """Somebody of another run has no sheet of this test; nothing is kept."""
    test, stranger = drawn(db, run)[0], make_enrolment(db, make_run(db))

    with pytest.raises(paper.AnotherTest):
        paper.key_in(db, test, enrolment_id=stranger.id, entry=paper.FIRST, responses={}, by=factories.make_person(db).id, now=MORNING)

    assert paper.sheets_of(db, [test.id]) == {}


def test_paper_and_pc_share_the_attempts_allowed(db: Session, run: CourseRun) -> None:
    """Who used his attempt at the PC cannot take the test again on paper."""
    test, enrolment, by = drawn(db, run)[0], make_enrolment(db, run), factories.make_person(db)
    db.add(Attempt(
        enrolment_id=enrolment.id, course_version_id=run.course_version_id, quiz="pre", kind="pre-test", number=1, language="en", seed="s", draw=[],
        supervised=True, state="handed-in", started_at=MORNING, ended_at=MORNING + timedelta(minutes=5), score=0,
    ))
    db.flush()
    paper.key_in(db, test, enrolment_id=enrolment.id, entry=paper.FIRST, responses={}, by=by.id, now=MORNING)

    with pytest.raises(AttemptsUsed):
        paper.take_over(db, test, enrolment_id=enrolment.id, by=by.id, now=MORNING)


# ---- pages -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def printed(db: Session, settings: Config) -> CourseRun:
    """A run of a course with every type of question whose pictures are on the node, and two people in it."""
    sha = files.keep(settings.folder / media.FOLDER, DRAWING)
    names = {name for one in content().bank.values() for name in pictures_of(one.as_written())}
    what = content(media=[{"file": name, "licence": "own", "source": "own", "sha256": sha, "width": 720, "height": 360} for name in sorted(names)])
    made = make_run(db, what)
    make_enrolment(db, made, number=1)
    make_enrolment(db, made, number=2, language="ru")
    return made


def pictures_of(written: Any) -> set[str]:
    """The pictures that a question names."""
    if isinstance(written, dict):
        return {value for key, value in written.items() if key == "file"} | {one for value in written.values() for one in pictures_of(value)}
    return {one for value in written for one in pictures_of(value)} if isinstance(written, list) else set()


def manager_of(db: Session, run: CourseRun) -> Person:
    """A class manager of the office that gives the run."""
    office = db.get_one(Office, run.office_id)
    person = factories.make_person(db, office)
    factories.give_role(db, person, Role.CLASS_MANAGER, office)
    return person


def text_of(data: bytes) -> list[str]:
    """The pages of a PDF as text."""
    return [page.extract_text() for page in PdfReader(io.BytesIO(data)).pages]


@pytest.mark.goal("PLY-23", "RUN-11")
@pytest.mark.node
def test_booklets_sheets_and_key_print(db: Session, client_of: ClientOf, printed: CourseRun) -> None:
    """Every question type prints; each variant in each language of the run, a sheet with code for each person, a key for the staff."""
    client = client_of(manager_of(db, printed))
    tests = drawn(db, printed, "every")
    db.commit()
    base = f"/runs/{printed.code}/paper/every/1"

    booklets, sheets, key = (client.get(f"{base}/{name}.pdf") for name in ("booklets", "answer-sheets", "key"))

    assert (booklets.status_code, sheets.status_code, key.status_code) == (200, 200, 200)
    whole = "\n".join(text_of(booklets.data))
    assert (all(one.code in whole for one in tests) and "Вариант" in whole) or "Variant" in whole
    first, second = (next(page for page in text_of(sheets.data) if f"{test.code}-{person_code(number)}" in page) for number, test in enumerate(tests, 1))
    assert first != second
    assert all(one.code in "\n".join(text_of(key.data)) for one in tests)


@pytest.mark.goal("RUN-11")
def test_a_sheet_is_keyed_by_its_code_and_taken_over(db: Session, client_of: ClientOf, printed: CourseRun) -> None:
    """The code in the corner opens the sheet; keyed with the key in hand, every type of question earns full marks."""
    client = client_of(manager_of(db, printed))
    test = drawn(db, printed, "every", variants=1)[0]
    enrolment = db.scalars(sa.select(Enrolment).where(Enrolment.run_id == printed.id, Enrolment.number == 1)).one()
    db.commit()
    bank = course_content(db, printed.course_version_id).bank
    keyed = {
        f"{number}.{name}": text for number, one in enumerate(test.draw, 1)
        for name, text in keying.keyed(bank[one], shown.order_of(bank[one], test.seed), right(db, test)[one]).items()
    }

    opened = client.post(f"/runs/{printed.code}/paper/sheet", data={"sheet": f" {test.code.lower()}-{person_code(1)} "})
    without_dashes = client.post(f"/runs/{printed.code}/paper/sheet", data={"sheet": f"{test.code}{person_code(1)}".replace("-", " ").lower()})
    assert without_dashes.location == opened.location
    page = client.get(opened.location).text
    taken = client.post(opened.location, data=keyed | {"go": "take"}, follow_redirects=True).text

    attempt = db.scalars(sa.select(Attempt).where(Attempt.enrolment_id == enrolment.id)).one()
    assert (opened.status_code, attempt.score, "taken over" in taken) == (303, 1_000_000, True)
    assert not any(f'name="{name}"' not in page for name in keyed)


@pytest.mark.goal("RUN-11")
def test_what_is_keyed_wrongly_is_told_and_nothing_is_lost(db: Session, client_of: ClientOf, printed: CourseRun) -> None:
    """A key that the question does not have is told at its place, with everything that was keyed still there; nothing is kept."""
    client = client_of(manager_of(db, printed))
    test = drawn(db, printed, "every", variants=1)[0]
    enrolment = db.scalars(sa.select(Enrolment).where(Enrolment.run_id == printed.id, Enrolment.number == 1)).one()
    number = next(n for n, one in enumerate(test.draw, 1) if one.startswith("single"))
    other = next(n for n, one in enumerate(test.draw, 1) if one.startswith("number"))
    db.commit()
    address = f"/runs/{printed.code}/paper/{test.code}/{enrolment.id}"

    answer = client.post(address, data={f"{number}.option": "Q", f"{other}.value": "0.63", "go": "next"})

    assert (answer.status_code, "does not stand here" in answer.text, 'value="0.63"' in answer.text) == (422, True, True)
    assert paper.sheets_of(db, [test.id]) == {}


@pytest.mark.goal("RUN-11")
@pytest.mark.parametrize("code", ["", "P0000-A-A4", "nonsense"])
def test_a_code_of_another_test_is_named(db: Session, client_of: ClientOf, printed: CourseRun, code: str) -> None:
    """A sheet of another test or run, or no code at all: a sentence that names it, on the page where it was typed."""
    client = client_of(manager_of(db, printed))
    drawn(db, printed, "every")
    db.commit()

    answer = client.post(f"/runs/{printed.code}/paper/sheet", data={"sheet": code})

    assert (answer.status_code, "is no sheet of" in answer.text) == (422, True)


def test_the_second_keying_shows_nothing_of_the_first(db: Session, client_of: ClientOf, printed: CourseRun) -> None:
    """Who keys a second time sees an empty form; differences then stand side by side and are settled."""
    one, other = client_of(manager_of(db, printed)), client_of(manager_of(db, printed))
    test = drawn(db, printed, "every", variants=1)[0]
    enrolment = db.scalars(sa.select(Enrolment).where(Enrolment.run_id == printed.id, Enrolment.number == 1)).one()
    number = next(n for n, id in enumerate(test.draw, 1) if id.startswith("number"))
    db.commit()
    address = f"/runs/{printed.code}/paper/{test.code}/{enrolment.id}"
    one.post(address, data={f"{number}.value": "0.63", "go": "look"})

    empty = other.get(f"{address}?entry=2").text
    other.post(address, data={f"{number}.value": "0.36", "entry": "2", "go": "look"})
    differ = other.get(f"{address}/sheet").text
    settled = other.post(f"{address}/settle", data={f"{number}.value": "0.63"}, follow_redirects=True).text

    assert ("0.63" in empty, "0.63" in differ and "0.36" in differ, "differences settled" in settled) == (False, True, True)


def test_making_is_refused_when_the_run_is_over(db: Session, client_of: ClientOf, printed: CourseRun) -> None:
    """A closed run makes no paper test; the page says so."""
    printed.state = "closed"
    client = client_of(manager_of(db, printed))

    answer = client.post(f"/runs/{printed.code}/paper", data={"quiz": "pre", "variants": "2"})

    assert (answer.status_code, "closed" in answer.text) == (409, True)

