"""Rules of doubles: when two files may be of one officer, which of them to keep, what must be shown before they become one. Pure."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from app.errors import Invalid, Message, say
from app.people.names import Name, fold

COPY = "#2"
"""What the centre puts behind a service number that another file has already, until the two are merged."""

MADE_UP = "w-"
"""How a class begins the number of somebody who does not know his own (classday/services.py)."""


class Sameness(StrEnum):
    """What two files have in common, the strongest first."""

    NUMBER = "number"  # the service number of one agency
    BIRTH = "birth"  # family name, given name and birth date
    NAME = "name"  # family name and given name alone: that proves nothing


WORDS: dict[Sameness, Message] = {
    Sameness.NUMBER: say("merge", "same service number and agency"),
    Sameness.BIRTH: say("merge", "same family name, given name and birth date"),
    Sameness.NAME: say("merge", "same name, nothing else"),
}


@dataclass(frozen=True)
class Card:
    """What the comparison knows of a file."""

    id: uuid.UUID
    agency_id: uuid.UUID
    service_number: str
    names: frozenset[tuple[str, str]]  # family and given name, folded
    born_on: date | None
    provisional: bool = False
    used: int = 0  # how much refers to it


def folded(names: Iterable[Name]) -> frozenset[tuple[str, str]]:
    """Names as they are compared: case, script and spelling do not matter, and the patronymic may be missing."""
    return frozenset((fold(name.family), fold(name.given)) for name in names)


def bare(number: str) -> str:
    """A service number as it is compared: without blanks and strokes. Leading zeros count. Empty for one that a class made up."""
    text = number.casefold().replace(COPY, "")
    return "" if text.startswith(MADE_UP) else "".join(sign for sign in text if sign not in " \N{NO-BREAK SPACE}-/.")


def sameness(one: Card, other: Card) -> Sameness | None:
    """What speaks for one officer; None when nothing does. The same in both directions."""
    if one.id == other.id:
        return None
    if one.agency_id == other.agency_id and bare(one.service_number) and bare(one.service_number) == bare(other.service_number):
        return Sameness.NUMBER
    if one.names & other.names:
        return Sameness.BIRTH if one.born_on is not None and one.born_on == other.born_on else Sameness.NAME
    return None


def proposed(one: Card, other: Card) -> bool:
    """Whether the product itself proposes to merge two files: never by the name alone."""
    return sameness(one, other) in (Sameness.NUMBER, Sameness.BIRTH)


def to_keep(one: Card, other: Card) -> tuple[Card, Card]:
    """Which file to keep and which to drop: the confirmed one, then the one that more rests on, then the older id."""
    kept, dropped = sorted((one, other), key=lambda card: (card.provisional, COPY in card.service_number, -card.used, card.id))
    return kept, dropped


def refuse_unproven(one: Card, other: Card, *, reason: str, document: bool) -> None:
    """Raises Invalid without a reason, and where only a document can show that two files are of one officer.

    `document`: somebody says that he has seen one.
    """
    fields: dict[str, Message] = {}
    if not reason.strip():
        fields["reason"] = say("merge", "Say how you know that both files are of one officer.")
    if not proposed(one, other) and not document:
        fields["document"] = say("merge", "Neither the service number nor the birth date is the same. See a document first, and say so here.")
    if fields:
        raise Invalid(fields=fields)
