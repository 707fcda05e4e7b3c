"""What the scripts of questions add, in a real browser: several questions in one document, no server behind it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from app.questions.types import TYPES
from tests.questions.examples import example

pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[1] / "vendor" / "axe.min.js"


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


@pytest.mark.goal("PLY-12")
@pytest.mark.parametrize("kind", ["single", "hotspot", "comparison", "map-point"])
def test_every_picture_is_enlarged_by_keys_and_made_small_by_esc(document: Any, kind: str) -> None:
    """A picture of any question: 100 to 400 %, moved by keys and by buttons, grid, invert and contrast, Esc."""
    image = {} if kind == "comparison" else {"image": {"file": "car.svg", "alt": {"en": "A car"}}}
    page = document(example(kind, **image))
    pane = page.locator("[data-pane]").first
    seen = "document.querySelector('[data-pane]').scrollLeft"
    bigger = page.locator("[data-zoom=in]")
    bigger.focus()
    for _ in range(4):
        page.keyboard.press("Enter")
    zoomed, before = page.locator("[data-zoomed]").inner_text(), page.evaluate(seen)
    page.get_by_role("button", name="Move right").press("Enter")
    page.wait_for_function(f"before => {seen} > before", arg=before)
    moved = page.evaluate(seen)
    pane.focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_function(f"moved => {seen} < moved", arg=moved)
    page.keyboard.press("Escape")

    assert zoomed == "400 %"
    assert page.locator("[data-zoomed]").inner_text() == "100 %"
    assert not page.get_by_role("button", name="Move right").is_visible()
    assert page.evaluate("document.activeElement.dataset.zoom") == "in"
    assert page.locator("[data-look]").evaluate_all("all => all.map(one => one.dataset.look)") == ["grid", "invert", "contrast"]


@pytest.mark.goal("PLY-12")
def test_two_documents_are_enlarged_and_moved_together(document: Any) -> None:
    """Two documents that are compared zoom and pan together, by buttons and by keys."""
    page = document(example("comparison"))
    at = "[...document.querySelectorAll('[data-pane]')].map(pane => [pane.scrollLeft, pane.scrollTop])"

    page.locator("[data-zoom=in]").click()
    page.locator("[data-zoom=in]").click()
    page.locator("[data-pane]").nth(1).evaluate("pane => pane.scrollTo(7, 5)")
    page.wait_for_function("() => document.querySelector('[data-pane]').scrollTop === 5")

    assert page.evaluate(at) == [[7, 5], [7, 5]]
    assert _fields(page) == []


@pytest.mark.goal("PLY-11")
def test_a_crosshair_points_with_arrows_and_a_name_takes_its_place(document: Any) -> None:
    """A place on a map is pointed at with the arrow keys; choosing its name instead takes the point away."""
    page = document(example("map-point"))
    page.locator("[data-crosshair]").focus()

    for key in ("ArrowRight", "ArrowRight", "Shift+ArrowDown"):
        page.keyboard.press(key)
    pointed, said = _fields(page), page.locator("[data-given]").inner_text()
    page.locator("select").select_option(label="Rear doors")
    named = [name for name, _ in _fields(page)]
    page.get_by_role("button", name="clear").click()

    assert pointed == [["q1.x", "51"], ["q1.y", "55"]]
    assert said == "51 % across, 55 % down"
    assert named == ["q1.place"]
    assert _fields(page) == []


def test_a_click_points_where_it_falls(document: Any) -> None:
    page = document(example("map-point"))
    box = page.locator("[data-crosshair]").bounding_box()

    page.locator("[data-crosshair]").click(position={"x": box["width"] / 4, "y": box["height"] / 2})

    assert [(name, round(float(value))) for name, value in _fields(page)] == [("q1.x", 25), ("q1.y", 50)]


def _steps(page: Page) -> list[str]:
    return page.locator("[data-step]:not([hidden]) legend").all_inner_texts()


@pytest.mark.goal("PLY-11")
def test_a_scenario_goes_on_without_the_server_and_keeps_what_was_chosen(document: Any) -> None:
    """The next step appears in the same document; a step that was left cannot be changed, unless the author allows it."""
    page = document(example("scenario"))
    choose = "Ask him what it is"

    page.get_by_label(choose).check()
    before = _steps(page)
    page.get_by_role("button", name="Go on").click()
    after = _steps(page)
    first = page.locator("[data-step]").first.locator("input")

    assert (before, after) == (["The driver waits beside you."], ["The driver waits beside you.", "The floor has fresh screws."])
    assert first.evaluate_all("all => all.map(one => one.disabled)").count(False) == 1
    assert len(_fields(page)) == 1
    assert page.evaluate("document.activeElement.querySelector('legend')?.textContent") == "The floor has fresh screws."


def test_where_one_may_go_back_another_choice_forgets_what_lay_behind_it(document: Any) -> None:
    page = document(example("scenario", back="yes"))
    page.get_by_label("Lead him away and call your colleague").check()
    page.get_by_role("button", name="Go on").click()
    said = page.locator(".reply:visible").all_inner_texts()
    page.get_by_label("Send the van on").check()
    page.get_by_role("button", name="Go on").click()
    ended = page.locator("[data-end]").is_visible()

    page.get_by_label("Open the floor at once, alone").check()

    assert said == ["Your colleague stays with the driver."]
    assert ended
    assert _steps(page) == ["The driver waits beside you."]
    assert len(_fields(page)) == 1


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
    page = document(*map(example, sorted(TYPES)), language=language)

    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("axe.run().then((result) => result.violations)")

    assert [(fault["id"], fault["nodes"][0]["html"]) for fault in found if fault["impact"] in ("serious", "critical")] == []
