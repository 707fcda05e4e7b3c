"""Signing in and out, as a person at a PC meets it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask, g
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app import clock, create_app
from app.db import Database, take_write_lock
from app.errors import Throttled
from app.ids import new_id, token_hash
from app.offices.models import Agency
from app.people import credentials, signing_in, totp
from app.people.models import Account, Person, Pin, Preference, SignIn, Throttle
from app.people.queries import who_is
from app.policy import Role
from app.sync.models import AuditEvent
from config import Config
from tests.factories import (
    a_moment,
    added,
    give_role,
    make_agency,
    make_country,
    make_office,
    make_person,
    make_sign_in,
    make_staff,
)
from tests.people.signing import (
    PASSWORD,
    PIN,
    ByHand,
    as_seen,
    browser_at,
    give_password,
    give_pin,
    is_in,
    open_sign_ins,
    seat_of,
    types_password,
    types_pin,
)

ClientOf = Callable[..., FlaskClient]


@pytest.fixture
def time() -> Iterator[ByHand]:
    """The clock of these tests."""
    with clock.using(ByHand()) as by_hand:
        assert isinstance(by_hand, ByHand)
        yield by_hand


@pytest.fixture
def at_seat(app: Flask, db: Session, time: ByHand) -> FlaskClient:
    """A browser of an enrolled seat."""
    return browser_at(app, db, seat_of(db))


# ---- trainees --------------------------------------------------------------------------------------------------------


@pytest.mark.goal("PPL-04")
def test_a_trainee_signs_in_with_agency_number_and_pin_at_an_enrolled_seat(db: Session, at_seat: FlaskClient) -> None:
    """Agency, service number and the PIN of the slip are enough at a seat of the class."""
    trainee = make_person(db, family="Bekova")
    give_pin(db, trainee)

    answer = types_pin(at_seat, trainee)

    assert (answer.status_code, answer.location) == (303, "/")
    assert "Bekova A." in at_seat.get("/settings").text
    row = db.scalars(sa.select(SignIn).where(SignIn.person_id == trainee.id)).one()
    assert (row.kind, row.seat_id is not None, row.ended_at) == ("pin", True, None)


@pytest.mark.goal("PPL-04")
def test_a_pin_works_from_enrolled_seats_only(db: Session, client: FlaskClient, time: ByHand) -> None:
    """From a PC that nobody enrolled, and with a cookie that the server did not sign, a right PIN opens nothing."""
    trainee = make_person(db)
    give_pin(db, trainee)
    client.set_cookie("sabaq_test_seat", "InRva2VuIg.forged")

    answer = types_pin(client, trainee)

    assert answer.status_code == 422
    assert "This PC is no seat of a class any more" in answer.text
    assert not is_in(client)


@pytest.mark.goal("PPL-04")
def test_a_seat_that_was_ended_is_no_seat(app: Flask, db: Session, time: ByHand) -> None:
    """When the class manager ends the enrolment of a PC, PINs do not work there any more."""
    from app.offices.seats import end_enrolment

    seat, trainee = seat_of(db), make_person(db)
    browser = browser_at(app, db, seat)
    give_pin(db, trainee)
    end_enrolment(db, seat_id=seat.id, now=clock.now())
    db.commit()

    assert types_pin(browser, trainee).status_code == 422


@pytest.mark.goal("PPL-04")
def test_a_pin_holds_for_the_days_of_its_run(db: Session, at_seat: FlaskClient, time: ByHand) -> None:
    """Before its first moment and after its last the right digits do not fit."""
    trainee = make_person(db)
    give_pin(db, trainee, days=5)

    time.passes(days=-1)
    early = types_pin(at_seat, trainee).status_code
    time.passes(days=5.9)
    within = types_pin(at_seat, trainee).status_code
    at_seat.post("/sign-out")
    time.passes(days=1)

    assert (early, within, types_pin(at_seat, trainee).status_code) == (422, 303, 422)


def test_a_new_slip_is_a_new_pin_and_the_old_one_is_dead(db: Session, at_seat: FlaskClient) -> None:
    """A reprint ends the PIN before it; the PIN of another run goes on."""
    trainee, run = make_person(db), new_id()
    give_pin(db, trainee, "111111", run_id=run)
    give_pin(db, trainee, "333333")

    give_pin(db, trainee, "222222", run_id=run)

    assert [types_pin(at_seat, trainee, pin).status_code for pin in ("111111", "222222", "333333")] == [422, 303, 303]


def test_the_same_number_in_two_agencies_is_two_people(db: Session, at_seat: FlaskClient) -> None:
    """The agency decides whose number it is."""
    office = make_office(db)
    one = make_person(db, office, service_number="00417", family="First")
    two = make_person(db, office, service_number="00417", family="Second")
    give_pin(db, one, "111111")
    give_pin(db, two, "222222")

    assert types_pin(at_seat, two, "111111").status_code == 422
    assert types_pin(at_seat, two, "222222").status_code == 303
    assert "Second" in at_seat.get("/settings").text


def test_a_trainee_signs_in_from_elsewhere_with_a_password_of_his_own(db: Session, client: FlaskClient, time: ByHand) -> None:
    """At home the service number and an own password serve; with a number that two agencies use, the agency is chosen."""
    office = make_office(db)
    one, two = (make_person(db, office, service_number="00417", family=name) for name in ("First", "Second"))
    give_password(db, one)
    assert types_password(client, "00417").status_code == 303
    client.post("/sign-out")
    give_password(db, two)

    assert types_password(client, "00417").status_code == 422
    assert types_password(client, "00417", agency=str(two.agency_id)).status_code == 303
    assert "Second" in client.get("/settings").text


def test_agencies_of_several_countries_are_told_apart(db: Session, client: FlaskClient) -> None:
    """Where each country has a Border Service the sign-in page names the country with it; within one country it does not."""
    make_agency(db, make_country(db, "KZ"), names={"en": "Border Service"})
    one = client.get("/sign-in").text
    make_agency(db, make_country(db, "KG"), names={"en": "Border Service"})
    two = client.get("/sign-in").text

    assert ("Border Service, KZ" in one, "Border Service, KG" in two, "Border Service, KZ" in two) == (False, True, True)


def test_a_pin_gives_no_rights_but_a_trainees(app: Flask, db: Session, at_seat: FlaskClient) -> None:
    """An administrator who takes part in a course does not open the administration with six digits."""
    office = make_office(db)
    admin = make_staff(db, Role.ADMINISTRATOR, office)
    give_role(db, admin, Role.TRAINEE, office)
    give_pin(db, admin)

    types_pin(at_seat, admin)

    assert at_seat.get("/start").status_code == 403
    assert at_seat.get("/settings/second-factor").status_code == 422
    assert types_own_password(at_seat).status_code == 422


def types_own_password(client: FlaskClient, current: str = "") -> Any:
    """Send the form for another password."""
    return client.post("/settings/password", data={"current": current, "new": "seven slow birds over tea", "again": "seven slow birds over tea"})


def test_a_trainee_at_a_seat_chooses_his_first_password(db: Session, app: Flask, at_seat: FlaskClient) -> None:
    """Signed in with his PIN, he sets a password for signing in from home; the next time he needs the one in use."""
    trainee = make_person(db)
    give_pin(db, trainee)
    types_pin(at_seat, trainee)

    assert types_own_password(at_seat).status_code == 303
    assert types_own_password(at_seat, "wrong").status_code == 422
    assert types_password(app.test_client(), trainee.service_number, "seven slow birds over tea").status_code == 303


@pytest.mark.goal("PPL-04")
def test_the_sign_in_page_of_a_seat_says_where_one_sits(app: Flask, db: Session, time: ByHand) -> None:
    """Seat, room, office, the time there with its zone, the agency most people there have, and who prints a slip."""
    office = make_office(db, names={"en": "Korday border office"}, zone="Asia/Almaty")
    make_staff(db, Role.CLASS_MANAGER, office, family="Dosova", given="Gulnara")
    seat = seat_of(db, office)

    page = browser_at(app, db, seat).get("/sign-in").text

    for text in ("Seat 01", "CBT class 1", "Korday border office", "24 Nov 2026, 09:00 UTC+5", "Border Service", "Dosova G., class manager"):
        assert text in page, text


def test_without_a_seat_the_page_asks_for_a_password(client: FlaskClient) -> None:
    """A PC that is not enrolled shows the password form and says why a PIN does not work there."""
    page = client.get("/sign-in").text

    assert 'name="password"' in page
    assert 'name="pin"' not in page
    assert "This PC is not enrolled as a seat" in page


# ---- wrong tries -----------------------------------------------------------------------------------------------------


@pytest.mark.goal("SEC-04")
def test_existing_and_unknown_accounts_look_the_same(db: Session, at_seat: FlaskClient, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong PIN, an unknown number, somebody without a PIN, a disabled and a departed person get one answer, at one cost."""
    office = make_office(db)
    agency = make_agency(db)
    known, without, disabled, gone = (make_person(db, office, agency=agency) for _ in range(4))
    for person in (known, disabled, gone):
        give_pin(db, person)
        give_password(db, person)
    signing_in.disable(db, person_id=disabled.id, now=clock.now())
    gone.left_on = clock.now().date()
    db.commit()
    costs: list[tuple[str, int]] = []
    count_hashes(monkeypatch, costs)

    seen = set()
    for number, pin in (
        (known.service_number, "000000"), ("99999999", PIN), (without.service_number, PIN), (disabled.service_number, PIN),
        (gone.service_number, PIN),
    ):
        costs.clear()
        answer = at_seat.post("/sign-in/pin", data={"agency": str(agency.id), "service_number": number, "pin": pin})
        elsewhere = types_password(app.test_client(), number, "wrong" if number == known.service_number else PASSWORD)
        seen.add((answer.status_code, as_seen(answer.text, number), elsewhere.status_code, as_seen(elsewhere.text, number), tuple(costs)))

    assert len(seen) == 1
    (status, _page, status_elsewhere, _elsewhere, work), = seen
    assert (status, status_elsewhere) == (422, 422)
    assert work == (("pin", 4096), ("pin", 4096), ("password", 19456))


