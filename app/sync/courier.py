"""A bundle on its way by hand: made and put on a stick or into a file, looked at when one arrives, taken, and answered on the same stick."""

from __future__ import annotations

import contextlib
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import i18n
from app.db import Database, take_write_lock
from app.errors import BadBundle, BadReceipt, BadSegment, DomainError, Message, NotFound, say
from app.sync import bundles, chain, exchange, receipts, sealer, staging, stick
from app.sync.bundles import SEGMENT, Manifest
from app.sync.chain import UP
from app.sync.exchange import Outcome
from app.sync.keys import NodeKeys
from app.sync.models import Exchange, Node, StoredSegment
from app.sync.staging import Part, Place
from app.sync.stick import Stick, Written
from app.work import work
from config import Config

WAY = "stick"
README_LANGUAGES = ("en", "ru", "kk")

Step = Callable[[str, int, int], None]  # which step, bytes done, bytes in all


def _silent(_step: str, _done: int, _all: int) -> None:
    """Nobody watches."""


@dataclass(frozen=True)
class Here:
    """This node: what every verb of this module needs."""

    database: Database
    config: Config
    keys: NodeKeys


# ---- to whom ---------------------------------------------------------------------------------------------------------


def centre_of(here: Here) -> str:
    """The node code of the centre. Raises DomainError on a class server that has not joined."""
    with here.database.sessions() as db:
        centre = exchange.whom_to_trust(db, here.config, here.keys).centre
    if here.config.ROLE == "classroom" and centre == here.config.NODE:
        raise DomainError(say("stick", "This class server has not joined a centre yet: there is nobody to write a stick for."))
    return centre


def class_servers(db: Session) -> list[Node]:
    """At the centre: the class servers that sticks can be written for, by title."""
    return list(db.scalars(sa.select(Node).where(Node.role == "classroom", Node.state == "joined", Node.box_key.is_not(None)).order_by(Node.title, Node.code)))


def joined(here: Here) -> list[str]:
    """At the centre: the codes of those class servers."""
    with here.database.sessions() as db:
        return [node.code for node in class_servers(db)]


# ---- making ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Made:
    """A bundle that waits in the node's folder until it has left."""

    exchange: uuid.UUID  # its line among the exchanges
    sender: str
    peer: str
    bundle: str
    number: int
    path: Path
    size: int
    sha256: str

    @property
    def name(self) -> str:
        """Its name as a single file: whoever finds it in a folder sees for whom it is."""
        return f"{self.sender}-to-{self.peer}-{stick.file_name(self.number, self.bundle)}"


def make(here: Here, *, to: str, ticket: str, now: datetime, by: uuid.UUID | None = None, step: Step = _silent) -> Made:
    """The bundle for `to`, made once for a ticket: whoever asks again with the same ticket goes on with the same bundle.

    Raises StorageFull when the server has no room for it, UnderWay when another exchange with that node makes one now.
    """
    peer = staging.of(here.config.folder, to)
    waiting = Place(peer.folder, f"by-hand-{ticket}")
    known = waiting.part()
    if known is None or not known.whole:
        # A class server's line may send for an hour where it is weak, which is when the stick is wanted: making a file disturbs it in nothing.
        with contextlib.nullcontext() if here.config.ROLE == "classroom" else peer.alone(patience=staging.PATIENCE):
            made = exchange.make_bundle(
                here.database, here.config, here.keys, to=to, folder=peer.folder, now=now, progress=lambda done, whole: step("collecting", done, whole)
            )
        if made.path is None or made.manifest is None:
            raise RuntimeError("a bundle by hand is written even when it brings nothing new")
        line = _note_made(here, made, to=to, now=now, by=by)
        known = waiting.keep(made.path, made.id, sha256=made.sha256, exchange=str(line[0]), number=line[1])
    return _made(here, to, waiting, known)


def _made(here: Here, peer: str, waiting: Place, known: Part) -> Made:
    return Made(uuid.UUID(known.more["exchange"]), here.config.NODE, peer, known.id, known.more["number"], waiting.path, known.size, known.sha256)


def _note_made(here: Here, made: exchange.Made, *, to: str, now: datetime, by: uuid.UUID | None) -> tuple[uuid.UUID, int]:
    if made.manifest is None:
        raise ValueError("no bundle was made")
    counts = dict(made.counts) | _brings(here, made.manifest) | {"sha256": made.sha256}
    exchange.note(
        here.database, peer=to, direction="out", way=WAY, state="made", bundle=made.id, size=made.size, counts=counts, now=now, by=by,
        said=say("stick", "Made, not on its way yet."),
    )
    with here.database.sessions() as db:
        row = db.scalars(sa.select(Exchange).where(Exchange.bundle == made.id, Exchange.direction == "out").order_by(Exchange.place.desc()).limit(1)).one()
        return row.id, row.place


