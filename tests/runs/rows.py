"""Rows of runs for tests; and a course small enough to count by hand."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from app.courses.models import Course, CourseVersion
from app.offices.models import Office
from app.people.models import Person
from app.runs.models import CourseRun, Enrolment, Nomination, RunTrainer
from tests.factories import a_moment, added, make_office, make_person

STARTS, ENDS = date(2026, 11, 23), date(2026, 11, 26)


def course_content(lessons: int = 2, pass_mark: int = 75, attempts: int = 2) -> dict[str, Any]:
    """What a version holds of a course with some lessons, a pre-test and a post-test."""

    def quiz(id: str, kind: str, attempts: int) -> dict[str, Any]:
        return {
            "id": id, "kind": kind, "title": {"en": id}, "minutes": 20, "attempts": attempts, "supervised": True,
            "blueprint": [{"outcome": "o", "items": 1}],
        }

    lesson = {"kind": "explain", "minutes": 10, "outcomes": ["o"], "sources": [], "texts": {"en": {"title": "L", "body": "B"}}}
    return {
        "id": "cars", "title": {"en": "Cars"}, "summary": {"en": "s"}, "languages": ["en", "ru"], "partial": [], "original": "en",
        "level": "basic", "domain": "land", "hours": 6, "as_of": "2026-11-21", "outcomes": [{"id": "o", "text": {"en": "o"}}],
        "completion": {"pass_mark": pass_mark, "lessons": "all"},
        "quizzes": [quiz("pre", "pre-test", 1), quiz("post", "post-test", attempts)],
        "modules": [
            {"id": "m", "title": {"en": "M"}, "lessons": [{"id": f"l{n}", **lesson} for n in range(1, lessons + 1)], "questions": []}
        ],
        "sources": [], "media": [],
    }


def make_version(db: Session, course: Course | None = None, **values: Any) -> CourseVersion:
    """A published version of a course."""
    course = course or added(db, Course(slug=f"cars-{uuid.uuid4().hex[:8]}"))
    defaults: dict[str, Any] = {
        "number": 1, "content_hash": uuid.uuid4().hex, "titles": {"en": "Vehicle search"}, "languages": ["en", "ru"],
        "content": course_content(), "published_at": a_moment(-30),
    }
    return added(db, CourseVersion(course_id=course.id, **(defaults | values)))


def make_run(db: Session, office: Office | None = None, version: CourseVersion | None = None, **values: Any) -> CourseRun:
    """A run of four days."""
    office = office or make_office(db)
    version = version or make_version(db)
    defaults: dict[str, Any] = {
        "code": f"R-2026-{uuid.uuid4().hex[:6]}", "classroom_id": None, "place": "Room 2", "starts_on": STARTS, "ends_on": ENDS,
        "zone": office.zone, "seats": 10, "state": "open",
    }
    return added(db, CourseRun(course_version_id=version.id, office_id=office.id, **(defaults | values)))


def teach(db: Session, run: CourseRun, person: Person, part: str = "lead") -> RunTrainer:
    """Make somebody a trainer of a run."""
    return added(db, RunTrainer(run_id=run.id, person_id=person.id, part=part))


def make_nomination(db: Session, run: CourseRun, person: Person, office: Office, **values: Any) -> Nomination:
    """A nomination that waits for a decision."""
    defaults: dict[str, Any] = {"nominated_by": person.id, "nominated_at": a_moment(-10), "language": "ru"}
    return added(db, Nomination(run_id=run.id, person_id=person.id, office_id=office.id, **(defaults | values)))


def enrol(db: Session, run: CourseRun, person: Person | None = None, office: Office | None = None, **values: Any) -> Enrolment:
    """Somebody who is in a run; of the run's office when nobody says otherwise."""
    office = office or db.get_one(Office, run.office_id)
    person = person or make_person(db, office)
    numbers = [row.number for row in db.query(Enrolment).filter_by(run_id=run.id)]
    defaults: dict[str, Any] = {"number": max(numbers, default=0) + 1, "language": "ru", "enrolled_at": a_moment(-5), "rank": "captain"}
    return added(db, Enrolment(run_id=run.id, person_id=person.id, office_id=office.id, agency_id=person.agency_id, **(defaults | values)))
