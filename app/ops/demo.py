"""Demo data: an invented region with people, runs past, present and planned, made by the verbs that people use."""

from __future__ import annotations

import random
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.courses.queries import course_content
from app.db import Database
from app.errors import NotAllowed
from app.errors import say as message
from app.offices import tree
from app.offices.models import Agency, Office
from app.ops import demo_data as data
from app.people import credentials, register, signing_in
from app.people.models import Account, Person
from app.people.names import Name
from app.policy import Role
from app.questions import shown
from app.questions.types import TYPES
from app.quizzes import services as quizzes
from app.work import work
from config import Config

SEED = 2026
PEOPLE = 800
PASSWORD = "sabaq-demo-2026"  # noqa: S105  (the demo's, printed at start; demo data is refused in production)
TRAINEE_PIN = "481026"
NOT_STATED = 0.05
SINCE = date(2024, 1, 8)
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class HistoryClock(clock.Clock):
    """A clock that the demo moves through the past."""

    def __init__(self, at: datetime) -> None:
        super().__init__()
        self.at = at

    def now(self) -> datetime:
        """Where the history is."""
        return self.at

    def uptime(self) -> clock.Uptime:
        """The machine's own clock, moving with the history."""
        return clock.Uptime("demo", int(self.at.timestamp() * 1000))

    def forward(self, **step: float) -> datetime:
        """Let time pass."""
        self.at += timedelta(**step)
        return self.at


@contextmanager
def history(at: datetime) -> Iterator[HistoryClock]:
    """Live at a moment of the past for a while."""
    moved = HistoryClock(at)
    with clock.using(moved):
        yield moved


@dataclass
class World:
    """What the demo has made so far, by code."""

    database: Database
    config: Config
    say: Callable[[str], None]
    dice: random.Random = field(default_factory=lambda: random.Random(SEED))  # noqa: S311  (no secret hangs on it)
    offices: dict[str, uuid.UUID] = field(default_factory=dict)
    agencies: dict[tuple[str, str], uuid.UUID] = field(default_factory=dict)
    rooms: dict[str, uuid.UUID] = field(default_factory=dict)
    people: dict[str, list[uuid.UUID]] = field(default_factory=dict)  # office code -> persons posted there
    staff: dict[str, uuid.UUID] = field(default_factory=dict)  # user name -> person
    trainers: dict[str, uuid.UUID] = field(default_factory=dict)  # key of demo_planning.TEACHERS -> person
    session_numbers: Iterator[int] = field(default_factory=lambda: count(401))
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(20417001, 20499999, 7)))


def first_steps(config: Config, database: Database) -> list[str]:
    """What a node without demo data needs before anybody can sign in; nothing when somebody can."""
    with database.sessions() as db:
        if db.scalar(sa.select(Account.id).limit(1)) is not None:
            return []
        if config.ROLE == "classroom":
            return ["This class server has not joined its centre yet. Open the address above and type the code that the centre printed."]
        placed = db.scalar(sa.select(Office.id).limit(1)) is not None
    steps = [] if placed else ["sabaq country add --help    a country, its centre and its first agency"]
    return ["Nobody can sign in yet. At this terminal:", "", *(f"  {step}" for step in [*steps, "sabaq user create --help    the first administrator"])]


def wanted(config: Config, database: Database) -> bool:
    """Whether `sabaq run` should fill this node: a centre that nobody is in, and it serves this machine alone."""
    if config.ROLE != "centre" or config.production or config.HOST not in LOOPBACK:
        return False
    with database.sessions() as db:
        return db.scalar(sa.select(sa.func.count()).select_from(Person)) == 0


def load(config: Config, database: Database, *, stage: str = "full", say: Callable[[str], None] = lambda _text: None) -> None:
    """Fill an empty node. Raises NotAllowed in production, beyond loopback, or when somebody is in the node already."""
    refuse_unsafe(config)
    with database.sessions() as db:
        if db.scalar(sa.select(sa.func.count()).select_from(Person)):
            raise NotAllowed(_NOT_EMPTY)
    world = World(database, config, say)
    credentials.use_pepper(config.PEPPER)
    with history(datetime(SINCE.year, SINCE.month, SINCE.day, 4, tzinfo=UTC)):
        make_places(world)
        make_staff(world, everybody=stage == "full")
        if stage == "empty":
            return
        make_people(world)
    from app.ops import demo_exchange, demo_planning, demo_runs

    demo_planning.make_pool(world)
    demo_runs.make(world)
    demo_planning.make(world)
    demo_exchange.make(world)


_NOT_EMPTY = message("demo", "This node is not empty. `sabaq demo --remove` empties a demo node.")


