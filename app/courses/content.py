"""A whole course as plain data: what files, editor, database and exchange all mean by it (docs/course-format.md)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, model_validator

from app.questions.content import Question
from app.questions.kind import Id, Part, Text, Words


def _day(text: str) -> str:
    try:
        date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"«{text}» is not a day; write it like 2026-11-21") from None
    return text


def _one_line(text: str) -> str:
    if "\n" in text:
        raise ValueError("this text must stand on one line")
    return text


def _like(pattern: str, kind: str) -> AfterValidator:
    """A text of a fixed shape; `kind` says what it should be and how it is written."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"«{text}» is not {kind}")
        return text

    return AfterValidator(check)


def _count(value: object) -> object:
    if isinstance(value, str):
        if not re.fullmatch(r"[0-9]{1,6}", value):
            raise ValueError(f"«{value}» is not a whole number; write it in digits")
        return int(value)
    return value


def _truth(value: object) -> object:
    if isinstance(value, str):
        if value not in ("yes", "no"):
            raise ValueError(f"«{value}» is not yes or no")
        return value == "yes"
    return value


Line = Annotated[Words, AfterValidator(_one_line)]
Day = Annotated[str, AfterValidator(_day)]
SourceKey = Annotated[str, _like(r"[A-Za-z0-9-]{1,40}", "the key of a source; use letters, digits and hyphens")]
Language = Annotated[str, _like(r"[a-z]{2,3}(-[A-Z][a-z]{3})?", "a language tag; write en, ru, kk, prs …")]
FileName = Annotated[str, _like(r"[a-z0-9-]+\.(svg|png|jpg|csv)", "a file name; use a-z, 0-9 and hyphens, and end it with .svg, .png, .jpg or .csv")]
Count = Annotated[int, BeforeValidator(_count), Field(ge=0)]
AtLeastOne = Annotated[int, BeforeValidator(_count), Field(ge=1)]
Truth = Annotated[bool, BeforeValidator(_truth)]
Hour = Annotated[str, _like(r"([01][0-9]|2[0-3]):[0-5][0-9]", "a time of day; write it like 09:00")]
Decimal = Annotated[str, _like(r"-?[0-9]+(\.[0-9]+)?", "a number; write it like 11.40")]


# ---- course.yaml ---------------------------------------------------------------------------------------------------


class Outcome(Part):
    """What a trainee can do afterwards."""

    id: Id
    text: Text


class Retest(Part):
    """What comes before one more attempt at a final test."""

    wait_hours: AtLeastOne | None = None
    remedial: Truth | None = None


class CompletionRule(Part):
    """When the course counts as passed, and which attempt counts."""

    pass_mark: Annotated[int, BeforeValidator(_count), Field(ge=1, le=100)]
    lessons: Literal["all", "none"]
    counts: Literal["first", "best", "last"] = "best"
    hours: AtLeastOne | None = None
    practicals: Literal["all", "none"] = "none"
    retest: Retest | None = None


class Value(Part):
    """A number that a practical asks for."""

    id: Id
    label: Text
    value: Decimal
    tolerance: Decimal
    unit: Text | None = None


class ChecklistItem(Part):
    """What a rater sees done or not done."""

    id: Id
    text: Text
    critical: Truth = False


class Practical(Part):
    """A task of a do lesson: values with tolerance, a file, a rater's checklist."""

    id: Id
    title: Text
    outcome: Id
    minutes: AtLeastOne
    task: Text
    data: FileName | None = None
    file: Truth = False
    values: list[Value] | None = None
    checklist: list[ChecklistItem] | None = None
    pass_share: Annotated[int, BeforeValidator(_count), Field(ge=1, le=100)]
    raters: Annotated[int, BeforeValidator(_count), Field(ge=1, le=2)] = 1

    @model_validator(mode="after")
    def _something_to_mark(self) -> Practical:
        if not self.values and not self.checklist:
            raise ValueError("a practical needs values, a checklist or both")
        return self


