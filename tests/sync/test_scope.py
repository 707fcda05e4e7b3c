"""What goes down to a class server: its own people and open runs, whole, in versions that never go back."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import files
from app.certificates.models import Certificate, CertificateEvent, NumberBlock
from app.courses.models import CourseVersion, Media
from app.db import Database
from app.errors import BadSegment
from app.ids import new_token, token_hash
from app.offices.models import Classroom, Office, Seat
from app.people import merging
from app.people.models import Person, PersonName, RoleGrant, SignIn
from app.people.names import Name, fold
from app.people.register import rename_person
from app.policy import Role
from app.quizzes.models import Answer, Attempt
from app.runs.models import CourseRun, Enrolment, RunTrainer
from app.schedule.models import AttendanceMark, Meeting, MinutesLine
from app.sync import applying, arriving, chain, handover, keys, rows, scope, sealer, segments, trust
from app.sync.arriving import Arrived
from app.sync.catalogue import TABLES, Kind
from app.sync.models import AuditEvent, HeldEntry, JournalEntry, Node, PersonMerge
from app.sync.segments import Segment
from app.sync.shapes import Head
from app.work import work
from config import Config
from tests.factories import added, make_classroom, make_office, make_person, make_staff
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

    def down(self, to: Installation | None = None, *, held: Head | None = None, days: int = 0) -> list[Segment]:
        """What the centre has for a class server that holds `held`."""
        to = to or self.near
        now = NOW + timedelta(days=days)
        sealer.settle_epoch(self.centre.database, self.centre.config.folder, now=now)
        return scope.next_down(self.centre.database, to.code, self.centre.keys, now, held)

    def held(self, at: Installation | None = None) -> Head | None:
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
            f"{name}-{what}": one.id for what, one in {  # type: ignore[attr-defined]
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


def test_what_is_left_of_the_scope_is_removed(world: World) -> None:
    """A run that is cancelled at the centre leaves the class server, with all that came with it and that nothing there uses."""
    world.sync()
    with work(world.centre.database) as db:
        db.get_one(CourseRun, world.ids["near-run"]).state = "cancelled"

    arrived = world.sync()

    with world.near.database.sessions() as db:
        for model in (CourseRun, Enrolment, Meeting, RunTrainer, CourseVersion):
            assert db.scalar(sa.select(sa.func.count()).select_from(model)) == 0, model
    assert (arrived.counts["kept"], arrived.counts["held"]) == (0, 0)


def test_what_the_class_built_on_is_kept(world: World) -> None:
    """A row that left the scope stays where something of the class's own refers to it."""
    world.sync()
    with work(world.near.database) as db:
        added(db, AttendanceMark(
            meeting_id=world.ids["near-meeting"], enrolment_id=world.ids["near-enrolment"], revision=1, status="present", channel="roll-call", by_id=None, at=NOW,
        ))
    with work(world.centre.database) as db:
        db.get_one(CourseRun, world.ids["near-run"]).state = "cancelled"

    arrived = world.sync()

    with world.near.database.sessions() as db:
        assert db.get(Enrolment, world.ids["near-enrolment"]) is not None
        assert db.scalar(sa.select(sa.func.count()).select_from(AttendanceMark)) == 1
    assert arrived.counts["kept"] > 0


# ---- versions --------------------------------------------------------------------------------------------------------


@pytest.mark.goal("NET-04")
def test_a_version_never_goes_back(world: World) -> None:
    """An older version taken again, or taken late, changes nothing."""
    world.sync()
    older: list[list[Segment]] = []
    for n in range(3):
        with work(world.centre.database) as db:
            db.get_one(Office, world.ids["near-office"]).contact = f"call {n}"
        older.append(world.down(held=world.held()))
        world.take(older[-1])

    states = [world.take(found).state for found in older]

    with world.near.database.sessions() as db:
        assert (states, db.get_one(Office, world.ids["near-office"]).contact) == (["known"] * 3, "call 2")


