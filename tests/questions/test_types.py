"""What each question type means, by examples that can be reckoned by hand."""

from __future__ import annotations

import copy
import re
from datetime import date
from typing import Any

import pytest

from app.questions import shown
from app.questions.kind import Detail
from app.questions.types import check_digit, comparison, hotspot
from tests.questions.examples import EXAMPLES, earned, example

# ---- choices -------------------------------------------------------------------------------------------------------


def test_a_single_choice_is_right_or_wrong() -> None:
    question = example("single")

    assert earned(question, {"option": "b"}) == "1"
    assert earned(question, {"option": "a"}) == "0"
    assert earned(question, {"option": "z"}) == "0"


def test_all_or_nothing_wants_exactly_the_right_options() -> None:
    question = example("multiple", scoring="all")

    assert earned(question, {"options": ["c", "b", "a"]}) == "1"
    assert earned(question, {"options": ["a", "b"]}) == "0"
    assert earned(question, {"options": ["a", "b", "c", "d"]}) == "0"


@pytest.mark.parametrize(("options", "mark"), [("abc", "1"), ("ab", "2/3"), ("abcd", "2/3"), ("abcde", "1/3"), ("ad", "0"), ("de", "0")])
def test_in_partial_scoring_a_wrong_option_takes_what_a_right_one_gives(options: str, mark: str) -> None:
    question = example("multiple", scoring="partial")

    assert earned(question, {"options": list(options)}) == mark


# ---- number --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("typed", [
    "0.63", "0,63", " 0,63 ", ".63", "0.630", "+0.63", "0,63 m", "0,63м", "٠٫٦٣", "۰٫۶۳", "۰٫۶۳ متر", "\u200f۰٫۶۳\u200f", "0.62", "0,64",
])
def test_a_number_counts_however_it_is_typed(typed: str) -> None:
    assert earned(example("number"), {"value": typed}) == "1"


@pytest.mark.parametrize("typed", ["0.61", "0,6401", "-0.63", "63", "6.3e-1", "0..63", "0,63,0", "nan", "inf", "½", "sixty", "0x1", "1/2", "²"])
def test_what_is_another_number_or_none_earns_nothing_but_is_an_answer(typed: str) -> None:
    question = example("number")

    assert earned(question, {"value": typed}) == "0"
    assert question.kind.answered(question.content, {"value": typed})


@pytest.mark.parametrize("typed", ["-12030.5", "\u221212 030,5", "\u221212\u00a0030,5", "\u201312\u202f030.5", "-12'030.5"])
def test_minus_signs_and_spaces_of_every_kind_are_understood(typed: str) -> None:
    question = example("number", value="-12030.5", tolerance="0")

    assert earned(question, {"value": typed}) == "1"


def test_millimetres_are_not_taken_for_metres_because_they_end_in_the_same_letter() -> None:
    question = example("number", value="5", tolerance="0", unit={"en": "m", "ru": "m", "prs": "m"})

    assert earned(question, {"value": "5 m"}) == "1"
    assert earned(question, {"value": "5 mm"}) == "0"


def test_the_edge_of_the_tolerance_is_reckoned_exactly() -> None:
    question = example("number", value="0.3", tolerance="0.1")  # in binary fractions 0.3 - 0.2 is less than 0.1, and 0.4 - 0.3 more

    assert [earned(question, {"value": typed}) for typed in ("0.2", "0.4", "0.1999999", "0.4000001")] == ["1", "1", "0", "0"]


# ---- matching ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("pairs", "mark"), [
    ({"a": "a", "b": "b", "c": "c"}, "1"),
    ({"a": "a", "b": "c", "c": "b"}, "1/3"),
    ({"a": "a", "b": "b", "c": "x"}, "2/3"),
    ({"a": "a"}, "1/3"),
    ({"a": "a", "b": "a", "c": "a"}, "1/3"),
    ({"x": "x"}, "0"),
])
def test_matching_is_marked_row_by_row(pairs: dict[str, str], mark: str) -> None:
    assert earned(example("matching"), {"pairs": pairs}) == mark


