"""Two nodes and a file: what happened on the class server comes to the centre exactly once, whatever was lost, doubled, cut or restored."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path

import pytest
import sqlalchemy as sa

from app import open_database
from app.db import Database
from app.errors import BadBundle, NotOurs
from app.ids import random_bytes
from app.offices.models import Agency, Country, Office
from app.people.models import Person, PersonName
from app.runs.models import CourseRun, RunTrainer
from app.sync import applying, chain, handover, keys, rebuild, receipts, segments
from app.sync.models import AuditEvent, Epoch, Exchange, HeldEntry, JournalEntry, Node, StoredSegment
from app.work import work
from config import Config
from tests.factories import make_agency, make_classroom, make_office, make_person
from tests.runs import rows as runs
from tests.sync.nodes import NOW, Installation, centre_and_class, copy_rows, install, make_nodes, office_of


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[list[Installation]]:
    """A centre and two class servers."""
    with centre_and_class(tmp_path, classes=2) as found:
        yield found


def walk_in(node: Installation, family: str = "Omarov") -> str:
    """Somebody registered at a class server, and an event: records and a fact. Gives the service number."""
    with work(node.database) as db:
        office = db.get_one(Office, office_of(node))
        agency = db.scalars(sa.select(Agency)).one()
        person = make_person(db, office, family=family, agency=agency, provisional=True)
        db.add(AuditEvent(at=NOW, actor_id=None, what="walk-in", about=str(person.id)))
        db.flush()
        return person.service_number


def people(node: Installation) -> dict[str, str]:
    """Service number and name of everybody a node knows."""
    with node.database.sessions() as db:
        return {p.service_number: p.display_name for p in db.scalars(sa.select(Person))}


def events(node: Installation) -> int:
    """How many walk-ins were noted."""
    with node.database.sessions() as db:
        return db.scalar(sa.select(sa.func.count()).select_from(AuditEvent).where(AuditEvent.what == "walk-in")) or 0


@pytest.mark.goal("NET-03", "NET-06")
def test_what_happened_at_a_class_reaches_the_centre_exactly_once(nodes: list[Installation]) -> None:
    """Records and facts arrive; the same bundle again changes nothing; the next one holds only what is new."""
    centre, first, _ = nodes
    walk_in(first, "Omarov")
    made = first.bundle(centre)

    outcome = centre.take(made.path)
    again = centre.take(made.path)

    assert (outcome.state, again.state) == ("taken", "taken")
    assert outcome.taken.new == again.taken.known > 0
    assert again.taken.new == 0
    assert people(centre) == people(first)
    assert events(centre) == 1


def test_a_receipt_that_came_back_keeps_the_next_bundle_small(nodes: list[Installation]) -> None:
    """What the centre has receipted is not sent again."""
    centre, first, _ = nodes
    walk_in(first)
    outcome = centre.take(first.bundle(centre).path)
    assert outcome.receipt is not None
    with work(first.database) as db:
        receipts.store(db, outcome.receipt, now=NOW)

    nothing = first.bundle(centre)
    walk_in(first, "Abenov")
    more = first.bundle(centre)

    assert (nothing.counts["segments"], more.counts["segments"]) == (0, 1)
    assert centre.take(more.path).taken.known == 0
    assert people(centre) == people(first)


@pytest.mark.goal("NET-07")
@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_bundles_in_any_order_give_the_same_rows(tmp_path: Path, order: tuple[int, ...]) -> None:
    """Two bundles of one class and one of another, in any order and then all again: the same state, nothing counted twice."""
    with centre_and_class(tmp_path, classes=2) as (centre, first, second):
        walk_in(first, "Omarov")
        one = first.bundle(centre)
        walk_in(second, "Sadykov")
        other = second.bundle(centre)
        walk_in(first, "Abenov")
        both = first.bundle(centre)
        made = [one, other, both]

        for at in (*order, *range(3)):
            centre.take(made[at].path)

        assert people(centre) == people(first) | people(second)
        assert events(centre) == 3
        with centre.database.sessions() as db:
            assert [head.number for head in chain.heads(db, "class-1")] == [2]


@pytest.mark.goal("NET-06")
def test_a_gap_is_named_and_what_is_before_it_stays(nodes: list[Installation]) -> None:
    """The second bundle without the first: nothing of it is taken, and the outcome says which segment must come first."""
    centre, first, _ = nodes
    walk_in(first, "Omarov")
    one = first.bundle(centre)
    with work(first.database) as db:  # as if the centre had receipted it: the next bundle begins after it
        receipt = receipts.make(
            centre.keys, by="centre", about="class-1", ordinal=1, epoch="0" * 16, counter=1, prev="", new=0, known=0, refused={}, waits=0,
            heads=[receipts.Head(**head.as_json()) for head in chain.heads(db, "class-1")], bundle="0" * 32, at=NOW,
        )
        receipts.store(db, receipt, now=NOW)
    walk_in(first, "Abenov")
    two = first.bundle(centre)

    early = centre.take(two.path)

    assert (early.state, early.missing) == ("partial", {"class-1": 1})
    assert "part 1 of the journal of class-1 is missing" in early.sentence.text.format(**early.sentence.params)
    assert people(centre) == {}
    centre.take(one.path)
    assert centre.take(two.path).missing == {}
    assert people(centre) == people(first)


def test_only_the_owner_of_a_row_changes_it(nodes: list[Installation]) -> None:
    """A class server cannot change what the centre keeps, nor the centre what the class keeps: the sentence names the owner."""
    centre, first, _ = nodes
    walk_in(first)
    centre.take(first.bundle(centre).path)

    with pytest.raises(NotOurs, match="class-1"), work(centre.database) as db:
        db.scalars(sa.select(Person)).one().gender = "m"
    with pytest.raises(NotOurs, match="centre"), work(first.database) as db:
        db.scalars(sa.select(Office)).one().contact = "Night desk"


def test_a_class_cannot_write_what_is_the_centres(nodes: list[Installation]) -> None:
    """A change of the centre's row, smuggled into a class's journal, is set aside with its reason and changes nothing."""
    centre, first, _ = nodes
    with work(first.database) as db:
        office = db.scalars(sa.select(Office)).one()
        db.add(
            JournalEntry(
                at=NOW, actor_id=None, table="office", row_id=office.id, before={"contact": ""}, after={"contact": "forged"}, number=99, node="class-1",
                version=office.version + 1,
            )
        )
        db.flush()

    outcome = centre.take(first.bundle(centre).path)

    assert dict(outcome.taken.held) == {applying.MAY_NOT_OWN: 1}
    with centre.database.sessions() as db:
        assert db.scalars(sa.select(Office.contact)).one() != "forged"
        assert db.scalars(sa.select(HeldEntry.why)).all() == [applying.MAY_NOT_OWN]


@pytest.mark.goal("NET-08")
def test_a_restored_class_server_gets_its_tail_back_and_loses_nothing(nodes: list[Installation], tmp_path: Path) -> None:
    """A class server restored from an old copy begins a new epoch, works on, gets back what it lost, and the centre has all of it once."""
    centre, first, _ = nodes
    walk_in(first, "Omarov")
    first.seal()
    _copy(first, tmp_path / "old")
    walk_in(first, "Abenov")
    centre.take(first.bundle(centre).path)
    everybody = people(first)
    _restore(first, tmp_path / "old")
    assert len(people(first)) == 1

    walk_in(first, "Sadykov")
    centre.take(first.bundle(centre).path)
    first.take(centre.bundle(first).path)

    assert set(people(first)) == set(people(centre)) > set(everybody)
    assert len(people(first)) == 3
    assert events(centre) == events(first) == 3
    with first.database.sessions() as db:
        assert [epoch.why for epoch in db.scalars(sa.select(Epoch).order_by(Epoch.ordinal))] == ["new", "restored"]


@pytest.mark.goal("NET-08")
def test_a_clone_is_noticed_by_the_centre_and_nothing_of_either_is_lost(nodes: list[Installation], tmp_path: Path) -> None:
    """Two copies of a whole disk go on apart: the centre keeps both branches, counts nothing twice and says that it happened."""
    centre, first, _ = nodes
    walk_in(first, "Omarov")
    first.seal()
    _copy(first, tmp_path / "clone", whole=True)
    walk_in(first, "Abenov")
    centre.take(first.bundle(centre).path)
    _restore(first, tmp_path / "clone", whole=True)
    walk_in(first, "Sadykov")

    outcome = centre.take(first.bundle(centre).path)

    assert outcome.taken.fork
    assert len(people(centre)) == 3
    assert events(centre) == 3
    with centre.database.sessions() as db:
        assert len(chain.heads(db, "class-1")) == 2
    taken = first.take(centre.bundle(first).path)
    assert taken.restored
    assert len(people(first)) == 3
    with first.database.sessions() as db:
        assert [epoch.why for epoch in db.scalars(sa.select(Epoch).order_by(Epoch.ordinal))] == ["new", "peer"]


@pytest.mark.goal("NET-09")
def test_a_centre_restored_from_its_backup_fetches_again_what_it_lost(nodes: list[Installation], tmp_path: Path) -> None:
    """The class holds a receipt for what the restored centre no longer has; the centre's next word is believed, and it comes again."""
    centre, first, _ = nodes
    walk_in(first, "Omarov")
    _exchange(centre, first)
    _copy(centre, tmp_path / "backup")
    walk_in(first, "Abenov")
    _exchange(centre, first)
    _restore(centre, tmp_path / "backup")
    assert len(people(centre)) == 1

    for _ in range(2):
        _exchange(centre, first)

    assert people(centre) == people(first)
    assert events(centre) == 2


