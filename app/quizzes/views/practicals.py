"""Pages of practical work: the trainee's task, the run's table, marking a person, the papers."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from flask import Response, current_app, g, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app import clock, files, i18n, lists, pdf
from app.courses import markdown, media
from app.courses.content import CourseContent, Practical
from app.courses.queries import course_content
from app.courses.views import lesson_page
from app.errors import Conflict, Invalid, NotFound, say
from app.http import audit, go, guarded, me, say_next
from app.people.models import Person
from app.policy import Target
from app.quizzes.models import PracticalWork
from app.quizzes.practicals import queries, rules, services
from app.quizzes.practicals.queries import Held
from app.quizzes.practicals.rules import SETTLED, SHAPES, STATES, Standing, State
from app.quizzes.practicals.services import GivenFile
from app.quizzes.views.attempt import my_enrolment
from app.quizzes.views.blueprint import bp
from app.quizzes.views.sight import Taught, person_of, taught
from app.runs.models import CourseRun, Enrolment
from app.runs.queries import Member
from app.runs.views.sight import days_of, title_of, where_of

FOLDER = "practicals"
# ---- the trainee -----------------------------------------------------------------------------------------------------


@bp.get("/learn/<uuid:enrolment_id>/practicals/<practical>")
@guarded("practical.do", my_enrolment)
def practical(enrolment: Enrolment, practical: str) -> ResponseReturnValue:
    """The task, what to hand in, and what came of it."""
    return _task(enrolment, practical)


@bp.post("/learn/<uuid:enrolment_id>/practicals/<practical>")
@guarded("practical.do", my_enrolment)
def hand_in_practical(enrolment: Enrolment, practical: str) -> ResponseReturnValue:
    """Hand in values, a file, or both."""
    id, task = enrolment.id, _practical(course_content(g.db, enrolment.run.course_version_id), practical)
    typed = {one.id: request.form.get(f"value-{one.id}", "") for one in task.values or []}
    try:
        file = _kept() if task.file else None
        services.hand_in(g.db, enrolment, task, values=typed, file=file, channel="pc", by=me().person_id, now=clock.now())
    except (Invalid, Conflict) as refused:
        g.db.rollback()
        return _task(my_enrolment(g.db, id)[0], practical, typed=typed, refused=refused)
    say_next(say("practical", "Your work is handed in."))
    return go("quizzes.practical", enrolment_id=id, practical=practical)


def _task(
    enrolment: Enrolment, practical: str, *, typed: Mapping[str, str] | None = None, refused: Invalid | Conflict | None = None
) -> ResponseReturnValue:
    content = course_content(g.db, enrolment.run.course_version_id)
    task, held = _practical(content, practical), _held(enrolment.id, practical)
    standing = held.standing(task)
    wanted = lesson_page.wanted_language(content, enrolment.language)
    may = (
        enrolment.state == "enrolled" and enrolment.run.state == "open" and rules.asks_for_work(task)
        and rules.may_hand_in(standing.state, bool(held.marks))
    )
    page = render_template(
        "practicals/task.html", enrolment=enrolment, content=content, task=task, held=held, standing=standing, STATES=STATES, SHAPES=SHAPES,
        typed=typed if typed is not None else (held.work.values if held.work else {}), may=may, wanted=wanted,
        faults=refused.fields if isinstance(refused, Invalid) else {}, refused=refused, html=markdown.html,
        tongue=lesson_page.Tongue(content.language_of(task.task, wanted)), tongues=lesson_page.tongues(content),
        asks=rules.asks_for_work(task), kinds=", ".join(rules.FILE_KINDS), limit=rules.LARGEST_FILE // 1024**2,
        rating=_decided(held) if standing.state in rules.DECIDED else {},
        right=rules.values_right(task, held.work.values) if held.work and standing.state in rules.DECIDED else {},
        lessons=[lesson for lesson in content.lessons if task.outcome in lesson.outcomes],
    )
    return page, (409 if isinstance(refused, Conflict) else 422) if refused else 200


def _practical(content: CourseContent, id: str) -> Practical:
    found = content.practical(id)
    if found is None:
        raise NotFound()
    return found


def _held(enrolment_id: uuid.UUID, practical: str) -> Held:
    return queries.held_of(g.db, [enrolment_id]).get(enrolment_id, {}).get(practical, Held())


def _decided(held: Held) -> Mapping[str, str]:
    """The checklist that counts."""
    mark = held.marks.get(SETTLED) or held.marks.get(1) or held.marks.get(2)
    return mark.items if mark else {}


def _kept() -> GivenFile | None:
    """The file that the form brings, kept on this node; None when none was chosen. Raises Invalid before anything is kept."""
    given = request.files.get("file")
    if given is None or not given.filename:
        return None
    with given.stream as stream:
        data = stream.read(rules.LARGEST_FILE + 1)
    size = max(len(data), given.content_length or 0)
    if fault := rules.file_fault(given.filename, size):
        raise Invalid(say("practical", "The file is not taken. Nothing was handed in yet."), fields={"file": fault})
    name = given.filename.replace("\\", "/").rpartition("/")[2]
    return GivenFile(name, size, files.keep(current_app.config["FOLDER"] / FOLDER, data))


# ---- the file --------------------------------------------------------------------------------------------------------


def the_work(db: Session, work_id: uuid.UUID) -> tuple[PracticalWork, Target]:
    """Work with a file: for who handed it in, the run's trainers and its class manager."""
    row = db.execute(
        sa.select(PracticalWork, Enrolment.person_id, CourseRun.code)
        .join(Enrolment, Enrolment.id == PracticalWork.enrolment_id).join(CourseRun, CourseRun.id == Enrolment.run_id)
        .where(PracticalWork.id == work_id)
    ).one_or_none()
    if row is None:
        raise NotFound()
    _, target = taught("practical.file")(db, row[2])
    return row[0], Target(path=target.path, owner=row[1], trainers=target.trainers)


