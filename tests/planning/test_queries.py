"""The facts behind the constraints: read in the same number of queries for one and for many, and no more told than may be seen."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.feedback.models import FeedbackSheet
from app.offices.models import Holiday, Office
from app.people.models import Person
from app.planning import queries
from app.planning.rules import Level, as_json
from app.runs.models import CourseRun, RunTrainer
from app.schedule import assignments
from app.schedule.models import Assignment, Meeting, SessionSeat, SessionSlot, Taught, TrainingSession
from app.trainers.models import Absence, Accreditation, Pairing, Trainer, TrainerLanguage, TravelTime
from tests.factories import added, make_agency, make_country, make_office, make_person
from tests.planning.rows import MONDAY, add_meeting, make_session, make_trainer
from tests.runs.rows import enrol, make_run, make_version

NOW = datetime(2026, 11, 16, 6, tzinfo=UTC)


class Pool:
    """An office with a course: trainers and sessions made in a line each."""

    def __init__(self, db: Session) -> None:
        self.db, self.office, self.version = db, make_office(db), make_version(db)

    def trainer(self, family: str = "Karimov", office: Office | None = None, **values: Any) -> Trainer:
        """Somebody accredited who speaks Russian."""
        office = office or self.office
        row = make_trainer(self.db, office, make_person(self.db, office, family=family), **values)
        added(self.db, Accreditation(trainer_id=row.id, course_id=self.version.course_id, level="lead", valid_from=date(2025, 1, 1), valid_to=date(2027, 12, 31)))
        added(self.db, TrainerLanguage(trainer_id=row.id, language="ru", level="C1"))
        return row

    def session(self, office: Office | None = None, starts: datetime = MONDAY, **values: Any) -> TrainingSession:
        """A draft with a lead slot."""
        run = make_run(self.db, office or self.office, self.version, starts_on=starts.date(), ends_on=(starts + timedelta(days=3)).date())
        return make_session(self.db, run, starts=starts, **values)

    def slot(self, session: TrainingSession) -> SessionSlot:
        """Its first slot."""
        return self.db.scalars(sa.select(SessionSlot).where(SessionSlot.session_id == session.id, SessionSlot.number == 1)).one()

    def put(self, session: TrainingSession, trainer: Trainer) -> Assignment:
        """Assign him to it."""
        return assignments.assign(self.db, self.slot(session), self.db.get_one(Person, trainer.person_id), by=trainer.person_id, now=NOW)

    def finding(self, trainer: Trainer, code: str, session: TrainingSession | None = None, **how: Any) -> Any:
        """What one constraint finds of him."""
        verdict = queries.judge_one(self.db, self.slot(session or self.session()), trainer.id, now=NOW, **how)
        assert verdict is not None
        return verdict.of(code)


@pytest.fixture
def pool(db: Session) -> Pool:
    """An office and a course."""
    return Pool(db)


@pytest.mark.goal("SCH-03")
def test_the_number_of_queries_does_not_grow(pool: Pool, counted: Callable[[], Any]) -> None:
    """One trainer without bookings, and twelve with bookings elsewhere: the same statements; so for a re-check of many."""
    pool.trainer()
    slot = pool.slot(pool.session())
    pool.db.flush()
    with counted() as few:
        queries.judged(pool.db, slot, now=NOW)
    others = [pool.trainer(f"Trainer{n}") for n in range(11)]
    for n, one in enumerate(others):
        pool.put(pool.session(starts=MONDAY + timedelta(days=n + 10)), one)
    pool.db.flush()
    with counted() as many:
        assert len(queries.judged(pool.db, slot, now=NOW)) == 12
    with counted() as rechecked:
        assert len(queries.recheck(pool.db, NOW)) == 11

    assert len(few) == len(many) == len(rechecked) - 2
    assert len(many) <= 32


@pytest.mark.goal("SCH-05", "SCH-03")
def test_everybody_of_the_pool_is_judged_and_ranked(pool: Pool) -> None:
    """Whoever left the pool is not there; the order is that of points."""
    good, busy, gone = pool.trainer("Akhmetov"), pool.trainer("Bekov"), pool.trainer("Choi", left_on=date(2026, 11, 1))
    session = pool.session()
    pool.put(pool.session(starts=MONDAY), busy)

    found = queries.judged(pool.db, pool.slot(session), now=NOW)

    assert [one.trainer_id for one in found] == [good.id, busy.id]
    assert gone.id not in [one.trainer_id for one in found]
    assert (found[0].group, found[1].group) == ("suggested", "not-available")
    assert [one.code for one in found[1].failing] == ["T4"]


@pytest.mark.goal("SCH-14", "SCH-04")
def test_a_foreign_booking_is_named_only_with_permission(pool: Pool, db: Session) -> None:
    """A trainer at home here is booked by another country: without the right to see that country only the days are told."""
    abroad = make_office(db, country=make_country(db))
    trainer = pool.trainer()
    other = pool.session(office=abroad)
    pool.put(other, trainer)

    seen = pool.finding(trainer, "T4")
    hidden = pool.finding(trainer, "T4", sees=lambda path: path == pool.office.path)

    assert (seen.key, seen.data["code"], seen.link) == ("T4-leads", other.code, f"/planning/sessions/{other.code}")
    assert (hidden.key, set(hidden.data), hidden.link) == ("T4-hidden", {"days"}, None)


@pytest.mark.goal("SCH-14")
@pytest.mark.parametrize(("shown", "listed"), [("none", False), ("busy", True), ("card", True)])
def test_foreign_trainers_are_shown_by_their_consent(pool: Pool, db: Session, shown: str, listed: bool) -> None:
    """Without consent a trainer of another country is not there; with the least of it free and busy are told, no more."""
    abroad = make_office(db, country=make_country(db))
    trainer = pool.trainer("Osmonov", abroad, shown_abroad=shown, reach="regional", travels="abroad")

    found = queries.judged(db, pool.slot(pool.session()), now=NOW, sees=lambda path: path.startswith(pool.office.path))

    assert [one.trainer_id for one in found] == ([trainer.id] if listed else [])
    if listed:
        told = {one.key for one in found[0].results}
        assert (told == {"T4-free", "T5-free", "hidden", "hidden-rest"}) == (shown == "busy")


@pytest.mark.goal("SCH-14")
def test_a_run_without_sessions_books_its_trainer_too(pool: Pool, db: Session) -> None:
    """The timetable of a run that a class server planned counts as a booking, not that of the session's own run."""
    trainer = pool.trainer()
    session = pool.session()
    run = make_run(db, pool.office, pool.version)
    added(db, RunTrainer(run_id=run.id, person_id=trainer.person_id))
    added(db, RunTrainer(run_id=session.run_id, person_id=trainer.person_id))
    for run_id in (run.id, session.run_id):
        meeting = add_meeting(db, session, MONDAY)
        meeting.run_id, meeting.session_id, meeting.state = run_id, None, "planned"
    db.flush()

    found = pool.finding(trainer, "T4", session)

    assert (found.ok, found.data["code"]) == (False, run.code)


