"""Pages, papers and files of reports: the same figures everywhere, every number a way to its list, nothing of other offices."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlsplit

import openpyxl
import pypdf
import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app import clock
from app.courses.models import CourseVersion
from app.db import take_write_lock
from app.people.models import Person
from app.policy import POLICY, Role, roles
from app.reports.progress import COLUMNS, columns_of
from app.sync.models import AuditEvent
from tests.factories import give_role, make_office, make_person, make_staff
from tests.reports.rows import At, Land, a_november, a_run, make_land, take_part

ClientOf = Callable[[Person], FlaskClient]
NOVEMBER = "period=2026-11"


@pytest.fixture(autouse=True)
def _november() -> Iterator[None]:
    """Every page is made on 24 November 2026."""
    with clock.using(At()):
        yield


@pytest.fixture
def land(db: Session) -> Land:
    """A country with a November in it."""
    land = make_land(db)
    a_november(db, land)
    return land


@pytest.fixture
def manager(db: Session, land: Land, client_of: ClientOf) -> FlaskClient:
    """A browser of the country's manager."""
    return client_of(make_staff(db, Role.MANAGER, land.centre, agency=land.border))


class Table(HTMLParser):
    """The first table of a page: its rows as texts, and the links in its cells."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.links: list[tuple[str, str]] = []
        self.spans: list[int] = []
        self.depth = 0
        self.href = ""
        self.feed(page.split("</table>")[0].split("<table", 1)[1])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Rows, cells, links."""
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
        elif tag == "a":
            self.href = dict(attrs).get("href") or ""

    def handle_endtag(self, tag: str) -> None:
        """A link ends."""
        if tag == "a":
            self.href = ""

    def handle_data(self, data: str) -> None:
        """What a cell says."""
        if self.rows and self.rows[-1] and data.strip():
            self.rows[-1][-1] = f"{self.rows[-1][-1]} {data.strip()}".strip()
            if "/people?" in self.href:
                self.links.append((self.href, data.strip()))


def body(page: str) -> dict[str, list[str]]:
    """The rows of the report on a page by name, without the sign that opens a branch."""
    table = Table(page)
    return {re.sub(r"^[+–] ", "", row[0]): row[1:] for row in table.rows[2:]}


def number(text: str) -> float:
    """A number as a page writes it."""
    return float(text.replace("–", "-").replace("+", "").replace(",", "").removesuffix("\N{NO-BREAK SPACE}%"))


# ---- one definition, five ways to see it -------------------------------------------------------------------------------


@pytest.mark.goal("CER-18", "XCT-12")
@pytest.mark.parametrize("by", ["office", "course", "month", "agency", "mode"])
def test_page_print_pdf_excel_and_csv_carry_the_same_figures(manager: FlaskClient, by: str) -> None:
    """Cell by cell, the page, its print, the PDF, the Excel file and the CSV file of a report say the same, also where
    they say that there is no data or that there are too few pairs."""
    manager.post(f"/lists/progress-{by}/columns", data={"column": [column.key for column in COLUMNS], "next": "/"})
    address = f"/reports/progress?{NOVEMBER}&by={by}&open=all"
    columns = columns_of(by)  # type: ignore[arg-type]

    page = body(manager.get(address).text)
    printed = body(manager.get(f"{address}&as=print").text)
    book = openpyxl.load_workbook(io.BytesIO(manager.get(f"{address}&as=xlsx").data))
    sheet = [dict(zip((cell.value for cell in book.worksheets[0][1]), row, strict=True)) for row in book.worksheets[0].iter_rows(min_row=2, values_only=True)]
    lines = list(csv.DictReader(io.StringIO(manager.get(f"{address}&as=csv").data.decode("utf-8-sig"))))
    document = pypdf.PdfReader(io.BytesIO(manager.get(f"{address}&as=pdf").data))
    text = "\n".join(one.extract_text() for one in document.pages)

    assert printed == page
    assert len(page) == len(sheet) == len(lines) > 1
    heads = [head for head in sheet[0] if head not in ("Code", "Level in the tree", "Remark")][1:]
    for (name, cells), excel, line in zip(page.items(), sheet, lines, strict=True):
        assert next(iter(excel.values())) == line["name"] == name
        if line["remark"]:
            assert excel["Remark"] == line["remark"] == cells[-1]
            cells = cells[:-1]
        for column, head, cell in zip(columns, heads, cells, strict=False):
            in_excel, in_csv = excel[head], line[column.key]
            if cell == "–":
                assert (in_excel, in_csv) == (None, "")
            elif cell == "n < 5":
                assert (in_excel, in_csv) == (cell, cell)
            elif column.kind == "share":
                assert [round(in_excel * 100), round(float(in_csv) * 100)] == [number(cell)] * 2
            else:
                assert [in_excel, float(in_csv)] == [number(cell)] * 2
        flat = " ".join(text.split())
        for group in (cells[:10], cells[10:]) if by in ("office", "agency") else (cells[:9], cells[9:]):
            if group and not line["remark"]:
                assert " ".join(" ".join((name, *group)).split()) in flat


