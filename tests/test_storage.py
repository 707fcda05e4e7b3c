"""A disk that fails or is full under a running test: nobody is told "saved", everybody is told what to do."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pysqlite3
import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import create_app, open_database, storage
from app import db as database_module
from app.db import Database
from app.errors import StorageFailed
from app.ops import doctor, migrations
from app.quizzes.models import Answer
from app.storage import Trouble
from app.work import work
from config import Config
from tests.chaos import disk as disks
from tests.chaos.room import Trainee, seat


@dataclass
class Room:
    """A trainee with an open test on a node whose disk can fail."""

    disk: disks.Disk
    config: Config
    database: Database
    client: FlaskClient
    trainee: Trainee

    def saves(self, revision: int = 1) -> TestResponse:
        """The browser sends an answer to question 1; the same one again has the same key."""
        body = {"writer": self.trainee.writer, "key": f"{revision:032x}", "revision": revision, "fields": [["q1.value", "7"]]}
        return self.client.post(f"/attempts/{self.trainee.attempt}/answers/1", data=json.dumps(body), headers=self.trainee.headers)

    def looks(self, path: str = "/learn") -> str:
        """A page."""
        return self.client.get(path, headers=self.trainee.headers | {"Accept": "text/html"}).get_data(as_text=True)

    def ready(self) -> dict[str, object]:
        """What the node says of itself."""
        return dict(self.client.get("/readyz").get_json())

    def restarts(self) -> list[str]:
        """Another web process begins on the same files: what it finds wrong."""
        self.database.engine.dispose()
        self.database = open_database(self.config)
        wrong = storage.check_after_failure(self.database.engine, self.database.storage)
        self.client = create_app(self.config, self.database).test_client(use_cookies=False)
        return wrong

    def stored(self) -> list[int]:
        """Revisions that the database holds."""
        with self.database.sessions() as db:
            return list(db.scalars(sa.select(Answer.revision).order_by(Answer.revision)))


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    """A node of its own with an open test."""
    with disks.disk() as disk:
        config = Config(NODE="class", INSTANCE=str(tmp_path), SECRET_KEY="k" * 40, PEPPER="p" * 40)
        config.folder.mkdir()
        config = replace(config, DATABASE_URL=disk.url(config.folder / "sabaq.db"))
        database = open_database(config)
        migrations.upgrade(database.engine)
        [trainee] = seat(config, database, 1)
        made = Room(disk, config, database, create_app(config, database).test_client(use_cookies=False), trainee)
        yield made
        disk.error = disks.OK
        made.database.engine.dispose()


@pytest.mark.goal("DUR-04")
@pytest.mark.parametrize("fails", ["write", "sync"])
def test_after_an_error_of_the_disk_nothing_is_saved_until_restarted_and_checked(room, fails):
    """The commit that meets the error and every writer after it get 503 at once, also when the disk answers again; pages show it in red."""
    assert room.saves(1).status_code == 200
    room.disk.error, room.disk.fails = {"write": disks.IOERR_WRITE, "sync": disks.IOERR_FSYNC}[fails], frozenset({fails})

    first = room.saves(2)
    room.disk.error = disks.OK
    begun = time.monotonic()
    later = [room.saves(2), room.saves(3), room.client.post("/sign-out", headers=room.trainee.headers)]
    taken = time.monotonic() - begun

    assert [one.status_code for one in (first, *later)] == [503] * 4
    assert {one.get_json()["kind"] for one in (first, *later)} == {"StorageFailed"}
    assert "administrator must restart" in first.get_json()["error"]
    assert taken < 1
    page = room.looks()
    assert "banner-bad" in page
    assert "disk reported an error" in page
    test = room.looks(f"/attempts/{room.trainee.attempt}")
    assert re.search(r'<noscript>\s*<div class="banner banner-bad', test), "with script the page's own banner tells it, and ends by itself"
    assert room.stored() == [1]
    assert room.ready() | {"migrated": True} == room.ready() | {"ready": False, "database": "failed"}

    assert room.restarts() == []
    assert room.saves(2).status_code == 200
    assert "banner-bad" not in room.looks()
    assert room.stored() == [1, 2]


@pytest.mark.goal("DUR-04")
def test_all_processes_of_a_node_stop_writing_when_one_met_the_error(room):
    """The job process refuses to write too, and begins again when the web process has been restarted and checked."""
    jobs = open_database(room.config)
    room.disk.error = disks.IOERR_FSYNC
    room.saves()
    room.disk.error = disks.OK

    with pytest.raises(StorageFailed), work(jobs):
        pass
    room.restarts()
    with work(jobs):
        pass
    jobs.engine.dispose()


@pytest.mark.goal("DUR-04")
def test_a_database_found_damaged_after_a_restart_is_not_written(room):
    """The check reads the whole file: with a damaged page the node keeps refusing, and the doctor says to restore a backup."""
    room.disk.error = disks.IOERR_FSYNC
    room.saves()
    room.disk.error = disks.OK
    room.database.engine.dispose()  # the last connection writes the log back
    path = room.config.folder / "sabaq.db"
    damaged = bytearray(path.read_bytes())
    for page in range(len(damaged) // 8192, len(damaged) // 4096):  # tables and indexes, not the schema
        damaged[page * 4096 : page * 4096 + 200] = bytes(200)
    path.write_bytes(damaged)

    wrong = room.restarts()

    assert wrong
    assert room.database.storage is not None
    assert room.database.storage.trouble is Trouble.FAILED
    with pytest.raises(StorageFailed), work(room.database):
        pass
    found = next(one for one in doctor.examine(room.config, room.database) if one.name == "writing")
    assert (found.state, "newest backup" in found.next_step) == ("error", True)


@pytest.mark.goal("DUR-04")
def test_a_full_disk_is_said_as_such_and_the_same_save_is_taken_when_there_is_room(room):
    """503 with who must act; nothing is half-written, no test can begin, and with room again the waiting answer is stored once."""
    room.disk.error, room.disk.fails = disks.FULL, frozenset({"write"})
    refused = room.saves(1)
    page = room.looks()
    start = room.client.post(
        f"/learn/{room.trainee.enrolment}/tests/play", headers=room.trainee.headers | {"Content-Type": "application/x-www-form-urlencoded"}
    )
    room.disk.error = disks.OK

    assert (refused.status_code, refused.get_json()["kind"]) == (503, "StorageFull")
    assert "administrator must make room" in refused.get_json()["error"]
    assert "disk is full" in page
    assert start.status_code == 409
    assert "disk is full" in start.get_json()["error"]
    assert room.stored() == []
    assert room.saves(1).status_code == 200
    assert room.stored() == [1]
    assert "banner-bad" not in room.looks()
    assert room.ready()["database"] == "ok"


def test_the_doctor_says_what_a_failed_write_asks_for(room):
    """What the database reported, that the file is whole, and that a restart checks it."""
    room.disk.error = disks.IOERR_FSYNC
    room.saves()
    room.disk.error = disks.OK

    found = next(one for one in doctor.examine(room.config, room.database) if one.name == "writing")

    assert found.state == "error"
    assert "disk I/O error" in found.text
    assert "restart the node" in found.next_step


@pytest.mark.goal("DUR-07")
def test_a_save_that_meets_a_lock_of_another_program_gets_503_and_is_taken_when_it_is_free(room, monkeypatch):
    """Somebody else writes for longer than a save waits: the reply is 503, nothing is stored, and the same save then counts once."""
    monkeypatch.setattr(database_module, "LOCK_WAIT_SECONDS", 0.2)
    room.restarts()  # the driver's own patience is set when it connects
    other = pysqlite3.connect(room.config.folder / "sabaq.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    refused = room.saves(1)
    other.execute("ROLLBACK")
    other.close()
    taken = room.saves(1)

    assert (refused.status_code, refused.get_json()["kind"]) == (503, "Busy")
    assert taken.status_code == 200
    assert room.stored() == [1]
    assert room.ready()["database"] == "ok"


def test_a_statement_that_every_request_asks_stays_ready_after_many_others(own_database):
    """SQLite reads it once for a connection, also after more pages than the driver itself would remember."""
    own_database.engine.dispose()  # a connection that has made the tables has seen more than a server's life
    every, prepared = sa.text("SELECT count(*) FROM person WHERE left_on IS NULL"), []
    with own_database.engine.connect() as connection:
        connection.connection.driver_connection.set_authorizer(lambda *_: prepared.append(1) or 0)  # asked when a statement is prepared
        for n in range(300):
            connection.execute(sa.text(f"SELECT {n}")).all()
            connection.execute(sa.text(f"SELECT {n}")).all()
        connection.execute(every).all()
        connection.execute(sa.text("SELECT 'another'")).all()
        prepared.clear()

        connection.execute(every).all()

        connection.connection.driver_connection.set_authorizer(None)
    assert prepared == []
