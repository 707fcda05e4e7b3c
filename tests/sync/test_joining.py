"""Becoming a class server: a one-time code, two letters, two fingerprints, the first snapshot, the first password."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app import clock, create_app
from app.errors import Conflict, Invalid
from app.offices.models import Classroom, Country, Office, Seat
from app.people import credentials, signing_in
from app.policy import Role
from app.sync import handshake, joining, keys, trust
from app.sync.models import AuditEvent, HandOver, JoinCode, JoinRequest, Node
from app.work import work
from tests.factories import a_moment, give_role, make_agency, make_classroom, make_office, make_person, make_sign_in
from tests.sync.nodes import Installation, install

NOW = a_moment()


@pytest.fixture
def centre(db: Session) -> keys.NodeKeys:
    """This database is a centre's: it has an office, keys, and its line in the list of nodes."""
    own = keys.make()
    make_office(db, kind="centre")
    joining.keep_own_row(db, keys=own, address="http://centre.example:8000", now=NOW)
    return own


def invited(db: Session, **values: Any) -> tuple[Node, str]:
    """A class server that was invited, and its code."""
    room = values.pop("room", None) or make_classroom(db)
    return joining.invite(db, **({"code": f"class-{room.id.hex[-6:]}", "title": f"Class {room.id}", "room": room, "by": None, "now": NOW} | values))


def letter(node: str, code: str, own: keys.NodeKeys | None = None) -> bytes:
    """A request with this code, by new keys."""
    return handshake.request(node=node, keys=own or keys.make(), secret=handshake.code_hash(code), release="0.1.0", now=NOW)


# ---- the centre's own row --------------------------------------------------------------------------------------------


def test_a_centre_keeps_its_own_line_in_the_list_of_nodes(db: Session) -> None:
    """Nothing before the first office; then one row with the centre's keys, however often it is asked for."""
    own = keys.make()
    assert db.scalar(sa.select(Office.id)) is not None or joining.keep_own_row(db, keys=own, address="", now=NOW) is None
    make_office(db, kind="centre")

    first = joining.keep_own_row(db, keys=own, address="http://a:1", now=NOW)
    again = joining.keep_own_row(db, keys=own, address="http://b:2", now=NOW)

    assert first is again
    assert again is not None
    assert (again.code, again.role, again.state, again.address, again.fingerprint) == ("test", "centre", "joined", "http://b:2", own.public.fingerprint)


# ---- the code --------------------------------------------------------------------------------------------------------


def test_a_code_is_long_readable_and_kept_nowhere(db: Session, centre: keys.NodeKeys) -> None:
    """Fifteen readable signs, more than 60 bits; the database has its hash alone; small letters and blanks do not matter."""
    node, code = invited(db)

    row = db.scalars(sa.select(JoinCode).where(JoinCode.node_id == node.id)).one()
    assert re.fullmatch(r"([2-9A-HJKMNP-TW-Z]{5}-){2}[2-9A-HJKMNP-TW-Z]{5}", code)
    assert len(handshake.READABLE) ** handshake.CODE_LENGTH > 2**60
    assert row.code_hash == handshake.code_hash(code) == handshake.code_hash(f" {code.lower().replace('-', ' ')} ")
    assert code.replace("-", "") not in row.code_hash.upper()
    assert row.expires_at - row.made_at == timedelta(days=14)


def test_what_cannot_be_a_code_is_told_at_its_field() -> None:
    """Too short, too long, or a letter that no code has."""
    for typed in ("", "K7M2P", "K7M2P-K7M2P-K7M20", "K7M2P-K7M2P-K7M2P-K", "ЖЖЖЖЖ-ЖЖЖЖЖ-ЖЖЖЖЖ"):
        with pytest.raises(Invalid) as refused:
            handshake.code_hash(typed)
        assert set(refused.value.fields) == {"code"}


