"""The line between a browser and the class server, as a wire that a test can cut, mend, or let lose replies."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Iterator


class Line:
    """A proxy on loopback: a port that leads to another port."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.whole = True
        self.replies = True  # while false, requests arrive and their replies are lost
        self.lost = threading.Event()  # a reply was lost
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._door.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """Where the browser goes."""
        return f"http://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """Nothing gets through any more, and what was open is broken."""
        self.whole = False
        self._break()

    def mend(self) -> None:
        """The line is back."""
        self.whole = self.replies = True

    def close(self) -> None:
        """The test is over."""
        with contextlib.suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        self._break()

    def _break(self) -> None:
        with self._lock:
            for one in self._open:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._door.accept()
            except OSError:
                return
            if not self.whole:
                near.close()
                continue
            with self._lock:
                self._open.add(near)
            threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        """One connection, both ways, until either end or the line breaks."""
        try:
            with near, socket.create_connection(("127.0.0.1", self.target)) as far, contextlib.suppress(OSError):
                while self.whole and self._pass_on(near, far):
                    pass
        finally:
            with self._lock:
                self._open.discard(near)

    def _pass_on(self, near: socket.socket, far: socket.socket) -> bool:
        for here in select.select([near, far], [], [])[0]:
            data = here.recv(65536)
            if not data:
                return False
            if here is far and not self.replies:
                self.lost.set()
            else:
                (far if here is near else near).sendall(data)
        return True


@contextlib.contextmanager
def line(target: int) -> Iterator[Line]:
    """A whole line to a port."""
    made = Line(target)
    try:
        yield made
    finally:
        made.close()
