"""Releasing a session: what blocks it, who is told what, later changes, and the outbox."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app import clock
from app.errors import Conflict, Invalid
from app.notices.models import Mail, Notice
from app.people.models import Person
from app.planning import release
from app.planning.models import Told
from app.planning.rules import Level
from app.runs.models import RunTrainer
from app.schedule import assignments, bookings
from app.schedule.models import Meeting, SessionSeat
from app.schedule.queries import meetings_of
from app.trainers.models import Absence
from tests.factories import added, make_classroom, make_person
from tests.planning.rows import Plan, add_meeting
from tests.planning.test_session_page import text_of
from tests.runs.rows import enrol

ClientOf = Callable[..., FlaskClient]
SITE = "https://sabaq.example.kz"


@pytest.fixture
def plan(db: Session) -> Plan:
    """A session to release."""
    return Plan(db)


@pytest.fixture
def ready(db: Session, plan: Plan) -> Plan:
    """A session with a lead, a co-trainer and two people in seats, of whom everybody but one trainee has an address."""
    plan.put(db, 0, plan.trainer(db, "Karimov"))
    plan.put(db, 1, plan.trainer(db, "Li"))
    for _ in range(2):
        seat(db, plan)
    for n, person in enumerate(db.scalars(sa.select(Person).order_by(Person.id))):
        person.email = f"p{n}@example.kz"
    seat(db, plan, email="")
    db.flush()
    return plan


def seat(db: Session, plan: Plan, email: str = "t@example.kz") -> Person:
    """Somebody with a seat in the session."""
    person = make_person(db, plan.post, email=email)
    enrol(db, plan.run, person, plan.post)
    taken = db.scalar(sa.select(sa.func.count()).select_from(SessionSeat)) or 0
    added(db, SessionSeat(session_id=plan.session.id, person_id=person.id, agency_id=person.agency_id, state="seated", place=taken + 1, since=clock.now()))
    bookings.refresh(db, [plan.session.id])
    return person


def press(db: Session, plan: Plan, **more: Any) -> Any:
    """Release the session."""
    return release.release(db, plan.session, by=plan.planner.id, now=clock.now(), site=SITE, **more)


def move(db: Session, plan: Plan, n: int, hours: int) -> None:
    """Move a meeting."""
    meeting = meetings(db, plan)[n]
    meeting.starts_at, meeting.ends_at = meeting.starts_at + timedelta(hours=hours), meeting.ends_at + timedelta(hours=hours)
    meeting.sequence += 1
    db.flush()


def meetings(db: Session, plan: Plan) -> list[Meeting]:
    """The meetings of the session."""
    return list(db.scalars(sa.select(Meeting).where(Meeting.session_id == plan.session.id).order_by(Meeting.starts_at)))


def mails(db: Session) -> list[Mail]:
    """All mails, in the order of making."""
    return list(db.scalars(sa.select(Mail).order_by(Mail.made_at, Mail.id)))


# ---- what blocks -----------------------------------------------------------------------------------------------------------


@pytest.mark.goal("SCH-11")
def test_the_release_page_lists_what_stands_in_the_way_by_its_weight(db: Session, plan: Plan, client_of: ClientOf) -> None:
    """An empty slot and somebody on leave block, an unanswered offer too, a warning wants a reason: the button is off and says why."""
    away = plan.trainer(db, "Osmonov", days_a_month=1)
    plan.put(db, 0, away, assignments.offer)
    day = timedelta(days=1)
    added(db, Absence(person_id=away.person_id, kind="leave", starts_at=plan.monday - day, ends_at=plan.monday + day, zone="Asia/Almaty"))
    client = client_of(plan.planner)

    page = client.get(f"{plan.path}/release")

    said = text_of(page)
    assert re.search(r"blocks: 2 .*Osmonov D\.: On leave .*Co-trainer: nobody yet\..*blocks release: 1 .*has not answered the offer.*needs a reason: 1 .*Osmonov D\.: \d of 1 days", said)
    assert "3 things block the release." in said
    assert '<span class="btn" aria-disabled="true">Release' in page.get_data(as_text=True)
    answer = client.post(f"{plan.path}/release", data={"reason": "we do it all the same"})
    assert answer.status_code == 409
    assert "cannot be released yet. Osmonov D.: On leave" in text_of(answer)
    db.refresh(plan.session)
    assert plan.session.state == "draft"
    assert mails(db) == []


@pytest.mark.goal("SCH-11")
def test_what_only_blocks_the_release_may_be_drafted(db: Session, plan: Plan) -> None:
    """A release letter that is missing lets a trainer into the draft, and keeps the draft from being released."""
    plan.put(db, 0, plan.trainer(db, "Karimov", needs_release=True))
    plan.put(db, 1, plan.trainer(db, "Li"))

    found = release.obstacles(db, plan.session, now=clock.now())

    assert [(one.code, one.level) for one in found if one.blocks] == [("T10", Level.RELEASE)]
    with pytest.raises(Conflict, match="cannot be released yet"):
        press(db, plan)


def test_a_session_needs_meetings_a_place_and_a_link(db: Session, plan: Plan) -> None:
    """What the session itself lacks blocks too."""
    plan.session.mode, plan.session.place = "hybrid", ""
    for one in meetings(db, plan):
        one.state = "cancelled"
    db.flush()

    codes = {one.code for one in release.obstacles(db, plan.session, now=clock.now()) if one.blocks}

    assert codes == {"meetings", "place", "link", "empty"}


@pytest.mark.goal("SCH-07")
def test_a_warning_is_released_only_with_a_reason(db: Session, plan: Plan) -> None:
    """What warns wants at least ten characters, which are then kept with the assignment."""
    row = plan.put(db, 0, plan.trainer(db, "Tulegenov", days_a_month=1))
    plan.put(db, 1, plan.trainer(db, "Li"))

    with pytest.raises(Invalid) as refused:
        press(db, plan, reason="because")
    assert list(refused.value.fields) == ["reason"]

    press(db, plan, reason="The only one who knows the post")
    assert [(one["code"], one["reason"]) for one in row.overrides] == [("T8", "The only one who knows the post")]


# ---- who is told -------------------------------------------------------------------------------------------------------------


@pytest.mark.goal("SCH-12")
def test_a_release_tells_everybody_once_and_sends_nothing(db: Session, ready: Plan) -> None:
    """One mail a person waits in the outbox, however many meetings; who has no address finds it on his start page; meetings stand."""
    made = press(db, ready)

    assert ready.session.state == "released"
    assert [(one.state, one.sequence) for one in meetings(db, ready)] == [("planned", 1)] * 3
    assert len(made.mails) == 4
    assert len(made.without_address) == 1
    assert {one.state for one in mails(db)} == {"waiting"}
    assert len({one.person_id for one in mails(db)}) == 4
    assert db.scalar(sa.select(sa.func.count()).select_from(Notice).where(Notice.what.in_(("teach", "attend")))) == 5
    assert sorted(db.scalars(sa.select(RunTrainer.part).where(RunTrainer.run_id == ready.run.id))) == ["co", "lead"]
    assert release.changes(db, ready.session) == []


@pytest.mark.goal("SCH-12")
def test_two_moved_meetings_are_one_mail_for_each_person(db: Session, ready: Plan) -> None:
    """After the release two meetings move and one is cancelled: the changes are told in one mail a person, and only once."""
    press(db, ready)
    before = {one.id for one in mails(db)}
    move(db, ready, 0, 1)
    move(db, ready, 1, 2)
    gone = meetings(db, ready)[2]
    gone.state, gone.reason = "cancelled", "Power is off that day"
    db.flush()

    made = release.release_changes(db, ready.session, by=ready.planner.id, now=clock.now(), site=SITE)

    new = [one for one in mails(db) if one.id not in before]
    assert len(new) == len(made.mails) == 4
    assert len({one.person_id for one in new}) == 4
    assert all("Power is off that day" in one.body for one in new)
    assert len({one.batch for one in new}) == 1
    with pytest.raises(Conflict, match="nothing to tell"):
        release.release_changes(db, ready.session, by=ready.planner.id, now=clock.now(), site=SITE)


@pytest.mark.goal("SCH-12", "SCH-17")
def test_another_way_in_is_told_to_who_comes_by_it_and_never_written_out(db: Session, ready: Plan) -> None:
    """Trainers and people with a seat get one mail that leads to their page; the class manager none; what moved besides is told with it."""
    manager = make_person(db, ready.post, email="m@example.kz")
    room = make_classroom(db, ready.post, seats=30)
    room.manager_id, ready.country.languages = manager.id, ["en"]
    ready.session.mode, ready.session.link_kind, ready.session.link, ready.session.classroom_id = "hybrid", "plain", "https://meet.example/first", room.id
    db.flush()
    press(db, ready)
    before = {one.id for one in mails(db)}
    told = [one.person_id for one in db.scalars(sa.select(Told)) if one.part != "manager"]
    meetings(db, ready)[0].link = "https://meet.example/second"
    db.flush()

    (way_in,) = {one.way_in for one in release.changes(db, ready.session)}
    assert way_in == (meetings(db, ready)[0].id,)
    release.release_changes(db, ready.session, by=ready.planner.id, now=clock.now(), site=SITE)

    new = [one for one in mails(db) if one.id not in before]
    assert len(new) == len(told) - 1  # one of them has no address
    assert manager.id not in {one.person_id for one in new}
    assert all("way in" in one.body and f"{SITE}/my/calendar" in one.body and "meet.example" not in one.body for one in new)
    assert sorted(one.person_id for one in db.scalars(sa.select(Notice).where(Notice.what == "way-in"))) == sorted(told)

    ready.session.link = "https://meet.example/third"
    move(db, ready, 0, 1)
    release.release_changes(db, ready.session, by=ready.planner.id, now=clock.now(), site=SITE)
    latest = [one for one in mails(db) if one.id not in before and one.id not in {known.id for known in new}]
    assert {one.person_id: "has changed too" in one.body for one in latest} == {one.person_id: True for one in new} | {manager.id: False}
    assert len({(one.batch, one.person_id) for one in mails(db)}) == len(mails(db))


def test_a_change_is_told_to_whom_it_concerns(db: Session, ready: Plan) -> None:
    """A trainer is replaced: he, who comes instead, and nobody else gets a mail."""
    press(db, ready)
    before = {one.id for one in mails(db)}
    old = assignments.current(db, [ready.session.id])[ready.session.id][0].assignment
    assert old is not None
    assignments.withdraw(db, old, by=ready.planner.id, now=clock.now(), reason="He is needed at the post")
    new = ready.put(db, 0, ready.trainer(db, "Sadykova"))
    db.get_one(Person, new.person_id).email = "s@example.kz"
    db.flush()

    assert [(one.part, one.was) for one in sorted(release.changes(db, ready.session), key=lambda one: one.part)] == [("gone", "lead"), ("lead", "")]
    release.release_changes(db, ready.session, by=ready.planner.id, now=clock.now(), site=SITE)

    assert {one.person_id for one in mails(db) if one.id not in before} == {old.person_id, new.person_id}


@pytest.mark.goal("SCH-11")
def test_a_meeting_added_after_the_release_becomes_real_with_the_changes(db: Session, ready: Plan) -> None:
    """Until then only planners see it; then everybody is told and calendars have it."""
    press(db, ready)
    last = db.scalars(sa.select(Meeting).where(Meeting.session_id == ready.session.id).order_by(Meeting.starts_at.desc())).first()
    assert last is not None
    added_later = add_meeting(db, ready.session, last.starts_at + timedelta(hours=6), hours=1, state="draft")
    assert last.id in {one.id for one in meetings_of(db, ready.run.id)}
    assert added_later.id not in {one.id for one in meetings_of(db, ready.run.id)}

    made = release.release_changes(db, ready.session, by=ready.planner.id, now=clock.now(), site=SITE)

    assert (added_later.state, added_later.sequence) == ("planned", 1)
    assert made.mails
    with pytest.raises(Conflict):
        release.release_changes(db, ready.session, by=ready.planner.id, now=clock.now(), site=SITE)


def test_a_cancelled_session_is_told_to_all_who_were_told_of_it(db: Session, ready: Plan) -> None:
    """Everybody who was told learns that it is cancelled, and why."""
    press(db, ready)
    before = {one.id for one in mails(db)}
    ready.session.state, ready.session.reason = "cancelled", "The class is flooded"
    db.flush()

    release.release_changes(db, ready.session, by=ready.planner.id, now=clock.now(), site=SITE)

    new = [one for one in mails(db) if one.id not in before]
    assert len(new) == 4
    assert all("The class is flooded" in one.body for one in new)
    assert release.changes(db, ready.session) == []


def test_a_draft_that_was_never_released_tells_nobody(db: Session, ready: Plan) -> None:
    """A draft is the planner's alone: what changes in it is no news to anybody."""
    with pytest.raises(Conflict):
        release.release_changes(db, ready.session, by=ready.planner.id, now=clock.now(), site=SITE)
    assert mails(db) == []


