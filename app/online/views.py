"""The page of a meeting's online part: what holds of its room now, going in, and waiting for the trainer."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, current_app, g, jsonify, render_template, url_for
from flask.typing import ResponseReturnValue
from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy.orm import Session

from app import clock, i18n
from app.errors import Conflict, NotFound, say
from app.http import go, guarded, outside, say_next, who
from app.notices import wording
from app.online import bbb, queries, rules, services
from app.online.queries import Part, Room
from app.online.rules import Door, Way
from app.online.servers import servers_of
from app.people.signing_in import class_manager
from app.policy import Target
from app.runs.views.sight import title_of
from app.schedule import places

bp = Blueprint("online", __name__)
JOIN = "room.join"


@dataclass(frozen=True)
class Found:
    """A meeting's room as somebody may go into it."""

    room: Room
    part: Part | None
    way: Way
    link: str  # of a plain way in
    token: Link | None = None

    @property
    def mine(self) -> Part:
        """How who asks takes part; the guard has let in nobody else."""
        if self.part is None:
            raise NotFound()
        return self.part

    def door(self, now: datetime) -> Door:
        """What holds of the room now."""
        meeting = self.room.meeting
        return rules.door(state=meeting.state, way=self.way, starts_at=meeting.starts_at, ends_at=meeting.ends_at, now=now)


@dataclass(frozen=True)
class Link:
    """What a link into a room says: for whom it was made, and whether its ten minutes are over."""

    person_id: uuid.UUID
    over: bool


def the_room(db: Session, meeting_id: uuid.UUID) -> tuple[Found, Target]:
    """The room of a meeting, for whoever takes part in it."""
    room, asking = queries.the_room(db, meeting_id), who()
    part = queries.part_of(db, room, asking.person_id, asking.name) if asking else None
    session = room.session
    way, link = rules.way_in(room.kind, session.link if session else "", room.meeting.link, servers_of(current_app.extensions["sabaq.config"]).kinds)
    target = Target(owner=part.person_id if part else None, trainers=frozenset(room.people))
    return Found(room, part, way, link), target


def the_link(db: Session, token: str) -> tuple[Found, Target]:
    """The room that a link leads to, whoever follows it and whenever."""
    try:
        meeting_id, person_id, made = _links().loads(token)
    except BadSignature:
        raise NotFound() from None
    over = not made <= clock.now().timestamp() < made + rules.LINK_HOLDS.total_seconds()
    found, target = the_room(db, uuid.UUID(meeting_id))
    return Found(found.room, found.part, found.way, found.link, Link(uuid.UUID(person_id), over)), target


def token_for(meeting_id: uuid.UUID, person_id: uuid.UUID) -> str:
    """What takes one person into a room, for ten minutes. It leads to us; only from there to the video server."""
    return str(_links().dumps([str(meeting_id), str(person_id), int(clock.now().timestamp())]))


def _links() -> URLSafeSerializer:
    return URLSafeSerializer(current_app.config["SECRET_KEY"], salt="online room", signer_kwargs={"digest_method": hashlib.sha256})


# ---- the page --------------------------------------------------------------------------------------------------------


@bp.get("/join/<uuid:meeting_id>")
@guarded(JOIN, the_room)
def door(found: Found) -> ResponseReturnValue:
    """What holds of a meeting's room now."""
    return _page(found)


def _page(found: Found, *, unreachable: bool = False, status: int = 200) -> ResponseReturnValue:
    now, room, part = clock.now(), found.room, found.mine
    meeting, session = room.meeting, room.session
    ask = queries.lead_of(g.db, room)
    manager = None if ask else class_manager(g.db, room.run.office.path, meeting.day)
    return render_template(
        "online/door.html", found=found, door=found.door(now), unreachable=unreachable, host=urlsplit(found.link).netloc, **_facts(room), times=rules.times(meeting.starts_at, meeting.ends_at),
        ask=ask or manager, phone=session.phone if session else "", begun=queries.begun_at(g.db, meeting.id) is not None, part=part,
        local=_local, offset=i18n.offset, same_zone=_same_zone(meeting.zone, meeting.starts_at), place=_place(room),
    ), status


def _place(room: Room) -> str:
    """Where those meet who come."""
    room_id, place = places.spot(room.meeting, room.session or room.run)
    called = places.called(g.db, [room_id]).get(room_id) if room_id else None
    return str(wording.shown(places.in_words("classroom", called, place, room.run.office.names)))


def _facts(room: Room) -> dict[str, Any]:
    title = room.session.title if room.session and room.session.title else title_of(room.run)
    return {"room": room, "meeting": room.meeting, "run": room.run, "title": title, "code": room.session.code if room.session else room.run.code}


