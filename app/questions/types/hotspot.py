"""Hotspot: the place in a picture, on a grid of six columns and three rows, or "nothing suspicious"."""

from __future__ import annotations

from dataclasses import asdict
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from app.questions.kind import (
    Detail,
    Fields,
    Id,
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

COLUMNS, ROWS = "ABCDEF", "123"
CELLS = [column + row for row in ROWS for column in COLUMNS]
"""Every cell of the grid in reading order, as its names are read out."""


def _cell(name: str) -> str:
    if name not in CELLS:
        raise ValueError(f"«{name}» is not a cell; write a column A-F and a row 1-3, like D3")
    return name


class Region(Part):
    id: Id
    name: Text
    cells: Annotated[list[Annotated[str, AfterValidator(_cell)]], Field(min_length=1)]


class Content(Part):
    type: Literal["hotspot"]
    columns: Literal["6"]
    rows: Literal["3"]
    marks: Literal["one", "several"]
    search: YesNo | None = None
    """«no»: the text names what is to be marked, so that it is there for sure and nobody searches."""
    regions: list[Region] | None = None
    """None or empty: a harmless picture, in which "nothing suspicious" is right."""

    @field_validator("regions")
    @classmethod
    def _apart(cls, regions: list[Region] | None) -> list[Region] | None:
        only_once(region.id for region in regions or [])
        seen: set[str] = set()
        for cell in (cell for region in regions or [] for cell in region.cells):
            if cell in seen:
                raise ValueError(f"the cell {cell} is given twice; each belongs to one region")
            seen.add(cell)
        return regions

    @model_validator(mode="after")
    def _named_things_are_there(self) -> Content:
        if self.search == "no" and not self.regions:
            raise ValueError("with «search: no» the text names what to mark, so at least one of «regions» is needed")
        return self


def counts(content: Content, response: object) -> Detail:
    """Regions found, regions not found, cells marked where nothing is. With one mark there is one thing to find."""
    cells = clean(content, response).get("cells", [])
    regions = content.regions or []
    hits = sum(any(cell in region.cells for cell in cells) for region in regions)
    wanted = min(len(regions), 1) if content.marks == "one" else len(regions)
    in_regions = [cell for region in regions for cell in region.cells]
    return Detail(hits, wanted - hits, sum(cell not in in_regions for cell in cells), not regions)


def detail(content: Content, response: object) -> Detail | None:
    """The same where the picture is searched; None where the text has named what is there."""
    return None if content.search == "no" else counts(content, response)


def read(content: Content, order: Order, fields: Fields) -> Response:
    given = list(fields.get("cell", ()))
    return clean(content, {"cells": given, "nothing": "none" in given})


def clean(content: Content, response: object) -> Response:
    """A marked cell outweighs "nothing suspicious": a form without script can send both."""
    given = part_of(response, "cells")
    cells = [cell for cell in CELLS if cell in given] if isinstance(given, list) else []
    if cells:
        return {"cells": cells[:1] if content.marks == "one" else cells}
    return {"nothing": True} if part_of(response, "nothing") is True else {}


def mark(content: Content, order: Order, response: Response) -> Fraction:
    """One mark: 1 in a region. Several: hits less false alarms, as a share of the regions, never below 0.

    A harmless picture earns 1 for "nothing suspicious" and 0 for any mark.
    """
    found = counts(content, response)
    if not content.regions:
        return Fraction(int(clean(content, response) == {"nothing": True}))
    return Fraction(max(0, found.hits - found.false_alarms), found.hits + found.misses)


def right_answer(content: Content, order: Order) -> Response:
    if not content.regions:
        return {"nothing": True}
    firsts = [region.cells[0] for region in content.regions]
    return clean(content, {"cells": firsts})


def shuffled(content: Content, seed: str) -> list[str]:
    return []


def public(content: Content, order: Order, response: Response, say: Say) -> dict[str, Any]:
    given = clean(content, response)
    return {
        "columns": list(COLUMNS),
        "rows": list(ROWS),
        "cells": [{"cell": cell, "chosen": cell in given.get("cells", [])} for cell in CELLS],
        "nothing": "nothing" in given,
        "several": content.marks == "several",
        "search": content.search != "no",
    }


def review(content: Content, order: Order, response: Response, say: Say) -> dict[str, Any]:
    return {
        "right": [{"name": say(region.name), "cells": region.cells} for region in content.regions or []],
        "detail": asdict(counts(content, response)),
    }


TYPE = QuestionType("hotspot", 1, Content, read, clean, mark, right_answer, shuffled, public, review, detail)
