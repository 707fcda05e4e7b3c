"""Verbs of meetings: take over a timetable, change meetings and their lines, take the roll, say who taught, project a page."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import take_write_lock
from app.errors import Conflict, Invalid, Message, say
from app.ids import new_id
from app.offices.models import Classroom
from app.runs import rules as run_rules
from app.runs.models import CourseRun, Enrolment
from app.schedule import bookings, checkin, queries, reconcile, rules
from app.schedule.models import AttendanceMark, Meeting, MeetingItem, Taught, TeachScreen
from app.schedule.queries import Noted
from app.schedule.reconcile import Proposed
from app.schedule.rules import Line, Proposal, Span, Status

# ---- the timetable ---------------------------------------------------------------------------------------------------


def take_over(db: Session, run: CourseRun, proposal: Proposal, *, by: uuid.UUID, now: datetime) -> list[Meeting]:
    """Give a run the meetings of a proposal, on its own days, with their lines.

    Raises Conflict when the run is over or has meetings already, Invalid when the proposal is empty.
    """
    take_write_lock(db)
    _must_go_on(run)
    if queries.meetings_of(db, run.id):
        raise Conflict(say("timetable", "{code} has a timetable already. Change its meetings one by one.", code=run.code))
    if not proposal.meetings:
        raise Invalid(say("timetable", "There is nothing to take over: the run has no day for it."))
    made = []
    for planned in proposal.meetings:
        span = Span(planned.day, planned.part.starts, planned.part.ends)
        meeting = _meeting(run, span)
        db.add(meeting)
        made.append(meeting)
        for place, line in enumerate(planned.part.lines, 1):
            db.add(MeetingItem(meeting_id=meeting.id, place=place, kind=line.kind, ref=line.ref, minutes=line.minutes, who=line.who))
    db.flush()
    return made


def undo_take_over(db: Session, run: CourseRun, *, by: uuid.UUID, now: datetime) -> int:
    """Take a run's whole timetable away again, while nothing has happened at any of its meetings.

    Raises Conflict when a meeting has begun, or something was noted at one.
    """
    take_write_lock(db)
    _must_go_on(run)
    meetings = queries.meetings_of(db, run.id)
    if not may_undo(db, meetings, now):
        raise Conflict(say("timetable", "A meeting has begun or something was noted at one: the timetable stays. Cancel single meetings instead."))
    for items in queries.items_of(db, [one.id for one in meetings]).values():
        for item in items:
            db.delete(item)
    db.flush()  # lines first: they point at their meeting
    for meeting in meetings:
        db.delete(meeting)
    db.flush()
    return len(meetings)


def may_undo(db: Session, meetings: Sequence[Meeting], now: datetime) -> bool:
    """Whether a timetable can be taken away as a whole: no meeting has begun or belongs to a session, nothing was noted."""
    ids = [one.id for one in meetings]
    if not ids or any(one.starts_at <= now or one.state != "planned" or one.session_id is not None for one in meetings):
        return False
    noted = sa.select(sa.func.count()).select_from(AttendanceMark).where(AttendanceMark.meeting_id.in_(ids)).scalar_subquery()
    taught = sa.select(sa.func.count()).select_from(Taught).where(Taught.meeting_id.in_(ids)).scalar_subquery()
    return not db.scalar(sa.select(noted + taught))


def add_meeting(
    db: Session, run: CourseRun, *, span: Span, by: uuid.UUID, now: datetime, classroom: Classroom | None = None, place: str = ""
) -> Meeting:
    """Add a meeting to a run. Raises Conflict when the run is over, Invalid for a span that cannot be."""
    take_write_lock(db)
    _must_go_on(run)
    _refuse_bad_span(db, run, span)
    meeting = _meeting(run, span)
    meeting.classroom_id, meeting.place = classroom.id if classroom else None, place.strip()
    db.add(meeting)
    db.flush()
    return meeting


def change_meeting(
    db: Session, run: CourseRun, meeting: Meeting, *, span: Span, by: uuid.UUID, now: datetime,
    classroom: Classroom | None = None, place: str = "",
) -> None:
    """Move, shorten or lengthen a meeting, or give it another place.

    Raises Conflict when it is cancelled, the run is over, or its session's people or room are taken at that time; Invalid
    for a span that cannot be, or one that is shorter than what somebody was late by.
    """
    take_write_lock(db)
    _must_go_on(run)
    _must_stand(meeting)
    _refuse_bad_span(db, run, span, but=meeting)
    longest = max(
        (notes[0].mark.minutes or 0 for notes in queries.marks_of(db, meeting.id).values() if notes[0].mark.status in rules.TIMED), default=0,
    )
    if longest >= span.ends - span.starts:
        raise Invalid(fields={"ends": say("meeting", "Somebody is noted as late or gone early by {n} min: correct that first.", n=longest)})
    meeting.day, meeting.starts_at, meeting.ends_at = span.day, _moment(span.day, span.starts, meeting.zone), _moment(span.day, span.ends, meeting.zone)
    meeting.classroom_id, meeting.place = classroom.id if classroom else None, place.strip()
    _moved(db, meeting)


def cancel_meeting(db: Session, run: CourseRun, meeting: Meeting, *, by: uuid.UUID, now: datetime, reason: str) -> None:
    """Cancel a meeting: it stays on the timetable with its reason, and counts for nobody's hours.

    Raises Conflict when it is cancelled already or the run is over, Invalid without a reason.
    """
    take_write_lock(db)
    _must_go_on(run)
    _must_stand(meeting)
    if not reason.strip():
        raise Invalid(fields={"reason": say("meeting", "Say why the meeting is cancelled: it stands on the timetable.")})
    meeting.state, meeting.reason = "cancelled", reason.strip()
    _moved(db, meeting)


def restore_meeting(db: Session, run: CourseRun, meeting: Meeting, *, by: uuid.UUID, now: datetime) -> None:
    """Hold a cancelled meeting after all. Raises Conflict when it stands or the run is over, Invalid when its time is taken."""
    take_write_lock(db)
    _must_go_on(run)
    if meeting.state != "cancelled":
        raise Conflict()
    if wrong := rules.bad_span(queries.span_of(meeting), first=run.starts_on, last=run.ends_on, others=_spans(db, run, meeting)):
        raise Invalid(next(iter(wrong.values())))
    noted = any(notes[0].mark.channel != "office" for notes in queries.marks_of(db, meeting.id).values())
    meeting.state, meeting.reason = "held" if noted else "planned", ""
    _moved(db, meeting)


def _moved(db: Session, meeting: Meeting) -> None:
    """Calendars take the newest word on a meeting; what its session books is kept where sessions are planned."""
    meeting.sequence += 1
    db.flush()
    if meeting.session_id is not None and db.info.get("role") != "classroom":
        bookings.refresh(db, [meeting.session_id])


def _meeting(run: CourseRun, span: Span) -> Meeting:
    return Meeting(
        run_id=run.id, day=span.day, starts_at=_moment(span.day, span.starts, run.zone), ends_at=_moment(span.day, span.ends, run.zone),
        zone=run.zone, classroom_id=run.classroom_id, place=run.place,
    )


def _moment(day: date, minute: int, zone: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(zone)) + timedelta(minutes=minute)


# ---- lines of a meeting ----------------------------------------------------------------------------------------------


def add_item(
    db: Session, run: CourseRun, meeting: Meeting, *, line: Line, by: uuid.UUID, now: datetime, teacher_id: uuid.UUID | None = None, text: str = ""
) -> MeetingItem:
    """Add a line at the end of a meeting's timetable. Raises Conflict when the meeting is cancelled or the run is over."""
    take_write_lock(db)
    _must_go_on(run)
    _must_stand(meeting)
    _refuse_bad_line(line, text)
    items = queries.items_of(db, [meeting.id]).get(meeting.id, [])
    item = MeetingItem(
        meeting_id=meeting.id, place=len(items) + 1, kind=line.kind, ref=line.ref, minutes=line.minutes, who=line.who, teacher_id=teacher_id,
        text=text.strip(),
    )
    db.add(item)
    db.flush()
    return item


