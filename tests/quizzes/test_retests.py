"""One more attempt at a final test: the waiting time, what is read again, the trainer's word, other questions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app import clock
from app.courses.content import CourseContent
from app.people.models import Person
from app.policy import Role
from app.progress import reading
from app.quizzes.errors import AttemptsUsed, OpensLater, ReadFirst
from app.quizzes.models import GrantedAttempt
from app.quizzes.retests.rules import Locks, locks
from app.quizzes.retests.services import grant_attempt
from app.runs.models import CourseRun, Enrolment
from tests.factories import make_person, make_staff
from tests.quizzes.rows import Hands, Tab, content, make_attempt, make_enrolment, make_run
from tests.runs.rows import teach

ENDED = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
LESSONS = [("zones", ["car"]), ("seals", ["seal"]), ("both", ["car", "seal"])]


def what_stands(**changes: Any) -> Locks:
    """Before a retest two hours after a test in which the car was missed."""
    facts: dict[str, Any] = {
        "ended_at": ENDED, "being_marked": False, "missed": {"car"}, "lessons": LESSONS, "read_at": {}, "wait_hours": 12, "remedial": True,
        "granted": False, "now": ENDED + timedelta(hours=2),
    }
    return locks(**(facts | changes))


@pytest.mark.goal("CMP-01", "CMP-03")
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Locks(opens_at=ENDED + timedelta(hours=12), read_first=("zones", "both"))),
        ({"now": ENDED + timedelta(hours=12)}, Locks(read_first=("zones", "both"))),
        ({"read_at": {"zones": ENDED + timedelta(minutes=1), "both": ENDED}, "wait_hours": None}, Locks(read_first=("both",))),
        ({"remedial": False, "wait_hours": None}, Locks()),
        ({"read_at": None, "wait_hours": None}, Locks()),
        ({"missed": set(), "wait_hours": None}, Locks()),
        ({"granted": True}, Locks()),
        ({"being_marked": True, "granted": True}, Locks(being_marked=True)),
    ],
)
def test_what_stands_before_a_retest_and_what_opens_it(changes: dict[str, Any], expected: Locks) -> None:
    """The hour and the lessons are named; the trainer's word waives both, but nothing hurries a mark that is missing."""
    assert what_stands(**changes) == expected


@given(st.integers(0, 40), st.integers(0, 40), st.sets(st.sampled_from(["car", "seal"])), st.sets(st.sampled_from(["zones", "seals", "both"])))
def test_waiting_and_reading_only_ever_open_a_retest(hours: int, more: int, missed: set[str], read: set[str]) -> None:
    """Later, or with more read, never more stands before it."""
    sooner = what_stands(now=ENDED + timedelta(hours=hours), missed=missed)
    later = what_stands(now=ENDED + timedelta(hours=hours + more), missed=missed, read_at=dict.fromkeys(read, ENDED + timedelta(hours=1)))

    assert later.open or not sooner.open
    assert set(later.read_first) <= set(sooner.read_first)


# ---- through the product ---------------------------------------------------------------------------------------------


@pytest.fixture
def hands() -> Iterator[Hands]:
    """A clock that the test sets."""
    with clock.using(Hands()) as set_clock:
        assert isinstance(set_clock, Hands)
        yield set_clock


def course(**retest: Any) -> CourseContent:
    """The final test may be taken twice; this comes before the second time."""
    return content(completion={"pass_mark": "80", "lessons": "all"} | ({"retest": retest} if retest else {}))


def failed(db: Session, what: CourseContent) -> Enrolment:
    """Somebody who has handed in an empty final test."""
    enrolment = make_enrolment(db, make_run(db, what))
    Tab(db, make_attempt(db, enrolment).id).hands_in()
    return enrolment


@pytest.mark.goal("CMP-02")
def test_a_retest_draws_other_items_of_the_same_blueprint_and_all_attempts_stay(db: Session) -> None:
    """Not one question of the first attempt while the bank has others; as many of each outcome."""
    enrolment = make_enrolment(db, make_run(db, course()))
    first = make_attempt(db, enrolment)
    Tab(db, first.id).hands_in()
    second = make_attempt(db, enrolment)

    bank = course().bank
    assert set(first.draw).isdisjoint(second.draw)
    assert sorted(bank[one].outcome for one in first.draw) == sorted(bank[one].outcome for one in second.draw)
    assert (first.number, first.score, second.number) == (1, 0, 2)


