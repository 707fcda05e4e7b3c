"""Applying what other nodes sealed, on both databases: each entry once, and a reason for each that is kept aside."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import date, datetime
from itertools import permutations
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.errors import BadSegment
from app.ids import new_id, random_bytes
from app.offices.models import Office
from app.people.models import Person, PersonName, RoleGrant
from app.quizzes.models import Attempt
from app.sync import applying, keys, rows, segments
from app.sync.applying import Trust
from app.sync.catalogue import TABLES, Kind
from app.sync.models import AuditEvent, HeldEntry, JournalEntry
from app.sync.segments import Segment
from tests.factories import make_agency, make_office
from tests.quizzes import rows as quizzes
from tests.sync.nodes import NOW

CENTRE, CLASS, OTHER = keys.make(), keys.make(), keys.make()
TRUST = Trust("test", {"test": CENTRE.public.sign, "class-1": CLASS.public.sign, "class-2": OTHER.public.sign})


class Writer:
    """A class server as the centre sees it: a chain of segments."""

    def __init__(self, node: str, own: keys.NodeKeys) -> None:
        self.node, self.keys = node, own
        self.prev, self.number = "", 0

    def seal(self, *entries: list[Any]) -> Segment:
        """The next segment."""
        self.number += 1
        sealed = segments.seal(
            entries, stream="up", node=self.node, epoch="0123456789abcdef", ordinal=1, number=self.number, prev=self.prev, sealed_at=NOW,
            keys=self.keys, random=random_bytes,
        )
        self.prev = sealed.hash
        return sealed


@pytest.fixture
def place(db: Session) -> dict[str, str]:
    """An office and an agency that both sides know."""
    office = make_office(db)
    agency = make_agency(db)
    db.flush()
    return {"country_id": str(agency.country_id), "agency_id": str(agency.id), "office_id": str(office.id)}


def person(place: dict[str, str], number: str, key: uuid.UUID | None = None, **values: Any) -> dict[str, Any]:
    """A person's row as it travels."""
    return {
        "id": str(key or new_id()), "owner_node": "class-1", "country_id": place["country_id"], "agency_id": place["agency_id"], "service_number": number,
        "gender": None, "born_on": "1990-05-01", "left_on": None, "provisional": True, "display_name": "Omarov", "short_name": "Omarov", "sort_key": "omarov",
        "search_key": "omarov", **values,
    }  # fmt: skip


def added(table: str, content: dict[str, Any], *, version: int = 1) -> list[Any]:
    """The entry of a row that was added."""
    return ["c", table, content["id"], {"id": str(new_id()), "at": NOW.isoformat(), "actor_id": None, "version": version, "before": None, "after": content}]


def changed(table: str, key: str, version: int, **values: Any) -> list[Any]:
    """The entry of a change."""
    entry = {"id": str(new_id()), "at": NOW.isoformat(), "actor_id": None, "version": version, "before": dict.fromkeys(values), "after": values}
    return ["c", table, key, entry]


def event(**values: Any) -> list[Any]:
    """A fact."""
    content = {"id": str(new_id()), "owner_node": "class-1", "at": NOW.isoformat(), "actor_id": None, "what": "came", "about": "", "detail": {}}
    return ["f", "audit_event", content | values]


def held(db: Session) -> list[tuple[str, int]]:
    """Why and where entries are held that nothing has settled."""
    return [(h.why, h.place) for h in db.scalars(sa.select(HeldEntry).where(HeldEntry.settled_at.is_(None)).order_by(HeldEntry.place))]


def take(db: Session, segment: Segment) -> applying.Taken:
    """Take one segment."""
    return applying.take(db, segment, trust=TRUST, now=NOW)


def test_rows_arrive_with_every_kind_of_value(db: Session, place: dict[str, str]) -> None:
    """Dates, moments, ids, truth values and JSON come out as they went in; a class's row stays the class's."""
    one = Writer("class-1", CLASS)
    content = person(place, "007")

    taken = take(db, one.seal(added("person", content), event(detail={"n": [1, "x", None], "half": 0.5}, about=content["id"])))

    found = db.scalars(sa.select(Person)).one()
    fact = db.scalars(sa.select(AuditEvent)).one()
    assert (taken.new, dict(taken.held)) == (2, {})
    assert (str(found.id), found.owner_node, found.born_on, found.provisional, found.version) == (content["id"], "class-1", date(1990, 5, 1), True, 1)
    assert (fact.at, fact.detail, fact.segment) == (NOW, {"n": [1, "x", None], "half": 0.5}, 1)
    assert rows.as_json("person", {c: getattr(found, c) for c in rows.travelling("person")}) == content | {
        "version": 1, "email": "",  # a column that the writer's release did not know has its default
    }


