"""One's own calendar: the page, the secret address, and the feed that calendar programs read at the right hour."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
import sqlalchemy as sa
import vobject
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar
from sqlalchemy.orm import Session

from app import clock, i18n
from app.calendars import feed, queries, services
from app.calendars.models import CalendarAddress
from app.people.models import Person
from app.policy import Role
from app.runs.models import CourseRun
from app.schedule import assignments, sessions
from app.schedule.models import Meeting, SessionSeat, SessionSlot, TrainingSession
from tests.factories import a_moment, added, make_person, make_staff
from tests.people.signing import ByHand
from tests.planning.rows import add_meeting, make_session
from tests.runs import rows as runs
from tests.schedule.rows import make_meeting

SignIn = Callable[[Person], FlaskClient]
GOLDEN = Path(__file__).parent / "golden.ics"
NOW = a_moment(-20)  # 4 November 2026
SITE = "https://centre.example"


def released(db: Session, **values: Any) -> TrainingSession:
    """A session that stands."""
    return make_session(db, **({"state": "released", "released_at": NOW, "title": "Vehicle search"} | values))


def seat(db: Session, session: TrainingSession, person: Person, state: str = "seated") -> SessionSeat:
    """A seat of somebody."""
    return added(db, SessionSeat(session_id=session.id, person_id=person.id, agency_id=person.agency_id, state=state, place=1, since=NOW))


def slot_of(db: Session, session: TrainingSession) -> SessionSlot:
    """The first slot of a session."""
    return db.scalars(sa.select(SessionSlot).where(SessionSlot.session_id == session.id).order_by(SessionSlot.number)).first()


def read(db: Session, person: Person, now: datetime = NOW) -> bytes:
    """Somebody's feed."""
    return feed.as_ical(queries.entries_of(db, person.id, since=now - feed.PAST), site=SITE, zone="Asia/Almaty", now=now)


def events(body: bytes) -> list[Any]:
    """The events as icalendar reads them."""
    return list(Calendar.from_ical(body).walk("VEVENT"))


@given(st.sampled_from(sorted(available_timezones())), st.datetimes(min_value=datetime(2024, 1, 2), max_value=datetime(2030, 12, 30), timezones=st.just(UTC)))
def test_the_changes_of_any_zone_give_its_offset_at_any_instant(zone: str, at: datetime) -> None:
    """For every zone of the world and every instant of seven years, the newest change before it says how the clock stands."""
    changes = feed.changes_of(zone, datetime(2024, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC))

    newest = [change for change in changes if change.at <= at][-1]

    assert newest.after == at.astimezone(ZoneInfo(zone)).utcoffset()


# ---- whose meetings ----------------------------------------------------------------------------------------------------


def test_a_calendar_holds_what_one_teaches_sits_in_and_is_asked_for(db: Session) -> None:
    """Seats, slots, a run's own timetable and offers; drafts, wait-lists and other people's meetings not."""
    person, planner = make_person(db), make_person(db)
    sits, teaches, asked, drafted, waits = (released(db, meetings=1), released(db, meetings=1, starts=a_moment(3)), make_session(db, meetings=1, starts=a_moment(5)),
                                            make_session(db, meetings=1, starts=a_moment(7)), released(db, meetings=1, starts=a_moment(9)))  # fmt: skip
    released(db, meetings=1, starts=a_moment(11))
    seat(db, sits, person)
    seat(db, waits, person, "waiting")
    assignments.assign(db, slot_of(db, teaches), person, by=planner.id, now=NOW)
    assignments.offer(db, slot_of(db, asked), person, by=planner.id, now=NOW)
    assignments.assign(db, slot_of(db, drafted), person, by=planner.id, now=NOW)
    run = runs.make_run(db)
    runs.enrol(db, run, person)
    make_meeting(db, run, "14:00", "18:00")

    found = [(one.code, i18n.say(one.part), one.sure) for one in queries.entries_of(db, person.id, since=NOW)]

    assert sorted(found) == sorted([
        (sits.code, "you take part", True), (run.code, "you take part", True), (teaches.code, "Lead trainer", True), (asked.code, "Lead trainer", False),
    ])  # fmt: skip


