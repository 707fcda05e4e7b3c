"""The constraints one by one, and what holds for all of them together."""

from __future__ import annotations

import json
import string
from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import i18n
from app.planning import rules
from app.planning.facts import Accredited, Colleague, Letter, Pair, Permit, SlotFacts, Span, TrainerFacts, Way, Work
from app.planning.rules import CONSTRAINTS, DEFAULTS, SENTENCES, STRICT, Level, Setting, Verdict, judge, rank
from tests.planning.strategies import (
    ABROAD,
    AIRSIDE,
    FAR,
    HOME,
    NEXT,
    booked,
    ident,
    off,
    slot,
    slots,
    span,
    trainer,
    trainers,
)

ALWAYS = {"T3", "T4", "T5", "T6", "T7", "T8", "T9", "T10", "T12", "T13", "T18"}


def applying(of: SlotFacts) -> set[str]:
    """The constraints that this slot is asked, whoever the trainer is."""
    found = set(ALWAYS)
    if of.role in ("lead", "co", "assistant", "assessor"):
        found |= {"T1", "T2"}
    if of.where is not None:
        found.add("T11")
    if of.role == "assessor":
        found.add("T14")
    if of.mode == "online" or of.role == "remote":
        found.add("T15")
    if of.role not in ("interpreter", "remote"):
        found |= {"T16", "T17"}
    return found


def say(verdict: Verdict, code: str) -> str:
    """The sentence of a constraint in English."""
    found = verdict.of(code)
    assert found is not None
    return i18n.say(found.message)


# ---- all together ----------------------------------------------------------------------------------------------------


@pytest.mark.goal("SCH-05")
@settings(max_examples=80, deadline=None)
@given(of=slots(), who=trainers())
def test_the_points_shown_add_up_and_no_constraint_is_left_out(of: SlotFacts, who: TrainerFacts) -> None:
    """The total is the sum of the points of the table; each constraint that applies is there once, in order, whatever fails."""
    verdict = judge(of, who)

    assert verdict.total == sum(one.points for one in verdict.results)
    assert all(0 <= one.points <= one.most for one in verdict.results)
    codes = [one.code for one in verdict.results]
    assert codes == [code for code in CONSTRAINTS if code in applying(of)]
    failing = {one.level for one in verdict.results if not one.ok and one.level is not Level.POINTS}
    assert verdict.group == ("not-available" if Level.BLOCKS in failing else "with-reason" if failing else "suggested")


@pytest.mark.goal("SCH-05")
@settings(max_examples=25, deadline=None)
@given(of=slots(), pool=st.lists(st.integers(100, 130), min_size=2, max_size=6, unique=True), data=st.data())
def test_the_order_does_not_depend_on_the_order_of_asking(of: SlotFacts, pool: list[int], data: st.DataObject) -> None:
    """The same people in another order, or asked twice, stand in the same order: points, then fewer days, then name."""
    people = [data.draw(trainers(number=n)) for n in pool]

    once = rank(judge(of, one) for one in people)
    again = rank(judge(of, one) for one in data.draw(st.permutations(people)))

    assert once == again
    assert [(-one.total, one.days_90, one.sort_key) for one in once] == sorted((-one.total, one.days_90, one.sort_key) for one in once)


@pytest.mark.goal("SCH-06")
@settings(max_examples=50, deadline=None)
@given(of=slots(), who=trainers(), levels=st.lists(st.sampled_from("BRWPX"), min_size=18, max_size=18))
def test_no_setting_makes_a_finding_milder_than_its_floor(of: SlotFacts, who: TrainerFacts, levels: list[str]) -> None:
    """Whatever levels are stored, what fails is taken no more mildly than the floor; the parts of pairing and holidays aside."""
    taken = {code: rules.setting(code, level) for code, level in zip(CONSTRAINTS, levels, strict=True)}

    for one in judge(of, who, taken).results:
        if one.key not in ("T5-holiday", "T13-required", "T13-mentor"):
            assert one.level in CONSTRAINTS[one.code].allowed
    assert all(STRICT.index(one.level) <= STRICT.index(CONSTRAINTS[one.code].allowed[-1]) for one in judge(of, who, taken).results if one.code not in ("T13",))


