"""True or false: a statement to judge."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Literal

from app.questions.kind import Fields, Order, Part, QuestionType, Response, Say, YesNo, part_of

_PLACES = {"1": "yes", "2": "no"}
"""The rows of the page: true is always the first, so that the keys 1 and 2 mean the same in each question."""


class Content(Part):
    type: Literal["true-false"]
    right: YesNo


def read(content: Content, order: Order, fields: Fields) -> Response:
    return clean(content, {"true": _PLACES.get(next(iter(fields.get("true", ())), ""))})


def clean(content: Content, response: object) -> Response:
    given = part_of(response, "true")
    return {"true": given} if isinstance(given, str) and given in _PLACES.values() else {}


def mark(content: Content, order: Order, response: Response) -> Fraction:
    """1 for the right one, else 0."""
    return Fraction(int(clean(content, response) == right_answer(content, order)))


def right_answer(content: Content, order: Order) -> Response:
    return {"true": content.right}


def shuffled(content: Content, seed: str) -> list[str]:
    return []


def public(content: Content, order: Order, response: Response, say: Say) -> dict[str, Any]:
    return {"chosen": _place(clean(content, response).get("true"))}


def review(content: Content, order: Order, response: Response, say: Say) -> dict[str, Any]:
    return {"right": _place(content.right)}


def _place(given: str | None) -> str:
    return next((place for place, one in _PLACES.items() if one == given), "")


TYPE = QuestionType("true-false", 1, Content, read, clean, mark, right_answer, shuffled, public, review)
