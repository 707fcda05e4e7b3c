"""Copies of a node: made in use, checked, incremental, bounded; brought back only where there is no node, whole, and in a new epoch."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from app import clock, create_app, disk, files, jobs, open_database
from app.background import KINDS
from app.db import Database
from app.errors import Conflict, Invalid
from app.ops import background, backup, backup_job, doctor
from app.ops.models import BackgroundJob
from app.people.models import Person
from app.quizzes.models import PracticalWork
from app.runs.models import Enrolment
from app.sync import anchor, chain, keys, rebuild
from app.sync.models import Epoch
from app.work import work
from config import Config, with_secrets
from tests.factories import added
from tests.ops.test_room import full_to
from tests.runs.rows import enrol, make_run
from tests.sync.nodes import NOW, Installation, centre_and_class
from tests.sync.test_exchange import people, walk_in


@pytest.fixture
def node(tmp_path: Path) -> Config:
    """A node with somebody who handed in a file."""
    with centre_and_class(tmp_path / "instance") as nodes:
        centre = nodes[0]
        with_secrets(replace(centre.config, SECRET_KEY="", PEPPER=""))
        hand_in(centre, b"the first file")
        centre.seal()
        return centre.config


def hand_in(centre: Installation, data: bytes) -> None:
    """Somebody hands in a file."""
    with work(centre.database) as db:
        member = enrol(db, make_run(db))
        added(db, PracticalWork(
            enrolment_id=member.id, practical="p", number=1, values={}, channel="pc", by_id=member.person_id, at=NOW,
            file_sha256=files.keep(centre.config.folder / "practicals", data),
        ))


def opened(config: Config) -> Database:
    """Its database."""
    return open_database(config)


def copied(config: Config, to: Path) -> Path:
    """Make a copy; gives its notes."""
    database = opened(config)
    try:
        backup.create(database, config, to)
    finally:
        database.engine.dispose()
    return backup.copies(to)[0].path


def digest(config: Config) -> str:
    """One hash over all rows that travel."""
    database = opened(config)
    with database.sessions() as db:
        found = rebuild.digest(db)
    database.engine.dispose()
    return found


@pytest.mark.goal("NET-08")
def test_a_copy_brought_back_on_another_machine_is_the_node_in_a_new_epoch(node: Config, tmp_path: Path) -> None:
    """Rows, files and keys are as they were; it writes under an epoch that nobody used; the keys are for its user alone."""
    notes = copied(node, tmp_path / "disk")
    new = replace(node, INSTANCE=str(tmp_path / "new"))

    said = backup.restore(new, notes)

    assert digest(new) == digest(node)
    assert keys.load_or_make(new.folder).public == keys.load_or_make(node.folder).public
    assert (new.folder / "pepper.txt").read_text() == (node.folder / "pepper.txt").read_text()
    assert stat.S_IMODE((new.folder / "node-keys.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(backup.read(notes).keys.stat().st_mode) == 0o600
    [work_done] = [one.read_bytes() for one in (new.folder / "practicals").glob("*/*")]
    assert work_done == b"the first file"
    database = opened(new)
    with database.sessions() as db:
        epochs = db.scalars(sa.select(Epoch).order_by(Epoch.ordinal)).all()
        head = chain.own_head(db)
    database.engine.dispose()
    assert [(one.ordinal, one.why) for one in epochs] == [(1, "new"), (2, "restored")]
    assert head is not None
    assert (head.epoch, head.number) == (epochs[1].code, 0)
    assert epochs[1].code in said
    found = anchor.read(new.folder)
    assert found is not None
    assert found.epoch == epochs[1].code


@pytest.mark.goal("NET-08")
def test_what_was_written_after_the_copy_comes_back_with_the_next_exchange(tmp_path: Path) -> None:
    """A class server's copy of yesterday, brought back today: it begins a new epoch even where nothing was sealed before the copy, and gets its tail from the centre."""
    with centre_and_class(tmp_path / "instance") as (centre, first):
        first.seal()
        notes = copied(first.config, tmp_path / "disk")
        number = walk_in(first)
        centre.take(first.bundle(centre).path)
        first.take(centre.bundle(first).path)
        new = replace(first.config, INSTANCE=str(tmp_path / "new"))
        backup.restore(new, notes)
        back = Installation(new, opened(new), keys.load_or_make(new.folder))
        assert number not in people(back)
        later = walk_in(back, "Saparov")
        centre.take(back.bundle(centre).path)
        back.take(centre.bundle(back).path)
        centre.take(back.bundle(centre).path)
        assert {number, later} <= set(people(back))
        assert {number, later} <= set(people(centre))
        back.close()


