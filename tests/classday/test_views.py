"""Pages of a class day by plain forms: the guided page, the board's deeds, seats, walk-ins, slips, papers, the lock."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app import clock, pdf
from app.classday import queries
from app.clock import Uptime
from app.people import credentials, signing_in
from app.people.models import Person, Pin, SignIn
from app.people.names import Name, search_key
from app.quizzes import invigilation, services
from app.quizzes.models import Attempt, AttemptClock, AttemptEvent, Incident, RoomTest
from app.runs.models import Enrolment
from app.schedule.models import ClassDay, MinutesLine, Seating
from tests.classday import rows
from tests.classday.rows import Room
from tests.factories import make_person, make_sign_in

Enter = Callable[[Person], FlaskClient]


def text(answer: Any) -> str:
    """The words of a page."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True)))


def in_class(db: Session, room: Room, at_work: int = 3) -> list[Attempt]:
    """The class is open, everybody signed in at his seat, the pre-test started and begun by some."""
    for one, seat in zip(room.people, room.seats, strict=False):
        rows.sit(db, room, one, seat)
        make_sign_in(db, db.get_one(Person, one.person_id), kind="pin", seat_id=seat.id)
    db.add(ClassDay(run_id=room.run.id, day=room.today, opened_at=clock.now(), opened_by=room.manager.id))
    rows.start(db, room)
    return [rows.begin(db, one, seat) for one, seat in zip(room.people[:at_work], room.seats, strict=False)]


# ---- the way through the day -----------------------------------------------------------------------------------------


@pytest.mark.goal("RUN-06")
def test_the_day_by_its_one_button(db: Session, client_of: Enter) -> None:
    """Open, slips, start, end, lessons, papers, close: each press leads to the next one, without any script."""
    room = rows.make_room(db, people=2, seats=2)
    browser = client_of(room.manager)

    assert "All in order: open the class" in text(browser.get(room.at))
    browser.post(f"{room.at}/open", data=dict.fromkeys(("server", "pcs", "projector", "light", "power", "line"), "ok"))
    assert "Print 2 slips" in text(browser.get(room.at))
    db.expire_all()
    for one in room.people:
        db.add(Pin(person_id=one.person_id, run_id=room.run.id, pin_hash="x", valid_from=clock.now(), valid_to=clock.now(), issued_at=clock.now(), issued_by=None))
        make_sign_in(db, db.get_one(Person, one.person_id), kind="pin", seat_id=room.seats[0].id)
    db.commit()
    assert "Start the pre-test for 2 people" in text(browser.get(room.at))
    browser.post(f"{room.at}/test/pre/start", data={"wave": "0"})
    assert "End the test…" in text(browser.get(room.at))
    browser.post(f"{room.at}/test/pre/end")
    assert "Begin the lessons" in text(browser.get(room.at))
    browser.post(f"{room.at}/step", data={"what": "lessons"})
    assert "Lessons are over: go on to the final test" in text(browser.get(room.at))
    browser.post(f"{room.at}/step", data={"what": "lessons-over"})
    assert "Start the final test for 2 people" in text(browser.get(room.at))
    browser.post(f"{room.at}/test/post/start")
    browser.post(f"{room.at}/test/post/end")
    assert "Go on to the papers" in text(browser.get(room.at))
    assert "Result sheet" in text(browser.get(f"{room.at}/papers"))
    assert "Close the class of" in text(browser.get(f"{room.at}/close"))
    browser.post(f"{room.at}/close", data={"note": "All went well"})
    assert "The class is closed" in text(browser.get(room.at))


def test_one_class_today_is_opened_at_once_and_all_are_listed(db: Session, client_of: Enter) -> None:
    """The section leads to today's class; the list shows the coming days; whoever has none is told what belongs here."""
    room = rows.make_room(db, days=2)
    browser = client_of(room.manager)

    assert browser.get("/class").location.endswith(room.at)
    assert browser.get(f"/class/{room.run.code}").location.endswith(room.at)
    assert room.run.code in text(browser.get("/class/all"))
    assert "No class days" in text(client_of(rows.make_staff(db, rows.Role.CLASS_MANAGER)).get("/class"))


