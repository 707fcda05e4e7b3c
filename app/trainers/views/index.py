"""The register of trainers: the list with its filters and files, and taking somebody in."""

from __future__ import annotations

import uuid
from typing import Any

import sqlalchemy as sa
from flask import g, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app import clock, i18n, lists
from app.errors import Conflict, Invalid, NotFound, say
from app.http import actor, can, go, guarded, me, say_next, status_of
from app.offices.models import Country, Office
from app.offices.scope import under
from app.people import register_queries
from app.people.models import Person
from app.policy import Target, scope
from app.trainers import queries, rules, services
from app.trainers.forms import NominateForm, choices
from app.trainers.models import Accreditation, Trainer, TrainerLanguage
from app.trainers.queries import Listed
from app.trainers.views import sight
from app.trainers.views.blueprint import bp
from app.trainers.views.sight import today

FOUND_AT_ONCE = 20


def _own(value: Any) -> Any:
    """A column of what only a reader of the card sees."""
    return lambda row: value(row) if row.whole else None


def _taught(row: Listed) -> str:
    return ", ".join(f"{g.courses[one.course_id]} ({i18n.say(rules.LEVELS[one.level])})" for one in row.accreditations)


def _languages(row: Listed) -> str:
    return ", ".join(f"{one.language} {one.level}" for one in row.languages)


def _ends(row: Listed) -> Any:
    return min((one.valid_to for one in row.accreditations if one.valid_to), default=None)


LISTING = lists.Listing(
    name="trainers",
    title=say("trainer", "Trainers"),
    columns=(
        lists.Column("name", say("trainer", "Name"), value=lambda row: row.person.display_name, sort=True, always=True),
        lists.Column("country", say("trainer", "Country"), value=lambda row: row.country.code, sort=True),
        lists.Column("home", say("trainer", "Home office"), value=_own(lambda row: i18n.pick(row.home.names))),
        lists.Column("stage", say("trainer", "Stage"), value=_own(lambda row: rules.STAGES[row.stage])),
        lists.Column("courses", say("trainer", "Accredited for"), value=_own(_taught)),
        lists.Column("until", say("trainer", "First to end"), "day", value=_own(_ends)),
        lists.Column("languages", say("trainer", "Languages"), value=_own(_languages)),
        lists.Column("reach", say("trainer", "Pool"), value=_own(lambda row: rules.REACHES[row.trainer.reach]), shown=False),
        lists.Column("back", say("trainer", "Days, last 90"), "int", value=_own(lambda row: g.loads[row.person.id].back), shown=False),
        lists.Column("forth", say("trainer", "Days, next 90"), "int", value=_own(lambda row: g.loads[row.person.id].forth)),
        lists.Column("travels", say("trainer", "Travels"), value=_own(lambda row: rules.TRAVELS[row.trainer.travels]), shown=False),
        lists.Column("passport", say("trainer", "Passport to"), "day", value=_own(lambda row: row.trainer.passport_to), shown=False),
        lists.Column("tested", say("trainer", "Connection tested"), "day", value=_own(lambda row: row.trainer.connection_tested_on), shown=False),
        lists.Column("shown", say("trainer", "Shown abroad"), value=_own(lambda row: rules.SHOWN[row.trainer.shown_abroad]), shown=False),
        lists.Column("number", say("trainer", "Service no."), value=_own(lambda row: row.person.service_number), shown=False),
    ),
    sort="name",
    filters=(
        lists.Filter("q", say("trainer", "Name"), "search"),
        lists.Filter("stage", say("trainer", "Stage"), options=tuple(rules.STAGES.items())),
        lists.Filter("level", say("trainer", "At least as"), options=tuple(rules.LEVELS.items())),
        lists.Filter("reach", say("trainer", "Pool"), options=tuple(rules.REACHES.items())),
    ),
)
AT_LEAST = {"lead": ("lead",), "co": ("lead", "co"), "assistant": ("lead", "co", "assistant")}


@bp.get("/trainers")
@guarded("trainer.list")
def index() -> ResponseReturnValue:
    """The pool: trainers of the reader's offices, and those of other countries who agreed to be seen."""
    paths = scope(actor(), "trainer.know")
    g.courses = sight.course_titles(g.db)
    view = lists.asked(LISTING, filters=(
        lists.Filter("country", say("trainer", "Country"), options=_countries(g.db)),
        lists.Filter("course", say("trainer", "Accredited for"), options=tuple((str(key), title) for key, title in g.courses.items())),
        lists.Filter("language", say("trainer", "Speaks"), options=tuple((tag, i18n.tongue(tag)) for tag in rules.LANGUAGES)),
    ))
    query = queries.pool(paths).add_columns(queries.stage(today()).label("stage"))
    query = query.where(*register_queries.found_by(view.value("q")), *_narrowed(view, paths))
    if country := view.id_of("country"):
        query = query.where(Office.country_id == country)
    g.loads = {}
    lists.fetch(g.db, view, query, {"name": Person.sort_key, "country": (Country.code, Person.sort_key)}, Trainer.id)
    view.rows = _listed(g.db, view.rows)
    g.loads = sight.loads(g.db, [row.person.id for row in view.rows], today())
    return lists.export(view) or render_template("trainers/index.html", view=view, may_add=can("trainer.keep"), today=today(), levels=rules.LEVELS)


