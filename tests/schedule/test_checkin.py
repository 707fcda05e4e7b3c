"""Check-in by phone: the code, the phones, and the trainer's last word."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app import clock
from app.db import Database
from app.errors import Conflict
from app.ids import new_id
from app.people.models import Person
from app.runs.models import CourseRun
from app.schedule import checkin, queries, rules
from app.schedule.models import Meeting, Presence
from tests.online.rows import Online
from tests.runs.rows import enrol
from tests.schedule import rows

KEY = "k" * 40


class Moving(clock.Clock):
    """A clock that stands until a test moves it."""

    def __init__(self, at: datetime) -> None:
        super().__init__()
        self.at = at

    def now(self) -> datetime:
        """The moment that the test has set."""
        return self.at


class Room:
    """A meeting at which phones are allowed, its trainer at her PC, and phones that nobody has signed in with."""

    def __init__(self, db: Session, app: Flask, client_of: Callable[[Person], FlaskClient], moving: Moving, allows_phones: bool = True) -> None:
        self.db, self.app, self.clock, self.client_of = db, app, moving, client_of
        self.online = Online(db, allows_phones=allows_phones)
        self.at("09:00")
        self.trainer = client_of(self.online.trainer)
        self.base = f"/runs/{self.online.run.code}/meetings/{self.online.meeting.id}"

    def at(self, hour: str) -> None:
        """It is this hour where the meeting is held."""
        self.clock.at = rows.at(self.online.run, hour)

    @property
    def code(self) -> str:
        """What the code on the projector says now."""
        return "/check-in/" + checkin.code_at(self.app.config["SECRET_KEY"], self.online.meeting.id, self.clock.at)

    def scan(self, phone: FlaskClient, who: str, code: str = "") -> TestResponse:
        """A phone reads the code and its holder says who he is."""
        code = code or self.code
        page = phone.get(code).text
        ticket = re.search(r'name="ticket" value="([^"]+)"', page)
        return phone.post(code, data={"ticket": ticket[1] if ticket else "", "who": who})

    def noted(self) -> list[str]:
        """Scans and refusals, in order."""
        self.db.expire_all()
        return list(self.db.scalars(sa.select(Presence.what).order_by(Presence.at)))

    def number(self, n: int = 0) -> str:
        """A trainee's service number."""
        return self.online.trainees[n].service_number


@pytest.fixture
def moving() -> Iterator[Moving]:
    """A clock to move."""
    made = Moving(clock.now())
    with clock.using(made):
        yield made


@pytest.fixture
def room(db: Session, app: Flask, client_of: Callable[[Person], FlaskClient], moving: Moving) -> Room:
    """The room, at 09:00."""
    return Room(db, app, client_of, moving)


# ---- the code --------------------------------------------------------------------------------------------------------


@pytest.mark.goal("SCH-21")
@given(st.integers(0, 10**9), st.integers(0, 200))
def test_a_code_is_good_for_45_seconds_from_when_it_was_first_shown(seconds: int, later: int) -> None:
    """It changes every 30 seconds, and whoever reads it in its last second still has 15; before its time it is not good either."""
    meeting, shown = new_id(), clock.now().replace(microsecond=0) - timedelta(seconds=seconds)
    text = checkin.code_at(KEY, meeting, shown)
    first = int(shown.timestamp()) // 30 * 30

    read = checkin.read_code(KEY, text, shown + timedelta(seconds=later))

    assert read is not None
    assert read.meeting_id == meeting
    assert read.fresh == (shown.timestamp() + later - first < 45)
    assert (checkin.code_at(KEY, meeting, shown + timedelta(seconds=30)) == text) is False
    earlier = checkin.read_code(KEY, text, shown - timedelta(seconds=31))
    assert earlier is not None
    assert not earlier.fresh


@pytest.mark.goal("SCH-21")
@given(st.text(max_size=60))
def test_a_code_that_we_did_not_make_is_none(text: str) -> None:
    """Junk, a code of another key, and one with a changed letter lead nowhere."""
    meeting, now = new_id(), clock.now()
    good = checkin.code_at(KEY, meeting, now)

    assert checkin.read_code(KEY, text, now) is None
    assert checkin.read_code("other" * 8, good, now) is None
    assert checkin.read_code(KEY, good[:-1] + ("A" if good[-1] != "A" else "B"), now) is None


# ---- phones ----------------------------------------------------------------------------------------------------------


@pytest.mark.goal("SCH-21")
def test_a_phone_checks_in_its_holder(room: Room) -> None:
    """By service number or by the code on the sheet, in whatever letters the phone writes; once more says when it was."""
    one, other = room.app.test_client(), room.app.test_client()
    code = rules.person_code(room.online.enrolled[1].number)

    assert room.scan(one, f" {room.number()} ").headers["Location"].endswith("/check-in/done")
    assert "Abdiev Aigerim" in one.get("/check-in/done").text
    assert room.scan(other, code.lower().translate(str.maketrans("abcehkmptx", "авсенкмртх"))).status_code == 303
    room.clock.at += timedelta(minutes=3)
    assert room.scan(one, room.number()).status_code == 303
    assert "You had checked in before, at 09:00." in one.get("/check-in/done").text
    assert room.noted() == ["scanned", "scanned"]
    assert "Bekova" not in room.app.test_client().get("/check-in/done").text