def test_the_page_of_another_day_starts_nothing(db: Session, client_of: Enter) -> None:
    """A refusal comes back as a sentence on the page, never as a page of its own."""
    room = rows.make_room(db, days=2)
    tomorrow = f"/class/{room.run.code}/{room.today + timedelta(days=1)}"
    browser = client_of(room.manager)

    answer = browser.post(f"{tomorrow}/test/pre/start", follow_redirects=True)

    assert (answer.status_code, "This page is of" in text(answer)) == (200, True)
    assert db.scalar(sa.select(sa.func.count()).select_from(RoomTest)) == 0
    assert browser.get(f"/class/{room.run.code}/{room.today + timedelta(days=9)}").status_code == 404
    assert browser.get(f"/class/{room.run.code}/yesterday").status_code == 404


# ---- the board -------------------------------------------------------------------------------------------------------


@pytest.mark.goal("RUN-06")
def test_the_board_says_who_is_where(db: Session, client_of: Enter) -> None:
    """Seats in order, each state in words: working, hand up, not saving, paused, handed in, not begun."""
    room = rows.make_room(db, people=6, seats=8)
    attempts = in_class(db, room, at_work=5)
    at: dict[str, Any] = {"now": clock.now(), "uptime": clock.uptime()}
    invigilation.raise_hand(db, attempts[1].id, up=True, now=clock.now())
    db.scalars(sa.select(AttemptClock).where(AttemptClock.attempt_id == attempts[2].id)).one().unsaved = 2
    invigilation.pause(db, room.run, "pre", [attempts[3].id], by=room.manager.id, reason="unwell", **at)
    services.hand_in(db, attempts[4].id, **at)
    browser = client_of(room.manager)

    page = text(browser.get(room.at))

    for words in ("working", "hand up", "2 answers unsaved", "paused", "by you", "handed in", "signed in, not begun"):
        assert words in page, words
    assert "Seat 02 asks for you. Seat 03 does not save." in page
    assert page.index("Абдыкадыров Т.") < page.index("Бекова А.") < page.index("Жұмабеков Ә.")


def test_a_test_left_open_overnight_stays_on_the_day_that_ends_it(db: Session, client_of: Enter) -> None:
    """A pre-test started yesterday and ended today is a test of today too: it does not vanish from page and minutes with its end."""
    room = rows.make_room(db, people=2, seats=2)
    in_class(db, room, at_work=2)
    browser = client_of(room.manager)
    db.info["writing"] = True
    started = db.scalars(sa.select(RoomTest)).one()
    started.started_at = clock.now() - timedelta(days=1)
    db.commit()
    browser.post(f"{room.at}/test/pre/end", data={"who": [str(one.id) for one in room.people], "reason": "End"})

    db.expire_all()
    found = queries.the_day(db, room.run, room.today, now=clock.now())
    assert [test.quiz for test in found.tests] == ["pre"]


def test_a_paused_room_has_one_button_that_resumes_it(db: Session, client_of: Enter) -> None:
    """While everybody's time stands still, the one button of the page lets the room go on."""
    room = rows.make_room(db, people=2, seats=2)
    in_class(db, room, at_work=2)
    browser = client_of(room.manager)
    assert "Resume the room" not in text(browser.get(room.at))

    browser.post(f"{room.at}/act/pause", data={"reason": "Fire drill"})
    page = text(browser.get(room.at))
    assert "Resume the room" in page
    assert "time stands still" in page

    browser.post(f"{room.at}/act", data={"deed": "resume", "room": "1"})
    db.expire_all()
    assert db.scalar(sa.select(sa.func.count()).select_from(AttemptClock).where(AttemptClock.paused_at.is_not(None))) == 0
    assert "End the test…" in text(browser.get(room.at))