def test_it_is_released_once(db: Session, ready: Plan) -> None:
    """A second press finds that it is no draft any more."""
    press(db, ready)

    with pytest.raises(Conflict, match="no draft any more"):
        press(db, ready)


# ---- pages -------------------------------------------------------------------------------------------------------------------


@pytest.mark.goal("SCH-12")
def test_nothing_leaves_the_outbox_before_somebody_presses_send(db: Session, ready: Plan, client_of: ClientOf) -> None:
    """The release page says whom it tells; its mails wait in the outbox, are read there, and go when "send" is pressed."""
    client = client_of(ready.planner)
    page = text_of(client.get(f"{ready.path}/release"))
    assert "Nothing stands in the way" in page or "note: 0" not in page
    assert "4 mails will wait in the outbox" in page

    released = client.post(f"{ready.path}/release", data={})
    assert released.status_code == 303
    box = client.get("/planning/outbox")
    said = text_of(box)
    assert "waits for “send”: 4" in said
    assert all(one.subject in said for one in mails(db))  # each in the language of whom it is for
    assert "1 person has no address" in said
    db.expire_all()
    batch = mails(db)[0].batch
    assert {one.state for one in mails(db)} == {"waiting"}

    assert client.post(f"/planning/outbox/{batch}/send").status_code == 303
    db.expire_all()
    assert {(one.state, one.pressed_by) for one in mails(db)} == {("pressed", ready.planner.id)}
    assert client.post(f"/planning/outbox/{batch}/send").status_code == 409