def test_what_refers_to_a_row_that_is_not_here_waits_for_it(db: Session, place: dict[str, str]) -> None:
    """A name without its person is held, and applied by itself once the person has come."""
    one, other = Writer("class-1", CLASS), Writer("class-2", OTHER)
    content = person(place, "007", owner_node="class-2")
    name = {"id": str(new_id()), "owner_node": "class-1", "person_id": content["id"], "script": "Latn", "family": "O", "given": "N", "patronymic": "",
            "valid_from": "2026-01-01", "reason": ""}  # fmt: skip

    early = take(db, one.seal(added("person_name", name)))
    assert (early.new, dict(early.held), held(db)) == (0, {"waits": 1}, [("waits", 0)])
    take(db, other.seal(added("person", content)))

    assert held(db) == []
    assert db.scalars(sa.select(PersonName.family)).one() == "O"


def test_two_rows_that_refer_to_each_other_both_come(db: Session, place: dict[str, str]) -> None:
    """An office and its pair on the other side of the border name each other."""
    del place
    country = str(db.scalars(sa.select(Office.country_id)).first())
    trust = Trust("class-1", TRUST.keys)  # here it is the centre that speaks
    keys_of = [str(new_id()), str(new_id())]
    pair = [
        {"id": mine, "owner_node": "class-1", "country_id": country, "parent_id": None, "code": f"P{n}", "kind": "border-office", "names": {}, "path": f"/P{n}/",
         "zone": "Asia/Almaty", "crossing": None, "paired_office_id": theirs, "contact": "", "closed_on": None}
        for n, (mine, theirs) in enumerate((keys_of, reversed(keys_of)))
    ]  # fmt: skip

    applying.take(db, Writer("class-1", CLASS).seal(*(added("office", content) for content in pair)), trust=trust, now=NOW)

    found = dict(db.execute(sa.select(Office.code, Office.paired_office_id).where(Office.code.like("P%"))).all())
    assert {code: str(key) for code, key in found.items()} == {"P0": keys_of[1], "P1": keys_of[0]}
    assert held(db) == []


@pytest.mark.parametrize("order", list(permutations(range(2))))
def test_of_two_rows_that_collide_the_same_stands_whichever_came_first(db: Session, place: dict[str, str], order: tuple[int, ...]) -> None:
    """One service number at two classes: the smaller id stands at every node, the other is held for the intake desk."""
    small, large = uuid.UUID(int=1 << 64), uuid.UUID(int=1 << 65)
    sealed = [
        Writer("class-1", CLASS).seal(added("person", person(place, "007", small))),
        Writer("class-2", OTHER).seal(added("person", person(place, "007", large, owner_node="class-2"))),
    ]

    for at in order:
        take(db, sealed[at])

    assert db.scalars(sa.select(Person.id)).all() == [small]
    assert [h.row_id for h in db.scalars(sa.select(HeldEntry).where(HeldEntry.why == "conflict"))] == [large]


def named(key: uuid.UUID, family: str, **values: Any) -> list[Any]:
    """The entry of a name that a class gives to a person."""
    name = {"id": str(new_id()), "owner_node": "class-1", "person_id": str(key), "script": "Latn", "family": family, "given": "N", "patronymic": "",
            "valid_from": "2026-01-01", "reason": ""}  # fmt: skip
    return added("person_name", name | values)


