"""Numbers, the signed text of the code, states, sizes: rules alone."""

from __future__ import annotations

import string
from datetime import date

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from app.certificates import rules
from app.certificates.keys import pen, signature_fits
from app.certificates.rules import RESTORED, Facts, Kind, Number, Numbers, Signed, Standing, State
from app.errors import say
from app.people.names import Name
from tests.certificates import rows

numbers = st.builds(
    Number, st.text(string.ascii_uppercase, min_size=2, max_size=2), st.integers(2020, 2099), st.integers(1, rules.LAST_SERIAL)
)


@pytest.mark.goal("CER-02")
@given(numbers, st.data())
def test_one_wrong_character_is_always_found(number, data):
    """A number with any one character replaced by another is no number."""
    text = str(number)
    at = data.draw(st.sampled_from([i for i, c in enumerate(text) if c != "-"]))
    alphabet = string.ascii_uppercase if text[at].isalpha() else string.digits
    other = data.draw(st.sampled_from([c for c in alphabet if c != text[at]]))

    assert rules.parse(text[:at] + other + text[at + 1 :]) is None


@pytest.mark.goal("CER-02")
@given(numbers, st.data())
def test_two_exchanged_neighbours_are_always_found(number, data):
    """A number with any two neighbouring characters exchanged is no number."""
    text = str(number).replace("-", "")
    at = data.draw(st.integers(0, len(text) - 2))
    assume(text[at] != text[at + 1])

    assert rules.parse(text[:at] + text[at + 1] + text[at] + text[at + 2 :]) is None


@given(numbers)
def test_what_is_written_is_read_back(number):
    """A number reads back as itself."""
    assert rules.parse(str(number)) == number


@pytest.mark.parametrize(
    "typed", ["kz 2026 000123 41", "KZ2026000123-41", " kz-2026–000123–41 ", "КZ-2026-000123-41", "№ KZ-2026-000123-41", "KZ-۲۰۲۶-۰۰۰۱۲۳-۴۱"]
)
def test_a_number_is_read_however_it_is_typed(typed):
    """Case, blanks, dashes, digits of Dari and Cyrillic letters that look the same do not matter."""
    assert rules.parse(typed) == Number("KZ", 2026, 123)


@pytest.mark.parametrize("typed", ["", "KZ", "KZ-2026-000000-98", "KZ-2026-000123-7", "KZ-2026-0000123-41", "x" * 10_000])
def test_what_is_no_number_is_none(typed):
    """Anything else gives nothing, and raises nothing."""
    assert rules.parse(typed) is None


@pytest.mark.goal("CER-02")
def test_a_block_says_what_is_left_and_what_is_unused():
    """A block of forty with three taken goes on with the fourth and lists the rest as unused."""
    block = Numbers(first=1, last=40, used=3)

    assert (block.next, block.left, block.unused) == (4, 37, (4, 40))
    assert Numbers(1, 40, 40).unused is None


@pytest.mark.parametrize(
    ("standing", "kind"),
    [
        (Standing((), took_part=True), Kind.COMPLETED),
        (Standing((say("x", "y"),), took_part=True), Kind.PARTICIPATED),
        (Standing((say("x", "y"),), took_part=False), None),
    ],
)
def test_who_gets_which_certificate(standing, kind):
    """Completed when nothing is missing, participated for taking part, none for staying away."""
    assert rules.kind_of(standing) == kind


@given(st.permutations(["issued", "suspended", RESTORED, "suspended", "revoked"]))
def test_the_order_in_which_events_arrive_does_not_matter(events):
    """Whatever order a node hears of events in, the state is the same."""
    assert rules.state_after(events) is State.REVOKED
    assert rules.state_after([e for e in events if e != "revoked"]) is State.SUSPENDED


@pytest.mark.parametrize(
    ("state", "event", "may"),
    [
        (State.ISSUED, "revoked", True), (State.ISSUED, "suspended", True), (State.ISSUED, RESTORED, False), (State.SUSPENDED, RESTORED, True),
        (State.SUSPENDED, "suspended", False), (State.SUSPENDED, "revoked", True), (State.REVOKED, RESTORED, False),
        (State.REPLACED, "revoked", False), (State.VOIDED, "replaced", False),
    ],
)
def test_what_can_happen_to_a_certificate(state, event, may):
    """What is final stays final; only a suspension can be ended."""
    assert rules.may_become(state, event) is may


