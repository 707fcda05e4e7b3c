"""The intake desk of the centre: what came in, what is kept aside and why, who was registered at a class and is not confirmed."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, g, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from wtforms import TextAreaField
from wtforms.validators import DataRequired, Length

from app import clock, errors, i18n, lists
from app.errors import Invalid, NotFound, say
from app.forms import Form
from app.http import audit, go, guarded, me, say_next, status_of
from app.offices.models import Agency, Classroom, Country, Office
from app.people.merging import standing
from app.people.models import Person, Posting
from app.policy import Target
from app.runs.models import CourseRun
from app.sync import intake, rows, views, wording
from app.sync.catalogue import BY_NAME
from app.sync.models import Exchange, HeldEntry, Node
from app.sync.views import Told

bp = Blueprint("intake", __name__)

label: Any = errors.say  # WTForms takes labels for text: the page says them in its language
SHOWN = 30  # bundles


class ReasonForm(Form):
    """Why something is left out."""

    reason = TextAreaField(label("intake", "Reason"), [DataRequired(), Length(max=500)], render_kw={"rows": "2"})


@dataclass(frozen=True)
class Kept:
    """An entry kept aside, as a line."""

    entry: HeldEntry
    title: str  # of the node
    itself: bool  # it settles itself


# ---- the desk --------------------------------------------------------------------------------------------------------


@bp.get("/exchange/intake")
@guarded("intake.do")
def index() -> ResponseReturnValue:
    """What came in, what is kept aside, who waits for a confirmation; of one node when the address names it."""
    db = g.db
    nodes = dict(db.execute(
        sa.select(Node.code, Node.title).join(Office, Office.id == Node.office_id)
        .where(lists.scoped(Office.path, "intake.do"), Node.role == "classroom").order_by(Node.title)
    ).all())
    chosen = request.args.get("node", "")
    codes = [chosen] if chosen in nodes else list(nodes)
    came = db.scalars(
        sa.select(Exchange).where(Exchange.peer.in_(codes), Exchange.direction == "in", Exchange.state.in_(("taken", "partial", "refused")))
        .order_by(Exchange.place.desc()).limit(SHOWN * 4)
    ).all()
    came = [one for one in came if one.state != "taken" or one.counts.get("new") or one.counts.get("held") or one.counts.get("known")][:SHOWN]
    return render_template(
        "sync/intake.html", nodes=nodes, chosen=chosen if chosen in nodes else "", came=[Told(one, nodes) for one in came],
        held=[Kept(one, nodes[one.node], one.why in intake.BY_ITSELF) for one in intake.held_of(db, *codes)], words=wording,
        provisional=provisional(db), size_words=views.size_words,
    )


@dataclass(frozen=True)
class Newcomer:
    """Somebody who was registered at a class and is not confirmed."""

    person: Person
    agency: Mapping[str, str]
    office: Mapping[str, str]
    since: date
    owner: str  # title of the class server that keeps the file; empty: this centre


def provisional(db: Session, *, most: int = 100) -> list[Newcomer]:
    """Provisional people of the reader's offices, the oldest first."""
    here = lists.scoped(Office.path, "person.merge")
    found: dict[uuid.UUID, Newcomer] = {}
    for person, agency, office, since, title in db.execute(
        sa.select(Person, Agency.names, Office.names, Posting.valid_from, Node.title)
        .join(Agency, Agency.id == Person.agency_id).join(Posting, Posting.person_id == Person.id).join(Office, Office.id == Posting.office_id)
        .outerjoin(Node, sa.and_(Node.code == Person.owner_node, Node.role == "classroom"))
        .where(Person.provisional, here, standing()).order_by(Posting.valid_from, Person.sort_key, Person.id).limit(most)
    ):
        found.setdefault(person.id, Newcomer(person, agency, office, since, title or ""))
    return list(found.values())


# ---- one entry -------------------------------------------------------------------------------------------------------


def the_entry(db: Session, held_id: uuid.UUID) -> tuple[HeldEntry, Target]:
    """An entry kept aside; rights go by the class server that it came from."""
    row = db.execute(
        sa.select(HeldEntry, Office.path).join(Node, Node.code == HeldEntry.node).join(Office, Office.id == Node.office_id)
        .where(HeldEntry.id == held_id)
    ).first()
    if row is None:
        raise NotFound()
    return row[0], Target(path=row[1])


@dataclass(frozen=True)
class Part:
    """A column of both contents, in words."""

    column: str
    came: str
    here: str
    differs: bool


@bp.get("/exchange/held/<uuid:held_id>")
@guarded("intake.do", the_entry)
def entry(held: HeldEntry) -> ResponseReturnValue:
    """One entry that is kept aside: what came and what stands here side by side, and what can be done."""
    audit("held.read", about=str(held.id), table=held.table)
    return _entry_page(held, ReasonForm(formdata=None))


