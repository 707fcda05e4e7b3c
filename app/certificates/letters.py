"""The letters of the print fonts: which a text needs that they lack, and how wide a name will be."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

FONTS = Path(__file__).parents[1] / "static" / "print-fonts"
FACES = ("noto-serif-700.ttf", "noto-serif-400.ttf", "noto-sans-400.ttf", "noto-naskh-arabic-400.ttf", "noto-naskh-arabic-700.ttf")


@lru_cache
def _face(name: str) -> tuple[dict[int, str], dict[str, tuple[int, int]], int]:
    from fontTools.ttLib import TTFont  # slow to import: only where paper is made

    font: Any
    with TTFont(FONTS / name, lazy=True) as font:
        return dict(font.getBestCmap()), dict(font["hmtx"].metrics), int(font["head"].unitsPerEm)


def lacking(texts: Iterable[str]) -> list[str]:
    """The characters that no face of the papers can show, in the order met. Nothing is printed with a box in it."""
    chains = [set(_face(name)[0]) for name in FACES]
    serif, sans, naskh = chains[0] & chains[1], chains[2], chains[3] & chains[4]
    known = (serif & sans) | naskh
    found = dict.fromkeys(
        letter for text in texts for letter in unicodedata.normalize("NFC", text)
        if ord(letter) not in known and unicodedata.category(letter) not in ("Cf", "Zs")
    )
    return list(found)


def width(text: str) -> float:
    """The width in ems of a text in the bold face of names; of a joined script somewhat more than it will be."""
    total = 0.0
    chain = [_face("noto-serif-700.ttf"), _face("noto-naskh-arabic-700.ttf")]
    for letter in unicodedata.normalize("NFC", text):
        for letters, widths, em in chain:
            if ord(letter) in letters:
                total += widths[letters[ord(letter)]][0] / em
                break
    return total
