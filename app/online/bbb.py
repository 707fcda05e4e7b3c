"""BigBlueButton: addresses with a checksum, and the calls that we make (its API, version 2.4 and newer)."""

from __future__ import annotations

import hashlib
import hmac
import uuid
from dataclasses import dataclass
from urllib.parse import urlencode
from xml.etree import ElementTree

import urllib3

CONNECT_SECONDS, ANSWER_SECONDS = 3.0, 6.0
MOST_BYTES = 2 * 1024 * 1024

_http = urllib3.PoolManager(timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=ANSWER_SECONDS), retries=False)


class NoAnswer(Exception):
    """The video server did not answer, or answered something that is none of its answers. Carries no address: addresses are secrets."""


class NoRoom(Exception):
    """The video server has no such room (any more)."""


@dataclass(frozen=True)
class Server:
    """A BigBlueButton server: its address as `bbb-conf --secret` prints it, and its secret."""

    url: str
    secret: str

    def address(self, call: str, **params: str) -> str:
        """The address of a call: the checksum is the SHA-256 of call, query and secret one behind the other."""
        query = urlencode(params)
        checksum = hashlib.sha256(f"{call}{query}{self.secret}".encode()).hexdigest()
        base = self.url.rstrip("/").removesuffix("/api")
        return f"{base}/api/{call}?{query}{'&' if query else ''}checksum={checksum}"

    def word(self, text: str) -> str:
        """Something that only who knows the secret can make, and that is the same each time: passwords and names of rooms."""
        return hmac.new(self.secret.encode(), text.encode(), hashlib.sha256).hexdigest()[:32]


@dataclass(frozen=True)
class Room:
    """A room as we want it made."""

    id: str
    title: str
    back: str  # where people land when they leave


def room_id(server: Server, meeting_id: uuid.UUID) -> str:
    """The name of a meeting's room on the server."""
    return "sabaq-" + server.word(f"room {meeting_id}")


def make(server: Server, room: Room) -> str:
    """Have the room made, or find that it is there; gives the time of its making, which binds links to this very room.

    Raises NoAnswer.
    """
    answer = _call(
        server, "create", name=room.title[:64] or room.id, meetingID=room.id, attendeePW=server.word(f"viewer {room.id}"),
        moderatorPW=server.word(f"moderator {room.id}"), record="false", allowStartStopRecording="false", guestPolicy="ALWAYS_ACCEPT",
        logoutURL=room.back, meetingExpireIfNoUserJoinedInMinutes="30",
    )
    return answer.findtext("createTime") or ""


def join_address(server: Server, room: Room, *, made: str, name: str, person: str, leads: bool) -> str:
    """The address that takes one person into this very room. For a redirect only; it stands on no page."""
    params = {"fullName": name, "meetingID": room.id, "role": "MODERATOR" if leads else "VIEWER", "userID": person, "redirect": "true"}
    return server.address("join", **params, **({"createTime": made} if made else {}), errorRedirectUrl=room.back)


def inside(server: Server, room_id: str) -> set[str]:
    """Who is in the room: the ids that we gave them. Raises NoAnswer, NoRoom."""
    answer = _call(server, "getMeetingInfo", meetingID=room_id)
    return {found.text for found in answer.iterfind("attendees/attendee/userID") if found.text}


def _call(server: Server, call: str, **params: str) -> ElementTree.Element:
    try:
        answer = _http.request("GET", server.address(call, **params), preload_content=False)
        try:
            content = answer.read(MOST_BYTES, decode_content=True)
        finally:
            answer.release_conn()
    except (urllib3.exceptions.HTTPError, OSError, ValueError):
        raise NoAnswer() from None  # the cause names the address
    if answer.status != 200 or b"<!" in content:  # no document type: nothing in it can be expanded
        raise NoAnswer()
    try:
        found = ElementTree.fromstring(content)  # noqa: S314 (of the server that the administrator set up, without a document type)
    except ElementTree.ParseError:
        raise NoAnswer() from None
    if found.findtext("returncode") == "SUCCESS":
        return found
    raise NoRoom() if found.findtext("messageKey") == "notFound" else NoAnswer()
