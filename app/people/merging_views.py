"""Pages of the centre about doubles: which files may be of one officer, two files side by side, merging, undoing, confirming a walk-in."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, g, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from wtforms import BooleanField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length, Optional

from app import clock, errors, i18n
from app.certificates.models import Certificate
from app.courses.models import CourseVersion
from app.errors import Conflict, Invalid, NotFound, say
from app.forms import Form
from app.http import actor, audit, can, go, guarded, me, say_next, status_of
from app.people import matching, merging, register_queries
from app.people.matching import Sameness
from app.people.merging import Pair
from app.people.models import Person
from app.people.register_forms import GENDERS, SCRIPTS, Day
from app.people.register_queries import File
from app.people.register_views import the_person, today
from app.policy import Target, scope
from app.quizzes.models import Attempt
from app.runs.models import CourseRun, Enrolment
from app.sync.models import Node, PersonMerge

bp = Blueprint("merging", __name__)

label: Any = errors.say  # WTForms takes labels for text: the page says them in its language


class MergeForm(Form):
    """How somebody knows that two files are of one officer."""

    reason = TextAreaField(label("merge", "How you know that both are one officer"), [Length(max=500)], render_kw={"rows": "2"})
    document = BooleanField(label("merge", "I have seen a document that shows it"))


class ConfirmForm(Form):
    """What the papers of a walk-in say."""

    service_number = StringField(label("merge", "Service number"), [Length(max=40)])
    born_on = Day(label("merge", "Birth date"), [Optional()])
    reason = StringField(label("merge", "What you have seen"), [DataRequired(), Length(max=500)])


# ---- doubles ---------------------------------------------------------------------------------------------------------


@bp.get("/people/doubles")
@guarded("person.merge")
def doubles() -> ResponseReturnValue:
    """Files of the reader's offices that are probably of one officer."""
    pairs = merging.proposals(g.db, scope(actor(), "person.merge"))
    merged = g.db.execute(
        sa.select(PersonMerge, Person).join(Person, Person.id == PersonMerge.kept_id)
        .where(PersonMerge.undone_at.is_(None)).order_by(PersonMerge.merged_at.desc()).limit(20)
    ).all()
    seen = [(merge, person) for merge, person in merged if can("person.merge", the_person(g.db, person.id)[1])]
    return render_template("people/register/doubles.html", pairs=pairs, words=matching.WORDS, merged=seen)


# ---- two files side by side ------------------------------------------------------------------------------------------


def the_pair(db: Session, kept_id: uuid.UUID, dropped_id: uuid.UUID) -> tuple[tuple[Person, Person], Target]:
    """Two files; rights are asked for both, by the office of each."""
    kept, target = the_person(db, kept_id)
    dropped, other = the_person(db, dropped_id)
    if not can("person.merge", other):
        raise NotFound()
    return (kept, dropped), target


@dataclass(frozen=True)
class Side:
    """One of the two files, with what it has."""

    person: Person
    file: File
    runs: list[tuple[str, str, str]]  # code, title, state
    attempts: int
    certificates: list[str]
    owner: str  # title of the class server that keeps it; empty: this centre


def _side(db: Session, person: Person) -> Side:
    studies = db.execute(
        sa.select(CourseRun.code, CourseVersion.titles, Enrolment.state).join(Enrolment, Enrolment.run_id == CourseRun.id)
        .join(CourseVersion, CourseVersion.id == CourseRun.course_version_id).where(Enrolment.person_id == person.id).order_by(CourseRun.starts_on.desc())
    ).all()
    numbers = db.scalars(
        sa.select(Certificate.number).join(Enrolment, Enrolment.id == Certificate.enrolment_id).where(Enrolment.person_id == person.id).order_by(Certificate.number)
    ).all()
    attempts = db.scalar(
        sa.select(sa.func.count()).select_from(Attempt).join(Enrolment, Enrolment.id == Attempt.enrolment_id).where(Enrolment.person_id == person.id)
    )
    owner = db.scalar(sa.select(Node.title).where(Node.code == person.owner_node, Node.role == "classroom"))
    return Side(
        person, register_queries.file_of(db, person.id), [(code, i18n.pick(titles), state) for code, titles, state in studies], attempts or 0,
        list(numbers), owner or "",
    )


@bp.get("/people/<uuid:kept_id>/merge/<uuid:dropped_id>")
@guarded("person.merge", the_pair)
def compare(pair: tuple[Person, Person]) -> ResponseReturnValue:
    """Two files side by side: what each has, what speaks for one officer, what stands in the way."""
    audit("person.compare", about=str(pair[0].id), other=str(pair[1].id))
    return _compare_page(pair, MergeForm(formdata=None))


def _compare_page(pair: tuple[Person, Person], form: MergeForm, refused: Conflict | None = None) -> str:
    kept, dropped = pair
    db = g.db
    found = merging.pair(db, kept, dropped)
    return render_template(
        "people/register/merge.html", kept=_side(db, kept), dropped=_side(db, dropped), why=found.why, words=matching.WORDS, form=form, refused=refused,
        same_number=found.why is Sameness.NUMBER, better=found.kept.id != kept.id, needs_document=found.why not in (Sameness.NUMBER, Sameness.BIRTH), scripts=SCRIPTS, genders=GENDERS,
        clashes=merging.clashes(db, dropped=dropped, kept=kept), merges=[one for person in pair for one in merging.merges_of(db, person.id)],
    )


