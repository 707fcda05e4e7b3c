"""A room of three PCs and the class manager's board in real browsers: the board follows, each deed reaches its PC."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Page, expect

from app import clock, open_database
from app.db import Database, take_write_lock
from app.offices.seats import enrol_seat
from app.offices.views import _cookie, _signer
from app.ops import migrations
from app.people import credentials, signing_in
from app.people.models import Person
from app.quizzes.models import AttemptClock
from app.schedule.models import ClassDay
from config import Config
from tests import live
from tests.classday import rows

pytestmark = pytest.mark.browser

PASSWORD, PIN = "a good long password", "481026"
SOON = 2_000  # ms: how far behind the room the board may be (RUN-06)


@dataclass
class Room:
    """A served node with a class that was opened, and its browsers."""

    node: live.Live
    browser: Browser
    at: str
    seats: list[Any]
    people: list[tuple[str, str]]  # agency and service number
    pages: dict[int, Page] = field(default_factory=dict)

    def board(self) -> Page:
        """The class manager at his page."""
        page = live.window(self.browser).new_page()
        live.sign_in(page, self.node.url, "boss", PASSWORD)
        page.goto(self.node.url + self.at)
        return page

    def sits(self, n: int, seat: int) -> Page:
        """Person n signs in at a seat with his slip."""
        context = live.window(self.browser)
        with self.node.database.sessions() as db:
            take_write_lock(db)
            token = enrol_seat(db, seat_id=self.seats[seat], replaces=None, enrolled_by=db.scalars(sa.select(Person.id)).first(), now=clock.now())  # type: ignore[arg-type]
            db.commit()
        with self.node.app.test_request_context():
            context.add_cookies([{"name": _cookie(), "value": str(_signer().dumps(token)), "url": self.node.url}])
        page = context.new_page()
        page.goto(f"{self.node.url}/sign-in?agency={self.people[n][0]}")
        page.fill("[name=service_number]", self.people[n][1])
        page.fill("[name=pin]", PIN)
        page.click("main .btn-main")
        self.pages[n] = page
        return page

    def opens_test(self, n: int) -> Page:
        """Person n goes to the pre-test and begins it."""
        page = self.pages[n]
        with self.node.database.sessions() as db:
            enrolment = db.scalars(sa.select(rows.Enrolment.id).join(Person, Person.id == rows.Enrolment.person_id).where(Person.service_number == self.people[n][1])).one()
        page.goto(f"{self.node.url}/learn/{enrolment}/tests/pre")
        return page


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    """Three people, four PCs, the class open."""
    config = Config(NODE="class", INSTANCE=str(tmp_path), SECRET_KEY="k" * 40, PEPPER="p" * 40)
    config.folder.mkdir(parents=True)
    database: Database = open_database(config)
    migrations.upgrade(database.engine)
    credentials.use_pepper(config.PEPPER)
    with database.sessions() as db:
        take_write_lock(db)
        made = rows.make_room(db, people=3, seats=4)
        signing_in.set_password(db, person_id=made.manager.id, password_hash=credentials.hash_password(PASSWORD), now=clock.now(), user_name="boss")
        db.add(ClassDay(run_id=made.run.id, day=made.today, opened_at=clock.now(), opened_by=made.manager.id))
        people = []
        for one, seat in zip(made.people, made.seats, strict=False):
            person = db.get_one(Person, one.person_id)
            rows.sit(db, made, one, seat)
            signing_in.issue_pin(
                db, person_id=person.id, run_id=made.run.id, pin_hash=credentials.hash_pin(PIN), valid_from=clock.now(),
                valid_to=clock.now().replace(year=clock.now().year + 1), issued_by=None, now=clock.now(),
            )
            people.append((str(person.agency_id), person.service_number))
        at, seats = made.at, [seat.id for seat in made.seats]
        db.commit()
    with live.serving(replace(config, THREADS=8), database) as node, live.chromium() as browser:
        yield Room(node, browser, at, seats, people)
    database.engine.dispose()


def within(seconds: float, holds: Callable[[], bool]) -> None:
    """Wait until something holds in the database."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def row(board: Page, name: str) -> Any:
    """Somebody's row of the board."""
    return board.locator("tr", has_text=name)


