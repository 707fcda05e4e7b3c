"""Meetings of a session: whom its roll expects, closing with who really taught, the result by the rule of hours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app import clock
from app.people.models import Person
from app.schedule import queries, rules
from app.schedule.models import Meeting, Presence, SessionSeat
from tests.factories import a_moment, added, make_person
from tests.online.rows import Online, assign
from tests.runs import rows as runs
from tests.schedule import rows


class At(clock.Clock):
    """A clock that stands until it is moved."""

    def __init__(self, at: datetime) -> None:
        super().__init__()
        self.at = at

    def now(self) -> datetime:
        """The moment that the test has set."""
        return self.at


class Hall(Online):
    """The hybrid session with a co-trainer, at noon of its day, and its trainer at her PC."""

    def __init__(self, db: Session, client_of: Callable[[Person], FlaskClient], at: At) -> None:
        super().__init__(db)
        self.co: Person = make_person(db, self.office, family="Li")
        assign(db, self.session, self.co, "remote", "accepted")
        at.at = rows.at(self.run, "12:00")
        self.clock = at
        self.client: FlaskClient = client_of(self.trainer)

    @property
    def base(self) -> str:
        """The address of the meeting."""
        return f"/runs/{self.run.code}/meetings/{self.meeting.id}"

    def held(self) -> list[str]:
        """What holds of the two trainees."""
        self.db.expire_all()
        notes = queries.marks_of(self.db, self.meeting.id)
        return [queries.status_of(notes.get(one.id, [])).value for one in self.enrolled]

    def taught(self) -> set[tuple[str, str]]:
        """Who is noted to have taught, and as what."""
        self.db.expire_all()
        return {(one.name, one.row.part) for one in queries.taught_at(self.db, [self.meeting.id]).get(self.meeting.id, [])}


@pytest.fixture
def hall(db: Session, client_of: Callable[[Person], FlaskClient]) -> Iterator[Hall]:
    """The hall at noon."""
    at = At(clock.now())
    with clock.using(at):
        yield Hall(db, client_of, at)


def seat(hall: Hall, *states: str) -> None:
    """Seats of the session for its trainees."""
    for place, (person, state) in enumerate(zip(hall.trainees, states, strict=True), 1):
        added(
            hall.db, SessionSeat(session_id=hall.session.id, person_id=person.id, agency_id=person.agency_id, state=state, place=place, since=a_moment()),
        )
    hall.db.commit()


@pytest.mark.goal("SCH-20")
def test_the_roll_names_who_leads_and_where_people_are(hall: Hall) -> None:
    """Code of the session, offset of its clock, its own trainers by their part; room or online for each person, a filter for those online."""
    added(hall.db, Presence(meeting_id=hall.meeting.id, enrolment_id=hall.enrolled[1].id, what="joined", at=rows.at(hall.run, "08:58")))
    hall.db.commit()

    page = hall.client.get(f"{hall.base}/attendance").text
    online = hall.client.get(f"{hall.base}/attendance?show=online").text
    found = hall.client.get(f"{hall.base}/attendance?q=abd").text

    for said in (hall.session.code, "(UTC+5; 4 h)", "Room 2 and online", "Lead: Karimov A.", "Remote support: Li A.", "joined 08:58", "online (1)"):
        assert said in page
    assert "Online by joins: 1; of those noted as come: 0." in page
    assert ("Abdiev Aigerim" in online, "Bekova Aigerim" in online) == (False, True)
    assert ("Abdiev Aigerim" in found, "Bekova Aigerim" in found) == (True, False)
    assert "Nobody is found" in hall.client.get(f"{hall.base}/attendance?q=zzz").text


@pytest.mark.goal("SCH-20", "SCH-24")
def test_the_roll_of_a_session_with_seats_expects_who_sits_in_it(hall: Hall) -> None:
    """Who waits for a seat is on no roll, is not marked with the rest, and loses no hours; a walk-in stands on it."""
    seat(hall, "seated", "waiting")
    walk_in = runs.enrol(hall.db, hall.run, make_person(hall.db, hall.office, family="Guest"), walk_in=True)
    hall.db.commit()

    page = hall.client.get(f"{hall.base}/attendance").text
    hall.client.post(f"{hall.base}/attendance", data={"do": "rest"})

    assert ("Abdiev" in page, "Bekova" in page, "Guest" in page) == (True, False, True)
    assert hall.held() == ["present", "unset"]
    sums = queries.minutes_attended(hall.db, [one.id for one in (*hall.enrolled, walk_in)], now=clock.now())
    assert [(one.minutes, one.planned) for one in sums.values()] == [(240, 240), (0, 0), (240, 240)]


@pytest.mark.goal("TCH-06")
def test_closing_a_meeting_asks_who_is_not_set_and_who_taught(hall: Hall) -> None:
    """Everybody in a slot of the session is proposed; without an answer about the unset, or a substitute without a name, nothing is saved."""
    rows.make_mark(hall.db, hall.meeting, hall.enrolled[0], "present")
    hall.db.commit()
    page = hall.client.get(f"{hall.base}/close").text
    assert "1 person is not set: Bekova Aigerim" in page
    taught = {f"how-{hall.trainer.id}": "taught", f"how-{hall.co.id}": "taught", "revision": "0"}

    unanswered = hall.client.post(f"{hall.base}/close", data=taught)
    nameless = hall.client.post(f"{hall.base}/close", data=taught | {"rest": "absent", f"how-{hall.co.id}": "substitute"})
    assert [unanswered.status_code, nameless.status_code] == [422, 422]
    assert "Say what becomes of those who are not set." in unanswered.text
    assert "Choose who taught instead." in nameless.text
    assert (hall.held(), hall.taught()) == (["present", "unset"], set())

    assert hall.client.post(f"{hall.base}/close", data=taught | {"rest": "absent"}).status_code == 303
    assert (hall.held(), hall.taught()) == (["present", "absent"], {("Karimov A.", "planned"), ("Li A.", "planned")})
    assert hall.client.post(f"{hall.base}/close", data=taught).status_code == 409


@pytest.mark.goal("TCH-06")
def test_closing_can_leave_people_open(hall: Hall) -> None:
    """Said on purpose, the unset stay unset; who taught is noted all the same. Before its day a meeting cannot be closed."""
    data: dict[str, Any] = {"rest": "open", f"how-{hall.trainer.id}": "taught", f"how-{hall.co.id}": "no", "revision": "0"}

    assert hall.client.post(f"{hall.base}/close", data=data).status_code == 303
    assert (hall.held(), hall.taught()) == (["unset", "unset"], {("Karimov A.", "planned")})
    later = rows.make_meeting(hall.db, hall.run, day=rows.later(hall.run, 1), session_id=hall.session.id)
    hall.db.commit()
    address = f"/runs/{hall.run.code}/meetings/{later.id}/close"
    assert "This meeting has not begun yet." in hall.client.get(address).text
    assert hall.client.post(address, data=data).status_code == 409


@pytest.mark.goal("SCH-23")
def test_the_result_of_a_session_is_the_sum_of_its_own_meetings(hall: Hall) -> None:
    """Two sessions of a run: each has its own sum beside that of the run, against the stated rule, in hours that can be added up."""
    other = rows.make_meeting(hall.db, hall.run, "14:00", "18:00", day=rows.later(hall.run, -1))
    for n, minutes in enumerate((None, 60)):
        rows.make_mark(hall.db, hall.meeting, hall.enrolled[n], "present" if minutes is None else "late", minutes=minutes)
    rows.make_mark(hall.db, other, hall.enrolled[0], "absent")
    rows.make_mark(hall.db, other, hall.enrolled[1], "present")
    hall.db.commit()

    whole = hall.client.get(f"/runs/{hall.run.code}/attendance").text
    one = hall.client.get(f"/runs/{hall.run.code}/attendance?session={hall.session.code}").text

    assert ("4 h of 8 h" in whole, "7 h of 8 h" in whole) == (True, True)
    assert ("4 h of 4 h" in one, "3 h of 4 h" in one) == (True, True)
    assert ("80\N{NO-BREAK SPACE}% reached" in one, "below 80\N{NO-BREAK SPACE}%" in one) == (True, True)


@pytest.mark.goal("SCH-20")
def test_a_drafted_meeting_has_no_roll(hall: Hall) -> None:
    """What is only drafted is the planner's alone."""
    draft: Meeting = rows.make_meeting(hall.db, hall.run, "14:00", "16:00", session_id=hall.session.id, state="draft")
    hall.db.commit()

    assert hall.client.get(f"/runs/{hall.run.code}/meetings/{draft.id}/attendance").status_code == 404
    assert hall.client.get(f"/join/{draft.id}").status_code == 404


