"""What goes down to a class server: its own people and open runs, whole, in versions that never go back."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import files
from app.courses.models import Media
from app.offices.models import Classroom, Office, Seat
from app.people.models import Person, PersonName, RoleGrant
from app.policy import Role
from app.runs.models import CourseRun
from app.sync import applying, arriving, chain, rows, scope, sealer, segments
from app.sync.arriving import Arrived
from app.sync.catalogue import TABLES, Kind
from app.sync.models import Node
from app.sync.segments import Segment
from app.work import work
from tests.factories import (
    added,
    make_classroom,
    make_office,
    make_person,
    make_staff,
)
from tests.runs import rows as runs
from tests.schedule import rows as meetings
from tests.sync.nodes import NOW, Installation, install, make_nodes

PICTURE = b"a picture"


@dataclass
class World:
    """A centre with two class servers, each with a room, a run and people of its own."""

    centre: Installation
    near: Installation
    far: Installation
    ids: dict[str, uuid.UUID]

    def down(self, to: Installation | None = None, *, held: chain.Head | None = None, days: int = 0) -> list[Segment]:
        """What the centre has for a class server that holds `held`."""
        to = to or self.near
        now = NOW + timedelta(days=days)
        sealer.settle_epoch(self.centre.database, self.centre.config.folder, now=now)
        return scope.next_down(self.centre.database, to.code, self.centre.keys, now, held)

    def held(self, at: Installation | None = None) -> chain.Head | None:
        """The version that a class server holds."""
        with (at or self.near).database.sessions() as db:
            return arriving.held(db, "centre")

    def take(self, found: list[Segment], at: Installation | None = None, *, days: int = 0) -> Arrived:
        """A class server takes what came."""
        at = at or self.near
        trusted = applying.Trust("centre", {"centre": self.centre.keys.public.sign})
        return arriving.take_down(at.database, at.config, found, trusted=trusted, now=NOW + timedelta(days=days))

    def pictures(self, at: Installation) -> None:
        """The course's media are there."""
        files.keep(at.config.folder / "media", PICTURE)

    def sync(self, at: Installation | None = None, *, days: int = 0) -> Arrived:
        """What the class server lacks, brought to it."""
        at = at or self.near
        self.pictures(at)
        return self.take(self.down(at, held=self.held(at), days=days), at, days=days)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """The centre with its rows, the class servers still empty."""
    centre = install(tmp_path, "centre", role="centre")
    near, far = install(tmp_path, "near", role="classroom"), install(tmp_path, "far", role="classroom")
    world = World(centre, near, far, {})
    with work(centre.database) as db:
        _people_and_runs(db, world)
    yield world
    for node in (centre, near, far):
        node.close()


def _people_and_runs(db: Session, world: World) -> None:
    top = make_office(db, kind="centre")
    make_nodes(db, [world.centre, world.near, world.far], top.id)
    sha256 = files.keep(world.centre.config.folder / "media", PICTURE)
    added(db, Media(sha256=sha256, mime="image/png", size=len(PICTURE), licence="CC0", source="own"))
    content = {**runs.course_content(), "media": [{"file": "a.png", "licence": "CC0", "source": "own", "sha256": sha256, "width": 1, "height": 1}]}
    for name, node in (("near", world.near), ("far", world.far)):
        office = make_office(db, top)
        room = make_classroom(db, office)
        row = db.scalars(sa.select(Node).where(Node.code == node.code)).one()
        row.office_id, row.classroom_id = office.id, room.id
        run = runs.make_run(db, office, runs.make_version(db, content=content), classroom_id=room.id)
        trainer, manager = make_person(db, office, family=f"Trainer-{name}"), make_staff(db, Role.CLASS_MANAGER, office, family=f"Manager-{name}")
        runs.teach(db, run, trainer)
        trainee = runs.enrol(db, run, make_person(db, office, family=f"Trainee-{name}"))
        meeting = meetings.make_meeting(db, run)
        meetings.make_item(db, meeting)
        idle = make_person(db, office, family=f"Idle-{name}")
        world.ids |= {
            f"{name}-{what}": one.id for what, one in {
                "office": office, "room": room, "run": run, "trainer": trainer, "manager": manager, "enrolment": trainee, "meeting": meeting, "idle": idle,
            }.items()
        } | {f"{name}-trainee": trainee.person_id}
    registrar, elsewhere = make_staff(db, Role.REGISTRAR, top, family="Registrar"), make_staff(db, Role.CLASS_MANAGER, make_office(db, top), family="Elsewhere")
    world.ids |= {"registrar": registrar.id, "elsewhere": elsewhere.id, "top": top.id}
    db.flush()


