"""What a typed answer means: how it is kept, and which differences of writing do not matter."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from app.questions.kind import Id, Part, Text, only_once

LONGEST = 100
"""Characters of a typed answer that are kept."""

Fold = Literal["words", "code"]
"""`words`: case, blanks, punctuation and ё/е do not matter. `code`: nor do hyphens, and letters that look alike in Latin
and Cyrillic are one letter."""


class Accepted(Part):
    """One allowed answer; in whatever language it is typed, it counts."""

    id: Id
    text: Text


def _can_be_typed(answers: list[Accepted]) -> list[Accepted]:
    only_once(answer.id for answer in answers)
    for text in (text for answer in answers for text in answer.text.values()):
        if len(" ".join(text.split())) > LONGEST:
            raise ValueError(f"an answer has more than {LONGEST} characters; nobody can type it, make it shorter")
        if not folded(text, "code"):
            raise ValueError(f"the answer «{text}» has neither a letter nor a digit, so nothing could be compared")
    return answers


Answers = Annotated[list[Accepted], Field(min_length=1, max_length=10), AfterValidator(_can_be_typed)]

# Same shape, other alphabet: what a hand types when the keyboard is still in the other language. Only letters whose
# capital is the same in print, so that no Kazakh, Tajik or Uzbek letter of its own is taken for another (Қ is not К).
_LOOK_ALIKES = str.maketrans("авекмнорстухіјѕ", "abekmhopctyxijs")

# One letter with two codes, by the keyboard: yeh and kaf of Arabic and of Dari, Persian and Pashto.
_SAME_LETTERS = str.maketrans({"ё": "е", "\u064a": "\u06cc", "\u0649": "\u06cc", "\u0643": "\u06a9"})

_HYPHENS = re.compile("[\u2010-\u2015\u2212\ufe63\uff0d-]")
_POINTS = re.compile("[.,\u066b]")
# Marks that stand for an apostrophe and count as letters or signs, the lengthening stroke of Arabic script.
_NO_LETTERS = "\u02b9\u02bb\u02bc\u02bd`\u00b4\u0640"


def kept(typed: object) -> str:
    """A typed answer as it is stored and shown again: one form of each letter, single blanks, no control characters."""
    if not isinstance(typed, str):
        return ""
    blanks = " ".join(typed.split())
    plain = "".join(one for one in blanks if unicodedata.category(one) not in ("Cc", "Cs", "Co"))
    return " ".join(unicodedata.normalize("NFC", plain).split())[:LONGEST].rstrip()


def folded(text: str, fold: Fold) -> str:
    """What is compared of an answer.

    In `words` a hyphen or a decimal sign between digits, and a minus before them, are no mere punctuation: 5-7 is not
    57, and 1,5 is 1.5 but not 15.
    """
    plain = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold()).translate(_SAME_LETTERS)
    plain = "".join(_digit(one) for one in _HYPHENS.sub("-", _POINTS.sub(".", plain)))
    if fold == "code":
        return "".join(one for one in plain.translate(_LOOK_ALIKES) if _counts(one))
    signs = "".join(one for one in plain if one in "-." or _counts(one))
    return re.sub(r"(?<![0-9])\.|\.(?![0-9])|(?<=[^0-9])-|-(?![0-9])", "", signs)


def is_accepted(typed: str, answers: Iterable[Accepted], fold: Fold) -> bool:
    """Whether it is one of the allowed answers, in any language."""
    given = folded(typed, fold)
    return bool(given) and any(given == folded(text, fold) for answer in answers for text in answer.text.values())


def _digit(one: str) -> str:
    """A digit of any script as 0 to 9; anything else as it is."""
    value = unicodedata.decimal(one, None)
    return one if value is None else str(value)


def _counts(one: str) -> bool:
    """Letters, figures and signs; no blanks, punctuation or unseen marks."""
    return one not in _NO_LETTERS and unicodedata.category(one)[0] in "LMNS"
