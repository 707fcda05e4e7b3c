"""Pages of the office tree: all offices at a glance, one office with its classrooms, adding and editing for the administrator."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from flask import Blueprint, g, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session, joinedload

from app import clock, i18n, lists
from app.errors import Conflict, Invalid, Message, NotFound, say
from app.forms import Form
from app.http import actor, can, go, guarded, say_next, status_of
from app.offices import tree
from app.offices.models import Agency, Classroom, Country, Office, Seat
from app.offices.scope import under
from app.offices.tree_forms import AgencyForm, ClassroomForm, CountryForm, EditOfficeForm, NewAgencyForm, OfficeForm
from app.people.merging import standing
from app.people.models import Person, Posting
from app.people.register_queries import on
from app.policy import Target, scope

bp = Blueprint("tree", __name__)

KINDS = {
    "region": say("office", "region"), "centre": say("office", "centre"), "department": say("office", "department"),
    "border-office": say("office", "border office"),
}
CROSSINGS = {
    "road": say("office", "road"), "rail": say("office", "rail"), "air": say("office", "air"), "river": say("office", "river"),
}


# ---- the tree --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Branch:
    """An office with what the tree says about it."""

    office: Office
    level: int
    paired: Office | None
    classrooms: int
    seats: int
    people: int | None  # posted here today; None: not for this reader
    below: int | None  # here and in all offices below


LISTING = lists.Listing(
    name="offices",
    title=say("office", "Offices"),
    columns=(
        lists.Column("office", say("office", "Office"), value=lambda row: i18n.pick(row.office.names), sort=True, always=True),
        lists.Column("code", say("office", "Code"), value=lambda row: row.office.code),
        lists.Column("kind", say("office", "Kind"), value=lambda row: KINDS[row.office.kind]),
        lists.Column("country", say("office", "Country"), value=lambda row: i18n.pick(row.office.country.names) if row.office.country else "", shown=False),
        lists.Column("crossing", say("office", "Crossing"), value=lambda row: CROSSINGS.get(row.office.crossing or "")),
        lists.Column("paired", say("office", "Faces"), value=lambda row: row.paired and i18n.pick(row.paired.names)),
        lists.Column("classrooms", say("office", "Classrooms"), "int", value=lambda row: row.classrooms),
        lists.Column("seats", say("office", "Seats"), "int", value=lambda row: row.seats),
        lists.Column("people", say("office", "People here"), "int", value=lambda row: row.people),
        lists.Column("below", say("office", "with all below"), "int", value=lambda row: row.below),
        lists.Column("contact", say("office", "Contact"), value=lambda row: row.office.contact, shown=False),
        lists.Column("zone", say("office", "Time zone"), value=lambda row: row.office.zone, shown=False),
    ),
    sort="office",
    filters=(
        lists.Filter("q", say("office", "Name or code"), "search"),
        lists.Filter("kind", say("office", "Kind"), options=tuple(KINDS.items())),
        lists.Filter("crossing", say("office", "Crossing"), options=tuple(CROSSINGS.items())),
    ),
)


@bp.get("/offices")
@guarded("office.list")
def index() -> ResponseReturnValue:
    """The offices that the reader's roles cover, each under the one that it belongs to."""
    countries = g.db.scalars(
        sa.select(Country).where(Country.id.in_(sa.select(Office.country_id).where(lists.scoped(Office.path, "office.list")))).order_by(Country.code)
    ).all()
    view = lists.asked(LISTING, filters=(
        lists.Filter("country", say("office", "Country"), options=tuple((str(c.id), i18n.pick(c.names)) for c in countries)),
    ))
    query = sa.select(Office).where(lists.scoped(Office.path, "office.list"), Office.closed_on.is_(None)).options(joinedload(Office.country))
    if view.value("q"):
        # Names are kept in several languages in one column: the database compares the text of all of them.
        names, word = sa.func.lower(sa.cast(Office.names, sa.Text)), view.value("q")
        query = query.where(sa.or_(
            sa.func.lower(Office.code).contains(word.lower(), autoescape=True), names.contains(word.lower(), autoescape=True),
            Office.id.in_(_called(g.db, word)),
        ))
    for name, column in (("kind", Office.kind), ("crossing", Office.crossing)):
        if view.value(name):
            query = query.where(column == view.value(name))
    if country := view.id_of("country"):
        query = query.where(Office.country_id == country)
    lists.fetch(g.db, view, query, {"office": Office.path}, Office.id, scalars=True)
    view.rows = _branches(g.db, view.rows)
    return lists.export(view) or render_template("offices/tree/index.html", view=view, may_edit=can("office.edit"))