@pytest.mark.goal("TCH-06")
def test_who_really_taught_carries_the_load(pool: Pool, db: Session) -> None:
    """A meeting that a substitute taught counts for him and not for who was planned; a later correction counts instead."""
    planned, substitute = pool.trainer("Akhmetov"), pool.trainer("Bekov")
    past = pool.session(starts=MONDAY - timedelta(days=14))
    pool.put(past, planned)
    first = db.scalars(sa.select(Meeting.id).where(Meeting.session_id == past.id).order_by(Meeting.starts_at)).first()
    assert first is not None
    session = pool.session()

    def days() -> tuple[int, int]:
        return tuple(int(pool.finding(one, "T8", session).data["n"]) for one in (planned, substitute))  # type: ignore[return-value]

    before = days()
    added(db, Taught(meeting_id=first, revision=1, person_id=substitute.person_id, part="substitute", instead_of=planned.person_id, by_id=planned.person_id, at=NOW))
    after = days()
    added(db, Taught(meeting_id=first, revision=2, person_id=planned.person_id, part="planned", by_id=planned.person_id, at=NOW))

    assert (before, after, days()) == ((4, 2), (3, 3), (4, 2))


@pytest.mark.goal("SCH-03")
def test_the_median_is_that_of_the_whole_pool(pool: Pool) -> None:
    """Days of 90 are compared with everybody, also when one alone is asked about; the session itself is not counted."""
    people = [pool.trainer(f"Trainer{n}") for n in range(3)]
    for weeks, one in enumerate(people, 1):
        for week in range(weeks):
            pool.put(pool.session(starts=MONDAY - timedelta(days=20 + 7 * week)), one)
    session = pool.session()

    assert [(pool.finding(one, "T9", session).key, pool.finding(one, "T9", session).points) for one in people] == [("T9-below", 20), ("T9-equal", 20), ("T9-above", 10)]


