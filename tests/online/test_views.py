"""The page of an online meeting in words, and the way into the room."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app import clock, create_app
from app.db import Database
from app.online import polling
from app.online.models import OnlineRoom
from app.people.models import Person
from app.schedule.models import Presence, SessionSeat
from config import Config
from tests.factories import a_moment, added, make_sign_in
from tests.online import fake_bbb, rows
from tests.schedule import rows as schedule


class Moving(clock.Clock):
    """A clock that stands until a test moves it."""

    def __init__(self, at: datetime) -> None:
        super().__init__()
        self.at = at

    def now(self) -> datetime:
        """The moment that the test has set."""
        return self.at


class House:
    """A node with a video server, the session of rows.Online, and browsers signed in as its people."""

    def __init__(self, db: Session, database: Database, settings: Config, clock: Moving, fake: fake_bbb.Fake, **session: Any) -> None:
        self.db, self.database, self.clock, self.fake = db, database, clock, fake
        self.config = Config(
            NODE="test", INSTANCE=settings.INSTANCE, SECRET_KEY="k" * 40, PEPPER="p" * 40, BBB_URL=fake.url, BBB_SECRET=fake_bbb.SECRET,
            JITSI_URL="https://meet.example", JITSI_SECRET="j" * 40, ZONE="Asia/Almaty",
        )
        self.app: Flask = create_app(self.config, database)
        self.app.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
        self.online = rows.Online(db, **session)

    def client(self, person: Person) -> FlaskClient:
        """A browser signed in as a person."""
        token = make_sign_in(self.db, person)
        self.db.commit()
        client = self.app.test_client()
        with client.session_transaction() as cookie:
            cookie["_user_id"] = token
            cookie["_fresh"] = True
        return client

    def at(self, hour: str) -> None:
        """It is this hour of the day of the meeting, where the meeting is held."""
        self.clock.at = schedule.at(self.online.run, hour)

    def presence(self) -> list[str]:
        """What was noted of the first trainee, in order."""
        self.db.expire_all()
        return list(self.db.scalars(sa.select(Presence.what).where(Presence.enrolment_id == self.online.enrolled[0].id).order_by(Presence.at)))


@pytest.fixture
def fake() -> Iterator[fake_bbb.Fake]:
    """A BigBlueButton server on loopback."""
    with fake_bbb.serving() as server:
        yield server


@pytest.fixture
def house(db: Session, database: Database, settings: Config, fake: fake_bbb.Fake) -> Iterator[Callable[..., House]]:
    """`house(link_kind="plain", link=…)`: the session as a test wants it, at 09:00."""
    moving = Moving(clock.now())
    with clock.using(moving):

        def make(**session: Any) -> House:
            made = House(db, database, settings, moving, fake, **session)
            made.at("09:00")
            return made

        yield make


def link_of(page: str) -> str:
    """Where the page leads by itself."""
    found = re.search(r'http-equiv="refresh" content="1;url=([^"]+)"', page)
    assert found, page
    return found[1]


# ---- what holds ------------------------------------------------------------------------------------------------------


@pytest.mark.goal("SCH-18")
@pytest.mark.parametrize(
    ("hour", "said"),
    [
        ("08:00", "The room opens on 23 Nov 2026 at 08:45, your time (UTC+5)"),
        ("08:45", "Open; the trainer has not begun yet"),
        ("13:10", "Open; the trainer has not begun yet"),
        ("13:15", "This meeting has ended"),
    ],
)
def test_the_page_says_in_words_what_holds(house: Callable[..., House], hour: str, said: str) -> None:
    """Too early, open and ended each have their sentence; who missed it is told whom to ask."""
    made = house()
    made.at(hour)

    page = made.client(made.online.trainees[0]).get(made.online.join).text

    assert said in page
    assert ("<button class=\"btn btn-main btn-big go\">" in page) == (said.startswith("Open"))
    assert ("ask Karimov A. what to do" in page) == (hour == "13:15")


@pytest.mark.goal("SCH-18")
def test_the_hour_is_the_readers_own(house: Callable[..., House]) -> None:
    """Who reads in another zone is told his own hour, with its name, and the hour where the meeting is held."""
    made = house()
    office = made.online.office
    office.zone = "Asia/Kolkata"
    made.at("08:00")

    page = made.client(made.online.trainees[0]).get(made.online.join).text

    assert "at 09:15, your time (UTC+5:30)" in page
    assert "23 Nov 2026, 09:00 UTC+5" in page


@pytest.mark.goal("SCH-18")
def test_a_cancelled_meeting_says_so_with_the_reason(house: Callable[..., House]) -> None:
    """Whatever the hour, and no button."""
    made = house()
    made.online.meeting.state, made.online.meeting.reason = "cancelled", "The trainer is ill"

    page = made.client(made.online.trainees[0]).get(made.online.join).text

    assert "This meeting is cancelled" in page
    assert "The reason given: The trainer is ill" in page
    assert "btn-big" not in page


@pytest.mark.goal("SCH-17")
def test_a_room_is_nobodys_who_does_not_take_part(house: Callable[..., House]) -> None:
    """A stranger, who waits for a seat, and a drafted meeting: there is nothing here; nobody signed in: sign in first."""
    made = house()
    stranger = made.client(made.online.stranger)
    assert stranger.get(made.online.join).status_code == 404
    assert stranger.post(made.online.join).status_code == 404
    assert made.app.test_client().get(made.online.join).status_code == 302

    for place, (person, state) in enumerate(zip(made.online.trainees, ("seated", "waiting"), strict=True), 1):
        added(
            made.db,
            SessionSeat(session_id=made.online.session.id, person_id=person.id, agency_id=person.agency_id, state=state, place=place, since=a_moment()),
        )
    assert [made.client(person).get(made.online.join).status_code for person in made.online.trainees] == [200, 404]
    made.online.meeting.state = "draft"
    assert made.client(made.online.trainees[0]).get(made.online.join).status_code == 404


@pytest.mark.goal("SCH-19")
def test_a_plain_link_works_only_while_the_room_is_open(house: Callable[..., House]) -> None:
    """No video server: the link is followed from a quarter of an hour before, nobody waits for the trainer, and no page shows it."""
    made = house(link_kind="plain", link="https://meet.border.example/room-7")

    led = {}
    for hour in ("08:44", "08:45", "13:14", "13:15"):
        made.at(hour)
        client = made.client(made.online.trainees[0])
        pages = [client.get(made.online.join), client.post(made.online.join), client.get(f"{made.online.join}/wait")]
        assert all("room-7" not in page.text for page in pages)
        led[hour] = client.get(link_of(pages[2].text)).headers["Location"] if pages[2].status_code == 200 else ""

    there = "https://meet.border.example/room-7"
    assert led == {"08:44": "", "08:45": there, "13:14": there, "13:15": ""}
    assert made.presence() == ["joined"]


@pytest.mark.goal("SCH-19")
def test_a_room_that_nobody_set_up_says_whom_to_call(house: Callable[..., House]) -> None:
    """Planned for a kind of server that is not here and without a link: the number stands there, and nothing breaks."""
    made = house(link_kind="zoom")

    page = made.client(made.online.trainees[0]).get(made.online.join).text

    assert "there is no video server for it and no link. Call +7 727 555 01 02." in page


# ---- going in --------------------------------------------------------------------------------------------------------


@pytest.mark.goal("SCH-17", "SCH-18")
def test_a_trainee_who_comes_first_waits_and_is_let_in(house: Callable[..., House]) -> None:
    """He waits on a page that asks by itself; when the trainer has begun it goes on, into a room that was made for them."""
    made = house()
    trainee, trainer = made.client(made.online.trainees[0]), made.client(made.online.trainer)
    made.at("08:50")

    assert trainee.post(made.online.join).headers["Location"].endswith("/wait")
    waits = trainee.get(f"{made.online.join}/wait").text
    assert "You are let in by yourself as soon as Karimov A. has begun" in waits
    assert "/join/go/" not in waits
    assert trainee.get(f"{made.online.join}/ready").json == {"go": False}

    made.at("08:58")
    trainer.post(made.online.join)
    lead = trainer.get(link_of(trainer.get(f"{made.online.join}/wait").text))
    assert trainee.get(f"{made.online.join}/ready").json == {"go": True}
    there = trainee.get(link_of(trainee.get(f"{made.online.join}/wait").text))

    assert [answer.status_code for answer in (lead, there)] == [303, 303]
    for answer, role, name in ((lead, "MODERATOR", "Karimov A."), (there, "VIEWER", "Abdiev A.")):
        status, content = made.fake.reply(answer.headers["Location"].removeprefix(made.fake.url.removesuffix("/bigbluebutton/")))
        assert (status, b"successfullyJoined" in content) == (200, True)
        params = parse_qs(urlsplit(answer.headers["Location"]).query)
        assert (params["role"], params["fullName"]) == ([role], [name])
    assert made.presence() == ["joined"]


@pytest.mark.goal("SCH-18")
def test_joining_makes_the_room_again_when_it_is_gone(house: Callable[..., House]) -> None:
    """The video server was restarted: who joins next has the room made anew, and finds the others' way open again."""
    made = house()
    trainer = made.client(made.online.trainer)
    trainer.post(made.online.join)
    link = link_of(trainer.get(f"{made.online.join}/wait").text)
    assert trainer.get(link).status_code == 303
    (room,) = made.fake.rooms
    made.fake.rooms.clear()

    answer = trainer.get(link)

    assert (answer.status_code, list(made.fake.rooms)) == (303, [room])
    assert str(made.online.meeting.id) not in room


