"""What a class server needs of the centre's rows, table by table, and the chain of versions of it that goes down to it."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.certificates.models import Certificate, CertificateEvent, NumberBlock, Signatory, SigningKey
from app.courses.models import Course, CourseVersion, Media
from app.db import Base, Database, Fact, UtcDateTime, read_one_state
from app.feedback.models import FeedbackSheet
from app.ids import new_id, random_bytes
from app.notices.models import Notice
from app.offices.models import Agency, Classroom, Closure, Country, DailyCheck, Equipment, Holiday, Office, Seat
from app.people.models import Person, PersonName, Posting, RoleGrant
from app.planning.models import ConstraintSetting
from app.policy import Role
from app.progress.models import LessonProgress, PageNote
from app.quizzes.models import (
    Answer,
    Attempt,
    AttemptEvent,
    ClockStep,
    GrantedAttempt,
    Incident,
    Mark,
    MarkCorrection,
    PaperTest,
    PracticalMark,
    PracticalWork,
    RoomTest,
    SheetEntry,
)
from app.runs.models import CourseRun, Enrolment, Nomination, RunReport, RunTrainer
from app.schedule.models import (
    AgencyQuota,
    Assignment,
    AssignmentEvent,
    AttendanceMark,
    ClassDay,
    Meeting,
    MeetingItem,
    MinutesLine,
    Presence,
    RoomBlocking,
    Seating,
    SessionSeat,
    SessionSlot,
    Taught,
    TrainingSession,
)
from app.sync import chain, handover, rows, segments
from app.sync.canonical import canonical
from app.sync.catalogue import BY_NAME, Kind
from app.sync.keys import NodeKeys
from app.sync.models import (
    KEPT_THERE,
    AuditEvent,
    DownRow,
    Erasure,
    HandOver,
    JournalEntry,
    Node,
    PersonMerge,
    SegmentRelease,
    StoredSegment,
)
from app.sync.segments import Segment
from app.sync.shapes import Head
from app.trainers.models import (
    Absence,
    Accreditation,
    EntryPermit,
    EntryRule,
    HomeRelease,
    Pairing,
    Trainer,
    TrainerLanguage,
    TrainerStep,
    TravelTime,
)
from app.work import work

LARGEST_PART = 8 * 1024 * 1024  # bytes of entries in one segment of a version
AT_ONCE = 500  # ids in one statement
STAYS_KNOWN = timedelta(days=90)  # whose role has ended is still known at the class this long, so that what he did has a name
TOLD_FOR = timedelta(days=60)  # notices that are older say nothing new at a class
ACTS_FROM_ABOVE = (Role.CLASS_MANAGER, Role.TRAINING_OFFICER, Role.REGISTRAR, Role.ADMINISTRATOR)
MOST_AFTER_SNAPSHOT = 100  # differences after a snapshot that nobody has taken yet, before another one is made

Where = sa.ColumnElement[bool]
Ids = sa.Select[uuid.UUID]


# ---- what a class server needs -----------------------------------------------------------------------------------------


class _BelowRuns:
    """What is below the runs, left to SQL: it may be much."""

    runs: Any
    node: Any

    @property
    def members(self) -> Ids:
        """Enrolments of these runs."""
        return sa.select(Enrolment.id).where(Enrolment.run_id.in_(self.runs))

    @property
    def meetings(self) -> Ids:
        """Meetings of these runs; what is only drafted stays at the centre."""
        return sa.select(Meeting.id).where(Meeting.run_id.in_(self.runs), Meeting.state != "draft")

    @property
    def sessions(self) -> Ids:
        """Sessions of these runs that were released."""
        return sa.select(TrainingSession.id).where(TrainingSession.run_id.in_(self.runs), TrainingSession.state != "draft")

    @property
    def attempts(self) -> Ids:
        """Attempts in these runs."""
        return sa.select(Attempt.id).where(Attempt.enrolment_id.in_(self.members))

    @property
    def papers(self) -> Ids:
        """Tests printed for these runs."""
        return sa.select(PaperTest.id).where(PaperTest.run_id.in_(self.runs))

    @property
    def certificates(self) -> Ids:
        """Certificates of these runs, and those that it issued itself."""
        return sa.select(Certificate.id).where(sa.or_(Certificate.enrolment_id.in_(self.members), Certificate.owner_node == self.node))


@dataclass(frozen=True)
class Needs(_BelowRuns):
    """Whose needs: the class server with its room and office. What is few is a set of ids; what may be many is left to SQL."""

    db: Session
    node: str
    room: uuid.UUID | None
    office: uuid.UUID
    path: str  # of that office
    country: uuid.UUID | None
    today: date

    @classmethod
    def of(cls, db: Session, code: str, now: datetime) -> Needs:
        """Of the class server with this code."""
        node, office = db.execute(sa.select(Node, Office).join(Office, Office.id == Node.office_id).where(Node.code == code)).one()
        return cls(db, code, node.classroom_id, office.id, office.path, office.country_id, now.date())

    @cached_property
    def line(self) -> list[str]:
        """The paths of its office and of all above it."""
        parts = [part for part in self.path.split("/") if part]
        return ["/" + "/".join(parts[:n]) + "/" for n in range(1, len(parts) + 1)]

    @cached_property
    def offices(self) -> set[uuid.UUID]:
        """Those of its country, what stands above it, and those across the border that they are paired with."""
        inside = sa.or_(Office.country_id == self.country, Office.path.in_(self.line))
        return self._ids(sa.select(Office.id).where(inside), sa.select(Office.paired_office_id).where(inside))

    @cached_property
    def above(self) -> set[uuid.UUID]:
        """Its office and those above it."""
        return self._ids(sa.select(Office.id).where(Office.path.in_(self.line)))

    @cached_property
    def runs(self) -> set[uuid.UUID]:
        """Runs of its room that are planned or open, and those that it keeps until it has given them back."""
        here = sa.and_(CourseRun.classroom_id == self.room, CourseRun.state.in_(("planned", "open")))
        return self._ids(sa.select(CourseRun.id).where(sa.or_(here, CourseRun.owner_node == self.node)))

    @cached_property
    def staff(self) -> set[uuid.UUID]:
        """Who works in its room: roles at its office, roles above it that act for it, trainers of its runs, the room's manager."""
        held = sa.or_(RoleGrant.valid_to.is_(None), RoleGrant.valid_to >= self.today - STAYS_KNOWN)
        acts = sa.and_(RoleGrant.office_id.in_(self.above), RoleGrant.role.in_([role.value for role in ACTS_FROM_ABOVE]))
        return self._ids(
            sa.select(RoleGrant.person_id).where(held, sa.or_(RoleGrant.office_id == self.office, acts)),
            sa.select(RunTrainer.person_id).where(RunTrainer.run_id.in_(self.runs)),
            sa.select(MeetingItem.teacher_id).where(MeetingItem.meeting_id.in_(self.meetings)),
            sa.select(Taught.person_id).where(Taught.meeting_id.in_(self.meetings)),
            sa.select(Classroom.manager_id).where(Classroom.id == self.room),
        )

    @cached_property
    def own_people(self) -> set[uuid.UUID]:
        """Its staff, the officers of its office, so that one who walks in is found, and who is in its runs or nominated for them."""
        serves = sa.or_(Posting.valid_to.is_(None), Posting.valid_to >= self.today)
        return self.staff | self._ids(
            sa.select(Posting.person_id).where(Posting.office_id == self.office, serves),
            sa.select(Enrolment.person_id).where(Enrolment.run_id.in_(self.runs)),
            sa.select(Nomination.person_id).where(Nomination.run_id.in_(self.runs)),
        )

    @cached_property
    def merges(self) -> set[uuid.UUID]:
        """Merges of files that it knows: those of its own people, and those it was once sent or made itself."""
        sent = sa.select(DownRow.row_id).where(DownRow.node == self.node, DownRow.table == "person")
        made = sa.select(Person.id).where(Person.owner_node == self.node)
        dropped = PersonMerge.dropped_id
        return self._ids(sa.select(PersonMerge.id).where(sa.or_(dropped.in_(self.own_people), dropped.in_(sent), dropped.in_(made))))

    @cached_property
    def people(self) -> set[uuid.UUID]:
        """Its own people, with both files of those of whom there were two."""
        return self.own_people | self._ids(
            sa.select(PersonMerge.kept_id).where(PersonMerge.id.in_(self.merges)),
            sa.select(PersonMerge.dropped_id).where(PersonMerge.id.in_(self.merges)),
        )

    @cached_property
    def versions(self) -> set[uuid.UUID]:
        """Course versions of its runs."""
        return self._ids(sa.select(CourseRun.course_version_id).where(CourseRun.id.in_(self.runs)))

    @cached_property
    def pictures(self) -> set[str]:
        """SHA-256 of the media of these versions."""
        found = self.db.scalars(sa.select(CourseVersion.content["media"]).where(CourseVersion.id.in_(self.versions)))
        return {one["sha256"] for media in found for one in media or ()}

    @cached_property
    def values(self) -> dict[str, Any]:
        """What `Asked` leaves open."""
        midnight = datetime(self.today.year, self.today.month, self.today.day, tzinfo=UTC)
        sets = {name: sorted(getattr(self, name)) for name in SETS}
        return sets | {"asking": self.node, "room": self.room, "country": self.country, "told_since": midnight - TOLD_FOR}

    def _ids(self, *selects: sa.Select[Any]) -> set[uuid.UUID]:
        return {one for select in selects for one in self.db.scalars(select) if one is not None}


