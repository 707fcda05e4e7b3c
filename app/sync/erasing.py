"""Erasing a person's data on order: what goes, what stays without a name, and how it goes from every segment, journal and file of a node.

The centre decides, once, in facts of their own (`Erasure`): row by row, so that no other node has to judge. They travel like all
facts, and each node carries them out as they arrive. A row that others count on stays without what names somebody: the centre
writes its new beginning, the whole nameless row at a version above all that were known, and everything below it goes.
"""

from __future__ import annotations

import re
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, undefer

from app import disk, files
from app.calendars.models import CalendarAddress
from app.certificates.models import Certificate, CertificateEvent, Paper
from app.certificates.rules import ERASED
from app.db import Base, Database, Fact, take_write_lock
from app.errors import Conflict, Invalid, Message, say
from app.feedback.models import FeedbackSheet
from app.ids import new_id, random_bytes
from app.notices.models import Mail, Notice
from app.ops import background
from app.ops.models import BackgroundJob
from app.people import merging
from app.people.models import Account, Person, PersonName, Pin, Posting, Preference, RoleGrant, SignIn
from app.planning.models import Told
from app.progress.models import PageNote
from app.quizzes.models import (
    Answer,
    Attempt,
    AttemptEvent,
    GrantedAttempt,
    Incident,
    MarkCorrection,
    PracticalMark,
    PracticalWork,
    SheetEntry,
)
from app.runs.models import CourseRun, Enrolment, Nomination, RunReport, RunTrainer
from app.schedule.models import (
    Assignment,
    AssignmentEvent,
    AttendanceMark,
    ClassDay,
    Meeting,
    MeetingItem,
    MinutesLine,
    Presence,
    SessionSeat,
    Taught,
    TrainingSession,
)
from app.sync import applying, chain, journal, rows, segments, staging
from app.sync.models import AuditEvent, Erasure, HandOver, HeldEntry, JournalEntry, Node, PersonMerge, StoredSegment
from app.trainers.models import (
    Absence,
    Accreditation,
    EntryPermit,
    HomeRelease,
    Pairing,
    Trainer,
    TrainerLanguage,
    TrainerStep,
)
from app.work import work
from config import Config

MARK = ERASED  # stands where something was that named somebody
PRACTICALS = "practicals"
PAPERS = "papers"
WIPE_FILE = "wipe-due.txt"
AT_ONCE = 500

Values = dict[str, Any]


# ---- THE table: what happens to the rows about somebody ----------------------------------------------------------------


def nameless_number(person_id: uuid.UUID) -> str:
    """What stands for the service number: the same at every node, nobody's else, and it says nothing."""
    return f"{MARK}{person_id.hex[-10:].upper()}"


def _person(row: Mapping[str, Any]) -> Values:
    number = nameless_number(row["id"])
    return {
        "service_number": number, "gender": None, "born_on": None, "provisional": False, "display_name": number, "short_name": number,
        "sort_key": f"~{number}", "search_key": number.lower(), "email": "",
    }


def _certificate(row: Mapping[str, Any]) -> Values:
    nobody = {"family": MARK, "given": "", "patronymic": ""}
    return {"facts": {**row["facts"], "names": dict.fromkeys(row["facts"]["names"], nobody)}}


def _typed(row: Mapping[str, Any]) -> bool:
    """Whether a response holds words of his own; a choice, a number or an order names nobody."""
    return isinstance(row["response"].get("text"), str)


def _typed_on_paper(row: Mapping[str, Any]) -> bool:
    return any(isinstance(response, dict) and isinstance(response.get("text"), str) for response in row["responses"].values())


@dataclass(frozen=True)
class About:
    """Rows about somebody, found by a column. With neither `leaves` nor `repeats` they go."""

    model: type[Base]
    by: str  # id | person_id | enrolment_id | attempt_id | certificate_id | trainer_id | assignment_id
    leaves: Callable[[Mapping[str, Any]], Values] | None = None  # a record that stays, with these values in it
    repeats: str = ""  # a fact that is said again without the text of this column
    number: str = ""  # of what is repeated, the newest holds: the next number is taken
    only: Callable[[Mapping[str, Any]], bool] | None = None

    @property
    def table(self) -> sa.Table:
        """Its table."""
        return rows.table_named(self.model.__tablename__)