@pytest.mark.goal("SCH-17")
def test_a_link_is_useless_after_ten_minutes_and_for_anybody_else(house: Callable[..., House]) -> None:
    """Ten minutes later it leads back to the page, with why; in other hands too; changed by a letter it is none."""
    made = house()
    trainer, trainee = made.client(made.online.trainer), made.client(made.online.trainees[0])
    trainer.post(made.online.join)
    trainee.post(made.online.join)
    link = link_of(trainee.get(f"{made.online.join}/wait").text)
    assert trainee.get(link).status_code == 303

    other = made.client(made.online.trainees[1]).get(link)
    assert other.headers["Location"].endswith(made.online.join)
    assert made.client(made.online.stranger).get(link).status_code == 404
    assert trainee.get(link[:-2] + ("A" if link[-2] != "A" else "B") + link[-1]).status_code == 404

    made.clock.at += timedelta(minutes=10)
    late = trainee.get(link)
    assert late.headers["Location"].endswith(made.online.join)
    assert "held for ten minutes only" in trainee.get(made.online.join).text


@pytest.mark.goal("SCH-17")
def test_no_page_shows_the_address_of_the_video_server(house: Callable[..., House]) -> None:
    """Neither the page before, nor the waiting one, nor that of the trainer: only the redirect of a link that holds names it."""
    made = house()
    trainer, trainee = made.client(made.online.trainer), made.client(made.online.trainees[0])
    pages = [trainee.get(made.online.join), trainer.get(made.online.join)]
    trainer.post(made.online.join)
    trainee.post(made.online.join)
    pages += [client.get(f"{made.online.join}{part}") for client in (trainer, trainee) for part in ("", "/wait")]

    for page in pages:
        assert page.status_code == 200
        assert "bigbluebutton" not in page.text
        assert fake_bbb.SECRET not in page.text