def test_partners_never_stand_in_the_order_of_their_rows() -> None:
    question = example("matching")

    orders = [[one for one in shown.order_of(question, str(seed)) if one != "x"] for seed in range(60)]

    assert ["a", "b", "c"] not in orders


# ---- ordering ------------------------------------------------------------------------------------------------------

STEPS = ("select", "watch", "papers", "ask", "search")


def _placed(*places: Any) -> dict[str, Any]:
    return {"order": {one: place for one, place in zip(STEPS, places, strict=True) if place}}


@pytest.mark.parametrize(("places", "exact", "run"), [
    ((1, 2, 3, 4, 5), "1", "1"),
    ((5, 1, 2, 3, 4), "0", "4/5"),  # the last four follow each other
    ((2, 1, 3, 4, 5), "0", "3/5"),
    ((2, 1, 4, 3, 5), "0", "0"),  # no step follows its predecessor
    ((5, 4, 3, 2, 1), "0", "0"),
    ((1, 2, 3, None, None), "0", "3/5"),
    ((1, 2, None, 4, 5), "0", "2/5"),  # the missing step parts two runs
    ((1, 3, 5, 7, 9), "1", "1"),  # gaps are closed: what counts is the order
    ((1, 1, 2, 3, 4), "0", "3/5"),  # of two first steps neither is the first
    ((1, 1, 1, 1, 1), "0", "0"),
    (("1", " 2", "٣", "۴", "5"), "1", "1"),
    (("1", "2", "0", "-4", "x"), "0", "2/5"),
])
def test_an_order_is_marked_by_what_follows_what(places: tuple[Any, ...], exact: str, run: str) -> None:
    assert earned(example("ordering", scoring="exact"), _placed(*places)) == exact
    assert earned(example("ordering", scoring="run"), _placed(*places)) == run


def test_steps_are_never_shown_in_the_right_order() -> None:
    question = example("ordering")

    assert list(STEPS) not in [shown.order_of(question, str(seed)) for seed in range(500)]


# ---- hotspot -------------------------------------------------------------------------------------------------------

TWO = [
    {"id": "plate", "name": {"en": "new plate"}, "cells": ["D3", "E3"]},
    {"id": "tank", "name": {"en": "second tank"}, "cells": ["B1"]},
]


def test_one_mark_is_right_anywhere_in_a_region() -> None:
    question = example("hotspot")

    assert earned(question, {"cells": ["D3"]}) == "1"
    assert earned(question, {"cells": ["E3"]}) == "1"
    assert earned(question, {"cells": ["C3"]}) == "0"
    assert earned(question, {"nothing": True}) == "0"


def test_with_one_mark_only_one_cell_is_kept_so_marking_all_finds_nothing() -> None:
    question = example("hotspot")

    assert question.kind.clean(question.content, {"cells": hotspot.CELLS}) == {"cells": ["A1"]}


@pytest.mark.parametrize(("cells", "mark", "detail"), [
    (["D3", "B1"], "1", (2, 0, 0)),
    (["D3", "E3", "B1"], "1", (2, 0, 0)),  # two cells of one region are one hit
    (["D3"], "1/2", (1, 1, 0)),
    (["D3", "A1"], "0", (1, 1, 1)),
    (["D3", "B1", "A1"], "1/2", (2, 0, 1)),
    (hotspot.CELLS, "0", (2, 0, 15)),
    ([], "0", (0, 2, 0)),
])
def test_with_several_marks_false_alarms_cost_hits(cells: list[str], mark: str, detail: tuple[int, int, int]) -> None:
    """Image questions report hits and false alarms, never a percentage alone."""
    question = example("hotspot", marks="several", regions=TWO)

    found = hotspot.counts(question.content, {"cells": cells})

    assert earned(question, {"cells": cells}) == mark
    assert (found.hits, found.misses, found.false_alarms) == detail


@pytest.mark.parametrize("regions", [None, []])
@pytest.mark.parametrize("marks", ["one", "several"])
def test_in_a_harmless_picture_nothing_suspicious_is_right_and_any_mark_a_false_alarm(regions: Any, marks: str) -> None:
    question = example("hotspot", marks=marks, regions=regions)

    assert earned(question, {"nothing": True}) == "1"
    assert earned(question, {"cells": ["A1"]}) == "0"
    assert hotspot.detail(question.content, {"cells": ["A1"]}) == Detail(hits=0, misses=0, false_alarms=1, harmless=True)


