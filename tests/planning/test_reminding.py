"""What the job process tells by itself: each thing once, also when it is killed in between or was off for a night."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock, jobs
from app.courses.models import CourseVersion
from app.db import Database
from app.notices import wording
from app.notices.models import Notice, Reminded
from app.offices.models import Office
from app.people.models import Person
from app.planning import reminding
from app.policy import Role
from app.runs.models import CourseRun
from app.schedule import assignments
from app.schedule.models import Assignment, AssignmentEvent, Meeting, SessionSeat, SessionSlot, TrainingSession
from app.trainers.models import Absence, Accreditation, Trainer, TrainerLanguage
from app.work import work
from config import Config
from tests.factories import a_moment, added, make_office, make_person, make_staff
from tests.people.signing import ByHand
from tests.planning.rows import MONDAY, add_meeting, make_session, make_trainer
from tests.runs.rows import make_run

ROOT = Path(__file__).parent.parent.parent
LONG_BEFORE = MONDAY - timedelta(days=30)


def released(db: Session, **values: object) -> TrainingSession:
    """A session that was released a month before it begins."""
    return make_session(db, state="released", released_at=LONG_BEFORE, **values)


def seat(db: Session, session: TrainingSession, person: Person | None = None, state: str = "seated") -> Person:
    """Somebody with a seat, or on the wait-list."""
    person = person or make_person(db)
    added(db, SessionSeat(session_id=session.id, person_id=person.id, agency_id=person.agency_id, state=state, place=1, since=LONG_BEFORE))
    return person


def told(db: Session, person: Person) -> list[tuple[str, str]]:
    """What somebody was told, in order: code and sentence."""
    rows = db.scalars(sa.select(Notice).where(Notice.person_id == person.id).order_by(Notice.at, Notice.id))
    return [(one.what, wording.sentence(one, "Asia/Almaty")) for one in rows]


# ---- reminders -----------------------------------------------------------------------------------------------------------


def test_those_who_teach_and_those_who_have_a_seat_are_reminded_three_days_and_a_day_before(db: Session) -> None:
    """Three days before the first meeting with all times, a day before each day with that day's; nobody who only waits."""
    session = released(db)
    slot = db.scalars(sa.select(SessionSlot).where(SessionSlot.session_id == session.id)).one()
    trainer, trainee, waiting = make_person(db), seat(db, session), seat(db, session, state="waiting")
    assignments.assign(db, slot, trainer, by=make_person(db).id, now=LONG_BEFORE)

    given = [reminding.remind(db, now=MONDAY - before) for before in (
        timedelta(days=4), timedelta(days=3), timedelta(days=2), timedelta(hours=24), timedelta(hours=1), timedelta(hours=-1), timedelta(hours=-2),
    )]  # fmt: skip

    assert given == [0, 2, 0, 2, 0, 2, 0]
    for person in (trainer, trainee):
        assert [text for what, text in told(db, person) if what == "remind"] == [
            "Coming up: Vehicle search, 23–24 Nov 2026, 09:00–13:00 UTC+5, Room 2.",
            "Coming up: Vehicle search, 23 Nov 2026, 09:00–13:00 UTC+5, Room 2.",
            "Coming up: Vehicle search, 24 Nov 2026, 09:00–13:00 UTC+5, Room 2.",
        ]
    assert told(db, waiting) == []


def test_two_meetings_of_a_day_are_one_reminder(db: Session) -> None:
    """Morning and afternoon are told together."""
    session = released(db, meetings=0)
    add_meeting(db, session, MONDAY)
    add_meeting(db, session, MONDAY + timedelta(hours=5))
    person = seat(db, session)

    assert reminding.remind(db, now=MONDAY - timedelta(hours=20)) == 1

    assert "09:00–13:00 UTC+5; 23 Nov 2026, 14:00–18:00 UTC+5" in told(db, person)[0][1]


def test_a_node_that_was_off_tells_what_is_still_of_use(db: Session) -> None:
    """After three days without power one reminder is given, not two; when the meeting has begun, none for it."""
    session = released(db, meetings=1)
    person = seat(db, session)

    on_again = reminding.remind(db, now=MONDAY - timedelta(hours=2))
    later = reminding.remind(db, now=MONDAY + timedelta(hours=1))

    assert (on_again, later) == (1, 0)
    assert len(told(db, person)) == 1