def change_item(
    db: Session, run: CourseRun, meeting: Meeting, item: MeetingItem, *, minutes: int, who: str | None, by: uuid.UUID, now: datetime,
    teacher_id: uuid.UUID | None = None,
) -> None:
    """Change how long a line takes and who gives it."""
    take_write_lock(db)
    _must_go_on(run)
    _must_stand(meeting)
    _refuse_bad_line(Line(item.kind, minutes, item.ref, who), item.text)
    item.minutes, item.who, item.teacher_id = minutes, who, teacher_id
    db.flush()


def move_item(db: Session, run: CourseRun, meeting: Meeting, item: MeetingItem, *, up: bool, by: uuid.UUID, now: datetime) -> None:
    """Change places with the line before or after. At the end of the list nothing happens."""
    take_write_lock(db)
    _must_go_on(run)
    _must_stand(meeting)
    items = queries.items_of(db, [meeting.id])[meeting.id]
    at = items.index(item)
    to = at - 1 if up else at + 1
    if 0 <= to < len(items):
        items[at], items[to] = items[to], items[at]
    _number(items)
    db.flush()


def remove_item(db: Session, run: CourseRun, meeting: Meeting, item: MeetingItem, *, by: uuid.UUID, now: datetime) -> None:
    """Take a line off a meeting's timetable."""
    take_write_lock(db)
    _must_go_on(run)
    _must_stand(meeting)
    items = queries.items_of(db, [meeting.id])[meeting.id]
    items.remove(item)
    db.delete(item)
    _number(items)
    db.flush()


