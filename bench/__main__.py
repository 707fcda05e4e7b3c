"""`make bench`: one table of every path beside the bare limit of the same stack in the same run. `--quick` takes a minute."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import platform
import re
import resource
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
from itsdangerous import URLSafeTimedSerializer

from app import clock, create_app
from app.db import Database
from app.ids import new_token, token_hash
from app.ops.demo import PASSWORD
from app.ops.demo_data import STAFF
from app.people.models import SignIn
from app.quizzes import invigilation
from app.quizzes import services as quizzes
from app.runs.models import CourseRun, Enrolment
from app.work import work
from bench.load import Result
from config import Config

ROOT = Path(__file__).parent.parent
THREADS = 4
CLIENTS = 20


@dataclass
class Trainee:
    """Somebody signed in with an open test: what a browser would hold."""

    headers: dict[str, str]
    enrolment: str
    attempt: str
    writer: str


def main() -> None:
    """Make a node, measure, print."""
    seconds = 2.0 if "--quick" in sys.argv else 6.0
    with tempfile.TemporaryDirectory() as folder:
        config, database = _node(Path(folder))
        trainees = _trainees(config, database, 60)
        database.engine.dispose()
        with _serving([sys.executable, "-m", "bench.bare", f"sqlite:///{folder}/bare.db"], THREADS) as (bare, _), _web(config) as (port, process, started):
            memory = _memory(process.pid)
            rows = _rates(bare, port, trainees, seconds)
            storm = _storm(config, port)
            weights = _weights(port, trainees[0])
            after = _memory(process.pid)
        _print(rows, storm, weights, started, memory, after, _papers())


# ---- the node --------------------------------------------------------------------------------------------------------


def _node(folder: Path) -> tuple[Config, Database]:
    from tests.live import make_node

    return make_node(folder, name="bench")


def _trainees(config: Config, database: Database, count: int) -> list[Trainee]:
    app = create_app(config, database)
    cookies = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
    tokens = URLSafeTimedSerializer(config.SECRET_KEY, salt="wtf-csrf-token")
    found = []
    with work(database) as db:
        now = clock.now()
        rows = db.execute(
            sa.select(Enrolment).join(CourseRun, CourseRun.id == Enrolment.run_id).where(CourseRun.state == "open").order_by(Enrolment.id)
        ).scalars().all()
        for run in db.scalars(sa.select(CourseRun).where(CourseRun.state == "open")):
            invigilation.start_room_test(db, run, "post", by=rows[0].person_id, now=now)
        for n in range(count):
            enrolment = rows[n % len(rows)]
            writer, token, raw = new_token(), new_token(), new_token()
            attempt = quizzes.start_attempt(db, enrolment_id=enrolment.id, quiz="post", now=now, uptime=clock.uptime())
            if n < len(rows):
                quizzes.open_attempt(db, attempt.id, writer=writer, now=now, uptime=clock.uptime())
            else:
                writer = found[n % len(rows)].writer
            db.add(SignIn(
                person_id=enrolment.person_id, token_hash=token_hash(token), kind="password", seat_id=None, address="127.0.0.1", browser="bench",
                started_at=now, seen_at=now,
            ))
            cookie = cookies.dumps({"_user_id": token, "_fresh": True, "csrf_token": raw})
            headers = {
                "Cookie": f"{config.cookie}={cookie}", "X-CSRFToken": tokens.dumps(raw), "Content-Type": "application/json",
                "Accept": "application/json", "Accept-Encoding": "gzip",
            }
            found.append(Trainee(headers, str(enrolment.id), str(attempt.id), writer))
    return found


@contextmanager
def _serving(command: list[str], threads: int) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    port = _free_port()
    process = subprocess.Popen([*command, str(port), str(threads)], cwd=ROOT)
    try:
        _wait(port)
        yield port, process
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def _web(config: Config) -> Iterator[tuple[int, subprocess.Popen[bytes], float]]:
    port = _free_port()
    environ = {**os.environ, **{f"SABAQ_{name}": str(getattr(config, name)) for name in ("NODE", "INSTANCE", "SECRET_KEY", "PEPPER")}}
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "app.cli", "web"], cwd=ROOT, env={**environ, "SABAQ_PORT": str(port), "SABAQ_THREADS": str(THREADS)}
    )
    try:
        _wait(port)
        yield port, process, time.perf_counter() - begun
    finally:
        process.terminate()
        process.wait(10)


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(port: int) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/healthz")
            connection.getresponse().read()
            return
        except OSError:
            time.sleep(0.02)
    raise SystemExit("the server did not start")


# ---- rates -----------------------------------------------------------------------------------------------------------


def _load(name: str, port: int, clients: list[list[dict[str, Any]]], seconds: float, pause: float = 0.0) -> Result:
    order = {"name": name, "port": port, "clients": clients, "seconds": seconds, "pause": pause}
    answer = subprocess.run([sys.executable, "-m", "bench.load"], input=json.dumps(order), capture_output=True, text=True, check=True, cwd=ROOT)
    return Result(**json.loads(answer.stdout))


def _rates(bare: int, port: int, trainees: list[Trainee], seconds: float) -> list[tuple[Result, Result | None, str]]:
    def get(path: str) -> dict[str, Any]:
        return {"method": "GET", "path": path}

    def as_trainee(trainee: Trainee, path: str) -> dict[str, Any]:
        return {"method": "GET", "path": path, "headers": trainee.headers | {"Accept": "text/html"}}

    def save(trainee: Trainee, question: int) -> dict[str, Any]:
        body = json.dumps({"writer": trainee.writer, "key": "@KEY@", "revision": "@N@", "fields": [[f"q{question}.option", "1"]]}).replace('"@N@"', "@N@")
        return {"method": "POST", "path": f"/attempts/{trainee.attempt}/answers/{question}", "body": body, "headers": trainee.headers}

    own = {trainee.attempt: trainee for trainee in trainees}  # one client an attempt: a second would write with a stale revision
    writers = list(own.values())[:CLIENTS]
    handler = _load("bare handler", bare, [[get("/handler")]] * 4, seconds)
    page = _load("bare page (20 rows)", bare, [[get("/page")]] * 4, seconds)
    insert = _load("bare insert and commit", bare, [[{"method": "POST", "path": "/insert"}]] * 4, seconds)
    insert_many = _load(f"bare insert, {CLIENTS} writers", bare, [[{"method": "POST", "path": "/insert"}]] * CLIENTS, seconds)
    rows: list[tuple[Result, Result | None, str]] = [(handler, None, ""), (page, None, ""), (insert, None, ""), (insert_many, None, "")]
    rows.append((_load("/healthz", port, [[get("/healthz")]] * 4, seconds), handler, "handler"))
    rows.append((_load("sign-in page", port, [[get("/sign-in")]] * 4, seconds), page, "page"))
    rows.append((_load("trainee's home", port, [[as_trainee(t, "/learn")] for t in trainees[:4]], seconds), page, "page"))
    rows.append((_load("a lesson's page", port, [[as_trainee(t, _lesson(t))] for t in trainees[:4]], seconds), page, "page"))
    rows.append((_load("a test with 10 questions", port, [[as_trainee(t, f"/attempts/{t.attempt}")] for t in trainees[:4]], seconds), page, "page"))
    rows.append((_load("save an answer, 4 writers", port, [[save(t, 1)] for t in writers[:4]], seconds), insert, "insert"))
    rows.append((_load(f"save an answer, {CLIENTS} writers", port, [[save(t, 2)] for t in writers], seconds), insert_many, "insert"))
    return rows


def _lesson(trainee: Trainee) -> str:
    """The address of a lesson's first page."""
    return f"/learn/{trainee.enrolment}/control-line/1"


