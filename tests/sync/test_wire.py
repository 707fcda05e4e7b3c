"""The exchange over a line: few requests, little sent twice whatever the line does, and nobody listened to who cannot sign."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import json
import os
import secrets
import shutil
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from app import background, cli, clock, open_database
from app.errors import BadBundle, DomainError
from app.offices.models import Country, Office
from app.ops import migrations
from app.sync import answering, connection, contact, envelope, exchange, keys, room, staging, wire, wish
from app.sync.connection import NoLine, SaidNo, Wire
from app.sync.models import AuditEvent, Exchange, Node, StoredReceipt
from app.sync.staging import UnderWay
from app.sync.wire import Stopped
from app.work import work
from config import Config
from tests import postgres
from tests.chaos.room import ROOT, free_port, start_web, wait_until_up
from tests.factories import make_office
from tests.sync import class_life
from tests.sync.line import leads_to, poor_line, served, speak, staged
from tests.sync.nodes import NOW, Installation, centre_and_class, copy_rows, install, make_nodes, office_of

KIB = 1024
OF_A_REQUEST = 400  # bytes of a request beside what it carries


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[list[Installation]]:
    """A centre and a class server that have joined."""
    with centre_and_class(tmp_path) as found:
        yield found


@pytest.fixture
def url(nodes: list[Installation]) -> Iterator[str]:
    """The centre answers there, and the class server knows it."""
    with served(*nodes) as address:
        yield address


def happen(node: Installation, events: int, *, size: int = 100) -> None:
    """So many facts with so many bytes each that no compression makes much smaller than half."""
    with work(node.database) as db:
        for n in range(events):
            db.add(AuditEvent(at=NOW, actor_id=None, what="happened", about=str(n), detail={"noise": secrets.token_hex(size // 2)}))
        db.flush()


def happened(node: Installation) -> int:
    """How many of them a node holds."""
    with node.database.sessions() as db:
        return db.scalar(sa.select(sa.func.count()).select_from(AuditEvent).where(AuditEvent.what == "happened")) or 0


def exchanges(node: Installation) -> list[tuple[str, str]]:
    """What the node has written down: direction and state."""
    with node.database.sessions() as db:
        return [(row.direction, row.state) for row in db.scalars(sa.select(Exchange).order_by(Exchange.place))]


def line_of(node: Installation) -> contact.Line:
    """How the line stands, as the class server knows it."""
    with node.database.sessions() as db:
        return contact.line_to(db, "centre")


# ---- few requests ------------------------------------------------------------------------------------------------------


@pytest.mark.goal("PRF-07", "NET-16")
def test_nothing_changed_is_one_request(nodes: list[Installation], url: str) -> None:
    """Once both sides have everything: one request of some two kilobytes, and however often, one line about it."""
    centre, first = nodes
    speak(first)
    before = len(exchanges(first))

    reports = [speak(first) for _ in range(3)]

    assert [(r.requests, r.nothing) for r in reports] == [(1, True)] * 3
    assert reports[-1].bytes_out + reports[-1].bytes_in < 4 * KIB
    assert len(exchanges(first)) <= before + 1
    assert exchanges(first)[-1] == ("in", "nothing") == exchanges(centre)[-1]


@pytest.mark.goal("PRF-07")
def test_a_hundred_changes_ride_along_with_one_request(nodes: list[Installation], url: str) -> None:
    """They travel inside the hello, are taken before its answer, and the answer holds the receipt."""
    centre, first = nodes
    speak(first)
    happen(first, 100)

    report = speak(first)

    assert (report.requests, report.entries, happened(centre)) == (1, 100, 100)
    with first.database.sessions() as db:
        receipt = db.scalars(sa.select(StoredReceipt).where(StoredReceipt.by == "centre", StoredReceipt.holds)).one()
    assert receipt.statement["new"] == 100
    assert ("out", "sent") in exchanges(first)
    assert ("in", "taken") in exchanges(centre)


@pytest.mark.goal("PRF-07")
def test_ten_thousand_records_are_a_few_requests_and_under_a_megabyte_and_a_half(nodes: list[Installation], url: str) -> None:
    """The first exchange of a class: people, attempts, answers and marks."""
    centre, first = nodes
    class_life.plan(centre, [first])
    rows = class_life.live(first, 10_000)

    report = speak(first)

    assert report.entries >= rows
    assert report.bytes_out + report.bytes_in <= 1_500_000
    assert report.requests <= 12
    assert speak(first).nothing


@pytest.mark.goal("NET-05")
def test_what_the_centre_changed_comes_down_and_is_receipted_at_once(nodes: list[Installation], url: str) -> None:
    """A small bundle stands behind the answer; the class server's receipt is at the centre when the exchange ends."""
    centre, first = nodes
    speak(first)
    with work(centre.database) as db:
        db.get_one(Office, office_of(centre)).names = {"en": "Renamed"}

    report = speak(first)

    with first.database.sessions() as db:
        assert db.get_one(Office, office_of(first)).names == {"en": "Renamed"}
    assert len(report.taken) == 1
    with centre.database.sessions() as db:
        receipt = db.scalars(sa.select(StoredReceipt).where(StoredReceipt.by == "class-1", StoredReceipt.holds)).one()
    assert receipt.statement["bundle"] == report.taken[0].bundle
    assert ("out", "sent") in exchanges(centre)
    assert staged(centre) == staged(first) == []


