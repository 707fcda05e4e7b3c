"""Answers keyed in from paper: the same response as on the screen, one key an answer, and what is keyed wrongly is said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.questions import keying, shown
from app.questions.types import TYPES
from tests.questions import examples, strategies


@pytest.mark.parametrize("kind", sorted(TYPES))
@pytest.mark.goal("PLY-23", "RUN-11")
def test_what_is_right_can_be_keyed(kind: str) -> None:
    """For every type: the right answer as keyed from the printed key gives the very response that the screen gives."""
    question = examples.example(kind)
    order = shown.order_of(question, "seed")
    right = question.kind.right_answer(question.content, order)

    typed = keying.keyed(question, order, right)
    response, faults = keying.read(question, order, typed)

    assert (response, faults) == (question.kind.clean(question.content, right), {})
    assert question.kind.by_hand or typed


@given(data=st.data())
def test_any_response_survives_being_keyed(data: st.DataObject) -> None:
    """Whatever was answered, what the clerk would key for it is read as the same response (but a point on a map, which paper has not)."""
    question = data.draw(strategies.questions())
    response = data.draw(strategies.responses(question))
    order = shown.order_of(question, data.draw(st.text(max_size=4)))
    response = question.kind.clean(question.content, response)
    if "x" in response:
        return

    again, faults = keying.read(question, order, keying.keyed(question, order, response))

    assert (again, faults) == (response, {})


@given(data=st.data())
def test_junk_never_raises(data: st.DataObject) -> None:
    """Whatever is keyed into whichever slot, it is read or refused with a sentence."""
    question = data.draw(strategies.questions())
    order = shown.order_of(question, "s")
    names = [slot.name for slot in keying.slots(question, order)] + ["x"]

    response, faults = keying.read(question, order, data.draw(st.dictionaries(st.sampled_from(names), st.text(max_size=12), max_size=6)))

    assert response == question.kind.clean(question.content, response)
    assert set(faults) <= set(names)


@pytest.mark.parametrize(("keyed", "told"), [("Z", "does not stand here"), ("В", "Cyrillic"), ("AB", "does not stand here")])
@pytest.mark.goal("RUN-11")
def test_a_wrong_key_is_told_at_its_slot(keyed: str, told: str) -> None:
    """A letter that the question does not have, a Cyrillic one that looks like it, two letters: each its sentence."""
    question = examples.example("single")

    response, faults = keying.read(question, shown.order_of(question, "s"), {"option": keyed})

    assert (response, list(faults), told in faults["option"].text) == ({}, ["option"], True)


def test_letter_and_figure_mean_the_same() -> None:
    """A and 1 are one answer, so that the layout of the keyboard does not matter."""
    question = examples.example("single")
    order = shown.order_of(question, "s")

    assert keying.read(question, order, {"option": "b"}) == keying.read(question, order, {"option": "2"})


def test_choices_take_one_key() -> None:
    """Everything that is crossed or lettered on paper is one key; several crosses and written words take more."""
    one_key = {kind for kind in TYPES if all(slot.one_key for slot in keying.slots(examples.example(kind), shown.order_of(examples.example(kind), "s")))}

    assert {"single", "true-false", "matching", "ordering", "comparison", "scenario"} <= one_key