def test_a_meeting_that_moved_is_reminded_of_anew(db: Session) -> None:
    """Whoever was reminded of Monday is reminded again when it became Wednesday."""
    session = released(db, meetings=1)
    person = seat(db, session)
    reminding.remind(db, now=MONDAY - timedelta(hours=20))
    meeting = db.scalars(sa.select(Meeting).where(Meeting.session_id == session.id)).one()
    meeting.starts_at, meeting.ends_at, meeting.day = meeting.starts_at + timedelta(days=2), meeting.ends_at + timedelta(days=2), date(2026, 11, 25)
    db.flush()

    assert reminding.remind(db, now=MONDAY + timedelta(days=1, hours=4)) == 1

    assert "25 Nov 2026" in told(db, person)[1][1]


def test_nobody_is_reminded_of_what_he_was_told_the_same_day(db: Session) -> None:
    """A session released the day before is told by its release; drafts and cancelled meetings are not told at all."""
    late = make_session(db, state="released", released_at=MONDAY - timedelta(hours=10), meetings=1)
    draft, off = make_session(db, meetings=1), released(db, meetings=1)
    for meeting in db.scalars(sa.select(Meeting).where(Meeting.session_id == off.id)):
        meeting.state = "cancelled"
    for session in (late, draft, off):
        seat(db, session)

    assert reminding.remind(db, now=MONDAY - timedelta(hours=5)) == 0


# ---- exactly once --------------------------------------------------------------------------------------------------------

KILLED = """
import os, signal, sys
from datetime import datetime
from sqlalchemy import event
from sqlalchemy.orm import Session
from app.db import Database, make_engine
from app.planning import reminding
from app.sync import journal
from config import Config
database = Database(make_engine(sys.argv[1]), "test")
journal.keep(database.sessions)
@event.listens_for(Session, sys.argv[2])
def die(db):
    if db.info.get("writing"):
        os.kill(os.getpid(), signal.SIGKILL)
reminding.remind_all(database, Config(NODE="test", INSTANCE=sys.argv[4]), datetime.fromisoformat(sys.argv[3]))
"""


@pytest.mark.parametrize(("moment", "stored"), [("before_commit", 0), ("after_commit", 1)])
def test_a_killed_process_neither_doubles_nor_loses_a_reminder(own_database: Database, settings: Config, tmp_path: Path, moment: str, stored: int) -> None:
    """kill -9 before the commit leaves nothing, after it all; the next process gives what is missing, and each reminder stands once."""
    now = MONDAY - timedelta(hours=20)
    with work(own_database) as db:
        person = seat(db, released(db, meetings=1)).id

    child = subprocess.run([sys.executable, "-c", KILLED, str(own_database.engine.url), moment, now.isoformat(), str(tmp_path)], cwd=ROOT, check=False)
    with own_database.sessions() as db:
        found = db.scalar(sa.select(sa.func.count()).select_from(Notice))
    for minutes in (1, 2):
        reminding.remind_all(own_database, settings, now + timedelta(minutes=minutes))

    assert (child.returncode, found) == (-signal.SIGKILL, stored)
    with own_database.sessions() as db:
        assert db.scalars(sa.select(Notice.person_id)).all() == [person]
        assert db.scalar(sa.select(sa.func.count()).select_from(Reminded)) == 1


def test_the_job_process_reminds_each_due_time_once(own_database: Database, settings: Config) -> None:
    """Run by the ledger of the job process, twice at the same minute: one notice; a class server tells nobody."""
    now = MONDAY - timedelta(hours=20)
    with work(own_database) as db:
        seat(db, released(db, meetings=1))
    job = next(one for one in jobs.JOBS if one.name == "remind")

    jobs.run_once(own_database, replace(settings, ROLE="classroom"), replace(job, name="at a class"), now)
    with own_database.sessions() as db:
        assert db.scalar(sa.select(sa.func.count()).select_from(Notice)) == 0
    assert [jobs.run_once(own_database, settings, job, now) for _ in range(2)] == [True, False]

    with own_database.sessions() as db:
        assert db.scalar(sa.select(sa.func.count()).select_from(Notice)) == 1


