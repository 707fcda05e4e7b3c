"""What people do on a class server and at the centre: each deed is asked of one machine and changes some rows."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.certificates import services as certificates
from app.certificates.models import Certificate, NumberBlock
from app.courses.models import CourseVersion
from app.ids import new_id
from app.offices.models import Country, Seat
from app.people import merging, register
from app.people.models import Person, PersonName, Posting, RoleGrant
from app.progress.models import LessonProgress
from app.quizzes import services as quizzes
from app.quizzes.models import Attempt, AttemptEvent, Incident
from app.runs.models import CourseRun, Enrolment
from app.schedule.models import AttendanceMark, MinutesLine, Seating
from app.sync import erasing, handover
from app.sync.models import AuditEvent, Node
from app.work import work
from tests.simulation.first_day import QUIZ, STARTS, enrolment, plan_run
from tests.simulation.world import Machine, Outcome, World

WRITER = "the-tab"


@dataclass(frozen=True)
class Deed:
    """Something that people do, how often against the others, and on which kind of node."""

    name: str
    weight: int
    do: Callable[[World, Machine], Outcome | None]  # None: there was nothing to do it with


class Nothing(Exception):
    """There is nothing here to do it with."""


def one(world: World, machine: Machine, sql: str, *values: Any) -> tuple[Any, ...]:
    """One of the rows that a query finds on the machine's disk. Raises Nothing."""
    found = machine.look(sql, *values)
    if not found:
        raise Nothing
    return world.chance.choice(found)


def row(db: Session, kind: type[Any], key: str) -> Any:
    """The row of that id, as it stands now."""
    return db.get_one(kind, uuid.UUID(key))


# ---- on a class server -----------------------------------------------------------------------------------------------

OPEN_RUN = "SELECT id FROM course_run WHERE owner_node = ? AND state = 'open' ORDER BY id"
ENROLLED = (
    "SELECT e.id, e.run_id, e.person_id FROM enrolment e JOIN course_run r ON r.id = e.run_id"
    " WHERE r.owner_node = ? AND r.state = 'open' AND e.state = 'enrolled' ORDER BY e.id"
)
OPEN_ATTEMPT = "SELECT id FROM attempt WHERE owner_node = ? AND state = 'open' ORDER BY id"


def walk_in(world: World, machine: Machine) -> Outcome:
    """Somebody whom nobody announced; sometimes under a number that another class, or the centre, has given to his file too."""
    (run_id,) = one(world, machine, OPEN_RUN, machine.code)
    service_number = str(world.chance.randint(7000, 7005) if world.chance.random() < 0.3 else world.chance.randint(8000, 10**6))
    (agency_id, country_id) = one(world, machine, "SELECT id, country_id FROM agency ORDER BY id")

    def do() -> None:
        with work(machine.database) as db:
            run = row(db, CourseRun, run_id)
            if db.scalar(sa.select(Person.id).where(Person.service_number == service_number)):
                return
            person = Person(
                country_id=uuid.UUID(country_id), agency_id=uuid.UUID(agency_id), service_number=service_number, provisional=True,
                display_name=service_number, search_key=service_number,
            )  # fmt: skip
            db.add(person)
            db.flush()
            # A name that is nobody else's: what was erased is looked for by it.
            name = PersonName(person_id=person.id, script="Latn", family=f"Walkin{person.id.hex[-8:]}", given="Aigerim", valid_from=STARTS)
            db.add(name)
            register.refresh_keys(person, [name], db.get_one(Country, person.country_id).languages)
            db.add(Posting(person_id=person.id, office_id=run.office_id, agency_id=uuid.UUID(agency_id), valid_from=STARTS))
            db.flush()
            highest = db.scalar(sa.select(sa.func.max(Enrolment.number)).where(Enrolment.run_id == run.id)) or 0
            db.add(enrolment(run, person.id, uuid.UUID(agency_id), highest + 1, walk_in=True))

    return world.ask(machine, f"a walk-in with number {service_number}", do)


