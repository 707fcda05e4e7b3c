"""Who keeps a run: giving it to the class server of its classroom with all that is below it, taking it back, giving it back."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.certificates.models import Certificate
from app.db import Record, take_write_lock
from app.errors import Conflict, Invalid, Message, say
from app.progress.models import LessonProgress, PageNote
from app.quizzes.models import Attempt, Incident, PaperTest, RoomTest
from app.runs.models import CourseRun, Enrolment, Nomination, RunReport, RunTrainer
from app.schedule.models import ClassDay, Meeting, MeetingItem, Seating, TrainingSession
from app.sync.journal import taking_over
from app.sync.models import KEPT_THERE, DownRow, Erasure, HandOver, Node


@dataclass(frozen=True)
class Below:
    """A table of records below a run, and by which column."""

    model: type[Record]
    column: str  # run_id | enrolment_id | meeting_id
    late: bool = False  # the centre goes on to add rows to a run that is handed over: they follow with the next exchange


BELOW: tuple[Below, ...] = (
    Below(RunTrainer, "run_id", late=True),
    Below(Enrolment, "run_id", late=True),
    Below(RunReport, "run_id", late=True),
    Below(Meeting, "run_id", late=True),
    Below(MeetingItem, "meeting_id", late=True),
    Below(ClassDay, "run_id"),
    Below(Seating, "run_id"),
    Below(RoomTest, "run_id"),
    Below(Incident, "run_id"),
    Below(PaperTest, "run_id"),
    Below(Attempt, "enrolment_id"),
    Below(LessonProgress, "enrolment_id"),
    Below(PageNote, "enrolment_id"),
)
STAY: dict[type[Record], str] = {
    Nomination: "offices propose and the training officer decides, at the centre",
    TrainingSession: "is planned at the centre, with the trainers of the pool; its meetings go with the run",
    Certificate: "stays with the node whose number and signature it bears",
}


# ---- where a run is --------------------------------------------------------------------------------------------------


def class_server_of(db: Session, run: CourseRun) -> Node | None:
    """The class server of the run's classroom that has joined; None where the centre runs the room itself."""
    if run.classroom_id is None:
        return None
    return db.scalar(sa.select(Node).where(Node.classroom_id == run.classroom_id, Node.role == "classroom", Node.state == "joined"))


def keeper_of(db: Session, run: CourseRun) -> Node | None:
    """The node that keeps a run, where it is not this one."""
    return None if run.owner_node == db.info["node"] else db.scalar(sa.select(Node).where(Node.code == run.owner_node))


# ---- giving ----------------------------------------------------------------------------------------------------------


def against_giving(db: Session, run: CourseRun, server: Node) -> list[Message]:
    """All that stands in the way of giving a run to a class server; empty when nothing does."""
    never = _never(db, run, server)
    return [never] if never else busy(db, run)


def _never(db: Session, run: CourseRun, server: Node) -> Message | None:
    """Why a run cannot go to this class server, however quiet its room is."""
    if run.state not in ("planned", "open"):
        return say("hand-over", "{code} is over: it stays at the centre.", code=run.code)
    if run.owner_node != db.info["node"]:
        return say("hand-over", "{code} is kept by {node} already.", code=run.code, node=run.owner_node)
    if server.role != "classroom" or server.state != "joined":
        return say("hand-over", "{server} has not joined the centre yet, or no longer exchanges with it.", server=server.title)
    if run.classroom_id != server.classroom_id:
        return say("hand-over", "{code} is held in another classroom than that of {server}. Change its classroom first.", code=run.code, server=server.title)
    if _still_thought_its_own(db, run, server):
        return say("hand-over", "{server} has not heard yet that {code} was taken back. Exchange with it first, then give the run again.", code=run.code, server=server.title)
    return None


def _still_thought_its_own(db: Session, run: CourseRun, server: Node) -> bool:
    """Whether the newest version that went down to a server still gives it the run: what it changes meanwhile would count in part."""
    told = sa.select(DownRow.content).where(DownRow.node == server.code, DownRow.table == CourseRun.__tablename__, DownRow.row_id == run.id)
    return db.scalar(told) == KEPT_THERE


