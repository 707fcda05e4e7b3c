"""The verbs of meetings on a real database: taking over, roll call, sheets, who taught, projecting."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.courses.queries import course_content
from app.db import Database, transaction
from app.errors import Conflict, Invalid
from app.offices.models import Country, Holiday, Office, Seat
from app.people.models import Person, SignIn
from app.runs.models import CourseRun, Enrolment
from app.schedule import queries, rules, services
from app.schedule.minutes import named
from app.schedule.models import Meeting
from app.schedule.rules import Keyed, Line, Span, Status
from app.schedule.services import Teacher, Wish
from tests import factories
from tests.factories import a_moment, added
from tests.quizzes import rows as quizzes
from tests.runs import rows as runs
from tests.schedule import rows

DAY = {
    "parts": [
        {"starts": "09:00", "items": [{"kind": "welcome", "minutes": 15, "who": "manager"}, {"kind": "lesson", "ref": "l1", "minutes": 40, "who": "lead"}]},
        {"starts": "14:00", "items": [{"kind": "lesson", "ref": "l2", "minutes": 60, "who": "lead"}]},
    ]
}


class Roll:
    """A morning with three people, and somebody who takes the roll."""

    def __init__(self, db: Session) -> None:
        self.db = db
        self.run: CourseRun = runs.make_run(db)
        self.people: list[Enrolment] = [runs.enrol(db, self.run) for _ in range(3)]
        self.meeting: Meeting = rows.make_meeting(db, self.run)
        self.by = rows.by(db)
        self.now = rows.at(self.run, "09:10")

    def take(self, wishes: dict[uuid.UUID, Wish], **how: Any) -> services.Taken:
        """Save a roll."""
        return services.take_roll(self.db, self.run, self.meeting, wishes, by=self.by, now=how.pop("now", self.now), **how)

    def held(self) -> list[str]:
        """What holds of the three."""
        notes = queries.marks_of(self.db, self.meeting.id)
        return [queries.status_of(notes.get(one.id, [])).value for one in self.people]


@pytest.fixture
def roll(db: Session) -> Roll:
    """A morning whose roll is to be taken."""
    return Roll(db)


# ---- the timetable ---------------------------------------------------------------------------------------------------


def with_timetable(db: Session, days: int = 2, **values: Any) -> CourseRun:
    """A run of a course that brings a timetable of some days."""
    short = {"parts": [{"starts": "09:00", "items": [{"kind": "closing", "minutes": 30, "who": "lead"}]}]}
    content = runs.course_content() | {"timetable": [DAY] + [short] * (days - 1)}
    return runs.make_run(db, version=runs.make_version(db, content=content), **values)


def proposal(db: Session, run: CourseRun, which: str = "course") -> rules.Proposal:
    """What the run could take over."""
    return queries.proposals_for(db, run, course_content(db, run.course_version_id))[which]


@pytest.mark.goal("TCH-01")
def test_a_run_takes_over_the_timetable_with_its_own_dates(db: Session) -> None:
    """Meetings stand on the run's own days by the clock of its office, with lesson, minutes and who of each line."""
    run = with_timetable(db)

    made = services.take_over(db, run, proposal(db, run), by=rows.by(db), now=rows.at(run, "08:00"))

    assert [(one.day, one.starts_at, one.ends_at) for one in made] == [
        (run.starts_on, rows.at(run, "09:00"), rows.at(run, "09:55")), (run.starts_on, rows.at(run, "14:00"), rows.at(run, "15:00")),
        (rows.later(run, 1), rows.at(run, "09:00", rows.later(run, 1)), rows.at(run, "09:30", rows.later(run, 1))),
    ]
    assert [(one.kind, one.ref, one.minutes, one.who) for one in queries.items_of(db, [made[0].id])[made[0].id]] == [
        ("welcome", None, 15, "manager"), ("lesson", "l1", 40, "lead"),
    ]
    with pytest.raises(Conflict):
        services.take_over(db, run, proposal(db, run), by=rows.by(db), now=rows.at(run, "08:00"))


@pytest.mark.goal("TCH-01")
def test_the_proposal_skips_the_countrys_weekend_and_holidays(db: Session) -> None:
    """A run over a weekend and a holiday: the days off are named, and days without a place are counted."""
    run = with_timetable(db, days=4, starts_on=date(2026, 11, 26), ends_on=date(2026, 11, 30))
    office = db.get_one(Office, run.office_id)
    added(db, Holiday(country_id=db.get_one(Country, office.country_id).id, day=date(2026, 11, 30), names={"en": "A holiday"}))

    found = proposal(db, run)

    assert sorted({one.day.day for one in found.meetings}) == [26, 27]
    assert [one.day.day for one in found.skipped] == [28, 29, 30]
    assert found.left_over == 2