def refuse_unsafe(config: Config) -> None:
    """Demo data has known passwords: never in production, never where another machine could sign in; and it is made at a centre."""
    if config.ROLE != "centre":
        raise NotAllowed(message("demo", "A class server gets its people and runs from its centre. Load demo data there."))
    if config.production or config.HOST not in LOOPBACK:
        raise NotAllowed(message("demo", "Demo data has known passwords. It is refused in production and on any address but 127.0.0.1."))


def remove(config: Config, database: Database) -> None:
    """Remove the demo node: database, keys, media, papers. Refused for a node that holds anything else."""
    refuse_unsafe(config)
    if database.name != "sqlite":
        raise NotAllowed(message("demo", "On PostgreSQL drop the database itself; the demo node's folder may then be deleted."))
    if not is_demo(config):
        raise NotAllowed(message("demo", "This node was not filled by the demo; it is not removed."))
    database.engine.dispose()
    shutil.rmtree(config.folder)


def is_demo(config: Config) -> bool:
    """Whether this node holds demo data: pages say so in a banner."""
    return (config.folder / "demo").exists()


# ---- places and staff ------------------------------------------------------------------------------------------------


def make_places(world: World) -> None:
    """Five countries with agencies, departments, 24 border offices and 16 classrooms."""
    (world.config.folder / "demo").write_text("This node holds invented demo data.\n", encoding="utf-8")
    with work(world.database) as db:
        root = tree.add_office(
            db, code="CA", names={"en": "Central Asia", "ru": "Центральная Азия", "kk": "Орталық Азия"}, kind="region", zone="Asia/Almaty",
            parent=None, country=None, contact="",
        )
        found: dict[str, Office] = {"CA": root}
        for land in data.LANDS:
            country = tree.add_country(db, code=land.code, names=land.names, zone=land.zone, languages=land.languages)
            found[land.code] = tree.add_office(
                db, code=land.code, names=land.names, kind="centre", zone=land.zone, parent=root, country=country,
            )
            for code, names in land.departments:
                found[code] = tree.add_office(
                    db, code=code, names=names, kind="department", zone=land.zone, parent=found[land.code], country=country,
                )
            for code, names in data.AGENCIES:
                agency = tree.add_agency(db, country, code=code, names=names, hint=data.SERVICE_NUMBER_HINT)
                world.agencies[land.code, code] = agency.id
        for code, department, names, crossing, _ in data.POSTS:
            found[code] = tree.add_office(
                db, code=code, names=names, kind="border-office", zone=found[department].zone, parent=found[department], country=None,
                crossing=crossing,
            )
        for code, *_, pair in data.POSTS:
            if pair and code < pair:
                tree.pair_offices(db, found[code], found[pair])
        for code, seats in data.CLASSROOMS.items():
            room = tree.add_classroom(db, found[code], names={"en": "CBT class 1", "ru": "Учебный класс 1", "kk": "1-оқу сыныбы"}, seats=seats)
            world.rooms[code] = room.id
        world.offices = {code: office.id for code, office in found.items()}


def make_staff(world: World, *, everybody: bool) -> None:
    """One person for each role, or the administrator alone."""
    password_hash = credentials.hash_password(PASSWORD)
    for user_name, role, office_code, country, family, given, _ in data.STAFF if everybody else data.STAFF[:1]:
        with work(world.database) as db:
            office = db.get_one(Office, world.offices[office_code])
            agency = db.get_one(Agency, world.agencies[country, "BORDER"])
            person = register.register_person(
                db, agency=agency, office=office, service_number=str(next(world.numbers)),
                names=_both(tuple(family.split("/")), tuple(given.split("/"))), since=SINCE, rank="Major",  # type: ignore[arg-type]
                gender="f" if family.split("/")[0].endswith("а") else "m",
            )
            register.give_role(db, person, role=Role(role), office=office, since=SINCE, given_by=world.staff.get("admin"))
            signing_in.set_password(db, person_id=person.id, password_hash=password_hash, now=clock.now(), user_name=user_name)
            world.staff[user_name] = person.id


def _both(family: tuple[str, str], given: tuple[str, str]) -> dict[str, Name]:
    return {"Cyrl": Name(family[0], given[0]), "Latn": Name(family[1], given[1])}


# ---- people ----------------------------------------------------------------------------------------------------------


def make_people(world: World) -> None:
    """Eight hundred officers of three agencies over the border offices; some have no gender stated."""
    posts = [code for code, *_ in data.POSTS]
    weights = [3 if code in data.CLASSROOMS else 1 for code in posts]
    plan = world.dice.choices(posts, weights, k=PEOPLE)
    for begin in range(0, PEOPLE, 200):
        with work(world.database) as db:
            offices = {code: db.get_one(Office, world.offices[code]) for code in set(plan[begin : begin + 200])}
            agencies = {key: db.get_one(Agency, found) for key, found in world.agencies.items()}
            for code in plan[begin : begin + 200]:
                person = _make_officer(world, db, code, offices[code], agencies)
                world.people.setdefault(code, []).append(person.id)
        world.say(f"  {min(begin + 200, PEOPLE)} of {PEOPLE} people")


