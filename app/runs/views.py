"""Pages of runs: the list, planning, the run's own page, nominations and decisions, slips, result sheet, closing."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import Blueprint, Response, current_app, g, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session, joinedload

from app import clock, i18n, lists, pdf, sheets
from app.certificates import queries as certificates
from app.courses.models import Course, CourseVersion
from app.courses.queries import versions
from app.errors import Invalid, Message, NotFound, say
from app.http import actor, audit, can, go, guarded, me, say_next
from app.i18n import LANGUAGES, pick
from app.ids import new_pin
from app.offices.models import Classroom, Office
from app.offices.scope import under
from app.people.credentials import hash_pin
from app.people.models import Person
from app.people.names import fold
from app.people.signing_in import class_manager
from app.policy import Target, scope
from app.progress.queries import Progress, passed_before, progress_of_run
from app.progress.results import COLUMNS as RESULT_COLUMNS
from app.progress.results import OUTCOMES, results
from app.progress.rules import FEWEST_PAIRS, VERDICTS
from app.runs import queries, rules, services
from app.runs.forms import CloseForm, PlanForm, ReasonForm, RunForm
from app.runs.models import CourseRun, Nomination
from app.runs.queries import Count, Member, Proposal, Teacher
from app.runs.rules import Finding, Gap, Standing, Step

bp = Blueprint("runs", __name__)

MOST_CANDIDATES = 50
NOBODY = Count()
GENDERS: Mapping[str | None, Message] = {
    "f": say("run", "woman"), "m": say("run", "man"), None: say("run", "not stated"),
}


# ---- which run, and whose people -------------------------------------------------------------------------------------


def _the_run(db: Session, code: str) -> CourseRun:
    run = db.scalar(
        sa.select(CourseRun)
        .options(joinedload(CourseRun.office), joinedload(CourseRun.classroom).joinedload(Classroom.office), joinedload(CourseRun.course_version))
        .where(CourseRun.code == code)
    )
    if run is None:
        raise NotFound()
    return run


def _places(run: CourseRun) -> list[str]:
    """The paths of the offices that give a run: whose it is, and whose classroom it is held in."""
    return [run.office.path, *([run.classroom.office.path] if run.classroom else [])]


def _covers(paths: Sequence[str], places: Sequence[str]) -> str | None:
    return next((place for place in places if any(place.startswith(path) for path in paths)), None)


def given_by(action: str) -> Callable[[Session, str], tuple[CourseRun, Target]]:
    """A run, for what only the office that gives it does."""

    def find(db: Session, code: str) -> tuple[CourseRun, Target]:
        run = _the_run(db, code)
        places = _places(run)[: 1 if action in ("run.plan", "run.decide") else 2]
        return run, Target(path=_covers(scope(actor(), action), places) or run.office.path)

    return find


def seen_by(action: str) -> Callable[[Session, str], tuple[CourseRun, Target]]:
    """A run, for what others may do or see too: offices below while it takes nominations, offices with people in it, its trainers."""

    def find(db: Session, code: str) -> tuple[CourseRun, Target]:
        run = _the_run(db, code)
        paths = scope(actor(), action)
        path = _covers(paths, _places(run))
        if path is None and run.state in ("planned", "open"):
            path = next((one for one in paths if one.startswith(run.office.path)), None)
        if path is None and paths and action != "run.nominate":
            path = queries.home_in(db, run.id, paths)
        return run, Target(path=path or run.office.path, trainers=frozenset(t.person_id for t in queries.trainers_of(db, [run.id]).get(run.id, ())))

    return find


def _whose(run: CourseRun, teachers: Sequence[Teacher]) -> tuple[str, ...] | None:
    """The offices whose people of a run somebody sees; None: all of them, because it is his office's run or he teaches it."""
    paths = scope(actor(), "run.results")
    if _covers(paths, _places(run)) or any(one.person_id == me().person_id for one in teachers):
        return None
    return paths


def _today(run: CourseRun) -> date:
    return clock.now().astimezone(ZoneInfo(run.zone)).date()


