"""Rows of courses and runs for tests."""

from __future__ import annotations

import itertools
import uuid
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from app.courses import disk, media, services
from app.courses.models import CourseVersion
from app.files import keep
from app.offices.models import Office
from app.people.models import Person
from app.quizzes.models import Attempt
from app.runs.models import CourseRun, Enrolment
from tests.courses import sample
from tests.factories import a_moment, added, make_office, make_person

_count = itertools.count(1)


def publish(
    db: Session, folder: Path, files: dict[str, str | None] | None = None, *, keep_in: Path | None = None, id: str = "small"
) -> CourseVersion:
    """The small course with some other files, published from a folder of its own."""
    course = sample.write(folder / f"{next(_count)}", files, id=id)
    content = disk.load(course)
    pictures = disk.media_of(course, content)
    for data in pictures.values():
        keep((keep_in or folder) / media.FOLDER, data)
    db.info["writing"] = True
    version = services.publish(db, content, pictures=pictures, now=a_moment(), actor_id=None)
    assert version is not None
    return version


def make_run(db: Session, version: CourseVersion, office: Office | None = None, **values: Any) -> CourseRun:
    """An open run of a version."""
    office = office or make_office(db)
    defaults: dict[str, Any] = {
        "code": f"R-2026-{next(_count):04}", "classroom_id": None, "starts_on": date(2026, 11, 23), "ends_on": date(2026, 11, 27),
        "zone": "Asia/Almaty", "seats": 12, "state": "open",
    }  # fmt: skip
    return added(db, CourseRun(course_version_id=version.id, office_id=office.id, **(defaults | values)))


def enrol(db: Session, run: CourseRun, person: Person | None = None, **values: Any) -> Enrolment:
    """A person in a run."""
    person = person or make_person(db)
    defaults: dict[str, Any] = {"number": next(_count), "language": "ru", "enrolled_at": a_moment(-3)}
    return added(
        db,
        Enrolment(run_id=run.id, person_id=person.id, office_id=run.office_id, agency_id=person.agency_id, **(defaults | values)),
    )


def make_attempt(db: Session, enrolment: Enrolment, version: CourseVersion, quiz: str = "pre", **values: Any) -> Attempt:
    """A handed-in attempt with half the marks."""
    defaults: dict[str, Any] = {
        "kind": {"pre": "pre-test", "post": "post-test"}[quiz], "number": 1, "language": "ru", "seed": "s", "draw": ["q1"],
        "supervised": True, "state": "handed-in", "started_at": a_moment(), "ended_at": a_moment(), "receipt": uuid.uuid4().hex[:8],
        "score": 500_000,
    }  # fmt: skip
    return added(db, Attempt(enrolment_id=enrolment.id, course_version_id=version.id, quiz=quiz, **(defaults | values)))


def lessons_course(lessons: int) -> dict[str, str | None]:
    """Files that give the small course so many lessons."""
    files: dict[str, str | None] = {}
    for number in range(3, lessons + 2):
        for language in ("en", "ru"):
            text = sample.SEAL[language].replace("id: seal", f"id: more-{number}")
            files[f"modules/01-hides/{number:02}-more-{number}.{language}.md"] = text
    if lessons == 1:
        files |= {f"modules/01-hides/02-seal.{language}.md": None for language in ("en", "ru")}
    return files


def at(hour: int) -> datetime:
    """A moment of the test's day."""
    return datetime(2026, 11, 24, hour, tzinfo=UTC)


