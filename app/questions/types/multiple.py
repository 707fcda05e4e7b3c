"""Multiple choice: one or more of three to five options are right."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Literal

from pydantic import field_validator

from app.questions.kind import Fields, Order, Part, QuestionType, Response, Say, at_place, mixed, only_once, part_of
from app.questions.types.single import Option, Options, rights, shown


class Content(Part):
    type: Literal["multiple"]
    options: Options
    scoring: Literal["all", "partial"]

    @field_validator("options")
    @classmethod
    def _some_right(cls, options: list[Option]) -> list[Option]:
        only_once(option.id for option in options)
        if not any(option.is_right for option in options):
            raise ValueError("at least one option must have «right: yes»")
        return options


def read(content: Content, order: Order, fields: Fields) -> Response:
    return clean(content, {"options": [at_place(order, place) for place in fields.get("options", ())]})


def clean(content: Content, response: object) -> Response:
    given = part_of(response, "options")
    known = [option.id for option in content.options if option.id in given] if isinstance(given, list) else []
    return {"options": known} if known else {}


def mark(content: Content, order: Order, response: Response) -> Fraction:
    """`all`: 1 for exactly the right options. `partial`: each right one adds its share and each wrong one takes as much, never below 0.

    The two rules are those of the course format; both are said on the page.
    """
    chosen = clean(content, response).get("options", [])
    right = right_answer(content, order)["options"]
    if content.scoring == "all":
        return Fraction(int(chosen == right))
    hits = sum(one in right for one in chosen)
    return Fraction(max(0, hits - (len(chosen) - hits)), len(right))


def right_answer(content: Content, order: Order) -> Response:
    return {"options": [option.id for option in content.options if option.is_right]}


def shuffled(content: Content, seed: str) -> list[str]:
    return mixed((option.id for option in content.options), seed)


def public(content: Content, order: Order, response: Response, say: Say) -> dict[str, Any]:
    chosen = clean(content, response).get("options", [])
    return {"options": shown(content.options, order, chosen, say), "scoring": content.scoring}


def review(content: Content, order: Order, response: Response, say: Say) -> dict[str, Any]:
    return {"right": rights(content.options, order)}


TYPE = QuestionType("multiple", 1, Content, read, clean, mark, right_answer, shuffled, public, review)
