"""A stick that stays in: every sealed segment stands on it, locked; a dead disk and a restored database lose nothing that was sealed."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from app import open_database
from app.sync import bundles, courier, second_journal, stick
from app.sync.courier import Here
from app.sync.models import Epoch, StoredSegment
from app.sync.second_journal import state, write_down
from tests.sync.nodes import NOW, Installation, centre_and_class
from tests.sync.sticks import failing
from tests.sync.test_exchange import people, walk_in


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """The stick that stays in."""
    folder = tmp_path / "SABAQ-JOURNAL"
    folder.mkdir()
    return folder


@pytest.fixture
def nodes(tmp_path: Path, box: Path) -> Iterator[list[Installation]]:
    """A centre, and a class server with a second journal."""
    with centre_and_class(tmp_path) as found:
        found[1].config = replace(found[1].config, SECOND_JOURNAL=str(box))
        yield found


def written(node: Installation, seconds: int = 0) -> second_journal.State:
    return write_down(node.database, node.config, now=NOW + timedelta(seconds=seconds))


def kept(box: Path, to: str) -> list[Path]:
    return sorted((box / stick.FOLDER / f"journal-class-1-to-{to}").glob("*.sabaq"))


@pytest.mark.goal("NET-18")
def test_after_a_dead_disk_the_centre_takes_the_second_journal(nodes: list[Installation], box: Path) -> None:
    """What was sealed stands on the stick, locked for the centre; the stick alone brings all of it there."""
    centre, first = nodes
    walk_in(first, "Qalqamanov")
    written(first)
    walk_in(first)
    assert not written(first, 30).failing
    known = people(first)
    first.database.engine.dispose()
    shutil.rmtree(first.config.folder)

    found = [one for one in courier.look(Here(centre.database, centre.config, centre.keys), stick.files(box)) if one.ready]
    courier.take_all(Here(centre.database, centre.config, centre.keys), [one.path for one in found], now=NOW)

    assert people(centre) == known
    everything = b"".join(path.read_bytes() for path in box.rglob("*") if path.is_file())
    assert b"Qalqamanov" not in everything


@pytest.mark.goal("NET-18", "NET-08")
def test_a_restored_class_server_gets_its_tail_back_from_its_own_second_journal(nodes: list[Installation], box: Path, tmp_path: Path) -> None:
    """An old database and the stick: a new epoch, and what was written after the backup is there again, once."""
    _, first = nodes
    walk_in(first)
    written(first)
    first.database.engine.dispose()
    shutil.copy(first.config.folder / "sabaq.db", tmp_path / "backup.db")
    first.database = open_database(first.config)
    walk_in(first)
    written(first, 30)
    known = people(first)
    first.database.engine.dispose()
    for path in first.config.folder.glob("sabaq.db*"):
        path.unlink()
    shutil.copy(tmp_path / "backup.db", first.config.folder / "sabaq.db")
    first.database = open_database(first.config)
    assert people(first) != known

    here = Here(first.database, first.config, first.keys)
    courier.take_all(here, list(second_journal.files_for(box, "class-1")), now=NOW)

    assert people(first) == known
    with first.database.sessions() as db:
        assert db.scalar(sa.select(sa.func.max(Epoch.ordinal))) == 2


@pytest.mark.goal("NET-18")
def test_the_newest_file_grows_and_is_closed_when_it_is_full(nodes: list[Installation], box: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One file for each receiver until it holds enough; then another. Nothing is written when nothing happened."""
    monkeypatch.setattr(second_journal, "CLOSED_AT", 3)
    _, first = nodes
    sizes = []
    for n in range(7):
        walk_in(first)
        written(first, n)
        sizes.append((len(kept(box, "centre")), len(kept(box, "class-1"))))
    before = {path: path.stat().st_mtime_ns for path in box.rglob("*") if path.is_file()}

    after = written(first, 60)

    assert sizes == [(1, 1), (1, 1), (1, 1), (2, 2), (2, 2), (2, 2), (3, 3)]
    assert {path: path.stat().st_mtime_ns for path in box.rglob("*") if path.is_file()} == before
    assert after.at == (NOW + timedelta(seconds=60)).isoformat()
    assert bundles.peek(kept(box, "class-1")[0]).to == "class-1"