# ---- other figures ---------------------------------------------------------------------------------------------------


def _get(port: int, path: str, headers: dict[str, str]) -> tuple[int, bytes, int]:
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
        _, body, html = _get(port, path, trainee.headers | {"Accept": "text/html"})
        files = sorted(set(re.findall(r'(?:href|src)="(/static/[^"]+\.(?:css|js|svg))"', body.decode())))
        sizes = {file: _get(port, file, {})[2] for file in files}
        imported = set(re.findall(r'from "\./([a-z-]+\.js)"', "".join(_get(port, file, {})[1].decode() for file in files if file.endswith(".js"))))
        for file in sorted(imported):
            where = re.sub(r"[^/]+$", file, next(f for f in files if f.endswith(".js")))
            if where not in sizes:
                sizes[where] = _get(port, where, {})[2]
        script = sum(size for file, size in sizes.items() if file.endswith(".js"))
        lines.append(
            f"{name:8} first visit {(html + sum(sizes.values())) / 1024:5.1f} KB in {1 + len(sizes)} requests, then {html / 1024:4.1f} KB; script {script / 1024:4.1f} KB"
        )
    return lines


def _storm(config: Config, port: int) -> str:
    """Twenty people sign in at once with a password."""
    times: list[float] = []
    failed: list[int] = []

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
        if status not in (302, 303):
            failed.append(status)

    users = [row[0] for row in STAFF]
    threads = [threading.Thread(target=one, args=(users[n % len(users)],)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    times.sort()
    return f"sign-in, 20 at once: p95 {times[int(len(times) * 0.95) - 1] * 1000:.0f} ms, longest {times[-1] * 1000:.0f} ms, {len(failed)} refused {sorted(set(failed)) or ''}"


def _memory(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def _papers() -> str:
    """One page of PDF warm, beside the same engine's smallest page."""
    from app import pdf

    html = "<!doctype html><html lang='en'><title>x</title><body><h1>Certificate</h1><p>Қазақша, русский, English</p></body></html>"
    pdf.write(html, language="en", title="x")
    begun = time.perf_counter()
    for _ in range(5):
        pdf.write(html, language="en", title="x")
    return f"PDF: smallest page warm {(time.perf_counter() - begun) / 5 * 1000:.0f} ms"


def _print(rows: list[tuple[Result, Result | None, str]], storm: str, weights: list[str], started: float, memory: float, after: float, papers: str) -> None:
    packages = ", ".join(f"{name} {version(name)}" for name in ("flask", "sqlalchemy", "waitress", "pysqlite3", "weasyprint"))
    out = sys.stdout.write
    out(f"\n{datetime.now(UTC):%Y-%m-%d %H:%M} UTC · {os.cpu_count()} cores, {platform.machine()} · Python {platform.python_version()}, {packages}\n\n")
    out(f"{'path':34}{'per second':>11}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}{'failed':>8}   share of the bare limit\n")
    for result, limit, name in rows:
        share = f"   {result.rps / limit.rps:4.0%} of the bare {name}" if limit else ""
        out(f"{result.name:34}{result.rps:11.0f}{result.p50:9.1f}{result.p95:9.1f}{result.p99:9.1f}{result.failed:8}{share}\n")
    out(f"\n{storm}\n")
    out("\n".join(weights) + "\n")
    out(f"start to the first answer {started:.1f} s; memory of the web process {memory:.0f} MB at rest, {after:.0f} MB after; {papers}\n")
    out(f"(this process used {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB to prepare)\n")


if __name__ == "__main__":
    main()