SETS: dict[str, sa.types.TypeEngine[Any]] = {
    "offices": sa.Uuid(), "above": sa.Uuid(), "people": sa.Uuid(), "own_people": sa.Uuid(), "merges": sa.Uuid(), "versions": sa.Uuid(), "pictures": sa.String(),
    "runs": sa.Uuid(),
}  # fmt: skip


class Asked(_BelowRuns):
    """The same in a statement that is made once: what is few is a parameter, whose value `Needs.values` has."""

    node = sa.bindparam("asking", type_=sa.String())
    room = sa.bindparam("room", type_=sa.Uuid())
    country = sa.bindparam("country", type_=sa.Uuid())
    told_since = sa.bindparam("told_since", type_=UtcDateTime())

    def __getattr__(self, name: str) -> sa.BindParameter[Any]:
        if name not in SETS:
            raise AttributeError(name)
        return sa.bindparam(name, expanding=True, type_=SETS[name])


Rule = Callable[[Asked], Where]


def _all(_asked: Asked) -> Where:
    return sa.true()


GOES: dict[type[Base], Rule] = {
    # places
    Country: lambda n: Country.id.in_(sa.select(Office.country_id).where(Office.id.in_(n.offices))),
    Holiday: lambda n: Holiday.country_id == n.country,
    Closure: lambda n: Closure.office_id.in_(n.above),
    Agency: lambda n: Agency.country_id == n.country,
    Office: lambda n: Office.id.in_(n.offices),
    Classroom: lambda n: sa.or_(
        Classroom.id == n.room, Classroom.id.in_(sa.select(Meeting.classroom_id).where(Meeting.id.in_(n.meetings))),
        Classroom.id.in_(sa.select(CourseRun.classroom_id).where(CourseRun.id.in_(n.runs))),
    ),
    Seat: lambda n: Seat.classroom_id == n.room,
    Equipment: lambda n: Equipment.classroom_id == n.room,
    DailyCheck: lambda n: DailyCheck.classroom_id == n.room,
    # people
    Person: lambda n: Person.id.in_(n.people),
    PersonName: lambda n: PersonName.person_id.in_(n.people),
    Posting: lambda n: Posting.person_id.in_(n.people),
    RoleGrant: lambda n: sa.and_(RoleGrant.person_id.in_(n.people), RoleGrant.office_id.in_(n.above)),
    PersonMerge: lambda n: PersonMerge.id.in_(n.merges),
    # courses
    Course: lambda n: Course.id.in_(sa.select(CourseVersion.course_id).where(CourseVersion.id.in_(n.versions))),
    CourseVersion: lambda n: CourseVersion.id.in_(n.versions),
    Media: lambda n: Media.sha256.in_(n.pictures),
    # runs, and all that others wrote about them
    CourseRun: lambda n: CourseRun.id.in_(n.runs),
    RunTrainer: lambda n: RunTrainer.run_id.in_(n.runs),
    Nomination: lambda n: Nomination.run_id.in_(n.runs),
    Enrolment: lambda n: Enrolment.run_id.in_(n.runs),
    RunReport: lambda n: RunReport.run_id.in_(n.runs),
    TrainingSession: lambda n: sa.and_(TrainingSession.run_id.in_(n.runs), TrainingSession.state != "draft"),
    SessionSeat: lambda n: sa.and_(SessionSeat.session_id.in_(n.sessions), SessionSeat.state == "seated"),
    RoomBlocking: lambda n: RoomBlocking.classroom_id == n.room,
    Meeting: lambda n: Meeting.id.in_(n.meetings),
    MeetingItem: lambda n: MeetingItem.meeting_id.in_(n.meetings),
    Taught: lambda n: Taught.meeting_id.in_(n.meetings),
    AttendanceMark: lambda n: AttendanceMark.meeting_id.in_(n.meetings),
    Presence: lambda n: Presence.meeting_id.in_(n.meetings),
    ClassDay: lambda n: ClassDay.run_id.in_(n.runs),
    MinutesLine: lambda n: MinutesLine.run_id.in_(n.runs),
    Seating: lambda n: Seating.run_id.in_(n.runs),
    RoomTest: lambda n: RoomTest.run_id.in_(n.runs),
    Incident: lambda n: Incident.run_id.in_(n.runs),
    PaperTest: lambda n: PaperTest.run_id.in_(n.runs),
    SheetEntry: lambda n: SheetEntry.paper_id.in_(n.papers),
    Attempt: lambda n: Attempt.enrolment_id.in_(n.members),
    Answer: lambda n: Answer.attempt_id.in_(n.attempts),
    Mark: lambda n: Mark.attempt_id.in_(n.attempts),
    MarkCorrection: lambda n: MarkCorrection.attempt_id.in_(n.attempts),
    AttemptEvent: lambda n: AttemptEvent.attempt_id.in_(n.attempts),
    GrantedAttempt: lambda n: GrantedAttempt.enrolment_id.in_(n.members),
    PracticalWork: lambda n: PracticalWork.enrolment_id.in_(n.members),
    PracticalMark: lambda n: PracticalMark.enrolment_id.in_(n.members),
    LessonProgress: lambda n: LessonProgress.enrolment_id.in_(n.members),
    PageNote: lambda n: PageNote.enrolment_id.in_(n.members),
    FeedbackSheet: lambda n: FeedbackSheet.run_id.in_(n.runs),
    # certificates
    NumberBlock: lambda n: NumberBlock.given_to == n.node,
    SigningKey: _all,
    Signatory: lambda n: Signatory.office_id.in_(n.above),
    Certificate: lambda n: Certificate.id.in_(n.certificates),
    CertificateEvent: lambda n: CertificateEvent.certificate_id.in_(n.certificates),
    Notice: lambda n: sa.and_(Notice.person_id.in_(n.own_people), Notice.at >= n.told_since),
    # the exchange
    Node: _all,
    HandOver: lambda n: sa.or_(HandOver.to_node == n.node, HandOver.from_node == n.node),
    Erasure: _all,
}
NOT_DOWN: dict[type[Base], str] = {
    ClockStep: "each node notes the steps of its own clock",
    AuditEvent: "who looked at what is answered for at the centre; a class server has its own",
    SessionSlot: "who a session needs is planned at the centre; who teaches a run goes down with it",
    Assignment: "who is asked and why is the planner's; who teaches a run goes down with it",
    AssignmentEvent: "who is asked and why is the planner's",
    AgencyQuota: "seats are given at the centre",
    Trainer: "the pool is kept at the centre",
    TrainerStep: "the pool is kept at the centre",
    Accreditation: "the pool is kept at the centre",
    TrainerLanguage: "the pool is kept at the centre",
    Absence: "why somebody is away is nobody's concern at a class",
    EntryPermit: "the pool is kept at the centre",
    EntryRule: "trainers are sent by the centre",
    TravelTime: "trainers are sent by the centre",
    HomeRelease: "the pool is kept at the centre",
    Pairing: "the pool is kept at the centre",
    ConstraintSetting: "trainers are chosen at the centre",
    SegmentRelease: "two people of the centre decide on the quarantine; a class server has none",
}


