"""A node at work: health, doctor, jobs once each, the supervisor, the command line."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from app import clock, disk, jobs
from app.db import Database, self_check
from app.errors import Invalid
from app.offices.models import Agency, Office
from app.ops import demo, doctor, places, staff
from app.ops.models import JobRun
from app.people.models import Account, Person
from app.sync import keys, trust
from app.work import work
from config import Config
from tests.factories import make_person

ROOT = Path(__file__).parent.parent.parent


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(what: Callable[[], bool], seconds: float = 60) -> None:
    """Until something is true; fails when it never is."""
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it did not happen in time"
        threading.Event().wait(0.1)


@contextmanager
def sabaq(folder: Path, *words: str, **environ: str) -> Iterator[subprocess.Popen[str]]:
    """The command as a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "app.cli", *words], cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**os.environ, "SABAQ_INSTANCE": str(folder), **environ},
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=30)


def answers(port: int, path: str) -> bool:
    """Whether the address answers 200."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.mark.goal("XCT-06")
def test_health_says_what_it_knows_and_nothing_personal(client: FlaskClient, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """/healthz, /readyz and /version are cheap JSON: process, database, migrations, age of the job process."""
    monkeypatch.setattr(disk, "look", lambda _folder: disk.Disk(free=123, total=1000))
    before = client.get("/readyz")
    with work(database) as db:
        jobs.beat(db, clock.now())
    after = client.get("/readyz")

    assert client.get("/healthz").json == {"status": "ok"}
    assert set(client.get("/version").json or {}) == {"version", "role", "node"}
    assert (before.status_code, after.status_code) == (503, 200)
    assert after.json == {
        "ready": True, "database": "ok", "migrated": True, "job_process_age_s": 0, "disk": "enough", "disk_free_percent": 12,
    }


def test_a_due_time_is_done_once_whoever_asks(own_database: Database, settings: Config) -> None:
    """Two schedulers, or one that was restarted, do the same due time once."""
    now, done = datetime(2026, 11, 24, 4, 0, 3, tzinfo=UTC), []
    job = jobs.Job("count", timedelta(seconds=10), lambda _db, at: done.append(at))

    ran = [jobs.run_once(own_database, settings, job, now + timedelta(seconds=s)) for s in (0, 1, 2, 8)]

    assert ran == [True, False, False, True]
    assert len(done) == 2


def test_a_job_that_fails_leaves_its_due_time_open(own_database: Database, settings: Config) -> None:
    """Work and ledger are one transaction: what failed is done at the next try."""
    now = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)

    def fail(_db: object, _now: datetime) -> None:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        jobs.run_once(own_database, settings, jobs.Job("count", timedelta(seconds=10), fail), now)

    with own_database.sessions() as db:
        assert db.scalar(sa.select(sa.func.count()).select_from(JobRun)) == 0


def test_one_job_process_leads(own_database: Database, tmp_path: Path) -> None:
    """A second job process waits until the first one is gone."""
    first, second = jobs.Leader(own_database, tmp_path), jobs.Leader(own_database, tmp_path)

    assert first.is_mine()
    assert not second.is_mine()
    assert first.file is not None
    first.file.close()
    assert second.is_mine()
    assert second.file is not None
    second.file.close()


def test_every_round_job_runs_on_an_empty_node(own_database: Database, settings: Config) -> None:
    """Jobs find nothing to do without falling over."""
    settings.folder.mkdir(parents=True, exist_ok=True)
    assert [jobs.run_once(own_database, settings, job, clock.now()) for job in jobs.JOBS] == [True] * len(jobs.JOBS)


@pytest.mark.goal("XCT-03")
def test_the_doctor_names_what_is_wrong_and_the_next_step(own_database: Database, settings: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each check gives ok, warning or error, and every one that is not ok says what to do."""
    settings.folder.mkdir(parents=True, exist_ok=True)
    monkeypatch.setattr(doctor.ctypes.util, "find_library", lambda _name: None)
    bad = replace(settings, SECRET_KEY="development", COURSES="/nowhere", ZONE="Moon/Crater")

    found = {finding.name: finding for finding in doctor.examine(bad, own_database)}

    assert {name for name, finding in found.items() if finding.state == "error"} == {"keys", "courses", "time zones", "printing"}
    assert "libpango-1.0-0" in found["printing"].next_step
    assert [name for name, finding in found.items() if finding.state != "ok" and not finding.next_step] == []
    assert {"database", "migrations", "durability", "disk", "clock", "fonts", "job process", "mail", "browsers"} & set(found) == {
        "migrations", "durability", "disk", "clock", "fonts", "job process", "mail", "browsers",
    }


