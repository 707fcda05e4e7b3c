"""What the invigilator does to a supervised test, what is refused, and what stays on record of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app import clock
from app.errors import DomainError, Invalid, NotFound
from app.ids import token_hash
from app.people.models import SignIn
from app.quizzes import invigilation, queries, services
from app.quizzes.board import State
from app.quizzes.errors import (
    AtThatSeat,
    NoneOpen,
    NotPaused,
    NotStarted,
    NotSupervised,
    NotYet,
    OpenElsewhere,
    PausedAlready,
    RunNotOpen,
    SeatBroken,
    SeatTaken,
    SomebodysSeat,
    StaleTab,
    WaitForRoom,
)
from app.quizzes.models import Attempt, AttemptClock, AttemptEvent, RoomTest
from tests.factories import make_person, make_sign_in
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


def begins(room: Room, number: int) -> Attempt:
    """The person with this number in the roster begins at the seat that he signed in at, if it is his to begin."""
    enrolment = room.people[number]
    return services.start_attempt(
        room.db, enrolment_id=enrolment.id, quiz="pre", now=clock.now(), uptime=clock.uptime(), writer=f"tab-{enrolment.number}",
        seat_id=room.seats[number].id,
    )


# ---- starting and ending ---------------------------------------------------------------------------------------------


@pytest.mark.goal("RUN-06")
def test_a_supervised_test_opens_when_it_is_started_for_the_room_and_closes_when_it_is_ended(room: Room) -> None:
    """Before: a sentence that says who starts it. Then everybody may begin. Ended, what is open is handed in but for those left."""
    for seat in range(3):
        room.comes(seat)
    with pytest.raises(WaitForRoom) as refused:
        begins(room, 0)
    assert "starts this test for the room" in str(refused.value)
    assert isinstance(refused.value, NotYet)

    test = invigilation.start_room_test(room.db, room.run, "pre", by=room.manager.id, now=clock.now())
    again = invigilation.start_room_test(room.db, room.run, "pre", by=room.manager.id, now=clock.now())
    assert again.id == test.id
    first, second = begins(room, 0), begins(room, 1)

    ended = room.does(invigilation.end_room_test, reason="time for lunch", leave=[second.id])

    assert [one.id for one in ended] == [first.id]
    assert (first.state, second.state, first.receipt is not None) == ("handed-in", "open", True)
    with pytest.raises(WaitForRoom):
        begins(room, 2)
    assert begins(room, 1).id == second.id  # what was left open goes on
    assert [what for what, _, _ in room.minutes()] == ["test-started", "handed-in", "test-ended"]
    assert room.minutes()[0][1]["n"] == 3
    assert room.minutes()[0][1]["quiz"]["ru"] == "Входной тест: досмотр"
    assert room.db.get_one(RoomTest, test.id).ended_by == room.manager.id
    with pytest.raises(NotStarted):
        room.does(invigilation.end_room_test)


@pytest.mark.goal("RUN-04")
def test_the_minutes_name_the_wave_that_a_test_is_started_for(room: Room) -> None:
    """Three waves of one test are three different lines; a start for everybody names no wave."""
    for wave in (1, 0):
        invigilation.start_room_test(room.db, room.run, "pre", by=room.manager.id, now=clock.now(), wave=wave)

    assert [(what, detail["wave"]) for what, detail, _ in room.minutes()] == [("wave-started", 1), ("test-started", 0)]



@pytest.mark.goal("RUN-06")
def test_a_wave_begins_and_ends_for_itself(room: Room) -> None:
    """Who sits in the second wave waits while the first is at work; ending one wave hands in nobody of another."""
    one, two = room.comes(0, plan=0, wave=1), room.comes(0, plan=0, wave=2)
    three = room.comes(3)  # in no wave: with whoever is on
    for wave in (1, 2):
        if wave == 2:
            with pytest.raises(WaitForRoom):
                services.start_attempt(room.db, enrolment_id=two.id, quiz="pre", now=clock.now(), uptime=clock.uptime(), seat_id=room.seats[0].id)
        start_for_room(room.db, room.run.id, "pre", wave=wave)
    attempts = {
        one.id: services.start_attempt(room.db, enrolment_id=one.id, quiz="pre", now=clock.now(), uptime=clock.uptime())
        for one in (one, two, three)
    }

    room.does(invigilation.end_room_test, wave=1, reason="next wave")

    assert [attempts[one.id].state for one in (one, two, three)] == ["handed-in", "open", "open"]
    assert [test.wave for test in queries.open_room_tests(room.db, room.run.id, "pre")] == [2]


def test_what_cannot_be_started_says_why(room: Room) -> None:
    """A test that needs no invigilator, one that the course has not, a run that is closed."""
    started = {"by": room.manager.id, "now": clock.now()}
    with pytest.raises(NotSupervised):
        invigilation.start_room_test(room.db, room.run, "post", **started)
    with pytest.raises(NotFound):
        invigilation.start_room_test(room.db, room.run, "nonsense", **started)
    room.run.state = "closed"
    room.db.flush()
    with pytest.raises(RunNotOpen):
        invigilation.start_room_test(room.db, room.run, "pre", **started)


@pytest.mark.goal("RUN-06")
def test_a_seat_that_the_plan_keeps_for_somebody_else_is_not_begun_at(room: Room) -> None:
    """The sentence names the right seat and who can change it; a free seat may be used, and another wave's does not matter."""
    room.comes(0, plan=1)
    room.comes(1, plan=0)
    room.comes(2)
    start_for_room(room.db, room.run.id, "pre")

    with pytest.raises(SomebodysSeat) as refused:
        begins(room, 0)
    assert "Seat 01 is kept for somebody else. Sit at seat 02, or ask the class manager" in str(refused.value.message.text.format(**refused.value.message.params))
    assert begins(room, 2).seat_id == room.seats[2].id
    room.comes(3, plan=3, wave=1)
    room.comes(3, plan=3, wave=2)
    assert begins(room, 3).seat_id == room.seats[3].id


