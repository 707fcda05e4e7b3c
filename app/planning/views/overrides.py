"""The warnings that planners took on in a month, each with its reason; on the page, as a file and on paper."""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import g, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import aliased

from app import clock, i18n, lists
from app.errors import Message, say
from app.http import guarded
from app.i18n import pick
from app.offices.models import Office
from app.people.models import Person
from app.planning import rules
from app.planning.views.blueprint import bp
from app.runs.models import CourseRun
from app.schedule.models import Assignment, AssignmentEvent, SessionSlot, TrainingSession
from app.schedule.session_rules import ROLES


@dataclass(frozen=True)
class Row:
    """One warning taken on."""

    event: AssignmentEvent
    assignment: Assignment
    code: str
    role: str
    office: Mapping[str, str]
    person: str
    by: str

    @property
    def check(self) -> Message | str:
        """What the constraint is called."""
        known = rules.CONSTRAINTS.get(self.event.detail["code"])
        return known.title if known else str(self.event.detail["code"])

    @property
    def finding(self) -> Message | None:
        """What it had found when he was chosen."""
        stored = next((one for one in self.assignment.found if one.get("code") == self.event.detail["code"]), None)
        result = rules.from_json(stored) if stored else None
        return result.message if result and not result.ok else None


def _said(row: Row) -> str:
    finding = row.finding
    return i18n.say(finding) if finding else ""


OVERRIDES = lists.Listing(
    name="overrides",
    title=say("override", "Taken on with a reason"),
    columns=(
        lists.Column("at", say("override", "When"), "moment", value=lambda row: row.event.at, sort=True),
        lists.Column("session", say("override", "Session"), value=lambda row: row.code, sort=True, always=True),
        lists.Column("office", say("override", "Office"), value=lambda row: pick(row.office), shown=False),
        lists.Column("slot", say("override", "Slot"), value=lambda row: ROLES[row.role]),
        lists.Column("trainer", say("override", "Trainer"), value=lambda row: row.person, sort=True),
        lists.Column("check", say("override", "Check"), value=lambda row: row.check),
        lists.Column("finding", say("override", "What was found"), value=_said),
        lists.Column("reason", say("override", "Reason"), value=lambda row: row.event.reason),
        lists.Column("by", say("override", "By"), value=lambda row: row.by, sort=True),
    ),
    sort="-at",
    filters=(lists.Filter("q", say("override", "Session"), "search"),),
)


@bp.get("/planning/overrides")
@guarded("session.list")
def overrides() -> ResponseReturnValue:
    """The warnings taken on in a month."""
    zone = ZoneInfo(i18n.viewer_zone())
    today = clock.now().astimezone(zone).date()
    months = _months(today)
    chosen = request.args.get("month", "") if request.args.get("month", "") in dict(months) else f"{today:%Y-%m}"
    view = lists.asked(OVERRIDES, filters=(lists.Filter("month", say("override", "Month"), options=months),))
    view.values["month"] = chosen
    first = date.fromisoformat(f"{chosen}-01")
    last = first.replace(day=calendar.monthrange(first.year, first.month)[1])
    by, session = aliased(Person), TrainingSession
    query = (
        sa.select(AssignmentEvent, Assignment, session.code, SessionSlot.role, Office.names, Person.short_name, by.short_name)
        .join(Assignment, Assignment.id == AssignmentEvent.assignment_id).join(session, session.id == Assignment.session_id)
        .join(SessionSlot, SessionSlot.id == Assignment.slot_id).join(CourseRun, CourseRun.id == session.run_id).join(Office, Office.id == CourseRun.office_id)
        .join(Person, Person.id == Assignment.person_id).join(by, by.id == AssignmentEvent.by_id)
        .where(
            lists.scoped(Office.path, "session.list"), AssignmentEvent.what == "overridden",
            sa.or_(session.state != "draft", lists.scoped(Office.path, "session.plan")),
            AssignmentEvent.at >= datetime.combine(first, time(), zone), AssignmentEvent.at <= datetime.combine(last, time.max, zone),
        )
    )
    if view.value("q"):
        query = query.where(session.code.icontains(view.value("q"), autoescape=True))
    order: dict[str, Any] = {"at": AssignmentEvent.at, "session": session.code, "trainer": Person.sort_key, "by": by.sort_key}
    lists.fetch(g.db, view, query, order, AssignmentEvent.id, row=lambda row: Row(*row))
    return lists.export(view) or render_template(
        "planning/overrides.html", view=view, month=i18n.month_name(first), clear=url_for("planning.overrides"),
    )


def _months(today: date) -> tuple[tuple[str, str], ...]:
    """This month, the one after it for clocks that differ, and a year back; and the one that the address names."""
    found = [date(today.year + (today.month - 1 - n) // 12, (today.month - 1 - n) % 12 + 1, 1) for n in range(13)]
    asked = request.args.get("month", "")
    if re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", asked):
        found.append(date.fromisoformat(f"{asked}-01"))
    return tuple((f"{one:%Y-%m}", i18n.month_name(one)) for one in sorted(set(found), reverse=True))