def test_a_mark_outweighs_nothing_suspicious_when_a_form_sends_both() -> None:
    question = example("hotspot", marks="several", regions=TWO)

    response = shown.read(question, [], [("q.cell", "none"), ("q.cell", "B1"), ("q.cell", "Z9")], "q")

    assert response == {"cells": ["B1"]}


# ---- true or false -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("right", "given", "mark"), [("yes", "yes", "1"), ("yes", "no", "0"), ("no", "no", "1"), ("no", True, "0"), ("no", "2", "0")])
def test_a_statement_is_judged_true_or_false(right: str, given: Any, mark: str) -> None:
    assert earned(example("true-false", right=right), {"true": given}) == mark


def test_true_is_the_first_row_and_false_the_second() -> None:
    question = example("true-false")

    assert [shown.read(question, [], [("q.true", place)], "q") for place in ("1", "2", "3", "yes")] == [{"true": "yes"}, {"true": "no"}, {}, {}]


# ---- short text ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("typed", ["UTOU", "utou", "UTOU1234", "utou-123 4", "UТОU 123–4", "UTOU ۱۲۳۴"])
def test_a_code_counts_however_it_is_typed(typed: str) -> None:
    assert earned(example("short-text"), {"text": typed}) == "1"


@pytest.mark.parametrize("typed", ["UTO", "UTOV", "UTOU1235", "—", "<>"])
def test_another_code_earns_nothing_but_is_an_answer(typed: str) -> None:
    question = example("short-text")

    assert earned(question, {"text": typed}) == "0"
    assert question.kind.answered(question.content, {"text": typed})


def test_an_allowed_answer_counts_in_whatever_language_it_is_typed() -> None:
    question = example("short-text", accepted=[{"id": "a", "text": {"en": "seal", "kk": "пломба", "prs": "مهر"}}], fold="words")

    assert [earned(question, {"text": typed}) for typed in ("Seal", "ПЛОМБА", "مهر", "печать")] == ["1", "1", "1", "0"]


# ---- cloze ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("gaps", "mark"), [
    ({"start": "a", "way": "a", "end": "the point"}, "2/3"),
    ({"start": "a", "way": "a", "end": "Point!"}, "1"),
    ({"start": "a", "way": "a", "end": "месте"}, "1"),
    ({"start": "b", "end": "place"}, "1/3"),
    ({"start": "z", "way": ["a"], "other": "a"}, "0"),
])
def test_a_passage_is_marked_gap_by_gap(gaps: dict[str, Any], mark: str) -> None:
    assert earned(example("cloze"), {"gaps": gaps}) == mark


def test_a_gap_has_the_same_number_in_every_language_wherever_its_words_put_it() -> None:
    question = example("cloze")
    order = shown.order_of(question, "seed")

    numbers = {tag: [piece["gap"] for piece in shown.public(question, tag, order)["pieces"] if isinstance(piece, dict)] for tag in ("en", "ru")}

    assert numbers == {"en": ["1", "2", "3"], "ru": ["2", "1", "3"]}


def test_a_full_stop_behind_a_gap_stays_with_it() -> None:
    pieces = shown.public(example("cloze"), "en", shown.order_of(example("cloze"), "seed"))["pieces"]

    assert [piece if isinstance(piece, str) else (piece["gap"], piece["after"]) for piece in pieces] == [
        "Begin at the ", ("1", ""), " and go round the vehicle ", ("2", "."), " The search ends at the same ", ("3", "."), "",
    ]


def test_the_options_of_a_gap_stand_in_another_order_for_another_attempt() -> None:
    question = example("cloze")

    orders = {
        tuple(one["text"] for one in shown.public(question, "en", shown.order_of(question, str(seed)))["gaps"][0]["options"]) for seed in range(40)
    }

    assert len(orders) == 6


