"""The people register: postings with their days, names with their history, roles, leaving."""

from __future__ import annotations

from datetime import date

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.errors import Conflict, Invalid
from app.people import register, register_queries
from app.people.models import Person, Posting, RoleGrant
from app.people.names import Name
from app.people.register_queries import Stage
from app.policy import Role
from tests.factories import make_office
from tests.people.rows import agency_of, make_centre, take_in
from tests.quizzes.rows import make_enrolment, make_run

TODAY = date(2026, 11, 24)


def there(db: Session, paths: list[str], stage: Stage = Stage.SERVING, day: date = TODAY) -> list[str]:
    """The service numbers of the people listed."""
    return [person.service_number for person in db.scalars(register_queries.staff(paths, day, stage).order_by(Person.service_number))]


@pytest.mark.goal("PPL-01")
def test_a_person_belongs_to_an_office_from_a_day_to_a_day(db: Session) -> None:
    """On each day a person belongs to the office, agency, rank and post of that day; moving on leaves the earlier ones as they were."""
    korday, oybek = make_office(db, make_centre(db)), make_office(db, make_centre(db, "UZ"))
    officer = take_in(db, korday, rank="lieutenant", post="inspector")

    register.move_person(db, officer, office=korday, agency=agency_of(db, korday), since=date(2024, 3, 1), rank="captain", post="inspector")
    register.move_person(db, officer, office=oybek, agency=agency_of(db, oybek), since=date(2026, 12, 1), rank="captain", post="senior inspector")

    def on(day: date) -> tuple[str, str, str] | None:
        posting = register_queries.posting_on(db, officer.id, day)
        return (posting.office.code, posting.rank, posting.post) if posting else None

    days = (date(2019, 12, 31), date(2020, 1, 1), date(2024, 2, 29), date(2024, 3, 1), date(2026, 11, 30), date(2026, 12, 1))
    assert [on(day) for day in days] == [
        None, (korday.code, "lieutenant", "inspector"), (korday.code, "lieutenant", "inspector"), (korday.code, "captain", "inspector"),
        (korday.code, "captain", "inspector"), (oybek.code, "captain", "senior inspector"),
    ]


@pytest.mark.goal("PPL-01")
def test_old_records_stay_with_the_office_of_their_day(db: Session) -> None:
    """An enrolment of before a transfer stays with the office, agency and rank of its day; the staff lists follow the transfer."""
    centre = make_centre(db)
    korday, khorgos = make_office(db, centre), make_office(db, centre)
    officer = take_in(db, korday, rank="lieutenant")
    enrolment = make_enrolment(db, make_run(db, office=korday), officer)
    before = (enrolment.office_id, enrolment.agency_id, enrolment.rank)

    register.move_person(db, officer, office=khorgos, agency=agency_of(db, khorgos), since=date(2026, 11, 1), rank="captain")
    db.expire_all()

    assert (enrolment.office_id, enrolment.agency_id, enrolment.rank) == before
    assert enrolment.office_id == korday.id
    assert (there(db, [korday.path]), there(db, [khorgos.path])) == ([], [officer.service_number])
    assert there(db, [korday.path], day=date(2026, 10, 31)) == [officer.service_number]


def test_a_posting_does_not_begin_before_the_present_one(db: Session) -> None:
    """Two postings never hold on one day: an earlier or equal first day is refused."""
    office = make_centre(db)
    officer = take_in(db, office, since=date(2025, 5, 1))

    with pytest.raises(Invalid) as refused:
        register.move_person(db, officer, office=office, agency=agency_of(db, office), since=date(2025, 5, 1))

    assert list(refused.value.fields) == ["since"]


@pytest.mark.goal("PPL-02")
def test_an_old_certificate_still_verifies_after_a_new_name(db: Session) -> None:
    """After a change of name the name of each day is still on file, and the person is found by the old and the new one."""
    officer = take_in(db, make_centre(db), "Асанова", "Нургүл", latin=Name("Asanova", "Nurgul"))

    register.rename_person(
        db, officer, names={"Cyrl": Name("Орозбекова", "Нургүл", "Кубанычбековна")}, since=date(2026, 3, 3), reason="marriage, order 14",
    )

    before, after = (register_queries.name_on(db, officer.id, "Cyrl", day) for day in (date(2026, 3, 2), date(2026, 3, 3)))
    assert before is not None
    assert after is not None
    assert (before.family, after.family, after.reason) == ("Асанова", "Орозбекова", "marriage, order 14")
    assert officer.display_name == "Орозбекова Нургүл Кубанычбековна"
    for wish in ("асанова", "Asanova", "орозбекова нургул"):
        assert db.scalars(sa.select(Person.id).where(*register_queries.found_by(wish))).all() == [officer.id]


