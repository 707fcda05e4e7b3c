"""What staff sees of courses: the list with all versions, and the preview with the right answers."""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from flask import g, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session, joinedload

from app.courses import rules
from app.courses.models import CourseVersion
from app.courses.queries import course_content, course_contents, versions
from app.courses.views import lesson_page
from app.courses.views.blueprint import bp
from app.courses.views.lesson_page import ShownLesson
from app.errors import NotFound
from app.http import guarded
from app.questions import shown as question_page


@bp.get("/courses")
@guarded("course.list")
def index() -> ResponseReturnValue:
    """Every course with its versions, languages and number of questions by outcome."""
    courses: dict[str, list[object]] = {}
    for row in (rows := versions(g.db)):
        courses.setdefault(row.slug, []).append(row)
    newest = {row.slug: row for row in reversed(rows)}
    contents = course_contents(g.db, [row.id for row in newest.values()])
    banks = {slug: rules.bank_by_outcome(contents[row.id]) for slug, row in newest.items()}
    return render_template(
        "courses/index.html", courses=courses, contents={slug: contents[row.id] for slug, row in newest.items()}, banks=banks
    )


def _version(db: Session, version_id: uuid.UUID) -> CourseVersion:
    found = db.scalar(sa.select(CourseVersion).where(CourseVersion.id == version_id).options(joinedload(CourseVersion.course)))
    if found is None:
        raise NotFound()
    return found


@bp.get("/courses/<uuid:version_id>")
@guarded("course.preview")
def version(version_id: uuid.UUID) -> ResponseReturnValue:
    """What a version holds: modules, lessons, tests, outcomes, sources, pictures."""
    row, content = _version(g.db, version_id), course_content(g.db, version_id)
    wanted = lesson_page.wanted_language(content)
    return render_template(
        "courses/version.html",
        version=row,
        wanted=wanted,
        bank=rules.bank_by_outcome(content),
        tongues=lesson_page.tongues(content),
        shown={lesson.id: ShownLesson(content, lesson, wanted) for lesson in content.lessons},
        **lesson_page.for_template(content, version_id),
    )


@bp.get("/courses/<uuid:version_id>/lessons/<lesson>/<int:page>")
@guarded("course.preview")
def preview(version_id: uuid.UUID, lesson: str, page: int) -> ResponseReturnValue:
    """A page of a lesson as the trainee reads it, with the trainer's notes beside it; with ?print=1 the handout."""
    content = course_content(g.db, version_id)
    found = content.lesson(lesson)
    if found is None:
        raise NotFound()
    shown = ShownLesson(content, found, lesson_page.wanted_language(content))
    if not 1 <= page <= len(shown.pages):
        raise NotFound()
    common = lesson_page.for_template(content, version_id)
    if request.args.get("print"):
        return render_template("courses/handout.html", shown=shown, version=_version(g.db, version_id), back=request.path, **common)
    return render_template(
        "courses/preview.html",
        version=_version(g.db, version_id),
        shown=shown,
        page=page,
        tongues=lesson_page.tongues(content),
        **common,
    )


@bp.get("/courses/<uuid:version_id>/questions/<module>")
@guarded("course.preview")
def questions(version_id: uuid.UUID, module: str) -> ResponseReturnValue:
    """The questions of a module with their right answers: for trainers and authors, never for a trainee."""
    content = course_content(g.db, version_id)
    found = next((one for one in content.modules if one.id == module), None)
    if found is None:
        raise NotFound()
    wanted = lesson_page.wanted_language(content)
    rows = []
    for question in found.questions:
        order = question_page.order_of(question, "")
        right = question.kind.right_answer(question.content, order)
        rows.append((question, question_page.review(question, wanted, order, right)))
    return render_template(
        "courses/questions.html",
        version=_version(g.db, version_id),
        module=found,
        rows=rows,
        wanted=wanted,
        outcomes={outcome.id: outcome for outcome in content.outcomes},
        tongues=lesson_page.tongues(content),
        **lesson_page.for_template(content, version_id),
    )