def _entry_page(held: HeldEntry, form: ReasonForm) -> str:
    db = g.db
    found = intake.opened(db, held)
    names = _names(db, held.table, [found.came, found.here or {}])
    columns = [column for column in (*found.came, *(c for c in (found.here or {}) if c not in found.came)) if column not in NOT_SHOWN]
    if found.form == "c" and found.here is not None:
        columns = [column for column in columns if column in found.came]
    parts = [
        Part(
            column, _shown(names, found.came.get(column)) if column in found.came else "–",
            _shown(names, found.here.get(column)) if found.here is not None else "–",
            found.here is not None and column in found.came and found.came[column] != found.here.get(column),
        )
        for column in columns
    ]
    missing = [(BY_NAME[t].name if (t := rows.references(held.table).get(c, held.table)) in BY_NAME else t, key) for c, key in (held.detail.get("missing") or {}).items()] if held.table in BY_NAME else []
    return render_template(
        "sync/held.html", held=held, found=found, parts=parts, form=form, words=wording, missing=missing,
        title=db.scalar(sa.select(Node.title).where(Node.code == held.node)) or held.node, may_take_in=intake.may_take_in(held),
        by=db.scalar(sa.select(Person.short_name).where(Person.id == held.settled_by)) if held.settled_by else "",
        told=str(held.detail.get("said") or ""),
    )


A_DAY = re.compile(r"\d{4}-\d{2}-\d{2}(T|$)")
NOT_SHOWN = ("id", "owner_node", "version", "short_name", "sort_key", "search_key")
"""What the product itself keeps of a row: it tells nobody which of two is right."""

NAMED: dict[str, tuple[Any, Any]] = {
    "person": (Person.id, Person.display_name), "office": (Office.id, Office.names), "agency": (Agency.id, Agency.names),
    "course_run": (CourseRun.id, CourseRun.code), "country": (Country.id, Country.names), "classroom": (Classroom.id, Classroom.names),
}


def _names(db: Session, table: str, contents: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """What ids in the contents are called: people, offices, agencies, runs, classrooms."""
    if table not in BY_NAME:
        return {}
    wanted: dict[str, set[uuid.UUID]] = {}
    for content in contents:
        for column, target in rows.references(table).items():
            if target in NAMED and content.get(column):
                wanted.setdefault(target, set()).add(uuid.UUID(str(content[column])))
    found = {}
    for target, ids in wanted.items():
        key, name = NAMED[target]
        for id, called in db.execute(sa.select(key, name).where(key.in_(ids))):
            found[str(id)] = i18n.pick(called) if isinstance(called, dict) else str(called)
    return found


def _shown(names: Mapping[str, str], value: Any) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return i18n.t("intake", "yes") if value else i18n.t("intake", "no")
    if isinstance(value, dict):
        return i18n.pick(value) if value and all(isinstance(one, str) for one in value.values()) and set(value) & set(i18n.LANGUAGES) else ", ".join(f"{k}: {_shown(names, v)}" for k, v in value.items())
    if isinstance(value, list):
        return ", ".join(_shown(names, one) for one in value) or "–"
    text = str(value)
    if text in names:
        return names[text]
    if not A_DAY.match(text):  # eight digits are a service number, though ISO 8601 would read a day in them
        return text
    try:
        return i18n.moment(datetime.fromisoformat(text), named=True) if "T" in text else i18n.day(date.fromisoformat(text))
    except ValueError:
        return text


@bp.post("/exchange/held/<uuid:held_id>/aside")
@guarded("intake.do", the_entry)
def set_aside(held: HeldEntry) -> ResponseReturnValue:
    """Leave it out for good, with a reason."""
    form = ReasonForm()
    if not form.validate():
        return _entry_page(held, form), status_of(Invalid())
    held_id = held.id
    intake.set_aside(g.db, held, reason=form.reason.data or "", by=me().person_id, now=clock.now())
    audit("held.aside", about=str(held_id), reason=form.reason.data)
    say_next(say("intake", "Left out. The entry stays in what the class sent."))
    return go("intake.index")


@bp.post("/exchange/held/<uuid:held_id>/again")
@guarded("intake.do", the_entry)
def again(held: HeldEntry) -> ResponseReturnValue:
    """Try to apply it again."""
    held_id = held.id
    if intake.try_again(g.db, held, by=me().person_id, now=clock.now()):
        audit("held.applied", about=str(held_id))
        say_next(say("intake", "It is taken in now, with all that waited for it."))
        return go("intake.index")
    say_next(say("intake", "The same is still in the way: nothing was changed."), "warn")
    return go("intake.entry", held_id=held_id)


@bp.post("/exchange/held/<uuid:held_id>/take-in")
@guarded("intake.do", the_entry)
def take_in(held: HeldEntry) -> ResponseReturnValue:
    """Take a person in as a file of its own, and go on to compare it with the one in its way."""
    held_id, other = held.id, next(iter(held.detail.get("with_ids") or ()), "")
    person = intake.take_in(g.db, held, by=me().person_id, now=clock.now())
    audit("held.applied", about=str(held_id), person_id=str(person.id))
    say_next(say("intake", "{name} is taken in as {number}. If both files are of one officer, merge them now.", name=person.display_name, number=person.service_number))
    return go("merging.compare", kept_id=other, dropped_id=person.id) if other else go("register.person", person_id=person.id)
