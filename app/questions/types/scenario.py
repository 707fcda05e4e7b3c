"""Scenario: a situation in steps; what is chosen decides what comes next, and a critical choice fails it all."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from app.questions.kind import (
    Fields,
    Id,
    Order,
    Part,
    QuestionType,
    Response,
    Say,
    Text,
    YesNo,
    at_place,
    mixed,
    only_once,
    part_of,
)


def _points(text: str) -> str:
    if text not in ("0", "1", "2", "3", "4", "5"):
        raise ValueError(f"«{text}» is not a number of points; write 0 to 5")
    return text


class Option(Part):
    id: Id
    text: Text
    next: Id | None = None
    """The step it leads to; without one it ends the scenario."""
    points: Annotated[str, AfterValidator(_points)] | None = None
    critical: YesNo | None = None
    reply: Text | None = None
    """What happens then."""

    @property
    def worth(self) -> int:
        """Its points."""
        return int(self.points or "0")

    @property
    def is_critical(self) -> bool:
        """Whether it fails the whole."""
        return self.critical == "yes"


class Step(Part):
    id: Id
    text: Text
    options: Annotated[list[Option], Field(min_length=2, max_length=4)]

    @field_validator("options")
    @classmethod
    def _told_apart(cls, options: list[Option]) -> list[Option]:
        only_once(option.id for option in options)
        return options

    def option(self, id: object) -> Option | None:
        """The option with this id."""
        return next((option for option in self.options if option.id == id), None)


class Content(Part):
    type: Literal["scenario"]
    start: Id
    back: YesNo | None = None
    """Whether a step can be changed before the end."""
    steps: Annotated[list[Step], Field(min_length=2, max_length=12)]

    @model_validator(mode="after")
    def _leads_on(self) -> Content:
        only_once(step.id for step in self.steps)
        steps = self.by_id
        if self.start not in steps:
            raise ValueError(f"there is no step «{self.start}»; «start» is the id of one of «steps»")
        for step in self.steps:
            for option in step.options:
                if option.next is not None and option.next not in steps:
                    raise ValueError(f"the step «{step.id}» leads to «{option.next}», which is not there")
        reached: set[str] = set()
        self._reach(self.start, (), reached)
        if lost := [step.id for step in self.steps if step.id not in reached]:
            raise ValueError(f"no way leads to the step «{lost[0]}»; lead an option to it or delete it")
        if not self.best.points:
            raise ValueError("no way to an end earns a point without a critical choice; give the right options points")
        return self

    def _reach(self, step: str, way: tuple[str, ...], reached: set[str]) -> None:
        if step in way:
            raise ValueError(f"a way leads back to the step «{step}»; lead every option on to a later step or to the end")
        if step in reached:
            return
        for option in self.by_id[step].options:
            if option.next is not None:
                self._reach(option.next, (*way, step), reached)
        reached.add(step)

    @property
    def by_id(self) -> dict[str, Step]:
        """The steps by id."""
        return {step.id: step for step in self.steps}

    @property
    def best(self) -> _Way:
        """The way to an end with the most points and no critical choice; of several the first."""
        return self._best_from(self.start, {}) or _Way({}, 0)

    def _best_from(self, step: str, known: dict[str, _Way | None]) -> _Way | None:
        if step not in known:
            ways = []
            for option in self.by_id[step].options:
                rest = self._best_from(option.next, known) if option.next is not None else _Way({}, 0)
                if rest is not None and not option.is_critical:
                    ways.append(_Way({step: option.id} | rest.choices, option.worth + rest.points))
            known[step] = max(ways, key=lambda way: way.points, default=None)
        return known[step]


class _Way:
    """What is chosen at each step from the start on, and its points."""

    def __init__(self, choices: dict[str, str], points: int) -> None:
        self.choices = choices
        self.points = points


def _taken(content: Content, response: object) -> Iterator[tuple[Step, Option]]:
    """The steps of the way that a response takes, as far as it goes, with what was chosen."""
    given, steps = part_of(response, "way"), content.by_id
    here: str | None = content.start
    while here is not None and (option := steps[here].option(part_of(given, here))) is not None:
        yield steps[here], option
        here = option.next


def read(content: Content, order: Order, fields: Fields) -> Response:
    """Field `3` is the paragraph 3, its value the place of the option in it. What lies off the way is dropped."""
    given: dict[str, str] = {}
    for place, values in fields.items():
        step = content.by_id.get(at_place(order, place) or "")
        if step is not None:
            chosen = at_place(_options(step, order), next(iter(values), None))
            given[step.id] = (chosen or "").rpartition("/")[2]
    return clean(content, {"way": given})


def clean(content: Content, response: object) -> Response:
    way = {step.id: option.id for step, option in _taken(content, response)}
    return {"way": way} if way else {}


def mark(content: Content, order: Order, response: Response) -> Fraction:
    """The points of the way taken, over those of the best way; 0 after a critical choice.

    A way that stops before an end has the points of the steps that were taken.
    """
    taken = [option for _, option in _taken(content, response)]
    if any(option.is_critical for option in taken):
        return Fraction(0)
    return min(Fraction(1), Fraction(sum(option.worth for option in taken), content.best.points))


def right_answer(content: Content, order: Order) -> Response:
    return {"way": content.best.choices}


def shuffled(content: Content, seed: str) -> list[str]:
    """Numbered paragraphs, the start first: steps, and what happens after a choice («step/option/reply»); then all
    options («step/option»). The numbers tell nothing of the way."""
    options = [(step, option) for step in content.steps for option in step.options]
    later = [step.id for step in content.steps if step.id != content.start]
    replies = [f"{step.id}/{option.id}/reply" for step, option in options if option.reply]
    paragraphs = mixed(later + replies, seed)
    return [content.start, *paragraphs, *mixed((f"{step.id}/{option.id}" for step, option in options), seed)]


def public(content: Content, order: Order, response: Response, say: Say) -> dict[str, Any]:
    """Steps with the way taken first, as far as it goes and one more, then all others, which are not shown yet.

    `goes_to` is the paragraph of the step that follows, 0 for the end; on paper what happens then comes between.
    """
    taken = {step.id: option.id for step, option in _taken(content, response)}
    numbers = {one: place for place, one in enumerate(order, 1)}
    last = list(_taken(content, response))[-1:]
    following = last[0][1].next if last else content.start
    way = [*taken, *([following] if following else [])]
    places = [one for one in order if one in content.by_id]
    steps = []
    for one in [*way, *(one for one in places if one not in way)]:
        step = content.by_id[one]
        options = []
        for place, full in enumerate(_options(step, order), 1):
            option = step.option(full.rpartition("/")[2])
            if option is None:
                continue
            options.append(
                {
                    "place": str(place),
                    "letter": chr(64 + place),
                    "text": say(option.text),
                    "reply": say(option.reply) if option.reply else "",
                    "goes_to": numbers[option.next] if option.next else 0,
                    "paper_to": numbers[f"{full}/reply"] if option.reply else numbers.get(option.next or "", 0),
                    "chosen": taken.get(one) == option.id,
                }
            )
        steps.append(
            {"paragraph": numbers[one], "text": say(step.text), "shown": one in way, "taken": one in taken, "options": options}
        )
    return {
        "steps": steps,
        "replies": [
            {"paragraph": numbers[f"{step.id}/{option.id}/reply"], "text": say(option.reply), "paper_to": numbers.get(option.next or "", 0)}
            for step in content.steps
            for option in step.options
            if option.reply
        ],
        "back": content.back == "yes",
        "ended": bool(taken) and following is None,
    }


def review(content: Content, order: Order, response: Response, say: Say) -> dict[str, Any]:
    def told(step: Step, option: Option) -> dict[str, Any]:
        return {
            "step": say(step.text),
            "option": say(option.text),
            "reply": say(option.reply) if option.reply else "",
            "points": option.worth,
            "of": max((one.worth for one in step.options if not one.is_critical), default=0),
            "critical": option.is_critical,
        }

    taken = list(_taken(content, response))
    best = list(_taken(content, right_answer(content, order)))
    return {
        "taken": [told(step, option) for step, option in taken],
        "right": [told(step, option) for step, option in best],
        "points": sum(option.worth for _, option in taken),
        "best_points": content.best.points,
        "critical": any(option.is_critical for _, option in taken),
    }


def _options(step: Step, order: Order) -> list[str]:
    """The options of a step as this attempt shows them, «step/option»."""
    mine = {f"{step.id}/{option.id}" for option in step.options}
    return [one for one in order if one in mine]


TYPE = QuestionType("scenario", 1, Content, read, clean, mark, right_answer, shuffled, public, review)
