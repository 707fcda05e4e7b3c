"""What people are told, in words: notices and letters in the language and the zone of who reads them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from app import i18n
from app.errors import Message
from app.i18n import nt, t
from app.notices import rules
from app.notices.models import Notice
from app.notices.rules import When

FEW = 3  # times that are listed one by one
MANY = 6  # days that are


def sentence(notice: Notice, zone: str | None = None) -> str:
    """A notice in the page's language, with the times of its reader's zone."""
    return spoken(replace(rules.SENTENCES[notice.what], params=notice.detail), zone)


def spoken(message: Message, zone: str | None = None) -> str:
    """A message whose gaps are filled as rules.kept takes them, said with the times of a zone (default: the viewer's)."""
    text = i18n.say(replace(message, params={name: shown(rules.read(value), zone) for name, value in message.params.items()}))
    return " ".join(text.split())  # a reason that nobody gave leaves no gap


def shown(value: Any, zone: str | None = None) -> Any:
    """One gap's value in words."""
    if isinstance(value, When):
        return when([value], zone)
    if isinstance(value, list):
        return when(value, zone) if value and all(isinstance(one, When) for one in value) else " ".join(str(shown(one, zone)) for one in value)  # sentences
    if isinstance(value, Message):
        return spoken(value, zone)
    if isinstance(value, datetime):
        return i18n.moment(value, zone, named=True)
    if isinstance(value, date):
        return i18n.day(value)
    if isinstance(value, Mapping):
        return i18n.pick(value)
    return value


def when(spans: list[When], zone: str | None = None) -> str:
    """Times by the clock of their place, and by the reader's where that differs; days of the same hours share them, many are summed up."""
    spans = sorted(spans, key=lambda one: one.starts_at)
    if len(spans) > 1 and len({_hours(one, one.zone) for one in spans}) == len({_hours(one, zone or i18n.viewer_zone()) for one in spans}) == 1:
        days = _days([_there(one.starts_at, one.zone).date() for one in spans])
        if days and _same_days(spans, zone or i18n.viewer_zone()):
            return t("notice", "{days}, {hours}", days=days, hours=_in_words(spans[0], zone or i18n.viewer_zone(), _hours))
    if len(spans) > FEW:
        first, last = spans[0], spans[-1]
        return t(
            "notice", "{meetings} from {first} to {last}", meetings=nt("notice", "{n} meeting", "{n} meetings", len(spans)),
            first=span(first, zone), last=i18n.day(_there(last.starts_at, last.zone).date()),
        )
    return "; ".join(span(one, zone) for one in spans)


def span(one: When, zone: str | None = None) -> str:
    """From when to when, the zone named."""
    return _in_words(one, zone or i18n.viewer_zone(), _between)


def _in_words(one: When, here: str, said: Callable[[When, str], str]) -> str:
    if _there(one.starts_at, here).utcoffset() == _there(one.starts_at, one.zone).utcoffset():
        return said(one, one.zone)
    return t("notice", "{there}, which is {here} where you are", there=said(one, one.zone), here=said(one, here))


def _between(one: When, zone: str) -> str:
    """With its days: "24 Nov 2026, 09:00-13:00 UTC+5"."""
    starts, ends = _there(one.starts_at, zone), _there(one.ends_at, zone)
    if starts.date() == ends.date():
        return f"{i18n.day(starts.date())}, {_hours(one, zone)}"
    return f"{i18n.moment(starts, zone)} \N{EN DASH} {i18n.moment(ends, zone)} {i18n.offset(starts)}"


def _hours(one: When, zone: str) -> str:
    """Without its day: "09:00-13:00 UTC+5"."""
    starts, ends = _there(one.starts_at, zone), _there(one.ends_at, zone)
    return f"{starts:%H:%M}\N{EN DASH}{ends:%H:%M} {i18n.offset(starts)}"


def _days(days: list[date]) -> str:
    """Days as one says them: "23-26 Nov 2026", "10 Dec, 11 Dec and 14 Dec 2026", the year where the language has it; empty where
    there are too many, or one comes twice."""
    if len(set(days)) < len(days):
        return ""
    if (days[-1] - days[0]).days == len(days) - 1:
        return i18n.day_range(days[0], days[-1])
    if len(days) > MANY or days[0].year != days[-1].year:
        return ""
    with_year = days[0] if i18n.locale().date_formats["medium"].pattern.startswith("y") else days[-1]
    return i18n.listing([i18n.day(one, "medium" if one == with_year else "brief") for one in days])


def _same_days(spans: list[When], here: str) -> bool:
    """Whether none goes over midnight, there or here, so that days and hours can be said apart."""
    return all(len({_there(at, zone).date() for at in (one.starts_at, one.ends_at) for zone in (one.zone, here)}) == 1 for one in spans)


def _there(at: datetime, zone: str) -> datetime:
    return at.astimezone(ZoneInfo(zone))
