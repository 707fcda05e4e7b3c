"""The trainee's pages: home, course, lesson pages, handout, pictures."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.courses import queries
from app.people.models import Person, Preference
from app.policy import Role
from app.progress.models import LessonProgress, PageNote
from app.runs.models import CourseRun, Enrolment
from config import Config
from tests.courses import rows, sample
from tests.factories import added, make_person, make_staff

SignIn = Callable[[Person], FlaskClient]


@pytest.fixture
def enrolment(db: Session, tmp_path: Path, settings: Config) -> Enrolment:
    """Somebody in an open run of the small course, his pre-test taken."""
    version = rows.publish(db, tmp_path, keep_in=settings.folder)
    enrolment = rows.enrol(db, rows.make_run(db, version))
    rows.make_attempt(db, enrolment, version)
    return enrolment


@pytest.fixture
def trainee(db: Session, enrolment: Enrolment, client_of: SignIn) -> FlaskClient:
    """That person's browser."""
    person = db.get(Person, enrolment.person_id)
    assert person
    return client_of(person)


def text(client: FlaskClient, address: str, **query: Any) -> str:
    """A page's HTML; it must be there."""
    response = client.get(address, query_string=query or None)
    assert response.status_code == 200, (address, response.status_code)
    return response.text


def words(html: str) -> str:
    """What stands on the page."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html.split("<main", 1)[1])).strip()


def press_next(client: FlaskClient, enrolment: Enrolment, lesson: str, page: int, **form: str) -> str:
    """Press Next on a page; where it leads, below the enrolment."""
    response = client.post(f"/learn/{enrolment.id}/{lesson}/{page}", data={"go": "next", **form})
    assert response.status_code == 303
    return response.location.removeprefix(f"/learn/{enrolment.id}")


def version_of(db: Session, enrolment: Enrolment) -> uuid.UUID:
    """The course version of an enrolment's run."""
    run = db.get(CourseRun, enrolment.run_id)
    assert run
    return run.course_version_id


def main_button(html: str) -> tuple[str, str]:
    """Where the main button leads and what it says; there is exactly one."""
    buttons = re.findall(r'<a class="btn btn-main[^"]*" href="([^"]+)">([^<]+)', html)
    assert len(buttons) == 1
    return buttons[0]


# ---- home --------------------------------------------------------------------------------------------------------------


@pytest.mark.goal("PLY-01")
def test_home_leads_through_the_course_with_one_button(
    db: Session, tmp_path: Path, settings: Config, client_of: SignIn
) -> None:
    """Pre-test, the page where he stopped, final test: the one button of the start page always goes on there."""
    version = rows.publish(db, tmp_path, rows.lessons_course(1) | {"course.yaml": sample.COURSE}, keep_in=settings.folder)
    person = make_person(db)
    enrolment = rows.enrol(db, rows.make_run(db, version), person)
    client = client_of(person)

    assert main_button(text(client, "/learn")) == (f"/learn/{enrolment.id}/tests/pre", "To the test")

    rows.make_attempt(db, enrolment, version, "pre")
    db.commit()
    assert main_button(text(client, "/learn")) == (f"/learn/{enrolment.id}/car/1", "Begin")

    press_next(client, enrolment, "car", 1)
    html = text(client, "/learn")
    assert main_button(html) == (f"/learn/{enrolment.id}/car/2", "Continue")
    assert "Lesson 1 of 1, A car by zones, page 2 of 3." in words(html)

    press_next(client, enrolment, "car", 2)
    press_next(client, enrolment, "car", 3)
    assert main_button(text(client, "/learn")) == (f"/learn/{enrolment.id}/tests/post", "To the test")

    rows.make_attempt(db, enrolment, version, "post", score=900_000)
    db.commit()
    assert main_button(text(client, "/learn")) == (f"/learn/{enrolment.id}/tests/post", "See the result")


def test_somebody_without_a_course_reads_whom_to_ask(db: Session, client_of: SignIn) -> None:
    """The empty start page says what comes and who can help."""
    html = text(client_of(make_person(db)), "/learn")

    assert "You have no course yet" in words(html)


def test_a_planned_run_opens_on_its_day(db: Session, tmp_path: Path, client_of: SignIn) -> None:
    """Before that there is nothing to press, and the day is said."""
    version = rows.publish(db, tmp_path)
    enrolment = rows.enrol(db, rows.make_run(db, version, state="planned"))
    person = db.get(Person, enrolment.person_id)
    assert person
    client = client_of(person)

    assert "from 23 Nov 2026" in words(text(client, "/learn"))
    assert "btn-main" not in text(client, f"/learn/{enrolment.id}")
    assert client.get(f"/learn/{enrolment.id}/car/1").status_code == 404


# ---- a lesson ----------------------------------------------------------------------------------------------------------


