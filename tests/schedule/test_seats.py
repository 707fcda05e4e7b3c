"""Verbs of seats: everybody seated in order, quotas, promotion from the wait-list, declining, orders."""

from __future__ import annotations

import threading
import uuid
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.db import Database
from app.errors import Conflict, Invalid
from app.notices.models import Notice
from app.offices.models import Agency, Office
from app.people.models import Person
from app.runs.models import CourseRun, Enrolment, Nomination
from app.runs.services import withdraw
from app.schedule import seats
from app.schedule.models import Booking, SessionSeat, TrainingSession
from app.trainers.models import Absence
from tests.factories import a_moment, added, make_office, make_person
from tests.planning.rows import MONDAY, make_session
from tests.runs import rows as runs

NOW = a_moment(-20)


class Hall:
    """A released session of two seats, and officers of two agencies."""

    def __init__(self, db: Session, places: int = 2) -> None:
        self.db = db
        self.office: Office = make_office(db)
        self.run: CourseRun = runs.make_run(db, self.office)
        self.guards: Agency = self._agency()
        self.customs: Agency = self._agency()
        self.by: uuid.UUID = make_person(db, self.office).id
        self.session: TrainingSession = make_session(db, self.run, seats=places, state="released")

    def _agency(self) -> Agency:
        country_id = self.office.country_id
        return added(self.db, Agency(country_id=country_id, code=f"A{uuid.uuid4().hex[:6]}", names={"en": "Agency"}))

    def officer(self, family: str, agency: Agency | None = None) -> Person:
        """Somebody who serves in the office."""
        return make_person(self.db, self.office, family=family, agency=agency or self.guards)

    def enrol(self, *families: str, agency: Agency | None = None) -> None:
        """People of the run."""
        for family in families:
            runs.enrol(self.db, self.run, self.officer(family, agency))

    def wait(self, family: str, agency: Agency | None = None) -> SessionSeat:
        """Somebody who is not in the run, on the list."""
        return seats.put_on_list(self.db, self.session, self.officer(family, agency), language="ru", by=self.by, now=NOW)

    def all(self) -> seats.Seated:
        """Everybody enrolled."""
        return seats.seat_everybody(self.db, self.session, by=self.by, now=NOW)

    def states(self) -> dict[str, str]:
        """Family name -> state, in the order of coming."""
        rows = self.db.execute(
            sa.select(Person.display_name, SessionSeat.state).join(Person, Person.id == SessionSeat.person_id)
            .where(SessionSeat.session_id == self.session.id).order_by(SessionSeat.place)
        )
        return {name.split()[0]: state for name, state in rows}

    def told(self, seat: SessionSeat) -> list[str]:
        """What somebody was told."""
        return list(self.db.scalars(sa.select(Notice.what).where(Notice.person_id == seat.person_id).order_by(Notice.id)))

    def seat(self, family: str) -> SessionSeat:
        """The seat of somebody."""
        return self.db.scalars(
            sa.select(SessionSeat).join(Person, Person.id == SessionSeat.person_id)
            .where(SessionSeat.session_id == self.session.id, Person.display_name.startswith(family))
        ).one()


@pytest.fixture
def hall(db: Session) -> Hall:
    """A session that people come to."""
    return Hall(db)


@pytest.mark.goal("SCH-24")
def test_everybody_of_the_run_is_seated_in_order_and_the_rest_waits(hall: Hall) -> None:
    """Two of four get the seats by the roster; pressing again changes nothing; the seated are booked and told."""
    hall.enrol("Abdiev", "Bekova", "Dosova", "Ermekov")
    done = hall.all()
    assert (len(done.seated), len(done.waiting)) == (2, 2)
    assert hall.states() == {"Abdiev": "seated", "Bekova": "seated", "Dosova": "waiting", "Ermekov": "waiting"}
    assert hall.db.scalar(sa.select(sa.func.count()).where(Booking.kind == "trainee")) == 4
    assert hall.told(hall.seat("Abdiev")) == ["seat-given"]
    assert hall.told(hall.seat("Dosova")) == ["seat-waiting"]
    hall.all()
    assert list(hall.states().values()) == ["seated", "seated", "waiting", "waiting"]