def test_dropped_mails_never_go_and_failed_ones_go_again(db: Session, app: Flask, ready: Plan, client_of: ClientOf) -> None:
    """A planner drops what shall not leave; what failed says why and can be tried again; what is on its way is not stopped."""
    app.config["MAIL_HOST"] = "mail.example.kz"
    press(db, ready)
    failed = mails(db)[0]
    failed.state, failed.error = "failed", "550 no such mailbox"
    batch = failed.batch
    client = client_of(ready.planner)
    assert "The mail server answered: 550 no such mailbox" in text_of(client.get("/planning/outbox"))

    assert client.post(f"/planning/outbox/{batch}/again").status_code == 303
    assert client.post(f"/planning/outbox/{batch}/drop").status_code == 303

    db.expire_all()
    assert sorted(one.state for one in mails(db)) == ["dropped", "dropped", "dropped", "pressed"]


def test_without_a_mail_server_what_was_sent_can_still_be_dropped(db: Session, ready: Plan, client_of: ClientOf) -> None:
    """Nothing can be on its way where no server is set up: mails that somebody sent there are not stuck for ever."""
    press(db, ready)
    batch = mails(db)[0].batch
    client = client_of(ready.planner)

    sent = client.post(f"/planning/outbox/{batch}/send").status_code
    page = text_of(client.get("/planning/outbox"))
    dropped = client.post(f"/planning/outbox/{batch}/drop").status_code

    db.expire_all()
    assert (sent, dropped) == (303, 303)
    assert "Drop 4 mails" in page
    assert {one.state for one in mails(db)} == {"dropped"}


