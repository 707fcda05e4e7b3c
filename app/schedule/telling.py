"""Who is told of what happens to an assignment: the trainer of an offer, the planner of its answer, the home office of a request."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.courses.models import CourseVersion
from app.notices.rules import When
from app.notices.services import settled, tell
from app.offices.models import Office
from app.people.models import Person
from app.people.queries import who_hold
from app.policy import Role
from app.runs.models import CourseRun
from app.schedule import places
from app.schedule.models import Assignment, AssignmentEvent, Meeting, SessionSeat, SessionSlot, TrainingSession
from app.schedule.session_rules import ROLES
from app.trainers.models import Trainer

SHORT = 300  # characters of somebody's own words in a notice; the page behind it has all


@dataclass(frozen=True)
class About:
    """A session as people are told of it."""

    session: TrainingSession
    office: dict[str, str]  # that gives the run
    path: str
    titles: Any  # of the course, by language, or the session's own
    meetings: Sequence[Meeting] = ()
    rooms: dict[uuid.UUID, Any] = field(default_factory=dict)

    @property
    def when(self) -> list[When]:
        """Its meetings that are to take place."""
        return [When(one.starts_at, one.ends_at, one.zone) for one in self.meetings if one.state != "cancelled"]

    @property
    def ends_at(self) -> datetime | None:
        """When the last of them is over."""
        return max((one.ends_at for one in self.when), default=None)

    @property
    def place(self) -> Any:
        """Where its first meeting is, in words."""
        return self.place_of(self.meetings[0]) if self.meetings else self._there((self.session.classroom_id, self.session.place))

    def place_of(self, meeting: Meeting) -> Any:
        """Where one meeting is, in words; a link never: it is made at click on our own page."""
        return self._there(places.spot(meeting, self.session))

    def _there(self, spot: tuple[uuid.UUID | None, str]) -> Any:
        room_id, place = spot
        return places.in_words(self.session.mode, self.rooms.get(room_id) if room_id else None, place, self.office)

    @property
    def said(self) -> dict[str, Any]:
        """What most sentences of notices.rules name."""
        return {"title": self.titles, "code": self.session.code, "when": self.when, "place": self.place}

    @property
    def link(self) -> str:
        """The planner's page of it."""
        return f"/planning/sessions/{self.session.code}"


def about(db: Session, session_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, About]:
    """Sessions as people are told of them. Three queries, however many."""
    ids = list(dict.fromkeys(session_ids))
    rows = db.execute(
        sa.select(TrainingSession, Office.names, Office.path, CourseVersion.titles)
        .join(CourseRun, CourseRun.id == TrainingSession.run_id).join(Office, Office.id == CourseRun.office_id)
        .join(CourseVersion, CourseVersion.id == CourseRun.course_version_id).where(TrainingSession.id.in_(ids))
    ).all()
    meetings: dict[uuid.UUID, list[Meeting]] = defaultdict(list)
    for meeting in db.scalars(sa.select(Meeting).where(Meeting.session_id.in_(ids)).order_by(Meeting.starts_at)):
        if meeting.session_id is not None:
            meetings[meeting.session_id].append(meeting)
    wanted = {one.classroom_id for held in meetings.values() for one in held} | {session.classroom_id for session, *_ in rows}
    rooms = places.called(db, wanted)
    return {
        session.id: About(session, office, path, session.title or titles, meetings[session.id], rooms) for session, office, path, titles in rows
    }


WITHOUT_SEATS = ~sa.exists().where(SessionSeat.session_id == TrainingSession.id)
"""Of a session in which nobody was ever given a seat: whoever is on the roster of its run takes part."""


def planners_of(db: Session, told: Collection[About], *, now: datetime) -> dict[uuid.UUID, list[uuid.UUID]]:
    """Who plans sessions and has to know: the training officers nearest to each, and who released it or chose its people himself. Two queries."""
    officers = who_hold(db, Role.TRAINING_OFFICER, {one.path for one in told}, now.date())
    ids = [one.session.id for one in told]
    chose: dict[uuid.UUID, set[uuid.UUID]] = defaultdict(set)
    for session_id, by_id in db.execute(
        sa.select(Assignment.session_id, AssignmentEvent.by_id).join(Assignment, Assignment.id == AssignmentEvent.assignment_id)
        .where(Assignment.session_id.in_(ids), AssignmentEvent.what.in_(("offered", "requested", "assigned")), AssignmentEvent.by_id.is_not(None)).distinct()
    ):
        if by_id is not None:
            chose[session_id].add(by_id)
    found = {}
    for one in told:
        near, all_over = officers[one.path]
        own = {id for id in all_over if id in chose[one.session.id] or id == one.session.released_by}  # who plans there no more could not open it
        found[one.session.id] = sorted(near | own)
    return found


