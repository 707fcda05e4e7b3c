"""The demo's class servers: one that is fine, one silent for nine days, one whose stick brought a conflict. Made by the real exchange."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from app import clock, open_database
from app.db import Database
from app.errors import say
from app.offices.models import Agency, Classroom, DailyCheck, Office
from app.ops import migrations
from app.ops.demo import World, history
from app.people import register
from app.people.models import Person, Posting
from app.people.names import Name
from app.sync import exchange, joining, keys
from app.work import work
from config import Config


@dataclass(frozen=True)
class Plan:
    """One class server of the demo: when it joined, on which days since it worked and was in contact (days ago)."""

    office: str
    title: str  # as people of the place call it
    way: str  # https | stick
    joined: int
    worked: tuple[int, ...]
    contacts: tuple[float, ...]
    confirms: bool = True  # the answer to the last contact has come back from it
    walk_in: tuple[str, str, str] | None = None  # who came without being on a list: family, given, number
    double: bool = False  # somebody was registered with the number of an officer of the centre


PLANS = (
    Plan("KZ-KONYSBAEV", "Б. Қонысбаев", "https", 30, (5, 2, 1), (5, 2, 0.01)),
    Plan("UZ-OYBEK", "Oybek", "https", 40, (16, 12, 10), (12, 9)),
    Plan("KZ-SYPATAI", "Сыпатай батыр", "stick", 21, (4, 3), (3,), confirms=False, walk_in=("Жүнісов", "Ералы", ""), double=True),
)


@dataclass(frozen=True)
class Room:
    """A class server while it lives in a folder that goes away afterwards: the demo shows the centre's side."""

    code: str
    config: Config
    database: Database


def make(world: World) -> None:
    """All three. What they wrote stays at the centre; they themselves do not."""
    now = clock.now()
    with work(world.database) as db:
        joining.keep_own_row(db, keys=keys.load_or_make(world.config.folder), address=world.config.public_url, now=now)
    for plan in PLANS:
        with _room(world, plan) as room:
            _live(world, plan, room, now)
        world.say(f"  class server {plan.title}: last in contact {plan.contacts[-1]:g} days ago")


@contextmanager
def _room(world: World, plan: Plan) -> Iterator[Room]:
    folder = Path(tempfile.mkdtemp(prefix="sabaq-demo-"))
    code = f"class-{plan.office.split('-')[1].lower()}"
    config = replace(world.config, NODE=code, ROLE="classroom", INSTANCE=str(folder), DATABASE_URL="")
    config.folder.mkdir(parents=True)
    database = open_database(config)
    try:
        migrations.upgrade(database.engine)
        yield Room(code, config, database)
    finally:
        database.engine.dispose()
        shutil.rmtree(folder, ignore_errors=True)


def _live(world: World, plan: Plan, room: Room, now: datetime) -> None:
    with history(now - timedelta(days=plan.joined)) as moved:
        _join(world, plan, room)
        _carry(world, room, down=True, way=plan.way, now=moved.now())
        days = sorted({*plan.worked, *plan.contacts}, reverse=True)
        for ago in days:
            moved.at = now - timedelta(days=ago)
            if ago in plan.worked:
                _work(plan, room, moved.now(), last=ago == plan.worked[-1])
                if plan.double and ago == plan.worked[-1]:
                    _register_a_double(world, plan, room)
            if ago in plan.contacts:
                _carry(world, room, down=False, way=plan.way, now=moved.now())
                _carry(world, room, down=True, way=plan.way, now=moved.now())
                if plan.confirms:
                    _carry(world, room, down=False, way=plan.way, now=moved.now())


def _join(world: World, plan: Plan, room: Room) -> None:
    """What people do with paper and telephone, done for both sides."""
    now, own = clock.now(), keys.load_or_make(world.config.folder)
    with work(world.database, world.staff.get("admin")) as db:
        place = joining.room_named(db, plan.office)
        place.line = "good" if plan.way == "https" else "none"
        joining.invite(db, code=room.code, title=plan.title, room=place, by=world.staff.get("admin"), now=now)
        node = joining.named(db, room.code)
        typed = joining.give_code(db, node, by=world.staff.get("admin"), now=now)
        asked = joining.ask(room.config.folder, node=room.code, typed=typed, address="", now=now)
        request, secret = joining.take_request(db, asked.request.encode(), way=plan.way, now=now)
        if request.accepted is None:
            joining.accept(db, request, by=world.staff.get("admin"), now=now)
        answer = joining.answer(db, asked.request.encode(), secret, keys=own, now=now)
    joining.hear(room.config.folder, answer)
    joining.confirm(room.config.folder, now=now)


def _work(plan: Plan, room: Room, now: datetime, *, last: bool) -> None:
    """A day in the class: the look round, and on the last one somebody who is on no list."""
    with work(room.database) as db:
        place = db.scalars(sa.select(Classroom).join(Office, Office.id == Classroom.office_id).where(Office.code == plan.office)).one()
        keeper = db.scalars(sa.select(Person.id).join(Posting, Posting.person_id == Person.id).order_by(Person.id).limit(1)).first()
        if keeper is not None:
            db.add(DailyCheck(classroom_id=place.id, day=now.date(), at=now, by_id=keeper, found={}))
            db.flush()
        if last and plan.walk_in:
            family, given, number = plan.walk_in
            _register(db, plan, family, given, number or "W-2026-0014-7")


def _register(db: sa.orm.Session, plan: Plan, family: str, given: str, number: str) -> Person:
    office = db.scalars(sa.select(Office).where(Office.code == plan.office)).one()
    agency = db.scalars(sa.select(Agency).where(Agency.country_id == office.country_id, Agency.code == "BORDER")).one()
    person = register.register_person(
        db, agency=agency, office=office, service_number=number, names={"Cyrl": Name(family, given)}, since=clock.now().date(), rank="сержант",
    )
    person.provisional = True
    db.flush()
    return person


def _register_a_double(world: World, plan: Plan, room: Room) -> None:
    """The class does not know an officer of another office; the centre does, by the same service number."""
    with room.database.sessions() as db:
        known = set(db.scalars(sa.select(Person.service_number)))
    with world.database.sessions() as db:
        officers = db.scalars(
            sa.select(Person).join(Posting, Posting.person_id == Person.id)
            .where(Person.agency_id == world.agencies[plan.office[:2], "BORDER"], Posting.office_id == world.offices["KZ-ATAMEKEN"])
            .order_by(Person.service_number)
        )
        officer = next(one for one in officers if one.service_number not in known)
        number, shown = officer.service_number, officer.display_name.split()
    with work(room.database) as db:
        _register(db, plan, shown[0], shown[1], number)


def _carry(world: World, room: Room, *, down: bool, way: str, now: datetime) -> None:
    """One bundle from one to the other."""
    centre = (world.database, world.config, keys.load_or_make(world.config.folder))
    server = (room.database, room.config, keys.load_or_make(room.config.folder))
    giver, taker = (centre, server) if down else (server, centre)
    made = exchange.make_bundle(*giver, to=taker[1].NODE, folder=giver[1].folder / "exchange", now=now)
    if made.path is None:
        return
    try:
        exchange.take_bundle(*taker, made.path, way=way, now=now)
    finally:
        made.path.unlink()
    if down:
        exchange.note(
            world.database, peer=room.code, direction="out", way=way, state="sent", bundle=made.id, size=made.size, counts=made.counts, now=now,
            said=say("stick", "Written and read back byte for byte.") if way == "stick" else None,
        )
