"""Keys of the roll call and of keying in, and a room that follows the projector, in a real browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from flask.sessions import SecureCookieSessionInterface
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy.orm import Session

from app import clock
from app.db import Database, take_write_lock
from app.people.models import Person
from app.policy import Role
from app.runs.models import CourseRun, Enrolment
from app.schedule import queries, rules
from app.schedule.models import Meeting
from config import Config
from tests import live
from tests.courses import rows as courses
from tests.factories import added, make_office, make_sign_in, make_staff
from tests.runs import rows as runs

pytestmark = pytest.mark.browser
AXE = Path(__file__).parents[1] / "vendor" / "axe.min.js"


@dataclass
class Room:
    """A served node with a run of today, its meeting, three people, and browsers that are signed in."""

    database: Database
    url: str
    window: Callable[..., BrowserContext]
    run: CourseRun
    meeting: Meeting
    people: list[Enrolment]
    manager: Person
    trainer: Person
    trainee: Person

    def open(self, person: Person, path: str, *, script: bool = True) -> Page:
        """A page of the node."""
        tab = self.window(person, script=script).new_page()
        tab.goto(self.url + path)
        return tab

    def held(self) -> list[tuple[str, int | None]]:
        """What holds of the three."""
        with self.database.sessions() as db:
            notes = queries.marks_of(db, self.meeting.id)
            return [(one[0].mark.status, one[0].mark.minutes) if (one := notes.get(id)) else ("unset", None) for id in (p.id for p in self.people)]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One Chromium for the file."""
    with live.chromium() as browser:
        yield browser


@pytest.fixture
def room(own_database: Database, tmp_path: Path, chromium: Browser) -> Iterator[Room]:
    """The room, with the small course of two lessons."""
    config = Config(NODE="test", INSTANCE=str(tmp_path), SECRET_KEY="k" * 40, PEPPER="p" * 40)
    with live.serving(config, own_database) as node, ExitStack() as windows:
        with own_database.sessions(expire_on_commit=False) as db:
            take_write_lock(db)
            version = courses.publish(db, tmp_path, None, keep_in=config.folder)
            home = make_office(db)
            trainer = make_staff(db, Role.TRAINER, home)
            today = clock.now().astimezone(ZoneInfo(home.zone)).date()
            run = runs.make_run(db, home, version, starts_on=today, ends_on=today)
            runs.teach(db, run, trainer)
            people = [runs.enrol(db, run) for _ in range(3)]
            midnight = datetime.combine(today, time(), ZoneInfo(run.zone))
            meeting = added(
                db,
                Meeting(run_id=run.id, day=today, zone=run.zone, starts_at=midnight + timedelta(minutes=1), ends_at=midnight + timedelta(hours=23)),
            )
            manager = make_staff(db, Role.CLASS_MANAGER, home)
            trainee = db.get_one(Person, people[0].person_id)
            db.commit()

        def window(person: Person, *, script: bool = True) -> BrowserContext:
            with own_database.sessions() as db:
                token = _token(db, person)
            signer = SecureCookieSessionInterface().get_signing_serializer(node.app)
            assert signer
            opened = live.window(chromium, script=script)
            windows.callback(opened.close)
            cookie = signer.dumps({"_user_id": token, "_fresh": True})
            opened.add_cookies([{"name": config.cookie, "value": cookie, "url": node.url}])
            return opened

        yield Room(own_database, node.url, window, run, meeting, people, manager, trainer, trainee)


def _token(db: Session, person: Person) -> str:
    take_write_lock(db)
    token = make_sign_in(db, person)
    db.commit()
    return token


@pytest.mark.goal("SCH-20")
def test_a_roll_is_called_with_letters_alone(room: Room) -> None:
    """P, L with minutes and Enter, X on a Russian keyboard: each sets its row and goes to the next; Enter saves."""
    tab = room.open(room.manager, f"/runs/{room.run.code}/meetings/{room.meeting.id}/attendance")

    tab.keyboard.press("p")
    tab.keyboard.press("l")
    tab.keyboard.type("15")
    tab.keyboard.press("Enter")
    tab.evaluate("document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key: 'ч', code: 'KeyX', bubbles: true}))")
    tab.keyboard.press("Enter")

    expect(tab.get_by_role("status").filter(has_text="Saved.")).to_be_visible()
    assert room.held() == [("present", None), ("late", 15), ("absent", None)]


@pytest.mark.goal("SCH-20")
def test_the_arrows_change_the_row_and_a_search_loses_nothing(room: Room) -> None:
    """Down and up go from row to row and choose nothing; / finds a row among those that are set and not saved yet."""
    tab = room.open(room.manager, f"/runs/{room.run.code}/meetings/{room.meeting.id}/attendance")

    tab.keyboard.press("p")
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("e")
    tab.keyboard.press("ArrowUp")
    tab.keyboard.press("ArrowUp")
    tab.keyboard.press("x")
    tab.keyboard.press("/")
    tab.keyboard.type(rules.person_code(1))
    expect(tab.locator("[data-row]:visible")).to_have_count(1)
    tab.keyboard.press("Enter")
    tab.keyboard.press("x")
    tab.locator("#find").fill("")
    expect(tab.locator("[data-row]:visible")).to_have_count(3)
    tab.get_by_role("button", name="Save the roll").click()

    expect(tab.get_by_role("status").filter(has_text="Saved. Rows changed: 3.")).to_be_visible()
    assert room.held() == [("absent", None), ("absent", None), ("excused", None)]


