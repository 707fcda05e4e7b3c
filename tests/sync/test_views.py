"""The exchange pages: what stored rows say, in a number of queries that does not grow, and never a zero for what nobody knows."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app import clock, create_app
from app.db import Database
from app.errors import say
from app.offices.models import Classroom, Office
from app.people.models import Account, Person
from app.policy import Role
from app.sync import handshake, keys, sealer, staging, trust, wish
from app.sync.models import AuditEvent, Exchange, Node
from config import Config
from tests.factories import added, make_classroom, make_office, make_person, make_sign_in, make_staff
from tests.sync.desk_rows import Server, a_receipt, an_exchange, conflict, make_server

SignIn = Callable[[Person], FlaskClient]


@pytest.fixture
def office(db: Session) -> Office:
    """An office with a telephone number."""
    return make_office(db, contact="Class manager Dosova, 8 701 000 00 00")


@pytest.fixture
def operator(db: Session, office: Office) -> Person:
    """Who watches in the Situation Center."""
    return make_staff(db, Role.OPERATOR, office)


def with_line(db: Session, server: Server, line: str) -> Server:
    """The same with this line in its classroom."""
    room = db.get_one(Classroom, server.node.classroom_id)
    room.line = line
    db.flush()
    return server


# ---- the centre ------------------------------------------------------------------------------------------------------


@pytest.mark.goal("NET-19", "DSH-04")
def test_the_centre_sees_who_was_in_contact_when_and_by_which_way(client_of: SignIn, db: Session, office: Office, operator: Person) -> None:
    """Fine, silent and never each say so; the kinds of contact stand apart; silence is told and is no zero."""
    fine, silent = with_line(db, make_server(db, office, title="Fine"), "good"), with_line(db, make_server(db, office, title="Silent"), "good")
    make_server(db, office, title="Never")
    an_exchange(db, fine.node.code, ago=0.01, way="https", statement={"release": "0.1.0", "clock": clock.now().isoformat(), "disk_free": 61, "unsealed": 0})
    an_exchange(db, silent.node.code, ago=9, way="https")
    an_exchange(db, silent.node.code, ago=20)

    page = client_of(operator).get("/exchange?as=csv").get_data(as_text=True).splitlines()
    head, lines = page[0].lstrip("\ufeff").split(","), {line.split(",")[0]: line for line in page[1:]}

    assert list(lines)[-3:] == ["Silent", "Never", "Fine"]
    assert "silent" in lines["Silent"]
    assert "Silent since" in lines["Silent"]
    assert ",never,,," in lines["Never"]
    assert "Nothing to do." in lines["Fine"]
    assert head[:3] == ["title", "state", "exchanged"]


@pytest.mark.goal("NET-19")
def test_the_page_of_a_class_server_keeps_the_ways_apart(client_of: SignIn, db: Session, office: Office, operator: Person) -> None:
    """Line, stick and training have their own times; its clock, disk and release are those it said; silence has a telephone number."""
    server = with_line(db, make_server(db, office), "good")
    said = {"release": "0.0.9", "schema": "0003", "clock": (clock.now() - timedelta(days=9, hours=3)).isoformat(), "disk_free": 7, "unsealed": 4}
    an_exchange(db, server.node.code, ago=9, way="https", statement=said)

    page = client_of(operator).get(f"/exchange/nodes/{server.node.code}").get_data(as_text=True)

    assert "call the class manager" in page
    assert "8 701 000 00 00" in page
    assert "3 hours behind" in page
    assert "0.0.9" in page
    assert "7\N{NO-BREAK SPACE}%" in page
    assert "4 entries when it last spoke" in page
    assert "Last stick from there</dt><dd><span class=\"st st-none\">never</span>" in page


@pytest.mark.goal("NET-19")
@pytest.mark.parametrize("servers", [1, 40])
def test_one_class_server_and_forty_ask_the_same_number_of_queries(
    client_of: SignIn, db: Session, office: Office, operator: Person, counted: Callable[[], Any], servers: int
) -> None:
    """The list of class servers is read in a fixed number of queries."""
    for n in range(servers):
        server = make_server(db, office)
        an_exchange(db, server.node.code, ago=n, statement={"clock": clock.now().isoformat()})
        a_receipt(db, by="test", about=server.node.code)
    browser = client_of(operator)
    browser.get("/exchange")

    with counted() as statements:
        assert browser.get("/exchange").status_code == 200

    assert len(statements) == 18


def test_class_servers_of_other_offices_are_not_seen(client_of: SignIn, db: Session, office: Office, operator: Person) -> None:
    """The list, a page and a receipt are of the reader's offices only."""
    other = make_server(db, make_office(db), title="Elsewhere")
    receipt = a_receipt(db, by="test", about=other.node.code)
    code, receipt_id = other.node.code, receipt.id
    browser = client_of(operator)

    assert "Elsewhere" not in browser.get("/exchange").get_data(as_text=True)
    assert browser.get(f"/exchange/nodes/{code}").status_code == 404
    assert browser.get(f"/exchange/receipts/{receipt_id}").status_code == 404


