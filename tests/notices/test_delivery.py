"""Mails of the outbox: they leave when a person has pressed send, once, through a real mail server on loopback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from app import clock
from app.db import Database
from app.notices import delivery, outbox
from app.notices.models import Mail
from app.people.models import Person
from app.work import work
from config import Config
from tests.factories import make_office, make_person
from tests.notices.post_office import PostOffice, post_office
from tests.notices.rows import make_mail
from tests.people.signing import ByHand

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def later() -> Iterator[ByHand]:
    """A clock to be moved on."""
    with clock.using(ByHand(clock.now())) as later:
        yield later


@pytest.fixture
def office() -> Iterator[PostOffice]:
    """A mail server."""
    with post_office() as office:
        yield office


def settings_for(office: PostOffice, config: Config) -> Config:
    """The node's settings with this mail server."""
    return replace(config, MAIL_HOST="127.0.0.1", MAIL_PORT=office.port, MAIL_TLS="none", MAIL_FROM="training@border.example")


@pytest.fixture
def config(settings: Config, office: PostOffice) -> Config:
    """Settings of a node that sends mail to it."""
    return settings_for(office, settings)


def pressed(database: Database, n: int = 1, press: bool = True) -> list[uuid.UUID]:
    """Mails of one batch to n people, on which somebody has pressed send."""
    with work(database) as db:
        place = make_office(db)
        planner, batch = make_person(db, place), uuid.uuid4()
        people = [make_person(db, place, family="Бекова", given=f"Айгерим {i}", email=f"p{i}@border.example") for i in range(n)]
        ids = [make_mail(db, one, place, batch=batch).id for one in people]
        if press:
            outbox.press_send(db, batch, by=planner.id, now=clock.now())
        return ids


def states(database: Database, ids: list[uuid.UUID]) -> list[tuple[str, int, str]]:
    """State, tries and error of each mail."""
    with database.sessions() as db:
        rows = {mail.id: mail for mail in db.scalars(sa.select(Mail).where(Mail.id.in_(ids)))}
        return [(rows[id].state, rows[id].tries, rows[id].error) for id in ids]


@pytest.mark.goal("SCH-12")
def test_nothing_is_sent_before_a_person_presses_send(own_database: Database, config: Config, office: PostOffice) -> None:
    """A mail that waits stays in the outbox however often the job looks; pressed, it leaves once and is noted as sent."""
    ids = pressed(own_database, press=False)
    assert delivery.deliver(own_database, config) == 0
    assert office.taken == []

    with work(own_database) as db:
        mail = db.get_one(Mail, ids[0])
        outbox.press_send(db, mail.batch, by=mail.person_id, now=clock.now())
    assert (delivery.deliver(own_database, config), delivery.deliver(own_database, config)) == (1, 0)

    assert len(office.taken) == 1
    assert states(own_database, ids) == [("sent", 1, "")]


@pytest.mark.goal("SCH-12")
def test_the_mail_arrives_as_it_was_written(own_database: Database, config: Config, office: PostOffice) -> None:
    """Names, subject and text in Cyrillic arrive whole, as plain text from the address of the settings."""
    pressed(own_database)

    delivery.deliver(own_database, config)

    (message,) = office.taken
    assert message["From"].addresses[0].addr_spec == "training@border.example"
    assert (message["To"].addresses[0].display_name, office.addressed) == ("Бекова Айгерим 0", ["p0@border.example"])
    assert message["Subject"] == "Досмотр автомобилей"
    assert message.get_content_type() == "text/plain"
    assert message.get_content().splitlines() == ["Добрый день!"]
    assert message["Auto-Submitted"] == "auto-generated"


def test_an_address_refused_for_good_fails_with_the_servers_words(own_database: Database, config: Config, office: PostOffice) -> None:
    """One unknown address fails with what the server said, and keeps the others from nothing."""
    office.answer_recipient = lambda address: "550 5.1.1 No such mailbox" if address.startswith("p1@") else "250 OK"
    ids = pressed(own_database, 3)

    delivery.deliver(own_database, config)

    assert states(own_database, ids) == [("sent", 1, ""), ("failed", 1, "550 5.1.1 No such mailbox"), ("sent", 1, "")]


def test_a_failed_mail_can_be_tried_again_to_the_address_of_today(own_database: Database, config: Config, office: PostOffice) -> None:
    """After the address was put right, "again" sends what had failed."""
    office.answer_recipient = lambda address: "250 OK" if address == "new@border.example" else "550 5.1.1 No such mailbox"
    ids = pressed(own_database)
    delivery.deliver(own_database, config)
    with work(own_database) as db:
        mail = db.get_one(Mail, ids[0])
        db.get_one(Person, mail.person_id).email = "new@border.example"
        db.flush()
        outbox.again(db, mail.batch, by=mail.person_id, now=clock.now())

    delivery.deliver(own_database, config)

    assert states(own_database, ids) == [("sent", 1, "")]
    assert office.addressed == ["new@border.example"]


