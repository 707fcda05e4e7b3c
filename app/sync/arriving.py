"""Taking versions of what a class needs from the centre: whole or not at all, never back, and what follows for those signed in."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session, undefer

from app import files
from app.certificates.models import CertificateEvent
from app.courses import media
from app.db import Database, Fact
from app.errors import BadSegment
from app.ids import new_id
from app.offices.models import DailyCheck
from app.people import merging, signing_in
from app.people.models import Account, Person, PersonName, Pin, Preference, RoleGrant, SignIn
from app.people.register import refresh_corrected
from app.people.rules import Ended
from app.quizzes.models import (
    Answer,
    Attempt,
    AttemptEvent,
    GrantedAttempt,
    MarkCorrection,
    PracticalMark,
    PracticalWork,
    SheetEntry,
)
from app.runs.models import Enrolment
from app.schedule.models import AttendanceMark, MinutesLine, Taught
from app.sync import applying, chain, erasing, journal, rows, segments
from app.sync.applying import CONFLICT, INVALID, UNKNOWN, Trust
from app.sync.catalogue import BY_NAME, Kind
from app.sync.erasing import Gone
from app.sync.models import AuditEvent, Erasure, HeldEntry, JournalEntry, PersonMerge, StoredSegment
from app.sync.scope import GOES, by_hundreds
from app.sync.segments import Segment
from app.sync.shapes import Head
from app.work import work
from config import Config

State = Literal["taken", "known", "gap", "waits"]


@dataclass
class Arrived:
    """What came of the versions of a bundle."""

    number: int | None = None  # of the version that holds now
    state: State = "known"
    missing: int | None = None  # gap: the number of the segment that comes first
    media: list[str] = field(default_factory=list)  # waits: SHA-256 of the files without which nothing is assigned
    counts: Counter[str] = field(default_factory=Counter)  # new, changed, removed, kept, held
    ended: set[uuid.UUID] = field(default_factory=set)  # people whose sign-ins ended with it
    gone: Gone = field(default_factory=Gone)  # erased on order

    def then(self, other: Arrived) -> None:
        """Count the next version in."""
        self.state, self.missing, self.media = other.state, other.missing, other.media
        self.counts += other.counts
        self.ended |= other.ended
        self.gone.add(other.gone)


def take_down(database: Database, config: Config, found: Iterable[Segment], *, trusted: Trust, now: datetime, bundle: str = "") -> Arrived:
    """Take what a bundle brings of the down stream, version by version, each in one transaction.

    Raises BadSegment for a segment that the centre did not sign, or that is meant for another class server.
    """
    stream = chain.down_to(database.node)
    listed = sorted(found, key=lambda one: (one.header.ordinal, one.header.number))
    for segment in listed:
        if segment.header.node != trusted.centre or segment.header.stream != stream:
            raise BadSegment("malformed", "a version for another class server")
        segments.verify(segment, trusted.keys[trusted.centre])
    arrived = Arrived()
    if any(entry[:2] == ["r", Erasure.__tablename__] for one in listed for entry in segments.open_body(one).entries):
        erasing.mark_wipe(config.folder)
    for version in versions(listed):
        with work(database) as db:
            one = apply_down(db, version, now=now, folder=config.folder / media.FOLDER, bundle=bundle)
        if one.state != "known":
            arrived.then(one)
    erasing.take_files_away(database, config, arrived.gone)
    if arrived.state == "taken":
        with work(database) as db:
            applying.retry_held(db, trust=trusted, now=now)
            retry_down(db, trusted.centre, now=now)
    with database.sessions() as db:
        head = held(db, trusted.centre)
    arrived.number = head.number if head else None
    return arrived


def versions(listed: Sequence[Segment]) -> Iterator[list[Segment]]:
    """Segments in the order of their chain, cut into versions."""
    version: list[Segment] = []
    for segment in listed:
        version.append(segment)
        if segment.header.more is None:
            yield version
            version = []
    if version:
        yield version


def held(db: Session, centre: str) -> Head | None:
    """The newest segment of the down stream that is applied here."""
    s = StoredSegment
    row = db.execute(
        sa.select(s.stream, s.epoch, s.ordinal, s.number, s.hash)
        .where(s.node == centre, s.stream == chain.down_to(db.info["node"])).order_by(s.ordinal.desc(), s.number.desc()).limit(1)
    ).first()
    return Head(**row._mapping) if row else None


def apply_down(db: Session, version: Sequence[Segment], *, now: datetime, folder: Path, bundle: str = "") -> Arrived:
    """Apply one version, whole. What this node owns stays as it is; what it was given it takes once; an older one changes nothing.

    `folder` holds the course media: a version whose files are not all there is not taken, so that no assignment comes
    without its content. Raises BadSegment when the content is not what was signed.
    """
    first, last = version[0].header, version[-1].header
    before = held(db, first.node)
    newest = (before.ordinal, before.number) if before else (0, 0)
    if (last.ordinal, last.number) <= newest:
        return Arrived(state="known")
    if not first.full and (before is None or first.prev != before.hash):
        return Arrived(state="gap", missing=before.number + 1 if before and before.epoch == first.epoch else 1)
    for one, following in pairwise(version):
        if following.header.prev != one.hash or following.header.full != first.full:
            return Arrived(state="gap", missing=one.header.number + 1)
    if last.more is not None:
        return Arrived(state="gap", missing=last.number + 1)
    entries = [[*segments.open_body(one).entries] for one in version]
    lacking = sorted(
        {entry[2]["sha256"] for part in entries for entry in part if entry[:2] == ["r", "media"] and not files.path_of(folder, entry[2]["sha256"]).exists()}
    )
    if lacking:
        return Arrived(state="waits", media=lacking)
    rights = _rights(db, now.date())
    stored = [chain.store(db, one, state="applied", now=now, bundle=bundle) for one in version]
    task = _Task(db, first.node, now, Arrived(state="taken"), applying.erased(db))
    task.apply(stored, entries, full=bool(first.full))
    task.arrived.ended = _end_sign_ins(db, rights, _rights(db, now.date()), now)
    _forget_older(db, stored)
    db.flush()
    db.expire_all()
    return task.arrived


def retry_down(db: Session, centre: str, *, now: datetime) -> int:
    """Try again rows of the centre's that something stood in the way of; gives how many are there now."""
    waiting = db.scalars(
        sa.select(HeldEntry).join(StoredSegment, StoredSegment.id == HeldEntry.segment_id)
        .where(HeldEntry.why == CONFLICT, HeldEntry.settled_at.is_(None), StoredSegment.node == centre, StoredSegment.stream == chain.down_to(db.info["node"]))
        .order_by(HeldEntry.id)
    ).all()
    task = _Task(db, centre, now, Arrived(), applying.erased(db))
    found: dict[str, dict[uuid.UUID, _Row]] = {}
    for one in waiting:
        stored = db.scalars(sa.select(StoredSegment).where(StoredSegment.id == one.segment_id).options(undefer(StoredSegment.body))).one()
        entry = segments.open_body(chain.as_segment(stored)).entries[one.place]
        if entry[0] == "r":
            values = rows.from_json(one.table, entry[2])
            found.setdefault(one.table, {})[values["id"]] = _Row(stored, one.place, values, entry[2])  # the last that came holds
    for name in sorted(found, key=lambda one: rows.depth()[one]):
        task._put(name, list(found[name].values()))
    db.expire_all()
    return task.arrived.counts["new"] + task.arrived.counts["changed"]