def _local(at: datetime) -> datetime:
    """A moment by the reader's clock."""
    return at.astimezone(ZoneInfo(i18n.viewer_zone()))


def _same_zone(zone: str, at: datetime) -> bool:
    """Whether the reader's clock shows what the meeting's clock shows."""
    return i18n.moment(at, zone, named=True) == i18n.moment(at, named=True)


# ---- going in --------------------------------------------------------------------------------------------------------


@bp.post("/join/<uuid:meeting_id>")
@guarded(JOIN, the_room)
def press(found: Found) -> ResponseReturnValue:
    """Go in: from here on he is there, even while he waits for the trainer."""
    id = found.room.meeting.id
    if found.door(clock.now()) is not Door.OPEN:
        return go("online.door", meeting_id=id)  # which says what holds
    services.press_join(g.db, found.room, found.mine, way=found.way, now=clock.now())
    return go("online.wait", meeting_id=id)


@bp.get("/join/<uuid:meeting_id>/wait")
@guarded(JOIN, the_room)
def wait(found: Found) -> ResponseReturnValue:
    """Wait until the trainer has begun, then go on by itself. It is a page, not a redirect: browsers do not let a form lead to another site."""
    id, part = found.room.meeting.id, found.mine
    if found.door(clock.now()) is not Door.OPEN or not _pressed(found):
        return go("online.door", meeting_id=id)
    return render_template(
        "online/wait.html", **_facts(found.room), link=url_for("online.enter", token=token_for(id, part.person_id)) if _let_in(found) else "", ask=queries.lead_of(g.db, found.room),
        phone=found.room.session.phone if found.room.session else "", part=part,
    )


def _let_in(found: Found) -> bool:
    """Whether he may go in: he leads, the trainer has begun, or the room is somebody else's and keeps its own door."""
    return found.way is Way.PLAIN or found.mine.leads or queries.begun_at(g.db, found.room.meeting.id) is not None


def _pressed(found: Found) -> bool:
    part, id = found.mine, found.room.meeting.id
    if part.enrolment_id:
        return queries.joined(g.db, id, part.enrolment_id)
    return part.leads is False or queries.begun_at(g.db, id) is not None


@bp.get("/join/<uuid:meeting_id>/ready")
@guarded(JOIN, the_room)
def ready(found: Found) -> ResponseReturnValue:
    """Whether somebody who waits may go in: asked by js/wait.js."""
    return jsonify(go=found.door(clock.now()) is not Door.OPEN or _let_in(found))


@bp.get("/join/go/<token>")
@guarded(JOIN, the_link)
def enter(found: Found) -> ResponseReturnValue:
    """Send one person into the room, which is made when it is not there (any more)."""
    link, room, part, now = found.token, found.room, found.mine, clock.now()
    id = room.meeting.id
    if link is None or link.over or link.person_id != part.person_id:
        mine = link is not None and link.person_id == part.person_id
        say_next(
            say("online", "That link held for ten minutes only. Press Join for a new one.") if mine
            else say("online", "That link was made for somebody else. Press Join for your own."), "warn",
        )
        return go("online.door", meeting_id=id)
    if found.door(now) is not Door.OPEN:
        return go("online.door", meeting_id=id)
    if not _let_in(found):
        return go("online.wait", meeting_id=id)
    try:
        response = Response(status=303, headers={"Location": _address(found, room, part, now)})  # without the page that names it
    except bbb.NoAnswer:
        return _page(the_room(g.db, id)[0], unreachable=True, status=503)
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _address(found: Found, room: Room, part: Part, now: datetime) -> str:
    """Where the video server lets this person in. Raises bbb.NoAnswer."""
    if found.way is Way.PLAIN:
        return found.link
    servers = servers_of(current_app.extensions["sabaq.config"])
    id, title, back = room.meeting.id, _facts(room)["title"], outside(url_for("online.door", meeting_id=room.meeting.id))
    name = part.name
    g.db.rollback()  # the reading is over: no transaction stays open while the video server is asked
    if found.way is Way.JITSI and servers.jitsi:
        return servers.jitsi.address(id, person=part.called, name=name, leads=part.leads, now=now)
    if servers.bbb is None:
        raise Conflict(services.NOT_OPEN)
    there = bbb.Room(bbb.room_id(servers.bbb, id), title, back)
    made = bbb.make(servers.bbb, there)
    return bbb.join_address(servers.bbb, there, made=made, name=name, person=part.called, leads=part.leads)