@pytest.mark.parametrize("order", [order for order in permutations(range(4)) if order.index(0) < order.index(1) and order.index(2) < order.index(3)])
@pytest.mark.goal("NET-08")
def test_of_what_two_lives_of_a_node_wrote_the_older_stands_with_all_that_is_below_it(db: Session, place: dict[str, str], order: tuple[int, ...]) -> None:
    """A restored class server enters a person again: in any order the same row stands with its names, and the other waits aside with its own."""
    small, large = uuid.UUID(int=1 << 64), uuid.UUID(int=1 << 65)
    older, later = Writer("class-1", CLASS), Writer("class-1", CLASS)
    sealed = [
        older.seal(event()), older.seal(added("person", person(place, "007", small)), named(small, "Older")),
        later.seal(added("person", person(place, "007", large)), named(large, "Later")), later.seal(named(large, "Later still", script="Cyrl")),
    ]  # fmt: skip

    for at in order:
        take(db, sealed[at])

    assert (db.scalars(sa.select(Person.id)).all(), db.scalars(sa.select(PersonName.family)).all()) == ([small], ["Older"])
    aside = db.execute(sa.select(HeldEntry.table, HeldEntry.why).where(HeldEntry.settled_at.is_(None)).order_by(HeldEntry.table)).all()
    assert [tuple(one) for one in aside] == [("person", "conflict"), ("person_name", "waits"), ("person_name", "waits")]


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.goal("NET-08", "NET-09")
def test_of_what_the_centre_has_spoken_stands_when_it_is_made_anew(db: Session, place: dict[str, str], order: tuple[int, ...]) -> None:
    """The centre gave a role to the person of the later life before it met the older one: made anew from segments in any order it knows him again."""
    small, large = uuid.UUID(int=1 << 64), uuid.UUID(int=1 << 65)
    role = {
        "id": str(new_id()), "owner_node": "test", "person_id": str(large), "role": "trainer", "office_id": place["office_id"], "valid_from": "2026-11-01",
    }  # fmt: skip
    sealed = [
        Writer("class-1", CLASS).seal(added("person", person(place, "007", small)), named(small, "Older")),
        Writer("class-1", CLASS).seal(added("person", person(place, "007", large)), named(large, "Later")),
        Writer("test", CENTRE).seal(added("role_grant", role)),
    ]

    for at in order:
        take(db, sealed[at])

    assert (db.scalars(sa.select(Person.id)).all(), db.scalars(sa.select(PersonName.family)).all()) == ([large], ["Later"])
    assert db.scalars(sa.select(RoleGrant.person_id)).all() == [large]
    aside = db.execute(sa.select(HeldEntry.row_id, HeldEntry.why).where(HeldEntry.settled_at.is_(None), HeldEntry.table == "person")).all()
    assert [tuple(one) for one in aside] == [(small, "conflict")]


def test_of_rows_of_two_nodes_the_one_that_something_refers_to_stands(db: Session, place: dict[str, str]) -> None:
    """Two classes enter one service number: the file that already has a name stays, however small the other's id; people merge them."""
    small, large = uuid.UUID(int=1 << 64), uuid.UUID(int=1 << 65)
    take(db, Writer("class-1", CLASS).seal(added("person", person(place, "007", large)), named(large, "There")))

    take(db, Writer("class-2", OTHER).seal(added("person", person(place, "007", small, owner_node="class-2"))))

    assert db.scalars(sa.select(Person.id)).all() == [large]
    assert db.scalars(sa.select(HeldEntry.row_id)).all() == [small]


@pytest.mark.parametrize("order", list(permutations(range(2))))
def test_a_test_that_was_handed_in_stands_in_nobodys_way(db: Session, order: tuple[int, ...]) -> None:
    """One test may be open at a time: of two that are, the older stands, and one that was handed in before counts for nothing in that."""
    enrolment = quizzes.make_enrolment(db)
    first = quizzes.make_attempt(db, enrolment=enrolment)
    first.state, first.owner_node = "handed-in", "class-1"
    db.flush()
    blank = rows.as_json("attempt", {name: getattr(first, name) for name in rows.travelling("attempt")}) | {"state": "open", "receipt": None}
    del blank["version"]
    older, later = sorted((new_id(), new_id()))
    sealed = [Writer("class-1", CLASS).seal(added("attempt", blank | {"id": str(key), "number": number})) for key, number in ((older, 2), (later, 3))]

    for at in order:
        take(db, sealed[at])

    assert set(db.scalars(sa.select(Attempt.id))) == {first.id, older}
    assert db.scalars(sa.select(HeldEntry.row_id)).all() == [later]


