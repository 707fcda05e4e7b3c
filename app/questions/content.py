"""A question as its author wrote it: the fields that all types share, and the content of its type."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, model_validator

from app.questions.kind import Id, Image, Order, Part, QuestionType, Response, Say, Text, Words
from app.questions.types import TYPES, AnyContent


def _day(text: str) -> str:
    try:
        date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"«{text}» is not a day; write it like 2026-11-21") from None
    return text


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
        if self.type in ("hotspot", "map-point") and self.image is None:
            raise ValueError(f"a {self.type} needs its «image»")
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

        self.shown(self.kind.shuffled(self.content, ""), {}, listen, described=True)
        return [tag for tag in self.text if all(tag in text for text in texts)]

    @property
    def images(self) -> dict[str, Image]:
        """All its pictures, by the key of the course file that names them."""
        own = {key: getattr(self.content, key) for key in type(self.content).model_fields}
        return {key: one for key, one in ({"image": self.image} | own).items() if isinstance(one, Image)}

    @property
    def harmless(self) -> bool | None:
        """Whether its pictures hold nothing to find; None when they are not searched."""
        detail = self.kind.detail(self.content, {}) if self.kind.detail else None
        return detail.harmless if detail else None

    def shown(self, order: Order, response: Response, say: Say, *, described: bool = False) -> dict[str, Any]:
        """All that a trainee may see while the attempt runs, in the language of `say`.

        `described` adds the long descriptions of pictures, for practice: they may say what is to be found.
        """
        own: dict[str, Any] = self.kind.public(self.content, order, response, say)
        pictures = {
            key: {
                "file": one.file,
                "alt": say(one.alt),
                "description": say(one.description) if described and one.description else "",
            }
            for key, one in self.images.items()
        }
        return {"id": self.id, "type": self.type, "text": say(self.text), "image": None, **pictures, **own}

    def as_written(self) -> dict[str, Any]:
        """The mapping of the course file, its keys in their one order; reading it again gives an equal question."""
        flat = self.model_dump(exclude_none=True)
        content, feedback = flat.pop("content"), flat.pop("feedback", None)
        last = {"feedback": feedback} if feedback else {}
        return {"id": flat.pop("id"), "type": content.pop("type"), **flat, **content, **last}
