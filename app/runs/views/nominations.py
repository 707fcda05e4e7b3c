"""Officers are nominated, accepted, declined, withdrawn; the nomination list."""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import g, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app import clock, i18n, lists
from app.errors import Invalid, Message, NotFound, say
from app.http import actor, go, guarded, me, say_next
from app.i18n import pick
from app.offices.models import Office
from app.offices.scope import under
from app.people.models import Person
from app.people.names import fold
from app.policy import Target, scope
from app.progress.queries import passed_before
from app.runs import queries, rules, services
from app.runs.forms import ReasonForm
from app.runs.models import CourseRun, Nomination
from app.runs.queries import Proposal
from app.runs.rules import Facts, Finding
from app.runs.views.blueprint import bp
from app.runs.views.sight import (
    covering,
    days_of,
    given_by,
    language_name,
    may_do,
    paper_of,
    seen_by,
    the_run,
    title_of,
    where_of,
    whose,
)
from app.schedule import seats
from app.trainers import absences
from app.trainers.rules import Span, days_in_words

MOST_CANDIDATES = 50
GENDERS: Mapping[str | None, Message] = {
    "f": say("run", "woman"), "m": say("run", "man"), None: say("run", "not stated"),
}


@bp.get("/runs/<code>/nominate")
@bp.post("/runs/<code>/nominate", endpoint="save_nominate")
@guarded("run.nominate", seen_by("run.nominate"))
def nominate(run: CourseRun) -> ResponseReturnValue:
    """Pick officers of one's offices for a run."""
    code, error, ticked = run.code, None, request.form.getlist("person")
    mode, language = request.form.get("mode", "class"), request.form.get("language") or _usual_language(run)
    paths = scope(actor(), "run.nominate")
    if request.method == "POST":
        ids = [id for id in (_uuid(one) for one in ticked) if id]
        allowed = {one.person_id for one in queries.candidates(g.db, on=run.starts_on, paths=paths, person_ids=ids)}
        if set(ids) - allowed:
            raise NotFound()
        try:
            made = services.nominate(
                g.db, run, person_ids=ids, by=me().person_id, now=clock.now(), mode=mode, language=language, trained=passed_before(g.db, run, ids),
            )
        except Invalid as refused:
            g.db.rollback()
            run, error = the_run(g.db, code), refused.message
        else:
            say_next(say("nomination", "Officers nominated: {n}. The training officer decides.", n=len(made)))
            return go("runs.nominations", code=code)
    wanted, office = request.args.get("q", "").strip(), _uuid(request.args.get("office", ""))
    found = queries.candidates(
        g.db, on=run.starts_on, paths=paths, search=fold(wanted).split(), office_id=office, most=MOST_CANDIDATES + 1,
    )
    shown = found[:MOST_CANDIDATES]
    known = {one.nomination.person_id: one.nomination for one in queries.nominations_of(g.db, run)}
    facts = _with_absences(run, queries.facts_of(
        g.db, run, {one.person_id: language for one in shown}, trained=passed_before(g.db, run, [one.person_id for one in shown]),
    ))
    offices = g.db.execute(sa.select(Office.id, Office.names).where(under(Office.path, paths)).order_by(Office.path)).all()
    count = queries.counts_of(g.db, [run.id])[run.id]
    return render_template(
        "runs/nominate.html", run=run, title=title_of(run), days=days_of(run), where=where_of(run), error=error, ticked=set(ticked), mode=mode,
        test_language=language, wanted=wanted, office=office, offices=offices, more=len(found) > MOST_CANDIDATES, count=count,
        rows=[(one, rules.findings(facts[one.person_id]), known.get(one.person_id)) for one in shown], modes=rules.MODES,
        languages=[(tag, language_name(tag)) for tag in run.course_version.languages], states=rules.NOMINATION_STATES, language_name=language_name,
    ), 422 if error else 200