def start_attempt(world: World, machine: Machine) -> Outcome:
    """A trainee begins the final test."""
    enrolment_id, *_ = one(world, machine, ENROLLED, machine.code)

    def do() -> None:
        with work(machine.database) as db:
            quizzes.start_attempt(
                db, enrolment_id=uuid.UUID(enrolment_id), quiz=QUIZ, now=clock.now(), uptime=clock.uptime(), writer=WRITER,
            )  # fmt: skip

    return world.ask(machine, f"{enrolment_id[-4:]} begins the test", do)


def save_answers(world: World, machine: Machine) -> Outcome:
    """One to three answers, each a save of its own; sometimes one is sent twice."""
    (attempt_id,) = one(world, machine, OPEN_ATTEMPT, machine.code)
    saves = [(world.chance.randrange(3), world.chance.choice("abc"), world.chance.random() < 0.2) for _ in range(world.chance.randint(1, 3))]

    def do() -> None:
        for place, option, twice in saves:
            with work(machine.database) as db:
                attempt = row(db, Attempt, attempt_id)
                revision = (db.scalar(sa.text("SELECT max(revision) FROM answer WHERE attempt_id = :a").bindparams(a=attempt_id)) or 0) + 1
                question = attempt.draw[place % len(attempt.draw)]
            key = new_id().hex
            for _ in range(1 + twice):
                with work(machine.database) as db:
                    quizzes.save_answer(
                        db, uuid.UUID(attempt_id), question=question, response={"chosen": option}, revision=revision, key=key, writer=WRITER,
                        now=clock.now(), uptime=clock.uptime(),
                    )  # fmt: skip

    return world.ask(machine, f"{len(saves)} answers saved in {attempt_id[-4:]}", do)


def hand_in(world: World, machine: Machine) -> Outcome:
    """A trainee is done."""
    (attempt_id,) = one(world, machine, OPEN_ATTEMPT, machine.code)

    def do() -> None:
        with work(machine.database) as db:
            quizzes.hand_in(db, uuid.UUID(attempt_id), now=clock.now(), uptime=clock.uptime(), writer=WRITER)

    return world.ask(machine, f"{attempt_id[-4:]} handed in", do)


def take_roll(world: World, machine: Machine) -> Outcome:
    """Who is there; a later revision corrects an earlier one."""
    enrolment_id, run_id, _ = one(world, machine, ENROLLED, machine.code)
    (meeting_id,) = one(world, machine, "SELECT id FROM meeting WHERE run_id = ? ORDER BY id", run_id)
    status = world.chance.choice(("present", "late", "absent"))

    def do() -> None:
        with work(machine.database) as db:
            here = sa.select(sa.func.max(AttendanceMark.revision)).where(
                AttendanceMark.meeting_id == uuid.UUID(meeting_id), AttendanceMark.enrolment_id == uuid.UUID(enrolment_id)
            )
            db.add(
                AttendanceMark(
                    meeting_id=uuid.UUID(meeting_id), enrolment_id=uuid.UUID(enrolment_id), revision=(db.scalar(here) or 0) + 1, status=status,
                    channel="roll-call", by_id=world.template.people[machine.code], at=clock.now(),
                )
            )

    return world.ask(machine, f"{enrolment_id[-4:]} is {status}", do)


def incident(world: World, machine: Machine) -> Outcome:
    """The room stopped, and goes on later."""
    (run_id,) = one(world, machine, OPEN_RUN, machine.code)
    still_open = machine.look("SELECT id FROM incident WHERE owner_node = ? AND to_at IS NULL ORDER BY id", machine.code)
    attempts = machine.look(OPEN_ATTEMPT, machine.code)

    def do() -> None:
        with work(machine.database) as db:
            if still_open:
                row(db, Incident, still_open[0][0]).to_at = clock.now()
                return
            found = Incident(run_id=uuid.UUID(run_id), kind="outage", from_at=clock.now(), noticed_at=clock.now())
            db.add(found)
            db.flush()
            for (attempt_id,) in attempts:
                db.add(AttemptEvent(attempt_id=uuid.UUID(attempt_id), at=clock.now(), by_id=None, what="outage", incident_id=found.id))

    return world.ask(machine, "the room goes on" if still_open else "the room stops", do)


