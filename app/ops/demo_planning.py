"""The demo's pool and sessions: forty trainers of five countries, who taught what, drafts, offers, a request, leave, holidays, closures."""

from __future__ import annotations

import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.courses.models import Course, CourseVersion
from app.feedback.models import FeedbackSheet
from app.feedback.rules import STATEMENTS
from app.notices import services as notices
from app.notices.models import Notice
from app.offices.models import Agency, Classroom, Closure, Country, Holiday, Office
from app.ops import demo_data as data
from app.ops.demo import World
from app.people import register
from app.people.models import Person
from app.people.names import Name
from app.planning import queries as planning
from app.planning import release, reminding
from app.planning.rules import as_json
from app.policy import Role
from app.runs import services as runs
from app.runs.models import CourseRun, Nomination
from app.schedule import assignments, bookings, queries, sessions
from app.schedule.bookings import Span
from app.schedule.models import (
    AgencyQuota,
    Assignment,
    Meeting,
    RoomBlocking,
    SessionSeat,
    SessionSlot,
    TrainingSession,
)
from app.trainers import absences, services
from app.trainers.models import Trainer
from app.trainers.rules import shifts, whole_days
from app.work import work

VEHICLES, DOCUMENTS = "vehicle-search", "travel-documents"


# ---- the pool --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Teacher:
    """One trainer of the demo. Days count from today; `way` is how far he has come."""

    key: str
    office: str
    family: str
    given: str
    way: str = "accredited"  # nominated | workshop | asked | observed | accredited | lapsed
    courses: str = "vd"  # v: vehicle search, d: travel documents; capital letters: as lead
    languages: str = "ru C1"
    until: int = 400  # last day of the accreditations
    shown: str = "busy"
    travels: str = "country"
    reach: str = "national"
    share: int = 100
    needs_release: bool = False
    passport: int | None = 900
    tested: int | None = 20
    prefers: str = ""
    woman: bool = False


