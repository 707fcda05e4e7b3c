"""The pages that read a staff list in: from the file to the take-over, and who may get at a waiting file."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from openpyxl import load_workbook
from sqlalchemy.orm import Session

from app.offices.models import Office
from app.people.models import Account, Person
from app.policy import Role
from tests.factories import give_role, make_office
from tests.people.rows import make_centre, take_in

ClientOf = Callable[[Person], FlaskClient]
LIST = "Личный номер;Фамилия;Имя;Подразделение\r\n00417;Бекова;Айгерим;Кордай\r\n1.2E+11;Омаров;Нурлан;Кордай\r\n00419;Сатова;Сауле;Кордан\r\n"


@pytest.fixture
def korday(db: Session) -> Office:
    """A border office."""
    return make_office(db, make_centre(db), code="KZ-KORDAY", names={"en": "Korday", "ru": "Кордай"})


@pytest.fixture
def planner(db: Session, korday: Office) -> Person:
    """A training officer of Korday."""
    person = take_in(db, korday, "Яхонтова", "Яна", number="00900")
    give_role(db, person, Role.TRAINING_OFFICER, korday)
    return person


def send(client: FlaskClient, data: bytes, name: str = "staff.csv") -> str:
    """The address at which a sent file waits."""
    answer = client.post("/people/import", data={"file": (io.BytesIO(data), name)}, content_type="multipart/form-data")
    assert answer.status_code == 303, answer.text
    return answer.location


def test_a_cp1251_list_is_confirmed_repaired_and_its_good_rows_go_alone(db: Session, client_of: ClientOf, planner: Person) -> None:
    """Letters are confirmed on the first rows, an office is put right by one button, good rows are taken, bad ones saved with reasons."""
    client = client_of(planner)
    address = send(client, LIST.encode("cp1251"))

    first_rows = client.get(address, follow_redirects=True).text
    client.post(f"{address}/reading", data={"encoding": "cp1251", "separator": "semicolon", "since": "2026-11-01"})
    page = client.get(address).text
    client.post(f"{address}/fix", data={"row": "4", "column": "office", "value": "Кордай"})
    repaired = client.get(address).text
    workbook = load_workbook(io.BytesIO(client.get(f"{address}/bad").data)).worksheets[0]
    client.post(f"{address}/take")

    assert ("Бекова" in first_rows, "The file does not say how its letters are written." in first_rows) == (True, True)
    assert ("Take over 1 good row<" in page, ">Use Кордай<" in page, "Excel took this for a number" in page) == (True, True, True)
    assert "Take over 2 good rows<" in repaired
    bad = [[cell.value for cell in row] for row in workbook.iter_rows()]
    assert bad[0] == ["Личный номер", "Фамилия", "Имя", "Подразделение", "Row in the file", "Why it cannot be taken"]
    assert [row[0] for row in bad[1:]] == ["1.2E+11"]
    assert sorted(db.scalars(sa.select(Person.service_number))) == ["00417", "00419", "00900"]
    assert db.scalars(sa.select(Account.password_hash)).all() == []


def test_other_letters_show_the_first_rows_anew(client_of: ClientOf, planner: Person) -> None:
    """A wrong guess shows wrong letters; choosing another encoding shows the right ones before anything is checked."""
    client = client_of(planner)
    address = send(client, LIST.encode("cp866"))

    answer = client.post(f"{address}/reading", data={"encoding": "cp866", "separator": "semicolon", "since": "2026-11-01"}, follow_redirects=True)

    assert (answer.request.path, "Бекова" in answer.text) == (f"{address}/reading", True)


def test_a_column_with_an_unknown_head_is_given_a_meaning(db: Session, client_of: ClientOf, planner: Person) -> None:
    """A list without a known head for the number asks which column it is, and takes the answer."""
    client = client_of(planner)
    address = send(client, LIST.replace("Личный номер", "Код").encode())

    asked = client.post(f"{address}/reading", data={"since": "2026-11-01", "column-1": "family", "column-2": "given", "column-3": "office"})
    client.post(f"{address}/reading", data={"since": "2026-11-01", "column-0": "service_number", "column-1": "family", "column-2": "given", "column-3": "office"})

    assert ("Say which column this is: Service number." in asked.text, asked.status_code) == (True, 422)
    assert "Take over 1 good row<" in client.get(address).text


def test_a_waiting_file_belongs_to_who_sent_it_and_is_gone_afterwards(app: Flask, db: Session, client_of: ClientOf, planner: Person, korday: Office) -> None:
    """Nobody else opens, takes or drops it; after the take-over, and after a new file, nothing of it is left in the node's folder."""
    other = take_in(db, korday, "Соколова", number="00901")
    give_role(db, other, Role.TRAINING_OFFICER, korday)
    folder = Path(app.config["FOLDER"]) / "uploads"
    client, stranger = client_of(planner), client_of(other)
    first = send(client, LIST.encode())
    address = send(client, LIST.split("\r\n1.2E")[0].encode())

    answers = [stranger.get(address).location, stranger.post(f"{address}/take").location, client.get(first).location]
    kept = {path.stem for path in folder.iterdir()}
    client.post(f"{address}/take")

    assert answers == ["/people/import"] * 3
    assert address.rsplit("/", 1)[1] in kept
    assert first.rsplit("/", 1)[1] not in kept
    assert address.rsplit("/", 1)[1] not in {path.stem for path in folder.iterdir()}
    assert "00417" in db.scalars(sa.select(Person.service_number)).all()


@pytest.mark.goal("XCT-09")
def test_a_file_that_is_no_list_is_refused_at_its_field(client_of: ClientOf, planner: Person) -> None:
    """No file, a picture and an old workbook are each refused at the file field with what to do."""
    client = client_of(planner)

    for data, name, reason in ((b"", "", "Choose a file."), (b"\x89PNG\0\0\0\0\0", "a.png", "This is no table"), (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a.xls", "Save it as .xlsx")):
        answer = client.post("/people/import", data={"file": (io.BytesIO(data), name)}, content_type="multipart/form-data")
        assert (answer.status_code, '<a href="#file">' in answer.text, reason in answer.text) == (422, True, True), name


def test_the_present_list_of_another_office_cannot_be_taken_out(db: Session, client_of: ClientOf, planner: Person) -> None:
    """The file to begin with is offered for the reader's own offices only."""
    elsewhere = make_office(db, make_centre(db, "KZ2"))

    assert client_of(planner).get(f"/people/import/present?office={elsewhere.id}").status_code == 404