# ---- time ------------------------------------------------------------------------------------------------------------


@pytest.mark.goal("RUN-06")
def test_a_paused_test_loses_no_time_and_takes_what_waits(room: Room, hands: Hands) -> None:
    """Answers that waited in the browser are still saved; the time left is the same after an hour; the page is told who paused."""
    one = room.comes()
    attempt = room.starts(one)
    tab = room.tab(attempt, one)
    hands.passes(60)

    room.does(invigilation.pause, reason="unwell, out of the room")
    hands.passes(3600)
    assert tab.saves(attempt.draw[0], {"option": "a"}).remaining_ms == 19 * 60_000
    alive = tab.stands()
    assert (alive.paused, alive.remaining_ms) == ("invigilator", 19 * 60_000)
    room.does(invigilation.resume)
    hands.passes(60)

    alive = tab.stands()
    assert (alive.paused, alive.remaining_ms) == ("", 18 * 60_000)
    assert room.events(attempt) == [("pause", "unwell, out of the room"), ("resume", "")]
    assert room.db.scalar(sa.select(AttemptEvent.ms).where(AttemptEvent.what == "resume")) == 3_600_000
    assert [(what, detail.get("who"), note) for what, detail, note in room.minutes()[1:]] == [
        ("paused", "Person 1 A.", "unwell, out of the room"), ("resumed", "Person 1 A.", ""),
    ]  # fmt: skip