@pytest.mark.goal("NET-09")
def test_a_centre_that_forgot_that_it_took_a_run_back_learns_it_from_the_class_server(nodes: list[Installation], tmp_path: Path) -> None:
    """Its backup says that the class server keeps the run, which knows better: it gives back what came down, once, and both agree."""
    centre, first, _ = nodes
    with work(centre.database) as db:
        server = db.scalars(sa.select(Node).where(Node.code == first.code)).one()
        office = db.get_one(Office, server.office_id)
        room = make_classroom(db, office)
        server.classroom_id = room.id
        run = runs.make_run(db, office, classroom_id=room.id)
        teacher_id, run_id = runs.teach(db, run, make_person(db, office)).id, run.id
        handover.give(db, run, server=server, by=None, now=NOW)
    _exchange(centre, first)
    _copy(centre, tmp_path / "backup")
    with work(centre.database) as db:
        run = db.get_one(CourseRun, run_id)
        handover.take_back(db, run, by=None, now=NOW, reason="the class moved")
        run.seats = 9
    _exchange(centre, first)
    _restore(centre, tmp_path / "backup")

    for _ in range(3):
        _exchange(centre, first)

    for node in (centre, first):
        with node.database.sessions() as db:
            run = db.get_one(CourseRun, run_id)
            assert (run.owner_node, run.seats, db.get_one(RunTrainer, teacher_id).owner_node) == (centre.code, 9, centre.code)
    with first.database.sessions() as db:
        assert db.scalar(sa.select(sa.func.count()).where(JournalEntry.row_id == run_id, JournalEntry.node == first.code)) == 1
    with centre.database.sessions() as db:
        assert db.scalars(sa.select(HeldEntry)).all() == []