def test_looking_changes_nothing_and_next_records(db: Session, trainee: FlaskClient, enrolment: Enrolment) -> None:
    """A page counts as read when Next is pressed on it; the lesson is finished with its last page."""
    text(trainee, f"/learn/{enrolment.id}/car/1")
    assert db.scalar(sa.select(LessonProgress)) is None

    went = [press_next(trainee, enrolment, "car", page) for page in (1, 2, 3)]

    assert went == ["/car/2", "/car/3", ""]
    row = db.scalar(sa.select(LessonProgress))
    assert row
    assert (row.pages_read, row.page, row.done_at is not None) == ([1, 2, 3], 3, True)
    assert "finished" in words(text(trainee, f"/learn/{enrolment.id}"))


def test_a_lesson_is_not_finished_by_jumping_to_its_end(db: Session, trainee: FlaskClient, enrolment: Enrolment) -> None:
    """Pages left out are named, and he is led to the first of them."""
    press_next(trainee, enrolment, "car", 1)

    assert press_next(trainee, enrolment, "car", 3) == "/car/2"
    assert "pages that you have not read yet" in words(text(trainee, f"/learn/{enrolment.id}/car/2"))
    row = db.scalar(sa.select(LessonProgress))
    assert row
    assert row.done_at is None


def test_reading_twice_is_reading_once(db: Session, trainee: FlaskClient, enrolment: Enrolment) -> None:
    """Next pressed twice, or the back button: nothing is counted double."""
    for _ in range(2):
        press_next(trainee, enrolment, "car", 1)

    assert db.scalars(sa.select(LessonProgress.pages_read)).all() == [[1]]


def test_the_contents_say_read_here_and_not_read_in_words(trainee: FlaskClient, enrolment: Enrolment) -> None:
    """State is shape and word, for eyes and for a screen reader."""
    press_next(trainee, enrolment, "car", 1)

    html = text(trainee, f"/learn/{enrolment.id}/car/2")

    assert [(state, word) for state, word in re.findall(r'<span class="st (st-\w+)"><span class="sr">([^<]+): </span>', html)] == [
        ("st-done", "read"), ("st-now", "you are here"), ("st-empty", "not read")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("choice", "verdict"), [("1", "Not right. Begin and end at one point."), ("2", "Right. The circle is closed."), ("", "Choose an answer first")]
)
@pytest.mark.goal("PLY-07")
def test_a_self_check_is_answered_without_script(trainee: FlaskClient, enrolment: Enrolment, choice: str, verdict: str) -> None:
    """The form of the page asks the server, which says right or wrong with the reason; the choice stays marked."""
    form = {"check": "1", "note": "My note"} | ({"check-1": choice} if choice else {})
    response = trainee.post(f"/learn/{enrolment.id}/car/2", data=form)
    assert response.status_code == 303

    html = text(trainee, response.location.split("#")[0])

    assert verdict in words(html)
    assert ("checked" in html) == bool(choice)
    assert "My note</textarea>" in html


def test_the_page_does_not_give_the_answer_away(trainee: FlaskClient, enrolment: Enrolment) -> None:
    """Neither reason stands in the page before the check is answered."""
    html = text(trainee, f"/learn/{enrolment.id}/car/2")

    assert "The circle is closed" not in html
    assert "Begin and end at one point" not in html


def test_notes_are_kept_whatever_button_is_pressed(db: Session, trainee: FlaskClient, enrolment: Enrolment) -> None:
    """A note belongs to its page, changes with it, and only its writer sees it."""
    press_next(trainee, enrolment, "car", 1, note="Ask about <roof bars>")
    assert "Ask about &lt;roof bars&gt;</textarea>" in text(trainee, f"/learn/{enrolment.id}/car/1")

    saved = trainee.post(f"/learn/{enrolment.id}/car/1", data={"note": "Answered"}, headers={"Accept": "application/json"})

    assert re.fullmatch(r"\d\d:\d\d:\d\d", saved.json["saved"])
    assert db.scalars(sa.select(PageNote.text)).all() == ["Answered"]


def test_a_note_that_is_too_long_is_refused(db: Session, trainee: FlaskClient, enrolment: Enrolment) -> None:
    """Nothing is cut off in silence."""
    response = trainee.post(f"/learn/{enrolment.id}/car/1", data={"note": "x" * 4001, "go": "next"})

    assert response.status_code == 422
    assert db.scalar(sa.select(LessonProgress)) is None


# ---- languages ---------------------------------------------------------------------------------------------------------


