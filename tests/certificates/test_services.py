"""Issuing, revoking, suspending, replacing, voiding: what the database holds afterwards."""

from __future__ import annotations

import threading
from datetime import date

import pytest
import sqlalchemy as sa

from app.certificates import letters, queries, rules, services
from app.certificates.models import Certificate, CertificateEvent, SigningKey
from app.certificates.rules import State
from app.db import Database, transaction
from app.errors import Conflict, Invalid, NotFound
from app.offices.models import Office
from app.people.models import PersonName
from app.runs.models import CourseRun
from app.sync import journal
from tests.certificates import rows
from tests.factories import added, make_country, make_office, make_person


def ready(db, people=3, last=40) -> CourseRun:
    """A run that is over, with numbers for its node."""
    run = rows.make_ended_run(db, people=people)
    rows.make_block(db, db.get_one(Office, run.office_id), last=last)
    return run


@pytest.mark.goal("RUN-09")
def test_a_run_gets_its_two_kinds_of_certificates_in_roster_order(db, tmp_path):
    """Who passed gets "completed", who failed "participated", who never came none; the numbers follow the roster without a gap."""
    run = ready(db, people=4)

    issued = rows.issue(db, run, tmp_path)

    assert [(c.serial, c.kind) for c in issued] == [(1, "participated"), (2, "completed"), (3, "completed")]
    assert [rules.parse(c.number).serial for c in issued] == [1, 2, 3]
    assert [line.certificate.serial for line in queries.lines_of_run(db, run.id)] == [1, 2, 3]


@pytest.mark.goal("CER-13")
def test_who_never_came_gets_no_certificate(db, tmp_path):
    """A person with neither a test nor a lesson is refused, and no number is taken for the others."""
    run = ready(db)
    everybody = [e.id for e in db.query(rows.Enrolment).filter_by(run_id=run.id)]

    with pytest.raises(Invalid, match="took no part"):
        rows.issue(db, run, tmp_path, people=everybody)

    assert db.scalar(sa.select(sa.func.count(Certificate.id))) == 0


@pytest.mark.goal("CER-13")
def test_a_person_of_another_run_cannot_be_slipped_in(db, tmp_path):
    """An enrolment of another run is not found, whoever sends its id."""
    run, other = ready(db), rows.make_ended_run(db)

    with pytest.raises(NotFound):
        rows.issue(db, run, tmp_path, people=[rows.with_kind(db, run)[0].id, rows.with_kind(db, other)[0].id])


def test_nobody_gets_two(db, tmp_path):
    """Who has a certificate in force does not get a second one for the same run."""
    run = ready(db)
    rows.issue(db, run, tmp_path)

    with pytest.raises(Invalid, match="already has"):
        rows.issue(db, run, tmp_path)


def test_what_was_revoked_is_not_given_again_and_what_is_void_is(db, tmp_path):
    """A person whose certificate was revoked gets no second one by the button; one whose paper was void does."""
    run = ready(db)
    revoked, void = rows.issue(db, run, tmp_path)
    services.revoke(db, revoked, reason="Order 15", now=rows.NOW, actor_id=revoked.issued_by)
    services.void(db, void, reason="Spoiled", now=rows.NOW, actor_id=revoked.issued_by)

    with pytest.raises(Invalid, match="already has"):
        rows.issue(db, run, tmp_path, people=[revoked.enrolment_id])
    assert [c.serial for c in rows.issue(db, run, tmp_path, people=[void.enrolment_id])] == [3]


@pytest.mark.goal("RUN-09")
def test_too_few_numbers_are_said_before_any_is_taken(db, tmp_path):
    """Three people for two numbers: refused in these words, and both numbers are still there."""
    run = ready(db, people=4, last=2)

    with pytest.raises(Invalid, match="3 people for 2 numbers"):
        rows.issue(db, run, tmp_path)

    assert queries.numbers_left(db, node="test", country=_country(db, run), year=2026) == 2


@pytest.mark.goal("RUN-09", "CER-02")
def test_one_block_is_used_up_before_the_next_and_its_end_is_listed(db, tmp_path):
    """Numbers run on from the first block into the second; a closed block's end is listed as unused, void numbers as void."""
    run = rows.make_ended_run(db, people=4)
    office = db.get_one(Office, run.office_id)
    rows.make_block(db, office, first=1, last=2)
    second = rows.make_block(db, office, first=11, last=20)
    rows.make_block(db, office, first=21, last=30, given_to="another-node")

    issued = rows.issue(db, run, tmp_path)
    services.void(db, issued[2], reason="Spoiled paper", now=rows.NOW, actor_id=issued[2].issued_by)
    services.close_block(db, second, now=rows.NOW)

    assert [c.serial for c in issued] == [1, 2, 11]
    used = queries.blocks(db, [_country(db, run)])
    assert [(u.numbers.used, u.voided, u.numbers.unused) for u in used] == [(2, 0, None), (1, 1, (12, 20)), (0, 0, (21, 30))]
    assert used[1].unused == (str(rules.Number(_country(db, run), 2026, 12)), str(rules.Number(_country(db, run), 2026, 20)))