TEACHERS = (
    # the trainer who signs in as such: in the pool, with an offer waiting and an observation to sign
    Teacher("qasymov", "KZ", "", "", courses="VD", languages="kk C2, ru C2, en B1", until=404, shown="card", travels="abroad", reach="regional", prefers="classroom"),
    Teacher("karimov", "KZ-KORDAY", "Кәрімов/Karimov", "Данияр/Daniyar", courses="VD", languages="kk C2, ru C1", until=404, shown="card", travels="abroad", reach="regional"),
    Teacher("li", "KZ-ZHAMBYL", "Ли/Li", "Сергей/Sergei", courses="vD", languages="ru C2, kk B1, en B2", until=230, shown="card", travels="abroad", reach="regional", tested=8),
    Teacher("tolegenov", "KZ-SYPATAI", "Төлегенов/Tolegenov", "Асқар/Asqar", courses="VD", languages="kk C2, ru C1", until=300),
    Teacher("akhmetova", "KZ-KONYSBAEV", "Ахметова/Akhmetova", "Мадина/Madina", courses="VD", languages="kk C2, ru C1, uz B2", until=160, woman=True, prefers="online", tested=2),
    Teacher("bekova", "KZ-ATAMEKEN", "Бекова/Bekova", "Сәуле/Saule", courses="vd", languages="kk C2, ru B2", until=90, woman=True),
    Teacher("sadvakasov", "KZ-TEMIRBABA", "Садвақасов/Sadvakasov", "Нұрлан/Nurlan", courses="V", languages="kk C2, ru B2, tk B1", until=52, travels="department"),
    Teacher("pak", "KZ-TURKISTAN", "Пак/Pak", "Олег/Oleg", courses="vd", languages="ru C2, en B2", until=12),
    Teacher("zhaqyp", "KZ-NURZHOLY", "Жақып/Zhaqyp", "Ілияс/Iliyas", way="lapsed", courses="V", languages="kk C2, ru C1", until=-40),
    Teacher("serik", "KZ-KORDAY", "Серікқызы/Serikqyzy", "Іңкәр/Inkar", way="asked", languages="kk C2, ru C1", woman=True),
    Teacher("nurgali", "KZ-JETISU", "Нұрғали/Nurgali", "Әділ/Adil", way="observed", languages="kk C2, ru B2"),
    Teacher("tasov", "KZ-MANGYSTAU", "Тасов/Tasov", "Жандос/Zhandos", way="nominated", languages="kk C2, ru B1"),
    Teacher("sadykova", "KG-AKZHOL", "Садыкова/Sadykova", "Нургүл/Nurgul", courses="VD", languages="ky C2, ru C1", until=380, shown="card", travels="abroad", reach="regional", woman=True),
    Teacher("osmonov", "KG-OSH", "Осмонов/Osmonov", "Мирлан/Mirlan", courses="vd", languages="ky C2, ru C1, kk B2, en B2", until=350, shown="card", travels="abroad", reach="regional"),
    Teacher("beishenov", "KG-CHUY", "Бейшенов/Beishenov", "Талант/Talant", courses="VD", languages="ky C2, ru C1", until=260, travels="abroad", reach="regional", needs_release=True),
    Teacher("toktogulova", "KG-DOSTUK", "Токтогулова/Toktogulova", "Айпери/Aiperi", courses="Vd", languages="ky C2, ru B2, uz B2", until=210, woman=True, shown="none"),
    Teacher("abdyldaev", "KG-OSHAIR", "Абдылдаев/Abdyldaev", "Улан/Ulan", courses="D", languages="ky C2, ru C1, en C1", until=330, travels="abroad", reach="regional", tested=None),
    Teacher("moldobaev", "KG-CHALDOVAR", "Молдобаев/Moldobaev", "Эрмек/Ermek", courses="v", languages="ky C2, ru B2", until=100),
    Teacher("kadyrova", "KG-BORDOBO", "Кадырова/Kadyrova", "Чолпон/Cholpon", way="workshop", languages="ky C2, ru B2", woman=True, shown="none"),
    Teacher("isaev", "KG-AKZHOL", "Исаев/Isaev", "Марат/Marat", way="lapsed", courses="V", languages="ky C2, ru C1", until=-10),
    Teacher("toraqulov", "UZ-TASHKENT", "Тўрақулов/Toʻraqulov", "Бахтиёр/Baxtiyor", courses="VD", languages="uz C2, ru C1", until=390, shown="card", travels="abroad", reach="regional"),
    Teacher("saidova", "UZ-YALLAMA", "Саидова/Saidova", "Дилноза/Dilnoza", courses="VD", languages="uz C2, ru C1, en B2", until=270, woman=True, travels="abroad", reach="regional", prefers="online"),
    Teacher("rahimov-uz", "UZ-GISHTKUPRIK", "Раҳимов/Rahimov", "Отабек/Otabek", courses="VD", languages="uz C2, ru C1", until=310),
    Teacher("umarov", "UZ-OYBEK", "Умаров/Umarov", "Шерзод/Sherzod", courses="VD", languages="uz C2, ru C1, tg B2", until=190),
    Teacher("yusupova", "UZ-DUSTLIK", "Юсупова/Yusupova", "Малика/Malika", courses="vd", languages="uz C2, ru B2, ky B1", until=140, woman=True, share=50),
    Teacher("ganiev", "UZ-SARIOSIYO", "Ғаниев/Gʻaniyev", "Жамшид/Jamshid", courses="v", languages="uz C2, tg C1, ru B1", until=75),
    Teacher("xolmatov", "UZ-SOUTH", "Холматов/Xolmatov", "Алишер/Alisher", courses="D", languages="uz C2, ru C1", until=320, shown="none"),
    Teacher("orinova", "UZ-TASHKENT", "Ўринова/Oʻrinova", "Феруза/Feruza", way="observed", languages="uz C2, ru C1", woman=True, shown="none"),
    Teacher("mirzayev", "UZ-YALLAMA", "Мирзаев/Mirzayev", "Достон/Doston", way="nominated", languages="uz C2, ru B2", shown="none"),
    Teacher("rahimi", "TJ-SUGHD", "Раҳимӣ/Rahimi", "Ориф/Orif", courses="VD", languages="tg C2, ru C1, prs B2", until=360, shown="card", travels="abroad", reach="regional"),
    Teacher("davlatov", "TJ-FOTEHOBOD", "Давлатов/Davlatov", "Баҳром/Bahrom", courses="VD", languages="tg C2, ru C1, uz B2", until=240),
    Teacher("sharipova", "TJ-DUSTI", "Шарипова/Sharipova", "Зарина/Zarina", courses="VD", languages="tg C2, ru C1", until=170, woman=True),
    Teacher("nazarov", "TJ-PANJ", "Назаров/Nazarov", "Далер/Daler", courses="Vd", languages="tg C2, ru B2, prs C1", until=280),
    Teacher("qosimov", "TJ-KHATLON", "Қосимов/Qosimov", "Фаррух/Farrukh", courses="d", languages="tg C2, ru C1", until=130, shown="none"),
    Teacher("juraev", "TJ-KIZILART", "Ҷӯраев/Juraev", "Сӯҳроб/Suhrob", way="workshop", languages="tg C2, ru B2", shown="none"),
    Teacher("annayeva", "TM-BALKAN", "Аннаева/Annaýewa", "Айнабат/Aýnabat", courses="d", languages="tk C2, ru C1", until=0, shown="card", travels="abroad", reach="regional", needs_release=True, woman=True),
    Teacher("orazow", "TM-FARAP", "Оразов/Orazow", "Сердар/Serdar", courses="VD", languages="tk C2, ru C1", until=290, needs_release=True),
    Teacher("berdiyew", "TM-GARABOGAZ", "Бердиев/Berdiýew", "Дөвлет/Döwlet", courses="V", languages="tk C2, ru B2, kk B1", until=200, needs_release=True),
    Teacher("caryyewa", "TM-LEBAP", "Чарыева/Çaryýewa", "Гөзел/Gözel", courses="vd", languages="tk C2, ru B2, uz B2", until=110, needs_release=True, woman=True, shown="none"),
    Teacher("hanow", "TM-TALIMARJAN", "Ханов/Hanow", "Мерген/Mergen", way="lapsed", courses="v", languages="tk C2, ru B2", until=-95, shown="none", passport=-3),
)


def make_pool(world: World) -> None:
    """Forty trainers with all that stands on their cards; before the runs, so that these have who teaches them."""
    today = clock.now().date()
    for land in data.LANDS:
        with work(world.database, world.staff["planner"]) as db:
            courses = {one.slug: one for one in db.scalars(sa.select(Course))}
            for teacher in TEACHERS:
                if teacher.office[:2] == land.code:
                    _make_trainer(world, db, teacher, courses, today)
    with work(world.database, world.staff["planner"]) as db:
        _tables(world, db)
        _papers(world, db, today)
        _absences(world, db, today)
        _days_off(world, db, today)
    world.say(f"  {len(world.trainers)} trainers in the pool")


