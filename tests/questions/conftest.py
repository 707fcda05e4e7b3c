"""A document of questions in a real browser, with their scripts and no server behind it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, sync_playwright

from app.questions import shown
from tests.questions.pages import APP, TEMPLATES, rendered

SCRIPTS = ("page", "questions")
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'"
PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 360"><rect width="720" height="360" fill="#ddd"/></svg>'


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def document(browser: Browser) -> Iterator[Any]:
    """`document(question, …)` opens one document with these questions, named q1, q2, …"""
    page = browser.new_page(viewport={"width": 1024, "height": 768})
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)

    def open_document(*questions: Any, language: str = "en") -> Page:
        parts = []
        for number, question in enumerate(questions, 1):
            q = shown.public(question, language, shown.order_of(question, "seed"))
            parts.append(f'<div class="q"><h2 id="q{number}-text">{q["text"]}</h2>{rendered("page", q, f"q{number}")}</div>')
        direction = "rtl" if language == "prs" else "ltr"
        scripts = "".join(f'<script type="module" src="/static/js/{name}.js"></script>' for name in SCRIPTS)
        tools = TEMPLATES.get_template("questions/tools.html").render()
        html = (
            f'<!doctype html><html lang="{language}" dir="{direction}"><head><title>Questions</title>'
            f'<link rel="stylesheet" href="/static/base.css"><link rel="stylesheet" href="/static/product.css">{scripts}</head>'
            f'<body><main><h1>Questions</h1><form>{"".join(parts)}</form>{tools}</main></body></html>'
        )

        def answer(route: Route) -> None:
            path = route.request.url.removeprefix("http://class.lan")
            if path.startswith("/static/"):
                route.fulfill(path=APP / path.lstrip("/"))
            elif path.startswith("/media/"):
                route.fulfill(body=PICTURE, content_type="image/svg+xml")
            elif path == "/":
                route.fulfill(body=html, content_type="text/html; charset=utf-8", headers={"Content-Security-Policy": POLICY})
            else:
                route.fulfill(status=204)

        page.route("**/*", answer)
        page.goto("http://class.lan/")
        return page

    yield open_document
    page.close()
    assert faults == []
