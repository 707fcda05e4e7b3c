"""What people are told: once, in their language and by their clock, on the start page until they put it away."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app import clock, i18n
from app.errors import Days, Month, Tongue, say
from app.notices import queries, rules, services, wording
from app.notices.rules import SENTENCES, When
from app.people.models import Person
from app.policy import Role
from tests.factories import a_moment, make_person, make_staff
from tests.notices.rows import MORNING, make_notice

SignIn = Callable[[Person], FlaskClient]
NOW = a_moment()


# ---- rules -------------------------------------------------------------------------------------------------------------

MOMENTS = st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2035, 1, 1), timezones=st.just(UTC))
VALUES = st.recursive(
    st.one_of(
        st.text(max_size=20), st.integers(), MOMENTS, st.dates(), st.builds(Days, st.dates(), st.dates()), st.builds(Month, st.dates()),
        st.builds(Tongue, st.sampled_from(["ru", "kk"])), st.fractions(), st.builds(When, MOMENTS, MOMENTS, st.sampled_from(["Asia/Almaty", "Asia/Kolkata"])),
        st.just({"en": "Title", "ru": "Название"}),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), inner.map(lambda value: say("test", "About {it}", it=value))),
    max_leaves=6,
)


@given(VALUES)
def test_what_a_row_keeps_of_a_gap_is_what_is_read_again(value: Any) -> None:
    """Moments, days, spans, names by language and sentences survive their way through JSON."""
    import json

    assert rules.read(json.loads(json.dumps(rules.kept(value)))) == value


def test_every_sentence_has_the_context_of_notices_and_ends_as_a_sentence() -> None:
    """No half sentence reaches anybody: each ends with a stop, or with words of its own."""
    assert all(one.context == "notice" and one.text.endswith((".", "}")) for one in SENTENCES.values())


@pytest.mark.parametrize(
    ("hours", "reminder"), [(100, None), (72, "remind-3"), (25, "remind-3"), (24, "remind-1"), (1, "remind-1"), (0, None), (-1, None)],
)
def test_the_nearest_reminder_that_fell_due_is_given(hours: int, reminder: str | None) -> None:
    """Three days before, one day before, and none when a meeting has begun."""
    assert rules.reminder_due(NOW + timedelta(hours=hours), NOW) == reminder


@pytest.mark.parametrize(("days", "warning"), [(61, None), (60, 60), (15, 60), (14, 14), (0, 14), (-1, None)])
def test_an_ending_accreditation_warns_twice(days: int, warning: int | None) -> None:
    """Sixty and fourteen days before its last day; after it nobody is warned."""
    assert rules.accreditation_due(date(2026, 11, 24) + timedelta(days=days), date(2026, 11, 24)) == warning


@pytest.mark.parametrize(
    ("address", "fits"),
    [("a@b.kz", True), ("a.b+c@mail.border.example", True), ("", False), ("bekova", False), ("a@b", False), ("a@@b.kz", False), ("a b@c.kz", False),
     ("a@b.kz\nBcc: all@x.kz", False), ("<a@b.kz>", False), ("a@b.kz,c@d.kz", False)],
)  # fmt: skip
def test_an_address_that_can_be_none_is_known(address: str, fits: bool) -> None:
    """What cannot be one address is no address: no second one, no header, gets into a mail by it."""
    assert rules.can_be_mailed(address) is fits


# ---- telling -----------------------------------------------------------------------------------------------------------


def test_somebody_is_told_once_where_a_key_is_given(db: Session) -> None:
    """The same key tells the same person once, and another person too."""
    one, other = make_person(db), make_person(db)

    make_notice(db, one, key="release:1")
    again = services.tell(db, one.id, "seat-given", {"title": "x", "when": "y", "place": "z"}, "", NOW, key="release:1")
    make_notice(db, other, key="release:1")

    assert again is None
    assert [len(queries.for_person(db, who.id, now=NOW)) for who in (one, other)] == [1, 1]


def test_a_sentence_with_an_empty_gap_is_refused(db: Session) -> None:
    """A notice whose gaps are not filled is a fault of ours, and stores nothing."""
    person = make_person(db)

    with pytest.raises(KeyError):
        services.tell(db, person.id, "seat-given", {"title": "x"}, "", NOW)

    assert queries.for_person(db, person.id, now=NOW) == []


def test_what_is_over_or_put_away_leaves_the_start_page_and_stays_on_its_own(db: Session) -> None:
    """The newest first; put away or over, only among all."""
    person = make_person(db)
    over = make_notice(db, person, at=NOW - timedelta(days=2), until=NOW - timedelta(hours=1))
    away = make_notice(db, person, at=NOW - timedelta(days=1))
    new = make_notice(db, person)

    assert (services.put_away(db, [away], now=NOW), services.put_away(db, [away], now=NOW)) == (1, 0)

    assert [one.notice for one in queries.for_person(db, person.id, now=NOW)] == [new]
    assert [(one.notice, one.away) for one in queries.for_person(db, person.id, now=NOW, away=True)] == [(new, False), (away, True), (over, False)]
    assert queries.count_for(db, person.id, now=NOW) == 1


# ---- words ---------------------------------------------------------------------------------------------------------------


def test_a_notice_speaks_the_language_and_the_zone_of_its_reader(db: Session) -> None:
    """Titles in the page's language; the time of the place, and the reader's where it differs, each with its zone."""
    notice = make_notice(db, make_person(db))

    here = wording.sentence(notice, "Asia/Almaty")
    with i18n.speaking("ru"):
        there = wording.sentence(notice, "Asia/Kolkata")

    assert here == "You have a seat in Vehicle search: 24 Nov 2026, 09:00–13:00 UTC+5, Room 2."
    assert "Досмотр автомобилей" in there
    assert "09:00–13:00 UTC+5" in there
    assert "09:30–13:30 UTC+5:30" in there


def spans(*days: int, hours: int = 4) -> list[When]:
    """Meetings at nine o'clock in Almaty, so many days after 24 November."""
    return [When(MORNING.starts_at + timedelta(days=n), MORNING.starts_at + timedelta(days=n, hours=hours), MORNING.zone) for n in days]


