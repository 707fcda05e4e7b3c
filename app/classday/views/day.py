"""The guided page of a class day, its live part, opening with the daily check, steps, notes, seats out of order, closing."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from flask import current_app, g, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import clock, i18n
from app.classday import rules, services
from app.classday.forms import CheckForm, CloseForm, LineForm
from app.classday.queries import Day, Line
from app.classday.rules import Kind
from app.classday.views import now
from app.classday.views.blueprint import OfClass, bp, day_of, link, the_class
from app.classday.views.room import board_of
from app.errors import DomainError, Invalid, Message, say
from app.http import can, go, guarded, me, say_next, status_of
from app.i18n import pick
from app.ops import backup, backup_job
from app.ops.doctor import exam_faults
from app.policy import Target
from app.runs.queries import trainers_of
from app.runs.views.sight import places_of, the_run, title_of, where_of
from app.schedule.minutes import NOTE, SENTENCES

LINES = 12  # of the minutes beside the board; the rest is on paper


# ---- the page --------------------------------------------------------------------------------------------------------


@bp.get("/class/<code>/<day>")
@guarded("class.day", the_class("class.day"))
def day(of: OfClass) -> ResponseReturnValue:
    """The day: what is now, the board, the room, the minutes."""
    return page(of)


def page(of: OfClass, refused: Message | None = None, status: int = 200) -> ResponseReturnValue:
    """The page of the day, also with a sentence about what was refused: no refusal stops a room."""
    found = day_of(of)
    teachers = trainers_of(g.db, [of.run.id]).get(of.run.id, [])
    may = _may(of)
    text = render_template(
        "classday/day.html", **_live(found), title=title_of(of.run), where=where_of(of.run), teachers=teachers, faults=_faults(), backup=last_backup(),
        refused=refused, may=may, form=LineForm(formdata=None), print_lists=_lists(found, slips=may["slips"]),
    )
    return text, status


@bp.get("/class/<code>/<day>/live")
@guarded("class.day", the_class("class.day"))
def live(of: OfClass) -> ResponseReturnValue:
    """What changes on the page, asked for every two seconds by its script. A poll keeps no sign-in alive."""
    return render_template("classday/live.html", **_live(day_of(of)), may=_may(of))


def _live(found: Day) -> dict[str, Any]:
    board = board_of(found)
    return {
        "d": found, "at": now.at(found), "steps": now.steps_of(found), "panel": now.panel_of(found, running=board.running),
        "board": board, "lines": [sentence(found, line) for line in found.lines[:LINES]], "more_lines": max(0, len(found.lines) - LINES),
    }


def _may(of: OfClass) -> dict[str, bool]:
    places = [Target(path=path) for path in places_of(of.run)]
    over = of.run.state not in ("planned", "open") or of.run.owner_node != g.db.info["node"]
    return {
        "enrol": not over and any(can("class.enrol", one) for one in places),
        "slips": not over and any(can("run.slips", one) for one in places),
        "decide": not over and can("run.decide", places[0]),
        "room": any(can("classroom.keep", one) for one in places),
    }


def _lists(found: Day, *, slips: bool) -> str:
    """What is printed before people come: the sheet that they sign; without meetings there is none, then the slips."""
    if found.meetings:
        return link("schedule.sheet", code=found.run.code)
    return link("runs.slips", code=found.run.code) if slips else ""


def _faults() -> list[Message]:
    return exam_faults(current_app.config, current_app.extensions["sabaq.database"])


def last_backup() -> datetime | None:
    """When the newest copy of the node was made."""
    nightly = backup_job.folder_of(current_app.extensions["sabaq.config"])
    folders = [Path(current_app.config["FOLDER"]) / "backups", *([nightly] if nightly else [])]
    return max((at for folder in folders if (at := backup.newest(folder)) is not None), default=None)


@dataclass(frozen=True)
class Said:
    """A line of the minutes in words."""

    at: datetime
    text: str
    note: str
    by: str | None


def sentence(found: Day, line: Line) -> Said:
    """A line of the minutes in the reader's language: what the program noted, or own words."""
    if line.what == NOTE or line.what not in SENTENCES:
        return Said(line.at, line.note, "", line.by)
    params = {name: pick(value) if isinstance(value, Mapping) else value for name, value in line.detail.items()}
    known = SENTENCES[line.what]
    return Said(line.at, i18n.say(Message(known.context, known.text, params)), line.note, line.by)