def busy(db: Session, run: CourseRun) -> list[Message]:
    """What goes on in the room just now, in the order in which it is ended."""
    found = []
    if db.scalar(sa.select(RoomTest.id).where(RoomTest.run_id == run.id, RoomTest.ended_at.is_(None)).limit(1)):
        found.append(say("hand-over", "A test is started for the room. End it first."))
    open_attempts = db.scalar(sa.select(sa.func.count()).where(Attempt.enrolment_id.in_(_of_the_class(run.id)), Attempt.state == "open"))
    if open_attempts:
        found.append(say("hand-over", "Tests that are not handed in yet: {n}. They end at the server where they were begun.", n=open_attempts))
    if db.scalar(sa.select(ClassDay.id).where(ClassDay.run_id == run.id, ClassDay.closed_at.is_(None)).limit(1)):
        found.append(say("hand-over", "The class of this run is open. Close the class day first."))
    return found


def _refuse(against: Sequence[Message]) -> None:
    if against:
        raise Conflict(against[0])


def give(db: Session, run: CourseRun, *, server: Node, by: uuid.UUID | None, now: datetime, reason: str = "") -> HandOver:
    """Give a run to the class server of its room, with all records below it. From then on only that server changes them.

    Of what people have studied here, the work of those who come to the class goes with it; others go on at the centre.
    Raises Conflict with what stands in the way.
    """
    take_write_lock(db)
    _refuse(against_giving(db, run, server))
    own = db.info["node"]
    moved = _move(_rows_below(db, run.id, owner=own, members=_of_the_class(run.id)), server.code)
    run.owner_node = server.code
    db.flush()
    return _noted(db, run, own, server.code, moved + 1, by, now, reason)


def give_late(db: Session, server: Node, *, now: datetime) -> int:
    """What the centre has added to runs that a class server keeps follows them; gives how many rows. Before each bundle to it."""
    take_write_lock(db)
    own, total = db.info["node"], 0
    added_to = db.connection().scalars(_runs_added_to(), {"own": own, "keeper": server.code}).all()
    for run in db.scalars(sa.select(CourseRun).where(CourseRun.id.in_(added_to)).order_by(CourseRun.id)).all() if added_to else ():
        moved = _move(_rows_below(db, run.id, owner=own, tables=[one for one in BELOW if one.late]), server.code)
        if moved:
            db.flush()
            _noted(db, run, own, server.code, moved, None, now, "")
            total += moved
    return total


@cache
def _runs_added_to() -> sa.CompoundSelect[Any]:
    """Runs that a class server keeps and the centre has rows below: asked of all tables at once, for mostly there are none."""
    run = CourseRun.__table__.c
    found = []
    for one in BELOW:
        if not one.late:
            continue
        row = one.model.__table__.c  # type: ignore[attr-defined]
        below = row.run_id == run.id if one.column == "run_id" else sa.and_(row.meeting_id == Meeting.id, Meeting.run_id == run.id)
        found.append(sa.select(run.id).where(run.owner_node == sa.bindparam("keeper"), row.owner_node == sa.bindparam("own"), below))
    return sa.union(*found)


# ---- taking and giving back ------------------------------------------------------------------------------------------


def against_taking(db: Session, run: CourseRun, server: Node | None) -> list[Message]:
    """All that stands in the way of taking a run back at the centre; empty when nothing does. A dead server stops nobody."""
    if run.owner_node == db.info["node"]:
        return [say("hand-over", "{code} is kept here.", code=run.code)]
    return busy(db, run) if server is not None and server.state == "joined" else []


