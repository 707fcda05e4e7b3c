"""A trainer's answers: accept, decline with a reason, propose something else; the planner hears of each and answers a proposal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app import clock
from app.notices import queries, wording
from app.people.models import Person
from app.policy import Role
from app.schedule import assignments
from app.schedule.models import Assignment, SessionSlot, TrainingSession
from tests.factories import make_office, make_person, make_staff
from tests.planning.rows import make_session, make_trainer
from tests.runs.rows import make_run

SignIn = Callable[[Person], FlaskClient]


@dataclass
class Asked:
    """A trainer who was offered the lead of a session, and who plans it."""

    session: TrainingSession
    slot: SessionSlot
    assignment: Assignment
    trainer: Person
    planner: Person

    @property
    def page(self) -> str:
        """The trainer's page of it."""
        return f"/my/offers/{self.assignment.id}"


@pytest.fixture
def asked(db: Session) -> Asked:
    """An offer that waits."""
    office = make_office(db)
    planner = make_staff(db, Role.TRAINING_OFFICER, office)
    session = make_session(db, make_run(db, office), title="Vehicle search")
    trainer = db.get_one(Person, make_trainer(db, office).person_id)
    slot = db.scalars(sa.select(SessionSlot).where(SessionSlot.session_id == session.id)).one()
    assignment = assignments.offer(db, slot, trainer, by=planner.id, now=clock.now())
    return Asked(session, slot, assignment, trainer, planner)


def told(db: Session, person: Person) -> list[str]:
    """The codes of what somebody is told, the newest first."""
    return [one.notice.what for one in queries.for_person(db, person.id, now=clock.now())]


@pytest.mark.goal("SCH-13")
def test_an_offer_is_told_and_waits_on_the_start_page(db: Session, asked: Asked, client_of: SignIn) -> None:
    """The trainer reads on his start page what he is asked for, and comes to the page where he answers; the planner is not told of his own deed."""
    assert (told(db, asked.trainer), told(db, asked.planner)) == (["offer"], [])
    (one,) = queries.for_person(db, asked.trainer.id, now=clock.now())
    assert wording.sentence(one.notice).startswith("You are asked for Vehicle search: 23–24 Nov 2026, 09:00–13:00 UTC+5, Room 2.")

    page = client_of(asked.trainer).get(one.notice.link)

    assert page.status_code == 200
    for button in ("Accept…", "Decline…", "Propose something else…"):
        assert button in page.text


@pytest.mark.goal("SCH-13")
def test_accepting_takes_one_more_look_and_tells_the_planner(db: Session, asked: Asked, client_of: SignIn) -> None:
    """Nothing is accepted by opening a page; by its button it is, once."""
    client = client_of(asked.trainer)
    assert "Yes, I accept" in client.get(f"{asked.page}/accept").text
    db.refresh(asked.assignment)
    assert asked.assignment.state == "offered"

    for _ in range(2):
        assert client.post(f"{asked.page}/accept").status_code == 303

    db.refresh(asked.assignment)
    assert asked.assignment.state == "accepted"
    assert told(db, asked.planner) == ["offer-accepted"]
    assert "you accepted" in client.get(asked.page).text


@pytest.mark.goal("SCH-13")
def test_declining_needs_a_reason_reopens_the_slot_and_keeps_the_history(db: Session, asked: Asked, client_of: SignIn) -> None:
    """Without a reason the form says so and nothing changes; with one the slot is open, the planner reads why, the history stays."""
    client = client_of(asked.trainer)

    empty = client.post(f"{asked.page}/decline", data={"reason": "  "})
    assert empty.status_code == 422
    assert "Say in a few words why" in empty.text
    client.post(f"{asked.page}/decline", data={"reason": "My daughter's wedding"})

    (held,) = assignments.current(db, [asked.session.id])[asked.session.id]
    assert held.assignment is None
    (one,) = queries.for_person(db, asked.planner.id, now=clock.now())
    assert one.notice.what == "offer-declined"
    assert "My daughter's wedding" in wording.sentence(one.notice)
    assert "My daughter&#39;s wedding" in client.get(asked.page).text
    assert [line.event.what for line in assignments.history(db, asked.slot.id)] == ["declined", "offered"]


@pytest.mark.goal("SCH-13")
def test_a_proposal_leaves_the_offer_open_until_the_planner_answers(db: Session, asked: Asked, client_of: SignIn) -> None:
    """The proposal with its day reaches the planner's page; he takes it, and the trainer is told and can still answer."""
    trainer, planner = client_of(asked.trainer), client_of(asked.planner)
    assert trainer.post(f"{asked.page}/propose", data={"text": ""}).status_code == 422
    trainer.post(f"{asked.page}/propose", data={"text": "Only the second day", "day": "2026-11-24"})
    (one,) = queries.for_person(db, asked.planner.id, now=clock.now())
    assert one.notice.what == "offer-proposed"

    page = planner.get(one.notice.link)
    assert "Only the second day" in page.text
    assert "Proposed day: 24 Nov 2026" in page.text
    answer = planner.post(one.notice.link, data={"taken": "1", "answer": "Good, I move it."})

    assert answer.status_code == 303
    assert told(db, asked.trainer)[0] == "proposal-taken"
    assert "Accept…" in trainer.get(asked.page).text
    assert planner.post(one.notice.link, data={"taken": "1"}).status_code == 409