def certificate(world: World, machine: Machine) -> Outcome:
    """A certificate from the node's own block of numbers, for somebody who has none yet."""
    enrolment_id, run_id, person_id = one(world, machine, ENROLLED, machine.code)

    def do() -> None:
        with work(machine.database) as db:
            run = row(db, CourseRun, run_id)
            has = sa.select(Certificate.id).join(Enrolment, Enrolment.id == Certificate.enrolment_id).where(Enrolment.person_id == uuid.UUID(person_id))
            block = db.scalars(sa.select(NumberBlock).where(NumberBlock.given_to == machine.code).order_by(NumberBlock.first)).first()
            if block is None or db.scalar(has):
                return
            highest = db.scalar(sa.select(sa.func.max(Certificate.serial)).where(Certificate.block_id == block.id)) or block.first - 1
            if highest == block.last:
                return
            db.add(
                Certificate(
                    number=f"KZ-2026-{highest + 1:06d}", country_code="KZ", year=2026, serial=highest + 1, block_id=block.id,
                    enrolment_id=uuid.UUID(enrolment_id), office_id=run.office_id, kind="completed", facts={"names": {"en": "Aigerim"}},
                    payload=f"KZ{highest + 1}", key_id="key", random_key_hash="0" * 64, issued_at=clock.now(), issued_by=world.template.people[machine.code],
                )
            )

    return world.ask(machine, f"a certificate for {enrolment_id[-4:]}", do)


def change_seat(world: World, machine: Machine) -> Outcome:
    """A PC breaks or is mended; somebody moves."""
    seat_id, state = one(world, machine, "SELECT id, state FROM seat WHERE owner_node = ? ORDER BY id", machine.code)
    enrolment_id, run_id, _ = one(world, machine, ENROLLED, machine.code)

    def do() -> None:
        with work(machine.database) as db:
            row(db, Seat, seat_id).state = "broken" if state == "works" else "works"
            seating = db.scalars(sa.select(Seating).where(Seating.enrolment_id == uuid.UUID(enrolment_id))).first()
            if seating is None:
                db.add(Seating(run_id=uuid.UUID(run_id), enrolment_id=uuid.UUID(enrolment_id), seat_id=uuid.UUID(seat_id)))
            elif seating.owner_node == machine.code:
                seating.seat_id, seating.wave = uuid.UUID(seat_id), 3 - seating.wave

    return world.ask(machine, f"seat {seat_id[-4:]} was {state}", do)


def note(world: World, machine: Machine) -> Outcome:
    """A line in the minutes."""
    (run_id,) = one(world, machine, OPEN_RUN, machine.code)
    text = f"note {world.step}"

    def do() -> None:
        with work(machine.database) as db:
            db.add(MinutesLine(run_id=uuid.UUID(run_id), day=STARTS, at=clock.now(), by_id=None, what="note", note=text))
            db.add(AuditEvent(at=clock.now(), actor_id=None, what="export", about=run_id))

    return world.ask(machine, text, do)


def study(world: World, machine: Machine) -> Outcome:
    """A trainee reads on: a record that changes often."""
    enrolment_id, *_ = one(world, machine, ENROLLED, machine.code)

    def do() -> None:
        with work(machine.database) as db:
            found = db.scalars(sa.select(LessonProgress).where(LessonProgress.enrolment_id == uuid.UUID(enrolment_id))).first()
            if found is None:
                db.add(LessonProgress(enrolment_id=uuid.UUID(enrolment_id), lesson="zones", started_at=clock.now(), visited_at=clock.now()))
            elif found.owner_node == machine.code:
                found.page, found.pages_read = found.page + 1, [*found.pages_read, found.page]

    return world.ask(machine, f"{enrolment_id[-4:]} reads on", do)


