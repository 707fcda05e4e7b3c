"""Pages of certificates: the register, those of a run, one certificate, one's own, and the public check."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, Response, current_app, g, make_response, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app import clock, files, i18n, lists
from app.certificates import checking, completion, keys, printing, printing_job, queries, rules, services, wording
from app.certificates.models import Certificate, NumberBlock, Paper, Signatory
from app.certificates.queries import Held, Line
from app.certificates.rules import Facts, Kind, Number, State
from app.certificates.wording import KINDS, STATES
from app.courses.models import CourseVersion
from app.errors import Invalid, Message, NotFound, Throttled, say
from app.http import can, go, guarded, me, note, say_next
from app.i18n import LANGUAGES, pick, speaking, t
from app.lists import Column, Filter, Listing
from app.offices.models import Country, Office
from app.ops import background
from app.policy import Target
from app.runs.models import CourseRun, Enrolment
from app.runs.queries import Member, roster

bp = Blueprint("certificates", __name__)

EVENTS: dict[str, Message] = STATES | {
    State.ISSUED: say("certificate", "issued"), rules.RESTORED: say("certificate", "suspension ended"),
}
LAYOUTS: dict[str, Message] = {"landscape": say("certificate", "landscape"), "portrait": say("certificate", "upright")}


# ---- the register ----------------------------------------------------------------------------------------------------

REGISTER = Listing(
    "certificates", say("certificate", "Register of certificates"), sort="-number",
    columns=(
        Column("number", say("certificate", "Number"), value=lambda line: line.certificate.number, sort=True, always=True),
        Column("name", say("certificate", "Name"), value=lambda line: printing.printed_name(line).full, sort=True),
        Column("kind", say("certificate", "Kind"), value=lambda line: KINDS[line.certificate.kind]),
        Column("course", say("certificate", "Course"), value=lambda line: pick(line.facts.titles)),
        Column("run", say("certificate", "Run"), value=lambda line: line.run_code, sort=True),
        Column("office", say("certificate", "Issued by"), value=lambda line: pick(line.office)),
        Column("issued", say("certificate", "Issued on"), kind="day", value=lambda line: line.facts.issued_on, sort=True),
        Column("state", say("certificate", "State"), value=lambda line: STATES[line.state]),
        Column("replaced_by", say("certificate", "Replaced by"), value=lambda line: line.replaced_by, shown=False),
        Column("signatories", say("certificate", "Signatories"), value=lambda line: _signatories(line.facts), shown=False),
    ),
    filters=(
        Filter("q", say("certificate", "Number or name"), kind="search"),
        Filter("state", say("certificate", "State"), options=tuple((state, STATES[state]) for state in State)),
        Filter("kind", say("certificate", "Kind"), options=tuple((kind.value, KINDS[kind]) for kind in Kind)),
        Filter("from", say("certificate", "Issued from"), kind="day"),
        Filter("to", say("certificate", "Issued to"), kind="day"),
    ),
)



def _signatories(facts: Facts) -> str:
    return ", ".join(pick(one.names) for one in facts.signatories)


@bp.get("/certificates")
@guarded("certificate.list")
def index() -> ResponseReturnValue:
    """The register of the offices that who asks may see."""
    seen = lists.scoped(Office.path, "certificate.list")
    courses = g.db.execute(
        sa.select(CourseVersion.course_id, CourseVersion.titles).join(CourseRun, CourseRun.course_version_id == CourseVersion.id)
        .join(Enrolment, Enrolment.run_id == CourseRun.id).join(Certificate, Certificate.enrolment_id == Enrolment.id)
        .join(Office, Office.id == Certificate.office_id).where(seen).order_by(CourseVersion.number)
    )
    offices = g.db.execute(
        sa.select(Office.id, Office.names).join(Certificate, Certificate.office_id == Office.id).where(seen).group_by(Office.id).order_by(Office.path)
    )
    view = lists.asked(REGISTER, filters=(
        Filter("course", say("certificate", "Course"), options=tuple({str(id): pick(titles) for id, titles in courses}.items())),
        Filter("office", say("certificate", "Office"), options=tuple((str(id), pick(names)) for id, names in offices)),
    ))
    query = _filtered(queries.lines().where(seen), view)
    number = (Certificate.country_code, Certificate.year, Certificate.serial)
    order = {"number": number, "name": sa.literal_column("person.sort_key"), "run": CourseRun.code, "issued": Certificate.issued_at}
    lists.fetch(g.db, view, query, order, Certificate.id, row=queries.line_of)
    countries = g.db.scalars(
        sa.select(Country.code).join(Office, Office.country_id == Country.id).where(lists.scoped(Office.path, "certificate.list")).distinct()
    ).all()
    return lists.export(view) or render_template(
        "certificates/index.html", view=view, blocks=queries.blocks(g.db, countries), states=STATES,
        countries=_gives_numbers_to(g.db), year=clock.now().year, node=request.args.get("node") or g.db.info["node"],
    )


def _filtered(query: sa.Select[Any], view: lists.View) -> sa.Select[Any]:
    from app.people.models import Person
    from app.people.names import fold

    if words := view.value("q"):
        number = rules.parse(words)
        digits = words.upper().strip()
        by_name = sa.and_(sa.literal(fold(words)) != "", *(Person.search_key.contains(word, autoescape=True) for word in fold(words).split()))
        query = query.where(Certificate.number == str(number) if number else sa.or_(Certificate.number.contains(digits, autoescape=True), by_name))
    if state := view.value("state"):
        query = query.where(queries.shown_state() == state)
    if kind := view.value("kind"):
        query = query.where(Certificate.kind == kind)
    if first := view.day("from"):
        query = query.where(sa.func.substr(Certificate.facts["issued_on"].as_string(), 1, 10) >= first.isoformat())
    if last := view.day("to"):
        query = query.where(sa.func.substr(Certificate.facts["issued_on"].as_string(), 1, 10) <= last.isoformat())
    if office := view.id_of("office"):
        query = query.where(Certificate.office_id == office)
    if course := view.id_of("course"):
        versions = sa.select(CourseVersion.id).where(CourseVersion.course_id == course)
        query = query.where(CourseRun.course_version_id.in_(versions))
    return query


def _gives_numbers_to(db: Session) -> list[str]:
    """Countries whose numbers who asks may give away: those whose topmost office is in his hands, not just a post of theirs."""
    topmost = db.execute(  # a path begins with those above it, so the topmost is the first in order
        sa.select(Country.code, sa.func.min(Office.path)).join(Office, Office.country_id == Country.id).group_by(Country.code).order_by(Country.code)
    )
    return [code for code, path in topmost if can("certificate.sign", Target(path=path))]


@bp.post("/certificates/blocks")
@guarded("certificate.sign")
def give_block() -> ResponseReturnValue:
    """Give a node the next numbers of a country."""
    code = request.form.get("country", "").upper()[:2]
    if code not in _gives_numbers_to(g.db):
        raise NotFound()
    count, year = request.form.get("count", "").strip(), request.form.get("year", "").strip()
    if not (count.isascii() and count.isdigit() and len(count) < 7 and year.isascii() and year.isdigit() and len(year) == 4):
        raise Invalid(say("certificate", "Write the year and how many numbers in digits."))
    block = services.give_block(
        g.db, country_code=code, year=int(year), count=int(count), given_to=request.form.get("given_to", "").strip(), now=clock.now()
    )
    say_next(say("certificate", "{node} has the numbers {first} to {last}.", node=block.given_to, first=str(Number(code, block.year, block.first)),
                 last=str(Number(code, block.year, block.last))))
    return go("certificates.index")


def the_block(db: Session, block_id: uuid.UUID) -> tuple[NumberBlock, Target]:
    """A block of numbers: closed by who gives numbers in its country."""
    block = db.get(NumberBlock, block_id)
    if block is None:
        raise NotFound()
    path = db.scalar(
        sa.select(Office.path).join(Country, Country.id == Office.country_id).where(Country.code == block.country_code)
        .order_by(sa.func.length(Office.path)).limit(1)
    )
    return block, Target(path=path)


@bp.post("/certificates/blocks/<uuid:block_id>/close")
@guarded("certificate.sign", the_block)
def close_block(block: NumberBlock) -> ResponseReturnValue:
    """Take no more numbers from a block."""
    services.close_block(g.db, block, now=clock.now())
    say_next(say("certificate", "The block is closed; its end is listed as unused."))
    return go("certificates.index")


# ---- signatories -----------------------------------------------------------------------------------------------------


@bp.get("/certificates/signatories")
@guarded("certificate.sign")
def signatories() -> ResponseReturnValue:
    """Who signs, office by office."""
    return _signatories_page()


def _signatories_page(error: Message | None = None) -> str:
    rows = g.db.execute(
        sa.select(Signatory, Office.names).join(Office, Office.id == Signatory.office_id)
        .where(lists.scoped(Office.path, "certificate.sign"), Signatory.ended_at.is_(None)).order_by(Office.path, Signatory.position)
    ).all()
    offices = g.db.execute(
        sa.select(Office.id, Office.names).where(lists.scoped(Office.path, "certificate.sign"), Office.closed_on.is_(None)).order_by(Office.path)
    ).all()
    return render_template("certificates/signatories.html", rows=rows, offices=offices, error=error, form=request.form)


@bp.post("/certificates/signatories")
@guarded("certificate.sign")
def save_signatory() -> ResponseReturnValue:
    """Add somebody who signs."""
    try:
        wanted = uuid.UUID(request.form.get("office", ""))
    except ValueError:
        raise NotFound() from None
    office = g.db.scalar(sa.select(Office).where(Office.id == wanted, lists.scoped(Office.path, "certificate.sign")))
    if office is None:
        raise NotFound()
    texts = [{tag: request.form.get(f"{part}_{tag}", "")[:120] for tag in LANGUAGES} for part in ("name", "title")]
    try:
        services.add_signatory(g.db, office, names=texts[0], titles=texts[1])
    except Invalid as refused:
        return _signatories_page(refused.message), 422
    say_next(say("certificate", "The signatory was added."))
    return go("certificates.signatories")


def the_signatory(db: Session, signatory_id: uuid.UUID) -> tuple[Signatory, Target]:
    """A signatory of an office."""
    signatory = db.get(Signatory, signatory_id)
    if signatory is None:
        raise NotFound()
    return signatory, Target(path=db.get_one(Office, signatory.office_id).path)


@bp.post("/certificates/signatories/<uuid:signatory_id>/end")
@guarded("certificate.sign", the_signatory)
def end_signatory(signatory: Signatory) -> ResponseReturnValue:
    """Let somebody sign no more."""
    services.end_signatory(g.db, signatory, now=clock.now())
    say_next(say("certificate", "The signatory was ended. Certificates that bear the name stay as they are."))
    return go("certificates.signatories")


# ---- a run -----------------------------------------------------------------------------------------------------------


def the_run(db: Session, code: str) -> tuple[CourseRun, Target]:
    """A run, for the people of the office that gives it."""
    run = db.scalar(
        sa.select(CourseRun).where(CourseRun.code == code).options(sa.orm.joinedload(CourseRun.office), sa.orm.joinedload(CourseRun.course_version))
    )
    if run is None:
        raise NotFound()
    return run, Target(path=run.office.path)


@dataclass(frozen=True)
class Due:
    """A line of the issue page."""

    member: Member
    kind: Kind | None
    missing: tuple[Message, ...]
    held: Held | None
    left_out: bool

    @property
    def gets(self) -> bool:
        """Whether he is among those who get one now."""
        return self.kind is not None and self.held is None and not self.left_out


@dataclass(frozen=True)
class Choice:
    """How the certificates of a run shall look, as the address or the form says."""

    languages: tuple[str, ...]
    layout: str
    dari: bool
    signatories: tuple[uuid.UUID, ...]


def _due(run: CourseRun, without: Sequence[str]) -> list[Due]:
    standings = completion.standings(g.db, run)
    held = queries.of_run(g.db, run.id)
    found = []
    for member in roster(g.db, run.id):
        standing = standings.get(member.enrolment_id, rules.Standing((), took_part=False))
        found.append(
            Due(member, rules.kind_of(standing), standing.missing, held.get(member.enrolment_id), str(member.enrolment_id) in without)
        )
    return found


def _choice(run: CourseRun, offered: Sequence[Signatory]) -> Choice:
    given = request.form if request.method == "POST" else request.args
    country = g.db.scalar(sa.select(Country.languages).join(Office, Office.country_id == Country.id).where(Office.id == run.office_id)) or ["ru"]
    wished = [tag for tag in given.get("languages", "").split("-") if tag in LANGUAGES] or [tag for tag in country if tag in LANGUAGES][:1] or ["en"]
    ids = {str(one.id) for one in offered}
    chosen = [uuid.UUID(id) for id in dict.fromkeys(given.getlist("signatory")) if id in ids]
    if not given.getlist("signatory"):
        chosen = [one.id for one in offered[: rules.MOST_SIGNATORIES - 1]]
    return Choice(tuple(wished), given.get("layout") if given.get("layout") in rules.LAYOUTS else "landscape", bool(given.get("dari")), tuple(chosen))  # type: ignore[arg-type]


def _language_choices(run: CourseRun) -> list[tuple[str, str]]:
    country = g.db.scalar(sa.select(Country.languages).join(Office, Office.country_id == Country.id).where(Office.id == run.office_id)) or []
    own = [tag for tag in country if tag in LANGUAGES]
    pairs = ["-".join(own[:2])] if len(own) > 1 else []
    tags = [*pairs, *dict.fromkeys([*own, *LANGUAGES])]
    return [(tag, " · ".join(LANGUAGES[one].name for one in tag.split("-"))) for tag in tags]


@bp.get("/runs/<code>/certificates")
@guarded("certificate.issue", the_run)
def of_run(run: CourseRun) -> ResponseReturnValue:
    """Who of a run gets which certificate, who none and why; and the certificates that are issued."""
    return _run_page(run)


def _run_page(run: CourseRun, error: Message | None = None) -> str:
    without = request.form.getlist("without") if request.method == "POST" else request.args.getlist("without")
    due = _due(run, without)
    offered = queries.signatories(g.db, run.office.path)
    year = clock.now().astimezone(_zone(run)).year
    country = g.db.scalar(sa.select(Country.code).join(Office, Office.country_id == Country.id).where(Office.id == run.office_id)) or ""
    left = queries.numbers_left(g.db, node=g.db.info["node"], country=country, year=year)
    getting = [one for one in due if one.gets]
    if error is None and len(getting) > left:
        error = rules.too_few(len(getting), left)
    return render_template(
        "certificates/run.html", period=wording.period, run=run, due=due, getting=getting, issued=[one for one in due if one.held and one.held.state is not State.REVOKED], offered=offered, left=left, year=year,
        many=printing_job.MANY, choice=_choice(run, offered), languages=_language_choices(run), layouts=LAYOUTS, kinds=KINDS, states=STATES, without=without, error=error,
    )


def _zone(run: CourseRun) -> Any:
    from zoneinfo import ZoneInfo

    return ZoneInfo(run.zone)


@bp.post("/runs/<code>/certificates")
@guarded("certificate.issue", the_run)
def issue(run: CourseRun) -> ResponseReturnValue:
    """Issue the certificates of the people on the page."""
    choice = _choice(run, queries.signatories(g.db, run.office.path))
    try:
        people = [uuid.UUID(id) for id in request.form.getlist("person")]
    except ValueError:
        raise NotFound() from None
    try:
        issued = services.issue_for_run(
            g.db, run, people=people, signatories=choice.signatories, pen=keys.pen(current_app.config["FOLDER"]),
            address=current_app.config["PUBLIC"], now=clock.now(), actor_id=me().person_id, languages=choice.languages,
            layout=choice.layout, dari=choice.dari,
        )
    except Invalid as refused:
        g.db.rollback()
        run, _ = the_run(g.db, run.code)
        return _run_page(run, refused.message), 422
    if len(issued) == 1:
        say_next(say("certificate", "Certificate {number} is issued. Print it below.", number=issued[0].number))
    else:
        say_next(say(
            "certificate", "{n} certificates are issued: {first} to {last}. Print them below.", n=len(issued), first=issued[0].number, last=issued[-1].number,
        ))
    return go("certificates.of_run", code=run.code)


@bp.get("/runs/<code>/certificates/preview.pdf")
@guarded("certificate.issue", the_run)
def preview(run: CourseRun) -> ResponseReturnValue:
    """The first and the longest name as specimens: to look at before anything is issued."""
    choice = _choice(run, queries.signatories(g.db, run.office.path))
    people = [one.member.enrolment_id for one in _due(run, request.args.getlist("without")) if one.gets]
    drafts = services.draft(
        g.db, run, people=people, signatories=choice.signatories, address=current_app.config["PUBLIC"], now=clock.now(),
        languages=choice.languages, layout=choice.layout, dari=choice.dari,
    )
    number = f"XX-{clock.now().year}-000000-00"
    payload = f"{number}?k={'0' * 8}#{'A' * 128}"
    names = [rules.name_in(facts.names, facts.language)[1].full for _, facts in drafts]
    copies = [printing.Copy(drafts[n][1], number, payload, specimen=True) for n in rules.first_and_longest(names)]
    data = printing.certificates(copies, language=choice.languages[0], title=t("certificate", "Specimen"))
    return lists.attachment(data, f"specimen-{run.code}.pdf", inline=True)


@bp.get("/runs/<code>/certificates.pdf")
@guarded("certificate.list", the_run)
def print_run(run: CourseRun) -> ResponseReturnValue:
    """All certificates of a run in one file, in the order of the roster, with their page of the register."""
    lines = queries.lines_of_run(g.db, run.id)
    if not lines:
        raise NotFound()
    return lists.attachment(printing.of_run(run, lines), f"certificates-{run.code}.pdf", rows=len(lines), inline=True)


@bp.post("/runs/<code>/certificates/print")
@guarded("certificate.list", the_run)
def print_in_background(run: CourseRun) -> ResponseReturnValue:
    """The same for a long run, as background work with its progress."""
    job = background.ask(
        g.db, kind="certificates", params={"name": run.code, "run": str(run.id)}, person_id=me().person_id, language=i18n.language(),
        now=clock.now(),
    )
    return go("jobs.page", job_id=job.id)


# ---- one certificate -------------------------------------------------------------------------------------------------


def the_certificate(db: Session, id: uuid.UUID) -> tuple[Line, Target]:
    """A certificate: visible in the office that issued it, and to its holder."""
    line = queries.by_id(db, id)
    if line is None:
        raise NotFound()
    return line, Target(path=line.path, owner=line.person_id)


@bp.get("/certificates/<uuid:id>")
@guarded("certificate.read", the_certificate)
def page(line: Line) -> ResponseReturnValue:
    """One certificate: what it says, what happened to it, its paper."""
    return _page(line)


def _page(line: Line, error: Message | None = None, deed: str = "") -> str:
    target = Target(path=line.path, owner=line.person_id)
    old = g.db.get(Certificate, line.certificate.replaces_id) if line.certificate.replaces_id else None
    newer = g.db.scalar(sa.select(Certificate).where(Certificate.replaces_id == line.certificate.id))
    return render_template(
        "certificates/page.html", period=wording.period, line=line, facts=line.facts, name=printing.printed_name(line), history=queries.history(g.db, line.certificate.id),
        old=old, newer=newer, kinds=KINDS, states=STATES, events=EVENTS, own=line.person_id == me().person_id,
        may_change=can("certificate.revoke", target) and line.state not in rules.FINAL, error=error, deed=deed,
        qr=printing.qr(line.facts.address, line.certificate.payload), address=printing.short_address(line.facts.address),
    )


DEEDS = {
    "revoke": (services.revoke, say("certificate", "{number} is revoked.")),
    "suspend": (services.suspend, say("certificate", "{number} is suspended.")),
    "restore": (services.restore, say("certificate", "{number} is in force again.")),
    "void": (services.void, say("certificate", "{number} is void.")),
}


@bp.post("/certificates/<uuid:id>/<any(revoke, suspend, restore, void):deed>")
@guarded("certificate.revoke", the_certificate)
def change(line: Line, deed: str) -> ResponseReturnValue:
    """Change the state of a certificate, with the reason."""
    do, done = DEEDS[deed]
    try:
        do(g.db, line.certificate, reason=request.form.get("reason", ""), now=clock.now(), actor_id=me().person_id)
    except Invalid as refused:
        return _page(_again(line), refused.message, deed), 422
    say_next(say(done.context, done.text, number=line.certificate.number))
    return go("certificates.page", id=line.certificate.id)


def _again(line: Line) -> Line:
    id = line.certificate.id
    g.db.rollback()
    found = queries.by_id(g.db, id)
    if found is None:
        raise NotFound()
    return found


@bp.post("/certificates/<uuid:id>/replace")
@guarded("certificate.revoke", the_certificate)
def replace(line: Line) -> ResponseReturnValue:
    """Issue a certificate anew under another number, with today's name."""
    try:
        new = services.replace(
            g.db, line.certificate, reason=request.form.get("reason", ""), pen=keys.pen(current_app.config["FOLDER"]),
            address=current_app.config["PUBLIC"], now=clock.now(), actor_id=me().person_id,
        )
    except Invalid as refused:
        return _page(_again(line), refused.message, "replace"), 422
    say_next(say("certificate", "{new} replaces {old}.", new=new.number, old=new.facts["replaces"]))
    return go("certificates.page", id=new.id)


