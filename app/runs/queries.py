"""Reads about runs that several pages share: which runs somebody sees, the roster, who is nominated and what is known of him."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from app.courses.models import CourseVersion
from app.offices.models import Agency, Classroom, Office, Seat
from app.offices.scope import under
from app.people.merging import standing
from app.people.models import Person, PersonName, Pin, Posting, RoleGrant
from app.policy import Role
from app.runs import rules
from app.runs.models import CourseRun, Enrolment, Nomination, RunTrainer

# ---- which runs ------------------------------------------------------------------------------------------------------


def visible(paths: Sequence[str], person_id: uuid.UUID | None) -> sa.ColumnElement[bool]:
    """The runs that somebody sees who has the offices below `paths`; for a select of CourseRun joined with its Office.

    A run is seen by the offices of who gives it and by the office of its classroom; while it takes nominations, by every
    office below the one that gives it; by an office whose people are in it; and by its trainers.
    """
    own = [under(Office.path, paths)]
    if paths:
        room = aliased(Office)
        own.append(
            sa.select(Classroom.id).join(room, room.id == Classroom.office_id)
            .where(Classroom.id == CourseRun.classroom_id, under(room.path, paths)).exists()
        )
        above = sorted({path[: at + 1] for path in paths for at, sign in enumerate(path) if sign == "/"})
        own.append(sa.and_(CourseRun.state.in_(("planned", "open")), Office.path.in_(above)))
        home = aliased(Office)
        for table in (Enrolment, Nomination):
            own.append(
                sa.select(table.id).join(home, home.id == table.office_id)
                .where(table.run_id == CourseRun.id, under(home.path, paths)).exists()
            )
    if person_id is not None:
        own.append(sa.select(RunTrainer.id).where(RunTrainer.run_id == CourseRun.id, RunTrainer.person_id == person_id).exists())
    return sa.or_(*own)


@dataclass(frozen=True)
class Current:
    """A run that is open or planned, for a start page."""

    run: CourseRun
    titles: Mapping[str, str]
    office: Mapping[str, str]
    path: str
    undecided: int


def current(db: Session, mine: sa.ColumnElement[bool], most: int) -> list[Current]:
    """Of the runs that somebody sees those that are open, then those that come first; never more than `most`."""
    rows = db.execute(
        sa.select(CourseRun, CourseVersion.titles, Office.names, Office.path)
        .join(Office, Office.id == CourseRun.office_id).join(CourseVersion, CourseVersion.id == CourseRun.course_version_id)
        .where(mine, CourseRun.state.in_(("open", "planned"))).order_by(CourseRun.state, CourseRun.starts_on, CourseRun.code).limit(most)
    ).all()
    counts = counts_of(db, [row[0].id for row in rows])
    return [Current(run, titles, names, path, counts[run.id].undecided) for run, titles, names, path in rows]


@dataclass(frozen=True)
class Teacher:
    """A trainer of a run."""

    person_id: uuid.UUID
    name: str
    part: str  # lead | co


def trainers_of(db: Session, run_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, list[Teacher]]:
    """The trainers of runs, the lead first."""
    rows = db.execute(
        sa.select(RunTrainer.run_id, Person.id, Person.short_name, RunTrainer.part)
        .join(Person, Person.id == RunTrainer.person_id)
        .where(RunTrainer.run_id.in_(list(run_ids)))
        .order_by(sa.case((RunTrainer.part == "lead", 0), else_=1), Person.sort_key)
    )
    found: dict[uuid.UUID, list[Teacher]] = defaultdict(list)
    for run_id, person_id, name, part in rows:
        found[run_id].append(Teacher(person_id, name, part))
    return found


@dataclass(frozen=True)
class Count:
    """How many people a run has."""

    enrolled: int = 0
    in_class: int = 0  # they take a seat
    undecided: int = 0


def counts_of(db: Session, run_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Count]:
    """People enrolled and nominations to decide, run by run."""
    ids = list(run_ids)
    enrolled = db.execute(
        sa.select(Enrolment.run_id, sa.func.count(), sa.func.sum(sa.case((Enrolment.mode == "class", 1), else_=0)))
        .where(Enrolment.run_id.in_(ids), Enrolment.state == "enrolled").group_by(Enrolment.run_id)
    ).all()
    waiting: dict[uuid.UUID, int] = dict(
        db.execute(
            sa.select(Nomination.run_id, sa.func.count())
            .where(Nomination.run_id.in_(ids), Nomination.state == "proposed").group_by(Nomination.run_id)
        ).all()
    )
    people = {run_id: (int(n), int(seated)) for run_id, n, seated in enrolled}
    return {run_id: Count(*people.get(run_id, (0, 0)), undecided=waiting.get(run_id, 0)) for run_id in ids}


# ---- who is in a run -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Member:
    """A line of the roster: plain values, as frozen at the enrolment."""

    enrolment_id: uuid.UUID
    person_id: uuid.UUID
    number: int
    name: str
    service_number: str
    agency: Mapping[str, str]
    office: Mapping[str, str]
    rank: str
    post: str
    mode: str
    language: str
    gender: str | None
    state: str
    slip: bool  # has a PIN that holds


def roster(db: Session, run_id: uuid.UUID, *, paths: Sequence[str] | None = None, withdrawn: bool = False) -> list[Member]:
    """The people of a run in the order of the alphabet; with `paths` only those of these offices. One query."""
    slip = sa.select(Pin.id).where(Pin.person_id == Enrolment.person_id, Pin.run_id == run_id, Pin.ended_at.is_(None)).exists()
    query: sa.Select[*tuple[Any, ...]] = (
        sa.select(
            Enrolment.id, Enrolment.person_id, Enrolment.number, Person.display_name, Person.service_number, Agency.names, Office.names,
            Enrolment.rank, Enrolment.post, Enrolment.mode, Enrolment.language, Person.gender, Enrolment.state, slip,
        )
        .join(Person, Person.id == Enrolment.person_id)
        .join(Agency, Agency.id == Enrolment.agency_id)
        .join(Office, Office.id == Enrolment.office_id)
        .where(Enrolment.run_id == run_id)
        .order_by(Person.sort_key, Enrolment.number)
    )
    if not withdrawn:
        query = query.where(Enrolment.state == "enrolled")
    if paths is not None:
        query = query.where(under(Office.path, paths))
    return [Member(*row) for row in db.execute(query)]


def seats_of(db: Session, classroom_id: uuid.UUID | None) -> list[str]:
    """The labels of a classroom's working seats, in order."""
    if classroom_id is None:
        return []
    return list(
        db.scalars(sa.select(Seat.label).where(Seat.classroom_id == classroom_id, Seat.state == "works").order_by(Seat.label))
    )


