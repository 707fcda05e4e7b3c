"""Rules of a node's clock: when a person has to confirm today's date before a test may begin."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

RELEASED = datetime(2026, 1, 1, tzinfo=UTC)  # no clock that is right shows an earlier moment to this release
TOLERANCE = timedelta(hours=1)  # two good clocks may differ by so much: a zone set wrong, a slow battery
STEP = timedelta(days=1)  # a step that changes the date on papers and in time limits by days
LONG = timedelta(days=180)  # a class server works alone for months; after half a year a look at the calendar costs little
LIFE = timedelta(days=3650)  # of a release, where nothing else is known


class Doubt(StrEnum):
    """Why the date is not believed."""

    BEFORE_RELEASE = "before-release"  # it cannot be right: the clock has to be set
    BEHIND = "behind"  # the centre, or a person here, has seen a later date
    STEPPED = "stepped"  # the clock was set by days
    FAR = "far"  # far beyond anything that is known


@dataclass(frozen=True)
class Known:
    """What a node knows of the true date, apart from its own wall clock."""

    centre: datetime | None = None  # the newest moment in what the centre has signed
    confirmed: datetime | None = None  # the newest date that a person here has confirmed
    confirmed_offset_ms: int | None = None  # wall clock minus the machine's own clock then, when that was since the machine started
    stepped: datetime | None = None  # by the new wall clock, when it was last set by a day or more


def date_doubt(now: datetime, offset_ms: int, known: Known) -> Doubt | None:
    """Why a person has to confirm the date that the wall clock shows; None when it is believed.

    The machine's own clock cannot be set: as long as the wall clock keeps the distance to it that it had when somebody
    confirmed, nobody is asked again.
    """
    if now < RELEASED:
        return Doubt.BEFORE_RELEASE
    if known.confirmed_offset_ms is not None and abs(offset_ms - known.confirmed_offset_ms) < TOLERANCE / timedelta(milliseconds=1):
        return None
    seen = [moment for moment in (known.centre, known.confirmed) if moment is not None]
    if any(now < moment - TOLERANCE for moment in seen):
        return Doubt.BEHIND
    if known.stepped is not None and known.stepped <= now and (known.confirmed is None or known.stepped > known.confirmed):
        return Doubt.STEPPED
    if now > (max(seen) + LONG if seen else RELEASED + LIFE):
        return Doubt.FAR
    return None