# ---- the rows ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sent:
    """A row as it goes down."""

    table: str
    row_id: uuid.UUID
    text: dict[str, Any]
    content: str  # hash of what is sent; KEPT_THERE for what the class server keeps from then on

    @property
    def entry(self) -> list[Any]:
        """Its form in a segment."""
        return ["r", self.table, self.text]


@dataclass
class Desired:
    """All rows that a class server needs: ids first, so that every reference is known to lead somewhere, then content."""

    db: Session
    node: str
    ids: dict[str, set[uuid.UUID]] = field(default_factory=dict)
    more: dict[str, set[uuid.UUID]] = field(default_factory=dict)  # by no rule, only because a row refers to them
    there: dict[str, set[uuid.UUID]] = field(default_factory=dict)  # its own rows that others refer to: it has them
    own: set[uuid.UUID] = field(default_factory=set)  # those of `ids` and `more` that it keeps

    def holds(self, table: str, key: uuid.UUID) -> bool:
        """Whether the class server will have this row."""
        return any(key in some.get(table, ()) for some in (self.ids, self.more, self.there))

    def all(self, name: str) -> set[uuid.UUID]:
        """Ids of the rows of a table."""
        return self.ids.get(name, set()) | self.more.get(name, set())

    def as_sent(self, known: Mapping[str, Mapping[uuid.UUID, str]]) -> dict[str, set[uuid.UUID]]:
        """Of the rows that were sent before those that need not be read again: facts, published courses, what is kept there."""
        found: dict[str, set[uuid.UUID]] = {}
        for name, sent in known.items():
            table = BY_NAME.get(name)  # None: a table of another release, whose rows go
            if table is not None and (table.kind is Kind.FACT or table.model is CourseVersion):
                found[name] = self.all(name) & sent.keys()
            else:
                found[name] = {key for key in self.all(name) & self.own if sent.get(key) == KEPT_THERE}
        return found

    def rows(self, leave_out: Mapping[str, Collection[uuid.UUID]]) -> Iterator[Sent]:
        """Row by row, what is referred to first."""
        for name in sorted({*self.ids, *self.more}, key=lambda one: rows.depth()[one]):
            for some in by_hundreds(self.all(name).difference(leave_out.get(name, ()))):
                for row in self.db.connection().execute(_select_travelling(name), {"ids": some}).mappings():
                    yield self._sent(name, dict(row))

    def _sent(self, name: str, row: dict[str, Any]) -> Sent:
        for column, target in _loose(name).items():
            if row[column] is not None and not self.holds(target, row[column]):
                row[column] = None  # names somebody or something outside: only what the class needs goes there
        text = rows.as_json(name, row)
        content = KEPT_THERE if row["owner_node"] == self.node else hashlib.sha256(canonical(text)).hexdigest()
        return Sent(name, row["id"], text, content)


