"""The class manager's stick in a real browser: written while he watches, downloaded and compared, sent with a bar; with and without script."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from app import background, create_app
from app.ops import background as work_queue
from app.sync import stick
from tests import live
from tests.sync.test_exchange import people, walk_in
from tests.sync.test_stick_views import Site, sites, usb

__all__ = ["sites", "usb"]
pytestmark = pytest.mark.browser


@contextmanager
def working(site: Site) -> Iterator[None]:
    """The job process of a node, for the length of it."""
    over = threading.Event()
    app = create_app(site.node.config, site.node.database)

    def serve() -> None:
        with app.app_context():
            while not over.wait(0.05):
                work_queue.run_next(site.node.database, site.node.config.folder, background.KINDS)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def looking(browser: Browser, site: Site, *, script: bool = True, width: int = 1024) -> Iterator[tuple[Page, str]]:
    """Who is signed in at the site, before a real browser."""
    with live.serving(site.node.config, site.node.database) as served:
        served.app.extensions["sabaq.joined"] = True
        name = site.node.config.cookie
        kept = site.client.get_cookie(name)
        assert kept is not None
        window: BrowserContext = live.window(browser, script=script, width=width)
        window.add_cookies([{"name": name, "value": kept.value, "url": served.url}])
        try:
            yield window.new_page(), served.url
        finally:
            window.close()


@pytest.mark.goal("NET-05")
@pytest.mark.parametrize("width", [1024, 360])
def test_the_class_manager_watches_the_stick_being_written(browser: Browser, sites: tuple[Site, Site], usb: Path, width: int) -> None:
    """He presses one button and waits until the page says that it is safe to remove the stick; nothing scrolls sideways."""
    _, first = sites
    walk_in(first.node)
    with looking(browser, first, width=width) as (page, url), working(first):
        page.goto(f"{url}/exchange/stick")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.get_by_role("button", name="Write the stick").click()
        expect(page.get_by_text("It is safe to remove the stick.")).to_be_visible(timeout=20_000)
        expect(page.get_by_role("link", name="Receipt sheet")).to_be_visible()

    assert len(stick.files(usb)) == 1


@pytest.mark.goal("NET-05")
def test_the_copy_on_the_stick_in_his_pc_is_compared_byte_for_byte(browser: Browser, sites: tuple[Site, Site], tmp_path: Path) -> None:
    """The downloaded file is found right; one changed byte in it is found, too."""
    _, first = sites
    walk_in(first.node)
    with looking(browser, first) as (page, url), working(first):
        page.goto(f"{url}/exchange/stick")
        page.get_by_label("A stick in my own PC").check(force=True)
        page.get_by_role("button", name="Write the stick").click()
        page.get_by_role("link", name="To the file").click(timeout=20_000)
        with page.expect_download() as getting:
            page.get_by_role("link", name="Download ").click()
        copy = tmp_path / getting.value.suggested_filename
        getting.value.save_as(copy)
        page.set_input_files("#copied", copy)
        expect(page.get_by_text("It is safe to remove the stick.")).to_be_visible()

        data = bytearray(copy.read_bytes())
        data[len(data) // 2] ^= 1
        (tmp_path / "spoiled.sabaq").write_bytes(data)
        page.set_input_files("#copied", tmp_path / "spoiled.sabaq")
        expect(page.get_by_text("The copy is not right.")).to_be_visible()
        assert copy.name.startswith("class-1-to-centre-")


@pytest.mark.goal("NET-05", "NET-06")
@pytest.mark.parametrize("script", [True, False])
def test_a_file_from_the_stick_in_a_pc_is_sent_and_taken(browser: Browser, sites: tuple[Site, Site], tmp_path: Path, script: bool) -> None:
    """At the centre: chosen, sent (in pieces with script, whole without), looked at, taken; a line that fails once is made good."""
    centre, first = sites
    walk_in(first.node)
    made = first.node.bundle(centre.node)
    assert made.path is not None
    with looking(browser, centre, script=script) as (page, url), working(centre):
        page.goto(f"{url}/exchange/stick")
        if script:
            failed = []
            page.route("**/exchange/stick/upload?*", lambda route: (failed.append(1), route.abort()) if not failed else route.continue_())
        page.set_input_files("#file", made.path)
        page.get_by_role("button", name="Send this file").click()
        page.get_by_role("button", name="Take what is chosen").click(timeout=20_000)
        if not script:
            for _ in range(50):
                if page.get_by_role("link", name="What came of it").count():
                    break
                page.wait_for_timeout(100)
                page.reload()
        page.get_by_role("link", name="What came of it").click(timeout=20_000)
        expect(page.get_by_role("heading", name="From class-1")).to_be_visible()

    assert set(people(centre.node)) == set(people(first.node))