ABOUT = (
    About(Person, "id", leaves=_person),
    About(PersonName, "person_id"),
    About(Posting, "person_id"),
    About(Nomination, "person_id", leaves=lambda _row: {"reason": "", "checks": []}),
    About(Enrolment, "person_id", leaves=lambda _row: {"rank": "", "post": "", "withdrawn_why": ""}),
    About(PageNote, "enrolment_id"),
    About(Presence, "enrolment_id"),
    About(SessionSeat, "person_id", leaves=lambda _row: {"reason": ""}),
    About(Notice, "person_id"),
    About(Absence, "person_id"),
    About(Trainer, "person_id", leaves=lambda _row: {"note": "", "passport_to": None, "consent_on": None, "shown_abroad": "none"}),
    About(Assignment, "person_id", leaves=lambda _row: {"broken": [], "overrides": [], "found": []}),
    About(AssignmentEvent, "assignment_id", repeats="reason"),
    About(TrainerStep, "trainer_id", repeats="note"),
    About(TrainerLanguage, "trainer_id"),
    About(EntryPermit, "trainer_id"),
    About(HomeRelease, "trainer_id"),
    About(Accreditation, "trainer_id", leaves=lambda _row: {"document": "", "withdrawn_why": ""}),
    About(Pairing, "trainer_id", leaves=lambda _row: {"reason": ""}),
    About(Certificate, "enrolment_id", leaves=_certificate),
    About(CertificateEvent, "certificate_id", repeats="reason"),
    About(Answer, "attempt_id", only=_typed),
    About(SheetEntry, "enrolment_id", only=_typed_on_paper),
    About(PracticalWork, "enrolment_id"),
    About(PracticalMark, "enrolment_id", repeats="note", number="number"),
    About(AttendanceMark, "enrolment_id", repeats="note", number="revision"),
    About(AttemptEvent, "attempt_id", repeats="reason"),
    About(GrantedAttempt, "enrolment_id", repeats="reason"),
    About(MarkCorrection, "attempt_id", repeats="reason", number="number"),
)


@dataclass(frozen=True)
class Naming:
    """Texts of others that may name him: of his runs, or noted of his file. Only those that do are changed."""

    model: type[Base]
    by: str  # run_id | meeting_id | id (of a run) | "": wherever he is named
    columns: tuple[str, ...]

    @property
    def table(self) -> sa.Table:
        """Its table."""
        return rows.table_named(self.model.__tablename__)


NAMING = (
    Naming(MinutesLine, "run_id", ("detail", "note")),
    Naming(Taught, "meeting_id", ("reason",)),
    Naming(FeedbackSheet, "run_id", ("liked", "change")),
    Naming(RunReport, "run_id", ("remarks", "missing_why")),
    Naming(Incident, "run_id", ("note",)),
    Naming(ClassDay, "run_id", ("note",)),
    Naming(CourseRun, "id", ("note",)),
    Naming(Meeting, "run_id", ("reason",)),
    Naming(MeetingItem, "meeting_id", ("text",)),
    Naming(TrainingSession, "run_id", ("title", "reason")),
    Naming(HandOver, "", ("reason",)),
    Naming(PersonMerge, "", ("reason",)),
    Naming(AuditEvent, "", ("about", "detail")),
)

