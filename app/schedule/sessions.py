"""Verbs of sessions: plan, change and cancel one; its slots and meetings; take over a timetable; make a series."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from app.db import take_write_lock
from app.errors import Conflict, Invalid, Message, say
from app.ids import new_id
from app.offices.models import Classroom, Closure, Country, Holiday, Office, Seat
from app.people.models import Person
from app.runs import rules as run_rules
from app.runs import services as runs
from app.runs.models import CourseRun, Enrolment
from app.schedule import assignments, bookings, places, rules, session_rules
from app.schedule.bookings import Sees, everything
from app.schedule.models import (
    AgencyQuota,
    AttendanceMark,
    Meeting,
    MeetingItem,
    Presence,
    RoomBlocking,
    SessionSeat,
    SessionSlot,
    Taught,
    TrainingSession,
)
from app.schedule.rules import Proposal
from app.schedule.session_rules import Choice, Clash, Ground, Needs, Row, Span, Taken, When, Why
from app.trainers.models import Absence

# ---- the session -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Plan:
    """What the planner says of a session."""

    mode: str
    language: str
    zone: str
    seats: int
    language_level: str = "B2"
    title: str = ""
    classroom_id: uuid.UUID | None = None
    place: str = ""
    link_kind: str = "none"
    link: str = ""
    phone: str = ""
    allows_phones: bool = False
    budget: int | None = None
    searches: bool = False


def plan_session(
    db: Session, run: CourseRun, plan: Plan, *, by: uuid.UUID, now: datetime, roles: Sequence[str] = ("lead",), servers: Collection[str] = (),
) -> TrainingSession:
    """Plan a session of a run, as a draft that only planners see. `servers`: kinds of video server that are set up.

    Raises Invalid, with what is wrong at each field; Conflict when the run is over or kept by another node.
    """
    take_write_lock(db)
    _run_must_go_on(db, run)
    _refuse_bad_plan(db, plan, None, servers)
    session = TrainingSession(
        code=_next_code(db, run.starts_on.year), run_id=run.id, mode=plan.mode, language=plan.language, zone=plan.zone, seats=plan.seats,
    )
    db.add(session)
    _set(session, plan)
    db.flush()
    db.add_all(SessionSlot(session_id=session.id, role=role, number=number) for number, role in enumerate(roles, 1))
    db.flush()
    return session


def change_session(
    db: Session, session: TrainingSession, plan: Plan, *, by: uuid.UUID, now: datetime, servers: Collection[str] = (), sees: Sees = everything,
) -> int:
    """Change how and where a session is held; its coming meetings that were at the same place go along. Gives how many.

    Raises Invalid at the field; Conflict when it is cancelled, or when its new room is taken.
    """
    take_write_lock(db)
    run = must_go_on(db, session)
    _refuse_bad_plan(db, plan, session, servers)
    was, way_was = (session.classroom_id, session.place), (session.mode, session.link_kind, session.link)
    _set(session, plan)
    way_in = way_was != (session.mode, session.link_kind, session.link)
    changed = 0
    for meeting in meetings_of(db, session.id):
        if meeting.state in ("draft", "planned") and meeting.ends_at > now:
            moves = (meeting.classroom_id, meeting.place) == was and was != (session.classroom_id, session.place)
            if moves:
                meeting.classroom_id, meeting.place = session.classroom_id, session.place
                changed += 1
            if moves or way_in:
                meeting.sequence += 1
    db.flush()
    if was[0] != session.classroom_id:
        _refuse_room(db, session, run, [one for one in meetings_of(db, session.id) if one.ends_at > now])
    bookings.refresh(db, [session.id], sees=sees)
    return changed


def cancel_session(db: Session, session: TrainingSession, *, by: uuid.UUID, now: datetime, reason: str) -> list[uuid.UUID]:
    """Cancel a session: its coming meetings do not take place, nobody is booked any more. Gives whom that concerns.

    A draft's meetings go altogether; those that it had taken over from its run are the run's again. Raises Invalid without a
    reason, Conflict when it is cancelled already.
    """
    take_write_lock(db)
    run = must_go_on(db, session)
    why = _reason(reason, say("session", "Say why the session is cancelled: those who were to come read it."))
    people = concerned(db, session.id)
    for held in assignments.current(db, [session.id]).get(session.id, []):
        if held.assignment is not None:
            assignments.withdraw(db, held.assignment, by=by, now=now, reason=why)
    for meeting in meetings_of(db, session.id):
        if meeting.state == "draft":
            _drop(db, meeting)
        elif session.state == "draft":
            bookings.release_meetings(db, [meeting.id])
            meeting.session_id = None
        elif meeting.state == "planned" and meeting.ends_at > now:
            _cancel(meeting, why)
    session.state, session.reason = "cancelled", why
    db.flush()
    bookings.refresh(db, [session.id])
    assignments.teach_the_run(db, run)
    return people


def concerned(db: Session, session_id: uuid.UUID) -> list[uuid.UUID]:
    """Who has a slot or a seat in a session, in the order of the alphabet."""
    slots = [
        held.assignment.person_id for held in assignments.current(db, [session_id]).get(session_id, [])
        if held.assignment is not None and held.assignment.state in bookings.HOLDS
    ]
    seated = sa.select(SessionSeat.person_id).where(SessionSeat.session_id == session_id, SessionSeat.state == "seated")
    return list(db.scalars(sa.select(Person.id).where(sa.or_(Person.id.in_(slots), Person.id.in_(seated))).order_by(Person.sort_key, Person.id)))


def _set(session: TrainingSession, plan: Plan) -> None:
    online = plan.mode == "online"
    session.mode, session.language, session.language_level, session.zone = plan.mode, plan.language, plan.language_level, plan.zone.strip()
    session.seats, session.title = plan.seats, plan.title.strip()
    session.classroom_id, session.place = (None, "") if online else (plan.classroom_id, plan.place.strip())
    session.link_kind = "none" if plan.mode == "classroom" else plan.link_kind
    session.link = plan.link.strip() if session.link_kind == "plain" else ""
    session.phone, session.allows_phones, session.budget = plan.phone.strip(), plan.allows_phones, plan.budget
    session.searches = plan.searches and not online


def capacity_of(db: Session, classroom_id: uuid.UUID | None) -> int | None:
    """How many people find room in a classroom: as its record says, else as many as it has seats; None where neither is known."""
    if classroom_id is None:
        return None
    said = db.scalar(sa.select(Classroom.capacity).where(Classroom.id == classroom_id))
    return said or db.scalar(sa.select(sa.func.count()).select_from(Seat).where(Seat.classroom_id == classroom_id)) or None


def _refuse_bad_plan(db: Session, plan: Plan, session: TrainingSession | None, servers: Collection[str]) -> None:
    seated = in_room = 0
    if session is not None:
        in_class = sa.func.sum(sa.case((Enrolment.mode == "class", 1), else_=0))
        seated, in_room = db.execute(
            sa.select(sa.func.count(), sa.func.coalesce(in_class, 0)).select_from(SessionSeat)
            .outerjoin(Enrolment, sa.and_(Enrolment.run_id == session.run_id, Enrolment.person_id == SessionSeat.person_id))
            .where(SessionSeat.session_id == session.id, SessionSeat.state == "seated")
        ).one()
    needs = Needs(
        plan.mode, plan.zone.strip(), plan.seats, plan.classroom_id is not None, plan.place, "none" if plan.mode == "classroom" else plan.link_kind, plan.link, plan.budget,
    )
    wrong = session_rules.bad_plan(needs, capacity=capacity_of(db, plan.classroom_id), in_room=int(in_room), seated=seated, servers=servers)
    if session is not None and "seats" not in wrong:
        kept = db.scalar(sa.select(sa.func.coalesce(sa.func.sum(AgencyQuota.seats), 0)).where(AgencyQuota.session_id == session.id)) or 0
        if kept > plan.seats:
            wrong["seats"] = say("session", "{n} seats are kept for agencies. Keep fewer for them first.", n=int(kept))
    if plan.language_level not in session_rules.LEVELS:
        wrong["language_level"] = say("session", "Choose the level that is asked for.")
    if wrong:
        raise Invalid(fields=wrong)


# ---- slots -----------------------------------------------------------------------------------------------------------


def add_slot(db: Session, session: TrainingSession, role: str, *, by: uuid.UUID, now: datetime, language: str = "") -> SessionSlot:
    """Say that a session needs somebody more. Raises Invalid for an unknown role, Conflict when the session is cancelled."""
    take_write_lock(db)
    must_go_on(db, session)
    if role not in session_rules.ROLES:
        raise Invalid(fields={"role": say("slot", "Choose what the session needs somebody for.")})
    if role == "interpreter" and not language:
        raise Invalid(fields={"language": say("slot", "Say into which language the interpreter translates.")})
    last = db.scalar(sa.select(sa.func.max(SessionSlot.number)).where(SessionSlot.session_id == session.id)) or 0
    slot = SessionSlot(session_id=session.id, role=role, number=last + 1, language=language)
    db.add(slot)
    db.flush()
    return slot


def end_slot(db: Session, session: TrainingSession, slot: SessionSlot, *, by: uuid.UUID, now: datetime) -> None:
    """Say that a session no longer needs somebody for this. Raises Conflict while somebody is in the slot."""
    take_write_lock(db)
    must_go_on(db, session)
    held = next((one for one in assignments.current(db, [session.id]).get(session.id, []) if one.slot.id == slot.id), None)
    if held is None:
        return
    if held.assignment is not None:
        raise Conflict(say("slot", "{name} is in this slot. Take {name} out first.", name=held.name))
    slot.ended_on = now.date()
    db.flush()


# ---- meetings --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """Where a meeting is held when that differs from its session."""

    classroom_id: uuid.UUID | None = None
    place: str = ""
    link: str = ""


@dataclass(frozen=True)
class NewMeeting:
    """A meeting to be."""

    when: When
    place: Place | None = None  # None: that of the session
    lines: tuple[rules.Line, ...] = ()


def meetings_of(db: Session, session_id: uuid.UUID) -> list[Meeting]:
    """The meetings of a session by time, with drafts and cancelled ones."""
    return list(db.scalars(sa.select(Meeting).where(Meeting.session_id == session_id).order_by(Meeting.starts_at, Meeting.ends_at)))


def add_meetings(
    db: Session, session: TrainingSession, new: Sequence[NewMeeting], *, by: uuid.UUID, now: datetime, sees: Sees = everything,
) -> list[Meeting]:
    """Add meetings to a session, all of them or none. Those of a released session stay drafts until the changes are released.

    Raises Invalid with the fields "day-0", "starts-0" … of what is wrong; Conflict naming what is taken at that time.
    """
    take_write_lock(db)
    run = must_go_on(db, session)
    wrong = _bad_whens(db, session, run, [one.when for one in new])
    wrong |= {f"link-{n}": bad for n, one in enumerate(new) if one.place and (bad := session_rules.bad_link(one.place.link.strip()))}
    if wrong:
        raise Invalid(fields=wrong)
    made = []
    for one in new:
        span, place = one.when.span, one.place or Place(session.classroom_id, session.place)
        meeting = Meeting(
            run_id=run.id, session_id=session.id, day=one.when.day, starts_at=span.starts_at, ends_at=span.ends_at, zone=one.when.zone,
            classroom_id=place.classroom_id, place=place.place.strip(), link=place.link.strip(), state="draft",
        )
        db.add(meeting)
        made.append(meeting)
        db.add_all(
            MeetingItem(meeting_id=meeting.id, place=number, kind=line.kind, ref=line.ref, minutes=line.minutes, who=line.who)
            for number, line in enumerate(one.lines, 1)
        )
    db.flush()
    _refuse_room(db, session, run, made)
    bookings.refresh(db, [session.id], sees=sees)
    return made


def change_meeting(
    db: Session, session: TrainingSession, meeting: Meeting, *, when: When, place: Place, by: uuid.UUID, now: datetime, sees: Sees = everything,
) -> None:
    """Move a meeting or give it another place; calendars take the change by its sequence.

    Raises Invalid at "day", "starts", "ends", "next_day", "zone" or "link"; Conflict when it is cancelled or over, or
    something is taken at that time.
    """
    take_write_lock(db)
    run = must_go_on(db, session)
    _must_be_to_come(db, meeting)
    wrong = {name.rsplit("-", 1)[0]: message for name, message in _bad_whens(db, session, run, [when], but=meeting.id).items()}
    if bad := session_rules.bad_link(place.link.strip()):
        wrong["link"] = bad
    if wrong:
        raise Invalid(fields=wrong)
    before = (meeting.starts_at, meeting.ends_at, meeting.zone, meeting.classroom_id, meeting.place, meeting.link)
    span = when.span
    meeting.day, meeting.starts_at, meeting.ends_at, meeting.zone = when.day, span.starts_at, span.ends_at, when.zone
    meeting.classroom_id, meeting.place, meeting.link = place.classroom_id, place.place.strip(), place.link.strip()
    if before != (meeting.starts_at, meeting.ends_at, meeting.zone, meeting.classroom_id, meeting.place, meeting.link):
        meeting.sequence += 1
    db.flush()
    _refuse_room(db, session, run, [meeting])
    bookings.refresh(db, [session.id], sees=sees)


def drop_meeting(db: Session, session: TrainingSession, meeting: Meeting, *, by: uuid.UUID, now: datetime, reason: str = "") -> None:
    """Take a meeting off: a draft goes, one that people know of is cancelled and stays on the timetable with its reason.

    Raises Invalid without a reason where people know of it, Conflict when something was noted at it already.
    """
    take_write_lock(db)
    must_go_on(db, session)
    _must_be_to_come(db, meeting)
    if meeting.state == "draft":
        _drop(db, meeting)
    else:
        _cancel(meeting, _reason(reason, say("meeting", "Say why the meeting is cancelled: it stands on the timetable.")))
    db.flush()
    bookings.refresh(db, [session.id])


def adopt(
    db: Session, session: TrainingSession, run: CourseRun, meeting_ids: Collection[uuid.UUID], *, by: uuid.UUID, now: datetime, sees: Sees = everything,
) -> int:
    """Take these meetings, which a run has without a session and which are still to come, into this session. Gives how many.

    They stay visible as they are. Raises Conflict when one is not there to be taken over, or clashes with what is booked.
    """
    take_write_lock(db)
    must_go_on(db, session)
    mine = [one for one in adoptable(db, run.id, now) if one.id in meeting_ids]
    if not mine:
        raise Conflict(say("session", "{code} has no meetings of its own to take over.", code=run.code))
    if len(mine) < len(set(meeting_ids)):
        raise Conflict(say("session", "Some of these meetings cannot be taken over any more. Look at the list again."))
    if clashing := adoption_clashes(db, session, mine, sees=sees):
        raise Conflict(next(iter(clashing.values()))[0])
    for meeting in mine:
        meeting.session_id = session.id
    db.flush()
    bookings.refresh(db, [session.id], sees=sees)
    return len(mine)


def adoption_clashes(db: Session, session: TrainingSession, meetings: Sequence[Meeting], *, sees: Sees = everything) -> dict[uuid.UUID, list[Message]]:
    """What keeps meetings of a run from being taken into a session, by meeting: its own meetings, and who and what is booked elsewhere."""
    if not meetings:
        return {}
    own = meetings_of(db, session.id)
    others = [Span(one.starts_at, one.ends_at) for one in own if one.state != "cancelled"]
    held = assignments.current(db, [session.id]).get(session.id, [])
    people = {one.assignment.person_id for one in held if one.assignment is not None and one.assignment.state in bookings.HOLDS}
    people |= set(db.scalars(sa.select(SessionSeat.person_id).where(SessionSeat.session_id == session.id, SessionSeat.state == "seated")))
    rooms = {one.id: room for one in meetings if session.mode != "online" and (room := places.spot(one, session)[0])}
    booked = bookings.clashes(
        db, {*people, *rooms.values()}, [bookings.Span(one.starts_at, one.ends_at) for one in meetings], but_meetings={one.id for one in own},
    )
    found: dict[uuid.UUID, list[Message]] = {}
    for meeting in meetings:
        span = Span(meeting.starts_at, meeting.ends_at)
        said = [
            say("meeting", "Another meeting of this session is from {start} to {end}.", start=one.starts_at, end=one.ends_at) for one in others if one.overlaps(span)
        ]
        said += [
            one.sentence(sees) for one in booked
            if Span(one.starts_at, one.ends_at).overlaps(span) and (one.kind != "room" or one.resource_id == rooms.get(meeting.id))
        ]
        if said:
            found[meeting.id] = said
        else:
            others.append(span)
    return found


def adoptable(db: Session, run_id: uuid.UUID, now: datetime) -> list[Meeting]:
    """Meetings of a run that belong to no session and are still to come."""
    return list(db.scalars(
        sa.select(Meeting).where(Meeting.run_id == run_id, Meeting.session_id.is_(None), Meeting.state == "planned", Meeting.starts_at > now)
        .order_by(Meeting.starts_at)
    ))


def lay_out(
    db: Session, session: TrainingSession, proposal: Proposal, *, by: uuid.UUID, now: datetime, sees: Sees = everything,
) -> list[Meeting]:
    """Give a session without meetings those of a proposal, with their lines, in one step (TCH-01).

    Raises Conflict when it has meetings already or something is taken at that time, Invalid when the proposal is empty.
    """
    take_write_lock(db)
    if any(one.state != "cancelled" for one in meetings_of(db, session.id)):
        raise Conflict(say("session", "{code} has meetings already. Change them one by one.", code=session.code))
    if not proposal.meetings:
        raise Invalid(say("timetable", "There is nothing to take over: the run has no day for it."))
    new = [
        NewMeeting(
            When(one.day, _hour(one.part.starts), _hour(one.part.ends), session.zone, next_day=one.part.ends >= 1440), lines=one.part.lines,
        )
        for one in proposal.meetings
    ]
    return add_meetings(db, session, new, by=by, now=now, sees=sees)


def proposal_for(db: Session, session: TrainingSession, run: CourseRun, template: Sequence[Sequence[rules.Part]], first: date) -> Proposal:
    """A timetable laid over the days of a run from a day on, without weekends, holidays and closures of where it is held."""
    first = max(first, run.starts_on)
    if first > run.ends_on:
        return Proposal((), (), 0)
    ground = _days_off(db, _office_of(db, session, run), first, run.ends_on)
    named: dict[date, Mapping[str, str]] = {day: reason for day, (_why, reason) in ground.off.items()}
    days, skipped = rules.working_days(first, run.ends_on, ground.weekend, named)
    return rules.lay_out(template, days, skipped) if template else rules.plain(days, skipped)


def _hour(minute: int) -> time:
    return time(minute // 60 % 24, minute % 60)


def _bad_whens(db: Session, session: TrainingSession, run: CourseRun, whens: Sequence[When], but: uuid.UUID | None = None) -> dict[str, Message]:
    wrong: dict[str, Message] = {}
    others = [Span(one.starts_at, one.ends_at) for one in meetings_of(db, session.id) if one.state != "cancelled" and one.id != but]
    for n, when in enumerate(whens):
        if bad := session_rules.bad_when(when):
            wrong |= {f"{name}-{n}": message for name, message in bad.items()}
        elif not run.starts_on <= when.day <= run.ends_on:
            wrong[f"day-{n}"] = say(
                "meeting", "The run is held from {first} to {last}. Choose one of its days, or change the run first.", first=run.starts_on, last=run.ends_on,
            )
        elif other := next((one for one in others if one.overlaps(when.span)), None):
            wrong[f"starts-{n}"] = say("meeting", "Another meeting of this session is from {start} to {end}.", start=other.starts_at, end=other.ends_at)
        else:
            others.append(when.span)
    return wrong


def _must_be_to_come(db: Session, meeting: Meeting) -> None:
    if meeting.state not in ("draft", "planned"):
        raise Conflict(say("meeting", "This meeting is {state}: it cannot be changed here any more.", state=rules.STATES[meeting.state]))
    noted = [sa.select(table.id).where(table.meeting_id == meeting.id).exists() for table in (AttendanceMark, Taught, Presence)]
    if db.scalar(sa.select(sa.or_(*noted))):
        raise Conflict(say("meeting", "Something is noted of this meeting already: who came, or who taught. It stays as it is."))


def _drop(db: Session, meeting: Meeting) -> None:
    bookings.release_meetings(db, [meeting.id])
    for item in db.scalars(sa.select(MeetingItem).where(MeetingItem.meeting_id == meeting.id)):
        db.delete(item)
    db.flush()  # lines first: they point at their meeting
    db.delete(meeting)
    db.flush()


def _cancel(meeting: Meeting, reason: str) -> None:
    meeting.state, meeting.reason = "cancelled", reason
    meeting.sequence += 1


# ---- rooms -----------------------------------------------------------------------------------------------------------


def _in_the_way(
    db: Session, rooms: Collection[uuid.UUID], first: datetime, last: datetime, run_id: uuid.UUID
) -> list[tuple[uuid.UUID, Span, Clash]]:
    """What keeps rooms from being used beside the bookings of sessions: blockings, and meetings of runs without a session."""
    found = []
    for blocking in db.scalars(
        sa.select(RoomBlocking).where(
            RoomBlocking.classroom_id.in_(rooms), RoomBlocking.ended_on.is_(None), RoomBlocking.starts_at < last, RoomBlocking.ends_at > first,
        ).order_by(RoomBlocking.starts_at)
    ):
        message = say("room", "The room is blocked from {start} to {end}: {reason}.", start=blocking.starts_at, end=blocking.ends_at, reason=blocking.reason.rstrip("."))
        found.append((blocking.classroom_id, Span(blocking.starts_at, blocking.ends_at), Clash(Why.BLOCKING, message)))
    rows = db.execute(
        sa.select(Meeting.classroom_id, Meeting.starts_at, Meeting.ends_at, CourseRun.code, Meeting.run_id).join(CourseRun, CourseRun.id == Meeting.run_id)
        .where(
            Meeting.classroom_id.in_(rooms), Meeting.session_id.is_(None), Meeting.state.in_(rules.STANDS), Meeting.starts_at < last, Meeting.ends_at > first,
        ).order_by(Meeting.starts_at)
    )
    for room, starts_at, ends_at, code, whose in rows:
        said = {"code": code, "start": starts_at, "end": ends_at}
        if whose == run_id:
            message = say("room", "{code} has a meeting of its own in this room from {start} to {end}. Take it over into the session, or cancel it.", **said)
        else:
            message = say("room", "{code} has a meeting in this room from {start} to {end}.", **said)
        if room is not None:
            found.append((room, Span(starts_at, ends_at), Clash(Why.ROOM, message)))
    return found


def _refuse_room(db: Session, session: TrainingSession, run: CourseRun, meetings: Sequence[Meeting]) -> None:
    """Raises Conflict when a room is blocked, or used by a run without a session, at the time of one of these meetings."""
    used = [
        (room, Span(one.starts_at, one.ends_at)) for one in meetings
        if session.mode != "online" and one.state != "cancelled" and (room := places.spot(one, session)[0]) is not None
    ]
    if not used:
        return
    first, last = min(span.starts_at for _, span in used), max(span.ends_at for _, span in used)
    for room, span, clash in _in_the_way(db, {room for room, _ in used}, first, last, run.id):
        if any(room == mine and span.overlaps(when) for mine, when in used):
            raise Conflict(clash.message)


# ---- a series --------------------------------------------------------------------------------------------------------


def block_of(db: Session, session: TrainingSession, *, whole: bool) -> list[When]:
    """What a series repeats: all meetings of a session, or those of its first day."""
    whens = [session_rules.when_of(one.starts_at, one.ends_at, one.zone) for one in meetings_of(db, session.id) if one.state != "cancelled"]
    return whens if whole else [one for one in whens if one.day == whens[0].day]


def ground_for(
    db: Session, session: TrainingSession, run: CourseRun, dates: Sequence[date], block: Sequence[When], *, own: bool, sees: Sees = everything, stretch: bool = False,
) -> Ground:
    """What is known of the days that a series of a session may fall on, in a fixed number of queries.

    `own`: whether the meetings will be the session's own, so that its meetings and its trainers' bookings count too.
    `stretch`: the run is made longer where a date needs it.
    """
    office = _office_of(db, session, run)
    long = max(one.day for one in block) - min(one.day for one in block) + timedelta(days=2)
    first_day, last_day = dates[0], dates[-1] + timedelta(days=session_rules.LOOK_AHEAD) + long
    days = _days_off(db, office, first_day, last_day)
    off = {day: [Clash(why, _day_off(why, reason))] for day, (why, reason) in days.off.items()}
    first = session_rules.When(first_day, time(), time(), session.zone).span.starts_at - timedelta(days=1)
    last = session_rules.When(last_day, time(), time(), session.zone).span.starts_at + timedelta(days=1)

    taken: list[Taken] = []
    if own:
        taken += [
            Taken(Span(one.starts_at, one.ends_at), Clash(Why.OWN, say("series", "Another meeting of the session is from {start} to {end}.", start=one.starts_at, end=one.ends_at)))
            for one in meetings_of(db, session.id) if one.state != "cancelled"
        ]
    rooms = [session.classroom_id] if session.classroom_id and session.mode != "online" else []
    taken += [Taken(span, clash) for _room, span, clash in _in_the_way(db, rooms, first, last, run.id)]
    trainers = {
        held.assignment.person_id for held in assignments.current(db, [session.id]).get(session.id, [])
        if held.assignment is not None and held.assignment.state in bookings.HOLDS
    } if own else set()
    seated = set(db.scalars(sa.select(SessionSeat.person_id).where(SessionSeat.session_id == session.id, SessionSeat.state == "seated")))
    kinds = {"room": Why.ROOM, "trainer": Why.TRAINER, "trainee": Why.TRAINEE}
    mine = {one.id for one in meetings_of(db, session.id)}
    for clash in bookings.clashes(db, [*rooms, *trainers, *seated], [bookings.Span(first, last)], but_meetings=mine if own else ()):
        taken.append(Taken(Span(clash.starts_at, clash.ends_at), Clash(kinds[clash.kind], clash.sentence(sees))))
    taken += [
        Taken(Span(starts_at, ends_at), Clash(Why.AWAY, say("series", "{name} is away from {start} to {end}.", name=name, start=starts_at, end=ends_at)))
        for _person, name, starts_at, ends_at in absences_of(db, trainers | seated, first, last)
    ]
    return Ground(run.starts_on, max(run.ends_on, last_day) if stretch else run.ends_on, days.weekend, off, tuple(taken))


def absences_of(db: Session, person_ids: Collection[uuid.UUID], first: datetime, last: datetime) -> list[tuple[uuid.UUID, str, datetime, datetime]]:
    """Who of these people is away between two instants, and from when to when."""
    rows = db.execute(
        sa.select(Absence.person_id, Person.short_name, Absence.starts_at, Absence.ends_at).join(Person, Person.id == Absence.person_id)
        .where(Absence.person_id.in_(person_ids), Absence.ended_on.is_(None), Absence.starts_at < last, Absence.ends_at > first)
        .order_by(Absence.starts_at, Person.sort_key)
    )
    return [(person_id, name, starts_at, ends_at) for person_id, name, starts_at, ends_at in rows]


def preview(
    db: Session, session: TrainingSession, run: CourseRun, *, dates: Sequence[date], block: Sequence[When], weekdays: frozenset[int],
    choices: Mapping[date, Choice], own: bool, sees: Sees = everything, stretch: bool = False,
) -> list[Row]:
    """What a series would become, date by date. Stores nothing."""
    ground = ground_for(db, session, run, dates, block, own=own, sees=sees, stretch=stretch)
    return session_rules.resolve(dates, block, ground, choices, weekdays)


def save_series(
    db: Session, session: TrainingSession, *, dates: Sequence[date], whole: bool, weekdays: frozenset[int], choices: Mapping[date, Choice], own: bool,
    by: uuid.UUID, now: datetime, sees: Sees = everything, stretch: bool = False,
) -> list[Meeting]:
    """Make the meetings of a series: of this session (`own`), or each in a draft session like it. All of it or nothing.

    Sessions of a series need the same people as this one; who has a seat here has one there. Slots are empty. With
    `stretch` the run ends with the last of them. Raises Invalid when a date is not decided or cannot be as decided; Conflict when something was taken in the meantime.
    """
    take_write_lock(db)
    run = must_go_on(db, session)
    block = block_of(db, session, whole=whole)
    if not block:
        raise Invalid(say("series", "{code} has no meeting yet. Add the first one, then repeat it.", code=session.code))
    rows = preview(db, session, run, dates=dates, block=block, weekdays=weekdays, choices=choices, own=own, sees=sees, stretch=stretch)
    if any(row.problem for row in rows):
        raise Invalid(say("series", "Some dates are not decided yet, or cannot be as decided. Nothing was saved."))
    if not any(row.meetings for row in rows):
        raise Invalid(say("series", "Every date is skipped: there is nothing to save."))
    if stretch:
        run.ends_on = max(run.ends_on, *(one.day for row in rows for one in row.meetings))
        db.flush()
    if own:
        return add_meetings(db, session, [NewMeeting(one) for row in rows for one in row.meetings], by=by, now=now, sees=sees)
    session.series_id = session.series_id or new_id()
    made: list[Meeting] = []
    for row in rows:
        if row.meetings:
            made += _another(db, session, run, row.meetings, by=by, now=now, sees=sees)
    return made


def _another(
    db: Session, like: TrainingSession, run: CourseRun, whens: Sequence[When], *, by: uuid.UUID, now: datetime, sees: Sees,
) -> list[Meeting]:
    session = TrainingSession(
        code=_next_code(db, run.starts_on.year), run_id=run.id, mode=like.mode, language=like.language, language_level=like.language_level, zone=like.zone,
        seats=like.seats, title=like.title, classroom_id=like.classroom_id, place=like.place, link_kind=like.link_kind, link=like.link, phone=like.phone,
        allows_phones=like.allows_phones, budget=like.budget, series_id=like.series_id, searches=like.searches,
    )
    db.add(session)
    db.flush()
    slots = db.scalars(sa.select(SessionSlot).where(SessionSlot.session_id == like.id, SessionSlot.ended_on.is_(None)).order_by(SessionSlot.number))
    db.add_all(SessionSlot(session_id=session.id, role=one.role, number=n, language=one.language) for n, one in enumerate(slots, 1))
    quotas = db.scalars(sa.select(AgencyQuota).where(AgencyQuota.session_id == like.id))
    db.add_all(AgencyQuota(session_id=session.id, agency_id=one.agency_id, seats=one.seats) for one in quotas)
    seats = db.scalars(sa.select(SessionSeat).where(SessionSeat.session_id == like.id, SessionSeat.state == "seated").order_by(SessionSeat.place))
    db.add_all(
        SessionSeat(session_id=session.id, person_id=one.person_id, agency_id=one.agency_id, state="seated", place=n, since=now) for n, one in enumerate(seats, 1)
    )
    db.flush()
    return add_meetings(db, session, [NewMeeting(one) for one in whens], by=by, now=now, sees=sees)


@dataclass(frozen=True)
class _Off:
    weekend: frozenset[int]
    off: Mapping[date, tuple[Why, Mapping[str, str]]]  # the name of the holiday by language, or the reason of the closure


def _days_off(db: Session, office: Office, first: date, last: date) -> _Off:
    """The weekend of an office's country, its holidays, and the closures of the office and all above it."""
    weekend = db.scalar(sa.select(Country.weekend).where(Country.id == office.country_id)) or []
    off: dict[date, tuple[Why, Mapping[str, str]]] = {}
    above = [office.path[: at + 1] for at, sign in enumerate(office.path) if sign == "/"]
    for closure in db.scalars(
        sa.select(Closure).join(Office, Office.id == Closure.office_id)
        .where(Office.path.in_(above), Closure.ended_on.is_(None), Closure.first_day <= last, Closure.last_day >= first)
    ):
        for n in range((min(closure.last_day, last) - max(closure.first_day, first)).days + 1):
            off[max(closure.first_day, first) + timedelta(days=n)] = (Why.CLOSURE, {"en": closure.reason})
    for day, names in db.execute(
        sa.select(Holiday.day, Holiday.names).where(Holiday.country_id == office.country_id, Holiday.day.between(first, last))
    ):
        off[day] = (Why.HOLIDAY, names)
    return _Off(frozenset(int(one) for one in weekend), off)


