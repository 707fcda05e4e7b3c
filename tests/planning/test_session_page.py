"""The page of a session: who fits and why, why not somebody else, filling slots with reasons, what happened to them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app import clock
from app.people.models import Person
from app.policy import Role
from app.schedule import assignments
from app.schedule.models import Assignment, AssignmentEvent
from app.sync.models import AuditEvent
from app.trainers.models import Absence
from tests.factories import added, make_staff
from tests.planning.rows import Plan, make_session
from tests.runs.rows import make_run

ClientOf = Callable[..., FlaskClient]


@pytest.fixture
def plan(db: Session) -> Plan:
    """A session to plan."""
    return Plan(db)


def text_of(page: Any) -> str:
    """What a page says, tags and blanks tidied away."""
    body = re.sub(r"<(script|style).*?</\1>", "", page.get_data(as_text=True), flags=re.S)
    return " ".join(re.sub(r"<[^>]+>", " ", body).replace("&#39;", "'").split())


def names_in_order(html: str) -> list[str]:
    """Who stands in the panel "who fits", from top to bottom."""
    panel = html[html.index('id="fits"') : html.index('id="why-not"')]
    return re.findall(r'href="[^"]*trainer=[^"]*"[^>]*>([^<]+)</a></b>', panel)


def take(client: FlaskClient, plan: Plan, trainer: Any, how: str = "assign", reason: str = "", slot: int = 0) -> Any:
    """Press a button of the panel."""
    return client.post(f"{plan.path}/slots/{plan.slots[slot].id}/take", data={"trainer": str(trainer.id), "how": how, "reason": reason})


def states(db: Session) -> list[str]:
    """The states of all assignments."""
    db.expire_all()
    return sorted(db.scalars(sa.select(Assignment.state)))


# ---- who fits, and why not somebody else ---------------------------------------------------------------------------------


@pytest.mark.goal("SCH-04")
def test_why_not_names_everything_that_speaks_against_a_trainer(db: Session, plan: Plan, client_of: ClientOf) -> None:
    """"Why not …?" finds a trainer by any spelling and lists every failing check, not only the first."""
    plan.trainer(db, "Osmonov")
    plan.trainer(db, "Кәрімов", level="co", valid_to=plan.monday.date(), language="A2")

    page = client_of(plan.planner).get(f"{plan.path}?slot=1&q=karimov")

    asked = page.get_data(as_text=True).split('id="asked"')[1].split("</section>")[0]
    said = " ".join(re.sub(r"<[^>]+>", " ", asked).split())
    assert "Кәрімов D." in said
    assert "the last meeting is on" in said
    assert "Holds only co-trainer; the slot asks for lead trainer." in said
    assert "Russian only A2; the slot asks for B2." in said
    assert "Why not Кәрімов D." in text_of(page)


@pytest.mark.goal("SCH-04")
def test_a_few_letters_that_fit_many_tell_of_the_best_ten(db: Session, plan: Plan, client_of: ClientOf) -> None:
    """The others are counted, so that nobody thinks they are not in the pool."""
    for n in range(13):
        plan.trainer(db, f"Kar{chr(97 + n)}ov")

    page = client_of(plan.planner).get(f"{plan.path}?slot=1&q=ka").get_data(as_text=True)

    asked = page.split('id="asked"')[1].split("</section>")[0]
    assert asked.count("<li>") == 10
    assert "3 more have a name like this: type more of it." in asked
    assert "more have a name" not in client_of(plan.planner).get(f"{plan.path}?slot=1&q=kara").get_data(as_text=True)


@pytest.mark.goal("SCH-04")
def test_a_booking_of_another_country_is_told_without_its_details(db: Session, plan: Plan, client_of: ClientOf) -> None:
    """Why not a trainer of another country: that he is booked is said, of what is not."""
    other = plan.abroad(db, "Rahimi")
    abroad = make_session(db, make_run(db), meetings=1, starts=plan.monday + timedelta(hours=1))
    slot = db.scalars(sa.select(assignments.SessionSlot).where(assignments.SessionSlot.session_id == abroad.id)).one()
    assignments.assign(db, slot, db.get_one(Person, other.person_id), by=plan.planner.id, now=clock.now())

    said = text_of(client_of(plan.planner).get(f"{plan.path}?slot=1&q=rahimi"))

    assert "Has another booking on" in said
    assert abroad.code not in said


def test_who_does_not_want_to_be_seen_abroad_is_not_found(db: Session, plan: Plan, client_of: ClientOf) -> None:
    """A trainer of another country who agreed to nothing stands nowhere."""
    plan.trainer(db, "Karimov")
    plan.abroad(db, "Rahimi", shown="none")

    said = text_of(client_of(plan.planner).get(f"{plan.path}?slot=1&q=rahimi"))

    assert "Nobody of the pool that you may see has this name: rahimi" in said
    assert "Rahimi" not in said


@pytest.mark.goal("SCH-05")
def test_the_points_of_the_table_are_the_points_of_the_list(db: Session, plan: Plan, client_of: ClientOf) -> None:
    """The points shown add up to the total, the total is the number in the list, and a second look shows the same order."""
    for family, values in (("Karimov", {}), ("Sadykova", {"share": 50}), ("Li", {"prefers": "classroom"})):
        plan.trainer(db, family, **values)
    client = client_of(plan.planner)

    html = client.get(f"{plan.path}?slot=1").get_data(as_text=True)

    table = html[html.index('id="why"') :]
    rows = re.findall(r'data-label="Points">(?:(\d+)|–)</td>', table)
    total = int(re.findall(r'<td class="n">(\d+)</td>', table[table.index("<tfoot>") :])[1])
    shown = re.search(r'class="on" id="chosen".*?class="pts push">(\d+) points?<', html, re.S)
    assert shown is not None
    assert sum(int(one) for one in rows if one) == total == int(shown[1])
    assert names_in_order(html) == names_in_order(client.get(f"{plan.path}?slot=1").get_data(as_text=True))


def test_three_groups_with_their_numbers(db: Session, plan: Plan, client_of: ClientOf) -> None:
    """Suggested, possible with a reason, not available: each says how many, and the order is theirs."""
    plan.trainer(db, "Karimov")
    plan.trainer(db, "Tulegenov", days_a_month=1)
    plan.trainer(db, "Osmonov", language="")

    page = client_of(plan.planner).get(f"{plan.path}?slot=1")

    said = text_of(page)
    assert re.search(r"Suggested: 1 .*Possible with a reason: 1 .*Not available: 1 ", said)
    assert names_in_order(page.get_data(as_text=True)) == ["Karimov D.", "Tulegenov D.", "Osmonov D."]


def test_long_groups_are_folded_and_shown_whole_when_asked(db: Session, plan: Plan, client_of: ClientOf) -> None:
    """The first few of a group stand on the page; the rest comes with a link that works without a script."""
    for n in range(7):
        plan.trainer(db, f"Karimov{n}")
    client = client_of(plan.planner)

    few = client.get(f"{plan.path}?slot=1").get_data(as_text=True)
    link = re.search(r'href="([^"#]*all=suggested[^"#]*)#suggested">Show 2 more<', few)

    assert len(names_in_order(few)) == 5
    assert link is not None
    assert len(names_in_order(client.get(link[1].replace("&amp;", "&")).get_data(as_text=True))) == 7


def test_where_nobody_fits_the_closest_are_named(db: Session, plan: Plan, client_of: ClientOf) -> None:
    """Nobody is suggested: the page says what would have to change."""
    away = plan.trainer(db, "Karimov")
    day = timedelta(days=1)
    added(db, Absence(person_id=away.person_id, kind="leave", starts_at=plan.monday - day, ends_at=plan.monday + day, zone="Asia/Almaty"))

    said = text_of(client_of(plan.planner).get(f"{plan.path}?slot=1"))
    assert re.search(r"The closest: what would have to change Karimov D\. \w\w Fits when the session begins on", said)


@pytest.mark.parametrize("trainers", [1, 3])
def test_the_page_asks_the_database_as_often_for_one_trainer_as_for_three(
    db: Session, plan: Plan, client_of: ClientOf, counted: Callable[[], Any], trainers: int
) -> None:
    """The number of queries does not grow with the pool."""
    for n in range(trainers):
        plan.trainer(db, f"Karimov{n}")
    client, address = client_of(plan.planner), f"{plan.path}?slot=1&q=karimov"

    with counted() as statements:
        assert client.get(address).status_code == 200

    assert len(statements) == QUERIES


QUERIES = 41


def test_the_week_says_what_takes_each_day(db: Session, plan: Plan, client_of: ClientOf) -> None:
    """Leave, this session and free days stand beside each other; the wanted days are outlined."""
    lead, away = plan.trainer(db, "Karimov"), plan.trainer(db, "Osmonov")
    plan.put(db, 0, lead)
    day = timedelta(days=1)
    added(db, Absence(person_id=away.person_id, kind="leave", starts_at=plan.monday - timedelta(hours=4), ends_at=plan.monday + day, zone="Asia/Almaty"))

    html = client_of(plan.planner).get(f"{plan.path}?slot=2&trainer={away.id}").get_data(as_text=True)

    table = html[html.index('class="t week"') : html.index('aria-labelledby="before"')]
    rows = {re.findall(r">([^<>]+)</a>", row)[0]: re.findall(r"<td class=\"([^\"]*)\">(?:<span[^>]*>)?([^<]+)<", row) for row in table.split("<tr>")[2:]}
    assert [word for _, word in rows["Osmonov D."]] == ["leave", "leave", "free", "free", "free"]
    assert [kind for kind, _ in rows["Osmonov D."]] == ["leave want", "leave want", " want", "", ""]
    assert [word for _, word in rows["Karimov D."]][3:] == ["free", "free"]
    assert {kind for kind, _ in rows["Karimov D."][:3]} == {"busy"}


# ---- filling a slot ------------------------------------------------------------------------------------------------------


def test_somebody_who_fits_is_assigned_or_offered(db: Session, plan: Plan, client_of: ClientOf) -> None:
    """One button assigns, another offers; the page says who is in the slot since when."""
    lead, co = plan.trainer(db, "Karimov"), plan.trainer(db, "Li")
    client = client_of(plan.planner)

    assert take(client, plan, lead).status_code == 303
    assert take(client, plan, co, "offer", slot=1).status_code == 303

    assert states(db) == ["assigned", "offered"]
    said = text_of(client.get(plan.path))
    assert "2 of 2 filled" in said
    assert "Karimov D., assigned" in said
    assert "Li D., offered" in said


@pytest.mark.goal("SCH-07")
def test_a_warning_is_taken_on_only_with_a_reason_that_everybody_can_read(db: Session, plan: Plan, client_of: ClientOf) -> None:
    """Too short a reason is refused at its field; a good one stands on the page, in the list of the month and in the audit trail."""
    loaded = plan.trainer(db, "Tulegenov", days_a_month=1)
    client = client_of(plan.planner)

    refused = take(client, plan, loaded, reason="must do")

    assert refused.status_code == 422
    assert "Give a reason of at least 10 characters" in text_of(refused)
    assert ">must do</textarea>" in refused.get_data(as_text=True)
    assert states(db) == []

    assert take(client, plan, loaded, reason="Nobody else speaks to these drivers").status_code == 303
    assert "Nobody else speaks to these drivers" in text_of(client.get(plan.path))
    assert "Nobody else speaks to these drivers" in text_of(client.get("/planning/overrides"))
    assert "Nobody else speaks to these drivers" in client.get("/planning/overrides?as=csv").get_data(as_text=True)
    events = db.scalars(sa.select(AuditEvent).where(AuditEvent.what == "assignment.override")).all()
    assert [(one.detail["checks"], one.detail["reason"]) for one in events] == [(["T8"], "Nobody else speaks to these drivers")]


def test_whom_a_check_bars_is_not_assigned_whatever_the_form_says(db: Session, plan: Plan, client_of: ClientOf) -> None:
    """A form that was not on the page gets 409, what is in the way, and changes nothing."""
    barred = plan.trainer(db, "Osmonov", language="")

    answer = take(client_of(plan.planner), plan, barred, reason="a very good reason indeed")

    assert answer.status_code == 409
    assert "Osmonov D. cannot be taken: Russian is not among his languages" in text_of(answer)
    assert states(db) == []


def test_a_trainer_of_another_country_is_asked_for(db: Session, plan: Plan, client_of: ClientOf) -> None:
    """His centre is asked, which books nothing; assigning him over its head is refused."""
    other = plan.abroad(db, "Sadykova")
    client = client_of(plan.planner)

    page = client.get(f"{plan.path}?slot=1&trainer={other.id}")
    assert "Ask the centre of Sadykova D." in text_of(page)
    assert take(client, plan, other, "assign").status_code == 409
    assert take(client, plan, other, "request").status_code == 303

    assert states(db) == ["requested"]
    assert "Sadykova D., asked of his centre" in text_of(client.get(plan.path))


@pytest.mark.goal("SCH-08")
def test_whoever_is_booked_since_the_page_was_opened_is_refused_with_what(db: Session, plan: Plan, client_of: ClientOf) -> None:
    """Another planner was faster: 409 names the session that has him now."""
    lead = plan.trainer(db, "Karimov")
    other = make_session(db, make_run(db, plan.post), meetings=1, starts=plan.monday)
    slot = db.scalars(sa.select(assignments.SessionSlot).where(assignments.SessionSlot.session_id == other.id)).one()
    assignments.assign(db, slot, db.get_one(Person, lead.person_id), by=plan.planner.id, now=clock.now())

    answer = take(client_of(plan.planner), plan, lead)

    assert answer.status_code == 409
    assert other.code in text_of(answer)


# ---- what happens to a slot ------------------------------------------------------------------------------------------------


@pytest.mark.goal("SCH-13")
def test_a_declined_slot_is_empty_again_and_its_history_stays(db: Session, plan: Plan, client_of: ClientOf) -> None:
    """The page shows who was offered the slot, that he declined, and why."""
    row = plan.put(db, 0, plan.trainer(db, "Karimov"), assignments.offer)
    assignments.decline(db, row, by=row.person_id, now=clock.now(), reason="My daughter marries")

    said = text_of(client_of(plan.planner).get(f"{plan.path}?slot=1"))

    assert "Lead trainer empty" in said
    assert re.search(r"History of this slot 2 entries .*Karimov D\. : declined My daughter marries .*Karimov D\. : slot offered", said)


def test_somebody_is_taken_out_with_a_reason(db: Session, plan: Plan, client_of: ClientOf) -> None:
    """Who was assigned learns why: without words the form comes back, with them the slot is empty."""
    row = plan.put(db, 0, plan.trainer(db, "Karimov"))
    client = client_of(plan.planner)

    refused = client.post(f"{plan.path}/assignments/{row.id}/withdraw", data={"reason": " "})
    assert refused.status_code == 422
    assert "Say why: he is told." in text_of(refused)

    assert client.post(f"{plan.path}/assignments/{row.id}/withdraw", data={"reason": "The course moved"}).status_code == 303
    assert states(db) == ["withdrawn"]


@pytest.mark.goal("SCH-07")
def test_a_warning_that_came_later_is_taken_on_where_it_stands(db: Session, plan: Plan, client_of: ClientOf) -> None:
    """A trainer in a slot got too many days: the page asks for a reason, and keeps it."""
    row = plan.put(db, 0, plan.trainer(db, "Tulegenov", days_a_month=1))
    client = client_of(plan.planner)
    assert re.search(r"needs a reason Tulegenov D\.: \d of 1 days in", text_of(client.get(plan.path)))

    assert client.post(f"{plan.path}/assignments/{row.id}/override", data={"check": "T8", "reason": "short"}).status_code == 422
    done = client.post(f"{plan.path}/assignments/{row.id}/override", data={"check": "T8", "reason": "He asked for it himself"})

    assert done.status_code == 303
    assert re.search(r"taken on Tulegenov D\.: \d of 1 days in", text_of(client.get(plan.path)))
    assert [one.reason for one in db.scalars(sa.select(AssignmentEvent).where(AssignmentEvent.what == "overridden"))] == ["He asked for it himself"]
    assert client.post(f"{plan.path}/assignments/{row.id}/override", data={"check": "T8", "reason": "He asked for it himself"}).status_code == 409


def test_an_offer_is_turned_into_an_assignment_without_waiting(db: Session, plan: Plan, client_of: ClientOf) -> None:
    """A planner may decide for somebody who does not answer; the history says so."""
    row = plan.put(db, 0, plan.trainer(db, "Karimov"), assignments.offer)

    assert client_of(plan.planner).post(f"{plan.path}/assignments/{row.id}/no-wait").status_code == 303

    assert states(db) == ["assigned", "withdrawn"]


# ---- who sees what -----------------------------------------------------------------------------------------------------------


def test_a_draft_is_there_only_for_planners(db: Session, plan: Plan, client_of: ClientOf) -> None:
    """The manager of the office finds no draft, and no button on a released session."""
    plan.trainer(db, "Karimov")
    manager = make_staff(db, Role.MANAGER, plan.centre)
    client = client_of(manager)
    assert client.get(plan.path).status_code == 404

    db.info["writing"] = True
    plan.session.state, plan.session.released_at = "released", clock.now()
    db.commit()
    page = client.get(plan.path).get_data(as_text=True)

    assert "Karimov D." in page
    assert "<button" not in page[page.index('id="main"') :].replace('<button class="btn">Ask</button>', "")


def test_the_first_page_shows_what_waits(db: Session, plan: Plan, client_of: ClientOf) -> None:
    """Empty slots, offers without an answer and drafts stand on the first page; the month shows the session on its days."""
    plan.put(db, 1, plan.trainer(db, "Karimov"), assignments.offer)
    client = client_of(plan.planner)

    page = client.get(f"/planning?month={plan.monday:%Y-%m}")

    said = text_of(page)
    assert "Lead trainer: empty" in said
    assert "Co-trainer: offered to Karimov D." in said
    month = page.get_data(as_text=True).split('class="t month"')[1]
    assert month.count(f'href="{plan.path}"') == 3
    assert "No session in this month" in text_of(client.get("/planning?month=2019-02"))
    assert client.get("/planning?month=abc").status_code == 200
