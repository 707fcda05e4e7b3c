"""Receipts: what is signed is read back, and which one holds of several that contradict each other."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.db import take_write_lock
from app.errors import BadReceipt
from app.sync import receipts
from app.sync.models import StoredReceipt
from app.sync.shapes import Head
from tests.sync.format import CENTRE, CLASS, NOON, a_receipt
from tests.sync.mutator import IN_TRANSIT, SEGMENTS

heads = st.builds(
    Head, stream=st.sampled_from(["up", "down:class-korday"]), epoch=st.text("0123456789abcdef", min_size=16, max_size=16),
    ordinal=st.integers(1, 9), number=st.integers(1, 2**31 - 1), hash=st.text("0123456789abcdef", min_size=64, max_size=64),
)  # fmt: skip


@given(
    st.lists(heads, max_size=4), st.dictionaries(st.sampled_from(["unknown", "conflict", "not-owner"]), st.integers(0, 9)), st.integers(1, 99)
)
def test_what_was_signed_is_read_back(held: list[Head], refused: dict[str, int], counter: int) -> None:
    """Heads in one order whatever order they came in, counts and reasons, under a signature that fits."""
    given_ = a_receipt(heads=held, refused=refused, counter=counter)

    found = receipts.from_bytes(receipts.to_bytes(given_))
    receipts.verify(found, CENTRE.public.sign)

    assert found == given_
    assert found.hash == a_receipt(heads=held[::-1], refused=refused, counter=counter).hash
    assert {head.hash for head in found.said.heads} == {head.hash for head in held}


@pytest.mark.parametrize("name", ["a bit turned", "cut", "a field of the header", "a header that is no JSON", "a header written otherwise"])
@given(seed=st.integers(0, 2**32))
def test_a_spoiled_receipt_does_not_count(name: str, seed: int) -> None:
    """A receipt lets a sender believe that something arrived: nothing but what its giver signed is believed."""
    data = SEGMENTS[name](receipts.to_bytes(a_receipt()), random.Random(seed))

    with pytest.raises(BadReceipt):
        receipts.verify(receipts.from_bytes(data), CENTRE.public.sign)


@given(st.sampled_from(["a bit turned", "more at the end", "twice in one file", "something else"]), st.integers(0, 2**32))
def test_a_receipt_spoiled_in_transit_does_not_count(name: str, seed: int) -> None:
    """Also as bytes of which nothing is known."""
    with pytest.raises(BadReceipt):
        receipts.verify(receipts.from_bytes(IN_TRANSIT[name](receipts.to_bytes(a_receipt()), random.Random(seed))), CENTRE.public.sign)


def test_a_receipt_of_another_key_does_not_count() -> None:
    """A class server cannot give itself a receipt in the centre's name."""
    with pytest.raises(BadReceipt) as refused:
        receipts.verify(a_receipt(keys=CLASS), CENTRE.public.sign)

    assert refused.value.code == "signature"


def test_the_latest_receipt_holds(db: Session) -> None:
    """By epoch and counter, not by arrival: a stick that was long on its way takes nothing back."""
    take_write_lock(db)
    for ordinal, counter in ((1, 1), (1, 3), (1, 2), (2, 1), (1, 9)):
        receipts.store(db, a_receipt(ordinal=ordinal, counter=counter), now=NOON)

    assert _held(db) == (2, 1)


def test_a_giver_that_forgot_is_believed(db: Session) -> None:
    """A counter that comes again with another statement proves that the giver was restored: what it says now holds."""
    take_write_lock(db)
    for counter, new in ((1, 0), (2, 0), (3, 0), (2, 7)):
        receipts.store(db, a_receipt(counter=counter, new=new), now=NOON)

    assert _held(db) == (1, 2)

    receipts.store(db, a_receipt(counter=3, new=8), now=NOON)
    assert _held(db) == (1, 3)
    assert (found := receipts.newest(db, "centre", "class-korday")) is not None
    assert found.said.new == 8


def test_a_fresh_receipt_holds_at_once(db: Session) -> None:
    """One that answers our own nonce was given just now, whatever was said before; also one that is here already."""
    take_write_lock(db)
    old = a_receipt(counter=5)
    receipts.store(db, old, now=NOON)
    receipts.store(db, a_receipt(counter=9), now=NOON)
    receipts.store(db, a_receipt(counter=3), now=NOON, fresh=True)
    assert _held(db) == (1, 3)

    receipts.store(db, old, now=NOON)
    assert _held(db) == (1, 3)
    receipts.store(db, old, now=NOON, fresh=True)
    assert _held(db) == (1, 5)


def test_a_receipt_is_kept_once(db: Session) -> None:
    """The same one, on a stick and over the line, is one row; those of other peers do not mix with it."""
    take_write_lock(db)
    first = receipts.store(db, a_receipt(), now=NOON)
    again = receipts.store(db, a_receipt(), now=NOON)
    other = receipts.store(db, a_receipt(about="class-aktau", counter=4), now=NOON)

    assert first is again
    assert (first.place, other.place) == (1, 1)
    assert receipts.stored(first) == a_receipt()
    assert receipts.newest(db, "class-korday", "centre") is None


def _held(db: Session) -> tuple[int, int]:
    db.expire_all()
    assert db.query(StoredReceipt).filter(StoredReceipt.holds, StoredReceipt.about == "class-korday").count() == 1
    found = receipts.newest(db, "centre", "class-korday")
    assert found is not None
    receipts.verify(found, CENTRE.public.sign)
    return found.order
