"""Check digit: a field of a machine-readable zone, made for each attempt, and the 7-3-1 reckoning of its check digit.

Rule: ICAO Doc 9303 part 3, section 4.9. Positions of the fields: part 4, lower line of a passport. All values are of the
imaginary state UTO.
"""

from __future__ import annotations

import hashlib
import re
from fractions import Fraction
from typing import Any, Literal

from app.questions.kind import Fields, Order, Part, QuestionType, Response, Say, YesNo, part_of
from app.questions.typed import kept

WEIGHTS = (7, 3, 1)
"""Repeated over the characters from the left."""

FIELDS: dict[str, tuple[slice, ...]] = {
    "document-number": (slice(0, 9),),
    "birth-date": (slice(13, 19),),
    "expiry-date": (slice(21, 27),),
    "personal-number": (slice(28, 42),),
    "composite": (slice(0, 10), slice(13, 20), slice(21, 43)),
}
"""Where each field stands in the lower line; the composite covers three stretches, their check digits included."""

_DIGITS, _LETTERS = "0123456789", "ABCDEFGHJKLMNPRSTUVWXYZ"  # without I, O and Q, which print like 1 and 0


class Content(Part):
    type: Literal["check-digit"]
    field: Literal["document-number", "birth-date", "expiry-date", "personal-number", "composite"]
    steps: YesNo


# ---- the rule ------------------------------------------------------------------------------------------------------


def value_of(character: str) -> int:
    """0 to 9 as they are, A = 10 to Z = 35, the filler < = 0."""
    return 0 if character == "<" else int(character, 36)


def products(value: str) -> list[int]:
    """The value of each character times its weight."""
    return [value_of(one) * WEIGHTS[at % 3] for at, one in enumerate(value)]


def check_digit(value: str) -> int:
    """The remainder of the sum of products divided by 10."""
    return sum(products(value)) % 10


# ---- what is made for an attempt -----------------------------------------------------------------------------------


def shuffled(content: Content, seed: str) -> list[str]:
    """The lower line of a passport up to its last digit, the composite check digit, which is left to reckon."""
    dice = _Dice(seed)
    number = dice.of(_LETTERS, 1) + dice.of(_DIGITS, 6) + dice.of(_LETTERS, 1) + dice.of(_DIGITS, 1)
    born = f"{50 + dice.below(50):02}{1 + dice.below(12):02}{1 + dice.below(28):02}"
    expires = f"{28 + dice.below(8):02}{1 + dice.below(12):02}{1 + dice.below(28):02}"
    personal = dice.of(_LETTERS, 2) + dice.of(_DIGITS, 6) + dice.of(_LETTERS, 1)
    sex = "FM"[dice.below(2)]
    return [_checked(number) + "UTO" + _checked(born) + sex + _checked(expires) + _checked(personal.ljust(14, "<"))]


class _Dice:
    """Numbers that only the seed decides: by hash, since the sequences of `random` are promised for no other Python."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._thrown = 0

    def below(self, sides: int) -> int:
        self._thrown += 1
        digest = hashlib.sha256(f"{self._seed}\0{self._thrown}".encode()).digest()
        return int.from_bytes(digest[:8], "big") % sides

    def of(self, characters: str, count: int) -> str:
        return "".join(characters[self.below(len(characters))] for _ in range(count))


def _checked(value: str) -> str:
    return value + str(check_digit(value))


def value_in(content: Content, order: Order) -> str:
    """The characters that the digit is reckoned from."""
    line = next(iter(order), "")
    return "".join(line[part] for part in FIELDS[content.field])


# ---- the type ------------------------------------------------------------------------------------------------------


def _steps(content: Content) -> list[str]:
    """What the page and a response call the fields of the reckoning: 1, 2, … for the products, then sum and remainder."""
    if content.steps == "no":
        return []
    length = sum(part.stop - part.start for part in FIELDS[content.field])
    return [*map(str, range(1, length + 1)), "sum", "remainder"]


def read(content: Content, order: Order, fields: Fields) -> Response:
    given = {name: next(iter(values), "") for name, values in fields.items()}
    return clean(content, {"digit": given.get("digit"), "steps": given})


def clean(content: Content, response: object) -> Response:
    """A check digit is one digit; anything longer is none. The figures of the reckoning stay as they were typed."""
    typed = kept(part_of(response, "digit"))
    digit = str(int(typed)) if re.fullmatch(r"\d", typed) else ""
    steps = part_of(response, "steps")
    filled = {name: typed for name in _steps(content) if (typed := kept(part_of(steps, name)))}
    return ({"digit": digit} if digit else {}) | ({"steps": filled} if filled else {})


def mark(content: Content, order: Order, response: Response) -> Fraction:
    """The digit alone; with steps, half for the digit and half for the share of steps that are right (course format).

    What is right follows from the attempt's own value, never from what the response says.
    """
    given, right = clean(content, response), right_answer(content, order)
    digit = Fraction(int(_same(given.get("digit"), right["digit"])))
    if content.steps == "no":
        return digit
    steps = given.get("steps", {})
    hits = sum(_same(steps.get(name), number) for name, number in right["steps"].items())
    return digit / 2 + Fraction(hits, len(right["steps"])) / 2


def right_answer(content: Content, order: Order) -> Response:
    value = value_in(content, order)
    digit = str(check_digit(value))
    if content.steps == "no":
        return {"digit": digit}
    numbers = [*map(str, products(value)), str(sum(products(value))), digit]
    return {"digit": digit, "steps": dict(zip(_steps(content), numbers, strict=True))}


def public(content: Content, order: Order, response: Response, say: Say) -> dict[str, Any]:
    given, value = clean(content, response), value_in(content, order)
    steps = given.get("steps", {})
    return {
        "field": content.field,
        "line": next(iter(order), "") if content.field == "composite" else "",
        "value": value,
        "steps": content.steps == "yes",
        "characters": [
            {"place": str(place), "character": one, "value": value_of(one), "weight": weight, "typed": steps.get(str(place), "")}
            for place, (one, weight) in enumerate(zip(value, WEIGHTS * len(value), strict=False), 1)
        ],
        "sum": steps.get("sum", ""),
        "remainder": steps.get("remainder", ""),
        "digit": given.get("digit", ""),
    }


def review(content: Content, order: Order, response: Response, say: Say) -> dict[str, Any]:
    right, given = right_answer(content, order), clean(content, response)
    numbers, steps = right.get("steps", {}), given.get("steps", {})
    return {
        "right": {"digit": right["digit"], "is_right": _same(given.get("digit"), right["digit"])},
        "right_steps": {
            name: {"number": number, "is_right": _same(steps.get(name), number)} for name, number in numbers.items()
        },
    }


def _same(typed: object, number: str) -> bool:
    """The same whole number, in digits of any script; leading zeros count for nothing."""
    return isinstance(typed, str) and re.fullmatch(r"\d{1,6}", typed) is not None and int(typed) == int(number)


TYPE = QuestionType("check-digit", 1, Content, read, clean, mark, right_answer, shuffled, public, review)
