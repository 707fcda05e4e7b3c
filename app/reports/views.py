"""Pages of reports: what there is, the progress report with its paper and files, the lists behind its figures."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, cast
from zoneinfo import ZoneInfo

import babel.dates
import sqlalchemy as sa
from flask import Blueprint, current_app, g, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import clock, i18n, lists, pdf, sheets
from app.courses.models import CourseVersion
from app.errors import Invalid, Message, NotFound, say
from app.http import actor, guarded, me
from app.i18n import t
from app.offices.models import Agency, Office
from app.offices.scope import under
from app.people.models import Person, Posting
from app.people.names import Name, sort_key
from app.policy import scope
from app.reports import progress, rules
from app.reports.progress import BREAKDOWNS, MODES, By, Column, Figures, Report, Row
from app.reports.rules import Period, State
from app.runs.models import CourseRun

bp = Blueprint("reports", __name__, url_prefix="/reports")

MOST_PAPER_ROWS = 1000  # a paper of more takes longer than anybody waits; files have no such limit


@bp.get("")
@guarded("report.progress")
def index() -> ResponseReturnValue:
    """What reports there are."""
    offices = progress.places(g.db, scope(actor(), "report.progress"))
    return render_template(
        "reports/index.html", offices=len(offices), names=_roots(offices), breakdowns=BREAKDOWNS, month=_month(rules.month_of(_today())),
        runs=url_for("runs.index") if "runs.index" in current_app.view_functions else "",
    )


# ---- the progress report ---------------------------------------------------------------------------------------------


@dataclass
class Wish:
    """The report as the address asks for it, with what its page needs to say so."""

    asked: progress.Asked
    view: lists.View
    scope: list[progress.Place]
    courses: list[progress.Choice]
    agencies: list[progress.Choice]
    problem: Message | None

    @property
    def filters(self) -> tuple[tuple[Message | str, Message | str], ...]:
        """What was asked for, in words: for the head of the paper and the files."""
        said: list[tuple[Message | str, Message | str]] = [(say("report", "Period"), _period(self.asked.period))]
        said += [(label, value) for label, value in self.view.in_words() if label not in (PERIOD, FIRST, LAST, BY)]
        return tuple(said)

    @property
    def scope_words(self) -> str:
        """Over which offices."""
        return t("report", "your offices ({n}): {names}", n=len(self.scope), names=i18n.listing(_roots(self.scope)))

    def address(self, **changes: Any) -> dict[str, Any]:
        """The parts of an address that asks for the same figures."""
        return {**{name: value for name, value in self.view.values.items() if name in FIGURES_OF}, **changes}


BY = say("report", "Rows")
PERIOD = say("report", "Period")
FIRST = say("report", "from")
LAST = say("report", "to")
FIGURES_OF = ("by", "period", "from", "to", "country", "agency", "course", "mode")


def _wish(listing: Callable[[By], lists.Listing], *extra: lists.Filter) -> Wish:
    """Read the address. A filter that does not fit is as if it were not there, as in every list."""
    prefixes = scope(actor(), "report.progress")
    here = progress.places(g.db, prefixes)
    countries = progress.countries(g.db, {place.country_id for place in here if place.country_id})
    agencies = progress.agencies(g.db, [country.id for country in countries])
    courses = progress.courses(g.db)
    by = cast(By, request.args.get("by") if request.args.get("by") in BREAKDOWNS else "office")
    named = rules.period_of(request.args.get("period", ""))
    periods = rules.offered(_today())
    if named and named not in periods:
        periods.append(named)
    many = len(countries) > 1
    view = lists.asked(
        listing(by),
        filters=(
            lists.Filter("by", BY, options=tuple(BREAKDOWNS.items())),
            lists.Filter("period", PERIOD, options=tuple((period.key, _period(period)) for period in periods)),  # days win over it
            lists.Filter("from", FIRST, "day"),
            lists.Filter("to", LAST, "day"),
            *([lists.Filter("country", say("report", "Country"), options=tuple((one.key, i18n.pick(one.names)) for one in countries))] if many else []),
            lists.Filter(
                "agency", say("report", "Agency"),
                options=tuple((one.key, i18n.pick(one.names) + (f" ({one.country})" if many else "")) for one in agencies),
            ),
            lists.Filter("course", say("report", "Course"), options=tuple((one.key, i18n.pick(one.names)) for one in courses)),
            lists.Filter("mode", say("report", "Mode"), options=tuple(MODES.items())),
            *extra,
        ),
    )
    period, problem = _asked_period(view, named)
    asked = progress.Asked(
        prefixes=prefixes, period=period, today=_today(), by=by,
        country_id=_id_of(countries, view.value("country")), agency_id=_id_of(agencies, view.value("agency")),
        course_id=_id_of(courses, view.value("course")), mode=view.value("mode") or None,
    )
    return Wish(asked, view, here, courses, agencies, problem)


def _asked_period(view: lists.View, named: Period | None) -> tuple[Period, Message | None]:
    first, last = view.day("from"), view.day("to")
    usual = named or rules.month_of(_today())
    if first is None and last is None:
        return usual, None
    first = first or cast(date, last).replace(month=1, day=1)
    last = last or max(_today(), first)
    if first <= last and (last - first).days <= rules.LONGEST and first.year >= rules.FIRST_YEAR and last.year <= rules.LAST_YEAR:
        return Period(first, last), None
    for name in ("from", "to"):
        view.values.pop(name, None)
    shown = _period(usual)
    if first > last:
        return usual, say("report", "The first day is after the last. Shown is {period}.", period=shown)
    return usual, say("report", "A report covers twelve years at most, and none before {year}. Shown is {period}.", year=str(rules.FIRST_YEAR), period=shown)


def _id_of(choices: Sequence[progress.Choice], key: str) -> uuid.UUID | None:
    return next((one.id for one in choices if one.key == key), None)


def _listing(by: By) -> lists.Listing:
    """The columns of a breakdown, as lists know them: which are chosen, what the table is sorted by."""
    heads = {column.key: column for column in progress.columns_of(by)}
    return lists.Listing(
        name=f"progress-{by}",
        title=TITLES[by],
        columns=(
            lists.Column("name", ROW_HEADS[by], always=True, sort=True),
            *(lists.Column(key, _full_head(column), "number", sort=True, shown=column.shown) for key, column in heads.items()),
        ),
        sort="name",
    )


TITLES: dict[By, Message] = {
    "office": say("report", "Progress by office"),
    "course": say("report", "Progress by course"),
    "month": say("report", "Progress by month"),
    "agency": say("report", "Progress by agency"),
    "mode": say("report", "Progress by mode"),
}
ROW_HEADS: dict[By, Message] = {
    "office": say("report", "Office"),
    "course": say("report", "Course"),
    "month": say("report", "Month"),
    "agency": say("report", "Agency"),
    "mode": say("report", "Mode"),
}


def _full_head(column: Column) -> Message:
    """A head that stands alone: in files, and where columns are chosen."""
    return column.full or say("report", "{group}: {column}", group=progress.GROUPS[column.group], column=column.head)


@bp.get("/progress")
@guarded("report.progress")
def progress_report() -> ResponseReturnValue:
    """The progress report over the reader's offices: page, print, PDF, Excel, CSV; all carry the same figures."""
    wish = _wish(_listing)
    view, asked = wish.view, wish.asked
    made = _report(wish)
    if asked.by == "office":
        view.values.update({"open": request.args["open"][:4000]} if request.args.get("open") else {})
    if view.file in lists.FILES:
        return lists.download(_sheet(wish, made), view.file, **view.csv)
    if view.file == "pdf":
        return _paper(wish, made)
    columns = [column for column in progress.columns_of(asked.by) if column.key in view.chosen]
    return render_template(
        "reports/progress.html", wish=wish, view=view, report=made, columns=columns, heads=_grouped(columns), by=asked.by,
        title=_title(asked), row_head=ROW_HEADS[asked.by], silent=[i18n.pick(place.names) for place in made.silent],
        value=lambda row, column: _shown(row.figures.value(column), column), remark=remark, State=State,
        enrolled=next(column for column in progress.COLUMNS if column.key == "participations"), behind=_links(wish), toggle=lambda row: _toggle(view, made, row), chart=_chart(made) if asked.by == "course" else (),
        at=clock.now(), definitions=DEFINITIONS, rows_shown=_rows_shown(made),
    )


