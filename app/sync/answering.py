"""What the centre does when a class server speaks over the line: who it is, what it brings, what it is given. Knows no HTTP."""

from __future__ import annotations

import base64
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.db import Database
from app.errors import Busy, Conflict, DomainError, Message, NotSignedIn, say
from app.ids import random_bytes
from app.ops import background
from app.ops.background import DONE, RUNNING, WAITING, Kind, Task
from app.ops.models import BackgroundJob
from app.sync import contact, envelope, exchange, pace, receipts, staging
from app.sync.envelope import Answer, Cargo, Hello, Progress, Sealed
from app.sync.keys import NodeKeys, load_or_make
from app.sync.models import Exchange, Node
from app.sync.staging import Damaged, Staging, UnderWay
from app.work import work
from config import Config

AT_ONCE = 1024 * 1024  # a larger bundle is taken by the job process, and the class server asks again
RIDES_ALONG = 256 * 1024  # of a bundle behind an answer
REMADE_AFTER = timedelta(minutes=10)  # a bundle that nobody has fetched


class NotKnown(NotSignedIn):
    message = say("wire", "This centre knows no such class server, or the request was not signed with its key. It has to join first.")


class WrongCentre(Conflict):
    """A hello for another node."""

    def __init__(self, *, here: str, wanted: str) -> None:
        super().__init__(say("wire", "This is {here}, not {wanted}. Look at the address of the centre.", here=here, wanted=wanted))


@dataclass(frozen=True)
class Centre:
    """This node, as far as answering needs it."""

    database: Database
    config: Config
    keys: NodeKeys

    @property
    def code(self) -> str:
        """Its own code."""
        return self.config.NODE


def asker(db: Session, code: str) -> tuple[Node, bytes]:
    """The class server of this code and the key that it signs with. Raises NotKnown; a revoked one is still known."""
    node = db.scalars(sa.select(Node).where(Node.code == code, Node.role != "centre")).first()
    if node is None or not node.public_key or node.state not in ("joined", "revoked"):
        raise NotKnown()
    return node, base64.b64decode(node.public_key)


def revoked(db: Session, centre: Centre, hello: Hello, node: Node) -> bytes:
    """What a revoked class server is told: that it is, since when, and which keys hold now; signed, so that nobody else can say it."""
    listed = db.scalars(sa.select(Node).where(Node.public_key.is_not(None)).order_by(Node.code)).all()
    said = say(
        "wire", "This class server was revoked at the centre. What it has written since is not counted. Telephone the centre: it has to join anew.",
    )
    answer = Answer.model_validate({
        "v": 1, "from": centre.code, "to": hello.sender, "nonce": hello.nonce, "ticket": "0" * 32, "state": "revoked", "said": _plain(said),
        "since": node.revoked_at.isoformat() if node.revoked_at else "",
        "nodes": [{"code": one.code, "state": one.state, "fingerprint": one.fingerprint or "", "key": one.public_key} for one in listed],
    })  # fmt: skip
    return envelope.pack(answer, centre.keys, envelope.ANSWER)


def answer(centre: Centre, hello: Hello, sealed: Sealed, key: bytes, *, now: datetime) -> bytes:
    """Take what a hello brings and say what comes back. `key` is the asker's.

    Raises UnderWay while another hello of the same node is answered, and what taking a bundle raises where it is worth trying
    again (a full disk, a busy database).
    """
    place = staging.of(centre.config.folder, hello.sender)
    with place.alone():
        if not place.ticket or hello.ticket != place.ticket:
            place.ticket = place.ticket or random_bytes(16).hex()
            return _again(centre, hello, place.ticket)
        place.ticket = random_bytes(16).hex()
        staging.clean(centre.config.folder, now)
        receipted = _receive(centre, hello, key, now)
        _note_fetched(centre, hello, place, receipted, now)
        takes, said = _brought(centre, hello, sealed.cargo, place, now)
        brings, cargo = _for_them(centre, hello, place, now)
        with centre.database.sessions() as db:
            given = receipts.newest(db, by=centre.code, about=hello.sender)
            statement = exchange.statement(db, centre.config, hello.sender, now=now)
        if hello.brings is None and brings is None:
            contact.heard(centre.database, hello.sender, statement=hello.statement.as_json(), now=now)
        whole = Answer.model_validate({
            "v": 1, "from": centre.code, "to": hello.sender, "nonce": hello.nonce, "ticket": place.ticket, "piece": pace.LARGEST,
            "statement": statement | {"receipt": receipted},
            "receipt": envelope.with_receipt(given if given and given.hash != hello.statement.receipt else None),
            "takes": takes.as_json() if takes else None, "said": _plain(said) if said else {}, "brings": brings.as_json() if brings else None,
        })  # fmt: skip
        return envelope.pack(whole, centre.keys, envelope.ANSWER, cargo)


