"""Pages that read a staff list in: the file, how it is read, what it would do, the take-over of the good rows."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import wraps
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, current_app, g, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import FileStorage

from app import clock, i18n, lists, sheets
from app.errors import Invalid, Message, NotFound, say
from app.http import actor, after_commit, audit, go, guarded, me, say_next, status_of
from app.ids import token_hash
from app.offices.models import Country
from app.ops import background
from app.people import register_files, register_uploads, staff_import, staff_list
from app.people.register_files import ENCODINGS, SEPARATORS, Grid
from app.people.register_forms import UploadForm
from app.people.register_uploads import Upload
from app.people.staff_import import AT_ONCE
from app.people.staff_list import COLUMNS, LABELS, SHAPE, AgencyFact, Entry, Heads, Places, Plan, Terms
from app.policy import scope

bp = Blueprint("register_import", __name__)

SHOWN = 200  # rows of a group on the page
GROUPS = ("added", "changed", "absent", "bad")
SIGNS = {"semicolon": say("import", "semicolon"), "comma": say("import", "comma"), "tab": say("import", "tab")}


def _folder() -> Path:
    return Path(current_app.config["FOLDER"]) / "uploads"


def _today() -> date:
    return clock.now().date()


def _places() -> Places:
    return staff_list.places(g.db, scope(actor(), "person.import"))


# ---- the file --------------------------------------------------------------------------------------------------------


@bp.route("/people/import", methods=["GET", "POST"])
@guarded("person.import")
def index() -> ResponseReturnValue:
    """Choose a file; the last one that waits can be gone on with."""
    form = UploadForm()
    if request.method == "GET":
        return _start(form)
    sent = form.file.data
    try:
        if not isinstance(sent, FileStorage) or not sent.filename:
            raise Invalid(fields={"file": say("import", "Choose a file.")})
        data = sent.stream.read(register_files.MOST_BYTES + 1)
        grid = register_files.read(data)
    except Invalid as error:
        form.show(error)
        return _start(form), status_of(error)
    upload = register_uploads.keep(_folder(), person_id=me().person_id, name=sent.filename, data=data, now=clock.now())
    upload.said = {"encoding": grid.reading.encoding, "separator": grid.reading.separator, "since": _today().isoformat()}
    upload.save()
    audit("staff.import.read", about=upload.name, bytes=len(data))
    return go("register_import.check", token=upload.token)


def _start(form: UploadForm) -> str:
    where = _places()
    offices = sorted(where.offices.values(), key=lambda office: office.path)
    return render_template("people/register/import.html", form=form, columns=COLUMNS, offices=offices, most=register_files.MOST_ROWS)


@bp.get("/people/import/present")
@guarded("person.import")
def present() -> ResponseReturnValue:
    """The people of an office in the shape of the import: to be changed in a spreadsheet and read in again."""
    where = _places()
    office = where.offices.get(_id(request.args.get("office")) or uuid.UUID(int=0))
    if office is None:
        raise NotFound()
    rows = staff_list.roster(g.db, where, within=office.path, today=_today())
    kinds: dict[str, Any] = {"birth_date": "day", "since": "day"}
    sheet = sheets.Sheet(
        name=f"staff-{office.code.lower()}", title=say("import", "Staff list"),
        columns=tuple(sheets.Column(key, LABELS[key], kinds.get(key, "text")) for key in SHAPE),
        rows=tuple(tuple(row[key] for key in SHAPE) for row in rows), at=clock.now(), zone=i18n.viewer_zone(), scope=i18n.pick(office.names), by=me().name,
    )
    return lists.download(sheet, "csv" if request.args.get("as") == "csv" else "xlsx")


# ---- how it is read --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Look:
    """A file as it is read under what was said about it."""

    upload: Upload
    grid: Grid
    heads: Heads
    where: Places
    terms: Terms

    @property
    def missing(self) -> list[str]:
        """Columns without which nothing can be taken."""
        return staff_list.missing(self.terms.columns, agency=self.terms.agency_id is not None)

    @property
    def read(self) -> bool:
        """Whether letters and columns are settled: by a person, or beyond doubt."""
        return not self.missing and bool(self.upload.said.get("read") or self.grid.reading.sure)

    def entries(self) -> tuple[list[Entry], list[staff_list.Fault]]:
        """The rows below the heads."""
        return staff_list.entries(self.grid.rows[self.heads.at + 1 :], self.where, self.terms)

    def head(self, key: str) -> str:
        """A column as the file calls it."""
        place = self.terms.columns.get(key)
        text = self.heads.texts[place] if place is not None and place < len(self.heads.texts) else ""
        return text or i18n.say(LABELS[key])


def _upload(token: str) -> Upload:
    return register_uploads.find(_folder(), token=token, person_id=me().person_id)


def with_file(view: Callable[..., ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
    """A view of a waiting file: when the file is gone, the person is told so and chooses it again."""

    @wraps(view)
    def wrapper(token: str) -> ResponseReturnValue:
        try:
            _upload(token)
        except NotFound:
            say_next(say("import", "That file is no longer here: it was taken over, thrown away, or is older than a day. Choose it again."), kind="warn")
            return go("register_import.index")
        return view(token=token)

    return wrapper


def _look(token: str) -> Look:
    upload = _upload(token)
    said = upload.said
    grid = register_files.read(upload.data, encoding=said.get("encoding", ""), separator=said.get("separator", ""))
    heads = staff_list.recognise(grid, _heads_in_all_languages())
    where = _places()
    columns = {key: place for key, place in (said.get("columns") or heads.columns).items() if key in LABELS}
    agency, office = _id(said.get("agency")), _id(said.get("office"))
    if agency is None and len(where.agencies) == 1:
        agency = next(iter(where.agencies))
    terms = Terms(
        columns=columns, since=date.fromisoformat(said["since"]), today=_today(), agency_id=agency if agency in where.agencies else None,
        office_id=office if office in where.offices else None, fixes=said.get("fixes", {}),
    )
    return Look(upload, grid, heads, where, terms)


def _heads_in_all_languages() -> dict[str, str]:
    found = {}
    for tag in i18n.LANGUAGES:
        with i18n.speaking(tag):
            found.update({staff_list.plain_head(i18n.say(label)): key for key, label in LABELS.items()})
    return found


def _id(text: Any) -> uuid.UUID | None:
    try:
        return uuid.UUID(str(text))
    except ValueError:
        return None


@bp.get("/people/import/<token>/reading")
@guarded("person.import")
@with_file
def reading(token: str) -> ResponseReturnValue:
    """How the file is read: letters, columns, what holds for all rows."""
    return _reading(_look(token))


def _reading(look: Look, faults: Sequence[Message] = ()) -> str:
    below = look.grid.rows[look.heads.at + 1 :]
    width = max((len(row.cells) for row in look.grid.rows[:50]), default=0)
    meaning = {place: key for key, place in look.terms.columns.items()}
    return render_template(
        "people/register/reading.html", look=look, sample=[[row.cell(place).text for place in range(width)] for row in below[:3]],
        rows=len(below), width=width, meaning=meaning, columns=COLUMNS, encodings=ENCODINGS, signs=SIGNS, faults=faults,
        offices=sorted(look.where.offices.values(), key=lambda office: office.path), agencies=list(look.where.agencies.values()), codes=_codes(look.where.agencies.values()),
    )


def _codes(agencies: Iterable[AgencyFact]) -> dict[uuid.UUID, str]:
    """The codes that stand behind the names of agencies; with the country's where there are several, for names repeat."""
    countries: dict[uuid.UUID, str] = {}
    if len(asked := {agency.country_id for agency in agencies}) > 1:
        countries = {id: f", {code}" for id, code in g.db.execute(sa.select(Country.id, Country.code).where(Country.id.in_(asked)))}
    return {agency.id: agency.code + countries.get(agency.country_id, "") for agency in agencies}