@pytest.mark.parametrize(
    ("values", "field"),
    [({"code": "Class Korday"}, "code"), ({"code": "class-1"}, "code"), ({"title": " "}, "title"), ({"title": "class ONE"}, "title"), ({}, "classroom")],
)
def test_names_and_rooms_are_taken_once(db: Session, centre: keys.NodeKeys, values: dict[str, Any], field: str) -> None:
    """A short name is never used twice, two servers are not called the same, a room has one server; each is said at its field."""
    room = make_classroom(db)
    invited(db, room=room, code="class-1", title="Class One")
    other = room if field == "classroom" else make_classroom(db)

    with pytest.raises(Invalid) as refused:
        invited(db, **({"room": other, "code": "class-2", "title": "Class Two"} | values))

    assert set(refused.value.fields) == {field}


# ---- the letters at the centre ---------------------------------------------------------------------------------------


@pytest.mark.goal("NET-02")
def test_a_class_server_joins_with_a_code_its_own_keys_and_two_confirmed_fingerprints(db: Session, centre: keys.NodeKeys, tmp_path: Path) -> None:
    """Code on paper, keys made in the class, a request, a person at the centre and one in the class who compare: only then both trust."""
    node, code = invited(db)
    asked = joining.ask(tmp_path, node=node.code, typed=code, address="", now=NOW)
    own = keys.load_or_make(tmp_path)

    request, secret = joining.take_request(db, asked.request.encode(), way="stick", now=NOW)
    first = joining.answer(db, asked.request.encode(), secret, keys=centre, now=NOW)
    heard = joining.hear(tmp_path, first)

    assert request.fingerprint == own.public.fingerprint
    assert (node.state, node.public_key, heard.accepted, heard.trusted) == ("invited", None, None, False)
    assert heard.keys == centre.public
    assert trust.centre_key(tmp_path, "test") is None  # nobody here has compared yet

    joining.accept(db, request, by=None, now=NOW)
    joining.confirm(tmp_path, now=NOW)
    heard = joining.hear(tmp_path, joining.answer(db, asked.request.encode(), secret, keys=centre, now=NOW))

    assert (node.state, node.fingerprint, node.public_key) == ("joined", own.public.fingerprint, handshake.text_of(own.public.sign))
    assert (heard.accepted, heard.trusted, heard.centre) == (True, True, "test")
    assert trust.centre_key(tmp_path, "test") == centre.public.sign
    assert trust.centre_key(tmp_path, "other") is None


def test_the_code_never_travels(db: Session, centre: keys.NodeKeys, tmp_path: Path) -> None:
    """Neither the code nor its hash is in the request or the answer: a stick that is lost on the way helps nobody to join."""
    node, code = invited(db)
    asked = joining.ask(tmp_path, node=node.code, typed=code, address="", now=NOW)
    _, secret = joining.take_request(db, asked.request.encode(), way="stick", now=NOW)
    answer = joining.answer(db, asked.request.encode(), secret, keys=centre, now=NOW)

    for text in (asked.request, answer.decode()):
        assert code not in text
        assert code.replace("-", "") not in text
        assert handshake.code_hash(code) not in text


def test_the_room_becomes_the_class_servers_when_it_is_accepted(db: Session, centre: keys.NodeKeys) -> None:
    """The room and its PCs are kept in the class from then on, and the hand-over is a fact."""
    room = make_classroom(db, seats=3)
    node, code = invited(db, room=room)
    request, _ = joining.take_request(db, letter(node.code, code), way="https", now=NOW)

    joining.accept(db, request, by=None, now=NOW)

    assert room.owner_node == node.code
    assert set(db.scalars(sa.select(Seat.owner_node).where(Seat.classroom_id == room.id))) == {node.code}
    fact = db.scalars(sa.select(HandOver).where(HandOver.row_id == room.id)).one()
    assert (fact.table, fact.from_node, fact.to_node, fact.rows) == ("classroom", "test", node.code, 4)


