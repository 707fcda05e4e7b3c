"""A supervised test in real browsers: one context a PC of the class, what the class manager does by the verbs that his page calls."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy.orm import Session

from app import clock, open_database
from app.ops import migrations
from app.people.models import Person, SignIn
from app.quizzes import board as boards
from app.quizzes import invigilation
from app.quizzes.board import Row, State
from app.quizzes.models import Answer, Attempt, Incident
from app.runs.models import CourseRun
from app.work import work
from config import Config
from tests import live
from tests.factories import make_sign_in
from tests.quizzes.room import Room, make_room
from tests.quizzes.rows import start_for_room

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[live.Live]:
    """A class server with a database of its own, which holds nothing yet."""
    config = Config(NODE="class", INSTANCE=str(tmp_path_factory.mktemp("node")), SECRET_KEY="k" * 40, PEPPER="p" * 40)
    config.folder.mkdir(parents=True)
    database = open_database(config)
    migrations.upgrade(database.engine)
    with live.serving(config, database) as served:
        yield served


@dataclass
class Class:
    """A trainee of a run in a room of PCs, and the class manager at his desk."""

    node: live.Live
    browser: Browser
    run_id: uuid.UUID
    enrolment_id: uuid.UUID
    person_id: uuid.UUID
    manager_id: uuid.UUID
    seats: list[uuid.UUID]
    open: list[BrowserContext] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def signs_in(self, seat: int, **settings: bool) -> Page:
        """The trainee signs in with his PIN at a PC: wherever he was signed in before, he no longer is."""
        with work(self.node.database) as db:
            for row in db.scalars(sa.select(SignIn).where(SignIn.person_id == self.person_id, SignIn.ended_at.is_(None))):
                row.ended_at, row.ended_why = clock.now(), "elsewhere"
            token = make_sign_in(db, db.get_one(Person, self.person_id), kind="pin", seat_id=self.seats[seat])
        client = self.node.app.test_client()
        with client.session_transaction() as cookie:
            cookie["_user_id"], cookie["_fresh"] = token, True
        name = self.node.config.cookie
        found = client.get_cookie(name)
        assert found is not None
        context = live.window(self.browser, **settings)  # type: ignore[arg-type]
        context.add_cookies([{"name": name, "value": found.value, "url": self.node.url}])
        self.open.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.goto(f"{self.node.url}/learn/{self.enrolment_id}/tests/pre")
        return page

    def starts(self) -> None:
        """The class manager starts the test for the room."""
        with work(self.node.database) as db:
            start_for_room(db, self.run_id, "pre")

    def does(self, verb: object, *args: object, **values: object) -> None:
        """What his page calls."""
        with work(self.node.database) as db:
            if verb not in (invigilation.release, invigilation.lower_hand):
                values["uptime"] = clock.uptime()
            verb(db, db.get_one(CourseRun, self.run_id), "pre", *args, by=self.manager_id, now=clock.now(), **values)  # type: ignore[operator]

    def row(self) -> Row:
        """The trainee's line of the board."""
        with self.node.database.sessions() as db:
            run = db.get_one(CourseRun, self.run_id)
            [row] = boards.board(db, run, "pre", now=clock.now(), uptime=clock.uptime()).rows
            return row

    def attempt(self, db: Session) -> Attempt:
        """His attempt."""
        return db.scalars(sa.select(Attempt).where(Attempt.enrolment_id == self.enrolment_id)).one()

    def follows(self, **wanted: object) -> None:
        """The board comes to this: a page tells of itself every few seconds."""
        deadline = time.monotonic() + 8
        while any(getattr(row := self.row(), name) != value for name, value in wanted.items()):
            assert time.monotonic() < deadline, row
            time.sleep(0.1)


@pytest.fixture
def room(node: live.Live, browser: Browser) -> Iterator[Class]:
    """A room of four PCs and one trainee."""
    with work(node.database) as db:
        made: Room = make_room(db)
        enrolment = made.comes(signs_in=False)
        room = Class(
            node, browser, made.run.id, enrolment.id, enrolment.person_id, made.manager.id, [seat.id for seat in made.seats]
        )
    yield room
    for context in room.open:
        context.close()
    assert room.faults == []


def begin(room: Class, page: Page) -> None:
    """The page that waited has its button; it leads into the test."""
    button = page.get_by_role("button", name="Begin the test")
    expect(button).to_be_visible(timeout=10_000)
    button.click()
    expect(page.locator("[data-attempt]")).to_be_visible()


