"""A test in a real browser: autosave, a cut line, two tabs, a dead sign-in, keys alone, no script."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, BrowserContext, Page, expect

from app import clock, open_database
from app.courses.queries import course_content
from app.ops import migrations
from app.people.models import Person, SignIn
from app.questions import shown
from app.quizzes import queries
from app.quizzes.models import Answer, Attempt
from app.work import work
from config import Config
from tests import live
from tests.factories import make_person, make_sign_in
from tests.journeys.people import Somebody, answer_by_keys
from tests.quizzes.rows import Hands, make_attempt, make_enrolment, make_run
from tests.quizzes.test_views import right_fields

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[live.Live]:
    """A class server with a database of its own, which holds nothing yet."""
    config = Config(NODE="class", INSTANCE=str(tmp_path_factory.mktemp("node")), SECRET_KEY="k" * 40, PEPPER="p" * 40)
    config.folder.mkdir(parents=True)
    database = open_database(config)
    migrations.upgrade(database.engine)
    with live.serving(config, database) as served:
        yield served


@dataclass
class Room:
    """A trainee with an attempt, and the PCs he sits at."""

    node: live.Live
    browser: Browser
    person: Person
    attempt: Attempt
    faults: list[str] = field(default_factory=list)
    open: list[BrowserContext] = field(default_factory=list)

    def pc(self, **settings: bool | str) -> BrowserContext:
        """A browser in which the trainee has signed in."""
        context = live.window(self.browser, **settings)  # type: ignore[arg-type]
        with work(self.node.database) as db:
            token = make_sign_in(db, self.person)
        client = self.node.app.test_client()
        with client.session_transaction() as cookie:
            cookie["_user_id"], cookie["_fresh"] = token, True
        name = self.node.config.cookie
        found = client.get_cookie(name)
        assert found is not None
        context.add_cookies([{"name": name, "value": found.value, "url": self.node.url}])
        self.open.append(context)
        return context

    def sits_down(self, context: BrowserContext | None = None, path: str = "") -> Page:
        """A page of the attempt."""
        page = (context or self.pc()).new_page()
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.goto(f"{self.node.url}/attempts/{self.attempt.id}{path}")
        return page

    def number(self, question: str) -> int:
        """The place of a question."""
        return int(self.attempt.draw.index(question)) + 1

    def stored(self) -> list[tuple[str, int, dict]]:
        """What the database holds, in the order in which it was saved."""
        with self.node.database.sessions() as db:
            rows = db.execute(
                sa.select(Answer.question, Answer.revision, Answer.response)
                .where(Answer.attempt_id == self.attempt.id)
                .order_by(Answer.saved_at, Answer.id)
            )
            return [tuple(row) for row in rows]

    def right(self, number: int) -> list[tuple[str, str]]:
        """The fields of the right answer."""
        with self.node.database.sessions() as db:
            return right_fields(db, self.attempt, number)


@pytest.fixture
def room(node: live.Live, browser: Browser) -> Iterator[Callable[..., Room]]:
    """`room("play")`: a trainee who has just begun a test."""
    rooms: list[Room] = []

    def begin(quiz: str = "play", **values: str) -> Room:
        with work(node.database) as db:
            person = make_person(db)
            attempt = make_attempt(db, make_enrolment(db, make_run(db), person, **values), quiz)
            db.flush()
            db.expunge_all()
        rooms.append(Room(node, browser, person, attempt))
        return rooms[-1]

    yield begin
    for one in rooms:
        for context in one.open:
            context.close()
        assert one.faults == []


def fill(page: Page, fields: list[tuple[str, str]]) -> None:
    """Give an answer as a hand would."""
    for name, value in fields:
        box = page.locator(f'[name="{name}"]')
        if box.first.evaluate("one => one.tagName") == "SELECT":
            box.select_option(value)
        elif box.first.get_attribute("type") in ("radio", "checkbox"):
            choice = page.locator(f'[name="{name}"][value="{value}"]')
            if not choice.is_checked():  # by the space bar: a banner that comes up moves what a click would hit
                choice.focus()
                page.keyboard.press("Space")
            expect(choice).to_be_checked()
        else:
            box.fill(value)


def saved(page: Page) -> None:
    """Wait until the page says that all is saved."""
    expect(page.locator("[data-status]")).to_have_text(re.compile(r"All answers saved \d\d:\d\d:\d\d"), timeout=8000)


# ---- saving ----------------------------------------------------------------------------------------------------------


@pytest.mark.goal("PLY-02")
def test_an_answer_is_saved_when_it_changes_and_the_page_says_when(room):
    """Choices are sent at once, typed answers after a pause; the page then states that all answers are saved, with the time."""
    room = room()
    number = room.number("number-1")
    page = room.sits_down(path=f"/{number}")

    page.locator(f'[name="q{number}.value"]').press_sequentially("0.63", delay=50)
    expect(page.locator("[data-status]")).to_have_text("Saving …")
    saved(page)

    assert room.stored() == [("number-1", 1, {"value": "0.63"})]


@pytest.mark.goal("PLY-03", "PLY-02")
def test_answers_given_without_a_line_wait_in_a_banner_and_are_sent_in_order_on_return(room):
    """None is lost, none is double: with the line cut the page goes on and says how many wait; on return they arrive in order."""
    room = room()
    page = room.sits_down(path="/1")
    room.open[0].set_offline(True)

    for number in range(1, 6):
        fill(page, room.right(number))
        page.get_by_role("button", name="Next").click()
    banner = page.locator("[data-banner]")
    expect(banner).to_contain_text("No line to the class server", timeout=15000)
    expect(banner).to_contain_text("5 answers waiting", timeout=15000)
    expect(page.locator("[data-list] .st-late")).to_have_count(5)
    assert banner.locator(".st").evaluate("one => parseFloat(getComputedStyle(one).fontSize)") >= 16
    assert room.stored() == []
    room.open[0].set_offline(False)
    saved(page)

    expect(banner).to_be_empty()
    assert list(dict.fromkeys(question for question, _, _ in room.stored())) == room.attempt.draw[:5]
    assert len(room.stored()) == len({(question, revision) for question, revision, _ in room.stored()})
    with room.node.database.sessions() as db:
        bank = course_content(db, room.attempt.course_version_id).bank
        newest = queries.newest_answers(db, room.attempt.id)
    assert {one: given.response for one, given in newest.items()} == {
        one: bank[one].kind.right_answer(bank[one].content, shown.order_of(bank[one], room.attempt.seed)) for one in room.attempt.draw[:5]
    }


@pytest.mark.goal("PLY-06")
def test_an_answer_that_could_not_be_sent_is_there_again_after_signing_in_anew(room):
    """A dead sign-in is said clearly, with the way back to the same question; what was typed comes back and is sent."""
    room = room()
    number = room.number("number-2")
    first = room.pc()
    page = room.sits_down(first, f"/{number}")
    saved_or_none = page.locator("[data-status]")
    expect(saved_or_none).to_have_text("No answer given yet")
    with work(room.node.database) as db:
        for one in db.scalars(sa.select(SignIn).where(SignIn.person_id == room.person.id)):
            one.ended_at = clock.now()

    page.locator(f'[name="q{number}.value"]').fill("12.5")
    banner = page.locator("[data-banner]")
    expect(banner).to_contain_text("You are no longer signed in", timeout=8000)
    link = banner.get_by_role("link", name="Sign in").get_attribute("href")
    cookies = room.pc().cookies()
    first.add_cookies(cookies)
    page.goto(f"{room.node.url}/attempts/{room.attempt.id}/{number}")

    saved(page)
    assert link.endswith(f"next=%2Fattempts%2F{room.attempt.id}%2F{number}")
    expect(page.locator(f'[name="q{number}.value"]')).to_have_value("12.5")
    assert room.stored() == [("number-2", 1, {"value": "12.5"})]


@pytest.mark.goal("SEC-03")
def test_what_waits_on_a_pc_cannot_be_read_by_the_next_person_there(room):
    """The browser's own store holds the waiting answers only encrypted."""
    room = room()
    number = room.number("number-1")
    page = room.sits_down(path=f"/{number}")
    expect(page.locator("[data-status]")).to_have_text("No answer given yet")
    page.wait_for_timeout(300)
    room.open[0].set_offline(True)
    page.locator(f'[name="q{number}.value"]').fill("987654")
    page.wait_for_timeout(300)

    kept = page.evaluate("""() => new Promise((done) => {
        const asked = indexedDB.open("sabaq-answers", 1);
        asked.onsuccess = () => {
            const all = asked.result.transaction("waiting").objectStore("waiting").getAll();
            all.onsuccess = () => done(all.result.map((row) => JSON.stringify({ ...row, text: new TextDecoder().decode(row.box) })));
        };
    })""")

    assert len(kept) == 1
    assert "987654" not in kept[0]