@bp.get("/practicals/files/<uuid:work_id>")
@guarded("practical.file", the_work)
def work_file(work: PracticalWork) -> ResponseReturnValue:
    """A file as it was handed in: a download that no browser opens by itself."""
    data = files.kept(current_app.config["FOLDER"] / FOLDER, work.file_sha256) if work.file_sha256 else None
    if data is None:
        raise NotFound(say("practical", "This file is not on this server: it was handed in elsewhere, or it is gone."))
    audit("practical.file", about=str(work.enrolment_id), file=work.file_name)
    response = Response(data, mimetype="application/octet-stream")
    response.headers.set("Content-Disposition", "attachment", filename=work.file_name)
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox; frame-ancestors 'none'"
    return response


# ---- the run's table -------------------------------------------------------------------------------------------------


@bp.get("/runs/<code>/practicals")
@guarded("practical.mark", taught("practical.mark"))
def practicals(seen: Taught) -> ResponseReturnValue:
    """People by practicals: who has handed in, who is marked, where two raters differ."""
    works = queries.held_of(g.db, [one.enrolment_id for one in seen.members])
    stands = {one.enrolment_id: queries.standings(seen.content, works.get(one.enrolment_id, {})) for one in seen.members}
    waiting = {
        task.id: sum(_waits(stands[one.enrolment_id][task.id]) for one in seen.members) for task in seen.content.practicals
    }
    return render_template(
        "practicals/index.html", seen=seen, run=seen.run, title=title_of(seen.run), days=days_of(seen.run), where=where_of(seen.run),
        stands=stands, STATES=STATES, SHAPES=SHAPES, waiting=waiting, next=_next_to_mark(seen, stands), can_print=pdf.available(),
    )


def _waits(standing: Standing) -> bool:
    return standing.state in (State.HANDED_IN, State.HALF_MARKED, State.DIFFER)


def _next_to_mark(seen: Taught, stands: Mapping[uuid.UUID, Mapping[str, Standing]]) -> tuple[Practical, Member, int] | None:
    """The first task with somebody not decided, who that is, and how many they are."""
    for task in seen.content.practicals:
        left = [one for one in seen.members if stands[one.enrolment_id][task.id].state not in rules.DECIDED]
        if left and task.checklist:
            return task, left[0], len(left)
    return None


# ---- marking a person ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """What is to be marked here, and by whom."""

    number: int  # 1 | 2
    known: int  # newest number of that place
    second: bool  # the sheets of one rater are keyed in again, to find typing errors