def test_where_nobody_has_a_seat_the_roster_takes_part(db: Session) -> None:
    """A session whose seats are not given out is for everybody on the roster of its run; once seats are given, for them alone."""
    session = released(db, meetings=1)
    run = db.get_one(CourseRun, session.run_id)
    enrolled, seated = (runs.enrol(db, run, make_person(db)).person_id for _ in range(2))

    def coming(person_id: uuid.UUID) -> list[str]:
        found = queries.next_of(db, person_id, now=NOW)
        entries = queries.entries_of(db, person_id, since=NOW)
        assert [one.code for one in entries] == ([found.code] if found else [])
        return [one.code for one in entries]

    before = coming(enrolled)
    seat(db, session, db.get_one(Person, seated))

    assert (before, coming(enrolled), coming(seated)) == ([session.code], [], [session.code])


def test_a_meeting_taken_over_into_a_draft_stays_in_everybodys_calendar_as_it_stood(db: Session) -> None:
    """Until the session is released it is the run's: the roster and its trainers keep it, under the run's code, seats or none."""
    draft = make_session(db, meetings=0, mode="online", title="Only planned")
    run = db.get_one(CourseRun, draft.run_id)
    enrolled, trainer = runs.enrol(db, run, make_person(db)).person_id, make_person(db)
    runs.teach(db, run, trainer)
    meeting = make_meeting(db, run, place="Hall")
    as_it_stood = [queries.entries_of(db, id, since=NOW) for id in (enrolled, trainer.id)]

    sessions.adopt(db, draft, run, {meeting.id}, by=trainer.id, now=NOW)
    seat(db, draft, make_person(db))

    assert [queries.entries_of(db, id, since=NOW) for id in (enrolled, trainer.id)] == as_it_stood
    assert [entry.code for entries in as_it_stood for entry in entries] == [run.code] * 2
    assert [queries.next_of(db, id, now=NOW).meeting.id for id in (enrolled, trainer.id)] == [meeting.id] * 2


@pytest.mark.parametrize("n", [1, 3])
def test_a_calendar_costs_the_same_for_one_meeting_and_for_three(db: Session, counted: Callable[[], Any], n: int) -> None:
    """Four questions, however full it is, and one more where there are classrooms."""
    person = make_person(db)
    for i in range(n):
        seat(db, released(db, meetings=n, starts=a_moment(10 * i)), person)

    with counted() as statements:
        queries.entries_of(db, person.id, since=NOW)

    assert len(statements) == 4


# ---- the feed ------------------------------------------------------------------------------------------------------------

ZONES = {
    "Asia/Kolkata": [datetime(2026, 11, 24, 9, 30), datetime(2027, 6, 24, 9, 30)],
    "Europe/Berlin": [datetime(2026, 10, 24, 9), datetime(2026, 10, 26, 9), datetime(2027, 3, 27, 9), datetime(2027, 3, 29, 9)],
    "Asia/Almaty": [datetime(2026, 11, 24, 23)],
}
"""Hours on the wall, on both sides of each change of the clock; the last goes past midnight."""


def many_zones(db: Session, person: Person) -> dict[str, tuple[datetime, datetime]]:
    """Meetings in all of ZONES of two hours each; by id, from when to when."""
    wanted = {}
    for zone, hours in ZONES.items():
        session = released(db, meetings=0, zone=zone)
        seat(db, session, person)
        for hour in hours:
            starts = hour.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
            meeting = add_meeting(db, session, starts, 2)
            wanted[str(meeting.id)] = (starts, starts + timedelta(hours=2))
    return wanted


@pytest.mark.goal("SCH-16")
def test_two_readers_find_each_meeting_at_its_instant_in_every_zone(db: Session) -> None:
    """At UTC+5:30, on both sides of a change of the clock and across midnight, icalendar and vobject read the instants that are stored."""
    person = make_person(db)
    wanted = many_zones(db, person)
    body = read(db, person)

    by_icalendar = {str(one["uid"]).split("@")[0]: (one["dtstart"].dt.astimezone(UTC), one["dtend"].dt.astimezone(UTC)) for one in events(body)}
    second = vobject.readOne(body.decode())
    by_vobject = {one.uid.value.split("@")[0]: (one.dtstart.value.astimezone(UTC), one.dtend.value.astimezone(UTC)) for one in second.vevent_list}

    assert by_icalendar == wanted
    assert by_vobject == wanted  # which knows zones from the VTIMEZONEs of the feed alone


