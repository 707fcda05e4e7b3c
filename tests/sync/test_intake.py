"""The intake desk: what cannot be taken in is kept with its reason, seen beside what stands here, and settled by a person's word."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.errors import Conflict, Invalid
from app.offices.models import Agency, Office
from app.people import merging
from app.people.models import Person, Posting
from app.policy import Role
from app.runs.models import Enrolment
from app.sync import intake, rebuild
from app.sync.models import AuditEvent, HandOver, HeldEntry
from app.work import work
from tests.factories import a_moment, make_office, make_person, make_staff
from tests.runs import rows as runs
from tests.sync.desk_rows import an_exchange, conflict, make_server, newcomer
from tests.sync.nodes import NOW, Installation, centre_and_class, install, office_of

SignIn = Callable[[Person], FlaskClient]


@pytest.fixture
def office(db: Session) -> Office:
    """An office."""
    return make_office(db)


@pytest.fixture
def planner(db: Session, office: Office) -> Person:
    """Who decides at the desk."""
    return make_staff(db, Role.TRAINING_OFFICER, office)


# ---- the desk --------------------------------------------------------------------------------------------------------


@pytest.mark.goal("NET-07")
def test_the_desk_shows_what_came_and_what_needs_a_person(client_of: SignIn, db: Session, office: Office, planner: Person) -> None:
    """New, known and refused by reason, bundle by bundle; conflicts first, what settles itself apart; other offices' nodes are not there."""
    server, _, _ = conflict(db, office)
    an_exchange(db, server.node.code, counts={"new": 12, "known": 3, "held": {"conflict": 1}, "tables": {"answer": 12}})
    other = make_server(db, make_office(db), title="Elsewhere")
    an_exchange(db, other.node.code)
    title = server.node.title

    page = client_of(planner).get("/exchange/intake").get_data(as_text=True)

    assert "1 · conflict with another record" in page
    assert "12 answers" in page
    assert "1 more settles itself" in page
    assert title in page
    assert "Elsewhere" not in page


@pytest.mark.goal("NET-07")
def test_a_conflict_is_shown_with_both_contents_side_by_side(client_of: SignIn, db: Session, office: Office, planner: Person) -> None:
    """The class's file and the one that stands here, column by column, and where they differ; the look is audited."""
    _, held, known = conflict(db, office, service_number="10000113")

    page = client_of(planner).get(f"/exchange/held/{held.id}").get_data(as_text=True)

    assert page.count(f"<td>{known.service_number}</td>") == 2
    assert "<td><b>yes</b></td><td>no <span class=\"st st-note\">differs</span>" in page
    assert "Take it in and compare" in page
    assert db.scalar(sa.select(sa.func.count()).select_from(AuditEvent).where(AuditEvent.what == "held.read")) == 1


def test_an_entry_is_left_out_with_a_reason_only(client_of: SignIn, db: Session, office: Office, planner: Person) -> None:
    """Without a reason it stays on the desk; with one it is settled, who and why, once."""
    _, held, _ = conflict(db, office)
    held_id, planner_id, browser = held.id, planner.id, client_of(planner)

    assert browser.post(f"/exchange/held/{held_id}/aside", data={"reason": "  "}).status_code == 422
    assert browser.post(f"/exchange/held/{held_id}/aside", data={"reason": "registered twice by mistake"}).status_code == 303
    assert browser.post(f"/exchange/held/{held_id}/aside", data={"reason": "again"}).status_code == 409

    db.expire_all()
    held = db.get_one(HeldEntry, held_id)
    assert (held.settled_by, held.settled_how) == (planner_id, "set aside: registered twice by mistake")
    with pytest.raises(Invalid):
        intake.set_aside(db, conflict(db, office)[1], reason=" ", by=planner_id, now=a_moment())


