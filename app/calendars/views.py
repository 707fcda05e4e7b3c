"""Pages of one's own calendar: the meetings month by month, the address to subscribe to, and the feed behind it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from itertools import groupby
from zoneinfo import ZoneInfo

from flask import Blueprint, current_app, g, make_response, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from app import clock, i18n
from app.calendars import feed, queries, services
from app.errors import Message, say
from app.forms import Form
from app.http import audit, go, guarded, me, note, say_next
from app.i18n import t
from app.ids import token_hash
from app.notices import wording
from app.notices.outbox import language_of
from app.notices.rules import When
from app.schedule.views.finding import weekday

bp = Blueprint("calendars", __name__)

MONTHS = 4  # on one page


bp.add_app_template_global(wording.span, "told_span")
bp.add_app_template_global(wording.shown, "told_words")


@bp.app_template_global()
def here(when: When) -> str:
    """From when to when by the reader's clock, with the day of the week: "Sat 28 Nov, 09:00-11:40 UTC+5"."""
    return _by_clock(when, i18n.viewer_zone())


@bp.app_template_global()
def there(when: When) -> str:
    """The same by the clock of the place; empty where it goes as the reader's."""
    mine, own = (when.starts_at.astimezone(ZoneInfo(zone)).utcoffset() for zone in (i18n.viewer_zone(), when.zone))
    return "" if mine == own else _by_clock(when, when.zone)


def _by_clock(when: When, zone: str) -> str:
    starts, ends = (one.astimezone(ZoneInfo(zone)) for one in (when.starts_at, when.ends_at))
    if starts.date() == ends.date():
        return f"{weekday(starts.date())}, {starts:%H:%M}\N{EN DASH}{ends:%H:%M} {i18n.offset(starts)}"
    return f"{weekday(starts.date())}, {starts:%H:%M} \N{EN DASH} {weekday(ends.date())}, {ends:%H:%M} {i18n.offset(starts)}"


@bp.app_template_global()
def day_of(text: str) -> str:
    """A day that a row keeps as text."""
    return i18n.day(date.fromisoformat(text))


@bp.app_template_global()
def next_meeting() -> queries.Entry | None:
    """The next meeting of who looks, or the one that is on now; None where nothing is planned."""
    return queries.next_of(g.db, me().person_id, now=clock.now())


# ---- the page ----------------------------------------------------------------------------------------------------------


@bp.get("/my/calendar")
@guarded("own.calendar")
def own() -> ResponseReturnValue:
    """One's own meetings month by month, the next one on top."""
    return _page()


@bp.post("/my/calendar/address")
@guarded("own.calendar")
def make_address() -> ResponseReturnValue:
    """Make a new address; it is shown this once, since only its hash is kept."""
    token = services.make_address(g.db, me().person_id, now=clock.now())
    audit("calendar.address", about=str(me().person_id))
    return _page(token)


@bp.post("/my/calendar/revoke")
@guarded("own.calendar")
def revoke() -> ResponseReturnValue:
    """End the address: programs that read it get nothing any more."""
    services.revoke(g.db, me().person_id, now=clock.now())
    audit("calendar.revoked", about=str(me().person_id))
    say_next(say("calendar", "The address is revoked: no program reads your calendar by it any more."))
    return go("calendars.own")


def _page(token: str | None = None) -> str:
    now, zone = clock.now(), ZoneInfo(i18n.viewer_zone())
    today = now.astimezone(zone).date()
    first = _month(request.args.get("from", "")) or today.replace(day=1)
    after = _later(first, MONTHS)
    begins, ends = (datetime.combine(one, time(), zone) for one in (first, after))
    entries = [one for one in queries.entries_of(g.db, me().person_id, since=begins, until=ends) if one.meeting.ends_at > begins]
    shown = entries if first < today.replace(day=1) else [one for one in entries if one.meeting.ends_at > now or one.meeting.starts_at.astimezone(zone).date() == today]
    coming = next((one for one in entries if one.meeting.ends_at > now and not one.cancelled), None)
    shown = [one for one in shown if one is not coming]  # which stands on top
    told = {id for id in (one.offer for one in shown) if id}
    asked = {next(one.meeting.id for one in shown if one.offer == id) for id in told} | ({coming.meeting.id} if coming else set())  # an offer is opened from its first meeting
    months = [(month, list(held)) for month, held in groupby(shown, key=lambda one: one.meeting.starts_at.astimezone(zone).date().replace(day=1))]
    address = f"{current_app.config['PUBLIC']}/calendar/{token}.ics" if token else None
    return render_template(
        "calendars/own.html", months=months, coming=coming, asked=asked, zone=i18n.viewer_zone(), first=first, today=today,
        earlier=_later(first, -MONTHS), later=after, address=address, held=queries.address_of(g.db, me().person_id), form=Form(),
    )


def _month(text: str) -> date | None:
    try:
        return date.fromisoformat(f"{text}-01") if 1970 < int(text[:4]) < 2200 else None
    except ValueError:
        return None


def _later(month: date, n: int) -> date:
    years, months = divmod(month.month - 1 + n, 12)
    return date(month.year + years, months + 1, 1)


# ---- the feed ----------------------------------------------------------------------------------------------------------

REFUSED: Mapping[int, Message] = {
    404: say("calendar", "There is no calendar at this address. Look at “My calendar” in Sabaq for the right one."),
    410: say("calendar", "This calendar address was revoked. Make a new one at “My calendar” in Sabaq, and remove this one here."),
}


@bp.get("/calendar/<token>.ics")
@guarded("calendar.read")
def read(token: str) -> ResponseReturnValue:
    """The calendar of an address, for programs: unchanged, it costs them nothing; revoked, they are told so."""
    now = clock.now()
    holder = queries.holder_of(g.db, token_hash(token), now)
    if holder is None:
        return _refused(404)
    if holder.address.revoked_at is not None or holder.left:
        return _refused(410)
    with i18n.speaking(language_of(holder.language, holder.languages)):
        entries = queries.entries_of(g.db, holder.person_id, since=now - feed.PAST)
        body = feed.as_ical(entries, site=current_app.config["PUBLIC"], zone=holder.zone, now=now)
    if services.read_is_news(holder.address, now):
        address_id = holder.address.id
        note(lambda db: services.saw_read(db, address_id, now=now))
    response = make_response(body)
    response.mimetype = "text/calendar"
    response.headers["Content-Disposition"] = 'inline; filename="sabaq.ics"'
    response.set_etag(feed.fingerprint(body), weak=True)
    answer: Response = response.make_conditional(request)
    return answer


def _refused(status: int) -> Response:
    """A sentence as plain text: it is a program that asks, and shows it at best in its log."""
    response = make_response(f"{t(REFUSED[status].context, REFUSED[status].text)}\n", status)
    response.mimetype = "text/plain"
    return response