@pytest.mark.goal("LNG-02")
def test_the_course_language_changes_on_the_page_and_the_place_stays(trainee: FlaskClient, enrolment: Enrolment) -> None:
    """The interface stays English while the lesson turns to Dari, from the right; the next page stays in Dari."""
    html = text(trainee, f"/learn/{enrolment.id}/car/2", language="prs")
    assert '<html lang="en" dir="ltr"' in html
    assert '<div class="prose" lang="prs" dir="rtl">' in html
    assert "<h1>پایان کجاست</h1>" in html

    assert "<h1>در پایان</h1>" in text(trainee, f"/learn/{enrolment.id}/car/3")


@pytest.mark.goal("LNG-02", "PLY-25")
def test_a_missing_translation_shows_the_original_with_a_mark(trainee: FlaskClient, enrolment: Enrolment) -> None:
    """What is not there in Dari is read in the original, and both the page and the list say so."""
    html = text(trainee, f"/learn/{enrolment.id}/seal/1", language="prs")
    assert '<div class="prose" lang="en" dir="ltr">' in html
    assert "Not translated yet. This lesson is shown in English." in words(html)

    assert '<bdi lang="en">The seal</bdi> <span class="muted">(English)</span>' in text(trainee, f"/learn/{enrolment.id}")


def test_a_language_that_the_course_does_not_have_changes_nothing(trainee: FlaskClient, enrolment: Enrolment) -> None:
    """An address made up by hand is harmless."""
    assert '<div class="prose" lang="en" dir="ltr">' in text(trainee, f"/learn/{enrolment.id}/car/1", language="zz")


@pytest.mark.goal("LNG-03")
def test_codes_in_a_dari_lesson_read_from_the_left(trainee: FlaskClient, enrolment: Enrolment) -> None:
    """A machine readable code keeps its order inside text from the right."""
    html = text(trainee, f"/learn/{enrolment.id}/car/1", language="prs")

    assert '<code class="code ltr" dir="ltr">P&lt;UTO</code>' in html


# ---- a person's settings, paper ----------------------------------------------------------------------------------------


@pytest.mark.goal("PLY-14")
def test_size_contrast_spacing_and_keys_follow_the_person(db: Session, enrolment: Enrolment, client_of: SignIn) -> None:
    """They are his, not the PC's: a lesson opens with them wherever he signs in."""
    person = db.get(Person, enrolment.person_id)
    assert person
    added(db, Preference(person_id=person.id, text_size="larger", contrast="dark", spacing="wide", keys=False))

    for _ in range(2):  # two PCs
        html = text(client_of(person), f"/learn/{enrolment.id}/car/1")
        assert 'class=" text-xl dark spacious" data-keys="off"' in html
        assert "Keys are switched off in your settings." in words(html)


@pytest.mark.goal("PLY-23")
def test_a_lesson_prints_as_a_handout(trainee: FlaskClient, enrolment: Enrolment) -> None:
    """All pages on one paper: title block, figures with their key, checks as circles with the answers at the end."""
    html = text(trainee, f"/learn/{enrolment.id}/car/1", print="1")
    page = words(html)

    assert [page.index(part) for part in ("Six zones", "Where it ends", "In the end", "Answers to the checks")] == sorted(
        page.index(part) for part in ("Six zones", "Where it ends", "In the end", "Answers to the checks")
    )
    assert "Small course, version 1" in page
    assert "1. At the front left. The circle is closed." in page
    assert "My notes" not in page
    assert '<input type="radio"' not in html


# ---- who may see what --------------------------------------------------------------------------------------------------


def test_another_trainee_finds_nothing(db: Session, enrolment: Enrolment, client_of: SignIn) -> None:
    """An enrolment is its owner's: for others it is not there, nor are the pictures of its course."""
    other = client_of(make_person(db))
    addresses = [f"/learn/{enrolment.id}", f"/learn/{enrolment.id}/car/1", f"/media/{version_of(db, enrolment)}/car.svg"]

    assert [other.get(address).status_code for address in addresses] == [404, 404, 404]
    assert other.post(f"/learn/{enrolment.id}/car/1", data={"go": "next"}).status_code == 404


def test_pages_that_are_not_there_are_not_there(trainee: FlaskClient, enrolment: Enrolment) -> None:
    """A page or lesson out of range is 404, whatever is asked."""
    for address in ("car/0", "car/4", "nothing/1", "car/1?print=1&language=xx"):
        expected = 200 if "print" in address else 404
        assert trainee.get(f"/learn/{enrolment.id}/{address}").status_code == expected
    assert trainee.post(f"/learn/{enrolment.id}/car/4", data={"go": "next"}).status_code == 404


@pytest.mark.parametrize("query", ["check=1", "check=9&choice=9", "check=x&choice=y", "check=²&choice=1", "check=1&choice=99999"])
def test_odd_addresses_of_a_check_are_harmless(trainee: FlaskClient, enrolment: Enrolment, query: str) -> None:
    """Nothing typed into the address breaks the page."""
    assert trainee.get(f"/learn/{enrolment.id}/car/2?{query}").status_code == 200


