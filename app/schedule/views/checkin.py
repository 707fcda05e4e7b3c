"""Check-in by phone: the code on the projector, the page that a phone opens with it, and the trainer's list."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from urllib.parse import urlsplit

import segno
from flask import current_app, g, make_response, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy.orm import Session

from app import clock, i18n
from app.errors import Conflict, Invalid, Message, NotFound, say
from app.http import go, guarded, me, note, outside, say_next, status_of
from app.people import signing_in
from app.policy import Target
from app.runs.models import CourseRun
from app.runs.views.sight import the_run, title_of
from app.schedule import checkin, queries
from app.schedule.checkin import Code, NotOpen
from app.schedule.models import Meeting
from app.schedule.views import finding
from app.schedule.views.blueprint import bp
from app.schedule.views.finding import Found, meeting_by, the_meeting, weekday
from app.schedule.views.roll import TAKE

LAST_NAMES = 3
TICKET_HOLDS = 300  # seconds: for typing a number after the code was read
DEVICE_KEPT = 365 * 24 * 3600

# ---- on the projector ------------------------------------------------------------------------------------------------


@bp.get("/runs/<code>/meetings/<uuid:meeting_id>/check-in")
@guarded(TAKE, meeting_by(TAKE))
def check_in(found: Found) -> ResponseReturnValue:
    """The code for the projector."""
    return render_template("schedule/check_in.html", **_projected(*found))


@bp.get("/runs/<code>/meetings/<uuid:meeting_id>/check-in/now")
@guarded(TAKE, meeting_by(TAKE))
def check_in_now(found: Found) -> ResponseReturnValue:
    """What changes on the projector: asked for by js/checkin.js."""
    return render_template("schedule/check_in_now.html", **_projected(*found))


def _projected(run: CourseRun, meeting: Meeting) -> dict[str, object]:
    now = clock.now()
    refused: Message | None = None
    opens_at: datetime | None = None
    try:
        checkin.must_be_open(g.db, meeting, now)
    except NotOpen as closed:
        refused, opens_at = closed.message, closed.opens_at
    members = queries.expected(g.db, run, meeting)
    names = {one.enrolment_id: one.name for one in members}
    scans = {id: one for id, one in checkin.scans_of(g.db, meeting.id).items() if one.what == "scanned" and id in names}
    address = outside(url_for("schedule.scan", token=checkin.code_at(current_app.config["SECRET_KEY"], meeting.id, now)))
    return {
        "run": run, "meeting": meeting, "title": title_of(run), "weekday": weekday, "when": finding.when(meeting), "closed": refused is not None,
        "opens_at": opens_at, "square": "" if refused else segno.make(address, error="m", micro=False).svg_data_uri(border=2, dark="#000", light="#fff"),
        "count": len(scans), "of": len(members), "last": [names[id] for id in list(scans)[-LAST_NAMES:][::-1]], "host": urlsplit(address).netloc,
        "only_here": _only_this_machine(address),
    }


def _only_this_machine(address: str) -> bool:
    """Whether no phone can reach an address: it means the machine itself."""
    host = urlsplit(address).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


# ---- on the phone ----------------------------------------------------------------------------------------------------


Scanned = tuple[CourseRun, Meeting, Code]


def the_code(db: Session, token: str) -> tuple[Scanned, Target]:
    """The meeting that a code is of. Who has read it is in the room: the code decides, not a sign-in."""
    code = checkin.read_code(current_app.config["SECRET_KEY"], token, clock.now())
    meeting = db.get(Meeting, code.meeting_id) if code else None
    if code is None or meeting is None or meeting.state == "draft":
        raise NotFound(say("check-in", "This is not the code of a class, or a part of it is missing. Scan the code on the projector again."))
    run = the_run(db, db.get_one(CourseRun, meeting.run_id).code)
    return (run, meeting, code), Target()


@bp.get("/check-in/<token>")
@guarded("checkin.scan", the_code)
def scan(found: Scanned) -> ResponseReturnValue:
    """A phone has read the code: it says who holds it. What somebody is called is not shown before."""
    _, meeting, code = found
    refused = _refusal(meeting)
    if refused is not None:
        return _phone_page(found, refused=refused, status=409)
    if not code.fresh:
        return _phone_page(found, stale=True, status=409)
    cookie = request.cookies.get(_cookie(), "")
    if len(cookie) < 32:
        cookie = secrets.token_urlsafe(32)
    response = make_response(_phone_page(found, ticket=_tickets().dumps([str(meeting.id), _hash(cookie), int(clock.now().timestamp())])))
    response.set_cookie(
        _cookie(), cookie, max_age=DEVICE_KEPT, httponly=True, samesite="Lax", secure=current_app.config["SESSION_COOKIE_SECURE"], path="/check-in",
    )
    return response


@bp.post("/check-in/<token>")
@guarded("checkin.scan", the_code)
def scan_in(found: Scanned) -> ResponseReturnValue:
    """Whoever holds the phone has said who he is."""
    run, meeting, _ = found
    now, cookie, typed = clock.now(), request.cookies.get(_cookie(), ""), request.form.get("who", "")[:60]
    ticket = request.form.get("ticket", "")
    if not cookie:
        return _phone_page(found, wrong=say("check-in", "Your phone keeps no cookies for this page, so it cannot check in. Ask your trainer to mark you."), status=409)
    if not _ticket_holds(ticket, meeting.id, cookie, now):
        return _phone_page(found, stale=True, status=409)
    tried = signing_in.Try(key=_hash(f"{meeting.id} {cookie}"), place=f"check-in:{request.remote_addr or ''}")
    signing_in.may_try(g.db, tried, now)
    try:
        done = checkin.check_in(
            g.db, run, meeting, typed=typed, device=checkin.device_mark(current_app.config["SECRET_KEY"], meeting.id, cookie), now=now,
        )
    except Invalid as refused:
        note(lambda db: _count(db, tried, now))
        return _again(found, ticket, typed, next(iter(refused.fields.values()), refused.message), 422)
    except (Conflict, NotOpen) as refused:
        return _again(found, "", typed, refused.message, status_of(refused), closed=refused if isinstance(refused, NotOpen) else None)
    session["checked-in"] = {"name": done.name, "at": done.at.isoformat(), "again": done.again, "zone": meeting.zone}
    return go("schedule.scan_done")


def _count(db: Session, tried: signing_in.Try, now: datetime) -> None:
    """A name that is nobody's slows the next try down: codes of two characters are not to be tried one after the other."""
    signing_in.failed(db, tried, now)


