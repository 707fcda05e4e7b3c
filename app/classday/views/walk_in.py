"""Who comes without a nomination, and who lost his slip: both leave the desk with a slip in their hand."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from flask import g, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app import clock, i18n
from app.classday import services
from app.classday.forms import WalkInForm
from app.classday.queries import Day, Here
from app.classday.services import Stranger
from app.classday.views.blueprint import OfClass, bp, day_of, the_class
from app.classday.views.day import again, as_invalid
from app.courses.queries import course_content
from app.errors import DomainError, Invalid, NotFound, say
from app.http import audit, guarded, me, status_of
from app.ids import new_pin
from app.offices.models import Agency, Office
from app.people.credentials import hash_pin
from app.people.merging import standing
from app.people.models import Person, Posting
from app.people.names import Name, fold, tidy
from app.policy import Target
from app.runs import queries as runs
from app.runs.models import Enrolment
from app.runs.views.sight import days_of, language_name, title_of, where_of

OFFERED = 6  # people of the same name, at most


@dataclass(frozen=True)
class Known:
    """Somebody of the register who may be the one at the desk."""

    person_id: uuid.UUID
    name: str
    service_number: str
    agency: dict[str, str]
    office: dict[str, str] | None
    rank: str
    provisional: bool
    enrolled: bool  # in this run already
    enrolment_id: uuid.UUID | None


@bp.get("/class/<code>/<day>/walk-in")
@guarded("class.enrol", the_class("class.enrol"))
def walk_in(of: OfClass) -> ResponseReturnValue:
    """The form for somebody who stands at the desk."""
    return _page(of, WalkInForm(formdata=None))


@bp.post("/class/<code>/<day>/walk-in")
@guarded("class.enrol", the_class("class.enrol"))
def register(of: OfClass) -> ResponseReturnValue:
    """Look whether he is known; when he is not, or was chosen, enrol him and show his slip."""
    form = WalkInForm()
    if not form.validate():
        return _page(of, form, refused=Invalid())
    chosen = _uuid(request.form.get("person", ""))
    if chosen is None:
        try:
            agency_id, office_id = _agency(form), _uuid(form.office.data or "") or of.run.office_id
            known = find(g.db, of, agency_id, form.service_number.data or "", _name(form), clock.now().date())
            if known and "new" not in request.form:
                return _page(of, form, known=known)
            if any(one.service_number == tidy(form.service_number.data or "") for one in known):
                raise Invalid(fields={"service_number": say("walk-in", "Somebody has this number already: choose the person above.")})
            missing = {
                part: say("walk-in", "Give this part too: a name has a family name and a given name.")
                for part in ("family", "given") if not form[part].data
            }
            if missing:
                raise Invalid(fields=missing)
        except Invalid as refused:
            return _page(of, form, refused=refused)
    who = chosen or Stranger(
        agency_id=agency_id, office_id=office_id, name=_name(form), script=_script(form.family.data or ""),
        service_number=form.service_number.data or "", rank=form.rank.data or "", gender=form.gender.data if form.gender.data in ("f", "m") else None,
    )
    pin = new_pin()
    hashed = hash_pin(pin)  # slow: before the lock
    try:
        enrolment = services.walk_in(
            g.db, of.run, who=who, language=_language(of, form), seat_id=_uuid(form.seat.data or ""), pin_hash=hashed, by=me().person_id,
            now=clock.now(),
        )
    except DomainError as refused:
        g.db.rollback()
        return _page(again(of), form, refused=as_invalid(refused))
    audit("walk-in", about=of.run.code, person_id=str(enrolment.person_id))
    audit("slip.issue", about=of.run.code, person_id=str(enrolment.person_id))
    return _slip_page(of, enrolment.id, pin, fresh=True)


def _page(of: OfClass, form: WalkInForm, *, known: Sequence[Known] = (), refused: DomainError | None = None) -> ResponseReturnValue:
    found = day_of(of)
    country = of.run.office.country_id
    agencies = g.db.execute(sa.select(Agency.id, Agency.names).where(Agency.country_id == country).order_by(Agency.code)).all()
    offices = g.db.execute(
        sa.select(Office.id, Office.names).where(Office.country_id == country, Office.closed_on.is_(None)).order_by(Office.path)
    ).all()
    free = found.free_seats()
    form.agency.choices = [(str(one), i18n.pick(names)) for one, names in agencies]
    form.office.choices = [(str(one), i18n.pick(names)) for one, names in offices]
    form.language.choices = [(tag, language_name(tag)) for tag in course_content(g.db, of.run.course_version_id).languages]
    form.seat.choices = [(str(seat.id), seat.label) for seat in free] + [("", i18n.t("walk-in", "none for now"))]
    form.gender.choices = [("", i18n.t("walk-in", "not stated")), ("f", i18n.t("walk-in", "woman")), ("m", i18n.t("walk-in", "man"))]
    if request.method == "GET":
        form.agency.data = str(runs_agency(found) or (agencies[0][0] if agencies else ""))
        form.office.data, form.seat.data = str(of.run.office_id), str(free[0].id) if free else ""
        form.language.data = i18n.language()
    if isinstance(refused, Invalid):
        form.show(refused)
    text = render_template(
        "classday/walk_in.html", of=of, form=form, known=known, title=title_of(of.run), full=not free,
        works=sum(seat.state == "works" for seat in found.seats), in_class=len(found.people),
    )
    return text, status_of(refused) if refused else 200


def runs_agency(found: Day) -> uuid.UUID | None:
    """The agency that most people of the run serve in."""
    agency: uuid.UUID | None = g.db.scalar(
        sa.select(Person.agency_id).where(Person.id.in_([one.person_id for one in found.people]))
        .group_by(Person.agency_id).order_by(sa.func.count().desc(), Person.agency_id).limit(1)
    )
    return agency


def find(db: Session, of: OfClass, agency_id: uuid.UUID, number: str, name: Name, today: date) -> list[Known]:
    """Who of the register may be meant: by agency and service number first, then by every part of the name."""
    query = (
        sa.select(Person, Agency.names, Office.names, Posting.rank)
        .join(Agency, Agency.id == Person.agency_id)
        .outerjoin(
            Posting,
            sa.and_(Posting.person_id == Person.id, Posting.valid_from <= today, sa.or_(Posting.valid_to.is_(None), Posting.valid_to >= today)),
        )
        .outerjoin(Office, Office.id == Posting.office_id)
        .where(standing()).order_by(Person.sort_key, Posting.valid_from.desc())
    )
    rows: list[Any] = []
    if number := tidy(number):
        rows += db.execute(query.where(Person.agency_id == agency_id, Person.service_number == number)).all()
    words = [word for word in fold(f"{name.family} {name.given}").split() if word]
    if words and name.family:
        same = query.where(Person.country_id == of.run.office.country_id, *(Person.search_key.contains(word, autoescape=True) for word in words))
        rows += db.execute(same.limit(OFFERED)).all()
    ids = {row[0].id for row in rows}
    here = {
        person: (enrolment, state == "enrolled") for person, enrolment, state in db.execute(
            sa.select(Enrolment.person_id, Enrolment.id, Enrolment.state).where(Enrolment.run_id == of.run.id, Enrolment.person_id.in_(ids))
        )
    }
    found: dict[uuid.UUID, Known] = {}
    for person, agency, office, rank in rows:
        enrolment, enrolled = here.get(person.id, (None, False))
        found.setdefault(
            person.id, Known(person.id, person.display_name, person.service_number, agency, office, rank or "", person.provisional, enrolled, enrolment),
        )
    return list(found.values())


def _agency(form: WalkInForm) -> uuid.UUID:
    agency = _uuid(form.agency.data or "")
    if agency is None or g.db.get(Agency, agency) is None:
        raise Invalid(fields={"agency": say("walk-in", "Choose the agency.")})
    return agency


def _name(form: WalkInForm) -> Name:
    return Name(tidy(form.family.data or ""), tidy(form.given.data or ""), tidy(form.patronymic.data or ""))


def _language(of: OfClass, form: WalkInForm) -> str:
    known = course_content(g.db, of.run.course_version_id).all_languages
    return form.language.data if form.language.data in known else known[0]


def _script(text: str) -> str:
    """The script that a name is typed in: ISO 15924."""
    if any("\u0400" <= letter <= "\u052f" for letter in text):
        return "Cyrl"
    return "Arab" if any("\u0600" <= letter <= "\u06ff" for letter in text) else "Latn"


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


# ---- a new slip ------------------------------------------------------------------------------------------------------


def the_member(db: Session, code: str, day: str, enrolment_id: uuid.UUID) -> tuple[tuple[OfClass, uuid.UUID], Target]:
    """One person of the class, for his slip."""
    of, target = the_class("run.slips")(db, code, day)
    if not any(one.enrolment_id == enrolment_id for one in runs.roster(db, of.run.id)):
        raise NotFound()
    return (of, enrolment_id), target


@bp.get("/class/<code>/<day>/slip/<uuid:enrolment_id>")
@guarded("run.slips", the_member)
def slip(found: tuple[OfClass, uuid.UUID]) -> ResponseReturnValue:
    """One person of the class, and a new slip for him: the second of two clicks is the button."""
    return _person_page(*found)


def _person_page(of: OfClass, enrolment_id: uuid.UUID, refused: DomainError | None = None) -> ResponseReturnValue:
    found, facts = day_of(of), {"refused": refused} if refused else {}
    here = _here(found, enrolment_id)
    text = render_template(
        "classday/slip_ask.html", of=of, title=title_of(of.run), one=_member(of, enrolment_id), d=found, here=here,
        seat=found.seat((here.at_seat or here.seat_id) if here else None), **facts,
    )
    return text, status_of(refused) if refused else 200


@bp.post("/class/<code>/<day>/slip/<uuid:enrolment_id>")
@guarded("run.slips", the_member)
def new_slip(found: tuple[OfClass, uuid.UUID]) -> ResponseReturnValue:
    """A new PIN; the old one is dead. It stands on this page only."""
    of, enrolment_id = found
    member, pin = _member(of, enrolment_id), new_pin()
    hashed = hash_pin(pin)  # slow: before the lock
    try:
        services.new_slip(
            g.db, of.run, person_id=member.person_id, pin_hash=hashed, by=me().person_id, now=clock.now()
        )
    except DomainError as refused:
        g.db.rollback()
        return _person_page(again(of), enrolment_id, refused)
    audit("slip.issue", about=of.run.code, person_id=str(member.person_id), number=member.service_number)
    return _slip_page(of, enrolment_id, pin)


def _member(of: OfClass, enrolment_id: uuid.UUID) -> runs.Member:
    return next(one for one in runs.roster(g.db, of.run.id) if one.enrolment_id == enrolment_id)



def _here(found: Day, enrolment_id: uuid.UUID) -> Here | None:
    return next((one for one in found.people if one.enrolment_id == enrolment_id), None)


def _slip_page(of: OfClass, enrolment_id: uuid.UUID, pin: str, *, fresh: bool = False) -> ResponseReturnValue:
    """The slip, to be printed now: the PIN is nowhere else. In the trainee's language, in a page of the reader's."""
    found, member = day_of(of), _member(of, enrolment_id)
    one = _here(found, enrolment_id)
    seat = found.seat(one.seat_id) if one else None
    with i18n.speaking(member.language):
        paper = render_template(
            "runs/paper_slip.html", run=of.run, course=title_of(of.run), where=where_of(of.run), days=days_of(of.run), member=member, pin=pin,
            seat=seat.label if seat else "",
        )
    return render_template("classday/slip.html", of=of, member=member, seat=seat, paper=paper, fresh=fresh)