def count_hashes(monkeypatch: pytest.MonkeyPatch, costs: list[tuple[str, int]]) -> None:
    """Note every slow computation: what for, and with how much memory."""
    class Counting:
        def __init__(self, name: str, inner: Any) -> None:
            self.name, self.inner = name, inner

        def hash(self, secret: str) -> str:
            costs.append((self.name, self.inner.memory_cost))
            return str(self.inner.hash(secret))

        def verify(self, stored: str, secret: str) -> bool:
            costs.append((self.name, self.inner.memory_cost))
            return bool(self.inner.verify(stored, secret))

        def check_needs_rehash(self, stored: str) -> bool:
            return bool(self.inner.check_needs_rehash(stored))

    monkeypatch.setattr(credentials, "_pins", Counting("pin", credentials._pins))
    monkeypatch.setattr(credentials, "_passwords", Counting("password", credentials._passwords))


@pytest.mark.goal("SEC-04", "PPL-04")
def test_wrong_tries_make_the_next_one_wait_and_say_how_long(db: Session, at_seat: FlaskClient, time: ByHand) -> None:
    """After a few free tries the answer is 429 with the seconds to wait, for known and unknown numbers alike; nothing sleeps."""
    known = make_person(db)
    give_pin(db, known)
    for number in (known.service_number, "99999999"):
        statuses = []
        for _ in range(5):
            answer = at_seat.post(
                "/sign-in/pin", data={"agency": str(known.agency_id), "service_number": number, "pin": "000000"}
            )
            statuses.append(answer.status_code)

        assert statuses == [422, 422, 422, 422, 429]
        assert answer.headers["Retry-After"] == "1"
        assert "Try again in 1 s." in answer.text
        assert f'value="{number}"' in answer.text

    time.passes(seconds=1)
    assert types_pin(at_seat, known).status_code == 303


@pytest.mark.goal("SEC-04")
def test_a_refused_try_is_counted_although_nothing_else_is_stored(db: Session, at_seat: FlaskClient) -> None:
    """Counts and the audit event of a refusal are written after the request's own transaction."""
    trainee = make_person(db)
    give_pin(db, trainee)

    types_pin(at_seat, trainee, "000000")

    assert sorted(db.scalars(sa.select(Throttle.failures))) == [1, 1, 1]
    assert open_sign_ins(db, trainee) == 0
    event = db.scalars(sa.select(AuditEvent).where(AuditEvent.what == "sign-in refused")).one()
    assert event.about == str(trainee.id)