# ---- who is nominated ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Candidate:
    """An officer as the lists of nominations show him: plain values of the day."""

    person_id: uuid.UUID
    name: str
    service_number: str
    gender: str | None
    left_on: date | None
    agency: Mapping[str, str]
    office_id: uuid.UUID
    office: Mapping[str, str]
    office_path: str
    rank: str
    post: str


def candidates(
    db: Session, *, on: date, paths: Sequence[str] | None = None, person_ids: Iterable[uuid.UUID] | None = None,
    search: Iterable[str] = (), office_id: uuid.UUID | None = None, most: int | None = None,
) -> list[Candidate]:
    """Officers with their posting of a day, in the order of the alphabet. `search` are folded words that all must be found."""
    query = (
        sa.select(
            Person.id, Person.display_name, Person.service_number, Person.gender, Person.left_on, Agency.names,
            Office.id, Office.names, Office.path, Posting.rank, Posting.post,
        )
        .join(Posting, Posting.person_id == Person.id)
        .join(Office, Office.id == Posting.office_id)
        .join(Agency, Agency.id == Posting.agency_id)
        .where(_holds(Posting, on))
        .order_by(Person.sort_key, Person.service_number, Posting.valid_from.desc())
    )
    if person_ids is not None:
        query = query.where(Person.id.in_(list(person_ids)))
    else:
        query = query.where(sa.or_(Person.left_on.is_(None), Person.left_on > on), standing())
    if paths is not None:
        query = query.where(under(Office.path, paths))
    if office_id is not None:
        query = query.where(Office.id == office_id)
    for word in search:
        query = query.where(Person.search_key.contains(word, autoescape=True))
    if most is not None:
        query = query.limit(most)
    found: dict[uuid.UUID, Candidate] = {}
    for row in db.execute(query):
        found.setdefault(row[0], Candidate(*row))
    return list(found.values())


@dataclass(frozen=True)
class Proposal:
    """A nomination with who it is about."""

    nomination: Nomination
    name: str
    service_number: str
    gender: str | None
    agency: Mapping[str, str]
    office: Mapping[str, str]
    rank: str
    post: str
    nominated_by: str
    names: tuple[tuple[str, str], ...] = ()  # script, full name: for the printed list