@pytest.mark.goal("SCH-16")
def test_the_feed_brings_the_zones_that_it_names_and_their_changes(db: Session) -> None:
    """Each TZID has its VTIMEZONE; Berlin's says when the clock goes forward and back in the years used."""
    person = make_person(db)
    many_zones(db, person)
    text = read(db, person).decode()

    named = set(re.findall(r"TZID=([^:;]+):", text))
    assert named == set(ZONES) == set(re.findall(r"^TZID:(.+?)\r?$", text, re.MULTILINE))
    berlin = text[text.index("TZID:Europe/Berlin"):]
    berlin = berlin[: berlin.index("END:VTIMEZONE")]
    for change in ("20251026T030000", "20260329T020000", "20261025T030000", "20270328T020000", "20271031T030000"):  # by the clock before
        assert f"DTSTART:{change}" in berlin


@pytest.mark.goal("SCH-16")
def test_the_golden_feed_opens_at_the_right_hour(db: Session) -> None:
    """Letter for letter what was approved (SABAQ_GOLDEN=1 stores a new one): zones, states, sequence, texts."""
    import os

    person = make_person(db)
    session = released(db, meetings=0, zone="Asia/Kolkata", code="S-2026-0412", mode="hybrid", place="Yard 1")
    for n, start in enumerate((datetime(2026, 11, 24, 9, 30), datetime(2026, 11, 25, 22, 0)), 1):
        meeting = add_meeting(db, session, start.replace(tzinfo=ZoneInfo("Asia/Kolkata")), 4)
        meeting.sequence = n
    seat(db, session, person)
    db.flush()
    ids = {str(one.id): f"meeting-{n}" for n, one in enumerate(db.scalars(sa.select(Meeting).where(Meeting.session_id == session.id).order_by(Meeting.starts_at)), 1)}
    body = read(db, person).decode()
    unfolded = body.replace("\r\n ", "")
    for id, name in ids.items():
        unfolded = unfolded.replace(id, name)

    if os.environ.get("SABAQ_GOLDEN"):
        GOLDEN.write_text(unfolded, encoding="utf-8", newline="")
    assert unfolded == GOLDEN.read_bytes().decode()


@pytest.mark.goal("SCH-16")
def test_a_meeting_keeps_its_uid_and_its_changes_raise_the_sequence(db: Session) -> None:
    """Moved: the same UID, a higher SEQUENCE, the new hour. Cancelled: STATUS:CANCELLED with the reason, for sixty days."""
    person = make_person(db)
    session = released(db, meetings=1)
    seat(db, session, person)
    meeting = db.scalars(sa.select(Meeting).where(Meeting.session_id == session.id)).one()
    (before,) = events(read(db, person))
    meeting.starts_at, meeting.ends_at, meeting.sequence = meeting.starts_at + timedelta(days=1), meeting.ends_at + timedelta(days=1), 1
    db.flush()
    (moved,) = events(read(db, person))
    meeting.state, meeting.reason, meeting.sequence = "cancelled", "The yard is flooded", 2
    db.flush()
    (cancelled,) = events(read(db, person))

    assert before["uid"] == moved["uid"] == cancelled["uid"]
    assert [int(one["sequence"]) for one in (before, moved, cancelled)] == [0, 1, 2]
    assert [str(one["status"]) for one in (before, moved, cancelled)] == ["CONFIRMED", "CONFIRMED", "CANCELLED"]
    assert moved["dtstart"].dt - before["dtstart"].dt == timedelta(days=1)
    assert "The yard is flooded" in cancelled["description"]
    assert events(read(db, person, meeting.ends_at + timedelta(days=59))) != []
    assert events(read(db, person, meeting.ends_at + timedelta(days=61))) == []


