"""List pages: filters and paging in the address, columns that a person chose, files of the whole list, empty states.

A page says once what its list is (`Listing`), asks for the present view (`asked`), fetches a page of rows (`fetch`),
and gives either a file (`export`) or its template, which shows everything through the macros of lists.html.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, Response, g, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.utils import redirect

from app import clock, i18n, sheets
from app.db import take_write_lock
from app.errors import Invalid, Message, say
from app.http import actor, audit, guarded, local_path, me
from app.offices.scope import under
from app.people.models import Preference
from app.policy import scope

SIZE = 50
FILES = ("xlsx", "csv")
MIMES = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
    "pdf": "application/pdf",
    "json": "application/json",
}
OWN = {"page", "sort", "as", "sep", "bom", "heads"}  # names in the address that are not filters

bp = Blueprint("lists", __name__)


@dataclass(frozen=True)
class Column(sheets.Column):
    """A column of a list. `value` takes the plain value out of a row; `sort` says that the list can be put in its order."""

    value: Callable[[Any], Any] = field(default=lambda row: None, kw_only=True)
    sort: bool = field(default=False, kw_only=True)
    shown: bool = field(default=True, kw_only=True)  # unless the person chose otherwise
    always: bool = field(default=False, kw_only=True)  # the column that says which row it is


@dataclass(frozen=True)
class Filter:
    """One filter above the list. kind: search (a text), choice (of `options`: value and words), day."""

    name: str
    label: Message
    kind: str = "choice"
    options: tuple[tuple[str, Message | str], ...] = ()


@dataclass(frozen=True)
class Listing:
    """What a list is: made once, at the top of a views.py; filters with options from the database are given to `asked`."""

    name: str  # of files and of the remembered columns: "runs"
    title: Message
    columns: tuple[Column, ...]
    sort: str  # the key of the column whose order it has; "-code" for downwards
    filters: tuple[Filter, ...] = ()


@dataclass
class View:
    """A list as somebody looks at it: filters, order, page, columns; after `fetch` also the rows."""

    listing: Listing
    filters: tuple[Filter, ...]
    values: dict[str, str]  # of the filters that are set
    sort: str
    page: int
    chosen: frozenset[str]
    file: str = ""  # xlsx, csv, pdf: the whole list as a file; print: the whole list as a page
    csv: dict[str, Any] = field(default_factory=dict)
    size: int = SIZE
    rows: Sequence[Any] = ()
    total: int = 0

    @property
    def columns(self) -> list[Column]:
        """The columns shown, in the order of the listing."""
        return [column for column in self.listing.columns if column.always or column.key in self.chosen]

    @property
    def first(self) -> int:
        """The number of the first row shown, from 1."""
        return (self.page - 1) * self.size + 1 if self.total else 0

    @property
    def last(self) -> int:
        """The number of the last row shown."""
        return self.first + len(self.rows) - 1 if self.total else 0

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return max(1, -(-self.total // self.size))

    @property
    def sort_key(self) -> str:
        """The key of the column that orders the list."""
        return self.sort.lstrip("-")

    @property
    def down(self) -> bool:
        """Whether the order is downwards."""
        return self.sort.startswith("-")

    def value(self, name: str) -> str:
        """The value of a filter; empty when it is not set."""
        return self.values.get(name, "")

    def day(self, name: str) -> date | None:
        """The value of a filter of kind day."""
        return _day(self.value(name))

    def id_of(self, name: str) -> uuid.UUID | None:
        """The value of a filter whose options are ids."""
        try:
            return uuid.UUID(self.value(name))
        except ValueError:
            return None

    def address(self, **changes: Any) -> str:
        """The address of this view with changes; None takes a part out. A changed filter or order begins at page 1."""
        parts: dict[str, Any] = dict(self.values)
        if self.sort != self.listing.sort:
            parts["sort"] = self.sort
        if self.page > 1 and not changes:
            parts["page"] = self.page
        parts.update(changes)
        given = {name: value for name, value in parts.items() if value not in (None, "", 1) or name == "bom"}
        return url_for(str(request.endpoint), **dict(request.view_args or {}), **given)

    def sort_address(self, column: Column) -> str:
        """The address that puts the list in the order of a column, or turns that order round."""
        turned = column.key == self.sort_key and not self.down
        wanted = ("-" if turned else "") + column.key
        return self.address(sort=None if wanted == self.listing.sort else wanted)

    def in_words(self) -> tuple[tuple[Message | str, Message | str], ...]:
        """The filters that are set, in words."""
        found = []
        for known in self.filters:
            value = self.values.get(known.name)
            if value is None:
                continue
            given = _day(value) if known.kind == "day" else None
            found.append((known.label, i18n.day(given) if given else dict(known.options).get(value, value)))
        return tuple(found)


def asked(listing: Listing, *, filters: Iterable[Filter] = ()) -> View:
    """The view that the address asks for. A value that a filter does not know is as if it were not there."""
    known = (*listing.filters, *filters)
    args = request.args
    values = {}
    for one in known:
        value = args.get(one.name, "").strip()[:200]
        fits = value and (one.kind == "search" or (one.kind == "day" and _day(value)) or value in dict(one.options))
        if fits:
            values[one.name] = value
    sort = args.get("sort", listing.sort)
    if sort.lstrip("-") not in {column.key for column in listing.columns if column.sort}:
        sort = listing.sort
    page = int(args["page"]) if args.get("page", "").isascii() and args.get("page", "").isdigit() and len(args["page"]) < 8 else 1
    return View(
        listing=listing, filters=known, values=values, sort=sort, page=max(1, page), chosen=_columns(g.db, listing),
        file=args.get("as", "") if args.get("as") in (*FILES, "pdf", "print") else "",
        csv={"separator": args.get("sep", "comma"), "bom": args.get("bom") != "0", "heads": args.get("heads", "keys")},
    )


LONG = 5_000
"""Rows from which on a file is made in the background."""


class TakesLong(Exception):
    """The file that the address asks for is long: it becomes background work (ops/job_views.py)."""

    def __init__(self, name: str) -> None:
        self.name = name


def fetch(
    db: Session,
    view: View,
    query: sa.Select[*tuple[Any, ...]],
    order: Mapping[str, Sequence[Any] | Any],
    last: Any,
    row: Callable[[Any], Any] | None = None,
    scalars: bool = False,
) -> View:
    """Fill the view: one query counts, one reads the page (or all rows, for a file).

    `order` maps the key of a sortable column to what SQL sorts by; `last` is a unique column that settles ties.
    `row` turns what SQL gives into what the columns read; with `scalars` the query gives one object a row.
    """
    view.total = db.scalar(sa.select(sa.func.count()).select_from(query.order_by(None).subquery())) or 0
    if view.file in (*FILES, "pdf") and view.total > LONG and not g.get("in_background"):
        raise TakesLong(view.listing.name)
    keys = order[view.sort_key]
    keys = keys if isinstance(keys, (list, tuple)) else (keys,)
    # Empty values stand last either way: the two databases do not agree on it by themselves.
    ordered = query.order_by(*((key.desc() if view.down else key.asc()).nulls_last() for key in keys), last)
    if view.file:
        view.page, view.size = 1, max(view.total, 1)
    else:
        view.page = min(view.page, view.pages)
        ordered = ordered.limit(view.size).offset((view.page - 1) * view.size)
    found = db.scalars(ordered).all() if scalars else db.execute(ordered).all()
    view.rows = [row(one) for one in found] if row else found
    return view


def show(view: View, rows: Sequence[Any]) -> View:
    """Fill the view with rows that are all there already (a list that never grows: the modules of a course)."""
    view.rows, view.total = rows, len(rows)
    view.page, view.size = 1, max(len(rows), 1)
    return view


def sheet(view: View, *, scope_words: Message | str = "", at: datetime | None = None) -> sheets.Sheet:
    """The view as a sheet: the columns shown, all rows that were fetched."""
    return sheets.Sheet(
        name=view.listing.name, title=view.listing.title, columns=tuple(_plain(column) for column in view.columns),
        rows=tuple(tuple(column.value(row) for column in view.columns) for row in view.rows),
        at=at or clock.now(), zone=i18n.viewer_zone(), filters=view.in_words(), scope=scope_words, by=me().name, total=view.total,
    )


def export(view: View, *, scope_words: Message | str = "") -> Response | None:
    """The file that the address asks for, or None when it asks for the page. The download is audited."""
    if view.file not in (*FILES, "pdf"):
        return None
    return download(sheet(view, scope_words=scope_words), view.file, **view.csv)


def download(made: sheets.Sheet, file: str, **options: Any) -> Response:
    """A sheet as a file for the browser; who took which rows is audited with the file's hash."""
    if file == "xlsx":
        data = sheets.xlsx(made)
    elif file == "csv":
        data = sheets.as_csv(made, **options)
    elif file == "pdf":
        from app import pdf

        data = pdf.list_paper(made)
    else:
        raise Invalid(say("sheet", "There is no such kind of file."))
    return attachment(data, f"{made.name}-{made.at:%Y-%m-%d}.{file}", rows=len(made.rows))


