"""Who may do what: the written matrix, the table of the product, and every route for every role, all three the same."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session, sessionmaker

from app import clock, create_app, pdf
from app.db import Database, make_engine
from app.offices.models import Office
from app.ops import migrations
from app.people.models import Person
from app.policy import POLICY, Actor, Grant, Role, Target, allowed, anywhere, in_force, scope
from app.sync import journal
from config import Config
from tests.factories import give_role, make_country, make_office, make_person, make_sign_in
from tests.route_examples import EXAMPLES, Example
from tests.routes import ROUTES, Route

# Each action, and who may do it to something of his own office or of one below it.
#   nobody     has not signed in
#   anybody    has signed in and holds no role there
#   owner      the person whose record it is
#   taught     a trainer of the run it belongs to
#   then the roles: trainee, class manager, trainer, author, reviewer, training officer, registrar, manager,
#   Situation Center operator, regional coordinator, auditor, administrator
MATRIX = """
                    nobody anybody owner taught  tr cm tn au rv to rg mn op co ad am
page.public         yes    yes     yes   yes     x  x  x  x  x  x  x  x  x  x  x  x
page.home           -      yes     yes   yes     x  x  x  x  x  x  x  x  x  x  x  x
page.start          -      -       -     -       -  x  x  x  x  x  x  x  x  x  x  x
own.preferences     -      yes     yes   yes     x  x  x  x  x  x  x  x  x  x  x  x
job.list            -      -       -     -       -  x  x  x  x  x  x  x  x  x  x  x
job.read            -      -       yes   -       -  -  -  -  -  -  -  -  -  -  -  -
office.list         -      -       -     -       -  x  x  x  x  x  x  x  x  x  x  x
office.edit         -      -       -     -       -  -  -  -  -  -  -  -  -  -  -  x
seat.enrol          -      -       -     -       -  x  -  -  -  -  -  -  -  -  -  x
node.read           -      -       -     -       -  -  -  -  -  -  -  x  x  -  x  x
node.keep           -      -       -     -       -  -  -  -  -  -  -  -  -  -  -  x
node.exchange       yes    yes     yes   yes     x  x  x  x  x  x  x  x  x  x  x  x
segment.release     -      -       -     -       -  -  -  -  -  -  -  x  x  -  -  x
class.accounts      -      -       -     -       -  x  -  -  -  -  -  -  -  -  -  x
person.list         -      -       -     -       -  x  -  -  -  x  x  x  x  -  x  x
person.read         -      -       yes   -       -  x  -  -  -  x  x  x  x  -  x  x
person.edit         -      -       -     -       -  -  -  -  -  x  -  -  -  -  -  x
person.import       -      -       -     -       -  -  -  -  -  x  -  -  -  -  -  x
role.give           -      -       -     -       -  -  -  -  -  -  -  -  -  -  -  x
person.erase        -      -       -     -       -  -  -  -  -  -  -  -  -  -  -  x
account.reset       -      -       -     -       -  -  -  -  -  -  -  -  -  -  -  x
course.list         -      -       -     -       -  x  x  x  x  x  x  x  x  x  x  x
course.preview      -      -       -     -       -  -  x  x  x  x  -  -  -  -  -  x
course.learn        -      -       yes   -       -  -  -  -  -  -  -  -  -  -  -  -
run.list            -      -       -     yes     -  x  -  -  -  x  x  x  x  x  x  x
run.read            -      -       -     yes     -  x  -  -  -  x  x  x  x  x  x  x
run.plan            -      -       -     -       -  -  -  -  -  x  -  -  -  -  -  -
run.nominate        -      -       -     -       -  x  -  -  -  x  -  x  -  -  -  -
run.decide          -      -       -     -       -  -  -  -  -  x  -  -  -  -  -  -
run.slips           -      -       -     -       -  x  -  -  -  x  -  -  -  -  -  -
run.results         -      -       -     yes     -  x  -  -  -  x  x  x  x  -  x  x
run.hand            -      -       -     -       -  x  -  -  -  x  -  -  -  -  -  -
run.close           -      -       -     -       -  x  -  -  -  x  -  -  -  -  -  -
session.list       -      -       -     -       -  x  -  -  -  x  -  x  x  x  x  x
session.read       -      -       -     yes     -  x  -  -  -  x  -  x  x  x  x  x
session.title      -      -       -     -       -  x  -  -  -  x  -  x  x  -  x  x
session.plan       -      -       -     -       -  -  -  -  -  x  -  -  -  -  -  -
session.release    -      -       -     -       -  -  -  -  -  x  -  -  -  -  -  -
request.make       -      -       -     -       -  -  -  -  -  x  -  -  -  x  -  -
request.answer     -      -       -     -       -  -  -  -  -  x  -  -  -  -  -  -
assignment.answer  -      -       yes   -       -  -  -  -  -  -  -  -  -  -  -  -
trainer.list       -      -       -     -       -  -  -  -  -  x  -  x  -  x  x  x
trainer.read       -      -       yes   -       -  -  -  -  -  x  -  x  -  x  x  x
trainer.know       -      -       yes   -       -  -  -  -  -  x  -  x  -  -  x  x
trainer.keep       -      -       -     -       -  -  -  -  -  x  -  -  -  -  -  -
own.trainer        -      -       yes   -       -  -  -  -  -  -  -  -  -  -  -  -
board.read         -      -       -     -       -  -  -  -  -  x  -  x  x  x  x  -
constraint.read    -      -       -     -       -  -  -  -  -  x  -  -  -  -  x  x
constraint.edit    -      -       -     -       -  -  -  -  -  -  -  -  -  -  -  x
outbox.send        -      -       -     -       -  -  -  -  -  x  -  -  -  -  -  -
seat.decline       -      -       yes   -       -  -  -  -  -  -  -  -  -  -  -  -
absence.keep       -      -       -     -       -  -  -  -  -  x  -  x  -  -  -  -
room.block         -      -       -     -       -  -  -  -  -  x  -  -  -  -  -  x
own.calendar       -      yes     yes   yes     x  x  x  x  x  x  x  x  x  x  x  x
calendar.read      yes    yes     yes   yes     x  x  x  x  x  x  x  x  x  x  x  x
room.join          -      -       yes   yes     -  -  -  -  -  -  -  -  -  -  -  -
checkin.scan       yes    yes     yes   yes     x  x  x  x  x  x  x  x  x  x  x  x
class.day           -      -       -     yes     -  x  -  -  -  x  -  -  -  -  -  -
class.enrol         -      -       -     -       -  x  -  -  -  x  -  -  -  -  -  -
date.confirm        -      -       -     -       -  x  -  -  -  x  -  -  -  -  -  x
classroom.keep      -      -       -     -       -  x  -  -  -  -  -  -  -  -  -  x
own.lock            -      -       -     -       -  x  x  x  x  x  x  x  x  x  x  x
timetable.edit      -      -       -     yes     -  x  -  -  -  x  -  -  -  -  -  -
attendance.take     -      -       -     yes     -  x  -  -  -  x  -  -  -  -  -  -
run.teach           -      -       -     yes     -  x  -  -  -  -  -  -  -  -  -  -
attempt.start       -      -       yes   -       -  -  -  -  -  -  -  -  -  -  -  -
attempt.answer      -      -       yes   -       -  -  -  -  -  -  -  -  -  -  -  -
attempt.result      -      -       yes   -       -  -  -  -  -  -  -  -  -  -  -  -
exam.invigilate     -      -       -     yes     -  x  -  -  -  x  -  -  -  -  -  -
paper.test          -      -       -     yes     -  x  -  -  -  x  -  -  -  -  -  -
feedback.give       -      -       yes   -       -  -  -  -  -  -  -  -  -  -  -  -
feedback.read       -      -       -     yes     -  x  -  -  -  x  -  x  -  -  -  -
feedback.key        -      -       -     yes     -  x  -  -  -  x  -  -  -  -  -  -
practical.do        -      -       yes   -       -  -  -  -  -  -  -  -  -  -  -  -
practical.file      -      -       yes   yes     -  x  -  -  -  -  -  -  -  -  -  -
practical.mark      -      -       -     yes     -  x  -  -  -  -  -  -  -  -  -  -
attempt.mark        -      -       -     yes     -  -  -  -  -  -  -  -  -  -  -  -
attempt.grant       -      -       -     yes     -  x  -  -  -  -  -  -  -  -  -  -
run.debrief         -      -       -     yes     -  x  -  -  -  -  -  -  -  -  -  -
certificate.list    -      -       -     -       -  x  -  -  -  -  x  x  x  -  x  x
certificate.read    -      -       yes   -       -  x  -  -  -  -  x  x  x  -  x  x
certificate.issue   -      -       -     -       -  x  -  -  -  -  x  -  -  -  -  -
certificate.sign    -      -       -     -       -  -  -  -  -  -  x  -  -  -  -  -
certificate.revoke  -      -       -     -       -  -  -  -  -  -  x  -  -  -  -  -
certificate.verify  yes    yes     yes   yes     x  x  x  x  x  x  x  x  x  x  x  x
exchange.see        -      -       -     -       -  x  -  -  -  x  -  x  x  -  x  x
exchange.do         -      -       -     -       -  x  -  -  -  x  -  -  x  -  -  x
intake.do           -      -       -     -       -  -  -  -  -  x  -  -  -  -  -  x
person.merge        -      -       -     -       -  -  -  -  -  x  -  -  -  -  -  x
report.progress     -      -       -     -       -  -  -  -  -  x  -  x  x  -  x  x
report.people       -      -       -     -       -  -  -  -  -  x  -  x  x  -  x  x
"""
SHORT = {
    "tr": Role.TRAINEE, "cm": Role.CLASS_MANAGER, "tn": Role.TRAINER, "au": Role.AUTHOR, "rv": Role.REVIEWER,
    "to": Role.TRAINING_OFFICER, "rg": Role.REGISTRAR, "mn": Role.MANAGER, "op": Role.OPERATOR, "co": Role.COORDINATOR,
    "ad": Role.AUDITOR, "am": Role.ADMINISTRATOR,
}


def read(matrix: str) -> dict[str, dict[str, bool]]:
    """The matrix as action -> column -> whether."""
    head, *lines = [line.split() for line in matrix.strip().splitlines()]
    return {action: {column: cell in ("yes", "x") for column, cell in zip(head, cells, strict=True)} for action, *cells in lines}


WRITTEN = read(MATRIX)


# ---- the table -------------------------------------------------------------------------------------------------------


@pytest.mark.goal("SEC-01", "PPL-03")
def test_every_role_has_a_column_and_every_action_a_row() -> None:
    """A new role or action that nobody wrote into the matrix fails here."""
    assert set(SHORT.values()) == set(Role)
    assert set(WRITTEN) == set(POLICY), f"write a row of MATRIX for {sorted(set(POLICY) ^ set(WRITTEN))}"


@pytest.mark.goal("SEC-01", "PPL-03")
@pytest.mark.parametrize("action", sorted(set(WRITTEN) & set(POLICY)))
def test_the_policy_is_the_matrix(action: str) -> None:
    """Each action is allowed to exactly the roles of its row: in their office and below it, and nowhere else."""
    me, other = uuid.uuid4(), uuid.uuid4()
    nobodys = Target("/CA/KZ/KORDAY/", owner=other, trainers=frozenset({other}))
    found = {
        "nobody": allowed(Actor(), action, nobodys),
        "anybody": allowed(Actor(me), action, nobodys),
        "owner": allowed(Actor(me), action, Target("/CA/KZ/KORDAY/", owner=me)),
        "taught": allowed(Actor(me), action, Target("/CA/KZ/KORDAY/", trainers=frozenset({me}))),
    } | {short: allowed(Actor(me, (Grant(role, "/CA/KZ/"),)), action, nobodys) for short, role in SHORT.items()}

    assert found == WRITTEN[action]
    for role in Role:
        elsewhere = Actor(me, (Grant(role, "/CA/KG/"), Grant(role, "/CA/KZ/KORDAY/ROOM/")))
        assert allowed(elsewhere, action, nobodys) == WRITTEN[action]["anybody"]


@pytest.mark.goal("PPL-03")
@given(
    st.lists(st.tuples(st.sampled_from(list(Role)), st.sampled_from(["/", "/A/", "/A/B/", "/A/C/", "/AB/"])), max_size=5),
    st.sampled_from(sorted(POLICY)),
    st.sampled_from(["/A/", "/A/B/", "/A/B/D/", "/AB/", "/E/"]),
)
def test_lists_show_what_the_policy_allows(grants: list[tuple[Role, str]], action: str, path: str) -> None:
    """The offices that a list filters by are exactly those where the same roles allow the action."""
    actor = Actor(uuid.uuid4(), tuple(Grant(role, where) for role, where in grants))
    rule = POLICY[action]

    if not (rule.anyone or rule.signed_in):
        assert allowed(actor, action, Target(path)) == any(path.startswith(prefix) for prefix in scope(actor, action))
        assert anywhere(actor, action) or not scope(actor, action)


@given(st.dates(), st.none() | st.dates(), st.dates())
def test_what_is_given_from_a_day_to_a_day_holds_on_both(first: Any, last: Any, today: Any) -> None:
    """The first and the last day count; without a last day it holds on."""
    assert in_force(first, last, today) == (first <= today and (last is None or today <= last))


# ---- the routes ------------------------------------------------------------------------------------------------------


@dataclass
class World:
    """Offices in two countries, somebody for each role in one of them, and requests that leave no trace."""

    app: Flask
    database: Database
    db: Session
    offices: dict[str, Office] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)  # of people with a role over "own"
    country_cookies: dict[str, str] = field(default_factory=dict)  # of people with a role over the topmost office

    def __post_init__(self) -> None:
        here, abroad = make_country(self.db), make_country(self.db)
        top = make_office(self.db, country=here, kind="centre")
        own = make_office(self.db, top)
        self.offices = {
            "own": own, "below": make_office(self.db, own), "beside": make_office(self.db, top), "above": top,
            "abroad": make_office(self.db, country=abroad, kind="centre"),
        }
        for short, role in SHORT.items():
            for cookies, office in ((self.cookies, own), (self.country_cookies, top)):
                person = make_person(self.db, own)
                give_role(self.db, person, role, office)
                cookies[short] = make_sign_in(self.db, person)
        self.cookies["anybody"] = self.country_cookies["anybody"] = make_sign_in(self.db, make_person(self.db, own))

    def cookie_of(self, person: Person) -> str:
        """A sign-in of somebody in particular."""
        return make_sign_in(self.db, person)

    def answer(self, route: Route, one: Example, cookie: str | None) -> str:
        """What the product says to a request: yes, 401, 403 or 404. Nothing that it changes stays."""
        self.db.commit()
        nested = self.database.sessions.kw["bind"].begin_nested()
        try:
            client: FlaskClient = self.app.test_client()
            if cookie:
                with client.session_transaction() as session:
                    session["_user_id"] = cookie
            response = client.open(
                self.address(route, one.values), method=route.method, query_string=one.query, data=one.form if route.changes else None, buffered=True,
            )
            if response.status_code == 302 and response.location.startswith("/sign-in?next="):
                return "401"
            return str(response.status_code) if response.status_code in (401, 403, 404) else "yes"
        finally:
            nested.rollback()

    def address(self, route: Route, values: dict[str, Any]) -> str:
        """The address of a route."""
        rule = next(r for r in self.app.url_map.iter_rules(route.endpoint) if r.rule == route.rule)
        built = rule.build({name: values[name] for name in rule.arguments})
        assert built is not None
        return built[1]


@pytest.fixture(scope="module")
def one_world(tmp_path_factory: pytest.TempPathFactory, settings: Config) -> Iterator[World]:
    """A world for all tests of this file, on SQLite alone: rights are not decided by the database."""
    database = Database(make_engine(f"sqlite:///{tmp_path_factory.mktemp('database') / 'sabaq.db'}"), "test")
    migrations.upgrade(database.engine)
    with database.engine.connect() as connection:
        database.sessions = sessionmaker(
            connection, join_transaction_mode="create_savepoint", info={"node": "test"}, autoflush=False
        )
        journal.keep(database.sessions)
        app = create_app(settings, database)
        app.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
        with connection.begin(), database.sessions() as db:
            yield World(app, database, db)
    database.engine.dispose()


@pytest.fixture
def world(one_world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """See World. Papers are not drawn: who may have one is asked here, and drawing takes a second each."""
    monkeypatch.setattr(pdf, "write", lambda *_args, **_values: b"%PDF-1.7")
    one_world.db.commit()
    made_by_the_test = one_world.database.sessions.kw["bind"].begin_nested()
    yield one_world
    one_world.db.rollback()
    made_by_the_test.rollback()


def example(route: Route, world: World, office: Office) -> Example:
    """An object for this route in an office. Fails with what to do when nobody has said how to make one."""
    make: Callable[[Session, Office], Example] | None = EXAMPLES.get(route.endpoint)
    if make is None and not route.arguments:
        return Example(everywhere=True)
    if make is None:
        pytest.fail(f"{route} has parameters: say in tests/route_examples.py how to make an object for EXAMPLES[{route.endpoint!r}].")
    with world.app.app_context():
        made = make(world.db, office)
    missing = route.arguments - set(made.values)
    if missing:
        pytest.fail(f"EXAMPLES[{route.endpoint!r}] in tests/route_examples.py does not fill {sorted(missing)} of {route}.")
    return made


def expected(action: str, column: str, *, one_object: bool, mine: bool) -> str:
    """What the matrix says to a request of a column about an object in his office (mine) or in another one."""
    row = WRITTEN[action]
    if row[column] and (mine or not one_object or row["anybody"]):
        return "yes"
    if column == "nobody":
        return "401"
    his_somewhere = row[column] or row["owner"] or (row["taught"] and column == "tn")
    if not his_somewhere:
        return "403"
    return "404" if one_object else "yes"


@pytest.mark.goal("SEC-01", "PPL-03")
@pytest.mark.parametrize("action", ["office.edit", "role.give", "person.import", "run.nominate", "run.decide", "certificate.sign"])
def test_at_a_class_server_nobody_decides_what_is_the_centres(action: str) -> None:
    """Whoever may do it at the centre may not at a class server, whatever his role; what the class does itself stays his."""
    grants = tuple(Grant(role, "/KZ/") for role in Role)
    centre, at_class = (Actor(uuid.uuid4(), grants, at_class=where) for where in (False, True))

    assert (allowed(centre, action, Target(path="/KZ/")), scope(centre, action)) == (True, ("/KZ/",))
    assert (allowed(at_class, action, Target(path="/KZ/")), scope(at_class, action)) == (False, ())
    assert allowed(at_class, "class.enrol", Target(path="/KZ/"))


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_every_route_answers_every_role_as_the_matrix_says(route: Route, world: World) -> None:
    """For each route and role: an object of the own office, below, beside and above it, and in another country.

    403: the action is nowhere his. 404: this object is not visible to him. 401: not signed in. A route that is new is
    tested by itself; one with parameters needs a row in tests/route_examples.py, one without an action fails.
    """
    assert route.action in WRITTEN, f"{route} needs an action of app/policy.py and a row of MATRIX"
    made = {place: example(route, world, office) for place, office in world.offices.items()}
    one = made["own"]
    one_object = not one.everywhere
    visible = {"own", "below"} | ({"above"} if one.seen_from_below else set()) if not one.country_wide else set()
    asking = [(place, place in visible, {"nobody": None, **world.cookies}) for place in made]
    if one.country_wide:
        asking += [("own", True, world.country_cookies), ("abroad", False, world.country_cookies)]

    wrong = []
    for place, mine, cookies in asking if one_object else [("own", True, {"nobody": None, **world.cookies})]:
        for column, cookie in cookies.items():
            if place != "own" and not WRITTEN[route.action][column]:
                continue  # the same refusal as in his own office
            want = expected(route.action, column, one_object=one_object, mine=mine)
            if one.asks and want == "yes" and not WRITTEN[one.asks][column]:
                want = "404"
            got = world.answer(route, made[place], cookie)
            if got != want:
                wrong.append(f"{column} at an object {place}: {got}, must be {want}")
    assert wrong == []


@pytest.mark.goal("SEC-01")
@pytest.mark.parametrize(
    "route", [r for r in ROUTES if r.arguments and r.action and (POLICY[r.action].owner or POLICY[r.action].trainer)], ids=str
)
def test_owners_and_trainers_reach_what_is_theirs_wherever_it_is(route: Route, world: World) -> None:
    """The person whose record it is, and the trainer of the run, get in without any role in its office."""
    assert route.action is not None
    made = example(route, world, world.offices["abroad"])
    for is_needed, person, what in (
        (POLICY[route.action].owner, made.owner, "owner"), (POLICY[route.action].trainer, made.trainer, "trainer")
    ):
        if is_needed and not made.everywhere:
            assert person is not None, f"EXAMPLES[{route.endpoint!r}] must say the {what}: {route.action} is for him"
            assert world.answer(route, made, world.cookie_of(person)) == "yes", what


def test_the_examples_name_routes_that_exist() -> None:
    """A row of tests/route_examples.py for a route that is gone is removed with it."""
    assert set(EXAMPLES) - {route.endpoint for route in ROUTES} == set()


@pytest.mark.goal("PPL-03")
@pytest.mark.parametrize("days", [-1, 0, 1])
def test_a_role_opens_pages_on_its_days_only(days: int, world: World) -> None:
    """A role that ended yesterday or begins tomorrow opens nothing today."""
    from datetime import timedelta

    day = clock.now().date() + timedelta(days=days)
    person = make_person(world.db, world.offices["own"])
    give_role(world.db, person, Role.MANAGER, world.offices["own"], valid_from=day, valid_to=day)
    route = next(route for route in ROUTES if route.endpoint == "people.start")

    assert world.answer(route, Example(), world.cookie_of(person)) == ("yes" if days == 0 else "403")
