"""Rows for tests of certificates: a run that ended, with people who passed, took part, or never came."""

from __future__ import annotations

import uuid
from datetime import date
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.certificates import completion, rules, services
from app.certificates.keys import Pen, pen
from app.certificates.models import Certificate, NumberBlock, Signatory
from app.certificates.rules import Facts, Kind, Signs
from app.db import MICRO
from app.offices.models import Country, Office
from app.people.models import Person, PersonName
from app.people.names import Name
from app.quizzes.models import Attempt
from app.runs.models import CourseRun, Enrolment
from tests.factories import LONG_AGO, a_moment, added, make_country, make_office, make_person
from tests.runs import rows as runs

NOW = a_moment(6)
ADDRESS = "https://verify.example.kz"


def make_ended_run(db: Session, office: Office | None = None, people: int = 3, **values: Any) -> CourseRun:
    """A run that is over; the first person failed the test, the last never came, the rest passed."""
    office = office or make_office(db, country=make_country(db), names={"en": "Korday", "ru": "Кордай", "kk": "Қордай", "prs": "کوردای"})
    content = runs.course_content()
    content["completion"]["lessons"] = "none"
    version = values.pop("version", None) or runs.make_version(db, content=content)
    run = runs.make_run(db, office, version, **({"state": "closed"} | values))
    for n in range(1, people + 1):
        enrolment = enrol(db, run, number=n, family=f"Bekov{'a' * n}")
        if n < people or people == 1:
            sat(db, enrolment, 40 if n == 1 and people > 1 else 92)
    return run


def enrol(db: Session, run: CourseRun, *, number: int, family: str = "Bekova", given: str = "Aigerim", **values: Any) -> Enrolment:
    """Somebody in the run, known in Latin and Cyrillic letters."""
    office = db.get_one(Office, run.office_id)
    person = make_person(db, office, family=family, given=given)
    added(db, PersonName(person_id=person.id, script="Cyrl", family="Бекова", given="Айгерім", valid_from=LONG_AGO))
    return runs.enrol(db, run, person, number=number, **values)


def sat(db: Session, enrolment: Enrolment, percent: int) -> None:
    """The person took the final test."""
    run = db.get_one(CourseRun, enrolment.run_id)
    added(
        db,
        Attempt(
            enrolment_id=enrolment.id, course_version_id=run.course_version_id, quiz="post", kind="post-test", number=1, language="ru",
            seed="1", draw=[], supervised=True, state="handed-in", started_at=a_moment(2), ended_at=a_moment(2.05),
            score=percent * MICRO // 100,
        ),
    )


def make_signatory(db: Session, office: Office, **values: Any) -> Signatory:
    """Somebody who signs for an office."""
    defaults: dict[str, Any] = {
        "names": {"kk": "Ә. Н. Сейітқали", "ru": "А. Н. Сейиткали", "en": "A. N. Seitkali"},
        "titles": {"kk": "Орталық басшысы", "ru": "Руководитель центра", "en": "Head of the centre"}, "position": 1,
    }
    return added(db, Signatory(office_id=office.id, **(defaults | values)))


def make_block(db: Session, office: Office, *, first: int = 1, last: int = 40, year: int = 2026, given_to: str = "test") -> NumberBlock:
    """Numbers of the office's country for a node."""
    assert office.country_id is not None
    country = db.get_one(Country, office.country_id)
    return added(
        db, NumberBlock(country_code=country.code, year=year, first=first, last=last, given_to=given_to, given_at=NOW)
    )


def signing(folder: Path) -> Pen:
    """The key of a node in a folder."""
    return pen(folder)


def issue(
    db: Session, run: CourseRun, folder: Path, *, people: list[uuid.UUID] | None = None, by: Person | None = None, **values: Any
) -> list[Certificate]:
    """Certificates for everybody of the run who sat the test."""
    office = db.get_one(Office, run.office_id)
    chosen = people if people is not None else [e.id for e in with_kind(db, run)]
    signs = values.pop("signatories", None) or [make_signatory(db, office).id]
    return services.issue_for_run(
        db, run, people=chosen, signatories=signs, pen=signing(folder), address=ADDRESS,
        actor_id=(by or make_person(db, office)).id, **({"now": NOW} | values),
    )


def with_kind(db: Session, run: CourseRun) -> list[Enrolment]:
    """The people of a run who get a certificate."""
    standings = completion.standings(db, run)
    enrolled = db.scalars(sa.select(Enrolment).where(Enrolment.run_id == run.id).order_by(Enrolment.number))
    return [e for e in enrolled if rules.kind_of(standings[e.id])]


def facts(**values: Any) -> Facts:
    """What a certificate says."""
    defaults: dict[str, Any] = {
        "kind": Kind.COMPLETED, "slug": "vehicle-search", "version": 1, "hours": 24, "result": 920_000,
        "names": {
            "Cyrl": Name("Әбдірахманова", "Гүлжаһан", "Қуанышқызы"), "Latn": Name("Abdirakhmanova", "Gulzhakhan", "Kuanyshkyzy"),
            "Arab": Name("عبدالرحمانوا", "گلجهان"),
        },
        "titles": {
            "kk": "Құрлық шекарасында көлікті тексеріп қарау", "ru": "Досмотр транспорта на сухопутной границе",
            "en": "Land border vehicle search", "prs": "تلاشی وسایط نقلیه در سرحد زمینی",
        },
        "starts_on": date(2026, 11, 23), "ends_on": date(2026, 11, 26), "issued_on": date(2026, 11, 30),
        "place": {"kk": "«Қордай» оқу сыныбы", "ru": "Учебный класс «Кордай»", "en": "Korday training class", "prs": "صنف آموزشی کوردای"},
        "issuer": {"kk": "Ситуациялық орталық", "ru": "Ситуационный центр", "en": "Situation Center", "prs": "مرکز وضعیت"},
        "authority": {"kk": "Шекара қызметі", "ru": "Пограничная служба", "en": "Border Service", "prs": "خدمات سرحدی"},
        "languages": ("kk",), "address": ADDRESS, "run": "R-2026-0412", "roster": 1,
        "signatories": (
            Signs({"kk": "Ә. Н. Сейітқали", "ru": "А. Н. Сейиткали", "en": "A. N. Seitkali", "prs": "ا. سیت‌قلی"},
                  {"kk": "Орталық басшысы", "ru": "Руководитель центра", "en": "Head of the centre", "prs": "آمر مرکز"}),
            Signs({"kk": "Д. Ғ. Кәрімов", "ru": "Д. Г. Каримов", "en": "D. G. Karimov", "prs": "د. کریموف"},
                  {"kk": "Жетекші жаттықтырушы", "ru": "Ведущий тренер", "en": "Lead trainer", "prs": "آموزگار ارشد"}),
            Signs({"kk": "Н. Қ. Өмірбекова", "ru": "Н. К. Умирбекова", "en": "N. K. Umirbekova", "prs": "ن. عمربیکوا"},
                  {"kk": "Тіркеуші", "ru": "Регистратор", "en": "Registrar", "prs": "ثبت‌کننده"}),
        ),
    }
    return Facts(**(defaults | values))


FOURTH = Signs(
    {"kk": "Г. Б. Жұмағұлова", "ru": "Г. Б. Жумагулова", "en": "G. B. Zhumagulova", "prs": "گ. جومه‌غلوا"},
    {"kk": "Сынып меңгерушісі", "ru": "Заведующая классом", "en": "Class manager", "prs": "مدیر صنف"},
)