def _make_trainer(world: World, db: Session, teacher: Teacher, courses: dict[str, Course], today: date) -> None:
    """One trainer with the steps of his way, noted as if on their days."""
    planner = world.staff["planner"]
    office = db.get_one(Office, world.offices[teacher.office])
    if teacher.family:
        (family, family_latin), (given, given_latin) = teacher.family.split("/"), teacher.given.split("/")
        person = register.register_person(
            db, agency=db.get_one(Agency, world.agencies[teacher.office[:2], "BORDER"]), office=office, service_number=str(next(world.numbers)),
            names={"Cyrl": Name(family, given), "Latn": Name(family_latin, given_latin)}, since=today - timedelta(days=700),
            gender="f" if teacher.woman else "m", rank="капитан", post="преподаватель",
        )
        register.give_role(db, person, role=Role.TRAINER, office=office, since=today - timedelta(days=600), given_by=world.staff["admin"])
        if teacher.shown != "none":  # the others have no mail: they read their start page, or a paper
            person.email = f"{teacher.key}@{teacher.office[:2].lower()}.sabaq.example"
    else:
        person = db.get_one(Person, world.staff["trainer"])
        person.email = "trainer@kz.sabaq.example"
    world.trainers[teacher.key] = person.id

    def at(days: int) -> datetime:
        return datetime.combine(today - timedelta(days=days), time(5), UTC)

    trainer = services.take_in(db, person, home=office, day=today - timedelta(days=500), reach=teacher.reach, by=planner, now=at(500))
    for pair in teacher.languages.split(", "):
        language, level = pair.split()
        services.state_language(db, trainer, language=language, level=level)
    trainer.travels, trainer.share, trainer.needs_release = teacher.travels, teacher.share, teacher.needs_release
    trainer.passport_to = today + timedelta(days=teacher.passport) if teacher.passport is not None else None
    trainer.connection_tested_on = today - timedelta(days=teacher.tested) if teacher.tested is not None else None
    trainer.prefers, trainer.prefers_to = teacher.prefers, today + timedelta(days=40) if teacher.prefers else None
    if teacher.key == "tolegenov":
        trainer.days_a_month = 3
    services.consent(db, trainer, shown=teacher.shown, today=today - timedelta(days=120))
    if teacher.way == "nominated":
        return
    services.note_workshop(db, trainer, day=today - timedelta(days=470), note="Астана, 5 дней", by=planner, now=at(468))
    if teacher.way in ("workshop", "asked"):
        return
    assessor = world.trainers.get("karimov" if teacher.key == "qasymov" else "qasymov") or world.staff["reviewer"]
    asked = services.ask_observation(
        db, trainer, assessor=db.get_one(Person, assessor), day=today - timedelta(days=440), session_id=None, note="Досмотр, второй день", by=planner, now=at(445),
    )
    services.sign_observation(db, asked, result="passed", day=today - timedelta(days=440), note="", by=assessor, now=at(439))
    if teacher.way == "observed":
        return
    until = _last_day_before_the_end(today) if teacher.key == "annayeva" else today + timedelta(days=teacher.until)
    for letter in teacher.courses:
        services.accredit(
            db, trainer, course=courses[VEHICLES if letter in "vV" else DOCUMENTS], level="lead" if letter.isupper() else "co",
            valid_from=today - timedelta(days=420), valid_to=until, document=f"Приказ № {100 + len(world.trainers)}", by=planner, now=at(420),
        )


def _last_day_before_the_end(today: date) -> date:
    """The day before the last meeting of the draft that shows everything."""
    return _working(_monday(today), 4)[-1] - timedelta(days=1)


def _tables(world: World, db: Session) -> None:
    """Visas between the countries, and ways that the default by distance gets wrong."""
    countries = {one.code: one for one in db.scalars(sa.select(Country))}
    for origin in countries.values():
        for goal in countries.values():
            if origin.id != goal.id:
                services.set_entry_rule(db, origin=origin, goal=goal, lead_days=15 if "TM" in (origin.code, goal.code) else 0)
    for a, b, days, cost in (
        ("KZ-KORDAY", "KG-AKZHOL", 0, 20), ("KZ-KORDAY", "KG-CHUY", 0, 30), ("KZ-KORDAY", "KG-OSH", 1, 160), ("KZ-KORDAY", "UZ-TASHKENT", 1, 190),
        ("KZ-KORDAY", "KZ-TEMIRBABA", 2, 240), ("KZ-KORDAY", "KZ", 1, 150), ("KZ-KONYSBAEV", "UZ-TASHKENT", 0, 40), ("UZ-OYBEK", "TJ-SUGHD", 0, 30),
        ("KZ-TEMIRBABA", "TM-BALKAN", 1, 80), ("KZ-KORDAY", "TJ-SUGHD", 1, 210), ("KZ-KORDAY", "TM-BALKAN", 2, 320),
    ):
        services.set_travel_time(db, origin=db.get_one(Office, world.offices[a]), goal=db.get_one(Office, world.offices[b]), days=days, cost=cost)


def _trainer(world: World, db: Session, key: str) -> Trainer:
    return db.scalars(sa.select(Trainer).where(Trainer.person_id == world.trainers[key])).one()


