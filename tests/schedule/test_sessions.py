"""Verbs of sessions: planning, meetings, taking over timetables, series that save exactly what they showed."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.errors import Conflict, Invalid
from app.offices.models import Classroom, Closure, Holiday, Office
from app.people.models import Person
from app.runs.models import CourseRun
from app.schedule import assignments, bookings, queries, rules, services, sessions, telling
from app.schedule.models import Booking, Meeting, RoomBlocking, SessionSeat, SessionSlot, TrainingSession
from app.schedule.session_rules import Choice, When, Why
from app.schedule.sessions import NewMeeting, Place, Plan
from app.trainers.models import Absence
from tests.factories import a_moment, added, make_classroom, make_office, make_person
from tests.runs import rows as runs
from tests.schedule import rows

NOW = a_moment(-20)
MONDAY = date(2026, 11, 23)
ZONE = "Asia/Almaty"


class Planning:
    """An office with a classroom, a run of ten weeks in it, a planner, and a session in that room."""

    def __init__(self, db: Session) -> None:
        self.db = db
        self.office: Office = make_office(db)
        self.room: Classroom = make_classroom(db, self.office, seats=12)
        self.run: CourseRun = runs.make_run(db, self.office, classroom_id=self.room.id, place="", ends_on=date(2027, 1, 31))
        self.by: uuid.UUID = make_person(db, self.office).id
        self.session = self.plan()

    def plan(self, **values: Any) -> TrainingSession:
        """A session in the classroom."""
        return sessions.plan_session(self.db, self.run, the_plan(self.room, **values), by=self.by, now=NOW)

    def meet(self, *days: date, starts: int = 9, ends: int = 13, session: TrainingSession | None = None) -> list[Meeting]:
        """Meetings of the session."""
        new = [NewMeeting(When(day, time(starts), time(ends), ZONE)) for day in days]
        return sessions.add_meetings(self.db, session or self.session, new, by=self.by, now=NOW)

    def lead(self, person: Person, session: TrainingSession | None = None) -> None:
        """Somebody for the first slot."""
        slot = self.db.scalars(sa.select(SessionSlot).where(SessionSlot.session_id == (session or self.session).id)).first()
        assert slot is not None
        assignments.assign(self.db, slot, person, by=self.by, now=NOW)

    def days(self, session: TrainingSession | None = None) -> list[date]:
        """The days of the meetings of the session that stand."""
        return [one.day for one in sessions.meetings_of(self.db, (session or self.session).id) if one.state != "cancelled"]


@pytest.fixture
def planning(db: Session) -> Planning:
    """A planner at work."""
    return Planning(db)


def the_plan(room: Classroom | None, **values: Any) -> Plan:
    """A plan that may be saved."""
    defaults: dict[str, Any] = {"mode": "classroom", "language": "ru", "zone": ZONE, "seats": 12, "classroom_id": room.id if room else None}
    return Plan(**(defaults | values))


# ---- the session -----------------------------------------------------------------------------------------------------


@pytest.mark.goal("SCH-01")
def test_a_session_is_planned_as_a_draft_with_a_code_and_a_slot_for_the_lead(planning: Planning) -> None:
    """The second session of the year has the next code; nobody but planners sees its meetings."""
    second = planning.plan()
    assert [planning.session.code, second.code] == ["S-2026-0001", "S-2026-0002"]
    assert planning.session.state == "draft"
    assert [one.slot.role for one in assignments.current(planning.db, [second.id])[second.id]] == ["lead"]
    planning.meet(MONDAY)
    assert queries.meetings_of(planning.db, planning.run.id) == []


@pytest.mark.goal("SCH-01")
def test_a_hybrid_session_without_a_link_is_not_saved(planning: Planning) -> None:
    """The message is at the field, and nothing is stored."""
    with pytest.raises(Invalid) as refused:
        planning.plan(mode="hybrid")
    assert set(refused.value.fields) == {"link_kind"}
    assert planning.db.scalar(sa.select(sa.func.count()).select_from(TrainingSession)) == 1


@pytest.mark.goal("SCH-01")
def test_the_capacity_of_a_room_is_what_its_record_says_else_its_seats(planning: Planning) -> None:
    """Thirteen do not fit on twelve seats; a record that says twenty lets them in."""
    with pytest.raises(Invalid, match="too small"):
        planning.plan(seats=13)
    planning.room.capacity = 20
    planning.db.flush()
    assert planning.plan(seats=13).seats == 13


@pytest.mark.goal("SCH-16")
def test_a_changed_link_raises_the_sequence_of_the_coming_meetings(planning: Planning) -> None:
    """Calendars take it as a change; saving the same once more is none."""
    hybrid = the_plan(planning.room, mode="hybrid", link_kind="plain", link="https://meet.example/first")
    sessions.change_session(planning.db, planning.session, hybrid, by=planning.by, now=NOW)
    (meeting,) = planning.meet(MONDAY)
    sessions.change_session(planning.db, planning.session, replace(hybrid, link="https://meet.example/second"), by=planning.by, now=NOW)
    assert meeting.sequence == 1
    sessions.change_session(planning.db, planning.session, replace(hybrid, link="https://meet.example/second"), by=planning.by, now=NOW)
    assert meeting.sequence == 1


def test_a_meeting_elsewhere_books_no_classroom(planning: Planning) -> None:
    """A day at the crossing point is told there, and the session's classroom is free for somebody else."""
    away = NewMeeting(When(MONDAY, time(9), time(13), ZONE), Place(None, "Crossing point"))
    sessions.add_meetings(planning.db, planning.session, [away], by=planning.by, now=NOW)
    told = telling.about(planning.db, [planning.session.id])[planning.session.id]
    assert told.place == "Crossing point"
    assert planning.meet(MONDAY, session=planning.plan())


