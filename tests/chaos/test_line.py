"""A test in a real browser whose line is cut, whose replies are lost, and whose server cannot write: nothing given is lost."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, BrowserContext, Page, expect

from app import open_database
from app.ops import migrations
from app.quizzes.models import Answer
from config import Config
from tests import live
from tests.chaos import disk as disks
from tests.chaos.line import Line, line
from tests.chaos.room import Trainee, seat

pytestmark = pytest.mark.browser


@dataclass
class Desk:
    """A trainee at a PC, the line to the server, and the disk below it."""

    node: live.Live
    trainee: Trainee
    neighbour: Trainee  # who sits down at the same PC next
    line: Line
    disk: disks.Disk
    page: Page

    def goes_to(self, number: int) -> None:
        """By the list of questions, as a hand would."""
        self.page.locator(f'[data-list] a[data-to="{number}"]').click()

    def gives(self, number: int, value: str) -> None:
        """Types an answer and leaves the field."""
        self.goes_to(number)
        self.page.locator(f'[name="q{number}.value"]').fill(value)
        self.page.locator(f'[name="q{number}.value"]').blur()

    def stored(self) -> list[tuple[int, int, str]]:
        """Question, revision and answer, in the order in which they were stored."""
        with self.node.database.sessions() as db:
            rows = db.execute(
                sa.select(Answer.question, Answer.revision, Answer.response)
                .where(Answer.attempt_id == uuid.UUID(self.trainee.attempt))
                .order_by(Answer.saved_at, Answer.id)
            )
            return [(self.trainee.draw.index(question) + 1, revision, response["value"]) for question, revision, response in rows]


def signs_in(context: BrowserContext, trainee: Trainee, wire: Line) -> None:
    """From here on the browser is his."""
    name, _, value = trainee.headers["Cookie"].partition("=")
    context.add_cookies([{"name": name, "value": value, "url": wire.url}])


@pytest.fixture
def desk(browser: Browser, tmp_path: Path) -> Iterator[Desk]:
    """Somebody has just opened his test."""
    with disks.disk() as disk:
        config = Config(NODE="class", INSTANCE=str(tmp_path), SECRET_KEY="k" * 40, PEPPER="p" * 40)
        config.folder.mkdir()
        config = replace(config, DATABASE_URL=disk.url(config.folder / "sabaq.db"))
        database = open_database(config)
        migrations.upgrade(database.engine)
        trainee, neighbour = seat(config, database, 2)
        with live.serving(config, database) as node, line(int(node.url.rpartition(":")[2])) as wire:
            context = live.window(browser)
            signs_in(context, trainee, wire)
            page = context.new_page()
            page.clock.install()
            faults: list[str] = []
            page.on("pageerror", lambda error: faults.append(str(error)))
            page.goto(f"{wire.url}/attempts/{trainee.attempt}/1")
            expect(page.locator("[data-status]")).to_have_text("No answer given yet")
            yield Desk(node, trainee, neighbour, wire, disk, page)
            context.close()
            assert faults == []
        disk.error = disks.OK
        database.engine.dispose()


WAITING = """() => new Promise((done, fail) => {
    const opened = indexedDB.open("sabaq-answers", 1);
    opened.onerror = fail;
    opened.onsuccess = () => {
        const counted = opened.result.transaction("waiting").objectStore("waiting").count();
        counted.onsuccess = () => { opened.result.close(); done(counted.result); };
        counted.onerror = fail;
    };
})"""


def all_saved(desk: Desk) -> None:
    """Wait until the page says so; its clock is moved on, so that it tries again at once."""
    patience = time.monotonic() + 30
    while time.monotonic() < patience:
        desk.page.clock.run_for(1000)
        if re.search(r"All answers saved \d\d:\d\d:\d\d", desk.page.locator("[data-status]").inner_text()):
            break
        desk.page.wait_for_timeout(50)
    expect(desk.page.locator("[data-status]")).to_have_text(re.compile(r"All answers saved \d\d:\d\d:\d\d"))
    expect(desk.page.locator("[data-banner]")).to_be_empty()


@pytest.mark.goal("PLY-03", "PLY-02")
def test_a_line_cut_for_ten_minutes_loses_and_doubles_no_answer(desk):
    """A reply is lost, then the line is dead for ten minutes: the banner counts what waits, and all arrives once and in order."""
    desk.gives(1, "11")
    all_saved(desk)
    desk.line.replies = False
    desk.gives(2, "22")
    desk.page.clock.run_for(500)
    assert desk.line.lost.wait(10)
    desk.line.cut()
    for number, value in ((3, "33"), (4, "44"), (3, "34")):
        desk.gives(number, value)
    banner = desk.page.locator("[data-banner]")
    desk.page.clock.run_for(12_000)

    expect(banner).to_contain_text("Not saved: 3 answers waiting")
    expect(banner).to_contain_text("No line to the class server since")
    desk.page.clock.run_for("10:00")
    desk.gives(5, "55")
    expect(banner).to_contain_text("Not saved: 4 answers waiting")
    assert banner.locator(".st").evaluate("one => parseFloat(getComputedStyle(one).fontSize)") >= 16
    desk.line.mend()
    all_saved(desk)

    assert desk.stored() == [(1, 1, "11"), (2, 1, "22"), (3, 1, "34"), (4, 1, "44"), (5, 1, "55")]


@pytest.mark.goal("PLY-03")
def test_what_waited_when_the_pc_was_switched_off_is_sent_by_the_next_visit(desk):
    """The line is cut, the page is closed, the line is back: the owner opens his test and the answer is there and is saved."""
    desk.line.cut()
    desk.gives(2, "22")
    desk.page.clock.run_for(2000)
    expect(desk.page.locator("[data-status]")).to_contain_text("1 answer waiting")
    assert desk.page.evaluate(WAITING) == 1  # asked behind the writing of it: the PC has it before the page goes
    desk.page.goto("about:blank")
    desk.line.mend()

    desk.page.goto(f"{desk.line.url}/attempts/{desk.trainee.attempt}/2")
    all_saved(desk)

    expect(desk.page.locator('[name="q2.value"]')).to_have_value("22")
    assert desk.stored() == [(2, 1, "22")]


@pytest.mark.goal("PLY-03")
def test_an_answer_given_before_the_server_has_said_anything_is_kept_too(desk):
    """The line goes between the page and its first sign of life: what is given then waits on the PC like any other answer."""
    desk.page.route("**/open", lambda route: route.abort())
    desk.page.reload()
    desk.gives(2, "22")
    desk.page.clock.run_for(2000)
    expect(desk.page.locator("[data-status]")).to_contain_text("1 answer waiting")
    assert desk.page.evaluate(WAITING) == 1
    desk.page.goto("about:blank")
    desk.page.unroute("**/open")

    desk.page.goto(f"{desk.line.url}/attempts/{desk.trainee.attempt}/2")
    all_saved(desk)

    assert desk.stored() == [(2, 1, "22")]


KEPT = """async (url) => {
  const answer = await fetch(`${url}/1`);
  const root = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-key]");
  const base = await new Promise((done) => {
    const asked = indexedDB.open("sabaq-answers", 1); asked.onsuccess = () => done(asked.result); });
  const rows = await new Promise((done) => {
    const asked = base.transaction("waiting").objectStore("waiting").getAll(); asked.onsuccess = () => done(asked.result); });
  const key = root && Uint8Array.from(atob(root.dataset.key), (letter) => letter.charCodeAt(0));
  return { status: answer.status, rows: rows.length, opened: key ? rows.filter((row) => self.nacl.secretbox.open(row.box, row.nonce, key)).length : 0 };
}"""


@pytest.mark.goal("SEC-03")
def test_the_next_person_at_the_pc_gets_no_key_to_what_waits_there(desk):
    """The server refuses him the key of the other's attempt, and with the key of his own he opens nothing of what is kept."""
    desk.line.cut()
    desk.gives(2, "22")
    desk.page.clock.run_for(1000)
    expect(desk.page.locator("[data-status]")).to_contain_text("1 answer waiting")
    assert desk.page.evaluate(WAITING) == 1  # asked behind the writing of it: the PC has it before the page goes
    desk.page.goto("about:blank")
    desk.line.mend()
    signs_in(desk.page.context, desk.neighbour, desk.line)
    desk.page.goto(f"{desk.line.url}/attempts/{desk.neighbour.attempt}/1")
    expect(desk.page.locator("[data-status]")).to_have_text("No answer given yet")

    his = desk.page.evaluate(KEPT, f"/attempts/{desk.neighbour.attempt}")
    others = desk.page.evaluate(KEPT, f"/attempts/{desk.trainee.attempt}")

    assert his == {"status": 200, "rows": 1, "opened": 0}
    assert others == {"status": 404, "rows": 1, "opened": 0}


@pytest.mark.goal("DUR-04")
@pytest.mark.parametrize(("error", "said"), [(disks.FULL, "disk is full"), (disks.IOERR_FSYNC, "disk reported an error")])
def test_answers_wait_in_a_red_banner_while_the_server_cannot_write(desk, error, said):
    """The page never says "saved"; it says why, who acts, and how many answers wait. They are kept on the PC."""
    desk.disk.error, desk.disk.fails = error, frozenset({"write"} if error == disks.FULL else {"sync"})
    desk.gives(1, "11")
    desk.gives(2, "22")
    desk.page.clock.run_for(1000)
    banner = desk.page.locator("[data-banner]")

    expect(banner).to_contain_text("Not saved: 2 answers waiting")
    expect(banner).to_contain_text(said)
    expect(banner.locator(".banner-bad")).to_be_visible()
    expect(desk.page.locator("[data-status]")).not_to_contain_text("All answers saved")
    assert desk.stored() == []
    desk.disk.error = disks.OK
    if error == disks.FULL:
        all_saved(desk)
        assert desk.stored() == [(1, 1, "11"), (2, 1, "22")]
    else:
        desk.page.clock.run_for(10_000)
        assert desk.stored() == []