@pytest.mark.parametrize(
    ("held", "zone", "said"),
    [
        (spans(0), "Asia/Almaty", "24 Nov 2026, 09:00–13:00 UTC+5"),
        (spans(0, 1, 2, 3), "Asia/Almaty", "24–27 Nov 2026, 09:00–13:00 UTC+5"),
        (spans(0, 1), "Asia/Kolkata", "24–25 Nov 2026, 09:00–13:00 UTC+5, which is 09:30–13:30 UTC+5:30 where you are"),
        (spans(16, 17, 20), "Asia/Almaty", "10 Dec, 11 Dec and 14 Dec 2026, 09:00–13:00 UTC+5"),
        ([*spans(0), *spans(1, hours=2)], "Asia/Almaty", "24 Nov 2026, 09:00–13:00 UTC+5; 25 Nov 2026, 09:00–11:00 UTC+5"),
        (spans(*range(0, 70, 7)), "Asia/Almaty", "10 meetings from 24 Nov 2026, 09:00–13:00 UTC+5 to 26 Jan 2027"),
        ([*spans(0, 1, 2), *spans(3, hours=2)], "Asia/Almaty", "4 meetings from 24 Nov 2026, 09:00–13:00 UTC+5 to 27 Nov 2026"),
    ],
)
def test_times_are_said_as_one_says_them(held: list[When], zone: str, said: str) -> None:
    """Days of the same hours share them, other times stand one by one, many are counted; the reader's clock where it differs."""
    assert wording.when(held, zone) == said


