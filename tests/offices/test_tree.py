"""The office tree: what it shows to whom, and how the administrator keeps it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.errors import Invalid
from app.offices import tree
from app.offices.models import Agency, Classroom, Country, Office, Seat
from app.people.models import Person
from app.policy import Role
from tests.factories import added, give_role, make_classroom, make_office, make_person, make_staff
from tests.people.rows import make_centre

ClientOf = Callable[[Person], FlaskClient]


def shown(page: str) -> list[tuple[str, ...]]:
    """The rows of the tree as their texts."""
    body = page.split("<tbody>")[1].split("</tbody>")[0]
    cells = [[part.split("<")[0].strip() for part in row.split(">")] for row in body.split("<tr>")[1:]]
    return [tuple(text for text in row if text and text != "–") for row in cells]


@pytest.mark.goal("PPL-01")
def test_the_tree_shows_each_office_with_crossing_pair_classroom_and_people(db: Session, client_of: ClientOf) -> None:
    """Each office stands under its own one, with kind, crossing, the office it faces, classrooms, seats and the people posted today, here and below."""
    centre, over_there = make_centre(db, "KZ"), make_office(db, make_centre(db, "KG"), code="KG-AKZHOL", names={"en": "Ak-Zhol"})
    region = make_office(db, centre, code="KZ-ZH", kind="department", names={"en": "Zhambyl"})
    korday = make_office(db, region, code="KZ-KORDAY", names={"en": "Korday"}, crossing="road")
    db.info["writing"] = True
    tree.pair_offices(db, korday, over_there)
    make_classroom(db, korday, seats=3)
    manager = make_staff(db, Role.MANAGER, centre)
    make_person(db, korday)
    make_person(db, korday)

    rows = shown(client_of(manager).get("/offices").text)

    assert rows == [
        ("Centre", "KZ", "centre", "1", "3"),
        ("Zhambyl", "KZ-ZH", "department", "0", "2"),
        ("Korday", "KZ-KORDAY", "border office", "road", "Ak-Zhol", "1", "3", "2", "2"),
    ]


@pytest.mark.goal("PPL-03")
def test_people_are_not_counted_for_a_role_that_does_not_see_them(db: Session, client_of: ClientOf) -> None:
    """An author sees the offices but no number of people; a class manager counts his own office and not its neighbour."""
    centre = make_centre(db)
    korday, khorgos = make_office(db, centre, code="K1", names={"en": "K1"}), make_office(db, centre, code="K2", names={"en": "K2"})
    make_person(db, khorgos)
    author, manager = make_staff(db, Role.AUTHOR, centre), make_staff(db, Role.CLASS_MANAGER, korday)

    assert [row[-1] for row in shown(client_of(author).get("/offices").text)] == ["centre", "border office", "border office"]
    assert shown(client_of(manager).get("/offices").text) == [("K1", "K1", "border office", "1", "1")]
    assert client_of(manager).get(f"/offices/{khorgos.id}").status_code == 404


@pytest.mark.parametrize("offices", [1, 3])
def test_the_number_of_queries_does_not_grow_with_the_tree(db: Session, client_of: ClientOf, counted: Callable[[], object], offices: int) -> None:
    """The tree asks the same number of questions for one office and for three."""
    centre = make_centre(db)
    for _ in range(offices):
        make_classroom(db, make_office(db, centre))
    client = client_of(make_staff(db, Role.MANAGER, centre))

    with counted() as statements:  # type: ignore[attr-defined]
        client.get("/offices")

    assert len([line for line in statements if line.startswith("SELECT")]) == 8


@pytest.mark.goal("PPL-01")
def test_the_administrator_adds_and_changes_offices_classrooms_and_agencies(db: Session, client_of: ClientOf) -> None:
    """An office with crossing and pair, a classroom with seats and an agency are added and changed by forms; codes stay."""
    centre, over_there = make_centre(db, "KZ"), make_centre(db, "KG")
    facing = make_office(db, over_there, code="KG-AKZHOL", names={"en": "Ak-Zhol"})
    admin = make_staff(db, Role.ADMINISTRATOR, centre)
    give_role(db, admin, Role.ADMINISTRATOR, over_there)
    client = client_of(admin)

    made = client.post(f"/offices/{centre.id}/new", data={
        "code": "KZ-KORDAY", "kind": "border-office", "name_en": "Korday", "zone": "Asia/Almaty", "crossing": "road", "paired": str(facing.id),
    })
    client.post(made.location + "/edit", data={"name_en": "Korday", "name_ru": "Кордай", "zone": "Asia/Almaty", "crossing": "rail", "paired": "", "contact": "M. Osmonov, 123", "clearance": " airside pass "})
    client.post(made.location + "/classrooms/new", data={"name_en": "CBT class 1", "seats": "12"})
    client.post("/agencies/new", data={"country": str(centre.country_id), "code": "CUSTOMS", "name_en": "Customs", "hint_en": "8 digits"})

    office = db.scalars(sa.select(Office).where(Office.code == "KZ-KORDAY")).one()
    db.refresh(facing)
    assert (office.path, office.names, office.crossing, office.contact) == ("/KZ/KZ-KORDAY/", {"en": "Korday", "ru": "Кордай"}, "rail", "M. Osmonov, 123")
    assert office.clearance == "airside pass"
    assert "airside pass, for trainers from elsewhere" in client.get(made.location).text
    assert (office.paired_office_id, facing.paired_office_id) == (None, None)  # the second form took the pair away
    room = db.scalars(sa.select(Classroom).where(Classroom.office_id == office.id)).one()
    client.post(f"/classrooms/{room.id}/edit", data={"name_en": "CBT class 2", "seats": "14"})
    assert db.scalars(sa.select(Seat.label).where(Seat.classroom_id == room.id).order_by(Seat.label)).all() == [f"{n:02d}" for n in range(1, 15)]
    assert db.scalars(sa.select(Agency.names).where(Agency.code == "CUSTOMS")).all() == [{"en": "Customs"}]


@pytest.mark.goal("PPL-01")
def test_a_region_takes_in_one_country_after_the_other(db: Session, client_of: ClientOf) -> None:
    """A country comes with its centre below the office above all countries, and takes an agency at once; an office of a country offers none."""
    region = added(db, Office(code="CA", path="/CA/", parent_id=None, country_id=None, kind="region", names={"en": "Central Asia"}, zone="Asia/Almaty"))
    admin = make_staff(db, Role.ADMINISTRATOR, make_centre(db, "UZ"))
    give_role(db, admin, Role.ADMINISTRATOR, region)
    client = client_of(admin)
    good = {"code": "kz", "name_en": "Kazakhstan", "zone": "Asia/Almaty", "languages": ["kk", "ru"]}
    assert f'href="/offices/{region.id}/countries/new"' in client.get(f"/offices/{region.id}").text

    refused = client.post(f"/offices/{region.id}/countries/new", data=good | {"languages": []})
    assert (refused.status_code, "Choose at least one language." in refused.text) == (422, True)
    assert client.post(f"/offices/{region.id}/countries/new", data=good).status_code == 303
    assert "Country KZ is there already." in client.post(f"/offices/{region.id}/countries/new", data=good).text

    country, centre = db.execute(sa.select(Country, Office).join(Office, Office.country_id == Country.id).where(Country.code == "KZ")).one()
    assert (country.languages, centre.path, centre.kind, centre.names) == (["kk", "ru"], "/CA/KZ/", "centre", {"en": "Kazakhstan"})
    assert client.get(f"/offices/{centre.id}/countries/new").status_code == 404
    assert "countries/new" not in client.get(f"/offices/{centre.id}").text
    client.post("/agencies/new", data={"country": str(country.id), "code": "BORDER", "name_en": "Border Service"})
    assert db.scalars(sa.select(Agency.code).where(Agency.country_id == country.id)).all() == ["BORDER"]


@pytest.mark.goal("XCT-09")
def test_a_refused_office_says_why_at_its_field_and_keeps_what_was_typed(db: Session, client_of: ClientOf) -> None:
    """A code that is taken, a zone that is none and a missing name are each named at their field; what was typed stays."""
    centre = make_centre(db, "KZ")
    client = client_of(make_staff(db, Role.ADMINISTRATOR, centre))
    good = {"code": "KZ-NEW", "kind": "department", "name_en": "New", "zone": "Asia/Almaty", "crossing": "", "paired": ""}

    for change, link in (
        ({"code": "KZ"}, '<a href="#code">Code: There is an office KZ already.</a>'),
        ({"zone": "Almaty"}, '<a href="#zone">Time zone: Almaty is no time zone. Example: Asia/Almaty.</a>'),
        ({"name_en": ""}, '<a href="#name_en">Name in English: Give a name in at least one language.</a>'),
    ):
        answer = client.post(f"/offices/{centre.id}/new", data=good | change)
        assert (answer.status_code, link in answer.text) == (422, True), change
        assert f'value="{(good | change)["zone"]}"' in answer.text
    assert db.scalars(sa.select(Office.code).where(Office.code == "KZ-NEW")).all() == []


def test_seats_are_added_and_not_taken_away(db: Session) -> None:
    """A classroom grows; fewer seats than it has are refused."""
    room = make_classroom(db, seats=5)

    with pytest.raises(Invalid):
        tree.edit_classroom(db, room, names={"en": "CBT class 1"}, seats=4)


def test_a_classroom_says_how_many_find_room_in_it(db: Session) -> None:
    """More or fewer than there are seats with a PC; no number means as many; zero is refused at the field."""
    room = tree.add_classroom(db, make_office(db), names={"en": "CBT class 1"}, seats=4, capacity=20)
    assert room.capacity == 20
    with pytest.raises(Invalid) as refused:
        tree.edit_classroom(db, room, names={"en": "CBT class 1"}, seats=4, capacity=0)
    assert set(refused.value.fields) == {"capacity"}
    tree.edit_classroom(db, room, names={"en": "CBT class 1"}, seats=4)
    assert room.capacity is None
