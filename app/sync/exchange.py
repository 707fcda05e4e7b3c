"""One exchange between two nodes: making the bundle that a peer lacks, and taking the one that it sent. The same over a line and on a stick."""

from __future__ import annotations

import base64
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock, files
from app.courses import media
from app.db import Database
from app.errors import BadBundle, BadReceipt, BadSegment, DomainError, Message, say
from app.ids import random_bytes
from app.ops import VERSION, migrations
from app.quizzes.models import PracticalWork
from app.sync import anchor as anchors
from app.sync import applying, bundles, chain, erasing, receipts, room, sealer, segments, trust
from app.sync.applying import Taken, Trust
from app.sync.bundles import BLOB, RECEIPT, SEGMENT, Manifest, Part, PartRow
from app.sync.chain import UP, Link
from app.sync.keys import NodeKeys, PublicKeys
from app.sync.models import Exchange, HeldEntry, Node, StoredReceipt, StoredSegment
from app.sync.receipts import Receipt
from app.sync.segments import Segment
from app.sync.shapes import Head
from app.work import work
from config import Config

PRACTICALS = "practicals"  # folder of the files that trainees hand in
FOLDERS = {"media": media.FOLDER, "practical": PRACTICALS}

Progress = Callable[[int, int], None]  # done, in all


@dataclass(frozen=True)
class Fresh:
    """What a peer has said of itself just now, over the line: what it holds of us, and where its own chains end."""

    heads: Sequence[Mapping[str, Any]]  # of ours that it holds: up and down
    statement: Mapping[str, Any]


@dataclass(frozen=True)
class Peer:
    """A node that bundles go to and come from."""

    code: str
    keys: PublicKeys
    centre: bool


@dataclass(frozen=True)
class Made:
    """A bundle that was made, or none because the peer lacks nothing."""

    path: Path | None
    id: str
    size: int
    sha256: str
    counts: dict[str, int]  # segments, entries, down (segments), blobs, receipts
    manifest: Manifest | None = None

    @property
    def nothing(self) -> bool:
        """Nothing had to be sent."""
        return self.path is None


@dataclass
class Outcome:
    """What came of taking a bundle."""

    sender: str
    bundle: str
    taken: Taken = field(default_factory=lambda: Taken("new"))
    receipt: Receipt | None = None  # given by us for it
    missing: dict[str, int] = field(default_factory=dict)  # node -> number of the segment that must come first
    quarantined: int = 0  # segments
    blobs: int = 0  # files that are new here
    down: int | None = None  # the version of the class's scope that holds now
    files_missing: int = 0  # without which the next version was not taken
    restored: bool = False  # it proved that this database lacks what it had
    sentence: Message = field(default_factory=lambda: say("exchange", "Nothing new was in it."))
    state: str = "taken"  # taken | partial


# ---- who ---------------------------------------------------------------------------------------------------------------


def whom_to_trust(db: Session, config: Config, keys: NodeKeys) -> Trust:
    """Keys of all nodes this one knows; before the first list came down, that of the centre which a person has confirmed."""
    known = applying.trust_of(db)
    all_keys = {config.NODE: keys.public.sign, **known.keys}
    centre = known.centre
    joining = trust.read(config.folder)
    if config.ROLE == "classroom" and joining is not None and joining.trusted and joining.keys is not None:
        all_keys.setdefault(joining.centre, joining.keys.sign)
        centre = joining.centre
    return Trust(centre, all_keys, known.revoked)


def peer_named(db: Session, config: Config, code: str) -> Peer:
    """A node by its code, with its public keys. Raises DomainError for one that has not joined."""
    row = db.scalars(sa.select(Node).where(Node.code == code)).first()
    if row is not None and row.public_key and row.box_key:
        return Peer(code, PublicKeys(base64.b64decode(row.public_key), base64.b64decode(row.box_key)), row.role == "centre")
    joining = trust.read(config.folder)
    if joining is not None and joining.trusted and joining.centre == code and joining.keys is not None:
        return Peer(code, joining.keys, centre=True)
    raise DomainError(say("exchange", "The node {node} has not joined: nothing can be sent to it.", node=code))


