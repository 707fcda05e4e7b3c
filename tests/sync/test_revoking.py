"""A class server is stolen: revoked in one action, its later word in quarantine, the class goes on with a new one."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.certificates import services as certificates
from app.certificates.models import NumberBlock, SigningKey
from app.certificates.queries import open_blocks
from app.clock import Uptime
from app.errors import Conflict, Invalid
from app.offices.models import Classroom, Country
from app.people import credentials, signing_in
from app.people.models import Person
from app.policy import Role
from app.quizzes import services as quizzes
from app.quizzes.models import Answer, Attempt, AttemptClock, AttemptEvent, Mark
from app.runs.models import CourseRun, Enrolment
from app.sync import handover, handshake, joining, keys, trust
from app.sync.models import HandOver, JoinCode, Node, SegmentRelease, StoredSegment
from app.work import work
from tests.factories import (
    a_moment,
    added,
    give_role,
    make_agency,
    make_classroom,
    make_office,
    make_person,
    make_sign_in,
)
from tests.quizzes.rows import Hands, content, make_attempt, make_enrolment, make_run
from tests.sync.node_rows import make_node
from tests.sync.nodes import Installation, install
from tests.sync.test_joining import with_pages

NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)


# ---- revoking --------------------------------------------------------------------------------------------------------


def test_revoking_ends_the_key_its_codes_its_certificate_key_and_its_numbers(db: Session) -> None:
    """One action with a reason: nothing that a thief prints or sends counts by itself any more."""
    node = make_node(db, make_office(db), state="joined")
    other = make_node(db, make_office(db), state="joined")
    key = added(db, SigningKey(key_id=uuid.uuid4().hex[:12], node=node.code, public_key="x", made_at=a_moment(), owner_node=node.code))
    block = added(db, NumberBlock(country_code="QQ", year=2026, first=int(uuid.uuid4()) % 10**6, last=10**7, given_to=node.code, given_at=a_moment()))
    theirs = added(db, SigningKey(key_id=uuid.uuid4().hex[:12], node=other.code, public_key="x", made_at=a_moment(), owner_node=other.code))
    db.commit()
    db.info["writing"] = True

    with pytest.raises(Invalid) as refused:
        joining.revoke(db, node, why="  ", by=None, now=a_moment())
    joining.revoke(db, node, why="stolen, report 114", by=None, now=a_moment())
    db.commit()

    assert set(refused.value.fields) == {"why"}
    assert (node.state, node.revoked_at, node.revoked_why, node.cut) == ("revoked", a_moment(), "stolen, report 114", [])
    assert (key.revoked_at, key.owner_node, block.closed_at, theirs.revoked_at) == (a_moment(), "test", a_moment(), None)
    db.info["writing"] = True
    with pytest.raises(Conflict):
        joining.revoke(db, node, why="again", by=None, now=a_moment())


def test_a_server_that_was_invited_and_revoked_does_not_join(db: Session) -> None:
    """Its printed code ends with it; a code is never given to it again."""
    node, code = joining.invite(db, code="class-gone", title="Gone", room=make_classroom(db), by=None, now=a_moment())
    joining.revoke(db, node, why="the paper was lost", by=None, now=a_moment())

    assert db.scalars(sa.select(JoinCode.expires_at).where(JoinCode.node_id == node.id)).one() == a_moment()
    with pytest.raises(Conflict):
        joining.give_code(db, node, by=None, now=a_moment())
    with pytest.raises(Invalid, match="revoked"):
        joining.take_request(db, handshake.request(node="class-gone", keys=keys.make(), secret=handshake.code_hash(code), release="1", now=NOW), way="https", now=a_moment())


def test_only_a_revoked_server_is_replaced_and_only_once(db: Session) -> None:
    """While it exchanges nobody takes its place; two servers cannot take one place."""
    office = make_office(db)
    old = make_node(db, office, state="joined")
    room = db.get_one(Classroom, old.classroom_id)

    with pytest.raises(Invalid) as refused:
        joining.invite(db, code="class-new", title="New", room=room, replaces=old, by=None, now=a_moment())
    assert set(refused.value.fields) == {"classroom", "replaces"}
    joining.revoke(db, old, why="stolen", by=None, now=a_moment())
    new, _ = joining.invite(db, code="class-new", title=old.title, room=room, replaces=old, by=None, now=a_moment())
    with pytest.raises(Invalid) as refused:
        joining.invite(db, code="class-newer", title="Newer", room=make_classroom(db, office), replaces=old, by=None, now=a_moment())

    assert new.replaces_id == old.id
    assert set(refused.value.fields) == {"replaces"}


# ---- theft, by the engine --------------------------------------------------------------------------------------------


@dataclass
class Theft:
    """A centre and a class server that has taught for a morning."""

    folder: Path
    centre: Installation
    old: Installation
    run_id: uuid.UUID
    enrolments: list[uuid.UUID]
    bosses: list[uuid.UUID]

    def revoke(self) -> None:
        """The centre learns of the theft."""
        with work(self.centre.database) as db:
            joining.revoke(db, joining.named(db, self.old.code), why="stolen in the night, report 114", by=self.bosses[0], now=NOW)

    def state_of(self, *hashes: str) -> list[str]:
        """How the centre keeps these segments."""
        with self.centre.database.sessions() as db:
            return [db.scalars(sa.select(StoredSegment.state).where(StoredSegment.hash == one)).one() for one in hashes]

    def says(self, who: int, *, release: bool = True) -> bool:
        """A person's word about what is in quarantine."""
        with work(self.centre.database) as db:
            node = joining.named(db, self.old.code)
            held = joining.quarantine(db, node)
            assert held is not None
            return joining.say_of_quarantine(
                db, node, hash=held.last, release=release, reason="compared with the papers", by=self.bosses[who], now=NOW + timedelta(minutes=who),
            )

    def answers(self) -> int:
        """Answers that count at the centre."""
        with self.centre.database.sessions() as db:
            return db.scalar(sa.select(sa.func.count()).select_from(Answer)) or 0


