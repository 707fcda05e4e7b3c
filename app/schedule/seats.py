"""Verbs of seats: who has a seat in a session and who waits for one, seats kept for agencies, promotion in order."""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import take_write_lock
from app.errors import Conflict, Invalid, Message, say
from app.notices.services import tell
from app.offices.models import Agency
from app.people.models import Person
from app.runs import services as runs
from app.runs.models import CourseRun, Enrolment, Nomination
from app.schedule import bookings, session_rules, sessions
from app.schedule.bookings import Sees, everything
from app.schedule.models import AgencyQuota, SessionSeat, TrainingSession
from app.schedule.session_rules import Span
from app.schedule.telling import about

OUT = ("declined", "withdrawn")
COME = {"classroom": ("class",), "online": ("class", "remote"), "hybrid": ("class", "remote")}
"""Who of a run comes to a session: modes of taking part, by how the session is held."""


# ---- reading ---------------------------------------------------------------------------------------------------------


def seats_of(db: Session, session_id: uuid.UUID) -> list[SessionSeat]:
    """All who have or had to do with a session's seats, in the order of coming."""
    return list(db.scalars(sa.select(SessionSeat).where(SessionSeat.session_id == session_id).order_by(SessionSeat.place, SessionSeat.id)))


def quotas_of(db: Session, session_id: uuid.UUID) -> dict[uuid.UUID, int]:
    """Seats of a session that are kept for agencies."""
    return dict(db.execute(sa.select(AgencyQuota.agency_id, AgencyQuota.seats).where(AgencyQuota.session_id == session_id)).all())


@dataclass(frozen=True)
class Obstacle:
    """Why somebody cannot come to a session: away, or booked elsewhere (then nothing but another time helps)."""

    message: Message
    booked: bool = False


def obstacles(db: Session, session: TrainingSession, person_ids: Collection[uuid.UUID], *, sees: Sees = everything) -> dict[uuid.UUID, list[Obstacle]]:
    """What keeps these people from coming to a session's meetings. A fixed number of queries (PLN-03)."""
    spans = [Span(one.starts_at, one.ends_at) for one in sessions.meetings_of(db, session.id) if one.state != "cancelled"]
    found: dict[uuid.UUID, list[Obstacle]] = defaultdict(list)
    if not spans or not person_ids:
        return found
    first, last = min(one.starts_at for one in spans), max(one.ends_at for one in spans)
    for person_id, name, starts_at, ends_at in sessions.absences_of(db, person_ids, first, last):
        if any(Span(starts_at, ends_at).overlaps(span) for span in spans):
            found[person_id].append(Obstacle(say("seats of a session", "{name} is away from {start} to {end}.", name=name, start=starts_at, end=ends_at)))
    own = {one.id for one in sessions.meetings_of(db, session.id)}
    for clash in bookings.clashes(db, person_ids, [bookings.Span(one.starts_at, one.ends_at) for one in spans], but_meetings=own):
        found[clash.resource_id].append(Obstacle(clash.sentence(sees), booked=True))
    return found


# ---- seating ---------------------------------------------------------------------------------------------------------


@dataclass
class Seated:
    """What became of people who were to be seated."""

    seated: list[SessionSeat] = field(default_factory=list)
    waiting: list[SessionSeat] = field(default_factory=list)
    left_out: int = 0  # away or booked elsewhere


def seat_everybody(db: Session, session: TrainingSession, *, by: uuid.UUID, now: datetime, sees: Sees = everything) -> Seated:
    """Give everybody who is enrolled in the run a seat, in the order of the roster; where none is left, a place in the wait-list.

    Who is away or booked elsewhere at that time is left out, and so is who has declined or was taken off. A session in a
    classroom seats those who take part in class; who studies by himself is seated by name alone.
    """
    take_write_lock(db)
    run = _open(db, session)
    there = seats_of(db, session.id)
    known = {one.person_id for one in there}
    new = [
        one for one in db.scalars(
            sa.select(Enrolment).where(Enrolment.run_id == run.id, Enrolment.state == "enrolled", Enrolment.mode.in_(COME[session.mode])).order_by(Enrolment.number)
        ) if one.person_id not in known
    ]
    in_the_way = obstacles(db, session, [one.person_id for one in new], sees=sees)
    done = Seated(left_out=sum(one.person_id in in_the_way for one in new))
    seated, quotas = _taken(there), quotas_of(db, session.id)
    place = max((one.place for one in there), default=0)
    waits = any(one.state == "waiting" for one in there)
    for enrolment in new:
        if enrolment.person_id in in_the_way:
            continue
        place += 1
        free = session_rules.has_seat(enrolment.agency_id, seated, quotas, session.seats) and not waits
        seat = SessionSeat(
            session_id=session.id, person_id=enrolment.person_id, agency_id=enrolment.agency_id, state="seated" if free else "waiting", place=place, since=now,
        )
        db.add(seat)
        (done.seated if free else done.waiting).append(seat)
        seated[enrolment.agency_id] += free
    db.flush()
    if waits:  # who waited before comes first
        promote(db, session, now=now, sees=sees)
    bookings.refresh(db, [session.id], sees=sees)
    done.seated = [one for one in (*done.seated, *done.waiting) if one.state == "seated"]
    done.waiting = [one for one in done.waiting if one.state == "waiting"]
    _tell_all(db, session, "seat-given", done.seated, now)
    _tell_waiting(db, session, done.waiting, now)
    return done