@bp.post("/people/import/<token>/reading")
@guarded("person.import")
@with_file
def settle(token: str) -> ResponseReturnValue:
    """Take what was said about the file. Other letters or another separator show the first rows anew."""
    look = _look(token)
    said, form = look.upload.said, request.form
    before = (said.get("encoding"), said.get("separator"))
    if form.get("encoding") in ENCODINGS:
        said["encoding"] = form["encoding"]
    if form.get("separator") in SEPARATORS:
        said["separator"] = form["separator"]
    other_cells = before != (said.get("encoding"), said.get("separator"))
    said["agency"], said["office"] = form.get("agency", ""), form.get("office", "")
    faults = []
    try:
        said["since"] = date.fromisoformat(form.get("since", "")).isoformat()
    except ValueError:
        faults.append(say("import", "Changes count from: give a day, for example 2026-11-24."))
    chosen = {form[name]: int(name[7:]) for name in form if name.startswith("column-") and name[7:].isdigit() and form[name] in LABELS}
    said["columns"] = None if other_cells or not chosen else chosen
    said["read"] = not other_cells and not faults
    if other_cells:
        said.pop("fixes", None)
    look.upload.save()
    look = _look(token)
    if look.missing and not other_cells:
        faults.append(say("import", "Say which column this is: {columns}.", columns=i18n.listing(i18n.say(LABELS[key]) for key in look.missing)))
    if faults:
        return _reading(look, faults), status_of(Invalid())
    return go("register_import.reading" if other_cells else "register_import.check", token=token)


# ---- what it would do ------------------------------------------------------------------------------------------------


@bp.get("/people/import/<token>")
@guarded("person.import")
@with_file
def check(token: str) -> ResponseReturnValue:
    """What taking the file over would do: nothing is stored yet."""
    look = _look(token)
    if not look.read:
        return go("register_import.reading", token=token)
    good, plan = _plan(look)
    there = staff_list.numbers(look.grid.rows[look.heads.at + 1 :], look.terms)
    gone = staff_list.absent(g.db, good, there, look.where, look.terms.today)
    group = request.args.get("group")
    if group not in GROUPS:
        group = "bad" if plan.faults else "changed" if plan.changed else "added"
    return render_template(
        "people/register/check.html", look=look, plan=plan, absent=gone, group=group, shown=SHOWN,
        twins=staff_list.of_the_same_name(g.db, plan.added, look.where, look.terms.today), encodings=ENCODINGS, signs=SIGNS,
        rows=len(look.grid.rows) - look.heads.at - 1,
    )