def _brings(here: Here, manifest: Manifest) -> dict[str, Any]:
    """What is in a bundle, entries by table, and the segments that its receiver holds when all of it is taken."""
    named = [row.names for row in manifest.parts if row.kind == SEGMENT]
    last: dict[tuple[str, str], Mapping[str, Any]] = {(str(one["stream"]), str(one["epoch"])): one for one in named}
    with here.database.sessions() as db:
        tables = _tables_of(db, [str(one["hash"]) for one in named])
    return {
        "tables": tables, "heads": [{"stream": one["stream"], "node": one["node"], "hash": one["hash"]} for one in last.values()],
        "bytes_of_files": sum(row.size for row in manifest.parts if row.kind == bundles.BLOB),
    }


def _tables_of(db: Session, hashes: Sequence[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for at in range(0, len(hashes), 500):
        for tables in db.scalars(sa.select(StoredSegment.tables).where(StoredSegment.hash.in_(hashes[at : at + 500]))):
            for name, count in (tables or {}).items():
                counts[name] = counts.get(name, 0) + int(count)
    return counts


def waiting_file(here: Here, line: Exchange) -> Made:
    """A bundle that was made as a file and is still kept here. Raises NotFound when it has gone."""
    folder = staging.of(here.config.folder, line.peer).folder
    for notes in folder.glob("by-hand-*.json"):
        waiting = Place(folder, notes.stem)
        known = waiting.part()
        if known is not None and known.whole and known.id == line.bundle and known.more.get("exchange") == str(line.id):
            return _made(here, line.peer, waiting, known)
    raise NotFound(say("stick", "This file is no longer kept here. Have a new one made: it holds everything that the other side has not confirmed."))


@dataclass(frozen=True)
class Owed:
    """What a bundle for a peer would bring, told from stored rows: nothing is sealed or opened for it."""

    tables: Mapping[str, int]  # entries
    size: int  # bytes, without the files of practical work

    @property
    def entries(self) -> int:
        """How many in all."""
        return sum(self.tables.values())


def owed(db: Session, own: str, peer: str) -> Owed:
    """Own entries that the peer has not receipted, sealed or not."""
    receipt = receipts.newest(db, by=peer, about=own)
    theirs = [head.hash for head in receipt.said.heads if head.stream == UP] if receipt else []
    links = chain.lacking(db, own, theirs)
    counts: Counter[str] = Counter(sealer.owed(db))
    counts.update(_tables_of(db, [link.hash for link in links]))
    size = 0
    for at in range(0, len(links), 500):
        some = [link.id for link in links[at : at + 500]]
        size += db.scalar(sa.select(sa.func.sum(sa.func.length(StoredSegment.body))).where(StoredSegment.id.in_(some))) or 0
    return Owed(counts, size + 60 * sum(sealer.owed(db).values()))


def left(here: Here, made: Made, *, now: datetime) -> None:
    """The bundle is on its way: the line says so. Its file stays until `forget` or until nobody has touched it for two weeks."""
    with work(here.database) as db:
        line = db.get(Exchange, made.exchange)
        if line is not None:
            mark_left(db, line, now=now, read_back=True)


def mark_left(db: Session, line: Exchange, *, now: datetime, read_back: bool = False) -> None:
    """Say of a bundle that it is on its way: read back from the stick by this server, or copied there by a person."""
    take_write_lock(db)
    if line.state == "made":
        said = say("stick", "Written and read back byte for byte.") if read_back else say("stick", "Copied onto a stick by hand.")
        line.state, line.at = "sent", now
        line.said = {"context": said.context, "text": said.text, "params": {}}
        db.flush()


def forget(here: Here, made: Made) -> None:
    """Its file here is not needed any more."""
    Place(made.path.parent, made.path.stem).drop()


# ---- onto a stick ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OnStick:
    """A bundle that is certainly on a stick."""

    made: Made
    written: Written
    removed: tuple[Path, ...] = ()  # old, receipted ones that made room

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "to": self.made.peer, "bundle": self.made.bundle, "number": self.made.number, "file": str(self.written.path),
            "size": self.written.size, "sha256": self.written.sha256, "removed": [str(path) for path in self.removed],
        }


def as_file(here: Here, path: Path, *, to: str, ticket: str, now: datetime, step: Step = _silent) -> OnStick:
    """The bundle for `to` under a name of its own, written and read back as on a stick. Raises as `hand_over`."""
    made = make(here, to=to, ticket=ticket, now=now, step=step)
    done = OnStick(made, stick.put(made.path, path, progress=step))
    left(here, made, now=now)
    forget(here, made)
    return done


def hand_over(
    here: Here, onto: Stick, *, to: str, ticket: str, now: datetime, by: uuid.UUID | None = None, step: Step = _silent
) -> OnStick:
    """Make the bundle for `to` and write it on the stick: when it returns, the stick may be removed.

    Asked again with the same ticket, it goes on where it stopped. Raises what `make` and `stick.put` raise.
    """
    if onto.read_only:
        raise stick.StickReadOnly()
    made = make(here, to=to, ticket=ticket, now=now, by=by, step=step)
    target = stick.place(onto.path, sender=here.config.NODE, receiver=to, number=made.number, bundle=made.bundle)
    there = stick.folder(onto.path)  # as full as it is now
    removed = stick.make_room(
        Stick(there.path, there.free, there.total, there.read_only, onto.largest), made.size, may_go=_may_go(here, onto.path), target=target,
    )
    written = stick.put(made.path, target, progress=step)
    if written.sha256 != made.sha256:
        raise stick.StickLies()
    stick.put_readme(onto.path, readme())
    stick.drop_parts(target.parent)
    left(here, made, now=now)
    forget(here, made)
    return OnStick(made, written, tuple(removed))


def readme() -> str:
    """What whoever finds a stick reads, in three languages; it names nobody."""
    texts = []
    for tag in README_LANGUAGES:
        with i18n.speaking(tag):
            texts.append(
                i18n.t("stick", "These files belong to Sabaq, the training system of the border services.") + "\n"
                + i18n.t("stick", "They are locked: only the server that they are for can open them. Do not rename, change or open them.") + "\n"
                + i18n.t("stick", "If you have found this stick, please hand it in at the nearest border office.")
            )
    return "\n\n".join(texts) + "\n"


def _may_go(here: Here, path: Path) -> Iterator[Path]:
    """Bundles on a stick that have done their work, oldest first: own ones that the receiver has receipted, others' that were taken here."""
    with here.database.sessions() as db:
        for file in stick.files(path):
            try:
                said = bundles.peek(file)
            except BadBundle:
                continue
            if (said.sender == here.config.NODE and file.parent.parent.name == stick.FOLDER and _receipted(db, here, said.to, said.id)) or (said.to == here.config.NODE and _taken_before(db, said.id) is not None and file.suffix == stick.SUFFIX):
                yield file


def _receipted(db: Session, here: Here, peer: str, bundle: str) -> bool:
    """Whether a bundle on a stick was made here and has done its work."""
    line = db.scalars(sa.select(Exchange).where(Exchange.bundle == bundle, Exchange.direction == "out").limit(1)).first()
    return line is not None and line.peer == peer and confirmed(db, here.config.NODE, line)


def confirmed(db: Session, own: str, line: Exchange) -> bool:
    """Whether the peer has receipted every segment of the bundle of this line."""
    receipt = receipts.newest(db, by=line.peer, about=own)
    if receipt is None:
        return False
    for head in line.counts.get("heads", ()):
        theirs = [one.hash for one in receipt.said.heads if one.stream == head["stream"]]
        if head["node"] == own and head["hash"] in {link.hash for link in chain.lacking(db, own, theirs, head["stream"])}:
            return False
    return True


# ---- what has arrived ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Chain:
    """What a bundle holds of one node's journal, beside what is here: segment numbers of one epoch."""

    node: str
    stream: str
    first: int
    last: int
    new: int  # segments that are not here yet
    known: int
    missing: tuple[int, int] | None  # numbers that are neither here nor in the bundle


@dataclass(frozen=True)
class Arrived:
    """A file on a stick, as far as it can be told before it is taken. `wrong` says why it cannot be."""

    path: Path
    size: int
    sender: str = ""
    to: str = ""
    bundle: str = ""
    made_at: datetime | None = None  # by the sender's clock
    release: str = ""
    chains: tuple[Chain, ...] = ()
    files: int = 0
    wrong: Message | None = None
    half: bool = False  # still being written when it was pulled out
    own: bool = False  # made here, for somebody else
    taken_at: datetime | None = None  # it was taken before

    @property
    def ready(self) -> bool:
        """Whether it can be taken."""
        return self.wrong is None

    @property
    def new(self) -> int:
        """Segments that are not here yet."""
        return sum(chain.new for chain in self.chains)

    @property
    def useful(self) -> bool:
        """Whether there is any sense in taking it."""
        return self.ready and self.taken_at is None


def look(here: Here, paths: Iterable[Path]) -> list[Arrived]:
    """What these files are, before anything is taken: only the head of each is read. By sender, oldest first; unusable ones last."""
    found = [_arrived(here, path) for path in paths]
    return sorted(found, key=lambda one: (not one.ready, one.sender, one.path.name))


def _arrived(here: Here, path: Path) -> Arrived:
    try:
        size = path.stat().st_size
    except OSError:
        return Arrived(path, 0, wrong=stick.StickGone().message)
    if path.name.endswith(stick.PART):
        return Arrived(path, size, wrong=say("stick", "Not written to its end: the stick was removed too early. It is written anew where it comes from."), half=True)
    try:
        said = bundles.peek(path)
        if said.sender == here.config.NODE != said.to:
            with here.database.sessions() as db:
                done = _receipted(db, here, said.to, said.id)
            text = (
                say("stick", "This server made it for {node}, which has confirmed everything in it. It may be deleted.", node=said.to) if done
                else say("stick", "This server made it for {node}, which has not confirmed it yet. Take the stick to {node}.", node=said.to)
            )
            return Arrived(path, size, said.sender, said.to, said.id, wrong=text, own=True)
        with bundles.Reader(path, here.keys) as reader, here.database.sessions() as db:
            reader.verify(exchange.whom_to_trust(db, here.config, here.keys).keys.get)
            return _readable(db, path, size, reader.manifest)
    except BadBundle as wrong:
        sender = str(wrong.message.params.get("sender", ""))
        if wrong.code == "other-receiver" and wrong.message.params["to"] == here.config.NODE:
            wrong = BadBundle("old-keys", **wrong.message.params)  # it has joined anew since
        return Arrived(path, size, sender, wrong=wrong.message)


def _readable(db: Session, path: Path, size: int, manifest: Manifest) -> Arrived:
    return Arrived(
        path, size, manifest.sender, manifest.to, manifest.id, datetime.fromisoformat(manifest.made_at), manifest.release, tuple(_chains(db, manifest)),
        sum(row.kind == bundles.BLOB for row in manifest.parts), taken_at=_taken_before(db, manifest.id),
    )


def _taken_before(db: Session, bundle: str) -> datetime | None:
    return db.scalar(
        sa.select(Exchange.at).where(Exchange.bundle == bundle, Exchange.direction == "in", Exchange.state == "taken").order_by(Exchange.place.desc()).limit(1)
    )


def _chains(db: Session, manifest: Manifest) -> Iterator[Chain]:
    """The segments that a manifest names, by chain: told from hashes, for numbers alone prove nothing."""
    grouped: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for row in manifest.parts:
        names = row.names
        if row.kind == SEGMENT and isinstance(names.get("number"), int):
            grouped.setdefault((str(names.get("node")), str(names.get("stream")), str(names.get("epoch"))), []).append(names)
    for (node, stream, epoch), named in grouped.items():
        s = StoredSegment
        hashes = [str(one.get("hash")) for one in named]
        known = set(db.scalars(sa.select(s.hash).where(s.node == node, s.hash.in_(hashes)))) if len(hashes) <= 500 else _known(db, node, hashes)
        numbers = [int(one["number"]) for one in named]
        new = sorted(int(one["number"]) for one in named if str(one.get("hash")) not in known)
        held = db.scalar(sa.select(sa.func.max(s.number)).where(s.node == node, s.stream == stream, s.epoch == epoch)) or 0
        gap = (held + 1, new[0] - 1) if stream == UP and new and new[0] > held + 1 and new[0] == min(numbers) else None
        yield Chain(node, stream, min(numbers), max(numbers), len(new), len(named) - len(new), gap)


def _known(db: Session, node: str, hashes: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for at in range(0, len(hashes), 500):
        found |= set(db.scalars(sa.select(StoredSegment.hash).where(StoredSegment.node == node, StoredSegment.hash.in_(hashes[at : at + 500]))))
    return found


def in_a_line(one: Arrived) -> str:
    """A bundle for the terminal."""
    if one.wrong is not None:
        return f"{one.path.name}: {plain(one.wrong)}"
    holds = ", ".join(
        f"{chain.first}-{chain.last} of {chain.node} ({chain.new} new, {chain.known} known" + (f", {chain.missing[0]}-{chain.missing[1]} missing)" if chain.missing else ")")
        for chain in one.chains
    )
    taken = f", taken already on {one.taken_at:%Y-%m-%d}" if one.taken_at else ""
    return f"{one.path.name}: from {one.sender}, made {one.made_at:%Y-%m-%d %H:%M} UTC by its clock{taken}: {holds or 'a receipt and no news'}"


def plain(message: Message | None) -> str:
    """A sentence for the terminal and for programs."""
    return i18n.say(message) if message else ""


# ---- taking it -------------------------------------------------------------------------------------------------------


@dataclass
class Visit:
    """What came of a stick: of each bundle that was taken or refused, and the answers written on it."""

    outcomes: list[Outcome] = field(default_factory=list)
    refused: list[tuple[Path, Message]] = field(default_factory=list)
    answers: list[OnStick] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "taken": [
                {"from": one.sender, "bundle": one.bundle, "state": one.state, **exchange.counts_of(one), "said": plain(one.sentence)} for one in self.outcomes
            ],
            "refused": [{"file": path.name, "why": plain(why)} for path, why in self.refused],
            "answers": [one.as_json() for one in self.answers],
        }

    @property
    def senders(self) -> list[str]:
        """Whose bundles were taken, each once."""
        return list(dict.fromkeys(outcome.sender for outcome in self.outcomes))


def take(here: Here, path: Path, *, now: datetime, by: uuid.UUID | None = None, step: Step = _silent) -> Outcome:
    """Take one bundle: all of it is verified before the first change. Raises as `exchange.take_bundle`; UnderWay while another bundle
    of its sender is taken. A stick that is pulled out leaves whole segments only, and taking it again goes on behind them.
    """
    sender = _known_sender(here, path)
    name, last = "checking", 0

    def progress(done: int, whole: int) -> None:
        nonlocal name, last
        if done < last:
            name = "taking"  # it is read twice: first to verify, then to take
        last = done
        step(name, done, whole)

    def taken() -> Outcome:
        return exchange.take_bundle(here.database, here.config, here.keys, path, way=WAY, now=now, progress=progress, by=by)

    if sender is None:
        return taken()  # is refused and noted
    with staging.of(here.config.folder, sender).taking(patience=staging.PATIENCE):
        return taken()


def _known_sender(here: Here, path: Path) -> str | None:
    try:
        sender = bundles.peek(path).sender
    except BadBundle:
        return None
    with here.database.sessions() as db:
        return sender if sender in exchange.whom_to_trust(db, here.config, here.keys).keys else None


def take_all(
    here: Here, paths: Sequence[Path], *, now: datetime, by: uuid.UUID | None = None, step: Step = _silent, said: Callable[[Message], None] | None = None
) -> Visit:
    """Take bundles one after the other, oldest first; one that is refused stops none of the others.

    Raises BadBundle ("unreadable") when the stick was pulled out: what was taken stays, and taking all again goes on.
    """
    visit = Visit()
    for path in paths:
        try:
            outcome = take(here, path, now=now, by=by, step=step)
        except (BadBundle, BadSegment, BadReceipt) as wrong:
            if isinstance(wrong, BadBundle) and wrong.code == "unreadable":
                raise
            visit.refused.append((path, wrong.message))
            if said:
                said(say("stick", "{file}: {reason}", file=path.name, reason=wrong.message))
            continue
        visit.outcomes.append(outcome)
        if said:
            said(say("stick", "From {node}: {sentence}", node=outcome.sender, sentence=outcome.sentence))
    return visit


def answer(here: Here, onto: Stick, visit: Visit, *, ticket: str, now: datetime, by: uuid.UUID | None = None, step: Step = _silent) -> None:
    """At the centre: write on the same stick what each class server whose bundle was taken gets back: its receipt, and what it needs."""
    for code in to_be_answered(here, visit):
        visit.answers.append(hand_over(here, onto, to=code, ticket=f"{ticket}-{code}", now=now, by=by, step=step))


def to_be_answered(here: Here, visit: Visit) -> list[str]:
    """The class servers whose bundles were taken; a revoked one gets nothing more."""
    return [sender for sender in visit.senders if sender in joined(here)]


# ---- through the browser ---------------------------------------------------------------------------------------------

UPLOADS = "uploads"


def upload(folder: Path, name: str) -> Place:
    """Where a bundle arrives that a browser sends."""
    return Place(staging.of(folder, UPLOADS).folder, name)


def drop_upload(folder: Path, name: str) -> None:
    """It was taken, or is not wanted."""
    upload(folder, name).drop()


def drop_old_uploads(folder: Path, person: str, *, now: datetime) -> None:
    """Those of a person that nobody has touched for an hour: he has begun another."""
    for path in staging.of(folder, UPLOADS).folder.glob(f"{person}-*.bundle"):
        if path.stat().st_mtime < (now - timedelta(hours=1)).timestamp():
            upload(folder, path.stem).drop()