def test_credit_says_how_many_people_got_it_and_why_nobody_can(db: Session, client_of: Enter) -> None:
    """Five minutes for one person are told as one person; somebody who has handed in is named as the reason that nothing happens."""
    room = rows.make_room(db, people=2, seats=2)
    in_class(db, room, at_work=2)
    browser, (first, second) = client_of(room.manager), room.people
    told = text(browser.post(f"{room.at}/act/credit", data={"who": str(first.id), "minutes": "5", "reason": "Mouse"}, follow_redirects=True))
    assert "People who got more time: 1." in told

    browser.post(f"{room.at}/act/hand-in", data={"who": str(second.id), "reason": "Ill"})
    told = text(browser.get(f"{room.at}/act/credit?who={second.id}", follow_redirects=True))
    assert "Whoever you ticked has no open test" in told


@pytest.mark.goal("RUN-06")
@pytest.mark.parametrize(
    ("deed", "form", "what"),
    [("pause", {"reason": "fire drill"}, "pause"), ("credit", {"reason": "keyboard", "minutes": "10"}, "credit"), ("hand-in", {"reason": "left"}, "hand-in")],
)
def test_a_deed_names_who_is_meant_and_asks_why(db: Session, client_of: Enter, deed: str, form: dict[str, str], what: str) -> None:
    """The page before names the people; without a reason nothing happens; with one it is a fact at those chosen alone."""
    room = rows.make_room(db, people=3)
    attempts = in_class(db, room)
    browser = client_of(room.manager)
    chosen = [str(one.id) for one in room.people[:2]]

    asked = browser.post(f"{room.at}/act", data={"deed": deed, "who": chosen})
    page = text(browser.get(asked.location))
    refused = browser.post(f"{room.at}/act/{deed}", data=form | {"who": chosen, "reason": " "})
    assert ("2 people:" in page, "Абдыкадыров Т." in page, "Бекова А." in page) == (True, True, False)
    assert (refused.status_code, "Write why in a few words" in text(refused)) == (422, True)
    assert db.scalar(sa.select(sa.func.count()).select_from(AttemptEvent)) == 0

    browser.post(f"{room.at}/act/{deed}", data=form | {"who": chosen})

    events = db.execute(sa.select(AttemptEvent.attempt_id, AttemptEvent.what, AttemptEvent.reason)).all()
    assert {tuple(row) for row in events} == {(one.id, what, form["reason"]) for one in attempts[:2]}
    assert form["reason"] in db.scalars(sa.select(MinutesLine.note)).all()


def test_a_deed_on_nobody_is_for_the_room_only_where_it_asks_first(db: Session, client_of: Enter) -> None:
    """Pausing with nobody ticked names everybody; releasing with nobody ticked is refused with what to do."""
    room = rows.make_room(db, people=2)
    in_class(db, room)
    browser = client_of(room.manager)

    assert "Everybody at work, 3:" not in text(browser.get(f"{room.at}/act/pause"))
    assert "Everybody at work, 2:" in text(browser.get(f"{room.at}/act/pause"))
    assert "Tick who is meant" in text(browser.post(f"{room.at}/act", data={"deed": "release"}, follow_redirects=True))
    assert "Tick who is meant" in text(browser.post(f"{room.at}/act", follow_redirects=True))
    assert "Tick the one person" in text(browser.get(f"{room.at}/act/move", follow_redirects=True))


def test_a_person_is_moved_to_a_free_pc_before_and_in_a_test(db: Session, client_of: Enter) -> None:
    """With a test open the attempt moves, without one the seat plan; a seat that is taken is not offered."""
    room = rows.make_room(db, people=3, seats=5)
    [attempt] = in_class(db, room, at_work=1)
    browser = client_of(room.manager)
    working, waiting = room.people[0], room.people[2]

    offered = browser.get(f"{room.at}/act/move?who={working.id}").get_data(as_text=True)
    assert re.findall(r"<option[^>]*>(\d+)</option>", offered) == ["04", "05"]
    for one, seat in ((working, room.seats[3]), (waiting, room.seats[4])):
        browser.post(f"{room.at}/act/move", data={"who": str(one.id), "seat": str(seat.id), "reason": "PC is slow"})

    db.expire_all()
    assert db.get_one(Attempt, attempt.id).seat_id == room.seats[3].id
    assert db.scalars(sa.select(Seating.seat_id).where(Seating.enrolment_id == waiting.id)).one() == room.seats[4].id