def test_a_centre_that_forgot_an_epoch_still_sends_versions_that_are_taken(nodes: list[Installation], tmp_path: Path) -> None:
    """Restored twice, the second time without its anchor: the class holds a version of the life between, and takes the next one all the same."""
    centre, first, _ = nodes
    _exchange(centre, first)
    _copy(centre, tmp_path / "backup")
    for changes in (4, 1):
        _restore(centre, tmp_path / "backup")
        (centre.config.folder / "anchor.json").unlink()
        for change in range(changes):
            with work(centre.database) as db:
                db.scalars(sa.select(Office)).one().contact = f"{changes} {change}"
            for _ in range(3):
                _exchange(centre, first)

        with first.database.sessions() as db:
            assert db.scalars(sa.select(Office.contact)).one() == f"{changes} {changes - 1}"


def test_a_change_that_came_late_gives_the_row_that_its_entries_make(nodes: list[Installation]) -> None:
    """A row is the fold of its entries: of two branches the later life of the database holds, whichever came first."""
    centre, first, _ = nodes
    walk_in(first, "Omarov")
    with work(first.database) as db:
        person = db.scalars(sa.select(Person)).one()
        person.gender = "m"
        name = db.scalars(sa.select(PersonName).where(PersonName.person_id == person.id)).first()
        assert name is not None
        name.reason = "order 14"
    centre.take(first.bundle(centre, size=1).path)

    with centre.database.sessions() as db, first.database.sessions() as there:
        assert db.scalars(sa.select(Person)).one().gender == "m"
        assert db.scalars(sa.select(Person.version)).all() == there.scalars(sa.select(Person.version)).all()
        assert dict(rebuild.lines(db, "person")) == dict(rebuild.lines(there, "person"))


