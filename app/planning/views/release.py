"""Releasing a session, and later its changes: what stands in the way, whom it is told, one button."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import sqlalchemy as sa
from flask import current_app, g, render_template, request
from flask.typing import ResponseReturnValue

from app import clock, i18n
from app.errors import Conflict, DomainError, Invalid, Message, say
from app.http import audit, go, guarded, me, say_next
from app.i18n import nt, t
from app.notices.outbox import Made
from app.notices.rules import can_be_mailed
from app.people.models import Person
from app.planning import release as verbs
from app.planning.release import Change
from app.planning.rules import LEVELS, Level
from app.planning.views.blueprint import bp
from app.planning.views.session import OBSTACLE_SHAPES, OBSTACLE_WORDS, _obstacle_row
from app.planning.views.sight import (
    facts_of,
    meetings_of,
    room_of,
    sees,
    session_by,
    the_session,
    title_of,
)
from app.schedule.assignments import LEAST_REASON
from app.schedule.models import TrainingSession
from app.schedule.session_rules import ROLES

GROUPS = {**LEVELS, Level.BLOCKS: OBSTACLE_WORDS[Level.BLOCKS], Level.POINTS: OBSTACLE_WORDS[Level.POINTS]}
"""What stands over the obstacles of each level, the heaviest first."""


@dataclass(frozen=True)
class Reader:
    """Somebody who will be told, and of what."""

    name: str
    part: str
    news: str
    address: str  # empty: no mail can reach him


@bp.get("/planning/sessions/<code>/release")
@guarded("session.release", session_by("session.release"))
def release(session: TrainingSession) -> ResponseReturnValue:
    """What stands in the way of the release, and whom it would be told."""
    return _page(session)


@bp.post("/planning/sessions/<code>/release", endpoint="save_release")
@guarded("session.release", session_by("session.release"))
def save(session: TrainingSession) -> ResponseReturnValue:
    """Release a draft, or what has changed since."""
    code, given, was = session.code, request.form.get("reason", "").strip(), session.state
    now, by, site = clock.now(), me().person_id, current_app.config["PUBLIC"]
    try:
        if was == "draft":
            made = verbs.release(g.db, session, by=by, now=now, site=site, reason=given, sees=sees)
        else:
            made = verbs.release_changes(g.db, session, by=by, now=now, site=site)
    except (Conflict, Invalid) as refused:
        g.db.rollback()
        return _page(the_session(g.db, code), refused, given)
    audit("session.release", about=code, changes=was != "draft", mails=len(made.mails), without_address=len(made.without_address), reason=given)
    say_next(_done(code, was, made))
    return go("planning.outbox" if made.mails or made.without_address else "planning.session", **({} if made.mails or made.without_address else {"code": code}))


def _done(code: str, was: str, made: Made) -> Message:
    if was == "draft":
        return say("release", "{code} is released. Mails that wait in the outbox for “send”: {n}.", code=code, n=len(made.mails))
    return say("release", "The changes of {code} are released. Mails that wait in the outbox for “send”: {n}.", code=code, n=len(made.mails))


def _page(session: TrainingSession, refused: DomainError | None = None, given: str = "") -> ResponseReturnValue:
    now = clock.now()
    draft = session.state == "draft"
    found = verbs.obstacles(g.db, session, now=now, sees=sees) if session.state != "cancelled" else []
    groups = [
        (OBSTACLE_SHAPES[level], i18n.say(GROUPS[level]), [_obstacle_row(session, one) for one in found if one.level is level]) for level in GROUPS
    ]
    news = verbs.changes(g.db, session)
    readers = _readers(session, news)
    fields = refused.fields if isinstance(refused, Invalid) else {}
    return render_template(
        "planning/release.html", session=session, title=title_of(session), facts=facts_of(session, room_of(g.db, session), meetings_of(g.db, session.id)),
        draft=draft, groups=[one for one in groups if one[2]], blocking=sum(one.blocks for one in found) if draft else 0,
        warnings=[one for one in found if one.wants_reason] if draft else [], readers=readers, mails=sum(bool(one.address) for one in readers),
        by_part=_by_part(news), least=LEAST_REASON, errors=fields, given=given, refusal=refused.message if refused and not fields else None,
    ), (409 if isinstance(refused, Conflict) else 422) if refused else 200


def _readers(session: TrainingSession, news: list[Change]) -> list[Reader]:
    people = {
        person_id: (name, email) for person_id, name, email in g.db.execute(
            sa.select(Person.id, Person.display_name, Person.email).where(Person.id.in_([one.person_id for one in news])).order_by(Person.sort_key)
        )
    }
    by_person = {one.person_id: one for one in news}
    return [
        Reader(name, _part(by_person[id]), _news(session, by_person[id]), email.strip() if can_be_mailed(email.strip()) else "")
        for id, (name, email) in people.items()
    ]


def _part(change: Change) -> str:
    part = change.part if change.part != "gone" else change.was
    if part == "seat":
        return t("release", "seat")
    return t("release", "class manager") if part == "manager" else i18n.say(ROLES[part])


def _news(session: TrainingSession, change: Change) -> str:
    if session.state == "cancelled":
        return t("release", "that it is cancelled")
    if change.part == "gone":
        return t("release", "that he is not needed any more")
    if change.part == change.was:
        if not change.moved:
            return t("release", "that the way in has changed")
        return nt("release", "{n} meeting has changed", "{n} meetings have changed", len(change.moved))
    return t("release", "when and where")


def _by_part(news: list[Change]) -> str:
    """"2 trainers, 18 with a seat, 1 class manager"."""
    counts = Counter("trainer" if one.part in ROLES else one.part for one in news)
    words = {
        "trainer": lambda n: nt("release", "{n} trainer", "{n} trainers", n), "seat": lambda n: nt("release", "{n} with a seat", "{n} with a seat", n),
        "manager": lambda n: nt("release", "{n} class manager", "{n} class managers", n), "gone": lambda n: nt("release", "{n} no longer in it", "{n} no longer in it", n),
    }
    return ", ".join(words[part](counts[part]) for part in words if counts[part])
