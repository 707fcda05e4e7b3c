"""The page of a run: the one thing to do next, facts, roster."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from flask import current_app, g, render_template, url_for
from flask.typing import ResponseReturnValue

from app.courses.queries import course_content, newer_version
from app.errors import Message, say
from app.http import guarded
from app.progress.rules import VERDICTS, in_words
from app.runs import queries, rules
from app.runs.models import CourseRun
from app.runs.rules import Standing, Step
from app.runs.views.blueprint import bp
from app.runs.views.sight import (
    days_of,
    inside_of,
    language_name,
    local_day,
    may_do,
    seen_by,
    standing_of,
    teaching,
    title_of,
    today_of,
    where_of,
)
from app.schedule.views import section as meetings
from app.sync.handover_views import keeper


@dataclass(frozen=True)
class Todo:
    """The one thing to do next: what it is, and the way there when it is the reader's."""

    title: Message
    text: Message
    label: Message | None = None
    href: str = ""


@bp.get("/runs/<code>")
@guarded("run.read", seen_by("run.read"))
def page(run: CourseRun) -> ResponseReturnValue:
    """A run: the next thing to do, its facts, who is in it."""
    inside = inside_of(run)
    proposals = queries.nominations_of(g.db, run, paths=inside.paths)
    undecided = sum(one.nomination.state == "proposed" for one in proposals)
    standing = standing_of(run, inside, undecided)
    whole = inside.paths is None
    newer = newer_version(g.db, run.course_version)
    content = course_content(g.db, run.course_version_id)
    return render_template(
        "runs/page.html", run=run, title=title_of(run), where=where_of(run), days=days_of(run), inside=inside, standing=standing,
        todo=_todo(run, standing) if whole else None, step=rules.step(standing), steps=STEPS if whole else (), proposals=proposals,
        counts=Counter(one.nomination.state for one in proposals), in_class=sum(one.mode == "class" for one in inside.members),
        modes=rules.MODES, states=rules.STATES, nomination_states=rules.NOMINATION_STATES, verdicts=VERDICTS, language_name=language_name,
        may=may_do(run), today=today_of(run), newer=newer and (newer[0], local_day(newer[1], run)), meetings=meetings.section(run, inside.teachers), keeper=keeper(run),
        missing=in_words, teaching=teaching(
            run, inside.teachers, practicals=bool(content.practicals), by_hand=any(one.kind.by_hand for one in content.bank.values()),
        ),
    )


STEPS: tuple[tuple[Step, Message], ...] = (
    (Step.NOMINATE, say("step", "Nominate")),
    (Step.DECIDE, say("step", "Decide")),
    (Step.SLIPS, say("step", "Slips")),
    (Step.TESTS, say("step", "Tests")),
    (Step.RESULTS, say("step", "Results")),
    (Step.CERTIFICATES, say("step", "Certificates")),
    (Step.CLOSE, say("step", "Close")),
)


def _todo(run: CourseRun, standing: Standing) -> Todo | None:
    may = may_do(run)

    def link(endpoint: str, allowed: bool) -> str:
        return url_for(endpoint, code=run.code) if allowed and endpoint in current_app.view_functions else ""

    certificates_page = next((one for one in ("certificates.run", "certificates.of_run") if one in current_app.view_functions), "")
    step = rules.step(standing)
    if step is Step.NOMINATE:
        return Todo(
            say("step", "Nobody is enrolled yet"), say("step", "Offices nominate their officers; {n} seats are free.", n=run.seats),
            say("step", "Nominate officers"), link("runs.nominate", may["nominate"]),
        )
    if step is Step.DECIDE:
        return Todo(
            say("step", "Nominations that wait for a decision: {n}", n=standing.undecided),
            say("step", "The training officer accepts each of them or declines it with a reason."),
            say("step", "Decide nominations ({n})", n=standing.undecided), link("runs.nominations", may["decide"]),
        )
    if step is Step.SLIPS:
        return Todo(
            say("step", "Enrolled: {n}", n=standing.enrolled),
            say("step", "Each gets a slip with a PIN that holds from {first} to {last}.", first=run.starts_on, last=run.ends_on),
            say("step", "Print sign-in slips ({n})", n=standing.enrolled), link("runs.slips", may["slips"]),
        )
    if step is Step.TESTS:
        return Todo(
            say("step", "Final test not handed in yet: {n} of {total}", n=standing.without_post, total=standing.enrolled),
            say("step", "Tests running now: {n}.", n=standing.running),
            say("step", "See the results so far"), link("runs.sheet", True),
        )
    if step is Step.RESULTS:
        return Todo(
            say("step", "All tests are handed in"), say("step", "Print the result sheet and have it signed."),
            say("step", "Open the result sheet"), link("runs.sheet", True),
        )
    if step is Step.CERTIFICATES:
        return Todo(
            say("step", "Completed without a certificate: {n}", n=standing.passed - standing.certificates),
            say("step", "The registrar or the class manager issues them."),
            say("step", "Issue certificates ({n})", n=standing.passed - standing.certificates),
            link(certificates_page, may["certificates"]) if certificates_page else "",
        )
    if step is Step.CLOSE:
        return Todo(
            say("step", "Everything is done"), say("step", "What is still missing is listed before the run is closed."),
            say("step", "Close the run…"), link("runs.close", may["close"]),
        )
    return None
