"""Every page that links lead to, in a real browser: no errors, nothing from another host, readable by everybody, at home on small screens."""

from __future__ import annotations

import io
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pypdf
import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, BrowserContext, Page

from app import clock
from app.certificates.models import Certificate
from app.courses.models import CourseVersion
from app.courses.queries import course_content
from app.offices import tree
from app.offices.models import Agency, Office
from app.people import register
from app.people.models import Account, Person
from app.people.names import Name
from app.progress import reading
from app.quizzes.models import Attempt
from app.runs import services as runs
from app.runs.models import CourseRun, Enrolment, Nomination
from app.work import work
from tests import live
from tests.journeys import crawl, states

pytestmark = pytest.mark.browser

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
PLAIN = {"certificates.check", "certificates.check_text", "certificates.verify"}  # for anybody's phone: without the frame of the product


@dataclass
class Node:
    """A node with demo data, who works there, and the pages that they come to."""

    live: live.Live
    people: dict[str, uuid.UUID | None]
    walk: crawl.Walk


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """The demo, walked through once."""
    with live.serving(*live.make_node(tmp_path_factory.mktemp("demo") / "node")) as served:
        yield walked(served)


def walked(served: live.Live) -> Node:
    """All roles walk from their start pages; some addresses that no link of a page leads to are typed."""
    with served.database.sessions() as db:
        people: dict[str, uuid.UUID | None] = {"nobody": None}
        number = live.trainee_number(served.config)
        people["trainee"] = db.scalars(sa.select(Person.id).where(Person.service_number == number)).one()
        in_test = sa.select(Enrolment.person_id).join(Attempt, Attempt.enrolment_id == Enrolment.id).where(Attempt.state == "open")
        people["examinee"] = db.scalars(in_test.order_by(Attempt.started_at).limit(1)).one()
        certified = sa.select(Enrolment.person_id, Certificate.payload).join(Certificate, Certificate.enrolment_id == Enrolment.id)
        person_id, payload = db.execute(certified.where(Certificate.state == "issued").order_by(Certificate.number).limit(1)).one()
        people["graduate"] = person_id
        people["guest"] = db.scalars(  # has no course
            sa.select(Person.id).where(Person.id.not_in(sa.select(Enrolment.person_id)), Person.id.not_in(sa.select(Account.person_id)))
            .order_by(Person.service_number).limit(1)
        ).one()
        people |= {
            name: person_id
            for name, person_id in db.execute(sa.select(Account.user_name, Account.person_id).where(Account.user_name.is_not(None)))
            if name is not None
        }
        plans = [f"/runs/{code}" for code in db.scalars(sa.select(CourseRun.code).order_by(CourseRun.code))]
        checked = "/v/" + payload.rpartition("/")[2].partition("#")[0]
    starts = {
        "nobody": ["/sign-in", "/v", checked, "/nowhere"],
        "planner": ["/", *plans], "classmanager": ["/", *plans], "registrar": ["/", *plans], "manager": ["/", "/nowhere", "/agencies/new"],
        "admin": ["/", "/people?q=nobody+has+this+name"],
    }
    in_states, more = states.prepare(served, {name: person for name, person in people.items() if person})
    people |= in_states
    starts = {role: [*starts.get(role, ["/"] if role not in in_states else []), *more.get(role, [])] for role in people}
    return Node(served, people, crawl.walk(served, people, starts))


# ---- links -----------------------------------------------------------------------------------------------------------


@pytest.mark.goal("XCT-15")
def test_every_link_of_every_role_opens_and_names_nothing_outside(node: Node) -> None:
    """No link leads to an error or to what its reader may not see; no page asks for anything from another host."""
    assert len(node.walk.each_endpoint()) > 50
    assert node.walk.faults == []


# ---- in a browser ----------------------------------------------------------------------------------------------------

