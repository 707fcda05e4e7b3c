"""`make bench`: each path beside the bare limit of the same stack in the same run, and rooms of people. `--quick` takes two minutes."""

from __future__ import annotations

import argparse
import gzip
import http.client
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import sqlalchemy as sa

from app import clock, create_app, open_database
from app.db import Database
from app.ids import new_token, token_hash
from app.ops import migrations
from app.ops.demo import PASSWORD
from app.ops.demo_data import STAFF
from app.people.models import Account, SignIn
from app.quizzes import services as quizzes
from app.runs.models import CourseRun, Enrolment
from app.work import work
from bench import exchange, planning
from bench import staff_import as staff
from bench.load import Result
from config import Config
from tests import live, postgres
from tests.chaos import room
from tests.chaos.room import Trainee
from tests.quizzes.rows import start_for_room

ROOT = Path(__file__).parent.parent
THREADS = 4
CLIENTS = 20
HALL = 100
MANY = 2000
MANAGER = "admin"


@dataclass
class Row:
    """One line of the table."""

    result: Result
    cpu_ms: float = 0.0  # of the web process, for one request
    limit: Result | None = None  # the bare limit in the same run
    of: str = ""
    goal: str = ""


@dataclass
class Web:
    """A server under load."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def cpu(self) -> float:
        """Seconds of processor time that it has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def memory(self) -> float:
        """MB in memory."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def main() -> None:
    """Make a node, measure, print."""
    words = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    words.add_argument("--quick", action="store_true", help="fewer people, shorter")
    quick = words.parse_args().quick
    seconds = 2.0 if quick else 6.0
    with tempfile.TemporaryDirectory() as folder:
        config, database = live.make_node(Path(folder), name="bench")
        reader = _reader(config, database)
        manager = _manager(config, database)
        people = room.seat(config, database, 400 if quick else MANY)
        starters = room.seat(config, database, HALL, begun=False)
        database.engine.dispose()
        with _bare(f"sqlite:///{folder}/bare.db") as bare, _web(config) as (web, started):
            rest = web.memory
            rows = _rates(bare, web, reader, people, seconds)
            storms = [_storm(web.port, 20, at_once=True), _storm(web.port, 10 if quick else 60, at_once=False)]
            weights = _weights(web.port, reader)
        with _web(config) as (web, _):
            rows += [_room(web, people, 5 if quick else 20)]
            at_work = web.memory
            rows += [_exam_start(web, starters, HALL)]
            rows += [_hall(web, config, people, manager, 10 if quick else 30), _many(web, people, 10 if quick else 30)]
        rows += _on_postgresql(Path(folder), seconds)
        storms += [staff.measure(count) + " (goal: 1,000 in 2 s, 10,000 in 10 s, lock <= 200 ms)" for count in ((1_000,) if quick else (1_000, 10_000))]
        storms += planning.measure()
        storms += [*exchange.measure(), exchange.rebuilt(20_000 if quick else 1_000_000)]
        _print(rows, storms, weights, started, rest, at_work, _papers())


# ---- the node --------------------------------------------------------------------------------------------------------


def _reader(config: Config, database: Database) -> Trainee:
    """Somebody of the demo with his test open: his pages have the weight of a real course."""
    app = create_app(config, database)
    with work(database) as db:
        enrolment = db.scalars(
            sa.select(Enrolment).join(CourseRun, CourseRun.id == Enrolment.run_id).where(CourseRun.state == "open").order_by(Enrolment.id)
        ).first()
        assert enrolment is not None
        writer = new_token()
        start_for_room(db, enrolment.run_id, "post")
        attempt = quizzes.start_attempt(db, enrolment_id=enrolment.id, quiz="post", now=clock.now(), uptime=clock.uptime(), writer=writer)
        found = Trainee(str(enrolment.person_id), str(enrolment.id), str(attempt.id), writer, attempt.draw, room.sign_in(db, enrolment.person_id))
    found.headers = room.headers(config, app, found.token) | {"Accept-Encoding": "gzip"}
    return found


def _manager(config: Config, database: Database) -> dict[str, str]:
    """What the browser of a member of staff sends."""
    app = create_app(config, database)
    with work(database) as db:
        person_id = db.scalars(sa.select(Account.person_id).where(Account.user_name == MANAGER)).one()
        token = new_token()
        db.add(SignIn(
            person_id=person_id, token_hash=token_hash(token), kind="password", seat_id=None, address="127.0.0.1", browser="bench",
            started_at=clock.now(), seen_at=clock.now(),
        ))  # fmt: skip
    return room.headers(config, app, token) | {"Accept": "text/html"}


@contextmanager
def _bare(url: str) -> Iterator[Web]:
    port = room.free_port()
    process = subprocess.Popen([sys.executable, "-m", "bench.bare", url, str(port), str(THREADS)], cwd=ROOT)
    try:
        room.wait_until_up(port, process)
        yield Web(port, process)
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def _web(config: Config) -> Iterator[tuple[Web, float]]:
    with room.web(config, THREADS) as (port, process, started):
        yield Web(port, process), started


# ---- loads -----------------------------------------------------------------------------------------------------------


def _load(
    name: str, server: Web, clients: list[list[dict[str, Any]]], seconds: float, *, every: float = 0.0, connections: int = 0,
    limit: Row | None = None, of: str = "", goal: str = "",
) -> Row:  # fmt: skip
    order = {"name": name, "port": server.port, "clients": clients, "seconds": seconds, "every": every, "connections": connections}
    before = server.cpu
    answer = subprocess.run([sys.executable, "-m", "bench.load"], input=json.dumps(order), capture_output=True, text=True, check=True, cwd=ROOT)
    result = Result(**json.loads(answer.stdout))
    return Row(result, (server.cpu - before) / max(1, result.done) * 1000, limit.result if limit else None, of, goal)


def _get(path: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    return {"method": "GET", "path": path, "headers": (headers or {}) | {"Accept": "text/html"}}


def _save(trainee: Trainee, question: int) -> dict[str, Any]:
    """One save after the other; each load has a question of its own, so that revisions begin with 1."""
    body = {"writer": trainee.writer, "key": "@KEY@", "revision": "@N@", "fields": [[f"q{question}.value", "12"]]}
    return {
        "method": "POST", "path": f"/attempts/{trainee.attempt}/answers/{question}", "headers": trainee.headers,
        "body": json.dumps(body).replace('"@N@"', "@N@"),
    }  # fmt: skip


def _rates(bare: Web, web: Web, reader: Trainee, people: list[Trainee], seconds: float) -> list[Row]:
    insert_one = {"method": "POST", "path": "/insert"}
    handler = _load("bare handler", bare, [[_get("/handler")]] * 4, seconds)
    page = _load("bare page (20 rows)", bare, [[_get("/page")]] * 4, seconds)
    insert = _load("bare insert and commit, 4 writers", bare, [[insert_one]] * 4, seconds)
    insert_many = _load(f"bare insert and commit, {CLIENTS} writers", bare, [[insert_one]] * CLIENTS, seconds)
    rows = [handler, page, insert, insert_many]
    rows.append(_load("/healthz", web, [[_get("/healthz")]] * 4, seconds, limit=handler, of="handler"))
    for name, path in (
        ("sign-in page", "/sign-in"), ("trainee's home", "/learn"), ("a lesson's page", _lesson(reader)), ("a test with its questions", f"/attempts/{reader.attempt}"),
    ):  # fmt: skip
        rows.append(_load(name, web, [[_get(path, {} if path == "/sign-in" else reader.headers)]] * 4, seconds, limit=page, of="page", goal="CPU <= 5 ms"))
    rows.append(_load("save an answer, 4 writers", web, [[_save(t, 1)] for t in people[:4]], seconds, limit=insert, of="insert", goal=">= 50 %, >= 400/s"))
    rows.append(_load(
        f"save an answer, {CLIENTS} writers", web, [[_save(t, 2)] for t in people[:CLIENTS]], seconds, limit=insert_many, of="insert", goal="p99 <= 60 ms",
    ))  # fmt: skip
    return rows


def _lesson(trainee: Trainee) -> str:
    """The address of a lesson's first page."""
    return f"/learn/{trainee.enrolment}/control-line/1"