@pytest.mark.goal("NET-10", "PPL-06")
def test_an_officer_registered_twice_is_taken_in_compared_and_merged(client_of: SignIn, db: Session, office: Office, planner: Person) -> None:
    """The class's file is taken in with a mark behind its number, what waited for it comes in, and both files become one."""
    server, held, known = conflict(db, office)
    held_id, row_id, known_id, node = held.id, held.row_id, known.id, server.node.code
    assert row_id is not None
    browser = client_of(planner)

    answer = browser.post(f"/exchange/held/{held_id}/take-in")

    assert answer.location == f"/people/{known_id}/merge/{row_id}"
    db.expire_all()
    person = db.get_one(Person, row_id)
    assert (person.service_number, person.owner_node) == (f"{known.service_number}#2", "test")
    assert db.scalar(sa.select(Posting.owner_node).where(Posting.person_id == row_id)) == node
    assert db.scalar(sa.select(sa.func.count()).select_from(HeldEntry).where(HeldEntry.settled_at.is_(None))) == 0
    assert browser.post(f"/exchange/held/{held_id}/take-in").status_code == 409

    compared = browser.get(answer.location).get_data(as_text=True)
    assert "same service number and agency" in compared
    done = browser.post(answer.location, data={"reason": "service card seen"})
    assert done.location == f"/people/{known_id}"
    assert "One file since" in browser.get(done.location).get_data(as_text=True)
    listed = browser.get("/people?q=Bekova").get_data(as_text=True)
    assert f"/people/{known_id}" in listed
    assert f"/people/{row_id}" not in listed


def test_what_was_in_the_way_is_changed_and_the_entry_tried_again(client_of: SignIn, db: Session, office: Office, planner: Person) -> None:
    """As long as the number stands twice nothing changes; once it was corrected here, the class's entry comes in as it was written."""
    _, held, known = conflict(db, office)
    held_id, row_id, number, browser = held.id, held.row_id, known.service_number, client_of(planner)

    assert browser.post(f"/exchange/held/{held_id}/again").location.endswith(str(held_id))
    db.info["writing"] = True
    known.service_number = "20419999"
    db.commit()
    assert browser.post(f"/exchange/held/{held_id}/again").location.endswith("/exchange/intake")

    db.expire_all()
    assert db.get_one(Person, row_id).service_number == number


def test_only_a_persons_file_is_taken_in_by_hand(db: Session, office: Office, planner: Person) -> None:
    """Any other conflict is settled by changing what stands here, or set aside."""
    _, held, _ = conflict(db, office)
    held.table = "seat"

    with pytest.raises(Conflict):
        intake.take_in(db, held, by=planner.id, now=a_moment())


# ---- provisional people ----------------------------------------------------------------------------------------------


@pytest.mark.goal("PPL-06")
def test_a_walk_in_of_a_class_is_confirmed_at_the_desk(client_of: SignIn, db: Session, office: Office, planner: Person) -> None:
    """He stands on the desk until his papers were seen; a number that somebody has leads to the comparison, a free one confirms him."""
    known = make_person(db, office)
    agency = db.get_one(Agency, known.agency_id)
    server = make_server(db, office)
    entry, posting = newcomer(server, known, service_number="W-2026-0008-3", display_name="Omarova Aliya"), str(uuid.uuid4())
    server.send(db, entry, ["c", "posting", posting, {
        "id": str(uuid.uuid4()), "at": NOW.isoformat(), "actor_id": None, "version": 1, "before": None, "after": {
            "id": posting, "owner_node": server.node.code, "person_id": entry[2], "office_id": str(office.id), "agency_id": str(agency.id),
            "rank": "", "post": "", "valid_from": "2026-11-01", "valid_to": None,
        }}])
    number, walk_in = known.service_number, uuid.UUID(entry[2])
    browser = client_of(planner)
    assert "W-2026-0008-3" in browser.get("/exchange/intake").get_data(as_text=True)
    address = f"/people/{walk_in}/confirm"

    taken = browser.post(address, data={"service_number": number, "reason": "card"})
    assert taken.status_code == 409 or taken.status_code == 422
    assert f"/merge/{walk_in}" in taken.get_data(as_text=True)
    assert browser.post(address, data={"service_number": "20417300", "reason": ""}).status_code == 422
    assert browser.post(address, data={"service_number": "20417300", "reason": "card seen"}).status_code == 303

    db.expire_all()
    person = db.get_one(Person, walk_in)
    assert (person.provisional, person.owner_node, person.service_number) == (False, "test", "20417300")
    assert db.scalar(sa.select(HandOver.from_node).where(HandOver.row_id == walk_in)) == server.node.code
    assert "W-2026-0008-3" not in browser.get("/exchange/intake").get_data(as_text=True)


