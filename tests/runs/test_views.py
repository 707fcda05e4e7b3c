"""The pages of runs: who sees what, and what a click does."""

from __future__ import annotations

import csv
import io
import re
import subprocess
from collections.abc import Callable
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from pypdf import PdfReader
from sqlalchemy.orm import Session

from app.courses.models import Course, CourseVersion
from app.offices.models import Agency, Office
from app.people import credentials
from app.people.models import Person, Pin
from app.policy import Role
from app.quizzes.models import Attempt
from app.runs.models import CourseRun, Enrolment, Nomination, RunTrainer
from app.sync.models import AuditEvent
from tests.factories import a_moment, added, give_role, make_classroom, make_office, make_person, make_staff
from tests.runs.rows import enrol, make_nomination, make_run, make_version, teach

ClientOf = Callable[[Person], FlaskClient]


@pytest.fixture
def office(db: Session) -> Office:
    """The office that gives the runs."""
    return make_office(db)


@pytest.fixture
def planner(db: Session, office: Office) -> Person:
    """Its training officer."""
    return make_staff(db, Role.TRAINING_OFFICER, office, family="Planner")


@pytest.fixture
def manager(db: Session, office: Office) -> Person:
    """Its class manager."""
    return make_staff(db, Role.CLASS_MANAGER, office, family="Classmanager")


def sit(db: Session, enrolment: Enrolment, quiz: str, score: int, number: int = 1) -> None:
    """A test handed in, with thousandths of a point."""
    added(
        db,
        Attempt(
            enrolment_id=enrolment.id, course_version_id=db.get_one(CourseRun, enrolment.run_id).course_version_id, quiz=quiz,
            kind={"pre": "pre-test", "post": "post-test"}[quiz], number=number, language="ru", seed="s", draw=[], supervised=True,
            state="handed-in", started_at=a_moment(), ended_at=a_moment(), score=score * 1000,
        ),
    )


def text_of(data: bytes) -> str:
    """The text layer of a PDF, with blanks of one kind."""
    return " ".join(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(data)).pages).split())


def codes(page: str) -> list[str]:
    """The runs of the list, in order."""
    return re.findall(r'href="/runs/(R-[^"/]+)">R-', page)


# ---- who sees which run ----------------------------------------------------------------------------------------------


def test_the_list_holds_the_runs_that_concern_who_asks(db: Session, client_of: ClientOf) -> None:
    """Runs of one's offices, of one's classroom, of offices above while they take nominations, with one's people, and taught by oneself."""
    region = make_office(db)
    mine, sister = make_office(db, region), make_office(db, region)
    version = make_version(db)
    ours = make_run(db, mine, version, code="R-ours")
    make_run(db, sister, version, code="R-room", classroom_id=make_classroom(db, mine).id)
    make_run(db, region, version, code="R-above")
    make_run(db, region, version, code="R-above-closed", state="closed")
    make_run(db, sister, version, code="R-sister")
    with_people = make_run(db, sister, version, code="R-people", state="closed")
    enrol(db, with_people, office=mine)
    taught = make_run(db, make_office(db), version, code="R-taught", state="closed")
    boss = make_staff(db, Role.MANAGER, mine)
    teach(db, taught, boss)

    assert ours.code == "R-ours"
    assert sorted(codes(client_of(boss).get("/runs").text)) == ["R-above", "R-ours", "R-people", "R-room", "R-taught"]


def test_the_list_and_the_page_agree_on_what_is_visible(db: Session, client_of: ClientOf) -> None:
    """What is not in the list answers 404 by its address too, and what is in it opens."""
    region = make_office(db)
    mine, sister = make_office(db, region), make_office(db, region)
    runs = [make_run(db, where, code=f"R-{n}", state=state) for n, (where, state) in enumerate(
        [(mine, "closed"), (sister, "open"), (region, "open"), (region, "closed"), (make_office(db, mine), "planned")]
    )]
    client = client_of(make_staff(db, Role.CLASS_MANAGER, mine))

    listed = set(codes(client.get("/runs").text))

    assert {run.code for run in runs if client.get(f"/runs/{run.code}").status_code == 200} == listed == {"R-0", "R-2", "R-4"}


