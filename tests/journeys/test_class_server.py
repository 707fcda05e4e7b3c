"""The five days of a class on a class server: all that it works with came down from the centre, and nothing it does needs the centre."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from app import clock, create_app, files, open_database, pdf
from app.certificates import services as certificates
from app.offices.models import Classroom
from app.ops import alive, demo, migrations
from app.people.models import Account, Person
from app.people.names import fold
from app.runs.models import CourseRun
from app.sync import applying, arriving, chain, handover, joining, keys, rebuild, rows, scope, sealer
from app.sync.arriving import Arrived
from app.sync.models import Node
from app.work import work
from config import Config
from tests.journeys import test_five_days as five_days
from tests.journeys.forms import Book, Desk
from tests.journeys.test_five_days import Story
from tests.quizzes.rows import Hands
from tests.sync.nodes import Installation, make_nodes


@dataclass
class Pair:
    """The centre where the run was planned, and the class server that gives it."""

    centre: Installation
    server: Installation
    story: Story

    def goes_down(self) -> Arrived:
        """An exchange towards the class."""
        sealer.settle_epoch(self.centre.database, self.centre.config.folder, now=clock.now())
        with self.server.database.sessions() as db:
            held = arriving.held(db, self.centre.code)
        found = scope.next_down(self.centre.database, self.server.code, self.centre.keys, clock.now(), held)
        for path in list((self.centre.config.folder / "media").rglob("*")):
            if path.is_file():
                files.keep(self.server.config.folder / "media", path.read_bytes())
        trusted = applying.Trust(self.centre.code, {self.centre.code: self.centre.keys.public.sign})
        return arriving.take_down(self.server.database, self.server.config, found, trusted=trusted, now=clock.now())

    def goes_up(self) -> Counter[str]:
        """All that the class wrote is carried to the centre; gives what was set aside there, by reason."""
        sealer.seal_all(self.server.database, self.server.config.folder, self.server.keys, clock.now())
        held: Counter[str] = Counter()
        with self.server.database.sessions() as up:
            for link in chain.links(up, self.server.code):
                segment = next(chain.load(up, [link.id]))
                with work(self.centre.database) as db:
                    held += applying.take(db, segment, trust=applying.trust_of(db), now=clock.now()).held
        return held


def the_class_server_takes_over(planned: Story) -> Pair:
    """The class server joins, the run is given to it, and its first snapshot arrives."""
    centre = Installation(planned.config, planned.database, keys.load_or_make(planned.config.folder))
    config = Config(
        NODE="class-korday", ROLE="classroom", INSTANCE=planned.config.INSTANCE, SECRET_KEY="k" * 40, PEPPER=planned.config.PEPPER,
        PUBLIC_URL=planned.config.PUBLIC_URL,
    )
    config.folder.mkdir(parents=True)
    database = open_database(config)
    migrations.upgrade(database.engine)
    server = Installation(config, database, keys.load_or_make(config.folder))
    with work(centre.database) as db:
        run = db.scalars(sa.select(CourseRun).where(CourseRun.code == planned.code)).one()
        room = db.get_one(Classroom, run.classroom_id)
        make_nodes(db, [centre, server], room.office_id)
        node = db.scalars(sa.select(Node).where(Node.code == server.code)).one()
        node.classroom_id = room.id
        db.flush()
        joining.hand_room(db, node, by=None, now=clock.now())
        handover.give(db, run, server=node, by=None, now=clock.now())
    story = Story(
        config, database, create_app(config, database), planned.hands, Book(), planned.printed, code=planned.code, officers=planned.officers, tasks=planned.tasks,
    )
    pair = Pair(centre, server, story)
    assert pair.goes_down().state == "taken"
    passwords_are_set(pair)
    alive.begin(database)
    return pair


def passwords_are_set(pair: Pair) -> None:
    """Passwords never travel: each of the staff has set his at the class server."""
    account = rows.table_named(Account.__tablename__)
    with pair.server.database.sessions() as db:
        here = set(db.scalars(sa.select(Person.id)))
    with pair.centre.database.sessions() as db:
        found = [dict(row) for row in db.connection().execute(sa.select(account)).mappings() if row["person_id"] in here]
    with work(pair.server.database) as db:
        db.connection().execute(sa.insert(account), found)


def certificates_are_issued(pair: Pair) -> None:
    """Without a block of the centre's numbers nothing is issued; with one all are, and the sentence said whom to ask."""
    story = pair.story
    desk = story.desk("registrar")
    page = desk.go(f"/runs/{story.code}/certificates")
    story.said["refused"] = desk.send(page, to="/certificates", refused=422).text
    with work(pair.centre.database) as db:
        certificates.give_block(db, country_code="KZ", year=story.day.year, count=30, given_to=pair.server.code, now=clock.now())
    pair.goes_down()
    page = desk.send(desk.go(f"/runs/{story.code}/certificates"), to="/certificates")
    story.said["issued"] = page.text
    desk.go(f"/runs/{story.code}/certificates.pdf")
    story.said["certificates"] = story.paper()


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """The run is planned at the centre and played on the class server."""
    printed: list[str] = []
    with pytest.MonkeyPatch.context() as patch, clock.using(Hands(five_days.MONDAY - timedelta(days=3))) as hands:
        assert isinstance(hands, Hands)
        patch.setattr(pdf, "write", lambda html, **_: printed.append(html) or b"%PDF-1.7")
        planned = five_days.begin(tmp_path_factory.mktemp("class-server"), hands, printed)
        five_days.a_run_is_planned(planned)
        five_days.officers_are_nominated(planned)
        pair = the_class_server_takes_over(planned)
        patch.setattr(five_days, "the_certificates_are_issued", lambda _story: certificates_are_issued(pair))
        for chapter in (five_days.pcs_become_seats, five_days.slips_are_printed, five_days.monday, five_days.tuesday, five_days.wednesday, five_days.thursday, five_days.friday):
            chapter(pair.story)
        yield pair


