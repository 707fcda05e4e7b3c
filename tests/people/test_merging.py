"""Two files of one officer: proposed with proof, merged so that each thing counts once, separated to exactly what was before."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.db import Base
from app.errors import Conflict, Invalid
from app.offices.models import Office
from app.people import matching, merging
from app.people.matching import Card, Sameness
from app.people.models import Person
from app.policy import Role
from app.quizzes.models import AttemptEvent
from app.runs.models import Enrolment
from app.sync.catalogue import BY_NAME, Kind
from app.sync.models import HandOver, JournalEntry, MergedReference, PersonMerge
from tests.factories import a_moment, added, give_role, make_staff
from tests.people.rows import make_centre, take_in
from tests.quizzes import rows as quizzes
from tests.runs import rows as runs

BORN = date(1994, 3, 12)
NOW = a_moment()


def officer(db: Session, office: Office, number: str, **values: Any) -> Person:
    """A file of Aigerim Bekova."""
    person = take_in(db, office, number=number, **values)
    db.flush()
    return person


def of_class(db: Session, person: Person, node: str = "class-korday") -> Person:
    """The same file, owned by a class server."""
    for table in ("person", "person_name", "posting"):
        rows = Base.metadata.tables[table]
        where = rows.c.id == person.id if table == "person" else rows.c.person_id == person.id
        db.connection().execute(sa.update(rows).where(where).values(owner_node=node))
    db.expire_all()
    return person


def merged(db: Session, dropped: Person, kept: Person, **values: Any) -> PersonMerge:
    """The two files as one."""
    by = make_staff(db, Role.TRAINING_OFFICER)
    return merging.merge(db, **({"dropped": dropped, "kept": kept, "by": by.id, "now": NOW, "reason": "service card seen"} | values))


def snapshot(db: Session) -> dict[str, set[tuple[Any, ...]]]:
    """Every reference to a person in the database."""
    found = {}
    for name, columns in merging.references().items():
        table = Base.metadata.tables[name]
        found[name] = set(map(tuple, db.connection().execute(sa.select(table.c.id, *(table.c[c] for c in columns)))))
    return found


# ---- the rules -------------------------------------------------------------------------------------------------------

AGENCIES = [uuid.UUID(int=n) for n in (1, 2)]
NUMBERS = st.sampled_from(["20417001", "2041 7001", "20417001#2", "020417001", "W-2026-0008-11", "w-1", "A/12", "a12"])
CARDS = st.builds(
    Card, id=st.uuids(), agency_id=st.sampled_from(AGENCIES), service_number=NUMBERS,
    names=st.frozensets(st.sampled_from([("bekova", "aigerim"), ("bekova", "aisulu"), ("dosova", "aigerim")]), min_size=1),
    born_on=st.sampled_from([None, BORN, date(1990, 1, 1)]), provisional=st.booleans(), used=st.integers(0, 3),
)


@pytest.mark.goal("PPL-06")
@given(CARDS, CARDS)
def test_files_are_never_proposed_by_the_name_alone(one: Card, other: Card) -> None:
    """Two files are proposed for one number of one agency, or for one name and one birth date; for the name alone never."""
    number = one.agency_id == other.agency_id and matching.bare(one.service_number) == matching.bare(other.service_number) != ""
    birth = bool(one.names & other.names) and one.born_on is not None and one.born_on == other.born_on

    assert matching.proposed(one, other) == (one.id != other.id and (number or birth))


@given(CARDS, CARDS)
def test_which_file_is_compared_with_which_does_not_matter(one: Card, other: Card) -> None:
    """What speaks for one officer, and which file to keep, are the same in both directions."""
    assert matching.sameness(one, other) == matching.sameness(other, one)
    if one.id != other.id:
        assert matching.to_keep(one, other) == matching.to_keep(other, one)


@given(CARDS, CARDS)
def test_a_confirmed_file_is_kept_before_a_provisional_one(one: Card, other: Card) -> None:
    """A walk-in's file goes; that of the staff list stays."""
    kept, dropped = matching.to_keep(one, other)

    assert not (kept.provisional and not dropped.provisional)


@pytest.mark.parametrize(("one", "other", "same"), [
    ("20417001", "2041 7001", True), ("20417001", "2041-7001", True), ("20417001", "20417001#2", True), ("0417", "417", False),
    ("W-2026-0008-11", "W-2026-0008-11", False),
])
def test_numbers_are_compared_without_blanks_and_strokes(one: str, other: str, same: bool) -> None:
    """Leading zeros count; a number that a class made up says nothing."""
    assert (matching.bare(one) == matching.bare(other) != "") == same


def test_a_merge_without_number_or_birth_date_asks_for_a_document(db: Session) -> None:
    """Namesakes become one only when somebody says that he has seen a document; without a reason nothing does."""
    centre = make_centre(db)
    one, other = officer(db, centre, "20417001", born_on=BORN), officer(db, centre, "20417008")

    with pytest.raises(Invalid) as refused:
        merged(db, other, one)
    assert set(refused.value.fields) == {"document"}
    with pytest.raises(Invalid) as refused:
        merged(db, other, one, reason=" ", document=True)
    assert set(refused.value.fields) == {"reason"}
    assert merged(db, other, one, document=True).kept_id == one.id