def test_the_pc_of_who_has_handed_in_is_free_for_somebody_whose_pc_fails(db: Session, client_of: Enter) -> None:
    """In a full room the first who is through makes room for another; who is at work or waits keeps his PC."""
    room = rows.make_room(db, people=3, seats=3)
    attempts = in_class(db, room, at_work=2)
    services.hand_in(db, attempts[0].id, now=clock.now(), uptime=clock.uptime())

    offered = client_of(room.manager).get(f"{room.at}/act/move?who={room.people[1].id}").get_data(as_text=True)

    assert re.findall(r"<option[^>]*>(\d+)</option>", offered) == ["01"]


@pytest.mark.goal("RUN-06")
def test_ending_a_test_hands_in_for_those_ticked(db: Session, client_of: Enter) -> None:
    """Who is not ticked may finish; a reason is asked where somebody's test is handed in for him."""
    room = rows.make_room(db, people=2)
    attempts = in_class(db, room, at_work=2)
    browser = client_of(room.manager)

    assert browser.post(f"{room.at}/test/pre/end", data={"who": str(room.people[0].id)}).status_code == 422
    browser.post(f"{room.at}/test/pre/end", data={"who": str(room.people[0].id), "reason": "time for lunch"})

    db.expire_all()
    assert [db.get_one(Attempt, one.id).state for one in attempts] == ["handed-in", "open"]
    assert db.scalars(sa.select(RoomTest.ended_at)).one() is not None
    assert "Ergashev" not in text(browser.get(room.at))


@pytest.mark.goal("RUN-06")
@pytest.mark.parametrize("people", [1, 30])
def test_a_poll_asks_the_database_the_same_for_1_and_for_30(db: Session, client_of: Enter, counted: Any, people: int) -> None:
    """The live part of the page costs the same statements however many people there are."""
    room = rows.make_room(db, people=people, seats=30)
    in_class(db, room, at_work=people)
    browser = client_of(room.manager)
    browser.get(f"{room.at}/live")

    with counted() as statements:
        answer = browser.get(f"{room.at}/live", headers={"X-Sabaq-Poll": "1"})

    assert answer.get_data(as_text=True).count('<tr id="r-') == people
    assert len(statements) == 18


def test_a_poll_keeps_no_sign_in_alive(db: Session, client_of: Enter) -> None:
    """A board that nobody looks at signs out in the end."""
    room = rows.make_room(db)
    browser = client_of(room.manager)
    long_ago = clock.now() - timedelta(minutes=30)
    db.execute(sa.update(SignIn).values(seen_at=long_ago))
    db.commit()

    browser.get(f"{room.at}/live", headers={"X-Sabaq-Poll": "1"})

    assert db.scalars(sa.select(SignIn.seen_at)).one() == long_ago


# ---- an outage -------------------------------------------------------------------------------------------------------


def outage(db: Session, minutes: int = 40) -> None:
    """The server was away: the machine's clock ran on, nobody gave a sign of life."""
    up = clock.uptime()
    for one in db.scalars(sa.select(AttemptClock)):
        one.since_ms, one.beat_ms = one.since_ms - minutes * 60_000, one.beat_ms - minutes * 60_000
    db.flush()
    invigilation.notice_outage(db, now=clock.now(), uptime=Uptime(up.boot, up.ms))