def test_a_server_that_says_later_is_asked_again_later(own_database: Database, config: Config, office: PostOffice, later: ByHand) -> None:
    """A temporary refusal leaves the mail in its place, with the words, until its next try; then it goes."""
    office.answer_data = lambda _message: "451 4.3.2 Try later"
    ids = pressed(own_database)
    delivery.deliver(own_database, config)
    assert states(own_database, ids) == [("pressed", 1, "451 4.3.2 Try later")]
    office.answer_data = lambda _message: "250 OK"
    assert delivery.deliver(own_database, config) == 0  # not yet

    later.at += timedelta(minutes=1)
    delivery.deliver(own_database, config)

    assert states(own_database, ids) == [("sent", 2, "")]


def test_a_server_that_hangs_up_in_the_middle_loses_nothing(own_database: Database, config: Config, office: PostOffice, later: ByHand) -> None:
    """When the line breaks in the second of three mails, each of them arrives exactly once in the end."""
    office.hang_up_on = lambda address: address.startswith("p1@")
    ids = pressed(own_database, 3)
    delivery.deliver(own_database, config)
    assert [state for state, *_ in states(own_database, ids)] == ["sent", "pressed", "pressed"]
    office.hang_up_on = lambda _address: False

    later.at += timedelta(minutes=1)
    delivery.deliver(own_database, config)

    assert [state for state, *_ in states(own_database, ids)] == ["sent", "sent", "sent"]
    assert sorted(office.addressed) == ["p0@border.example", "p1@border.example", "p2@border.example"]


def test_no_server_means_later_and_after_many_tries_failed(own_database: Database, config: Config, later: ByHand) -> None:
    """A server that is not there is tried for about a day and a half, then the outbox shows a failure with the reason."""
    nowhere = replace(config, MAIL_PORT=1)
    ids = pressed(own_database)
    started, tried = later.at, 0
    while states(own_database, ids)[0][0] == "pressed":
        delivery.deliver(own_database, nowhere)
        tried += 1
        with own_database.sessions() as db:
            later.at = db.get_one(Mail, ids[0]).due_at or later.at

    ((state, tries, error),) = states(own_database, ids)
    assert (state, tries, tried) == ("failed", 12, 12)
    assert "refused" in error
    assert timedelta(hours=24) < later.at - started < timedelta(hours=48)


def test_an_address_that_cannot_be_written_fails_and_the_next_goes(own_database: Database, config: Config, office: PostOffice) -> None:
    """An address that no mail can be made for fails by itself."""
    ids = pressed(own_database, 2)
    with work(own_database) as db:
        db.get_one(Mail, ids[0]).address = "кто-то@почта.рф"

    delivery.deliver(own_database, config)

    assert [state for state, *_ in states(own_database, ids)] == ["failed", "sent"]


KILLED_CHILD = """
import sys
from app.notices import delivery
from config import Config
from app.db import Database, make_engine
database = Database(make_engine(sys.argv[1]), "test")
config = Config(NODE="test", INSTANCE=sys.argv[2], MAIL_HOST="127.0.0.1", MAIL_PORT=int(sys.argv[3]), MAIL_TLS="none", MAIL_FROM="t@border.example")
print("ready", flush=True)
delivery.deliver(database, config)
print("over", flush=True)
"""


@pytest.mark.goal("SCH-12")
def test_a_killed_job_process_loses_no_mail_and_keeps_its_message_id(own_database: Database, config: Config, office: PostOffice, later: ByHand) -> None:
    """Killed between the server's taking and our note, the mail goes once more under the same Message-ID; then it is sent and stays so."""
    ids = pressed(own_database)
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED_CHILD, str(own_database.engine.url), config.INSTANCE, str(office.port)], cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )
    killed = threading.Event()

    def kill() -> None:
        if not killed.is_set():
            os.kill(child.pid, signal.SIGKILL)
            child.wait()
            killed.set()

    office.after_taking = kill
    out, _ = child.communicate(timeout=60)
    assert (out.split(), child.returncode) == (["ready"], -signal.SIGKILL)
    assert states(own_database, ids) == [("pressed", 1, "")]
    assert delivery.deliver(own_database, config) == 0  # its next try is not yet due

    later.at += timedelta(minutes=2)  # its own clock ran on meanwhile
    assert (delivery.deliver(own_database, config), delivery.deliver(own_database, config)) == (1, 0)

    assert states(own_database, ids) == [("sent", 2, "")]
    first, second = office.taken
    assert first["Message-ID"] == second["Message-ID"]


def test_sending_stops_when_told(own_database: Database, config: Config, office: PostOffice) -> None:
    """The thread ends between two mails, and what was not sent still waits for its turn."""
    ids = pressed(own_database, 3)

    delivery.deliver(own_database, config, stopped=lambda: len(office.taken) == 1)

    assert [state for state, *_ in states(own_database, ids)] == ["sent", "pressed", "pressed"]


def test_the_thread_of_the_job_process_sends_until_it_is_stopped(own_database: Database, config: Config, office: PostOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is pressed leaves by itself; a node without a mail server has nothing to do and ends at once."""
    delivery.serve(own_database, replace(config, MAIL_HOST=""), threading.Event())
    ids, stop = pressed(own_database), threading.Event()
    monkeypatch.setattr(delivery, "EVERY", 0.01)
    arrived = threading.Event()
    office.after_taking = arrived.set
    thread = threading.Thread(target=delivery.serve, args=(own_database, config, stop))
    thread.start()

    came = arrived.wait(30)
    stop.set()
    thread.join(30)

    assert came
    assert not thread.is_alive()
    assert states(own_database, ids) == [("sent", 1, "")]