STAYS: Mapping[str, str] = {
    "country": "a place", "holiday": "a day", "agency": "a place", "office": "a place", "classroom": "a place", "seat": "a thing", "equipment": "a thing",
    "daily_check": "the state of a room", "role_grant": "that somebody acted: under the nameless row", "course": "content", "course_version": "content",
    "media": "content", "run_trainer": "that somebody taught: under the nameless row", "attempt": "figures", "mark": "figures", "lesson_progress": "figures",
    "closure": "days of a place", "session_slot": "a need", "agency_quota": "seats", "room_blocking": "days of a room", "entry_rule": "a rule",
    "travel_time": "a way", "constraint_setting": "a rule", "seating": "figures", "room_test": "a deed of the room", "paper_test": "a printed test", "clock_step": "a clock", "number_block": "numbers",
    "signing_key": "a key", "signatory": "who signs for an office, on what he signed in its name", "node": "a server", "segment_release": "a decision about a server",
    "erasure": "that something was erased: no name, no content",
}
"""Travelling tables whose rows stay as they are, and why."""


# ---- what there is of somebody ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """One row with something personal in it, and what becomes of it."""

    table: str
    row: Mapping[str, Any]
    leaves: Values | None = None  # a record: stays with these values
    again: Values | None = None  # a fact: said again with these values


@dataclass(frozen=True)
class Preview:
    """What an erasure will do, counted by table; and what still holds the data afterwards."""

    files: int  # of one officer: with those that were merged
    goes: Mapping[str, int]
    nameless: Mapping[str, int]
    practicals: int
    nodes: list[str]  # class servers, which follow at their next contact
    backups: list[str]


def files_of(db: Session, person_id: uuid.UUID) -> set[uuid.UUID]:
    """The file and all that were merged with it."""
    found, new = {person_id}, {person_id}
    while new:
        pairs = db.execute(
            sa.select(PersonMerge.dropped_id, PersonMerge.kept_id)
            .where(PersonMerge.undone_at.is_(None), sa.or_(PersonMerge.dropped_id.in_(new), PersonMerge.kept_id.in_(new)))
        )
        new = {one for pair in pairs for one in pair} - found
        found |= new
    return found


def collect(db: Session, people: Collection[uuid.UUID]) -> list[Found]:
    """Every row here with something personal of these files that was not erased yet."""
    done = applying.erased(db)
    reach = _Reach.of(db, people)
    found = [one for about in ABOUT for one in _about(db, about, reach) if (one.table, one.row["id"]) not in done]
    names = _pattern(db, people)
    if names is not None:
        found += [one for naming in NAMING for one in _naming(db, naming, reach, names) if (one.table, one.row["id"]) not in done]
    return found


@dataclass(frozen=True)
class _Reach:
    """Ids by which rows lead to somebody."""

    ids: Mapping[str, Collection[uuid.UUID]]

    @classmethod
    def of(cls, db: Session, people: Collection[uuid.UUID]) -> _Reach:
        enrolled = db.execute(sa.select(Enrolment.id, Enrolment.run_id).where(Enrolment.person_id.in_(people))).all()
        members = {row.id for row in enrolled}
        attempts = set(_scalars(db, Attempt.id, Attempt.enrolment_id, members))
        papers = set(_scalars(db, Certificate.id, Certificate.enrolment_id, members))
        runs = {row.run_id for row in enrolled} | set(db.scalars(sa.select(RunTrainer.run_id).where(RunTrainer.person_id.in_(people))))
        meetings = set(_scalars(db, Meeting.id, Meeting.run_id, runs))
        return cls({
            "trainer_id": set(_scalars(db, Trainer.id, Trainer.person_id, people)), "assignment_id": set(_scalars(db, Assignment.id, Assignment.person_id, people)),
            "person_id": people, "enrolment_id": members, "attempt_id": attempts, "certificate_id": papers, "run_id": runs, "meeting_id": meetings,
        })


def _scalars(db: Session, what: Any, by: Any, ids: Collection[uuid.UUID]) -> Iterator[Any]:
    for some in _some(ids):
        yield from db.scalars(sa.select(what).where(by.in_(some)))


def _some(ids: Iterable[Any]) -> Iterator[list[Any]]:
    listed = sorted(ids)
    for at in range(0, len(listed), AT_ONCE):
        yield listed[at : at + AT_ONCE]