@pytest.mark.goal("PLY-05", "RUN-06")
def test_lost_time_is_given_back_to_the_class_in_one_action_and_on_record(room: Room, hands: Hands) -> None:
    """A switch failed for ten minutes and nobody noticed: credit for all that are open, a fact each, one line of the minutes."""
    people = [room.comes(seat) for seat in range(3)]
    attempts = [room.starts(one, seat) for seat, one in enumerate(people)]
    room.tab(attempts[2], people[2]).hands_in()
    hands.passes(600)

    given = room.does(invigilation.credit, minutes=10, reason="switch failed")

    assert {one.id for one in given} == {attempts[0].id, attempts[1].id}
    assert [room.tab(one, who).beats() for one, who in zip(attempts[:2], people, strict=False)] == [20 * 60_000] * 2
    for one in attempts[:2]:
        assert room.events(one) == [("credit", "switch failed")]
    assert room.events(attempts[2]) == []
    assert room.minutes()[-1] == ("room-credited", {"n": 2, "minutes": 10}, "switch failed")
    alive = room.tab(attempts[0], people[0]).stands()
    assert alive.credit_ms == 600_000


def test_minutes_given_after_the_time_count_from_now(room: Room, hands: Hands) -> None:
    """Half an hour late, ten minutes are ten minutes, and the record says ten."""
    one = room.comes()
    attempt = room.starts(one)
    hands.passes(50 * 60)

    room.does(invigilation.credit, [attempt.id], minutes=10, reason="his PC had died")

    assert room.tab(attempt, one).beats() == 10 * 60_000
    assert room.db.scalar(sa.select(AttemptEvent.ms)) == 600_000


@pytest.mark.goal("RUN-06")
def test_one_is_paused_while_the_others_go_on(room: Room, hands: Hands) -> None:
    """A verb over chosen attempts touches those alone."""
    people = [room.comes(seat) for seat in range(3)]
    attempts = [room.starts(one, seat) for seat, one in enumerate(people)]

    room.does(invigilation.pause, [attempts[1].id], reason="called to the telephone")
    hands.passes(120)

    assert [room.tab(a, p).beats() for a, p in zip(attempts, people, strict=True)] == [18 * 60_000, 20 * 60_000, 18 * 60_000]


@pytest.mark.parametrize(
    ("verb", "values", "refusal"),
    [
        (invigilation.pause, {"reason": "  "}, Invalid),
        (invigilation.credit, {"reason": "", "minutes": 10}, Invalid),
        (invigilation.credit, {"reason": "cut", "minutes": 0}, Invalid),
        (invigilation.credit, {"reason": "cut", "minutes": 241}, Invalid),
        (invigilation.hand_in, {"reason": ""}, Invalid),
        (invigilation.resume, {}, NotPaused),
        (invigilation.end_room_test, {}, Invalid),  # somebody's test would be handed in without a word
    ],
)
def test_what_is_refused_changes_nothing(room: Room, verb: Callable[..., Any], values: dict[str, Any], refusal: type[DomainError]) -> None:
    """No reason, nothing or hours to give, nothing paused: a sentence, and the test goes on as before."""
    one = room.comes()
    attempt = room.starts(one)

    with pytest.raises(refusal):
        room.does(verb, **values)
    assert room.row(one).state is State.WORKING
    assert room.events(attempt) == []


def test_pausing_again_and_acting_on_a_test_that_is_over_are_told_so(room: Room) -> None:
    """A press that comes too late says what to look at."""
    one = room.comes()
    attempt = room.starts(one)
    room.does(invigilation.pause, reason="x")
    with pytest.raises(PausedAlready):
        room.does(invigilation.pause, reason="x")

    room.does(invigilation.hand_in, reason="went home")
    for verb, values in ((invigilation.pause, {"reason": "x"}), (invigilation.credit, {"reason": "x", "minutes": 5}), (invigilation.resume, {})):
        with pytest.raises(NoneOpen):
            room.does(verb, [attempt.id], **values)
    assert room.events(attempt)[-1] == ("hand-in", "went home")


def test_another_runs_attempt_is_out_of_reach(room: Room) -> None:
    """Attempts are looked for in the run that the page is about."""
    other = make_room(room.db)
    attempt = other.starts(other.comes())

    with pytest.raises(NoneOpen):
        room.does(invigilation.pause, [attempt.id], reason="x")


# ---- another PC ------------------------------------------------------------------------------------------------------


