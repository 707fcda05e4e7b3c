"""The planning board: who is taken by what and who is free, as far as who looks may see it; on the screen and on paper."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from pypdf import PdfReader
from sqlalchemy.orm import Session

from app.offices.models import Country, Holiday, Office
from app.people.models import Person
from app.planning import board
from app.policy import Role
from app.schedule import assignments, bookings
from app.schedule.models import SessionSlot
from app.trainers.models import Absence
from tests.factories import a_moment, added, give_role, make_country, make_office, make_person
from tests.planning.rows import MONDAY, add_meeting, make_session, make_trainer
from tests.runs.rows import make_run

NOW = a_moment()
WEEK = board.days_between(date(2026, 11, 23), date(2026, 11, 29))
ClientOf = Callable[[Person], FlaskClient]


class Region:
    """Two countries with a centre each: a trainer here who teaches two days, one abroad who is booked and shown as busy, one who is not shown."""

    def __init__(self, db: Session) -> None:
        self.root = make_office(db, kind="region")
        self.here = make_office(db, parent=self.root, country=make_country(db), kind="centre", names={"en": "Here"})
        self.there = make_office(db, parent=self.root, country=make_country(db), kind="centre", names={"en": "There"})
        self.planner = make_person(db, self.here, family="Planner")
        give_role(db, self.planner, Role.TRAINING_OFFICER, self.here)
        self.ours = make_trainer(db, self.here, make_person(db, self.here, family="Karimov"))
        self.shown = make_trainer(db, self.there, make_person(db, self.there, family="Sadykova"), shown_abroad="busy")
        self.hidden = make_trainer(db, self.there, make_person(db, self.there, family="Hidden"))
        self.session = make_session(db, make_run(db, self.here), meetings=2)
        self.abroad = make_session(db, make_run(db, self.there), meetings=1)
        for session, trainer in ((self.session, self.ours), (self.abroad, self.shown)):
            slot = db.scalars(sa.select(SessionSlot).where(SessionSlot.session_id == session.id)).one()
            assignments.assign(db, slot, db.get_one(Person, trainer.person_id), by=self.planner.id, now=NOW)


@pytest.fixture
def region(db: Session) -> Region:
    """Two countries."""
    return Region(db)


def only_here(region: Region) -> dict[str, Any]:
    """What the planner here sees."""
    return {"paths": (region.here.path,), "known": (region.here.path,), "sees": lambda path: path.startswith(region.here.path), "today": NOW.date()}


@pytest.mark.goal("SCH-14")
def test_others_are_busy_or_free_and_named_only_with_permission(db: Session, region: Region) -> None:
    """A booking of another country takes the day but has no code; who did not agree to be shown is not there at all."""
    rows = board.board(db, WEEK, **only_here(region))

    assert [row.person_id for row in rows] == [region.ours.person_id, region.shown.person_id]
    monday, tuesday, wednesday = WEEK[:3]
    assert [mark.code for mark in rows[0].marks[monday] + rows[0].marks[tuesday]] == [region.session.code] * 2
    assert [(mark.kind, mark.code) for mark in rows[1].marks[monday]] == [("booking", "")]
    assert (rows[0].free([wednesday]), rows[1].free([monday])) == (True, False)
    assert (rows[0].taken(WEEK), rows[1].taken(WEEK)) == (2, 1)


@pytest.mark.goal("SCH-14")
def test_a_coordinator_sees_the_whole_pool_busy_or_free_and_nothing_more(db: Session, region: Region, client_of: ClientOf) -> None:
    """Above all countries every trainer stands on the board; no booking has a code, no absence a reason, and no name leads to a card."""
    coordinator = make_person(db, region.root)
    give_role(db, coordinator, Role.COORDINATOR, region.root)
    noon = datetime(2026, 11, 27, 5, tzinfo=UTC)
    added(db, Absence(person_id=region.hidden.person_id, kind="sick", starts_at=noon, ends_at=noon + timedelta(hours=2), zone="Asia/Almaty"))
    browser = client_of(coordinator)

    page = browser.get("/planning/board?view=week&day=2026-11-24").get_data(as_text=True)

    assert all(name in page for name in ("Karimov", "Sadykova", "Hidden"))
    assert "booked" in page
    assert not any(secret in page for secret in (region.session.code, region.abroad.code, "ill", f"/trainers/{region.ours.id}"))
    assert browser.get(f"/trainers/{region.hidden.id}").status_code == 404


def test_absences_of_others_have_no_reason_and_holidays_are_those_of_the_home(db: Session, region: Region) -> None:
    """Leave of an own trainer is called leave, that of another country's is only away; a holiday takes the day of who lives there."""
    friday = datetime(2026, 11, 27, tzinfo=UTC)
    for trainer in (region.ours, region.shown):
        added(db, Absence(person_id=trainer.person_id, kind="sick", starts_at=friday, ends_at=friday + timedelta(hours=12), zone="Asia/Almaty"))
    country = db.get_one(Office, region.there.id).country_id
    added(db, Holiday(country_id=country, day=WEEK[3], names={"en": "Day of the Lake"}))

    ours, shown = board.board(db, WEEK, **only_here(region))

    assert [ours.marks[WEEK[4]][0].word.text, shown.marks[WEEK[4]][0].word.text] == ["ill", "away"]
    assert ([mark.kind for mark in ours.marks[WEEK[3]]], [mark.kind for mark in shown.marks[WEEK[3]]]) == ([], ["holiday"])


