"""Pages of the pool: who sees whom, forms that keep what was typed, what a trainer says of himself, what his assessor signs."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app import clock
from app.notices.models import Notice
from app.people.models import Person
from app.policy import Role
from app.sync.models import AuditEvent
from app.trainers import absences, services
from app.trainers.models import Absence, Accreditation, EntryRule, Trainer, TrainerStep, TravelTime
from app.trainers.rules import whole_days
from tests.factories import make_office, make_person, make_staff
from tests.planning.rows import make_session
from tests.runs.rows import make_run
from tests.trainers.rows import NOW, Pool, attend_workshop, be_accredited, day, make_pool

ClientOf = Callable[[Person], FlaskClient]


class Still(clock.Clock):
    """A clock that stands."""

    def now(self) -> datetime:
        """The moment of the rows."""
        return NOW


@pytest.fixture(autouse=True)
def _standing_clock() -> Iterator[None]:
    with clock.using(Still()):
        yield


def names(page: str) -> list[str]:
    """The names in the order of the rows of the list."""
    return [re.sub("<[^>]*>", "", part.split("</th>")[0]).strip() for part in page.split('<th scope="row">')[1:]]


def card(pool: Pool) -> str:
    """The address of his card."""
    return f"/trainers/{pool.trainer.id}"


# ---- who sees whom ---------------------------------------------------------------------------------------------------


def test_a_planner_sees_trainers_of_other_countries_as_each_of_them_agreed(db: Session, client_of: ClientOf) -> None:
    """Nothing: not in the list. Free or busy: name and country, no card. The card: the card, but not why he is away."""
    home, abroad = make_pool(db, "Homov"), make_pool(db, "Abroadov")
    services.state_language(db, abroad.trainer, language="tg", level="C2")
    absences.add(db, person_id=abroad.person.id, kind="sick", spans=[whole_days(day(1), day(3), "Asia/Almaty")], zone="Asia/Almaty", note="a secret illness")
    planner = client_of(home.planner)

    def seen(shown: str) -> tuple[list[str], bool, int]:
        services.consent(db, abroad.trainer, shown=shown, today=day(-3))
        db.commit()
        page = planner.get("/trainers").text
        return names(page), "tg C2" in page, planner.get(card(abroad)).status_code

    assert seen("none") == (["Homov Daniyar"], False, 404)
    assert seen("busy") == (["Abroadov Daniyar", "Homov Daniyar"], False, 404)
    assert seen("card") == (["Abroadov Daniyar", "Homov Daniyar"], True, 200)
    text = planner.get(card(abroad)).text
    assert ("Tajik" in text, "secret illness" in text, "Note an absence" in text) == (True, False, False)
    assert planner.post(f"{card(abroad)}/leave").status_code == 404


def test_a_filter_that_looks_into_cards_finds_nobody_whose_card_is_not_shown(db: Session, client_of: ClientOf) -> None:
    """Who agreed to be seen as free or busy is not told apart by language, stage or course."""
    home, abroad = make_pool(db, "Homov"), make_pool(db, "Abroadov")
    for pool in (home, abroad):
        services.state_language(db, pool.trainer, language="ru", level="C1")
    services.consent(db, abroad.trainer, shown="busy", today=day(0))
    planner = client_of(home.planner)

    assert names(planner.get("/trainers?language=ru").text) == ["Homov Daniyar"]
    assert names(planner.get("/trainers?stage=nominated").text) == ["Homov Daniyar"]
    assert names(planner.get("/trainers?q=abroadov").text) == ["Abroadov Daniyar"]


def test_the_list_is_narrowed_by_stage_course_level_and_reach(db: Session, client_of: ClientOf) -> None:
    """Lapsed is told apart without anybody's doing; who may lead also fits where a co-trainer is asked for; the file has what is shown."""
    pool = make_pool(db, "Leadov")
    be_accredited(db, pool)
    other = Pool(pool.centre, pool.planner, pool.assessor, pool.course, *_another(db, pool, "Lapsov"))
    be_accredited(db, other, last=-1, level="co")
    planner = client_of(pool.planner)

    assert names(planner.get("/trainers").text) == ["Lapsov Daniyar", "Leadov Daniyar"]
    assert names(planner.get("/trainers?stage=lapsed").text) == ["Lapsov Daniyar"]
    assert names(planner.get(f"/trainers?course={pool.course.id}&level=co").text) == ["Leadov Daniyar"]
    assert names(planner.get("/trainers?reach=regional").text) == []
    assert [line.split(",")[0] for line in planner.get("/trainers?as=csv").text.splitlines()[1:]] == ["Lapsov Daniyar", "Leadov Daniyar"]


def _another(db: Session, pool: Pool, family: str) -> tuple[Person, Trainer]:
    person = make_person(db, pool.centre, family=family, given="Daniyar")
    return person, services.take_in(db, person, home=pool.centre, day=day(-365), by=pool.planner.id, now=NOW)


