"""The progress report: who was trained, how tests went and which certificates followed, over the offices of a reader.

One definition for the page, the paper and the files. A figure is a `Measure`: what it counts and under which condition;
the list behind the figure takes the same condition, so that its length is the figure. Everything is counted by SQL in
a fixed number of queries, whatever the number of offices, people and runs.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from app.certificates.models import Certificate
from app.courses.models import Course, CourseVersion
from app.errors import Message, say
from app.offices.models import Agency, Country, Office
from app.offices.scope import under
from app.people.merging import standing
from app.people.models import Person, Posting
from app.progress.models import LessonProgress
from app.progress.queries import ENDED, FINAL
from app.quizzes.models import Attempt
from app.reports import rules
from app.reports.rules import MILLION, Means, Period, State
from app.runs.models import CourseRun, Enrolment

By = Literal["office", "course", "month", "agency", "mode"]
Facts = sa.Subquery
Unit = Literal["person", "participation", "posted"]

MODES = {
    "class": say("report", "in class"),
    "remote": say("report", "remote"),
    "self-study": say("report", "self-study"),
}
MODE_NOT_STATED = "not-stated"
BREAKDOWNS: dict[By, Message] = {
    "office": say("report", "office"),
    "course": say("report", "course"),
    "month": say("report", "month"),
    "agency": say("report", "agency"),
    "mode": say("report", "mode"),
}


@dataclass(frozen=True)
class Asked:
    """What a report is asked for. `prefixes` are the office paths of the reader: nothing outside them is ever counted."""

    prefixes: tuple[str, ...]
    period: Period
    today: date
    by: By = "office"
    country_id: uuid.UUID | None = None
    agency_id: uuid.UUID | None = None
    course_id: uuid.UUID | None = None
    mode: str | None = None


# ---- what is counted -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Measure:
    """One figure: what it counts and under which condition."""

    key: str
    unit: Unit
    where: Callable[[Facts], sa.ColumnElement[bool]]
    words: Message  # "women among the trained": of the list behind the figure


def _known(facts: Facts) -> sa.ColumnElement[bool]:
    return facts.c.known == 1


def _pair(facts: Facts) -> sa.ColumnElement[bool]:
    return sa.and_(facts.c.before.is_not(None), facts.c.after.is_not(None))


def _gender(letter: str) -> Callable[[Facts], sa.ColumnElement[bool]]:
    return lambda facts: sa.and_(_known(facts), facts.c.gender == letter)


def _mode(mode: str) -> Callable[[Facts], sa.ColumnElement[bool]]:
    return lambda facts: facts.c.mode == mode


MEASURES = {
    measure.key: measure
    for measure in (
        Measure("roster", "posted", lambda facts: sa.true(), say("report", "people on the roster")),
        Measure("trained", "person", _known, say("report", "people trained")),
        Measure("women", "person", _gender("f"), say("report", "women among the trained")),
        Measure("men", "person", _gender("m"), say("report", "men among the trained")),
        Measure(
            "gender_not_stated", "person",
            lambda facts: sa.and_(_known(facts), sa.func.coalesce(facts.c.gender, "").not_in(("f", "m"))),
            say("report", "trained people whose sex is not stated"),
        ),
        Measure("participations", "participation", lambda facts: sa.true(), say("report", "participations")),
        Measure("in_class", "participation", _mode("class"), say("report", "participations in class")),
        Measure("remote", "participation", _mode("remote"), say("report", "remote participations")),
        Measure("self_study", "participation", _mode("self-study"), say("report", "participations by self-study")),
        Measure(
            "mode_not_stated", "participation", _mode(MODE_NOT_STATED), say("report", "participations whose mode is not stated"),
        ),
        Measure("pairs", "participation", _pair, say("report", "participations with both tests")),
        Measure(
            "handed_in", "participation", lambda facts: facts.c.after.is_not(None),
            say("report", "participations with the post-test handed in"),
        ),
        Measure("passed", "participation", lambda facts: facts.c.passed == 1, say("report", "post-tests passed")),
        Measure("completed", "participation", lambda facts: facts.c.completed == 1, say("report", "certificates “completed”")),
        Measure(
            "participated", "participation", lambda facts: facts.c.participated == 1, say("report", "certificates “participated”"),
        ),
    )
}
BEGUN = "begun"
KNOWN = "known"


@dataclass(frozen=True)
class Column:
    """A column of figures: under which head it stands, and whether its value is counted or worked out."""

    key: str
    group: str
    head: Message
    kind: Literal["int", "mean", "gain", "share"] = "int"
    shown: bool = True  # unless the reader chose otherwise
    only: tuple[By, ...] = ()  # breakdowns that have it; empty: all
    full: Message | None = None  # its head where it stands alone

    @property
    def counted(self) -> bool:
        """Whether there is a list behind it."""
        return self.kind == "int"


GROUPS = {
    "people": say("report", "People"),
    "trained": say("report", "Of the trained"),
    "participations": say("report", "Participations"),
    "gain": say("report", "Gain of those with both tests, points of 100"),
    "tests": say("report", "Post-test"),
    "certificates": say("report", "Certificates"),
}
COLUMNS = (
    Column("roster", "people", say("report", "Roster"), only=("office", "agency")),
    Column("trained", "people", say("report", "Trained")),
    Column("participations", "people", say("report", "Particip."), full=say("report", "Participations")),
    Column("women", "trained", say("report", "Women")),
    Column("men", "trained", say("report", "Men")),
    Column("gender_not_stated", "trained", say("report", "Not stated")),
    Column("in_class", "participations", say("report", "Class"), shown=False),
    Column("remote", "participations", say("report", "Remote"), shown=False),
    Column("self_study", "participations", say("report", "Self-study"), shown=False),
    Column("mode_not_stated", "participations", say("report", "Not stated"), shown=False),
    Column("before", "gain", say("report", "Before"), "mean"),
    Column("after", "gain", say("report", "After"), "mean"),
    Column("gain", "gain", say("report", "Gain"), "gain"),
    Column("pairs", "gain", say("report", "Pairs (n)")),
    Column("handed_in", "tests", say("report", "Handed in")),
    Column("passed", "tests", say("report", "Passed")),
    Column("pass_share", "tests", say("report", "Share"), "share"),
    Column("completed", "certificates", say("report", "Completed")),
    Column("participated", "certificates", say("report", "Took part")),
)


def columns_of(by: By) -> tuple[Column, ...]:
    """The columns that a breakdown has."""
    return tuple(column for column in COLUMNS if not column.only or by in column.only)


@dataclass(frozen=True)
class Figures:
    """The figures of one row."""

    counts: Mapping[str, int] = field(default_factory=dict)
    before: int = 0  # sums of the pairs, millionths
    after: int = 0

    @property
    def state(self) -> State:
        """Whether they mean anything."""
        return rules.state_of(self.counts.get("participations", 0), self.counts.get(BEGUN, 0), self.counts.get(KNOWN, 0))

    @property
    def means(self) -> Means:
        """The means of the pairs."""
        return rules.means(self.counts.get("pairs", 0), self.before, self.after)

    def value(self, column: Column) -> Any:
        """What a column shows: a number, a Message where a mean would be of too few pairs, None where there is nothing to say."""
        if column.key == "roster":
            return self.counts.get("roster", 0)
        if self.state is not State.FIGURES:
            return None
        if column.kind == "int":
            return self.counts.get(column.key, 0)
        if column.kind == "share":
            return rules.share(self.counts.get("passed", 0), self.counts.get("handed_in", 0))
        means = self.means
        if means.few:
            return TOO_FEW
        return {"before": means.before, "after": means.after, "gain": means.gain}[column.key]


TOO_FEW = say("report", "n < 5")


# ---- the offices, courses and agencies to choose from ----------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """An office in the reader's scope."""

    id: uuid.UUID
    code: str
    names: Mapping[str, str]
    path: str
    country_id: uuid.UUID | None
    closed: bool

    @property
    def above(self) -> str:
        """The code of the office above; empty for a root."""
        return self.path.strip("/").rpartition("/")[0].rpartition("/")[2]


