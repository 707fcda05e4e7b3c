"""Reads of a class day: who is in class and where, what was started, what the minutes say. A fixed number of queries a page."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.classday import rules
from app.classday.rules import DayTest, Facts, Planned
from app.courses.content import Quiz
from app.courses.models import CourseVersion
from app.courses.queries import course_content
from app.offices.models import Classroom, DailyCheck, Office
from app.offices.scope import under
from app.offices.seats import SeatRow, seats_of
from app.people.models import Person, Pin, SignIn
from app.quizzes.models import Attempt, Incident, RoomTest
from app.runs.models import CourseRun, Enrolment, Nomination, RunTrainer
from app.schedule.models import ClassDay, Meeting, MeetingItem, MinutesLine, Seating
from app.schedule.rules import STANDS

TO_COME = 14  # days ahead that the list of runs looks


# ---- one day ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Here:
    """Somebody who is in class: plain values."""

    enrolment_id: uuid.UUID
    person_id: uuid.UUID
    number: int
    name: str
    full_name: str
    sort_key: str
    service_number: str
    language: str
    walk_in: bool
    provisional: bool
    seat_id: uuid.UUID | None  # of the seat plan
    wave: int
    slip: bool  # has a PIN that holds
    came_at: datetime | None = None  # first sign-in of the day
    signed_in: bool = False  # now
    at_seat: uuid.UUID | None = None  # where he is signed in now


@dataclass(frozen=True)
class Line:
    """A line of the minutes with who wrote it."""

    at: datetime
    what: str
    detail: Mapping[str, Any]
    note: str
    by: str | None


@dataclass(frozen=True)
class Day:
    """All that the page of a class day shows, but for the rows of a test that runs."""

    run: CourseRun
    day: date
    days: tuple[date, ...]
    today: date
    opened: ClassDay | None
    people: tuple[Here, ...]
    seats: tuple[SeatRow, ...]
    quizzes: Mapping[str, Quiz]  # the supervised tests of the course
    tests: Sequence[RoomTest]  # started on this day, or running
    incident: Incident | None
    lines: tuple[Line, ...]  # the newest first
    meetings: Sequence[Meeting]  # of this day
    undecided: int  # nominations that wait
    facts: Facts
    here: bool = True  # this node keeps the run; elsewhere the day is read only, as the last exchange brought it

    @property
    def live(self) -> bool:
        """Whether things can be done on this day's page: it is today, the run is not over, and it is kept here."""
        return self.here and self.day == self.today and self.run.state in ("planned", "open")

    @property
    def running(self) -> RoomTest | None:
        """The test that is started for the room now."""
        return next((test for test in self.tests if test.ended_at is None), None)

    @property
    def on_board(self) -> str:
        """The test that the board is about: the one that is started, else one that somebody still has open; "" for none.

        How far people are is known only where they sit: clocks and seats of a test stay on the node that keeps the run.
        """
        if not self.here:
            return ""
        if self.running is not None:
            return self.running.quiz
        return next((quiz for quiz, test in (self.facts.tests or {}).items() if test.at_work), "")

    def seat(self, seat_id: uuid.UUID | None) -> SeatRow | None:
        """A seat of the room."""
        return next((seat for seat in self.seats if seat.id == seat_id), None)

    def free_seats(self, wave: int = 1) -> list[SeatRow]:
        """Working PCs that nobody has in a wave and nobody is signed in at."""
        taken = {one.seat_id for one in self.people if one.wave == wave} | {one.at_seat for one in self.people if one.signed_in}
        return [seat for seat in self.seats if seat.state == "works" and seat.id not in taken]


