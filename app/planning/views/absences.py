"""Absences of officers who are trained: leave, illness, duty shifts, deployments, one by one or as a list from a file (PLN-03)."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import g, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app import clock, i18n, lists
from app.errors import Invalid, Message, NotFound, say
from app.http import actor, audit, go, guarded, me, say_next
from app.i18n import pick
from app.offices.models import Office
from app.offices.scope import under
from app.people import register_files
from app.people.models import Person, Posting
from app.people.names import fold
from app.planning.session_forms import AbsenceFileForm, AbsenceForm
from app.planning.views.blueprint import bp
from app.planning.views.session_edit import show_refused
from app.policy import Target, scope
from app.schedule import absence_import
from app.schedule.absence_import import MOST_SHOWN, Wrong
from app.trainers import absences as verbs
from app.trainers import rules
from app.trainers.models import Absence

KEEP = "absence.keep"
SHOWN_BACK = timedelta(days=7)


@dataclass(frozen=True)
class Away:
    """An absence as the list shows it."""

    absence: Absence
    name: str
    service_number: str
    office: str
    first: date
    last: date
    hours: str


ABSENCES = lists.Listing(
    name="absences",
    title=say("absence", "Absences"),
    columns=(
        lists.Column("name", say("seats of a session", "Name"), value=lambda row: row.name, always=True, sort=True),
        lists.Column("service_number", say("nomination", "Service no."), value=lambda row: row.service_number),
        lists.Column("office", say("nomination", "Unit"), value=lambda row: row.office),
        lists.Column("kind", say("absence", "Why"), value=lambda row: rules.KINDS[row.absence.kind]),
        lists.Column("first", say("closure", "First day"), "day", value=lambda row: row.first, sort=True),
        lists.Column("last", say("closure", "Last day"), "day", value=lambda row: row.last),
        lists.Column("hours", say("absence", "Hours"), value=lambda row: row.hours),
        lists.Column("note", say("run", "Note"), value=lambda row: row.absence.note),
    ),
    filters=(
        lists.Filter("q", say("absence", "Name or service number"), "search"),
        lists.Filter("kind", say("absence", "Why"), options=tuple(rules.KINDS.items())),
        lists.Filter("past", say("absence", "Past ones"), options=(("1", say("absence", "shown too")),)),
    ),
    sort="first",
)


@bp.get("/planning/absences")
@guarded(KEEP)
def absences() -> ResponseReturnValue:
    """Who of one's offices is away now or later."""
    return _page()


@bp.post("/planning/absences")
@guarded(KEEP)
def add_absence() -> ResponseReturnValue:
    """Note when an officer, or the staff of an office, cannot come; repeated, where it is a pattern of shifts."""
    form = _form()
    if not form.validate():
        return _page(form=form, status=422)
    try:
        n = _add(form)
    except Invalid as refused:
        return _page(form=form, status=show_refused(form, refused))
    say_next(say("absence", "Noted: {n}.", n=n) if n else say("absence", "This was on file already."))
    return go("planning.absences")


def _add(form: AbsenceForm) -> int:
    given: dict[str, Any] = form.data
    who, first, last = form.who.data or "", given["first_day"], given["last_day"]
    every, until = form.every.data or 0, form.until.data
    whom = absence_import.people(g.db, [who], scope(actor(), KEEP), _today()).get(who, [])
    office = g.db.scalar(sa.select(Office.id).where(sa.func.lower(Office.code) == who.casefold()))
    if not whom:
        raise Invalid(fields={"who": say("absence", "{who} is nobody of your offices.", who=who)})
    if len(whom) > 1 and office is None:
        raise Invalid(fields={"who": say("absence", "Several officers have the number {who}. Note it on their own pages.", who=who)})
    if every < 0 or (every and until is None):
        raise Invalid(fields={"until": say("absence", "Give the day until which it is repeated.")})
    n = 0
    for officer in whom:
        span = absence_import.span_of(first, form.starts.data, last, form.ends.data, officer.zone)
        if isinstance(span, Message):
            raise Invalid(fields={"last_day": span})
        if every and timedelta(days=every) < span.ends_at - span.starts_at:
            raise Invalid(fields={"every": say("absence", "Give a number of days that is no smaller than the shift is long.")})
        spans = rules.shifts(span, every, until or first, officer.zone)
        n += len(verbs.add(g.db, person_id=officer.person_id, kind=form.kind.data, spans=spans, zone=officer.zone, note=form.note.data or ""))
    return n