def places(db: Session, prefixes: Sequence[str]) -> list[Place]:
    """The offices of a scope by path. One query."""
    rows = db.execute(
        sa.select(Office.id, Office.code, Office.names, Office.path, Office.country_id, Office.closed_on.is_not(None))
        .where(under(Office.path, prefixes))
        .order_by(Office.path)
    )
    return [Place(*row) for row in rows]


@dataclass(frozen=True)
class Choice:
    """A country, agency or course to filter by."""

    id: uuid.UUID
    key: str
    names: Mapping[str, str]
    country: str = ""


def countries(db: Session, ids: Iterable[uuid.UUID]) -> list[Choice]:
    """Countries by code. One query."""
    rows = db.execute(sa.select(Country.id, Country.code, Country.names).where(Country.id.in_(list(ids))).order_by(Country.code))
    return [Choice(*row) for row in rows]


def agencies(db: Session, country_ids: Iterable[uuid.UUID]) -> list[Choice]:
    """Agencies of countries, by country and code; the key is both. One query."""
    rows = db.execute(
        sa.select(Agency.id, Country.code, Agency.code, Agency.names)
        .join(Country, Country.id == Agency.country_id)
        .where(Agency.country_id.in_(list(country_ids)))
        .order_by(Country.code, Agency.code)
    )
    return [Choice(id, f"{country}-{code}", names, country) for id, country, code, names in rows]


