"""Any question of any type, any response to it, and the form that a browser would send."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from app.questions.content import Question
from app.questions.types import TYPES, check_digit
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


@st.composite
def _accepted(draw: st.DrawFn) -> dict[str, Any]:
    """A typed answer: what is allowed, and how it is compared."""
    typed = words.filter(lambda text: any(one.isalnum() for one in text))
    said = st.lists(typed, min_size=len(LANGUAGES), max_size=len(LANGUAGES)).map(lambda all: dict(zip(LANGUAGES, all, strict=True)))
    return {
        "accepted": [{"id": one, "text": draw(said)} for one in draw(_ids(1, 3))],
        "fold": draw(st.sampled_from(["words", "code"])),
    }


@st.composite
def _gap_options(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(_ids(2, 5))
    right = draw(st.sampled_from(names))
    return {"options": [{"id": one, "text": numbered("option", n)} | ({"right": "yes"} if one == right else {}) for n, one in enumerate(names)]}


@st.composite
def _cloze(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(_ids(1, 4))
    return {
        "passage": {tag: " ".join(f"{draw(words)} [[{one}]]" for one in draw(st.permutations(names))) for tag in LANGUAGES},
        "gaps": [{"id": one} | draw(st.one_of(_accepted(), _gap_options())) for one in names],
    }


@st.composite
def _fill_table(draw: st.DrawFn) -> dict[str, Any]:
    columns, rows = draw(_ids(1, 3)), draw(_ids(2, 3))
    number = st.builds(lambda value, off: {"value": value, "tolerance": off.lstrip("-")}, digits, digits)
    to_fill = st.one_of(number, _accepted())
    cells = [[{"column": one} | draw(st.one_of(st.builds(dict, given=texts), to_fill)) for one in columns] for _ in rows]
    if all("given" in cell for row in cells for cell in row):
        cells[0][0] = {"column": columns[0]} | draw(to_fill)
    return {
        "columns": [{"id": one, "text": draw(texts)} for one in columns],
        "rows": [{"id": one, "text": draw(texts), "cells": row} for one, row in zip(rows, cells, strict=True)],
    }


def _image(name: str, words: dict[str, str]) -> dict[str, Any]:
    return {"file": f"{name}.svg", "alt": words}


@st.composite
def _comparison(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(_ids(3, 8))
    differs: dict[str, dict[str, Any]] = {"yes": {"differs": "yes"}, "no": {"differs": "no"}, "": {}}
    return {
        "genuine": _image("genuine", draw(texts)),
        "questioned": _image("questioned", draw(texts)),
        "features": [{"id": one, "name": numbered("feature", n)} | differs[draw(st.sampled_from(sorted(differs)))] for n, one in enumerate(names)],
    }


@st.composite
def _scenario(draw: st.DrawFn) -> dict[str, Any]:
    """Each step can be reached from one before it; the first option always leads on and is worth something."""
    names = draw(_ids(2, 6))
    steps: list[dict[str, Any]] = []
    for n, one in enumerate(names):
        options: list[dict[str, Any]] = []
        for m in range(draw(st.integers(2, 4))):
            option: dict[str, Any] = {"id": f"o{m}", "text": numbered(f"option {one}", m)}
            following = names[n + 1] if m == 0 and n + 1 < len(names) else draw(st.sampled_from([*names[n + 1 :], None]))
            option |= {"next": following} if following else {}
            option |= {"points": draw(st.sampled_from("12345" if m == 0 else "012345"))} if m == 0 or draw(st.booleans()) else {}
            option |= {"critical": draw(st.sampled_from(["yes", "no"]))} if m and draw(st.booleans()) else {}
            option |= {"reply": numbered(f"reply {one}", m)} if draw(st.booleans()) else {}
            options.append(option)
        steps.append({"id": one, "text": numbered("step", n), "options": options})
    start = {"start": names[0]} | ({"back": draw(st.sampled_from(["yes", "no"]))} if draw(st.booleans()) else {})
    return start | {"steps": draw(st.permutations(steps))}


@st.composite
def _map_point(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(_ids(3, 20))
    percent = st.integers(0, 1000).map(lambda tenths: str(tenths / 10))
    return {
        "places": [{"id": one, "name": numbered("place", n), "x": draw(percent), "y": draw(percent)} for n, one in enumerate(names)],
        "right": draw(st.sampled_from(names)),
        "bands": [{"within": "5", "points": "1"}, {"within": "15", "points": "0.5"}][: draw(st.integers(1, 2))],
    }


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
    "comparison": _comparison(),
    "scenario": _scenario(),
    "map-point": _map_point(),
    "true-false": st.fixed_dictionaries({"right": st.sampled_from(["yes", "no"])}),
    "short-text": st.builds(lambda typed, hint: typed | hint, _accepted(), st.fixed_dictionaries({}, optional={"hint": texts})),
    "cloze": _cloze(),
    "fill-table": _fill_table(),
    "free-text": st.fixed_dictionaries(
        {
            "words": st.integers(5, 500).map(str),
            "criteria": st.builds(
                lambda names, said, points: [{"id": one, "text": said, "points": str(points)} for one in names], _ids(1, 6), texts, st.integers(1, 10),
            ),
        },
        optional={"example": texts},
    ),
    "check-digit": st.fixed_dictionaries({"field": st.sampled_from(sorted(check_digit.FIELDS)), "steps": st.sampled_from(["yes", "no"])}),
}
"""The type's own fields as a course file has them."""


