"""The pages of a test, without script and as the script asks."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app import clock, http
from app.courses.queries import course_content
from app.errors import Busy
from app.ids import new_id
from app.people.models import Preference
from app.questions import shown
from app.quizzes import queries
from app.quizzes.models import Attempt
from tests.factories import make_person
from tests.questions.strategies import form_of
from tests.quizzes.rows import Hands, Tab, make_attempt, make_enrolment, make_run


@pytest.fixture
def trainee(db):
    """A trainee in an open run."""
    person = make_person(db)
    person.enrolment = make_enrolment(db, make_run(db), person)  # type: ignore[attr-defined]
    return person


def begun(db, trainee, quiz="play") -> Attempt:
    """An attempt of his."""
    return make_attempt(db, trainee.enrolment, quiz)


def opened(client: FlaskClient, attempt: Attempt) -> dict[str, Any]:
    """What a tab gets when it begins to write."""
    answer = client.post(f"/attempts/{attempt.id}/open", json={})
    assert answer.status_code == 200
    return answer.json


def save(client: FlaskClient, attempt: Attempt, number: int, fields: list[list[str]], writer: str, **changes: Any):
    """An autosave."""
    body = {"writer": writer, "key": new_id().hex, "revision": 1, "fields": fields, "sure": None} | changes
    return client.post(f"/attempts/{attempt.id}/answers/{number}", json=body)


def place_of(attempt: Attempt, db, question: str, option: str) -> str:
    """At which place an attempt shows an option."""
    one = course_content(db, attempt.course_version_id).bank[question]
    return str(shown.order_of(one, attempt.seed).index(option) + 1)


def right_fields(db, attempt: Attempt, number: int) -> list[tuple[str, str]]:
    """What a browser sends for the right answer to a question."""
    one = course_content(db, attempt.course_version_id).bank[attempt.draw[number - 1]]
    order, name = shown.order_of(one, attempt.seed), f"q{number}"
    right = one.kind.right_answer(one.content, order)
    return form_of(shown.public(one, attempt.language, order, right), name)


# ---- before the test -------------------------------------------------------------------------------------------------


def test_the_start_page_says_what_the_test_is_and_has_one_main_button(db, client_of, trainee):
    page = client_of(trainee).get(f"/learn/{trainee.enrolment.id}/tests/post").text

    assert page.count("btn-main") == 1
    for text in ("Final test: vehicle search", "25 min", "2 of 2 left", "Begin the test", "80", "without an invigilator"):
        assert text in page


def test_beginning_leads_into_the_attempt_and_beginning_again_into_the_same(db, client_of, trainee):
    client, address = client_of(trainee), f"/learn/{trainee.enrolment.id}/tests/post"

    first, second = (client.post(address, data={"language": "ru"}) for _ in range(2))

    assert first.status_code == second.status_code == 303
    assert first.location == second.location
    assert [one.language for one in queries.attempts_of(db, trainee.enrolment.id)] == ["ru"]


@pytest.mark.goal("SEC-11")
def test_no_test_begins_on_a_node_that_cannot_be_trusted(app, db, client_of, trainee):
    """Exam mode is refused with the reason when the self-check fails."""
    client = client_of(trainee)
    app.config["DEBUG"] = True

    answer = client.post(f"/learn/{trainee.enrolment.id}/tests/post")

    assert answer.status_code == 409
    assert "the server runs with debugging on" in answer.text
    assert queries.attempts_of(db, trainee.enrolment.id) == []


def test_a_used_up_test_says_so_instead_of_offering_a_button(db, client_of, trainee):
    attempt = begun(db, trainee, "pre")
    Tab(db, attempt.id).hands_in()

    page = client_of(trainee).get(f"/learn/{trainee.enrolment.id}/tests/pre").text

    assert "All attempts at this test are used. Your trainer can grant one more." in page
    assert "btn-main" not in page


# ---- what the page may know ------------------------------------------------------------------------------------------

SECRET_WORDS = ("right", "weight", "correct", "tolerance", "feedback", "regions", "accepted")
NO_SECRETS = ("Move right", "value × weight")  # what a button does, what a column of the 7-3-1 table is called


@pytest.mark.goal("SEC-02")
def test_the_attempt_holds_nothing_that_gives_an_answer_away(db, client_of, trainee):
    """The page of a running test has no key, no weight, no explanation, and options only by their place for this person."""
    attempt = begun(db, trainee, "every")
    bank = course_content(db, attempt.course_version_id).bank
    client = client_of(trainee)

    page = client.get(f"/attempts/{attempt.id}").text
    says = opened(client, attempt)

    hints = re.findall(r'<p class="hint"[^>]*>\s*(.*?)\s*</p>', page, re.S)
    rest = page
    for hint in (*hints, *NO_SECRETS):
        rest = rest.replace(hint, "")
    assert [word for word in SECRET_WORDS if re.search(rf"\b{word}\b", rest)] == []
    assert says.keys() == {"writer", "remaining", "revisions", "clock", "saved"}
    for one in attempt.draw:
        assert bank[one].source not in page
        for text in (bank[one].feedback or {}).values():
            assert text not in page
    assert "new plate with screws" not in page  # the name of what is to be found in the picture
    assert [word for word in ("UTOU", "B-2", "0.63") if re.search(rf"\b{word}\b", page)] == []  # what is to be typed
    assert 'value="a"' not in page  # an id of the content


@pytest.mark.goal("SEC-02")
def test_changed_ids_lead_nowhere(db, client_of, trainee):
    """Another person's attempt, a question that was not drawn, an unknown field: 404 or 422, and nothing is stored."""
    mine, theirs = begun(db, trainee), make_attempt(db)
    client = client_of(trainee)
    writer = opened(client, mine)["writer"]

    refused = [
        client.get(f"/attempts/{theirs.id}"),
        client.get(f"/attempts/{theirs.id}/result"),
        client.post(f"/attempts/{theirs.id}/open", json={}),
        save(client, theirs, 1, [["q1.option", "1"]], "the-first-tab"),
        client.post(f"/attempts/{theirs.id}/hand-in"),
        client.post(f"/attempts/{theirs.id}/1", data={"q1.option": "1"}),
        client.get(f"/learn/{theirs.enrolment_id}/tests/post"),
        client.post(f"/learn/{theirs.enrolment_id}/tests/post"),
        client.get(f"/attempts/{mine.id}/13"),
        save(client, mine, 13, [], writer),
        save(client, mine, 1, [], writer, score=1_000_000),
        save(client, mine, 1, [], writer, attempt_id=str(theirs.id)),
        save(client, mine, 1, [], writer, remaining=10**9),
    ]

    assert [answer.status_code for answer in refused] == [404] * 10 + [422] * 3
    assert (queries.newest_answers(db, mine.id), queries.newest_answers(db, theirs.id)) == ({}, {})


