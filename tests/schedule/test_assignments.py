"""Assignments: asked, offered, accepted, declined; the history stays, and the run's trainers are who teaches its sessions."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.errors import Conflict, Invalid
from app.people.models import Person
from app.runs.models import CourseRun, RunTrainer
from app.schedule import assignments
from app.schedule.assignments import Override
from app.schedule.models import Booking, SessionSlot, TrainingSession
from tests.factories import a_moment, added, make_person
from tests.planning.rows import make_session
from tests.runs.rows import make_run

NOW = a_moment()


class Plan:
    """A session with a slot, a planner and a trainer."""

    def __init__(self, db: Session, **values: object) -> None:
        self.session = make_session(db, **values)
        self.slots = list(db.scalars(sa.select(SessionSlot).where(SessionSlot.session_id == self.session.id).order_by(SessionSlot.number)))
        self.slot, self.planner, self.trainer = self.slots[0], make_person(db), make_person(db, family="Karimov")


@pytest.fixture
def plan(db: Session) -> Plan:
    """A drafted session of two meetings with an empty lead slot."""
    return Plan(db)


def told(db: Session, slot: SessionSlot) -> list[tuple[str, str, str]]:
    """The history of a slot from the beginning: what, about whom, reason."""
    return [(one.event.what, one.person, one.event.reason) for one in reversed(assignments.history(db, slot.id))]


@pytest.mark.goal("SCH-13")
def test_a_declined_offer_frees_the_slot_and_keeps_the_history(db: Session, plan: Plan) -> None:
    """The trainer declines with a reason: the slot is empty, nothing is booked, and what happened can be read."""
    offered = assignments.offer(db, plan.slot, plan.trainer, by=plan.planner.id, now=NOW)

    assignments.decline(db, offered, by=plan.trainer.id, now=NOW + timedelta(days=1), reason="My daughter's wedding")

    assert [held.assignment for held in assignments.current(db, [plan.session.id])[plan.session.id]] == [None]
    assert db.scalar(sa.select(sa.func.count()).select_from(Booking)) == 0
    assert told(db, plan.slot) == [("offered", plan.trainer.short_name, ""), ("declined", plan.trainer.short_name, "My daughter's wedding")]


@pytest.mark.goal("SCH-13")
def test_an_offer_is_declined_with_a_reason_only_and_proposals_need_words(db: Session, plan: Plan) -> None:
    """Nothing happens without the words that the planner needs; a proposal leaves the offer open."""
    offered = assignments.offer(db, plan.slot, plan.trainer, by=plan.planner.id, now=NOW)

    with pytest.raises(Invalid):
        assignments.decline(db, offered, by=plan.trainer.id, now=NOW, reason="  ")
    with pytest.raises(Invalid):
        assignments.propose(db, offered, by=plan.trainer.id, now=NOW, text="")
    assignments.propose(db, offered, by=plan.trainer.id, now=NOW, text="From Tuesday on")

    assert offered.state == "offered"
    assert [what for what, *_ in told(db, plan.slot)] == ["offered", "proposed"]


def test_accepting_twice_is_once_and_after_a_withdrawal_it_is_refused(db: Session, plan: Plan) -> None:
    """A second press changes nothing; an offer that was taken back cannot be accepted."""
    offered = assignments.offer(db, plan.slot, plan.trainer, by=plan.planner.id, now=NOW)
    for _ in range(2):
        assignments.accept(db, offered, by=plan.trainer.id, now=NOW)
    assignments.withdraw(db, offered, by=plan.planner.id, now=NOW, reason="The course was moved")

    with pytest.raises(Conflict):
        assignments.accept(db, offered, by=plan.trainer.id, now=NOW)

    assert [what for what, *_ in told(db, plan.slot)] == ["offered", "accepted", "withdrawn"]


def test_a_slot_holds_one_and_somebody_one_slot_of_a_session(db: Session) -> None:
    """Who is in the slot is named; and nobody is lead and co-trainer at once."""
    plan = Plan(db, slots=("lead", "co"))
    other = make_person(db, family="Osmonov")
    assignments.assign(db, plan.slot, plan.trainer, by=plan.planner.id, now=NOW)

    with pytest.raises(Conflict) as full:
        assignments.offer(db, plan.slot, other, by=plan.planner.id, now=NOW)
    with pytest.raises(Conflict):
        assignments.offer(db, plan.slots[1], plan.trainer, by=plan.planner.id, now=NOW)

    assert full.value.message.params["name"] == plan.trainer.short_name


@pytest.mark.goal("SCH-07")
def test_a_warning_is_taken_on_with_ten_characters_and_kept_with_who_and_when(db: Session, plan: Plan) -> None:
    """A shorter reason stores nothing; a long enough one stands in the assignment and in its history."""
    with pytest.raises(Invalid):
        assignments.assign(db, plan.slot, plan.trainer, by=plan.planner.id, now=NOW, overrides=[Override("T8", "W", "   short   ")])
    assert assignments.current(db, [plan.session.id])[plan.session.id][0].assignment is None

    made = assignments.assign(db, plan.slot, plan.trainer, by=plan.planner.id, now=NOW, overrides=[Override("T8", "W", "Nobody else speaks Kazakh")])

    assert made.overrides == [
        {"code": "T8", "level": "W", "reason": "Nobody else speaks Kazakh", "by": str(plan.planner.id), "at": NOW.isoformat()}
    ]
    assert ("overridden", plan.trainer.short_name, "Nobody else speaks Kazakh") in told(db, plan.slot)


@pytest.mark.goal("SCH-14")
def test_a_trainer_of_another_country_is_booked_by_his_homes_answer(db: Session, plan: Plan) -> None:
    """A request books nothing and holds the slot; yes books him, no needs a reason and frees the slot."""
    asked = assignments.request(db, plan.slot, plan.trainer, by=plan.planner.id, now=NOW, reason="Our only lead is ill")
    before = db.scalar(sa.select(sa.func.count()).select_from(Booking))
    with pytest.raises(Invalid):
        assignments.refuse(db, asked, by=plan.planner.id, now=NOW, reason="")

    assignments.grant(db, asked, by=plan.planner.id, now=NOW, note="Travel is on you")

    assert (before, asked.state) == (0, "assigned")
    assert db.scalar(sa.select(sa.func.count()).select_from(Booking)) == 2
    assert told(db, plan.slot)[0] == ("requested", plan.trainer.short_name, "Our only lead is ill")


def test_trainers_of_the_run_follow_its_released_sessions(db: Session) -> None:
    """Older pages know a run's trainers: those of its released sessions, and who was put there by hand before stays."""
    run: CourseRun = make_run(db)
    by_hand = make_person(db)
    added(db, RunTrainer(run_id=run.id, person_id=by_hand.id, part="co", owner_node="test"))
    run.owner_node = "test"
    plan = Plan(db, run=run, slots=("lead", "interpreter"))
    made = assignments.assign(db, plan.slot, plan.trainer, by=plan.planner.id, now=NOW)
    assignments.assign(db, plan.slots[1], make_person(db), by=plan.planner.id, now=NOW)

    def trainers() -> dict[str, str]:
        rows = db.execute(sa.select(Person.id, RunTrainer.part).join(RunTrainer, RunTrainer.person_id == Person.id).where(RunTrainer.run_id == run.id))
        return {str(person_id): part for person_id, part in rows}

    drafted = trainers()
    db.get_one(TrainingSession, plan.session.id).state = "released"
    assignments.teach_the_run(db, run)
    released = trainers()
    assignments.withdraw(db, made, by=plan.planner.id, now=NOW, reason="ill for two weeks")

    assert drafted == {str(by_hand.id): "co"}
    assert released == {str(by_hand.id): "co", str(plan.trainer.id): "lead"}
    assert trainers() == drafted


