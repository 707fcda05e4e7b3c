"""What is done with certificates: numbers given, certificates issued, and each change of state with its reason."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace as but
from datetime import date, datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.certificates import completion, letters, queries, rules
from app.certificates.keys import Pen
from app.certificates.models import Certificate, CertificateEvent, NumberBlock, Paper, Signatory, SigningKey
from app.certificates.rules import Facts, Kind, Number, Signed, Signs, Standing, State
from app.courses.models import Course, CourseVersion
from app.courses.queries import course_content
from app.db import take_write_lock
from app.errors import Conflict, Invalid, NotFound, say
from app.ids import new_id, readable_code, token_hash
from app.offices.models import Classroom, Country, Office
from app.people.models import Person, Throttle
from app.people.names import Name
from app.people.rules import Count, Pace, after_failure, wait
from app.runs.models import CourseRun, Enrolment

LONGEST_REASON = 500

# ---- numbers, keys, signatories --------------------------------------------------------------------------------------


def give_block(db: Session, *, country_code: str, year: int, count: int, given_to: str, now: datetime) -> NumberBlock:
    """Give a node the next numbers of a country and year, so that it can issue without a line.

    Raises Invalid for a country that is not known, for no node, and when the year's numbers are used up.
    """
    take_write_lock(db)
    country = db.scalar(sa.select(Country).where(Country.code == country_code.upper()).with_for_update())
    if country is None:
        raise Invalid(fields={"country": say("certificate", "There is no such country here.")})
    if not given_to or len(given_to) > 40:
        raise Invalid(fields={"given_to": say("certificate", "Name the node that issues these numbers.")})
    known = NumberBlock.country_code == country.code, NumberBlock.year == year
    first = (db.scalar(sa.select(sa.func.max(NumberBlock.last)).where(*known)) or 0) + 1
    if count < 1 or first + count - 1 > rules.LAST_SERIAL:
        left = rules.LAST_SERIAL - first + 1
        raise Invalid(fields={"count": say("certificate", "Between 1 and {left} numbers can be given for {year}.", left=left, year=str(year))})
    block = NumberBlock(country_code=country.code, year=year, first=first, last=first + count - 1, given_to=given_to, given_at=now)
    db.add(block)
    db.flush()
    return block


def close_block(db: Session, block: NumberBlock, *, now: datetime) -> None:
    """Take no more numbers from a block; its end is listed as unused for ever."""
    take_write_lock(db)
    if block.closed_at is None:
        block.closed_at = now
        db.flush()


def make_key_known(db: Session, pen: Pen, now: datetime) -> SigningKey:
    """Put the public half of the node's key among those that certificates are checked with."""
    take_write_lock(db)
    for known in queries.public_keys(db, pen.key_id):
        return known
    key = SigningKey(key_id=pen.key_id, node=db.info["node"], public_key=base64.b64encode(pen.public).decode(), made_at=now)
    try:
        with db.begin_nested():
            db.add(key)
            db.flush()
    except sa.exc.IntegrityError:  # PostgreSQL: another process of this node was first, between our look and our insert
        return queries.public_keys(db, pen.key_id)[0]
    return key


def add_signatory(
    db: Session, office: Office, *, names: Mapping[str, str], titles: Mapping[str, str], position: int | None = None
) -> Signatory:
    """Add somebody who signs certificates of an office and of those below it."""
    take_write_lock(db)
    given = {tag: text.strip() for tag, text in names.items() if text.strip()}
    title = {tag: text.strip() for tag, text in titles.items() if text.strip()}
    if not given or not title:
        raise Invalid(say("certificate", "A signatory needs a name and a title, in one language at least."))
    _refuse_letters([*given.values(), *title.values()])
    if position is None:
        position = (db.scalar(sa.select(sa.func.max(Signatory.position)).where(Signatory.office_id == office.id)) or 0) + 1
    signatory = Signatory(office_id=office.id, names=given, titles=title, position=position)
    db.add(signatory)
    db.flush()
    return signatory