def _called(db: Session, word: str) -> list[uuid.UUID]:
    """Offices with this in a name: capital letters of Cyrillic are small ones too, which SQLite does not know."""
    rows = db.execute(sa.select(Office.id, Office.names).where(lists.scoped(Office.path, "office.list")))
    return [office_id for office_id, names in rows if any(word.casefold() in name.casefold() for name in names.values())]


def _branches(db: Session, offices: Sequence[Office]) -> list[Branch]:
    ids = [office.id for office in offices]
    rooms = {office_id: (rooms, seats) for office_id, rooms, seats in db.execute(
        sa.select(Classroom.office_id, sa.func.count(sa.distinct(Classroom.id)), sa.func.count(Seat.id))
        .outerjoin(Seat, Seat.classroom_id == Classroom.id).where(Classroom.office_id.in_(ids)).group_by(Classroom.office_id)
    )}
    paired = {office.id: office for office in db.scalars(sa.select(Office).where(Office.id.in_({o.paired_office_id for o in offices})))}
    counted = people_by_path(db)
    least = min((office.path.count("/") for office in offices), default=0)
    return [
        Branch(
            office, office.path.count("/") - least, paired.get(office.paired_office_id) if office.paired_office_id else None,
            *rooms.get(office.id, (0, 0)), *_here_and_below(counted, office.path),
        )
        for office in offices
    ]


def people_by_path(db: Session) -> dict[str, int]:
    """How many people are posted today, by the path of their office; only of offices whose people the reader may see."""
    rows = db.execute(
        sa.select(Office.path, sa.func.count(sa.distinct(Posting.person_id)))
        .join(Posting, Posting.office_id == Office.id).join(Person, Person.id == Posting.person_id)
        .where(standing(), on(Posting, clock.now().date()), under(Office.path, scope(actor(), "person.list")))
        .group_by(Office.path)
    )
    return {row[0]: row[1] for row in rows}


def _here_and_below(counted: Mapping[str, int], path: str) -> tuple[int | None, int | None]:
    if not can("person.list", Target(path=path)):
        return None, None
    return counted.get(path, 0), sum(n for other, n in counted.items() if other.startswith(path))


# ---- one office ------------------------------------------------------------------------------------------------------


def the_office(db: Session, office_id: uuid.UUID) -> tuple[Office, Target]:
    """An office; rights go by its own path."""
    office = db.scalar(sa.select(Office).where(Office.id == office_id).options(joinedload(Office.country)))
    if office is None:
        raise NotFound()
    return office, Target(path=office.path)


@bp.get("/offices/<uuid:office_id>")
@guarded("office.list", the_office)
def office(found: Office) -> ResponseReturnValue:
    """One office: what it is, its classrooms, the offices below it."""
    parts = found.path.strip("/").split("/")
    above = g.db.scalars(sa.select(Office).where(Office.code.in_(parts[:-1])).order_by(Office.path)).all()
    below = g.db.scalars(sa.select(Office).where(Office.parent_id == found.id, Office.closed_on.is_(None)).order_by(Office.path)).all()
    rooms = g.db.execute(
        sa.select(Classroom, sa.func.count(Seat.id), sa.func.count(Seat.id).filter(Seat.state != "works"))
        .outerjoin(Seat, Seat.classroom_id == Classroom.id).where(Classroom.office_id == found.id).group_by(Classroom.id).order_by(Classroom.id)
    ).all()
    here, all_below = _here_and_below(people_by_path(g.db), found.path)
    return render_template(
        "offices/tree/office.html", office=found, above=[one for one in above if can("office.list", Target(path=one.path))], below=below, rooms=rooms,
        kinds=KINDS, crossings=CROSSINGS, people=here, people_below=all_below, may_edit=can("office.edit", Target(path=found.path)),
        paired=g.db.get(Office, found.paired_office_id) if found.paired_office_id else None,
    )