@pytest.mark.goal("DUR-06", "PLY-06")
def test_two_tabs_the_older_one_says_what_happened_and_can_take_over(room):
    """The stale tab keeps its text on screen, says why it is not saved, and one button takes the test over again."""
    room = room()
    number = room.number("number-1")
    pc = room.pc()
    old = room.sits_down(pc, f"/{number}")
    expect(old.locator("[data-status]")).to_have_text("No answer given yet")
    room.sits_down(pc, f"/{number}").wait_for_timeout(500)

    old.locator(f'[name="q{number}.value"]').fill("7")
    banner = old.locator("[data-banner]")
    expect(banner).to_contain_text("opened in another tab", timeout=8000)
    expect(old.locator(f'[name="q{number}.value"]')).to_have_value("7")
    assert room.stored() == []
    banner.get_by_role("button", name="Take the test over here").click()
    saved(old)

    assert room.stored() == [("number-1", 1, {"value": "7"})]


def test_an_answer_that_met_a_newer_one_waits_for_a_decision(room):
    room = room()
    number = room.number("number-1")
    first, second = room.pc(), room.pc()
    old = room.sits_down(first, f"/{number}")
    expect(old.locator("[data-status]")).to_have_text("No answer given yet")
    old.wait_for_timeout(300)
    first.set_offline(True)
    old.locator(f'[name="q{number}.value"]').fill("7")
    new = room.sits_down(second, f"/{number}")
    new.locator(f'[name="q{number}.value"]').fill("8")
    saved(new)

    first.set_offline(False)
    old.locator("[data-banner]").get_by_role("button", name="Take the test over here").click(timeout=15000)
    old.locator("[data-banner]").get_by_role("button", name="Save mine").click(timeout=8000)
    saved(old)

    assert [(revision, response) for _, revision, response in room.stored()] == [(1, {"value": "8"}), (2, {"value": "7"})]