LOOK = """() => {
    const all = (what) => [...document.querySelectorAll(what)].filter((one) => one.checkVisibility());
    const faults = [];
    const one = (what, found) => { if (found !== 1) faults.push(`${found} of ${what}`); };
    one("h1", all("h1").length);
    if (all(".btn-main").length > 1) faults.push("main buttons: " + all(".btn-main").map((one) => one.textContent.trim()).join(" | "));
    if (!document.title || document.title.startsWith("·")) faults.push("no title");
    if (!document.documentElement.lang || !document.documentElement.dir) faults.push("no language or direction");
    const skip = document.querySelector("a.skip");
    if (!PLAIN && !(skip && document.querySelector(skip.getAttribute("href")))) faults.push("no skip link");
    const bare = all("table").filter((one) => !one.closest(".t-wrap, .prose, main.plain"));
    if (!PLAIN && bare.length) faults.push("a table outside .t-wrap");
    if (/\\b(None|undefined|NaN)\\b(?!:| (?:is|of|in|yet)\\b)|\\{\\w+\\}|\\{\\{/.test(document.body.innerText)) faults.push("a blank not filled: " + document.body.innerText.match(/.{0,20}(?:\\b(None|undefined|NaN)\\b(?!:| (?:is|of|in|yet)\\b)|\\{\\w+\\}|\\{\\{).{0,20}/)[0]);
    return faults;
}"""

WIDE = """() => {
    const root = document.documentElement;
    if (root.scrollWidth <= root.clientWidth) return "";
    const far = [...document.querySelectorAll("body *")].filter((one) => {
        const box = one.getBoundingClientRect();
        return box.width && (box.right > root.clientWidth + 1 || box.left < -1) && !one.closest(".t-wrap:not(:scope), .sr, .skip") && one.checkVisibility();
    });
    const last = far[far.length - 1] || document.body;
    return `${root.scrollWidth} > ${root.clientWidth}: <${last.tagName.toLowerCase()} class="${last.className}">`;
}"""

