"""A BigBlueButton server on loopback for tests: it checks every checksum, and keeps who is in which room."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

SECRET = "the secret of the video server, long enough"


@dataclass
class Fake:
    """The server: its rooms, who is in each, what it was asked."""

    port: int = 0
    rooms: dict[str, dict[str, str]] = field(default_factory=dict)  # room -> what it was created with
    inside: dict[str, dict[str, str]] = field(default_factory=dict)  # room -> user id -> role
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    answer: bytes | None = None  # instead of its own

    @property
    def url(self) -> str:
        """As `bbb-conf --secret` prints it."""
        return f"http://127.0.0.1:{self.port}/bigbluebutton/"

    def reply(self, path: str) -> tuple[int, bytes]:
        """What it answers to an address."""
        parts = urlsplit(path)
        call = parts.path.rsplit("/", 1)[1]
        query, _, checksum = parts.query.rpartition("checksum=")
        query = query.removesuffix("&")
        if parts.path != f"/bigbluebutton/api/{call}" or hashlib.sha256(f"{call}{query}{SECRET}".encode()).hexdigest() != checksum:
            return 200, b"<response><returncode>FAILED</returncode><messageKey>checksumError</messageKey></response>"
        params = {name: values[0] for name, values in parse_qs(query, strict_parsing=True).items()}
        self.asked.append((call, params))
        if self.answer is not None:
            return 200, self.answer
        return 200, f"<response>{getattr(self, f'_{call}')(params.get('meetingID', ''), params)}</response>".encode()

    def _create(self, room: str, params: dict[str, str]) -> str:
        known = self.rooms.setdefault(room, params | {"createTime": str(1_700_000_000_000 + len(self.asked))})
        if known["moderatorPW"] != params["moderatorPW"]:
            return "<returncode>FAILED</returncode><messageKey>idNotUnique</messageKey>"
        return f"<returncode>SUCCESS</returncode><meetingID>{room}</meetingID><createTime>{known['createTime']}</createTime>"

    def _join(self, room: str, params: dict[str, str]) -> str:
        if room not in self.rooms or params.get("createTime", self.rooms[room]["createTime"]) != self.rooms[room]["createTime"]:
            return "<returncode>FAILED</returncode><messageKey>notFound</messageKey>"
        self.inside.setdefault(room, {})[params["userID"]] = params["role"]
        return "<returncode>SUCCESS</returncode><messageKey>successfullyJoined</messageKey>"

    def _getMeetingInfo(self, room: str, _params: dict[str, str]) -> str:
        if room not in self.rooms:
            return "<returncode>FAILED</returncode><messageKey>notFound</messageKey>"
        people = "".join(f"<attendee><userID>{one}</userID><role>{role}</role></attendee>" for one, role in self.inside.get(room, {}).items())
        return f"<returncode>SUCCESS</returncode><attendees>{people}</attendees>"


@contextmanager
def serving() -> Iterator[Fake]:
    """The server on a free port of loopback."""
    fake = Fake()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, content = fake.reply(self.path)
            self.send_response(status)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    fake.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