@pytest.mark.parametrize("n", [1, 3])
def test_the_list_asks_as_often_for_three_trainers_as_for_one(db: Session, client_of: ClientOf, counted: Callable[[], object], n: int) -> None:
    """The number of statements does not grow with the pool."""
    pool = make_pool(db)
    be_accredited(db, pool)
    for one in range(n - 1):
        _another(db, pool, f"Other{one}")
    planner = client_of(pool.planner)
    planner.get("/trainers")

    with counted() as statements:  # type: ignore[attr-defined]
        planner.get("/trainers")

    assert len(statements) == 9


def test_the_card_asks_as_often_for_many_steps_as_for_few(db: Session, client_of: ClientOf, counted: Callable[[], object]) -> None:
    """A long history costs no more statements than a short one."""
    pool = make_pool(db)
    be_accredited(db, pool)
    planner, address = client_of(pool.planner), card(pool)

    def asked() -> int:
        with counted() as statements:  # type: ignore[attr-defined]
            assert planner.get(address).status_code == 200
        return len(statements)

    asked()
    before = asked()
    for n in range(3):
        attend_workshop(db, pool, -290 + n)
        absences.add(db, person_id=pool.person.id, kind="leave", spans=[whole_days(day(n), day(n), "Asia/Almaty")], zone="Asia/Almaty")
    db.commit()

    assert asked() == before


def test_reading_a_card_is_audited_and_his_own_opens_for_the_trainer(db: Session, client_of: ClientOf) -> None:
    """Who looked at whom is kept; a trainer reads his own card and changes nothing on it."""
    pool = make_pool(db)
    planner, himself = client_of(pool.planner), client_of(pool.person)

    statuses = (planner.get(card(pool)).status_code, himself.get(card(pool)).status_code, himself.post(f"{card(pool)}/leave").status_code)

    db.commit()
    seen = db.execute(sa.select(AuditEvent.actor_id).where(AuditEvent.what == "trainer.read", AuditEvent.about == str(pool.person.id))).scalars().all()
    assert (statuses, sorted(seen)) == ((200, 200, 403), sorted([pool.planner.id, pool.person.id]))


# ---- the card --------------------------------------------------------------------------------------------------------


def test_somebody_of_the_register_is_found_and_nominated(db: Session, client_of: ClientOf) -> None:
    """Found by a part of the name, nominated from today, and told apart from who is in the pool already."""
    pool = make_pool(db)
    officer = make_person(db, pool.centre, family="Serikov", given="Nurlan")
    planner = client_of(pool.planner)

    found = planner.get("/trainers/new?q=serikov").text
    answer = planner.post(f"/trainers/new/{officer.id}", data={"home": str(pool.centre.id), "reach": "national", "day": day(0).isoformat(), "note": ""})
    again = planner.post(f"/trainers/new/{officer.id}", data={"home": str(pool.centre.id), "reach": "national", "day": day(0).isoformat(), "note": ""})

    db.commit()
    trainer = db.scalars(sa.select(Trainer).where(Trainer.person_id == officer.id)).one()
    assert ("Serikov Nurlan" in found, answer.status_code, answer.location, again.status_code) == (True, 303, f"/trainers/{trainer.id}", 409)
    assert "in the pool already" in again.text
    assert "in the pool already" in planner.get("/trainers/new?q=serikov").text


def test_an_accreditation_that_is_refused_keeps_what_was_typed(db: Session, client_of: ClientOf) -> None:
    """Without the steps before it the form comes back with the reason at the field and the order in its place; nothing is stored."""
    pool = make_pool(db)
    planner = client_of(pool.planner)

    answer = planner.post(f"{card(pool)}/accredit", data={
        "accredit-course": str(pool.course.id), "accredit-level": "lead", "accredit-valid_from": day(0).isoformat(),
        "accredit-valid_to": day(300).isoformat(), "accredit-document": "order 77",
    })

    db.commit()
    assert answer.status_code == 422
    assert "No workshop is on file" in answer.text
    assert 'value="order 77"' in answer.text
    assert db.scalar(sa.select(sa.func.count()).select_from(Accreditation)) == 0