# ---- keys and no script ----------------------------------------------------------------------------------------------


@pytest.mark.goal("PLY-10")
def test_a_test_is_taken_with_the_keyboard_alone(room):
    """1-9 choose, Enter goes on, P back, F flags, S shows the summary; a letter typed into a field is only a letter."""
    room = room()
    number = room.number("single-1")
    page = room.sits_down(path=f"/{number}")

    page.keyboard.press("2")
    page.keyboard.press("f")
    saved(page)
    page.keyboard.press("Enter")
    expect(page).to_have_title(re.compile(f"Question {number + 1} of 12" if number < 12 else "Summary"))
    page.keyboard.press("p")
    expect(page).to_have_title(re.compile(f"Question {number} of 12"))
    page.goto(f"{room.node.url}/attempts/{room.attempt.id}/{room.number('number-1')}")
    page.locator(f'[name="q{room.number("number-1")}.value"]').press_sequentially("3 fps", delay=20)
    expect(page).to_have_title(re.compile(f"Question {room.number('number-1')} of 12"))
    page.keyboard.press("Enter")
    page.keyboard.press("s")
    expect(page).to_have_title(re.compile("Summary"))
    expect(page.locator("[data-flagged] a")).to_have_text(f"question {number}")
    saved(page)
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Hand in for good").focus()
    page.keyboard.press("Enter")

    expect(page.locator(".receipt")).to_have_text(re.compile(r"\w{4}-\w{4}"))
    assert {question for question, _, _ in room.stored()} == {"single-1", "number-1"}