def test_what_breaks_is_news_once(db: Session, plan: Plan) -> None:
    """The same finding again is no news; all well again is; and an override ends a break."""
    made = assignments.assign(db, plan.slot, plan.trainer, by=plan.planner.id, now=NOW)
    leave = [{"code": "T5", "level": "W", "text": "On leave"}]

    news = [assignments.set_broken(db, made, leave, now=NOW), assignments.set_broken(db, made, leave, now=NOW + timedelta(minutes=1))]
    since = made.broken_at
    assignments.override(db, made, Override("T5", "W", "He comes back for these two days"), by=plan.planner.id, now=NOW)

    assert (news, since) == ([True, False], NOW)
    assert (made.broken, made.broken_at) == ([], None)
    assert [what for what, *_ in told(db, plan.slot)] == ["assigned", "broken", "overridden"]


@pytest.mark.goal("PLN-04")
def test_an_order_is_noted_on_all_who_travel_by_it(db: Session, plan: Plan) -> None:
    """Number and date of the order; without a number nothing is noted."""
    made = assignments.assign(db, plan.slot, plan.trainer, by=plan.planner.id, now=NOW)
    with pytest.raises(Invalid):
        assignments.give_order(db, [made], number=" ", on=NOW.date(), by=plan.planner.id, now=NOW)

    n = assignments.give_order(db, [made], number="114-ж", on=NOW.date(), by=plan.planner.id, now=NOW)

    assert (n, made.order_number, made.order_on) == (1, "114-ж", NOW.date())
