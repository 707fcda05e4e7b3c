"""Pages after a test: what the group got wrong, for the wall and for paper, and what each person repeats."""

from __future__ import annotations

from typing import Any

from flask import g, render_template, request
from flask.typing import ResponseReturnValue

from app import clock, i18n, lists, pdf
from app.http import guarded, me
from app.quizzes import debrief as reads
from app.quizzes.views.blueprint import bp
from app.quizzes.views.sight import Taught, taught
from app.runs.views.sight import days_of, title_of, where_of


@bp.get("/runs/<code>/debrief")
@guarded("run.debrief", taught("run.debrief"))
def debriefs(seen: Taught) -> ResponseReturnValue:
    """The tests of the run, and how many have handed each in."""
    counts = {one.id: reads.newest_attempts(g.db, seen.run.id, one.id) for one in seen.content.quizzes}
    return render_template(
        "quizzes/debriefs.html", seen=seen, run=seen.run, title=title_of(seen.run), days=days_of(seen.run),
        counts={id: (len(ended), running) for id, (ended, running) in counts.items()},
    )


@bp.get("/runs/<code>/debrief/<quiz>")
@guarded("run.debrief", taught("run.debrief"))
def debrief(seen: Taught, quiz: str) -> ResponseReturnValue:
    """What the group got wrong, by outcome and question, in counts; ?wall=1 in large letters for the projector."""
    plan = seen.quiz(quiz)
    attempts, running = reads.newest_attempts(g.db, seen.run.id, quiz)
    return render_template(
        "quizzes/debrief.html", seen=seen, run=seen.run, title=title_of(seen.run), plan=plan, found=reads.debrief(g.db, seen.content, attempts, running),
        outcomes={one.id: seen.say(one.text) for one in seen.content.outcomes}, wall=request.args.get("wall") == "1",
        target=taught("attempt.mark")(g.db, seen.run.code)[1],
        lessons={
            one.id: [lesson.texts[seen.content.language_of(lesson.texts, i18n.language())].title for lesson in seen.content.lessons if one.id in lesson.outcomes]
            for one in seen.content.outcomes
        },
    )


@bp.get("/runs/<code>/remedial/<quiz>")
@guarded("run.debrief", taught("run.debrief"))
def remedial(seen: Taught, quiz: str) -> ResponseReturnValue:
    """Lessons to repeat for each person; with ?file=pdf a strip a person to cut and hand out."""
    plan = seen.quiz(quiz)
    attempts, _ = reads.newest_attempts(g.db, seen.run.id, quiz)
    found = reads.remedial(g.db, seen.content, attempts)
    about: dict[str, Any] = {
        "run": seen.run, "plan": plan, "quiz_title": seen.say(plan.title), "members": [one for one in seen.members if one.enrolment_id in found],
        "found": found, "outcomes": {one.id: seen.say(one.text) for one in seen.content.outcomes},
        "lessons": {one.id: one.texts[seen.content.language_of(one.texts, i18n.language())].title for one in seen.content.lessons},
        "numbers": {one.id: number for number, one in enumerate(seen.content.lessons, 1)},
    }
    if request.args.get("file") == "pdf":
        data = pdf.paper(
            "quizzes/paper_remedial.html", language=i18n.language(), title=i18n.t("debrief", "Lessons to repeat"), now=clock.now(), by=me().name,
            course=title_of(seen.run), days=days_of(seen.run), where=where_of(seen.run), **about,
        )
        return lists.attachment(data, f"{seen.run.code}-{quiz}-repeat.pdf", rows=len(found))
    return render_template("quizzes/remedial.html", seen=seen, title=title_of(seen.run), can_print=pdf.available(), **about)
