"""The pictures and data files of a course version, for those who learn or look after it."""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from flask import Response, current_app, g, send_file
from flask.typing import ResponseReturnValue

from app import files
from app.courses import media as stored
from app.courses.queries import course_content
from app.courses.views.blueprint import bp
from app.errors import NotFound
from app.http import can, guarded, me
from app.runs.models import CourseRun, Enrolment


@bp.get("/media/<uuid:version_id>/<file>")
@guarded("page.home")
def media(version_id: uuid.UUID, file: str) -> ResponseReturnValue:
    """One file. A version never changes, so the browser may keep it; a drawing opened by itself can run nothing, data are a download."""
    if not can("course.list") and not _learns(version_id):
        raise NotFound()
    picture = course_content(g.db, version_id).pictures.get(file)
    if picture is None:
        raise NotFound()
    path = files.path_of(current_app.config["FOLDER"] / stored.FOLDER, picture.sha256)
    if not path.is_file():
        raise NotFound()
    response: Response = send_file(path, mimetype=stored.mime_of(file), etag=picture.sha256, conditional=True)
    response.headers["Cache-Control"] = "private, max-age=31536000, immutable"
    response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"
    response.headers["Content-Disposition"] = f'attachment; filename="{file}"' if file.endswith(".csv") else "inline"
    return response


def _learns(version_id: uuid.UUID) -> bool:
    """Whether who asks is enrolled in a run of this version."""
    query = (
        sa.select(Enrolment.id)
        .join(CourseRun, CourseRun.id == Enrolment.run_id)
        .where(Enrolment.person_id == me().person_id, CourseRun.course_version_id == version_id)
        .limit(1)
    )
    return g.db.scalar(query) is not None