def _report(wish: Wish, by: By | None = None) -> Report:
    language = i18n.language()
    asked = wish.asked
    if by is not None:
        asked = progress.Asked(**{**asked.__dict__, "by": by})
    opened = None
    if codes := request.args.get("open", ""):
        opened = frozenset(place.code for place in wish.scope) if codes == "all" else frozenset(codes.split(","))
    return progress.report(
        g.db, asked,
        progress.Words(
            name=i18n.pick, month=_month, mode=_mode,
            total=t("report", "All, each person counted once"), order=lambda name: sort_key(Name(name, ""), language),
        ),
        scope=wish.scope, courses=wish.courses, agencies=wish.agencies, opened=opened, sort=wish.view.sort if by is None else "-gain",
    )  # fmt: skip


def _title(asked: progress.Asked) -> str:
    return t("report", "{title}, {period}", title=TITLES[asked.by], period=_period(asked.period))


def _grouped(columns: Sequence[Column]) -> list[tuple[Message, list[Column]]]:
    """The columns under their common heads."""
    found: dict[str, list[Column]] = {}
    for column in columns:
        found.setdefault(column.group, []).append(column)
    return [(progress.GROUPS[group], of) for group, of in found.items()]


def remark(figures: Figures) -> Message | None:
    """What stands in a row that has no figures; None when it has."""
    enrolled = figures.counts.get("participations", 0)
    return {
        State.FIGURES: None,
        State.NO_RUNS: say("report", "no runs in the period"),
        State.NOT_BEGUN: say("report", "not begun yet: {n} enrolled", n=enrolled),
        State.NO_DATA: say("report", "no data: {n} enrolled, no lesson and no test has come in", n=enrolled),
    }[figures.state]