def courses(db: Session) -> list[Choice]:
    """Courses with the titles of their newest version. One query."""
    newest = sa.select(sa.func.max(CourseVersion.number)).where(CourseVersion.course_id == Course.id).correlate(Course).scalar_subquery()
    rows = db.execute(
        sa.select(Course.id, Course.slug, CourseVersion.titles)
        .join(CourseVersion, sa.and_(CourseVersion.course_id == Course.id, CourseVersion.number == newest))
        .order_by(Course.slug)
    )
    return [Choice(*row) for row in rows]


@dataclass(frozen=True)
class Terms:
    """What a course version says about its tests: the pass mark in percent, its pre-tests and its final tests, and which
    attempt at these counts."""

    pass_mark: int
    pre: tuple[str, ...]
    final: tuple[str, ...]
    counts: str = "best"  # first | best | last


_terms: dict[uuid.UUID, Terms] = {}  # a published version never changes, so each process reads its terms once


def terms_of(db: Session, period: Period) -> dict[uuid.UUID, Terms]:
    """The terms of the course versions that run in a period. One query, one more for versions not met before."""
    wanted = set(db.scalars(sa.select(CourseRun.course_version_id).where(_overlaps(CourseRun, period)).distinct()))
    if missing := wanted - _terms.keys():
        content = CourseVersion.content
        rows = db.execute(
            sa.select(
                CourseVersion.id, content[("completion", "pass_mark")].as_integer(), content["quizzes"], content[("completion", "counts")].as_string(),
            )
            .where(CourseVersion.id.in_(missing))
        )
        for id, mark, quizzes, counts in rows:
            kinds = {str(quiz["id"]): quiz["kind"] for quiz in quizzes or ()}
            _terms[id] = Terms(
                mark, tuple(sorted(quiz for quiz, kind in kinds.items() if kind == "pre-test")),
                tuple(sorted(quiz for quiz, kind in kinds.items() if kind in FINAL)), counts or "best",
            )
    return {id: _terms[id] for id in wanted}


# ---- facts: one line a participation ---------------------------------------------------------------------------------


def _overlaps(run: type[CourseRun], period: Period) -> sa.ColumnElement[bool]:
    return sa.and_(run.state != "cancelled", run.starts_on <= period.last, run.ends_on >= period.first)


def _in_scope(asked: Asked) -> sa.ColumnElement[bool]:
    here = under(Office.path, asked.prefixes)
    return sa.and_(here, Office.country_id == asked.country_id) if asked.country_id else here


