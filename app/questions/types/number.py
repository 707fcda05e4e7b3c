"""Number: a figure typed by hand, right within a tolerance."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import AfterValidator

from app.questions.kind import Fields, Order, Part, QuestionType, Response, Say, Text, part_of

LONGEST = 40
_POINTS = str.maketrans({",": ".", "\u066b": ".", "\u2212": "-", "\u2013": "-"})
# Direction marks, which Arabic keyboards add unseen, and every kind of space between groups of digits.
_UNSEEN = re.compile(r"[\s\u200e\u200f\u061c\u2066-\u2069'’\u066c]")


def _digits(text: str) -> str:
    if not re.fullmatch(r"-?[0-9]{1,12}(\.[0-9]{1,12})?", text):
        raise ValueError(f"«{text}» is not a number; write digits with a point, like 0.63")
    return text


def _not_negative(text: str) -> str:
    if text.startswith("-"):
        raise ValueError("a tolerance cannot be negative; 0 means exact")
    return text


Value = Annotated[str, AfterValidator(_digits)]
Tolerance = Annotated[str, AfterValidator(_digits), AfterValidator(_not_negative)]


class Content(Part):
    type: Literal["number"]
    value: Value
    tolerance: Tolerance
    unit: Text | None = None


def number(typed: str) -> Fraction | None:
    """The number that a trainee typed: comma or point, any spaces, a typographic minus, digits of any script."""
    plain = _UNSEEN.sub("", typed).translate(_POINTS)
    return Fraction(plain) if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)", plain) else None


def within(typed: str, value: str, tolerance: str) -> bool:
    """Whether a typed number is the value, or off by no more than the tolerance."""
    given = number(typed)
    return given is not None and abs(given - Fraction(value)) <= Fraction(tolerance)


def read(content: Content, order: Order, fields: Fields) -> Response:
    return clean(content, {"value": next(iter(fields.get("value", ())), "")})


def clean(content: Content, response: object) -> Response:
    typed = part_of(response, "value")
    kept = typed.strip()[:LONGEST].rstrip() if isinstance(typed, str) else ""
    return {"value": kept} if kept else {}


def mark(content: Content, order: Order, response: Response) -> Fraction:
    """1 within the tolerance, its edges included, else 0. The unit may be typed behind the number."""
    typed = str(clean(content, response).get("value", ""))
    unit = next((unit for unit in (content.unit or {}).values() if typed.endswith(unit)), "")
    return Fraction(int(within(typed.removesuffix(unit), content.value, content.tolerance)))


def right_answer(content: Content, order: Order) -> Response:
    return {"value": content.value}


def shuffled(content: Content, seed: str) -> list[str]:
    return []


def public(content: Content, order: Order, response: Response, say: Say) -> dict[str, Any]:
    return {"value": clean(content, response).get("value", ""), "unit": say(content.unit) if content.unit else ""}


def review(content: Content, order: Order, response: Response, say: Say) -> dict[str, Any]:
    return {"right": content.value, "tolerance": content.tolerance if Fraction(content.tolerance) else ""}


TYPE = QuestionType("number", 1, Content, read, clean, mark, right_answer, shuffled, public, review)