def by_hundreds(ids: Iterable[uuid.UUID]) -> Iterator[list[uuid.UUID]]:
    """Ids in order, as many at once as a statement takes."""
    listed = sorted(ids)
    for at in range(0, len(listed), AT_ONCE):
        yield listed[at : at + AT_ONCE]


@cache
def _loose(name: str) -> dict[str, str]:
    """References of a table that may be left out."""
    table = rows.table_named(name)
    return {column: target for column, target in rows.references(name).items() if table.c[column].nullable}


@cache
def _fixed(name: str) -> dict[str, str]:
    """References of a table that a row cannot be without."""
    table = rows.table_named(name)
    return {column: target for column, target in rows.references(name).items() if not table.c[column].nullable}


def entries_for(db: Session, node: str, *, now: datetime, full: bool = True) -> Desired:
    """What a class server needs now. A row that another one cannot be without goes with it, though no rule names it.

    Facts of the class server's own do not come back to it; of its own records those that were given to it, once. With `full`
    its own rows go too where others refer to them, for a database that has nothing yet.
    """
    needs = Needs.of(db, node, now)
    found = Desired(db, node)
    fixed: dict[str, set[uuid.UUID]] = {}
    loose: dict[str, set[uuid.UUID]] = {}
    order = sorted(GOES, key=lambda model: -rows.depth()[_name(model)])
    for model in order:
        name = _name(model)
        mine = found.ids.setdefault(name, set())
        table = rows.table_named(name)
        mine |= _look(db, table, _needed(model, GOES[model]), needs.values, fixed, loose, found)
        wanted = fixed.get(name, set()) - mine
        if not full:
            found.there[name] = _owned(db, table, wanted, node)
            wanted -= found.there[name]
        for some in by_hundreds(wanted):
            found.more.setdefault(name, set()).update(_look(db, table, _with_references_of(name), {"ids": some}, fixed, loose, found))
        maybe = loose.get(name, set()) - mine - found.more.get(name, set())
        found.there.setdefault(name, set()).update(_owned(db, table, maybe, node))
    return found