class TimetableItem(Part):
    """One line of a timetable."""

    ON_ONE_LINE: ClassVar[bool] = True
    kind: Literal["lesson", "quiz", "practical", "welcome", "break", "debrief", "feedback", "closing"]
    ref: Id | None = None
    minutes: AtLeastOne
    who: Literal["lead", "co", "manager"] | None = None

    @model_validator(mode="after")
    def _names_its_own(self) -> TimetableItem:
        if (self.ref is not None) != (self.kind in ("lesson", "quiz", "practical")):
            raise ValueError("a lesson, quiz or practical names itself with «ref», and nothing else does")
        if (self.who is None) != (self.kind == "break"):
            raise ValueError("everything but a break says «who»: lead, co or manager")
        return self


class TimetablePart(Part):
    """A half-day of a timetable: one meeting of a run."""

    starts: Hour
    items: Annotated[list[TimetableItem], Field(min_length=1)]

    @property
    def minutes(self) -> int:
        """How long it lasts, breaks included."""
        return sum(item.minutes for item in self.items)


class TimetableDay(Part):
    """A day of a timetable."""

    parts: Annotated[list[TimetablePart], Field(min_length=1)]


class BlueprintRow(Part):
    """How many questions of an outcome a quiz draws."""

    ON_ONE_LINE: ClassVar[bool] = True
    outcome: Id
    items: AtLeastOne


HARMLESS = 50
"""Whoever always finds something learns to find something; with half of the pictures harmless there is nothing to guess."""


class Quiz(Part):
    """A test of the course."""

    id: Id
    kind: Literal["pre-test", "practice", "post-test", "exam"]
    title: Text
    minutes: AtLeastOne | None = None
    attempts: Count
    supervised: Truth
    parallel_to: Id | None = None
    harmless: Annotated[int, BeforeValidator(_count), Field(ge=0, le=100)] | None = None
    """Percent of the pictures to search that must hold nothing to find (PLY-13); None is HARMLESS."""
    blueprint: Annotated[list[BlueprintRow], Field(min_length=1)]

    @property
    def items(self) -> int:
        """How many questions the quiz asks."""
        return sum(row.items for row in self.blueprint)

    @property
    def harmless_percent(self) -> int:
        """The share of harmless pictures that holds for it."""
        return HARMLESS if self.harmless is None else self.harmless


class ModuleHead(Part):
    """A module as course.yaml names it; its lessons and questions stand in its folder."""

    id: Id
    title: Text


class Source(Part):
    """Where facts come from."""

    id: SourceKey
    title: Line


class CourseFile(Part):
    """course.yaml, key by key."""

    id: Id
    title: Text
    summary: Text
    languages: Annotated[list[Language], Field(min_length=1)]
    partial: list[Language] | None = None
    original: Language
    level: Literal["basic", "advanced"]
    domain: Literal["land", "rail", "air", "sea", "common"]
    hours: AtLeastOne
    as_of: Day
    outcomes: Annotated[list[Outcome], Field(min_length=1)]
    completion: CompletionRule
    quizzes: list[Quiz]
    practicals: list[Practical] | None = None
    timetable: list[TimetableDay] | None = None
    modules: Annotated[list[ModuleHead], Field(min_length=1)]
    sources: list[Source]

    @property
    def all_languages(self) -> list[str]:
        """The complete languages, then the partial ones: the order in which texts are written."""
        return [*self.languages, *(self.partial or ())]


# ---- lessons and media ---------------------------------------------------------------------------------------------


class FrontMatter(Part):
    """The head of a lesson file."""

    id: Id
    title: Line
    kind: Literal["explain", "show", "do"]
    minutes: AtLeastOne
    outcomes: Annotated[list[Id], Field(min_length=1)]
    sources: list[SourceKey] | None = None
    notes: Words | None = None


class LessonText(Part):
    """A lesson in one language: Markdown with directives, and the trainer's notes."""

    title: Line
    notes: Words | None = None
    body: Words