def test_a_bundle_of_a_foreign_node_is_refused_and_noted(nodes: list[Installation], tmp_path: Path) -> None:
    """A bundle for somebody else changes nothing; the refusal stands among the exchanges with its reason."""
    centre, first, second = nodes
    walk_in(first)
    made = first.bundle(centre)

    with pytest.raises(BadBundle):
        second.take(made.path)

    with second.database.sessions() as db:
        noted = db.scalars(sa.select(Exchange)).one()
        assert (noted.peer, noted.state, noted.direction) == ("class-1", "refused", "in")
        assert noted.said["text"]


@pytest.mark.goal("NET-15")
def test_entries_of_a_newer_release_are_kept_and_wait(nodes: list[Installation]) -> None:
    """A table that the centre does not know: its entries are held as not yet understood, all others are applied."""
    centre, first, _ = nodes
    walk_in(first)
    first.seal()
    _seal_unknown(first)

    outcome = centre.take(first.bundle(centre).path)

    assert dict(outcome.taken.held) == {applying.UNKNOWN: 2}
    assert people(centre) == people(first)


def _seal_unknown(node: Installation) -> None:
    with work(node.database) as db:
        head = chain.own_head(db)
        assert head is not None
        segment = segments.seal(
            [["f", "drone_flight", {"id": "1"}], ["q", "something", {}]], stream="up", node=node.code, epoch=head.epoch, ordinal=head.ordinal,
            number=head.number + 1, prev=head.hash, sealed_at=NOW, keys=node.keys, random=random_bytes,
        )
        chain.store(db, segment, state="own", now=NOW)


@pytest.mark.goal("NET-13")
def test_after_revocation_later_segments_wait_for_two_people(nodes: list[Installation]) -> None:
    """What a revoked class server sends past its cut is kept apart: it counts nowhere until two people let it in."""
    centre, first, _ = nodes
    walk_in(first, "Omarov")
    centre.take(first.bundle(centre).path)
    with work(centre.database) as db:
        node = db.scalars(sa.select(Node).where(Node.code == "class-1")).one()
        node.state, node.revoked_at = "revoked", NOW
    walk_in(first, "Forged")

    outcome = centre.take(first.bundle(centre).path)

    assert outcome.quarantined == 1
    assert len(people(centre)) == 1
    with work(centre.database) as db:
        stored = db.scalars(sa.select(StoredSegment).where(StoredSegment.state == "quarantine")).one()
        applying.let_in(db, stored, trust=applying.trust_of(db), now=NOW)
    assert len(people(centre)) == 2


