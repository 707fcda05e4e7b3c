"""The demo network: three nodes on one machine, each with its own folder, port and cookie, ended by one Ctrl-C."""

from __future__ import annotations

import json
import signal
import socket
import threading
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from app import open_database
from app.errors import NotAllowed
from app.ops import demo, demo_network
from app.ops.supervisor import port_is_free
from app.runs.models import CourseRun, Enrolment
from app.sync import trust
from app.sync.models import Exchange, Node
from config import Config
from tests.ops.test_node import sabaq, wait_for


def three_free_ports() -> int:
    """A port that is free, and the two that follow it by hundreds."""
    for first in range(21000, 30000, 7):
        if all(port_is_free("127.0.0.1", first + step) for step in (0, 100, 200)):
            return first
    raise AssertionError("no ports are free")


def told_by(port: int) -> dict[str, str]:
    """What a node says of itself."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/version", timeout=5) as answer:
        found: dict[str, str] = json.load(answer)
        return found


def test_each_node_has_its_own_folder_port_and_cookie(tmp_path: Path) -> None:
    """Nothing that one node keeps or sets is another's; together they stand beside the usual node of the machine."""
    configs = demo_network.plan(Config(INSTANCE=str(tmp_path), PORT=8300))

    assert [(one.NODE, one.ROLE, one.PORT) for one in configs] == [
        ("centre", "centre", 8300), ("class-atameken", "classroom", 8400), ("class-gishtkuprik", "classroom", 8500),
    ]
    assert len({one.cookie for one in configs}) == len({one.folder for one in configs}) == len({one.SECRET_KEY for one in configs}) == 3
    assert not any(one.folder == Config(INSTANCE=str(tmp_path)).folder for one in configs)
    assert len({one.STICK for one in configs}) == 1


@pytest.mark.parametrize("changes", [{"ENV": "production"}, {"HOST": "0.0.0.0"}])
def test_it_is_refused_where_others_could_sign_in(tmp_path: Path, changes: dict[str, str]) -> None:
    """Its passwords are known: never in production, never beyond loopback; nothing is made."""
    with pytest.raises(NotAllowed):
        demo_network.run(replace(Config(INSTANCE=str(tmp_path)), **changes), lambda _text: None)
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken_is_named_before_anything_starts(tmp_path: Path) -> None:
    """Also when only the last node's port is taken."""
    first = three_free_ports()
    configs = demo_network.plan(Config(INSTANCE=str(tmp_path), PORT=first))
    with socket.socket() as other:
        other.bind(("127.0.0.1", first + 200))
        other.listen()
        with pytest.raises(demo_network.PortTaken, match=str(first + 200)):
            demo_network.serve(configs, lambda _text: None)


def test_a_class_server_makes_no_demo_data_of_its_own(tmp_path: Path) -> None:
    """An empty one waits for its centre."""
    room = Config(NODE="class-1", ROLE="classroom", INSTANCE=str(tmp_path))

    with pytest.raises(NotAllowed):
        demo.refuse_unsafe(room)


@pytest.mark.node
def test_a_centre_and_two_class_servers_start_and_end_together(tmp_path: Path) -> None:
    """One command: all three answer, each class server keeps a run with people, one exchanges over its line; one Ctrl-C ends all."""
    first = three_free_ports()
    said: list[str] = []
    with sabaq(tmp_path, "demo-network", SABAQ_PORT=str(first)) as process:
        assert process.stdout is not None
        reader = threading.Thread(target=lambda: said.extend(process.stdout or ()), daemon=True)
        reader.start()
        wait_for(lambda: any("Ctrl-C ends all" in line for line in said) or process.poll() is not None, 400)
        text = "".join(said)
        assert process.poll() is None, text

        assert [(told_by(first + step)["node"], told_by(first + step)["role"]) for step in (0, 100, 200)] == [
            ("centre", "centre"), ("class-atameken", "classroom"), ("class-gishtkuprik", "classroom"),
        ]
        for port in (first, first + 100, first + 200):
            assert f"http://127.0.0.1:{port}/" in text
        assert demo.PASSWORD in text
        configs = demo_network.plan(Config(INSTANCE=str(tmp_path), PORT=first))
        for config in configs[1:]:
            database = open_database(config)
            with database.sessions() as db:
                kept = db.scalars(sa.select(CourseRun.id).where(CourseRun.owner_node == config.NODE)).all()
                assert kept
                assert db.scalar(sa.select(sa.func.count()).select_from(Enrolment).where(Enrolment.run_id.in_(kept)))
                assert db.scalars(sa.select(Node.state).where(Node.code == config.NODE)).one() == "joined"
            database.engine.dispose()
        with_line, without = (trust.read(config.folder) for config in configs[1:])
        assert with_line is not None
        assert without is not None
        assert (with_line.address, without.address) == (f"http://127.0.0.1:{first}", "")
        centre = open_database(configs[0])

        def over_the_line() -> set[str]:
            with centre.sessions() as db:
                return set(db.scalars(sa.select(Exchange.peer).where(Exchange.direction == "in")))

        wait_for(lambda: "class-atameken" in over_the_line(), 120)
        assert "class-gishtkuprik" not in over_the_line()
        centre.engine.dispose()

        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    wait_for(lambda: all(port_is_free("127.0.0.1", first + step) for step in (0, 100, 200)), 30)