def the_day(db: Session, run: CourseRun, day: date, *, now: datetime) -> Day:
    """A day of a run. Eleven queries, however many people there are."""
    zone = ZoneInfo(run.zone)
    today = now.astimezone(zone).date()
    begin, end = datetime.combine(day, time(), zone), datetime.combine(day + timedelta(days=1), time(), zone)
    meetings = db.scalars(sa.select(Meeting).where(Meeting.run_id == run.id, Meeting.state.in_(STANDS)).order_by(Meeting.starts_at)).all()
    days = rules.days_of_run(run.starts_on, run.ends_on, [meeting.day for meeting in meetings])
    of_today = [meeting for meeting in meetings if meeting.day == day]
    items = db.execute(
        sa.select(MeetingItem.kind, MeetingItem.ref).join(Meeting, Meeting.id == MeetingItem.meeting_id)
        .where(MeetingItem.meeting_id.in_([meeting.id for meeting in of_today])).order_by(Meeting.starts_at, MeetingItem.place)
    ).all()
    quizzes = {quiz.id: quiz for quiz in course_content(db, run.course_version_id).quizzes if quiz.supervised}
    people = _people(db, run, begin, end)
    tests = db.scalars(
        sa.select(RoomTest)
        .where(RoomTest.run_id == run.id, sa.or_(RoomTest.ended_at.is_(None), sa.and_(RoomTest.ended_at >= begin, RoomTest.started_at < end)))
        .order_by(RoomTest.started_at)
    ).all()
    attempts: dict[str, dict[str, int]] = defaultdict(dict)
    for quiz, state, n in db.execute(
        sa.select(Attempt.quiz, Attempt.state, sa.func.count(sa.distinct(Attempt.enrolment_id)))
        .join(Enrolment, Enrolment.id == Attempt.enrolment_id)
        .where(Enrolment.run_id == run.id, Enrolment.state == "enrolled", Attempt.supervised).group_by(Attempt.quiz, Attempt.state)
    ):
        attempts[quiz]["open" if state == "open" else "over"] = attempts[quiz].get("open" if state == "open" else "over", 0) + n
    opened = db.scalar(sa.select(ClassDay).where(ClassDay.run_id == run.id, ClassDay.day == day))
    incident = db.scalar(sa.select(Incident).where(Incident.run_id == run.id, Incident.to_at.is_(None)).order_by(Incident.noticed_at.desc()).limit(1))
    lines = lines_of(db, run.id, day)
    seats = seats_of(db, [run.classroom_id])[run.classroom_id] if run.classroom_id else []
    undecided = db.scalar(sa.select(sa.func.count()).where(Nomination.run_id == run.id, Nomination.state == "proposed")) or 0
    told = {line.what for line in lines}
    facts = Facts(
        parts=rules.parts_of_day(
            [(kind, ref) for kind, ref in items], [Planned(quiz.id, quiz.kind) for quiz in quizzes.values()],
            first=day == days[0], last=day == days[-1], also=[test.quiz for test in tests],
        ),
        tests={quiz: _tested(quiz, tests, attempts.get(quiz, {}), len(people)) for quiz in quizzes},
        opened=opened is not None, closed=opened is not None and opened.closed_at is not None, expected=len(people),
        seated=sum(one.came_at is not None for one in people), slips=sum(one.slip for one in people),
        lessons_begun="lessons" in told, lessons_over="lessons-over" in told,
        waves=max((one.wave for one in people), default=1), cut=incident is not None,
    )
    return Day(
        run, day, days, today, opened, people, tuple(seats), quizzes, tests, incident, lines, of_today, undecided, facts,
        here=run.owner_node == db.info["node"],
    )


def days_of(db: Session, run: CourseRun) -> tuple[date, ...]:
    """The class days of a run."""
    met = db.scalars(sa.select(Meeting.day).where(Meeting.run_id == run.id, Meeting.state.in_(STANDS)).distinct()).all()
    return rules.days_of_run(run.starts_on, run.ends_on, met)


def _tested(quiz: str, tests: Sequence[RoomTest], attempts: Mapping[str, int], expected: int) -> DayTest:
    mine = [test for test in tests if test.quiz == quiz]
    running = next((test for test in mine if test.ended_at is None), None)
    return DayTest(
        quiz, expected=expected, handed_in=attempts.get("over", 0), at_work=attempts.get("open", 0),
        running=running.wave if running else None, done_waves=frozenset(test.wave for test in mine if test.ended_at is not None),
    )


def _people(db: Session, run: CourseRun, begin: datetime, end: datetime) -> tuple[Here, ...]:
    slip = sa.select(Pin.id).where(Pin.person_id == Enrolment.person_id, Pin.run_id == run.id, Pin.ended_at.is_(None)).exists()
    rows: Sequence[Any] = db.execute(
        sa.select(
            Enrolment.id, Enrolment.person_id, Enrolment.number, Person.short_name, Person.display_name, Person.sort_key,
            Person.service_number, Enrolment.language, Enrolment.walk_in, Person.provisional, Seating.seat_id,
            sa.func.coalesce(Seating.wave, 1), slip,
        )
        .join(Person, Person.id == Enrolment.person_id)
        .outerjoin(Seating, Seating.enrolment_id == Enrolment.id)
        .where(Enrolment.run_id == run.id, Enrolment.state == "enrolled", Enrolment.mode == "class")
        .order_by(Person.sort_key, Enrolment.number)
    ).all()
    came: dict[uuid.UUID, datetime] = {}
    now_at: dict[uuid.UUID, tuple[bool, uuid.UUID | None]] = {}
    for person_id, seat_id, started_at, ended_at in db.execute(
        sa.select(SignIn.person_id, SignIn.seat_id, SignIn.started_at, SignIn.ended_at)
        .join(Enrolment, Enrolment.person_id == SignIn.person_id)
        .where(Enrolment.run_id == run.id, SignIn.started_at >= begin, SignIn.started_at < end).order_by(SignIn.started_at)
    ):
        came.setdefault(person_id, started_at)
        if ended_at is None:
            now_at[person_id] = (True, seat_id)
    here = []
    for row in rows:
        values: list[Any] = [*row, came.get(row[1]), *now_at.get(row[1], (False, None))]
        here.append(Here(*values))
    return tuple(here)