def _number(items: Sequence[MeetingItem]) -> None:
    for place, item in enumerate(items, 1):
        if item.place != place:
            item.place = place


def _refuse_bad_line(line: Line, text: str) -> None:
    wrong: dict[str, Message] = {}
    if not 1 <= line.minutes <= 600:
        wrong["minutes"] = say("timetable", "Give the minutes, from 1 to 600.")
    if line.kind == "other" and not text.strip():
        wrong["text"] = say("timetable", "Say in a few words what is done.")
    if wrong:
        raise Invalid(fields=wrong)


# ---- attendance ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wish:
    """What somebody wants noted of a person, and which revision he had before his eyes (0: nothing noted)."""

    status: Status
    seen: int
    minutes: int | None = None
    note: str = ""


@dataclass(frozen=True)
class Clash:
    """A wish that was not taken because somebody else noted something in the meantime."""

    wish: Wish
    held: Noted


@dataclass
class Taken:
    """What became of a roll call."""

    saved: int = 0
    clashes: dict[uuid.UUID, Clash] = field(default_factory=dict)
    batch: uuid.UUID | None = None


def take_roll(
    db: Session, run: CourseRun, meeting: Meeting, wishes: Mapping[uuid.UUID, Wish], *, by: uuid.UUID, now: datetime, channel: str = "roll-call",
) -> Taken:
    """Note what was seen of people at a meeting (by enrolment). What is unchanged since it was seen is left alone.

    Somebody else's newer word is never overwritten unseen: that row comes back as a clash, the others are saved.
    Raises Conflict when the meeting is cancelled or the run is over; Invalid with the field `m-<enrolment>` or
    `s-<enrolment>` for what cannot be: nothing is saved then.
    """
    take_write_lock(db)
    known = _open_roll(db, run, meeting, now, wishes, channel)
    early = _before(meeting, now)
    taken = Taken()
    for enrolment_id, wish in wishes.items():
        notes = known.get(enrolment_id, [])
        seen = next((one.mark for one in notes if one.mark.revision == wish.seen), None)
        if _same(seen, wish):
            continue
        held = notes[0] if notes else None
        if held is not None and held.mark.revision != wish.seen:
            if not _same(held.mark, wish):
                taken.clashes[enrolment_id] = Clash(wish, held)
            continue
        _note(db, meeting, enrolment_id, wish, held, by=by, now=now, channel="office" if early else channel)
        taken.saved += 1
    _held(meeting, taken.saved, early)
    db.flush()
    return taken


def mark_rest(
    db: Session, run: CourseRun, meeting: Meeting, *, by: uuid.UUID, now: datetime, channel: str = "roll-call", status: Status = Status.PRESENT
) -> int:
    """Note everybody of whom nothing is noted as present, or absent: a batch that can be undone. What is noted stays.

    Raises Conflict before the day of the meeting, when it is cancelled, or the run is over.
    """
    rest = Proposed(status, None, channel)
    return _mark_unset(db, run, meeting, dict.fromkeys(_roster(db, run, meeting), rest), by=by, now=now)