def _make_officer(world: World, db: Session, code: str, office: Office, agencies: dict[tuple[str, str], Agency]) -> Person:
    dice, country = world.dice, code[:2]
    stock = data.STOCKS[country]
    woman = dice.random() < 0.28
    family = dice.choice(stock.families)[woman]
    given = dice.choice(stock.women if woman else stock.men)
    stated = dice.random() >= NOT_STATED
    return register.register_person(
        db, agency=agencies[country, dice.choices(["BORDER", "CUSTOMS", "INTERIOR"], [6, 3, 1])[0]], office=office,
        service_number=str(next(world.numbers)), names=_both(family, given), since=SINCE + timedelta(days=dice.randrange(600)),
        gender=("f" if woman else "m") if stated else None, rank=dice.choice(data.RANKS), post=dice.choice(data.POSTS_HELD),
    )


# ---- answering -------------------------------------------------------------------------------------------------------


def take_test(
    world: World, moved: HistoryClock, enrolment_id: uuid.UUID, quiz: str, *, skill: float, seat_id: uuid.UUID | None = None, leave_open: bool = False,
) -> None:
    """Sit a test: answers are right with the probability of `skill`; the last ones may be left empty."""
    dice = world.dice
    writer = f"demo-{enrolment_id}-{quiz}"
    with work(world.database) as db:
        attempt = quizzes.start_attempt(
            db, enrolment_id=enrolment_id, quiz=quiz, now=moved.now(), uptime=moved.uptime(), writer=writer, seat_id=seat_id,
        )
        content = course_content(db, attempt.course_version_id)
        draw = list(attempt.draw)
        for n, question_id in enumerate(draw[: len(draw) // 2] if leave_open else draw):
            moved.forward(seconds=dice.randrange(20, 75))
            question = content.bank[question_id]
            kind = TYPES[question.type]
            right = kind.right_answer(question.content, shown.order_of(question, attempt.seed))
            given = right if dice.random() < skill else _wrong(dice, question, right)
            if given:
                quizzes.save_answer(
                    db, attempt.id, question=question_id, response=given, revision=1, key=f"demo-{n}", writer=writer, now=moved.now(),
                    uptime=moved.uptime(), sure=dice.choice([None, "guess", "fairly", "sure"]),
                )
        if not leave_open:
            quizzes.hand_in(db, attempt.id, now=moved.forward(seconds=30), uptime=moved.uptime())


def _wrong(dice: random.Random, question: Any, right: dict[str, Any]) -> dict[str, Any]:
    """A plausible wrong response: another option, two swapped, another cell; sometimes none."""
    if dice.random() < 0.1:
        return {}
    content = question.content
    match question.type:
        case "single":
            return {"option": dice.choice([o.id for o in content.options if o.id != right["option"]])}
        case "multiple":
            return {"options": sorted({o.id for o in content.options} - {right["options"][0]})[:2]}
        case "number":
            return {"value": "12"}
        case "matching":
            lefts, rights = list(right["pairs"]), list(right["pairs"].values())
            return {"pairs": dict(zip(lefts, rights[1:] + rights[:1], strict=True))}
        case "ordering":
            places = list(right["order"].values())
            return {"order": dict(zip(right["order"], places[1:] + places[:1], strict=True))}
        case "hotspot":
            return {"cells": [dice.choice("ABCDEF") + dice.choice("123")]}
        case "true-false":
            return {"true": "no" if right["true"] == "yes" else "yes"}
        case "cloze" | "fill-table":
            part, given = next(iter(right.items()))
            return {part: dict(list(given.items())[:-1])}
        case "check-digit":
            return {"digit": str((int(right["digit"]) + 3) % 10)}
        case _:
            return {}


# ---- greeting --------------------------------------------------------------------------------------------------------


def welcome(config: Config, database: Database) -> str:
    """What `sabaq run` prints: the address, and how to sign in as everybody."""
    address = f"http://{config.HOST}:{config.PORT}/"
    lines = ["", f"Sabaq is at {address}", ""]
    if is_demo(config):
        with database.sessions() as db:
            known = set(db.scalars(sa.select(Account.user_name)))
            lines += [f"Staff sign in with a user name and the password {PASSWORD}", ""]
            for user_name, role, office, *_, what in data.STAFF:
                if user_name in known:
                    lines.append(f"  {user_name:14}{role:18}{office:11}{what[0]}")
            note = config.folder / "demo-trainees.txt"
            if note.exists():
                lines += ["", note.read_text(encoding="utf-8").rstrip()]
        lines += ["", "Everything in it is invented. `sabaq demo --remove` deletes it."]
    else:
        lines += first_steps(config, database)
    if lines[-1]:
        lines.append("")
    return "\n".join([*lines, "Ctrl-C ends it.", ""])