@settings(max_examples=50, deadline=None)
@given(of=slots(), who=trainers())
def test_every_finding_is_a_whole_sentence_and_survives_being_stored(of: SlotFacts, who: TrainerFacts) -> None:
    """Each brace of a sentence is filled; what comes back from the database says the same."""
    for one in judge(of, who).results:
        wanted = {name for _, name, _, _ in string.Formatter().parse(SENTENCES[one.key].text) if name}
        assert wanted <= set(one.data)
        said = i18n.say(one.message)
        assert said.endswith(".")
        back = rules.from_json(json.loads(json.dumps(rules.as_json(one))))
        assert back is not None
        assert i18n.say(back.message) == said
        assert (back.code, back.level, back.ok, back.points, back.most) == (one.code, one.level, one.ok, one.points, one.most)


@settings(max_examples=50, deadline=None)
@given(of=slots(), who=trainers())
def test_another_country_sees_free_and_busy_only(of: SlotFacts, who: TrainerFacts) -> None:
    """Of somebody shown as free or busy nothing else is told: no points, no code, no accreditation, no reason of an absence."""
    verdict = judge(of, who, sees=lambda _path: False)

    if who.busy_only:
        assert {one.key for one in verdict.results} <= {"T4-free", "T4-hidden", "T5-free", "T5-hidden", "hidden", "hidden-rest"}
        assert verdict.total == 0
        assert [one.key for one in verdict.results].count("hidden") == 1
        assert verdict.group != "suggested"
    assert "S-2026-0409" not in " ".join(i18n.say(one.message) for one in verdict.results)
    assert all(one.link is None for one in verdict.results)


@pytest.mark.goal("SCH-02")
@given(at=st.integers(-600, 600), length=st.integers(1, 600), other=st.integers(-600, 600), second=st.integers(1, 600))
def test_times_are_half_open(at: int, length: int, other: int, second: int) -> None:
    """What ends at noon leaves noon free: two meetings overlap when they share a minute, and not when they touch."""
    one, two = span(0, at / 60, length / 60), span(0, other / 60, second / 60)

    assert rules.overlap(one, two) == bool(set(range(at, at + length)) & set(range(other, other + second)))


@pytest.mark.goal("SCH-04")
def test_why_not_tells_every_reason() -> None:
    """Somebody for whom five things are wrong is told all five; that leave leaves no days to travel either is no sixth."""
    verdict = judge(
        slot(place=ABROAD, spans=(span(0, place=ABROAD), span(1, place=ABROAD))),
        trainer(accreditations=(Accredited("co", date(2025, 1, 1), date(2026, 11, 23)),), languages={"ru": "B1"}, away=(off("leave", 1, 4),), needs_release=True, travels="abroad", reach="regional"),
    )

    assert {one.code for one in verdict.failing} == {"T1", "T2", "T3", "T5", "T10"}
    assert verdict.group == "not-available"
    assert len(verdict.summary) == 5


# ---- one by one ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("held", "sentence", "ok"), [
    ((Accredited("lead", date(2025, 1, 1), date(2027, 12, 31)),), "Accredited in Travel documents II to 31 Dec 2027.", True),
    ((Accredited("lead", date(2025, 1, 1)),), "Accredited in Travel documents II, without an end.", True),
    ((Accredited("lead", date(2025, 1, 1), date(2026, 11, 24)),), "Accredited in Travel documents II to 24 Nov 2026.", True),
    ((Accredited("lead", date(2025, 1, 1), date(2026, 11, 23)),), "The accreditation in Travel documents II ends on 23 Nov 2026; the last meeting is on 24 Nov 2026.", False),
    ((Accredited("lead", date(2026, 11, 24)),), "The accreditation in Travel documents II begins on 24 Nov 2026; the first meeting is on 23 Nov 2026.", False),
    ((Accredited("lead", date(2025, 1, 1), None, date(2026, 10, 1)),), "The accreditation in Travel documents II was withdrawn on 1 Oct 2026.", False),
    ((), "Has no accreditation in Travel documents II.", False),
])
def test_t1_accredited_on_the_last_day(held: tuple[Accredited, ...], sentence: str, ok: bool) -> None:
    """What counts is the last day of the session, that day included."""
    verdict = judge(slot(), trainer(accreditations=held))

    found = verdict.of("T1")
    assert found is not None
    assert (say(verdict, "T1"), found.ok, found.level) == (sentence, ok, Level.BLOCKS)