def _name(model: type[Base]) -> str:
    return str(model.__table__.name)  # type: ignore[attr-defined]


# Statements are made once for each table: with some dozens of tables the making costs more than the asking.


@cache
def _with_references(name: str) -> sa.Select[Any]:
    """Id, owner, and what the rows of a table refer to: what they cannot be without first."""
    table = rows.table_named(name)
    return sa.select(table.c.id, table.c.owner_node, *(table.c[column] for column in (*_fixed(name), *_loose(name))))


@cache
def _with_references_of(name: str) -> sa.Select[Any]:
    return _with_references(name).where(rows.table_named(name).c.id.in_(sa.bindparam("ids", expanding=True)))


@cache
def _needed(model: type[Base], rule: Rule) -> sa.Select[Any]:
    """Rows that the rule names. Rows that the class server wrote itself are there; a record that somebody else wrote before was given to it."""
    table = rows.table_named(_name(model))
    asked = Asked()
    others = table.c.owner_node != asked.node
    if not issubclass(model, Fact):
        others |= sa.exists().where(JournalEntry.table == table.name, JournalEntry.row_id == table.c.id, JournalEntry.node != asked.node)
    return _with_references(table.name).where(others, rule(asked))


@cache
def _select_owned(name: str) -> sa.Select[Any]:
    table = rows.table_named(name)
    return sa.select(table.c.id).where(table.c.id.in_(sa.bindparam("ids", expanding=True)), table.c.owner_node == sa.bindparam("asking"))