def test_what_the_centre_has_confirmed_is_removed(nodes: list[Installation], box: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second journal stays small: it holds what is nowhere else."""
    monkeypatch.setattr(second_journal, "CLOSED_AT", 2)
    centre, first = nodes
    for n in range(3):
        walk_in(first)
        written(first, n)
    assert len(kept(box, "centre")) == 2
    centre.take(first.bundle(centre).path)
    first.take(centre.bundle(first).path)
    walk_in(first)

    written(first, 60)

    [left] = kept(box, "centre")
    visit = courier.take_all(Here(centre.database, centre.config, centre.keys), [left], now=NOW)
    assert not visit.refused
    assert not visit.outcomes[0].missing
    assert people(centre) == people(first)


@pytest.mark.goal("NET-18")
def test_a_pulled_stick_is_told_since_when_and_made_good_when_it_is_back(nodes: list[Installation], box: Path, tmp_path: Path) -> None:
    """Nothing else fails; the state says since when; another stick gets everything that is not confirmed."""
    _, first = nodes
    walk_in(first)
    written(first)
    box.rename(tmp_path / "pulled")
    walk_in(first)

    gone = written(first, 60)
    still = written(first, 120)
    box.mkdir()
    back = written(first, 180)

    assert gone.failing
    assert gone.since == still.since == (NOW + timedelta(seconds=60)).isoformat()
    assert gone.at == NOW.isoformat()
    assert still.late(NOW + timedelta(minutes=6))
    assert not back.failing
    with first.database.sessions() as db:
        segments = db.scalar(sa.select(sa.func.count()).select_from(StoredSegment).where(StoredSegment.node == "class-1"))
    with bundles.Reader(kept(box, "class-1")[0], first.keys) as reader:
        assert sum(row.kind == bundles.SEGMENT for row in reader.manifest.parts) == segments


@pytest.mark.parametrize("says", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_a_write_that_is_cut_off_leaves_no_file_that_is_half(
    nodes: list[Installation], box: Path, monkeypatch: pytest.MonkeyPatch, says: int
) -> None:
    """A full, failing or locked stick: what stood on it stays, and the next write is whole."""
    _, first = nodes
    walk_in(first)
    written(first)
    before = kept(box, "centre")
    walk_in(first)
    with failing(box, monkeypatch) as stopped:
        stopped.sync_until, stopped.says = 0, says
        assert written(first, 30).failing
    assert kept(box, "centre") == before

    assert not written(first, 60).failing

    assert len(kept(box, "centre")) == len(kept(box, "class-1")) == 1
    assert state(first.config.folder).begun == []
    assert list(box.rglob("*.part")) == []


def test_older_files_of_a_lost_life_are_never_removed(nodes: list[Installation], box: Path) -> None:
    """A node made anew after a dead disk finds files that it does not know: they are all that is left, and stay."""
    _, first = nodes
    walk_in(first)
    written(first)
    [old] = kept(box, "centre")
    (first.config.folder / second_journal.FILE).unlink()
    walk_in(first)

    written(first, 60)
    walk_in(first)
    written(first, 120)

    assert old.exists()
    assert len(kept(box, "centre")) == 2


def test_without_a_folder_or_a_stick_of_that_name_there_is_none(nodes: list[Installation], tmp_path: Path, box: Path) -> None:
    """The stick that is called SABAQ-JOURNAL is used without any setting; another one is left alone."""
    centre, first = nodes
    mounts = tmp_path / "no-mounts"

    assert second_journal.place_of(centre.config, mounts=mounts) is None
    assert second_journal.place_of(replace(centre.config, STICK=str(box)), mounts=mounts) == box
    assert second_journal.place_of(replace(centre.config, STICK=str(tmp_path)), mounts=mounts) is None
    assert second_journal.place_of(first.config, mounts=mounts) == box
    assert not write_down(centre.database, centre.config, now=NOW).folder
