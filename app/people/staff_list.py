"""The staff list of an agency as a file: its columns and rows are read, compared with the register, and the good ones taken over.

Nobody is removed because a file does not name him. Reading and comparing come before the write lock; the take-over
compares its rows once more under it.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import take_write_lock
from app.errors import Message, say
from app.offices.models import Agency, Country, Office
from app.offices.scope import under
from app.people import register
from app.people.models import Person, PersonName, Posting
from app.people.names import Name, fold, sort_key, tidy
from app.people.register_files import EMPTY, MOST_CHARACTERS, Cell, Grid, Row, Trouble
from app.people.register_queries import AT_ONCE, on, staff

# ---- columns ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Known:
    """A column that a staff list may have: its key, its name for people, and the heads it is recognised by."""

    key: str
    label: Message
    heads: tuple[str, ...]


COLUMNS = (
    Known("agency", say("import", "Agency"), ("agency", "service", "ведомство", "служба", "орган", "ведомство служба", "мекеме", "ведомство атауы", "қызмет", "орган атауы")),
    Known("service_number", say("import", "Service number"), (
        "service number", "service no", "service no.", "personnel number", "badge", "личный номер", "табельный номер", "служебный номер", "лн", "таб номер",
        "таб №", "№ удостоверения", "жеке нөмір", "жеке нөмірі", "қызметтік нөмір", "қызметтік нөмірі", "табель нөмірі",
    )),
    Known("full_name", say("import", "Full name: family, given, patronymic"), (
        "full name", "name", "фио", "ф и о", "фамилия имя отчество", "аты жөні", "тегі аты әкесінің аты", "тегі аты жөні", "таә",
    )),
    Known("family", say("import", "Family name"), ("family", "family name", "surname", "last name", "фамилия", "тегі", "family cyrillic", "фамилия кириллица")),
    Known("given", say("import", "Given name"), ("given", "given name", "first name", "имя", "аты", "есімі")),
    Known("patronymic", say("import", "Patronymic"), ("patronymic", "middle name", "отчество", "әкесінің аты")),
    Known("family_latin", say("import", "Family name, Latin"), ("family latin", "family name latin", "surname latin", "фамилия латиница", "фамилия лат", "тегі латын", "тегі латынша")),
    Known("given_latin", say("import", "Given name, Latin"), ("given latin", "given name latin", "first name latin", "имя латиница", "имя лат", "аты латын", "аты латынша")),
    Known("patronymic_latin", say("import", "Patronymic, Latin"), ("patronymic latin", "отчество латиница", "отчество лат", "әкесінің аты латын")),
    Known("gender", say("import", "Gender"), ("gender", "sex", "пол", "жынысы")),
    Known("birth_date", say("import", "Birth date"), ("birth date", "date of birth", "born", "born on", "дата рождения", "д р", "туған күні")),
    Known("rank", say("import", "Rank"), ("rank", "звание", "воинское звание", "специальное звание", "атағы", "шені")),
    Known("post", say("import", "Post"), ("post", "position", "job", "должность", "лауазымы", "лауазым")),
    Known("office", say("import", "Office"), ("office", "office code", "подразделение", "отдел", "пост", "место службы", "код подразделения", "бөлімше", "бөлім", "қызмет орны")),
    Known("since", say("import", "There since"), ("since", "from", "from date", "there since", "с даты", "дата назначения", "с какой даты", "бастап", "тағайындалған күні")),
)
LABELS = {column.key: column.label for column in COLUMNS}
_HEADS = {head: column.key for column in COLUMNS for head in column.heads}
FOR_NAMES = ("family", "given", "patronymic", "family_latin", "given_latin", "patronymic_latin", "full_name")


def plain_head(text: str) -> str:
    """A head as it is compared: small letters, no signs but №."""
    return " ".join("".join(c if c.isalnum() or c == "№" else " " for c in text.casefold()).split())


@dataclass(frozen=True)
class Heads:
    """Where the heads stand, and which column means what."""

    at: int  # index among the rows of the grid
    columns: dict[str, int]
    texts: tuple[str, ...]


def recognise(grid: Grid, more: Mapping[str, str] | None = None) -> Heads:
    """The row of heads: the one of the first twenty with most known ones; a title may stand above it. `more`: heads, and their keys."""
    known = {**(more or {}), **_HEADS}
    best = Heads(0, {}, tuple(cell.text for cell in grid.rows[0].cells))
    for at, row in enumerate(grid.rows[:20]):
        columns: dict[str, int] = {}
        for place, cell in enumerate(row.cells):
            key = known.get(plain_head(cell.text))
            if key is not None:
                columns.setdefault(key, place)
        if len(columns) > len(best.columns):
            best = Heads(at, columns, tuple(cell.text for cell in row.cells))
    return best


def missing(columns: Mapping[str, int], *, agency: bool) -> list[str]:
    """Columns without which no row can be taken. `agency`: one is said for the whole file."""
    needed = ["service_number"] + ([] if agency else ["agency"]) + ([] if "full_name" in columns else ["family", "given"])
    return [key for key in needed if key not in columns]


# ---- what the file is read against -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class OfficeFact:
    """An office of the reader's, as far as a file names it."""

    id: uuid.UUID
    code: str
    names: Mapping[str, str]
    path: str
    country_id: uuid.UUID | None


