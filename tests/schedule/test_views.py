"""Pages of meetings by plain forms, as a browser without JavaScript sends them."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app import clock
from app.offices.models import Office, Seat
from app.people.models import Person
from app.policy import Role
from app.runs.models import CourseRun, Enrolment
from app.schedule import queries, rules
from app.schedule.models import Meeting
from tests import factories
from tests.quizzes import rows as quizzes
from tests.runs import rows as runs
from tests.schedule import rows


class At(clock.Clock):
    """A clock that stands."""

    def __init__(self, at: datetime) -> None:
        super().__init__()
        self.at = at

    def now(self) -> datetime:
        """Always the same moment."""
        return self.at


class Class:
    """An office with a run that has a morning, three people, a trainer, and a class manager at her PC."""

    def __init__(self, db: Session, client_of: Callable[[Person], FlaskClient]) -> None:
        self.db = db
        self.office: Office = factories.make_office(db)
        self.run: CourseRun = runs.make_run(db, self.office)
        self.trainer: Person = factories.make_staff(db, Role.TRAINER, self.office, family="Karimov")
        runs.teach(db, self.run, self.trainer)
        self.people: list[Enrolment] = [
            runs.enrol(db, self.run, factories.make_person(db, self.office, family=family)) for family in ("Abdiev", "Bekova", "Dosova")
        ]
        self.meeting: Meeting = rows.make_meeting(db, self.run)
        self.manager: Person = factories.make_staff(db, Role.CLASS_MANAGER, self.office, family="Zhumagulova")
        self.client = client_of(self.manager)

    @property
    def roll(self) -> str:
        """The address of the roll."""
        return f"/runs/{self.run.code}/meetings/{self.meeting.id}/attendance"

    def fields(self, **wishes: tuple[str, str, str]) -> dict[str, str]:
        """A roll as the page sends it: for each of p0, p1, p2 status, minutes, revision seen."""
        sent = {}
        for n, person in enumerate(self.people):
            status, minutes, seen = wishes.get(f"p{n}", ("unset", "", "0"))
            sent |= {f"s-{person.id}": status, f"m-{person.id}": minutes, f"r-{person.id}": seen, f"n-{person.id}": ""}
        return sent

    def held(self) -> list[str]:
        """What holds of the three now."""
        self.db.expire_all()
        notes = queries.marks_of(self.db, self.meeting.id)
        return [queries.status_of(notes.get(one.id, [])).value for one in self.people]


@pytest.fixture
def room(db: Session, client_of: Callable[[Person], FlaskClient]) -> Iterator[Class]:
    """The morning of the first day of a run, ten minutes after it began."""
    made = Class(db, client_of)
    with clock.using(At(rows.at(made.run, "09:10"))):
        sign = client_of(made.manager)  # signed in at this moment, not at that of the machine
        made.client = sign
        yield made


# ---- the timetable ---------------------------------------------------------------------------------------------------


@pytest.mark.goal("TCH-01")
def test_a_planner_takes_over_the_courses_timetable_in_one_step(db: Session, client_of: Callable[[Person], FlaskClient]) -> None:
    """The page says before saving which days are used and what finds no place; one press later the meetings stand."""
    lesson = {"kind": "lesson", "ref": "l1", "minutes": 40, "who": "lead"}
    content = runs.course_content() | {"timetable": [{"parts": [{"starts": "09:00", "items": [lesson]}]}] * 5}
    run = runs.make_run(db, version=runs.make_version(db, content=content))
    planner = factories.make_staff(db, Role.TRAINING_OFFICER, db.get_one(Office, run.office_id))
    client = client_of(planner)

    with clock.using(At(rows.at(run, "08:00"))):
        client = client_of(planner)
        page = client.get(f"/runs/{run.code}/timetable").text
        assert "1 day of the course&#39;s timetable finds no place" in page
        assert client.post(f"/runs/{run.code}/timetable/take-over", data={"which": "course"}).status_code == 303
        assert len(queries.meetings_of(db, run.id)) == 4
        page = client.get(f"/runs/{run.code}/timetable").text
        assert "Karimov" not in page
        assert "lead trainer" in page
        assert client.post(f"/runs/{run.code}/timetable/undo").status_code == 303
        assert queries.meetings_of(db, run.id) == []


@pytest.mark.goal("TCH-01")
def test_the_timetable_prints_with_who_taught(room: Class) -> None:
    """The paper of the training file is a PDF."""
    rows.make_item(room.db, room.meeting)
    room.db.commit()

    paper = room.client.get(f"/runs/{room.run.code}/timetable/paper")

    assert paper.status_code == 200
    assert paper.data.startswith(b"%PDF")


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"starts": "12:00", "ends": "11:00"}, "The meeting ends before it starts."),
        ({"starts": "12:00", "ends": "14:00"}, "This overlaps another meeting of the run, from 09:00 to 13:00."),
        ({"starts": "15:00", "ends": "16:00", "day": "2027-01-01"}, "The run is held from"),
        ({"starts": "", "ends": "16:00"}, "This field is required."),
    ],
)
def test_a_bad_meeting_is_refused_at_its_field(room: Class, sent: dict[str, str], said: str) -> None:
    """Each mistake has its sentence, what was typed stays, nothing is stored."""
    data = {"day": room.run.starts_on.isoformat(), "classroom": "", "place": "Hall"} | sent

    answer = room.client.post(f"/runs/{room.run.code}/timetable/add", data=data)

    assert answer.status_code == 422
    assert said in answer.text
    assert 'value="Hall"' in answer.text
    assert len(queries.meetings_of(room.db, room.run.id)) == 1


def test_a_meeting_is_changed_and_cancelled_with_a_reason(room: Class) -> None:
    """It moves to another hour; cancelled, it stays on the timetable with its reason, and may be held after all."""
    here = f"/runs/{room.run.code}/meetings/{room.meeting.id}"
    data = {"day": room.run.starts_on.isoformat(), "starts": "10:00", "ends": "12:30", "classroom": "", "place": "Room 3"}
    assert room.client.post(here, data=data).status_code == 303
    assert "10:00–12:30" in room.client.get(here).text
    assert room.client.post(f"{here}/cancel", data={"reason": ""}).status_code == 422
    assert room.client.post(f"{here}/cancel", data={"reason": "No power"}).status_code == 303
    assert "No power" in room.client.get(f"/runs/{room.run.code}/timetable").text
    assert room.client.post(f"{here}/restore").status_code == 303
    room.db.expire_all()
    assert room.db.get_one(Meeting, room.meeting.id).state == "planned"


def test_lines_are_added_moved_and_taken_off(room: Class) -> None:
    """A lesson and a break; up, minutes, off. Bad minutes are said at the line."""
    here = f"/runs/{room.run.code}/meetings/{room.meeting.id}"
    room.client.post(f"{here}/lines", data={"what": "lesson:l1", "text": "", "minutes": "40", "who": "lead"})
    room.client.post(f"{here}/lines", data={"what": "break", "text": "", "minutes": "15", "who": "lead"})
    lesson, pause = queries.items_of(room.db, [room.meeting.id])[room.meeting.id]
    assert (lesson.kind, lesson.ref, pause.kind, pause.who) == ("lesson", "l1", "break", None)

    room.client.post(f"{here}/lines/{pause.id}", data={"do": "up"})
    refused = room.client.post(f"{here}/lines/{lesson.id}", data={"do": "save", "minutes": "none", "who": "lead"})
    assert refused.status_code == 422
    assert "Give the minutes, from 1 to 600." in refused.text
    room.client.post(f"{here}/lines/{lesson.id}", data={"do": "save", "minutes": "50", "who": str(room.trainer.id)})
    room.db.expire_all()
    assert [(one.kind, one.minutes, one.teacher_id) for one in queries.items_of(room.db, [room.meeting.id])[room.meeting.id]] == [
        ("break", 15, None), ("lesson", 50, room.trainer.id),
    ]
    room.client.post(f"{here}/lines/{pause.id}", data={"do": "remove"})
    assert len(queries.items_of(room.db, [room.meeting.id])[room.meeting.id]) == 1


# ---- roll call -------------------------------------------------------------------------------------------------------


@pytest.mark.goal("SCH-20")
def test_the_roll_is_taken_without_script(room: Class) -> None:
    """One form: some marked, the rest by one button that touches only unset rows, then undone."""
    answer = room.client.post(room.roll, data=room.fields(p0=("late", "15", "0"), p1=("excused", "", "0")) | {"do": "rest"})
    assert answer.status_code == 303
    assert room.held() == ["late", "excused", "present"]

    page = room.client.get(room.roll).text
    undo = re.search(r'name="do" value="(undo:[^"]+)"', page)
    assert undo is not None
    seen = room.fields(p0=("late", "15", "1"), p1=("excused", "", "1"), p2=("present", "", "1"))
    assert room.client.post(room.roll, data=seen | {"do": undo[1]}).status_code == 303
    assert room.held() == ["late", "excused", "unset"]


@pytest.mark.goal("SCH-20")
def test_who_is_signed_in_at_a_pc_is_offered_and_taken_over(room: Class) -> None:
    """The row says since when somebody is signed in; one button notes all of them as present."""
    hall = factories.make_classroom(room.db, room.office)
    seat = room.db.query(Seat).filter_by(classroom_id=hall.id).first()
    assert seat is not None
    factories.make_sign_in(room.db, room.db.get_one(Person, room.people[1].person_id), kind="pin", seat_id=seat.id)
    room.db.commit()

    page = room.client.get(room.roll).text
    assert "signed in 09:10" in page
    assert "Take over 1 signed in at PCs" in page
    assert room.client.post(room.roll, data=room.fields() | {"do": "sign-ins"}).status_code == 303
    assert room.held() == ["unset", "present", "unset"]


@pytest.mark.goal("SCH-20")
def test_an_excuse_in_advance_is_noted_on_the_same_page(room: Class) -> None:
    """Two days before, only excused is open; it stays when the rest is marked on the day."""
    with clock.using(At(rows.at(room.run, "10:00", rows.later(room.run, -2)))):
        page = room.client.get(room.roll).text
        assert "In advance only “excused” can be noted" in page
        assert "Mark the 3 unset as present" not in page
        assert room.client.post(room.roll, data=room.fields(p1=("excused", "", "0")) | {"do": "save"}).status_code == 303
    room.client.post(room.roll, data=room.fields(p1=("excused", "", "1")) | {"do": "rest"})

    assert room.held() == ["present", "excused", "present"]


@pytest.mark.goal("SCH-20")
def test_what_cannot_be_taken_stays_on_the_page(room: Class) -> None:
    """Late without minutes: 422, the sentence at its row, everything typed is still there, nothing is saved."""
    answer = room.client.post(room.roll, data=room.fields(p0=("late", "", "0"), p2=("absent", "", "0")) | {"do": "save"})

    assert answer.status_code == 422
    assert "Give the minutes." in answer.text
    assert re.search(rf'name="s-{room.people[2].id}" value="absent" checked', answer.text)
    assert room.held() == ["unset", "unset", "unset"]


@pytest.mark.goal("SCH-20")
def test_the_second_of_two_is_told_what_the_first_noted(room: Class) -> None:
    """409 names who noted what, and what he himself wanted; his other rows are saved."""
    room.client.post(room.roll, data=room.fields(p0=("late", "15", "0")) | {"do": "save"})

    answer = room.client.post(room.roll, data=room.fields(p0=("present", "", "0"), p1=("absent", "", "0")) | {"do": "save"})

    assert answer.status_code == 409
    assert "Zhumagulova A. noted “late” at 09:10. You wanted “present”." in answer.text
    assert room.held() == ["late", "absent", "unset"]


def test_the_roll_can_show_only_who_is_not_set(room: Class) -> None:
    """The filter hides those who are set; the sum still counts them."""
    room.client.post(room.roll, data=room.fields(p0=("present", "", "0")) | {"do": "save"})

    page = room.client.get(f"{room.roll}?show=unset").text

    assert "Abdiev" not in page
    assert "Bekova" in page
    assert "Expected 3" in page


def test_the_history_of_a_row_is_on_the_page(room: Class) -> None:
    """Who noted what before can be read."""
    room.client.post(room.roll, data=room.fields(p0=("absent", "", "0")) | {"do": "save"})
    room.client.post(room.roll, data=room.fields(p0=("late", "20", "1")) | {"do": "save"})

    page = room.client.get(room.roll).text

    assert "changed 1 times" in page
    assert page.count("Zhumagulova A.") >= 3


@pytest.mark.goal("SCH-23")
def test_the_page_shows_the_sum_against_the_rule(room: Class) -> None:
    """3 h 40 min of 4 h are 92 % and reach the rule of 80 %; nothing noted is below it."""
    room.client.post(room.roll, data=room.fields(p0=("late", "20", "0")) | {"do": "save"})

    page = room.client.get(f"/runs/{room.run.code}/attendance").text

    assert "3 h 40 min of 4 h" in page
    assert "92\N{NO-BREAK SPACE}%" in page
    assert "80\N{NO-BREAK SPACE}% reached" in page
    assert "below 80\N{NO-BREAK SPACE}%" in page


# ---- the sheet -------------------------------------------------------------------------------------------------------


def the_sheet(room: Class) -> rules.Sheet:
    """The sheet of the run."""
    return rules.sheets_of(room.run.id, [room.meeting.day])[0]


@pytest.mark.goal("SCH-22", "RUN-11")
def test_the_sheet_prints(room: Class) -> None:
    """A PDF, for the run and for one day."""
    for query in ("", f"?day={room.meeting.day}"):
        paper = room.client.get(f"/runs/{room.run.code}/attendance/sheet{query}")
        assert paper.status_code == 200
        assert paper.data.startswith(b"%PDF")


@pytest.mark.goal("SCH-22", "RUN-11")
def test_a_column_is_keyed_in_by_letters_and_codes(room: Class) -> None:
    """Line by line, by code, and the rest present: then the roll has it all, noted as from the sheet."""
    address = f"/runs/{room.run.code}/attendance/key?sheet={the_sheet(room).code.lower()}&meeting={room.meeting.id}"
    assert f"k-{room.people[0].id}" in room.client.get(address).text
    code = rules.person_code(room.people[1].number)

    answer = room.client.post(address, data={f"k-{room.people[0].id}": "x", "codes": f"{code.lower()} L15", "rest": "on"})

    assert answer.status_code == 303
    assert room.held() == ["absent", "late", "present"]


@pytest.mark.goal("SCH-22")
def test_differences_are_shown_and_settled(room: Class) -> None:
    """What is recorded otherwise is said row by row (409) and taken over only when ticked."""
    room.client.post(room.roll, data=room.fields(p0=("present", "", "0")) | {"do": "save"})
    address = f"/runs/{room.run.code}/attendance/key?sheet={the_sheet(room).code}&meeting={room.meeting.id}"
    first = room.people[0].id

    answer = room.client.post(address, data={f"k-{first}": "X"})
    assert answer.status_code == 409
    assert "1 row is different" in answer.text
    assert room.held()[0] == "present"

    assert room.client.post(address, data={f"k-{first}": "X", f"take-{first}": "on"}).status_code == 303
    assert room.held()[0] == "absent"


@pytest.mark.goal("SCH-22")
def test_the_sheet_of_another_run_or_day_is_refused_by_name(room: Class) -> None:
    """Another run's sheet names that run, another day's that day, an unknown code says where the code stands."""
    other = runs.make_run(room.db)
    there = rows.make_meeting(room.db, other)
    room.db.commit()
    tuesday = rules.sheet_of(room.run.id, rows.later(room.run, 1), rows.later(room.run, 1))
    foreign = rules.sheets_of(other.id, [there.day])[0]

    def said(sheet: str) -> str:
        answer = room.client.get(f"/runs/{room.run.code}/attendance/key", query_string={"sheet": sheet, "meeting": str(room.meeting.id)})
        assert answer.status_code == 422
        assert f"k-{room.people[0].id}" not in answer.text
        return answer.text

    assert f"This is a sheet of another run: {other.code}" in said(foreign.code)
    assert f"This is a sheet of another run: {other.code}" in said(rules.sheet_text(other.code, foreign))
    assert "This is the sheet of Tue 24 Nov of this run. The column chosen is of Mon 23 Nov." in said(tuesday.code).replace("Tue, Nov 24", "Tue 24 Nov").replace("Mon, Nov 23", "Mon 23 Nov")
    assert "No sheet of this run has the code 2222." in said("2222")


def test_an_unknown_code_is_said_at_its_field(room: Class) -> None:
    """Nobody has that code: nothing is saved, what was typed stays."""
    address = f"/runs/{room.run.code}/attendance/key?sheet={the_sheet(room).code}&meeting={room.meeting.id}"

    answer = room.client.post(address, data={"codes": "ZZ X", f"k-{room.people[0].id}": "P"})

    assert answer.status_code == 422
    assert "Nobody on this sheet has the code ZZ." in answer.text
    assert 'value="ZZ X"' in answer.text
    assert room.held() == ["unset", "unset", "unset"]


# ---- who taught ------------------------------------------------------------------------------------------------------


@pytest.mark.goal("TCH-06")
def test_who_taught_is_noted_and_counted_on_the_runs_page(room: Class) -> None:
    """A substitute needs a reason; then the meeting, the timetable and the run's page name him."""
    other = factories.make_person(room.db, room.office, family="Saparov")
    factories.give_role(room.db, other, Role.TRAINER, room.office)
    room.db.commit()
    here, planned = f"/runs/{room.run.code}/meetings/{room.meeting.id}", room.trainer.id
    sent = {"revision": "0", f"how-{planned}": "substitute", f"substitute-{planned}": str(other.id), f"reason-{planned}": ""}

    refused = room.client.post(f"{here}/taught", data=sent)
    assert refused.status_code == 422
    assert "Say why somebody else taught." in refused.text
    assert room.client.post(f"{here}/taught", data=sent | {f"reason-{planned}": "ill"}).status_code == 303

    for page in (here, f"/runs/{room.run.code}/timetable"):
        assert re.search(r"Saparov A\. <span class=\"muted\">\(substitute for Karimov A\.: ill\)", room.client.get(page).text)
    assert re.search(r"Karimov A\. <b>0</b>, Saparov A\. <b>1</b> \(1 for somebody else\)", room.client.get(f"/runs/{room.run.code}").text)