@pytest.mark.goal("RUN-06", "RUN-07")
def test_the_trainees_page_follows_the_class_manager(room: Class) -> None:
    """It waits for the start and opens by itself, shows a pause instead of the questions and comes back, shows minutes given,
    raises a hand by key and by button, and tells the board how often it was left and that a page waits after an outage."""
    page = room.signs_in(0)
    expect(page.get_by_text("Your class manager starts this test for the room.")).to_be_visible()
    room.starts()
    begin(room, page)
    room.follows(state=State.WORKING)

    room.does(invigilation.pause, reason="fire drill")
    expect(page.get_by_role("heading", name="Paused by the invigilator")).to_be_visible(timeout=8000)
    expect(page.locator("[data-attempt]")).to_be_hidden()
    frozen = page.locator("[data-timer]").inner_text()
    room.does(invigilation.credit, minutes=10, reason="fire drill")
    room.does(invigilation.resume)
    expect(page.locator("[data-attempt]")).to_be_visible(timeout=8000)
    expect(page.get_by_role("heading", name="Paused by the invigilator")).to_be_hidden()
    expect(page.locator("[data-extra]")).to_have_text("+10 min given")
    assert (frozen, page.locator("[data-timer]").inner_text()) == ("20 min", "30 min")

    page.keyboard.press("h")
    expect(page.get_by_text("Your hand is up: the class manager sees it.")).to_be_visible()
    room.follows(state=State.HAND)
    room.does(invigilation.lower_hand)
    expect(page.get_by_role("button", name="Raise your hand")).to_be_visible(timeout=8000)
    page.get_by_role("button", name="Raise your hand").click()
    expect(page.get_by_text("Your hand is up: the class manager sees it.")).to_be_visible()
    room.follows(state=State.HAND)
    page.keyboard.press("h")
    room.follows(state=State.WORKING)

    page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true}); document.dispatchEvent(new Event('visibilitychange'))")
    room.follows(left_page=1)

    with work(room.node.database) as db:
        attempt = room.attempt(db)
        incident = Incident(run_id=room.run_id, kind="outage", from_at=clock.now(), noticed_at=clock.now())
        db.add(incident)
        db.flush()
        room_clock = invigilation._locked(db, Attempt.id == attempt.id)[0].clock
        room_clock.paused_at, room_clock.incident_id = clock.now(), incident.id
    expect(page.get_by_role("heading", name="The server was away. The test waits.")).to_be_visible(timeout=8000)
    assert page.get_by_text("Nobody loses time.").is_visible()


def test_a_test_that_the_class_manager_hands_in_says_that_all_is_saved(room: Class) -> None:
    """Everything was saved: the page says that the test is handed in and leads to the result, and nothing says "not saved"."""
    page = room.signs_in(0)
    room.starts()
    begin(room, page)
    page.locator('[name="sure1"][value="sure"]').focus()  # whatever was drawn, how sure one is can be said and is saved
    page.keyboard.press("Space")
    expect(page.locator("[data-status]")).to_contain_text("All answers saved")
    room.does(invigilation.hand_in, reason="end of the day")
    expect(page.get_by_text("This test has been handed in.")).to_be_visible(timeout=12_000)
    expect(page.locator("[data-status]")).to_contain_text("All answers saved")
    expect(page.get_by_role("link", name="To the result")).to_be_visible()


@pytest.mark.goal("PLY-04", "DUR-03")
def test_a_pc_dies_and_the_test_goes_on_at_another_one_after_the_release(room: Class) -> None:
    """The other PC says where the test is open and asks; within 20 s of the release it shows the same question with the saved
    answer and the server's time; the first PC, still on, is signed out and keeps what was typed there."""
    room.starts()
    first = room.signs_in(0)
    begin(room, first)
    link = first.locator('[data-list] a[data-to="2"]')
    link.click()
    with room.node.database.sessions() as db:
        drawn = room.attempt(db).draw[1]
    control = first.locator("#q2 .q :is(input, select):not([name^=sure])").first
    if control.evaluate("one => one.tagName") == "SELECT":
        control.select_option(index=1)
    elif control.get_attribute("type") in ("radio", "checkbox"):
        control.check(force=True)
    else:
        control.fill("7")
    expect(first.locator("[data-status]")).to_have_text(re.compile("All answers saved"), timeout=10_000)
    given = first.evaluate("JSON.stringify([...new FormData(document.querySelector('#q2'))].filter(([n]) => n.startsWith('q2.')))")

    second = room.signs_in(2)
    second.get_by_role("link", name="Go on with the test").click()
    expect(second.get_by_text("Your test is open at seat 01.")).to_be_visible()
    assert (room.row().state, room.row().asks_seat) == (State.ASKS, "03")
    expect(first.get_by_text("You are no longer signed in on this PC.")).to_be_visible(timeout=10_000)
    with room.node.database.sessions() as db:
        attempt_id = room.attempt(db).id

    began = time.monotonic()
    room.does(invigilation.release, [attempt_id])
    expect(second.locator("#q2 h1")).to_be_visible(timeout=20_000)
    assert time.monotonic() - began < 20
    kept = second.evaluate("JSON.stringify([...new FormData(document.querySelector('#q2'))].filter(([n]) => n.startsWith('q2.')))")
    assert kept == given
    expect(second.locator("[data-timer]")).to_have_text(re.compile(r"(19|20) min"))
    room.follows(state=State.WORKING, seat="03")
    assert first.evaluate("JSON.stringify([...new FormData(document.querySelector('#q2'))].filter(([n]) => n.startsWith('q2.')))") == given
    with room.node.database.sessions() as db:
        assert db.scalars(sa.select(Answer.question).where(Answer.attempt_id == attempt_id)).all() == [drawn]


def test_without_script_the_pages_wait_too(room: Class) -> None:
    """The page before the test, a pause and a PC that waits for a release: each opens again by itself or by its link."""
    page = room.signs_in(1, script=False)
    expect(page.get_by_role("link", name="Look again")).to_be_visible()
    room.starts()
    button = page.get_by_role("button", name="Begin the test")
    expect(button).to_be_visible(timeout=10_000)  # reloaded by itself
    button.click()
    page.get_by_role("button", name="Raise your hand").click()
    expect(page.get_by_text("Your hand is up: the class manager sees it.")).to_be_visible()
    room.does(invigilation.pause, reason="x")
    page.reload()
    expect(page.get_by_role("heading", name="Paused by the invigilator")).to_be_visible()
    expect(page.locator("[data-attempt]")).to_be_hidden()
    room.does(invigilation.resume)
    expect(page.locator("[data-attempt]")).to_be_visible(timeout=10_000)
