"""The figures of the progress report against counting by hand: sums, nesting, scope, and the lists behind them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.people.models import Posting
from app.progress.queries import progress_of_run
from app.progress.rules import means as means_of
from app.reports import rules
from app.reports.progress import (
    MEASURES,
    Asked,
    By,
    Figures,
    agencies,
    behind,
    figures,
    places,
    roster,
    silence,
    terms_of,
)
from app.reports.rules import Period, State, period_of, points
from tests.factories import LONG_AGO, added, make_office, make_person
from tests.reports.rows import Land, a_november, a_run, came_of, make_certificate, make_land, take_part
from tests.runs.rows import course_content, enrol, make_version

TODAY = date(2026, 11, 24)
NOVEMBER = period_of("2026-11")
assert NOVEMBER is not None
ADDITIVE = [key for key, measure in MEASURES.items() if measure.unit == "participation"]
PEOPLE = [key for key, measure in MEASURES.items() if measure.unit == "person"]


def asked(*prefixes: str, **values: Any) -> Asked:
    """What a report is asked for, in November."""
    return Asked(**({"prefixes": prefixes, "period": NOVEMBER, "today": TODAY} | values))


def counted_for(db: Session, wish: Asked) -> dict[Any, Figures]:
    """The figures."""
    return figures(db, wish, terms_of(db, wish.period))


# ---- against counting by hand ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Part:
    """A participation as the test draws it."""

    person: int
    run: int
    office: int
    agency: int
    mode: str
    withdrawn: bool
    pre: int | None
    post: int | None
    lesson: bool
    certificate: str


scores = st.one_of(st.none(), st.integers(0, 100))
PARTS = st.lists(
    st.builds(
        Part, person=st.integers(0, 4), run=st.integers(0, 3), office=st.integers(0, 2), agency=st.integers(0, 1),
        mode=st.sampled_from(["class", "remote", "self-study", "by-post"]), withdrawn=st.sampled_from([False, False, False, True]), pre=scores,
        post=scores, lesson=st.booleans(), certificate=st.sampled_from(["", "", "completed", "participated"]),
    ),
    max_size=16, unique_by=lambda part: (part.person, part.run),
)  # fmt: skip
RUNS = [(0, date(2026, 11, 2), date(2026, 11, 6)), (1, date(2026, 10, 28), date(2026, 11, 3)), (1, date(2026, 11, 28), date(2026, 12, 4)), (0, date(2026, 8, 3), date(2026, 8, 7))]
PERIODS = [period_of("2026-11"), period_of("2026-Q4"), period_of("2026"), Period(date(2026, 10, 30), date(2026, 11, 2))]


@pytest.fixture
def land(db: Session) -> Land:
    """A country."""
    return make_land(db)


def by_hand(parts: list[Part], genders: list[str | None], keys: Callable[[Part], list[Any]], period: Period) -> dict[Any, dict[str, Any]]:
    """The figures of each row, counted one by one in plain Python."""
    rows: dict[Any, list[Part]] = defaultdict(list)
    for part in parts:
        _, first, last = RUNS[part.run]
        if not part.withdrawn and first <= period.last and last >= period.first:
            for key in [*keys(part), None]:
                rows[key].append(part)
    found = {}
    for key, here in rows.items():
        known = {part.person for part in here if part.pre is not None or part.post is not None or part.lesson or part.certificate}
        pairs = [part for part in here if part.pre is not None and part.post is not None]
        found[key] = {
            "trained": len(known),
            "women": sum(genders[one] == "f" for one in known), "men": sum(genders[one] == "m" for one in known),
            "gender_not_stated": sum(genders[one] is None for one in known),
            "participations": len(here), "in_class": sum(part.mode == "class" for part in here),
            "remote": sum(part.mode == "remote" for part in here), "self_study": sum(part.mode == "self-study" for part in here),
            "mode_not_stated": sum(part.mode == "by-post" for part in here), "pairs": len(pairs),
            "handed_in": sum(part.post is not None for part in here), "passed": sum((part.post or 0) >= 75 for part in here),
            "completed": sum(part.certificate == "completed" for part in here),
            "participated": sum(part.certificate == "participated" for part in here),
            "before": sum(part.pre or 0 for part in pairs) * 10_000, "after": sum(part.post or 0 for part in pairs) * 10_000,
        }  # fmt: skip
    return found


@pytest.mark.goal("PPL-08")
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=PARTS, genders=st.lists(st.sampled_from(["f", "m", None]), min_size=5, max_size=5), period=st.sampled_from(PERIODS))
def test_every_breakdown_adds_up(db: Session, land: Land, parts: list[Part], genders: list[str | None], period: Period) -> None:
    """Every row of every breakdown is what counting by hand gives, "not stated" included; an office holds each person of
    the offices below it once; participations add up to the total, and people are never more than participations."""
    with rolled_back(db):
        agency = [land.border, land.customs]
        people = [make_person(db, land.korday, agency=land.border, gender=gender) for gender in genders]
        runs = [a_run(db, land, (land.cars, land.documents)[course], first, last) for course, first, last in RUNS]
        for part in parts:
            enrolment = enrol(
                db, runs[part.run], people[part.person], land.posts[part.office], mode=part.mode, state="withdrawn" if part.withdrawn else "enrolled",
            )
            enrolment.agency_id = agency[part.agency].id
            came_of(db, enrolment, pre=part.pre, post=part.post, lesson=part.lesson, certificate=part.certificate)
        db.flush()
        above = {0: [land.korday, land.west], 1: [land.sypatai, land.west], 2: [land.atameken, land.east]}
        keys: dict[By, Callable[[Part], list[Any]]] = {
            "office": lambda part: [office.id for office in (*above[part.office], land.centre)],
            "course": lambda part: [(land.cars, land.documents)[RUNS[part.run][0]].course_id],
            "agency": lambda part: [agency[part.agency].id],
            "mode": lambda part: ["not-stated" if part.mode == "by-post" else part.mode],
            "month": lambda part: [m.key for m in rules.months_of(period) if RUNS[part.run][1] <= m.last and RUNS[part.run][2] >= m.first],
        }
        for by, key in keys.items():
            found = counted_for(db, asked(land.centre.path, by=by, period=period))
            expected = by_hand(parts, genders, key, period)

            assert {row: {name: one.counts[name] for name in (*ADDITIVE, *PEOPLE)} | {"before": one.before, "after": one.after} for row, one in found.items()} == expected
            total, rows = found.pop(None, None), list(found.values())
            if total is None:
                continue
            if by == "office":
                rows = [found[office.id] for office in land.posts if office.id in found]
                assert found[land.centre.id] == total
            if by != "month":  # a run over the end of a month stands in both
                assert {name: sum(row.counts[name] for row in rows) for name in ADDITIVE} == {name: total.counts[name] for name in ADDITIVE}
            for row in (*found.values(), total):
                counts = row.counts
                assert counts["women"] + counts["men"] + counts["gender_not_stated"] == counts["trained"] <= counts["participations"]
                assert counts["in_class"] + counts["remote"] + counts["self_study"] + counts["mode_not_stated"] == counts["participations"]


class _Rollback(Exception):
    pass


class rolled_back:
    """What happens inside is gone afterwards, so that every example begins with the same rows."""

    def __init__(self, db: Session) -> None:
        self.db = db

    def __enter__(self) -> None:
        self.inner = self.db.begin_nested()

    def __exit__(self, *_: object) -> None:
        self.inner.rollback()
        self.db.expire_all()
        self.db.info["writing"] = True


# ---- which participations count ----------------------------------------------------------------------------------------


@pytest.mark.goal("PPL-01", "PPL-08")
def test_a_participation_stays_with_the_office_of_its_day(db: Session, land: Land) -> None:
    """An officer who moved since is trained where he was trained and on the roster where he is."""
    officer = make_person(db, land.korday, agency=land.border)
    take_part(db, a_run(db, land), land.korday, land.border, person=officer, pre=40, post=80)
    old = db.scalar(sa.select(Posting).where(Posting.person_id == officer.id))
    assert old is not None
    old.valid_to = date(2026, 11, 20)
    added(db, Posting(person_id=officer.id, office_id=land.atameken.id, agency_id=land.border.id, valid_from=date(2026, 11, 21)))

    found, posted = counted_for(db, asked(land.centre.path)), roster(db, asked(land.centre.path))

    assert (found[land.korday.id].counts["trained"], land.atameken.id in found) == (1, False)
    assert posted == {land.atameken.id: 1, land.east.id: 1, land.centre.id: 1, None: 1}


def test_the_roster_leaves_out_who_has_left(db: Session, land: Land) -> None:
    """People who left the service are on no roster; who leaves tomorrow still is."""
    for left in (date(2026, 11, 24), date(2026, 11, 25), None):
        make_person(db, land.korday, agency=land.border, left_on=left)

    assert roster(db, asked(land.korday.path))[None] == 2


def test_a_person_with_two_postings_is_on_the_roster_once_above_both(db: Session, land: Land) -> None:
    """Somebody who serves at two offices counts at each, and once in the region that holds both."""
    officer = make_person(db, land.korday, agency=land.border)
    added(db, Posting(person_id=officer.id, office_id=land.sypatai.id, agency_id=land.border.id, valid_from=LONG_AGO))

    posted = roster(db, asked(land.centre.path))

    assert [posted[office.id] for office in (land.korday, land.sypatai, land.west, land.centre)] == [1, 1, 1, 1]


def test_a_certificate_counts_while_it_is_in_force(db: Session, land: Land) -> None:
    """Revoked and replaced certificates are not counted; the replacement is."""
    enrolment = take_part(db, a_run(db, land), land.korday, land.border, pre=40, post=80)
    make_certificate(db, enrolment, state="replaced")
    make_certificate(db, enrolment, state="revoked", kind="participated")
    make_certificate(db, enrolment)

    counts = counted_for(db, asked(land.centre.path))[None].counts

    assert (counts["completed"], counts["participated"], counts["participations"]) == (1, 0, 1)


@pytest.mark.goal("RUN-08")
def test_the_means_are_those_of_the_result_sheet(db: Session, land: Land) -> None:
    """The report has the same pairs, means and gain as the result sheet of the run, also with several final tests and where the first or last attempt counts."""
    content = course_content()
    content["quizzes"] += [{**content["quizzes"][1], "id": "second"}]
    twice = make_version(db, content=content)
    run, other = a_run(db, land), a_run(db, land, twice)
    for n in range(7):
        take_part(db, run, land.korday, land.border, pre=30 + n if n else None, post=(50, 60 + 5 * n) if n < 6 else None)
        take_part(db, other, land.korday, land.border, pre=20 + n, post=90 - n, second=70 + n if n else None)

    rules = []
    for rule in ("first", "last"):
        counted = course_content()
        counted["completion"] = {**counted["completion"], "counts": rule}
        version = make_version(db, content=counted)
        third = a_run(db, land, version)
        for n in range(6):
            take_part(db, third, land.korday, land.border, pre=30, post=(70 - n, 50 + 8 * n))
        rules.append((third, version))
    for one, course in ((run, land.cars), (other, twice), *rules):
        sheet = means_of((progress.pre, progress.post) for progress in progress_of_run(db, one.id).values())
        found = counted_for(db, asked(land.centre.path, course_id=course.course_id))[None].means

        assert sheet is not None
        assert (found.pairs, found.before, found.after, found.gain) == (
            sheet.pairs, *(points(int(value * sheet.pairs * 1_000_000), sheet.pairs) for value in (sheet.pre, sheet.post, sheet.points))
        )


# ---- scope and filters -------------------------------------------------------------------------------------------------


@pytest.mark.goal("CER-17")
def test_only_the_offices_of_the_reader_are_counted(db: Session, land: Land) -> None:
    """One definition gives a region its region and a country its country; of a neighbour with a like code nothing."""
    run = a_run(db, land)
    for office in land.posts:
        take_part(db, run, office, land.border, pre=40, post=80)
    like = make_office(db, country=land.country, code="QA-WESTERN", names={"en": "Like"})
    take_part(db, run, like, land.border, pre=40, post=80)

    trained = [counted_for(db, asked(*paths))[None].counts["trained"] for paths in ((land.west.path,), (land.centre.path,), (land.korday.path, land.east.path))]

    assert trained == [2, 3, 2]
    assert counted_for(db, asked()) == {}
    assert land.east.id not in counted_for(db, asked(land.west.path))


def test_filters_narrow_all_figures(db: Session, land: Land) -> None:
    """Country, agency, course and mode each leave the participations that fit, and the roster of the agency."""
    other = make_land(db, "QB")
    a_november(db, land)
    a_november(db, other)
    both = (land.centre.path, other.centre.path)
    of_agency = {one.key: one.id for one in agencies(db, [land.country.id])}

    found = {
        name: counted_for(db, asked(*both, **values))[None].counts["participations"]
        for name, values in {
            "all": {}, "country": {"country_id": land.country.id}, "agency": {"agency_id": of_agency["QA-CUSTOMS"]},
            "course": {"course_id": land.documents.course_id}, "mode": {"mode": "remote"},
        }.items()
    }

    assert found == {"all": 24, "country": 12, "agency": 2, "course": 3, "mode": 6}
    assert roster(db, asked(*both, agency_id=of_agency["QA-CUSTOMS"]))[None] == 3


@pytest.mark.goal("PPL-08")
def test_each_office_says_whether_it_is_silent(db: Session, land: Land) -> None:
    """An office of which nothing has come in is silent; one without runs is not; one whose run begins later is neither."""
    a_november(db, land)
    later = make_office(db, land.east, code="QA-LATER")
    take_part(db, a_run(db, land, first=date(2026, 11, 27), last=date(2026, 11, 28)), later, land.border)

    assert silence(db, asked(land.centre.path)) == {land.korday.id: State.FIGURES, land.sypatai.id: State.NO_DATA, later.id: State.NOT_BEGUN}


# ---- the lists behind --------------------------------------------------------------------------------------------------


@pytest.mark.goal("CER-24")
@pytest.mark.parametrize("by", ["office", "course", "month", "agency", "mode"])
def test_the_list_behind_a_figure_is_as_long_as_the_figure(db: Session, land: Land, by: By) -> None:
    """For every figure of every row, the total included, the list behind it has just so many lines, none of them twice."""
    a_november(db, land)
    wish = asked(land.centre.path, by=by)
    terms = terms_of(db, wish.period)
    found, posted = figures(db, wish, terms), roster(db, wish)

    checked = 0
    for row, figure in found.items():
        for measure in MEASURES.values():
            expected = figure.counts[measure.key] if measure.unit != "posted" else posted.get(row, 0)
            if measure.unit == "posted" and by not in ("office", "agency"):
                continue
            lines = db.execute(behind(wish, terms, measure, row)).all()
            assert (measure.key, row, len(lines), len({line[0] for line in lines})) == (measure.key, row, expected, expected)
            checked += expected

    assert checked > 50


def test_the_report_asks_as_many_questions_for_many_as_for_one(db: Session, counted: Callable[[], Any]) -> None:
    """The number of queries does not grow with offices, people and runs."""
    asked_queries = []
    for size in (1, 12):
        land = make_land(db, f"Q{size % 9}")
        for _ in range(size):
            run = a_run(db, land)
            for office in (*land.posts, *(make_office(db, land.west) for _ in range(size // 2))):
                take_part(db, run, office, land.border, pre=40, post=80)
        db.flush()
        wish = asked(land.centre.path)
        terms_of(db, wish.period)
        with counted() as statements:
            terms = terms_of(db, wish.period)
            places(db, wish.prefixes)
            figures(db, wish, terms)
            roster(db, wish)
            silence(db, wish)
        asked_queries.append(len(statements))

    assert asked_queries == [5, 5]
