"""A person's wish that this class server exchanges over the line now, and what came of it: a small file beside the bundles of that peer.

The page notes it, the thread that exchanges looks for it: exchanging may take an hour, longer than any other work should wait.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from app.errors import Message
from app.ops import background
from app.sync.staging import FOLDER, Staging, write_whole

NAME = "asked.json"


@dataclass(frozen=True)
class Wish:
    """An exchange that somebody asked for."""

    asked_at: datetime
    by: str  # name of who asked
    begun_at: datetime | None = None
    ended_at: datetime | None = None
    good: bool = False
    said: tuple[Message, ...] = ()
    """What came of it."""


def of(place: Staging) -> Wish | None:
    """The newest wish; None when nobody has asked, or what stands there cannot be read."""
    try:
        found = json.loads((place.folder / NAME).read_text(encoding="utf-8"))
        return Wish(
            datetime.fromisoformat(found["asked_at"]), found["by"], _moment(found["begun_at"]), _moment(found["ended_at"]), found["good"],
            tuple(background.message(one) for one in found["said"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def ask(place: Staging, *, by: str, now: datetime) -> None:
    """Ask for an exchange; who asks while another wish is not fulfilled has asked for the same one."""
    wish = of(place)
    if wish is None or wish.ended_at is not None:
        _keep(place, Wish(now, by))


def begun(place: Staging, *, now: datetime) -> None:
    """An exchange has begun, which fulfils a wish that waits."""
    wish = of(place)
    if wish is not None and wish.ended_at is None:
        _keep(place, Wish(wish.asked_at, wish.by, now))


def ended(place: Staging, *, begun_at: datetime, good: bool, said: Sequence[Message], now: datetime) -> None:
    """The exchange that began then is over; a wish that came while it was under way still waits."""
    wish = of(place)
    if wish is not None and wish.ended_at is None and wish.begun_at == begun_at:
        _keep(place, Wish(wish.asked_at, wish.by, begun_at, now, good, tuple(said)))


def waits(node_folder: Path) -> bool:
    """Whether a wish of this node is not fulfilled; one that a killed process had begun on is not either."""
    return any(wish.ended_at is None for path in (node_folder / FOLDER).glob(f"*/{NAME}") if (wish := of(Staging(path.parent))) is not None)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _keep(place: Staging, wish: Wish) -> None:
    place.folder.mkdir(parents=True, exist_ok=True)
    known: dict[str, Any] = {
        "asked_at": wish.asked_at.isoformat(), "by": wish.by, "begun_at": wish.begun_at.isoformat() if wish.begun_at else None,
        "ended_at": wish.ended_at.isoformat() if wish.ended_at else None, "good": wish.good, "said": [background.as_json(one) for one in wish.said],
    }
    write_whole(place.folder / NAME, json.dumps(known).encode(), sync=False)