def take_over_sign_ins(db: Session, run: CourseRun, meeting: Meeting, *, by: uuid.UUID, now: datetime) -> int:
    """Note who is signed in at a PC, and of whom nothing is noted, as present: a batch that can be undone."""
    take_write_lock(db)
    people = dict(
        db.execute(sa.select(Enrolment.person_id, Enrolment.id).where(Enrolment.run_id == run.id, Enrolment.state == "enrolled")).all()
    )
    here = {people[person_id]: Proposed(Status.PRESENT, None, "sign-in") for person_id in queries.signed_in(db, meeting, people)}
    return _mark_unset(db, run, meeting, here, by=by, now=now)


def take_over_seen(db: Session, run: CourseRun, meeting: Meeting, *, by: uuid.UUID, now: datetime) -> int:
    """Note what devices saw of people of whom nothing is noted: a batch that can be undone. What people noted stays.

    Raises as mark_rest.
    """
    take_write_lock(db)
    sight = checkin.sight_of(db, meeting, queries.expected(db, run, meeting))
    found = {id: reconcile.propose(sight.lesson, seen, now) for id, seen in sight.seen.items()}
    return _mark_unset(db, run, meeting, {id: one for id, one in found.items() if one is not None}, by=by, now=now)


def undo_batch(db: Session, run: CourseRun, meeting: Meeting, *, batch: uuid.UUID, by: uuid.UUID, now: datetime) -> int:
    """Take back a bulk action: each row that still stands as it left it gets what was noted before; corrected ones stay.

    Raises Conflict when there is nothing of it left to take back.
    """
    take_write_lock(db)
    _must_go_on(run)
    _must_stand(meeting)
    undone = 0
    for enrolment_id, notes in queries.marks_of(db, meeting.id).items():
        if notes[0].mark.batch != batch:
            continue
        before = notes[1].mark if len(notes) > 1 else None
        wish = Wish(Status(before.status), 0, before.minutes, before.note) if before else Wish(Status.UNSET, 0)
        _note(db, meeting, enrolment_id, wish, notes[0], by=by, now=now, channel="roll-call")
        undone += 1
    if not undone:
        raise Conflict(say("attendance", "There is nothing left to undo: these rows were changed or undone in the meantime."))
    db.flush()
    return undone


def last_batch(notes: Mapping[uuid.UUID, list[Noted]]) -> tuple[uuid.UUID, int] | None:
    """The last bulk action that can be undone, and how many rows of it still stand."""
    newest = [one[0].mark for one in notes.values() if one and one[0].mark.batch is not None]
    if not newest:
        return None
    batch = max(newest, key=lambda mark: mark.at).batch
    return (batch, sum(mark.batch == batch for mark in newest)) if batch else None


@dataclass
class KeyedIn:
    """What became of a sheet that was keyed in: how much is saved, and where it differs from what is recorded."""

    saved: int = 0
    same: int = 0
    different: dict[uuid.UUID, Clash] = field(default_factory=dict)


def key_sheet(
    db: Session, run: CourseRun, meeting: Meeting, keyed: Mapping[uuid.UUID, rules.Keyed], *, by: uuid.UUID, now: datetime,
    take: Iterable[uuid.UUID] = (), rest: bool = False,
) -> KeyedIn:
    """Note one column of a paper sheet. What is recorded otherwise stays, unless it is in `take`; it comes back as different.

    `rest`: everybody who is neither keyed nor recorded signed his cell. Raises as take_roll.
    """
    take_write_lock(db)
    wishes = {id: Wish(one.status, 0, one.minutes) for id, one in keyed.items()}
    known = _open_roll(db, run, meeting, now, wishes, "sheet")
    done, chosen = KeyedIn(), set(take)
    for enrolment_id, wish in wishes.items():
        notes = known.get(enrolment_id, [])
        held = notes[0] if notes and notes[0].mark.status != Status.UNSET else None
        if held is not None and held.mark.status == wish.status and held.mark.minutes == wish.minutes:
            done.same += 1
        elif held is None or enrolment_id in chosen:
            _note(db, meeting, enrolment_id, wish, notes[0] if notes else None, by=by, now=now, channel="sheet")
            done.saved += 1
        else:
            done.different[enrolment_id] = Clash(wish, held)
    db.flush()
    if rest:
        done.saved += mark_rest(db, run, meeting, by=by, now=now, channel="sheet")
    _held(meeting, done.saved, early=False)
    db.flush()
    return done


