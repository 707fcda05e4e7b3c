"""The rules of signing in, by themselves: delays, ends of sign-ins, passwords, steps, one-time codes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.people import rules, totp
from app.people.rules import ACCOUNT, ACCOUNT_HERE, ADDRESS, SEAT, Count, Ended, Pace, Step
from app.people.signing_in import Try
from app.policy import Grant, Role

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
PACES = st.sampled_from([ACCOUNT, ACCOUNT_HERE, SEAT, ADDRESS])
MOMENTS = st.integers(-10**7, 10**7).map(lambda seconds: NOON + timedelta(seconds=seconds))


def after(pace: Pace, moments: list[datetime]) -> Count:
    """The count after wrong tries at these moments."""
    count = Count()
    for moment in moments:
        count = rules.after_failure(count, pace, moment)
    return count


@pytest.mark.goal("SEC-04", "PPL-04")
@given(PACES, st.lists(MOMENTS, max_size=40), MOMENTS)
def test_no_history_and_no_clock_makes_anybody_wait_longer_than_the_cap(pace: Pace, tries: list[datetime], now: datetime) -> None:
    """However many wrong tries came and however the clock was set, a delay is at most a minute."""
    assert 0 <= rules.wait(after(pace, tries), pace, now) <= pace.cap <= 60


@pytest.mark.goal("SEC-04")
@given(PACES, st.integers(0, 60))
def test_the_delay_grows_with_each_wrong_try(pace: Pace, failures: int) -> None:
    """The first tries are free, then each wrong one makes the next wait at least as long, up to the cap."""
    delays = [pace.delay(n) for n in range(failures + 1)]

    assert delays == sorted(delays)
    assert delays[: pace.free + 1] == [0] * len(delays[: pace.free + 1])
    assert pace.delay(pace.free + 1) == 1
    assert pace.delay(pace.free + 20) == pace.cap


@given(PACES, st.integers(0, 30))
def test_quiet_minutes_forgive(pace: Pace, failures: int) -> None:
    """One wrong try is forgiven every two quiet minutes, so that an honest day never adds up."""
    count = after(pace, [NOON] * failures)
    later = (count.next_at or NOON) + rules.FORGIVEN_EVERY * failures

    assert rules.failures_left(count, later) == 0


@pytest.mark.goal("PPL-04")
@given(st.lists(st.tuples(st.sampled_from(["seat:a", "seat:b", "address:x"]), MOMENTS), max_size=40), MOMENTS)
def test_what_happens_elsewhere_never_delays_a_seat(tries: list[tuple[str, datetime]], now: datetime) -> None:
    """A neighbour who mistypes somebody's PIN at another PC, however often, delays nobody at this seat."""
    here = Try("me", "seat:me", trusted=True)
    touched = {subject for place, _at in tries for subject in Try("me", place, trusted=place.startswith("seat")).paces}

    assert set(here.asked) & touched == set()


def test_a_strange_place_waits_for_the_account() -> None:
    """From an address where this account never signed in, wrong tries made anywhere count."""
    assert "account:me" in Try("me", "address:new").asked
    assert "account:me" not in Try("me", "address:known", trusted=True).asked


@pytest.mark.goal("SEC-03")
@pytest.mark.parametrize(
    ("staff", "idle", "since", "why"),
    [
        (False, 14, 300, None), (False, 16, 300, Ended.IDLE), (True, 16, 300, None), (True, 61, 300, Ended.IDLE),
        (True, 5, 12 * 60 + 1, Ended.LONG), (False, 5, 13 * 60, None),
    ],
)
def test_a_sign_in_lasts_as_long_as_somebody_works(staff: bool, idle: int, since: int, why: Ended | None) -> None:
    """Trainees are signed out after 15 idle minutes, staff after 60, and staff after 12 hours in any case."""
    ago = {"seen_at": NOON - timedelta(minutes=idle), "started_at": NOON - timedelta(minutes=since)}

    assert rules.over(staff=staff, now=NOON, **ago) == why


def test_a_clock_set_back_signs_nobody_out() -> None:
    """A sign-in that seems to begin tomorrow is not idle."""
    tomorrow = NOON + timedelta(days=1)

    assert rules.over(staff=False, started_at=tomorrow, seen_at=tomorrow, now=NOON) is None


@pytest.mark.goal("PPL-04")
@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple", "four quiet lamps by noon", "тихий свет над рекой утром", "83920174658203947",
        "eine Reise nach Almaty", "жаңбыр жауған кешкі дала",
    ],
)
def test_a_long_password_is_good_without_any_rule_of_composition(password: str) -> None:
    """Words in any script are enough: no digits, capitals or signs are asked for."""
    assert rules.password_fault(password, ["Bekova", "Aigerim", "20417735"]) is None