@dataclass(frozen=True)
class AgencyFact:
    """An agency whose people may be in the file."""

    id: uuid.UUID
    code: str
    names: Mapping[str, str]
    country_id: uuid.UUID
    languages: tuple[str, ...]
    digits: int | None = None  # how long its service numbers are, where all are digits


@dataclass(frozen=True)
class Places:
    """The offices that who reads the file may post people to, and the agencies of their countries."""

    paths: tuple[str, ...]
    offices: Mapping[uuid.UUID, OfficeFact]
    agencies: Mapping[uuid.UUID, AgencyFact]

    def offices_called(self, text: str) -> list[OfficeFact]:
        """The offices with this code or name, however its letters are written."""
        code = [office for office in self.offices.values() if office.code.casefold() == text.casefold()]
        wanted = fold(text)
        return code or [office for office in self.offices.values() if wanted in {fold(name) for name in office.names.values()}]

    def agencies_called(self, text: str) -> list[AgencyFact]:
        """The agencies with this code or name."""
        code = [agency for agency in self.agencies.values() if agency.code.casefold() == text.casefold()]
        wanted = fold(text)
        return code or [agency for agency in self.agencies.values() if wanted in {fold(name) for name in agency.names.values()}]


def nearest(text: str, facts: Iterable[OfficeFact] | Iterable[AgencyFact]) -> str | None:
    """The name or code that is written most like a text."""
    spellings: dict[str, str] = {}
    for fact in facts:
        for name in (fact.code, *fact.names.values()):
            if fold(name) not in spellings or script_of(name) == script_of(text):
                spellings[fold(name)] = name
    close = difflib.get_close_matches(fold(text), list(spellings), n=1, cutoff=0.6)
    return spellings[close[0]] if close else None


def places(db: Session, paths: Sequence[str]) -> Places:
    """What a file is read against, for somebody whose offices are below `paths`."""
    offices = [
        OfficeFact(*row) for row in db.execute(
            sa.select(Office.id, Office.code, Office.names, Office.path, Office.country_id).where(under(Office.path, paths), Office.closed_on.is_(None))
        )
    ]
    agencies = db.execute(
        sa.select(Agency.id, Agency.code, Agency.names, Agency.country_id, Country.languages).join(Country, Country.id == Agency.country_id)
        .where(Agency.country_id.in_({office.country_id for office in offices if office.country_id}))
    ).all()
    shape = sa.func.length(Person.service_number)
    lengths: dict[uuid.UUID, list[tuple[int, int, str]]] = {}
    for agency_id, length, n, example in db.execute(
        sa.select(Person.agency_id, shape, sa.func.count(), sa.func.max(Person.service_number))
        .where(Person.agency_id.in_([row[0] for row in agencies])).group_by(Person.agency_id, shape)
    ):
        lengths.setdefault(agency_id, []).append((length, n, example))
    return Places(
        tuple(paths), {office.id: office for office in offices},
        {row[0]: AgencyFact(row[0], row[1], row[2], row[3], tuple(row[4] or ["kk"]), _usual(lengths.get(row[0], []))) for row in agencies},
    )


def _usual(lengths: list[tuple[int, int, str]]) -> int | None:
    """The one length of an agency's numbers, when there are enough of them and all are digits as far as one sees."""
    if len(lengths) == 1 and lengths[0][1] >= 5 and lengths[0][2].isdigit():
        return lengths[0][0]
    return None


# ---- rows ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fault:
    """Why a row cannot be taken: where, what stands there, why, what to do, and what would be right if that is known."""

    row: int
    who: str
    column: str  # a key of COLUMNS
    value: str
    why: Message
    suggestion: str | None = None


@dataclass(frozen=True)
class Entry:
    """A row of the file that can be read. None: the file says nothing about it."""

    row: int
    agency_id: uuid.UUID
    number: str
    names: Mapping[str, Name]
    gender: str | None
    born_on: date | None
    rank: str | None
    post: str | None
    office_id: uuid.UUID | None
    since: date  # when the posting began, as far as the row says
    as_of: date  # from when on what is different in the file holds

    @property
    def key(self) -> tuple[uuid.UUID, str]:
        """What says which person it is."""
        return self.agency_id, self.number

    @property
    def who(self) -> str:
        """The name as the file writes it."""
        return next(iter(self.names.values())).full


