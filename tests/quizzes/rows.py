"""A course with all question types, a run of it, and trainees in it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from app import clock
from app.clock import Clock, Uptime
from app.courses.content import CourseContent
from app.courses.models import Course, CourseVersion
from app.courses.queries import course_content
from app.ids import new_id
from app.offices.models import Office
from app.people.models import Person
from app.questions.types import TYPES
from app.quizzes import invigilation, services
from app.quizzes.models import Attempt
from app.runs.models import CourseRun, Enrolment
from tests.factories import added, make_office, make_person
from tests.questions.examples import EXAMPLES

WRITER = "the-first-tab"
MORNING = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)


class Hands(Clock):
    """A clock that a test sets: the wall clock apart from the machine's own."""

    def __init__(self, wall: datetime = MORNING) -> None:
        self.wall, self.machine = wall, Uptime("boot-1", 1_000_000)

    def now(self) -> datetime:
        """The wall clock."""
        return self.wall

    def uptime(self) -> Uptime:
        """The machine's clock."""
        return self.machine

    def passes(self, seconds: float) -> None:
        """Time goes by for both clocks."""
        self.wall += timedelta(seconds=seconds)
        self.machine = Uptime(self.machine.boot, self.machine.ms + round(seconds * 1000))

    def power_cut(self, seconds: float) -> None:
        """The machine is off for a while and starts anew."""
        self.wall += timedelta(seconds=seconds)
        self.machine = Uptime(str(new_id()), 30_000)


def question(kind: str, id: str, outcome: str = "car", **changes: Any) -> dict[str, Any]:
    """A question as a course file has it."""
    shared = {"id": id, "type": kind, "outcome": outcome, "difficulty": "medium", "source": "P1-CK", "as_of": "2026-11-21"}
    return shared | EXAMPLES[kind] | changes


TITLES = {
    "pre": {"en": "First test: vehicle search", "ru": "Входной тест: досмотр", "prs": "امتحان اول: تلاشی موتر"},
    "post": {"en": "Final test: vehicle search", "ru": "Итоговый тест: досмотр", "prs": "امتحان آخر: تلاشی موتر"},
    "play": {"en": "Try it", "ru": "Проба", "prs": "تمرین"},
}


COMMON = ("single", "multiple", "number", "matching", "ordering", "hotspot")


PRACTICAL: dict[str, Any] = {
    "id": "search-car", "title": {"en": "Search a car", "ru": "Досмотр автомобиля"}, "outcome": "car", "minutes": "30",
    "task": {"en": "Search the car by **zones** and type its length.", "ru": "Досмотрите автомобиль по зонам."},
    "data": "lengths.csv", "file": "yes",
    "values": [{"id": "length", "label": {"en": "Length inside", "ru": "Длина внутри"}, "value": "11.40", "tolerance": "0.05", "unit": {"en": "m", "ru": "м"}}],
    "checklist": [
        {"id": "start-point", "text": {"en": "Names the start point", "ru": "Называет начало"}, "critical": "yes"},
        {"id": "zones", "text": {"en": "Keeps the order of zones", "ru": "Соблюдает порядок зон"}},
        {"id": "notes", "text": {"en": "Notes what was found", "ru": "Записывает найденное"}},
    ],
    "pass_share": "75",
}  # fmt: skip


def content(**changes: Any) -> CourseContent:
    """A course: six types twice under the outcome "car", four simple ones under "seal", all other types that are marked by
    rule under "more"; tests pre, post, play (all of "car") and every (a question of every type, and of some a second)."""
    car = [question(kind, f"{kind}-{n}") for n in (1, 2) for kind in COMMON]
    more = [question(kind, kind, "more") for kind in EXAMPLES if kind not in COMMON and not TYPES[kind].by_hand]
    seal = [question("single", f"seal-{n}", "seal", difficulty="easy" if n % 2 else "hard") for n in range(1, 5)]
    blueprint = [{"outcome": "car", "items": 2}, {"outcome": "seal", "items": 1}]
    whole: dict[str, Any] = {
        "id": f"course-{new_id().hex[-12:]}",
        "title": {"en": "Vehicle search", "ru": "Досмотр транспорта", "prs": "تلاشی موتر"},
        "summary": {"en": "…", "ru": "…"},
        "languages": ["en", "ru"], "partial": ["prs"], "original": "en", "level": "basic", "domain": "land",
        "hours": 6, "as_of": "2026-11-21",
        "outcomes": [
            {"id": "car", "text": {"en": "Car by zones", "ru": "Автомобиль по зонам", "prs": "موتر به منطقه‌ها"}},
            {"id": "seal", "text": {"en": "Seals", "ru": "Пломбы", "prs": "مهرها"}},
            {"id": "more", "text": {"en": "More", "ru": "Ещё", "prs": "بیشتر"}},
        ],
        "completion": {"pass_mark": 80, "lessons": "all"},
        "quizzes": [
            {"id": "pre", "kind": "pre-test", "title": TITLES["pre"], "minutes": 20, "attempts": 1, "supervised": True, "blueprint": blueprint},
            {"id": "post", "kind": "post-test", "title": TITLES["post"], "minutes": 25, "attempts": 2, "supervised": False, "parallel_to": "pre", "blueprint": blueprint},
            {"id": "play", "kind": "practice", "title": TITLES["play"], "attempts": 0, "supervised": False, "blueprint": [{"outcome": "car", "items": 12}]},
            {"id": "every", "kind": "practice", "title": TITLES["play"], "attempts": 0, "supervised": False, "blueprint": [{"outcome": "car", "items": 12}, {"outcome": "more", "items": len(more)}]},
        ],
        "modules": [{
            "id": "m1", "title": {"en": "Hides", "ru": "Тайники"},
            "lessons": [{
                "id": "zones", "kind": "explain", "minutes": 10, "outcomes": ["car"], "sources": [],
                "texts": {"en": {"title": "Passenger car by zones", "body": "## One\n\nText."}, "ru": {"title": "Автомобиль", "body": "## Раз\n\nТекст."}},
            }],
            "questions": car + seal + more,
        }],
        "sources": [{"id": "P1-CK", "title": "A source"}],
        "media": [{"file": "undercarriage.svg", "licence": "own", "source": "own", "sha256": "0" * 64, "width": 720, "height": 360}],
    }  # fmt: skip
    return CourseContent.model_validate(whole | changes)