def test_a_version_whose_predecessor_is_missing_waits_for_it(world: World) -> None:
    """A difference to something that is not here is a gap, named by number; with what is missing both are taken."""
    world.sync()
    base = world.held()
    with work(world.centre.database) as db:
        db.get_one(Office, world.ids["near-office"]).contact = "one"
    first = world.down(held=base)
    with work(world.centre.database) as db:
        db.get_one(Office, world.ids["near-office"]).contact = "two"
    both = world.down(held=base)
    assert base is not None
    assert [one.header.number for one in both] == [base.number + 1, base.number + 2]
    assert both[0].hash == first[0].hash

    gap = world.take(both[1:])
    taken = world.take(both)

    assert (gap.state, gap.missing, taken.state, taken.number) == ("gap", base.number + 1, "taken", base.number + 2)


def test_a_class_server_that_was_restored_gets_all_anew(world: World) -> None:
    """It holds what this centre does not know: a whole snapshot comes, newer than what it had."""
    world.sync()
    unknown = Head(stream=chain.down_to("near"), epoch="f" * 16, ordinal=1, number=7, hash="ab" * 32)

    found = world.down(held=unknown)

    assert all(one.header.full for one in found)
    assert world.take(found).state == "taken"


def test_a_snapshot_takes_away_what_it_does_not_name(world: World) -> None:
    """A whole snapshot is the last word: rows of others that it does not have go, own rows stay."""
    world.sync()
    with work(world.near.database) as db:
        own = added(db, Person(country_id=db.get_one(Person, world.ids["near-trainee"]).country_id, agency_id=db.get_one(Person, world.ids["near-trainee"]).agency_id, service_number="W-1"))
        key = own.id
    with work(world.centre.database) as db:
        db.get_one(CourseRun, world.ids["near-run"]).state = "cancelled"

    world.take(world.down(held=None))

    with world.near.database.sessions() as db:
        assert (db.get(CourseRun, world.ids["near-run"]), db.get(Person, key) is not None) == (None, True)