def correct_file(world: World, machine: Machine) -> Outcome:
    """The class corrects the file of a walk-in that is still its own."""
    (person_id,) = one(world, machine, "SELECT id FROM person WHERE owner_node = ? ORDER BY id", machine.code)

    def do() -> None:
        with work(machine.database) as db:
            row(db, Person, person_id).email = f"corrected{world.step}@border.example"

    return world.ask(machine, f"file of {person_id[-4:]} corrected", do)


def withdraw(world: World, machine: Machine) -> Outcome:
    """Somebody leaves the run, or comes back."""
    enrolment_id, state = one(world, machine, "SELECT id, state FROM enrolment WHERE owner_node = ? ORDER BY id", machine.code)

    def do() -> None:
        with work(machine.database) as db:
            row(db, Enrolment, enrolment_id).state = "withdrawn" if state == "enrolled" else "enrolled"

    return world.ask(machine, f"{enrolment_id[-4:]} was {state}", do)


def take_out_seating(world: World, machine: Machine) -> Outcome:
    """A row that is removed: nobody sits there any more."""
    (seating_id,) = one(world, machine, "SELECT id FROM seating WHERE owner_node = ? ORDER BY id", machine.code)

    def do() -> None:
        with work(machine.database) as db:
            db.delete(row(db, Seating, seating_id))

    return world.ask(machine, f"seating {seating_id[-4:]} removed", do)


def save_too_late(world: World, machine: Machine) -> Outcome:
    """A browser that slept sends an answer to a test that is over: it must be refused."""
    (attempt_id,) = one(world, machine, "SELECT id FROM attempt WHERE owner_node = ? AND state <> 'open' ORDER BY id", machine.code)

    def do() -> None:
        with work(machine.database) as db:
            attempt = row(db, Attempt, attempt_id)
            quizzes.save_answer(
                db, attempt.id, question=attempt.draw[0], response={"chosen": "a"}, revision=999, key=new_id().hex, writer=WRITER, now=clock.now(),
                uptime=clock.uptime(),
            )  # fmt: skip

    return world.ask(machine, f"an answer too late for {attempt_id[-4:]}", do)


# ---- at the centre ---------------------------------------------------------------------------------------------------


def give_role(world: World, machine: Machine) -> Outcome:
    """A role is given to a class manager, or withdrawn."""
    code = world.chance.choice([m.code for m in world.classes()] or [machine.code])
    person = world.template.people[code]

    def do() -> None:
        with work(machine.database) as db:
            grants = list(db.scalars(sa.select(RoleGrant).where(RoleGrant.person_id == person).order_by(RoleGrant.id)))
            if len(grants) > 1:
                db.delete(grants[-1])
            else:
                db.add(RoleGrant(person_id=person, role="trainer", office_id=grants[0].office_id, valid_from=STARTS))

    return world.ask(machine, f"a role of the manager of {code}", do)


def change_person(world: World, machine: Machine) -> Outcome:
    """The centre changes somebody's file."""
    (person_id,) = one(world, machine, "SELECT id FROM person WHERE owner_node = ? ORDER BY id", machine.code)

    def do() -> None:
        with work(machine.database) as db:
            row(db, Person, person_id).email = f"changed{world.step}@border.example"

    return world.ask(machine, f"file of {person_id[-4:]} changed", do)


def revoke_certificate(world: World, machine: Machine) -> Outcome:
    """The registrar takes a certificate back, for ever."""
    (certificate_id,) = one(world, machine, "SELECT id FROM certificate ORDER BY id")

    def do() -> None:
        with work(machine.database) as db:
            certificates.revoke(
                db, row(db, Certificate, certificate_id), reason="an error", now=clock.now(), actor_id=world.template.people["centre"],
            )  # fmt: skip

    return world.ask(machine, f"certificate {certificate_id[-4:]} revoked", do)


def suspend_certificate(world: World, machine: Machine) -> Outcome:
    """A certificate is suspended where it was issued, or the suspension ends: must never undo a revocation from elsewhere."""
    (certificate_id,) = one(world, machine, "SELECT id FROM certificate WHERE owner_node = ? ORDER BY id", machine.code)
    restore = world.chance.random() < 0.5

    def do() -> None:
        with work(machine.database) as db:
            act = certificates.restore if restore else certificates.suspend
            act(db, row(db, Certificate, certificate_id), reason="a question", now=clock.now(), actor_id=world.template.people[machine.code])

    return world.ask(machine, f"certificate {certificate_id[-4:]} {'restored' if restore else 'suspended'}", do)