def test_two_people_see_their_own_order(db, client_of, trainee):
    other = make_enrolment(db, make_run(db), make_person(db))
    orders = {tuple(begun(db, trainee).draw), tuple(make_attempt(db, other, "play").draw)}

    assert len(orders) == 2


def test_a_result_of_a_test_shows_no_right_answers_and_that_of_a_practice_does(db, client_of, trainee):
    test, practice = begun(db, trainee, "post"), begun(db, trainee, "play")
    for attempt in (test, practice):
        Tab(db, attempt.id).hands_in()
    client = client_of(trainee)

    test_page, practice_page = (client.get(f"/attempts/{one.id}/result").text for one in (test, practice))

    assert "right answer" not in test_page
    assert "right answer" in practice_page


# ---- autosave --------------------------------------------------------------------------------------------------------


@pytest.mark.goal("PLY-02")
def test_a_save_is_answered_with_the_time_at_which_it_was_stored(db, client_of, trainee):
    """Saved means that the server answered after the commit; the answer names the time by the server's clock."""
    attempt = begun(db, trainee)
    number = attempt.draw.index("single-1") + 1
    client = client_of(trainee)
    writer = opened(client, attempt)["writer"]

    answer = save(client, attempt, number, [[f"q{number}.option", place_of(attempt, db, "single-1", "b")]], writer, sure="fairly")

    given = queries.newest_answers(db, attempt.id)["single-1"]
    assert (given.response, given.sure, given.revision) == ({"option": "b"}, "fairly", 1)
    assert re.fullmatch(r"\d\d:\d\d:\d\d", answer.json["saved"])