@pytest.mark.goal("RUN-07")
def test_after_a_power_cut_one_button_resumes_the_room(db: Session, client_of: Enter) -> None:
    """The page says how long it was and who is not back; one press credits it to who is, and the minutes print it."""
    room = rows.make_room(db, people=3)
    attempts = in_class(db, room)
    outage(db)
    for one in db.scalars(sa.select(AttemptClock).where(AttemptClock.attempt_id != attempts[2].id)):
        one.beat_ms = clock.uptime().ms  # these PCs have started again, the third has not
    incident = db.scalars(sa.select(Incident)).one()
    browser = client_of(room.manager)

    page = text(browser.get(room.at))
    assert "The room is paused by an outage" in page
    assert re.search(r"Resume with 4[01] min credit for 2", page)
    assert "Бекова А. is not back" in page
    browser.post(f"{room.at}/outage/{incident.id}/resume")

    db.expire_all()
    paused = [db.scalars(sa.select(AttemptClock.paused_at).where(AttemptClock.attempt_id == one.id)).one() for one in attempts]
    assert [at is None for at in paused] == [True, True, False]
    assert db.get_one(Incident, incident.id).decided_by == room.manager.id
    browser.post(f"{room.at}/act", data={"deed": "resume", "who": str(room.people[2].id)})
    assert db.scalars(sa.select(AttemptClock.paused_at).where(AttemptClock.attempt_id == attempts[2].id)).one() is None
    assert text(browser.get(f"{room.at}/minutes")).count("The server was off from") == 1


@pytest.mark.goal("RUN-07")
def test_a_room_whose_pages_give_no_sign_is_resumed_all_the_same(db: Session, client_of: Enter) -> None:
    """Pages without script give no signs of life: one press resumes everybody, but who was paused by hand stays paused."""
    room = rows.make_room(db, people=3)
    attempts = in_class(db, room)
    invigilation.pause(db, room.run, "pre", [attempts[0].id], by=room.manager.id, now=clock.now(), uptime=clock.uptime(), reason="unwell")
    outage(db)
    incident = db.scalars(sa.select(Incident.id)).one()

    client_of(room.manager).post(f"{room.at}/outage/{incident}/resume")

    db.expire_all()
    paused = [db.scalars(sa.select(AttemptClock.paused_at).where(AttemptClock.attempt_id == one.id)).one() for one in attempts]
    assert [at is None for at in paused] == [False, True, True]
    assert db.get_one(Incident, incident).to_at is not None


def test_the_outage_of_another_run_is_not_resumed_from_here(db: Session, client_of: Enter) -> None:
    """An address put together by hand opens nothing."""
    room, other = rows.make_room(db), rows.make_room(db)
    in_class(db, other)
    outage(db)

    assert client_of(room.manager).post(f"{room.at}/outage/{db.scalars(sa.select(Incident.id)).one()}/resume").status_code == 404


# ---- seats and waves -------------------------------------------------------------------------------------------------


@pytest.mark.goal("RUN-04")
def test_24_people_on_10_pcs_are_proposed_three_waves_and_the_test_starts_wave_by_wave(db: Session, client_of: Enter) -> None:
    """The proposal is kept by one button; the page then starts wave 1, and wave 2 after it."""
    room = rows.make_room(db, people=24, seats=11)
    room.seats[4].state = "broken"
    browser = client_of(room.manager)

    page = browser.get(f"{room.at}/seats")
    assert "24 people on 10 PCs make 3 waves" in text(page)
    form = dict(re.findall(r'<select class="in" name="([^"]+)".*?<option value="([^"]+)" selected', page.get_data(as_text=True)))
    browser.post(f"{room.at}/seats", data=form)

    kept = db.execute(sa.select(Seating.seat_id, Seating.wave)).all()
    assert len(kept) == len(set(map(tuple, kept))) == 24
    assert room.seats[4].id not in {seat for seat, _ in kept}
    db.add(ClassDay(run_id=room.run.id, day=room.today, opened_at=clock.now(), opened_by=room.manager.id))
    for one in room.people:
        db.add(Pin(person_id=one.person_id, run_id=room.run.id, pin_hash="x", valid_from=clock.now(), valid_to=clock.now(), issued_at=clock.now(), issued_by=None))
        make_sign_in(db, db.get_one(Person, one.person_id), kind="pin", seat_id=room.seats[0].id)
    db.commit()
    assert "Start the pre-test for wave 1: 8 people" in text(browser.get(room.at))
    browser.post(f"{room.at}/test/pre/start", data={"wave": "1"})
    browser.post(f"{room.at}/test/pre/end")
    assert "Start the pre-test for wave 2: 8 people" in text(browser.get(room.at))