def nominations_of(
    db: Session, run: CourseRun, *, paths: Sequence[str] | None = None, states: Sequence[str] | None = None
) -> list[Proposal]:
    """The nominations of a run in the order of the alphabet; with `paths` only those of these offices. One query."""
    by = aliased(Person)
    newest = (
        sa.select(Posting.id).where(Posting.person_id == Nomination.person_id, _holds(Posting, run.starts_on))
        .order_by(Posting.valid_from.desc()).limit(1).correlate(Nomination).scalar_subquery()
    )
    query = (
        sa.select(
            Nomination, Person.display_name, Person.service_number, Person.gender, Agency.names, Office.names,
            sa.func.coalesce(Posting.rank, ""), sa.func.coalesce(Posting.post, ""), by.short_name,
        )
        .join(Person, Person.id == Nomination.person_id)
        .join(Agency, Agency.id == Person.agency_id)
        .join(Office, Office.id == Nomination.office_id)
        .join(by, by.id == Nomination.nominated_by)
        .outerjoin(Posting, Posting.id == newest)
        .where(Nomination.run_id == run.id)
        .order_by(Person.sort_key, Person.service_number)
    )
    if paths is not None:
        query = query.where(under(Office.path, paths))
    if states is not None:
        query = query.where(Nomination.state.in_(states))
    return [Proposal(*row) for row in db.execute(query)]


@dataclass(frozen=True)
class Earlier:
    """A run that an officer was in before."""

    code: str
    titles: Mapping[str, str]
    ends_on: date
    same_course: bool


def earlier_of(db: Session, run: CourseRun, person_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, list[Earlier]]:
    """The runs that people were in before this one, the newest first."""
    version = aliased(CourseVersion)
    rows = db.execute(
        sa.select(Enrolment.person_id, CourseRun.code, version.titles, CourseRun.ends_on, version.course_id, CourseVersion.course_id)
        .join(CourseRun, CourseRun.id == Enrolment.run_id)
        .join(version, version.id == CourseRun.course_version_id)
        .join(CourseVersion, CourseVersion.id == run.course_version_id)
        .where(
            Enrolment.person_id.in_(list(person_ids)), Enrolment.state == "enrolled", CourseRun.id != run.id,
            CourseRun.state != "cancelled", CourseRun.ends_on < run.starts_on,
        )
        .order_by(CourseRun.ends_on.desc(), CourseRun.code)
    )
    found: dict[uuid.UUID, list[Earlier]] = defaultdict(list)
    for person_id, code, titles, ends_on, course, this_course in rows:
        found[person_id].append(Earlier(code, titles, ends_on, course == this_course))
    return found


def facts_of(
    db: Session, run: CourseRun, people: Mapping[uuid.UUID, str], *, trained: Mapping[uuid.UUID, date] | None = None
) -> dict[uuid.UUID, rules.Facts]:
    """What is known of people nominated for a run, in a fixed number of queries. `people`: person -> language of the test.

    `trained`: who has passed this course, and when; given by the caller, who sees tests and certificates.
    """
    ids = list(people)
    posted = {one.person_id: one for one in candidates(db, on=run.starts_on, person_ids=ids)}
    left: dict[uuid.UUID, date | None] = dict(db.execute(sa.select(Person.id, Person.left_on).where(Person.id.in_(ids))).all())
    languages = tuple(db.scalar(sa.select(CourseVersion.languages).where(CourseVersion.id == run.course_version_id)) or ())
    before = earlier_of(db, run, ids)
    other = _overlapping(db, run, ids)
    teaching = set(db.scalars(sa.select(RunTrainer.person_id).where(RunTrainer.run_id == run.id)))
    return {
        person_id: rules.Facts(
            starts_on=run.starts_on, ends_on=run.ends_on, left_on=left.get(person_id), posted=person_id in posted,
            rank=posted[person_id].rank if person_id in posted else "", post=posted[person_id].post if person_id in posted else "",
            language=people[person_id], languages=languages, trained_on=(trained or {}).get(person_id),
            attended=tuple(one.code for one in before.get(person_id, ()) if one.same_course),
            overlaps=tuple(other.get(person_id, ())), teaches=person_id in teaching,
        )
        for person_id in ids
    }


