"""A class server that exchanges with a centre served on loopback, over a line that a test can cut and slow down."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import sqlalchemy as sa

from app.sync import wire
from app.sync.models import Node
from app.sync.wire import Report
from tests import live
from tests.sync.nodes import Installation


class PoorLine:
    """A proxy on loopback that carries `rate` bytes a second each way and breaks each connection after `cut_every` bytes.

    It counts what crossed it, so that a test sees what was sent twice. `rate` 0: as fast as it goes; `cut_every` 0: never cut.
    """

    STEP = 2048

    def __init__(self, target: int, *, rate: float = 0, cut_every: int = 0, seed: int = 1) -> None:
        self.target, self.rate, self.cut_every = target, rate, cut_every
        self.up = self.down = self.cuts = 0
        self.dead = False
        self.passed = threading.Condition()
        self._chance = Random(seed)
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._door.getsockname()[1])
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """Where the class server finds the centre."""
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        """The test is over."""
        with contextlib.suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        self.cut()

    def cut(self) -> None:
        """What is open breaks."""
        for one in list(self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def wait_for(self, up: int = 0, down: int = 0) -> None:
        """Wait until so many bytes have crossed."""
        with self.passed:
            assert self.passed.wait_for(lambda: self.up >= up and self.down >= down, timeout=30)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._door.accept()
            except OSError:
                return
            if self.dead:
                near.close()
            else:
                threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        left = int(self.cut_every * self._chance.uniform(0.7, 1.3)) if self.cut_every else -1
        try:
            with contextlib.suppress(OSError), near, socket.create_connection(("127.0.0.1", self.target)) as far:
                for one in (near, far):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)  # a line does not take in what it cannot carry
                self._open |= {near, far}
                while left != 0:
                    moved = self._pass_on(near, far, left)
                    if moved == 0:
                        return
                    left = max(0, left - moved) if left > 0 else left
                self.cuts += 1
        finally:
            self._open -= {near}

    def _pass_on(self, near: socket.socket, far: socket.socket, left: int) -> int:
        moved = 0
        for here in select.select([near, far], [], [])[0]:
            data = here.recv(min(self.STEP, left) if left > 0 else self.STEP if self.rate else 65536)
            if not data:
                return 0
            if self.rate:
                time.sleep(len(data) / self.rate)
            (far if here is near else near).sendall(data)
            moved += len(data)
            with self.passed:
                if here is near:
                    self.up += len(data)
                else:
                    self.down += len(data)
                self.passed.notify_all()
        return moved


@contextmanager
def poor_line(url: str, *, rate: float = 0, cut_every: int = 0) -> Iterator[PoorLine]:
    """A line to a served node."""
    made = PoorLine(int(url.rpartition(":")[2]), rate=rate, cut_every=cut_every)
    try:
        yield made
    finally:
        made.close()


@contextmanager
def served(centre: Installation, *classes: Installation) -> Iterator[str]:
    """The centre's pages on a free port; the class servers know its address."""
    with live.serving(centre.config, centre.database) as node:
        for one in (centre, *classes):
            leads_to(one, node.url)
        yield node.url


def leads_to(node: Installation, address: str) -> None:
    """In this node's list the centre is found there; the centre's own list comes down to the class servers."""
    with node.database.engine.connect().execution_options(writing=True) as connection, connection.begin():
        connection.execute(sa.update(Node.__table__).where(Node.role == "centre").values(address=address))  # type: ignore[arg-type]


def speak(node: Installation) -> Report:
    """One exchange over the line, which rests between tries for a moment only."""
    return wire.exchange_now(node.database, node.config, keys=node.keys, rest=_short)


def _short(seconds: float) -> bool:
    time.sleep(min(seconds, 0.02))
    return False


def staged(node: Installation) -> list[Path]:
    """The bundles on their way in a node's exchange folder."""
    return sorted((node.config.folder / "exchange").glob("*/*.bundle"))
