"""The one process that a person starts: it runs the web and the job process, and one Ctrl-C ends both."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from types import FrameType

from config import Config

PROCESSES = ("web", "jobs")
QUICK_DEATH_SECONDS = 5


def port_is_free(host: str, port: int) -> bool:
    """Whether nothing listens on the address yet."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def supervise(config: Config) -> int:
    """Run both processes until told to stop; start one again that died. Gives the exit code."""
    stop = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    for wish in (signal.SIGINT, signal.SIGTERM):
        signal.signal(wish, end)
    children = {name: _start(name) for name in PROCESSES}
    begun = dict.fromkeys(PROCESSES, time.monotonic())
    code = 0
    while not stop.wait(0.5):
        for name, child in children.items():
            if child.poll() is None:
                continue
            if time.monotonic() - begun[name] < QUICK_DEATH_SECONDS:
                sys.stderr.write(f"The {name} process ended at once (exit code {child.returncode}); see the lines above.\n")
                code = 1
                stop.set()
                break
            sys.stderr.write(f"The {name} process ended (exit code {child.returncode}); starting it again.\n")
            children[name], begun[name] = _start(name), time.monotonic()
    for child in children.values():
        child.terminate()
    for child in children.values():
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
    return code


def _start(name: str) -> subprocess.Popen[bytes]:
    # In a session of its own: a Ctrl-C reaches the supervisor alone, which then ends both in order.
    return subprocess.Popen([sys.executable, "-m", "app.cli", name], start_new_session=True)  # noqa: S603


def end_with_parent() -> None:
    """End this process when its supervisor was killed: nobody is left to end it."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(2)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
