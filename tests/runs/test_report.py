"""The session report: what is missing before a run is closed, the figures on one page, and its way up."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader
from sqlalchemy.orm import Session

from app.errors import Conflict, Invalid
from app.feedback import services as feedback
from app.offices.models import Office
from app.people.models import Person
from app.policy import Role
from app.runs import reporting
from app.runs.models import CourseRun, RunReport
from app.runs.reporting import state_of
from app.runs.rules import DAYS_TO_REPORT, ReportState, report_state
from tests import factories
from tests.quizzes.rows import MORNING, make_attempt, make_enrolment, make_run

ClientOf = Callable[[Person], FlaskClient]
LAST = date(2026, 11, 27)


def staff_of(db: Session, run: CourseRun, role: Role) -> Person:
    """Somebody with a role over the office that gives the run."""
    office = db.get_one(Office, run.office_id)
    person = factories.make_person(db, office)
    factories.give_role(db, person, role, office)
    return person


@pytest.mark.goal("RUN-12")
@given(days=st.integers(-30, 30), state=st.sampled_from(["planned", "open", "closed", "cancelled"]))
def test_a_report_is_due_from_the_last_day_on(days: int, state: str) -> None:
    """Nothing is due before the last day of an open run or of one that was not held; after five days it is late."""
    found = report_state(state, LAST, LAST + timedelta(days=days), made=False, received=False, excused=False)

    if state in ("planned", "cancelled") or (state == "open" and days < 0):
        assert found is ReportState.NOT_DUE
    else:
        assert found is (ReportState.DUE if days <= DAYS_TO_REPORT else ReportState.LATE)


@pytest.mark.goal("RUN-12")
def test_a_report_is_made_received_or_missing_with_a_reason(db: Session) -> None:
    """Made, then received; once received it stays. A missing one has its reason; one that is there cannot be missing."""
    run, by = make_run(db), factories.make_person(db).id
    with pytest.raises(Conflict):
        reporting.receive(db, run, by=by, now=MORNING)
    with pytest.raises(Invalid):
        reporting.excuse(db, run, reason=" ", by=by, now=MORNING)
    missing = state_of(run, reporting.excuse(db, run, reason="Fire in the office", by=by, now=MORNING), LAST)

    made = state_of(run, reporting.make(db, run, remarks="Fine", by=by, now=MORNING), LAST)
    with pytest.raises(Conflict):
        reporting.excuse(db, run, reason="Lost", by=by, now=MORNING)
    received = state_of(run, reporting.receive(db, run, by=by, now=MORNING), LAST)
    with pytest.raises(Conflict):
        reporting.make(db, run, remarks="Again", by=by, now=MORNING)

    assert (missing, made, received) == (ReportState.MISSING, ReportState.MADE, ReportState.RECEIVED)


@pytest.mark.goal("RUN-12")
def test_closing_lists_attendance_feedback_and_report(db: Session, client_of: ClientOf) -> None:
    """Before a run is closed the page lists what is missing: hours, feedback, the report; what has come in is no longer listed."""
    run = make_run(db)
    make_enrolment(db, run)
    client = client_of(staff_of(db, run, Role.CLASS_MANAGER))

    before = client.get(f"/runs/{run.code}/close").text
    feedback.key_in(db, run, answers={"pace": 5}, liked="", change="", language="en", today=LAST)
    db.commit()
    client.post(f"/runs/{run.code}/report", data={"remarks": "The projector is dim.", "go": "make"})
    after = client.get(f"/runs/{run.code}/close").text

    sentences = ("No meeting is on record", "Feedback forms that have not come in: 1 of 1", "The session report is not made")
    assert [one in before for one in sentences] == [True, True, True]
    assert [one in after for one in sentences] == [True, False, False]


@pytest.mark.goal("RUN-12")
def test_who_never_came_is_enrolled_and_took_no_part(db: Session, client_of: ClientOf) -> None:
    """The report tells people on the list from people who did something."""
    run = make_run(db)
    for number, started in ((1, True), (2, False)):
        one = make_enrolment(db, run, number=number)
        if started:
            make_attempt(db, one, "play")

    said = re.sub(r"<[^>]+>|\s+", " ", client_of(staff_of(db, run, Role.CLASS_MANAGER)).get(f"/runs/{run.code}/report").text)

    assert re.search(r"Enrolled +2 .*Took part +1 +of 2", said)


@pytest.mark.goal("RUN-12")
def test_the_report_prints_on_one_page_with_signatures(db: Session, client_of: ClientOf) -> None:
    """The report is one page with the figures, remarks and three signatures; the training officer notes that it came up."""
    run = make_run(db)
    for n in range(24):
        make_enrolment(db, run, number=n + 1)
    manager, officer = client_of(staff_of(db, run, Role.CLASS_MANAGER)), client_of(staff_of(db, run, Role.TRAINING_OFFICER))
    manager.post(f"/runs/{run.code}/report", data={"remarks": "The projector is dim.", "go": "make"})

    pages = [page.extract_text() for page in PdfReader(io.BytesIO(manager.get(f"/runs/{run.code}/report.pdf").data)).pages]
    shown = manager.get(f"/runs/{run.code}/report").text
    refused = manager.post(f"/runs/{run.code}/report/received")
    officer.post(f"/runs/{run.code}/report/received")
    listed = officer.get("/runs?as=csv").text

    assert (len(pages), "The projector is dim." in pages[0], "class manager, date" in pages[0]) == (1, True, True)
    assert (refused.status_code, db.scalars(sa.select(RunReport)).one().received_at is not None) == (403, True)
    assert ("The projector is dim." in shown, run.code in listed) == (True, True)