@bp.post("/people/<uuid:kept_id>/merge/<uuid:dropped_id>")
@guarded("person.merge", the_pair)
def merge(pair: tuple[Person, Person]) -> ResponseReturnValue:
    """From now on the second file means the first."""
    form, (kept, dropped) = MergeForm(), pair
    kept_id, dropped_id = kept.id, dropped.id
    try:
        if not form.validate():
            raise Invalid()
        made = merging.merge(
            g.db, dropped=dropped, kept=kept, by=me().person_id, now=clock.now(), reason=form.reason.data or "", document=bool(form.document.data),
        )
    except (Invalid, Conflict) as refused:
        g.db.rollback()
        again = the_person(g.db, kept_id)[0], the_person(g.db, dropped_id)[0]
        if isinstance(refused, Invalid):
            form.show(refused)
        return _compare_page(again, form, refused if isinstance(refused, Conflict) else None), status_of(refused)
    audit("person.merge", about=str(kept_id), dropped=str(dropped_id), merge=str(made.id))
    person = g.db.get_one(Person, kept_id)
    say_next(say("merge", "Both files are one now: {name}, {number}. It can be undone on this page.", name=person.display_name, number=person.service_number))
    return go("register.person", person_id=kept_id)


@bp.post("/people/<uuid:kept_id>/merge/<uuid:dropped_id>/apart")
@guarded("person.merge", the_pair)
def apart(pair: tuple[Person, Person]) -> ResponseReturnValue:
    """They are two people: nobody is asked again."""
    form, (one, other) = MergeForm(), pair
    ids = one.id, other.id
    try:
        merging.keep_apart(g.db, one, other, by=me().person_id, now=clock.now(), reason=form.reason.data or "")
    except Invalid as refused:
        g.db.rollback()
        form.show(refused)
        return _compare_page((the_person(g.db, ids[0])[0], the_person(g.db, ids[1])[0]), form), status_of(refused)
    audit("person.apart", about=str(ids[0]), other=str(ids[1]))
    say_next(say("merge", "Noted: they are two people. It is not proposed again."))
    return go("merging.doubles")


def the_merge(db: Session, merge_id: uuid.UUID) -> tuple[PersonMerge, Target]:
    """A merge; rights go by the kept file."""
    found = db.get(PersonMerge, merge_id)
    if found is None:
        raise NotFound()
    return found, the_person(db, found.kept_id)[1]


@bp.post("/merges/<uuid:merge_id>/undo")
@guarded("person.merge", the_merge)
def undo(found: PersonMerge) -> ResponseReturnValue:
    """Make two files of them again."""
    kept_id, dropped_id, merge_id = found.kept_id, found.dropped_id, found.id
    count = merging.unmerge(g.db, found, by=me().person_id, now=clock.now())
    audit("person.unmerge", about=str(kept_id), dropped=str(dropped_id), merge=str(merge_id), turned=count)
    say_next(say("merge", "They are two files again, each with what it had."))
    return go("register.person", person_id=kept_id)


# ---- confirming ------------------------------------------------------------------------------------------------------


@bp.route("/people/<uuid:person_id>/confirm", methods=["GET", "POST"])
@guarded("person.merge", the_person)
def confirm(found: Person) -> ResponseReturnValue:
    """Confirm who was registered at a class, or find the file that he has already."""
    form, person_id = ConfirmForm(), found.id
    if request.method == "GET":
        form.service_number.data = found.service_number if matching.bare(found.service_number) and matching.COPY not in found.service_number else ""
        form.born_on.data = found.born_on
        return _confirm_page(found, form)
    try:
        if not form.validate():
            raise Invalid()
        merging.confirm(
            g.db, found, service_number=form.service_number.data or "", born_on=form.born_on.data, by=me().person_id, now=clock.now(),
            reason=form.reason.data or "",
        )
    except (Invalid, Conflict) as refused:
        g.db.rollback()
        form.show(refused if isinstance(refused, Invalid) else Invalid(fields={"service_number": refused.message}))
        return _confirm_page(the_person(g.db, person_id)[0], form), status_of(refused)
    audit("person.confirm", about=str(person_id))
    say_next(say("merge", "{name} is confirmed. The file is kept at this centre now.", name=g.db.get_one(Person, person_id).display_name))
    return go("register.person", person_id=person_id)


def _confirm_page(found: Person, form: ConfirmForm) -> str:
    by_number = _with_number(found, form.service_number.data or "")
    pairs = [Pair(by_number, found, Sameness.NUMBER)] if by_number else []
    pairs += [pair for pair in merging.namesakes(g.db, found) if by_number is None or pair.kept.id != by_number.id]
    seen = [pair for pair in pairs if can("person.merge", the_person(g.db, pair.kept.id)[1])]
    return render_template(
        "people/register/confirm.html", officer=found, side=_side(g.db, found), pairs=seen, words=matching.WORDS, form=form, today=today(),
    )


def _with_number(found: Person, number: str) -> Person | None:
    if not matching.bare(number):
        return None
    person: Person | None = g.db.scalar(
        sa.select(Person).where(Person.agency_id == found.agency_id, Person.service_number == number.strip(), Person.id != found.id)
    )
    return person
