"""A room of trainees, each signed in with a test open, as rows and as the headers that their browsers would send."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from socket import socket

import sqlalchemy as sa
from itsdangerous import URLSafeTimedSerializer
from sqlalchemy.orm import Session

from app import clock, create_app
from app.courses.content import CourseContent
from app.db import Database
from app.ids import new_token, token_hash
from app.offices.models import Country
from app.people.models import SignIn
from app.work import work
from config import Config
from tests.factories import make_agency, make_country, make_office, make_person
from tests.quizzes.rows import content, make_attempt, make_enrolment, make_run, question

ROOT = Path(__file__).parents[2]
QUESTIONS = 6


def numbers() -> CourseContent:
    """A course whose one test asks for six numbers: each answer can be told from each other."""
    whole = content().model_dump(mode="json")
    whole["modules"][0]["questions"] = [question("number", f"number-{n}") for n in range(QUESTIONS)]
    whole["quizzes"] = [quiz | {"blueprint": [{"outcome": "car", "items": QUESTIONS}]} for quiz in whole["quizzes"] if quiz["id"] == "play"]
    return CourseContent.model_validate(whole)


@dataclass
class Trainee:
    """Somebody signed in with an open test: what his browser holds."""

    person: str
    enrolment: str
    attempt: str
    writer: str
    draw: list[str]
    token: str
    headers: dict[str, str] = field(default_factory=dict)


def begin(db: Session, count: int, *, begun: bool = True) -> list[Trainee]:
    """So many trainees of one run, with an open test each unless they have not `begun`."""
    country = db.scalar(sa.select(Country).where(Country.code == "Q9")) or make_country(db, "Q9")  # of no demo
    office, agency = make_office(db, country=country), make_agency(db, country)
    run = make_run(db, numbers(), office, seats=count)
    made = []
    for n in range(count):
        person = make_person(db, office, agency=agency)
        enrolment = make_enrolment(db, run, person, number=n + 1)
        writer = new_token()
        attempt = make_attempt(db, enrolment, "play", writer) if begun else None
        place, draw = (str(attempt.id), attempt.draw) if attempt else ("", [])
        made.append(Trainee(str(person.id), str(enrolment.id), place, writer, draw, sign_in(db, person.id)))
    return made


def sign_in(db: Session, person_id: uuid.UUID) -> str:
    """A sign-in of the person; gives the token that the cookie holds."""
    token, now = new_token(), clock.now()
    db.add(SignIn(
        person_id=person_id, token_hash=token_hash(token), kind="password", seat_id=None, address="127.0.0.1", browser="room",
        started_at=now, seen_at=now,
    ))  # fmt: skip
    db.flush()
    return token


def seat(config: Config, database: Database, count: int, *, begun: bool = True) -> list[Trainee]:
    """The same with the cookies and headers of their browsers."""
    with work(database) as db:
        trainees = begin(db, count, begun=begun)
    app = create_app(config, database)
    for trainee in trainees:
        trainee.headers = headers(config, app, trainee.token)
    return trainees


def headers(config: Config, app: object, token: str) -> dict[str, str]:
    """What a signed-in browser sends with each save."""
    raw = new_token()
    cookie = app.session_interface.get_signing_serializer(app).dumps({"_user_id": token, "_fresh": True, "csrf_token": raw})  # type: ignore[attr-defined]
    return {
        "Cookie": f"{config.cookie}={cookie}", "X-CSRFToken": URLSafeTimedSerializer(config.SECRET_KEY, salt="wtf-csrf-token").dumps(raw),
        "Content-Type": "application/json", "Accept": "application/json",
    }


# ---- the node as a process -------------------------------------------------------------------------------------------


def free_port() -> int:
    """A port that nobody uses now."""
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_web(config: Config, port: int, threads: int = 4) -> subprocess.Popen[bytes]:
    """The node's web process, as the supervisor starts it; what it says is in web.log of the node's folder."""
    own = {f"SABAQ_{name}": str(getattr(config, name)) for name in ("NODE", "INSTANCE", "SECRET_KEY", "PEPPER", "DATABASE_URL")}
    with (config.folder / "web.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "app.cli", "web"], cwd=ROOT, stdout=log, stderr=log,
            env={**os.environ, **own, "SABAQ_PORT": str(port), "SABAQ_THREADS": str(threads)},
        )  # fmt: skip


def wait_until_up(port: int, process: subprocess.Popen[bytes], seconds: float = 60) -> None:
    """Until the node answers. Raises RuntimeError when its process has ended, TimeoutError."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"the node ended with exit code {process.returncode}")
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/healthz")
            connection.getresponse().read()
            return
        except OSError:
            time.sleep(0.02)
        finally:
            connection.close()
    raise TimeoutError("the node did not start")


@contextmanager
def web(config: Config, threads: int = 4) -> Iterator[tuple[int, subprocess.Popen[bytes], float]]:
    """The node as a process of its own: port, process, seconds to the first answer."""
    port, begun = free_port(), time.perf_counter()
    process = start_web(config, port, threads)
    try:
        wait_until_up(port, process)
        yield port, process, time.perf_counter() - begun
    finally:
        process.terminate()
        process.wait(10)