# ---- fill table ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("cells", "mark"), [
    ({"forty.less": "0,63", "forty.do": "b2", "twenty.less": "0"}, "1"),
    ({"forty.less": "۰٫۶۴", "forty.do": "В-2", "twenty.less": "0.00"}, "1"),
    ({"forty.less": "0.65", "forty.do": "B-2"}, "1/3"),
    ({"forty.should": "12.03", "twenty.do": "none", "forty.less": "none"}, "0"),
])
def test_a_table_is_marked_cell_by_cell_of_those_to_fill(cells: dict[str, str], mark: str) -> None:
    assert earned(example("fill-table"), {"cells": cells}) == mark


# ---- check digit ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "digit"), [("L898902C3", 6), ("740812", 2), ("120415", 9), ("ZE184226B<<<<<", 1), ("L898902C3674081221204159ZE184226B<<<<<1", 0)])
def test_check_digits_are_those_that_icao_publishes(value: str, digit: int) -> None:
    """The specimens of Doc 9303 part 4, the composite of the same passport included."""
    assert check_digit.check_digit(value) == digit


def test_the_composite_covers_three_stretches_of_the_lower_line() -> None:
    line = "L898902C36UTO7408122F1204159ZE184226B<<<<<1"
    question = example("check-digit", field="composite", steps="no")

    assert check_digit.value_in(question.content, [line]) == "L898902C3674081221204159ZE184226B<<<<<1"
    assert question.kind.right_answer(question.content, [line]) == {"digit": "0"}


def test_each_attempt_gets_a_passport_of_the_imaginary_state_whose_other_digits_are_right() -> None:
    question = example("check-digit", field="composite")

    lines = [shown.order_of(question, str(seed))[0] for seed in range(200)]

    assert len(set(lines)) == 200
    for line in lines:
        assert re.fullmatch(r"[A-Z]\d{6}[A-Z]\d{2}UTO\d{7}[FM]\d{7}[A-Z]{2}\d{6}[A-Z]<{5}\d", line), line
        assert [check_digit.check_digit(line[a:b]) for a, b in ((0, 9), (13, 19), (21, 27), (28, 42))] == [int(line[at]) for at in (9, 19, 27, 42)]
        assert date.fromisoformat(f"19{line[13:15]}-{line[15:17]}-{line[17:19]}") < date.fromisoformat(f"20{line[21:23]}-{line[23:25]}-{line[25:27]}")


def test_the_value_of_a_seed_is_the_same_in_every_release() -> None:
    """A class server and its centre, and a mark looked at years later, need the same value."""
    assert check_digit.shuffled(example("check-digit").content, "attempt:question") == ["H059488D80UTO6908108F3105249GX981826S<<<<<7"]


SPECIMEN = ["L898902C36UTO7408122F1204159ZE184226B<<<<<1"]
REST = {"1": "147", "2": "24", "3": "9", "4": "56", "5": "27", "6": "0", "7": "14", "8": "36", "9": "3"}


@pytest.mark.parametrize(("response", "mark"), [
    ({"digit": "6", "steps": REST | {"sum": "316", "remainder": "6"}}, "1"),
    ({"digit": "6"}, "1/2"),
    ({"steps": REST | {"sum": "316", "remainder": "6"}}, "1/2"),
    ({"digit": "۶", "steps": {"1": "147", "2": "024", "sum": "317"}}, "13/22"),
    ({"digit": "5", "value": "120416", "order": ["120416"], "steps": {"40": "0", "10": "0"}}, "0"),
    ({"digit": "-6", "steps": {"6": "", "1": "147.0"}}, "0"),
])
def test_half_of_the_mark_is_for_the_digit_and_half_for_the_steps(response: dict[str, Any], mark: str) -> None:
    question = example("check-digit")

    assert str(question.kind.mark(question.content, SPECIMEN, response)) == mark


def test_without_steps_the_digit_alone_counts() -> None:
    question = example("check-digit", steps="no")

    assert str(question.kind.mark(question.content, SPECIMEN, {"digit": "6"})) == "1"
    assert question.kind.clean(question.content, {"digit": "6", "steps": REST}) == {"digit": "6"}


