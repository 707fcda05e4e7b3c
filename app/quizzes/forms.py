"""The shape of what the attempt's script sends. A field that is not named here is refused, not ignored."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

import pydantic
from flask import request
from pydantic import Field

from app.errors import Invalid, say

LONGEST = 24_576
LONGEST_TEXT = 5_000  # letters of a free text; each takes up to four bytes, most two
Place = Annotated[int, Field(ge=1, le=999)]
Token = Annotated[str, Field(min_length=1, max_length=64)]


class Sent(pydantic.BaseModel):
    """What a script of ours sends as JSON."""

    model_config = pydantic.ConfigDict(strict=True, extra="forbid", frozen=True)


class Opening(Sent):
    """A tab begins to write."""


class Save(Sent):
    """One answer: the fields of its question as the form has them."""

    writer: Token
    key: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
    revision: Annotated[int, Field(ge=1, le=100_000)]
    fields: Annotated[list[tuple[Annotated[str, Field(max_length=40)], Annotated[str, Field(max_length=LONGEST_TEXT)]]], Field(max_length=60)]
    sure: Literal["guess", "fairly", "sure"] | None = None


class Beat(Sent):
    """A sign of life: where the tab is, what it has seen and flagged, by places in the test."""

    writer: Token
    at: Place
    seen: Annotated[list[Place], Field(max_length=999)]
    flagged: Annotated[list[Place], Field(max_length=999)]
    unsaved: Annotated[int, Field(ge=0, le=999)] = 0
    left: Annotated[int, Field(ge=0, le=999)] = 0  # times the page was left since the last sign of life


class Hand(Sent):
    """A hand goes up or down."""

    up: bool


S = TypeVar("S", bound=Sent)


def sent(shape: type[S]) -> S:
    """The request's body in this shape. Raises Invalid."""
    unknown = say("quiz", "The browser sent something that the server does not know. Reload the page.")
    if (request.content_length or 0) > LONGEST:
        raise Invalid(unknown)
    try:
        return shape.model_validate_json(request.get_data())
    except pydantic.ValidationError as error:
        raise Invalid(unknown) from error
