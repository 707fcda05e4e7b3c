"""Becoming a class server, being revoked, coming back: what each side does, at the centre and in the class.

At the centre: invite (a one-time code on paper), take_request, accept. In the class: ask with the code, hear the answer, confirm the
centre's fingerprint, give the class managers their passwords. Trust is keys that two people compared, never a password.
"""

from __future__ import annotations

import json
import re
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.certificates import services as certificates
from app.certificates.models import NumberBlock, SigningKey
from app.certificates.queries import numbers_left
from app.db import take_write_lock
from app.errors import Conflict, Invalid, NotFound, say
from app.i18n import pick
from app.offices.models import Classroom, Country, Equipment, Office, Seat
from app.ops import VERSION
from app.people import credentials
from app.people.models import Account, Person, RoleGrant
from app.people.queries import grants_of
from app.policy import Actor, Role, Target, allowed
from app.runs.models import RunTrainer
from app.sync import applying, chain, handover, handshake, journal, keys, trust
from app.sync.catalogue import TABLES, Kind
from app.sync.keys import NodeKeys
from app.sync.models import HandOver, JoinCode, JoinRequest, Node, SegmentRelease, StoredSegment
from app.sync.trust import Joining

CODE_DAYS = 14
CODE_OF_A_NODE = re.compile(r"[a-z0-9][a-z0-9-]{2,39}")  # a folder, a cookie and an address carry it


# ---- the centre itself -----------------------------------------------------------------------------------------------


def keep_own_row(db: Session, *, keys: NodeKeys, address: str, now: datetime) -> Node | None:
    """The centre's own line in the list of nodes, made when its first office is there and kept true; None before that."""
    take_write_lock(db)
    code = db.info["node"]
    top = db.scalars(sa.select(Office).order_by(sa.func.length(Office.path), Office.path).limit(1)).first()
    if top is None:
        return None
    own = node_of(db, code)
    if own is None:
        own = Node(code=code, role="centre", title=pick(top.names, "en"), office_id=top.id, state="joined", joined_at=now)
        db.add(own)
    public = keys.public
    own.public_key, own.box_key, own.fingerprint = handshake.text_of(public.sign), handshake.text_of(public.box), public.fingerprint
    own.address = address
    db.flush()
    return own


def node_of(db: Session, code: str) -> Node | None:
    """The node with this code."""
    return db.scalars(sa.select(Node).where(Node.code == code)).first()


def named(db: Session, code: str) -> Node:
    """The class server with this code. Raises Invalid when there is none."""
    found = node_of(db, code)
    if found is None or found.role == "centre":
        raise Invalid(say("joining", "There is no class server {code}. `sabaq sync nodes` lists them.", code=code))
    return found


def room_named(db: Session, office_code: str, part: str = "") -> Classroom:
    """The classroom of an office, or the one whose name holds `part`. Raises Invalid when that is not exactly one."""
    rooms = [
        room for room in db.scalars(sa.select(Classroom).join(Office, Office.id == Classroom.office_id).where(Office.code == office_code))
        if any(part.casefold() in name.casefold() for name in room.names.values())
    ]
    if len(rooms) != 1:
        raise Invalid(say("joining", "The office {code} has {n} classrooms of this name; it must be one.", code=office_code, n=len(rooms)))
    return rooms[0]


def lines(db: Session) -> list[dict[str, Any]]:
    """All nodes as plain values, with the fingerprint of an open request."""
    open_ones = sa.select(JoinRequest.node_id, JoinRequest.fingerprint).where(JoinRequest.decided_at.is_(None))
    asking = {node_id: fingerprint for node_id, fingerprint in db.execute(open_ones)}  # noqa: C416  (rows are no pairs to mypy)
    return [
        {"code": one.code, "role": one.role, "title": one.title, "state": one.state, "fingerprint": one.fingerprint, "asks": asking.get(one.id)}
        for one in db.scalars(sa.select(Node).order_by(Node.role, Node.code))
    ]


# ---- inviting --------------------------------------------------------------------------------------------------------


