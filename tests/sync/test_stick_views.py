"""The pages of the stick on both sides: written, arrived, taken, answered, as files through the browser, on paper; and what is refused."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from pypdf import PdfReader
from werkzeug.test import TestResponse

from app import background, create_app
from app.offices.models import Agency, Country, Office
from app.ops import background as work_queue
from app.ops.models import BackgroundJob
from app.people.models import Person
from app.policy import Role
from app.sync import bundles, stick
from app.sync.models import Exchange, Node
from app.work import work
from tests import factories
from tests.sync.nodes import Installation, centre_and_class, copy_tables, office_of
from tests.sync.test_exchange import people, walk_in


@dataclass
class Site:
    """A node with its pages, and somebody who may exchange."""

    node: Installation
    app: Flask
    client: FlaskClient

    def do_the_work(self) -> list[BackgroundJob]:
        """What the job process does; gives the jobs."""
        with self.app.app_context():
            while work_queue.run_next(self.node.database, self.node.config.folder, background.KINDS):
                pass
        with self.node.database.sessions() as db:
            return list(db.scalars(sa.select(BackgroundJob).order_by(BackgroundJob.made_at)))

    def page(self, address: str) -> str:
        """A page that opens."""
        answer = self.client.get(address)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return answer.get_data(as_text=True)


@pytest.fixture
def usb(tmp_path: Path) -> Path:
    folder = tmp_path / "KINGSTON"
    folder.mkdir()
    return folder


def signed_in(node: Installation, person_id: uuid.UUID) -> Site:
    """The pages of a node with somebody signed in."""
    app = create_app(node.config, node.database)
    app.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
    with work(node.database) as db:
        token = factories.make_sign_in(db, db.get_one(Person, person_id))
    app.extensions["sabaq.joined"] = True
    client = app.test_client()
    with client.session_transaction() as cookie:
        cookie["_user_id"], cookie["_fresh"] = token, True
    return Site(node, app, client)


@pytest.fixture
def sites(tmp_path: Path, usb: Path) -> Iterator[tuple[Site, Site]]:
    """The centre with a training officer, a class server with its class manager; the stick is in both, one after the other."""
    with centre_and_class(tmp_path) as (centre, first):
        for node in (centre, first):
            node.config = replace(node.config, STICK=str(usb))
        with work(centre.database) as db:
            office = db.get_one(Office, office_of(centre))
            agency = db.scalars(sa.select(Agency)).one()
            manager, officer = (factories.make_person(db, office, agency=agency) for _ in range(2))
            factories.give_role(db, manager, Role.CLASS_MANAGER, office)
            factories.give_role(db, officer, Role.TRAINING_OFFICER, office)
            who = manager.id, officer.id
        copy_tables(centre, [first], ("person", "person_name", "posting", "role_grant"))
        yield signed_in(centre, who[1]), signed_in(first, who[0])


def last(site: Site) -> BackgroundJob:
    """The newest job, done."""
    job = site.do_the_work()[-1]
    assert job.state == "done", job.log
    return job


def address(job: BackgroundJob) -> str:
    """Where the page of a job leads."""
    return str((job.result or {})["address"])


def lines(site: Site, direction: str) -> list[Exchange]:
    with site.node.database.sessions() as db:
        return list(db.scalars(sa.select(Exchange).where(Exchange.direction == direction).order_by(Exchange.place)))


def fetched(site: Site, path: str, **headers: str) -> TestResponse:
    """A file, read to its end and closed."""
    answer = site.client.get(path, headers=headers)
    answer.get_data()
    answer.close()
    return answer


def text_of(pdf: bytes) -> str:
    return " ".join(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages).split())


# ---- there and back ----------------------------------------------------------------------------------------------------


@pytest.mark.goal("NET-05", "NET-07")
def test_the_week_goes_by_pages_to_the_centre_and_the_answer_comes_back_on_the_same_stick(sites: tuple[Site, Site], usb: Path) -> None:
    """The class manager writes and prints, the training officer sees what is on it, takes it and gets a receipt, the class reads the answer."""
    centre, first = sites
    walk_in(first.node)
    page = first.page("/exchange/stick")
    assert "Hand the week to the courier" in page
    assert "entries of people" in page

    first.client.post("/exchange/stick/write", data={"to": "centre", "stick": str(usb)})
    job = last(first)
    assert "It is safe to remove the stick" in first.page(f"/jobs/{job.id}")
    sheet = first.client.get(address(job))
    assert sheet.mimetype == "application/pdf"
    words = text_of(sheet.data)
    assert "Stick handed over" in words
    assert "courier, date, time" in words
    assert lines(first, "out")[0].bundle[:16] in words

    seen = centre.page(f"/exchange/stick/arrived?stick={usb}")
    assert "1 part of its journal, new" in seen
    assert set(people(centre.node)) != set(people(first.node)), "looking takes nothing"
    bundle = lines(first, "out")[0].bundle
    centre.client.post("/exchange/stick/take", data={"stick": str(usb), "bundle": bundle})
    came = centre.page(address(last(centre)))
    assert "Taken:" in came
    assert "read back byte for byte" in came
    assert set(people(centre.node)) == set(people(first.node))
    receipt = text_of(centre.client.get(f"/exchange/stick/papers/{lines(centre, 'in')[0].id}").data)
    assert "Stick taken in" in receipt
    assert "Held here of its journal: up to part 1" in receipt

    answer = lines(centre, "out")[0].bundle
    first.client.post("/exchange/stick/take", data={"stick": str(usb), "bundle": answer})
    assert "You are at version 1" in first.page(address(last(first)))
    assert "has arrived: everything on it is confirmed" in first.page("/exchange/stick")


@pytest.mark.goal("NET-05")
def test_a_manager_at_his_pc_downloads_the_file_and_the_centre_takes_it_from_the_browser(sites: tuple[Site, Site]) -> None:
    """Without a stick in either server: download, send in pieces, take, and download the answer."""
    centre, first = sites
    walk_in(first.node)
    first.client.post("/exchange/stick/write", data={"to": "centre", "stick": ""})
    page = address(last(first))
    assert "Download it onto the stick" in first.page(page)
    got = fetched(first, f"{page}/bundle")
    assert got.headers["Content-Disposition"].startswith("attachment; filename=class-1-to-centre-")
    part = fetched(first, f"{page}/bundle", Range="bytes=10-19")
    assert (part.status_code, part.data) == (206, got.data[10:20])
    first.client.post(f"{page}/left")
    assert [line.state for line in lines(first, "out")] == ["sent"]

    token, offset = "t" * 32, 0
    while offset < len(got.data):
        sent = centre.client.post(
            f"/exchange/stick/upload?token={token}&offset={offset}&size={len(got.data)}", data=got.data[offset : offset + 700],
            content_type="application/octet-stream",
        )
        assert sent.status_code == 200
        offset = sent.json["offset"]
    assert "1 part of its journal, new" in centre.page(sent.json["page"])
    centre.client.post("/exchange/stick/take", data={"token": token, "bundle": lines(first, "out")[0].bundle})
    came = centre.page(address(last(centre)))
    assert set(people(centre.node)) == set(people(first.node))
    assert "It waits as a file" in came
    assert centre.client.get(f"/exchange/stick/uploads/{token}").status_code == 303, "what was taken is gone from the server"


def test_a_lost_answer_to_a_piece_is_made_good(sites: tuple[Site, Site]) -> None:
    """A piece sent twice, or out of turn, changes nothing: the script is told where the file stands."""
    centre, _ = sites

    def send(offset: int, data: bytes) -> object:
        answer = centre.client.post(
            f"/exchange/stick/upload?token={'u' * 32}&offset={offset}&size=10", data=data, content_type="application/octet-stream"
        )
        return answer.json["offset"] if answer.status_code == 200 else answer.status_code

    assert [send(0, b"12345"), send(0, b"12345"), send(7, b"x"), send(5, b"67890")] == [5, 5, 5, 10]
    assert send(11, b"") == 422
    assert [centre.client.post(f"/exchange/stick/upload?{bad}", data=b"", content_type="application/octet-stream").status_code for bad in (
        "token=../../x&offset=0&size=1", "token=" + "u" * 32 + "&offset=0", "token=" + "u" * 32 + "&offset=-1&size=1",
    )] == [422, 422, 422]  # fmt: skip


def test_without_script_the_file_is_sent_whole(sites: tuple[Site, Site]) -> None:
    """The plain form does the same; without a file it says which one to choose."""
    centre, first = sites
    walk_in(first.node)
    first.client.post("/exchange/stick/write", data={"to": "centre", "stick": ""})
    data = fetched(first, address(last(first)) + "/bundle").data

    sent = centre.client.post("/exchange/stick/upload", data={"file": (io.BytesIO(data), "week.sabaq")})
    nothing = centre.client.post("/exchange/stick/upload", data={})

    assert sent.status_code == 303
    assert "1 part of its journal, new" in centre.page(sent.location)
    assert nothing.status_code == 422
    assert "ends with .sabaq" in nothing.get_data(as_text=True)


# ---- what is refused ---------------------------------------------------------------------------------------------------


def test_bad_requests_get_a_sentence_and_change_nothing(sites: tuple[Site, Site], usb: Path, tmp_path: Path) -> None:
    """A folder that is no stick, nobody to write for, nothing chosen, a stranger: the right status, and no job."""
    centre, first = sites
    walk_in(first.node)

    answers = [
        centre.client.post("/exchange/stick/write", data={"to": "class-1", "stick": str(tmp_path)}).status_code,
        centre.client.post("/exchange/stick/write", data={"stick": str(usb)}).status_code,
        centre.client.post("/exchange/stick/write", data={"to": "class-9", "stick": str(usb)}).status_code,
        centre.client.get(f"/exchange/stick/arrived?stick={tmp_path}").status_code,
        centre.client.post("/exchange/stick/take", data={"stick": str(usb), "bundle": "0" * 32}).status_code,
        centre.client.post("/exchange/stick/take", data={"token": "x" * 32, "bundle": "0" * 32}).status_code,
    ]

    assert answers == [422, 422, 404, 422, 422, 422]
    assert centre.do_the_work() == []


def test_a_full_stick_is_refused_before_anything_is_made(sites: tuple[Site, Site], usb: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page says how much is missing; no job was asked for."""
    _, first = sites
    walk_in(first.node)
    monkeypatch.setattr(stick, "_look", lambda path, kind: stick.Stick(path, free=1000, total=1000))

    answer = first.client.post("/exchange/stick/write", data={"to": "centre", "stick": str(usb)})

    assert answer.status_code == 422
    assert "The stick is too full" in answer.get_data(as_text=True)
    assert first.do_the_work() == []


