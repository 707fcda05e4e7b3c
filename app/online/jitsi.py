"""Jitsi Meet: the address of a room with a token that says who comes, for ten minutes."""

from __future__ import annotations

import hashlib
import hmac
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import jwt

from app.online.rules import LINK_HOLDS

CLOCKS_DIFFER = timedelta(seconds=30)


@dataclass(frozen=True)
class Server:
    """A Jitsi server: its address, the id of this application there, and the secret shared with it."""

    url: str
    app: str
    secret: str

    def room(self, meeting_id: uuid.UUID) -> str:
        """The name of a meeting's room: nobody guesses it who does not know the secret."""
        return "sabaq-" + hmac.new(self.secret.encode(), f"room {meeting_id}".encode(), hashlib.sha256).hexdigest()[:32]

    def address(self, meeting_id: uuid.UUID, *, person: str, name: str, leads: bool, now: datetime) -> str:
        """The address that takes one person into the room. For a redirect only; it stands on no page."""
        room = self.room(meeting_id)
        claims = {
            "aud": "jitsi", "iss": self.app, "sub": urlsplit(self.url).hostname or "*", "room": room, "iat": now,
            "nbf": now - CLOCKS_DIFFER, "exp": now + LINK_HOLDS, "moderator": leads,
            "context": {"user": {"id": person, "name": name, "moderator": leads, "affiliation": "owner" if leads else "member"}},
        }
        return f"{self.url.rstrip('/')}/{room}?jwt={jwt.encode(claims, self.secret, algorithm='HS256')}"