def _again(centre: Centre, hello: Hello, ticket: str) -> bytes:
    # A recording of an old hello ends here: it would bring nothing new, but make a silent class server look alive.
    said = Answer.model_validate({"v": 1, "from": centre.code, "to": hello.sender, "nonce": hello.nonce, "ticket": ticket, "again": True})
    return envelope.pack(said, centre.keys, envelope.ANSWER)


# ---- what it brings ----------------------------------------------------------------------------------------------------


def _receive(centre: Centre, hello: Hello, key: bytes, now: datetime) -> str:
    """Keep the asker's receipt; gives the hash of the one that holds, so that it need not send it again."""
    receipt = envelope.receipt_in(hello, about=centre.code, public_sign=key)
    if receipt is not None:
        with work(centre.database) as db:
            receipts.store(db, receipt, now=now, fresh=True)  # the ticket proves that it was said just now
    with centre.database.sessions() as db:
        newest = receipts.newest(db, by=hello.sender, about=centre.code)
    return newest.hash if newest else ""


def _note_fetched(centre: Centre, hello: Hello, place: Staging, receipted: str, now: datetime) -> None:
    """The bundle that waited for the asker was taken there: its receipt says so."""
    part = place.leaving.part()
    if part is None:
        return
    with centre.database.sessions() as db:
        newest = receipts.newest(db, by=hello.sender, about=centre.code)
    if newest is not None and newest.said.bundle == part.id:
        exchange.note(
            centre.database, peer=hello.sender, direction="out", way=contact.WAY, state="sent", bundle=part.id, size=part.size, now=now,
            counts=part.more.get("counts"),
        )
        place.leaving.drop()


def _brought(centre: Centre, hello: Hello, cargo: bytes, place: Staging, now: datetime) -> tuple[Progress | None, Message | None]:
    """How the bundle that it brings stands: how much is still wanted, that it is being taken, or what came of it."""
    brings = hello.brings
    if brings is None:
        return None, None
    before = _known(centre.database, hello.sender, brings.id)
    if before is not None:
        place.arriving.drop_if(brings.id)
        return before
    job = _job(centre.database, place)
    if job is not None and job.state in (WAITING, RUNNING) and place.arriving.holds != brings.id:
        raise UnderWay()
    part = place.arriving.expect(brings.id, brings.size, brings.sha256)
    if brings.inline:
        if len(cargo) != brings.size:
            raise envelope.BadEnvelope()
        part = place.arriving.add(brings.id, part.offset, cargo[part.offset :])
    if not part.whole:
        return _progress(brings, part.offset, "wanted"), None
    if job is not None:
        return _of_job(centre, brings, place, job)
    try:
        place.arriving.check()
    except Damaged as damaged:
        return _from_the_start(brings, place), damaged.message
    if brings.size > AT_ONCE:
        _ask_job(centre, hello.sender, place, now)
        return _progress(brings, brings.size, "here"), None
    return _take(centre, hello.sender, brings, place, now)


def _from_the_start(brings: Cargo, place: Staging) -> Progress:
    return _progress(brings, place.arriving.expect(brings.id, brings.size, brings.sha256).offset, "wanted")


def _take(centre: Centre, peer: str, brings: Cargo, place: Staging, now: datetime) -> tuple[Progress, Message]:
    try:
        with place.taking():
            outcome = exchange.take_bundle(centre.database, centre.config, centre.keys, place.arriving.path, way=contact.WAY, now=now)
    except UnderWay:
        raise  # a stick of the same class server is read in: it is asked again
    except DomainError as refused:
        if worth_trying_again(refused):
            raise
        place.arriving.drop()
        return _progress(brings, brings.size, "refused"), refused.message
    place.arriving.drop()
    return _progress(brings, brings.size, "taken"), outcome.sentence


def worth_trying_again(error: DomainError) -> bool:
    """Whether the same bundle may be taken later: the disk was full, the database busy."""
    return isinstance(error, Busy)


