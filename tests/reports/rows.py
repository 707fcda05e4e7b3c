"""Rows of reports for tests: what came of a participation, and a small country to report on."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from app.certificates.models import Certificate, NumberBlock
from app.clock import Clock
from app.courses.models import CourseVersion
from app.offices.models import Agency, Country, Office
from app.people.models import Person
from app.progress.models import LessonProgress
from app.quizzes.models import Attempt
from app.runs.models import CourseRun, Enrolment
from tests.factories import a_moment, added, make_country, make_office, make_person
from tests.runs.rows import enrol, make_run, make_version

_serial = itertools.count(1)


class At(Clock):
    """A clock that stands still on 24 November 2026, 04:00 UTC."""

    def now(self) -> Any:
        """The same moment, always."""
        return a_moment()


def came_of(
    db: Session, enrolment: Enrolment, *, pre: int | None = None, post: int | tuple[int, ...] | None = None, second: int | None = None,
    lesson: bool = False, certificate: str = "",
) -> Enrolment:
    """What a participation came to: scores of 100 (`second`: of a second final test), a finished lesson, a certificate."""
    version = db.get_one(CourseRun, enrolment.run_id).course_version_id
    posts = (post,) if isinstance(post, int) else post or ()
    for quiz, number, score in (
        *([("pre", 1, pre)] if pre is not None else []), *(("post", n, score) for n, score in enumerate(posts, 1)),
        *([("second", 1, second)] if second is not None else []),
    ):
        added(
            db,
            Attempt(
                enrolment_id=enrolment.id, course_version_id=version, quiz=quiz, kind="pre-test" if quiz == "pre" else "post-test", number=number, language="ru",
                seed="s", draw=[], supervised=True, state="handed-in", started_at=a_moment(), ended_at=a_moment(), score=score * 10_000,
            ),
        )
    if lesson:
        added(db, LessonProgress(enrolment_id=enrolment.id, lesson="l1", started_at=a_moment(), visited_at=a_moment(), done_at=a_moment()))
    if certificate:
        make_certificate(db, enrolment, certificate)
    return enrolment


def make_certificate(db: Session, enrolment: Enrolment, kind: str = "completed", **values: Any) -> Certificate:
    """A certificate in force."""
    n = next(_serial)
    block = added(db, NumberBlock(country_code="XX", year=2026, first=n, last=n, given_to="test", given_at=a_moment()))
    defaults: dict[str, Any] = {
        "number": f"XX-2026-{n:06d}-00", "country_code": "XX", "year": 2026, "serial": n, "block_id": block.id,
        "office_id": enrolment.office_id, "kind": kind, "facts": {}, "payload": "p", "key_id": "k", "random_key_hash": "h",
        "issued_at": a_moment(), "issued_by": enrolment.person_id,
    }
    return added(db, Certificate(enrolment_id=enrolment.id, **(defaults | values)))


@dataclass
class Land:
    """A country with two regions: the first has two border offices, the second one."""

    country: Country
    centre: Office
    west: Office
    east: Office
    korday: Office
    sypatai: Office
    atameken: Office
    border: Agency
    customs: Agency
    cars: CourseVersion
    documents: CourseVersion

    @property
    def posts(self) -> tuple[Office, Office, Office]:
        """The border offices."""
        return self.korday, self.sypatai, self.atameken


def make_land(db: Session, code: str = "QA") -> Land:
    """The country, its offices, agencies and two courses; nobody in it yet."""
    country = make_country(db, code, names={"en": f"Land {code}"})
    centre = make_office(db, country=country, code=code, kind="centre", names={"en": f"Land {code}"})
    west, east = (make_office(db, centre, code=f"{code}-{name.upper()}", kind="department", names={"en": f"{name} {code}"}) for name in ("West", "East"))
    korday, sypatai = (make_office(db, west, code=f"{code}-{name.upper()}", names={"en": f"{name} {code}"}) for name in ("Korday", "Sypatai"))
    atameken = make_office(db, east, code=f"{code}-ATAMEKEN", names={"en": f"Atameken {code}"})
    border, customs = (added(db, Agency(country_id=country.id, code=name.upper(), names={"en": name})) for name in ("Border", "Customs"))
    cars = make_version(db, titles={"en": f"Vehicle search {code}"})
    documents = make_version(db, titles={"en": f"Travel documents {code}"})
    return Land(country, centre, west, east, korday, sypatai, atameken, border, customs, cars, documents)


def a_run(db: Session, land: Land, version: CourseVersion | None = None, first: date = date(2026, 11, 9), last: date = date(2026, 11, 11), **values: Any) -> CourseRun:
    """A run of the country's centre."""
    return make_run(db, land.centre, version or land.cars, starts_on=first, ends_on=last, **values)


def take_part(
    db: Session, run: CourseRun, office: Office, agency: Agency, *, person: Person | None = None, gender: str | None = "m",
    mode: str = "class", state: str = "enrolled", **came: Any,
) -> Enrolment:
    """An officer of an office takes part in a run."""
    person = person or make_person(db, office, agency=agency, gender=gender)
    return came_of(db, enrol(db, run, person, office, mode=mode, state=state), **came)


def a_november(db: Session, land: Land) -> None:
    """A month with everything in it that a report tells apart."""
    cars, documents = a_run(db, land), a_run(db, land, land.documents, date(2026, 11, 16), date(2026, 12, 2))
    old = a_run(db, land, first=date(2026, 9, 1), last=date(2026, 9, 3))
    genders = ["f", "m", None, "m", "f", "m", "m"]
    people = [make_person(db, land.korday, agency=land.border, gender=gender, family=f"Officer{n}") for n, gender in enumerate(genders)]
    for n, person in enumerate(people):  # Korday: seven in cars, five with both tests; three of them in documents, too
        take_part(
            db, cars, land.korday, land.border, person=person, pre=40 + n if n < 6 else None, post=(60, 70 + 2 * n) if n < 5 else None,
            lesson=n == 6, certificate="completed" if n in (3, 4) else "participated" if n < 3 else "",
        )
    for person in people[:3]:
        take_part(db, documents, land.korday, land.border, person=person, mode="remote", pre=50, post=80)
    for gender in ("f", None):  # Sypatai: enrolled, and nothing has come in
        take_part(db, cars, land.sypatai, land.customs, gender=gender)
    take_part(db, old, land.atameken, land.customs, gender="f", pre=30, post=90)  # not in November
    take_part(db, cars, land.korday, land.border, gender="f", state="withdrawn", pre=1, post=2)
    take_part(db, a_run(db, land, state="cancelled"), land.korday, land.border, gender="f", pre=1, post=2)
