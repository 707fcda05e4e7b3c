"""Pages of practice: one question, its feedback with the lesson to look at, the next; wrong ones come back."""

from __future__ import annotations

import hashlib

from flask import g, render_template, request
from flask.typing import ResponseReturnValue

from app import clock, i18n
from app.errors import NotFound
from app.http import go, guarded
from app.ids import new_token
from app.questions import shown
from app.quizzes import queries, rules, services
from app.quizzes.errors import StaleAnswer
from app.quizzes.models import Attempt
from app.quizzes.views.attempt import HELPED, Sat, my_attempt
from app.quizzes.views.blueprint import bp


@bp.get("/attempts/<uuid:attempt_id>/practice")
@guarded("attempt.answer", my_attempt)
def practice(sat: Sat) -> ResponseReturnValue:
    """The question that comes next, or with ?checked=2 the feedback on the second one."""
    attempt = _practice(sat)
    if attempt.state != "open":
        return go("quizzes.result", attempt_id=attempt.id)
    tries = queries.tries_of(g.db, attempt, sat.content)
    checked = request.args.get("checked", "")
    id = sat.id_at(int(checked)) if checked.isascii() and checked.isdigit() and len(checked) < 4 else ""
    if id and id not in tries:
        raise NotFound()
    following = rules.next_question(attempt.draw, tries)
    at = id or following
    place = sat.places[sat.number_of(at) - 1] if at else None
    outcome = place.question.outcome if place else ""
    return render_template(
        "quizzes/practice.html", sat=sat, place=place, checked=bool(id), following=following, tries=tries, times=len(tries.get(at or "", ())),
        right_once=sum(any(one) for one in tries.values()), at_first=sum(bool(one and one[0]) for one in tries.values()),
        helped=place is not None and bool(place.question.images or place.question.type in HELPED), fresh=place is not None and not id and at in tries,
        lessons=[
            (lesson, lesson.texts[sat.content.language_of(lesson.texts, i18n.language())].title)
            for lesson in sat.content.lessons if outcome in lesson.outcomes
        ],
    )


@bp.post("/attempts/<uuid:attempt_id>/practice/<int:number>")
@guarded("attempt.answer", my_attempt)
def check_practice(sat: Sat, number: int) -> ResponseReturnValue:
    """Keep a try and show what was right. An empty one counts as a try: the question comes back, and with `again` it takes a text back."""
    attempt, question = _practice(sat), sat.id_at(number)
    id, place = attempt.id, sat.places[number - 1]
    if attempt.state != "open":
        return go("quizzes.result", attempt_id=id)
    response = shown.read(place.question, place.order, request.form.items(multi=True), place.name)
    known = request.form.get("revision", "")
    revision = int(known) if known.isascii() and known.isdigit() and len(known) < 6 else 0
    now, uptime, writer = clock.now(), clock.uptime(), new_token()
    body = f"{question}\0{revision}\0{sorted(response.items())!r}"
    services.open_attempt(g.db, id, writer=writer, now=now, uptime=uptime)
    try:
        services.save_answer(
            g.db, id, question=question, response=response, revision=revision + 1, key="practice-" + hashlib.sha256(body.encode()).hexdigest()[:30],
            writer=writer, now=now, uptime=uptime,
        )
    except StaleAnswer:
        return go("quizzes.practice", attempt_id=id)  # sent again from an old page: the try before stands
    return go("quizzes.practice", attempt_id=id) if "again" in request.form else go("quizzes.practice", attempt_id=id, checked=number)


def _practice(sat: Sat) -> Attempt:
    if sat.attempt.kind != "practice":
        raise NotFound()
    return sat.attempt