def test_a_changed_room_moves_the_coming_meetings_and_raises_their_sequence(planning: Planning) -> None:
    """A meeting that had a place of its own keeps it."""
    here, elsewhere = planning.meet(MONDAY, MONDAY + timedelta(days=1))
    sessions.change_meeting(
        planning.db, planning.session, elsewhere, when=When(elsewhere.day, time(9), time(13), ZONE), place=Place(None, "Crossing point"), by=planning.by, now=NOW,
    )
    other = make_classroom(planning.db, planning.office, seats=12)

    assert sessions.change_session(planning.db, planning.session, the_plan(other), by=planning.by, now=NOW) == 1

    assert (here.classroom_id, here.sequence) == (other.id, 1)
    assert (elsewhere.place, elsewhere.sequence) == ("Crossing point", 1)


def test_cancelling_tells_who_is_concerned_and_frees_everything(planning: Planning) -> None:
    """A draft's meetings go, a released one's stay on the timetable with the reason; nobody is booked any more."""
    trainer, trainee = make_person(planning.db, planning.office, family="Karimov"), make_person(planning.db, planning.office, family="Bekova")
    planning.meet(MONDAY)
    planning.lead(trainer)
    added(planning.db, SessionSeat(session_id=planning.session.id, person_id=trainee.id, agency_id=trainee.agency_id, state="seated", place=1, since=NOW))
    planning.session.state = "released"
    for meeting in sessions.meetings_of(planning.db, planning.session.id):
        meeting.state = "planned"
    planning.db.flush()

    with pytest.raises(Invalid):
        sessions.cancel_session(planning.db, planning.session, by=planning.by, now=NOW, reason=" ")
    people = sessions.cancel_session(planning.db, planning.session, by=planning.by, now=NOW, reason="The line is down")

    assert people == [trainee.id, trainer.id]
    assert [(one.state, one.reason, one.sequence) for one in sessions.meetings_of(planning.db, planning.session.id)] == [("cancelled", "The line is down", 1)]
    assert planning.db.scalar(sa.select(sa.func.count()).select_from(Booking)) == 0
    with pytest.raises(Conflict):
        sessions.cancel_session(planning.db, planning.session, by=planning.by, now=NOW, reason="again")