def test_a_picture_runs_nothing_and_stays_in_the_cache(db: Session, trainee: FlaskClient, enrolment: Enrolment) -> None:
    """A drawing opened by itself is sandboxed; the browser asks for it once."""
    with trainee.get(f"/media/{version_of(db, enrolment)}/car.svg") as response:
        headers = response.headers
        assert response.data == sample.SVG.encode()

    assert response.mimetype == "image/svg+xml"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "private, max-age=31536000, immutable"
    assert headers["Content-Security-Policy"].startswith("default-src 'none';")
    assert "sandbox" in headers["Content-Security-Policy"]
    assert "script-src" not in headers["Content-Security-Policy"]


def test_a_picture_that_the_course_does_not_have_is_not_there(db: Session, trainee: FlaskClient, enrolment: Enrolment) -> None:
    """Names are looked up in the course, never on the disk."""
    version = version_of(db, enrolment)

    assert [trainee.get(f"/media/{version}/{name}").status_code for name in ("bus.svg", "..%2fsecret_key.txt", "media.yaml")] == [404, 404, 404]


# ---- versions, cost ----------------------------------------------------------------------------------------------------


@pytest.mark.goal("PLY-08")
def test_a_new_version_never_touches_running_enrolments(
    db: Session, tmp_path: Path, enrolment: Enrolment, trainee: FlaskClient, client_of: SignIn
) -> None:
    """Who has begun goes on with his version, page by page; a run made later takes the new one."""
    press_next(trainee, enrolment, "car", 1)
    before = text(trainee, f"/learn/{enrolment.id}/car/2")
    changed = {f"modules/01-hides/01-car.{lang}.md": sample.CAR[lang].replace("## Where it ends", "## Changed").replace("At the boot", "At the roof") for lang in ("en", "ru", "prs")}
    newer = rows.publish(db, tmp_path, changed)
    later = rows.enrol(db, rows.make_run(db, newer))
    person = db.get(Person, later.person_id)
    assert person
    other = client_of(person)

    assert newer.number == 2
    assert words(text(trainee, f"/learn/{enrolment.id}/car/2")) == words(before)
    assert "<h1>Changed</h1>" in text(other, f"/learn/{later.id}/car/2")


@pytest.mark.parametrize("lessons", [1, 3])
@pytest.mark.goal("PRF-04")
def test_a_trainee_page_asks_a_fixed_number_of_questions_beyond_the_sign_in(
    db: Session, tmp_path: Path, client_of: SignIn, counted: Callable[[], Any], lessons: int
) -> None:
    """Home, course and lesson page cost the same for one lesson and for three."""
    version = rows.publish(db, tmp_path, rows.lessons_course(lessons) | ({"course.yaml": sample.COURSE}))
    enrolment = rows.enrol(db, rows.make_run(db, version))
    rows.make_attempt(db, enrolment, version)
    person = db.get(Person, enrolment.person_id)
    assert person
    client = client_of(person)
    press_next(client, enrolment, "car", 1)
    queries.course_content(db, version.id)

    asked = {}
    for address in ("/learn", f"/learn/{enrolment.id}", f"/learn/{enrolment.id}/car/2"):
        with counted() as statements:
            text(client, address)
        asked[address.removeprefix(f"/learn/{enrolment.id}")] = len(statements) - 1  # one of them: who is signed in

    assert asked == {"/learn": 7, "": 5, "/car/2": 4}  # home: three of them for what is next, what one is told, and asked


@pytest.mark.goal("PLY-15")
def test_a_lesson_page_is_light(trainee: FlaskClient, enrolment: Enrolment) -> None:
    """Page, sheets and scripts of a first visit stay under 60 KB compressed; the page alone under 15."""
    import gzip

    from app.assets import FOLDER

    html = text(trainee, f"/learn/{enrolment.id}/car/1")
    files = re.findall(r'(?:href|src)="/static/[^/]+/([^"]+\.(?:css|js|svg))"', html)
    scripts = [name for name in files if name.endswith(".js")]

    def size(names: list[str]) -> int:
        return sum(len(gzip.compress((FOLDER / name).read_bytes(), 9)) for name in set(names))

    assert len(gzip.compress(html.encode())) <= 15_000
    assert len(gzip.compress(html.encode())) + size(files) <= 60_000
    assert size(scripts) <= 25_000
    assert len(set(files)) + 1 <= 8


def test_staff_have_their_own_way_in(db: Session, enrolment: Enrolment, client_of: SignIn) -> None:
    """A trainer reads the lesson in the preview; the enrolment of a trainee stays his."""
    assert client_of(make_staff(db, Role.TRAINER)).get(f"/learn/{enrolment.id}").status_code == 404
