"""Domain errors and the messages they carry; pure, so that rules may raise them. How they look is http.py's matter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Message:
    """A sentence for people, not translated yet: a gettext context, the English text, and what fills its braces."""

    context: str
    text: str
    params: Mapping[str, Any] = field(default_factory=dict)


def say(context: str, text: str, **params: Any) -> Message:
    """Mark a sentence for translation where there is no page to translate it for."""
    return Message(context, text, params)


class DomainError(Exception):
    """Something that the product refuses for a reason that a person can act on."""

    message = say("error", "This could not be done.")

    def __init__(self, message: Message | None = None) -> None:
        self.message = message or type(self).message
        super().__init__(self.message.text.format_map(_Shown(self.message.params)))


class _Shown(dict[str, Any]):
    """Parameters for the log line: a missing one shows its name instead of hiding the error."""

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


class NotSignedIn(DomainError):
    message = say("error", "Sign in to go on.")


class Locked(NotSignedIn):
    message = say("error", "This page is locked. Give the password to go on; nothing was changed.")


class NotAllowed(DomainError):
    message = say("error", "Your roles do not include this. Ask the person who gives roles in your office.")


class NotFound(DomainError):
    message = say("error", "There is nothing here that you can see. The address may be old, or it belongs to another office.")


class Conflict(DomainError):
    message = say("error", "Someone else changed this in the meantime. Look at it again, then repeat what you wanted to do.")


class NotOurs(Conflict):
    """A change to a row that another node keeps: only its owner changes it, so that two nodes never disagree about it."""

    def __init__(self, *, table: str, node: str) -> None:
        self.table, self.node = table, node
        super().__init__(say("error", "This is kept by the node {node}: it can be changed only there. Ask them, or take it over on the exchange page.", node=node))


class Busy(DomainError):
    message = say("error", "The server is busy and did not save this. Nothing is lost on your side: try again in a few seconds.")


class StorageFull(Busy):
    message = say(
        "error",
        "The server's disk is full: nothing can be saved. Answers wait on the PCs: leave these pages open. The administrator must make room on the server.",
    )


class StorageFailed(Busy):
    message = say(
        "error",
        "The server's disk reported an error: nothing is saved. Answers wait on the PCs: leave these pages open. The administrator must restart the server, which then checks its database.",
    )


class Throttled(DomainError):
    """Too many tries; `seconds` says when the next one counts."""

    def __init__(self, seconds: int, message: Message | None = None) -> None:
        self.seconds = seconds
        super().__init__(message or say("error", "Too many tries. Try again in {seconds} s.", seconds=seconds))


class Invalid(DomainError):
    """Input that cannot be taken. `fields` maps a field's name to what is wrong with it."""

    message = say("error", "Some of this cannot be taken as it is.")

    def __init__(self, message: Message | None = None, fields: Mapping[str, Message] | None = None) -> None:
        self.fields = dict(fields or {})
        super().__init__(message or next(iter(self.fields.values()), None))