def test_a_slot_is_added_and_taken_away_only_while_nobody_is_in_it(planning: Planning) -> None:
    """An interpreter needs a language."""
    with pytest.raises(Invalid) as refused:
        sessions.add_slot(planning.db, planning.session, "interpreter", by=planning.by, now=NOW)
    assert set(refused.value.fields) == {"language"}
    slot = sessions.add_slot(planning.db, planning.session, "interpreter", by=planning.by, now=NOW, language="ky")
    person = make_person(planning.db, planning.office)
    made = assignments.assign(planning.db, slot, person, by=planning.by, now=NOW)
    with pytest.raises(Conflict):
        sessions.end_slot(planning.db, planning.session, slot, by=planning.by, now=NOW)
    assignments.withdraw(planning.db, made, by=planning.by, now=NOW, reason="not needed")
    sessions.end_slot(planning.db, planning.session, slot, by=planning.by, now=NOW)
    assert [one.slot.role for one in assignments.current(planning.db, [planning.session.id])[planning.session.id]] == ["lead"]


# ---- meetings --------------------------------------------------------------------------------------------------------


@pytest.mark.goal("SCH-02")
def test_meetings_of_several_zones_and_over_midnight_are_saved_as_instants(planning: Planning) -> None:
    """Four hours in Kabul and a night in Berlin over the change of clocks keep their real length; their day is the one they start on."""
    planning.run.starts_on = date(2026, 10, 1)
    made = sessions.add_meetings(
        planning.db, planning.session,
        [
            NewMeeting(When(date(2026, 11, 24), time(9), time(13), "Asia/Kabul"), Place(None, "Kabul")),
            NewMeeting(When(date(2026, 10, 24), time(22), time(6), "Europe/Berlin", next_day=True), Place(None, "Berlin")),
        ],
        by=planning.by, now=NOW,
    )
    assert [queries.minutes_of(one) for one in made] == [240, 540]
    assert [one.day for one in made] == [date(2026, 11, 24), date(2026, 10, 24)]
    assert made[0].starts_at == datetime(2026, 11, 24, 4, 30, tzinfo=ZoneInfo("UTC"))


@pytest.mark.goal("SCH-02")
def test_several_meetings_are_added_together_or_not_at_all(planning: Planning) -> None:
    """The second that ends before it starts, the third outside the run and the fourth over the first are each told at their line."""
    day = MONDAY
    whens = [
        When(day, time(9), time(13), ZONE), When(day, time(15), time(14), ZONE), When(date(2027, 3, 1), time(9), time(13), ZONE), When(day, time(12), time(14), ZONE),
    ]
    with pytest.raises(Invalid) as refused:
        sessions.add_meetings(planning.db, planning.session, [NewMeeting(one) for one in whens], by=planning.by, now=NOW)
    assert set(refused.value.fields) == {"ends-1", "day-2", "starts-3"}
    assert planning.days() == []


@pytest.mark.goal("SCH-08")
def test_a_room_that_is_taken_or_blocked_is_refused_by_name(planning: Planning) -> None:
    """Another session, a blocking and a run's own meeting in the room: 409, each with its own sentence; end to start is no clash."""
    planning.meet(MONDAY)
    other = planning.plan()
    with pytest.raises(Conflict, match="is taken by S-2026-0001"):
        planning.meet(MONDAY, starts=12, ends=14, session=other)
    planning.db.expunge_all()
    planning = Planning(planning.db)
    planning.meet(MONDAY, session=planning.session)
    assert planning.meet(MONDAY, starts=13, ends=14)
    noon = datetime(2026, 11, 24, 7, tzinfo=ZoneInfo("UTC"))
    added(planning.db, RoomBlocking(classroom_id=planning.room.id, starts_at=noon, ends_at=noon + timedelta(hours=1), reason="Painting"))
    with pytest.raises(Conflict, match="Painting"):
        planning.meet(date(2026, 11, 24))


def test_a_runs_own_meeting_in_the_room_is_in_the_way_until_it_is_taken_over(planning: Planning) -> None:
    """The sentence names the run; taken over, the meeting is the session's and stays visible."""
    mine = rows.make_meeting(planning.db, planning.run, classroom_id=planning.room.id)
    with pytest.raises(Conflict, match="Take it over"):
        planning.meet(planning.run.starts_on)
    for one in sessions.meetings_of(planning.db, planning.session.id):
        planning.db.delete(one)
    planning.db.flush()

    assert sessions.adopt(planning.db, planning.session, planning.run, {mine.id}, by=planning.by, now=NOW) == 1
    assert (mine.session_id, mine.state) == (planning.session.id, "planned")
    assert [one.id for one in queries.meetings_of(planning.db, planning.run.id)] == [mine.id]
    with pytest.raises(Conflict):
        sessions.adopt(planning.db, planning.session, planning.run, {mine.id}, by=planning.by, now=NOW)


