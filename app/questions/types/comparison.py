"""Comparison: a genuine and a questioned document side by side; each feature is judged the same or different."""

from __future__ import annotations

from dataclasses import asdict
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from app.questions.kind import (
    Detail,
    Fields,
    Id,
    Image,
    Order,
    Part,
    QuestionType,
    Response,
    Say,
    Text,
    YesNo,
    only_once,
    part_of,
)

JUDGEMENTS = ("same", "differs")


class Feature(Part):
    id: Id
    name: Text
    differs: YesNo | None = None
    """None is no."""


class Content(Part):
    type: Literal["comparison"]
    genuine: Image
    questioned: Image
    features: Annotated[list[Feature], Field(min_length=3, max_length=8)]

    @field_validator("features")
    @classmethod
    def _told_apart(cls, features: list[Feature]) -> list[Feature]:
        only_once(feature.id for feature in features)
        return features

    @property
    def different(self) -> list[str]:
        """The features that differ; none in a harmless pair."""
        return [feature.id for feature in self.features if feature.differs == "yes"]


def detail(content: Content, response: object) -> Detail:
    """Differences found, differences not found, features taken for different that are the same."""
    given = clean(content, response).get("features", {})
    called = {one for one, judged in given.items() if judged == "differs"}
    different = content.different
    hits = len(called.intersection(different))
    return Detail(hits, len(different) - hits, len(called.difference(different)), not different)


def read(content: Content, order: Order, fields: Fields) -> Response:
    given = {feature.id: fields.get(str(row), ()) for row, feature in enumerate(content.features, 1)}
    return clean(content, {"features": {one: next(iter(values), None) for one, values in given.items()}})


def clean(content: Content, response: object) -> Response:
    """A feature that is not judged is left out."""
    given = part_of(response, "features")
    judged = {feature.id: one for feature in content.features if (one := part_of(given, feature.id)) in JUDGEMENTS}
    return {"features": judged} if judged else {}


def mark(content: Content, order: Order, response: Response) -> Fraction:
    """Hits less false alarms, as a share of the features that differ, never below 0.

    A harmless pair earns 1 when every feature is judged and none is called different, else 0.
    """
    found = detail(content, response)
    if found.harmless:
        judged = clean(content, response).get("features", {})
        return Fraction(int(len(judged) == len(content.features) and not found.false_alarms))
    return Fraction(max(0, found.hits - found.false_alarms), found.hits + found.misses)


def right_answer(content: Content, order: Order) -> Response:
    different = content.different
    return {"features": {one.id: "differs" if one.id in different else "same" for one in content.features}}


def shuffled(content: Content, seed: str) -> list[str]:
    """Features stay in the author's order, which is that of the document from top to bottom."""
    return []


def public(content: Content, order: Order, response: Response, say: Say) -> dict[str, Any]:
    given = clean(content, response).get("features", {})
    return {
        "features": [
            {"row": str(row), "name": say(one.name), "given": given.get(one.id, "")}
            for row, one in enumerate(content.features, 1)
        ],
    }


def review(content: Content, order: Order, response: Response, say: Say) -> dict[str, Any]:
    right = right_answer(content, order)["features"]
    return {
        "right": [right[one.id] for one in content.features],
        "detail": asdict(detail(content, response)),
    }


TYPE = QuestionType("comparison", 1, Content, read, clean, mark, right_answer, shuffled, public, review, detail)