def people_at(node: Installation) -> set[uuid.UUID]:
    with node.database.sessions() as db:
        return set(db.scalars(sa.select(Person.id)))


def contents(node: Installation, *leave: str) -> dict[str, list[dict[str, Any]]]:
    """All rows of travelling tables, but for who owns them."""
    with node.database.sessions() as db:
        return {
            table.name: [
                rows.as_json(table.name, dict(row))
                for row in db.connection().execute(sa.select(*rows.travelling(table.name).values()).order_by(rows.table_named(table.name).c.id)).mappings()
            ]
            for table in TABLES if table.kind is not Kind.STAYS and table.name not in leave
        }


@pytest.mark.goal("NET-04")
def test_every_travelling_table_says_whether_it_goes_down() -> None:
    """Each table that travels has a line that says which of its rows a class server needs, or a sentence that says why none."""
    assert {t.model for t in TABLES if t.kind is not Kind.STAYS} == set(scope.GOES) | set(scope.NOT_DOWN)
    assert not set(scope.GOES) & set(scope.NOT_DOWN)


@pytest.mark.goal("NET-04", "NET-13")
def test_a_class_server_holds_its_own_people_and_runs_only(world: World) -> None:
    """Officers of its office, who acts for it from above, people of its runs go down; another office's people, runs and attempts never."""
    world.sync()

    expected = {world.ids[one] for one in ("near-trainer", "near-manager", "near-trainee", "near-idle", "registrar")}
    assert people_at(world.near) == expected
    with world.near.database.sessions() as db:
        assert set(db.scalars(sa.select(CourseRun.id))) == {world.ids["near-run"]}
        assert set(db.scalars(sa.select(Classroom.id))) == {world.ids["near-room"]}
        assert db.scalar(sa.select(sa.func.count()).select_from(Seat)) == 2
        assert set(db.scalars(sa.select(PersonName.person_id))) == expected
        assert db.scalar(sa.select(sa.func.count()).select_from(Node)) == 3
        assert set(db.scalars(sa.select(RoleGrant.person_id))) == {world.ids["near-manager"], world.ids["registrar"]}


def test_rows_at_the_class_are_those_of_the_centre(world: World) -> None:
    """Each row that went down is there as the centre has it, but for names of what is outside."""
    world.sync()

    sent, here = contents(world.centre), contents(world.near)

    for name, found in here.items():
        at_centre = {row["id"]: row for row in sent[name]}
        for row in found:
            assert row == at_centre[row["id"]] | {column: None for column in scope._loose(name) if row[column] is None}, name
    assert sum(map(len, here.values())) > 30


def test_nothing_changed_makes_no_version(world: World) -> None:
    """With nothing new there is nothing to send, and what was sent is not sent again."""
    world.sync()

    assert world.down(held=world.held()) == []


def test_a_change_goes_down_as_a_difference(world: World) -> None:
    """One name changed at the centre is one row of the next version."""
    world.sync()
    with work(world.centre.database) as db:
        db.get_one(Office, world.ids["near-office"]).contact = "+7 700 000"

    found = world.down(held=world.held())
    world.take(found)

    assert [entry[:2] for one in found for entry in segments.open_body(one).entries] == [["r", "office"]]
    with world.near.database.sessions() as db:
        assert db.get_one(Office, world.ids["near-office"]).contact == "+7 700 000"