def invite(
    db: Session, *, code: str, title: str, room: Classroom, replaces: Node | None = None, by: uuid.UUID | None, now: datetime,
) -> tuple[Node, str]:
    """Create a class server for a classroom; gives it and the one-time code with which it may ask, which is kept nowhere.

    Raises Invalid at the field: a code or title that is taken, a room that has a server. `replaces`: a revoked one whose place it takes.
    """
    take_write_lock(db)
    code, title = code.strip(), title.strip()
    others = db.scalars(sa.select(Node)).all()
    wrong = {}
    if not CODE_OF_A_NODE.fullmatch(code):
        wrong["code"] = say("joining", "Write 3 to 40 small Latin letters, figures and hyphens, like class-korday.")
    elif any(other.code == code for other in others):
        wrong["code"] = say("joining", "A server {code} is there already. A server that comes back gets a new name, like {code}-2.", code=code)
    if not title:
        wrong["title"] = say("joining", "Say how people call it, like Class server Korday.")
    elif any(other.title.casefold() == title.casefold() and other.state != "revoked" for other in others):
        wrong["title"] = say("joining", "Another server is called so. Choose a name that tells them apart.")
    in_place = next((other for other in others if other.classroom_id == room.id and other.state != "revoked"), None)
    if in_place is not None:
        wrong["classroom"] = say("joining", "This classroom has the class server {title}. Revoke that one first, or print a new code for it.", title=in_place.title)
    if replaces is not None and replaces.state != "revoked":
        wrong["replaces"] = say("joining", "{title} still exchanges. Revoke it first.", title=replaces.title)
    elif replaces is not None and any(other.replaces_id == replaces.id and other.state != "revoked" for other in others):
        wrong["replaces"] = say("joining", "Another server has taken the place of {title} already.", title=replaces.title)
    if wrong:
        raise Invalid(fields=wrong)
    node = Node(
        code=code, role="classroom", title=title, office_id=room.office_id, classroom_id=room.id, replaces_id=replaces.id if replaces else None,
    )
    db.add(node)
    db.flush()
    return node, give_code(db, node, by=by, now=now)


def give_code(db: Session, node: Node, *, by: uuid.UUID | None, now: datetime) -> str:
    """A new one-time code for an invited class server; the ones printed before end."""
    take_write_lock(db)
    if node.state != "invited":
        raise Conflict(say("joining", "{title} needs no code: it has joined, or it was revoked.", title=node.title))
    for code in db.scalars(sa.select(JoinCode).where(JoinCode.node_id == node.id, JoinCode.used_at.is_(None), JoinCode.expires_at > now)):
        code.expires_at = now
    text = handshake.new_code()
    db.add(JoinCode(node_id=node.id, code_hash=handshake.code_hash(text), made_at=now, made_by=by, expires_at=now + timedelta(days=CODE_DAYS)))
    db.flush()
    return text


# ---- a request arrives -----------------------------------------------------------------------------------------------


def take_request(db: Session, data: bytes, *, way: str, now: datetime) -> tuple[JoinRequest, str]:
    """Keep a class server's request until a person has compared; gives it with the code's secret, which proves the answer.

    The same request again is the same row. Raises Invalid with what to do: an unknown, used or expired code, another
    fingerprint than the one that used it, a server that was started under another name.
    """
    take_write_lock(db)
    asked, letter = handshake.read_request(data)
    codes = db.execute(sa.select(JoinCode, Node).join(Node, Node.id == JoinCode.node_id)).all()
    secret = handshake.knew(letter, [code.code_hash for code, _ in codes])
    if secret is None:
        raise Invalid(fields={"code": say("joining", "This centre has no such code. Compare the code with the paper, letter by letter; or ask the centre for a new one.")})
    code, node = next((code, node) for code, node in codes if code.code_hash == secret)
    fingerprint = asked.keys.fingerprint
    if asked.node != node.code:
        raise Invalid(say("joining", "This code was printed for {wanted}, but this server is called {found}. Start it with SABAQ_NODE={wanted}.", wanted=node.code, found=asked.node))
    if node.state == "revoked":
        raise Invalid(say("joining", "{title} was revoked. The centre must invite a new server, under a new name.", title=node.title))
    known = db.scalars(sa.select(JoinRequest).where(JoinRequest.node_id == node.id, JoinRequest.fingerprint == fingerprint)).first()
    if known is not None:
        return known, secret
    if code.used_at is not None:
        raise Invalid(fields={"code": say("joining", "This code was used already by a server with another fingerprint. Tell the centre by telephone at once, and ask for a new code.")})
    if not code.made_at <= now < code.expires_at:
        raise Invalid(fields={"code": say("joining", "This code held for 14 days and has expired. Ask the centre for a new one.")})
    if db.scalar(sa.select(Node.id).where(Node.public_key == asked.sign)) is not None:
        raise Invalid(say("joining", "Another server has the same keys: one is a copy of the other. Delete the file node-keys.json of the copy and begin again."))
    code.used_at = now
    request = JoinRequest(node_id=node.id, public_key=asked.sign, box_key=asked.box, fingerprint=fingerprint, way=way, asked_at=now)
    db.add(request)
    db.flush()
    return request, secret