@pytest.mark.goal("SCH-24")
def test_the_next_in_order_is_promoted_enrolled_and_told_and_may_decline(hall: Hall) -> None:
    """When a seat frees, the first who waits gets it and is in the run; when he declines, he leaves the run and the next gets it."""
    hall.enrol("Abdiev", "Bekova")
    hall.all()
    first, second = hall.wait("Dosova"), hall.wait("Ermekov")
    assert (first.state, hall.told(first)) == ("waiting", ["seat-waiting"])

    seats.take_off(hall.db, hall.session, hall.seat("Abdiev"), by=hall.by, now=NOW, reason="Ill")

    assert hall.states() == {"Abdiev": "withdrawn", "Bekova": "seated", "Dosova": "seated", "Ermekov": "waiting"}
    assert hall.told(first) == ["seat-waiting", "seat-promoted"]
    enrolment = hall.db.scalars(sa.select(Enrolment).where(Enrolment.person_id == first.person_id)).one()
    assert enrolment.state == "enrolled"

    assert [one.id for one in seats.decline(hall.db, first, now=NOW)] == [second.id]
    assert hall.states()["Ermekov"] == "seated"
    assert enrolment.state == "withdrawn"
    assert hall.told(second) == ["seat-waiting", "seat-promoted"]
    assert seats.decline(hall.db, first, now=NOW) == []


@pytest.mark.goal("SCH-24")
def test_promotion_keeps_to_the_quotas(hall: Hall) -> None:
    """A seat kept for customs passes over the guards who wait longer; taking the quota away lets the first of them in."""
    seats.set_quotas(hall.db, hall.session, {hall.customs.id: 1}, by=hall.by, now=NOW)
    hall.enrol("Abdiev", "Bekova")
    hall.enrol("Customs", agency=hall.customs)
    hall.all()
    assert hall.states() == {"Abdiev": "seated", "Bekova": "waiting", "Customs": "seated"}
    seats.decline(hall.db, hall.seat("Customs"), now=NOW)
    assert hall.states()["Bekova"] == "waiting"
    got = seats.set_quotas(hall.db, hall.session, {hall.customs.id: 0}, by=hall.by, now=NOW)
    assert [one.id for one in got] == [hall.seat("Bekova").id]
    with pytest.raises(Invalid):
        seats.set_quotas(hall.db, hall.session, {hall.customs.id: 3}, by=hall.by, now=NOW)


@pytest.mark.goal("PLN-03")
def test_who_is_on_leave_is_neither_seated_nor_promoted(hall: Hall) -> None:
    """His place in the list is kept; a planner may seat him all the same, by name."""
    hall.enrol("Abdiev", "Bekova", "Dosova")
    away = hall.db.scalars(sa.select(Person).where(Person.display_name.startswith("Abdiev"))).one()
    added(hall.db, Absence(person_id=away.id, kind="leave", starts_at=MONDAY, ends_at=MONDAY + timedelta(hours=1), zone="Asia/Almaty"))
    done = hall.all()
    assert (hall.states(), done.left_out) == ({"Bekova": "seated", "Dosova": "seated"}, 1)
    seat = seats.put_on_list(hall.db, hall.session, away, language="ru", by=hall.by, now=NOW)
    seats.take_off(hall.db, hall.session, hall.seat("Bekova"), by=hall.by, now=NOW, reason="Ill")
    assert seat.state == "waiting"
    seats.take_off(hall.db, hall.session, seat, by=hall.by, now=NOW)
    assert seats.put_on_list(hall.db, hall.session, away, language="ru", by=hall.by, now=NOW).state == "seated"


def test_a_session_in_a_classroom_seats_those_who_take_part_in_class(hall: Hall) -> None:
    """Who takes part from elsewhere has a seat in the hybrid session alone; who studies by himself in neither."""
    hall.session.seats = 5
    for family, mode in (("Abdiev", "class"), ("Bekova", "remote"), ("Dosova", "self-study")):
        runs.enrol(hall.db, hall.run, hall.officer(family), mode=mode)
    hall.all()
    assert list(hall.states()) == ["Abdiev"]
    hall.session.mode = "hybrid"
    hall.all()
    assert list(hall.states()) == ["Abdiev", "Bekova"]


