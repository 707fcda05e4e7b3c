"""Short text: a word or a code typed by hand, compared with the allowed answers."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Literal

from app.questions.kind import Fields, Order, Part, QuestionType, Response, Say, Text, part_of
from app.questions.typed import Answers, Fold, is_accepted, kept


class Content(Part):
    type: Literal["short-text"]
    accepted: Answers
    fold: Fold
    hint: Text | None = None
    """The form that is wanted, like "two capital letters"."""


def read(content: Content, order: Order, fields: Fields) -> Response:
    return clean(content, {"text": next(iter(fields.get("text", ())), "")})


def clean(content: Content, response: object) -> Response:
    typed = kept(part_of(response, "text"))
    return {"text": typed} if typed else {}


def mark(content: Content, order: Order, response: Response) -> Fraction:
    """1 for an allowed answer in any language, else 0."""
    return Fraction(int(is_accepted(clean(content, response).get("text", ""), content.accepted, content.fold)))


def right_answer(content: Content, order: Order) -> Response:
    return {"text": kept(next(iter(content.accepted[0].text.values())))}


def shuffled(content: Content, seed: str) -> list[str]:
    return []


def public(content: Content, order: Order, response: Response, say: Say) -> dict[str, Any]:
    return {
        "value": clean(content, response).get("text", ""),
        "code": content.fold == "code",
        "hint": say(content.hint) if content.hint else "",
    }


def review(content: Content, order: Order, response: Response, say: Say) -> dict[str, Any]:
    return {"right": list(dict.fromkeys(say(answer.text) for answer in content.accepted))}


TYPE = QuestionType("short-text", 1, Content, read, clean, mark, right_answer, shuffled, public, review)
