"""The network on its first day: a centre that has planned a run for each class, and class servers that have joined it."""

from __future__ import annotations

import base64
import itertools
import random
import shutil
import uuid
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import sqlalchemy as sa
from sqlalchemy.orm import Session
from sqlalchemy.schema import CreateIndex, CreateTable

from app import ids
from app.certificates.models import NumberBlock
from app.courses.content import CourseContent
from app.db import Base
from app.offices.models import Classroom, Seat
from app.policy import Role
from app.runs.models import CourseRun, Enrolment, RunTrainer
from app.schedule.models import Meeting
from app.sync import handover, joining, rebuild, sealer, trust
from app.sync.models import Node
from app.work import work
from tests import factories as make
from tests.factories import added
from tests.quizzes import rows as quizzes
from tests.simulation import carrying, invariants
from tests.simulation.world import ATTEMPTS, CENTRE, Machine, Template, World

CLASSES = ("class-a", "class-b", "class-c")
QUIZ, MINUTES = "post", 25
NUMBERS = 40  # in each class's block
TRAINEES, SEATS = 3, 4
STARTS, ENDS = date(2026, 11, 24), date(2026, 11, 27)


def content() -> CourseContent:
    """A course with one small test, so that an attempt costs little."""
    bank = [quizzes.question("single", f"q{n}") for n in range(1, 5)]
    module = quizzes.content().modules[0].model_dump(mode="json") | {"questions": bank}
    quiz = {
        "id": QUIZ, "kind": "post-test", "title": {"en": "Final test", "ru": "Итоговый тест"}, "minutes": MINUTES, "attempts": ATTEMPTS,
        "supervised": False, "blueprint": [{"outcome": "car", "items": 3}],
    }  # fmt: skip
    return quizzes.content(
        id="car-search", modules=[module], quizzes=[quiz], media=[], partial=[], title={"en": "Vehicle search", "ru": "Досмотр"},
        outcomes=[{"id": "car", "text": {"en": "Car by zones", "ru": "Автомобиль"}}],
    )


def template(folder: Path) -> Template:
    """Make it, by the way that a real network goes: rows at the centre, joining, the first snapshot."""
    world = World(0, Template({}, {}), folder)
    world.segment_size = sealer.ENTRIES
    people: dict[str, uuid.UUID] = {}
    with ids.using(random.Random("the first day")), mock.patch.object(make, "_count", itertools.count(1)):
        for place in (CENTRE, *CLASSES):
            machine = world.machines[place] = Machine(world, place, place)
            shutil.rmtree(machine.folder, ignore_errors=True)
            machine.folder.mkdir(parents=True)
            _empty(machine)
            machine.keys()
        centre = world.centre
        with centre.working(), work(centre.database) as db:
            people |= _rows(db, world)
        for place in CLASSES:
            _joins(world, world.machines[place])
        for machine in world.machines.values():
            machine.settle()
            world.look_at(machine)
            machine.fresh = set()
        world.machines["blank"] = blank = Machine(world, CENTRE, "blank")
        blank.folder.mkdir(parents=True, exist_ok=True)
        _empty(blank)
        empty = blank.image()
        with centre.working():
            rebuild.rebuild(centre.database, blank.database, now=centre.clock.now())  # each history is rebuilt from here on
    images = {place: machine.image() for place, machine in world.machines.items()} | {"empty": empty}
    for machine in world.machines.values():
        machine.stop()
    return Template(images, people)


def _empty(machine: Machine) -> None:
    """A database with every table and nothing in it, of small pages: it is copied for every history."""
    with machine.engine.connect() as connection:
        driver = connection.connection.driver_connection
        driver.execute("ROLLBACK") if driver.in_transaction else None
    machine.stop()
    with machine.engine.begin() as connection:
        for table in Base.metadata.sorted_tables:
            connection.execute(CreateTable(table))
            for index in sorted(table.indexes, key=lambda index: str(index.name)):  # where two would do, SQLite takes the newer one
                connection.execute(CreateIndex(index))