TYPED = ("true-false", "short-text", "cloze", "fill-table", "check-digit")


@pytest.mark.goal("PLY-11", "PLY-10")
@pytest.mark.parametrize("kind", [*TYPED, "comparison", "scenario", "map-point"])
def test_an_answer_is_given_with_keys_alone_and_is_there_again_at_another_pc(room, kind):
    """Tab, letters, arrows and the keys 1 and 2 are enough; the stored answer stands in the same fields elsewhere."""
    room = room("every")
    number = room.number(kind)
    somebody = Somebody(room.node, room.pc())
    somebody.go(f"/attempts/{room.attempt.id}/{number}")

    answer_by_keys(somebody, room.attempt, number)
    somebody.tab_to(f"#q{number} .btn-main")
    somebody.page.keyboard.press("Enter")
    saved(somebody.page)
    other = room.sits_down(path=f"/{number}")

    with room.node.database.sessions() as db:
        question = course_content(db, room.attempt.course_version_id).bank[kind]
        right = question.kind.right_answer(question.content, shown.order_of(question, room.attempt.seed))
    assert room.stored()[-1][0::2] == (kind, right)
    assert sorted(map(tuple, fields_of(other, number))) == sorted(one for one in room.right(number) if one[1])


@pytest.mark.goal("PLY-03", "PLY-11")
def test_a_situation_goes_on_to_its_end_without_a_line(room):
    """All steps are in the document: a lost line stops nobody, and the whole way is saved when the line is back."""
    room = room("every")
    number = room.number("scenario")
    context = room.pc()
    page = room.sits_down(context, f"/{number}")
    expect(page.locator("[data-status]")).to_have_text("No answer given yet")
    context.set_offline(True)

    for choice in ("Lead him away and call your colleague", "Photograph it, then measure", "Stop, guard, report"):
        page.get_by_label(choice).check()
        page.locator(f"#q{number} .go-on .btn:visible").click()
    expect(page.locator(f"#q{number} [data-end]")).to_be_visible()
    context.set_offline(False)
    saved(page)

    assert room.stored()[-1][0::2] == ("scenario", {"way": {"rattle": "call", "floor": "photo", "find": "stop"}})


@pytest.mark.goal("PLY-07")
@pytest.mark.parametrize("kind", TYPED)
def test_without_script_a_typed_answer_is_saved_on_next_and_shown_again(room, kind):
    """Ordinary fields: Next saves them, and coming back finds them filled."""
    room = room("every")
    number = room.number(kind)
    page = room.sits_down(room.pc(script=False), f"/{number}")

    fill(page, room.right(number))
    page.locator(f"#q{number} .btn-main").click()
    page.goto(f"{room.node.url}/attempts/{room.attempt.id}/{number}")

    assert [question for question, _, _ in room.stored()] == [kind]
    for name, value in room.right(number):
        box = page.locator(f'#q{number} [name="{name}"]')
        if box.first.get_attribute("type") == "radio":
            expect(page.locator(f'#q{number} [name="{name}"][value="{value}"]')).to_be_checked()
        else:
            expect(box).to_have_value(value)


def fields_of(page: Page, number: int) -> list[list[str]]:
    """What the fields of a question hold."""
    given: list[list[str]] = page.locator(f"#q{number}").evaluate(
        "(form) => [...new FormData(form)].filter(([name, value]) => name.startsWith(`${form.id}.`) && value)"
    )
    return given


@pytest.mark.goal("PLY-07")
def test_without_script_all_six_types_are_answered_question_by_question(room):
    """Ordinary forms: each Next saves, the summary counts, handing in shows the receipt and the score."""
    room = room()
    page = room.sits_down(room.pc(script=False), "/1")

    for number in range(1, 13):
        fill(page, room.right(number))
        page.locator(f"#q{number} button.btn-main").click()
    expect(page.locator("[data-answered]")).to_have_text("12 of 12")
    page.get_by_role("button", name="Hand in for good").click()

    expect(page.locator(".fig")).to_have_text(re.compile("^100"))
    assert len(room.stored()) == 12


# ---- time ------------------------------------------------------------------------------------------------------------