# ---- adding and editing ----------------------------------------------------------------------------------------------


def _attempt(form: Form, deed: Callable[[], ResponseReturnValue], again: Callable[[], str]) -> ResponseReturnValue:
    """Do the deed when the form can be taken, else show it again with what was typed."""
    try:
        if form.validate():
            return deed()
        refused = Invalid()
    except Conflict as error:
        refused = Invalid(error.message, fields={"code": error.message})
        form.show(refused)
    except Invalid as error:
        refused = Invalid(error.message, fields={("name_en" if name == "names" else name): text for name, text in error.fields.items()})
        form.show(refused)
    return again(), status_of(refused)


def _page(form: Form, heading: str, button: str, back: str, kind: str) -> str:
    return render_template("offices/tree/form.html", form=form, heading=heading, button=button, back=back, kind=kind)


def _choices(names: Mapping[str, Message], empty: Message | None = None) -> list[tuple[str, str]]:
    return ([("", i18n.say(empty))] if empty else []) + [(key, i18n.say(name)) for key, name in names.items()]


def _offices_over_the_border(db: Session, country_id: uuid.UUID | None) -> dict[str, Office]:
    """Border offices of other countries that the administrator may edit too: a pair is a change of both."""
    rows = db.scalars(sa.select(Office).where(
        lists.scoped(Office.path, "office.edit"), Office.kind == "border-office", Office.country_id != country_id, Office.closed_on.is_(None),
    ).order_by(Office.path))
    return {str(office.id): office for office in rows}


def _pair(found: Office, others: Mapping[str, Office], chosen: str) -> None:
    if chosen in others:
        tree.pair_offices(g.db, found, others[chosen])
    elif found.paired_office_id is not None and str(found.paired_office_id) in others:
        tree.unpair(g.db, found)


@bp.route("/offices/<uuid:office_id>/new", methods=["GET", "POST"])
@guarded("office.edit", the_office)
def add_office(parent: Office) -> ResponseReturnValue:
    """An office below another."""
    others = _offices_over_the_border(g.db, parent.country_id)
    form = OfficeForm()
    form.kind.choices = _choices(KINDS)
    form.crossing.choices = _choices(CROSSINGS, say("office", "none"))
    form.paired.choices = [("", i18n.t("office", "none")), *((key, i18n.pick(other.names)) for key, other in others.items())]
    if request.method == "GET":
        form.zone.data, form.kind.data = parent.zone, "border-office"

    def deed() -> ResponseReturnValue:
        new = tree.add_office(
            g.db, code=form.code.data or "", names=form.names(), kind=form.kind.data, zone=form.zone.data or "", parent=parent, country=None,
            crossing=form.crossing.data or None, contact=form.contact.data or "", clearance=form.clearance.data or "",
        )
        _pair(new, others, form.paired.data)
        say_next(say("office", "{office} is in the tree.", office=i18n.pick(new.names)))
        return go("tree.office", office_id=new.id)

    def again() -> str:
        heading = i18n.t("office", "Add an office below {office}", office=i18n.pick(parent.names))
        return _page(form, heading, i18n.t("office", "Add the office"), f"/offices/{parent.id}", "office")

    return _attempt(form, deed, again) if request.method == "POST" else again()


@bp.route("/offices/<uuid:office_id>/countries/new", methods=["GET", "POST"])
@guarded("office.edit", the_office)
def add_country(above: Office) -> ResponseReturnValue:
    """A country with its centre, below an office that stands above all countries."""
    if above.country_id is not None:
        raise NotFound()
    form = CountryForm()
    form.languages.choices = [(tag, one.name) for tag, one in i18n.LANGUAGES.items()]
    if request.method == "GET":
        form.zone.data, form.languages.data = above.zone, []

    def deed() -> ResponseReturnValue:
        _, centre = tree.found_country(
            g.db, code=(form.code.data or "").strip().upper(), names=form.names(), zone=form.zone.data or "", languages=form.languages.data or [], parent=above,
        )
        say_next(say("office", "{office} is in the tree. Next, its agencies: people are taken in under one.", office=i18n.pick(centre.names)))
        return go("tree.agencies")

    def again() -> str:
        heading = i18n.t("office", "Add a country below {office}", office=i18n.pick(above.names))
        return _page(form, heading, i18n.t("office", "Add the country"), f"/offices/{above.id}", "country")

    return _attempt(form, deed, again) if request.method == "POST" else again()