@bp.get("/runs/<code>/practicals/<practical>/<uuid:enrolment_id>")
@guarded("practical.mark", person_of("practical.mark"))
def mark_practical(seen: Taught, practical: str) -> ResponseReturnValue:
    """The checklist of one person; with ?channel=paper as keyed in from a sheet."""
    return _marking(seen, practical)


@bp.post("/runs/<code>/practicals/<practical>/<uuid:enrolment_id>")
@guarded("practical.mark", person_of("practical.mark"))
def save_practical_mark(seen: Taught, practical: str) -> ResponseReturnValue:
    """Keep a checklist, or what two raters settled on, and go on to the next person."""
    task, enrolment, form = seen.practical(practical), seen.one, request.form
    code, id, paper, second = seen.run.code, enrolment.id, _on_paper(form), form.get("entry") == "2"
    settling = form.get("settle") == "yes"
    marked = {one.id: form.get(f"item-{one.id}", "") for one in task.checklist or []}
    typed = {one.id: form.get(f"value-{one.id}", "") for one in task.values or []}
    name = seen.member.name
    try:
        rater_id = _rater(seen, form.get("rater", "")) if paper and not settling else me().person_id
        held = _held(id, practical)
        if settling:
            agreed = next((one.items for place, one in sorted(held.marks.items()) if place != SETTLED), {})
            marked = {item: form.get(f"item-{item}") or (mark if item not in held.standing(task).differing else "") for item, mark in agreed.items()}
        if paper and not second and not settling and any(text.strip() for text in typed.values()):
            services.hand_in(g.db, enrolment, task, values=typed, file=None, channel="paper", by=me().person_id, now=clock.now())
        if task.checklist:
            services.mark(
                g.db, enrolment, task, items=marked, note=form.get("note", ""), channel="paper" if paper else "pc", rater_id=rater_id,
                by=me().person_id, now=clock.now(), place=SETTLED if settling else 2 if second and task.raters == 1 else None,
                known=_number(form.get(f"known-{rater_id}", form.get("known"))),
            )
    except (Invalid, Conflict) as refused:
        g.db.rollback()
        return _marking(person_of("practical.mark")(g.db, code, id)[0], practical, marked=marked, typed=typed, refused=refused)
    stand = _held(id, practical).standing(task)
    if stand.state is State.DIFFER:
        say_next(say("practical", "Saved. The two markings of {name} differ: settle the items named below.", name=name), "warn")
        return go("quizzes.mark_practical", code=code, practical=practical, enrolment_id=id)
    say_next(say("practical", "{name}: saved, {state}.", name=name, state=STATES[stand.state]))
    following = _following(seen, practical, rater_id, second=second)
    if following is None:
        return go("quizzes.practicals", code=code)
    return go(
        "quizzes.mark_practical", code=code, practical=practical, enrolment_id=following,
        **({"channel": "paper", "rater": str(rater_id)} if paper else {}), **({"entry": "2"} if second else {}),
    )


def _marking(
    seen: Taught, practical: str, *, marked: Mapping[str, str] | None = None, typed: Mapping[str, str] | None = None,
    refused: Invalid | Conflict | None = None,
) -> ResponseReturnValue:
    task, held = seen.practical(practical), _held(seen.one.id, practical)
    standing, paper = held.standing(task), _on_paper(request.values)
    second, names = request.values.get("entry") == "2", _names(seen)
    rater = request.values.get("rater", "") or (str(next(iter(names))) if len(names) == 1 else "")
    who = next((id for id in names if str(id) == rater), None) if paper else me().person_id
    place = _place(task, held, who, second=second)
    mine = held.marks.get(place.number) if place and who else None
    blind = task.raters == 2 and standing.state is State.HALF_MARKED
    order = [one.enrolment_id for one in seen.members]
    at = order.index(seen.one.id)
    page = render_template(
        "practicals/mark.html", seen=seen, run=seen.run, title=title_of(seen.run), task=task, held=held, member=seen.member, standing=standing,
        STATES=STATES, SHAPES=SHAPES, place=place, paper=paper, blind=blind, number_of=at + 1,
        marked=marked if marked is not None else (mine.items if mine else {}), note=request.form.get("note", mine.note if mine else ""),
        typed=typed if typed is not None else (held.work.values if held.work else {}),
        right=rules.values_right(task, held.work.values) if held.work else {}, critical=rules.critical_of(task),
        faults=refused.fields if isinstance(refused, Invalid) else {}, refused=refused, raters=_raters(held) | names,
        before=order[at - 1] if at else None, after=order[at + 1] if at + 1 < len(order) else None, names=names,
        settled=held.marks.get(SETTLED), rater=rater, known={id: place.known for id in names if (place := _place(task, held, id, second=second))},
    )
    return page, (409 if isinstance(refused, Conflict) else 422) if refused else 200


