"""Pages of feedback: the participant's form, the summary of a run, the blank form on paper and keying it in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask import Blueprint, g, render_template, request
from flask.typing import ResponseReturnValue

from app import clock, i18n, lists, pdf
from app.errors import Conflict, Invalid, Message, say
from app.feedback import queries, rules, services
from app.http import can, go, guarded, me, say_next, status_of
from app.quizzes.views.attempt import my_enrolment
from app.quizzes.views.sight import Taught, taught
from app.runs.models import Enrolment
from app.runs.views.sight import days_of, local_day, title_of, today_of, where_of

bp = Blueprint("feedback", __name__)

READ, KEY = "feedback.read", "feedback.key"


@dataclass(frozen=True)
class Filled:
    """A form as it was sent."""

    answers: dict[str, int]
    wrong: dict[str, Message]
    liked: str
    change: str


def _sent() -> Filled:
    answers, wrong = rules.read(request.form)
    return Filled(answers, wrong, request.form.get("liked", ""), request.form.get("change", ""))


def _form_facts() -> dict[str, object]:
    return {"statements": rules.STATEMENTS, "scale": rules.SCALE, "liked": rules.LIKED, "change": rules.CHANGE, "longest": rules.LONGEST}


# ---- the participant -------------------------------------------------------------------------------------------------


@bp.get("/learn/<uuid:enrolment_id>/feedback")
@guarded("feedback.give", my_enrolment)
def form(enrolment: Enrolment) -> ResponseReturnValue:
    """Ten statements and two questions, without a name."""
    return _form(enrolment, {})


def _form(enrolment: Enrolment, typed: Mapping[str, str], error: Message | None = None) -> str:
    return render_template(
        "feedback/form.html", enrolment=enrolment, given=queries.has_given(g.db, enrolment.id), typed=typed, error=error,
        open=enrolment.run.state == "open" and enrolment.state == "enrolled", **_form_facts(),
    )


@bp.post("/learn/<uuid:enrolment_id>/feedback")
@guarded("feedback.give", my_enrolment)
def give(enrolment: Enrolment) -> ResponseReturnValue:
    """Keep it without a name."""
    sent = _sent()
    try:
        services.give(
            g.db, enrolment, answers=sent.answers, liked=sent.liked, change=sent.change, language=i18n.language(), today=local_day(clock.now(), enrolment.run),
        )
    except (Invalid, Conflict) as refused:
        g.db.rollback()
        return _form(my_enrolment(g.db, enrolment.id)[0], request.form, refused.message), status_of(refused)
    say_next(say("feedback", "Thank you. Your feedback is kept without your name."))
    return go("courses.home")


# ---- the staff -------------------------------------------------------------------------------------------------------


@bp.get("/runs/<code>/feedback")
@guarded(READ, taught(READ))
def summary(seen: Taught) -> ResponseReturnValue:
    """What the participants said, as soon as there are enough of them."""
    return render_template(
        "feedback/summary.html", seen=seen, run=seen.run, title=title_of(seen.run), days=days_of(seen.run), words_of=queries.said_in(g.db, seen.run.id),
        fewest=rules.FEWEST, may_key=seen.run.state == "open" and can(KEY, taught(KEY)(g.db, seen.run.code)[1]), **_form_facts(),
    )


@bp.get("/runs/<code>/feedback/form.pdf")
@guarded(KEY, taught(KEY))
def blank(seen: Taught) -> ResponseReturnValue:
    """The form on paper, in each language of the run: to be copied, filled in and keyed in."""
    languages = list(dict.fromkeys(one.language for one in seen.members)) or [i18n.language()]
    body = []
    for language in languages:
        with i18n.speaking(language):
            body.append(render_template(
                "feedback/paper.html", run=seen.run, course=seen.say(seen.content.title), days=days_of(seen.run), where=where_of(seen.run), language=i18n.language(),
                now=clock.now(), by=me().name, **_form_facts(),
            ))
    data = pdf.write("".join(body), language=languages[0], title=f"{i18n.t('feedback', 'Feedback')}, {seen.run.code}", styles=("print.css", "print-tests.css"))
    return lists.attachment(data, f"{seen.run.code}-feedback.pdf", inline=True)


@bp.get("/runs/<code>/feedback/key")
@guarded(KEY, taught(KEY))
def keying(seen: Taught) -> ResponseReturnValue:
    """Key in forms from paper, one key a statement."""
    return _keying(seen, {})


def _keying(seen: Taught, typed: Mapping[str, str], wrong: Mapping[str, Message] | None = None, error: Message | None = None) -> str:
    said = queries.said_in(g.db, seen.run.id)
    return render_template(
        "feedback/key.html", seen=seen, run=seen.run, n=said.n, paper=said.paper, people=len(seen.members), typed=typed, wrong=wrong or {}, error=error,
        open=seen.run.state == "open", **_form_facts(),
    )


@bp.post("/runs/<code>/feedback/key")
@guarded(KEY, taught(KEY))
def key_in(seen: Taught) -> ResponseReturnValue:
    """Keep a form, then the next one."""
    sent, code = _sent(), seen.run.code
    if sent.wrong:
        return _keying(seen, request.form, sent.wrong), 422
    try:
        services.key_in(
            g.db, seen.run, answers=sent.answers, liked=sent.liked, change=sent.change, language=i18n.language(), today=today_of(seen.run),
        )
    except (Invalid, Conflict) as refused:
        g.db.rollback()
        return _keying(taught(KEY)(g.db, code)[0], request.form, error=refused.message), status_of(refused)
    say_next(say("feedback", "The form is kept. Key in the next one."))
    return go("feedback.keying", code=code)