@pytest.mark.goal("SCH-18")
def test_a_video_server_that_does_not_answer_gives_a_number_to_call(house: Callable[..., House]) -> None:
    """Nobody listens, or something else answers: the page says whom to call, and that trying again is right."""
    made = house()
    trainer = made.client(made.online.trainer)
    trainer.post(made.online.join)
    link = link_of(trainer.get(f"{made.online.join}/wait").text)

    for broken in (b"<html>Bad gateway", b"<!DOCTYPE x><response><returncode>SUCCESS</returncode></response>", b""):
        made.fake.answer = broken
        answer = trainer.get(link)
        assert answer.status_code == 503
        assert "Call +7 727 555 01 02, then try again in a minute." in answer.text
    made.fake.answer = None
    assert trainer.get(link).status_code == 303


@pytest.mark.goal("SCH-17")
def test_jitsi_takes_people_in_by_token(house: Callable[..., House]) -> None:
    """The redirect carries a token for this person; the room's name is none that could be guessed."""
    made = house(link_kind="jitsi")
    trainer = made.client(made.online.trainer)
    trainer.post(made.online.join)

    where = trainer.get(link_of(trainer.get(f"{made.online.join}/wait").text)).headers["Location"]

    assert re.fullmatch(r"https://meet\.example/sabaq-[0-9a-f]{32}\?jwt=[\w.-]+", where)
    assert made.fake.asked == []