def test_people_of_other_offices_never_appear(db: Session, client_of: ClientOf) -> None:
    """In a run given above, a border office sees its own people on roster, nominations and results, and nobody else's."""
    region = make_office(db)
    mine, sister = make_office(db, region), make_office(db, region)
    run = make_run(db, region, code="R-1")
    for where, name in ((mine, "Ourone"), (sister, "Stranger")):
        enrol(db, run, make_person(db, where, family=name), where)
        make_nomination(db, run, make_person(db, where, family=name + "two"), where)
    boss = make_staff(db, Role.MANAGER, mine)
    client = client_of(boss)

    for address in ("/runs/R-1", "/runs/R-1/nominations", "/runs/R-1/results", "/runs/R-1/nominations?as=csv", "/runs/R-1/results?as=csv"):
        page = client.get(address).text
        assert "Ourone" in page
        assert "Stranger" not in page
    assert "Stranger" not in client.get("/runs/R-1/nominate").text
    assert "Stranger" not in text_of(client.get("/runs/R-1/results?as=pdf").data)


def test_a_coordinator_sees_runs_without_names(db: Session, client_of: ClientOf, office: Office) -> None:
    """Countries are seen side by side, people are not."""
    run = make_run(db, office, code="R-1")
    enrol(db, run, make_person(db, office, family="Secretov"))
    client = client_of(make_staff(db, Role.COORDINATOR, office))

    assert codes(client.get("/runs").text) == ["R-1"]
    assert "Secretov" not in client.get("/runs/R-1").text
    assert client.get("/runs/R-1/results").status_code == 403


@pytest.mark.goal("PLY-08")
def test_a_run_keeps_its_version_and_people_are_told_of_a_newer_one(db: Session, client_of: ClientOf, office: Office, planner: Person) -> None:
    """Publishing a new version does not touch a run that has begun; its page says that there is one and whom it is for."""
    run = make_run(db, office, code="R-1")
    version = run.course_version_id
    before = client_of(planner).get("/runs/R-1").text
    make_version(db, db.get_one(Course, db.get_one(CourseVersion, version).course_id), number=2, published_at=a_moment().replace(hour=20))  # past midnight in Almaty

    after = client_of(planner).get("/runs/R-1").text

    assert "Version 2 was published on 25 Nov 2026. This run keeps its own" not in before
    assert "Version 2 was published on 25 Nov 2026. This run keeps its own" in after
    assert db.get_one(CourseRun, run.id).course_version_id == version


def test_a_trainer_sees_all_people_of_his_run(db: Session, client_of: ClientOf, office: Office) -> None:
    """Who teaches a run sees its roster and results, wherever the people come from."""
    run = make_run(db, office, code="R-1")
    enrol(db, run, make_person(db, make_office(db), family="Faraway"))
    trainer = make_staff(db, Role.TRAINER, make_office(db))
    teach(db, run, trainer)
    client = client_of(trainer)

    assert "Faraway" in client.get("/runs/R-1").text
    assert "Faraway" in client.get("/runs/R-1/results").text


# ---- planning and the page -------------------------------------------------------------------------------------------


@pytest.mark.goal("RUN-01")
def test_a_run_is_planned_with_a_form(db: Session, client_of: ClientOf, office: Office, planner: Person) -> None:
    """Course, office, days, classroom, seats and trainers make a run with the next number; its page opens."""
    version, room = make_version(db), make_classroom(db, office)
    lead, second = make_person(db, office), make_person(db, office)
    for person in (lead, second):
        person.country_id = planner.country_id
        give_role(db, person, Role.TRAINER, office)
    given = {
        "version": version.id, "office": office.id, "classroom": room.id, "starts_on": "2026-11-23", "ends_on": "2026-11-26", "seats": "12",
        "lead": lead.id, "co": [second.id],
    }

    answer = client_of(planner).post("/runs/new", data=given)

    assert (answer.status_code, answer.location) == (303, "/runs/R-2026-0001")
    run = db.scalars(sa.select(CourseRun)).one()
    assert (run.course_version_id, run.office_id, run.classroom_id, run.seats) == (version.id, office.id, room.id, 12)
    assert (run.starts_on, run.ends_on) == (date(2026, 11, 23), date(2026, 11, 26))
    parts = db.execute(sa.select(RunTrainer.person_id, RunTrainer.part)).all()
    assert {tuple(part) for part in parts} == {(lead.id, "lead"), (second.id, "co")}


