"""Pages of the people register: who sees whom, what a search shows, forms that keep what was typed, what is audited."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.offices.models import Office
from app.people import register
from app.people.models import Account, Person, PersonName, Posting, RoleGrant
from app.policy import Role
from app.sync.models import AuditEvent
from tests.factories import give_role, make_office
from tests.people.rows import agency_of, make_centre, take_in

ClientOf = Callable[[Person], FlaskClient]


def staff_member(db: Session, role: Role, office: Office, number: str = "900") -> Person:
    """Somebody with a role over an office, where he serves himself."""
    person = take_in(db, office, "Яхонтова", "Яна", number=number)
    give_role(db, person, role, office)
    return person


def names(page: str) -> list[str]:
    """The names in the order of the rows."""
    return [part.split("</a>")[0].rsplit(">", 1)[1] for part in page.split('<th scope="row">')[1:]]


@pytest.mark.goal("PPL-03")
def test_a_reader_sees_and_counts_the_people_of_his_offices_only(db: Session, client_of: ClientOf) -> None:
    """List, search, count, filter and file hold the people of the reader's offices; a role for another office opens another list."""
    centre = make_centre(db)
    korday, khorgos = make_office(db, centre), make_office(db, centre)
    take_in(db, korday, "Омаров", number="1")
    take_in(db, khorgos, "Омарова", number="2")
    manager, above = staff_member(db, Role.MANAGER, korday, "3"), staff_member(db, Role.MANAGER, centre, "4")
    mine, all_of_them = client_of(manager), client_of(above)

    assert names(mine.get("/people").text) == ["Омаров Айгерим", "Яхонтова Яна"]
    assert names(all_of_them.get("/people").text) == ["Омаров Айгерим", "Омарова Айгерим", "Яхонтова Яна", "Яхонтова Яна"]
    assert (names(mine.get("/people?q=omarov").text), "1 person in service" in mine.get("/people?q=omarov").text) == (["Омаров Айгерим"], True)
    assert names(mine.get(f"/people?office={khorgos.id}").text) == ["Омаров Айгерим", "Яхонтова Яна"]
    assert names(all_of_them.get(f"/people?office={khorgos.id}").text) == ["Омарова Айгерим"]
    assert [line.split(",")[0] for line in mine.get("/people?as=csv").text.splitlines()[1:]] == ["Омаров Айгерим", "Яхонтова Яна"]


@pytest.mark.goal("PPL-03")
def test_the_file_of_a_person_of_another_office_is_not_there(db: Session, client_of: ClientOf) -> None:
    """A person's page opens for the offices that serve him today; after a transfer it opens at the new office and closes at the old."""
    centre = make_centre(db)
    korday, khorgos = make_office(db, centre), make_office(db, centre)
    here, there = client_of(staff_member(db, Role.MANAGER, korday, "3")), client_of(staff_member(db, Role.MANAGER, khorgos, "4"))
    officer = take_in(db, korday, number="1")
    db.commit()
    address = f"/people/{officer.id}"

    before = (here.get(address).status_code, there.get(address).status_code)
    register.move_person(db, officer, office=khorgos, agency=agency_of(db, korday), since=date(2026, 1, 1))
    db.commit()

    assert (before, (here.get(address).status_code, there.get(address).status_code)) == ((200, 404), (404, 200))


@pytest.mark.goal("PPL-02")
def test_the_list_follows_the_alphabet_of_the_country(db: Session, client_of: ClientOf) -> None:
    """Names stand in the order of the country's alphabet: Latin script first, then А Ә Ғ Қ Ң Ө Ү where Kazakh has them."""
    office = make_centre(db)
    for n, family in enumerate(("Қасымова", "Кадырова", "Әбдірахманова", "Абдыкадыров", "Ғалымұлы", "Галиев")):
        take_in(db, office, family, number=str(n))
    take_in(db, office, "Zhakypov", "Azat", number="77", script="Latn")

    shown = names(client_of(staff_member(db, Role.MANAGER, office)).get("/people").text)

    assert [name.split()[0] for name in shown] == ["Zhakypov", "Абдыкадыров", "Әбдірахманова", "Галиев", "Ғалымұлы", "Кадырова", "Қасымова", "Яхонтова"]


