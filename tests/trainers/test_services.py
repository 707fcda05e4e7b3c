"""Verbs of the pool: the way to accreditation, withdrawing, renewing; absences, papers and tables."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.errors import Conflict, Invalid
from app.trainers import absences, queries, rules, services
from app.trainers.models import Accreditation, EntryRule, Pairing, Trainer, TrainerLanguage, TrainerStep, TravelTime
from tests.factories import make_country, make_office, make_person
from tests.trainers.rows import Pool, ask, at, attend_workshop, be_accredited, day, make_pool


def stage_in_sql(db: Session, pool: Pool, n: int) -> str | None:
    """What lists say of his stage on a day."""
    return db.scalar(sa.select(queries.stage(day(n))).where(Trainer.id == pool.trainer.id))


def test_the_way_leads_from_nomination_over_workshop_and_observation_to_accreditation(db: Session) -> None:
    """Each step is noted with who noted it; the stage follows, in the rule and in the lists alike."""
    pool = make_pool(db)
    stages = [pool.trainer.stage]

    attend_workshop(db, pool)
    stages.append(pool.trainer.stage)
    asked = ask(db, pool)
    stages.append(pool.trainer.stage)
    services.sign_observation(db, asked, result="passed", day=day(-200), note="", by=pool.assessor.id, now=at(-200))
    stages.append(pool.trainer.stage)
    services.accredit(
        db, pool.trainer, course=pool.course, level="lead", valid_from=day(-100), valid_to=day(100), document="order 114", by=pool.planner.id, now=at(-100),
    )
    stages.append(pool.trainer.stage)

    assert stages == ["nominated", "workshop", "workshop", "observed", "accredited"]
    steps = db.execute(sa.select(TrainerStep.stage, TrainerStep.result, TrainerStep.by_id).where(TrainerStep.trainer_id == pool.trainer.id).order_by(TrainerStep.at)).all()
    assert [tuple(one) for one in steps] == [
        ("nominated", "", pool.planner.id), ("workshop", "", pool.planner.id), ("observed", "", pool.planner.id),
        ("observed", "passed", pool.assessor.id), ("accredited", "", pool.planner.id),
    ]


def test_an_accreditation_that_ends_by_itself_lapses_and_a_new_one_renews_it(db: Session) -> None:
    """After the last day the lists say lapsed without anybody's doing; a new order needs no second workshop."""
    pool = make_pool(db)
    be_accredited(db, pool, first=-100, last=-10)

    assert (stage_in_sql(db, pool, -11), stage_in_sql(db, pool, -10), stage_in_sql(db, pool, -9)) == ("accredited", "accredited", "lapsed")

    services.accredit(
        db, pool.trainer, course=pool.course, level="lead", valid_from=day(0), valid_to=day(365), document="order 9", by=pool.planner.id, now=at(0),
    )

    assert (stage_in_sql(db, pool, 0), pool.trainer.stage) == ("accredited", "accredited")


def test_a_withdrawn_accreditation_counts_until_the_day_before_and_keeps_its_reason(db: Session) -> None:
    """Withdrawn from a day on, with why; it cannot be withdrawn twice, and not without a word."""
    pool = make_pool(db)
    be_accredited(db, pool)
    accreditation = db.scalars(sa.select(Accreditation).where(Accreditation.trainer_id == pool.trainer.id)).one()

    with pytest.raises(Invalid) as refused:
        services.withdraw_accreditation(db, accreditation, day=day(0), why=" ", by=pool.planner.id, now=at(0))
    services.withdraw_accreditation(db, accreditation, day=day(0), why="order 12", by=pool.planner.id, now=at(0))

    assert list(refused.value.fields) == ["why"]
    assert (stage_in_sql(db, pool, -1), stage_in_sql(db, pool, 0), pool.trainer.stage) == ("accredited", "lapsed", "lapsed")
    assert db.scalars(sa.select(TrainerStep.note).where(TrainerStep.trainer_id == pool.trainer.id, TrainerStep.stage == "lapsed")).all() == ["order 12"]
    with pytest.raises(Conflict):
        services.withdraw_accreditation(db, accreditation, day=day(1), why="once more", by=pool.planner.id, now=at(1))


