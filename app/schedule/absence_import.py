"""A list of absences as people keep it in a table: who, why, from, to; read whole, or refused with what is wrong at which row."""

from __future__ import annotations

import re
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import take_write_lock
from app.errors import Message, say
from app.offices.models import Office
from app.offices.scope import under
from app.people.models import Person, Posting
from app.people.register_files import Grid
from app.trainers import absences, rules
from app.trainers.rules import Span

COLUMNS = ("who", "kind", "from", "to", "note")
"""Who (a service number, or the code of an office for its whole staff), why, first and last day or moment, a note."""
MOST_SHOWN = 50


@dataclass(frozen=True)
class Entry:
    """One row of the list, read."""

    row: int
    who: str
    kind: str
    first: date
    starts: time | None
    last: date
    ends: time | None
    note: str


@dataclass(frozen=True)
class Wrong:
    """What cannot be taken, and in which row of the file."""

    row: int
    message: Message


def read(grid: Grid, words: Mapping[str, str]) -> tuple[list[Entry], list[Wrong]]:
    """The rows of a file. `words`: what a kind is called -> its code. A first row without a day in it is the head.

    Days are written 2026-11-24 or 24.11.2026, moments with an hour after it ("24.11.2026 08:00").
    """
    entries, wrong = [], []
    for n, row in enumerate(grid.rows):
        who, kind, first, last, note = (row.cell(at).text.strip() for at in range(5))
        if n == 0 and _moment(first) is None and _moment(last) is None:
            continue
        starts, ends = _moment(first), _moment(last or first)
        code = words.get(kind.casefold(), kind.casefold())
        if not who:
            wrong.append(Wrong(row.number, say("absence", "Nobody is named: the first column has the service number, or the code of an office.")))
        elif code not in rules.KINDS:
            wrong.append(Wrong(row.number, say("absence", "“{kind}” is none of the reasons: leave, sick, shift, deployment, unavailable.", kind=kind or "–")))
        elif starts is None:
            wrong.append(Wrong(row.number, say("absence", "“{given}” is no day. Write 24.11.2026, or 24.11.2026 08:00.", given=first or "–")))
        elif ends is None:
            wrong.append(Wrong(row.number, say("absence", "“{given}” is no day. Write 24.11.2026, or 24.11.2026 08:00.", given=last)))
        else:
            entries.append(Entry(row.number, who, code, *starts, *ends, note))
    return entries, wrong


def _moment(text: str) -> tuple[date, time | None] | None:
    found = re.fullmatch(r"(?:(\d{4})-(\d{1,2})-(\d{1,2})|(\d{1,2})\.(\d{1,2})\.(\d{4}))(?:[ T](\d{1,2}):(\d{2})(?::\d{2})?)?", text)
    if found is None:
        return None
    year, month, day = (found[1], found[2], found[3]) if found[1] else (found[6], found[5], found[4])
    try:
        return date(int(year), int(month), int(day)), time(int(found[7]), int(found[8])) if found[7] else None
    except ValueError:
        return None


def span_of(first: date, starts: time | None, last: date, ends: time | None, zone: str) -> Span | Message:
    """From the first minute to the last: whole days where no hour is given. A Message says what cannot be."""
    if bad := rules.bad_days(first, last):
        return next(iter(bad.values()))
    whole = rules.whole_days(first, last, zone)
    exact = rules.hours(first, starts or time(), last, ends or time(), zone)
    span = Span(exact.starts_at if starts else whole.starts_at, exact.ends_at if ends else whole.ends_at)
    return span if span.ends_at > span.starts_at else say("absence", "This ends before it starts.")


@dataclass(frozen=True)
class Officer:
    """Somebody who may be meant."""

    person_id: uuid.UUID
    zone: str


def people(db: Session, names: Sequence[str], paths: Sequence[str], today: date) -> dict[str, list[Officer]]:
    """Whom service numbers and codes of offices mean, among the offices below `paths`: one for a number, a whole staff for a code."""
    wanted = {name.casefold(): name for name in names}
    holds = sa.and_(Posting.valid_from <= today, sa.or_(Posting.valid_to.is_(None), Posting.valid_to >= today))
    rows = db.execute(
        sa.select(Person.id, Person.service_number, Office.code, Office.zone)
        .join(Posting, Posting.person_id == Person.id).join(Office, Office.id == Posting.office_id)
        .where(
            holds, under(Office.path, paths), sa.or_(Person.left_on.is_(None), Person.left_on > today),
            sa.or_(sa.func.lower(Person.service_number).in_(list(wanted)), sa.func.lower(Office.code).in_(list(wanted))),
        )
    )
    found: dict[str, dict[uuid.UUID, Officer]] = defaultdict(dict)
    for id, number, office, zone in rows:
        for name in (number.casefold(), office.casefold()):
            if name in wanted:
                found[wanted[name]][id] = Officer(id, zone)
    return {name: list(ones.values()) for name, ones in found.items()}


def take(db: Session, entries: Sequence[Entry], paths: Sequence[str], today: date) -> tuple[int, list[Wrong]]:
    """Note all absences of a list, or none when a row cannot be taken. Gives how many are new, and what is wrong."""
    take_write_lock(db)
    whom = people(db, [one.who for one in entries], paths, today)
    wrong, planned = [], []
    offices = set(db.scalars(sa.select(sa.func.lower(Office.code)).where(sa.func.lower(Office.code).in_([one.who.casefold() for one in entries]))))
    for one in entries:
        officers = whom.get(one.who, [])
        if not officers:
            wrong.append(Wrong(one.row, say("absence", "{who} is nobody of your offices.", who=one.who)))
        elif len(officers) > 1 and one.who.casefold() not in offices:
            wrong.append(Wrong(one.row, say("absence", "Several officers have the number {who}. Note it on their own pages.", who=one.who)))
        else:
            for officer in officers:
                span = span_of(one.first, one.starts, one.last, one.ends, officer.zone)
                if isinstance(span, Message):
                    wrong.append(Wrong(one.row, span))
                    break
                planned.append((officer, one, span))
    if wrong:
        return 0, wrong
    new = sum(
        len(absences.add(db, person_id=officer.person_id, kind=one.kind, spans=[span], zone=officer.zone, note=one.note)) for officer, one, span in planned
    )
    return new, []
