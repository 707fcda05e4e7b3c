"""A question as its author wrote it: the fields that all types share, and the content of its type."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, model_validator

from app.questions.kind import Id, Order, Part, QuestionType, Response, Say, Text, Words
from app.questions.types import TYPES, AnyContent


def _day(text: str) -> str:
    try:
        date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"«{text}» is not a day; write it like 2026-11-21") from None
    return text


def _file(name: str) -> str:
    if "/" in name or "\\" in name or name.startswith("."):
        raise ValueError(f"«{name}» is not the name of a file in media/")
    return name


class Image(Part):
    file: Annotated[Words, AfterValidator(_file)]
    alt: Text


class Question(Part):
    """One question of docs/course-format.md. On disk the type's own fields stand flat between the shared ones."""

    id: Id
    outcome: Id
    difficulty: Literal["easy", "medium", "hard"]
    source: Words
    as_of: Annotated[str, AfterValidator(_day)]
    text: Text
    image: Image | None = None
    content: AnyContent
    feedback: Text | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_flat(cls, written: Any) -> Any:
        if not isinstance(written, dict):
            return written
        shared = cls.model_fields.keys() - {"content"}
        return {key: value for key, value in written.items() if key in shared} | {
            "content": {key: value for key, value in written.items() if key not in shared}
        }

    @model_validator(mode="after")
    def _can_be_shown(self) -> Question:
        if self.type == "hotspot" and self.image is None:
            raise ValueError("a hotspot needs its «image»")
        if not self.languages:
            raise ValueError("there is no language in which all texts of this question are written")
        return self

    @property
    def type(self) -> str:
        return self.content.type

    @property
    def kind(self) -> QuestionType[Any]:
        return TYPES[self.type]

    @property
    def languages(self) -> list[str]:
        """The languages in which a trainee can see the whole question."""
        texts: list[Mapping[str, str]] = []

        def listen(text: Mapping[str, str]) -> str:
            texts.append(text)
            return ""

        self.shown(self.kind.shuffled(self.content, ""), {}, listen)
        return [tag for tag in self.text if all(tag in text for text in texts)]

    def shown(self, order: Order, response: Response, say: Say) -> dict[str, Any]:
        """All that a trainee may see while the attempt runs, in the language of `say`."""
        image = {"file": self.image.file, "alt": say(self.image.alt)} if self.image else None
        own: dict[str, Any] = self.kind.public(self.content, order, response, say)
        return {"id": self.id, "type": self.type, "text": say(self.text), "image": image, **own}

    def as_written(self) -> dict[str, Any]:
        """The mapping of the course file, its keys in their one order; reading it again gives an equal question."""
        flat = self.model_dump(exclude_none=True)
        content, feedback = flat.pop("content"), flat.pop("feedback", None)
        last = {"feedback": feedback} if feedback else {}
        return {"id": flat.pop("id"), "type": content.pop("type"), **flat, **content, **last}