@pytest.mark.goal("XCT-03")
def test_the_doctor_sees_a_database_that_was_not_migrated(tmp_path: Path, settings: Config) -> None:
    """An empty database is an error whose next step is the command that mends it."""
    from app import open_database

    database = open_database(replace(settings, NODE="fresh", INSTANCE=str(tmp_path), DATABASE_URL=f"sqlite:///{tmp_path / 'x.db'}"))

    found = {finding.name: finding for finding in doctor.examine(settings, database)}

    assert (found["migrations"].state, found["migrations"].next_step) == ("error", "Run: sabaq init")
    database.engine.dispose()


@pytest.mark.goal("SEC-11")
def test_the_self_check_names_every_reason_not_to_begin_a_test(own_database: Database, settings: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """Journal mode, synchronous, clock, disk, secret key and debugging are looked at; a sound node has no fault."""
    sound = {"INSTANCE": settings.INSTANCE, "SECRET_KEY": settings.SECRET_KEY, "DEBUG": False}

    assert doctor.exam_faults(sound, own_database) == []

    monkeypatch.setattr(doctor, "self_check", lambda _engine: ["SQLite synchronous is 1, must be 2."])
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=19, total=1000))
    monkeypatch.setattr(doctor.clock, "now", lambda: datetime(1999, 1, 1, tzinfo=UTC))
    texts = [fault.text for fault in doctor.exam_faults(sound | {"SECRET_KEY": "secret", "DEBUG": True}, own_database)]
    assert [next(word for word in ("cut", "date", "disk", "key", "debugging") if word in text) for text in texts] == [
        "cut", "date", "disk", "key", "debugging",
    ]


def test_a_database_that_could_lose_a_commit_is_noticed(own_database: Database) -> None:
    """The check asks the database itself."""
    @sa.event.listens_for(own_database.engine, "connect")
    def weaken(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA synchronous=NORMAL")

    own_database.engine.dispose()

    assert self_check(own_database.engine) == ["SQLite synchronous is 1, must be 2."]


@pytest.mark.goal("XCT-02")
@pytest.mark.node
def test_the_command_helps_and_its_exit_codes_mean_something(tmp_path: Path) -> None:
    """Every command has help with an example; doctor answers JSON and exits 1 when something is wrong."""
    from click.testing import CliRunner

    from app.cli import COMMANDS

    helps = {command.name: CliRunner().invoke(command, ["--help"]) for command in COMMANDS}
    assert {name for name, help in helps.items() if help.exit_code != 0} == set()
    assert {name for name, help in helps.items() if "Example:" not in help.output and "Commands:" not in help.output} == set()
    with sabaq(tmp_path, "doctor", "--json") as process:
        text, _ = process.communicate(timeout=60)
        assert process.returncode == 1
        assert {finding["state"] for finding in json.loads(text)} <= {"ok", "warning", "error"}


@pytest.mark.goal("XCT-01")
@pytest.mark.node
def test_one_command_serves_the_node_and_one_interrupt_ends_it(tmp_path: Path) -> None:
    """`run` migrates, loads the courses, serves web and jobs, starts a web process again that died, and ends all at once."""
    port = free_port()
    with sabaq(tmp_path, "run", "--no-demo", SABAQ_PORT=str(port)) as process:
        wait_for(lambda: answers(port, "/readyz"))
        children = [int(pid) for pid in subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True).stdout.split()]

        process.send_signal(signal.SIGINT)
        text, _ = process.communicate(timeout=30)

    assert process.returncode == 0, text
    assert f"http://127.0.0.1:{port}/" in text
    assert len(children) == 2
    assert not any(Path(f"/proc/{pid}").exists() for pid in children)
    assert not answers(port, "/healthz")


