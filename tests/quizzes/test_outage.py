"""The server was away while supervised tests ran: nobody's time counts, the room waits, and it is on record."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock, open_database
from app.ops import alive, migrations
from app.ops.models import Heartbeat
from app.people.models import Person
from app.quizzes import invigilation, queries, rules, services
from app.quizzes.board import State
from app.quizzes.errors import NotPaused
from app.quizzes.models import Attempt, AttemptClock, AttemptEvent, Incident
from app.quizzes.rules import SignOfLife
from app.work import work
from config import Config
from tests.quizzes.room import Room, make_room
from tests.quizzes.rows import Hands, Tab, make_attempt, make_enrolment

MIN = 60_000


@pytest.fixture
def hands() -> Iterator[Hands]:
    """The clock in our hands."""
    with clock.using(Hands()) as hands:
        assert isinstance(hands, Hands)
        yield hands


@pytest.fixture
def room(db: Session, hands: Hands) -> Room:
    """An empty room of four seats."""
    return make_room(db)


def returns(room: Room) -> list[Incident]:
    """The server serves again."""
    return invigilation.notice_outage(room.db, now=clock.now(), uptime=clock.uptime())


def resumes(room: Room, incident: Incident, **values: object) -> list[Attempt]:
    """The class manager lets the room go on."""
    return invigilation.resume_after_outage(
        room.db, incident, by=room.manager.id, now=clock.now(), uptime=clock.uptime(), **values  # type: ignore[arg-type]
    )


@pytest.mark.goal("RUN-07", "DUR-07")
def test_after_a_power_cut_the_room_is_paused_and_goes_on_in_one_action(room: Room, hands: Hands) -> None:
    """Forty minutes without power: all running tests wait, resume gives all of it back, and the incident is at every attempt
    and in the minutes with from, to, who was present and who decided."""
    people = [room.comes(seat) for seat in range(3)]
    attempts = [room.starts(one, seat) for seat, one in enumerate(people)]
    room.tab(attempts[2], people[2]).hands_in()
    hands.passes(300)
    tabs = [room.tab(a, p) for a, p in zip(attempts[:2], people[:2], strict=True)]
    for tab in tabs:
        tab.beats()
    cut = clock.now()
    hands.power_cut(40 * 60)

    [incident] = returns(room)

    assert (incident.from_at, incident.noticed_at, incident.to_at) == (cut, cut + timedelta(minutes=40), None)
    assert incident.present == [str(one.id) for one in people[:2]]
    assert room.board().incident is not None
    assert {room.row(one).state for one in people[:2]} == {State.OUTAGE}
    hands.passes(600)
    alive = tabs[0].stands()
    assert (alive.paused, alive.remaining_ms) == ("outage", 15 * MIN)

    resumed = resumes(room, incident, reason="all back")

    assert len(resumed) == 2
    hands.passes(60)
    assert [tab.beats() for tab in tabs] == [14 * MIN, 14 * MIN]
    assert (incident.to_at, incident.decided_by, incident.note) == (cut + timedelta(minutes=50), room.manager.id, "all back")
    events = room.db.execute(
        sa.select(AttemptEvent.what, AttemptEvent.ms, AttemptEvent.by_id, AttemptEvent.incident_id).where(AttemptEvent.attempt_id == attempts[0].id)
        .order_by(AttemptEvent.at)
    ).all()
    assert events == [("outage", 40 * MIN, None, incident.id), ("resume", 50 * MIN, room.manager.id, incident.id)]
    assert room.minutes()[-2:] == [
        ("outage", {"start": "09:05", "end": "09:45", "n": 2}, ""), ("outage-resumed", {"n": 2, "minutes": 50}, "all back"),
    ]  # fmt: skip
    assert room.board().incident is None
    with pytest.raises(NotPaused):
        resumes(room, incident)


@pytest.mark.goal("RUN-07")
def test_who_is_not_back_stays_paused_and_goes_on_alone_later(room: Room, hands: Hands) -> None:
    """His time stands still meanwhile; his own resume belongs to the same incident."""
    here, gone = room.comes(0), room.comes(1)
    attempts = room.starts(here, 0), room.starts(gone, 1)
    hands.power_cut(600)
    [incident] = returns(room)

    resumes(room, incident, leave=[attempts[1].id])
    hands.passes(300)

    assert room.row(gone).state is State.OUTAGE
    room.does(invigilation.resume, [attempts[1].id])
    assert room.tab(attempts[1], gone).beats() == 20 * MIN
    assert room.tab(attempts[0], here).beats() == 15 * MIN
    last = room.db.scalar(sa.select(AttemptEvent.incident_id).where(AttemptEvent.attempt_id == attempts[1].id, AttemptEvent.what == "resume"))
    assert last == incident.id


@pytest.mark.goal("RUN-07")
def test_resuming_the_last_ones_one_by_one_closes_the_incident_too(room: Room, hands: Hands) -> None:
    """Whichever button is used, an incident ends when nobody waits after it."""
    one, two = room.comes(0), room.comes(1)
    attempts = room.starts(one, 0), room.starts(two, 1)
    hands.power_cut(600)
    [incident] = returns(room)

    room.does(invigilation.resume, [attempts[0].id])
    assert incident.to_at is None
    room.does(invigilation.resume)
    assert (incident.to_at, incident.decided_by) == (clock.now(), room.manager.id)


def test_handing_in_the_last_who_waits_closes_the_incident(room: Room, hands: Hands) -> None:
    """Nothing is left on the board to be resumed."""
    room.starts(room.comes())
    hands.power_cut(600)
    [incident] = returns(room)

    room.does(invigilation.hand_in, reason="went home")

    assert (incident.to_at, incident.decided_by, room.board().incident) == (clock.now(), room.manager.id, None)


@pytest.mark.goal("RUN-07")
def test_a_quick_restart_costs_nobody_time_and_stops_nobody(room: Room, hands: Hands) -> None:
    """The process was started anew within seconds: the gap is not counted, the tests go on, and it is on record."""
    one = room.comes()
    attempt = room.starts(one)
    hands.passes(60)
    tab = room.tab(attempt, one)
    tab.beats()
    hands.passes(8)

    [incident] = returns(room)

    assert (incident.to_at, room.board().incident) == (clock.now(), None)
    alive = tab.stands()
    assert (alive.paused, alive.remaining_ms) == ("", 19 * MIN)
    assert room.minutes()[-1] == ("restarted", {"seconds": 8, "n": 1}, "")
    assert room.db.execute(sa.select(AttemptEvent.what, AttemptEvent.ms)).all() == [("outage", 8_000)]


@pytest.mark.goal("RUN-07", "DUR-05")
def test_a_clock_that_was_reset_by_the_power_cut_takes_no_time_and_stops_the_room(room: Room, hands: Hands) -> None:
    """The machine comes up in 1970: nobody knows how long it was off, so the invigilator decides, and the time left is right."""
    one = room.comes()
    attempt = room.starts(one)
    hands.passes(120)
    room.tab(attempt, one).beats()
    hands.power_cut(5)
    hands.wall = datetime(1970, 1, 1, 0, 1, tzinfo=UTC)

    [incident] = returns(room)

    assert room.tab(attempt, one).stands() == services.Alive(18 * MIN, "outage", 0, False)
    resumes(room, incident)
    hands.passes(60)
    assert room.tab(attempt, one).beats() == 17 * MIN


def test_what_was_paused_over_or_never_supervised_is_left_alone(room: Room, hands: Hands) -> None:
    """An outage is about running supervised tests; without one there is no incident and no line."""
    paused, over = room.comes(0), room.comes(1)
    waits = room.starts(paused, 0)
    room.starts(over, 1)
    room.does(invigilation.pause, [waits.id], reason="unwell")
    free = make_attempt(room.db, make_enrolment(room.db), "post")
    hands.passes(21 * 60)
    room.tab(waits, paused).beats()
    lines = room.minutes()
    hands.power_cut(3600)

    assert returns(room) == []
    assert (room.row(paused).state, room.row(over).state) == (State.PAUSED, State.OVER)
    assert room.minutes() == lines
    closed = services.close_if_overdue(room.db, free.id, now=clock.now(), uptime=clock.uptime())
    assert closed.state == "closed"


def test_the_servers_own_heartbeat_tells_when_it_went(room: Room, hands: Hands) -> None:
    """A page without script beats seldom: its time runs to the server's last sign of life, not to its own."""
    one = room.comes()
    attempt = room.starts(one)
    hands.passes(240)
    alive.beat(room.db)
    last = alive.last_sign(room.db)
    assert last == SignOfLife(clock.uptime().boot, clock.uptime().ms, clock.now())
    hands.power_cut(600)

    [incident] = invigilation.notice_outage(room.db, now=clock.now(), uptime=clock.uptime(), last=last)

    assert incident.from_at == last.at
    assert room.tab(attempt, one).beats() == 16 * MIN