def test_a_cancelled_draft_gives_back_what_it_took_over(planning: Planning) -> None:
    """Its own meetings go; the run's meeting stands as before, nobody has to be told, and another session may take it."""
    mine = rows.make_meeting(planning.db, planning.run, classroom_id=planning.room.id)
    planning.meet(MONDAY + timedelta(days=2))
    sessions.adopt(planning.db, planning.session, planning.run, {mine.id}, by=planning.by, now=NOW)
    sessions.cancel_session(planning.db, planning.session, by=planning.by, now=NOW, reason="Not this year")
    assert (mine.session_id, mine.state, mine.sequence) == (None, "planned", 0)
    assert sessions.meetings_of(planning.db, planning.session.id) == []
    assert planning.db.scalar(sa.select(sa.func.count()).select_from(Booking)) == 0
    assert sessions.adopt(planning.db, planning.plan(), planning.run, {mine.id}, by=planning.by, now=NOW) == 1


@pytest.mark.goal("SCH-08")
def test_a_runs_own_meeting_that_clashes_is_named_and_not_taken_over(planning: Planning) -> None:
    """Its trainer booked elsewhere, or another meeting of the session at that hour: the sentence stands with that meeting alone."""
    lead = make_person(planning.db, planning.office, family="Karimov")
    planning.lead(lead)
    free, his, own = (rows.make_meeting(planning.db, planning.run, day=MONDAY + timedelta(days=n)) for n in range(3))
    other = planning.plan(classroom_id=None, place="Hall")
    planning.meet(his.day, starts=12, ends=14, session=other)
    planning.lead(lead, other)
    planning.session.classroom_id = None
    planning.meet(own.day)
    planning.db.flush()

    found = sessions.adoption_clashes(planning.db, planning.session, [free, his, own])
    assert {id: [str(one.text) for one in said] for id, said in found.items()} == {
        his.id: ["{name} is booked for {code} ({place}) from {start} to {end}."], own.id: ["Another meeting of this session is from {start} to {end}."],
    }
    with pytest.raises(Conflict, match=r"Karimov A\. is booked for S-2026-0002"):
        sessions.adopt(planning.db, planning.session, planning.run, {free.id, his.id}, by=planning.by, now=NOW)
    assert free.session_id is None
    assert sessions.adopt(planning.db, planning.session, planning.run, {free.id}, by=planning.by, now=NOW) == 1


def test_a_moved_meeting_raises_its_sequence_and_an_unchanged_one_does_not(planning: Planning) -> None:
    """Calendars take the newest; a trainer who is booked elsewhere at the new time is named."""
    (meeting,) = planning.meet(MONDAY)
    when, place = When(MONDAY, time(9), time(13), ZONE), Place(planning.room.id)
    sessions.change_meeting(planning.db, planning.session, meeting, when=when, place=place, by=planning.by, now=NOW)
    assert meeting.sequence == 0
    sessions.change_meeting(planning.db, planning.session, meeting, when=when.on(MONDAY + timedelta(days=1)), place=place, by=planning.by, now=NOW)
    assert (meeting.sequence, meeting.day) == (1, MONDAY + timedelta(days=1))

    trainer = make_person(planning.db, planning.office, family="Karimov")
    planning.lead(trainer)
    other = planning.plan(classroom_id=None, place="Hall")
    planning.meet(MONDAY, session=other)
    planning.lead(trainer, other)
    with pytest.raises(Conflict, match=r"Karimov A\. is booked for S-2026-0002"):
        sessions.change_meeting(planning.db, planning.session, meeting, when=when, place=place, by=planning.by, now=NOW)


