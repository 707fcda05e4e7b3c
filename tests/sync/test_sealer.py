"""Sealing: everything once, what is referred to first, also with writers that commit late and power that fails in between."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from app import clock, jobs
from app.db import Database
from app.sync import anchor, applying, chain, rows, sealer, segments
from app.sync.catalogue import TABLES, Kind
from app.sync.models import AuditEvent, Epoch, JournalEntry, StoredSegment
from app.work import work
from tests.factories import make_person
from tests.sync.nodes import NOW, Installation, install


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Installation]:
    """A node that holds nothing yet."""
    found = install(tmp_path, "class-1", role="classroom")
    yield found
    found.close()


def entries(node: Installation) -> list[list[object]]:
    """All sealed entries in their order."""
    with node.database.sessions() as db:
        return [entry for s in chain.load(db, [link.id for link in chain.links(db, node.code)]) for entry in segments.open_body(s).entries]


def live(node: Installation, people: int = 3) -> None:
    """People who came, each with an event."""
    with work(node.database) as db:
        for _ in range(people):
            person = make_person(db)
            db.add(AuditEvent(at=NOW, actor_id=person.id, what="came", about=str(person.id)))
        db.flush()


@pytest.mark.parametrize("size", [1, 4, 1000])
def test_everything_is_sealed_once_and_what_is_referred_to_comes_first(node: Installation, size: int) -> None:
    """Whatever the size of a segment: each change and fact is in one, and no entry refers to a row of a later one."""
    live(node)
    node.seal(size=size)
    assert node.seal(size=size) == 0

    sealed = entries(node)
    assert len([e for e in sealed if e[0] == "f"]) == 3
    with node.database.sessions() as db:
        assert len([e for e in sealed if e[0] == "c"]) == db.scalar(sa.select(sa.func.count()).select_from(JournalEntry))
    seen: set[str] = set()
    for entry in sealed:
        content = entry[2] if entry[0] == "f" else entry[3]["after"]  # type: ignore[index, call-overload]
        wanted = {str(content[c]) for c in rows.references(str(entry[1])) if content.get(c)}  # type: ignore[union-attr, index]
        assert wanted <= seen | {str(content["id"])}, entry  # type: ignore[index]
        seen.add(str(content["id"]))  # type: ignore[index]


def test_each_segment_follows_the_one_before_and_is_signed(node: Installation) -> None:
    """Numbers go up by one, each names the hash of its predecessor, and the node's key signed it."""
    live(node)
    node.seal(size=5)

    with node.database.sessions() as db:
        chained = list(chain.load(db, [link.id for link in chain.links(db, node.code)]))
    assert [s.header.number for s in chained] == list(range(1, len(chained) + 1))
    assert [s.header.prev for s in chained] == ["", *(s.hash for s in chained[:-1])]
    for segment in chained:
        segments.verify(segment, node.keys.public.sign)


def test_power_that_fails_between_commit_and_anchor_begins_no_epoch(node: Installation) -> None:
    """A database that is ahead of its anchor was not restored: the anchor is written again."""
    live(node)
    node.seal()
    before = anchor.read(node.config.folder)
    live(node)
    node.seal()
    assert before is not None
    anchor.write(node.config.folder, before)

    sealer.settle_epoch(node.database, node.config.folder, now=NOW)

    after = anchor.read(node.config.folder)
    assert after is not None
    assert (after.epoch, after.number) == (before.epoch, 2)


@pytest.mark.parametrize(("spoil", "why"), [("gone", "no-anchor"), ("other machine", "machine"), ("other node", "no-anchor"), ("cut off", "no-anchor")])
def test_a_database_whose_past_is_not_certain_begins_a_new_epoch(node: Installation, spoil: str, why: str) -> None:
    """No anchor, half of one, or one of another machine: what is written from here on is told from what was."""
    live(node)
    sealer.seal_all(node.database, node.config.folder, node.keys, NOW, machine="this")
    path = node.config.folder / "anchor.json"
    match spoil:
        case "gone":
            path.unlink()
        case "cut off":
            path.write_text(path.read_text()[:20])
        case "other node":
            path.write_text(path.read_text().replace("class-1", "class-9"))
    live(node)

    sealer.seal_all(node.database, node.config.folder, node.keys, NOW, machine="another" if spoil == "other machine" else "this")

    with node.database.sessions() as db:
        epochs = db.scalars(sa.select(Epoch).order_by(Epoch.ordinal)).all()
        links = chain.links(db, node.code)
    assert [epoch.why for epoch in epochs] == ["new", why]
    assert [(link.ordinal, link.number) for link in links] == [(1, 1), (2, 1)]
    assert links[1].prev == links[0].hash