def test_a_stick_pulled_out_under_the_job_is_told_and_taken_up_again(sites: tuple[Site, Site], usb: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The job says what to do; taken up again, it goes on with the same bundle and ends well."""
    _, first = sites
    walk_in(first.node)
    first.client.post("/exchange/stick/write", data={"to": "centre", "stick": str(usb)})
    with monkeypatch.context() as patch:
        patch.setattr(stick, "put", lambda *_, **__: (_ for _ in ()).throw(stick.StickGone()))
        [job] = first.do_the_work()
    assert job.state == "failed"
    assert "Put it in again" in first.page(f"/jobs/{job.id}")

    first.client.post(f"/jobs/{job.id}/again")

    assert "safe to remove" in first.page(f"/jobs/{last(first).id}")
    assert [line.state for line in lines(first, "out")] == ["sent"]
    assert len(stick.files(usb)) == 1


def test_what_is_no_use_on_a_stick_is_named_with_the_reason(sites: tuple[Site, Site], usb: Path) -> None:
    """A letter with our ending, a half-written bundle, one's own: none can be chosen."""
    centre, first = sites
    walk_in(first.node)
    first.client.post("/exchange/stick/write", data={"to": "centre", "stick": str(usb)})
    last(first)
    [good] = stick.files(usb)
    good.replace(stick.part_of(good))
    (usb / "letter.sabaq").write_text("Dear centre,")

    page = centre.page(f"/exchange/stick/arrived?stick={usb}")

    assert "Not written to its end" in page
    assert "This file is not a bundle of Sabaq" in page
    assert "For the administrator" not in page
    assert "Take what is chosen" not in page


def test_a_stick_for_another_server_names_it_and_keeps_keys_folded(sites: tuple[Site, Site], usb: Path) -> None:
    """Whoever finds a stick for another server reads its title; the keys are for the administrator."""
    centre, first = sites
    walk_in(first.node)
    with first.node.database.engine.connect().execution_options(writing=True) as connection, connection.begin():
        connection.execute(sa.update(Node.__table__).where(Node.role == "centre").values(title="Situation Center"))  # type: ignore[arg-type]
    first.client.post("/exchange/stick/write", data={"to": "centre", "stick": str(usb)})
    last(first)
    [good] = stick.files(usb)
    preamble = good.read_bytes().replace(b'"from":"class-1"', b'"from":"class-2"', 1)  # as one that somebody else has made
    good.write_bytes(preamble)

    page = first.page(f"/exchange/stick/arrived?stick={usb}")
    before, _, folded = page.partition("For the administrator</summary>")

    assert "is locked for Situation Center." in before
    assert centre.node.keys.public.fingerprint not in before
    assert centre.node.keys.public.fingerprint in folded


def test_what_is_here_already_is_said_in_words(sites: tuple[Site, Site], usb: Path) -> None:
    """A bundle that was taken brings nothing new, and the page says so without a number; segments are for the administrator."""
    centre, first = sites
    walk_in(first.node)
    first.client.post("/exchange/stick/write", data={"to": "centre", "stick": str(usb)})
    last(first)
    [bundle] = stick.files(usb)
    centre.node.take(bundle)

    page = centre.page(f"/exchange/stick/arrived?stick={usb}")
    before, _, folded = page.partition("For the administrator</summary>")

    assert "Nothing new of its journal: all of it is here already" in before
    assert "egment" not in before
    assert "segments 1 to 1 of up: 0 new, 1 known" in folded


def test_a_class_manager_of_another_office_takes_and_sees_nothing_of_it(sites: tuple[Site, Site], usb: Path) -> None:
    """At the centre a bundle is taken by those whose office its class server belongs to."""
    centre, first = sites
    walk_in(first.node)
    first.client.post("/exchange/stick/write", data={"to": "centre", "stick": str(usb)})
    last(first)
    with work(centre.node.database) as db:
        office = db.get_one(Office, office_of(centre.node))
        elsewhere = factories.make_office(db, country=db.get_one(Country, office.country_id))
        stranger = factories.make_staff(db, Role.CLASS_MANAGER, elsewhere).id
    other = signed_in(centre.node, stranger)

    page = other.page(f"/exchange/stick/arrived?stick={usb}")
    bundle = bundles.peek(stick.files(usb)[0]).id

    assert "of another office" in page
    assert other.client.post("/exchange/stick/take", data={"stick": str(usb), "bundle": bundle}).status_code == 422
    assert "class-1" not in other.page("/exchange/stick")
