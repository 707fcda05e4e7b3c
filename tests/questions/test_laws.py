"""The laws that hold for every question type; a new type is tested by them before its author writes a test."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.questions import shown
from app.questions.content import Question
from app.questions.types import TYPES, AnyContent
from tests.questions.strategies import CONTENT, form_of, junk, numbered, questions, responses, words, written

seeds = st.text("0123456789abcdef", min_size=1, max_size=8)
MADE = ("check-digit",)  # the order is not of ids: it is what was made for the attempt
FEW = settings(max_examples=12, deadline=None)


def every_type(test: Any) -> Any:
    """The law for each type, with a few examples of each: together they are many."""
    return pytest.mark.parametrize("kind", sorted(TYPES))(FEW(test))




@every_type
@given(data=st.data())
def test_the_right_answer_earns_full_marks(kind: str, data: st.DataObject) -> None:
    question = data.draw(questions(kind))

    order = shown.order_of(question, data.draw(seeds))
    right = question.kind.right_answer(question.content, order)

    assert question.kind.mark(question.content, order, right) == (0 if question.kind.by_hand else 1)  # until a trainer has marked it
    assert question.kind.answered(question.content, right)


@every_type
@given(data=st.data())
def test_no_answer_earns_nothing_and_counts_as_unanswered(kind: str, data: st.DataObject) -> None:
    question = data.draw(questions(kind))

    assert question.kind.mark(question.content, shown.order_of(question, "seed"), {}) == 0
    assert not question.kind.answered(question.content, {})


@every_type
@given(data=st.data())
def test_every_mark_lies_between_nothing_and_full(kind: str, data: st.DataObject) -> None:
    question = data.draw(questions(kind))

    mark = question.kind.mark(question.content, shown.order_of(question, "seed"), data.draw(responses(question)))

    assert 0 <= mark <= 1


@every_type
@given(data=st.data())
def test_a_response_is_kept_in_one_form_only(kind: str, data: st.DataObject) -> None:
    question = data.draw(questions(kind))
    once = question.kind.clean(question.content, data.draw(st.one_of(junk, responses(question))))

    assert question.kind.clean(question.content, once) == once
    assert json.loads(json.dumps(once)) == once


@every_type
@given(data=st.data(), response=junk)
def test_junk_never_raises_and_marks_like_what_is_left_of_it(kind: str, data: st.DataObject, response: Any) -> None:
    question = data.draw(questions(kind))

    order = shown.order_of(question, "seed")

    mark = question.kind.mark(question.content, order, response)

    assert mark == question.kind.mark(question.content, order, question.kind.clean(question.content, response))
    assert question.kind.answered(question.content, response) or mark == 0


@every_type
@given(data=st.data(), seed=seeds)
def test_what_the_page_shows_as_chosen_is_what_its_form_sends_back(kind: str, data: st.DataObject, seed: str) -> None:
    """The mark does not depend on the order in which an attempt shows things either."""
    question = data.draw(questions(kind))
    response = data.draw(responses(question))
    order = shown.order_of(question, seed)
    form = form_of(shown.public(question, "en", order, response), "q7")

    read = shown.read(question, order, [("q17.option", "1"), *form, ("q7", "1")], "q7")

    assert read == response


@every_type
@given(data=st.data(), seed=seeds, form=st.lists(st.tuples(st.sampled_from(["q.option", "q.options", "q.value", "q.cell", "q.1", "q.²", "q.true", "q.text", "q.1.1", "q.digit", "q.sum"]), words)))
def test_a_forged_form_never_raises(kind: str, data: st.DataObject, seed: str, form: list[tuple[str, str]]) -> None:
    question = data.draw(questions(kind))

    response = shown.read(question, shown.order_of(question, seed), form, "q")

    assert question.kind.clean(question.content, response) == response


@every_type
@given(data=st.data(), seed=seeds)
def test_an_order_shows_everything_once_and_is_the_same_for_the_same_seed(kind: str, data: st.DataObject, seed: str) -> None:
    question = data.draw(questions(kind))

    order = shown.order_of(question, seed)

    if kind not in MADE:
        assert sorted(order) == sorted(shown.order_of(question, seed + "x"))
    assert len(set(order)) == len(order)
    assert order == shown.order_of(Question.model_validate(question.as_written()), seed)


@pytest.mark.parametrize("kind", ["single", "multiple", "matching", "ordering", *MADE])
@given(data=st.data())
def test_attempts_see_different_orders(kind: str, data: st.DataObject) -> None:
    question = data.draw(questions(kind))

    orders = {tuple(shown.order_of(question, str(seed))) for seed in range(40)}

    assert len(orders) > 1


@every_type
@given(data=st.data(), seed=seeds)
def test_two_questions_that_differ_only_in_what_is_right_have_the_same_page(kind: str, data: st.DataObject, seed: str) -> None:
    question = data.draw(written(kind))
    order = shown.order_of(Question.model_validate(question), seed)
    twin, twin_order = _with_another_answer(question, order, data)

    page = shown.public(Question.model_validate(question), "ru", order)

    assert page == shown.public(Question.model_validate(twin), "ru", twin_order)


@every_type
@given(data=st.data(), seed=seeds)
def test_the_page_names_nothing_by_the_id_its_author_gave(kind: str, data: st.DataObject, seed: str) -> None:
    """Authors call the right one `a`, or number steps in the right order."""
    plain = data.draw(written(kind))
    renamed, names = _renamed(plain)
    order = shown.order_of(Question.model_validate(plain), seed)

    page = shown.public(Question.model_validate(plain), "kk", order)

    assert page == shown.public(Question.model_validate(renamed), "kk", [names.get(one, one) for one in order])


@every_type
@given(data=st.data())
def test_a_question_is_written_as_it_was_read(kind: str, data: st.DataObject) -> None:
    question = data.draw(written(kind))

    again = Question.model_validate(question).as_written()

    assert json.dumps(again) == json.dumps(question)


def test_every_type_has_sample_content_and_a_place_in_the_union() -> None:
    in_union = {model.__module__.rsplit(".", 1)[1].replace("_", "-") for model in AnyContent.__origin__.__args__}  # type: ignore[attr-defined]

    assert set(CONTENT) == set(TYPES) == in_union


def _renamed(plain: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The same question with other ids, and what each thing that an order may hold is called now."""
    renamed = copy.deepcopy(plain)
    names: dict[str, str] = {}
    for part in ("options", "pairs", "extra", "items", "regions", "features", "places", "steps"):
        for one in renamed[part] if isinstance(renamed.get(part), list) else ():
            names[one["id"]] = one["id"] = f"secret-{len(names)}"
    if renamed["type"] == "map-point":
        renamed["right"] = names[renamed["right"]]
    if renamed["type"] == "scenario":
        renamed["start"] = names[renamed["start"]]
        for before, step in zip(plain["steps"], renamed["steps"], strict=True):
            for option in step["options"]:
                old, new = f"{before['id']}/{option['id']}", f"{step['id']}/secret-{len(names)}"
                names |= {old: new, f"{old}/reply": f"{new}/reply"}
                option["id"] = new.partition("/")[2]
                option |= {"next": names[option["next"]]} if "next" in option else {}
    for gap in renamed.get("gaps", []):
        old, gap["id"] = gap["id"], f"secret-{len(names)}"
        renamed["passage"] = {tag: text.replace(f"[[{old}]]", f"[[{gap['id']}]]") for tag, text in renamed["passage"].items()}
        for option in gap.get("options", []):
            new = f"{gap['id']}-{len(names)}"
            names[f"{old}.{option['id']}"] = f"{gap['id']}.{new}"
            option["id"] = new
        names[old] = gap["id"]
    columns = {one["id"]: f"secret-column-{n}" for n, one in enumerate(renamed.get("columns", [])) if isinstance(one, dict)}
    for number, row in enumerate(renamed["rows"] if columns else []):
        row["id"] = f"secret-row-{number}"
        for cell in row["cells"]:
            cell["column"] = columns[cell["column"]]
    for column in renamed["columns"] if columns else []:
        column["id"] = columns[column["id"]]
    return renamed, names