def test_the_assessor_is_told_and_signs_on_his_own_page(db: Session, client_of: ClientOf) -> None:
    """Asked on the card, told on his start page, signed by himself; nobody else's signature is taken."""
    pool = make_pool(db)
    attend_workshop(db, pool)
    reviewer = make_staff(db, Role.REVIEWER, pool.centre, family="Watchov")
    planner, assessor, stranger = client_of(pool.planner), client_of(reviewer), client_of(make_staff(db, Role.REVIEWER, pool.centre))

    asked = planner.post(f"{card(pool)}/observe", data={
        "observe-assessor": str(reviewer.id), "observe-session": "", "observe-day": day(0).isoformat(), "observe-note": "second day at Korday",
    })
    db.commit()
    step = db.scalars(sa.select(TrainerStep).where(TrainerStep.assessor_id == reviewer.id)).one()
    field = f"sign{str(step.id)[-8:]}"
    data = {f"{field}-result": "passed", f"{field}-day": day(0).isoformat(), f"{field}-note": "clear"}
    page = assessor.get("/my/teaching").text
    foreign = stranger.post(f"/my/teaching/sign?row={step.id}", data=data)
    signed = assessor.post(f"/my/teaching/sign?row={step.id}", data=data)

    db.commit()
    assert (asked.status_code, "second day at Korday" in page, foreign.status_code, signed.status_code) == (303, True, 404, 303)
    assert db.scalars(sa.select(Notice.what).where(Notice.person_id == reviewer.id)).all() == ["observe"]
    assert db.scalars(sa.select(TrainerStep.by_id).where(TrainerStep.result == "passed")).all() == [reviewer.id]
    assert db.get_one(Trainer, pool.trainer.id).stage == "observed"
    assert "second day at Korday" not in assessor.get("/my/teaching").text


def test_a_roster_is_noted_on_the_card_and_its_faults_at_their_fields(db: Session, client_of: ClientOf) -> None:
    """A 24-hour shift each four days becomes so many absences; one time alone, or a repetition without an end, is refused in words."""
    pool = make_pool(db)
    planner = client_of(pool.planner)
    shift = {
        "absence-kind": "shift", "absence-first": day(1).isoformat(), "absence-last": day(2).isoformat(), "absence-begins": "09:00",
        "absence-ends": "09:00", "absence-every": "4", "absence-until": day(13).isoformat(), "absence-note": "",
    }

    half = planner.post(f"{card(pool)}/absence", data=shift | {"absence-ends": ""})
    endless = planner.post(f"{card(pool)}/absence", data=shift | {"absence-until": ""})
    backwards = planner.post(f"{card(pool)}/absence", data=shift | {"absence-last": day(1).isoformat(), "absence-every": "", "absence-ends": "08:00"})
    noted = planner.post(f"{card(pool)}/absence", data=shift)

    db.commit()
    assert [one.status_code for one in (half, endless, backwards, noted)] == [422, 422, 422, 303]
    assert "Give both times" in half.text
    assert "Give the day until which it is repeated" in endless.text
    assert "This ends before it starts" in backwards.text
    assert len(db.scalars(sa.select(Absence).where(Absence.person_id == pool.person.id)).all()) == 4


def test_a_row_of_another_trainers_card_cannot_be_reached_through_this_one(db: Session, client_of: ClientOf) -> None:
    """Withdrawing by an id from elsewhere finds nothing."""
    pool = make_pool(db)
    other = make_pool(db)
    be_accredited(db, other)
    foreign = db.scalars(sa.select(Accreditation)).one()
    planner = client_of(pool.planner)
    field = f"withdraw{str(foreign.id)[-8:]}"

    answers = [
        planner.post(f"{card(pool)}/withdraw?row={row}", data={f"{field}-day": day(0).isoformat(), f"{field}-why": "order 1"}).status_code
        for row in (foreign.id, uuid.uuid4(), "nonsense")
    ]

    db.commit()
    assert (set(answers) <= {404, 422}, db.get_one(Accreditation, foreign.id).withdrawn_on) == (True, None)


# ---- his own page ----------------------------------------------------------------------------------------------------


@pytest.mark.goal("PLN-03")
def test_a_trainer_states_his_leave_preference_and_consent_himself(db: Session, client_of: ClientOf) -> None:
    """Leave from day to day by the clock of his home, taken back again; preference, consent and the test of his line are his own word."""
    pool = make_pool(db)
    himself = client_of(pool.person)

    himself.post("/my/teaching/absence", data={
        "absence-kind": "leave", "absence-first": day(3).isoformat(), "absence-last": day(4).isoformat(), "absence-begins": "", "absence-ends": "", "absence-note": "",
    })
    himself.post("/my/teaching/prefer", data={"prefer-mode": "online", "prefer-until": day(20).isoformat()})
    himself.post("/my/teaching/consent", data={"consent-shown": "card"})
    half = himself.post("/my/teaching/connection", data={"connection-points": ["0", "1"]})
    himself.post("/my/teaching/connection", data={"connection-points": [str(n) for n in range(6)]})

    db.commit()
    trainer = db.get_one(Trainer, pool.trainer.id)
    leave = db.scalars(sa.select(Absence).where(Absence.person_id == pool.person.id)).one()
    assert (trainer.prefers, trainer.prefers_to, trainer.shown_abroad, trainer.consent_on) == ("online", day(20), "card", day(0))
    assert (half.status_code, "Tick every point" in half.text, trainer.connection_tested_on) == (422, True, day(0))
    assert (leave.kind, leave.zone, leave.starts_at, leave.ends_at) == (
        "leave", "Asia/Almaty", whole_days(day(3), day(3), "Asia/Almaty").starts_at, whole_days(day(4), day(4), "Asia/Almaty").ends_at,
    )

    himself.post(f"/my/teaching/take_back?row={leave.id}")
    db.commit()
    assert db.get_one(Absence, leave.id).ended_on == day(0)