def test_facts_come_back_from_the_table_as_they_were():
    """Facts are the same after a way through JSON."""
    import json

    facts = rows.facts(dari=True, replaces="KZ-2026-000001-50", languages=("kk", "ru"))

    assert Facts.from_json(json.loads(json.dumps(facts.as_json()))) == facts


@pytest.mark.goal("CER-07")
@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (Name("Әбдірахманова", "Гүлжаһан", "Қуанышқызы"), "Г. Қ. Әбдірахманова"), (Name("Bekov", "Arman"), "A. Bekov"), (Name("Singh", ""), "Singh"),
    ],
)
def test_strangers_see_initials_and_the_family_name(name, shown):
    """The public form of a name is its initials and the family name."""
    assert rules.public_name(name) == shown


@pytest.mark.parametrize(("width", "place", "size"), [(20, "landscape", (25, True)), (30, "landscape", (21, True)), (90, "landscape", (15, False))])
def test_a_long_name_steps_down_before_it_breaks(width, place, size):
    """A name is set smaller step by step, and breaks between its parts only when no size fits."""
    assert rules.name_size(width, place) == size


def test_the_first_and_the_longest_name_are_looked_at():
    """The preview shows the first and the longest name, once when they are one."""
    assert rules.first_and_longest(["Li", "Abdirakhmanova", "Bekov"]) == (0, 1)
    assert rules.first_and_longest(["Abdirakhmanova", "Li"]) == (0,)
    assert rules.first_and_longest([]) == ()


# ---- the code --------------------------------------------------------------------------------------------------------


def signed_by(folder, **values) -> Signed:
    """The content of a code, signed."""
    from dataclasses import replace

    key = pen(folder)
    made = Signed(Number("KZ", 2026, 123), "7Q4M2KXD", Kind.COMPLETED, date(2026, 11, 30), key.key_id, rules.name_hash("Bekova Aigerim", "7Q4M2KXD"))
    made = replace(made, **values)
    return replace(made, signature=key.sign(made.message))


@pytest.mark.goal("CER-08")
@settings(deadline=None)
@given(data=st.data())
def test_no_part_of_a_code_can_be_changed(data, tmp_path_factory):
    """Number, key, date, kind and name hash are all under the signature: change one character and it fits no more."""
    import base64

    folder = tmp_path_factory.getbasetemp()
    public = base64.b64encode(pen(folder).public).decode()
    text = signed_by(folder).text()
    at = data.draw(st.sampled_from([i for i, c in enumerate(text) if c not in "-?=#"]))
    letter = data.draw(st.sampled_from("ABCDEFGHJKMNPQ234567"))
    assume(letter != text[at] and text[at : at + 2] != "k=")
    changed = rules.read_payload(text[:at] + letter + text[at + 1 :])

    assert changed is None or changed.key_id != pen(folder).key_id or not signature_fits(changed, public)
    assert signature_fits(rules.read_payload(text), public)


@pytest.mark.parametrize("around", ["{}", "https://verify.example.kz/v/{}", "  HTTPS://VERIFY.EXAMPLE.KZ/v/{}\n", "http://127.0.0.1:8000/sabaq/v/{}"])
def test_the_text_is_read_with_or_without_the_address(around, tmp_path):
    """A code's text reads back with any address before it."""
    signed = signed_by(tmp_path)

    assert rules.read_payload(around.format(signed.text())) == signed
    assert rules.read_payload(around.format(signed.text().lower())) == signed


@pytest.mark.parametrize("text", ["", "hello", "KZ-2026-000123-41", "KZ-2026-000123-41?k=7Q4M2KXD#AAAA", "x" * 100_000])
def test_what_is_no_code_is_none(text):
    """Anything else gives nothing, and raises nothing."""
    assert rules.read_payload(text) is None


@pytest.mark.goal("CER-08")
def test_the_name_on_the_paper_is_compared_with_the_signed_one(tmp_path):
    """The code knows the printed name from another, whatever case and blanks, and does not tell it."""
    signed = signed_by(tmp_path)

    assert rules.same_name(signed, " bekova  AIGERIM ")
    assert not rules.same_name(signed, "Bekova Aiman")


def test_the_private_key_is_a_file_for_the_node_alone(tmp_path):
    """The private key is readable by nobody else and stays the same."""
    pen.cache_clear()
    first = pen(tmp_path).key_id
    pen.cache_clear()

    assert pen(tmp_path).key_id == first
    assert (tmp_path / "certificate-key.txt").stat().st_mode & 0o777 == 0o600