def _title(run: CourseRun) -> str:
    return pick(run.course_version.titles)


def _where(run: CourseRun) -> str:
    room = f"{pick(run.classroom.office.names)}, {pick(run.classroom.names)}" if run.classroom else ""
    return ", ".join(part for part in (room, run.place) if part)


def _days(run: CourseRun) -> str:
    return i18n.day(run.starts_on) if run.starts_on == run.ends_on else f"{i18n.day(run.starts_on)} – {i18n.day(run.ends_on)}"


def _language(tag: str) -> str:
    return LANGUAGES[tag].name if tag in LANGUAGES else tag


# ---- the list --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RunRow:
    """A line of the list."""

    run: CourseRun
    office: Mapping[str, str]
    titles: Mapping[str, str]
    version: int
    count: Count = NOBODY
    lead: str = ""

    @property
    def course(self) -> str:
        """The course in the language of the page."""
        return pick(self.titles)


RUNS = lists.Listing(
    name="runs",
    title=say("runs", "Runs"),
    columns=(
        lists.Column("code", say("runs", "Run"), value=lambda row: row.run.code, sort=True, always=True),
        lists.Column("course", say("runs", "Course"), value=lambda row: row.course),
        lists.Column("version", say("runs", "Version"), "int", value=lambda row: row.version, shown=False),
        lists.Column("office", say("runs", "Office"), value=lambda row: pick(row.office), sort=True),
        lists.Column("place", say("runs", "Place"), value=lambda row: row.run.place, shown=False),
        lists.Column("starts_on", say("runs", "First day"), "day", value=lambda row: row.run.starts_on, sort=True),
        lists.Column("ends_on", say("runs", "Last day"), "day", value=lambda row: row.run.ends_on, sort=True),
        lists.Column("lead", say("runs", "Lead trainer"), value=lambda row: row.lead),
        lists.Column("enrolled", say("runs", "People"), "int", value=lambda row: row.count.enrolled),
        lists.Column("seats", say("runs", "Seats"), "int", value=lambda row: row.run.seats, sort=True),
        lists.Column("undecided", say("runs", "To decide"), "int", value=lambda row: row.count.undecided, shown=False),
        lists.Column("state", say("runs", "State"), value=lambda row: rules.STATES[row.run.state], sort=True),
    ),
    sort="-starts_on",
    filters=(
        lists.Filter("q", say("runs", "Run"), "search"),
        lists.Filter("state", say("runs", "State"), options=tuple(rules.STATES.items())),
        lists.Filter("from", say("runs", "From"), "day"),
        lists.Filter("to", say("runs", "To"), "day"),
    ),
)


@bp.get("/runs")
@guarded("run.list")
def index() -> ResponseReturnValue:
    """The runs that who asks may see."""
    mine = queries.visible(scope(actor(), "run.list"), me().person_id)
    offices = g.db.execute(
        sa.select(Office.code, Office.names).join(CourseRun, CourseRun.office_id == Office.id).where(mine).distinct().order_by(Office.code)
    ).all()
    courses = dict(
        g.db.execute(
            sa.select(Course.slug, CourseVersion.titles)
            .join(CourseVersion, CourseVersion.course_id == Course.id).join(CourseRun, CourseRun.course_version_id == CourseVersion.id)
            .join(Office, Office.id == CourseRun.office_id).where(mine).order_by(CourseVersion.number)
        ).all()
    )
    view = lists.asked(
        RUNS,
        filters=(
            lists.Filter("office", say("runs", "Office"), options=tuple((code, pick(names)) for code, names in offices)),
            lists.Filter("course", say("runs", "Course"), options=tuple((slug, pick(titles)) for slug, titles in courses.items())),
        ),
    )
    query = (
        sa.select(CourseRun, Office.names, CourseVersion.titles, CourseVersion.number)
        .join(Office, Office.id == CourseRun.office_id).join(CourseVersion, CourseVersion.id == CourseRun.course_version_id)
        .join(Course, Course.id == CourseVersion.course_id).where(mine)
    )
    if view.value("q"):
        query = query.where(CourseRun.code.icontains(view.value("q"), autoescape=True))
    if view.value("state"):
        query = query.where(CourseRun.state == view.value("state"))
    if view.value("office"):
        query = query.where(Office.code == view.value("office"))
    if view.value("course"):
        query = query.where(Course.slug == view.value("course"))
    if first := view.day("from"):
        query = query.where(CourseRun.ends_on >= first)
    if last := view.day("to"):
        query = query.where(CourseRun.starts_on <= last)
    order = {
        "code": (sa.func.length(CourseRun.code), CourseRun.code), "office": Office.code, "starts_on": (CourseRun.starts_on, CourseRun.code),
        "ends_on": CourseRun.ends_on, "seats": CourseRun.seats, "state": CourseRun.state,
    }
    lists.fetch(g.db, view, query, order, CourseRun.id, row=lambda row: RunRow(*row))
    ids = [row.run.id for row in view.rows]
    counts, teachers = queries.counts_of(g.db, ids), queries.trainers_of(g.db, ids)
    view.rows = [
        replace(row, count=counts[row.run.id], lead=next((one.name for one in teachers.get(row.run.id, ())), "")) for row in view.rows
    ]
    return lists.export(view, scope_words=_scope_words()) or render_template("runs/index.html", view=view)


