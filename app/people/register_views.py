"""Pages of the people register: the staff list, a person's file, taking in, renaming, posting, roles, leaving."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, current_app, g, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app import clock, i18n, lists
from app.certificates.models import Certificate
from app.courses.models import CourseVersion
from app.errors import Conflict, Invalid, Message, NotFound, say
from app.forms import Form
from app.http import actor, audit, can, go, guarded, me, say_next, status_of
from app.offices.models import Agency, Office
from app.people import credentials, merging, register, register_queries, signing_in
from app.people.models import Person, RoleGrant
from app.people.names import Name
from app.people.register_forms import (
    GENDERS,
    ROLES,
    SCRIPTS,
    EndRoleForm,
    LeaveForm,
    PersonForm,
    PostingForm,
    RenameForm,
    RoleForm,
    choose,
    given,
)
from app.people.register_queries import Member, Stage
from app.policy import Role, Target, scope
from app.runs.models import CourseRun, Enrolment

bp = Blueprint("register", __name__)


def today() -> date:
    """The day on which postings and roles are looked at."""
    return clock.now().date()


# ---- the staff list --------------------------------------------------------------------------------------------------


def _office(row: Member) -> str:
    return i18n.pick(row.posting.office.names) if row.posting else ""


LISTING = lists.Listing(
    name="staff",
    title=say("person", "Staff list"),
    columns=(
        lists.Column("name", say("person", "Name"), value=lambda row: row.person.display_name, sort=True, always=True),
        lists.Column("service_number", say("person", "Service no."), value=lambda row: row.person.service_number, sort=True),
        lists.Column("agency", say("person", "Agency"), value=lambda row: i18n.pick(g.agencies[row.person.agency_id].names)),
        lists.Column("office", say("person", "Office"), value=_office),
        lists.Column("office_code", say("person", "Office code"), value=lambda row: row.posting and row.posting.office.code, shown=False),
        lists.Column("rank", say("person", "Rank"), value=lambda row: row.posting and row.posting.rank),
        lists.Column("post", say("person", "Post"), value=lambda row: row.posting and row.posting.post),
        lists.Column("since", say("person", "There since"), "day", value=lambda row: row.posting and row.posting.valid_from, shown=False),
        lists.Column("until", say("person", "There until"), "day", value=lambda row: row.posting and row.posting.valid_to, shown=False),
        lists.Column("gender", say("person", "Gender"), value=lambda row: GENDERS[row.person.gender or ""], shown=False),
        lists.Column("birth_date", say("person", "Birth date"), "day", value=lambda row: row.person.born_on, shown=False),
    ),
    sort="name",
)
STAGES = (
    (Stage.SERVING, say("person", "In service")), (Stage.LATER, say("person", "Begin later")), (Stage.LEFT, say("person", "Left")),
)


@bp.get("/people")
@bp.get("/people/<any(later, left):stage>")
@guarded("person.list")
def index(stage: str = "serving") -> ResponseReturnValue:
    """The people of the reader's offices."""
    paths = scope(actor(), "person.list")
    offices = {str(office.id): office for office in register_queries.offices_below(g.db, paths)}
    g.agencies = _agencies(g.db, offices.values())
    view = lists.asked(LISTING, filters=(
        lists.Filter("q", say("person", "Name or service number"), "search"),
        lists.Filter("office", say("person", "Office and all below"), options=office_choices(list(offices.values()))),
        lists.Filter("agency", say("person", "Agency"), options=agency_choices(g.agencies.values())),
        lists.Filter("role", say("person", "Role"), options=tuple((role.value, name) for role, name in ROLES.items())),
    ))
    within = offices.get(view.value("office"))
    query = register_queries.staff(paths, today(), Stage(stage), within=within.path if within else "")
    query = query.where(*register_queries.found_by(view.value("q")))
    if agency := view.id_of("agency"):
        query = query.where(Person.agency_id == agency)
    if view.value("role"):
        query = query.where(register_queries.holding(view.value("role"), today()))
    query = register_queries.narrowed(g.db, query)
    lists.fetch(g.db, view, query, {"name": Person.sort_key, "service_number": Person.service_number}, Person.id, scalars=True)
    view.rows = register_queries.members(g.db, view.rows, today())
    whole = say("person", "{offices}", offices=i18n.listing(_roots(list(offices.values()), paths)))
    return lists.export(view, scope_words=whole) or render_template(
        "people/register/index.html", view=view, stages=STAGES, stage=Stage(stage), may_add=can("person.edit"), may_import=can("person.import"),
    )


def _roots(offices: Sequence[Office], paths: Sequence[str]) -> list[str]:
    return [i18n.pick(office.names) for office in offices if office.path in paths] or ["–"]