@pytest.mark.goal("SCH-21")
def test_one_phone_checks_in_one_person(room: Room) -> None:
    """The second name is refused and says whose the phone is; a person is not checked in by two phones either."""
    phone = room.app.test_client()
    room.scan(phone, room.number(0))

    second = room.scan(phone, room.number(1))
    elsewhere = room.scan(room.app.test_client(), room.number(0))

    assert second.status_code == 409
    assert "This phone has checked in Abdiev Aigerim." in second.text
    assert elsewhere.status_code == 409
    assert "You were checked in by another phone." in elsewhere.text
    assert room.noted() == ["scanned"]


@pytest.mark.goal("SCH-21")
def test_nothing_is_told_before_somebody_says_who_he_is(room: Room) -> None:
    """The page of a code names the course and the hour, and no person; a wrong number names nobody either."""
    phone = room.app.test_client()
    page = phone.get(room.code).text
    wrong = room.scan(phone, "99999999")

    assert wrong.status_code == 422
    assert "Nobody at this meeting has this service number or code." in wrong.text
    for text in (page, wrong.text):
        assert "Abdiev" not in text
        assert "Bekova" not in text
    assert 'value="99999999"' in wrong.text


@pytest.mark.goal("SCH-21")
def test_trying_names_is_slowed_down(room: Room) -> None:
    """After a few wrong ones the next try waits: two characters are not to be tried one after the other."""
    phone = room.app.test_client()

    answers = [room.scan(phone, f"Z{n}").status_code for n in range(2, 8)]

    assert answers[:3] == [422, 422, 422]
    assert 429 in answers
    assert room.noted() == []


@pytest.mark.goal("SCH-21")
@pytest.mark.parametrize(
    ("hour", "said"),
    [("08:44", "It opens at 08:45 (UTC+5). Scan the code again then; nothing is lost."), ("13:00", "Tell your trainer that you are here")],
)
def test_outside_its_window_a_scan_says_when_it_opens(room: Room, hour: str, said: str) -> None:
    """Too early and too late are told in words, and nothing is noted."""
    room.at(hour)
    phone = room.app.test_client()

    page = phone.get(room.code)

    assert page.status_code == 409
    assert said in page.text
    assert room.scan(phone, room.number()).status_code == 409
    assert room.noted() == []


@pytest.mark.goal("SCH-21")
def test_an_old_code_and_anothers_ticket_are_refused(room: Room) -> None:
    """A picture of the code sent to a friend is too old; the page of one phone is of no use on another, nor after five minutes."""
    phone, friend = room.app.test_client(), room.app.test_client()
    code = room.code
    ticket = re.search(r'name="ticket" value="([^"]+)"', phone.get(code).text)
    assert ticket
    friend.get(code)

    assert "This code is too old" in friend.post(code, data={"ticket": ticket[1], "who": room.number()}).text
    assert room.app.test_client().post(code, data={"ticket": ticket[1], "who": room.number()}).status_code == 409
    room.clock.at += timedelta(seconds=45)
    assert "Scan it again" in friend.get(code).text
    assert phone.post(code, data={"ticket": ticket[1], "who": room.number()}).status_code == 303
    room.clock.at += timedelta(seconds=255)
    assert phone.post(code, data={"ticket": ticket[1], "who": room.number()}).status_code == 409
    broken = phone.get("/check-in/" + "A" * 40)
    assert (broken.status_code, "This is not the code of a class" in broken.text) == (404, True)


@pytest.mark.goal("SCH-21")
def test_where_phones_are_not_allowed_a_code_leads_to_a_sentence(db: Session, app: Flask, client_of: Callable[[Person], FlaskClient], moving: Moving) -> None:
    """Neither the projector nor a phone gets anywhere; the roll shows no button for it."""
    room = Room(db, app, client_of, moving, allows_phones=False)

    assert room.trainer.get(f"{room.base}/check-in").status_code == 409
    page = room.app.test_client().get(room.code)
    assert (page.status_code, "Phones are not used at this meeting." in page.text) == (409, True)
    assert "Show the QR code" not in room.trainer.get(f"{room.base}/attendance").text


def test_two_people_of_two_agencies_with_one_number_use_the_code(room: Room) -> None:
    """The number alone does not say who; the two characters on the sheet do."""
    room.db.info["writing"] = True
    room.online.trainees[1].service_number = room.number(0)
    room.db.flush()

    assert room.scan(room.app.test_client(), room.number(0)).status_code == 422
    assert room.scan(room.app.test_client(), rules.person_code(room.online.enrolled[1].number)).status_code == 303


# ---- the projector and the trainer -----------------------------------------------------------------------------------