@pytest.mark.goal("PPL-04")
@pytest.mark.parametrize(
    "password",
    [
        "fourteen signs", "passwordpassword", "Password12345678", "aaaaaaaaaaaaaaaaaaaa", "abcabcabcabcabcabc", "123456789012345",
        "qwertyuiopasdfgh", "йцукенгшщзхъфыва", "Bekova.Aigerim.1", "20417735-20417735", "aigerim20417735bekova", "   ............   ",
        "Sabaq2026Sabaq2026",
    ],
)
def test_short_known_and_own_names_are_refused(password: str) -> None:
    """Fewer than 15 signs, well-known words, signs in a row, repetition, and one's own name or number are refused."""
    assert rules.password_fault(password, ["Bekova", "Aigerim", "20417735"]) is not None


@given(st.text(max_size=400), st.lists(st.text(max_size=20), max_size=5))
def test_any_text_gets_a_verdict(password: str, own: list[str]) -> None:
    """Nothing that can be typed breaks the rule; what is short is always refused."""
    fault = rules.password_fault(password, own)

    assert fault is not None or rules.SHORTEST <= len(password) <= rules.LONGEST


@pytest.mark.goal("PPL-04")
def test_the_steps_after_a_password() -> None:
    """The code comes before an own password is chosen; who must have a second factor sets it up before going on."""
    def step(secret: bool, code: bool, start: bool, must: bool) -> Step:
        return rules.next_step(has_secret=secret, code_given=code, start_password=start, must_have=must)

    assert step(True, False, True, True) is Step.CODE
    assert step(True, True, True, True) is Step.PASSWORD
    assert step(False, False, False, True) is Step.SECOND_FACTOR
    assert step(False, False, False, False) is step(True, True, False, True) is Step.DONE


@pytest.mark.goal("PPL-04")
def test_who_must_have_a_second_factor() -> None:
    """Administrators, operators and registrars at a centre with real people; never at a class server, whose clock is wrong."""
    must = [role for role in Role if rules.must_have_second_factor([Grant(role, "/")], centre=True, production=True)]

    assert must == [Role.REGISTRAR, Role.OPERATOR, Role.ADMINISTRATOR]
    assert not rules.must_have_second_factor([Grant(Role.ADMINISTRATOR, "/")], centre=False, production=True)
    assert not rules.must_have_second_factor([Grant(Role.ADMINISTRATOR, "/")], centre=True, production=False)


SECRET = b"12345678901234567890"


@pytest.mark.goal("PPL-04")
@pytest.mark.parametrize(
    ("counter", "code"),
    list(enumerate(["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"])),
)
def test_codes_by_counter_are_those_of_the_standard(counter: int, code: str) -> None:
    """The ten examples of RFC 4226, appendix D."""
    assert totp.hotp(SECRET, counter) == code


@pytest.mark.goal("PPL-04")
@pytest.mark.parametrize(
    ("seconds", "algorithm", "code"),
    [
        (59, "sha1", "94287082"), (59, "sha256", "46119246"), (59, "sha512", "90693936"),
        (1111111109, "sha1", "07081804"), (1111111109, "sha256", "68084774"), (1111111109, "sha512", "25091201"),
        (1111111111, "sha1", "14050471"), (1111111111, "sha256", "67062674"), (1111111111, "sha512", "99943326"),
        (1234567890, "sha1", "89005924"), (1234567890, "sha256", "91819424"), (1234567890, "sha512", "93441116"),
        (2000000000, "sha1", "69279037"), (2000000000, "sha256", "90698825"), (2000000000, "sha512", "38618901"),
        (20000000000, "sha1", "65353130"), (20000000000, "sha256", "77737706"), (20000000000, "sha512", "47863826"),
    ],
)
def test_codes_by_time_are_those_of_the_standard(seconds: int, algorithm: str, code: str) -> None:
    """The eighteen examples of RFC 6238, appendix B, with the secret repeated to each hash's length."""
    length = {"sha1": 20, "sha256": 32, "sha512": 64}[algorithm]

    assert totp.totp((SECRET * 4)[:length], seconds, digits=8, algorithm=algorithm) == code


@pytest.mark.goal("PPL-04")
@given(st.integers(0, 4 * 10**9), st.integers(-70, 70))
def test_a_code_serves_while_it_is_shown_and_one_step_around_it(shown_at: int, later: int) -> None:
    """A telephone may be up to one step off, and no step serves that is not later than the last one used."""
    now = max(0, shown_at + later)
    code = totp.totp(SECRET, shown_at)
    step = totp.step_of(SECRET, code, now)
    again = totp.step_of(SECRET, code, now, last_step=shown_at // 30)

    assert step is not None or abs(now // 30 - shown_at // 30) > 1
    assert step is None or abs(step - now // 30) <= 1
    assert again is None or again > shown_at // 30


def test_junk_is_no_code() -> None:
    """Letters, other digits and nothing at all are simply wrong."""
    assert [totp.step_of(SECRET, junk, 59) for junk in ("", "abcdef", "٢٨٧٠٨٢", "287082287082")] == [None] * 4


def test_the_secret_is_shown_as_apps_read_it() -> None:
    """The picture holds the usual address, the text the same secret in groups of four."""
    assert totp.as_text(SECRET) == "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ"
    assert totp.address(SECRET, account="g.dosova", issuer="Sabaq centre") == (
        "otpauth://totp/Sabaq%20centre:g.dosova?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Sabaq%20centre&digits=6&period=30"
    )