@pytest.mark.goal("CER-17", "XCT-14")
def test_scope_filters_and_moment_stand_on_the_report(manager: FlaskClient, land: Land) -> None:
    """The page says over which offices, for which period, and as of when in UTC and in the reader's own zone."""
    page = manager.get(f"/reports/progress?{NOVEMBER}&agency=QA-BORDER&mode=class").text

    assert "scope: your offices (6): Land QA" in page
    assert "Figures as of 24 Nov 2026, 04:00 UTC (24 Nov 2026, 09:00 UTC+5 at your office)" in page
    assert "Period: November 2026 · Agency: Border · Mode: in class" in " ".join(page.split())


@pytest.mark.goal("CER-17")
def test_scope_and_filters_stand_on_paper_and_in_files(manager: FlaskClient) -> None:
    """A report on paper or in a file says its offices, its filters and its moment as the page does."""
    address = f"/reports/progress?{NOVEMBER}&mode=class"

    about = openpyxl.load_workbook(io.BytesIO(manager.get(f"{address}&as=xlsx").data))["About"]
    text = " ".join(pypdf.PdfReader(io.BytesIO(manager.get(f"{address}&as=pdf").data)).pages[0].extract_text().split())

    said = {row[0]: row[1] for row in about.iter_rows(values_only=True)}
    assert said == {
        "Table": "Progress by office", "Filter: Period": "November 2026", "Filter: Mode": "in class",
        "Filter: Rows shown": "3 of 6; the others stand in closed branches and are counted there", "Offices": "your offices (6): Land QA",
        "As of": "24 Nov 2026, 09:00 UTC+5", "Times in": "Asia/Almaty", "Rows": 3, "Made by": "Bekova A.",
    }
    assert "your offices (6): Land QA" in text
    assert "Period: November 2026 · Mode: in class" in text
    assert "Figures as of 24 Nov 2026, 04:00 UTC" in text


@pytest.mark.goal("CER-19")
def test_the_table_says_how_many_rows_it_shows(manager: FlaskClient) -> None:
    """A closed branch is counted out loud, on the page and on paper; with all branches open every row is there."""
    some, every = manager.get(f"/reports/progress?{NOVEMBER}"), manager.get(f"/reports/progress?{NOVEMBER}&open=all")
    text = "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(manager.get(f"/reports/progress?{NOVEMBER}&as=pdf").data)).pages)

    assert "Rows shown 3 of 6; the others stand in closed branches and are counted there." in some.text
    assert "Rows shown 6 of 6." in every.text
    assert list(body(some.text)) == ["Land QA", "East QA", "West QA"]
    assert list(body(every.text)) == ["Land QA", "East QA", "Atameken QA", "West QA", "Korday QA", "Sypatai QA"]
    assert text.count("Rows shown 3 of 6; the others stand in closed") == 2