def test_two_at_one_pc_in_a_wave_come_back_with_the_names(db: Session, client_of: Enter) -> None:
    """What was chosen stays in the form, the reason stands at the person."""
    room = rows.make_room(db, people=2, seats=2)
    data = {f"seat-{one.id}": str(room.seats[0].id) for one in room.people}
    answer = client_of(room.manager).post(f"{room.at}/seats", data=data)

    assert (answer.status_code, "Somebody else has this seat in this wave" in text(answer)) == (422, True)
    assert answer.get_data(as_text=True).count(f'value="{room.seats[0].id}" selected') == 2


@pytest.mark.goal("RUN-04")
def test_a_walk_in_who_has_a_seat_leaves_the_proposal_for_the_others(db: Session, client_of: Enter) -> None:
    """Walk-ins come before the plan is made: the page still proposes seats, and they keep theirs."""
    room = rows.make_room(db, people=3, seats=4)
    room.people[2].walk_in = True
    rows.sit(db, room, room.people[2], room.seats[0])

    answer = client_of(room.manager).get(f"{room.at}/seats")

    assert "A proposal, not kept yet" in text(answer)
    kept = re.findall(r'<select class="in" name="seat-([^"]+)".*?<option value="([^"]+)" selected', answer.get_data(as_text=True))
    assert dict(kept)[str(room.people[2].id)] == str(room.seats[0].id)
    assert len(set(dict(kept).values())) == 3


@pytest.mark.goal("RUN-04")
def test_who_had_a_pc_that_breaks_is_offered_a_free_one(db: Session, client_of: Enter) -> None:
    """The sentence names the person and the seat."""
    room = rows.make_room(db, people=1, seats=2)
    rows.sit(db, room, room.people[0], room.seats[0])

    answer = client_of(room.manager).post(f"{room.at}/seats/{room.seats[0].id}", data={"state": "broken"}, follow_redirects=True)

    assert "Абдыкадыров Т. had this PC. Free: seat 02" in text(answer)


# ---- walk-ins and slips ----------------------------------------------------------------------------------------------


def at_the_desk(db: Session, room: Room, **values: str) -> dict[str, str]:
    """What is typed for a walk-in."""
    agency = db.scalars(sa.select(Person.agency_id).where(Person.id == room.people[0].person_id)).one()
    return {"agency": str(agency), "service_number": "", "family": "Нұрпейіс", "given": "Асан", "language": "en", "seat": str(room.seats[-1].id)} | values


@pytest.mark.goal("RUN-03")
def test_a_walk_in_leaves_the_desk_with_a_slip(db: Session, client_of: Enter) -> None:
    """One form, one press: the slip with number, PIN and seat stands on the page, and the PIN works."""
    room = rows.make_room(db, people=1)

    page = text(client_of(room.manager).post(f"{room.at}/walk-in", data=at_the_desk(db, room)))

    assert ("Нұрпейіс Асан is in the class" in page, "seat 04" in page) == (True, True)
    pin = re.search(r"PIN (\d{6})", page)
    stored = db.scalars(sa.select(Pin.pin_hash).join(Person, Person.id == Pin.person_id).where(Person.provisional)).one()
    assert pin is not None
    assert credentials.which_pin(pin[1], [stored]) == 0