def test_an_accreditation_without_the_steps_before_it_is_refused_in_words(db: Session) -> None:
    """No workshop, an unsigned observation, no order, no last day: each at its field, and nothing is stored."""
    pool = make_pool(db)

    def refused(**changes: object) -> dict[str, str]:
        values = {"course": pool.course, "level": "lead", "valid_from": day(0), "valid_to": day(300), "document": "order 1"} | changes
        with pytest.raises(Invalid) as error:
            services.accredit(db, pool.trainer, by=pool.planner.id, now=at(0), **values)  # type: ignore[arg-type]
        return {field: message.text.split(".")[0] for field, message in error.value.fields.items()}

    first = refused()
    attend_workshop(db, pool)
    ask(db, pool)
    second = refused(valid_to=day(-1), document="")
    third = refused(valid_to=None, level="chief")

    assert first == {"valid_from": "No workshop is on file"}
    assert second == {
        "valid_from": "The assessor has not signed the observed session yet", "valid_to": "The last day is before the first",
        "document": "Give the number and date of the order, for example: order 114 of 3 March 2026",
    }
    assert sorted(third) == ["level", "valid_from", "valid_to"]
    assert db.scalar(sa.select(sa.func.count()).select_from(Accreditation)) == 0


def test_only_the_assessor_signs_and_only_once(db: Session) -> None:
    """The planner cannot sign for him, "once more" needs words, and what was signed stays signed; a trainer never watches himself."""
    pool = make_pool(db)
    attend_workshop(db, pool)
    asked = ask(db, pool)

    with pytest.raises(Conflict):
        services.sign_observation(db, asked, result="passed", day=day(-200), note="", by=pool.planner.id, now=at(0))
    with pytest.raises(Invalid) as wordless:
        services.sign_observation(db, asked, result="again", day=day(-200), note="", by=pool.assessor.id, now=at(0))
    with pytest.raises(Invalid) as early:
        services.sign_observation(db, asked, result="passed", day=day(1), note="", by=pool.assessor.id, now=at(0))
    with pytest.raises(Conflict):
        ask(db, pool)
    services.sign_observation(db, asked, result="again", day=day(-200), note="louder", by=pool.assessor.id, now=at(0))
    with pytest.raises(Conflict):
        services.sign_observation(db, asked, result="passed", day=day(-200), note="", by=pool.assessor.id, now=at(0))
    with pytest.raises(Invalid) as himself:
        services.ask_observation(db, pool.trainer, assessor=pool.person, day=day(0), session_id=None, note="x", by=pool.planner.id, now=at(0))

    assert (list(wordless.value.fields), list(early.value.fields), list(himself.value.fields)) == (["note"], ["day"], ["assessor"])
    assert pool.trainer.stage == "workshop"
    assert queries.owed_by(db, pool.assessor.id) == []


def test_an_assessor_sees_what_he_still_owes_until_it_is_called_off(db: Session) -> None:
    """What he was asked for stands on his page; a called off observation leaves it and counts for nothing."""
    pool = make_pool(db)
    attend_workshop(db, pool)
    asked = ask(db, pool)

    assert [(step.id, name) for step, _, name in queries.owed_by(db, pool.assessor.id)] == [(asked.id, "Karimov Daniyar")]

    services.drop_observation(db, asked, by=pool.planner.id, now=at(0))

    assert queries.owed_by(db, pool.assessor.id) == []
    assert rules.way_of(queries.steps_of(db, pool.trainer.id)) is rules.Stage.WORKSHOP