def _flag(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.max(sa.case((condition, 1), else_=0))


def _narrowed(query: Any, asked: Asked) -> Any:
    """A select over the participations that are asked for, with their run, office, person and course version."""
    query = (
        query.select_from(CourseRun)
        .join(Enrolment, Enrolment.run_id == CourseRun.id)
        .join(Office, Office.id == Enrolment.office_id)
        .join(Person, Person.id == Enrolment.person_id)
        .join(CourseVersion, CourseVersion.id == CourseRun.course_version_id)
        .where(_overlaps(CourseRun, asked.period), Enrolment.state == "enrolled", _in_scope(asked))
    )
    if asked.agency_id:
        query = query.where(Enrolment.agency_id == asked.agency_id)
    if asked.course_id:
        query = query.where(CourseVersion.course_id == asked.course_id)
    return query.where(Enrolment.mode == asked.mode) if asked.mode else query


def _score(*conditions: sa.ColumnElement[bool]) -> sa.ColumnElement[Any]:
    return sa.func.max(sa.case((sa.and_(Attempt.state.in_(ENDED), *conditions), Attempt.score)))


def _before(terms: Mapping[uuid.UUID, Terms]) -> sa.ColumnElement[Any]:
    """The first attempt at the pre-test; of several pre-tests the first that was taken, as on the result sheet of the run."""
    first = Attempt.number == 1
    several = [
        (CourseVersion.id == id, sa.func.coalesce(*(_score(Attempt.quiz == quiz, first) for quiz in one.pre)))
        for id, one in terms.items() if len(one.pre) > 1
    ]
    usual = _score(Attempt.kind == "pre-test", first)
    return sa.case(*several, else_=usual) if several else usual


def _after(terms: Mapping[uuid.UUID, Terms]) -> sa.ColumnElement[Any]:
    """The attempt at the final test that counts; of several final tests the worst, as on the result sheet of the run."""
    special = []
    for id, one in terms.items():
        if len(one.final) > 1 or one.counts != "best":
            found = [_score(Attempt.quiz == quiz, *_counted(one.counts)) for quiz in one.final] or [sa.null()]
            worst: sa.ColumnElement[Any] = found[0]
            for other in found[1:]:
                worst = sa.case((sa.or_(worst.is_(None), other.is_(None)), sa.null()), (worst <= other, worst), else_=other)
            special.append((CourseVersion.id == id, worst))
    usual = _score(Attempt.kind.in_(FINAL))
    return sa.case(*special, else_=usual) if special else usual


def _counted(counts: str) -> list[sa.ColumnElement[bool]]:
    """The condition for the attempt that counts; none where the best does."""
    if counts == "best":
        return []
    ended = aliased(Attempt)
    edge = sa.func.min(ended.number) if counts == "first" else sa.func.max(ended.number)
    same = sa.select(edge).where(ended.enrolment_id == Attempt.enrolment_id, ended.quiz == Attempt.quiz, ended.state.in_(ENDED))
    return [Attempt.number == same.correlate(Attempt).scalar_subquery()]


def facts_of(asked: Asked, terms: Mapping[uuid.UUID, Terms]) -> Facts:
    """Every participation that is asked for, with what came of it.

    A participation counts for the office and agency of its day, wherever the person serves now. Before and after
    are what the result sheet of the run has for the same person.
    """
    ended = Attempt.state.in_(ENDED)
    lesson = sa.select(LessonProgress.id).where(LessonProgress.enrolment_id == Enrolment.id, LessonProgress.done_at.is_not(None)).exists()
    in_force = Certificate.state == "issued"
    lines = (
        _narrowed(sa.select(
            Enrolment.id.label("enrolment_id"),
            Enrolment.person_id,
            Enrolment.office_id,
            Enrolment.agency_id,
            sa.case((Enrolment.mode.in_(list(MODES)), Enrolment.mode), else_=MODE_NOT_STATED).label("mode"),
            Person.gender,
            CourseRun.id.label("run_id"),
            CourseRun.starts_on,
            CourseRun.ends_on,
            CourseVersion.id.label("version_id"),
            CourseVersion.course_id,
            _before(terms).label("before"),
            _after(terms).label("after"),
            sa.case((sa.or_(_flag(ended) == 1, _flag(in_force) == 1, lesson), 1), else_=0).label("known"),
            _flag(sa.and_(in_force, Certificate.kind == "completed")).label("completed"),
            _flag(sa.and_(in_force, Certificate.kind == "participated")).label("participated"),
        ), asked)
        .outerjoin(Attempt, Attempt.enrolment_id == Enrolment.id)
        .outerjoin(Certificate, Certificate.enrolment_id == Enrolment.id)
        .group_by(Enrolment.id, Person.id, CourseRun.id, CourseVersion.id)
    )
    line = lines.subquery("line")
    passed: sa.ColumnElement[int] = sa.literal(0)
    if terms:
        least = sa.case({id: one.pass_mark * (MILLION // 100) for id, one in terms.items()}, value=line.c.version_id)
        passed = sa.case((line.c.after >= least, 1), else_=0)
    return sa.select(*line.c, passed.label("passed")).subquery("facts")


# ---- rows: which participation counts where --------------------------------------------------------------------------


def _above(asked: Asked) -> sa.CTE:
    """Every office of the scope with itself and each office above it: a row counts all below it."""
    pairs = sa.select(Office.id.label("office_id"), Office.id.label("node_id"), Office.parent_id).where(_in_scope(asked)).cte("above", recursive=True)
    upper = aliased(Office)
    return pairs.union_all(sa.select(pairs.c.office_id, upper.id, upper.parent_id).join(upper, upper.id == pairs.c.parent_id))


def _keys(asked: Asked) -> sa.Subquery:
    """Which row a participation counts in, by what it has in its column `atom` (see ATOMS); each counts in the total, too."""
    if asked.by == "office":
        above = _above(asked)
        rows, every = sa.select(above.c.office_id.label("atom"), above.c.node_id.label("key")), sa.select(Office.id).where(_in_scope(asked))
    elif asked.by == "month":
        months = sa.union_all(
            *(
                sa.select(
                    sa.literal(month.key).label("key"),
                    sa.literal(month.first, sa.Date()).label("first"),
                    sa.literal(month.last, sa.Date()).label("last"),
                )
                for month in rules.months_of(asked.period)
            )
        ).subquery("months")
        inside = sa.and_(CourseRun.starts_on <= months.c.last, CourseRun.ends_on >= months.c.first)
        every = sa.select(CourseRun.id).where(_overlaps(CourseRun, asked.period))
        rows = sa.select(CourseRun.id.label("atom"), months.c.key).join(months, inside).where(_overlaps(CourseRun, asked.period))
    elif asked.by == "mode":
        modes = sa.union_all(*(sa.select(sa.literal(mode).label("mode")) for mode in (*MODES, MODE_NOT_STATED))).subquery("modes")
        rows, every = sa.select(modes.c.mode.label("atom"), modes.c.mode.label("key")), sa.select(modes.c.mode)
    else:
        table = Course if asked.by == "course" else Agency
        rows, every = sa.select(table.id.label("atom"), table.id.label("key")), sa.select(table.id)
    return sa.union_all(rows, every.add_columns(sa.null())).subquery("keys")


ATOMS: dict[By, str] = {"office": "office_id", "course": "course_id", "month": "run_id", "agency": "agency_id", "mode": "mode"}


def figures(db: Session, asked: Asked, terms: Mapping[uuid.UUID, Terms]) -> dict[Any, Figures]:
    """The figures of every row that has any, by key (an id, a mode, a month "2026-11"); None is the total. One query.

    Grouped three times, so that a person is counted once a row without a list of distinct people for each figure:
    by person and atom, by person and row, by row.
    """
    facts = facts_of(asked, terms)
    keys = _keys(asked)
    atom = facts.c[ATOMS[asked.by]].label("atom")
    pair = _pair(facts)
    counted = [measure for measure in MEASURES.values() if measure.unit != "posted"]
    count = sa.func.count(facts.c.enrolment_id)
    parts = {
        "sum_before": sa.func.sum(facts.c.before).filter(pair),
        "sum_after": sa.func.sum(facts.c.after).filter(pair),
        BEGUN: count.filter(facts.c.starts_on <= asked.today),
        KNOWN: count.filter(_known(facts)),
    } | {measure.key: count.filter(measure.where(facts)) for measure in counted}
    by_atom = (
        sa.select(atom, facts.c.person_id, *(part.label(name) for name, part in parts.items()))
        .group_by(facts.c[ATOMS[asked.by]], facts.c.person_id)
        .subquery("by_atom")
    )
    by_person = (
        sa.select(keys.c.key, *(sa.func.sum(by_atom.c[name]).label(name) for name in parts))
        .select_from(by_atom.join(keys, keys.c.atom == by_atom.c.atom))
        .group_by(keys.c.key, by_atom.c.person_id)
        .subquery("by_person")
    )
    people = {measure.key for measure in counted if measure.unit == "person"}
    rows = db.execute(
        sa.select(
            by_person.c.key,
            *(
                sa.func.count().filter(by_person.c[name] > 0) if name in people else sa.func.sum(by_person.c[name])
                for name in parts
            ),
        ).group_by(by_person.c.key)
    )
    names = [BEGUN, KNOWN, *(measure.key for measure in counted)]
    return {
        row[0]: Figures({name: int(value) for name, value in zip(names, row[3:], strict=True)}, int(row[1] or 0), int(row[2] or 0))
        for row in rows
    }


def _posted(asked: Asked) -> sa.Subquery:
    """Who is posted to an office of the scope today: the roster."""
    query = (
        sa.select(Posting.person_id, Posting.office_id, Posting.agency_id)
        .join(Office, Office.id == Posting.office_id)
        .join(Person, Person.id == Posting.person_id)
        .where(
            _in_scope(asked), Posting.valid_from <= asked.today,
            sa.or_(Posting.valid_to.is_(None), Posting.valid_to >= asked.today),
            sa.or_(Person.left_on.is_(None), Person.left_on > asked.today), standing(),
        )
    )
    return (query.where(Posting.agency_id == asked.agency_id) if asked.agency_id else query).subquery("posted")


def roster(db: Session, asked: Asked) -> dict[Any, int]:
    """People on the roster by row, each counted once; None is the total. One query; nothing where rows have no roster."""
    if asked.by not in ROSTERED:
        return {}
    posted, keys = _posted(asked), _keys(asked)
    rows = db.execute(
        sa.select(keys.c.key, sa.func.count(sa.distinct(posted.c.person_id)))
        .select_from(posted.join(keys, keys.c.atom == posted.c[ATOMS[asked.by]]))
        .group_by(keys.c.key)
    )
    return dict(rows.all())


ROSTERED = ("office", "agency")


def silence(db: Session, asked: Asked) -> dict[uuid.UUID, State]:
    """What is known of each office by itself, without those below it. Offices without runs are missing. One query."""
    came = sa.or_(
        *(
            sa.select(table.id).where(table.enrolment_id == Enrolment.id, condition).exists()
            for table, condition in (
                (Attempt, Attempt.state.in_(ENDED)),
                (LessonProgress, LessonProgress.done_at.is_not(None)),
                (Certificate, Certificate.state == "issued"),
            )
        )
    )
    rows = db.execute(
        _narrowed(
            sa.select(
                Enrolment.office_id, sa.func.count(), sa.func.count().filter(CourseRun.starts_on <= asked.today),
                sa.func.sum(sa.case((came, 1), else_=0)),
            ),
            asked,
        ).group_by(Enrolment.office_id)
    )
    return {office: rules.state_of(all, begun, int(known)) for office, all, begun, known in rows}


# ---- the table -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """A row of the report, or its total. `key` names it in addresses, `id` in the database."""

    key: str
    id: Any
    name: str
    figures: Figures
    path: str = ""
    level: int = 0
    branch: bool = False
    open: bool = False


@dataclass(frozen=True)
class Report:
    """The report as asked for: what the page, the paper and the files show."""

    asked: Asked
    rows: tuple[Row, ...]
    total: Row | None  # None where one row holds all others
    behind: int  # how many rows there are when every branch is open
    offices: int
    silent: tuple[Place, ...]  # offices of which nothing has come in though their runs have begun
    with_data: int  # offices of which something has
    branches: frozenset[str] = frozenset()
    opened: frozenset[str] = frozenset()

    @property
    def whole(self) -> Figures:
        """The figures of everything, each person once."""
        return self.total.figures if self.total else self.rows[0].figures

    @property
    def lines(self) -> tuple[Row, ...]:
        """All rows with the total."""
        return (*self.rows, self.total) if self.total else self.rows


@dataclass(frozen=True)
class Words:
    """How names are written in the reader's language: handed in, since the report knows no language."""

    name: Callable[[Mapping[str, str]], str]
    month: Callable[[Period], str]
    mode: Callable[[str], str]
    total: str
    order: Callable[[str], Any] = str.casefold


def report(
    db: Session, asked: Asked, words: Words, *, scope: Sequence[Place], courses: Sequence[Choice], agencies: Sequence[Choice],
    opened: frozenset[str] | None = None, sort: str = "name",
) -> Report:
    """The whole report in a fixed number of queries. `opened`: the branches that are open; None: the topmost.

    `sort` is a column, with "-" for downwards; offices keep their place in the tree and are sorted among their neighbours.
    """
    terms = terms_of(db, asked.period)
    found = figures(db, asked, terms)
    posted = roster(db, asked)
    states = silence(db, asked)
    here = [place for place in scope if asked.country_id in (None, place.country_id)]

    def of(id: Any) -> Figures:
        figures = found.get(id, Figures())
        return Figures({**figures.counts, "roster": posted.get(id, 0)}, figures.before, figures.after)

    def order(rows: list[Row]) -> list[Row]:
        return _sorted(rows, sort, asked.by, words.order)

    branches: frozenset[str] = frozenset()
    if asked.by == "office":
        rows, branches, opened = _tree(here, of, words, order, opened)
        behind = len(here)
    else:
        if asked.by == "course":
            flat = [Row(one.key, one.id, words.name(one.names), of(one.id)) for one in courses if one.id in found]
        elif asked.by == "agency":
            many = len({one.country for one in agencies}) > 1
            flat = [
                Row(one.key, one.id, words.name(one.names) + (f" ({one.country})" if many else ""), of(one.id))
                for one in agencies if one.id in found or one.id in posted
            ]
        elif asked.by == "month":
            flat = [Row(month.key, month.key, words.month(month), of(month.key)) for month in rules.months_of(asked.period)]
        else:
            flat = [Row(mode, mode, words.mode(mode), of(mode)) for mode in (*MODES, MODE_NOT_STATED) if mode in found]
        rows = order(flat)
        behind = len(rows)
    total = Row("", None, words.total, of(None))
    by_id = {place.id: place for place in here}
    return Report(
        asked=asked, rows=tuple(rows), total=None if sum(row.level == 0 for row in rows) == 1 and asked.by == "office" else total,
        behind=behind, offices=len(here),
        silent=tuple(place for id, place in by_id.items() if states.get(id) is State.NO_DATA),
        with_data=sum(state is State.FIGURES for id, state in states.items() if id in by_id),
        branches=branches, opened=opened or frozenset(),
    )


def _tree(
    here: Sequence[Place], of: Callable[[Any], Figures], words: Words, order: Callable[[list[Row]], list[Row]],
    opened: frozenset[str] | None,
) -> tuple[list[Row], frozenset[str], frozenset[str]]:
    """The rows of the open branches, which offices are branches, and which of them are open."""
    codes = {place.code for place in here}
    below: dict[str, list[Place]] = {}
    for place in here:
        below.setdefault(place.above if place.above in codes else "", []).append(place)
    branches = frozenset(below) - {""}
    if opened is None:
        opened = frozenset(place.code for place in below.get("", ()))
    opened = opened & branches
    shown: list[Row] = []

    def show(code: str, level: int) -> None:
        rows = [
            Row(place.code, place.id, words.name(place.names), of(place.id), place.path, level, place.code in branches, place.code in opened)
            for place in below.get(code, ())
        ]
        for row in order(rows):
            shown.append(row)
            if row.open:
                show(row.key, level + 1)

    show("", 0)
    return shown, branches, opened


def _sorted(rows: list[Row], sort: str, by: By, name: Callable[[str], Any]) -> list[Row]:
    """In the order of a column; rows without a number in it stand last, either way."""
    key, down = sort.lstrip("-"), sort.startswith("-")
    if key == "name":
        ordered = sorted(rows, key=(lambda row: row.key) if by == "month" else (lambda row: name(row.name)))
        return ordered[::-1] if down else ordered
    column = next(column for column in COLUMNS if column.key == key)
    values = {row.key: row.figures.value(column) for row in rows}
    known = [row for row in rows if values[row.key] is not None and not isinstance(values[row.key], Message)]
    ordered = sorted(known, key=lambda row: values[row.key], reverse=down)
    return ordered + [row for row in rows if row not in known]


# ---- the lists behind the figures ------------------------------------------------------------------------------------


def behind(asked: Asked, terms: Mapping[uuid.UUID, Terms], measure: Measure, row: Any) -> sa.Select[Any]:
    """The list behind one figure of one row (None: of the total). Its length is the figure.

    People: person_id, the codes of the offices of the day, how many participations. Participations: the facts.
    """
    facts = _posted(asked) if measure.unit == "posted" else facts_of(asked, terms)
    source: sa.FromClause = facts
    conditions = [measure.where(facts)]
    if row is not None:
        keys = _keys(asked)
        source = facts.join(keys, keys.c.atom == facts.c[ATOMS[asked.by]])
        conditions.append(keys.c.key == row)
    if measure.unit == "participation":
        return sa.select(*facts.c).select_from(source).where(*conditions)
    return (
        sa.select(
            facts.c.person_id,
            sa.func.aggregate_strings(Office.code, ",").label("offices"),
            sa.func.count().label("participations"),
        )
        .select_from(source.join(Office, Office.id == facts.c.office_id))
        .where(*conditions)
        .group_by(facts.c.person_id)
    )
