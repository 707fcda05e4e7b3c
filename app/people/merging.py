"""Two files of one officer become one at the centre, and two again when that was wrong: every reference is turned, nothing is rewritten.

The facts of a class stay as the class wrote them. What turns is how the centre reads them: each reference from the dropped file to
the kept one, noted in merged_reference, so that an unmerge turns back exactly these. Facts that come later follow (sync/applying.py).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from itertools import combinations
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import Base, Fact, Record, take_write_lock
from app.errors import Conflict, Invalid, Message, say
from app.offices.models import Country
from app.offices.scope import under
from app.people import matching, signing_in
from app.people.matching import COPY, Card, Sameness
from app.people.models import Account, Person, PersonName, Pin, Posting, RoleGrant
from app.people.names import Name, search_key, tidy
from app.people.register import refresh_keys
from app.people.rules import Ended
from app.sync import journal
from app.sync.models import HandOver, MergedReference, PersonMerge

AT_ONCE = 500

OF_THE_FILE = {("person_name", "person_id"), ("posting", "person_id"), ("role_grant", "person_id")}
"""References that stay with their file: its names and postings are its own history, and no merge gives anybody a role."""


# ---- what refers to a file -------------------------------------------------------------------------------------------


@cache
def references() -> Mapping[str, tuple[str, ...]]:
    """Table to its columns that a merge turns: every reference to a person in a table that travels."""
    found: dict[str, tuple[str, ...]] = {}
    for mapper in Base.registry.mappers:
        if not issubclass(mapper.class_, (Record, Fact)) or mapper.class_ is PersonMerge:
            continue
        table = Base.metadata.tables[str(mapper.local_table)]
        columns = [c.key for c in table.columns if any(key.column.table.name == Person.__tablename__ for key in c.foreign_keys)]
        if turned := tuple(key for key in columns if (table.name, key) not in OF_THE_FILE):
            found[table.name] = turned
    return dict(sorted(found.items()))


def standing() -> sa.ColumnElement[bool]:
    """The condition that a file stands for itself: lists and counts leave out what was merged into another."""
    return ~sa.exists().where(PersonMerge.dropped_id == Person.id, PersonMerge.undone_at.is_(None))


def as_written(db: Session, table: str, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows of a table as they were before merges turned their references: what is sealed never depends on a merge."""
    ids = [row["id"] for row in rows]
    before: dict[uuid.UUID, dict[str, uuid.UUID]] = {}
    for at in range(0, len(ids) if table in references() else 0, AT_ONCE):
        statement = (
            sa.select(MergedReference.row_id, MergedReference.column, PersonMerge.dropped_id)
            .join(PersonMerge, PersonMerge.id == MergedReference.merge_id)
            .where(MergedReference.table == table, MergedReference.row_id.in_(ids[at : at + AT_ONCE]))
        )
        for row_id, column, dropped in db.execute(statement):
            before.setdefault(row_id, {})[column] = dropped
    return [dict(row) | before.get(row["id"], {}) for row in rows]


# ---- finding doubles -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pair:
    """Two files that may be of one officer; `kept` is the one to keep unless a person decides otherwise."""

    kept: Person
    dropped: Person
    why: Sameness | None


def cards(db: Session, people: Iterable[Person]) -> dict[uuid.UUID, Card]:
    """What the comparison knows of some people."""
    listed = {person.id: person for person in people}
    names: dict[uuid.UUID, list[Name]] = {}
    ids = list(listed)
    for at in range(0, len(ids), AT_ONCE):
        for row in db.scalars(sa.select(PersonName).where(PersonName.person_id.in_(ids[at : at + AT_ONCE]))):
            names.setdefault(row.person_id, []).append(Name(row.family, row.given))
    return {
        id: Card(id, one.agency_id, one.service_number, matching.folded(names.get(id, ())), one.born_on, one.provisional)
        for id, one in listed.items()
    }