@pytest.mark.goal("PLY-04", "DUR-03")
def test_a_test_goes_on_at_another_pc_after_a_release_once(room: Room, hands: Hands) -> None:
    """Refused until released, with the seat in the sentence; then the same question, answers and time; the old tab is stale."""
    one = room.comes(0)
    attempt = room.starts(one, 0)
    old = room.tab(attempt, one)
    old.saves(attempt.draw[1], {"option": "a"})
    old.beats(at=attempt.draw[1])
    hands.passes(60)

    def opens(seat: int | None, writer: str) -> services.Opened:
        seat_id = None if seat is None else room.seats[seat].id
        return services.open_attempt(room.db, attempt.id, writer=writer, now=clock.now(), uptime=clock.uptime(), seat_id=seat_id)

    for seat in (2, None):
        with pytest.raises(OpenElsewhere) as refused:
            opens(seat, "new")
    assert refused.value.message.params == {"seat": "01"}
    room.does(invigilation.release, [attempt.id])

    opened = opens(2, "new")

    assert opened.revisions == {attempt.draw[1]: 1}
    assert opened.remaining_ms == 19 * 60_000
    row = room.row(one)
    assert (row.seat, row.question, row.answered, row.released) == ("03", 2, 1, False)
    with pytest.raises(StaleTab):
        old.beats()
    with pytest.raises(OpenElsewhere):  # the release held once
        opens(3, "third")
    opens(2, "new-again")  # its own seat needs none
    assert [what for what, _ in room.events(attempt)] == ["release", "move"]


def test_a_test_without_a_seat_is_opened_from_anywhere(room: Room) -> None:
    """Where no PC is enrolled nothing is asked; the first seat is then its seat."""
    one = room.comes(None)
    attempt = room.starts(one, None)
    for seat in (None, room.seats[1].id):
        services.open_attempt(room.db, attempt.id, writer="w", now=clock.now(), uptime=clock.uptime(), seat_id=seat)

    assert attempt.seat_id == room.seats[1].id


@pytest.mark.goal("RUN-06")
def test_a_person_is_moved_to_a_named_seat(room: Room) -> None:
    """The old sign-in is dead, the old tab stale, the plan follows, the new seat opens without a release; reason and seats on record."""
    one = room.comes(0, plan=0)
    attempt = room.starts(one, 0)

    room.does(invigilation.move, attempt.id, seat_id=room.seats[3].id, reason="keyboard broken")

    assert set(room.db.execute(sa.select(SignIn.ended_why).where(SignIn.person_id == one.person_id)).scalars()) == {"elsewhere"}
    with pytest.raises(StaleTab):
        room.tab(attempt, one).beats()
    services.open_attempt(room.db, attempt.id, writer="w", now=clock.now(), uptime=clock.uptime(), seat_id=room.seats[3].id)
    with pytest.raises(OpenElsewhere):
        services.open_attempt(room.db, attempt.id, writer="w", now=clock.now(), uptime=clock.uptime(), seat_id=room.seats[0].id)
    assert (room.row(one).seat, room.row(one).planned_seat) == ("04", "04")
    assert room.minutes()[-1] == ("moved", {"who": "Person 1 A.", "old": "01", "seat": "04"}, "keyboard broken")
    detail = room.db.scalar(sa.select(AttemptEvent.detail).where(AttemptEvent.what == "move"))
    assert detail == {"from": "01", "to": "04"}


def test_a_seat_that_is_broken_taken_or_his_already_is_refused_by_name(room: Room) -> None:
    """Each refusal says which seat and what to do; another room's seat does not exist here."""
    one, two = room.comes(0), room.comes(1)
    attempt = room.starts(one, 0)
    room.starts(two, 1)
    room.seats[2].state = "broken"
    room.db.flush()
    cases: list[tuple[Any, type[DomainError]]] = [
        (room.seats[0], AtThatSeat), (room.seats[1], SeatTaken), (room.seats[2], SeatBroken), (make_room(room.db).seats[0], NotFound),
    ]  # fmt: skip
    for seat, refusal in cases:
        with pytest.raises(refusal):
            room.does(invigilation.move, attempt.id, seat_id=seat.id, reason="x")
    assert attempt.seat_id == room.seats[0].id