def _rows(db: Session, table: sa.Table, by: str, ids: Collection[uuid.UUID]) -> Iterator[Values]:
    for some in _some(ids):
        yield from (dict(row) for row in db.connection().execute(sa.select(table).where(table.c[by].in_(some)).order_by(table.c.id)).mappings())


def _about(db: Session, about: About, reach: _Reach) -> Iterator[Found]:
    table = about.table
    ids = reach.ids["person_id" if about.by == "id" else about.by]
    for row in _rows(db, table, about.by, ids):
        if about.only is not None and not about.only(row):
            continue
        if about.leaves is not None:
            yield Found(table.name, row, leaves=about.leaves(row))
        elif about.repeats:
            if row[about.repeats] not in ("", MARK):
                yield Found(table.name, row, again=_repeated(db, about, row))
        else:
            yield Found(table.name, row)


def _repeated(db: Session, about: About, row: Values) -> Values | None:
    """The fact without its text; None where a newer one holds."""
    said = row | {about.repeats: MARK}
    if not about.number:
        return said
    table = about.table
    keys = next([c.key for c in rule.columns] for rule in table.constraints if isinstance(rule, sa.UniqueConstraint) and about.number in rule.columns)
    same = [table.c[key] == row[key] for key in keys if key != about.number]
    newest = db.connection().scalar(sa.select(sa.func.max(table.c[about.number])).where(*same))
    return said | {about.number: newest + 1} if newest == row[about.number] else None


# ---- texts that name him -------------------------------------------------------------------------------------------------


def _pattern(db: Session, people: Collection[uuid.UUID]) -> re.Pattern[str] | None:
    """What names him in a text: his family names in every script, whole names, and the service number; as whole words, in any case."""
    words: set[str] = set()
    for person in db.scalars(sa.select(Person).where(Person.id.in_(people))):
        if not person.service_number.startswith(MARK):
            words |= {person.display_name, person.short_name, person.service_number}
    for name in db.scalars(sa.select(PersonName).where(PersonName.person_id.in_(people))):
        words |= {name.family, f"{name.family} {name.given}", f"{name.given} {name.family}", f"{name.family} {name.given[:1]}."}
    words = {word for word in words if len(word) > 1}
    if not words:
        return None
    return re.compile("|".join(rf"(?<!\w){re.escape(word)}(?!\w)" for word in sorted(words, key=lambda word: (-len(word), word))), re.IGNORECASE)


def _without(value: Any, names: re.Pattern[str]) -> Any:
    """A value without the name: a text of people's own goes whole, in what the program noted only the name."""
    match value:
        case str():
            return names.sub(MARK, value)
        case dict():
            return {key: _without(one, names) for key, one in value.items()}
        case list():
            return [_without(one, names) for one in value]
        case _:
            return value


def _naming(db: Session, naming: Naming, reach: _Reach, names: re.Pattern[str]) -> Iterator[Found]:
    table = naming.table
    for row in _candidates(db, naming, reach):
        changed: Values = {}
        for column in naming.columns:
            value = row[column]
            clean = _without(value, names)
            if clean != value:
                changed[column] = MARK if isinstance(value, str) and column != "about" else clean
        if changed and issubclass(naming.model, Fact):
            yield Found(table.name, row, again=row | changed)
        elif changed or (not issubclass(naming.model, Fact) and _named_before(db, table.name, row["id"], names)):
            yield Found(table.name, row, leaves=changed)


def _candidates(db: Session, naming: Naming, reach: _Reach) -> Iterator[Values]:
    table = naming.table
    if naming.by:
        yield from _rows(db, table, naming.by, reach.ids["run_id" if naming.by == "id" else naming.by])
        return
    people = [*reach.ids["person_id"]]
    if naming.model is PersonMerge:
        where: sa.ColumnElement[bool] = sa.or_(table.c.dropped_id.in_(people), table.c.kept_id.in_(people))
    elif naming.model is HandOver:
        where = table.c.row_id.in_([*people, *reach.ids["run_id"]])
    else:
        where = sa.or_(table.c.actor_id.in_(people), *(sa.or_(table.c.about == one, sa.cast(table.c.detail, sa.Text).contains(one)) for one in _marks(db, people)))
    yield from (dict(row) for row in db.connection().execute(sa.select(table).where(where)).mappings())


