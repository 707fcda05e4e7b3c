"""What people are told: the sentence of each code, how what fills its gaps is kept in a row, when a reminder is due. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any

from app.errors import Days, Message, Month, Tongue, say

SENTENCES: Mapping[str, Message] = {
    # a session
    "teach": say("notice", "{title} ({code}): {when}, {place}. Your part: {role}."),
    "attend": say("notice", "You take part in {title}: {when}, {place}."),
    "host": say("notice", "In your class: {title} ({code}), {when}. People: {n}."),
    "changed": say("notice", "{title} ({code}) has changed. It is now: {when}, {place}."),
    "way-in": say("notice", "The way in to {title} ({code}), {when}, has changed. Open it from your page."),
    "cancelled": say("notice", "{title} ({code}), {when}, is cancelled. {reason}"),
    "not-needed": say("notice", "You are no longer needed for {title} ({code}), {when}. Your part was: {role}. {reason}"),
    "remind": say("notice", "Coming up: {title}, {when}, {place}."),
    "order": say("notice", "Order {number} of {day} sends you to {title}, {when}."),
    # a seat
    "seat-given": say("notice", "You have a seat in {title}: {when}, {place}."),
    "seat-waiting": say("notice", "You are on the wait-list of {title}, {when}, at place {n}."),
    "seat-promoted": say("notice", "From the wait-list you now have a seat in {title}: {when}, {place}. If you cannot come, decline it."),
    "seat-withdrawn": say("notice", "Your seat in {title}, {when}, was withdrawn. {reason}"),
    # an offer: to the trainer
    "offer": say("notice", "You are asked for {title}: {when}, {place}. Your part: {role}. Please answer by {until}."),
    "offer-withdrawn": say("notice", "The offer for {title}, {when}, was taken back. {reason}"),
    "proposal-taken": say("notice", "Your proposal for {title} ({code}) was taken. {answer}"),
    "proposal-refused": say("notice", "Your proposal for {title} ({code}) could not be taken. The offer still stands. {answer}"),
    # an offer: to the planner
    "offer-accepted": say("notice", "{who} accepted {title} ({code}), {when}. Part: {role}."),
    "offer-declined": say("notice", "{who} declined {title} ({code}), {when}, so the slot is open again. Part: {role}. Reason: {reason}"),
    "offer-proposed": say("notice", "{who} proposes something else for {title} ({code}), {when}: {reason}"),
    "no-answer": say("notice", "{who} has not answered since {since}: {title} ({code}), {when}. Part: {role}."),
    # a request to another country
    "request-asked": say("notice", "{office} asks for {who}: {title}, {when}, {place}. Part: {role}. Please answer by {until}."),
    "request-granted": say("notice", "{office} lets {who} come: {title} ({code}), {when}. Part: {role}."),
    "request-refused": say("notice", "{office} cannot let {who} come: {title} ({code}), {when}. Reason: {reason}"),
    "request-open": say("notice", "{office} has not answered since {since} whether {who} can come: {title} ({code}), {when}."),
    # what no longer holds
    "broken": say("notice", "{title} ({code}), {when}: {who} can no longer come as planned. {results}"),
    "mended": say("notice", "{title} ({code}), {when}: {who} can come again as planned."),
    "accreditation-ends": say("notice", "Your accreditation for {title} ends on {day}. Ask your training officer to renew it."),
    "observe": say("notice", "You are asked to watch a session of {who} on {day} and to sign what you saw."),
    "accreditation-of-ends": say("notice", "The accreditation of {who} for {title} ends on {day}."),
}
"""Code -> sentence; its gaps are the notice's `detail`. Whoever has something new to tell adds a row here."""


# ---- what fills the gaps ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class When:
    """From an instant to an instant, and the zone of the place where it is."""

    starts_at: datetime
    ends_at: datetime
    zone: str