@bp.route("/offices/<uuid:office_id>/edit", methods=["GET", "POST"])
@guarded("office.edit", the_office)
def edit_office(found: Office) -> ResponseReturnValue:
    """What an office is called and how it is reached."""
    others = _offices_over_the_border(g.db, found.country_id)
    form = EditOfficeForm()
    form.crossing.choices = _choices(CROSSINGS, say("office", "none"))
    form.paired.choices = [("", i18n.t("office", "none")), *((key, i18n.pick(other.names)) for key, other in others.items())]
    if request.method == "GET":
        form.fill(found.names)
        form.zone.data, form.crossing.data, form.contact.data, form.clearance.data = found.zone, found.crossing or "", found.contact, found.clearance
        form.paired.data = str(found.paired_office_id or "")

    def deed() -> ResponseReturnValue:
        tree.edit_office(
            g.db, found, names=form.names(), zone=form.zone.data or "", crossing=form.crossing.data or None, contact=form.contact.data or "",
            clearance=form.clearance.data or "", closed_on=found.closed_on,
        )
        _pair(found, others, form.paired.data)
        say_next(say("office", "{office} is changed.", office=i18n.pick(found.names)))
        return go("tree.office", office_id=found.id)

    def again() -> str:
        heading = i18n.t("office", "Change {office}", office=i18n.pick(found.names))
        return _page(form, heading, i18n.t("office", "Save the office"), f"/offices/{found.id}", "edit-office")

    return _attempt(form, deed, again) if request.method == "POST" else again()


@bp.route("/offices/<uuid:office_id>/classrooms/new", methods=["GET", "POST"])
@guarded("office.edit", the_office)
def add_classroom(found: Office) -> ResponseReturnValue:
    """A classroom of an office."""
    form = ClassroomForm()
    if request.method == "GET":
        form.seats.data = 12

    def deed() -> ResponseReturnValue:
        room = tree.add_classroom(g.db, found, names=form.names(), seats=form.seats.data or 0, capacity=form.capacity.data)
        say_next(say("office", "{room} is there with seats 01 to {last}.", room=i18n.pick(room.names), last=f"{form.seats.data:02d}"))
        return go("tree.office", office_id=found.id)

    def again() -> str:
        heading = i18n.t("office", "Add a classroom to {office}", office=i18n.pick(found.names))
        return _page(form, heading, i18n.t("office", "Add the classroom"), f"/offices/{found.id}", "classroom")

    return _attempt(form, deed, again) if request.method == "POST" else again()


def the_classroom(db: Session, classroom_id: uuid.UUID) -> tuple[Classroom, Target]:
    """A classroom; rights go by its office."""
    row = db.execute(sa.select(Classroom, Office.path).join(Office, Office.id == Classroom.office_id).where(Classroom.id == classroom_id)).first()
    if row is None:
        raise NotFound()
    return row[0], Target(path=row[1])


@bp.route("/classrooms/<uuid:classroom_id>/edit", methods=["GET", "POST"])
@guarded("office.edit", the_classroom)
def edit_classroom(room: Classroom) -> ResponseReturnValue:
    """What a classroom is called, and more seats for it."""
    office_id = room.office_id
    form = ClassroomForm()
    if request.method == "GET":
        form.fill(room.names)
        form.capacity.data = room.capacity
        form.seats.data = g.db.scalar(sa.select(sa.func.count()).select_from(Seat).where(Seat.classroom_id == room.id))

    def deed() -> ResponseReturnValue:
        tree.edit_classroom(g.db, room, names=form.names(), seats=form.seats.data or 0, capacity=form.capacity.data)
        say_next(say("office", "{room} is changed.", room=i18n.pick(room.names)))
        return go("tree.office", office_id=office_id)

    def again() -> str:
        heading = i18n.t("office", "Change {room}", room=i18n.pick(room.names))
        return _page(form, heading, i18n.t("office", "Save the classroom"), f"/offices/{office_id}", "classroom")

    return _attempt(form, deed, again) if request.method == "POST" else again()


# ---- agencies --------------------------------------------------------------------------------------------------------