@pytest.mark.parametrize(("held", "asked", "ok"), [
    ("lead", "lead", True), ("lead", "co", True), ("lead", "assistant", True), ("co", "lead", False), ("co", "assistant", True), ("assistant", "co", False),
    ("lead", "assessor", True), ("co", "assessor", False),
])
def test_t2_who_leads_may_also_assist(held: str, asked: str, ok: bool) -> None:
    """A higher level serves for a lower role; an assessor has to be a lead trainer."""
    found = judge(slot(role=asked), trainer(accreditations=(Accredited(held, date(2025, 1, 1)),))).of("T2")

    assert found is not None
    assert found.ok == ok


def test_t2_names_both_roles() -> None:
    """The sentence says what he holds and what is asked."""
    assert say(judge(slot(), trainer(accreditations=(Accredited("co", date(2025, 1, 1)),))), "T2") == "Holds only co-trainer; the slot asks for lead trainer."


@pytest.mark.parametrize(("spoken", "sentence"), [
    ({"ru": "B2"}, "Russian B2; the slot asks for B2."), ({"ru": "B1"}, "Russian only B1; the slot asks for B2."), ({"en": "C2"}, "Russian is not among his languages; the slot asks for B2."),
])
def test_t3_language_at_its_level(spoken: dict[str, str], sentence: str) -> None:
    """B2 is enough for B2; B1 and another language are not."""
    assert say(judge(slot(), trainer(languages=spoken)), "T3") == sentence


@pytest.mark.parametrize(("spoken", "ok"), [({"ru": "C1"}, False), ({"ky": "C1"}, False), ({"ru": "C1", "ky": "B1"}, False), ({"ru": "C1", "ky": "B2"}, True)])
def test_t3_an_interpreter_speaks_both(spoken: dict[str, str], ok: bool) -> None:
    """An interpreter needs no accreditation, and both languages."""
    verdict = judge(slot(role="interpreter", interprets="ky"), trainer(languages=spoken, accreditations=()))

    found = verdict.of("T3")
    assert found is not None
    assert (found.ok, verdict.of("T1")) == (ok, None)


def test_t4_names_the_other_booking_where_it_may_be_seen() -> None:
    """Code, place, days and hours with the offset; without permission only the days; what only touches is free."""
    taken = trainer(busy=(booked(1, 2, place=HOME),))

    assert say(judge(slot(), taken), "T4") == "Leads S-2026-0409 in KORDAY, 24 Nov 2026 (11:00–15:00 UTC+5)."
    assert judge(slot(), taken).of("T4").link == "/planning/sessions/S-2026-0409"  # type: ignore[union-attr]
    assert say(judge(slot(), taken, sees=lambda _path: False), "T4") == "Has another booking on 24 Nov 2026."
    assert say(judge(slot(), trainer(busy=(booked(1, 4),))), "T4") == "Free at all meetings, in every country."
    assert judge(slot(), trainer(busy=(booked(1, 3.9),))).group == "not-available"
    twice = trainer(busy=(booked(1, 2, place=HOME), booked(0, 1, place=HOME)))
    assert say(judge(slot(), twice), "T4") == "Has bookings at that time: S-2026-0409, 23–24 Nov 2026."  # at different hours


@pytest.mark.parametrize(("kind", "sentence"), [("leave", "On leave 24–27 Nov 2026."), ("sick", "Ill 24–27 Nov 2026."), ("unavailable", "Said that he cannot come 24–27 Nov 2026.")])
def test_t5_absence_blocks(kind: str, sentence: str) -> None:
    """Leave from the second day on blocks the slot and is named with its days."""
    verdict = judge(slot(), trainer(away=(off(kind, 1, 4),)))

    assert (say(verdict, "T5"), verdict.group) == (sentence, "not-available")
    abroad = judge(slot(), trainer(away=(off(kind, 1, 4),)), sees=lambda _path: False)
    assert (say(abroad, "T5"), abroad.group) == ("Not available 24–27 Nov 2026.", "not-available")


def test_t5_a_holiday_at_home_needs_a_reason() -> None:
    """A holiday of his country is milder than leave, and both together are as strict as leave."""
    holiday = {date(2026, 11, 24): {"en": "Independence Day"}}

    assert say(judge(slot(), trainer(holidays=holiday)), "T5") == "Holiday at his duty station on 24 Nov 2026: Independence Day."
    assert judge(slot(), trainer(holidays=holiday)).group == "with-reason"
    assert judge(slot(), trainer(holidays=holiday, away=(off("leave", 1, 1),))).group == "not-available"