@pytest.mark.parametrize("people", [1, 3])
@pytest.mark.parametrize(("address", "queries"), [("/people", 8), ("/people?q=omarov", 8), ("/people/left", 8)])
def test_the_number_of_queries_does_not_grow_with_the_list(
    db: Session, client_of: ClientOf, counted: Callable[[], object], people: int, address: str, queries: int,
) -> None:
    """The list asks the same number of questions for one officer and for three."""
    office = make_centre(db)
    for n in range(people):
        take_in(db, office, "Омаров", number=str(n))
        register.let_go(db, take_in(db, office, "Омаров", number=f"1{n}"), last_day=date(2026, 1, 1))
    client = client_of(staff_member(db, Role.MANAGER, office))

    with counted() as statements:  # type: ignore[attr-defined]
        client.get(address)

    assert len([line for line in statements if line.startswith("SELECT")]) == queries


@pytest.mark.goal("XCT-08")
def test_an_empty_staff_list_says_why_and_what_next(db: Session, client_of: ClientOf) -> None:
    """An empty list says what belongs there and why it is empty, and offers to clear the filter or the next step that the role has."""
    office = make_centre(db)
    officer = staff_member(db, Role.TRAINING_OFFICER, office)
    client = client_of(officer)
    filtered = client.get("/people?q=nobody").text
    db.info["writing"] = True
    db.scalars(sa.select(Posting)).one().valid_to = date(2026, 1, 1)  # between two postings, his role holds on
    db.commit()
    empty = client.get("/people").text

    assert ("Nothing fits this filter:" in filtered, '<a class="btn" href="/people">Clear the filter</a>' in filtered) == (True, True)
    assert "Nobody is posted to your offices today." in empty
    assert '<a class="btn btn-main" href="/people/import">Read in a list…</a>' in empty
    assert "Nobody&#39;s first posting in your offices lies ahead." in client.get("/people/later").text


@pytest.mark.goal("XCT-09")
def test_a_form_with_faults_names_each_at_its_field_and_keeps_what_was_typed(db: Session, client_of: ClientOf) -> None:
    """A summary links to each faulty field, each field says what is wrong, and everything typed is still there; nothing is stored."""
    office = make_centre(db)
    client = client_of(staff_member(db, Role.TRAINING_OFFICER, office))
    before = db.scalar(sa.select(sa.func.count()).select_from(Person))

    answer = client.post("/people/new", data={"family_cyrl": "Бекова", "service_number": "00417", "born_on": "31.02.1990", "agency": "", "gender": "f", "office": str(office.id)})

    assert answer.status_code == 422
    assert '<a href="#born_on">Birth date: Give a day, for example 2026-11-24.</a>' in answer.text
    typed = ('value="Бекова"', 'value="00417"', 'value="31.02.1990"', f'<option selected value="{office.id}">')
    assert [text in answer.text for text in typed] == [True] * 4
    answer = client.post("/people/new", data={"family_cyrl": "Бекова", "service_number": "900", "since": "2026-01-01", "given_cyrl": "А", "gender": "", "agency": str(agency_of(db, office).id), "office": str(office.id)})
    assert '<a href="#service_number">Service number: Service number 900 is already in the register of this agency.</a>' in answer.text
    assert db.scalar(sa.select(sa.func.count()).select_from(Person)) == before


