"""Rules of feedback: what is asked, what a group's answers come to, and when they are too few to be shown. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from app.errors import Message, say

FEWEST = 5
"""Below this number of sheets nothing is shown: the answers would tell about single people (RUN-10)."""

LEAST, MOST = 1, 5
LONGEST = 2_000  # characters of an open answer

STATEMENTS: Mapping[str, Message] = {
    "aims": say("feedback", "I knew what the course was for."),
    "useful": say("feedback", "What I learned is useful for my duties."),
    "pace": say("feedback", "The pace was right for me."),
    "lessons": say("feedback", "The lessons on the PC were easy to follow."),
    "trainer": say("feedback", "The trainer explained clearly."),
    "questions": say("feedback", "My questions were answered."),
    "practice": say("feedback", "There was enough practice."),
    "tests": say("feedback", "The tests asked what had been taught."),
    "room": say("feedback", "Room and PCs were in order."),
    "recommend": say("feedback", "I would recommend the course to a colleague."),
}
SCALE: Mapping[int, Message] = {
    5: say("feedback", "fully agree"),
    4: say("feedback", "rather agree"),
    3: say("feedback", "partly"),
    2: say("feedback", "rather disagree"),
    1: say("feedback", "disagree"),
}
LIKED = say("feedback", "What helped you most?")
CHANGE = say("feedback", "What should be changed?")


def read(answers: Mapping[str, str]) -> tuple[dict[str, int], dict[str, Message]]:
    """The answers that a form or a clerk's keys mean, and what is wrong with which; an empty one is left out."""
    found, wrong = {}, {}
    for key in STATEMENTS:
        text = answers.get(key, "").strip()
        if text in {str(n) for n in range(LEAST, MOST + 1)}:
            found[key] = int(text)
        elif text:
            wrong[key] = say("feedback", "Give a number from 1 to 5, or nothing.")
    return found, wrong


@dataclass(frozen=True)
class Summary:
    """One statement, over a group."""

    key: str
    n: int
    mean: Fraction | None
    spread: tuple[int, ...]
    """How many chose 1, 2, 3, 4, 5."""

    @property
    def shown(self) -> bool:
        """Whether there are enough answers to show."""
        return self.n >= FEWEST


def summaries(sheets: Iterable[Mapping[str, int]]) -> list[Summary]:
    """The statements over a group, in the order of the form. Each counts those who answered it."""
    all = list(sheets)
    found = []
    for key in STATEMENTS:
        given = [sheet[key] for sheet in all if key in sheet]
        counts = Counter(given)
        found.append(Summary(
            key, len(given), Fraction(sum(given), len(given)) if given else None, tuple(counts[n] for n in range(LEAST, MOST + 1)),
        ))
    return found


def words(texts: Sequence[str]) -> list[str]:
    """Open answers of a group in an order that tells nothing of who wrote when: that of the alphabet. None when there are too few."""
    return sorted((text for text in texts if text), key=str.casefold)
