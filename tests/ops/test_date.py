"""A clock that is wrong by years: a test waits for a person to confirm the date, study goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app import clock
from app.clock import Uptime
from app.db import Database
from app.ops import doctor
from app.ops.rules import LONG, RELEASED, STEP, TOLERANCE, Doubt, Known, date_doubt
from app.policy import Role
from app.quizzes import services as quizzes
from app.quizzes.models import Attempt, ClockStep, RoomTest
from app.sync.models import AuditEvent, StoredReceipt
from tests.classday.rows import make_room
from tests.factories import added, make_person, make_staff
from tests.quizzes.rows import MORNING, Hands, make_enrolment

SECONDS = st.integers(0, 3650 * 86_400)


@given(SECONDS, st.integers(-(2**40), 2**40))
def test_a_node_that_knows_nothing_believes_its_clock(after: int, offset: int) -> None:
    """A new node asks nobody, as long as its date is not before the release and not ten years after it."""
    assert date_doubt(RELEASED + timedelta(seconds=after), offset, Known()) is None


@given(st.integers(1, 10**9))
def test_a_date_before_the_release_is_never_right(before: int) -> None:
    """Nobody can confirm 1970 or 2000: the clock has to be set."""
    now = RELEASED - timedelta(seconds=before)

    assert date_doubt(now, 5, Known(confirmed=now, confirmed_offset_ms=5)) is Doubt.BEFORE_RELEASE


@given(SECONDS, st.timedeltas(timedelta(seconds=1), timedelta(days=3000)))
def test_a_date_that_others_have_passed_already_is_doubted(at: int, later: timedelta) -> None:
    """The centre has signed, or somebody here has confirmed, a later moment: doubted, but for an hour between two good clocks."""
    now = RELEASED + timedelta(seconds=at)
    expected = Doubt.BEHIND if later > TOLERANCE else None

    assert date_doubt(now, 0, Known(centre=now + later)) is expected
    assert date_doubt(now, 0, Known(confirmed=now + later)) is expected


@given(st.timedeltas(timedelta(0), timedelta(days=36_500)))
def test_a_date_far_beyond_the_last_word_is_doubted(later: timedelta) -> None:
    """2099 is doubted; months without a line are not."""
    assert (date_doubt(MORNING + later, 0, Known(centre=MORNING)) is Doubt.FAR) == (later > LONG)


@given(st.integers(-(10**12), 10**12), st.integers(-(10**12), 10**12))
def test_a_confirmation_holds_until_the_clock_is_set_again(offset: int, moved: int) -> None:
    """The machine's own clock tells: the same distance to it is the same date, and nobody is asked twice."""
    known = Known(centre=MORNING + timedelta(days=900), confirmed=MORNING, confirmed_offset_ms=offset, stepped=MORNING)

    assert (date_doubt(MORNING, offset + moved, known) is None) == (abs(moved) < TOLERANCE / timedelta(milliseconds=1))


def test_a_step_of_days_is_doubted_until_somebody_has_looked() -> None:
    """A step after the last confirmation; one that lies before it, or in a future that the clock has left again, is not."""
    assert date_doubt(MORNING, 0, Known(stepped=MORNING)) is Doubt.STEPPED
    assert date_doubt(MORNING, 0, Known(stepped=MORNING, confirmed=MORNING - timedelta(days=2))) is Doubt.STEPPED
    assert date_doubt(MORNING, 0, Known(stepped=MORNING - timedelta(hours=1), confirmed=MORNING - timedelta(minutes=9))) is None
    assert date_doubt(MORNING, 0, Known(stepped=MORNING + timedelta(days=9000))) is None


# ---- a node ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def hands() -> Iterator[Hands]:
    """A clock that the test sets."""
    with clock.using(Hands()) as hands:
        assert isinstance(hands, Hands)
        yield hands


def a_receipt(db: Session, at: Any) -> None:
    """The centre has signed something at this moment."""
    added(db, StoredReceipt(
        by="centre", about="test", ordinal=1, epoch="0" * 16, counter=1, hash=f"{int(at.timestamp()):064d}", statement={"at": at.isoformat()}, signature=b"",
        at=at, place=1,
    ))
    db.commit()


