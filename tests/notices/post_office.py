"""A real mail server on loopback for tests: it takes what it is told to take, refuses, says "later", hangs up or kills."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass
class PostOffice:
    """What came, and how to answer the next ones."""

    taken: list[EmailMessage] = field(default_factory=list)
    addressed: list[str] = field(default_factory=list)
    answer_recipient: Callable[[str], str] = lambda _address: "250 OK"
    answer_data: Callable[[EmailMessage], str] = lambda _message: "250 OK"
    hang_up_on: Callable[[str], bool] = lambda _address: False
    after_taking: Callable[[], None] = lambda: None
    port: int = 0

    async def handle_RCPT(self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]) -> str:
        """One who is to get the mail."""
        if self.hang_up_on(address):
            server.transport.abort()
            return "421 gone"
        answer = self.answer_recipient(address)
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        """The mail itself."""
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=policy.default)
        answer = self.answer_data(message)
        if answer.startswith("2"):
            self.taken.append(message)
            self.addressed.extend(envelope.rcpt_tos)
            self.after_taking()
        return answer


@contextmanager
def post_office() -> Iterator[PostOffice]:
    """A mail server on a free port of loopback."""
    office = PostOffice()

    class OnFreePort(Controller):
        """aiosmtpd's own check of the port wants to know it before it is given."""

        def _trigger_server(self) -> None:
            office.port = self.server.sockets[0].getsockname()[1]
            self.port = office.port
            super()._trigger_server()

    controller: Any = OnFreePort(office, hostname="127.0.0.1", port=0)
    controller.start()
    try:
        yield office
    finally:
        controller.stop()