@pytest.mark.goal("NET-15")
def test_kinds_of_a_newer_release_are_kept_and_shown_as_not_yet_understood(client_of: SignIn, db: Session, office: Office, operator: Person) -> None:
    """What this release does not know is an alarm of its own, with what ends it, and no error."""
    server = make_server(db, office)
    server.send(db, ["f", "drone_flight", {"id": "1"}], ["q", "something", {}])
    an_exchange(db, server.node.code)
    db.commit()

    page = client_of(operator).get(f"/exchange/nodes/{server.node.code}").get_data(as_text=True)

    assert "not yet understood" in page
    assert "It is taken in" in page or "taken in after" in page
    assert page.count("Nothing to do: it is taken in after this server was updated.") == 2


@pytest.mark.goal("NET-08")
def test_two_histories_are_an_alarm_until_a_person_has_looked_into_it(client_of: SignIn, db: Session, office: Office, operator: Person) -> None:
    """A second segment with one number is kept, shown and called urgent; a person's word ends the alarm, and stands between the exchanges."""
    server = make_server(db, office)
    event = {"actor_id": None, "what": "sign-in", "about": "", "detail": {}, "at": clock.now().isoformat(), "owner_node": server.node.code}
    server.send(db, ["f", "audit_event", {"id": "0192a1b2-0000-7000-8000-000000000001", **event}])
    server.number, server.hash = 0, ""
    taken = server.send(db, ["f", "audit_event", {"id": "0192a1b2-0000-7000-8000-000000000002", **event}])
    an_exchange(db, server.node.code)
    db.commit()
    assert taken.fork
    code, browser = server.node.code, client_of(operator)

    assert "two histories" in browser.get("/exchange").get_data(as_text=True)
    assert "needs a person" in browser.get("/start").get_data(as_text=True) or "Two different histories" in browser.get("/start").get_data(as_text=True)
    address = f"/exchange/nodes/{code}/alarms/fork"
    empty = browser.post(address, data={"reason": " "})
    assert empty.status_code == 422
    assert browser.post(address, data={"reason": "The disk was copied for a test; the copy is wiped."}).status_code == 303

    page = browser.get(f"/exchange/nodes/{code}").get_data(as_text=True)
    assert "Looked into: The disk was copied for a test; the copy is wiped." in page
    assert 'id="alarms"' not in page
    assert db.scalar(sa.select(sa.func.count()).select_from(AuditEvent).where(AuditEvent.what == "alarm.settled")) == 1


@pytest.mark.goal("NET-06")
def test_a_missing_segment_is_named_with_what_brings_it(client_of: SignIn, db: Session, office: Office, operator: Person) -> None:
    """After a bundle that stopped at a gap the page says which number is missing and what to do."""
    server = make_server(db, office)
    an_exchange(db, server.node.code, state="partial", counts={"new": 0, "known": 0, "missing": {server.node.code: 14}})

    page = client_of(operator).get(f"/exchange/nodes/{server.node.code}").get_data(as_text=True)

    assert "Part 14 of its journal is missing here." in page


def test_sentences_name_servers_as_people_do(client_of: SignIn, db: Session, office: Office, operator: Person) -> None:
    """A stored sentence that names a node by its code is read with its title; code, tables and life stand in the fold-out."""
    server = make_server(db, office, title="Class server Korday")
    code = server.node.code
    an_exchange(db, code, state="refused", said={"context": "exchange", "text": "It came from {node}.", "params": {"node": code}})

    page = client_of(operator).get(f"/exchange/nodes/{code}").get_data(as_text=True)
    before, _, folded = page.partition("For the administrator</summary>")

    assert "It came from Class server Korday." in page
    assert code not in re.sub("<[^>]*>", "", before)
    assert code in folded.partition("</details>")[0]
    assert "Life of its database" in folded.partition("</details>")[0]


def test_contacts_that_brought_nothing_are_one_line(client_of: SignIn, db: Session, office: Office, operator: Person) -> None:
    """What came stands in the table; contacts over the line with nothing new are counted below it, and sticks always listed."""
    server = make_server(db, office)
    code, empty = server.node.code, {"new": 0, "known": 12, "held": {}, "missing": {}}
    an_exchange(db, code, way="https", ago=3)
    for ago in (2, 1.5, 1):
        an_exchange(db, code, way="https", ago=ago, state="nothing", counts={}, said={})
        an_exchange(db, code, way="https", ago=ago, state="taken", counts=empty)
    an_exchange(db, code, way="stick", ago=0.5, counts=empty)

    page = client_of(operator).get(f"/exchange/nodes/{code}").get_data(as_text=True)
    table = page.partition('<caption class="sr">Exchanges</caption>')[2]

    assert table.partition("</table>")[0].count("<tr><th scope=\"row\"") == 2
    assert "Not listed: 6 contacts since" in table