@pytest.mark.goal("SCH-20")
def test_a_roll_is_called_by_keyboard_without_script(room: Room) -> None:
    """Tab, blanks and Enter alone, with JavaScript off: mark one, mark the rest present, undo the last."""
    tab = room.open(room.manager, f"/runs/{room.run.code}/meetings/{room.meeting.id}/attendance", script=False)

    def reach(selector: str) -> None:
        for _ in range(120):
            if tab.locator(f"{selector}:focus").count():
                return
            tab.keyboard.press("Tab")
        pytest.fail(f"no way to {selector} with the Tab key")

    reach(f"[name='s-{room.people[0].id}']")
    while tab.locator(f"[name='s-{room.people[0].id}']:checked").get_attribute("value") != "excused":
        tab.keyboard.press("ArrowRight")
    reach("[name=do][value=rest]")
    tab.keyboard.press("Enter")
    expect(tab.get_by_role("status").filter(has_text="Marked as present: 2.")).to_be_visible()
    assert room.held() == [("excused", None), ("present", None), ("present", None)]
    reach("[name=do][value^=undo]")
    tab.keyboard.press("Enter")
    expect(tab.get_by_role("status").filter(has_text="Undone: 2 rows")).to_be_visible()
    assert room.held() == [("excused", None), ("unset", None), ("unset", None)]


@pytest.mark.goal("SCH-22")
def test_a_sheet_is_keyed_in_with_one_key_a_person(room: Room) -> None:
    """One letter a row, the next field comes by itself; only minutes need more."""
    sheet = rules.sheets_of(room.run.id, [room.meeting.day])[0]
    tab = room.open(room.manager, f"/runs/{room.run.code}/attendance/key?sheet={sheet.code}&meeting={room.meeting.id}")

    expect(tab.locator(f"#k-{room.people[0].id}")).to_be_focused()
    for key in "pxp":
        tab.keyboard.press(key)
    expect(tab.locator("#codes")).to_be_focused()
    tab.get_by_role("button", name="Save the column").click()

    tab.wait_for_url("**/attendance")
    assert room.held() == [("present", None), ("absent", None), ("present", None)]


@pytest.mark.goal("TCH-02")
def test_the_projector_turns_by_keys_and_the_rooms_pc_follows(room: Room) -> None:
    """Arrows turn the page in place, B hides it; a trainee's PC goes along while it follows, and stays when set free."""
    projector = room.open(room.trainer, f"/runs/{room.run.code}/teach/car/1")
    heading = projector.locator("main h1")
    first = heading.inner_text()
    projector.get_by_role("button", name="PCs follow").click()
    expect(projector.get_by_role("button", name="Set them free")).to_be_visible()
    pc = room.open(room.trainee, f"/learn/{room.people[0].id}/car/1")
    expect(pc.locator("[data-together]")).to_be_visible()

    projector.keyboard.press("End")
    expect(heading).not_to_have_text(first)
    page = projector.url.rsplit("/", 1)[1]
    pc.wait_for_url(f"**/learn/{room.people[0].id}/car/{page}", timeout=15000)

    projector.keyboard.press("b")
    expect(projector.locator(".blank")).to_be_visible()
    projector.keyboard.press("b")
    expect(projector.locator(".blank")).to_be_hidden()
    projector.get_by_role("button", name="Set them free").click()
    expect(pc.locator("[data-together]")).to_be_hidden(timeout=15000)
    projector.keyboard.press("Home")
    expect(heading).to_have_text(first)
    assert pc.url.endswith(f"/car/{page}")


@pytest.mark.goal("TCH-02")
def test_the_trainers_notes_stay_on_the_projected_page(room: Room) -> None:
    """Turned on one screen, the other follows; looking ahead in the notes projects nothing."""
    trainer = room.window(room.trainer)
    projector, notes = trainer.new_page(), trainer.new_page()
    projector.goto(f"{room.url}/runs/{room.run.code}/teach/car/1")
    projector.get_by_role("button", name="PCs follow").click()
    expect(projector.get_by_role("button", name="Set them free")).to_be_visible()
    notes.goto(f"{room.url}/runs/{room.run.code}/teach/car/1?notes=1")
    expect(notes.get_by_text("on the projector now")).to_be_visible()

    notes.get_by_role("button", name="Next").click()
    notes.wait_for_url("**/car/2?notes=1")
    expect(notes.get_by_text("on the projector now")).to_be_visible()
    projector.bring_to_front()
    projector.wait_for_url("**/car/2", timeout=15000)


def test_pages_of_meetings_have_no_accessibility_faults(room: Room) -> None:
    """Roll call, timetable, meeting, hours, keying in and both screens of teaching, by axe."""
    sheet = rules.sheets_of(room.run.id, [room.meeting.day])[0]
    code, id = room.run.code, room.meeting.id
    paths = [
        f"/runs/{code}/timetable", f"/runs/{code}/meetings/{id}", f"/runs/{code}/meetings/{id}/attendance", f"/runs/{code}/attendance",
        f"/runs/{code}/meetings/{id}/close", f"/runs/{code}/meetings/{id}/check-in/people",
        f"/runs/{code}/attendance/key?sheet={sheet.code}&meeting={id}", f"/runs/{code}/teach", f"/runs/{code}/teach/car/2",
        f"/runs/{code}/teach/car/2?notes=1",
    ]
    window = room.window(room.manager)
    for path in paths:
        tab = window.new_page()
        tab.goto(room.url + path)
        tab.evaluate(AXE.read_text(encoding="utf-8"))
        found = tab.evaluate("axe.run().then(r => r.violations.map(v => [v.id, v.nodes.map(n => n.html).slice(0, 2)]))")
        assert found == [], path
        tab.close()