@pytest.mark.goal("TCH-01")
def test_a_timetable_can_be_taken_away_until_something_happened(db: Session) -> None:
    """Before the first meeting it goes as a whole; once somebody is excused, or a meeting has begun, it stays."""
    run, by = with_timetable(db), rows.by(db)
    before = rows.at(run, "08:00")
    services.take_over(db, run, proposal(db, run), by=by, now=before)
    with pytest.raises(Conflict):
        services.undo_take_over(db, run, by=by, now=rows.at(run, "09:00"))
    assert services.undo_take_over(db, run, by=by, now=before) == 3
    assert queries.meetings_of(db, run.id) == []

    made = services.take_over(db, run, proposal(db, run), by=by, now=before)
    rows.make_mark(db, made[0], runs.enrol(db, run), "excused", channel="office")
    with pytest.raises(Conflict):
        services.undo_take_over(db, run, by=by, now=before)


def test_meetings_stay_editable(db: Session) -> None:
    """One is added, moved, shortened, cancelled with a reason and held after all; another over it is refused."""
    run, by, now = runs.make_run(db), rows.by(db), a_moment()
    morning = services.add_meeting(db, run, span=Span(run.starts_on, 540, 780), by=by, now=now, place="Room 3")
    with pytest.raises(Invalid) as refused:
        services.add_meeting(db, run, span=Span(run.starts_on, 700, 800), by=by, now=now)
    assert list(refused.value.fields) == ["starts"]

    services.change_meeting(db, run, morning, span=Span(rows.later(run, 1), 600, 720), by=by, now=now)
    assert (morning.day, morning.starts_at, morning.ends_at) == (
        rows.later(run, 1), rows.at(run, "10:00", rows.later(run, 1)), rows.at(run, "12:00", rows.later(run, 1)),
    )
    with pytest.raises(Invalid):
        services.cancel_meeting(db, run, morning, by=by, now=now, reason=" ")
    services.cancel_meeting(db, run, morning, by=by, now=now, reason="No power")
    assert (morning.state, morning.reason) == ("cancelled", "No power")
    with pytest.raises(Conflict):
        services.change_meeting(db, run, morning, span=Span(run.starts_on, 600, 720), by=by, now=now)
    other = services.add_meeting(db, run, span=Span(rows.later(run, 1), 600, 700), by=by, now=now)
    with pytest.raises(Invalid):
        services.restore_meeting(db, run, morning, by=by, now=now)
    services.cancel_meeting(db, run, other, by=by, now=now, reason="Once more")
    services.restore_meeting(db, run, morning, by=by, now=now)
    assert morning.state == "planned"


def test_lines_move_up_and_down_and_come_off(db: Session) -> None:
    """The order is always 1, 2, 3; a line without minutes, or without words of its own, is refused at its field."""
    run, by, now = runs.make_run(db), rows.by(db), a_moment()
    meeting = rows.make_meeting(db, run)
    made = [services.add_item(db, run, meeting, line=Line("lesson", 40, f"l{n}", "lead"), by=by, now=now) for n in (1, 2, 3)]

    services.move_item(db, run, meeting, made[2], up=True, by=by, now=now)
    services.move_item(db, run, meeting, made[0], up=True, by=by, now=now)
    assert [one.ref for one in queries.items_of(db, [meeting.id])[meeting.id]] == ["l1", "l3", "l2"]
    services.remove_item(db, run, meeting, made[0], by=by, now=now)
    assert [(one.ref, one.place) for one in queries.items_of(db, [meeting.id])[meeting.id]] == [("l3", 1), ("l2", 2)]
    services.change_item(db, run, meeting, made[1], minutes=50, who=None, teacher_id=by, by=by, now=now)
    assert (made[1].minutes, made[1].who, made[1].teacher_id) == (50, None, by)
    with pytest.raises(Invalid) as refused:
        services.add_item(db, run, meeting, line=Line("other", 0), by=by, now=now)
    assert set(refused.value.fields) == {"minutes", "text"}


def test_a_closed_runs_timetable_stays_as_it_is(db: Session) -> None:
    """What is over is not changed any more."""
    run = runs.make_run(db, state="closed")

    with pytest.raises(Conflict):
        services.add_meeting(db, run, span=Span(run.starts_on, 540, 780), by=rows.by(db), now=a_moment())


# ---- roll call -------------------------------------------------------------------------------------------------------


