"""Feedback: anonymous, once a person, at the PC or keyed in from paper, and never shown for fewer than five."""

from __future__ import annotations

import io
import uuid
from collections.abc import Callable
from datetime import date

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader
from sqlalchemy.orm import Session

from app.db import take_write_lock
from app.errors import Conflict, Invalid
from app.feedback import queries, rules, services
from app.feedback.models import FeedbackGiven, FeedbackSheet
from app.offices.models import Office
from app.people.models import Person
from app.policy import Role
from app.runs.models import CourseRun
from tests import factories
from tests.quizzes.rows import make_enrolment, make_run

ClientOf = Callable[[Person], FlaskClient]
TODAY = date(2026, 11, 26)


def keyed(db: Session, run: CourseRun, times: int, **answers: int) -> None:
    """Forms of a run from paper, with enough people in it."""
    for n in range(times):
        make_enrolment(db, run, number=n + 1)
        services.key_in(db, run, answers=answers or {"pace": 4}, liked=f"Word {n}", change="", language="en", today=TODAY)


@given(sheets=st.lists(st.dictionaries(st.sampled_from(list(rules.STATEMENTS)), st.integers(1, 5)), max_size=12))
def test_means_follow_from_the_spread(sheets: list[dict[str, int]]) -> None:
    """Each statement counts those who answered it; its mean is that of its spread; fewer than five are not shown."""
    for one in rules.summaries(sheets):
        assert sum(one.spread) == one.n == sum(one.key in sheet for sheet in sheets)
        assert one.shown is (one.n >= 5)
        if one.n:
            assert one.mean == sum(value * count for value, count in enumerate(one.spread, 1)) / one.mean.__class__(one.n)


@pytest.mark.goal("RUN-10")
def test_fewer_than_five_are_not_shown(db: Session) -> None:
    """With four forms there are no figures and no words at all, with five there are."""
    run = make_run(db)
    keyed(db, run, 4, pace=2)
    before = queries.said_in(db, run.id)
    keyed(db, run, 1, pace=2)

    after = queries.said_in(db, run.id)

    assert (before.n, before.shown, before.statements, before.liked) == (4, False, [], [])
    assert (after.n, after.shown, len(after.liked)) == (5, True, 5)


@pytest.mark.goal("RUN-10")
def test_nobody_can_be_found_behind_a_form(db: Session, client_of: ClientOf) -> None:
    """A form holds no person, no time and an id without a time; that somebody gave one is kept apart, and he gives it once."""
    person = factories.make_person(db)
    enrolment = make_enrolment(db, make_run(db), person)
    client = client_of(person)
    address = f"/learn/{enrolment.id}/feedback"

    first = client.post(address, data={"pace": "5", "liked": "The cars"})
    second = client.post(address, data={"pace": "1"})

    sheet = db.scalars(sa.select(FeedbackSheet)).one()
    given = db.scalars(sa.select(FeedbackGiven)).one()
    named = {str(enrolment.id), str(person.id)}
    assert (first.status_code, second.status_code, "cannot be changed" in second.text) == (303, 409, True)
    assert (sheet.id.version, given.id.version, sheet.answers) == (4, 4, {"pace": 5})
    assert not named & {str(getattr(sheet, column.key)) for column in sa.inspect(FeedbackSheet).columns}


def test_the_form_is_offered_until_it_is_given(db: Session, client_of: ClientOf) -> None:
    """The course leads to the form from its first day, the start page from the last; afterwards neither asks again."""
    person = factories.make_person(db)
    run = make_run(db, starts_on=date(2026, 1, 12), ends_on=date(2099, 1, 16))
    enrolment = make_enrolment(db, run, person)
    client, address = client_of(person), f"/learn/{enrolment.id}/feedback"

    early = [address in client.get(page).text for page in ("/learn", f"/learn/{enrolment.id}")]
    take_write_lock(db)
    db.get_one(CourseRun, run.id).ends_on = date(2026, 1, 16)
    db.commit()
    late = [address in client.get(page).text for page in ("/learn", f"/learn/{enrolment.id}")]
    client.post(address, data={"pace": "5"})
    after = [address in client.get(page).text for page in ("/learn", f"/learn/{enrolment.id}")]

    assert (early, late, after) == ([False, True], [True, True], [False, False])


def test_an_empty_form_and_one_too_many_are_refused(db: Session) -> None:
    """A form without any answer is refused; so are more paper forms than people, and forms of a run that is over."""
    run = make_run(db)
    make_enrolment(db, run)
    with pytest.raises(Invalid):
        services.key_in(db, run, answers={}, liked=" ", change="", language="en", today=TODAY)
    services.key_in(db, run, answers={"pace": 1}, liked="", change="", language="en", today=TODAY)
    with pytest.raises(Conflict):
        services.key_in(db, run, answers={"pace": 1}, liked="", change="", language="en", today=TODAY)
    over = make_run(db, state="closed")
    make_enrolment(db, over)
    with pytest.raises(services.NotOpen):
        services.key_in(db, over, answers={"pace": 1}, liked="", change="", language="en", today=TODAY)


@pytest.mark.goal("RUN-10")
def test_trainer_sees_the_summary_and_paper_is_keyed_in(db: Session, client_of: ClientOf) -> None:
    """A class manager keys forms in with one key a statement; the summary shows n, means and spread; a wrong key is told and nothing lost."""
    run = make_run(db)
    office = db.get_one(Office, run.office_id)
    manager = factories.make_person(db, office)
    factories.give_role(db, manager, Role.CLASS_MANAGER, office)
    for n in range(6):
        make_enrolment(db, run, number=n + 1)
    client = client_of(manager)
    address = f"/runs/{run.code}/feedback"

    few = client.get(address).text
    wrong = client.post(f"{address}/key", data={"pace": "7", "liked": "Kept words"})
    for mark in ("5", "5", "4", "4", "3"):
        client.post(f"{address}/key", data={"pace": mark, "change": "More PCs"})
    page, paper = client.get(address).text, client.get(f"{address}/form.pdf")

    assert ("No feedback yet" in few, wrong.status_code, "Kept words" in wrong.text) == (True, 422, True)
    assert ("<b>4.2</b>" in page, page.count("More PCs"), "5 of 6 forms, 5 of them from paper" in page) == (True, 5, True)
    assert "Do not write your name" in PdfReader(io.BytesIO(paper.data)).pages[0].extract_text()
    assert uuid.UUID(str(db.scalars(sa.select(FeedbackSheet.id)).first())).version == 4