# ---- answers that did not come -------------------------------------------------------------------------------------------


@pytest.mark.goal("SCH-13")
def test_an_offer_that_nobody_answers_raises_an_alarm_once(db: Session) -> None:
    """After its day the planner is told who has not answered, once; an offer that was answered raises none."""
    office = make_office(db)
    planner = make_staff(db, Role.TRAINING_OFFICER, office)
    session = make_session(db, make_run(db, office), slots=("lead", "co"))
    lead, co = db.scalars(sa.select(SessionSlot).where(SessionSlot.session_id == session.id).order_by(SessionSlot.number))
    silent, quick = make_person(db, family="Karimov", given="Daniyar"), make_person(db)
    assignments.offer(db, lead, silent, by=planner.id, now=LONG_BEFORE)
    assignments.accept(db, assignments.offer(db, co, quick, by=planner.id, now=LONG_BEFORE), by=quick.id, now=LONG_BEFORE)
    before = reminding.remind(db, now=LONG_BEFORE + assignments.ANSWER_WITHIN - timedelta(minutes=1))

    given = [reminding.remind(db, now=LONG_BEFORE + assignments.ANSWER_WITHIN + timedelta(hours=hours)) for hours in (0, 1)]

    assert (before, given) == (0, [1, 0])
    text = dict(told(db, planner))["no-answer"]
    assert text.startswith("Karimov D. has not answered since 24 Oct 2026, 09:00 UTC+5: Vehicle search (S-2026-")
    assert text.endswith("Part: Lead trainer.")


# ---- accreditations that end -----------------------------------------------------------------------------------------------


def test_an_ending_accreditation_is_told_to_the_trainer_and_his_officer_twice(db: Session) -> None:
    """Sixty and fourteen days before; none for one that was renewed or withdrawn."""
    office = make_office(db)
    officer = make_staff(db, Role.TRAINING_OFFICER, office)
    trainer = make_trainer(db, office)
    course = db.get_one(CourseVersion, make_run(db).course_version_id).course_id
    today = a_moment().date()
    ending = {"trainer_id": trainer.id, "course_id": course, "level": "lead", "valid_from": date(2024, 1, 1)}
    added(db, Accreditation(**ending, valid_to=today + timedelta(days=60)))
    other = make_trainer(db, office)
    added(db, Accreditation(**(ending | {"trainer_id": other.id}), valid_to=today + timedelta(days=60)))
    added(db, Accreditation(**(ending | {"trainer_id": other.id}), valid_to=today + timedelta(days=700)))

    given = [reminding.remind(db, now=a_moment(days)) for days in (-1, 0, 1, 46, 47, 61)]

    assert given == [0, 2, 0, 2, 0, 0]
    assert [what for what, _ in told(db, db.get_one(Person, trainer.person_id))] == ["accreditation-ends"] * 2
    assert [what for what, _ in told(db, officer)] == ["accreditation-of-ends"] * 2


# ---- plans that broke --------------------------------------------------------------------------------------------------------


def planned(database: Database, starts: object = MONDAY) -> tuple[Assignment, Person, Person]:
    """A trainer who fits, accepted for the lead of a session; with who plans it."""
    with work(database) as db:
        office = make_office(db)
        planner = make_staff(db, Role.TRAINING_OFFICER, office)
        run: CourseRun = make_run(db, office)
        session = make_session(db, run, starts=starts)
        trainer: Trainer = make_trainer(db, office, connection_tested_on=date(2026, 11, 1))
        course = db.get_one(CourseVersion, run.course_version_id).course_id
        added(db, Accreditation(trainer_id=trainer.id, course_id=course, level="lead", valid_from=date(2024, 1, 1)))
        added(db, TrainerLanguage(trainer_id=trainer.id, language="ru", level="C2"))
        slot = db.scalars(sa.select(SessionSlot).where(SessionSlot.session_id == session.id)).one()
        person = db.get_one(Person, trainer.person_id)
        assignment = assignments.assign(db, slot, person, by=planner.id, now=LONG_BEFORE)
        db.flush()
        db.expunge_all()
    return assignment, person, planner


