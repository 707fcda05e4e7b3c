"""Tables that people send, XLSX or CSV, as rows of cells. Every limit is checked before the file is unpacked. Pure."""

from __future__ import annotations

import codecs
import csv
import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from app.errors import Invalid, Message, say
from app.sheets import restored

MOST_BYTES = 5 * 1024 * 1024
MOST_ROWS = 10_000
MOST_COLUMNS = 60
MOST_UNPACKED = 40 * 1024 * 1024
MOST_TAGS = 1_000_000  # of all parts of a workbook that are read
MOST_CHARACTERS = 500  # of a cell that means something here

ENCODINGS = {
    "utf-8": say("import", "UTF-8"), "utf-16": say("import", "UTF-16 (Unicode text of Excel)"),
    "cp1251": say("import", "cp1251 (Windows, Russian)"), "kz1048": say("import", "KZ-1048 (Windows, Kazakh)"),
    "cp866": say("import", "cp866 (DOS)"),
}
SEPARATORS = {"semicolon": ";", "comma": ",", "tab": "\t"}


class Trouble(StrEnum):
    """What happened to a cell before the file came here."""

    MERGED = "merged"
    ROUNDED = "rounded"
    ERROR = "error"
    UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Cell:
    """What stands in a cell, as text."""

    text: str = ""
    trouble: Trouble | None = None
    merged_with: str = ""  # "A3"


EMPTY = Cell()


@dataclass(frozen=True)
class Row:
    """A row with its number in the file, as a spreadsheet counts."""

    number: int
    cells: tuple[Cell, ...]

    def cell(self, place: int) -> Cell:
        """The cell in a column; empty beyond the last one."""
        return self.cells[place] if place < len(self.cells) else EMPTY


@dataclass(frozen=True)
class Reading:
    """How a file was read. `sure`: nobody needs to look whether the letters are right."""

    kind: str  # xlsx | csv
    encoding: str = ""
    separator: str = ""
    sure: bool = True


@dataclass(frozen=True)
class Grid:
    """The rows of a file that are not empty."""

    reading: Reading
    rows: tuple[Row, ...] = field(default=())


def read(data: bytes, *, encoding: str = "", separator: str = "") -> Grid:
    """The rows of an XLSX or CSV file. For CSV, what is not said is recognised.

    Raises Invalid for a file that is too large, no table, or built to exhaust the server.
    """
    if len(data) > MOST_BYTES:
        raise _no(say("import", "The file is larger than {n} MB. Split the list by office.", n=MOST_BYTES // 1024 // 1024))
    if data[:4] == b"PK\x03\x04":
        return Grid(Reading("xlsx"), _xlsx(data))
    if data[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        raise _no(say("import", "This is a workbook of an old Excel (.xls), or one with a password. Save it as .xlsx without a password."))
    return _csv(data, encoding, separator)


def _no(why: Message) -> Invalid:
    return Invalid(fields={"file": why})


# ---- CSV -------------------------------------------------------------------------------------------------------------


def guess_encoding(data: bytes) -> tuple[str, bool]:
    """The encoding of a text, and whether it is certain: a mark at the start or valid UTF-8 is, the rest is a guess."""
    if data.startswith(codecs.BOM_UTF8):
        return "utf-8", True
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16", True
    if data[:200].count(0) > len(data[:200]) // 4:
        return "utf-16", False
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1251", False
    return "utf-8", True


def _csv(data: bytes, encoding: str, separator: str) -> Grid:
    guessed, sure = guess_encoding(data)
    chosen = encoding if encoding in ENCODINGS else guessed
    if chosen == "utf-16" and not data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = data.decode("utf-16-be" if data[:1] == b"\0" else "utf-16-le", errors="replace")
    else:
        text = data.decode("utf-8-sig" if chosen == "utf-8" else chosen, errors="replace")
    if "\0" in text or sum(c < " " and c not in "\t\r\n" for c in text[:4_000]) > 2:
        raise _no(say("import", "This is no table: save it in Excel as .xlsx or as CSV, then send it again."))
    sign = separator if separator in SEPARATORS else guess_separator(text)
    rows = []
    try:
        for number, values in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=SEPARATORS[sign]), start=1):
            if number > MOST_ROWS + 50:
                raise _too_many()
            if any(value.strip() for value in values):
                rows.append(Row(number, tuple(_text_cell(value) for value in values[:MOST_COLUMNS])))
    except csv.Error:
        raise _no(say("import", "The quotation marks in this file do not fit together. Save it in Excel as .xlsx, then send it again.")) from None
    return Grid(Reading("csv", chosen, sign, sure), _bounded(rows))


def guess_separator(text: str) -> str:
    """The sign that stands equally often, and most often, in the first lines."""
    lines = [line for line in text.splitlines()[:30] if line.strip()][:12]
    best, most = "semicolon", 0
    for name, sign in SEPARATORS.items():
        counts = [len(values) - 1 for values in csv.reader(lines, delimiter=sign)] if lines else [0]
        usual = max(set(counts), key=lambda n: (counts.count(n), n))
        weight = usual * counts.count(usual)
        if usual and weight > most:
            best, most = name, weight
    return best


def _text_cell(value: str) -> Cell:
    text = restored(" ".join(value.split()))
    return Cell(text[: MOST_CHARACTERS + 1], Trouble.UNREADABLE if "\ufffd" in text else None)


def _bounded(rows: list[Row]) -> tuple[Row, ...]:
    if not rows:
        raise _no(say("import", "The file is empty."))
    if len(rows) > MOST_ROWS + 50:
        raise _too_many()
    return tuple(rows)


def _too_many() -> Invalid:
    return _no(say("import", "The file has more than {n} rows. Split the list by office.", n=MOST_ROWS))


# ---- XLSX ------------------------------------------------------------------------------------------------------------


def _xlsx(data: bytes) -> tuple[Row, ...]:
    broken = _no(say("import", "This workbook cannot be read. Open it in Excel, save it as .xlsx, then send it again."))
    try:
        merged = _inspected(data)
        from openpyxl import load_workbook

        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        page: Any = book.worksheets[0]
        rows = []
        for number, cells in enumerate(page.iter_rows(max_row=MOST_ROWS + 60, max_col=MOST_COLUMNS), start=1):
            found = _with_merged(number, [_cell(cell) for cell in cells], merged)
            if any(cell.text for cell in found):
                rows.append(Row(number, found))
        book.close()
    except Invalid:
        raise
    except Exception:  # a hostile or damaged file fails in many ways inside the reader; each means the same here
        raise broken from None
    return _bounded(rows)


UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)  # in which no search for a document type would find one
DOCTYPE = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
MERGED = re.compile(rb'<mergeCell\s[^>]*?ref="([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})"')
SHEET = re.compile(r"xl/worksheets/[^/]+\.xml", re.IGNORECASE)