# ---- what this node says of itself --------------------------------------------------------------------------------------


def statement(db: Session, config: Config, peer: str, *, now: datetime) -> dict[str, Any]:
    """What stands in each manifest and hello: where the own chains end, what is held of the peer's, the clock, the disk."""
    disk = shutil.disk_usage(config.folder)
    unsealed = sum(sealer.owed(db).values())
    return {
        "heads": [head.as_json() for head in chain.heads(db, config.NODE)],
        "holds": [head.as_json() for head in held_of(db, config.NODE, peer)],
        "clock": now.isoformat(), "uptime_ms": clock.uptime().ms, "boot": clock.uptime().boot,
        "disk_free": disk.free * 100 // disk.total, "unsealed": unsealed, "release": VERSION, "schema": migrations.newest(),
    }


def held_of(db: Session, own: str, peer: str) -> list[Head]:
    """The heads held here of a peer's chains: its own journal, and what it sends down to this node."""
    return [*chain.heads(db, peer, UP), *chain.heads(db, peer, chain.down_to(own))]


# ---- making ------------------------------------------------------------------------------------------------------------


def make_bundle(
    database: Database, config: Config, keys: NodeKeys, *, to: str, folder: Path, now: datetime, fresh: Fresh | None = None,
    only_needed: bool = False, progress: Progress | None = None, size: int = sealer.ENTRIES, at_most: int | None = None,
) -> Made:  # fmt: skip
    """Write what `to` lacks into one file in `folder`, named by the bundle's id.

    What the peer holds is known from `fresh`, else from the newest receipt that holds; what is not receipted goes again. With
    `only_needed` no file is written where there is nothing to send. With `at_most` the oldest segments go first, with their
    files, until about so many bytes are together; the rest waits for the next bundle.
    """
    sealer.seal_all(database, config.folder, keys, now, size=size)
    with database.sessions() as db:
        peer = peer_named(db, config, to)
        theirs = _theirs(db, config, to, fresh)
        tails = _heads_said(db, to, fresh)
    down: list[Segment] = [] if peer.centre else _next_down(database, config, keys, peer, theirs, now)
    if config.ROLE == "centre" and not peer.centre:
        give_receipt(database, config, keys, about=to, bundle="", taken=None, now=now, only_new=True)
    with database.sessions() as db:
        links = _links_to_send(db, config, peer, theirs, tails)
        if at_most is not None:
            links = _first(db, config, links, at_most)
        down_known = {head["hash"] for head in theirs}
        parts = list(_receipt_parts(db, config, to))
        counts = Counter(receipts=len(parts))
        parts += [segment_part(database, link, config.NODE if peer.centre else to, UP) for link in links]
        blobs = list(_blobs(db, config, peer, links, theirs))
        parts += blobs
        parts += [_part_of(segment) for segment in down if segment.hash not in down_known]
        counts.update(segments=len(links), entries=_entries_of(db, links), down=len(down), blobs=len(blobs))
        said = statement(db, config, to, now=now)
        if only_needed and not (links or down or blobs or _receipt_is_new(db, config, to, fresh)):
            return Made(None, "", 0, "", dict(counts))
    folder.mkdir(parents=True, exist_ok=True)
    room.refuse_without(folder, bundles.size_of(parts))
    bundle_id = random_bytes(16).hex()
    info = bundles.write(
        folder / f"{bundle_id}.sabaq", parts, sender=keys, receiver=peer.keys, node=config.NODE, to=to, made_at=now, release=VERSION,
        migration=migrations.newest(), statement=said, bundle_id=bundle_id, progress=progress,
    )  # fmt: skip
    return Made(info.path, info.id, info.size, info.sha256, dict(counts), info.manifest)


def _theirs(db: Session, config: Config, peer: str, fresh: Fresh | None) -> list[Mapping[str, Any]]:
    """Heads of ours that the peer holds."""
    if fresh is not None:
        return list(fresh.heads)
    receipt = receipts.newest(db, by=peer, about=config.NODE)
    return [head.as_json() for head in receipt.said.heads] if receipt else []