@bp.post("/planning/absences/import")
@guarded(KEEP)
def import_absences() -> ResponseReturnValue:
    """Take over a list of absences: all of it, or none with what is wrong at which row."""
    form = AbsenceFileForm()
    if not form.validate():
        return _page(file_form=form, status=422)
    words = {i18n.say(word).casefold(): key for key, word in rules.KINDS.items()}
    try:
        grid = register_files.read(request.files["file"].read(register_files.MOST_BYTES + 1))
    except Invalid as refused:
        form.show(refused)
        return _page(file_form=form, status=422)
    entries, wrong = absence_import.read(grid, words)
    if not entries and not wrong:
        wrong = [Wrong(0, say("absence", "There is no row with an absence in this file."))]
    n = 0
    if not wrong:
        n, wrong = absence_import.take(g.db, entries, scope(actor(), KEEP), _today())
    if wrong:
        g.db.rollback()
        return _page(file_form=form, wrong=wrong, status=422)
    audit("absences imported", rows=len(entries), new=n)
    say_next(say("absence", "Rows of the file: {rows}. New absences: {n}.", rows=len(entries), n=n))
    return go("planning.absences")


def the_absence(db: Session, absence_id: uuid.UUID) -> tuple[Absence, Target]:
    """An absence, for the office where its person serves."""
    absence = db.get(Absence, absence_id)
    if absence is None:
        raise NotFound()
    today = _today()
    path = db.scalar(
        sa.select(Office.path).join(Posting, Posting.office_id == Office.id)
        .where(Posting.person_id == absence.person_id, Posting.valid_from <= today, sa.or_(Posting.valid_to.is_(None), Posting.valid_to >= today))
        .order_by(Posting.valid_from.desc()).limit(1)
    )
    return absence, Target(path=path)


@bp.post("/planning/absences/<uuid:absence_id>/take-back")
@guarded(KEEP, the_absence)
def take_back_absence(absence: Absence) -> ResponseReturnValue:
    """An absence holds no more."""
    verbs.take_back(g.db, absence, today=_today())
    say_next(say("absence", "The absence is taken back."))
    return go("planning.absences")


def _page(*, status: int = 200, form: AbsenceForm | None = None, file_form: AbsenceFileForm | None = None, wrong: list[Wrong] | None = None) -> ResponseReturnValue:
    view = lists.asked(ABSENCES)
    lists.fetch(g.db, view, _query(view), {"first": Absence.starts_at, "name": Person.sort_key}, Absence.id, row=lambda row: _away(*row))
    if file := lists.export(view):
        return file
    return render_template(
        "planning/absences.html", view=view, form=form or _form(), file_form=file_form or AbsenceFileForm(formdata=None), wrong=(wrong or [])[:MOST_SHOWN],
        more=max(0, len(wrong or []) - MOST_SHOWN), columns=absence_import.COLUMNS, kinds=rules.KINDS,
    ), status


def _query(view: lists.View) -> sa.Select[*tuple[Any, ...]]:
    today, kind = _today(), view.value("kind")
    query: sa.Select[*tuple[Any, ...]] = (
        sa.select(Absence, Person.display_name, Person.service_number, Office.names)
        .join(Person, Person.id == Absence.person_id).join(Posting, Posting.person_id == Person.id).join(Office, Office.id == Posting.office_id)
        .where(
            under(Office.path, scope(actor(), KEEP)), Absence.ended_on.is_(None), Posting.valid_from <= today,
            sa.or_(Posting.valid_to.is_(None), Posting.valid_to >= today),
        )
    )
    if not view.value("past"):
        query = query.where(Absence.ends_at >= clock.now() - SHOWN_BACK)
    if kind:
        query = query.where(Absence.kind == kind)
    for word in fold(view.value("q")).split():
        query = query.where(Person.search_key.contains(word, autoescape=True))
    return query


def _away(absence: Absence, name: str, number: str, office: dict[str, str]) -> Away:
    first, last, whole = rules.days_in_words(rules.Span(absence.starts_at, absence.ends_at), absence.zone)
    there = ZoneInfo(absence.zone)
    hours = "" if whole else f"{absence.starts_at.astimezone(there):%H:%M}–{absence.ends_at.astimezone(there):%H:%M}"
    return Away(absence, name, number, pick(office), first, last, hours)


def _form() -> AbsenceForm:
    form = AbsenceForm()
    form.kind.choices = [(key, i18n.say(word)) for key, word in rules.KINDS.items()]
    return form


def _today() -> date:
    return clock.now().astimezone(ZoneInfo(me().zone)).date()