def _day_off(why: Why, reason: Mapping[str, str]) -> Message:
    if why is Why.HOLIDAY:
        return say("series", "Holiday: {name}", name=reason)
    return say("series", "The office holds no classes: {reason}.", reason=next(iter(reason.values()), "").rstrip("."))


def _office_of(db: Session, session: TrainingSession, run: CourseRun) -> Office:
    """The office whose days off count: that of the classroom, else of the run."""
    room = aliased(Classroom)
    found = db.scalar(sa.select(Office).join(room, room.office_id == Office.id).where(room.id == session.classroom_id)) if session.classroom_id else None
    return found or db.get_one(Office, run.office_id)


# ---- refusals --------------------------------------------------------------------------------------------------------


def must_go_on(db: Session, session: TrainingSession) -> CourseRun:
    """The run of a session, after everything that stops changing it was asked."""
    if session.state == "cancelled":
        raise Conflict(say("session", "{code} is cancelled: it cannot be changed any more.", code=session.code))
    run = db.get_one(CourseRun, session.run_id)
    _run_must_go_on(db, run)
    return run


def _run_must_go_on(db: Session, run: CourseRun) -> None:
    if run.state not in ("planned", "open"):
        raise Conflict(say("run", "{code} is {state}: this cannot be done any more.", code=run.code, state=run_rules.STATES[run.state]))
    runs.must_be_kept_here(db, run)