@pytest.mark.goal("PPL-04", "SEC-04")
def test_a_neighbour_cannot_keep_anybody_from_his_exam(app: Flask, db: Session, at_seat: FlaskClient, time: ByHand) -> None:
    """Forty wrong PINs typed for somebody at the next PC and from outside do not delay his right one at his own seat."""
    trainee = make_person(db)
    give_pin(db, trainee)
    give_password(db, trainee)
    neighbour, outside = browser_at(app, db, seat_of(db)), app.test_client()
    for _ in range(40):
        types_pin(neighbour, trainee, "000000")
        types_password(outside, trainee.service_number, "wrong")
        time.passes(seconds=20)

    assert types_pin(at_seat, trainee).status_code == 303


@pytest.mark.goal("SEC-04")
def test_somebody_who_used_this_seat_before_costs_half_a_minute_at_most(db: Session, at_seat: FlaskClient, time: ByHand) -> None:
    """Even hundreds of wrong tries at the same seat for the same person delay him by 30 seconds at the most."""
    trainee = make_person(db)
    give_pin(db, trainee)
    for _ in range(60):
        types_pin(at_seat, trainee, "000000")
        time.passes(seconds=31)
    types_pin(at_seat, trainee, "000000")

    assert types_pin(at_seat, trainee).status_code == 429
    time.passes(seconds=30)
    assert types_pin(at_seat, trainee).status_code == 303


@pytest.mark.goal("SEC-04")
def test_a_try_during_the_delay_is_not_looked_at(db: Session, at_seat: FlaskClient, time: ByHand) -> None:
    """While the delay runs even the right PIN is refused, and refused tries do not lengthen it."""
    trainee = make_person(db)
    give_pin(db, trainee)
    for _ in range(6):
        types_pin(at_seat, trainee, "000000")
        time.passes(seconds=0.2)

    assert [types_pin(at_seat, trainee).status_code for _ in range(3)] == [429] * 3
    time.passes(seconds=1)
    assert types_pin(at_seat, trainee).status_code == 303


def test_the_right_pin_forgets_the_persons_wrong_tries_but_not_the_places(db: Session, at_seat: FlaskClient) -> None:
    """Who signs in with his own PIN now and then does not thereby get free guesses at others'."""
    trainee = make_person(db)
    give_pin(db, trainee)
    types_pin(at_seat, trainee, "000000")

    types_pin(at_seat, trainee)

    subjects = db.scalars(sa.select(Throttle.subject)).all()
    assert [subject.split(":")[0] for subject in subjects] == ["place"]


@pytest.mark.goal("SEC-04")
@pytest.mark.parametrize("endpoint", ["password", "code", "change", "remove"])
def test_every_place_that_takes_a_secret_slows_down(
    endpoint: str, app: Flask, db: Session, client: FlaskClient, client_of: ClientOf, time: ByHand
) -> None:
    """Passwords, codes, the password in use when it is changed: each answers 429 after a few wrong ones."""
    admin = make_staff(db, Role.ADMINISTRATOR)
    give_password(db, admin, "admin")
    set_up(db, admin)
    if endpoint == "code":
        types_password(client, "admin")
    elif endpoint != "password":
        client = client_of(admin)

    def wrong() -> int:
        data = {"name": "admin", "password": "wrong", "current": "wrong", "code": "000000", "new": PASSWORD, "again": PASSWORD}
        address = {
            "password": "/sign-in/password", "code": "/sign-in/code", "change": "/settings/password",
            "remove": "/settings/second-factor/remove",
        }[endpoint]
        return int(client.post(address, data=data).status_code)

    assert [wrong() for _ in range(5)] == [422, 422, 422, 422, 429]


@pytest.mark.goal("SEC-04")
def test_tries_sent_side_by_side_are_looked_at_one_by_one() -> None:
    """A second try for the same account at the same place is told to come back while the first is looked at."""
    with credentials.alone("account:a@seat:1"):
        with pytest.raises(Throttled), credentials.alone("account:a@seat:1"):
            pass
        with credentials.alone("account:a@seat:2"):
            pass
    with credentials.alone("account:a@seat:1"):
        pass


# ---- hashing ---------------------------------------------------------------------------------------------------------