def test_the_same_request_again_is_the_same_request(db: Session, centre: keys.NodeKeys) -> None:
    """A line that cut the answer costs nothing: the server asks again and is known."""
    node, code = invited(db)
    data = letter(node.code, code)

    first, _ = joining.take_request(db, data, way="https", now=NOW)
    again, _ = joining.take_request(db, data, way="stick", now=NOW + timedelta(days=30))

    assert first is again
    assert db.scalar(sa.select(sa.func.count()).select_from(JoinRequest).where(JoinRequest.node_id == node.id)) == 1


def refusal(db: Session, data: bytes, now: Any = NOW) -> str:
    """What the centre says to a request; it keeps nothing."""
    before = db.scalar(sa.select(sa.func.count()).select_from(JoinRequest))
    with pytest.raises(Invalid) as refused:
        joining.take_request(db, data, way="https", now=now)
    assert db.scalar(sa.select(sa.func.count()).select_from(JoinRequest)) == before
    return str(refused.value)


def test_each_bad_request_gets_its_sentence(db: Session, centre: keys.NodeKeys) -> None:
    """An unknown code, an expired one, a used one, a server under another name, a copied one, a spoiled letter: nothing is kept."""
    node, code = invited(db)
    other, other_code = invited(db)
    good = letter(node.code, code)

    assert "no such code" in refusal(db, letter(node.code, handshake.new_code()))
    assert "has expired" in refusal(db, good, NOW + timedelta(days=14))
    assert f"SABAQ_NODE={node.code}" in refusal(db, letter("class-wrong", code))
    for spoiled in (b"", b"{}", b"\xff\xfe", b"x" * 20_000, good[:-2], good.replace(b'"proof":"', b'"proof":"0'), good.replace(node.code.encode(), b"class-else"), b"[" * 5000):
        assert refusal(db, spoiled)
    taken, _ = joining.take_request(db, good, way="https", now=NOW)
    assert "another fingerprint" in refusal(db, letter(node.code, code))
    joining.accept(db, taken, by=None, now=NOW)
    copied = keys.make()
    db.get_one(Node, node.id).public_key = handshake.text_of(copied.public.sign)
    db.flush()
    assert "same keys" in refusal(db, letter(other.code, other_code, copied))


def test_a_new_code_ends_the_one_before(db: Session, centre: keys.NodeKeys) -> None:
    """A paper that was lost is worth nothing once another is printed; a joined server gets no code."""
    node, lost = invited(db)
    code = joining.give_code(db, node, by=None, now=NOW + timedelta(hours=1))

    assert "has expired" in refusal(db, letter(node.code, lost), NOW + timedelta(hours=2))
    request, _ = joining.take_request(db, letter(node.code, code), way="https", now=NOW + timedelta(hours=2))
    joining.accept(db, request, by=None, now=NOW)
    with pytest.raises(Conflict):
        joining.give_code(db, node, by=None, now=NOW)


def test_keys_that_were_turned_down_never_join(db: Session, centre: keys.NodeKeys, tmp_path: Path) -> None:
    """The class hears it and may begin again with a new code; a decision is taken once."""
    node, code = invited(db)
    asked = joining.ask(tmp_path, node=node.code, typed=code, address="", now=NOW)
    request, secret = joining.take_request(db, asked.request.encode(), way="stick", now=NOW)

    joining.turn_down(db, request, by=None, now=NOW)

    with pytest.raises(Conflict):
        joining.accept(db, request, by=None, now=NOW)
    assert joining.hear(tmp_path, joining.answer(db, asked.request.encode(), secret, keys=centre, now=NOW)).accepted is False
    assert (node.state, node.public_key) == ("invited", None)


# ---- the letters in the class ----------------------------------------------------------------------------------------