REFUSED: dict[str, tuple[str, Callable[[dict[str, str]], list[Any]]]] = {
    "a role that a class gives": ("may-not-own", lambda p: added("role_grant", {"id": str(new_id()), "owner_node": "class-1", "person_id": p["office_id"]})),
    "a table that never travels": ("may-not-own", lambda _p: ["f", "account", {"id": str(new_id()), "owner_node": "class-1"}]),
    "a fact of another node": ("not-owner", lambda _p: event(owner_node="class-2")),
    "a fact without an id": ("invalid", lambda _p: ["f", "audit_event", {"owner_node": "class-1", "what": "x"}]),
    "a day that is none": ("invalid", lambda p: added("person", person(p, "1", born_on="2026-02-30"))),
    "a number where a word belongs": ("invalid", lambda _p: event(what=7)),
    "a word that is too long": ("invalid", lambda _p: event(what="x" * 41)),
    "nothing where something must be": ("invalid", lambda _p: event(what=None)),
    "a version that is no number": ("invalid", lambda p: added("person", person(p, "1"), version="2")),  # type: ignore[arg-type]
    "a table of a newer release": ("unknown", lambda _p: ["f", "drone_flight", {"id": "1"}]),
    "a kind of a newer release": ("unknown", lambda _p: ["z", "person", {}]),
    "an entry about another row than it says": ("invalid", lambda p: [*added("person", person(p, "1"))[:2], str(new_id()), added("person", person(p, "1"))[3]]),
    "a row that is the centre's": ("not-owner", lambda p: added("person", person(p, "1", owner_node="test"))),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_applied_is_held_and_the_rest_goes_in(db: Session, place: dict[str, str], case: str) -> None:
    """One entry that must not be applied is held with its reason; those before and after it count."""
    why, make = REFUSED[case]

    taken = take(db, Writer("class-1", CLASS).seal(event(), make(place), event()))

    assert (taken.new, dict(taken.held)) == (2, {why: 1})
    assert held(db) == [(why, 1)]
    assert db.scalars(sa.select(RoleGrant)).all() == []


def test_what_was_not_understood_and_then_gives_way_is_held_again(db: Session, place: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Held as unknown, applied by a newer release, and displaced by a row with a smaller id: it stands aside with its reason, not nowhere."""
    small, large = sorted((new_id(), new_id()))
    one, other = Writer("class-1", CLASS), Writer("class-2", OTHER)
    with monkeypatch.context() as older:
        older.delitem(applying.BY_NAME, "person")
        take(db, one.seal(added("person", person(place, "007", large))))
    assert applying.retry_held(db, trust=TRUST, now=NOW, also=(applying.UNKNOWN,)) == 1

    take(db, other.seal(added("person", person(place, "007", small, owner_node="class-2"))))

    aside = db.scalars(sa.select(HeldEntry).where(HeldEntry.settled_at.is_(None))).one()
    assert (aside.why, aside.table, aside.row_id) == ("conflict", "person", large)
    assert db.scalars(sa.select(Person.id)).all() == [small]


def test_a_fact_never_changes(db: Session) -> None:
    """The same fact again is known; with other content it is held as changed, and the first stays."""
    one = Writer("class-1", CLASS)
    fact = event(what="came")
    take(db, one.seal(fact))

    again = take(db, one.seal(fact))
    other = take(db, one.seal(["f", "audit_event", fact[2] | {"what": "left"}]))

    assert (again.new, again.known) == (0, 1)
    assert dict(other.held) == {"changed": 1}
    assert db.scalars(sa.select(AuditEvent.what)).all() == ["came"]


def test_changes_that_come_out_of_turn_make_the_same_row(db: Session, place: dict[str, str]) -> None:
    """Version 3 before version 2: both count, and the row is what they make in their order."""
    one = Writer("class-1", CLASS)
    content = person(place, "007")
    take(db, one.seal(added("person", content)))
    take(db, one.seal(changed("person", content["id"], 3, gender="f", display_name="Third")))

    take(db, one.seal(changed("person", content["id"], 2, display_name="Second", short_name="2nd")))

    db.expire_all()
    found = db.scalars(sa.select(Person)).one()
    assert (found.display_name, found.short_name, found.gender, found.version) == ("Third", "2nd", "f", 3)


@pytest.mark.parametrize("after", [0, 1, 2])
@pytest.mark.goal("NET-07")
def test_a_row_given_away_is_the_same_in_whatever_order_its_writers_arrive(db: Session, place: dict[str, str], after: int) -> None:
    """A change by the new owner that comes before the giving counts once the giving is here."""
    giver, taker = Writer("class-1", CLASS), Writer("class-2", OTHER)
    row = person(place, "1001")
    parts = [giver.seal(added("person", row)), giver.seal(changed("person", row["id"], 2, owner_node="class-2"))]
    parts.insert(after, taker.seal(changed("person", row["id"], 3, display_name="Bekova")))

    for part in parts:
        take(db, part)

    stored = db.get_one(Person, uuid.UUID(row["id"]))
    db.refresh(stored)
    assert (stored.display_name, stored.owner_node, stored.version) == ("Bekova", "class-2", 3)
    assert held(db) == []


def test_a_row_that_was_taken_over_takes_no_more_changes_of_the_class(db: Session, place: dict[str, str]) -> None:
    """The centre took a walk-in over; what the class changed later is kept with its reason and changes nothing."""
    one = Writer("class-1", CLASS)
    content = person(place, "007")
    take(db, one.seal(added("person", content)))
    db.commit()
    from app.db import take_write_lock
    from app.sync.journal import taking_over

    take_write_lock(db)
    found = db.scalars(sa.select(Person)).one()
    with taking_over(db):
        found.owner_node, found.provisional = "test", False
    db.commit()
    take_write_lock(db)

    taken = take(db, one.seal(changed("person", content["id"], 2, display_name="Late")))

    db.expire_all()
    assert dict(taken.held) == {"not-owner": 1}
    assert (db.scalars(sa.select(Person.display_name)).one(), db.scalars(sa.select(Person.provisional)).one()) == ("Omarov", False)
    assert db.scalars(sa.select(JournalEntry.refused).where(JournalEntry.node == "class-1").order_by(JournalEntry.version)).all() == [None, "not-owner"]


@pytest.mark.parametrize("late", [False, True], ids=["the change first", "the taking over first"])
@pytest.mark.goal("NET-07")
def test_a_change_that_is_refused_afterwards_leaves_nothing_in_the_row(db: Session, place: dict[str, str], late: bool) -> None:
    """A class filled what was empty, and the centre took the row over meanwhile: whichever came first, it is empty."""
    one, centre = Writer("class-1", CLASS), Writer("test", CENTRE)
    content = {key: value for key, value in person(place, "007").items() if key != "left_on"}  # a beginning does not name what it leaves empty
    take(db, one.seal(added("person", content)))
    parts = [one.seal(changed("person", content["id"], 2, left_on="2026-05-01")), centre.seal(changed("person", content["id"], 2, owner_node="test"))]

    for part in reversed(parts) if late else parts:
        take(db, part)

    found = db.get_one(Person, uuid.UUID(content["id"]))
    db.refresh(found)
    assert (found.left_on, found.owner_node) == (None, "test")
    assert db.scalars(sa.select(JournalEntry.refused).where(JournalEntry.node == "class-1").order_by(JournalEntry.version)).all() == [None, "not-owner"]


def test_a_removed_row_goes(db: Session, place: dict[str, str]) -> None:
    """Who owns a row may remove it, also elsewhere."""
    one = Writer("class-1", CLASS)
    content = person(place, "007")
    take(db, one.seal(added("person", content)))
    gone = changed("person", content["id"], 2, gender=None)
    gone[3] |= {"after": None, "before": content}

    take(db, one.seal(gone))

    assert db.scalars(sa.select(Person)).all() == []


def test_a_signature_of_somebody_else_is_refused_whole(db: Session) -> None:
    """A segment in the name of a class that another key signed: nothing is stored."""
    forged = Writer("class-1", OTHER).seal(event())

    with pytest.raises(BadSegment):
        take(db, forged)
    with pytest.raises(BadSegment):
        take(db, Writer("class-9", OTHER).seal(event()))
    assert db.scalars(sa.select(AuditEvent)).all() == []


@pytest.mark.goal("NET-03")
@pytest.mark.parametrize("table", [table.name for table in TABLES if table.kind is not Kind.STAYS])
def test_every_travelling_table_can_be_read_back(table: str) -> None:
    """Each column of a table that travels has a way into JSON and out again: a new kind of column fails here first."""
    samples: dict[str, Any] = {}
    for name, column in rows.travelling(table).items():
        samples[name] = _sample(column)

    assert rows.from_json(table, rows.as_json(table, samples)) == samples
    assert "segment" not in rows.travelling(table)


def _sample(column: sa.Column[Any]) -> Any:
    if isinstance(column.type, sa.Uuid):
        return new_id()
    if isinstance(column.type, sa.Date):
        return date(2026, 11, 22)
    if isinstance(column.type, sa.JSON):
        return {"a": [1, None]}
    if isinstance(column.type, sa.Boolean):
        return True
    if isinstance(column.type, sa.Integer):
        return 7
    return "t" if isinstance(column.type, sa.String) else datetime(2026, 11, 22, 9, tzinfo=NOW.tzinfo)
