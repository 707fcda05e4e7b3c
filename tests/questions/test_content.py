"""What an author may write in a question, and what he reads when it is refused."""

from __future__ import annotations

from typing import Any

import pydantic
import pytest

from app.questions import shown
from tests.questions.examples import EXAMPLES, example


def _refusals(kind: str, **changes: Any) -> list[tuple[str, str]]:
    with pytest.raises(pydantic.ValidationError) as refused:
        example(kind, **changes)
    return [(".".join(map(str, fault["loc"])), fault["msg"].removeprefix("Value error, ")) for fault in refused.value.errors()]


def _with(kind: str, part: str, number: int, **changes: Any) -> dict[str, Any]:
    items = [dict(one) for one in EXAMPLES[kind][part]]
    items[number] |= changes
    return {part: items}


def _cell(**fields: Any) -> dict[str, Any]:
    """The example of a table, its first cell written otherwise."""
    first, *rest = EXAMPLES["fill-table"]["rows"][0]["cells"]
    return _with("fill-table", "rows", 0, cells=[{"column": first["column"]} | fields, *rest])


@pytest.mark.parametrize("kind", sorted(EXAMPLES))
def test_an_unknown_key_is_named(kind: str) -> None:
    assert _refusals(kind, colour="red") == [(f"content.{kind}.colour", "Extra inputs are not permitted")]


def test_everything_that_is_wrong_is_named_at_once() -> None:
    found = _refusals("number", value="0,63", difficulty="fair", as_of="21.11.2026", id="A 1")

    assert found == [
        ("id", "«A 1» is not an id; use at most 40 of a-z, 0-9 and single hyphens"),
        ("difficulty", "Input should be 'easy', 'medium' or 'hard'"),
        ("as_of", "«21.11.2026» is not a day; write it like 2026-11-21"),
        ("content.number.value", "«0,63» is not a number; write digits with a point, like 0.63"),
    ]


@pytest.mark.parametrize(("kind", "changes", "refusal"), [
    ("single", _with("single", "options", 0, right="yes"), "exactly one option must have «right: yes», here are 2"),
    ("single", _with("single", "options", 0, id="b"), "the id «b» is given twice"),
    ("single", _with("single", "options", 1, right="true"), "Input should be 'yes' or 'no'"),
    ("single", {"options": EXAMPLES["single"]["options"][:2]}, "List should have at least 3 items after validation, not 2"),
    ("multiple", {"options": [{k: v for k, v in one.items() if k != "right"} for one in EXAMPLES["multiple"]["options"]]}, "at least one option must have «right: yes»"),
    ("number", {"tolerance": "-1"}, "a tolerance cannot be negative; 0 means exact"),
    ("matching", _with("matching", "extra", 0, id="a"), "the id «a» is given twice"),
    ("matching", _with("matching", "extra", 0, text={"en": "container floor"}), "two partners read the same in «en», so nobody can tell which is right"),
    ("ordering", _with("ordering", "items", 0, id="ask"), "the id «ask» is given twice"),
    ("hotspot", _with("hotspot", "regions", 0, cells=["D3", "G1"]), "«G1» is not a cell; write a column A-F and a row 1-3, like D3"),
    ("hotspot", _with("hotspot", "regions", 0, cells=["D3", "D3"]), "the cell D3 is given twice; each belongs to one region"),
    ("hotspot", {"image": None}, "a hotspot needs its «image»"),
    ("hotspot", {"image": {"file": "../secret.svg", "alt": {"en": "x"}}}, "«../secret.svg» is not the name of a file in media/"),
    ("true-false", {"right": "true"}, "Input should be 'yes' or 'no'"),
    ("short-text", {"accepted": []}, "List should have at least 1 item after validation, not 0"),
    ("short-text", _with("short-text", "accepted", 0, text={"en": "—"}), "the answer «—» has neither a letter nor a digit, so nothing could be compared"),
    ("short-text", _with("short-text", "accepted", 0, text={"en": "a" * 101}), "an answer has more than 100 characters; nobody can type it, make it shorter"),
    ("short-text", _with("short-text", "accepted", 0, id="b"), "the id «b» is given twice"),
    ("cloze", {"passage": {"en": "Begin at [[start]], go [[way]]; end at [[start]] and [[stop]]."}}, "the passage in «en» and the gaps do not agree about end, start, stop; write each gap once as [[id]]"),
    ("cloze", _with("cloze", "gaps", 2, fold=None), "the gap «end» needs either «options», or «accepted» and «fold»"),
    ("cloze", _with("cloze", "gaps", 0, fold="words"), "the gap «start» needs either «options», or «accepted» and «fold»"),
    ("cloze", _with("cloze", "gaps", 1, options=[{"id": "a", "text": {"en": "one"}}, {"id": "b", "text": {"en": "two"}}]), "in the gap «way» exactly one option must have «right: yes», here are 0"),
    ("fill-table", _with("fill-table", "rows", 0, cells=EXAMPLES["fill-table"]["rows"][0]["cells"][:2]), "the row «forty» must have one cell for each column, in their order: should, less, do"),
    ("fill-table", _with("fill-table", "columns", 0, id="do"), "the id «do» is given twice"),
    ("fill-table", _cell(value="1"), "the cell of column «should» needs «given», or «value» and «tolerance», or «accepted» and «fold»"),
    ("fill-table", _cell(given={"en": "1"}, value="1", tolerance="0"), "the cell of column «should» needs «given», or «value» and «tolerance», or «accepted» and «fold»"),
    ("fill-table", _cell(value="1,5", tolerance="0"), "«1,5» is not a number; write digits with a point, like 0.63"),
    ("fill-table", {"rows": [row | {"cells": [{"column": one, "given": {"en": "1"}} for one in ("should", "less", "do")]} for row in EXAMPLES["fill-table"]["rows"]]}, "no cell is to be filled; at least one needs «value» or «accepted»"),
    ("check-digit", {"steps": "some"}, "Input should be 'yes' or 'no'"),
    ("single", {"text": {"en": "  "}}, "the text is empty; fill it in or delete the language"),
    ("single", {"text": {"English": "What?"}}, "«English» is not a language tag; write en, ru, kk, prs …"),
    ("single", {"text": {"kk": "Не істейсіз?"}}, "there is no language in which all texts of this question are written"),
])
def test_a_refusal_says_what_to_do(kind: str, changes: dict[str, Any], refusal: str) -> None:
    assert [reason for _, reason in _refusals(kind, **changes)] == [refusal]


def test_a_question_not_complete_in_a_language_is_shown_whole_in_another_and_says_so() -> None:
    question = example("single", text={"en": "What first?", "kk": "Алдымен не істейсіз?"})

    page = shown.public(question, "kk", ["a", "b", "c", "d"])

    assert (page["fallback_language"], page["text"], page["options"][3]["text"]) == (
        "en", "What first?", "Send the container on and note the length in the register.",
    )


def test_feedback_not_translated_is_no_reason_to_leave_the_language() -> None:
    page = shown.review(example("single"), "ru", ["a", "b", "c", "d"])

    assert page["fallback_language"] is None
    assert page["feedback"] == "A false front wall takes 0.5 to 1 m. Measure before you break anything."
