"""What a group answered, ready for counting: the choices of a question and which of them a response took. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from app.errors import Message, say
from app.questions.content import Question
from app.questions.kind import Response

TYPED = {"number": "value", "short-text": "text"}
"""Types answered by a typed word or figure, and the key that it stands under: what was typed is counted as it stands."""

TRUE_FALSE = {"yes": say("tally", "True"), "no": say("tally", "False")}
NOTHING = say("tally", "Nothing suspicious")
ELSEWHERE = say("tally", "Another place")


@dataclass(frozen=True)
class Choice:
    """One thing that could be answered."""

    key: str
    text: Mapping[str, str] | Message
    right: bool


def choices(question: Question) -> list[Choice]:
    """What could be chosen, in the author's order; empty for types without choices."""
    content = question.content
    if question.type in ("single", "multiple"):
        return [Choice(one.id, one.text, one.is_right) for one in content.options]  # type: ignore[union-attr]
    if question.type == "true-false":
        return [Choice(key, text, key == content.right) for key, text in TRUE_FALSE.items()]  # type: ignore[union-attr]
    if question.type == "hotspot":
        regions = content.regions or []  # type: ignore[union-attr]
        return [
            *(Choice(f"region:{one.id}", one.name, True) for one in regions),
            Choice("nothing", NOTHING, not regions), Choice("elsewhere", ELSEWHERE, False),
        ]
    return []


def chosen(question: Question, response: Response) -> frozenset[str]:
    """The keys of what a response took: of choices, or the typed text itself. Empty for no answer and for other types."""
    given = question.kind.clean(question.content, response)
    if question.type == "single":
        return frozenset([given["option"]] if given else [])
    if question.type == "multiple":
        return frozenset(given.get("options", []))
    if question.type == "true-false":
        return frozenset([given["true"]] if given else [])
    if question.type == "hotspot":
        return _places(question, given)
    key = TYPED.get(question.type)
    return frozenset([str(given[key])] if key and given else [])


def _places(question: Question, given: Response) -> frozenset[str]:
    if given.get("nothing"):
        return frozenset(["nothing"])
    regions = question.content.regions or []  # type: ignore[union-attr]
    cells = set(given.get("cells", []))
    found = {f"region:{one.id}" for one in regions if cells & set(one.cells)}
    beside = cells - {cell for one in regions for cell in one.cells}
    return frozenset(found | ({"elsewhere"} if beside else set()))


def right_too(question: Question, response: Response, accept: Collection[str]) -> bool:
    """Whether a response is right once the choices of `accept` count as right as well."""
    took, allowed = chosen(question, response), set(accept)
    right = {one.key for one in choices(question) if one.right}
    if question.type == "multiple":
        return bool(took) and right - allowed <= took <= right | allowed
    return bool(took) and took <= right | allowed


def right_typed(question: Question, typed: str) -> bool:
    """Whether a typed answer earns full marks."""
    key = TYPED.get(question.type)
    return key is not None and question.kind.mark(question.content, [], {key: typed}) == 1
