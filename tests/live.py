"""A living node for browser tests and pictures: the product served on loopback, with demo data, and Chromium to look at it."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import waitress.server
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from waitress import wasyncore

from app import create_app, open_database
from app.courses import loading
from app.db import Database
from app.ops import demo, migrations
from config import Config

COURSES = Path(__file__).parent.parent / "courses"


@dataclass
class Live:
    """A node that answers at `url`."""

    url: str
    app: Flask
    database: Database
    config: Config


def make_node(folder: Path, *, stage: str = "full", name: str = "demo") -> tuple[Config, Database]:
    """A node with demo data in a folder."""
    config = Config(NODE=name, INSTANCE=str(folder), SECRET_KEY="k" * 40, PEPPER="p" * 40)
    config.folder.mkdir(parents=True)
    database = open_database(config)
    migrations.upgrade(database.engine)
    loading.load_all(database, COURSES, keep_in=config.folder)
    demo.load(config, database, stage=stage)
    return config, database


@contextmanager
def serving(config: Config, database: Database) -> Iterator[Live]:
    """The node's pages on a free port of loopback."""
    server = waitress.server.create_server(lambda environ, start: app(environ, start), host="127.0.0.1", port=0, threads=4, asyncore_use_poll=True)
    url = f"http://127.0.0.1:{server.effective_port}"
    app = create_app(replace(config, PORT=int(server.effective_port)), database)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield Live(url, app, database, config)
    finally:
        # In its own thread: closed from another one, its loop sleeps on in `poll` although nothing is left to wait for.
        server.trigger.pull_trigger(lambda: wasyncore.close_all(server._map))
        thread.join(5)
        server.task_dispatcher.shutdown()


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, which finds no network but loopback."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-background-networking"])
        yield browser
        browser.close()


def window(browser: Browser, *, width: int = 1024, height: int = 768, language: str = "en", script: bool = True) -> BrowserContext:
    """A browser of its own: nobody has signed in."""
    locale = {"kk": "kk-KZ", "ru": "ru-RU", "prs": "fa-AF"}.get(language, "en-GB")
    return browser.new_context(viewport={"width": width, "height": height}, locale=locale, java_script_enabled=script)


def sign_in(page: Page, url: str, name: str, password: str = demo.PASSWORD) -> None:
    """Sign in with a user name, or a service number, and a password."""
    page.goto(f"{url}/sign-in")
    page.fill("[name=name]", name)
    page.fill("[name=password]", password)
    page.click("main .btn-main")


def trainee_number(config: Config) -> str:
    """The service number of the demo's own trainee."""
    return (config.folder / "demo-trainees.txt").read_text(encoding="utf-8").split("service number ")[1].split()[0]