def test_when_the_time_is_over_the_page_hands_in_by_itself(room):
    with clock.using(Hands()) as hands:
        room = room("post")
        page = room.sits_down(path="/1")
        fill(page, room.right(1))
        saved(page)
        hands.passes(25 * 60 - 1)  # type: ignore[attr-defined]

        expect(page.locator(".receipt")).to_be_visible(timeout=20000)

        with room.node.database.sessions() as db:
            assert queries.attempts_of(db, room.attempt.enrolment_id)[0].state == "handed-in"
            assert course_content(db, room.attempt.course_version_id).quiz("post") is not None


def test_pages_of_a_test_are_light(room):
    room = room("every")
    context = room.pc()
    sizes: dict[str, int] = {}
    page = context.new_page()
    page.on("response", lambda answer: sizes.__setitem__(answer.url, int(answer.headers.get("content-length", 0))))
    page.goto(f"{room.node.url}/attempts/{room.attempt.id}/1")
    saved_text = page.locator("[data-status]")
    expect(saved_text).to_have_text("No answer given yet")

    scripts = sum(size for url, size in sizes.items() if url.endswith(".js"))
    document = sum(size for url, size in sizes.items() if "/attempts/" in url and "static" not in url)
    print(Path(__file__).name, {url.rpartition("/")[2]: size for url, size in sizes.items()})
    assert 0 < scripts <= 25 * 1024
    assert 0 < document <= 15 * 1024


@pytest.mark.goal("PLY-11")
@pytest.mark.parametrize("language", ["en", "prs"])
def test_pages_of_a_test_have_no_accessibility_findings(room, language):
    """The attempt with each type of question, the summary and the result pass axe, also right to left."""
    room = room("every", language=language)
    context = room.pc(language=language)
    page = context.new_page()
    axe = (Path(__file__).parents[1] / "vendor" / "axe.min.js").read_text(encoding="utf-8")
    found = {}

    def look(name: str) -> None:
        page.wait_for_timeout(300)
        found[name] = page.evaluate(axe + "; axe.run().then((all) => all.violations.map((one) => one.id))")

    for number, question in enumerate(room.attempt.draw, 1):
        if not question.endswith("-2"):
            page.goto(f"{room.node.url}/attempts/{room.attempt.id}/{number}")
            look(question)
    page.goto(f"{room.node.url}/attempts/{room.attempt.id}/summary")
    look("summary")
    page.locator("[data-hand-in] .btn-main").click()
    expect(page.locator(".receipt")).to_be_visible(timeout=10000)
    look("result")

    assert {name: rules for name, rules in found.items() if rules} == {}


@pytest.mark.goal("LNG-02")
def test_another_language_of_the_interface_keeps_the_place_and_an_answer_just_typed(room):
    """Switching the language in the middle of typing loses nothing: the same question, the same answer, and it is saved."""
    room = room()
    number = room.number("number-1")
    page = room.sits_down(path="/1")
    page.locator(f'[data-list] a[data-to="{number}"]').click()
    page.locator(f'[name="q{number}.value"]').fill("4.5")

    page.locator("summary", has_text="English").click()
    page.get_by_role("button", name="دری").first.click()
    page.wait_for_url(f"**/attempts/{room.attempt.id}/{number}")
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    expect(page.locator(f'[name="q{number}.value"]')).to_have_value("4.5")
    expect(page.locator("[data-status] .st-ok")).to_be_visible(timeout=8000)

    assert [(question, response) for question, _, response in room.stored()] == [("number-1", {"value": "4.5"})]


def test_handing_in_while_a_sign_of_life_is_under_way_is_not_lost(room):
    """The press waits for the beat that the page has just sent, and then hands in."""
    room = room()
    page = room.sits_down(path="/summary")
    expect(page.locator("[data-status]")).to_have_text(re.compile("No answer given yet"))
    page.wait_for_load_state("networkidle")

    page.evaluate("() => { window.dispatchEvent(new Event('online')); document.querySelector('[data-hand-in]').requestSubmit(); }")

    expect(page.locator(".receipt")).to_have_text(re.compile(r"\w{4}-\w{4}"), timeout=15000)