def put_on_list(db: Session, session: TrainingSession, person: Person, *, language: str, by: uuid.UUID, now: datetime, sees: Sees = everything) -> SessionSeat:
    """Put somebody at the end of a session's list: he gets a seat at once where one is free for him and nobody waits before him.

    Who is not in the run is nominated for it, and enrolled when he gets the seat. Raises Conflict when he is on the list
    already; Invalid when a rule of nominations stops him, or he is booked elsewhere at that time.
    """
    take_write_lock(db)
    run = _open(db, session)
    there = seats_of(db, session.id)
    seat = next((one for one in there if one.person_id == person.id), None)
    if seat is not None and seat.state not in OUT:
        raise Conflict(say("seats of a session", "{name} is on the list already.", name=person.short_name))
    for obstacle in obstacles(db, session, [person.id], sees=sees).get(person.id, ()):
        if obstacle.booked:
            raise Invalid(fields={"person": obstacle.message})
    enrolled = db.scalar(sa.select(Enrolment).where(Enrolment.run_id == run.id, Enrolment.person_id == person.id, Enrolment.state == "enrolled"))
    waiting = db.scalar(sa.select(Nomination.id).where(Nomination.run_id == run.id, Nomination.person_id == person.id, Nomination.state == "proposed"))
    if enrolled is None and waiting is None:
        runs.nominate(db, run, person_ids=[person.id], by=by, now=now, mode="remote" if session.mode == "online" else "class", language=language)
    if seat is None:
        seat = SessionSeat(session_id=session.id, person_id=person.id, agency_id=person.agency_id, state="waiting", place=0, since=now)
        db.add(seat)
    seat.state, seat.since, seat.reason, seat.promoted_at, seat.agency_id = "waiting", now, "", None, enrolled.agency_id if enrolled else person.agency_id
    seat.place = max((one.place for one in there), default=0) + 1
    db.flush()
    promote(db, session, now=now, sees=sees, chosen=seat)
    bookings.refresh(db, [session.id], sees=sees)
    if seat.state == "seated":
        _tell_all(db, session, "seat-given", [seat], now)
    else:
        _tell_waiting(db, session, [seat], now)
    return seat


def promote(db: Session, session: TrainingSession, *, now: datetime, sees: Sees = everything, chosen: SessionSeat | None = None) -> list[SessionSeat]:
    """Give free seats to those who wait, in order and within what is kept for agencies; they are enrolled and told (SCH-24).

    Passed over, and still waiting: who is away or booked elsewhere at that time, unless a planner has just `chosen` him in
    spite of an absence; and who is no longer nominated. Bookings are the caller's to refresh.
    """
    take_write_lock(db)
    run = db.get_one(CourseRun, session.run_id)
    there = seats_of(db, session.id)
    waiting = [one for one in there if one.state == "waiting"]
    in_the_way = obstacles(db, session, [one.person_id for one in waiting], sees=sees)
    may = _may_be_enrolled(db, run, [one.person_id for one in waiting])
    able = [one for one in waiting if one.person_id in may and _comes(in_the_way.get(one.person_id, ()), one is chosen)]
    got = session_rules.promoted([(one, one.agency_id) for one in able], _taken(there), quotas_of(db, session.id), session.seats)
    for seat in got:
        if not may[seat.person_id]:
            runs.enrol_from_wait_list(db, run, seat.person_id, now=now)
        seat.state, seat.since = "seated", now
        if seat is not chosen:
            seat.promoted_at = now
    db.flush()
    _tell_all(db, session, "seat-promoted", [one for one in got if one is not chosen], now)
    return got


