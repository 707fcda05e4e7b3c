"""Single choice: one of three to five options is right."""

from __future__ import annotations

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
    YesNo,
    at_place,
    mixed,
    only_once,
    part_of,
)


class Option(Part):
    id: Id
    text: Text
    right: YesNo | None = None

    @property
    def is_right(self) -> bool:
        return self.right == "yes"


Options = Annotated[list[Option], Field(min_length=3, max_length=5)]


class Content(Part):
    type: Literal["single"]
    options: Options

    @field_validator("options")
    @classmethod
    def _one_right(cls, options: list[Option]) -> list[Option]:
        only_once(option.id for option in options)
        if (count := sum(option.is_right for option in options)) != 1:
            raise ValueError(f"exactly one option must have «right: yes», here are {count}")
        return options


def read(content: Content, order: Order, fields: Fields) -> Response:
    return clean(content, {"option": at_place(order, next(iter(fields.get("option", ())), None))})


def clean(content: Content, response: object) -> Response:
    given = part_of(response, "option")
    return {"option": given} if given in [option.id for option in content.options] else {}


def mark(content: Content, order: Order, response: Response) -> Fraction:
    """1 for the right option, else 0 (PLY, table of question types)."""
    return Fraction(int(clean(content, response) == right_answer(content, order)))


def right_answer(content: Content, order: Order) -> Response:
    return {"option": next(option.id for option in content.options if option.is_right)}


def shuffled(content: Content, seed: str) -> list[str]:
    return mixed((option.id for option in content.options), seed)


def public(content: Content, order: Order, response: Response, say: Say) -> dict[str, Any]:
    return {"options": shown(content.options, order, [clean(content, response).get("option")], say)}


def review(content: Content, order: Order, response: Response, say: Say) -> dict[str, Any]:
    return {"right": rights(content.options, order)}


def shown(options: list[Option], order: Order, chosen: list[Any], say: Say) -> list[dict[str, Any]]:
    """Options as the page may know them, in the attempt's order."""
    texts = {option.id: option.text for option in options}
    return [
        {"place": str(place), "letter": chr(64 + place), "text": say(texts[one]), "chosen": one in chosen}
        for place, one in enumerate(order, 1)
    ]


def rights(options: list[Option], order: Order) -> list[str]:
    """The places of the right options."""
    right = [option.id for option in options if option.is_right]
    return [str(place) for place, one in enumerate(order, 1) if one in right]


TYPE = QuestionType("single", 1, Content, read, clean, mark, right_answer, shuffled, public, review)