def open_request(db: Session, code: str) -> JoinRequest:
    """The request of a class server that waits for a person. Raises Invalid when there is none."""
    node = named(db, code)
    found = db.scalars(sa.select(JoinRequest).where(JoinRequest.node_id == node.id, JoinRequest.decided_at.is_(None))).first()
    if found is None:
        raise Invalid(say("joining", "{title} has not asked to join, or was answered already.", title=node.title))
    return found


def accept(db: Session, request: JoinRequest, *, by: uuid.UUID | None, now: datetime, typed: str | None = None) -> Node:
    """A person has compared the fingerprint, or typed it: from now on this class server exchanges.

    It takes the place of the one that it replaces: rooms and open runs of that one become its own, and for the numbers of
    certificates that were closed with it the next ones are given.
    """
    take_write_lock(db)
    node = _undecided(db, request)
    if typed is not None:
        _same(typed, request.fingerprint)
    request.decided_at, request.decided_by, request.accepted = now, by, True
    node.public_key, node.box_key, node.fingerprint = request.public_key, request.box_key, request.fingerprint
    node.state, node.joined_at = "joined", now
    db.flush()
    old = db.get(Node, node.replaces_id) if node.replaces_id else None
    hand_room(db, node, by=by, now=now)
    if old is not None:
        take_place(db, old, node, by=by, now=now)
        give_numbers_again(db, old, node, now=now)
    return node


def _same(typed: str, fingerprint: str) -> None:
    if "".join(filter(str.isalnum, typed.upper())) != fingerprint.replace("-", ""):
        raise Invalid(say("joining", "The fingerprint is {found}, not what was typed. If the other side reads something else, stop: somebody may be in between.", found=fingerprint))


def turn_down(db: Session, request: JoinRequest, *, by: uuid.UUID | None, now: datetime) -> Node:
    """The fingerprints differ, or nobody there has asked: these keys are never accepted. A new code is needed."""
    take_write_lock(db)
    node = _undecided(db, request)
    request.decided_at, request.decided_by, request.accepted = now, by, False
    db.flush()
    return node


def _undecided(db: Session, request: JoinRequest) -> Node:
    node = db.get_one(Node, request.node_id)
    if request.decided_at is not None:
        raise Conflict(say("joining", "Somebody has decided about this request already."))
    if node.state != "invited":
        raise Conflict(say("joining", "{title} needs no code: it has joined, or it was revoked.", title=node.title))
    return node


def answer(db: Session, data: bytes, secret: str, *, keys: NodeKeys, now: datetime) -> bytes:
    """The centre's answer to a request that it holds."""
    asked, _ = handshake.read_request(data)
    request = db.scalars(sa.select(JoinRequest).where(JoinRequest.fingerprint == asked.keys.fingerprint).order_by(JoinRequest.asked_at.desc())).first()
    own = node_of(db, db.info["node"])
    if request is None or own is None:
        raise NotFound()
    office = db.get(Office, own.office_id)
    state = "waiting" if request.accepted is None else "accepted" if request.accepted else "refused"
    return handshake.answer(
        asked, state=state, centre=own.code, title=own.title, office=pick(office.names, "en") if office else "", address=own.address, keys=keys,
        secret=secret, now=now,
    )


# ---- rows of a room --------------------------------------------------------------------------------------------------