@pytest.mark.goal("SCH-24")
def test_two_who_take_the_last_seat_at_the_same_moment_do_not_both_get_it(own_database: Database) -> None:
    """Twenty pairs: one is seated, the other waits behind him."""
    for _ in range(20):
        with own_database.sessions() as db:
            db.info["writing"] = True
            hall = Hall(db, places=1)
            two = [hall.officer(family).id for family in ("Abdiev", "Bekova")]
            session_id, by = hall.session.id, hall.by
            db.commit()
        together = threading.Barrier(2)

        def come(person_id: uuid.UUID, session_id: uuid.UUID = session_id, by: uuid.UUID = by, together: threading.Barrier = together) -> None:
            with own_database.sessions() as db:
                session, person = db.get_one(TrainingSession, session_id), db.get_one(Person, person_id)
                together.wait(20)
                seats.put_on_list(db, session, person, language="ru", by=by, now=NOW)
                db.commit()

        threads = [threading.Thread(target=come, args=(one,)) for one in two]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        with own_database.sessions() as db:
            found = [(one.state, one.place) for one in seats.seats_of(db, session_id)]
        assert found == [("seated", 1), ("waiting", 2)]


@pytest.mark.goal("SCH-24")
def test_who_is_booked_for_another_session_is_not_seated(hall: Hall) -> None:
    """Seating everybody leaves him out; putting him on the list by name says where he is."""
    hall.enrol("Abdiev", "Bekova")
    hall.all()
    other = make_session(hall.db, hall.run, seats=5)
    assert seats.seat_everybody(hall.db, other, by=hall.by, now=NOW).left_out == 2
    with pytest.raises(Invalid) as refused:
        seats.put_on_list(hall.db, other, hall.db.get_one(Person, hall.seat("Abdiev").person_id), language="ru", by=hall.by, now=NOW)
    assert set(refused.value.fields) == {"person"}


def test_who_leaves_the_run_frees_his_seat(hall: Hall) -> None:
    """After a withdrawal from the run the sessions are settled: the seat goes to the next."""
    hall.enrol("Abdiev", "Bekova", "Dosova")
    hall.all()
    person = hall.db.get_one(Person, hall.seat("Abdiev").person_id)
    nomination = runs.make_nomination(hall.db, hall.run, person, hall.office, state="accepted")
    withdraw(hall.db, nomination, by=hall.by, now=NOW, reason="Moved away")
    seats.settle_run(hall.db, hall.run, now=NOW)
    assert hall.states() == {"Abdiev": "withdrawn", "Bekova": "seated", "Dosova": "seated"}


def test_a_wait_list_of_somebody_who_may_not_come_is_refused(hall: Hall) -> None:
    """Twice on one list, or left the service: said at once, nothing stored."""
    seat = hall.wait("Abdiev")
    person = hall.db.get_one(Person, seat.person_id)
    assert seat.state == "seated"
    with pytest.raises(Conflict):
        seats.put_on_list(hall.db, hall.session, person, language="ru", by=hall.by, now=NOW)
    gone = make_person(hall.db, hall.office, family="Gone", left_on=date(2026, 1, 1))
    with pytest.raises(Invalid):
        seats.put_on_list(hall.db, hall.session, gone, language="ru", by=hall.by, now=NOW)
    assert hall.db.scalar(sa.select(Nomination.id).where(Nomination.person_id == gone.id)) is None


def test_nobody_declines_once_the_session_has_begun(hall: Hall) -> None:
    """And a draft tells nobody."""
    hall.session.state = "draft"
    hall.enrol("Abdiev")
    hall.all()
    seat = hall.seat("Abdiev")
    assert hall.told(seat) == []
    with pytest.raises(Conflict):
        seats.decline(hall.db, seat, now=datetime(2026, 11, 23, 5, tzinfo=ZoneInfo("UTC")))


@pytest.mark.goal("PLN-04")
def test_an_order_is_noted_with_number_and_date_for_those_who_have_a_seat(hall: Hall) -> None:
    """Without a number, a date or people it is refused at the field."""
    hall.enrol("Abdiev", "Bekova", "Dosova")
    hall.all()
    everybody = [one.person_id for one in seats.seats_of(hall.db, hall.session.id)]
    with pytest.raises(Invalid) as refused:
        seats.give_order(hall.db, hall.session, [], number=" ", on=None, by=hall.by, now=NOW)
    assert set(refused.value.fields) == {"number", "on", "people"}
    assert seats.give_order(hall.db, hall.session, everybody, number="114", on=date(2026, 11, 2), by=hall.by, now=NOW) == 2
    orders = hall.db.execute(sa.select(Enrolment.order_number, Enrolment.order_on).where(Enrolment.run_id == hall.run.id).order_by(Enrolment.number)).all()
    assert orders == [("114", date(2026, 11, 2))] * 2 + [("", None)]