@pytest.mark.goal("RUN-03")
@pytest.mark.parametrize("by", ["number", "name"])
def test_a_walk_in_who_exists_already_is_offered(db: Session, client_of: Enter, by: str) -> None:
    """Found by agency and service number, or by the name; chosen, the known record is enrolled and no second one made."""
    room = rows.make_room(db, people=1)
    guest = make_person(db, room.office, family="Нұрпейіс", given="Асан", service_number="4711", search_key=search_key([Name("Нұрпейіс", "Асан")], "4711"))
    typed = at_the_desk(db, room, agency=str(guest.agency_id), **({"service_number": "4711", "family": "", "given": ""} if by == "number" else {}))
    browser = client_of(room.manager)

    page = text(browser.post(f"{room.at}/walk-in", data=typed))
    assert ("Is it this person?" in page, "Нұрпейіс Асан 4711" in page) == (True, True)
    browser.post(f"{room.at}/walk-in", data=typed | {"person": str(guest.id)})

    assert db.scalars(sa.select(Enrolment.person_id).where(Enrolment.walk_in)).all() == [guest.id]
    again = text(browser.post(f"{room.at}/walk-in", data=typed))
    assert "in this run already" in again


@pytest.mark.goal("RUN-03")
def test_a_full_room_is_said_and_the_walk_in_waits_for_a_wave(db: Session, client_of: Enter) -> None:
    """No seat is promised; the person is in, and the page says what to do."""
    room = rows.make_room(db, people=1, seats=1)
    rows.sit(db, room, room.people[0], room.seats[0])
    browser = client_of(room.manager)

    assert "No PC is free: 1 people, 1 PCs that work" in text(browser.get(f"{room.at}/walk-in"))
    assert "No seat yet" in text(browser.post(f"{room.at}/walk-in", data=at_the_desk(db, room, seat="")))


def test_a_name_without_its_second_part_comes_back_with_what_was_typed(db: Session, client_of: Enter) -> None:
    """At the field; nobody is registered."""
    room = rows.make_room(db, people=1)

    answer = client_of(room.manager).post(f"{room.at}/walk-in", data=at_the_desk(db, room, given=""))

    assert (answer.status_code, "Give this part too" in text(answer), 'value="Нұрпейіс"' in answer.get_data(as_text=True)) == (422, True, True)
    assert db.scalar(sa.select(sa.func.count()).select_from(Enrolment).where(Enrolment.walk_in)) == 0


@pytest.mark.goal("RUN-05")
def test_a_slip_is_made_anew_in_two_clicks_from_the_board(db: Session, client_of: Enter) -> None:
    """The name on the board, then the button: the new PIN stands on the page, the old one is dead, the minutes say it."""
    room = rows.make_room(db, people=1)
    browser = client_of(room.manager)
    link = re.search(rf'href="({re.escape(room.at)}/slip/[^"]+)"', browser.get(room.at).get_data(as_text=True))
    assert link is not None

    assert "Make the new slip" in text(browser.get(link[1]))
    pins = [re.search(r"PIN (\d{6})", text(browser.post(link[1])))[1] for _ in range(2)]  # type: ignore[index]

    live = db.scalars(sa.select(Pin.pin_hash).where(Pin.ended_at.is_(None))).all()
    assert len(live) == 1
    assert [credentials.which_pin(pin, live) for pin in pins] == [None, 0]
    assert db.scalars(sa.select(MinutesLine.what)).all() == ["slip", "slip"]


# ---- papers ----------------------------------------------------------------------------------------------------------