def test_a_second_name_of_the_same_day_and_one_without_a_reason_are_refused(db: Session) -> None:
    """A name changes once a day, and with a reason."""
    officer = take_in(db, make_centre(db), since=date(2026, 3, 3))

    with pytest.raises(Conflict):
        register.rename_person(db, officer, names={"Cyrl": Name("Омарова", "Айгерим")}, since=date(2026, 3, 3), reason="order 1")
    with pytest.raises(Invalid):
        register.rename_person(db, officer, names={"Cyrl": Name("Омарова", "Айгерим")}, since=date(2026, 4, 3), reason=" ")


@pytest.mark.goal("PPL-02")
def test_search_finds_every_way_of_writing(db: Session) -> None:
    """Case, ё and е, Uzbek apostrophes, composed or not, Cyrillic or Latin: each way of typing finds the officer; every word must occur."""
    office = make_centre(db)
    found = {
        take_in(db, office, "Королёв", "Семён", number="БГ-00417").id: ("КОРОЛЕВ", "korolev semen", "бг-00417", "00417"),
        take_in(db, office, "Toʻraqulova", "Dilnoza", number="2", script="Latn").id: ("To'raqulova", "to`raqulova", "Торакулова дильноза"),
        take_in(db, office, "Жұмабеков", "Әлихан", number="3").id: ("zhumabekov", "Jumabekov Alikhan", "жумабеков"),
        take_in(db, office, "Йўлдошев", "Ғайрат", number="4").id: ("Йўлдошев", "Йўлдошев"),
    }

    for person_id, wishes in found.items():
        for wish in wishes:
            assert db.scalars(sa.select(Person.id).where(*register_queries.found_by(wish))).all() == [person_id], wish
    assert db.scalars(sa.select(Person.id).where(*register_queries.found_by("королев дильноза"))).all() == []
    assert db.scalars(sa.select(Person.id).where(*register_queries.found_by("100%"))).all() == []


def test_who_leaves_keeps_his_file_and_loses_his_roles(db: Session) -> None:
    """After the last day posting and roles are over; the person moves from the list of those in service to those who left."""
    office = make_centre(db)
    officer = take_in(db, office)
    register.give_role(db, officer, role=Role.TRAINER, office=office, since=date(2024, 1, 1), given_by=None)

    register.let_go(db, officer, last_day=date(2026, 11, 20))

    assert db.scalar(sa.select(Posting.valid_to)) == date(2026, 11, 20)
    assert db.scalar(sa.select(RoleGrant.valid_to)) == date(2026, 11, 20)
    assert (there(db, [office.path]), there(db, [office.path], Stage.LEFT)) == ([], [officer.service_number])
    assert there(db, [office.path], day=date(2026, 11, 20)) == [officer.service_number]


def test_people_of_a_coming_day_are_on_a_list_of_their_own(db: Session) -> None:
    """Somebody whose first posting lies ahead is not in service yet, and not lost either."""
    office = make_centre(db)
    officer = take_in(db, office, since=date(2026, 12, 1))

    assert (there(db, [office.path]), there(db, [office.path], Stage.LATER), there(db, [office.path], Stage.LEFT)) == ([], [officer.service_number], [])


def test_few_and_many_found_people_are_the_same_people(db: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a search goes on by ids or by the query itself, it shows the same people."""
    office = make_centre(db)
    for n in range(5):
        take_in(db, office, number=f"100{n}")
    query = register_queries.staff([office.path], TODAY)

    few = db.scalars(register_queries.narrowed(db, query)).all()
    monkeypatch.setattr(register_queries, "AT_ONCE", 3)
    many = db.scalars(register_queries.narrowed(db, query)).all()

    assert {person.id for person in few} == {person.id for person in many}
    assert len(few) == 5
