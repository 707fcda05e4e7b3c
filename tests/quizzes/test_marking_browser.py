"""Marking by one key an item, and a free text saved as it is typed, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Page

from app import open_database
from app.ops import migrations
from app.policy import Role
from app.quizzes.models import Answer, PracticalMark
from app.work import work
from config import Config
from tests import live
from tests.factories import make_person, make_sign_in, make_staff
from tests.quizzes.rows import PRACTICAL, content, make_attempt, make_enrolment, make_run, written_content
from tests.runs.rows import teach

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[live.Live]:
    """A class server with a database of its own, which holds nothing yet."""
    config = Config(NODE="class", INSTANCE=str(tmp_path_factory.mktemp("marking")), SECRET_KEY="k" * 40, PEPPER="p" * 40)
    config.folder.mkdir(parents=True)
    database = open_database(config)
    migrations.upgrade(database.engine)
    with live.serving(config, database) as served:
        yield served


def page_of(node: live.Live, browser: Browser, token: str) -> Page:
    """A browser that has signed in with this token."""
    context = live.window(browser)
    client = node.app.test_client()
    with client.session_transaction() as cookie:
        cookie["_user_id"], cookie["_fresh"] = token, True
    found = client.get_cookie(node.config.cookie)
    assert found is not None
    context.add_cookies([{"name": node.config.cookie, "value": found.value, "url": node.url}])
    return context.new_page()


@pytest.mark.goal("RUN-13", "RUN-11")
def test_a_checklist_is_marked_by_one_key_an_item(node: live.Live, browser: Browser) -> None:
    """1 and 0 mark and go on, Enter saves and opens the next person: three items are four keys."""
    with work(node.database) as db:
        run = make_run(db, content(practicals=[PRACTICAL]))
        trainer = make_staff(db, Role.TRAINER)
        teach(db, run, trainer)
        first, second = (make_enrolment(db, run, make_person(db, family=name), number=n).id for n, name in enumerate(("Abenov", "Bekova"), 1))
        code, token = run.code, make_sign_in(db, trainer)
    page = page_of(node, browser, token)
    page.goto(f"{node.url}/runs/{code}/practicals/search-car/{first}")

    for key in "101":
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/practicals/search-car/{second}")

    with node.database.sessions() as db:
        assert db.scalars(sa.select(PracticalMark)).one().items == {"start-point": "done", "zones": "not-done", "notes": "done"}


@pytest.mark.goal("PLY-11")
def test_a_long_free_text_is_saved_by_itself_and_its_words_are_counted(node: live.Live, browser: Browser) -> None:
    """Some thousand letters of three scripts go to the server a moment after typing, without a button."""
    text = "The circle closes. Круг замыкается. Шеңбер жабылады. " * 60
    with work(node.database) as db:
        person = make_person(db)
        attempt = make_attempt(db, make_enrolment(db, make_run(db, written_content()), person), "essay")
        attempt_id, number, token = attempt.id, attempt.draw.index("essay-1") + 1, make_sign_in(db, person)
    page = page_of(node, browser, token)
    page.goto(f"{node.url}/attempts/{attempt_id}/{number}")
    page.fill(f"#q{number}-value", text)

    page.wait_for_selector("[data-status] .st-ok time")

    assert str(len(text.split())) in page.inner_text("[data-words]")
    with node.database.sessions() as db:
        assert db.scalars(sa.select(Answer.response).where(Answer.attempt_id == attempt_id)).one() == {"text": text.strip()}
