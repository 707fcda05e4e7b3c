"""Sign-in slips for a whole run or one person."""

from __future__ import annotations

import uuid
from collections import Counter

from flask import Response, g, make_response, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app import clock, i18n, pdf
from app.errors import Invalid, NotFound, say
from app.http import audit, guarded, me
from app.ids import new_pin
from app.people.credentials import hash_pin
from app.policy import Target
from app.runs import queries, services
from app.runs.models import CourseRun
from app.runs.queries import Member
from app.runs.views.blueprint import bp
from app.runs.views.sight import (
    days_of,
    given_by,
    title_of,
    where_of,
)
from app.schedule.minutes import write_line
from app.schedule.queries import seat_labels


@bp.get("/runs/<code>/slips")
@guarded("run.slips", given_by("run.slips"))
def slips(run: CourseRun) -> ResponseReturnValue:
    """What printing slips does, before it is done."""
    members = queries.roster(g.db, run.id)
    return render_template(
        "runs/slips.html", run=run, title=title_of(run), days=days_of(run), where=where_of(run), members=members,
        old=sum(one.slip for one in members), can_print=pdf.available(),
    )


@bp.post("/runs/<code>/slips")
@guarded("run.slips", given_by("run.slips"))
def print_slips(run: CourseRun) -> ResponseReturnValue:
    """New PINs for everybody of a run, on slips that are printed once."""
    return _slips(run, queries.roster(g.db, run.id))


def the_member(db: Session, code: str, enrolment_id: uuid.UUID) -> tuple[tuple[CourseRun, Member], Target]:
    """One person of a run, for what the class does with him."""
    run, target = given_by("run.slips")(db, code)
    member = next((one for one in queries.roster(db, run.id) if one.enrolment_id == enrolment_id), None)
    if member is None:
        raise NotFound()
    return (run, member), target


@bp.get("/runs/<code>/slips/<uuid:enrolment_id>")
@guarded("run.slips", the_member)
def slip(found: tuple[CourseRun, Member]) -> ResponseReturnValue:
    """A new slip for one person: the second of two clicks is the button."""
    run, member = found
    return render_template(
        "runs/slips.html", run=run, title=title_of(run), days=days_of(run), where=where_of(run), members=[member], old=int(member.slip), one=member,
        can_print=pdf.available(),
    )


@bp.post("/runs/<code>/slips/<uuid:enrolment_id>")
@guarded("run.slips", the_member)
def print_slip(found: tuple[CourseRun, Member]) -> ResponseReturnValue:
    """A new PIN for one person; the old one is dead."""
    run, member = found
    return _slips(run, [member])


def _slips(run: CourseRun, members: list[Member]) -> ResponseReturnValue:
    """Digits, hashes and the paper are made first; the short write comes last, and its refusal throws them away."""
    if not members:
        raise Invalid(say("slip", "Nobody is enrolled: there are no slips to print."))
    code, pins = run.code, {one.person_id: new_pin() for one in members}
    hashes = {person_id: hash_pin(pin) for person_id, pin in pins.items()}
    seats, planned = queries.seats_of(g.db, run.classroom_id), seat_labels(g.db, run.id)
    common = Counter(one.language for one in members).most_common(1)[0][0]
    body = []
    for member in members:
        with i18n.speaking(member.language):
            by_number = seats[member.number - 1] if member.mode == "class" and member.number <= len(seats) and not planned else ""
            seat = planned.get(member.enrolment_id, by_number)
            body.append(
                render_template(
                    "runs/paper_slip.html", run=run, course=title_of(run), where=where_of(run), days=days_of(run), member=member,
                    pin=pins[member.person_id], seat=seat,
                )
            )
    with i18n.speaking(common):
        title = i18n.t("slip", "Sign-in slips, run {code}", code=code)
    html = f'<div class="slip-grid">{"".join(body)}</div>'
    as_page = "as_page" in request.form
    data = b"" if as_page else pdf.write(html, language=common, title=title, body_class="slips")
    services.issue_slips(g.db, run, pin_hashes=hashes, by=me().person_id, now=clock.now())
    if len(members) == 1:
        write_line(g.db, run, what="slip", by=me().person_id, now=clock.now(), people=[members[0].person_id])
    for member in members:
        audit("slip.issue", about=code, person_id=str(member.person_id), number=member.service_number)
    if as_page:
        return render_template("runs/slips_page.html", slips=body, code=code)
    return _file(data, f"{code}-slips.pdf")


def _file(data: bytes, name: str) -> Response:
    response = make_response(data)
    response.headers["Content-Type"] = "application/pdf"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    return response