@dataclass(frozen=True)
class Terms:
    """What is said for the whole file: the meaning of columns, and what holds where a row says nothing."""

    columns: Mapping[str, int]
    since: date
    today: date
    agency_id: uuid.UUID | None = None
    office_id: uuid.UUID | None = None
    fixes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # row -> column -> what it shall be


def entries(rows: Sequence[Row], where: Places, terms: Terms) -> tuple[list[Entry], list[Fault]]:
    """The rows that can be read, and the faults of the others. A row has every fault named, not only the first."""
    good: list[Entry] = []
    faults: list[Fault] = []
    seen: dict[tuple[uuid.UUID, str], Entry] = {}
    for row in rows:
        entry, found = _Reader(row, where, terms).entry()
        faults += found
        if entry is None:
            continue
        if (first := seen.get(entry.key)) is not None:
            faults.append(Fault(entry.row, entry.who, "service_number", entry.number, say(
                "import", "The same number stands in row {row} ({name}). Leave one of the two rows in the file.", row=first.row, name=first.who,
            )))
            continue
        seen[entry.key] = entry
        good.append(entry)
    return good, faults


class _Reader:
    """Reads one row; collects its faults."""

    def __init__(self, row: Row, where: Places, terms: Terms) -> None:
        self.row, self.where, self.terms = row, where, terms
        self.faults: list[Fault] = []
        self.fixes = terms.fixes.get(str(row.number), {})

    def cell(self, key: str) -> Cell:
        if key in self.fixes:
            return Cell(self.fixes[key])
        return self.row.cell(self.terms.columns[key]) if key in self.terms.columns else EMPTY

    def who(self) -> str:
        parts = [self.cell(key).text for key in ("full_name", "family", "given", "patronymic")]
        return " ".join(part for part in parts if part) or " ".join(self.cell(f"{k}_latin").text for k in ("family", "given") if self.cell(f"{k}_latin").text)

    def bad(self, key: str, why: Message, suggestion: str | None = None) -> None:
        self.faults.append(Fault(self.row.number, self.who(), key, self.cell(key).text, why, suggestion))

    def text(self, key: str) -> str:
        """The text of a cell; a fault for what happened to it on its way."""
        cell = self.cell(key)
        if cell.trouble is Trouble.MERGED:
            self.bad(key, say("import", "This cell is merged with {cell}: only the first one has the value. Split merged cells in Excel and fill each.", cell=cell.merged_with))
        elif cell.trouble is Trouble.ROUNDED or (key == "service_number" and ROUNDED.fullmatch(cell.text)):
            self.bad(key, say("import", "Excel took this for a number and rounded it. Set the column to Text and enter the number anew."))
        elif cell.trouble is Trouble.ERROR or (cell.text.startswith("#") and cell.text.endswith(("!", "?", "/A"))):
            self.bad(key, say("import", "A formula that failed stands here. Enter the value itself."))
        elif cell.trouble is Trouble.UNREADABLE:
            self.bad(key, say("import", "Letters that this encoding does not have. Choose another encoding above, or save the file as .xlsx."))
        elif len(cell.text) > MOST_CHARACTERS:
            self.bad(key, say("import", "Longer than {n} characters.", n=MOST_CHARACTERS))
        else:
            return cell.text
        return ""

    def entry(self) -> tuple[Entry | None, list[Fault]]:
        offices = self.offices()
        agency = self.agency(offices)
        number = self.number()
        names = self.names()
        gender = self.gender()
        born_on = self.day("birth_date", date(1900, 1, 1), self.terms.today)
        since = self.day("since", date(1950, 1, 1), date(self.terms.today.year + 2, 12, 31))
        office = self.office(offices, agency)
        rank, post = self.text("rank"), self.text("post")
        if self.faults or agency is None or not names:
            return None, self.faults
        return Entry(
            row=self.row.number, agency_id=agency.id, number=number, names=names, gender=gender, born_on=born_on, rank=rank or None, post=post or None,
            office_id=office.id if office else None, since=since or self.terms.since, as_of=self.terms.since,
        ), []

    def agency(self, offices: Sequence[OfficeFact]) -> AgencyFact | None:
        """The agency; where several countries have one of that name, the office says which."""
        cell, for_all = self.cell("agency"), self.terms.agency_id
        if not cell.text and cell.trouble is None and for_all is not None and for_all in self.where.agencies:
            return self.where.agencies[for_all]
        before = len(self.faults)
        text = self.text("agency")
        if not text:
            if len(self.faults) == before:
                self.bad("agency", say("import", "An agency is needed: in the file, or chosen above for the whole file."))
            return None
        found = self.where.agencies_called(text)
        if len(found) > 1:
            countries = {office.country_id for office in offices}
            found = [agency for agency in found if agency.country_id in countries] or found
        if len(found) == 1:
            return found[0]
        if found:
            if not any(fault.column == "office" for fault in self.faults):  # the office comes first: it says the country
                self.bad("agency", say("import", "Several agencies are called so. Name the office too, so that the country is clear."))
        else:
            near = nearest(text, self.where.agencies.values())
            self.bad("agency", say("import", "No such agency; nearest: {name}.", name=near) if near else say("import", "No such agency in your countries."), near)
        return None

    def number(self) -> str:
        before = len(self.faults)
        text = tidy(self.text("service_number"))
        if len(self.faults) > before:
            return ""
        if not text:
            self.bad("service_number", say("import", "A service number is needed: it says which person this is."))
        elif len(text) > 40:
            self.bad("service_number", say("import", "Longer than {n} characters.", n=40))
        elif mixed := unmixed(text):
            self.bad("service_number", say("import", "Latin and Cyrillic letters that look alike are mixed: {letters}.", letters=foreign(text)), mixed[0])
        return text

    def names(self) -> dict[str, Name]:
        before = len(self.faults)
        texts = {key: tidy(self.text(key)) for key in FOR_NAMES}
        if len(self.faults) > before:
            return {}
        if texts["full_name"] and not texts["family"]:
            words = texts["full_name"].split(" ", 2)
            if len(words) < 2:
                self.bad("full_name", say("import", "The given name is missing: family, given, patronymic, with blanks between."))
                return {}
            texts["family"], texts["given"], texts["patronymic"] = words[0], words[1], words[2] if len(words) == 3 else ""
            shown = dict.fromkeys(("family", "given", "patronymic"), "full_name")
        else:
            shown = {}
        found: dict[str, Name] = {}
        for ending in ("", "_latin"):
            keys = [f"{part}{ending}" for part in ("family", "given", "patronymic")]
            if not any(texts[key] for key in keys):
                continue
            scripts = set()
            for key in keys:
                script = self.name_part(shown.get(key, key), texts[key], needed=not key.startswith("patronymic"))
                scripts |= {script} if script else set()
            if len(self.faults) == before and len(scripts) > 1:
                self.bad(shown.get(keys[1], keys[1]), say("import", "Family name and given name are in different scripts. Write both in the same."))
            if len(self.faults) == before and scripts:
                found.setdefault(scripts.pop(), Name(*(texts[key] for key in keys)))
        if not found and len(self.faults) == before:
            key = "full_name" if "full_name" in self.terms.columns else "family"
            self.bad(key, say("import", "A family name and a given name are needed."))
        return found

    def name_part(self, key: str, text: str, *, needed: bool) -> str | None:
        if not text:
            if needed:
                self.bad(key, say("import", "A family name is needed.") if key.startswith("family") else say("import", "A given name is needed."))
            return None
        if any(c.isdigit() for c in text):
            self.bad(key, say("import", "A digit stands in the name."))
        elif len(text) > 100:
            self.bad(key, say("import", "Longer than {n} characters.", n=100))
        elif not script_of(text):
            self.bad(key, say("import", "No letter stands in the name."))
        elif mixed := unmixed(text):
            whole = self.cell(key).text
            self.bad(
                key, say("import", "Latin and Cyrillic letters that look alike are mixed: {letters}.", letters=foreign(text)),
                whole.replace(text, mixed[0]) if mixed[0] else None,
            )
        return script_of(text) or None

    def gender(self) -> str | None:
        text = self.text("gender")
        if not text:
            return None
        found = GENDERS.get(text.casefold().rstrip("."))
        if found is None:
            self.bad("gender", say("import", "Write f or m, or leave it empty."))
        return found

    def day(self, key: str, first: date, last: date) -> date | None:
        text = self.text(key)
        if not text:
            return None
        found = day_of(text)
        if isinstance(found, Message):
            self.bad(key, found)
            return None
        if not first <= found <= last:
            self.bad(key, say("import", "This day cannot be: {day}.", day=found.isoformat()))
            return None
        return found

    def offices(self) -> list[OfficeFact]:
        """The offices that the row may mean."""
        text = self.text("office")
        if not text:
            for_all = self.where.offices.get(self.terms.office_id) if self.terms.office_id else None
            return [for_all] if for_all else []
        found = self.where.offices_called(text)
        if not found:
            near = nearest(text, self.where.offices.values())
            self.bad("office", say("import", "No such office among yours; nearest: {name}.", name=near) if near else say("import", "No such office among yours."), near)
        return found

    def office(self, found: Sequence[OfficeFact], agency: AgencyFact | None) -> OfficeFact | None:
        """The one office among them that fits the agency's country."""
        if agency is None or not found:
            return None
        fitting = [office for office in found if office.country_id in (None, agency.country_id)]
        if not fitting:
            self.bad("office", say("import", "This office is in another country than the agency."))
        elif len(fitting) > 1:
            self.bad("office", say("import", "Several offices have this name. Write the code: {codes}.", codes=", ".join(sorted(o.code for o in fitting))))
        return fitting[0] if len(fitting) == 1 else None


