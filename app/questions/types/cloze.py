"""Cloze: a passage with gaps, each filled from a list or typed."""

from __future__ import annotations

import re
from collections import Counter
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
from app.questions.typed import Answers, Fold, is_accepted, kept
from app.questions.types.single import Option

_GAP = re.compile(r"\[\[([^\[\]]*)\]\]")


class Gap(Part):
    """Chosen from `options`, or typed and compared with `accepted`."""

    id: Id
    options: Annotated[list[Option], Field(min_length=2, max_length=5)] | None = None
    accepted: Answers | None = None
    fold: Fold | None = None

    @model_validator(mode="after")
    def _one_way_to_fill_it(self) -> Gap:
        if (self.options is None) == (self.accepted is None) or (self.accepted is None) != (self.fold is None):
            raise ValueError(f"the gap «{self.id}» needs either «options», or «accepted» and «fold»")
        only_once(option.id for option in self.options or [])
        if self.options and (count := sum(option.is_right for option in self.options)) != 1:
            raise ValueError(f"in the gap «{self.id}» exactly one option must have «right: yes», here are {count}")
        return self


class Content(Part):
    type: Literal["cloze"]
    passage: Text
    gaps: Annotated[list[Gap], Field(min_length=1, max_length=8)]

    @model_validator(mode="after")
    def _each_gap_once_in_each_language(self) -> Content:
        only_once(gap.id for gap in self.gaps)
        known = Counter(gap.id for gap in self.gaps)
        for language, passage in self.passage.items():
            found = Counter(_GAP.findall(passage))
            if wrong := sorted((found - known) | (known - found)):
                raise ValueError(
                    f"the passage in «{language}» and the gaps do not agree about {', '.join(wrong)}; "
                    "write each gap once as [[id]]"
                )
        return self


def read(content: Content, order: Order, fields: Fields) -> Response:
    given: dict[str, str | None] = {}
    for number, gap in enumerate(content.gaps, 1):
        value = next(iter(fields.get(str(number), ())), "")
        given[gap.id] = at_place(_shown(gap, order), value) if gap.options else value
    return clean(content, {"gaps": given})


def clean(content: Content, response: object) -> Response:
    given = part_of(response, "gaps")
    filled = {gap.id: value for gap in content.gaps if (value := _filled(gap, part_of(given, gap.id)))}
    return {"gaps": filled} if filled else {}


def mark(content: Content, order: Order, response: Response) -> Fraction:
    """The share of gaps filled rightly; a wrong one costs no more than an empty one (course format: per gap)."""
    given = clean(content, response).get("gaps", {})
    return Fraction(sum(_is_right(gap, given.get(gap.id, "")) for gap in content.gaps), len(content.gaps))


def right_answer(content: Content, order: Order) -> Response:
    return {"gaps": {gap.id: _right(gap) for gap in content.gaps}}


def shuffled(content: Content, seed: str) -> list[str]:
    """The options of all gaps, each as its gap and itself: ids of options need to differ within one gap only."""
    return mixed((f"{gap.id}.{option.id}" for gap in content.gaps for option in gap.options or []), seed)


def public(content: Content, order: Order, response: Response, say: Say) -> dict[str, Any]:
    """The passage in pieces: words, and between them the gaps, numbered as the course file lists them.

    So a gap has the same number in every language, although the languages put their words in another order.
    """
    given = clean(content, response).get("gaps", {})
    gaps = {
        gap.id: _public(gap, str(number), order, given.get(gap.id, ""), say)
        for number, gap in enumerate(content.gaps, 1)
    }
    pieces = _GAP.split(say(content.passage))
    return {
        "pieces": [
            gaps[piece] | {"after": _sign_after(pieces[at + 1])} if at % 2 else piece.removeprefix(_sign_after(piece) if at else "")
            for at, piece in enumerate(pieces)
        ],
        "gaps": list(gaps.values()),
        "typed": any(gap.accepted for gap in content.gaps),
    }


def review(content: Content, order: Order, response: Response, say: Say) -> dict[str, Any]:
    given = clean(content, response).get("gaps", {})
    return {
        "right": [
            {"is_right": _is_right(gap, given.get(gap.id, "")), "text": say(_right_text(gap))} for gap in content.gaps
        ]
    }


def _public(gap: Gap, number: str, order: Order, given: str, say: Say) -> dict[str, Any]:
    if gap.options is None:
        return {"gap": number, "options": [], "value": given, "code": gap.fold == "code"}
    texts = {option.id: option.text for option in gap.options}
    return {
        "gap": number,
        "options": [
            {"place": str(place), "letter": chr(64 + place), "text": say(texts[one]), "chosen": one == given}
            for place, one in enumerate(_shown(gap, order), 1)
        ],
        "value": "",
        "code": False,
    }


def _sign_after(piece: str) -> str:
    """The punctuation right behind a gap, which must not begin a line."""
    found = re.match(r"[^\w\s\[(«“]*", piece)
    return found.group() if found else ""


def _shown(gap: Gap, order: Order) -> list[str]:
    """The options of one gap in the attempt's order."""
    return [one.removeprefix(f"{gap.id}.") for one in order if one.startswith(f"{gap.id}.")]


def _filled(gap: Gap, value: object) -> str:
    if gap.options is None:
        return kept(value)
    return value if isinstance(value, str) and value in [option.id for option in gap.options] else ""


def _is_right(gap: Gap, value: str) -> bool:
    if gap.accepted is not None and gap.fold is not None:
        return is_accepted(value, gap.accepted, gap.fold)
    return value == _right(gap)


def _right(gap: Gap) -> str:
    if gap.accepted is not None:
        return kept(next(iter(gap.accepted[0].text.values())))
    return next(option.id for option in gap.options or [] if option.is_right)


def _right_text(gap: Gap) -> dict[str, str]:
    if gap.accepted is not None:
        return gap.accepted[0].text
    return next(option.text for option in gap.options or [] if option.is_right)


TYPE = QuestionType("cloze", 1, Content, read, clean, mark, right_answer, shuffled, public, review)
