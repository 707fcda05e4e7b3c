"""Room on the disk: what is told and what stops at which share, the reserve, and that each folder of a node has a bound."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app import clock, disk, storage
from app.db import Database, make_engine
from app.disk import Level
from app.ops import doctor, folders, migrations
from app.ops.models import BackgroundJob, JobRun
from app.policy import Role
from app.storage import Storage
from app.sync import room
from app.work import work
from config import Config
from tests import factories


@pytest.fixture
def own(tmp_path: Path) -> Config:
    """Settings of a node whose folder is this test's alone."""
    config = Config(NODE="test", INSTANCE=str(tmp_path / "instance"), SECRET_KEY="k" * 40, PEPPER="p" * 40)
    config.folder.mkdir(parents=True)
    return config


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 16 MB, where whoever runs the tests may make one."""
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(place)], capture_output=True, check=False) if shutil.which("mount") else None
    if made is None or made.returncode:
        pytest.skip("no right to make a small file system here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def full_to(monkeypatch: pytest.MonkeyPatch, permille: int) -> None:
    """From here on the disk has so many thousandths free."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(total=1_000_000_000, free=permille * 1_000_000, used=0))


@given(total=st.integers(1, 10**14), part=st.floats(0, 1))
def test_a_disk_with_more_room_is_never_at_a_worse_level(total: int, part: float) -> None:
    """The level falls as room is made, and each level begins below its share."""
    free = int(total * part)
    level = disk.Disk(free, total).level
    assert disk.Disk(min(total, free + total // 50 + 1), total).level <= level
    assert (level >= Level.LITTLE) == (free * 10 < total)
    assert (level >= Level.NO_FILES) == (free * 20 < total)
    assert (level >= Level.NO_TESTS) == (free * 50 < total)


@pytest.mark.goal("NET-17")
@pytest.mark.parametrize(("permille", "told", "files", "tests"), [(101, False, True, True), (99, True, True, True), (49, True, False, True), (19, True, False, False)])
def test_what_stops_at_which_share(
    permille: int, told: bool, files: bool, tests: bool, db: Session, client_of: Callable[..., FlaskClient], own_database: Database, settings: Config,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Staff are told at 10 % free, files and bundles stop at 5 %, tests at 2 %; a page goes on at every share."""
    client = client_of(factories.make_staff(db, Role.ADMINISTRATOR))
    full_to(monkeypatch, permille)
    page = client.get("/offices", follow_redirects=True)
    assert page.status_code == 200
    assert (f"{permille // 10} % free" in page.text) is told
    assert ("/room-on-disk" in page.text) is told
    sent = client.post("/people/import", data={"file": (io.BytesIO(b"a;b\n1;2\n"), "people.csv")}, content_type="multipart/form-data")
    assert (sent.status_code == 503) is not files
    if not files:
        assert "nothing of this one was kept" in sent.text
        with pytest.raises(room.NoRoom):
            room.refuse_without(settings.folder, 1)
    faults = doctor.exam_faults({"INSTANCE": settings.INSTANCE, "SECRET_KEY": settings.SECRET_KEY, "DEBUG": False}, own_database)
    assert [fault.params["percent"] for fault in faults] == ([] if tests else [permille // 10])
    ready = client.get("/readyz").get_json()
    assert ready["disk_free_percent"] == permille // 10
    assert ready["disk"] == {101: "enough", 99: "little", 49: "no-files", 19: "no-tests"}[permille]


@pytest.mark.goal("NET-17")
def test_an_answer_is_taken_on_a_disk_on_which_no_test_begins(db: Session, client_of: Callable[..., FlaskClient], monkeypatch: pytest.MonkeyPatch) -> None:
    """Only files are refused: a form without one goes through at any share."""
    client = client_of(factories.make_staff(db, Role.ADMINISTRATOR))
    full_to(monkeypatch, 1)
    answered = client.post("/preferences", data={"text_size": "large"}, content_type="multipart/form-data")
    assert answered.status_code != 503


# ---- the reserve -------------------------------------------------------------------------------------------------------


@pytest.mark.goal("NET-17")
def test_the_reserve_takes_real_blocks_and_is_given_back_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its bytes are allocated, not promised; given back it is gone, and it comes back only when there is room."""
    assert disk.keep_reserve(tmp_path, 2**20)
    assert (tmp_path / disk.RESERVE_FILE).stat().st_blocks * 512 >= 2**20
    with monkeypatch.context() as short:
        full_to(short, 15)
        assert disk.give_back(tmp_path) == 2**20
        assert disk.give_back(tmp_path) == 0
        assert not disk.keep_reserve(tmp_path, 2**20)
    assert disk.keep_reserve(tmp_path, 2**20)
    assert [path.name for path in tmp_path.iterdir()] == [disk.RESERVE_FILE]


@pytest.mark.goal("NET-17")
def test_the_administrator_gives_the_reserve_back(db: Session, client_of: Callable[..., FlaskClient], settings: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """One button on the page that names the trouble, or one command; both say how much it was."""
    settings.folder.mkdir(parents=True, exist_ok=True)
    client = client_of(factories.make_staff(db, Role.ADMINISTRATOR))
    monkeypatch.setattr(disk, "RESERVE", 2**20)
    disk.keep_reserve(settings.folder, 2**21)
    page = client.get("/room-on-disk")
    assert page.status_code == 200
    assert "2 MB are kept" in page.text
    assert "No copy is made by itself." in page.text
    told = client.post("/room-on-disk", follow_redirects=True)
    assert "2 MB were given back" in told.text
    assert disk.reserve(settings.folder) == 0
    assert "was given back before" in client.post("/room-on-disk", follow_redirects=True).text


@pytest.mark.node
@pytest.mark.goal("NET-17")
def test_the_command_gives_the_reserve_back(tmp_path: Path) -> None:
    """`sabaq doctor --free-reserve` works from a terminal, and says when there is nothing left to give."""
    from app.cli import doctor as command
    from app.cli import init

    environ = {"SABAQ_INSTANCE": str(tmp_path)}
    assert CliRunner().invoke(init, [], env=environ).exit_code == 0
    assert disk.reserve(tmp_path / "centre") == disk.RESERVE
    assert "67 MB given back" in CliRunner().invoke(command, ["--free-reserve"], env=environ).output
    assert "was given back before" in CliRunner().invoke(command, ["--free-reserve"], env=environ).output
    assert folders.unknown(tmp_path / "centre") == []


@pytest.mark.goal("NET-17")
def test_answers_go_on_to_the_last_byte_and_the_reserve_brings_the_node_back(small_disk: Path) -> None:
    """On a real disk: rows are stored until nothing fits, what was acknowledged stays, and with the reserve given back the next one is stored."""
    database = Database(make_engine(f"sqlite:///{small_disk / 'sabaq.db'}"), "test", Storage(small_disk / "write-failed.txt"))
    try:
        migrations.upgrade(database.engine)
        assert disk.keep_reserve(small_disk, 6 * 2**20)  # more than SQLite's log, which is written back
        film = small_disk / "film"
        with film.open("wb") as filling, contextlib.suppress(OSError):
            while disk.look(small_disk).percent >= 4:
                filling.write(bytes(2**14))
                filling.flush()
        assert disk.look(small_disk).level >= Level.NO_FILES
        stored: list[int] = []

        def go_on() -> None:
            while True:
                with work(database) as db:
                    db.add(JobRun(job=f"{len(stored)}", due_at=clock.now(), done_at=clock.now()))
                stored.append(1)

        with pytest.raises(sa.exc.OperationalError) as met:
            go_on()
        assert storage.trouble_of(met.value.orig) is storage.Trouble.FULL  # type: ignore[arg-type]
        assert disk.look(small_disk).level is Level.NO_TESTS
        assert disk.give_back(small_disk) == 6 * 2**20
        with work(database) as db:
            db.add(JobRun(job="after", due_at=clock.now(), done_at=clock.now()))
        with database.sessions() as db:
            assert db.query(JobRun).count() == len(stored) + 1
        assert storage.check(database.engine) == []
        assert database.storage is not None
        assert database.storage.trouble is None
    finally:
        database.engine.dispose()


# ---- bounded folders ---------------------------------------------------------------------------------------------------


@pytest.mark.goal("NET-17")
def test_every_name_that_the_program_writes_into_the_nodes_folder_has_a_line() -> None:
    """Each folder or file that the code names under the node's folder stands in the table."""
    import re

    root = Path(folders.__file__).parent.parent
    named: set[str] = set()
    for path in root.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        named |= set(re.findall(r"(?:config\.folder|\[\"FOLDER\"\]\)?|node_folder|INSTANCE_FOLDER) / \"([^\"]+)\"", text))
        named |= set(re.findall(r"^(?:FOLDER|FILE|RESERVE_FILE|PRACTICALS|JOURNAL_FILE) = \"([^\"]+)\"", text, re.M))
    named -= {"static/print-fonts"}
    assert {"media", "exchange", "made", "static"} <= named
    assert [name for name in sorted(named) if folders.line_of(name) is None] == []


@pytest.mark.goal("NET-17")
def test_a_folder_without_a_line_is_named_by_the_doctor(own_database: Database, own: Config) -> None:
    """What nobody has bounded is told, and is not thrown away."""
    (own.folder / "wild").mkdir()
    found = [finding for finding in doctor.examine(own, own_database) if finding.name == "folder"]
    assert len(found) == 1
    assert "wild" in found[0].text
    folders.clean(own_database, own, datetime(2030, 1, 1, tzinfo=UTC))
    assert (own.folder / "wild").exists()


@pytest.mark.goal("NET-17")
def test_old_files_go_and_what_is_used_stays(own_database: Database, own: Config) -> None:
    """Made files two weeks after their job, uploads after a day, half-written files after a day; whole media and papers never."""
    now = clock.now()
    with work(own_database) as db:
        fresh, stale = ("f" * 64, "5" * 64)
        for name, ended in ((fresh, now - timedelta(days=2)), (stale, now - timedelta(days=20))):
            job = BackgroundJob(kind="export", person_id=None, params={}, language="en", state="done", made_at=ended)
            job.ended_at, job.result = ended, {"file": name, "name": "list.xlsx"}
            db.add(job)
        gone = BackgroundJob(kind="export", person_id=None, params={}, language="en", state="done", made_at=now - timedelta(days=40))
        gone.ended_at = now - timedelta(days=40)
        db.add(gone)
    old = (now - timedelta(days=15)).timestamp()
    names = {
        f"made/ff/{fresh}": True, f"made/55/{stale}": False, "made/aa/orphan": False, "uploads/x.file": False, "exchange/class/leaving.bundle": False,
        "media/aa/picture": True, "media/aa/.picture.half": False, "papers/bb/paper": True, "practicals/cc/.work.half": False, "anchor.json.part": False,
        "anchor.json": True, "backups/sabaq-1.db": True,
    }
    for name in names:
        path = own.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
        os.utime(path, (old, old))
    folders.clean(own_database, own, now)
    assert {name: (own.folder / name).exists() for name in names} == names
    with own_database.sessions() as db:
        assert db.query(BackgroundJob).count() == 2
