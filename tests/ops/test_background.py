"""Work in the background: asked for in a page, done piece by piece, stopped, cut off and taken up again."""

from __future__ import annotations

import io
import threading
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader
from sqlalchemy.orm import Session

from app import background as table
from app import clock, lists
from app.certificates import printing_job
from app.db import Database
from app.errors import Conflict, say
from app.ops import background
from app.ops.background import Kind, Task
from app.ops.models import BackgroundJob
from app.people import staff_import
from app.people.models import Person
from app.policy import Role
from config import Config
from tests import factories
from tests.certificates import rows
from tests.people.rows import make_centre, take_in

ClientOf = Callable[[Person], FlaskClient]


def asked(database: Database, kind: str = "count", person_id: uuid.UUID | None = None, **params: object) -> uuid.UUID:
    """A job in the queue."""
    with database.sessions() as db:
        job = background.ask(db, kind=kind, params=params, person_id=person_id, language="en", now=clock.now())
        db.commit()
        return job.id


def job_of(database: Database, job_id: uuid.UUID) -> BackgroundJob:
    """A job as it stands now."""
    with database.sessions() as db:
        return db.get_one(BackgroundJob, job_id)


def kinds(run: Callable[[Task], None]) -> dict[str, Kind]:
    """A table with one kind."""
    return {"count": Kind(say("job", "Count"), {}, run)}


@pytest.mark.goal("XCT-11")
def test_a_job_cut_off_goes_on_where_it_was(database: Database, tmp_path: Path) -> None:
    """A job whose process dies is taken up again behind its last stored piece: no piece is lost, none is done twice."""
    pieces: list[int] = []
    cut = [True, False]

    def count(task: Task) -> None:
        task.step("storing", 5)
        for piece in range(task.stored, 5):
            if piece == 3 and cut.pop(0):
                raise KeyboardInterrupt  # the process is killed: nothing below is reached
            with task.chunk(1):
                pieces.append(piece)

    job_id = asked(database)
    with pytest.raises(KeyboardInterrupt):
        background.run_next(database, tmp_path, kinds(count))
    left = job_of(database, job_id)

    taken_up = background.take_up_what_was_left(database)
    background.run_next(database, tmp_path, kinds(count))
    done = job_of(database, job_id)

    assert (left.state, left.stored, taken_up) == ("running", 3, 1)
    assert (done.state, done.stored, pieces) == ("done", 5, [0, 1, 2, 3, 4])


@pytest.mark.goal("XCT-11")
def test_stop_really_stops(database: Database, tmp_path: Path) -> None:
    """A running job that is told to stop stores no further piece; one that waits does not begin."""
    job_id = asked(database)

    def count(task: Task) -> None:
        for piece in range(5):
            with task.chunk(1):
                pass
            if piece == 1:
                with database.sessions() as db:
                    background.stop(db, job_id, now=clock.now())
                    db.commit()

    background.run_next(database, tmp_path, kinds(count))
    second = asked(database)
    with database.sessions() as db:
        background.stop(db, second, now=clock.now())
        db.commit()

    assert (job_of(database, job_id).state, job_of(database, job_id).stored) == ("cancelled", 2)
    assert (job_of(database, second).state, background.run_next(database, tmp_path, kinds(count))) == ("cancelled", False)


@pytest.mark.goal("XCT-11")
def test_a_job_that_fails_says_why_and_the_queue_goes_on(database: Database, tmp_path: Path) -> None:
    """A refusal is a sentence in the job's log, a fault of the program a reference; the next job is done all the same."""

    def refuse(task: Task) -> None:
        if task.params["how"] == "refused":
            raise Conflict(say("import", "The file is no longer here. Choose it again."))
        raise ZeroDivisionError

    first, second = asked(database, how="refused"), asked(database, how="broken")

    while background.run_next(database, tmp_path, kinds(refuse)):
        pass

    said = [[background.message(line).text for line in job_of(database, one).log] for one in (first, second)]
    assert said == [
        ["The file is no longer here. Choose it again."], ["Something went wrong on the server. It has been noted under {reference}."],
    ]
    assert {job_of(database, one).state for one in (first, second)} == {"failed"}


def test_what_is_asked_for_without_end_is_refused(database: Database) -> None:
    """Twenty jobs of one person may wait; the next is refused with a sentence."""
    for _ in range(background.MOST_WAITING):
        asked(database)

    with pytest.raises(background.TooManyWaiting):
        asked(database)


@given(done=st.integers(0, 1000), total=st.integers(1, 1000), seconds=st.integers(1, 10_000))
def test_the_estimate_comes_after_a_twentieth(done: int, total: int, seconds: int) -> None:
    """No estimate before 5 %; then it is what is left at the pace so far."""
    now = clock.now()
    job = BackgroundJob(
        kind="count", person_id=None, params={}, language="en", state="running", done=min(done, total), total=total, made_at=now,
        started_at=now - timedelta(seconds=seconds),
    )

    left = background.seconds_left(job, now)

    if min(done, total) * 20 < total:
        assert left is None
    else:
        assert left == pytest.approx(seconds * (total - min(done, total)) / min(done, total), abs=1)