ROUNDED = re.compile(r"\d(?:[.,]\d+)?[EeЕе]\+?\d{1,3}")
GENDERS = {
    **dict.fromkeys(("f", "female", "woman", "w", "ж", "жен", "женский", "женщина", "ә", "әйел", "әйелі"), "f"),
    **dict.fromkeys(("m", "male", "man", "м", "муж", "мужской", "мужчина", "е", "ер", "еркек", "ер адам"), "m"),
}
ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ][\d:.]+)?")
DAY_FIRST = re.compile(r"(\d{1,2})[./-](\d{1,2})[./-](\d{4})(?: г\.?| ж\.?)?")


def day_of(text: str) -> date | Message:
    """A day as lists write it: 2026-11-24, 24.11.2026, 24/11/2026; else why it is none."""
    if match := ISO.fullmatch(text):
        year, month, day = (int(part) for part in match.groups())
    elif match := DAY_FIRST.fullmatch(text):
        day, month, year = (int(part) for part in match.groups())
    else:
        return say("import", "No day that can be read. Write it like 24.11.2026.")
    try:
        return date(year, month, day)
    except ValueError:
        return say("import", "There is no such day.")


_LOOKS = dict(zip("ABCEHIKMOPTXYaceiopxyhjs", "АВСЕНІКМОРТХУасеіорхуһјѕ", strict=True))
_LOOKS_LATIN = {cyrillic: latin for latin, cyrillic in _LOOKS.items()}