@pytest.mark.goal("SCH-09")
def test_leave_taken_later_breaks_the_assignment_and_tells_the_planner_once(own_database: Database, settings: Config) -> None:
    """The job that runs each half minute marks it with its reason, notes it in the history and tells the planner once; taken back, it is mended."""
    assignment, person, planner = planned(own_database)
    job = next(one for one in jobs.JOBS if one.name == "recheck")
    assert job.every <= timedelta(minutes=1)
    now = MONDAY - timedelta(days=10)

    def run(minutes: int) -> tuple[list[str], bool, int]:
        assert jobs.run_once(own_database, settings, job, now + timedelta(minutes=minutes))
        with own_database.sessions() as db:
            row = db.get_one(Assignment, assignment.id)
            said = db.scalars(sa.select(Notice.what).where(Notice.person_id == planner.id).order_by(Notice.at)).all()
            return [one["code"] for one in row.broken], row.broken_at is not None, len(said)

    assert run(0) == ([], False, 0)
    with work(own_database) as db:
        leave = added(db, Absence(person_id=person.id, kind="leave", starts_at=MONDAY - timedelta(hours=4), ends_at=MONDAY + timedelta(hours=20), zone="Asia/Almaty"))
        leave_id = leave.id
    assert [run(1), run(2), run(3)] == [(["T5"], True, 1)] * 3
    with work(own_database) as db:
        db.get_one(Absence, leave_id).ended_on = (now + timedelta(minutes=4)).astimezone(ZoneInfo("Asia/Almaty")).date() - timedelta(days=1)
    assert run(4) == ([], False, 2)

    with own_database.sessions() as db:
        events = db.scalars(sa.select(AssignmentEvent.what).where(AssignmentEvent.assignment_id == assignment.id).order_by(AssignmentEvent.at)).all()
        broken = db.scalars(sa.select(Notice).where(Notice.what == "broken")).one()
        sentence = wording.sentence(broken, "Asia/Almaty")
    assert list(events) == ["assigned", "broken", "mended"]
    assert person.short_name in sentence
    assert "leave" in sentence.lower()


@pytest.mark.goal("SCH-09")
def test_a_lost_accreditation_and_a_moved_session_break_it_too(own_database: Database, settings: Config) -> None:
    """Each new reason is told; what was there before is not told again."""
    assignment, person, planner = planned(own_database)
    now = MONDAY - timedelta(days=10)
    with work(own_database) as db:
        for one in db.scalars(sa.select(Accreditation)):
            one.withdrawn_on, one.withdrawn_why = now.date(), "Order 7"
    reminding.recheck(own_database, settings, now)
    with work(own_database) as db:
        added(db, Absence(person_id=person.id, kind="shift", starts_at=MONDAY + timedelta(days=20), ends_at=MONDAY + timedelta(days=21), zone="Asia/Almaty"))
        for meeting in db.scalars(sa.select(Meeting)):
            meeting.starts_at, meeting.ends_at = meeting.starts_at + timedelta(days=20), meeting.ends_at + timedelta(days=20)
            meeting.day = meeting.day + timedelta(days=20)
    for minutes in (1, 2):
        reminding.recheck(own_database, settings, now + timedelta(minutes=minutes))

    with own_database.sessions() as db:
        codes = [one["code"] for one in db.get_one(Assignment, assignment.id).broken]
        said = db.scalar(sa.select(sa.func.count()).select_from(Notice).where(Notice.person_id == planner.id, Notice.what == "broken"))
    assert {"T1", "T5"} <= set(codes)
    assert said == 2


def test_a_look_that_finds_nothing_new_takes_no_lock(own_database: Database, settings: Config) -> None:
    """While somebody writes, a look at plans that hold waits for nobody."""
    planned(own_database)
    now = MONDAY - timedelta(days=10)
    reminding.recheck(own_database, settings, now)

    with clock.using(ByHand(now)), work(own_database) as db:
        db.add(Notice(person_id=db.scalars(sa.select(Person.id)).first(), what="remind", detail={}, at=now))
        reminding.recheck(own_database, settings, now)
        reminding.remind_all(own_database, settings, now)
        assert db.scalar(sa.select(sa.func.count()).select_from(Office)) == 1
