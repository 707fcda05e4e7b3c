"""The simulation is proven: production code broken on purpose, one function at a time, is noticed."""

from __future__ import annotations

import pytest

from tests.simulation.history import Simulation
from tests.simulation.planted import FOUND, MOST_SEEDS, PLANTED, Planted, noticed

NEXT = 4  # histories after the one that noticed it first: a change of the deeds may have moved it a little


def test_there_are_enough_of_them() -> None:
    """At least twenty planted faults; those that were looked for and noticed, each within five thousand histories."""
    assert len(PLANTED) >= 20
    assert set(FOUND) <= {fault.name for fault in PLANTED}
    assert max(FOUND.values()) <= MOST_SEEDS


@pytest.mark.parametrize("fault", [fault for fault in PLANTED if fault.name in FOUND], ids=lambda fault: fault.name)
@pytest.mark.goal("NET-23")
def test_a_planted_fault_is_noticed(simulated: Simulation, fault: Planted) -> None:
    """With this fault in the production code the simulation finds a violated invariant; the same history without it breaks none."""
    first = FOUND[fault.name]

    seed = next(seed for seed in range(first, first + NEXT + 1) if noticed(simulated, fault, seed).violation is not None)

    assert simulated.history(seed).violation is None