def attachment(data: bytes, name: str, *, rows: int | None = None, inline: bool = False) -> Response:
    """Bytes as a file with a name; the audit keeps the name, the filters, the number of rows and the hash."""
    audit(
        "export", about=request.path, file=name, rows=rows, filters=request.query_string.decode()[:2000],
        sha256=hashlib.sha256(data).hexdigest(),
    )
    response = Response(data, mimetype=MIMES[name.rsplit(".", 1)[1]].split(";")[0])
    response.headers["Content-Type"] = MIMES[name.rsplit(".", 1)[1]]
    response.headers["Content-Disposition"] = f'{"inline" if inline else "attachment"}; filename="{name}"'
    return response


def scoped(path: sa.ColumnElement[str] | Any, action: str) -> sa.ColumnElement[bool]:
    """The condition that an office path is in the offices over which who asks may do this: what every list filters by."""
    return under(path, scope(actor(), action))


# ---- columns that a person chose -------------------------------------------------------------------------------------


def _columns(db: Session, listing: Listing) -> frozenset[str]:
    kept = db.scalar(sa.select(Preference.columns).where(Preference.person_id == me().person_id)) or {}
    chosen = kept.get(listing.name)
    if not isinstance(chosen, list):
        return frozenset(column.key for column in listing.columns if column.shown)
    return frozenset(str(key) for key in chosen)


def remember_columns(db: Session, *, person_id: uuid.UUID, name: str, columns: list[str]) -> None:
    """Keep which columns of a list a person wants to see; an empty list goes back to the usual ones."""
    take_write_lock(db)
    preference = db.scalar(sa.select(Preference).where(Preference.person_id == person_id))
    if preference is None:
        preference = Preference(person_id=person_id)
        db.add(preference)
        db.flush()
    kept = {key: value for key, value in preference.columns.items() if key != name}
    preference.columns = kept | {name: columns} if columns else kept
    db.flush()


@bp.post("/lists/<name>/columns")
@guarded("own.preferences")
def choose_columns(name: str) -> ResponseReturnValue:
    """Remember the columns ticked under a list, and go back to it."""
    columns = [key[:40] for key in request.form.getlist("column")][:60]
    remember_columns(g.db, person_id=me().person_id, name=name[:40], columns=[] if "usual" in request.form else columns)
    return redirect(local_path(request.form.get("next")), code=303)


def _plain(column: Column) -> sheets.Column:
    return sheets.Column(column.key, column.head, column.kind)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


__all__ = [
    "Column", "Filter", "Listing", "View", "asked", "attachment", "download", "export", "fetch", "scoped", "sheet", "show",
]