def enrol_late(world: World, machine: Machine) -> Outcome:
    """The centre enrols somebody in a run that a class server keeps; he follows with the next bundle."""
    run_id, owner = one(world, machine, "SELECT id, owner_node FROM course_run WHERE state = 'open' ORDER BY id")
    person_id, agency_id = one(world, machine, "SELECT id, agency_id FROM person WHERE owner_node = ? AND service_number LIKE '2%' ORDER BY id", machine.code)

    def do() -> None:
        with work(machine.database) as db:
            run = row(db, CourseRun, run_id)
            there = sa.select(Enrolment.id).where(Enrolment.run_id == run.id, Enrolment.person_id == uuid.UUID(person_id))
            if db.scalar(there) is None:
                highest = db.scalar(sa.select(sa.func.max(Enrolment.number)).where(Enrolment.run_id == run.id)) or 0
                db.add(enrolment(run, uuid.UUID(person_id), uuid.UUID(agency_id), highest + 1))

    return world.ask(machine, f"{person_id[-4:]} enrolled late in a run of {owner}", do)


def plan_and_give(world: World, machine: Machine) -> Outcome:
    """A new run, given to the class server of its room."""
    code, room_id, office_id = one(
        world, machine, "SELECT code, classroom_id, office_id FROM node WHERE role = 'classroom' AND state = 'joined' ORDER BY code"
    )
    (version_id,) = one(world, machine, "SELECT id FROM course_version ORDER BY id")
    name = f"R-2026-{machine.look('SELECT count(*) FROM course_run')[0][0] + 1}-{machine.life}"

    def do() -> None:
        with work(machine.database) as db:
            run = plan_run(db, name, uuid.UUID(version_id), uuid.UUID(office_id), uuid.UUID(room_id), world.template.people[code])
            server = db.scalars(sa.select(Node).where(Node.code == code)).one()
            handover.give(db, run, server=server, by=world.template.people["centre"], now=clock.now())

    return world.ask(machine, f"plans {name} and gives it to {code}", do)


def take_back(world: World, machine: Machine) -> Outcome:
    """The centre takes a run back by its own word, or gives it again."""
    run_id, owner = one(world, machine, "SELECT id, owner_node FROM course_run WHERE state = 'open' ORDER BY id")

    def do() -> None:
        with work(machine.database) as db:
            run = row(db, CourseRun, run_id)
            if run.owner_node == machine.code:
                server = handover.class_server_of(db, run)
                if server is not None:
                    handover.give(db, run, server=server, by=world.template.people["centre"], now=clock.now())
            else:
                handover.take_back(db, run, by=world.template.people["centre"], now=clock.now(), reason="the class moved")

    return world.ask(machine, f"takes {run_id[-4:]} back or gives it again ({owner})", do)


def take_over(world: World, machine: Machine) -> Outcome:
    """A walk-in's file becomes the centre's."""
    (person_id,) = one(world, machine, "SELECT id FROM person WHERE owner_node <> ? ORDER BY id", machine.code)

    def do() -> None:
        with work(machine.database) as db:
            merging.take_over(db, row(db, Person, person_id), by=world.template.people["centre"], now=clock.now(), reason="confirmed")

    return world.ask(machine, f"takes {person_id[-4:]} over", do)


def merge(world: World, machine: Machine) -> Outcome:
    """Two files are one officer."""
    walk_ins = machine.look("SELECT id FROM person WHERE provisional ORDER BY id")
    if len(walk_ins) < 2:
        raise Nothing
    dropped_id, kept_id = (key for (key,) in world.chance.sample(walk_ins, 2))
    world.happened.add("merge")

    def do() -> None:
        with work(machine.database) as db:
            merging.merge(
                db, dropped=row(db, Person, dropped_id), kept=row(db, Person, kept_id), by=world.template.people["centre"], now=clock.now(),
                reason="one officer, seen with his papers", document=True,
            )  # fmt: skip

    return world.ask(machine, f"merges {dropped_id[-4:]} into {kept_id[-4:]}", do)


