"""Sheets: what comes out of a file is what went in, whatever a spreadsheet would like to make of it."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import Invalid, say
from app.sheets import Column, Sheet, as_csv, neutralised, restored, xlsx

COLUMNS = (
    Column("service_number", say("t", "Service number")),
    Column("name", say("t", "Name")),
    Column("tries", say("t", "Tries"), "int"),
    Column("hours", say("t", "Hours"), "number"),
    Column("post", say("t", "Post-test"), "percent"),
    Column("starts_on", say("t", "Begins"), "day"),
    Column("ended_at", say("t", "Handed in"), "moment"),
)
ROW = ("007210", "Әбдірахманова Гүлжаһан", 2, Decimal("24.5"), Fraction(43, 50), date(2026, 11, 24), datetime(2026, 11, 24, 4, 30, tzinfo=UTC))


def a_sheet(*rows: tuple[Any, ...], columns: tuple[Column, ...] = COLUMNS, **values: Any) -> Sheet:
    """A sheet of results."""
    defaults: dict[str, Any] = {
        "name": "results", "title": say("t", "Results"), "at": datetime(2026, 11, 26, 11, 40, tzinfo=UTC), "zone": "Asia/Almaty",
        "filters": ((say("t", "Course"), "Vehicle search"),), "scope": "Korday", "by": "Bekova A.",
    }
    return Sheet(columns=columns, rows=rows, **(defaults | values))


def texts(*values: str) -> Sheet:
    """A sheet of one column of texts."""
    return a_sheet(*((value,) for value in values), columns=(Column("name", say("t", "Name")),))


def workbook(sheet: Sheet) -> Any:
    """The file read back."""
    return openpyxl.load_workbook(io.BytesIO(xlsx(sheet)))


def read_csv(data: bytes, separator: str = ",") -> list[list[str]]:
    """The file read back."""
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig")), delimiter=separator))


@pytest.mark.goal("CER-21")
def test_a_workbook_holds_real_dates_percentages_and_numbers() -> None:
    """Read back, a date is a date, a percentage a share with its format, a number a number, and a service number keeps its zeros."""
    page = workbook(a_sheet(ROW)).worksheets[0]

    assert [cell.value for cell in page[1]] == ["Service number", "Name", "Tries", "Hours", "Post-test", "Begins", "Handed in"]
    assert [cell.value for cell in page[2]] == [
        "007210", "Әбдірахманова Гүлжаһан", 2, 24.5, 0.86, datetime(2026, 11, 24), datetime(2026, 11, 24, 9, 30),
    ]
    assert [cell.number_format for cell in page[2]][4:] == ["0 %", "dd.mm.yyyy", "dd.mm.yyyy hh:mm"]


@pytest.mark.goal("CER-21")
def test_a_workbook_is_ready_to_work_with() -> None:
    """The head stays in sight, every column has a filter arrow and a width that fits its values."""
    page = workbook(a_sheet(ROW, ROW)).worksheets[0]

    assert page.freeze_panes == "A2"
    assert page.auto_filter.ref == "A1:G3"
    assert page.column_dimensions["B"].width > page.column_dimensions["C"].width > 8


@pytest.mark.goal("CER-21")
def test_a_second_sheet_says_what_the_table_is() -> None:
    """The sheet "About" names filters, offices, time with its zone, number of rows and who made the file."""
    info = workbook(a_sheet(ROW)).worksheets[1]

    assert info.title == "About"
    assert {row[0].value: row[1].value for row in info.iter_rows()} == {
        "Table": "Results", "Filter: Course": "Vehicle search", "Offices": "Korday", "As of": "26 Nov 2026, 16:40 UTC+5",
        "Times in": "Asia/Almaty", "Rows": 1, "Made by": "Bekova A.",
    }


FORMULAS = ["=1+1", "+7 701 000", "-2", "@SUM(A1)", "\t=1", "'=1", "＝1+1", "=cmd|' /C calc'!A0"]


@pytest.mark.goal("CER-21")
def test_no_text_becomes_a_formula_in_a_workbook() -> None:
    """A name that begins like a formula is stored as a text, letter for letter, and stays one when it is edited."""
    page = workbook(texts(*FORMULAS)).worksheets[0]
    cells = [row[0] for row in page.iter_rows(min_row=2)]

    assert [cell.value for cell in cells] == FORMULAS
    assert {cell.data_type for cell in cells} == {"s"}
    assert all(cell.quotePrefix for cell in cells)


@pytest.mark.goal("CER-21")
def test_no_text_becomes_a_formula_from_a_csv_file() -> None:
    """In CSV an apostrophe stands in front of it, and reading it back gives the text that was there."""
    found = [row[0] for row in read_csv(as_csv(texts(*FORMULAS)))][1:]

    assert [text for text in found if text[0] != "'"] == []
    assert [restored(text) for text in found] == FORMULAS


@pytest.mark.goal("CER-21")
def test_a_text_longer_than_a_cell_goes_on_beside_it() -> None:
    """70,000 characters fill three cells of one row; put together they are the text."""
    long = "".join(chr(1040 + n % 32) for n in range(70_000))
    page = workbook(a_sheet((long, 1), ("short", 2), columns=(COLUMNS[1], COLUMNS[2]))).worksheets[0]

    assert [cell.value for cell in page[1]] == ["Name", "Name (2)", "Name (3)", "Tries"]
    assert "".join(cell.value for cell in page[2][:3]) == long
    assert [cell.value for cell in page[3]] == ["short", None, None, 2]


@pytest.mark.goal("CER-21")
def test_a_csv_file_has_stable_keys_and_iso_dates() -> None:
    """The first line holds English keys that never change, dates are ISO, a moment carries its offset, numbers a point."""
    assert read_csv(as_csv(a_sheet(ROW, (None,) * 7))) == [
        ["service_number", "name", "tries", "hours", "post", "starts_on", "ended_at"],
        ["007210", "Әбдірахманова Гүлжаһан", "2", "24.5", "0.86", "2026-11-24", "2026-11-24T09:30:00+05:00"],
        [""] * 7,
    ]


@pytest.mark.goal("CER-21")
def test_a_csv_file_is_written_for_the_program_that_reads_it() -> None:
    """Separator, byte order mark and the heads of the page are a choice; UTF-8 is not."""
    plain = as_csv(a_sheet(ROW), separator="semicolon", bom=False, heads="words")

    assert as_csv(a_sheet(ROW)).startswith(b"\xef\xbb\xbfservice_number,")
    assert not plain.startswith(b"\xef\xbb\xbf")
    assert read_csv(plain, ";")[0] == ["Service number", "Name", "Tries", "Hours", "Post-test", "Begins", "Handed in"]


@pytest.mark.goal("CER-19")
@pytest.mark.parametrize("write", [xlsx, as_csv])
def test_a_file_that_would_be_cut_is_not_made(write: Any) -> None:
    """An export with fewer rows than there are stops with a message that says how many there are."""
    with pytest.raises(Invalid) as refused:
        write(a_sheet(ROW, total=2))

    assert refused.value.message.params["total"] == 2


def test_the_same_sheet_gives_the_same_bytes() -> None:
    """A file can be compared by its hash."""
    assert xlsx(a_sheet(ROW)) == xlsx(a_sheet(ROW))


@given(st.text())
def test_what_was_neutralised_comes_back(text: str) -> None:
    """For every text: the file's form is harmless, and the import's form is the text."""
    assert restored(neutralised(text)) == text
    assert neutralised(text)[:1] not in set("=+-@\t\r\n＝＋－＠")


@settings(max_examples=40)
@given(st.lists(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="_￾￿"), min_size=1)))
def test_every_text_survives_a_workbook(values: list[str]) -> None:
    """What is typed is what is read back, in every script."""
    page = workbook(texts(*values)).worksheets[0]

    assert [row[0].value for row in page.iter_rows(min_row=2)] == values
