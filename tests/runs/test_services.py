"""What can be done with a run, in which order, and what is refused."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.courses.models import CourseVersion
from app.errors import Conflict, Invalid
from app.offices.models import Classroom, Office
from app.people.models import Person, Pin, Posting
from app.runs import rules, services
from app.runs.models import CourseRun, Enrolment, Nomination, RunTrainer
from tests.factories import LONG_AGO, a_moment, added, make_classroom, make_office, make_person
from tests.runs.rows import ENDS, STARTS, make_run, make_version

NOW = a_moment(-10)


@pytest.fixture
def office(db: Session) -> Office:
    """The office that gives the runs."""
    return make_office(db)


@pytest.fixture
def officer(db: Session, office: Office) -> Person:
    """The training officer."""
    return make_person(db, office, family="Sadykova")


@pytest.fixture
def version(db: Session) -> CourseVersion:
    """The course that is given."""
    return make_version(db)


@pytest.fixture
def room(db: Session, office: Office) -> Classroom:
    """Where it is given."""
    return make_classroom(db, office)


def plan(db: Session, version: CourseVersion, office: Office, by: Person, **values: object) -> CourseRun:
    """A run of four days with two seats."""
    given = {"starts_on": STARTS, "ends_on": ENDS, "seats": 2, "place": "Room 2"} | values
    return services.plan_run(db, version=version, office=office, by=by.id, now=NOW, **given)  # type: ignore[arg-type]


def nominated(db: Session, run: CourseRun, person: Person, by: Person, **values: object) -> Nomination:
    """A nomination of one officer."""
    given = {"language": "ru"} | values
    return services.nominate(db, run, person_ids=[person.id], by=by.id, now=NOW, **given)[0]  # type: ignore[arg-type]


def accepted(db: Session, run: CourseRun, person: Person, by: Person, **values: object) -> Enrolment:
    """An officer who is in the run."""
    enrolment = services.decide(db, nominated(db, run, person, by, **values), accept=True, by=by.id, now=NOW)
    assert enrolment is not None
    return enrolment


@pytest.mark.goal("RUN-01")
def test_a_planned_run_has_version_dates_place_seats_and_trainers(
    db: Session, version: CourseVersion, office: Office, officer: Person, room: Classroom
) -> None:
    """A run is one course version with dates, a classroom, seats, a lead trainer and co-trainers, in the zone of its office."""
    lead, second = make_person(db, office), make_person(db, office)

    run = plan(db, version, office, officer, classroom=room, trainers=[lead, second])

    assert (run.course_version_id, run.classroom_id, run.zone, run.state) == (version.id, room.id, "Asia/Almaty", "planned")
    parts = db.execute(sa.select(RunTrainer.person_id, RunTrainer.part).where(RunTrainer.run_id == run.id)).all()
    assert {tuple(row) for row in parts} == {(lead.id, "lead"), (second.id, "co")}


def test_runs_are_numbered_by_year(db: Session, version: CourseVersion, office: Office, officer: Person) -> None:
    """R-2026-0001, R-2026-0002 …; a new year begins anew, and after 9999 the number grows."""
    first, second = plan(db, version, office, officer), plan(db, version, office, officer)
    next_year = plan(db, version, office, officer, starts_on=date(2027, 1, 11), ends_on=date(2027, 1, 12))
    make_run(db, office, version, code="R-2026-9999")
    late, later = plan(db, version, office, officer), plan(db, version, office, officer)

    codes = [run.code for run in (first, second, next_year, late, later)]
    assert codes == ["R-2026-0001", "R-2026-0002", "R-2027-0001", "R-2026-10000", "R-2026-10001"]


@pytest.mark.parametrize(
    ("values", "field"),
    [({"ends_on": date(2026, 11, 22)}, "ends_on"), ({"seats": 0}, "seats"), ({"seats": 501}, "seats"), ({"place": " "}, "place")],
)
def test_a_plan_that_cannot_be_is_refused(
    db: Session, version: CourseVersion, office: Office, officer: Person, values: dict[str, object], field: str
) -> None:
    """The last day before the first, no seat, no place: refused at the field."""
    with pytest.raises(Invalid) as refused:
        plan(db, version, office, officer, **values)

    assert list(refused.value.fields) == [field]


@pytest.mark.goal("RUN-01")
def test_each_participant_has_a_mode_a_language_and_the_agency_he_comes_from(
    db: Session, version: CourseVersion, office: Office, officer: Person
) -> None:
    """Officers of two agencies are in one run, one in class in Russian, one remote in Kazakh; who is remote takes no seat."""
    run = plan(db, version, office, officer, seats=1)
    here, far = make_person(db, office), make_person(db, make_office(db, office))

    accepted(db, run, far, officer, mode="remote", language="en")
    accepted(db, run, here, officer)

    rows = db.scalars(sa.select(Enrolment).where(Enrolment.run_id == run.id).order_by(Enrolment.number)).all()
    assert [(row.person_id, row.mode, row.language, row.agency_id) for row in rows] == [
        (far.id, "remote", "en", far.agency_id), (here.id, "class", "ru", here.agency_id),
    ]
    assert here.agency_id != far.agency_id


@pytest.mark.goal("RUN-02")
def test_the_training_officer_accepts_and_the_officer_is_enrolled(
    db: Session, version: CourseVersion, office: Office, officer: Person
) -> None:
    """An accepted nomination is an enrolment with the next number; the decision keeps who, when and what was known."""
    run, person = plan(db, version, office, officer), make_person(db, office)

    enrolment = accepted(db, run, person, officer)

    nomination = db.scalars(sa.select(Nomination).where(Nomination.run_id == run.id)).one()
    assert (nomination.state, nomination.decided_by, nomination.decided_at) == ("accepted", officer.id, NOW)
    assert [check["code"] for check in nomination.checks] == ["post", "trained", "overlap", "language"]
    assert (enrolment.person_id, enrolment.number, enrolment.state) == (person.id, 1, "enrolled")


@pytest.mark.goal("RUN-02")
def test_a_declined_nomination_needs_a_reason_and_keeps_it(db: Session, version: CourseVersion, office: Office, officer: Person) -> None:
    """Without a reason nobody is declined; with one it stands beside the nomination, and he may be nominated again."""
    run, person = plan(db, version, office, officer), make_person(db, office)
    nomination = nominated(db, run, person, officer)

    with pytest.raises(Invalid):
        services.decide(db, nomination, accept=False, by=officer.id, now=NOW)
    services.decide(db, nomination, accept=False, by=officer.id, now=NOW, reason="On leave until December")

    assert (nomination.state, nomination.reason) == ("declined", "On leave until December")
    assert db.scalar(sa.select(sa.func.count()).select_from(Enrolment)) == 0
    assert nominated(db, run, person, officer).id == nomination.id
    assert (nomination.state, nomination.reason) == ("proposed", "")


def test_nobody_is_decided_twice_or_nominated_twice(db: Session, version: CourseVersion, office: Office, officer: Person) -> None:
    """A second decision is a conflict, a second nomination is refused."""
    run, person = plan(db, version, office, officer), make_person(db, office)
    nomination = nominated(db, run, person, officer)
    services.decide(db, nomination, accept=True, by=officer.id, now=NOW)

    with pytest.raises(Conflict):
        services.decide(db, nomination, accept=False, by=officer.id, now=NOW, reason="no")
    with pytest.raises(Invalid):
        nominated(db, run, person, officer)


def test_no_more_people_sit_in_class_than_there_are_seats(db: Session, version: CourseVersion, office: Office, officer: Person) -> None:
    """With one seat the second acceptance is refused; after the first has withdrawn there is a seat again."""
    run = plan(db, version, office, officer, seats=1)
    first, second = make_person(db, office), make_person(db, office)
    one, two = nominated(db, run, first, officer), nominated(db, run, second, officer)
    services.decide(db, one, accept=True, by=officer.id, now=NOW)

    with pytest.raises(Invalid):
        services.decide(db, two, accept=True, by=officer.id, now=NOW)
    services.withdraw(db, one, by=officer.id, now=NOW, reason="Ill")

    assert services.decide(db, two, accept=True, by=officer.id, now=NOW) is not None


@pytest.mark.goal("RUN-02")
def test_who_left_the_service_cannot_be_nominated(db: Session, version: CourseVersion, office: Office, officer: Person) -> None:
    """One officer who left stops the nomination of the whole tick list, by name; nobody is proposed."""
    run = plan(db, version, office, officer)
    gone, stays = make_person(db, office, family="Gone", left_on=date(2026, 11, 1)), make_person(db, office)

    with pytest.raises(Invalid) as refused:
        services.nominate(db, run, person_ids=[stays.id, gone.id], by=officer.id, now=NOW, language="ru")

    assert refused.value.message.params["name"] == "Gone Aigerim"
    assert db.scalar(sa.select(sa.func.count()).select_from(Nomination)) == 0


@pytest.mark.goal("RUN-02")
def test_earlier_and_overlapping_runs_are_seen(db: Session, version: CourseVersion, office: Office, officer: Person) -> None:
    """The decision shows that the officer passed the course before, and that he is in another run on these days."""
    person = make_person(db, office)
    other = plan(db, make_version(db), office, officer, starts_on=ENDS, ends_on=date(2026, 11, 30))
    accepted(db, other, person, officer)
    run = plan(db, version, office, officer)
    passed = {person.id: date(2025, 3, 1)}

    nomination = services.nominate(db, run, person_ids=[person.id], by=officer.id, now=NOW, language="ru", trained=passed)[0]

    assert [(check["code"], check["weight"]) for check in nomination.checks] == [
        ("trained", "warn"), ("overlap", "warn"), ("post", "warn"), ("language", "fine"),
    ]
    assert nomination.checks[1]["params"]["code"] == other.code


def test_an_enrolment_keeps_office_rank_and_post_of_its_day(db: Session, version: CourseVersion, office: Office, officer: Person) -> None:
    """A later promotion and move do not touch who took part as what."""
    person = make_person(db, office)
    posting = db.scalars(sa.select(Posting).where(Posting.person_id == person.id)).one()
    posting.rank, posting.post, posting.valid_to = "captain", "inspector", date(2026, 11, 30)
    added(db, Posting(person_id=person.id, office_id=make_office(db).id, agency_id=person.agency_id, rank="major", valid_from=date(2026, 12, 1)))

    enrolment = accepted(db, plan(db, version, office, officer), person, officer)

    assert (enrolment.office_id, enrolment.rank, enrolment.post) == (office.id, "captain", "inspector")


def test_a_withdrawn_officer_leaves_the_run_and_his_number_stays_his(db: Session, version: CourseVersion, office: Office, officer: Person) -> None:
    """Who is withdrawn and nominated again keeps his line in the roster; the reason is kept, and his PIN is dead."""
    run, person = plan(db, version, office, officer), make_person(db, office)
    enrolment = accepted(db, run, person, officer)
    services.issue_slips(db, run, pin_hashes={person.id: "hash"}, by=officer.id, now=NOW)
    nomination = db.scalars(sa.select(Nomination).where(Nomination.run_id == run.id)).one()

    with pytest.raises(Invalid):
        services.withdraw(db, nomination, by=officer.id, now=NOW, reason=" ")
    services.withdraw(db, nomination, by=officer.id, now=NOW, reason="Recalled to duty")

    assert (enrolment.state, enrolment.withdrawn_why) == ("withdrawn", "Recalled to duty")
    assert db.scalars(sa.select(Pin.ended_at).where(Pin.person_id == person.id)).all() == [NOW]
    assert accepted(db, run, person, officer).number == 1


@pytest.mark.goal("RUN-05")
def test_a_pin_holds_for_the_days_of_the_run_and_a_new_slip_kills_the_old_one(
    db: Session, version: CourseVersion, office: Office, officer: Person
) -> None:
    """A slip's PIN holds from the first morning to the last midnight by the office's clock; reissued, only the new one holds."""
    run, person = plan(db, version, office, officer), make_person(db, office)
    accepted(db, run, person, officer)

    services.issue_slips(db, run, pin_hashes={person.id: "old"}, by=officer.id, now=NOW)
    services.issue_slips(db, run, pin_hashes={person.id: "new"}, by=officer.id, now=a_moment())

    db.expire_all()
    pins = db.execute(sa.select(Pin.pin_hash, Pin.ended_at, Pin.valid_from, Pin.valid_to).order_by(Pin.issued_at)).all()
    first, last = datetime(2026, 11, 22, 19, tzinfo=UTC), datetime(2026, 11, 26, 19, tzinfo=UTC)
    assert [tuple(pin) for pin in pins] == [("old", a_moment(), first, last), ("new", None, first, last)]
    assert (run.state, run.opened_at) == ("open", NOW)


def test_slips_are_for_enrolled_people_only(db: Session, version: CourseVersion, office: Office, officer: Person) -> None:
    """When the roster changed while slips were made, no PIN is changed."""
    run = plan(db, version, office, officer)

    with pytest.raises(Conflict):
        services.issue_slips(db, run, pin_hashes={make_person(db, office).id: "hash"}, by=officer.id, now=NOW)

    assert db.scalar(sa.select(sa.func.count()).select_from(Pin)) == 0


@pytest.mark.goal("RUN-12")
def test_closing_with_gaps_needs_a_note_and_a_running_test_stops_it(db: Session, office: Office, officer: Person) -> None:
    """What is missing is said; a test that runs stops the closing, the rest needs a note; the PINs are dead afterwards."""
    run = make_run(db, office, state="open")
    standing = {"state": "open", "today": date(2026, 11, 27), "starts_on": STARTS, "ends_on": ENDS, "enrolled": 2}
    running = rules.gaps(rules.Standing(running=1, **standing))  # type: ignore[arg-type]
    missing = rules.gaps(rules.Standing(without_post=1, **standing))  # type: ignore[arg-type]

    with pytest.raises(Conflict):
        services.close_run(db, run, by=officer.id, now=NOW, gaps=running, note="all the same")
    with pytest.raises(Invalid):
        services.close_run(db, run, by=officer.id, now=NOW, gaps=missing)
    services.close_run(db, run, by=officer.id, now=NOW, gaps=missing, note="One officer was recalled")

    assert (run.state, run.closed_at, run.note) == ("closed", NOW, "One officer was recalled")


def test_a_closed_run_takes_nothing_more_until_it_is_opened_again(db: Session, office: Office, officer: Person) -> None:
    """Closed: no nomination, no slip, no change. Opened again, with a reason, it goes on."""
    run, person = make_run(db, office, state="closed"), make_person(db, office)

    for verb in (
        lambda: nominated(db, run, person, officer),
        lambda: services.issue_slips(db, run, pin_hashes={}, by=officer.id, now=NOW),
        lambda: services.close_run(db, run, by=officer.id, now=NOW),
        lambda: services.cancel_run(db, run, by=officer.id, now=NOW, reason="x"),
    ):
        with pytest.raises(Conflict):
            verb()
    with pytest.raises(Invalid):
        services.reopen_run(db, run, by=officer.id, now=NOW, reason="")
    services.reopen_run(db, run, by=officer.id, now=NOW, reason="A result was typed in late")

    assert (run.state, run.closed_at, run.note) == ("open", None, "A result was typed in late")
    assert nominated(db, run, person, officer).state == "proposed"


def test_fewer_seats_than_people_are_refused(db: Session, version: CourseVersion, office: Office, officer: Person) -> None:
    """A run with two people in class cannot shrink to one seat; its other facts change."""
    run = plan(db, version, office, officer)
    for _ in range(2):
        accepted(db, run, make_person(db, office), officer)

    with pytest.raises(Invalid):
        services.change_run(db, run, starts_on=STARTS, ends_on=ENDS, seats=1, by=officer.id, now=NOW, place="Room 3")
    services.change_run(db, run, starts_on=LONG_AGO, ends_on=ENDS, seats=5, by=officer.id, now=NOW, place="Room 3")

    assert (run.starts_on, run.seats, run.place) == (LONG_AGO, 5, "Room 3")


def test_an_unknown_officer_cannot_be_nominated(db: Session, version: CourseVersion, office: Office, officer: Person) -> None:
    """An id that is nobody is refused like somebody who serves nowhere."""
    with pytest.raises(Invalid):
        services.nominate(db, plan(db, version, office, officer), person_ids=[uuid.uuid4()], by=officer.id, now=NOW, language="ru")