def script_of(text: str) -> str:
    """The script that most letters of a text are in; empty when it has no letter of ours."""
    counts = {"Cyrl": 0, "Latn": 0, "Arab": 0}
    for letter in text:
        if letter.isalpha():
            name = unicodedata.name(letter, "")
            for start, script in (("CYRILLIC", "Cyrl"), ("LATIN", "Latn"), ("ARABIC", "Arab")):
                counts[script] += name.startswith(start)
    most = max(counts, key=lambda script: counts[script])
    return most if counts[most] else ""


def _scripts(word: str) -> set[str]:
    return {script_of(letter) for letter in word if letter.isalpha()}


def unmixed(text: str) -> tuple[str, ...]:
    """Empty when no word mixes Latin and Cyrillic; else the text with all its letters in one of the two, or an empty one."""
    if not any({"Cyrl", "Latn"} <= _scripts(word) for word in text.split()):
        return ()
    table = _LOOKS if script_of(text) == "Cyrl" else _LOOKS_LATIN
    tried = "".join(table.get(letter, letter) for letter in text)
    return (tried,) if not any({"Cyrl", "Latn"} <= _scripts(word) for word in tried.split()) else ("",)


def foreign(text: str) -> str:
    """The letters of a text that are not in its main script."""
    main = script_of(text)
    return ", ".join(dict.fromkeys(letter for letter in text if letter.isalpha() and script_of(letter) != main))


# ---- the register ----------------------------------------------------------------------------------------------------


@dataclass
class Held:
    """What the register holds of a person whom the file may name."""

    person_id: uuid.UUID
    agency_id: uuid.UUID
    number: str
    shown: str
    gender: str | None
    born_on: date | None
    left_on: date | None
    names: dict[str, Name] = field(default_factory=dict)  # the newest in each script
    families: set[str] = field(default_factory=set)  # all ever held, folded
    givens: set[str] = field(default_factory=set)
    posting: tuple[uuid.UUID, str, str, date, date | None] | None = None  # office, rank, post, from, last day: the newest
    path: str | None = None