@pytest.mark.goal("PPL-06")
def test_a_merge_is_undone_on_the_persons_page(client_of: SignIn, db: Session, office: Office, planner: Person) -> None:
    """Merged, the page says since when and why, and counts the run once; undone, both files have what they had. Both are audited."""
    agency = db.get_one(Agency, make_person(db, office).agency_id)
    kept = make_person(db, office, agency=agency, service_number="20417001")
    dropped = make_person(db, office, agency=agency, service_number="2041 7001")
    run = runs.make_run(db, office)
    place = runs.enrol(db, run, dropped, office)
    kept_id, dropped_id, code, place_id, browser = kept.id, dropped.id, run.code, place.id, client_of(planner)

    assert "same service number and agency" in browser.get("/people/doubles").get_data(as_text=True)
    assert browser.post(f"/people/{kept_id}/merge/{dropped_id}", data={"reason": ""}).status_code == 422
    assert browser.post(f"/people/{kept_id}/merge/{dropped_id}", data={"reason": "card"}).status_code == 303
    page = browser.get(f"/people/{kept_id}").get_data(as_text=True)
    assert page.count(code) == 1
    merge = merging.merges_of(db, kept_id)[0][0].id

    assert browser.post(f"/merges/{merge}/undo").status_code == 303

    db.expire_all()
    assert db.get_one(Enrolment, place_id).person_id == dropped_id
    assert code not in browser.get(f"/people/{kept_id}").get_data(as_text=True)
    assert browser.post(f"/merges/{merge}/undo").status_code == 409
    told = set(db.scalars(sa.select(AuditEvent.what).where(AuditEvent.what.like("person.%merge"))))
    assert told == {"person.merge", "person.unmerge"}


def test_a_refused_merge_says_what_to_do_first_and_changes_nothing(client_of: SignIn, db: Session, office: Office, planner: Person) -> None:
    """Both in one run: the page names the run, and nothing is half done."""
    agency = db.get_one(Agency, make_person(db, office).agency_id)
    kept = make_person(db, office, agency=agency, service_number="20417001")
    dropped = make_person(db, office, agency=agency, service_number="2041 7001")
    run = runs.make_run(db, office)
    runs.enrol(db, run, kept, office)
    runs.enrol(db, run, dropped, office)
    address, code = f"/people/{kept.id}/merge/{dropped.id}", run.code
    browser = client_of(planner)

    answer = browser.post(address, data={"reason": "card"})

    assert answer.status_code == 409
    assert f"Both files are enrolled in the run {code}" in answer.get_data(as_text=True)
    assert merging.merges_of(db, kept.id) == []


def test_files_of_other_offices_are_not_compared(client_of: SignIn, db: Session, office: Office, planner: Person) -> None:
    """Both files must be in the reader's offices, whichever of them is kept."""
    mine, other = make_person(db, office), make_person(db, make_office(db))
    browser = client_of(planner)

    assert browser.get(f"/people/{mine.id}/merge/{other.id}").status_code == 404
    assert browser.get(f"/people/{other.id}/merge/{mine.id}").status_code == 404


# ---- two real nodes --------------------------------------------------------------------------------------------------


def register_at(node: Installation, number: str, family: str) -> uuid.UUID:
    """Somebody registered at a node."""
    with work(node.database) as db:
        office = db.get_one(Office, office_of(node))
        return make_person(db, office, family=family, agency=db.scalars(sa.select(Agency)).one(), service_number=number, provisional=True).id


@pytest.mark.goal("NET-10")
def test_a_person_taken_in_by_hand_comes_out_the_same_from_the_segments_alone(tmp_path: Path) -> None:
    """Registered at two classes, taken in and merged: late facts follow, and a centre made anew from segments comes to the same rows."""
    with centre_and_class(tmp_path, classes=2) as (centre, first, second):
        one = register_at(first, "20417001", "Omarov")
        other = register_at(second, "20417001", "Omarov")
        for node in (first, second):
            centre.take(node.bundle(centre).path)
        with work(centre.database) as db:
            boss = make_person(db, db.get_one(Office, office_of(centre)), agency=db.scalars(sa.select(Agency)).one())
            held = db.scalars(sa.select(HeldEntry).where(HeldEntry.why == "conflict")).one()
            taken = intake.take_in(db, held, by=boss.id, now=NOW).id
            kept = one if taken == other else other
            merging.merge(db, dropped=db.get_one(Person, taken), kept=db.get_one(Person, kept), by=boss.id, now=NOW, reason="card seen")
        late = second if taken == other else first
        with work(late.database) as db:
            posting = db.scalars(sa.select(Posting).where(Posting.person_id == taken)).one()
            posting.rank = "captain"
        outcome = centre.take(late.bundle(centre).path)
        assert outcome.taken.new == 1
        centre.seal()
        empty = install(tmp_path / "anew", "centre", role="centre")

        rebuild.rebuild(centre.database, empty.database, now=NOW)

        assert rebuild.differences(centre.database, empty.database) == []
        empty.close()