@pytest.mark.parametrize(("gap", "place", "ok"), [(1, FAR, False), (2, FAR, True), (1, NEXT, True), (2, ABROAD, False), (3, ABROAD, True), (1, None, True)])
def test_t6_days_between_two_places(gap: int, place: object, ok: bool) -> None:
    """Between the end elsewhere and the start here there have to be as many whole days as the way takes; both ways round."""
    before = judge(slot(), trainer(busy=(booked(-gap, place=place),))).of("T6")  # type: ignore[arg-type]
    after = judge(slot(), trainer(busy=(booked(1 + gap, place=place),))).of("T6")  # type: ignore[arg-type]

    assert before is not None
    assert after is not None
    assert (before.ok, after.ok) == (ok, ok)


def test_t6_says_where_he_is_and_the_matrix_wins() -> None:
    """The sentence names place and days; a stated way of no days needs none."""
    busy = trainer(busy=(booked(-1, place=ABROAD),))

    assert say(judge(slot(), busy), "T6") == "Travel days needed: 2. Is in OSH to 22 Nov 2026; this starts on 23 Nov 2026."
    assert judge(slot(ways={(ABROAD.path, HOME.path): Way(0, 0)}), busy).of("T6").ok  # type: ignore[union-attr]


def test_t6_a_travel_day_is_no_day_of_leave() -> None:
    """Leave up to the day before leaves no day for the way."""
    far = slot(spans=(span(0, place=FAR),), place=FAR)

    assert say(judge(far, trainer(away=(off("leave", -3, -1),))), "T6") == "Travel days needed: 1. Is away to 22 Nov 2026; this starts on 23 Nov 2026."
    assert judge(far, trainer(away=(off("leave", -3, -2),))).of("T6").ok  # type: ignore[union-attr]


@pytest.mark.parametrize(("travels", "there", "ok"), [
    ("none", HOME, True), ("none", NEXT, False), ("department", NEXT, True), ("department", FAR, False), ("country", FAR, True), ("country", ABROAD, False), ("abroad", ABROAD, True),
])
def test_t6_nobody_is_sent_farther_than_agreed(travels: str, there: object, ok: bool) -> None:
    """Within his office, department, country, or abroad."""
    found = judge(slot(spans=(span(0, place=there),), place=there), trainer(travels=travels)).of("T6")  # type: ignore[arg-type]

    assert found is not None
    assert found.ok == ok


@pytest.mark.parametrize(("days", "points"), [(0, 30), (1, 20), (2, 10), (3, 0), (9, 0)])
def test_t6_points_fall_with_each_day(days: int, points: int) -> None:
    """30 at home, ten fewer for each travel day."""
    found = judge(slot(spans=(span(0, place=FAR),), place=FAR, ways={(HOME.path, FAR.path): Way(days, 0)}), trainer()).of("T6")

    assert found is not None
    assert (found.ok, found.points, found.most) == (True, points, 30)


@pytest.mark.parametrize(("hour", "ok"), [(24 - 10.9, False), (24 - 11, True)])
def test_t7_eleven_hours_between_duty(hour: float, ok: bool) -> None:
    """An evening that ends less than eleven hours before the next morning is too late."""
    evening = booked(-1, hour - 2, 2)

    found = judge(slot(), trainer(busy=(evening,))).of("T7")

    assert found is not None
    assert found.ok == ok


def test_t7_a_night_shift_counts_as_duty() -> None:
    """A shift that ends at six in the morning leaves three hours."""
    verdict = judge(slot(), trainer(away=(off("shift", -1, 0, hours=6),)))

    assert say(verdict, "T7") == "Only 3 h of rest before 23 Nov 2026; 11 h are needed."


@pytest.mark.parametrize(("days", "ok"), [(4, True), (5, False)])
def test_t7_a_day_off_each_week(days: int, ok: bool) -> None:
    """Six teaching days in a row are the most; lunch between two meetings is no end of duty."""
    verdict = judge(slot(spans=(span(0), span(0, 5, 2), span(1))), trainer(busy=tuple(booked(-n) for n in range(1, days + 1))))

    found = verdict.of("T7")
    assert found is not None
    assert found.ok == ok
    assert f"{days + 2}" in say(verdict, "T7")