def test_nobody_takes_anothers_absence_back_or_states_a_duty_shift_for_himself(db: Session, client_of: ClientOf) -> None:
    """An absence is taken back by its person or by who keeps his card; shifts and deployments are his service's word."""
    pool, other = make_pool(db), make_pool(db)
    theirs = absences.add(db, person_id=other.person.id, kind="leave", spans=[whole_days(day(1), day(1), "Asia/Almaty")], zone="Asia/Almaty")[0]
    himself = client_of(pool.person)

    stolen = himself.post(f"/my/teaching/take_back?row={theirs.id}")
    shift = himself.post("/my/teaching/absence", data={"absence-kind": "shift", "absence-first": day(3).isoformat(), "absence-last": day(4).isoformat()})

    db.commit()
    assert (stolen.status_code, shift.status_code, db.get_one(Absence, theirs.id).ended_on) == (404, 422, None)
    assert db.scalar(sa.select(sa.func.count()).where(Absence.person_id == pool.person.id)) == 0


def test_who_is_not_in_the_pool_is_told_so(db: Session, client_of: ClientOf) -> None:
    """The page explains itself to everybody else, and takes nothing from them."""
    nobody = client_of(make_staff(db, Role.AUTHOR))

    assert "You are not in the pool of trainers" in nobody.get("/my/teaching").text
    assert nobody.post("/my/teaching/consent", data={"consent-shown": "card"}).status_code == 422


def test_an_assessor_may_be_asked_for_a_session_of_the_trainer(db: Session, client_of: ClientOf) -> None:
    """The step names the session, and the card shows its code."""
    pool = make_pool(db)
    attend_workshop(db, pool)
    session = make_session(db, make_run(db, pool.centre))
    services.ask_observation(db, pool.trainer, assessor=pool.assessor, day=day(0), session_id=session.id, note="", by=pool.planner.id, now=NOW)
    planner = client_of(pool.planner)

    text = planner.get(card(pool)).text

    assert (session.code in text, "not signed yet" in text) == (True, True)


# ---- visas and ways --------------------------------------------------------------------------------------------------


def test_visas_and_ways_are_stated_by_whoever_one_end_belongs_to(db: Session, client_of: ClientOf) -> None:
    """A planner states what touches his country or offices, not what lies between two others; he forgets a way of his own."""
    pool, one, other = make_pool(db), make_pool(db), make_pool(db)
    mine, theirs, others = pool.centre, one.centre, other.centre
    planner = client_of(pool.planner)

    def entry(a: object, b: object) -> int:
        return planner.post("/trainers/ways/entry", data={"entry-origin": str(a), "entry-goal": str(b), "entry-lead_days": "15"}).status_code

    def way(a: object, b: object) -> int:
        return planner.post("/trainers/ways/travel", data={"way-origin": str(a), "way-goal": str(b), "way-days": "1", "way-cost": "90"}).status_code

    assert (entry(mine.country_id, theirs.country_id), entry(theirs.country_id, others.country_id), entry(mine.country_id, mine.country_id)) == (303, 422, 422)
    assert (way(theirs.id, mine.id), way(theirs.id, others.id), way(mine.id, mine.id)) == (303, 422, 422)
    assert planner.get("/trainers/ways").status_code == 200
    db.commit()
    stated = db.scalars(sa.select(TravelTime)).one()
    assert (db.scalars(sa.select(EntryRule.lead_days)).all(), stated.days, stated.cost) == ([15], 1, 90)
    assert planner.post(f"/trainers/ways/travel/{stated.id}/forget").status_code == 303
    db.commit()
    assert db.scalar(sa.select(sa.func.count()).select_from(TravelTime)) == 0


def test_a_number_that_is_none_is_refused_at_its_field(db: Session, client_of: ClientOf) -> None:
    """Words in a field for days: our own sentence, the rest stays typed."""
    pool = make_pool(db)
    make_office(db)
    planner = client_of(pool.planner)

    answer = planner.post("/trainers/ways/travel", data={"way-origin": str(pool.centre.id), "way-goal": "", "way-days": "two", "way-cost": "90"})

    assert (answer.status_code, "Give a whole number." in answer.text, 'value="90"' in answer.text) == (422, True, True)