def held(db: Session, keys: Iterable[tuple[uuid.UUID, str]]) -> dict[tuple[uuid.UUID, str], Held]:
    """What the register holds under these agencies and service numbers, as plain values; three queries for 900 numbers."""
    wanted = set(keys)
    agencies = {agency for agency, _ in wanted}
    numbers = sorted({number for _, number in wanted})
    found: dict[uuid.UUID, Held] = {}
    for start in range(0, len(numbers), AT_ONCE):
        chunk: dict[uuid.UUID, Held] = {}
        for row in db.execute(
            sa.select(Person.id, Person.agency_id, Person.service_number, Person.display_name, Person.gender, Person.born_on, Person.left_on)
            .where(Person.agency_id.in_(agencies), Person.service_number.in_(numbers[start : start + AT_ONCE]))
        ):
            if (row[1], row[2]) in wanted:
                chunk[row[0]] = Held(*row)
        for ids in _chunks(list(chunk)):
            for whose, script, family, given, patronymic in db.execute(
                sa.select(PersonName.person_id, PersonName.script, PersonName.family, PersonName.given, PersonName.patronymic)
                .where(PersonName.person_id.in_(ids)).order_by(PersonName.valid_from)
            ):
                person = chunk[whose]
                person.names[script] = Name(family, given, patronymic)
                person.families.add(fold(family))
                person.givens.add(fold(given))
            for whose, office, rank, post, since, until, path in db.execute(
                sa.select(Posting.person_id, Posting.office_id, Posting.rank, Posting.post, Posting.valid_from, Posting.valid_to, Office.path)
                .join(Office, Office.id == Posting.office_id).where(Posting.person_id.in_(ids)).order_by(Posting.valid_from)
            ):
                chunk[whose].posting, chunk[whose].path = (office, rank, post, since, until), path
        found |= chunk
    return {(person.agency_id, person.number): person for person in found.values()}


def _chunks(ids: list[Any]) -> Iterable[list[Any]]:
    return (ids[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE))


# ---- comparing -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Change:
    """One thing that a row changes, for people to look at."""

    what: Message
    before: str
    after: str


@dataclass(frozen=True)
class Changed:
    """A row about a known person: what it changes."""

    entry: Entry
    person_id: uuid.UUID
    changes: tuple[Change, ...]
    names: Mapping[str, Name] = field(default_factory=dict)
    posting: tuple[uuid.UUID, str, str, date] | None = None  # office, rank, post, from


@dataclass
class Plan:
    """What taking the file over would do."""

    added: list[Entry] = field(default_factory=list)
    changed: list[Changed] = field(default_factory=list)
    same: int = 0
    faults: list[Fault] = field(default_factory=list)

    @property
    def bad_rows(self) -> int:
        """How many rows cannot be taken."""
        return len({fault.row for fault in self.faults})

    @property
    def good(self) -> int:
        """How many rows a take-over would change something with."""
        return len(self.added) + len(self.changed)


def compare(good: Sequence[Entry], known: Mapping[tuple[uuid.UUID, str], Held], where: Places, today: date) -> Plan:
    """What each row would do to the register as it is now."""
    plan = Plan()
    for entry in good:
        person = known.get(entry.key)
        if person is None:
            _newcomer(plan, entry, known, where)
        elif person.path is not None and not person.path.startswith(where.paths):
            _bad(plan, entry, "service_number", entry.number, say("import", "This number belongs to somebody of an office that is not yours. Ask the training officer there."))
        else:
            _known(plan, entry, person, where, today)
    plan.faults.sort(key=lambda fault: fault.row)
    return plan


def _bad(plan: Plan, entry: Entry, column: str, value: str, why: Message, suggestion: str | None = None) -> None:
    plan.faults.append(Fault(entry.row, entry.who, column, value, why, suggestion))


def _newcomer(plan: Plan, entry: Entry, known: Mapping[tuple[uuid.UUID, str], Held], where: Places) -> None:
    digits = where.agencies[entry.agency_id].digits
    for zeros in range(1, 5):
        padded = "0" * zeros + entry.number
        if entry.number.isdigit() and (person := known.get((entry.agency_id, padded))) is not None:
            _bad(plan, entry, "service_number", entry.number, say(
                "import", "Zeros in front were lost: the register has {number}, {name}. Set the column to Text.", number=padded, name=person.shown,
            ), padded)
            return
    if digits is not None and entry.number.isdigit() and len(entry.number) < digits:
        _bad(plan, entry, "service_number", entry.number, say(
            "import", "The numbers of this agency have {n} digits: zeros in front were lost. Set the column to Text.", n=digits,
        ), entry.number.zfill(digits))
    elif entry.office_id is None:
        _bad(plan, entry, "office", "", say("import", "A new person needs an office: in the file, or chosen above for the whole file."))
    else:
        plan.added.append(entry)