def _mark_unset(
    db: Session, run: CourseRun, meeting: Meeting, proposed: Mapping[uuid.UUID, Proposed], *, by: uuid.UUID, now: datetime
) -> int:
    take_write_lock(db)
    known = _open_roll(db, run, meeting, now, {}, "")
    if _before(meeting, now):
        raise Conflict(_TOO_EARLY)
    batch, saved = new_id(), 0
    for enrolment_id in sorted(_roster(db, run, meeting) & set(proposed)):
        notes = known.get(enrolment_id, [])
        if queries.status_of(notes) is not Status.UNSET:
            continue
        one = proposed[enrolment_id]
        wish = Wish(one.status, 0, one.minutes)
        _note(db, meeting, enrolment_id, wish, notes[0] if notes else None, by=by, now=now, channel=one.channel, batch=batch)
        saved += 1
    _held(meeting, saved, early=False)
    db.flush()
    return saved


def _open_roll(
    db: Session, run: CourseRun, meeting: Meeting, now: datetime, wishes: Mapping[uuid.UUID, Wish], channel: str
) -> dict[uuid.UUID, list[Noted]]:
    """What is noted at a meeting, after everything that stops noting more was asked."""
    _must_go_on(run)
    _must_stand(meeting)
    if db.get_bind().dialect.name != "sqlite":  # two people at one roll: the second waits here and then sees what the first noted
        db.execute(sa.select(Meeting.id).where(Meeting.id == meeting.id).with_for_update())
    known, roster = queries.marks_of(db, meeting.id), _roster(db, run, meeting)
    early, planned = _before(meeting, now), queries.minutes_of(meeting)
    wrong: dict[str, Message] = {}
    for enrolment_id, wish in wishes.items():
        if enrolment_id not in roster:
            raise Conflict(say("attendance", "The roster changed in the meantime: somebody on this page is no longer in the run."))
        seen = next((one.mark for one in known.get(enrolment_id, []) if one.mark.revision == wish.seen), None)
        if channel == "roll-call" and _same(seen, wish):
            continue
        if early and wish.status not in (Status.EXCUSED, Status.UNSET):
            wrong[f"s-{enrolment_id}"] = _TOO_EARLY
        elif bad := rules.bad_mark(wish.status, wish.minutes, planned):
            wrong[f"m-{enrolment_id}"] = bad
    if wrong:
        raise Invalid(fields=wrong)
    return known


_TOO_EARLY = say("attendance", "This meeting is on a later day. In advance only “excused” can be noted.")


def _roster(db: Session, run: CourseRun, meeting: Meeting) -> set[uuid.UUID]:
    enrolled = sa.select(Enrolment.id).where(Enrolment.run_id == run.id, Enrolment.state == "enrolled")
    return set(db.scalars(enrolled.where(queries.expected_at(meeting.session_id)) if meeting.session_id else enrolled))


def _before(meeting: Meeting, now: datetime) -> bool:
    return now.astimezone(ZoneInfo(meeting.zone)).date() < meeting.day


def _same(mark: AttendanceMark | None, wish: Wish) -> bool:
    if mark is None:
        return wish.status is Status.UNSET and not wish.note.strip()
    return (mark.status, mark.minutes or None, mark.note) == (wish.status, wish.minutes or None, wish.note.strip())


def _note(
    db: Session, meeting: Meeting, enrolment_id: uuid.UUID, wish: Wish, held: Noted | None, *, by: uuid.UUID, now: datetime, channel: str,
    batch: uuid.UUID | None = None,
) -> None:
    db.add(
        AttendanceMark(
            meeting_id=meeting.id, enrolment_id=enrolment_id, revision=held.mark.revision + 1 if held else 1, status=wish.status.value,
            minutes=wish.minutes if wish.status in rules.TIMED else None, note=wish.note.strip(), channel=channel, batch=batch, by_id=by, at=now,
        )
    )


def _held(meeting: Meeting, saved: int, early: bool) -> None:
    if saved and not early and meeting.state == "planned":
        meeting.state = "held"