def _reason(text: str, missing: Message) -> str:
    if not text.strip():
        raise Invalid(fields={"reason": missing})
    return text.strip()


def _next_code(db: Session, year: int) -> str:
    if db.get_bind().dialect.name == "postgresql":  # two planners at once would take the same number
        db.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext("training_session.code"))))
    newest = db.scalar(
        sa.select(TrainingSession.code).where(TrainingSession.code.startswith(f"S-{year}-"))
        .order_by(sa.func.length(TrainingSession.code).desc(), TrainingSession.code.desc()).limit(1)
    )
    return f"S-{year}-{(int(newest.rsplit('-', 1)[1]) if newest else 0) + 1:04d}"


# ---- blocking a room -------------------------------------------------------------------------------------------------


def block_room(db: Session, classroom_id: uuid.UUID, *, starts_at: datetime, ends_at: datetime, reason: str) -> tuple[RoomBlocking, list[Meeting]]:
    """Say that a classroom cannot be used from an instant to another; gives the meetings that stand there at that time.

    They stay: their planner moves them. Raises Invalid when it ends before it starts, or without a reason.
    """
    take_write_lock(db)
    wrong: dict[str, Message] = {}
    if ends_at <= starts_at:
        wrong["last_day"] = say("room", "This ends before it starts.")
    if not reason.strip():
        wrong["reason"] = say("room", "Say why: planners read it.")
    if wrong:
        raise Invalid(fields=wrong)
    made = RoomBlocking(classroom_id=classroom_id, starts_at=starts_at, ends_at=ends_at, reason=reason.strip())
    db.add(made)
    db.flush()
    inside = list(db.scalars(
        sa.select(Meeting).outerjoin(TrainingSession, TrainingSession.id == Meeting.session_id)
        .where(places.classroom_of() == classroom_id, Meeting.state.in_(bookings.TAKES_PLACE), Meeting.starts_at < ends_at, Meeting.ends_at > starts_at)
        .order_by(Meeting.starts_at)
    ))
    return made, inside


def unblock_room(db: Session, blocking: RoomBlocking, *, today: date) -> None:
    """A classroom can be used again: the blocking stays as history. Raises Conflict when it is lifted already."""
    take_write_lock(db)
    if blocking.ended_on is not None:
        raise Conflict(say("room", "This is lifted already."))
    blocking.ended_on = today
    db.flush()
