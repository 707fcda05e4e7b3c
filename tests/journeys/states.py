"""A second room of the demo, brought into the states that no walk along links meets by itself: papers keyed, tests paused, work waiting."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock, files
from app.courses.content import CourseContent
from app.courses.models import Course, CourseVersion
from app.courses.queries import course_content
from app.feedback import rules as feedback_rules
from app.feedback import services as feedback
from app.offices.models import Classroom, Office, Seat
from app.ops import background
from app.ops.models import BackgroundJob
from app.people.models import Account, Person, RoleGrant
from app.questions import shown
from app.quizzes import invigilation, paper, rules, services
from app.quizzes.models import Attempt, AttemptClock, Incident
from app.runs import services as runs
from app.runs.models import CourseRun, Enrolment, Nomination
from app.schedule.models import ClassDay, Seating
from app.work import work
from tests import live

OFFICE = "KZ-ATAMEKEN"
PEOPLE = {"waiter": 0, "paused": 1, "mover": 2, "worker": 3, "finisher": 4, "practiser": 5, "on-paper": 6, "cut-off": 7, "practised": 8}
"""Who is in which state, by his place on the roster."""
WRITER = "a tab of the second room"


def prepare(node: live.Live, staff: dict[str, uuid.UUID]) -> tuple[dict[str, uuid.UUID], dict[str, list[str]]]:
    """The people of the room by their state, and where each role begins to look."""
    with work(node.database) as db:
        room = _Room(db, staff, node.config.folder)
        people, starts = room.people(), room.starts()
    with work(node.database) as db:
        jobs = _jobs(db, node, staff["admin"])
    starts["admin"] = [f"/jobs/{one}" for one in jobs]
    return people, starts


class _Room:
    """A run of the course on documents that is held today, with people in every state of a test."""

    def __init__(self, db: Session, staff: dict[str, uuid.UUID], folder: Any) -> None:
        self.db, self.staff, self.folder = db, staff, folder
        self.now, self.uptime = clock.now(), clock.uptime()
        self.office = db.scalars(sa.select(Office).where(Office.code == OFFICE)).one()
        classroom = db.scalars(sa.select(Classroom).where(Classroom.office_id == self.office.id)).first()
        version = db.scalars(
            sa.select(CourseVersion).join(Course, Course.id == CourseVersion.course_id).where(Course.slug == "travel-documents")
            .order_by(CourseVersion.number.desc()).limit(1)
        ).one()
        today = self.now.astimezone(ZoneInfo(self.office.zone)).date()
        self.run = runs.plan_run(
            db, version=version, office=self.office, classroom=classroom, starts_on=today, ends_on=today, seats=14, by=staff["planner"], now=self.now,
            trainers=[db.get_one(Person, staff["trainer"])],
        )
        self.content: CourseContent = course_content(db, version.id)
        self.enrolled = self._enrol(len(PEOPLE))
        runs.open_run(db, self.run, by=staff["planner"], now=self.now)
        db.flush()
        self.seats = list(db.scalars(sa.select(Seat).where(Seat.classroom_id == self.run.classroom_id, Seat.state == "works").order_by(Seat.label)))
        for n, one in enumerate(self.enrolled):
            db.add(Seating(run_id=self.run.id, enrolment_id=one.id, seat_id=self.seats[n].id if n else None, wave=1 if n else 2))
        db.flush()
        invigilation.start_room_test(db, self.run, "pre", by=staff["trainer"], now=self.now, wave=1)
        self.attempts = self._sit()
        self.papers = paper.make_set(db, self.run, quiz="post", variants=2, by=staff["trainer"], now=self.now)
        self._key_twice(self.enrolled[6])
        self._feedback()
        self._closed_day()

    def _enrol(self, count: int) -> list[Enrolment]:
        """People of the office who have no course yet, and no role."""
        free = (
            sa.select(Person.id).where(Person.id.not_in(sa.select(Enrolment.person_id)), Person.id.not_in(sa.select(Nomination.person_id)))
            .where(Person.id.not_in(sa.select(Account.person_id)), Person.id.not_in(sa.select(RoleGrant.person_id))).order_by(Person.service_number.desc()).limit(count)
        )
        planner = self.staff["planner"]
        runs.nominate(self.db, self.run, person_ids=list(self.db.scalars(free)), by=planner, now=self.now, language="en")
        self.db.flush()
        for one in self.db.scalars(sa.select(Nomination).where(Nomination.run_id == self.run.id)).all():
            runs.decide(self.db, one, accept=True, by=planner, now=self.now, reason="")
        self.db.flush()
        return list(self.db.scalars(sa.select(Enrolment).where(Enrolment.run_id == self.run.id).order_by(Enrolment.number)))

    def _sit(self) -> dict[str, Attempt]:
        """Paused, at another PC, at work on one question of every type, handed in, practising, cut off by an outage."""
        sat = {name: self._start(n, "pre") for name, n in (("paused", 1), ("worker", 3), ("finisher", 4), ("cut-off", 7))}
        sat["mover"] = self._start(2, "pre", self.seats[2].id)  # nobody of the walk signs in at a seat
        sat |= {name: self._start(n, "practice") for name, n in (("practiser", 5), ("practised", 8))}
        each = list({one.type: one.id for one in self.content.bank.values()}.values())
        for name in ("worker", "finisher", "practised"):
            sat[name].draw = each
        sat["practiser"].draw = sorted(each, key=lambda one: not self.content.bank[one].images)  # a picture first: its tools come with a script
        self.db.flush()
        self._answer(sat["practised"], each[::2])
        services.hand_in(self.db, sat["practised"].id, now=self.now, uptime=self.uptime)
        self._answer(sat["worker"], each[:4])
        self._answer(sat["finisher"], each[1::2] + [one for one in each if self.content.bank[one].type == "free-text"])
        services.hand_in(self.db, sat["finisher"].id, now=self.now, uptime=self.uptime)
        who: dict[str, Any] = {"by": self.staff["trainer"], "now": self.now, "uptime": self.uptime}
        invigilation.pause(self.db, self.run, "pre", [sat["paused"].id, sat["cut-off"].id], reason="Called out", **who)
        self._cut_off(sat["cut-off"])
        return sat

    def _start(self, n: int, quiz: str, seat: uuid.UUID | None = None) -> Attempt:
        return services.start_attempt(
            self.db, enrolment_id=self.enrolled[n].id, quiz=quiz, now=self.now, uptime=self.uptime, writer=WRITER, seat_id=seat,
        )

    def _answer(self, attempt: Attempt, questions: list[str]) -> None:
        for n, one in enumerate(questions):
            services.save_answer(
                self.db, attempt.id, question=one, response=self._right(one, attempt.seed), revision=1, key=f"second-room-{n}", writer=WRITER, now=self.now,
                uptime=self.uptime,
            )

    def _right(self, question: str, seed: str) -> Any:
        found = self.content.bank[question]
        if found.type == "free-text":
            return {"text": "The photo was changed; I said nothing, kept the passport and called the second line."}
        return found.kind.right_answer(found.content, shown.order_of(found, seed))

    def _cut_off(self, attempt: Attempt) -> None:
        """As the start of the server leaves a test after an outage."""
        began = self.now - timedelta(minutes=40)
        incident = Incident(run_id=self.run.id, kind="outage", from_at=began, noticed_at=self.now, present=[str(attempt.enrolment_id)])
        self.db.add(incident)
        self.db.flush()
        state = self.db.scalars(sa.select(AttemptClock).where(AttemptClock.attempt_id == attempt.id)).one()
        state.paused_at, state.paused_by, state.incident_id = began, None, incident.id
        self.db.flush()

    def _key_twice(self, enrolment: Enrolment) -> None:
        """A sheet that two people read differently."""
        sheet = self.papers[rules.variant(len(self.papers), enrolment.number)]
        right = {one: self._right(one, sheet.seed) for one in sheet.draw}
        other = dict(list(right.items())[2:])
        for entry, responses, by in ((1, right, "trainer"), (2, other, "planner")):
            paper.key_in(self.db, sheet, enrolment_id=enrolment.id, entry=entry, responses=responses, by=self.staff[by], now=self.now)

    def _feedback(self) -> None:
        today = self.run.starts_on
        for n, one in enumerate(self.enrolled[:6]):
            answers = {key: 1 + (n + place) % 5 for place, key in enumerate(feedback_rules.STATEMENTS)}
            feedback.give(self.db, one, answers=answers, liked="The exercise with the car", change="", language="en", today=today)

    def _closed_day(self) -> None:
        """The first day of the run that was held here before, closed in the evening."""
        past = self.db.scalars(sa.select(CourseRun).where(CourseRun.office_id == self.office.id, CourseRun.state == "closed")).first()
        if past is not None and past.opened_at is not None:
            by, opened = self.staff["trainer"], past.opened_at
            day = ClassDay(run_id=past.id, day=past.starts_on, opened_at=opened, opened_by=by, closed_at=opened + timedelta(hours=8), closed_by=by)
            self.db.add(day)
            self.db.flush()

    def people(self) -> dict[str, uuid.UUID]:
        """Who is in which state."""
        return {name: self.enrolled[n].person_id for name, n in PEOPLE.items()}

    def starts(self) -> dict[str, list[str]]:
        """Pages that show a state; links lead on from them."""
        run, day = f"/runs/{self.run.code}", f"/class/{self.run.code}/{self.run.starts_on.isoformat()}"
        sheet = self.papers[rules.variant(len(self.papers), self.enrolled[6].number)]
        keying = f"{run}/paper/{sheet.code}/{self.enrolled[6].id}"
        learn = {name: f"/learn/{one.id}" for name, one in zip(("waiter", "paused", "mover", "worker", "finisher"), self.enrolled, strict=False)}
        attempt = {name: f"/attempts/{one.id}" for name, one in self.attempts.items()}
        here = sa.select(CourseRun).where(CourseRun.office_id == self.office.id)
        coming, past = (self.db.scalars(here.where(CourseRun.state == state)).first() for state in ("planned", "closed"))
        other = [f"/class/{one.code}/{one.starts_on.isoformat()}" for one in (coming, past) if one]
        return {
            "planner": [*other, f"{run}/feedback", f"{run}/paper", f"{run}/close"],
            "trainer": [
                run, day, f"{day}/open", f"{day}/close", f"{day}/minutes", f"{day}/seats", f"{run}/paper", keying, f"{keying}?entry=2", f"{run}/marking",
                f"{run}/attempts", f"{run}/debrief/pre", f"{run}/timetable", f"{run}/attendance", f"{run}/practicals", f"{run}/report", f"{run}/feedback/key",
                f"{run}/grant/{self.enrolled[1].id}/post",
            ],
            "waiter": ["/", f"{learn['waiter']}/tests/pre"],
            "paused": [attempt["paused"]],
            "mover": [attempt["mover"]],
            "worker": ["/", attempt["worker"], f"{attempt['worker']}/summary"],
            "finisher": ["/", f"{attempt['finisher']}/result", f"{learn['finisher']}/tests/post"],
            "practiser": ["/", f"{attempt['practiser']}/practice"],
            "practised": [f"{attempt['practised']}/result"],
            "on-paper": ["/", f"/learn/{self.enrolled[6].id}/feedback"],
            "cut-off": [attempt["cut-off"]],
        }


def _jobs(db: Session, node: live.Live, person_id: uuid.UUID) -> list[uuid.UUID]:
    """Work in the background in each of its states."""
    now, folder = clock.now(), node.config.folder / background.FOLDER
    made = files.keep(folder, b"a list")
    states: dict[str, dict[str, Any]] = {
        "waiting": {},
        "running": {"step": "making", "done": 40, "total": 100, "started_at": now, "beat_at": now},
        "done": {"done": 100, "total": 100, "started_at": now, "ended_at": now, "result": {"file": made, "name": "people.csv"}},
        "failed": {"done": 10, "total": 100, "started_at": now, "ended_at": now},
        "cancelled": {"done": 10, "total": 100, "started_at": now, "ended_at": now, "cancel": True},
    }
    rows = [
        BackgroundJob(
            kind="export", person_id=person_id, params={"name": "people.csv", "address": "/people?as=csv"}, language="en", state=state, made_at=now, **values
        )
        for state, values in states.items()
    ]
    db.add_all(rows)
    db.flush()
    return [one.id for one in rows]
