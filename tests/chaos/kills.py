"""Clients that keep a ledger of every acknowledged save, against a node that is killed without warning and started again."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import sqlalchemy as sa

from app import open_database
from app.db import Database
from app.ids import new_id
from app.ops import migrations
from app.quizzes.models import Answer
from app.storage import check
from config import Config
from tests.chaos.room import QUESTIONS, Trainee, free_port, seat, start_web, wait_until_up

CLIENTS = 40
RETRY_SECONDS = 0.05  # a browser waits longer; here the point is to be there when the node comes back


@dataclass
class Client:
    """One trainee's browser: sends as quiz.js does, the same key and body until there is an answer."""

    trainee: Trainee
    port: int
    chance: random.Random
    revisions: list[int] = field(default_factory=lambda: [0] * QUESTIONS)
    acknowledged: dict[tuple[str, int], str] = field(default_factory=dict)  # (question, revision) -> what was given
    sent: dict[str, tuple[str, int, str]] = field(default_factory=dict)  # key -> question, revision, what was given
    repeated: int = 0
    refused: list[str] = field(default_factory=list)

    def run(self, stop: threading.Event, enough: threading.Semaphore) -> None:
        """Give one answer after the other until told to stop."""
        connection: HTTPConnection | None = None
        waiting: tuple[int, str, bytes] | None = None
        while not stop.is_set():
            number, key, body = waiting or self._new_answer()
            try:
                connection = connection or HTTPConnection("127.0.0.1", self.port, timeout=10)
                connection.request("POST", f"/attempts/{self.trainee.attempt}/answers/{number}", body, self.trainee.headers)
                answer = connection.getresponse()
                said = answer.read()
            except (OSError, HTTPException):
                if connection:
                    connection.close()
                connection, waiting = None, (number, key, body)
                self.repeated += 1
                stop.wait(RETRY_SECONDS)
                continue
            if answer.status == 503:
                waiting = (number, key, body)
                self.repeated += 1
                stop.wait(RETRY_SECONDS)
                continue
            waiting = None
            if answer.status == 200:
                question, revision, value = self.sent[key]
                self.acknowledged[question, revision] = value
                enough.release()
            else:
                self.refused.append(f"{answer.status} {said[:200]!r}")
                return
        if connection:
            connection.close()

    def _new_answer(self) -> tuple[int, str, bytes]:
        number, key = self.chance.randint(1, QUESTIONS), new_id().hex
        self.revisions[number - 1] += 1
        revision, value = self.revisions[number - 1], str(self.chance.randint(0, 999_999))
        self.sent[key] = (self.trainee.draw[number - 1], revision, value)
        body = {"writer": self.trainee.writer, "key": key, "revision": revision, "fields": [[f"q{number}.value", value]]}
        return number, key, json.dumps(body).encode()


@dataclass
class Outcome:
    """What some rounds did."""

    rounds: int = 0
    acknowledged: int = 0
    repeated: int = 0
    stored: int = 0
    wrong: list[str] = field(default_factory=list)


def rounds(folder: Path, count: int, *, seed: int, each: int = 500, database_url: str = "", clients: int = CLIENTS) -> Iterator[Outcome]:
    """Kill the node `count` times, each time after about `each` acknowledgements, and look at the database while it is down."""
    chance = random.Random(seed)
    config = Config(NODE="class", INSTANCE=str(folder), SECRET_KEY="k" * 40, PEPPER="p" * 40, DATABASE_URL=database_url)
    config.folder.mkdir(parents=True)
    database = open_database(config)
    migrations.upgrade(database.engine)
    port = free_port()
    people = [Client(trainee, port, random.Random(f"{seed}/{n}")) for n, trainee in enumerate(seat(config, database, clients))]
    outcome = Outcome()
    while outcome.rounds < count:
        node = start_web(config, port)
        try:
            try:
                wait_until_up(port, node)
            except (RuntimeError, TimeoutError) as error:
                raise RuntimeError((config.folder / "web.log").read_text()[-2000:]) from error
            stop, enough = threading.Event(), threading.Semaphore(0)
            threads = [threading.Thread(target=one.run, args=(stop, enough)) for one in people]
            for thread in threads:
                thread.start()
            for _ in range(chance.randint(each // 2, each * 3 // 2)):
                if not enough.acquire(timeout=30):
                    break
            time.sleep(chance.random() * 0.01)  # anywhere in a request, not just after a reply
        finally:
            node.kill()
            node.wait(10)
        stop.set()
        for thread in threads:
            thread.join(30)
        outcome.rounds += 1
        outcome.acknowledged = sum(len(one.acknowledged) for one in people)
        outcome.repeated = sum(one.repeated for one in people)
        outcome.wrong += [text for one in people for text in one.refused]
        _compare(database, people, outcome)
        yield outcome
        if outcome.wrong:
            break
    database.engine.dispose()


def _compare(database: Database, people: list[Client], outcome: Outcome) -> None:
    """Every acknowledged answer is stored as it was given; nothing is stored that nobody gave, and nothing twice."""
    outcome.wrong += check(database.engine)
    stored: dict[str, list[tuple[str, int, str, str]]] = {}
    with database.sessions() as db:
        for attempt, *row in db.execute(sa.select(Answer.attempt_id, Answer.question, Answer.revision, Answer.key, Answer.response)):
            stored.setdefault(str(attempt), []).append((row[0], row[1], row[2], row[3].get("value", "")))
    outcome.stored = sum(len(rows) for rows in stored.values())
    for one in people:
        rows = stored.get(one.trainee.attempt, [])
        found = {(question, revision): value for question, revision, _key, value in rows}
        for known, value in one.acknowledged.items():
            if found.get(known) != value:
                outcome.wrong.append(f"acknowledged and not there: {known} {value}, but {found.get(known)}")
        if len(found) != len(rows) or len({key for _, _, key, _ in rows}) != len(rows):
            outcome.wrong.append("an answer is stored twice")
        outcome.wrong += [f"stored and never given: {row}" for row in rows if one.sent.get(row[2]) != (row[0], row[1], row[3])]