def office_choices(offices: Sequence[Office]) -> tuple[tuple[str, str], ...]:
    """Offices as the options of a select, each under the one that it belongs to."""
    least = min((office.path.count("/") for office in offices), default=0)
    return tuple((str(o.id), "\N{NO-BREAK SPACE}" * 3 * (o.path.count("/") - least) + i18n.pick(o.names)) for o in offices)


def agency_choices(agencies: Any) -> tuple[tuple[str, str], ...]:
    """Agencies as the options of a select; with the country where there are several."""
    several = len({agency.country_id for agency in agencies}) > 1
    return tuple((str(a.id), i18n.pick(a.names) + (f", {a.country.code}" if several else "")) for a in agencies)


def _agencies(db: Session, offices: Any) -> dict[uuid.UUID, Agency]:
    countries = {office.country_id for office in offices if office.country_id}
    return {agency.id: agency for agency in register_queries.agencies_of(db, countries)}


# ---- one person ------------------------------------------------------------------------------------------------------


def the_person(db: Session, person_id: uuid.UUID) -> tuple[Person, Target]:
    """A person and whose he is: rights go by the office that counts today, else by the last one."""
    person, path = register_queries.person_with_path(db, person_id, today())
    if person is None:
        raise NotFound()
    return person, Target(path=path, owner=person.id)


@dataclass(frozen=True)
class Study:
    """A run that somebody is or was in."""

    run: CourseRun
    title: str
    state: str


@bp.get("/people/<uuid:person_id>")
@guarded("person.read", the_person)
def person(found: Person) -> ResponseReturnValue:
    """A person's file. Who looked at it is audited."""
    audit("person.read", about=str(found.id))
    _, target = the_person(g.db, found.id)
    return render_template(
        "people/register/person.html", officer=found, file=register_queries.file_of(g.db, found.id), scripts=SCRIPTS, genders=GENDERS,
        roles={role.value: name for role, name in ROLES.items()}, studies=_studies(g.db, found.id),
        certificates=_certificates(g.db, found.id) if can("certificate.read", target) else None, today=today(),
        may_edit=can("person.edit", target), may_give=can("role.give", target),
        may_reset=can("account.reset", target), merges=merging.merged_into(g.db, found),
        may_merge="merging.confirm" in current_app.view_functions and can("person.merge", target),
        may_erase="erasing.erase" in current_app.view_functions and can("person.erase", target),
    )


def _studies(db: Session, person_id: uuid.UUID) -> list[Study]:
    rows = db.execute(
        sa.select(CourseRun, CourseVersion.titles, Enrolment.state)
        .join(Enrolment, Enrolment.run_id == CourseRun.id).join(CourseVersion, CourseVersion.id == CourseRun.course_version_id)
        .where(Enrolment.person_id == person_id).order_by(CourseRun.starts_on.desc()).limit(20)
    )
    return [Study(run, i18n.pick(titles), state) for run, titles, state in rows]


def _certificates(db: Session, person_id: uuid.UUID) -> Sequence[Certificate]:
    return db.scalars(
        sa.select(Certificate).join(Enrolment, Enrolment.id == Certificate.enrolment_id)
        .where(Enrolment.person_id == person_id).order_by(Certificate.issued_at.desc()).limit(20)
    ).all()


# ---- forms -----------------------------------------------------------------------------------------------------------


def attempt(form: Form, deed: Callable[[], ResponseReturnValue], again: Callable[[], str]) -> ResponseReturnValue:
    """Do the deed when the form can be taken, else show the form again: what was typed stays, each fault at its field."""
    try:
        if form.validate():
            return deed()
        refused = Invalid()
    except Conflict as error:
        refused = Invalid(error.message, fields={"service_number": error.message} if "service_number" in form else {})
        form.show(refused)
    except Invalid as error:
        refused = error
        form.show(refused)
    return again(), status_of(refused)


def page(form: Form, title: str, button: str, back: str, **more: Any) -> str:
    """A page with one form."""
    return render_template("people/register/form.html", form=form, heading=title, button=button, back=back, **more)


def _my_offices(action: str) -> dict[str, Office]:
    return {str(office.id): office for office in register_queries.offices_below(g.db, scope(actor(), action))}


def _chosen(offices: dict[str, Office], value: str) -> Office:
    if value not in offices:
        raise Invalid(fields={"office": say("person", "Choose an office.")})
    return offices[value]


