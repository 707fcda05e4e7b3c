"""An attempt from its start to its receipt, on both databases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.courses.queries import course_content
from app.errors import NotFound
from app.ids import new_id
from app.questions import shown
from app.quizzes import queries, services
from app.quizzes.errors import AttemptsUsed, HandedIn, KeyReused, NotYet, StaleAnswer, StaleTab, TooLate
from app.quizzes.models import Answer, Attempt, ClockStep, Mark
from app.sync.models import JournalEntry
from tests.quizzes.rows import Hands, Tab, content, make_attempt, make_enrolment, make_run


@pytest.fixture(autouse=True)
def hands() -> Iterator[Hands]:
    """The clock of these tests."""
    with clock.using(Hands()) as hands:
        yield hands  # type: ignore[misc]


def responses(db: Session, attempt: Attempt) -> list[tuple[str, int]]:
    """What is stored of an attempt."""
    rows = db.execute(sa.select(Answer.question, Answer.revision).where(Answer.attempt_id == attempt.id))
    return sorted((row[0], row[1]) for row in rows)


def right_answers(db: Session, attempt: Attempt) -> dict[str, dict]:
    """The full-mark response to each question of an attempt."""
    bank = course_content(db, attempt.course_version_id).bank
    return {one: bank[one].kind.right_answer(bank[one].content, shown.order_of(bank[one], attempt.seed)) for one in attempt.draw}


# ---- beginning -------------------------------------------------------------------------------------------------------


def test_a_start_while_an_attempt_is_open_gives_that_attempt(db):
    first = make_attempt(db)

    again = services.start_attempt(
        db, enrolment_id=first.enrolment_id, quiz="post", now=clock.now(), uptime=clock.uptime()
    )

    assert again.id == first.id


def test_no_more_attempts_than_the_course_allows(db):
    attempt = make_attempt(db)
    enrolment_id = attempt.enrolment_id
    Tab(db, attempt.id).hands_in()
    second = services.start_attempt(
        db, enrolment_id=enrolment_id, quiz="post", now=clock.now(), uptime=clock.uptime(), writer="w"
    )
    Tab(db, second.id, "w").hands_in()

    with pytest.raises(AttemptsUsed):
        services.start_attempt(db, enrolment_id=enrolment_id, quiz="post", now=clock.now(), uptime=clock.uptime())

    assert second.number == 2


def test_a_test_waits_until_its_run_is_open(db):
    enrolment = make_enrolment(db, make_run(db, state="planned"))

    with pytest.raises(NotYet):
        make_attempt(db, enrolment)


def test_a_quiz_that_the_course_does_not_have_is_not_found(db):
    with pytest.raises(NotFound):
        make_attempt(db, quiz="other")


@pytest.mark.goal("PLY-19")
def test_the_post_test_of_a_person_repeats_no_question_of_his_pre_test(db):
    """Pre-test and post-test draw parallel items: as many of each outcome, none of them twice."""
    enrolment = make_enrolment(db)
    pre = make_attempt(db, enrolment, "pre")

    post = make_attempt(db, enrolment, "post")

    bank = course_content(db, pre.course_version_id).bank
    assert not set(pre.draw) & set(post.draw)
    assert sorted(bank[one].outcome for one in pre.draw) == sorted(bank[one].outcome for one in post.draw)


# ---- saving ----------------------------------------------------------------------------------------------------------


@pytest.mark.goal("DUR-06")
def test_the_same_save_sent_a_hundred_times_is_stored_once(db):
    """The same key and body give the same answer each time; one revision is stored."""
    attempt = make_attempt(db)
    question = attempt.draw[0]

    saved = {Tab(db, attempt.id).saves(question, {"option": "a"}, key="k1") for _ in range(100)}

    assert len(saved) == 1
    assert responses(db, attempt) == [(question, 1)]


@pytest.mark.goal("DUR-06")
def test_a_key_with_another_body_is_refused(db):
    """An idempotency key stands for one body; with another one it is a conflict and nothing is stored."""
    attempt = make_attempt(db)
    question = attempt.draw[0]
    Tab(db, attempt.id).saves(question, {"option": "a"}, key="k1")

    for other in ({"response": {"option": "b"}}, {"revision": 2}, {"question": attempt.draw[1]}):
        with pytest.raises(KeyReused):
            Tab(db, attempt.id).saves(**({"question": question, "response": {"option": "a"}, "revision": 1, "key": "k1"} | other))

    assert responses(db, attempt) == [(question, 1)]


def test_an_older_revision_never_replaces_a_newer_one(db):
    attempt = make_attempt(db)
    question = attempt.draw[0]
    tab = Tab(db, attempt.id)
    tab.saves(question, {"option": "a"}, 1)
    tab.saves(question, {"option": "b"}, 2)

    with pytest.raises(StaleAnswer):
        tab.saves(question, {"option": "c"}, 2)

    assert queries.newest_answers(db, attempt.id)[question].response == {"option": "b"}


@pytest.mark.goal("PLY-04", "DUR-06")
def test_another_tab_takes_over_and_the_first_one_is_stale(db):
    """Opened at another PC, the attempt is there with its answers and its time, and the old tab saves nothing more."""
    attempt = make_attempt(db)
    Tab(db, attempt.id).saves(attempt.draw[0], {"option": "a"})

    opened = services.open_attempt(db, attempt.id, writer="second", now=clock.now(), uptime=clock.uptime())

    assert opened == services.Opened(25 * 60_000, {attempt.draw[0]: 1}, clock.now())
    with pytest.raises(StaleTab):
        Tab(db, attempt.id).saves(attempt.draw[0], {"option": "b"}, 2)
    with pytest.raises(StaleTab):
        Tab(db, attempt.id).beats()
    with pytest.raises(StaleTab):
        Tab(db, attempt.id).hands_in()
    assert Tab(db, attempt.id, "second").saves(attempt.draw[0], {"option": "b"}, 2).revision == 2


def test_a_question_that_was_not_drawn_takes_no_answer(db):
    attempt = make_attempt(db)
    other = next(one for one in content().bank if one not in attempt.draw)

    with pytest.raises(NotFound):
        Tab(db, attempt.id).saves(other, {"option": "a"})


def test_an_answer_needs_no_journal_entry_because_it_is_a_fact(db):
    attempt = make_attempt(db)
    db.commit()

    saved = Tab(db, attempt.id).saves(attempt.draw[0], {"option": "a"})
    db.commit()

    row = db.scalars(sa.select(Answer).where(Answer.attempt_id == attempt.id)).one()
    assert (row.owner_node, row.segment, row.saved_at) == ("test", None, saved.at)
    assert db.scalars(sa.select(JournalEntry).where(JournalEntry.row_id == row.id)).all() == []


@pytest.mark.goal("PRF-02")
def test_saving_an_answer_takes_two_statements(db, counted):
    """The path that a whole room takes every few seconds reads once and writes once."""
    attempt = make_attempt(db)
    attempt_id, question = attempt.id, attempt.draw[0]
    db.commit()

    with counted() as statements:
        Tab(db, attempt_id).saves(question, {"option": "a"})
        db.commit()

    assert [statement.split()[0] for statement in statements] == ["SELECT", "INSERT"]


# ---- time ------------------------------------------------------------------------------------------------------------


@pytest.mark.goal("DUR-05")
@pytest.mark.parametrize("days", [1, -1, -20_000])
def test_a_wall_clock_set_during_a_test_changes_no_time_and_is_recorded(db, hands, days):
    """Set by a day, or back to 1970, the remaining time stays right and the step stands in the records."""
    attempt = make_attempt(db)
    tab = Tab(db, attempt.id)
    tab.beats()
    hands.passes(60)
    tab.beats()
    steps = db.scalar(sa.select(sa.func.count()).select_from(ClockStep))

    hands.wall += days * (hands.wall - hands.wall.replace(day=hands.wall.day - 1))
    hands.passes(5)
    left = tab.beats()

    assert left == 25 * 60_000 - 65_000
    assert db.scalars(sa.select(ClockStep.step_ms)).all() == [days * 86_400_000]
    assert steps == 0


def test_a_clock_that_only_drifts_is_no_step(db, hands):
    for _ in range(20):
        hands.passes(60)
        hands.wall = hands.wall.replace(microsecond=(hands.wall.microsecond + 900_000) % 1_000_000)
        assert services.note_clock(db, now=hands.now(), uptime=hands.uptime()) is None

    assert db.scalar(sa.select(sa.func.count()).select_from(ClockStep)) == 0


def test_the_last_autosave_counts_a_few_seconds_after_the_deadline_and_not_later(db, hands):
    attempt = make_attempt(db)
    tab = Tab(db, attempt.id)
    hands.passes(25 * 60 + 4)
    tab.saves(attempt.draw[0], {"option": "a"})
    hands.passes(2)

    with pytest.raises(TooLate):
        tab.saves(attempt.draw[1], {"option": "a"})

    assert responses(db, attempt) == [(attempt.draw[0], 1)]


@pytest.mark.goal("DUR-07")
def test_an_unsupervised_test_is_closed_at_its_deadline_though_the_server_was_off_then(db, hands):
    """At the next start it is closed with what was saved, as of the moment when its time was over."""
    attempt = make_attempt(db)
    started, right = attempt.started_at, right_answers(db, attempt)
    Tab(db, attempt.id).saves(attempt.draw[0], right[attempt.draw[0]])
    Tab(db, attempt.id).beats()
    hands.power_cut(3 * 3600)

    closed = services.close_overdue(db, now=hands.now(), uptime=hands.uptime())

    assert closed == [attempt.id]
    assert (attempt.state, attempt.score, attempt.ended_at) == ("closed", 333_333, started + (started.replace(minute=25) - started))
    assert services.close_overdue(db, now=hands.now(), uptime=hands.uptime()) == []


@pytest.mark.goal("DUR-07")
def test_a_supervised_test_loses_no_time_in_a_power_cut(db, hands):
    """The outage is credited: the time left is what it was at the last sign of life."""
    attempt = make_attempt(db, quiz="pre")
    hands.passes(300)
    Tab(db, attempt.id).beats()
    hands.power_cut(3600)

    assert services.close_overdue(db, now=hands.now(), uptime=hands.uptime()) == []
    opened = services.open_attempt(db, attempt.id, writer="w", now=hands.now(), uptime=hands.uptime())
    hands.passes(60)

    assert opened.remaining_ms == 15 * 60_000
    assert Tab(db, attempt.id, "w").beats() == 14 * 60_000


# ---- ending ----------------------------------------------------------------------------------------------------------


def test_handing_in_freezes_marks_score_and_receipt(db):
    attempt = make_attempt(db, quiz="play")
    right = right_answers(db, attempt)
    for question in attempt.draw[:9]:
        Tab(db, attempt.id).saves(question, right[question])

    handed = Tab(db, attempt.id).hands_in()

    marks = db.scalars(sa.select(Mark).where(Mark.attempt_id == attempt.id)).all()
    assert (handed.state, handed.score, handed.ended_at) == ("handed-in", 750_000, clock.now())
    assert sorted((mark.question, mark.points, mark.answered) for mark in marks) == sorted(
        (one, 1_000_000 if n < 9 else 0, n < 9) for n, one in enumerate(attempt.draw)
    )
    assert {mark.rule for mark in marks} == {f"{kind} 1" for kind in ("single", "multiple", "number", "matching", "ordering", "hotspot")}


def test_picture_questions_keep_hits_misses_and_false_alarms(db):
    attempt = make_attempt(db, quiz="play")
    Tab(db, attempt.id).saves("hotspot-1", {"cells": ["A1"]})
    Tab(db, attempt.id).hands_in()

    details = {one: mark.detail for one, mark in queries.marks_of(db, attempt.id).items() if mark.detail}

    assert details == {
        "hotspot-1": {"hits": 0, "misses": 1, "false_alarms": 1, "harmless": False},
        "hotspot-2": {"hits": 0, "misses": 1, "false_alarms": 0, "harmless": False},
    }


@pytest.mark.goal("PLY-06")
def test_handing_in_twice_gives_the_same_receipt(db):
    """A form sent twice, from two tabs even, is one attempt with one receipt and one set of marks."""
    attempt = make_attempt(db)
    first = Tab(db, attempt.id).hands_in().receipt

    again = Tab(db, attempt.id, "another tab").hands_in()

    assert (again.receipt, len(queries.marks_of(db, attempt.id))) == (first, 3)


def test_a_handed_in_attempt_takes_no_more_answers(db):
    attempt = make_attempt(db)
    Tab(db, attempt.id).hands_in()

    with pytest.raises(HandedIn):
        Tab(db, attempt.id).saves(attempt.draw[0], {"option": "a"})

    assert responses(db, attempt) == []


def test_places_seen_and_flags_stay_with_the_attempt(db):
    attempt = make_attempt(db)
    second = attempt.draw[1]

    Tab(db, attempt.id).beats(at=second, seen=[second, "nonsense"], flagged=[second])

    clock_row = queries.clock_of(db, attempt.id)
    assert (clock_row.at_question, clock_row.seen, clock_row.flagged) == (second, attempt.draw[:2], [second])


def test_a_person_is_at_work_until_the_attempt_ends(db, hands):
    enrolment = make_enrolment(db)
    attempt = make_attempt(db, enrolment)
    at_work = queries.has_open_attempt(db, enrolment.person_id)
    Tab(db, attempt.id).hands_in()

    assert (at_work, queries.has_open_attempt(db, enrolment.person_id)) == (True, False)
    assert queries.has_open_attempt(db, new_id()) is False


def test_a_practice_left_alone_for_a_quarter_of_an_hour_holds_no_sign_in(db, hands):
    enrolment = make_enrolment(db)
    make_attempt(db, enrolment, "play")
    hands.passes(15 * 60)

    assert queries.has_open_attempt(db, enrolment.person_id) is False
