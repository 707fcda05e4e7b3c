"""The simulated network on its first day, made once for the tests of this folder in a process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulation.history import Simulation, simulation


@pytest.fixture(scope="package")
def simulated() -> Iterator[Simulation]:
    """The network on its first day; any number of histories begin there."""
    with simulation() as made:
        yield made