def test_a_person_is_added_renamed_posted_and_let_go_by_forms(db: Session, client_of: ClientOf) -> None:
    """The training officer takes somebody in, changes the name with a reason, posts him elsewhere, and notes that he leaves."""
    office = make_centre(db)
    other = make_office(db, office)
    client = client_of(staff_member(db, Role.TRAINING_OFFICER, office))
    agency = str(agency_of(db, office).id)

    made = client.post("/people/new", data={
        "agency": agency, "service_number": "00417", "family_cyrl": "Асанова", "given_cyrl": "Нургүл", "office": str(office.id), "since": "2024-01-08", "gender": "f",
    })
    client.post(made.location + "/name", data={"family_cyrl": "Орозбекова", "given_cyrl": "Нургүл", "since": "2026-03-03", "reason": "marriage"})
    client.post(made.location + "/posting", data={"office": str(other.id), "agency": agency, "since": "2026-04-01", "rank": "captain"})
    client.post(made.location + "/leave", data={"last_day": "2026-10-31"})

    person = db.scalars(sa.select(Person).where(Person.service_number == "00417").execution_options(populate_existing=True)).one()
    names_held = db.scalars(sa.select(PersonName.family).where(PersonName.person_id == person.id).order_by(PersonName.valid_from)).all()
    postings = db.execute(sa.select(Posting.office_id, Posting.valid_to).where(Posting.person_id == person.id).order_by(Posting.valid_from)).all()
    assert (person.display_name, names_held) == ("Орозбекова Нургүл", ["Асанова", "Орозбекова"])
    assert [tuple(row) for row in postings] == [(office.id, date(2026, 3, 31)), (other.id, date(2026, 10, 31))]
    assert person.left_on == date(2026, 11, 1)


def test_a_role_is_given_for_the_administrators_own_offices_and_ended(db: Session, client_of: ClientOf) -> None:
    """An administrator gives a role over an office of his own and takes it back; another's office is not on offer."""
    centre = make_centre(db)
    office, elsewhere = make_office(db, centre), make_office(db, centre)
    client = client_of(staff_member(db, Role.ADMINISTRATOR, office))
    officer = take_in(db, office, number="1")
    db.commit()

    refused = client.post(f"/people/{officer.id}/roles", data={"role": "trainer", "office": str(elsewhere.id), "since": "2026-01-01"})
    client.post(f"/people/{officer.id}/roles", data={"role": "trainer", "office": str(office.id), "since": "2026-01-01"})
    grant = db.scalars(sa.select(RoleGrant).where(RoleGrant.person_id == officer.id)).one()
    client.post(f"/roles/{grant.id}/end", data={"last_day": "2026-06-30"})
    db.refresh(grant)

    assert (refused.status_code, grant.role, grant.office_id, grant.valid_to) == (422, "trainer", office.id, date(2026, 6, 30))


def test_a_start_password_is_shown_once_and_not_for_somebody_with_wider_roles(db: Session, client_of: ClientOf) -> None:
    """The page shows a new start password; an administrator cannot get at somebody whose roles reach beyond his own offices."""
    centre = make_centre(db)
    office = make_office(db, centre)
    client = client_of(staff_member(db, Role.ADMINISTRATOR, office))
    officer, boss = take_in(db, office, number="1"), take_in(db, office, number="2")
    give_role(db, boss, Role.ADMINISTRATOR, centre)
    db.commit()

    shown = client.post(f"/people/{officer.id}/start-password").text
    refused = client.post(f"/people/{boss.id}/start-password")

    password = shown.split('<p class="receipt">')[1].split("</p>")[0]
    accounts = db.scalars(sa.select(Account)).all()
    assert ([account.person_id for account in accounts], refused.status_code) == ([officer.id], 422)
    assert password not in (accounts[0].password_hash or "")


def test_reading_a_file_is_audited(db: Session, client_of: ClientOf) -> None:
    """Who opened whose file is on record."""
    office = make_centre(db)
    manager, officer = staff_member(db, Role.MANAGER, office), take_in(db, office, number="1")

    client_of(manager).get(f"/people/{officer.id}")

    events = db.execute(sa.select(AuditEvent.actor_id, AuditEvent.about).where(AuditEvent.what == "person.read")).all()
    assert [tuple(event) for event in events] == [(manager.id, str(officer.id))]