def take_back(db: Session, run: CourseRun, *, by: uuid.UUID | None, now: datetime, reason: str) -> HandOver:
    """Take a run back at the centre by its own word, with all that its class server kept below it.

    What the class server changed in these records and has not brought yet is refused when it comes, and shown; facts
    (answers, marks, attendance) always count. Raises Conflict with what stands in the way, Invalid without a reason.
    """
    take_write_lock(db)
    server = keeper_of(db, run)
    _refuse(against_taking(db, run, server))
    if not reason.strip():
        raise Invalid(fields={"reason": say("hand-over", "Say why the run is taken back.")})
    own, before = db.info["node"], run.owner_node
    with taking_over(db):
        moved = _move(_rows_below(db, run.id, owner=before), own)
        run.owner_node = own
    return _noted(db, run, before, own, moved + 1, by, now, reason)


def pass_on(db: Session, *, old: Node, new: Node, by: uuid.UUID | None, now: datetime, reason: str) -> int:
    """Runs that are not over go from a revoked class server to the one in its place, as far as the centre knows them; gives how many rows."""
    take_write_lock(db)
    total = 0
    with taking_over(db):
        for run in db.scalars(sa.select(CourseRun).where(CourseRun.owner_node == old.code, CourseRun.state.in_(("planned", "open")))).all():
            moved = _move(_rows_below(db, run.id, owner=old.code), new.code) + 1
            run.owner_node = new.code
            db.flush()
            _noted(db, run, old.code, new.code, moved, by, now, reason)
            total += moved
    return total


def against_giving_back(db: Session, run: CourseRun) -> list[Message]:
    """All that stands in the way of giving a run back to the centre from a class server; empty when nothing does."""
    if run.owner_node != db.info["node"]:
        return [say("hand-over", "{code} is not kept here.", code=run.code)]
    return busy(db, run)


def give_back(db: Session, run: CourseRun, *, centre: Node, by: uuid.UUID | None, now: datetime) -> int:
    """At a class server: give a run back to the centre, in order and with nothing lost; gives how many rows.

    Raises Conflict with what stands in the way.
    """
    take_write_lock(db)
    _refuse(against_giving_back(db, run))
    moved = _move(_rows_below(db, run.id, owner=db.info["node"]), centre.code)
    run.owner_node = centre.code
    db.flush()
    return moved + 1


# ---- rows ------------------------------------------------------------------------------------------------------------


def _of_the_class(run_id: uuid.UUID) -> sa.Select[uuid.UUID]:
    return sa.select(Enrolment.id).where(Enrolment.run_id == run_id, Enrolment.mode == "class")


def _rows_below(
    db: Session, run_id: uuid.UUID, *, owner: str, tables: Sequence[Below] = BELOW, members: sa.Select[uuid.UUID] | None = None
) -> Iterator[Record]:
    """Records of one owner below a run, table by table; of what people have studied that of `members`, else everybody's.

    What is left of somebody who was erased stays with the centre, whose word that is: nobody changes it any more.
    """
    within: dict[str, sa.Select[uuid.UUID]] = {
        "run_id": sa.select(sa.literal(run_id, sa.Uuid())),
        "meeting_id": sa.select(Meeting.id).where(Meeting.run_id == run_id),
        "enrolment_id": sa.select(Enrolment.id).where(Enrolment.run_id == run_id) if members is None else members,
    }
    for one in tables:
        column, name = getattr(one.model, one.column), one.model.__tablename__  # type: ignore[attr-defined]
        erased = sa.exists().where(Erasure.table == name, Erasure.row_id == one.model.id)
        yield from db.scalars(
            sa.select(one.model).where(column.in_(within[one.column]), one.model.owner_node == owner, ~erased).order_by(one.model.id)
        ).all()


def _move(rows: Iterable[Record], to: str) -> int:
    moved = 0
    for row in rows:
        row.owner_node = to
        moved += 1
    return moved


def _noted(db: Session, run: CourseRun, before: str, after: str, rows: int, by: uuid.UUID | None, now: datetime, reason: str) -> HandOver:
    fact = HandOver(table="course_run", row_id=run.id, from_node=before, to_node=after, rows=rows, at=now, by_id=by, reason=reason.strip())
    db.add(fact)
    db.flush()
    return fact
