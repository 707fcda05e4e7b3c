"""The outbox: what releases have to tell by mail, read before it leaves; and slips for people whom no mail can reach."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa
from flask import current_app, g, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app import clock, i18n
from app.courses.models import CourseVersion
from app.errors import Message, NotFound, say
from app.http import actor, audit, go, guarded, me, say_next
from app.notices import outbox as verbs
from app.notices import queries
from app.notices.models import Mail, Notice
from app.notices.rules import When
from app.notices.wording import sentence, span
from app.offices.models import Country, Office
from app.offices.scope import under
from app.people.models import Person, Preference
from app.planning.models import Told
from app.planning.views.blueprint import bp
from app.policy import Target, scope
from app.runs.models import CourseRun
from app.schedule import telling
from app.schedule.models import TrainingSession

KEPT = timedelta(days=30)
"""So long a batch that is over stays on the page."""
MAIL_STATES: dict[str, Message] = {
    "waiting": say("mail state", "waits for “send”"), "pressed": say("mail state", "on its way"), "sent": say("mail state", "sent"),
    "failed": say("mail state", "failed"), "dropped": say("mail state", "dropped"),
}
MAIL_SHAPES = {"waiting": "st-empty", "pressed": "st-prog", "sent": "st-done", "failed": "st-fail", "dropped": "st-none"}


@dataclass
class Batch:
    """What one release has to tell: its mails, and who gets none."""

    id: uuid.UUID
    title: str  # the code of the session
    made_at: datetime
    course: str = ""
    mails: list[tuple[Mail, str]] = field(default_factory=list)
    on_paper: list[str] = field(default_factory=list)

    def count(self, *states: str) -> int:
        """How many mails are in these states."""
        return sum(mail.state in states for mail, _ in self.mails)


@bp.get("/planning/outbox")
@guarded("outbox.send")
def outbox() -> ResponseReturnValue:
    """All batches that are not over, and those of the last days."""
    batches = _batches(clock.now() - KEPT)
    return render_template(
        "planning/outbox.html", batches=batches, open=[one for one in batches if one.count("waiting", "pressed", "failed")],
        over=[one for one in batches if not one.count("waiting", "pressed", "failed")], states=MAIL_STATES, shapes=MAIL_SHAPES, leaves=_leaves(),
    )


def _batches(since: datetime) -> list[Batch]:
    """The batches of the offices that who asks plans, the newest first. Three queries."""
    paths = scope(actor(), "outbox.send")
    found = {one.id: Batch(one.id, one.title, one.made_at, mails=list(one.mails)) for one in queries.outbox(g.db, paths, since=since)}
    rows = g.db.execute(
        sa.select(Told.batch, Told.at, TrainingSession.code, Person.display_name)
        .join(TrainingSession, TrainingSession.id == Told.session_id).join(CourseRun, CourseRun.id == TrainingSession.run_id)
        .join(Office, Office.id == CourseRun.office_id).join(Person, Person.id == Told.person_id)
        .where(under(Office.path, paths), Told.mailed.is_(False), sa.or_(Told.at >= since, Told.batch.in_(list(found)))).order_by(Person.sort_key)
    )
    for batch, at, code, name in rows:
        found.setdefault(batch, Batch(batch, code, at)).on_paper.append(name)
    courses = dict(
        g.db.execute(
            sa.select(TrainingSession.code, CourseVersion.titles).join(CourseRun, CourseRun.id == TrainingSession.run_id)
            .join(CourseVersion, CourseVersion.id == CourseRun.course_version_id).where(TrainingSession.code.in_({one.title for one in found.values()}))
        ).all()
    )
    for one in found.values():
        one.course = i18n.pick(courses.get(one.title, {}))
    return sorted(found.values(), key=lambda one: (one.made_at, one.id), reverse=True)


def batch_by(action: str) -> Callable[[Session, uuid.UUID], tuple[uuid.UUID, Target]]:
    """A batch of the outbox, with the office whose release made it."""

    def find(db: Session, batch: uuid.UUID) -> tuple[uuid.UUID, Target]:
        path = db.scalar(sa.select(Office.path).join(Mail, Mail.office_id == Office.id).where(Mail.batch == batch).limit(1)) or db.scalar(
            sa.select(Office.path).join(CourseRun, CourseRun.office_id == Office.id).join(TrainingSession, TrainingSession.run_id == CourseRun.id)
            .join(Told, Told.session_id == TrainingSession.id).where(Told.batch == batch).limit(1)
        )
        if path is None:
            raise NotFound()
        return batch, Target(path=path)

    return find


@bp.post("/planning/outbox/<uuid:batch>/send")
@guarded("outbox.send", batch_by("outbox.send"))
def send(batch: uuid.UUID) -> ResponseReturnValue:
    """Let the mails of a batch go."""
    n = verbs.press_send(g.db, batch, by=me().person_id, now=clock.now())
    audit("outbox.send", about=str(batch), mails=n)
    say_next(say("outbox", "Mails that leave now, one by one: {n}.", n=n))
    return go("planning.outbox")


@bp.post("/planning/outbox/<uuid:batch>/drop")
@guarded("outbox.send", batch_by("outbox.send"))
def drop(batch: uuid.UUID) -> ResponseReturnValue:
    """Let the mails of a batch never go."""
    n = verbs.drop(g.db, batch, by=me().person_id, now=clock.now(), sent_too=not _leaves())
    audit("outbox.drop", about=str(batch), mails=n)
    say_next(say("outbox", "Mails dropped: {n}. Their people find everything on their start page.", n=n), "warn")
    return go("planning.outbox")


@bp.post("/planning/outbox/<uuid:batch>/again")
@guarded("outbox.send", batch_by("outbox.send"))
def again(batch: uuid.UUID) -> ResponseReturnValue:
    """Try the failed mails of a batch once more."""
    n = verbs.again(g.db, batch, by=me().person_id, now=clock.now())
    audit("outbox.again", about=str(batch), mails=n)
    say_next(say("outbox", "Mails that are tried again: {n}.", n=n))
    return go("planning.outbox")


# ---- slips -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Slip:
    """What somebody without an address is handed: in his language, with each meeting on a line."""

    name: str
    language: str
    rtl: bool
    text: str
    meetings: list[str]


@bp.get("/planning/outbox/<uuid:batch>/slips")
@guarded("outbox.send", batch_by("outbox.send"))
def slips(batch: uuid.UUID) -> ResponseReturnValue:
    """Slips to print for those whom no mail reaches."""
    rows = g.db.execute(
        sa.select(Told.session_id, Notice, Person.display_name, Preference.language, Country.languages, Country.zone)
        .join(Person, Person.id == Told.person_id).join(Country, Country.id == Person.country_id)
        .join(Notice, sa.and_(Notice.person_id == Told.person_id, Notice.key == f"told:{batch}")).outerjoin(Preference, Preference.person_id == Person.id)
        .where(Told.batch == batch, Told.mailed.is_(False)).order_by(Person.sort_key)
    ).all()
    known = telling.about(g.db, {row[0] for row in rows})
    return render_template("planning/slips.html", slips=list(_slips(rows, known)), codes=sorted(one.session.code for one in known.values()))


def _slips(rows: Iterable[sa.Row[uuid.UUID, Notice, str, str | None, list[str], str]], known: dict[uuid.UUID, telling.About]) -> Iterable[Slip]:
    for session_id, notice, name, wish, spoken, zone in rows:
        tag = verbs.language_of(wish, spoken)
        with i18n.speaking(tag):
            meetings = [one for one in known[session_id].meetings if one.state != "cancelled"]
            lines = [span(When(one.starts_at, one.ends_at, one.zone), zone) for one in meetings] if len(meetings) > 1 and notice.what != "cancelled" else []
            yield Slip(name, tag, i18n.LANGUAGES[tag].rtl, sentence(notice, zone), lines)


def _leaves() -> bool:
    """Whether a mail server is set up, so that what is sent leaves."""
    return bool(current_app.config.get("MAIL_HOST"))