def test_a_block_begins_where_the_last_one_ended(db):
    """The centre gives each node the next numbers of the year."""
    country = make_country(db)

    first = services.give_block(db, country_code=country.code, year=2026, count=40, given_to="class-a", now=rows.NOW)
    second = services.give_block(db, country_code=country.code, year=2026, count=100, given_to="class-b", now=rows.NOW)

    assert (first.first, first.last, second.first, second.last) == (1, 40, 41, 140)
    with pytest.raises(Invalid):
        services.give_block(db, country_code=country.code, year=2026, count=1_000_000, given_to="class-b", now=rows.NOW)


@pytest.mark.goal("CER-01")
def test_a_new_name_does_not_touch_an_issued_certificate(db, tmp_path):
    """What a certificate says is frozen: a later change of the person's name, the course's titles or the office leaves it."""
    run = ready(db)
    issued = rows.issue(db, run, tmp_path, languages=("en",))[1]
    before = queries.by_id(db, issued.id).facts
    enrolment = db.get_one(rows.Enrolment, issued.enrolment_id)
    added(db, PersonName(person_id=enrolment.person_id, script="Latn", family="Omarova", given="Aigerim", valid_from=date(2026, 11, 29)))
    db.get_one(Office, run.office_id).names = {"en": "Renamed"}
    db.flush()
    db.expire_all()

    assert queries.by_id(db, issued.id).facts == before
    assert before.names["Latn"].family == "Bekovaa"
    assert (before.kind, before.result, before.version, before.hours, before.languages, before.template) == ("completed", 920_000, 1, 6, ("en",), 1)


@pytest.mark.goal("CER-10")
def test_a_letter_that_the_fonts_lack_stops_issuing_and_is_named(db, tmp_path):
    """A name with a letter that no print font has is refused with the letter; no number is taken."""
    run = ready(db)
    person = rows.with_kind(db, run)[0].person_id
    added(db, PersonName(person_id=person, script="Cyrl", family="Бе漢ов", given="Арман", valid_from=date(2026, 11, 1)))

    with pytest.raises(Invalid, match=r"漢 \(U\+6F22\)"):
        rows.issue(db, run, tmp_path)

    assert queries.numbers_left(db, node="test", country=_country(db, run), year=2026) == 40


def test_the_letters_known_here_are_those_that_paper_knows():
    """Issuing refuses exactly the letters that printing would refuse."""
    from app import pdf

    every = [chr(n) for n in range(0x20, 0x3000) if chr(n).isprintable() and not chr(n).isspace()]
    unseen = {letter for letter in every if __import__("unicodedata").category(letter) == "Cf"}

    refused = {letter for letter in every if letters.lacking([letter])}
    printing = set(pdf.missing_glyphs("".join(every), ("serif", "sans")))
    assert {letter for letter in printing - refused - unseen if __import__("unicodedata").is_normalized("NFC", letter)} == set()


def test_each_change_is_a_fact_with_who_when_and_why(db, tmp_path):
    """Suspending, ending it and revoking leave three facts besides the issue; a revoked certificate stays so."""
    run = ready(db)
    certificate = rows.issue(db, run, tmp_path)[0]
    by = certificate.issued_by

    services.suspend(db, certificate, reason="Complaint 14", now=rows.NOW, actor_id=by)
    assert (queries.state_of(db, certificate), certificate.state) == (State.SUSPENDED, "suspended")
    services.restore(db, certificate, reason="Settled", now=rows.NOW, actor_id=by)
    assert (queries.state_of(db, certificate), certificate.state) == (State.ISSUED, "issued")
    services.revoke(db, certificate, reason="Order 15", now=rows.NOW, actor_id=by)

    with pytest.raises(Conflict):
        services.restore(db, certificate, reason="No", now=rows.NOW, actor_id=by)
    assert sorted((h.state, h.reason) for h in queries.history(db, certificate.id)) == sorted(
        [("issued", ""), ("suspended", "Complaint 14"), ("restored", "Settled"), ("revoked", "Order 15")]
    )
    assert db.scalar(sa.select(queries.shown_state()).where(Certificate.id == certificate.id)) == "revoked"


def test_a_reason_is_needed(db, tmp_path):
    """Nothing happens to a certificate without a reason."""
    certificate = rows.issue(db, ready(db), tmp_path)[0]

    with pytest.raises(Invalid):
        services.revoke(db, certificate, reason="  ", now=rows.NOW, actor_id=certificate.issued_by)

    assert queries.state_of(db, certificate) is State.ISSUED


def test_another_nodes_certificate_is_revoked_by_a_fact_alone(db, tmp_path):
    """The centre revokes what a class issued without writing the class's row; every reader sees it revoked."""
    certificate = rows.issue(db, ready(db), tmp_path)[0]
    certificate.owner_node = "class-korday"
    db.flush()

    services.revoke(db, certificate, reason="Order 15", now=rows.NOW, actor_id=certificate.issued_by)

    assert certificate.state == "issued"
    assert queries.by_id(db, certificate.id).state is State.REVOKED