# ---- proposals -------------------------------------------------------------------------------------------------------


@pytest.mark.goal("PPL-06", "NET-10")
def test_doubles_are_proposed_by_number_then_by_name_and_birth_date(db: Session) -> None:
    """One number typed in two ways comes first, then one name in two scripts with one birth date; a namesake is not there."""
    centre = make_centre(db)
    first = officer(db, centre, "20417001", born_on=BORN)
    walk_in = officer(db, centre, "2041 7001", family="Бекова", given="Айгерим")
    walk_in.provisional = True
    latin = officer(db, centre, "20417099", family="Bekova", given="Aigerim", script="Latn", born_on=BORN)
    officer(db, centre, "20417100")  # a namesake of whom nothing else is known
    officer(db, centre, "20417101", given="Асель", born_on=BORN)
    db.flush()

    found = merging.proposals(db, [centre.path])

    assert [(p.kept.id, p.dropped.id, p.why) for p in found] == [
        (first.id, walk_in.id, Sameness.NUMBER), (min(first.id, latin.id), max(first.id, latin.id), Sameness.BIRTH),
    ]


@pytest.mark.goal("PPL-06")
def test_two_people_are_not_proposed_again(db: Session) -> None:
    """Whom somebody has told apart, with a reason, and whose merge was undone, are proposed no more."""
    centre = make_centre(db)
    a, b = officer(db, centre, "20417001"), officer(db, centre, "2041 7001")
    c, d = officer(db, centre, "20417002"), officer(db, centre, "2041 7002")
    by = make_staff(db, Role.TRAINING_OFFICER)
    with pytest.raises(Invalid):
        merging.keep_apart(db, a, b, by=by.id, now=NOW, reason=" ")

    merging.keep_apart(db, a, b, by=by.id, now=NOW, reason="twins of one village")
    merging.unmerge(db, merged(db, d, c), by=by.id, now=NOW)

    assert merging.proposals(db, [centre.path]) == []
    assert merging.merges_of(db, a.id) == []


def test_proposals_are_of_the_readers_offices(db: Session) -> None:
    """Whoever may merge in one country sees no names of another."""
    centre, other = make_centre(db), make_centre(db, code="KG")
    officer(db, centre, "20417001")
    officer(db, centre, "2041 7001")

    assert merging.proposals(db, [other.path]) == []
    assert len(merging.proposals(db, [centre.path])) == 1


# ---- merging and separating ------------------------------------------------------------------------------------------


def test_every_reference_of_a_travelling_table_is_known() -> None:
    """A new column that names a person follows merges by itself: all of them but those of the file itself."""
    every = {
        (table.name, column.key)
        for table in Base.metadata.tables.values() if table.name in BY_NAME and BY_NAME[table.name].kind is not Kind.STAYS
        for column in table.columns if any(key.column.table.name == "person" for key in column.foreign_keys)
    }
    known = {(name, column) for name, columns in merging.references().items() for column in columns}

    assert every - known == merging.OF_THE_FILE | {(PersonMerge.__tablename__, c) for c in ("dropped_id", "kept_id", "merged_by", "undone_by")}


@pytest.mark.goal("NET-10", "PPL-06")
def test_one_officer_of_two_classes_is_one_person_after_a_merge(db: Session) -> None:
    """What two classes noted of him stands under one file, each thing once; the facts of the classes are not rewritten."""
    centre = make_centre(db)
    kept = officer(db, centre, "20417001")
    dropped = of_class(db, officer(db, centre, "2041 7001"))
    run, other = runs.make_run(db, centre), runs.make_run(db, centre)
    runs.enrol(db, run, kept)
    theirs = runs.enrol(db, other, dropped)
    db.commit()
    changes = sa.select(sa.func.count()).select_from(JournalEntry).where(JournalEntry.table == "enrolment")
    before = db.scalar(changes)

    made = merged(db, dropped, kept)
    db.commit()

    assert set(db.scalars(sa.select(Enrolment.run_id).where(Enrolment.person_id == kept.id))) == {run.id, other.id}
    assert db.scalars(sa.select(MergedReference.row_id).where(MergedReference.merge_id == made.id, MergedReference.table == "enrolment")).all() == [theirs.id]
    assert db.scalar(changes) == before
    assert dropped.owner_node == "class-korday"
    assert "2041 7001" in kept.search_key
    assert db.scalars(sa.select(JournalEntry.table).where(JournalEntry.table == "person_merge")).all() == ["person_merge"]


