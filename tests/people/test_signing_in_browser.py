"""Signing in and out in a real browser: a shared PC, the back button, no script, wide and narrow, readable by everybody."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Page, expect

from app import clock
from app.db import Database, take_write_lock
from app.ids import new_id
from app.offices.models import Seat
from app.people import credentials, signing_in
from app.people.models import Person
from app.policy import Role
from config import Config
from tests import live
from tests.factories import make_agency, make_classroom, make_country, make_office, make_person, make_staff
from tests.people.signing import PASSWORD, PIN

pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[1] / "vendor" / "axe.min.js"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One Chromium for the file."""
    with live.chromium() as browser:
        yield browser


@pytest.fixture
def node(own_database: Database, tmp_path: Path) -> Iterator[live.Live]:
    """A served node with a classroom, its manager (g.dosova) and two trainees with PINs."""
    config = Config(NODE="test", INSTANCE=str(tmp_path), SECRET_KEY="k" * 40, PEPPER="p" * 40)
    with live.serving(config, own_database) as served:
        now = clock.now()
        password, pin = credentials.hash_password(PASSWORD), credentials.hash_pin(PIN)
        with own_database.sessions() as db:
            take_write_lock(db)
            country = make_country(db)
            office = make_office(db, country=country, names={"en": "Korday border office"})
            agency = make_agency(db, country, service_number_hint={"en": "8 digits, as on your service card"})
            make_agency(db, country, names={"en": "Customs Service"})
            make_classroom(db, office, seats=12)
            manager = make_staff(db, Role.CLASS_MANAGER, office, family="Dosova", given="Gulnara", agency=agency)
            signing_in.set_password(db, person_id=manager.id, password_hash=password, user_name="g.dosova", now=now)
            for number in ("20417735", "20417736"):
                person: Person = make_person(db, office, agency=agency, service_number=number)
                signing_in.issue_pin(
                    db, person_id=person.id, run_id=new_id(), pin_hash=pin, valid_from=now, valid_to=now + timedelta(days=4),
                    issued_by=manager.id, now=now,
                )
            db.commit()
        yield served


def make_this_a_seat(page: Page, node: live.Live) -> None:
    """The class manager enrols the PC as seat 07 and signs out."""
    live.sign_in(page, node.url, "g.dosova", PASSWORD)
    page.get_by_role("link", name="Choose which seat this PC is").click()
    page.get_by_role("link", name="07").click()
    page.get_by_role("button", name="Make this PC seat 07").click()
    sign_out(page)


def sign_out(page: Page) -> None:
    """By the menu, as people do; over when the sign-in page stands, for a page on its way out has no history to go back in."""
    page.locator(".top-nav summary").first.click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in*", wait_until="load")
    expect(page.locator("#service_number")).to_be_visible()


def type_pin(page: Page, number: str = "20417735", pin: str = PIN) -> None:
    """With number keys, Tab and Enter only."""
    page.fill("#service_number", number)
    page.keyboard.press("Tab")
    page.keyboard.type(pin)
    page.keyboard.press("Enter")


@pytest.mark.goal("PPL-04")
def test_a_class_manager_enrols_a_pc_and_a_trainee_signs_in_with_keys_alone(node: live.Live, chromium: Browser, own_database: Database) -> None:
    """From an unknown PC to a trainee at seat 07: the manager picks the seat once, the trainee types two numbers."""
    page = live.window(chromium).new_page()
    make_this_a_seat(page, node)
    expect(page.locator(".fig")).to_have_text("Seat 07")
    expect(page.get_by_text("Dosova G., class manager, prints a new one")).to_be_visible()

    type_pin(page)

    expect(page.locator(".top-nav strong")).to_have_text("Bekova A.")
    with own_database.sessions() as db:
        assert db.scalars(sa.select(Seat.label).join(signing_in.SignIn, signing_in.SignIn.seat_id == Seat.id)).all() == ["07"]