def written_content(**changes: Any) -> CourseContent:
    """A course whose final test "essay" asks one free text and two choices of one outcome."""
    questions = [question("free-text", "essay-1", "zones"), question("single", "zone-1", "zones"), question("single", "zone-2", "zones")]
    base = content()
    module = base.modules[0].model_dump(mode="json") | {"questions": questions}
    quiz = {
        "id": "essay", "kind": "post-test", "title": {"en": "Essay", "ru": "Сочинение"}, "attempts": 2, "supervised": False,
        "blueprint": [{"outcome": "zones", "items": 3}],
    }
    return CourseContent.model_validate(
        base.model_dump(mode="json")
        | {"modules": [module], "quizzes": [quiz], "outcomes": [{"id": "zones", "text": {"en": "Car by zones", "ru": "По зонам"}}]}
        | changes
    )


def make_version(db: Session, what: CourseContent | None = None) -> CourseVersion:
    """A published course."""
    what = what or content()
    course = added(db, Course(slug=what.id))
    return added(
        db,
        CourseVersion(
            course_id=course.id, number=1, content_hash="0" * 64, titles=what.title, languages=what.languages,
            content=what.model_dump(mode="json"), published_at=MORNING,
        ),
    )  # fmt: skip


def make_run(db: Session, what: CourseContent | None = None, office: Office | None = None, **values: Any) -> CourseRun:
    """An open run of a course."""
    office = office or make_office(db)
    version = make_version(db, what)
    defaults: dict[str, Any] = {
        "code": f"R-{new_id().hex[-12:]}", "starts_on": date(2026, 11, 23), "ends_on": date(2026, 11, 27), "zone": "Asia/Almaty",
        "seats": 12, "state": "open",
    }
    return added(
        db, CourseRun(course_version_id=version.id, office_id=office.id, classroom_id=None, **(defaults | values))
    )


def make_enrolment(db: Session, run: CourseRun | None = None, person: Person | None = None, **values: Any) -> Enrolment:
    """A person in a run."""
    run = run or make_run(db)
    person = person or make_person(db)
    defaults: dict[str, Any] = {"number": 1, "language": "en", "enrolled_at": MORNING}
    return added(
        db,
        Enrolment(
            run_id=run.id, person_id=person.id, office_id=run.office_id, agency_id=person.agency_id, **(defaults | values)
        ),
    )


def make_attempt(
    db: Session, enrolment: Enrolment | None = None, quiz: str = "post", writer: str = WRITER, seat_id: uuid.UUID | None = None
) -> Attempt:
    """An attempt just begun, a supervised one after it was started for the room; save into it as WRITER."""
    enrolment = enrolment or make_enrolment(db)
    start_for_room(db, enrolment.run_id, quiz)
    return services.start_attempt(
        db, enrolment_id=enrolment.id, quiz=quiz, now=clock.now(), uptime=clock.uptime(), writer=writer, seat_id=seat_id
    )


def start_for_room(db: Session, run_id: uuid.UUID, quiz: str, wave: int = 0) -> None:
    """The class manager starts a supervised test; nothing for a test that needs none."""
    run = db.get_one(CourseRun, run_id)
    plan = course_content(db, run.course_version_id).quiz(quiz)
    if plan is not None and plan.supervised:
        by = make_person(db, db.get_one(Office, run.office_id))
        invigilation.start_room_test(db, run, quiz, by=by.id, now=clock.now(), wave=wave)


@dataclass
class Tab:
    """A browser tab that saves into an attempt."""

    db: Session
    attempt_id: uuid.UUID
    writer: str = WRITER

    def saves(self, question: str, response: dict[str, Any], revision: int = 1, key: str | None = None) -> services.Saved:
        """One save."""
        return services.save_answer(
            self.db, self.attempt_id, question=question, response=response, revision=revision,
            key=key or new_id().hex, writer=self.writer, now=clock.now(), uptime=clock.uptime(),
        )  # fmt: skip

    def beats(self, **values: Any) -> int | None:
        """One sign of life; gives the time left."""
        return self.stands(**values).remaining_ms

    def stands(self, **values: Any) -> services.Alive:
        """One sign of life; gives how the attempt stands."""
        return services.beat(
            self.db, self.attempt_id, writer=self.writer, now=clock.now(), uptime=clock.uptime(), **values
        )

    def hands_in(self) -> Attempt:
        """The end."""
        return services.hand_in(self.db, self.attempt_id, now=clock.now(), uptime=clock.uptime(), writer=self.writer)
