"""Reads about certificates: states, the register, blocks of numbers, what a run has, what a paper will say."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from app.certificates import rules
from app.certificates.models import Certificate, CertificateEvent, NumberBlock, Signatory, SigningKey
from app.certificates.rules import RESTORED, Facts, Numbers, State, state_after
from app.offices.models import Office
from app.people.models import Person, PersonName
from app.people.names import Name
from app.runs.models import CourseRun, Enrolment

# ---- states ----------------------------------------------------------------------------------------------------------


def shown_state() -> sa.ColumnElement[str]:
    """The state as SQL knows it: `rules.state_after` over the events heard of so far, for a select of Certificate."""

    def count(*states: str) -> Any:
        return (
            sa.select(sa.func.count()).where(CertificateEvent.certificate_id == Certificate.id, CertificateEvent.state.in_(states))
            .correlate(Certificate).scalar_subquery()
        )

    final = [(count(state.value) > 0, sa.literal(state.value)) for state in rules.FINAL]
    suspended = (count(State.SUSPENDED) > count(RESTORED), sa.literal(State.SUSPENDED.value))
    return sa.case(*final, suspended, else_=sa.literal(State.ISSUED.value))


def states_of(db: Session, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, State]:
    """The states of certificates."""
    events: dict[uuid.UUID, list[str]] = defaultdict(list)
    query = sa.select(CertificateEvent.certificate_id, CertificateEvent.state).where(CertificateEvent.certificate_id.in_(list(ids)))
    for certificate, state in db.execute(query):
        events[certificate].append(state)
    return {certificate: state_after(events[certificate]) for certificate in ids}


def state_of(db: Session, certificate: Certificate) -> State:
    """The state of a certificate."""
    return states_of(db, [certificate.id])[certificate.id]


@dataclass(frozen=True)
class Happened:
    """One thing that happened to a certificate."""

    state: str
    at: datetime
    by: str
    reason: str


def history(db: Session, certificate_id: uuid.UUID) -> list[Happened]:
    """What happened to a certificate, the oldest first."""
    rows = db.execute(
        sa.select(CertificateEvent.state, CertificateEvent.at, Person.short_name, CertificateEvent.reason)
        .join(Person, Person.id == CertificateEvent.by)
        .where(CertificateEvent.certificate_id == certificate_id).order_by(CertificateEvent.at, CertificateEvent.id)
    )
    return [Happened(*row) for row in rows]


# ---- numbers ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class BlockUse:
    """A block of numbers and what became of it."""

    block: NumberBlock
    numbers: Numbers
    voided: int

    @property
    def issued(self) -> int:
        """How many certificates bear its numbers and are not void."""
        return self.numbers.used - self.voided

    def number(self, serial: int) -> str:
        """A number of the block as it is written."""
        return str(rules.Number(self.block.country_code, self.block.year, serial))

    @property
    def unused(self) -> tuple[str, str] | None:
        """The numbers at its end that nobody has."""
        left = self.numbers.unused
        return (self.number(left[0]), self.number(left[1])) if left else None


def blocks(db: Session, countries: Collection[str] | None = None, year: int | None = None) -> list[BlockUse]:
    """Every block with its use, in the order of numbers."""
    query = sa.select(NumberBlock).order_by(NumberBlock.country_code, NumberBlock.year, NumberBlock.first)
    if countries is not None:
        query = query.where(NumberBlock.country_code.in_(countries))
    if year is not None:
        query = query.where(NumberBlock.year == year)
    found = list(db.scalars(query))
    return [BlockUse(block, *use) for block, use in zip(found, _uses(db, found), strict=True)]


def open_blocks(db: Session, *, node: str, country: str, year: int, lock: bool = False) -> list[tuple[NumberBlock, Numbers]]:
    """The blocks that a node takes numbers from now, in order; with `lock` nobody else takes any meanwhile."""
    query = (
        sa.select(NumberBlock)
        .where(
            NumberBlock.given_to == node, NumberBlock.country_code == country, NumberBlock.year == year, NumberBlock.closed_at.is_(None),
        )
        .order_by(NumberBlock.first)
    )
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    found = list(db.scalars(query))
    return [(block, numbers) for block, (numbers, _) in zip(found, _uses(db, found), strict=True)]


def _uses(db: Session, found: list[NumberBlock]) -> list[tuple[Numbers, int]]:
    rows = db.execute(
        sa.select(Certificate.block_id, sa.func.max(Certificate.serial), sa.func.sum(sa.case((shown_state() == State.VOIDED, 1), else_=0)))
        .where(Certificate.block_id.in_([block.id for block in found])).group_by(Certificate.block_id)
    )
    known = {block: (highest, int(void)) for block, highest, void in rows}
    uses = []
    for block in found:
        highest, void = known.get(block.id, (block.first - 1, 0))
        uses.append((Numbers(block.first, block.last, highest - block.first + 1), void))
    return uses


def numbers_left(db: Session, *, node: str, country: str, year: int) -> int:
    """How many certificates a node can still issue this year."""
    return sum(numbers.left for _, numbers in open_blocks(db, node=node, country=country, year=year))


# ---- certificates ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Held:
    """A certificate that a person of a run has."""

    id: uuid.UUID
    number: str
    kind: str
    state: State


def of_run(db: Session, run_id: uuid.UUID) -> dict[uuid.UUID, Held]:
    """The certificate that each person of a run has, by enrolment.

    A void or replaced one leaves room for another. A revoked one does not: what a registrar took back for a reason, no
    class manager gives again by pressing the button.
    """
    state = shown_state().label("state")
    rows = db.execute(
        sa.select(Certificate.enrolment_id, Certificate.id, Certificate.number, Certificate.kind, state)
        .join(Enrolment, Enrolment.id == Certificate.enrolment_id)
        .where(Enrolment.run_id == run_id).order_by(Certificate.serial)
    )
    return {
        enrolment: Held(id, number, kind, State(now)) for enrolment, id, number, kind, now in rows
        if State(now) not in (State.VOIDED, State.REPLACED)
    }


@dataclass(frozen=True)
class Line:
    """A line of the register."""

    certificate: Certificate
    state: State
    name: str
    office: Mapping[str, str]
    run_code: str
    run_id: uuid.UUID
    path: str
    person_id: uuid.UUID
    replaced_by: str | None

    @property
    def facts(self) -> Facts:
        """What it says."""
        return Facts.from_json(self.certificate.facts)


def lines() -> sa.Select[Any]:
    """The register as a query; each row makes a Line. The name is the one on the certificate's day, kept in its facts."""
    newer = aliased(Certificate)
    replaced_by = sa.select(newer.number).where(newer.replaces_id == Certificate.id).correlate(Certificate).limit(1).scalar_subquery()
    return (
        sa.select(
            Certificate, shown_state().label("state"), Person.display_name, Office.names, CourseRun.code, CourseRun.id, Office.path,
            Person.id, replaced_by,
        )
        .join(Enrolment, Enrolment.id == Certificate.enrolment_id)
        .join(Person, Person.id == Enrolment.person_id)
        .join(CourseRun, CourseRun.id == Enrolment.run_id)
        .join(Office, Office.id == Certificate.office_id)
    )