def _usual_language(run: CourseRun) -> str:
    wish = i18n.language()
    return wish if wish in run.course_version.languages else run.course_version.languages[0]


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _with_absences(run: CourseRun, facts: Mapping[uuid.UUID, Facts]) -> dict[uuid.UUID, Facts]:
    """What is known of officers, with the days of the run on which they cannot come (PLN-03). One query."""
    first, last = services.days_of(run)
    away: dict[uuid.UUID, list[tuple[date, date]]] = defaultdict(list)
    for one in absences.current(g.db, list(facts), first, last):
        begins, ends, _whole = days_in_words(Span(one.starts_at, one.ends_at), one.zone)
        away[one.person_id].append((begins, ends))
    return {person_id: replace(one, away=tuple(away[person_id])) for person_id, one in facts.items()}


@dataclass(frozen=True)
class Line:
    """A line of the nomination list, with what speaks for and against."""

    number: int
    proposal: Proposal
    findings: list[Finding]
    earlier: list[queries.Earlier]

    @property
    def nomination(self) -> Nomination:
        """The nomination itself."""
        return self.proposal.nomination

    @property
    def previous(self) -> str:
        """Courses of before, in words."""
        return "; ".join(f"{pick(one.titles)} {one.ends_on:%m.%Y}" for one in self.earlier)


NOMINATIONS = lists.Listing(
    name="nominations",
    title=say("nomination", "Nomination list"),
    columns=(
        lists.Column("number", say("nomination", "No."), "int", value=lambda row: row.number, always=True),
        lists.Column("name", say("nomination", "Surname, name, patronymic"), value=lambda row: row.proposal.name),
        lists.Column("rank", say("nomination", "Rank"), value=lambda row: row.proposal.rank),
        lists.Column("post", say("nomination", "Post"), value=lambda row: row.proposal.post),
        lists.Column("agency", say("nomination", "Agency"), value=lambda row: pick(row.proposal.agency)),
        lists.Column("office", say("nomination", "Unit"), value=lambda row: pick(row.proposal.office)),
        lists.Column("service_number", say("nomination", "Service no."), value=lambda row: row.proposal.service_number),
        lists.Column("gender", say("nomination", "Sex"), value=lambda row: GENDERS[row.proposal.gender]),
        lists.Column("language", say("nomination", "Language"), value=lambda row: language_name(row.nomination.language)),
        lists.Column("mode", say("nomination", "Mode"), value=lambda row: rules.MODES[row.nomination.mode]),
        lists.Column("previous", say("nomination", "Previous courses"), value=lambda row: row.previous),
        lists.Column("nominated_by", say("nomination", "Nominated by"), value=lambda row: row.proposal.nominated_by),
        lists.Column("nominated_at", say("nomination", "On"), "day", value=lambda row: row.nomination.nominated_at.astimezone(ZoneInfo(i18n.viewer_zone())).date()),
        lists.Column("state", say("nomination", "Decision"), value=lambda row: rules.NOMINATION_STATES[row.nomination.state]),
        lists.Column("reason", say("nomination", "Reason"), value=lambda row: row.nomination.reason),
    ),
    sort="number",
)


@bp.get("/runs/<code>/nominations")
@guarded("run.results", seen_by("run.results"))
def nominations(run: CourseRun) -> ResponseReturnValue:
    """Who is nominated, what is known of each, and the decisions."""
    return _nominations_page(run)


def _nominations_page(run: CourseRun, error: Message | None = None) -> ResponseReturnValue:
    teachers = queries.trainers_of(g.db, [run.id]).get(run.id, [])
    proposals = queries.nominations_of(g.db, run, paths=whose(run, teachers))
    people = {one.nomination.person_id: one.nomination.language for one in proposals}
    facts = _with_absences(run, queries.facts_of(g.db, run, people, trained=passed_before(g.db, run, people)))
    earlier = queries.earlier_of(g.db, run, people)
    lines = [
        Line(n, one, rules.findings(facts[one.nomination.person_id]), earlier.get(one.nomination.person_id, []))
        for n, one in enumerate(proposals, start=1)
    ]
    view = lists.show(lists.asked(NOMINATIONS), lines)
    if view.file == "pdf":
        return paper_of(
            "runs/paper_nominations.html", f"{run.code}-nominations.pdf", title=i18n.t("nomination", "Nomination list"), rows=len(lines),
            run=run, course=title_of(run), where=where_of(run), days=days_of(run), lines=lines, genders=GENDERS, modes=rules.MODES,
            states=rules.NOMINATION_STATES, language_name=language_name, teachers=teachers,
        )
    if file := lists.export(view, scope_words=run.code):
        return file
    count = queries.counts_of(g.db, [run.id])[run.id]
    return render_template(
        "runs/nominations.html", run=run, title=title_of(run), days=days_of(run), where=where_of(run), view=view, lines=lines, error=error,
        may=may_do(run), count=count, waiting=[line for line in lines if line.nomination.state == "proposed"], states=rules.NOMINATION_STATES,
        modes=rules.MODES, language_name=language_name, mine=scope(actor(), "run.nominate"), given=request.form,
    ), 422 if error else 200