def test_a_draft_meeting_goes_and_a_planned_one_is_cancelled_with_a_reason(planning: Planning) -> None:
    """What people know of stays on the timetable; what somebody was noted at cannot be taken off."""
    draft, planned = planning.meet(MONDAY, MONDAY + timedelta(days=1))
    planned.state = "planned"
    planning.db.flush()
    sessions.drop_meeting(planning.db, planning.session, draft, by=planning.by, now=NOW)
    with pytest.raises(Invalid):
        sessions.drop_meeting(planning.db, planning.session, planned, by=planning.by, now=NOW)
    sessions.drop_meeting(planning.db, planning.session, planned, by=planning.by, now=NOW, reason="Snow")
    assert [(one.state, one.reason) for one in sessions.meetings_of(planning.db, planning.session.id)] == [("cancelled", "Snow")]

    (noted,) = planning.meet(MONDAY)
    rows.make_mark(planning.db, noted, runs.enrol(planning.db, planning.run))
    with pytest.raises(Conflict):
        sessions.drop_meeting(planning.db, planning.session, noted, by=planning.by, now=NOW)


# ---- the course's timetable ------------------------------------------------------------------------------------------


@pytest.mark.goal("TCH-01")
def test_the_courses_timetable_is_laid_over_days_without_weekends_holidays_and_closures(planning: Planning) -> None:
    """Three days of a template from a Thursday on: the holiday Friday, the weekend and a closed Monday are skipped; the lines come along."""
    thursday = date(2026, 11, 26)
    added(planning.db, Holiday(country_id=planning.office.country_id, day=date(2026, 11, 27), names={"en": "Day of the First"}))
    above = make_office(planning.db)
    planning.office.path = f"{above.path}{planning.office.code}/"
    added(planning.db, Closure(office_id=above.id, first_day=date(2026, 11, 30), last_day=date(2026, 11, 30), reason="Inspection"))
    day = [rules.Part(rules.minute_of("09:00"), (rules.Line("lesson", 90, "l1", "lead"), rules.Line("break", 15)))]

    proposal = sessions.proposal_for(planning.db, planning.session, planning.run, [day] * 3, thursday)
    made = sessions.lay_out(planning.db, planning.session, proposal, by=planning.by, now=NOW)

    assert [one.day for one in made] == [thursday, date(2026, 12, 1), date(2026, 12, 2)]
    assert [line.minutes for line in queries.items_of(planning.db, [made[0].id])[made[0].id]] == [90, 15]
    assert [queries.minutes_of(one) for one in made] == [105] * 3
    with pytest.raises(Conflict):
        sessions.lay_out(planning.db, planning.session, proposal, by=planning.by, now=NOW)
    sessions.change_meeting(
        planning.db, planning.session, made[0], when=When(thursday, time(10), time(12), ZONE), place=Place(planning.room.id), by=planning.by, now=NOW,
    )
    assert queries.minutes_of(made[0]) == 120


# ---- series ----------------------------------------------------------------------------------------------------------


def weeks(first: date, n: int) -> list[date]:
    """The same weekday of n weeks."""
    return [first + timedelta(weeks=k) for k in range(n)]


@pytest.mark.goal("SCH-15")
def test_a_weekly_series_shows_each_clash_and_saves_what_was_decided(planning: Planning) -> None:
    """A holiday is kept, a blocked room shifted, a trainer's other session skipped; before that nothing is stored."""
    trainer = make_person(planning.db, planning.office, family="Karimov")
    planning.meet(MONDAY)
    planning.lead(trainer)
    dates = weeks(MONDAY + timedelta(weeks=1), 4)
    added(planning.db, Holiday(country_id=planning.office.country_id, day=dates[0], names={"en": "Holiday"}))
    starts = datetime(2026, 12, 7, 3, tzinfo=ZoneInfo("UTC"))
    added(planning.db, RoomBlocking(classroom_id=planning.room.id, starts_at=starts, ends_at=starts + timedelta(hours=12), reason="Repairs"))
    other = planning.plan(classroom_id=None, place="Hall")
    planning.meet(dates[2], session=other)
    planning.lead(trainer, other)
    block = sessions.block_of(planning.db, planning.session, whole=False)

    shown = sessions.preview(planning.db, planning.session, planning.run, dates=dates, block=block, weekdays=frozenset({1}), choices={}, own=True)
    assert [[one.why for one in row.clashes] for row in shown] == [[Why.HOLIDAY], [Why.BLOCKING], [Why.TRAINER], []]
    assert "Karimov A." in str(shown[2].clashes[0].message.params)
    save: dict[str, Any] = {"dates": dates, "whole": False, "weekdays": frozenset({1}), "own": True, "by": planning.by, "now": NOW}
    with pytest.raises(Invalid):
        sessions.save_series(planning.db, planning.session, choices={}, **save)
    with pytest.raises(Invalid):
        sessions.save_series(planning.db, planning.session, choices={dates[0]: Choice.KEEP, dates[1]: Choice.KEEP, dates[2]: Choice.SKIP}, **save)
    assert planning.days() == [MONDAY]

    sessions.save_series(planning.db, planning.session, choices={dates[0]: Choice.KEEP, dates[1]: Choice.SHIFT, dates[2]: Choice.SKIP}, **save)
    assert planning.days() == [MONDAY, dates[0], dates[1] + timedelta(days=1), dates[3]]