# ---- a poor line -------------------------------------------------------------------------------------------------------


@pytest.mark.goal("NET-16")
def test_a_line_that_is_cut_again_and_again_carries_little_twice(nodes: list[Installation], monkeypatch: pytest.MonkeyPatch) -> None:
    """Three megabytes over a line that breaks every 200 kilobytes: all arrives, at most 5 % of the bytes are sent twice."""
    centre, first = nodes
    monkeypatch.setattr(answering, "AT_ONCE", 1 << 30)
    happen(first, 60, size=100 * KIB)
    with served(centre) as url, poor_line(url, cut_every=200 * KIB) as line:
        for node in nodes:
            leads_to(node, line.url)
        size, requests = _until_over(first)

    assert happened(centre) == 60
    assert size > 2_500 * KIB
    assert line.cuts >= size // (260 * KIB)
    assert line.up - requests * OF_A_REQUEST <= size * 1.05
    assert staged(centre) == staged(first) == []


def _until_over(node: Installation, tries: int = 40) -> tuple[int, int]:
    """Exchange as the job does, again after each failure; gives the size of the bundles and the number of requests."""
    requests = 0
    for _ in range(tries):
        try:
            requests += (report := speak(node)).requests
        except DomainError:
            requests += 5
            continue
        if report.nothing:
            break
    with node.database.sessions() as db:
        size = db.scalar(sa.select(sa.func.sum(Exchange.size)).where(Exchange.direction == "out", Exchange.state == "sent"))
    return size or 0, requests


@pytest.mark.goal("NET-16")
def test_what_is_owed_goes_in_bundles_that_are_receipted_one_by_one(nodes: list[Installation], monkeypatch: pytest.MonkeyPatch) -> None:
    """The line dies under the second bundle: the first is at the centre for good, and the next try sends only what is left of the rest."""
    centre, first = nodes
    monkeypatch.setattr(wire, "AT_MOST", 700 * KIB)  # more than may ride along inside a hello
    for _ in range(8):
        happen(first, 4, size=100 * KIB)
        first.seal()
    with served(centre) as url, poor_line(url, rate=1_500 * KIB) as line:
        for node in nodes:
            leads_to(node, line.url)
        worker = threading.Thread(target=_fails, args=(first,))
        worker.start()
        line.wait_for(up=1_100 * KIB)
        line.dead = True
        line.cut()
        worker.join(30)
        there, half = happened(centre), staging.of(centre.config.folder, "class-1").arriving.part()
        line.dead, line.rate = False, 0

        report = speak(first)

    assert half is not None
    assert there == 12
    assert 0 < half.offset < half.size <= 700 * KIB
    assert happened(centre) == 32
    assert report.bytes_out <= (32 - there) * 52 * KIB - half.offset + 30 * KIB
    with first.database.sessions() as db:
        sent = db.scalars(sa.select(Exchange.size).where(Exchange.direction == "out", Exchange.state == "sent")).all()
    assert len(sent) >= 3
    assert max(sent) <= 700 * KIB


def _fails(node: Installation) -> None:
    with contextlib.suppress(DomainError):
        speak(node)


@pytest.mark.goal("NET-16")
def test_what_comes_down_goes_on_where_it_was_cut(nodes: list[Installation]) -> None:
    """A large snapshot over the same line: each byte comes once, but for what was in the wire at a cut."""
    centre, first = nodes
    with work(centre.database) as db:
        country = db.scalars(sa.select(Country)).one()
        for _ in range(200):
            make_office(db, country=country).names = {"en": secrets.token_hex(5 * KIB)}
    with served(centre) as url, poor_line(url, cut_every=150 * KIB) as line:
        for node in nodes:
            leads_to(node, line.url)
        _until_over(first)

    with first.database.sessions() as db:
        assert db.scalar(sa.select(sa.func.count()).select_from(Office)) == 201
    with centre.database.sessions() as db:
        size = db.scalar(sa.select(sa.func.sum(Exchange.size)).where(Exchange.direction == "out", Exchange.state == "sent"))
    assert line.cuts >= 5
    assert size > 900 * KIB
    assert line.down <= size * 1.05 + 40 * KIB