@pytest.mark.goal("CER-04")
def test_a_corrected_name_makes_a_new_number_linked_both_ways(db, tmp_path):
    """Reissuing takes the next number with today's name; the old one says by which it was replaced, and both names stay."""
    run = ready(db)
    old = rows.issue(db, run, tmp_path, languages=("en",))[1]
    person = db.get_one(rows.Enrolment, old.enrolment_id).person_id
    added(db, PersonName(person_id=person, script="Latn", family="Omarova", given="Aigerim", valid_from=date(2026, 11, 29)))

    new = services.replace(
        db, old, reason="Marriage, order 3", pen=rows.signing(tmp_path), address=rows.ADDRESS, now=rows.NOW, actor_id=old.issued_by
    )

    before, after = queries.by_id(db, old.id), queries.by_id(db, new.id)
    assert (before.state, before.replaced_by, before.facts.names["Latn"].family) == (State.REPLACED, new.number, "Bekovaa")
    assert (after.state, after.facts.replaces, after.facts.names["Latn"].family, new.serial) == (State.ISSUED, old.number, "Omarova", 3)
    with pytest.raises(Conflict):
        services.replace(db, old, reason="Again", pen=rows.signing(tmp_path), address=rows.ADDRESS, now=rows.NOW, actor_id=old.issued_by)


def test_the_nodes_key_is_known_once(db, tmp_path):
    """Issuing twice makes the public key known once."""
    rows.issue(db, ready(db), tmp_path)
    rows.issue(db, ready(db), tmp_path)

    assert db.scalar(sa.select(sa.func.count(SigningKey.id))) == 1


def test_signatories_are_those_of_the_office_and_above(db, tmp_path):
    """An office above lends its signatories; a stranger's are refused; more than four are refused."""
    parent = make_office(db, country=make_country(db))
    office = make_office(db, parent)
    run = rows.make_ended_run(db, office)
    rows.make_block(db, office)
    head, stranger = rows.make_signatory(db, parent), rows.make_signatory(db, make_office(db))

    for wrong in ([stranger.id], [head.id] * 5):
        with pytest.raises(Invalid):
            rows.issue(db, run, tmp_path, signatories=wrong)
    assert rows.issue(db, run, tmp_path, signatories=[head.id])


@pytest.mark.parametrize("wrong", [{"languages": ()}, {"languages": ("xx",)}, {"languages": ("ru", "ru")}, {"layout": "round"}])
def test_a_paper_that_cannot_be_made_is_refused(db, tmp_path, wrong):
    """Languages and sheets that there are not are refused before a number is taken."""
    with pytest.raises(Invalid):
        rows.issue(db, ready(db), tmp_path, **wrong)


def _country(db, run: CourseRun) -> str:
    from app.offices.models import Country

    return db.scalar(sa.select(Country.code).join(Office, Office.country_id == Country.id).where(Office.id == run.office_id))


# ---- two at once -----------------------------------------------------------------------------------------------------


@pytest.fixture
def committed(engine, own_database):
    """A database that two threads write to: a file of its own on SQLite, a real one on PostgreSQL, emptied afterwards."""
    if engine.dialect.name == "sqlite":
        yield own_database
        return
    database = Database(engine, "test")
    journal.keep(database.sessions)
    yield database
    names = ", ".join(f'"{table.name}"' for table in reversed(__import__("app.db", fromlist=["Base"]).Base.metadata.sorted_tables))
    with engine.begin() as connection:
        connection.exec_driver_sql(f"TRUNCATE {names} CASCADE")


@pytest.mark.goal("CER-02", "RUN-09")
def test_two_runs_issued_at_once_share_a_block_without_doubles_or_gaps(committed, tmp_path):
    """Several runs issued at the same moment get numbers 1 to n, each once, none skipped."""
    with transaction(committed.sessions) as db:
        office = make_office(db, country=make_country(db))
        made = [rows.make_ended_run(db, office, people=4) for _ in range(4)]
        rows.make_block(db, office)
        signs = rows.make_signatory(db, office).id
        person = make_person(db, office)
        plans = [(run.id, [e.id for e in rows.with_kind(db, run)]) for run in made]
        by = person.id
    rows.signing(tmp_path)
    failures: list[BaseException] = []
    gate = threading.Barrier(len(plans))

    def issue(run_id, people):
        try:
            with transaction(committed.sessions) as db:
                run = db.get_one(CourseRun, run_id)
                gate.wait()
                services.issue_for_run(
                    db, run, people=people, signatories=[signs], pen=rows.signing(tmp_path), address=rows.ADDRESS, now=rows.NOW, actor_id=by,
                )
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=issue, args=plan) for plan in plans]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    with committed.sessions() as db:
        assert sorted(db.scalars(sa.select(Certificate.serial))) == list(range(1, 13))
        assert db.scalar(sa.select(sa.func.count(CertificateEvent.id))) == 12