def test_an_offer_is_tentative_and_a_cancelled_session_is_told_to_who_taught_it(db: Session) -> None:
    """TENTATIVE until it is answered and released; after a cancelled session its trainers see it cancelled."""
    person, planner = make_person(db), make_person(db)
    asked, off = make_session(db, meetings=1), released(db, meetings=1, starts=a_moment(5))
    offer = assignments.offer(db, slot_of(db, asked), person, by=planner.id, now=NOW)
    gone = assignments.assign(db, slot_of(db, off), person, by=planner.id, now=NOW)
    assignments.withdraw(db, gone, by=planner.id, now=NOW, reason="Flooded")
    off.state = "cancelled"
    for meeting in db.scalars(sa.select(Meeting).where(Meeting.session_id == off.id)):
        meeting.state = "cancelled"
    db.flush()

    tentative, cancelled = events(read(db, person))

    assert (str(tentative["status"]), str(tentative["url"])) == ("TENTATIVE", f"{SITE}/my/offers/{offer.id}")
    assert str(cancelled["status"]) == "CANCELLED"


@pytest.mark.goal("SCH-17")
def test_no_room_and_no_other_person_stands_in_a_feed(db: Session) -> None:
    """A calendar carries our own page; a plain link of the session, an address typed as a place and other people's names stay out."""
    person, other = make_person(db), make_person(db, family="Karimov", given="Daniyar")
    session = released(db, meetings=1, mode="hybrid", link_kind="plain", link="https://meet.example/secret", place="Yard, https://meet.example/secret")
    seat(db, session, person)
    assignments.assign(db, slot_of(db, session), other, by=other.id, now=NOW)
    meeting = db.scalars(sa.select(Meeting).where(Meeting.session_id == session.id)).one()

    text = read(db, person).decode().replace("\r\n ", "")

    assert "meet.example" not in text
    assert "Karimov" not in text
    assert f"URL:{SITE}/join/{meeting.id}" in text


# ---- the address ---------------------------------------------------------------------------------------------------------


def address_in(page: str) -> str:
    """The path of the address that a page shows."""
    found = re.search(r'value="https?://[^/"]+(/calendar/[\w-]+\.ics)"', page)
    assert found
    return found[1]


@pytest.mark.goal("SCH-16")
def test_the_address_is_shown_once_and_ends_when_it_is_revoked(db: Session, client: FlaskClient, client_of: SignIn) -> None:
    """Made, it opens without a sign-in; it is not shown again; revoked, or replaced, it answers 410 in words."""
    person = make_person(db)
    seat(db, released(db, starts=clock.now() + timedelta(days=2)), person)
    own = client_of(person)

    address = address_in(own.post("/my/calendar/address").text)
    answer = client.get(address)
    assert (answer.status_code, answer.mimetype) == (200, "text/calendar")
    assert answer.text.count("BEGIN:VEVENT") == 2
    assert "/calendar/" not in own.get("/my/calendar").text.replace("/my/calendar/", "")

    second = address_in(own.post("/my/calendar/address").text)
    assert [client.get(one).status_code for one in (address, second)] == [410, 200]
    assert own.post("/my/calendar/revoke").status_code == 303
    gone = client.get(second)
    assert (gone.status_code, gone.mimetype) == (410, "text/plain")
    assert "revoked" in gone.text
    assert own.post("/my/calendar/revoke").status_code == 409


def test_an_unknown_address_is_refused_in_words(client: FlaskClient) -> None:
    """A program that asks for nothing gets a sentence, and no page."""
    answer = client.get("/calendar/nothing-of-ours.ics")

    assert (answer.status_code, answer.mimetype) == (404, "text/plain")
    assert "My calendar" in answer.text


def test_somebody_who_left_is_read_no_more(db: Session, client: FlaskClient) -> None:
    """With the end of his service the address ends."""
    person = make_person(db, left_on=clock.now().date() - timedelta(days=1))
    token = services.make_address(db, person.id, now=NOW)
    db.commit()

    assert client.get(f"/calendar/{token}.ics").status_code == 410


def test_only_the_hash_of_an_address_is_kept(db: Session) -> None:
    """Whoever reads the database reads no calendar."""
    token = services.make_address(db, make_person(db).id, now=NOW)

    assert token not in str(db.execute(sa.select(CalendarAddress.__table__)).all())


