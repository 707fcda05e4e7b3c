"""Rules of online rooms: when the door of one is open, who leads it, how long a link holds. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit

OPENS_BEFORE = timedelta(minutes=15)
CLOSES_AFTER = timedelta(minutes=15)
"""A lesson that runs over loses nobody who drops out in its last minutes."""
LINK_HOLDS = timedelta(minutes=10)
"""A link into a room is useless afterwards (SCH-17)."""
LEADS = ("lead", "co", "remote", "assessor", "assistant")
"""Roles of a slot that open the room and keep order in it; an interpreter goes in as a guest of theirs does."""


class Way(StrEnum):
    """How people get into the online part of a meeting."""

    NONE = "none"  # it has no online part
    PLAIN = "plain"  # an address that somebody typed
    BBB = "bbb"
    JITSI = "jitsi"
    MISSING = "missing"  # planned for a video server that is not set up here, and no address was typed


def way_in(kind: str, session_link: str, meeting_link: str, servers: Collection[str]) -> tuple[Way, str]:
    """How people get in, and the address where it is a plain one. A meeting's own address goes before that of its session."""
    if web_address(meeting_link):
        return Way.PLAIN, meeting_link.strip()
    if kind in servers and kind in (Way.BBB, Way.JITSI):
        return Way(kind), ""
    if web_address(session_link):
        return Way.PLAIN, session_link.strip()
    return (Way.NONE if kind in ("", "none") else Way.MISSING), ""


def web_address(text: str) -> bool:
    """Whether a browser may be sent there: http or https with a host, and nothing that a script could hide in."""
    text = text.strip()
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not any(sign.isspace() or ord(sign) < 32 for sign in text)


class Door(StrEnum):
    """What holds of an online room now."""

    CANCELLED = "cancelled"
    NOWHERE = "nowhere"  # no online part, or no server for it
    EARLY = "early"
    OPEN = "open"
    ENDED = "ended"


@dataclass(frozen=True)
class Times:
    """When a room is open."""

    opens_at: datetime
    closes_at: datetime


def times(starts_at: datetime, ends_at: datetime) -> Times:
    """From when until when the room of a meeting is open."""
    return Times(starts_at - OPENS_BEFORE, ends_at + CLOSES_AFTER)


def door(*, state: str, way: Way, starts_at: datetime, ends_at: datetime, now: datetime) -> Door:
    """What holds of the room of a meeting. A cancelled meeting is cancelled whatever the hour."""
    if state == "cancelled":
        return Door.CANCELLED
    if way in (Way.NONE, Way.MISSING):
        return Door.NOWHERE
    open_ = times(starts_at, ends_at)
    if now < open_.opens_at:
        return Door.EARLY
    return Door.OPEN if now < open_.closes_at else Door.ENDED