def _forget_older(db: Session, stored: Sequence[StoredSegment]) -> None:
    """Only the version that holds is kept, and segments of which something is held aside."""
    s = rows.table_named("segment")
    older = sa.select(s.c.id).where(s.c.stream == stored[0].stream, s.c.id.not_in([one.id for one in stored]))
    db.connection().execute(
        sa.delete(s).where(s.c.id.in_(older), s.c.id.not_in(sa.select(HeldEntry.segment_id).where(HeldEntry.settled_at.is_(None))))
    )


# ---- rows ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Row:
    stored: StoredSegment
    place: int
    values: dict[str, Any]
    text: Mapping[str, Any]


@dataclass
class _Task:
    """One version being applied."""

    db: Session
    centre: str
    now: datetime
    arrived: Arrived
    erased: applying.Orders

    def _carry_out(self, found: Mapping[str, Sequence[_Row]]) -> None:
        """What the centre has erased goes here too, before anything is made of it."""
        ids = [row.values["id"] for row in found.get(Erasure.__tablename__, ())]
        orders = [one for some in by_hundreds(ids) for one in self.db.scalars(sa.select(Erasure).where(Erasure.id.in_(some)))]
        self.arrived.gone = erasing.carry_out(self.db, orders, centre=self.centre)

    def apply(self, stored: Sequence[StoredSegment], entries: Sequence[Sequence[Any]], *, full: bool) -> None:
        """Put all rows where they belong, and take away what the class needs no more."""
        found: dict[str, list[_Row]] = {}
        gone: dict[str, set[uuid.UUID]] = {}
        for segment, part in zip(stored, entries, strict=True):
            for place, entry in enumerate(part):
                self._sort(segment, place, entry, found, gone)
        if full:
            gone = self._not_in(found)
        self._remove(gone, last=False)
        for name in sorted(found, key=lambda one: rows.depth()[one]):
            self._put(name, found[name])
        self._remove(gone, last=True)
        self.db.expire_all()
        self._carry_out(found)
        self._follow(found)

    def _sort(self, segment: StoredSegment, place: int, entry: Any, found: dict[str, list[_Row]], gone: dict[str, set[uuid.UUID]]) -> None:
        if entry[0] == segments.ERASED or applying.is_gone(self.erased, entry, by_centre=True):
            return
        match entry:
            case ["r", str(name), dict(text)] if name in BY_NAME and BY_NAME[name].kind is not Kind.STAYS:
                try:
                    values = rows.from_json(name, text)
                    values["id"], values["owner_node"]
                except (rows.BadRow, KeyError) as wrong:
                    self._hold(segment, place, name, None, INVALID, said=str(wrong))
                else:
                    found.setdefault(name, []).append(_Row(segment, place, values, text))
            case ["g", str(name), str(key)] if name in BY_NAME and BY_NAME[name].kind is not Kind.STAYS:
                gone.setdefault(name, set()).add(uuid.UUID(key))
            case _:
                self._hold(segment, place, str(entry[1])[:40] if len(entry) > 1 else "", None, UNKNOWN)

    def _hold(self, segment: StoredSegment, place: int, name: str, key: uuid.UUID | None, why: str, **detail: Any) -> None:
        self.arrived.counts["held"] += 1
        if not self.db.scalar(sa.select(HeldEntry.id).where(HeldEntry.segment_id == segment.id, HeldEntry.place == place)):
            self.db.add(HeldEntry(segment_id=segment.id, place=place, node=self.centre, table=name, row_id=key, why=why, detail=detail, at=self.now))
            self.db.flush()

    def _put(self, name: str, found: Sequence[_Row]) -> None:
        """Insert and replace rows of one table."""
        table, own, fact = rows.table_named(name), self.db.info["node"], issubclass(BY_NAME[name].model, Fact)
        here = _owners(self.db, table, [row.values["id"] for row in found], version=not fact)
        new, changed, given, forgotten = [], [], [], []
        for row in found:
            owner, version = here.get(row.values["id"], (None, 0))
            ours = row.values["owner_node"] == own
            if owner is None:
                new.append(row)
            elif fact or (ours and row.values["version"] <= version):
                if not fact and owner == self.centre:
                    forgotten.append(row.values["id"])
                continue  # facts never change; what is kept here is newer here
            else:
                changed.append(row)
            if ours and not fact:
                given.append((row, owner))
        refused = self._insert(table, new) | self._replace(table, changed)
        self._settled(name, [row for row in (*new, *changed) if row.values["id"] not in refused])
        self._bases(name, [(row, owner) for row, owner in given if row.values["id"] not in refused])
        for key in forgotten:
            self._give_back_again(name, key)

    def _insert(self, table: sa.Table, new: Sequence[_Row]) -> set[uuid.UUID]:
        """Rows with references to rows of their own table get those afterwards: two offices may be each other's pair."""
        inward = [column for column, target in rows.references(table.name).items() if target == table.name]
        values = []
        for row in new:
            one = row.values | dict.fromkeys(inward)
            values.append(one | ({"segment": row.stored.number} if "segment" in table.c else {}))
        done = self._try_all(sa.insert(table), values) if len({frozenset(one) for one in values}) == 1 else False
        refused = set()
        if not done:
            for row, one in zip(new, values, strict=True):
                if not self._try_all(sa.insert(table), [one]):
                    refused.add(row.values["id"])
                    self._hold(row.stored, row.place, table.name, row.values["id"], CONFLICT)
        self.arrived.counts["new"] += len(new) - len(refused)
        for row in new:
            later = {column: row.values[column] for column in inward if row.values.get(column) is not None}
            if later and row.values["id"] not in refused:
                self._update(table, row, later)
        return refused

    def _replace(self, table: sa.Table, changed: Sequence[_Row]) -> set[uuid.UUID]:
        refused = {row.values["id"] for row in changed if not self._update(table, row, row.values)}
        self.arrived.counts["changed"] += len(changed) - len(refused)
        return refused

    def _update(self, table: sa.Table, row: _Row, values: Mapping[str, Any]) -> bool:
        done = self._try_all(sa.update(table).where(table.c.id == row.values["id"]).values(**values))
        if not done:
            self._hold(row.stored, row.place, table.name, row.values["id"], CONFLICT)
        return done

    def _try_all(self, statement: Any, values: list[dict[str, Any]] | None = None) -> bool:
        """Run a statement, or nothing of it where a rule of the database is in the way."""
        if values == []:
            return True
        connection = self.db.connection()
        try:
            with connection.begin_nested():
                connection.execute(statement, values) if values else connection.execute(statement)
        except sa.exc.IntegrityError:
            return False
        return True

    def _settled(self, name: str, done: Sequence[_Row]) -> None:
        """What was held aside of these rows is there now."""
        for some in by_hundreds(row.values["id"] for row in done):
            for one in self.db.scalars(
                sa.select(HeldEntry).where(HeldEntry.table == name, HeldEntry.row_id.in_(some), HeldEntry.node == self.centre, HeldEntry.settled_at.is_(None))
            ):
                one.settled_at, one.settled_how = self.now, "applied"
        self.db.flush()

    def _bases(self, name: str, given: Sequence[tuple[_Row, str | None]]) -> None:
        """What later changes here build on: the row as it was given to this node."""
        entries = [
            {
                "id": new_id(), "at": self.now, "actor_id": None, "table": name, "row_id": row.values["id"],
                "before": None if owner is None else {"owner_node": owner}, "after": {key: value for key, value in row.text.items() if key != "version"},
                "segment": row.stored.number, "number": 0, "node": self.centre, "version": row.values["version"], "refused": None,
            }
            for row, owner in given
        ]
        if entries:
            self.db.connection().execute(sa.insert(rows.table_named("journal_entry")), entries)

    def _give_back_again(self, name: str, key: uuid.UUID) -> None:
        """The centre calls a row ours that it had taken back: restored from a backup, it has forgotten that.

        What came down here is all there is of its word since. As it holds us for the owner, our change counts there: the row is
        the centre's, as it is here. Once for each time that it forgets.
        """
        table, own = rows.table_named(name), self.db.info["node"]
        row = self.db.connection().execute(sa.select(*rows.travelling(name).values()).where(table.c.id == key)).mappings().one()
        told = self.db.scalars(
            sa.select(JournalEntry.after).where(
                JournalEntry.table == name, JournalEntry.row_id == key, JournalEntry.node == own, JournalEntry.version == row["version"]
            )
        )
        if any((after or {}).get("owner_node") == self.centre for after in told):
            return  # given back already: the centre has not heard it yet
        # A reference that is empty here may only be one that leads beyond what this class needs.
        known = {column: value for column, value in rows.as_json(name, dict(row)).items() if value is not None or column not in rows.references(name)}
        del known["version"]
        version = journal.change_of_a_row_that_is_not_ours(
            self.db, table=name, row_id=key, before={"owner_node": own}, after=known, above=row["version"], by=None, now=self.now
        )
        self.db.connection().execute(sa.update(table).where(table.c.id == key).values(version=version))

    # ---- what is needed no more

    def _not_in(self, found: Mapping[str, Sequence[_Row]]) -> dict[str, set[uuid.UUID]]:
        """Rows of others that are here and not in the whole snapshot."""
        gone = {}
        for model in GOES:
            table = rows.table_named(str(model.__table__.name))  # type: ignore[attr-defined]
            here = set(self.db.connection().scalars(sa.select(table.c.id).where(table.c.owner_node != self.db.info["node"])))
            gone[table.name] = here - {row.values["id"] for row in found.get(table.name, ())}
        return gone

    def _remove(self, gone: dict[str, set[uuid.UUID]], *, last: bool) -> None:
        """Remove rows that nothing here refers to. Tried before the others come, for what must be unique, and once more after."""
        for name in sorted(gone, key=lambda one: -rows.depth()[one]):
            table = rows.table_named(name)
            for some in by_hundreds(gone[name]):
                others = (table.c.id.in_(some), table.c.owner_node != self.db.info["node"])
                there = list(self.db.connection().scalars(sa.select(table.c.id).where(*others)))
                if there and not self._try_all(sa.delete(table).where(*others)):
                    there = [key for key in there if self._remove_one(table, key)]
                self.arrived.counts["removed"] += len(there)
            gone[name] -= set() if last else self._away(table, gone[name])
            if last:
                self.arrived.counts["kept"] += len(gone[name] - self._away(table, gone[name]))

    def _remove_one(self, table: sa.Table, key: uuid.UUID) -> bool:
        if table.name == Person.__tablename__ and not self._referred(key):
            for mine in (SignIn, Pin, Preference, Account):
                self.db.execute(sa.delete(mine).where(mine.person_id == key))
        return self._try_all(sa.delete(table).where(table.c.id == key))

    def _referred(self, person: uuid.UUID) -> bool:
        """Whether something here besides his ways to sign in names him."""
        try:
            with self.db.begin_nested() as point:
                for mine in (SignIn, Pin, Preference, Account):
                    self.db.execute(sa.delete(mine).where(mine.person_id == person))
                self.db.connection().execute(sa.delete(rows.table_named(Person.__tablename__)).where(Person.id == person))
                point.rollback()
        except sa.exc.IntegrityError:
            return True
        return False

    def _away(self, table: sa.Table, ids: Iterable[uuid.UUID]) -> set[uuid.UUID]:
        """Which of these are not here."""
        wanted = set(ids)
        return wanted - set(_owners(self.db, table, wanted, version=False))

    # ---- what follows from the rows

    def _follow(self, found: Mapping[str, Sequence[_Row]]) -> None:
        """Names of this node's own count in lists at once; references follow merges."""
        people = {row.values["id"] for row in found.get(Person.__tablename__, ())}
        people |= {row.values["person_id"] for row in found.get(PersonName.__tablename__, ())}
        orders = applying.erased(self.db)
        people = {one for one in people if (Person.__tablename__, one) not in orders}
        for some in by_hundreds(people):
            refresh_corrected(self.db, some)
        for row in found.get(PersonMerge.__tablename__, ()):
            merge = self.db.get(PersonMerge, row.values["id"])
            if merge is not None:
                (merging.turn if merge.undone_at is None else merging.turn_back)(self.db, merge)