def test_a_class_server_takes_no_answer_but_its_centres(db: Session, centre: keys.NodeKeys, tmp_path: Path) -> None:
    """Another centre, another code, another request, other keys than before: refused with a sentence, and nothing is believed."""
    node, code = invited(db)
    asked = joining.ask(tmp_path, node=node.code, typed=code, address="", now=NOW)
    words, _ = handshake.read_request(asked.request.encode())
    secret, stranger = handshake.code_hash(code), keys.make()
    said = {"state": "accepted", "centre": "test", "title": "Centre", "office": "", "address": "", "now": NOW}

    def refused(data: bytes) -> str:
        with pytest.raises(Invalid) as found:
            joining.hear(tmp_path, data)
        return str(found.value)

    assert "not made for the code" in refused(handshake.answer(words, keys=stranger, secret=handshake.code_hash(handshake.new_code()), **said))
    other, _ = handshake.read_request(letter(node.code, code))
    assert "another request" in refused(handshake.answer(other, keys=centre, secret=secret, **said))
    good = handshake.answer(words, keys=centre, secret=secret, **said)
    for spoiled in (b"", b"[]", good[:-3], asked.request.encode()):
        assert refused(spoiled)
    assert trust.read(tmp_path) == asked
    joining.hear(tmp_path, good)
    assert "other keys than before" in refused(handshake.answer(words, keys=stranger, secret=secret, **said))


def test_a_confirmed_joining_is_not_taken_over_with_another_code(tmp_path: Path) -> None:
    """Somebody else's code does not lead a class server away from the centre that a person has confirmed."""
    code, centre = handshake.new_code(), keys.make()
    asked = joining.ask(tmp_path, node="class-1", typed=code, address="", now=NOW)
    with pytest.raises(Invalid):
        joining.confirm(tmp_path, now=NOW)
    words, _ = handshake.read_request(asked.request.encode())
    joining.hear(tmp_path, handshake.answer(
        words, state="waiting", centre="centre", title="Centre", office="", address="", keys=centre, secret=handshake.code_hash(code), now=NOW,
    ))
    joining.confirm(tmp_path, now=NOW)

    with pytest.raises(Invalid):
        joining.ask(tmp_path, node="class-1", typed=handshake.new_code(), address="", now=NOW)
    assert joining.ask(tmp_path, node="class-1", typed=code, address="http://c:1/", now=NOW).address == "http://c:1"
    assert trust.centre_key(tmp_path, "centre") == centre.public.sign


def test_what_joining_leaves_is_read_by_the_node_alone(tmp_path: Path) -> None:
    """The file has the hash of the code: nobody else on the machine reads it; a spoiled one means asking again."""
    joining.ask(tmp_path, node="class-1", typed=handshake.new_code(), address="", now=NOW)

    assert (tmp_path / trust.FILE).stat().st_mode & 0o077 == 0
    (tmp_path / trust.FILE).write_text("{", encoding="utf-8")
    assert trust.read(tmp_path) is None


def test_an_address_that_does_not_answer_or_is_no_centre_is_said_at_its_field(tmp_path: Path) -> None:
    """Nobody listens, or no address at all: the request stays, to be tried again or carried on a stick."""
    code = handshake.new_code()
    with pytest.raises(Invalid) as refused:
        joining.ask(tmp_path, node="class-1", typed=code, address="centre", now=NOW)
    assert set(refused.value.fields) == {"address"}

    asked = joining.ask(tmp_path, node="class-1", typed=code, address="http://127.0.0.1:9", now=NOW)
    with pytest.raises(Invalid) as refused:
        joining.send(asked)
    assert set(refused.value.fields) == {"address"}
    assert trust.read(tmp_path) == asked


# ---- the pages of both sides -----------------------------------------------------------------------------------------


