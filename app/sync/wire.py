"""The class server's side of the exchange over the line: it speaks first, brings what it has, fetches what waits for it.

The line may be cut at any moment and this process killed: bundles on their way stay in the exchange folder, and the next try goes on
where the last one ended. What went over the line is believed for its signatures alone, so http will do where https cannot be had.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random, SystemRandom
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock, i18n
from app.db import Database
from app.errors import Busy, DomainError, Message, say
from app.ids import random_bytes
from app.sync import contact, envelope, exchange, receipts, staging, trust, wish
from app.sync.connection import Cut, NoLine, SaidNo, Wire
from app.sync.envelope import Answer, BadEnvelope, Cargo, Hello
from app.sync.exchange import Made, Outcome, Peer
from app.sync.keys import NodeKeys, load_or_make
from app.sync.models import Node
from app.sync.pace import LONGEST_WAIT, QUICK_TRIES, Pace, wait
from app.sync.staging import Damaged, Part, Staging, UnderWay
from app.work import work
from config import Config

log = logging.getLogger("sabaq.wire")

AUTHORITIES = "exchange-ca.pem"  # in the node's folder: the authority that has signed the centre's certificate, where no public one has
EVERY = 60.0  # seconds between two exchanges while the line is there
LOOK = 1.0  # seconds between two looks whether somebody asks for an exchange
MOST_SAID = 20  # sentences of one exchange that are kept for who asked for it
ROUNDS = 20  # hellos of one exchange that bring nothing forward, at most
AT_MOST = 2 * 1024 * 1024  # bytes of a bundle that goes up, about: each is receipted on its own, so that a weak line gains ground
ASK_AGAIN = (0.2, 0.5, 1.0, 2.0, 5.0)  # seconds, while the centre takes a large bundle


class Revoked(DomainError):
    """This class server is not trusted any more; the centre has signed that."""

    def __init__(self, said: Message) -> None:
        super().__init__(said)


class NoCentre(DomainError):
    message = say("wire", "This server has no address of a centre: it is a centre itself, has not joined yet, or exchanges by stick.")


class Stopped(Exception):
    """This process is told to end; the next one goes on."""


@dataclass
class Report:
    """What came of one exchange over the line."""

    sent: list[str] = field(default_factory=list)  # bundles
    entries: int = 0
    taken: list[Outcome] = field(default_factory=list)
    said: list[Message] = field(default_factory=list)  # by the centre of what it took
    requests: int = 0
    bytes_out: int = 0
    bytes_in: int = 0

    @property
    def nothing(self) -> bool:
        """Neither side had anything for the other."""
        return not self.sent and not self.taken

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "sent": self.sent, "entries": self.entries, "taken": [outcome.bundle for outcome in self.taken],
            "said": [i18n.say(one) for one in self.said], "requests": self.requests, "bytes_out": self.bytes_out, "bytes_in": self.bytes_in,
        }

    @property
    def sentences(self) -> list[Message]:
        """What went, what came, what the centre said."""
        if self.nothing:
            return [say("line", "Nothing to exchange: both sides have everything.")]
        found = [say("line", "Entries sent to the centre: {n}.", n=self.entries)] if self.sent else []
        found += [say("line", "The centre says: {said}", said=one) for one in self.said]
        return [*found, *(outcome.sentence for outcome in self.taken)]


# ---- one exchange ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Centre:
    """Where this class server exchanges."""

    peer: Peer
    address: str

    @property
    def code(self) -> str:
        """Its node code."""
        return self.peer.code


def centre_of(db: Session, config: Config) -> Centre:
    """The centre of this class server with its address. Raises NoCentre."""
    if config.ROLE != "classroom":
        raise NoCentre()
    row = db.scalars(sa.select(Node).where(Node.role == "centre", Node.state == "joined").order_by(Node.code).limit(1)).first()
    joining = trust.read(config.folder)
    code = row.code if row else joining.centre if joining and joining.trusted else ""
    # What a person said when this class joined, or since (sabaq sync line), holds: no address there means that there is no line.
    address = joining.address if joining and joining.trusted else row.address if row else ""
    if not code or not address:
        raise NoCentre()
    return Centre(exchange.peer_named(db, config, code), address)


@dataclass
class Exchanging:
    """One exchange with the centre in hand."""

    database: Database
    config: Config
    keys: NodeKeys
    centre: Centre
    wire: Wire
    staging: Staging
    rest: Callable[[float], bool]  # waits so many seconds; true when this process is told to end
    pace: Pace = field(default_factory=Pace)
    report: Report = field(default_factory=Report)
    said: Answer | None = None  # by the centre, last
    assumed: list[dict[str, Any]] = field(default_factory=list)  # heads of ours that the centre holds, as known when the bundle was made

    def run(self) -> Report:
        """Speak with the centre until neither side has anything for the other."""
        waited = vain = 0
        going = self._prepare()
        while vain < ROUNDS:
            answer, cargo = self._hello(going)
            vain = 0 if self._held_there() != self.assumed else vain + 1
            before = self.assumed
            over = self._sent(going, answer)
            fetched = self._fetched(answer, cargo)
            if answer.takes is not None and answer.takes.state == "here":
                self._rest(ASK_AGAIN[min(waited, len(ASK_AGAIN) - 1)])
                waited += 1
                continue
            if over:
                going = self._prepare() if self._held_there() != before else None
            # What was fetched is receipted at once, so that the centre's page is right.
            if going is None and not fetched:
                break
        return self.report

    def _prepare(self) -> Part | None:
        """The bundle that goes up: the one that is on its way, or a new one of what the centre lacks; None when it lacks nothing."""
        holds = self.assumed = self._held_there()
        part = self.staging.leaving.part()
        if part is not None and part.whole and part.more.get("holds") == holds:
            return part
        with self.database.sessions() as db:
            own = receipts.newest(db, by=self.config.NODE, about=self.centre.code)
        statement = self._last_said() | {"receipt": own.hash if own else ""}  # a receipt alone rides in the hello itself
        made: Made = exchange.make_bundle(
            self.database, self.config, self.keys, to=self.centre.code, folder=self.staging.folder, now=clock.now(),
            fresh=exchange.Fresh(holds, statement), only_needed=True, at_most=AT_MOST,
        )
        if made.path is None:
            self.staging.leaving.drop()
            return None
        return self.staging.leaving.keep(made.path, made.id, sha256=made.sha256, holds=holds, counts=made.counts)

    def _held_there(self) -> list[dict[str, Any]]:
        """Heads of ours that the centre holds, as it said last: just now, or in its newest receipt."""
        if self.said is not None:
            return envelope.in_order(self.said.statement.holds)
        with self.database.sessions() as db:
            receipt = receipts.newest(db, by=self.centre.code, about=self.config.NODE)
        return envelope.in_order(receipt.said.heads) if receipt else []

    def _last_said(self) -> dict[str, Any]:
        return self.said.statement.as_json() if self.said else {}

    # ---- hello

    def _hello(self, going: Part | None) -> tuple[Answer, bytes]:
        for tries in range(2 * QUICK_TRIES):
            said, cargo = self._words(going)
            try:
                answer, back = self._answer(self.wire.hello(said, cargo), said)
            except Cut:
                self.pace = self.pace.cut()
                if tries >= QUICK_TRIES - 1:
                    raise
                self._rest(0.5 * 2**tries)
                continue
            except SaidNo as no:
                if no.kind != "UnderWay" or tries >= QUICK_TRIES - 1:
                    raise
                self._rest(1.0 * 2**tries)  # the request that was cut off is still being answered
                continue
            self.staging.ticket = answer.ticket
            if not answer.again:
                self.said = answer
                self._receive(answer)
                return answer, back
        raise UnderWay()  # somebody else with our name uses up every ticket: a copy of this server

    def _words(self, going: Part | None) -> tuple[Hello, bytes]:
        with self.database.sessions() as db:
            statement = exchange.statement(db, self.config, self.centre.code, now=clock.now())
            theirs = receipts.newest(db, by=self.centre.code, about=self.config.NODE)
            own = receipts.newest(db, by=self.config.NODE, about=self.centre.code)
        has = self.staging.arriving.part()
        # Without a ticket the first hello is answered by one: then a bundle would have travelled in vain.
        inline = going is not None and bool(self.staging.ticket) and going.size <= self.pace.rides_along
        seen = own is not None and self.said is not None and self.said.statement.receipt == own.hash
        said = Hello.model_validate({
            "v": 1, "from": self.config.NODE, "to": self.centre.code, "nonce": random_bytes(16).hex(), "ticket": self.staging.ticket,
            "statement": statement | {"receipt": theirs.hash if theirs else ""},
            "receipt": envelope.with_receipt(None if seen else own),
            "brings": {"id": going.id, "size": going.size, "sha256": going.sha256, "inline": inline} if going else None,
            "has": {"id": has.id, "offset": has.offset} if has else None,
            "room": self.pace.rides_along,
        })  # fmt: skip
        return said, self.staging.leaving.path.read_bytes() if inline else b""

    def _answer(self, data: bytes, hello: Hello) -> tuple[Answer, bytes]:
        """The answer, when the centre has signed it and it answers this hello. Raises BadEnvelope, Revoked."""
        sealed = envelope.unpack(data)
        if not sealed.signed_by(self.centre.peer.keys.sign, envelope.ANSWER):
            raise BadEnvelope(say("wire", "The answer was not signed with the centre's key. Nothing of it was taken. Look at the address, and tell the centre."))
        answer = envelope.statement(sealed, Answer)
        if (answer.sender, answer.to, answer.nonce) != (self.centre.code, self.config.NODE, hello.nonce):
            raise BadEnvelope(say("wire", "The answer belongs to another question. Nothing of it was taken."))
        if answer.state == "revoked":
            raise Revoked(_message(answer.said) or SaidNo("revoked").message)
        return answer, sealed.cargo

    def _receive(self, answer: Answer) -> None:
        """Keep the receipt in the answer: it answers our nonce, so it holds from now on."""
        receipt = envelope.receipt_in(answer, about=self.config.NODE, public_sign=self.centre.peer.keys.sign)
        if receipt is None:
            return
        with work(self.database) as db:
            receipts.store(db, receipt, now=clock.now(), fresh=True)

    # ---- up

    def _sent(self, going: Part | None, answer: Answer) -> bool:
        """Go on with the bundle that goes up, as the answer wants it; whether that is over, and another may follow."""
        takes = answer.takes
        if going is None or takes is None or takes.id != going.id:
            return True
        if takes.state == "wanted":
            self._upload(going, takes.offset)
            return False
        if takes.state == "here":
            return False
        said = _message(answer.said)
        if said:
            self.report.said.append(said)
        self.staging.leaving.drop()
        if takes.state == "refused":
            raise SaidNo(_text(said), kind="refused")
        self.report.sent.append(going.id)
        self.report.entries += int(going.more.get("counts", {}).get("entries", 0))
        exchange.note(
            self.database, peer=self.centre.code, direction="out", way=contact.WAY, state="sent", bundle=going.id, size=going.size, now=clock.now(),
            counts=going.more.get("counts"), said=said, statement=self.said.statement.as_json() if self.said else None,
        )
        return True

    def _upload(self, going: Part, offset: int) -> None:
        tries = 0
        with self.staging.leaving.path.open("rb") as file:
            while offset < going.size:
                file.seek(offset)
                data = file.read(self.pace.piece)
                begun = time.monotonic()
                try:
                    offset = self.wire.put(going.id, offset, data)
                except Cut:
                    self.pace = self.pace.cut()
                    before, offset = offset, self._ask_offset(going.id)
                    tries = tries + 1 if offset == before else 0
                    if tries >= QUICK_TRIES:
                        raise
                    continue
                self.pace = self.pace.carried(len(data), time.monotonic() - begun)
                tries = 0
                self._rest(0)

    def _ask_offset(self, bundle: str) -> int:
        """How much has arrived; asked until the line is back, for a little while."""
        for tries in range(QUICK_TRIES):
            try:
                return self.wire.offset(bundle)
            except NoLine:
                if tries == QUICK_TRIES - 1:
                    raise
                self._rest(0.5 * 2**tries)
        raise NoLine

    # ---- down

    def _fetched(self, answer: Answer, cargo: bytes) -> bool:
        """Fetch and take the bundle that waits; whether there was one."""
        brings = answer.brings
        arriving = self.staging.arriving
        if brings is None:
            arriving.drop()
            return False
        part = arriving.expect(brings.id, brings.size, brings.sha256)
        if brings.inline:
            if len(cargo) != brings.size:
                raise BadEnvelope()
            arriving.add(brings.id, part.offset, cargo[part.offset :])
        else:
            self._download(brings, part.offset)
        try:
            arriving.check()
        except Damaged:
            return True  # it is fetched again in the next round
        self._take(brings)
        return True

    def _download(self, brings: Cargo, offset: int) -> None:
        tries = 0
        while offset < brings.size:
            before = offset
            try:
                for data in self.wire.fetch(brings, offset):
                    offset = self.staging.arriving.add(brings.id, offset, data).offset
            except NoLine:
                tries = 0 if offset > before else tries + 1
                if tries >= QUICK_TRIES:
                    raise
                self._rest(0.5 * 2**tries)
            self._rest(0)

    def _take(self, brings: Cargo) -> None:
        try:
            with self.staging.taking(patience=staging.PATIENCE):
                outcome = exchange.take_bundle(
                    self.database, self.config, self.keys, self.staging.arriving.path, way=contact.WAY, now=clock.now(), fresh=True,
                )
        except DomainError as refused:
            if not isinstance(refused, (Busy, UnderWay)):  # a full disk, a long stick: what has arrived waits until it can be taken
                self.staging.arriving.drop()
            raise
        self.staging.arriving.drop()
        self.report.taken.append(outcome)

    def _rest(self, seconds: float) -> None:
        if self.rest(seconds):
            raise Stopped


def _message(said: dict[str, Any]) -> Message | None:
    try:
        return Message(str(said["context"]), str(said["text"]), dict(said["params"])) if said else None
    except (KeyError, TypeError, ValueError):
        return None


def _text(said: Message | None) -> str:
    return i18n.say(said) if said else ""


def line_in_words(database: Database, config: Config) -> str:
    """One plain sentence about the line to the centre. Raises NoCentre."""
    with database.sessions() as db:
        return contact.in_words(contact.line_to(db, centre_of(db, config).code))


def exchange_now(
    database: Database, config: Config, *, keys: NodeKeys | None = None, rest: Callable[[float], bool] | None = None, pace: Pace | None = None,
    chance: Random | None = None,
) -> Report:  # fmt: skip
    """Exchange with the centre until nothing is left to exchange, and write down how the line stands.

    Raises NoCentre, UnderWay; NoLine, SaidNo, Revoked and what taking a bundle raises, after the failure was written down.
    """
    keys = keys or load_or_make(config.folder)
    with database.sessions() as db:
        centre = centre_of(db, config)
    place = staging.of(config.folder, centre.code)
    with place.alone():
        begun = clock.now()
        wish.begun(place, now=begun)
        staging.clean(config.folder, begun)
        wire = Wire(centre.address, node=config.NODE, centre=centre.code, keys=keys, authorities=config.folder / AUTHORITIES)
        at_work = Exchanging(database, config, keys, centre, wire, place, rest or _sleep, pace or Pace())
        good, said = False, [DomainError.message]
        try:
            report = at_work.run()
            good, said = True, report.sentences
        except DomainError as error:
            said = [error.message]
            _note_failure(database, centre.code, error, chance or SystemRandom())
            if isinstance(error, Revoked):
                trust.revoked(config.folder, at=clock.now())
            raise
        except Stopped:
            said = []
            raise
        finally:
            if said:  # a process that is told to end leaves the wish to the next one
                wish.ended(place, begun_at=begun, good=good, said=said[:MOST_SAID], now=clock.now())
            wire.close()
            at_work.report.requests, at_work.report.bytes_out, at_work.report.bytes_in = wire.requests, wire.bytes_out, wire.bytes_in
        if report.nothing and at_work.said is not None:
            contact.heard(database, centre.code, statement=at_work.said.statement.as_json(), now=clock.now())
        return report


def _sleep(seconds: float) -> bool:
    time.sleep(seconds)
    return False


def _note_failure(database: Database, centre: str, error: DomainError, chance: Random) -> None:
    now = clock.now()
    with database.sessions() as db:
        tries = contact.line_to(db, centre).tries + 1
    if isinstance(error, Revoked):
        tries = 20  # nothing changes by asking often
    contact.failed(database, centre, reached=not isinstance(error, NoLine), why=error.message, next_at=now + timedelta(seconds=wait(tries, chance)), now=now)


# ---- in the job process --------------------------------------------------------------------------------------------------


def serve(database: Database, config: Config, stop: threading.Event) -> None:
    """Exchange whenever a line is there, until told to stop: a thread of the job process of a class server."""
    while not _pause(database, config, stop):
        try:
            exchange_now(database, config, rest=stop.wait)
        except Stopped:
            return
        except UnderWay:
            stop.wait(LOOK)
        except NoCentre:
            stop.wait(EVERY)
        except DomainError as error:
            log.info("no exchange: %s", error)
        except Exception:
            log.exception("the exchange failed; it comes round again")
            stop.wait(EVERY)


def _pause(database: Database, config: Config, stop: threading.Event) -> bool:
    """Wait until the next exchange is due or somebody asks for one; true when this process is told to end."""
    until = time.monotonic() + seconds_until_next(database, config)
    while (left := until - time.monotonic()) > 0 and not wish.waits(config.folder):
        if stop.wait(min(left, LOOK)):
            return True
    return stop.is_set()


def seconds_until_next(database: Database, config: Config) -> float:
    """How long to wait for the next exchange."""
    with database.sessions() as db:
        try:
            centre = centre_of(db, config)
        except DomainError:
            return EVERY / 10  # it may join any moment
        line = contact.line_to(db, centre.code)
    now = clock.now()
    return (next_due(line, now) - now).total_seconds()


def next_due(line: contact.Line, now: datetime) -> datetime:
    """When the next exchange begins by itself: a minute after the last while all is well, later each time while there is no line."""
    if line.since is not None and line.next_at is not None:
        return now + timedelta(seconds=_bounded(line.next_at - now, LONGEST_WAIT))
    return now + timedelta(seconds=_bounded(line.heard_at + timedelta(seconds=EVERY) - now, EVERY) if line.heard_at is not None else 0.0)


def _bounded(wait_for: timedelta, most: float) -> float:
    # A clock that was set back must not keep the exchange waiting for years.
    return max(0.0, min(wait_for.total_seconds(), most))
