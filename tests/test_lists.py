"""List pages: what their address says, which rows and columns they show, and what they say when there is nothing."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask, g, render_template_string
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app import create_app, http, lists
from app.db import Database
from app.errors import say
from app.offices.models import Office
from app.people.models import Person, Posting, Preference
from app.policy import Role
from app.sync.models import AuditEvent
from config import Config
from tests.factories import make_office, make_person, make_staff

ClientOf = Callable[[Person], FlaskClient]

LISTING = lists.Listing(
    name="officers",
    title=say("t", "Officers"),
    columns=(
        lists.Column("name", say("t", "Name"), value=lambda row: row[0].display_name, sort=True, always=True),
        lists.Column("service_number", say("t", "Service no."), value=lambda row: row[0].service_number, sort=True),
        lists.Column("office", say("t", "Office"), value=lambda row: row[1].code),
        lists.Column("gender", say("t", "Sex"), value=lambda row: row[0].gender, sort=True, shown=False),
    ),
    sort="name",
    filters=(
        lists.Filter("q", say("t", "Name or number"), "search"),
        lists.Filter("gender", say("t", "Sex"), options=(("f", say("t", "woman")), ("m", say("t", "man")))),
        lists.Filter("born", say("t", "Born from"), "day"),
    ),
)
PAGE = """{% import "lists.html" as lists with context %}{{ lists.corner(view) }}{{ lists.filters(view) }}
{% if view.total %}{% call(row, column) lists.table(view) %}{{ lists.cell(row, column) }}{% endcall %}
{% else %}{{ lists.empty(view, what="No officer yet", why="Nobody of your offices is on file.", action="Read in a list", href="/import") }}{% endif %}"""


@pytest.fixture
def app(settings: Config, database: Database) -> Flask:
    """An app with one more page: the list that this file tests."""
    app = create_app(settings, database)
    app.config.update(TESTING=True, WTF_CSRF_ENABLED=False)

    @http.guarded("person.list")
    def officers() -> Any:
        view = lists.asked(LISTING)
        query = (
            sa.select(Person, Office).join(Posting, Posting.person_id == Person.id).join(Office, Office.id == Posting.office_id)
            .where(lists.scoped(Office.path, "person.list"))
        )
        if view.value("q"):
            query = query.where(Person.search_key.contains(view.value("q"), autoescape=True))
        if view.value("gender"):
            query = query.where(Person.gender == view.value("gender"))
        order = {"name": (Person.sort_key, Person.service_number), "service_number": Person.service_number, "gender": Person.gender}
        lists.fetch(g.db, view, query, order, Person.id)
        return lists.export(view, scope_words="Korday") or render_template_string(PAGE, view=view)

    app.add_url_rule("/officers", "officers", http.in_transaction(officers, database))
    return app


@pytest.fixture
def office(db: Session) -> Office:
    """The office whose staff is listed."""
    return make_office(db)


def officers(db: Session, office: Office, number: int) -> None:
    """Officers P000, P001 … of an office."""
    for n in range(number):
        make_person(db, office, family=f"P{n:03d}", given="A", gender="f" if n % 2 else "m")


def names(page: str) -> list[str]:
    """The names in the order of the rows."""
    return [part.split("</th>")[0].strip() for part in page.split('<th scope="row">')[1:]]


@pytest.mark.goal("XCT-20")
def test_a_list_comes_in_pages_that_say_where_they_are(db: Session, client_of: ClientOf, office: Office) -> None:
    """120 people come in pages of 50: each says which rows it shows of how many, and nobody is missing or there twice."""
    manager = make_staff(db, Role.MANAGER, office, family="P999", given="A")
    officers(db, office, 119)
    client = client_of(manager)

    pages = [client.get(f"/officers?page={n}").text for n in (1, 2, 3)]

    assert ["Rows shown 1–50 of 120" in pages[0], "Rows shown 51–100 of 120" in pages[1], "Rows shown 101–120 of 120" in pages[2]] == [True] * 3
    assert [name for page in pages for name in names(page)] == [f"P{n:03d} A" for n in (*range(119), 999)]
    assert "Rows shown 101–120 of 120" in client.get("/officers?page=99").text


@pytest.mark.goal("XCT-20")
def test_filter_and_order_stand_in_the_address(db: Session, client_of: ClientOf, office: Office) -> None:
    """An address with a filter and an order shows the same list to whom it is mailed; paging and files keep both."""
    manager = make_staff(db, Role.MANAGER, office, family="Boss", given="A")
    officers(db, office, 120)

    page = client_of(manager).get("/officers?gender=f&sort=-name&page=2").text

    assert names(page) == [f"P{n:03d} A" for n in range(19, 0, -2)]
    assert '<option value="f" selected>woman</option>' in page
    assert 'aria-sort="descending"' in page
    assert '<a class="nav" rel="prev" href="/officers?gender=f&amp;sort=-name">' in page
    assert '<a class="btn act" href="/officers?gender=f&amp;sort=-name&amp;as=xlsx">' in page


@pytest.mark.goal("XCT-20")
def test_chosen_columns_are_remembered_for_the_person(db: Session, client_of: ClientOf, office: Office) -> None:
    """Columns ticked once are there at every later visit, at any PC, for this person alone; the usual ones come back."""
    manager, other = make_staff(db, Role.MANAGER, office), make_staff(db, Role.MANAGER, office)
    client = client_of(manager)

    client.post("/lists/officers/columns", data={"column": ["gender"], "next": "/officers"})

    def heads(someone: FlaskClient) -> list[str]:
        return [part.split("</a>")[0].split("</th>")[0] for part in someone.get("/officers").text.split('<a class="sort"')[1:]]

    assert [head.rsplit(">", 1)[1] for head in heads(client_of(manager))] == ["Name", "Sex"]
    assert [head.rsplit(">", 1)[1] for head in heads(client_of(other))] == ["Name", "Service no."]
    client.post("/lists/officers/columns", data={"usual": "1", "next": "/officers"})
    assert [head.rsplit(">", 1)[1] for head in heads(client)] == ["Name", "Service no."]
    assert db.scalars(sa.select(Preference.columns)).all() == [{}]


@pytest.mark.goal("XCT-20", "CER-18")
def test_a_file_of_a_list_holds_all_its_rows_and_the_columns_shown(db: Session, client_of: ClientOf, office: Office) -> None:
    """A file is made of the whole filtered list, not of the page, with the columns of the page; taking it out is audited."""
    manager = make_staff(db, Role.MANAGER, office, family="Boss", given="A")
    officers(db, office, 120)

    answer = client_of(manager).get("/officers?gender=f&as=csv")
    rows = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))

    assert rows[0] == ["name", "service_number", "office"]
    assert [row[0] for row in rows[1:]] == [f"P{n:03d} A" for n in range(1, 120, 2)]
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="officers-')
    event = db.scalars(sa.select(AuditEvent).where(AuditEvent.what == "export")).one()
    assert (event.actor_id, event.about, event.detail["rows"], len(event.detail["sha256"])) == (manager.id, "/officers", 60, 64)


@pytest.mark.goal("CER-19")
def test_printing_a_list_prints_all_its_rows(db: Session, client_of: ClientOf, office: Office) -> None:
    """The page for printing has every row at once and says so."""
    manager = make_staff(db, Role.MANAGER, office)
    officers(db, office, 70)

    page = client_of(manager).get("/officers?as=print").text

    assert len(names(page)) == 71
    assert "Rows shown 1–71 of 71" in page


@pytest.mark.goal("XCT-08")
def test_a_filter_without_results_offers_to_clear_it(db: Session, client_of: ClientOf, office: Office) -> None:
    """"No results" names the filter and leads back to the whole list."""
    page = client_of(make_staff(db, Role.MANAGER, office)).get("/officers?q=nobody").text

    assert "No results" in page
    assert "Name or number: <b>nobody</b>" in page
    assert '<a class="btn" href="/officers">Clear the filter</a>' in page


@pytest.mark.goal("XCT-08")
def test_an_empty_list_says_what_belongs_there_and_what_to_do(db: Session, client_of: ClientOf, app: Flask) -> None:
    """Without a filter an empty list says what would stand here, why there is nothing now, and the one next action."""
    far = make_office(db)
    stranger = make_staff(db, Role.MANAGER, far)
    for posting in db.scalars(sa.select(Posting)):
        db.delete(posting)

    page = client_of(stranger).get("/officers").text

    assert "No officer yet" in page
    assert "Nobody of your offices is on file." in page
    assert '<a class="btn btn-main" href="/import">Read in a list</a>' in page


def test_people_of_other_offices_are_on_no_page_and_in_no_file(db: Session, client_of: ClientOf, office: Office) -> None:
    """A list holds the offices of who asks and those below, compared letter for letter."""
    manager = make_staff(db, Role.MANAGER, office, family="Mine", given="A")
    make_person(db, make_office(db, office), family="Below", given="A")
    make_person(db, make_office(db, code=office.code.lower()), family="Small", given="A")
    make_person(db, make_office(db, code=office.code + "-2"), family="Beside", given="A")
    client = client_of(manager)

    assert names(client.get("/officers").text) == ["Below A", "Mine A"]
    assert "Beside" not in client.get("/officers?as=csv&q=beside").text


@pytest.mark.parametrize("address", ["?sort=; drop table", "?page=-1", "?page=x", "?gender=q", "?as=exe", "?born=31.02.1988", "?page=99999999999"])
def test_what_the_address_cannot_mean_is_left_out(db: Session, client_of: ClientOf, office: Office, address: str) -> None:
    """A broken address shows the list, not an error."""
    page = client_of(make_staff(db, Role.MANAGER, office, family="Mine", given="A")).get("/officers" + address)

    assert (page.status_code, names(page.text)) == (200, ["Mine A"])


@pytest.mark.parametrize("people", [1, 3])
def test_a_list_asks_the_same_number_of_questions_for_one_row_and_for_three(
    db: Session, client_of: ClientOf, counted: Callable[[], Any], office: Office, people: int
) -> None:
    """Sign-in with roles, columns chosen, count, rows."""
    client = client_of(make_staff(db, Role.MANAGER, office))
    officers(db, office, people - 1)
    db.commit()

    with counted() as statements:
        client.get("/officers")

    assert len(statements) == 4
