"""Rows of class servers for tests."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from app import clock
from app.offices.models import Office
from app.sync import handshake, keys
from app.sync.models import JoinRequest, Node
from tests.factories import added, make_classroom

_count = itertools.count(1)


def make_node(db: Session, office: Office, **values: Any) -> Node:
    """A class server of a classroom of this office: invited, or whatever `values` say; keys where it has joined."""
    n = next(_count)
    room = make_classroom(db, office)
    defaults: dict[str, Any] = {
        "code": f"class-server-{n}", "role": "classroom", "title": f"Class server {n}", "office_id": office.id, "classroom_id": room.id,
    }
    if values.get("state", "invited") != "invited":
        public = keys.make().public
        defaults |= {
            "public_key": handshake.text_of(public.sign), "box_key": handshake.text_of(public.box), "fingerprint": public.fingerprint,
            "joined_at": clock.now() - timedelta(days=30),
        }
    if values.get("state") == "revoked":
        defaults |= {"revoked_at": clock.now(), "revoked_why": "stolen"}
    return added(db, Node(**(defaults | values)))


def make_request(db: Session, node: Node) -> JoinRequest:
    """It asks to join, with new keys."""
    public = keys.make().public
    return added(db, JoinRequest(
        node_id=node.id, public_key=handshake.text_of(public.sign), box_key=handshake.text_of(public.box), fingerprint=public.fingerprint,
        way="https", asked_at=clock.now(),
    ))