@cache
def _select_travelling(name: str) -> sa.Select[Any]:
    table = rows.table_named(name)
    return sa.select(*rows.travelling(name).values()).where(table.c.id.in_(sa.bindparam("ids", expanding=True))).order_by(table.c.id)


def _look(
    db: Session, table: sa.Table, statement: sa.Select[Any], values: Mapping[str, Any], fixed: dict[str, set[uuid.UUID]],
    loose: dict[str, set[uuid.UUID]], desired: Desired,
) -> set[uuid.UUID]:  # fmt: skip
    """Ids of the rows; what they refer to is added to the others, and which are kept by the class server is noted."""
    into = [(target, fixed) for target in _fixed(table.name).values()] + [(target, loose) for target in _loose(table.name).values()]
    found = set()
    for row in db.connection().execute(statement, values):
        found.add(row[0])
        if row[1] == desired.node:
            desired.own.add(row[0])
        for value, (target, wanted) in zip(row[2:], into, strict=True):
            if value is not None:
                wanted.setdefault(target, set()).add(value)
    return found


def _owned(db: Session, table: sa.Table, ids: Iterable[uuid.UUID], node: str) -> set[uuid.UUID]:
    found: set[uuid.UUID] = set()
    for some in by_hundreds(ids):
        found |= set(db.connection().scalars(_select_owned(table.name), {"ids": some, "asking": node}))
    return found