def test_t8_counts_travel_at_its_share() -> None:
    """Two days here, seven elsewhere, one of travel each way at half: ten of ten; with one day more it is eleven."""
    far = slot(spans=(span(0, place=FAR), span(1, place=FAR)), place=FAR)
    work = tuple(Work(None, frozenset({f"2026-11-{day:02d}"}), HOME) for day in range(2, 9))

    assert say(judge(far, trainer(work=work)), "T8") == "10 of 10 days in November 2026, this session counted."
    over = judge(far, trainer(work=(*work, Work(None, frozenset({"2026-11-10"}), HOME))))
    assert (say(over, "T8"), over.group) == ("11 of 10 days in November 2026: too many.", "with-reason")


@pytest.mark.parametrize(("days", "points"), [(0, 25), (3, 25), (4, 20), (8, 0)])
def test_t8_points_fall_from_half_of_the_limit(days: int, points: int) -> None:
    """Up to five of ten days all 25 points, at six 20, at ten none."""
    work = tuple(Work(None, frozenset({f"2026-11-{day:02d}"}), HOME) for day in range(1, days + 1))

    found = judge(slot(), trainer(work=work)).of("T8")

    assert found is not None
    assert found.points == points


def test_t8_the_quarter_has_a_limit_of_its_own() -> None:
    """Twenty-four days in October and two here are more than 25 in the quarter."""
    work = (Work(None, frozenset(f"2026-10-{day:02d}" for day in range(1, 25)), HOME),)

    assert say(judge(slot(), trainer(work=work, days_a_month=31)), "T8") == "26 of 25 days in the quarter from October 2026: too many."


@pytest.mark.parametrize(("days", "share", "points", "sentence"), [
    (6, 100, 20, "6 days in 90 days, 3 below the middle of the pool (9)."), (9, 100, 20, "9 days in 90 days, as many as the middle of the pool."),
    (15, 100, 6, "15 days in 90 days, 6 above the middle of the pool (9)."), (6, 50, 13, "12 days in 90 days, 3 above the middle of the pool (9)."),
    (40, 100, 0, "40 days in 90 days, 31 above the middle of the pool (9)."),
])
def test_t9_fairness_beside_the_middle_of_the_pool(days: int, share: int, points: int, sentence: str) -> None:
    """All points up to the middle, none at twice it; half a post counts its days twice."""
    verdict = judge(slot(median_90=Fraction(9)), trainer(days_90=days, share=share))

    found = verdict.of("T9")
    assert found is not None
    assert (found.points, say(verdict, "T9")) == (points, sentence)


NOV = (date(2026, 11, 20), date(2026, 11, 30))


@pytest.mark.parametrize(("letters", "sentence"), [
    ((), "Needs a release letter; none was asked for."),
    ((Letter(*NOV, date(2026, 11, 2)),), "Release letter asked for on 2 Nov 2026, not received."),
    ((Letter(*NOV, date(2026, 11, 2), None, date(2026, 11, 5)),), "Release refused on 5 Nov 2026."),
    ((Letter(*NOV, date(2026, 11, 2), date(2026, 11, 5)),), "Released by letter of 5 Nov 2026 for 20–30 Nov 2026."),
    ((Letter(date(2026, 11, 24), date(2026, 11, 30), date(2026, 11, 2), date(2026, 11, 5)),), "The release letter is good for 24–30 Nov 2026; the session is 23–24 Nov 2026."),
])
def test_t10_the_release_letter(letters: tuple[Letter, ...], sentence: str) -> None:
    """Only a letter that was given for all days counts."""
    verdict = judge(slot(), trainer(needs_release=True, letters=letters))

    found = verdict.of("T10")
    assert found is not None
    assert (say(verdict, "T10"), found.ok) == (sentence, sentence.startswith("Released"))


def test_t10_the_national_pool_stays_at_home() -> None:
    """Who is in the national pool is not released abroad, not even online."""
    abroad = slot(mode="online", spans=(span(0, place=None),), place=ABROAD)

    assert say(judge(abroad, trainer()), "T10") == "His country keeps him for itself: he is in the national pool only."
    assert judge(abroad, trainer(reach="regional")).of("T10").ok  # type: ignore[union-attr]