@pytest.mark.goal("CMP-01", "CMP-03")
def test_the_next_attempt_opens_at_its_hour(db: Session, hands: Hands) -> None:
    """Refused with the moment before, begun after."""
    enrolment = failed(db, course(wait_hours="2"))
    ended = hands.now()
    hands.passes(7199)

    with pytest.raises(OpensLater) as refused:
        make_attempt(db, enrolment)
    hands.passes(1)

    assert refused.value.message.params["moment"] == ended + timedelta(hours=2)
    assert make_attempt(db, enrolment).number == 2


@pytest.mark.goal("CMP-01", "CMP-03")
def test_lessons_on_what_was_missed_are_read_again_first(db: Session, hands: Hands, client_of: Callable[[Person], FlaskClient]) -> None:
    """The page of the test names them with links; once the last page was read again, it begins."""
    enrolment = failed(db, course(remedial="yes"))
    person = db.get_one(Person, enrolment.person_id)
    db.commit()
    address = f"/learn/{enrolment.id}/tests/post"
    client = client_of(person)

    locked = client.get(address).get_data(as_text=True)
    refused = client.post(address)
    hands.passes(60)
    reading.read_page(db, enrolment, lesson="zones", page=1, pages=1, now=hands.now())
    db.commit()
    begun = client.post(address)

    assert "are read again to their last page" in locked
    assert f"/learn/{enrolment.id}/zones/1" in locked
    assert "Begin the test" not in locked
    assert (refused.status_code, begun.status_code) == (409, 303)
    with pytest.raises(ReadFirst):
        make_attempt_read(db, enrolment)


def make_attempt_read(db: Session, enrolment: Enrolment) -> None:
    """A second attempt of another person who has read nothing again."""
    from app.quizzes import services

    other = make_enrolment(db, db.get_one(CourseRun, enrolment.run_id), number=9)
    Tab(db, make_attempt(db, other).id).hands_in()
    services.start_attempt(db, enrolment_id=other.id, quiz="post", now=clock.now(), uptime=clock.uptime(), read_at={})


@pytest.mark.goal("CMP-01", "CMP-03")
def test_the_trainers_word_gives_one_more_attempt_at_once(db: Session, hands: Hands, client_of: Callable[[Person], FlaskClient]) -> None:
    """With a reason, as a fact; after all attempts, without waiting or reading; once."""
    enrolment = failed(db, course(wait_hours="12", remedial="yes"))
    trainer, person = make_staff(db, Role.TRAINER), db.get_one(Person, enrolment.person_id)
    run = db.get_one(CourseRun, enrolment.run_id)
    teach(db, run, trainer)
    db.commit()
    client, address = client_of(trainer), f"/runs/{run.code}/grant/{enrolment.id}/post"

    nothing = client.post(address, data={"reason": "  "})
    hands.passes(1)
    granted = client.post(address, data={"reason": "He was called away."})

    assert nothing.status_code == 422
    assert "Say why: the reason stays in the record." in nothing.get_data(as_text=True)
    assert granted.status_code == 303
    fact = db.query(GrantedAttempt).one()
    assert (fact.quiz, fact.by_id, fact.reason) == ("post", trainer.id, "He was called away.")
    assert client_of(person).post(f"/learn/{enrolment.id}/tests/post").status_code == 303
    table = client.get(f"/runs/{run.code}/attempts").get_data(as_text=True)
    assert "12 hours between two attempts" in table


def test_a_grant_counts_one_attempt_and_no_more(db: Session, hands: Hands) -> None:
    """Two allowed and one granted are three."""
    enrolment = failed(db, course())
    Tab(db, make_attempt(db, enrolment).id).hands_in()
    hands.passes(1)
    with pytest.raises(AttemptsUsed):
        make_attempt(db, enrolment)
    by = make_person(db)
    grant_attempt(db, enrolment.id, content=course(), quiz="post", reason="once more", by=by.id, now=hands.now())

    Tab(db, make_attempt(db, enrolment).id).hands_in()

    with pytest.raises(AttemptsUsed):
        make_attempt(db, enrolment)
