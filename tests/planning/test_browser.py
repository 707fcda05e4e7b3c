"""The page of a session in a real browser: a trainer dragged onto a slot, and the same without a mouse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask.sessions import SecureCookieSessionInterface
from playwright.sync_api import Browser, Page, expect

from app.db import Database, take_write_lock
from app.schedule.models import Assignment
from config import Config
from tests import live
from tests.factories import make_sign_in
from tests.planning.rows import Plan

pytestmark = pytest.mark.browser

Open = Callable[..., Page]


@pytest.fixture
def page_of(own_database: Database, tmp_path: Path, browser: Browser) -> Iterator[Open]:
    """Opens the page of a drafted session with two empty slots for its planner; two trainers fit."""
    config = Config(NODE="test", INSTANCE=str(tmp_path), SECRET_KEY="k" * 40, PEPPER="p" * 40)
    config.folder.mkdir(parents=True, exist_ok=True)
    with live.serving(config, own_database) as node, ExitStack() as windows:
        with own_database.sessions(expire_on_commit=False) as db:
            take_write_lock(db)
            plan = Plan(db)
            for name in ("Karimov", "Sadykova"):
                plan.trainer(db, name)
            token = make_sign_in(db, plan.planner)
            db.commit()
            path = plan.path
        signer = SecureCookieSessionInterface().get_signing_serializer(node.app)
        assert signer

        def opened(query: str = "", *, script: bool = True) -> Page:
            window = live.window(browser, script=script)
            windows.callback(window.close)
            window.add_cookies([{"name": config.cookie, "value": signer.dumps({"_user_id": token, "_fresh": True}), "url": node.url}])
            page = window.new_page()
            page.goto(node.url + path + query)
            return page

        yield opened


@pytest.mark.goal("SCH-25")
def test_a_trainer_dragged_onto_an_empty_slot_is_looked_at_for_it(page_of: Open, own_database: Database) -> None:
    """The slot says in words what letting go will do; then the page has the buttons that assign or offer, and nothing is stored by itself."""
    page = page_of("?slot=1")
    expect(page.locator("[data-drag-hint]")).to_be_visible()
    name = page.locator(".sug a[data-trainer]", has_text="Sadykova").first
    target = page.locator("tr[data-take]", has_text="Co-trainer")

    name.hover()
    page.mouse.down()
    target.hover()
    target.hover()
    expect(target.locator("[data-says]")).to_have_text("Let go here to look at Sadykova D. for: Co-trainer")
    page.mouse.up()

    page.wait_for_url("**slot=2&trainer=*")
    expect(page.locator("#fits")).to_have_text("Co-trainer: who fits")
    expect(page.locator(".sug .on")).to_contain_text("Sadykova D.")
    expect(page.get_by_role("button", name="Assign Sadykova D.")).to_be_visible()
    with own_database.sessions() as db:
        assert db.scalar(sa.select(sa.func.count()).select_from(Assignment)) == 0


@pytest.mark.goal("SCH-25")
def test_without_script_or_mouse_links_lead_to_the_same_page(page_of: Open) -> None:
    """The slot is chosen by its link, then the trainer by his: dragging is never spoken of where it cannot be done."""
    page = page_of(script=False)
    expect(page.locator("[data-drag-hint]")).to_be_hidden()
    page.get_by_role("link", name="choose – Co-trainer").press("Enter")
    page.locator(".sug a", has_text="Sadykova").first.press("Enter")
    expect(page.get_by_role("button", name="Assign Sadykova D.")).to_be_visible()
