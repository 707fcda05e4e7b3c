"""Joining in a real browser: who comes first waits and is let in, with and without script."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from flask.sessions import SecureCookieSessionInterface
from playwright.sync_api import Browser, BrowserContext, Page, expect

from app import clock
from app.db import Database, take_write_lock
from app.people.models import Person
from app.schedule import checkin
from config import Config
from tests import live
from tests.factories import make_sign_in
from tests.online import fake_bbb
from tests.online.rows import Online

pytestmark = pytest.mark.browser
AXE = Path(__file__).parents[1] / "vendor" / "axe.min.js"


@dataclass
class Hall:
    """A served node with a video server, a meeting that is held now, and browsers signed in."""

    url: str
    online: Online
    fake: fake_bbb.Fake
    tab: Callable[..., Page]


@pytest.fixture
def hall(own_database: Database, tmp_path: Path, browser: Browser) -> Iterator[Hall]:
    """The hall, two minutes after the meeting began."""
    with fake_bbb.serving() as fake, ExitStack() as windows:
        config = Config(NODE="test", INSTANCE=str(tmp_path), SECRET_KEY="k" * 40, PEPPER="p" * 40, BBB_URL=fake.url, BBB_SECRET=fake_bbb.SECRET)
        with live.serving(config, own_database) as node:
            with own_database.sessions(expire_on_commit=False) as db:
                take_write_lock(db)
                online = Online(db, allows_phones=True)
                start = clock.now() - timedelta(minutes=2)
                day = start.astimezone(ZoneInfo(online.run.zone)).date()
                online.run.starts_on = online.run.ends_on = online.meeting.day = day
                online.meeting.starts_at, online.meeting.ends_at = start, start + timedelta(hours=2)
                db.commit()

            def tab(person: Person | None, *, script: bool = True) -> Page:
                opened: BrowserContext = live.window(browser, script=script)
                windows.callback(opened.close)
                if person is not None:
                    with own_database.sessions() as db:
                        take_write_lock(db)
                        token = make_sign_in(db, person)
                        db.commit()
                    signer = SecureCookieSessionInterface().get_signing_serializer(node.app)
                    assert signer
                    cookie = signer.dumps({"_user_id": token, "_fresh": True})
                    opened.add_cookies([{"name": config.cookie, "value": cookie, "url": node.url}])
                return opened.new_page()

            yield Hall(node.url, online, fake, tab)


@pytest.mark.goal("SCH-18")
@pytest.mark.parametrize("script", [True, False])
def test_who_comes_first_is_let_in_by_himself(hall: Hall, script: bool) -> None:
    """He presses Join once. When the trainer has pressed it too, both stand in the room of the video server, without another press."""
    trainee, trainer = hall.tab(hall.online.trainees[0], script=script), hall.tab(hall.online.trainer)

    trainee.goto(hall.url + hall.online.join)
    trainee.get_by_role("button", name="Join").click()
    expect(trainee.get_by_text("Waiting for the trainer")).to_be_visible()
    trainer.goto(hall.url + hall.online.join)
    trainer.get_by_role("button", name="Begin and join").click()

    trainer.wait_for_url("**/bigbluebutton/api/join?**", timeout=15000)
    trainee.wait_for_url("**/bigbluebutton/api/join?**", timeout=15000)
    assert sorted(next(iter(hall.fake.inside.values())).values()) == ["MODERATOR", "VIEWER"]


@pytest.mark.goal("SCH-21")
def test_a_phone_checks_in_and_the_projector_shows_it(hall: Hall) -> None:
    """The code of the projector changes by itself; a phone that never signed in checks in, and the count goes up without a press."""
    projector, phone = hall.tab(hall.online.trainer), hall.tab(None, script=False)
    projector.goto(f"{hall.url}/runs/{hall.online.run.code}/meetings/{hall.online.meeting.id}/check-in")
    expect(projector.get_by_text("Checked in 0 of 2")).to_be_visible()
    expect(projector.get_by_text("Phones cannot reach 127.0.0.1")).to_be_visible()

    phone.goto(f"{hall.url}/check-in/{checkin.code_at('k' * 40, hall.online.meeting.id, clock.now())}")
    phone.get_by_label("Your service number").fill(hall.online.trainees[0].service_number)
    phone.get_by_role("button", name="I am here").click()

    expect(phone.get_by_text("You are checked in")).to_be_visible()
    expect(projector.get_by_text("Checked in 1 of 2")).to_be_visible(timeout=10000)
    expect(projector.get_by_text("Abdiev Aigerim")).to_be_visible()


def test_pages_of_joining_have_no_accessibility_faults(hall: Hall) -> None:
    """The join page, the waiting page, the projector and the phone's page, by axe."""
    base = f"/runs/{hall.online.run.code}/meetings/{hall.online.meeting.id}"
    waiting = hall.tab(hall.online.trainees[0])
    waiting.goto(hall.url + hall.online.join)
    code = f"/check-in/{checkin.code_at('k' * 40, hall.online.meeting.id, clock.now())}"
    pages = [(waiting, ""), (hall.tab(hall.online.trainer), f"{base}/check-in"), (hall.tab(hall.online.trainer), f"{base}/attendance"), (hall.tab(None), code)]
    for tab, path in pages:
        if path:
            tab.goto(hall.url + path)
        tab.evaluate(AXE.read_text(encoding="utf-8"))
        found = tab.evaluate("axe.run().then(r => r.violations.map(v => [v.id, v.nodes.map(n => n.html).slice(0, 2)]))")
        assert found == [], path