def test_where_the_text_names_what_is_there_nobody_searches_and_nothing_is_no_choice() -> None:
    question = example("hotspot", search="no")

    assert question.harmless is None
    assert not shown.public(question, "en", [])["search"]
    assert earned(question, {"cells": ["D3"]}) == "1"


# ---- comparison ----------------------------------------------------------------------------------------------------

DIFFERENT, SAME = "differs", "same"


@pytest.mark.parametrize(("judged", "mark", "detail"), [
    ({"photo": DIFFERENT, "type": SAME, "stamp": DIFFERENT, "number": SAME}, "1", (2, 0, 0)),
    ({"photo": DIFFERENT, "stamp": DIFFERENT}, "1", (2, 0, 0)),  # what is not judged costs nothing
    ({"photo": DIFFERENT, "stamp": SAME}, "1/2", (1, 1, 0)),
    ({"photo": DIFFERENT, "type": DIFFERENT, "stamp": DIFFERENT}, "1/2", (2, 0, 1)),
    ({"photo": DIFFERENT, "type": DIFFERENT, "stamp": DIFFERENT, "number": DIFFERENT}, "0", (2, 0, 2)),
    ({"type": DIFFERENT}, "0", (0, 2, 1)),
    ({"photo": SAME, "type": SAME, "stamp": SAME, "number": SAME}, "0", (0, 2, 0)),
    ({}, "0", (0, 2, 0)),
])
@pytest.mark.goal("PLY-13")
def test_a_false_alarm_in_a_comparison_costs_what_a_found_difference_gives(judged: dict[str, str], mark: str, detail: tuple[int, int, int]) -> None:
    """Whoever calls everything different finds everything and earns nothing."""
    question = example("comparison")

    found = comparison.detail(question.content, {"features": judged})

    assert earned(question, {"features": judged}) == mark
    assert (found.hits, found.misses, found.false_alarms, found.harmless) == (*detail, False)


def test_documents_that_do_not_differ_want_every_feature_judged_and_no_alarm() -> None:
    features = [{key: value for key, value in one.items() if key != "differs"} for one in EXAMPLES["comparison"]["features"]]
    question = example("comparison", features=features)
    all_same = {one["id"]: SAME for one in features}

    assert question.harmless
    assert earned(question, {"features": all_same}) == "1"
    assert earned(question, {"features": all_same | {"type": DIFFERENT}}) == "0"
    assert earned(question, {"features": {"photo": SAME}}) == "0"


def test_a_question_names_all_its_pictures() -> None:
    assert {key: one.file for key, one in example("comparison").images.items()} == {"genuine": "genuine.svg", "questioned": "questioned.svg"}
    assert list(example("hotspot").images) == ["image"]
    assert example("number").images == {}


@pytest.mark.goal("PLY-12")
def test_a_picture_in_words_is_shown_in_practice_and_after_release_alone() -> None:
    """A long description may say where the thing is: no page of a test has it."""
    image = EXAMPLES["hotspot"]["image"] | {"description": {"en": "A plate with screws lies in D3.", "prs": "تخته در D3 است."}}
    question = example("hotspot", image=image)

    assert "D3." not in str(shown.public(question, "en", []))
    assert shown.public(question, "en", [], described=True)["image"]["description"] == "A plate with screws lies in D3."
    assert shown.review(question, "en", [])["image"]["description"] == "A plate with screws lies in D3."


# ---- scenario ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("way", "mark"), [
    ({"rattle": "call", "floor": "photo", "find": "stop"}, "1"),
    ({"rattle": "ask", "floor": "photo", "find": "stop"}, "4/5"),
    ({"rattle": "call", "floor": "wait"}, "2/5"),
    ({"rattle": "call"}, "2/5"),  # stopped early: what was done counts
    ({"rattle": "open"}, "0"),
    ({"rattle": "call", "floor": "photo", "find": "drill"}, "0"),  # critical, though it has points
    ({"rattle": "call", "find": "stop"}, "2/5"),  # a step that was never reached
    ({"find": "stop"}, "0"),
    ({"rattle": "call", "floor": "nonsense"}, "2/5"),
])
def test_a_way_earns_its_points_and_a_critical_choice_fails_it(way: dict[str, str], mark: str) -> None:
    assert earned(example("scenario"), {"way": way}) == mark