def test_a_proposal_is_not_taken_without_a_word_why(db: Session, asked: Asked, client_of: SignIn) -> None:
    """"It cannot be done" needs an answer for the trainer, who still decides."""
    client_of(asked.trainer).post(f"{asked.page}/propose", data={"text": "In January"})
    planner, page = client_of(asked.planner), f"/planning/offers/{asked.assignment.id}"

    empty = planner.post(page, data={"refused": "1", "answer": ""})
    assert (empty.status_code, "Say why it cannot be done" in empty.text) == (422, True)
    planner.post(page, data={"refused": "1", "answer": "The room is taken in January."})

    (one, *_) = queries.for_person(db, asked.trainer.id, now=clock.now())
    assert one.notice.what == "proposal-refused"
    assert "The room is taken in January." in wording.sentence(one.notice)


def test_an_offer_that_was_taken_back_can_no_longer_be_answered(db: Session, asked: Asked, client_of: SignIn) -> None:
    """A page that was open meanwhile gets the reason, and nothing is accepted."""
    client = client_of(asked.trainer)
    asked.assignment = db.get_one(Assignment, asked.assignment.id)
    assignments.withdraw(db, asked.assignment, by=asked.planner.id, now=clock.now(), reason="Moved to spring")
    db.commit()

    assert client.post(f"{asked.page}/accept").status_code == 409
    assert client.get(f"{asked.page}/accept").status_code == 303

    db.refresh(asked.assignment)
    assert asked.assignment.state == "withdrawn"
    assert told(db, asked.trainer)[0] == "offer-withdrawn"


def test_nobody_sees_or_answers_another_ones_offer(db: Session, asked: Asked, client_of: SignIn) -> None:
    """Another trainer, and a planner of another office, find nothing there."""
    client = client_of(make_staff(db, Role.TRAINER))
    stranger = client_of(make_staff(db, Role.TRAINING_OFFICER))

    assert [client.get(asked.page).status_code, client.post(f"{asked.page}/accept").status_code] == [404, 404]
    assert stranger.get(f"/planning/offers/{asked.assignment.id}").status_code == 404


def test_somebody_assigned_to_a_draft_learns_of_it_with_the_release(db: Session, client_of: SignIn) -> None:
    """A draft is the planner's alone: the page of an assignment that was never offered is not there before the release."""
    session = make_session(db)
    trainer = make_person(db)
    slot = db.scalars(sa.select(SessionSlot).where(SessionSlot.session_id == session.id)).one()
    assignment = assignments.assign(db, slot, trainer, by=make_person(db).id, now=clock.now())
    client = client_of(trainer)

    before = client.get(f"/my/offers/{assignment.id}").status_code
    db.info["writing"] = True
    session.state = "released"
    db.commit()

    assert (before, client.get(f"/my/offers/{assignment.id}").status_code) == (404, 200)
    assert told(db, trainer) == []


def test_a_request_goes_to_the_home_office_and_its_answer_to_the_planner(db: Session, asked: Asked) -> None:
    """Another country's training officer is asked; what he answers, the planner is told with the name of the office."""
    abroad = make_office(db, names={"en": "Osh"})
    officer = make_staff(db, Role.TRAINING_OFFICER, abroad)
    trainer = db.get_one(Person, make_trainer(db, abroad).person_id)
    slot = db.scalars(sa.select(SessionSlot).where(SessionSlot.session_id == asked.session.id)).one()
    assignments.withdraw(db, asked.assignment, by=asked.planner.id, now=clock.now())

    request = assignments.request(db, slot, trainer, by=asked.planner.id, now=clock.now())
    waiting = told(db, officer)
    assignments.refuse(db, request, by=officer.id, now=clock.now(), reason="Examinations that week")

    assert (waiting, told(db, officer)) == (["request-asked"], [])  # answered, it no longer waits on his start page
    (one,) = queries.for_person(db, asked.planner.id, now=clock.now())
    assert one.notice.what == "request-refused"
    assert wording.sentence(one.notice).startswith("Osh cannot let")


def test_an_offer_is_answered_without_script(db: Session, asked: Asked, client_of: SignIn) -> None:
    """Plain links and forms: answering works on any phone."""
    page = client_of(asked.trainer).get(f"{asked.page}/decline").text

    assert '<form class="below" method="post">' in page
    assert "<textarea" in page
