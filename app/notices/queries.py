"""Reads of notices and of the outbox that pages share."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.notices.models import Mail, Notice, NoticeSeen
from app.offices.models import Office
from app.offices.scope import under
from app.people.models import Person

KEPT_FOR = timedelta(days=180)  # older notices say nothing that anybody looks for
AT_START = 5


@dataclass(frozen=True)
class Told:
    """A notice, and whether its reader has put it away."""

    notice: Notice
    away: bool


# The start page asks it at every visit: made once, because putting it together costs more than running it.
_ALL = (
    sa.select(Notice, NoticeSeen.id.is_not(None)).outerjoin(NoticeSeen, NoticeSeen.notice_id == Notice.id)
    .where(Notice.person_id == sa.bindparam("person_id"), Notice.at > sa.bindparam("since")).order_by(Notice.at.desc(), Notice.id.desc())
)
_WAITING = _ALL.where(NoticeSeen.id.is_(None), sa.or_(Notice.until.is_(None), Notice.until > sa.bindparam("now")))


def for_person(db: Session, person_id: uuid.UUID, *, now: datetime, limit: int | None = None, away: bool = False) -> list[Told]:
    """What somebody is told, the newest first; `away` includes what he has put away and what is over. One query."""
    rows = _ALL if away else _WAITING
    found = db.execute(rows if limit is None else rows.limit(limit), {"person_id": person_id, "since": now - KEPT_FOR, "now": now})
    return [Told(notice, seen) for notice, seen in found]


def count_for(db: Session, person_id: uuid.UUID, *, now: datetime) -> int:
    """How many notices wait on somebody's start page."""
    return db.scalar(
        sa.select(sa.func.count()).select_from(Notice).outerjoin(NoticeSeen, NoticeSeen.notice_id == Notice.id).where(
            Notice.person_id == person_id, Notice.at > now - KEPT_FOR, NoticeSeen.id.is_(None), sa.or_(Notice.until.is_(None), Notice.until > now),
        )
    ) or 0


# ---- the outbox ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Batch:
    """The mails of one release."""

    id: uuid.UUID
    title: str
    office_id: uuid.UUID
    made_at: datetime
    mails: Sequence[tuple[Mail, str]]  # with the name of who gets it

    @property
    def counts(self) -> Counter[str]:
        """How many mails are in which state."""
        return Counter(mail.state for mail, _ in self.mails)


def outbox(db: Session, paths: Iterable[str], *, since: datetime) -> list[Batch]:
    """The batches of the offices below some paths that were made since a moment or are not over; the newest first. One query."""
    open_ones = sa.select(Mail.batch).where(Mail.state.in_(("waiting", "pressed", "failed")))
    rows = db.execute(
        sa.select(Mail, Person.display_name).join(Person, Person.id == Mail.person_id).join(Office, Office.id == Mail.office_id)
        .where(under(Office.path, paths), sa.or_(Mail.made_at >= since, Mail.batch.in_(open_ones))).order_by(Mail.made_at.desc(), Mail.batch, Person.sort_key)
    ).all()
    return _batches([(mail, name) for mail, name in rows])


def batch_of(db: Session, batch: uuid.UUID) -> Batch | None:
    """One batch; None for an unknown one."""
    rows = db.execute(sa.select(Mail, Person.display_name).join(Person, Person.id == Mail.person_id).where(Mail.batch == batch).order_by(Person.sort_key)).all()
    return next(iter(_batches([(mail, name) for mail, name in rows])), None)


def _batches(rows: Iterable[tuple[Mail, str]]) -> list[Batch]:
    found: dict[uuid.UUID, list[tuple[Mail, str]]] = {}
    for mail, name in rows:
        found.setdefault(mail.batch, []).append((mail, name))
    return [Batch(id, mails[0][0].title, mails[0][0].office_id, min(mail.made_at for mail, _ in mails), mails) for id, mails in found.items()]
