"""Many at once: parallel starts, the same save in many threads, a lock held by somebody else."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from app import clock, open_database
from app import db as database_module
from app.db import Database
from app.errors import Busy
from app.ops import migrations
from app.quizzes import queries, services
from app.quizzes.errors import AttemptsUsed, KeyReused
from app.quizzes.models import Answer, Attempt
from app.work import work
from config import Config
from tests.conftest import database_address
from tests.quizzes.rows import WRITER, make_attempt, make_enrolment

BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


@pytest.fixture(scope="module", params=BOTH)
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A database that threads share, each with transactions of its own."""
    with database_address(request.param, tmp_path_factory) as url:
        database = open_database(Config(NODE="test", DATABASE_URL=url, SECRET_KEY="k" * 40, PEPPER="p" * 40))
        migrations.upgrade(database.engine)
        yield database
        database.engine.dispose()


def at_once(times: int, do: Callable[[], Any]) -> list[Any]:
    """What each of so many threads got, all beginning together; errors too."""
    gate = threading.Barrier(times)

    def one(_: int) -> Any:
        gate.wait()
        try:
            return do()
        except Exception as error:
            return error

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(one, range(times)))


@pytest.mark.goal("DUR-06")
def test_fifty_parallel_starts_make_one_attempt_and_never_more_than_are_allowed(shared):
    """50 starts at once find one open attempt; over time exactly the two that the course allows exist."""
    with work(shared) as db:
        enrolment_id = make_enrolment(db).id

    def start() -> uuid.UUID:
        with work(shared) as db:
            return services.start_attempt(
                db, enrolment_id=enrolment_id, quiz="post", now=clock.now(), uptime=clock.uptime(), writer=WRITER
            ).id

    def hand_in(attempt_id: uuid.UUID) -> None:
        with work(shared) as db:
            services.hand_in(db, attempt_id, now=clock.now(), uptime=clock.uptime())

    first = at_once(50, start)
    hand_in(first[0])
    second = at_once(50, start)
    hand_in(second[0])
    third = at_once(50, start)

    assert (len(set(first)), len(set(second))) == (1, 1)
    assert {type(one) for one in third} == {AttemptsUsed}
    with shared.sessions() as db:
        assert db.scalar(sa.select(sa.func.count()).select_from(Attempt).where(Attempt.enrolment_id == enrolment_id)) == 2


def begun(shared: Database) -> tuple[uuid.UUID, str]:
    """An attempt, and a question of one choice in it."""
    with work(shared) as db:
        attempt = make_attempt(db)
        return attempt.id, next(one for one in attempt.draw if one.startswith("seal"))


def saving(shared: Database, attempt_id: uuid.UUID, question: str, key: str, option: str) -> services.Saved:
    """One save in a transaction of its own."""
    with work(shared) as db:
        return services.save_answer(
            db, attempt_id, question=question, response={"option": option}, revision=1, key=key, writer=WRITER,
            now=clock.now(), uptime=clock.uptime(),
        )  # fmt: skip


@pytest.mark.goal("DUR-06")
def test_the_same_save_from_many_threads_is_stored_once(shared):
    """A browser that repeats itself gets the same answer each time, whichever request comes first."""
    attempt_id, question = begun(shared)

    saved = at_once(100, lambda: saving(shared, attempt_id, question, "k1", "a"))

    assert len({(one.revision, one.at) for one in saved}) == 1
    with shared.sessions() as db:
        assert db.scalar(sa.select(sa.func.count()).select_from(Answer).where(Answer.attempt_id == attempt_id)) == 1


def test_one_key_with_two_bodies_at_once_stores_one_and_refuses_the_other(shared):
    attempt_id, question = begun(shared)
    options = iter("ab")

    got = at_once(2, lambda: saving(shared, attempt_id, question, "k1", next(options)))

    assert sorted(type(one).__name__ for one in got) == [KeyReused.__name__, services.Saved.__name__]


@pytest.mark.goal("DUR-07")
def test_saves_and_the_hand_in_at_once_leave_no_answer_that_was_acknowledged_and_not_marked(shared):
    """Whatever answer was acknowledged before the end is in the marks; what came later was refused."""
    attempt_id, question = begun(shared)
    keys = iter(range(100))

    def one() -> Any:
        n = next(keys)
        if n == 5:
            with work(shared) as db:
                return services.hand_in(db, attempt_id, now=clock.now(), uptime=clock.uptime()).receipt
        with work(shared) as db:
            return services.save_answer(
                db, attempt_id, question=question, response={"option": "b"}, revision=n + 1, key=f"k{n}", writer=WRITER,
                now=clock.now(), uptime=clock.uptime(),
            )  # fmt: skip

    got = at_once(12, one)

    acknowledged = [saved for saved in got if isinstance(saved, services.Saved)]
    with shared.sessions() as db:
        assert db.scalar(sa.select(sa.func.count()).select_from(Answer).where(Answer.attempt_id == attempt_id)) == len(acknowledged)
        assert queries.marks_of(db, attempt_id)[question].answered is bool(acknowledged)


@pytest.mark.goal("DUR-07")
def test_a_save_that_meets_a_held_lock_waits_or_says_busy_and_never_lies(own_database, monkeypatch):
    """Held too long, the answer is refused as busy and nothing is stored; released in time, it is stored."""
    monkeypatch.setattr(database_module, "LOCK_WAIT_SECONDS", 0.3)
    attempt_id, question = begun(own_database)
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with work(own_database):
            held.set()
            release.wait(5)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(5)
    with pytest.raises(Busy):
        saving(own_database, attempt_id, question, "k1", "a")
    threading.Timer(0.1, release.set).start()
    saved = saving(own_database, attempt_id, question, "k1", "a")
    holder.join(5)

    assert saved.revision == 1
    with own_database.sessions() as db:
        assert [(one.question, one.revision) for one in queries.newest_answers(db, attempt_id).values()] == [(question, 1)]
