"""One PC, many people: what the last one left, and how somebody goes on at another PC."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, BrowserContext, Page, expect

from app import open_database
from app.db import take_write_lock
from app.offices.models import Classroom, Office, Seat
from app.ops import migrations
from app.people import credentials
from app.people.models import Person
from app.quizzes.models import Answer, Attempt
from config import Config
from tests import live
from tests.factories import make_agency, make_classroom, make_country, make_office, make_person
from tests.people.signing import browser_at, give_pin
from tests.quizzes.rows import make_attempt, make_enrolment, make_run

pytestmark = pytest.mark.browser

SECRET = "987654"  # what A types


@dataclass
class Class:
    """A classroom with two enrolled PCs, and two trainees of whom the first is in a test without a time limit."""

    node: live.Live
    browser: Browser
    seats: list[Seat]
    a: Person
    b: Person
    attempt: Attempt
    question: int  # one that is answered by typing a number
    pins: dict[str, str]

    def pc(self, seat: int) -> BrowserContext:
        """A browser that the class manager has made a seat."""
        context = live.window(self.browser)
        with self.node.database.sessions() as db:
            take_write_lock(db)
            client = browser_at(self.node.app, db, self.seats[seat])
        for cookie in client._cookies.values():
            context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": self.node.url}])
        return context

    def signs_in(self, page: Page, person: Person) -> None:
        """Number and PIN from the slip."""
        page.goto(f"{self.node.url}/sign-in")
        page.fill("[name=service_number]", person.service_number)
        page.fill("[name=pin]", self.pins[person.service_number])
        with page.expect_navigation():
            page.click("main .btn-main")

    def signs_out(self, page: Page) -> None:
        """By the menu of any page."""
        page.goto(f"{self.node.url}/learn")
        page.locator(".top-nav summary").first.click()
        with page.expect_navigation():
            page.get_by_role("button", name="Sign out").click()

    def stored(self) -> list[dict]:
        """What the server holds of the typed answer."""
        with self.node.database.sessions() as db:
            wanted = self.attempt.draw[self.question - 1]
            return list(db.scalars(sa.select(Answer.response).where(Answer.attempt_id == self.attempt.id, Answer.question == wanted)))


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[live.Live]:
    """A class server that holds nothing yet."""
    config = Config(NODE="class", INSTANCE=str(tmp_path_factory.mktemp("node")), SECRET_KEY="k" * 40, PEPPER="p" * 40)
    config.folder.mkdir(parents=True)
    database = open_database(config)
    migrations.upgrade(database.engine)
    credentials.use_pepper(config.PEPPER)
    with live.serving(config, database) as served:
        yield served


@pytest.fixture
def room(node: live.Live, browser: Browser) -> Class:
    """Two trainees of one run in a room with two PCs."""
    with node.database.sessions() as db:
        take_write_lock(db)
        country = make_country(db)
        agency = make_agency(db, country)
        office: Office = make_office(db, country=country)
        classroom: Classroom = make_classroom(db, office)
        run = make_run(db, office=office)
        people = [make_person(db, office, family=family, agency=agency) for family in ("Akhmetova", "Baizhanov")]
        enrolments = [make_enrolment(db, run, person, number=n) for n, person in enumerate(people, 1)]
        attempt = make_attempt(db, enrolments[0], "play")
        pins = {}
        for n, person in enumerate(people):
            pins[person.service_number] = f"48102{n}"
            give_pin(db, person, f"48102{n}", run_id=run.id)
        seats = list(db.scalars(sa.select(Seat).where(Seat.classroom_id == classroom.id).order_by(Seat.label)))
        db.commit()
        db.refresh(attempt)
        for one in (*people, *seats):
            db.refresh(one)
        db.expunge_all()
    return Class(node, browser, seats, people[0], people[1], attempt, attempt.draw.index("number-1") + 1, pins)


KEPT = """async () => {
    const kept = [JSON.stringify({...localStorage}), JSON.stringify({...sessionStorage})];
    for (const {name} of await indexedDB.databases()) {
        const base = await new Promise((done, fail) => { const asked = indexedDB.open(name); asked.onsuccess = () => done(asked.result); asked.onerror = fail; });
        for (const store of base.objectStoreNames) {
            const rows = await new Promise((done) => { const asked = base.transaction(store).objectStore(store).getAll(); asked.onsuccess = () => done(asked.result); });
            for (const row of rows) kept.push(JSON.stringify(row), ...Object.values(row).filter((one) => ArrayBuffer.isView(one) || one instanceof ArrayBuffer).map((one) => new TextDecoder().decode(one)));
        }
        base.close();
    }
    if (window.caches) for (const name of await caches.keys()) for (const asked of await (await caches.open(name)).keys()) kept.push(asked.url);
    return kept;
}"""


@pytest.mark.goal("SEC-03", "RUN-05")
def test_after_sign_out_the_next_person_at_the_pc_reaches_nothing_of_the_one_before(room: Class) -> None:
    """Not by the back button, not in what the browser keeps, not by the address, not from the fields of the sign-in page."""
    pc = room.pc(0)
    page = pc.new_page()
    room.signs_in(page, room.a)
    page.goto(f"{room.node.url}/attempts/{room.attempt.id}/{room.question}")
    expect(page.locator("[data-status]")).to_have_text("No answer given yet")
    page.wait_for_timeout(300)
    pc.set_offline(True)  # so that the answer waits on the PC
    page.locator(f'[name="q{room.question}.value"]').fill(SECRET)
    expect(page.locator("[data-banner]")).to_contain_text("waiting", timeout=15_000)
    waiting = page.evaluate(KEPT)
    assert len(waiting) > 2  # something waits on the PC
    assert SECRET not in " ".join(waiting)
    page.goto("about:blank")
    pc.set_offline(False)
    room.signs_out(page)

    assert page.locator("form[autocomplete=off] [name=service_number]").input_value() == ""
    assert page.locator("form[autocomplete=off] [name=pin]").input_value() == ""
    for _ in range(6):  # back, as far as the tab remembers
        page.go_back()
        assert "Akhmetova" not in page.content()
        assert SECRET not in page.content()
    room.signs_in(page, room.b)
    expect(page.locator(".top")).to_contain_text("Baizhanov")
    for _ in range(8):
        page.go_back()
        assert "Akhmetova" not in page.content()
    answer = page.goto(f"{room.node.url}/attempts/{room.attempt.id}/{room.question}")
    assert answer is not None
    assert answer.status in (403, 404)
    page.goto(f"{room.node.url}/learn")
    kept = " ".join(page.evaluate(KEPT))
    assert SECRET not in kept
    assert "Akhmetova" not in kept

    room.signs_out(page)
    room.signs_in(page, room.a)  # and what waited is still A's: it is sent once he is back
    page.goto(f"{room.node.url}/attempts/{room.attempt.id}/{room.question}")
    expect(page.locator("[data-status]")).to_contain_text(re.compile(r"All answers saved"), timeout=8000)
    assert room.stored() == [{"value": SECRET}]
    pc.close()


def test_somebody_goes_on_at_another_pc_at_the_same_question_and_the_old_one_is_signed_out(room: Class) -> None:
    """Without invigilation a sign-in at another PC is enough: the same question, all saved answers; the old sign-in is dead."""
    first, second = room.pc(0), room.pc(1)
    old = first.new_page()
    room.signs_in(old, room.a)
    old.goto(f"{room.node.url}/attempts/{room.attempt.id}/{room.question}")
    old.locator(f'[name="q{room.question}.value"]').fill("63")
    expect(old.locator("[data-status]")).to_contain_text("All answers saved", timeout=8000)

    new = second.new_page()
    room.signs_in(new, room.a)
    new.goto(f"{room.node.url}/attempts/{room.attempt.id}")
    expect(new).to_have_title(re.compile(f"Question {room.question} of 12"))
    expect(new.locator(f'[name="q{room.question}.value"]')).to_have_value("63")
    old.goto(f"{room.node.url}/learn")
    expect(old).to_have_url(re.compile("/sign-in"))
    first.close()
    second.close()