def test_what_a_revoked_class_had_brought_comes_again_after_the_centre_was_restored(nodes: list[Installation], tmp_path: Path) -> None:
    """The centre's backup is older than what it held when it revoked the key: those segments count again, later ones stay apart."""
    centre, first, _ = nodes
    walk_in(first, "Omarov")
    _copy(centre, tmp_path / "backup")
    centre.take(first.bundle(centre).path)
    with centre.database.sessions() as db:
        cut = [head.as_json() for head in chain.heads(db, "class-1")]
    _restore(centre, tmp_path / "backup")
    with work(centre.database) as db:
        node = db.scalars(sa.select(Node).where(Node.code == "class-1")).one()
        node.state, node.revoked_at, node.cut = "revoked", NOW, cut
    walk_in(first, "Forged")

    outcome = centre.take(first.bundle(centre).path)

    assert outcome.quarantined == 1
    assert [name.split()[0] for name in people(centre).values()] == ["Omarov"]


def test_all_rows_come_out_the_same_when_made_anew_from_the_segments(nodes: list[Installation], tmp_path: Path) -> None:
    """An empty centre rebuilt from the segments alone holds the same rows as the one that lived through it."""
    centre, first, second = nodes
    for node, name in ((first, "Omarov"), (second, "Sadykov"), (first, "Abenov")):
        walk_in(node, name)
        centre.take(node.bundle(centre).path)
    centre.seal()
    empty = install(tmp_path / "anew", "centre", role="centre")

    rebuild.rebuild(centre.database, empty.database, now=NOW)

    assert rebuild.differences(centre.database, empty.database) == []
    empty.close()


def test_a_centre_on_postgresql_takes_and_answers_like_one_on_sqlite(tmp_path: Path, database: Database) -> None:
    """A class server on SQLite and a centre on either database: everything arrives once, the answer is taken, the next bundle is empty."""
    config = Config(NODE="test", INSTANCE=str(tmp_path / "centre"), SECRET_KEY="k" * 40, PEPPER="p" * 40)
    config.folder.mkdir(parents=True)
    centre = Installation(config, database, keys.load_or_make(config.folder))
    first = install(tmp_path / "class", "class-1", role="classroom")
    with work(database) as db:
        office = make_office(db)
        make_agency(db, db.get_one(Country, office.country_id))
        make_nodes(db, [centre, first], office.id)
    copy_rows(centre, [first])
    walk_in(first, "Omarov")
    made = first.bundle(centre, size=2)

    for _ in range(2):
        centre.take(made.path)
    first.take(centre.bundle(first).path)
    nothing = first.bundle(centre)

    assert people(centre).items() >= people(first).items()
    assert events(centre) == 1
    assert nothing.counts["segments"] == 0
    first.close()


def _exchange(centre: Installation, node: Installation) -> None:
    centre.take(node.bundle(centre).path)
    node.take(centre.bundle(node).path)


def _copy(node: Installation, to: Path, *, whole: bool = False) -> None:
    """The database as a backup holds it; `whole`: the disk, with the anchor."""
    to.mkdir()
    with node.database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(node.config.folder / "sabaq.db", to / "sabaq.db")
    if whole:
        shutil.copy(node.config.folder / "anchor.json", to / "anchor.json")


def _restore(node: Installation, source: Path, *, whole: bool = False) -> None:
    node.database.engine.dispose()
    for name in ("sabaq.db", "sabaq.db-wal", "sabaq.db-shm"):
        (node.config.folder / name).unlink(missing_ok=True)
    shutil.copy(source / "sabaq.db", node.config.folder / "sabaq.db")
    if whole:
        shutil.copy(source / "anchor.json", node.config.folder / "anchor.json")
    node.database = open_database(node.config)