@dataclass
class Pair:
    """A centre with a class server that has not joined, both with their pages."""

    centre: Installation
    room: Installation
    centre_app: Flask
    room_app: Flask
    admin: str  # cookie of the administrator at the centre
    classroom: str
    manager: str

    def at_centre(self) -> FlaskClient:
        """The administrator's browser."""
        client = self.centre_app.test_client()
        with client.session_transaction() as cookie:
            cookie["_user_id"], cookie["_fresh"] = self.admin, True
        return client

    def invite(self) -> str:
        """The administrator invites it; gives the code on the paper."""
        page = self.at_centre().post("/class-servers/new", data={"classroom": self.classroom, "title": "Class server Korday", "code": self.room.code})
        assert page.status_code == 200
        assert f"SABAQ_HOST=0.0.0.0 SABAQ_ROLE=classroom SABAQ_NODE={self.room.code} make run" in page.text
        found = re.search(r'class="receipt ltr">([^<]+)<', page.text)
        assert found
        return found.group(1)

    def node_page(self) -> str:
        """Address of the class server's page at the centre."""
        with self.centre.database.sessions() as db:
            return f"/class-servers/{db.scalars(sa.select(Node.id).where(Node.code == self.room.code)).one()}"


def with_pages(node: Installation) -> Flask:
    """Its pages; forms need no CSRF token here."""
    app = create_app(node.config, node.database)
    app.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
    return app


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """See Pair."""
    centre, room = install(tmp_path, "centre", role="centre"), install(tmp_path, "class-korday", role="classroom")
    with work(centre.database) as db:
        top = make_office(db, kind="centre")
        office = make_office(db, top)
        agency = make_agency(db, db.get_one(Country, top.country_id))
        admin = make_person(db, top, agency=agency)
        give_role(db, admin, Role.ADMINISTRATOR, top)
        manager = make_person(db, office, agency=agency, family="Akhmetov", given="Daulet")
        give_role(db, manager, Role.CLASS_MANAGER, office)
        classroom = make_classroom(db, office)
        cookie = make_sign_in(db, admin)
        joining.keep_own_row(db, keys=centre.keys, address="", now=clock.now())
        ids = str(classroom.id), str(manager.id)
    yield Pair(centre, room, with_pages(centre), with_pages(room), cookie, *ids)
    centre.close()
    room.close()


@pytest.mark.goal("NET-02")
def test_before_it_has_joined_every_page_of_a_class_server_leads_to_the_joining(pair: Pair) -> None:
    """No sign-in of an empty database: whoever comes sees what this is and how it joins; health stays health."""
    client = pair.room_app.test_client()

    for path in ("/", "/sign-in", "/runs", "/class-accounts", "/nowhere"):
        answer = client.get(path)
        assert (answer.status_code, answer.location) == (302, "/join"), path
    assert client.post("/sign-in/password", data={"name": "x", "password": "y"}).status_code == 303
    page = client.get("/join")
    assert page.status_code == 200
    assert "has not joined its centre yet" in page.text
    assert client.get("/healthz").json == {"status": "ok"}


def test_nobody_goes_on_with_a_joining_who_does_not_know_its_code(pair: Pair) -> None:
    """Another browser of the room sees the first page only: it can neither confirm, nor take answers, nor make accounts."""
    client, stranger = pair.room_app.test_client(), pair.room_app.test_client()
    code = pair.invite()
    assert client.post("/join/code", data={"code": code, "address": ""}).status_code == 303

    assert pair.room.keys.public.fingerprint not in stranger.get("/join").text
    assert pair.room.keys.public.fingerprint in client.get("/join").text
    for path in ("/join/confirm", "/join/answer", "/join/afresh", "/join/account", "/join/ask", "/join/snapshot"):
        assert stranger.post(path, data={"compared": "y"}).status_code == 403, path
    assert stranger.get("/join/request").status_code == 403
    assert stranger.post("/join/code", data={"code": "K7M2P", "address": ""}).status_code == 422


