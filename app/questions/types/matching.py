"""Matching: each thing on the left belongs to one partner on the right."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

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
)


class Pair(Part):
    id: Id
    left: Text
    right: Text


class Extra(Part):
    """A partner that belongs to nothing."""

    id: Id
    text: Text


class Content(Part):
    type: Literal["matching"]
    pairs: Annotated[list[Pair], Field(min_length=3, max_length=6)]
    extra: Annotated[list[Extra], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _tell_apart(self) -> Content:
        only_once([pair.id for pair in self.pairs] + [one.id for one in self.extra or []])
        for language in {tag for text in self.partners.values() for tag in text}:
            said = [text[language] for text in self.partners.values() if language in text]
            if len(set(said)) < len(said):
                raise ValueError(f"two partners read the same in «{language}», so nobody can tell which is right")
        return self

    @property
    def partners(self) -> dict[str, dict[str, str]]:
        """Everything that can stand on the right, by id; a pair's own partner has the pair's id."""
        return {pair.id: pair.right for pair in self.pairs} | {one.id: one.text for one in self.extra or []}


def read(content: Content, order: Order, fields: Fields) -> Response:
    given = {pair.id: fields.get(str(row), ()) for row, pair in enumerate(content.pairs, 1)}
    return clean(content, {"pairs": {left: at_place(order, next(iter(places), None)) for left, places in given.items()}})


def clean(content: Content, response: object) -> Response:
    given, partners = part_of(response, "pairs"), list(content.partners)
    known = {pair.id: one for pair in content.pairs if (one := part_of(given, pair.id)) in partners}
    return {"pairs": known} if known else {}


def mark(content: Content, order: Order, response: Response) -> Fraction:
    """The share of rows with the right partner; a wrong one costs no more than an empty one (course format: per pair)."""
    given = clean(content, response).get("pairs", {})
    return Fraction(sum(left == right for left, right in given.items()), len(content.pairs))


def right_answer(content: Content, order: Order) -> Response:
    return {"pairs": {pair.id: pair.id for pair in content.pairs}}


def shuffled(content: Content, seed: str) -> list[str]:
    """Partners and extras together; never the pairs' own order, which would be the answer."""
    order = mixed(content.partners, seed)
    paired = [pair.id for pair in content.pairs]
    return order if [one for one in order if one in paired] != paired else order[::-1]


def public(content: Content, order: Order, response: Response, say: Say) -> dict[str, Any]:
    given = clean(content, response).get("pairs", {})
    return {
        "rows": [
            {"row": str(row), "text": say(pair.left), "chosen": _place(order, given.get(pair.id))}
            for row, pair in enumerate(content.pairs, 1)
        ],
        "partners": [
            {"place": str(place), "letter": chr(64 + place), "text": say(content.partners[one])}
            for place, one in enumerate(order, 1)
        ],
    }


def review(content: Content, order: Order, response: Response, say: Say) -> dict[str, Any]:
    return {"right": [_place(order, pair.id) for pair in content.pairs]}


def _place(order: Order, one: str | None) -> str:
    return str(order.index(one) + 1) if one in order else ""


TYPE = QuestionType("matching", 1, Content, read, clean, mark, right_answer, shuffled, public, review)