def joined(folder: Path, centre: Installation, code: str, room_id: uuid.UUID, *, replaces: str = "", now: datetime = NOW) -> Installation:
    """A new class server of a room: invited, asked, compared, accepted, confirmed."""
    node = install(folder, code, role="classroom")
    with work(centre.database) as db:
        joining.keep_own_row(db, keys=centre.keys, address="", now=now)
        old = joining.named(db, replaces) if replaces else None
        _, text = joining.invite(db, code=code, title="Class server Korday", room=db.get_one(Classroom, room_id), replaces=old, by=None, now=now)
        asked = joining.ask(node.config.folder, node=code, typed=text, address="", now=now)
        request, secret = joining.take_request(db, asked.request.encode(), way="stick", now=now)
        joining.accept(db, request, by=None, now=now, typed=node.keys.public.fingerprint)
        answer = joining.answer(db, asked.request.encode(), secret, keys=centre.keys, now=now)
    joining.hear(node.config.folder, answer)
    joining.confirm(node.config.folder, now=now, typed=centre.keys.public.fingerprint)
    return node


@pytest.fixture
def theft(tmp_path: Path) -> Iterator[Theft]:
    """See Theft: two trainees, one handed in, one in the middle of his test; the stick of noon has reached the centre."""
    hands = Hands(NOW)
    with clock.using(hands):
        centre = install(tmp_path, "centre", role="centre")
        with work(centre.database) as db:
            top = make_office(db, kind="centre")
            office = make_office(db, top)
            agency = make_agency(db, db.get_one(Country, top.country_id))
            room = make_classroom(db, office)
            bosses = [make_person(db, top, agency=agency).id for _ in range(2)]
            for boss in bosses:
                give_role(db, db.get_one(Person, boss), Role.ADMINISTRATOR, top)
            manager = make_person(db, office, agency=agency)
            give_role(db, manager, Role.CLASS_MANAGER, office)
            run = make_run(db, content(media=[]), office=office)
            run.classroom_id = room.id
            enrolments = [make_enrolment(db, run, make_person(db, office, agency=agency), number=n + 1).id for n in range(2)]
            ids = run.id, room.id
        old = joined(tmp_path, centre, "class-korday", ids[1])
        with work(centre.database) as db:
            handover.give(db, db.get_one(CourseRun, ids[0]), server=joining.named(db, old.code), by=bosses[0], now=NOW)
        old.take(centre.bundle(old).path)
        for n, enrolment_id in enumerate(enrolments):
            with work(old.database) as db:
                attempt = make_attempt(db, db.get_one(Enrolment, enrolment_id))
                hands.passes(120)
                save(db, attempt.id, attempt.draw[0])
                if n == 0:
                    quizzes.hand_in(db, attempt.id, now=clock.now(), uptime=clock.uptime())
        centre.take(old.bundle(centre, now=NOW).path)
        yield Theft(tmp_path, centre, old, ids[0], enrolments, bosses)
        old.close()
        centre.close()