@pytest.mark.goal("NET-01")
def test_a_class_server_gives_a_whole_run_by_itself(pair: Pair) -> None:
    """Walk-ins, slips, tests, a power cut, marking, a corrected name, certificates of its own numbers, closing: every page works as at a centre."""
    story = pair.story
    five_days.no_page_broke(story)
    five_days.every_result_is_what_was_answered(story)
    five_days.hours_and_verdicts_follow_from_what_was_noted(story)
    five_days.the_report_counts_the_same(story)
    five_days.nobody_lost_time(story)
    five_days.the_minutes_tell_what_happened(story)
    five_days.certificates_bear_the_names_of_now(story)
    assert "Ask the centre for another block of numbers" in story.said["refused"]


@pytest.mark.goal("NET-03", "NET-04")
def test_the_centre_has_every_row_of_the_run_as_the_class_has_it(pair: Pair) -> None:
    """Carried up, nothing is set aside; what was corrected there is corrected here; given back, the run is the centre's again."""
    assert pair.goes_up() == {}
    with pair.server.database.sessions() as here, pair.centre.database.sessions() as there:
        for table in ("course_run", "enrolment", "attempt", "answer", "mark", "attendance_mark", "certificate", "minutes_line", "feedback_sheet", "person"):
            assert rows_of(here, there, table), table
        corrected = there.scalars(sa.select(Person.display_name).where(Person.search_key.contains(fold("Baizhanuly")))).one()
        assert corrected.startswith("Байжанұлы")
    with work(pair.server.database) as db:
        run = db.scalars(sa.select(CourseRun).where(CourseRun.code == pair.story.code)).one()
        handover.give_back(db, run, centre=db.scalars(sa.select(Node).where(Node.code == pair.centre.code)).one(), by=None, now=clock.now())

    assert pair.goes_up() == {}

    with pair.centre.database.sessions() as db:
        assert db.scalar(sa.select(CourseRun.owner_node).where(CourseRun.code == pair.story.code)) == pair.centre.code


PAGES = {
    "planner": (
        "/runs", "/runs/{code}", "/runs/{code}/results", "/runs/{code}/results?as=csv&sep=comma&heads=keys&bom=0", "/runs/{code}/results?as=pdf", "/runs/{code}/report",
        "/runs/{code}/report.pdf", "/runs/{code}/attendance", "/runs/{code}/feedback", "/reports/progress",
        *(f"/class/{{code}}/2026-11-{day}/minutes.pdf" for day in range(23, 28)),
    ),
    "registrar": ("/certificates", "/runs/{code}/certificates"),
    "classmanager": ("/runs/{code}/attempts", "/runs/{code}/practicals", "/runs/{code}/report", "/people?q=Байжанов"),
}
CHANGES = re.compile(rb'(name="csrf_token"[^>]*value=")[^"]+|(<meta name="csrf-token" content=")[^"]+')


@pytest.mark.goal("NET-03", "NET-07")
def test_a_centre_made_anew_from_the_segments_alone_shows_the_same_reports_byte_for_byte(pair: Pair, tmp_path: Path) -> None:
    """The class's five days, carried over and applied to an empty database: result sheet, report, minutes, hours, register, to the last byte."""
    pair.goes_up()
    centre = pair.centre
    now = clock.now()
    sealer.seal_all(centre.database, centre.config.folder, centre.keys, now)
    shutil.copytree(centre.config.folder, tmp_path / centre.code, ignore=shutil.ignore_patterns("*.db*"))
    config = replace(centre.config, INSTANCE=str(tmp_path))
    database = open_database(config)
    migrations.upgrade(database.engine)

    rebuild.rebuild(centre.database, database, now=now)

    assert rebuild.differences(centre.database, database) == []
    account = rows.table_named(Account.__tablename__)
    with centre.database.sessions() as db:
        accounts = [dict(row) for row in db.connection().execute(sa.select(account)).mappings()]
    with work(database) as db:
        db.connection().execute(sa.insert(account), accounts)
    shown = [everything(pair.story, create_app(one, other)) for one, other in ((centre.config, centre.database), (config, database))]
    assert len(shown[0]) == sum(map(len, PAGES.values()))
    assert shown[0] == shown[1]
    assert all(len(page) > 1000 for page in shown[0].values())
    database.engine.dispose()


class Still:
    """Time stands while pages are compared."""

    def passes(self, _seconds: float) -> None:
        """Nothing moves."""


def everything(story: Story, app: Flask) -> dict[tuple[str, str], bytes]:
    """What a node shows of the run, and what it prints, without what is new with each sign-in."""
    shown = {}
    for who, addresses in PAGES.items():
        desk = Desk(app, Still(), Book(), who, password=(who, demo.PASSWORD))  # type: ignore[arg-type]
        for address in addresses:
            count = len(story.printed)
            page = desk.go(address.format(code=story.code)).html
            assert desk.book.answers[-1][3] == 200, address
            shown[who, address] = CHANGES.sub(b"", (story.printed[-1] if len(story.printed) > count else page).encode())
    return shown


def rows_of(here: Session, there: Session, table: str) -> int:
    """How many rows the class server has, all of which are at the centre with the same content."""
    columns = rows.travelling(table)
    found = [
        {row["id"]: rows.as_json(table, dict(row)) for row in db.connection().execute(sa.select(*columns.values())).mappings()} for db in (here, there)
    ]
    mine, theirs = found
    for key, row in mine.items():
        left_out = {column: None for column in row if row[column] is None}
        assert row == theirs[key] | left_out, table
    return len(mine)
