"""People of a journey: each in a browser window of his own, reading what is on the page and giving answers with the keys."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

import pypdf
import sqlalchemy as sa
from playwright.sync_api import Browser, BrowserContext, Page

from app.courses.queries import course_content
from app.questions import shown
from app.quizzes.models import Attempt
from tests import live
from tests.questions.pages import give
from tests.quizzes.test_views import right_fields


@dataclass
class Somebody:
    """A person, his window and his page."""

    node: live.Live
    context: BrowserContext
    noise: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page: Page = self.context.new_page()
        self.page.on("pageerror", lambda error: self.noise.append(str(error)))
        self.page.on("console", lambda said: self.noise.append(said.text) if said.type == "error" else None)
        self.page.on("dialog", lambda asked: (self.noise.append(f"dialog {asked.message}"), asked.dismiss()))
        self.page.on("request", lambda asked: None if asked.url.startswith((node_url, "data:")) else self.noise.append(asked.url))
        node_url = self.node.url
        self.page.set_default_timeout(15_000)

    def go(self, address: str) -> Page:
        """Open an address of the node."""
        self.page.goto(self.node.url + address)
        return self.page

    def link(self, name: str) -> Page:
        """Follow a link."""
        with self.page.expect_navigation():
            self.page.get_by_role("link", name=name).first.click()
        return self.page

    def press(self, name: str) -> Page:
        """Press a button."""
        with self.page.expect_navigation():
            self.page.get_by_role("button", name=name).first.click()
        return self.page

    def says(self) -> str:
        """What the page says."""
        return self.page.locator("body").inner_text()

    def saves(self, selector: str) -> bytes:
        """The file that a link or a button gives."""
        with self.page.expect_download() as coming:
            self.page.locator(selector).first.click()
        return coming.value.path().read_bytes()

    def tab_to(self, selector: str) -> None:
        """Reach something with the Tab key alone."""
        for _ in range(120):
            if self.page.evaluate("(what) => document.activeElement.matches(what)", selector):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"Tab does not reach {selector} on {self.page.url}")


def sits(node: live.Live, browser: Browser, **settings: Any) -> Somebody:
    """Somebody at a PC of his own."""
    return Somebody(node, live.window(browser, **settings))


def signed_in(node: live.Live, browser: Browser, name: str, **settings: Any) -> Somebody:
    """Somebody who has signed in with a password."""
    somebody = sits(node, browser, **settings)
    live.sign_in(somebody.page, node.url, name)
    return somebody


def text_of(pdf: bytes) -> str:
    """What a paper says."""
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages)


def answer_by_keys(somebody: Somebody, attempt: Attempt, number: int) -> str:
    """Give the right answer to a question with the keys alone; the kind of question that it was."""
    page, name = somebody.page, f"q{number}"
    with somebody.node.database.sessions() as db:
        question = course_content(db, attempt.course_version_id).bank[attempt.draw[number - 1]]
        kind, right = question.type, question.kind.right_answer(question.content, shown.order_of(question, attempt.seed))
        clean = kind == "hotspot" and not right.get("cells")  # a picture in which nothing is wrong
        fields = [(f"{name}.cell", "none")] if clean else right_fields(db, attempt, number)
    for field_name, value in fields:
        control = f'#{name} [name="{field_name}"]'
        if kind in ("single", "multiple", "true-false"):
            page.keyboard.press(value)
        elif kind in ("comparison", "scenario", "map-point"):
            if value:
                give(page, field_name, value)
        elif page.locator(control).first.get_attribute("type") is None and page.locator(control).first.evaluate("one => one.tagName") == "INPUT":
            somebody.tab_to(control)
            page.keyboard.type(value)
        elif value == "none":
            page.keyboard.press("0")
        elif kind == "hotspot" and page.locator(control).first.get_attribute("type") == "checkbox":
            somebody.tab_to(f'{control}[value="{value}"]')
            page.keyboard.press("Space")
        elif kind == "hotspot":
            somebody.tab_to(control)
            page.keyboard.press("Space")
            for key in ("ArrowDown", "ArrowRight"):
                for _ in range(8):
                    here = page.evaluate("document.activeElement.value")
                    if here == value or (key == "ArrowDown" and here[1:] == value[1:]):
                        break
                    page.keyboard.press(key)
        else:
            somebody.tab_to(control)
            for _ in range(int(value)):
                page.keyboard.press("ArrowDown")
    return kind


def take_by_keys(somebody: Somebody, attempt: Attempt) -> set[str]:
    """All questions with the keys alone, up to the summary; the kinds that there were."""
    kinds = set()
    for number in range(1, len(attempt.draw) + 1):
        somebody.page.wait_for_selector(f"#q{number}:not([hidden])")
        kinds.add(answer_by_keys(somebody, attempt, number))
        somebody.tab_to(f"#q{number} .btn-main")
        somebody.page.keyboard.press("Enter")
    somebody.page.wait_for_selector("#summary:not([hidden])")
    return kinds


def attempt_of(somebody: Somebody, quiz: str) -> Attempt:
    """The newest attempt of a quiz on the node."""
    with somebody.node.database.sessions() as db:
        return db.scalars(sa.select(Attempt).where(Attempt.quiz == quiz).order_by(Attempt.started_at.desc()).limit(1)).one()