@pytest.mark.goal("SEC-03")
def test_after_sign_out_the_next_person_finds_nothing(node: live.Live, chromium: Browser) -> None:
    """On a shared PC the back button, the address and the form show nothing of the person who was here."""
    page = live.window(chromium).new_page()
    make_this_a_seat(page, node)
    type_pin(page)
    expect(page.locator(".top-nav strong")).to_have_text("Bekova A.")
    page.goto(f"{node.url}/settings")
    page.evaluate("sessionStorage.setItem('key', 'of the first')")
    sign_out(page)

    page.go_back()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert "Bekova" not in page.content()
    page.goto(f"{node.url}/settings")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert page.input_value("#service_number") == page.input_value("#pin") == ""
    assert page.evaluate("sessionStorage.length") == 0


@pytest.mark.goal("XCT-09", "SEC-04")
def test_a_wrong_pin_says_what_to_do_and_keeps_the_number(node: live.Live, chromium: Browser) -> None:
    """The summary stands at the top with a link to the field, has the focus, and the service number stays typed."""
    page = live.window(chromium).new_page()
    make_this_a_seat(page, node)
    type_pin(page, pin="000000")

    expect(page.locator("#errors")).to_be_focused()
    page.locator("#errors a").click()
    expect(page.locator("#pin")).to_be_focused()
    assert (page.input_value("#service_number"), page.input_value("#pin")) == ("20417735", "")
    page.get_by_label("Show the PIN").check()
    assert page.get_attribute("#pin", "type") == "text"
    page.keyboard.type(PIN)
    page.keyboard.press("Enter")
    expect(page.locator(".top-nav strong")).to_have_text("Bekova A.")


def test_signing_in_needs_no_script(node: live.Live, chromium: Browser) -> None:
    """Without JavaScript the forms work and nothing is shown that would not."""
    page = live.window(chromium, script=False).new_page()
    make_this_a_seat(page, node)
    assert not page.get_by_text("Show the PIN").is_visible()
    page.get_by_role("link", name="change agency").click()
    page.select_option("#agency", label="Border Service")

    type_pin(page)

    expect(page.locator(".top-nav strong")).to_have_text("Bekova A.")


@pytest.mark.goal("PLY-14")
@pytest.mark.parametrize("size", ["text_size=larger", "contrast=dark", "contrast=high", "spacing=wide"])
def test_settings_lose_nothing_on_a_narrow_screen(size: str, node: live.Live, chromium: Browser) -> None:
    """With each setting the pages fit a window of 320 px: nothing is cut off at the side."""
    page = live.window(chromium, width=320, height=640).new_page()
    live.sign_in(page, node.url, "g.dosova", PASSWORD)
    for address in ("/settings", "/start", "/seats", "/settings/password", "/settings/second-factor"):
        if address == "/settings":
            page.goto(f"{node.url}/settings")
            name, value = size.split("=")
            page.check(f"input[name={name}][value={value}]")
            page.click("main .btn-main")
        page.goto(node.url + address)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, address


@pytest.mark.parametrize("state", ["plain", "wrong", "password"])
def test_everybody_can_read_and_use_the_sign_in_page(state: str, node: live.Live, chromium: Browser) -> None:
    """The sign-in pages and the staff start page pass axe."""
    page = live.window(chromium).new_page()
    make_this_a_seat(page, node)
    if state == "wrong":
        type_pin(page, pin="000000")
        page.wait_for_selector("#errors")
    elif state == "password":
        page.goto(f"{node.url}/sign-in/password")

    assert violations(page) == []


def test_everybody_can_use_settings_seats_and_the_start_page(node: live.Live, chromium: Browser) -> None:
    """The pages behind the sign-in pass axe too."""
    page = live.window(chromium).new_page()
    live.sign_in(page, node.url, "g.dosova", PASSWORD)
    found = {}
    for address in ("/start", "/settings", "/settings/password", "/settings/second-factor", "/seats"):
        page.goto(node.url + address)
        found[address] = violations(page)

    assert found == {address: [] for address in found}


def violations(page: Page) -> list[str]:
    """What axe finds wrong."""
    found: list[str] = page.evaluate(AXE.read_text(encoding="utf-8") + "; axe.run().then((all) => all.violations.map((one) => one.id))")
    return found