def _known(plan: Plan, entry: Entry, person: Held, where: Places, today: date) -> None:
    family = any(fold(name.family) in person.families for name in entry.names.values())
    given = any(fold(name.given) in person.givens for name in entry.names.values())
    born = entry.born_on is not None and entry.born_on == person.born_on
    if not family and not (given and (person.born_on is None or entry.born_on is None or born)) and not born:
        _bad(plan, entry, "service_number", entry.number, say("import", "This number belongs to {name}.", name=person.shown))
        return
    if not given and not born and person.givens:
        _bad(plan, entry, "service_number", entry.number, say("import", "This number belongs to {name}.", name=person.shown))
        return
    if entry.born_on is not None and person.born_on is not None and not born:
        _bad(plan, entry, "birth_date", entry.born_on.isoformat(), say("import", "The register has {day}. Correct the file, or the register first.", day=person.born_on.isoformat()))
        return
    changes: list[Change] = []
    names = {}
    for script, name in entry.names.items():
        old = person.names.get(script)
        new = Name(name.family, name.given, name.patronymic or (old.patronymic if old else ""))
        if old != new:
            names[script] = new
            changes.append(Change(
                say("import", "name; the old one stays findable") if old else say("import", "name in another script"), old.full if old else "", new.full,
            ))
    if entry.gender is not None and entry.gender != person.gender:
        changes.append(Change(say("import", "gender"), person.gender or "", entry.gender))
    if entry.born_on is not None and person.born_on is None:
        changes.append(Change(say("import", "birth date"), "", entry.born_on.isoformat()))
    try:
        posting = _posting(entry, person, where, today, changes)
    except _TooEarly as error:
        _bad(plan, entry, "since", entry.since.isoformat(), say(
            "import", "The present posting began on {day}: another one cannot begin before it. Give a later day.", day=error.args[0].isoformat(),
        ))
        return
    if changes:
        plan.changed.append(Changed(entry, person.person_id, tuple(changes), names, posting))
    else:
        plan.same += 1


class _TooEarly(Exception):
    pass


def _posting(entry: Entry, person: Held, where: Places, today: date, changes: list[Change]) -> tuple[uuid.UUID, str, str, date] | None:
    """The posting that the row asks for; None: as it is. What is different in a list that was taken out here holds from `as_of`."""
    if person.posting is None:
        if entry.office_id is None:
            return None
        changes.append(Change(say("import", "office, from {day}", day=entry.since.isoformat()), "", _called(where, entry.office_id)))
        return entry.office_id, entry.rank or "", entry.post or "", entry.since
    office, rank, post, since, until = person.posting
    gone = (until is not None and until < today) or (person.left_on is not None and person.left_on <= today)
    wanted = (entry.office_id or office, rank if entry.rank is None else entry.rank, post if entry.post is None else entry.post)
    start = max(entry.as_of, since) if entry.since == since else entry.since
    back = gone and (until is None or start > until)
    if wanted == (office, rank, post) and not back:
        return None
    if start < since or (gone and not back):
        raise _TooEarly(since)
    if back:
        changes.append(Change(say("import", "back in service, from {day}", day=start.isoformat()), "", _called(where, wanted[0])))
    elif wanted[0] != office:
        changes.append(Change(say("import", "office, from {day}", day=start.isoformat()), _called(where, office), _called(where, wanted[0])))
    for what, before, after in ((say("import", "rank, from {day}", day=start.isoformat()), rank, wanted[1]), (say("import", "post, from {day}", day=start.isoformat()), post, wanted[2])):
        if before != after:
            changes.append(Change(what, before, after))
    return *wanted, start


def _called(where: Places, office_id: uuid.UUID) -> str:
    office = where.offices.get(office_id)
    return office.code if office else ""


def plan_of(db: Session, good: Sequence[Entry], where: Places, today: date) -> Plan:
    """The rows compared with the register as it is now."""
    return compare(good, held(db, _keys(good)), where, today)


def _keys(good: Sequence[Entry]) -> set[tuple[uuid.UUID, str]]:
    """The numbers to look for; also with zeros in front, which spreadsheets lose."""
    keys = {entry.key for entry in good}
    return keys | {(entry.agency_id, "0" * n + entry.number) for entry in good if entry.number.isdigit() for n in range(1, 5)}


@dataclass(frozen=True)
class Absent:
    """Somebody of the file's offices and agencies whom the file does not name."""

    person_id: uuid.UUID
    name: str
    number: str
    office_id: uuid.UUID


def numbers(rows: Sequence[Row], terms: Terms) -> set[str]:
    """Every service number that stands in the file, in bad rows too."""
    return {tidy(row.cell(terms.columns["service_number"]).text) for row in rows}


def absent(db: Session, good: Sequence[Entry], there: set[str], where: Places, today: date) -> list[Absent]:
    """People posted today to the offices that the file is about, of its agencies, whose number is not `there`. They stay."""
    offices = sorted({entry.office_id for entry in good if entry.office_id in where.offices}, key=str)
    agencies = {entry.agency_id for entry in good}
    found = []
    for ids in _chunks(offices):
        found += [
            Absent(*row) for row in db.execute(
                sa.select(Person.id, Person.display_name, Person.service_number, Posting.office_id).join(Posting, Posting.person_id == Person.id)
                .where(Posting.office_id.in_(ids), Person.agency_id.in_(agencies), on(Posting, today), sa.or_(Person.left_on.is_(None), Person.left_on > today))
                .order_by(Person.sort_key, Person.id)
            ) if row[2] not in there
        ]
    return found