def _overlapping(db: Session, run: CourseRun, ids: list[uuid.UUID]) -> dict[uuid.UUID, list[rules.Overlap]]:
    rows: list[Any] = []
    for table, states in ((Nomination, ("proposed", "accepted")), (Enrolment, ("enrolled",))):
        rows += db.execute(
            sa.select(table.person_id, CourseRun.code, CourseRun.starts_on, CourseRun.ends_on)
            .join(CourseRun, CourseRun.id == table.run_id)
            .where(
                table.person_id.in_(ids), table.state.in_(states), CourseRun.id != run.id, CourseRun.state.in_(("planned", "open")),
                CourseRun.starts_on <= run.ends_on, CourseRun.ends_on >= run.starts_on,
            )
        ).all()
    found: dict[uuid.UUID, dict[str, rules.Overlap]] = defaultdict(dict)
    for person_id, code, starts_on, ends_on in rows:
        found[person_id][code] = rules.Overlap(code, starts_on, ends_on)
    return {person_id: [overlaps[code] for code in sorted(overlaps)] for person_id, overlaps in found.items()}


def home_in(db: Session, run_id: uuid.UUID, paths: Sequence[str]) -> str | None:
    """The path of an office below `paths` that has somebody enrolled in a run or nominated for it; None when there is none."""
    for table in (Enrolment, Nomination):
        found = db.scalar(
            sa.select(Office.path).join(table, table.office_id == Office.id).where(table.run_id == run_id, under(Office.path, paths)).limit(1)
        )
        if found is not None:
            return found
    return None


def lecturers(db: Session, *, today: date, country_id: uuid.UUID | None) -> list[tuple[uuid.UUID, str, Mapping[str, str]]]:
    """Who may be chosen as a trainer: people who hold the role, of one country or of all."""
    query = (
        sa.select(Person.id, Person.display_name, Office.names)
        .join(RoleGrant, RoleGrant.person_id == Person.id).join(Office, Office.id == RoleGrant.office_id)
        .where(
            RoleGrant.role == Role.TRAINER.value, RoleGrant.valid_from <= today,
            sa.or_(RoleGrant.valid_to.is_(None), RoleGrant.valid_to >= today),
        )
        .order_by(Person.sort_key, Person.id)
    )
    if country_id is not None:
        query = query.where(Person.country_id == country_id)
    found = {row[0]: (row[0], row[1], row[2]) for row in db.execute(query)}
    return list(found.values())


def names_of(db: Session, person_ids: Iterable[uuid.UUID], on: date) -> dict[uuid.UUID, dict[str, str]]:
    """The names of people as entered, by script, that hold on a day: for papers that show more than one."""
    rows = db.execute(
        sa.select(PersonName.person_id, PersonName.script, PersonName.family, PersonName.given, PersonName.patronymic)
        .where(PersonName.person_id.in_(list(person_ids)), PersonName.valid_from <= on)
        .order_by(PersonName.valid_from)
    )
    found: dict[uuid.UUID, dict[str, str]] = defaultdict(dict)
    for person_id, script, family, given, patronymic in rows:
        found[person_id][script] = " ".join(part for part in (family, given, patronymic) if part)
    return found


def classrooms_under(db: Session, paths: Sequence[str]) -> list[tuple[uuid.UUID, Mapping[str, str], Mapping[str, str]]]:
    """Classrooms of the offices below `paths`: id, names of the room, names of the office."""
    rows = db.execute(
        sa.select(Classroom.id, Classroom.names, Office.names).join(Office, Office.id == Classroom.office_id)
        .where(under(Office.path, paths), Office.closed_on.is_(None)).order_by(Office.path, Classroom.id)
    )
    return [(room, names, office) for room, names, office in rows]


def _holds(table: type[Posting], on: date) -> sa.ColumnElement[bool]:
    return sa.and_(table.valid_from <= on, sa.or_(table.valid_to.is_(None), table.valid_to >= on))


def on_now(db: Session, classroom_id: uuid.UUID, today: date) -> dict[str, str] | None:
    """The titles of the course whose run is in a classroom today; None when there is none."""
    return db.scalar(
        sa.select(CourseVersion.titles)
        .join(CourseRun, CourseRun.course_version_id == CourseVersion.id)
        .where(CourseRun.classroom_id == classroom_id, CourseRun.state == "open", CourseRun.starts_on <= today, CourseRun.ends_on >= today)
        .order_by(CourseRun.starts_on.desc(), CourseRun.code).limit(1)
    )