def _papers(world: World, db: Session, today: date) -> None:
    """Visas, clearances, release letters, and who teaches with whom."""
    countries = {one.code: one for one in db.scalars(sa.select(Country))}
    monday = _monday(today)

    def days(n: int) -> date:
        return today + timedelta(days=n)

    for key, code, until in (("orazow", "KZ", 200), ("karimov", "TM", 120), ("berdiyew", "KZ", -12)):
        services.add_permit(
            db, _trainer(world, db, key), country=countries[code], office=None, valid_from=days(-160), valid_to=days(until), document=f"Виза {code} 0417",
        )
    services.add_permit(
        db, _trainer(world, db, "abdyldaev"), country=None, office=db.get_one(Office, world.offices["KG-OSHAIR"]), valid_from=days(-90), valid_to=None,
        document="Допуск в контролируемую зону № 31",
    )
    for code, name in (("KG-OSHAIR", "Допуск в контролируемую зону"), ("KZ-TEMIRBABA", "Пропуск в пограничную полосу")):
        db.get_one(Office, world.offices[code]).clearance = name
    for key, until, number in (("karimov", 26, 118), ("tolegenov", 180, 97)):
        services.add_permit(
            db, _trainer(world, db, key), country=None, office=db.get_one(Office, world.offices["KZ-TEMIRBABA"]), valid_from=days(-60), valid_to=days(until),
            document=f"Пропуск № {number}",
        )
    services.ask_release(db, _trainer(world, db, "annayeva"), first=monday, last=monday + timedelta(days=5), asked_on=days(-12))
    letter = services.ask_release(db, _trainer(world, db, "orazow"), first=days(28), last=days(45), asked_on=days(-20))
    services.answer_release(db, letter, given=True, day=days(-6), document="Исх. № 218")
    letter = services.ask_release(db, _trainer(world, db, "berdiyew"), first=days(10), last=days(20), asked_on=days(-15))
    services.answer_release(db, letter, given=False, day=days(-9), document="Исх. № 77")
    services.pair(db, _trainer(world, db, "bekova"), other=_trainer(world, db, "karimov"), kind="mentor", reason="Первые три занятия вместе")
    services.pair(db, _trainer(world, db, "pak"), other=_trainer(world, db, "tolegenov"), kind="forbidden", reason="Родственники, рапорт № 7")


def _absences(world: World, db: Session, today: date) -> None:
    """Leave, illness, deployment and duty shifts, past and to come."""
    monday = _monday(today)

    def note(key: str, kind: str, first: date, last: date, text: str = "") -> None:
        zone = db.scalars(sa.select(Office.zone).join(Trainer, Trainer.home_office_id == Office.id).where(Trainer.person_id == world.trainers[key])).one()
        absences.add(db, person_id=world.trainers[key], kind=kind, spans=[whole_days(first, last, zone)], zone=zone, note=text)

    def days(n: int) -> date:
        return today + timedelta(days=n)

    note("akhmetova", "leave", days(10), days(24), "Ежегодный отпуск")
    note("beishenov", "sick", days(-2), days(5))
    note("davlatov", "deployment", days(1), days(30), "Операция «Заслон»")
    note("umarov", "leave", days(-30), days(-16))
    note("sharipova", "leave", days(34), days(47))
    note("nazarov", "unavailable", days(8), days(9), "Экзамен")
    note("saidova", "unavailable", days(26), days(27))
    note("tolegenov", "leave", monday + timedelta(days=28), monday + timedelta(days=32))
    for key, every in (("sadvakasov", 4), ("moldobaev", 4), ("ganiev", 3)):
        zone = db.scalars(sa.select(Office.zone).join(Trainer, Trainer.home_office_id == Office.id).where(Trainer.person_id == world.trainers[key])).one()
        begins = datetime.combine(days(-9), time(9), ZoneInfo(zone))
        spans = shifts(Span(begins, begins + timedelta(hours=24)), every, days(50), zone)  # type: ignore[arg-type]
        absences.add(db, person_id=world.trainers[key], kind="shift", spans=spans, zone=zone)


HOLIDAYS = {
    # fixed days off by each country's labour law; those that move with the moon are entered by hand each year
    "KZ": ((1, 1, "New Year", "Новый год", "Жаңа жыл"), (3, 8, "Women's Day", "Женский день", "Әйелдер күні"), (3, 21, "Nauryz", "Наурыз", "Наурыз"),
           (3, 22, "Nauryz", "Наурыз", "Наурыз"), (3, 23, "Nauryz", "Наурыз", "Наурыз"), (5, 1, "Day of Unity", "День единства", "Бірлік күні"),
           (5, 9, "Victory Day", "День Победы", "Жеңіс күні"), (8, 30, "Constitution Day", "День Конституции", "Конституция күні"),
           (10, 25, "Republic Day", "День Республики", "Республика күні"), (12, 16, "Independence Day", "День Независимости", "Тәуелсіздік күні")),
    "KG": ((1, 1, "New Year", "Новый год", "Жаңа жыл"), (3, 8, "Women's Day", "Женский день", "Әйелдер күні"), (3, 21, "Nooruz", "Нооруз", "Нооруз"),
           (5, 5, "Constitution Day", "День Конституции", "Конституция күні"), (5, 9, "Victory Day", "День Победы", "Жеңіс күні"),
           (8, 31, "Independence Day", "День независимости", "Тәуелсіздік күні")),
    "UZ": ((1, 1, "New Year", "Новый год", "Жаңа жыл"), (3, 8, "Women's Day", "Женский день", "Әйелдер күні"), (3, 21, "Navruz", "Навруз", "Наврӯз"),
           (5, 9, "Day of Remembrance", "День памяти и почестей", "Еске алу күні"), (9, 1, "Independence Day", "День независимости", "Тәуелсіздік күні"),
           (12, 8, "Constitution Day", "День Конституции", "Конституция күні")),
    "TJ": ((1, 1, "New Year", "Новый год", "Жаңа жыл"), (3, 8, "Mother's Day", "День матери", "Ана күні"), (3, 21, "Navruz", "Навруз", "Наурыз"),
           (5, 9, "Victory Day", "День Победы", "Жеңіс күні"), (9, 9, "Independence Day", "День независимости", "Тәуелсіздік күні"),
           (11, 6, "Constitution Day", "День Конституции", "Конституция күні")),
    "TM": ((1, 1, "New Year", "Новый год", "Жаңа жыл"), (3, 8, "Women's Day", "Женский день", "Әйелдер күні"), (3, 21, "Nowruz", "Новруз", "Наурыз"),
           (9, 27, "Independence Day", "День независимости", "Тәуелсіздік күні"), (12, 12, "Day of Neutrality", "День нейтралитета", "Бейтараптық күні")),
}