def test_a_wrong_plan_stays_on_the_page_with_what_was_typed(db: Session, client_of: ClientOf, office: Office, planner: Person) -> None:
    """Neither classroom nor place, and the days the wrong way round: said at both fields, nothing stored, nothing lost."""
    version = make_version(db)
    given = {"version": version.id, "office": office.id, "starts_on": "2026-11-26", "ends_on": "2026-11-23", "seats": "7", "note": "Bring torches"}

    answer = client_of(planner).post("/runs/new", data=given)

    assert answer.status_code == 422
    assert "The last day is before the first." in answer.text
    assert "Choose a classroom or say where the run is held." in answer.text
    assert "Bring torches" in answer.text
    assert db.scalar(sa.select(sa.func.count()).select_from(CourseRun)) == 0


@pytest.mark.parametrize("people", [1, 3])
def test_the_page_of_a_run_asks_the_same_number_of_questions_for_one_person_and_for_three(
    db: Session, client_of: ClientOf, counted: Callable[[], Any], office: Office, planner: Person, people: int
) -> None:
    """Roster, progress, certificates and nominations are each read at once."""
    run = make_run(db, office, code="R-1")
    for _ in range(people):
        sit(db, enrol(db, run), "post", 800)
        make_nomination(db, run, make_person(db, office), office)
    client = client_of(planner)
    client.get("/runs/R-1")

    with counted() as statements:
        client.get("/runs/R-1")

    assert len(statements) == 21


@pytest.mark.parametrize("runs", [1, 3])
def test_the_list_asks_the_same_number_of_questions_for_one_run_and_for_three(
    db: Session, client_of: ClientOf, counted: Callable[[], Any], office: Office, planner: Person, runs: int
) -> None:
    """Counts and trainers of all lines are read at once."""
    for n in range(runs):
        enrol(db, make_run(db, office, code=f"R-{n}"))
    client = client_of(planner)

    with counted() as statements:
        client.get("/runs")

    assert len(statements) == 11


@pytest.mark.goal("XCT-08")
def test_an_empty_list_of_runs_offers_to_plan_one(client_of: ClientOf, planner: Person) -> None:
    """The training officer is led to planning; nobody else is shown a button that is not his."""
    assert '<a class="btn btn-main" href="/runs/new">Plan a run</a>' in client_of(planner).get("/runs").text


@pytest.mark.goal("RUN-05")
def test_the_roster_shows_who_is_in_a_test(db: Session, client_of: ClientOf, office: Office, manager: Person) -> None:
    """In the room the class manager sees from the roster whose test is running, and how far the others have read."""
    run = make_run(db, office, code="R-1")
    sitting, reading = (enrol(db, run, make_person(db, office, family=name)) for name in ("Aone", "Btwo"))
    for one in (sitting, reading):
        sit(db, one, "pre", 500)
    added(
        db,
        Attempt(
            enrolment_id=sitting.id, course_version_id=run.course_version_id, quiz="post", kind="post-test", number=1, language="ru", seed="s",
            draw=[], supervised=True, state="open", started_at=a_moment(),
        ),
    )
    lines = client_of(manager).get("/runs/R-1").text.split("<tbody>")[1].split("</tr>")

    assert ["test running" in line for line in lines[:2]] == [True, False]
    assert "in progress" in lines[1]


def test_a_plan_without_trainers_says_where_they_come_from(db: Session, client_of: ClientOf, office: Office, planner: Person) -> None:
    """While nobody has the role of trainer the form says who gives it; afterwards the list speaks for itself."""
    before = client_of(planner).get("/runs/new").text
    make_staff(db, Role.TRAINER, office)
    after = client_of(planner).get("/runs/new").text
    assert ["the administrator gives it" in page for page in (before, after)] == [True, False]


