"""Pages of the centre for erasing a person's data on order: what goes and what stays is shown first, and the number is typed to confirm."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Blueprint, current_app, g, render_template, request
from flask.typing import ResponseReturnValue
from wtforms import StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from app import clock, errors
from app.errors import Conflict, Invalid, Message
from app.forms import Form
from app.http import after_commit, audit, go, guarded, me, say_next, status_of
from app.ops import backup_job
from app.people.models import Person
from app.people.names import tidy
from app.people.register_views import the_person, today
from app.sync import erasing

bp = Blueprint("erasing", __name__)
say: Any = errors.say  # WTForms takes labels for text: the page says them in its language

WORDS: Mapping[str, Message] = {
    "person": say("erase", "Service number, birth date, gender, the name in lists"),
    "person_name": say("erase", "Names"),
    "posting": say("erase", "Postings"),
    "nomination": say("erase", "Nominations: the reason and what was checked"),
    "enrolment": say("erase", "Places in runs: rank, post, why withdrawn"),
    "page_note": say("erase", "Own notes on pages"),
    "presence": say("erase", "Check-ins by phone and online"),
    "session_seat": say("erase", "Seats and places in wait-lists"),
    "notice": say("erase", "Notices"),
    "absence": say("erase", "Leave and duty shifts"),
    "trainer": say("erase", "Entry in the pool of trainers"),
    "trainer_step": say("erase", "Steps of accreditation"),
    "trainer_language": say("erase", "Languages as a trainer"),
    "entry_permit": say("erase", "Entry permits"),
    "home_release": say("erase", "Release letters"),
    "accreditation": say("erase", "Accreditations"),
    "pairing": say("erase", "Pairings of trainers"),
    "assignment": say("erase", "Assignments as a trainer"),
    "assignment_event": say("erase", "History of assignments"),
    "training_session": say("erase", "Sessions"),
    "certificate": say("erase", "Certificates: the name; the number stays in the register"),
    "certificate_event": say("erase", "Certificates: the reason of a change"),
    "answer": say("erase", "Answers in own words"),
    "sheet_entry": say("erase", "Answer sheets with own words"),
    "practical_work": say("erase", "Practical work with its files"),
    "practical_mark": say("erase", "Practical work: the rater's note"),
    "attendance_mark": say("erase", "Attendance: the note"),
    "attempt_event": say("erase", "Tests: the reason of a pause or a credit"),
    "granted_attempt": say("erase", "Attempts granted: the reason"),
    "mark_correction": say("erase", "Marks given anew: the reason"),
    "minutes_line": say("erase", "Minutes of a class: the name"),
    "taught": say("erase", "Who taught: the reason of a change"),
    "feedback_sheet": say("erase", "Feedback that names this person: the text"),
    "run_report": say("erase", "Reports of a run that name this person: the remarks"),
    "incident": say("erase", "Incidents that name this person: the note"),
    "class_day": say("erase", "Class days: the note"),
    "course_run": say("erase", "Runs: the note"),
    "meeting": say("erase", "Meetings: the reason of a cancellation"),
    "meeting_item": say("erase", "Timetable: own words"),
    "hand_over": say("erase", "Hand-overs: the reason"),
    "person_merge": say("erase", "Merged files: the reason"),
    "audit_event": say("erase", "Audit: names, numbers and file names"),
}


class EraseForm(Form):
    reason = TextAreaField(say("erase", "On whose order"), [InputRequired(), Length(max=500)])
    number = StringField(say("erase", "Service number, typed once more"), [InputRequired(), Length(max=40)])


def _page(person: Person, form: EraseForm, refused: Message | None = None) -> str:
    nightly = backup_job.folder_of(current_app.extensions["sabaq.config"])
    folders = [Path(current_app.config["FOLDER"]) / "backups", *([nightly] if nightly else [])]
    backups = sorted(path.name for folder in folders for path in folder.glob("*.db"))
    return render_template(
        "people/register/erase.html", officer=person, form=form, words=WORDS, preview=erasing.preview(g.db, person, backups=backups),
        refused=refused or erasing.why_not(g.db, person, by=me().person_id, today=today()),
    )


@bp.route("/people/<uuid:person_id>/erase", methods=["GET", "POST"])
@guarded("person.erase", the_person)
def erase(found: Person) -> ResponseReturnValue:
    """What an erasure does, and the order itself."""
    form, person_id = EraseForm(), found.id
    if request.method == "GET":
        audit("person.erase.read", about=str(person_id))
        return _page(found, form)
    config, database = current_app.extensions["sabaq.config"], current_app.extensions["sabaq.database"]
    try:
        if not form.validate():
            raise Invalid()
        if tidy(form.number.data or "") != found.service_number:
            raise Invalid(fields={"number": say("erase", "This is not the service number of this file. Compare it once more.")})
        gone = erasing.order(g.db, found, by=me().person_id, reason=form.reason.data or "", now=clock.now(), today=today())
    except (Invalid, Conflict) as refused:
        g.db.rollback()
        if isinstance(refused, Invalid):
            form.show(refused)
        return _page(the_person(g.db, person_id)[0], form, refused.message if isinstance(refused, Conflict) else None), status_of(refused)
    erasing.mark_wipe(config.folder)  # before it is stored: a power cut may come between

    def take_away() -> None:
        erasing.take_files_away(database, config, gone)

    after_commit(take_away)
    audit("person.erase", about=str(person_id), rows=gone.rows)
    say_next(say("erase", "The data was erased: {n} rows. Class servers follow at their next contact. The copies named on the page before hold it until they are removed.", n=gone.rows))
    return go("register.index")
