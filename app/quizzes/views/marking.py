"""Pages of marking by people: what waits, one answer, a second look, a question whose key was wrong, one more attempt."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import sqlalchemy as sa
from flask import g, render_template, request
from flask.typing import ResponseReturnValue

from app import clock, i18n
from app.certificates.models import Certificate
from app.courses.content import CourseContent
from app.courses.queries import course_content
from app.errors import Conflict, Invalid, NotFound, say
from app.http import go, guarded, me, say_next
from app.questions import tally
from app.questions.content import Question
from app.questions.types import free_text
from app.quizzes import debrief, marking, queries, rules
from app.quizzes.models import Attempt, MarkCorrection
from app.quizzes.queries import Marked
from app.quizzes.retests import queries as retests
from app.quizzes.retests import services as retest_services
from app.quizzes.views.blueprint import bp
from app.quizzes.views.sight import Taught, attempt_of, person_of, taught
from app.runs.models import Enrolment
from app.runs.views.sight import title_of

# ---- what waits ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Written:
    """One answer in whole sentences."""

    attempt: Attempt
    question: str
    text: str
    mark: Marked | None  # None: it waits


def _written(seen: Taught) -> list[Written]:
    """All answers of a run that a trainer marks, those that wait first; question by question, so that they can be compared."""
    attempts = list(
        g.db.scalars(
            sa.select(Attempt).join(Enrolment, Enrolment.id == Attempt.enrolment_id)
            .where(Enrolment.run_id == seen.run.id, Attempt.state != "open", Attempt.kind != "practice").order_by(Attempt.ended_at, Attempt.id)
        )
    )
    bank = seen.content.bank
    with_text = [one for one in attempts if any(bank[id].kind.by_hand for id in one.draw if id in bank)]
    marks = queries.marks_of_attempts(g.db, [one.id for one in with_text])
    given = debrief.responses_of(g.db, [one.id for one in with_text])
    found = [
        Written(one, id, str(given.get((one.id, id), {}).get("text", "")), marks[one.id].get(id))
        for one in with_text for id in one.draw if id in bank and bank[id].kind.by_hand and given.get((one.id, id))
    ]
    return sorted(found, key=lambda one: (one.mark is not None, one.question))


@bp.get("/runs/<code>/marking")
@guarded("attempt.mark", taught("attempt.mark"))
def marking_queue(seen: Taught) -> ResponseReturnValue:
    """Answers that wait for marks, side by side by question; with ?names=no nobody's name stands beside them."""
    found = _written(seen)
    asked = [one for one in seen.content.quizzes if _asks(seen, one.id)]
    return render_template(
        "quizzes/marking.html", seen=seen, run=seen.run, title=title_of(seen.run), written=found, names={one.enrolment_id: one.name for one in seen.members},
        anonymous=request.args.get("names") == "no", waiting=sum(one.mark is None for one in found), bank=seen.content.bank, tests=asked, MILLION=rules.MILLION,
    )


def _asks(seen: Taught, quiz: str) -> bool:
    return any(row.outcome in {one.outcome for one in seen.content.bank.values()} for row in seen.quiz(quiz).blueprint)


# ---- one answer ------------------------------------------------------------------------------------------------------


@bp.get("/runs/<code>/marking/<uuid:attempt_id>/<question>")
@guarded("attempt.mark", attempt_of("attempt.mark"))
def mark_answer(found: tuple[Taught, Attempt], question: str) -> ResponseReturnValue:
    """One answer with the criteria: points for each, a comment; a marked one is marked again with a reason."""
    return _answer(*found, question)


@bp.post("/runs/<code>/marking/<uuid:attempt_id>/<question>")
@guarded("attempt.mark", attempt_of("attempt.mark"))
def save_answer_mark(found: tuple[Taught, Attempt], question: str) -> ResponseReturnValue:
    """Keep the points and go on to the next answer that waits."""
    seen, attempt = found
    code, id, form = seen.run.code, attempt.id, request.form
    anonymous = request.args.get("names") == "no"
    content = _free_text(course_content(g.db, attempt.course_version_id), question)
    try:
        points = marking.points_typed(content, {one.id: form.get(f"points-{one.id}", "") for one in content.criteria})
        if "reason" in form:
            marking.second_look(
                g.db, id, question=question, points=points, comment=form.get("comment", ""), reason=form["reason"], by=me().person_id, now=clock.now(),
            )
        else:
            marking.mark_free_text(g.db, id, question=question, points=points, comment=form.get("comment", ""), by=me().person_id, now=clock.now())
    except (Invalid, Conflict) as refused:
        g.db.rollback()
        return _answer(*attempt_of("attempt.mark")(g.db, code, id)[0], question, refused=refused)
    say_next(say("marking", "The mark is saved."))
    rest = [one for one in _written(seen) if one.mark is None]
    if not rest:
        return go("quizzes.marking_queue", code=code)
    following = next((one for one in rest if one.question == question), rest[0])
    return go("quizzes.mark_answer", code=code, attempt_id=following.attempt.id, question=following.question, **({"names": "no"} if anonymous else {}))


