"""Rows of the exchange pages for tests: class servers whose segments are really sealed and taken, exchanges, receipts."""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.errors import say
from app.ids import new_id, random_bytes
from app.offices.models import Agency, Office
from app.people.models import Person
from app.sync import applying, handshake, keys, receipts, segments, shapes
from app.sync.applying import Taken
from app.sync.keys import NodeKeys
from app.sync.models import Exchange, HeldEntry, Node, StoredReceipt
from tests.factories import added, make_agency, make_person
from tests.sync.node_rows import make_node

EPOCH = "0" * 15 + "1"


@dataclass
class Server:
    """A class server with its keys and the end of its chain."""

    node: Node
    keys: NodeKeys
    number: int = 0
    hash: str = ""
    epoch: str = EPOCH
    ordinal: int = 1

    def seal(self, *entries: list[Any], at: datetime | None = None) -> segments.Segment:
        """The next segment of its chain."""
        self.number += 1
        segment = segments.seal(
            list(entries), stream="up", node=self.node.code, epoch=self.epoch, ordinal=self.ordinal, number=self.number, prev=self.hash,
            sealed_at=at or clock.now(), keys=self.keys, random=random_bytes,
        )
        self.hash = segment.hash
        return segment

    def send(self, db: Session, *entries: list[Any], now: datetime | None = None) -> Taken:
        """Seal entries and take them here."""
        db.info["writing"] = True
        return applying.take(db, self.seal(*entries), trust=applying.trust_of(db), now=now or clock.now())


def make_server(db: Session, office: Office, **values: Any) -> Server:
    """A class server that has joined."""
    own = keys.make()
    public = own.public
    return Server(
        make_node(db, office, state="joined", **({
            "public_key": handshake.text_of(public.sign), "box_key": handshake.text_of(public.box), "fingerprint": public.fingerprint,
        } | values)), own,
    )


def an_exchange(db: Session, peer: str, *, ago: float = 0, **values: Any) -> Exchange:
    """A line of the exchanges, some days ago."""
    place = (db.scalar(sa.select(sa.func.max(Exchange.place))) or 0) + 1
    said = say("exchange", "Taken: {new} new, {known} known already.", new=12, known=0)
    defaults: dict[str, Any] = {
        "direction": "in", "way": "stick", "bundle": random.Random(place).randbytes(16).hex(), "at": clock.now() - timedelta(days=ago), "place": place,
        "state": "taken", "size": 48_000, "counts": {"new": 12, "known": 0, "held": {}, "tables": {"answer": 12}, "missing": {}},
        "said": {"context": said.context, "text": said.text, "params": dict(said.params)},
    }
    return added(db, Exchange(peer=peer, **(defaults | values)))


def a_receipt(db: Session, *, by: str, about: str, heads: list[dict[str, Any]] | None = None, bundle: str = "", **values: Any) -> StoredReceipt:
    """A receipt that holds."""
    made = receipts.make(
        keys.make(), by=by, about=about, ordinal=1, epoch=EPOCH, counter=values.pop("counter", 1), prev="",
        heads=[shapes.Head(**head) for head in heads or []], new=values.pop("new", 12), known=0, refused=values.pop("refused", {}), waits=0,
        bundle=bundle or "0" * 32, at=values.pop("at", clock.now()),
    )
    db.info["writing"] = True
    return receipts.store(db, made, now=clock.now(), fresh=True)


# ---- entries -----------------------------------------------------------------------------------------------------------


def newcomer(server: Server, person: Person, **values: Any) -> list[Any]:
    """The entry of somebody registered at the class, like this person of here but with a file of its own."""
    after = {
        "id": str(new_id()), "owner_node": server.node.code, "country_id": str(person.country_id), "agency_id": str(person.agency_id),
        "service_number": person.service_number, "gender": None, "born_on": None, "left_on": None, "provisional": True,
        "display_name": person.display_name, "short_name": person.short_name, "sort_key": person.sort_key, "search_key": person.search_key,
    } | values
    change = {"id": str(new_id()), "at": clock.now().isoformat(), "actor_id": None, "version": 1, "before": None, "after": after}
    return ["c", "person", after["id"], change]


def conflict(db: Session, office: Office, **values: Any) -> tuple[Server, HeldEntry, Person]:
    """Somebody registered at a class with the service number of a person of the centre; with the waiting posting."""
    agency = db.scalar(sa.select(Agency).where(Agency.country_id == office.country_id)) or make_agency(db)
    known = make_person(db, office, agency=agency, **values)
    server = make_server(db, office)
    entry = newcomer(server, known)
    posting = {
        "id": str(new_id()), "owner_node": server.node.code, "person_id": entry[2], "office_id": str(office.id), "agency_id": str(agency.id),
        "rank": "", "post": "", "valid_from": "2026-11-01", "valid_to": None,
    }
    change = {"id": str(new_id()), "at": clock.now().isoformat(), "actor_id": None, "version": 1, "before": None, "after": posting}
    server.send(db, entry, ["c", "posting", posting["id"], change])
    held = db.scalars(sa.select(HeldEntry).where(HeldEntry.row_id == uuid.UUID(entry[2]))).one()
    db.commit()
    return server, held, known