# ---- the chain of versions ---------------------------------------------------------------------------------------------


def next_down(database: Database, node: str, keys: NodeKeys, now: datetime, held: Head | None, *, folder: Path | None = None) -> list[Segment]:
    """The segments of the down stream that a class server lacks which holds `held` (None: nothing), oldest first.

    What changed since the newest stored version becomes another one; a class server that holds nothing, or something that
    this database does not know, gets a whole snapshot, and the same one again until it has it. What the centre added to runs
    given away is handed over first; versions that the class server has outgrown are forgotten.
    """
    with work(database) as db:
        handover.give_late(db, _node(db, node), now=now)
    while True:
        with database.sessions() as db:
            read_one_state(db)
            before = chain.own_head(db, chain.down_to(node))
            if before is None:
                raise RuntimeError("the sealer settles the epoch before anything goes down")
            full = _pending(db, node, held) is None
            made = _make(db, node, keys, now, before, full=full)
        if made is None:
            break
        with work(database) as db:
            if chain.own_head(db, chain.down_to(node)) != before:
                continue  # another bundle was made meanwhile
            _store(db, node, made, full=full, now=now)
        if full:
            return made.segments
        break
    with database.sessions() as db:
        pending = _pending(db, node, held) or []
        found = list(chain.load(db, pending))
        outgrown = len(chain.links(db, db.info["node"], chain.down_to(node))) > len(pending) + 1
    if outgrown:
        with work(database) as db:
            _forget(db, node, held, pending)
    return found


def _pending(db: Session, node: str, held: Head | None) -> list[uuid.UUID] | None:
    """Stored segments that a class server lacks; None when it needs a whole snapshot that was not made yet."""
    s = StoredSegment
    stored = db.execute(
        sa.select(s.id, s.hash, s.ordinal, s.number, s.header, s.state).where(s.node == db.info["node"], s.stream == chain.down_to(node)).order_by(s.ordinal, s.number)
    ).all()
    places = {row.hash: place for place, row in enumerate(stored)}
    if held is not None and held.hash in places:
        lacking = stored[places[held.hash] + 1 :]
    else:
        older = (held.ordinal, held.number) if held else (0, 0)  # a class server takes nothing older than what it holds
        begins = [
            place for place, row in enumerate(stored)
            if (row.ordinal, row.number) > older and _begins_snapshot(row.header, stored[place - 1].header if place else {})
        ]
        lacking = stored[begins[-1] :] if begins else []
        if sum(not row.header.get("full") for row in lacking) > MOST_AFTER_SNAPSHOT or not begins:
            return None
    # A segment that has lost content by an erasure, and no snapshot came after: what leaned on that would not find it.
    erased = False
    for row in lacking:
        erased = row.state == "erased" or (erased and not row.header.get("full"))
    return None if erased else [row.id for row in lacking]


def _begins_snapshot(header: dict[str, Any], before: dict[str, Any]) -> bool:
    return bool(header.get("full")) and not (before.get("full") and before.get("more"))


def _forget(db: Session, node: str, held: Head | None, pending: Sequence[uuid.UUID]) -> None:
    """What the class server has outgrown, and snapshots that a later one replaces."""
    segment = rows.table_named("segment")
    kept = segment.c.id.in_(pending) if held is None else sa.or_(segment.c.id.in_(pending), segment.c.hash == held.hash)
    newest = chain.own_head(db, chain.down_to(node))
    if newest is not None and (pending or held is not None):
        db.connection().execute(
            sa.delete(segment).where(
                segment.c.node == db.info["node"], segment.c.stream == chain.down_to(node), sa.not_(kept), segment.c.hash != newest.hash
            )
        )


def _node(db: Session, code: str) -> Node:
    return db.scalars(sa.select(Node).where(Node.code == code)).one()


