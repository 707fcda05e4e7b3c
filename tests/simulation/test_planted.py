"""The simulation is proven: production code broken on purpose, one function at a time, is noticed."""

from __future__ import annotations

import pytest

from tests.simulation.history import simulation
from tests.simulation.planted import FOUND, MOST_SEEDS, PLANTED, Planted, first_noticed

AROUND = 2  # histories before and after the one that noticed it first


def test_there_are_enough_of_them() -> None:
    """At least twenty planted faults; those that were looked for and noticed, each within five thousand histories."""
    assert len(PLANTED) >= 20
    assert set(FOUND) <= {fault.name for fault in PLANTED}
    assert max(FOUND.values()) <= MOST_SEEDS


@pytest.mark.parametrize("fault", [fault for fault in PLANTED if fault.name in FOUND], ids=lambda fault: fault.name)
@pytest.mark.goal("NET-23")
def test_a_planted_fault_is_noticed(fault: Planted) -> None:
    """With this fault in the production code the simulation finds a violated invariant; the same history without it breaks none."""
    seed = FOUND[fault.name]

    told = first_noticed(fault, seed + AROUND, first=max(1, seed - AROUND))

    assert told is not None
    with simulation() as simulated:
        assert simulated.history(told.seed).violation is None
