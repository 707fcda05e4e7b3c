"""Photographs of real pages from demo data: `make screenshots` writes docs/screenshots, and all sizes and languages when asked.

    python -m tests.screenshots                        the pictures of the README
    python -m tests.screenshots --all FOLDER [WORD]    every page below at 1024 and 360 px in en, ru, kk; only names with WORD
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page

from tests import live

README_HEIGHT = 1400  # a longer page is cut off: two of them stand side by side there
README = Path(__file__).parent.parent / "docs" / "screenshots"


@dataclass(frozen=True)
class Shot:
    """One picture: its name, who looks (None: nobody), where, and what to do before."""

    name: str
    who: str | None
    path: str
    before: Callable[[Page], None] | None = None
    readme: bool = False


def click(selector: str) -> Callable[[Page], None]:
    """Click on something first."""
    return lambda page: page.click(selector)


def onward(path: str) -> Callable[[Page], None]:
    """Go to a page below this one first."""

    def go(page: Page) -> None:
        page.goto(f"{page.url}/{path}")

    return go


def lesson(page: Page) -> None:
    """Begin the course and open the page with the zones of a car."""
    page.goto(page.url.split("/learn")[0] + "/learn")
    page.click("main table a")
    page.goto(f"{page.url}/passenger-car/3")


def test(page: Page) -> None:
    """Begin the pre-test, answer the first question, go to one with a picture if there is one."""
    page.click("main .btn-main")
    if page.locator("select[name=language]").count():
        page.select_option("select[name=language]", page.locator("html").get_attribute("lang"))
    page.click("main .btn-main")
    page.wait_for_load_state("networkidle")
    option = page.locator(".q:visible .choice input").first
    if option.count():
        option.check(force=True)
        page.wait_for_timeout(2500)


SHOTS = (
    Shot("signin", None, "/sign-in", readme=True),
    Shot("home", "trainee", "/", readme=True),
    Shot("course", "trainee", "/", click("main table a")),
    Shot("lesson", "trainee", "/learn", lesson, readme=True),
    Shot("test", "trainee", "/learn", test, readme=True),
    Shot("start", "manager", "/"),
    Shot("seats", "classmanager", "/seats"),
    Shot("runs", "planner", "/runs"),
    Shot("run-open", "planner", "/runs/R-2026-0008"),
    Shot("nominations", "planner", "/runs/R-2026-0010/nominations"),
    Shot("results", "manager", "/runs/R-2026-0001/results", readme=True),
    Shot("run-certificates", "registrar", "/runs/R-2026-0001/certificates"),
    Shot("people", "manager", "/people"),
    Shot("person", "manager", "/people", click("main table a")),
    Shot("offices", "manager", "/offices"),
    Shot("courses", "planner", "/courses"),
    Shot("certificates", "registrar", "/certificates"),
    Shot("certificate", "registrar", "/certificates", click("main table tbody a")),
    Shot("reports", "manager", "/reports"),
    Shot("report-progress", "manager", "/reports/progress", readme=True),
    Shot("class-day", "classmanager", "/class", readme=True),
    Shot("class-seats", "classmanager", "/class", click(".room + .small a")),
    Shot("class-papers", "classmanager", "/class", onward("papers")),
    Shot("walk-in", "classmanager", "/class", onward("walk-in")),
    Shot("room-record", "classmanager", "/class", click(".room + .small a:last-child")),
    Shot("timetable", "trainer", "/runs/R-2026-0008/timetable"),
    Shot("roll-call", "trainer", "/runs/R-2026-0008/timetable", click("main .meetings .btn")),
    Shot("attendance", "trainer", "/runs/R-2026-0008/attendance"),
    Shot("teach", "trainer", "/runs/R-2026-0008/teach"),
    Shot("debrief", "trainer", "/runs/R-2026-0008/debrief/pre"),
    Shot("practicals", "trainer", "/runs/R-2026-0008/practicals"),
    Shot("checklist", "trainer", "/runs/R-2026-0008/practicals", click("main .btn-main"), readme=True),
    Shot("paper-tests", "trainer", "/runs/R-2026-0008/paper"),
    Shot("session-report", "planner", "/runs/R-2026-0001/report"),
    Shot("planning-week", "planner", "/planning", readme=True),
    Shot("session", "planner", "/planning/sessions/S-2026-0412", readme=True),
    Shot("session-release", "planner", "/planning/sessions/S-2026-0412/release"),
    Shot("proposal", "planner", "/planning/proposal"),
    Shot("board", "planner", "/planning/board"),
    Shot("trainers", "planner", "/trainers"),
    Shot("trainer", "planner", "/trainers", click("main table tbody a")),
    Shot("teaching", "trainer", "/my/teaching"),
    Shot("calendar", "trainer", "/my/calendar"),
    Shot("exchange", "situation", "/exchange"),
    Shot("exchange-class-server", "situation", "/exchange", click("main table tbody a")),
    Shot("intake", "planner", "/exchange/intake"),
    Shot("held-entry", "planner", "/exchange/intake", click("main table tbody a")),
    Shot("doubles", "planner", "/people/doubles"),
    Shot("jobs", "admin", "/jobs"),
    Shot("settings", "trainee", "/settings"),
    Shot("not-found", "manager", "/nowhere"),
)


def main() -> None:
    """Make the node, sign in as each, and take the pictures."""
    everything = "--all" in sys.argv
    rest = [word for word in sys.argv[1:] if not word.startswith("--")]
    folder = Path(rest[0]) if everything else README
    word = rest[1] if everything and len(rest) > 1 else ""
    folder.mkdir(parents=True, exist_ok=True)
    shots = [shot for shot in SHOTS if (everything or shot.readme) and word in shot.name]
    with tempfile.TemporaryDirectory() as instance, live.serving(*live.make_node(Path(instance))) as node, live.chromium() as browser:
        number = live.trainee_number(node.config)
        for language in ("en", "ru", "kk") if everything else ("en",):
            for width, height in ((1024, 768), (360, 740)) if everything else ((1024, 768),):
                contexts = {}
                for shot in shots:
                    if shot.who not in contexts:
                        contexts[shot.who] = live.window(browser, width=width, height=height, language=language)
                        if shot.who:
                            live.sign_in(contexts[shot.who].new_page(), node.url, number if shot.who == "trainee" else shot.who)
                    page = contexts[shot.who].new_page()
                    page.goto(node.url + shot.path)
                    if shot.before:
                        shot.before(page)
                    page.wait_for_load_state("networkidle")
                    suffix = f"-{language}-{width}" if everything else ""
                    tall = int(page.evaluate("document.documentElement.scrollHeight"))
                    whole = {"x": 0, "y": 0, "width": width, "height": tall if everything else min(tall, README_HEIGHT)}
                    page.screenshot(path=folder / f"{shot.name}{suffix}.png", full_page=True, clip=whole)
                    page.close()
                for context in contexts.values():
                    context.close()


if __name__ == "__main__":
    main()
