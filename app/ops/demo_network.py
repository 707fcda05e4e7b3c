"""A small network on one machine to try things with: a centre and two class servers, one of them without a line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

import sqlalchemy as sa

import config as settings
from app import clock, open_database
from app.courses import loading
from app.db import Database
from app.offices.models import Classroom, Office
from app.ops import demo, migrations
from app.ops.supervisor import port_is_free
from app.people import credentials, register, signing_in
from app.people.models import Account, Person, Posting, RoleGrant
from app.policy import Role
from app.quizzes import invigilation
from app.quizzes.models import RoomTest
from app.runs import services as runs
from app.runs.models import CourseRun, Enrolment, Nomination, RunTrainer
from app.sync import exchange, handover, joining, keys
from app.sync.models import Node
from app.work import work
from config import Config

STOP_SECONDS = 15


class PortTaken(RuntimeError):
    """Something listens already where a node should; the text says where."""


@dataclass(frozen=True)
class ClassServer:
    """A class server of the network: its name, its office, whether it has a line."""

    code: str
    title: str
    office: str
    line: bool


CLASS_SERVERS = (
    ClassServer("class-atameken", "Class server Atameken", "KZ-ATAMEKEN", line=True),
    ClassServer("class-gishtkuprik", "Class server Gisht-Kuprik", "UZ-GISHTKUPRIK", line=False),
)


@dataclass(frozen=True)
class Installed:
    """A node of the network on this machine."""

    config: Config
    database: Database


# ---- making it -------------------------------------------------------------------------------------------------------


def plan(config: Config) -> list[Config]:
    """The settings of the three nodes: beside the usual node of this machine, on its port and the two after it by hundreds."""
    folder = Path(config.INSTANCE) / "network"
    shared = {"INSTANCE": str(folder), "STICK": str(folder / "stick"), "DATABASE_URL": "", "PUBLIC_URL": "", "SECRET_KEY": "", "PEPPER": ""}
    centre = replace(config, NODE="centre", ROLE="centre", **shared)  # type: ignore[arg-type]
    rooms = [replace(centre, NODE=one.code, ROLE="classroom", PORT=config.PORT + 100 * n) for n, one in enumerate(CLASS_SERVERS, 1)]
    return [settings.with_secrets(one) for one in (centre, *rooms)]


def prepare(configs: Sequence[Config], say: Callable[[str], None]) -> None:
    """Make what is not there yet: the centre with its demo data, class servers that have joined and hold a run of theirs."""
    Path(configs[0].STICK).mkdir(parents=True, exist_ok=True)
    nodes = [_installed(config) for config in configs]
    centre, rooms = nodes[0], nodes[1:]
    loading.load_all(centre.database, Path(centre.config.COURSES), keep_in=centre.config.folder)
    if demo.wanted(centre.config, centre.database):
        say("Filling the centre with demo data; this happens once and takes about a minute.")
        demo.load(centre.config, centre.database, say=say)
    with work(centre.database) as db:
        joining.keep_own_row(db, keys=keys.load_or_make(centre.config.folder), address=centre.config.public_url, now=clock.now())
    for one, room in zip(CLASS_SERVERS, rooms, strict=True):
        credentials.use_pepper(room.config.PEPPER)
        with room.database.sessions() as db:
            done = joining.ready(db, one.code)
        if not done:
            say(f"{one.title} joins the centre and gets its first snapshot.")
            _join(centre, room, one)
            _give_passwords(room, one)
    for node in nodes:
        node.database.engine.dispose()


def _installed(config: Config) -> Installed:
    demo.refuse_unsafe(replace(config, ROLE="centre"))
    config.folder.mkdir(parents=True, exist_ok=True)
    database = open_database(config)
    migrations.upgrade(database.engine)
    return Installed(config, database)


def _join(centre: Installed, room: Installed, one: ClassServer) -> None:
    """What people do with paper and telephone, done for both sides; then a run is handed over and the first bundle carried."""
    now, own = clock.now(), keys.load_or_make(centre.config.folder)
    with work(centre.database) as db:
        if joining.node_of(db, one.code) is None:
            _staff_the_class(db, one)
            joining.invite(db, code=one.code, title=one.title, room=joining.room_named(db, one.office), by=None, now=now)
        node = joining.named(db, one.code)
        if node.state == "invited":
            typed = joining.give_code(db, node, by=None, now=now)
            address = centre.config.public_url if one.line else ""
            asked = joining.ask(room.config.folder, node=one.code, typed=typed, address=address, now=now)
            request, secret = joining.take_request(db, asked.request.encode(), way="https" if one.line else "stick", now=now)
            if request.accepted is None:
                joining.accept(db, request, by=None, now=now)
            answer = joining.answer(db, asked.request.encode(), secret, keys=own, now=now)
            joining.hear(room.config.folder, answer)
            joining.confirm(room.config.folder, now=now)
        _give_runs(db, node)
    made = exchange.make_bundle(centre.database, centre.config, own, to=one.code, folder=centre.config.folder / "exchange", now=now)
    if made.path is None:
        raise RuntimeError("nothing to send to a class server that has nothing")
    try:
        exchange.take_bundle(room.database, room.config, keys.load_or_make(room.config.folder), made.path, way="https" if one.line else "stick", now=now)
    finally:
        made.path.unlink()
    (room.config.folder / "demo").write_text("demo\n", encoding="utf-8")


def _staff_the_class(db: sa.orm.Session, one: ClassServer) -> None:
    """Somebody of the office looks after the class; nominations for its next run are accepted."""
    office = db.scalars(sa.select(Office).where(Office.code == one.office)).one()
    busy = sa.select(Enrolment.person_id).union(sa.select(Nomination.person_id))
    person = db.scalars(
        sa.select(Person).join(Posting, Posting.person_id == Person.id)
        .where(Posting.office_id == office.id, Posting.valid_to.is_(None), Person.id.not_in(busy)).order_by(Person.service_number).limit(1)
    ).one()
    register.give_role(db, person, role=Role.CLASS_MANAGER, office=office, since=clock.now().date(), given_by=None)
    db.scalars(sa.select(Classroom).where(Classroom.office_id == office.id)).one().manager_id = person.id
    planner = db.scalars(sa.select(Account.person_id).where(Account.user_name == "planner")).one()
    waiting = sa.select(Nomination).join(CourseRun, CourseRun.id == Nomination.run_id)
    for nomination in db.scalars(waiting.where(CourseRun.office_id == office.id, CourseRun.state == "planned", Nomination.state == "proposed")).all():
        runs.decide(db, nomination, accept=True, by=planner, now=clock.now())


def _give_runs(db: sa.orm.Session, node: Node) -> None:
    """Runs of the room that are not over go to the class server; a test that stands open for latecomers is ended first."""
    keeper = db.get_one(Classroom, node.classroom_id).manager_id
    for run in db.scalars(sa.select(CourseRun).where(CourseRun.classroom_id == node.classroom_id)).all():
        started = sa.select(RoomTest.quiz).where(RoomTest.run_id == run.id, RoomTest.ended_at.is_(None)).distinct()
        for quiz in db.scalars(started).all():
            if keeper is None:
                break
            invigilation.end_room_test(
                db, run, quiz, by=keeper, now=clock.now(), uptime=clock.uptime(), reason="Класс получает свой сервер",
            )
        if not handover.against_giving(db, run, node):
            handover.give(db, run, server=node, by=None, now=clock.now(), reason="demo network")


def _give_passwords(room: Installed, one: ClassServer) -> None:
    """The class manager, the trainer and one trainee can sign in at the class server with the password of the demo."""
    hashed, now = credentials.hash_password(demo.PASSWORD), clock.now()
    with work(room.database) as db:
        office = db.scalars(sa.select(Office).where(Office.code == one.office)).one()
        manager = db.scalars(
            sa.select(RoleGrant.person_id).where(RoleGrant.role == Role.CLASS_MANAGER.value, RoleGrant.office_id == office.id).limit(1)
        ).one()
        trainer = db.scalars(sa.select(RunTrainer.person_id).limit(1)).first()
        trainee = db.scalars(sa.select(Enrolment.person_id).order_by(Enrolment.number).limit(1)).first()
        for person_id, user_name in ((manager, "classmanager"), (trainer, "trainer"), (trainee, None)):
            if person_id is not None:
                signing_in.set_password(db, person_id=person_id, password_hash=hashed, now=now, user_name=user_name)


# ---- serving it ------------------------------------------------------------------------------------------------------


def serve(configs: Sequence[Config], say: Callable[[str], None]) -> int:
    """Run all nodes until Ctrl-C, or until one of them ends; gives the exit code. Raises PortTaken."""
    for config in configs:
        if not port_is_free(config.HOST, config.PORT):
            raise PortTaken(f"Something already listens on {config.HOST}:{config.PORT}. Stop it, or choose another first port: SABAQ_PORT=8300.")
    stop = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    for wish in (signal.SIGINT, signal.SIGTERM):
        signal.signal(wish, end)
    children: list[subprocess.Popen[bytes]] = []
    code = 0
    try:
        for config in configs:
            children.append(_start(config))
            _await(config, children[-1], stop)
        if not stop.is_set():
            say(welcome(configs))
        while not stop.wait(0.5):
            if any(child.poll() is not None for child in children):
                say("A node has ended by itself: all end now.")
                code = 1
                break
    finally:
        for child in children:
            child.terminate()
        for child in children:
            try:
                child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
    return code


def _start(config: Config) -> subprocess.Popen[bytes]:
    # In a session of its own: a Ctrl-C reaches this process alone, which then ends all in order. What a node says at its start
    # is said here for all three.
    ours = {"NODE": config.NODE, "ROLE": config.ROLE, "PORT": str(config.PORT), "HOST": config.HOST, "INSTANCE": config.INSTANCE, "STICK": config.STICK}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(settings.PREFIX)}
    given = {f"{settings.PREFIX}{name}": value for name, value in ours.items()}
    return subprocess.Popen(
        [sys.executable, "-m", "app.cli", "run", "--no-demo"], start_new_session=True, cwd=settings.ROOT, env=kept | given, stdout=subprocess.DEVNULL,
    )


def _await(config: Config, child: subprocess.Popen[bytes], stop: threading.Event) -> None:
    """Until a node answers, ends or is told to end: the centre is up before the class server with a line looks for it."""
    until = time.monotonic() + 60
    while child.poll() is None and not stop.is_set() and time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"{config.public_url}/healthz", timeout=2) as answer:  # noqa: S310  (http on loopback)
                if answer.status == 200:
                    return
        except OSError:
            stop.wait(0.2)


def welcome(configs: Sequence[Config]) -> str:
    """Where everything is and who signs in."""
    lines = ["", f"The centre is at {configs[0].public_url}/", f"  admin, planner, manager, classmanager …: password {demo.PASSWORD}", ""]
    for one, config in zip(CLASS_SERVERS, configs[1:], strict=True):
        database = open_database(config)
        with database.sessions() as db:
            held = db.scalars(sa.select(CourseRun.code).where(CourseRun.owner_node == one.code).order_by(CourseRun.code)).all()
            names = sorted(filter(None, db.scalars(sa.select(Account.user_name))))
            number = db.scalar(
                sa.select(Person.service_number).join(Account, Account.person_id == Person.id).where(Account.user_name.is_(None), Account.password_hash.is_not(None)).limit(1)
            )
        database.engine.dispose()
        lines += [
            f"{one.title} is at {config.public_url}/" + ("  (it has a line)" if one.line else "  (no line: it exchanges by stick)"),
            f"  {', '.join(names)}" + (f", trainee {number}" if number else "") + f": password {demo.PASSWORD}",
            f"  runs kept there: {', '.join(held) or 'none'}", "",
        ]
    lines += [f"This folder plays the stick at all three: {configs[0].STICK}", "", "Everything in it is invented. Ctrl-C ends all three.", ""]
    return "\n".join(lines)


def run(config: Config, say: Callable[[str], None]) -> int:
    """Make the network if it is not there, and serve it. Raises PortTaken, and DomainError where demo data is refused."""
    demo.refuse_unsafe(replace(config, ROLE="centre"))
    configs = plan(config)
    prepare(configs, say)
    return serve(configs, say)