def _heads_said(db: Session, peer: str, fresh: Fresh | None) -> list[Mapping[str, Any]] | None:
    """Where the peer's own chain ended when it last spoke; None when it never did."""
    if fresh is not None:
        return list(fresh.statement.get("heads", ()))
    last = db.scalar(
        sa.select(Exchange.statement).where(Exchange.peer == peer, Exchange.direction == "in", Exchange.statement.is_not(None))
        .order_by(Exchange.place.desc()).limit(1)
    )
    return list(last["heads"]) if isinstance(last, dict) and "heads" in last else None


def _next_down(
    database: Database, config: Config, keys: NodeKeys, peer: Peer, theirs: Sequence[Mapping[str, Any]], now: datetime
) -> list[Segment]:
    stream = chain.down_to(peer.code)
    held = [Head(**{key: head[key] for key in ("stream", "epoch", "ordinal", "number", "hash")}) for head in theirs if head["stream"] == stream]
    newest = max(held, key=lambda head: (head.ordinal, head.number), default=None)
    from app.sync import scope

    return scope.next_down(database, peer.code, keys, now, newest, folder=config.folder)


def _links_to_send(
    db: Session, config: Config, peer: Peer, theirs: Sequence[Mapping[str, Any]], tails: Sequence[Mapping[str, Any]] | None
) -> list[Link]:
    if peer.centre:
        return chain.lacking(db, config.NODE, [head["hash"] for head in theirs if head["stream"] == UP])
    # A class server that was restored lacks the tail of its own chain: it gets it back. One that has not spoken yet may be
    # new; one that says it holds nothing at all was emptied.
    return [] if tails is None else chain.lacking(db, peer.code, [head["hash"] for head in tails])


def _first(db: Session, config: Config, links: Sequence[Link], at_most: int) -> list[Link]:
    """The oldest of these segments that are together with their files no more than so many bytes; one in any case."""
    found: list[Link] = []
    size = 0
    for link in links:
        body = db.scalars(sa.select(sa.func.length(StoredSegment.body)).where(StoredSegment.id == link.id)).one()
        paths = [files.path_of(config.folder / PRACTICALS, digest) for digest in _practical_files(db, [link])]
        size += body + sum(path.stat().st_size for path in paths if path.exists())
        if found and size > at_most:
            break
        found.append(link)
    return found


def _receipt_parts(db: Session, config: Config, peer: str) -> Iterator[Part]:
    receipt = receipts.newest(db, by=config.NODE, about=peer)
    if receipt is not None:
        yield Part.of(RECEIPT, receipts.to_bytes(receipt), counter=receipt.said.counter)


def _receipt_is_new(db: Session, config: Config, peer: str, fresh: Fresh | None) -> bool:
    """Whether the peer has not seen our newest receipt; over the line it says which it holds."""
    receipt = receipts.newest(db, by=config.NODE, about=peer)
    if receipt is None:
        return False
    return fresh is None or fresh.statement.get("receipt") != receipt.hash


def segment_part(database: Database, link: Link, node: str, stream: str) -> Part:
    """A stored segment as a part: read from the database when its turn comes."""
    with database.sessions() as db:
        data = segments.to_bytes(next(chain.load(db, [link.id])))
    part = Part.of(SEGMENT, data, node=node, stream=stream, epoch=link.epoch, number=link.number, hash=link.hash)

    def content() -> Iterable[bytes]:
        with database.sessions() as db:
            yield segments.to_bytes(next(chain.load(db, [link.id])))

    return Part(part.kind, part.size, part.sha256, content, part.names)


def _part_of(segment: Segment) -> Part:
    header = segment.header
    return Part.of(SEGMENT, segments.to_bytes(segment), node=header.node, stream=header.stream, epoch=header.epoch, number=header.number, hash=segment.hash)


