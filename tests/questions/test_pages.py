"""What trainees see of a question: on the page, on paper, after release."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.questions import shown
from app.questions.types import TYPES
from tests.questions.examples import EXAMPLES, example
from tests.questions.pages import APP, Form, rendered
from tests.questions.strategies import questions, responses

TYPED = ("number", "short-text", "cloze", "fill-table", "check-digit", "free-text")  # what is typed is not offered
every_type = pytest.mark.parametrize("kind", sorted(TYPES))


def _kinds_of(folder: str) -> set[str]:
    return {path.stem for path in Path(APP, "templates", "questions", folder).glob("*.html")}


def test_every_type_has_a_page_a_paper_form_a_review_and_an_example() -> None:
    assert _kinds_of("page") == _kinds_of("print") == _kinds_of("review") == set(EXAMPLES) == set(TYPES)


@every_type
@settings(max_examples=40)
@given(data=st.data())
def test_every_type_works_as_an_ordinary_form(kind: str, data: st.DataObject) -> None:
    """Without JavaScript every question type works by ordinary forms: what the page shows is what it sends."""
    question = data.draw(questions(kind))
    response = data.draw(responses(question))
    order = shown.order_of(question, "seed")

    form = Form(rendered("page", shown.public(question, "en", order, response), "q12"))

    assert shown.read(question, order, form.fields, "q12") == response
    assert form.unlabelled == []


@every_type
def test_the_right_answer_can_be_given_on_the_page(kind: str) -> None:
    question = example(kind)
    order = shown.order_of(question, "seed")
    answered = Form(rendered("page", shown.public(question, "en", order, question.kind.right_answer(question.content, order))))
    empty = Form(rendered("page", shown.public(question, "en", order)))

    assert shown.read(question, order, empty.fields, "q1") == {}
    assert set(answered.fields) <= empty.offered or kind in TYPED
    assert {name for name, _ in answered.fields} <= {name for name, _ in empty.offered}


@every_type
def test_pages_carry_no_script_and_no_style_of_their_own(kind: str) -> None:
    question = example(kind)
    order = shown.order_of(question, "seed")
    right = question.kind.right_answer(question.content, order)
    html = rendered("page", shown.public(question, "en", order, right)) + rendered("review", shown.review(question, "en", order, right))

    assert re.findall(r"<script|<style|\sstyle=|\son[a-z]+=|javascript:", html) == []


@every_type
def test_markup_in_a_text_stays_text(kind: str) -> None:
    """Nothing that an author or a trainee types becomes part of the page."""
    sting = "<img src=x onerror=alert(1)>\"'"
    question = example(kind, text={"en": sting}, feedback={"en": sting}, **({"unit": {"en": sting}} if kind == "number" else {}))
    stung = {
        "number": {"value": sting[:40]}, "short-text": {"text": sting}, "cloze": {"gaps": {"end": sting}},
        "fill-table": {"cells": {"forty.do": sting}}, "check-digit": {"digit": sting, "steps": {"1": sting, "sum": sting}},
    }
    response = stung.get(kind, {})
    order = shown.order_of(question, "seed")

    html = rendered("page", shown.public(question, "en", order, response)) + rendered("review", shown.review(question, "en", order, response))

    assert "<img src=x" not in html


@pytest.mark.parametrize(("kind", "response", "words"), [
    ("single", {"option": "b"}, ["Right", "your answer, right"]),
    ("single", {"option": "a"}, ["Wrong", "your answer, wrong", "right answer"]),
    ("single", {}, ["No answer", "right answer"]),
    ("multiple", {"options": ["a", "b"]}, ["Partly right: 67\xa0%", "your answer, right", "right answer"]),
    ("number", {"value": "0,6"}, ["Wrong", "0,6", "0.63", "up to 0.01 more or less"]),
    ("matching", {"pairs": {"a": "a", "b": "x"}}, ["Partly right: 33\xa0%", "right:", "wrong:", "right answer: container floor", "no answer"]),
    ("ordering", {"order": {"select": 1, "watch": 3}}, ["right:", "wrong:", "no answer"]),
    ("hotspot", {"cells": ["A1"]}, ["Wrong", "false alarm", "D3, E3", "new plate with screws between the rails"]),
    ("hotspot", {"cells": ["E3"]}, ["Right", "right place"]),
    ("hotspot", {"nothing": True}, ["Wrong", "nothing suspicious"]),
    ("true-false", {"true": "yes"}, ["Right", "True", "your answer, right"]),
    ("true-false", {"true": "no"}, ["Wrong", "False", "your answer, wrong", "right answer"]),
    ("short-text", {"text": "utou"}, ["Right", "utou", "Right answers", "UTOU 123-4"]),
    ("free-text", {"text": "No zone is left out."}, ["A trainer has still to mark this answer", "No zone is left out.", "(2 points)", "The circle closes"]),
    ("free-text", {}, ["No answer"]),
    ("short-text", {}, ["No answer", "–", "UTOU"]),
    ("cloze", {"gaps": {"start": "b", "end": "Point"}}, ["Partly right: 33\xa0%", "wrong:", "boot", "right answer: left front wheel arch", "no answer", "Point"]),
    ("fill-table", {"cells": {"forty.less": "0,64", "forty.do": "c"}}, ["Partly right: 33\xa0%", "0,64", "right answer: B-2", "right answer: 0", "no answer", "12.03"]),
])
def test_a_review_says_in_words_what_was_right(kind: str, response: dict[str, object], words: list[str]) -> None:
    question = example(kind)

    html = rendered("review", shown.review(question, "en", shown.order_of(question, "seed"), response))

    assert [word for word in words if word not in html] == []
    assert "st st-" in html


@pytest.mark.parametrize(("kind", "marks"), [
    ("single", 4), ("multiple", 5), ("number", 1), ("matching", 3), ("ordering", 5), ("hotspot", 2),
    ("true-false", 2), ("short-text", 1), ("cloze", 6), ("fill-table", 3), ("check-digit", 12),
])
def test_a_paper_form_has_a_place_for_the_pen(kind: str, marks: int) -> None:
    """Boxes, a line, or the picture under its grid."""
    question = example(kind)

    html = rendered("print", shown.public(question, "en", shown.order_of(question, "seed")))

    assert html.count("<svg") == marks
    assert "<input" not in html


def test_an_order_marked_partly_is_shown_in_the_right_order() -> None:
    question = example("ordering")

    html = rendered("review", shown.review(question, "en", shown.order_of(question, "seed"), {}))

    assert re.findall(r'<th scope="row">(.*?)</th>', html) == [item["text"]["en"] for item in EXAMPLES["ordering"]["items"]]


def test_a_review_of_a_check_digit_shows_the_reckoning_of_the_attempts_own_value() -> None:
    question = example("check-digit")
    order = ["L898902C36UTO7408122F1204159ZE184226B<<<<<1"]

    html = rendered("review", shown.review(question, "en", order, {"digit": "6", "steps": {"1": "147", "2": "25", "sum": "300"}}))

    assert "L898902C3" in html
    assert [word for word in ("21 × 7", "= 24", "right answer: 316", "right:", "wrong:", "no answer", "Partly right: 55") if word not in html] == []


def test_the_composite_is_shown_in_its_whole_line_without_its_digit() -> None:
    question = example("check-digit", field="composite", steps="no")
    order = ["L898902C36UTO7408122F1204159ZE184226B<<<<<1"]

    html = rendered("page", shown.public(question, "en", order)) + rendered("print", shown.public(question, "en", order))

    assert html.count("L898902C36UTO7408122F1204159ZE184226B&lt;&lt;&lt;&lt;&lt;1") == 2
    assert html.count("<input") == 1


@pytest.mark.parametrize("kind", ["cloze", "fill-table", "check-digit"])
def test_what_a_pen_fills_in_is_numbered_on_paper(kind: str) -> None:
    """A clerk who keys in a sheet finds each box by its number."""
    question = example(kind)

    html = rendered("print", shown.public(question, "en", shown.order_of(question, "seed")))

    count = {"cloze": 3, "fill-table": 3, "check-digit": 9}[kind]
    found = re.findall(r'class="(?:gap-no num|small)">(\d+)<', html)
    assert list(dict.fromkeys(found)) == [str(n) for n in range(1, count + 1)]