@pytest.mark.node
def test_a_port_in_use_is_said_before_anything_is_changed(tmp_path: Path) -> None:
    """Two nodes on one port: a sentence with the way out, not a stack trace."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with sabaq(tmp_path, "run", SABAQ_PORT=str(other.getsockname()[1])) as process:
            text, _ = process.communicate(timeout=60)

    assert process.returncode == 1
    assert "another port" in text
    assert not (tmp_path / "centre" / "sabaq.db").exists()


@pytest.mark.goal("XCT-01")
def test_a_new_node_gets_its_first_country_and_administrator_at_the_terminal(own_database: Database, settings: Config) -> None:
    """Two commands bring a node without anybody to its first sign-in; each step is named while it is missing, and refusals are sentences."""
    assert [line.split("--help")[0].strip() for line in demo.first_steps(Config(), own_database)] == ["Nobody can sign in yet. At this terminal:", "", "sabaq country add", "sabaq user create"]
    kazakhstan: dict[str, Any] = {
        "code": "KZ", "names": ["en=Kazakhstan", "kk=Қазақстан"], "zone": "Asia/Almaty", "languages": "kk, ru", "agency": "BORDER", "agency_names": ["en=Border Service"],
    }
    for wrong, sentence in (
        ({"names": ["Kazakhstan"]}, "like kk=Қазақстан, not Kazakhstan"), ({"languages": "kazakh"}, "Known: kk, ru, en, prs"), ({"zone": "Almaty"}, "Almaty is no time zone"),
    ):
        with pytest.raises(Invalid, match=sentence):
            places.add_country(own_database, **(kazakhstan | wrong), under="CA")

    places.add_country(own_database, **kazakhstan, under="CA")
    places.add_country(own_database, **(kazakhstan | {"code": "KG"}), under="CA")
    assert len(demo.first_steps(Config(), own_database)) == 3  # only the administrator is missing
    staff.create(own_database, settings, user_name="alang", name="Lang Anna", role="administrator", office_code="CA", password="korday verblud luna")

    with own_database.sessions() as db:
        assert db.scalars(sa.select(Office.path).order_by(Office.path)).all() == ["/CA/", "/CA/KG/", "/CA/KZ/"]
        person, agency = db.execute(sa.select(Person.service_number, Agency.code).join(Agency, Agency.id == Person.agency_id)).one()
        assert (person, agency) == ("alang", "BORDER")
    assert demo.first_steps(Config(), own_database) == []


def test_somebody_who_came_down_gets_a_password_at_the_terminal(own_database: Database, settings: Config, tmp_path: Path) -> None:
    """By service number; a number that nobody has and a weak password are refused, and nothing is set."""
    with work(own_database) as db:
        number = make_person(db).service_number
    with pytest.raises(Invalid):
        staff.set_password(own_database, settings, service_number="0", user_name="m", password="four words of my own")
    with pytest.raises(Invalid):
        staff.set_password(own_database, settings, service_number=number, user_name="m", password="short")
    with own_database.sessions() as db:
        assert db.scalar(sa.select(sa.func.count()).select_from(Account)) == 0

    staff.set_password(own_database, settings, service_number=number, user_name="Manager", password="four words of my own")

    with own_database.sessions() as db:
        assert db.scalars(sa.select(Account.user_name)).all() == ["manager"]


def test_the_doctor_says_how_a_class_server_stands_with_its_centre(tmp_path: Path) -> None:
    """Not joined, joined without a line, revoked; and keys that others can read."""
    room = Config(NODE="class-1", ROLE="classroom", INSTANCE=str(tmp_path))
    keys.load_or_make(room.folder)
    (room.folder / keys.FILE).chmod(0o644)
    found = [(finding.name, finding.state) for finding in doctor._joined(room)]
    assert found == [("node keys", "warning"), ("centre", "warning")]

    (room.folder / keys.FILE).chmod(0o600)
    trust.keep(room.folder, trust.Joining("confirmed", "0" * 64, "", centre="centre", title="Centre", accepted=True))
    assert [finding.state for finding in doctor._joined(room)] == ["ok"]
    trust.revoked(room.folder, at=clock.now())
    assert [finding.state for finding in doctor._joined(room)] == ["error"]


def test_the_doctor_tells_whether_the_mail_server_answers(tmp_path: Path) -> None:
    """None is set: nothing is wrong; one that is not there is named, one that listens is fine."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        there = doctor._mail(Config(INSTANCE=str(tmp_path), MAIL_HOST="127.0.0.1", MAIL_PORT=port, MAIL_FROM="a@example.kz"))
    gone = doctor._mail(Config(INSTANCE=str(tmp_path), MAIL_HOST="127.0.0.1", MAIL_PORT=port, MAIL_FROM="a@example.kz"))

    assert [doctor._mail(Config(INSTANCE=str(tmp_path))).state, there.state, gone.state] == ["ok", "ok", "warning"]
    assert f"127.0.0.1:{port}" in gone.text