def end_signatory(db: Session, signatory: Signatory, *, now: datetime) -> None:
    """Let somebody sign no more; what he signed stays."""
    take_write_lock(db)
    signatory.ended_at = signatory.ended_at or now
    db.flush()


# ---- issuing ---------------------------------------------------------------------------------------------------------


def issue_for_run(
    db: Session, run: CourseRun, *, people: Sequence[uuid.UUID], signatories: Sequence[uuid.UUID], pen: Pen, address: str,
    now: datetime, actor_id: uuid.UUID, languages: Sequence[str] = ("ru",), layout: str = "landscape", dari: bool = False,
) -> list[Certificate]:
    """Issue the certificates of people of a run (enrolment ids), in the order of the roster; all of them or none.

    Each gets what the course's completion rule gives him. Refused, before any number is taken: nobody chosen, a run that
    has not begun, somebody of another run, somebody who has one already or who gets none, no name, a letter that the
    fonts lack, a choice of signatories or languages that cannot be printed, too few numbers. No PDF is made here.
    """
    salts = _hashed_before(db, run, people, language=languages[0] if languages else "", now=now)
    take_write_lock(db)
    drafts = draft(
        db, run, people=people, signatories=signatories, address=address, now=now, languages=languages, layout=layout, dari=dari, lock=True,
    )
    _refuse_letters(text for _, facts in drafts for text in facts.texts())
    make_key_known(db, pen, now)
    numbers = _take(db, len(drafts), country=_country_of(db, run.office_id), day=drafts[0][1].issued_on)
    issued = []
    for (enrolment, facts), (block, number) in zip(drafts, numbers, strict=True):
        issued.append(_write(db, enrolment, facts, block, number, pen=pen, now=now, actor_id=actor_id, salts=salts))
    db.flush()
    return issued


def draft(
    db: Session, run: CourseRun, *, people: Sequence[uuid.UUID], signatories: Sequence[uuid.UUID], address: str, now: datetime,
    languages: Sequence[str], layout: str, dari: bool, lock: bool = False,
) -> list[tuple[Enrolment, Facts]]:
    """What the certificates of these people would say, in the order of the roster: for issuing, and for looking first."""
    if run.state not in ("open", "closed"):
        raise Invalid(say("certificate", "Certificates are issued once the run has begun."))
    if not people:
        raise Invalid(say("certificate", "Choose at least one person."))
    chosen = _enrolments(db, run, people, lock=lock)
    held = queries.of_run(db, run.id)
    standings = completion.standings(db, run)
    day = now.astimezone(ZoneInfo(run.zone)).date()
    names = queries.names_of(db, [enrolment.person_id for enrolment in chosen], day)
    whole = _facts_of_run(db, run, signatories=signatories, address=address, day=day, languages=languages, layout=layout, dari=dari)
    made = []
    for enrolment in chosen:
        standing = standings.get(enrolment.id, Standing((), took_part=False))
        kind = rules.kind_of(standing)
        who = enrolment.person.display_name
        if enrolment.id in held:
            raise Invalid(say("certificate", "{name} already has {number}.", name=who, number=held[enrolment.id].number))
        if kind is None:
            raise Invalid(say("certificate", "{name} took no part in this run and gets no certificate.", name=who))
        if not names.get(enrolment.person_id):
            raise Invalid(say("certificate", "{name} has no name on record that can be printed.", name=who))
        made.append(
            (enrolment, but(whole, kind=kind, names=names[enrolment.person_id], result=_printed(standing, kind), roster=enrolment.number))
        )
    return made


def _printed(standing: Standing, kind: Kind) -> int | None:
    return standing.result if kind is Kind.COMPLETED else None  # a result below the mark is nobody's ornament