def test_who_left_the_pool_comes_back_with_his_card(db: Session) -> None:
    """In the pool twice is refused; out of it and back in, the accreditation still counts."""
    pool = make_pool(db)
    be_accredited(db, pool)
    with pytest.raises(Conflict):
        services.take_in(db, pool.person, home=pool.centre, day=day(0), by=pool.planner.id, now=at(0))
    services.let_out(db, pool.trainer, day=day(-5), now=at(-5))
    with pytest.raises(Conflict):
        services.let_out(db, pool.trainer, day=day(-4), now=at(-4))

    back = services.take_in(db, pool.person, home=pool.centre, day=day(0), by=pool.planner.id, now=at(0))

    assert (back.id, back.left_on, back.home_office_id, back.stage) == (pool.trainer.id, None, pool.centre.id, "accredited")


@pytest.mark.goal("PLN-03")
def test_an_absence_read_in_twice_is_on_file_once_and_can_be_taken_back(db: Session) -> None:
    """The same list twice adds nothing; what was taken back holds no more and may be noted anew; a bad span notes nothing at all."""
    pool = make_pool(db)
    spans = [rules.whole_days(day(n), day(n), "Asia/Almaty") for n in (1, 5, 9)]

    made = absences.add(db, person_id=pool.person.id, kind="shift", spans=spans, zone="Asia/Almaty")
    again = absences.add(db, person_id=pool.person.id, kind="shift", spans=spans, zone="Asia/Almaty")
    absences.take_back(db, made[1], today=day(0))
    with pytest.raises(Conflict):
        absences.take_back(db, made[1], today=day(0))
    backwards = rules.Span(spans[0].ends_at, spans[0].starts_at)
    with pytest.raises(Invalid):
        absences.add(db, person_id=pool.person.id, kind="leave", spans=[rules.whole_days(day(20), day(21), "Asia/Almaty"), backwards], zone="Asia/Almaty")

    assert (len(made), again) == (3, [])
    assert [one.starts_at for one in absences.current(db, [pool.person.id], at(0))] == [spans[0].starts_at, spans[2].starts_at]
    assert len(absences.add(db, person_id=pool.person.id, kind="shift", spans=spans, zone="Asia/Almaty")) == 1


def test_what_a_card_says_is_refused_at_its_field_when_it_cannot_be(db: Session) -> None:
    """A share over a hundred, a quarter smaller than its month, an office above all countries."""
    pool = make_pool(db)
    region = make_office(db)
    region.country_id = None
    db.flush()

    with pytest.raises(Invalid) as refused:
        services.change_card(
            db, pool.trainer, home=region, reach="national", travels="country", share=120, days_a_month=40, days_a_quarter=3, needs_release=False,
            passport_to=None, note="",
        )
    with pytest.raises(Invalid) as quarter:
        services.change_card(
            db, pool.trainer, home=pool.centre, reach="national", travels="country", share=50, days_a_month=10, days_a_quarter=3, needs_release=False,
            passport_to=None, note="",
        )

    assert (sorted(refused.value.fields), sorted(quarter.value.fields)) == (["days_a_month", "home", "share"], ["days_a_quarter"])


def test_a_language_is_stated_raised_and_taken_off(db: Session) -> None:
    """One row a language; an empty level takes it off the card."""
    pool = make_pool(db)

    def levels() -> list[tuple[str, str]]:
        return [(one.language, one.level) for one in db.scalars(sa.select(TrainerLanguage).where(TrainerLanguage.trainer_id == pool.trainer.id))]

    services.state_language(db, pool.trainer, language="ru", level="B1")
    services.state_language(db, pool.trainer, language="ru", level="C1")
    raised = levels()
    services.state_language(db, pool.trainer, language="ru", level="")
    with pytest.raises(Invalid):
        services.state_language(db, pool.trainer, language="ru", level="D7")

    assert (raised, levels()) == ([("ru", "C1")], [])


def test_consent_is_dated_and_revoked_by_the_trainer(db: Session) -> None:
    """Agreed on a day; taken back, no day stands any more."""
    pool = make_pool(db)

    services.consent(db, pool.trainer, shown="card", today=day(0))
    agreed = (pool.trainer.shown_abroad, pool.trainer.consent_on)
    services.consent(db, pool.trainer, shown="none", today=day(1))

    assert (agreed, pool.trainer.shown_abroad, pool.trainer.consent_on) == (("card", day(0)), "none", None)


