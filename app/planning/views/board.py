"""The planning board: trainers beside days, for a month, a week or a day; on the screen and on paper."""

from __future__ import annotations

import calendar
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import g, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import clock, i18n, lists, pdf
from app.courses.models import Course, CourseVersion
from app.errors import Message, say
from app.http import actor, guarded, me
from app.i18n import pick, t
from app.offices.models import Country
from app.planning import board
from app.planning.board import Mark, Row
from app.planning.views.blueprint import bp
from app.planning.views.sight import sees, short_weekday, weekday
from app.policy import scope

VIEWS: Mapping[str, Message] = {"month": say("board", "Month"), "week": say("board", "Week"), "day": say("board", "Day")}
PAPERS = ("a4", "a3")
COUNTRY = re.compile(r"[A-Z]{2}")
FIRST_YEAR, LAST_YEAR = 2000, 2200


@dataclass(frozen=True)
class Asked:
    """What of the board somebody wants to see."""

    view: str
    day: date
    country: str
    course: uuid.UUID | None
    text: str
    free: bool

    @property
    def days(self) -> list[date]:
        """The days of the view."""
        if self.view == "day":
            return [self.day]
        if self.view == "week":
            monday = self.day - timedelta(days=self.day.isoweekday() - 1)
            return board.days_between(monday, monday + timedelta(days=6))
        first = self.day.replace(day=1)
        return board.days_between(first, first.replace(day=calendar.monthrange(first.year, first.month)[1]))

    def address(self, **changed: Any) -> dict[str, Any]:
        """The parts of the address of this board, or of one that differs."""
        parts = {
            "view": self.view, "day": self.day.isoformat(), "country": self.country or None, "course": self.course, "q": self.text or None,
            "free": "1" if self.free else None,
        }
        return {key: value for key, value in {**parts, **changed}.items() if value is not None}


@bp.get("/planning/board", endpoint="board")
@guarded("board.read")
def the_board() -> ResponseReturnValue:
    """Who is taken by what and who is free, as a plain table."""
    asked = _asked()
    rows, shown = _rows(asked)
    days = asked.days
    before, after = days[0] - timedelta(days=1), days[-1] + timedelta(days=1)
    return render_template(
        "planning/board.html", asked=asked, rows=rows, shown=shown, days=days, views=VIEWS, title=title_of(asked), countries=_countries(), courses=_courses(),
        earlier=url_for("planning.board", **asked.address(day=before.isoformat())), later=url_for("planning.board", **asked.address(day=after.isoformat())),
        today=_today(), **_words(asked),
    )


@bp.get("/planning/board/paper")
@guarded("board.read")
def board_paper() -> ResponseReturnValue:
    """The same board on A4 or A3 in landscape, with the heads of its columns on every page."""
    asked = _asked()
    rows, shown = _rows(asked)
    paper = request.args.get("paper", "a4")
    paper = paper if paper in PAPERS else "a4"
    data = pdf.paper(
        "planning/paper_board.html", language=i18n.language(), title=t("board", "Planning board"), styles=("print.css", "print-board.css"),
        body_class=f"board-{paper}", asked=asked, rows=rows, shown=shown, days=asked.days, title_text=title_of(asked), now=clock.now(), by=me().name,
        zone=i18n.viewer_zone(), **_words(asked),
    )
    return lists.attachment(data, f"board-{asked.days[0].isoformat()}-{paper}.pdf", rows=len(rows))


def title_of(asked: Asked) -> str:
    """"November 2026", "Mon 23 Nov – Sun 29 Nov", "Mon 23 Nov"."""
    if asked.view == "month":
        return i18n.month_name(asked.days[0])
    return weekday(asked.days[0]) if asked.view == "day" else f"{weekday(asked.days[0])} – {weekday(asked.days[-1])}"


def in_words(mark: Mark, row: Row) -> str:
    """What takes a part of a day, for who hears the table or points at a cell: word, code, hours."""
    parts = [pick(dict(mark.names)) if mark.names else i18n.say(mark.word), mark.code]
    if mark.starts_at and mark.ends_at:
        parts.append(hours(mark, row))
    return ", ".join(part for part in parts if part)


def hours(mark: Mark, row: Row) -> str:
    """"09:00–13:00" by the clock of the trainer's home."""
    if mark.starts_at is None or mark.ends_at is None:
        return ""
    until = f"{mark.ends_at.astimezone(row.zone):%H:%M}"
    return f"{mark.starts_at.astimezone(row.zone):%H:%M}–{'24:00' if until == '00:00' else until}"


def _asked() -> Asked:
    args = request.args
    view = args.get("view", "week")
    try:
        day = date.fromisoformat(args.get("day", ""))
    except ValueError:
        day = _today()
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        day = _today()
    try:
        course = uuid.UUID(args.get("course", ""))
    except ValueError:
        course = None
    country, text = args.get("country", ""), args.get("q", "").strip()[:60]
    return Asked(
        view if view in VIEWS else "week", day, country if COUNTRY.fullmatch(country) else "", course, text if text.isprintable() else "", args.get("free") == "1",
    )


def _rows(asked: Asked) -> tuple[list[Row], int]:
    found = board.board(
        g.db, asked.days, paths=scope(actor(), "board.read"), known=scope(actor(), "trainer.know"), sees=sees, today=_today(), country=asked.country, course_id=asked.course, text=asked.text,
    )
    return ([row for row in found if row.free(asked.days)] if asked.free else found), len(found)


def _words(asked: Asked) -> dict[str, Any]:
    return {
        "in_words": in_words, "hours": hours, "head": lambda day: short_weekday(day) if asked.view != "month" else str(day.day), "weekday": weekday,
        "letters": {
            "booking": t("board mark", "B"), "offer": t("board mark", "?"), "away": t("board mark", "A"), "holiday": t("board mark", "H"),
        },
    }


def _countries() -> list[tuple[str, str]]:
    return [(code, pick(names)) for code, names in g.db.execute(sa.select(Country.code, Country.names).order_by(Country.code))]


def _courses() -> list[tuple[str, str]]:
    newest = sa.select(CourseVersion.course_id, sa.func.max(CourseVersion.number).label("number")).group_by(CourseVersion.course_id).subquery()
    rows = g.db.execute(
        sa.select(Course.id, CourseVersion.titles).join(CourseVersion, CourseVersion.course_id == Course.id)
        .join(newest, sa.and_(newest.c.course_id == Course.id, newest.c.number == CourseVersion.number))
    )
    return sorted(((str(id), pick(titles)) for id, titles in rows), key=lambda one: one[1])


def _today() -> date:
    now: datetime = clock.now()
    return now.astimezone(ZoneInfo(i18n.viewer_zone())).date()