def _enrolments(db: Session, run: CourseRun, people: Sequence[uuid.UUID], *, lock: bool) -> list[Enrolment]:
    query = (
        sa.select(Enrolment).join(Person, Person.id == Enrolment.person_id)
        .where(Enrolment.run_id == run.id, Enrolment.state == "enrolled", Enrolment.id.in_(list(people)))
        .options(sa.orm.joinedload(Enrolment.person)).order_by(Person.sort_key, Enrolment.number)
    )
    if lock:  # on PostgreSQL the same people are not issued to twice at once
        query = query.with_for_update(of=Enrolment)
    chosen = list(db.scalars(query))
    if rules.unknown(people, {enrolment.id for enrolment in chosen}):
        raise NotFound()
    return chosen


def _facts_of_run(
    db: Session, run: CourseRun, *, signatories: Sequence[uuid.UUID], address: str, day: date, languages: Sequence[str], layout: str, dari: bool,
) -> Facts:
    """What all certificates of a run have in common; kind, names and result are each one's own."""
    if layout not in rules.LAYOUTS or not 1 <= len(languages) <= 2 or len(set(languages)) != len(languages) or (
        rules.unknown(languages, rules.SCRIPTS)
    ):
        raise Invalid(say("certificate", "Choose one language, or two side by side, and landscape or portrait."))
    office = db.get_one(Office, run.office_id)
    room = db.get(Classroom, run.classroom_id) if run.classroom_id else None
    version = db.get_one(CourseVersion, run.course_version_id)
    course = db.get_one(Course, version.course_id)
    offered = {signatory.id: signatory for signatory in queries.signatories(db, office.path)}
    if not 1 <= len(signatories) <= rules.MOST_SIGNATORIES or rules.unknown(signatories, offered):
        raise Invalid(say("certificate", "Choose one to four signatories of this office."))
    return Facts(
        kind=Kind.PARTICIPATED, names={}, slug=course.slug, version=version.number, titles=version.titles,
        hours=course_content(db, version.id).hours, starts_on=run.starts_on, ends_on=run.ends_on, issued_on=day,
        place=room.names if room else ({"": run.place} if run.place else office.names),
        issuer=office.names, authority=queries.centre_above(db, office.path), languages=tuple(languages), address=address, run=run.code,
        signatories=tuple(Signs(offered[id].names, offered[id].titles) for id in signatories),
        layout=layout if len(languages) == 1 else "landscape", dari=dari and "prs" not in languages,
    )


def _refuse_letters(texts: Collection[str] | object) -> None:
    lacking = letters.lacking(texts)  # type: ignore[arg-type]
    if lacking:
        shown = ", ".join(f"{letter} (U+{ord(letter):04X})" for letter in lacking[:5])
        raise Invalid(say("certificate", "The fonts of the papers lack {letters}. Nothing was issued: correct the text first.", letters=shown))


def _country_of(db: Session, office_id: uuid.UUID) -> str:
    code = db.scalar(sa.select(Country.code).join(Office, Office.country_id == Country.id).where(Office.id == office_id))
    if code is None:
        raise Invalid(say("certificate", "This office belongs to no country, so it has no numbers."))
    return code


def _take(db: Session, count: int, *, country: str, day: date) -> list[tuple[NumberBlock, Number]]:
    """The next numbers of this node's blocks. The lock is held: nobody else takes any before this transaction ends."""
    blocks = queries.open_blocks(db, node=db.info["node"], country=country, year=day.year, lock=True)
    left = sum(numbers.left for _, numbers in blocks)
    if left < count:
        raise Invalid(rules.too_few(count, left))
    taken: list[tuple[NumberBlock, Number]] = []
    for block, numbers in blocks:
        for serial in range(numbers.next, numbers.next + min(numbers.left, count - len(taken))):
            taken.append((block, Number(country, day.year, serial)))
    return taken


Salts = dict[str, tuple[str, bytes]]