def _narrowed(view: lists.View, paths: tuple[str, ...]) -> list[sa.ColumnElement[bool]]:
    """The conditions of the filters that look into a card; a card that is not shown to the reader fits none of them."""
    found: list[sa.ColumnElement[bool]] = []
    if view.value("stage"):
        found.append(queries.stage(today()) == view.value("stage"))
    if view.value("reach"):
        found.append(Trainer.reach == view.value("reach"))
    if view.value("language"):
        found.append(sa.exists().where(TrainerLanguage.trainer_id == Trainer.id, TrainerLanguage.language == view.value("language")))
    course, level = view.id_of("course"), view.value("level")
    if course or level:
        able = [Accreditation.trainer_id == Trainer.id, queries.counts(today())]
        if course:
            able.append(Accreditation.course_id == course)
        if level:
            able.append(Accreditation.level.in_(AT_LEAST[level]))
        found.append(sa.exists().where(*able))
    return [*found, sa.or_(under(Office.path, paths), Trainer.shown_abroad == "card")] if found else []


def _listed(db: Session, rows: Any) -> list[Listed]:
    ids = [row.Trainer.id for row in rows]
    accreditations, languages = queries.accreditations_of(db, ids, today()), queries.languages_of(db, ids)
    return [
        Listed(
            trainer=row.Trainer, person=row.Person, home=row.Office, country=row.Country, stage=row.stage, languages=tuple(languages.get(row.Trainer.id, ())),
            accreditations=tuple(accreditations.get(row.Trainer.id, ())), whole=sight.at_home(row.Office.path) or row.Trainer.shown_abroad == "card",
        )
        for row in rows
    ]


def _countries(db: Session) -> tuple[tuple[str, str], ...]:
    return tuple((str(id), i18n.pick(names)) for id, names in db.execute(sa.select(Country.id, Country.names).order_by(Country.code)))


# ---- taking somebody in ----------------------------------------------------------------------------------------------


@bp.get("/trainers/new")
@guarded("trainer.keep")
def find() -> ResponseReturnValue:
    """Look somebody up in the register of people, to nominate him as a trainer."""
    text = request.args.get("q", "").strip()[:100]
    members = []
    if text:
        query = register_queries.staff(scope(actor(), "trainer.keep"), today()).where(*register_queries.found_by(text))
        people = g.db.scalars(query.order_by(Person.sort_key, Person.id).limit(FOUND_AT_ONCE)).all()
        members = register_queries.members(g.db, people, today())
    known = {
        trainer.person_id: trainer
        for trainer in g.db.scalars(sa.select(Trainer).where(Trainer.person_id.in_([one.person.id for one in members])))
    } if members else {}
    return render_template("trainers/find.html", text=text, members=members, known=known, most=FOUND_AT_ONCE)


def the_officer(db: Session, person_id: uuid.UUID) -> tuple[Person, Target]:
    """Somebody of the register; rights go by the office where he serves."""
    person, path = register_queries.person_with_path(db, person_id, today())
    if person is None:
        raise NotFound()
    return person, Target(path=path)


@bp.route("/trainers/new/<uuid:person_id>", methods=["GET", "POST"])
@guarded("trainer.keep", the_officer)
def nominate(person: Person) -> ResponseReturnValue:
    """Nominate somebody as a trainer."""
    form = NominateForm()
    form.home.choices = sight.office_options(g.db, "trainer.keep")
    form.reach.choices = choices(rules.REACHES)
    if request.method == "GET":
        form.day.data = today()
        posting = register_queries.members(g.db, [person], today())[0].posting
        form.home.data = str(posting.office_id) if posting else None
    status = 200
    if request.method == "POST":
        try:
            if form.validate():
                trainer = services.take_in(
                    g.db, person, home=g.db.get_one(Office, uuid.UUID(form.home.data)), day=form.day.data or today(), reach=form.reach.data,
                    note=form.note.data or "", by=me().person_id, now=clock.now(),
                )
                say_next(say("trainer", "{name} is in the pool now.", name=person.display_name))
                return go("trainers.card", trainer_id=trainer.id)
            status = 422
        except (Invalid, Conflict) as refused:
            form.show(refused if isinstance(refused, Invalid) else Invalid(refused.message))
            status = status_of(refused)
    return render_template("trainers/nominate.html", form=form, officer=person), status