def _owners(db: Session, table: sa.Table, ids: Iterable[uuid.UUID], *, version: bool) -> dict[uuid.UUID, tuple[str, int]]:
    found: dict[uuid.UUID, tuple[str, int]] = {}
    for some in by_hundreds(ids):
        columns = (table.c.id, table.c.owner_node, table.c.version if version else sa.literal(0))
        for key, owner, number in db.connection().execute(sa.select(*columns).where(table.c.id.in_(some))):
            found[key] = (owner, number)
    return found


# ---- roles that ended ------------------------------------------------------------------------------------------------


Rights = dict[uuid.UUID, set[tuple[str, uuid.UUID]]]


@dataclass(frozen=True)
class _Standing:
    """Who holds which role for which office today, and who has left the service."""

    roles: Rights
    left: dict[uuid.UUID, date]


def _rights(db: Session, today: date) -> _Standing:
    holds = sa.and_(RoleGrant.valid_from <= today, sa.or_(RoleGrant.valid_to.is_(None), RoleGrant.valid_to >= today))
    roles: Rights = {}
    for person, role, office in db.execute(sa.select(RoleGrant.person_id, RoleGrant.role, RoleGrant.office_id).where(holds)):
        roles.setdefault(person, set()).add((role, office))
    left = {person: day for person, day in db.execute(sa.select(Person.id, Person.left_on).where(Person.left_on <= today)) if day}
    return _Standing(roles, left)