def _free_text(content: CourseContent, question: str) -> free_text.Content:
    found = content.bank.get(question)
    if found is None or not isinstance(found.content, free_text.Content):
        raise NotFound()
    return found.content


def _answer(seen: Taught, attempt: Attempt, question: str, *, refused: Invalid | Conflict | None = None) -> ResponseReturnValue:
    content = course_content(g.db, attempt.course_version_id)
    asks, given = _free_text(content, question), queries.newest_answers(g.db, attempt.id).get(question)
    if attempt.state == "open" or given is None:
        raise NotFound()
    held = queries.marks_of(g.db, attempt.id).get(question)
    before = dict((held.detail or {}).get("criteria", {})) if held else {}
    page = render_template(
        "quizzes/mark_answer.html", seen=seen, run=seen.run, title=title_of(seen.run), attempt=attempt, asked=content.bank[question], asks=asks,
        text=given.response.get("text", ""), held=held, name=seen.member.name, anonymous=request.args.get("names") == "no", refused=refused,
        faults=refused.fields if isinstance(refused, Invalid) else {}, say_text=lambda texts: content.say(texts, i18n.language()),
        points={one.id: request.form.get(f"points-{one.id}", str(before.get(one.id, ""))) for one in asks.criteria},
        comment=request.form.get("comment", held.comment if held else ""), reason=request.form.get("reason", ""),
        share=rules.exact(held.points) if held else None,
        history=list(
            g.db.scalars(
                sa.select(MarkCorrection).where(MarkCorrection.attempt_id == attempt.id, MarkCorrection.question == question).order_by(MarkCorrection.number)
            )
        ), MILLION=rules.MILLION,
    )
    return page, (409 if isinstance(refused, Conflict) else 422) if refused else 200


# ---- a question whose key was wrong ----------------------------------------------------------------------------------


@bp.get("/runs/<code>/remark/<question>")
@guarded("attempt.mark", taught("attempt.mark"))
def remark(seen: Taught, question: str) -> ResponseReturnValue:
    """A question with what the run answered: mark it anew for everybody, with a reason."""
    return _remark(seen, question)


@bp.post("/runs/<code>/remark/<question>")
@guarded("attempt.mark", taught("attempt.mark"))
def save_remark(seen: Taught, question: str) -> ResponseReturnValue:
    """Mark the question anew; certificates already issued are named and left as they are."""
    form, run = request.form, seen.run
    code, run_id = run.code, run.id
    how = form.get("how", "")
    try:
        if how not in ("full", "accept", "rule"):
            raise Invalid(fields={"how": say("marking", "Choose how the question is marked now.")})
        changed = marking.remark_question(
            g.db, run_id=run_id, question=question, how=how, accept=form.getlist("accept"), reason=form.get("reason", ""),  # type: ignore[arg-type]
            by=me().person_id, now=clock.now(),
        )
    except Invalid as refused:
        g.db.rollback()
        return _remark(taught("attempt.mark")(g.db, code)[0], question, refused=refused)
    names = {one.enrolment_id: one for one in seen.members}
    held = {
        row.enrolment_id: row.number
        for row in g.db.scalars(
            sa.select(Certificate).where(Certificate.enrolment_id.in_([one.enrolment_id for one in changed]), Certificate.state == "issued")
        )
    }
    return render_template(
        "quizzes/remarked.html", seen=seen, run=seen.run, title=title_of(seen.run), question=_asked(seen, question), changed=changed, names=names,
        held=held, MILLION=rules.MILLION,
    )


def _asked(seen: Taught, question: str) -> Question:
    found = seen.content.bank.get(question)
    if found is None:
        raise NotFound()
    return found