@pytest.mark.goal("RUN-07")
def test_the_minutes_print_who_was_there_and_every_outage(db: Session, client_of: Enter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Present with seat and time, absent by name, the outage with from, to, credit and who decided, and all lines."""
    printed: list[str] = []
    monkeypatch.setattr(pdf, "write", lambda html, **_: printed.append(html) or b"%PDF-1.7")
    room = rows.make_room(db, people=3)
    in_class(db, room, at_work=2)
    db.execute(sa.delete(SignIn).where(SignIn.person_id == room.people[2].person_id))
    outage(db)
    browser = client_of(room.manager)
    browser.post(f"{room.at}/outage/{db.scalars(sa.select(Incident.id)).one()}/resume")
    browser.post(f"{room.at}/minutes", data={"text": "The generator was started"})

    browser.get(f"{room.at}/minutes.pdf")

    words = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", printed[0]))
    for part in ("Signed in at a PC: 2 of 3", "Did not sign in: Бекова Айгерім", "The generator was started", "Жұмағұлова Г.", "2: Абдыкадыров Т., Әбдірахманова Г."):
        assert part in words, part
    assert re.search(r"4[01] min", words)


def test_the_papers_of_the_day_are_made(db: Session, client_of: Enter) -> None:
    """Minutes and seat plan are PDF files."""
    room = rows.make_room(db, people=3, seats=2)
    browser = client_of(room.manager)
    for paper in ("minutes", "seats"):
        assert browser.get(f"{room.at}/{paper}.pdf").data[:5] == b"%PDF-", paper


def test_a_day_without_meetings_offers_no_sheet_to_sign(db: Session, client_of: Enter) -> None:
    """Whose run has no timetable prints slips; no link leads to a sheet that cannot be made."""
    room = rows.make_room(db, people=1)
    browser = client_of(room.manager)

    day, papers = browser.get(room.at).text, browser.get(f"{room.at}/papers").text

    assert f"/runs/{room.run.code}/slips" in day
    assert "/attendance/sheet" not in day + papers


# ---- the lock --------------------------------------------------------------------------------------------------------


@pytest.mark.goal("SEC-03")
def test_a_locked_board_opens_nothing_but_the_password(db: Session, client_of: Enter) -> None:
    """Every page leads to the lock, no form does anything, the room is not touched; the password leads back to the board."""
    room = rows.make_room(db)
    signing_in.set_password(db, person_id=room.manager.id, password_hash=credentials.hash_password("a good long password"), now=clock.now(), user_name="boss")
    in_class(db, room)
    browser = client_of(room.manager)

    locked = browser.post("/lock", data={"next": room.at})
    page = text(browser.get(locked.location))

    assert ("This page is locked" in page, "The room goes on" in page, "Class day" in page) == (True, True, False)
    assert browser.get(room.at).location.startswith("/lock?next=")
    assert browser.get("/runs").location.startswith("/lock")
    assert browser.get(f"{room.at}/live", headers={"X-Sabaq-Poll": "1"}).status_code == 302
    assert browser.post(f"{room.at}/act/pause", data={"reason": "a joke"}).status_code == 401
    assert db.scalar(sa.select(sa.func.count()).select_from(AttemptClock).where(AttemptClock.paused_at.is_not(None))) == 0
    assert browser.post("/unlock", data={"password": "a wrong long password", "next": room.at}).status_code == 422
    assert browser.get(room.at).status_code == 302
    assert browser.post("/unlock", data={"password": "a good long password", "next": room.at}).location == room.at
    assert browser.get(room.at).status_code == 200


@pytest.mark.goal("SEC-03")
def test_guessing_at_a_locked_page_is_slowed_down(db: Session, client_of: Enter) -> None:
    """As at sign-in: after a few wrong passwords the next try waits."""
    room = rows.make_room(db)
    signing_in.set_password(db, person_id=room.manager.id, password_hash=credentials.hash_password("a good long password"), now=clock.now(), user_name="boss")
    browser = client_of(room.manager)
    browser.post("/lock")

    answers = [browser.post("/unlock", data={"password": f"wrong {n}"}).status_code for n in range(6)]

    assert (answers[0], answers[-1]) == (422, 429)
    browser.post("/lock/sign-out")
    assert browser.get(room.at).location.startswith("/sign-in")



@pytest.mark.goal("RUN-05")
def test_slips_of_a_run_name_the_seats_of_the_plan(db: Session, client_of: Enter) -> None:
    """The printed seat is the one kept for the person; a single slip printed from the run's page stands in the minutes too."""
    room = rows.make_room(db, people=2, seats=4)
    rows.sit(db, room, room.people[0], room.seats[3])
    browser = client_of(room.manager)

    page = text(browser.post(f"/runs/{room.run.code}/slips", data={"as_page": "1"}))
    browser.post(f"/runs/{room.run.code}/slips/{room.people[0].id}", data={"as_page": "1"})

    assert (page.count("seat 04"), page.count("seat 0")) == (1, 1)
    assert db.scalars(sa.select(MinutesLine.what)).all() == ["slip"]