def save(db: Session, attempt_id: uuid.UUID, question: str, *, writer: str = "the-first-tab", revision: int = 1) -> Any:
    """One saved answer."""
    return quizzes.save_answer(
        db, attempt_id, question=question, response={}, revision=revision, key=uuid.uuid4().hex, writer=writer, now=clock.now(), uptime=clock.uptime(),
    )


def more_by_the_thief(theft: Theft) -> str:
    """The stolen server goes on: another answer in the open test; gives the path of a bundle for the centre."""
    with work(theft.old.database) as db:
        attempt = db.scalars(sa.select(Attempt).where(Attempt.state == "open")).one()
        save(db, attempt.id, attempt.draw[1])
    made = theft.old.bundle(theft.centre, now=NOW)
    assert made.path is not None
    return str(made.path)


@pytest.mark.goal("NET-13")
def test_what_a_stolen_server_sends_later_waits_for_two_people(theft: Theft) -> None:
    """Up to the last receipted head everything stands; later segments are kept, not applied, until two different people let them in."""
    theft.revoke()
    before = theft.answers()
    with theft.centre.database.sessions() as db:
        node = joining.named(db, theft.old.code)
        receipted = [head["hash"] for head in node.cut]
        assert receipted
        assert db.scalars(sa.select(StoredSegment.state).where(StoredSegment.node == node.code)).all().count("applied") >= 1

    outcome = theft.centre.take(Path(more_by_the_thief(theft)))

    assert (outcome.quarantined, outcome.taken.new, theft.answers()) == (1, 0, before)
    assert theft.state_of(*receipted) == ["applied"] * len(receipted)
    with theft.centre.database.sessions() as db:
        assert joining.what_is_in(db, joining.named(db, theft.old.code)).get("answer") == 1

    assert theft.says(0) is False
    with pytest.raises(Conflict):
        theft.says(0)  # the same person twice is one person
    assert theft.answers() == before
    assert theft.says(1) is True
    assert theft.answers() == before + 1
    with theft.centre.database.sessions() as db:
        assert joining.quarantine(db, joining.named(db, theft.old.code)) is None
        assert db.scalar(sa.select(sa.func.count()).select_from(SegmentRelease)) == 2


def test_a_refusal_keeps_it_out_and_more_asks_anew(theft: Theft) -> None:
    """Who has said no is not counted as yes; what comes later needs words of its own."""
    theft.revoke()
    theft.centre.take(Path(more_by_the_thief(theft)))
    before = theft.answers()

    assert theft.says(0) is False
    assert theft.says(1, release=False) is False
    assert theft.answers() == before
    with theft.old.database.sessions() as db:
        attempt = db.scalars(sa.select(Attempt).where(Attempt.state == "open")).one()
    with work(theft.old.database) as db:
        save(db, attempt.id, attempt.draw[0], revision=2)
    theft.centre.take(theft.old.bundle(theft.centre, now=NOW).path)
    with theft.centre.database.sessions() as db:
        held = joining.quarantine(db, joining.named(db, theft.old.code))
    assert held is not None
    assert (held.segments, held.words) == (2, [])


@pytest.mark.goal("NET-13")
def test_the_server_in_its_place_can_issue_certificates_at_once(theft: Theft) -> None:
    """As many numbers as the revoked one was given come down with the first snapshot, and they are others: a thief may have printed those."""
    with work(theft.centre.database) as db:
        country = db.scalars(sa.select(Country.code)).one()
        given = certificates.give_block(db, country_code=country, year=NOW.year, count=30, given_to=theft.old.code, now=NOW)
        certificates.give_block(db, country_code=country, year=NOW.year - 1, count=30, given_to=theft.old.code, now=NOW)
        last, room_id = given.last, db.get_one(CourseRun, theft.run_id).classroom_id
    theft.revoke()
    assert room_id is not None
    new = joined(theft.folder, theft.centre, "class-korday-2", room_id, replaces=theft.old.code)

    new.take(theft.centre.bundle(new, now=NOW).path)

    with new.database.sessions() as db:
        [(block, numbers)] = open_blocks(db, node=new.code, country=country, year=NOW.year)
        assert (block.first, numbers.left) == (last + 1, 30)
        assert db.scalars(sa.select(NumberBlock.year).where(NumberBlock.given_to == new.code)).all() == [NOW.year]
    new.close()