def test_the_year_of_several_days_stands_where_the_language_has_it() -> None:
    """Before them in Kazakh, behind them in Russian."""
    with i18n.speaking("kk"):
        assert wording.when(spans(16, 17, 20), "Asia/Almaty").startswith("2026\N{NO-BREAK SPACE}ж. 10 жел., 11 жел.")
    with i18n.speaking("ru"):
        assert wording.when(spans(16, 17, 20), "Asia/Almaty").startswith("10 дек., 11 дек. и 14 дек. 2026")


def test_a_night_lesson_names_both_days() -> None:
    """A meeting across midnight does not seem to end before it begins."""
    night = When(datetime(2026, 11, 24, 17, tzinfo=UTC), datetime(2026, 11, 24, 21, tzinfo=UTC), "Asia/Almaty")

    assert wording.span(night, "Asia/Almaty") == "24 Nov 2026, 22:00 – 25 Nov 2026, 02:00 UTC+5"


# ---- pages ---------------------------------------------------------------------------------------------------------------


def now_told(db: Session, person: Person, n: int = 1) -> list[Any]:
    """Notices of just now."""
    return [make_notice(db, person, at=clock.now() - timedelta(minutes=n - i)) for i in range(n)]


@pytest.mark.parametrize("path", ["/start", "/learn"])
def test_the_start_page_of_staff_and_of_trainees_shows_what_waits(db: Session, client_of: SignIn, path: str) -> None:
    """Whoever has no mail reads it where he begins; it is put away by a button, without script."""
    person = make_staff(db, Role.TRAINING_OFFICER) if path == "/start" else make_person(db)
    (notice,) = now_told(db, person)
    client = client_of(person)
    assert "You have a seat in Vehicle search" in client.get(path).text

    answer = client.post("/notices/put-away", data={"notice": str(notice.id), "next": path})

    assert answer.status_code == 303
    assert "You have a seat in Vehicle search" not in client.get(path).text
    assert "You have a seat in Vehicle search" in client.get("/notices").text


def test_all_are_put_away_at_once(db: Session, client_of: SignIn) -> None:
    """One press for all that wait; the page says how many."""
    person = make_person(db)
    now_told(db, person, 7)
    client = client_of(person)
    assert "2 more messages" in client.get("/learn").text

    answer = client.post("/notices/put-away", data={"all": "1", "next": "/notices"}, follow_redirects=True)

    assert "7 messages were put away" in answer.text
    assert queries.count_for(db, person.id, now=clock.now()) == 0


def test_nobody_puts_away_what_another_was_told(db: Session, client_of: SignIn) -> None:
    """Another's notice, or something that is none, changes nothing."""
    mine, other = make_person(db), make_person(db)
    (notice,) = now_told(db, other)
    client = client_of(mine)

    for sent in (str(notice.id), "nonsense", ""):
        assert client.post("/notices/put-away", data={"notice": sent}).status_code == 303

    assert queries.count_for(db, other.id, now=clock.now()) == 1


def test_words_that_somebody_typed_are_shown_as_words(db: Session, client_of: SignIn) -> None:
    """Markup in a reason stays text."""
    person = make_person(db)
    make_notice(db, person, "seat-withdrawn", clock.now(), detail={"title": "<b>x</b>", "when": MORNING, "reason": "<script>alert(1)</script>"})

    page = client_of(person).get("/notices").text

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


@pytest.mark.parametrize("n", [1, 3])
def test_all_messages_cost_the_same_for_one_and_for_three(db: Session, client_of: SignIn, counted: Callable[[], Any], n: int) -> None:
    """The page asks as many questions for one notice as for three."""
    person = make_person(db)
    now_told(db, person, n)
    client = client_of(person)

    with counted() as statements:
        client.get("/notices")

    assert len(statements) == 2  # one of them: who is signed in


def test_a_fraction_is_kept() -> None:
    """A share of a post in a sentence is not rounded by its way through the row."""
    assert rules.read(rules.kept(Fraction(1, 3))) == Fraction(1, 3)