def hand_room(db: Session, node: Node, *, by: uuid.UUID | None, now: datetime) -> int:
    """The record of the room, its PCs and its equipment become the class server's, which keeps them; gives how many rows."""
    own, rows = db.info["node"], 0
    room = db.get(Classroom, node.classroom_id) if node.classroom_id else None
    if room is None or room.owner_node != own:
        return 0
    for row in (
        room, *db.scalars(sa.select(Seat).where(Seat.classroom_id == room.id, Seat.owner_node == own)),
        *db.scalars(sa.select(Equipment).where(Equipment.classroom_id == room.id, Equipment.owner_node == own)),
    ):
        row.owner_node = node.code
        rows += 1
    db.add(HandOver(table="classroom", row_id=room.id, from_node=own, to_node=node.code, rows=rows, at=now, by_id=by))
    db.flush()
    return rows


# ---- revoking --------------------------------------------------------------------------------------------------------


def revoke(db: Session, node: Node, *, why: str, by: uuid.UUID | None, now: datetime) -> None:
    """Trust a class server no more, from what is held of it now on: what comes later goes to quarantine.

    Its certificate keys are revoked with it and its unused numbers closed: nothing that a thief prints is genuine.
    """
    take_write_lock(db)
    why = why.strip()
    if not why:
        raise Invalid(fields={"why": say("joining", "Say what happened: it stands in the record and on all pages about this server.")})
    if node.role == "centre":
        raise Conflict(say("joining", "The centre cannot revoke itself."))
    if node.state == "revoked":
        raise Conflict(say("joining", "{title} is revoked already.", title=node.title))
    node.state, node.revoked_at, node.revoked_why = "revoked", now, why
    node.cut = [head.as_json() for head in chain.heads(db, node.code)]
    for code in db.scalars(sa.select(JoinCode).where(JoinCode.node_id == node.id, JoinCode.used_at.is_(None), JoinCode.expires_at > now)):
        code.expires_at = now
    with journal.taking_over(db):
        for key in db.scalars(sa.select(SigningKey).where(SigningKey.node == node.code, SigningKey.revoked_at.is_(None))):
            key.owner_node, key.revoked_at = db.info["node"], now
        for block in db.scalars(sa.select(NumberBlock).where(NumberBlock.given_to == node.code, NumberBlock.closed_at.is_(None))):
            block.owner_node, block.closed_at = db.info["node"], now
    db.flush()


@dataclass(frozen=True)
class Quarantined:
    """What a revoked server sent after the cut and nobody has let in."""

    segments: int
    entries: int
    last: str  # hash of the newest segment: what a release is about
    first_at: datetime
    last_at: datetime
    words: Sequence[SegmentRelease]  # what people said about this very content

    @property
    def refused(self) -> bool:
        """Whether somebody has said no: then it stays out until somebody else decides anew."""
        return any(not word.release for word in self.words)


def quarantine(db: Session, node: Node) -> Quarantined | None:
    """What waits for two people; None when nothing does."""
    held = _held_back(db, node)
    if not held:
        return None
    last = held[-1]
    words = db.scalars(sa.select(SegmentRelease).where(SegmentRelease.node == node.code, SegmentRelease.hash == last.hash).order_by(SegmentRelease.at)).all()
    return Quarantined(len(held), sum(one.entries for one in held), last.hash, held[0].at, last.at, words)


def _held_back(db: Session, node: Node) -> Sequence[StoredSegment]:
    return db.scalars(
        sa.select(StoredSegment).where(StoredSegment.node == node.code, StoredSegment.state == "quarantine")
        .order_by(StoredSegment.ordinal, StoredSegment.epoch, StoredSegment.number)
    ).all()


def what_is_in(db: Session, node: Node) -> dict[str, int]:
    """How many entries of each table wait in quarantine."""
    counts: Counter[str] = Counter()
    for stored in _held_back(db, node):
        counts.update(stored.tables)
    return dict(counts)