def _place(task: Practical, held: Held, rater_id: uuid.UUID | None, *, second: bool) -> Place | None:
    """Where a rater marks; None when two others have."""
    number = 2 if second and task.raters == 1 else rules.place_of(rater_id, held.raters, task.raters)
    if number is None:
        return None
    return Place(number, held.marks[number].number if number in held.marks else 0, second and task.raters == 1)


def _following(seen: Taught, practical: str, rater_id: uuid.UUID, *, second: bool) -> uuid.UUID | None:
    """Who comes next: after this person, then from the beginning, the first that this page still has to do with."""
    task = seen.practical(practical)
    works = queries.held_of(g.db, [one.enrolment_id for one in seen.members])
    order = [one.enrolment_id for one in seen.members]
    at = order.index(seen.one.id)
    for id in [*order[at + 1 :], *order[:at]]:
        held = works.get(id, {}).get(practical, Held())
        place = _place(task, held, rater_id, second=second)
        if place and place.known == 0 and SETTLED not in held.marks:
            return id
    return None


def _on_paper(values: Mapping[str, str]) -> bool:
    return values.get("channel") == "paper"


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 6 else 0


def _rater(seen: Taught, chosen: str) -> uuid.UUID:
    """The trainer whose sheet is keyed in. Raises Invalid."""
    names = _names(seen)
    found = next((id for id in names if str(id) == chosen), None)
    if found is None:
        raise Invalid(fields={"rater": say("practical", "Choose who marked this sheet.")})
    return found


def _names(seen: Taught) -> dict[uuid.UUID, str]:
    """Who may have marked: the trainers of the run, and who is here."""
    return {one.person_id: one.name for one in seen.teachers} | {me().person_id: me().name}


def _raters(held: Held) -> dict[uuid.UUID, str]:
    """Who has marked, whether a trainer of the run or not."""
    ids = {mark.rater_id for mark in held.marks.values()}
    rows = g.db.execute(sa.select(Person.id, Person.short_name).where(Person.id.in_(ids))) if ids else ()
    return {row.id: row.short_name for row in rows}


# ---- papers ----------------------------------------------------------------------------------------------------------


@bp.get("/runs/<code>/practicals/<practical>/paper/<sheet>")
@guarded("practical.mark", taught("practical.mark"))
def practical_paper(seen: Taught, practical: str, sheet: str) -> ResponseReturnValue:
    """`task`: the task with its data and places for the values. `checklists`: a blank checklist for each person."""
    task, run = seen.practical(practical), seen.run
    language = i18n.language()
    if sheet == "checklists":
        if not task.checklist:
            raise NotFound(say("practical", "This task has no checklist: it is marked by its values."))
        people = seen.members
    elif sheet == "task":
        people = []
    else:
        raise NotFound()
    data = pdf.paper(
        f"practicals/paper_{sheet}.html", language=language, title=seen.say(task.title), now=clock.now(), by=me().name, run=run, task=task,
        course=title_of(run), days=days_of(run), where=where_of(run), members=people, say_text=seen.say, critical=rules.critical_of(task),
        html=markdown.html, rows=_data_rows(seen, task), teachers=seen.teachers,
    )
    return lists.attachment(data, f"{run.code}-{practical}-{sheet}.pdf", rows=len(people) or None)


MOST_ROWS = 60


def _data_rows(seen: Taught, task: Practical) -> list[list[str]]:
    """The data file as lines for paper; none when it is too long for that, and the sheet then says so."""
    row = seen.content.pictures.get(task.data or "")
    data = files.kept(current_app.config["FOLDER"] / media.FOLDER, row.sha256) if row else None
    if not data:
        return []
    text = data.decode("utf-8-sig", "replace")
    delimiter = ";" if text.partition("\n")[0].count(";") > text.partition("\n")[0].count(",") else ","
    found = list(csv.reader(io.StringIO(text), delimiter=delimiter))
    return found if len(found) <= MOST_ROWS else []