def _blobs(
    db: Session, config: Config, peer: Peer, links: Sequence[Link], theirs: Sequence[Mapping[str, Any]]
) -> Iterator[Part]:
    """Files that what is sent refers to and the peer does not hold: upward practical work, downward media of courses."""
    if peer.centre:
        wanted = [("practical", digest) for digest in _practical_files(db, links)]
    else:
        from app.sync import scope

        wanted = scope.blobs_for(db, peer.code, [head["hash"] for head in theirs])
    for kind, digest in wanted:
        path = files.path_of(config.folder / FOLDERS[kind], digest)
        if path.exists():
            yield Part.of_file(BLOB, path, digest, what=kind)


def _practical_files(db: Session, links: Sequence[Link]) -> list[str]:
    found = []
    for link in _with_practicals(db, links):
        body = segments.open_body(next(chain.load(db, [link.id])))
        for entry in body.entries:
            if entry[0] == "f" and entry[1] == PracticalWork.__tablename__ and entry[2].get("file_sha256"):
                found.append(entry[2]["file_sha256"])
    return list(dict.fromkeys(found))


def _with_practicals(db: Session, links: Sequence[Link]) -> Iterator[Link]:
    """Those of these own segments that practical work stands in, as was noted when they were sealed: the others need not be opened."""
    for at in range(0, len(links), applying.AT_ONCE):
        some = links[at : at + applying.AT_ONCE]
        noted = db.execute(sa.select(StoredSegment.id, StoredSegment.tables).where(StoredSegment.id.in_([link.id for link in some])))
        wanted = {key for key, tables in noted if PracticalWork.__tablename__ in (tables or {})}
        yield from (link for link in some if link.id in wanted)


def _entries_of(db: Session, links: Sequence[Link]) -> int:
    total = 0
    for at in range(0, len(links), applying.AT_ONCE):
        ids = [link.id for link in links[at : at + applying.AT_ONCE]]
        total += db.scalar(sa.select(sa.func.sum(StoredSegment.entries)).where(StoredSegment.id.in_(ids))) or 0
    return total


# ---- taking ------------------------------------------------------------------------------------------------------------


@dataclass
class _Found:
    """What the first look at a bundle found: everything verified, nothing changed."""

    manifest: Manifest
    own: list[tuple[str, int]] = field(default_factory=list)  # own segments in it: epoch and ordinal
    own_hashes: set[str] = field(default_factory=set)
    receipts: list[Receipt] = field(default_factory=list)
    follows: dict[str, str] = field(default_factory=dict)  # segment -> the one before it, both by hash


def look(database: Database, config: Config, keys: NodeKeys, path: Path, *, progress: Progress | None = None) -> _Found:
    """Read a bundle whole and verify all of it. Raises BadBundle, BadSegment or BadReceipt; nothing is changed."""
    with database.sessions() as db:
        trusted = whom_to_trust(db, config, keys)
    def inspect(row: PartRow, data: bytes) -> None:
        if row.kind == SEGMENT:
            segment = segments.from_bytes(data)
            key = trusted.keys.get(segment.header.node)
            if key is None:
                raise BadSegment("unknown-node", node=segment.header.node)
            segments.verify(segment, key)
            segments.open_body(segment)
            if segment.header.node == config.NODE:
                own.append((segment.header.epoch, segment.header.ordinal))
                own_hashes.add(segment.hash)
            follows[segment.hash] = segment.header.prev
        elif row.kind == RECEIPT:
            receipt = receipts.from_bytes(data)
            key = trusted.keys.get(receipt.said.by)
            if key is None or receipt.said.about != config.NODE:
                raise BadReceipt("signature", node=receipt.said.by)
            receipts.verify(receipt, key)
            given.append(receipt)

    own: list[tuple[str, int]] = []
    own_hashes: set[str] = set()
    follows: dict[str, str] = {}
    given: list[Receipt] = []
    manifest = bundles.check(path, keys, trusted.keys.get, node=config.NODE, inspect=inspect, progress=progress)
    return _Found(manifest, own, own_hashes, given, follows)