def line_of(row: Any) -> Line:
    """A row of `lines` as a Line."""
    certificate, state, *rest = row
    return Line(certificate, State(state), *rest)


def by_id(db: Session, id: uuid.UUID) -> Line | None:
    """The line of one certificate."""
    row = db.execute(lines().where(Certificate.id == id)).first()
    return line_of(row) if row else None


def by_key(db: Session, number: str, key_hash: str) -> Line | None:
    """The certificate that has this number and this random key. One query, whichever of the two is wrong."""
    row = db.execute(lines().where(Certificate.number == number, Certificate.random_key_hash == key_hash)).first()
    return line_of(row) if row else None


def by_number(db: Session, number: str) -> Line | None:
    """The certificate that has this number: only after its signature was found right."""
    row = db.execute(lines().where(Certificate.number == number)).first()
    return line_of(row) if row else None


def own(db: Session, person_id: uuid.UUID) -> list[Line]:
    """A person's certificates, the newest first."""
    rows = db.execute(lines().where(Enrolment.person_id == person_id).order_by(Certificate.issued_at.desc(), Certificate.serial.desc()))
    return [line_of(row) for row in rows]


def lines_of_run(db: Session, run_id: uuid.UUID) -> list[Line]:
    """The register lines of a run in the order of the roster, with those that are out of force."""
    rows = db.execute(lines().where(Enrolment.run_id == run_id).order_by(Person.sort_key, Enrolment.number, Certificate.serial))
    return [line_of(row) for row in rows]


# ---- who signs, and what will be printed -----------------------------------------------------------------------------


def signatories(db: Session, path: str) -> list[Signatory]:
    """Who may sign for an office: its own signatories and those of the offices above it."""
    above = [path[: at + 1] for at, sign in enumerate(path) if sign == "/"]
    return list(
        db.scalars(
            sa.select(Signatory).join(Office, Office.id == Signatory.office_id)
            .where(Office.path.in_(above), Signatory.ended_at.is_(None)).order_by(sa.func.length(Office.path).desc(), Signatory.position)
        )
    )


def centre_above(db: Session, path: str) -> Mapping[str, str]:
    """The names of the country's centre above an office; empty when the office is the centre, or has none."""
    above = [path[: at + 1] for at, sign in enumerate(path) if sign == "/"][:-1]
    found = db.scalar(
        sa.select(Office.names).where(Office.path.in_(above), Office.kind == "centre").order_by(sa.func.length(Office.path).desc()).limit(1)
    )
    return found or {}


def names_of(db: Session, person_ids: Iterable[uuid.UUID], on: date) -> dict[uuid.UUID, dict[str, Name]]:
    """The names that people bear on a day, by script."""
    rows = db.scalars(
        sa.select(PersonName).where(PersonName.person_id.in_(list(person_ids)), PersonName.valid_from <= on).order_by(PersonName.valid_from)
    )
    found: dict[uuid.UUID, dict[str, Name]] = defaultdict(dict)
    for row in rows:
        found[row.person_id][row.script] = Name(row.family, row.given, row.patronymic)
    return found


def public_keys(db: Session, key_id: str) -> list[SigningKey]:
    """The key of this name, if the node knows it."""
    return list(db.scalars(sa.select(SigningKey).where(SigningKey.key_id == key_id)))
