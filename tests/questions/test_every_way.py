"""Every question type in every way: keyboard alone, without script, on paper and keyed in, resumed at another PC, marked
again. Each test runs for each type that exists, so that a new type without an example and a form here fails."""

from __future__ import annotations

import copy
from html.parser import HTMLParser
from typing import Any

import pytest
from playwright.sync_api import Page

from app.questions import keying, shown
from app.questions.content import Question
from app.questions.kind import Order, Response
from app.questions.types import TYPES
from tests.questions.examples import EXAMPLES, example
from tests.questions.pages import Form, give, rendered
from tests.questions.strategies import form_of

NAME, SEED = "q1", "seed"
every_type = pytest.mark.parametrize("kind", sorted(TYPES))

FREE_TEXT = {"text": "I lead the driver aside, measure, and call for help."}


def right_of(question: Question, order: Order) -> Response:
    """The right answer; for what a trainer marks, any answer."""
    if question.kind.by_hand:
        return question.kind.clean(question.content, FREE_TEXT)
    return question.kind.right_answer(question.content, order)


def fields_of(question: Question, order: Order, response: Response) -> list[tuple[str, str]]:
    """What a browser sends for a response, empty fields left out as nobody touched them."""
    return [(name, value) for name, value in form_of(shown.public(question, "en", order, response), NAME) if value]