@pytest.mark.goal("SCH-20")
def test_marking_the_rest_changes_only_unset_rows_and_can_be_undone(roll: Roll) -> None:
    """Who is late or excused stays so; undo gives back what was before the bulk mark, and nothing else."""
    late, excused, _rest = (one.id for one in roll.people)
    roll.take({late: Wish(Status.LATE, 0, 15), excused: Wish(Status.EXCUSED, 0, note="leave")})

    assert services.mark_rest(roll.db, roll.run, roll.meeting, by=roll.by, now=roll.now) == 1
    assert roll.held() == ["late", "excused", "present"]
    batch = services.last_batch(queries.marks_of(roll.db, roll.meeting.id))
    assert batch is not None
    assert services.undo_batch(roll.db, roll.run, roll.meeting, batch=batch[0], by=roll.by, now=roll.now) == 1
    assert roll.held() == ["late", "excused", "unset"]
    assert services.last_batch(queries.marks_of(roll.db, roll.meeting.id)) is None
    with pytest.raises(Conflict):
        services.undo_batch(roll.db, roll.run, roll.meeting, batch=batch[0], by=roll.by, now=roll.now)


@pytest.mark.goal("SCH-20")
def test_undo_leaves_rows_that_were_corrected_since(roll: Roll) -> None:
    """A row that somebody changed after the bulk mark keeps his word."""
    services.mark_rest(roll.db, roll.run, roll.meeting, by=roll.by, now=roll.now)
    roll.take({roll.people[1].id: Wish(Status.ABSENT, 1)})
    batch = services.last_batch(queries.marks_of(roll.db, roll.meeting.id))
    assert batch == (batch[0] if batch else None, 2)

    services.undo_batch(roll.db, roll.run, roll.meeting, batch=batch[0], by=roll.by, now=roll.now)

    assert roll.held() == ["unset", "absent", "unset"]


@pytest.mark.goal("SCH-20")
def test_before_the_day_only_excused_can_be_noted_and_it_survives(roll: Roll) -> None:
    """An excuse in advance is the office's; present in advance is refused; the roll call leaves the excuse alone."""
    early = rows.at(roll.run, "10:00", rows.later(roll.run, -2))
    roll.take({roll.people[0].id: Wish(Status.EXCUSED, 0, note="sick note")}, now=early)
    with pytest.raises(Invalid) as refused:
        roll.take({roll.people[1].id: Wish(Status.PRESENT, 0)}, now=early)
    assert list(refused.value.fields) == [f"s-{roll.people[1].id}"]
    with pytest.raises(Conflict):
        services.mark_rest(roll.db, roll.run, roll.meeting, by=roll.by, now=early)
    assert roll.meeting.state == "planned"

    services.mark_rest(roll.db, roll.run, roll.meeting, by=roll.by, now=roll.now)

    note = queries.marks_of(roll.db, roll.meeting.id)[roll.people[0].id][0].mark
    assert (note.status, note.note, note.channel) == ("excused", "sick note", "office")
    assert roll.meeting.state == "held"


@pytest.mark.goal("SCH-20")
def test_two_people_at_one_roll_lose_nothing(roll: Roll) -> None:
    """Who saves second keeps his other rows; where both wrote, the first word stands and he is told of it."""
    first, second, third = (one.id for one in roll.people)
    roll.take({first: Wish(Status.LATE, 0, 15), third: Wish(Status.PRESENT, 0)})

    taken = roll.take({first: Wish(Status.PRESENT, 0), second: Wish(Status.ABSENT, 0), third: Wish(Status.PRESENT, 0)})

    assert taken.saved == 1
    assert [(id, clash.held.mark.status) for id, clash in taken.clashes.items()] == [(first, "late")]
    assert roll.held() == ["late", "absent", "present"]
    assert roll.take({first: Wish(Status.PRESENT, 1)}).saved == 1
    assert roll.held()[0] == "present"


def test_a_row_that_was_not_touched_never_overwrites_a_newer_word(roll: Roll) -> None:
    """A page that is saved late sends all rows; those left as they were shown change nothing."""
    first = roll.people[0].id
    roll.take({first: Wish(Status.PRESENT, 0)})
    roll.take({first: Wish(Status.ABSENT, 1)})

    taken = roll.take({first: Wish(Status.PRESENT, 1)})

    assert (taken.saved, taken.clashes) == (0, {})
    assert roll.held()[0] == "absent"