# ---- who taught ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Teacher:
    """Somebody who taught a meeting: as planned, instead of somebody, or as a guest."""

    person_id: uuid.UUID
    part: str = "planned"  # planned | substitute | guest
    instead_of: uuid.UUID | None = None
    reason: str = ""


def record_taught(
    db: Session, run: CourseRun, meeting: Meeting, teachers: Sequence[Teacher], *, seen: int, by: uuid.UUID, now: datetime
) -> int:
    """Note who really taught a meeting; all of it is a new revision. `seen` is the revision before the eyes of who says so.

    Raises Conflict when somebody else said otherwise meanwhile, before the day of the meeting, or when it is cancelled;
    Invalid without anybody, for a substitute without a reason, and for somebody who is named twice.
    """
    take_write_lock(db)
    _must_stand(meeting)
    if run.state == "cancelled":
        _must_go_on(run)
    if _before(meeting, now):
        raise Conflict(say("taught", "This meeting is on a later day: who taught it is noted afterwards."))
    held = db.scalar(sa.select(sa.func.max(Taught.revision)).where(Taught.meeting_id == meeting.id)) or 0
    if held != seen:
        raise Conflict(say("taught", "Somebody else noted who taught in the meantime. Look at it again, then change it if it is wrong."))
    if not teachers:
        raise Invalid(say("taught", "Name at least one person who taught."))
    wrong: dict[str, Message] = {}
    for one in teachers:
        if one.part == "substitute" and not one.reason.strip():
            wrong[f"reason-{one.instead_of}"] = say("taught", "Say why somebody else taught.")
        if one.part == "substitute" and one.instead_of == one.person_id:
            wrong[f"substitute-{one.instead_of}"] = say("taught", "Choose somebody else: this is who was planned.")
    people = [one.person_id for one in teachers]
    if not wrong and len(set(people)) < len(people):
        raise Invalid(say("taught", "The same person is named twice."))
    if wrong:
        raise Invalid(fields=wrong)
    for one in teachers:
        db.add(
            Taught(
                meeting_id=meeting.id, revision=held + 1, person_id=one.person_id, part=one.part, instead_of=one.instead_of,
                reason=one.reason.strip(), by_id=by, at=now,
            )
        )
    db.flush()
    return held + 1


# ---- teach mode ------------------------------------------------------------------------------------------------------


def project(
    db: Session, run: CourseRun, *, lesson: str, page: int, by: uuid.UUID, now: datetime, follows: bool | None = None
) -> TeachScreen:
    """Project a page of a lesson. `follows` says whether the room's PCs shall show it too; None leaves that as it is."""
    take_write_lock(db)
    _must_go_on(run)
    screen = queries.screen_of(db, run.id)
    if screen is None:
        screen = TeachScreen(run_id=run.id, lesson=lesson, page=page, by_id=by, at=now)
        db.add(screen)
    screen.lesson, screen.page, screen.by_id, screen.at = lesson, page, by, now
    if follows is not None:
        screen.follows = follows
    db.flush()
    return screen


# ---- refusals --------------------------------------------------------------------------------------------------------


def _must_go_on(run: CourseRun) -> None:
    if run.state not in ("planned", "open"):
        raise Conflict(say("run", "{code} is {state}: this cannot be done any more.", code=run.code, state=run_rules.STATES[run.state]))


def _must_stand(meeting: Meeting) -> None:
    if meeting.state == "cancelled":
        raise Conflict(say("meeting", "This meeting is cancelled. Hold it after all first, on its page."))


def _spans(db: Session, run: CourseRun, but: Meeting | None) -> list[Span]:
    """When the meetings are that another one must not overlap: those of a session only where it belongs to the same."""
    return [
        queries.span_of(one) for one in queries.meetings_of(db, run.id)
        if one.state != "cancelled" and (but is None or (one.id != but.id and (but.session_id is None or one.session_id == but.session_id)))
    ]


def _refuse_bad_span(db: Session, run: CourseRun, span: Span, but: Meeting | None = None) -> None:
    if wrong := rules.bad_span(span, first=run.starts_on, last=run.ends_on, others=_spans(db, run, but)):
        raise Invalid(fields=wrong)