def test_who_has_no_address_gets_a_slip(db: Session, ready: Plan, client_of: ClientOf) -> None:
    """For people without an address there are slips, with each meeting on its line."""
    press(db, ready)
    batch = db.scalars(sa.select(Told.batch)).first()
    client = client_of(ready.planner)

    html = client.get(f"/planning/outbox/{batch}/slips").get_data(as_text=True)

    assert html.count('class="slip"') == 1
    assert html.count("<li>", html.index('class="slip"')) == 3
    assert client.get(f"/planning/outbox/{uuid.uuid4()}/slips").status_code == 404


@pytest.mark.goal("PLN-04")
def test_the_order_that_sends_trainers_has_a_number_a_date_and_a_list(db: Session, ready: Plan, client_of: ClientOf) -> None:
    """Number and date are noted for who is ticked; without a date the form comes back; the list prints as a draft."""
    client = client_of(ready.planner)
    row = assignments.current(db, [ready.session.id])[ready.session.id][0].assignment
    assert row is not None
    address = f"{ready.path}/trainers-order"

    refused = client.post(address, data={"assignment": str(row.id), "number": "114"})
    assert refused.status_code == 422
    assert "Give the date of the order." in text_of(refused)
    assert client.post(address, data={"assignment": str(row.id), "number": "114", "on": "2026-11-20"}).status_code == 303

    assert "114 of 20 Nov 2026" in text_of(client.get(address))
    paper = client.get(f"{address}/paper")
    assert (paper.status_code, paper.mimetype, paper.data[:5]) == (200, "application/pdf", b"%PDF-")