def test_t11_visa_passport_and_site() -> None:
    """Each is told with its dates; a visa in hand is enough."""
    there = slot(spans=(span(0, place=ABROAD),), place=ABROAD, visas={("KZ", "KG"): 15})
    goes = {"travels": "abroad", "reach": "regional"}
    visa = Permit("visa", "KG", "", date(2026, 1, 1), date(2026, 12, 31))

    assert say(judge(there, trainer(**goes)), "T11") == "Visa for KG needed: takes 15 days, the session is in 7."
    assert say(judge(there, trainer(**goes, permits=(visa,))), "T11") == "Has a visa for KG."
    assert say(judge(there, trainer(**goes, permits=(visa,), passport_to=date(2026, 11, 22))), "T11") == "The passport ends on 22 Nov 2026; the last meeting is on 23 Nov 2026."
    expired = Permit("site", "", HOME.path, date(2026, 1, 1), date(2026, 11, 23))
    assert say(judge(slot(), trainer(permits=(expired,))), "T11") == "The permission for KORDAY ended on 23 Nov 2026; the last meeting is on 24 Nov 2026."
    assert judge(slot(), trainer(permits=(expired, Permit("site", "", HOME.path, date(2026, 1, 1))))).of("T11").ok  # type: ignore[union-attr]


@pytest.mark.parametrize(("valid", "key"), [
    (None, "T11-clearance-none"), ((date(2026, 1, 1), date(2026, 11, 23)), "T11-clearance-ends"), ((date(2026, 11, 24), None), "T11-clearance-later"),
    ((date(2026, 11, 23), date(2026, 11, 24)), "T11-cleared"), ((date(2026, 1, 1), None), "T11-cleared"),
])
def test_t11_a_place_that_asks_for_a_clearance(valid: tuple[date, date | None] | None, key: str) -> None:
    """It has to hold from the first to the last meeting; who serves there needs none, nor does who teaches it from afar."""
    there = slot(spans=(span(0, place=AIRSIDE), span(1, place=AIRSIDE)), place=AIRSIDE)
    permits = (Permit("site", "", AIRSIDE.path, *valid),) if valid else ()

    verdict = judge(there, trainer(permits=permits))

    found = verdict.of("T11")
    assert found is not None
    assert (found.key, found.ok, verdict.group) == (key, key == "T11-cleared", "suggested" if key == "T11-cleared" else "with-reason")
    assert judge(there, trainer(permits=permits, home=AIRSIDE)).of("T11").key in ("T11-home", "T11-site")  # type: ignore[union-attr]
    assert judge(slot(role="remote", spans=(span(0, place=None),), place=AIRSIDE), trainer()).of("T11") is None


def test_t11_a_clearance_is_told_with_its_days() -> None:
    """Its name, its place, its end; one for the office above counts below it; one for another place does not."""
    there = slot(spans=(span(0, place=AIRSIDE), span(1, place=AIRSIDE)), place=AIRSIDE)
    ended, above, elsewhere = (Permit("site", "", path, date(2026, 1, 1), until) for path, until in (
        (AIRSIDE.path, date(2026, 11, 23)), ("/CA/KZ/AK/", None), (FAR.path, None),
    ))

    assert say(judge(there, trainer()), "T11") == "Needs a clearance for AIRPORT (airside pass); has none."
    assert say(judge(there, trainer(permits=(ended, elsewhere))), "T11") == "The clearance for AIRPORT (airside pass) ends on 23 Nov 2026; the last meeting is on 24 Nov 2026."
    assert say(judge(there, trainer(permits=(ended, above))), "T11") == "Has the clearance for AIRPORT (airside pass)."


def test_t12_cost_beside_what_is_left_of_the_budget() -> None:
    """Way 60 and an allowance of 40 for two days there and two of travel are 220; a colleague from as far takes as much of the budget."""
    far = {"spans": (span(0, place=FAR), span(1, place=FAR)), "place": FAR}
    colleague = Colleague(ident(20), ident(21), "co", HOME)

    assert say(judge(slot(**far, budget=500), trainer()), "T12") == "Estimated 220, budget 500."
    assert say(judge(slot(**far, budget=400, company=(colleague,)), trainer()), "T12") == "Estimated 220, more than the budget of 180."
    assert judge(slot(**far, budget=400, company=(colleague,)), trainer()).group == "with-reason"
    assert judge(slot(budget=500), trainer()).of("T12").points == 10  # type: ignore[union-attr]