def _shown(value: Any, column: Column) -> str:
    """A figure as pages and papers write it."""
    if value is None:
        return "–"
    if isinstance(value, Message):
        return i18n.say(value)
    if column.kind == "share":
        return i18n.percent(value)
    if column.kind == "int":
        return i18n.number(value)
    text = i18n.number(value, 1)
    return f"+{text}" if column.kind == "gain" and value > 0 else text


def _links(wish: Wish) -> Callable[[Row, Column], str]:
    """The address of the list behind a figure; empty where there is none, or where its people are not the reader's to see."""
    seen = scope(actor(), "report.people")
    everything = all(any(path.startswith(prefix) for prefix in seen) for path in wish.asked.prefixes)
    address = wish.address(by=wish.asked.by)
    if not wish.view.value("from") and not wish.view.value("to"):
        address["period"] = wish.asked.period.key
    else:
        address.pop("period", None)

    def link(row: Row, column: Column) -> str:
        if not column.counted or not row.figures.counts.get(column.key):
            return ""
        if not (any(row.path.startswith(prefix) for prefix in seen) if row.path else everything):
            return ""
        return url_for("reports.behind", of=column.key, row=row.key or None, **address)

    return link


def _toggle(view: lists.View, made: Report, row: Row) -> str:
    """The address with one branch opened or closed."""
    return view.address(open=",".join(sorted(made.opened ^ {row.key})) or "none")


def _chart(made: Report) -> list[dict[str, Any]]:
    """The dumbbells: courses by gain, the largest first; those with too few pairs last, without a mean."""
    rows = [(row.name, row.figures.means) for row in made.rows if row.figures.state is State.FIGURES]
    rows.sort(key=lambda pair: (pair[1].gain is None, -(pair[1].gain or 0), pair[0]))
    return [
        {
            "name": name, "pairs": means.pairs, "few": means.gain is None, "before": means.before, "after": means.after,
            "gain": means.gain, "lower": means.gain is not None and means.gain < 0,
        }
        for name, means in rows
    ]


# ---- files and paper -------------------------------------------------------------------------------------------------


def _sheet(wish: Wish, made: Report) -> sheets.Sheet:
    """The report as a table: every column that is shown, and a remark where there are no figures."""
    columns = [column for column in progress.columns_of(wish.asked.by) if column.key in wish.view.chosen]
    tree = wish.asked.by == "office"
    kinds: dict[str, sheets.Kind] = {"int": "int", "mean": "number", "gain": "number", "share": "percent"}
    head = [sheets.Column("name", ROW_HEADS[wish.asked.by]), sheets.Column("code", say("report", "Code"))]
    if tree:
        head.append(sheets.Column("level", say("report", "Level in the tree"), "int"))
    rows = tuple(
        (
            row.name, row.key, *([row.level] if tree else []),
            *(row.figures.value(column) for column in columns), remark(row.figures) or "",
        )
        for row in made.lines
    )
    return sheets.Sheet(
        name=f"progress-{wish.asked.by}", title=TITLES[wish.asked.by],
        columns=(
            *head, *(sheets.Column(column.key, _full_head(column), kinds[column.kind]) for column in columns),
            sheets.Column("remark", say("report", "Remark")),
        ),
        rows=rows, at=clock.now(), zone=i18n.viewer_zone(),
        filters=(*wish.filters, (say("report", "Rows shown"), _rows_shown(made))), scope=wish.scope_words, by=me().name,
    )


