"""Identifiers: what a replaced source of chance gives, and that the real one is the system's."""

from __future__ import annotations

import random
from pathlib import Path

from app import ids


def _drawn() -> list[object]:
    return [ids.new_id(), ids.new_token(), ids.random_bytes(9), ids.readable_code(), ids.new_pin()]


def test_the_same_seed_gives_the_same_ids_keys_and_codes() -> None:
    """A history can be played again to the byte."""
    drawn = []
    for _ in range(2):
        with ids.using(random.Random(7)):
            drawn.append(_drawn())

    assert drawn[0] == drawn[1]


def test_after_a_replaced_source_chance_is_the_systems_again() -> None:
    """A test's source ends with it, also when it fails."""
    try:
        with ids.using(random.Random(7)):
            raise LookupError
    except LookupError:
        pass

    assert _drawn() != _drawn()


def test_an_id_under_a_replaced_source_is_a_uuid_of_version_7() -> None:
    """It looks like any other, but ids do not follow each other: nothing may lean on their order."""
    with ids.using(random.Random(7)):
        found = [ids.new_id() for _ in range(9)]

    assert {(one.version, one.variant) for one in found} == {(7, "specified in RFC 4122")}
    assert found != sorted(found)


def test_nothing_of_the_product_draws_past_the_one_source() -> None:
    """Whoever draws from elsewhere could not be replayed; the exchange never does."""
    exchange = list((Path(__file__).parent.parent / "app" / "sync").rglob("*.py"))

    assert exchange
    for path in exchange:
        text = path.read_text()
        assert not any(word in text for word in ("os.urandom", "import secrets", "uuid.uuid4", ".generate()")), path