def _end_sign_ins(db: Session, before: _Standing, after: _Standing, now: datetime) -> set[uuid.UUID]:
    """Sign-ins of those who lost a role or left end at once; what they did since then here stands, and is noted."""
    lost = {person: held - after.roles.get(person, set()) for person, held in before.roles.items()}
    gone = set(after.left) - set(before.left)
    ended = {person for person, roles in lost.items() if roles} | gone
    for person in ended:
        signing_in.end_sign_ins(db, person_id=person, why=Ended.ROLE, now=now)
        if person in gone:
            db.execute(sa.update(Pin).where(Pin.person_id == person, Pin.ended_at.is_(None)).values(ended_at=now))
        since = _since(db, person, lost.get(person, set()), after.left.get(person))
        done = _done_since(db, person, since) if since else {}
        if done and since:
            db.add(AuditEvent(
                at=now, actor_id=None, what="done without a role", about=str(person),
                detail={"since": since.isoformat(), "roles": sorted({role for role, _ in lost.get(person, set())}), "done": done},
            ))
    return ended


def _since(db: Session, person: uuid.UUID, lost: set[tuple[str, uuid.UUID]], left: date | None) -> datetime | None:
    """From when on he had no right to what he did; None where only this contact took it from him."""
    days = [left] if left else []
    for role, office in lost:
        last = db.scalar(
            sa.select(sa.func.max(RoleGrant.valid_to)).where(RoleGrant.person_id == person, RoleGrant.role == role, RoleGrant.office_id == office)
        )
        days += [last + timedelta(days=1)] if last else []
    return datetime.combine(min(days), time(), UTC) if days else None