def say_of_quarantine(db: Session, node: Node, *, hash: str, release: bool, reason: str, by: uuid.UUID, now: datetime) -> bool:
    """One person's word about what waits in quarantine; gives whether it was let in now.

    Two different people let it in. Raises Invalid without a reason, Conflict when more has come since the page was shown or
    when this person has spoken before.
    """
    take_write_lock(db)
    held = quarantine(db, node)
    if held is None or held.last != hash:
        raise Conflict(say("joining", "More has come in from this server since this page was opened. Look at it again."))
    if not reason.strip():
        raise Invalid(fields={"reason": say("joining", "Say why: what was checked, and with whom.")})
    if any(word.by_id == by and word.release == release for word in held.words):
        raise Conflict(say("joining", "You have said this already. Somebody else must look at it too."))
    db.add(SegmentRelease(node=node.code, hash=hash, release=release, by_id=by, at=now, reason=reason.strip()))
    db.flush()
    if len(_who_releases([*held.words], by if release else None)) < 2 or not release:
        return False
    trusted = applying.trust_of(db)
    for stored in _held_back(db, node):
        applying.let_in(db, stored, trust=trusted, now=now)
    db.flush()
    return True


def releaser(db: Session, user_name: str, node: str, *, today: date) -> tuple[uuid.UUID | None, str | None]:
    """Who may release quarantine under this user name, with his password's hash; None for anybody else."""
    row = db.execute(sa.select(Account.person_id, Account.password_hash).where(Account.user_name == user_name.casefold(), Account.disabled_at.is_(None))).first()
    if row is None:
        return None, None
    office = db.get_one(Office, named(db, node).office_id)
    may = allowed(Actor(row.person_id, grants_of(db, row.person_id, today)), "segment.release", Target(path=office.path))
    return (row.person_id if may else None), row.password_hash


def _who_releases(words: Sequence[SegmentRelease], also: uuid.UUID | None) -> set[uuid.UUID]:
    """Who says that it is good: the last word of each person counts."""
    last: dict[uuid.UUID, bool] = {}
    for word in words:
        last[word.by_id] = word.release
    if also is not None:
        last[also] = True
    return {person for person, good in last.items() if good}


# ---- coming back -----------------------------------------------------------------------------------------------------

ROOM = {Classroom.__tablename__, Seat.__tablename__, Equipment.__tablename__}


def take_place(db: Session, old: Node, new: Node, *, by: uuid.UUID | None, now: datetime) -> int:
    """What a revoked class server owned finds a new owner; gives how many rows.

    Its room and the runs that are not over go to the server in its place, which goes on with them; all else (walk-ins, runs that are
    over, certificates) is the centre's. Facts stay their writer's.
    """
    take_write_lock(db)
    own = db.info["node"]
    moved = handover.pass_on(db, old=old, new=new, by=by, now=now, reason=old.revoked_why)
    with journal.taking_over(db):
        for table in TABLES:
            if table.kind is not Kind.RECORD:
                continue
            model: Any = table.model
            for row in db.scalars(sa.select(model).where(model.owner_node == old.code)):
                row.owner_node = new.code if table.name in ROOM else own
                moved += 1
            db.flush()
    db.add(HandOver(table="node", row_id=new.id, from_node=old.code, to_node=new.code, rows=moved, at=now, by_id=by, reason=old.revoked_why))
    db.flush()
    return moved


def give_numbers_again(db: Session, old: Node, new: Node, *, now: datetime) -> list[NumberBlock]:
    """For each block of numbers that was closed when a class server was revoked, as many of the next ones for the server in its place.

    A registrar had given the class so many; what is left of the old block stays unused for ever, since a thief may have printed it.
    A year whose numbers are used up gives none.
    """
    take_write_lock(db)
    given = []
    blocks = sa.select(NumberBlock).where(NumberBlock.given_to == old.code, NumberBlock.closed_at == old.revoked_at, NumberBlock.year >= now.year)
    for block in db.scalars(blocks.order_by(NumberBlock.country_code, NumberBlock.year, NumberBlock.first)).all():
        try:
            given.append(certificates.give_block(
                db, country_code=block.country_code, year=block.year, count=block.last - block.first + 1, given_to=new.code, now=now,
            ))
        except Invalid:
            continue
    return given