@pytest.mark.goal("PPL-05", "XCT-11")
def test_a_long_staff_list_is_taken_over_as_a_job(db: Session, database: Database, client_of: ClientOf, settings: Config) -> None:
    """A staff list of many rows becomes a job with progress; its good rows are taken over, the bad ones named, others see nothing of it."""
    office = make_centre(db)
    planner = take_in(db, office, "Яхонтова", "Яна", number="00900")
    factories.give_role(db, planner, Role.TRAINING_OFFICER, office)
    other = take_in(db, office, "Омаров", "Нурлан", number="00901")
    factories.give_role(db, other, Role.TRAINING_OFFICER, office)
    client = client_of(planner)
    rows = "".join(f"{n:05};Бекова;Айгерим;KZ\r\n" for n in range(1000, 1000 + staff_import.AT_ONCE + 20))
    listed = "Личный номер;Фамилия;Имя;Подразделение\r\n" + rows + "01999;Сатова;Сауле;Нигде\r\n"
    sent = client.post("/people/import", data={"file": (io.BytesIO(listed.encode()), "staff.csv")}, content_type="multipart/form-data")
    client.post(f"{sent.location}/reading", data={"encoding": "utf-8", "separator": "semicolon", "since": "2026-11-01"})

    answer = client.post(f"{sent.location}/take")
    waiting = client.get(answer.location).text
    part = client.get(f"{answer.location}?part=1").text
    background.run_next(database, settings.folder, table.KINDS)
    ready = client.get(answer.location).text
    mine, foreign = client.get("/jobs").text, client_of(other).get(answer.location)

    taken = db.scalar(sa.select(sa.func.count()).where(Person.display_name == "Бекова Айгерим"))
    assert (answer.status_code, "It begins in a moment" in waiting or "job process" in waiting, "data-moving" in part) == (303, True, True)
    assert (taken, "added, 0 changed. Rows that could not be taken: 1." in ready) == (staff_import.AT_ONCE + 20, True)
    assert ("Staff list staff.csv" in mine, foreign.status_code) == (True, 404)


@pytest.mark.goal("XCT-11")
def test_the_page_reloads_by_itself_without_script(db: Session, database: Database, client_of: ClientOf) -> None:
    """While a job moves, its page reloads without script; when it is over, it stands still and can be taken up again if it failed."""
    planner = factories.make_staff(db, Role.TRAINING_OFFICER)
    client = client_of(planner)
    job_id = asked(database, person_id=planner.id, name="x")

    moving = client.get(f"/jobs/{job_id}").text
    client.post(f"/jobs/{job_id}/stop")
    still = client.get(f"/jobs/{job_id}").text
    client.post(f"/jobs/{job_id}/again")

    assert ('<noscript><meta http-equiv="refresh" content="2"></noscript>' in moving, "http-equiv" in still) == (True, False)
    assert ("Take it up again" in still, job_of(database, job_id).state) == (True, "waiting")


def test_the_job_process_does_background_work(own_database: Database, tmp_path: Path) -> None:
    """The thread of the job process finds what waits and ends when it is told to."""
    job_id = asked(own_database, kind="unheard-of")
    stop = threading.Event()
    config = Config(NODE="test", INSTANCE=str(tmp_path), SECRET_KEY="k" * 40, PEPPER="p" * 40)
    worker = threading.Thread(target=table.serve, args=(own_database, config, stop))
    worker.start()
    for _ in range(200):
        if job_of(own_database, job_id).state != "waiting" and job_of(own_database, job_id).ended_at:
            break
        stop.wait(0.1)
    stop.set()
    worker.join(10)

    assert (job_of(own_database, job_id).state, worker.is_alive()) == ("failed", False)


@pytest.mark.goal("XCT-11")
def test_a_long_list_as_a_file_is_made_in_the_background(
    db: Session, database: Database, client_of: ClientOf, app: Flask, settings: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list longer than the limit becomes a job; its file has the rows that its person may see, and is his alone."""
    monkeypatch.setattr(lists, "LONG", 2)
    office, foreign = make_centre(db), make_centre(db, code="KG")
    planner = take_in(db, office, "Яхонтова", "Яна", number="00900")
    factories.give_role(db, planner, Role.TRAINING_OFFICER, office)
    for number in ("00901", "00902"):
        take_in(db, office, "Омаров", "Нурлан", number=number)
    take_in(db, foreign, "Чужой", "Пётр", number="00903")
    client = client_of(planner)

    answer = client.get("/people?as=csv")
    with app.app_context():
        background.run_next(database, settings.folder, table.KINDS)
    page = client.get(answer.location).text
    made = client.get(f"{answer.location}/file")

    assert (answer.status_code, "Open " in page) == (303, True)
    assert (made.text.count("Омаров"), "Чужой" in made.text, made.headers["Content-Type"]) == (2, False, "text/csv; charset=utf-8")


@pytest.mark.goal("XCT-11")
def test_certificates_of_a_long_run_are_printed_in_the_background(
    db: Session, database: Database, client_of: ClientOf, app: Flask, settings: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long run is printed a few sheets at a time; the file has every sheet in order and the page of the register."""
    monkeypatch.setattr(printing_job, "MANY", 1)
    monkeypatch.setattr(printing_job, "AT_ONCE", 2)
    office = make_centre(db)
    run = rows.make_ended_run(db, office, people=6)
    rows.make_block(db, office)
    issued = [one.number for one in rows.issue(db, run, settings.folder)]
    manager = take_in(db, office, "Яхонтова", "Яна", number="00900")
    factories.give_role(db, manager, Role.CLASS_MANAGER, office)
    client = client_of(manager)

    page = client.get(f"/runs/{run.code}/certificates").text
    answer = client.post(f"/runs/{run.code}/certificates/print")
    with app.app_context():
        background.run_next(database, settings.folder, table.KINDS)
    made = client.get(f"{answer.location}/file").data

    texts = [sheet.extract_text() for sheet in PdfReader(io.BytesIO(made)).pages]
    assert ("certificates/print" in page, answer.status_code, len(texts)) == (True, 303, len(issued) + 1)
    assert [number in text for number, text in zip(issued, texts, strict=False)] == [True] * len(issued)
    assert all(number in texts[-1] for number in issued)
