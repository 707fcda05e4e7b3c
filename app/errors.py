"""Domain errors and the messages they carry; pure, so that rules may raise them. How they look is http.py's matter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, ClassVar


@dataclass(frozen=True)
class Message:
    """A sentence for people, not translated yet: a gettext context, the English text, and what fills its braces."""

    context: str
    text: str
    params: Mapping[str, Any] = field(default_factory=dict)


def say(context: str, text: str, **params: Any) -> Message:
    """Mark a sentence for translation where there is no page to translate it for."""
    return Message(context, text, params)


@dataclass(frozen=True)
class Days:
    """Days from a first to a last one, for a sentence: "12-14 May 2026"; one day alone where they are the same."""

    first: date
    last: date


@dataclass(frozen=True)
class Month:
    """A month, for a sentence: "May 2026"."""

    first: date


@dataclass(frozen=True)
class Tongue:
    """A language by its tag, for a sentence: "Russian"."""

    tag: str


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
        super().__init__(say("error", "This is kept by {node} and can be changed only there. Ask them: the change comes here with the next exchange.", node=node))


class CentreOnly(NotOurs):
    """Something that only the centre adds, asked for at a class server."""

    SENTENCES: ClassVar[Mapping[str, Message]] = {
        "course_run": say("error", "Runs are planned at the centre. They come here with the next exchange."),
        "run_trainer": say("error", "Trainers are put on a run at the centre. The change comes here with the next exchange."),
        "nomination": say("error", "Nominations are made at the centre. Whoever stands in the room is enrolled here as a walk-in."),
        "role_grant": say("error", "Roles are given at the centre. They come here with the next exchange."),
        "number_block": say("error", "Numbers for certificates are given by the centre. Ask there for a block for this class server."),
        "course": say("error", "Courses are published at the centre. They come here with the next exchange."),
        "course_version": say("error", "Courses are published at the centre. They come here with the next exchange."),
        "signatory": say("error", "Signatories are kept at the centre. They come here with the next exchange."),
    }

    def __init__(self, table: str) -> None:
        self.table, self.node = table, ""
        Conflict.__init__(self, self.SENTENCES[table])


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


class BadBundle(Invalid):
    """A bundle that is not taken, whole and before anything was changed. `code` names the reason in receipts and tests."""

    SENTENCES: ClassVar[Mapping[str, Message]] = {
        "not-a-bundle": say("bundle", "This file is not a bundle of Sabaq. Choose the file that was made for this server."),
        "other-receiver": say(
            "bundle",
            "This bundle from {sender} is locked for {to}. Take it to that server, or have a new one made for this one.",
        ),
        "old-keys": say("bundle", "This bundle from {sender} was made for earlier keys of this server and cannot be read any more. Have a new one made there."),
        "other-node": say("bundle", "This bundle from {sender} is for {to}, and this server is {own}. Nothing of it was taken."),
        "unknown-sender": say("bundle", "This bundle comes from {sender}, which this server does not know. It has to join first."),
        "signature": say("bundle", "This bundle says that it comes from {sender}, but it was not signed with the key of {sender}. Nothing of it was taken."),
        "cut": say("bundle", "The bundle is cut short after {bytes} bytes. Nothing of it was taken: copy it again from where it was made."),
        "changed": say("bundle", "The bundle was damaged or changed at its part {part}. Nothing of it was taken: copy it again from where it was made."),
        "malformed": say("bundle", "The bundle from {sender} does not keep to the format at its part {part}. Nothing of it was taken: have a new one made there."),
        "newer": say("bundle", "This bundle was made by a newer release of Sabaq. Update this server, then take it again."),
        "too-big": say("bundle", "Part {part} of the bundle is larger than a part may be ({bytes} bytes). Nothing of it was taken."),
        "unreadable": say("bundle", "The bundle could not be read any further after {bytes} bytes. Put the stick in again, or copy the file again."),
        "source": say("bundle", "The file {name} of this server is not what it was when it was kept, so no bundle was made. Run the check of the server."),
    }

    def __init__(self, code: str, **params: Any) -> None:
        self.code = code
        super().__init__(replace(self.SENTENCES[code], params=params))


class BadSegment(Invalid):
    """A segment that is not what its writer signed, or not a segment. `code` names the reason, `detail` the field for who mends it."""

    SENTENCES: ClassVar[Mapping[str, Message]] = {
        "malformed": say("segment", "A part of what was brought does not keep to the format. It was not taken: have the bundle made again."),
        "newer": say("segment", "A part of what was brought was written by a newer release of Sabaq. Update this server, then take the bundle again."),
        "unknown-node": say("segment", "A part of what was brought was written by {node}, which this server does not know. It was not taken: {node} has to join first."),
        "signature": say("segment", "Part {number} of the journal of {node} was not signed with the key of {node}. It was not taken."),
        "content": say("segment", "Part {number} of the journal of {node} is not what was signed there. It was not taken: have the bundle made again."),
        "too-big": say("segment", "A part of what was brought is larger than it may be. It was not taken."),
    }

    def __init__(self, code: str, detail: str = "", **params: Any) -> None:
        self.code, self.detail = code, detail
        super().__init__(replace(self.SENTENCES[code], params=params))


class BadReceipt(Invalid):
    """A receipt that its giver did not sign, or that is not one."""

    SENTENCES: ClassVar[Mapping[str, Message]] = {
        "malformed": say("receipt of a bundle", "A receipt does not keep to the format. It does not count."),
        "signature": say("receipt of a bundle", "A receipt says that it was given by {node}, but was not signed with the key of {node}. It does not count."),
    }

    def __init__(self, code: str, detail: str = "", **params: Any) -> None:
        self.code, self.detail = code, detail
        super().__init__(replace(self.SENTENCES[code], params=params))


class BadKeys(DomainError):
    """The file with this node's own keys cannot be used."""

    def __init__(self, path: str) -> None:
        super().__init__(say("keys of a node", "The file {path} with the keys of this server cannot be read. Put it back from the backup; without it this server has to join again.", path=path))