class Lesson(Part):
    """A lesson in all its languages."""

    id: Id
    kind: Literal["explain", "show", "do"]
    minutes: AtLeastOne
    outcomes: list[Id]
    sources: list[SourceKey]
    texts: dict[Language, LessonText]


class MediaRow(Part):
    """One picture in media.yaml."""

    ON_ONE_LINE: ClassVar[bool] = True
    file: FileName
    licence: Line
    source: Line


class Picture(MediaRow):
    """A picture that is there: what it is kept under, and its size so that pages do not jump."""

    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    width: int
    height: int


class Module(ModuleHead):
    """A module with its lessons and its part of the question bank."""

    lessons: list[Lesson]
    questions: list[Annotated[Question, PlainSerializer(lambda question: question.as_written())]]


class CourseContent(Part):
    """A course, whole. A published version holds exactly this, as JSON."""

    id: Id
    title: Text
    summary: Text
    languages: list[Language]
    partial: list[Language]
    original: Language
    level: Literal["basic", "advanced"]
    domain: Literal["land", "rail", "air", "sea", "common"]
    hours: int
    as_of: Day
    outcomes: list[Outcome]
    completion: CompletionRule
    quizzes: list[Quiz]
    practicals: list[Practical] = Field(default_factory=list)
    timetable: list[TimetableDay] = Field(default_factory=list)
    modules: list[Module]
    sources: list[Source]
    media: list[Picture]

    @model_validator(mode="before")
    @classmethod
    def _languages_in_order(cls, stored: Any) -> Any:
        """A database may hand keys back in another order; the first language of a text is the course's first."""
        if not isinstance(stored, dict):
            return stored
        order = [*stored.get("languages", ()), *stored.get("partial", ())]
        return in_order(stored, order)

    @cached_property
    def all_languages(self) -> list[str]:
        return [*self.languages, *self.partial]

    @cached_property
    def lessons(self) -> list[Lesson]:
        """All lessons in the order of teaching."""
        return [lesson for module in self.modules for lesson in module.lessons]

    @cached_property
    def bank(self) -> dict[str, Question]:
        """All questions by id."""
        return {question.id: question for module in self.modules for question in module.questions}

    @cached_property
    def pictures(self) -> dict[str, Picture]:
        """The pictures by file name."""
        return {picture.file: picture for picture in self.media}

    def lesson(self, id: str) -> Lesson | None:
        """The lesson with this id."""
        return next((lesson for lesson in self.lessons if lesson.id == id), None)

    def quiz(self, id: str) -> Quiz | None:
        """The quiz with this id."""
        return next((quiz for quiz in self.quizzes if quiz.id == id), None)

    def practical(self, id: str) -> Practical | None:
        """The practical with this id."""
        return next((one for one in self.practicals if one.id == id), None)

    def language_of(self, texts: Mapping[str, Any], wanted: str) -> str:
        """The wanted language if these texts have it, else the original, else the first there is."""
        if wanted in texts:
            return wanted
        return self.original if self.original in texts else next(iter(texts))

    def say(self, text: Mapping[str, str], wanted: str) -> str:
        """A text in the wanted language, or in the one that stands in for it."""
        return text[self.language_of(text, wanted)]


def in_order(value: Any, order: list[str]) -> Any:
    """The same data with every mapping of languages in the course's order."""
    if isinstance(value, dict):
        keys = [tag for tag in order if tag in value]
        return {key: in_order(value[key], order) for key in (keys if len(keys) == len(value) else value)}
    if isinstance(value, list):
        return [in_order(item, order) for item in value]
    return value


def texts_in(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Mapping[str, str]]]:
    """Every text of a part as it is written, with the way to it. In our files only texts are mappings of words alone
    whose keys are languages."""
    if isinstance(value, dict):
        if value and all(
            isinstance(item, str) and re.fullmatch(r"[a-z]{2,3}(-[A-Z][a-z]{3})?", key) for key, item in value.items()
        ):
            yield path, value
        else:
            for key, item in value.items():
                yield from texts_in(item, (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from texts_in(item, (*path, number))
