"""The session report of a run: one page with what was done and what came of it, signed, and its way up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import sqlalchemy as sa
from flask import g, render_template, request
from flask.typing import ResponseReturnValue

from app import clock, i18n, lists, pdf
from app.errors import Conflict, Invalid, Message, say
from app.feedback import queries as feedback
from app.feedback.rules import FEWEST, STATEMENTS
from app.http import can, go, guarded, me, say_next, status_of
from app.people.signing_in import class_manager
from app.policy import Target
from app.progress.rules import FEWEST_PAIRS, means
from app.quizzes.models import Attempt, Incident
from app.runs import queries, reporting, rules
from app.runs.models import CourseRun, Enrolment
from app.runs.rules import Gap
from app.runs.views.blueprint import bp
from app.runs.views.sight import (
    Inside,
    days_of,
    given_by,
    inside_of,
    seen_by,
    standing_of,
    the_run,
    title_of,
    today_of,
    where_of,
)
from app.schedule.queries import meetings_of, minutes_attended, statuses_of, taught_at


@dataclass(frozen=True)
class Figures:
    """What the report says of a run, each figure with its base."""

    nominated: int
    enrolled: int
    walk_ins: int
    meetings: int
    hours_planned: Fraction
    attendance: Fraction | None
    pre: int
    post: int
    passed: int
    means: Any
    practicals_passed: int | None
    completed: int
    participated: int
    certificates: int
    retests: int
    on_paper: int


def figures_of(run: CourseRun, inside: Inside) -> Figures:
    """The figures of a run, from the same facts as every other page."""
    ids = [one.enrolment_id for one in inside.members]
    hours = minutes_attended(g.db, ids)
    meetings = [one for one in meetings_of(g.db, run.id) if one.state != "cancelled" and one.starts_at <= clock.now()]  # as the hours count them
    progress = [inside.progress[one] for one in ids]
    planned = sum(one.planned for one in hours.values())
    verdicts = [one.verdict.value for one in progress]
    attempts = g.db.execute(
        sa.select(Attempt.kind, Attempt.number, Attempt.channel).join(Enrolment, Enrolment.id == Attempt.enrolment_id).where(Enrolment.run_id == run.id)
    ).all()
    return Figures(
        nominated=sum(one.nomination.state != "withdrawn" for one in queries.nominations_of(g.db, run)), enrolled=len(ids),
        walk_ins=g.db.scalar(sa.select(sa.func.count()).where(Enrolment.run_id == run.id, Enrolment.walk_in, Enrolment.state == "enrolled")) or 0,
        meetings=len(meetings), hours_planned=Fraction(max((one.planned for one in hours.values()), default=0), 60),
        attendance=Fraction(sum(one.minutes for one in hours.values()), planned) if planned else None,
        pre=sum(one.pre is not None for one in progress), post=sum(one.post is not None for one in progress),
        passed=sum(one.post is not None and one.post >= one.facts.pass_mark for one in progress),
        means=means((one.pre, one.post) for one in progress),
        practicals_passed=sum(one.practical == "passed" for one in progress) if any(one.practicals for one in progress) else None,
        completed=verdicts.count("completed"), participated=verdicts.count("participated"),
        certificates=sum(id in inside.certificates for id in ids),
        retests=sum(kind in ("post-test", "exam") and number > 1 for kind, number, _ in attempts), on_paper=sum(channel == "paper" for *_, channel in attempts),
    )


def more_gaps(run: CourseRun, inside: Inside) -> list[Gap]:
    """What else is missing to close a run: attendance, marks, practical work, feedback, the report."""
    found = []
    ids = [one.enrolment_id for one in inside.members]
    held = [one for one in meetings_of(g.db, run.id) if one.state != "cancelled" and one.starts_at <= clock.now()]
    noted = statuses_of(g.db, [one.id for one in held])
    unset = sum(1 for meeting in held for id in ids if (mark := noted.get((meeting.id, id))) is None or mark.status == "unset")
    if not held and ids:
        found.append(Gap("meetings", say("close", "No meeting is on record, so no hours were attended")))
    elif unset:
        found.append(Gap("attendance", say("close", "Lines of attendance that nobody has set: {n}", n=unset)))
    waiting = g.db.scalar(
        sa.select(sa.func.count()).select_from(Attempt).join(Enrolment, Enrolment.id == Attempt.enrolment_id)
        .where(Enrolment.run_id == run.id, Attempt.state.in_(("handed-in", "closed")), Attempt.score.is_(None))
    )
    if waiting:
        found.append(Gap("marks", say("close", "Tests whose free texts are not marked: {n}", n=waiting)))
    without = sum(bool(inside.progress[id].practicals) and not inside.progress[id].practical for id in ids)
    if without:
        found.append(Gap("practicals", say("close", "People whose practical work is not marked: {n}", n=without)))
    given = feedback.counts_of(g.db, [run.id]).get(run.id, 0)
    if given < len(ids):
        found.append(Gap("feedback", say("close", "Feedback forms that have not come in: {n} of {total}", n=len(ids) - given, total=len(ids))))
    report = reporting.reports_of(g.db, [run.id]).get(run.id)
    if report is None or (report.made_at is None and not report.missing_why):
        found.append(Gap("report", say("close", "The session report is not made")))
    return found


# ---- pages -----------------------------------------------------------------------------------------------------------

READ = "run.results"


@bp.get("/runs/<code>/report")
@guarded(READ, seen_by(READ))
def report(run: CourseRun) -> ResponseReturnValue:
    """The report as it stands: figures, remarks, where it is on its way up."""
    return _page(run)


def _page(run: CourseRun, error: Message | None = None) -> str:
    return render_template("runs/report.html", **_facts(run), error=error, **_may(run))


def _may(run: CourseRun) -> dict[str, bool]:
    office = Target(path=run.office.path)
    room = Target(path=run.classroom.office.path) if run.classroom else office
    return {"may_make": any(can("run.close", one) for one in (office, room)), "may_receive": can("run.decide", office)}


def _facts(run: CourseRun) -> dict[str, Any]:
    inside = inside_of(run)
    made = reporting.reports_of(g.db, [run.id]).get(run.id)
    meetings = meetings_of(g.db, run.id)
    taught = taught_at(g.db, [one.id for one in meetings])
    said = feedback.said_in(g.db, run.id)
    incidents = g.db.scalars(sa.select(Incident).where(Incident.run_id == run.id).order_by(Incident.from_at)).all()
    undecided = queries.counts_of(g.db, [run.id])[run.id].undecided
    state = reporting.state_of(run, made, today_of(run))
    return {
        "run": run, "course": title_of(run), "days": days_of(run), "where": where_of(run), "inside": inside, "figures": figures_of(run, inside),
        "report": made, "state": state, "states": rules.REPORT_STATES, "due_on": rules.report_due_on(run.ends_on), "taught": _names(meetings, taught),
        "feedback": said, "statements": STATEMENTS, "fewest": FEWEST, "fewest_pairs": FEWEST_PAIRS, "incidents": incidents, "whole": inside.paths is None,
        "gaps": [one for one in (*rules.gaps(standing_of(run, inside, undecided)), *more_gaps(run, inside)) if one.code != "report"],
        "manager": class_manager(g.db, (run.classroom.office if run.classroom else run.office).path, today_of(run)),
    }


def _names(meetings: Sequence[Any], taught: dict[Any, Any]) -> list[tuple[str, int, str]]:
    """Who taught how many meetings, with the part: planned, substitute, guest."""
    counts: dict[tuple[str, str], int] = {}
    for meeting in meetings:
        for one in taught.get(meeting.id, ()):
            counts[one.name, one.row.part] = counts.get((one.name, one.row.part), 0) + 1
    return [(name, n, part) for (name, part), n in counts.items()]


@bp.get("/runs/<code>/report.pdf")
@guarded(READ, seen_by(READ))
def report_paper(run: CourseRun) -> ResponseReturnValue:
    """The report on one page, to be signed."""
    code = run.code
    data = pdf.paper(
        "runs/paper_report.html", language=i18n.language(), title=i18n.t("report", "Session report, {code}", code=code),
        styles=("print.css", "print-reports.css"), by=me().name, now=clock.now(), **_facts(run),
    )
    return lists.attachment(data, f"{code}-report.pdf", inline=True)


def _done(run: CourseRun, deed: Callable[[], object], sentence: Message) -> ResponseReturnValue:
    code = run.code
    try:
        deed()
    except (Conflict, Invalid) as refused:
        g.db.rollback()
        message = next(iter(refused.fields.values()), refused.message) if isinstance(refused, Invalid) else refused.message
        return _page(the_run(g.db, code), message), status_of(refused)
    say_next(sentence)
    return go("runs.report", code=code)


@bp.post("/runs/<code>/report")
@guarded("run.close", given_by("run.close"))
def make_report(run: CourseRun) -> ResponseReturnValue:
    """Make it, with remarks; or say why there is none."""
    if request.form.get("go") == "missing":
        return _done(
            run, lambda: reporting.excuse(g.db, run, reason=request.form.get("reason", "")[:1000], by=me().person_id, now=clock.now()),
            say("report", "It is noted why there is no report."),
        )
    return _done(
        run, lambda: reporting.make(g.db, run, remarks=request.form.get("remarks", "")[:4000], by=me().person_id, now=clock.now()),
        say("report", "The report is made. Print it, have it signed and send it up."),
    )


@bp.post("/runs/<code>/report/received")
@guarded("run.decide", given_by("run.decide"))
def receive_report(run: CourseRun) -> ResponseReturnValue:
    """The signed report has arrived."""
    return _done(run, lambda: reporting.receive(g.db, run, by=me().person_id, now=clock.now()), say("report", "The report is noted as received."))