def test_every_type_of_question_is_saved_as_the_page_sends_it(db, client_of, trainee):
    attempt = begun(db, trainee, "every")
    client = client_of(trainee)
    writer = opened(client, attempt)["writer"]

    for number in range(1, len(attempt.draw) + 1):
        assert save(client, attempt, number, right_fields(db, attempt, number), writer).status_code == 200
    client.post(f"/attempts/{attempt.id}/hand-in", data={"writer": writer})

    db.expire_all()
    assert queries.attempts_of(db, trainee.enrolment.id)[0].score == 1_000_000


@pytest.mark.goal("DUR-06")
def test_a_stale_tab_is_told_what_happened(db, client_of, trainee):
    """The tab that lost the attempt to another one gets 409 with the reason."""
    attempt = begun(db, trainee)
    client = client_of(trainee)
    first, second = opened(client, attempt)["writer"], opened(client, attempt)["writer"]

    stale = save(client, attempt, 1, [], first)

    assert (stale.status_code, stale.json["kind"]) == (409, "StaleTab")
    assert save(client, attempt, 1, [], second).status_code == 200


def test_a_browser_signed_out_in_the_middle_gets_401(db, client, client_of, trainee):
    attempt = begun(db, trainee)
    client_of(trainee)

    assert save(client, attempt, 1, [], "w").status_code == 401


def test_the_key_for_waiting_answers_is_one_for_the_attempt_and_another_for_the_next(db, client_of, trainee):
    first, second = begun(db, trainee), begun(db, trainee, "post")
    client = client_of(trainee)

    keys = [re.findall('data-key="(.+?)"', client.get(f"/attempts/{attempt.id}/1").text) for attempt in (first, first, second)]

    assert [len(found) for found in keys] == [1, 1, 1]
    assert keys[0] == keys[1] != keys[2]


def test_junk_instead_of_json_is_refused(db, client_of, trainee):
    attempt = begun(db, trainee)
    client = client_of(trainee)

    for body in (b"", b"[]", b"{", json.dumps({"writer": "w"}).encode(), b"x" * 20_000):
        answer = client.post(f"/attempts/{attempt.id}/answers/1", data=body, content_type="application/json")
        assert answer.status_code == 422


@pytest.mark.goal("PRF-02")
def test_a_save_costs_three_statements_beyond_the_sign_in(db, client_of, trainee, counted):
    """Whose attempt it is, what state it is in, the answer: nothing else is asked of the database."""
    attempt = begun(db, trainee)
    client = client_of(trainee)
    writer = opened(client, attempt)["writer"]
    save(client, attempt, 1, [], writer)

    with counted() as statements:
        save(client, attempt, 2, [], writer)

    assert len(statements) == 1 + 3


def test_a_save_has_its_turn_to_write_before_it_reads_and_says_so_in_the_language_of_its_person(db, client_of, trainee, counted, monkeypatch):
    """While somebody else writes it reads nothing but who asks, to be told in his language that the server is busy."""

    def held_too_long(_db: Session) -> None:
        raise Busy()

    attempt = begun(db, trainee)
    db.add(Preference(person_id=trainee.id, language="ru"))
    client = client_of(trainee)
    db.commit()
    monkeypatch.setattr(http, "take_write_lock", held_too_long)
    db.refresh(attempt)

    with counted() as statements:
        refused = save(client, attempt, 1, [], "w")

    assert (refused.status_code, refused.json["kind"]) == (503, "Busy")
    assert refused.json["error"].startswith("Сервер занят")
    assert len(statements) == 1


# ---- without script --------------------------------------------------------------------------------------------------