def _with_another_answer(question: dict[str, Any], order: list[str], data: st.DataObject) -> tuple[dict[str, Any], list[str]]:
    """The same question with another right answer, and the order that shows it alike."""
    twin = copy.deepcopy(question) | {"feedback": {"en": "another reason", "ru": "другая причина"}, "source": "other", "outcome": "other", "difficulty": "hard"}
    match question["type"]:
        case "single" | "multiple":
            rights = data.draw(st.permutations([one.pop("right", None) for one in twin["options"]]))
            for option, right in zip(twin["options"], rights, strict=True):
                option |= {"right": right} if right else {}
        case "number":
            twin |= {"value": "4711", "tolerance": "42"}
        case "matching":
            pairs = twin["pairs"]
            moved = [one["right"] for one in pairs[1:]] + [pairs[0]["right"]]
            before = {one["id"]: number for number, one in enumerate(pairs)}
            for pair, right in zip(pairs, moved, strict=True):
                pair["right"] = right
            order = [pairs[before[one] - 1]["id"] if one in before else one for one in order]
        case "ordering":
            twin["items"] = data.draw(st.permutations(twin["items"]))
        case "hotspot":
            twin["regions"] = [{"id": "other", "name": {"ru": "тайник"}, "cells": ["B2"]}]
        case "true-false":
            twin["right"] = {"yes": "no", "no": "yes"}[twin["right"]]
        case "short-text":
            twin["accepted"] = _another_word()
        case "cloze":
            for gap in twin["gaps"]:
                rights = data.draw(st.permutations([one.pop("right", None) for one in gap.get("options", [])]))
                for option, right in zip(gap.get("options", []), rights, strict=True):
                    option |= {"right": right} if right else {}
                if "accepted" in gap:
                    gap["accepted"] = _another_word()
        case "fill-table":
            for cell in (cell for row in twin["rows"] for cell in row["cells"]):
                cell |= {"value": "4711", "tolerance": "42"} if "value" in cell else {"accepted": _another_word()} if "accepted" in cell else {}
        case "free-text":
            twin |= {"criteria": [{"id": "other", "text": numbered("looked for", 1), "points": "3"}], "example": numbered("example", 1)}
        case "check-digit":
            pass  # what is right follows from what is shown
        case "comparison":
            for feature in twin["features"]:
                feature["differs"] = data.draw(st.sampled_from(["yes", "no"]))
        case "scenario":
            for step in twin["steps"]:
                for n, option in enumerate(step["options"]):
                    option["points"] = data.draw(st.sampled_from("12345" if n == 0 else "012345"))
                    option["critical"] = data.draw(st.sampled_from(["yes", "no"])) if n else "no"
        case "map-point":
            twin |= {"right": data.draw(st.sampled_from([one["id"] for one in twin["places"]])), "bands": [{"within": "1", "points": "0.5"}]}
        case other:
            raise AssertionError(f"say how {other} gets another answer")
    return twin, order


def _another_word() -> list[dict[str, Any]]:
    return [{"id": "other", "text": {"en": "another word", "ru": "другое слово", "kk": "басқа сөз", "prs": "کلمهٔ دیگر"}}]
