"""The demo's course runs: past ones with results, one on now, planned ones with nominations, with the oddities of a real network."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from app import clock
from app.certificates import completion, keys
from app.certificates import queries as certificate_queries
from app.certificates import services as certificates
from app.certificates.models import Certificate
from app.certificates.rules import kind_of
from app.courses import markdown
from app.courses.models import Course, CourseVersion
from app.courses.queries import course_content
from app.ids import new_pin
from app.offices.models import Agency, Classroom, Office, Seat
from app.ops import demo_class, demo_meetings, demo_planning, demo_practicals
from app.ops import demo_data as data
from app.ops.demo import PASSWORD, TRAINEE_PIN, HistoryClock, World, history, take_test
from app.people import credentials, register, signing_in
from app.people.models import Person
from app.people.names import Name
from app.progress import reading
from app.quizzes import invigilation
from app.runs import services as runs
from app.runs.models import CourseRun, Enrolment, Nomination
from app.work import work

VEHICLES, DOCUMENTS = "vehicle-search", "travel-documents"


@dataclass(frozen=True)
class Plan:
    """One run of the demo: where, when (days from today), how many people, how well they do before and after."""

    office: str
    begins: int
    days: int
    people: int
    pre: float
    post: float
    state: str  # closed | open | planned | nominated
    absent: int = 0  # enrolled, but came to no test
    late: int = 0  # came after the pre-test
    today: int = 0  # take the pre-test today, on the second day: the board of the class shows them
    course: str = VEHICLES


PLANS = (
    Plan("KZ-KORDAY", -74, 3, 18, 0.45, 0.86, "closed", absent=1, late=1),
    Plan("UZ-OYBEK", -60, 5, 14, 0.48, 0.84, "closed", late=2),
    Plan("KZ-KONYSBAEV", -46, 3, 16, 0.42, 0.88, "closed", absent=1),
    Plan("TJ-DUSTI", -32, 3, 13, 0.78, 0.55, "closed"),  # the post-test came out below the pre-test
    Plan("KG-AKZHOL", -25, 5, 15, 0.40, 0.82, "closed", absent=2),
    Plan("TM-FARAP", -18, 1, 4, 0.50, 0.85, "closed"),  # too few for a mean to be shown
    Plan("KZ-ATAMEKEN", -11, 3, 17, 0.44, 0.83, "closed", late=1),
    Plan("KZ-KORDAY", -1, 4, 20, 0.46, 0.0, "open", today=demo_class.AT_WORK),
    Plan("UZ-GISHTKUPRIK", -2, 5, 14, 0.43, 0.0, "open", absent=1),
    Plan("KZ-SYPATAI", 12, 3, 12, 0.0, 0.0, "nominated"),
    Plan("TJ-PANJ", 24, 5, 0, 0.0, 0.0, "planned"),
    Plan("KZ-ATAMEKEN", 6, 2, 12, 0.0, 0.0, "nominated", course=DOCUMENTS),
)


def make(world: World) -> None:
    """All runs, then the oddities, then what the welcome text says of trainees."""
    today = clock.now().date()
    signatories(world, today)
    twins(world)
    for plan in PLANS:
        _make_run(world, plan, today)
    renamed_officer(world, today)
    reissued_certificate(world, today)
    demo_class.open_today(world, "KZ-KORDAY")


# ---- oddities of a real network --------------------------------------------------------------------------------------


def twins(world: World) -> None:
    """Two officers of one border office with the same full name: only the service number tells them apart."""
    with work(world.database) as db:
        office = db.get_one(Office, world.offices["KZ-KORDAY"])
        agency = db.get_one(Agency, world.agencies["KZ", "BORDER"])
        for _ in range(2):
            person = register.register_person(
                db, agency=agency, office=office, service_number=str(next(world.numbers)), gender="m", rank="Lieutenant", post="inspector",
                names={"Cyrl": Name("Оспанов", "Данияр", "Серікұлы"), "Latn": Name("Ospanov", "Daniyar", "Serikuly")}, since=date(2024, 3, 1),
            )
            world.people["KZ-KORDAY"].insert(0, person.id)


def renamed_officer(world: World, today: date) -> None:
    """An officer who took another name after her certificate was issued."""
    with work(world.database) as db:
        person = db.scalars(
            sa.select(Person).join(Enrolment, Enrolment.person_id == Person.id).join(CourseRun, CourseRun.id == Enrolment.run_id)
            .where(Person.gender == "f", CourseRun.state == "closed").order_by(CourseRun.starts_on, Enrolment.number).limit(1)
        ).one()
        register.rename_person(
            db, person, names={"Cyrl": Name("Сейтқали", "Айгерім"), "Latn": Name("Seitqali", "Aigerim")}, since=today - timedelta(days=5),
            reason="Вступление в брак, приказ № 14",
        )


# ---- runs ------------------------------------------------------------------------------------------------------------


def _make_run(world: World, plan: Plan, today: date) -> None:
    now = clock.now()
    first = today + timedelta(days=plan.begins)
    planned_on = min(first - timedelta(days=21), today - timedelta(days=2))
    country = plan.office[:2]
    with history(_morning(planned_on)) as moved:
        run_id, enrolments = _plan_and_nominate(world, plan, first, moved)
        if plan.state != "planned":
            demo_meetings.plan(world, run_id)
            demo_planning.of_run(world, run_id)
        world.say(f"  run at {plan.office}: {plan.state}, {len(enrolments) or plan.people} people")
        if plan.state in ("planned", "nominated"):
            return
        moved.at = _morning(first) - timedelta(days=1)
        _slips(world, run_id, enrolments, demo_trainee=plan.office == "KZ-KORDAY" and plan.state == "open")
        seats = _seats(world, plan.office)
        present = enrolments[: len(enrolments) - plan.absent]
        moved.at = _morning(first) + timedelta(minutes=14)
        _start_for_room(world, run_id, "pre", moved)
        for n, enrolment in enumerate(present[: len(present) - plan.late - plan.today]):
            if plan.state == "open" and n == 0:
                continue  # the demo's own trainee begins at the very start
            moved.at = _morning(first) + timedelta(minutes=15)
            skill = plan.pre + world.dice.uniform(-0.2, 0.2)
            take_test(
                world, moved, enrolment, "pre", skill=skill, seat_id=seats[n % len(seats)], leave_open=plan.state == "open" and n == 3,
            )
        if plan.state == "closed":
            moved.at = _morning(first) + timedelta(minutes=50)
            _end_for_room(world, run_id, "pre", moved)
        else:
            moved.at = _morning(first) + timedelta(minutes=24)
            _pause_who_is_out(world, run_id, "pre", moved)
        for n, enrolment in enumerate(present[: len(present) - plan.today]):
            if plan.state == "open" and n in (0, 3):
                continue
            moved.at = _morning(first) + timedelta(hours=2)
            _read_lessons(world, moved, enrolment, share=1.0 if plan.state == "closed" else world.dice.uniform(0.1, 0.9))
        demo_meetings.attend(world, run_id, absent=plan.absent, until=now)
        if plan.state == "open":
            moved.at = min(_morning(first) + timedelta(hours=4), now - timedelta(hours=1))
            demo_practicals.mark(world, run_id, present[4 : len(present) // 2], moved, skill=0.85)
            return
        last = first + timedelta(days=plan.days - 1)
        moved.at = _morning(last) + timedelta(hours=1)
        demo_practicals.mark(world, run_id, present, moved, skill=min(1.0, plan.post + 0.12))
        moved.at = _morning(last) + timedelta(hours=4)
        _start_for_room(world, run_id, "post", moved)
        for n, enrolment in enumerate(present):
            moved.at = _morning(last) + timedelta(hours=4)
            skill = min(1.0, plan.post + world.dice.uniform(-0.15, 0.14))
            take_test(world, moved, enrolment, "post", skill=skill, seat_id=seats[n % len(seats)])
        moved.at = _morning(last) + timedelta(hours=5)
        _end_for_room(world, run_id, "post", moved)
        moved.at = _morning(last) + timedelta(hours=8)
        _finish(world, run_id, country, moved)


def _start_for_room(world: World, run_id: uuid.UUID, quiz: str, moved: HistoryClock) -> None:
    manager = world.staff["classmanager"]
    with work(world.database, manager) as db:
        invigilation.start_room_test(db, db.get_one(CourseRun, run_id), quiz, by=manager, now=moved.now())


def _end_for_room(world: World, run_id: uuid.UUID, quiz: str, moved: HistoryClock) -> None:
    manager = world.staff["classmanager"]
    with work(world.database, manager) as db:
        invigilation.end_room_test(db, db.get_one(CourseRun, run_id), quiz, by=manager, now=moved.now(), uptime=moved.uptime())


def _pause_who_is_out(world: World, run_id: uuid.UUID, quiz: str, moved: HistoryClock) -> None:
    """Whose test is still open in a run that is on was called away: his time stands still, and the test stays started for latecomers."""
    manager = world.staff["classmanager"]
    with work(world.database, manager) as db:
        invigilation.pause(
            db, db.get_one(CourseRun, run_id), quiz, by=manager, now=moved.now(), uptime=moved.uptime(), reason="Вызван на службу",
        )


def _morning(day: date) -> datetime:
    return datetime.combine(day, time(9, 0), ZoneInfo("Asia/Almaty")).astimezone(UTC)


def _plan_and_nominate(world: World, plan: Plan, first: date, moved: HistoryClock) -> tuple[uuid.UUID, list[uuid.UUID]]:
    """Plan the run, nominate officers of the office and its neighbours, accept all but one."""
    planner, manager = world.staff["planner"], world.staff["manager"]
    language = {"KZ": "kk", "KG": "ru", "UZ": "ru", "TJ": "ru", "TM": "ru"}[plan.office[:2]]
    with work(world.database, planner) as db:
        office = db.get_one(Office, world.offices[plan.office])
        version = db.scalars(
            sa.select(CourseVersion).join(Course, Course.id == CourseVersion.course_id).where(Course.slug == plan.course)
            .order_by(CourseVersion.number.desc()).limit(1)
        ).one()
        trainers = [db.get_one(Person, world.staff["trainer"])] if plan.office.startswith("KZ") else []
        run = runs.plan_run(
            db, version=version, office=office, classroom=db.get_one(Classroom, world.rooms[plan.office]), starts_on=first,
            ends_on=first + timedelta(days=plan.days - 1), seats=max(plan.people, 10) + 4, trainers=trainers, by=planner, now=moved.now(),
        )
        run_id = run.id
    if not plan.people:
        return run_id, []
    chosen = world.people[plan.office][: plan.people]
    del world.people[plan.office][: plan.people]
    with work(world.database, manager) as db:
        run = db.get_one(CourseRun, run_id)
        for half, tongue in ((chosen[::2], language), (chosen[1::2], "ru")):
            if half:
                runs.nominate(db, run, person_ids=half, by=manager, now=moved.forward(hours=2), language=tongue)
    if plan.state == "nominated":
        return run_id, []
    moved.forward(days=1)
    enrolments = []
    with work(world.database, planner) as db:
        nominations = {n.person_id: n for n in db.scalars(sa.select(Nomination).where(Nomination.run_id == run_id))}
        for n, person_id in enumerate(chosen):
            declined = n == len(chosen) - 1 and plan.office == "KZ-KONYSBAEV"
            enrolment = runs.decide(
                db, nominations[person_id], accept=not declined, by=planner, now=moved.now(), reason="В эти дни в отпуске" if declined else "",
            )
            if enrolment:
                enrolments.append(enrolment.id)
    return run_id, enrolments


def _slips(world: World, run_id: uuid.UUID, enrolments: Sequence[uuid.UUID], *, demo_trainee: bool) -> None:
    manager = world.staff["classmanager"]
    with world.database.sessions() as db:
        people = list(db.scalars(sa.select(Enrolment.person_id).where(Enrolment.id.in_(enrolments)).order_by(Enrolment.number)))
    hashes = {person_id: credentials.hash_pin(TRAINEE_PIN if demo_trainee and n == 0 else new_pin()) for n, person_id in enumerate(people)}
    with work(world.database, manager) as db:
        runs.issue_slips(db, db.get_one(CourseRun, run_id), pin_hashes=hashes, by=manager, now=clock.now())
        if demo_trainee:
            trainee = db.get_one(Person, people[0])
            signing_in.set_password(db, person_id=trainee.id, password_hash=credentials.hash_password(PASSWORD), now=clock.now())
            agency = db.get_one(Agency, trainee.agency_id)
            (world.config.folder / "demo-trainees.txt").write_text(
                f"A trainee of the run at Korday: {trainee.display_name}, {agency.names['en']}, service number {trainee.service_number}\n"
                f"  anywhere                  password {PASSWORD}\n"
                f"  at a PC of the class      PIN {TRAINEE_PIN} (first sign in as classmanager, open Seats, and make this browser a seat)\n",
                encoding="utf-8",
            )


def _seats(world: World, office: str) -> list[uuid.UUID]:
    with world.database.sessions() as db:
        return list(db.scalars(sa.select(Seat.id).where(Seat.classroom_id == world.rooms[office]).order_by(Seat.label)))


def _read_lessons(world: World, moved: HistoryClock, enrolment_id: uuid.UUID, *, share: float) -> None:
    """Read the lessons from the first on, up to a share of them."""
    with work(world.database) as db:
        enrolment = db.get_one(Enrolment, enrolment_id)
        run = db.get_one(CourseRun, enrolment.run_id)
        lessons = course_content(db, run.course_version_id).lessons
        for lesson in lessons[: round(len(lessons) * share)]:
            pages = len(markdown.pages(next(iter(lesson.texts.values())).body))
            for page in range(1, pages + 1):
                reading.read_page(db, enrolment, lesson=lesson.id, page=page, pages=pages, now=moved.forward(minutes=world.dice.randrange(3, 8)))


# ---- certificates ----------------------------------------------------------------------------------------------------


def signatories(world: World, today: date) -> None:
    """Who signs in each country, and this node's numbers for the years that the past runs fall into."""
    moment = datetime.combine(today - timedelta(days=120), time(4), UTC)
    with history(moment), work(world.database, world.staff["registrar"]) as db:
        certificates.make_key_known(db, keys.pen(world.config.folder), moment)
        for code, signing in data.SIGNATORIES.items():
            for names, titles in signing:
                certificates.add_signatory(db, db.get_one(Office, world.offices[code]), names=names, titles=titles)
        for land in data.LANDS:
            for year in sorted({(today - timedelta(days=days)).year for days in (0, 120)}):
                certificates.give_block(db, country_code=land.code, year=year, count=200, given_to=world.config.NODE, now=moment)