@pytest.mark.goal("PLY-07")
def test_a_test_with_every_type_is_taken_by_ordinary_forms(db, client_of, trainee):
    """Without script each question is saved on Next, the summary names what is empty, and handing in gives the receipt."""
    attempt = begun(db, trainee, "every")
    client, count = client_of(trainee), len(attempt.draw)

    page = client.get(f"/attempts/{attempt.id}/1")
    for number in range(1, count):
        form = [*right_fields(db, attempt, number), ("revision", "0"), ("go", "next"), (f"sure{number}", "sure")]
        page = client.post(f"/attempts/{attempt.id}/{number}", data=_form(form), follow_redirects=True)
        assert f"Question {number + 1} of {count}" in page.text
    summary = client.post(f"/attempts/{attempt.id}/{count}", data={"revision": "0", "go": "summary"}, follow_redirects=True)
    result = client.post(f"/attempts/{attempt.id}/hand-in", follow_redirects=True)

    assert f"{count - 1} of {count}" in summary.text
    assert f'href="/attempts/{attempt.id}/{count}"' in summary.text
    assert str(round(100 * (count - 1) / count)) in re.search(r'class="fig">(.*?)<', result.text)[1]
    assert re.search(r'class="receipt">[0-9A-Z]{4}-[0-9A-Z]{4}<', result.text)


