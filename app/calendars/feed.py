"""Somebody's meetings as iCalendar (RFC 5545): the right hour in every zone, cancelled ones said so, nobody else's name."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from app import i18n
from app.calendars.queries import Entry
from app.i18n import t
from app.notices import wording
from app.notices.outbox import ADDRESS

if TYPE_CHECKING:
    from icalendar import Event, Timezone

REFRESH = timedelta(hours=1)
PAST = timedelta(days=60)  # so long a meeting that is over, or cancelled, stays in the feed


def as_ical(entries: Iterable[Entry], *, site: str, zone: str, now: datetime) -> bytes:
    """The calendar of these entries in the page's language. `site` is the address of this node; texts name times of a zone."""
    from icalendar import Calendar

    entries = list(entries)
    calendar = Calendar()
    calendar.add("prodid", "-//Sabaq//Training calendar//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", "PUBLISH")
    calendar.add("name", t("calendar", "Training (Sabaq)"))
    calendar.add("x-wr-calname", t("calendar", "Training (Sabaq)"))
    calendar.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", "PT1H")
    years = [one.meeting.starts_at.year for one in entries]
    for name in sorted({one.meeting.zone for one in entries}):
        calendar.add_component(_zone(name, range(min(years) - 1, max(years) + 2)))
    for entry in entries:
        calendar.add_component(_event(entry, site, zone, now))
    return bytes(calendar.to_ical())


def fingerprint(feed: bytes) -> str:
    """What changes when the calendar does: of all but the time of its making."""
    return hashlib.sha256(re.sub(rb"DTSTAMP:[^\r\n]*", b"", feed)).hexdigest()[:32]


def _event(entry: Entry, site: str, zone: str, now: datetime) -> Event:
    from icalendar import Event

    meeting = entry.meeting
    there = ZoneInfo(meeting.zone)
    event = Event()
    event.add("uid", f"{meeting.id}@sabaq")
    event.add("dtstamp", now.astimezone(UTC).replace(microsecond=0))
    event.add("sequence", meeting.sequence)
    event.add("dtstart", meeting.starts_at.astimezone(there))
    event.add("dtend", meeting.ends_at.astimezone(there))
    title = entry.titles if isinstance(entry.titles, str) else i18n.pick(entry.titles)
    event.add("summary", _plain(t("calendar", "{title} ({part})", title=title, part=entry.part)))
    event.add("location", _plain(str(wording.shown(entry.place, zone))))
    status = "CANCELLED" if entry.cancelled else "CONFIRMED" if entry.sure else "TENTATIVE"
    event.add("status", status)
    event.add("transp", "TRANSPARENT" if entry.cancelled else "OPAQUE")
    page = f"{site}/join/{meeting.id}" if entry.online and entry.sure and not entry.cancelled else f"{site}/my/offers/{entry.offer}" if entry.offer and not entry.sure else f"{site}/my/calendar"
    lines = [entry.code]
    if entry.cancelled:
        lines.append(_plain(t("calendar", "Cancelled. {reason}", reason=meeting.reason)))
    elif not entry.sure:
        lines.append(t("calendar", "Not final yet: an offer, or a session that is still being planned."))
    lines.append(t("calendar", "More, after you have signed in: {address}", address=page))
    event.add("description", "\n".join(lines))
    event.add("url", page)
    return event


def _plain(text: str) -> str:
    """A text without addresses that somebody typed into it: one may open a room, and a calendar is read by a secret alone."""
    return " ".join(ADDRESS.sub(t("mail", "(address on our page)"), text).split())


# ---- zones ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Change:
    """From an instant on the clocks of a zone stand otherwise."""

    at: datetime
    before: timedelta
    after: timedelta
    name: str
    summer: bool


def changes_of(zone: str, first: datetime, last: datetime) -> list[Change]:
    """How the clocks of a zone stand at a first instant, and each change up to a last one."""
    there = ZoneInfo(zone)
    found = [_change(first, first, there)]
    day = timedelta(days=1)
    at = first
    while at < last:
        if _offset(at, there) != _offset(at + day, there):
            low, high = at, at + day
            while high - low > timedelta(minutes=1):  # zones change at whole minutes
                middle = low + (high - low) // 2
                low, high = (middle, high) if _offset(middle, there) == _offset(at, there) else (low, middle)
            at_minute = high.replace(second=0, microsecond=0)
            found.append(_change(at_minute, low, there))
        at += day
    return found


def _change(at: datetime, just_before: datetime, there: ZoneInfo) -> Change:
    now = at.astimezone(there)
    return Change(at, _offset(just_before, there), _offset(at, there), now.tzname() or "", bool(now.dst()))


def _offset(at: datetime, there: ZoneInfo) -> timedelta:
    return at.astimezone(there).utcoffset() or timedelta()


def _zone(zone: str, years: range) -> Timezone:
    """A VTIMEZONE with each change of the clock as a part of its own.

    Not as icalendar makes it: it gives the change to summer time by the clock that holds after it and not, as RFC 5545 (3.6.5) says,
    by the one before, and joins changes in a way that another reader takes for an hour too early a year later.
    """
    from icalendar import Timezone, TimezoneDaylight, TimezoneStandard

    found = Timezone()
    found.add("tzid", zone)
    for change in changes_of(zone, datetime(years.start, 1, 1, tzinfo=UTC), datetime(years.stop, 1, 1, tzinfo=UTC)):
        part: Any = TimezoneDaylight() if change.summer else TimezoneStandard()
        part.add("dtstart", (change.at + change.before).replace(tzinfo=None))
        part.add("tzname", change.name)
        part.add("tzoffsetfrom", change.before)
        part.add("tzoffsetto", change.after)
        found.add_component(part)
    return found