@bp.route("/people/new", methods=["GET", "POST"])
@guarded("person.edit")
def add() -> ResponseReturnValue:
    """Take a person into the register by hand."""
    offices = _my_offices("person.edit")
    agencies = {str(agency.id): agency for agency in _agencies(g.db, offices.values()).values()}
    form = PersonForm(since=today())
    choose(form.office, office_choices(list(offices.values())), say("person", "choose"))
    choose(form.agency, agency_choices(agencies.values()), say("person", "choose"))
    choose(form.gender, [(key, i18n.say(name)) for key, name in GENDERS.items()])

    def deed() -> ResponseReturnValue:
        names, faults = _names_and_faults(form)
        if not form.agency.data:
            faults["agency"] = say("person", "Choose an agency.")
        if not form.service_number.data:
            faults["service_number"] = say("person", "Give the service number.")
        if not form.office.data:
            faults["office"] = say("person", "Choose an office.")
        if form.since.data is None:
            faults["since"] = say("person", "Give a day, for example 2026-11-24.")
        office, agency = offices.get(form.office.data or ""), agencies.get(form.agency.data or "")
        if office and agency and office.country_id not in (None, agency.country_id):
            faults["agency"] = say("person", "This agency is of another country than the office.")
        if faults or office is None or agency is None:
            raise Invalid(fields=faults)
        new = register.register_person(
            g.db, agency=agency, office=office, service_number=form.service_number.data or "", names=names, since=given(form.since),
            gender=form.gender.data or None, rank=form.rank.data or "", post=form.post.data or "", born_on=form.born_on.data,
        )
        say_next(say("person", "{name} is in the register.", name=new.display_name))
        return go("register.person", person_id=new.id)

    def again() -> str:
        return page(form, i18n.t("person", "Add a person"), i18n.t("person", "Add to the register"), "/people", kind="person")

    return attempt(form, deed, again) if request.method == "POST" else again()


def _names_and_faults(form: PersonForm | RenameForm) -> tuple[dict[str, Name], dict[str, Message]]:
    try:
        return form.names(), {}
    except Invalid as error:
        return {}, error.fields


@bp.route("/people/<uuid:person_id>/name", methods=["GET", "POST"])
@guarded("person.edit", the_person)
def rename(found: Person) -> ResponseReturnValue:
    """Another name from a day on; the old one stays."""
    known = register_queries.file_of(g.db, found.id).current_names()
    form = RenameForm()
    if request.method == "GET":
        form.fill({script: Name(row.family, row.given, row.patronymic) for script, row in known.items()})
        form.since.data = today()
    before = {script: Name(row.family, row.given, row.patronymic) for script, row in known.items()}

    def deed() -> ResponseReturnValue:
        names, faults = _names_and_faults(form)
        if form.since.data is None:
            faults["since"] = say("person", "Give a day, for example 2026-11-24.")
        elif form.since.data > today():
            faults["since"] = say("person", "A name holds from today or from an earlier day: every page shows it at once.")
        if not form.reason.data:
            faults["reason"] = say("person", "Say why the name changes, with the number of the order.")
        changed = {script: name for script, name in names.items() if before.get(script) != name}
        if not faults and not changed:
            faults["family_cyrl"] = say("person", "This is the name that is in the register already.")
        if faults:
            raise Invalid(fields=faults)
        register.rename_person(g.db, found, names=changed, since=given(form.since), reason=form.reason.data or "")
        say_next(say("person", "The name is now {name}. The old one stays in the file and is still found.", name=found.display_name))
        return go("register.person", person_id=found.id)

    def again() -> str:
        return page(
            form, i18n.t("person", "Change the name of {name}", name=found.display_name), i18n.t("person", "Change the name"), f"/people/{found.id}",
            kind="name",
        )

    return attempt(form, deed, again) if request.method == "POST" else again()


@bp.route("/people/<uuid:person_id>/posting", methods=["GET", "POST"])
@guarded("person.edit", the_person)
def move(found: Person) -> ResponseReturnValue:
    """Another office, rank or post from a day on."""
    offices = _my_offices("person.edit")
    agencies = {str(a.id): a for a in register_queries.agencies_of(g.db, {found.country_id})}
    present = register_queries.members(g.db, [found], today())[0].posting
    form = PostingForm()
    choose(form.office, office_choices(list(offices.values())), say("person", "choose"))
    choose(form.agency, agency_choices(agencies.values()))
    if request.method == "GET":
        form.agency.data, form.since.data = str(found.agency_id), today()
        if present:
            form.office.data, form.agency.data = str(present.office_id), str(present.agency_id)
            form.rank.data, form.post.data = present.rank, present.post

    def deed() -> ResponseReturnValue:
        office, since = _chosen(offices, form.office.data), given(form.since)
        register.move_person(
            g.db, found, office=office, agency=agencies[form.agency.data], since=since, rank=form.rank.data or "", post=form.post.data or "",
        )
        say_next(say("person", "{name} is posted to {office} from {day}.", name=found.display_name, office=i18n.pick(office.names), day=i18n.day(since)))
        return go("register.person", person_id=found.id)

    def again() -> str:
        return page(
            form, i18n.t("person", "New posting of {name}", name=found.display_name), i18n.t("person", "Post from that day"), f"/people/{found.id}",
            kind="posting",
        )

    return attempt(form, deed, again) if request.method == "POST" else again()