@pytest.mark.goal("SCH-15")
def test_a_series_of_sessions_copies_what_the_session_needs(planning: Planning) -> None:
    """Each date gets a draft of its own with the same slots, seats and room, two meetings on two days; the slots are empty."""
    trainee = make_person(planning.db, planning.office)
    sessions.add_slot(planning.db, planning.session, "co", by=planning.by, now=NOW)
    added(planning.db, SessionSeat(session_id=planning.session.id, person_id=trainee.id, agency_id=trainee.agency_id, state="seated", place=1, since=NOW))
    planning.meet(MONDAY, MONDAY + timedelta(days=1))
    dates = weeks(MONDAY + timedelta(weeks=1), 2)

    sessions.save_series(planning.db, planning.session, dates=dates, whole=True, weekdays=frozenset(), choices={}, own=False, by=planning.by, now=NOW)

    new = list(planning.db.scalars(sa.select(TrainingSession).where(TrainingSession.series_id == planning.session.series_id).order_by(TrainingSession.code)))
    assert [one.code for one in new] == ["S-2026-0001", "S-2026-0002", "S-2026-0003"]
    assert planning.days(new[2]) == [dates[1], dates[1] + timedelta(days=1)]
    held = assignments.current(planning.db, [new[1].id])[new[1].id]
    assert [(one.slot.role, one.assignment) for one in held] == [("lead", None), ("co", None)]
    assert planning.db.scalar(sa.select(SessionSeat.person_id).where(SessionSeat.session_id == new[1].id)) == trainee.id


@pytest.mark.goal("SCH-15")
def test_absences_of_trainees_are_shown_at_the_date(planning: Planning) -> None:
    """Somebody with a seat who is on a duty shift then is named; the date may be kept all the same."""
    trainee = make_person(planning.db, planning.office, family="Bekova")
    added(planning.db, SessionSeat(session_id=planning.session.id, person_id=trainee.id, agency_id=trainee.agency_id, state="seated", place=1, since=NOW))
    planning.meet(MONDAY)
    dates = weeks(MONDAY + timedelta(weeks=1), 2)
    starts = datetime(2026, 11, 29, 15, tzinfo=ZoneInfo("UTC"))
    added(planning.db, Absence(person_id=trainee.id, kind="shift", starts_at=starts, ends_at=starts + timedelta(hours=24), zone=ZONE))
    block = sessions.block_of(planning.db, planning.session, whole=False)
    shown = sessions.preview(planning.db, planning.session, planning.run, dates=dates, block=block, weekdays=frozenset({1}), choices={}, own=True)
    assert [[one.why for one in row.clashes] for row in shown] == [[Why.AWAY], []]
    assert shown[0].may_keep