def test_a_second_power_cut_before_the_resume_changes_nothing(room: Room, hands: Hands) -> None:
    """Who waits already goes on waiting after the same incident."""
    one = room.comes()
    attempt = room.starts(one)
    hands.power_cut(600)
    [incident] = returns(room)
    room.tab(attempt, one).beats()
    hands.power_cut(600)

    assert returns(room) == []
    resumes(room, incident)
    assert room.tab(attempt, one).beats() == 20 * MIN
    assert room.db.scalar(sa.select(AttemptEvent.ms).where(AttemptEvent.what == "resume")) == 20 * MIN


# ---- a real process --------------------------------------------------------------------------------------------------


class Node:
    """A class server as a process of its own: killed and started again."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.config = Config(NODE="class", INSTANCE=str(folder), SECRET_KEY="k" * 40, PEPPER="p" * 40, PORT=self.port)
        self.config.folder.mkdir(parents=True)
        self.database = open_database(self.config)
        migrations.upgrade(self.database.engine)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Serve until the pages answer."""
        environ = os.environ | {
            "SABAQ_NODE": "class", "SABAQ_INSTANCE": self.config.INSTANCE, "SABAQ_PORT": str(self.port),
            "SABAQ_SECRET_KEY": "k" * 40, "SABAQ_PEPPER": "p" * 40,
        }
        self.process = subprocess.Popen([sys.executable, "-m", "app.cli", "web"], env=environ)
        deadline = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5):
                    return
            except OSError:
                assert self.process.poll() is None, "the web process ended"
                assert time.monotonic() < deadline, "the web process does not answer"
                time.sleep(0.1)

    def kill(self) -> None:
        """The plug is pulled."""
        if self.process:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(10)
            self.process = None


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """A node that is not running yet."""
    node = Node(tmp_path)
    yield node
    node.kill()
    node.database.engine.dispose()