BY = (
    (DailyCheck, DailyCheck.by_id), (Taught, Taught.by_id), (AttendanceMark, AttendanceMark.by_id), (MinutesLine, MinutesLine.by_id),
    (AttemptEvent, AttemptEvent.by_id), (GrantedAttempt, GrantedAttempt.by_id), (MarkCorrection, MarkCorrection.by_id), (SheetEntry, SheetEntry.by_id),
    (PracticalWork, PracticalWork.by_id), (PracticalMark, PracticalMark.by_id), (CertificateEvent, CertificateEvent.by),
)


def _done_since(db: Session, person: uuid.UUID, since: datetime) -> dict[str, int]:
    """How much somebody did at this node since then, by table."""
    own, done = db.info["node"], {}
    for model, by in BY:
        done[model.__tablename__] = db.scalar(
            sa.select(sa.func.count()).where(by == person, model.at >= since, model.owner_node == own)
        )
    done[Answer.__tablename__] = db.scalar(
        sa.select(sa.func.count()).select_from(Answer).join(Attempt, Attempt.id == Answer.attempt_id).join(Enrolment, Enrolment.id == Attempt.enrolment_id)
        .where(Enrolment.person_id == person, Answer.saved_at >= since, Answer.owner_node == own)
    )
    changed = db.execute(
        sa.select(JournalEntry.table, sa.func.count())
        .where(JournalEntry.actor_id == person, JournalEntry.at >= since, JournalEntry.node == own).group_by(JournalEntry.table)
    )
    for name, count in changed:
        done[name] = (done.get(name) or 0) + count
    return {name: count for name, count in done.items() if count}