def test_a_night_over_midnight_takes_both_days_and_one_that_ends_at_midnight_does_not(db: Session, region: Region) -> None:
    """Days are those of the trainer's home clock."""
    almaty = board.ZoneInfo("Asia/Almaty")
    noon = datetime(2026, 11, 23, 12, tzinfo=almaty)

    assert board.local_days(noon, noon + timedelta(hours=12), almaty) == [WEEK[0]]
    assert board.local_days(noon, noon + timedelta(hours=13), almaty) == WEEK[:2]
    assert board.local_days(MONDAY, MONDAY + timedelta(hours=4), almaty) == [WEEK[0]]


def test_the_number_of_queries_does_not_grow(db: Session, region: Region, counted: Callable[[], Any]) -> None:
    """Five queries for two trainers and for twelve."""
    asked = []
    for more in (0, 10):
        for _ in range(more):
            make_trainer(db, region.here)
        with counted() as statements:
            board.board(db, WEEK, **only_here(region))
        asked.append(len(statements))

    assert asked == [5, 5]


# ---- the page --------------------------------------------------------------------------------------------------------


@pytest.mark.goal("SCH-25", "SCH-14")
def test_the_board_is_a_plain_table_and_prints_what_it_shows(db: Session, region: Region, client_of: ClientOf) -> None:
    """Trainers beside days without any script; the same on A4 and A3 across, with the heads of its columns on every page."""
    for n in range(60):
        make_trainer(db, region.here, make_person(db, region.here, family=f"Trainer{n:02d}"))
    browser = client_of(region.planner)
    page = browser.get("/planning/board?view=month&day=2026-11-23").get_data(as_text=True)
    papers = {paper: PdfReader(BytesIO(browser.get(f"/planning/board/paper?view=month&day=2026-11-23&paper={paper}").data)) for paper in ("a4", "a3")}

    for word in (region.session.code, "Karimov", "Sadykova", "Trainer59"):
        assert word in page
    assert region.abroad.code not in page
    assert "Hidden" not in page
    for paper, (width, height) in {"a4": (842, 595), "a3": (1191, 842)}.items():
        box = papers[paper].pages[0].mediabox
        assert (round(box.width), round(box.height)) == (width, height)
        text = [one.extract_text() for one in papers[paper].pages]
        assert all("Trainer" in one for one in text if one.strip())
        assert "Trainer59" in " ".join(text)
    assert len(papers["a4"].pages) > 1


def test_week_and_day_show_hours_and_whoever_is_free_can_be_listed_alone(db: Session, region: Region, client_of: ClientOf) -> None:
    """The hours of a booking stand in its cell; with the tick only those stand there whom nothing takes."""
    free = make_trainer(db, region.here, make_person(db, region.here, family="Zhakupov"))
    browser = client_of(region.planner)
    week = browser.get("/planning/board?view=week&day=2026-11-24").get_data(as_text=True)
    only_free = browser.get("/planning/board?view=week&day=2026-11-24&free=1").get_data(as_text=True)
    nonsense = browser.get("/planning/board?view=year&day=tomorrow&country=%00%00&course=x")

    assert "09:00–13:00" in week
    assert ("Zhakupov" in only_free, "Karimov" in only_free) == (True, False)
    assert nonsense.status_code == 200
    assert free.person_id
    assert db.scalar(sa.select(sa.func.count()).select_from(Country)) >= 2


def test_two_meetings_of_a_session_on_a_day_are_one_number_in_the_month(db: Session, region: Region, client_of: ClientOf) -> None:
    """The number stands once in the narrow cell; the hours of both are heard."""
    add_meeting(db, region.session, MONDAY + timedelta(hours=5))
    bookings.refresh(db, [region.session.id])
    page = client_of(region.planner).get("/planning/board?view=month&day=2026-11-24").get_data(as_text=True)
    monday = re.findall(r'<td class="busy">.*?</td>', page, re.DOTALL)[0]
    number = region.session.code.rsplit("-", 1)[-1]
    assert re.findall(r'<span aria-hidden="true">(.*?)</span>', monday) == [number]
    assert ("09:00–13:00" in monday, "14:00–18:00" in monday) == (True, True)
