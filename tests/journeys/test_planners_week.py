"""A planner's week in a real browser: a new session, who fits and why not, an offer that is accepted, the release, the outbox."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Page, expect

from app.notices.models import Mail
from app.offices.models import Office
from app.runs.models import CourseRun
from app.schedule.models import Assignment, Meeting, TrainingSession
from app.work import work
from tests import live

pytestmark = [pytest.mark.browser, pytest.mark.node]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[live.Live]:
    """A node with the demo's pool and sessions."""
    with live.serving(*live.make_node(tmp_path_factory.mktemp("planner"))) as node:
        yield node


@dataclass(frozen=True)
class Known:
    """A run of Kazakhstan that is planned, the days of its meetings, and a draft with an offer that waits for the demo's trainer."""

    run: str
    days: list[str]
    offered: str
    assignment: str


def known_of(node: live.Live) -> Known:
    """What the demo has prepared."""
    with work(node.database) as db:
        run, session_id = db.execute(
            sa.select(CourseRun, TrainingSession.id).join(TrainingSession, TrainingSession.run_id == CourseRun.id).join(Office, Office.id == CourseRun.office_id)
            .where(Office.code == "KZ-TEMIRBABA", TrainingSession.state == "draft")
        ).one()
        days = [one.isoformat() for one in db.scalars(sa.select(Meeting.day).where(Meeting.session_id == session_id).order_by(Meeting.day))]
        offered, assignment = db.execute(
            sa.select(TrainingSession.code, Assignment.id).join(Assignment, Assignment.session_id == TrainingSession.id).join(CourseRun, CourseRun.id == TrainingSession.run_id)
            .join(Office, Office.id == CourseRun.office_id).where(Office.code == "KZ-KONYSBAEV", Assignment.state == "offered")
        ).one()
        return Known(run.code, days, offered, str(assignment))


def enter(browser: Browser, node: live.Live, name: str, language: str = "en", width: int = 1024) -> Page:
    """A window of somebody who has signed in."""
    page = live.window(browser, language=language, width=width).new_page()
    live.sign_in(page, node.url, name)
    page.wait_for_load_state()
    return page