def _form(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    form: dict[str, list[str]] = {}
    for name, value in pairs:
        form.setdefault(name, []).append(value)
    return form


def test_a_form_sent_twice_is_stored_once(db, client_of, trainee):
    attempt = begun(db, trainee)
    number = attempt.draw.index("number-1") + 1
    client = client_of(trainee)

    for _ in range(2):
        answer = client.post(f"/attempts/{attempt.id}/{number}", data={f"q{number}.value": "0.63", "revision": "0"})

    assert answer.status_code == 303
    assert queries.newest_answers(db, attempt.id)["number-1"].revision == 1


def test_an_old_page_never_replaces_a_newer_answer(db, client_of, trainee):
    attempt = begun(db, trainee)
    number = attempt.draw.index("number-1") + 1
    client = client_of(trainee)
    client.post(f"/attempts/{attempt.id}/{number}", data={f"q{number}.value": "0.63", "revision": "0"})

    answer = client.post(f"/attempts/{attempt.id}/{number}", data={f"q{number}.value": "9", "revision": "0"})

    assert answer.status_code == 409
    assert queries.newest_answers(db, attempt.id)["number-1"].response == {"value": "0.63"}


def test_flag_and_previous_are_buttons_of_the_form(db, client_of, trainee):
    attempt = begun(db, trainee)
    client = client_of(trainee)

    flagged = client.post(f"/attempts/{attempt.id}/2", data={"go": "flag"}, follow_redirects=True)
    before = client.post(f"/attempts/{attempt.id}/2", data={"go": "previous"})

    assert 'aria-pressed="true"' in flagged.text
    assert before.location == f"/attempts/{attempt.id}/1"


@pytest.mark.goal("PLY-04")
def test_at_another_pc_the_same_question_is_shown_with_what_was_saved(db, client_of, trainee):
    """After signing in elsewhere the test goes on at its question, with its answers and the server's time."""
    attempt = begun(db, trainee)
    number = attempt.draw.index("number-2") + 1
    first, second = client_of(trainee), client_of(trainee)
    writer = opened(first, attempt)["writer"]
    save(first, attempt, number, [[f"q{number}.value", "12.5"]], writer)
    first.post(f"/attempts/{attempt.id}/beat", json={"writer": writer, "at": number, "seen": [1, number], "flagged": []})

    page = second.get(f"/attempts/{attempt.id}").text

    shown_form = re.search(rf'<form class="panel" id="q{number}"[^>]*>', page)[0]
    assert " hidden" not in shown_form
    assert 'value="12.5"' in page


@pytest.mark.goal("PLY-09")
def test_the_summary_names_questions_without_an_answer_and_links_to_them(db, client_of, trainee):
    """Before handing in, unanswered and flagged questions are named with links."""
    attempt = begun(db, trainee, "post")
    Tab(db, attempt.id).saves(attempt.draw[0], {"option": "a"})
    Tab(db, attempt.id).beats(at=attempt.draw[1], flagged=[attempt.draw[1]])

    page = client_of(trainee).get(f"/attempts/{attempt.id}/summary").text

    facts = re.search(r'<dl class="facts">(.*?)</dl>', page[page.index('id="summary"'):], re.S)[1]
    assert re.findall(r'data-to="(\d)"', facts) == ["2", "3", "2"]
    assert "1 of 3" in facts


# ---- time and end ----------------------------------------------------------------------------------------------------


def test_a_handed_in_attempt_shows_its_result_and_says_so_to_old_pages(db, client_of, trainee):
    attempt = begun(db, trainee)
    client = client_of(trainee)
    client.post(f"/attempts/{attempt.id}/hand-in")

    page = client.post(f"/attempts/{attempt.id}/1", data={"go": "next"}, follow_redirects=True)

    assert "This test has been handed in." in page.text
    assert client.get(f"/attempts/{attempt.id}").location == f"/attempts/{attempt.id}/result"


def test_after_the_time_a_form_is_told_so_and_the_test_is_handed_in_with_what_was_saved(db, client_of, trainee):
    with clock.using(Hands()) as hands:
        attempt = begun(db, trainee, "post")
        client = client_of(trainee)
        client.post(f"/attempts/{attempt.id}/1", data=_form(right_fields(db, attempt, 1)))
        hands.passes(25 * 60 + 6)

        page = client.post(f"/attempts/{attempt.id}/2", data=_form(right_fields(db, attempt, 2)), follow_redirects=True)
        result = client.post(f"/attempts/{attempt.id}/hand-in", follow_redirects=True)

    assert "this answer came too late" in page.text
    assert "Closed at the end of the time" in result.text
    assert "1 of 3, all saved" in result.text


def test_a_pass_and_what_to_repeat_stand_on_the_result_page(db, client_of, trainee):
    pre = begun(db, trainee, "pre")
    Tab(db, pre.id).hands_in()
    attempt = begun(db, trainee, "post")
    client = client_of(trainee)
    writer = opened(client, attempt)["writer"]
    for number, one in enumerate(attempt.draw, 1):
        if one.startswith("seal"):
            save(client, attempt, number, right_fields(db, attempt, number), writer)
    client.post(f"/attempts/{attempt.id}/hand-in", data={"writer": writer})

    page = client.get(f"/attempts/{attempt.id}/result").text

    for text in ("33", "Not passed", "To pass: 80", "Passenger car by zones", "You gained 33 points", "1 attempt is left"):
        assert text in page


def test_the_questions_change_their_language_and_keep_place_and_answers(db, client_of, trainee):
    attempt = begun(db, trainee)
    number = attempt.draw.index("single-1") + 1
    Tab(db, attempt.id).saves("single-1", {"option": "b"})
    client = client_of(trainee)

    page = client.post(
        f"/attempts/{attempt.id}/language", data={"language": "prs", "number": str(number)}, follow_redirects=True
    ).text

    assert 'lang="prs" dir="rtl"' in page
    assert f'value="{place_of(attempt, db, "single-1", "b")}" checked' in page


@pytest.mark.goal("PRF-04")
def test_the_attempt_costs_two_questions_to_the_database_beyond_the_sign_in(db, client_of, trainee, counted):
    """The attempt with its clock, and its answers: the course is in memory."""
    attempt = begun(db, trainee)
    client = client_of(trainee)
    client.get(f"/attempts/{attempt.id}")

    with counted() as statements:
        client.get(f"/attempts/{attempt.id}")

    assert len(statements) == 1 + 2


def test_a_full_disk_never_says_saved(db, client_of, trainee, monkeypatch):
    """The commit fails: 503 with a sentence, no time of saving, and nothing stored; the same save succeeds later."""
    attempt = begun(db, trainee)
    client = client_of(trainee)
    writer = client.post(f"/attempts/{attempt.id}/open", json={}).json["writer"]
    body = {"writer": writer, "key": "0" * 32, "revision": 1, "fields": [["q1.option", "1"]]}

    with monkeypatch.context() as patch:
        patch.setattr(Session, "commit", lambda _db: (_ for _ in ()).throw(sa.exc.OperationalError("COMMIT", {}, Exception("disk I/O error"))))
        refused = client.post(f"/attempts/{attempt.id}/answers/1", json=body)
    taken = client.post(f"/attempts/{attempt.id}/answers/1", json=body)

    assert refused.status_code == 503
    assert "saved" not in refused.json
    assert "did not save" in refused.json["error"]
    assert taken.status_code == 200