@pytest.mark.goal("NET-07")
def test_a_receipt_counts_what_was_new_known_and_refused_and_why(client_of: SignIn, db: Session, office: Office, operator: Person) -> None:
    """The receipt says what came of the bundle, reason by reason, on screen and ready to print."""
    server = make_server(db, office)
    line = an_exchange(db, server.node.code)
    receipt = a_receipt(db, by="test", about=server.node.code, bundle=line.bundle, new=12, refused={"conflict": 2})

    page = client_of(operator).get(f"/exchange/receipts/{receipt.id}").get_data(as_text=True)

    assert "2 · conflict with another record" in page
    assert "<dt>New</dt><dd>12 <span class=\"muted\">12 answers</span>" in page
    assert line.bundle not in page.partition("<details")[0]
    assert line.bundle in page.partition("print-only")[2]
    assert "data-print" in page


def test_the_start_page_says_when_the_exchange_needs_a_person(client_of: SignIn, db: Session, office: Office, operator: Person) -> None:
    """One line when something waits for a decision; none when all is well."""
    an_exchange(db, make_server(db, office).node.code)
    browser = client_of(operator)
    assert "To the exchange" not in browser.get("/start").get_data(as_text=True)

    server, _, _ = conflict(db, office)
    an_exchange(db, server.node.code)
    db.commit()

    assert "were kept aside" in browser.get("/start").get_data(as_text=True)


# ---- a class server --------------------------------------------------------------------------------------------------


@pytest.fixture
def at_class(settings: Config, database: Database, db: Session, office: Office) -> Callable[[], FlaskClient]:
    """This node as a class server that has joined; its class manager in a browser."""
    room = make_classroom(db, office)
    room.line = "none"
    added(db, Node(code="centre-kz", role="centre", title="Centre Astana", office_id=office.id, state="joined"))
    added(db, Node(code="test", role="classroom", title="Class server Korday", office_id=office.id, classroom_id=room.id, state="joined"))
    manager = make_staff(db, Role.CLASS_MANAGER, office)
    added(db, Account(person_id=manager.id, user_name="manager", password_hash="x"))
    app = create_app(replace(settings, ROLE="classroom"), database)
    app.config.update(TESTING=True, WTF_CSRF_ENABLED=False)

    def browser() -> FlaskClient:
        token = make_sign_in(db, manager)
        db.commit()
        client = app.test_client()
        with client.session_transaction() as cookie:
            cookie["_user_id"] = token
            cookie["_fresh"] = True
        return client

    return browser


@pytest.mark.goal("NET-19")
def test_a_class_server_that_got_nothing_yet_is_told_what_to_do(at_class: Callable[[], FlaskClient]) -> None:
    """Before the first bundle: read in the first stick, with its button; nothing is shown as a zero."""
    page = at_class().get("/exchange").get_data(as_text=True)

    assert "Read in its first stick" in page
    assert "/exchange/stick" in page
    assert "no receipt yet" in page


@pytest.mark.goal("NET-19")
def test_a_revoked_class_server_is_told_to_call_the_centre(at_class: Callable[[], FlaskClient], settings: Config) -> None:
    """It heard so over the line and gets no bundle any more: the next action is the call, here and on the start page, never "nothing to do"."""
    browser = at_class()
    trust.keep(settings.folder, trust.Joining(state="confirmed", secret="", asked_at="", accepted=True, revoked_at="2026-11-22T06:28:00+00:00"))
    try:
        page, start = browser.get("/exchange").get_data(as_text=True), browser.get("/start").get_data(as_text=True)
    finally:
        trust.forget(settings.folder)

    assert "The centre has revoked this class server" in page
    assert "The centre has revoked this class server" in start
    assert "Nothing to do" not in page


@pytest.mark.goal("NET-19")
def test_a_class_server_says_in_words_what_the_centre_lacks(at_class: Callable[[], FlaskClient], db: Session, office: Office, settings: Config) -> None:
    """What was done since the last receipt stands in words with its day, and the button hands it to the courier."""
    an_exchange(db, "centre-kz", ago=3)
    make_person(db, office)
    db.commit()

    page = at_class().get("/exchange").get_data(as_text=True)

    assert "Hand the week to the courier" in page
    assert "of people</li>" in page
    assert "log entr" not in page.split("What to do now")[1].split("</section>")[0]