RUN_AXE = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations.map(
    (one) => `${one.id} (${one.impact}): ${one.nodes.length} × ${one.nodes[0].target} ${one.nodes[0].html.slice(0, 120)}`)"""


@dataclass
class Watcher:
    """Looks at pages in one language and writes down what is wrong."""

    node: Node
    context: BrowserContext
    language: str
    axe_at: int | None  # the width at which axe looks
    faults: list[str] = field(default_factory=list)
    noise: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page = self.context.new_page()
        self.page.on("console", lambda said: self.noise.append(f"console: {said.text}") if said.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.noise.append(f"script: {error}"))
        self.page.on("request", lambda asked: self.noise.append(f"asks {asked.url}") if not asked.url.startswith((self.node.live.url, "data:", "blob:")) else None)
        self.page.on("dialog", lambda asked: (self.noise.append(f"dialog: {asked.message}"), asked.dismiss()))
        self.role = ""

    def look(self, found: crawl.Found) -> None:
        """Open a page and judge it."""
        if found.role != self.role:
            crawl.enter(self.node.live, self.context, self.node.people[found.role])
            self.role = found.role
            self.noise.clear()
        self.page.set_viewport_size({"width": 1024, "height": 768})
        answer = self.page.goto(self.node.live.url + found.address)
        assert answer is not None
        self.judge(found, refused=found.endpoint == "none" or 400 <= answer.status < 500)

    def judge(self, found: crawl.Found, *, refused: bool = False) -> None:
        """Judge the page that is open; one that says no may say so to the console too."""
        wrong = [one for one in self.noise if not (refused and "Failed to load resource" in one)]
        self.noise.clear()
        plain = found.endpoint in PLAIN
        wrong += self.page.evaluate(LOOK.replace("PLAIN", "true" if plain else "false"))
        told = self.page.evaluate("[document.documentElement.lang, document.documentElement.dir]")
        if not plain and told != [self.language, "rtl" if self.language == "prs" else "ltr"]:
            wrong.append(f"language {told}")
        wrong += [f"1024 px: {one}" for one in [self.page.evaluate(WIDE)] if one]
        for width, name in ((512, "1024 px at 200 %"), (320, "320 px")):
            self.page.set_viewport_size({"width": width, "height": 640})
            wrong += [f"{name}: {one}" for one in [self.page.evaluate(WIDE)] if one]
        if self.axe_at:
            self.page.set_viewport_size({"width": self.axe_at, "height": 768})
            self.page.evaluate(AXE)
            wrong += self.page.evaluate(RUN_AXE)
        self.faults += [f"{found}: {one}" for one in wrong]


def looked_at(node: Node, browser: Browser, language: str, pages: list[crawl.Found], *, axe_at: int | None) -> list[str]:
    """What is wrong on the pages."""
    context = live.window(browser, language=language)
    watcher = Watcher(node, context, language, axe_at)
    for found in sorted(pages, key=lambda one: (one.role, one.address)):
        watcher.look(found)
    context.close()
    return watcher.faults


@pytest.mark.goal("LNG-06", "PLY-14")
@pytest.mark.parametrize("language", ["en", "ru", "kk"])
def test_every_page_is_readable_by_everybody_and_fits_small_screens(node: Node, browser: Browser, language: str) -> None:
    """No fault found by axe; one h1, one main button, a title, a skip link; nothing sticks out at 320 px or at 200 %."""
    pages = node.walk.each_look() if language == "en" else node.walk.each_endpoint()
    faults = looked_at(node, browser, language, pages, axe_at=320 if language == "kk" else 1024)
    assert faults == [], "\n".join(faults)


def test_a_locked_page_is_readable_by_everybody(node: Node, browser: Browser) -> None:
    """The lock hides the board behind a page that is judged as every other one."""
    context = live.window(browser)
    watcher = Watcher(node, context, "en", 1024)
    crawl.enter(node.live, context, node.people["classmanager"])
    watcher.page.goto(node.live.url + "/class/all")
    watcher.page.evaluate("document.querySelector('form[action$=\"/lock\"]').submit()")
    watcher.page.wait_for_selector("input[type=password]")
    watcher.judge(crawl.Found("classmanager", "/lock", "classday.locked", ()))
    context.close()
    assert watcher.faults == [], "\n".join(watcher.faults)


@pytest.mark.goal("LNG-03", "XCT-13")
def test_in_dari_every_page_is_mirrored_and_nothing_sticks_out(node: Node, browser: Browser) -> None:
    """Right to left at 1024 px, at 200 % and at 320 px."""
    faults = looked_at(node, browser, "prs", node.walk.each_endpoint(), axe_at=None)
    assert faults == [], "\n".join(faults)


# ---- on paper --------------------------------------------------------------------------------------------------------


@pytest.mark.goal("XCT-12")
def test_a_printed_page_says_when_and_by_whom_and_shows_no_menus(node: Node, browser: Browser) -> None:
    """Twelve pages of every kind as the browser prints them: title, time and name on top, nothing to click, figures whole."""
    printed = (
        "courses.home", "courses.course", "courses.page", "quizzes.result", "runs.index", "runs.page", "runs.nominations", "runs.sheet",
        "register.index", "register.person", "certificates.index", "reports.progress_report", "tree.office",
    )
    chosen = [one for one in node.walk.each_endpoint() if one.endpoint in printed]
    assert len(chosen) >= 12
    context = live.window(browser)
    page, faults = context.new_page(), []
    for found in chosen:
        crawl.enter(node.live, context, node.people[found.role])
        page.goto(node.live.url + found.address)
        title, menus = page.locator("h1").first.inner_text(), page.locator(".top a, .top summary, .sections a, .files .btn").all_inner_texts()
        paper = pypdf.PdfReader(io.BytesIO(page.pdf(format="A4")))
        text = re.sub(r"\s+", " ", "\n".join(one.extract_text() for one in paper.pages))
        if not re.search(r"Printed \d+ \w+ \d{4}, \d\d:\d\d \S+ by \w+", text):
            faults.append(f"{found}: no line of time and name")
        if re.sub(r"\s+", "", title) not in re.sub(r"\s+", "", text):
            faults.append(f"{found}: no title {title!r}")
        faults += [f"{found}: prints {word}" for word in ("Sign out", "My settings", "Text size", "Skip to content", "Demo data") if word in text]
        sections = [one for one in menus if one in ("Runs", "People", "Offices", "Courses", "Certificates", "Reports")]
        if sections and " ".join(sections) in text:
            faults.append(f"{found}: prints the sections")
    context.close()
    assert faults == [], "\n".join(faults)


# ---- weight ----------------------------------------------------------------------------------------------------------

KB = 1024


@pytest.mark.goal("PLY-15")
def test_pages_of_trainees_are_light(node: Node, browser: Browser) -> None:
    """First visit: 60 KB in 8 requests without fonts and media, scripts 25 KB; 15 KB for a page after; fonts 110 KB, once, also in Kazakh."""
    heavy, seen = [], 0
    pages = [one for one in node.walk.each_endpoint() if one.role in ("nobody", "trainee", "examinee", "graduate", "guest", *states.PEOPLE)]
    for language in ("en", "kk"):
        for found in pages if language == "en" else pages[::4]:
            context = live.window(browser, language=language)
            crawl.enter(node.live, context, node.people[found.role])
            page = context.new_page()
            first, fonts, scripts, requests = weighed(page, node.live.url + found.address)
            again, *_ = weighed(page, node.live.url + found.address)
            context.close()
            seen += 1
            if first > 60 * KB or requests > 8 or fonts > 110 * KB or scripts > 25 * KB or again > 15 * KB:
                heavy.append(f"{found} ({language}): {first=} {requests=} {fonts=} {scripts=} {again=}")
    assert seen > 10
    assert heavy == [], "\n".join(heavy)


def weighed(page: Page, address: str) -> tuple[int, int, int, int]:
    """Bytes over the line without fonts and media, of fonts, of scripts, and how many requests without fonts and media."""
    wire = page.context.new_cdp_session(page)
    wire.send("Network.enable")
    kinds: dict[str, str] = {}
    sizes: dict[str, int] = {}
    def kind(told: dict[str, Any]) -> str:
        if told["response"]["url"].endswith("/beat"):
            return "Cached"  # the sign of life of an open test, every few seconds: no part of loading the page
        return "Cached" if told["response"].get("fromDiskCache") else str(told["type"])

    wire.on("Network.responseReceived", lambda told: kinds.__setitem__(told["requestId"], kind(told)))
    wire.on("Network.loadingFinished", lambda told: sizes.__setitem__(told["requestId"], int(told["encodedDataLength"])))
    page.goto(address)
    page.evaluate("document.fonts.ready.then(() => true)")
    page.wait_for_timeout(100)
    wire.detach()
    carried = [(kinds.get(one, "Other"), size) for one, size in sizes.items() if kinds.get(one) != "Cached"]
    plain = [size for kind, size in carried if kind not in ("Font", "Image", "Media")]
    return sum(plain), sum(size for kind, size in carried if kind == "Font"), sum(size for kind, size in carried if kind == "Script"), len(plain)


# ---- what people type stays text -------------------------------------------------------------------------------------

TYPED = """<script>alert(1)</script>"'><img src=//evil.example/x onerror=alert(2)>{{7*7}}${7*7}{%raw%}</title></textarea><svg onload=alert(3)>javascript:alert(4)&lt;b&gt;"""