@dataclass
class _Made:
    """A version: its segments, and what they change in what the class server was sent."""

    segments: list[Segment] = field(default_factory=list)
    new: list[tuple[str, uuid.UUID, str]] = field(default_factory=list)
    changed: list[tuple[str, uuid.UUID, str]] = field(default_factory=list)
    gone: list[tuple[str, uuid.UUID]] = field(default_factory=list)


def _make(db: Session, node: str, keys: NodeKeys, now: datetime, before: chain.End, *, full: bool) -> _Made | None:
    """The next version, sealed but not stored; None where nothing changed."""
    made, own = _Made(), db.info["node"]
    parts = _parts(_entries(db, node, now, made, full=full))
    part, number, prev = next(parts, None), before.number, before.hash
    while part is not None:
        following = next(parts, None)
        number += 1
        segment = segments.seal(
            part, stream=chain.down_to(node), node=own, epoch=before.epoch, ordinal=before.ordinal, number=number, prev=prev, sealed_at=now,
            keys=keys, random=random_bytes, full=full, more=following is not None,
        )
        made.segments.append(segment)
        part, prev = following, segment.hash
    return made if made.segments else None


def _entries(db: Session, node: str, now: datetime, made: _Made, *, full: bool) -> Iterator[list[Any]]:
    known: dict[str, dict[uuid.UUID, str]] = {}
    if not full:
        for name, key, content in db.execute(sa.select(DownRow.table, DownRow.row_id, DownRow.content).where(DownRow.node == node)):
            known.setdefault(name, {})[key] = content
    desired = entries_for(db, node, now=now, full=full)
    same = desired.as_sent(known)
    for name, keys in same.items():
        for key in keys:
            del known[name][key]
    for sent in desired.rows(same):
        before = known.get(sent.table, {}).pop(sent.row_id, None)
        if before == sent.content:
            continue
        (made.new if before is None else made.changed).append((sent.table, sent.row_id, sent.content))
        yield sent.entry
    for name in sorted(known, key=lambda one: -rows.depth().get(one, 0)):
        for key in sorted(known[name]):
            made.gone.append((name, key))
            yield ["g", name, str(key)]


def _parts(entries: Iterable[list[Any]]) -> Iterator[list[list[Any]]]:
    """Entries in parts that a segment holds."""
    part: list[list[Any]] = []
    size = 0
    for entry in entries:
        length = len(canonical(entry))
        if part and (len(part) == segments.MOST_ENTRIES or size + length > LARGEST_PART):
            yield part
            part, size = [], 0
        part.append(entry)
        size += length
    if part:
        yield part


def _store(db: Session, node: str, made: _Made, *, full: bool, now: datetime) -> None:
    connection = db.connection()
    down = rows.table_named("down_row")
    if full:
        connection.execute(sa.delete(down).where(down.c.node == node))
    for name, key in made.gone:
        connection.execute(sa.delete(down).where(down.c.node == node, down.c.table == name, down.c.row_id == key))
    for name, key, content in made.changed:
        connection.execute(sa.update(down).where(down.c.node == node, down.c.table == name, down.c.row_id == key).values(content=content))
    if made.new:
        connection.execute(
            sa.insert(down), [{"id": new_id(), "node": node, "table": name, "row_id": key, "content": content} for name, key, content in made.new]
        )
    for segment in made.segments:
        chain.store(db, segment, state="own", now=now)


def blobs_for(db: Session, node: str, held: Sequence[str]) -> list[tuple[str, str]]:
    """Files that come with the versions which a class server lacks that holds these heads: (media or practical, SHA-256)."""
    pending = chain.lacking(db, db.info["node"], held, chain.down_to(node))
    found: dict[tuple[str, str], None] = {}
    for segment in chain.load(db, [link.id for link in pending]):
        for entry in segments.open_body(segment).entries:
            if entry[:2] == ["r", Media.__tablename__]:
                found["media", entry[2]["sha256"]] = None
            elif entry[:2] == ["r", PracticalWork.__tablename__] and entry[2]["file_sha256"]:
                found["practical", entry[2]["file_sha256"]] = None
    return list(found)