def _rows(db: Session, world: World) -> dict[str, uuid.UUID]:
    """What the centre keeps: places, people, a course, a run for each class, blocks of numbers, the list of nodes."""
    country = make.make_country(db, "KZ")
    agency = make.make_agency(db, country, code="BORDER")
    root = make.make_office(db, country=country, code="KZ", kind="centre")
    version = quizzes.make_version(db, content())
    people = {CENTRE: make.make_staff(db, Role.ADMINISTRATOR, root, agency=agency, service_number="100").id}
    added(db, _node(world.centre, root.id, None))
    for number, place in enumerate(CLASSES, 1):
        office = make.make_office(db, root, code=f"KZ-{number}")
        room = added(db, Classroom(office_id=office.id, names={"en": "CBT class"}))
        for seat in range(1, SEATS + 1):
            added(db, Seat(classroom_id=room.id, label=f"{seat:02d}"))
        manager = make.make_staff(db, Role.CLASS_MANAGER, office, agency=agency, service_number=f"1{number}")
        people[place] = manager.id
        added(db, _node(world.machines[place], office.id, room.id))
        added(
            db,
            NumberBlock(
                country_code="KZ", year=2026, first=number * 1000, last=number * 1000 + NUMBERS - 1, given_to=place, given_at=quizzes.MORNING,
            ),
        )
        plan_run(db, f"R-2026-{number}", version.id, office.id, room.id, manager.id)
        run = db.scalars(sa.select(CourseRun).where(CourseRun.code == f"R-2026-{number}")).one()
        for trainee in range(1, TRAINEES + 1):
            person = make.make_person(db, office, agency=agency, family=f"Trainee{number}{trainee}", service_number=f"2{number}{trainee}")
            added(db, enrolment(run, person.id, agency.id, trainee))
    return people


def plan_run(
    db: Session, code: str, version_id: uuid.UUID, office_id: uuid.UUID, room_id: uuid.UUID, trainer_id: uuid.UUID
) -> CourseRun:
    """A run with a trainer and two meetings."""
    run = added(
        db,
        CourseRun(
            code=code, course_version_id=version_id, office_id=office_id, classroom_id=room_id, starts_on=STARTS, ends_on=ENDS,
            zone="Asia/Almaty", seats=12, state="open",
        ),
    )
    added(db, RunTrainer(run_id=run.id, person_id=trainer_id))
    for n in range(2):
        begins = quizzes.MORNING + timedelta(days=n)
        added(db, Meeting(run_id=run.id, day=begins.date(), starts_at=begins, ends_at=begins + timedelta(hours=4), zone="Asia/Almaty", classroom_id=room_id))
    return run


def enrolment(run: CourseRun, person_id: uuid.UUID, agency_id: uuid.UUID, number: int, **values: Any) -> Enrolment:
    """A person in a run."""
    return Enrolment(
        run_id=run.id, person_id=person_id, office_id=run.office_id, agency_id=agency_id, number=number, language="en",
        enrolled_at=quizzes.MORNING, **values,
    )  # fmt: skip


def _node(machine: Machine, office_id: uuid.UUID, room_id: uuid.UUID | None) -> Node:
    """A row of the list of nodes, with the keys that its machine made."""
    public = machine.keys().public
    return Node(
        code=machine.code, role=machine.role, title=machine.code, office_id=office_id, classroom_id=room_id, state="joined",
        public_key=base64.b64encode(public.sign).decode(), box_key=base64.b64encode(public.box).decode(),
        fingerprint=public.fingerprint, joined_at=quizzes.MORNING,
    )


def _joins(world: World, machine: Machine) -> None:
    """The class server gets its room, its run and its first snapshot; what it needs of the joining is in its folder."""
    centre = world.centre
    with centre.working(), work(centre.database) as db:
        node = db.scalars(sa.select(Node).where(Node.code == machine.code)).one()
        joining.hand_room(db, node, by=None, now=centre.clock.now())
        run = db.scalars(sa.select(CourseRun).where(CourseRun.classroom_id == node.classroom_id)).one()
        handover.give(db, run, server=node, by=None, now=centre.clock.now())
    public = centre.keys().public
    with machine.working():
        trust.keep(
            machine.folder,
            trust.Joining(
                "confirmed", secret="0" * 64, asked_at=machine.clock.now().isoformat(), centre=CENTRE, accepted=True,
                sign=base64.b64encode(public.sign).decode(), box=base64.b64encode(public.box).decode(),
            ),
        )
    carrying.by_stick(world, machine)
    left = invariants.apart(world, [machine])
    if left:
        raise RuntimeError(f"the first day does not come about: {left}\n" + "\n".join(world.timeline))
