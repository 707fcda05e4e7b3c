"""Check-in by phone: a code that lives 45 seconds and is bound to one meeting, one person for each phone, and the trainer's refusal."""

from __future__ import annotations

import base64
import hashlib
import hmac
import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import take_write_lock
from app.errors import Conflict, DomainError, Invalid, say
from app.people.models import Person
from app.runs.models import CourseRun
from app.runs.queries import Member
from app.schedule import queries, reconcile, rules
from app.schedule.models import Meeting, Presence, TrainingSession
from app.schedule.reconcile import Lesson, Seen

STEP = timedelta(seconds=30)
"""How often the code changes."""
HOLDS = timedelta(seconds=45)
"""How long a code is good, from the moment it was first shown: whoever scans at the last second still gets in."""
OPENS_BEFORE = timedelta(minutes=15)
_MAC = 10  # bytes

# ---- the code --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Code:
    """What a phone read."""

    meeting_id: uuid.UUID
    fresh: bool


def code_at(key: str, meeting_id: uuid.UUID, now: datetime) -> str:
    """The code of a meeting at a moment. It changes every 30 seconds, and nobody makes one who does not know the key."""
    step = int(now.timestamp()) // int(STEP.total_seconds())
    return _code(key, meeting_id, step)


def read_code(key: str, text: str, now: datetime) -> Code | None:
    """Which meeting a code is of, and whether it is still good; None for what was never a code of ours."""
    try:
        content = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except ValueError:
        return None
    if len(content) != 16 + 4 + _MAC:
        return None
    meeting_id, step = uuid.UUID(bytes=content[:16]), int.from_bytes(content[16:20], "big")
    if not hmac.compare_digest(_code(key, meeting_id, step).encode(), text.encode()):
        return None
    age = now.timestamp() - step * STEP.total_seconds()
    return Code(meeting_id, fresh=0 <= age < HOLDS.total_seconds())


def _code(key: str, meeting_id: uuid.UUID, step: int) -> str:
    content = meeting_id.bytes + step.to_bytes(4, "big")
    mac = hmac.new(key.encode(), b"check-in" + content, hashlib.sha256).digest()[:_MAC]
    return base64.urlsafe_b64encode(content + mac).decode()


def device_mark(key: str, meeting_id: uuid.UUID, cookie: str) -> str:
    """What is kept of a phone: the same at one meeting, another at the next, so that nobody is followed by his phone."""
    return hmac.new(key.encode(), f"phone {meeting_id} {cookie}".encode(), hashlib.sha256).hexdigest()


# ---- when ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Window:
    """From when until when people check in."""

    opens_at: datetime
    closes_at: datetime


def window(meeting: Meeting) -> Window:
    """A quarter of an hour before a meeting until its end."""
    return Window(meeting.starts_at - OPENS_BEFORE, meeting.ends_at)


class NotAllowed(Conflict):
    message = say("check-in", "Phones are not used at this meeting. Your trainer calls the roll, or you sign the sheet.")


class NotOpen(DomainError):
    """Outside the window; `opens_at` says when it opens, None when it is over."""

    def __init__(self, opens_at: datetime | None) -> None:
        self.opens_at = opens_at
        super().__init__(say("check-in", "Check-in is not open now. Nothing was noted, and nothing is lost: your trainer calls the roll."))


def must_be_open(db: Session, meeting: Meeting, now: datetime) -> None:
    """Raises NotAllowed where phones are not used or the meeting does not stand, NotOpen outside the window."""
    if not allows_phones(db, meeting) or meeting.state not in rules.STANDS:
        raise NotAllowed()
    open_ = window(meeting)
    if not open_.opens_at <= now < open_.closes_at:
        raise NotOpen(open_.opens_at if now < open_.opens_at else None)


def allows_phones(db: Session, meeting: Meeting) -> bool:
    """Whether the session of a meeting lets people check in by their own phones."""
    if meeting.session_id is None:
        return False
    return bool(db.scalar(sa.select(TrainingSession.allows_phones).where(TrainingSession.id == meeting.session_id)))


# ---- checking in -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scan:
    """The last word of the phones on somebody at a meeting: his scan, or that it was refused."""

    what: str  # scanned | refused
    at: datetime
    device: str
    by: str | None  # who refused
    reason: str


def scans_of(db: Session, meeting_id: uuid.UUID) -> dict[uuid.UUID, Scan]:
    """The last word on each enrolment, the earliest first. A scan after a refusal counts again."""
    rows = db.execute(
        sa.select(Presence, Person.short_name).outerjoin(Person, Person.id == Presence.by_id)
        .where(Presence.meeting_id == meeting_id, Presence.what.in_(("scanned", "refused")))
        .order_by(Presence.at, sa.case((Presence.what == "scanned", 0), else_=1))
    )
    last = {row.enrolment_id: Scan(row.what, row.at, row.device, by, row.reason) for row, by in rows}
    return dict(sorted(last.items(), key=lambda item: item[1].at))