def pair(db: Session, one: Person, other: Person) -> Pair:
    """Two files, which to keep, and what speaks for one officer."""
    known = cards(db, (one, other))
    kept, _ = matching.to_keep(known[one.id], known[other.id])
    first, second = (one, other) if kept.id == one.id else (other, one)
    return Pair(first, second, matching.sameness(known[one.id], known[other.id]))


def proposals(db: Session, paths: Sequence[str], *, most: int = 100) -> list[Pair]:
    """Files of these offices that are probably of one officer: by service number, then by name and birth date.

    Not those of whom somebody has said that they are two people, or whose merge was undone.
    """
    decided = {frozenset(ids) for ids in db.execute(sa.select(PersonMerge.dropped_id, PersonMerge.kept_id).where(PersonMerge.undone_at.is_not(None)))}
    found = [ids for ids in (*_of_one_number(db, paths), *_of_one_birth(db, paths)) if frozenset(ids) not in decided]
    people = _by_id(db, sorted({id for ids in found for id in ids}))
    known = cards(db, people.values())
    pairs: dict[frozenset[uuid.UUID], Pair] = {}
    for one, other in found:
        if matching.proposed(known[one], known[other]):
            kept, dropped = matching.to_keep(known[one], known[other])
            pairs.setdefault(
                frozenset((one, other)), Pair(people[kept.id], people[dropped.id], matching.sameness(known[one], known[other]))
            )
    return sorted(pairs.values(), key=lambda p: (p.why != Sameness.NUMBER, p.kept.sort_key, str(p.dropped.id)))[:most]


def _by_id(db: Session, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Person]:
    found: dict[uuid.UUID, Person] = {}
    for at in range(0, len(ids), AT_ONCE):
        found |= {one.id: one for one in db.scalars(sa.select(Person).where(Person.id.in_(ids[at : at + AT_ONCE])))}
    return found


def namesakes(db: Session, person: Person, *, most: int = 12) -> list[Pair]:
    """Other files in his country with his name, whatever else they say: for a person to compare, never a proposal by itself."""
    mine = cards(db, [person])[person.id]
    words = sorted({word for family, given in mine.names for word in (*family.split(), *given.split())})
    families = [family for family, _ in mine.names if family]
    if not words or not families:
        return []
    alike = sa.or_(*(Person.search_key.contains(family, autoescape=True) for family in sorted(families)))
    others = db.scalars(
        sa.select(Person).where(Person.country_id == person.country_id, Person.id != person.id, alike, standing()).order_by(Person.sort_key, Person.id).limit(200)
    ).all()
    known = cards(db, others)
    found = [Pair(other, person, why) for other in others if (why := matching.sameness(mine, known[other.id])) is not None]
    order = list(Sameness)
    return sorted(found, key=lambda p: order.index(p.why) if p.why else len(order))[:most]


def _here(table: Any, paths: Sequence[str]) -> sa.ColumnElement[bool]:
    from app.offices.models import Office

    return sa.exists().where(Posting.person_id == table.id, Posting.office_id == Office.id, under(Office.path, paths))


def _bare(column: Any) -> sa.ColumnElement[str]:
    """matching.bare in SQL, but for what a class made up."""
    found: sa.ColumnElement[str] = sa.func.lower(column)
    for sign in (COPY, " ", "\N{NO-BREAK SPACE}", "-", "/", "."):
        found = sa.func.replace(found, sign, "")
    return found


def _of_one_number(db: Session, paths: Sequence[str]) -> list[tuple[uuid.UUID, uuid.UUID]]:
    """Pairs of one service number: as typed they differ, since an agency has each number once."""
    number = _bare(Person.service_number)
    real = ~Person.service_number.istartswith(matching.MADE_UP, autoescape=True)
    return _of_one_kind(db, paths, (Person.agency_id, number), real)