@pytest.mark.goal("NET-13")
def test_the_class_goes_on_with_a_new_server_from_snapshot_and_last_stick(theft: Theft) -> None:
    """A new server with a new key takes the place: it holds attempts, answers and results of before, and the open test goes on there."""
    theft.revoke()
    with theft.centre.database.sessions() as db:
        room_id = db.get_one(CourseRun, theft.run_id).classroom_id
    assert room_id is not None
    new = joined(theft.folder, theft.centre, "class-korday-2", room_id, replaces=theft.old.code)

    new.take(theft.centre.bundle(new, now=NOW).path)

    with new.database.sessions() as db:
        attempts = db.scalars(sa.select(Attempt).order_by(Attempt.state)).all()
        assert [(one.state, one.owner_node) for one in attempts] == [("handed-in", new.code), ("open", new.code)]
        assert {db.get_one(CourseRun, theft.run_id).owner_node, *db.scalars(sa.select(Enrolment.owner_node)), *db.scalars(sa.select(Classroom.owner_node))} == {new.code}
        assert db.scalar(sa.select(sa.func.count()).select_from(Answer)) == 2
        assert db.scalar(sa.select(sa.func.count()).select_from(Mark)) == len(attempts[0].draw)
        assert db.scalars(sa.select(Node.state).where(Node.code == theft.old.code)).one() == "revoked"
        enrolment_id, open_id = attempts[1].enrolment_id, attempts[1].id
    with work(new.database) as db:
        assert quizzes.take_up(db, now=clock.now(), uptime=clock.uptime()) == 1
        assert quizzes.take_up(db, now=clock.now(), uptime=clock.uptime()) == 0
        again = quizzes.start_attempt(db, enrolment_id=enrolment_id, quiz="post", now=clock.now(), uptime=clock.uptime())
        assert again.id == open_id
        opened = quizzes.open_attempt(db, open_id, writer="new-tab", now=clock.now(), uptime=clock.uptime())
        assert opened.revisions == {again.draw[0]: 1}
        assert opened.remaining_ms == (25 * 60 - 120) * 1000  # the two minutes before his last saved answer are used
        save(db, open_id, again.draw[1], writer="new-tab")
        quizzes.hand_in(db, open_id, now=clock.now(), uptime=clock.uptime(), writer="new-tab")

    outcome = theft.centre.take(new.bundle(theft.centre, now=NOW).path)

    assert not outcome.taken.held
    with theft.centre.database.sessions() as db:
        assert db.scalars(sa.select(Attempt.state)).all() == ["handed-in", "handed-in"]
        assert theft.answers() == 3
        fact = db.scalars(sa.select(HandOver).where(HandOver.table == "node")).one()
        assert (fact.from_node, fact.to_node) == (theft.old.code, new.code)
    new.close()


def test_what_the_thief_changes_later_does_not_undo_what_the_class_did(theft: Theft) -> None:
    """Even after two people let it in: facts count, but the open test is no longer the stolen server's to hand in."""
    theft.revoke()
    with theft.centre.database.sessions() as db:
        room_id = db.get_one(CourseRun, theft.run_id).classroom_id
    assert room_id is not None
    new = joined(theft.folder, theft.centre, "class-korday-2", room_id, replaces=theft.old.code)
    with work(theft.old.database) as db:
        attempt = db.scalars(sa.select(Attempt).where(Attempt.state == "open")).one()
        attempt_id = attempt.id
        quizzes.hand_in(db, attempt_id, now=clock.now(), uptime=clock.uptime())
    theft.centre.take(theft.old.bundle(theft.centre, now=NOW).path)

    theft.says(0)
    assert theft.says(1) is True

    with theft.centre.database.sessions() as db:
        assert (db.get_one(Attempt, attempt_id).state, db.get_one(Attempt, attempt_id).owner_node) == ("open", new.code)
    new.close()


# ---- an open test that comes from another server ---------------------------------------------------------------------