@pytest.mark.goal("RUN-06")
def test_the_board_follows_the_room_and_the_room_follows_the_board(room: Room) -> None:
    """Signing in, starting, a hand, a pause, a resume, ten minutes more, another PC: each is seen on the other side in two seconds."""
    board = room.board()
    expect(board.locator("#live-board")).to_contain_text("not signed in")

    first = room.sits(0, 0)
    expect(row(board, "Абдыкадыров")).not_to_contain_text("not signed in", timeout=SOON)
    board.click("text=Start the pre-test for 1 person")
    board.wait_for_load_state()
    page = room.opens_test(0)
    page.click("main .btn-main")
    expect(row(board, "Абдыкадыров")).to_contain_text("working", timeout=SOON + 1_000)

    first.click("[data-hand] button")
    expect(row(board, "Абдыкадыров")).to_contain_text("hand up", timeout=SOON)
    expect(board.locator("#live-now")).to_contain_text("Seat 01 asks for you.", timeout=SOON)

    board.check(f"#{row(board, 'Абдыкадыров').locator('input').get_attribute('id')}")
    board.wait_for_timeout(SOON)  # several polls go by
    expect(row(board, "Абдыкадыров").locator("input")).to_be_checked()
    board.click("button[value=pause]")
    board.fill("[name=reason]", "fire drill")
    board.click("main .btn-main")
    expect(row(board, "Абдыкадыров")).to_contain_text("paused", timeout=SOON)
    expect(first.locator("body")).to_contain_text("Paused", timeout=7_000)

    row(board, "Абдыкадыров").locator("input").check()
    board.click("button[value=resume]")
    expect(row(board, "Абдыкадыров")).not_to_contain_text("paused", timeout=SOON)
    row(board, "Абдыкадыров").locator("input").check()
    board.click("button[value=credit]")
    board.fill("[name=minutes]", "10")
    board.fill("[name=reason]", "keyboard changed")
    board.click("main .btn-main")
    expect(row(board, "Абдыкадыров")).to_contain_text("+10 min", timeout=SOON)

    second = room.sits(0, 3)  # the same person at another PC: it waits for a release
    room.opens_test(0).click("main .btn-main")
    expect(row(board, "Абдыкадыров")).to_contain_text("asks to go on at seat 04", timeout=SOON + 3_000)
    row(board, "Абдыкадыров").locator("input").check()
    board.click("button[value=release]")
    expect(second.locator("[data-hand] button")).to_be_visible(timeout=20_000)
    within(20, lambda: _seat_of_open(room) == room.seats[3])


def _seat_of_open(room: Room) -> Any:
    with room.node.database.sessions() as db:
        return db.scalars(sa.select(rows.Attempt.seat_id).join(AttemptClock, AttemptClock.attempt_id == rows.Attempt.id).where(rows.Attempt.state == "open")).one()


@pytest.mark.goal("SEC-03")
def test_the_board_is_locked_from_its_menu_and_other_windows_of_it_lock_too(room: Room) -> None:
    """The menu locks; a second window with the board follows at its next poll; the password opens the board again."""
    board = room.board()
    other = board.context.new_page()
    other.goto(room.node.url + room.at)

    board.click("summary:has-text('Жұмағұлова')")
    board.click("text=Lock this page")
    expect(board.locator("h1")).to_have_text("This page is locked")
    expect(other.locator("h1")).to_have_text("This page is locked", timeout=SOON + 2_000)
    board.fill("[name=password]", PASSWORD)
    board.click("text=Unlock")
    expect(board.locator("#live-board")).to_be_visible()


@pytest.mark.goal("RUN-06")
def test_the_board_works_without_script_and_fits_a_telephone(room: Room) -> None:
    """Without script the deeds are plain forms; at 360 px nothing is wider than the screen."""
    page = live.window(room.browser, width=360, height=740, script=False).new_page()
    live.sign_in(page, room.node.url, "boss", PASSWORD)
    for address in (room.at, f"{room.at}/seats", f"{room.at}/walk-in", f"{room.at}/open", f"{room.at}/papers", f"{room.at}/close", "/class/all"):
        page.goto(room.node.url + address)
        box = page.locator("main").bounding_box()
        assert box is not None
        assert box["width"] <= 360, address
    page.goto(room.node.url + room.at)
    assert page.locator("text=Reload: this page does not change by itself").is_visible()