def numbers_of(db: Session, node: Node, year: int) -> int:
    """How many numbers for certificates a class server has left this year, as far as the centre knows."""
    country = db.scalar(sa.select(Country.code).join(Office, Office.country_id == Country.id).where(Office.id == node.office_id))
    return numbers_left(db, node=node.code, country=country, year=year) if country else 0


# ---- in the class ----------------------------------------------------------------------------------------------------


def ask(folder: Path, *, node: str, typed: str, address: str, now: datetime) -> Joining:
    """Begin: keep the code's hash and write the request. Raises Invalid for a text that is no code, or when another code was confirmed."""
    secret = handshake.code_hash(typed)
    address = _an_address(address)
    known = trust.read(folder)
    if known is not None and known.secret != secret and known.trusted:
        raise Invalid(fields={"code": say("joining", "This server is joining the centre {title} with another code. Type that one.", title=known.title)})
    if known is not None and known.secret == secret:
        return trust.changed(folder, known, address=address)
    own = keys.load_or_make(folder)
    letter = handshake.request(node=node, keys=own, secret=secret, release=VERSION, now=now)
    return trust.keep(folder, Joining("asked", secret, now.isoformat(), address=address, request=letter.decode()))


def _an_address(typed: str) -> str:
    address = typed.strip().rstrip("/")
    if address and not re.fullmatch(r"https?://[^\s/]+(/[^\s]*)?", address):
        raise Invalid(fields={"address": say("joining", "An address begins with http:// or https://. Leave it empty when there is no line.")})
    return address


def change_address(folder: Path, address: str) -> Joining:
    """The centre is asked at this address from now on; an empty one: there is no line. Raises Invalid before the first request."""
    joining = trust.read(folder)
    if joining is None:
        raise Invalid(say("joining", "This server has not asked yet: type the code first."))
    return trust.changed(folder, joining, address=_an_address(address))


def hear(folder: Path, data: bytes) -> Joining:
    """Take the centre's answer. Raises Invalid for one that is not for this request, or from other keys than before."""
    joining = trust.read(folder)
    if joining is None:
        raise Invalid(say("joining", "This server has not asked yet: type the code first."))
    found = handshake.read_answer(data, joining.secret)
    asked, _ = handshake.read_request(joining.request.encode())
    if found.nonce != asked.nonce or found.node != asked.node or found.fingerprint != asked.keys.fingerprint:
        raise Invalid(say("joining", "This answer is for another request. Ask the centre for the answer to this server's newest one."))
    if joining.sign and (joining.sign, joining.box, joining.centre) != (found.sign, found.box, found.centre):
        raise Invalid(say("joining", "The centre answers with other keys than before. Do not go on: ask there by telephone."))
    return trust.changed(
        folder, joining, state="confirmed" if joining.trusted else "answered", centre=found.centre, title=found.title, office=found.office,
        sign=found.sign, box=found.box, address=joining.address, accepted={"waiting": None, "accepted": True, "refused": False}[found.state],
    )


def confirm(folder: Path, *, now: datetime, typed: str | None = None) -> Joining:
    """A person here has compared the centre's fingerprint: its bundles are taken from now on."""
    joining = trust.read(folder)
    if joining is None or joining.keys is None:
        raise Invalid(say("joining", "The centre has not answered yet."))
    if typed is not None:
        _same(typed, joining.keys.fingerprint)
    return joining if joining.trusted else trust.changed(folder, joining, state="confirmed", confirmed_at=now.isoformat())


class TurnedAway(Invalid):
    """The centre was reached and does not take the request: the code, or the name of this server, is wrong."""


