"""The one way in which JSON is written between nodes, so that what means the same has the same bytes, hash and signature."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

_unstorable = re.compile("[\\0\\ud800-\\udfff]")
_writer = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))


class NotCanonical(ValueError):
    """Not JSON, or not written in the one way."""


def canonical(value: Any) -> bytes:
    """JSON with sorted keys, without blanks, in UTF-8. Raises ValueError for what JSON cannot say (NaN, infinity).

    Half of a surrogate pair, which UTF-8 cannot say, is written as its escape: a browser can send one inside a JSON column.
    """
    return _writer.encode(value).encode("utf-8", "backslashreplace")


def parse(data: bytes, *, fractions: bool = True) -> Any:
    """What the JSON says, whoever wrote it. Raises NotCanonical. Without `fractions` there are whole numbers only: databases
    write the others anew, and what is signed must come back from them as it was."""
    try:
        text = data.decode("utf-8")
        return json.loads(text, parse_constant=_no_number, parse_float=float if fractions else _no_number)
    except (ValueError, RecursionError) as error:
        raise NotCanonical(str(error)) from error


def read(data: bytes) -> Any:
    """What canonical JSON of a header, a manifest or a receipt says. Raises NotCanonical, also for another way of writing it."""
    value = parse(data, fractions=False)
    try:
        same = canonical(value) == data
    except (ValueError, RecursionError) as error:
        raise NotCanonical(str(error)) from error
    if not same or not storable(value):
        raise NotCanonical("not written in the one way")
    return value


def storable(value: Any) -> bool:
    """Whether both databases can keep it: no text with a zero character or half of a surrogate pair."""
    match value:
        case str():
            return _unstorable.search(value) is None
        case dict():
            return all(storable(key) and storable(item) for key, item in value.items())
        case list():
            return all(map(storable, value))
        case _:
            return True


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number here")