# ---- the trainee's pages ---------------------------------------------------------------------------------------------


@pytest.fixture
def pc(room: Room, app: Any) -> Callable[[Any, int | None], FlaskClient]:
    """`pc(enrolment, 2)`: a browser of the third seat in which he has signed in; his earlier sign-ins are dead."""

    def sign_in(enrolment: Any, seat: int | None) -> FlaskClient:
        person = room.db.get_one(type(room.manager), enrolment.person_id)
        for row in room.db.scalars(sa.select(SignIn).where(SignIn.person_id == person.id, SignIn.ended_at.is_(None))):
            row.ended_at, row.ended_why = clock.now(), "elsewhere"
        token = make_sign_in(room.db, person, kind="pin", seat_id=None if seat is None else room.seats[seat].id)
        room.db.commit()
        client: FlaskClient = app.test_client()
        with client.session_transaction() as cookie:
            cookie["_user_id"], cookie["_fresh"] = token, True
        return client

    return sign_in


@pytest.mark.goal("RUN-06")
def test_the_page_before_the_test_waits_for_the_start_and_then_has_its_button(room: Room, pc: Callable[..., FlaskClient]) -> None:
    """A sentence instead of the button; the poll says when; pressing too early leads back to the sentence, not to an error."""
    one = room.comes(signs_in=False)
    client, address = pc(one, 0), f"/learn/{one.id}/tests/pre"

    page = client.get(address).text
    assert "Your class manager starts this test for the room." in page
    assert "Begin the test" not in page
    assert client.get(f"{address}/ready").json == {"go": False}
    early = client.post(address)
    assert (early.status_code, early.location) == (303, address)

    start_for_room(room.db, room.run.id, "pre")
    room.db.commit()
    assert client.get(f"{address}/ready").json == {"go": True}
    assert "Begin the test" in client.get(address).text
    assert "/attempts/" in client.post(address).location


def test_the_wrong_seat_is_said_before_the_test(room: Room, pc: Callable[..., FlaskClient]) -> None:
    """Whose seat it is not, and which is his."""
    one = room.comes(plan=1, signs_in=False)
    room.comes(plan=0, signs_in=False)
    start_for_room(room.db, room.run.id, "pre")
    client, address = pc(one, 0), f"/learn/{one.id}/tests/pre"

    assert "Seat 01 is kept for somebody else. Sit at seat 02, or ask the class manager to move you here." in client.get(address).text
    assert client.post(address).location == address
    assert queries.attempts_of(room.db, one.id) == []


@pytest.mark.goal("PLY-04")
def test_another_pc_shows_where_the_test_is_open_and_asks_on_the_board(room: Room, pc: Callable[..., FlaskClient]) -> None:
    """No question is shown there; every way in leads to that page; released, it goes on at the same question."""
    one = room.comes(signs_in=False)
    attempt = room.starts(one, 0)
    room.tab(attempt, one).beats(at=attempt.draw[2])
    client, address = pc(one, 2), f"/attempts/{attempt.id}"

    page = client.get(address).text
    assert "Your test is open at seat 01. Ask the class manager to release it for this PC; your answers are safe." in page
    assert "data-question" not in page
    assert (room.row(one).state, room.row(one).asks_seat) == (State.ASKS, "03")
    refused = client.post(f"{address}/open", json={})
    assert (refused.status_code, refused.json["kind"]) == (409, "OpenElsewhere")
    assert client.post(f"{address}/1", data={"go": "next"}).location == f"{address}/1"
    assert client.post(f"{address}/hand-in").location == address
    assert room.db.get_one(Attempt, attempt.id).state == "open"
    assert client.get(f"{address}/ready").json == {"go": False}

    room.does(invigilation.release, [attempt.id])
    room.db.commit()
    assert client.get(f"{address}/ready").json == {"go": True}
    page = client.get(address).text
    assert 'data-at="3"' in page
    assert client.post(f"{address}/open", json={}).status_code == 200
    assert room.row(one).seat == "03"