def _inspected(data: bytes) -> dict[tuple[int, int], str]:
    """Merged cells (row, column) with the cell that holds their value, after the workbook was found harmless.

    Sizes are those that the archive states; more than stated is never unpacked. A part with a document type could name
    entities that swell or files of this machine; no program that writes workbooks makes one.
    """
    too_big = _no(say("import", "This workbook is too large when unpacked. Copy the list alone into a new workbook."))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = archive.infolist()
        if len(parts) > 2_000 or sum(part.file_size for part in parts) > MOST_UNPACKED:
            raise too_big
        tags, merged = 0, {}
        sheets = sorted(part.filename for part in parts if SHEET.fullmatch(part.filename))
        for part in parts:
            if not part.filename.lower().endswith((".xml", ".rels")):
                continue
            content = archive.read(part)
            tags += content.count(b"<")
            if tags > MOST_TAGS:
                raise too_big
            if b"\0" in content[:4] or content[:2] in UTF_16 or DOCTYPE.search(content):
                raise _no(say("import", "This workbook contains parts that no Excel writes. It was not opened."))
            if sheets and part.filename == sheets[0]:
                merged = _merged(content)
    return merged


def _merged(content: bytes) -> dict[tuple[int, int], str]:
    found: dict[tuple[int, int], str] = {}
    for left, top, right, bottom in MERGED.findall(content)[:5_000]:
        first, last = _column(left), min(_column(right), MOST_COLUMNS)
        for row in range(int(top), min(int(bottom), int(top) + 2_000) + 1):
            for column in range(first, last + 1):
                if (row, column) != (int(top), first):
                    found[row, column] = f"{left.decode()}{int(top)}"
        if len(found) > MOST_ROWS * 10:
            break
    return found


def _column(letters: bytes) -> int:
    place = 0
    for letter in letters:
        place = place * 26 + letter - 64
    return place


def _with_merged(number: int, cells: list[Cell], merged: dict[tuple[int, int], str]) -> tuple[Cell, ...]:
    marked = [
        Cell(cell.text, Trouble.MERGED, merged_with=merged[number, place]) if not cell.text and (number, place) in merged else cell
        for place, cell in enumerate(cells, start=1)
    ]
    while marked and marked[-1] == EMPTY:
        marked.pop()
    return tuple(marked)


ZEROS = re.compile(r"0{2,20}")


def _cell(cell: Any) -> Cell:
    value = cell.value
    if value is None:
        return EMPTY
    if isinstance(value, (datetime, date)):
        return Cell(value.isoformat()[:10])
    if isinstance(value, bool):
        return Cell("1" if value else "0")
    if isinstance(value, (int, float)):
        return _number_cell(value, str(cell.number_format or ""))
    text = restored(" ".join(str(value).split()))[: MOST_CHARACTERS + 1]
    return Cell(text, Trouble.ERROR if cell.data_type == "e" else None)


def _number_cell(value: int | float, pattern: str) -> Cell:
    """A number as people wrote it: 00123 by the pattern of the cell; past 15 digits the spreadsheet has rounded it."""
    if isinstance(value, float) and not value.is_integer():
        return Cell(repr(value))
    text = str(int(value))
    if abs(value) >= 10**15:
        return Cell(text, Trouble.ROUNDED)
    return Cell(text.zfill(len(pattern))) if ZEROS.fullmatch(pattern) else Cell(text)


def sample(rows: Sequence[Row], n: int = 3) -> list[list[str]]:
    """The first rows as text, for a person to see whether the letters are right."""
    return [[cell.text for cell in row.cells] for row in rows[:n]]