@bp.get("/certificates/<uuid:id>.pdf")
@guarded("certificate.read", the_certificate)
def paper(line: Line) -> ResponseReturnValue:
    """The paper. The file of the first print is kept, and later downloads give its bytes; a stamped copy is another file."""
    folder: Path = current_app.config["FOLDER"] / "papers"
    stamp = "" if line.state is State.ISSUED else line.state.value
    known = g.db.scalar(sa.select(Paper.sha256).where(Paper.certificate_id == line.certificate.id, Paper.stamp == stamp))
    data = files.kept(folder, known) if known else None
    if data is None:
        facts = line.facts
        data = printing.certificates([printing.copy_of(line)], language=facts.language, title=line.certificate.number)
        sha256 = files.keep(folder, data)
        certificate_id = line.certificate.id
        # A GET changes no facts: which file this node keeps is a matter of this node alone, like a cache.
        note(lambda db: services.remember_paper(db, certificate_id, stamp=stamp, sha256=sha256, now=clock.now()))
    return lists.attachment(data, f"{line.certificate.number}{'-' + stamp if stamp else ''}.pdf", inline=True)


# ---- one's own -------------------------------------------------------------------------------------------------------


@bp.get("/my/certificates")
@guarded("page.home")
def own() -> ResponseReturnValue:
    """My certificates."""
    return render_template("certificates/own.html", lines=queries.own(g.db, me().person_id), kinds=KINDS, states=STATES)