# ---- teach mode ------------------------------------------------------------------------------------------------------


@pytest.mark.goal("TCH-02")
def test_a_lesson_is_projected_and_the_room_follows(room: Class, client_of: Callable[[Person], FlaskClient]) -> None:
    """The trainer turns pages by plain forms; a trainee's PC learns where the room is, and is free when he says so."""
    run = runs.make_run(room.db, room.office, quizzes.make_version(room.db))
    runs.teach(room.db, run, room.trainer)
    enrolment = runs.enrol(room.db, run)
    trainer, trainee = client_of(room.trainer), client_of(room.db.get_one(Person, enrolment.person_id))
    page, asked = f"/runs/{run.code}/teach/zones/1", f"/learn/{enrolment.id}/follow"
    assert trainer.get(f"/runs/{run.code}/teach").status_code == 200
    assert trainer.post(page).status_code == 303
    assert 'class="teach"' in trainer.get(page).text
    assert trainer.get(f"{page}?notes=1").status_code == 200
    assert trainee.get(asked).json == {"follows": False}

    trainer.post(page, data={"follow": "on"})
    assert trainee.get(asked).json == {"follows": True, "url": f"/learn/{enrolment.id}/zones/1"}
    assert "Your PC follows the trainer" in trainee.get(f"/learn/{enrolment.id}/zones/1").text
    assert trainee.get(f"/learn/{enrolment.id}/follow/go").location.endswith("/zones/1")
    assert trainer.get(f"/runs/{run.code}/teach/screen").json["follows"] is True

    trainer.post(f"/runs/{run.code}/teach/end")
    assert trainee.get(asked).json == {"follows": False}