def _days_off(world: World, db: Session, today: date) -> None:
    """Holidays of the countries for this year and the years beside it, an office that is closed, a room that cannot be used."""
    for code, country_id in db.execute(sa.select(Country.code, Country.id)):
        for year in (today.year - 1, today.year, today.year + 1):
            db.add_all(
                Holiday(country_id=country_id, day=date(year, month, day), names={"en": en, "ru": ru, "kk": kk})
                for month, day, en, ru, kk in HOLIDAYS[code]
            )
    db.add(Closure(
        office_id=world.offices["KZ-NURZHOLY"], first_day=today + timedelta(days=5), last_day=today + timedelta(days=19), reason="Ремонт пункта пропуска",
    ))
    blocked = whole_days(today + timedelta(days=3), today + timedelta(days=5), "Asia/Bishkek")
    db.add(RoomBlocking(classroom_id=world.rooms["KG-DOSTUK"], starts_at=blocked.starts_at, ends_at=blocked.ends_at, reason="Замена компьютеров"))
    db.flush()


# ---- sessions --------------------------------------------------------------------------------------------------------


def of_run(world: World, run_id: uuid.UUID) -> None:
    """The session of a run that is or was held: its whole timetable, with trainers of the country who were free."""
    with work(world.database, world.staff["planner"]) as db:
        run = db.get_one(CourseRun, run_id)
        office = db.get_one(Office, run.office_id)
        slug = _course_of(db, run)
        session = _session(world, db, run, state="released", language="kk" if office.code.startswith("KZ") else "ru", classroom_id=run.classroom_id)
        for meeting in queries.meetings_of(db, run_id):
            meeting.session_id = session.id
        db.flush()
        home = office.code[:2]
        chosen = _free(world, db, session, home, slug, "lead")[:1]
        _accepted(world, db, _slot(db, session, "lead", 1), chosen)
        if home != "KZ":  # classes of Kazakhstan have one trainer: who signs in as such
            _accepted(world, db, _slot(db, session, "co", 2), [one for one in _free(world, db, session, home, slug, "co") if one not in chosen][:1])


def _course_of(db: Session, run: CourseRun) -> str:
    return db.scalars(
        sa.select(Course.slug).join(CourseVersion, CourseVersion.course_id == Course.id).where(CourseVersion.id == run.course_version_id)
    ).one()


def _session(world: World, db: Session, run: CourseRun, **values: Any) -> TrainingSession:
    now = clock.now()
    fields: dict[str, Any] = {"mode": "classroom", "language": "ru", "zone": run.zone, "seats": run.seats, "state": "draft"}
    fields.update(values)
    if fields["state"] == "released":
        fields.update(released_at=now, released_by=world.staff["planner"])
    session = TrainingSession(code=f"S-{run.starts_on.year}-{next(world.session_numbers):04d}", run_id=run.id, **fields)
    db.add(session)
    db.flush()
    return session


def _slot(db: Session, session: TrainingSession, role: str, number: int, language: str = "") -> SessionSlot:
    slot = SessionSlot(session_id=session.id, role=role, number=number, language=language)
    db.add(slot)
    db.flush()
    return slot


def _free(world: World, db: Session, session: TrainingSession, country: str, course: str, role: str) -> list[uuid.UUID]:
    """Accredited trainers of a country whom no booking holds at these times, in a turn that gives each his share."""
    letter = "v" if course == VEHICLES else "d"
    able = [
        one for one in TEACHERS
        if one.way == "accredited" and one.office[:2] == country and letter in one.courses.lower() and (role != "lead" or letter.upper() in one.courses)
    ]
    if country == "KZ" and role == "lead":
        able.sort(key=lambda one: one.key != "qasymov")  # who signs in as "trainer" teaches his country's runs
    else:
        turn = int(session.code[-3:]) % max(len(able), 1)
        able = able[turn:] + able[:turn]
    spans = [Span(one.starts_at, one.ends_at) for one in queries.meetings_of(db, session.run_id)]
    taken = {clash.resource_id for clash in bookings.clashes(db, [world.trainers[one.key] for one in able], spans)}
    return [world.trainers[one.key] for one in able if world.trainers[one.key] not in taken]


def _accepted(world: World, db: Session, slot: SessionSlot, people: Sequence[uuid.UUID]) -> Assignment | None:
    """Offered, and accepted some hours later."""
    now = clock.now()
    for person_id in people:
        made = assignments.offer(db, slot, db.get_one(Person, person_id), by=world.staff["planner"], now=now, found=_found(db, slot, person_id))
        assignments.accept(db, made, by=person_id, now=max(now, min(now + timedelta(hours=5), clock.Clock().now())))  # of today: not in the future
        return made
    return None