def test_a_class_server_goes_by_the_centre_and_a_centre_by_nobody(db: Session, database: Database, hands: Hands) -> None:
    """What the centre has signed makes a class server doubt its clock; a class server's word is no reason for a centre."""
    a_receipt(db, MORNING + timedelta(days=400))

    assert doctor.date_doubt({"ROLE": "classroom", "NODE": "test"}, database) is Doubt.BEHIND
    assert doctor.date_doubt({"ROLE": "centre", "NODE": "test"}, database) is None


def test_a_step_of_the_wall_clock_is_noticed_and_confirmed_once(db: Session, database: Database, hands: Hands) -> None:
    """Set forward by a year while it runs: doubted; confirmed: believed, through restarts of the program, until it is set again."""
    asked = {"ROLE": "centre", "NODE": "test"}
    quizzes.note_clock(db, now=hands.now(), uptime=hands.uptime())
    hands.wall += timedelta(days=365)
    assert quizzes.note_clock(db, now=hands.now(), uptime=hands.uptime()) is not None
    db.commit()
    assert doctor.date_doubt(asked, database) is Doubt.STEPPED
    assert doctor.date_fault(asked, database) is not None

    db.info["writing"] = True
    quizzes.confirm_date(db, now=hands.now(), uptime=hands.uptime())
    db.commit()
    hands.passes(3 * 86_400)
    assert doctor.date_doubt(asked, database) is None

    hands.wall -= timedelta(days=300)
    assert doctor.date_doubt(asked, database) is Doubt.BEHIND
    hands.machine = Uptime("boot-2", 1)
    assert doctor.date_doubt(asked, database) is Doubt.BEHIND


def test_small_steps_are_nobodys_business(db: Session, database: Database, hands: Hands) -> None:
    """An hour of summer time or a minute of drift asks for nothing."""
    added(db, ClockStep(noticed_at=hands.now(), step_ms=STEP // timedelta(milliseconds=1) - 1))
    db.commit()

    assert doctor.date_doubt({"ROLE": "centre", "NODE": "test"}, database) is None


@pytest.mark.goal("NET-12")
def test_an_exam_waits_for_somebody_to_confirm_the_date_and_study_goes_on(
    app: Flask, db: Session, database: Database, client_of: Callable[..., Any], hands: Hands
) -> None:
    """Neither for the room nor for one trainee does a test begin; practice does. Confirmed once, with a line in the audit, it begins."""
    added(db, ClockStep(noticed_at=hands.now(), step_ms=400 * 86_400_000))
    room = make_room(db)
    officer = make_person(db)
    enrolment = make_enrolment(db, person=officer)
    staff, trainee, start = client_of(room.manager), client_of(officer), f"{room.at}/test/pre/start"

    refused = staff.post(start)
    assert (refused.status_code, refused.location.split("?")[0]) == (303, "/date")
    assert db.scalar(sa.select(sa.func.count()).select_from(RoomTest).where(RoomTest.run_id == room.run.id)) == 0
    alone = trainee.post(f"/learn/{enrolment.id}/tests/post")
    assert alone.status_code == 409
    assert "must be confirmed" in alone.text
    assert trainee.post(f"/learn/{enrolment.id}/tests/play").status_code == 303
    assert db.scalars(sa.select(Attempt.kind).where(Attempt.enrolment_id == enrolment.id)).all() == ["practice"]
    assert "Is today’s date right?" in staff.get(room.at).text
    assert "Is today’s date right?" in client_of(make_staff(db, Role.CLASS_MANAGER)).get("/class").text  # nothing is on today

    assert "Yes, the date is right" in staff.get("/date").text
    assert trainee.get("/date").status_code == 403
    assert staff.post("/date", data={"next": "/class"}).location == "/class"

    assert staff.post(start).location.startswith("/class/")
    assert trainee.post(f"/learn/{enrolment.id}/tests/post").status_code == 303
    assert "Is today’s date right?" not in staff.get(room.at).text
    assert db.scalars(sa.select(AuditEvent.about).where(AuditEvent.what == "date confirmed")).all() == [hands.now().date().isoformat()]


def test_nobody_confirms_a_date_before_the_release(app: Flask, db: Session, client_of: Callable[..., Any], hands: Hands) -> None:
    """The page says how to set the clock; sending the form all the same is refused."""
    hands.wall = RELEASED - timedelta(days=400)
    client = client_of(make_staff(db, Role.CLASS_MANAGER))

    page = client.get("/date").text
    assert "timedatectl" in page
    assert "Yes, the date is right" not in page
    assert client.post("/date").status_code == 409