def test_days_the_wrong_way_round_are_said(client_of: ClientOf, planner: Person) -> None:
    """A filter whose first day lies after its last finds nothing, and the page says why."""
    wrong, right = (client_of(planner).get(f"/runs?from=2030-01-01&to={to}").text for to in ("2029-01-01", "2031-01-01"))
    assert ("first day of this filter lies after" in wrong, "first day of this filter lies after" in right) == (True, False)


@pytest.mark.goal("XCT-08")
def test_the_start_page_leads_to_the_runs_that_are_on(db: Session, client_of: ClientOf, office: Office, planner: Person, manager: Person) -> None:
    """Open runs stand before planned ones, closed ones do not; whoever decides nominations gets there at one press, others do not."""
    for code, state in (("R-1", "closed"), ("R-2", "planned"), ("R-3", "open")):
        run = make_run(db, office, code=code, state=state)
    make_nomination(db, db.scalars(sa.select(CourseRun).where(CourseRun.code == "R-2")).one(), make_person(db, office), office)
    assert run.code == "R-3"

    hers, his = (client_of(one).get("/start").text for one in (planner, manager))

    assert re.findall(r'href="/runs/([^"]+)"', hers) == ["R-3", "R-2", "R-2/nominations"]
    assert "Decide nominations (1)" in hers
    assert re.findall(r'href="/runs/([^"]+)"', his) == ["R-3", "R-2"]
    assert "Runs now and next" not in client_of(make_staff(db, Role.AUTHOR, office)).get("/start").text


# ---- nominations -----------------------------------------------------------------------------------------------------


@pytest.mark.goal("RUN-02")
def test_an_office_nominates_and_the_training_officer_decides(db: Session, client_of: ClientOf, office: Office, planner: Person) -> None:
    """A border office ticks three officers; above, one is accepted, one declined with a reason, one waits; the office reads why."""
    below = make_office(db, office)
    boss = make_staff(db, Role.MANAGER, below)
    run = make_run(db, office, code="R-1", state="planned")
    people = [make_person(db, below, family=name) for name in ("Aone", "Btwo", "Cthree")]
    his, hers = client_of(boss), client_of(planner)

    his.post("/runs/R-1/nominate", data={"person": [one.id for one in people], "mode": "remote", "language": "ru"})
    rows = {one.person_id: one for one in db.scalars(sa.select(Nomination))}
    assert [(rows[one.id].mode, rows[one.id].language, rows[one.id].office_id) for one in people] == [("remote", "ru", below.id)] * 3
    first, second, third = (rows[one.id].id for one in people)
    hers.post("/runs/R-1/nominations", data={
        f"decision-{first}": "accept", f"decision-{second}": "decline", f"reason-{second}": "On leave until December",
    })

    db.expire_all()
    assert [db.get_one(Nomination, id).state for id in (first, second, third)] == ["accepted", "declined", "proposed"]
    assert db.scalars(sa.select(Enrolment.person_id).where(Enrolment.run_id == run.id)).all() == [people[0].id]
    assert "On leave until December" in his.get("/runs/R-1/nominations").text


def test_decisions_are_taken_all_or_none_and_nothing_typed_is_lost(db: Session, client_of: ClientOf, office: Office, planner: Person) -> None:
    """One acceptance and one decline without a reason: refused together, with the choices still on the page."""
    run = make_run(db, office, code="R-1", state="planned")
    good, bad = (make_nomination(db, run, make_person(db, office), office) for _ in range(2))

    answer = client_of(planner).post("/runs/R-1/nominations", data={f"decision-{good.id}": "accept", f"decision-{bad.id}": "decline"})

    assert answer.status_code == 422
    assert "Say why: the office that nominated will read it." in answer.text
    assert f'name="decision-{good.id}" value="accept" checked' in answer.text
    db.expire_all()
    assert {good.state, bad.state} == {"proposed"}
    assert db.scalar(sa.select(sa.func.count()).select_from(Enrolment)) == 0