def _hashed_before(db: Session, run: CourseRun, people: Sequence[uuid.UUID], *, language: str, now: datetime) -> Salts:
    """Random keys and slow hashes of the names, made while nobody waits for the write lock."""
    day = now.astimezone(ZoneInfo(run.zone)).date()
    persons = db.scalars(sa.select(Enrolment.person_id).where(Enrolment.run_id == run.id, Enrolment.id.in_(list(people))))
    salts = {}
    for names in queries.names_of(db, persons, day).values():
        _, name = rules.name_in(names, language)
        salts[name.full] = _salted(name)
    return salts


def _write(
    db: Session, enrolment: Enrolment, facts: Facts, block: NumberBlock, number: Number, *, pen: Pen, now: datetime,
    actor_id: uuid.UUID, salts: Salts, replaces: Certificate | None = None,
) -> Certificate:
    _, name = rules.name_in(facts.names, facts.language)
    key, hashed = salts.pop(name.full) if name.full in salts else _salted(name)
    signed = Signed(number, key, facts.kind, facts.issued_on, pen.key_id, hashed)
    signed = but(signed, signature=pen.sign(signed.message))
    certificate = Certificate(
        number=str(number), country_code=number.country, year=number.year, serial=number.serial, block_id=block.id,
        enrolment_id=enrolment.id, office_id=enrolment_office(db, enrolment), kind=facts.kind.value, facts=facts.as_json(),
        payload=signed.text(), key_id=pen.key_id, random_key_hash=token_hash(key), issued_at=now, issued_by=actor_id,
        replaces_id=replaces.id if replaces else None,
    )
    db.add(certificate)
    db.flush()
    db.add(CertificateEvent(certificate_id=certificate.id, state=State.ISSUED.value, at=now, by=actor_id, reason=""))
    return certificate


def _salted(name: Name) -> tuple[str, bytes]:
    key = readable_code(8)
    return key, rules.name_hash(name.full, key)


def enrolment_office(db: Session, enrolment: Enrolment) -> uuid.UUID:
    """The office that gives the run of an enrolment: it issues the certificate."""
    return db.scalars(sa.select(CourseRun.office_id).where(CourseRun.id == enrolment.run_id)).one()


# ---- what happens afterwards -----------------------------------------------------------------------------------------


def revoke(db: Session, certificate: Certificate, *, reason: str, now: datetime, actor_id: uuid.UUID) -> None:
    """Take a certificate back for ever. It stays findable and says so."""
    _happens(db, certificate, State.REVOKED.value, reason=reason, now=now, actor_id=actor_id)


def suspend(db: Session, certificate: Certificate, *, reason: str, now: datetime, actor_id: uuid.UUID) -> None:
    """Let a certificate count for nothing until the question is settled."""
    _happens(db, certificate, State.SUSPENDED.value, reason=reason, now=now, actor_id=actor_id)


def restore(db: Session, certificate: Certificate, *, reason: str, now: datetime, actor_id: uuid.UUID) -> None:
    """End a suspension."""
    _happens(db, certificate, rules.RESTORED, reason=reason, now=now, actor_id=actor_id)


def void(db: Session, certificate: Certificate, *, reason: str, now: datetime, actor_id: uuid.UUID) -> None:
    """Take a number out of use that was issued by mistake and never handed out; the person can get another."""
    _happens(db, certificate, State.VOIDED.value, reason=reason, now=now, actor_id=actor_id)


def _happens(db: Session, certificate: Certificate, event: str, *, reason: str, now: datetime, actor_id: uuid.UUID) -> None:
    take_write_lock(db)
    db.refresh(certificate, with_for_update=True)
    state = queries.state_of(db, certificate)
    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise Invalid(fields={"reason": say("certificate", "Write the reason in up to {n} characters.", n=LONGEST_REASON)})
    if not rules.may_become(state, event):
        raise Conflict()
    db.add(CertificateEvent(certificate_id=certificate.id, state=event, at=now, by=actor_id, reason=reason.strip()))
    if certificate.owner_node == db.info["node"]:  # another node's row waits for the event to reach it; both read the events
        certificate.state = {rules.RESTORED: State.ISSUED.value}.get(event, event)
    db.flush()