def _beat(trainee: Trainee) -> dict[str, Any]:
    body = {"writer": trainee.writer, "at": 1, "seen": [1], "flagged": []}
    return {"method": "POST", "path": f"/attempts/{trainee.attempt}/beat", "headers": trainee.headers | {"X-Sabaq-Poll": "1"}, "body": json.dumps(body)}


def _room(web: Web, people: list[Trainee], seconds: float) -> Row:
    """Each saves every five seconds and gives a sign of life as often."""
    clients = [[_save(t, 3), _beat(t)] for t in people[:22]]
    return _load("a room of 22: save and beat every 5 s", web, clients, seconds, every=2.5)


def _exam_start(web: Web, starters: list[Trainee], count: int) -> Row:
    """Everybody presses Start within ten seconds and gets the page of his test."""
    clients = [[{
        "method": "POST", "path": f"/learn/{t.enrolment}/tests/play", "body": "language=en",
        "headers": t.headers | {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html"},
    }] for t in starters[:count]]  # fmt: skip
    return _load(f"exam start: {count} in 10 s", web, clients, 10, every=10, connections=count, goal="p95 < 1000 ms")


def _hall(web: Web, config: Config, people: list[Trainee], manager: dict[str, str], seconds: float) -> Row:
    """While a report is read again and again and copies of the database are written."""
    stop = threading.Event()
    failed: list[str] = []

    def reports() -> None:
        while not stop.is_set():
            try:
                _read(web.port, "/reports/progress", manager)
            except SystemExit as error:
                failed.append(str(error))
                return

    def backups() -> None:
        own = {f"SABAQ_{name}": str(getattr(config, name)) for name in ("NODE", "INSTANCE", "SECRET_KEY", "PEPPER")}
        while not stop.is_set():
            subprocess.run([sys.executable, "-m", "app.cli", "backup", "create"], cwd=ROOT, env={**os.environ, **own}, capture_output=True, check=True)

    threads = [threading.Thread(target=reports), threading.Thread(target=backups)]
    for thread in threads:
        thread.start()
    clients = [[_save(t, 4)] for t in people[:HALL]]
    row = _load(f"a hall of {HALL}: save every 5 s, report, backup", web, clients, seconds, every=5, goal="p95 <= 300, p99 <= 1000 ms")
    stop.set()
    for thread in threads:
        thread.join()
    if failed:
        raise SystemExit(failed[0])
    return row


def _many(web: Web, people: list[Trainee], seconds: float) -> Row:
    clients = [[_save(t, 5)] for t in people]
    return _load(f"{len(people)} people: save every 10 s", web, clients, seconds, every=10 * len(people) / MANY, connections=60, goal="p95 < 500 ms")


def _on_postgresql(folder: Path, seconds: float) -> list[Row]:
    """The same save on a PostgreSQL that syncs each commit."""
    with postgres.server(synced=True) as url:
        config = Config(NODE="pg", INSTANCE=str(folder), SECRET_KEY="k" * 40, PEPPER="p" * 40, DATABASE_URL=url)
        config.folder.mkdir()
        database = open_database(config)
        migrations.upgrade(database.engine)
        people = room.seat(config, database, CLIENTS)
        database.engine.dispose()
        with _bare(url) as bare, _web(config) as (web, _):
            rows = []
            for count, question in ((4, 1), (CLIENTS, 2)):
                insert = _load(f"PostgreSQL: bare insert, {count} writers", bare, [[{"method": "POST", "path": "/insert"}]] * count, seconds)
                save = _load(
                    f"PostgreSQL: save, {count} writers", web, [[_save(t, question)] for t in people[:count]], seconds, limit=insert, of="insert", goal=">= 50 %",
                )  # fmt: skip
                rows += [insert, save]
            return rows


# ---- other figures ---------------------------------------------------------------------------------------------------


def _read(port: int, path: str, headers: dict[str, str]) -> tuple[int, bytes, int]:
    """Status, body and bytes on the wire."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path, headers={"Accept-Encoding": "gzip", **headers})
    answer = connection.getresponse()
    raw = answer.read()
    body = gzip.decompress(raw) if answer.headers.get("Content-Encoding") == "gzip" else raw
    if answer.status != 200:
        raise SystemExit(f"{path} answered {answer.status}")
    connection.close()
    return answer.status, body, len(raw)


def _weights(port: int, trainee: Trainee) -> list[str]:
    """Bytes of a first visit and of the next, compressed, without media and fonts."""
    lines = []
    for name, path in (("home", "/learn"), ("lesson", _lesson(trainee)), ("test", f"/attempts/{trainee.attempt}")):
        _, body, html = _read(port, path, trainee.headers | {"Accept": "text/html"})
        files = sorted(set(re.findall(r'(?:href|src)="(/static/[^"]+\.(?:css|js|svg))"', body.decode())))
        sizes = {file: _read(port, file, {})[2] for file in files}
        imported = set(re.findall(r'from "\./([a-z-]+\.js)"', "".join(_read(port, file, {})[1].decode() for file in files if file.endswith(".js"))))
        for file in sorted(imported):
            where = re.sub(r"[^/]+$", file, next(f for f in files if f.endswith(".js")))
            if where not in sizes:
                sizes[where] = _read(port, where, {})[2]
        script = sum(size for file, size in sizes.items() if file.endswith(".js"))
        lines.append(
            f"{name:8} first visit {(html + sum(sizes.values())) / 1024:5.1f} KB in {1 + len(sizes)} requests, then {html / 1024:4.1f} KB; script {script / 1024:4.1f} KB"
        )
    return lines


def _storm(port: int, count: int, *, at_once: bool) -> str:
    """People sign in with a password, all at once or one a second: the time of the request that checks it."""
    times: list[float] = []
    refused: list[int] = []

    def one(user: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", "/sign-in")
        answer = connection.getresponse()
        cookie = (answer.headers.get("Set-Cookie") or "").split(";")[0]
        found = re.search(r'name="csrf_token" value="([^"]+)"', answer.read().decode())
        begun = time.perf_counter()
        body = urlencode({"csrf_token": found[1] if found else "", "name": user, "password": PASSWORD, "next": "/"})
        connection.request("POST", "/sign-in/password", body, {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"})
        status = connection.getresponse().status
        times.append(time.perf_counter() - begun)
        connection.close()
        if status not in (302, 303):
            refused.append(status)

    threads = [threading.Thread(target=one, args=(STAFF[n % len(STAFF)][0],)) for n in range(count)]
    for thread in threads:
        thread.start()
        if not at_once:
            time.sleep(1)
    for thread in threads:
        thread.join()
    times.sort()
    how = f"{count} at once" if at_once else f"{count} within {count} s"
    return f"sign-in, {how}: p95 {times[int(len(times) * 0.95) - 1] * 1000:.0f} ms, longest {times[-1] * 1000:.0f} ms, {len(refused)} refused (goal: p95 <= 500 ms)"


def _papers() -> str:
    """One page of PDF warm, beside the same engine's smallest page."""
    from app import pdf

    html = "<!doctype html><html lang='en'><title>x</title><body><h1>Certificate</h1><p>Қазақша, русский, English</p></body></html>"
    pdf.write(html, language="en", title="x")
    begun = time.perf_counter()
    for _ in range(5):
        pdf.write(html, language="en", title="x")
    return f"PDF: smallest page warm {(time.perf_counter() - begun) / 5 * 1000:.0f} ms"


def _print(rows: list[Row], storms: list[str], weights: list[str], started: float, rest: float, at_work: float, papers: str) -> None:
    packages = ", ".join(f"{name} {version(name)}" for name in ("flask", "sqlalchemy", "waitress", "pysqlite3", "weasyprint"))
    out = sys.stdout.write
    out(f"\n{datetime.now(UTC):%Y-%m-%d %H:%M} UTC · {os.cpu_count()} cores, {platform.machine()} · Python {platform.python_version()}, {packages}\n\n")
    out(f"{'path':46}{'per second':>11}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}{'CPU ms':>8}{'failed':>8}   share of the bare limit; goal\n")
    for row in rows:
        result = row.result
        share = f"   {result.rps / row.limit.rps:4.0%} of the bare {row.of}, p99 {result.p99 / row.limit.p99:.1f} x" if row.limit else ""
        goal = f"; {row.goal}" if row.goal and share else f"   {row.goal}" if row.goal else ""
        out(f"{result.name:46}{result.rps:11.0f}{result.p50:9.1f}{result.p95:9.1f}{result.p99:9.1f}{row.cpu_ms:8.2f}{result.failed:8}{share}{goal}\n")
    out("\n" + "\n".join([*storms, *weights]) + "\n")
    out(f"start to the first answer {started:.1f} s (goal <= 1.5); memory of the web process {rest:.0f} MB at rest (<= 120), {at_work:.0f} MB with 22 people at work (<= 250)\n")
    out(f"{papers}\n")


if __name__ == "__main__":
    main()