def test_taught_and_evaluated(pool: Pool, db: Session) -> None:
    """Runs of this course in the last months count, with what their participants said; another course's do not."""
    trainer = pool.trainer()
    old = pool.session(starts=MONDAY - timedelta(days=60))
    pool.put(old, trainer)
    other = make_run(db, pool.office, starts_on=date(2026, 10, 1), ends_on=date(2026, 10, 2))
    added(db, RunTrainer(run_id=other.id, person_id=trainer.person_id))
    for mark in (5, 4, 5, 4, 5):
        added(db, FeedbackSheet(run_id=old.run_id, day=date(2026, 9, 28), channel="pc", language="ru", answers={"trainer": mark}))
    added(db, FeedbackSheet(run_id=old.run_id, day=date(2026, 9, 28), channel="pc", language="ru", answers={"room": 1}))
    session = pool.session()

    assert pool.finding(trainer, "T16", session).data["n"] == 1
    assert (str(pool.finding(trainer, "T17", session).data["mark"]), pool.finding(trainer, "T17", session).data["n"]) == ("23/5", 5)


def test_holidays_travel_and_pairs_are_read(pool: Pool, db: Session) -> None:
    """A holiday of his country, a stated way and a forbidden pair each reach their constraint, the pair from both sides."""
    post = make_office(db, parent=pool.office)
    trainer, colleague = pool.trainer("Akhmetov", post), pool.trainer("Bekov")
    assert pool.office.country_id is not None
    added(db, Holiday(country_id=pool.office.country_id, day=date(2026, 11, 24), names={"en": "Day off"}))
    added(db, TravelTime(from_office_id=pool.office.id, to_office_id=post.id, days=3, cost=77))
    added(db, Pairing(trainer_id=colleague.id, other_id=trainer.id, kind="forbidden"))
    session = pool.session(slots=("lead", "co"), budget=1000)
    second = db.scalars(sa.select(SessionSlot).where(SessionSlot.session_id == session.id, SessionSlot.number == 2)).one()
    assignments.assign(db, second, db.get_one(Person, colleague.person_id), by=trainer.person_id, now=NOW)

    assert pool.finding(trainer, "T5", session).key == "T5-holiday"
    assert pool.finding(trainer, "T6", session).data["n"] == 3
    assert pool.finding(trainer, "T12", session).data["cost"] == 77 + 40 * (2 + 6)
    assert pool.finding(trainer, "T13", session).key == "T13-forbidden"


def test_who_is_searched_and_what_a_place_asks_are_read(pool: Pool, db: Session) -> None:
    """Sexes of those who have a seat and of who teaches, slots of the room that are empty, the clearance of the place: each from its rows."""
    pool.office.clearance = "airside pass"
    session = pool.session(slots=("lead", "co", "interpreter"), searches=True)
    for n, gender in enumerate(("m", "f", None), 1):
        person = enrol(db, db.get_one(CourseRun, session.run_id), make_person(db, pool.office, gender=gender)).person_id
        added(db, SessionSeat(session_id=session.id, person_id=person, agency_id=make_agency(db).id, state="seated", place=n, since=NOW))
    lead, co = db.scalars(sa.select(SessionSlot).where(SessionSlot.session_id == session.id, SessionSlot.role != "interpreter").order_by(SessionSlot.number))
    man = pool.trainer("Akhmetov", make_office(db), travels="abroad", reach="regional")
    woman = pool.trainer("Bekova")
    for trainer, sex in ((man, "m"), (woman, "f")):
        db.get_one(Person, trainer.person_id).gender = sex
    db.flush()

    def found(trainer: Trainer, code: str, slot: SessionSlot = co) -> str | None:
        verdict = queries.judge_one(db, slot, trainer.id, now=NOW)
        result = verdict.of(code) if verdict else None
        return result.key if result else None

    assert (found(man, "T13", lead), found(man, "T11", lead)) == ("T13-search-later", "T11-clearance-none")
    assignments.assign(db, lead, db.get_one(Person, man.person_id), by=man.person_id, now=NOW)
    facts = queries.slot_facts(db, co, now=NOW)
    assert facts is not None
    assert (facts.sexes, facts.in_room_open, sum(facts.trainees.values())) == (frozenset("fm"), 0, 3)
    assert (found(woman, "T13"), found(woman, "T11")) == ("T13-search-fits", "T11-home")
    assert found(pool.trainer("Choi"), "T13") == "T13-search-f"


