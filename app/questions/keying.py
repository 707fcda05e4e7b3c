"""An answer on paper as a clerk keys it in: what there is to key for each question, with one key an answer where it can be.

What is keyed becomes the fields that the question's page has, and is read by the type itself: paper and PC cannot differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.errors import Message, say
from app.questions import shown
from app.questions.content import Question
from app.questions.kind import Order, Response


@dataclass(frozen=True)
class Slot:
    """One thing to key: a box, a line or a crossed circle of the printed question."""

    name: str
    """Of the page's field."""
    label: str = ""
    """What the paper calls it: the number of a row, gap or cell; empty where a question has one."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """What is keyed -> the field's value. Empty: a text or figure, keyed as it stands on the paper."""
    several: bool = False
    """Several of the keys in one slot: ACD."""
    lines: bool = False
    """A text of several lines."""

    @property
    def one_key(self) -> bool:
        """Whether one key press is the whole answer, so that the next slot takes over."""
        return bool(self.keys) and not self.several and all(len(key) == 1 for key in self.keys)


SAME, DIFFERS = "1", "2"
NOTHING = "0"
Shown = Mapping[str, Any]


def _letters(options: Iterable[Shown]) -> dict[str, str]:
    """The letter, or the number of its place: figures are where they are on every keyboard."""
    places = [(one["letter"], one["place"]) for one in options]
    return {place: place for _, place in places if len(place) == 1} | dict(places)


def _cells(q: Shown) -> list[Slot]:
    keys = {one["cell"]: one["cell"] for one in q["cells"]} | ({NOTHING: "none"} if q.get("search", True) else {})
    return [Slot("cell", keys=keys, several=True)]


def _gaps(q: Shown) -> list[Slot]:
    return [Slot(str(one["gap"]), str(one["gap"]), _letters(one["options"]) if one["options"] else {}) for one in q["gaps"]]


def _table(q: Shown) -> list[Slot]:
    return [Slot(cell["name"], str(cell["number"])) for row in q["rows"] for cell in row["cells"] if "name" in cell]


def _digits(q: Shown) -> list[Slot]:
    steps = [Slot(one["place"], one["place"]) for one in q["characters"]] + [Slot("sum", "+"), Slot("remainder", ":10")]
    return [*(steps if q["steps"] else []), Slot("digit", "=" if q["steps"] else "", {digit: digit for digit in "0123456789"})]


def _places(q: Shown) -> list[Slot]:
    numbers = {str(place): str(place) for place in range(1, len(q["steps"]) + 1)}
    return [Slot(one["row"], str(place), numbers) for place, one in enumerate(q["steps"], 1)]


SLOTS: Mapping[str, Callable[[Shown], list[Slot]]] = {
    "single": lambda q: [Slot("option", keys=_letters(q["options"]))],
    "multiple": lambda q: [Slot("options", keys=_letters(q["options"]), several=True)],
    "true-false": lambda q: [Slot("true", keys={"1": "1", "2": "2", "A": "1", "B": "2"})],
    "number": lambda q: [Slot("value")],
    "short-text": lambda q: [Slot("text")],
    "free-text": lambda q: [Slot("text", lines=True)],
    "matching": lambda q: [Slot(one["row"], one["row"], _letters(q["partners"])) for one in q["rows"]],
    "ordering": _places,
    "hotspot": _cells,
    "cloze": _gaps,
    "fill-table": _table,
    "check-digit": _digits,
    "comparison": lambda q: [Slot(one["row"], one["row"], {SAME: "same", DIFFERS: "differs"}) for one in q["features"]],
    "scenario": lambda q: [
        Slot(str(one["paragraph"]), str(one["paragraph"]), _letters(one["options"])) for one in sorted(q["steps"], key=lambda one: one["paragraph"])
    ],
    "map-point": lambda q: [Slot("place", keys=_letters(q["places"]))],
}


def slots(question: Question, order: Order) -> list[Slot]:
    """What there is to key for a question as this order shows it, in the order of the paper."""
    return SLOTS[question.type](shown.public(question, question.languages[0], order))