def test_only_the_way_from_the_start_is_kept() -> None:
    question = example("scenario")

    assert question.kind.clean(question.content, {"way": {"rattle": "call", "find": "stop", "x": "y"}}) == {"way": {"rattle": "call"}}


def test_a_scenario_begins_at_paragraph_one_and_the_others_stand_anyhow() -> None:
    """On paper neither the numbers of the steps nor those of what happens then tell the way."""
    question = example("scenario")
    orders = [[one for one in shown.order_of(question, str(seed)) if "/" not in one or one.endswith("/reply")] for seed in range(40)]

    assert {order[0] for order in orders} == {"rattle"}
    assert len({tuple(order) for order in orders}) > 3


def test_points_and_what_is_critical_never_reach_the_page() -> None:
    question = example("scenario")

    page = str(shown.public(question, "en", shown.order_of(question, "seed"), {"way": {"rattle": "call"}}))

    assert "points" not in page
    assert "critical" not in page


@pytest.mark.parametrize(("changes", "reason"), [
    ({"start": "nowhere"}, "there is no step «nowhere»"),
    ({("floor", "photo"): {"next": "rattle"}}, "a way leads back to the step"),
    ({("floor", "photo"): {"next": "nowhere"}}, "the step «floor» leads to «nowhere», which is not there"),
    ({("floor", "photo"): {"next": None}}, "no way leads to the step «find»"),
    ({("floor", "photo"): {"critical": "yes"}, ("floor", "wait"): {"critical": "yes"}}, "no way to an end earns a point"),
])
def test_a_scenario_that_leads_nowhere_is_refused_with_the_step(changes: dict[Any, Any], reason: str) -> None:
    written = copy.deepcopy(EXAMPLES["scenario"])
    for where, change in changes.items():
        if isinstance(where, str):
            written[where] = change
            continue
        step = next(one for one in written["steps"] if one["id"] == where[0])
        option = next(one for one in step["options"] if one["id"] == where[1])
        option |= {key: value for key, value in change.items() if value}
        for key in [key for key, value in change.items() if value is None]:
            del option[key]

    with pytest.raises(ValueError, match=re.escape(reason)):
        example("scenario", **written)


# ---- map point -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("response", "mark"), [
    ({"place": "rear"}, "1"),
    ({"place": "cab"}, "0"),
    ({"x": "90.5", "y": "50"}, "1"),
    ({"x": "85.5", "y": "50"}, "1"),  # five percent of the width: the edge belongs to the band
    ({"x": "85.4", "y": "50"}, "1/2"),
    ({"x": "90.5", "y": "60"}, "1"),  # ten percent of the height are five of the width
    ({"x": "90.5", "y": "80"}, "1/2"),
    ({"x": "90.5", "y": "80.1"}, "0"),
    ({"x": "10", "y": "50"}, "0"),
    ({"x": "90.5"}, "0"),
    ({"x": "190", "y": "50"}, "0"),
    ({"x": "nan", "y": "50"}, "0"),
    ({"place": "cab", "x": "90.5", "y": "50"}, "0"),  # a name outweighs a point
])
def test_a_named_place_is_right_or_wrong_and_a_point_counts_by_its_distance(response: dict[str, str], mark: str) -> None:
    assert earned(example("map-point"), response) == mark


@pytest.mark.parametrize(("changes", "reason"), [
    ({"right": "nowhere"}, "there is no place «nowhere»"),
    ({"bands": [{"within": "5", "points": "1"}, {"within": "4", "points": "0.5"}]}, "each band must reach farther"),
    ({"bands": [{"within": "5", "points": "0.5"}, {"within": "15", "points": "0.5"}]}, "and be worth less"),
    ({"bands": [{"within": "5", "points": "2"}]}, "«2» is no share of a point"),
    ({"image": None}, "a map-point needs its «image»"),
])
def test_a_map_that_cannot_be_marked_is_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)):
        example("map-point", **changes)