def test_a_large_version_comes_in_parts_and_is_taken_whole(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one segment cannot hold goes on in the next; a part alone changes nothing."""
    monkeypatch.setattr(segments, "MOST_ENTRIES", 10)
    found = world.down()
    world.pictures(world.near)

    half = world.take(found[:-1])
    nothing = people_at(world.near)
    whole = world.take(found)

    assert [one.header.more for one in found] == [True] * (len(found) - 1) + [None]
    assert (len(found) > 3, half.state, half.missing, nothing, whole.state) == (True, "gap", found[-1].header.number, set(), "taken")


@pytest.mark.goal("NET-04")
def test_nothing_is_assigned_without_its_content(world: World) -> None:
    """A version whose course pictures are not there is not taken: no run, no person, and it names the files."""
    found = world.down()

    arrived = world.take(found)

    assert (arrived.state, arrived.media) == ("waits", [files.keep(world.near.config.folder / "media", PICTURE)])
    assert people_at(world.near) == set()
    assert world.take(found).state == "taken"


def test_the_files_of_what_is_owed_are_named(world: World) -> None:
    """With a version go the media that it names for the first time; what the class server holds goes no more."""
    found = world.down()
    with world.centre.database.sessions() as db:
        owed, known = scope.blobs_for(db, "near", []), scope.blobs_for(db, "near", [found[-1].hash])
        everything = list(db.scalars(sa.select(Media.sha256)))

    assert (owed, known) == ([("media", one) for one in everything], [])


def test_another_class_servers_version_is_refused(world: World) -> None:
    """What is meant for another room, or signed by another than the centre, is not taken."""
    world.pictures(world.far)
    with pytest.raises(BadSegment):
        world.take(world.down(), world.far)
    stranger = applying.Trust("centre", {"centre": world.far.keys.public.sign})
    with pytest.raises(BadSegment, match="not signed"):
        arriving.take_down(world.near.database, world.near.config, world.down(), trusted=stranger, now=NOW)


def test_what_is_unknown_to_an_older_release_is_kept_aside(world: World) -> None:
    """An entry of a table that this release does not know is kept and named; the rest of the version holds."""
    world.sync()
    with world.near.database.sessions() as db:
        before = arriving.held(db, "centre")
    assert before is not None
    segment = segments.seal(
        [["r", "hologram", {"id": str(uuid.uuid4())}]], stream=chain.down_to("near"), node="centre", epoch=before.epoch, ordinal=before.ordinal,
        number=before.number + 1, prev=before.hash, sealed_at=NOW, keys=world.centre.keys, random=lambda n: b"\1" * n,
    )

    arrived = world.take([segment])

    with world.near.database.sessions() as db:
        assert (arrived.state, db.execute(sa.select(HeldEntry.table, HeldEntry.why)).all()) == ("taken", [("hologram", "unknown")])


# ---- whose rows ------------------------------------------------------------------------------------------------------


def given(world: World) -> None:
    """The near run is given to its class server."""
    with work(world.centre.database) as db:
        node = db.scalars(sa.select(Node).where(Node.code == "near")).one()
        handover.give(db, db.get_one(CourseRun, world.ids["near-run"]), server=node, by=None, now=NOW)


def test_rows_given_to_a_class_server_are_taken_once(world: World) -> None:
    """It owns them with a base entry of the centre's word; what it changes then is never overwritten by what comes down."""
    world.sync()
    given(world)
    world.sync()
    with work(world.near.database) as db:
        run = db.get_one(CourseRun, world.ids["near-run"])
        run.note = "changed here"
        assert run.owner_node == "near"
    world.take(world.down(held=None))

    with world.near.database.sessions() as db:
        run = db.get_one(CourseRun, world.ids["near-run"])
        entries = db.execute(sa.select(JournalEntry.node, JournalEntry.version).where(JournalEntry.row_id == run.id).order_by(JournalEntry.version)).all()
        assert (run.owner_node, run.note, len(entries)) == ("near", "changed here", 2)
        assert [node for node, _ in entries] == ["centre", "near"]
    assert [entry for one in world.down(held=world.held()) for entry in segments.open_body(one).entries] == []


def test_a_row_given_folds_to_what_it_is(world: World) -> None:
    """What was given, and what was changed since: the entries of the row make the row."""
    given(world)
    world.sync()
    with work(world.near.database) as db:
        db.get_one(CourseRun, world.ids["near-run"]).note = "changed here"
    with world.near.database.sessions() as db:
        entries = [dict(row) for row in db.execute(sa.select(JournalEntry.__table__).where(JournalEntry.row_id == world.ids["near-run"])).mappings()]
        folded = applying.fold(entries, "centre")
        row = db.connection().execute(sa.select(*rows.travelling("course_run").values()).where(CourseRun.id == world.ids["near-run"])).mappings().one()

    assert folded.refused == frozenset()
    assert folded.owner == "near"
    assert folded.content == {key: value for key, value in rows.as_json("course_run", dict(row)).items() if key != "version"}


def test_a_run_taken_back_is_read_only_at_the_class(world: World) -> None:
    """Once the centre has taken a run over by its own word, the class server has the centre's row, whatever it had changed."""
    given(world)
    world.sync()
    with work(world.near.database) as db:
        db.get_one(CourseRun, world.ids["near-run"]).note = "changed here"
    with work(world.centre.database) as db:
        handover.take_back(db, db.get_one(CourseRun, world.ids["near-run"]), by=None, now=NOW, reason="the server is slow")

    world.sync()

    with world.near.database.sessions() as db:
        run = db.get_one(CourseRun, world.ids["near-run"])
        assert (run.owner_node, run.note) == ("centre", "")


def test_who_is_enrolled_late_at_the_centre_comes_as_the_classs_own(world: World) -> None:
    """An enrolment added at the centre to a run given away is the class server's when it arrives."""
    given(world)
    world.sync()
    with work(world.centre.database) as db:
        late = runs.enrol(db, db.get_one(CourseRun, world.ids["near-run"])).id

    world.sync()

    with world.near.database.sessions() as db:
        assert db.get_one(Enrolment, late).owner_node == "near"


def test_a_server_that_took_anothers_place_gets_its_work(world: World) -> None:
    """Attempts and answers of the old server come down to the new one; a server's own never come back to it."""
    with work(world.centre.database) as db:
        attempt = added(db, Attempt(
            enrolment_id=world.ids["near-enrolment"], course_version_id=db.get_one(CourseRun, world.ids["near-run"]).course_version_id, quiz="pre", kind="pre-test",
            number=1, language="ru", seed="s", draw=["q"], supervised=True, state="handed-in", started_at=NOW, owner_node="old",
        ))
        for n, owner in enumerate(("old", "near")):
            added(db, Answer(attempt_id=attempt.id, question="q", revision=n + 1, key=f"k{n}", response={"choice": n}, saved_at=NOW, owner_node=owner))

    world.sync()

    with world.near.database.sessions() as db:
        assert db.scalars(sa.select(Answer.owner_node)).all() == ["old"]


def test_two_nodes_adding_the_same_are_both_kept(world: World) -> None:
    """A person enrolled at both sides: the class's own row stands there, the other is held aside with its reason."""
    given(world)
    world.sync()
    with work(world.near.database) as db:
        mine = runs.enrol(db, db.get_one(CourseRun, world.ids["near-run"]), db.get_one(Person, world.ids["near-idle"])).id
    with work(world.centre.database) as db:
        runs.enrol(db, db.get_one(CourseRun, world.ids["near-run"]), db.get_one(Person, world.ids["near-idle"]))

    arrived = world.sync()

    with world.near.database.sessions() as db:
        assert db.scalars(sa.select(Enrolment.id).where(Enrolment.person_id == world.ids["near-idle"])).all() == [mine]
        assert db.scalars(sa.select(HeldEntry.why)).all() == ["conflict"]
        assert arrived.counts["held"] == 1


def test_a_name_corrected_at_the_class_stays_corrected(world: World) -> None:
    """A new name is the class's own row: lists show it there at once, also after the centre's next version."""
    world.sync()
    with work(world.near.database) as db:
        person = db.get_one(Person, world.ids["near-trainee"])
        rename_person(db, person, names={"Latn": Name("Newname", "Aigerim")}, since=NOW.date(), reason="order 4")
    with work(world.centre.database) as db:
        db.get_one(Person, world.ids["near-trainee"]).gender = "f"

    world.sync()

    with world.near.database.sessions() as db:
        person = db.get_one(Person, world.ids["near-trainee"])
        assert (person.owner_node, person.gender, person.display_name, fold("Newname") in person.search_key, "trainee" in person.search_key) == (
            "centre", "f", "Newname Aigerim", True, True,
        )


def test_a_merge_and_its_undoing_reach_the_class(world: World) -> None:
    """What the class wrote about a dropped file means the kept one once it hears of the merge, and the dropped one again when that is undone."""
    world.sync()
    with work(world.near.database) as db:
        mine = added(db, MinutesLine(run_id=world.ids["near-run"], day=NOW.date(), at=NOW, by_id=world.ids["near-idle"], what="note")).id
    with work(world.centre.database) as db:
        dropped, kept = (db.get_one(Person, world.ids[f"near-{who}"]) for who in ("idle", "trainee"))
        merge = merging.merge(db, dropped=dropped, kept=kept, by=world.ids["registrar"], now=NOW, reason="one officer", document=True).id
    world.sync()
    with world.near.database.sessions() as db:
        merged = db.scalar(sa.select(MinutesLine.by_id).where(MinutesLine.id == mine))
    with work(world.centre.database) as db:
        merging.unmerge(db, db.get_one(PersonMerge, merge), by=world.ids["registrar"], now=NOW)
    world.sync()

    with world.near.database.sessions() as db:
        again = db.scalar(sa.select(MinutesLine.by_id).where(MinutesLine.id == mine))
    assert (merged, again) == (world.ids["near-trainee"], world.ids["near-idle"])


# ---- roles that ended ------------------------------------------------------------------------------------------------


def signed_in(world: World, person: uuid.UUID) -> uuid.UUID:
    with work(world.near.database) as db:
        sign_in: SignIn = added(db, SignIn(
            person_id=person, token_hash=token_hash(new_token()), kind="password", seat_id=None, address="::1", browser="test", started_at=NOW, seen_at=NOW,
        ))
        return sign_in.id


@pytest.mark.goal("NET-14")
@pytest.mark.parametrize("how", ["ended", "withdrawn", "left"])
def test_a_role_that_ended_ends_the_sign_in_at_the_next_contact(world: World, how: str) -> None:
    """Ended at the centre, given back altogether, or the person left: his open sign-in at the class is over once it hears of it."""
    world.sync()
    sign_in, other = signed_in(world, world.ids["near-manager"]), signed_in(world, world.ids["registrar"])
    with work(world.centre.database) as db:
        grant = db.scalars(sa.select(RoleGrant).where(RoleGrant.person_id == world.ids["near-manager"])).one()
        if how == "ended":
            grant.valid_to = NOW.date() - timedelta(days=1)
        elif how == "withdrawn":
            db.delete(grant)
        else:
            db.get_one(Person, world.ids["near-manager"]).left_on = NOW.date()

    arrived = world.sync()

    with world.near.database.sessions() as db:
        assert (db.get_one(SignIn, sign_in).ended_why, db.get_one(SignIn, other).ended_at) == ("role", None)
    assert arrived.ended == {world.ids["near-manager"]}


@pytest.mark.goal("NET-14")
def test_what_was_done_without_the_role_stands_and_is_noted(world: World) -> None:
    """Attendance that he marked after his role had ended is kept, and an audit event says who, since when, how much."""
    world.sync()
    with work(world.near.database, world.ids["near-manager"]) as db:
        added(db, AttendanceMark(
            meeting_id=world.ids["near-meeting"], enrolment_id=world.ids["near-enrolment"], revision=1, status="present", channel="roll-call",
            by_id=world.ids["near-manager"], at=NOW,
        ))
    with work(world.centre.database) as db:
        db.scalars(sa.select(RoleGrant).where(RoleGrant.person_id == world.ids["near-manager"])).one().valid_to = NOW.date() - timedelta(days=3)

    world.sync()

    with world.near.database.sessions() as db:
        assert db.scalar(sa.select(sa.func.count()).select_from(AttendanceMark)) == 1
        event = db.scalars(sa.select(AuditEvent).where(AuditEvent.what == "done without a role")).one()
        assert (event.about, event.detail["done"], event.detail["roles"]) == (str(world.ids["near-manager"]), {"attendance_mark": 1}, ["class-manager"])


# ---- runs and versions, numbers --------------------------------------------------------------------------------------


@pytest.mark.goal("NET-11")
def test_a_run_keeps_its_course_version_whatever_the_centre_publishes(world: World) -> None:
    """A newer version of the course is not sent for a run that began with the older one, and the run stays pinned."""
    world.sync()
    with work(world.centre.database) as db:
        run = db.get_one(CourseRun, world.ids["near-run"])
        old = db.get_one(CourseVersion, run.course_version_id)
        newer = added(db, CourseVersion(
            course_id=old.course_id, number=2, content_hash="n" * 64, titles=old.titles, languages=old.languages, content=runs.course_content(), published_at=NOW,
        ))
        pinned, published = old.id, newer.id

    world.sync()

    with world.near.database.sessions() as db:
        assert db.get_one(CourseRun, world.ids["near-run"]).course_version_id == pinned
        assert db.get(CourseVersion, published) is None


def test_numbers_and_events_of_certificates_go_where_they_belong(world: World) -> None:
    """A class server gets its own block of numbers, and what the centre did to a certificate that it issued."""
    world.sync()
    with work(world.centre.database) as db:
        for n, code in enumerate(("near", "far")):
            added(db, NumberBlock(country_code="KZ", year=2026, first=1 + 100 * n, last=100 + 100 * n, given_to=code, given_at=NOW))
    world.sync()
    with work(world.near.database) as db:
        [block] = db.scalars(sa.select(NumberBlock)).all()
        values: dict[str, Any] = {
            "number": "KZ-2026-000001-1", "country_code": "KZ", "year": 2026, "serial": 1, "block_id": block.id, "enrolment_id": world.ids["near-enrolment"],
            "office_id": world.ids["near-office"], "kind": "completed", "facts": {}, "payload": "p", "key_id": "k", "random_key_hash": "h", "issued_at": NOW,
            "issued_by": world.ids["near-manager"],
        }
        key = added(db, Certificate(**values)).id
    with work(world.centre.database) as db:
        added(db, Certificate(id=key, owner_node="near", **values))
        added(db, CertificateEvent(certificate_id=key, state="revoked", at=NOW, by=world.ids["registrar"], reason="forged"))

    world.sync()

    with world.near.database.sessions() as db:
        assert (db.scalars(sa.select(NumberBlock.given_to)).all(), db.scalars(sa.select(CertificateEvent.state)).all()) == (["near"], ["revoked"])
        assert db.scalar(sa.select(sa.func.count()).select_from(Certificate)) == 1


@pytest.mark.parametrize("people", [1, 12])
def test_the_number_of_queries_does_not_grow_with_the_class(world: World, people: int) -> None:
    """One query finds the rows of a table and one reads them, however many there are."""
    with work(world.centre.database) as db:
        for _ in range(people):
            runs.enrol(db, db.get_one(CourseRun, world.ids["near-run"]))
    statements: list[str] = []
    sa.event.listen(world.centre.database.engine, "before_cursor_execute", lambda _c, _u, statement, *_: statements.append(statement))

    with world.centre.database.sessions() as db:
        assert len(list(scope.entries_for(db, "near", now=NOW).rows({}))) > 30

    assert len(statements) < 3 * len(scope.GOES)


# ---- what is kept of it ----------------------------------------------------------------------------------------------


def stored_down(world: World) -> list[int]:
    with world.centre.database.sessions() as db:
        return [link.number for link in chain.links(db, "centre", chain.down_to("near"))]


def test_the_same_snapshot_goes_until_it_has_arrived(world: World) -> None:
    """As long as the class server holds nothing, the first snapshot is sent again with what changed since; no second one is made."""
    first = world.down()
    with work(world.centre.database) as db:
        db.get_one(Office, world.ids["near-office"]).contact = "changed"

    again = world.down()

    assert [one.hash for one in again[: len(first)]] == [one.hash for one in first]
    assert [one.header.full for one in again] == [True] * len(first) + [None]


def test_versions_that_were_outgrown_are_forgotten(world: World) -> None:
    """The centre keeps what the class server still lacks and what it holds; the class server keeps the version that holds."""
    for n in range(4):
        with work(world.centre.database) as db:
            db.get_one(Office, world.ids["near-office"]).contact = f"call {n}"
        world.sync()
    held = world.held()
    world.down(held=held)

    assert held is not None
    with world.near.database.sessions() as db:
        at_class = [link.number for link in chain.links(db, "centre", chain.down_to("near"))]
    assert (stored_down(world), at_class) == ([held.number], [held.number])


def test_what_stood_in_the_way_is_tried_again(world: World) -> None:
    """A row that collided with one of the class's own is there as soon as that one gives way."""
    given(world)
    world.sync()
    with work(world.near.database) as db:
        mine = runs.enrol(db, db.get_one(CourseRun, world.ids["near-run"]), db.get_one(Person, world.ids["near-idle"])).id
    with work(world.centre.database) as db:
        other = runs.enrol(db, db.get_one(CourseRun, world.ids["near-run"]), db.get_one(Person, world.ids["near-idle"])).id
    world.sync()
    with work(world.near.database) as db:
        db.delete(db.get_one(Enrolment, mine))
    with work(world.centre.database) as db:
        db.get_one(Office, world.ids["near-office"]).contact = "a reason for another version"

    world.sync()

    with world.near.database.sessions() as db:
        assert (db.get_one(Enrolment, other).person_id, db.scalars(sa.select(HeldEntry.settled_how)).all()) == (world.ids["near-idle"], ["applied"])


def test_both_databases_send_and_take(database: Database, tmp_path: Path) -> None:
    """A centre on either database makes a version, and a class server on either takes it: the rows come out the same."""
    config = Config(NODE="centre", INSTANCE=str(tmp_path), SECRET_KEY="k" * 40, PEPPER="p" * 40)
    config.folder.mkdir()
    database.node = "centre"
    database.sessions.configure(info={"node": "centre", "role": "centre"})
    near, far = install(tmp_path, "near", role="classroom"), install(tmp_path, "far", role="classroom")
    world = World(Installation(config, database, keys.load_or_make(config.folder)), near, far, {})
    with work(database) as db:
        _people_and_runs(db, world)
    try:
        taken = world.sync()
        given(world)
        again = world.sync()
        sent = contents(near)
        here = Installation(replace(near.config, NODE="near"), database, near.keys)
        back = _rows_again(world, here)
    finally:
        near.close()
        far.close()

    assert (taken.state, again.state, again.counts["changed"], back) == ("taken", "taken", 5, sent)


def _rows_again(world: World, here: Installation) -> dict[str, list[dict[str, Any]]]:
    """The whole version taken by a class server on the same database as the centre, once the centre's rows are away."""
    found = world.down(held=None)
    with here.database.sessions() as db:
        for table in reversed(Node.metadata.sorted_tables):
            db.connection().execute(sa.delete(table))
        db.commit()
    here.database.node = "near"
    here.database.sessions.configure(info={"node": "near", "role": "classroom"})
    assert world.take(found, here).state == "taken"
    return contents(here)


def test_a_bundle_brings_an_empty_class_server_to_work(world: World) -> None:
    """The first snapshot in a bundle: people, run, course and its pictures; then a run is given, worked on there, and carried up."""
    public = world.centre.keys.public
    trust.keep(world.near.config.folder, trust.Joining(
        state="confirmed", secret="", asked_at=NOW.isoformat(), centre="centre", sign=base64.b64encode(public.sign).decode(),
        box=base64.b64encode(public.box).decode(), accepted=True,
    ))
    given(world)

    first = world.near.take(world.centre.bundle(world.near).path)
    with work(world.near.database) as db:
        db.get_one(CourseRun, world.ids["near-run"]).note = "changed there"
        added(db, AttendanceMark(
            meeting_id=world.ids["near-meeting"], enrolment_id=world.ids["near-enrolment"], revision=1, status="present", channel="roll-call", by_id=None, at=NOW,
        ))
    up = world.centre.take(world.near.bundle(world.centre).path)
    again = world.centre.bundle(world.near)

    assert (first.down is not None, first.blobs, first.files_missing, first.missing) == (True, 1, 0, {})
    assert (up.taken.new, dict(up.taken.held), again.counts["down"]) == (2, {}, 0)
    with world.centre.database.sessions() as db:
        assert (db.get_one(CourseRun, world.ids["near-run"]).note, db.scalar(sa.select(sa.func.count()).select_from(AttendanceMark))) == ("changed there", 1)