def _rows_shown(made: Report) -> str:
    shown = t("report", "{n} of {total}", n=len(made.rows), total=made.behind)
    if len(made.rows) < made.behind:
        return t("report", "{shown}; the others stand in closed branches and are counted there", shown=shown)
    return shown


def _paper(wish: Wish, made: Report) -> ResponseReturnValue:
    """The report as a PDF with title block, data note, tables, gain by course, definitions and places to sign."""
    if len(made.rows) > MOST_PAPER_ROWS:
        raise Invalid(
            say("report", "This report has {n} rows, too many for a paper. Take Excel or CSV, or close some branches.", n=len(made.rows))
        )
    by_course = made if wish.asked.by == "course" else _report(wish, "course")
    at, zone = clock.now(), i18n.viewer_zone()
    asked = wish.asked
    number = f"PRG-{asked.period.key or f'{asked.period.first:%Y%m%d}-{asked.period.last:%Y%m%d}'}"
    columns = {column.key: column for column in progress.COLUMNS}
    data = pdf.paper(
        "reports/progress_paper.html", language=i18n.language(), title=_title(asked), styles=("print.css", "print-reports.css"),
        report=made, title_words=i18n.say(TITLES[asked.by]), period=_period(asked.period), row_head=i18n.say(ROW_HEADS[asked.by]), docno=number,
        at=at, zone=zone, issuer=i18n.pick(me().office), by=me().name, scope_words=wish.scope_words, filters=wish.filters,
        silent=[i18n.pick(place.names) for place in made.silent], chart=_chart(by_course), whole=made.whole, State=State,
        tables=[
            (heading, [column for column in progress.columns_of(asked.by) if column.group in groups])
            for heading, groups in PAPER_TABLES
        ],
        column=columns, value=lambda row, column: _shown(row.figures.value(column), column),
        figure=lambda key: _shown(made.whole.value(columns[key]), columns[key]), remark=remark, rows_shown=_rows_shown(made),
        definitions=DEFINITIONS, groups=progress.GROUPS,
    )
    name = f"progress-{asked.by}-{asked.period.key or asked.period.first.isoformat()}.pdf"
    return lists.attachment(data, name, rows=len(made.rows), inline=True)


PAPER_TABLES = (
    (say("report", "People"), ("people", "trained", "participations")),
    (say("report", "Tests, gain and certificates"), ("tests", "gain", "certificates")),
)
DEFINITIONS = (
    (say("report", "Roster"), say("report", "people posted to the office today; not those who have left the service")),
    (
        say("report", "Participation"),
        say("report", "one person in one run that overlaps the period; cancelled runs and withdrawn people are not counted. It stays with the office and agency of its day, wherever the person serves now"),
    ),
    (
        say("report", "Trained"),
        say("report", "people with a finished lesson, a handed-in test or a certificate in one of these runs. Each person is counted once in every row and once in the total: rows of people need not add up"),
    ),
    (say("report", "Not stated"), say("report", "nobody entered it. Women, men and not stated add up to the trained, always")),
    (say("report", "Before, after"), say("report", "mean of the first pre-test and of the post-test that counts by the course’s rule (the best one unless it says first or last), in points of 100, of the same people: those who have both")),
    (say("report", "Gain"), say("report", "after minus before, in points of 100; pairs (n) says of how many. With fewer than 5 pairs it is written “n < 5”")),
    (say("report", "Passed"), say("report", "of those who handed in the post-test: the one that counts reached the pass mark of the course")),
    (say("report", "Certificates"), say("report", "in force today; “completed” when the course was passed, “took part” otherwise")),
    (say("report", "No runs"), say("report", "nobody of the office took part in a run of the period, as far as this server knows")),
    (
        say("report", "No data"),
        say("report", "people are enrolled and their run should have begun, but neither a lesson nor a test has come in: the office may be waiting for its next exchange. It is never written as zero and is left out of means"),
    ),
)  # fmt: skip


# ---- the lists behind the figures ------------------------------------------------------------------------------------