def _marks(db: Session, people: Collection[uuid.UUID]) -> list[str]:
    """What an audit event may know somebody by: his id and his service number."""
    return [*map(str, people), *db.scalars(sa.select(Person.service_number).where(Person.id.in_(people)))]


def _named_before(db: Session, name: str, key: uuid.UUID, names: re.Pattern[str]) -> bool:
    """Whether an earlier state of a record named him."""
    j = JournalEntry
    return any(
        _without(part, names) != part for entry in db.execute(sa.select(j.before, j.after).where(j.table == name, j.row_id == key)) for part in entry if part
    )


# ---- the order -----------------------------------------------------------------------------------------------------------


@dataclass
class Gone:
    """What was erased, and the files to take away once that is stored."""

    rows: int = 0
    segments: int = 0
    practicals: set[str] = field(default_factory=set)  # SHA-256
    papers: set[str] = field(default_factory=set)
    people: bool = False

    def add(self, other: Gone) -> None:
        """Count another in."""
        self.rows += other.rows
        self.segments += other.segments
        self.practicals |= other.practicals
        self.papers |= other.papers
        self.people |= other.people


def is_erased(db: Session, person_id: uuid.UUID) -> Erasure | None:
    """The order by which a file was erased."""
    return db.scalars(sa.select(Erasure).where(Erasure.table == "person", Erasure.row_id == person_id)).first()


def preview(db: Session, person: Person, *, backups: Sequence[str] = ()) -> Preview:
    """What an erasure of this person would do."""
    people = files_of(db, person.id)
    found = collect(db, people)
    stays = Counter(one.table for one in found if one.leaves is not None)
    goes = Counter(one.table for one in found if one.leaves is None)
    nodes = db.scalars(sa.select(Node.title).where(Node.role == "classroom", Node.state == "joined").order_by(Node.title))
    return Preview(
        len(people), dict(goes), dict(stays), sum(1 for one in found if one.table == "practical_work" and one.row["file_sha256"]), list(nodes), list(backups),
    )


def why_not(db: Session, person: Person, *, by: uuid.UUID | None, today: date) -> Message | None:
    """What stands in the way; None when nothing does."""
    people = files_of(db, person.id)
    if is_erased(db, person.id):
        return say("erase", "The data of this person was erased already.")
    if by in people:
        return say("erase", "Nobody erases his own file. Another administrator does it.")
    held = sa.or_(RoleGrant.valid_to.is_(None), RoleGrant.valid_to >= today)
    if db.scalar(sa.select(RoleGrant.id).where(RoleGrant.person_id.in_(people), held).limit(1)):
        return say("erase", "This person has roles. End them first: what is done under them must have a name.")
    run = db.scalar(
        sa.select(CourseRun.code).join(Enrolment, Enrolment.run_id == CourseRun.id)
        .where(Enrolment.person_id.in_(people), Enrolment.state == "enrolled", CourseRun.state.in_(("planned", "open"))).limit(1)
    )
    if run is not None:
        return say("erase", "This person has a place in the run {code}, which is not closed. Withdraw the place, or close the run first.", code=run)
    return None


def order(db: Session, person: Person, *, by: uuid.UUID | None, reason: str, now: datetime, today: date | None = None) -> Gone:
    """Erase the data of a person, on somebody's order. At the centre alone.

    Raises Invalid without a reason or with one that names him, Conflict with what stands in the way.
    """
    take_write_lock(db)
    if refused := why_not(db, person, by=by, today=today or now.date()):
        raise Conflict(refused)
    people = files_of(db, person.id)
    names = _pattern(db, people)
    if not reason.strip():
        raise Invalid(fields={"reason": say("erase", "Say on whose order, with its number and date.")})
    if names is not None and names.search(reason):
        raise Invalid(fields={"reason": say("erase", "The reason is kept for ever: it must not name the person. Give the number of the order.")})
    return _erase(db, collect(db, people), by=by, reason=reason.strip(), now=now)


