"""Suggest all: empty slots only, filled ones when ticked, each row judged once more when it is taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app import clock
from app.offices.models import Office
from app.people.models import Person
from app.planning import proposal, queries
from app.policy import Role
from app.runs.models import CourseRun
from app.schedule import assignments
from app.schedule.models import Assignment, SessionSeat, SessionSlot, TrainingSession
from app.trainers.models import Accreditation, Trainer, TrainerLanguage
from tests.factories import added, make_office, make_person, make_staff
from tests.planning.rows import make_session, make_trainer
from tests.runs.rows import enrol, make_run, make_version


@dataclass
class Plan:
    """An office with a course, in which trainers are accredited and sessions drafted."""

    db: Session
    office: Office
    version: Any

    def trainer(self, family: str, level: str = "lead", **values: Any) -> Trainer:
        """Somebody who fits: accredited, speaks Russian, lives there."""
        row = make_trainer(self.db, self.office, make_person(self.db, self.office, family=family), **values)
        added(self.db, Accreditation(trainer_id=row.id, course_id=self.version.course_id, level=level, valid_from=clock.now().date() - timedelta(days=400)))
        added(self.db, TrainerLanguage(trainer_id=row.id, language="ru", level="C1"))
        return row

    def session(self, days: int = 10, slots: tuple[str, ...] = ("lead",)) -> TrainingSession:
        """A draft that begins so many days from now."""
        starts = (clock.now() + timedelta(days=days)).replace(hour=4, minute=0, second=0, microsecond=0)
        run = make_run(self.db, self.office, self.version, starts_on=starts.date(), ends_on=(starts + timedelta(days=1)).date())
        return make_session(self.db, run, slots=slots, starts=starts)

    def slot(self, session: TrainingSession, number: int = 1) -> SessionSlot:
        """One slot of it."""
        return self.db.scalars(sa.select(SessionSlot).where(SessionSlot.session_id == session.id, SessionSlot.number == number)).one()

    def propose(self, again: tuple[Any, ...] = ()) -> proposal.Proposal:
        """For the next month."""
        today = clock.now().date()
        return proposal.propose(
            self.db, first=today, last=today + timedelta(days=60), paths=[self.office.path], now=clock.now(), again=[slot.id for slot in again],
        )

    def put(self, slot: SessionSlot, trainer: Trainer) -> Assignment:
        """Assign somebody."""
        return assignments.assign(self.db, slot, self.db.get_one(Person, trainer.person_id), by=trainer.person_id, now=clock.now())


@pytest.fixture
def plan(db: Session) -> Plan:
    """An office and a course."""
    office = make_office(db)
    return Plan(db, office, make_version(db))


def names(made: proposal.Proposal) -> list[tuple[str, str | None]]:
    """Session and who is proposed."""
    return [(row.open.session.code, row.verdict.name if row.verdict else None) for row in made.rows]


@pytest.mark.goal("SCH-10")
def test_empty_slots_are_filled_so_that_all_find_somebody(plan: Plan) -> None:
    """Two sessions at the same time and two trainers: each gets one, whoever is better for both."""
    plan.trainer("Akhmetov")
    plan.trainer("Bekov")
    one, other = plan.session(), plan.session()

    made = plan.propose()

    assert {code for code, _ in names(made)} == {one.code, other.code}
    assert {name for _, name in names(made)} == {"Akhmetov A.", "Bekov A."}
    assert made.total == sum(row.verdict.total for row in made.rows if row.verdict)


@pytest.mark.goal("SCH-10")
def test_nobody_is_proposed_where_only_a_reason_would_help(plan: Plan) -> None:
    """A co-trainer is not proposed to lead; the row says that nobody fits."""
    plan.trainer("Akhmetov", level="co")
    session = plan.session()

    assert names(plan.propose()) == [(session.code, None)]


@pytest.mark.goal("SCH-10")
def test_nobody_is_proposed_above_his_load(plan: Plan) -> None:
    """Three sessions of two days for one who may teach four days a month: two are his, one stays empty."""
    plan.trainer("Akhmetov", days_a_month=4, days_a_quarter=4)
    base = clock.now().date().replace(day=1)
    next_month = (base + timedelta(days=32)).replace(day=1)
    offset = (next_month - clock.now().date()).days
    for n in (1, 6, 11):
        plan.session(days=offset + n)

    made = plan.propose()

    assert sorted(name is not None for _, name in names(made)) == [False, True, True]


@pytest.mark.goal("SCH-10")
def test_nobody_is_proposed_so_many_days_in_a_row_as_only_all_together_make(plan: Plan) -> None:
    """Four sessions of two days, one after the other: any three go together, all four are eight days in a row. What he teaches elsewhere counts."""
    holder = plan.trainer("Akhmetov", days_a_month=31, days_a_quarter=92)
    for n in range(4):
        plan.session(days=10 + 2 * n)

    alone = plan.propose()
    plan.put(plan.slot(plan.session(days=18)), holder)
    beside = plan.propose()

    assert sum(row.verdict is not None for row in alone.rows) == 3
    assert [name for _, name in names(beside)].count("Akhmetov A.") == 3
    assert None in [name for _, name in names(beside)][1:3]
    for row in beside.rows:
        if row.verdict is not None:
            plan.put(row.open.slot, holder)
    assert [results for _, results in queries.recheck(plan.db, clock.now())] == [[]] * 4


@pytest.mark.goal("SCH-10")
def test_where_searching_is_practised_a_slot_is_kept_for_the_sex_that_is_missing(plan: Plan) -> None:
    """Two men have more points than the woman: one of them and she are proposed; without her one slot stays empty."""
    for family in ("Akhmetov", "Bekov"):
        plan.db.get_one(Person, plan.trainer(family).person_id).gender = "m"
    woman = plan.trainer("Choi", prefers="online")
    plan.db.get_one(Person, woman.person_id).gender = "f"
    session = plan.session(slots=("lead", "co"))
    session.searches = True
    for n, gender in enumerate("fm", 1):
        person = make_person(plan.db, plan.office, gender=gender)
        enrol(plan.db, plan.db.get_one(CourseRun, session.run_id), person)
        added(plan.db, SessionSeat(session_id=session.id, person_id=person.id, agency_id=person.agency_id, state="seated", place=n, since=clock.now()))
    plan.db.flush()

    with_her = {name for _, name in names(plan.propose())}
    woman.left_on = clock.now().date()
    plan.db.flush()
    without = [name for _, name in names(plan.propose())]

    assert "Choi A." in with_her
    assert len(with_her) == 2
    assert without.count(None) == 1


@pytest.mark.goal("SCH-10")
def test_filled_slots_are_touched_only_when_ticked(plan: Plan) -> None:
    """A valid and a broken slot are listed and left alone; the broken one that is ticked gets a suggestion, the other does not."""
    holder, other = plan.trainer("Akhmetov"), plan.trainer("Bekov")
    plan.trainer("Choi")
    valid, broken = plan.session(days=10), plan.session(days=20)
    plan.put(plan.slot(valid), holder)
    held = plan.put(plan.slot(broken), other)
    held.broken = [{"code": "T5"}]
    plan.db.flush()

    alone, ticked = plan.propose(), plan.propose(again=(plan.slot(broken),))

    assert (alone.rows, [one.state for one in alone.filled]) == ((), ["valid", "broken"])
    assert [row.open.session.code for row in ticked.rows] == [broken.code]
    assert [one.state for one in ticked.filled] == ["valid"]


@pytest.mark.goal("SCH-10")
def test_a_proposal_writes_nothing(plan: Plan) -> None:
    """Neither an assignment nor anything else is there after it."""
    plan.trainer("Akhmetov")
    plan.session()

    plan.propose()

    assert not plan.db.new
    assert not plan.db.dirty
    assert plan.db.scalar(sa.select(sa.func.count()).select_from(Assignment)) == 0


@pytest.mark.goal("SCH-10")
def test_only_ticked_rows_are_taken_each_on_its_own(plan: Plan, client_of: Callable[[Person], FlaskClient]) -> None:
    """Of three rows two are ticked; the trainer of one was booked in the meantime: that row says so, the other is offered."""
    free, busy = plan.trainer("Akhmetov"), plan.trainer("Bekov")
    first, second, third = plan.session(days=10), plan.session(days=10), plan.session(days=30)
    ids = [plan.slot(one).id for one in (first, second, third)]
    plan.put(plan.slot(plan.session(days=10)), busy)
    client = client_of(make_staff(plan.db, Role.TRAINING_OFFICER, plan.office))

    answer = client.post("/planning/proposal", data={"how": "offer", "row": [f"{ids[0]}:{free.id}", f"{ids[1]}:{busy.id}"]})

    rows = plan.db.execute(sa.select(Assignment.slot_id, Assignment.person_id, Assignment.state).where(Assignment.slot_id.in_(ids))).all()
    assert answer.status_code == 200
    assert [tuple(row) for row in rows] == [(ids[0], free.person_id, "offered")]
    assert "offered" in answer.text
    assert "S-2026-" in answer.text
    assert "Leads" in answer.text


@pytest.mark.goal("SCH-10")
def test_who_is_taken_out_is_taken_out_with_a_reason(plan: Plan, client_of: Callable[[Person], FlaskClient]) -> None:
    """Without a reason the row is refused and the holder stays; with one he is withdrawn and the other assigned."""
    holder, other = plan.trainer("Akhmetov"), plan.trainer("Bekov")
    session = plan.session()
    slot_id = plan.slot(session).id
    plan.put(plan.slot(session), holder)
    client = client_of(make_staff(plan.db, Role.TRAINING_OFFICER, plan.office))
    data = {"how": "assign", "row": f"{slot_id}:{other.id}", "again": str(slot_id)}

    refused = client.post("/planning/proposal", data=data)
    plan.db.expire_all()
    state = plan.db.scalars(sa.select(Assignment.state).where(Assignment.slot_id == slot_id)).all()
    taken = client.post("/planning/proposal", data=data | {"reason": "He is on leave."})
    plan.db.expire_all()

    assert (refused.status_code, list(state)) == (409, ["assigned"])
    assert taken.status_code == 200
    rows = plan.db.execute(sa.select(Assignment.person_id, Assignment.state).where(Assignment.slot_id == slot_id)).all()
    assert {tuple(row) for row in rows} == {(holder.person_id, "withdrawn"), (other.person_id, "assigned")}


@pytest.mark.parametrize("data", [{"how": "offer"}, {"how": "offer", "row": "x:y"}, {"row": "a"}])
def test_nothing_ticked_or_nonsense_gets_a_sentence(plan: Plan, client_of: Callable[[Person], FlaskClient], data: dict[str, str]) -> None:
    """Nothing is written."""
    client = client_of(make_staff(plan.db, Role.TRAINING_OFFICER, plan.office))

    answer = client.post("/planning/proposal", data=data)

    assert answer.status_code == 422
    assert "Tick at least one row" in answer.text


def test_days_in_the_wrong_order_get_a_sentence(plan: Plan, client_of: Callable[[Person], FlaskClient]) -> None:
    """The page shows the usual days instead."""
    client = client_of(make_staff(plan.db, Role.TRAINING_OFFICER, plan.office))

    assert "Give two days in order" in client.get("/planning/proposal?from=2026-12-01&to=2026-11-01").text
    assert "No empty slot in these days" in client.get("/planning/proposal?from=x&to=").text
