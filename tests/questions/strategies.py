"""Any question of any type, any response to it, and the form that a browser would send."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from app.questions.content import Question
from app.questions.types import TYPES
from app.questions.types.hotspot import CELLS

LANGUAGES = ("en", "ru", "kk", "prs")
ALPHABET = "abcdefg қңұһі ўҷӣ дری،«»<&'\"0123"

words = st.text(ALPHABET, min_size=1, max_size=20).filter(str.strip)
texts = st.lists(words, min_size=len(LANGUAGES), max_size=len(LANGUAGES)).map(lambda said: dict(zip(LANGUAGES, said, strict=True)))
ids = st.from_regex(r"[a-z0-9]{1,6}(-[a-z0-9]{1,4})?", fullmatch=True)
digits = st.decimals(-1000, 1000, places=2).map(str)


def _ids(least: int, most: int) -> st.SearchStrategy[list[str]]:
    return st.lists(ids, min_size=least, max_size=most, unique=True)


def numbered(name: str, count: int) -> dict[str, str]:
    """A text that no other thing of the question has, in every language."""
    return {tag: f"{name} {count} {tag}" for tag in LANGUAGES}


@st.composite
def _options(draw: st.DrawFn, *, several: bool) -> list[dict[str, Any]]:
    names = draw(_ids(3, 5))
    right = draw(st.sets(st.sampled_from(names), min_size=1, max_size=len(names) if several else 1))
    return [{"id": one, "text": draw(texts)} | ({"right": "yes"} if one in right else {}) for one in names]


@st.composite
def _matching(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(_ids(3, 9))
    pairs = draw(st.integers(3, min(6, len(names))))
    extra = [{"id": one, "text": numbered("partner", n)} for n, one in enumerate(names) if n >= pairs]
    return {
        "pairs": [{"id": one, "left": draw(texts), "right": numbered("partner", n)} for n, one in enumerate(names[:pairs])],
    } | ({"extra": extra} if extra else {})


@st.composite
def _regions(draw: st.DrawFn) -> list[dict[str, Any]]:
    cells = draw(st.lists(st.sampled_from(CELLS), max_size=6, unique=True))
    names = draw(_ids(6, 6))
    count = draw(st.integers(1, 3))
    return [{"id": names[n], "name": draw(texts), "cells": cells[n::count]} for n in range(count) if cells[n::count]]


CONTENT: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "single": st.fixed_dictionaries({"options": _options(several=False)}),
    "multiple": st.fixed_dictionaries({"options": _options(several=True), "scoring": st.sampled_from(["all", "partial"])}),
    "number": st.fixed_dictionaries({"value": digits, "tolerance": digits.map(lambda text: text.lstrip("-"))}, optional={"unit": texts}),
    "matching": _matching(),
    "ordering": st.fixed_dictionaries({
        "items": _ids(3, 7).map(lambda names: [{"id": one, "text": numbered("step", n)} for n, one in enumerate(names)]),
        "scoring": st.sampled_from(["exact", "run"]),
    }),
    "hotspot": st.fixed_dictionaries(
        {"columns": st.just("6"), "rows": st.just("3"), "marks": st.sampled_from(["one", "several"])},
        optional={"regions": _regions()},
    ),
}
"""The type's own fields as a course file has them."""


@st.composite
def written(draw: st.DrawFn, kind: str | None = None) -> dict[str, Any]:
    """A question as a course file has it, keys in their order."""
    kind = kind or draw(st.sampled_from(sorted(TYPES)))
    picture = {"image": {"file": "picture.svg", "alt": draw(texts)}} if kind == "hotspot" or draw(st.booleans()) else {}
    fields = draw(CONTENT[kind])
    return (
        {"id": draw(ids), "type": kind, "outcome": draw(ids), "difficulty": "easy", "source": "P1-CK", "as_of": "2026-11-21", "text": draw(texts)}
        | picture
        | {key: fields[key] for key in TYPES[kind].Content.model_fields if key in fields}
        | ({"feedback": draw(texts)} if draw(st.booleans()) else {})
    )


def questions(kind: str | None = None) -> st.SearchStrategy[Question]:
    return written(kind).map(Question.model_validate)


@st.composite
def responses(draw: st.DrawFn, question: Question) -> dict[str, Any]:
    """Anything that a trainee can answer, nothing included."""
    content: Any = question.content
    match question.type:
        case "single":
            given: Any = {"option": draw(st.sampled_from([one.id for one in content.options]))}
        case "multiple":
            given = {"options": draw(st.lists(st.sampled_from([one.id for one in content.options]), unique=True))}
        case "number":
            given = {"value": draw(st.one_of(st.just(content.value), digits, words))}
        case "matching":
            partners = st.sampled_from(list(content.partners))
            given = {"pairs": draw(st.fixed_dictionaries({}, optional={pair.id: partners for pair in content.pairs}))}
        case "ordering":
            places = st.integers(1, len(content.items))
            given = {"order": draw(st.fixed_dictionaries({}, optional={item.id: places for item in content.items}))}
        case "hotspot":
            given = draw(st.one_of(st.just({"nothing": True}), st.builds(dict, cells=st.lists(st.sampled_from(CELLS), max_size=4))))
        case other:
            raise AssertionError(f"say how {other} is answered")
    return question.kind.clean(content, draw(st.sampled_from([given, {}])) if draw(st.integers(0, 9)) == 0 else given)


leaves = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5), st.sampled_from([*CELLS, "a", "1"]))
keys = st.sampled_from(["option", "options", "value", "pairs", "order", "cells", "nothing", "a", "1"])
junk = st.recursive(leaves, lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=4)), max_leaves=8)
"""Any JSON, some of it nearly a response."""


def form_of(shown: dict[str, Any], name: str) -> list[tuple[str, str]]:
    """The fields that a browser sends for a question's page as it is shown, choices made in it included."""
    match shown["type"]:
        case "single":
            return [(f"{name}.option", one["place"]) for one in shown["options"] if one["chosen"]]
        case "multiple":
            return [(f"{name}.options", one["place"]) for one in shown["options"] if one["chosen"]]
        case "number":
            return [(f"{name}.value", shown["value"])]
        case "matching":
            return [(f"{name}.{one['row']}", one["chosen"]) for one in shown["rows"]]
        case "ordering":
            return [(f"{name}.{one['row']}", one["chosen"]) for one in shown["steps"]]
        case "hotspot":
            cells = [(f"{name}.cell", one["cell"]) for one in shown["cells"] if one["chosen"]]
            return cells + ([(f"{name}.cell", "none")] if shown["nothing"] else [])
        case other:
            raise AssertionError(f"say what the form of {other} sends")