# ---- opening ---------------------------------------------------------------------------------------------------------


@bp.get("/class/<code>/<day>/open")
@bp.post("/class/<code>/<day>/open", endpoint="save_check")
@guarded("class.day", the_class("class.day"))
def check(of: OfClass) -> ResponseReturnValue:
    """The look round the room before a day's work; opens the class."""
    form = CheckForm()
    if form.is_submitted() and form.validate():
        try:
            services.open_class(
                g.db, of.run, day=of.day, found=form.found(), note=form.note.data or "", by=me().person_id, now=clock.now()
            )
        except DomainError as refusal:
            return refused_here(of, refusal, form, "classday/check.html", points=rules.CHECK)
        say_next(say("class", "The class is open."))
        return go("classday.day", **of.at)
    return render_template("classday/check.html", of=of, form=form, title=title_of(of.run), points=rules.CHECK), 422 if form.errors else 200


def refused_here(of: OfClass, refusal: DomainError, form: Any, template: str, **facts: Any) -> ResponseReturnValue:
    """The form again with what was typed and why it was not taken."""
    g.db.rollback()
    of = again(of)
    form.show(as_invalid(refusal))
    return render_template(template, of=of, form=form, title=title_of(of.run), **facts), status_of(refusal)


def again(of: OfClass) -> OfClass:
    """The same day, read anew after a rollback."""
    return OfClass(the_run(g.db, of.at["code"]), of.day)


def back_with(of: OfClass, refusal: DomainError) -> ResponseReturnValue:
    """Back to the page of the day with a sentence about what was refused."""
    at = of.at
    g.db.rollback()
    say_next(refusal.message, "bad")
    return go("classday.day", **at)


# ---- steps and notes -------------------------------------------------------------------------------------------------


@bp.post("/class/<code>/<day>/step")
@guarded("class.day", the_class("class.day"))
def note_step(of: OfClass) -> ResponseReturnValue:
    """The lessons of the day begin, or are over."""
    what = request.form.get("what", "")
    at = of.at
    try:
        if what in ("lessons", "lessons-over"):
            services.note_step(g.db, of.run, day=of.day, what=what, by=me().person_id, now=clock.now())
    except DomainError as refusal:
        return back_with(of, refusal)
    return go("classday.day", **at)


@bp.get("/class/<code>/<day>/minutes")
@bp.post("/class/<code>/<day>/minutes", endpoint="add_line")
@guarded("class.day", the_class("class.day"))
def lines(of: OfClass) -> ResponseReturnValue:
    """All lines of the minutes, and one more in own words."""
    form, at = LineForm(), of.at
    if form.is_submitted() and form.validate():
        try:
            services.add_note(g.db, of.run, day=of.day, text=form.text.data or "", by=me().person_id, now=clock.now())
        except DomainError as refusal:
            g.db.rollback()
            of = again(of)
            form.show(as_invalid(refusal))
        else:
            return go("classday.day", **at)
    found = day_of(of)
    return render_template(
        "classday/lines.html", of=of, d=found, form=form, title=title_of(of.run), lines=[sentence(found, line) for line in found.lines],
    ), 422 if form.errors else 200


def as_invalid(refusal: DomainError) -> Invalid:
    """Any refusal, to be shown above a form."""
    return refusal if isinstance(refusal, Invalid) else Invalid(refusal.message)


# ---- a PC that breaks ------------------------------------------------------------------------------------------------


