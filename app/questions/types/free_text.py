"""Free text: an answer in whole sentences, which a trainer marks by criteria."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator

from app.questions.kind import Fields, Id, Order, Part, QuestionType, Response, Say, Text, only_once, part_of

LONGEST = 5000
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")  # a database keeps no NUL, and no keyboard types the others


def _between(least: int, most: int) -> Any:
    def check(text: str) -> str:
        if not re.fullmatch(r"[0-9]{1,4}", text) or not least <= int(text) <= most:
            raise ValueError(f"«{text}» is not a whole number from {least} to {most}")
        return text

    return AfterValidator(check)


class Criterion(Part):
    """What the trainer looks for, and its points."""

    id: Id
    text: Text
    points: Annotated[str, _between(1, 10)]


class Content(Part):
    type: Literal["free-text"]
    words: Annotated[str, _between(5, 500)]
    criteria: Annotated[list[Criterion], Field(min_length=1, max_length=6)]
    example: Text | None = None

    @field_validator("criteria")
    @classmethod
    def _apart(cls, criteria: list[Criterion]) -> list[Criterion]:
        only_once(one.id for one in criteria)
        return criteria

    @property
    def most(self) -> int:
        """Points for an answer with everything."""
        return sum(int(one.points) for one in self.criteria)


def earned(content: Content, points: Mapping[str, int]) -> Fraction:
    """0 to 1: the points that a trainer gave over those that there are."""
    return Fraction(sum(points[one.id] for one in content.criteria), content.most)


def read(content: Content, order: Order, fields: Fields) -> Response:
    return clean(content, {"text": next(iter(fields.get("text", ())), "")})


def clean(content: Content, response: object) -> Response:
    """Line ends as one sign, blanks at both ends gone, all else as typed."""
    typed = part_of(response, "text")
    if not isinstance(typed, str):
        return {}
    kept = _UNSEEN.sub("", typed.replace("\r\n", "\n").replace("\r", "\n")).encode("utf-8", "ignore").decode()
    kept = kept.strip()[:LONGEST].rstrip()
    return {"text": kept} if kept else {}


def mark(content: Content, order: Order, response: Response) -> Fraction:
    """Nothing until a trainer has marked it (`by_hand`)."""
    return Fraction(0)


def right_answer(content: Content, order: Order) -> Response:
    """The author's example; without one, what stands in its place on the sheet for trainers: the criteria."""
    texts = content.example or content.criteria[0].text
    return {"text": next(iter(texts.values()))[:LONGEST].strip()}


def shuffled(content: Content, seed: str) -> list[str]:
    return []


def public(content: Content, order: Order, response: Response, say: Say) -> dict[str, Any]:
    text = clean(content, response).get("text", "")
    return {"value": text, "words": int(content.words), "written": len(text.split()), "longest": LONGEST}


def review(content: Content, order: Order, response: Response, say: Say) -> dict[str, Any]:
    return {
        "criteria": [{"text": say(one.text), "points": int(one.points)} for one in content.criteria],
        "example": say(content.example) if content.example else "",
    }


TYPE = QuestionType("free-text", 1, Content, read, clean, mark, right_answer, shuffled, public, review, by_hand=True)
