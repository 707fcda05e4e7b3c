"""The player in a real browser: keys, checks answered in place, notes saved as you type, and nothing that runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask.sessions import SecureCookieSessionInterface
from playwright.sync_api import Browser, BrowserContext, Page, expect

from app.db import Database, take_write_lock
from app.people.models import Preference
from app.progress.models import LessonProgress, PageNote
from config import Config
from tests import live
from tests.courses import rows, sample
from tests.courses.test_markdown import INJECTIONS
from tests.factories import added, make_person, make_sign_in

pytestmark = pytest.mark.browser


@dataclass
class Lesson:
    """A trainee's browser at a lesson of the small course."""

    database: Database
    context: BrowserContext
    address: str

    def open(self, page: int = 1, lesson: str = "car") -> Page:
        tab = self.context.new_page()
        tab.goto(f"{self.address}/{lesson}/{page}")
        return tab


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One Chromium for the file."""
    with live.chromium() as browser:
        yield browser


@pytest.fixture
def lesson_with(own_database: Database, tmp_path: Path, chromium: Browser) -> Iterator[Callable[..., Lesson]]:
    """A served node with the small course and a signed-in trainee: `lesson_with(files, keys=False)`."""
    config = Config(NODE="test", INSTANCE=str(tmp_path), SECRET_KEY="k" * 40, PEPPER="p" * 40)
    with live.serving(config, own_database) as node, ExitStack() as windows:

        def begin(files: dict[str, str | None] | None = None, *, keys: bool = True) -> Lesson:
            with own_database.sessions() as db:
                take_write_lock(db)
                version = rows.publish(db, tmp_path, files, keep_in=config.folder)
                person = make_person(db)
                enrolment = rows.enrol(db, rows.make_run(db, version), person)
                added(db, Preference(person_id=person.id, keys=keys))
                token = make_sign_in(db, person)
                db.commit()
                address = f"{node.url}/learn/{enrolment.id}"
            signer = SecureCookieSessionInterface().get_signing_serializer(node.app)
            assert signer
            window = live.window(chromium)
            windows.callback(window.close)
            cookie = signer.dumps({"_user_id": token, "_fresh": True})
            window.add_cookies([{"name": config.cookie, "value": cookie, "url": node.url}])
            return Lesson(own_database, window, address)

        yield begin


def test_a_check_is_answered_in_place(lesson_with: Callable[..., Lesson]) -> None:
    """The verdict comes without a new page, and a note that is being written stays."""
    tab = lesson_with().open(2)
    tab.locator("#note").fill("half a thought")

    tab.get_by_role("radio", name="At the front left").check()
    tab.get_by_role("button", name="Check").click()

    expect(tab.locator("#check-1 .verdict")).to_contain_text("Right. The circle is closed.")
    assert tab.url.endswith("/car/2")
    assert tab.locator("#note").input_value() == "half a thought"


def test_a_note_is_saved_as_it_is_typed(lesson_with: Callable[..., Lesson]) -> None:
    """The status line says waiting, then saved with the time; the server has it."""
    lesson = lesson_with()
    tab = lesson.open()
    tab.locator("#note").fill("roof bars")
    expect(tab.locator("#saved")).to_have_text("Your note is not saved yet")

    expect(tab.locator("#saved")).to_contain_text("Saved ", timeout=5000)

    with lesson.database.sessions() as db:
        assert db.scalars(sa.select(PageNote.text)).all() == ["roof bars"]


def test_a_lost_line_is_said_and_the_note_goes_later(lesson_with: Callable[..., Lesson]) -> None:
    """What could not be saved stays on the page, says so, and is sent when the line is back."""
    lesson = lesson_with()
    tab = lesson.open()
    lesson.context.set_offline(True)
    tab.locator("#note").fill("kept")
    expect(tab.locator("#saved")).to_contain_text("no connection", timeout=5000)

    lesson.context.set_offline(False)

    expect(tab.locator("#saved")).to_contain_text("Saved ", timeout=9000)


@pytest.mark.goal("PLY-10")
def test_keys_turn_pages_but_never_while_typing(lesson_with: Callable[..., Lesson]) -> None:
    """N and P go on and back on any keyboard layout, ? shows the list; in a field they are letters."""
    lesson = lesson_with()
    tab = lesson.open()
    tab.locator("#note").press_sequentially("np?")
    assert tab.locator("#note").input_value() == "np?"
    assert tab.url.endswith("/car/1")

    tab.locator("h1").click()
    tab.keyboard.press("?")
    expect(tab.get_by_role("dialog")).to_be_visible()
    tab.keyboard.press("Escape")
    tab.keyboard.press("n")
    tab.wait_for_url("**/car/2")
    tab.keyboard.press("p")
    tab.wait_for_url("**/car/1")

    with lesson.database.sessions() as db:
        assert db.scalars(sa.select(LessonProgress.pages_read)).all() == [[1]]


@pytest.mark.goal("PLY-10")
def test_keys_can_be_switched_off(lesson_with: Callable[..., Lesson]) -> None:
    """A person who asked for none gets none."""
    tab = lesson_with(keys=False).open()

    tab.locator("h1").click()
    tab.keyboard.press("n")
    tab.keyboard.press("?")
    tab.wait_for_timeout(300)

    assert tab.url.endswith("/car/1")
    expect(tab.get_by_role("dialog")).to_be_hidden()


@pytest.mark.goal("SEC-08")
def test_nothing_in_a_lesson_runs_or_calls_out(lesson_with: Callable[..., Lesson]) -> None:
    """Script injections in every field of a lesson stay words: no dialog, no error of the policy, no foreign request."""
    attack = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    inline = [text for text in INJECTIONS if "\n" not in text and "<" not in text and "!" not in text]
    body = "\n\n".join(["## Page `" + attack + "`", *inline, "`" + attack + "`"])
    lesson_text = f"---\nid: car\ntitle: '{attack}'\nkind: explain\nminutes: 5\noutcomes: [car]\n---\n\n{body}\n"
    lesson = lesson_with({"modules/01-hides/01-car.en.md": lesson_text, "modules/01-hides/01-car.prs.md": None,
                          "modules/01-hides/01-car.ru.md": lesson_text})  # fmt: skip
    tab = lesson.context.new_page()
    seen: list[str] = []
    tab.on("dialog", lambda dialog: (seen.append(dialog.message), dialog.dismiss()))
    tab.on("console", lambda line: seen.append(line.text))
    tab.on("request", lambda request: seen.append(request.url) if "127.0.0.1" not in request.url else None)

    for address in ("/car/1", "/car/1?print=1", ""):
        tab.goto(lesson.address + address)
        tab.wait_for_load_state("networkidle")

    assert seen == []


@pytest.mark.parametrize("width", [320, 360, 1024])
@pytest.mark.goal("PLY-14")
def test_nothing_is_lost_on_a_narrow_screen_or_at_double_size(lesson_with: Callable[..., Lesson], width: int) -> None:
    """The page never scrolls sideways, in English and Dari, at normal and at 200 % text."""
    lesson = lesson_with({"modules/01-hides/01-car.en.md": sample.CAR["en"]})
    tab = lesson.open()
    for language in ("en", "prs"):
        for page in (1, 2):
            tab.set_viewport_size({"width": width, "height": 740})
            tab.goto(f"{lesson.address}/car/{page}?language={language}")
            for size in ("100%", "200%"):
                tab.evaluate("size => document.documentElement.style.setProperty('font-size', size)", size)
                over = tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
                assert (language, page, size, over) == (language, page, size, 0)