def whose(members: Iterable[Member], typed: str) -> Member | None:
    """Who of the roll is meant by a service number, or by the two characters beside the name on the sheet."""
    wanted = typed.strip().upper().translate(_LOOK_ALIKE)
    by_number = [one for one in members if one.service_number.upper().translate(_LOOK_ALIKE) == wanted]
    if by_number:
        return by_number[0] if len(by_number) == 1 else None  # of two agencies: the code on the sheet says which
    return next((one for one in members if rules.person_code(one.number) == wanted), None)


_LOOK_ALIKE = str.maketrans("АВСЕНКМРТХУ", "ABCEHKMPTXY")
"""Letters that a phone with a Cyrillic keyboard writes for the same shapes."""
_UNKNOWN = say("check-in", "Nobody at this meeting has this service number or code. The code stands beside your name on the attendance sheet.")


@dataclass(frozen=True)
class Done:
    """What came of a check-in."""

    name: str
    at: datetime
    again: bool  # he had checked in before


def check_in(db: Session, run: CourseRun, meeting: Meeting, *, typed: str, device: str, now: datetime) -> Done:
    """Note that somebody's phone read the code in the room. The same person once more changes nothing.

    Raises what `must_be_open` raises; Invalid for a name that is nobody's here; Conflict when this phone has checked in
    somebody else at this meeting, or he was checked in by another phone.
    """
    take_write_lock(db)
    if db.get_bind().dialect.name != "sqlite":  # one phone twice at once: the second waits and sees the first
        db.execute(sa.select(Meeting.id).where(Meeting.id == meeting.id).with_for_update())
    must_be_open(db, meeting, now)
    members = queries.expected(db, run, meeting)
    member = whose(members, typed)
    if member is None:
        raise Invalid(fields={"who": _UNKNOWN})
    scans = scans_of(db, meeting.id)
    names = {one.enrolment_id: one.name for one in members}
    other = next((id for id, one in scans.items() if one.what == "scanned" and one.device == device and id != member.enrolment_id), None)
    if other is not None:
        raise Conflict(say("check-in", "This phone has checked in {name}. Each phone checks in one person: use your own, or tell your trainer.", name=names.get(other, "–")))
    held = scans.get(member.enrolment_id)
    if held is not None and held.what == "scanned":
        if held.device != device:
            raise Conflict(say("check-in", "You were checked in by another phone. If that was not you, tell your trainer now."))
        return Done(member.name, held.at, again=True)
    db.add(Presence(meeting_id=meeting.id, enrolment_id=member.enrolment_id, what="scanned", at=now, device=device))
    db.flush()
    return Done(member.name, now, again=False)


def refuse(db: Session, meeting: Meeting, enrolment_id: uuid.UUID, *, by: uuid.UUID, now: datetime, reason: str) -> None:
    """The trainer does not accept a scan: it counts no longer, and its phone is free again. What is on the roll stays as it is.

    Raises Conflict when there is no scan that holds, Invalid without a reason.
    """
    take_write_lock(db)
    held = scans_of(db, meeting.id).get(enrolment_id)
    if held is None or held.what != "scanned":
        raise Conflict(say("check-in", "There is no check-in of this person to refuse: somebody refused it in the meantime."))
    if not reason.strip():
        raise Invalid(fields={"reason": say("check-in", "Say why, in a few words: it stays beside the check-in.")})
    db.add(
        Presence(
            meeting_id=meeting.id, enrolment_id=enrolment_id, what="refused", at=max(now, held.at), device=held.device, by_id=by, reason=reason.strip()[:300],
        )
    )
    db.flush()


# ---- what devices saw ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sight:
    """What devices saw at a meeting: the lesson as the rule knows it, and of whom what (by enrolment)."""

    lesson: Lesson
    seen: dict[uuid.UUID, Seen]

    def of(self, enrolment_id: uuid.UUID) -> Seen:
        """What was seen of somebody."""
        return self.seen.get(enrolment_id, Seen())


def sight_of(db: Session, meeting: Meeting, members: Iterable[Member]) -> Sight:
    """What devices saw of the people of a meeting. Three queries, however many they are."""
    members = list(members)
    scans = {id: one.at for id, one in scans_of(db, meeting.id).items() if one.what == "scanned"}
    here = queries.signed_in(db, meeting, [one.person_id for one in members])
    words: dict[uuid.UUID, list[tuple[str, datetime]]] = defaultdict(list)
    rows = db.execute(
        sa.select(Presence.enrolment_id, Presence.what, Presence.at)
        .where(Presence.meeting_id == meeting.id, Presence.what.in_(("joined", "left")))
        .order_by(Presence.at, sa.case((Presence.what == "joined", 0), else_=1))
    )
    for enrolment_id, what, at in rows:
        words[enrolment_id].append((what, at))
    seen = {
        one.enrolment_id: Seen(scans.get(one.enrolment_id), reconcile.stays(words.get(one.enrolment_id, ())), here.get(one.person_id))
        for one in members
    }
    return Sight(Lesson(meeting.starts_at, meeting.ends_at, min(scans.values(), default=None)), seen)