def _of_one_birth(db: Session, paths: Sequence[str]) -> list[tuple[uuid.UUID, uuid.UUID]]:
    """Pairs born on one day whose names begin alike; whether the names are the same, matching.sameness says."""
    begins = sa.func.substr(Person.search_key, 1, 4)  # letters of the folded family name, which every search key begins with
    return _of_one_kind(db, paths, (Person.country_id, Person.born_on, begins), Person.born_on.is_not(None))


def _of_one_kind(db: Session, paths: Sequence[str], kind: Sequence[Any], *where: sa.ColumnElement[bool]) -> list[tuple[uuid.UUID, uuid.UUID]]:
    """Pairs of files that are alike in these columns: one pass over the table, whatever its size (a self-join takes minutes)."""
    count = sa.func.count().over(partition_by=list(kind)).label("alike")
    columns = [column.label(f"part_{n}") for n, column in enumerate(kind)]
    listed = sa.select(Person.id, *columns, count).where(*where).subquery()
    rows = db.execute(
        sa.select(listed.c.id, *(listed.c[column.name] for column in columns)).join(Person, Person.id == listed.c.id)
        .where(listed.c.alike > 1, standing(), _here(Person, paths)).order_by(listed.c.id)
    )
    groups: dict[tuple[Any, ...], list[uuid.UUID]] = {}
    for id, *parts in rows:
        groups.setdefault(tuple(parts), []).append(id)
    return [pair for ids in groups.values() for pair in combinations(ids, 2)]


# ---- the centre takes a file over ------------------------------------------------------------------------------------


def take_over(db: Session, person: Person, *, by: uuid.UUID, now: datetime, reason: str) -> HandOver | None:
    """Make a file of a class the centre's: person, names and postings. None when it is ours already."""
    take_write_lock(db)
    node, owner = db.info["node"], person.owner_node
    if owner == node:
        return None
    rows: list[Record] = [person]
    rows += db.scalars(sa.select(PersonName).where(PersonName.person_id == person.id, PersonName.owner_node == owner))
    rows += db.scalars(sa.select(Posting).where(Posting.person_id == person.id, Posting.owner_node == owner))
    with journal.taking_over(db):
        for row in rows:
            row.owner_node = node
    handed = HandOver(table="person", row_id=person.id, from_node=owner, to_node=node, rows=len(rows), at=now, by_id=by, reason=reason.strip())
    db.add(handed)
    db.flush()
    return handed


def confirm(
    db: Session, person: Person, *, service_number: str, born_on: date | None, by: uuid.UUID, now: datetime, reason: str
) -> HandOver | None:
    """Confirm who was registered at a class: his file becomes the centre's, with the number that his papers show.

    Raises Invalid without a number, Conflict when he is confirmed already or another file of his agency has the number.
    """
    take_write_lock(db)
    if not person.provisional:
        raise Conflict(say("merge", "{name} is confirmed already.", name=person.display_name))
    number = tidy(service_number)
    if not number or (not matching.bare(number)) or COPY in number:
        raise Invalid(fields={"service_number": say("merge", "Give the service number that the papers of this officer show.")})
    other = db.scalar(sa.select(Person).where(Person.agency_id == person.agency_id, Person.service_number == number, Person.id != person.id))
    if other is not None:
        raise Conflict(say("merge", "{number} is the service number of {name}. If both are one officer, merge the two files.", number=number, name=other.display_name))
    handed = take_over(db, person, by=by, now=now, reason=reason)
    person.service_number, person.born_on, person.provisional = number, born_on or person.born_on, False
    _refresh(db, person)
    db.flush()
    return handed


# ---- merging ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Clash:
    """Both files stand in one thing that has place for one: `table` and the two rows."""

    table: str
    dropped_row: uuid.UUID
    kept_row: uuid.UUID
    told: Message


def clashes(db: Session, *, dropped: Person, kept: Person) -> list[Clash]:
    """What must be settled before the two files can become one."""
    return [clash for clash in _clashes(db, dropped.id, kept.id) if not _is_void(db, clash)]