# ---- the public check ------------------------------------------------------------------------------------------------


@bp.get("/v/<number>")
@guarded("certificate.verify")
def verify(number: str) -> ResponseReturnValue:
    """What the QR code's address opens: is it in force, whose is it, what is it for. Whatever is wrong looks the same."""
    now, address = clock.now(), request.remote_addr or ""
    seconds = services.seconds_to_wait(g.db, address, now)
    if seconds:
        raise Throttled(seconds)
    line = checking.find(g.db, number, request.args.get("k", ""))
    if line is None:
        note(lambda db: services.count_wrong_check(db, address, now))
    return _check_page(line=line, status=200 if line else 404)


@bp.get("/v")
@guarded("certificate.verify")
def check() -> ResponseReturnValue:
    """Paste the text of a QR code: any node checks its signature, without a network."""
    return _check_page()


@bp.post("/v")
@guarded("certificate.verify")
def check_text() -> ResponseReturnValue:
    """The result of such a check."""
    verdict = checking.check_text(g.db, request.form.get("text", ""), name=request.form.get("name", "")[:200])
    return _check_page(line=verdict.line, verdict=verdict)


def _check_page(line: Line | None = None, *, verdict: checking.Verdict | None = None, status: int | None = None) -> Response:
    wish = request.values.get("in", "")
    language = wish if wish in LANGUAGES else (line.facts.language if line else i18n.language())
    with speaking(language):
        response = make_response(
            render_template(
                "certificates/check.html", period=wording.period, hours=wording.hours, line=line, verdict=verdict, asked=status is not None, kinds=KINDS, said=checking.STATES, at=clock.now(),
                holder=rules.public_name(printing.printed_name(line)) if line else "", zone=_zone_of(line), text=request.form.get("text", "")[:600],
                typed=request.form.get("name", "")[:200],
            ),
            status or 200,
        )
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"  # the address holds the random key
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def _zone_of(line: Line | None) -> str:
    found: str | None = g.db.scalar(sa.select(Office.zone).where(Office.path == line.path)) if line else None
    return found or i18n.viewer_zone()

