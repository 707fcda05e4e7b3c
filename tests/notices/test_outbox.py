"""The outbox: one mail for each person of a release, in his language, with links to our pages only, waiting for a press."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.errors import Conflict, say
from app.notices import outbox, queries
from app.notices.outbox import Letter, Made
from app.offices.models import Country
from app.people.models import Person, Preference
from tests.factories import a_moment, added, make_country, make_office, make_person
from tests.notices.rows import COMING, make_mail

NOW = a_moment()
SITE = "https://centre.example"


def letter(person: Person, **values: Any) -> Letter:
    """A letter about a session."""
    return Letter(person.id, say("test", "Vehicle search"), (COMING,), **({"link": "/my/calendar"} | values))


def made(db: Session, *letters: Letter, batch: uuid.UUID | None = None) -> Made:
    """Mails of a release."""
    return outbox.make_mails(db, batch=batch or uuid.uuid4(), office=make_office(db), title="S-2026-0412", letters=letters, site=SITE, now=NOW)


@pytest.mark.goal("SCH-12")
def test_one_person_gets_one_mail_of_a_release_however_much_it_says(db: Session) -> None:
    """Several letters to one person are one mail, and a second making of the same batch adds none."""
    person, batch = make_person(db, email="a@border.example"), uuid.uuid4()

    first = made(db, letter(person), letter(person), batch=batch)
    second = made(db, letter(person), batch=batch)

    (mail,) = first.mails
    assert mail.body.count("You teach") == 2
    assert (second.mails, mail.state) == ([], "waiting")


def test_a_mail_speaks_the_language_and_the_zone_of_its_reader(db: Session) -> None:
    """His own choice of language first, else his country's first; times by the clock of his office."""
    home = make_office(db, zone="Asia/Kolkata")
    db.get_one(Country, home.country_id).languages = ["ru", "kk"]
    his, chosen = make_person(db, home, email="a@border.example"), make_person(db, home, email="b@border.example")
    added(db, Preference(person_id=chosen.id, language="en"))

    russian, english = made(db, letter(his), letter(chosen)).mails

    assert "Досмотр автомобилей" in russian.body
    assert "You teach Vehicle search: 24 Nov 2026, 09:00–13:00 UTC+5, which is 24 Nov 2026, 09:30–13:30 UTC+5:30 where you are." in english.body
    assert f"{SITE}/my/calendar" in english.body


def test_who_has_no_address_is_named_and_gets_no_mail(db: Session) -> None:
    """People without an address, or with one that is none, are told on the start page and on paper: the planner is told who."""
    without, wrong = make_person(db), make_person(db, email="not an address")

    found = made(db, letter(without), letter(wrong))

    assert (found.mails, found.without_address) == ([], [without.id, wrong.id])


@pytest.mark.goal("SCH-17")
def test_no_link_but_to_our_own_pages_gets_into_a_mail(db: Session) -> None:
    """A room's address that somebody typed into a place or a reason is left out; a letter cannot link elsewhere."""
    person = make_person(db, email="a@border.example")
    typed = say("test", "Place: {place}.", place="Room 2, https://meet.example/secret?token=abc (or zoommtg://join)")

    (mail,) = made(db, Letter(person.id, say("test", "x"), (typed,), "/my/calendar")).mails

    assert "meet.example" not in mail.body
    assert "zoommtg" not in mail.body
    assert mail.body.count("://") == 1
    for link in ("https://meet.example/x", "//meet.example/x", "meet"):
        with pytest.raises(ValueError):
            letter(person, link=link)


def test_a_title_with_a_line_break_makes_no_second_header(db: Session) -> None:
    """Whatever stands in a title, the subject is one line."""
    person = make_person(db, email="a@border.example")

    (mail,) = made(db, Letter(person.id, say("test", "{title}", title="Search\nBcc: all@border.example"), (COMING,))).mails

    assert mail.subject == "Search Bcc: all@border.example"


def test_pressed_dropped_and_tried_again_once_each(db: Session) -> None:
    """Each press counts once: a second planner is told that there is nothing left to press."""
    mail, by = make_mail(db), make_person(db).id

    assert outbox.press_send(db, mail.batch, by=by, now=NOW) == 1
    with pytest.raises(Conflict):
        outbox.press_send(db, mail.batch, by=by, now=NOW)
    with pytest.raises(Conflict):
        outbox.drop(db, mail.batch, by=by, now=NOW)
    with pytest.raises(Conflict):
        outbox.again(db, mail.batch, by=by, now=NOW)
    mail.state = "failed"
    db.flush()
    assert outbox.again(db, mail.batch, by=by, now=NOW) == 1
    mail.state = "failed"
    db.flush()
    assert outbox.drop(db, mail.batch, by=by, now=NOW) == 1

    assert (mail.state, mail.pressed_by) == ("dropped", by)


def test_the_outbox_shows_the_batches_of_the_offices_below_a_path(db: Session) -> None:
    """A planner sees what was released below his offices, and nothing of another country."""
    home = make_office(db)
    below, abroad = make_office(db, home), make_office(db, country=make_country(db))
    mine, other = make_mail(db, office=below), make_mail(db, office=abroad)

    assert [batch.id for batch in queries.outbox(db, [home.path], since=NOW)] == [mine.batch]
    assert queries.outbox(db, [], since=NOW) == []
    found = queries.batch_of(db, other.batch)
    assert found is not None
    assert (found.counts, found.office_id) == ({"waiting": 1}, abroad.id)
