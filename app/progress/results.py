"""The result sheet of a run: one definition for the page, the paper and the files, so that they cannot disagree."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from app.errors import Message, say
from app.i18n import number, percent, pick
from app.progress import rules
from app.progress.queries import Progress
from app.runs.queries import Member
from app.sheets import Column

OUTCOMES: Mapping[str, Message] = {
    "passed": say("result", "passed"),
    "not-passed": say("result", "not passed"),
    "being-marked": say("result", "being marked"),
    "not-taken": say("result", "not taken"),
}
PRACTICALS: Mapping[str, Message] = {"passed": say("result", "passed"), "not-passed": say("result", "not passed")}
COUNTS: Mapping[str, Message] = {
    "first": say("result", "The first try of the final test counts."),
    "best": say("result", "The best try of the final test counts."),
    "last": say("result", "The last try of the final test counts."),
}
COLUMNS = (
    Column("number", say("result", "No."), "int"),
    Column("name", say("result", "Surname, name, patronymic")),
    Column("agency", say("result", "Agency")),
    Column("service_number", say("result", "Service no.")),
    Column("pre", say("result", "Pre %"), "percent"),
    Column("post", say("result", "Post %"), "percent"),
    Column("gain_points", say("result", "Gain, points"), "number"),
    Column("gain_relative", say("result", "Relative gain"), "percent"),
    Column("gain_normalised", say("result", "Normalised gain"), "percent"),
    Column("attempts", say("result", "Tries"), "int"),
    Column("practical", say("result", "Practical")),
    Column("result", say("result", "Result")),
    Column("certificate", say("result", "Certificate")),
)


@dataclass(frozen=True)
class Row:
    """A line of the sheet: plain values. Shares of 1; gain in points of 100."""

    enrolment_id: uuid.UUID
    number: int
    name: str
    agency: Mapping[str, str]
    service_number: str
    pre: Fraction | None
    post: Fraction | None
    gain_points: Fraction | None
    gain_relative: Fraction | None
    gain_normalised: Fraction | None
    attempts: int
    practical: str  # passed | not-passed, or nothing
    outcome: str  # passed | not-passed | being-marked | not-taken
    certificate: str  # its number, or nothing
    participation: bool  # the certificate says "participated"

    @property
    def values(self) -> tuple[object, ...]:
        """The line as COLUMNS want it."""
        return (
            self.number, self.name, pick(self.agency), self.service_number, self.pre, self.post, self.gain_points, self.gain_relative,
            self.gain_normalised, self.attempts, PRACTICALS.get(self.practical), OUTCOMES[self.outcome], self.certificate or None,
        )


@dataclass(frozen=True)
class Results:
    """A whole sheet, with the means of the people who have both tests."""

    rows: tuple[Row, ...]
    means: rules.Means | None
    pass_mark: Fraction
    counts: str = "best"  # which try of the final test counts

    @property
    def passed(self) -> int:
        """How many passed."""
        return sum(row.outcome == "passed" for row in self.rows)

    @property
    def digits(self) -> int:
        """Whole percentages where all are whole, else tenths: what is read can be subtracted."""
        shares = [share for row in self.rows for share in (row.pre, row.post) if share is not None]
        return 1 if any(share * 100 % 1 for share in shares) else 0

    @property
    def zero_pre(self) -> bool:
        """Whether somebody began at 0, so that a note explains the missing relative gain."""
        return any(row.pre == 0 and row.post is not None for row in self.rows)

    @property
    def namesakes(self) -> list[list[int]]:
        """Lines of different people who have one name."""
        several = [name for name, n in Counter(row.name for row in self.rows).items() if n > 1]
        return [[row.number for row in self.rows if row.name == name] for name in several]

    def share(self, value: Fraction | None) -> str:
        """A result without its sign: the head says that it is a percentage."""
        return "–" if value is None else number(value * 100, self.digits)

    def points(self, value: Fraction | None) -> str:
        """A gain in points, with its sign."""
        return "–" if value is None else signed(number(value, self.digits), value)

    def mean(self, value: Fraction) -> str:
        """A mean, to a tenth: whole ones could not be subtracted."""
        return number(value * 100, 1)

    def mean_points(self, value: Fraction) -> str:
        """A mean gain in points, with its sign."""
        return signed(self.mean(value), value)

    def relative(self, value: Fraction | None) -> str:
        """A relative gain, with its sign."""
        return "–" if value is None else signed(percent(value), value)

    def normalised(self, value: Fraction | None) -> str:
        """A normalised gain: a share of what there was to gain."""
        return "–" if value is None else percent(value)


def signed(text: str, value: Fraction) -> str:
    """A number with a plus before it when it is one."""
    return "+" + text if value > 0 else text


def results(members: Sequence[Member], progress: Mapping[uuid.UUID, Progress], certificates: Mapping[uuid.UUID, tuple[str, bool]]) -> Results:
    """The sheet of some people of a run. `certificates`: enrolment -> number, and whether it says "participated"."""
    rows = []
    for place, member in enumerate(members, start=1):
        one = progress[member.enrolment_id]
        gain = one.gain
        held = certificates.get(member.enrolment_id, ("", False))
        rows.append(
            Row(
                member.enrolment_id, place, member.name, member.agency, member.service_number, _shown(one.pre), _shown(one.post),
                _tenths(gain.points * 100) if gain else None, _hundredths(gain.relative) if gain else None,
                _hundredths(gain.normalised) if gain else None, one.facts.attempts, one.practical, _outcome(one), *held,
            )
        )
    means = rules.means((progress[member.enrolment_id].pre, progress[member.enrolment_id].post) for member in members)
    mark = next((progress[member.enrolment_id].facts.pass_mark for member in members), Fraction(0))
    counts = next((progress[member.enrolment_id].counts for member in members), "best")
    return Results(tuple(rows), means, mark, counts)


def _outcome(one: Progress) -> str:
    if one.post is None:
        return "being-marked" if one.facts.being_marked else "not-taken"
    return "passed" if rules.passed(one.facts) else "not-passed"


def _shown(share: Fraction | None) -> Fraction | None:
    """Tenths of a percent, downwards: 79.96 is not shown as the 80 that would have passed."""
    return None if share is None else Fraction(int(share * 1000), 1000)


def _tenths(value: Fraction) -> Fraction:
    return round(value * 10) / Fraction(10)


def _hundredths(value: Fraction | None) -> Fraction | None:
    return None if value is None else round(value * 100) / Fraction(100)