def _comes(found: Sequence[Obstacle], chosen: bool) -> bool:
    return not any(one.booked for one in found) if chosen else not found


def _may_be_enrolled(db: Session, run: CourseRun, person_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, bool]:
    """Who of these may have a seat, and whether he is in the run already."""
    proposed = sa.select(Nomination.person_id).where(Nomination.run_id == run.id, Nomination.state == "proposed", Nomination.person_id.in_(person_ids))
    enrolled = sa.select(Enrolment.person_id).where(Enrolment.run_id == run.id, Enrolment.state == "enrolled", Enrolment.person_id.in_(person_ids))
    return dict.fromkeys(db.scalars(proposed), False) | dict.fromkeys(db.scalars(enrolled), True)


# ---- a seat becomes free ---------------------------------------------------------------------------------------------


def take_off(db: Session, session: TrainingSession, seat: SessionSeat, *, by: uuid.UUID, now: datetime, reason: str = "") -> list[SessionSeat]:
    """Take somebody off a session's list; the next who waits gets the seat. He stays in the run. Gives who was promoted.

    Raises Invalid without a reason where he had a seat, Conflict when he is off the list already.
    """
    take_write_lock(db)
    _open(db, session)
    if seat.state in OUT:
        raise Conflict(say("seats of a session", "This was changed in the meantime: he is off the list."))
    if seat.state == "seated" and not reason.strip():
        raise Invalid(fields={"reason": say("seats of a session", "Say why: he is told.")})
    had = seat.state == "seated"
    seat.state, seat.since, seat.reason = "withdrawn", now, reason.strip()
    db.flush()
    got = _refill(db, session, now)
    if had:
        _tell_all(db, session, "seat-withdrawn", [seat], now)
    return got


def decline(db: Session, seat: SessionSeat, *, now: datetime) -> list[SessionSeat]:
    """Somebody does not take his seat, or waits no longer: the next one gets it. Gives who was promoted.

    Who was enrolled by his promotion alone leaves the run. Once more changes nothing; Conflict when a meeting has begun.
    """
    take_write_lock(db)
    session = db.get_one(TrainingSession, seat.session_id)
    run = _open(db, session)
    if seat.state == "declined":
        return []
    if seat.state not in ("seated", "waiting"):
        raise Conflict(say("seats of a session", "You have no seat in this session any more."))
    if any(one.starts_at <= now and one.state != "cancelled" for one in sessions.meetings_of(db, session.id)):
        raise Conflict(say("seats of a session", "The session has begun. Speak to your training officer."))
    promoted_at, person_id = seat.promoted_at, seat.person_id
    seat.state, seat.since = "declined", now
    db.flush()
    _leave_run(db, run, person_id, promoted_at, now)
    return _refill(db, session, now)


def settle(db: Session, session: TrainingSession, *, now: datetime) -> list[SessionSeat]:
    """Free the seats of people who have left the run, and give free seats to those who wait. Gives who was promoted."""
    take_write_lock(db)
    run = _open(db, session)
    on_list = [one for one in seats_of(db, session.id) if one.state not in OUT]
    may = _may_be_enrolled(db, run, [one.person_id for one in on_list])
    for seat in on_list:
        if seat.person_id not in may:
            seat.state, seat.since, seat.reason = "withdrawn", now, ""
    db.flush()
    return _refill(db, session, now)


def settle_run(db: Session, run: CourseRun, *, now: datetime) -> None:
    """The same for all sessions of a run that go on: after somebody has left it."""
    take_write_lock(db)
    if run.state in ("planned", "open") and run.owner_node == db.info["node"]:
        for session in db.scalars(sa.select(TrainingSession).where(TrainingSession.run_id == run.id, TrainingSession.state != "cancelled")):
            settle(db, session, now=now)


def set_quotas(db: Session, session: TrainingSession, quotas: Mapping[uuid.UUID, int], *, by: uuid.UUID, now: datetime) -> list[SessionSeat]:
    """Keep seats for agencies; 0 takes a quota away. Who has a seat keeps it. Gives who was promoted by it.

    Raises Invalid, at the field "quota-<agency>" or for all together, when more would be kept than there are.
    """
    take_write_lock(db)
    _open(db, session)
    known = set(db.scalars(sa.select(Agency.id).where(Agency.id.in_(list(quotas)))))
    wrong = {f"quota-{agency}": say("seats of a session", "Give a number from 0.") for agency, n in quotas.items() if n < 0 or agency not in known}
    if wrong:
        raise Invalid(fields=wrong)
    if bad := session_rules.bad_quotas(quotas, session.seats):
        raise Invalid(bad)
    rows = {one.agency_id: one for one in db.scalars(sa.select(AgencyQuota).where(AgencyQuota.session_id == session.id))}
    for agency_id, n in quotas.items():
        row = rows.get(agency_id)
        if row is not None and n:
            row.seats = n
        elif row is not None:
            db.delete(row)
        elif n:
            db.add(AgencyQuota(session_id=session.id, agency_id=agency_id, seats=n))
    db.flush()
    return _refill(db, session, now)


