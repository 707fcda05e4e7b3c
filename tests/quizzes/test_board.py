"""The invigilator's board: how everybody stands, in how many questions to the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.quizzes import board as boards
from app.quizzes import invigilation, services
from app.quizzes.board import State
from app.quizzes.models import AttemptClock
from tests.quizzes.room import Room, make_room
from tests.quizzes.rows import Hands, start_for_room


@pytest.fixture
def hands() -> Iterator[Hands]:
    """The clock in our hands."""
    with clock.using(Hands()) as hands:
        assert isinstance(hands, Hands)
        yield hands


@pytest.fixture
def room(db: Session, hands: Hands) -> Room:
    """An empty room of four seats."""
    return make_room(db)


@pytest.mark.goal("RUN-06")
def test_the_board_says_of_everybody_who_he_is_where_he_sits_and_how_he_stands(room: Room, hands: Hands) -> None:
    """Away, signed in, waiting to begin, working with question, answers and ages, handed in: one row each, by seat."""
    away = room.comes(signs_in=False)
    here = room.comes(seat=3)

    before = {row.enrolment_id: row.state for row in room.board().rows}
    assert before == {away.id: State.AWAY, here.id: State.SIGNED_IN}

    works, done = room.comes(seat=0), room.comes(seat=1)
    attempt, ended = room.starts(works, 0), room.starts(done, 1)
    services.hand_in(room.db, ended.id, now=clock.now(), uptime=clock.uptime())
    hands.passes(30)
    tab = room.tab(attempt, works)
    tab.saves(attempt.draw[0], {"option": "a"})
    tab.saves(attempt.draw[1], {"option": "a"})
    hands.passes(4)
    tab.saves(attempt.draw[1], {}, revision=2)
    tab.beats(at=attempt.draw[1], unsaved=0, left_page=2)
    hands.passes(3)

    found = room.board()
    assert [row.seat for row in found.rows] == ["01", "02", "04", ""]
    row = room.row(works)
    assert (row.state, row.name, row.question, row.count, row.answered) == (State.WORKING, "Person 3 A.", 2, 3, 1)
    assert (row.saved_ms, row.beat_ms, row.alive, row.left_page) == (3_000, 3_000, True, 2)
    assert row.left_ms == 20 * 60_000 - 37_000
    assert room.row(done).state is State.HANDED_IN
    assert room.row(here).state is State.WAITING
    totals = found.totals
    assert (totals.people, totals.signed_in, totals.working, totals.handed_in, totals.to_begin) == (4, 3, 1, 1, 2)


@pytest.mark.goal("RUN-06")
def test_what_asks_for_the_invigilator_is_told_apart(room: Room, hands: Hands) -> None:
    """A raised hand, answers that wait, a page that is silent, a pause and by whom, a PC that asks for a release, time that is over."""
    one = room.comes(seat=0)
    attempt = room.starts(one, 0)
    tab = room.tab(attempt, one)

    tab.beats(unsaved=2)
    assert (room.row(one).state, room.row(one).unsaved) == (State.NOT_SAVING, 2)

    tab.beats()
    invigilation.raise_hand(room.db, attempt.id, up=True, now=clock.now())
    assert (room.row(one).state, room.row(one).hand_at) == (State.HAND, clock.now())
    room.does(invigilation.lower_hand)
    assert room.row(one).state is State.WORKING

    hands.passes(boards.SILENT_MS / 1000 + 1)
    assert (room.row(one).state, room.row(one).alive) == (State.SILENT, False)

    room.does(invigilation.pause, reason="unwell")
    row = room.row(one)
    assert (row.state, row.paused_by, row.paused_at) == (State.PAUSED, room.manager.short_name, clock.now())
    room.does(invigilation.resume)

    invigilation.ask_release(room.db, attempt.id, seat_id=room.seats[2].id, now=clock.now())
    row = room.row(one)
    assert (row.state, row.seat, row.asks_seat) == (State.ASKS, "01", "03")
    room.does(invigilation.release, [attempt.id])
    assert room.row(one).state is not State.ASKS

    hands.passes(30 * 60)
    assert room.row(one).state is State.OVER
    room.does(invigilation.credit, minutes=10, reason="line cut")
    row = room.row(one)
    assert (row.left_ms, row.credit_ms) == (10 * 60_000, 10 * 60_000)


@pytest.mark.goal("RUN-06")
def test_the_board_asks_four_questions_however_many_people_there_are(room: Room, counted: Callable[[], Any]) -> None:
    """Two people or twenty-two: the same four statements, so that a poll every 2 s costs the server nothing."""

    def asked(people: int) -> int:
        while len(room.people) < people:
            one = room.comes(seat=None)
            room.tab(room.starts(one, None), one).beats()
        room.db.commit()
        room.db.refresh(room.run)
        with counted() as statements:
            assert len(room.board().rows) == people
        return len(statements)

    assert [asked(2), asked(22)] == [4, 4]


def test_a_wave_that_has_not_been_started_waits_and_says_so(room: Room) -> None:
    """Only the people of the started wave are waiting to begin; the others are signed in."""
    first, second = room.comes(seat=0, plan=0, wave=1), room.comes(seat=1, plan=0, wave=2)
    start_for_room(room.db, room.run.id, "pre", wave=1)

    assert room.row(first).state is State.WAITING
    assert room.row(second).state is State.SIGNED_IN
    assert (room.board().started, room.board().waves) == (True, {1})


def test_somebody_elsewhere_is_on_the_board_only_with_a_test_of_his(room: Room) -> None:
    """A remote participant without a test is none of the room's; with one he can be paused and credited like others."""
    remote = room.comes(seat=None, mode="remote")
    assert room.board().rows == []

    room.starts(remote, None)
    assert room.row(remote).state is State.WORKING


def test_a_restart_of_the_server_is_no_sign_of_life_of_a_pc(room: Room, hands: Hands) -> None:
    """After an outage nobody is back before his own page has given a sign."""
    one = room.comes(seat=0)
    attempt = room.starts(one, 0)
    hands.power_cut(40 * 60)
    invigilation.notice_outage(room.db, now=clock.now(), uptime=clock.uptime())

    row = room.row(one)
    assert (row.state, row.alive, row.incident_id) == (State.OUTAGE, False, room.board().incident.id)
    room.tab(attempt, one).beats()
    assert (room.row(one).state, room.row(one).alive) == (State.OUTAGE, True)
    assert room.db.scalar(sa.select(AttemptClock.paused_by)) is None