def test_an_unchanged_calendar_costs_a_program_nothing(db: Session, client: FlaskClient) -> None:
    """With the tag of its last reading it gets 304, though the time of making differs; after a change the new one."""
    person = make_person(db)
    session = released(db, starts=clock.now() + timedelta(days=2))
    seat(db, session, person)
    token = services.make_address(db, person.id, now=clock.now())
    db.commit()
    with clock.using(ByHand(clock.now())) as later:
        tag = client.get(f"/calendar/{token}.ics").headers["ETag"]
        later.passes(minutes=5)
        same = client.get(f"/calendar/{token}.ics", headers={"If-None-Match": tag})
        db.info["writing"] = True
        for meeting in db.scalars(sa.select(Meeting).where(Meeting.session_id == session.id)):
            meeting.sequence += 1
        db.commit()
        changed = client.get(f"/calendar/{token}.ics", headers={"If-None-Match": tag})

    assert (same.status_code, same.data) == (304, b"")
    assert (changed.status_code, changed.headers["ETag"] == tag) == (200, False)


def test_a_reading_is_noted_at_most_hourly(db: Session, client: FlaskClient, counted: Callable[[], Any]) -> None:
    """Programs read often; the database is written once an hour for that."""
    person = make_person(db)
    token = services.make_address(db, person.id, now=clock.now())
    db.commit()

    def writes() -> int:
        with counted() as statements:
            client.get(f"/calendar/{token}.ics")
        return sum(one.startswith("UPDATE calendar_address") for one in statements)

    with clock.using(ByHand(clock.now())) as later:
        found = [writes(), writes()]
        later.passes(minutes=61)
        found.append(writes())

    assert found == [1, 0, 1]


# ---- the page --------------------------------------------------------------------------------------------------------------


def test_the_page_shows_the_next_meeting_on_top_and_all_by_month(db: Session, client_of: SignIn) -> None:
    """What is next, then month by month, with place, part and the zone where the reader's clock differs."""
    trainer = make_staff(db, Role.TRAINER)
    with clock.using(ByHand(NOW)):
        session = released(db, meetings=2, zone="Asia/Kolkata")
        assignments.assign(db, slot_of(db, session), trainer, by=trainer.id, now=NOW)
        page = client_of(trainer).get("/my/calendar").text

    assert page.index("Next session") < page.index("November 2026")
    assert page.count("Vehicle search") == 2
    assert "Mon 23 Nov, 09:00–13:00 UTC+5" in page
    assert "there: Mon 23 Nov, 09:30–13:30 UTC+5:30" in page
    assert "Lead trainer" in page


def test_a_page_without_meetings_says_what_will_stand_here(db: Session, client_of: SignIn) -> None:
    """An empty calendar says from when to when it looked; an odd month in the address is this month."""
    client = client_of(make_person(db))

    for query in ("", "?from=1999-13", "?from=x", "?from=2026-11"):
        page = client.get(f"/my/calendar{query}")
        assert page.status_code == 200
        assert "Nothing is planned for you" in page.text


@pytest.mark.parametrize("path", ["/learn", "/my/calendar"])
def test_a_trainee_sees_his_next_session_where_he_begins(db: Session, client_of: SignIn, path: str) -> None:
    """When and where, on the start page and in the calendar."""
    person = make_person(db)
    seat(db, released(db, starts=clock.now() + timedelta(days=2)), person)

    page = client_of(person).get(path).text

    assert "Next session" in page
    assert "Room 2" in page


@pytest.mark.goal("SCH-18")
@pytest.mark.parametrize(("mode", "leads"), [("online", True), ("classroom", False)])
def test_the_start_page_leads_to_the_room_of_the_next_session(db: Session, client_of: SignIn, mode: str, leads: bool) -> None:
    """One press from where a trainee begins to the page that says whether the room is open; a session in a classroom has none."""
    person = make_person(db)
    seat(db, released(db, starts=clock.now() + timedelta(days=2), mode=mode), person)

    assert ("/join/" in client_of(person).get("/learn").text) is leads
