"""What a question type is, and the few things that all types share."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any, Generic, Literal, TypeVar

import pydantic

Response = dict[str, Any]
"""What a trainee gave, in ids of the content, ready for JSON. `{}` is no answer."""

Order = Sequence[str]
"""What one attempt shows: the ids of a content in their order, or the value that was made for it."""

Fields = Mapping[str, Sequence[str]]
"""The fields of one question as a form sent them: name without its prefix, and the values."""

Say = Callable[[Mapping[str, str]], str]
"""Gives a text in the language of the page."""


class Part(pydantic.BaseModel):
    """A piece of a course file: text only, nothing unknown, never changed after reading."""

    model_config = pydantic.ConfigDict(strict=True, extra="forbid", frozen=True)


def _words(text: str) -> str:
    if not text.strip():
        raise ValueError("the text is empty; fill it in or delete the language")
    return text


def _language(tag: str) -> str:
    if not re.fullmatch(r"[a-z]{2,3}(-[A-Z][a-z]{3})?", tag):
        raise ValueError(f"«{tag}» is not a language tag; write en, ru, kk, prs …")
    return tag


def _id(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", text) or len(text) > 40:
        raise ValueError(f"«{text}» is not an id; use at most 40 of a-z, 0-9 and single hyphens")
    return text


Words = Annotated[str, pydantic.AfterValidator(_words)]
Text = Annotated[dict[Annotated[str, pydantic.AfterValidator(_language)], Words], pydantic.Field(min_length=1)]
Id = Annotated[str, pydantic.AfterValidator(_id)]
YesNo = Literal["yes", "no"]


def _file(name: str) -> str:
    if "/" in name or "\\" in name or name.startswith("."):
        raise ValueError(f"«{name}» is not the name of a file in media/")
    return name


class Image(Part):
    """A picture of a question."""

    file: Annotated[Words, pydantic.AfterValidator(_file)]
    alt: Text
    description: Text | None = None
    """What is in the picture at length, shown in practice alone: it may say where the thing is that is looked for."""


@dataclass(frozen=True)
class Detail:
    """What a picture that is searched is reported by, since percent correct alone would hide false alarms (PLY-13)."""

    hits: int
    misses: int
    false_alarms: int
    harmless: bool
    """Whether there was nothing to find."""


C = TypeVar("C", bound=Part)


@dataclass(frozen=True)
class QuestionType(Generic[C]):
    """One way to ask. The page never sees ids: it calls things by their place in the attempt's order, "1", "2", …"""

    key: str
    version: int
    """Of the rule that marks; stored with each mark, so that a later rule never changes an old result."""
    Content: type[C]
    read: Callable[[C, Order, Fields], Response]
    """The response that a form of the page means; junk is dropped."""
    clean: Callable[[C, object], Response]
    """Any JSON as a response of this content, in one form only; junk is dropped."""
    mark: Callable[[C, Order, Response], Fraction]
    """0 to 1; whatever the response, it never raises. The order is the attempt's: what was made for it is never taken
    from the response."""
    right_answer: Callable[[C, Order], Response]
    shuffled: Callable[[C, str], list[str]]
    """The order for one seed, the same on every machine and in every release: attempts store the seed only."""
    public: Callable[[C, Order, Response, Say], dict[str, Any]]
    """What the page of a running attempt may know: never what is right."""
    review: Callable[[C, Order, Response, Say], dict[str, Any]]
    """What is added after release: what was right."""
    detail: Callable[[C, object], Detail | None] | None = None
    """Hits and false alarms, for types with pictures to search; None where a picture is not searched."""
    by_hand: bool = False
    """A trainer marks it: until he has, an answered one has no mark and its test no score."""

    def answered(self, content: C, response: object) -> bool:
        return bool(self.clean(content, response))


def mixed(ids: Iterable[str], seed: str) -> list[str]:
    """The ids in an order that only the seed decides.

    Sorted by hash and not by `random`: its sequences are promised for no other version of Python, and a class
    server and its centre need not have the same.
    """
    return sorted(ids, key=lambda one: hashlib.sha256(f"{seed}\0{one}".encode()).digest())


def at_place(order: Order, place: object) -> str | None:
    """The id that stands at a place of the page, counted from "1"."""
    number = whole(place)
    return order[number - 1] if number is not None and number <= len(order) else None


def whole(value: object) -> int | None:
    """A place as typed, 1 to 99, also in the digits of Arabic script; None when it is none."""
    if isinstance(value, str) and re.fullmatch(r"\s*\d{1,2}\s*", value):
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 99 else None


def part_of(response: object, key: str) -> Any:
    """What stands under a key, if the response is a mapping at all."""
    return response.get(key) if isinstance(response, Mapping) else None


def only_once(ids: Iterable[str]) -> None:
    """Refuse an id that is given twice."""
    seen: set[str] = set()
    for one in ids:
        if one in seen:
            raise ValueError(f"the id «{one}» is given twice")
        seen.add(one)