def test_nobody_nominates_officers_of_another_office(db: Session, client_of: ClientOf, office: Office) -> None:
    """A ticked id of somebody outside one's offices is as if it were not there."""
    below = make_office(db, office)
    make_run(db, office, code="R-1", state="planned")
    stranger = make_person(db, office)

    answer = client_of(make_staff(db, Role.MANAGER, below)).post("/runs/R-1/nominate", data={"person": stranger.id, "language": "ru"})

    assert answer.status_code == 404
    assert db.scalar(sa.select(sa.func.count()).select_from(Nomination)) == 0


@pytest.mark.goal("RUN-02")
def test_the_printed_nomination_list_has_the_fields_of_the_form(db: Session, client_of: ClientOf, office: Office, planner: Person) -> None:
    """Number, name, rank, post, agency, unit, service number, sex, language, previous courses, nominated by with a line to sign."""
    run = make_run(db, office, code="R-1", state="planned")
    person = make_person(db, office, family="Әбдірахманова", given="Гүлжаһан", gender="f")
    enrol(db, make_run(db, office, make_version(db, titles={"en": "Basics"}), starts_on=date(2026, 3, 2), ends_on=date(2026, 3, 4)), person)
    make_nomination(db, run, person, office, nominated_by=planner.id)

    text = text_of(client_of(planner).get("/runs/R-1/nominations?as=pdf").data)

    for field in (
        "Nomination list", "No.", "Surname, name, patronymic", "Rank", "Post", "Agency", "Unit", "Service no.", "Sex", "Language, mode",
        "Previous courses", "Nominated by", "Әбдірахманова Гүлжаһан", person.service_number, "woman", "Русский", "Basics 03.2026", "Planner A.",
        "14.11.2026", "Nominated by: name, signature, date", "Rows shown 1 of 1.",
    ):
        assert field in text


# ---- slips -----------------------------------------------------------------------------------------------------------


@pytest.mark.goal("RUN-05")
def test_slips_print_once_with_pins_that_work(db: Session, client_of: ClientOf, office: Office, manager: Person) -> None:
    """Each person gets a slip with agency, service number and six digits; the node keeps only hashes that fit them; the run opens."""
    run = make_run(db, office, code="R-1", state="planned", classroom_id=make_classroom(db, office, seats=2).id)
    people = [make_person(db, office, family=name) for name in ("Aone", "Btwo", "Cthree")]
    for person in people:
        enrol(db, run, person, language="en")

    answer = client_of(manager).post("/runs/R-1/slips")
    text = text_of(answer.data)

    assert answer.headers["Content-Disposition"] == 'attachment; filename="R-1-slips.pdf"'
    printed = dict(re.findall(r"([ABC](?:one|two|three)) Aigerim.*?PIN (\d{6})", text))
    assert sorted(printed) == ["Aone", "Btwo", "Cthree"]
    for person, name in zip(people, ("Aone", "Btwo", "Cthree"), strict=True):
        assert person.service_number in text
        pin = db.scalars(sa.select(Pin).where(Pin.person_id == person.id, Pin.ended_at.is_(None))).one()
        assert credentials.which_pin(printed[name], [pin.pin_hash]) == 0
        assert printed[name] not in pin.pin_hash
    assert ["seat 01" in text, "seat 02" in text, "seat 03" in text] == [True, True, False]
    db.expire_all()
    assert run.state == "open"


@pytest.mark.goal("RUN-05")
def test_nominations_that_nobody_decided_keep_the_class_from_nothing(db: Session, client_of: ClientOf, office: Office, manager: Person) -> None:
    """The class manager, who decides no nominations, prints slips before the first day and closes after the last while some still wait."""
    coming, gone = make_run(db, office, code="R-1", state="planned"), make_run(db, office, code="R-2", starts_on=date(2026, 1, 5), ends_on=date(2026, 1, 7))
    for run in (coming, gone):
        enrol(db, run)
        make_nomination(db, run, make_person(db, office), office)
    first, last = (client_of(manager).get(f"/runs/{code}").text for code in ("R-1", "R-2"))

    assert ['href="/runs/R-1/slips"' in first, 'href="/runs/R-1/close"' in first] == [True, False]
    assert 'href="/runs/R-2/close"' in last