def take_bundle(
    database: Database, config: Config, keys: NodeKeys, path: Path, *, way: str, now: datetime, progress: Progress | None = None,
    by: Any = None, fresh: bool = False,
) -> Outcome:  # fmt: skip
    """Take a bundle: verify all of it, then apply it segment by segment, each with its cursor in one transaction; give a receipt.

    Taken twice, or cut off and taken again, it changes nothing more. Stops at the first gap of a chain and names it. Raises
    BadBundle, BadSegment or BadReceipt for one that must be refused whole, after noting that; StorageFull when it does not fit.
    """
    try:
        found = look(database, config, keys, path, progress=progress)
    except (BadBundle, BadSegment, BadReceipt) as wrong:
        note(database, peer=_peer_of(path), direction="in", way=way, state="refused", size=_size(path), said=wrong.message, now=now, by=by)
        raise
    manifest = found.manifest
    room.refuse_without(config.folder, sum(row.size for row in manifest.parts))
    outcome = Outcome(manifest.sender, manifest.id)
    _receive_receipts(database, found.receipts, now=now, fresh=fresh)
    outcome.restored = _notice_restored(database, config, found, now)
    with database.sessions() as db:
        trusted = replace(whom_to_trust(db, config, keys), before_cut=_before_cut(db, found.follows))
    _take_parts(database, config, keys, path, manifest, trusted, outcome, now, progress)
    if config.ROLE == "centre":
        erasing.follow(database, config, now=now)
    outcome.receipt = give_receipt(
        database, config, keys, about=manifest.sender, bundle=manifest.id, taken=outcome.taken, now=now,
    )
    outcome.state = "partial" if outcome.missing or outcome.files_missing else "taken"
    outcome.sentence = sentence_of(outcome)
    note(
        database, peer=manifest.sender, direction="in", way=way, state=outcome.state, bundle=manifest.id, size=_size(path), now=now, by=by,
        said=outcome.sentence, counts=counts_of(outcome),
        statement={**manifest.statement, "release": manifest.release, "schema": manifest.migration, "made_at": manifest.made_at},
    )
    return outcome


def _before_cut(db: Session, follows: Mapping[str, str]) -> frozenset[str]:
    """Segments of revoked nodes that were held here before a backup was brought back: the heads written down when the key was
    revoked lead back to them, hash by hash, so no stolen key could have made them since."""
    found: set[str] = set()
    for cut in db.scalars(sa.select(Node.cut).where(Node.state == "revoked")):
        for head in cut:
            at = head.get("hash", "")
            while at in follows and at not in found:
                found.add(at)
                at = follows[at]
    return frozenset(found)


def _take_parts(
    database: Database, config: Config, keys: NodeKeys, path: Path, manifest: Manifest, trusted: Trust, outcome: Outcome, now: datetime,
    progress: Progress | None,
) -> None:  # fmt: skip
    down: list[Segment] = []
    with bundles.Reader(path, keys) as reader:
        reader.verify(trusted.keys.get)
        for part in reader.parts():
            if part.row.kind == SEGMENT:
                segment = segments.from_bytes(part.read())
                if segment.header.stream == UP:
                    _take_segment(database, segment, manifest.id, trusted, outcome, now)
                else:
                    down.append(segment)
            elif part.row.kind == BLOB and _wanted(database, part, manifest.sender):
                outcome.blobs += _keep_blob(config, part)
            if progress:
                progress(reader.done, reader.size)
    if down:
        from app.sync import arriving

        arrived = arriving.take_down(database, config, down, trusted=trusted, now=now, bundle=manifest.id)
        outcome.down = arrived.number if arrived.state == "taken" else None
        outcome.files_missing = len(arrived.media)
        if arrived.state == "gap":
            outcome.missing[manifest.sender] = arrived.missing or 1


def _take_segment(database: Database, segment: Segment, bundle: str, trusted: Trust, outcome: Outcome, now: datetime) -> None:
    node = segment.header.node
    if node in outcome.missing:
        return  # a chain stops at its first gap
    with work(database) as db:
        taken = applying.take(db, segment, trust=trusted, now=now, bundle=bundle)
    if taken.state == "gap":
        outcome.missing[node] = taken.missing or 1
    elif taken.state == "quarantine":
        outcome.quarantined += 1
    outcome.taken.add(taken)