def test_an_open_test_from_another_server_keeps_its_time(db: Session) -> None:
    """Used is what lay between the start and the last saved answer, without pauses there; time that was given stays; the invigilator resumes."""
    hands = Hands(NOW)
    with clock.using(hands):
        enrolment = make_enrolment(db)
        attempt = make_attempt(db, enrolment, "pre")
        hands.passes(600)
        save(db, attempt.id, attempt.draw[0])
        for what, ms in (("pause", None), ("resume", 240_000), ("credit", 120_000)):
            db.add(AttemptEvent(attempt_id=attempt.id, at=clock.now(), by_id=None, what=what, ms=ms))
        db.delete(db.scalars(sa.select(AttemptClock).where(AttemptClock.attempt_id == attempt.id)).one())
        db.flush()

        taken = quizzes.take_up(db, now=NOW + timedelta(days=2), uptime=Uptime("other", 5))

        running = db.scalars(sa.select(AttemptClock).where(AttemptClock.attempt_id == attempt.id)).one()
        assert (taken, running.used_ms, running.credit_ms, running.paused_at) == (1, 360_000, 120_000, NOW + timedelta(days=2))


# ---- the pages -------------------------------------------------------------------------------------------------------


def test_revoking_and_releasing_by_pages(theft: Theft) -> None:
    """The reason stands on the page; each of two administrators says his word; the new server is invited from there."""
    app = with_pages(theft.centre)
    with work(theft.centre.database) as db:
        cookies = [make_sign_in(db, db.get_one(Person, boss)) for boss in theft.bosses]
        address = f"/class-servers/{joining.named(db, theft.old.code).id}"
    clients = []
    for cookie in cookies:
        client = app.test_client()
        with client.session_transaction() as session:
            session["_user_id"], session["_fresh"] = cookie, True
        clients.append(client)
    one, two = clients

    assert one.post(f"{address}/revoke", data={"why": "stolen"}).status_code == 422  # not ticked
    assert one.post(f"{address}/revoke", data={"why": "", "sure": "y"}).status_code == 422
    assert one.post(f"{address}/revoke", data={"why": "stolen, report 114", "sure": "y"}).status_code == 303
    assert "stolen, report 114" in one.get(address).text
    theft.centre.take(Path(more_by_the_thief(theft)))
    page = one.get(address).text
    digest = re.search(r'name="hash"[^>]*value="([0-9a-f]{64})"', page)
    assert digest
    word = {"hash": digest.group(1), "reason": "papers agree"}
    assert one.post(f"{address}/quarantine/release", data=word | {"reason": ""}).status_code == 422
    assert one.post(f"{address}/quarantine/release", data=word | {"hash": "0" * 64}).status_code == 409
    assert one.post(f"{address}/quarantine/release", data=word).status_code == 303
    assert one.post(f"{address}/quarantine/release", data=word).status_code == 409
    assert two.post(f"{address}/quarantine/release", data=word).status_code == 303
    assert "In quarantine" not in two.get(address).text
    form = one.get(f"/class-servers/new?replaces={address.rsplit('/', 1)[1]}").text
    assert "class-korday-2" in form
    assert 'value="Class server Korday (2)"' in form


def test_a_revoked_server_says_so_on_its_pages(tmp_path: Path) -> None:
    """Once it knows, everybody in that room sees it: its results do not count any more."""
    node = install(tmp_path, "class-korday", role="classroom")
    with work(node.database) as db:
        db.info.pop("role")  # what comes down from the centre is put here by hand
        office = make_office(db)
        manager = make_person(db, office)
        give_role(db, manager, Role.CLASS_MANAGER, office)
        db.add(Node(code=node.code, role="classroom", title="Class server", office_id=office.id, state="joined"))
        db.flush()
        credentials.use_pepper("p" * 40)
        signing_in.set_password(db, person_id=manager.id, password_hash=credentials.hash_password("four words of my own"), now=clock.now(), user_name="m")
        cookie = make_sign_in(db, manager)
    client = with_pages(node).test_client()
    with client.session_transaction() as session:
        session["_user_id"], session["_fresh"] = cookie, True

    joining.ask(node.config.folder, node=node.code, typed=handshake.new_code(), address="", now=NOW)
    assert "was revoked" not in client.get("/offices").text

    trust.revoked(node.config.folder, at=NOW)

    assert "was revoked" in client.get("/offices").text
    node.close()