def read(question: Question, order: Order, keyed: Mapping[str, str]) -> tuple[Response, dict[str, Message]]:
    """The response that is meant by what was keyed (slot -> text), and what is wrong with which slot."""
    fields: list[tuple[str, str]] = []
    faults: dict[str, Message] = {}
    for slot in slots(question, order):
        text = keyed.get(slot.name, "").strip()
        if not slot.keys:
            fields.append((f"q.{slot.name}", text))
            continue
        for key in _split(slot, text.upper()):
            if key in slot.keys:
                fields.append((f"q.{slot.name}", slot.keys[key]))
            elif any("\N{CYRILLIC CAPITAL LETTER IO}" <= letter <= "\N{CYRILLIC SMALL LETTER YA}" for letter in key):
                # Another key than it looks: on a Russian keyboard D writes В, which is not B.
                faults[slot.name] = say("paper", "This is a Cyrillic letter. Switch the keyboard to Latin letters, or key the number: 1 for A.")
            else:
                faults[slot.name] = say("paper", "“{key}” does not stand here. Key one of {keys}.", key=key, keys=_named(slot))
    return shown.read(question, order, [(name, value) for name, value in fields if value], "q"), faults


def _split(slot: Slot, text: str) -> list[str]:
    if not text:
        return []
    if not slot.several:
        return [text]
    longest = max(len(key) for key in slot.keys)
    parts = text.replace(",", " ").replace(";", " ").split()
    if longest == 1:
        return [key for part in parts for key in part]
    return [key for part in parts for key in ([part] if part in slot.keys else [part[at : at + longest] for at in range(0, len(part), longest)])]


def _named(slot: Slot) -> str:
    letters = [key for key in slot.keys if not key.isdigit() or key == NOTHING]
    keys = letters if len(letters) > 1 else list(slot.keys)
    if len(keys) > 8:
        return f"{keys[0]}–{[key for key in keys if key != NOTHING][-1]}" + (f", {NOTHING}" if NOTHING in keys else "")
    return ", ".join(keys)


def keyed(question: Question, order: Order, response: Response) -> dict[str, str]:
    """A response as it would be keyed: for the key to a test, for a sheet that is corrected, for two keyings side by side."""
    q = shown.public(question, question.languages[0], order, response)
    return {name: text for name, text in _given(question.type, q, slots(question, order)) if text}


def _given(kind: str, q: Shown, all_slots: list[Slot]) -> Iterable[tuple[str, str]]:
    back = {slot.name: {value: key for key, value in slot.keys.items()} for slot in all_slots}
    if kind in ("single", "multiple"):
        name = all_slots[0].name
        yield name, "".join(one["letter"] for one in q["options"] if one["chosen"])
    elif kind == "true-false":
        yield "true", back["true"].get(str(q["chosen"] or ""), "")
    elif kind in ("number", "short-text", "free-text"):
        yield all_slots[0].name, q["value"]
    elif kind in ("matching",):
        yield from ((one["row"], back[one["row"]].get(one["chosen"], "")) for one in q["rows"])
    elif kind == "ordering":
        yield from ((one["row"], one["chosen"]) for one in q["steps"])
    elif kind == "hotspot":
        yield "cell", NOTHING if q["nothing"] else " ".join(one["cell"] for one in q["cells"] if one["chosen"])
    elif kind == "cloze":
        yield from ((str(one["gap"]), next((o["letter"] for o in one["options"] if o["chosen"]), "") if one["options"] else one["value"]) for one in q["gaps"])
    elif kind == "fill-table":
        yield from ((cell["name"], cell["value"]) for row in q["rows"] for cell in row["cells"] if "name" in cell)
    elif kind == "check-digit":
        yield from ((one["place"], one["typed"]) for one in q["characters"])
        yield from ((name, q[name]) for name in ("sum", "remainder", "digit"))
    elif kind == "comparison":
        yield from ((one["row"], back[one["row"]].get(one["given"], "")) for one in q["features"])
    elif kind == "scenario":
        yield from (
            (str(step["paragraph"]), next((o["letter"] for o in step["options"] if o["chosen"]), "")) for step in q["steps"] if step["taken"]
        )
    elif kind == "map-point":
        yield "place", next((one["letter"] for one in q["places"] if one["chosen"]), "")