@bp.post("/class/<code>/<day>/seats/<uuid:seat_id>")
@guarded("class.day", the_class("class.day"))
def mark_seat(of: OfClass, seat_id: uuid.UUID) -> ResponseReturnValue:
    """A PC is out of order, or works again. Whoever had it is offered a free one."""
    state = "broken" if request.form.get("state") == "broken" else "works"
    at = of.at
    try:
        had = services.mark_seat(g.db, of.run, seat_id=seat_id, state=state, by=me().person_id, now=clock.now())
    except DomainError as refusal:
        return back_with(of, refusal)
    if state == "broken" and had:
        found = day_of(of)
        free = found.free_seats()
        names = i18n.listing(had)
        if free:
            say_next(say("class", "{who} had this PC. Free: seat {seat}. Move them on the board or in the seat plan.", who=names, seat=free[0].label), "warn")
        else:
            say_next(say("class", "{who} had this PC and no other is free: pause the test, or put them into another wave.", who=names), "warn")
    return go("classday.day", **at)


# ---- closing ---------------------------------------------------------------------------------------------------------


@bp.get("/class/<code>/<day>/close")
@bp.post("/class/<code>/<day>/close", endpoint="save_close")
@guarded("class.day", the_class("class.day"))
def close(of: OfClass) -> ResponseReturnValue:
    """What is missing today, in words; then the class is closed."""
    form, at = CloseForm(), of.at
    if form.is_submitted() and form.validate():
        try:
            services.close_class(g.db, of.run, day=of.day, by=me().person_id, now=clock.now(), note=form.note.data or "")
        except DomainError as refusal:
            g.db.rollback()
            of = again(of)
            form.show(as_invalid(refusal))
        else:
            say_next(say("class", "The class is closed. Print the minutes and have them signed."))
            return go("classday.day", **at)
    found = day_of(of)
    return render_template(
        "classday/close.html", of=of, form=form, title=title_of(of.run), gaps=_gaps(found), d=found, backup=last_backup(),
        can_back_up=current_app.extensions["sabaq.database"].name == "sqlite",
    ), 422 if form.errors else 200


def _gaps(found: Day) -> list[str]:
    """What is not done yet, each with a number; nothing here stops anybody but a test that still runs."""
    gaps = []
    for step in rules.steps(found.facts):
        if step.kind is not Kind.TEST:
            continue
        test, name = found.facts.test(step.quiz), now.short_title(found, step.quiz)
        if test.running is not None:
            gaps.append(i18n.t("class", "{quiz} is still started for the room: end it first.", quiz=name))
        elif not test.started and not test.handed_in:
            gaps.append(i18n.t("class", "{quiz} was not taken today.", quiz=name))
        elif test.handed_in < test.expected:
            gaps.append(i18n.t("class", "{quiz}: {n} of {total} have handed in.", quiz=name, n=test.handed_in, total=test.expected))
        if test.at_work and test.running is None:
            gaps.append(i18n.nt("class", "{quiz}: {n} attempt is still open.", "{quiz}: {n} attempts are still open.", test.at_work, quiz=name))
    if found.facts.seated < found.facts.expected:
        gaps.append(i18n.t("class", "Signed in today: {n} of {total}.", n=found.facts.seated, total=found.facts.expected))
    if found.incident is not None:
        gaps.append(i18n.t("class", "The room is still paused by an outage: resume it first."))
    if provisional := [one.name for one in found.people if one.provisional]:
        gaps.append(i18n.t("class", "Registered here and not confirmed by the centre yet: {who}.", who=i18n.listing(provisional).removesuffix(".")))  # "Bekova A." ends the sentence
    return gaps


@bp.post("/class/<code>/<day>/backup")
@guarded("class.day", the_class("class.day"))
def back_up(of: OfClass) -> ResponseReturnValue:
    """A checked copy of the server's database, at the end of the day."""
    at = of.at
    g.db.rollback()  # the copy is made outside any transaction
    try:
        backup.create(current_app.extensions["sabaq.database"], current_app.extensions["sabaq.config"])
    except DomainError as refusal:
        say_next(refusal.message, "bad")
    else:
        say_next(say("class", "The database was copied and the copy was checked."))
    return go("classday.close", **at)


def way_back(of: OfClass) -> str:
    """The address of the day's page."""
    return url_for("classday.day", **of.at)
