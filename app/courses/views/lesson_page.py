"""A page of a lesson ready for its template: shared by the player, the handout and the staff's preview."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from flask import request, session, url_for

from app.courses import markdown
from app.courses.content import CourseContent, Lesson, Module
from app.i18n import LANGUAGES, language


@dataclass(frozen=True)
class Tongue:
    """A language in which a course can be read."""

    tag: str

    @property
    def name(self) -> str:
        """Its name in itself; its tag for one that the interface does not speak."""
        return LANGUAGES[self.tag].name if self.tag in LANGUAGES else self.tag

    @property
    def rtl(self) -> bool:
        """Whether it is written from the right."""
        return self.tag in LANGUAGES and LANGUAGES[self.tag].rtl


@dataclass(frozen=True)
class ShownLesson:
    """A lesson in the language wanted, or in the one that stands in for it."""

    content: CourseContent
    lesson: Lesson
    wanted: str

    @cached_property
    def tongue(self) -> Tongue:
        """The language that is shown."""
        return Tongue(self.content.language_of(self.lesson.texts, self.wanted))

    @property
    def stands_in(self) -> bool:
        """Whether the lesson is missing in the wanted language."""
        return self.tongue.tag != self.wanted

    @property
    def title(self) -> str:
        """The lesson's title."""
        return self.lesson.texts[self.tongue.tag].title

    @property
    def notes(self) -> str:
        """The trainer's notes."""
        return self.lesson.texts[self.tongue.tag].notes or ""

    @cached_property
    def pages(self) -> tuple[markdown.Page, ...]:
        """Its pages."""
        return markdown.pages(self.lesson.texts[self.tongue.tag].body)

    @property
    def number(self) -> int:
        """Its place in the course, from 1."""
        return self.content.lessons.index(self.lesson) + 1

    @property
    def module(self) -> Module:
        """The module it is in."""
        return next(module for module in self.content.modules if self.lesson in module.lessons)

    def figures_before(self, page: int) -> int:
        """How many figures stand on the pages before this one: figures are numbered through the lesson."""
        return sum(block.shape == "figure" for one in self.pages[: page - 1] for block in one.blocks)


def wanted_language(content: CourseContent, *others: str) -> str:
    """The language in which this browser reads courses: chosen on a course page, else that of the interface, else `others`."""
    chosen = request.args.get("language")
    if chosen in content.all_languages:
        session["course_language"] = chosen  # where a reader is, not what he has done: kept by the browser
    for tag in (session.get("course_language"), language(), *others):
        if tag in content.all_languages:
            return str(tag)
    return content.original


def tongues(content: CourseContent) -> list[Tongue]:
    """The languages to choose from."""
    return [Tongue(tag) for tag in content.all_languages]


def media_of(version_id: uuid.UUID) -> Callable[[str], str]:
    """Gives the address of a picture of this version."""
    return lambda file: url_for("courses.media", version_id=version_id, file=file)


def checks_given(args: Mapping[str, str]) -> dict[int, int | None]:
    """The self-check that the address answers, by its number on the page: the choice, or None for none chosen."""
    number, choice = args.get("check", ""), args.get("choice", "")
    if not number.isascii() or not number.isdigit() or len(number) > 3:
        return {}
    return {int(number): int(choice) if choice.isascii() and choice.isdigit() and len(choice) < 4 else None}


def for_template(content: CourseContent, version_id: uuid.UUID) -> dict[str, Any]:
    """What the macros of courses/blocks.html need."""
    return {
        "content": content,
        "as_of": date.fromisoformat(content.as_of),
        "media": media_of(version_id),
        "html": markdown.html,
        "inline": markdown.inline,
        "pictures": content.pictures,
    }
