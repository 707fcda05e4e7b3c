"""Demo data: a whole region made by the verbs that people use, refused where it could do harm, removed without a trace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from app import clock, open_database
from app.courses import loading
from app.db import Database
from app.errors import NotAllowed
from app.notices.models import Mail
from app.offices.models import Classroom, Country, Office
from app.ops import alive, demo, demo_class, demo_data, migrations
from app.ops.models import Heartbeat
from app.people.models import Account, Person, PersonName, RoleGrant
from app.policy import Role
from app.quizzes.models import Attempt, AttemptClock
from app.runs.models import CourseRun, Enrolment, Nomination
from app.schedule.models import Assignment, SessionSlot, TrainingSession
from app.trainers import queries
from app.trainers.models import Trainer
from app.work import work
from config import Config

pytestmark = pytest.mark.node

COURSES = Path(__file__).parent.parent.parent / "courses"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Config, Database]]:
    """A node filled by the demo."""
    config = Config(NODE="demo", INSTANCE=str(tmp_path_factory.mktemp("demo")), SECRET_KEY="k" * 40, PEPPER="p" * 40)
    config.folder.mkdir()
    database = open_database(config)
    migrations.upgrade(database.engine)
    loading.load_all(database, COURSES, keep_in=config.folder)
    demo.load(config, database)
    yield config, database
    database.engine.dispose()


def count(database: Database, what: sa.Select[tuple[int]]) -> int:
    """The answer of a counting query."""
    with database.sessions() as db:
        return db.scalar(what) or 0


@pytest.mark.goal("XCT-04")
def test_the_demo_is_a_region_with_staff_of_every_role(node: tuple[Config, Database]) -> None:
    """The demo has 5 countries, 24 border offices, 16 classrooms, 800 trainees and staff of every role."""
    _, database = node

    def rows(table: type, *where: sa.ColumnElement[bool]) -> int:
        return count(database, sa.select(sa.func.count()).select_from(table).where(*where))

    assert rows(Country) == 5
    assert rows(Office, Office.kind == "border-office") == 24
    assert rows(Classroom) == 16
    assert rows(Person) >= 800 + len(Role) - 1
    with database.sessions() as db:
        assert set(db.scalars(sa.select(RoleGrant.role).distinct())) == {role.value for role in Role} - {"trainee"}
        assert {"closed", "open", "planned"} <= set(db.scalars(sa.select(CourseRun.state).distinct()))
        assert {"proposed", "accepted", "declined"} <= set(db.scalars(sa.select(Nomination.state).distinct()))


@pytest.mark.goal("XCT-04")
def test_the_demo_has_the_oddities_of_a_real_network(node: tuple[Config, Database]) -> None:
    """Two officers share a name, one was renamed, one run has a post-test below its pre-test, some 5 % state no gender."""
    _, database = node
    with database.sessions() as db:
        same = db.execute(
            sa.select(PersonName.family, PersonName.given).join(Person, Person.id == PersonName.person_id)
            .where(PersonName.script == "Cyrl", PersonName.patronymic != "")
            .group_by(PersonName.family, PersonName.given, Person.country_id).having(sa.func.count() > 1)
        ).all()
        renamed = db.scalar(sa.select(sa.func.count()).where(PersonName.reason != ""))
        means = db.execute(
            sa.select(
                CourseRun.id,
                sa.func.avg(sa.case((Attempt.quiz == "pre", Attempt.score))), sa.func.avg(sa.case((Attempt.quiz == "post", Attempt.score))),
            ).join(Enrolment, Enrolment.run_id == CourseRun.id).join(Attempt, Attempt.enrolment_id == Enrolment.id)
            .where(CourseRun.state == "closed").group_by(CourseRun.id)
        ).all()
        people, silent = db.execute(sa.select(sa.func.count(), sa.func.count(sa.case((Person.gender.is_(None), 1)))).select_from(Person)).one()

    assert len(same) >= 1
    assert renamed == 2
    assert sum(post < pre for _, pre, post in means) == 1
    assert 0.03 < silent / people < 0.08


@pytest.mark.goal("XCT-04")
def test_the_demo_plans_with_a_pool(node: tuple[Config, Database]) -> None:
    """40 trainers of all stages in 5 countries; sessions past and to come; an empty slot, one that broke, an offer, requests of two countries, mails that wait."""
    _, database = node
    with database.sessions() as db:
        trainers = db.execute(sa.select(Person.country_id, queries.stage(clock.now().date())).join(Trainer, Trainer.person_id == Person.id)).all()
        offered = db.scalars(sa.select(Account.user_name).join(Assignment, Assignment.person_id == Account.person_id).where(Assignment.state == "offered")).all()
        asked = db.scalars(
            sa.select(Office.code).join(Trainer, Trainer.home_office_id == Office.id).join(Assignment, Assignment.person_id == Trainer.person_id)
            .where(Assignment.state == "requested").order_by(Office.code)
        ).all()
        shown = db.scalars(sa.select(TrainingSession).where(TrainingSession.code.endswith("-0412"))).one()
        slots = {
            role: (state, bool(broken)) for role, state, broken in db.execute(
                sa.select(SessionSlot.role, Assignment.state, Assignment.broken).outerjoin(Assignment, Assignment.slot_id == SessionSlot.id)
                .where(SessionSlot.session_id == shown.id)
            )
        }
        states = set(db.scalars(sa.select(TrainingSession.state)))
        mails = db.scalar(sa.select(sa.func.count()).select_from(Mail).where(Mail.state == "waiting"))

    assert (len(trainers), len({country for country, _ in trainers})) == (40, 5)
    assert {stage for _, stage in trainers} == {"nominated", "workshop", "observed", "accredited", "lapsed"}
    assert (offered, asked) == (["trainer"], ["KG-CHUY", "KZ-KORDAY"])
    assert (shown.state, slots) == ("draft", {"lead": (None, False), "co": ("accepted", False), "interpreter": ("accepted", True)})
    assert (states, mails and mails > 0) == ({"draft", "released", "cancelled"}, True)


def test_nobody_has_a_password_hashed_who_was_not_given_one(node: tuple[Config, Database]) -> None:
    """Only the staff and the one trainee who is printed have a password."""
    _, database = node

    assert count(database, sa.select(sa.func.count()).select_from(Account)) == len(demo_data.STAFF) + 1


@pytest.mark.goal("XCT-04")
def test_the_welcome_names_a_sign_in_of_every_role(node: tuple[Config, Database]) -> None:
    """A newcomer reads how to sign in as everybody, trainee included."""
    text = demo.welcome(*node)

    assert [role.value for role in Role if role is not Role.TRAINEE and role.value not in text] == []
    assert demo.PASSWORD in text
    assert demo.TRAINEE_PIN in text


@pytest.mark.parametrize("change", [{"ENV": "production"}, {"HOST": "0.0.0.0"}])
def test_demo_data_is_refused_where_it_could_do_harm(node: tuple[Config, Database], change: dict[str, str]) -> None:
    """Known passwords never reach production or an address beyond this machine."""
    config, database = node

    with pytest.raises(NotAllowed):
        demo.load(replace(config, **change), database)


def test_demo_data_is_not_mixed_with_real_people(node: tuple[Config, Database]) -> None:
    """A node with people in it is not filled a second time."""
    with pytest.raises(NotAllowed):
        demo.load(*node)


@pytest.mark.goal("XCT-04")
def test_removing_the_demo_leaves_nothing_and_the_empty_stage_has_one_administrator(tmp_path: Path) -> None:
    """`demo --remove` leaves nothing; `demo --stage empty` starts with nobody but an administrator."""
    config = Config(NODE="small", INSTANCE=str(tmp_path), SECRET_KEY="k" * 40, PEPPER="p" * 40)
    config.folder.mkdir()
    database = open_database(config)
    migrations.upgrade(database.engine)

    demo.load(config, database, stage="empty")
    with database.sessions() as db:
        roles = list(db.scalars(sa.select(RoleGrant.role)))
        people = db.scalar(sa.select(sa.func.count()).select_from(Person))
    demo.remove(config, database)

    assert (people, roles) == (1, ["administrator"])
    assert not config.folder.exists()


def test_a_node_that_the_demo_did_not_fill_is_never_removed(tmp_path: Path) -> None:
    """`demo --remove` refuses a node with real records."""
    config = Config(NODE="real", INSTANCE=str(tmp_path), SECRET_KEY="k" * 40, PEPPER="p" * 40)
    config.folder.mkdir()
    database = open_database(config)
    migrations.upgrade(database.engine)

    with pytest.raises(NotAllowed):
        demo.remove(config, database)

    assert config.folder.exists()


def test_the_pretended_room_falls_silent_while_the_pages_are_away(node: tuple[Config, Database]) -> None:
    """A web process that is killed under the demo's class leaves no signs of life, so that the whole outage is credited."""
    _, database = node
    newest = sa.select(sa.func.max(AttemptClock.beat_at))
    with work(database) as db:
        alive.beat(db)
        now = db.scalars(sa.select(Heartbeat.beat_at).where(Heartbeat.process == alive.PROCESS)).one()
        demo_class.breathe(db, now + timedelta(seconds=1))
        last = db.scalar(newest)
        assert last == now + timedelta(seconds=1)
        demo_class.breathe(db, now + timedelta(minutes=1))
        assert db.scalar(newest) == last