@pytest.mark.goal("RUN-07", "DUR-07")
@pytest.mark.node
def test_a_killed_server_that_starts_again_has_cost_nobody_time(node: Node) -> None:
    """A real process, killed and started: at its start a long gap pauses the supervised test at the last sign of life, a
    short one is given back; an unsupervised test runs on to its deadline."""
    node.start()
    with work(node.database) as db:
        supervised, free = make_attempt(db, quiz="pre").id, make_attempt(db, quiz="post").id
        assert db.scalar(sa.select(Heartbeat.pid).where(Heartbeat.process == "web")) == node.process.pid  # type: ignore[union-attr]
    node.kill()
    with work(node.database) as db:  # ten minutes ago, by the machine's clock
        for row in [*db.scalars(sa.select(AttemptClock)), *db.scalars(sa.select(Heartbeat))]:
            if isinstance(row, AttemptClock):
                row.since_ms, row.beat_ms = row.since_ms - 10 * MIN, row.beat_ms - 10 * MIN
            else:
                row.uptime_ms -= 10 * MIN

    node.start()

    with node.database.sessions() as db:
        incident = db.scalars(sa.select(Incident)).one()
        found = {attempt_id: (queries.clock_of(db, attempt_id), db.get_one(Attempt, attempt_id)) for attempt_id in (supervised, free)}
        now, uptime = clock.now(), clock.uptime()
        left = {
            attempt_id: rules.remaining_ms(queries.sitting_of(attempt, running), uptime, now) or 0
            for attempt_id, (running, attempt) in found.items() if running
        }
        assert incident.to_at is None
        assert timedelta(minutes=10) <= incident.noticed_at - incident.from_at < timedelta(minutes=12)
        assert 20 * MIN - 90_000 < left[supervised] <= 20 * MIN
        assert left[free] <= 15 * MIN
    node.kill()
    with work(node.database) as db:
        incident = db.scalars(sa.select(Incident)).one()
        assert db.scalars(sa.select(AttemptEvent.attempt_id)).one() == supervised
        anybody = db.scalars(sa.select(Person.id).limit(1)).one()
        invigilation.resume_after_outage(db, incident, by=anybody, now=clock.now(), uptime=clock.uptime())
        before = Tab(db, supervised).beats() or 0
    node.start()
    with node.database.sessions() as db:
        running = queries.clock_of(db, supervised)
        assert running is not None
        assert running.paused_at is None
        left_now = rules.remaining_ms(queries.sitting_of(db.get_one(Attempt, supervised), running), clock.uptime(), clock.now()) or 0
        assert before - left_now < 3_000  # though the start took longer than that, or nearly