def test_corrections_are_new_facts(roll: Roll) -> None:
    """Each change is one more revision with who and when; the newest holds, all can be read."""
    first = roll.people[0].id
    roll.take({first: Wish(Status.ABSENT, 0)})
    roll.take({first: Wish(Status.LATE, 1, 30, "bus")})
    roll.take({first: Wish(Status.UNSET, 2)})

    notes = queries.marks_of(roll.db, roll.meeting.id)[first]

    assert [(one.mark.revision, one.mark.status, one.mark.minutes) for one in notes] == [(3, "unset", None), (2, "late", 30), (1, "absent", None)]
    assert {one.mark.by_id for one in notes} == {roll.by}


def test_late_without_minutes_saves_nothing(roll: Roll) -> None:
    """The row says what is missing, and no other row is half-saved."""
    with pytest.raises(Invalid) as refused:
        roll.take({roll.people[0].id: Wish(Status.PRESENT, 0), roll.people[1].id: Wish(Status.LATE, 0)})

    assert list(refused.value.fields) == [f"m-{roll.people[1].id}"]
    assert roll.held() == ["unset", "unset", "unset"]


@pytest.mark.goal("SCH-20")
def test_who_is_signed_in_at_a_pc_is_taken_over(roll: Roll) -> None:
    """Of those not set the ones signed in at a seat during the meeting count as present, by channel sign-in, undoable."""
    room = factories.make_classroom(roll.db)
    seat = roll.db.query(Seat).filter_by(classroom_id=room.id).first()
    for n, (hour, over) in enumerate((("08:52", None), ("07:00", "08:00"))):
        person = roll.db.get_one(Person, roll.people[n].person_id)
        factories.make_sign_in(roll.db, person, kind="pin", seat_id=seat.id)
        row = roll.db.query(SignIn).filter_by(person_id=person.id).one()
        row.started_at, row.ended_at = rows.at(roll.run, hour), rows.at(roll.run, over) if over else None
    roll.db.flush()

    assert queries.signed_in(roll.db, roll.meeting, [one.person_id for one in roll.people]) == {roll.people[0].person_id: rows.at(roll.run, "08:52")}
    assert services.take_over_sign_ins(roll.db, roll.run, roll.meeting, by=roll.by, now=roll.now) == 1
    assert roll.held() == ["present", "unset", "unset"]
    assert queries.marks_of(roll.db, roll.meeting.id)[roll.people[0].id][0].mark.channel == "sign-in"


def test_two_rolls_at_the_same_moment_both_count(own_database: Database) -> None:
    """Two class managers save different rows at once from pages opened before either saved: both are there."""
    with transaction(own_database.sessions) as db:
        db.info["writing"] = True
        roll = Roll(db)
        run_id, meeting_id, people, by = roll.run.id, roll.meeting.id, [one.id for one in roll.people], roll.by
        now = roll.now
    for n, status in enumerate((Status.PRESENT, Status.ABSENT)):
        with transaction(own_database.sessions) as db:
            run, meeting = db.get_one(CourseRun, run_id), db.get_one(Meeting, meeting_id)
            wishes = {people[n]: Wish(status, 0), people[1 - n]: Wish(Status.UNSET, 0)}
            assert services.take_roll(db, run, meeting, wishes, by=by, now=now).saved == 1
    with own_database.sessions() as db:
        notes = queries.marks_of(db, meeting_id)
        assert [queries.status_of(notes.get(id, [])) for id in people] == [Status.PRESENT, Status.ABSENT, Status.UNSET]


def test_hours_by_meeting_are_counted_for_lists(roll: Roll) -> None:
    """A list of meetings knows how many have which status; nobody counts twice, a withdrawn one not at all."""
    first, second, third = roll.people
    roll.take({first.id: Wish(Status.ABSENT, 0), second.id: Wish(Status.PRESENT, 0), third.id: Wish(Status.PRESENT, 0)})
    roll.take({first.id: Wish(Status.PRESENT, 1)})
    third.state = "withdrawn"
    roll.db.flush()

    assert queries.counts_of(roll.db, [roll.meeting.id]) == {roll.meeting.id: {Status.PRESENT: 2}}


# ---- keying in a sheet -----------------------------------------------------------------------------------------------