@pytest.mark.goal("SCH-09")
def test_the_recheck_tells_only_what_is_new(pool: Pool, db: Session) -> None:
    """What was there when he was chosen or was taken on is no news; leave that came later is; what is over is not looked at."""
    trainer, late = pool.trainer("Akhmetov", needs_release=True), pool.trainer("Bekov")
    known, fresh, past = pool.session(), pool.session(starts=MONDAY + timedelta(days=7)), pool.session(starts=NOW - timedelta(days=20))
    held = pool.put(known, trainer)
    held.found = [as_json(one) for one in queries.judge_held(db, pool.slot(known), held, now=NOW)]
    news = pool.put(fresh, late)
    pool.put(past, late)
    added(db, Absence(person_id=late.person_id, kind="leave", starts_at=MONDAY + timedelta(days=7), ends_at=MONDAY + timedelta(days=9), zone="Asia/Almaty"))
    db.flush()

    found = {one.id: [result.code for result in results] for one, results in queries.recheck(db, NOW)}

    assert found == {held.id: [], news.id: ["T5"]}
    news.overrides = [{"code": "T5", "level": "B", "reason": "He comes back for it.", "by": "", "at": ""}]
    db.flush()
    assert {one.id: results for one, results in queries.recheck(db, NOW)}[news.id] == []


@pytest.mark.goal("SCH-09", "SCH-14")
def test_why_somebody_of_another_country_is_away_is_told_at_home_alone(pool: Pool, db: Session) -> None:
    """He shows his whole card: planners abroad are told of his days, never that he is ill; the re-check keeps it for them so."""
    abroad = make_office(db, country=make_country(db), kind="centre")
    guest, own = pool.trainer("Osmonov", abroad, shown_abroad="card", reach="regional", travels="abroad"), pool.trainer("Bekov")
    first, second = pool.session(), pool.session(starts=MONDAY + timedelta(days=7))
    held = {pool.put(first, guest).id: "T5-hidden", pool.put(second, own).id: "T5-sick"}
    for one, starts in ((guest, MONDAY), (own, MONDAY + timedelta(days=7))):
        added(db, Absence(person_id=one.person_id, kind="sick", starts_at=starts, ends_at=starts + timedelta(days=2), zone="Asia/Almaty"))
    db.flush()

    found = {one.id: next(result for result in results if result.code == "T5") for one, results in queries.recheck(db, NOW)}

    assert {id: result.key for id, result in found.items()} == held
    assert all(result.level is Level.BLOCKS for result in found.values())


@pytest.mark.goal("SCH-14")
def test_what_stands_in_the_way_of_somebody_shown_free_and_busy_sends_the_planner_to_his_centre(pool: Pool, db: Session) -> None:
    """A planner abroad reads that his centre knows more and is to be asked, with the weight that the finding has, and no finding of it."""
    abroad = make_office(db, country=make_country(db), kind="centre")
    guest = pool.trainer("Osmonov", abroad, shown_abroad="busy", reach="regional", travels="home")
    slot = pool.slot(pool.session())
    loaded = queries.load(db, [slot], now=NOW)

    told = {one.code: one for one in loaded.told(slot.id, guest.id, lambda path: path.startswith(pool.office.path)) if not one.ok}

    assert (told["T6"].key, told["T6"].level) == ("hidden-why", loaded.verdict(slot.id, guest.id).of("T6").level)  # type: ignore[union-attr]
    assert not told["T6"].data


def test_a_session_without_meetings_is_not_judged(pool: Pool) -> None:
    """There is nothing to be free for yet."""
    pool.trainer()

    assert queries.judged(pool.db, pool.slot(pool.session(meetings=0)), now=NOW) == []
    assert pool.db.scalar(sa.select(sa.func.count()).select_from(CourseRun)) == 1