def _monday(today: date) -> date:
    """The Monday of the draft that shows everything: next week's, or the one after when that is too near."""
    day = today + timedelta(days=4)
    return day + timedelta(days=-day.weekday() % 7)


def _working(first: date, n: int, country: str = "KZ") -> list[date]:
    """So many working days of a country from a day on."""
    off = {(month, day) for month, day, *_ in HOLIDAYS[country]}
    found: list[date] = []
    day = first
    while len(found) < n:
        if day.weekday() < 5 and (day.month, day.day) not in off:
            found.append(day)
        day += timedelta(days=1)
    return found


@dataclass(frozen=True)
class Draft:
    """A session to come with a run of its own. Days count from today, or from the Monday of the draft that shows everything."""

    office: str
    course: str
    begins: int
    days: int
    seats: int = 12
    mode: str = "classroom"
    language: str = "ru"
    state: str = "draft"
    slots: str = "lead co"
    hour: int = 9
    hours: int = 4
    planner: str = "planner"
    monday: bool = False
    searches: bool = False  # searching persons is practised


DRAFTS = (
    Draft("KZ-KORDAY", DOCUMENTS, 0, 4, 18, "hybrid", slots="lead co interpreter:kk", monday=True),  # S-…-0412, as in the mock-up
    Draft("UZ-YALLAMA", VEHICLES, 9, 3, 14, "hybrid", state="released"),
    Draft("KZ-KONYSBAEV", DOCUMENTS, 17, 2, 10, state="released"),
    Draft("KG-DOSTUK", VEHICLES, 15, 3, 11, planner="planner-kg", searches=True),
    Draft("KZ-KONYSBAEV", VEHICLES, 22, 3, 12, language="kk"),
    Draft("KZ", DOCUMENTS, 20, 2, 25, "online", slots="lead remote", hour=14, hours=3),
    Draft("KZ-KORDAY", VEHICLES, 22, 2, 12, state="cancelled", slots="lead"),
    Draft("KZ-TEMIRBABA", VEHICLES, 25, 3, 10, language="kk"),
    Draft("TJ-FOTEHOBOD", DOCUMENTS, 27, 2, 12, slots="lead"),
    Draft("KZ-ATAMEKEN", DOCUMENTS, 30, 2, 10),
    Draft("TM-FARAP", VEHICLES, 33, 3, 10),
    Draft("KZ-SYPATAI", VEHICLES, 40, 3, 10, language="kk", searches=True),
)
LINK = "https://meet.sabaq.example/{code}"


def make(world: World) -> None:
    """What lies ahead: drafts with empty and broken slots, an offer, two requests, a wait-list, an observation to sign."""
    today = clock.now().date()
    ready = []
    for draft in DRAFTS:
        with work(world.database, world.staff[draft.planner]) as db:
            session = _plan(world, db, draft, today)
            if draft.state == "released":
                ready.append(session.id)
            slots = {one.role: one for one in db.scalars(sa.select(SessionSlot).where(SessionSlot.session_id == session.id))}
            _fill(world, db, draft, session, slots)
    with work(world.database, world.staff["planner"]) as db:
        _rated(db)
        _observation(world, db, today)
        _waiting(world, db, today)
        _searching(world, db)
        _told(world, db)
    _release(world, ready)
    with work(world.database) as db:
        _looked_again(db)
        _read(world, db)


def _plan(world: World, db: Session, draft: Draft, today: date) -> TrainingSession:
    """A run with one session: its meetings on working days, at the hours of the place."""
    planner, now = world.staff[draft.planner], clock.now() - timedelta(days=3)
    office = db.get_one(Office, world.offices[draft.office])
    days = _working((_monday(today) if draft.monday else today) + timedelta(days=draft.begins), draft.days, draft.office[:2])
    version = db.scalars(
        sa.select(CourseVersion).join(Course, Course.id == CourseVersion.course_id).where(Course.slug == draft.course).order_by(CourseVersion.number.desc()).limit(1)
    ).one()
    room = world.rooms.get(draft.office) if draft.mode != "online" else None
    run = runs.plan_run(
        db, version=version, office=office, classroom=db.get_one(Classroom, room) if room else None, place="" if room else "Онлайн", starts_on=days[0],
        ends_on=days[-1], seats=draft.seats, by=planner, now=now,
    )
    session = _session(world, db, run, mode=draft.mode, language=draft.language, seats=draft.seats, state="draft" if draft.state == "released" else draft.state, classroom_id=room)
    session.budget, session.searches = 1100 if draft.monday else 900, draft.searches
    if draft.mode != "classroom":
        session.link_kind, session.link, session.phone = "plain", LINK.format(code=session.code), "+7 7172 55 01 23"
        session.allows_phones = draft.mode == "hybrid"
    for number, role in enumerate(draft.slots.split(), 1):
        kind, _, language = role.partition(":")
        _slot(db, session, kind, number, language)
    zone = ZoneInfo(office.zone)
    for day in days:
        starts_at = datetime.combine(day, time(draft.hour), zone)
        db.add(Meeting(
            run_id=run.id, day=day, starts_at=starts_at, ends_at=starts_at + timedelta(hours=draft.hours), zone=office.zone, classroom_id=room,
            state="cancelled" if draft.state == "cancelled" else "draft", session_id=session.id,
        ))
    if draft.state == "cancelled":
        session.reason = "Учения на участке в эти дни"
        runs.cancel_run(db, run, by=planner, now=now, reason="Учения на участке в эти дни")
    db.flush()
    bookings.refresh(db, [session.id])
    return session