@pytest.mark.goal("CER-20")
def test_the_paper_repeats_its_heads_and_numbers_its_pages(db: Session, land: Land, manager: FlaskClient) -> None:
    """A long report is A4, says page n of N on every page, repeats its heads, and has the fonts of ours inside."""
    for n in range(60):
        make_office(db, land.west, code=f"QA-{n:02d}")
    db.commit()

    document = pypdf.PdfReader(io.BytesIO(manager.get(f"/reports/progress?{NOVEMBER}&open=all&as=pdf").data))

    texts = [page.extract_text() for page in document.pages]
    assert len(texts) > 3
    assert {(round(float(page.mediabox.width)), round(float(page.mediabox.height))) for page in document.pages} == {(595, 842)}
    assert all(f"{n} / {len(texts)}" in text for n, text in enumerate(texts, 1))
    assert [("Office" in text and "Roster" in text) for text in texts[:2]] == [True, True]


@pytest.mark.goal("CER-21")
def test_a_name_that_looks_like_a_formula_stays_a_text(db: Session, land: Land, manager: FlaskClient) -> None:
    """Figures in Excel are numbers and shares percentages; a course called "=1+1" is a text there, and harmless in CSV."""
    take_write_lock(db)
    version = db.get_one(CourseVersion, land.cars.id)
    version.titles = {"en": "=1+1"}
    db.commit()

    book = openpyxl.load_workbook(io.BytesIO(manager.get(f"/reports/progress?{NOVEMBER}&by=course&as=xlsx").data))
    lines = manager.get(f"/reports/progress?{NOVEMBER}&by=course&as=csv").data.decode("utf-8-sig").splitlines()

    page = book.worksheets[0]
    row = next(row for row in page.iter_rows(min_row=2) if row[0].value == "=1+1")
    by_head = {page.cell(1, cell.column).value: cell for cell in row}
    assert (row[0].data_type, by_head["Participations"].value, by_head["Post-test: Share"].number_format[-2:]) == ("s", 9, " %")
    assert any(line.startswith("'=1+1,") for line in lines)
    assert page.freeze_panes == "A2"


# ---- a way from every number to its list -------------------------------------------------------------------------------


@pytest.mark.goal("CER-24")
@pytest.mark.parametrize("by", ["office", "course", "month", "agency", "mode"])
def test_every_number_opens_a_list_of_just_so_many(manager: FlaskClient, by: str) -> None:
    """Whoever follows any link of the table finds as many people or participations as the number said."""
    manager.post(f"/lists/progress-{by}/columns", data={"column": [column.key for column in COLUMNS], "next": "/"})
    page = manager.get(f"/reports/progress?period=2026-Q4&by={by}&open=all").text

    links = Table(page).links
    for href, text in links:
        found = manager.get(href)
        said = re.search(r"Rows shown (\d+)–(\d+) of (\d+)", found.text)
        count = int(re.search(r"\d+", text)[0])  # type: ignore[index]
        assert found.status_code == 200
        assert said is not None, href
        assert (href, int(said[3])) == (href, count)

    numbers = [cell for cells in body(page).values() for cell in cells if cell.isdigit() and cell != "0"]
    plain = [text for _, text in links if text.isdigit()]
    assert sorted(plain) == sorted(numbers)
    assert len(links) > 12


def test_the_list_keeps_the_filters_of_the_report(manager: FlaskClient) -> None:
    """The list behind a number is narrowed as the report was, says so, can be sorted, and taken out as a file."""
    page = manager.get(f"/reports/progress?{NOVEMBER}&agency=QA-BORDER&open=all").text
    href = next(href for href, _ in Table(page).links if "of=pairs" in href and "KORDAY" in href)

    found = manager.get(f"{href}&sort=-gain").text
    lines = list(csv.DictReader(io.StringIO(manager.get(f"{href}&sort=-gain&as=csv").data.decode("utf-8-sig"))))

    assert parse_qs(urlsplit(href).query) == {"of": ["pairs"], "row": ["QA-KORDAY"], "by": ["office"], "period": ["2026-11"], "agency": ["QA-BORDER"]}
    assert "Office: Korday QA" in found
    assert "Agency: Border" in found
    assert [line["gain"] for line in lines] == ["34", "33", "32", "31", "30", "30", "30", "30"]
    assert 'aria-sort="descending"' in found


