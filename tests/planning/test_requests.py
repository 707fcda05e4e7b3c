"""Requests to another country: asked with a reason, answered by the trainer's home, and the history of both."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.notices.models import Notice
from app.people.models import Person
from app.planning import requests
from app.policy import Role
from app.schedule import assignments
from app.schedule.models import Assignment, Booking, SessionSlot
from tests.factories import give_role, make_country, make_office, make_person
from tests.planning.rows import MONDAY, make_session, make_trainer
from tests.runs.rows import make_run

NOW = MONDAY - timedelta(days=3)
ClientOf = Callable[[Person], FlaskClient]


class Border:
    """Two countries of a region, a planner in each, a coordinator above them, and a trainer of the other country who agreed to be shown."""

    def __init__(self, db: Session) -> None:
        root = make_office(db, kind="region")
        self.here = make_office(db, parent=root, country=make_country(db), kind="centre", names={"en": "Here"})
        self.there = make_office(db, parent=root, country=make_country(db), kind="centre", names={"en": "There"})
        self.planner, self.other_planner, self.coordinator = (make_person(db, office, family=name) for office, name in ((self.here, "Planner"), (self.there, "Othman"), (root, "Region")))
        give_role(db, self.planner, Role.TRAINING_OFFICER, self.here)
        give_role(db, self.other_planner, Role.TRAINING_OFFICER, self.there)
        give_role(db, self.coordinator, Role.COORDINATOR, root)
        self.trainer = make_person(db, self.there, family="Sadykova")
        make_trainer(db, self.there, self.trainer, shown_abroad="card")
        self.session = make_session(db, make_run(db, self.here), meetings=2)
        self.slot = db.scalars(sa.select(SessionSlot).where(SessionSlot.session_id == self.session.id)).one()

    def ask(self, db: Session) -> Assignment:
        """The request, made."""
        return assignments.request(db, self.slot, self.trainer, by=self.planner.id, now=NOW, reason="Our only lead is ill")


@pytest.fixture
def border(db: Session) -> Border:
    """Two countries."""
    return Border(db)


@pytest.mark.goal("SCH-14")
def test_the_home_of_the_trainer_answers_and_that_books_him(db: Session, border: Border, client_of: ClientOf) -> None:
    """Only his home's planner can answer; yes books the trainer and tells who asked; the answer stands in both histories."""
    asked = border.ask(db)
    address = f"/planning/requests/{asked.id}"
    strangers = [client_of(one).get(address).status_code for one in (border.planner, border.coordinator)]
    home = client_of(border.other_planner)
    page = home.get(address).get_data(as_text=True)

    answer = home.post(address, data={"answer": "yes", "words": "Tickets are on you"})

    assert (strangers, answer.status_code) == ([404, 403], 303)
    assert "Our only lead is ill" in page
    db.expire_all()
    assert db.get_one(Assignment, asked.id).state == "assigned"
    assert db.scalar(sa.select(sa.func.count()).select_from(Booking).where(Booking.resource_id == border.trainer.id)) == 2
    assert "request-granted" in set(db.scalars(sa.select(Notice.what).where(Notice.person_id == border.planner.id)))
    for one in (border.planner, border.other_planner):
        assert "Tickets are on you" in client_of(one).get("/planning/requests").get_data(as_text=True)


@pytest.mark.goal("SCH-14")
def test_a_no_needs_a_reason_and_frees_the_slot(db: Session, border: Border, client_of: ClientOf) -> None:
    """Without words nothing is stored and the page says what is missing; with them the slot is empty again."""
    asked = border.ask(db)
    home = client_of(border.other_planner)

    silent = home.post(f"/planning/requests/{asked.id}", data={"answer": "no", "words": " "})
    waits = [one.assignment.id for one in requests.waiting(db, [border.there.path])]
    refused = home.post(f"/planning/requests/{asked.id}", data={"answer": "no", "words": "He teaches here that week"})
    again = home.post(f"/planning/requests/{asked.id}", data={"answer": "yes", "words": ""})

    assert (silent.status_code, waits, refused.status_code, again.status_code) == (422, [asked.id], 303, 409)
    db.expire_all()
    assert requests.waiting(db, [border.there.path]) == []
    [ended] = requests.answered(db, [border.there.path])
    assert (ended.answer, ended.words, ended.person) == ("refused", "He teaches here that week", border.trainer.short_name)


def test_whoever_is_booked_at_home_meanwhile_cannot_be_granted(db: Session, border: Border, client_of: ClientOf) -> None:
    """A yes that would take him twice is refused with the clash, and the request goes on waiting."""
    asked = border.ask(db)
    at_home = make_session(db, make_run(db, border.there), meetings=1)
    slot = db.scalars(sa.select(SessionSlot).where(SessionSlot.session_id == at_home.id)).one()
    assignments.assign(db, slot, border.trainer, by=border.other_planner.id, now=NOW)

    answer = client_of(border.other_planner).post(f"/planning/requests/{asked.id}", data={"answer": "yes"})

    assert answer.status_code == 409
    assert at_home.code in answer.get_data(as_text=True)
    db.expire_all()
    assert db.get_one(Assignment, asked.id).state == "requested"


def test_a_coordinator_asks_for_released_sessions_only(db: Session, border: Border) -> None:
    """A draft is its planner's alone; once released, its empty slots can be asked for by the coordinator above both countries."""
    region = border.here.path.split("/")[1]

    def of_the_region() -> list[str]:
        return [need.about.session.code for need in requests.needs(db, [f"/{region}/"], [], now=NOW)]

    drafted = of_the_region()
    border.session.state = "released"
    for meeting in db.scalars(sa.select(requests.Meeting).where(requests.Meeting.session_id == border.session.id)):
        meeting.state = "planned"
    db.flush()
    own = [need.about.session.code for need in requests.needs(db, [border.here.path], [border.here.path], now=NOW)]

    assert (drafted, of_the_region(), own) == ([], [border.session.code], [border.session.code])


def test_the_first_page_of_planning_leads_whoever_may_ask_to_the_requests(border: Border, client_of: ClientOf) -> None:
    """A coordinator asks for trainers without answering for any: the link is there for him as for a planner."""
    for who in (border.planner, border.coordinator):
        assert 'href="/planning/requests"' in client_of(who).get("/planning").text


def test_the_pages_have_words_where_nothing_waits(db: Session, border: Border, client_of: ClientOf) -> None:
    """Empty states say what would stand there; a slot that is gone is told as such."""
    browser = client_of(border.other_planner)

    page = browser.get("/planning/requests").get_data(as_text=True)
    gone = browser.post("/planning/requests/new", data={"slot": str(border.slot.id), "trainer": "x"})

    assert "Nobody asks for a trainer of ours now." in page
    assert gone.status_code == 409