@pytest.mark.goal("NET-19")
def test_what_the_centre_has_receipted_is_not_owed_any_more(at_class: Callable[[], FlaskClient], db: Session, database: Database, settings: Config, office: Office) -> None:
    """After a receipt up to the head the page says up to when the centre has everything; log entries alone ask for no stick."""
    an_exchange(db, "centre-kz", ago=3)
    browser = at_class()
    settings.folder.mkdir(parents=True, exist_ok=True)
    sealer.seal_all(database, settings.folder, keys.make(), clock.now(), machine="m")
    head = next(iter(db.execute(sa.text("SELECT epoch, ordinal, number, hash FROM segment WHERE stream = 'up' ORDER BY number DESC LIMIT 1"))))
    a_receipt(db, by="centre-kz", about="test", heads=[{"stream": "up", "epoch": head[0], "ordinal": head[1], "number": head[2], "hash": head[3]}])
    added(db, AuditEvent(at=clock.now(), actor_id=None, what="sign-in"))
    db.commit()

    page = browser.get("/exchange").get_data(as_text=True)

    assert "Nothing to do: the centre has everything up to" in page
    assert "and 1 log entry, which travels with the next exchange" in page


def test_a_class_with_a_line_exchanges_when_somebody_asks(at_class: Callable[[], FlaskClient], db: Session, settings: Config) -> None:
    """The page says when the next exchange is due; the button asks for one now, and the page says that it is under way and how it ended."""
    browser = at_class()
    assert "Exchange now" not in browser.get("/exchange").text
    assert [browser.post("/exchange/now").status_code, browser.get("/exchange/line").status_code] == [404, 404]
    db.info["writing"] = True
    centre, public = db.scalars(sa.select(Node).where(Node.role == "centre")).one(), keys.make().public
    centre.address, centre.public_key, centre.box_key = "http://centre.example", handshake.text_of(public.sign), handshake.text_of(public.box)
    db.commit()
    place = staging.of(settings.folder, "centre-kz")

    page = browser.get("/exchange").text
    asked = browser.post("/exchange/now")
    moving = browser.get("/exchange").text
    found = wish.of(place)
    assert found is not None
    wish.begun(place, now=found.asked_at)
    under_way = browser.get("/exchange/line").text
    wish.ended(place, begun_at=found.asked_at, good=False, said=[say("line", "It came from {node}.", node="centre-kz")], now=found.asked_at)
    over = browser.get("/exchange").text

    assert ("Exchange now" in page, "at any moment" in page, "data-moving" in page) == (True, True, False)
    assert (asked.status_code, "data-follow" in moving, "Exchange now" in moving) == (303, True, False)
    assert ("data-moving" in under_way, "under way since" in under_way) == (True, True)
    assert ("data-moving" in over, "failed at" in over, "It came from Centre Astana." in over, "Exchange now" in over) == (False, True, True, True)


def test_a_class_server_has_no_intake_desk(at_class: Callable[[], FlaskClient]) -> None:
    """Deciding about what came and merging people is the centre's: there is no such page."""
    browser = at_class()

    assert [browser.get(path).status_code for path in ("/exchange/intake", "/people/doubles")] == [404, 404]


@pytest.mark.goal("NET-14")
def test_what_was_done_after_a_role_had_ended_is_flagged(client_of: SignIn, db: Session, office: Office, operator: Person) -> None:
    """The class server's flag stands on its page with who, since when and what; nothing is dropped."""
    server, person = make_server(db, office), make_person(db, office, family="Dosova")
    added(db, AuditEvent(
        at=clock.now(), actor_id=None, what="done without a role", about=str(person.id), owner_node=server.node.code,
        detail={"since": (clock.now() - timedelta(days=3)).isoformat(), "roles": ["trainer"], "done": {"attendance_mark": 14}},
    ))
    code = server.node.code

    page = client_of(operator).get(f"/exchange/nodes/{code}").get_data(as_text=True)

    assert "<b>Dosova A.</b>" in page
    assert "14 attendance marks" in page


def test_exchange_rows_stay_in_the_order_of_their_place(client_of: SignIn, db: Session, office: Office, operator: Person) -> None:
    """A clock set back does not put a later exchange below an earlier one."""
    server = make_server(db, office)
    an_exchange(db, server.node.code, ago=0, size=1_000)
    an_exchange(db, server.node.code, ago=300, size=2_000)
    code = server.node.code

    page = client_of(operator).get(f"/exchange/nodes/{code}").get_data(as_text=True)

    assert page.index("2 KB") < page.index("1 KB")
    assert db.scalar(sa.select(sa.func.count()).select_from(Exchange)) == 2
