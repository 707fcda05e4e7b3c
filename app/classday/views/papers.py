"""What is printed at the end of a class day: the list of papers, and the minutes with outages and signatures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from flask import g, render_template, url_for
from flask.typing import ResponseReturnValue

from app import clock, i18n, lists, pdf
from app.classday import queries
from app.classday.queries import Day
from app.classday.views import now
from app.classday.views.blueprint import OfClass, bp, day_of, link, the_class
from app.classday.views.day import sentence
from app.courses.queries import course_content
from app.http import can, guarded, me
from app.people.signing_in import class_manager
from app.policy import Target
from app.runs.queries import trainers_of
from app.runs.views.sight import places_of, teaching, title_of, where_of
from app.schedule.queries import counts_of, meetings_of
from app.schedule.rules import Status
from app.schedule.views import finding


@dataclass(frozen=True)
class Paper:
    """A paper of the day: what it is for, and where it is made."""

    title: str
    what_for: str
    href: str


@bp.get("/class/<code>/<day>/papers")
@guarded("class.day", the_class("class.day"))
def papers(of: OfClass) -> ResponseReturnValue:
    """What to print and sign today."""
    found = day_of(of)
    return render_template("classday/papers.html", of=of, d=found, title=title_of(of.run), papers=_papers(of, found), can_print=pdf.available())


def _papers(of: OfClass, found: Day) -> list[Paper]:
    run, last = of.run, found.day == found.days[-1]
    content = course_content(g.db, run.course_version_id)
    pages = {endpoint for endpoint, _ in teaching(run, trainers_of(g.db, [run.id]).get(run.id, []), practicals=bool(content.practicals), by_hand=False)}
    certificates = any(can("certificate.issue", Target(path=path)) for path in places_of(run))
    every = [
        Paper(
            i18n.t("papers", "Minutes of the day"), i18n.t("papers", "Who was present, what happened, outages; class manager and trainer sign."),
            url_for("classday.minutes", **of.at),
        ),
        Paper(
            i18n.t("papers", "Attendance sheet"), i18n.t("papers", "Everybody signs in the column of the half-day."),
            link("schedule.sheet", code=run.code) if found.meetings else "",
        ),
        Paper(
            i18n.t("papers", "Result sheet"), i18n.t("papers", "Both tests and the gain; class manager, trainer and registrar sign."),
            link("runs.sheet", code=run.code),
        ),
        Paper(
            i18n.t("papers", "Debrief of the tests"), i18n.t("papers", "What the group got wrong, by outcome and question."),
            link("quizzes.debriefs", code=run.code) if "quizzes.debriefs" in pages else "",
        ),
        Paper(
            i18n.t("papers", "Checklists of practical work"), i18n.t("papers", "Task sheets, and a blank checklist for each person."),
            link("quizzes.practicals", code=run.code) if "quizzes.practicals" in pages else "",
        ),
        Paper(
            i18n.t("papers", "Tests on paper"), i18n.t("papers", "Variants with answer sheets and key, when PCs or power are missing."),
            link("quizzes.paper_tests", code=run.code) if "quizzes.paper_tests" in pages else "",
        ),
        Paper(
            i18n.t("papers", "Feedback forms"), i18n.t("papers", "Blank forms, and the summary of what was given."),
            link("feedback.summary", code=run.code) if last and "feedback.summary" in pages else "",
        ),
        Paper(
            i18n.t("papers", "Certificates"), i18n.t("papers", "For everybody who has completed the course or took part."),
            link("certificates.of_run", code=run.code) if last and certificates else "",
        ),
        Paper(
            i18n.t("papers", "Session report"), i18n.t("papers", "One page for the office above, with signatures."),
            link("runs.report", code=run.code) if last and "runs.report" in pages else "",
        ),
        Paper(i18n.t("papers", "Seats and waves"), i18n.t("papers", "For the door of the room."), url_for("classday.seats_paper", **of.at)),
    ]
    return [paper for paper in every if paper.href]


@bp.get("/class/<code>/<day>/minutes.pdf")
@guarded("class.day", the_class("class.day"))
def minutes(of: OfClass) -> ResponseReturnValue:
    """The minutes as a paper to be signed."""
    found, run = day_of(of), of.run
    teachers = trainers_of(g.db, [run.id]).get(run.id, [])
    data = pdf.paper(
        "classday/paper_minutes.html", language=i18n.language(), title=i18n.t("papers", "Minutes {code}, {day}", code=run.code, day=i18n.day(of.day)),
        d=found, run=run, course=title_of(run), where=where_of(run), teachers=teachers, day_number=found.days.index(of.day) + 1 if of.day in found.days else 0,
        present=[one for one in found.people if one.came_at is not None], absent=[one for one in found.people if one.came_at is None],
        seat_of=found.seat, lines=[sentence(found, line) for line in reversed(found.lines)],
        incidents=queries.incidents_of(g.db, run.id, of.day, run.zone), names={one.enrolment_id: one.name for one in found.people},
        time_of=partial(now.zone_time, found),
        tests=[(now.quiz_title(found, test.quiz), test) for test in found.tests], manager=class_manager(g.db, run.office.path, of.day),
        rolls=_rolls(of), now=clock.now(), by=me().name,
    )
    return lists.attachment(data, f"{run.code}-{of.day.isoformat()}-minutes.pdf", rows=len(found.lines))


CAME = (Status.PRESENT, Status.LATE, Status.LEFT_EARLY)


def _rolls(of: OfClass) -> list[tuple[str, int]]:
    """The meetings of the day whose roll was called: when, and how many came. Who works on paper signs in at no PC."""
    held = [one for one in meetings_of(g.db, of.run.id) if one.day == of.day and one.state != "cancelled"]
    counts = counts_of(g.db, [one.id for one in held])
    return [(finding.when(one), sum(counts[one.id].get(status, 0) for status in CAME)) for one in held if counts.get(one.id)]