def sweep(db: Session, *, now: datetime) -> Gone:
    """At the centre, after a bundle: what came late about people who were erased goes as well."""
    people = set(db.scalars(sa.select(Erasure.row_id).where(Erasure.table == "person")))
    found = collect(db, people) if people else []
    if not found:
        return Gone()
    return _erase(db, found, by=None, reason=say("erase", "came after the order").text, now=now)


def _erase(db: Session, found: Sequence[Found], *, by: uuid.UUID | None, reason: str, now: datetime) -> Gone:
    made: list[Erasure] = []
    for one in found:
        below = None if one.leaves is None else _leave(db, one, by=by, now=now)
        made.append(Erasure(table=one.table, row_id=one.row["id"], below=below, at=now, by_id=by, reason=reason))
    db.add_all(made)
    db.flush()
    gone = carry_out(db, made, centre=db.info["node"])
    for one in found:
        if one.again is not None:
            table = rows.table_named(one.table)
            key = uuid.UUID(bytes=random_bytes(16), version=4) if one.table == FeedbackSheet.__tablename__ else new_id()
            db.connection().execute(sa.insert(table).values({**one.again, "id": key, "owner_node": db.info["node"], "segment": None}))
    db.flush()
    return gone


def _leave(db: Session, found: Found, *, by: uuid.UUID | None, now: datetime) -> int:
    """Write the new beginning of a record that stays; gives its version."""
    table = rows.table_named(found.table)
    row = {**found.row, **(found.leaves or {}), "owner_node": db.info["node"]}
    known = db.scalar(sa.select(sa.func.max(JournalEntry.version)).where(JournalEntry.table == found.table, JournalEntry.row_id == row["id"]))
    written = rows.as_json(found.table, merging.as_written(db, found.table, [row])[0])
    written.pop("version")
    version = journal.begin_anew(db, table=found.table, row_id=row["id"], after=written, above=max(known or 0, row["version"]), by=by, now=now)
    changed = {key: value for key, value in row.items() if key != "id"} | {"version": version}
    db.connection().execute(sa.update(table).where(table.c.id == row["id"]).values(changed))
    return version


# ---- carrying it out, at every node ------------------------------------------------------------------------------------


def carry_out(db: Session, orders: Iterable[Erasure], *, centre: str) -> Gone:
    """Take what these orders name out of the rows, the journal, what is held aside, and the stored segments. Twice changes nothing.

    The caller's transaction; files are taken away after it (`take_files_away`).
    """
    gone = Gone()
    by_table: dict[str, dict[uuid.UUID, int | None]] = {}
    for one in orders:
        if one.table in Base.metadata.tables:  # of a newer release: nothing of it is here but in segments
            by_table.setdefault(one.table, {})[one.row_id] = one.below
    if not by_table:
        return gone
    where = _segments_with(db, by_table)
    for name in sorted(by_table, key=lambda table: -rows.depth()[table]):
        for some in _some(by_table[name]):
            _take_out(db, name, {key: by_table[name][key] for key in some}, centre, gone)
    for key in where:
        gone.segments += _clean_segment(db, key, by_table, centre)
    if "person" in by_table:
        gone.people = True
        _forget_ways_in(db, by_table["person"])
    db.flush()
    db.expire_all()
    return gone