def _remark(seen: Taught, question: str, *, refused: Invalid | None = None) -> ResponseReturnValue:
    asked = _asked(seen, question)
    attempts = [
        one
        for one in g.db.scalars(
            sa.select(Attempt).join(Enrolment, Enrolment.id == Attempt.enrolment_id).where(Enrolment.run_id == seen.run.id, Attempt.state != "open")
        )
        if question in one.draw
    ]
    given = debrief.responses_of(g.db, [one.id for one in attempts])
    form: Mapping[str, str] = request.form
    page = render_template(
        "quizzes/remark.html", seen=seen, run=seen.run, title=title_of(seen.run), question=asked, attempts=len(attempts),
        spread=debrief.spread(asked, [given.get((one.id, question), {}) for one in attempts]), refused=refused, how=form.get("how", ""),
        accept=request.form.getlist("accept"), reason=form.get("reason", ""), faults=refused.fields if refused else {}, choices=bool(tally.choices(asked)),
    )
    return page, 422 if refused else 200


# ---- one more attempt ------------------------------------------------------------------------------------------------


@bp.get("/runs/<code>/grant/<uuid:enrolment_id>/<quiz>")
@guarded("attempt.grant", person_of("attempt.grant"))
def grant(seen: Taught, quiz: str) -> ResponseReturnValue:
    """How somebody stands with a final test, and giving him one more attempt."""
    return _grant(seen, quiz)


@bp.post("/runs/<code>/grant/<uuid:enrolment_id>/<quiz>")
@guarded("attempt.grant", person_of("attempt.grant"))
def save_grant(seen: Taught, quiz: str) -> ResponseReturnValue:
    """One more attempt, with a reason."""
    code, id, name = seen.run.code, seen.one.id, seen.member.name
    try:
        retest_services.grant_attempt(
            g.db, id, content=seen.content, quiz=quiz, reason=request.form.get("reason", ""), by=me().person_id, now=clock.now(),
        )
    except (Invalid, Conflict) as refused:
        g.db.rollback()
        return _grant(person_of("attempt.grant")(g.db, code, id)[0], quiz, refused=refused)
    say_next(say("retest", "{name} may take the test once more, at once.", name=name))
    return go("quizzes.attempts_of_run", code=code)


def _grant(seen: Taught, quiz: str, *, refused: Invalid | Conflict | None = None) -> ResponseReturnValue:
    plan = seen.quiz(quiz)
    if plan.kind not in retests.FINAL:
        raise NotFound()
    attempts = [one for one in queries.attempts_of(g.db, seen.one.id) if one.quiz == quiz]
    page = render_template(
        "quizzes/grant.html", seen=seen, run=seen.run, title=title_of(seen.run), plan=plan, attempts=attempts, name=seen.member.name,
        grants=retests.grants_of(g.db, seen.one.id, quiz), refused=refused, faults=refused.fields if isinstance(refused, Invalid) else {},
        reason=request.form.get("reason", ""), MILLION=rules.MILLION,
    )
    return page, (409 if isinstance(refused, Conflict) else 422) if refused else 200


@dataclass(frozen=True)
class Stand:
    """One person's attempts at a final test."""

    enrolment_id: uuid.UUID
    name: str
    scores: tuple[int | None, ...]
    running: bool
    granted: int
    counts: int | None  # the place of the attempt that counts
    passed: bool
    left: int | None  # None: as many as wanted


@bp.get("/runs/<code>/attempts")
@guarded("attempt.grant", taught("attempt.grant"))
def attempts_of_run(seen: Taught) -> ResponseReturnValue:
    """Attempts of everybody at the final tests: who has none left, who waits for a retest."""
    tests = [one for one in seen.content.quizzes if one.kind in retests.FINAL]
    ids = [one.enrolment_id for one in seen.members]
    rows = list(g.db.scalars(sa.select(Attempt).where(Attempt.enrolment_id.in_(ids)).order_by(Attempt.number)))
    granted = queries.attempts_granted(g.db, ids)
    rule = seen.content.completion
    tables = []
    for test in tests:
        stands = []
        for member in seen.members:
            mine = [one for one in rows if one.enrolment_id == member.enrolment_id and one.quiz == test.id]
            scores = tuple(one.score for one in mine if one.state != "open")
            place = rules.counting(scores, rule.counts)
            score = None if place is None else scores[place]
            more = granted.get(member.enrolment_id, {}).get(test.id, 0)
            stands.append(
                Stand(
                    member.enrolment_id, member.name, scores, any(one.state == "open" for one in mine), more, place,
                    score is not None and rules.passed(score, rule.pass_mark), test.attempts + more - len(mine) if test.attempts else None,
                )
            )
        tables.append((test, stands))
    return render_template("quizzes/attempts.html", seen=seen, run=seen.run, title=title_of(seen.run), tables=tables, rule=rule, share=_share)


def _share(score: int) -> Fraction:
    return Fraction(score, rules.MILLION)