@pytest.mark.goal("NET-02")
def test_joining_by_pages_and_a_stick(pair: Pair) -> None:
    """From the paper with the code to the class manager's sign-in, with two files carried and no line at all."""
    admin, room = pair.at_centre(), pair.room_app.test_client()
    assert room.post("/join/code", data={"code": pair.invite(), "address": ""}).location == "/join"
    request = room.get("/join/request").data

    first = admin.post("/class-servers/letter", data={"file": (io.BytesIO(request), "request.json")})
    assert first.status_code == 200
    assert room.post("/join/answer", data={"file": (io.BytesIO(first.data), "answer.json")}).status_code == 303
    page = room.get("/join").text
    assert pair.centre.keys.public.fingerprint in page
    assert room.post("/join/confirm", data={}).status_code == 422  # nobody has ticked that he compared
    assert room.post("/join/confirm", data={"compared": "y"}).status_code == 303
    assert "must accept this server" in room.get("/join").text

    shown = admin.get(pair.node_page()).text
    assert pair.room.keys.public.fingerprint in shown
    accept = re.search(r'action="(/class-servers/requests/[^"]+/accept)"', shown)
    assert accept
    assert admin.post(accept.group(1), data={}).status_code == 422
    assert admin.post(accept.group(1), data={"compared": "y"}).status_code == 303
    second = admin.post("/class-servers/letter", data={"file": (io.BytesIO(request), "request.json")})
    assert room.post("/join/answer", data={"file": (io.BytesIO(second.data), "answer.json")}).status_code == 303
    assert "The first snapshot" in room.get("/join").text

    made = pair.centre.bundle(pair.room, now=clock.now())
    assert made.path is not None
    taken = room.post("/join/snapshot", data={"file": (io.BytesIO(made.path.read_bytes()), "first.sabaq")})
    assert taken.status_code == 303, taken.text
    page = room.get("/join").text
    assert "Akhmetov" in page
    account = {"person": pair.manager, "user_name": "dakhmetov", "new": "four words of my own", "again": "four words of my own"}
    assert room.post("/join/account", data=account | {"again": "other words of my own"}).status_code == 422
    assert room.post("/join/account", data=account).location == "/sign-in"

    assert room.get("/join").location == "/"
    assert room.post("/join/account", data=account).status_code == 404
    signed = room.post("/sign-in/password", data={"name": "dakhmetov", "password": "four words of my own"})
    assert signed.status_code == 303
    assert room.get("/start", follow_redirects=True).status_code == 200
    with pair.room.database.sessions() as db:
        assert db.scalars(sa.select(Classroom.owner_node)).all() == [pair.room.code]
        assert db.scalar(sa.select(AuditEvent.id).where(AuditEvent.what == "first account")) is not None


@pytest.mark.goal("NET-02")
def test_the_first_snapshot_on_a_stick_says_that_the_centre_has_accepted(pair: Pair) -> None:
    """After the fingerprints were compared no second letter has to travel: the bundle that the centre writes is its word."""
    admin, room = pair.at_centre(), pair.room_app.test_client()
    room.post("/join/code", data={"code": pair.invite(), "address": ""})
    answer = admin.post("/class-servers/letter", data={"file": (io.BytesIO(room.get("/join/request").data), "request.json")})
    room.post("/join/answer", data={"file": (io.BytesIO(answer.data), "answer.json")})
    room.post("/join/confirm", data={"compared": "y"})
    accept = re.search(r'action="(/class-servers/requests/[^"]+/accept)"', admin.get(pair.node_page()).text)
    assert accept
    admin.post(accept.group(1), data={"compared": "y"})

    assert "none this year: it can issue no certificate" in admin.get(pair.node_page()).text
    assert 'action="/join/snapshot"' in room.get("/join").text
    made = pair.centre.bundle(pair.room, now=clock.now())
    assert made.path is not None
    assert room.post("/join/snapshot", data={"file": (io.BytesIO(made.path.read_bytes()), "first.sabaq")}).status_code == 303
    heard = trust.read(pair.room.config.folder)
    assert heard is not None
    assert heard.accepted is True
    assert "Akhmetov" in room.get("/join").text