@pytest.mark.goal("NET-16")
def test_a_killed_client_goes_on_where_it_was(nodes: list[Installation]) -> None:
    """`sabaq sync now` is killed in the middle of an upload: the next one sends only what is missing."""
    centre, first = nodes
    happen(first, 16, size=100 * KIB)
    with served(centre) as url, poor_line(url, rate=1_500 * KIB) as line:
        for node in nodes:
            leads_to(node, line.url)
        process = _sync_now(first)
        line.wait_for(up=400 * KIB)
        process.kill()
        process.wait(10)
        half = staging.of(centre.config.folder, "class-1").arriving.part()
        assert half is not None
        assert 100 * KIB < half.offset < half.size
        line.rate = 0

        report = speak(first)

    assert happened(centre) == 16
    assert report.bytes_out <= half.size - half.offset + 20 * KIB


def _sync_now(node: Installation) -> subprocess.Popen[bytes]:
    own = {f"SABAQ_{name}": str(getattr(node.config, name)) for name in ("NODE", "ROLE", "INSTANCE", "SECRET_KEY", "PEPPER")}
    return subprocess.Popen([sys.executable, "-m", "app.cli", "sync", "now", "--json"], cwd=ROOT, env={**os.environ, **own}, stdout=subprocess.DEVNULL)


@pytest.mark.goal("NET-16")
def test_a_centre_that_is_killed_keeps_what_has_arrived(nodes: list[Installation]) -> None:
    """The centre's process dies in the middle of an upload and is started again: the bundle goes on, and is taken once."""
    centre, first = nodes
    happen(first, 16, size=100 * KIB)
    port = free_port()
    centre.database.engine.dispose()
    process = start_web(centre.config, port)
    try:
        wait_until_up(port, process)
        with poor_line(f"http://127.0.0.1:{port}", rate=1_500 * KIB) as line:
            for node in nodes:
                leads_to(node, line.url)
            sending = threading.Thread(target=_ignoring_no_line, args=(first,))
            sending.start()
            line.wait_for(up=400 * KIB)
            process.kill()
            process.wait(10)
            sending.join(60)
            half = staging.of(centre.config.folder, "class-1").arriving.part()
            assert half is not None
            assert half.offset > 100 * KIB
            process = start_web(centre.config, port)
            wait_until_up(port, process)
            line.rate = 0

            report = speak(first)
    finally:
        process.kill()
        process.wait(10)

    assert happened(centre) == 16
    assert report.bytes_out <= half.size - half.offset + 20 * KIB


def _ignoring_no_line(node: Installation) -> None:
    with contextlib.suppress(NoLine):
        speak(node)


def test_a_stopped_job_process_leaves_at_once_and_loses_nothing(nodes: list[Installation], url: str) -> None:
    """Told to end between two pieces, it ends; the next process sends the rest, and does what a person has asked for meanwhile."""
    centre, first = nodes
    happen(first, 10, size=100 * KIB)
    wish.ask(staging.of(first.config.folder, "centre"), by="Dosova", now=NOW)
    pieces = []

    def told(seconds: float) -> bool:
        pieces.append(seconds)
        return len(pieces) > 3

    with pytest.raises(Stopped):
        wire.exchange_now(first.database, first.config, keys=first.keys, rest=told)
    part, waits = staging.of(centre.config.folder, "class-1").arriving.part(), wish.waits(first.config.folder)
    speak(first)

    assert (waits, wish.waits(first.config.folder)) == (True, False)
    assert part is not None
    assert 0 < part.offset < part.size
    assert happened(centre) == 10


