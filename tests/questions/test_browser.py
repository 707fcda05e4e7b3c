"""What the scripts of questions add, in a real browser: several questions in one document, no server behind it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, sync_playwright

from app.questions import shown
from tests.questions.examples import example
from tests.questions.pages import APP, TEMPLATES, rendered

pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[1] / "vendor" / "axe.min.js"
SCRIPTS = ("page", "questions")
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'"
PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 360"><rect width="720" height="360" fill="#ddd"/></svg>'


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def document(browser: Browser) -> Iterator[Any]:
    """`document(question, …)` opens one document with these questions, named q1, q2, …"""
    page = browser.new_page(viewport={"width": 1024, "height": 768})
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)

    def open_document(*questions: Any, language: str = "en") -> Page:
        parts = []
        for number, question in enumerate(questions, 1):
            q = shown.public(question, language, shown.order_of(question, "seed"))
            parts.append(f'<div class="q"><h2 id="q{number}-text">{q["text"]}</h2>{rendered("page", q, f"q{number}")}</div>')
        direction = "rtl" if language == "prs" else "ltr"
        scripts = "".join(f'<script type="module" src="/static/js/{name}.js"></script>' for name in SCRIPTS)
        tools = TEMPLATES.get_template("questions/tools.html").render()
        html = (
            f'<!doctype html><html lang="{language}" dir="{direction}"><head><title>Questions</title>'
            f'<link rel="stylesheet" href="/static/base.css"><link rel="stylesheet" href="/static/product.css">{scripts}</head>'
            f'<body><main><h1>Questions</h1><form>{"".join(parts)}</form>{tools}</main></body></html>'
        )

        def answer(route: Route) -> None:
            path = route.request.url.removeprefix("http://class.lan")
            if path.startswith("/static/"):
                route.fulfill(path=APP / path.lstrip("/"))
            elif path.startswith("/media/"):
                route.fulfill(body=PICTURE, content_type="image/svg+xml")
            elif path == "/":
                route.fulfill(body=html, content_type="text/html; charset=utf-8", headers={"Content-Security-Policy": POLICY})
            else:
                route.fulfill(status=204)

        page.route("**/*", answer)
        page.goto("http://class.lan/")
        return page

    yield open_document
    page.close()
    assert faults == []


def _fields(page: Page) -> list[list[str]]:
    return page.evaluate("[...new FormData(document.querySelector('form'))].filter(([, value]) => value)")  # type: ignore[no-any-return]


def test_arrows_move_over_the_picture_in_two_directions(document: Any) -> None:
    page = document(example("hotspot"), example("hotspot"))
    page.locator("[name='q2.cell'][value=A1]").focus()

    for key in ("ArrowDown", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)

    assert _fields(page) == [["q2.cell", "C2"]]
    assert page.locator("[data-given]").all_inner_texts() == ["none yet", "C2"]


def test_below_the_picture_the_arrows_reach_nothing_suspicious_and_clear_takes_it_back(document: Any) -> None:
    page = document(example("hotspot"))
    page.locator("[value=B3]").focus()

    page.keyboard.press("ArrowDown")
    chosen = _fields(page)
    page.get_by_role("button", name="clear").click()

    assert (chosen, _fields(page)) == ([["q1.cell", "none"]], [])


def test_where_several_places_count_arrows_only_move_and_nothing_suspicious_excludes_marks(document: Any) -> None:
    page = document(example("hotspot", marks="several"))
    page.locator("[value=A1]").focus()

    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    marked = _fields(page)
    page.locator("[value=none]").check()

    assert marked == [["q1.cell", "A1"], ["q1.cell", "C1"]]
    assert _fields(page) == [["q1.cell", "none"]]


def test_a_picture_is_enlarged_moved_and_made_small_again_by_keys(document: Any) -> None:
    """Image items zoom from 100 to 400 %, pan by keys, and Esc makes them small again."""
    page = document(example("hotspot"))
    pic = page.locator(".hot-pic")
    page.get_by_role("button", name="Zoom in").focus()
    zooms = []

    for _ in range(5):
        zooms.append(page.locator("[data-zoomed]").inner_text())
        page.keyboard.press("Enter")
    before = pic.evaluate("pic => pic.scrollLeft")
    pic.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("before => document.querySelector('.hot-pic').scrollLeft > before", arg=before)
    page.keyboard.press("Escape")

    assert zooms == ["100 %", "150 %", "200 %", "300 %", "400 %"]
    assert page.locator("[data-zoomed]").inner_text() == "100 %"
    assert page.evaluate("document.activeElement.dataset.zoom") == "in"


def test_how_the_picture_looks_is_no_answer(document: Any) -> None:
    page = document(example("hotspot"))
    page.evaluate("window.changes = 0; document.addEventListener('change', () => { changes += 1; })")

    for look in ("Invert", "Contrast"):
        page.get_by_label(look).check()
    page.get_by_label("Grid").uncheck()

    assert page.locator(".hot-pic img").evaluate("image => getComputedStyle(image).filter") == "invert(1) contrast(1.8)"
    assert (page.evaluate("changes"), _fields(page)) == (0, [])


def test_buttons_move_a_step_write_the_numbers_and_say_where_it_is_now(document: Any) -> None:
    page = document(example("number"), example("ordering"))
    steps = page.locator("[data-step]").all_inner_texts()
    page.get_by_role("button", name=f"Up: {steps[2]}").focus()

    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")

    assert [(steps.index(text) + 1, field) for text, field in zip(page.locator("[data-step]").all_inner_texts(), _fields(page), strict=True)] == [
        (3, ["q2.3", "1"]), (1, ["q2.1", "2"]), (2, ["q2.2", "3"]), (4, ["q2.4", "4"]), (5, ["q2.5", "5"]),
    ]
    assert page.locator("[data-order-said]").inner_text() == f"{steps[2]}: now number 1 of 5"
    assert page.evaluate("document.activeElement.ariaLabel") == f"Up: {steps[2]}"


def test_numbers_chosen_by_hand_stay_as_chosen(document: Any) -> None:
    page = document(example("ordering"))

    for row, place in ((1, "2"), (2, "2"), (4, "1")):
        page.locator(f"[name='q1.{row}']").select_option(place)

    assert _fields(page) == [["q1.1", "2"], ["q1.2", "2"], ["q1.4", "1"]]


@pytest.mark.parametrize("language", ["en", "prs"])
def test_no_question_type_has_a_serious_fault_for_people_who_hear_the_page(document: Any, language: str) -> None:
    kinds = ("single", "multiple", "number", "matching", "ordering", "hotspot")
    page = document(*map(example, kinds), language=language)

    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("axe.run().then((result) => result.violations)")

    assert [(fault["id"], fault["nodes"][0]["html"]) for fault in found if fault["impact"] in ("serious", "critical")] == []