@pytest.mark.goal("SCH-15")
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    busy=st.lists(st.tuples(st.integers(7, 30), st.integers(6, 15), st.sampled_from(["room", "trainer", "trainee", "blocking"])), max_size=10),
    days=st.lists(st.integers(7, 30), min_size=1, max_size=5, unique=True), hour=st.integers(7, 14),
)
def test_the_preview_refuses_exactly_what_saving_would(db: Session, busy: list[tuple[int, int, str]], days: list[int], hour: int) -> None:
    """For any bookings of room, trainer and trainees: a date that the preview lets be kept is saved, and one it does not is refused."""
    outer = db.begin_nested()
    try:
        planning = Planning(db)
        trainer, trainee = make_person(db, planning.office), make_person(db, planning.office)
        planning.meet(MONDAY, starts=hour, ends=hour + 3)
        planning.lead(trainer)
        added(db, SessionSeat(session_id=planning.session.id, person_id=trainee.id, agency_id=trainee.agency_id, state="seated", place=1, since=NOW))
        for n, at, kind in busy:
            _occupy(planning, MONDAY + timedelta(days=n), at, kind, trainer, trainee)
        dates = sorted(MONDAY + timedelta(days=n) for n in days)
        block = sessions.block_of(db, planning.session, whole=False)
        shown = sessions.preview(db, planning.session, planning.run, dates=dates, block=block, weekdays=frozenset(), choices={}, own=True)
        for row in shown:
            inner = db.begin_nested()
            try:
                planning.meet(row.day, starts=hour, ends=hour + 3)
                saved = True
            except (Conflict, Invalid):
                saved = False
            inner.rollback()
            db.expire_all()
            assert saved == row.may_keep, (row.day, row.clashes)
    finally:
        outer.rollback()
        db.expunge_all()


def _occupy(planning: Planning, day: date, hour: int, kind: str, trainer: Person, trainee: Person) -> None:
    """Take something for two hours, where it is still free."""
    inner = planning.db.begin_nested()
    try:
        if kind == "blocking":
            starts = datetime.combine(day, time(hour), ZoneInfo(ZONE))
            added(planning.db, RoomBlocking(classroom_id=planning.room.id, starts_at=starts, ends_at=starts + timedelta(hours=2), reason="Repairs"))
        else:
            other = planning.plan() if kind == "room" else planning.plan(classroom_id=None, place="Hall")
            planning.meet(day, starts=hour, ends=hour + 2, session=other)
            if kind == "trainer":
                planning.lead(trainer, other)
            if kind == "trainee":
                added(planning.db, SessionSeat(session_id=other.id, person_id=trainee.id, agency_id=trainee.agency_id, state="seated", place=1, since=NOW))
                bookings.refresh(planning.db, [other.id])
        inner.commit()
    except Conflict:
        inner.rollback()
        planning.db.expire_all()


def test_a_meeting_moved_on_the_runs_timetable_moves_what_its_session_books(planning: Planning) -> None:
    """The older page goes on working: bookings follow, the sequence goes up, and another session's trainer is not taken twice."""
    (meeting,) = planning.meet(MONDAY)
    meeting.state = "planned"
    planning.lead(make_person(planning.db, planning.office, family="Karimov"))
    span = rules.Span(MONDAY, 14 * 60, 16 * 60)
    services.change_meeting(planning.db, planning.run, meeting, span=span, classroom=planning.room, by=planning.by, now=NOW)
    booked = set(planning.db.scalars(sa.select(Booking.starts_at).where(Booking.meeting_id == meeting.id)))
    assert (booked, meeting.sequence) == ({meeting.starts_at}, 1)
    planning.meet(MONDAY, session=planning.plan())
    with pytest.raises(Conflict, match="is taken by"):
        services.change_meeting(planning.db, planning.run, meeting, span=rules.Span(MONDAY, 540, 600), classroom=planning.room, by=planning.by, now=NOW)
    assert not services.may_undo(planning.db, [meeting], NOW)


@pytest.mark.goal("SCH-15")
def test_a_series_can_make_its_run_longer(planning: Planning) -> None:
    """Without the wish a date after the run's last day can only be skipped; with it the run ends with the last date."""
    planning.run.ends_on = MONDAY
    planning.db.flush()
    planning.meet(MONDAY)
    dates = weeks(MONDAY + timedelta(weeks=1), 2)
    save: dict[str, Any] = {"dates": dates, "whole": False, "weekdays": frozenset({1}), "own": True, "by": planning.by, "now": NOW, "choices": {}}
    with pytest.raises(Invalid):
        sessions.save_series(planning.db, planning.session, **save)
    sessions.save_series(planning.db, planning.session, stretch=True, **save)
    assert planning.run.ends_on == dates[1]