def _fill(world: World, db: Session, draft: Draft, session: TrainingSession, slots: dict[str, SessionSlot]) -> None:
    """Who was asked for what, as far as it has come."""
    now, planner = clock.now() - timedelta(days=2), world.staff[draft.planner]

    def person(key: str) -> Person:
        return db.get_one(Person, world.trainers[key])

    def found(role: str, key: str) -> list[dict[str, Any]]:
        return _found(db, slots[role], world.trainers[key])

    match draft.office, draft.course, draft.state:
        case "KZ-KORDAY", "travel-documents", "draft":
            _accepted(world, db, slots["co"], [world.trainers["li"]])
            _accepted(world, db, slots["interpreter"], [world.trainers["osmonov"]])
            _leave(world, db, "osmonov", session)
        case "UZ-YALLAMA", *_:
            _accepted(world, db, slots["lead"], [world.trainers["saidova"]])
            _accepted(world, db, slots["co"], [world.trainers["rahimov-uz"]])
        case "KZ-KONYSBAEV", "travel-documents", _:
            assignments.assign(
                db, slots["lead"], person("tolegenov"), by=planner, now=now, found=found("lead", "tolegenov"),
                overrides=[assignments.Override("T8", "W", "Другого преподавателя с допуском на эти дни нет")],
            )
            _accepted(world, db, slots["co"], [world.trainers["li"]])
        case "KG-DOSTUK", *_:
            assignments.assign(db, slots["lead"], person("sadykova"), by=planner, now=now, found=found("lead", "sadykova"))
            assignments.request(db, slots["co"], person("karimov"), by=planner, now=now, found=found("co", "karimov"), reason="Нужен второй преподаватель, говорящий по-русски")
        case "KZ-KONYSBAEV", *_:
            assignments.offer(db, slots["lead"], person("qasymov"), by=planner, now=now, found=found("lead", "qasymov"))
        case "KZ", *_:
            made = assignments.offer(db, slots["lead"], person("karimov"), by=planner, now=now, found=found("lead", "karimov"))
            assignments.propose(db, made, by=made.person_id, now=now + timedelta(hours=20), text="Могу на день позже, в то же время")
        case "TJ-FOTEHOBOD", *_:
            made = assignments.offer(db, slots["lead"], person("davlatov"), by=planner, now=now, found=found("lead", "davlatov"))
            assignments.decline(db, made, by=made.person_id, now=now + timedelta(hours=8), reason="В командировке до конца месяца")
        case "KZ-ATAMEKEN", *_:
            assignments.request(db, slots["lead"], person("beishenov"), by=planner, now=now, found=found("lead", "beishenov"), reason="Вёл этот курс в прошлом году, просим ещё раз")
        case "TM-FARAP", *_:
            assignments.assign(db, slots["lead"], person("orazow"), by=planner, now=now, found=found("lead", "orazow"))


def _release(world: World, ready: Sequence[uuid.UUID]) -> None:
    """Release what is ready: its people are told, and their mails wait in the outbox until somebody presses send."""
    planner = world.staff["planner"]
    for session_id in ready:
        with work(world.database, planner) as db:
            release.release(
                db, db.get_one(TrainingSession, session_id), by=planner, now=clock.now() - timedelta(hours=20), site=world.config.public_url,
                reason="Согласовано с начальником управления",
            )
    with work(world.database, planner) as db:  # more people than expected: the regional coordinator may ask a neighbour for an assistant
        sessions.add_slot(db, db.get_one(TrainingSession, ready[0]), "assistant", by=planner, now=clock.now() - timedelta(hours=2))


def _found(db: Session, slot: SessionSlot, person_id: uuid.UUID) -> list[dict[str, Any]]:
    """What was known of somebody when he was chosen: that alone does not break his assignment later."""
    trainer_id = db.scalars(sa.select(Trainer.id).where(Trainer.person_id == person_id)).one()
    verdict = planning.judge_one(db, slot, trainer_id, now=clock.now())
    return [as_json(one) for one in verdict.results] if verdict else []


def _leave(world: World, db: Session, key: str, session: TrainingSession) -> None:
    """Two days of leave over the first meetings, told after he had accepted."""
    first = db.scalars(sa.select(Meeting.day).where(Meeting.session_id == session.id).order_by(Meeting.day)).first() or clock.now().date()
    absences.add(
        db, person_id=world.trainers[key], kind="leave", spans=[whole_days(first, first + timedelta(days=1), "Asia/Bishkek")], zone="Asia/Bishkek",
        note="По семейным обстоятельствам",
    )


def _told(world: World, db: Session) -> None:
    """Released sessions to come have told their people: notices on start pages, mails that wait in the outbox."""
    now = clock.now()
    to_come = sa.select(Meeting.id).where(Meeting.session_id == TrainingSession.id, Meeting.ends_at > now).exists()
    for session in db.scalars(sa.select(TrainingSession).where(TrainingSession.state == "released", to_come).order_by(TrainingSession.code)):
        if release.changes(db, session):
            release.release_changes(db, session, by=world.staff["planner"], now=now - timedelta(hours=3), site=world.config.public_url)


