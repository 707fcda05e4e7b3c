"""Somebody's meetings as iCalendar (RFC 5545): the right hour in every zone, cancelled ones said so, nobody else's name."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from app import i18n
from app.calendars.queries import Entry
from app.i18n import t
from app.notices import wording
from app.notices.outbox import ADDRESS

if TYPE_CHECKING:
    from icalendar import Calendar, Event

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
    for entry in entries:
        calendar.add_component(_event(entry, site, zone, now))
    _add_zones(calendar, entries)
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


def _add_zones(calendar: Calendar, entries: list[Entry]) -> None:
    """A VTIMEZONE for each zone, with all changes of the clock from a year before the first meeting to two years after the last."""
    if not entries:
        return
    years = [one.meeting.starts_at.year for one in entries]
    calendar.add_missing_timezones(first_date=date(min(years) - 1, 1, 1), last_date=date(max(years) + 2, 1, 1))