@pytest.mark.goal("SCH-18")
def test_outside_the_hours_pressing_join_notes_nothing(house: Callable[..., House]) -> None:
    """A page that was left open since yesterday: the press leads to what holds, and nobody is noted as there."""
    made = house()
    made.at("08:30")

    answer = made.client(made.online.trainees[0]).post(made.online.join)

    assert answer.headers["Location"].endswith(made.online.join)
    assert made.presence() == []
    assert made.client(made.online.trainees[0]).get(f"{made.online.join}/wait").status_code == 303


# ---- who left --------------------------------------------------------------------------------------------------------


@pytest.mark.goal("SCH-23")
def test_the_video_server_tells_who_came_and_who_left(house: Callable[..., House]) -> None:
    """Each look notes what changed; who is on his way in has not left; a server that is silent changes nothing; two looks add nothing twice."""
    made = house()
    trainer, trainee = made.client(made.online.trainer), made.client(made.online.trainees[0])
    trainer.post(made.online.join)
    trainee.post(made.online.join)
    made.db.commit()

    def look(hour: str) -> list[str]:
        made.at(hour)
        polling.look(made.database, made.config, clock.now())
        return made.presence()

    trainer.get(link_of(trainer.get(f"{made.online.join}/wait").text))
    (room,) = made.fake.rooms
    assert look("09:01") == ["joined"]
    made.fake.inside[room] = {str(made.online.enrolled[0].id): "VIEWER", "somebody": "VIEWER", str(made.online.trainer.id): "MODERATOR"}
    assert look("09:10") == ["joined"]
    made.fake.answer = b"no"
    assert look("09:20") == ["joined"]
    made.fake.answer = None
    made.fake.inside[room] = {}
    assert look("09:30") == ["joined", "left"]
    assert look("09:31") == ["joined", "left"]
    made.fake.inside[room] = {str(made.online.enrolled[0].id): "VIEWER"}
    assert look("09:40") == ["joined", "left", "joined"]
    made.fake.rooms.clear()
    assert look("12:00") == ["joined", "left", "joined", "left"]


def test_two_trainers_begin_one_room(house: Callable[..., House]) -> None:
    """Whoever comes second finds it begun."""
    made = house()
    other = rows.assign(made.db, made.online.session, made.online.stranger, "co")
    for person in (made.online.trainer, made.online.stranger):
        assert made.client(person).post(made.online.join).status_code == 303

    assert made.db.scalar(sa.select(sa.func.count()).select_from(OnlineRoom)) == 1
    assert other.state == "assigned"