@bp.get("/progress/people")
@guarded("report.people")
def behind() -> ResponseReturnValue:
    """The people or participations behind one figure. Their number is the figure."""
    measure = progress.MEASURES.get(request.args.get("of", "trained"))
    if measure is None:
        raise NotFound()
    listing = {"person": PEOPLE, "participation": PARTICIPATIONS, "posted": POSTED}[measure.unit]
    wish = _wish(lambda _: listing)
    row_key = request.args.get("row", "")
    row, name, path = _row(wish, row_key)
    seen = scope(actor(), "report.people")
    if not all(any(prefix.startswith(other) for other in seen) for prefix in ((path,) if path else wish.asked.prefixes)):
        raise NotFound()  # the figure may be his to see, its people are not
    view = wish.view
    view.values.update({"of": measure.key} | ({"row": row_key} if row_key else {}))
    view.filters = (
        lists.Filter("of", say("report", "Figure"), options=((measure.key, measure.words),)),
        lists.Filter("row", ROW_HEADS[wish.asked.by], options=((row_key, name),)),
        *view.filters,
    )
    if not view.value("from") and not view.value("to"):
        view.values.setdefault("period", wish.asked.period.key)
    view.values.setdefault("by", wish.asked.by)
    _fetch(wish, measure, row)
    return lists.export(view, scope_words=wish.scope_words) or render_template(
        "reports/behind.html", view=view, measure=measure, name=name, period=_period(wish.asked.period), unit=measure.unit,
        back=url_for("reports.progress_report", **wish.address()), by=wish.asked.by, at=clock.now(),
    )


def _row(wish: Wish, key: str) -> tuple[Any, str, str]:
    """The id, name and, of an office, path of a row that the address names. Raises NotFound for what is not the reader's."""
    if not key:
        return None, t("report", "all rows"), ""
    by = wish.asked.by
    if by == "office":
        for place in wish.scope:
            if place.code == key and wish.asked.country_id in (None, place.country_id):
                return place.id, i18n.pick(place.names), place.path
    elif by == "month":
        for month in rules.months_of(wish.asked.period):
            if month.key == key:
                return key, _month(month), ""
    elif by == "mode":
        if key in (*MODES, progress.MODE_NOT_STATED):
            return key, _mode(key), ""
    else:
        for one in wish.courses if by == "course" else wish.agencies:
            if one.key == key:
                return one.id, i18n.pick(one.names), ""
    raise NotFound()


def _fetch(wish: Wish, measure: progress.Measure, row: Any) -> None:
    found = progress.behind(wish.asked, progress.terms_of(g.db, wish.asked.period), measure, row).subquery("found")
    office = {place.code: i18n.pick(place.names) for place in wish.scope}
    by_id = {place.id: i18n.pick(place.names) for place in wish.scope}
    # A name leads to the person's record where the reader may open it: not after a move to somebody else's office.
    here = (
        sa.select(Posting.id).join(Office, Office.id == Posting.office_id)
        .where(
            Posting.person_id == Person.id, under(Office.path, scope(actor(), "person.read")), Posting.valid_from <= wish.asked.today,
            sa.or_(Posting.valid_to.is_(None), Posting.valid_to >= wish.asked.today),
        )
        .correlate(Person).exists()
    )
    who = (Person.display_name, Person.service_number, Person.gender, Agency.names.label("agency"), here.label("here"))
    order: dict[str, Any] = {"name": (Person.sort_key, Person.service_number), "service_number": Person.service_number}
    if measure.unit != "participation":
        query = (
            sa.select(found, *who)
            .join(Person, Person.id == found.c.person_id)
            .join(Agency, Agency.id == Person.agency_id)
        )
        order |= {"participations": found.c.participations}

        def person(line: Any) -> Mapping[str, Any]:
            names = [office.get(code, code) for code in sorted(set(line.offices.split(",")))]
            return {**line._mapping, "office": i18n.listing(names)}

        lists.fetch(g.db, wish.view, query, order, found.c.person_id, row=person)
        return
    full = (
        sa.select(found, *who, CourseRun.code.label("run"), CourseVersion.titles.label("course"))
        .join(Person, Person.id == found.c.person_id)
        .join(Agency, Agency.id == found.c.agency_id)
        .join(CourseRun, CourseRun.id == found.c.run_id)
        .join(CourseVersion, CourseVersion.id == found.c.version_id)
    )
    order |= {
        "run": CourseRun.code, "starts_on": found.c.starts_on, "before": found.c.before, "after": found.c.after,
        "gain": found.c.after - found.c.before,
    }
    lists.fetch(
        g.db, wish.view, full, order, found.c.enrolment_id,
        row=lambda line: {**line._mapping, "office": by_id.get(line.office_id, "")},
    )


def _points(stored: int | None) -> Decimal | None:
    return None if stored is None else rules.points(stored, 1)