@pytest.mark.goal("SCH-21")
def test_the_projector_shows_the_code_and_who_came_last(room: Room) -> None:
    """A code as a picture, the count, the last names; before the window it says when it opens and shows none."""
    room.scan(room.app.test_client(), room.number())

    page = room.trainer.get(f"{room.base}/check-in").text

    assert "Checked in 1 of 2" in page
    assert "Abdiev Aigerim" in page
    assert 'src="data:image/svg+xml' in page
    assert "verify.example.kz" in page
    before = room.trainer.get(f"{room.base}/check-in/now").text
    room.clock.at += timedelta(seconds=30)
    assert room.trainer.get(f"{room.base}/check-in/now").text != before
    room.at("08:30")
    early = room.client_of(room.online.trainer).get(f"{room.base}/check-in").text
    assert "Opens at 08:45" in early
    assert "data:image" not in early


@pytest.mark.goal("SCH-21")
def test_the_trainer_sees_each_check_in_and_can_refuse_it(room: Room) -> None:
    """With a reason, or not at all; it is proposed no more, its phone is free again, and the list says who used it before."""
    phone = room.app.test_client()
    room.scan(phone, room.number(0))
    address = f"{room.base}/check-in/people/{room.online.enrolled[0].id}"

    assert room.trainer.post(address, data={"reason": " "}).status_code == 422
    room.clock.at += timedelta(seconds=1)
    assert room.trainer.post(address, data={"reason": "Not in the room"}).status_code == 303
    assert room.trainer.post(address, data={"reason": "Again"}).status_code == 409
    room.clock.at += timedelta(seconds=1)
    assert room.scan(phone, room.number(1)).status_code == 303

    page = room.trainer.get(f"{room.base}/check-in/people").text
    assert "Not in the room – Karimov A." in page
    assert "the same phone as Abdiev Aigerim" in page
    sight = checkin.sight_of(room.db, room.online.meeting, queries.expected(room.db, room.online.run, room.online.meeting))
    assert [bool(sight.of(one.id).scanned) for one in room.online.enrolled] == [False, True]


@pytest.mark.goal("SCH-21")
def test_a_check_in_counts_after_the_trainer_took_it_over(room: Room) -> None:
    """On the roll it is a proposal; one press notes it as seen by phone, leaves what people noted, and can be undone."""
    room.scan(room.app.test_client(), room.number(0))
    room.scan(room.app.test_client(), room.number(1))
    rows.make_mark(room.db, room.online.meeting, room.online.enrolled[1], "excused")
    room.db.commit()

    assert "Take over 1 seen by devices" in room.trainer.get(f"{room.base}/attendance").text
    room.trainer.post(f"{room.base}/attendance", data={"do": "seen"})

    room.db.expire_all()
    notes = queries.marks_of(room.db, room.online.meeting.id)
    held = [notes[one.id][0].mark for one in room.online.enrolled]
    assert [(one.status, one.channel) for one in held] == [("present", "qr"), ("excused", "roll-call")]
    room.trainer.post(f"{room.base}/attendance", data={"do": f"undo:{held[0].batch}"})
    room.db.expire_all()
    assert queries.status_of(queries.marks_of(room.db, room.online.meeting.id)[room.online.enrolled[0].id]) == "unset"


@pytest.mark.goal("SCH-21")
def test_one_phone_at_two_names_in_the_same_moment(own_database: Database) -> None:
    """Two requests of one phone for two people at once: one checks in, the other is refused, whatever the order."""
    with own_database.sessions(expire_on_commit=False) as db:
        db.info["writing"] = True
        online = Online(db, allows_phones=True)
        now = rows.at(online.run, "09:00")
        db.commit()
    begin = threading.Barrier(2)

    def come(person: Person) -> bool:
        with own_database.sessions() as db:
            run, meeting = db.get_one(CourseRun, online.run.id), db.get_one(Meeting, online.meeting.id)
            begin.wait(5)
            try:
                checkin.check_in(db, run, meeting, typed=person.service_number, device="one phone", now=now)
            except Conflict:
                return False
            db.commit()
            return True

    with ThreadPoolExecutor(2) as threads:
        came = list(threads.map(come, online.trainees))

    assert sorted(came) == [False, True]
    with own_database.sessions() as db:
        assert db.scalar(sa.select(sa.func.count()).select_from(Presence)) == 1


@pytest.mark.goal("SCH-20")
def test_a_roll_costs_the_same_for_two_people_and_for_many(room: Room, counted: Callable[[], Any]) -> None:
    """What phones, rooms and PCs saw of everybody is asked for at once."""

    def cost() -> int:
        room.db.commit()
        with counted() as statements:
            assert room.trainer.get(f"{room.base}/attendance").status_code == 200
        return len(statements)

    room.trainer.get(f"{room.base}/attendance")
    few = cost()
    for n in range(8):
        one = enrol(room.db, room.online.run)
        room.db.add(Presence(meeting_id=room.online.meeting.id, enrolment_id=one.id, what=("scanned", "joined")[n % 2], at=clock.now(), device=f"d{n}"))
    assert cost() == few
