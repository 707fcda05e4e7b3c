"""Questions with pictures and with ways, through the pages of a test: what is reported, what a page may say, what a step does."""

from __future__ import annotations

import pytest

from app.courses.queries import course_content
from app.questions import shown
from app.quizzes import queries
from tests.factories import make_person
from tests.questions.examples import EXAMPLES
from tests.quizzes.rows import Tab, content, make_attempt, make_enrolment, make_run, question

DIFFERENT = {"features": {"photo": "differs", "type": "differs"}}


def sitting(db, bank, kind="practice"):
    """A trainee with an attempt that asks exactly these questions."""
    whole = content()
    plan = whole.quizzes[2].model_dump(mode="json") | {"kind": kind, "blueprint": [{"outcome": "car", "items": len(bank)}]}
    module = whole.modules[0].model_dump(mode="json") | {"questions": bank}
    person = make_person(db)
    run = make_run(db, content(modules=[module], quizzes=[plan]))
    attempt = make_attempt(db, make_enrolment(db, run, person), "play")
    return person, attempt


@pytest.mark.goal("PLY-13")
def test_a_result_counts_signs_found_false_alarms_and_harmless_pictures(db, client_of):
    """Hotspots and comparisons feed the same report: percent correct alone would hide who sees something everywhere."""
    clear = question("hotspot", "clear", regions=[])
    named = question("hotspot", "named", search="no")
    person, attempt = sitting(db, [question("hotspot", "hide"), clear, named, question("comparison", "papers")])
    for one, response in (("hide", {"cells": ["D3"]}), ("clear", {"cells": ["A1"]}), ("named", {"cells": ["D3"]}), ("papers", DIFFERENT)):
        Tab(db, attempt.id).saves(one, response)
    Tab(db, attempt.id).hands_in()

    details = {one: mark.detail for one, mark in queries.marks_of(db, attempt.id).items()}
    page = client_of(person).get(f"/attempts/{attempt.id}/result").text

    assert details["papers"] == {"hits": 1, "misses": 1, "false_alarms": 1, "harmless": False}
    assert details["named"] is None
    assert "2 of 3 signs found, 2 false alarms, 1 harmless picture" in page


@pytest.mark.parametrize(("kind", "told"), [("practice", True), ("post-test", False), ("exam", False)])
@pytest.mark.goal("PLY-12")
def test_the_picture_in_words_stands_on_the_page_of_a_practice_alone(db, client_of, kind, told):
    """A long description may say where the thing is; the tools to enlarge, invert and draw a grid are there in every test."""
    image = EXAMPLES["hotspot"]["image"] | {"description": {"en": "A plate with screws lies in D3.", "ru": "Пластина в D3.", "prs": "تخته در D3."}}
    person, attempt = sitting(db, [question("hotspot", "hide", image=image)], kind)

    page = client_of(person).get(f"/attempts/{attempt.id}").text

    assert ("A plate with screws lies in D3." in page) is told
    assert 'id="picture-tools"' in page
    assert "Picture at full size" in page


@pytest.mark.goal("PLY-07")
def test_without_script_each_step_of_a_situation_is_saved_and_the_next_one_shown(db, client_of):
    """The button of a step comes back to the same question; what was chosen cannot be changed and the next step is there."""
    person, attempt = sitting(db, [question("scenario", "van"), question("number", "length")])
    client = client_of(person)
    number = attempt.draw.index("van") + 1
    one = course_content(db, attempt.course_version_id).bank["van"]
    order = shown.order_of(one, attempt.seed)
    place = next(
        option["place"] for option in shown.public(one, "en", order)["steps"][0]["options"] if option["text"].startswith("Lead him away")
    )

    answer = client.post(f"/attempts/{attempt.id}/{number}", data={f"q{number}.1": place, "go": "step", "revision": "0"})
    page = client.get(answer.location).text

    assert answer.location.endswith(f"/attempts/{attempt.id}/{number}")
    assert queries.newest_answers(db, attempt.id)["van"].response == {"way": {"rattle": "call"}}
    steps = page.split("data-step=")
    assert "hidden" not in steps[2].split(">")[0]
    assert "hidden" in steps[3].split(">")[0]
    assert steps[1].count(" disabled") == 2