@pytest.mark.parametrize(("kind", "there", "group", "level"), [
    ("forbidden", True, "not-available", "B"), ("forbidden", False, "suggested", "B"), ("required", False, "with-reason", "R"), ("required", True, "suggested", "B"),
    ("mentor", False, "suggested", "P"), ("mentor", True, "suggested", "B"),
])
def test_t13_who_teaches_with_whom(kind: str, there: bool, group: str, level: str) -> None:
    """A forbidden pair blocks, a missing partner blocks the release, a missing mentor costs points."""
    company = (Colleague(ident(20), ident(21), "co", HOME),) if there else ()

    verdict = judge(slot(company=company), trainer(pairs=(Pair(kind, ident(20), "Lee S."),)))

    found = verdict.of("T13")
    assert found is not None
    assert (verdict.group, found.level.value) == (group, level)


@pytest.mark.parametrize(("sexes", "others", "own", "open_", "key", "group"), [
    ("fm", ["m"], "f", 0, "T13-search-fits", "suggested"), ("fm", ["m"], "m", 0, "T13-search-f", "with-reason"), ("fm", [], "m", 0, "T13-search-f", "with-reason"),
    ("fm", ["f"], "f", 0, "T13-search-m", "with-reason"), ("fm", [], "m", 1, "T13-search-later", "suggested"), ("fm", [], "", 1, "T13-search-fm", "with-reason"),
    ("fm", [], "", 2, "T13-search-later", "suggested"), ("m", [], "m", 0, "T13-search-fits", "suggested"), ("f", ["f"], "m", 0, "T13-search-fits", "suggested"),
    ("", [], "m", 0, "T13-none", "suggested"),
])
def test_t13_searching_is_taught_to_each_sex_by_its_own(sexes: str, others: list[str], own: str, open_: int, key: str, group: str) -> None:
    """The last slot of the room has to bring the sex that is missing; while another is open it costs points only. A sex that is not stated counts for none."""
    company = tuple(Colleague(ident(20 + n), ident(30 + n), "co", HOME, sex) for n, sex in enumerate(others))
    of = slot(searches=True, sexes=frozenset(sexes), company=company, in_room_open=open_)

    verdict = judge(of, trainer(sex=own))

    found = verdict.of("T13")
    assert found is not None
    assert (found.key, verdict.group) == (key, group)


def test_t13_searching_asks_only_who_teaches_in_the_room() -> None:
    """Not a session without it, not an interpreter, nobody online; a colleague on the line is not in the room."""
    both = frozenset("fm")
    afar = (Colleague(ident(20), ident(30), "remote", HOME, "f"),)

    assert judge(slot(sexes=both), trainer(sex="m")).of("T13").key == "T13-none"  # type: ignore[union-attr]
    assert judge(slot(searches=True, sexes=both, role="interpreter"), trainer(sex="m")).of("T13").key == "T13-none"  # type: ignore[union-attr]
    assert judge(slot(searches=True, sexes=both, mode="online", spans=(span(0, place=None),)), trainer(sex="m")).of("T13").key == "T13-none"  # type: ignore[union-attr]
    assert say(judge(slot(searches=True, sexes=both, company=afar), trainer(sex="m")), "T13") == (
        "Searching is practised with women: no woman is among those who teach in the room."
    )


def test_t14_an_assessor_is_of_another_unit() -> None:
    """Seven of eighteen participants of his own office need a reason; other roles are not asked."""
    seats = {HOME.path: 7, FAR.path: 11}

    verdict = judge(slot(role="assessor", trainees=seats), trainer())
    assert (say(verdict, "T14"), verdict.group) == ("Same unit as 7 of 18 participants.", "with-reason")
    assert judge(slot(trainees=seats), trainer()).of("T14") is None


@pytest.mark.parametrize(("tested", "sentence"), [
    (date(2026, 7, 19), "Last connection test 120 days ago; it is good for 90."), (date(2026, 11, 6), "Last connection test 10 days ago."), (None, "No connection test on record."),
])
def test_t15_the_connection_for_online_teaching(tested: date | None, sentence: str) -> None:
    """Asked of online sessions only."""
    online = slot(mode="online", spans=(span(0, place=None),))

    assert say(judge(online, trainer(connection_tested_on=tested)), "T15") == sentence
    assert judge(slot(), trainer(connection_tested_on=tested)).of("T15") is None


@pytest.mark.parametrize(("taught", "same", "points"), [(0, False, 0), (1, False, 5), (2, False, 10), (3, False, 15), (9, False, 15), (0, True, 15)])
def test_t16_recency_and_continuity(taught: int, same: bool, points: int) -> None:
    """Three runs in twelve months or another part of the same run earn all points."""
    found = judge(slot(), trainer(taught=taught, same_run=same)).of("T16")

    assert found is not None
    assert found.points == points


