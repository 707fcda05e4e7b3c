"""Ordering: the steps of a procedure get their numbers."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from app.questions.kind import (
    Fields,
    Id,
    Order,
    Part,
    QuestionType,
    Response,
    Say,
    Text,
    at_place,
    mixed,
    only_once,
    part_of,
    whole,
)


class Item(Part):
    id: Id
    text: Text


class Content(Part):
    type: Literal["ordering"]
    items: Annotated[list[Item], Field(min_length=3, max_length=7)]
    scoring: Literal["exact", "run"]

    @field_validator("items")
    @classmethod
    def _told_apart(cls, items: list[Item]) -> list[Item]:
        only_once(item.id for item in items)
        return items


def read(content: Content, order: Order, fields: Fields) -> Response:
    typed = {at_place(order, row): next(iter(values), None) for row, values in fields.items()}
    return clean(content, {"order": typed})


def clean(content: Content, response: object) -> Response:
    given = part_of(response, "order")
    known = {item.id: place for item in content.items if (place := whole(part_of(given, item.id))) is not None}
    return {"order": known} if known else {}


def mark(content: Content, order: Order, response: Response) -> Fraction:
    """`exact`: 1 for the whole right order. `run`: the longest run of steps that follow each other as they should, as a share of all.

    What counts is the order, not the figures: a gap in the numbers is closed. Steps with the same number follow
    nothing and are followed by nothing. A single step is no run, since every order has one.
    """
    longest = _longest_run(content, clean(content, response).get("order", {}))
    if content.scoring == "exact" or longest == 1:
        return Fraction(int(longest == len(content.items)))
    return Fraction(longest, len(content.items))


def _longest_run(content: Content, places: dict[str, int]) -> int:
    right = {item.id: number for number, item in enumerate(content.items)}
    doubled = {place for place, count in Counter(places.values()).items() if count > 1}
    longest = run = 0
    before = None
    for place, number in sorted((place, right[one]) for one, place in places.items()):
        if place in doubled:
            before = None
            continue
        run = run + 1 if before is not None and number == before + 1 else 1
        longest, before = max(longest, run), number
    return longest


def right_answer(content: Content, order: Order) -> Response:
    return {"order": {item.id: place for place, item in enumerate(content.items, 1)}}


def shuffled(content: Content, seed: str) -> list[str]:
    """Never the right order itself."""
    right = [item.id for item in content.items]
    order = mixed(right, seed)
    return order if order != right else order[::-1]


def public(content: Content, order: Order, response: Response, say: Say) -> dict[str, Any]:
    given = clean(content, response).get("order", {})
    texts = {item.id: item.text for item in content.items}
    return {
        "steps": [
            {"row": str(row), "text": say(texts[one]), "chosen": str(given.get(one, ""))}
            for row, one in enumerate(order, 1)
        ],
        "scoring": content.scoring,
    }


def review(content: Content, order: Order, response: Response, say: Say) -> dict[str, Any]:
    return {"right": [str(right_answer(content, order)["order"][one]) for one in order]}


TYPE = QuestionType("ordering", 1, Content, read, clean, mark, right_answer, shuffled, public, review)