def _segments_with(db: Session, by_table: Mapping[str, Mapping[uuid.UUID, int | None]]) -> list[uuid.UUID]:
    """Stored segments that may hold an entry of these rows: those that their rows and changes came with, all that went down, and the quarantine."""
    s, places = StoredSegment, set[tuple[str, int]]()
    for name, ids in by_table.items():
        table = rows.table_named(name)
        for some in _some(ids):
            j = JournalEntry
            places |= {(node, number) for node, number in db.execute(sa.select(j.node, j.segment).where(j.table == name, j.row_id.in_(some))) if number}
            if "segment" in table.c:
                found = db.connection().execute(sa.select(table.c.owner_node, table.c.segment).where(table.c.id.in_(some)))
                places |= {(node, number) for node, number in found if number}
    keys = set(db.scalars(sa.select(s.id).where(sa.or_(s.stream != chain.UP, s.state == "quarantine", s.id.in_(sa.select(HeldEntry.segment_id))))))
    by_node: dict[str, set[int]] = {}
    for node, number in places:
        by_node.setdefault(node, set()).add(number)
    for node, numbers in by_node.items():
        for some in _some(numbers):
            keys |= set(db.scalars(sa.select(s.id).where(s.node == node, s.stream == chain.UP, s.number.in_(some))))
    return sorted(keys)


def _take_out(db: Session, name: str, some: Mapping[uuid.UUID, int | None], centre: str, gone: Gone) -> None:
    table, j, h = rows.table_named(name), rows.table_named("journal_entry"), rows.table_named("held_entry")
    connection = db.connection()
    for key, below in some.items():
        old = sa.true() if below is None else sa.or_(j.c.version < below, j.c.node != centre)
        connection.execute(sa.delete(j).where(j.c.table == name, j.c.row_id == key, old))
        connection.execute(sa.update(h).where(h.c.table == name, h.c.row_id == key).values(detail={}, settled_at=sa.func.coalesce(h.c.settled_at, h.c.at), settled_how="erased"))
    there = connection.execute(sa.select(table).where(table.c.id.in_(some))).mappings().all()
    for found in there:
        row, below = dict(found), some[found["id"]]
        if name == PracticalWork.__tablename__ and row["file_sha256"]:
            gone.practicals.add(row["file_sha256"])
        if name == Certificate.__tablename__:
            paper = rows.table_named(Paper.__tablename__)
            gone.papers |= set(connection.scalars(sa.select(paper.c.sha256).where(paper.c.certificate_id == row["id"])))
            connection.execute(sa.delete(paper).where(paper.c.certificate_id == row["id"]))
        if below is None:
            connection.execute(sa.delete(table).where(table.c.id == row["id"]))
        elif row["version"] < below or row["owner_node"] != centre:
            about = next((one for one in ABOUT if one.table.name == name and one.leaves), None)
            # Texts that others wrote of him come without them from the centre; where the row is not sent here, they go whole.
            values = about.leaves(row) if about and about.leaves else {c: MARK for one in NAMING if one.table.name == name for c in one.columns}
            connection.execute(sa.update(table).where(table.c.id == row["id"]).values({**values, "owner_node": centre, "version": below}))
        gone.rows += 1


def _clean_segment(db: Session, key: uuid.UUID, by_table: Mapping[str, Mapping[uuid.UUID, int | None]], centre: str) -> int:
    """Take the entries of these rows out of a stored segment: its hash and signature stay good. 1 when there were any."""
    stored = db.scalars(sa.select(StoredSegment).where(StoredSegment.id == key).options(undefer(StoredSegment.body))).one()
    segment = chain.as_segment(stored)
    orders = {(name, one): below for name, ids in by_table.items() for one, below in ids.items()}
    places = {
        place for place, entry in enumerate(segments.open_body(segment).entries) if applying.is_gone(orders, entry, by_centre=stored.node == centre)
    }
    if not places:
        return 0
    stored.body = segments.erase(segment, places).body
    if stored.stream != chain.UP and stored.state == "own":
        stored.state = "erased"  # whoever lacks it gets the whole of what he needs anew (scope.next_down)
    db.flush()
    return 1