def _rated(db: Session) -> None:
    """What the groups of runs that are over said of course and trainer, on paper: most liked it, one less than the others."""
    for run in db.scalars(sa.select(CourseRun).where(CourseRun.state == "closed").order_by(CourseRun.code)):
        dice = random.Random(f"feedback {run.code}")  # noqa: S311  (a demo: the world's own dice are not touched)
        weights = (1, 2, 5, 6, 4) if dice.random() < 0.2 else (0, 1, 3, 9, 12)
        for _ in range(min(run.seats - 4, 12)):
            db.add(FeedbackSheet(
                id=uuid.UUID(int=dice.getrandbits(128), version=4), run_id=run.id, day=run.ends_on, channel="paper", language="ru",
                answers={key: dice.choices((1, 2, 3, 4, 5), weights)[0] for key in STATEMENTS},
            ))
    db.flush()


def _looked_again(db: Session) -> None:
    """What the job that looks at assignments again finds within its first half minute."""
    now = clock.now()
    reminding.mark(db, [(assignment.id, results) for assignment, results in planning.recheck(db, now)], now=now)


def _read(world: World, db: Session) -> None:
    """What people were told of sessions that are over has been read; the planner has read the answers, but for the newest."""
    over = datetime.combine(clock.now().date() - timedelta(days=3), time(), UTC)
    read = db.scalars(sa.select(Notice).where(sa.or_(
        Notice.at < over, sa.and_(Notice.what == "offer", Notice.person_id != world.staff["trainer"]),
        sa.and_(Notice.what == "offer-accepted", Notice.person_id == world.staff["planner"]),
    )))
    notices.put_away(db, list(read), now=clock.now())


def _observation(world: World, db: Session, today: date) -> None:
    """A new trainer whose session the user "trainer" is asked to watch and sign."""
    trainer = _trainer(world, db, "serik")
    session = db.scalars(
        sa.select(TrainingSession).join(CourseRun, CourseRun.id == TrainingSession.run_id)
        .where(CourseRun.office_id == world.offices["KZ-KORDAY"], CourseRun.state == "open").limit(1)
    ).one()
    services.ask_observation(
        db, trainer, assessor=db.get_one(Person, world.trainers["qasymov"]), day=today, session_id=session.id, note="Второй день, осмотр тайников",
        by=world.staff["planner"], now=clock.now() - timedelta(days=3),
    )


def _searching(world: World, db: Session) -> None:
    """Men and women for a draft in which searching is practised: a woman has to be among those who teach it."""
    session = db.scalars(
        sa.select(TrainingSession).join(CourseRun, CourseRun.id == TrainingSession.run_id)
        .where(CourseRun.office_id == world.offices["KZ-SYPATAI"], TrainingSession.searches.is_(True), TrainingSession.state == "draft")
    ).one()
    now = clock.now() - timedelta(days=2)
    there = db.execute(
        sa.select(Person.id, Person.agency_id, Person.gender).where(Person.id.in_(world.people["KZ-SYPATAI"]), Person.gender.is_not(None)).order_by(Person.id)
    ).all()
    people = {id_: agency for sex, n in (("m", 5), ("f", 2)) for id_, agency in [(id_, agency) for id_, agency, own in there if own == sex][:n]}
    world.people["KZ-SYPATAI"] = [one for one in world.people["KZ-SYPATAI"] if one not in people]
    runs.nominate(db, db.get_one(CourseRun, session.run_id), person_ids=list(people), by=world.staff["manager"], now=now, language="kk")
    for nomination in db.scalars(sa.select(Nomination).where(Nomination.run_id == session.run_id, Nomination.person_id.in_(people)).order_by(Nomination.id)):
        runs.decide(db, nomination, accept=True, by=world.staff["planner"], now=now)
    db.add_all(
        SessionSeat(session_id=session.id, person_id=one, agency_id=agency, state="seated", place=n, since=now) for n, (one, agency) in enumerate(people.items(), 1)
    )
    db.flush()
    bookings.refresh(db, [session.id])


def _waiting(world: World, db: Session, today: date) -> None:
    """Twelve people for the ten seats of a released session: two wait; seats are kept for two agencies."""
    session = db.scalars(
        sa.select(TrainingSession).join(CourseRun, CourseRun.id == TrainingSession.run_id)
        .where(CourseRun.office_id == world.offices["KZ-KONYSBAEV"], TrainingSession.language == "ru", CourseRun.starts_on > today)
        .order_by(CourseRun.starts_on).limit(1)
    ).one()
    run = db.get_one(CourseRun, session.run_id)
    now = clock.now() - timedelta(days=2)
    people = world.people["KZ-KONYSBAEV"][:12]
    del world.people["KZ-KONYSBAEV"][:12]
    runs.nominate(db, run, person_ids=people, by=world.staff["manager"], now=now, language="ru")
    for nomination in db.scalars(sa.select(Nomination).where(Nomination.run_id == run.id, Nomination.person_id.in_(people[:10])).order_by(Nomination.id)):
        runs.decide(db, nomination, accept=True, by=world.staff["planner"], now=now)
    for agency, seats in (("BORDER", 7), ("CUSTOMS", 3)):
        db.add(AgencyQuota(session_id=session.id, agency_id=world.agencies["KZ", agency], seats=seats))
    agencies = dict(db.execute(sa.select(Person.id, Person.agency_id).where(Person.id.in_(people))).all())
    db.add_all(
        SessionSeat(session_id=session.id, person_id=one, agency_id=agencies[one], state="seated" if n <= 10 else "waiting", place=n, since=now)
        for n, one in enumerate(people, 1)
    )
    db.flush()
    bookings.refresh(db, [session.id])