@pytest.mark.goal("SCH-04", "SCH-12")
def test_a_planners_week(browser: Browser, node: live.Live) -> None:
    """From an empty form to mails on their way: a session is planned, filled with reasons, released and told, all by pages."""
    known = known_of(node)
    page = enter(browser, node, "planner")

    # Monday: a new session, by its form
    page.goto(f"{node.url}/planning")
    page.get_by_role("link", name="New session").click()
    page.select_option("[name=run]", known.run)
    page.fill("[name=seats]", "8")
    page.select_option("select[name=language]", "ru")
    page.select_option("[name=classroom]", index=1)
    page.fill("[name=place]", "Room 2")
    page.get_by_label("Lead trainer").check()
    page.get_by_label("Co-trainer").check()
    page.get_by_role("button", name="Plan the session").click()
    expect(page.locator(".said")).to_contain_text("is a draft that only planners see")
    code = re.search(r"S-\d+-\d+", page.url)
    assert code is not None
    here = f"{node.url}/planning/sessions/{code[0]}"

    # its meetings; one that ends before it starts is refused at its field, with nothing lost
    for row, day in zip(page.locator("fieldset.meeting-row").all(), known.days, strict=False):
        row.locator("input[type=date]").fill(day)
        row.locator("input[type=time]").nth(0).fill("18:00")
        row.locator("input[type=time]").nth(1).fill("15:00")
    page.get_by_role("button", name="Add the meetings").click()
    expect(page.locator("#errors").first).to_contain_text("ends before it starts")
    for row, _day in zip(page.locator("fieldset.meeting-row").all(), known.days, strict=False):
        row.locator("input[type=time]").nth(0).fill("15:00")
        row.locator("input[type=time]").nth(1).fill("18:00")
    page.get_by_role("button", name="Add the meetings").click()
    page.get_by_role("link", name="Back to the session").click()

    # Tuesday: who fits for the lead, and why not somebody else
    assert page.url.startswith(here)
    expect(page.locator("#fits")).to_have_text("Lead trainer: who fits")
    expect(page.get_by_text("2 things block it")).to_be_visible()
    page.fill("#why-not", "Annayewa")
    page.press("#why-not", "Enter")
    asked = page.locator("#asked li")
    expect(asked).to_have_count(1)
    assert asked.locator(".st-fail, .st-alert, .st-note").count() > 1, "every check that fails is named, not only the first"
    expect(page.locator("#why-h")).to_contain_text("Why not")
    page.get_by_role("link", name="close").click()
    points = [int(one) for one in page.locator("table.why tbody td:nth-child(5)").all_inner_texts() if one.strip().isdigit()]
    total = int(page.locator("table.why tfoot td:nth-of-type(2)").inner_text())
    assert sum(points) == total == int(page.locator("#chosen .pts").inner_text().split()[0])
    page.locator("#chosen").get_by_role("button", name=re.compile("^Assign ")).press("Enter")
    expect(page.get_by_text("1 of 2 filled")).to_be_visible()

    # Wednesday: a co-trainer with too many days, for a reason
    page.locator("#with-reason ~ .more-sug a").first.click()  # behind those who lack the clearance for this place
    page.get_by_role("link", name="Төлегенов А.").first.click()
    chosen = page.locator("#chosen")
    expect(chosen.locator(".st-note")).to_contain_text("days in")
    chosen.locator("textarea").fill("he must")
    chosen.get_by_role("button", name=re.compile("^Assign ")).click()
    expect(page.locator("#chosen .err")).to_contain_text("at least 10 characters")
    expect(page.locator("#chosen textarea")).to_have_value("he must")
    page.locator("#chosen textarea").fill("Only he knows the post and its traffic")
    page.locator("#chosen").get_by_role("button", name=re.compile("^Assign ")).click()
    expect(page.get_by_text("2 of 2 filled")).to_be_visible()
    expect(page.locator("section[aria-labelledby=taken-on]")).to_contain_text("Only he knows the post and its traffic")
    page.goto(f"{node.url}/planning/overrides")
    expect(page.get_by_text("Only he knows the post and its traffic")).to_be_visible()

    # the demo's trainer accepts an offer that waited; the planner sees it
    trainer = enter(browser, node, "trainer")
    trainer.goto(f"{node.url}/my/offers/{known.assignment}")
    trainer.get_by_role("link", name=re.compile("^Accept")).click()
    trainer.locator("main .btn-main").click()
    page.goto(f"{node.url}/planning/sessions/{known.offered}")
    expect(page.locator("table.slots")).to_contain_text(", accepted")

    # Thursday: the release; nothing leaves by itself
    page.goto(here)
    page.get_by_role("link", name="Release…").click()
    expect(page.get_by_text("2 mails will wait in the outbox")).to_be_visible()
    if page.locator("[name=reason]").count():
        page.fill("[name=reason]", "Agreed with both of them on Monday")
    page.get_by_role("button", name=f"Release {code[0]}").click()
    assert page.url.endswith("/planning/outbox")
    panel = page.locator("section.panel").filter(has=page.get_by_role("link", name=code[0]))
    expect(panel).to_contain_text("waits for “send”: 2")
    panel.locator("summary").first.click()
    expect(panel.locator(".letter").first).to_be_visible()
    with work(node.database) as db:
        assert {one.state for one in db.scalars(sa.select(Mail).where(Mail.title == code[0]))} == {"waiting"}

    # Friday: send
    panel.get_by_role("button", name="Send 2 mails").click()
    expect(page.locator(".said")).to_contain_text("Mails that leave now")
    page.goto(here)
    expect(page.get_by_text("Everybody knows how it stands.")).to_be_visible()


@pytest.mark.parametrize("language", ["ru", "kk"])
@pytest.mark.parametrize("width", [1024, 360])
def test_the_pages_of_planning_are_whole_in_other_languages(browser: Browser, node: live.Live, language: str, width: int) -> None:
    """In Russian and Kazakh, wide and narrow: no gap is left in a sentence and nothing stands outside the page."""
    page = enter(browser, node, "planner", language, width)
    with work(node.database) as db:
        codes = list(db.scalars(sa.select(TrainingSession.code).join(CourseRun, CourseRun.id == TrainingSession.run_id).join(Office, Office.id == CourseRun.office_id).where(Office.code.startswith("KZ")).order_by(TrainingSession.code.desc()).limit(3)))
    paths = ["/planning", "/planning/outbox", "/planning/overrides"]
    paths += [f"/planning/sessions/{code}{rest}" for code in codes for rest in ("", "?slot=1&q=a", "/release", "/trainers-order")]
    for path in paths:
        answer = page.goto(node.url + path)
        assert answer is not None
        assert answer.ok, path
        text = page.locator("main").inner_text()
        assert not re.search(r"\{\w+\}|%\(\w+\)|None", text), path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