def _gained(line: Mapping[str, Any]) -> Decimal | None:
    return None if line["before"] is None or line["after"] is None else rules.points(line["after"] - line["before"], 1)


def _passed(line: Mapping[str, Any]) -> Message | None:
    if line["after"] is None:
        return None
    return say("report", "passed") if line["passed"] else say("report", "not passed")


def _paper_of(line: Mapping[str, Any]) -> Message | None:
    if line["completed"]:
        return say("report", "completed")
    return say("report", "took part") if line["participated"] else None


def _plain(key: str) -> Callable[[Mapping[str, Any]], Any]:
    return lambda line: line[key]


GENDERS = {"f": say("report", "woman"), "m": say("report", "man")}
WHO = (
    lists.Column("name", say("report", "Name"), value=_plain("display_name"), sort=True, always=True),
    lists.Column("service_number", say("report", "Service no."), value=_plain("service_number"), sort=True),
)
SEX = lists.Column("gender", say("report", "Sex"), value=lambda line: GENDERS.get(line["gender"], say("report", "not stated")))
AGENCY = lists.Column("agency", say("report", "Agency"), value=lambda line: i18n.pick(line["agency"]))
POSTED = lists.Listing(
    name="progress-roster", title=say("report", "People on the roster"), sort="name",
    columns=(*WHO, SEX, lists.Column("office", say("report", "Office"), value=_plain("office")), AGENCY),
)
PEOPLE = lists.Listing(
    name="progress-people", title=say("report", "People behind a figure"), sort="name",
    columns=(
        *WHO, SEX, lists.Column("office", say("report", "Office of the day"), value=_plain("office")), AGENCY,
        lists.Column("participations", say("report", "Participations"), "int", value=_plain("participations"), sort=True),
    ),
)
PARTICIPATIONS = lists.Listing(
    name="progress-participations", title=say("report", "Participations behind a figure"), sort="name",
    columns=(
        *WHO,
        lists.Column("gender", say("report", "Sex"), value=SEX.value, shown=False),
        lists.Column("office", say("report", "Office of the day"), value=_plain("office")),
        lists.Column("agency", say("report", "Agency of the day"), value=AGENCY.value, shown=False),
        lists.Column("course", say("report", "Course"), value=lambda line: i18n.pick(line["course"])),
        lists.Column("run", say("report", "Run"), value=_plain("run"), sort=True),
        lists.Column("starts_on", say("report", "Begins"), "day", value=_plain("starts_on"), sort=True),
        lists.Column("mode", say("report", "Mode"), value=lambda line: _mode(line["mode"])),
        lists.Column("before", say("report", "Before"), "number", value=lambda line: _points(line["before"]), sort=True),
        lists.Column("after", say("report", "After"), "number", value=lambda line: _points(line["after"]), sort=True),
        lists.Column("gain", say("report", "Gain"), "number", value=_gained, sort=True),
        lists.Column("passed", say("report", "Post-test"), value=_passed),
        lists.Column("certificate", say("report", "Certificate"), value=_paper_of),
    ),
)


# ---- words -----------------------------------------------------------------------------------------------------------


def _today() -> date:
    """Today where the reader is."""
    return clock.now().astimezone(ZoneInfo(i18n.viewer_zone())).date()


def _month(month: Period) -> str:
    """November 2026."""
    if i18n.language() == "prs":
        return f"{i18n.DARI_MONTHS[month.first.month - 1]} {month.first.year}"
    if i18n.language() == "kk":  # the year comes first: 2026 ж. қараша
        return str(babel.dates.format_skeleton("yMMMM", month.first, locale=i18n.locale())).replace("\N{NARROW NO-BREAK SPACE}", "\N{NO-BREAK SPACE}")
    return babel.dates.format_date(month.first, "LLLL y", locale=i18n.locale())


def _period(period: Period) -> str:
    """November 2026; 4th quarter 2026; 2026; 3 Nov 2026 – 9 Jan 2027."""
    if not period.key:
        return f"{i18n.day(period.first)} – {i18n.day(period.last)}"
    if "Q" in period.key:
        return t("report", "quarter {n} of {year}", n=period.key[-1], year=period.key[:4])
    return _month(period) if "-" in period.key else period.key


def _mode(mode: str) -> str:
    return i18n.say(MODES.get(mode, say("report", "not stated")))


def _roots(here: Sequence[progress.Place]) -> list[str]:
    codes = {place.code for place in here}
    return [i18n.pick(place.names) for place in here if place.above not in codes]