def test_a_page_that_the_lesson_does_not_have_is_not_found(room: Class) -> None:
    """No such page, no such lesson: 404, nothing is projected."""
    for path in ("l1/99", "nothing/1"):
        assert room.client.post(f"/runs/{room.run.code}/teach/{path}").status_code == 404
    assert queries.screen_of(room.db, room.run.id) is None


def test_lists_of_meetings_cost_the_same_for_one_and_for_many(room: Class, counted: Callable[[], Any]) -> None:
    """The timetable asks as many queries for ten meetings as for one."""
    here = f"/runs/{room.run.code}/timetable"
    room.client.get(here)  # the course is read once a process
    with counted() as few:
        room.client.get(here)
    for n in range(1, 4):
        for hours in (("09:00", "10:00"), ("11:00", "12:00"), ("14:00", "15:00")):
            meeting = rows.make_meeting(room.db, room.run, *hours, day=rows.later(room.run, n))
            rows.make_item(room.db, meeting, teacher_id=None)
            rows.make_mark(room.db, meeting, room.people[0])
    room.db.commit()
    with counted() as many:
        room.client.get(here)

    assert len(few) == len(many)


def test_uuid_of_another_run_is_not_found(room: Class) -> None:
    """A meeting is only reached through its own run."""
    other = rows.make_meeting(room.db)
    room.db.commit()

    for id in (other.id, uuid.uuid4()):
        assert room.client.get(f"/runs/{room.run.code}/meetings/{id}/attendance").status_code == 404