def _wanted(database: Database, part: bundles.ReadPart, sender: str) -> bool:
    """Whether a file is referred to: practical work that was erased does not come back with an old bundle."""
    if part.row.names.get("what") != "practical":
        return True
    held = sa.select(HeldEntry.id).where(HeldEntry.node == sender, HeldEntry.table == "practical_work", HeldEntry.settled_at.is_(None))
    aside = sa.select(StoredSegment.id).where(StoredSegment.node == sender, StoredSegment.state == "quarantine")
    with database.sessions() as db:
        named = db.scalar(sa.select(PracticalWork.id).where(PracticalWork.file_sha256 == part.row.sha256).limit(1))
        return named is not None or any(db.scalar(one.limit(1)) is not None for one in (held, aside))


def _keep_blob(config: Config, part: bundles.ReadPart) -> int:
    """Keep a file under its SHA-256, unless it is here; 1 when it is new."""
    folder = FOLDERS.get(str(part.row.names.get("what")))
    if folder is None:
        return 0  # of a newer release: what refers to it is not understood either
    path = files.path_of(config.folder / folder, part.row.sha256)
    if path.exists():
        return 0
    path.parent.mkdir(parents=True, exist_ok=True)
    files.keep_pieces(path, part.chunks())
    return 1


def _receive_receipts(database: Database, found: Sequence[Receipt], *, now: datetime, fresh: bool) -> None:
    if not found:
        return
    with work(database) as db:
        for receipt in found:
            receipts.store(db, receipt, now=now, fresh=fresh)


def _notice_restored(database: Database, config: Config, found: _Found, now: datetime) -> bool:
    """Begin a new epoch when the peer proves that it holds own segments that are not here: this database was restored or cloned.

    Versions that went down count too: a class server that holds one of an epoch which is lost here would take none of a lower one.
    """
    lost = [(head.epoch, head.ordinal, head.hash) for receipt in found.receipts for head in receipt.said.heads]
    with database.sessions() as db:
        hashes = found.own_hashes | {digest for _, _, digest in lost}
        here = set(
            db.scalars(sa.select(StoredSegment.hash).where(StoredSegment.node == config.NODE, StoredSegment.hash.in_(hashes)))
        ) if hashes else set()
        unknown = [(epoch, ordinal) for epoch, ordinal, digest in lost if digest not in here]
        if found.own_hashes - here:
            unknown += found.own
        epoch = chain.current_epoch(db)
    if not unknown:
        return False
    mine = (epoch.code, epoch.ordinal) if epoch else ("", 0)
    threatening = [ordinal for code, ordinal in unknown if code == mine[0] or ordinal >= mine[1]]
    if threatening:
        with work(database) as db:
            begun = chain.begin_epoch(db, why="peer", now=now, at_least=max(threatening) + 1)
            head = chain.head_of(db, begun)
        anchors.write(
            config.folder, anchors.Anchor(config.NODE, head.epoch, head.ordinal, head.number, head.hash, anchors.this_machine())
        )
    return True


# ---- receipts ----------------------------------------------------------------------------------------------------------