def merge(
    db: Session, *, dropped: Person, kept: Person, by: uuid.UUID, now: datetime, reason: str, document: bool = False, today: date | None = None
) -> PersonMerge:
    """From now on all that refers to the dropped file means the kept one. Gives the merge, which can be undone.

    The kept file becomes the centre's. Names, postings and past roles of the dropped file stay with it; at this node nobody signs in
    with it any more. A class server that has it goes on working with it. Raises Invalid for want of proof (matching.refuse_unproven),
    Conflict for a file that is part of another merge, that has roles, or that stands beside the kept one in a run.
    """
    take_write_lock(db)
    if dropped.id == kept.id:
        raise Invalid(say("merge", "These are one file already."))
    if dropped.country_id != kept.country_id:
        raise Conflict(say("merge", "These files are of two countries. A person's file stays with his country."))
    _refuse_chains(db, dropped, kept)
    known = cards(db, (dropped, kept))
    matching.refuse_unproven(known[dropped.id], known[kept.id], reason=reason, document=document)
    _refuse_roles(db, dropped, today or now.date())
    if found := clashes(db, dropped=dropped, kept=kept):
        raise Conflict(found[0].told)
    take_over(db, kept, by=by, now=now, reason=reason)
    made = PersonMerge(dropped_id=dropped.id, kept_id=kept.id, merged_at=now, merged_by=by, reason=reason.strip())
    db.add(made)
    db.flush()
    turn(db, made)
    _close_account(db, dropped.id, now)
    _refresh(db, db.get_one(Person, made.kept_id))
    db.flush()
    return made


def turn(db: Session, merge: PersonMerge) -> int:
    """Turn every reference that still names the dropped file; gives how many. Once more changes nothing.

    What the kept file has already in a place for one stays with the dropped file: it is noted twice and counts once.
    """
    turned = 0
    stays = {(clash.table, clash.dropped_row) for clash in _clashes(db, merge.dropped_id, merge.kept_id)}
    connection = db.connection()
    for name, columns in references().items():
        table = Base.metadata.tables[name]
        for column in columns:
            ids = [id for id in connection.scalars(sa.select(table.c.id).where(table.c[column] == merge.dropped_id)) if (name, id) not in stays]
            if not ids:
                continue
            db.add_all(MergedReference(merge_id=merge.id, table=name, row_id=id, column=column) for id in ids)
            # Not a change of these rows, some of which other nodes own: it is how this node reads them. So no journal entry.
            for at in range(0, len(ids), AT_ONCE):
                connection.execute(sa.update(table).where(table.c.id.in_(ids[at : at + AT_ONCE])).values({column: merge.kept_id}))
            turned += len(ids)
    db.flush()
    db.expire_all()
    return turned


def keep_apart(db: Session, one: Person, other: Person, *, by: uuid.UUID, now: datetime, reason: str) -> PersonMerge:
    """Note that two files are of two people: a merge that never held, so that it is not proposed again.

    Raises Invalid without a reason.
    """
    take_write_lock(db)
    if not reason.strip():
        raise Invalid(fields={"reason": say("merge", "Say how you know that they are two people.")})
    noted = PersonMerge(
        dropped_id=other.id, kept_id=one.id, merged_at=now, merged_by=by, reason=reason.strip(), undone_at=now, undone_by=by,
    )
    db.add(noted)
    db.flush()
    return noted


def unmerge(db: Session, merge: PersonMerge, *, by: uuid.UUID, now: datetime) -> int:
    """Make two files of them again: every reference that the merge turned, and later facts that followed it, goes back.

    Gives how many. Raises Conflict when it was undone already.
    """
    take_write_lock(db)
    if merge.undone_at is not None:
        raise Conflict(say("merge", "These files were separated already."))
    merge.undone_at, merge.undone_by = now, by
    db.flush()
    count = turn_back(db, merge)
    _reopen_account(db, merge)
    _refresh(db, db.get_one(Person, merge.kept_id))
    db.flush()
    return count