def test_a_wrong_file_in_place_of_a_request_is_refused_at_its_field(pair: Pair) -> None:
    """Another file, or none: the list comes again and says at the file which one is wanted."""
    admin = pair.at_centre()
    wrong = admin.post("/class-servers/letter", data={"file": (io.BytesIO(b"{}"), "notes.json")})
    none = admin.post("/class-servers/letter", data={})

    assert (wrong.status_code, none.status_code) == (422, 422)
    assert re.search(r'class="err" id="file-e1">This is not a letter of a class server', wrong.text)
    assert "A request came on a stick" in wrong.text
    assert "Choose the file of the request" in none.text


def test_others_of_the_class_get_a_start_password_from_the_class_manager(pair: Pair) -> None:
    """Passwords never travel: the class manager prints one for a colleague, never for an administrator."""
    with work(pair.room.database) as db:
        db.info.pop("role")  # what comes down from the centre is put here by hand
        office = make_office(db)
        db.add(Node(code=pair.room.code, role="classroom", title="Class server", office_id=office.id, state="joined"))
        manager, trainer, boss = (make_person(db, office, family=name) for name in ("Manager", "Trainer", "Boss"))
        for person, role in ((manager, Role.CLASS_MANAGER), (trainer, Role.TRAINER), (boss, Role.ADMINISTRATOR)):
            give_role(db, person, role, office)
        signing_in.set_password(db, person_id=manager.id, password_hash=credentials.hash_password("four words of my own"), now=clock.now() - timedelta(days=1), user_name="m")
        cookie = make_sign_in(db, manager)
        ids = [person.id for person in (manager, trainer, boss)]
    client = pair.room_app.test_client()
    with client.session_transaction() as session:
        session["_user_id"], session["_fresh"] = cookie, True

    assert "Trainer" in client.get("/class-accounts").text
    paper = client.post(f"/class-accounts/{ids[1]}")
    refused = [client.post(f"/class-accounts/{person_id}").status_code for person_id in (ids[0], ids[2], pair.manager)]

    assert paper.status_code == 200
    assert re.search(r'class="receipt">([2-9A-Z]{9}-){2}[2-9A-Z]{9}<', paper.text)
    assert refused == [404, 404, 404]


@pytest.mark.goal("NET-02")
def test_joining_over_a_line(pair: Pair) -> None:
    """With the centre's address the same goes over the line: asked, compared on both sides, accepted; no internet name is needed."""
    from tests import live

    with live.serving(pair.centre.config, pair.centre.database) as served:
        room, code = pair.room_app.test_client(), pair.invite()
        refused = room.post("/join/code", data={"code": handshake.new_code(), "address": served.url})
        assert refused.status_code == 422
        with pair.centre.database.sessions() as db:
            assert db.scalar(sa.select(sa.func.count()).select_from(AuditEvent).where(AuditEvent.what.startswith("join"))) == 0  # strangers fill nothing
        assert "no such code" in re.sub("<[^>]+>", "", refused.text), re.findall(r'class="err.*', refused.text)
        assert trust.read(pair.room.config.folder) is None  # another code can be typed at once
        assert room.post("/join/code", data={"code": code, "address": f"{served.url}/nowhere"}).status_code == 422
        assert room.post("/join/code", data={"code": code, "address": served.url}).status_code == 303
        assert pair.centre.keys.public.fingerprint in room.get("/join").text
        assert room.post("/join/confirm", data={"compared": "y"}).status_code == 303

        admin = pair.at_centre()
        shown = admin.get(pair.node_page()).text
        assert pair.room.keys.public.fingerprint in shown
        accept = re.search(r'action="(/class-servers/requests/[^"]+/accept)"', shown)
        assert accept
        assert room.post("/join/ask").status_code == 303
        assert "must accept this server" in room.get("/join").text
        assert admin.post(accept.group(1), data={"compared": "y"}).status_code == 303
        assert room.post("/join/ask").status_code == 303

        assert "The first snapshot" in room.get("/join").text
        found = trust.read(pair.room.config.folder)
        assert found is not None
        assert (found.accepted, found.trusted, found.address) == (True, True, served.url)