def test_what_was_spoiled_on_the_way_is_sent_again(nodes: list[Installation], url: str) -> None:
    """A byte of what has arrived changes on the centre's disk: the whole is thrown away, sent again and taken."""
    centre, first = nodes
    happen(first, 10, size=100 * KIB)
    pieces: list[float] = []
    with pytest.raises(Stopped):
        wire.exchange_now(first.database, first.config, keys=first.keys, rest=lambda s: pieces.append(s) or len(pieces) > 3)
    arriving = staging.of(centre.config.folder, "class-1").arriving.path
    spoiled = bytearray(arriving.read_bytes())
    spoiled[len(spoiled) // 2] ^= 1
    arriving.write_bytes(spoiled)

    speak(first)

    assert happened(centre) == 10


def test_a_bundle_that_cannot_wait_for_an_answer_is_taken_by_the_job_process(
    nodes: list[Installation], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The centre says that it has all of it and is taking it; the class server asks again until the receipt is there."""
    centre, first = nodes
    monkeypatch.setattr(answering, "AT_ONCE", 1000)
    happen(first, 50)
    stop = threading.Event()
    worker = threading.Thread(target=background.serve, args=(centre.database, centre.config, stop), daemon=True)
    worker.start()
    try:
        report = wire.exchange_now(first.database, first.config, keys=first.keys, rest=lambda s: stop.wait(s))
    finally:
        stop.set()
        worker.join(10)

    assert happened(centre) == 50
    assert report.entries == 50
    assert report.said[0].text.startswith("Taken")


# ---- no line -------------------------------------------------------------------------------------------------------------


@pytest.mark.goal("NET-16")
def test_without_a_line_one_plain_sentence_says_since_when_and_when_next(nodes: list[Installation]) -> None:
    """Each try counts, the next one comes later; all of it is one row. When the line is back, the sentence says so."""
    centre, first = nodes
    leads_to(first, f"http://127.0.0.1:{free_port()}")
    waits = []
    for _ in range(4):
        with pytest.raises(NoLine):
            speak(first)
        found = line_of(first)
        assert found.next_at is not None
        waits.append(found.next_at - clock.now())

    assert found.tries == 4
    assert waits[0] < waits[-1] <= timedelta(minutes=30)
    assert exchanges(first) == [("out", "no-line")]
    assert wire.line_in_words(first.database, first.config).startswith("No line since ")
    assert "tried 4 times; next try " in wire.line_in_words(first.database, first.config)
    assert 0 < wire.seconds_until_next(first.database, first.config) <= 30 * 60

    with served(centre, first):
        speak(first)
    assert line_of(first).since is None
    assert wire.line_in_words(first.database, first.config).startswith("The line is there")
    assert wire.seconds_until_next(first.database, first.config) <= wire.EVERY


@pytest.mark.goal("NET-16")
def test_a_bundle_that_is_refused_here_is_not_fetched_again_every_few_seconds(
    nodes: list[Installation], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each try counts, whatever else was written down meanwhile, and the next one comes later; the sentence says that it failed."""
    _, first = nodes

    def refuses(*_: Any, **__: Any) -> None:
        exchange.note(first.database, peer="centre", direction="in", way="https", state="refused", now=clock.now())
        raise BadBundle("newer")

    monkeypatch.setattr(exchange, "take_bundle", refuses)
    for _try in range(3):
        with pytest.raises(BadBundle):
            speak(first)

    found = line_of(first)
    assert (found.tries, found.reached) == (3, True)
    assert found.next_at is not None
    assert found.next_at - clock.now() > timedelta(seconds=20)
    assert staged(first) == []


def test_the_job_exchanges_by_itself_and_stops_when_told(nodes: list[Installation], url: str) -> None:
    """A minute after the last contact it speaks again; a server that has not joined waits for that."""
    centre, first = nodes
    happen(first, 3)
    stop = threading.Event()
    worker = threading.Thread(target=wire.serve, args=(first.database, first.config, stop), daemon=True)
    worker.start()
    for _ in range(200):
        if happened(centre) == 3:
            break
        time.sleep(0.05)
    stop.set()
    worker.join(10)

    assert happened(centre) == 3
    assert not worker.is_alive()


def test_an_exchange_that_a_person_asks_for_begins_at_once(nodes: list[Installation], url: str) -> None:
    """The next one by itself is a minute away; asked for, it is done within seconds, and what came of it stands there."""
    centre, first = nodes
    speak(first)
    happen(first, 3)
    place, stop = staging.of(first.config.folder, "centre"), threading.Event()
    worker = threading.Thread(target=wire.serve, args=(first.database, first.config, stop), daemon=True)
    worker.start()
    wish.ask(place, by="Dosova", now=clock.now())
    found = _fulfilled(place)
    stop.set()
    worker.join(10)

    assert found is not None
    assert (found.good, found.by, happened(centre)) == (True, "Dosova", 3)
    assert [one.text for one in found.said] == ["Entries sent to the centre: {n}.", "The centre says: {said}"]
    assert not wish.waits(first.config.folder)


def _fulfilled(place: staging.Staging) -> wish.Wish | None:
    for _ in range(200):
        if (found := wish.of(place)) is not None and found.ended_at is not None:
            return found
        time.sleep(0.05)
    return None


def test_who_asks_for_an_exchange_without_a_line_reads_why_there_was_none(nodes: list[Installation]) -> None:
    """The wish is over with the plain sentence, and does not come round again by itself; asked again while it waits, it is one wish."""
    _, first = nodes
    leads_to(first, "http://127.0.0.1:9")
    place = staging.of(first.config.folder, "centre")
    wish.ask(place, by="Dosova", now=NOW)
    wish.ask(place, by="Bekov", now=NOW + timedelta(minutes=1))

    with pytest.raises(NoLine):
        speak(first)

    found = wish.of(place)
    assert found is not None
    assert (found.asked_at, found.by, found.good, [one.text for one in found.said]) == (NOW, "Dosova", False, [NoLine.message.text])
    assert not wish.waits(first.config.folder)


@pytest.mark.goal("NET-12")
def test_a_clock_that_was_set_back_does_not_stop_the_exchange(nodes: list[Installation], url: str) -> None:
    """The last contact lies years ahead of the clock: the next one is a minute away, not years."""
    _, first = nodes
    speak(first)

    with clock.using(Stands(NOW.replace(year=2000))):
        assert wire.seconds_until_next(first.database, first.config) <= wire.EVERY
    with clock.using(Stands(NOW.replace(year=2099))):
        assert wire.seconds_until_next(first.database, first.config) == 0


class Stands(clock.Clock):
    """A clock that stands."""

    def __init__(self, at: datetime) -> None:
        super().__init__()
        self.at = at

    def now(self) -> datetime:
        return self.at


def test_a_node_without_a_centre_says_so(nodes: list[Installation]) -> None:
    """A centre itself, and a class server whose list names no address."""
    centre, first = nodes

    for node in (centre, first):
        with pytest.raises(wire.NoCentre):
            speak(node)
    assert wire.seconds_until_next(first.database, first.config) > 0


# ---- who is listened to --------------------------------------------------------------------------------------------------


@contextmanager
def recorded(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    """The hellos that cross the wire."""
    found: list[bytes] = []
    real = envelope.pack

    def pack(statement: Any, own: Any, purpose: bytes, cargo: bytes = b"") -> bytes:
        data = real(statement, own, purpose, cargo)
        if purpose == envelope.HELLO:
            found.append(data)
        return data

    monkeypatch.setattr(envelope, "pack", pack)
    yield found
    monkeypatch.undo()


def post(centre: Installation, url: str, data: bytes) -> tuple[int, bytes]:
    """Send a hello as somebody who recorded or invented it."""
    line = Wire(url, node="class-1", centre=centre.code, keys=keys.make())
    try:
        return line._ask("POST", "/sync/hello", data, signed=False)
    finally:
        line.close()


def test_a_recorded_hello_makes_no_silent_server_look_alive(nodes: list[Installation], url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Said a second time it is only asked to be said anew, with a ticket that a recording cannot sign; nothing is written down."""
    centre, first = nodes
    speak(first)
    happen(first, 5)
    with recorded(monkeypatch) as hellos:
        speak(first)
    before = exchanges(centre)
    with centre.database.sessions() as db:
        seen = db.scalars(sa.select(Exchange.at).order_by(Exchange.place)).all()

    status, data = post(centre, url, hellos[-1])

    answer = envelope.statement(envelope.unpack(data), envelope.Answer)
    assert (status, answer.again, answer.brings) == (200, True, None)
    assert exchanges(centre) == before
    with centre.database.sessions() as db:
        assert db.scalars(sa.select(Exchange.at).order_by(Exchange.place)).all() == seen
    assert speak(first).requests == 1  # the recording has not used up the ticket


def test_an_unknown_server_and_a_wrong_signature_are_told_to_join(nodes: list[Installation], url: str) -> None:
    """401 with the same sentence, and nothing is kept."""
    centre, first = nodes
    stranger = dataclasses.replace(first, keys=keys.make())

    with pytest.raises(SaidNo, match="has to join first") as wrong_key:
        speak(stranger)
    with work(centre.database) as db:
        db.delete(db.scalars(sa.select(Node).where(Node.code == "class-1")).one())
    with pytest.raises(SaidNo, match="has to join first") as unknown:
        speak(first)

    assert wrong_key.value.status == unknown.value.status == 401
    assert exchanges(centre) == []
    assert not (centre.config.folder / "exchange").exists()
    assert line_of(first).reached
    assert wire.line_in_words(first.database, first.config).startswith("The exchange has failed since ")


def test_a_revoked_server_hears_that_and_which_keys_hold(nodes: list[Installation], url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The centre says it under its own signature; the class server asks no more than twice an hour, and nothing of it is taken."""
    centre, first = nodes
    speak(first)
    with work(centre.database) as db:
        db.scalars(sa.select(Node).where(Node.code == "class-1")).one().state = "revoked"
    happen(first, 5)
    with recorded(monkeypatch) as hellos, pytest.raises(wire.Revoked, match="was revoked at the centre"):
        speak(first)

    _, data = post(centre, url, hellos[-1])
    sealed = envelope.unpack(data)
    listed = envelope.statement(sealed, envelope.Answer).as_json()["nodes"]
    assert sealed.signed_by(centre.keys.public.sign, envelope.ANSWER)
    assert [(node["code"], node["state"]) for node in listed] == [("centre", "joined"), ("class-1", "revoked")]
    assert happened(centre) == 0
    assert wire.seconds_until_next(first.database, first.config) > 14 * 60
    with pytest.raises(SaidNo):
        Wire(url, node="class-1", centre="centre", keys=first.keys).offset("0" * 32)


def test_an_answer_that_the_centre_has_not_signed_is_not_believed(nodes: list[Installation], tmp_path: Path) -> None:
    """Another machine answers at the centre's address: nothing is taken, and the sentence says what to look at."""
    _, first = nodes
    with centre_and_class(tmp_path / "other") as (other, twin):
        with other.database.engine.connect().execution_options(writing=True) as connection, connection.begin():
            connection.execute(sa.update(Node.__table__).where(Node.code == "class-1").values(public_key=base64.b64encode(first.keys.public.sign).decode()))  # type: ignore[arg-type]
        with served(other, twin, first), pytest.raises(envelope.BadEnvelope, match="not signed with the centre's key"):
            speak(first)

    assert exchanges(first) == [("out", "refused")]


def test_a_hello_for_another_centre_is_refused(nodes: list[Installation], url: str) -> None:
    """The address leads to a centre of another name."""
    _, first = nodes
    line = Wire(url, node="class-1", centre="centre-2", keys=first.keys)
    said = envelope.Hello.model_validate({"v": 1, "from": "class-1", "to": "centre-2", "nonce": "0" * 32, "ticket": "", "statement": {}})

    with pytest.raises(SaidNo, match="This is centre, not centre-2"):
        line.hello(said, b"")


@pytest.mark.parametrize("data", [b"", b"{}", b"{}\n" + b"x" * 64, b"\xff" * 300, b'{"v":1}\n' + b"x" * 64])
def test_what_is_no_hello_is_refused_with_a_sentence(nodes: list[Installation], url: str, data: bytes) -> None:
    """Noise at the address of the exchange: 422, and what to look at."""
    status, answer = post(nodes[0], url, data)

    assert status == 422
    assert b"not how nodes of Sabaq speak" in answer


def test_a_hello_of_many_megabytes_is_not_even_read(nodes: list[Installation], url: str) -> None:
    """413 with a sentence; a piece of a bundle is a megabyte at most."""
    status, answer = post(nodes[0], url, b"x" * 3_000_000)

    assert status == 413
    assert b"too large" in answer


# ---- pieces ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def begun(nodes: list[Installation], url: str) -> Iterator[tuple[Wire, staging.Place]]:
    """A bundle of 1,000 bytes is announced, 100 are there."""
    centre, first = nodes
    place = staging.of(centre.config.folder, "class-1").arriving
    place.expect("a" * 32, 1000, "0" * 64)
    line = Wire(url, node="class-1", centre="centre", keys=first.keys)
    assert line.put("a" * 32, 0, b"x" * 100) == 100
    yield line, place
    line.close()


def test_a_piece_at_another_place_is_told_where_to_go_on(begun: tuple[Wire, staging.Place]) -> None:
    """The same piece again, or one from too far ahead: nothing is kept of it, the reply says where the next one begins."""
    line, place = begun

    assert line.put("a" * 32, 0, b"x" * 100) == 100
    assert line.put("a" * 32, 500, b"x" * 100) == 100
    assert line.offset("a" * 32) == 100
    assert place.path.read_bytes() == b"x" * 100


def test_more_than_was_announced_is_not_kept(begun: tuple[Wire, staging.Place]) -> None:
    """A piece that reaches beyond the size of the bundle."""
    line, place = begun

    with pytest.raises(SaidNo, match="More was sent than was announced"):
        line.put("a" * 32, 100, b"x" * 901)
    assert place.path.stat().st_size == 100


def test_a_piece_of_a_bundle_that_nobody_announced_is_refused(begun: tuple[Wire, staging.Place]) -> None:
    """Another bundle's id, up or down."""
    line, _ = begun
    for ask in (lambda: line.put("b" * 32, 0, b"x"), lambda: line.offset("b" * 32)):
        with pytest.raises(SaidNo, match="not expected here any more"):
            ask()
    with pytest.raises(SaidNo, match="not expected here any more"):
        list(line.fetch(envelope.Cargo(id="b" * 32, size=10, sha256="0" * 64), 0))


def test_nobody_else_can_send_a_piece(begun: tuple[Wire, staging.Place], url: str) -> None:
    """A request signed by another key, and one that was changed after it was signed."""
    _, place = begun
    with pytest.raises(SaidNo, match="has to join first"):
        Wire(url, node="class-1", centre="centre", keys=keys.make()).put("a" * 32, 100, b"y")
    assert place.path.stat().st_size == 100


def test_two_processes_of_one_class_server_do_not_exchange_at_once(nodes: list[Installation], url: str) -> None:
    """The second is told so, and has changed nothing."""
    _, first = nodes

    with staging.of(first.config.folder, "centre").alone(), pytest.raises(UnderWay):
        speak(first)
    assert exchanges(first) == []
    assert speak(first).requests > 0


@pytest.mark.goal("NET-08")
def test_a_clone_beside_the_original_gets_through_too(nodes: list[Installation], url: str, tmp_path: Path) -> None:
    """Two machines with the same keys speak in turn and at once: both are heard, nothing is lost or counted twice."""
    centre, first = nodes
    speak(first)
    config = dataclasses.replace(first.config, INSTANCE=str(tmp_path / "clone"))
    first.database.engine.dispose()
    shutil.copytree(first.config.folder, config.folder)
    clone = Installation(config, open_database(config), first.keys)
    happen(first, 5)
    happen(clone, 7)
    threads = [threading.Thread(target=_until_over, args=(node,)) for node in (first, clone)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for node in (first, clone):
        speak(node)
    clone.close()

    assert happened(centre) == 12


@pytest.mark.goal("NET-09")
def test_a_centre_restored_from_its_backup_fetches_again_what_it_lost(nodes: list[Installation], url: str, tmp_path: Path) -> None:
    """Receipted facts that the restored centre lacks come again with the next exchange, by themselves."""
    centre, first = nodes
    happen(first, 3)
    speak(first)
    backup = _copy_of(centre, tmp_path)
    happen(first, 4)
    speak(first)
    assert happened(centre) == 7
    _restore(centre, backup)
    assert happened(centre) == 3

    report = speak(first)

    assert happened(centre) == 7
    assert report.entries == 4


@pytest.mark.goal("NET-08")
def test_a_restored_class_server_gets_its_own_tail_back(nodes: list[Installation], url: str, tmp_path: Path) -> None:
    """What it wrote after the backup and had sent is there again; what it writes now is told from that."""
    centre, first = nodes
    happen(first, 3)
    speak(first)
    backup = _copy_of(first, tmp_path)
    happen(first, 4)
    speak(first)
    _restore(first, backup)
    happen(first, 2)

    _until_over(first)

    assert happened(first) == happened(centre) == 9


def _copy_of(node: Installation, folder: Path) -> Path:
    with node.database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    return Path(shutil.copy(node.config.folder / "sabaq.db", folder / "backup.db"))


def _restore(node: Installation, backup: Path) -> None:
    node.database.engine.dispose()
    for path in node.config.folder.glob("sabaq.db-*"):
        path.unlink()
    shutil.copy(backup, node.config.folder / "sabaq.db")


@pytest.mark.postgres
def test_a_centre_on_postgresql_speaks_like_one_on_sqlite(tmp_path: Path) -> None:
    """First contact, facts up, a change down, nothing left: with the centre on PostgreSQL."""
    with postgres.server() as address:
        config = Config(NODE="centre", INSTANCE=str(tmp_path), SECRET_KEY="k" * 40, PEPPER="p" * 40, DATABASE_URL=address)
        config.folder.mkdir(parents=True)
        centre = Installation(config, open_database(config), keys.load_or_make(config.folder))
        migrations.upgrade(centre.database.engine)
        first = install(tmp_path, "class-1", role="classroom")
        with work(centre.database) as db:
            office = make_office(db)
            make_nodes(db, [centre, first], office.id)
        copy_rows(centre, [first])
        with served(centre, first):
            speak(first)
            happen(first, 30)
            with work(centre.database) as db:
                db.get_one(Office, office_of(centre)).names = {"en": "Renamed"}
            report = speak(first)
            assert (report.entries, len(report.taken)) == (30, 1)
            assert speak(first).nothing
        assert happened(centre) == 30
        for node in (centre, first):
            node.close()


# ---- the command -------------------------------------------------------------------------------------------------------------


def command(node: Installation, monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[int, str]:
    """`sabaq sync now …` on a node: exit code and what it said."""
    for name in ("NODE", "ROLE", "INSTANCE", "SECRET_KEY", "PEPPER"):
        monkeypatch.setenv(f"SABAQ_{name}", getattr(node.config, name))
    ended = CliRunner().invoke(cli.sync_now, list(words))
    return ended.exit_code, ended.output


def test_the_command_says_what_went_and_what_came(nodes: list[Installation], url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In sentences, and with --json in figures."""
    _, first = nodes
    speak(first)
    happen(first, 5)

    assert command(first, monkeypatch) == (0, "Entries sent to the centre: 5.\nThe centre says: Taken: 5 new, 0 known already.\n")
    assert command(first, monkeypatch) == (0, "Nothing to exchange: both sides have everything.\n")
    code, text = command(first, monkeypatch, "--json")
    assert code == 0
    assert {"done": True, "sent": [], "requests": 1}.items() <= json.loads(text).items()


def test_the_command_without_a_line_says_when_it_is_tried_again(nodes: list[Installation], monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 1; a centre itself is told that it has none."""
    centre, first = nodes
    leads_to(first, f"http://127.0.0.1:{free_port()}")

    code, text = command(first, monkeypatch)
    again, said = command(first, monkeypatch, "--json")
    at_centre, refused = command(centre, monkeypatch)

    assert (code, again, at_centre) == (1, 1, 1)
    assert text.startswith("Error: The centre could not be reached. No line since ")
    assert "tried 2 times; next try " in json.loads(said)["line"]
    assert "no address of a centre" in refused


# ---- room, leftovers, certificates -------------------------------------------------------------------------------------------


@pytest.mark.goal("NET-17")
def test_a_full_centre_refuses_beforehand_and_takes_it_when_there_is_room(
    nodes: list[Installation], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a byte of a bundle is taken that would leave less than a twentieth of the disk; the class server goes on later by itself."""
    centre, first = nodes
    speak(first)
    happen(first, 10, size=100 * KIB)
    real = room.usable
    monkeypatch.setattr(room, "usable", lambda folder: 100 * KIB if centre.config.folder in (folder, *folder.parents) else real(folder))

    with pytest.raises(SaidNo, match="no room for this bundle"):
        speak(first)
    assert happened(centre) == 0
    assert staged(centre) == []
    monkeypatch.undo()
    speak(first)
    assert happened(centre) == 10


def test_leftovers_are_thrown_away_after_two_weeks(tmp_path: Path) -> None:
    """What is younger stays; the ticket stays."""
    place = staging.of(tmp_path, "class-1")
    place.arriving.expect("a" * 32, 10, "0" * 64)
    place.leaving.folder.mkdir(exist_ok=True)
    place.ticket = "t" * 32
    (tmp_path / "made").write_bytes(b"x" * 10)
    place.leaving.keep(tmp_path / "made", "b" * 32, sha256="0" * 64)
    old = (clock.now() - timedelta(days=15)).timestamp()
    for path in place.folder.glob("arriving.*"):
        os.utime(path, (old, old))

    assert staging.clean(tmp_path, clock.now()) == 2
    assert place.arriving.part() is None
    assert place.leaving.part() is not None
    assert place.ticket == "t" * 32


@contextmanager
def https(folder: Path) -> Iterator[tuple[str, Path]]:
    """A server on https whose certificate an authority of its own has signed: its address and the authority's file."""
    certificate, key = _certificate(folder)

    class Says(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b'{"offset": 7}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Says)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"https://localhost:{server.server_port}", certificate
    server.shutdown()
    server.server_close()


def _certificate(folder: Path) -> tuple[Path, Path]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = clock.now()
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    paths = folder / "authority.pem", folder / "key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return paths


def test_https_is_believed_only_with_an_authority_that_is_known(tmp_path: Path) -> None:
    """A certificate that nobody known has signed is no line; with the authority's file in the node's folder it is."""
    own = keys.make()
    with https(tmp_path) as (address, authority):
        with pytest.raises(NoLine):
            Wire(address, node="class-1", centre="centre", keys=own).offset("a" * 32)
        assert Wire(address, node="class-1", centre="centre", keys=own, authorities=authority).offset("a" * 32) == 7


@pytest.mark.parametrize("address", ["", "centre.example", "ftp://centre.example", "http://"])
def test_an_address_that_is_none_gets_a_sentence(address: str) -> None:
    """Said at once, before any request."""
    with pytest.raises(connection.NoLine, match="is no address of a centre"):
        Wire(address, node="class-1", centre="centre", keys=keys.make())