def test_names_and_runs_lead_to_their_records(db: Session, land: Land, manager: FlaskClient) -> None:
    """A name opens the person's record and a run its page; of somebody who serves in another country now there is no link."""
    abroad = make_office(db, code="QZ")
    take_part(db, a_run(db, land), land.korday, land.border, person=make_person(db, abroad, family="Gone"), pre=40, post=80)
    db.commit()

    page = manager.get(f"/reports/progress/people?{NOVEMBER}&of=pairs").text

    people, courses = set(re.findall(r'href="(/people/[^"]+)"', page)), set(re.findall(r'href="(/runs/R-[^"]+)"', page))
    assert (len(people), len(courses)) == (5, 3)
    assert [manager.get(path).status_code for path in people | courses] == [200] * 8
    assert "Gone Aigerim" in page


@pytest.mark.goal("PPL-08")
def test_people_and_participations_are_counted_apart(manager: FlaskClient) -> None:
    """Three of seven officers were in two courses: ten participations, seven people, and women, men and not stated are seven."""
    cells = body(manager.get(f"/reports/progress?{NOVEMBER}&open=all").text)["Korday QA"]

    assert cells[:6] == ["9", "7", "10", "2", "4", "1"]


@pytest.mark.goal("CER-25")
def test_too_few_pairs_are_said_and_not_told(manager: FlaskClient) -> None:
    """A course with three pairs shows n < 5 in place of a mean, on the table and on the chart, with its n beside it."""
    page = manager.get(f"/reports/progress?{NOVEMBER}&by=course").text

    assert body(page)["Travel documents QA"][5:9] == ["n < 5", "n < 5", "n < 5", "3"]
    assert body(page)["Vehicle search QA"][5:9] == ["42.0", "74.0", "+32.0", "5"]
    chart = re.sub(r"<[^>]+>", " ", page.split('<svg class="chart"')[1].split("</svg>")[0]).split()
    assert " ".join(chart).endswith("Vehicle search QA 42.0 74.0 +32.0 5 Travel documents QA n &lt; 5, not shown n &lt; 5 3")


@pytest.mark.goal("CER-19", "PPL-08")
def test_silence_is_never_zero(manager: FlaskClient) -> None:
    """An office of which nothing has come in is hatched and named, an office without runs says so; neither shows zeros."""
    page = manager.get(f"/reports/progress?{NOVEMBER}&open=all").text

    rows = body(page)
    assert rows["Sypatai QA"] == ["2", "no data: 2 enrolled, no lesson and no test has come in"]
    assert rows["Atameken QA"] == ["1", "no runs in the period"]
    assert "data from 1 of 2 offices with runs" in page
    assert '<span class="st st-silent">Sypatai QA</span>' in page
    assert page.count('<td class="nodata hatch"') == 1


# ---- what is not the reader's ------------------------------------------------------------------------------------------


@pytest.mark.goal("CER-17")
def test_a_region_sees_nothing_of_another(db: Session, land: Land, client_of: ClientOf) -> None:
    """The manager of a region meets neither office nor person of another one, whatever he writes into the address."""
    take_part(db, a_run(db, land), land.atameken, land.customs, gender="f", pre=40, post=80)
    stranger = make_staff(db, Role.MANAGER, land.atameken, agency=land.customs, family="Stranger")
    take_part(db, a_run(db, land), land.atameken, land.customs, person=stranger, pre=40, post=80)
    west = client_of(make_staff(db, Role.MANAGER, land.west, agency=land.border))

    pages = [
        west.get(f"/reports/progress?period=2026&{more}").text
        for more in ("open=all", "open=QA,QA-EAST", "by=course", "by=agency", "by=month", "country=QA", "agency=QA-CUSTOMS&open=all")
    ]
    pages += [west.get(f"/reports/progress/people?period=2026&of={of}").text for of in ("trained", "participations", "roster")]
    tricks = [
        west.get(f"/reports/progress/people?period=2026&by=office&of={of}&row={row}").status_code
        for of in ("trained", "participations", "roster") for row in ("QA-ATAMEKEN", "QA-EAST", "QA", "nowhere", "%25", "QA-WEST/")
    ]

    assert all("Atameken" not in page and "East" not in page and "Stranger" not in page for page in pages)
    assert "Rows shown 3 of 3." in pages[0]
    assert set(tricks) == {404}
    assert body(pages[0])["West QA"][1] == "7"