@bp.post("/runs/<code>/nominations")
@guarded("run.decide", given_by("run.decide"))
def decide(run: CourseRun) -> ResponseReturnValue:
    """Take the decisions ticked, or accept all that wait: all of them or, when one is refused, none."""
    code = run.code
    waiting = {str(one.nomination.id): one.nomination for one in queries.nominations_of(g.db, run, states=("proposed",))}
    choices = dict.fromkeys(waiting, "accept") if "all" in request.form else {
        id: request.form[f"decision-{id}"] for id in waiting if request.form.get(f"decision-{id}") in ("accept", "decline")
    }
    trained = passed_before(g.db, run, [one.person_id for one in waiting.values()])
    done: Counter[str] = Counter()
    try:
        if not choices:
            raise Invalid(say("nomination", "Choose accept or decline for at least one officer."))
        for id, choice in choices.items():
            services.decide(
                g.db, waiting[id], accept=choice == "accept", by=me().person_id, now=clock.now(),
                reason=request.form.get(f"reason-{id}", ""), trained=trained,
            )
            done[choice] += 1
    except Invalid as refused:
        g.db.rollback()
        return _nominations_page(the_run(g.db, code), refused.message)
    say_next(say("nomination", "Accepted: {yes}. Declined: {no}.", yes=done["accept"], no=done["decline"]))
    return go("runs.page" if len(choices) == len(waiting) else "runs.nominations", code=code)


def the_nomination(db: Session, code: str, nomination_id: uuid.UUID) -> tuple[tuple[CourseRun, Nomination], Target]:
    """A nomination, for the office that made it and for the one that gives the run."""
    run = the_run(db, code)
    found = db.execute(
        sa.select(Nomination, Office.path).join(Office, Office.id == Nomination.office_id)
        .where(Nomination.id == nomination_id, Nomination.run_id == run.id)
    ).first()
    if found is None:
        raise NotFound()
    nomination, path = found
    return (run, nomination), Target(path=covering(scope(actor(), "run.nominate"), [path, run.office.path]) or path)


@bp.get("/runs/<code>/nominations/<uuid:nomination_id>/withdraw")
@bp.post("/runs/<code>/nominations/<uuid:nomination_id>/withdraw", endpoint="save_withdraw")
@guarded("run.nominate", the_nomination)
def withdraw(found: tuple[CourseRun, Nomination]) -> ResponseReturnValue:
    """Take a nomination back, with a reason."""
    run, nomination = found
    code, form = run.code, ReasonForm()
    if form.is_submitted() and form.validate():
        services.withdraw(g.db, nomination, by=me().person_id, now=clock.now(), reason=form.reason.data or "")
        seats.settle_run(g.db, run, now=clock.now())
        say_next(say("nomination", "The officer is withdrawn from {code}; his PIN is dead.", code=code), "warn")
        return go("runs.page", code=code)
    person = g.db.get_one(Person, nomination.person_id)
    return render_template(
        "runs/reason.html", run=run, form=form, heading=i18n.t("nomination", "Withdraw {name} from {code}", name=person.display_name, code=code),
        text=i18n.t("nomination", "What he has done in the run stays. His PIN stops working at once."),
        button=i18n.t("nomination", "Withdraw {name}", name=person.short_name), back=url_for("runs.page", code=code),
    ), 422 if form.errors else 200