@dataclass
class Typed:
    """Where the words stand now."""

    code: str
    office: uuid.UUID
    person: uuid.UUID
    enrolment: uuid.UUID
    lesson: str


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node of its own for hostile words, so that no other test meets them."""
    with live.serving(*live.make_node(tmp_path_factory.mktemp("spoiled") / "node")) as served:
        with served.database.sessions() as db:
            people = dict(db.execute(sa.select(Account.user_name, Account.person_id)).all())
        yield Node(served, people, crawl.Walk())


@pytest.fixture(scope="module")
def typed(spoiled: Node) -> Typed:
    """An office, two people, a run with its place and note, a reason to decline and a note on a page, all of them hostile."""
    planner, now = spoiled.people["planner"], clock.now()
    assert planner is not None
    with work(spoiled.live.database, planner) as db:
        home = db.scalars(sa.select(Office).where(Office.code == "KZ-KORDAY")).one()
        agency = db.scalars(sa.select(Agency).where(Agency.country_id == home.country_id, Agency.code == "BORDER")).one()
        office = tree.add_office(
            db, code="EVIL", names={"en": TYPED, "ru": TYPED}, kind="border-office", zone="Asia/Almaty", parent=home, country=None, contact=TYPED,
        )
        people = [
            register.register_person(
                db, agency=agency, office=office, service_number=f"9900990{n}{TYPED[:6]}", names={"Latn": Name(TYPED, TYPED, TYPED)}, since=date(2024, 1, 1),
                rank=TYPED, post=TYPED,
            )
            for n in (1, 2)
        ]
        db.flush()
        version = db.get_one(CourseVersion, db.scalars(sa.select(CourseRun.course_version_id).limit(1)).one())
        run = runs.plan_run(
            db, version=version, office=home, starts_on=now.date() - timedelta(days=1), ends_on=now.date() + timedelta(days=3), seats=10, place=TYPED,
            note=TYPED, by=planner, now=now,
        )
        proposed = runs.nominate(db, run, person_ids=[one.id for one in people], by=planner, now=now, language="en")
        db.flush()
        waiting = {one.person_id: one for one in db.scalars(sa.select(Nomination).where(Nomination.run_id == run.id))}
        enrolment = runs.decide(db, waiting[people[0].id], accept=True, by=planner, now=now, reason="")
        runs.decide(db, waiting[people[1].id], accept=False, by=planner, now=now, reason=TYPED)
        assert enrolment is not None
        del proposed
        runs.open_run(db, run, by=planner, now=now)
        db.flush()
        lesson = course_content(db, version.id).lessons[0].id
        reading.save_note(db, enrolment, lesson=lesson, page=1, text=TYPED)
        return Typed(run.code, office.id, people[0].id, enrolment.id, lesson)


@pytest.mark.goal("SEC-08")
def test_what_people_type_is_shown_as_typed_and_never_runs(spoiled: Node, browser: Browser, typed: Typed) -> None:
    """No dialog, no request, nothing added to the page: in lists, pages, filters, errors, menus and printed forms."""
    spoiled.people["typist"] = typed.person
    run, who = f"/runs/{typed.code}", f"/people/{typed.person}"
    question = quote(TYPED)
    addresses = {
        "planner": [
            "/runs", run, f"{run}/nominations", f"{run}/nominations?as=print", f"{run}/results", f"{run}/change", f"{run}/slips",
            f"{run}/slips/{typed.enrolment}", "/people?q=9900990", who, f"/people?q={question}", f"/reports/progress?office={question}&by={question}",
            f"/runs?q={question}", f"/v?in={question}", f"/{question}",
        ],
        "admin": [f"/offices/{typed.office}", "/offices?q=EVIL", f"{who}/name", f"{who}/posting", f"{who}/roles", f"/offices/{typed.office}/edit"],
        "typist": ["/learn", f"/learn/{typed.enrolment}/{typed.lesson}/1", f"/learn/{typed.enrolment}/{typed.lesson}/1?print=1", "/settings"],
    }
    as_typed = {run, f"{run}/nominations", f"{run}/results", who, f"/offices/{typed.office}", "/people?q=9900990"}
    context = live.window(browser)
    watcher = Watcher(spoiled, context, "en", None)
    faults: list[str] = []
    for role, places in addresses.items():
        crawl.enter(spoiled.live, context, spoiled.people[role])
        for address in places:
            answer = watcher.page.goto(spoiled.live.url + address)
            assert answer is not None
            if answer.status >= 500 or (answer.status != 200 and question not in address):
                faults.append(f"{role} {address}: {answer.status}")
            watcher.page.wait_for_timeout(30)
            added = watcher.page.evaluate(
                "[...document.querySelectorAll('script:not([src]), img[src*=evil], [onerror], [onload], a[href^=javascript], title ~ svg')].map((one) => one.outerHTML.slice(0, 80))"
            )
            faults += [f"{role} {address}: {one}" for one in [*added, *watcher.noise] if "status of 4" not in one]
            watcher.noise.clear()
            if address in as_typed and "<script>alert(1)</script>" not in watcher.page.inner_text("main"):
                faults.append(f"{role} {address}: not shown as typed")
            if re.search(r"(?<!\d)49(?=\$|49)", watcher.page.inner_text("body")):
                faults.append(f"{role} {address}: a template ran")
    context.close()
    assert faults == [], "\n".join(faults)


@pytest.mark.goal("SEC-08")
def test_on_paper_and_in_files_what_people_typed_is_text_too(spoiled: Node, typed: Typed) -> None:
    """The same words in PDF, CSV and spreadsheets, as typed; a spreadsheet holds no formula."""
    client = crawl.client_of(spoiled.live, spoiled.people["planner"])
    for address in (f"/runs/{typed.code}/nominations", f"/runs/{typed.code}/results", "/people?q=9900990"):
        mark = "&" if "?" in address else "?"
        answer = client.get(f"{address}{mark}as=pdf")
        assert answer.status_code == 200, address
        text = re.sub(r"\s+", "", "".join(one.extract_text() for one in pypdf.PdfReader(io.BytesIO(answer.data)).pages))
        assert "<script>alert(1)</script>" in text, address
        assert "{{7*7}}" in text, address
        assert b"/JavaScript" not in answer.data
        assert "<script>alert(1)</script>" in client.get(f"{address}{mark}as=csv").get_data(as_text=True)