def _again(found: Scanned, ticket: str, typed: str, wrong: Message, status: int, closed: NotOpen | None = None) -> ResponseReturnValue:
    g.db.rollback()
    run = the_run(g.db, g.db.get_one(CourseRun, g.db.get_one(Meeting, found[2].meeting_id).run_id).code)
    again = (run, g.db.get_one(Meeting, found[2].meeting_id), found[2])
    return _phone_page(again, ticket=ticket, typed=typed, wrong=None if closed else wrong, refused=closed, status=status)


@bp.get("/check-in/done")
@guarded("page.public")
def scan_done() -> ResponseReturnValue:
    """What came of it."""
    done = session.get("checked-in")
    return render_template(
        "schedule/scan_done.html", done=done, time=i18n.time_of_day(datetime.fromisoformat(done["at"]), done["zone"]) if done else "",
    )


def _refusal(meeting: Meeting) -> NotOpen | checkin.NotAllowed | None:
    try:
        checkin.must_be_open(g.db, meeting, clock.now())
    except (NotOpen, checkin.NotAllowed) as refused:
        return refused
    return None


def _phone_page(
    found: Scanned, *, ticket: str = "", typed: str = "", wrong: Message | None = None, refused: NotOpen | checkin.NotAllowed | None = None,
    stale: bool = False, status: int = 200,
) -> ResponseReturnValue:
    run, meeting, _ = found
    return render_template(
        "schedule/scan.html", title=title_of(run), meeting=meeting, weekday=weekday, when=finding.when(meeting), ticket=ticket, typed=typed, wrong=wrong,
        refused=refused.message if refused else None, opens_at=refused.opens_at if isinstance(refused, NotOpen) else None,
        over=isinstance(refused, NotOpen) and refused.opens_at is None, stale=stale, offset=i18n.offset,
    ), status


def _cookie() -> str:
    return f"{current_app.config['COOKIE']}_phone"


def _tickets() -> URLSafeSerializer:
    return URLSafeSerializer(current_app.config["SECRET_KEY"], salt="check-in ticket", signer_kwargs={"digest_method": hashlib.sha256})


def _ticket_holds(ticket: str, meeting_id: uuid.UUID, cookie: str, now: datetime) -> bool:
    """Whether this very phone read the code of this meeting a moment ago: its ticket is of no use to another phone."""
    try:
        meeting, device, made = _tickets().loads(ticket)
    except (BadSignature, ValueError):
        return False
    return bool(meeting == str(meeting_id) and device == _hash(cookie) and 0 <= now.timestamp() - made < TICKET_HOLDS)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# ---- the trainer's list ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """Somebody who checked in by phone, or whose check-in was refused."""

    enrolment_id: uuid.UUID
    name: str
    scan: checkin.Scan
    shared: str  # who checked in by the same phone before him and was refused; "" mostly


@bp.get("/runs/<code>/meetings/<uuid:meeting_id>/check-in/people")
@guarded(TAKE, meeting_by(TAKE))
def checked_in(found: Found) -> ResponseReturnValue:
    """Who has checked in by phone."""
    return _list(*found)


@bp.post("/runs/<code>/meetings/<uuid:meeting_id>/check-in/people/<uuid:enrolment_id>")
@guarded(TAKE, meeting_by(TAKE))
def refuse_scan(found: Found, enrolment_id: uuid.UUID) -> ResponseReturnValue:
    """Refuse a check-in, with a reason."""
    run, meeting = found
    code, id = run.code, meeting.id
    try:
        checkin.refuse(g.db, meeting, enrolment_id, by=me().person_id, now=clock.now(), reason=request.form.get("reason", ""))
    except Invalid as refused:
        g.db.rollback()
        run = the_run(g.db, code)
        return _list(run, the_meeting(g.db, run, id), wrong={enrolment_id: refused.message})
    say_next(say("check-in", "The check-in is refused. The roll stays as it is: change it there if it was taken over already."))
    return go("schedule.checked_in", code=code, meeting_id=id)


def _list(run: CourseRun, meeting: Meeting, wrong: dict[uuid.UUID, Message] | None = None) -> ResponseReturnValue:
    names = {one.enrolment_id: one.name for one in queries.expected(g.db, run, meeting)}
    scans = {id: one for id, one in checkin.scans_of(g.db, meeting.id).items() if id in names}
    lines = [
        Line(id, names[id], one, next((names[other] for other, held in scans.items() if other != id and held.device == one.device), ""))
        for id, one in scans.items()
    ]
    return render_template(
        "schedule/checked_in.html", run=run, title=title_of(run), meeting=meeting, weekday=weekday, when=finding.when(meeting), lines=lines[::-1],
        wrong=wrong or {}, of=len(names), count=sum(one.scan.what == "scanned" for one in lines), allowed=checkin.allows_phones(g.db, meeting),
    ), 422 if wrong else 200