@st.composite
def written(draw: st.DrawFn, kind: str | None = None) -> dict[str, Any]:
    """A question as a course file has it, keys in their order."""
    kind = kind or draw(st.sampled_from(sorted(TYPES)))
    picture = {"image": {"file": "picture.svg", "alt": draw(texts)}} if kind in ("hotspot", "map-point") or draw(st.booleans()) else {}
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
        case "comparison":
            judged = st.sampled_from(["same", "differs"])
            given = {"features": draw(st.fixed_dictionaries({}, optional={one.id: judged for one in content.features}))}
        case "scenario":
            given = {"way": {step.id: draw(st.sampled_from([one.id for one in step.options])) for step in content.steps}}
        case "map-point":
            places = st.sampled_from([one.id for one in content.places])
            point = st.fixed_dictionaries({axis: st.integers(0, 1000).map(lambda tenths: str(tenths / 10)) for axis in "xy"})
            given = draw(st.one_of(st.builds(dict, place=places), point))
        case "true-false":
            given = {"true": draw(st.sampled_from(["yes", "no"]))}
        case "short-text" | "free-text":
            given = {"text": draw(words)}
        case "cloze":
            filled = {gap.id: st.sampled_from([one.id for one in gap.options]) if gap.options else words for gap in content.gaps}
            given = {"gaps": draw(st.fixed_dictionaries({}, optional=filled))}
        case "fill-table":
            typed = st.one_of(words, digits)
            given = {"cells": draw(st.fixed_dictionaries({}, optional={one: typed for _, one, _ in content.to_fill()}))}
        case "check-digit":
            figures = st.integers(0, 400).map(str)
            steps = {name: st.one_of(figures, words) for name in ("1", "2", "9", "39", "sum", "remainder")}
            given = {"digit": draw(st.one_of(st.integers(0, 9).map(str), words)), "steps": draw(st.fixed_dictionaries({}, optional=steps))}
        case other:
            raise AssertionError(f"say how {other} is answered")
    return question.kind.clean(content, draw(st.sampled_from([given, {}])) if draw(st.integers(0, 9)) == 0 else given)


leaves = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5), st.sampled_from([*CELLS, "a", "1"]))
keys = st.sampled_from(["option", "options", "value", "pairs", "order", "cells", "nothing", "features", "way", "place", "x", "y", "true", "text", "gaps", "digit", "steps", "sum", "a", "1"])
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
        case "comparison":
            return [(f"{name}.{one['row']}", one["given"]) for one in shown["features"]]
        case "scenario":
            return [
                (f"{name}.{step['paragraph']}", one["place"]) for step in shown["steps"] for one in step["options"] if one["chosen"]
            ]
        case "map-point":
            named = [(f"{name}.place", one["place"]) for one in shown["places"] if one["chosen"]]
            return [*named, (f"{name}.x", shown["x"]), (f"{name}.y", shown["y"])]
        case "true-false":
            return [(f"{name}.true", shown["chosen"])] if shown["chosen"] else []
        case "short-text" | "free-text":
            return [(f"{name}.text", shown["value"])]
        case "cloze":
            chosen = {gap["gap"]: next((one["place"] for one in gap["options"] if one["chosen"]), gap["value"]) for gap in shown["gaps"]}
            return [(f"{name}.{gap}", value) for gap, value in chosen.items()]
        case "fill-table":
            fields = [cell for row in shown["rows"] for cell in row["cells"] if "name" in cell]
            return [(f"{name}.{cell['name']}", cell["value"]) for cell in fields]
        case "check-digit":
            steps = [(f"{name}.{one['place']}", one["typed"]) for one in shown["characters"] if shown["steps"]]
            return [*steps, (f"{name}.sum", shown["sum"]), (f"{name}.remainder", shown["remainder"]), (f"{name}.digit", shown["digit"])]
        case other:
            raise AssertionError(f"say what the form of {other} sends")
