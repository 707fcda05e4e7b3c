"""Reading a staff list: what files it takes, how each bad row is named, and what a take-over does to the register."""

from __future__ import annotations

import contextlib
import io
import time
import zipfile
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook
from sqlalchemy.orm import Session

from app import sheets
from app.db import Database
from app.errors import Invalid, Message
from app.offices.models import Office
from app.people import register, register_files, staff_list
from app.people.models import Account, Person, PersonName, Posting
from app.people.names import Name
from app.people.register_files import Cell, Grid, Reading, Row
from app.people.staff_list import Plan, Terms
from tests.factories import a_moment, make_office
from tests.people.rows import agency_of, make_centre, take_in

TODAY = date(2026, 11, 24)
HEADS = ("service number", "family", "given", "patronymic", "office", "since")
BEKOVA = ("10000001", "Бекова", "Айгерим", "Серікқызы", "KZ-KORDAY", "2024-01-08")


@pytest.fixture
def korday(db: Session) -> Office:
    """A border office of the reader's."""
    return make_office(db, make_centre(db), code="KZ-KORDAY", names={"en": "Korday", "ru": "Кордай", "kk": "Қордай"})


def grid(*rows: tuple[str, ...], heads: tuple[str, ...] = HEADS) -> Grid:
    """A file with these rows."""
    return Grid(Reading("csv"), tuple(Row(n, tuple(Cell(text) for text in row)) for n, row in enumerate((heads, *rows), start=1)))


def plan(db: Session, file: Grid, *, paths: tuple[str, ...] = ("/",), since: date = TODAY, **said: Any) -> tuple[Plan, Callable[[], Any]]:
    """What taking a file over would do, and a function that does it."""
    where = staff_list.places(db, paths)
    heads = staff_list.recognise(file)
    agency = next(iter(where.agencies)) if len(where.agencies) == 1 else None
    terms = Terms(columns=heads.columns, since=since, today=TODAY, agency_id=agency, **said)
    good, faults = staff_list.entries(file.rows[heads.at + 1 :], where, terms)
    made = staff_list.plan_of(db, good, where, TODAY)
    made.faults = sorted([*faults, *made.faults], key=lambda fault: fault.row)
    wanted = sorted([*made.added, *(one.entry for one in made.changed)], key=lambda entry: entry.row)
    return made, lambda: staff_list.take_over(db, wanted, where, today=TODAY, source="staff list a.csv")


def told(message: Message) -> str:
    """A message in English."""
    return message.text.format(**message.params)


def faults(made: Plan) -> list[tuple[int, str, str, str | None]]:
    """Row, column, value and suggestion of each fault."""
    return [(fault.row, fault.column, fault.value, fault.suggestion) for fault in made.faults]


# ---- files -----------------------------------------------------------------------------------------------------------

NAMES = "Личный номер{s}Фамилия{s}Имя\r\n00123{s}Щербаков{s}Ёлкин Юрий\r\n"


@pytest.mark.parametrize("separator", list(register_files.SEPARATORS))
@pytest.mark.parametrize(("encoding", "sure"), [("utf-8", True), ("utf-8-sig", True), ("utf-16", True), ("cp1251", False)])
def test_csv_is_read_in_the_usual_encodings_and_separators(encoding: str, sure: bool, separator: str) -> None:
    """UTF-8 with and without a mark, UTF-16 and cp1251, with comma, semicolon or tab, give the same letters; zeros in front stay."""
    sign = register_files.SEPARATORS[separator]

    read = register_files.read(NAMES.format(s=sign).encode(encoding))

    assert [cell.text for cell in read.rows[1].cells] == ["00123", "Щербаков", "Ёлкин Юрий"]
    assert (read.reading.separator, read.reading.sure) == (separator, sure)


def test_kazakh_letters_of_an_old_encoding_are_right_once_it_is_chosen() -> None:
    """A guess that shows wrong letters is put right by choosing the encoding."""
    data = "нөмір;тегі\n1;Қасымова Іңкәр\n".encode("kz1048")

    assert register_files.read(data).rows[1].cells[1].text != "Қасымова Іңкәр"
    assert register_files.read(data, encoding="kz1048").rows[1].cells[1].text == "Қасымова Іңкәр"