@pytest.mark.goal("PPL-04", "PLY-17")
def test_hashing_happens_outside_any_transaction(
    app: Flask, db: Session, at_seat: FlaskClient, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a PIN or a password is hashed, the request holds neither a transaction nor the write lock."""
    trainee = make_person(db)
    give_pin(db, trainee)
    give_password(db, trainee)
    open_at: list[tuple[bool, bool]] = []
    inner = credentials.turn

    def watched(*args: Any, **kwargs: Any) -> Any:
        open_at.append((g.db.in_transaction(), bool(g.db.info.get("writing"))))
        return inner(*args, **kwargs)

    monkeypatch.setattr(credentials, "turn", watched)
    types_pin(at_seat, trainee)
    types_password(client, trainee.service_number)
    types_own_password(client, PASSWORD)

    assert open_at == [(False, False)] * 4


@pytest.mark.goal("PPL-04")
def test_only_so_many_hash_at_once_and_the_rest_is_told_to_come_back(db: Session, at_seat: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """When all places for hashing stay taken, the answer is "try again in 2 s": requests do not pile up."""
    trainee = make_person(db)
    give_pin(db, trainee)
    monkeypatch.setattr(credentials, "PATIENCE", 0.01)
    monkeypatch.setattr(credentials.turn.__wrapped__, "__defaults__", (0.01,))  # type: ignore[attr-defined]
    for _ in range(credentials.PARALLEL):
        credentials._turns.acquire()
    try:
        answer = types_pin(at_seat, trainee)
    finally:
        for _ in range(credentials.PARALLEL):
            credentials._turns.release()

    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "2")
    assert "Many people are signing in right now. Try again in 2 s." in answer.text
    assert db.scalars(sa.select(Throttle)).all() == []


def test_never_more_than_two_hashes_run_at_once(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty people who sign in at once are served by two hashes at a time, one after the other."""
    running, most, guard = [0], [0], threading.Lock()
    inner = credentials._pins

    class Slow:
        def hash(self, secret: str) -> str:
            with guard:
                running[0] += 1
                most[0] = max(most[0], running[0])
            text = str(inner.hash(secret))
            with guard:
                running[0] -= 1
            return text

    monkeypatch.setattr(credentials, "_pins", Slow())
    threads = [threading.Thread(target=credentials.hash_pin, args=(PIN,)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert most[0] <= credentials.PARALLEL


@pytest.mark.goal("PPL-04")
def test_secrets_are_stored_as_argon2id_under_a_pepper(db: Session, app: Flask, client: FlaskClient) -> None:
    """Passwords cost 19 MiB and two passes; the same password under another pepper does not fit."""
    stored = credentials.hash_password(PASSWORD)
    pin = credentials.hash_pin(PIN)

    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert pin.startswith("$argon2id$v=19$m=4096,t=1,p=1$")
    assert credentials.check_password(PASSWORD, stored, clock.now())
    assert credentials.which_pin(PIN, [credentials.hash_pin("111111"), pin]) == 1
    credentials.use_pepper("another pepper")
    try:
        assert not credentials.check_password(PASSWORD, stored, clock.now())
        assert credentials.which_pin(PIN, [pin]) is None
    finally:
        credentials.use_pepper(app.config["PEPPER"])


@pytest.mark.goal("PPL-04")
def test_a_password_hashed_at_older_costs_is_hashed_anew_at_sign_in(db: Session, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the costs are raised, nobody needs a new password: the next sign-in stores the new hash."""
    person = make_staff(db, Role.MANAGER)
    with monkeypatch.context() as older:
        older.setattr(credentials, "_passwords", credentials._pins)
        give_password(db, person, "boss")

    assert types_password(client, "boss").status_code == 303
    db.expire_all()
    assert "$m=19456,t=2," in str(db.scalar(sa.select(Account.password_hash)))
    assert is_in(client)


# ---- sessions --------------------------------------------------------------------------------------------------------


@pytest.mark.goal("SEC-03")
def test_signing_in_begins_a_new_session(app: Flask, db: Session, time: ByHand) -> None:
    """Whatever stood in the visitor's session, and its CSRF token, is gone after sign-in; the session then dies with the browser."""
    app.config["WTF_CSRF_ENABLED"] = True
    person = make_staff(db, Role.MANAGER)
    give_password(db, person, "boss")
    client = app.test_client()
    token = token_in(client.get("/sign-in").text)
    with client.session_transaction() as session:
        before = session["csrf_token"]
        session["planted"] = "by somebody else"

    answer = types_password(client, "boss", csrf_token=token)

    assert answer.status_code == 303
    assert not [cookie for cookie in answer.headers.getlist("Set-Cookie") if "Expires" in cookie or "Max-Age" in cookie]
    client.get("/settings")
    with client.session_transaction() as session:
        assert "planted" not in session
        assert session["csrf_token"] != before
    assert client.post("/settings", data={"csrf_token": token}).status_code == 400


def token_in(page: str) -> str:
    """The CSRF token of a page's form."""
    return page.split('name="csrf_token" value="')[1].split('"')[0]


@pytest.mark.goal("SEC-03")
def test_after_sign_out_nothing_of_the_person_is_left(db: Session, app: Flask, at_seat: FlaskClient) -> None:
    """The row has ended, a copy of the cookie opens nothing, pages were never to be kept, and the cache is cleared."""
    trainee = make_person(db)
    give_pin(db, trainee)
    types_pin(at_seat, trainee)
    page = at_seat.get("/settings")
    name = app.config["COOKIE"]
    copy = at_seat.get_cookie(name)
    assert copy is not None

    answer = at_seat.post("/sign-out")

    assert page.headers["Cache-Control"] == "no-store"
    assert (answer.location, answer.headers["Clear-Site-Data"]) == ("/sign-in", '"cache"')
    assert open_sign_ins(db, trainee) == 0
    at_seat.set_cookie(name, copy.value)
    assert at_seat.get("/settings").status_code == 302
    sign_in_page = at_seat.get("/sign-in").text
    assert trainee.service_number not in sign_in_page
    assert trainee.short_name not in sign_in_page
    assert "signout.js" in sign_in_page


@pytest.mark.goal("SEC-03")
def test_an_idle_trainee_is_signed_out_and_told_why(db: Session, at_seat: FlaskClient, time: ByHand) -> None:
    """After 15 minutes without work the next request finds the sign-in ended; signing in again leads back to the page."""
    trainee = make_person(db)
    give_pin(db, trainee)
    types_pin(at_seat, trainee)
    time.passes(minutes=14)
    assert is_in(at_seat)
    time.passes(minutes=16)

    answer = at_seat.get("/settings")

    assert answer.location == "/sign-in?next=/settings"
    assert "nobody worked here for a while" in at_seat.get(answer.location).text
    assert db.scalars(sa.select(SignIn.ended_why).where(SignIn.person_id == trainee.id)).one() == "idle"
    assert types_pin(at_seat, trainee, next="/settings").location == "/settings"


@pytest.mark.goal("SEC-03")
def test_the_next_person_does_not_land_on_the_page_of_the_one_before(db: Session, at_seat: FlaskClient, time: ByHand) -> None:
    """When another one signs in at the PC that somebody left, he begins at his own start page."""
    first, second = make_person(db), make_person(db)
    give_pin(db, first)
    give_pin(db, second)
    types_pin(at_seat, first)
    time.passes(minutes=16)
    at_seat.get("/settings")

    assert types_pin(at_seat, second, next="/settings").location == "/"


@pytest.mark.goal("SEC-03")
def test_a_form_sent_after_the_sign_in_ended_is_told_to_sign_in(app: Flask, db: Session, time: ByHand) -> None:
    """An expired sign-in answers 401 to what a script sends, not "your form is too old"."""
    app.config["WTF_CSRF_ENABLED"] = True
    trainee = make_person(db)
    give_pin(db, trainee)
    browser = browser_at(app, db, seat_of(db))
    types_pin(browser, trainee, csrf_token=token_in(browser.get("/sign-in").text))
    token = token_in(browser.get("/settings").text)
    time.passes(minutes=16)

    for _ in range(2):
        answer = browser.post("/settings", headers={"X-CSRFToken": token, "Accept": "application/json"})
        assert (answer.status_code, answer.json["kind"]) == (401, "NotSignedIn")


@pytest.mark.goal("SEC-03")
def test_a_running_attempt_keeps_a_sign_in(settings: Config, database: Database, db: Session, time: ByHand) -> None:
    """Nobody is signed out in the middle of a test, however long he thinks."""
    app, busy = create_app(settings, database), set()
    app.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
    app.extensions["sabaq.neighbours"] = signing_in.Neighbours(has_open_attempt=lambda _db, person_id: person_id in busy)
    trainee = make_person(db)
    give_pin(db, trainee)
    browser = browser_at(app, db, seat_of(db))
    types_pin(browser, trainee)
    busy.add(trainee.id)
    time.passes(hours=3)

    assert is_in(browser)
    busy.clear()
    time.passes(minutes=16)
    assert not is_in(browser)


@pytest.mark.goal("SEC-03")
def test_staff_are_signed_out_after_an_idle_hour_and_after_twelve_hours(db: Session, client: FlaskClient, time: ByHand) -> None:
    """Sixty idle minutes end a staff sign-in, and twelve hours end even a busy one."""
    give_password(db, make_staff(db, Role.MANAGER), "boss")
    types_password(client, "boss")
    for _ in range(12):
        time.passes(minutes=59)
        assert is_in(client)
    time.passes(minutes=20)
    assert not is_in(client)
    types_password(client, "boss")
    time.passes(minutes=61)
    assert not is_in(client)


@pytest.mark.goal("SEC-03")
def test_polling_is_no_work_and_last_seen_is_kept_once_a_minute(db: Session, client: FlaskClient, time: ByHand, counted: Any) -> None:
    """A page that only polls does not keep anybody signed in; work is noted once a minute, not at each request."""
    person = make_staff(db, Role.MANAGER)
    give_password(db, person, "boss")
    types_password(client, "boss")
    begun = clock.now()

    def seen() -> Any:
        db.expire_all()
        return db.scalars(sa.select(SignIn.seen_at).where(SignIn.person_id == person.id)).one()

    time.passes(seconds=59)
    client.get("/settings")
    assert seen() == begun
    time.passes(minutes=30)
    client.get("/settings", headers={"X-Sabaq-Poll": "1"})
    assert seen() == begun
    client.get("/settings")
    assert seen() == clock.now()
    with counted() as statements:
        client.get("/settings")
    assert [s for s in statements if s.startswith(("UPDATE", "INSERT"))] == []


@pytest.mark.goal("SEC-03", "PLY-06")
def test_a_trainee_who_signs_in_at_another_seat_leaves_the_first(app: Flask, db: Session, at_seat: FlaskClient) -> None:
    """One person, one PC: the old one is signed out at its next request and says so."""
    trainee = make_person(db)
    give_pin(db, trainee)
    other = browser_at(app, db, seat_of(db))
    types_pin(at_seat, trainee)

    types_pin(other, trainee)

    assert is_in(other)
    assert "You have signed in at another PC" in at_seat.get("/settings", follow_redirects=True).text
    assert open_sign_ins(db, trainee) == 1


@pytest.mark.goal("SEC-03")
def test_a_changed_password_ends_the_other_sign_ins(app: Flask, db: Session, time: ByHand) -> None:
    """Who changes his password stays signed in here and is signed out everywhere else at the next request."""
    give_password(db, make_staff(db, Role.MANAGER), "boss")
    here, there = app.test_client(), app.test_client()
    for client in (here, there):
        types_password(client, "boss")

    assert types_own_password(here, PASSWORD).status_code == 303

    assert (is_in(here), is_in(there)) == (True, False)
    assert "The password was changed" in there.get("/sign-in").text
    assert types_password(there, "boss").status_code == 422
    assert types_password(there, "boss", "seven slow birds over tea").status_code == 303


@pytest.mark.goal("SEC-03")
def test_a_disabled_or_departed_person_is_out_at_the_next_request(app: Flask, db: Session, at_seat: FlaskClient, client: FlaskClient) -> None:
    """Disabling ends PIN and password sign-ins at once, and a person who has left the service is out without anybody's doing."""
    disabled, gone = make_person(db), make_person(db)
    give_pin(db, disabled)
    give_password(db, gone)
    types_pin(at_seat, disabled)
    types_password(client, gone.service_number)

    signing_in.disable(db, person_id=disabled.id, now=clock.now())
    gone.left_on = clock.now().date()
    db.commit()

    assert (is_in(at_seat), is_in(client)) == (False, False)
    signing_in.enable(db, person_id=disabled.id)
    db.commit()
    assert types_pin(at_seat, disabled).status_code == 303


@pytest.mark.goal("SEC-03")
@pytest.mark.parametrize("how", ["expires", "deleted", "moved"])
def test_a_lost_role_ends_the_sign_in(how: str, db: Session, client: FlaskClient, time: ByHand) -> None:
    """However a role goes, by its last day, by deletion or by a move to another office: who held it signs in again."""
    office = make_office(db)
    person = make_person(db, office)
    grant = give_role(db, person, Role.MANAGER, office)
    give_role(db, person, Role.AUDITOR, office)
    give_password(db, person, "boss")
    types_password(client, "boss")
    assert is_in(client)

    take_write_lock(db)
    if how == "expires":
        grant.valid_to = (clock.now() - timedelta(days=1)).date()
    elif how == "deleted":
        db.delete(grant)
    else:
        grant.office_id = make_office(db).id
    db.commit()

    assert not is_in(client)
    assert "Your roles have changed" in client.get("/sign-in").text
    assert db.scalars(sa.select(SignIn.ended_why).where(SignIn.person_id == person.id)).one() == "role"
    assert types_password(client, "boss").status_code == 303


def test_a_new_role_ends_nothing(db: Session, client: FlaskClient, time: ByHand) -> None:
    """Who is given one more role goes on, with it."""
    office = make_office(db)
    person = make_staff(db, Role.MANAGER, office)
    give_password(db, person, "boss")
    types_password(client, "boss")
    give_role(db, person, Role.REGISTRAR, office)
    db.commit()

    assert "registrar" in client.get("/start").text


@pytest.mark.goal("SEC-04")
@pytest.mark.parametrize(
    "wish", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "settings", "/\t/evil.example", ""]
)
def test_next_takes_paths_of_this_site_only(wish: str, db: Session, client: FlaskClient, time: ByHand) -> None:
    """After sign-in and after a change of language nobody is sent to another site."""
    give_password(db, make_staff(db, Role.MANAGER), "boss")

    assert client.post("/language", data={"language": "ru", "next": wish}).location == "/"
    assert types_password(client, "boss", next=wish).location == "/"


def test_next_goes_on_within_the_site(db: Session, client: FlaskClient, time: ByHand) -> None:
    """Who was sent to the sign-in page goes on where he wanted to."""
    give_password(db, make_staff(db, Role.MANAGER), "boss")
    asked = client.get("/settings?from=mail").location

    assert 'value="/settings?from=mail"' in client.get(asked).text
    assert types_password(client, "boss", next="/settings?from=mail").location == "/settings?from=mail"


# ---- passwords, start passwords, second factor -----------------------------------------------------------------------


def set_up(db: Session, person: Person) -> tuple[bytes, list[str]]:
    """A second factor of a person: its secret and the recovery codes."""
    secret, earlier = credentials.proposed_secret("nonce"), clock.now() - timedelta(minutes=5)
    codes = signing_in.set_second_factor(
        db, person_id=person.id, secret=secret, code=totp.totp(secret, int(earlier.timestamp())), now=earlier
    )
    db.commit()
    return secret, codes


def code_now(secret: bytes) -> str:
    """What the telephone shows."""
    return totp.totp(secret, int(clock.now().timestamp()))


@pytest.mark.goal("PPL-04", "SEC-04")
def test_a_start_password_serves_once_for_choosing_an_own_one(app: Flask, db: Session, client: FlaskClient, time: ByHand) -> None:
    """It has 128 bits, is read from paper in any case, opens nothing but the choice of an own password, and is dead then."""
    person = make_staff(db, Role.MANAGER)
    start = credentials.new_start_password()
    stored = credentials.hash_start_password(start, clock.now() + timedelta(days=14))
    signing_in.set_password(db, person_id=person.id, password_hash=stored, user_name="Boss", now=clock.now())
    db.commit()

    first = types_password(client, "boss", start.lower().replace("-", " "), next="/settings")

    assert first.location == "/sign-in/own-password"
    assert not is_in(client)
    weak = client.post("/sign-in/own-password", data={"new": "short", "again": "short"})
    assert (weak.status_code, "at least 15" in weak.text.lower()) == (422, True)
    chosen = {"new": "seven slow birds over tea", "again": "seven slow birds over tea"}
    assert client.post("/sign-in/own-password", data=chosen).location == "/settings"
    assert is_in(client)
    assert types_password(app.test_client(), "boss", start).status_code == 422
    assert types_password(app.test_client(), "boss", "seven slow birds over tea").status_code == 303


@pytest.mark.goal("SEC-04")
def test_a_start_password_expires_and_so_does_a_half_done_sign_in(db: Session, client: FlaskClient, time: ByHand) -> None:
    """After its last day a start password is worth nothing; ten minutes after it was typed the choice is closed."""
    person = make_staff(db, Role.MANAGER)
    start = credentials.new_start_password()
    stored = credentials.hash_start_password(start, clock.now() + timedelta(days=1))
    signing_in.set_password(db, person_id=person.id, password_hash=stored, user_name="boss", now=clock.now())
    db.commit()
    types_password(client, "boss", start)
    time.passes(minutes=11)

    late = client.get("/sign-in/own-password")
    time.passes(days=1)

    assert late.location.startswith("/sign-in")
    assert types_password(client, "boss", start).status_code == 422


def test_a_start_password_is_long_enough_not_to_be_guessed() -> None:
    """27 signs of an alphabet of 29 are more than 128 bits, and no two are alike."""
    codes = {credentials.new_start_password() for _ in range(50)}

    assert len(codes) == 50
    assert {len(code.replace("-", "")) for code in codes} == {27}


@pytest.mark.goal("PPL-04")
def test_a_code_of_the_telephone_is_asked_and_counts_once(app: Flask, db: Session, client: FlaskClient, time: ByHand) -> None:
    """With a second factor the password alone opens nothing; the code does, and the same code never again."""
    person = make_staff(db, Role.REGISTRAR)
    give_password(db, person, "seal")
    secret, _codes = set_up(db, person)

    assert types_password(client, "seal").location == "/sign-in/code"
    assert not is_in(client)
    code = code_now(secret)
    assert client.post("/sign-in/code", data={"code": code}).location == "/"
    assert is_in(client)
    again = app.test_client()
    types_password(again, "seal")
    assert again.post("/sign-in/code", data={"code": code}).status_code == 422
    time.passes(seconds=30)
    assert again.post("/sign-in/code", data={"code": code_now(secret)}).location == "/"


@pytest.mark.goal("PPL-04")
def test_a_recovery_code_serves_once(app: Flask, db: Session, client: FlaskClient, time: ByHand) -> None:
    """When the telephone is lost, a printed code serves in its place, once, typed as one likes."""
    person = make_staff(db, Role.REGISTRAR)
    give_password(db, person, "seal")
    _secret, codes = set_up(db, person)
    types_password(client, "seal")

    assert client.post("/sign-in/code", data={"code": codes[3].lower().replace("-", " ")}).location == "/"
    again = app.test_client()
    types_password(again, "seal")
    assert again.post("/sign-in/code", data={"code": codes[3]}).status_code == 422
    assert again.post("/sign-in/code", data={"code": codes[4]}).location == "/"


def test_recovery_codes_and_the_secret_are_not_readable_in_the_database(db: Session, time: ByHand, app: Flask) -> None:
    """The database has keyed hashes of the codes and an encrypted secret, bound to the person."""
    person, other = make_staff(db, Role.REGISTRAR), make_person(db)
    give_password(db, person, "seal")
    secret, codes = set_up(db, person)

    account = db.scalars(sa.select(Account).where(Account.person_id == person.id)).one()
    assert account.totp_secret is not None
    assert totp.as_text(secret).replace(" ", "") not in account.totp_secret
    assert credentials.unsealed(account.totp_secret, person.id) == secret
    assert credentials.unsealed(account.totp_secret, other.id) is None
    assert set(codes) & set(account.recovery_hashes) == set()


def test_setting_up_the_second_factor_shows_a_picture_the_text_and_the_codes(db: Session, client: FlaskClient, time: ByHand) -> None:
    """The page has a QR code and the same secret as text; a right code switches it on and shows ten codes to print."""
    give_password(db, make_staff(db, Role.MANAGER), "boss")
    types_password(client, "boss")
    page = client.get("/settings/second-factor").text
    assert 'src="data:image/svg+xml' in page
    text = page.split('<p class="code ltr">')[1].split("<")[0]
    secret = secret_from(text)

    assert client.post("/settings/second-factor", data={"code": "000000"}).status_code == 422
    done = client.post("/settings/second-factor", data={"code": code_now(secret)})

    assert done.text.count('<li class="code ltr">') == 10
    assert "10 recovery codes are left" in client.get("/settings/second-factor").text
    time.passes(seconds=30)
    assert client.post("/settings/second-factor/remove", data={"code": code_now(secret)}).status_code == 303
    assert 'src="data:image/svg+xml' in client.get("/settings/second-factor").text


def secret_from(text: str) -> bytes:
    """The secret that a page shows as text."""
    import base64

    return base64.b32decode(text.replace(" ", ""))


@pytest.mark.goal("PPL-04")
def test_at_a_centre_with_real_people_an_administrator_sets_up_a_second_factor_first(app: Flask, db: Session, client: FlaskClient, time: ByHand) -> None:
    """The right password leads to the set-up and nowhere else; in a demo, or at a class server, it opens the start page."""
    give_password(db, make_staff(db, Role.ADMINISTRATOR), "admin")
    assert types_password(client, "admin").location == "/"
    client.post("/sign-out")
    app.config["ENV"] = "production"
    app.config["ROLE"] = "classroom"
    assert types_password(client, "admin").location == "/"
    client.post("/sign-out")
    app.config["ROLE"] = "centre"

    assert types_password(client, "admin").location == "/sign-in/second-factor"
    assert not is_in(client)
    page = client.get("/sign-in/second-factor").text
    secret = secret_from(page.split('<p class="code ltr">')[1].split("<")[0])
    assert client.get("/sign-in/second-factor").text.count(totp.as_text(secret)) == 1
    assert client.post("/sign-in/second-factor", data={"code": "123"}).status_code == 422
    assert "Recovery codes" in client.post("/sign-in/second-factor", data={"code": code_now(secret)}).text
    assert client.get("/start").status_code == 200


def test_a_half_done_sign_in_cannot_skip_its_step(app: Flask, db: Session, client: FlaskClient, time: ByHand) -> None:
    """Who owes a code cannot choose a password or set up another factor instead, and without a password there is no step."""
    person = make_staff(db, Role.REGISTRAR)
    give_password(db, person, "seal")
    set_up(db, person)
    for address in ("/sign-in/own-password", "/sign-in/second-factor"):
        types_password(client, "seal")
        assert client.post(address, data={"new": PASSWORD, "again": PASSWORD, "code": "1"}).location == "/sign-in"
        assert client.get("/sign-in/code").location == "/sign-in"
        assert not is_in(client)
    assert app.test_client().post("/sign-in/code", data={"code": "1"}).location == "/sign-in"


def test_a_password_changed_meanwhile_voids_a_half_done_sign_in(db: Session, client: FlaskClient, time: ByHand) -> None:
    """The code of a telephone is worth nothing after a password that is no longer right."""
    person = make_staff(db, Role.REGISTRAR)
    give_password(db, person, "seal")
    secret, _codes = set_up(db, person)
    types_password(client, "seal")
    give_password(db, person, password="seven slow birds over tea")

    assert client.post("/sign-in/code", data={"code": code_now(secret)}).location == "/sign-in"
    assert not is_in(client)


def test_two_people_cannot_have_one_user_name(db: Session, time: ByHand, app: Flask) -> None:
    """A user name is one person's, in whatever case it is written."""
    from app.errors import Invalid

    give_password(db, make_staff(db, Role.MANAGER), "Boss")

    with pytest.raises(Invalid):
        give_password(db, make_staff(db, Role.MANAGER), "BOSS")


@pytest.mark.goal("PPL-03")
def test_a_role_counts_from_its_first_to_its_last_day(db: Session, time: ByHand) -> None:
    """Roles are given for an office from a date to a date: the day before and the day after they are not held."""
    office = make_office(db)
    person = make_person(db, office)
    today = clock.now().date()
    give_role(db, person, Role.MANAGER, office, valid_from=today, valid_to=today)
    token = make_sign_in(db, person)

    held = [
        [grant.role for grant in who.grants] if (who := who_is(db, token_hash(token), today + timedelta(days=n))) else None
        for n in (-1, 0, 1)
    ]

    assert held == [[], [Role.MANAGER], []]


# ---- settings --------------------------------------------------------------------------------------------------------


@pytest.mark.goal("PLY-14")
def test_settings_are_kept_for_the_person_and_apply_at_once(app: Flask, db: Session, at_seat: FlaskClient) -> None:
    """Language, size, contrast, spacing and keys hold on the next page and at every other PC, and not for the next person here."""
    trainee, next_one = make_person(db), make_person(db)
    give_pin(db, trainee)
    give_pin(db, next_one)
    types_pin(at_seat, trainee)

    at_seat.post("/settings", data={"language": "ru", "text_size": "larger", "contrast": "dark", "spacing": "wide"})
    other = browser_at(app, db, seat_of(db))
    types_pin(other, trainee)
    page = other.get("/settings").text
    at_seat.get("/")
    types_pin(at_seat, next_one)

    assert '<html lang="ru" dir="ltr" class=" text-xl dark spacious" data-keys="off">' in page
    assert '<html lang="en" dir="ltr" class="">' in at_seat.get("/settings").text


@pytest.mark.goal("PLY-14")
def test_a_setting_that_does_not_exist_is_refused(db: Session, client_of: ClientOf) -> None:
    """A forged size or language changes nothing."""
    client = client_of(make_person(db))

    answer = client.post("/settings", data={"language": "xx", "text_size": "huge", "contrast": "dark", "spacing": "wide"})

    assert answer.status_code == 422
    assert db.scalars(sa.select(Preference)).all() == []


def test_the_language_of_a_visitor_and_of_a_person(db: Session, client: FlaskClient, client_of: ClientOf) -> None:
    """A visitor's choice lasts for his visit; a person's is kept for him."""
    client.post("/language", data={"language": "kk", "next": "/sign-in"})
    assert '<html lang="kk"' in client.get("/sign-in").text
    person = make_person(db)
    client_of(person).post("/language", data={"language": "prs", "next": "/settings"})
    assert '<html lang="prs" dir="rtl"' in client_of(person).get("/settings").text


# ---- where one begins ------------------------------------------------------------------------------------------------


def test_the_start_page_depends_on_who_asks(app: Flask, db: Session, client: FlaskClient, client_of: ClientOf) -> None:
    """Nobody: the sign-in page. Staff: their start page. Trainees: their training, where there is one."""
    home = "/" if "courses.home" not in app.view_functions else None
    assert client.get("/").location == "/sign-in?next=/"
    assert client_of(make_staff(db, Role.TRAINER)).get("/").location == "/start"
    assert client_of(make_person(db)).get("/").location == (
        "/settings" if home else app.url_map.bind("localhost").build("courses.home")
    )


def test_staff_see_their_roles_and_where_they_hold(db: Session, client_of: ClientOf) -> None:
    """The start page names each role with its office, and offers to enrol the PC to a class manager."""
    office = make_office(db, names={"en": "Korday border office"})
    page = client_of(make_staff(db, Role.CLASS_MANAGER, office)).get("/start").text

    assert "class manager" in page
    assert "Korday border office" in page
    assert "/seats" in page
    assert "/seats" not in client_of(make_staff(db, Role.AUDITOR, office)).get("/start").text


def test_a_section_says_only_what_the_reader_may_do_there(db: Session, client_of: ClientOf) -> None:
    """The administrator reads that he gives roles, the class manager that he hands out slips, the manager that he nominates."""
    office = make_office(db)
    administrator, class_manager, manager = (
        client_of(make_staff(db, role, office)).get("/start").text for role in (Role.ADMINISTRATOR, Role.CLASS_MANAGER, Role.MANAGER)
    )

    assert ["give roles" in page for page in (administrator, class_manager, manager)] == [True, False, False]
    assert ["hand out the slips" in page for page in (administrator, class_manager, manager)] == [False, True, False]
    assert ["Nominate officers" in page for page in (administrator, class_manager, manager)] == [False, True, True]
    assert ["Plan a run" in page for page in (administrator, class_manager, manager)] == [False, False, False]


# ---- seats -----------------------------------------------------------------------------------------------------------


@pytest.mark.goal("PPL-04")
def test_a_class_manager_enrols_a_pc_once(app: Flask, db: Session, client_of: ClientOf) -> None:
    """He picks room and seat and confirms; the PC then takes PINs, and whatever PC was this seat before does not."""
    office = make_office(db)
    seat, trainee = seat_of(db, office), make_person(db)
    manager = client_of(make_staff(db, Role.CLASS_MANAGER, office))
    old = browser_at(app, db, seat)
    give_pin(db, trainee)
    assert f"/seats/{seat.id}" in manager.get("/seats").text
    assert "another PC, since" in manager.get(f"/seats/{seat.id}").text

    answer = manager.post(f"/seats/{seat.id}/enrol")

    cookie = next(line for line in answer.headers.getlist("Set-Cookie") if line.startswith("sabaq_test_seat="))
    assert "HttpOnly" in cookie
    assert "Max-Age=34560000" in cookie
    manager.post("/sign-out")
    assert types_pin(manager, trainee).status_code == 303
    assert types_pin(old, trainee).status_code == 422


def test_a_pc_is_one_seat_at_a_time(app: Flask, db: Session, client_of: ClientOf) -> None:
    """A PC that becomes another seat is no longer the first."""
    from app.offices.models import SeatEnrolment

    office = make_office(db)
    one, two = seat_of(db, office), seat_of(db, office)
    manager = client_of(make_staff(db, Role.CLASS_MANAGER, office))

    manager.post(f"/seats/{one.id}/enrol")
    manager.post(f"/seats/{two.id}/enrol")

    assert db.scalars(sa.select(SeatEnrolment.seat_id).where(SeatEnrolment.ended_at.is_(None))).all() == [two.id]
    manager.post(f"/seats/{two.id}/end")
    db.expire_all()
    assert db.scalars(sa.select(SeatEnrolment.seat_id).where(SeatEnrolment.ended_at.is_(None))).all() == []


@pytest.mark.goal("RUN-03")
@pytest.mark.parametrize("typed", ["W-2026-0008-21", " w-2026-0008-21", "2026-0008-21", "2026000821", "Ц-2026-0008-21"])
def test_a_number_of_the_class_is_found_by_its_digits(db: Session, app: Flask, typed: str) -> None:
    """A walk-in's number opens the sign-in on any keyboard: small letters, no letter, no dashes, or the Cyrillic letter of the same key."""
    walk_in = make_person(db, service_number="W-2026-0008-21")
    found = signing_in.with_pin(db, agency_id=walk_in.agency_id, service_number=typed, now=clock.now())
    assert found.person_id == walk_in.id


def test_the_number_as_typed_comes_before_what_it_may_mean(db: Session, app: Flask) -> None:
    """Somebody whose own number is the digits of a class number is found himself."""
    agency = make_person(db, service_number="W-2026-0008-21").agency_id
    own = make_person(db, agency=db.get_one(Agency, agency), service_number="2026000821")
    found = signing_in.with_pin(db, agency_id=agency, service_number="2026000821", now=clock.now())
    assert found.person_id == own.id


# ---- two at once -----------------------------------------------------------------------------------------------------


def test_a_pin_that_ends_while_it_is_hashed_opens_nothing(db: Session, app: Flask) -> None:
    """Between the check and the sign-in a reprint may come: it is looked at again under the lock."""
    from app.errors import Invalid

    trainee, run = make_person(db), new_id()
    give_pin(db, trainee, run_id=run)
    candidate = signing_in.with_pin(db, agency_id=trainee.agency_id, service_number=trainee.service_number, now=clock.now())
    give_pin(db, trainee, "222222", run_id=run)

    with pytest.raises(Invalid):
        signing_in.sign_in_with_pin(
            db, candidate=candidate, pin_id=candidate.pins[0][0], seat_id=seat_of(db).id, address="", browser="", now=clock.now()
        )


def test_counting_wrong_tries_of_many_at_once_loses_none(own_database: Database, settings: Config) -> None:
    """Ten tries counted side by side are ten."""
    credentials.use_pepper(settings.PEPPER)

    def count() -> None:
        with own_database.sessions() as db:
            take_write_lock(db)
            signing_in.failed(db, signing_in.Try("me", "seat:1", trusted=True), a_moment())
            db.commit()

    threads = [threading.Thread(target=count) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with own_database.sessions() as db:
        assert set(db.scalars(sa.select(Throttle.failures))) == {10}


def test_the_table_of_delays_forgets_old_rows(db: Session, app: Flask) -> None:
    """Guesses at names that nobody has leave nothing behind after a day."""
    tried = signing_in.Try("me", "seat:1", trusted=True)
    added(db, Throttle(subject="account:old", failures=3, next_at=a_moment(-2)))

    signing_in.failed(db, tried, a_moment())

    assert "account:old" not in db.scalars(sa.select(Throttle.subject)).all()


def test_pins_never_reach_the_journal(db: Session, app: Flask, at_seat: FlaskClient) -> None:
    """Neither PIN nor hash nor token stands in the journal or in an audit event."""
    from app.sync.models import JournalEntry

    trainee = make_person(db)
    give_pin(db, trainee)
    types_pin(at_seat, trainee)

    hashes = [*db.scalars(sa.select(Pin.pin_hash)), *db.scalars(sa.select(SignIn.token_hash)), PIN]
    written = " ".join(
        str(value)
        for row in [*db.execute(sa.select(JournalEntry.before, JournalEntry.after)), *db.execute(sa.select(AuditEvent.detail, AuditEvent.about))]
        for value in row
    )
    assert [secret for secret in hashes if secret in written] == []
