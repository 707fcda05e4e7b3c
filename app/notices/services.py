"""Verbs of notices: telling somebody something on his start page, once where a key is given, and putting it away."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import take_write_lock
from app.notices import rules
from app.notices.models import Notice, NoticeSeen


def tell(
    db: Session, person_id: uuid.UUID, what: str, detail: Mapping[str, Any], link: str, now: datetime, key: str = "", until: datetime | None = None,
) -> Notice | None:
    """Tell somebody something on his start page. With a `key` it is told once: a second time gives None.

    `what` is a code of rules.SENTENCES; `detail` fills the sentence's gaps: texts, numbers, texts by language, moments, days,
    rules.When (or a list of them) and Messages. `link` is a path of this program; after `until` it is not shown any more.
    Raises KeyError for an unknown code and for a gap that nothing fills: a half sentence must not reach anybody.
    """
    take_write_lock(db)
    sentence = rules.SENTENCES[what]
    sentence.text.format_map(dict(detail))
    if key and db.scalar(sa.select(Notice.id).where(Notice.person_id == person_id, Notice.key == key).limit(1)):
        return None
    notice = Notice(
        person_id=person_id, what=what, detail={name: rules.kept(value) for name, value in detail.items()}, link=link, at=now, key=key, until=until,
    )
    db.add(notice)
    db.flush()
    return notice


def put_away(db: Session, notices: Iterable[Notice], *, now: datetime) -> int:
    """Put notices away: they leave the start page of this node and stay on the page of all notices. How many were not yet."""
    take_write_lock(db)
    ids = [notice.id for notice in notices]
    seen = set(db.scalars(sa.select(NoticeSeen.notice_id).where(NoticeSeen.notice_id.in_(ids)).with_for_update()))
    new = [id for id in dict.fromkeys(ids) if id not in seen]
    db.add_all(NoticeSeen(notice_id=id, at=now) for id in new)
    db.flush()
    return len(new)


def settled(db: Session, people: Iterable[uuid.UUID], what: str, link: str, *, now: datetime) -> None:
    """What asked these people for something is settled: it leaves their start pages, as if they had put it away."""
    take_write_lock(db)
    put_away(db, db.scalars(sa.select(Notice).where(Notice.person_id.in_(list(people)), Notice.what == what, Notice.link == link)), now=now)