def _scope_words() -> Message | str:
    paths = scope(actor(), "run.list")
    if not paths:
        return say("runs", "runs that {name} teaches", name=me().name)
    names = g.db.scalars(sa.select(Office.names).where(Office.path.in_(paths)).order_by(Office.path)).all()
    return i18n.listing(pick(one) for one in names)


# ---- planning --------------------------------------------------------------------------------------------------------


@bp.get("/runs/new")
@bp.post("/runs/new", endpoint="save_new")
@guarded("run.plan")
def new() -> ResponseReturnValue:
    """Plan a run."""
    form = PlanForm(seats=12) if request.method == "GET" else PlanForm()
    newest: dict[str, Any] = {}
    for version in versions(g.db):
        if version.slug not in newest or version.number > newest[version.slug].number:
            newest[version.slug] = version
    form.version.choices = [("", ""), *((str(one.id), f"{pick(one.titles)}, {i18n.t('run', 'version {n}', n=one.number)}") for one in newest.values())]
    offices = g.db.execute(
        sa.select(Office.id, Office.names, Office.kind, Office.country_id)
        .where(under(Office.path, scope(actor(), "run.plan")), Office.closed_on.is_(None)).order_by(Office.path)
    ).all()
    form.office.choices = [(str(id), pick(names)) for id, names, _kind, _country in offices]
    _fill_choices(form, {country for *_, country in offices if country})
    if request.method == "GET" and me().office_id:
        form.office.data = str(me().office_id)
    if form.is_submitted() and form.validate():
        try:
            run = services.plan_run(
                g.db, version=g.db.get_one(CourseVersion, uuid.UUID(form.version.data)), office=g.db.get_one(Office, uuid.UUID(form.office.data)),
                **_planned(form),
            )
        except Invalid as refused:
            g.db.rollback()
            form.show(refused)
        else:
            say_next(say("run", "Run {code} is planned. Offices can nominate their officers now.", code=run.code))
            return go("runs.page", code=run.code)
    return render_template("runs/plan.html", form=form, run=None), 422 if form.errors else 200