@pytest.mark.goal("NET-10", "PPL-06")
def test_separating_gives_back_exactly_what_was_before(db: Session) -> None:
    """Every reference goes back where it was, with what was noted for the kept file since staying there."""
    centre = make_centre(db)
    kept, dropped = officer(db, centre, "20417001"), officer(db, centre, "2041 7001")
    runs.enrol(db, runs.make_run(db, centre), kept)
    attempt = quizzes.make_attempt(db)
    added(db, AttemptEvent(attempt_id=attempt.id, what="credit", at=NOW, by_id=dropped.id))
    runs.enrol(db, runs.make_run(db, centre), dropped)
    key, before = kept.search_key, snapshot(db)
    made = merged(db, dropped, kept)
    by = made.merged_by
    assert snapshot(db) != before
    turned = snapshot(db)
    new = runs.enrol(db, runs.make_run(db, centre), kept)

    count = merging.unmerge(db, made, by=by, now=NOW)

    after = snapshot(db)
    assert {name: {row for row in rows if row in after[name]} for name, rows in before.items()} == before
    assert (count, kept.search_key) == (2, key)
    assert db.get_one(Enrolment, new.id).person_id == kept.id
    with pytest.raises(Conflict):
        merging.unmerge(db, made, by=by, now=NOW)
    merged(db, dropped, kept)
    assert all(rows <= snapshot(db)[name] for name, rows in turned.items())


def test_what_is_sealed_does_not_know_of_merges(db: Session) -> None:
    """A fact that a merge turned is sealed as it was written."""
    centre = make_centre(db)
    kept, dropped = officer(db, centre, "20417001"), officer(db, centre, "2041 7001")
    attempt = quizzes.make_attempt(db)
    event = added(db, AttemptEvent(attempt_id=attempt.id, what="credit", at=NOW, by_id=dropped.id))
    merged(db, dropped, kept)
    row = dict(db.connection().execute(sa.select(AttemptEvent.__table__).where(AttemptEvent.__table__.c.id == event.id)).mappings().one())
    assert row["by_id"] == kept.id

    assert merging.as_written(db, "attempt_event", [row])[0]["by_id"] == dropped.id


@pytest.mark.goal("PPL-06")
def test_two_places_in_one_run_are_named_and_stand_in_the_way(db: Session) -> None:
    """Both files in one run: refused with what to do; once the other place is withdrawn, they merge and he is there once."""
    centre = make_centre(db)
    kept, dropped = officer(db, centre, "20417001"), officer(db, centre, "2041 7001")
    run = runs.make_run(db, centre)
    runs.enrol(db, run, kept)
    place = runs.enrol(db, run, dropped)

    with pytest.raises(Conflict) as refused:
        merged(db, dropped, kept)
    assert refused.value.message.params["code"] == run.code

    place.state = "withdrawn"
    db.flush()
    merged(db, dropped, kept)
    assert db.scalars(sa.select(Enrolment.person_id).where(Enrolment.run_id == run.id, Enrolment.state == "enrolled")).all() == [kept.id]


def test_a_file_with_roles_is_not_dropped(db: Session) -> None:
    """A merge gives nobody a role: the file that has one is kept, or its roles end first."""
    centre = make_centre(db)
    kept, dropped = officer(db, centre, "20417001"), officer(db, centre, "2041 7001")
    give_role(db, dropped, Role.TRAINER, centre)

    with pytest.raises(Conflict):
        merged(db, dropped, kept)
    assert merged(db, kept, dropped).kept_id == dropped.id


def test_merges_make_no_chains(db: Session) -> None:
    """A file that stands for another is not dropped, one that was dropped is neither kept nor dropped again."""
    centre = make_centre(db)
    a, b, c = officer(db, centre, "20417001"), officer(db, centre, "2041 7001"), officer(db, centre, "2041-7001")
    merged(db, b, a)

    for dropped, kept in ((a, c), (b, c), (c, b)):
        with pytest.raises(Conflict):
            merged(db, dropped, kept)
    merged(db, c, a)
    assert len(merging.merges_of(db, a.id)) == 2


@pytest.mark.goal("PPL-06")
def test_a_confirmed_walk_in_is_the_centres_with_his_own_number(db: Session) -> None:
    """Confirming takes the file over from its class, with a fact that says so, and puts the number of his papers."""
    centre = make_centre(db)
    person = of_class(db, officer(db, centre, "W-2026-0008-11"))
    person_id = person.id
    db.connection().execute(sa.update(Person.__table__).values(provisional=True))
    db.expire_all()
    by = make_staff(db, Role.TRAINING_OFFICER)
    officer(db, centre, "20417055")

    with pytest.raises(Conflict):
        merging.confirm(db, person, service_number="20417055", born_on=None, by=by.id, now=NOW, reason="")
    merging.confirm(db, person, service_number="20417077", born_on=BORN, by=by.id, now=NOW, reason="card seen")

    assert (person.owner_node, person.provisional, person.service_number, person.born_on) == ("test", False, "20417077", BORN)
    handed = db.scalars(sa.select(HandOver)).one()
    assert (handed.row_id, handed.from_node, handed.to_node, handed.rows) == (person_id, "class-korday", "test", 3)
