"""The outbox: mails are made with a release, wait until a person presses send, and leave one by one (delivery.py).

One person gets one mail of a batch. Nothing secret stands in a mail: what it links to are pages of this program, which ask
for a sign-in.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import i18n
from app.db import take_write_lock
from app.errors import Conflict, Message, say
from app.ids import new_id
from app.notices import rules
from app.notices.models import Mail
from app.notices.wording import spoken
from app.offices.models import Country, Office
from app.people.models import Person, Posting, Preference

ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)
"""An address within a text, as somebody may have typed one into a place or a reason: it may open a room, so it stays out of mails."""


@dataclass(frozen=True)
class Letter:
    """What somebody is to be written: a subject, sentences, and the path of the page of ours that says more."""

    person_id: uuid.UUID
    subject: Message
    lines: tuple[Message, ...]
    link: str = ""

    def __post_init__(self) -> None:
        if self.link and (not self.link.startswith("/") or self.link.startswith("//")):
            raise ValueError("a mail links to our own pages only")


@dataclass(frozen=True)
class Made:
    """The mails that wait now, and who has no address: they are told on the start page and on paper."""

    mails: list[Mail]
    without_address: list[uuid.UUID]


@dataclass(frozen=True)
class _Reader:
    name: str
    address: str
    language: str
    zone: str


def make_mails(
    db: Session, *, batch: uuid.UUID, office: Office, title: str, letters: Iterable[Letter], site: str, now: datetime,
) -> Made:
    """Put the letters of a release into the outbox of an office: one mail for each person, in his language and his zone.

    Several letters to one person become one mail; who has a mail of this batch already gets no second one. Params of the messages
    may be what rules.kept takes. `site` is the address of this node, to which the letters' paths are added.
    """
    take_write_lock(db)
    own: dict[uuid.UUID, list[Letter]] = {}
    for letter in letters:
        own.setdefault(letter.person_id, []).append(letter)
    readers = _readers(db, own, now)
    known = set(db.scalars(sa.select(Mail.person_id).where(Mail.batch == batch)))
    made, without = [], []
    for person_id, his in own.items():
        reader = readers.get(person_id)
        if reader is None or not rules.can_be_mailed(reader.address):
            without.append(person_id)
        elif person_id not in known:
            subject, body = written(his, reader.name, reader.language, reader.zone, site)
            made.append(Mail(
                batch=batch, office_id=office.id, title=title, person_id=person_id, address=reader.address, subject=subject, body=body,
                message_id=f"<{new_id()}@{urlsplit(site).hostname or 'sabaq'}>", made_at=now,
            ))  # fmt: skip
    db.add_all(made)
    db.flush()
    return Made(made, without)


def written(letters: Iterable[Letter], name: str, language: str, zone: str, site: str) -> tuple[str, str]:
    """Subject and body of the mail that these letters make, in a language and with the times of a zone."""
    letters = list(letters)
    with i18n.speaking(language):
        subject = spoken(letters[0].subject, zone) if len(letters) == 1 else i18n.nt("mail", "{n} message about your training", "{n} messages about your training", len(letters))
        parts = [i18n.t("mail", "Good day, {name}!", name=name)]
        for letter in letters:
            lines = [ADDRESS.sub(i18n.t("mail", "(address on our page)"), spoken(line, zone)) for line in letter.lines]
            if letter.link:
                lines.append(i18n.t("mail", "More, after you have signed in: {address}", address=site + letter.link))
            parts.append("\n".join(lines))
        parts.append(i18n.t("mail", "This was sent by a program, and nobody reads what is answered to this address. The same stands on your start page."))
    return " ".join(subject.split()), "\n\n".join(parts) + "\n"


def _readers(db: Session, people: Iterable[uuid.UUID], now: datetime) -> dict[uuid.UUID, _Reader]:
    today = now.date()
    rows = db.execute(
        sa.select(Person.id, Person.display_name, Person.email, Preference.language, Country.languages, Office.zone, Country.zone)
        .join(Country, Country.id == Person.country_id).outerjoin(Preference, Preference.person_id == Person.id)
        .outerjoin(Posting, sa.and_(Posting.person_id == Person.id, Posting.valid_from <= today, sa.or_(Posting.valid_to.is_(None), Posting.valid_to >= today)))
        .outerjoin(Office, Office.id == Posting.office_id)
        .where(Person.id.in_(list(people))).order_by(Posting.valid_from)
    )
    return {
        id: _Reader(name, email.strip(), language_of(wish, spoken_there), zone or country_zone)
        for id, name, email, wish, spoken_there, zone, country_zone in rows
    }


def language_of(wish: str | None, spoken_there: Iterable[str]) -> str:
    """The language to write to somebody in: his own choice, else the first of his country that there is, else the node's."""
    return next((tag for tag in (wish, *spoken_there) if tag in i18n.LANGUAGES), None) or i18n.language()


# ---- what a person decides ---------------------------------------------------------------------------------------------


def press_send(db: Session, batch: uuid.UUID, *, by: uuid.UUID, now: datetime) -> int:
    """Let the waiting mails of a batch go; how many. Raises Conflict when none waits any more."""
    take_write_lock(db)
    waiting = _of(db, batch, "waiting")
    if not waiting:
        raise Conflict(say("outbox", "No mail of this release waits any more: somebody has sent or dropped them."))
    for mail in waiting:
        mail.state, mail.pressed_by, mail.due_at, mail.tries, mail.error = "pressed", by, now, 0, ""
    db.flush()
    return len(waiting)


def drop(db: Session, batch: uuid.UUID, *, by: uuid.UUID, now: datetime, sent_too: bool = False) -> int:
    """Let the mails of a batch that wait or failed never go; how many. Raises Conflict when there is none.

    `sent_too`: also those that somebody has sent; only where no mail server is set up, so that none can be on its way.
    """
    take_write_lock(db)
    found = _of(db, batch, "waiting", "failed", *(("pressed",) if sent_too else ()))
    if not found:
        raise Conflict(say("outbox", "There is nothing to drop: these mails are sent, on their way, or dropped."))
    for mail in found:
        mail.state, mail.pressed_by, mail.due_at = "dropped", by, None
    db.flush()
    return len(found)


def again(db: Session, batch: uuid.UUID, *, by: uuid.UUID, now: datetime) -> int:
    """Try the failed mails of a batch again, to the addresses that their people have now; how many. Raises Conflict when none failed."""
    take_write_lock(db)
    failed = _of(db, batch, "failed")
    if not failed:
        raise Conflict(say("outbox", "No mail of this release has failed."))
    readers = _readers(db, [mail.person_id for mail in failed], now)
    for mail in failed:
        address = readers[mail.person_id].address
        mail.address = address if rules.can_be_mailed(address) else mail.address
        mail.state, mail.pressed_by, mail.due_at, mail.tries, mail.error = "pressed", by, now, 0, ""
    db.flush()
    return len(failed)


def _of(db: Session, batch: uuid.UUID, *states: str) -> list[Mail]:
    return list(db.scalars(sa.select(Mail).where(Mail.batch == batch, Mail.state.in_(states)).order_by(Mail.id).with_for_update()))