def replace(
    db: Session, certificate: Certificate, *, reason: str, pen: Pen, address: str, now: datetime, actor_id: uuid.UUID
) -> Certificate:
    """Issue a certificate anew with today's name and standing, under a new number; each names the other.

    For a corrected name, a lost or spoiled paper, and for somebody who completed the course after taking part.
    Raises Conflict when it is revoked, void or replaced already.
    """
    take_write_lock(db)
    enrolment = db.scalars(
        sa.select(Enrolment).where(Enrolment.id == certificate.enrolment_id).options(sa.orm.joinedload(Enrolment.person)).with_for_update(of=Enrolment)
    ).one()
    run = db.get_one(CourseRun, enrolment.run_id)
    old = Facts.from_json(certificate.facts)
    if old.erased:
        raise Conflict(say("certificate", "The name on {number} was erased on order: it is not issued again.", number=certificate.number))
    day = now.astimezone(ZoneInfo(run.zone)).date()
    standing = completion.standings(db, run).get(enrolment.id)
    kind = Kind.COMPLETED if standing and rules.kind_of(standing) is Kind.COMPLETED else old.kind
    result = _printed(standing, kind) if standing and kind is not old.kind else old.result
    names = queries.names_of(db, [enrolment.person_id], day).get(enrolment.person_id) or old.names
    facts = but(old, kind=kind, result=result, names=names, issued_on=day, address=address, template=rules.TEMPLATE, replaces=certificate.number)
    _refuse_letters(facts.texts())
    _happens(db, certificate, State.REPLACED.value, reason=reason, now=now, actor_id=actor_id)
    make_key_known(db, pen, now)
    [(block, number)] = _take(db, 1, country=certificate.country_code, day=day)
    new = _write(db, enrolment, facts, block, number, pen=pen, now=now, actor_id=actor_id, salts={}, replaces=certificate)
    db.flush()
    return new


# ---- wrong checks ----------------------------------------------------------------------------------------------------

CHECKS = Pace(free=8, cap=60)


def seconds_to_wait(db: Session, address: str, now: datetime) -> int:
    """How long an address waits before its next check counts."""
    found = db.execute(sa.select(Throttle.failures, Throttle.next_at).where(Throttle.subject == _subject(address))).first()
    return wait(Count(*found), CHECKS, now) if found else 0


def count_wrong_check(db: Session, address: str, now: datetime) -> None:
    """Remember that an address asked for a certificate that there is not: the ninth in a row waits, and then longer."""
    insert = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    row = {"id": new_id(), "subject": _subject(address), "failures": 0, "next_at": now}
    db.execute(insert(Throttle).values(row).on_conflict_do_nothing())
    found = db.scalars(sa.select(Throttle).where(Throttle.subject == _subject(address)).with_for_update()).one()
    after = after_failure(Count(found.failures, found.next_at), CHECKS, now)
    found.failures, found.next_at = after.failures, after.next_at or now
    db.flush()


def _subject(address: str) -> str:
    return f"check:{token_hash(address)[:32]}"


def remember_paper(db: Session, certificate_id: uuid.UUID, *, stamp: str, sha256: str, now: datetime) -> None:
    """Note under which hash this node keeps the paper of a certificate: the first one stays, unless its file was lost."""
    insert = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    row = {"id": new_id(), "certificate_id": certificate_id, "stamp": stamp, "sha256": sha256, "made_at": now}
    db.execute(insert(Paper).values(row).on_conflict_do_update(index_elements=["certificate_id", "stamp"], set_={"sha256": sha256, "made_at": now}))