def _plan(look: Look) -> tuple[list[Entry], Plan]:
    good, faults = look.entries()
    plan = staff_list.plan_of(g.db, good, look.where, look.terms.today)
    plan.faults = sorted([*faults, *plan.faults], key=lambda fault: fault.row)
    return good, plan


@bp.post("/people/import/<token>/fix")
@guarded("person.import")
@with_file
def fix(token: str) -> ResponseReturnValue:
    """Another value for one cell of the file, for this take-over."""
    upload = _upload(token)
    row, column = request.form.get("row", ""), request.form.get("column", "")
    if row.isdigit() and len(row) < 8 and column in LABELS:
        upload.said.setdefault("fixes", {}).setdefault(row, {})[column] = " ".join(request.form.get("value", "").split())[:200]
        upload.save()
    return go("register_import.check", token=token, group="bad")


@bp.post("/people/import/<token>/take")
@guarded("person.import")
@with_file
def take(token: str) -> ResponseReturnValue:
    """Take the good rows into the register."""
    look = _look(token)
    if not look.read:
        return go("register_import.reading", token=token)
    _, plan = _plan(look)  # reading and comparing come before the lock
    if plan.good > AT_ONCE:
        return _ask_for_job(look)
    good = sorted([*plan.added, *(one.entry for one in plan.changed)], key=lambda entry: entry.row)
    source = i18n.t("import", "staff list {file}, {day}", file=look.upload.name, day=look.terms.today.isoformat())
    taken = staff_list.take_over(g.db, good, look.where, today=look.terms.today, source=source)
    audit("staff.import", about=look.upload.name, added=taken.added, changed=taken.changed, refused=len(taken.refused), file=token_hash(token)[:12])
    say_next(say("import", "Taken over: {added} added, {changed} changed.", added=taken.added, changed=taken.changed))
    if taken.refused:
        say_next(say("import", "Rows that no longer fit, because the register was changed in between: {n}.", n=len(taken.refused)), kind="warn")
    if plan.faults or taken.refused:
        return go("register_import.check", token=token)
    after_commit(look.upload.drop)
    return go("register.index")


def _ask_for_job(look: Look) -> ResponseReturnValue:
    """Many rows are taken over piece by piece by the job process, beside whatever else goes on."""
    said, folder = look.upload.said, Path(current_app.config["FOLDER"])
    job = background.ask(
        g.db, kind="staff-import", person_id=me().person_id, language=i18n.language(), now=clock.now(),
        params=staff_import.params(
            name=look.upload.name, data=look.upload.data, folder=folder, first_row=look.heads.at + 1, terms=look.terms, paths=look.where.paths,
            reading={"encoding": said.get("encoding", ""), "separator": said.get("separator", "")},
            back=url_for("register_import.check", token=look.upload.token),
        ),
    )
    audit("staff.import", about=look.upload.name, job=str(job.id), file=token_hash(look.upload.token)[:12])
    return go("jobs.page", job_id=job.id)


@bp.post("/people/import/<token>/drop")
@guarded("person.import")
@with_file
def drop(token: str) -> ResponseReturnValue:
    """Throw the file away."""
    _upload(token).drop()
    say_next(say("import", "The file is thrown away. Nothing of it was stored but what you took over."))
    return go("register_import.index")


@bp.get("/people/import/<token>/bad")
@guarded("person.import")
@with_file
def bad(token: str) -> ResponseReturnValue:
    """The bad rows as a workbook: as they were, with a column that says why. Repaired, it can be read in by itself."""
    look = _look(token)
    _, plan = _plan(look)
    why: dict[int, list[str]] = {}
    for fault in plan.faults:
        why.setdefault(fault.row, []).append(f"{look.head(fault.column)}: {i18n.say(fault.why)}")
    rows = [row for row in look.grid.rows[look.heads.at + 1 :] if row.number in why]
    width = max((len(row.cells) for row in [look.grid.rows[look.heads.at], *rows]), default=0)
    texts = [look.heads.texts[place] if place < len(look.heads.texts) else "" for place in range(width)]
    sheet = sheets.Sheet(
        name="bad-rows", title=say("import", "Rows that cannot be taken"),
        columns=(
            *(sheets.Column(f"c{place}", Message("staff list", text or f"({place + 1})")) for place, text in enumerate(texts)),
            sheets.Column("row", say("import", "Row in the file"), "int"), sheets.Column("why", say("import", "Why it cannot be taken")),
        ),
        rows=tuple((*(row.cell(place).text for place in range(width)), row.number, "\n".join(why[row.number])) for row in rows),
        at=clock.now(), zone=i18n.viewer_zone(), by=me().name,
    )
    return lists.download(sheet, "xlsx")