def send(joining: Joining, *, language: str = "en", folder: Path | None = None) -> bytes:
    """Send the request over the line; gives the centre's answer. Raises Invalid with what to do when the line or the centre refuses.

    The line need not be trusted: both letters are signed and prove the code.
    """
    import urllib3

    authority = folder / "exchange-ca.pem" if folder else None
    pool = urllib3.PoolManager(
        timeout=urllib3.Timeout(connect=10, read=20), retries=False, ca_certs=str(authority) if authority and authority.exists() else None
    )
    try:
        reply = pool.request(
            "POST", f"{joining.address}/sync/join", body=joining.request.encode(),
            headers={"Content-Type": "application/octet-stream", "Accept": "application/json", "Accept-Language": language}, redirect=False, preload_content=False,
        )
        body = reply.read(handshake.MOST_BYTES)
        reply.release_conn()
    except (urllib3.exceptions.HTTPError, ValueError, UnicodeError) as error:
        raise Invalid(fields={"address": say("joining", "No answer from {address}. Look at the cable and the address, and try again; or carry the request on a stick.", address=joining.address)}) from error
    finally:
        pool.clear()
    if reply.status == 200:
        return body
    try:
        said = str(json.loads(body)["error"])[:500]
    except (ValueError, KeyError, TypeError) as error:
        raise Invalid(fields={"address": say("joining", "Nobody at {address} knows about joining. It must be the address of the centre.", address=joining.address)}) from error
    raise TurnedAway(fields={"code": say("joining", "The centre answered: {said}", said=said)})


@dataclass(frozen=True)
class Keeper:
    """Somebody who came down with the first snapshot and looks after this class: he needs a way to sign in."""

    person_id: uuid.UUID
    name: str
    service_number: str
    role: Role


def keepers(db: Session, *, node: str, today: date) -> list[Keeper]:
    """Class managers and administrators of the room's office who cannot sign in here yet."""
    own = node_of(db, node)
    office = db.get(Office, own.office_id) if own else None
    if office is None:
        return []
    rows = db.execute(
        sa.select(Person.id, Person.display_name, Person.service_number, RoleGrant.role)
        .join(RoleGrant, RoleGrant.person_id == Person.id).join(Office, Office.id == RoleGrant.office_id)
        .outerjoin(Account, Account.person_id == Person.id)
        .where(
            RoleGrant.role.in_([Role.CLASS_MANAGER.value, Role.ADMINISTRATOR.value]), sa.literal(office.path).startswith(Office.path),
            RoleGrant.valid_from <= today, sa.or_(RoleGrant.valid_to.is_(None), RoleGrant.valid_to >= today),
            Account.password_hash.is_(None), sa.or_(Person.left_on.is_(None), Person.left_on >= today),
        )
        .order_by(sa.case((RoleGrant.role == Role.CLASS_MANAGER.value, 0), else_=1), Person.sort_key)
    )
    found: dict[uuid.UUID, Keeper] = {}
    for person_id, name, number, role in rows:
        found.setdefault(person_id, Keeper(person_id, name, number, Role(role)))
    return list(found.values())


@dataclass(frozen=True)
class Colleague:
    """A member of staff who works at this class server."""

    person_id: uuid.UUID
    name: str
    service_number: str
    roles: tuple[Role, ...]
    signs_in: bool  # he has a password here
    start: bool  # which is a start password


def staff_here(db: Session, *, today: date) -> list[Colleague]:
    """Everybody with a role of staff that came down to this node, and the trainers of its runs."""
    rows = db.execute(
        sa.select(Person.id, Person.display_name, Person.service_number, RoleGrant.role, Account.password_hash)
        .outerjoin(RoleGrant, sa.and_(
            RoleGrant.person_id == Person.id, RoleGrant.valid_from <= today, sa.or_(RoleGrant.valid_to.is_(None), RoleGrant.valid_to >= today),
        ))
        .outerjoin(Account, Account.person_id == Person.id)
        .where(
            sa.or_(RoleGrant.role != Role.TRAINEE.value, Person.id.in_(sa.select(RunTrainer.person_id))),
            sa.or_(Person.left_on.is_(None), Person.left_on >= today),
        )
        .order_by(Person.sort_key, Person.id, RoleGrant.role)
    )
    found: dict[uuid.UUID, Colleague] = {}
    for person_id, name, number, role, stored in rows:
        before = found.get(person_id)
        held = (*(before.roles if before else ()), *([Role(role)] if role else []))
        found[person_id] = Colleague(person_id, name, number, tuple(dict.fromkeys(held)), stored is not None, credentials.is_start(stored))
    return list(found.values())


def ready(db: Session, node: str) -> bool:
    """Whether this class server has its place in the list of nodes and somebody who can sign in."""
    return node_of(db, node) is not None and db.scalar(sa.select(Account.id).where(Account.password_hash.is_not(None)).limit(1)) is not None