class Reachable(HTMLParser):
    """The fields of a page that somebody without script can see and use, and what each may say."""

    VOID = frozenset({"input", "img", "br", "hr", "path", "circle", "rect"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.offered: set[tuple[str, str]] = set()
        self.typed: set[str] = set()
        self._open: list[bool] = []
        self._select = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        hidden = tag == "template" or "hidden" in given or (self._open[-1] if self._open else False)
        if tag not in self.VOID:
            self._open.append(hidden)
        name, value = given.get("name") or "", given.get("value") or ""
        if tag == "select":
            self._select = name
        if hidden or "disabled" in given:
            return
        if tag == "option":
            self.offered.add((self._select, value))
        elif tag == "textarea" or (tag == "input" and given.get("type") in (None, "text")):
            self.typed.add(name)
        elif tag == "input" and given.get("type") in ("radio", "checkbox"):
            self.offered.add((name, value))

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        pass  # drawings alone close themselves

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            self._open.pop()

    def takes(self, field: tuple[str, str]) -> bool:
        """Whether this can be given here."""
        return field in self.offered or field[0] in self.typed


@every_type
@pytest.mark.goal("PLY-07")
def test_without_script_every_type_is_answered_by_ordinary_forms(kind: str) -> None:
    """Page after page as the server sends it, only what can be seen is filled in; what comes out is the right answer."""
    question = example(kind)
    order = shown.order_of(question, SEED)
    right = right_of(question, order)
    wanted, response = fields_of(question, order, right), {}

    for _ in range(len(wanted) + 1):
        html = rendered("page", shown.public(question, "en", order, response), NAME)
        page = Reachable(html)
        kept = [field for field in Form(html).fields if field[0] not in {name for name, _ in wanted}]
        response = shown.read(question, order, [*kept, *(field for field in wanted if page.takes(field))], NAME)
        if response == right:
            break

    assert response == right


@every_type
@pytest.mark.goal("PLY-23")
def test_what_is_keyed_in_from_paper_is_what_the_screen_gives(kind: str) -> None:
    """The printed form has a place for each answer, and its answers keyed in give the response of the screen."""
    question = example(kind)
    order = shown.order_of(question, SEED)
    right = right_of(question, order)
    paper = rendered("print", shown.public(question, "en", order), NAME)

    response, faults = keying.read(question, order, keying.keyed(question, order, right))
    screen = shown.read(question, order, fields_of(question, order, right), NAME)

    assert question.kind.by_hand or (response, faults) == (screen, {})
    assert "<svg" in paper or question.kind.by_hand
    assert "<input" not in paper
    assert "<select" not in paper


@every_type
@pytest.mark.goal("PLY-11")
def test_another_pc_shows_what_was_stored(kind: str) -> None:
    """A page made anew, as another browser gets it, holds the stored answer and would send it back unchanged."""
    question = example(kind)
    order = shown.order_of(question, SEED)
    stored = right_of(question, order)

    elsewhere = Question.model_validate(question.as_written())
    page = Form(rendered("page", shown.public(elsewhere, "en", shown.order_of(elsewhere, SEED), stored), NAME))

    assert shown.read(elsewhere, shown.order_of(elsewhere, SEED), page.fields, NAME) == stored


@pytest.mark.browser
@pytest.mark.goal("PLY-11")
def test_every_type_is_answered_with_the_keyboard_alone(document: Any) -> None:
    """All types in one document: Tab, arrows, Space, Enter and letters give the right answer to each."""
    questions = [example(kind) for kind in sorted(TYPES)]
    page: Page = document(*questions)
    given, wanted = {}, {}

    for number, question in enumerate(questions, 1):
        order, name = shown.order_of(question, SEED), f"q{number}"
        wanted[question.type] = right_of(question, order)
        for field, value in form_of(shown.public(question, "en", order, wanted[question.type]), name):
            if value:
                give(page, field, value)
        sent = page.evaluate("[...new FormData(document.querySelector('form'))].map(([name, value]) => [name, String(value)])")
        given[question.type] = shown.read(question, order, [tuple(one) for one in sent], name)

    assert given == wanted


def _with_another_key(kind: str) -> Question | None:
    """The example with another key, such that what was right earns less; None where the key follows from the seed."""
    changed: dict[str, Any] = copy.deepcopy(EXAMPLES[kind])
    match kind:
        case "single" | "multiple":
            _move_right(changed["options"])
        case "number":
            changed["value"] = "4711"
        case "matching":
            changed["pairs"][0]["id"] = "new"  # another partner, which nobody has chosen yet
        case "ordering":
            changed["items"] = changed["items"][1:] + changed["items"][:1]
        case "hotspot":
            changed["regions"][0]["cells"] = ["A1"]
        case "true-false":
            changed["right"] = {"yes": "no", "no": "yes"}[changed["right"]]
        case "short-text":
            changed["accepted"] = [{"id": "other", "text": dict.fromkeys(changed["text"], "another")}]
        case "cloze":
            for gap in changed["gaps"]:
                _move_right(gap.get("options", []))
        case "fill-table":
            for cell in (cell for row in changed["rows"] for cell in row["cells"] if "value" in cell):
                cell["value"] = "4711"
        case "comparison":
            for feature in changed["features"]:
                feature["differs"] = "no" if feature.get("differs") == "yes" else "yes"
        case "scenario":
            changed["steps"][0]["options"][0]["critical"] = "yes"
        case "map-point":
            changed["right"] = "cab"
        case "check-digit" | "free-text":
            return None
        case other:
            raise AssertionError(f"say how the key of {other} is corrected")
    return example(kind, **changed)


def _move_right(options: list[dict[str, Any]]) -> None:
    rights = [one.pop("right", None) for one in options]
    for option, right in zip(options, [*rights[-1:], *rights[:-1]], strict=True):
        option |= {"right": right} if right else {}


@every_type
@pytest.mark.goal("PLY-11")
def test_the_same_answer_marked_again_earns_the_same_and_a_corrected_key_counts(kind: str) -> None:
    """A stored answer has one mark, however often it is reckoned; after a correction of the key it has that of the new one."""
    question = example(kind)
    order = shown.order_of(question, SEED)
    stored = question.kind.clean(question.content, right_of(question, order))
    corrected = _with_another_key(kind)

    marks = {question.kind.mark(question.content, order, copy.deepcopy(stored)) for _ in range(3)}

    assert len(marks) == 1
    assert question.kind.by_hand or marks == {1}
    if corrected is not None:
        assert corrected.kind.mark(corrected.content, shown.order_of(corrected, SEED), stored) < 1


def test_no_type_is_left_out_of_the_table() -> None:
    """What is tested here is every type that exists, each with an example."""
    assert set(EXAMPLES) == set(TYPES)
