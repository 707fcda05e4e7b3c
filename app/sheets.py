"""Sheets: one frozen definition of a table, written as XLSX or CSV; the page and the paper take the same rows."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal
from zoneinfo import ZoneInfo

from app.errors import Invalid, Message, say
from app.i18n import LANGUAGES, language, moment
from app.i18n import say as said

Kind = Literal["text", "int", "number", "percent", "day", "moment"]

MOST_ROWS = 1_000_000  # a worksheet holds 1,048,576
MOST_CHARACTERS = 32_767  # of a cell, counted as Excel counts: in UTF-16 units
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t"}
# What a spreadsheet takes for a formula when a text begins with it, the wide forms included.
DANGEROUS = "=+\\-@\t\r\n＝＋－＠"
_needs_mark = re.compile(f"'*[{DANGEROUS}]")
_bears_mark = re.compile(f"'+[{DANGEROUS}]")
FORMATS: dict[str, dict[str, Any]] = {
    "text": {"text_wrap": True, "valign": "top"},
    "int": {"num_format": "0", "valign": "top"},
    "number": {"num_format": "#,##0.##", "valign": "top"},
    "percent": {"num_format": "0 %", "valign": "top"},
    "tenths": {"num_format": "0.0 %", "valign": "top"},  # percentages of which one is not whole
    "day": {"num_format": "dd.mm.yyyy", "valign": "top", "align": "left"},
    "moment": {"num_format": "dd.mm.yyyy hh:mm", "valign": "top", "align": "left"},
}


@dataclass(frozen=True)
class Column:
    """A column: its stable English key, its head for people, and what its values are.

    Values: text is str or Message; int; number is int, float, Decimal or Fraction; percent a share of 1; day a date;
    moment an aware datetime; None is an empty cell. In a column of numbers a Message says why there is none ("n < 5").
    """

    key: str
    head: Message
    kind: Kind = "text"

    @property
    def end(self) -> bool:
        """Whether its values stand at the end of the cell, as numbers do."""
        return self.kind in ("int", "number", "percent")


@dataclass(frozen=True)
class Sheet:
    """A table with all that says what it is. Frozen: what is on the page is in the file."""

    name: str  # of the file, without an ending: "runs"
    title: Message
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]
    at: datetime  # as of when
    zone: str  # in which its moments are written
    filters: tuple[tuple[Message | str, Message | str], ...] = ()  # in words: what was filtered by, and the value
    scope: Message | str = ""  # over which offices
    by: str = ""  # who took it out
    total: int | None = None  # how many rows there are; more than `rows` is refused: nothing is cut in silence

    def __post_init__(self) -> None:
        if len({column.key for column in self.columns}) != len(self.columns):
            raise ValueError("two columns have one key")
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError("a row does not fit the columns")

    @property
    def dicts(self) -> Iterator[dict[str, Any]]:
        """The rows by column key."""
        keys = [column.key for column in self.columns]
        return (dict(zip(keys, row, strict=True)) for row in self.rows)


def words(text: Message | str) -> str:
    """A text in the language of the page, whether it was translated before or not."""
    return said(text) if isinstance(text, Message) else text


def whole(sheet: Sheet) -> Sheet:
    """The sheet when it holds every row that there is.

    Raises Invalid when rows are missing or too many for a file: an export that would be cut stops and says so.
    """
    rows = len(sheet.rows)
    total = sheet.total if sheet.total is not None else rows
    if total != rows or rows > MOST_ROWS:
        raise Invalid(
            say(
                "sheet",
                "This table has {total} rows, more than the {most} that fit into one file. No file was made: choose a filter first.",
                total=total, most=min(rows, MOST_ROWS),
            )
        )
    return sheet


def about(sheet: Sheet) -> list[tuple[Message, str | int]]:
    """What the table is, line by line: for the sheet "About", and for the head of a printed list."""
    lines: list[tuple[Message, str | int]] = [(say("sheet", "Table"), words(sheet.title))]
    lines += [(say("sheet", "Filter: {name}", name=words(name)), words(value)) for name, value in sheet.filters]
    if not sheet.filters:
        lines.append((say("sheet", "Filters"), said(say("sheet", "none"))))
    lines.append((say("sheet", "Offices"), words(sheet.scope) or said(say("sheet", "all"))))
    lines.append((say("sheet", "As of"), moment(sheet.at, sheet.zone, named=True)))
    lines.append((say("sheet", "Times in"), sheet.zone))
    lines.append((say("sheet", "Rows"), len(sheet.rows)))
    if sheet.by:
        lines.append((say("sheet", "Made by"), sheet.by))
    return lines


# ---- XLSX ------------------------------------------------------------------------------------------------------------


def xlsx(sheet: Sheet) -> bytes:
    """The sheet as a workbook: real dates, percentages and numbers, frozen head, filter arrows, and a sheet "About".

    A text longer than a cell holds goes on in further columns beside it.
    """
    import xlsxwriter

    whole(sheet)
    file = io.BytesIO()
    book = xlsxwriter.Workbook(
        file, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    )
    book.set_properties({"title": words(sheet.title), "author": sheet.by, "created": sheet.at.replace(tzinfo=None)})
    formats = {kind: book.add_format(properties) for kind, properties in FORMATS.items()}
    quoted = book.add_format({**FORMATS["text"], "quote_prefix": True})  # stays a text also when somebody edits the cell
    head = book.add_format({"bold": True, "bottom": 1, "valign": "bottom", "text_wrap": True})
    page = book.add_worksheet(_sheet_name(words(sheet.title)))
    if LANGUAGES[language()].rtl:
        page.right_to_left()

    parts = [[_parts(row[n]) for row in sheet.rows] if c.kind == "text" else None for n, c in enumerate(sheet.columns)]
    at = 0
    for n, column in enumerate(sheet.columns):
        texts = parts[n]
        span = max((len(text) for text in texts), default=1) if texts is not None else 1
        for part in range(span):
            page.write_string(0, at + part, words(column.head) + (f" ({part + 1})" if part else ""), head)
        page.set_column(at, at + span - 1, _width(sheet, n))
        form = formats["tenths" if column.kind == "percent" and _has_tenths(sheet, n) else column.kind]
        for y, row in enumerate(sheet.rows, start=1):
            if texts is None:
                _write(page, y, at, row[n], column.kind, form, sheet.zone)
                continue
            for part, text in enumerate(texts[y - 1]):
                page.write_string(y, at + part, text, quoted if _needs_mark.match(text) else formats["text"])
        at += span
    page.freeze_panes(1, 0)
    page.autofilter(0, 0, len(sheet.rows), at - 1)
    page.repeat_rows(0)

    info = book.add_worksheet(_sheet_name(said(say("sheet", "About"))))
    info.set_column(0, 0, 24)
    info.set_column(1, 1, 70)
    for y, (label, value) in enumerate(about(sheet)):
        info.write_string(y, 0, said(label), formats["text"])
        if isinstance(value, int):
            info.write_number(y, 1, value, book.add_format({"align": "left"}))
        else:
            info.write_string(y, 1, value, quoted if _needs_mark.match(value) else formats["text"])
    book.close()
    return file.getvalue()


def _write(page: Any, y: int, x: int, value: Any, kind: str, form: Any, zone: str) -> None:
    if value is None:
        page.write_blank(y, x, None, form)
    elif isinstance(value, Message):
        page.write_string(y, x, said(value), form)
    elif kind == "day":
        page.write_datetime(y, x, value, form)
    elif kind == "moment":
        page.write_datetime(y, x, value.astimezone(ZoneInfo(zone)).replace(tzinfo=None), form)
    else:
        page.write_number(y, x, float(value), form)


def _parts(value: Any) -> list[str]:
    """A text in pieces that each fit into a cell."""
    text = "" if value is None else words(value)
    if len(text) <= MOST_CHARACTERS // 2:
        return [text]
    pieces: list[str] = []
    piece: list[str] = []
    size = 0
    for character in text:
        units = 2 if ord(character) > 0xFFFF else 1
        if size + units > MOST_CHARACTERS:
            pieces.append("".join(piece))
            piece, size = [], 0
        piece.append(character)
        size += units
    return [*pieces, "".join(piece)]


def _width(sheet: Sheet, n: int) -> int:
    column = sheet.columns[n]
    if column.kind == "day":
        longest = 11
    elif column.kind == "moment":
        longest = 17
    elif column.kind == "text":
        longest = max((len(words(row[n])) for row in sheet.rows if row[n] is not None), default=0)
    else:
        longest = 9
    return min(max(longest, len(words(column.head)) + 3) + 1, 60)


def _has_tenths(sheet: Sheet, n: int) -> bool:
    return any(Fraction(row[n]).limit_denominator(10**6) * 100 % 1 for row in sheet.rows if row[n] is not None)


def _sheet_name(text: str) -> str:
    return re.sub(r"[\[\]:*?/\\]", " ", text).strip("' ")[:31] or "Table"


# ---- CSV -------------------------------------------------------------------------------------------------------------


def as_csv(sheet: Sheet, *, separator: str = "comma", bom: bool = True, heads: str = "keys") -> bytes:
    """The sheet as CSV: UTF-8, ISO dates, the English keys (or, with heads="words", the heads of the page).

    A text that a spreadsheet would run as a formula gets an apostrophe in front; `restored` takes it off again.
    """
    whole(sheet)
    out = io.StringIO()
    writer = csv.writer(out, delimiter=SEPARATORS.get(separator, ","), lineterminator="\r\n")
    writer.writerow([words(column.head) if heads == "words" else column.key for column in sheet.columns])
    kinds = [column.kind for column in sheet.columns]
    for row in sheet.rows:
        writer.writerow([_csv_value(value, kind, sheet.zone) for value, kind in zip(row, kinds, strict=True)])
    return out.getvalue().encode("utf-8-sig" if bom else "utf-8")


def _csv_value(value: Any, kind: str, zone: str) -> str:
    if value is None:
        return ""
    if kind == "text" or isinstance(value, Message):
        return neutralised(words(value))
    if isinstance(value, datetime):
        return value.astimezone(ZoneInfo(zone)).isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Fraction):
        value = Decimal(value.numerator) / Decimal(value.denominator)
    if isinstance(value, Decimal):
        value = round(value, 6).normalize()
        return format(value, "f")
    return str(round(value, 6) if isinstance(value, float) else value)


def neutralised(text: str) -> str:
    """The text as a CSV file holds it: no spreadsheet takes it for a formula."""
    return "'" + text if _needs_mark.match(text) else text


def restored(text: str) -> str:
    """The text that `neutralised` was given: what an import reads."""
    return text[1:] if _bears_mark.match(text) else text
