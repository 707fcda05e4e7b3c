"""The question types that exist: one file and one row each."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from app.questions.kind import QuestionType
from app.questions.types import hotspot, matching, multiple, number, ordering, single

TYPES: dict[str, QuestionType[Any]] = {
    one.TYPE.key: one.TYPE for one in (single, multiple, number, matching, ordering, hotspot)
}

AnyContent = Annotated[
    single.Content | multiple.Content | number.Content | matching.Content | ordering.Content | hotspot.Content,
    Field(discriminator="type"),
]