AGENCIES = lists.Listing(
    name="agencies",
    title=say("office", "Agencies"),
    columns=(
        lists.Column("agency", say("office", "Agency"), value=lambda row: i18n.pick(row[0].names), always=True),
        lists.Column("code", say("office", "Code"), value=lambda row: row[0].code, sort=True),
        lists.Column("country", say("office", "Country"), value=lambda row: i18n.pick(row[1].names), sort=True),
        lists.Column("hint", say("office", "Service numbers"), value=lambda row: i18n.pick(row[0].service_number_hint)),
    ),
    sort="country",
)


def _whole_countries(db: Session, action: str) -> list[Country]:
    """Countries whose topmost office is the reader's: an agency concerns the whole country, not one department."""
    top = sa.select(Office.country_id).where(lists.scoped(Office.path, action), Office.kind == "centre")
    return list(db.scalars(sa.select(Country).where(Country.id.in_(top)).order_by(Country.code)))


@bp.get("/agencies")
@guarded("office.list")
def agencies() -> ResponseReturnValue:
    """The agencies of the countries in which the reader has offices."""
    view = lists.asked(AGENCIES)
    mine = sa.select(Office.country_id).where(lists.scoped(Office.path, "office.list"))
    query = sa.select(Agency, Country).join(Country, Country.id == Agency.country_id).where(Agency.country_id.in_(mine))
    lists.fetch(g.db, view, query, {"code": (Agency.code, Country.code), "country": (Country.code, Agency.code)}, Agency.id)
    may_add = bool(can("office.edit") and _whole_countries(g.db, "office.edit"))
    return lists.export(view) or render_template("offices/tree/agencies.html", view=view, may_add=may_add)


@bp.route("/agencies/new", methods=["GET", "POST"])
@guarded("office.edit")
def add_agency() -> ResponseReturnValue:
    """An agency of a country that is the administrator's as a whole."""
    countries = {str(country.id): country for country in _whole_countries(g.db, "office.edit")}
    form = NewAgencyForm()
    form.country.choices = [(key, i18n.pick(country.names)) for key, country in countries.items()]

    def deed() -> ResponseReturnValue:
        if not form.code.data:
            raise Invalid(fields={"code": say("office", "Give a code, for example BORDER.")})
        new = tree.add_agency(g.db, countries[form.country.data], code=form.code.data, names=form.names(), hint=form.hints())
        say_next(say("office", "{agency} is there.", agency=i18n.pick(new.names)))
        return go("tree.agencies")

    def again() -> str:
        return _page(form, i18n.t("office", "Add an agency"), i18n.t("office", "Add the agency"), "/agencies", "agency")

    return _attempt(form, deed, again) if request.method == "POST" else again()


def the_agency(db: Session, agency_id: uuid.UUID) -> tuple[Agency, Target]:
    """An agency; rights go by the topmost office of its country."""
    row = db.execute(
        sa.select(Agency, Office.path).outerjoin(Office, sa.and_(Office.country_id == Agency.country_id, Office.kind == "centre"))
        .where(Agency.id == agency_id).order_by(sa.func.length(Office.path)).limit(1)
    ).first()
    if row is None:
        raise NotFound()
    return row[0], Target(path=row[1])


@bp.route("/agencies/<uuid:agency_id>/edit", methods=["GET", "POST"])
@guarded("office.edit", the_agency)
def edit_agency(found: Agency) -> ResponseReturnValue:
    """What an agency is called and what its service numbers look like."""
    form = AgencyForm()
    if request.method == "GET":
        form.fill(found.names)
        for tag in ("en", "ru", "kk"):
            form._fields[f"hint_{tag}"].data = found.service_number_hint.get(tag, "")

    def deed() -> ResponseReturnValue:
        tree.edit_agency(g.db, found, names=form.names(), hint=form.hints())
        say_next(say("office", "{agency} is changed.", agency=i18n.pick(found.names)))
        return go("tree.agencies")

    def again() -> str:
        heading = i18n.t("office", "Change {agency}", agency=i18n.pick(found.names))
        return _page(form, heading, i18n.t("office", "Save the agency"), "/agencies", "edit-agency")

    return _attempt(form, deed, again) if request.method == "POST" else again()