@bp.get("/runs/<code>/change")
@bp.post("/runs/<code>/change", endpoint="save_change")
@guarded("run.plan", given_by("run.plan"))
def change(run: CourseRun) -> ResponseReturnValue:
    """Change dates, place, seats and trainers."""
    code, cancel = run.code, ReasonForm()
    teachers = queries.trainers_of(g.db, [run.id]).get(run.id, [])
    form = RunForm() if request.method == "POST" else RunForm(
        starts_on=run.starts_on, ends_on=run.ends_on, seats=run.seats, place=run.place, note=run.note,
        classroom=str(run.classroom_id or ""), lead=str(next((one.person_id for one in teachers if one.part == "lead"), "")),
        co=[str(one.person_id) for one in teachers if one.part == "co"],
    )
    _fill_choices(form, {run.office.country_id} - {None})
    if form.is_submitted() and form.validate():
        try:
            services.change_run(g.db, run, **_planned(form))
        except Invalid as refused:
            g.db.rollback()
            run = _the_run(g.db, code)
            form.show(refused)
        else:
            say_next(say("run", "Run {code} is changed.", code=code))
            return go("runs.page", code=code)
    return render_template("runs/plan.html", form=form, run=run, cancel=cancel), 422 if form.errors else 200


@bp.post("/runs/<code>/cancel")
@guarded("run.plan", given_by("run.plan"))
def cancel(run: CourseRun) -> ResponseReturnValue:
    """Cancel a run that will not be held."""
    code = run.code
    services.cancel_run(g.db, run, by=me().person_id, now=clock.now(), reason=request.form.get("reason", ""))
    say_next(say("run", "Run {code} is cancelled.", code=code), "warn")
    return go("runs.page", code=code)


def _fill_choices(form: RunForm, countries: set[uuid.UUID | None]) -> None:
    rooms = queries.classrooms_under(g.db, scope(actor(), "run.plan"))
    form.classroom.choices = [("", i18n.t("run", "none: the place below")), *((str(id), f"{pick(office)}, {pick(names)}") for id, names, office in rooms)]
    country = countries.pop() if len(countries) == 1 else None
    people = queries.lecturers(g.db, today=clock.now().date(), country_id=country)
    trainers = [(str(id), f"{name}, {pick(office)}") for id, name, office in people]
    form.lead.choices = [("", i18n.t("run", "not named yet")), *trainers]
    form.co.choices = trainers


def _planned(form: RunForm) -> dict[str, Any]:
    ids = [uuid.UUID(one) for one in dict.fromkeys([form.lead.data, *(form.co.data or [])]) if one]
    people = {person.id: person for person in g.db.scalars(sa.select(Person).where(Person.id.in_(ids)))}
    return {
        "starts_on": form.starts_on.data, "ends_on": form.ends_on.data, "seats": form.seats.data, "place": form.place.data or "",
        "note": form.note.data or "", "trainers": [people[id] for id in ids], "by": me().person_id, "now": clock.now(),
        "classroom": g.db.get_one(Classroom, uuid.UUID(form.classroom.data)) if form.classroom.data else None,
    }


# ---- the page of a run -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Todo:
    """The one thing to do next: what it is, and the way there when it is the reader's."""

    title: Message
    text: Message
    label: Message | None = None
    href: str = ""


@dataclass(frozen=True)
class Inside:
    """All that a page of a run shows of its people."""

    teachers: list[Teacher]
    paths: tuple[str, ...] | None
    members: list[Member]
    progress: dict[uuid.UUID, Progress]
    certificates: dict[uuid.UUID, certificates.Held]


def _inside(run: CourseRun) -> Inside:
    teachers = queries.trainers_of(g.db, [run.id]).get(run.id, [])
    paths = _whose(run, teachers)
    return Inside(
        teachers, paths, queries.roster(g.db, run.id, paths=paths), progress_of_run(g.db, run.id), certificates.of_run(g.db, run.id),
    )


def _standing(run: CourseRun, inside: Inside, undecided: int) -> Standing:
    progress = [inside.progress[one.enrolment_id] for one in inside.members]
    completed = [one for one in inside.members if inside.progress[one.enrolment_id].verdict == "completed"]
    return Standing(
        state=run.state, today=_today(run), starts_on=run.starts_on, ends_on=run.ends_on, undecided=undecided, enrolled=len(inside.members),
        slips=sum(one.slip for one in inside.members), without_pre=sum(one.pre is None for one in progress),
        without_post=sum(one.post is None for one in progress), running=sum(one.running for one in progress),
        passed=len(completed), took_part=sum(one.verdict != "not-started" for one in progress),
        certificates=sum(one.enrolment_id in inside.certificates for one in completed),
    )