@pytest.mark.goal("RUN-05")
def test_a_new_slip_is_two_clicks_audited_and_the_old_pin_is_dead(db: Session, client_of: ClientOf, office: Office, manager: Person) -> None:
    """From the roster one link and one button give one person a new slip; nobody else's PIN changes."""
    run = make_run(db, office, code="R-1")
    one, other = enrol(db, run, language="en"), enrol(db, run, language="en")
    client = client_of(manager)
    client.post("/runs/R-1/slips")
    before = {pin.person_id: pin.id for pin in db.scalars(sa.select(Pin))}

    link = re.search(rf'href="(/runs/R-1/slips/{one.id})">New slip…', client.get("/runs/R-1").text)
    assert link is not None
    assert "its PIN stops working when this one is printed" in client.get(link[1]).text
    text = text_of(client.post(link[1]).data)

    db.expire_all()
    assert len(re.findall(r"PIN \d{6}", text)) == 1
    assert db.get_one(Pin, before[one.person_id]).ended_at is not None
    assert db.get_one(Pin, before[other.person_id]).ended_at is None
    events = db.scalars(sa.select(AuditEvent).where(AuditEvent.what == "slip.issue")).all()
    assert [event.detail["person_id"] for event in events].count(str(one.person_id)) == 2
    assert {(event.actor_id, event.about) for event in events} == {(manager.id, "R-1")}


def test_no_pin_stands_in_the_audit_or_on_a_page_afterwards(db: Session, client_of: ClientOf, office: Office, manager: Person) -> None:
    """What was printed is nowhere else: not in the audit, not on the page of the run."""
    run = make_run(db, office, code="R-1")
    enrol(db, run, language="en")
    client = client_of(manager)

    pin = re.findall(r"PIN (\d{6})", text_of(client.post("/runs/R-1/slips").data))[0]

    kept = [str(event.detail) for event in db.scalars(sa.select(AuditEvent))]
    assert [text for text in kept if pin in text] == []
    assert pin not in client.get("/runs/R-1").text


def test_a_slip_speaks_the_language_of_its_test(db: Session, client_of: ClientOf, office: Office, manager: Person) -> None:
    """Whoever is tested in Kazakh reads a Kazakh slip, whatever the class manager's page is in."""
    run = make_run(db, office, make_version(db, titles={"en": "Vehicle search", "kk": "Көлікті тексеру"}), code="R-1")
    for language in ("en", "kk"):
        enrol(db, run, language=language)

    text = text_of(client_of(manager).post("/runs/R-1/slips").data)

    assert (text.count("Vehicle search"), text.count("Көлікті тексеру")) == (1, 1)
    assert (text.count("23 Nov 2026"), text.count("2026 ж. 23 қар.")) == (1, 1)


# ---- result sheet ----------------------------------------------------------------------------------------------------


def a_sheet_of_results(db: Session, office: Office) -> CourseRun:
    """Six people: four pairs, one who began at nothing, one without a pre-test, one who came to no test."""
    run = make_run(db, office, code="R-1")
    scores = ((400, 800), (500, 750), (333, 741), (710, 690), (0, 640), (None, 760), (None, None))
    for n, (pre, post) in enumerate(scores):
        enrolment = enrol(db, run, make_person(db, office, family=f"P{n}"))
        for quiz, score in (("pre", pre), ("post", post)):
            if score is not None:
                sit(db, enrolment, quiz, score)
    return run


EXPECTED = [
    ("P0 Aigerim", "40.0", "80.0", "+40.0", "+100 %", "67 %", "passed"),
    ("P1 Aigerim", "50.0", "75.0", "+25.0", "+50 %", "50 %", "passed"),
    ("P2 Aigerim", "33.3", "74.1", "+40.8", "+123 %", "61 %", "not passed"),
    ("P3 Aigerim", "71.0", "69.0", "–2.0", "–3 %", "–7 %", "not passed"),
    ("P4 Aigerim", "0.0", "64.0", "+64.0", "–", "64 %", "not passed"),
    ("P5 Aigerim", "–", "76.0", "–", "–", "–", "passed"),
    ("P6 Aigerim", "–", "–", "–", "–", "–", "not taken"),
]


