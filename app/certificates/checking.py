"""Is this certificate real? With the address of its QR code, or without any network from the text of the code alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app import clock, i18n
from app.certificates import keys, queries, rules
from app.certificates.queries import Line
from app.certificates.rules import Signed, State
from app.errors import Message, say
from app.ids import token_hash

STATES: dict[State, Message] = {
    State.ISSUED: say("check", "Valid"),
    State.SUSPENDED: say("check", "Suspended: it does not count for the time being"),
    State.REVOKED: say("check", "Revoked: it is no longer valid"),
    State.REPLACED: say("check", "Replaced by a newer certificate: this one is no longer valid"),
    State.VOIDED: say("check", "Void: it was never valid"),
}


def find(db: Session, number: str, key: str) -> Line | None:
    """The certificate that an address names by its number and random key.

    A number that cannot exist, one that is not given, and a wrong key all take the same way through here.
    """
    parsed = rules.parse(number)
    return queries.by_key(db, str(parsed) if parsed else number[:24], token_hash(re.sub(r"[^0-9A-Z]", "", key.upper())[:20]))


@dataclass(frozen=True)
class Verdict:
    """What a check of a QR code's text came to."""

    outcome: str  # valid | wrong-signature | unknown-key | unreadable
    as_of: datetime
    signed: Signed | None = None
    line: Line | None = None  # what this node knows of it
    name_fits: bool | None = None  # of the name on the paper in hand; None: not asked

    @property
    def state(self) -> State | None:
        """How the certificate stands, as far as this node has heard; None when it has heard of none."""
        return self.line.state if self.line else None

    @property
    def genuine(self) -> bool:
        """Whether the paper may be trusted: signed by a known key, not known to be out of force, the name not another's."""
        return self.outcome == "valid" and self.state in (None, State.ISSUED) and self.name_fits is not False

    @property
    def message(self) -> Message:
        """The verdict as one sentence."""
        when = i18n.moment(self.as_of, named=True)
        if self.outcome == "unreadable":
            return say("check", "This is not the whole text of a certificate's code. Scan it again, or copy it without leaving out anything.")
        if self.outcome == "unknown-key":
            return say("check", "It was signed with a key that this office does not know: ask the Situation Center.")
        if self.outcome == "wrong-signature":
            return say("check", "The signature is wrong: this certificate was not issued as it stands.")
        if self.name_fits is False:
            return say("check", "The signature is valid, but it was issued to another name than the one you typed.")
        if self.state is None:
            return say("check", "Signature valid. This office has heard nothing against it; status as of {when}.", when=when)
        return say("check", "Signature valid. {state}; status as of {when}.", state=STATES[self.state], when=when)

    @property
    def sentence(self) -> str:
        """The same, in the language of who asks."""
        return i18n.say(self.message)

    def as_dict(self) -> dict[str, Any]:
        """The verdict for programs."""
        found: dict[str, Any] = {
            "genuine": self.genuine, "outcome": self.outcome, "state": self.state.value if self.state else None,
            "as_of": self.as_of.isoformat(timespec="seconds"), "sentence": self.sentence,
        }
        if self.signed and self.outcome == "valid":
            found |= {
                "number": str(self.signed.number), "kind": self.signed.kind.value, "issued_on": self.signed.issued_on.isoformat(),
                "key_id": self.signed.key_id,
            }
        return found


def check_text(db: Session, text: str, *, name: str = "") -> Verdict:
    """Check the text of a QR code against the public keys that this node knows; needs no network.

    `name` is the holder's as printed, if the checker typed it: the code holds a hash of it.
    """
    now = clock.now()  # there is no exchange yet: what this node knows, it knows as of now
    signed = rules.read_payload(text)
    if signed is None:
        return Verdict("unreadable", now)
    known = queries.public_keys(db, signed.key_id)
    if not known:
        return Verdict("unknown-key", now, signed)
    if not any(keys.signature_fits(signed, key.public_key) for key in known):
        return Verdict("wrong-signature", now, signed)
    fits = rules.same_name(signed, name) if name.strip() else None
    return Verdict("valid", now, signed, queries.by_number(db, str(signed.number)), fits)