def turn_back(db: Session, merge: PersonMerge) -> int:
    """Every reference that a merge turned at this node means the dropped file again; gives how many."""
    rows = db.scalars(sa.select(MergedReference).where(MergedReference.merge_id == merge.id)).all()
    by_place: dict[tuple[str, str], list[uuid.UUID]] = {}
    for row in rows:
        by_place.setdefault((row.table, row.column), []).append(row.row_id)
    connection = db.connection()
    for (name, column), ids in by_place.items():
        table = Base.metadata.tables[name]
        for at in range(0, len(ids), AT_ONCE):
            which = (table.c.id.in_(ids[at : at + AT_ONCE]), table.c[column] == merge.kept_id)
            connection.execute(sa.update(table).where(*which).values({column: merge.dropped_id}))
    connection.execute(sa.delete(MergedReference).where(MergedReference.merge_id == merge.id))
    db.expire_all()
    return len(rows)


def merges_of(db: Session, person_id: uuid.UUID) -> list[tuple[PersonMerge, Person]]:
    """The merges in force that a file is part of, each with the other file."""
    rows = db.execute(
        sa.select(PersonMerge, Person)
        .join(Person, sa.or_(
            sa.and_(PersonMerge.kept_id == person_id, Person.id == PersonMerge.dropped_id),
            sa.and_(PersonMerge.dropped_id == person_id, Person.id == PersonMerge.kept_id),
        ))
        .where(PersonMerge.undone_at.is_(None)).order_by(PersonMerge.merged_at)
    )
    return [(merge, other) for merge, other in rows]


def merged_into(db: Session, person: Person) -> list[tuple[PersonMerge, Person, bool, str]]:
    """For a person's page: each merge in force with the other file, whether this one is kept, and who merged."""
    found = merges_of(db, person.id)
    names = dict(db.execute(sa.select(Person.id, Person.short_name).where(Person.id.in_({one.merged_by for one, _ in found}))).all()) if found else {}
    return [(merge, other, merge.kept_id == person.id, names.get(merge.merged_by, "–")) for merge, other in found]


# ---- what stands in the way ------------------------------------------------------------------------------------------


def _refuse_chains(db: Session, dropped: Person, kept: Person) -> None:
    involved = db.scalars(
        sa.select(PersonMerge).where(
            PersonMerge.undone_at.is_(None),
            sa.or_(PersonMerge.dropped_id.in_((dropped.id, kept.id)), PersonMerge.kept_id == dropped.id),
        )
    ).first()
    if involved is None:
        return
    if involved.kept_id == dropped.id:
        raise Conflict(say("merge", "{name}, {number}: another file was merged into this one. Keep this one, or undo that merge first.",
                           name=dropped.display_name, number=dropped.service_number))
    gone = dropped if involved.dropped_id == dropped.id else kept
    raise Conflict(say("merge", "{name}, {number}: this file was merged into another one already. Use that one, or undo that merge first.",
                       name=gone.display_name, number=gone.service_number))


def _refuse_roles(db: Session, dropped: Person, today: date) -> None:
    held = sa.or_(RoleGrant.valid_to.is_(None), RoleGrant.valid_to >= today)
    if db.scalar(sa.select(RoleGrant.id).where(RoleGrant.person_id == dropped.id, held).limit(1)):
        raise Conflict(say("merge", "The file {number} has roles. A merge gives nobody a role: keep this file, or end its roles first.", number=dropped.service_number))