def test_a_test_of_the_line_that_left_a_point_out_is_none(db: Session) -> None:
    """All points of the list are ticked, or no day is noted."""
    pool = make_pool(db)

    with pytest.raises(Invalid):
        services.tested_connection(db, pool.trainer, points=len(rules.CHECKLIST) - 1, today=day(0))
    before = pool.trainer.connection_tested_on
    services.tested_connection(db, pool.trainer, points=len(rules.CHECKLIST), today=day(0))

    assert (before, pool.trainer.connection_tested_on) == (None, day(0))


def test_letters_permits_and_pairings_are_kept_with_their_answers(db: Session) -> None:
    """A letter is answered once; a permit is for a country or a site; a pairing that ended may hold again."""
    pool = make_pool(db)
    other = services.take_in(db, make_person(db, pool.centre), home=pool.centre, day=day(-5), by=pool.planner.id, now=at(-5))
    letter = services.ask_release(db, pool.trainer, first=day(5), last=day(9), asked_on=day(0))

    with pytest.raises(Invalid):
        services.answer_release(db, letter, given=True, day=day(2), document="")
    services.answer_release(db, letter, given=True, day=day(2), document="no. 218")
    with pytest.raises(Conflict):
        services.answer_release(db, letter, given=False, day=day(3), document="")
    with pytest.raises(Invalid):
        services.add_permit(db, pool.trainer, country=None, office=None, valid_from=day(0), valid_to=None, document="")
    permit = services.add_permit(db, pool.trainer, country=make_country(db), office=None, valid_from=day(-9), valid_to=None, document="17")
    services.end_permit(db, permit, last_day=day(-1))
    pairing = services.pair(db, pool.trainer, other=other, kind="forbidden", reason="relatives")
    with pytest.raises(Conflict):
        services.pair(db, pool.trainer, other=other, kind="forbidden", reason="")
    services.end_pairing(db, pairing, day=day(0))
    services.pair(db, pool.trainer, other=other, kind="forbidden", reason="again")

    assert (letter.given_on, permit.kind, permit.valid_to) == (day(2), "visa", day(-1))
    assert [(one.reason, one.ended_on) for one in db.scalars(sa.select(Pairing))] == [("again", None)]


def test_a_way_holds_in_both_directions_and_a_visa_in_one(db: Session) -> None:
    """The way back corrects the same row; the visa of the other direction is a row of its own."""
    korday, osh = make_office(db), make_office(db)
    here, there = make_country(db), make_country(db)

    services.set_travel_time(db, origin=korday, goal=osh, days=1, cost=160)
    services.set_travel_time(db, origin=osh, goal=korday, days=2, cost=150)
    services.set_entry_rule(db, origin=here, goal=there, lead_days=15)
    services.set_entry_rule(db, origin=there, goal=here, lead_days=0)
    services.set_entry_rule(db, origin=here, goal=there, lead_days=10)
    with pytest.raises(Invalid):
        services.set_entry_rule(db, origin=here, goal=here, lead_days=1)
    with pytest.raises(Invalid):
        services.set_travel_time(db, origin=korday, goal=osh, days=40, cost=0)

    assert [(one.days, one.cost) for one in db.scalars(sa.select(TravelTime))] == [(2, 150)]
    assert sorted(db.scalars(sa.select(EntryRule.lead_days))) == [0, 10]


def test_a_preference_for_days_that_are_over_is_refused(db: Session) -> None:
    """Until yesterday makes no sense; no preference forgets the day."""
    pool = make_pool(db)

    with pytest.raises(Invalid):
        services.prefer(db, pool.trainer, mode="online", until=day(-1), today=day(0))
    services.prefer(db, pool.trainer, mode="online", until=day(30), today=day(0))
    stated = (pool.trainer.prefers, pool.trainer.prefers_to)
    services.prefer(db, pool.trainer, mode="", until=day(30) + timedelta(days=1), today=day(0))

    assert (stated, pool.trainer.prefers, pool.trainer.prefers_to) == (("online", day(30)), "", None)
