"""Fill table: a table with cells to fill with numbers or words."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from app.questions.kind import Fields, Id, Order, Part, QuestionType, Response, Say, Text, only_once, part_of
from app.questions.typed import Answers, Fold, is_accepted, kept
from app.questions.types.number import Tolerance, Value, within


class Column(Part):
    id: Id
    text: Text


class Cell(Part):
    """Printed (`given`), a number to find (`value` and `tolerance`), or words to type (`accepted` and `fold`)."""

    column: Id
    given: Text | None = None
    value: Value | None = None
    tolerance: Tolerance | None = None
    accepted: Answers | None = None
    fold: Fold | None = None

    @model_validator(mode="after")
    def _one_meaning(self) -> Cell:
        written = self.model_fields_set - {"column"}
        if written not in ({"given"}, {"value", "tolerance"}, {"accepted", "fold"}):
            raise ValueError(
                f"the cell of column «{self.column}» needs «given», or «value» and «tolerance», or «accepted» and «fold»"
            )
        return self

    @property
    def right(self) -> Text:
        """What belongs there, in each language; a number reads the same in all."""
        return self.given or (self.accepted[0].text if self.accepted else {"en": self.value or ""})

    def takes(self, typed: str) -> bool:
        """Whether this is right here."""
        if self.accepted is not None and self.fold is not None:
            return is_accepted(typed, self.accepted, self.fold)
        return within(typed, self.value or "0", self.tolerance or "0")


class Row(Part):
    id: Id
    text: Text
    cells: list[Cell]


class Content(Part):
    type: Literal["fill-table"]
    columns: Annotated[list[Column], Field(min_length=1, max_length=5)]
    rows: Annotated[list[Row], Field(min_length=2, max_length=10)]

    @model_validator(mode="after")
    def _a_cell_for_every_column(self) -> Content:
        columns = [column.id for column in self.columns]
        only_once(columns)
        only_once(row.id for row in self.rows)
        for row in self.rows:
            if [cell.column for cell in row.cells] != columns:
                raise ValueError(
                    f"the row «{row.id}» must have one cell for each column, in their order: {', '.join(columns)}"
                )
        if not any(True for _ in self.to_fill()):
            raise ValueError("no cell is to be filled; at least one needs «value» or «accepted»")
        return self

    def to_fill(self) -> Iterator[tuple[str, str, Cell]]:
        """The cells that a trainee fills, in reading order: what the page calls it, what a response calls it, the cell."""
        for number, row in enumerate(self.rows, 1):
            for place, cell in enumerate(row.cells, 1):
                if cell.given is None:
                    yield f"{number}.{place}", f"{row.id}.{cell.column}", cell


def read(content: Content, order: Order, fields: Fields) -> Response:
    return clean(content, {"cells": {one: next(iter(fields.get(name, ())), "") for name, one, _ in content.to_fill()}})


def clean(content: Content, response: object) -> Response:
    given = part_of(response, "cells")
    filled = {one: typed for _, one, _ in content.to_fill() if (typed := kept(part_of(given, one)))}
    return {"cells": filled} if filled else {}


def mark(content: Content, order: Order, response: Response) -> Fraction:
    """The share of cells filled rightly; a wrong one costs no more than an empty one (course format: per cell to fill)."""
    given = clean(content, response).get("cells", {})
    right = [cell.takes(given.get(one, "")) for _, one, cell in content.to_fill()]
    return Fraction(sum(right), len(right))


def right_answer(content: Content, order: Order) -> Response:
    return {"cells": {one: kept(next(iter(cell.right.values()))) for _, one, cell in content.to_fill()}}


def shuffled(content: Content, seed: str) -> list[str]:
    return []


def public(content: Content, order: Order, response: Response, say: Say) -> dict[str, Any]:
    given = clean(content, response).get("cells", {})
    fields = {
        (name, cell.column): {
            "name": name,
            "number": number,
            "value": given.get(one, ""),
            "figure": cell.value is not None,
            "code": cell.fold == "code",
        }
        for number, (name, one, cell) in enumerate(content.to_fill(), 1)
    }
    return {
        "columns": [say(column.text) for column in content.columns],
        "rows": [
            {
                "text": say(row.text),
                "cells": [
                    {"given": say(cell.given)} if cell.given else fields[f"{number}.{place}", cell.column]
                    for place, cell in enumerate(row.cells, 1)
                ],
            }
            for number, row in enumerate(content.rows, 1)
        ],
        "count": len(fields),
        "typed": any(cell.accepted for _, _, cell in content.to_fill()),
    }


def review(content: Content, order: Order, response: Response, say: Say) -> dict[str, Any]:
    given = clean(content, response).get("cells", {})
    return {
        "right": [
            {
                "is_right": cell.takes(given.get(one, "")),
                "text": say(cell.right),
                "tolerance": cell.tolerance if cell.tolerance and Fraction(cell.tolerance) else "",
            }
            for _, one, cell in content.to_fill()
        ]
    }


TYPE = QuestionType("fill-table", 1, Content, read, clean, mark, right_answer, shuffled, public, review)