def _finish(world: World, run_id: uuid.UUID, country: str, moved: HistoryClock) -> None:
    """Issue certificates to all who have one coming, and close the run."""
    pen = keys.pen(world.config.folder)
    with work(world.database, world.staff["registrar"]) as db:
        run = db.get_one(CourseRun, run_id)
        standings = completion.standings(db, run)
        office = db.get_one(Office, world.offices[country])
        signing = [signatory.id for signatory in certificate_queries.signatories(db, office.path)]
        certificates.issue_for_run(
            db, run, people=[enrolment for enrolment, standing in standings.items() if kind_of(standing)], signatories=signing, pen=pen,
            address=world.config.public_url, now=moved.now(), actor_id=world.staff["registrar"],
            languages=("kk", "ru") if country == "KZ" else ("ru",),
        )
    with work(world.database, world.staff["classmanager"]) as db:
        manager = world.staff["classmanager"]
        run = db.get_one(CourseRun, run_id)
        runs.close_run(db, run, by=manager, now=moved.forward(hours=1), note="Один сотрудник отсутствовал")


def reissued_certificate(world: World, today: date) -> None:
    """A certificate taken back because of a wrong name, and issued anew under another number."""
    registrar = world.staff["registrar"]
    with history(_morning(today - timedelta(days=4))) as moved, work(world.database, registrar) as db:
        oldest = db.scalars(sa.select(Certificate).where(Certificate.kind == "completed").order_by(Certificate.issued_at, Certificate.serial).limit(1)).one()
        certificates.replace(
            db, oldest, reason="Имя исправлено, приказ № 14", pen=keys.pen(world.config.folder), address=world.config.public_url,
            now=moved.now(), actor_id=registrar,
        )