def test_a_file_is_copied_once_and_the_oldest_copies_go(node: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second copy takes no file that the first has; beyond the newest few, copies go with the files that only they named."""
    to = tmp_path / "disk"
    copied(node, to)
    [kept] = (to / backup.POOL).glob("*/*")
    before = kept.stat().st_ino
    database = opened(node)
    hand_in(Installation(node, database, keys.load_or_make(node.folder)), b"the second file")
    database.engine.dispose()
    copied(node, to)
    assert kept.stat().st_ino == before
    assert len(list((to / backup.POOL).glob("*/*"))) == 2
    monkeypatch.setattr(backup, "KEPT", 2)
    database = opened(node)
    with work(database) as db:
        for one in db.scalars(sa.select(PracticalWork)).all():
            db.connection().execute(sa.delete(PracticalWork.__table__).where(PracticalWork.__table__.c.id == one.id))
    database.engine.dispose()
    for _ in range(2):
        copied(node, to)
    assert len(backup.copies(to)) == 2
    assert sorted({path.suffix for path in to.iterdir() if path.is_file()}) == [".db", ".json", ".keys"]
    assert len(list(to.glob("sabaq-*"))) == 6
    assert list((to / backup.POOL).glob("*/*")) == []


def test_a_living_node_is_never_overwritten(node: Config, tmp_path: Path) -> None:
    """Refused over a node that is there, whatever its state; nothing of it changes."""
    notes = copied(node, tmp_path / "disk")
    before = {path: path.read_bytes() for path in node.folder.rglob("*") if path.is_file()}
    with pytest.raises(Conflict, match="move that folder away"):
        backup.restore(node, notes)
    assert {path: path.read_bytes() for path in node.folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("spoil", ["database", "file", "keys", "notes", "no database", "newer", "another node"])
def test_a_copy_that_is_not_whole_is_refused_before_anything_is_written(spoil: str, node: Config, tmp_path: Path) -> None:
    """One flipped bit in any part, a missing part, a newer format, another node's copy: a sentence, and an empty folder."""
    notes = copied(node, tmp_path / "disk")
    copy = backup.read(notes)
    new = replace(node, INSTANCE=str(tmp_path / "new"))
    match spoil:
        case "database" | "file":
            path = copy.database if spoil == "database" else copy.file(copy.files["practicals"][0])
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 1
            path.unlink()
            path.write_bytes(data)
        case "keys":
            copy.keys.write_text("{")
        case "notes":
            notes.write_text("{}")
        case "no database":
            copy.database.unlink()
        case "newer":
            notes.write_text(json.dumps({**json.loads(notes.read_text()), "v": 2}))
        case "another node":
            new = replace(new, NODE="elsewhere")
    with pytest.raises(Invalid):
        backup.restore(new, notes)
    assert not new.folder.exists()


def test_no_copy_is_made_on_a_disk_that_is_nearly_full(node: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers need what is left."""
    database = opened(node)
    full_to(monkeypatch, 49)
    with pytest.raises(disk.NoRoomForFiles):
        backup.create(database, node, tmp_path / "disk")
    assert list((tmp_path / "disk").iterdir()) == []
    database.engine.dispose()


def test_a_restore_that_was_cut_off_is_tried_again(node: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until its last step there is no node: the same command again brings it back."""
    notes = copied(node, tmp_path / "disk")
    new = replace(node, INSTANCE=str(tmp_path / "new"))
    with monkeypatch.context() as cut:
        cut.setattr(backup, "_sync", lambda _path: (_ for _ in ()).throw(OSError("power")))
        with pytest.raises(OSError, match="power"):
            backup.restore(new, notes)
    assert not (new.folder / "sabaq.db").exists()
    backup.restore(new, notes)
    database = opened(new)
    with database.sessions() as db:
        assert db.scalar(sa.select(sa.func.count()).select_from(Enrolment)) == 1
        assert db.scalar(sa.select(sa.func.count()).select_from(Person)) == 1
        assert [one.ordinal for one in db.scalars(sa.select(Epoch).order_by(Epoch.ordinal))] in ([1, 2], [1, 3])
    database.engine.dispose()


@pytest.mark.node
def test_the_commands_say_what_came_of_it(node: Config, tmp_path: Path) -> None:
    """`sabaq backup create --to` and `sabaq backup restore`: 0 when done, 1 with a sentence when refused."""
    from click.testing import CliRunner

    from app.cli import backup_group

    environ = {"SABAQ_INSTANCE": node.INSTANCE, "SABAQ_NODE": node.NODE}
    made = CliRunner().invoke(backup_group, ["create", "--to", str(tmp_path / "disk")], env=environ)
    assert (made.exit_code, "1 people, 0 answers, 1 files, checked" in made.output) == (0, True)
    [copy] = backup.copies(tmp_path / "disk")
    over = CliRunner().invoke(backup_group, ["restore", str(copy.path)], env=environ)
    assert (over.exit_code, "There is a node" in over.output) == (1, True)
    back = CliRunner().invoke(backup_group, ["restore", str(copy.path)], env={**environ, "SABAQ_INSTANCE": str(tmp_path / "new")})
    assert (back.exit_code, "It goes on in epoch" in back.output) == (0, True)


# ---- every night -------------------------------------------------------------------------------------------------------


def a_night(config: Config, now: datetime) -> list[str]:
    """What the job process does at this time: the clock asks, the queue works. Gives the states of the jobs."""
    database = opened(config)
    app = create_app(config, database)
    [nightly] = [job for job in jobs.JOBS if job.name == backup_job.JOB]
    with clock.using(Stands(now)), app.app_context():
        jobs.run_once(database, config, nightly, now)
        while background.run_next(database, config.folder, KINDS):
            pass
        with database.sessions() as db:
            found = list(db.scalars(sa.select(BackgroundJob.state).where(BackgroundJob.kind == backup_job.JOB).order_by(BackgroundJob.made_at)))
    database.engine.dispose()
    return found


class Stands(clock.Clock):
    """A clock that stands."""

    def __init__(self, at: datetime) -> None:
        super().__init__()
        self.at = at

    def now(self) -> datetime:
        return self.at


def nightly(config: Config) -> backup_job.Nightly:
    """How the copies stand."""
    database = opened(config)
    with database.sessions() as db:
        found = backup_job.state(db, config)
    database.engine.dispose()
    return found


def test_a_copy_is_made_every_night_and_seven_are_kept(node: Config, tmp_path: Path) -> None:
    """Once a day, however often it is looked; the eighth night the oldest goes; it stands there when the last was made and where."""
    disk = tmp_path / "disk"
    disk.mkdir()
    config = replace(node, BACKUP=str(disk))

    for night in range(8):
        for hour in (0, 3, 21):
            a_night(config, NOW.replace(hour=hour) + timedelta(days=night))

    found = nightly(config)
    assert (found.folder, found.count, found.failed) == (disk / node.NODE, backup.KEPT, None)
    assert found.newest == NOW.replace(hour=0) + timedelta(days=7)
    assert (found.late(NOW + timedelta(days=8)), found.late(NOW + timedelta(days=10))) == (False, True)
    assert backup.restore(replace(node, INSTANCE=str(tmp_path / "new"), BACKUP=""), backup.copies(disk / node.NODE)[0].path)


def test_without_its_disk_no_copy_is_made_and_that_is_said(node: Config, tmp_path: Path) -> None:
    """The folder is not made on the server's own disk; page and doctor say what to look at. Without a folder nothing is asked for."""
    config = replace(node, BACKUP=str(tmp_path / "gone"))

    assert a_night(node, NOW - timedelta(days=1)) == []
    assert a_night(config, NOW) == ["failed"]

    found = nightly(config)
    assert not (tmp_path / "gone").exists()
    assert found.failed is not None
    assert "look whether its disk is in" in found.failed.text
    database = opened(config)
    [said] = [one for one in doctor.examine(config, database) if one.name == "copies"]
    database.engine.dispose()
    assert (said.state, "look whether its disk is in" in said.text) == ("warning", True)