def _known(database: Database, peer: str, bundle: str) -> tuple[Progress, Message | None] | None:
    """What came of a bundle that was taken before: the answer to it may have been lost."""
    with database.sessions() as db:
        row = db.scalars(
            sa.select(Exchange).where(Exchange.peer == peer, Exchange.bundle == bundle, Exchange.direction == "in", Exchange.state.in_(("taken", "partial")))
            .order_by(Exchange.place.desc()).limit(1)
        ).first()
    if row is None:
        return None
    return Progress(id=bundle, offset=row.size, state="taken"), _message(row.said)


def _progress(brings: Cargo, offset: int, state: Any) -> Progress:
    return Progress(id=brings.id, offset=offset, state=state)


# ---- a large bundle: taken by the job process ----------------------------------------------------------------------------


def _ask_job(centre: Centre, peer: str, place: Staging, now: datetime) -> None:
    with work(centre.database) as db:
        job = background.ask(
            db, kind=JOB, params={"peer": peer, "name": peer}, person_id=None, language=centre.config.DEFAULT_LANGUAGE, now=now,
        )
        place.arriving.remember(job=str(job.id))


def _job(database: Database, place: Staging) -> BackgroundJob | None:
    """The work that takes the bundle which has arrived."""
    part = place.arriving.part()
    if part is None or "job" not in part.more:
        return None
    with database.sessions() as db:
        return db.get(BackgroundJob, uuid.UUID(part.more["job"]))


def _of_job(centre: Centre, brings: Cargo, place: Staging, job: BackgroundJob) -> tuple[Progress, Message | None]:
    if job.state in (WAITING, RUNNING):
        return _progress(brings, brings.size, "here"), None
    said = background.message(job.log[-1]) if job.log else DomainError.message
    place.arriving.drop()
    if job.state == DONE:  # but no row says that it was taken: somebody has emptied the database
        return _from_the_start(brings, place), None
    return _progress(brings, brings.size, "refused"), said


def take_arrived(task: Task) -> None:
    """Background work: take the large bundle that has arrived from `params["peer"]`. Taken up again after a power cut."""
    from flask import current_app

    config: Config = current_app.extensions["sabaq.config"]
    place = staging.of(config.folder, task.params["peer"])
    arriving = place.arriving
    part = arriving.check()
    task.step("take", part.size)
    with place.taking(patience=staging.PATIENCE):
        outcome = exchange.take_bundle(
            task.database, config, load_or_make(config.folder), arriving.path, way=contact.WAY, now=clock.now(),
            progress=lambda done, _all: task.show(done),
        )
    task.finish(text=outcome.sentence)
    arriving.drop()


JOB = "exchange-take"
KIND = Kind(
    title=say("job", "Take what {name} sent"),
    steps={"take": say("job", "reading and storing")},
    run=take_arrived,
    keeps=say("job", "What was taken stays; the rest is sent again."),
)


# ---- what it is given ----------------------------------------------------------------------------------------------------


def _for_them(centre: Centre, hello: Hello, place: Staging, now: datetime) -> tuple[Cargo | None, bytes]:
    """The bundle for the asker, made anew unless it has a part of the one that waits; behind the answer when it is small."""
    part = place.leaving.part()
    holds = envelope.in_order(hello.statement.holds)
    fetching = part is not None and hello.has is not None and hello.has.id == part.id
    young = part is not None and place.leaving.touched_after(now - REMADE_AFTER)
    if part is None or part.more.get("holds") != holds or not part.whole or not (fetching or young):
        with centre.database.sessions() as db:
            given = receipts.newest(db, by=centre.code, about=hello.sender)
        # The receipt stands in the answer itself: alone it needs no bundle.
        said = hello.statement.as_json() | {"receipt": given.hash if given else ""}
        made = exchange.make_bundle(
            centre.database, centre.config, centre.keys, to=hello.sender, folder=place.folder, now=now, fresh=exchange.Fresh(holds, said), only_needed=True,
        )
        if made.path is None:
            place.leaving.drop()
            return None, b""
        part = place.leaving.keep(made.path, made.id, sha256=made.sha256, holds=holds, counts=made.counts)
    inline = part.size <= min(hello.room, RIDES_ALONG)
    return Cargo(id=part.id, size=part.size, sha256=part.sha256, inline=inline), place.leaving.path.read_bytes() if inline else b""


def _plain(message: Message) -> dict[str, Any]:
    return {"context": message.context, "text": message.text, "params": {key: _plain_value(value) for key, value in message.params.items()}}


def _plain_value(value: Any) -> Any:
    return value if isinstance(value, (str, int)) else str(value)


def _message(said: dict[str, Any]) -> Message | None:
    return Message(said["context"], said["text"], said["params"]) if said else None