def _refill(db: Session, session: TrainingSession, now: datetime) -> list[SessionSeat]:
    got = promote(db, session, now=now)
    bookings.refresh(db, [session.id])
    return got


def _leave_run(db: Session, run: CourseRun, person_id: uuid.UUID, promoted_at: datetime | None, now: datetime) -> None:
    """Take back the enrolment that a promotion made, unless he has a seat in another session of the run."""
    enrolment = db.scalar(sa.select(Enrolment).where(Enrolment.run_id == run.id, Enrolment.person_id == person_id, Enrolment.state == "enrolled"))
    if enrolment is None:  # he only waited: his nomination goes
        by_promotion = True
    else:
        elsewhere = db.scalar(
            sa.select(SessionSeat.id).join(TrainingSession, TrainingSession.id == SessionSeat.session_id)
            .where(TrainingSession.run_id == run.id, SessionSeat.person_id == person_id, SessionSeat.state == "seated").limit(1)
        )
        by_promotion = promoted_at is not None and enrolment.enrolled_at == promoted_at and elsewhere is None
    nomination = db.scalar(
        sa.select(Nomination).where(Nomination.run_id == run.id, Nomination.person_id == person_id, Nomination.state.in_(("proposed", "accepted")))
    )
    if by_promotion and nomination is not None:
        runs.withdraw(db, nomination, by=person_id, now=now, reason=DECLINED)


DECLINED = "–"
"""Reason of a withdrawal by the officer himself: the state of his seat says the rest in every language."""


# ---- what people are told --------------------------------------------------------------------------------------------


def _tell_all(db: Session, session: TrainingSession, what: str, seats: Iterable[SessionSeat], now: datetime) -> None:
    """Tell those whom it concerns, of a session that they may know of."""
    seats = list(seats)
    if session.state != "released" or not seats:
        return
    it = about(db, [session.id])[session.id]
    for seat in seats:
        tell(db, seat.person_id, what, it.said | {"reason": seat.reason}, f"/my/seats/{seat.id}", now, until=it.ends_at)


def _tell_waiting(db: Session, session: TrainingSession, seats: Sequence[SessionSeat], now: datetime) -> None:
    if session.state != "released" or not seats:
        return
    it, waiting = about(db, [session.id])[session.id], [one.id for one in seats_of(db, session.id) if one.state == "waiting"]
    for seat in seats:
        tell(db, seat.person_id, "seat-waiting", it.said | {"n": waiting.index(seat.id) + 1}, f"/my/seats/{seat.id}", now, until=it.ends_at)


def _taken(seats: Iterable[SessionSeat]) -> Counter[uuid.UUID]:
    return Counter(one.agency_id for one in seats if one.state == "seated")


def _open(db: Session, session: TrainingSession) -> CourseRun:
    if db.get_bind().dialect.name != "sqlite":  # two who take the last seat take turns
        db.execute(sa.select(TrainingSession.id).where(TrainingSession.id == session.id).with_for_update())
        for known in [one for one in db.identity_map.values() if isinstance(one, SessionSeat)]:
            db.expire(known)  # read before the lock: somebody else may have changed it since
    return sessions.must_go_on(db, session)


# ---- orders ----------------------------------------------------------------------------------------------------------


def give_order(db: Session, session: TrainingSession, person_ids: Collection[uuid.UUID], *, number: str, on: date | None, by: uuid.UUID, now: datetime) -> int:
    """Note the order that sends these people of a session (PLN-04), on their enrolments. Raises Invalid at "number", "on", "people"."""
    take_write_lock(db)
    seated = sa.select(SessionSeat.person_id).where(SessionSeat.session_id == session.id, SessionSeat.state == "seated")
    enrolments = db.scalars(
        sa.select(Enrolment).where(
            Enrolment.run_id == session.run_id, Enrolment.state == "enrolled", Enrolment.person_id.in_(person_ids), Enrolment.person_id.in_(seated),
        )
    )
    return runs.give_order(db, list(enrolments), number=number, on=on, by=by, now=now)
