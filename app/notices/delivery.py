"""Handing pressed mails to the mail server, one by one: a thread of the job process.

A mail is claimed before it is sent (its next try is set) and noted as sent after the server has taken it, each in a transaction
of its own. A process that is killed in between sends it once more, under the same Message-ID: a mail may come twice, but is
never lost, which is all that SMTP allows.
"""

from __future__ import annotations

import logging
import smtplib
import socket
import ssl
import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.db import Database
from app.notices import rules
from app.notices.models import Mail
from app.people.models import Person
from app.work import work
from config import Config

EVERY = 5.0  # seconds between two looks at the outbox
ROUND = 20  # mails in one connection
TIMEOUT = 20.0  # seconds that the server may think about one answer
LONGEST_ERROR = 400

log = logging.getLogger("sabaq.mail")


@dataclass(frozen=True)
class Outgoing:
    """A mail on its way, as plain values: nothing is read from the database while the server thinks."""

    id: uuid.UUID
    name: str
    address: str
    subject: str
    body: str
    message_id: str
    tries: int


def serve(database: Database, config: Config, stop: threading.Event) -> None:
    """Send whatever was pressed, until told to stop; nothing where no mail server is set."""
    while config.MAIL_HOST and not stop.wait(EVERY):
        try:
            deliver(database, config, stopped=stop.is_set)
        except Exception:
            log.exception("sending mails failed; it comes round again")


def deliver(database: Database, config: Config, *, stopped: Callable[[], bool] = lambda: False) -> int:
    """Hand mails that are due to the server, as many as fit a round; how many it took."""
    server: smtplib.SMTP | None = None
    sent = 0
    try:
        for _ in range(ROUND):
            mail = None if stopped() else _claim(database)
            if mail is None:
                break
            try:
                server = server or _connect(config)
            except (OSError, smtplib.SMTPException) as error:
                _later(database, mail, _words(error))
                break
            try:
                server.send_message(_message(mail, config), config.MAIL_FROM, [mail.address])
            except smtplib.SMTPServerDisconnected as error:
                _later(database, mail, _words(error))
                break
            except smtplib.SMTPException as error:
                (_fail if _is_final(error) else _later)(database, mail, _words(error))
                if server.sock is None:  # with its answer the server hung up (421)
                    break
            except OSError as error:
                _later(database, mail, _words(error))
                break
            except ValueError as error:  # no mail can be made of this address or subject
                _fail(database, mail, str(error))
            else:
                _sent(database, mail)
                sent += 1
    finally:
        if server is not None:
            with suppress(OSError, smtplib.SMTPException):
                server.quit()
    return sent


def _connect(config: Config) -> smtplib.SMTP:
    name = socket.gethostname()
    if config.MAIL_TLS == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            config.MAIL_HOST, config.MAIL_PORT, local_hostname=name, timeout=TIMEOUT, context=ssl.create_default_context(),
        )
    else:
        server = smtplib.SMTP(config.MAIL_HOST, config.MAIL_PORT, local_hostname=name, timeout=TIMEOUT)
    try:
        if config.MAIL_TLS == "starttls":
            server.starttls(context=ssl.create_default_context())
        if config.MAIL_USER:
            server.login(config.MAIL_USER, config.MAIL_PASSWORD)
    except BaseException:
        server.close()
        raise
    return server


def _message(mail: Outgoing, config: Config) -> EmailMessage:
    message = EmailMessage()
    message["From"] = Address("Sabaq", addr_spec=config.MAIL_FROM)
    message["To"] = Address(mail.name, addr_spec=mail.address)
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(clock.now())
    message["Message-ID"] = mail.message_id
    message["Auto-Submitted"] = "auto-generated"  # no out-of-office answers, please (RFC 3834)
    message.set_content(mail.body, cte="quoted-printable")
    return message


def _is_final(error: smtplib.SMTPException) -> bool:
    """Whether the server has refused for good: a code of the five hundreds, or an address that it cannot write."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code >= 500 for code, _ in error.recipients.values())
    if isinstance(error, smtplib.SMTPResponseException):
        return error.smtp_code >= 500
    return isinstance(error, smtplib.SMTPNotSupportedError)


def _words(error: Exception) -> str:
    """What the server said, or what happened on the way to it."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        said: list[tuple[int, bytes | str]] = list(error.recipients.values())
    elif isinstance(error, smtplib.SMTPResponseException):
        said = [(error.smtp_code, error.smtp_error)]
    else:
        return (str(error) or type(error).__name__)[:LONGEST_ERROR]
    return "; ".join(f"{code} {text.decode(errors='replace') if isinstance(text, bytes) else text}" for code, text in said)[:LONGEST_ERROR]


# ---- each in a transaction of its own ----------------------------------------------------------------------------------


def _claim(database: Database) -> Outgoing | None:
    """The next mail that is due, with its next try set in case this one is not survived."""
    now = clock.now()
    with database.sessions() as db:  # most looks find nothing, and a look keeps nobody from writing
        if db.scalar(sa.select(Mail.id).where(Mail.state == "pressed", Mail.due_at <= now).limit(1)) is None:
            return None
    with work(database) as db:
        mail = db.scalar(
            sa.select(Mail).where(Mail.state == "pressed", Mail.due_at <= now).order_by(Mail.due_at, Mail.id).limit(1).with_for_update(skip_locked=True)
        )
        if mail is None:
            return None
        mail.tries += 1
        mail.due_at = now + rules.next_try(mail.tries)
        name = db.scalar(sa.select(Person.display_name).where(Person.id == mail.person_id)) or ""
        return Outgoing(mail.id, name, mail.address, mail.subject, mail.body, mail.message_id, mail.tries)


def _sent(database: Database, outgoing: Outgoing) -> None:
    with work(database) as db:
        mail = _of(db, outgoing)
        if mail is not None:
            mail.state, mail.sent_at, mail.due_at, mail.error = "sent", clock.now(), None, ""


def _later(database: Database, outgoing: Outgoing, why: str) -> None:
    """It is tried again at the time that was set with the claim; after many tries it has failed."""
    log.info("a mail waits: %s", why)
    if outgoing.tries >= rules.GIVE_UP_AFTER:
        _fail(database, outgoing, why)
        return
    with work(database) as db:
        mail = _of(db, outgoing)
        if mail is not None:
            mail.error = why


def _fail(database: Database, outgoing: Outgoing, why: str) -> None:
    with work(database) as db:
        mail = _of(db, outgoing)
        if mail is not None:
            mail.state, mail.due_at, mail.error = "failed", None, why


def _of(db: Session, outgoing: Outgoing) -> Mail | None:
    """The row again; None when its person was erased meanwhile."""
    mail: Mail | None = db.scalar(sa.select(Mail).where(Mail.id == outgoing.id, Mail.state == "pressed").with_for_update())
    return mail