def lines_of(db: Session, run_id: uuid.UUID, day: date) -> tuple[Line, ...]:
    """The minutes of a day, the newest line first."""
    rows = db.execute(
        sa.select(MinutesLine.at, MinutesLine.what, MinutesLine.detail, MinutesLine.note, Person.short_name)
        .outerjoin(Person, Person.id == MinutesLine.by_id)
        .where(MinutesLine.run_id == run_id, MinutesLine.day == day).order_by(MinutesLine.at.desc(), MinutesLine.id.desc())
    )
    return tuple(Line(*row) for row in rows)


def incidents_of(db: Session, run_id: uuid.UUID, day: date, zone: str) -> list[tuple[Incident, str | None]]:
    """The outages of a day with who decided that the room goes on."""
    begin = datetime.combine(day, time(), ZoneInfo(zone))
    rows = db.execute(
        sa.select(Incident, Person.short_name).outerjoin(Person, Person.id == Incident.decided_by)
        .where(Incident.run_id == run_id, Incident.noticed_at >= begin, Incident.noticed_at < begin + timedelta(days=1)).order_by(Incident.from_at)
    )
    return [(incident, name) for incident, name in rows]


def last_check(db: Session, classroom_id: uuid.UUID) -> DailyCheck | None:
    """The newest look round a classroom."""
    return db.scalar(sa.select(DailyCheck).where(DailyCheck.classroom_id == classroom_id).order_by(DailyCheck.day.desc(), DailyCheck.at.desc()).limit(1))


# ---- which runs ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Held:
    """A run as the list of class days shows it."""

    code: str
    titles: Mapping[str, str]
    office: Mapping[str, str]
    room: Mapping[str, str] | None
    place: str
    zone: str
    state: str
    starts_on: date
    ends_on: date
    days: tuple[date, ...]
    people: int


def today_of(db: Session, paths: Sequence[str], person_id: uuid.UUID, now: datetime) -> list[tuple[Held, date]]:
    """The classes of somebody that are held today, each with its day where it is held."""
    found = []
    for one in runs_of(db, paths, person_id, now.date()):
        day = now.astimezone(ZoneInfo(one.zone)).date()
        if day in one.days and one.state != "closed":
            found.append((one, day))
    return found


def runs_of(db: Session, paths: Sequence[str], person_id: uuid.UUID, today: date) -> list[Held]:
    """Runs of the last and the coming two weeks that are held in offices below `paths` or taught by a person. Three queries."""
    room_office = sa.orm.aliased(Office)
    taught = sa.select(RunTrainer.id).where(RunTrainer.run_id == CourseRun.id, RunTrainer.person_id == person_id).exists()
    rows = db.execute(
        sa.select(CourseRun, CourseVersion.titles, Office.names, Classroom.names)
        .join(CourseVersion, CourseVersion.id == CourseRun.course_version_id)
        .join(Office, Office.id == CourseRun.office_id)
        .outerjoin(Classroom, Classroom.id == CourseRun.classroom_id)
        .outerjoin(room_office, room_office.id == Classroom.office_id)
        .where(
            CourseRun.state.in_(("planned", "open", "closed")), CourseRun.starts_on <= today + timedelta(days=TO_COME),
            CourseRun.ends_on >= today - timedelta(days=TO_COME), sa.or_(under(Office.path, paths), under(room_office.path, paths), taught),
        )
        .order_by(CourseRun.starts_on, CourseRun.code)
    ).all()
    ids = [run.id for run, *_ in rows]
    met: dict[uuid.UUID, list[date]] = defaultdict(list)
    for run_id, day in db.execute(sa.select(Meeting.run_id, Meeting.day).where(Meeting.run_id.in_(ids), Meeting.state.in_(STANDS)).distinct()):
        met[run_id].append(day)
    people: dict[uuid.UUID, int] = dict(
        db.execute(
            sa.select(Enrolment.run_id, sa.func.count())
            .where(Enrolment.run_id.in_(ids), Enrolment.state == "enrolled", Enrolment.mode == "class").group_by(Enrolment.run_id)
        ).all()
    )
    return [
        Held(
            run.code, titles, office, room, run.place, run.zone, run.state, run.starts_on, run.ends_on,
            rules.days_of_run(run.starts_on, run.ends_on, met[run.id]), people.get(run.id, 0),
        )
        for run, titles, office, room in rows
    ]
