"""Rules of runs: what speaks for and against a nominated officer, which step a run is at, what is missing to close it, where its report stands. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum

from app.errors import Message, say

MODES: Mapping[str, Message] = {
    "class": say("run", "in class"),
    "remote": say("run", "remote"),
    "self-study": say("run", "self-study"),
}
STATES: Mapping[str, Message] = {
    "planned": say("run", "planned"),
    "open": say("run", "open"),
    "closed": say("run", "closed"),
    "cancelled": say("run", "cancelled"),
}
NOMINATION_STATES: Mapping[str, Message] = {
    "proposed": say("nomination", "to be decided"),
    "accepted": say("nomination", "accepted"),
    "declined": say("nomination", "declined"),
    "withdrawn": say("nomination", "withdrawn"),
}
MOST_SEATS = 500


# ---- who is nominated ------------------------------------------------------------------------------------------------


class Weight(StrEnum):
    """What a finding means for the decision."""

    STOP = "stop"  # cannot be nominated
    WARN = "warn"  # the training officer should look twice
    FINE = "fine"


@dataclass(frozen=True)
class Overlap:
    """Another run of the same officer at the same time."""

    code: str
    starts_on: date
    ends_on: date


@dataclass(frozen=True)
class Facts:
    """What is known of an officer when he is nominated for a run."""

    starts_on: date  # of the run
    ends_on: date
    left_on: date | None = None
    posted: bool = True  # serves in an office on the day
    rank: str = ""
    post: str = ""
    language: str = ""  # chosen for the test
    languages: tuple[str, ...] = ()  # in which the course is complete
    trained_on: date | None = None  # passed this course before
    attended: tuple[str, ...] = ()  # codes of earlier runs of this course
    overlaps: tuple[Overlap, ...] = ()
    prerequisites: Mapping[str, bool] = field(default_factory=dict)  # title of a course -> passed
    teaches: bool = False  # is a trainer of this very run
    away: tuple[tuple[date, date], ...] = ()  # first and last days of leave, shifts and deployments that touch the run


@dataclass(frozen=True)
class Finding:
    """One reason, with its weight. `code` is kept with the decision, `message` is what people read."""

    code: str
    weight: Weight
    message: Message


def findings(facts: Facts) -> list[Finding]:
    """What speaks against the officer, then what was looked at and is in order. Never empty."""
    found = [*_against(facts)]
    seen = {finding.code for finding in found}
    fine = [
        ("trained", say("check", "has not passed this course")),
        ("overlap", say("check", "in no other run on these days")),
        ("language", say("check", "the course is complete in this language")),
    ]
    if facts.rank or facts.post:
        fine.append(("post", say("check", "{post}", post=", ".join(part for part in (facts.rank, facts.post) if part))))
    if facts.prerequisites and all(facts.prerequisites.values()):
        fine.append(("prerequisite", say("check", "has passed what the course builds on")))
    return found + [Finding(code, Weight.FINE, message) for code, message in fine if code not in seen]


def _against(facts: Facts) -> list[Finding]:
    found = []
    if facts.left_on is not None and facts.left_on <= facts.ends_on:
        found.append(Finding("left", Weight.STOP, say("check", "Left the service on {day}", day=facts.left_on)))
    if not facts.posted:
        found.append(Finding("unposted", Weight.STOP, say("check", "Serves in no office on file")))
    if facts.teaches:
        found.append(Finding("teaches", Weight.STOP, say("check", "Teaches this run")))
    if facts.trained_on is not None:
        found.append(Finding("trained", Weight.WARN, say("check", "Passed this course on {day}", day=facts.trained_on)))
    elif facts.attended:
        found.append(
            Finding("trained", Weight.WARN, say("check", "Was in this course before: {codes}", codes=", ".join(facts.attended)))
        )
    for other in facts.overlaps:
        found.append(
            Finding(
                "overlap", Weight.WARN,
                say("check", "Also in {code} from {first} to {last}", code=other.code, first=other.starts_on, last=other.ends_on),
            )
        )
    for first, last in facts.away:
        found.append(Finding("away", Weight.WARN, say("check", "Away from {first} to {last}", first=first, last=last)))
    for title, passed in facts.prerequisites.items():
        if not passed:
            found.append(Finding("prerequisite", Weight.WARN, say("check", "Has not passed {course}", course=title)))
    if not facts.rank and not facts.post:
        found.append(Finding("post", Weight.WARN, say("check", "Rank and post are not on file")))
    if facts.languages and facts.language not in facts.languages:
        found.append(Finding("language", Weight.WARN, say("check", "The course is not complete in the language of the test")))
    return found


def stops(found: list[Finding]) -> list[Finding]:
    """What makes a nomination impossible."""
    return [finding for finding in found if finding.weight is Weight.STOP]


# ---- where a run is --------------------------------------------------------------------------------------------------


class Step(StrEnum):
    """The steps of a run, in order; a run is at exactly one."""

    NOMINATE = "nominate"
    DECIDE = "decide"
    SLIPS = "slips"
    TESTS = "tests"
    RESULTS = "results"
    CERTIFICATES = "certificates"
    CLOSE = "close"


@dataclass(frozen=True)
class Standing:
    """What decides at which step a run is, counted."""

    state: str
    today: date
    starts_on: date
    ends_on: date
    undecided: int = 0
    enrolled: int = 0
    slips: int = 0  # enrolled people with a PIN that holds
    without_pre: int = 0
    without_post: int = 0
    running: int = 0  # attempts that are open
    passed: int = 0
    took_part: int = 0
    certificates: int = 0

    @property
    def over(self) -> bool:
        """Whether its days are over."""
        return self.today > self.ends_on


def step(standing: Standing) -> Step | None:
    """The one thing to do next; None when the run is closed or cancelled."""
    if standing.state in ("closed", "cancelled"):
        return None
    if standing.undecided:
        return Step.DECIDE
    if not standing.enrolled:
        return Step.NOMINATE
    if standing.state == "planned":
        return Step.SLIPS
    if standing.running or (standing.without_post and not standing.over):
        return Step.TESTS
    if standing.passed > standing.certificates:
        # On the last day the sheet is printed and signed in the room; from then on certificates are due.
        return Step.RESULTS if not standing.certificates and not standing.over else Step.CERTIFICATES
    return Step.CLOSE


@dataclass(frozen=True)
class Gap:
    """Something that is missing when a run is to be closed."""

    code: str
    message: Message
    stops: bool = False  # closing must wait for it


def gaps(standing: Standing) -> list[Gap]:
    """What is missing to close the run, the things that stop it first."""
    found = []
    if standing.running:
        found.append(Gap("running", say("close", "Tests still running, to be handed in first: {n}", n=standing.running), stops=True))
    if standing.undecided:
        found.append(Gap("undecided", say("close", "Nominations not decided: {n}", n=standing.undecided)))
    if not standing.enrolled:
        found.append(Gap("nobody", say("close", "Nobody is enrolled")))
    if not standing.over and standing.today < standing.ends_on:
        found.append(Gap("early", say("close", "The run lasts until {day}", day=standing.ends_on)))
    if standing.without_pre:
        found.append(Gap("pre", say("close", "People without a pre-test, whose gain cannot be shown: {n}", n=standing.without_pre)))
    if standing.without_post:
        found.append(Gap("post", say("close", "People without a final test: {n}", n=standing.without_post)))
    if standing.passed > standing.certificates:
        found.append(
            Gap("certificates", say("close", "People who completed the course and have no certificate: {n}", n=standing.passed - standing.certificates))
        )
    return found


# ---- the session report ------------------------------------------------------------------------------------------------

DAYS_TO_REPORT = 5
"""Days after the last day of a run within which its report is made."""


class ReportState(StrEnum):
    """Where a report stands."""

    NOT_DUE = "not-due"
    DUE = "due"
    LATE = "late"
    MADE = "made"
    RECEIVED = "received"
    MISSING = "missing"


REPORT_STATES = {
    ReportState.NOT_DUE: say("report state", "not due yet"),
    ReportState.DUE: say("report state", "due"),
    ReportState.LATE: say("report state", "late"),
    ReportState.MADE: say("report state", "made"),
    ReportState.RECEIVED: say("report state", "received"),
    ReportState.MISSING: say("report state", "missing, with a reason"),
}


def report_state(run_state: str, ends_on: date, today: date, *, made: bool, received: bool, excused: bool) -> ReportState:
    """Where the report of a run stands on a day. A run that was cancelled or not opened owes none."""
    if received:
        return ReportState.RECEIVED
    if made:
        return ReportState.MADE
    if excused:
        return ReportState.MISSING
    if run_state not in ("open", "closed") or (run_state == "open" and today < ends_on):
        return ReportState.NOT_DUE
    return ReportState.DUE if today <= report_due_on(ends_on) else ReportState.LATE


def report_due_on(ends_on: date) -> date:
    """The last day on which a report is in time."""
    return ends_on + timedelta(days=DAYS_TO_REPORT)