def _forget_ways_in(db: Session, people: Iterable[uuid.UUID]) -> None:
    """What only this node knows: how he signed in, and what was made on demand, whoever asked: it may be a list with his name."""
    ids = list(people)
    for model in (SignIn, Pin, Preference, Account, Mail, Told, CalendarAddress):
        db.execute(sa.delete(model).where(model.person_id.in_(ids)))
    over = (background.DONE, background.FAILED, background.CANCELLED)
    db.execute(sa.delete(BackgroundJob).where(sa.or_(BackgroundJob.state.in_(over), BackgroundJob.person_id.in_(ids))))


# ---- files, and what a database keeps of deleted rows ------------------------------------------------------------------------


def mark_wipe(folder: Path) -> None:
    """Note, before the erasure is stored, that the database's file is to be cleaned after it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / WIPE_FILE).write_text("Rows were erased: the database's file is cleaned by the next run of the job.\n", encoding="utf-8")


def take_files_away(database: Database, config: Config, gone: Gone) -> int:
    """Take away the files that held what was erased: practical work, printed papers, lists made on demand, bundles on their way."""
    if not (gone.rows or gone.segments or gone.people):
        return 0
    with database.sessions() as db:
        still = set(db.scalars(sa.select(PracticalWork.file_sha256).where(PracticalWork.file_sha256.in_(gone.practicals))))
        kept = set(db.scalars(sa.select(Paper.sha256).where(Paper.sha256.in_(gone.papers))))
    paths = [files.path_of(config.folder / PRACTICALS, one) for one in gone.practicals - still]
    paths += [files.path_of(config.folder / PAPERS, one) for one in gone.papers - kept]
    for path in paths:
        path.unlink(missing_ok=True)
    for name in (background.FOLDER, "uploads") if gone.people else ():
        for path in (config.folder / name).rglob("*"):
            if path.is_file():
                path.unlink(missing_ok=True)
    for place in (config.folder / staging.FOLDER).glob("*/*"):
        if place.suffix in (".bundle", ".json"):
            place.unlink(missing_ok=True)  # a bundle made before: made anew when it is asked for
    return len(paths)


def wipe(database: Database, folder: Path) -> bool:
    """Overwrite what the database's file still holds of deleted rows; whether it could be done now. Blocks writing for seconds."""
    if not (folder / WIPE_FILE).exists():
        return True
    if database.name == "sqlite":
        needed = 2 * Path(database.engine.url.database or "").stat().st_size  # the new file, and the log that brings it into place
        if disk.look(folder).free < needed:
            return False  # the doctor and every page tell that room is needed; then it comes round again
    raw = database.engine.raw_connection()
    try:
        if database.name == "sqlite":
            cursor = raw.cursor()
            cursor.execute("VACUUM")
            [busy, *_] = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if busy:
                return False
        else:
            raw.driver_connection.autocommit = True  # type: ignore[union-attr]
            raw.cursor().execute("VACUUM FULL")
            raw.driver_connection.autocommit = False  # type: ignore[union-attr]
    finally:
        raw.close()
    (folder / WIPE_FILE).unlink(missing_ok=True)
    return True


def wipe_when_quiet(database: Database, config: Config, now: datetime) -> None:
    """Comes round: clean the database's file once no test is running."""
    if not (config.folder / WIPE_FILE).exists():
        return
    with database.sessions() as db:
        if db.scalar(sa.select(Attempt.id).where(Attempt.state == "open", Attempt.supervised, Attempt.owner_node == database.node).limit(1)):
            return
    wipe(database, config.folder)


def follow(database: Database, config: Config, *, now: datetime) -> Gone:
    """After a bundle was taken: the centre erases what came late about those it has erased."""
    with database.sessions() as db:
        if db.scalar(sa.select(Erasure.id).where(Erasure.table == "person").limit(1)) is None:
            return Gone()
        late = collect(db, set(db.scalars(sa.select(Erasure.row_id).where(Erasure.table == "person"))))
    if not late:
        return Gone()
    mark_wipe(config.folder)
    with work(database) as db:
        gone = sweep(db, now=now)
    take_files_away(database, config, gone)
    return gone
