"""Pages that plan a session, by plain forms as a browser without JavaScript sends them."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app import clock
from app.offices.models import Classroom, Closure, Holiday, Office
from app.people.models import Person
from app.policy import Role
from app.runs.models import CourseRun, Enrolment
from app.schedule import queries, seats, sessions
from app.schedule.models import AgencyQuota, RoomBlocking, SessionSeat, SessionSlot, TrainingSession
from app.trainers.models import Absence
from tests import factories
from tests.factories import a_moment, added
from tests.planning.rows import make_session
from tests.runs import rows as runs
from tests.schedule import rows as meetings

NOW = a_moment(-10)
SIGNED = {"mode": "classroom", "language": "ru", "language_level": "B2", "zone": "Asia/Almaty", "seats": "12", "link_kind": "none"}


class At(clock.Clock):
    """A clock that stands ten days before the run."""

    def now(self) -> datetime:
        """Always the same moment."""
        return NOW


class Desk:
    """A training officer with an office, a classroom of twelve seats, and a run of ten weeks that is given there."""

    def __init__(self, db: Session, client_of: Callable[[Person], FlaskClient]) -> None:
        self.db = db
        self.office: Office = factories.make_office(db)
        self.room: Classroom = factories.make_classroom(db, self.office, seats=12)
        lesson = {"kind": "lesson", "ref": "l1", "minutes": 90, "who": "lead"}
        content = runs.course_content() | {"timetable": [{"parts": [{"starts": "09:00", "items": [lesson]}]}] * 3}
        self.run: CourseRun = runs.make_run(
            db, self.office, version=runs.make_version(db, content=content), classroom_id=self.room.id, place="", ends_on=date(2027, 1, 31), seats=12,
        )
        self.planner: Person = factories.make_staff(db, Role.TRAINING_OFFICER, self.office)
        self.client = client_of(self.planner)

    def post(self, path: str, **data: Any) -> Any:
        """What a form sends."""
        return self.client.post(path, data=data)

    def planned(self, **values: Any) -> str:
        """The code of a new session."""
        answer = self.post("/planning/sessions/new", run=self.run.code, classroom=str(self.room.id), roles=["lead", "co"], **(SIGNED | values))
        assert answer.status_code == 303, errors(answer.text)
        return answer.location.split("/")[3]

    def session(self, code: str) -> TrainingSession:
        """A session as it is stored now."""
        self.db.expire_all()
        return self.db.scalars(sa.select(TrainingSession).where(TrainingSession.code == code)).one()

    def meet(self, code: str, *days: str, **more: str) -> Any:
        """Meetings from nine to one."""
        data = {f"m{n}-{name}": value for n, day in enumerate(days) for name, value in {"day": day, "starts": "09:00", "ends": "13:00", **more}.items()}
        return self.post(f"/planning/sessions/{code}/meetings", **data)

    def days(self, code: str) -> list[str]:
        """The days of the meetings of a session."""
        return [one.day.isoformat() for one in sessions.meetings_of(self.db, self.session(code).id)]


@pytest.fixture
def desk(db: Session, client_of: Callable[[Person], FlaskClient]) -> Any:
    """The training officer at work."""
    with clock.using(At()):
        yield Desk(db, client_of)


def errors(page: str) -> list[str]:
    """What a page says is wrong."""
    return [re.sub(r"<[^>]+>", "", one) for one in re.findall(r'<p class="err"[^>]*>(.*?)</p>|<div class="errsum".*?</div>', page, re.DOTALL)] or re.findall(
        r'class="errsum".*?</div>', page, re.DOTALL
    )


# ---- a session -------------------------------------------------------------------------------------------------------


def test_that_searching_is_practised_is_ticked_and_taken_back(desk: Desk) -> None:
    """It is kept with the session, shown on its form, and goes where the session goes online."""
    code = desk.planned(searches="y")

    assert desk.session(code).searches
    assert "searching is practised" in desk.client.get(f"/planning/sessions/{code}").text
    assert re.search(r'<input checked id="searches"', desk.client.get(f"/planning/sessions/{code}/edit").text)
    desk.post(f"/planning/sessions/{code}/edit", classroom=str(desk.room.id), **SIGNED)
    assert not desk.session(code).searches


@pytest.mark.goal("SCH-01")
def test_a_session_is_planned_by_its_form_and_changed(desk: Desk) -> None:
    """It starts with the values of its run; what was typed is stored; a change says so."""
    page = desk.client.get(f"/planning/sessions/new?run={desk.run.code}").text
    assert f'value="{desk.room.id}"' in page
    code = desk.planned(title="First days")
    session = desk.session(code)
    assert (session.title, session.seats, session.classroom_id, session.state) == ("First days", 12, desk.room.id, "draft")
    assert [one.role for one in desk.db.scalars(sa.select(SessionSlot).where(SessionSlot.session_id == session.id).order_by(SessionSlot.number))] == ["lead", "co"]

    answer = desk.post(f"/planning/sessions/{code}/edit", classroom=str(desk.room.id), **(SIGNED | {"seats": "10", "phone": "+7 700"}))
    assert answer.status_code == 303
    assert (desk.session(code).seats, desk.session(code).phone) == (10, "+7 700")


@pytest.mark.goal("SCH-01")
@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"mode": "hybrid"}, "A hybrid session needs a link"),
        ({"mode": "hybrid", "classroom": "", "link_kind": "plain", "link": "https://a.example/b"}, "needs a classroom or a place for those who come"),
        ({"mode": "online"}, "An online session needs a link"),
        ({"mode": "online", "link_kind": "bbb"}, "No BigBlueButton server is set up here"),
        ({"classroom": ""}, "needs a classroom or a place"),
        ({"seats": "13"}, "The room is too small: it has 12 places, and 13 are needed"),
        ({"zone": "Asia/Atlantis"}, "is no time zone"),
        ({"seats": "many"}, "Not a valid integer value"),
    ],
)
def test_what_is_missing_is_said_at_its_field_and_nothing_is_lost(desk: Desk, values: dict[str, str], sentence: str) -> None:
    """The page comes back with status 422, the sentence and all that was typed; no session is stored."""
    data = SIGNED | {"classroom": str(desk.room.id), "title": "As typed"} | values
    answer = desk.post("/planning/sessions/new", run=desk.run.code, roles=["lead"], **data)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert 'value="As typed"' in answer.text
    assert desk.db.scalar(sa.select(sa.func.count()).select_from(TrainingSession)) == 0


def test_slots_are_added_and_taken_away_and_a_session_is_cancelled(desk: Desk) -> None:
    """An interpreter without a language and a cancellation without a reason are refused at the field."""
    assert 'value="assessor"' in (page := desk.client.get("/planning/sessions/new").text)
    assert 'value="interpreter"' not in page  # nowhere to name his language
    code = desk.planned()
    assert desk.post(f"/planning/sessions/{code}/slots", role="interpreter", language="").status_code == 422
    assert desk.post(f"/planning/sessions/{code}/slots", role="interpreter", language="ru").status_code == 303
    slots = list(desk.db.scalars(sa.select(SessionSlot).where(SessionSlot.session_id == desk.session(code).id).order_by(SessionSlot.number)))
    assert [one.role for one in slots] == ["lead", "co", "interpreter"]
    assert desk.post(f"/planning/sessions/{code}/slots/{slots[1].id}/end").status_code == 303
    assert "Co-trainer" not in re.findall(r'id="slots".*?</table>', desk.client.get(f"/planning/sessions/{code}/edit").text, re.DOTALL)[0]
    assert desk.post(f"/planning/sessions/{code}/cancel", reason="").status_code == 422
    assert desk.post(f"/planning/sessions/{code}/cancel", reason="No line").status_code == 303
    assert (desk.session(code).state, desk.session(code).reason) == ("cancelled", "No line")


# ---- meetings --------------------------------------------------------------------------------------------------------


@pytest.mark.goal("SCH-02")
def test_several_meetings_are_added_at_once_and_a_night_only_with_the_tick(desk: Desk) -> None:
    """Without the tick the sentence says how; with it the meeting has its real hours. What was typed stays."""
    code = desk.planned()
    answer = desk.meet(code, "2026-11-24", "2026-11-25", starts="22:00", ends="02:00")
    assert answer.status_code == 422
    assert "The meeting ends before it starts." in answer.text
    assert 'value="22:00"' in answer.text
    assert desk.days(code) == []
    assert desk.meet(code, "2026-11-24", "2026-11-25", starts="22:00", ends="02:00", next_day="y").status_code == 303
    made = sessions.meetings_of(desk.db, desk.session(code).id)
    assert [queries.minutes_of(one) for one in made] == [240, 240]
    page = desk.client.get(f"/planning/sessions/{code}/meetings").text
    assert "22:00–02:00" in page
    assert "ends the next day" in page


@pytest.mark.goal("SCH-08")
def test_a_clash_of_rooms_is_a_409_on_the_same_page_with_its_name(desk: Desk) -> None:
    """The other session is named and what was typed stays."""
    desk.meet(desk.planned(), "2026-11-24")
    second = desk.planned()
    answer = desk.meet(second, "2026-11-24")
    assert answer.status_code == 409
    assert "is taken by S-2026-0001" in answer.text
    assert 'value="2026-11-24"' in answer.text


@pytest.mark.goal("SCH-02")
def test_a_meeting_is_moved_to_another_zone_and_taken_off(desk: Desk) -> None:
    """The form shows it by its own clock; an unknown zone is told at the field."""
    code = desk.planned()
    desk.meet(code, "2026-11-24")
    (meeting,) = sessions.meetings_of(desk.db, desk.session(code).id)
    path = f"/planning/sessions/{code}/meetings/{meeting.id}"
    assert 'value="09:00"' in desk.client.get(path).text
    moved = {"day": "2026-11-25", "starts": "10:00", "ends": "12:00", "zone": "Asia/Kabul", "classroom": "-", "place": "Kabul"}
    assert desk.post(path, **(moved | {"zone": "Nowhere"})).status_code == 422
    assert desk.post(path, **moved).status_code == 303
    desk.db.expire_all()
    assert (meeting.starts_at, meeting.place, meeting.sequence) == (datetime(2026, 11, 25, 5, 30, tzinfo=ZoneInfo("UTC")), "Kabul", 1)
    assert desk.post(f"{path}/drop").status_code == 303
    assert desk.days(code) == []


def test_a_timetable_that_meets_a_taken_room_is_refused_on_the_page_of_the_meetings(desk: Desk) -> None:
    """The clash is named where the timetable stands, with the way on; no meeting is left behind."""
    other, code = desk.planned(), desk.planned()
    assert desk.meet(other, "2026-11-23").status_code == 303
    answer = desk.post(f"/planning/sessions/{code}/meetings/lay-out", which="course", first="2026-11-23")
    assert answer.status_code == 409
    assert f"is taken by {other}" in answer.text
    assert f'action="/planning/sessions/{code}/meetings/lay-out"' in answer.text
    assert desk.days(code) == []


@pytest.mark.goal("TCH-01")
def test_the_courses_timetable_is_taken_over_in_one_step_and_stays_editable(desk: Desk) -> None:
    """The page says before which days it takes and which are skipped; one press, and the meetings stand with their lessons."""
    added(desk.db, Closure(office_id=desk.office.id, first_day=date(2026, 11, 24), last_day=date(2026, 11, 24), reason="Inspection"))
    code = desk.planned()
    page = desk.client.get(f"/planning/sessions/{code}/meetings").text
    assert "Inspection" in page
    assert desk.post(f"/planning/sessions/{code}/meetings/lay-out", which="course", first="2026-11-23").status_code == 303
    assert desk.days(code) == ["2026-11-23", "2026-11-25", "2026-11-26"]
    page = desk.client.get(f"/planning/sessions/{code}/meetings").text
    assert "Take this timetable over" not in page
    assert "Change the meeting of" in page


def test_the_runs_own_meetings_are_taken_over(desk: Desk) -> None:
    """The page offers it while there are any; nothing ticked is said there."""
    own = meetings.make_meeting(desk.db, desk.run, classroom_id=desk.room.id)
    desk.db.commit()
    code = desk.planned()
    assert f'value="{own.id}" checked' in desk.client.get(f"/planning/sessions/{code}/meetings").text
    answer = desk.post(f"/planning/sessions/{code}/meetings/adopt")
    assert answer.status_code == 422
    assert "Tick the meetings that you take over." in answer.text
    assert desk.post(f"/planning/sessions/{code}/meetings/adopt", meeting=str(own.id)).status_code == 303
    assert desk.days(code) == ["2026-11-23"]
    assert 'id="adopt"' not in desk.client.get(f"/planning/sessions/{code}/meetings").text


@pytest.mark.goal("SCH-15")
def test_a_runs_own_meeting_that_clashes_is_refused_at_its_line(desk: Desk) -> None:
    """It is not ticked and says why; sent all the same, the page comes back with what was ticked, and nothing is taken over."""
    own = [meetings.make_meeting(desk.db, desk.run, day=date(2026, 11, 23) + timedelta(days=n)) for n in range(2)]
    desk.db.commit()
    code = desk.planned()
    assert desk.meet(code, "2026-11-24").status_code == 303
    page = desk.client.get(f"/planning/sessions/{code}/meetings").text
    assert [f'value="{one.id}" checked' in page for one in own] == [True, False]
    assert "Another meeting of this session is from" in page

    answer = desk.post(f"/planning/sessions/{code}/meetings/adopt", meeting=[str(one.id) for one in own])
    assert answer.status_code == 409
    assert [f'value="{one.id}" checked' in answer.text for one in own] == [True, True]
    assert 'id="adopt-err"' in answer.text
    assert desk.days(code) == ["2026-11-24"]


# ---- a series --------------------------------------------------------------------------------------------------------


@pytest.mark.goal("SCH-15")
def test_a_series_is_shown_date_by_date_before_anything_is_saved(desk: Desk) -> None:
    """The holiday wants a decision; undecided it is not saved; shifted it lies on the day after."""
    added(desk.db, Holiday(country_id=desk.office.country_id, day=date(2026, 12, 8), names={"en": "Snow Day"}))
    code = desk.planned()
    desk.meet(code, "2026-11-24")
    rhythm = {"what": "meetings", "every": "1", "first": "2026-12-01", "times": "3", "weekdays": ["2"]}

    page = desk.client.get(f"/planning/sessions/{code}/series", query_string=rhythm)
    assert page.status_code == 200
    assert "Holiday: Snow Day" in page.text
    assert 'name="on-2026-12-08" value="keep"' in page.text
    assert desk.days(code) == ["2026-11-24"]
    refused = desk.post(f"/planning/sessions/{code}/series", **rhythm)
    assert refused.status_code == 422
    assert "Nothing was saved" in refused.text
    assert desk.days(code) == ["2026-11-24"]
    again = desk.post(f"/planning/sessions/{code}/series", preview="1", **{"on-2026-12-08": "shift"}, **rhythm)
    assert again.status_code == 200
    assert "3 meetings would be saved" in again.text
    assert desk.days(code) == ["2026-11-24"]
    assert desk.post(f"/planning/sessions/{code}/series", **{"on-2026-12-08": "shift"}, **rhythm).status_code == 303
    assert desk.days(code) == ["2026-11-24", "2026-12-01", "2026-12-09", "2026-12-15"]


@pytest.mark.goal("SCH-15")
def test_a_series_beyond_the_run_is_pointed_out_and_may_make_it_longer(desk: Desk) -> None:
    """Drafts of their own for each date; with the tick the run ends with the last."""
    desk.db.info["writing"] = True
    desk.run.ends_on = date(2026, 11, 26)
    desk.db.commit()
    code = desk.planned()
    desk.meet(code, "2026-11-24")
    rhythm = {"what": "sessions", "every": "2", "first": "2026-12-01", "times": "2", "weekdays": ["2"]}
    assert "The run has ended by then" in desk.client.get(f"/planning/sessions/{code}/series", query_string=rhythm).text
    assert desk.post(f"/planning/sessions/{code}/series", **rhythm).status_code == 422
    assert desk.post(f"/planning/sessions/{code}/series", stretch="y", **rhythm).status_code == 303
    desk.db.expire_all()
    assert desk.run.ends_on == date(2026, 12, 15)
    assert [desk.days(one) for one in ("S-2026-0002", "S-2026-0003")] == [["2026-12-01"], ["2026-12-15"]]


def test_a_rhythm_that_cannot_be_is_told_at_its_field(desk: Desk) -> None:
    """No number of times, too many, no first day."""
    code = desk.planned()
    desk.meet(code, "2026-11-24")
    base = {"what": "meetings", "every": "1", "first": "2026-12-01", "times": "3"}
    for wrong in ({"times": "0"}, {"times": "400"}, {"times": "x"}, {"first": "soon"}, {"every": "9"}):
        assert desk.client.get(f"/planning/sessions/{code}/series", query_string=base | wrong).status_code == 422, wrong
        assert desk.post(f"/planning/sessions/{code}/series", **(base | wrong)).status_code == 422, wrong


# ---- seats -----------------------------------------------------------------------------------------------------------


@pytest.mark.goal("SCH-24")
def test_seats_are_given_freed_and_refilled_on_the_page(desk: Desk) -> None:
    """Everybody is seated with one press, the third waits; taking one off needs a reason and promotes him by name."""
    people = [runs.enrol(desk.db, desk.run, factories.make_person(desk.db, desk.office, family=name)) for name in ("Abdiev", "Bekova", "Dosova")]
    desk.db.commit()
    code = desk.planned(seats="2")
    assert desk.post(f"/planning/sessions/{code}/seats/all").status_code == 303
    seat = desk.db.scalars(sa.select(SessionSeat).where(SessionSeat.person_id == people[0].person_id)).one()
    refused = desk.post(f"/planning/sessions/{code}/seats/{seat.id}/off", reason="")
    assert refused.status_code == 422
    assert "Say why: he is told." in refused.text
    assert desk.post(f"/planning/sessions/{code}/seats/{seat.id}/off", reason="Ill").status_code == 303
    page = desk.client.get(f"/planning/sessions/{code}/seats").text
    assert "Promoted from the wait-list: Dosova A." in page
    assert re.search(r'id="seated".*?2 of 2', page, re.DOTALL)


@pytest.mark.goal("SCH-24")
def test_somebody_is_found_put_on_the_list_and_quotas_are_kept(desk: Desk) -> None:
    """Quotas beyond the seats are refused; somebody of another office cannot be put on the list by his id."""
    person = factories.make_person(desk.db, desk.office, family="Zhumabekov")
    stranger = factories.make_person(desk.db, family="Stranger")
    desk.db.commit()
    code = desk.planned(seats="2")
    assert "Zhumabekov" in desk.client.get(f"/planning/sessions/{code}/seats?q={person.service_number}").text
    assert desk.post(f"/planning/sessions/{code}/seats/add", person=str(person.id)).status_code == 303
    assert desk.post(f"/planning/sessions/{code}/seats/add", person=str(person.id)).status_code == 409
    assert desk.post(f"/planning/sessions/{code}/seats/add", person=str(stranger.id)).status_code == 422
    assert desk.post(f"/planning/sessions/{code}/seats/add", person="x").status_code == 422
    assert desk.db.scalar(sa.select(Enrolment.state).where(Enrolment.person_id == person.id)) == "enrolled"
    assert desk.post(f"/planning/sessions/{code}/seats/quotas", **{f"quota-{person.agency_id}": "3"}).status_code == 422
    assert desk.post(f"/planning/sessions/{code}/seats/quotas", **{f"quota-{person.agency_id}": "two"}).status_code == 422
    assert desk.post(f"/planning/sessions/{code}/seats/quotas", **{f"quota-{person.agency_id}": "2"}).status_code == 303
    assert desk.db.scalar(sa.select(AgencyQuota.seats).where(AgencyQuota.agency_id == person.agency_id)) == 2


@pytest.mark.goal("SCH-24")
def test_a_promoted_person_declines_his_own_seat_with_one_press(desk: Desk, client_of: Callable[[Person], FlaskClient]) -> None:
    """His page says when and where; the press gives the seat to the next; nobody else can press for him; a draft is not shown."""
    session = make_session(desk.db, desk.run, seats=1, state="released")
    first, second = (factories.make_person(desk.db, desk.office, family=name) for name in ("Abdiev", "Bekova"))
    rows = [seats.put_on_list(desk.db, session, one, language="ru", by=desk.planner.id, now=NOW) for one in (first, second)]
    mine, other = client_of(first), client_of(second)
    page = mine.get(f"/my/seats/{rows[0].id}").text
    assert "You have a seat." in page
    assert "Room 2" in page
    assert other.post(f"/my/seats/{rows[0].id}/decline").status_code == 404
    assert mine.post(f"/my/seats/{rows[0].id}/decline").status_code == 303
    desk.db.expire_all()
    assert [one.state for one in rows] == ["declined", "seated"]
    assert "You came from the wait-list" in other.get(f"/my/seats/{rows[1].id}").text
    desk.db.info["writing"] = True
    session.state = "draft"
    desk.db.commit()
    assert mine.get(f"/my/seats/{rows[0].id}").status_code == 404


@pytest.mark.goal("PLN-04")
def test_an_order_is_noted_and_its_list_prints_as_a_draft(desk: Desk) -> None:
    """Without number and date it is refused; then the list says it, and the paper is a PDF."""
    person = factories.make_person(desk.db, desk.office, family="Abdiev")
    runs.enrol(desk.db, desk.run, person)
    desk.db.commit()
    code = desk.planned()
    assert desk.client.get(f"/planning/sessions/{code}/seats/order").status_code == 422
    desk.post(f"/planning/sessions/{code}/seats/all")
    refused = desk.post(f"/planning/sessions/{code}/seats/order", person=[str(person.id)], number="", on="")
    assert refused.status_code == 422
    assert "Give the number of the order." in refused.text
    assert desk.post(f"/planning/sessions/{code}/seats/order", number="114", on="2026-11-02").status_code == 422
    assert desk.post(f"/planning/sessions/{code}/seats/order", person=[str(person.id)], number="114", on="2026-11-02").status_code == 303
    assert "114, 2 Nov 2026" in desk.client.get(f"/planning/sessions/{code}/seats").text
    paper = desk.client.get(f"/planning/sessions/{code}/seats/order")
    assert paper.data.startswith(b"%PDF")


# ---- days without classes, absences ----------------------------------------------------------------------------------


def test_closures_holidays_and_blockings_are_noted_and_lifted(desk: Desk) -> None:
    """A last day before the first, a holiday twice and an end before the start are told at the field."""
    db, top = desk.db, factories.make_office(desk.db)
    db.commit()
    days = {"first_day": "2026-12-01", "last_day": "2026-12-03", "reason": "Repairs"}
    assert desk.post("/planning/closures", office=str(desk.office.id), **(days | {"last_day": "2026-11-30"})).status_code == 422
    assert desk.post("/planning/closures", office=str(top.id), **days).status_code == 422
    assert desk.post("/planning/closures", office=str(desk.office.id), **days).status_code == 303
    closure = db.scalars(sa.select(Closure)).one()
    assert "Repairs" in desk.client.get("/planning/closures").text
    assert desk.post(f"/planning/closures/{closure.id}/lift").status_code == 303
    assert desk.post(f"/planning/closures/{closure.id}/lift").status_code == 409

    holiday = {"country": str(desk.office.country_id), "day": "2026-12-16", "name_en": "Independence Day"}
    assert desk.post("/planning/holidays", **(holiday | {"name_en": ""})).status_code == 422
    assert desk.post("/planning/holidays", **holiday).status_code == 303
    assert desk.post("/planning/holidays", **holiday).status_code == 422
    assert desk.post(f"/planning/holidays/{db.scalars(sa.select(Holiday.id)).one()}/remove").status_code == 303

    code = desk.planned()
    desk.meet(code, "2026-12-02")
    blocking = {"classroom": str(desk.room.id), "first_day": "2026-12-02", "last_day": "2026-12-02", "starts": "08:00", "ends": "12:00", "reason": "Paint"}
    assert desk.post("/planning/blockings", **(blocking | {"ends": "07:00"})).status_code == 422
    assert desk.post("/planning/blockings", **blocking).status_code == 303
    page = desk.client.get("/planning/closures").text
    assert "Meetings that are planned there at that time: 1." in page
    assert desk.post(f"/planning/blockings/{db.scalars(sa.select(RoomBlocking.id)).one()}/lift").status_code == 303


@pytest.mark.goal("PLN-03")
def test_shifts_are_noted_as_a_pattern_and_for_a_whole_unit(desk: Desk) -> None:
    """A 24-hour shift every fourth day, to the day named; the code of an office means its staff."""
    person = factories.make_person(desk.db, desk.office, family="Abdiev")
    desk.db.commit()
    shift = {
        "kind": "shift", "first_day": "2026-11-20", "starts": "09:00", "last_day": "2026-11-21", "ends": "09:00", "every": "4", "until": "2026-12-02",
    }
    assert desk.post("/planning/absences", who="99", **shift).status_code == 422
    assert desk.post("/planning/absences", who=person.service_number, **(shift | {"until": ""})).status_code == 422
    assert desk.post("/planning/absences", who=person.service_number, **(shift | {"last_day": "2026-11-19"})).status_code == 422
    assert desk.post("/planning/absences", who=person.service_number, **shift).status_code == 303
    mine = list(desk.db.scalars(sa.select(Absence).where(Absence.person_id == person.id).order_by(Absence.starts_at)))
    assert [one.starts_at.astimezone(ZoneInfo("Asia/Almaty")).day for one in mine] == [20, 24, 28, 2]
    assert {one.ends_at - one.starts_at for one in mine} == {timedelta(hours=24)}
    whole = {"kind": "deployment", "first_day": "2026-12-05", "last_day": "2026-12-06"}
    assert desk.post("/planning/absences", who=desk.office.code.lower(), **whole).status_code == 303
    assert desk.db.scalar(sa.select(sa.func.count()).where(Absence.kind == "deployment")) == 2
    page = desk.client.get("/planning/absences").text
    assert "09:00–09:00" in page
    assert desk.post(f"/planning/absences/{mine[0].id}/take-back").status_code == 303


@pytest.mark.goal("PLN-03")
def test_a_list_of_absences_is_taken_over_whole_or_not_at_all(desk: Desk) -> None:
    """Each wrong row is told with its number and nothing is stored; the mended file is taken over, a second time without doubles."""
    person = factories.make_person(desk.db, desk.office, family="Abdiev")
    desk.db.commit()

    def send(text: str) -> Any:
        return desk.client.post("/planning/absences/import", data={"file": (io.BytesIO(text.encode()), "shifts.csv")}, content_type="multipart/form-data")

    head = "number;why;from;to;note\n"
    bad = head + f"{person.service_number};leave;2026-12-01;2026-12-05;\n{person.service_number};holiday;2026-12-01;;\n99;shift;2026-12-01;;\n{person.service_number};sick;31.02.2026;;\n"
    answer = send(bad)
    assert answer.status_code == 422
    assert "Row 3:" in answer.text
    assert "Row 5:" in answer.text
    assert "“31.02.2026” is no day" in answer.text
    assert desk.db.scalar(sa.select(sa.func.count()).select_from(Absence)) == 0

    unknown = send(head + f"{person.service_number};leave;2026-12-01;2026-12-05;\n99;shift;2026-12-01;;\n")
    assert unknown.status_code == 422
    assert "99 is nobody of your offices." in unknown.text
    assert desk.db.scalar(sa.select(sa.func.count()).select_from(Absence)) == 0

    good = head + f"{person.service_number};Leave;01.12.2026;05.12.2026;by order\n{person.service_number};duty shift;24.11.2026 09:00;25.11.2026 09:00;\n"
    assert send(good).status_code == 303
    assert send(good).status_code == 303
    mine = list(desk.db.scalars(sa.select(Absence).order_by(Absence.starts_at)))
    assert [(one.kind, one.ends_at - one.starts_at, one.note) for one in mine] == [("shift", timedelta(hours=24), ""), ("leave", timedelta(days=5), "by order")]
    assert desk.client.post("/planning/absences/import", data={}, content_type="multipart/form-data").status_code == 422
    assert send("no table").status_code == 422


@pytest.mark.goal("SCH-01")
def test_lists_take_the_same_number_of_queries_for_few_and_many(desk: Desk, counted: Callable[[], Any]) -> None:
    """The page of seats and the page of meetings."""
    code = desk.planned()
    desk.meet(code, "2026-11-24")
    found = []
    for names in (("Abdiev",), ("Bekova", "Dosova", "Ermekov")):
        for name in names:
            runs.enrol(desk.db, desk.run, factories.make_person(desk.db, desk.office, family=name))
        desk.db.commit()
        desk.post(f"/planning/sessions/{code}/seats/all")
        desk.client.get(f"/planning/sessions/{code}/seats")
        with counted() as statements:
            assert desk.client.get(f"/planning/sessions/{code}/seats").status_code == 200
        found.append(len(statements))
    assert found[0] == found[1]



@pytest.mark.goal("PLN-03")
def test_whoever_nominates_sees_who_is_away_on_the_days_of_the_run(desk: Desk) -> None:
    """A duty shift that touches the run stands beside the officer; one before it does not."""
    shift, before = (factories.make_person(desk.db, desk.office, family=name) for name in ("Abdiev", "Bekova"))
    first = datetime(2026, 11, 23, 3, tzinfo=ZoneInfo("UTC"))
    added(desk.db, Absence(person_id=shift.id, kind="shift", starts_at=first, ends_at=first + timedelta(hours=24), zone="Asia/Almaty"))
    added(desk.db, Absence(person_id=before.id, kind="leave", starts_at=first - timedelta(days=9), ends_at=first - timedelta(days=7), zone="Asia/Almaty"))
    desk.db.commit()
    page = desk.client.get(f"/runs/{desk.run.code}/nominate").text
    assert page.count("Away from") == 1
    assert "Away from 23 Nov 2026 to 24 Nov 2026" in page