def test_t17_few_evaluations_are_drawn_to_the_mean() -> None:
    """Two fives in a pool of mean four are 4.4; nine count as they are; a weight of nought leaves them out."""
    assert say(judge(slot(), trainer(marks=10, marked=2)), "T17") == "4.4 of 5 for this course, evaluations: 2; so few are drawn to the mean of the pool."
    assert say(judge(slot(), trainer(marks=39, marked=9)), "T17") == "4.3 of 5 for this course, evaluations: 9."
    without = {**DEFAULTS, "T17": Setting(Level.POINTS, 0, {})}
    assert judge(slot(), trainer(), without).of("T17") is None


@pytest.mark.parametrize(("prefers", "until", "points"), [("classroom", None, 5), ("online", None, 0), ("", None, 2), ("online", date(2026, 11, 1), 2), ("classroom", date(2026, 11, 23), 5)])
def test_t18_a_preference_counts_while_it_lasts(prefers: str, until: date | None, points: int) -> None:
    """A preference that has run out counts as none."""
    found = judge(slot(), trainer(prefers=prefers, prefers_to=until)).of("T18")

    assert found is not None
    assert found.points == points


# ---- what would have to change ---------------------------------------------------------------------------------------


def test_the_closest_are_named_with_their_smallest_change() -> None:
    """Later by three days, another language, co-trainer, or over the link: three of them, the least change first."""
    people = [
        trainer(trainer_id=ident(50), name="Away", away=(off("leave", -1, 2),)),
        trainer(trainer_id=ident(51), name="English", languages={"en": "C1"}),
        trainer(trainer_id=ident(52), name="Co", accreditations=(Accredited("co", date(2025, 1, 1)),)),
        trainer(trainer_id=ident(53), name="Nothing", accreditations=()),
    ]

    found = rules.closest(slot(), people)

    assert [(one.name, i18n.say(one.message)) for one in found] == [
        ("Away", "Fits when the session begins on 26 Nov 2026, later by days: 3."),
        ("English", "Fits when it is taught in this language: English (C1)."),
        ("Co", "Could be co-trainer: somebody else leads."),
    ]


def test_a_slot_may_be_split() -> None:
    """Somebody who is booked for long at one of four meetings could take the other three."""
    busy = tuple(booked(day) for day in (1, *range(5, 20), *range(-7, 0)))

    found = rules.closest(slot(spans=(span(0), span(1), span(2), span(3))), [trainer(busy=busy)])

    assert [i18n.say(one.message) for one in found] == ["Could take 3 of 4 meetings: split the slot between two."]


@settings(max_examples=25, deadline=None)
@given(of=slots(), pool=st.lists(trainers(), max_size=4, unique_by=lambda one: one.trainer_id))
def test_each_change_really_helps(of: SlotFacts, pool: list[TrainerFacts]) -> None:
    """What is proposed is never a change after which he would still be barred; at most three, each of somebody else."""
    found = rules.closest(of, pool)

    assert len(found) <= 3
    assert len({one.trainer_id for one in found}) == len(found)
    assert all(one.verdict.group != "not-available" for one in found)


@given(gap=st.integers(0, 4), place=st.sampled_from([HOME, NEXT, FAR, ABROAD]))
def test_two_slots_go_together_with_time_to_travel(gap: int, place: object) -> None:
    """The same whichever of the two is asked; overlapping ones never do."""
    one = slot(spans=(span(0),))
    other = slot(spans=(span(gap, place=place),), place=place)  # type: ignore[arg-type]

    days = {HOME.path: 0, NEXT.path: 0, FAR.path: 1, ABROAD.path: 2}[place.path]  # type: ignore[attr-defined]
    assert rules.go_together(one, other) == rules.go_together(other, one) == (gap > days)


def test_a_span_over_midnight_ends_on_the_next_day() -> None:
    """An evening meeting that ends after midnight keeps the next morning from being taught without rest."""
    night = Span(span(0, 12, 6).starts, span(0, 12, 6).ends, date(2026, 11, 23), date(2026, 11, 24), "Asia/Almaty", HOME)

    assert not rules.go_together(slot(spans=(night,)), slot(spans=(span(1),)))
    assert night.ends - night.starts == timedelta(hours=6)