def workbook(*rows: tuple[Any, ...], merge: str = "", text: str = "", pattern: str = "") -> bytes:
    """A workbook with these rows."""
    book, out = Workbook(), io.BytesIO()
    page = book.active
    assert page is not None
    for row in rows:
        page.append(row)
    if pattern:
        page["A2"].number_format = pattern
    if merge:
        page.merge_cells(merge)
    book.save(out)
    return out.getvalue()


def test_a_workbook_keeps_zeros_days_and_says_which_cells_are_merged() -> None:
    """Text keeps its zeros, a number gets those of its format, a date is a day; a cell hidden by a merge names its first cell."""
    read = register_files.read(workbook(("number", "family", "born"), (123, "Бекова", date(1990, 2, 3)), ("00124", None, None), merge="B2:B3", pattern="00000"))

    assert [[cell.text for cell in row.cells] for row in read.rows[1:]] == [["00123", "Бекова", "1990-02-03"], ["00124", ""]]
    assert (read.rows[2].cells[1].trouble, read.rows[2].cells[1].merged_with) == (register_files.Trouble.MERGED, "B2")


def zipped(**parts: bytes) -> bytes:
    """An archive that calls itself a workbook."""
    out = io.BytesIO(workbook(("a",)))
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(f"xl/{name}.xml", content)
    return out.getvalue()