def cells(page: str) -> list[list[str]]:
    """The rows of the table on the page, as text."""
    rows = re.findall(r"<tr>(<td class=\"n\">.*?)</tr>", page, re.S)
    return [[re.sub(r"\s*<sup>.*?</sup>|<[^>]+>", "", cell).strip() for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.S)] for row in rows]


@pytest.mark.goal("RUN-08", "PLY-19")
def test_the_result_sheet_states_gain_in_three_ways(db: Session, client_of: ClientOf, office: Office, manager: Person) -> None:
    """Points, relative and normalised gain; a pre-test of 0 leaves a dash; means are of those with both tests."""
    a_sheet_of_results(db, office)

    page = client_of(manager).get("/runs/R-1/results").text

    found = [(row[1], *row[4:9], row[11]) for row in cells(page)]
    assert [tuple(cell.replace("\u00a0", " ") for cell in row) for row in found] == EXPECTED
    assert "Mean of 5 persons with both tests" in page
    assert "38.9" in page
    assert "72.4" in page
    assert "Not defined when pre is 0." in page
    assert "3 of 7 passed" in page


@pytest.mark.goal("RUN-08", "CER-18")
def test_screen_paper_and_files_of_the_result_sheet_agree(db: Session, client_of: ClientOf, office: Office, manager: Person) -> None:
    """Every figure of the page stands on the paper, and the workbook and the CSV hold the same values."""
    a_sheet_of_results(db, office)
    client = client_of(manager)

    paper = text_of(client.get("/runs/R-1/results?as=pdf").data).replace("\u00a0", " ")
    book = openpyxl.load_workbook(io.BytesIO(client.get("/runs/R-1/results?as=xlsx").data)).worksheets[0]
    rows = list(csv.DictReader(io.StringIO(client.get("/runs/R-1/results?as=csv").data.decode("utf-8-sig"))))

    def shown(share: Any, digits: int, sign: bool = False) -> str:
        if share in (None, ""):
            return "–"
        value = round(float(Fraction(str(share)) * 100), digits)
        return ("+" if sign and value > 0 else "") + f"{value:.{digits}f}".replace("-", "–")

    for (name, pre, post, points, relative, normalised, outcome), line, row in zip(
        EXPECTED, list(book.iter_rows(min_row=2, values_only=True)), rows, strict=True
    ):
        # Name and agency stand in two cells of the paper, between them nothing that matters here.
        assert f"{pre} {post} {points} {relative}" in paper
        assert (name, outcome) == (line[1], line[11]) == (row["name"], row["result"])
        for source in ((line[4], line[5], line[7], line[8]), (row["pre"], row["post"], row["gain_relative"], row["gain_normalised"])):
            one, two, three, four = source
            assert (shown(one, 1), shown(two, 1)) == (pre, post)
            assert (shown(three, 0, True), shown(four, 0)) == (relative.removesuffix(" %"), normalised.removesuffix(" %"))
        assert {shown(Fraction(str(line[6])) / 100 if line[6] is not None else None, 1, True), points} == {points}
        assert (row["gain_points"] or "–").replace("-", "–") == points.removeprefix("+").removesuffix(".0")
    assert "Rows shown 7 of 7." in paper
    assert "Mean of 5 persons with both tests 38.9 72.4 +33.6" in paper