@bp.get("/runs/<code>")
@guarded("run.read", seen_by("run.read"))
def page(run: CourseRun) -> ResponseReturnValue:
    """A run: the next thing to do, its facts, who is in it."""
    inside = _inside(run)
    proposals = queries.nominations_of(g.db, run, paths=inside.paths)
    undecided = sum(one.nomination.state == "proposed" for one in proposals)
    standing = _standing(run, inside, undecided)
    whole = inside.paths is None
    return render_template(
        "runs/page.html", run=run, title=_title(run), where=_where(run), days=_days(run), inside=inside, standing=standing,
        todo=_todo(run, standing) if whole else None, step=rules.step(standing), steps=STEPS if whole else (), proposals=proposals,
        counts=Counter(one.nomination.state for one in proposals), in_class=sum(one.mode == "class" for one in inside.members),
        modes=rules.MODES, states=rules.STATES, nomination_states=rules.NOMINATION_STATES, verdicts=VERDICTS, language_name=_language,
        may=_may(run), today=_today(run),
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


def _may(run: CourseRun) -> dict[str, bool]:
    """What who asks may do with a run: for buttons."""
    office, places = Target(path=run.office.path), [Target(path=path) for path in _places(run)]
    live = run.state in ("planned", "open")
    return {
        "plan": live and can("run.plan", office),
        "nominate": live and any(
            path.startswith(run.office.path) or run.office.path.startswith(path) for path in scope(actor(), "run.nominate")
        ),
        "decide": live and can("run.decide", office),
        "slips": live and any(can("run.slips", one) for one in places),
        "close": run.state == "open" and any(can("run.close", one) for one in places),
        "reopen": run.state == "closed" and can("run.decide", office),
        "certificates": any(can("certificate.issue", one) for one in places),
    }


def _todo(run: CourseRun, standing: Standing) -> Todo | None:
    may = _may(run)

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


# ---- nominations -----------------------------------------------------------------------------------------------------


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
            run, error = _the_run(g.db, code), refused.message
        else:
            say_next(say("nomination", "Officers nominated: {n}. The training officer decides.", n=len(made)))
            return go("runs.nominations", code=code)
    wanted, office = request.args.get("q", "").strip(), _uuid(request.args.get("office", ""))
    found = queries.candidates(
        g.db, on=run.starts_on, paths=paths, search=fold(wanted).split(), office_id=office, most=MOST_CANDIDATES + 1,
    )
    shown = found[:MOST_CANDIDATES]
    known = {one.nomination.person_id: one.nomination for one in queries.nominations_of(g.db, run)}
    facts = queries.facts_of(
        g.db, run, {one.person_id: language for one in shown}, trained=passed_before(g.db, run, [one.person_id for one in shown]),
    )
    offices = g.db.execute(sa.select(Office.id, Office.names).where(under(Office.path, paths)).order_by(Office.path)).all()
    count = queries.counts_of(g.db, [run.id])[run.id]
    return render_template(
        "runs/nominate.html", run=run, title=_title(run), days=_days(run), where=_where(run), error=error, ticked=set(ticked), mode=mode,
        test_language=language, wanted=wanted, office=office, offices=offices, more=len(found) > MOST_CANDIDATES, count=count,
        rows=[(one, rules.findings(facts[one.person_id]), known.get(one.person_id)) for one in shown], modes=rules.MODES,
        languages=[(tag, _language(tag)) for tag in run.course_version.languages], states=rules.NOMINATION_STATES, language_name=_language,
    ), 422 if error else 200


def _usual_language(run: CourseRun) -> str:
    wish = i18n.language()
    return wish if wish in run.course_version.languages else run.course_version.languages[0]


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


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
        lists.Column("language", say("nomination", "Language"), value=lambda row: _language(row.nomination.language)),
        lists.Column("mode", say("nomination", "Mode"), value=lambda row: rules.MODES[row.nomination.mode]),
        lists.Column("previous", say("nomination", "Previous courses"), value=lambda row: row.previous),
        lists.Column("nominated_by", say("nomination", "Nominated by"), value=lambda row: row.proposal.nominated_by),
        lists.Column("nominated_at", say("nomination", "On"), "day", value=lambda row: row.nomination.nominated_at.date()),
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
    proposals = queries.nominations_of(g.db, run, paths=_whose(run, teachers))
    people = {one.nomination.person_id: one.nomination.language for one in proposals}
    facts = queries.facts_of(g.db, run, people, trained=passed_before(g.db, run, people))
    earlier = queries.earlier_of(g.db, run, people)
    lines = [
        Line(n, one, rules.findings(facts[one.nomination.person_id]), earlier.get(one.nomination.person_id, []))
        for n, one in enumerate(proposals, start=1)
    ]
    view = lists.show(lists.asked(NOMINATIONS), lines)
    if view.file == "pdf":
        return _paper(
            "runs/paper_nominations.html", f"{run.code}-nominations.pdf", title=i18n.t("nomination", "Nomination list"), rows=len(lines),
            run=run, course=_title(run), where=_where(run), days=_days(run), lines=lines, genders=GENDERS, modes=rules.MODES,
            states=rules.NOMINATION_STATES, language_name=_language, teachers=teachers,
        )
    if file := lists.export(view, scope_words=run.code):
        return file
    count = queries.counts_of(g.db, [run.id])[run.id]
    return render_template(
        "runs/nominations.html", run=run, title=_title(run), days=_days(run), where=_where(run), view=view, lines=lines, error=error,
        may=_may(run), count=count, waiting=[line for line in lines if line.nomination.state == "proposed"], states=rules.NOMINATION_STATES,
        modes=rules.MODES, language_name=_language, mine=scope(actor(), "run.nominate"), given=request.form,
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
        return _nominations_page(_the_run(g.db, code), refused.message)
    say_next(say("nomination", "Accepted: {yes}. Declined: {no}.", yes=done["accept"], no=done["decline"]))
    return go("runs.page" if len(choices) == len(waiting) else "runs.nominations", code=code)


def the_nomination(db: Session, code: str, nomination_id: uuid.UUID) -> tuple[tuple[CourseRun, Nomination], Target]:
    """A nomination, for the office that made it and for the one that gives the run."""
    run = _the_run(db, code)
    found = db.execute(
        sa.select(Nomination, Office.path).join(Office, Office.id == Nomination.office_id)
        .where(Nomination.id == nomination_id, Nomination.run_id == run.id)
    ).first()
    if found is None:
        raise NotFound()
    nomination, path = found
    return (run, nomination), Target(path=_covers(scope(actor(), "run.nominate"), [path, run.office.path]) or path)


@bp.get("/runs/<code>/nominations/<uuid:nomination_id>/withdraw")
@bp.post("/runs/<code>/nominations/<uuid:nomination_id>/withdraw", endpoint="save_withdraw")
@guarded("run.nominate", the_nomination)
def withdraw(found: tuple[CourseRun, Nomination]) -> ResponseReturnValue:
    """Take a nomination back, with a reason."""
    run, nomination = found
    code, form = run.code, ReasonForm()
    if form.is_submitted() and form.validate():
        services.withdraw(g.db, nomination, by=me().person_id, now=clock.now(), reason=form.reason.data or "")
        say_next(say("nomination", "The officer is withdrawn from {code}; his PIN is dead.", code=code), "warn")
        return go("runs.page", code=code)
    person = g.db.get_one(Person, nomination.person_id)
    return render_template(
        "runs/reason.html", run=run, form=form, heading=i18n.t("nomination", "Withdraw {name} from {code}", name=person.display_name, code=code),
        text=i18n.t("nomination", "What he has done in the run stays. His PIN stops working at once."),
        button=i18n.t("nomination", "Withdraw {name}", name=person.short_name), back=url_for("runs.page", code=code),
    ), 422 if form.errors else 200


# ---- slips -----------------------------------------------------------------------------------------------------------


@bp.get("/runs/<code>/slips")
@guarded("run.slips", given_by("run.slips"))
def slips(run: CourseRun) -> ResponseReturnValue:
    """What printing slips does, before it is done."""
    members = queries.roster(g.db, run.id)
    return render_template(
        "runs/slips.html", run=run, title=_title(run), days=_days(run), where=_where(run), members=members,
        old=sum(one.slip for one in members), can_print=pdf.available(),
    )


@bp.post("/runs/<code>/slips")
@guarded("run.slips", given_by("run.slips"))
def print_slips(run: CourseRun) -> ResponseReturnValue:
    """New PINs for everybody of a run, on slips that are printed once."""
    return _slips(run, queries.roster(g.db, run.id))


def the_member(db: Session, code: str, enrolment_id: uuid.UUID) -> tuple[tuple[CourseRun, Member], Target]:
    """One person of a run, for what the class does with him."""
    run, target = given_by("run.slips")(db, code)
    member = next((one for one in queries.roster(db, run.id) if one.enrolment_id == enrolment_id), None)
    if member is None:
        raise NotFound()
    return (run, member), target


@bp.get("/runs/<code>/slips/<uuid:enrolment_id>")
@guarded("run.slips", the_member)
def slip(found: tuple[CourseRun, Member]) -> ResponseReturnValue:
    """A new slip for one person: the second of two clicks is the button."""
    run, member = found
    return render_template(
        "runs/slips.html", run=run, title=_title(run), days=_days(run), where=_where(run), members=[member], old=int(member.slip), one=member,
        can_print=pdf.available(),
    )


@bp.post("/runs/<code>/slips/<uuid:enrolment_id>")
@guarded("run.slips", the_member)
def print_slip(found: tuple[CourseRun, Member]) -> ResponseReturnValue:
    """A new PIN for one person; the old one is dead."""
    run, member = found
    return _slips(run, [member])


def _slips(run: CourseRun, members: list[Member]) -> ResponseReturnValue:
    """Digits, hashes and the paper are made first; the short write comes last, and its refusal throws them away."""
    if not members:
        raise Invalid(say("slip", "Nobody is enrolled: there are no slips to print."))
    code, pins = run.code, {one.person_id: new_pin() for one in members}
    hashes = {person_id: hash_pin(pin) for person_id, pin in pins.items()}
    seats = queries.seats_of(g.db, run.classroom_id)
    common = Counter(one.language for one in members).most_common(1)[0][0]
    body = []
    for member in members:
        with i18n.speaking(member.language):
            seat = seats[member.number - 1] if member.mode == "class" and member.number <= len(seats) else ""
            body.append(
                render_template(
                    "runs/paper_slip.html", run=run, course=_title(run), where=_where(run), days=_days(run), member=member,
                    pin=pins[member.person_id], seat=seat,
                )
            )
    with i18n.speaking(common):
        title = i18n.t("slip", "Sign-in slips, run {code}", code=code)
    html = f'<div class="slip-grid">{"".join(body)}</div>'
    as_page = "as_page" in request.form
    data = b"" if as_page else pdf.write(html, language=common, title=title, body_class="slips")
    services.issue_slips(g.db, run, pin_hashes=hashes, by=me().person_id, now=clock.now())
    for member in members:
        audit("slip.issue", about=code, person_id=str(member.person_id), number=member.service_number)
    if as_page:
        return render_template("runs/slips_page.html", slips=body, code=code)
    return _file(data, f"{code}-slips.pdf")


def _file(data: bytes, name: str) -> Response:
    response = make_response(data)
    response.headers["Content-Type"] = "application/pdf"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    return response


# ---- result sheet ----------------------------------------------------------------------------------------------------


@bp.get("/runs/<code>/results")
@guarded("run.results", seen_by("run.results"))
def sheet(run: CourseRun) -> ResponseReturnValue:
    """The result sheet: on the page, on paper and in files the same rows."""
    inside = _inside(run)
    held = {id: (one.number, one.kind == "participated") for id, one in inside.certificates.items()}
    made = results(inside.members, inside.progress, held)
    view = lists.show(lists.asked(RESULTS), made.rows)
    about = {
        "run": run, "course": _title(run), "where": _where(run), "days": _days(run), "teachers": inside.teachers, "results": made,
        "whole": inside.paths is None, "outcomes": OUTCOMES, "fewest": FEWEST_PAIRS,
    }
    if view.file == "pdf":
        manager = class_manager(g.db, (run.classroom.office if run.classroom else run.office).path, _today(run))
        return _paper(
            "runs/paper_results.html", f"{run.code}-results.pdf", title=i18n.t("result", "Result sheet, {code}", code=run.code),
            rows=len(made.rows), manager=manager, **about,
        )
    if view.file in lists.FILES:
        return lists.download(
            sheets.Sheet(
                name=f"{run.code}-results", title=RESULTS.title, columns=RESULT_COLUMNS, rows=tuple(row.values for row in made.rows),
                at=clock.now(), zone=run.zone, by=me().name, scope=say("result", "run {code}", code=run.code),
                filters=((say("result", "Course"), _title(run)), (say("result", "Days"), _days(run)), (say("result", "Where"), _where(run))),
            ),
            view.file, **view.csv,
        )
    return render_template("runs/results.html", view=view, **about)


RESULTS = lists.Listing(
    name="results", title=say("result", "Result sheet"), sort="number",
    columns=tuple(lists.Column(one.key, one.head, one.kind, always=True) for one in RESULT_COLUMNS),
)


def _paper(template: str, name: str, *, title: str, rows: int, **facts: Any) -> Response:
    data = pdf.paper(template, language=i18n.language(), title=title, body_class="landscape", now=clock.now(), by=me().name, **facts)
    return lists.attachment(data, name, rows=rows)


# ---- closing ---------------------------------------------------------------------------------------------------------


@bp.get("/runs/<code>/close")
@bp.post("/runs/<code>/close", endpoint="save_close")
@guarded("run.close", given_by("run.close"))
def close(run: CourseRun) -> ResponseReturnValue:
    """What is missing, and closing the run."""
    code, form = run.code, CloseForm()
    gaps = _gaps(run)
    if form.is_submitted() and form.validate():
        try:
            services.close_run(g.db, run, by=me().person_id, now=clock.now(), gaps=gaps, note=form.note.data or "")
        except Invalid as refused:
            g.db.rollback()
            run = _the_run(g.db, code)
            form.show(refused)
        else:
            say_next(say("run", "Run {code} is closed.", code=code))
            return go("runs.page", code=code)
    return render_template("runs/close.html", run=run, title=_title(run), form=form, gaps=gaps), 422 if form.errors else 200


def _gaps(run: CourseRun) -> list[Gap]:
    members = queries.roster(g.db, run.id)
    inside = Inside([], None, members, progress_of_run(g.db, run.id), certificates.of_run(g.db, run.id))
    return rules.gaps(_standing(run, inside, queries.counts_of(g.db, [run.id])[run.id].undecided))


@bp.get("/runs/<code>/reopen")
@bp.post("/runs/<code>/reopen", endpoint="save_reopen")
@guarded("run.decide", given_by("run.decide"))
def reopen(run: CourseRun) -> ResponseReturnValue:
    """Open a closed run again, with a reason."""
    code, form = run.code, ReasonForm()
    if form.is_submitted() and form.validate():
        services.reopen_run(g.db, run, by=me().person_id, now=clock.now(), reason=form.reason.data or "")
        audit("run.reopen", about=code, reason=form.reason.data)
        say_next(say("run", "Run {code} is open again.", code=code), "warn")
        return go("runs.page", code=code)
    return render_template(
        "runs/reason.html", run=run, form=form, heading=i18n.t("run", "Open {code} again", code=code),
        text=i18n.t("run", "Nominations, tests and results can be changed again. PINs stay dead: print new slips where they are needed."),
        button=i18n.t("run", "Open {code} again", code=code), back=url_for("runs.page", code=code),
    ), 422 if form.errors else 200