LAUGHS = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><x>&b;</x>'
HOSTILE = {
    "an expansion bomb": zipped(bomb=b"\0" * (60 * 1024 * 1024)),
    "entities that swell": zipped(laughs=LAUGHS),
    "an external entity": zipped(outside=b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>'),
    "a document type in UTF-16": zipped(wide=LAUGHS.decode().encode("utf-16")),
    "millions of tags": zipped(tags=b"<c/>" * 2_000_000),
    "no workbook": b"PK\x03\x04" + b"x" * 1000,
    "an old workbook": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 1000,
    "a picture": b"\x89PNG\r\n" + b"\0\1\2\3" * 200,
    "too many bytes": b"a;b\n" * 2_000_000,
    "too many rows": b"a;b\n" * 20_000,
    "nothing": b"",
    "blank lines": b"\n;;\n\n",
}


@pytest.mark.parametrize("name", list(HOSTILE))
def test_hostile_and_useless_files_are_refused_at_once(name: str) -> None:
    """A bomb, an entity, a flood of tags and what is no table at all are refused within two seconds of work, with a reason at the file field."""
    start = time.process_time()

    with pytest.raises(Invalid) as refused:
        register_files.read(HOSTILE[name])

    assert list(refused.value.fields) == ["file"]
    assert time.process_time() - start < 2


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """Whatever is sent, the reader gives rows or a reason, never a crash."""
    with contextlib.suppress(Invalid):
        assert register_files.read(data).rows


def test_heads_are_found_below_a_title_in_three_languages() -> None:
    """A title above the heads is passed over; heads are recognised in English, Russian and Kazakh, whatever their capitals and signs."""
    for heads in (("Service No.", "Surname", "First name"), ("ЛИЧНЫЙ НОМЕР", "Фамилия:", "Имя"), ("Жеке нөмірі", "Тегі", "Аты")):
        found = staff_list.recognise(grid(("", "", ""), heads, ("1", "Б", "А"), heads=("Staff on 1 November",)))
        assert (found.at, found.columns) == (2, {"service_number": 0, "family": 1, "given": 2})


# ---- bad rows --------------------------------------------------------------------------------------------------------


def changed(**cells: str) -> tuple[str, ...]:
    """The row of Bekova with other cells."""
    return tuple(cells.get(head.replace(" ", "_"), value) for head, value in zip(HEADS, BEKOVA, strict=True))


BAD = {
    "a number that became 1.2E+11": (changed(service_number="1.2E+11"), "service_number", None, "rounded"),
    "the same with a comma": (changed(service_number="1,20E+11"), "service_number", None, "rounded"),
    "no number": (changed(service_number=""), "service_number", None, "needed"),
    "no family name": (changed(family=""), "family", None, "family name is needed"),
    "no given name": (changed(given=""), "given", None, "given name is needed"),
    "a digit in a name": (changed(family="Беков4"), "family", None, "digit"),
    "Latin letters in a Cyrillic word": (changed(family="Бeкoва"), "family", "Бекова", "e, o"),
    "two scripts": (changed(given="Aigerim"), "given", None, "different scripts"),
    "an unknown office": (changed(office="Korda"), "office", "Korday", "nearest: Korday"),
    "no office like it": (changed(office="Владивосток"), "office", None, "No such office"),
    "31 February": (changed(since="31.02.2026"), "since", None, "no such day"),
    "words for a day": (changed(since="spring"), "since", None, "24.11.2026"),
    "a year of two digits": (changed(since="01.02.26"), "since", None, "24.11.2026"),
    "the year 3026": (changed(since="01.02.3026"), "since", None, "cannot be"),
    "a formula that failed": (changed(family="#REF!"), "family", None, "formula"),
}


@pytest.mark.parametrize("name", list(BAD))
def test_a_bad_row_is_named_with_column_value_and_reason(db: Session, korday: Office, name: str) -> None:
    """Each bad cell is named by row, column and value, with the reason and, where it is known, what would be right."""
    row, column, suggestion, reason = BAD[name]

    made, _ = plan(db, grid(row))

    assert (made.added, made.bad_rows) == ([], 1)
    assert faults(made)[-1] == (2, column, row[[head.replace(" ", "_") for head in HEADS].index(column)], suggestion)
    assert reason in told(made.faults[-1].why)


def test_a_number_twice_in_the_file_is_bad_the_second_time(db: Session, korday: Office) -> None:
    """The later of two rows with one number is left out and points at the first."""
    made, _ = plan(db, grid(BEKOVA, changed(family="Омарова")))

    assert ([entry.row for entry in made.added], faults(made)) == ([2], [(3, "service_number", "10000001", None)])
    assert "row 2 (Бекова Айгерим Серікқызы)" in told(made.faults[0].why)


def test_lost_zeros_are_noticed(db: Session, korday: Office) -> None:
    """A number that the register has with zeros in front, or that is shorter than all of its agency, is not taken for a new person."""
    take_in(db, korday, number="00000417")
    for n in range(5):
        take_in(db, korday, "Омаров", number=f"2000000{n}")

    made, _ = plan(db, grid(changed(service_number="417"), changed(service_number="1234567")))

    assert faults(made) == [(2, "service_number", "417", "00000417"), (3, "service_number", "1234567", "01234567")]


def test_a_number_of_somebody_else_is_not_a_new_name(db: Session, korday: Office) -> None:
    """A row whose number belongs to a person of quite another name is bad and says whose it is."""
    take_in(db, korday, "Омаров", "Нұрсұлтан")

    made, _ = plan(db, grid(BEKOVA))

    assert faults(made) == [(2, "service_number", "10000001", None)]
    assert told(made.faults[0].why) == "This number belongs to Омаров Нұрсұлтан."


def test_an_import_reaches_only_the_offices_of_who_makes_it(db: Session, korday: Office) -> None:
    """A row that names another's office, or a person serving there, is refused without saying who that is."""
    khorgos = make_office(db, make_centre(db, "KZ2"), code="KZ-KHORGOS", names={"en": "Khorgos"})
    register.move_person(
        db, take_in(db, korday, number="7"), office=khorgos, agency=agency_of(db, korday), since=date(2025, 1, 1),
    )

    made, _ = plan(db, grid(changed(service_number="7"), changed(office="KZ-KHORGOS")), paths=(korday.path,))

    assert faults(made) == [(2, "service_number", "7", None), (3, "office", "KZ-KHORGOS", None)]
    assert "Бекова" not in told(made.faults[0].why)


def test_agencies_of_one_name_are_told_apart_by_the_office(db: Session, korday: Office) -> None:
    """Where several countries have an agency BORDER, the row's office says which is meant; without an office the row is bad."""
    oybek = make_office(db, make_centre(db, "UZ"), code="UZ-OYBEK", names={"en": "Oybek"})
    heads = (*HEADS, "agency")

    made, _ = plan(
        db, grid((*BEKOVA, "BORDER"), (*changed(office="Oybek"), "BORDER"), (*changed(office=""), "BORDER"), (*changed(office="Владивосток"), "BORDER"), heads=heads),
    )

    assert [entry.agency_id for entry in made.added] == [agency_of(db, korday).id, agency_of(db, oybek).id]
    assert [(row, column) for row, column, _, _ in faults(made)] == [(4, "agency"), (5, "office")]


def test_a_correction_on_the_page_makes_the_row_good(db: Session, korday: Office) -> None:
    """What a person corrects for one cell counts instead of the cell."""
    made, _ = plan(db, grid(changed(office="Korda")), fixes={"2": {"office": "Korday"}})

    assert (len(made.added), made.faults) == (1, [])


# ---- good rows -------------------------------------------------------------------------------------------------------


def test_good_rows_go_alone(db: Session, korday: Office) -> None:
    """Good rows are taken over while bad ones stay out: new people with name, posting and search keys, and no password hashed."""
    made, take = plan(db, grid(BEKOVA, changed(service_number="")))

    taken = take()

    person = db.scalars(sa.select(Person)).one()
    posting = db.scalars(sa.select(Posting)).one()
    assert (taken.added, taken.changed, made.bad_rows) == (1, 0, 1)
    assert (person.service_number, person.display_name, "bekova" in person.search_key) == ("10000001", "Бекова Айгерим Серікқызы", True)
    assert (posting.office_id, posting.valid_from, posting.valid_to) == (korday.id, date(2024, 1, 8), None)
    assert db.scalar(sa.select(sa.func.count()).select_from(Account)) == 0


def test_a_changed_row_says_old_and_new_and_keeps_the_history(db: Session, korday: Office) -> None:
    """A new surname, rank and office are shown old and new; taken over, a posting holds from its day, a name at once, and the old ones stay on file."""
    oybek = make_office(db, korday, code="KZ-SUB", names={"en": "Sub"})
    person = take_in(db, korday, "Асанова", "Айгерим", rank="lieutenant", since=date(2024, 1, 8))
    heads = (*HEADS, "rank")

    made, take = plan(db, grid((*changed(office="KZ-SUB", patronymic=""), "captain"), heads=heads), since=date(2026, 12, 1))
    take()

    assert [(told(change.what), change.before, change.after) for change in made.changed[0].changes] == [
        ("name; the old one stays findable", "Асанова Айгерим", "Бекова Айгерим"), ("office, from 2026-12-01", "KZ-KORDAY", "KZ-SUB"),
        ("rank, from 2026-12-01", "lieutenant", "captain"),
    ]
    names = db.execute(sa.select(PersonName.family, PersonName.valid_from).order_by(PersonName.valid_from)).all()
    postings = db.execute(sa.select(Posting.office_id, Posting.rank, Posting.valid_from, Posting.valid_to).order_by(Posting.valid_from)).all()
    assert [tuple(row) for row in names] == [("Асанова", date(2024, 1, 8)), ("Бекова", TODAY)]
    assert [tuple(row) for row in postings] == [
        (korday.id, "lieutenant", date(2024, 1, 8), date(2026, 11, 30)), (oybek.id, "captain", date(2026, 12, 1), None),
    ]
    assert "asanova" in person.search_key


def test_nobody_is_removed_by_omission(db: Session, korday: Office) -> None:
    """Who serves in the file's offices and is not in the file is shown as such, and nothing about him changes; a bad row counts as in the file."""
    absent = take_in(db, korday, "Омаров", number="5")
    take_in(db, korday, "Сатова", number="6")
    where = staff_list.places(db, ("/",))
    file = grid(BEKOVA, changed(service_number="6", family=""))
    made, take = plan(db, file)
    take()

    there = staff_list.numbers(file.rows[1:], Terms(columns={"service_number": 0}, since=TODAY, today=TODAY))
    shown = staff_list.absent(db, made.added, there, where, TODAY)

    assert [one.person_id for one in shown] == [absent.id]
    assert (absent.left_on, db.scalar(sa.select(Posting.valid_to).where(Posting.person_id == absent.id))) == (None, None)


def test_what_a_file_says_nothing_about_stays(db: Session, korday: Office) -> None:
    """Empty cells and missing columns take nothing away: rank, post and patronymic stay."""
    take_in(db, korday, "Бекова", "Айгерим", "Серікқызы", rank="captain", post="inspector")

    made, _ = plan(db, grid(changed(patronymic="", since="", office="")))

    assert (made.same, made.good, made.faults) == (1, 0, [])


def test_a_row_that_fits_no_more_is_left_out_and_named(db: Session, korday: Office) -> None:
    """The take-over looks again: a number that somebody else registered since the preview is refused, the rest goes in."""
    _, take = plan(db, grid(BEKOVA, changed(service_number="2", family="Сатова")))
    take_in(db, korday, "Омаров", "Нұрсұлтан")

    taken = take()

    assert (taken.added, [fault.row for fault in taken.refused]) == (1, [2])


def test_a_full_name_in_one_column_is_family_given_and_the_rest(db: Session, korday: Office) -> None:
    """A list with one column for the name is read as family, given, patronymic; a patronymic may have two words."""
    made, _ = plan(db, grid(("1", "Toʻraqulova Dilnoza Shavkat qizi", "Korday"), ("2", "Омаров", "Korday"), heads=("number", "ФИО", "office")), fixes={})

    assert made.good == 0
    made, _ = plan(db, grid(("1", "Toʻraqulova Dilnoza Shavkat qizi", "Korday"), ("2", "Омаров", "Korday"), heads=("Личный номер", "ФИО", "office")))
    assert [entry.names for entry in made.added] == [{"Latn": Name("Toʻraqulova", "Dilnoza", "Shavkat qizi")}]
    assert [(fault.row, fault.column) for fault in made.faults] == [(3, "full_name")]


LETTERS = {"Cyrl": "абвгғдеёжзқңөұүһіәӣҷў", "Latn": "abcdefghijklmnopqrstuvwxyzäöüýžşʻ"}


@st.composite
def people(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Officers with names in one or two scripts."""
    word = {script: st.builds(str.__add__, st.sampled_from(letters[:20]), st.text(letters, max_size=7)) for script, letters in LETTERS.items()}
    found = []
    for n in draw(st.lists(st.integers(0, 10**9), min_size=1, max_size=5, unique=True)):
        scripts = draw(st.sampled_from((("Cyrl",), ("Latn",), ("Cyrl", "Latn"))))
        names = {
            script: Name(draw(word[script]), draw(word[script]), draw(st.one_of(st.just(""), word[script]))) for script in scripts
        }
        found.append({
            "service_number": draw(st.sampled_from(("", "0", "00", "BG-", "=", "-"))) + str(n), "names": names,
            "gender": draw(st.sampled_from((None, "f", "m"))), "born_on": draw(st.one_of(st.none(), st.dates(date(1950, 1, 1), date(2008, 1, 1)))),
            "rank": draw(st.sampled_from(("", "captain", "=cmd()", "старший лейтенант"))), "post": draw(st.sampled_from(("", "-", "inspector; shift 2"))),
            "since": draw(st.dates(date(2000, 1, 1), date(2026, 11, 24))),
        })
    return found


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(officers=people(), as_file=st.sampled_from(("csv", "xlsx")), separator=st.sampled_from(list(register_files.SEPARATORS)))
def test_a_list_taken_out_and_read_in_again_changes_nothing(
    database: Database, officers: list[dict[str, Any]], as_file: str, separator: str,
) -> None:
    """Any people written to Excel or CSV and read back are the same people: no row added, changed or bad."""
    with database.sessions() as db:
        db.info["writing"] = True
        office = make_office(db, make_centre(db, f"C{time.perf_counter_ns()}"), names={"en": "Here"})
        for officer in officers:
            register.register_person(db, agency=agency_of(db, office), office=office, **officer)
        where = staff_list.places(db, (office.path,))
        rows = staff_list.roster(db, where, within=office.path, today=TODAY)
        kinds: dict[str, Any] = {"birth_date": "day", "since": "day"}
        sheet = sheets.Sheet(
            name="staff", title=Message("t", "Staff"), at=a_moment(), zone="UTC",
            columns=tuple(sheets.Column(key, staff_list.LABELS[key], kinds.get(key, "text")) for key in staff_list.SHAPE),
            rows=tuple(tuple(row[key] for key in staff_list.SHAPE) for row in rows),
        )
        data = sheets.xlsx(sheet) if as_file == "xlsx" else sheets.as_csv(sheet, separator=separator)

        made, _ = plan(db, register_files.read(data), paths=(office.path,))

        assert (len(rows), made.same, made.good, [told(fault.why) for fault in made.faults]) == (len(officers), len(officers), 0, [])
        db.rollback()


@pytest.mark.parametrize("rows", [1, 3])
def test_the_number_of_queries_does_not_grow_with_the_file(db: Session, korday: Office, counted: Callable[[], Any], rows: int) -> None:
    """One row and three rows are compared and taken over with the same number of statements."""
    for n in range(rows):
        take_in(db, korday, "Омаров", number=f"9{n}")
    file = grid(*(changed(service_number=f"1{n}") for n in range(rows)), *(changed(service_number=f"9{n}", family="Омаров", office="KZ") for n in range(rows)))
    db.commit()

    with counted() as statements:
        made, take = plan(db, file, since=TODAY)
        taken = take()

    assert (made.faults, taken.added, taken.changed) == ([], rows, rows)
    assert len([line for line in statements if line.startswith("SELECT")]) == 13