@pytest.mark.goal("XCT-12")
@pytest.mark.parametrize("paper", ["results", "nominations"])
@pytest.mark.parametrize("language", ["en", "ru", "kk", "prs"])
def test_no_paper_of_a_run_is_wider_than_its_page(
    db: Session, client_of: ClientOf, office: Office, manager: Person, tmp_path: Path, language: str, paper: str
) -> None:
    """With the longest names and in every language the last column ends inside the margin."""
    run = a_sheet_of_results(db, office)
    person = make_person(db, office, family="Әбдірахманова-Сейітжаппарқызы", given="Гүлжаһан Қуанышқызы")
    db.get_one(Agency, person.agency_id).names = dict.fromkeys(("en", "ru", "kk", "prs"), "Министерство внутренних дел, Главное управление")
    enrol(db, run, person)
    make_nomination(db, run, person, office, reason="Has been on leave since the beginning of the month")
    client = client_of(manager)
    client.post("/language", data={"language": language})

    (tmp_path / "paper.pdf").write_bytes(client.get(f"/runs/R-1/{paper}?as=pdf").data)
    words = subprocess.run(["pdftotext", "-bbox", str(tmp_path / "paper.pdf"), "-"], check=True, capture_output=True, text=True).stdout

    width = float(re.findall(r'<page width="([\d.]+)"', words)[0])
    margin = 12.9 / 25.4 * 72
    assert [word for word in re.findall(r"<word .*?</word>", words) if float(re.findall(r'xMax="([\d.]+)"', word)[0]) > width - margin + 0.5] == []
    assert [word for word in re.findall(r"<word .*?</word>", words) if float(re.findall(r'xMin="(-?[\d.]+)"', word)[0]) < margin - 0.5] == []


@pytest.mark.goal("RUN-08")
def test_means_of_fewer_than_five_are_not_shown(db: Session, client_of: ClientOf, office: Office, manager: Person) -> None:
    """With four pairs the sheet says "n < 5" in place of the means."""
    run = make_run(db, office, code="R-1")
    for n in range(4):
        enrolment = enrol(db, run)
        sit(db, enrolment, "pre", 400 + n)
        sit(db, enrolment, "post", 800)

    page = client_of(manager).get("/runs/R-1/results").text

    assert "n &lt; 5" in page
    assert "Mean of 4 persons with both tests" in page


def test_two_people_of_one_name_are_told_apart(db: Session, client_of: ClientOf, office: Office, manager: Person) -> None:
    """The sheet says that lines of one name are different people."""
    run = make_run(db, office, code="R-1")
    for _ in range(2):
        enrol(db, run, make_person(db, office, family="Omarov"))

    assert "Lines 1 and 2 are different persons." in client_of(manager).get("/runs/R-1/results").text


# ---- closing ---------------------------------------------------------------------------------------------------------


@pytest.mark.goal("RUN-12")
def test_closing_lists_what_is_missing_and_asks_why(db: Session, client_of: ClientOf, office: Office, manager: Person) -> None:
    """The page says who lacks which test; without a note nothing is closed, with one it is."""
    run = make_run(db, office, code="R-1", starts_on=date(2020, 1, 6), ends_on=date(2020, 1, 7))
    enrol(db, run)
    client = client_of(manager)

    page = client.get("/runs/R-1/close").text
    refused = client.post("/runs/R-1/close", data={"note": ""})
    client.post("/runs/R-1/close", data={"note": "One officer was recalled"})

    assert "People without a pre-test, whose gain cannot be shown: 1" in page
    assert "People without a final test: 1" in page
    assert (refused.status_code, "Say why the run is closed although something is missing." in refused.text) == (422, True)
    db.expire_all()
    assert (run.state, run.note) == ("closed", "One officer was recalled")


def test_only_the_training_officer_opens_a_run_again(db: Session, client_of: ClientOf, office: Office, manager: Person, planner: Person) -> None:
    """The class manager closes, the training officer reopens, with a reason that the audit keeps."""
    run = make_run(db, office, code="R-1", state="closed")

    assert client_of(manager).post("/runs/R-1/reopen", data={"reason": "x"}).status_code == 403
    client_of(planner).post("/runs/R-1/reopen", data={"reason": "A result was typed in late"})

    db.expire_all()
    assert run.state == "open"
    event = db.scalars(sa.select(AuditEvent).where(AuditEvent.what == "run.reopen")).one()
    assert (event.about, event.detail["reason"]) == ("R-1", "A result was typed in late")
