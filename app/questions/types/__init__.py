"""The question types that exist: one file and one row each."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from app.questions.kind import QuestionType
from app.questions.types import (
    check_digit,
    cloze,
    comparison,
    fill_table,
    free_text,
    hotspot,
    map_point,
    matching,
    multiple,
    number,
    ordering,
    scenario,
    short_text,
    single,
    true_false,
)

TYPES: dict[str, QuestionType[Any]] = {
    one.TYPE.key: one.TYPE
    for one in (
        single, multiple, number, matching, ordering, hotspot, true_false, short_text, cloze, fill_table, check_digit,
        comparison, scenario, map_point, free_text,
    )
}

AnyContent = Annotated[
    single.Content
    | multiple.Content
    | number.Content
    | matching.Content
    | ordering.Content
    | hotspot.Content
    | true_false.Content
    | short_text.Content
    | cloze.Content
    | fill_table.Content
    | check_digit.Content
    | comparison.Content
    | scenario.Content
    | map_point.Content
    | free_text.Content,
    Field(discriminator="type"),
]
