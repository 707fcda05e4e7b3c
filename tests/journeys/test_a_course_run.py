"""One course run from the plan to the report, each person in a browser window of his own."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import openpyxl
import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, expect

from app import clock, open_database
from app.certificates.models import Certificate
from app.courses import loading
from app.offices.models import Agency, Office
from app.ops import demo, demo_runs, migrations
from app.people import credentials, register
from app.people.models import Account
from app.people.names import Name
from app.quizzes import invigilation
from app.runs.models import CourseRun
from app.work import work
from config import Config
from tests import live
from tests.journeys.people import Somebody, attempt_of, signed_in, sits, take_by_keys, text_of

pytestmark = pytest.mark.browser

OFFICERS = {  # service number: family, given in both scripts
    "70010011": (("Әуезова", "Айгерім"), ("Auezova", "Aigerim")),
    "70010028": (("Бекқұлов", "Нұржан"), ("Bekqulov", "Nurzhan")),
    "70010035": (("Ғалымов", "Ерлан"), ("Galymov", "Yerlan")),
}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[live.Live]:
    """A node with offices, staff, signatories, one course and three officers; no run has ever been."""
    config = Config(NODE="demo", INSTANCE=str(tmp_path_factory.mktemp("journey")), SECRET_KEY="k" * 40, PEPPER="p" * 40)
    config.folder.mkdir(parents=True)
    database = open_database(config)
    migrations.upgrade(database.engine)
    loading.load_all(database, live.COURSES, keep_in=config.folder)
    credentials.use_pepper(config.PEPPER)
    world = demo.World(database, config, lambda _text: None)
    with demo.history(datetime(2024, 1, 8, 4, tzinfo=UTC)):
        demo.make_places(world)
        demo.make_staff(world, everybody=True)
        with work(database) as db:
            for number, (cyrillic, latin) in OFFICERS.items():
                register.register_person(
                    db, agency=db.get_one(Agency, world.agencies["KZ", "BORDER"]), office=db.get_one(Office, world.offices["KZ-KORDAY"]),
                    service_number=number, names={"Cyrl": Name(*cyrillic), "Latn": Name(*latin)}, since=date(2024, 3, 1), gender="f",
                )
    demo_runs.signatories(world, clock.now().date())
    with live.serving(config, database) as served:
        yield served


@dataclass
class Story:
    """What one chapter leaves for the next."""

    code: str = ""
    pin: str = ""
    number: str = ""


@pytest.mark.goal("PLY-10")
def test_a_run_is_planned_taught_tested_certified_checked_and_reported(node: live.Live, browser: Browser) -> None:
    """From the plan to the report by the pages alone; a test of any kind of question is taken by the keys alone."""
    story = Story()
    a_planner_plans_a_run(node, browser, story)
    a_manager_nominates_three_officers(node, browser, story)
    the_planner_accepts_two_and_says_why_not_the_third(node, browser, story)
    the_class_manager_makes_a_seat_and_prints_slips(node, browser, story)
    a_trainee_learns_in_kazakh(node, browser, story)
    the_registrar_issues_the_certificate(node, browser, story)
    the_manager_reads_the_report(node, browser, story)


def a_planner_plans_a_run(node: live.Live, browser: Browser, story: Story) -> None:
    planner = signed_in(node, browser, "planner")
    planner.go("/runs")
    assert "No run yet" in planner.says()
    page = planner.link("Plan a run")
    for field, label in (("version", "vehicle search"), ("office", "Korday"), ("classroom", "Korday, CBT class 1"), ("lead", "Қасымов")):
        options = page.locator(f"[name={field}] option").all()
        page.select_option(f"[name={field}]", next(one.get_attribute("value") for one in options if label in one.inner_text()))
    today = clock.now().date()
    page.fill("[name=starts_on]", str(today - timedelta(days=1)))
    page.fill("[name=ends_on]", str(today + timedelta(days=2)))
    page.fill("[name=seats]", "10")
    planner.press("Plan this run")
    assert planner.page.locator(".errsum").count() == 0, planner.says()
    story.code = re.search(r"/runs/(R-[\w-]+)", page.url)[1]  # type: ignore[index]
    said = planner.says()
    assert "Nobody is enrolled yet" in said
    assert "10 seats are free" in said
    assert planner.noise == []
    planner.context.close()


def a_manager_nominates_three_officers(node: live.Live, browser: Browser, story: Story) -> None:
    manager = signed_in(node, browser, "manager")
    manager.go("/runs")
    manager.link(story.code)
    page = manager.link("Nominate officers")
    for family in (cyrillic[0] for cyrillic, _ in OFFICERS.values()):
        page.get_by_role("row", name=family).get_by_role("checkbox").check()
    page.select_option("select[name=language]", "kk")
    manager.press("Nominate those ticked")

    said = manager.go(f"/runs/{story.code}/nominations") and manager.says()
    assert all(number in said for number in OFFICERS)
    assert manager.noise == []
    manager.context.close()


def the_planner_accepts_two_and_says_why_not_the_third(node: live.Live, browser: Browser, story: Story) -> None:
    planner = signed_in(node, browser, "planner")
    page = planner.go(f"/runs/{story.code}")
    page = planner.link("Decide nominations (3)")
    for (cyrillic, _), choice in zip(OFFICERS.values(), ("accept", "accept", "decline"), strict=True):
        row = page.get_by_role("row", name=cyrillic[0])
        row.get_by_role("radio", name=choice).check()
        if choice == "decline":
            row.get_by_role("textbox").fill("On leave until Friday")
    planner.press("Save the decisions chosen")

    manager = signed_in(node, browser, "manager")
    row = manager.go(f"/runs/{story.code}/nominations").get_by_role("row", name="Ғалымов")
    expect(row).to_contain_text("On leave until Friday")
    manager.go(f"/runs/{story.code}")
    assert "Enrolled\n2" in manager.says()
    assert planner.noise + manager.noise == []
    planner.context.close()
    manager.context.close()


def the_class_manager_makes_a_seat_and_prints_slips(node: live.Live, browser: Browser, story: Story) -> None:
    manager = signed_in(node, browser, "classmanager")
    manager.go(f"/runs/{story.code}")
    manager.link("Print sign-in slips (2)")
    paper = text_of(manager.saves("main .btn-main"))
    pins = re.findall(r"(?<!\d)\d{6}(?!\d)", paper)

    assert len(pins) == 2
    assert {number for number in OFFICERS if number in paper} == {"70010011", "70010028"}
    assert "Ғалымов" not in paper
    own = paper[paper.index("70010011") :]
    story.pin = re.search(r"(?<!\d)\d{6}(?!\d)", own)[0]  # type: ignore[index]
    assert manager.noise == []
    manager.context.close()


def a_trainee_learns_in_kazakh(node: live.Live, browser: Browser, story: Story) -> None:
    pc = signed_in(node, browser, "classmanager")
    page = pc.go("/seats")
    with page.expect_navigation():
        page.locator(".room a").first.click()
    pc.press("Make this PC seat 01")
    pc.page.locator(".top-nav summary").first.click()
    pc.press("Sign out")

    page = pc.go("/sign-in")
    pc.press("Қазақша")
    expect(page.locator("html")).to_have_attribute("lang", "kk")
    if page.locator("select[name=agency]").count():
        page.select_option("select[name=agency]", index=0)
    page.keyboard.type("70010011")  # the field is ready
    page.keyboard.press("Tab")
    page.keyboard.type(story.pin)
    page.keyboard.press("Enter")
    page.wait_for_url("**/learn")
    expect(page.locator("html")).to_have_attribute("lang", "kk")
    expect(page.locator(".top")).to_contain_text("Әуезова")

    the_test_is_started_for_the_room(node, story, "pre")
    score = a_test_by_keys(pc)
    assert score.startswith("100")
    pages = the_lessons_by_next(pc)
    assert pages >= 7
    the_test_is_started_for_the_room(node, story, "post")
    assert a_test_by_keys(pc, quiz="post").startswith("100")
    said = pc.says()
    assert "Әуезова Айгерім" in said
    assert "70010011" in said
    assert re.search(r"\b[0-9A-Z]{4}-[0-9A-Z]{4}\b", said)
    assert attempt_of(pc, "post").receipt in said
    pc.page.locator(".top-nav summary").first.click()
    with page.expect_navigation():
        page.locator(".top-nav form button").first.click()
    assert pc.noise == []
    pc.context.close()


def the_test_is_started_for_the_room(node: live.Live, story: Story, quiz: str) -> None:
    with work(node.database) as db:
        run = db.scalars(sa.select(CourseRun).where(CourseRun.code == story.code)).one()
        manager = db.scalars(sa.select(Account.person_id).where(Account.user_name == "classmanager")).one()
        invigilation.start_room_test(db, run, quiz, by=manager, now=clock.now())


def a_test_by_keys(pc: Somebody, quiz: str = "pre") -> str:
    """From the start page to the receipt without a mouse; the score as the page says it."""
    page = pc.go("/learn")
    for _ in range(3):
        if f"/tests/{quiz}" in page.url:
            break
        pc.tab_to("main .btn-main")
        with page.expect_navigation():
            page.keyboard.press("Enter")
    pc.tab_to("main .btn-main")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    kinds = take_by_keys(pc, attempt_of(pc, quiz))
    assert len(kinds) >= 3
    expect(page.locator("[data-answered]")).to_contain_text("10")
    pc.tab_to("#summary .btn-main")
    page.keyboard.press("Enter")
    expect(page.locator(".receipt")).to_be_visible(timeout=10_000)
    return page.locator(".fig").inner_text()


def the_lessons_by_next(pc: Somebody) -> int:
    """All lessons with the N key; how many pages there were."""
    page = pc.go("/learn")
    with page.expect_navigation():
        page.locator("main .btn-main").click()
    pages = 0
    while "/tests/" not in page.url and pages < 150:
        if not page.locator("[data-next]").count():
            more = page.locator("main .btn-main")
            with page.expect_navigation():
                more.click()
            continue
        pages += 1
        with page.expect_navigation():
            page.keyboard.press("n")
    return pages


def the_registrar_issues_the_certificate(node: live.Live, browser: Browser, story: Story) -> None:
    registrar = signed_in(node, browser, "registrar")
    page = registrar.go(f"/runs/{story.code}/certificates")
    row = page.get_by_role("row", name="Әуезова")
    assert "none: took no part" in page.get_by_role("row", name="Бекқұлов").inner_text()
    if page.locator("[name=signatory]:checked").count() == 0:
        page.locator("[name=signatory]").first.check()
    registrar.press("Issue 1 certificate")
    row = registrar.go(f"/runs/{story.code}/certificates").get_by_role("row", name="Әуезова")
    story.number = re.search(r"KZ-\d{4}-\d{6}-\d\d", row.inner_text())[0]  # type: ignore[index]
    registrar.link(story.number)
    paper = registrar.context.request.get(node.url + page.locator("main .btn-main").get_attribute("href")).body()
    text = text_of(paper)
    assert story.number in text
    assert "Әуезова" in text

    with node.database.sessions() as db:
        payload = db.scalars(sa.select(Certificate.payload).where(Certificate.number == story.number)).one()  # what the square code holds
    anybody = sits(node, browser)
    anybody.go("/v/" + payload.rpartition("/")[2].partition("#")[0])
    said = anybody.says()
    assert story.number in said
    assert "А. Әуезова" in said  # no more of the name than whoever holds the paper can compare
    assert "Жарамды" in said  # in the language of the paper until another one is asked for
    assert "70010011" not in said
    anybody.link("English")
    assert "Valid" in anybody.says()
    anybody.go(f"/v/{story.number}?k=WRONGKEY")
    assert "uezova" not in anybody.says()
    assert registrar.noise == []
    registrar.context.close()
    anybody.context.close()


def the_manager_reads_the_report(node: live.Live, browser: Browser, story: Story) -> None:
    manager = signed_in(node, browser, "manager")
    manager.go("/reports")
    page = manager.go("/reports/progress?by=course&period=" + str(clock.now().year))
    row = page.locator("table.report tbody tr").first
    enrolled = row.locator("a", has_text=re.compile("^2$")).first
    files = {kind: manager.context.request.get(f"{page.url}&as={kind}").body() for kind in ("csv", "xlsx", "pdf")}
    told = list(csv.DictReader(io.StringIO(files["csv"].decode("utf-8-sig"))))
    assert told
    assert "2" in told[0].values()
    sheet = openpyxl.load_workbook(io.BytesIO(files["xlsx"]))
    assert any(2 in [cell.value for cell in line] for line in sheet.worksheets[0].iter_rows())
    assert "Land border vehicle search" in text_of(files["pdf"])
    with page.expect_navigation():
        enrolled.click()
    said = manager.says()
    assert "Әуезова" in said
    assert "Бекқұлов" in said
    assert "Ғалымов" not in said
    assert manager.noise == []
    manager.context.close()
