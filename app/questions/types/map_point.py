"""Map point: a place on a picture, named from a list or pointed at; pointing is marked by distance."""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

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

HEIGHT = Fraction(1, 2)
"""Of a picture whose width is 1: the loader takes pictures of ratio 2:1 alone."""


def _percent(text: str) -> str:
    if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,2})?", text) or Fraction(text) > 100:
        raise ValueError(f"«{text}» is no percentage; write 0 to 100, like 31.5")
    return text


def _share(text: str) -> str:
    if not re.fullmatch(r"[01](\.[0-9]{1,3})?", text) or not 0 < Fraction(text) <= 1:
        raise ValueError(f"«{text}» is no share of a point; write more than 0 and at most 1, like 0.5")
    return text


Percent = Annotated[str, AfterValidator(_percent)]


class Place(Part):
    id: Id
    name: Text
    x: Percent
    y: Percent


class Band(Part):
    """What pointing so near is worth."""

    within: Percent
    """Distance from the right place, in percent of the picture's width."""
    points: Annotated[str, AfterValidator(_share)]


class Content(Part):
    type: Literal["map-point"]
    places: Annotated[list[Place], Field(min_length=3, max_length=20)]
    right: Id
    bands: Annotated[list[Band], Field(min_length=1, max_length=5)]

    @field_validator("places")
    @classmethod
    def _told_apart(cls, places: list[Place]) -> list[Place]:
        only_once(place.id for place in places)
        for language in {tag for place in places for tag in place.name}:
            said = [place.name[language] for place in places if language in place.name]
            if len(set(said)) < len(said):
                raise ValueError(f"two places read the same in «{language}», so nobody can tell which is right")
        return places

    @field_validator("bands")
    @classmethod
    def _wider_is_worth_less(cls, bands: list[Band]) -> list[Band]:
        for near, far in pairwise(bands):
            if Fraction(far.within) <= Fraction(near.within) or Fraction(far.points) >= Fraction(near.points):
                raise ValueError("each band must reach farther than the one before it and be worth less")
        return bands

    @model_validator(mode="after")
    def _right_is_there(self) -> Content:
        if self.right not in [place.id for place in self.places]:
            raise ValueError(f"there is no place «{self.right}»; «right» is the id of one of «places»")
        return self

    @property
    def target(self) -> Place:
        """The right place."""
        return next(place for place in self.places if place.id == self.right)


def read(content: Content, order: Order, fields: Fields) -> Response:
    given = {key: next(iter(fields.get(key, ())), None) for key in ("place", "x", "y")}
    return clean(content, given | {"place": at_place(order, given["place"])})


def clean(content: Content, response: object) -> Response:
    """A name outweighs a point: without script the list alone can be changed."""
    place = part_of(response, "place")
    if place in [one.id for one in content.places]:
        return {"place": place}
    x, y = (_on_picture(part_of(response, axis)) for axis in ("x", "y"))
    return {"x": x, "y": y} if x is not None and y is not None else {}


def _on_picture(value: object) -> str | None:
    """A coordinate in its one form, "31.5" or "31"; None when it is none."""
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,6})?", value) or Fraction(value) > 100:
        return None
    tenths = round(Fraction(value) * 10)
    return f"{tenths // 10}.{tenths % 10}" if tenths % 10 else str(tenths // 10)


def mark(content: Content, order: Order, response: Response) -> Fraction:
    """Named: 1 for the right place, else 0. Pointed: what the narrowest band is worth that the point lies in."""
    given = clean(content, response)
    if "place" in given:
        return Fraction(int(given["place"] == content.right))
    if not given:
        return Fraction(0)
    target = content.target
    across = Fraction(given["x"]) - Fraction(target.x)
    down = (Fraction(given["y"]) - Fraction(target.y)) * HEIGHT
    for band in content.bands:
        if across**2 + down**2 <= Fraction(band.within) ** 2:
            return Fraction(band.points)
    return Fraction(0)


def right_answer(content: Content, order: Order) -> Response:
    return {"place": content.right}


def shuffled(content: Content, seed: str) -> list[str]:
    """Which letter stands at which place of the paper."""
    return mixed((place.id for place in content.places), seed)


def public(content: Content, order: Order, response: Response, say: Say) -> dict[str, Any]:
    given = clean(content, response)
    places = {place.id: place for place in content.places}
    return {
        "places": [
            {
                "place": str(place),
                "letter": chr(64 + place),
                "name": say(places[one].name),
                "x": places[one].x,
                "y": places[one].y,
                "chosen": given.get("place") == one,
            }
            for place, one in enumerate(order, 1)
        ],
        "x": given.get("x", ""),
        "y": given.get("y", ""),
    }


def review(content: Content, order: Order, response: Response, say: Say) -> dict[str, Any]:
    return {"right": {"name": say(content.target.name), "x": content.target.x, "y": content.target.y}}


TYPE = QuestionType("map-point", 1, Content, read, clean, mark, right_answer, shuffled, public, review)