ERASABLE = (
    "SELECT p.id FROM person p WHERE NOT EXISTS (SELECT 1 FROM role_grant g WHERE g.person_id = p.id)"
    " AND NOT EXISTS (SELECT 1 FROM enrolment e WHERE e.person_id = p.id AND e.state = 'enrolled')"
    " AND NOT EXISTS (SELECT 1 FROM erasure x WHERE x.row_id = p.id) ORDER BY p.id"
)


def erase(world: World, machine: Machine) -> Outcome:
    """The data of somebody who left is erased on order."""
    (person_id,) = one(world, machine, ERASABLE)
    return erase_person(world, person_id)


def erase_person(world: World, person_id: str) -> Outcome:
    """At the centre. Where the order was refused, or the power failed before it was stored, nothing is promised."""
    machine = world.centre

    def do() -> None:
        with work(machine.database) as db:
            person = row(db, Person, person_id)
            files = erasing.files_of(db, person.id)
            families = set(db.scalars(sa.select(PersonName.family).where(PersonName.person_id.in_(files))))
            gone = erasing.order(db, person, by=world.template.people["centre"], reason="order 7", now=clock.now())
            erasing.mark_wipe(machine.folder)
        world.erased.setdefault(person_id, set()).update(families)
        world.happened.add("erasure")
        erasing.take_files_away(machine.database, machine.config, gone)

    return world.ask(machine, f"erases {person_id[-4:]}", do)


def publish(world: World, machine: Machine) -> Outcome:
    """The course gets another version; runs stay with theirs."""
    (course_id,) = one(world, machine, "SELECT id FROM course ORDER BY id")

    def do() -> None:
        with work(machine.database) as db:
            newest = db.scalars(
                sa.select(CourseVersion).where(CourseVersion.course_id == uuid.UUID(course_id)).order_by(CourseVersion.number.desc())
                .options(sa.orm.undefer(CourseVersion.content))
            ).first()
            assert newest is not None
            db.add(
                CourseVersion(
                    course_id=newest.course_id, number=newest.number + 1, content_hash=f"{newest.number + 1:064}", titles=newest.titles,
                    languages=newest.languages, content=newest.content, published_at=clock.now(),
                )
            )

    return world.ask(machine, "publishes another version", do)


ON_A_CLASS_SERVER = (
    Deed("save answers", 8, save_answers),
    Deed("begin the test", 5, start_attempt),
    Deed("hand in", 4, hand_in),
    Deed("save too late", 3, save_too_late),
    Deed("take the roll", 5, take_roll),
    Deed("note", 3, note),
    Deed("walk-in", 4, walk_in),
    Deed("incident", 2, incident),
    Deed("certificate", 4, certificate),
    Deed("suspend a certificate", 3, suspend_certificate),
    Deed("change a seat", 2, change_seat),
    Deed("remove a seating", 1, take_out_seating),
    Deed("study", 3, study),
    Deed("correct a file", 1, correct_file),
    Deed("withdraw", 3, withdraw),
)
AT_THE_CENTRE = (
    Deed("late enrolment", 2, enrol_late),
    Deed("new run", 2, plan_and_give),
    Deed("take a run back", 3, take_back),
    Deed("take a walk-in over", 2, take_over),
    Deed("merge", 1, merge),
    Deed("new version", 1, publish),
    Deed("role", 3, give_role),
    Deed("file", 3, change_person),
    Deed("revoke a certificate", 4, revoke_certificate),
    Deed("erase", 5, erase),
)


def some_deed(world: World, machine: Machine) -> Outcome | None:
    """Let people do something on this machine."""
    deeds = AT_THE_CENTRE if machine.role == "centre" else ON_A_CLASS_SERVER
    (deed,) = world.chance.choices(deeds, [deed.weight for deed in deeds])
    try:
        return deed.do(world, machine)
    except Nothing:
        return None