@bp.route("/people/<uuid:person_id>/leave", methods=["GET", "POST"])
@guarded("person.edit", the_person)
def leave(found: Person) -> ResponseReturnValue:
    """The person leaves the service."""
    form = LeaveForm()

    def deed() -> ResponseReturnValue:
        last_day = given(form.last_day)
        register.let_go(g.db, found, last_day=last_day)
        say_next(say("person", "{name} leaves after {day}. The file and all results stay.", name=found.display_name, day=i18n.day(last_day)))
        return go("register.person", person_id=found.id)

    def again() -> str:
        return page(
            form, i18n.t("person", "{name} leaves the service", name=found.display_name), i18n.t("person", "End posting and roles"), f"/people/{found.id}",
            kind="leave",
        )

    return attempt(form, deed, again) if request.method == "POST" else again()


# ---- roles -----------------------------------------------------------------------------------------------------------


@bp.route("/people/<uuid:person_id>/roles", methods=["GET", "POST"])
@guarded("role.give", the_person)
def give_role(found: Person) -> ResponseReturnValue:
    """Give a role for an office of the administrator's own and all below it."""
    offices = _my_offices("role.give")
    form = RoleForm()
    choose(form.role, [(role.value, i18n.say(name)) for role, name in ROLES.items()], say("person", "choose"))
    choose(form.office, office_choices(list(offices.values())), say("person", "choose"))
    if request.method == "GET":
        form.since.data = today()

    def deed() -> ResponseReturnValue:
        if not form.role.data:
            raise Invalid(fields={"role": say("person", "Choose a role.")})
        office = _chosen(offices, form.office.data)
        register.give_role(
            g.db, found, role=Role(form.role.data), office=office, since=given(form.since), until=form.until.data, given_by=me().person_id,
        )
        say_next(say("person", "{name} has the role now: {role}, {office}.", name=found.display_name, role=ROLES[Role(form.role.data)], office=i18n.pick(office.names)))
        return go("register.person", person_id=found.id)

    def again() -> str:
        return page(
            form, i18n.t("person", "Give {name} a role", name=found.display_name), i18n.t("person", "Give the role"), f"/people/{found.id}", kind="role",
        )

    return attempt(form, deed, again) if request.method == "POST" else again()


def the_grant(db: Session, grant_id: uuid.UUID) -> tuple[RoleGrant, Target]:
    """A role that somebody holds; rights go by the office that it is given for."""
    row = db.execute(sa.select(RoleGrant, Office.path).join(Office, Office.id == RoleGrant.office_id).where(RoleGrant.id == grant_id)).first()
    if row is None:
        raise NotFound()
    return row[0], Target(path=row[1])


@bp.route("/roles/<uuid:grant_id>/end", methods=["GET", "POST"])
@guarded("role.give", the_grant)
def end_role(grant: RoleGrant) -> ResponseReturnValue:
    """Take a role back after a day."""
    person_id, role = grant.person_id, ROLES[Role(grant.role)]
    form = EndRoleForm()
    if request.method == "GET":
        form.last_day.data = today()

    def deed() -> ResponseReturnValue:
        register.end_role(g.db, grant, last_day=given(form.last_day))
        say_next(say("person", "The role ends: {role}.", role=role))
        return go("register.person", person_id=person_id)

    def again() -> str:
        return page(
            form, i18n.t("person", "End the role: {role}", role=role), i18n.t("person", "End the role"), f"/people/{person_id}", kind="end-role",
        )

    return attempt(form, deed, again) if request.method == "POST" else again()


# ---- a start password ------------------------------------------------------------------------------------------------

START_DAYS = 14


@bp.post("/people/<uuid:person_id>/start-password")
@guarded("account.reset", the_person)
def reset_password(found: Person) -> ResponseReturnValue:
    """A password for the next sign-in only, shown once on a page to print."""
    mine = scope(actor(), "account.reset")
    held = register_queries.file_of(g.db, found.id).roles
    if not all(grant.office.path.startswith(mine) for grant in held if grant.valid_to is None or grant.valid_to >= today()):
        raise Invalid(say("person", "This person has roles beyond your offices. Ask the administrator of those offices."))
    person_id, until = found.id, clock.now() + timedelta(days=START_DAYS)
    password = credentials.new_start_password()
    hashed = credentials.hash_start_password(password, until)  # slow: before the lock
    signing_in.set_password(g.db, person_id=person_id, password_hash=hashed, now=clock.now())
    audit("account.reset", about=str(person_id))
    return render_template("people/register/start_password.html", officer=found, password=password, until=until)