@pytest.mark.goal("SCH-23")
def test_what_devices_saw_is_taken_over_with_its_minutes(hall: Hall) -> None:
    """Forty minutes late into the online room, by its own word; noted as joined, and taken back with one press."""
    added(hall.db, Presence(meeting_id=hall.meeting.id, enrolment_id=hall.enrolled[0].id, what="joined", at=hall.meeting.starts_at + timedelta(minutes=40)))
    hall.db.commit()

    assert "late by 40 min" in hall.client.get(f"{hall.base}/attendance").text
    hall.client.post(f"{hall.base}/attendance", data={"do": "seen"})

    hall.db.expire_all()
    mark = queries.marks_of(hall.db, hall.meeting.id)[hall.enrolled[0].id][0].mark
    assert (mark.status, mark.minutes, mark.channel) == ("late", 40, "join")


@pytest.mark.goal("SCH-22")
def test_the_sheet_of_a_session_lists_who_sits_in_it(hall: Hall) -> None:
    """Paper and the page for keying it in have the same names as the roll."""
    seat(hall, "seated", "waiting")

    on_paper = queries.expected_on(hall.db, hall.run, [hall.meeting])
    sheet = rules.sheets_of(hall.run.id, [hall.meeting.day])[0]
    page = hall.client.get(f"/runs/{hall.run.code}/attendance/key?sheet={sheet.code}&meeting={hall.meeting.id}").text

    assert [one.name for one in on_paper] == ["Abdiev Aigerim"]
    assert ("Abdiev" in page, "Bekova" in page) == (True, False)
    assert len(queries.expected_on(hall.db, hall.run, [hall.meeting, rows.make_meeting(hall.db, hall.run, "15:00", "16:00")])) == 2