def give_receipt(
    database: Database, config: Config, keys: NodeKeys, *, about: str, bundle: str, taken: Taken | None, now: datetime, only_new: bool = False,
) -> Receipt | None:  # fmt: skip
    """Sign and store what is held here of a peer. With `only_new` none is given when it would say what the last one said."""
    sealer.settle_epoch(database, config.folder, now=now)
    with work(database) as db:
        held = held_of(db, config.NODE, about)
        before = receipts.newest(db, by=config.NODE, about=about)
        if only_new and (not held or (before and [head.as_json() for head in before.said.heads] == _sorted(held))):
            return before
        epoch = chain.current_epoch(db)
        if epoch is None:
            return None
        last = db.scalar(
            sa.select(sa.func.max(StoredReceipt.counter)).where(
                StoredReceipt.by == config.NODE, StoredReceipt.about == about, StoredReceipt.ordinal == epoch.ordinal
            )
        )
        waits = db.scalar(
            sa.select(sa.func.count()).where(HeldEntry.node == about, HeldEntry.why == applying.WAITS, HeldEntry.settled_at.is_(None))
        )
        held_counts = taken.held if taken else Counter[str]()
        receipt = receipts.make(
            keys, by=config.NODE, about=about, ordinal=epoch.ordinal, epoch=epoch.code, counter=(last or 0) + 1,
            prev=before.hash if before else "", heads=held,
            new=taken.new if taken else 0, known=taken.known if taken else 0,
            refused={why: count for why, count in held_counts.items() if why != applying.WAITS}, waits=waits or 0,
            bundle=bundle or "0" * 32, at=now,
        )
        receipts.store(db, receipt, now=now, fresh=True)
    return receipt


def _sorted(held: Sequence[Head]) -> list[dict[str, Any]]:
    return [head.as_json() for head in sorted(held, key=lambda h: (h.stream, h.ordinal, h.epoch, h.number, h.hash))]


# ---- what is told ------------------------------------------------------------------------------------------------------


def sentence_of(outcome: Outcome) -> Message:
    """What came of it, for the page, the paper and the terminal."""
    if outcome.missing:
        node, number = sorted(outcome.missing.items())[0]
        return say(
            "exchange", "Taken up to a gap: part {number} of the journal of {node} is missing. Ask there for a new bundle; what is missing will be in it.",
            number=number, node=node,
        )
    if outcome.quarantined:
        return say("exchange", "{node} is revoked: what it wrote since then is in quarantine until two people release it.", node=outcome.sender)
    refused = sum(count for why, count in outcome.taken.held.items() if why != applying.WAITS)
    if refused:
        return say("exchange", "Taken: {new} new, {known} known already, {refused} set aside with their reasons.", new=outcome.taken.new, known=outcome.taken.known, refused=refused)
    if outcome.files_missing:
        return say("exchange", "What the centre changed was not taken: {n} files of its courses are missing. Have a new bundle made there; all that is missing will be in it.", n=outcome.files_missing)
    if outcome.taken.new:
        return say("exchange", "Taken: {new} new, {known} known already.", new=outcome.taken.new, known=outcome.taken.known)
    if outcome.down is not None:
        return say("exchange", "Version {n} of what this class needs is here, with {blobs} new files.", n=outcome.down, blobs=outcome.blobs)
    return say("exchange", "Nothing new was in it.")


def counts_of(outcome: Outcome) -> dict[str, Any]:
    """What the exchange pages count."""
    taken = outcome.taken
    return {
        "new": taken.new, "known": taken.known, "held": dict(taken.held), "tables": dict(taken.tables), "fork": taken.fork,
        "missing": outcome.missing, "quarantine": outcome.quarantined, "blobs": outcome.blobs, "down": outcome.down, "restored": outcome.restored,
    }


def note(
    database: Database, *, peer: str, direction: str, way: str, state: str, now: datetime, said: Message | None = None, bundle: str = "", size: int = 0,
    counts: Mapping[str, Any] | None = None, statement: Mapping[str, Any] | None = None, by: Any = None,
) -> None:  # fmt: skip
    """Write down one exchange: all that the exchange pages show comes from here."""
    with work(database) as db:
        place = (db.scalar(sa.select(sa.func.max(Exchange.place))) or 0) + 1
        db.add(
            Exchange(
                peer=peer[:40], direction=direction, way=way, bundle=bundle, at=now, place=place, state=state, size=size, counts=dict(counts or {}),
                said={"context": said.context, "text": said.text, "params": dict(said.params)} if said else {}, by_id=by,
                statement=dict(statement) if statement is not None else None,
            )
        )
        db.flush()


def _peer_of(path: Path) -> str:
    try:
        return bundles.peek(path).sender
    except BadBundle:
        return ""


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