def kept(value: Any) -> Any:
    """A gap's value as a row keeps it: moments, days, spans and messages as JSON that `read` gives back.

    Texts, numbers and texts by language stay as they are; a list may hold any of these.
    """
    if isinstance(value, When):
        return {"starts": value.starts_at.isoformat(), "ends": value.ends_at.isoformat(), "zone": value.zone}
    if isinstance(value, Message):
        return {"say": [value.context, value.text, {name: kept(one) for name, one in value.params.items()}]}
    if isinstance(value, datetime):
        return {"moment": value.isoformat()}
    if isinstance(value, date):
        return {"day": value.isoformat()}
    if isinstance(value, Days):
        return {"days": [value.first.isoformat(), value.last.isoformat()]}
    if isinstance(value, Month):
        return {"month": value.first.isoformat()}
    if isinstance(value, Tongue):
        return {"tongue": value.tag}
    if isinstance(value, Fraction):
        return {"fraction": str(value)}
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [kept(one) for one in value]
    return value


def read(value: Any) -> Any:
    """What `kept` was given."""
    if isinstance(value, Mapping):
        if "starts" in value and "zone" in value:
            return When(datetime.fromisoformat(value["starts"]), datetime.fromisoformat(value["ends"]), value["zone"])
        if "say" in value:
            context, text, params = value["say"]
            return Message(context, text, {name: read(one) for name, one in params.items()})
        if "moment" in value:
            return datetime.fromisoformat(value["moment"])
        if "day" in value:
            return date.fromisoformat(value["day"])
        if "days" in value:
            return Days(*(date.fromisoformat(one) for one in value["days"]))
        if "month" in value:
            return Month(date.fromisoformat(value["month"]))
        if "tongue" in value:
            return Tongue(value["tongue"])
        if "fraction" in value:
            return Fraction(value["fraction"])
        return dict(value)
    if isinstance(value, list):
        return [read(one) for one in value]
    return value


# ---- reminders -------------------------------------------------------------------------------------------------------

AHEAD = {"remind-3": timedelta(days=3), "remind-1": timedelta(days=1)}
"""How long before a meeting people are reminded; the nearest comes last."""
ACCREDITATION_DAYS = (60, 14)
"""So many days before an accreditation ends its holder and his training officer are told."""
ANSWER_WITHIN = timedelta(days=3)
"""An offer or a request that is not answered so long is said to be open, where no day was set for the answer."""


def reminder_due(starts_at: datetime, now: datetime) -> str | None:
    """Which reminder of a meeting is due now; None when none is, or when it has begun and a reminder would help nobody.

    When the node was off, only the nearest one that fell due is given: it says all that the earlier one would have said.
    """
    if now >= starts_at:
        return None
    due = [code for code, ahead in AHEAD.items() if now >= starts_at - ahead]
    return min(due, key=AHEAD.__getitem__, default=None)


def accreditation_due(last_day: date, today: date) -> int | None:
    """Which of the two warnings before the end of an accreditation is due: 60 or 14 (days); None for neither."""
    left = (last_day - today).days
    return min((days for days in ACCREDITATION_DAYS if 0 <= left <= days), default=None)


def unanswered(since: datetime, answer_by: datetime | None, now: datetime) -> bool:
    """Whether an offer or a request has waited too long for its answer."""
    return now >= (answer_by or since + ANSWER_WITHIN)


# ---- mails -----------------------------------------------------------------------------------------------------------

RETRIES = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1), timedelta(hours=4))
GIVE_UP_AFTER = 12  # tries: about a day and a half


def next_try(tries: int) -> timedelta:
    """How long to wait after so many tries that a mail server answered with "later", or not at all."""
    return RETRIES[min(max(tries, 1), len(RETRIES)) - 1]


def can_be_mailed(address: str) -> bool:
    """Whether something written in the field for an address can be one at all: one @, a domain, no blanks or control signs."""
    name, at, domain = address.partition("@")
    return bool(name and at and "." in domain.strip(".") and "@" not in domain and all(sign.isprintable() and sign not in " <>,;\"" for sign in address))