# ---- what happened to an assignment --------------------------------------------------------------------------------------


def happened(db: Session, assignment: Assignment, what: str, *, before: str, by: uuid.UUID | None, now: datetime, reason: str = "") -> None:
    """Tell whom it concerns that an assignment came into a state, or that its trainer proposed something else.

    Who did it himself is not told. Somebody who is assigned or taken out of a released session learns it with the release of
    the change, where a mail goes out too.
    """
    slot = db.get_one(SessionSlot, assignment.slot_id)
    it = about(db, [assignment.session_id])[assignment.session_id]
    offer, request = f"/my/offers/{assignment.id}", f"/planning/requests#{assignment.id}"
    if before in ("offered", "accepted") and what != "proposed":
        settled(db, [assignment.person_id], "offer", offer, now=now)
    if before == "requested":
        settled(db, home_officers(db, assignment.person_id, now.date()), "request-asked", request, now=now)
    said = it.said | {"role": ROLES[slot.role], "who": _name(db, assignment.person_id), "reason": shortened(reason)}
    if what == "offered":
        detail = said | {"until": assignment.answer_by or now}
        _tell(db, [assignment.person_id], "offer", detail, offer, it, by, now)
    elif what == "withdrawn" and before in ("offered", "accepted") and it.session.state == "draft":
        _tell(db, [assignment.person_id], "offer-withdrawn", said, "", it, by, now)
    elif what == "requested":
        home = home_officers(db, assignment.person_id, now.date())
        _tell(db, home, "request-asked", said | {"office": it.office, "until": assignment.answer_by or now}, request, it, by, now)
    elif what in ("accepted", "declined", "proposed") or (before == "requested" and what in ("assigned", "refused")):
        code = {"accepted": "offer-accepted", "declined": "offer-declined", "proposed": "offer-proposed", "assigned": "request-granted", "refused": "request-refused"}[what]
        link = f"/planning/offers/{assignment.id}" if what == "proposed" else it.link
        home_office = home_of(db, assignment.person_id) if before == "requested" else {}
        _tell(db, planners_of(db, [it], now=now)[it.session.id], code, said | {"office": home_office}, link, it, by, now)


def answered(db: Session, assignment: Assignment, *, taken: bool, answer: str, by: uuid.UUID, now: datetime) -> None:
    """Tell the trainer what the planner made of his proposal."""
    it = about(db, [assignment.session_id])[assignment.session_id]
    settled(db, planners_of(db, [it], now=now)[it.session.id], "offer-proposed", f"/planning/offers/{assignment.id}", now=now)
    code = "proposal-taken" if taken else "proposal-refused"
    _tell(db, [assignment.person_id], code, it.said | {"answer": shortened(answer)}, f"/my/offers/{assignment.id}", it, by, now)


def home_officers(db: Session, person_id: uuid.UUID, today: date) -> list[uuid.UUID]:
    """The training officers nearest to a trainer's duty station."""
    path = db.scalar(sa.select(Office.path).join(Trainer, Trainer.home_office_id == Office.id).where(Trainer.person_id == person_id))
    return sorted(who_hold(db, Role.TRAINING_OFFICER, {path}, today)[path][0]) if path else []


def shortened(text: str) -> str:
    """Somebody's own words, as far as a notice has room for them."""
    text = " ".join(text.split())
    return text if len(text) <= SHORT else text[: SHORT - 1] + "…"


def _tell(db: Session, people: Iterable[uuid.UUID], what: str, detail: dict[str, Any], link: str, it: About, by: uuid.UUID | None, now: datetime) -> None:
    for person_id in people:
        if person_id != by:
            tell(db, person_id, what, detail, link, now, until=it.ends_at)


def _name(db: Session, person_id: uuid.UUID) -> str:
    return db.scalar(sa.select(Person.short_name).where(Person.id == person_id)) or ""


def home_of(db: Session, person_id: uuid.UUID) -> dict[str, str]:
    """The duty station of somebody of the pool, by language."""
    return db.scalar(sa.select(Office.names).join(Trainer, Trainer.home_office_id == Office.id).where(Trainer.person_id == person_id)) or {}