@pytest.mark.goal("CER-24")
def test_numbers_open_nothing_for_who_may_not_see_people(manager: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader of figures whose role shows him no people gets the same numbers without links, and no list by address."""
    before = body(manager.get(f"/reports/progress?{NOVEMBER}&open=all").text)
    monkeypatch.setitem(POLICY, "report.people", roles(Role.AUDITOR))

    page = manager.get(f"/reports/progress?{NOVEMBER}&open=all").text

    assert body(page) == before
    assert Table(page).links == []
    assert manager.get("/reports/progress/people?of=trained").status_code == 403


def test_people_of_a_part_are_shown_for_that_part(db: Session, land: Land, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures over a country and people of one region: only the numbers of that region open their list."""
    monkeypatch.setitem(POLICY, "report.people", roles(Role.AUDITOR))
    both = make_staff(db, Role.MANAGER, land.centre, agency=land.border)
    give_role(db, both, Role.AUDITOR, land.west)
    browser = client_of(both)

    rows = {parse_qs(urlsplit(href).query).get("row", [""])[0] for href, _ in Table(browser.get(f"/reports/progress?{NOVEMBER}&open=all").text).links}

    assert rows == {"QA-WEST", "QA-KORDAY", "QA-SYPATAI"}
    assert browser.get("/reports/progress/people?of=trained&row=QA&by=office").status_code == 404
    assert browser.get("/reports/progress/people?of=trained&by=course").status_code == 404
    assert browser.get("/reports/progress/people?of=trained&row=QA-WEST&by=office").status_code == 200


@pytest.mark.parametrize("role", [Role.TRAINEE, Role.TRAINER, Role.AUTHOR])
def test_reports_are_closed_to_other_roles(db: Session, land: Land, client_of: ClientOf, role: Role) -> None:
    """Trainees, trainers and authors have no reports."""
    browser = client_of(make_staff(db, role, land.centre, agency=land.border))

    assert [browser.get(path).status_code for path in ("/reports", "/reports/progress", "/reports/progress/people")] == [403] * 3


def test_an_export_is_audited(db: Session, manager: FlaskClient) -> None:
    """Who took out which report, with which filters and how many rows, is written down."""
    manager.get(f"/reports/progress?{NOVEMBER}&mode=class&as=csv")

    event = db.scalars(sa.select(AuditEvent).where(AuditEvent.what == "export")).one()

    assert (event.about, event.detail["rows"], event.detail["filters"]) == ("/reports/progress", 3, f"{NOVEMBER}&mode=class&as=csv")


# ---- addresses ---------------------------------------------------------------------------------------------------------


@pytest.mark.goal("XCT-20")
def test_branches_open_by_address(manager: FlaskClient) -> None:
    """Each branch has a link that opens or closes it and keeps the rest of the address."""
    page = manager.get(f"/reports/progress?{NOVEMBER}&mode=class").text
    href = re.search(r'<a class="shut no-print" href="([^"]+)" aria-label="Open West QA">', page)
    assert href is not None

    opened = manager.get(href[1].replace("&amp;", "&")).text
    shut = re.search(r'<a class="open no-print" href="([^"]+)" aria-label="Close Land QA">', opened)
    assert shut is not None

    assert parse_qs(urlsplit(href[1].replace("&amp;", "&")).query) == {"period": ["2026-11"], "mode": ["class"], "open": ["QA,QA-WEST"]}
    assert list(body(opened)) == ["Land QA", "East QA", "West QA", "Korday QA", "Sypatai QA"]
    assert list(body(manager.get(shut[1].replace("&amp;", "&")).text)) == ["Land QA"]


def test_offices_are_sorted_among_their_neighbours(manager: FlaskClient) -> None:
    """A sorted tree stays a tree; offices without figures stand last either way."""
    down = manager.get(f"/reports/progress?{NOVEMBER}&open=all&sort=-trained").text
    up = manager.get(f"/reports/progress?{NOVEMBER}&open=all&sort=roster").text

    assert list(body(down)) == ["Land QA", "West QA", "Korday QA", "Sypatai QA", "East QA", "Atameken QA"]
    assert list(body(up)) == ["Land QA", "East QA", "Atameken QA", "West QA", "Sypatai QA", "Korday QA"]


@pytest.mark.parametrize(
    ("asked", "title", "said"),
    [
        ("", "Progress by office, November 2026", ""),
        ("period=2026-Q3", "Progress by office, quarter 3 of 2026", ""),
        ("period=2019", "Progress by office, 2019", ""),
        ("period=soon&by=nothing&course=none&open=,,&sort=-nothing", "Progress by office, November 2026", ""),
        ("from=2026-09-02&to=2026-11-09", "Progress by office, 2 Sept 2026 – 9 Nov 2026", ""),
        ("from=2026-11-09", "Progress by office, 9 Nov 2026 – 24 Nov 2026", ""),
        ("to=2026-11-09", "Progress by office, 1 Jan 2026 – 9 Nov 2026", ""),
        ("from=2026-11-09&to=2026-09-02", "Progress by office, November 2026", "The first day is after the last. Shown is November 2026."),
        *(
            (f"{days}&by=month", "Progress by month, November 2026", "A report covers twelve years at most, and none before 1950. Shown is November 2026.")
            for days in ("from=2001-01-01", "from=0001-01-01&to=0001-02-01", "from=9999-12-31", "to=9999-12-31&from=9999-12-01")
        ),
    ],
)
def test_the_period_is_what_the_address_says(manager: FlaskClient, asked: str, title: str, said: str) -> None:
    """Month, quarter, year or own days; what cannot be is replaced by this month, and the page says so."""
    page = manager.get(f"/reports/progress?{asked}").text

    assert f"<h1>{title}</h1>" in page
    assert said in page


@pytest.mark.goal("XCT-08")
def test_an_empty_report_says_why_and_what_next(manager: FlaskClient) -> None:
    """Nothing in a period: the page names the filters and leads on."""
    page = manager.get("/reports/progress?period=2019&by=course").text

    assert "No runs in the period" in page
    assert 'href="/reports/progress?by=course&amp;period=2026"' in page


def test_the_index_says_which_reports_there_are(manager: FlaskClient) -> None:
    """The section begins with what there is and over which offices."""
    page = manager.get("/reports").text

    assert "Scope: your offices (6): Land QA" in page
    assert [f"/reports/progress?by={by}" in page for by in ("office", "course", "month", "agency", "mode")] == [True] * 5


def test_a_page_asks_as_many_questions_for_many_offices_as_for_few(
    db: Session, land: Land, manager: FlaskClient, counted: Callable[[], Any]
) -> None:
    """The number of queries of the page and of its lists is the same for a small country and a large one."""
    asked = []
    for _ in range(2):
        for address in ("/reports/progress?open=all", "/reports/progress?by=course", "/reports/progress/people?of=participations"):
            manager.get(address)
            with counted() as statements:
                manager.get(address)
            asked.append(len([one for one in statements if not one.startswith(("UPDATE", "INSERT"))]))
        for n in range(10):
            office = make_office(db, land.east)
            take_part(db, a_run(db, land), office, land.border, pre=40 + n, post=80)
        db.commit()

    assert asked[:3] == asked[3:]