@pytest.mark.goal("SCH-22", "RUN-11")
def test_a_keyed_sheet_shows_differences_before_it_takes_them(roll: Roll) -> None:
    """New rows are saved, equal ones left, different ones come back and are taken only when somebody says so."""
    first, second, third = (one.id for one in roll.people)
    roll.take({first: Wish(Status.PRESENT, 0), second: Wish(Status.PRESENT, 0)})
    sheet = {first: Keyed(Status.PRESENT), second: Keyed(Status.LATE, 15), third: Keyed(Status.ABSENT)}

    done = services.key_sheet(roll.db, roll.run, roll.meeting, sheet, by=roll.by, now=roll.now)
    assert (done.saved, done.same, list(done.different)) == (1, 1, [second])
    assert roll.held() == ["present", "present", "absent"]

    done = services.key_sheet(roll.db, roll.run, roll.meeting, sheet, by=roll.by, now=roll.now, take=[second])
    assert (done.saved, done.same, done.different) == (1, 2, {})
    assert roll.held() == ["present", "late", "absent"]
    assert queries.marks_of(roll.db, roll.meeting.id)[second][0].mark.channel == "sheet"


def test_the_rest_of_a_sheet_has_signed(roll: Roll) -> None:
    """Only the exceptions are keyed: everybody else of whom nothing is noted was present."""
    done = services.key_sheet(roll.db, roll.run, roll.meeting, {roll.people[0].id: Keyed(Status.ABSENT)}, by=roll.by, now=roll.now, rest=True)

    assert done.saved == 3
    assert roll.held() == ["absent", "present", "present"]


# ---- who taught ------------------------------------------------------------------------------------------------------


@pytest.mark.goal("TCH-06")
def test_who_really_taught_is_noted_with_a_reason_for_a_substitute(db: Session) -> None:
    """Planned, substituted with reason, corrected by a new revision; without a reason it is refused at its field."""
    run, by = runs.make_run(db), rows.by(db)
    meeting, lead, other = rows.make_meeting(db, run), rows.by(db), rows.by(db)
    after = rows.at(run, "13:00")
    services.record_taught(db, run, meeting, [Teacher(lead)], seen=0, by=by, now=after)
    with pytest.raises(Invalid) as refused:
        services.record_taught(db, run, meeting, [Teacher(other, "substitute", instead_of=lead)], seen=1, by=by, now=after)
    assert list(refused.value.fields) == [f"reason-{lead}"]

    services.record_taught(db, run, meeting, [Teacher(other, "substitute", instead_of=lead, reason="ill")], seen=1, by=by, now=after)

    found = queries.taught_at(db, [meeting.id])[meeting.id]
    assert [(one.row.person_id, one.row.part, one.row.instead_of, one.row.reason, one.row.revision) for one in found] == [
        (other, "substitute", lead, "ill", 2)
    ]
    with pytest.raises(Conflict):
        services.record_taught(db, run, meeting, [Teacher(lead)], seen=1, by=by, now=after)
    with pytest.raises(Invalid):
        services.record_taught(db, run, meeting, [], seen=2, by=by, now=after)
    with pytest.raises(Conflict):
        services.record_taught(db, run, meeting, [Teacher(lead)], seen=2, by=by, now=rows.at(run, "10:00", rows.later(run, -1)))


# ---- teach mode ------------------------------------------------------------------------------------------------------


@pytest.mark.goal("TCH-02")
def test_pcs_follow_while_the_trainer_says_so(db: Session) -> None:
    """Projecting alone moves nobody; with following on the room's page is known, turned off or forgotten it is not."""
    run, by, now = runs.make_run(db), rows.by(db), rows.at(runs.make_run(db), "10:00")
    services.project(db, run, lesson="l1", page=1, by=by, now=now)
    assert queries.projected(db, run, now) is not None
    assert queries.followed(db, run, now) is None

    services.project(db, run, lesson="l1", page=2, by=by, now=now, follows=True)
    services.project(db, run, lesson="l2", page=1, by=by, now=now)
    found = queries.followed(db, run, now)
    assert found is not None
    assert (found.lesson, found.page) == ("l2", 1)
    assert queries.followed(db, run, now + queries.FORGOTTEN) is None
    services.project(db, run, lesson="l2", page=1, by=by, now=now, follows=False)
    assert queries.followed(db, run, now) is None


def test_the_minutes_tell_namesakes_apart(db: Session) -> None:
    """Two people of a run who share a short name stand in the minutes with the whole name and the service number; others with the short one."""
    run = quizzes.make_run(db)
    people = [factories.make_person(db, family=family, given=given) for family, given in (("Ospanov", "Maksat"), ("Ospanov", "Madi"), ("Bekova", "Aigerim"))]
    for person, short in zip(people, ("Ospanov M.", "Ospanov M.", "Bekova A."), strict=True):
        person.short_name = short
    for number, person in enumerate(people, 1):
        quizzes.make_enrolment(db, run, person, number=number)

    called = named(db, run.id, [one.id for one in people])

    assert [people[0].service_number in called[people[0].id], people[1].service_number in called[people[1].id], called[people[2].id]] == [True, True, "Bekova A."]