def test_a_database_without_its_anchor_begins_a_new_epoch_though_nothing_was_sealed_in_it(node: Installation) -> None:
    """The life that was lost with the anchor may have sealed its first segment and sent it: its epoch is not written under again."""
    sealer.settle_epoch(node.database, node.config.folder, now=NOW)
    (node.config.folder / "anchor.json").unlink()

    sealer.settle_epoch(node.database, node.config.folder, now=NOW)

    with node.database.sessions() as db:
        assert db.execute(sa.select(Epoch.ordinal, Epoch.why).order_by(Epoch.ordinal)).all() == [(1, "new"), (2, "no-anchor")]


def test_changes_of_a_later_epoch_beat_those_that_were_lost(node: Installation) -> None:
    """Versions of a new epoch begin above all versions of the one before, so a restored node's word holds over its lost one."""
    live(node, 1)
    node.seal()
    (node.config.folder / "anchor.json").unlink()
    sealer.settle_epoch(node.database, node.config.folder, now=NOW)
    live(node, 1)

    with node.database.sessions() as db:
        versions = db.scalars(sa.select(JournalEntry.version).order_by(JournalEntry.number)).all()
    assert min(versions[-3:]) > 1 << 32 > max(versions[:3])


def test_the_job_process_seals(node: Installation) -> None:
    """What happened is in a segment within half a minute, without anybody asking."""
    live(node)
    job = next(job for job in jobs.JOBS if job.name == "seal")

    jobs.run_once(node.database, node.config, job, clock.now())
    live(node)
    jobs.run_once(node.database, node.config, job, clock.now() + timedelta(seconds=31))

    with node.database.sessions() as db:
        assert db.scalar(sa.select(sa.func.count()).select_from(StoredSegment)) == 2
        assert sealer.owed(db) == {}


@pytest.mark.goal("NET-03")
def test_every_travelling_table_is_carried(node: Installation) -> None:
    """The sealer asks each table of facts, and the journal takes each table of records: none can be forgotten."""
    asked: list[str] = []
    with node.database.sessions() as db:
        sa.event.listen(db.get_bind(), "before_cursor_execute", lambda *args: asked.append(args[2]))
        sealer.unsealed(db, 10)
    text = " ".join(asked)

    for table in TABLES:
        if table.kind is Kind.FACT:
            assert f"FROM {table.name} " in text.replace("\n", " "), table.name
    assert set(sealer.RECORDS) == {table.name for table in TABLES if table.kind is Kind.RECORD}


def test_on_postgresql_a_late_commit_is_sealed_with_the_next_segment(database: Database, tmp_path: Path) -> None:
    """Entries are chosen by not being sealed, never by a number: one with a lower number that commits later is not passed over."""
    late = uuid.UUID(int=7)
    with work(database) as db:
        for number in (1_000_002, 1_000_001):
            db.add(
                JournalEntry(
                    at=NOW, actor_id=None, table="person", row_id=late, before={"gender": None}, after={"gender": "f"}, number=number, node="test", version=number
                )
            )
            db.flush()
            found = [entry for _, _, entry in sealer.unsealed(db, 10_000) if entry[0] == "c" and entry[2] == str(late)]
    assert [entry[3]["version"] for entry in found] == [1_000_001, 1_000_002]


# ---- the fold ----------------------------------------------------------------------------------------------------------

NAMES = ["centre", "class-1", "class-2"]


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, object]]:
    """Changes of one row by owners in turn, with changes by nodes that do not own it, some at the same version."""
    found: list[dict[str, object]] = [
        {"id": uuid.UUID(int=1), "node": "class-1", "version": 1, "before": None, "after": {"owner_node": "class-1", "a": 0, "b": 0}}
    ]
    for n in range(draw(st.integers(0, 7))):
        after = draw(st.dictionaries(st.sampled_from(["a", "b"]), st.integers(0, 9), min_size=1))
        if draw(st.booleans()):
            after["owner_node"] = draw(st.sampled_from(NAMES))  # type: ignore[assignment]
        found.append(
            {"id": uuid.UUID(int=n + 2), "node": draw(st.sampled_from(NAMES)), "version": draw(st.integers(2, 6)), "before": {"a": 0}, "after": after}
        )
    return found


@pytest.mark.goal("NET-07")
@given(history=histories(), data=st.data())
@settings(max_examples=200)
def test_a_record_is_the_same_whatever_order_its_entries_came_in(history: list[dict[str, object]], data: st.DataObject) -> None:
    """The fold is a function of the set of entries; what a node wrote that did not own the row counts nowhere."""
    shuffled = data.draw(st.permutations(history))

    one, other = applying.fold(history, "centre"), applying.fold(shuffled, "centre")

    assert one == other
    assert one.content is not None
    assert one.content["owner_node"] == one.owner


def test_large_entries_do_not_stop_the_chain(node: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is more than one segment may hold goes into several; none of it waits for the next time."""
    monkeypatch.setattr(segments, "AIM", 2000)
    with work(node.database) as db:
        for n in range(5):
            db.add(AuditEvent(at=NOW, actor_id=None, what="came", about=f"{n} " + "x" * 1500))

    assert node.seal() == 5
    assert node.seal() == 0
    assert len(entries(node)) == 5
