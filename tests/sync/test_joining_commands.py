"""Joining, revoking and releasing from a terminal: what is said, and with which exit code."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from app import clock
from app.cli import sync_group
from app.offices.models import Office
from app.people import credentials, signing_in
from app.policy import Role
from app.sync.models import AuditEvent, Node, StoredSegment
from app.work import work
from tests.factories import give_role, make_classroom, make_office, make_person
from tests.sync.nodes import NOW, Installation, install


@dataclass
class Terminals:
    """A centre and a class server, each with somebody at its terminal."""

    centre: Installation
    room: Installation

    def say(self, node: Installation, *words: str, typed: str = "") -> Result:
        """One command at a node."""
        env = {
            "SABAQ_NODE": node.code, "SABAQ_ROLE": node.config.ROLE, "SABAQ_INSTANCE": node.config.INSTANCE, "SABAQ_SECRET_KEY": "k" * 40,
            "SABAQ_PEPPER": "p" * 40,
        }
        return CliRunner().invoke(sync_group, list(words), env=env, input=typed)


@pytest.fixture
def terminals(tmp_path: Path) -> Terminals:
    """See Terminals; the centre has one office with a classroom."""
    nodes = Terminals(install(tmp_path, "centre", role="centre"), install(tmp_path, "class-korday", role="classroom"))
    with work(nodes.centre.database) as db:
        make_classroom(db, make_office(db, make_office(db, kind="centre"), code="KZ-KORDAY"))
    return nodes


def join(terminals: Terminals, folder: Path) -> None:
    """All steps, as the documentation has them."""
    centre, room = terminals.centre, terminals.room
    invited = terminals.say(centre, "invite", "--code", "class-korday", "--title", "Class server Korday", "--office", "KZ-KORDAY")
    assert invited.exit_code == 0, invited.output
    code = invited.output.splitlines()[0].rsplit(" ", 1)[1]
    assert terminals.say(room, "join", code, "--request", str(folder / "request.json")).exit_code == 0
    words = ("accept", "--request", str(folder / "request.json"), "--answer", str(folder / "answer.json"))
    looked = terminals.say(centre, *words)
    assert "Compare by telephone" in looked.output
    wrong = terminals.say(centre, *words, "--fingerprint", "AAAA-BBBB-CCCC-DDDD")
    assert (wrong.exit_code, "not what was typed" in wrong.output) == (1, True)
    assert "It has joined" in terminals.say(centre, *words, "--fingerprint", room.keys.public.fingerprint.lower()).output
    assert "has accepted" in terminals.say(room, "join", code, "--answer", str(folder / "answer.json")).output
    assert terminals.say(room, "trust", "AAAA-BBBB-CCCC-DDDD").exit_code == 1
    assert terminals.say(room, "trust", centre.keys.public.fingerprint).exit_code == 0


def test_a_class_server_joins_from_two_terminals(terminals: Terminals, tmp_path: Path) -> None:
    """Invite, join, accept, trust; the list of nodes says so, also as JSON; the line is named later."""
    join(terminals, tmp_path)

    listed = terminals.say(terminals.centre, "nodes", "--json")
    assert listed.exit_code == 0, repr(listed.exception)
    found = json.loads(listed.output)
    assert [(one["code"], one["state"], one["asks"]) for one in found["nodes"]] == [("centre", "joined", None), ("class-korday", "joined", None)]
    assert found["fingerprint"] == terminals.centre.keys.public.fingerprint
    assert "No line" in terminals.say(terminals.room, "line").output
    assert "https://centre.example" in terminals.say(terminals.room, "line", "https://centre.example/").output
    assert terminals.say(terminals.room, "line", "centre").exit_code == 1


@pytest.mark.parametrize(
    ("side", "words", "sentence"),
    [
        ("centre", ("join", "K7M2P-K7M2P-K7M2P"), "This node is a centre"),
        ("room", ("join", "K7M2P"), "15 letters"),
        ("room", ("trust", "AAAA"), "has not answered yet"),
        ("room", ("line", "http://a"), "has not asked yet"),
        ("centre", ("accept", "class-nowhere"), "no class server class-nowhere"),
        ("centre", ("revoke", "centre", "--why", "x", "--yes"), "no class server centre"),
        ("centre", ("invite", "--code", "class-2", "--title", "Two", "--office", "NOWHERE"), "0 classrooms"),
    ],
)
def test_what_cannot_be_done_is_a_sentence_and_exit_code_1(terminals: Terminals, side: str, words: tuple[str, ...], sentence: str) -> None:
    """No traceback, and what to look at."""
    said = terminals.say(getattr(terminals, side), *words)

    assert (said.exit_code, sentence in said.output) == (1, True), said.output


def test_quarantine_is_released_with_two_peoples_passwords(terminals: Terminals, tmp_path: Path) -> None:
    """Who is at the terminal says who he is by his password; somebody without the right, or a wrong password, says nothing."""
    join(terminals, tmp_path)
    credentials.use_pepper("p" * 40)
    with work(terminals.centre.database) as db:
        top = db.scalars(sa.select(Office).where(Office.kind == "centre")).one()
        for name, role in (("one", Role.ADMINISTRATOR), ("two", Role.OPERATOR), ("three", Role.TRAINER)):
            person = make_person(db, top)
            give_role(db, person, role, top)
            signing_in.set_password(db, person_id=person.id, password_hash=credentials.hash_password(f"the password of {name}"), now=clock.now(), user_name=name)
    assert terminals.say(terminals.centre, "revoke", "class-korday", "--why", "stolen", "--yes").exit_code == 0

    def word(name: str, password: str = "") -> Result:
        return terminals.say(terminals.centre, "release", "class-korday", "--user-name", name, "--reason", "papers agree", typed=(password or f"the password of {name}") + "\n")

    assert "Nothing of class-korday is in quarantine" in word("one").output
    with work(terminals.room.database) as db:
        db.add(AuditEvent(at=NOW, actor_id=None, what="export"))
    assert terminals.centre.take(terminals.room.bundle(terminals.centre).path).quarantined == 1

    assert word("three").exit_code == 1
    assert word("one", "another password").exit_code == 1
    assert "second person" in word("one").output
    assert word("one").exit_code == 1
    assert "it counts now" in word("two").output
    with terminals.centre.database.sessions() as db:
        assert set(db.scalars(sa.select(StoredSegment.state).where(StoredSegment.node == "class-korday"))) == {"released"}
        assert db.scalars(sa.select(Node.state).where(Node.code == "class-korday")).one() == "revoked"