def of_the_same_name(db: Session, added: Sequence[Entry], where: Places, today: date) -> dict[int, tuple[str, str]]:
    """For rows with a new number: somebody of the reader's offices with the very same name. Not a fault: names repeat."""
    keys: dict[str, list[int]] = {}
    for entry in added:
        language = where.agencies[entry.agency_id].languages[0]
        for name in entry.names.values():
            keys.setdefault(sort_key(name, language), []).append(entry.row)
    found: dict[int, tuple[str, str]] = {}
    for chunk in _chunks(sorted(keys)):
        for person in db.scalars(staff(where.paths, today).where(Person.sort_key.in_(chunk))):
            for row in keys[person.sort_key]:
                found[row] = (person.display_name, person.service_number)
    return found


# ---- taking over -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Taken:
    """What a take-over did."""

    added: int
    changed: int
    refused: tuple[Fault, ...]  # rows that fitted no more: somebody else was there in between


def take_over(db: Session, good: Sequence[Entry], where: Places, *, today: date, source: str) -> Taken:
    """Take good rows into the register, in a few flushes however many they are.

    They are compared again under the lock with what is there now: a row that fits no more is left out and named.
    """
    take_write_lock(db)
    plan = plan_of(db, good, where, today)
    register.store(db, [
        register.newcomer(
            agency_id=entry.agency_id, country_id=where.agencies[entry.agency_id].country_id, languages=where.agencies[entry.agency_id].languages,
            office_id=entry.office_id, service_number=entry.number, names=entry.names, since=entry.since, gender=entry.gender, rank=entry.rank or "",
            post=entry.post or "", born_on=entry.born_on,
        )
        for entry in plan.added if entry.office_id is not None
    ])
    _change(db, plan.changed, where, today, source)
    return Taken(len(plan.added), len(plan.changed), tuple(plan.faults))


def _change(db: Session, changed: Sequence[Changed], where: Places, today: date, source: str) -> None:
    for chunk in _chunks(list(changed)):
        ids = [one.person_id for one in chunk]
        people = {person.id: person for person in db.scalars(sa.select(Person).where(Person.id.in_(ids)).with_for_update())}
        names: dict[uuid.UUID, list[PersonName]] = {}
        for row in db.scalars(sa.select(PersonName).where(PersonName.person_id.in_(ids))):
            names.setdefault(row.person_id, []).append(row)
        newest = {row.person_id: row for row in db.scalars(sa.select(Posting).where(Posting.person_id.in_(ids)).order_by(Posting.valid_from))}
        for one in chunk:
            person, entry = people[one.person_id], one.entry
            person.gender = entry.gender or person.gender
            person.born_on = entry.born_on or person.born_on
            if one.names:
                languages = where.agencies[entry.agency_id].languages
                since = min(entry.as_of, today)  # a name is shown at once, so it holds at once; a posting may lie ahead
                db.add_all(register.renamed(person, names.get(person.id, []), names=one.names, since=since, reason=source, languages=languages))
            if one.posting is not None:
                office_id, rank, post, since = one.posting
                db.add(register.moved(person, newest.get(person.id), office_id=office_id, agency_id=entry.agency_id, since=since, rank=rank, post=post))
        db.flush()


# ---- the present list in the same shape ------------------------------------------------------------------------------

SHAPE = tuple(column.key for column in COLUMNS if column.key != "full_name")


def roster(db: Session, where: Places, *, within: str, today: date) -> list[dict[str, Any]]:
    """The people of an office and all below it as a file that can be read in again: by the keys of SHAPE."""
    query = staff(where.paths, today, within=within).order_by(Person.sort_key, Person.id).limit(100_000)
    people = db.execute(query.with_only_columns(Person.agency_id, Person.service_number)).all()
    known = held(db, [(agency, number) for agency, number in people])
    rows = []
    for agency_id, number in people:
        person = known[agency_id, number]
        main = next((script for script in ("Cyrl", "Arab", "Latn") if script in person.names), "Latn")
        name, latin = person.names.get(main, Name("", "")), person.names.get("Latn") if main != "Latn" else None
        office, rank, post, since, _ = person.posting or (None, "", "", None, None)
        rows.append({
            "agency": where.agencies[agency_id].code if agency_id in where.agencies else "", "service_number": number,
            "family": name.family, "given": name.given, "patronymic": name.patronymic,
            "family_latin": latin.family if latin else "", "given_latin": latin.given if latin else "", "patronymic_latin": latin.patronymic if latin else "",
            "gender": person.gender or "", "birth_date": person.born_on, "rank": rank, "post": post,
            "office": _called(where, office) if office else "", "since": since,
        })
    return rows