def _clashes(db: Session, dropped_id: uuid.UUID, kept_id: uuid.UUID) -> list[Clash]:
    found = []
    for name, columns in references().items():
        table = Base.metadata.tables[name]
        for rule in table.constraints:
            if not isinstance(rule, sa.UniqueConstraint):
                continue
            keys = [c.key for c in rule.columns]
            for column in (key for key in keys if key in columns):
                mine, theirs = table.alias(), table.alias()
                same = [mine.c[key] == theirs.c[key] for key in keys if key != column]
                both = mine.join(theirs, sa.and_(mine.c[column] == dropped_id, theirs.c[column] == kept_id, *same))
                statement = sa.select(mine.c.id, theirs.c.id).select_from(both)
                found += [Clash(name, row, other, _told(db, name, row)) for row, other in db.connection().execute(statement)]
    return found


def _is_void(db: Session, clash: Clash) -> bool:
    """Whether the row of the dropped file counts nowhere, or says the same thing a second time: then it may stay with its file."""
    table = Base.metadata.tables[clash.table]
    if "segment" in table.c:
        return True
    if clash.table == "trainer":  # out of the pool
        return db.connection().scalar(sa.select(table.c.left_on).where(table.c.id == clash.dropped_row)) is not None
    state = db.connection().scalar(sa.select(table.c.state).where(table.c.id == clash.dropped_row)) if "state" in table.c else ""
    return state in ("withdrawn", "declined")


def _told(db: Session, name: str, row_id: uuid.UUID) -> Message:
    """What to do first, by the table: people and runs do not know each other, so the run's code is read by its table."""
    table, run = Base.metadata.tables[name], Base.metadata.tables.get("course_run")
    code = ""
    if run is not None and "run_id" in table.c:
        code = db.connection().scalar(sa.select(run.c.code).join(table, table.c.run_id == run.c.id).where(table.c.id == row_id)) or ""
    if name == "enrolment":
        return say("merge", "Both files are enrolled in the run {code}: one officer has one place there. Withdraw the place of the file that goes, then merge.", code=code)
    if name == "nomination":
        return say("merge", "Both files are nominated for the run {code}. Decline or withdraw the nomination of the file that goes, then merge.", code=code)
    if name == "run_trainer":
        return say("merge", "Both files are trainers of the run {code}. Take the file that goes off the run, then merge.", code=code)
    if name == "trainer":
        return say("merge", "Both files are in the pool of trainers. Take the file that goes out of the pool, then merge.")
    return say("merge", "Both files stand in one record ({table}) that has place for one. Settle that first, then merge.", table=name)


# ---- the rest of a file ----------------------------------------------------------------------------------------------


def _refresh(db: Session, person: Person) -> None:
    """What lists and searches use. The kept file is also found by names and number of the files that were merged into it."""
    languages = db.scalar(sa.select(Country.languages).where(Country.id == person.country_id)) or ["kk"]
    own = list(db.scalars(sa.select(PersonName).where(PersonName.person_id == person.id)))
    if own:  # else they have not come yet: what lists show was sent with the file
        refresh_keys(person, own, languages)
    words = person.search_key.split(" ")
    for merge, other in merges_of(db, person.id):
        if merge.kept_id == person.id:
            rows = db.scalars(sa.select(PersonName).where(PersonName.person_id == other.id))
            words += search_key([Name(row.family, row.given, row.patronymic) for row in rows], other.service_number).split(" ")
    person.search_key = " ".join(dict.fromkeys(words))


def _close_account(db: Session, person_id: uuid.UUID, now: datetime) -> None:
    signing_in.end_sign_ins(db, person_id=person_id, why=Ended.DISABLED, now=now)
    db.execute(sa.update(Pin).where(Pin.person_id == person_id, Pin.ended_at.is_(None)).values(ended_at=now))
    account = db.scalar(sa.select(Account).where(Account.person_id == person_id))
    if account is not None and account.disabled_at is None:
        account.disabled_at = now


def _reopen_account(db: Session, merge: PersonMerge) -> None:
    account = db.scalar(sa.select(Account).where(Account.person_id == merge.dropped_id))
    if account is not None and account.disabled_at == merge.merged_at:
        account.disabled_at = None