@pytest.mark.goal("RUN-06")
def test_a_paused_page_hides_its_questions_and_says_who_paused(room: Room, pc: Callable[..., FlaskClient]) -> None:
    """The overlay is there without script too; a form sent from the page is still saved."""
    one = room.comes(signs_in=False)
    attempt = room.starts(one, 0)
    client, address = pc(one, 0), f"/attempts/{attempt.id}"
    room.does(invigilation.pause, reason="x")
    room.db.commit()

    page = client.get(address).text

    assert "Paused by the invigilator" in page
    assert 'data-paused="invigilator"' in page
    assert 'data-paused="invigilator" data-credit="0" data-supervised hidden' in page
    number = attempt.draw.index(next(one for one in attempt.draw if one.startswith("seal"))) + 1
    client.post(f"{address}/{number}", data={f"q{number}": "1", f"q{number}.option": "1", "revision": "0", "go": "next"})
    assert len(queries.newest_answers(room.db, attempt.id)) == 1


@pytest.mark.goal("RUN-06")
def test_a_hand_is_raised_and_lowered_by_script_and_by_form(room: Room, pc: Callable[..., FlaskClient]) -> None:
    """The board sees it; the minutes have one line however often the button is pressed."""
    one = room.comes(signs_in=False)
    attempt = room.starts(one, 0)
    client, address = pc(one, 0), f"/attempts/{attempt.id}/hand"

    assert client.post(address, json={"up": True}).json == {"hand": True}
    assert room.row(one).state is State.HAND
    assert client.post(address, data={"up": "0"}).status_code == 303
    client.post(address, data={"up": "1"})

    assert room.row(one).hand_at is not None
    assert "Lower your hand" in client.get(f"/attempts/{attempt.id}").text
    assert [detail for what, detail, _ in room.minutes() if what == "hand"] == [{"who": "Person 1 A."}]
    assert client.post(address, json={"up": "yes"}).status_code == 422


@pytest.mark.goal("RUN-06")
def test_a_sign_of_life_carries_what_the_board_shows_and_brings_back_what_was_done(room: Room, pc: Callable[..., FlaskClient]) -> None:
    """Unsaved answers and how often the page was left, up; pause, credit and hand, down."""
    one = room.comes(signs_in=False)
    attempt = room.starts(one, 0)
    client, address = pc(one, 0), f"/attempts/{attempt.id}"
    writer = client.post(f"{address}/open", json={}).json["writer"]
    body = {"writer": writer, "at": 1, "seen": [], "flagged": []}

    client.post(f"{address}/beat", json=body | {"unsaved": 2, "left": 1})
    client.post(f"{address}/beat", json=body | {"unsaved": 1, "left": 2})
    assert (room.row(one).unsaved, room.row(one).left_page) == (1, 3)
    room.does(invigilation.credit, minutes=5, reason="x")
    room.does(invigilation.pause, reason="x")
    room.db.commit()

    said = client.post(f"{address}/beat", json=body).json
    assert (said["paused"], said["credit"], said["hand"]) == ("invigilator", 300_000, False)
    assert said["remaining"] == 25 * 60_000


def test_nobody_but_its_person_raises_a_hand_or_asks(room: Room, pc: Callable[..., FlaskClient]) -> None:
    """Another trainee's attempt is not there for him."""
    one, other = room.comes(signs_in=False), room.comes(1, signs_in=False)
    attempt = room.starts(one, 0)
    client = pc(other, 1)

    for answer in (client.post(f"/attempts/{attempt.id}/hand", json={"up": True}), client.get(f"/attempts/{attempt.id}/ready"), client.get(f"/learn/{one.id}/tests/pre/ready")):
        assert answer.status_code == 404
    assert room.db.scalar(sa.select(AttemptClock.wants_at)) is None
    assert token_hash("tab-1") == room.db.scalar(sa.select(AttemptClock.writer))
    assert make_person(room.db).id != one.person_id
