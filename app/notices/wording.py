"""What people are told, in words: notices and letters in the language and the zone of who reads them."""

from __future__ import annotations

from collections.abc import Mapping
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
    """Times by the clock of their place, and by the reader's where that differs; many are summed up."""
    spans = sorted(spans, key=lambda one: one.starts_at)
    if len(spans) > FEW:
        first, last = spans[0], spans[-1]
        return t(
            "notice", "{meetings} from {first} to {last}", meetings=nt("notice", "{n} meeting", "{n} meetings", len(spans)),
            first=span(first, zone), last=i18n.day(last.starts_at.astimezone(ZoneInfo(last.zone)).date()),
        )
    return "; ".join(span(one, zone) for one in spans)


def span(one: When, zone: str | None = None) -> str:
    """From when to when, the zone named."""
    there = _between(one, one.zone)
    here = zone or i18n.viewer_zone()
    if _offset(one.starts_at, here) == _offset(one.starts_at, one.zone):
        return there
    return t("notice", "{there}, which is {here} where you are", there=there, here=_between(one, here))


def _between(one: When, zone: str) -> str:
    starts, ends = one.starts_at.astimezone(ZoneInfo(zone)), one.ends_at.astimezone(ZoneInfo(zone))
    until = f"{ends:%H:%M}" if ends.date() == starts.date() else i18n.moment(ends, zone)
    dash = "\N{EN DASH}" if ends.date() == starts.date() else " \N{EN DASH} "
    return f"{i18n.moment(starts, zone)}{dash}{until} {i18n.offset(starts)}"


def _offset(at: datetime, zone: str) -> Any:
    return at.astimezone(ZoneInfo(zone)).utcoffset()
