"""Teach mode: a lesson on the projector page by page, the trainer's notes beside it, and the room's PCs that follow."""

from __future__ import annotations

from dataclasses import dataclass

from flask import g, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import clock
from app.courses.content import CourseContent
from app.courses.queries import course_content
from app.courses.views import lesson_page
from app.courses.views.learn import my_enrolment
from app.courses.views.lesson_page import ShownLesson
from app.errors import NotFound
from app.http import go, guarded, me
from app.runs.models import CourseRun, Enrolment
from app.runs.views.sight import title_of
from app.schedule import queries, services
from app.schedule.models import TeachScreen
from app.schedule.views.blueprint import bp
from app.schedule.views.finding import held_by, lines_of_today

TEACH = "run.teach"

@bp.get("/runs/<code>/teach")
@guarded(TEACH, held_by(TEACH))
def lessons(run: CourseRun) -> ResponseReturnValue:
    """Choose what to project: today's lessons first."""
    content = course_content(g.db, run.course_version_id)
    wanted = lesson_page.wanted_language(content)
    today = [item.ref for item in lines_of_today(run, clock.now()) if item.kind == "lesson"]
    screen = _now(run)
    return render_template(
        "schedule/teach_lessons.html", run=run, title=title_of(run), content=content, wanted=wanted, screen=screen,
        shown={one.id: ShownLesson(content, one, wanted) for one in content.lessons}, today=today, tongues=lesson_page.tongues(content),
    )


def _on(run: CourseRun, lesson: str, page: int) -> tuple[CourseContent, ShownLesson]:
    content = course_content(g.db, run.course_version_id)
    found = content.lesson(lesson)
    if found is None:
        raise NotFound()
    shown = ShownLesson(content, found, lesson_page.wanted_language(content))
    if not 1 <= page <= len(shown.pages):
        raise NotFound()
    return content, shown


@dataclass(frozen=True)
class Way:
    """Where the keys of the projector lead: addresses that project the page they name."""

    back: str
    forward: str
    first: str
    last: str


def _way(run: CourseRun, content: CourseContent, shown: ShownLesson, page: int) -> Way:
    lessons, at = content.lessons, content.lessons.index(shown.lesson)

    def address(lesson: int, to: int) -> str:
        return url_for("schedule.project", code=run.code, lesson=lessons[lesson].id, page=to)

    pages = len(shown.pages)
    before = ShownLesson(content, lessons[at - 1], shown.wanted) if at else None
    return Way(
        back=address(at, page - 1) if page > 1 else address(at - 1, len(before.pages)) if before else "",
        forward=address(at, page + 1) if page < pages else address(at + 1, 1) if at + 1 < len(lessons) else "",
        first=address(at, 1), last=address(at, pages),
    )


@bp.get("/runs/<code>/teach/<lesson>/<int:page>")
@guarded(TEACH, held_by(TEACH))
def screen(run: CourseRun, lesson: str, page: int) -> ResponseReturnValue:
    """A page of a lesson on the projector. With ?notes=1 what the trainer sees of it on a screen of his own."""
    content, shown = _on(run, lesson, page)
    notes = "notes" in request.args
    return render_template(
        "schedule/teach_notes.html" if notes else "schedule/teach.html", run=run, title=title_of(run), shown=shown, page=page, notes=notes,
        way=_way(run, content, shown, page), screen=_now(run), **lesson_page.for_template(content, run.course_version_id),
    )


@bp.post("/runs/<code>/teach/<lesson>/<int:page>")
@guarded(TEACH, held_by(TEACH))
def project(run: CourseRun, lesson: str, page: int) -> ResponseReturnValue:
    """Project a page. `follow` on or off says whether the room's PCs show it too."""
    code = run.code
    _on(run, lesson, page)
    follow = {"on": True, "off": False}.get(request.form.get("follow", ""))
    services.project(g.db, run, lesson=lesson, page=page, by=me().person_id, now=clock.now(), follows=follow)
    extra = {"notes": 1} if "notes" in request.args else {}
    return go("schedule.screen", code=code, lesson=lesson, page=page, **extra)


@bp.post("/runs/<code>/teach/end")
@guarded(TEACH, held_by(TEACH))
def end(run: CourseRun) -> ResponseReturnValue:
    """Stop projecting: the room's PCs are free again."""
    code, screen = run.code, queries.screen_of(g.db, run.id)
    if screen is not None:
        services.project(g.db, run, lesson=screen.lesson, page=screen.page, by=me().person_id, now=clock.now(), follows=False)
    return go("schedule.lessons", code=code)


@bp.get("/runs/<code>/teach/screen")
@guarded(TEACH, held_by(TEACH))
def now_shown(run: CourseRun) -> ResponseReturnValue:
    """What is projected now: for the trainer's other window."""
    found = _now(run)
    if found is None:
        return jsonify(lesson=None, page=None, follows=False, url=None, notes=None)
    address = url_for("schedule.screen", code=run.code, lesson=found.lesson, page=found.page)
    return jsonify(lesson=found.lesson, page=found.page, follows=found.follows, url=address, notes=f"{address}?notes=1")


def _now(run: CourseRun) -> TeachScreen | None:
    return queries.projected(g.db, run, clock.now())


# ---- the room's PCs --------------------------------------------------------------------------------------------------


@bp.get("/learn/<uuid:enrolment_id>/follow")
@guarded("course.learn", my_enrolment)
def follow(enrolment: Enrolment) -> ResponseReturnValue:
    """Where the room is, for a trainee's lesson page."""
    found = queries.followed(g.db, enrolment.run, clock.now())
    if found is None:
        return jsonify(follows=False)
    return jsonify(follows=True, url=url_for("courses.page", enrolment_id=enrolment.id, lesson=found.lesson, page=found.page))


@bp.get("/learn/<uuid:enrolment_id>/follow/go")
@guarded("course.learn", my_enrolment)
def follow_go(enrolment: Enrolment) -> ResponseReturnValue:
    """To the page that the room is on; to the course when everybody is free."""
    found = queries.followed(g.db, enrolment.run, clock.now())
    if found is None:
        return go("courses.course", enrolment_id=enrolment.id)
    return redirect(url_for("courses.page", enrolment_id=enrolment.id, lesson=found.lesson, page=found.page), code=303)
